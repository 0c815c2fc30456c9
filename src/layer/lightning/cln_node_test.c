/* A Core Lightning that is asked and followed, over as many commands as it takes: the node is a
 * script of this test, which answers as the schemas and the plugin's sources say. */
#include <stdio.h>
#include <stdlib.h>

#include "layer/lightning/lnd.h"
#include "layer/lightning/script_test.h"

#define PART(status, more)                                                                         \
	"{\"payments\":[{\"payment_hash\":\"" HOLD_HASH "\",\"status\":\"" status                  \
	"\",\"amount_msat\":20000000,\"amount_sent_msat\":20000001" more "}]}"
#define PREIMAGE ",\"payment_preimage\":\"" HOLD_PREIMAGE "\""

static void test_cln_pays(void)
{
	const struct ln_question q = pay_question();
	begin(LN_CLN, "rune-text==\n");
	follow(&q);
	struct http_local_request *r = next("POST", "/v1/pay");
	CHECK(strcmp(http_local_extra_header(r), "Rune: rune-text==") == 0);
	http_local_answer(r, ERR_IO, 0, slice_of(NULL, 0));
	/* as long as it may be at work, failed parts are not the end */
	run(LN_RETRY_DEFAULT_MS);
	r = next("POST", "/v1/listsendpays");
	CHECK(body_is(r, "{\"payment_hash\":\"" HOLD_HASH "\"}"));
	http_local_answer(r, OK, 200, slice_str(PART("failed", "")));
	CHECK(told.payment.state == LN_PAYMENT_IN_FLIGHT && told.last == 0);
	run(LN_RETRY_DEFAULT_MS);
	http_local_answer(
		next("POST", "/v1/listsendpays"), OK, 201, slice_str(PART("complete", PREIMAGE)));
	CHECK(told.last == 1 && told.payment.state == LN_PAYMENT_SUCCEEDED);
	CHECK(told.payment.fee.raw == 1);
	/* it says itself that it has ended */
	follow(&q);
	http_local_answer(next("POST", "/v1/pay"), OK, 500,
		slice_str("{\"code\":205,\"message\":\"no route\"}"));
	run(LN_RETRY_DEFAULT_MS);
	http_local_answer(
		next("POST", "/v1/listsendpays"), OK, 200, slice_str(PART("pending", "")));
	CHECK(told.payment.state == LN_PAYMENT_IN_FLIGHT && told.last == 0);
	run(LN_RETRY_DEFAULT_MS);
	http_local_answer(next("POST", "/v1/listsendpays"), OK, 200, slice_str(PART("failed", "")));
	CHECK(told.last == 1 && told.payment.state == LN_PAYMENT_FAILED);
	/* its time has passed */
	follow(&q);
	http_local_answer(next("POST", "/v1/pay"), ERR_IO, 0, slice_of(NULL, 0));
	const uint64_t until = loop_now_ms(loop) + q.timeout_s * 1000 + LN_PAY_GRACE_MS;
	while (told.last == 0) {
		CHECK(loop_now_ms(loop) < until + 2 * LN_RETRY_DEFAULT_MS);
		run(LN_RETRY_DEFAULT_MS);
		http_local_answer(
			next("POST", "/v1/listsendpays"), OK, 200, slice_str(PART("failed", "")));
	}
	CHECK(loop_now_ms(loop) >= until && told.payment.state == LN_PAYMENT_FAILED);
	end();
}

/* A payment that is held by the payee keeps its command waiting: it is seen all the same, and is
 * not over because its first parts have failed. */
