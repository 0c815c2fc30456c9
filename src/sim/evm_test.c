/* The rules of the simulated EVM chain. With a file name, all that is recordable is recorded, and
 * tests/live/sim_contract.py plays it to anvil: transactions, calls and answers. */
#include <stdlib.h>

#include "base/hex.h"
#include "crypto/hash.h"
#include "sim/evm_scene_test.h"

#define CHAIN_ID 31u /* as tests/live starts anvil */
#define GAS_PRICE UINT64_C(60000000)
static void setup(struct peer *p, struct scene *s)
{
	scene_fund(p, s);
	(void)peer_call(p, "eth_getBalance", "[\"%s\", \"latest\"]", scene_address(&s->who[0]));
	CHECK(strcmp((const char *)json_string(p->answer).ptr, "0x8ac7230489e80000") == 0);

	struct evm_tx tx = scene_transfer(s, 0, 0, 0);
	tx.create = true;
	tx.to = (struct evm_address){0};
	tx.gas_limit = 1000000;
	tx.data = slice_of(evm_htlc_creation_code, evm_htlc_creation_code_len);
	evm_create_address(&s->contract, &s->who[0], 0);
	CHECK(scene_did(p, s, 0, &tx) == 1);
	(void)peer_call(p, "eth_getCode", "[\"%s\", \"latest\"]", scene_address(&s->contract));
	uint8_t code[8192];
	size_t len;
	const struct slice text = json_string(p->answer);
	struct hash256 hash;
	CHECK(hex_decode_var(code, &len, sizeof code, slice_of(text.ptr + 2, text.len - 2)) == OK);
	keccak256(&hash, slice_of(code, len));
	CHECK(hash256_eq(&hash, &evm_htlc_runtime_code_hash));
	(void)peer_call(p, "eth_getCode", "[\"%s\", \"0x0\"]", scene_address(&s->contract));
	(void)peer_call(p, "eth_getCode", "[\"%s\", \"latest\"]", scene_address(&s->who[0]));
}

static void test_basics(struct peer *p, const struct scene *s)
{
	(void)peer_call(p, "eth_chainId", "[]");
	(void)peer_call(p, "net_version", "[]");
	(void)peer_call(p, "eth_syncing", "[]");
	(void)peer_call(p, "eth_gasPrice", "[]");
	(void)peer_call(p, "eth_getBlockByNumber", "[\"latest\", false]");
	(void)peer_call(p, "eth_getBlockByNumber", "[\"latest\", true]");
	(void)peer_call(p, "eth_getBlockByNumber", "[\"0x0\", true]");
	(void)peer_call(p, "eth_getBlockByNumber", "[\"0x999\", false]");
	CHECK(json_type(p->answer) == JSON_NULL);
	(void)peer_call(p, "eth_getBlockByHash", "[\"0x%064d\", false]", 11);
	CHECK(json_type(p->answer) == JSON_NULL);
	(void)peer_call(p, "eth_getTransactionByHash", "[\"0x%064d\"]", 11);
	(void)peer_call(p, "eth_getTransactionReceipt", "[\"0x%064d\"]", 11);
	(void)peer_call(p, "eth_getBalance", "[\"%s\", \"0x999\"]", scene_address(&s->who[0]));
	CHECK(p->code == -32602);
	(void)peer_call(p, "eth_getBalance", "[\"%s\", {\"blockNumber\": \"0x0\"}]",
		scene_address(&s->who[0]));
	(void)peer_call(p, "eth_getBalance", "[\"%s\", {\"blockHash\": \"0x%064d\"}]",
		scene_address(&s->who[0]), 11);
	CHECK(p->code == -32001);
	(void)peer_call(p, "eth_getLogs", "[{\"blockHash\": \"0x%064d\"}]", 11);
	CHECK(p->code == -32000);
	(void)peer_call(p, "eth_getLogs", "[{\"fromBlock\": \"0x1\", \"toBlock\": \"0x0\"}]");
	(void)peer_call(p, "eth_sendRawTransaction", "[\"0x1234\"]");
	REFUSED(p, -32602, "Failed to decode transaction");
	(void)peer_call(p, "eth_nope", "[]");
	REFUSED(p, -32601, "Method not found");
}

