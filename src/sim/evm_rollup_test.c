/* The rules of the simulated rollup: tokens, fees, heads. With a file name, all that is recordable
 * is recorded, and tests/live/sim_contract.py plays it to anvil. */
#include <stdlib.h>

#include "base/hex.h"
#include "crypto/hash.h"
#include "sim/evm_scene_test.h"
#include "wire/erc20.h"
#include "wire/op_fee.h"

#define CHAIN_ID SIM_EVM_ROLLUP_CHAIN_ID
#define FEE_MAX UINT64_C(5000000000)
#define PRIORITY UINT64_C(1000000)
#define L1_BLOCK "0x4200000000000000000000000000000000000015"

static struct evm_tx market(struct evm_tx tx)
{
	tx.type = EVM_TYPE_FEE_MARKET;
	tx.priority_fee = amount_of(ASSET_ETH, PRIORITY);
	return tx;
}

static uint64_t height(struct peer *p)
{
	return simevm_height(scene_chain(p));
}

static void block(struct peer *p, const char *tag)
{
	(void)peer_call(p, "eth_getBlockByNumber", "[\"%s\", true]", tag);
}

static void balances(struct peer *p, const struct scene *s)
{
	for (unsigned i = 0; i < 3; i++)
		(void)peer_call(
			p, "eth_getBalance", "[\"%s\", \"latest\"]", scene_address(&s->who[i]));
}

/* Data on the first layer: charged by the words of L1Block. */
static void set_l1(
	struct peer *p, const char *base_fee, const char *blob_base_fee, const char *scalars)
{
	const char *const words[][2] = {
		{"0x1", base_fee}, {"0x7", blob_base_fee}, {"0x3", scalars}};
	static const char zeros[] =
		"0000000000000000000000000000000000000000000000000000000000000000";
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		(void)peer_call(p, "anvil_setStorageAt", "[\"" L1_BLOCK "\", \"%s\", \"0x%.*s%s\"]",
			words[i][0], (int)(64 - strlen(words[i][1])), zeros, words[i][1]);
		ACCEPTED(p);
		(void)peer_call(p, "eth_getStorageAt", "[\"" L1_BLOCK "\", \"%s\", \"latest\"]",
			words[i][0]);
	}
	scene_mine(p);
}

/* ---- deployment ---- */

static void create(struct peer *p, struct scene *s, struct evm_address *at, struct slice code,
	enum evm_type type)
{
	struct evm_tx tx = scene_call(s, 0, at, code);
	if (type == EVM_TYPE_FEE_MARKET)
		tx = market(tx);
	tx.type = type;
	tx.create = true;
	tx.to = (struct evm_address){0};
	tx.gas_limit = 2000000;
	evm_create_address(at, &s->who[0], s->nonce[0]);
	CHECK(scene_did(p, s, 0, &tx) == 1);
	(void)peer_call(p, "eth_getCode", "[\"%s\", \"latest\"]", scene_address(at));
}

static void setup(struct peer *p, struct scene *s)
{
	scene_fund(p, s);
	set_l1(p, "0", "0", "0"); /* until it is its turn */
	/* both chains go on from the same base fee */
	(void)peer_call(p, "anvil_setNextBlockBaseFeePerGas", "[\"0x3b9aca00\"]");
	scene_mine(p);
	block(p, "latest");
	/* what a node suggests that has seen nothing; later it is its own affair */
	(void)peer_call(p, "eth_gasPrice", "[]");
	(void)peer_call(p, "eth_maxPriorityFeePerGas", "[]");
	create(p, s, &s->contract, evm_htlc_creation(LAYER_BOB), EVM_TYPE_FEE_MARKET);
	create(p, s, &s->token, slice_of(test_token_creation_code, test_token_creation_code_len),
		EVM_TYPE_ACCESS_LIST);
	block(p, "latest");
}

/* ---- tokens ---- */

static void put_selector(struct buf *out, const char *signature)
{
	struct hash256 h;
	keccak256(&h, slice_str(signature));
	buf_put(out, h.b, ABI_SELECTOR);
}

static unsigned call(struct peer *p, struct scene *s, unsigned from, const struct evm_address *to,
	const struct buf *data)
{
	scene_ask(p, &s->who[from], to, buf_slice(data));
	const struct evm_tx tx = market(scene_call(s, from, to, buf_slice(data)));
	return scene_did(p, s, from, &tx);
}

