/* The Lightning adapter: what it checks, follows, tells and pays, whatever its node answers. What
 * two honest nodes do is tests/contract/channel_contract.c's. */
#include <stdlib.h>

#include "layer/lightning/channels.h"
#include "layer/lightning_fake_test.h"

static void test_check(void)
{
	ln_world_begin();
	CHECK(ask_check()->err == OK && w.info.tip.height == HEIGHT);
	CHECK(strcmp(w.info.version, "0.21.0-beta") == 0 && w.info.health.up);
	node_info(HEIGHT, "regtest", true, 0);
	ln_world_start();
	CHECK(ask_info()->err == OK && strstr(ask_info()->detail, "no channel") != NULL);
	node_info(HEIGHT, "mainnet", true, 1);
	CHECK(ask_check()->err == ERR_NETWORK && strstr(w.info.detail, "wrong network") != NULL);
	node_info(HEIGHT, "regtest", false, 1);
	CHECK(ask_check()->err == ERR_STATE && w.info.syncing);
	node_says(PATH_INFO, ANSWER, 200, "{\"version\":");
	CHECK(ask_check()->err == ERR_FORMAT);
	node_says(PATH_INFO, SILENCE, 0, "");
	CHECK(ask_check()->err == ERR_UNAVAILABLE && !w.info.health.up);
	for (enum path p = 0; p < PATH_COUNT; p++)
		node_says(p, DOWN, 0, "");
	CHECK(ask_check()->err == ERR_UNAVAILABLE && w.info.health.last_error[0] != 0);
	for (enum path p = PATH_SETTLE; p < PATH_COUNT; p++)
		node_not_found(p);
	node_refuses(PATH_INFO, "wallet locked, unlock it to enable full RPC access");
	CHECK(ask_check()->err == ERR_UNAVAILABLE &&
		strstr(w.info.detail, "wallet locked") != NULL);
	ln_world_run(2000);
	CHECK(ask_info()->err == ERR_UNAVAILABLE &&
		strstr(ask_info()->detail, "wallet locked") != NULL);
	node_refuses(
		PATH_INFO, "verification failed: signature mismatch after caveat verification");
	CHECK(ask_check()->err == ERR_DENIED && strstr(w.info.detail, "permission denied") != NULL);
	ln_world_run(2000);
	CHECK(ask_info()->err == ERR_DENIED);
	node_info(HEIGHT, "regtest", true, 1);
	node_refuses(PATH_CANCEL, "permission denied");
	CHECK(ask_check()->err == ERR_DENIED && strstr(w.info.detail, "change invoices") != NULL);
	node_not_found(PATH_CANCEL);
	CHECK(ask_check()->err == OK);
	ln_world_end();
}

/* What it holds with is a plugin: without it, or with one that gives up at another time than ours,
 * everything else goes on, and nobody is promised an invoice. */