static void test_cln_seen(void)
{
	const struct ln_question q = pay_question();
	begin(LN_CLN, "rune");
	follow(&q);
	struct http_local_request *r = next("POST", "/v1/pay");
	static const struct {
		const char *body;
		unsigned told;
	} looks[] = {{"{\"payments\":[]}", 0}, {PART("failed", ""), 0}, {PART("pending", ""), 1},
		{PART("complete", PREIMAGE), 1}, {"{}", 1}, {PART("pending", ""), 2}};
	for (size_t i = 0; i < ARRAY_LEN(looks); i++) {
		run(LN_RETRY_DEFAULT_MS);
		http_local_answer(
			next("POST", "/v1/listsendpays"), OK, 201, slice_str(looks[i].body));
		CHECK(told.count == looks[i].told && told.last == 0);
		CHECK(told.count == 0 || told.payment.state == LN_PAYMENT_IN_FLIGHT);
	}
	/* it ends while one looks; then it is asked in earnest */
	run(LN_RETRY_DEFAULT_MS);
	struct http_local_request *look = next("POST", "/v1/listsendpays");
	http_local_answer(r, OK, 201, slice_str("{}"));
	http_local_drop(look);
	run(LN_RETRY_DEFAULT_MS);
	http_local_answer(
		next("POST", "/v1/listsendpays"), OK, 201, slice_str(PART("complete", PREIMAGE)));
	CHECK(told.last == 1 && told.payment.state == LN_PAYMENT_SUCCEEDED);
	/* stopped while one looks, from within what is told by a look, and with the node */
	follow(&q);
	r = next("POST", "/v1/pay");
	run(LN_RETRY_DEFAULT_MS);
	look = next("POST", "/v1/listsendpays");
	ln_call_stop(told.call);
	http_local_drop(look);
	http_local_drop(r);
	follow(&q);
	told.stop = true;
	r = next("POST", "/v1/pay");
	run(LN_RETRY_DEFAULT_MS);
	http_local_answer(
		next("POST", "/v1/listsendpays"), OK, 201, slice_str(PART("pending", "")));
	CHECK(told.count == 1);
	http_local_drop(r);
	nobody_asks(LN_RETRY_MAX_MS);
	follow(&q);
	r = next("POST", "/v1/pay");
	run(LN_RETRY_DEFAULT_MS);
	look = next("POST", "/v1/listsendpays");
	ln_node_destroy(node);
	http_local_drop(look);
	http_local_drop(r);
	CHECK(told.count == 0);
	http_client_destroy(client);
	loop_destroy(loop);
}

#define DEADLINE(blocks)                                                                           \
	"{\"configs\":{\"hold-expiry-deadline\":{\"value_int\":" blocks ",\"source\":\"default\"}}}"
#define NO_OPTION "{\"code\":-32602,\"message\":\"config: Unknown config option\"}"
#define NO_COMMAND "{\"code\":-32601,\"message\":\"Unknown command 'listholdinvoices'\"}"
#define HOLD_AMOUNT 20000000u

/* The invoice that was given to the node to be signed, signed by it: with as much of the amount. */
static const char *sign(struct http_local_request *r, uint64_t amount_msat)
{
	static char answer[BOLT11_TEXT_MAX + 20], text[BOLT11_TEXT_MAX + 1];
	static struct bolt11 b;
	const struct seckey key = {{9}};
	struct json *v = NULL;
	const struct hash256 hash = hold_question(LN_ASK_HOLD).hash;
	CHECK(json_parse(&v, http_local_body(r), NULL) == OK && json_count(v) == 1);
	CHECK(bolt11_decode(&b, json_string(json_get(v, "invstring"))) == OK);
	json_free(v);
	CHECK(hash256_eq(&b.payment_hash, &hash) && b.final_cltv == 121 && b.expiry_s == 3600);
	CHECK(b.amount_msat == HOLD_AMOUNT && b.timestamp_s == loop_wall_ms(loop) / 1000);
	b.amount_msat = amount_msat;
	CHECK(bolt11_encode(text, &b, &key) == OK);
	(void)snprintf(answer, sizeof answer, "{\"bolt11\":\"%s\"}", text);
	return answer;
}

static void listed_margin(void)
{
	struct http_local_request *r = next("POST", "/v1/listconfigs");
	CHECK(body_is(r, "{\"config\":\"hold-expiry-deadline\"}"));
	http_local_answer(r, OK, 201, slice_str(DEADLINE("18")));
}

static void test_cln_makes(void)
{
	struct ln_question q = hold_question(LN_ASK_HOLD);
	char text[BOLT11_TEXT_MAX + 20];
	q.amount.raw = HOLD_AMOUNT;
	q.expiry_s = 3600;
	q.final_cltv = 121;
	begin(LN_CLN, "rune");
	ask(&q);
	listed_margin();
	struct http_local_request *r = next("POST", "/v1/signinvoice");
	const char *signed_one = sign(r, HOLD_AMOUNT);
	(void)snprintf(text, sizeof text, "{\"invoice\":%s", signed_one + strlen("{\"bolt11\":"));
	http_local_answer(r, OK, 201, slice_str(signed_one));
	r = next("POST", "/v1/injectholdinvoice");
	CHECK(body_is(r, text) && told.count == 0);
	http_local_answer(r, OK, 201, slice_str("{}"));
	CHECK(told.last == 1 && told.err == OK && strstr(text, told.request) != NULL);
	/* the node signs something else; one is there; nobody has signed; it was not understood */
	ask(&q);
	listed_margin();
	r = next("POST", "/v1/signinvoice");
	http_local_answer(r, OK, 201, slice_str(sign(r, HOLD_AMOUNT + 1)));
	http_local_answer(next("POST", "/v1/injectholdinvoice"), OK, 201, slice_str("{}"));
	CHECK(told.last == 1 && told.err == ERR_FORMAT);
	ask(&q);
	listed_margin();
	r = next("POST", "/v1/signinvoice");
	http_local_answer(r, OK, 201, slice_str(sign(r, HOLD_AMOUNT)));
	http_local_answer(next("POST", "/v1/injectholdinvoice"), OK, 500,
		slice_str("{\"code\":-32700,\"message\":\"UNIQUE constraint failed: x\"}"));
	CHECK(told.last == 1 && told.err == ERR_EXISTS);
	ask(&q);
	listed_margin();
	http_local_answer(next("POST", "/v1/signinvoice"), OK, 201, slice_str("{}"));
	CHECK(told.last == 1 && told.err == ERR_FORMAT);
	ask(&q);
	listed_margin();
	http_local_answer(next("POST", "/v1/signinvoice"), ERR_IO, 0, slice_of(NULL, 0));
	CHECK(told.last == 1 && told.err == ERR_IO);
	end();
}

