/* Payouts by HTTP, many with one request: taken or refused together, found again by the same key,
 * and every item that can be wrong named. */
#include <stdio.h>
#include <stdlib.h>

#include "node/api_client_test.h"

#define TRANSFERS "/v1/transfers"
#define ADDRESS "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
#define MAINNET "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
#define ITEM(amount) "{\"to\":\"" ADDRESS "\",\"amount\":\"" amount "\"}"
#define BATCH(items) "{\"layer\":\"bitcoin\",\"transfers\":[" items "]}"
#define KEY "payouts-0123456789"

static struct world w;

static void copy_text(char *out, size_t cap, const char *text)
{
	struct buf b = buf_init(out, cap);
	buf_printf(&b, "%s", text);
	(void)buf_cstr(&b);
}

static struct reply post(const char *key, const char *body)
{
	return ask_post(&w, TRANSFERS, OPERATOR_TOKEN, key, body);
}

static void test_batch(void)
{
	static const char body[] = BATCH(ITEM("0.001") "," ITEM("0.002") "," ITEM("0.003"));
	static const char *const amounts[] = {"0.001", "0.002", "0.003"};
	const uint32_t before = w.ledger->transfer_count;
	char id[3][64], path[256];
	struct reply r = post(KEY, body);
	expect(&r, 201, NULL, "batch");
	CHECK(json_count(reply_at(&r, "transfers")) == 3);
	for (unsigned i = 0; i < 3; i++) {
		(void)snprintf(path, sizeof path, "transfers.%u.id", i);
		copy_text(id[i], sizeof id[i], reply_text(&r, path));
		(void)snprintf(path, sizeof path, "transfers.%u.amount", i);
		CHECK(strcmp(reply_text(&r, path), amounts[i]) == 0);
		(void)snprintf(path, sizeof path, "transfers.%u.state", i);
		CHECK(strcmp(reply_text(&r, path), "pending") == 0);
	}
	reply_free(&r);
	CHECK(strcmp(id[0], id[1]) != 0 && strcmp(id[1], id[2]) != 0);
	CHECK(w.ledger->transfer_count == before + 3);

	r = post(KEY, body);
	expect(&r, 200, NULL, "the same again");
	for (unsigned i = 0; i < 3; i++) {
		(void)snprintf(path, sizeof path, "transfers.%u.id", i);
		CHECK(strcmp(reply_text(&r, path), id[i]) == 0);
	}
	reply_free(&r);
	for (unsigned i = 0; i < 3; i++) {
		(void)snprintf(path, sizeof path, TRANSFERS "/%s", id[i]);
		expect_only(ask_get(&w, path, READER_TOKEN), 200, NULL, "one of them");
	}
	expect_only(post(KEY, BATCH(ITEM("0.001") "," ITEM("0.002"))), 422, "idempotency_mismatch",
		"fewer with the same key");
	expect_only(
		post(KEY, "{\"layer\":\"bitcoin\",\"to\":\"" ADDRESS "\",\"amount\":\"0.001\"}"),
		422, "idempotency_mismatch", "one with the same key");
	CHECK(w.ledger->transfer_count == before + 3);

	/* a batch of one is answered as a batch */
	r = post(KEY "-one", BATCH(ITEM("0.001")));
	expect(&r, 201, NULL, "batch of one");
	CHECK(json_count(reply_at(&r, "transfers")) == 1);
	reply_free(&r);
	r = post(KEY "-one", BATCH(ITEM("0.001")));
	expect(&r, 200, NULL, "batch of one again");
	CHECK(json_count(reply_at(&r, "transfers")) == 1);
	reply_free(&r);
}

static void test_account_layer(void)
{
	static const char body[] = "{\"layer\":\"rootstock\",\"transfers\":["
				   "{\"to\":\"0x7e5f4552091a69125d5dfcb7b8c2659029395bdf\","
				   "\"amount\":\"0.001\"},"
				   "{\"to\":\"0x2b5ad5c4795c026514f8317c7a215e218dccd6cf\","
				   "\"amount\":\"0.002\"}]}";
	struct reply r = post(KEY "-rootstock", body);
	expect(&r, 201, NULL, "two transactions");
	CHECK(json_count(reply_at(&r, "transfers")) == 2);
	reply_free(&r);
}

static void test_refused(void)
{
	static const struct {
		const char *body;
		unsigned status;
		const char *code, *pointer;
	} rows[] = {
		{BATCH(""), 400, "invalid_request", "/transfers"},
		{"{\"layer\":\"bitcoin\",\"transfers\":7}", 400, "invalid_request", "/transfers"},
		{"{\"transfers\":[" ITEM("1") "]}", 400, "invalid_request", "/layer"},
		{BATCH("7"), 400, "invalid_request", "/transfers/0"},
		{BATCH(ITEM("0.001") ",{\"to\":\"" ADDRESS "\"}"), 400, "invalid_request",
			"/transfers/1/amount"},
		{BATCH(ITEM("0.001") "," ITEM("0")), 400, "invalid_request", "/transfers/1/amount"},
		{BATCH(ITEM("0.001") "," ITEM("0.00000545")), 422, "invalid_amount",
			"/transfers/1/amount"},
		{BATCH("{\"to\":\"" MAINNET "\",\"amount\":\"1\"}," ITEM("0.001")), 422,
			"invalid_address", "/transfers/0/to"},
		{BATCH(ITEM("0.001") ",{\"to\":\"" ADDRESS
				     "\",\"amount\":\"0.001\",\"layer\":\"bitcoin\"}"),
			400, "invalid_request", "/transfers/1/layer"},
		{BATCH(ITEM("0.6") "," ITEM("0.6")), 409, "insufficient_funds", ""},
	};
	const uint32_t before = w.ledger->transfer_count;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct reply r = post(KEY "-refused", rows[i].body);
		expect(&r, rows[i].status, rows[i].code, rows[i].body);
		CHECK(strcmp(reply_text(&r, "errors.0.pointer"), rows[i].pointer) == 0);
		reply_free(&r);
	}
	CHECK(w.ledger->transfer_count == before);
}