static void test_plugin(void)
{
	static const char command[] =
		"{\"code\":-32601,\"message\":\"Unknown command 'listholdinvoices'\"}";
	static const char option[] =
		"{\"code\":-32602,\"message\":\"config: Unknown config option\"}";
	static const char denied[] = "{\"code\":1502,\"message\":\"Rune is not valid\"}";
	static const char good[] = "{\"configs\":{\"hold-expiry-deadline\":{\"value_int\":18}}}";
	ln_world_begin_cln();
	CHECK(ask_check()->err == OK);
	ln_world_start();
	CHECK(ask_info()->err == OK && ask_info()->detail[0] == 0);
	node_says(PATH_HODL, ANSWER, 500, option);
	node_says(PATH_INVOICE, ANSWER, 404, command);
	node_says(PATH_CANCEL, ANSWER, 404, command);
	ln_world_run(LN_HOLDS_MS + 5000);
	CHECK(ask_info()->err == OK && strstr(ask_info()->detail, "plugin hold") != NULL);
	CHECK(ask_check()->err == OK);
	ask_offer();
	CHECK(w.offer_err == ERR_UNAVAILABLE);
	ln_world_watch(false); /* and is paid by it */
	node_says(PATH_HODL, ANSWER, 201,
		"{\"configs\":{\"hold-expiry-deadline\":{\"value_int\":144}}}");
	ln_world_run(LN_HOLDS_MS + 5000);
	CHECK(strstr(ask_info()->detail, "hold-expiry-deadline is 144") != NULL);
	ask_offer();
	CHECK(w.offer_err == ERR_UNAVAILABLE);
	/* no answer says nothing; a good one does */
	node_says(PATH_HODL, BROKEN, 0, "");
	ln_world_run(LN_HOLDS_MS + 5000);
	CHECK(strstr(ask_info()->detail, "hold-expiry-deadline is 144") != NULL);
	node_says(PATH_HODL, ANSWER, 201, good);
	ln_world_run(LN_HOLDS_MS + 5000);
	CHECK(ask_info()->err == OK && ask_info()->detail[0] == 0);
	/* a rune that is good for paying */
	node_says(PATH_INVOICE, ANSWER, 401, denied);
	CHECK(ask_check()->err == OK);
	ln_world_run(LN_HOLDS_MS + 5000);
	CHECK(strstr(ask_info()->detail, "see invoices") != NULL);
	node_says(PATH_TRACK, ANSWER, 401, denied);
	CHECK(ask_check()->err == ERR_DENIED);
	ln_world_end();
}

static void test_behind(void)
{
	ln_world_begin();
	ln_world_start();
	node_info(HEIGHT + 2, "regtest", true, 1);
	ln_world_run(2000);
	CHECK(w.last_block.height == HEIGHT + 2 && !ask_info()->syncing);
	/* a node that knows less than before is behind; nothing was taken back */
	node_info(HEIGHT - 1, "regtest", true, 1);
	ln_world_run(2000);
	CHECK(ask_info()->syncing && ask_info()->err == ERR_STATE && w.reorg_count == 0);
	node_info(HEIGHT + 3, "regtest", true, 1);
	ln_world_run(2000);
	CHECK(w.last_block.height == HEIGHT + 3 && ask_info()->err == OK && w.reorg_count == 0);
	ln_world_end();
}

/* HAZARDS 30: what counts is what the HTLCs say. */
static void test_held(void)
{
	ln_world_begin();
	node_says(PATH_SUBSCRIBE, STREAM, 200, node_invoice("OPEN", "", false, true));
	ln_world_watch(true);
	ln_world_start();
	CHECK(w.fact_count == 0 && w.says[PATH_SUBSCRIBE].asked == 1);
	node_streams(node_invoice("ACCEPTED", "", false, true));
	node_streams(node_invoice("ACCEPTED", HELD("19999999", "621"), false, true));
	node_streams(node_invoice("ACCEPTED", GONE, false, true));
	ln_world_run(10);
	CHECK(w.fact_count == 0);
	w.fact_answer = ERR_FULL;
	node_streams(node_invoice(
		"ACCEPTED", HELD("10000000", "621") "," HELD("10000000", "640"), false, true));
	ln_world_run(1000);
	CHECK(w.fact_count == 0);
	w.fact_answer = OK;
	ln_world_run(100);
	CHECK(w.fact_count == 1 && w.fact[0].kind == CHAIN_LOCK && w.fact[0].timelock == 621 - 18);
	CHECK(amount_cmp(w.fact[0].amount, amount_of(ASSET_BTC, SAT)) == 0);
	CHECK(id128_eq(&w.fact[0].swap, &w.swap) && hash256_eq(&w.fact[0].at.tx, &w.hash));
	/* they are gone, and the node still calls it accepted */
	node_streams(node_invoice("ACCEPTED", GONE "," GONE, false, true));
	ln_world_run(10);
	CHECK(w.fact_count == 2 && w.fact[1].kind == CHAIN_LOCK_SPENT);
	CHECK(w.fact[1].spend == LOCK_SPEND_REFUND && hash256_is_zero(&w.fact[1].tx));
	layer_unwatch_lock(w.layer, &w.swap);
	ln_world_run(1000);
	CHECK(w.fact_count == 2);
	ln_world_end();
}