static unsigned mint(struct peer *p, struct scene *s, unsigned to, uint64_t units)
{
	uint8_t storage[ERC20_CALL_MAX];
	struct buf data = buf_init(storage, sizeof storage);
	put_selector(&data, "mint(address,uint256)");
	abi_put_address(&data, &s->who[to]);
	abi_put_u64(&data, units);
	return call(p, s, 0, &s->token, &data);
}

static unsigned freeze(struct peer *p, struct scene *s, const struct evm_address *who, bool yes)
{
	uint8_t storage[ERC20_CALL_MAX];
	struct buf data = buf_init(storage, sizeof storage);
	put_selector(&data, "freeze(address,bool)");
	abi_put_address(&data, who);
	abi_put_u64(&data, yes);
	return call(p, s, 0, &s->token, &data);
}

static unsigned transfer(struct peer *p, struct scene *s, unsigned from,
	const struct evm_address *to, uint64_t units)
{
	uint8_t storage[ERC20_CALL_MAX];
	struct buf data = buf_init(storage, sizeof storage);
	erc20_transfer_call(&data, to, amount_of(ASSET_WBTC, units));
	return call(p, s, from, &s->token, &data);
}

static unsigned approve(struct peer *p, struct scene *s, unsigned from, struct amount amount)
{
	uint8_t storage[ERC20_CALL_MAX];
	struct buf data = buf_init(storage, sizeof storage);
	erc20_approve_call(&data, &s->contract, amount);
	return call(p, s, from, &s->token, &data);
}

static unsigned transfer_from(
	struct peer *p, struct scene *s, unsigned by, unsigned from, unsigned to, uint64_t units)
{
	uint8_t storage[EVM_HTLC_CALL_MAX];
	struct buf data = buf_init(storage, sizeof storage);
	put_selector(&data, "transferFrom(address,address,uint256)");
	abi_put_address(&data, &s->who[from]);
	abi_put_address(&data, &s->who[to]);
	abi_put_u64(&data, units);
	return call(p, s, by, &s->token, &data);
}

static uint64_t balance(struct peer *p, struct scene *s, const struct evm_address *who)
{
	uint8_t storage[ERC20_CALL_MAX], word[32];
	struct buf data = buf_init(storage, sizeof storage);
	struct amount amount;
	erc20_balance_call(&data, who);
	scene_ask(p, who, &s->token, buf_slice(&data));
	ACCEPTED(p);
	const struct slice text = json_string(p->answer);
	CHECK(text.len == 66 && hex_decode(word, 32, slice_of(text.ptr + 2, 64)) == OK);
	CHECK(erc20_amount_parse(&amount, ASSET_WBTC, slice_of(word, 32)) == OK);
	return (uint64_t)simevm_wei(amount);
}

static void logs(struct peer *p, const struct evm_address *of, uint64_t from)
{
	(void)peer_call(p, "eth_getLogs",
		"[{\"address\": \"%s\", \"fromBlock\": \"0x%llx\", \"toBlock\": \"latest\"}]",
		scene_address(of), (unsigned long long)from);
	ACCEPTED(p);
}

static void test_token(struct peer *p, struct scene *s)
{
	const struct evm_address nobody = {{0}};
	const uint64_t from = height(p) + 1;
	CHECK(mint(p, s, 0, 5000) == 1);
	CHECK(transfer(p, s, 0, &s->who[1], 1200) == 1);
	CHECK(transfer(p, s, 0, &s->who[1], 10) == 1);
	CHECK(transfer(p, s, 1, &s->who[0], 1211) == 0); /* more than there is */
	CHECK(transfer(p, s, 0, &nobody, 1) == 0);
	CHECK(transfer_from(p, s, 2, 0, 1, 5) == 0);     /* not allowed */
	CHECK(transfer(p, s, 1, &s->who[0], 1210) == 1); /* and it is empty again */
	CHECK(balance(p, s, &s->who[0]) == 5000 && balance(p, s, &s->who[1]) == 0);
	CHECK(freeze(p, s, &s->who[0], true) == 1);
	CHECK(transfer(p, s, 0, &s->who[1], 1) == 0);
	CHECK(freeze(p, s, &s->who[0], false) == 1);
	logs(p, &s->token, from);
	CHECK(json_count(p->answer) == 4);
	(void)peer_call(
		p, "eth_getStorageAt", "[\"%s\", \"0x0\", \"latest\"]", scene_address(&s->token));
}

/* ---- locks ---- */

