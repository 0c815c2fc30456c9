#include "crypto/hash.h"
#include "layer/evm_fake_test.h"
#include <stdlib.h>

static struct evm_chain chain;
static struct fake fake;
static struct pubkey wallet;
static struct evm_address account;
static struct evm_htlc terms, foreign;
static uint8_t leg_bytes[EVM_HTLC_SIZE];
static struct slice leg;
static struct hash256 preimage;
static const struct id128 swap = {{7}};
static const struct evm_address stranger = {{0x11}};

static void keys_init(void)
{
	const struct seckey key = {{[31] = 5}};
	const uint8_t seed[32] = {1};

	secp_init(seed);
	CHECK(pubkey_from_seckey(&wallet, &key) == OK);
	CHECK(wallet_account(&account, &wallet, LAYER_ROOTSTOCK) == OK);
	memset(preimage.b, 0x5a, sizeof preimage.b);
	sha256(&terms.hash, slice_of(preimage.b, 32));
	memset(terms.contract.b, 0xc0, 20);
	terms.chain_id = 33;
	terms.amount = amount_of(ASSET_RBTC, 1000000);
	terms.claim = stranger;
	terms.refund = account;
	terms.timelock = 400;
	struct buf out = buf_init(leg_bytes, sizeof leg_bytes);
	evm_htlc_put(&out, &terms);
	leg = buf_slice(&out);
	foreign = terms;
	foreign.amount = amount_of(ASSET_RBTC, 1);
	foreign.claim.b[0] = 0x22;
}

static struct evm_fake_tx tx_from(const struct evm_address *from, uint64_t nonce, uint8_t name)
{
	return (struct evm_fake_tx){
		.hash = {{name, 0xaa}}, .from = *from, .to = chain.contract, .nonce = nonce};
}

static void begin(void)
{
	evm_chain_init(&chain);
	const struct layer_config config = {.id = LAYER_ROOTSTOCK,
		.network = network_by_name(LAYER_ROOTSTOCK, slice_str("regtest")),
		.contract = chain.contract};
	fake_init(&fake, config, evm_chain_node, &chain);
	CHECK(layer_watch_wallet(fake.layer, &wallet) == OK);
	CHECK(layer_watch_lock(fake.layer, &swap, leg) == OK);
}

static void end(void)
{
	fake_fini(&fake);
}

static void start(void)
{
	fake_start(&fake, &chain.block[0].ref, 1);
}

/* A deposit and a stranger's transfer; our lock, reverted first; a foreign lock of the same hash,
 * settled; the claim. */
static void mine_all(void)
{
	struct evm_fake_block b = {.tx_count = 3};
	b.tx[0] = tx_from(&stranger, 9, 1);
	b.tx[0].to = account;
	b.tx[0].value = amount_of(ASSET_RBTC, 77);
	b.tx[1] = tx_from(&stranger, 10, 2);
	b.tx[1].to = stranger;
	b.tx[2] = tx_from(&stranger, 11, 3);
	b.tx[2].to = account;
	b.tx[2].value = amount_of(ASSET_RBTC, 78);
	b.tx[2].reverted = true;
	evm_chain_mine(&chain, &b);
	b = (struct evm_fake_block){.tx_count = 2};
	b.tx[0] = tx_from(&account, 0, 4);
	b.tx[0].reverted = true;
	b.tx[1] = tx_from(&account, 1, 5);
	evm_put_lockup(&b, 1, &terms);
	evm_chain_mine(&chain, &b);
	b = (struct evm_fake_block){.tx_count = 1};
	b.tx[0] = tx_from(&stranger, 12, 6);
	evm_put_lockup(&b, 0, &foreign);
	evm_put_refund(&b, 0, &foreign);
	evm_chain_mine(&chain, &b);
	b = (struct evm_fake_block){.tx_count = 1};
	b.tx[0] = tx_from(&stranger, 13, 7);
	evm_put_claim(&b, 0, &terms, &preimage);
	evm_chain_mine(&chain, &b);
}

