/* The Lightning adapter: commands, offers, scans, the pure half, and its end. */
#include <stdio.h>
#include <stdlib.h>

#include "base/base64.h"
#include "layer/lightning_fake_test.h"

static void test_settle_answers(void)
{
	struct ln_command c = {.kind = LN_SETTLE, .preimage = w.preimage};
	ln_world_begin();
	c.preimage = w.preimage;
	ln_world_start();
	CHECK(ask_submit(&c) ==
		SUBMIT_UNKNOWN); /* it knows of no such invoice: restored, perhaps */
	node_says(PATH_SETTLE, ANSWER, 200, "{}");
	CHECK(ask_submit(&c) == SUBMIT_ACCEPTED);
	node_refuses(PATH_SETTLE, "invoice already canceled");
	CHECK(ask_submit(&c) == SUBMIT_CONFLICT);
	node_says(PATH_SETTLE, SILENCE, 0, "");
	CHECK(ask_submit(&c) == SUBMIT_UNKNOWN);
	node_says(PATH_SETTLE, ANSWER, 200, "not JSON");
	CHECK(ask_submit(&c) == SUBMIT_UNKNOWN);
	CHECK(layer_submit(w.layer, slice_str("\x09"), ln_world_on_submit, NULL) == ERR_FORMAT);
	ln_world_end();
}

static void test_offer(void)
{
	char text[TEXT_MAX];
	ln_world_begin();
	struct leg_offer o = ln_world_terms(true);
	CHECK(layer_offer(w.layer, &o, ln_world_on_offer, NULL) == ERR_UNAVAILABLE);
	ln_world_start();
	ln_world_request(121);
	(void)snprintf(text, sizeof text, "{\"payment_request\":\"%s\"}", w.request);
	node_says(PATH_HODL, ANSWER, 200, text);
	ask_offer();
	CHECK(w.offer_err == OK && node_was_told(PATH_HODL, "\"cltv_expiry\":\"121\""));
	CHECK(node_was_told(PATH_HODL, "\"value_msat\":\"20000000\""));
	CHECK(layer_leg_parse(
		      &o, LAYER_LIGHTNING, w.network, slice_of(w.offer_bytes, w.offer_len)) == OK);
	CHECK(slice_eq(o.request, slice_str(w.request)));
	/* made by a process before this one */
	node_refuses(PATH_HODL, "invoice with payment hash already exists");
	node_says(PATH_INVOICE, ANSWER, 200, node_invoice("OPEN", "", false, false));
	ask_offer();
	CHECK(w.offer_err == OK);
	node_says(PATH_INVOICE, ANSWER, 200, node_invoice("CANCELED", "", false, false));
	ask_offer();
	CHECK(w.offer_err == ERR_EXISTS);
	ln_world_request(80); /* whoever pays it may take it back too early */
	node_says(PATH_INVOICE, ANSWER, 200, node_invoice("OPEN", "", false, false));
	ask_offer();
	CHECK(w.offer_err == ERR_EXISTS);
	/* another's */
	node_says(PATH_HODL, ANSWER, 200, text);
	w.hash.b[0] ^= 1;
	ask_offer();
	CHECK(w.offer_err == ERR_FORMAT);
	w.hash.b[0] ^= 1;
	o = ln_world_terms(true);
	o.timelock = HEIGHT;
	CHECK(layer_offer(w.layer, &o, ln_world_on_offer, NULL) == ERR_RANGE);
	o.timelock = HEIGHT + 2016;
	CHECK(layer_offer(w.layer, &o, ln_world_on_offer, NULL) == ERR_RANGE);
	o = ln_world_terms(false);
	CHECK(layer_offer(w.layer, &o, ln_world_on_offer, NULL) == ERR_RANGE);
	ln_world_end();
}

#define CHANNEL(htlcs)                                                                             \
	"{\"channels\":[{\"active\":true,\"remote_pubkey\":"                                       \
	"\"03ebc86c6d62fb1b991b0e0b1256d7a505454a60b0e6644c20cccee865d717a83a\","                  \
	"\"channel_point\":\"00000000000000000000000000000000000000000000000000000000000000ff:0\"" \
	",\"chan_id\":\"1\",\"capacity\":\"5000000\",\"local_balance\":\"1000000\","               \
	"\"remote_balance\":\"1900000\",\"unsettled_balance\":\"90000\",\"commit_fee\":\"3240\","  \
	"\"initiator\":true,\"pending_htlcs\":[" htlcs "]}]}"