static struct evm_htlc terms(
	const struct scene *s, uint8_t seed, uint64_t timelock, struct hash256 *preimage)
{
	struct evm_htlc h = {.contract = s->contract,
		.chain_id = CHAIN_ID,
		.amount = amount_of(ASSET_WBTC, 100u + seed),
		.token = s->token,
		.claim = s->who[1],
		.refund = s->who[0],
		.timelock = timelock};
	memset(preimage->b, seed, 32);
	sha256(&h.hash, slice_of(preimage->b, 32));
	return h;
}

enum what { LOCK, CLAIM, REFUND, REFUND_FOR };

static unsigned act(struct peer *p, struct scene *s, unsigned from, enum what what,
	const struct evm_htlc *h, const struct hash256 *preimage)
{
	uint8_t storage[EVM_HTLC_CALL_MAX];
	struct buf data = buf_init(storage, sizeof storage);
	switch (what) {
	case LOCK: evm_htlc_lock_call(&data, h); break;
	case CLAIM: evm_htlc_claim_call(&data, h, preimage); break;
	case REFUND: evm_htlc_refund_call(&data, h); break;
	case REFUND_FOR: evm_htlc_refund_for_call(&data, h); break;
	}
	return call(p, s, from, &s->contract, &data);
}

static bool is_open(struct peer *p, const struct scene *s, const struct evm_htlc *h)
{
	uint8_t storage[EVM_HTLC_CALL_MAX];
	struct buf data = buf_init(storage, sizeof storage);
	evm_htlc_swaps_call(&data, h);
	scene_ask(p, &s->who[0], &s->contract, buf_slice(&data));
	return json_string(p->answer).ptr[65] == '1';
}

static void test_locks(struct peer *p, struct scene *s)
{
	struct hash256 preimage, other;
	const uint64_t from = height(p) + 1;
	struct evm_htlc h = terms(s, 1, height(p) + 100, &preimage);
	CHECK(act(p, s, 0, LOCK, &h, NULL) == 0); /* not approved: TransferFailed() */
	CHECK(approve(p, s, 0, amount_of(ASSET_WBTC, 100)) == 1);
	CHECK(act(p, s, 0, LOCK, &h, NULL) == 0); /* one too few */
	CHECK(approve(p, s, 0, erc20_unlimited(ASSET_WBTC)) == 1);
	CHECK(act(p, s, 0, LOCK, &h, NULL) == 1 && is_open(p, s, &h));
	CHECK(act(p, s, 0, LOCK, &h, NULL) == 0); /* once for ever */
	memset(other.b, 9, 32);
	CHECK(act(p, s, 1, CLAIM, &h, &other) == 0);
	CHECK(act(p, s, 0, REFUND, &h, NULL) == 0);
	CHECK(act(p, s, 2, CLAIM, &h, &preimage) == 1 && !is_open(p, s, &h));
	CHECK(act(p, s, 1, CLAIM, &h, &preimage) == 0);
	CHECK(balance(p, s, &s->who[1]) == 101 && balance(p, s, &s->contract) == 0);
	/* the claimant has some already, and the contract keeps some: other gas */
	struct evm_htlc k = terms(s, 2, height(p) + 4, &other);
	h = terms(s, 3, height(p) + 100, &preimage);
	CHECK(act(p, s, 0, LOCK, &k, NULL) == 1);
	CHECK(act(p, s, 0, LOCK, &h, NULL) == 1);
	CHECK(act(p, s, 1, CLAIM, &h, &preimage) == 1);
	scene_mine(p);
	CHECK(act(p, s, 0, REFUND, &k, NULL) == 1);
	CHECK(act(p, s, 0, REFUND, &k, NULL) == 0);
	h = terms(s, 4, height(p) + 2, &preimage);
	CHECK(act(p, s, 0, LOCK, &h, NULL) == 1);
	scene_mine(p);
	CHECK(act(p, s, 2, REFUND_FOR, &h, NULL) == 1);
	/* a token that does not move */
	h = terms(s, 5, height(p) + 100, &preimage);
	CHECK(act(p, s, 0, LOCK, &h, NULL) == 1);
	CHECK(freeze(p, s, &s->contract, true) == 1);
	CHECK(act(p, s, 1, CLAIM, &h, &preimage) == 0 && is_open(p, s, &h));
	k = terms(s, 6, height(p) + 100, &other);
	CHECK(act(p, s, 0, LOCK, &k, NULL) == 0);
	CHECK(freeze(p, s, &s->contract, false) == 1);
	CHECK(act(p, s, 1, CLAIM, &h, &preimage) == 1);
	k.token = s->who[3]; /* no contract */
	CHECK(act(p, s, 0, LOCK, &k, NULL) == 0);
	logs(p, &s->contract, from);
	logs(p, &s->token, from);
	balances(p, s);
}