static void check_all(void)
{
	const struct chain_event *e = fake.event;
	CHECK(fake.event_count == 7);
	CHECK(e[0].kind == CHAIN_DEPOSIT && e[0].tx.b[0] == 1);
	CHECK(amount_cmp(e[0].amount, amount_of(ASSET_RBTC, 77)) == 0);
	CHECK(e[1].kind == CHAIN_NONCE_USED && e[1].nonce == 0 && e[1].flags == CHAIN_TX_REVERTED);
	CHECK(amount_cmp(e[1].amount, amount_of(ASSET_RBTC, 50000ull * 60000000ull)) == 0);
	CHECK(e[2].kind == CHAIN_NONCE_USED && e[2].nonce == 1 && e[2].flags == 0);
	CHECK(e[3].kind == CHAIN_LOCK && e[3].flags == 0 && e[3].timelock == 400);
	CHECK(id128_eq(&e[3].swap, &swap) && e[3].at.tx.b[0] == 5 && e[3].at.index == 0);
	CHECK(amount_cmp(e[3].amount, terms.amount) == 0);
	CHECK(e[4].kind == CHAIN_LOCK && e[4].flags == CHAIN_LOCK_FOREIGN);
	CHECK(e[5].kind == CHAIN_LOCK_SPENT && e[5].flags == CHAIN_LOCK_FOREIGN);
	CHECK(e[5].spend == LOCK_SPEND_REFUND && e[5].at.tx.b[0] == 6);
	CHECK(e[6].kind == CHAIN_LOCK_SPENT && e[6].flags == 0);
	CHECK(e[6].spend == LOCK_SPEND_CLAIM && hash256_eq(&e[6].preimage, &preimage));
	CHECK(e[6].at.tx.b[0] == 5 && e[6].tx.b[0] == 7);
}

static void test_follows(void)
{
	begin();
	mine_all();
	for (unsigned i = 0; i < 40; i++)
		evm_chain_mine(&chain, NULL);
	start();
	fake_run(&fake, 3000);
	CHECK(fake.block_count == 44 && fake_info(&fake).err == OK);
	check_all();
	CHECK(fake.rate == 60000000);
	evm_chain_mine(&chain, NULL);
	fake_run(&fake, 3000);
	CHECK(fake.block_count == 45 && fake.event_count == 7);
	/* the node itself is behind its network: what it has is of the past */
	chain.syncing = true;
	evm_chain_mine(&chain, NULL);
	fake_run(&fake, 3000);
	CHECK(fake.block_count == 46);
	CHECK(fake_info(&fake).err == ERR_STATE && fake_info(&fake).syncing);
	chain.syncing = false;
	fake_run(&fake, 3000);
	CHECK(fake_info(&fake).err == OK && !fake_info(&fake).syncing);
	end();
}

static void test_back_pressure(void)
{
	begin();
	mine_all();
	fake.block_answer = ERR_FULL;
	start();
	fake_run(&fake, 2000);
	CHECK(fake.block_count == 0 && fake.refused_count > 10);
	fake.block_answer = OK;
	fake_run(&fake, 2000);
	CHECK(fake.block_count == 4);
	check_all();
	end();
}

/* Locks known from before a restart: which is which is in their receipts. */
static void test_restart(void)
{
	const struct locator ours = {.tx = {{5, 0xaa}}}, theirs = {.tx = {{6, 0xaa}}},
			     gone = {.tx = {{8, 0xaa}}, .index = 2};
	begin();
	mine_all();
	CHECK(layer_watch_lock_at(fake.layer, &swap, &ours) == OK);
	CHECK(layer_watch_lock_at(fake.layer, &swap, &theirs) == OK);
	CHECK(layer_watch_lock_at(fake.layer, &swap, &gone) == OK);
	/* until the node says which they are, nothing is reported */
	fake.lie_method = "eth_getTransactionReceipt";
	fake.lie_error = true;
	fake_start(&fake, &chain.block[3].ref, 1);
	fake_run(&fake, 3000);
	CHECK(fake.block_count == 0 && fake_info(&fake).err != OK);
	fake.lie_method = NULL;
	fake_run(&fake, 5000);
	CHECK(fake.event_count == 1 && fake.event[0].kind == CHAIN_LOCK_SPENT);
	CHECK(fake.event[0].flags == 0 && fake.event[0].at.tx.b[0] == 5);
	end();
	/* a lock that nobody told us of */
	begin();
	mine_all();
	fake_start(&fake, &chain.block[3].ref, 1);
	fake_run(&fake, 3000);
	CHECK(fake.event_count == 1 && fake.event[0].flags == 0);
	CHECK(hash256_is_zero(&fake.event[0].at.tx));
	end();
}

/* ---- lies ---- */

