#include "btc/descriptor.h"
#include "base/hex.h"
#include "crypto/hash.h"
#include "layer/adapter.h"
#include "layer/bitcoin_world_test.h"
#include <stdio.h>
#include <stdlib.h>

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
static void on_fee(void *ctx, enum err err, uint64_t r, uint64_t data_fee)
{
	(void)ctx;
	CHECK(data_fee == 0);
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
		/* btcd */
		{-26, "TX rejected: already have transaction in mempool 00ff", SUBMIT_KNOWN},
		{-27, "TX rejected: transaction already exists in blockchain", SUBMIT_KNOWN},
		{-25, "TX rejected: orphan transaction 00ff references outputs of unknown",
			SUBMIT_CONFLICT},
		{-26, "TX rejected: output already spent in mempool: output=00ff", SUBMIT_CONFLICT},
		{-26, "TX rejected: transaction is not finalized", SUBMIT_REJECTED},
		{-28, "Loading block index...", SUBMIT_UNKNOWN},
		{-32603, "oops", SUBMIT_UNKNOWN},
	};
	struct chain_tx tx;
	const struct btc_outpoint prev = {.txid = {{4}}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		world_begin();
		chain_tx(&tx, &chain, &prev, (struct slice){0}, slice_of(wallet_spk, 34), 1000);
		chain.submit_code = cases[i].code;
		chain.submit_message = cases[i].message;
		called = 0;
		CHECK(layer_submit(fake.layer, slice_of(tx.raw, tx.len), on_submit, NULL) == OK);
		CHECK(called == 0);
		fake_run(&fake, 1000);
		CHECK(called == 1 && submitted.outcome == cases[i].outcome);
		world_end();
	}
	world_begin();
	/* another id, and no answer at all, are unknown */
	fake.lie_method = "sendrawtransaction";
	fake.lie = lie_text;
	CHECK(layer_submit(fake.layer, slice_of(tx.raw, tx.len), on_submit, NULL) == OK);
	fake_run(&fake, 1000);
	CHECK(submitted.outcome == SUBMIT_UNKNOWN);
	CHECK(layer_submit(fake.layer, slice_of(tx.raw, tx.len - 1), on_submit, NULL) ==
		ERR_FORMAT);
	world_end();
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
	world_begin();
	world_mine();
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
	world_end();
}

/* On Liquid of the asset that is pegged, unless more says otherwise. */
static struct json *unspent_more(
	const struct chain_tx *tx, const uint8_t spk[34], const char *coins, const char *more)
{
	char text[600], txid[65], script[69];
	struct json *v;
	hex_encode_reversed(txid, tx->txid.b, 32);
	hex_encode(script, spk, 34);
	struct buf b = buf_init(text, sizeof text);
	buf_printf(&b, "{\"txid\":\"%s\",\"vout\":0,\"scriptPubKey\":\"%s\",\"amount\":%s%s}", txid,
		script, coins, more);
	CHECK(json_parse(&v, buf_slice(&b), NULL) == OK);
	return v;
}

static struct json *unspent(const struct chain_tx *tx, const uint8_t spk[34], const char *coins)
{
	char more[80] = "", asset[65];
	if (chain.liquid != NULL) {
		hex_encode_reversed(asset, chain.liquid->policy_asset.b, 32);
		(void)snprintf(more, sizeof more, ",\"asset\":\"%s\"", asset);
	}
	return unspent_more(tx, spk, coins, more);
}

static void test_scan(void)
{
	struct layer_lock_ref ref = {.leg = leg, .at = {.tx = lock.txid}};
	world_begin();
	world_mine();
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
	CHECK(amount_cmp(scanned.wallet, amount_of(layer_asset(world_layer), 100050001)) == 0);
	CHECK(amount_cmp(scanned.locked, amount_of(layer_asset(world_layer), 1000000)) == 0);
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
	/* terms that are none: said at once, and nobody is called back */
	const struct layer_lock_ref none = {.leg = slice_str("no terms")};
	called = 0;
	CHECK(layer_scan(fake.layer, &none, 1, on_scan, NULL) != OK);
	fake_run(&fake, 2000);
	CHECK(called == 0);
	world_end();
}