/* More than have a connection each: asked for now and then. */
static void test_many(void)
{
	static uint8_t bytes[LAYER_LEG_MAX];
	ln_world_begin();
	node_says(PATH_SUBSCRIBE, STREAM, 200, "");
	/* streams of others, which this one finds no room beside */
	for (uint32_t i = 0; i < LN_FOLLOWED_MAX; i++) {
		struct buf leg = buf_init(bytes, sizeof bytes);
		const struct id128 swap = {{2, (uint8_t)i, (uint8_t)(i >> 8)}};
		ln_world_secret(i + 1);
		const struct leg_offer o = ln_world_terms(true);
		CHECK(layer_leg_make(&leg, LAYER_LIGHTNING, &o) == OK);
		CHECK(layer_watch_lock(w.layer, &swap, buf_slice(&leg)) == OK);
	}
	ln_world_secret(0);
	ln_world_watch(true);
	node_says(PATH_INVOICE, ANSWER, 200, node_invoice("OPEN", "", false, false));
	ln_world_start();
	CHECK(w.says[PATH_SUBSCRIBE].asked == LN_FOLLOWED_MAX && w.says[PATH_INVOICE].asked == 1);
	node_says(PATH_INVOICE, ANSWER, 200,
		node_invoice("ACCEPTED", HELD("20000000", "621"), false, false));
	ln_world_run(6000);
	CHECK(w.fact_count == 1 && w.fact[0].kind == CHAIN_LOCK);
	CHECK(id128_eq(&w.fact[0].swap, &w.swap));
	ln_world_end();
}

static void test_settled(void)
{
	struct hash256 id;
	ln_world_begin();
	node_says(PATH_SUBSCRIBE, STREAM, 200,
		node_invoice("ACCEPTED", HELD("20000000", "621"), false, true));
	ln_world_watch(true);
	ln_world_start();
	CHECK(w.fact_count == 1);
	node_streams(node_invoice("SETTLED", HELD("20000000", "621"), true, true)); /* on its way */
	ln_world_run(10);
	CHECK(w.fact_count == 1);
	node_streams(node_invoice("SETTLED",
		"{\"state\":\"SETTLED\",\"amt_msat\":\"20000000\",\"expiry_height\":621}", true,
		true));
	ln_world_run(10);
	ln_command_id(&id, LN_SETTLE, &w.hash);
	CHECK(w.fact_count == 2 && w.fact[1].spend == LOCK_SPEND_CLAIM);
	CHECK(hash256_eq(&w.fact[1].preimage, &w.preimage) && hash256_eq(&w.fact[1].tx, &id));
	CHECK(layer_status(w.layer, &id, ln_world_on_status, NULL) == OK);
	ln_world_wait();
	CHECK(w.status.presence == TX_CONFIRMED && !w.status.reverted);
	ln_world_end();
}