static struct json *text(const char *s)
{
	return json_new_string(s);
}
static struct json *lie_null(void *ctx, struct json *honest)
{
	(void)ctx;
	json_free(honest);
	return NULL;
}
static struct json *lie_empty(void *ctx, struct json *honest)
{
	(void)ctx;
	json_free(honest);
	return json_object();
}
static struct json *lie_number(void *ctx, struct json *honest)
{
	(void)ctx;
	json_free(honest);
	return json_new_u64(1);
}
#define OTHER_HASH "0x1111111111111111111111111111111111111111111111111111111111111111"
#define OTHER_ADDRESS "0x1111111111111111111111111111111111111111"

/* One member of the object, or of the first of a list, becomes another value. */
#define LIE_MEMBER(name, key, value)                                                               \
	static struct json *name(void *ctx, struct json *honest)                                   \
	{                                                                                          \
		struct json *at = json_type(honest) == JSON_ARRAY ? json_at(honest, 0) : honest;   \
		(void)ctx;                                                                         \
		if (at != NULL && json_type(at) == JSON_OBJECT)                                    \
			json_set(at, key, value);                                                  \
		return honest;                                                                     \
	}
LIE_MEMBER(lie_hash, "hash", text(OTHER_HASH))
LIE_MEMBER(lie_hash_short, "hash", text("0x11"))
LIE_MEMBER(lie_parent, "parentHash", text(OTHER_HASH))
LIE_MEMBER(lie_number_huge, "number", text("0xffffffffffffffff"))
LIE_MEMBER(lie_number_wide, "number", text("0x10000000000000000"))
LIE_MEMBER(lie_number_decimal, "number", json_new_u64(1))
LIE_MEMBER(lie_time, "timestamp", json_new_null())
LIE_MEMBER(lie_txs, "transactions", json_object())
LIE_MEMBER(lie_address, "address", text(OTHER_ADDRESS))
LIE_MEMBER(lie_removed, "removed", json_new_bool(true))
LIE_MEMBER(lie_block_hash, "blockHash", text(OTHER_HASH))
LIE_MEMBER(lie_block_number, "blockNumber", text("0x99"))
LIE_MEMBER(lie_tx_hash, "transactionHash", text(OTHER_HASH))
LIE_MEMBER(lie_tx_index, "transactionIndex", text("0x7"))
LIE_MEMBER(lie_data, "data", text("0x00"))
LIE_MEMBER(lie_data_odd, "data", text("0x0"))
LIE_MEMBER(lie_topics, "topics", json_array())
LIE_MEMBER(lie_status, "status", text("0x2"))
LIE_MEMBER(lie_status_null, "status", json_new_null())
LIE_MEMBER(lie_gas, "gasUsed", text("0xffffffff"))

static struct json *lie_tx_value(void *ctx, struct json *honest)
{
	struct json *tx = json_at(json_get(honest, "transactions"), 0);
	(void)ctx;
	if (tx != NULL)
		json_set(tx, "value", text("0xffffffffffffffffffffffffffffffffffffffffffffffff"));
	return honest;
}
static struct json *lie_log_twice(void *ctx, struct json *honest)
{
	(void)ctx;
	if (json_count(honest) > 0)
		json_push(honest, json_clone(json_at(honest, 0)));
	return honest;
}
/* A preimage that does not hash to the topic. */
static struct json *lie_preimage(void *ctx, struct json *honest)
{
	struct json *last = json_at(honest, 0);
	(void)ctx;
	if (json_string(json_get(last, "data")).len == 66)
		json_set(last, "data", text(OTHER_HASH));
	return honest;
}
/* Claimed, and no Claim before it. */
static struct json *lie_no_claim(void *ctx, struct json *honest)
{
	(void)ctx;
	if (json_string(json_get(json_at(honest, 0), "data")).len != 66)
		return honest;
	struct json *list = json_array();
	json_push(list, json_clone(json_at(honest, 1)));
	json_free(honest);
	return list;
}