static void test_scan(void)
{
	char text[TEXT_MAX], h[BASE64_SIZE(32)];
	base64_encode(h, BASE64, w.hash.b, sizeof w.hash.b);
	ln_world_begin();
	ln_world_start();
	node_says(PATH_PENDING, ANSWER, 200, "{\"total_limbo_balance\":\"7\"}");
	(void)snprintf(text, sizeof text,
		CHANNEL("{\"incoming\":false,\"amount\":\"20000\",\"hash_lock\":\"%s\","
			"\"expiration_height\":583}"),
		h);
	node_says(PATH_CHANNELS, ANSWER, 200, text);
	node_says(PATH_BALANCE, ANSWER, 200,
		"{\"local_balance\":{\"msat\":\"1000000600\"},\"remote_balance\":{\"msat\":\"0\"},"
		"\"unsettled_local_balance\":{\"msat\":\"0\"},\"unsettled_remote_balance\":"
		"{\"msat\":\"20000500\"},\"pending_open_local_balance\":{\"msat\":\"5000\"},"
		"\"pending_open_remote_balance\":{\"msat\":\"0\"}}");
	ask_scan();
	CHECK(w.scan.err == OK && w.scan.block.height == HEIGHT);
	CHECK(amount_cmp(w.scan.locked, amount_of(ASSET_BTC, 20000)) == 0);
	/* 1,000,000.6 + 20,000.5 in the channel, the commitment's 3,240, 7 in limbo */
	CHECK(amount_cmp(w.scan.wallet, amount_of(ASSET_BTC, 1003248)) == 0);
	CHECK(amount_cmp(w.scan.limbo, amount_of(ASSET_BTC, 7)) == 0);
	/* what is paid to us is ours once its invoice is settled; a forward is not */
	(void)snprintf(text, sizeof text,
		CHANNEL("{\"incoming\":true,\"amount\":\"20000\",\"hash_lock\":\"%s\","
			"\"expiration_height\":621}"),
		h);
	node_says(PATH_CHANNELS, ANSWER, 200, text);
	ask_scan();
	CHECK(amount_cmp(w.scan.wallet, amount_of(ASSET_BTC, 1023248)) == 0);
	CHECK(amount_is_zero(w.scan.locked));
	node_says(PATH_INVOICE, ANSWER, 200,
		node_invoice("SETTLED",
			"{\"state\":\"SETTLED\",\"amt_msat\":\"20000000\",\"expiry_height\":621}",
			true, false));
	ask_scan();
	CHECK(amount_cmp(w.scan.wallet, amount_of(ASSET_BTC, 1043248)) == 0);
	node_says(PATH_INVOICE, SILENCE, 0, "");
	ask_scan();
	CHECK(w.scan.err != OK);
	node_not_found(PATH_INVOICE);
	node_says(PATH_BALANCE, ANSWER, 200, "{}");
	ask_scan();
	CHECK(w.scan.err == ERR_FORMAT);
	CHECK(layer_scan_at(w.layer, HEIGHT, ln_world_on_scan, NULL) == ERR_STATE);
	ln_world_end();
}

/* What is held in a channel that is being closed is in limbo by lnd's count: it is the payer's
 * until it is settled. */
static void test_scan_closing(void)
{
	static const char limbo[] =
		"{\"total_limbo_balance\":\"1020000\",\"pending_force_closing_channels\":[{"
		"\"pending_htlcs\":[{\"incoming\":true,\"amount\":\"20000\",\"stage\":1}]}]}";
	ln_world_begin();
	node_says(PATH_SUBSCRIBE, STREAM, 200, node_invoice("OPEN", "", false, true));
	ln_world_watch(true);
	ln_world_start();
	node_says(PATH_CHANNELS, ANSWER, 200, "{\"channels\":[]}");
	node_says(PATH_BALANCE, ANSWER, 200,
		"{\"local_balance\":{\"msat\":\"0\"},\"remote_balance\":{\"msat\":\"0\"},"
		"\"unsettled_local_balance\":{\"msat\":\"0\"},\"unsettled_remote_balance\":"
		"{\"msat\":\"0\"},\"pending_open_local_balance\":{\"msat\":\"0\"},"
		"\"pending_open_remote_balance\":{\"msat\":\"0\"}}");
	node_says(PATH_PENDING, ANSWER, 200, limbo);
	ask_scan(); /* of somebody else's, which may be settled */
	CHECK(amount_cmp(w.scan.wallet, amount_of(ASSET_BTC, 1020000)) == 0);
	node_streams(node_invoice("ACCEPTED", HELD("20000000", "621"), false, true));
	ln_world_run(1000);
	ask_scan();
	CHECK(w.scan.err == OK && amount_cmp(w.scan.wallet, amount_of(ASSET_BTC, 1000000)) == 0);
	CHECK(amount_cmp(w.scan.limbo, amount_of(ASSET_BTC, 1000000)) == 0);
	node_streams(node_invoice("SETTLED",
		"{\"state\":\"SETTLED\",\"amt_msat\":\"20000000\",\"expiry_height\":621}", true,
		true));
	ln_world_run(1000);
	ask_scan();
	CHECK(amount_cmp(w.scan.wallet, amount_of(ASSET_BTC, 1020000)) == 0);
	ln_world_end();
}