/* Deposit addresses count as ours, by their own scripts alone. */
static void test_scan_deposits(void)
{
	static struct descriptor d;
	static const char text[] =
		"wpkh(tpubD6NzVbkrYhZ4YoC6CCDAcAepZNS4voBjbtkxiT9whviyexRZLJRTT4kCb7R8mjYFpiPWgjak"
		"ugKv38ZvQCdjmaAqm86igrjHFqTjKwr7MoL/0/*)";
	struct descriptor_scripts of;
	uint8_t longer[34] = {0};
	world_begin();
	world_mine();
	CHECK(descriptor_parse_unchecked(&d, network_by_name(LAYER_BITCOIN, slice_str("regtest")),
		      slice_str(text)) == OK);
	CHECK(layer_watch_deposits(fake.layer, &d, 2) == OK);
	CHECK(descriptor_derive(&of, &d, 0, 1) == OK && of.output_len == 22);
	struct json *one = unspent(&deposit, wallet_spk, "0.5");
	struct json *two = unspent(&claim, wallet_spk, "2");
	json_set_hex(two, "scriptPubKey", "", of.output, of.output_len);
	chain.unspent = json_array();
	json_push(chain.unspent, one);
	json_push(chain.unspent, two);
	CHECK(layer_scan(fake.layer, NULL, 0, on_scan, NULL) == OK);
	fake_run(&fake, 10000);
	CHECK(scanned.err == OK);
	CHECK(amount_cmp(scanned.wallet, amount_of(ASSET_BTC, 250000000)) == 0);
	/* what was not asked for is no answer */
	memcpy(longer, of.output, of.output_len);
	json_set_hex(two, "scriptPubKey", "", longer, sizeof longer);
	CHECK(layer_scan(fake.layer, NULL, 0, on_scan, NULL) == OK);
	fake_run(&fake, 10000);
	CHECK(scanned.err == ERR_FORMAT);
	json_free(chain.unspent);
	chain.unspent = NULL;
	world_end();
}

static void test_check(void)
{
	world_begin();
	world_mine();
	CHECK(layer_check(fake.layer, on_info, NULL) == OK);
	fake_run(&fake, 1000);
	CHECK(checked.err == ERR_NETWORK); /* the fake's genesis is not regtest's */
	chain.genesis = network_by_name(world_layer, slice_str("regtest"))->genesis;
	CHECK(layer_check(fake.layer, on_info, NULL) == OK);
	fake_run(&fake, 1000);
	CHECK(checked.err == OK && checked.tip.height == 3);
	CHECK(strcmp(checked.version, "/Fake:1/") == 0);
	fake.lie_method = "getblockchaininfo";
	fake.lie_error = true;
	CHECK(layer_check(fake.layer, on_info, NULL) == OK);
	fake_run(&fake, 1000);
	CHECK(checked.err == ERR_UNAVAILABLE && strstr(checked.detail, "it hurts") != NULL);
	world_end();
}

static void test_fee(void)
{
	world_begin();
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
	world_end();
}