/* HAZARDS 29: nothing that the node answers, or does not, is a failure before it says so itself. */
static void test_pay_unknown(void)
{
	ln_world_begin();
	ln_world_watch(false);
	ln_world_start();
	node_says(PATH_TRACK, SILENCE, 0, "");
	CHECK(ask_pay() == SUBMIT_UNKNOWN && w.says[PATH_SEND].asked == 0);
	node_says(PATH_TRACK, ANSWER, 500, "<html>");
	CHECK(ask_pay() == SUBMIT_UNKNOWN && w.says[PATH_SEND].asked == 0);
	node_not_found(PATH_TRACK);
	node_info(HEIGHT, "regtest", false, 1);
	CHECK(ask_pay() == SUBMIT_UNKNOWN && w.says[PATH_SEND].asked == 0);
	node_info(HEIGHT, "regtest", true, 1);
	/* sent, and the connection broke: asked for by its hash, and not sent again */
	node_says(PATH_SEND, BROKEN, 0, "");
	node_says(
		PATH_TRACK, ANSWER, 500, "{\"error\":{\"code\":2,\"message\":\"shutting down\"}}");
	w.says[PATH_TRACK].asked = 0;
	{
		const struct ln_command c = ln_world_pay();
		static uint8_t bytes[LN_COMMAND_MAX];
		struct buf out = buf_init(bytes, sizeof bytes);
		node_not_found(PATH_TRACK);
		ln_command_put(&out, &c);
		CHECK(layer_submit(w.layer, buf_slice(&out), ln_world_on_submit, NULL) == OK);
		ln_world_run(1);
		node_says(PATH_TRACK, SILENCE, 0, "");
		ln_world_wait();
		CHECK(w.submit.outcome == SUBMIT_UNKNOWN && w.says[PATH_SEND].asked == 1);
	}
	CHECK(ask_pay() == SUBMIT_UNKNOWN && w.says[PATH_SEND].asked == 1);
	CHECK(w.fact_count == 0);
	/* the node is back, and it was paid */
	node_payment(PATH_TRACK, ENDED, "SUCCEEDED", "");
	ln_world_run(60000);
	CHECK(w.fact_count == 1 && w.fact[0].spend == LOCK_SPEND_CLAIM);
	/* what left us: with the fee, rounded up */
	CHECK(amount_cmp(w.fact[0].amount, amount_of(ASSET_BTC, SAT + 2)) == 0);
	CHECK(hash256_eq(&w.fact[0].preimage, &w.preimage));
	CHECK(ask_pay() == SUBMIT_KNOWN && w.says[PATH_SEND].asked == 1 && w.fact_count == 2);
	ln_world_end();
}

static void test_pay_limits(void)
{
	struct ln_command c;
	ln_world_begin();
	ln_world_watch(false);
	ln_world_start();
	c = ln_world_pay();
	c.max_height = HEIGHT + 85;
	CHECK(ask_submit(&c) == SUBMIT_REJECTED && strstr(w.submit.detail, "too late") != NULL);
	c = ln_world_pay();
	c.deadline_ms = NOW_S * 1000;
	CHECK(ask_submit(&c) == SUBMIT_REJECTED && w.says[PATH_SEND].asked == 0);
	node_payment(PATH_SEND, STREAM, "IN_FLIGHT", PART);
	CHECK(ask_pay() == SUBMIT_ACCEPTED);
	CHECK(node_was_told(PATH_SEND, "\"cltv_limit\":297") &&
		node_was_told(PATH_SEND, "\"timeout_seconds\":60"));
	CHECK(node_was_told(PATH_SEND, "\"fee_limit_msat\":\"77000\""));
	ln_world_run(10);
	CHECK(w.fact_count == 1 && w.fact[0].kind == CHAIN_LOCK && w.fact[0].timelock == 583);
	CHECK(ask_pay() == SUBMIT_KNOWN && w.says[PATH_SEND].asked == 1);
	ln_world_end();
}

/* An invoice that has run out, and one that is nobody's after all its HTLCs could have been. */
static void test_pay_forgotten(void)
{
	ln_world_begin();
	ln_world_watch(false);
	ln_world_start();
	node_info(HEIGHT + 300, "regtest", true, 1);
	CHECK(ask_pay() == SUBMIT_REJECTED && w.fact_count == 0);
	node_info(HEIGHT + 300 + 289, "regtest", true, 1);
	CHECK(ask_pay() == SUBMIT_REJECTED);
	ln_world_run(2000);
	CHECK(w.fact_count == 1 && w.fact[0].spend == LOCK_SPEND_REFUND &&
		w.says[PATH_SEND].asked == 0);
	ln_world_end();
	ln_world_begin();
	ln_world_start();
	ln_world_run(3600 * 1000);
	struct ln_command c = ln_world_pay();
	c.deadline_ms = (NOW_S + 7200) * 1000;
	CHECK(ask_submit(&c) == SUBMIT_REJECTED && w.says[PATH_SEND].asked == 0);
	ln_world_end();
}

