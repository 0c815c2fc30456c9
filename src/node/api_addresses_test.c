/* Deposit addresses by HTTP: given once for each name, and what was paid to them. */
#include <stdio.h>
#include <stdlib.h>

#include "node/api_client_test.h"

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
	world_close(&w);
	return EXIT_SUCCESS;
}
