/* Customers' accounts by HTTP: batches and their results, balances and histories page by page, the
 * same request again, who may, and every part of a batch that can be wrong. */
#include <stdio.h>
#include <stdlib.h>

#include "node/api_client_test.h"

#define ZERO "00000000000000000000000000000000"
#define A "0a000000000000000000000000000001"
#define B "0b000000000000000000000000000002"
#define ACCOUNTS "/v1/book/accounts"
#define TRANSFERS "/v1/book/transfers"

static struct world w;

static const char *next_key(void)
{
	static char key[32];
	static unsigned count;
	(void)snprintf(key, sizeof key, "key-%016u", ++count);
	return key;
}

static struct reply post(const char *path, const char *body)
{
	return ask_post(&w, path, OPERATOR_TOKEN, next_key(), body);
}

static void expect_result(const struct reply *r, unsigned at, const char *result)
{
	char path[32];
	(void)snprintf(path, sizeof path, "results.%u.result", at);
	if (strcmp(reply_text(r, path), result) != 0) {
		(void)fprintf(stderr, "item %u is %s, not %s\n", at, reply_text(r, path), result);
		exit(EXIT_FAILURE);
	}
}

/* A body of one transfer on Bitcoin. */
static const char *one(const char *id, const char *from, const char *to, const char *rest)
{
	static char body[512];
	(void)snprintf(body, sizeof body,
		"{\"layer\":\"bitcoin\",\"transfers\":["
		"{\"id\":\"%s\",\"from\":\"%s\",\"to\":\"%s\","
		"%s}]}",
		id, from, to, rest);
	return body;
}

static void expect_one(const char *body, const char *result)
{
	struct reply r = post(TRANSFERS, body);
	expect(&r, 200, NULL, result);
	expect_result(&r, 0, result);
	reply_free(&r);
}

static void expect_balance(const char *account, const char *balance)
{
	char path[80];
	(void)snprintf(path, sizeof path, ACCOUNTS "/%s", account);
	struct reply r = ask_get(&w, path, READER_TOKEN);
	expect(&r, 200, NULL, "balance");
	CHECK(strcmp(reply_text(&r, "balance"), balance) == 0);
	reply_free(&r);
}

static void test_batches(void)
{
	struct reply r = post(ACCOUNTS,
		"{\"accounts\":[{\"id\":\"" A "\",\"layer\":\"bitcoin\"},"
		"{\"id\":\"" B "\",\"layer\":\"bitcoin\",\"overdraft\":true},"
		"{\"id\":\"" B "\",\"layer\":\"rootstock\"}]}");
	expect(&r, 200, NULL, "accounts");
	expect_result(&r, 0, "done");
	expect_result(&r, 1, "done");
	expect_result(&r, 2, "exists_different");
	CHECK(strcmp(reply_text(&r, "results.0.id"), A) == 0);
	reply_free(&r);
	const char *body = "{\"layer\":\"bitcoin\",\"transfers\":["
			   "{\"id\":\"01" A "\",\"from\":\"custody\",\"to\":\"" A
			   "\",\"amount\":\"0.5\"}]}";
	expect_only(post(TRANSFERS, body), 400, "invalid_request", "a long id");
	body = "{\"layer\":\"bitcoin\",\"transfers\":["
	       "{\"id\":\"" A "\",\"from\":\"custody\",\"to\":\"" A
	       "\",\"amount\":\"0.5\",\"tag\":7},"
	       "{\"id\":\"" B "\",\"from\":\"" B "\",\"to\":\"" A "\",\"amount\":\"0.25\"},"
	       "{\"id\":\"ffffffffffffffffffffffffffffffff\",\"from\":\"" A "\",\"to\":\"" B
	       "\",\"amount\":\"0.8\"}]}";
	uint64_t seq = 0, again = 0;
	const char *key = "a-key-of-a-batch-0";
	r = ask_post(&w, TRANSFERS, OPERATOR_TOKEN, key, body);
	expect(&r, 200, NULL, "transfers");
	expect_result(&r, 0, "done");
	expect_result(&r, 1, "done");
	expect_result(&r, 2, "funds_short");
	CHECK(json_get_u64(r.json, "sequence", &seq) == OK && seq > 0);
	reply_free(&r);
	expect_balance(A, "0.75");
	expect_balance(B, "-0.25");
	/* the same request: the same answer, and nothing done */
	r = ask_post(&w, TRANSFERS, OPERATOR_TOKEN, key, body);
	expect(&r, 200, NULL, "again");
	expect_result(&r, 0, "done");
	expect_result(&r, 2, "funds_short");
	CHECK(json_get_u64(r.json, "sequence", &again) == OK && again == seq);
	reply_free(&r);
	expect_balance(A, "0.75");
	expect_only(
		ask_post(&w, TRANSFERS, OPERATOR_TOKEN, key,
			one("0d000000000000000000000000000003", "custody", A, "\"amount\":\"1\"")),
		422, "idempotency_mismatch", "another body");
}