static const struct {
	const char *method;
	fake_lie lie;
	uint32_t blocks; /* of the true chain that come before the lie */
} lies[] = {
	{"eth_getBlockByNumber", lie_null, 0},
	{"eth_getBlockByNumber", lie_number, 0},
	{"eth_getBlockByNumber", lie_empty, 0},
	{"eth_getBlockByNumber", lie_hash, 0},
	{"eth_getBlockByNumber", lie_hash_short, 0},
	{"eth_getBlockByNumber", lie_number_huge, 0},
	{"eth_getBlockByNumber", lie_number_wide, 0},
	{"eth_getBlockByNumber", lie_number_decimal, 0},
	{"eth_getBlockByNumber", lie_time, 0},
	{"eth_getBlockByHash", lie_null, 0},
	{"eth_getBlockByHash", lie_empty, 0},
	{"eth_getBlockByHash", lie_hash, 0},
	{"eth_getBlockByHash", lie_parent, 0},
	{"eth_getBlockByHash", lie_number_huge, 0},
	{"eth_getBlockByHash", lie_txs, 0},
	{"eth_getBlockByHash", lie_tx_value, 0},
	{"eth_getTransactionReceipt", lie_null, 0},
	{"eth_getTransactionReceipt", lie_empty, 0},
	{"eth_getTransactionReceipt", lie_block_hash, 0},
	{"eth_getTransactionReceipt", lie_tx_hash, 0},
	{"eth_getTransactionReceipt", lie_status, 0},
	{"eth_getTransactionReceipt", lie_status_null, 0},
	{"eth_getTransactionReceipt", lie_gas, 0},
	{"eth_getLogs", lie_null, 0},
	{"eth_getLogs", lie_empty, 0},
	{"eth_getLogs", lie_address, 1},
	{"eth_getLogs", lie_removed, 1},
	{"eth_getLogs", lie_block_hash, 1},
	{"eth_getLogs", lie_block_number, 1},
	{"eth_getLogs", lie_tx_hash, 1},
	{"eth_getLogs", lie_tx_index, 1},
	{"eth_getLogs", lie_data, 1},
	{"eth_getLogs", lie_data_odd, 1},
	{"eth_getLogs", lie_topics, 1},
	{"eth_getLogs", lie_log_twice, 1},
	{"eth_getLogs", lie_preimage, 3},
	{"eth_getLogs", lie_no_claim, 3},
	{"eth_getCode", lie_null, 0},
	{"eth_getCode", lie_empty, 0},
};

static void test_lies(void)
{
	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		begin();
		mine_all();
		fake.lie_method = lies[i].method;
		fake.lie = lies[i].lie;
		start();
		fake_run(&fake, 5000);
		/* blocks before the lie may wait for it in their window */
		CHECK(fake.block_count <= lies[i].blocks && fake.reorg_count == 0);
		CHECK(fake_info(&fake).err != OK && fake_info(&fake).detail[0] != '\0');
		fake.lie_method = NULL;
		fake_run(&fake, 40000);
		CHECK(fake.block_count == 4 && fake_info(&fake).err == OK);
		check_all();
		end();
	}
}

static void test_other_code(void)
{
	begin();
	chain.other_code = true;
	mine_all();
	start();
	fake_run(&fake, 3000);
	CHECK(fake.block_count == 0 && fake_info(&fake).err == ERR_NETWORK);
	chain.other_code = false;
	fake_run(&fake, 3000);
	check_all();
	/* looked at again after a reorganisation */
	chain.other_code = true;
	evm_chain_undo(&chain, 1);
	evm_chain_mine(&chain, NULL);
	evm_chain_mine(&chain, NULL);
	fake_run(&fake, 3000);
	CHECK(fake.reorg_count == 1 && fake.block_count == 3);
	CHECK(fake_info(&fake).err == ERR_NETWORK);
	end();
}

static void test_errors_are_no_reorganisation(void)
{
	static const char *const methods[] = {
		"eth_getBlockByNumber", "eth_getBlockByHash", "eth_getLogs"};
	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		begin();
		mine_all();
		start();
		fake_run(&fake, 3000);
		fake.lie_method = methods[i];
		fake.lie_error = true;
		evm_chain_undo(&chain, 2);
		for (unsigned k = 0; k < 3; k++)
			evm_chain_mine(&chain, NULL);
		fake_run(&fake, 5000);
		CHECK(fake.reorg_count == 0 && fake_info(&fake).err != OK);
		fake.lie_method = NULL;
		fake_run(&fake, 40000);
		CHECK(fake.reorg_count == 1 && fake.keep.height == 2 && fake.block_count == 5);
		end();
	}
}

