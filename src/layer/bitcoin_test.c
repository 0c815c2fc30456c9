#include "base/hex.h"
#include "crypto/hash.h"
#include "layer/bitcoin_fake_test.h"
#include <stdlib.h>

static struct chain chain;
static struct fake fake;
static struct pubkey wallet;
static struct btc_htlc terms;
static uint8_t leg_bytes[BTC_HTLC_SIZE];
static struct slice leg;
static struct hash256 preimage;
static const struct id128 swap = {{7}};
static uint8_t wallet_spk[34], lock_spk[34];
static struct chain_tx deposit, lock, claim, spend;

static void keys_init(void)
{
	struct seckey key = {{[31] = 5}};
	struct pubkey a, b;
	bool odd;
	const uint8_t seed[32] = {1};

	secp_init(seed);
	CHECK(pubkey_from_seckey(&wallet, &key) == OK);
	key.b[31] = 6;
	CHECK(pubkey_from_seckey(&a, &key) == OK);
	key.b[31] = 7;
	CHECK(pubkey_from_seckey(&b, &key) == OK);
	memset(preimage.b, 0x5a, sizeof preimage.b);
	sha256(&terms.hash, slice_of(preimage.b, 32));
	xonly_from_pubkey(&terms.claim, &odd, &a);
	xonly_from_pubkey(&terms.refund, &odd, &b);
	terms.provider = terms.claim;
	terms.client = terms.refund;
	terms.timelock = 144;
	terms.amount.raw = 1000000;
	struct buf out = buf_init(leg_bytes, sizeof leg_bytes);
	btc_htlc_put(&out, &terms);
	leg = buf_slice(&out);
	CHECK(wallet_script(wallet_spk, &wallet, KEY_INDEX_RECEIVE) == OK);
	struct btc_htlc_tree tree;
	CHECK(btc_htlc_tree(&tree, &terms) == OK);
	memcpy(lock_spk, tree.script_pubkey, 34);
}

static struct btc_outpoint outpoint(const struct chain_tx *tx)
{
	return (struct btc_outpoint){.txid = tx->txid};
}

/* A deposit, a lock-up, its claim, and the deposit spent. */
static void txs_init(void)
{
	static const struct btc_outpoint stranger = {.txid = {{9}}, .index = 1};
	static const uint8_t sig[64] = {3};
	static const uint8_t key_path[66] = {1, 64};
	uint8_t bytes[BTC_HTLC_WITNESS_MAX];
	struct buf witness = buf_init(bytes, sizeof bytes);
	struct btc_htlc_tree tree;
	struct btc_outpoint at;

	CHECK(btc_htlc_tree(&tree, &terms) == OK);
	btc_htlc_witness_claim(&witness, &tree, sig, &preimage);
	chain_tx(&deposit, &stranger, slice_of(key_path, 66), slice_of(wallet_spk, 34), 50000);
	at = stranger;
	at.index = 2;
	chain_tx(&lock, &at, slice_of(key_path, 66), slice_of(lock_spk, 34), 1000000);
	at = outpoint(&lock);
	chain_tx(&claim, &at, buf_slice(&witness), slice_of(wallet_spk, 34), 999000);
	at = outpoint(&deposit);
	chain_tx(&spend, &at, slice_of(key_path, 66), slice_of((const uint8_t *)"\x51", 1), 49000);
}

static void begin(void)
{
	const struct layer_config config = {.id = LAYER_BITCOIN,
		.network = network_by_name(LAYER_BITCOIN, slice_str("regtest"))};
	chain_init(&chain);
	fake_init(&fake, config, chain_node, &chain);
	CHECK(layer_watch_wallet(fake.layer, &wallet) == OK);
	CHECK(layer_watch_lock(fake.layer, &swap, leg) == OK);
}

static void end(void)
{
	fake_fini(&fake);
	chain_fini(&chain);
}

static void start(void)
{
	fake_start(&fake, &chain.block[0].ref, 1);
}

static void mine_all(void)
{
	chain_mine(&chain, &deposit, 1);
	chain_mine(&chain, &lock, 1);
	const struct chain_tx both[] = {claim, spend};
	chain_mine(&chain, both, 2);
}