static void test_results(void)
{
	expect_one(one(A, "custody", A, "\"amount\":\"0.5\",\"tag\":7"), "exists");
	expect_one(one(A, "custody", A, "\"amount\":\"0.5\",\"tag\":8"), "exists_different");
	expect_one(one("1a000000000000000000000000000001", A, A, "\"amount\":\"0.5\""),
		"same_account");
	expect_one(one("10000000000000000000000000000001", "custody", A, "\"amount\":\"0.6\""),
		"custody_short");
	expect_one(one("10000000000000000000000000000002", "ee000000000000000000000000000000", A,
			   "\"amount\":\"0.1\""),
		"from_unknown");
	expect_one(one("10000000000000000000000000000003", A, "custody", "\"amount\":\"0.1\""),
		"done");
	expect_balance(A, "0.65");
	struct reply r = ask_get(&w, TRANSFERS "/10000000000000000000000000000002", READER_TOKEN);
	expect(&r, 200, NULL, "a failed transfer");
	CHECK(strcmp(reply_text(&r, "result"), "from_unknown") == 0);
	CHECK(json_type(reply_at(&r, "from")) == JSON_NULL);
	CHECK(strcmp(reply_text(&r, "to"), A) == 0 && strcmp(reply_text(&r, "asset"), "BTC") == 0);
	reply_free(&r);
	r = ask_get(&w, TRANSFERS "/" A, READER_TOKEN);
	expect(&r, 200, NULL, "a credit");
	CHECK(strcmp(reply_text(&r, "from"), "custody") == 0);
	CHECK(strcmp(reply_text(&r, "amount"), "0.5") == 0);
	reply_free(&r);
	r = ask_get(&w, "/v1/accounts", READER_TOKEN);
	CHECK(strcmp(reply_text(&r, "layers.0.accounts.5.account"), "customer") == 0);
	CHECK(strcmp(reply_text(&r, "layers.0.accounts.5.balance"), "-0.4") == 0);
	CHECK(strcmp(reply_text(&r, "layers.0.custody"), "1") == 0);
	reply_free(&r);
}

/* Page by page, newest first, each transfer once. */
static void test_pages(void)
{
	static const char *const want[] = {"10000000000000000000000000000003", B, A};
	char path[256];
	const char *cursor = "";
	struct reply r = {0};
	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		(void)snprintf(path, sizeof path, ACCOUNTS "/" A "/transfers?limit=1%s%s",
			i > 0 ? "&cursor=" : "", cursor);
		reply_free(&r);
		r = ask_get(&w, path, READER_TOKEN);
		expect(&r, 200, NULL, "a page");
		CHECK(strcmp(reply_text(&r, "transfers.0.id"), want[i]) == 0);
		CHECK(reply_at(&r, "transfers.1") == NULL);
		cursor = reply_text(&r, "next_cursor");
	}
	CHECK(json_type(reply_at(&r, "next_cursor")) == JSON_NULL);
	reply_free(&r);
	/* a cursor of something else: row 0 is a batch */
	expect_only(ask_get(&w, ACCOUNTS "/" A "/transfers?cursor=AQAAAAA", READER_TOKEN), 400,
		"invalid_request", "a cursor of a batch");
	expect_only(ask_get(&w, ACCOUNTS "/" A "/transfers?limit=0", READER_TOKEN), 400,
		"invalid_request", "an empty page");
	r = ask_get(&w, ACCOUNTS "?limit=1", READER_TOKEN);
	expect(&r, 200, NULL, "accounts");
	CHECK(strcmp(reply_text(&r, "accounts.0.id"), B) == 0);
	CHECK(json_type(reply_at(&r, "next_cursor")) == JSON_STRING);
	reply_free(&r);
	expect_only(ask_get(&w, ACCOUNTS "/" ZERO, READER_TOKEN), 404, "not_found", "no account");
	expect_only(ask_get(&w, ACCOUNTS "/x/transfers", READER_TOKEN), 404, "not_found", "no id");
	expect_only(ask_get(&w, TRANSFERS "/" ZERO, READER_TOKEN), 404, "not_found", "no transfer");
}

