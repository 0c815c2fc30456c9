/* The API as its callers see it: scopes, limits, bad input, idempotency, durability, streams. */
#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
#include "crypto/hash.h"
#include "node/api_client_test.h"
#include "node/api_internal.h"
#include "node/quote_token.h"

#define KEY "0123456789abcdef"
#define GOOD_KEY "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
#define F16 "ffffffffffffffff"
#define NO_KEY F16 F16 F16 F16 /* over the field */
#define GOOD_ADDRESS "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"
#define ADDRESS_MAINNET "0x5aaEB6053f3e94c9b9a09f33669435E7ef1bEAeD" /* EIP-1191, chain 30 */
#define REGTEST "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
#define HASH "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925"

static struct world w;
static char header[256];

static const char *text_of(char *out, size_t size, const char *fmt, const char *a, const char *b)
{
	struct buf t = buf_init(out, size);
	buf_printf(&t, "%s", "");
	for (const char *p = fmt; *p != '\0'; p++) {
		if (*p == '$')
			buf_printf(&t, "%s", p[1] == '1' ? a : b), p++;
		else
			buf_u8(&t, (uint8_t)*p);
	}
	CHECK(!t.overflow);
	return buf_cstr(&t);
}

/* ---- who may call what ---- */

static void test_routes(void)
{
	struct reply r = ask_get(&w, "/healthz", NULL);
	expect(&r, 200, NULL, "health");
	CHECK(strcmp(r.body, "{\"status\":\"ok\"}") == 0);
	reply_free(&r);
	expect_only(ask_get(&w, "/", NULL), 404, "not_found", "root");
	expect_only(ask_get(&w, "/v1/swaps/", NULL), 404, "not_found", "an empty id");
	expect_only(ask_get(&w, "/v1/layers/", NULL), 404, "not_found", "a slash too many");
	expect_only(ask_get(&w, "/v1//layers", NULL), 404, "not_found", "two slashes");
	r = ask(&w, &(struct ask){.method = "DELETE", .path = "/v1/swaps"});
	expect(&r, 405, "method_not_allowed", "delete");
	CHECK(strcmp(reply_header(&r, header, "Allow"), "POST, GET") == 0);
	reply_free(&r);
	r = ask(&w, &(struct ask){.method = "HEAD", .path = "/v1/layers"});
	expect(&r, 200, NULL, "head");
	CHECK(r.len == 0);
	reply_free(&r);
	r = ask_get(&w, "/openapi.yaml", NULL);
	expect(&r, 200, NULL, "openapi");
	CHECK(strncmp(r.body, "openapi: 3.1.0\n", 15) == 0);
	CHECK(strcmp(reply_header(&r, header, "Content-Type"), "application/yaml") == 0);
	reply_free(&r);
}

static void test_scopes(void)
{
	static const char *const operator_only[] = {"/v1/swaps", "/v1/transfers", "/v1/accounts",
		"/v1/events", "/metrics", "/v1/transfers/" HASH, "/v1/transactions/bitcoin/" HASH};
	for (size_t i = 0; i < ARRAY_LEN(operator_only); i++) {
		struct reply r = ask_get(&w, operator_only[i], NULL);
		expect(&r, 401, "unauthorized", operator_only[i]);
		CHECK(strcmp(reply_header(&r, header, "WWW-Authenticate"),
			      "Bearer realm=\"sluice\"") == 0);
		reply_free(&r);
	}
	expect_only(ask_post(&w, "/v1/transfers", NULL, KEY, "{}"), 401, "unauthorized", "payout");
	expect_only(ask_post(&w, "/v1/latch", NULL, NULL, "{}"), 401, "unauthorized", "latch");
	expect_only(ask_get(&w, "/v1/accounts", "operator-0123456789abcdef012345678"), 401,
		"unauthorized", "a token short of one character");
	expect_only(ask_get(&w, "/v1/layers", "nobody's"), 401, "unauthorized",
		"a wrong token where none is needed");
	expect_only(ask(&w,
			    &(struct ask){.method = "GET",
				    .path = "/v1/accounts",
				    .header = "Authorization: Basic b3BlcmF0b3I6eA=="}),
		401, "unauthorized", "another scheme");
	expect_only(ask_get(&w, "/v1/accounts", READER_TOKEN), 200, NULL, "a reader reads");
	expect_only(ask_post(&w, "/v1/transfers", READER_TOKEN, KEY, "{}"), 403, "forbidden",
		"a reader pays");
	expect_only(ask_post(&w, "/v1/latch", READER_TOKEN, NULL, "{}"), 403, "forbidden",
		"a reader latches");
}