/* The pending block is the next one as it would be now, and asking for it changes nothing. */
static void pending_has(struct peer *p, size_t count)
{
	uint64_t latest, next;
	char tip[67];
	(void)peer_call(p, "eth_getBlockByNumber", "[\"latest\", false]");
	CHECK(json_get_quantity(p->answer, "number", &latest) == OK);
	(void)snprintf(tip, sizeof tip, "%s", json_get_string(p->answer, "hash"));
	for (unsigned i = 0; i < 2; i++) {
		(void)peer_call(p, "eth_getBlockByNumber", "[\"pending\", true]");
		CHECK(json_get_quantity(p->answer, "number", &next) == OK && next == latest + 1);
		CHECK(strcmp(json_get_string(p->answer, "parentHash"), tip) == 0);
		CHECK(json_count(json_get(p->answer, "transactions")) == count);
	}
	(void)peer_call(p, "eth_getBlockByNumber", "[\"pending\", false]");
	CHECK(json_count(json_get(p->answer, "transactions")) == count);
	(void)peer_call(p, "eth_blockNumber", "[]");
}

static void test_pool(struct peer *p, struct scene *s)
{
	struct evm_tx tx = scene_transfer(s, 0, 1, 5);
	tx.nonce = 0;
	(void)scene_send(p, s, 0, &tx);
	REFUSED(p, -32003, "nonce too low");
	tx = scene_transfer(s, 3, 1, 5);
	(void)scene_send(p, s, 3, &tx);
	REFUSED(p, -32003, "Insufficient funds for gas * price + value");
	tx = scene_transfer(s, 0, 1, 5);
	tx.gas_limit = 20999;
	(void)scene_send(p, s, 0, &tx);
	REFUSED(p, -32000, "intrinsic gas too low");

	/* a gap: mined only when it is filled, then both at once */
	tx = scene_transfer(s, 0, 1, 7);
	tx.nonce += 1;
	const struct hash256 later = scene_send(p, s, 0, &tx);
	ACCEPTED(p);
	(void)scene_send(p, s, 0, &tx);
	REFUSED(p, -32003, "transaction already imported");
	scene_mine(p);
	CHECK(json_type(scene_receipt(p, &later)) == JSON_NULL);
	(void)peer_call(
		p, "eth_getTransactionCount", "[\"%s\", \"pending\"]", scene_address(&s->who[0]));
	tx.nonce -= 1;
	const struct hash256 first = scene_send(p, s, 0, &tx);
	ACCEPTED(p);
	(void)peer_call(
		p, "eth_getTransactionCount", "[\"%s\", \"pending\"]", scene_address(&s->who[0]));
	(void)peer_call(
		p, "eth_getTransactionCount", "[\"%s\", \"latest\"]", scene_address(&s->who[0]));
	tx.value = amount_of(ASSET_RBTC, 8);
	(void)scene_send(p, s, 0, &tx);
	REFUSED(p, -32003, "replacement transaction underpriced");
	FILE *record = p->record;
	p->record = NULL; /* geth asks for a tenth more, anvil for anything */
	tx.gas_price = amount_of(ASSET_RBTC, GAS_PRICE + GAS_PRICE / 10 - 1);
	(void)scene_send(p, s, 0, &tx);
	REFUSED(p, -32003, "replacement transaction underpriced");
	p->record = record;
	tx.gas_price = amount_of(ASSET_RBTC, GAS_PRICE + GAS_PRICE / 10);
	const struct hash256 second = scene_send(p, s, 0, &tx);
	ACCEPTED(p);
	pending_has(p, 2);
	scene_mine(p);
	pending_has(p, 0);
	CHECK(json_type(scene_receipt(p, &first)) == JSON_NULL);
	CHECK(json_type(scene_receipt(p, &second)) == JSON_OBJECT);
	CHECK(json_type(scene_receipt(p, &later)) == JSON_OBJECT);
	s->nonce[0] += 2;
	(void)peer_call(p, "eth_getBlockByNumber", "[\"latest\", true]");
	(void)peer_call(
		p, "eth_getTransactionCount", "[\"%s\", \"latest\"]", scene_address(&s->who[0]));
	(void)peer_call(
		p, "eth_getTransactionCount", "[\"%s\", \"0x1\"]", scene_address(&s->who[0]));
	(void)peer_call(p, "eth_getBalance", "[\"%s\", \"latest\"]", scene_address(&s->who[0]));
	(void)peer_call(p, "eth_getBalance", "[\"%s\", \"latest\"]", scene_address(&s->who[1]));

	/* for another chain: accepted and never mined, as anvil does */
	tx = scene_transfer(s, 0, 1, 9);
	tx.chain_id = CHAIN_ID + 1;
	const struct hash256 foreign = scene_send(p, s, 0, &tx);
	ACCEPTED(p);
	scene_mine(p);
	CHECK(json_type(scene_receipt(p, &foreign)) == JSON_NULL);
}