static void test_reorganisations(void)
{
	begin();
	mine_all();
	start();
	fake_run(&fake, 3000);
	const struct evm_fake_block claim = chain.block[4];
	/* of the same height; the claim comes again in the next block */
	evm_chain_undo(&chain, 2);
	evm_chain_mine(&chain, NULL);
	evm_chain_mine(&chain, NULL);
	fake_run(&fake, 3000);
	CHECK(fake.reorg_count == 1 && fake.keep.height == 2 && fake.block_count == 4);
	evm_chain_mine(&chain, &claim);
	fake_run(&fake, 3000);
	CHECK(fake.event_count == 8 && fake.event[7].kind == CHAIN_LOCK_SPENT);
	CHECK(fake.event[7].flags == 0 && fake.event[7].at.tx.b[0] == 5);
	/* a shorter chain is waited for */
	evm_chain_undo(&chain, 2);
	fake_run(&fake, 3000);
	CHECK(fake.reorg_count == 1 && fake_info(&fake).err == ERR_STATE);
	for (unsigned i = 0; i < 4; i++)
		evm_chain_mine(&chain, NULL);
	fake_run(&fake, 3000);
	CHECK(fake.reorg_count == 2 && fake.keep.height == 3 && fake.block_count == 7);
	CHECK(fake_info(&fake).err == OK);
	end();
}

static void test_pending(void)
{
	struct buf call;
	begin();
	mine_all();
	evm_chain_undo(&chain, 1);
	start();
	fake_run(&fake, 3000);
	chain.pending[0] = tx_from(&stranger, 20, 9);
	call = buf_init(chain.pending[0].input, sizeof chain.pending[0].input);
	evm_htlc_claim_call(&call, &terms, &preimage);
	chain.pending[0].input_len = call.len;
	chain.pending_count = 1;
	fake_run(&fake, 5000);
	CHECK(fake.mempool_count == 1 && fake.mempool[0].kind == CHAIN_LOCK_SPENT);
	CHECK(hash256_eq(&fake.mempool[0].preimage, &preimage));
	CHECK(fake.mempool[0].at.tx.b[0] == 5);
	end();
}

/* ---- operations ---- */

static struct submit_answer submitted;
static struct tx_status status;
static struct layer_scan scanned;
static struct layer_info checked;
static uint32_t called;
static uint64_t rate;

static void on_submit(void *ctx, const struct submit_answer *a)
{
	(void)ctx;
	submitted = *a;
	called++;
}
static void on_status(void *ctx, const struct tx_status *s)
{
	(void)ctx;
	status = *s;
	called++;
}
static void on_scan(void *ctx, const struct layer_scan *s)
{
	(void)ctx;
	scanned = *s;
	called++;
}
static void on_info(void *ctx, const struct layer_info *i)
{
	(void)ctx;
	checked = *i;
	called++;
}
static void on_fee(void *ctx, enum err err, uint64_t r, uint64_t data_fee)
{
	(void)ctx;
	CHECK(data_fee == 0);
	CHECK(err == OK);
	rate = r;
}

/* A signed transfer on chain_id. */
static size_t sign(uint8_t *raw, size_t cap, struct hash256 *hash, uint64_t chain_id)
{
	const struct seckey key = {{[31] = 9}};
	const struct evm_tx tx = {.chain_id = chain_id,
		.gas_price = amount_of(ASSET_RBTC, 60000000),
		.gas_limit = 21000,
		.to = stranger,
		.value = amount_of(ASSET_RBTC, 1)};
	uint8_t bytes[256], sig[64];
	struct buf b = buf_init(bytes, sizeof bytes), out = buf_init(raw, cap);
	struct hash256 message;
	struct evm_tx again;
	struct evm_address from;
	int id;
	evm_tx_put_unsigned(&b, &tx);
	keccak256(&message, buf_slice(&b));
	CHECK(ecdsa_sign(sig, &id, &message, &key) == OK);
	evm_tx_put_signed(&out, &tx, sig, id);
	CHECK(evm_tx_parse_signed(&again, &from, hash, ASSET_RBTC, buf_slice(&out)) == OK);
	return out.len;
}