static void test_layers(void)
{
	struct reply r = ask_get(&w, "/v1/layers", NULL);
	expect(&r, 200, NULL, "layers");
	CHECK(strcmp(reply_text(&r, "layers.0.layer"), "bitcoin") == 0);
	CHECK(strcmp(reply_text(&r, "layers.1.network"), "eip155:33") == 0);
	CHECK(reply_at(&r, "layers.0.funding_address") == NULL);
	CHECK(reply_at(&r, "layers.0.node") == NULL && reply_at(&r, "latch") == NULL);
	reply_free(&r);
	r = ask_get(&w, "/v1/layers", READER_TOKEN);
	CHECK(strncmp(reply_text(&r, "layers.0.funding_address"), "bcrt1p", 6) == 0);
	CHECK(strncmp(reply_text(&r, "layers.1.funding_address"), "0x", 2) == 0);
	CHECK(json_type(reply_at(&r, "layers.0.reconciliation")) == JSON_NULL);
	CHECK(reply_at(&r, "latch") != NULL);
	reply_free(&r);
	r = ask_get(&w, "/v1/accounts", READER_TOKEN);
	CHECK(strcmp(reply_text(&r, "layers.0.custody"), "1") == 0);
	CHECK(strcmp(reply_text(&r, "layers.1.accounts.0.balance"), "1") == 0);
	CHECK(strcmp(reply_text(&r, "layers.0.accounts.4.account"), "external") == 0);
	CHECK(strcmp(reply_text(&r, "layers.0.accounts.4.balance"), "-1") == 0);
	reply_free(&r);
}

static void test_ready(void)
{
	expect_only(ask_get(&w, "/readyz", NULL), 503, NULL, "not reconciled");
	world_reconcile(&w);
	expect_only(ask_get(&w, "/readyz", NULL), 200, NULL, "ready");
	w.signer_up = false;
	expect_only(ask_get(&w, "/readyz", NULL), 503, NULL, "no signer");
	w.signer_up = true;
	w.journal_ok = false;
	expect_only(ask_get(&w, "/readyz", NULL), 503, NULL, "no journal");
	w.journal_ok = true;
	w.layer_err[LAYER_ROOTSTOCK] = ERR_UNAVAILABLE;
	expect_only(ask_get(&w, "/readyz", NULL), 503, NULL, "no node");
	w.layer_err[LAYER_ROOTSTOCK] = OK;
	expect_only(ask_get(&w, "/readyz", NULL), 200, NULL, "ready again");
}

/* ---- bad input ---- */

struct bad {
	const char *body;
	unsigned status;
	const char *code, *pointer, *field_code;
};

static void check_bad(
	const char *path, const char *token, const char *key, const struct bad *row, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct reply r = ask_post(&w, path, token, key, row[i].body);
		expect(&r, row[i].status, row[i].code, row[i].body);
		CHECK(strcmp(reply_text(&r, "funds_state"), "none") == 0);
		if (row[i].pointer != NULL &&
			(strcmp(reply_text(&r, "errors.0.pointer"), row[i].pointer) != 0 ||
				strcmp(reply_text(&r, "errors.0.code"), row[i].field_code) != 0)) {
			(void)fprintf(stderr, "%s: %s\n", row[i].body, r.body);
			CHECK(false);
		}
		reply_free(&r);
	}
}

#define Q(amount) "{\"from\":\"bitcoin\",\"to\":\"rootstock\",\"source_amount\":" amount "}"

static void test_bad_quotes(void)
{
	static const struct bad rows[] = {
		{"", 400, "bad_json", NULL, NULL},
		{"{", 400, "bad_json", NULL, NULL},
		{"{} {}", 400, "bad_json", NULL, NULL},
		{"{\"from\":\"bitcoin\",\"from\":\"bitcoin\"}", 400, "bad_json", NULL, NULL},
		{"{\"from\":\"\xff\"}", 400, "bad_json", NULL, NULL},
		{Q("NaN"), 400, "bad_json", NULL, NULL},
		{"null", 400, "invalid_request", "", "type"},
		{"[]", 400, "invalid_request", "", "type"},
		{"\"x\"", 400, "invalid_request", "", "type"},
		{"{}", 400, "invalid_request", "/from", "missing"},
		{Q("0.01"), 400, "invalid_request", "/source_amount", "type"},
		{Q("null"), 400, "invalid_request", "/source_amount", "type"},
		{Q("\"\""), 400, "invalid_request", "/source_amount", "format"},
		{Q("\"0\""), 400, "invalid_request", "/source_amount", "zero"},
		{Q("\"-1\""), 400, "invalid_request", "/source_amount", "format"},
		{Q("\"+1\""), 400, "invalid_request", "/source_amount", "format"},
		{Q("\"1e3\""), 400, "invalid_request", "/source_amount", "format"},
		{Q("\"NaN\""), 400, "invalid_request", "/source_amount", "format"},
		{Q("\" 1\""), 400, "invalid_request", "/source_amount", "format"},
		{Q("\"0x1\""), 400, "invalid_request", "/source_amount", "format"},
		{Q("\"1,5\""), 400, "invalid_request", "/source_amount", "format"},
		{Q("\"0.000000001\""), 400, "invalid_request", "/source_amount", "range"},
		{Q("\"21000001\""), 400, "invalid_request", "/source_amount", "range"},
		{Q("\"340282366920938463463374607431768211456\""), 400, "invalid_request",
			"/source_amount", "range"},
		{"{\"from\":\"bitcoin\",\"to\":\"bitcoin\",\"source_amount\":\"1\"}", 400,
			"invalid_request", "/to", "same_layer"},
		{"{\"from\":\"monero\",\"to\":\"bitcoin\",\"source_amount\":\"1\"}", 400,
			"invalid_request", "/from", "unknown_layer"},
		{"{\"from\":\"bitcoin\",\"to\":\"rootstock\",\"source_amount\":\"1\",\"a/b~c\":1}",
			400, "invalid_request", "/a~1b~0c", "unknown"},
		{Q("\"0.00001\""), 422, "amount_too_small", NULL, NULL},
		{Q("\"11\""), 422, "amount_too_large", NULL, NULL},
		{Q("\"5\""), 409, "insufficient_liquidity", NULL, NULL},
	};
	check_bad("/v1/quotes", NULL, NULL, rows, ARRAY_LEN(rows));
	expect_only(ask(&w,
			    &(struct ask){.method = "POST",
				    .path = "/v1/quotes",
				    .content_type = "text/plain",
				    .body = Q("\"0.01\"")}),
		415, "unsupported_media_type", "plain text");
	expect_only(ask(&w,
			    &(struct ask){.method = "POST",
				    .path = "/v1/quotes",
				    .content_type = "application/jsonp",
				    .body = Q("\"0.01\"")}),
		415, "unsupported_media_type", "nearly");
	expect_only(ask(&w,
			    &(struct ask){.method = "POST",
				    .path = "/v1/quotes",
				    .content_type = "Application/JSON; charset=utf-8",
				    .body = Q("\"0.01\"")}),
		200, NULL, "with a charset");
}