/* ---- the contract ---- */

static struct evm_htlc terms(const struct scene *s, uint8_t seed, uint64_t timelock, unsigned claim,
	struct hash256 *preimage)
{
	struct evm_htlc h = {.contract = s->contract,
		.chain_id = CHAIN_ID,
		.amount = amount_of(ASSET_RBTC, ETHER / 1000 + seed),
		.claim = s->who[claim],
		.refund = s->who[0],
		.timelock = timelock};
	memset(preimage->b, seed, 32);
	sha256(&h.hash, slice_of(preimage->b, 32));
	return h;
}

static struct evm_tx call_of(
	const struct scene *s, unsigned from, struct buf *data, struct amount value)
{
	struct evm_tx tx = scene_call(s, from, &s->contract, buf_slice(data));
	tx.value = value;
	return tx;
}

enum what { LOCK, CLAIM, REFUND, REFUND_FOR };

static unsigned act(struct peer *p, struct scene *s, unsigned from, enum what what,
	const struct evm_htlc *h, const struct hash256 *preimage)
{
	uint8_t storage[EVM_HTLC_CALL_MAX];
	struct buf data = buf_init(storage, sizeof storage);
	struct amount value = amount_zero(ASSET_RBTC);
	char hex[2 * EVM_HTLC_CALL_MAX + 1];
	switch (what) {
	case LOCK:
		evm_htlc_lock_call(&data, h);
		value = h->amount;
		break;
	case CLAIM: evm_htlc_claim_call(&data, h, preimage); break;
	case REFUND: evm_htlc_refund_call(&data, h); break;
	case REFUND_FOR: evm_htlc_refund_for_call(&data, h); break;
	}
	hex_encode(hex, data.ptr, data.len);
	(void)peer_call(p, "eth_call",
		"[{\"from\": \"%s\", \"to\": \"%s\", \"data\": \"0x%s\", \"value\": \"0x%llx\"}, "
		"\"latest\"]",
		scene_address(&s->who[from]), scene_address(&s->contract), hex,
		(unsigned long long)simevm_wei(value));
	const struct evm_tx tx = call_of(s, from, &data, value);
	return scene_did(p, s, from, &tx);
}

static uint64_t swaps(struct peer *p, const struct evm_htlc *h, const char *where)
{
	uint8_t storage[EVM_HTLC_CALL_MAX];
	struct buf data = buf_init(storage, sizeof storage);
	char hex[2 * EVM_HTLC_CALL_MAX + 1];
	evm_htlc_swaps_call(&data, h);
	hex_encode(hex, data.ptr, data.len);
	(void)peer_call(p, "eth_call", "[{\"to\": \"%s\", \"data\": \"0x%s\"}, %s]",
		scene_address(&h->contract), hex, where);
	const struct slice word = json_string(p->answer);
	CHECK(word.len == 66);
	return word.ptr[65] == '1';
}

static uint64_t height(struct peer *p)
{
	return simevm_height(scene_chain(p));
}

static void logs_of(struct peer *p, const struct scene *s, uint64_t from)
{
	(void)peer_call(p, "eth_getLogs",
		"[{\"address\": \"%s\", \"fromBlock\": \"0x%llx\", \"toBlock\": \"latest\"}]",
		scene_address(&s->contract), (unsigned long long)from);
	ACCEPTED(p);
}