static void check_all(void)
{
	const struct chain_event *e = NULL;
	CHECK(fake_event_count(&fake, CHAIN_COIN_CREATED) == 2);
	e = &fake.event[0];
	CHECK(e->kind == CHAIN_COIN_CREATED && hash256_eq(&e->tx, &deposit.txid));
	CHECK(e->key_index == KEY_INDEX_RECEIVE && e->at.index == 0);
	CHECK(amount_cmp(e->amount, amount_of(ASSET_BTC, 50000)) == 0);
	e = fake_event(&fake, CHAIN_LOCK);
	CHECK(id128_eq(&e->swap, &swap) && hash256_eq(&e->at.tx, &lock.txid));
	CHECK(e->timelock == 144 && e->flags == 0);
	CHECK(amount_cmp(e->amount, amount_of(ASSET_BTC, 1000000)) == 0);
	e = fake_event(&fake, CHAIN_LOCK_SPENT);
	CHECK(e->spend == LOCK_SPEND_CLAIM && hash256_eq(&e->preimage, &preimage));
	CHECK(hash256_eq(&e->at.tx, &lock.txid) && hash256_eq(&e->tx, &claim.txid));
	e = fake_event(&fake, CHAIN_COIN_SPENT);
	CHECK(hash256_eq(&e->at.tx, &deposit.txid) && hash256_eq(&e->tx, &spend.txid));
	CHECK(fake.event_count == 5);
}

static void test_follows(void)
{
	begin();
	mine_all();
	for (unsigned i = 0; i < 40; i++)
		chain_mine(&chain, NULL, 0);
	start();
	fake_run(&fake, 3000);
	CHECK(fake.block_count == 43 && fake_info(&fake).err == OK);
	check_all();
	/* at the tip: block by block, several at once, and nothing twice */
	chain_mine(&chain, NULL, 0);
	fake_run(&fake, 3000);
	CHECK(fake.block_count == 44);
	chain_mine(&chain, NULL, 0);
	chain_mine(&chain, NULL, 0);
	fake_run(&fake, 5000);
	CHECK(fake.block_count == 46 && fake.event_count == 5 && fake.reorg_count == 0);
	CHECK(fake_info(&fake).tip.height == 46);
	CHECK(fake.rate == 12345 && fake.rate_count == 1);
	end();
}

/* A full sink gets the same block again, once it has room. */
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
	CHECK(fake.block_count == 3);
	check_all();
	end();
}

/* ---- lies ---- */

static struct json *lie_null(void *ctx, struct json *honest)
{
	(void)ctx;
	json_free(honest);
	return NULL;
}

static struct json *lie_number(void *ctx, struct json *honest)
{
	json_free(honest);
	(void)ctx;
	return json_new_u64(7);
}

static struct json *lie_short_text(void *ctx, struct json *honest)
{
	json_free(honest);
	(void)ctx;
	return json_new_string("00ff0");
}

static struct json *lie_empty(void *ctx, struct json *honest)
{
	json_free(honest);
	(void)ctx;
	return json_object();
}

static struct json *lie_text(void *ctx, struct json *honest)
{
	json_free(honest);
	(void)ctx;
	return json_new_string("not hex at all, not hex at all, not hex at all, not hex at all!!");
}

/* The first len bytes of a text, and more after them, instead of it. */
static struct json *edit(struct json *honest, const char *text, size_t len, const char *more)
{
	char *copy = malloc(len + strlen(more) + 1);
	CHECK(copy != NULL);
	memcpy(copy, text, len);
	memcpy(copy + len, more, strlen(more) + 1);
	json_free(honest);
	struct json *v = json_new_string(copy);
	free(copy);
	return v;
}

/* Changes one hex digit of a text, counted from the front or, negative, from the end. */
static struct json *flip(struct json *honest, long at)
{
	const struct slice text = json_string(honest);
	char *copy = malloc(text.len);
	CHECK(copy != NULL);
	memcpy(copy, text.ptr, text.len);
	const size_t i = at >= 0 ? (size_t)at : text.len - (size_t)-at;
	copy[i] = copy[i] == '0' ? '1' : '0';
	struct json *v = edit(honest, copy, text.len, "");
	free(copy);
	return v;
}

