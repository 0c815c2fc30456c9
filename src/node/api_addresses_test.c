/* Deposit addresses by HTTP: given once for each name, and what was paid to them. */
#include <stdio.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/hex.h"
#include "node/api_client_test.h"
#include "node/effect_plan.h"

#define ADDRESSES "/v1/addresses"
#define DEPOSITS "/v1/deposits"
#define ID "00112233445566778899aabbccddeeff"
#define OTHER "ff112233445566778899aabbccddeeff"
#define BODY "{\"id\":\"" ID "\"}"
#define BODY_WITH_MORE "{\"id\":\"00112233445566778899aabbccddeeff\",\"more\":1}"

static struct world w;

static void check_address(const char *id, unsigned status, uint64_t index, const char *address)
{
	char body[64];
	uint64_t got;
	(void)snprintf(body, sizeof body, "{\"id\":\"%s\"}", id);
	struct reply r = ask_post(&w, ADDRESSES, OPERATOR_TOKEN, NULL, body);
	expect(&r, status, NULL, id);
	CHECK(strcmp(reply_text(&r, "id"), id) == 0);
	CHECK(strcmp(reply_text(&r, "address"), address) == 0);
	CHECK(strncmp(reply_text(&r, "uri"), "bitcoin:", 8) == 0);
	CHECK(json_get_u64(r.json, "index", &got) == OK && got == index);
	reply_free(&r);
}

/* Bitcoin Core's deriveaddresses says the same. */
static const char *const address[] = {
	"bcrt1qydqk2ktlg3t9pmhsq54he27yefvselt6q2jwqm",
	"bcrt1qr9ggc3p3tptv89285ysdxqa7mkcm0ea6t559pn",
};

static void test_given(void)
{
	check_address(ID, 201, 0, address[0]);
	check_address(OTHER, 201, 1, address[1]);
	const uint64_t records = w.ledger->seq;
	check_address(ID, 200, 0, address[0]);
	CHECK(w.ledger->seq == records);
	static const char *const bad[] = {"{}", "{\"id\":7}", "{\"id\":\"12\"}",
		"{\"id\":\"00000000000000000000000000000000\"}", BODY_WITH_MORE};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		expect_only(ask_post(&w, ADDRESSES, OPERATOR_TOKEN, NULL, bad[i]), 400,
			"invalid_request", bad[i]);
	expect_only(ask_post(&w, ADDRESSES, NULL, NULL, BODY), 401, "unauthorized", "nobody");
	expect_only(ask_post(&w, ADDRESSES, READER_TOKEN, NULL, BODY), 403, "forbidden", "reader");
	CHECK(w.ledger->seq == records);
}

static void pay(uint32_t index, uint8_t tx, uint64_t sat)
{
	const struct chain_event e = {.kind = CHAIN_COIN_CREATED,
		.tx = {{tx, 8}},
		.at = {.tx = {{tx, 8}}, .index = 3},
		.key_index = KEY_INDEX_DEPOSIT | index,
		.amount = amount_of(ASSET_BTC, sat)};
	world_block(&w, LAYER_BITCOIN, &e, 1);
}

static void holds(const char *id, const char *final, const char *confirmed)
{
	char path[64];
	(void)snprintf(path, sizeof path, ADDRESSES "/%s", id);
	struct reply r = ask_get(&w, path, READER_TOKEN);
	expect(&r, 200, NULL, path);
	CHECK(strcmp(reply_text(&r, "final"), final) == 0);
	CHECK(strcmp(reply_text(&r, "confirmed"), confirmed) == 0);
	reply_free(&r);
}

static void test_paid(void)
{
	holds(ID, "0", "0");
	pay(0, 1, 1000);
	pay(0, 2, 20000);
	holds(ID, "0", "0.00021");
	pay(1, 3, 300000); /* the third block: the first deposit is deep now */
	holds(ID, "0.00001", "0.0002");
	world_block(&w, LAYER_BITCOIN, NULL, 0);
	world_block(&w, LAYER_BITCOIN, NULL, 0);
	holds(ID, "0.00021", "0");
	holds(OTHER, "0.003", "0");
	expect_only(ask_get(&w, ADDRESSES "/aa112233445566778899aabbccddeeff", READER_TOKEN), 404,
		"not_found", "nobody's");
	expect_only(ask_get(&w, ADDRESSES "/x", READER_TOKEN), 404, "not_found", "no id");
}