static void test_submit(void)
{
	static const struct {
		int64_t code;
		const char *message;
		enum submit_outcome outcome;
	} cases[] = {
		{0, "", SUBMIT_ACCEPTED},
		{-32003, "transaction already imported", SUBMIT_KNOWN},
		{-32000, "already known", SUBMIT_KNOWN},
		{-32003, "nonce too low", SUBMIT_CONFLICT},
		{-32003, "Insufficient funds for gas * price + value", SUBMIT_REJECTED},
		{-32003, "replacement transaction underpriced", SUBMIT_REJECTED},
		{-32003, "max fee per gas less than block base fee", SUBMIT_REJECTED},
		{-32000, "intrinsic gas too low", SUBMIT_REJECTED},
		{-32602, "Failed to decode transaction", SUBMIT_REJECTED},
		{-32603, "internal error", SUBMIT_UNKNOWN},
	};
	uint8_t raw[256];
	struct hash256 hash;
	const size_t len = sign(raw, sizeof raw, &hash, 33);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		begin();
		chain.submit_hash = hash;
		chain.submit_code = cases[i].code;
		chain.submit_message = cases[i].message;
		called = 0;
		CHECK(layer_submit(fake.layer, slice_of(raw, len), on_submit, NULL) == OK);
		CHECK(called == 0);
		fake_run(&fake, 1000);
		CHECK(called == 1 && submitted.outcome == cases[i].outcome);
		end();
	}
	/* too low because it is in a block already */
	begin();
	struct evm_fake_block b = {.tx_count = 1};
	b.tx[0] = tx_from(&stranger, 0, 1);
	b.tx[0].hash = hash;
	evm_chain_mine(&chain, &b);
	chain.submit_code = -32003;
	chain.submit_message = "nonce too low";
	CHECK(layer_submit(fake.layer, slice_of(raw, len), on_submit, NULL) == OK);
	fake_run(&fake, 1000);
	CHECK(submitted.outcome == SUBMIT_KNOWN);
	/* another id */
	chain.submit_code = 0;
	CHECK(layer_submit(fake.layer, slice_of(raw, len), on_submit, NULL) == OK);
	fake_run(&fake, 1000);
	CHECK(submitted.outcome == SUBMIT_UNKNOWN);
	/* another chain's: nodes take it and never mine it */
	const size_t other = sign(raw, sizeof raw, &hash, 31);
	CHECK(layer_submit(fake.layer, slice_of(raw, other), on_submit, NULL) == ERR_NETWORK);
	CHECK(layer_submit(fake.layer, slice_of(raw, other - 1), on_submit, NULL) == ERR_FORMAT);
	end();
}

static struct tx_status ask_status(const struct hash256 *txid)
{
	called = 0;
	CHECK(layer_status(fake.layer, txid, on_status, NULL) == OK);
	fake_run(&fake, 2000);
	CHECK(called == 1);
	return status;
}

static void test_status(void)
{
	const struct hash256 locked = {{5, 0xaa}}, reverted = {{4, 0xaa}}, pending = {{9, 0xaa}},
			     nobody = {{1}};
	begin();
	mine_all();
	CHECK(ask_status(&locked).presence == TX_CONFIRMED && status.depth == 3);
	CHECK(status.block.height == 2 && !status.reverted);
	CHECK(ask_status(&reverted).presence == TX_CONFIRMED && status.reverted);
	CHECK(ask_status(&nobody).presence == TX_ABSENT);
	chain.pending[0] = tx_from(&stranger, 20, 9);
	chain.pending_count = 1;
	CHECK(ask_status(&pending).presence == TX_MEMPOOL);
	static const char *const methods[] = {
		"eth_getTransactionReceipt", "eth_getTransactionByHash", "eth_getBlockByNumber"};
	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		fake.lie_method = methods[i];
		fake.lie_error = true;
		CHECK(ask_status(&nobody).presence == TX_UNKNOWN);
		fake.lie_error = false;
		fake.lie = lie_empty;
		CHECK(ask_status(&locked).presence == TX_UNKNOWN);
	}
	/* a receipt of a block that is not on the best chain */
	fake.lie_method = "eth_getTransactionReceipt";
	fake.lie = lie_block_hash;
	CHECK(ask_status(&locked).presence == TX_UNKNOWN);
	end();
}