/* Nothing is asked of a node that can't hold, or that would give up too early: no plugin, one that
 * is too old, a margin that is not ours. */
static void test_cln_holds_not(void)
{
	static const struct {
		unsigned status;
		const char *body;
		enum err err;
	} rows[] = {{201, DEADLINE("1"), OK}, {201, DEADLINE("0"), ERR_UNAVAILABLE},
		{201, DEADLINE("19"), ERR_UNAVAILABLE}, {500, NO_OPTION, ERR_UNAVAILABLE},
		{201, "{\"configs\":{}}", ERR_FORMAT},
		{401, "{\"code\":1502,\"message\":\"Rune is not valid\"}", ERR_DENIED}};
	struct ln_question q = hold_question(LN_ASK_HOLD);
	begin(LN_CLN, "rune");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct ln_question holds = {.ask = LN_ASK_HOLDS};
		ask(&holds);
		http_local_answer(next("POST", "/v1/listconfigs"), OK, rows[i].status,
			slice_str(rows[i].body));
		CHECK(told.last == 1 && told.err == rows[i].err);
		CHECK((told.detail[0] != 0) == (rows[i].err != OK));
		if (rows[i].err == OK)
			continue;
		q.amount.raw = HOLD_AMOUNT;
		q.expiry_s = 3600;
		q.final_cltv = 121;
		ask(&q);
		http_local_answer(next("POST", "/v1/listconfigs"), OK, rows[i].status,
			slice_str(rows[i].body));
		CHECK(told.last == 1 && told.err == rows[i].err);
	}
	end();
}

static char hold_text[8192];

/* preimage: with it */
static struct slice held_invoice(const char *state, const char *htlcs, bool preimage)
{
	(void)snprintf(hold_text, sizeof hold_text,
		"{\"holdinvoices\":[{\"payment_hash\":\"" HOLD_HASH "\"%s,\"invoice\":\"%s\","
		"\"state\":\"%s\",\"htlcs\":[%s]}]}",
		preimage ? ",\"preimage\":\"" HOLD_PREIMAGE "\"" : "", hold_request, state, htlcs);
	return slice_str(hold_text);
}

#define ROW(state) "{\"state\":\"" state "\",\"msat\":20000000}"
#define WAITING                                                                                    \
	"{\"channels\":[{\"htlcs\":[{\"direction\":\"in\",\"amount_msat\":20000000,"               \
	"\"expiry\":624,\"payment_hash\":\"" HOLD_HASH                                             \
	"\",\"state\":\"RCVD_ADD_ACK_REVOCATION\"}]}]}"
#define NOBODY_WAITS "{\"channels\":[]}"

static void answer_invoice(const char *state, const char *htlcs, bool preimage)
{
	struct http_local_request *r = next("POST", "/v1/listholdinvoices");
	CHECK(body_is(r, "{\"payment_hash\":\"" HOLD_HASH "\"}"));
	http_local_answer(r, OK, 201, held_invoice(state, htlcs, preimage));
}

static void answer_channels(const char *body)
{
	http_local_answer(next("POST", "/v1/listpeerchannels"), OK, 201, slice_str(body));
}