static struct json *lie_parent(void *ctx, struct json *honest)
{
	(void)ctx;
	return flip(honest, 8 + 10);
}
static struct json *lie_merkle(void *ctx, struct json *honest)
{
	(void)ctx;
	return flip(honest, 72 + 10);
}
static struct json *lie_output(void *ctx, struct json *honest)
{
	(void)ctx;
	return flip(honest, -20);
}
/* in the coinbase's witness: nothing but the commitment covers it */
static struct json *lie_witness(void *ctx, struct json *honest)
{
	(void)ctx;
	return flip(honest, 160 + 2 + 2 * (4 + 2 + 1 + 36 + 1 + 8 + 4 + 1 + 8 + 1 + 38 + 2) + 4);
}

static struct json *lie_cut_byte(void *ctx, struct json *honest)
{
	const struct slice text = json_string(honest);
	(void)ctx;
	return edit(honest, (const char *)text.ptr, text.len - 2, "");
}
static struct json *lie_more(void *ctx, struct json *honest)
{
	const struct slice text = json_string(honest);
	(void)ctx;
	return edit(honest, (const char *)text.ptr, text.len, "00");
}
/* A good block, but not the one that was asked for. */
static struct json *lie_other_block(void *ctx, struct json *honest)
{
	const struct chain *c = ctx;
	const struct chain_block *block = &c->block[0];
	char *text = malloc(2 * block->len + 1);
	CHECK(text != NULL);
	hex_encode(text, block->raw, block->len);
	json_free(honest);
	struct json *v = json_new_string(text);
	free(text);
	return v;
}

static struct json *with(struct json *honest, const char *key, struct json *value)
{
	json_set(honest, key, value);
	return honest;
}
static struct json *lie_best(void *ctx, struct json *honest)
{
	(void)ctx;
	return with(honest, "bestblockhash", json_new_string("zz"));
}
static struct json *lie_height_text(void *ctx, struct json *honest)
{
	(void)ctx;
	return with(honest, "blocks", json_new_string("3"));
}
static struct json *lie_height_huge(void *ctx, struct json *honest)
{
	(void)ctx;
	return with(honest, "blocks", json_new_u64(INT64_MAX));
}

static const struct {
	const char *method;
	fake_lie lie;
} lies[] = {
	{"getblockchaininfo", lie_null},
	{"getblockchaininfo", lie_number},
	{"getblockchaininfo", lie_empty},
	{"getblockchaininfo", lie_best},
	{"getblockchaininfo", lie_height_text},
	{"getblockchaininfo", lie_height_huge},
	{"getblockhash", lie_null},
	{"getblockhash", lie_number},
	{"getblockhash", lie_short_text},
	{"getblockhash", lie_text},
	{"getblock", lie_null},
	{"getblock", lie_number},
	{"getblock", lie_empty},
	{"getblock", lie_text},
	{"getblock", lie_short_text},
	{"getblock", lie_parent},
	{"getblock", lie_merkle},
	{"getblock", lie_output},
	{"getblock", lie_witness},
	{"getblock", lie_cut_byte},
	{"getblock", lie_more},
	{"getblock", lie_other_block},
};

/* Every answer that can't be right: nothing is reported, info says so, and the truth afterwards is
 * reported in full. */
static void test_lies(void)
{
	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		begin();
		mine_all();
		fake.lie_method = lies[i].method;
		fake.lie = lies[i].lie;
		start();
		fake_run(&fake, 5000);
		CHECK(fake.block_count == 0 && fake.reorg_count == 0 && fake.event_count == 0);
		CHECK(fake_info(&fake).err != OK && fake_info(&fake).detail[0] != '\0');
		fake.lie_method = NULL;
		fake_run(&fake, 40000);
		CHECK(fake.block_count == 3 && fake_info(&fake).err == OK);
		check_all();
		end();
	}
}