/* Gas that runs out in the middle, within a call within a call: nothing is left of it. */
static void test_out_of_gas(struct peer *p, struct scene *s)
{
	struct hash256 preimage;
	const struct evm_htlc h = terms(s, 7, height(p) + 100, &preimage);
	uint8_t storage[EVM_HTLC_CALL_MAX];
	struct buf data = buf_init(storage, sizeof storage);
	evm_htlc_lock_call(&data, &h);
	for (uint64_t limit = 30000; limit < 70000; limit += 4999) {
		struct evm_tx tx = market(scene_call(s, 0, &s->contract, buf_slice(&data)));
		tx.gas_limit = limit;
		CHECK(scene_did(p, s, 0, &tx) == 0 && !is_open(p, s, &h));
	}
	char hex[2 * EVM_HTLC_CALL_MAX + 1];
	hex_encode(hex, data.ptr, data.len);
	FILE *record = p->record;
	p->record = NULL; /* others stop searching before they have it */
	(void)peer_call(p, "eth_estimateGas",
		"[{\"from\": \"%s\", \"to\": \"%s\", \"data\": \"0x%s\"}]",
		scene_address(&s->who[0]), scene_address(&s->contract), hex);
	p->record = record;
	u128 least;
	CHECK(simevm_quantity(&least, json_string(p->answer)) == OK);
	struct evm_tx tx = market(scene_call(s, 0, &s->contract, buf_slice(&data)));
	tx.gas_limit = (uint64_t)least - 1;
	CHECK(scene_did(p, s, 0, &tx) == 0);
	tx.nonce++;
	tx.gas_limit++;
	CHECK(scene_did(p, s, 0, &tx) == 1 && is_open(p, s, &h));
}

/* ---- fees ---- */

static void test_fees(struct peer *p, struct scene *s)
{
	struct evm_tx tx = market(scene_transfer(s, 0, 1, 5));
	const struct hash256 hash = scene_send(p, s, 0, &tx);
	char hex[65];
	hex_encode(hex, hash.b, 32);
	(void)peer_call(p, "eth_getTransactionByHash", "[\"0x%s\"]", hex);
	scene_mine(p);
	(void)peer_call(p, "eth_getTransactionByHash", "[\"0x%s\"]", hex);
	s->nonce[0]++;
	/* all that may be paid is paid: the rest is for whoever makes the block */
	tx = market(scene_transfer(s, 1, 0, 6));
	tx.priority_fee = tx.gas_price;
	CHECK(scene_did(p, s, 1, &tx) == 1);
	tx = scene_transfer(s, 1, 0, 7); /* a legacy one on a chain with a base fee */
	CHECK(scene_did(p, s, 1, &tx) == 1);
	balances(p, s);

	/* full blocks: the base fee rises; empty ones: it falls */
	static const uint8_t for_ever[] = {0x5b, 0x60, 0x00, 0x56};
	for (unsigned i = 0; i < 4; i++) {
		tx = market(scene_call(s, 0, &s->token, slice_of(for_ever, sizeof for_ever)));
		tx.create = true;
		tx.to = (struct evm_address){0};
		tx.gas_limit = i == 3 ? 10000000 : 16000000;
		CHECK(scene_did(p, s, 0, &tx) == 0);
		block(p, "latest");
	}
	scene_mine(p);
	scene_mine(p);
	block(p, "latest");
	(void)peer_call(p, "eth_feeHistory", "[\"0x8\", \"latest\", [0, 25, 100]]");
	(void)peer_call(p, "eth_feeHistory", "[\"0x2\", \"latest\"]");
	(void)peer_call(p, "anvil_setNextBlockBaseFeePerGas", "[\"0x77359400\"]");
	scene_mine(p);
	block(p, "latest");

	tx = market(scene_transfer(s, 0, 1, 5));
	tx.gas_price = amount_of(ASSET_ETH, UINT64_C(900000000));
	(void)scene_send(p, s, 0, &tx);
	REFUSED(p, -32003, "max fee per gas less than block base fee");

	/* data is dearer than what is run (EIP-7623) */
	static uint8_t data[600];
	memset(data + 100, 7, 500);
	tx = market(scene_call(s, 0, &s->who[1], slice_of(data, sizeof data)));
	tx.gas_limit = 21000 + 10 * (100 + 4 * 500) - 1;
	FILE *record = p->record;
	p->record = NULL; /* anvil takes it all the same, and never mines it */
	(void)scene_send(p, s, 0, &tx);
	CHECK(p->code != 0);
	p->record = record;
	tx.gas_limit++;
	CHECK(scene_did(p, s, 0, &tx) == 1);
}