/* Looks that differ, and none like the one before it: what lies between them. */
static void test_scan_moving(void)
{
	ln_world_begin();
	ln_world_start();
	CHECK(layer_scan(w.layer, NULL, 0, ln_world_on_scan, NULL) == OK);
	for (unsigned i = 0; i < 100 && !w.done; i++) {
		char text[64];
		(void)snprintf(text, sizeof text, "{\"total_limbo_balance\":\"%u\"}", i);
		node_says(PATH_PENDING, ANSWER, 200, text);
		ln_world_run(100);
	}
	CHECK(w.done && w.scan.err == OK);
	const struct amount spread = w.scan.spread;
	CHECK(!amount_is_zero(spread) && amount_cmp(spread, amount_of(ASSET_BTC, 100)) < 0);
	w.done = false;
	ln_world_end();
}

static void test_pure(void)
{
	static uint8_t bytes[LAYER_LEG_MAX], to[LAYER_DESTINATION_MAX];
	static char text[LAYER_ADDRESS_TEXT_SIZE], upper[BOLT11_TEXT_MAX + 16];
	struct buf leg = buf_init(bytes, sizeof bytes);
	size_t len;
	ln_world_begin();
	struct leg_offer o = ln_world_terms(true), p;
	CHECK(layer_leg_make(&leg, LAYER_LIGHTNING, &o) == OK);
	for (size_t i = 0; i < leg.len; i++)
		CHECK(layer_leg_parse(&p, LAYER_LIGHTNING, w.network, slice_of(bytes, i)) ==
			ERR_FORMAT);
	bytes[0] = 2;
	CHECK(layer_leg_parse(&p, LAYER_LIGHTNING, w.network, buf_slice(&leg)) == ERR_FORMAT);
	bytes[0] = 1;
	bytes[1] ^= 1; /* the hash is not the invoice's */
	CHECK(layer_leg_parse(&p, LAYER_LIGHTNING, w.network, buf_slice(&leg)) == ERR_FORMAT);
	bytes[1] ^= 1;
	bytes[33] ^= 1; /* the amount */
	CHECK(layer_leg_parse(&p, LAYER_LIGHTNING, w.network, buf_slice(&leg)) == ERR_FORMAT);
	const struct network *mainnet = network_by_name(LAYER_LIGHTNING, slice_str("mainnet"));
	bytes[33] ^= 1;
	CHECK(layer_leg_parse(&p, LAYER_LIGHTNING, mainnet, buf_slice(&leg)) == ERR_FORMAT);
	o.amount = amount_of(ASSET_BTC, SAT - 1);
	CHECK(layer_leg_make(&leg, LAYER_LIGHTNING, &o) == ERR_FORMAT);
	o = ln_world_terms(true);
	o.timelock = 0;
	CHECK(layer_leg_make(&leg, LAYER_LIGHTNING, &o) == ERR_RANGE);
	(void)snprintf(upper, sizeof upper, "LIGHTNING:%s", w.request);
	for (char *c = upper; *c != 0; c++)
		*c = *c >= 'a' && *c <= 'z' ? (char)(*c & ~0x20) : *c;
	CHECK(layer_address_check(LAYER_LIGHTNING, w.network, to, &len, slice_str(upper)) == OK);
	CHECK(layer_address_format(LAYER_LIGHTNING, w.network, text, slice_of(to, len)) == OK);
	CHECK(strcmp(text, w.request) == 0);
	upper[12] = 'n';
	CHECK(layer_address_check(LAYER_LIGHTNING, w.network, to, &len, slice_str(upper)) != OK);
	CHECK(layer_address_check(LAYER_LIGHTNING, mainnet, to, &len, slice_str(w.request)) ==
		ERR_NETWORK);
	ln_world_end();
}

/* The layer goes with everything open: nobody is called back. */
static void test_destroyed(void)
{
	const struct ln_command c = ln_world_pay();
	static uint8_t bytes[LN_COMMAND_MAX];
	struct buf out = buf_init(bytes, sizeof bytes);
	ln_world_begin();
	ln_world_watch(false);
	ln_world_start();
	for (enum path p = 0; p < PATH_COUNT; p++)
		node_says(p, SILENCE, 0, "");
	ln_command_put(&out, &c);
	const struct leg_offer o = ln_world_terms(true);
	const struct hash256 id = {{1}};
	CHECK(layer_check(w.layer, ln_world_on_info, NULL) == OK);
	CHECK(layer_submit(w.layer, buf_slice(&out), ln_world_on_submit, NULL) == OK);
	CHECK(layer_scan(w.layer, NULL, 0, ln_world_on_scan, NULL) == OK);
	CHECK(layer_offer(w.layer, &o, ln_world_on_offer, NULL) == OK);
	CHECK(layer_status(w.layer, &id, ln_world_on_status, NULL) == OK);
	CHECK(layer_block_at(w.layer, 1, ln_world_on_block, NULL) == OK);
	ln_world_run(1);
	w.done = false; /* the status needs nobody */
	layer_destroy(w.layer);
	w.layer = NULL;
	ln_world_run(60000);
	CHECK(!w.done);
	ln_world_end();
}

int main(void)
{
	const uint8_t seed[32] = {1};
	secp_init(seed);
	test_settle_answers();
	test_offer();
	test_scan();
	test_scan_closing();
	test_scan_moving();
	test_pure();
	test_destroyed();
	return EXIT_SUCCESS;
}