/* HAZARDS 15: no failure of a question is a reorganisation. */
static void test_errors_are_no_reorganisation(void)
{
	static const char *const methods[] = {
		"getblockchaininfo", "getblockhash", "getblock", "getblockheader"};
	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		begin();
		mine_all();
		start();
		fake_run(&fake, 3000);
		CHECK(fake.block_count == 3);
		fake.lie_method = methods[i];
		fake.lie_error = true;
		chain_undo(&chain, 2);
		for (unsigned k = 0; k < 3; k++)
			chain_mine(&chain, NULL, 0);
		fake_run(&fake, 5000);
		/* Without headers the way back is still found, by hashes. */
		const bool needed = strcmp(methods[i], "getblockheader") != 0;
		CHECK((fake.reorg_count == 0) == needed);
		CHECK((fake_info(&fake).err != OK) == needed);
		fake.lie_method = NULL;
		fake_run(&fake, 40000);
		CHECK(fake.reorg_count == 1 && fake.keep.height == 1 && fake.block_count == 4);
		end();
	}
}

static void test_reorganisations(void)
{
	begin();
	mine_all();
	start();
	fake_run(&fake, 3000);
	/* as long as before, then longer, then one of one block */
	chain_undo(&chain, 1);
	chain_mine(&chain, NULL, 0);
	fake_run(&fake, 3000);
	CHECK(fake.reorg_count == 1 && fake.keep.height == 2 && fake.block_count == 3);
	CHECK(hash256_eq(&fake.block[2].hash, &chain_tip(&chain)->hash));
	/* the spends of the lost block come again */
	const uint32_t before = fake.event_count;
	const struct chain_tx both[] = {spend, claim};
	chain_mine(&chain, both, 2);
	fake_run(&fake, 3000);
	CHECK(fake.event_count == before + 3 && fake.block_count == 4);
	CHECK(fake.event[before].kind == CHAIN_COIN_SPENT);
	CHECK(fake.event[before + 1].kind == CHAIN_LOCK_SPENT);
	/* invalidated, and nothing in its place: the node says that the block has left */
	chain_undo(&chain, 2);
	fake_run(&fake, 3000);
	CHECK(fake.reorg_count == 2 && fake.keep.height == 2 && fake.block_count == 2);
	CHECK(fake_info(&fake).tip.height == 2);
	chain_mine(&chain, NULL, 0);
	fake_run(&fake, 3000);
	CHECK(fake.reorg_count == 2 && fake.block_count == 3);
	end();
}

/* A node that fell behind (restored, or another one) is waited for. */
static void test_behind(void)
{
	begin();
	mine_all();
	start();
	fake_run(&fake, 3000);
	const uint32_t top = chain.best[3];
	chain.height = 2; /* not "off": it never saw the block */
	const struct block_ref kept = chain.block[top].ref;
	chain.block[top].ref.hash.b[0] ^= 1;
	fake_run(&fake, 5000);
	CHECK(fake.reorg_count == 0 && fake.block_count == 3);
	CHECK(fake_info(&fake).err == ERR_STATE && fake_info(&fake).syncing);
	chain.block[top].ref = kept;
	chain.height = 3;
	fake_run(&fake, 3000);
	CHECK(fake.reorg_count == 0 && fake_info(&fake).err == OK);
	end();
}

static void test_too_deep(void)
{
	begin();
	for (unsigned i = 0; i < 80; i++)
		chain_mine(&chain, NULL, 0);
	start();
	fake_run(&fake, 3000);
	CHECK(fake.block_count == 80);
	chain_undo(&chain, 70);
	for (unsigned i = 0; i < 90; i++)
		chain_mine(&chain, NULL, 0);
	fake_run(&fake, 5000);
	CHECK(fake.reorg_count == 0 && fake.block_count == 80);
	CHECK(fake_info(&fake).err == ERR_STATE);
	/* nearly as deep as can be followed */
	end();
	begin();
	for (unsigned i = 0; i < 80; i++)
		chain_mine(&chain, NULL, 0);
	start();
	fake_run(&fake, 3000);
	chain_undo(&chain, 60);
	for (unsigned i = 0; i < 90; i++)
		chain_mine(&chain, NULL, 0);
	fake_run(&fake, 5000);
	CHECK(fake.reorg_count == 1 && fake.keep.height == 20 && fake.block_count == 110);
	end();
}