static void test_claim(struct peer *p, struct scene *s)
{
	struct hash256 preimage, wrong;
	struct evm_htlc h = terms(s, 1, height(p) + 100, 1, &preimage);
	const uint64_t from = height(p) + 1;
	char topic[65];
	memset(wrong.b, 9, 32);
	CHECK(act(p, s, 0, LOCK, &h, NULL) == 1);
	CHECK(swaps(p, &h, "\"latest\"") == 1);
	CHECK(act(p, s, 0, LOCK, &h, NULL) == 0); /* once for ever */
	CHECK(act(p, s, 1, CLAIM, &h, &wrong) == 0);
	CHECK(act(p, s, 0, REFUND, &h, NULL) == 0);     /* too early */
	CHECK(act(p, s, 2, CLAIM, &h, &preimage) == 1); /* by a watcher, for the claimant */
	CHECK(swaps(p, &h, "\"latest\"") == 0);
	CHECK(act(p, s, 1, CLAIM, &h, &preimage) == 0);
	CHECK(act(p, s, 0, LOCK, &h, NULL) == 0);
	(void)peer_call(p, "eth_getBalance", "[\"%s\", \"latest\"]", scene_address(&s->who[1]));
	logs_of(p, s, from);
	CHECK(json_count(p->answer) == 3);
	hex_encode(topic, evm_htlc_topic_claim.b, 32);
	(void)peer_call(p, "eth_getLogs",
		"[{\"fromBlock\": \"0x0\", \"toBlock\": \"latest\", \"topics\": [\"0x%s\"]}]",
		topic);
	CHECK(json_count(p->answer) == 1);
	hex_encode(topic, h.hash.b, 32);
	(void)peer_call(p, "eth_getLogs",
		"[{\"fromBlock\": \"0x0\", \"topics\": [null, [\"0x%s\"]]}]", topic);

	/* whose account did not exist is paid, too: more gas */
	h = terms(s, 2, height(p) + 100, 3, &preimage);
	CHECK(act(p, s, 0, LOCK, &h, NULL) == 1);
	CHECK(act(p, s, 0, CLAIM, &h, &preimage) == 1);
	/* and the claimant itself: less */
	h = terms(s, 3, height(p) + 100, 1, &preimage);
	CHECK(act(p, s, 0, LOCK, &h, NULL) == 1);
	CHECK(act(p, s, 1, CLAIM, &h, &preimage) == 1);
}

static void test_refund(struct peer *p, struct scene *s)
{
	struct hash256 preimage;
	const uint64_t from = height(p) + 1;
	struct evm_htlc h = terms(s, 4, height(p) + 4, 1, &preimage);
	struct evm_htlc k = terms(s, 5, height(p) + 4, 1, &preimage);
	CHECK(act(p, s, 0, LOCK, &h, NULL) == 1);
	CHECK(act(p, s, 0, LOCK, &k, NULL) == 1);
	CHECK(act(p, s, 0, REFUND, &h, NULL) == 0);
	scene_mine(p);
	CHECK(act(p, s, 2, REFUND, &h, NULL) == 0); /* not the refundee's to call in this form */
	CHECK(act(p, s, 0, REFUND, &h, NULL) == 1);
	CHECK(act(p, s, 0, REFUND, &h, NULL) == 0);
	CHECK(act(p, s, 2, REFUND_FOR, &k, NULL) == 1);
	CHECK(act(p, s, 1, CLAIM, &k, &preimage) == 0);
	logs_of(p, s, from);
	CHECK(json_count(p->answer) == 6);
	h = terms(s, 6, height(p), 1, &preimage);
	CHECK(act(p, s, 0, LOCK, &h, NULL) == 0); /* its time is over */
	h = terms(s, 7, height(p) + 9, 1, &preimage);
	h.claim = (struct evm_address){0};
	CHECK(act(p, s, 0, LOCK, &h, NULL) == 0);
	h = terms(s, 7, height(p) + 9, 1, &preimage);
	h.amount = amount_zero(ASSET_RBTC);
	CHECK(act(p, s, 0, LOCK, &h, NULL) == 0);
	h = terms(s, 7, height(p) + 9, 1, &preimage);
	h.claim = s->contract; /* which takes no payments */
	CHECK(act(p, s, 0, LOCK, &h, NULL) == 1);
	CHECK(act(p, s, 1, CLAIM, &h, &preimage) == 0);
}

