/* A node that is asked and followed: what is sent, what is told, and what follows on every way in
 * which a request can end. The node is a script of this test; lnd's words are recorded ones. */
#include <stdio.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/hex.h"
#include "crypto/hash.h"
#include "layer/lightning/script_test.h"

#define MACAROON "\x02\x01\xff"

#define OTHER_HASH "f94b0ae8b06fec68f9ab41a1db8fa0a346ea70dd8d936e373a5e3b87f1b4bdab"

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
	q = hold_question(LN_ASK_HOLDS); /* it does */
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

int main(void)
{
	script_init();
	test_asked_once();
	test_ends_without();
	test_questions();
	test_quiet_stream();
	test_paid_over_many_streams();
	test_pay_refused();
	test_failed_for_good();
	test_invoice_followed();
	test_stopped();
	script_fini();
	return EXIT_SUCCESS;
}