/* The cursor's top is gone when we come back: the way goes over its older entries. */
static void test_cursor(void)
{
	struct block_ref cursor[3];
	begin();
	mine_all();
	for (unsigned i = 0; i < 3; i++)
		cursor[i] = chain.block[3 - i].ref;
	chain_undo(&chain, 1);
	chain_mine(&chain, NULL, 0);
	chain_mine(&chain, NULL, 0);
	fake_start(&fake, cursor, 3);
	fake_run(&fake, 3000);
	CHECK(fake.reorg_count == 1 && fake.keep.height == 2 && fake.block_count == 2);
	end();
	begin();
	const struct layer_sink sink = fake_sink(&fake);
	cursor[1].height = 9;
	CHECK(layer_start(fake.layer, cursor, 3, &sink) == ERR_RANGE);
	CHECK(layer_start(fake.layer, cursor, 0, &sink) == ERR_RANGE);
	end();
}

static void test_mempool(void)
{
	begin();
	mine_all();
	start();
	fake_run(&fake, 3000);
	chain_undo(&chain, 2);
	chain_mine(&chain, NULL, 0);
	chain_mine(&chain, NULL, 0);
	chain.pool[0] = lock;
	chain.pool[1] = deposit;
	chain.pool_count = 2;
	fake_run(&fake, 5000);
	CHECK(fake.mempool_count == 1 && fake.mempool[0].kind == CHAIN_LOCK);
	CHECK(hash256_eq(&fake.mempool[0].at.tx, &lock.txid));
	/* a claim of it; a node that lies about a transaction is asked again */
	chain.pool[2] = claim;
	chain.pool_count = 3;
	fake.lie_method = "getrawtransaction";
	fake.lie = lie_parent; /* in the input: another transaction */
	fake_run(&fake, 3000);
	CHECK(fake.mempool_count == 1);
	fake.lie_method = NULL;
	fake_run(&fake, 5000);
	CHECK(fake.mempool_count == 2 && fake.mempool[1].kind == CHAIN_LOCK_SPENT);
	CHECK(hash256_eq(&fake.mempool[1].preimage, &preimage));
	CHECK(fake.mempool[1].spend == LOCK_SPEND_CLAIM);
	end();
}

/* ---- operations ---- */

static struct submit_answer submitted;
static struct tx_status status;
static struct layer_scan scanned;
static struct layer_info checked;
static uint32_t called;
static uint64_t rate;
static enum err rate_err;

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
static void on_fee(void *ctx, enum err err, uint64_t r)
{
	(void)ctx;
	rate = r;
	rate_err = err;
	called++;
}

static void test_submit(void)
{
	static const struct {
		int64_t code;
		const char *message;
		enum submit_outcome outcome;
	} cases[] = {
		{0, "", SUBMIT_ACCEPTED},
		{-27, "Transaction outputs already in utxo set", SUBMIT_KNOWN},
		{-26, "txn-already-in-mempool", SUBMIT_KNOWN},
		{-26, "txn-mempool-conflict", SUBMIT_CONFLICT},
		{-25, "bad-txns-inputs-missingorspent", SUBMIT_CONFLICT},
		{-26, "insufficient fee, rejecting replacement 00ff", SUBMIT_REJECTED},
		{-26, "min relay fee not met, 1 < 110", SUBMIT_REJECTED},
		{-26, "non-final", SUBMIT_REJECTED},
		{-22, "TX decode failed.", SUBMIT_REJECTED},
		{-28, "Loading block index...", SUBMIT_UNKNOWN},
		{-32603, "oops", SUBMIT_UNKNOWN},
	};
	struct chain_tx tx;
	const struct btc_outpoint prev = {.txid = {{4}}};
	chain_tx(&tx, &prev, (struct slice){0}, slice_of(wallet_spk, 34), 1000);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		begin();
		chain.submit_code = cases[i].code;
		chain.submit_message = cases[i].message;
		called = 0;
		CHECK(layer_submit(fake.layer, slice_of(tx.raw, tx.len), on_submit, NULL) == OK);
		CHECK(called == 0);
		fake_run(&fake, 1000);
		CHECK(called == 1 && submitted.outcome == cases[i].outcome);
		end();
	}
	begin();
	/* another id, and no answer at all, are unknown */
	fake.lie_method = "sendrawtransaction";
	fake.lie = lie_text;
	CHECK(layer_submit(fake.layer, slice_of(tx.raw, tx.len), on_submit, NULL) == OK);
	fake_run(&fake, 1000);
	CHECK(submitted.outcome == SUBMIT_UNKNOWN);
	CHECK(layer_submit(fake.layer, slice_of(tx.raw, tx.len - 1), on_submit, NULL) ==
		ERR_FORMAT);
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
	const struct hash256 nobody = {{1}};
	begin();
	mine_all();
	chain_mine(&chain, NULL, 0);
	/* by the set of unspent outputs alone */
	CHECK(ask_status(&deposit.txid).presence == TX_CONFIRMED);
	CHECK(status.depth == 4 && status.block.height == 1);
	CHECK(hash256_eq(&status.block.hash, &chain.block[1].ref.hash));
	/* without an index, absent can't be told */
	CHECK(ask_status(&nobody).presence == TX_UNKNOWN);
	chain.txindex = true;
	CHECK(ask_status(&nobody).presence == TX_ABSENT);
	CHECK(ask_status(&claim.txid).presence == TX_CONFIRMED && status.depth == 2);
	fake.lie_method = "getindexinfo";
	fake.lie_error = true;
	CHECK(ask_status(&nobody).presence == TX_UNKNOWN);
	fake.lie_method = "getrawtransaction";
	CHECK(ask_status(&nobody).presence == TX_UNKNOWN);
	fake.lie_method = NULL;
	chain.pool[0] = spend;
	chain.pool_count = 1;
	CHECK(ask_status(&spend.txid).presence == TX_MEMPOOL);
	chain.pool_count = 0;
	/* another transaction's bytes, another block's header */
	fake.lie_error = false;
	fake.lie_method = "getblockheader";
	fake.lie = lie_empty;
	CHECK(ask_status(&deposit.txid).presence == TX_UNKNOWN);
	/* off the best chain */
	fake.lie_method = NULL;
	chain.block[1].off = true;
	CHECK(ask_status(&deposit.txid).presence == TX_UNKNOWN);
	end();
}