static void test_wrong(void)
{
	static const struct {
		const char *path, *body, *pointer, *code;
	} rows[] = {
		{ACCOUNTS, "{}", "/accounts", "missing"},
		{ACCOUNTS, "{\"accounts\":{}}", "/accounts", "type"},
		{ACCOUNTS, "{\"accounts\":[]}", "/accounts", "range"},
		{ACCOUNTS, "{\"accounts\":[1]}", "/accounts/0", "type"},
		{ACCOUNTS, "{\"accounts\":[{\"id\":\"" ZERO "\",\"layer\":\"bitcoin\"}]}",
			"/accounts/0/id", "zero"},
		{ACCOUNTS, "{\"accounts\":[{\"id\":\"" A "\",\"layer\":\"moon\"}]}",
			"/accounts/0/layer", "unknown_layer"},
		{ACCOUNTS, "{\"accounts\":[{\"id\":\"" A "\",\"layer\":\"bitcoin\",\"flags\":1}]}",
			"/accounts/0/flags", "unknown"},
		{ACCOUNTS, "{\"accounts\":[{\"id\":\"" A "\",\"layer\":\"bitcoin\"},{}]}",
			"/accounts/1/id", "missing"},
		{TRANSFERS, "{\"transfers\":[]}", "/layer", "missing"},
		{TRANSFERS, "{\"layer\":\"bitcoin\",\"transfers\":[]}", "/transfers", "range"},
		{TRANSFERS, "{\"layer\":\"bitcoin\",\"transfers\":[[]]}", "/transfers/0", "type"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct reply r = post(rows[i].path, rows[i].body);
		expect(&r, 400, "invalid_request", rows[i].body);
		CHECK(strcmp(reply_text(&r, "errors.0.pointer"), rows[i].pointer) == 0);
		CHECK(strcmp(reply_text(&r, "errors.0.code"), rows[i].code) == 0);
		reply_free(&r);
	}
	static const struct {
		const char *from, *rest, *pointer, *code;
	} items[] = {
		{ZERO, "\"amount\":\"1\"", "/transfers/0/from", "zero"},
		{"Custody", "\"amount\":\"1\"", "/transfers/0/from", "format"},
		{A, "\"amount\":\"0\"", "/transfers/0/amount", "zero"},
		{A, "\"amount\":\"-1\"", "/transfers/0/amount", "format"},
		{A, "\"amount\":\"0.000000001\"", "/transfers/0/amount", "range"},
		{A, "\"amount\":1", "/transfers/0/amount", "type"},
		{A, "\"amount\":\"1\",\"tag\":-1", "/transfers/0/tag", "range"},
		{A, "\"amount\":\"1\",\"tag\":9007199254740992", "/transfers/0/tag", "range"},
	};
	for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
		struct reply r = post(TRANSFERS, one(B, items[i].from, "custody", items[i].rest));
		expect(&r, 400, "invalid_request", items[i].rest);
		CHECK(strcmp(reply_text(&r, "errors.0.pointer"), items[i].pointer) == 0);
		CHECK(strcmp(reply_text(&r, "errors.0.code"), items[i].code) == 0);
		reply_free(&r);
	}
}

static void test_who(void)
{
	static const char *const paths[] = {
		ACCOUNTS, ACCOUNTS "/" A, ACCOUNTS "/" A "/transfers", TRANSFERS "/" A};
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
		expect_only(ask_get(&w, paths[i], NULL), 401, "unauthorized", paths[i]);
	expect_only(ask_post(&w, ACCOUNTS, NULL, next_key(), "{}"), 401, "unauthorized", "open");
	expect_only(ask_post(&w, TRANSFERS, READER_TOKEN, next_key(), "{}"), 403, "forbidden",
		"a reader moves money");
	expect_only(ask_post(&w, TRANSFERS, OPERATOR_TOKEN, NULL, "{}"), 400,
		"idempotency_key_missing", "no key");
}

/* Capacity is 256 rows here. */
static void test_full(void)
{
	static char body[65536];
	struct buf b = buf_init(body, sizeof body);
	buf_printf(&b, "{\"layer\":\"bitcoin\",\"transfers\":[");
	for (unsigned i = 0; i < 250; i++)
		buf_printf(&b,
			"%s{\"id\":\"%032x\",\"from\":\"custody\",\"to\":\"" A
			"\",\"amount\":\"0.00000001\"}",
			i > 0 ? "," : "", 0x100u + i);
	buf_printf(&b, "]}");
	expect_only(post(TRANSFERS, buf_cstr(&b)), 409, "book_full", "more than fits");
	expect_balance(A, "0.65");
}

int main(void)
{
	world_open(&w, "");
	test_batches();
	test_results();
	test_pages();
	test_wrong();
	test_who();
	test_full();
	world_close(&w);
	return EXIT_SUCCESS;
}