/* What btcd lacks has another source, or is said to be missing. */
static void test_btcd(void)
{
	const struct network *const regtest = network_by_name(LAYER_BITCOIN, slice_str("regtest"));
	struct layer_lock_ref ref = {.leg = leg, .at = {.tx = lock.txid}};
	world_begin();
	world_mine();
	chain.btcd = true;
	chain.txindex = true;
	chain.genesis = regtest->genesis;
	CHECK(layer_check(fake.layer, on_info, NULL) == OK);
	fake_run(&fake, 1000);
	CHECK(checked.err == OK && checked.tip.height == 3);
	CHECK(strcmp(checked.version, "btcd 0.24.2") == 0);
	CHECK(layer_fee_estimate(fake.layer, 144, on_fee, NULL) == OK);
	fake_run(&fake, 1000);
	CHECK(rate_err == OK && rate == 12346); /* rounded up */
	chain.no_estimate = true;
	CHECK(layer_fee_estimate(fake.layer, 2, on_fee, NULL) == OK);
	fake_run(&fake, 1000);
	CHECK(rate_err == OK && rate == 3000);
	CHECK(ask_status(&claim.txid).presence == TX_CONFIRMED && status.depth == 1);
	CHECK(ask_status(&(struct hash256){{1}}).presence == TX_UNKNOWN);
	scanned.err = OK;
	CHECK(layer_scan(fake.layer, &ref, 1, on_scan, NULL) == OK);
	fake_run(&fake, 1000);
	CHECK(scanned.err == ERR_REJECTED && strstr(scanned.detail, "can't scan") != NULL);
	world_end();
}

/* A node that doesn't say whether it is syncing: by the age of its best block. */
static void test_old_tip(void)
{
	world_begin();
	world_mine();
	chain.btcd = true;
	const struct network *const mainnet = network_by_name(LAYER_BITCOIN, slice_str("mainnet"));
	fake.layer->config.network = mainnet;
	chain.genesis = mainnet->genesis;
	fake_run(&fake, chain_tip(&chain)->time_ms + 25 * 3600 * 1000);
	CHECK(layer_check(fake.layer, on_info, NULL) == OK);
	fake_run(&fake, 1000);
	CHECK(checked.err == ERR_STATE && checked.syncing);
	chain.btcd = false;
	CHECK(layer_check(fake.layer, on_info, NULL) == OK);
	fake_run(&fake, 1000);
	CHECK(checked.err == OK && !checked.syncing);
	world_end();
}

/* Destroyed with everything in flight: nobody is called back, nothing leaks. */
static void test_destroy(void)
{
	world_begin();
	world_mine();
	world_start();
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
	world_end();
}

static void test_watching(void)
{
	const struct id128 other = {{8}};
	const struct locator at = {.tx = {{1}}};
	world_begin();
	CHECK(layer_watch_lock(fake.layer, &swap, leg) == OK);
	CHECK(layer_watch_lock(fake.layer, &other, leg) == ERR_EXISTS);
	CHECK(layer_watch_lock_at(fake.layer, &other, &at) == ERR_NOT_FOUND);
	CHECK(layer_watch_lock_at(fake.layer, &swap, &at) == OK);
	layer_unwatch_lock(fake.layer, &swap);
	CHECK(layer_watch_lock_at(fake.layer, &swap, &at) == ERR_NOT_FOUND);
	world_mine();
	world_start();
	fake_run(&fake, 3000);
	CHECK(fake_event_count(&fake, CHAIN_LOCK) == 0);
	CHECK(fake_event_count(&fake, CHAIN_COIN_CREATED) == 2);
	world_end();
}

/* ---- Liquid alone ---- */

/* What is not L-BTC, or does not say how much of it it is, is nobody's here, in blocks and in
 * scans.
 */
static void test_other_assets(void)
{
	static const char asset[] = ",\"asset\":\"%064d\"";
	static const char *const not_ours[] = {asset,
		",\"assetcommitment\":\"0a00\",\"amountcommitment\":\"0800\"",
		",\"amountcommitment\":\"0800\",\"asset\":\"00\""};
	static const char *const broken[] = {"", ",\"asset\":\"00\"", ",\"asset\":7"};
	char more[128];
	world_begin();
	world_mine();
	world_start();
	fake_run(&fake, 3000);
	for (size_t i = 0; i < ARRAY_LEN(not_ours) + ARRAY_LEN(broken); i++) {
		const bool shaped = i < ARRAY_LEN(not_ours);
		if (i == 0)
			(void)snprintf(more, sizeof more, asset, 7);
		else
			(void)snprintf(more, sizeof more, "%s",
				shaped ? not_ours[i] : broken[i - ARRAY_LEN(not_ours)]);
		chain.unspent = json_array();
		json_push(chain.unspent, unspent(&deposit, wallet_spk, "0.5"));
		json_push(chain.unspent, unspent_more(&spend, wallet_spk, "0.25", more));
		called = 0;
		CHECK(layer_scan(fake.layer, NULL, 0, on_scan, NULL) == OK);
		fake_run(&fake, 2000);
		CHECK(called == 1 && (scanned.err == OK) == shaped);
		CHECK(!shaped || amount_cmp(scanned.wallet, amount_of(ASSET_LBTC, 50000000)) == 0);
		json_free(chain.unspent);
	}
	world_end();
}