/* Calldata as it should not be: called, sent, refused, and as dear as on the real machine. */
static unsigned odd(struct peer *p, struct scene *s, const uint8_t *bytes, size_t len, uint64_t wei)
{
	char hex[2 * EVM_HTLC_CALL_MAX + 1];
	uint8_t storage[EVM_HTLC_CALL_MAX];
	struct buf data = buf_init(storage, sizeof storage);
	buf_put(&data, bytes, len);
	hex_encode(hex, bytes, len);
	(void)peer_call(p, "eth_call",
		"[{\"from\": \"%s\", \"to\": \"%s\", \"data\": \"0x%s\", \"value\": \"0x%llx\"}, "
		"\"latest\"]",
		scene_address(&s->who[0]), scene_address(&s->contract), hex,
		(unsigned long long)wei);
	const struct evm_tx tx = call_of(s, 0, &data, amount_of(ASSET_RBTC, wei));
	return scene_did(p, s, 0, &tx);
}

static void test_odd_calls(struct peer *p, struct scene *s)
{
	static const struct {
		uint8_t selector[4];
		uint8_t words, addresses;
	} functions[] = {
		{{0x08, 0x99, 0x14, 0x6b}, 3, 1 << 1},
		{{0xc3, 0xc3, 0x7f, 0xbc}, 4, 1 << 2},
		{{0xcd, 0x41, 0x3e, 0xfa}, 5, 1 << 2 | 1 << 3},
		{{0x35, 0xcd, 0x4c, 0xcb}, 4, 1 << 2},
		{{0x36, 0x50, 0x47, 0x21}, 5, 1 << 2 | 1 << 3},
		{{0xeb, 0x84, 0xe7, 0xf2}, 1, 0},
		{{0xfb, 0xdc, 0x1e, 0xf1}, 1, 0},
		{{0x54, 0xfd, 0x4d, 0x50}, 0, 0},
		{{0x8b, 0x2f, 0x8f, 0x82}, 5, 1 << 2 | 1 << 3},
	};
	for (size_t i = 0; i < ARRAY_LEN(functions); i++) {
		uint8_t call[4 + 5 * 32] = {0};
		const size_t len = 4 + functions[i].words * 32u;
		const bool view = i >= 5;
		memcpy(call, functions[i].selector, 4);
		for (size_t w = 0; w < functions[i].words; w++)
			call[4 + w * 32 + 31] = 1;
		CHECK(odd(p, s, call, len, 0) == view);
		CHECK(odd(p, s, call, len, 1) == 0);
		CHECK(odd(p, s, call, len - (len > 4), 0) == (len == 4));
		for (size_t w = 0; w < functions[i].words; w++) {
			if ((functions[i].addresses >> w & 1) == 0)
				continue;
			call[4 + w * 32] = 0xff;
			CHECK(odd(p, s, call, len, 0) == 0);
			call[4 + w * 32] = 0;
		}
	}
	CHECK(odd(p, s, (const uint8_t *)"\x12\x34\x56\x78", 4, 0) == 0);
	CHECK(odd(p, s, (const uint8_t *)"\x12\x34\x56", 3, 0) == 0);
	CHECK(odd(p, s, (const uint8_t *)"", 0, 1) == 0);
	(void)peer_call(p, "eth_call", "[{\"to\": \"%s\", \"data\": \"0x54fd4d50\"}, \"0x0\"]",
		scene_address(&s->contract));
	(void)peer_call(p, "eth_call", "[{\"to\": \"%s\", \"data\": \"0x\"}, \"latest\"]",
		scene_address(&s->who[0]));
	(void)peer_call(p, "eth_estimateGas",
		"[{\"from\": \"%s\", \"to\": \"%s\", \"value\": \"0x1\"}]",
		scene_address(&s->who[0]), scene_address(&s->who[1]));
	/* out of gas: all of it is gone, and nothing else */
	struct hash256 preimage;
	struct evm_htlc h = terms(s, 8, height(p) + 50, 1, &preimage);
	uint8_t storage[EVM_HTLC_CALL_MAX];
	struct buf data = buf_init(storage, sizeof storage);
	evm_htlc_lock_call(&data, &h);
	struct evm_tx tx = call_of(s, 0, &data, h.amount);
	tx.gas_limit = 40000;
	CHECK(scene_did(p, s, 0, &tx) == 0);
	CHECK(swaps(p, &h, "\"latest\"") == 0);
}