/* Bodies that are only size. */
static void test_huge(void)
{
	const size_t len = 300000;
	char *body = malloc(len + 1);
	CHECK(body != NULL);
	memset(body, '[', len);
	body[len] = '\0';
	struct ask a = {.method = "POST", .path = "/v1/quotes", .body = body, .body_len = len};
	struct reply r = ask(&w, &a);
	expect(&r, 413, "body_too_large", "over the bound");
	CHECK(strcmp(reply_text(&r, "funds_state"), "none") == 0);
	reply_free(&r);
	a.body_len = 60000;
	expect_only(ask(&w, &a), 400, "bad_json", "brackets");
	memset(body, 'x', len);
	memcpy(body, "{\"", 2);
	memcpy(body + 50000, "\":1}", 4);
	a.body_len = 50004;
	expect_only(ask(&w, &a), 400, "invalid_request", "a member's name of 50 KB");
	free(body);
}

#define P(layer, to, amount) "{\"layer\":" layer ",\"to\":" to ",\"amount\":" amount "}"
#define B(to, amount) P("\"bitcoin\"", to, amount)
#define R(to, amount) P("\"rootstock\"", to, amount)

static void test_bad_transfers(void)
{
	static const struct bad rows[] = {
		{B("\"x\"", "\"1\""), 422, "invalid_address", "/to", "format"},
		{B("\"\"", "\"1\""), 422, "invalid_address", "/to", "format"},
		{B("\"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4\"", "\"1\""), 422,
			"invalid_address", "/to", "network"},
		{B("\"1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2\"", "\"1\""), 422, "invalid_address",
			"/to", "network"},
		{B("\"bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt082\"", "\"1\""), 422,
			"invalid_address", "/to", "checksum"},
		{B("\"" GOOD_ADDRESS "\"", "\"1\""), 422, "invalid_address", "/to", "format"},
		{R("\"" REGTEST "\"", "\"1\""), 422, "invalid_address", "/to", "format"},
		{R("\"" ADDRESS_MAINNET "\"", "\"1\""), 422, "invalid_address", "/to", "network"},
		{R("\"0x5AaEB6053f3e94c9b9a09f33669435E7ef1bEAeD\"", "\"1\""), 422,
			"invalid_address", "/to", "checksum"},
		{R("\"0x0000000000000000000000000000000000000000\"", "\"1\""), 422,
			"invalid_address", "/to", "range"},
		{B("\"" REGTEST "\"", "\"0.00000001\""), 422, "invalid_amount", "/amount", "dust"},
		{B("\"" REGTEST "\"", "\"0\""), 400, "invalid_request", "/amount", "zero"},
		{B("\"" REGTEST "\"", "1"), 400, "invalid_request", "/amount", "type"},
		{B("\"" REGTEST "\"", "\"2\""), 409, "insufficient_funds", NULL, NULL},
		{R("\"" GOOD_ADDRESS "\"", "\"1\""), 409, "insufficient_funds", NULL, NULL},
		{P("\"dogecoin\"", "\"x\"", "\"1\""), 400, "invalid_request", "/layer",
			"unknown_layer"},
		{P("1", "\"x\"", "\"1\""), 400, "invalid_request", "/layer", "type"},
		{R("[\"" GOOD_ADDRESS "\"]", "\"1\""), 400, "invalid_request", "/to", "type"},
	};
	check_bad("/v1/transfers", OPERATOR_TOKEN, KEY, rows, ARRAY_LEN(rows));
}

/* ---- payouts: idempotency, durability, pages ---- */