/* EIP-2930: what is listed is paid for, and warm. */
static void test_access_list(struct peer *p, struct scene *s)
{
	uint8_t listed[128], storage[ERC20_CALL_MAX];
	struct buf list = buf_init(listed, sizeof listed);
	struct buf data = buf_init(storage, sizeof storage);
	/* [token, [0, 1]] */
	const uint8_t entry = 21 + 2 + 66;
	buf_put(&list, &(uint8_t){0xf8}, 1);
	buf_put(&list, &entry, 1);
	buf_put(&list, &(uint8_t){0x94}, 1);
	buf_put(&list, s->token.b, 20);
	buf_put(&list, "\xf8\x42", 2);
	for (unsigned i = 0; i < 2; i++) {
		uint8_t word[32] = {[31] = (uint8_t)i};
		buf_put(&list, &(uint8_t){0xa0}, 1);
		buf_put(&list, word, sizeof word);
	}
	erc20_transfer_call(&data, &s->who[1], amount_of(ASSET_WBTC, 1));
	struct evm_tx tx = market(scene_call(s, 0, &s->token, buf_slice(&data)));
	tx.access_list = buf_slice(&list);
	CHECK(scene_did(p, s, 0, &tx) == 1);
	tx.nonce++;
	tx.type = EVM_TYPE_ACCESS_LIST;
	tx.priority_fee = amount_zero(ASSET_ETH);
	CHECK(scene_did(p, s, 0, &tx) == 1);
	block(p, "latest");
}

static void test_data_fee(struct peer *p, struct scene *s)
{
	set_l1(p, "6fc23ac00", "3b9aca00", "558000c5dfd0000000000000000");
	struct evm_tx tx = market(scene_transfer(s, 0, 1, 5));
	CHECK(scene_did(p, s, 0, &tx) == 1);
	balances(p, s);
	CHECK(transfer(p, s, 0, &s->who[1], 3) == 1);
	balances(p, s);
}

static void test_heads(struct peer *p)
{
	static const char *const tags[] = {"earliest", "finalized", "safe", "latest"};
	for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
		(void)peer_call(p, "eth_getBlockByNumber", "[\"%s\", false]", tags[i]);
		CHECK(json_type(p->answer) == JSON_OBJECT);
	}
}

/* ---- not recorded: what only the simulation does, or does in its own way ---- */

/* The predeploys answer what the formulas give. */
static void test_oracle(struct peer *p, struct scene *s)
{
	static const struct evm_address oracle = {{0x42, [19] = 0x0f}};
	static const struct op_fee_params params = {30000000000, 1000000000, 1368, 810493};
	const struct evm_tx tx = market(scene_transfer(s, 0, 1, 5));
	uint8_t raw[512], storage[640];
	struct buf unsigned_tx = buf_init(raw, sizeof raw);
	struct buf data = buf_init(storage, sizeof storage);
	struct amount fee;
	u128 told;
	evm_tx_put_unsigned(&unsigned_tx, &tx);
	put_selector(&data, "getL1Fee(bytes)");
	abi_put_u64(&data, 32);
	abi_put_u64(&data, unsigned_tx.len);
	buf_put(&data, unsigned_tx.ptr, unsigned_tx.len);
	scene_ask(p, &s->who[0], &oracle, buf_slice(&data));
	CHECK(op_fee_fjord(&fee, ASSET_ETH, &params, buf_slice(&unsigned_tx), false) == OK);
	uint8_t word[32], wanted[32];
	const struct slice text = json_string(p->answer);
	CHECK(text.len == 66 && hex_decode(word, 32, slice_of(text.ptr + 2, 64)) == OK);
	amount_store_word(wanted, fee);
	CHECK(memcmp(word, wanted, 32) == 0);
	data = buf_init(storage, sizeof storage);
	put_selector(&data, "blobBaseFeeScalar()");
	scene_ask(p, &s->who[0], &oracle, buf_slice(&data));
	CHECK(hex_decode(word, 32, slice_of(json_string(p->answer).ptr + 2, 64)) == OK);
	CHECK(load_be32(word + 28) == params.blob_base_fee_scalar);
	/* and a receipt says what it was */
	struct evm_tx sent = market(scene_transfer(s, 0, 1, 5));
	const struct hash256 hash = scene_send(p, s, 0, &sent);
	scene_mine(p);
	s->nonce[0]++;
	CHECK(simevm_quantity(&told, json_string(json_get(scene_receipt(p, &hash), "l1Fee"))) ==
		OK);
	CHECK(told == scene_chain(p)->tx[scene_chain(p)->tx_count - 1]->data_fee && told > 0);
}