/* In blocks: said to be there, and no event. */
static void test_noticed(void)
{
	static const uint8_t to_them[34] = {0x51, 0x20, 0x77};
	for (unsigned i = 0; i < 3; i++) {
		struct elements_txin in[1];
		struct elements_txout out[1];
		struct elements_tx tx = {.in = in, .out = out};
		struct chain_tx strange;
		size_t used;
		world_begin();
		CHECK(elements_tx_parse(&tx, &used, 1, 1, slice_of(deposit.raw, deposit.len)) ==
			OK);
		struct buf raw = buf_init(strange.raw, sizeof strange.raw);
		if (i == 1) { /* as much of it, blinded: of any content, since nobody opens it */
			out[0].value = (struct elements_value){{ELEMENTS_VALUE_COMMITMENT, 1}};
		} else {
			out[0].asset.b[7] ^= 1;
		}
		if (i == 2)
			out[0].script = slice_of(to_them, sizeof to_them);
		elements_tx_put(&raw, &tx);
		elements_tx_id(&strange.txid, &tx);
		CHECK(!raw.overflow);
		strange.len = raw.len;
		strange.big = NULL;
		chain_mine(&chain, &strange, 1);
		world_start();
		fake_run(&fake, 3000);
		CHECK(fake.block_count == 1 && fake.event_count == 0);
		CHECK(fake_info(&fake).err == OK);
		CHECK((strstr(fake_info(&fake).detail, "not counted") != NULL) == (i < 2));
		world_end();
	}
}

static struct json *lie_asset(void *ctx, struct json *honest)
{
	char text[65];
	(void)ctx;
	(void)snprintf(text, sizeof text, "%064d", 1);
	json_set_string(honest, "pegged_asset", text);
	return honest;
}

/* A node that is no elementsd, or of another Liquid, is on the wrong network. */
static void test_sidechain(void)
{
	static const struct {
		fake_lie lie;
		enum err err;
	} lies[] = {{NULL, OK}, {lie_empty, ERR_FORMAT}, {lie_text, ERR_FORMAT},
		{lie_asset, ERR_NETWORK}};
	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		world_begin();
		world_mine();
		chain.genesis = fake.layer->config.network->genesis;
		if (lies[i].lie != NULL) {
			fake.lie_method = "getsidechaininfo";
			fake.lie = lies[i].lie;
		}
		CHECK(layer_check(fake.layer, on_info, NULL) == OK);
		fake_run(&fake, 1000);
		CHECK(checked.err == lies[i].err && (checked.err == OK) == (i == 0));
		world_end();
	}
	world_begin();
	world_mine();
	chain.genesis = fake.layer->config.network->genesis;
	chain.liquid = NULL;
	CHECK(layer_check(fake.layer, on_info, NULL) == OK);
	fake_run(&fake, 1000);
	CHECK(checked.err == ERR_NETWORK && strstr(checked.detail, "no elementsd") != NULL);
	world_end();
}

static void test_both(enum layer_id layer)
{
	world_layer = layer;
	test_submit();
	test_status();
	test_scan();
	test_check();
	test_fee();
	test_destroy();
	test_watching();
}

int main(void)
{
	test_both(LAYER_LIQUID);
	test_other_assets();
	test_noticed();
	test_sidechain();
	test_both(LAYER_BITCOIN);
	test_scan_deposits();
	test_btcd();
	test_old_tip();
	return EXIT_SUCCESS;
}