static struct json *unspent(const struct chain_tx *tx, const uint8_t spk[34], const char *coins)
{
	char text[400], txid[65], script[69];
	struct json *v;
	hex_encode_reversed(txid, tx->txid.b, 32);
	hex_encode(script, spk, 34);
	struct buf b = buf_init(text, sizeof text);
	buf_printf(&b, "{\"txid\":\"%s\",\"vout\":0,\"scriptPubKey\":\"%s\",\"amount\":%s}", txid,
		script, coins);
	CHECK(json_parse(&v, buf_slice(&b), NULL) == OK);
	return v;
}

static void test_scan(void)
{
	struct layer_lock_ref ref = {.leg = leg, .at = {.tx = lock.txid}};
	begin();
	mine_all();
	chain.scan_busy = 3;
	chain.unspent = json_array();
	json_push(chain.unspent, unspent(&deposit, wallet_spk, "0.00050000"));
	json_push(chain.unspent, unspent(&claim, wallet_spk, "1.00000001"));
	json_push(chain.unspent, unspent(&lock, lock_spk, "0.01"));
	json_push(chain.unspent, unspent(&spend, lock_spk, "0.5")); /* not asked for */
	called = 0;
	CHECK(layer_scan(fake.layer, &ref, 1, on_scan, NULL) == OK);
	fake_run(&fake, 10000);
	CHECK(called == 1 && scanned.err == OK);
	CHECK(amount_cmp(scanned.wallet, amount_of(ASSET_BTC, 100050001)) == 0);
	CHECK(amount_cmp(scanned.locked, amount_of(ASSET_BTC, 1000000)) == 0);
	CHECK(hash256_eq(&scanned.block.hash, &chain_tip(&chain)->hash));
	CHECK(scanned.block.height == 3);

	static const char *const bad[] = {"21000001", "-1", "\"1\"", "1e99", "0.000000001", "null"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		json_free(chain.unspent);
		chain.unspent = json_array();
		json_push(chain.unspent, unspent(&deposit, wallet_spk, bad[i]));
		CHECK(layer_scan(fake.layer, &ref, 1, on_scan, NULL) == OK);
		fake_run(&fake, 2000);
		CHECK(scanned.err != OK);
	}
	/* the same output twice */
	json_free(chain.unspent);
	chain.unspent = json_array();
	json_push(chain.unspent, unspent(&deposit, wallet_spk, "1"));
	json_push(chain.unspent, unspent(&deposit, wallet_spk, "1"));
	CHECK(layer_scan(fake.layer, &ref, 1, on_scan, NULL) == OK);
	fake_run(&fake, 2000);
	CHECK(scanned.err == ERR_FORMAT);
	json_free(chain.unspent);
	end();
}