/* ---- not recorded: what only the simulation does, or does in its own way ---- */

static u128 supply(struct peer *p)
{
	u128 sum = 0;
	for (uint32_t i = 0; i < scene_chain(p)->account_count; i++)
		sum += simevm_account_at(
			scene_chain(p), &scene_chain(p)->account[i].address, height(p))
			       .balance;
	return sum;
}

static void test_reorg(struct peer *p, struct scene *s)
{
	struct hash256 preimage;
	struct evm_htlc h = terms(s, 20, height(p) + 100, 1, &preimage);
	const u128 all = supply(p);
	char where[128], hex[65];
	CHECK(act(p, s, 0, LOCK, &h, NULL) == 1);
	const uint64_t locked_at = height(p);
	hex_encode(hex, simevm_tip(scene_chain(p))->hash.b, 32);
	(void)snprintf(where, sizeof where, "{\"blockHash\": \"0x%s\"}", hex);
	CHECK(act(p, s, 1, CLAIM, &h, &preimage) == 1);
	scene_mine(p);
	CHECK(swaps(p, &h, where) == 1); /* as of that block */
	CHECK(swaps(p, &h, "\"latest\"") == 0);
	const uint64_t nonce_before = s->nonce[1];

	/* the claim goes, and comes again by itself */
	(void)peer_call(p, "sim_reorg", "[2]");
	ACCEPTED(p);
	CHECK(height(p) == locked_at + 3);
	CHECK(swaps(p, &h, "\"latest\"") == 1);
	CHECK(simevm_account_at(scene_chain(p), &s->who[1], height(p)).nonce == nonce_before - 1);
	CHECK(simevm_next_nonce(scene_chain(p), &s->who[1]) == nonce_before);
	scene_mine(p);
	CHECK(swaps(p, &h, "\"latest\"") == 0);

	/* the lock goes too, for good: a lock-up that never was */
	(void)peer_call(
		p, "sim_reorg", "[%llu, 0, true]", (unsigned long long)(height(p) - locked_at + 1));
	ACCEPTED(p);
	CHECK(swaps(p, &h, "\"latest\"") == 0);
	(void)peer_call(p, "eth_getLogs", "[{\"blockHash\": \"0x%s\"}]", hex);
	CHECK(json_count(p->answer) == 1); /* an orphan keeps its logs, marked removed */
	bool removed;
	CHECK(json_get_bool(json_at(p->answer, 0), "removed", &removed) == OK && removed);
	(void)peer_call(
		p, "eth_call", "[{\"to\": \"%s\"}, %s]", scene_address(&s->contract), where);
	REFUSED(p, -32001, "Resource not found");
	s->nonce[0] -= 1;
	s->nonce[1] -= 1;
	CHECK(supply(p) == all);
	(void)peer_call(p, "sim_reorg", "[100000]");
	CHECK(p->code == -32602);
}