static void test_idempotency(void)
{
	const char *body = B("\"" REGTEST "\"", "\"0.01\"");
	const char *spaced = B("\"" REGTEST "\"", " \"0.01\"");
	char id[64];
	expect_only(ask_post(&w, "/v1/transfers", OPERATOR_TOKEN, NULL, body), 400,
		"idempotency_key_missing", "no key");
	expect_only(ask_post(&w, "/v1/transfers", OPERATOR_TOKEN, "short", body), 400,
		"idempotency_key_invalid", "a short key");
	expect_only(ask_post(&w, "/v1/transfers", OPERATOR_TOKEN, "0123456789 bcdef0", body), 400,
		"idempotency_key_invalid", "a space");
	struct reply r = ask_post(&w, "/v1/transfers", OPERATOR_TOKEN, KEY, body);
	expect(&r, 201, NULL, "payout");
	CHECK(strcmp(reply_text(&r, "to"), REGTEST) == 0);
	CHECK(strcmp(reply_text(&r, "amount"), "0.01") == 0);
	(void)snprintf(id, sizeof id, "/v1/transfers/%s", reply_text(&r, "id"));
	CHECK(strcmp(reply_header(&r, header, "Location"), id) == 0);
	reply_free(&r);
	r = ask_post(&w, "/v1/transfers", OPERATOR_TOKEN, KEY, body);
	expect(&r, 200, NULL, "again");
	CHECK(strcmp(reply_header(&r, header, "Location"), id) == 0);
	reply_free(&r);
	expect_only(ask_post(&w, "/v1/transfers", OPERATOR_TOKEN, KEY, spaced), 422,
		"idempotency_mismatch", "another body");
	CHECK(w.ledger->transfer_count == 1);
	r = ask_get(&w, id, OPERATOR_TOKEN);
	expect(&r, 200, NULL, "by id");
	CHECK(strcmp(reply_text(&r, "state"), "pending") == 0);
	reply_free(&r);
	expect_only(ask_get(&w, "/v1/transfers/00000000000000000000000000000000", OPERATOR_TOKEN),
		404, "not_found", "no such id");
	expect_only(
		ask_get(&w, "/v1/transfers/zz", OPERATOR_TOKEN), 404, "not_found", "no id at all");
}

/* Nothing leaves before it is durable. */
static void test_durability(void)
{
	const char *body = B("\"" REGTEST "\"", "\"0.02\"");
	const uint32_t before = w.ledger->transfer_count;
	w.hold_durable = true;
	struct reply r = ask_post(&w, "/v1/transfers", OPERATOR_TOKEN, KEY "-held", body);
	expect(&r, 503, "not_durable", "held");
	CHECK(strcmp(reply_text(&r, "funds_state"), "unknown") == 0);
	CHECK(strcmp(reply_header(&r, header, "Retry-After"), "1") == 0);
	reply_free(&r);
	CHECK(w.ledger->transfer_count == before + 1);
	r = ask_post(&w, "/v1/transfers", OPERATOR_TOKEN, KEY "-held", body);
	expect(&r, 409, "idempotency_in_flight", "in flight");
	reply_free(&r);
	expect_only(ask_get(&w, "/v1/accounts", OPERATOR_TOKEN), 503, "not_durable",
		"a read waits too");
	world_release(&w);
	expect_only(ask_post(&w, "/v1/transfers", OPERATOR_TOKEN, KEY "-held", body), 200, NULL,
		"the same key finds it");
	CHECK(w.ledger->transfer_count == before + 1);
}

static void test_pages(void)
{
	char path[128], cursor[32], last[40] = "";
	for (unsigned i = 0; i < 3; i++) {
		char key[32];
		(void)snprintf(key, sizeof key, "page-key-%08u", i);
		expect_only(ask_post(&w, "/v1/transfers", OPERATOR_TOKEN, key,
				    R("\"" GOOD_ADDRESS "\"", "\"0.01\"")),
			201, NULL, "payout");
	}
	uint32_t seen = 0;
	(void)snprintf(path, sizeof path, "/v1/transfers?limit=2");
	for (bool more = true; more;) {
		struct reply r = ask_get(&w, path, OPERATOR_TOKEN);
		expect(&r, 200, NULL, path);
		const struct json *list = reply_at(&r, "transfers");
		CHECK(json_count(list) >= 1 && json_count(list) <= 2);
		CHECK(strcmp(json_get_string(json_at(list, 0), "id"), last) != 0);
		(void)snprintf(last, sizeof last, "%s", json_get_string(json_at(list, 0), "id"));
		seen += (uint32_t)json_count(list);
		more = json_type(reply_at(&r, "next_cursor")) == JSON_STRING;
		(void)snprintf(cursor, sizeof cursor, "%s", reply_text(&r, "next_cursor"));
		(void)snprintf(path, sizeof path, "/v1/transfers?limit=2&cursor=%s", cursor);
		reply_free(&r);
	}
	CHECK(seen == w.ledger->transfer_count);
	static const char *const bad[] = {"limit=0", "limit=101", "limit=x", "limit=", "limit=-1",
		"limit=99999999999", "cursor=", "cursor=AAAAAAA", "cursor=AQAAAP8"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		(void)snprintf(path, sizeof path, "/v1/transfers?%s", bad[i]);
		expect_only(ask_get(&w, path, OPERATOR_TOKEN), 400, "invalid_request", path);
	}
	expect_only(ask_get(&w, "/v1/swaps?limit=100", OPERATOR_TOKEN), 200, NULL, "swaps");
}

/* ---- swaps ---- */