static void test_scan(void)
{
	struct layer_lock_ref refs[200];
	begin();
	mine_all();
	for (size_t i = 0; i < ARRAY_LEN(refs); i++)
		refs[i] = (struct layer_lock_ref){.leg = leg};
	chain.open = true;
	CHECK(layer_scan(fake.layer, refs, ARRAY_LEN(refs), on_scan, NULL) == OK);
	fake_run(&fake, 3000);
	CHECK(scanned.err == OK && scanned.nonce == 3 && scanned.block.height == 4);
	CHECK(amount_cmp(scanned.wallet, amount_of(ASSET_RBTC, 5)) == 0);
	CHECK(amount_cmp(scanned.locked, amount_of(ASSET_RBTC, 200000000)) == 0);
	chain.open = false;
	CHECK(layer_scan(fake.layer, refs, 1, on_scan, NULL) == OK);
	fake_run(&fake, 3000);
	CHECK(scanned.err == OK && amount_is_zero(scanned.locked));
	static const char *const methods[] = {
		"eth_getBlockByNumber", "eth_getBalance", "eth_getTransactionCount", "eth_call"};
	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		fake.lie_method = methods[i];
		fake.lie = lie_number;
		CHECK(layer_scan(fake.layer, refs, ARRAY_LEN(refs), on_scan, NULL) == OK);
		fake_run(&fake, 3000);
		CHECK(scanned.err != OK);
	}
	fake.lie_method = NULL;
	CHECK(layer_scan_at(fake.layer, 2, on_scan, NULL) == OK);
	fake_run(&fake, 3000);
	CHECK(scanned.err == OK && scanned.block.height == 2 && scanned.nonce == 3);
	CHECK(layer_scan_at(fake.layer, 400, on_scan, NULL) == OK);
	fake_run(&fake, 3000);
	CHECK(scanned.err != OK);
	fake.lie_method = "eth_getBlockByNumber"; /* a block of another height */
	CHECK(layer_scan_at(fake.layer, 2, on_scan, NULL) == OK);
	fake_run(&fake, 3000);
	CHECK(scanned.err != OK);
	end();
}

static void test_check(void)
{
	begin();
	mine_all();
	CHECK(layer_check(fake.layer, on_info, NULL) == OK);
	fake_run(&fake, 1000);
	CHECK(checked.err == OK && checked.tip.height == 4);
	CHECK(strcmp(checked.version, "fake/1") == 0);
	chain.other_code = true;
	CHECK(layer_check(fake.layer, on_info, NULL) == OK);
	fake_run(&fake, 1000);
	CHECK(checked.err == ERR_NETWORK && strstr(checked.detail, "HTLC") != NULL);
	chain.other_code = false;
	chain.chain_id = 31;
	CHECK(layer_check(fake.layer, on_info, NULL) == OK);
	fake_run(&fake, 1000);
	CHECK(checked.err == ERR_NETWORK && strstr(checked.detail, "chain 31") != NULL);
	CHECK(layer_fee_estimate(fake.layer, 2, on_fee, NULL) == OK);
	fake_run(&fake, 1000);
	CHECK(rate == 60000000);
	/* what blocks state as the least counts where the node says less */
	chain.least_price = 70000000;
	CHECK(layer_fee_estimate(fake.layer, 2, on_fee, NULL) == OK);
	fake_run(&fake, 1000);
	CHECK(rate == 70000000);
	chain.least_price = 0;
	CHECK(layer_fee_estimate(fake.layer, 0, on_fee, NULL) == ERR_RANGE);
	end();
}

static void test_watching(void)
{
	const struct id128 other = {{8}};
	struct evm_htlc h = terms;
	uint8_t bytes[EVM_HTLC_SIZE];
	struct buf b = buf_init(bytes, sizeof bytes);
	begin();
	CHECK(layer_watch_lock(fake.layer, &swap, leg) == OK);
	CHECK(layer_watch_lock(fake.layer, &other, leg) == ERR_EXISTS);
	h.contract.b[0] ^= 1;
	evm_htlc_put(&b, &h);
	CHECK(layer_watch_lock(fake.layer, &other, buf_slice(&b)) == ERR_NETWORK);
	layer_unwatch_lock(fake.layer, &swap);
	mine_all();
	start();
	fake_run(&fake, 3000);
	CHECK(fake.event_count == 3 && fake_event_count(&fake, CHAIN_NONCE_USED) == 2);
	end();
}

int main(void)
{
	keys_init();
	test_follows();
	test_back_pressure();
	test_restart();
	test_lies();
	test_other_code();
	test_errors_are_no_reorganisation();
	test_reorganisations();
	test_pending();
	test_submit();
	test_status();
	test_scan();
	test_check();
	test_watching();
	return EXIT_SUCCESS;
}