static void test_check(void)
{
	begin();
	mine_all();
	CHECK(layer_check(fake.layer, on_info, NULL) == OK);
	fake_run(&fake, 1000);
	CHECK(checked.err == ERR_NETWORK); /* the fake's genesis is not regtest's */
	chain.genesis = network_by_name(LAYER_BITCOIN, slice_str("regtest"))->genesis;
	CHECK(layer_check(fake.layer, on_info, NULL) == OK);
	fake_run(&fake, 1000);
	CHECK(checked.err == OK && checked.tip.height == 3);
	CHECK(strcmp(checked.version, "/Fake:1/") == 0);
	fake.lie_method = "getblockchaininfo";
	fake.lie_error = true;
	CHECK(layer_check(fake.layer, on_info, NULL) == OK);
	fake_run(&fake, 1000);
	CHECK(checked.err == ERR_UNAVAILABLE && strstr(checked.detail, "it hurts") != NULL);
	end();
}

static void test_fee(void)
{
	begin();
	CHECK(layer_fee_estimate(fake.layer, 2, on_fee, NULL) == OK);
	fake_run(&fake, 1000);
	CHECK(rate_err == OK && rate == 12345);
	chain.no_estimate = true;
	CHECK(layer_fee_estimate(fake.layer, 2, on_fee, NULL) == OK);
	fake_run(&fake, 1000);
	CHECK(rate_err == OK && rate == 2000);
	fake.lie_method = "getmempoolinfo";
	fake.lie_error = true;
	CHECK(layer_fee_estimate(fake.layer, 2, on_fee, NULL) == OK);
	fake_run(&fake, 1000);
	CHECK(rate_err == ERR_REJECTED);
	CHECK(layer_fee_estimate(fake.layer, 0, on_fee, NULL) == ERR_RANGE);
	end();
}

/* Destroyed with everything in flight: nobody is called back, nothing leaks. */
static void test_destroy(void)
{
	begin();
	mine_all();
	start();
	called = 0;
	chain.scan_busy = 100;
	CHECK(layer_scan(fake.layer, NULL, 0, on_scan, NULL) == OK);
	fake_run(&fake, 1);
	CHECK(layer_status(fake.layer, &deposit.txid, on_status, NULL) == OK);
	CHECK(layer_check(fake.layer, on_info, NULL) == OK);
	CHECK(layer_fee_estimate(fake.layer, 2, on_fee, NULL) == OK);
	layer_destroy(fake.layer);
	fake.layer = NULL;
	fake_run(&fake, 20000);
	CHECK(called == 0);
	end();
}

static void test_watching(void)
{
	const struct id128 other = {{8}};
	const struct locator at = {.tx = {{1}}};
	begin();
	CHECK(layer_watch_lock(fake.layer, &swap, leg) == OK);
	CHECK(layer_watch_lock(fake.layer, &other, leg) == ERR_EXISTS);
	CHECK(layer_watch_lock_at(fake.layer, &other, &at) == ERR_NOT_FOUND);
	CHECK(layer_watch_lock_at(fake.layer, &swap, &at) == OK);
	layer_unwatch_lock(fake.layer, &swap);
	CHECK(layer_watch_lock_at(fake.layer, &swap, &at) == ERR_NOT_FOUND);
	mine_all();
	start();
	fake_run(&fake, 3000);
	CHECK(fake_event_count(&fake, CHAIN_LOCK) == 0);
	CHECK(fake_event_count(&fake, CHAIN_COIN_CREATED) == 2);
	end();
}

int main(void)
{
	keys_init();
	txs_init();
	test_follows();
	test_back_pressure();
	test_lies();
	test_errors_are_no_reorganisation();
	test_reorganisations();
	test_behind();
	test_too_deep();
	test_cursor();
	test_mempool();
	test_submit();
	test_status();
	test_scan();
	test_check();
	test_fee();
	test_destroy();
	test_watching();
	return EXIT_SUCCESS;
}