/* HAZARDS 28: failed is what the node calls so with no part in flight. */
/* The node never ends it: once no HTLC of it can be alive, on the chain either, it has failed. */
static void test_pay_never_ends(void)
{
	struct ln_command c;
	ln_world_begin();
	ln_world_watch(false);
	ln_world_start();
	c = ln_world_pay();
	node_payment(PATH_SEND, STREAM, "IN_FLIGHT", PART);
	CHECK(ask_pay() == SUBMIT_ACCEPTED);
	ln_world_run(10);
	const uint32_t facts = w.fact_count; /* that it is under way */
	node_payment(PATH_TRACK, STREAM, "IN_FLIGHT", PART);
	node_info((uint32_t)c.max_height + LN_FORGOTTEN_BLOCKS, "regtest", true, 1);
	ln_world_run(60000);
	CHECK(ask_pay() == SUBMIT_KNOWN && w.fact_count == facts);
	node_info((uint32_t)c.max_height + LN_FORGOTTEN_BLOCKS + 1, "regtest", true, 1);
	ln_world_run(60000);
	CHECK(ask_pay() == SUBMIT_KNOWN && w.fact_count == facts + 1);
	CHECK(w.fact[facts].spend == LOCK_SPEND_REFUND && w.says[PATH_SEND].asked == 1);
	ln_world_end();
}

static void test_pay_failed(void)
{
	ln_world_begin();
	ln_world_watch(false);
	ln_world_start();
	node_payment(PATH_SEND, STREAM, "IN_FLIGHT", PART);
	CHECK(ask_pay() == SUBMIT_ACCEPTED);
	node_payment(PATH_TRACK, STREAM, "FAILED", PART);
	node_streams(w.says[PATH_TRACK].text);
	ln_world_run(1000);
	CHECK(w.fact_count == 1 && w.fact[0].kind == CHAIN_LOCK);
	node_payment(PATH_TRACK, STREAM, "FAILED", "{\"status\":\"FAILED\",\"preimage\":\"\"}");
	node_streams(w.says[PATH_TRACK].text);
	ln_world_run(1000);
	CHECK(w.fact_count == 2 && w.fact[1].spend == LOCK_SPEND_REFUND);
	/* and not tried again, by this process or the next */
	CHECK(ask_pay() == SUBMIT_KNOWN && w.says[PATH_SEND].asked == 1);
	node_payment(PATH_TRACK, ENDED, "FAILED", "{\"status\":\"FAILED\",\"preimage\":\"\"}");
	layer_destroy(w.layer);
	ln_node_destroy(w.node);
	ln_world_layer();
	w.fact_count = w.block_count = 0;
	ln_world_start();
	CHECK(ask_pay() == SUBMIT_KNOWN && w.says[PATH_SEND].asked == 1);
	ln_world_run(100);
	CHECK(w.fact_count == 1 && w.fact[0].spend == LOCK_SPEND_REFUND);
	static const struct id128 nobody;
	CHECK(id128_eq(&w.fact[0].swap, &nobody));
	/* watched after its command was sent: the fact is its swap's */
	ln_world_watch(false);
	ln_world_run(2000);
	CHECK(w.fact_count == 2 && id128_eq(&w.fact[1].swap, &w.swap));
	ln_world_end();
}

int main(void)
{
	const uint8_t seed[32] = {1};
	secp_init(seed);
	test_check();
	test_plugin();
	test_behind();
	test_held();
	test_many();
	test_settled();
	test_pay_unknown();
	test_pay_limits();
	test_pay_forgotten();
	test_pay_never_ends();
	test_pay_failed();
	return EXIT_SUCCESS;
}