static void quote_of(
	char out[QUOTE_TOKEN_SIZE], const char *from, const char *to, const char *amount)
{
	char body[256];
	(void)snprintf(body, sizeof body,
		"{\"from\":\"%s\",\"to\":\"%s\",\"source_amount\":\"%s\"}", from, to, amount);
	struct reply r = ask_post(&w, "/v1/quotes", NULL, NULL, body);
	expect(&r, 200, NULL, body);
	(void)snprintf(out, QUOTE_TOKEN_SIZE, "%s", reply_text(&r, "quote"));
	reply_free(&r);
}

#define SWAP(hash, source, dest)                                                                   \
	"{\"quote\":\"$1\",\"preimage_hash\":\"" hash "\",\"source\":{" source                     \
	"},\"destination\":{" dest "}}"
#define FROM_KEY(key) "\"refund_key\":\"" key "\""
#define TO_ADDRESS(address) "\"claim_address\":\"" address "\""

static void test_bad_swaps(void)
{
	static const struct bad rows[] = {
		{"{}", 400, "invalid_request", "/quote", "missing"},
		{SWAP("00", FROM_KEY(GOOD_KEY), TO_ADDRESS(GOOD_ADDRESS)), 400, "invalid_request",
			"/preimage_hash", "format"},
		{SWAP(HASH, "", TO_ADDRESS(GOOD_ADDRESS)), 400, "invalid_request",
			"/source/refund_key", "missing"},
		{SWAP(HASH, "\"refund_address\":\"" GOOD_ADDRESS "\"", TO_ADDRESS(GOOD_ADDRESS)),
			400, "invalid_request", "/source/refund_address", "unknown"},
		{SWAP(HASH, FROM_KEY(NO_KEY), TO_ADDRESS(GOOD_ADDRESS)), 400, "invalid_request",
			"/source/refund_key", "format"},
		{SWAP(HASH, FROM_KEY(GOOD_KEY), TO_ADDRESS(ADDRESS_MAINNET)), 400,
			"invalid_request", "/destination/claim_address", "network"},
		{SWAP(HASH, FROM_KEY(GOOD_KEY), TO_ADDRESS(GOOD_ADDRESS) ",\"x\":1"), 400,
			"invalid_request", "/destination/x", "unknown"},
	};
	char quote[QUOTE_TOKEN_SIZE], body[1024];
	quote_of(quote, "bitcoin", "rootstock", "0.01");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bad row = rows[i];
		row.body = text_of(body, sizeof body, rows[i].body, quote, "");
		check_bad("/v1/swaps", NULL, KEY, &row, 1);
	}
	const char *good = SWAP(HASH, FROM_KEY(GOOD_KEY), TO_ADDRESS(GOOD_ADDRESS));
	expect_only(ask_post(&w, "/v1/swaps", NULL, KEY, text_of(body, sizeof body, good, "", "")),
		422, "quote_invalid", "no quote");
	quote[20] = quote[20] == 'A' ? 'B' : 'A';
	expect_only(
		ask_post(&w, "/v1/swaps", NULL, KEY, text_of(body, sizeof body, good, quote, "")),
		422, "quote_invalid", "a forged quote");
	struct quote_key key;
	const struct quote_terms old = {.from = LAYER_BITCOIN,
		.to = LAYER_ROOTSTOCK,
		.source_amount = amount_of(ASSET_BTC, 1000000),
		.dest_amount = amount_of(ASSET_RBTC, 1),
		.fee = amount_of(ASSET_BTC, 1),
		.expires_ms = loop_wall_ms(w.loop) - 1};
	quote_key_derive(&key, &w.seal);
	quote_token_make(quote, &key, &old);
	expect_only(
		ask_post(&w, "/v1/swaps", NULL, KEY, text_of(body, sizeof body, good, quote, "")),
		409, "quote_expired", "an old quote");
	CHECK(w.ledger->swap_count == 0);
}

