/* A node that is asked and followed: what is sent, what is told, and what follows on every way in
 * which a request can end. The node is a script of this test; lnd's words are recorded ones. */
#include "layer/lightning/node.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/hex.h"
#include "crypto/hash.h"
#include "layer/vectors_lnd.h"

#define REQUESTS_MAX 128u
#define MACAROON "\x02\x01\xff"
#define HOLD_HASH "2de27a84f34c3f1406e393c8142a7cf801c0db831216f8bbcf42d0f9263e07f3"

static struct loop *loop;
static struct http_client *client;
static struct ln_node *node;
static char credential[] = "/tmp/sluice-ln-XXXXXX";

#define OTHER_HASH "f94b0ae8b06fec68f9ab41a1db8fa0a346ea70dd8d936e373a5e3b87f1b4bdab"

/* ---- the node's side ---- */

static struct http_local_request *asked[REQUESTS_MAX];
static unsigned asked_count, taken;

static void on_request(void *ctx, struct http_local_request *request)
{
	(void)ctx;
	CHECK(asked_count < REQUESTS_MAX);
	asked[asked_count++] = request;
}

static void run(uint64_t ms)
{
	const uint64_t end = loop_now_ms(loop) + ms;
	do
		(void)loop_step(loop, end - loop_now_ms(loop));
	while (loop_now_ms(loop) < end);
}

/* Until it asks; not for longer than it waits at most. */
static void run_until_asked(void)
{
	const uint64_t end = loop_now_ms(loop) + LN_RETRY_MAX_MS;
	while (taken == asked_count && loop_now_ms(loop) < end)
		(void)loop_step(loop, end - loop_now_ms(loop));
}

/* The next request, which is this one. */
static struct http_local_request *next(const char *method, const char *path)
{
	run(1);
	CHECK(taken < asked_count);
	struct http_local_request *r = asked[taken++];
	char url[200];
	(void)snprintf(url, sizeof url, "http://node%s", path);
	CHECK(strcmp(http_local_method(r), method) == 0 && strcmp(http_local_url(r), url) == 0);
	return r;
}

static bool body_is(struct http_local_request *r, const char *text)
{
	return slice_eq(http_local_body(r), slice_str(text));
}

static void nobody_asks(uint64_t ms)
{
	run(ms);
	CHECK(taken == asked_count);
}

static struct slice body_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(exchanges); i++)
		if (strcmp(exchanges[i].name, name) == 0)
			return exchanges[i].body;
	CHECK(false);
	return slice_of(NULL, 0);
}

/* Lines first to last, from 0, with their ends. */
static struct slice lines_of(const char *name, unsigned first, unsigned last)
{
	const struct slice body = body_of(name);
	size_t from = 0, to = 0;
	for (unsigned n = 0; n <= last; n++) {
		if (n == first)
			from = to;
		const uint8_t *end = memchr(body.ptr + to, '\n', body.len - to);
		CHECK(end != NULL);
		to = (size_t)(end - body.ptr) + 1;
	}
	return slice_of(body.ptr + from, to - from);
}

/* ---- our side ---- */

struct told {
	unsigned count, last;
	enum err err;
	struct ln_info info;
	struct ln_balance balance;
	struct ln_payment payment;
	enum ln_invoice_state invoice;
	char request[BOLT11_TEXT_MAX + 1];
	char detail[LN_DETAIL_SIZE];
	struct ln_call *call;
	bool stop;
};

static struct told told;

static void on_told(void *ctx, const struct ln_answer *a)
{
	struct told *t = ctx;
	CHECK(t->last == 0 && a->detail != NULL);
	t->count++;
	t->last += a->last;
	t->err = a->err;
	(void)snprintf(t->detail, sizeof t->detail, "%s", a->detail);
	if (a->info != NULL)
		t->info = *a->info;
	if (a->balance != NULL)
		t->balance = *a->balance;
	if (a->payment != NULL)
		t->payment = *a->payment;
	if (a->invoice != NULL)
		t->invoice = a->invoice->state;
	if (a->request != NULL)
		(void)snprintf(t->request, sizeof t->request, "%s", a->request);
	if (t->stop)
		ln_call_stop(t->call);
}

static void ask(const struct ln_question *q)
{
	told = (struct told){0};
	CHECK(ln_node_ask(node, &told.call, q, on_told, &told) == OK);
}

static void follow(const struct ln_question *q)
{
	told = (struct told){0};
	CHECK(ln_node_follow(node, &told.call, q, on_told, &told) == OK);
}