/* Over as many commands as it takes; what fails in the middle begins anew, and says nothing. */
static void test_cln_holds(void)
{
	const struct ln_question q = hold_question(LN_ASK_INVOICE);
	begin(LN_CLN, "rune");
	follow(&q);
	answer_invoice("unpaid", "", false);
	CHECK(told.count == 1 && told.invoice == LN_INVOICE_OPEN);
	run(LN_RETRY_DEFAULT_MS);
	answer_invoice("accepted", ROW("accepted"), false);
	CHECK(told.count == 1);
	http_local_answer(next("POST", "/v1/listpeerchannels"), ERR_IO, 0, slice_of(NULL, 0));
	CHECK(told.count == 2 && told.err == ERR_IO && told.last == 0);
	run_until_asked();
	answer_invoice("accepted", ROW("accepted"), false);
	answer_channels(WAITING);
	CHECK(told.count == 3 && told.err == OK && told.invoice == LN_INVOICE_HELD);
	/* the plugin is away: nothing has ended */
	run(LN_RETRY_DEFAULT_MS);
	http_local_answer(next("POST", "/v1/listholdinvoices"), OK, 404, slice_str(NO_COMMAND));
	CHECK(told.err == ERR_UNAVAILABLE && told.last == 0);
	/* settled, says the plugin; the node has not heard of it yet */
	run_until_asked();
	answer_invoice("paid", ROW("paid"), true);
	answer_channels(WAITING);
	CHECK(told.err == OK && told.invoice == LN_INVOICE_SETTLED && told.last == 0);
	run(LN_RETRY_DEFAULT_MS);
	answer_invoice("paid", ROW("paid"), true);
	answer_channels(NOBODY_WAITS);
	CHECK(told.last == 1 && told.invoice == LN_INVOICE_SETTLED);
	/* never paid: the node is not asked; unknown: the end */
	follow(&q);
	answer_invoice("cancelled", "", false);
	CHECK(told.last == 1 && told.invoice == LN_INVOICE_CANCELLED);
	follow(&q);
	http_local_answer(
		next("POST", "/v1/listholdinvoices"), OK, 201, slice_str("{\"holdinvoices\":[]}"));
	CHECK(told.last == 1 && told.err == ERR_NOT_FOUND);
	/* stopped in the middle */
	follow(&q);
	answer_invoice("accepted", ROW("accepted"), false);
	struct http_local_request *r = next("POST", "/v1/listpeerchannels");
	ln_call_stop(told.call);
	http_local_drop(r);
	CHECK(told.count == 0);
	end();
}

static void test_cln_ends(void)
{
	struct ln_question q = hold_question(LN_ASK_CANCEL);
	begin(LN_CLN, "rune");
	ask(&q);
	struct http_local_request *r = next("POST", "/v1/cancelholdinvoice");
	CHECK(body_is(r, "{\"payment_hash\":\"" HOLD_HASH "\"}"));
	http_local_answer(r, OK, 201, slice_str("{}"));
	CHECK(told.last == 1 && told.err == OK);
	q = (struct ln_question){.ask = LN_ASK_SETTLE, .preimage = {{7}}};
	ask(&q);
	r = next("POST", "/v1/settleholdinvoice");
	CHECK(body_is(r,
		"{\"preimage\":\"07000000000000000000000000000000000000000000000000000000000000"
		"00\"}"));
	http_local_answer(
		r, OK, 500, slice_str("{\"code\":-32700,\"message\":\"no HTLCs to settle\"}"));
	CHECK(told.last == 1 && told.err == ERR_STATE);
	end();
}

static void test_network(void)
{
	static const char info[] =
		"{\"id\":\"03ebc86c6d62fb1b991b0e0b1256d7a505454a60b0e6644c20cccee865d717a83a\","
		"\"num_pending_channels\":0,\"num_active_channels\":1,\"num_inactive_channels\":0,"
		"\"version\":\"v25.05\",\"blockheight\":110,\"network\":\"%s\"}";
	const struct ln_question q = {.ask = LN_ASK_INFO};
	char text[400];
	begin(LN_CLN, "rune");
	(void)snprintf(text, sizeof text, info, "regtest");
	ask(&q);
	http_local_answer(next("POST", "/v1/getinfo"), OK, 200, slice_str(text));
	CHECK(told.err == OK && told.info.height == 110);
	(void)snprintf(text, sizeof text, info, "signet");
	ask(&q);
	http_local_answer(next("POST", "/v1/getinfo"), OK, 200, slice_str(text));
	CHECK(told.err == ERR_NETWORK);
	end();
}

int main(void)
{
	script_init();
	CHECK(lnd_request_parse(hold_request, body_of("hold invoice made")) == OK);
	test_cln_pays();
	test_cln_seen();
	test_cln_makes();
	test_cln_holds_not();
	test_cln_holds();
	test_cln_ends();
	test_network();
	script_fini();
	return EXIT_SUCCESS;
}