static void test_swap(void)
{
	char quote[QUOTE_TOKEN_SIZE], body[1024], path[64];
	quote_of(quote, "bitcoin", "rootstock", "0.01");
	(void)text_of(body, sizeof body, SWAP(HASH, FROM_KEY(GOOD_KEY), TO_ADDRESS(GOOD_ADDRESS)),
		quote, "");
	expect_only(ask_post(&w, "/v1/swaps", NULL, NULL, body), 400, "idempotency_key_missing",
		"no key");
	struct reply r = ask_post(&w, "/v1/swaps", NULL, KEY, body);
	expect(&r, 201, NULL, "swap");
	CHECK(strcmp(reply_text(&r, "state"), "offered") == 0);
	CHECK(strcmp(reply_text(&r, "next.action"), "lock") == 0);
	CHECK(strncmp(reply_text(&r, "source.address"), "bcrt1p", 6) == 0);
	CHECK(strlen(reply_text(&r, "source.terms")) > 100);
	CHECK(json_type(reply_at(&r, "destination.terms")) == JSON_NULL);
	CHECK(json_type(reply_at(&r, "preimage")) == JSON_NULL);
	(void)snprintf(path, sizeof path, "/v1/swaps/%s", reply_text(&r, "id"));
	CHECK(strcmp(reply_header(&r, header, "Location"), path) == 0);
	reply_free(&r);
	r = ask_post(&w, "/v1/swaps", NULL, KEY, body);
	expect(&r, 200, NULL, "again");
	reply_free(&r);
	body[strlen(body) - 1] = ' ';
	expect_only(ask_post(&w, "/v1/swaps", NULL, KEY, body), 422, "idempotency_mismatch",
		"another body");
	body[strlen(body) - 1] = '}';
	expect_only(ask_post(&w, "/v1/swaps", NULL, KEY "-2", body), 409, "hash_used",
		"the hash again");
	expect_only(ask_get(&w, path, NULL), 200, NULL, "anybody who knows the id");
	expect_only(ask_get(&w, "/v1/swaps/00000000000000000000000000000000", NULL), 404,
		"not_found", "no such id");
	/* the other way round */
	quote_of(quote, "rootstock", "bitcoin", "0.010000000000000001");
	static const char *const reverse =
		"{\"quote\":\"$1\",\"preimage_hash\":\"77" /* 64 digits */
		"687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925\",\"source\":"
		"{\"refund_address\":\"" GOOD_ADDRESS "\"},\"destination\":{\"claim_key\":\"$2\"}}";
	r = ask_post(&w, "/v1/swaps", NULL, KEY "-3",
		text_of(body, sizeof body, reverse, quote, GOOD_KEY));
	expect(&r, 201, NULL, "reverse");
	CHECK(strcmp(reply_text(&r, "source.address"),
		      "0xCCCCcCCcCCCCCCcCcCCcCccCcccCCccCcCCCCccC") == 0);
	reply_free(&r);
	CHECK(w.ledger->swap_count == 2);
}

/* Every state has something to say, and no state but the last one shows the preimage. */
static void test_swap_states(void)
{
	struct swap *s = &w.ledger->swap[0], before = *s;
	char path[64] = "/v1/swaps/";
	hex_encode(path + 10, s->id.b, sizeof s->id.b);
	memset(s->preimage.b, 0xab, sizeof s->preimage.b);
	s->preimage_known = true;
	for (unsigned i = 0; i < SWAP_STATE_COUNT; i++) {
		s->state = (enum swap_state)i;
		struct reply r = ask_get(&w, path, NULL);
		expect(&r, 200, NULL, path);
		CHECK(strcmp(reply_text(&r, "state"), swap_state_name(s->state)) == 0);
		CHECK(reply_text(&r, "next.action")[0] != '\0');
		CHECK((strstr(r.body, "abababab") != NULL) == (s->state == SWAP_COMPLETED));
		reply_free(&r);
	}
	*s = before;
}

/* ---- transactions ---- */

/* one input, one output of 1,000 satoshi */
#define TX                                                                                         \
	"0200000001aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"                       \
	"aaaaaaaa0000000000ffffffff01e803000000000000015100000000"

static void test_transactions(void)
{
	const char *good = "{\"layer\":\"bitcoin\",\"raw\":\"" TX "\"}";
	static const struct bad rows[] = {
		{"{\"layer\":\"bitcoin\",\"raw\":\"\"}", 400, "invalid_request", "/raw", "format"},
		{"{\"layer\":\"bitcoin\",\"raw\":\"zz\"}", 400, "invalid_request", "/raw",
			"format"},
		{"{\"layer\":\"bitcoin\",\"raw\":\"" TX "00\"}", 400, "invalid_request", "/raw",
			"format"},
		{"{\"layer\":\"rootstock\",\"raw\":\"" TX "\"}", 400, "invalid_request", "/raw",
			"format"},
		{"{\"layer\":\"x\",\"raw\":\"00\"}", 400, "invalid_request", "/layer",
			"unknown_layer"},
	};
	check_bad("/v1/transactions", OPERATOR_TOKEN, NULL, rows, ARRAY_LEN(rows));
	static const struct {
		enum submit_outcome outcome;
		unsigned status;
		const char *code;
	} outcomes[] = {
		{SUBMIT_ACCEPTED, 200, NULL}, {SUBMIT_KNOWN, 200, NULL},
		{SUBMIT_REJECTED, 422, "transaction_rejected"},
		{SUBMIT_CONFLICT, 409, "transaction_conflict"},
		{SUBMIT_UNKNOWN, 503, "submit_unknown"},
		{(enum submit_outcome)0, 503, "submit_unknown"}, /* never answers */
	};
	for (size_t i = 0; i < ARRAY_LEN(outcomes); i++) {
		w.submit_outcome = outcomes[i].outcome;
		expect_only(ask_post(&w, "/v1/transactions", OPERATOR_TOKEN, NULL, good),
			outcomes[i].status, outcomes[i].code, "submit");
	}
	w.call_err = ERR_UNAVAILABLE;
	expect_only(ask_post(&w, "/v1/transactions", OPERATOR_TOKEN, NULL, good), 503,
		"layer_unavailable", "no node");
	const char *path = "/v1/transactions/bitcoin/" HASH;
	expect_only(ask_get(&w, path, OPERATOR_TOKEN), 503, "layer_unavailable", "no node");
	w.call_err = OK;
	struct reply r = ask_get(&w, path, OPERATOR_TOKEN);
	expect(&r, 200, NULL, path);
	CHECK(strcmp(reply_text(&r, "id"), HASH) == 0);
	CHECK(strcmp(reply_text(&r, "state"), "confirmed") == 0);
	reply_free(&r);
	w.presence = TX_ABSENT;
	r = ask_get(&w, "/v1/transactions/rootstock/0x" HASH, OPERATOR_TOKEN);
	CHECK(strcmp(reply_text(&r, "id"), "0x" HASH) == 0);
	CHECK(strcmp(reply_text(&r, "state"), "absent") == 0);
	reply_free(&r);
	w.presence = TX_UNKNOWN;
	expect_only(ask_get(&w, path, OPERATOR_TOKEN), 503, "layer_unavailable", "unknown");
	w.presence = (enum tx_presence)0;
	expect_only(ask_get(&w, path, OPERATOR_TOKEN), 503, "layer_unavailable", "never");
	expect_only(
		ask_get(&w, "/v1/transactions/bitcoin/00", OPERATOR_TOKEN), 404, "not_found", "id");
	expect_only(
		ask_get(&w, "/v1/transactions/x/" HASH, OPERATOR_TOKEN), 404, "not_found", "layer");
}