#define URI(query) "bitcoin:" ADDRESS query
#define PAY(to, rest) "{\"layer\":\"bitcoin\",\"to\":\"" to "\"" rest "}"

/* `bitcoin:` URIs where addresses go: what they ask for is paid, no other amount, and nothing at
 * all where they demand what is not known here. */
static void test_uris(void)
{
	static const struct {
		const char *body;
		unsigned status;
		const char *code, *pointer, *fault, *amount;
	} rows[] = {
		{PAY(URI("?amount=0.001"), ""), 201, NULL, "", "", "0.001"},
		{PAY(URI("?amount=0.0010"), ",\"amount\":\"0.001\""), 201, NULL, "", "", "0.001"},
		{PAY(URI(""), ",\"amount\":\"0.002\""), 201, NULL, "", "", "0.002"},
		{PAY("BITCOIN:" ADDRESS "?label=Shop&new=1&amount=.003", ""), 201, NULL, "", "",
			"0.003"},
		{PAY("bitcoin:?bcrt=" ADDRESS "&amount=0.004", ""), 201, NULL, "", "", "0.004"},
		{PAY(URI("?amount=0.001"), ",\"amount\":\"0.002\""), 422, "invalid_amount",
			"/amount", "differs", ""},
		{PAY(URI(""), ""), 400, "invalid_request", "/amount", "missing", ""},
		{PAY(ADDRESS, ""), 400, "invalid_request", "/amount", "missing", ""},
		{PAY(URI("?amount=0.001&req-escrow=1"), ""), 422, "invalid_address", "/to",
			"demand", ""},
		{PAY(URI("?amount=0.00000545"), ""), 422, "invalid_amount", "/amount", "dust", ""},
		{PAY(URI("?amount=0"), ""), 422, "invalid_amount", "/amount", "dust", ""},
		{PAY(URI("?amount=1&amount=2"), ""), 422, "invalid_address", "/to", "format", ""},
		{PAY("bitcoin:" MAINNET "?amount=0.001", ""), 422, "invalid_address", "/to",
			"network", ""},
		{PAY("bitcoin:?amount=0.001&lightning=lnbcrt1abc", ""), 422, "invalid_address",
			"/to", "no_way", ""},
		{PAY("lightning:lnbcrt1abc", ",\"amount\":\"0.002\""), 422, "invalid_address",
			"/to", "format", ""},
		{"{\"layer\":\"rootstock\",\"to\":\"" URI("") "\",\"amount\":\"0.1\"}", 422,
			"invalid_address", "/to", "format", ""},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char key[32];
		(void)snprintf(key, sizeof key, KEY "-uri-%zu", i);
		struct reply r = post(key, rows[i].body);
		expect(&r, rows[i].status, rows[i].code, rows[i].body);
		CHECK(strcmp(reply_text(&r, "errors.0.pointer"), rows[i].pointer) == 0);
		CHECK(strcmp(reply_text(&r, "errors.0.code"), rows[i].fault) == 0);
		CHECK(strcmp(reply_text(&r, "amount"), rows[i].amount) == 0);
		if (rows[i].status == 201)
			CHECK(strcmp(reply_text(&r, "to"), ADDRESS) == 0);
		reply_free(&r);
	}
	/* one of a batch */
	struct reply r = post(
		KEY "-uris", BATCH(ITEM("0.001") ",{\"to\":\"" URI("?amount=0.0021") "\"}"));
	expect(&r, 201, NULL, "a batch with a URI");
	CHECK(strcmp(reply_text(&r, "transfers.1.amount"), "0.0021") == 0);
	reply_free(&r);
	/* and ours, for whoever pays in */
	r = ask_get(&w, "/v1/layers", READER_TOKEN);
	expect(&r, 200, NULL, "layers");
	char want[128];
	(void)snprintf(
		want, sizeof want, "bitcoin:%.100s", reply_text(&r, "layers.0.funding_address"));
	CHECK(strcmp(reply_text(&r, "layers.0.funding_uri"), want) == 0);
	reply_free(&r);
}

static void test_bound(void)
{
	static char body[65 * 128];
	const uint32_t before = w.ledger->transfer_count;
	for (unsigned count = ENGINE_TRANSFERS_MAX; count <= ENGINE_TRANSFERS_MAX + 1; count++) {
		struct buf b = buf_init(body, sizeof body);
		buf_printf(&b, "{\"layer\":\"bitcoin\",\"transfers\":[");
		for (unsigned i = 0; i < count; i++)
			buf_printf(&b, "%s%s", i > 0 ? "," : "", ITEM("0.0001"));
		buf_printf(&b, "]}");
		if (count == ENGINE_TRANSFERS_MAX)
			expect_only(post(KEY "-many", buf_cstr(&b)), 201, NULL, "as many as go");
		else
			expect_only(
				post(KEY "-more", buf_cstr(&b)), 400, "invalid_request", "more");
	}
	CHECK(w.ledger->transfer_count == before + ENGINE_TRANSFERS_MAX);
}

int main(void)
{
	world_open(&w, "");
	test_batch();
	test_account_layer();
	test_refused();
	test_uris();
	test_bound();
	expect_only(ask_post(&w, TRANSFERS, READER_TOKEN, KEY, BATCH(ITEM("0.001"))), 403,
		"forbidden", "who may only look");
	world_close(&w);
	return EXIT_SUCCESS;
}