static void test_listed(void)
{
	pay(50, 4, 700); /* an address that was given to nobody */
	struct reply r = ask_get(&w, DEPOSITS "?limit=3", READER_TOKEN);
	expect(&r, 200, NULL, "deposits");
	CHECK(json_count(reply_at(&r, "deposits")) == 3);
	CHECK(json_type(reply_at(&r, "deposits.0.address")) == JSON_NULL);
	CHECK(strcmp(reply_text(&r, "deposits.0.state"), "confirmed") == 0);
	CHECK(strcmp(reply_text(&r, "deposits.1.address"), OTHER) == 0);
	CHECK(strcmp(reply_text(&r, "deposits.1.state"), "final") == 0);
	CHECK(strcmp(reply_text(&r, "deposits.2.amount"), "0.0002") == 0);
	char path[128];
	(void)snprintf(path, sizeof path, DEPOSITS "?cursor=%s", reply_text(&r, "next_cursor"));
	reply_free(&r);
	r = ask_get(&w, path, READER_TOKEN);
	expect(&r, 200, NULL, "the rest");
	CHECK(json_count(reply_at(&r, "deposits")) == 1); /* and none of the wallet's own coins */
	CHECK(json_type(reply_at(&r, "next_cursor")) == JSON_NULL);
	reply_free(&r);
}

/* The books show apart what can't be spent online. */
static void test_accounts(void)
{
	struct reply r = ask_get(&w, "/v1/accounts", READER_TOKEN);
	expect(&r, 200, NULL, "accounts");
	const struct json *list = reply_at(&r, "layers.0.accounts");
	bool seen = false;
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *one = json_at(list, i);
		if (strcmp(json_get_string(one, "account"), "watched") != 0)
			continue;
		seen = strcmp(json_get_string(one, "balance"), "0.00321") == 0;
	}
	CHECK(seen);
	reply_free(&r);
}

/* ---- sweeps ---- */

#define SWEEPS "/v1/sweeps"

/* What the effect runner does with it. */
static void make_known(const char *id)
{
	static struct sweep sweep;
	static uint8_t bytes[8192];
	struct buf raw = buf_init(bytes, sizeof bytes);
	struct hash256 txid;
	struct id128 name;
	CHECK(hex_decode(name.b, sizeof name.b, slice_str(id)) == OK);
	const struct transfer *t = ledger_transfer(w.ledger, &name);
	const struct effect *f = &w.ledger->effect[t->effect];
	CHECK(t->sweep && t->to_wallet);
	effect_sweep(&sweep, w.ledger, f);
	CHECK(sweep_tx(&raw, &txid, &sweep) == OK);
	CHECK(engine_prepared(w.engine, 1, &f->id, 0, &txid, amount_from_sat(sweep.fee),
		      slice_of(NULL, 0)) == OK);
}

static void psbt_is_told(const char *path, const char *version, uint8_t want)
{
	char url[128];
	uint8_t bytes[64];
	(void)snprintf(url, sizeof url, "%s/psbt%s", path, version);
	struct reply r = ask_get(&w, url, READER_TOKEN);
	expect(&r, 200, NULL, url);
	CHECK(base64_decode(bytes, 48, BASE64, slice_of(reply_text(&r, "psbt"), 64)) == OK);
	CHECK(memcmp(bytes, "psbt\xff", 5) == 0);
	/* version 0 begins with the transaction, version 2 with its version */
	CHECK(bytes[5] == 1 && bytes[6] == want);
	reply_free(&r);
}