/* ---- latch ---- */

static void test_latch(void)
{
	static const struct bad rows[] = {
		{"{\"on\":1,\"reason\":\"x\"}", 400, "invalid_request", "/on", "type"},
		{"{\"on\":true}", 400, "invalid_request", "/reason", "missing"},
		{"{\"on\":true,\"reason\":\"\"}", 400, "invalid_request", "/reason", "range"},
	};
	check_bad("/v1/latch", OPERATOR_TOKEN, NULL, rows, ARRAY_LEN(rows));
	expect_only(ask_post(&w, "/v1/latch", OPERATOR_TOKEN, NULL,
			    "{\"on\":true,\"reason\":\"test\"}"),
		200, NULL, "on");
	CHECK(w.ledger->latched);
	expect_only(
		ask_post(&w, "/v1/quotes", NULL, NULL, Q("\"0.01\"")), 409, "latched", "latched");
	struct reply r = ask_get(&w, "/v1/layers", OPERATOR_TOKEN);
	CHECK(strcmp(reply_text(&r, "latch.reason"), "test") == 0);
	reply_free(&r);
	world_reconcile(&w);
	expect_only(ask_post(&w, "/v1/latch", OPERATOR_TOKEN, NULL,
			    "{\"on\":false,\"reason\":\"good\"}"),
		200, NULL, "off");
	CHECK(!w.ledger->latched);
	expect_only(ask_post(&w, "/v1/quotes", NULL, NULL, Q("\"0.01\"")), 200, NULL, "on again");
}

/* ---- events ---- */

static void test_events(void)
{
	static struct feed a, b;
	char id[32];
	feed_open(&w, &a, NULL);
	feed_until(&w, &a, "retry: 2000");
	CHECK(strstr(a.text, "Content-Type: text/event-stream") != NULL);
	world_block(&w, LAYER_ROOTSTOCK, NULL, 0);
	feed_until(&w, &a, "event: layer.block");
	CHECK(sscanf(strstr(a.text, "\nid: "), "\nid: %31[0-9.]", id) == 1);
	world_block(&w, LAYER_BITCOIN, NULL, 0);
	world_block(&w, LAYER_BITCOIN, NULL, 0);
	/* what came after the first one, and nothing else */
	feed_open(&w, &b, id);
	feed_until(&w, &b, "\"layer\":\"bitcoin\"");
	CHECK(strstr(b.text, "\"layer\":\"rootstock\"") == NULL);
	CHECK(strstr(b.text, "event: reset") == NULL);
	feed_close(&w, &b);
	/* an id that is not known any more */
	feed_open(&w, &b, "1.0");
	feed_until(&w, &b, "event: reset");
	feed_close(&w, &b);
	feed_open(&w, &b, "yesterday");
	feed_until(&w, &b, "HTTP/1.1 400");
	feed_close(&w, &b);
	/* no more than event_streams */
	static struct feed more[2];
	feed_open(&w, &more[0], NULL);
	feed_until(&w, &more[0], "retry: 2000");
	feed_open(&w, &more[1], NULL);
	feed_until(&w, &more[1], "HTTP/1.1 503");
	feed_close(&w, &more[1]);
	feed_close(&w, &more[0]);
	feed_close(&w, &a);
}

/* A held event is told when it is durable, not before. */
static void test_events_durable(void)
{
	static struct feed f;
	feed_open(&w, &f, NULL);
	feed_until(&w, &f, "retry: 2000");
	w.hold_durable = true;
	world_block(&w, LAYER_ROOTSTOCK, NULL, 0);
	for (unsigned i = 0; i < 20; i++)
		(void)loop_step(w.loop, 1);
	const size_t before = f.len;
	world_release(&w);
	feed_until(&w, &f, "event: layer.block");
	CHECK(f.len > before);
	feed_close(&w, &f);
}

/* ---- limits ---- */