static void begin(enum ln_kind kind, const char *secret)
{
	asked_count = taken = 0;
	FILE *f = fopen(credential, "w");
	CHECK(f != NULL && fputs(secret, f) >= 0 && fclose(f) == 0);
	CHECK(loop_create(&loop, &(struct loop_config){.virtual_time = true}) == OK);
	CHECK(http_client_create_local(&client, loop, on_request, NULL) == OK);
	CHECK(ln_node_create(&node,
		      &(struct ln_node_config){.kind = kind,
			      .network = network_by_name(LAYER_BITCOIN, slice_str("regtest")),
			      .url = "http://node",
			      .credential_file = credential,
			      .client = client,
			      .loop = loop}) == OK);
}

static void end(void)
{
	nobody_asks(60000);
	ln_node_destroy(node);
	http_client_destroy(client);
	loop_destroy(loop);
}

static struct ln_question hold_question(enum ln_ask what)
{
	struct ln_question q = {.ask = what};
	CHECK(hex_decode(q.hash.b, 32, slice_str(HOLD_HASH)) == OK);
	return q;
}

static char hold_request[BOLT11_TEXT_MAX + 1];

static struct ln_question pay_question(void)
{
	struct ln_question q = hold_question(LN_ASK_PAY);
	q.request = hold_request;
	q.fee_limit.raw = 10000;
	q.timeout_s = 30;
	q.cltv_limit = 200;
	return q;
}

/* ---- lnd, once ---- */