static void test_sweep(void)
{
	char id[40], path[96], url[128];
	struct reply r = ask_post(&w, SWEEPS, OPERATOR_TOKEN, "sweep-0123456789abc", "{}");
	expect(&r, 201, NULL, "a sweep");
	(void)snprintf(id, sizeof id, "%.32s", reply_text(&r, "id"));
	CHECK(json_type(reply_at(&r, "sweep")) == JSON_BOOL);
	CHECK(strcmp(reply_text(&r, "signing"), "external") == 0);
	reply_free(&r);
	expect_only(ask_post(&w, SWEEPS, OPERATOR_TOKEN, "sweep-0123456789abc", "{}"), 200, NULL,
		"the same again");
	expect_only(ask_post(&w, SWEEPS, OPERATOR_TOKEN, "sweep-0123456789abc",
			    "{\"amount\":\"0.001\"}"),
		422, "idempotency_mismatch", "another body");
	(void)snprintf(path, sizeof path, "/v1/transfers/%s", id);
	(void)snprintf(url, sizeof url, "%s/psbt", path);
	expect_only(ask_get(&w, url, OPERATOR_TOKEN), 503, "not_ready", "not known yet");
	make_known(id);
	psbt_is_told(path, "", 0);
	psbt_is_told(path, "?version=0", 0);
	psbt_is_told(path, "?version=2", 2);
	(void)snprintf(url, sizeof url, "%s/psbt?version=1", path);
	expect_only(ask_get(&w, url, OPERATOR_TOKEN), 400, "invalid_request", "no such version");
	(void)snprintf(url, sizeof url, "%s/psbt", path);
	expect_only(ask_post(&w, url, OPERATOR_TOKEN, NULL, "{\"psbt\":\"cHNidP8A\"}"), 422,
		"psbt_refused", "no PSBT");
	(void)snprintf(url, sizeof url, "%s/cancel", path);
	expect_only(ask_post(&w, url, READER_TOKEN, NULL, "{}"), 403, "forbidden", "reader");
	r = ask_post(&w, url, OPERATOR_TOKEN, NULL, "{}");
	expect(&r, 200, NULL, "cancelled");
	CHECK(strcmp(reply_text(&r, "state"), "failed") == 0);
	reply_free(&r);
	expect_only(ask_post(&w, url, OPERATOR_TOKEN, NULL, "{}"), 422, "refused", "it is over");
	(void)snprintf(url, sizeof url, "%s/psbt", path);
	expect_only(ask_get(&w, url, OPERATOR_TOKEN), 404, "not_found", "nothing to sign");
	expect_only(ask_post(&w, "/v1/transfers/00000000000000000000000000000000/cancel",
			    OPERATOR_TOKEN, NULL, "{}"),
		404, "not_found", "no such transfer");
}

static void test_sweep_refused(void)
{
	static const char *const bad[] = {
		"{\"to\":\"bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080\"}",
		"{\"to\":\"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4\"}", "{\"to\":7}",
		"{\"amount\":\"0\"}", "{\"more\":1}"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		expect_only(ask_post(&w, SWEEPS, OPERATOR_TOKEN, "sweep-bad-0123456789", bad[i]),
			400, "invalid_request", bad[i]);
	expect_only(ask_post(&w, SWEEPS, OPERATOR_TOKEN, NULL, "{}"), 400,
		"idempotency_key_missing", "no key");
	expect_only(
		ask_post(&w, SWEEPS, OPERATOR_TOKEN, "sweep-big-0123456789", "{\"amount\":\"1\"}"),
		409, "insufficient_funds", "more than is there");
}

int main(void)
{
	world_open(&w, "");
	expect_only(ask_post(&w, ADDRESSES, OPERATOR_TOKEN, NULL, BODY), 404, "not_found",
		"no descriptor");
	expect_only(ask_get(&w, DEPOSITS, OPERATOR_TOKEN), 404, "not_found", "no descriptor");
	world_close(&w);
	world_open_deposits(&w);
	test_given();
	test_paid();
	test_listed();
	test_accounts();
	test_sweep();
	test_sweep_refused();
	world_close(&w);
	return EXIT_SUCCESS;
}