static void test_limits(void)
{
	world_open(
		&w, "limits: {request_rate: 1, request_burst: 3, swap_rate: 1, swap_burst: 1}\n");
	for (unsigned i = 0; i < 3; i++)
		expect_only(ask_get(&w, "/v1/layers", NULL), 200, NULL, "within the burst");
	struct reply r = ask_get(&w, "/v1/layers", NULL);
	expect(&r, 429, "rate_limited", "over it");
	CHECK(strcmp(reply_header(&r, header, "Retry-After"), "1") == 0);
	reply_free(&r);
	expect_only(ask_get(&w, "/nowhere", NULL), 429, "rate_limited", "unknown paths count, too");
	expect_only(ask_get(&w, "/v1/accounts", "guess"), 429, "rate_limited", "so do guesses");
	expect_only(ask_get(&w, "/healthz", NULL), 200, NULL, "probes don't");
	expect_only(ask_get(&w, "/v1/layers", READER_TOKEN), 200, NULL, "operators aren't limited");
	world_close(&w);

	world_open(&w,
		"limits: {request_rate: 1000, request_burst: 1000, swap_rate: 1, swap_burst: 1}\n");
	char quote[QUOTE_TOKEN_SIZE], body[1024];
	const char *good = SWAP("$2", FROM_KEY(GOOD_KEY), TO_ADDRESS(GOOD_ADDRESS));
	quote_of(quote, "bitcoin", "rootstock", "0.01");
	(void)text_of(body, sizeof body, good, quote, HASH);
	expect_only(ask_post(&w, "/v1/swaps", NULL, KEY "-a", body), 201, NULL, "first");
	expect_only(ask_post(&w, "/v1/swaps", NULL, KEY "-a", body), 200, NULL, "a repeat is free");
	(void)text_of(body, sizeof body, good, quote, GOOD_KEY);
	expect_only(ask_post(&w, "/v1/swaps", NULL, KEY "-b", body), 429, "rate_limited", "second");
	world_close(&w);
}

/* Behind a proxy the last forwarded address is the peer. */
static void test_proxy(void)
{
	world_open(&w, "limits: {request_rate: 1, request_burst: 1}\n");
	(void)snprintf(
		w.config.http_trusted_proxy, sizeof w.config.http_trusted_proxy, "127.0.0.1");
	struct ask a = {.method = "GET",
		.path = "/v1/layers",
		.header = "X-Forwarded-For: 6.6.6.6, 10.1.1.1"};
	expect_only(ask(&w, &a), 200, NULL, "one");
	a.header = "X-Forwarded-For: 7.7.7.7, 10.1.1.1";
	expect_only(ask(&w, &a), 429, "rate_limited", "the same");
	a.header = "X-Forwarded-For: 10.1.1.1, 10.1.1.2";
	expect_only(ask(&w, &a), 200, NULL, "another");
	world_close(&w);
}

static void test_starting(void)
{
	world_open(&w, "");
	w.ledger->has_params = false;
	expect_only(ask_get(&w, "/v1/layers", NULL), 503, "not_ready", "starting");
	expect_only(ask_post(&w, "/v1/quotes", NULL, NULL, Q("\"0.01\"")), 503, "not_ready",
		"starting");
	expect_only(ask_post(&w, "/v1/swaps", NULL, KEY, "{}"), 503, "not_ready", "starting");
	w.ledger->has_params = true;
	w.config.layer[LAYER_ROOTSTOCK].enabled = false;
	expect_only(ask_post(&w, "/v1/quotes", NULL, NULL, Q("\"0.01\"")), 422, "unknown_layer",
		"not enabled");
	world_close(&w);
}

/* The rows of docs/api.md (tools/check_api_docs.py). */
static void print_docs(void)
{
	const struct problem_kind *k;
	for (size_t i = 0; i < api_route_count; i++) {
		static const char *const scopes[] = {
			[SCOPE_PROBE] = "anyone",
			[SCOPE_TAKER] = "taker",
			[SCOPE_OPERATOR] = "operator",
		};
		(void)printf("| `%s %s` | %s |", api_routes[i].method, api_routes[i].path,
			scopes[api_routes[i].scope]);
		(void)printf("\n");
	}
	for (size_t i = 0; (k = problem_at(i)) != NULL; i++)
		(void)printf("| `%s` | %u | %s | %s | %s |\n", k->code, k->status,
			k->retryable ? "yes" : "no", k->funds_state, k->title);
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "--docs") == 0) {
		print_docs();
		return 0;
	}
	world_open(&w,
		"limits: {request_rate: 100000, request_burst: 100000, swap_rate: 100000, "
		"swap_burst: 100000, deadline_ms: 50, event_streams: 2}\n");
	test_routes();
	test_scopes();
	test_layers();
	test_ready();
	test_bad_quotes();
	test_huge();
	test_bad_transfers();
	test_idempotency();
	test_durability();
	test_pages();
	test_bad_swaps();
	test_swap();
	test_swap_states();
	test_transactions();
	test_latch();
	test_events();
	test_events_durable();
	if (argc > 1 && strcmp(argv[1], "--metrics") == 0) {
		struct reply r = ask_get(&w, "/metrics", READER_TOKEN);
		expect(&r, 200, NULL, "metrics");
		(void)fwrite(r.body, 1, r.len, stdout);
		reply_free(&r);
	}
	world_close(&w);
	test_limits();
	test_proxy();
	test_starting();
	return 0;
}