static void test_levers(struct peer *p, struct scene *s)
{
	struct evm_tx tx = scene_transfer(s, 0, 1, 5);
	char hex[65];
	(void)peer_call(p, "sim_style", "[\"geth\"]");
	tx.chain_id = 1;
	(void)scene_send(p, s, 0, &tx);
	REFUSED(p, -32000, "invalid sender");
	tx = scene_transfer(s, 0, 1, 5);
	tx.nonce = 0;
	(void)scene_send(p, s, 0, &tx);
	REFUSED(p, -32000, "nonce too low");
	(void)peer_call(p, "sim_style", "[\"anvil\"]");

	(void)peer_call(p, "sim_fee_rate", "[\"0x7270e00\"]"); /* twice as dear */
	tx = scene_transfer(s, 0, 1, 5);
	const struct hash256 hash = scene_send(p, s, 0, &tx);
	ACCEPTED(p);
	scene_mine(p);
	CHECK(json_type(scene_receipt(p, &hash)) == JSON_NULL);
	(void)peer_call(p, "eth_gasPrice", "[]");
	(void)peer_call(p, "sim_fee_rate", "[60000000]");
	hex_encode(hex, hash.b, 32);
	(void)peer_call(p, "sim_hold", "[\"0x%s\"]", hex);
	scene_mine(p);
	CHECK(json_type(scene_receipt(p, &hash)) == JSON_NULL);
	(void)peer_call(p, "sim_evict", "[\"0x%s\"]", hex);
	(void)peer_call(p, "eth_getTransactionByHash", "[\"0x%s\"]", hex);
	CHECK(json_type(p->answer) == JSON_NULL);
	CHECK(simevm_next_nonce(scene_chain(p), &s->who[0]) == tx.nonce);
	(void)scene_send(p, s, 0, &tx);
	ACCEPTED(p);
	(void)peer_call(p, "sim_hold", "[\"0x%s\", false]", hex);
	(void)peer_call(p, "evm_setAutomine", "[true]");
	(void)peer_call(p, "sim_fund", "[\"%s\", \"1.5\"]", scene_address(&s->who[3]));
	ACCEPTED(p);
	tx.nonce++;
	const struct hash256 auto_mined = scene_send(p, s, 0, &tx);
	ACCEPTED(p);
	CHECK(json_type(scene_receipt(p, &auto_mined)) == JSON_OBJECT);
	CHECK(json_type(scene_receipt(p, &hash)) == JSON_OBJECT);
	(void)peer_call(p, "evm_setAutomine", "[false]");
	CHECK(simevm_account_at(scene_chain(p), &s->who[3], height(p)).balance >=
		ETHER + ETHER / 2);
}

/* A thousand of one account wait, and are mined in their order within the block's gas. */
static void test_many(struct peer *p, struct scene *s)
{
	const uint64_t first = simevm_next_nonce(scene_chain(p), &s->who[0]);
	struct evm_tx tx = scene_transfer(s, 0, 1, 1);
	for (unsigned i = 0; i < 2000; i++) {
		tx.nonce = first + 1999 - i; /* last first */
		(void)scene_send(p, s, 0, &tx);
		ACCEPTED(p);
	}
	CHECK(simevm_next_nonce(scene_chain(p), &s->who[0]) == first + 2000);
	scene_mine(p);
	CHECK(simevm_tip(scene_chain(p))->tx_count == SIM_EVM_BLOCK_GAS / 21000);
	scene_mine(p);
	CHECK(scene_chain(p)->pool_count == 1); /* the one for another chain */
	CHECK(simevm_next_nonce(scene_chain(p), &s->who[0]) == first + 2000);
}

int main(int argc, char **argv)
{
	static const uint8_t seed[32];
	struct hash256 end[3];
	secp_init(seed);
	for (unsigned i = 0; i < 3; i++) {
		const struct sim_evm_config config = {
			.seed = 1 + i / 2, .now_ms = SCENE_START_MS, .chain_id = CHAIN_ID};
		struct peer p = {.now_ms = SCENE_START_MS, .network = sim_evm_create(&config)};
		struct scene s;
		scene_init(&s, CHAIN_ID, ASSET_RBTC, GAS_PRICE);
		if (i == 0 && argc > 1) {
			p.record = fopen(argv[1], "w");
			CHECK(p.record != NULL);
		}
		FILE *record = p.record;
		setup(&p, &s);
		test_basics(&p, &s);
		test_pool(&p, &s);
		test_claim(&p, &s);
		test_refund(&p, &s);
		test_odd_calls(&p, &s);
		p.record = NULL;
		test_reorg(&p, &s);
		test_levers(&p, &s);
		test_many(&p, &s);
		p.network->ops->state_hash(p.network, &end[i]);
		peer_fini(&p);
		if (record != NULL)
			CHECK(fclose(record) == 0);
	}
	/* the same seed and calls, the same end */
	CHECK(hash256_eq(&end[0], &end[1]) && !hash256_eq(&end[0], &end[2]));
	return EXIT_SUCCESS;
}