static void test_asked_once(void)
{
	struct ln_question q = {.ask = LN_ASK_BALANCE};
	begin(LN_LND, MACAROON);
	ask(&q);
	struct http_local_request *r = next("GET", "/v1/balance/channels");
	CHECK(strcmp(http_local_extra_header(r), "Grpc-Metadata-macaroon: 0201ff") == 0);
	http_local_answer(r, OK, 200, body_of("channel balance"));
	CHECK(told.last == 1 && told.err == OK && told.balance.local.raw == 3977775000u);

	q = hold_question(LN_ASK_HOLD);
	q.amount.raw = 20000000;
	q.expiry_s = 3600;
	q.final_cltv = 80;
	ask(&q);
	r = next("POST", "/v2/invoices/hodl");
	CHECK(body_is(r,
		"{\"hash\":\"LeJ6hPNMPxQG45PIFCp8+AHA24MSFvi7z0LQ+SY+B/M=\","
		"\"value_msat\":\"20000000\",\"expiry\":\"3600\",\"cltv_expiry\":\"80\"}"));
	http_local_answer(r, OK, 200, body_of("hold invoice made"));
	CHECK(told.err == OK && strncmp(told.request, "lnbcrt200u1", 11) == 0);
	(void)snprintf(hold_request, sizeof hold_request, "%s", told.request);
	/* an invoice over other terms than were asked for */
	for (unsigned i = 0; i < 4; i++) {
		struct ln_question other = q;
		if (i == 0)
			other.amount.raw++;
		else if (i == 1)
			other.hash.b[0]++;
		else if (i == 2)
			other.final_cltv++;
		else
			other.expiry_s++;
		ask(&other);
		http_local_answer(
			next("POST", "/v2/invoices/hodl"), OK, 200, body_of("hold invoice made"));
		CHECK(told.err == ERR_FORMAT && told.last == 1);
	}
	q = hold_question(LN_ASK_INVOICE);
	ask(&q);
	http_local_answer(
		next("GET", "/v1/invoice/" HOLD_HASH), OK, 200, body_of("hold invoice held"));
	CHECK(told.err == OK && told.invoice == LN_INVOICE_HELD && told.last == 1);
	q.hash.b[31]++; /* it answers about another one */
	ask(&q);
	run(1);
	http_local_answer(asked[taken++], OK, 200, body_of("hold invoice held"));
	CHECK(told.err == ERR_FORMAT);
	q = hold_question(LN_ASK_SETTLE);
	ask(&q);
	r = next("POST", "/v2/invoices/settle");
	CHECK(body_is(r, "{\"preimage\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"}"));
	http_local_answer(r, OK, 500, body_of("wrong preimage"));
	CHECK(told.err == ERR_NOT_FOUND && strcmp(told.detail, "unable to locate invoice") == 0);
	q = hold_question(LN_ASK_CANCEL);
	ask(&q);
	http_local_answer(next("POST", "/v2/invoices/cancel"), OK, 200, body_of("cancelled"));
	CHECK(told.err == OK && told.last == 1);
	/* how a payment stands: the first line of its stream */
	q = hold_question(LN_ASK_PAYMENT);
	ask(&q);
	r = next("GET", "/v2/router/track/LeJ6hPNMPxQG45PIFCp8-AHA24MSFvi7z0LQ-SY-B_M=");
	CHECK(http_local_part(r, lines_of("hold invoice paid", 1, 1)));
	CHECK(told.err == OK && told.last == 1 && told.payment.state == LN_PAYMENT_IN_FLIGHT);
	CHECK(!http_local_part(r, lines_of("hold invoice paid", 2, 2)) && told.count == 1);
	http_local_drop(r);
	end();
}

static void test_ends_without(void)
{
	static const struct {
		enum err net;
		unsigned status;
		const char *body;
		enum err err;
	} way[] = {
		{ERR_UNAVAILABLE, 0, "", ERR_UNAVAILABLE},
		{ERR_TIMEOUT, 0, "", ERR_TIMEOUT},
		{ERR_IO, 0, "", ERR_IO},
		{OK, 200, "", ERR_FORMAT},
		{OK, 200, "{}", ERR_FORMAT},
		{OK, 502, "<html>", ERR_IO},
		{OK, 500, "{\"code\":2,\"message\":\"waiting to start, RPC\"}", ERR_UNAVAILABLE},
		{OK, 500, "{\"code\":2,\"message\":\"expected 1 macaroon, got 0\"}", ERR_DENIED},
	};
	const struct ln_question q = {.ask = LN_ASK_BALANCE};
	begin(LN_LND, MACAROON);
	for (size_t i = 0; i < ARRAY_LEN(way); i++) {
		ask(&q);
		http_local_answer(next("GET", "/v1/balance/channels"), way[i].net, way[i].status,
			slice_str(way[i].body));
		CHECK(told.last == 1 && told.err == way[i].err && told.detail[0] != 0);
	}
	/* a macaroon that was replaced is read again when the old one is refused */
	FILE *f = fopen(credential, "w");
	CHECK(f != NULL && fputs("\x07", f) >= 0 && fclose(f) == 0);
	for (unsigned i = 0; i < 2; i++) {
		ask(&q);
		struct http_local_request *r = next("GET", "/v1/balance/channels");
		CHECK(strcmp(http_local_extra_header(r),
			      i == 0 ? "Grpc-Metadata-macaroon: 0201ff"
				     : "Grpc-Metadata-macaroon: 07") == 0);
		http_local_answer(r, OK, 500, body_of("bad macaroon"));
		CHECK(told.err == ERR_DENIED);
	}
	ask(&q); /* nobody answers */
	(void)next("GET", "/v1/balance/channels");
	run(LN_TIMEOUT_DEFAULT_MS);
	CHECK(told.last == 1 && told.err == ERR_TIMEOUT);
	http_local_drop(asked[taken - 1]);
	end();
}

static void test_questions(void)
{
	struct ln_question q = {.ask = LN_ASK_BALANCE};
	struct ln_call *call;
	begin(LN_LND, MACAROON);
	CHECK(ln_node_follow(node, &call, &q, on_told, &told) == ERR_STATE);
	q = pay_question();
	CHECK(ln_node_ask(node, &call, &q, on_told, &told) == ERR_STATE);
	q.hash.b[0]++;
	CHECK(ln_node_follow(node, &call, &q, on_told, &told) == ERR_FORMAT);
	q = pay_question();
	q.request = "lnbcrt1nothing";
	CHECK(ln_node_follow(node, &call, &q, on_told, &told) == ERR_FORMAT);
	q = pay_question();
	q.timeout_s = 0;
	CHECK(ln_node_follow(node, &call, &q, on_told, &told) == ERR_RANGE);
	q = pay_question();
	q.cltv_limit = 0;
	CHECK(ln_node_follow(node, &call, &q, on_told, &told) == ERR_RANGE);
	q = hold_question(LN_ASK_HOLD);
	CHECK(ln_node_ask(node, &call, &q, on_told, &told) == ERR_RANGE);
	q.ask = LN_ASK_COUNT;
	CHECK(ln_node_ask(node, &call, &q, on_told, &told) == ERR_STATE);
	end();
	begin(LN_CLN, "rune");
	q = hold_question(LN_ASK_HOLD); /* it has none */
	CHECK(ln_node_ask(node, &call, &q, on_told, &told) == ERR_STATE);
	end();
}

/* ---- lnd, followed ---- */

#define TRACK "/v2/router/track/LeJ6hPNMPxQG45PIFCp8-AHA24MSFvi7z0LQ-SY-B_M="
#define SUBSCRIBE "/v2/invoices/subscribe/LeJ6hPNMPxQG45PIFCp8-AHA24MSFvi7z0LQ-SY-B_M="

/* A node that takes the question and says nothing is asked again. */
static void test_quiet_stream(void)
{
	const struct ln_question q = hold_question(LN_ASK_INVOICE);
	begin(LN_LND, MACAROON);
	follow(&q);
	struct http_local_request *r = next("GET", SUBSCRIBE);
	run(LN_TIMEOUT_DEFAULT_MS);
	CHECK(told.err == ERR_TIMEOUT && told.last == 0);
	http_local_drop(r);
	run_until_asked();
	r = next("GET", SUBSCRIBE);
	CHECK(http_local_part(r, lines_of("hold invoice followed", 0, 0)));
	nobody_asks(LN_STREAM_MS / 2); /* it may be quiet for long once it has said something */
	http_local_drop(r);
	end();
}

/* Whatever the stream ends with, the payment is sent once. */
static void test_paid_over_many_streams(void)
{
	const struct ln_question q = pay_question();
	begin(LN_LND, MACAROON);
	follow(&q);
	struct http_local_request *r = next("POST", "/v2/router/send");
	CHECK(http_local_part(r, lines_of("hold invoice paid", 0, 1)));
	CHECK(told.count == 2 && told.last == 0 && told.payment.expiry_height == 546);
	http_local_answer(r, ERR_IO, 0, slice_of(NULL, 0)); /* the node dies */
	CHECK(told.last == 0);
	run(LN_RETRY_DEFAULT_MS);
	http_local_answer(next("GET", TRACK), ERR_UNAVAILABLE, 0, slice_of(NULL, 0));
	CHECK(told.err == ERR_UNAVAILABLE && told.last == 0);
	run_until_asked();
	http_local_answer(next("GET", TRACK), OK, 500,
		slice_str("{\"code\":2,\"message\":\"waiting to start, RPC services\"}"));
	CHECK(told.err == ERR_UNAVAILABLE && told.last == 0);
	run_until_asked();
	r = next("GET", TRACK);
	const struct slice line = lines_of("hold invoice paid", 1, 1);
	for (size_t i = 0; i < line.len; i++) /* byte by byte */
		CHECK(http_local_part(r, slice_of(line.ptr + i, 1)));
	CHECK(told.err == OK && told.payment.state == LN_PAYMENT_IN_FLIGHT);
	run(LN_STREAM_MS); /* it was open for long enough: another one, and nothing is told */
	const unsigned before = told.count;
	run(LN_RETRY_DEFAULT_MS);
	http_local_drop(r);
	r = next("GET", TRACK);
	CHECK(told.count == before);
	CHECK(http_local_part(r, lines_of("hold invoice paid", 2, 2)));
	CHECK(told.last == 1 && told.payment.state == LN_PAYMENT_SUCCEEDED);
	CHECK(told.payment.has_preimage);
	http_local_drop(r);
	end();
}

static void test_pay_refused(void)
{
	const struct ln_question q = pay_question();
	begin(LN_LND, MACAROON);
	/* nothing was done: that is the end */
	follow(&q);
	http_local_answer(next("POST", "/v2/router/send"), ERR_UNAVAILABLE, 0, slice_of(NULL, 0));
	CHECK(told.last == 1 && told.err == ERR_UNAVAILABLE);
	follow(&q);
	http_local_answer(next("POST", "/v2/router/send"), OK, 500, body_of("no macaroon"));
	CHECK(told.last == 1 && told.err == ERR_DENIED);
	/* paid already: by whom is told by its hash */
	follow(&q);
	http_local_answer(next("POST", "/v2/router/send"), OK, 409, body_of("paid already"));
	CHECK(told.count == 0);
	run(LN_RETRY_DEFAULT_MS);
	http_local_answer(next("GET", TRACK), OK, 200, body_of("tracked"));
	CHECK(told.last == 1 && told.payment.state == LN_PAYMENT_SUCCEEDED);
	/* no answer in any form: asked, not assumed */
	static const enum err lost[] = {ERR_TIMEOUT, ERR_IO, ERR_FULL, OK};
	for (size_t i = 0; i < ARRAY_LEN(lost); i++) {
		follow(&q);
		http_local_answer(
			next("POST", "/v2/router/send"), lost[i], 502, slice_str("bad gateway"));
		CHECK(told.count == 0);
		run(LN_RETRY_DEFAULT_MS);
		http_local_answer(next("GET", TRACK), OK, 404, body_of("track what is unknown"));
		CHECK(told.last == 1 && told.err == ERR_NOT_FOUND);
	}
	end();
}

static void test_failed_for_good(void)
{
	struct ln_question q = hold_question(LN_ASK_PAYMENT);
	CHECK(hex_decode(q.hash.b, 32, slice_str(OTHER_HASH)) == OK);
	begin(LN_LND, MACAROON);
	follow(&q);
	run(1);
	struct http_local_request *r = asked[taken++];
	CHECK(http_local_part(r, lines_of("payment cancelled", 0, 2)));
	CHECK(told.count == 3 && told.last == 0 && told.payment.state == LN_PAYMENT_IN_FLIGHT);
	CHECK(http_local_part(r, lines_of("payment cancelled", 3, 3)));
	CHECK(told.last == 1 && told.payment.failure == LN_FAILURE_REFUSED);
	http_local_drop(r);
	/* a line about another payment, and one that is cut off, are told as what they are */
	q = hold_question(LN_ASK_PAYMENT);
	follow(&q);
	http_local_answer(next("GET", TRACK), OK, 200, lines_of("payment cancelled", 3, 3));
	CHECK(told.err == ERR_FORMAT && told.last == 0);
	run(LN_RETRY_DEFAULT_MS);
	const struct slice line = lines_of("hold invoice paid", 2, 2);
	http_local_answer(next("GET", TRACK), OK, 200, slice_of(line.ptr, line.len / 2));
	CHECK(told.err == ERR_FORMAT && told.last == 0);
	ln_call_stop(told.call);
	end();
}

static void test_invoice_followed(void)
{
	const struct ln_question q = hold_question(LN_ASK_INVOICE);
	begin(LN_LND, MACAROON);
	follow(&q);
	struct http_local_request *r = next("GET", SUBSCRIBE);
	CHECK(http_local_part(r, lines_of("hold invoice followed", 0, 0)));
	CHECK(told.invoice == LN_INVOICE_OPEN);
	CHECK(http_local_part(r, lines_of("hold invoice followed", 1, 1)));
	CHECK(told.invoice == LN_INVOICE_HELD && told.last == 0);
	http_local_answer(r, OK, 200, slice_of(NULL, 0)); /* it just ends */
	CHECK(told.count == 2);
	run(LN_RETRY_DEFAULT_MS);
	r = next("GET", SUBSCRIBE);
	CHECK(http_local_part(r, lines_of("hold invoice followed", 2, 2)));
	CHECK(told.invoice == LN_INVOICE_SETTLED && told.last == 1);
	http_local_drop(r);
	end();
}

static void test_stopped(void)
{
	const struct ln_question q = hold_question(LN_ASK_INVOICE);
	begin(LN_LND, MACAROON);
	/* from within an answer, of a stream and of an error */
	follow(&q);
	told.stop = true;
	struct http_local_request *r = next("GET", SUBSCRIBE);
	CHECK(http_local_part(r, lines_of("hold invoice followed", 0, 0)) && told.count == 1);
	CHECK(!http_local_part(r, lines_of("hold invoice followed", 1, 1)) && told.count == 1);
	http_local_drop(r);
	follow(&q);
	told.stop = true;
	http_local_answer(next("GET", SUBSCRIBE), ERR_IO, 0, slice_of(NULL, 0));
	CHECK(told.count == 1);
	nobody_asks(LN_RETRY_MAX_MS);
	/* while it waits to ask again, and while a request is open: with the node */
	follow(&q);
	http_local_answer(next("GET", SUBSCRIBE), ERR_IO, 0, slice_of(NULL, 0));
	struct told other = {0};
	CHECK(ln_node_follow(node, &other.call, &q, on_told, &other) == OK);
	r = next("GET", SUBSCRIBE);
	ln_node_destroy(node);
	run_until_asked();
	CHECK(told.count == 1 && other.count == 0 && taken == asked_count);
	http_local_drop(r);
	http_client_destroy(client);
	loop_destroy(loop);
}

/* ---- Core Lightning ---- */

#define PART(status, more)                                                                         \
	"{\"payments\":[{\"payment_hash\":\"" HOLD_HASH "\",\"status\":\"" status                  \
	"\",\"amount_msat\":20000000,\"amount_sent_msat\":20000001" more "}]}"
#define PREIMAGE                                                                                   \
	",\"payment_preimage\":"                                                                   \
	"\"8a69ca138973047dfc0d2ed096d6470ee00e96b350859ce330a5a8e6c2a95041\""

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
	const int fd = mkstemp(credential);
	CHECK(fd >= 0 && close(fd) == 0);
	test_asked_once();
	test_ends_without();
	test_questions();
	test_quiet_stream();
	test_paid_over_many_streams();
	test_pay_refused();
	test_failed_for_good();
	test_invoice_followed();
	test_stopped();
	test_cln_pays();
	test_network();
	CHECK(unlink(credential) == 0);
	return EXIT_SUCCESS;
}