/* A spike: what offered too little waits until it is over. */
static void test_spike(struct peer *p, struct scene *s)
{
	struct evm_tx tx = market(scene_transfer(s, 0, 1, 5));
	const struct hash256 hash = scene_send(p, s, 0, &tx);
	ACCEPTED(p);
	(void)peer_call(p, "sim_fee_rate", "[\"0x174876e800\"]");
	scene_mine(p);
	CHECK(json_type(scene_receipt(p, &hash)) == JSON_NULL);
	(void)peer_call(p, "sim_fee_rate", "[1000000000]");
	scene_mine(p);
	CHECK(json_type(scene_receipt(p, &hash)) == JSON_OBJECT);
	s->nonce[0]++;
}

static void test_reorg(struct peer *p, struct scene *s)
{
	struct hash256 preimage;
	const uint64_t before = balance(p, s, &s->who[0]);
	const struct evm_htlc h = terms(s, 40, height(p) + 100, &preimage);
	CHECK(act(p, s, 0, LOCK, &h, NULL) == 1 && balance(p, s, &s->who[0]) == before - 140);
	(void)peer_call(p, "sim_reorg", "[1]");
	CHECK(!is_open(p, s, &h) && balance(p, s, &s->who[0]) == before);
	scene_mine(p);
	CHECK(is_open(p, s, &h) && balance(p, s, &s->who[0]) == before - 140);
}

/* The faucet has both. */
static void test_faucet(struct peer *p, struct scene *s)
{
	const struct evm_address token = s->token, who = {{7}};
	(void)peer_call(p, "sim_fund", "[\"%s\", \"1.5\"]", scene_address(&who));
	ACCEPTED(p);
	(void)peer_call(p, "sim_fund_gas", "[\"%s\", \"0x99\"]", scene_address(&who));
	ACCEPTED(p);
	scene_mine(p);
	s->token = scene_chain(p)->token;
	CHECK(balance(p, s, &who) == 150000000);
	CHECK(simevm_account_at(scene_chain(p), &who, height(p)).balance == 0x99);
	s->token = token;
}

int main(int argc, char **argv)
{
	static const uint8_t seed[32];
	struct hash256 end[2];
	secp_init(seed);
	for (unsigned i = 0; i < 2; i++) {
		const struct sim_evm_config config = {.seed = 1,
			.now_ms = SCENE_START_MS,
			.rollup = true,
			.gas_price = 1000000000,
			.safe_depth = 1, /* as tests/live starts anvil */
			.final_depth = 2};
		struct peer p = {.now_ms = SCENE_START_MS, .network = sim_evm_create(&config)};
		struct scene s;
		scene_init(&s, CHAIN_ID, ASSET_ETH, FEE_MAX);
		if (i == 0 && argc > 1) {
			p.record = fopen(argv[1], "w");
			CHECK(p.record != NULL);
		}
		FILE *record = p.record;
		setup(&p, &s);
		test_token(&p, &s);
		test_locks(&p, &s);
		test_out_of_gas(&p, &s);
		test_access_list(&p, &s);
		test_fees(&p, &s);
		test_data_fee(&p, &s);
		test_heads(&p);
		p.record = NULL;
		test_oracle(&p, &s);
		test_spike(&p, &s);
		test_reorg(&p, &s);
		test_faucet(&p, &s);
		p.network->ops->state_hash(p.network, &end[i]);
		peer_fini(&p);
		if (record != NULL)
			CHECK(fclose(record) == 0);
	}
	CHECK(hash256_eq(&end[0], &end[1])); /* the same seed and calls, the same end */
	return EXIT_SUCCESS;
}
