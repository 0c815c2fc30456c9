/* The simulated nodes. The lnds: the exchanges that were recorded from real ones, made again, have
 * the same statuses, words and shapes; and our own asking of nodes gets from it what it needs, with
 * nodes that die in between. The Core Lightnings: the same asking. */
#include "sim/lightning.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/hex.h"
#include "crypto/hash.h"
#include "layer/lightning/node.h"
#include "layer/vectors_lnd.h"
#include "net/json.h"
#include "sim/lightning_internal.h"

#define TEXT_MAX 32768u
#define CAPACITY UINT64_C(5000000000)
#define BOB_HAS UINT64_C(1000000000)

static struct loop *loop;
static struct simln *sim;
static struct http_client *client[SIMLN_SIDES];
static struct ln_node *node[SIMLN_SIDES];
static char credential[] = "/tmp/sluice-simln-XXXXXX";

static void begin(enum ln_kind kind)
{
	const char *secret = kind == LN_CLN ? SIMLN_RUNE : SIMLN_MACAROON;
	FILE *f = fopen(credential, "w");
	CHECK(f != NULL && fputs(secret, f) >= 0 && fclose(f) == 0);
	static const http_local_handler serve[SIMLN_SIDES] = {simln_alice, simln_bob};
	const uint8_t seed[32] = {1};
	secp_init(seed);
	CHECK(loop_create(&loop, &(struct loop_config){.virtual_time = true}) == OK);
	CHECK(simln_create(&sim,
		      &(struct simln_config){.loop = loop,
			      .wall_s = 1795223321,
			      .height = 463,
			      .local_msat = {CAPACITY - BOB_HAS, BOB_HAS},
			      .cln = {kind == LN_CLN, kind == LN_CLN}}) == OK);
	for (enum simln_side side = 0; side < SIMLN_SIDES; side++) {
		CHECK(http_client_create_local(&client[side], loop, serve[side], sim) == OK);
		CHECK(ln_node_create(&node[side],
			      &(struct ln_node_config){.kind = kind,
				      .network = network_by_name(
					      LAYER_BITCOIN, slice_str("regtest")),
				      .url = "https://node",
				      .credential_file = credential,
				      .client = client[side],
				      .loop = loop}) == OK);
	}
}

static void end(void)
{
	for (enum simln_side side = 0; side < SIMLN_SIDES; side++)
		ln_node_destroy(node[side]);
	simln_destroy(sim);
	for (enum simln_side side = 0; side < SIMLN_SIDES; side++)
		http_client_destroy(client[side]);
	loop_destroy(loop);
}

static void run(uint64_t ms)
{
	const uint64_t until = loop_now_ms(loop) + ms;
	do
		(void)loop_step(loop, until - loop_now_ms(loop));
	while (loop_now_ms(loop) < until);
}

/* ---- exchanges, made again ---- */

struct exchange {
	unsigned status;
	bool ended;
	size_t len;
	char text[TEXT_MAX];
};

static void on_part(void *ctx, struct slice part)
{
	struct exchange *e = ctx;
	CHECK(e->len + part.len < TEXT_MAX);
	memcpy(e->text + e->len, part.ptr, part.len);
	e->len += part.len;
}

static void on_answer(void *ctx, const struct http_answer *answer)
{
	struct exchange *e = ctx;
	if (answer->err != OK)
		return; /* a stream that is open until its time is over */
	e->status = answer->status;
	e->ended = true;
}

static void make(struct exchange *e, enum simln_side side, const char *method, const char *path,
	const char *header, const char *body)
{
	char url[200];
	*e = (struct exchange){0};
	(void)snprintf(url, sizeof url, "https://node%s", path);
	const struct http_request request = {.method = method,
		.url = url,
		.extra_header = header,
		.body = slice_str(body),
		.part = on_part};
	CHECK(http_client_send(client[side], NULL, &request, on_answer, e) == OK);
	run(1);
}

#define GOOD "Grpc-Metadata-macaroon: 0201"

static bool same_shape(const struct json *a, const struct json *b)
{
	const char *key;
	struct json *value;
	if (json_type(a) != json_type(b))
		return false;
	if (json_type(a) == JSON_ARRAY)
		return json_count(a) == 0 || json_count(b) == 0 ||
			same_shape(json_at(a, 0), json_at(b, 0));
	if (json_type(a) != JSON_OBJECT)
		return true;
	for (size_t i = 0; json_member(a, i, &key, &value); i++)
		if (json_get(b, key) == NULL || !same_shape(value, json_get(b, key))) {
			(void)fprintf(stderr, "member %s\n", key);
			return false;
		}
	return json_count(a) == json_count(b);
}

static bool same_word(const struct json *a, const struct json *b, const char *key)
{
	const char *x = json_get_string(a, key), *y = json_get_string(b, key);
	return (x == NULL) == (y == NULL) && (x == NULL || strcmp(x, y) == 0);
}

/* Shape, and the words that decide something. */
static void compare_one(const struct json *real, const struct json *ours)
{
	static const char *const words[] = {
		"status", "state", "failure_reason", "message", "value_msat"};
	const struct json *a = json_get(real, "result"), *b = json_get(ours, "result");
	if (a == NULL) {
		a = json_get(real, "error");
		b = json_get(ours, "error");
	}
	CHECK(same_shape(real, ours));
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		CHECK(same_word(a == NULL ? real : a, b == NULL ? ours : b, words[i]));
	const struct json *real_part = json_at(json_get(a, "htlcs"), 0);
	const struct json *our_part = json_at(json_get(b, "htlcs"), 0);
	CHECK((real_part == NULL) == (our_part == NULL));
	CHECK(same_word(real_part, our_part, "status") && same_word(real_part, our_part, "state"));
}

static struct json *take_line(struct slice *text)
{
	const uint8_t *lf = text->len == 0 ? NULL : memchr(text->ptr, '\n', text->len);
	const size_t len = lf == NULL ? text->len : (size_t)(lf - text->ptr);
	struct json *v = NULL;
	CHECK(json_parse(&v, slice_of(text->ptr, len), NULL) == OK);
	*text = slice_of(text->ptr + len + (lf != NULL), text->len - len - (lf != NULL));
	return v;
}

/* As it was recorded, line by line. */
static void compare(const struct exchange *e, const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(exchanges); i++) {
		if (strcmp(exchanges[i].name, name) != 0)
			continue;
		struct slice real = exchanges[i].body, ours = slice_of(e->text, e->len);
		CHECK(!e->ended || e->status == exchanges[i].status);
		while (real.len > 0) {
			struct json *a = take_line(&real), *b = take_line(&ours);
			compare_one(a, b);
			json_free(a);
			json_free(b);
		}
		CHECK(ours.len == 0);
		return;
	}
	CHECK(false);
}

struct secret {
	struct hash256 hash, preimage;
	char hash64[BASE64_SIZE(32)], url64[BASE64_SIZE(32)], preimage64[BASE64_SIZE(32)];
	char hex[65];
};

static struct secret secret_of(uint8_t n)
{
	struct secret x = {.preimage = {{n}}};
	sha256(&x.hash, slice_of(x.preimage.b, 32));
	base64_encode(x.hash64, BASE64, x.hash.b, 32);
	base64_encode(x.url64, BASE64_URL, x.hash.b, 32);
	base64_encode(x.preimage64, BASE64, x.preimage.b, 32);
	hex_encode(x.hex, x.hash.b, 32);
	return x;
}

static struct exchange e, stream, payment;

PRINTF_LIKE(4, 5)
static void post(struct exchange *out, enum simln_side side, const char *path, const char *fmt, ...)
{
	char body[BOLT11_TEXT_MAX + 200];
	va_list args;
	va_start(args, fmt);
	(void)vsnprintf(body, sizeof body, fmt, args);
	va_end(args);
	make(out, side, "POST", path, GOOD, body);
}

static void request_of(char out[BOLT11_TEXT_MAX + 1], const struct exchange *made)
{
	struct json *v = NULL;
	CHECK(json_parse(&v, slice_of(made->text, made->len), NULL) == OK);
	(void)snprintf(out, BOLT11_TEXT_MAX + 1, "%s", json_get_string(v, "payment_request"));
	json_free(v);
}

static void test_settled_as_recorded(void)
{
	const struct secret x = secret_of(1);
	char path[160], request[BOLT11_TEXT_MAX + 1];
	post(&e, SIMLN_BOB, "/v2/invoices/hodl",
		"{\"hash\":\"%s\",\"value_msat\":\"20000000\",\"expiry\":\"3600\"}", x.hash64);
	compare(&e, "hold invoice made");
	request_of(request, &e);
	(void)snprintf(path, sizeof path, "/v2/invoices/subscribe/%s", x.url64);
	make(&stream, SIMLN_BOB, "GET", path, GOOD, "");
	post(&payment, SIMLN_ALICE, "/v2/router/send", "{\"payment_request\":\"%s\"}", request);
	(void)snprintf(path, sizeof path, "/v1/invoice/%s", x.hex);
	make(&e, SIMLN_BOB, "GET", path, GOOD, "");
	compare(&e, "hold invoice held");
	post(&e, SIMLN_BOB, "/v2/invoices/settle", "{\"preimage\":\"%s\"}", x.hash64);
	compare(&e, "wrong preimage");
	post(&e, SIMLN_BOB, "/v2/invoices/settle", "{\"preimage\":\"%s\"}", x.preimage64);
	compare(&e, "settled");
	CHECK(payment.ended && !stream.ended);
	compare(&payment, "hold invoice paid");
	compare(&stream, "hold invoice followed");
	post(&e, SIMLN_BOB, "/v2/invoices/settle", "{\"preimage\":\"%s\"}", x.preimage64);
	compare(&e, "settled again");
	post(&e, SIMLN_BOB, "/v2/invoices/hodl", "{\"hash\":\"%s\",\"value_msat\":\"1\"}",
		x.hash64);
	compare(&e, "hash used");
	post(&e, SIMLN_BOB, "/v2/invoices/cancel", "{\"payment_hash\":\"%s\"}", x.hash64);
	compare(&e, "cancel what is settled");
	post(&e, SIMLN_ALICE, "/v2/router/send", "{\"payment_request\":\"%s\"}", request);
	compare(&e, "paid already");
	(void)snprintf(path, sizeof path, "/v2/router/track/%s", x.url64);
	make(&e, SIMLN_ALICE, "GET", path, GOOD, "");
	compare(&e, "tracked");
}

static void test_refused_as_recorded(void)
{
	const struct secret x = secret_of(2), none = secret_of(3);
	char path[160], request[BOLT11_TEXT_MAX + 1];
	post(&e, SIMLN_BOB, "/v2/invoices/hodl", "{\"hash\":\"%s\",\"value_msat\":\"30000000\"}",
		x.hash64);
	request_of(request, &e);
	post(&payment, SIMLN_ALICE, "/v2/router/send", "{\"payment_request\":\"%s\"}", request);
	post(&e, SIMLN_BOB, "/v2/invoices/cancel", "{\"payment_hash\":\"%s\"}", x.hash64);
	compare(&e, "cancelled");
	compare(&payment, "payment cancelled");
	post(&e, SIMLN_BOB, "/v2/invoices/cancel", "{\"payment_hash\":\"%s\"}", none.hash64);
	compare(&e, "cancel what is unknown");
	(void)snprintf(path, sizeof path, "/v2/router/track/%s", none.url64);
	make(&e, SIMLN_ALICE, "GET", path, GOOD, "");
	compare(&e, "track what is unknown");
	(void)snprintf(path, sizeof path, "/v1/invoice/%s", none.hex);
	make(&e, SIMLN_BOB, "GET", path, GOOD, "");
	compare(&e, "invoice unknown");
	make(&e, SIMLN_BOB, "GET", "/v1/getinfo", "Grpc-Metadata-macaroon: 00", "");
	compare(&e, "bad macaroon");
	make(&e, SIMLN_BOB, "GET", "/v1/getinfo", NULL, "");
	compare(&e, "no macaroon");
	make(&e, SIMLN_BOB, "GET", "/v1/balance/channels", GOOD, "");
	compare(&e, "channel balance");
	post(&e, SIMLN_BOB, "/v1/channels/transactions", "{}");
	compare(&e, "no such path");
}

/* ---- asked by ourselves ---- */

struct told {
	unsigned count, last;
	enum err err;
	enum ln_payment_state payment;
	enum ln_failure failure;
	enum ln_invoice_state invoice;
	uint32_t expiry_height;
	struct hash256 preimage;
	uint64_t fee;
	char request[BOLT11_TEXT_MAX + 1];
	struct ln_balance balance;
	bool synced, active;
};

static void on_told(void *ctx, const struct ln_answer *a)
{
	struct told *t = ctx;
	CHECK(t->last == 0);
	t->count++;
	t->last += a->last;
	t->err = a->err;
	if (a->payment != NULL) {
		t->payment = a->payment->state;
		t->failure = a->payment->failure;
		t->preimage = a->payment->preimage;
		t->fee = a->payment->fee.raw;
	}
	if (a->invoice != NULL) {
		t->invoice = a->invoice->state;
		t->expiry_height = a->invoice->expiry_height;
	}
	if (a->request != NULL)
		(void)snprintf(t->request, sizeof t->request, "%s", a->request);
	if (a->balance != NULL)
		t->balance = *a->balance;
	if (a->info != NULL)
		t->synced = a->info->synced;
	if (a->channels != NULL && a->channels->count > 0)
		t->active = a->channels->channel->active;
}

static void ask(struct told *t, enum simln_side side, struct ln_question q, bool follow)
{
	*t = (struct told){0};
	if (follow)
		CHECK(ln_node_follow(node[side], NULL, &q, on_told, t) == OK);
	else
		CHECK(ln_node_ask(node[side], NULL, &q, on_told, t) == OK);
	run(1);
}

static struct told one, invoice, paid, invoice_2, paid_2;

/* Bob holds, Alice pays: until it is held. */
static struct secret hold_and_pay_to(
	struct told *held_to, struct told *paid_to, uint8_t n, uint64_t msat)
{
	const struct secret x = secret_of(n);
	struct ln_question q = {.ask = LN_ASK_HOLD, .hash = x.hash};
	q.amount.raw = msat;
	q.expiry_s = 3600;
	q.final_cltv = 80;
	ask(&one, SIMLN_BOB, q, false);
	CHECK(one.err == OK && one.last == 1);
	ask(held_to, SIMLN_BOB, (struct ln_question){.ask = LN_ASK_INVOICE, .hash = x.hash}, true);
	q = (struct ln_question){.ask = LN_ASK_PAY,
		.hash = x.hash,
		.request = one.request,
		.timeout_s = 30,
		.cltv_limit = 500};
	ask(paid_to, SIMLN_ALICE, q, true);
	return x;
}

static struct secret hold_and_pay(uint8_t n, uint64_t msat)
{
	return hold_and_pay_to(&invoice, &paid, n, msat);
}

static void settle(const struct secret *x)
{
	ask(&one, SIMLN_BOB, (struct ln_question){.ask = LN_ASK_SETTLE, .preimage = x->preimage},
		false);
	CHECK(one.err == OK && one.last == 1);
}

static void check_balance(uint64_t alice, uint64_t in_flight)
{
	const struct simln_balance b = simln_balance(sim, SIMLN_ALICE);
	CHECK(b.local == alice && b.unsettled == in_flight);
	ask(&one, SIMLN_ALICE, (struct ln_question){.ask = LN_ASK_BALANCE}, false);
	CHECK(one.balance.local.raw == alice && one.balance.unsettled_local.raw == in_flight);
}

static void test_paid(void)
{
	const uint64_t alice = simln_balance(sim, SIMLN_ALICE).local;
	const struct secret x = hold_and_pay(10, 1000000);
	CHECK(invoice.invoice == LN_INVOICE_HELD && invoice.expiry_height == 463 + 83);
	CHECK(paid.payment == LN_PAYMENT_IN_FLIGHT);
	check_balance(alice - 1000000, 1000000);
	settle(&x);
	CHECK(paid.last == 1 && paid.payment == LN_PAYMENT_SUCCEEDED);
	CHECK(hash256_eq(&paid.preimage, &x.preimage));
	CHECK(invoice.last == 1 && invoice.invoice == LN_INVOICE_SETTLED);
	check_balance(alice - 1000000, 0);
	/* more than there is */
	(void)hold_and_pay(11, CAPACITY);
	CHECK(paid.last == 1 && paid.payment == LN_PAYMENT_FAILED);
	CHECK(paid.failure == LN_FAILURE_BALANCE && invoice.invoice == LN_INVOICE_OPEN);
}

/* HAZARDS 29: the payer's node dies with the payment in flight, and comes back to the result. */
static void test_payer_dies(void)
{
	const uint64_t alice = simln_balance(sim, SIMLN_ALICE).local;
	const struct secret x = hold_and_pay(20, 1000000);
	simln_set_up(sim, SIMLN_ALICE, false);
	run(5000);
	CHECK(paid.err == ERR_UNAVAILABLE && paid.last == 0);
	settle(&x);
	CHECK(invoice.last == 1 && simln_balance(sim, SIMLN_ALICE).unsettled == 1000000);
	simln_set_starting(sim, SIMLN_ALICE, true);
	simln_set_up(sim, SIMLN_ALICE, true);
	run(LN_RETRY_MAX_MS);
	CHECK(paid.err == ERR_UNAVAILABLE && paid.last == 0);
	simln_set_starting(sim, SIMLN_ALICE, false);
	run(LN_RETRY_MAX_MS);
	CHECK(paid.last == 1 && paid.payment == LN_PAYMENT_SUCCEEDED);
	check_balance(alice - 1000000, 0);
}

/* HAZARDS 49: the payee's node gives up some blocks before the payment expires. */
static void test_margin(void)
{
	const uint64_t alice = simln_balance(sim, SIMLN_ALICE).local;
	const struct secret x = hold_and_pay(30, 1000000);
	simln_mine(sim, 83 - SIMLN_MARGIN - 1);
	run(1);
	CHECK(invoice.invoice == LN_INVOICE_HELD && paid.last == 0);
	simln_mine(sim, 1);
	run(1);
	CHECK(invoice.last == 1 && invoice.invoice == LN_INVOICE_CANCELLED);
	CHECK(paid.last == 1 && paid.payment == LN_PAYMENT_FAILED);
	CHECK(paid.failure == LN_FAILURE_REFUSED);
	ask(&one, SIMLN_BOB, (struct ln_question){.ask = LN_ASK_SETTLE, .preimage = x.preimage},
		false);
	CHECK(one.err == ERR_STATE);
	check_balance(alice, 0);
}

static void take(enum simln_side side, const struct secret *x)
{
	ask(&one, side, (struct ln_question){.ask = LN_ASK_CANCEL, .hash = x->hash}, false);
	CHECK(one.err == OK);
}

/* An invoice is held when all of its parts are; those that wait too long for the others go back. */
static void test_parts(void)
{
	const uint64_t alice = simln_balance(sim, SIMLN_ALICE).local;
	simln_set_parts(sim, 3, 1);
	struct secret x = hold_and_pay(40, 1000000);
	CHECK(invoice.invoice == LN_INVOICE_OPEN && paid.payment == LN_PAYMENT_IN_FLIGHT);
	check_balance(alice - 1000000, 1000000);
	simln_release(sim);
	run(1);
	CHECK(invoice.invoice == LN_INVOICE_HELD);
	settle(&x);
	CHECK(paid.payment == LN_PAYMENT_SUCCEEDED && invoice.invoice == LN_INVOICE_SETTLED);
	check_balance(alice - 1000000, 0);

	x = hold_and_pay(41, 1000000);
	run(UINT64_C(1000) * (SIMLN_PARTS_S + 1));
	CHECK(invoice.invoice == LN_INVOICE_OPEN && paid.payment == LN_PAYMENT_IN_FLIGHT);
	check_balance(alice - 1000000 - 333334, 333334); /* what never arrived */
	simln_release(sim);
	run(UINT64_C(1000) * (SIMLN_PARTS_S + 1));
	CHECK(paid.last == 1 && paid.payment == LN_PAYMENT_FAILED);
	check_balance(alice - 1000000, 0);
	take(SIMLN_BOB, &x);
	simln_set_parts(sim, 1, 0);
}

/* What a node between takes; the payer's limit is kept. */
static void test_fee(void)
{
	const uint64_t alice = simln_balance(sim, SIMLN_ALICE).local;
	simln_set_fee(sim, 1000);
	(void)hold_and_pay(50, 1000000);
	CHECK(paid.payment == LN_PAYMENT_FAILED && paid.failure == LN_FAILURE_NO_ROUTE);
	const struct secret x = secret_of(50);
	const struct ln_question q = {.ask = LN_ASK_PAY,
		.hash = x.hash,
		.request = simln_find(sim, &x.hash)->request,
		.timeout_s = 30,
		.cltv_limit = 500,
		.fee_limit.raw = 1000};
	ask(&paid, SIMLN_ALICE, q, true);
	CHECK(invoice.invoice == LN_INVOICE_HELD);
	settle(&x);
	CHECK(paid.payment == LN_PAYMENT_SUCCEEDED && paid.fee == 1000);
	check_balance(alice - 1001000, 0);
	simln_set_fee(sim, 0);
}

/* Lies that can be told from the truth are not believed; those that can't be are no payment's end
 * (HAZARDS 28, 30). */
static void test_lies(void)
{
	struct secret x = hold_and_pay(60, 1000000);
	simln_set_lie(sim, SIMLN_ALICE, SIMLN_LIE_PAID, true);
	ask(&one, SIMLN_ALICE, (struct ln_question){.ask = LN_ASK_PAYMENT, .hash = x.hash}, false);
	CHECK(one.err == ERR_FORMAT && one.payment == 0);
	simln_set_lie(sim, SIMLN_ALICE, SIMLN_LIE_PAID, false);
	simln_set_lie(sim, SIMLN_ALICE, SIMLN_LIE_FAILED, true);
	ask(&one, SIMLN_ALICE, (struct ln_question){.ask = LN_ASK_PAYMENT, .hash = x.hash}, false);
	CHECK(one.payment != LN_PAYMENT_FAILED);
	simln_set_lie(sim, SIMLN_ALICE, SIMLN_LIE_FAILED, false);
	take(SIMLN_BOB, &x);
	CHECK(paid.payment == LN_PAYMENT_FAILED);

	simln_set_parts(sim, 1, 1);
	x = hold_and_pay(61, 1000000);
	simln_set_lie(sim, SIMLN_BOB, SIMLN_LIE_HELD, true);
	ask(&one, SIMLN_BOB, (struct ln_question){.ask = LN_ASK_INVOICE, .hash = x.hash}, false);
	CHECK(one.invoice != LN_INVOICE_HELD);
	simln_set_lie(sim, SIMLN_BOB, SIMLN_LIE_HELD, false);
	simln_release(sim);
	take(SIMLN_BOB, &x);
	simln_set_parts(sim, 1, 0);

	const struct ln_question q = {.ask = LN_ASK_HOLD,
		.hash = secret_of(62).hash,
		.amount.raw = 1000,
		.expiry_s = 3600,
		.final_cltv = 80};
	simln_set_lie(sim, SIMLN_BOB, SIMLN_LIE_REQUEST, true);
	ask(&one, SIMLN_BOB, q, false);
	CHECK(one.err == ERR_FORMAT);
	simln_set_lie(sim, SIMLN_BOB, SIMLN_LIE_REQUEST, false);
	simln_set_lie(sim, SIMLN_BOB, SIMLN_LIE_SYNCED, true);
	ask(&one, SIMLN_BOB, (struct ln_question){.ask = LN_ASK_INFO}, false);
	CHECK(one.err == OK && !one.synced);
	simln_set_lie(sim, SIMLN_BOB, SIMLN_LIE_SYNCED, false);
}

/* An invoice that nobody pays ends by itself; streams that are cut are taken up again. */
static void test_expiry(void)
{
	const struct secret x = secret_of(70);
	const struct ln_question q = {.ask = LN_ASK_HOLD,
		.hash = x.hash,
		.amount.raw = 1000,
		.expiry_s = 60,
		.final_cltv = 80};
	ask(&one, SIMLN_BOB, q, false);
	ask(&invoice, SIMLN_BOB, (struct ln_question){.ask = LN_ASK_INVOICE, .hash = x.hash}, true);
	simln_cut(sim, SIMLN_BOB);
	run(LN_RETRY_MAX_MS);
	CHECK(invoice.last == 0 && invoice.count > 1);
	run(61000);
	CHECK(invoice.last == 1 && invoice.invoice == LN_INVOICE_CANCELLED);
}

/* A fault of its sim_node meets a path: an answer that is lost was carried out all the same. */
static void test_faults(void)
{
	struct sim_node *faulty;
	const struct sim_node_config config = {
		.seed = 3, .latency_low_ms = 10, .latency_high_ms = 10};
	const struct secret x = hold_and_pay(80, 1000000);
	CHECK(sim_node_create(&faulty, loop, simln_network(sim, SIMLN_BOB), &config) == OK);
	simln_rest(sim, SIMLN_BOB)->node = faulty;
	static const char lever[] = "{\"id\":1,\"method\":\"sim_fault\",\"params\":"
				    "[\"/v2/invoices/settle\",\"lost_reply\"]}";
	make(&e, SIMLN_BOB, "POST", "/", NULL, lever);
	CHECK(e.ended && e.status == 200 && strstr(e.text, "null") != NULL);
	CHECK(invoice.invoice == LN_INVOICE_HELD);
	ask(&one, SIMLN_BOB, (struct ln_question){.ask = LN_ASK_SETTLE, .preimage = x.preimage},
		false);
	run(20);
	CHECK(one.last == 1 && one.err == ERR_IO);
	CHECK(paid.payment == LN_PAYMENT_SUCCEEDED && invoice.invoice == LN_INVOICE_SETTLED);
	simln_rest(sim, SIMLN_BOB)->node = NULL;
	sim_node_destroy(faulty);
}

/* Closed by force: balances are in limbo, then swept; a payment in flight is claimed by its
 * preimage, or comes back when it has expired and not before. */
static void test_closed(void)
{
	const struct simln_balance alice = simln_balance(sim, SIMLN_ALICE);
	const struct secret x = hold_and_pay(90, 1000000);
	(void)hold_and_pay_to(&invoice_2, &paid_2, 91, 2000000);
	CHECK(paid.payment == LN_PAYMENT_IN_FLIGHT && paid_2.payment == LN_PAYMENT_IN_FLIGHT);
	simln_close(sim);
	struct simln_balance now = simln_balance(sim, SIMLN_ALICE);
	CHECK(now.local == 0 && now.limbo == alice.local - 3000000 && now.unsettled == 3000000);
	settle(&x);
	now = simln_balance(sim, SIMLN_ALICE);
	CHECK(now.unsettled == 2000000 && paid.payment == LN_PAYMENT_SUCCEEDED);
	simln_mine(sim, 82);
	run(1);
	CHECK(paid_2.payment == LN_PAYMENT_IN_FLIGHT && invoice_2.invoice == LN_INVOICE_CANCELLED);
	simln_mine(sim, 1);
	run(1);
	CHECK(paid_2.payment == LN_PAYMENT_FAILED);
	now = simln_balance(sim, SIMLN_ALICE);
	CHECK(now.unsettled == 0 && now.limbo == alice.local - 1000000 && now.swept == 0);
	simln_mine(sim, SIMLN_LIMBO_BLOCKS);
	now = simln_balance(sim, SIMLN_ALICE);
	CHECK(now.limbo == 0 && now.swept == alice.local - 1000000);
	ask(&one, SIMLN_ALICE, (struct ln_question){.ask = LN_ASK_CHANNELS}, false);
	CHECK(one.err == OK && !one.active);
}

static void test_node(void)
{
	ask(&one, SIMLN_BOB, (struct ln_question){.ask = LN_ASK_INFO}, false);
	CHECK(one.err == OK && one.synced);
	ask(&one, SIMLN_BOB, (struct ln_question){.ask = LN_ASK_CHANNELS}, false);
	CHECK(one.err == OK && one.active);
	simln_set_up(sim, SIMLN_ALICE, false);
	ask(&one, SIMLN_BOB, (struct ln_question){.ask = LN_ASK_CHANNELS}, false);
	CHECK(one.err == OK && !one.active);
	ask(&one, SIMLN_ALICE, (struct ln_question){.ask = LN_ASK_INFO}, false);
	CHECK(one.err == ERR_UNAVAILABLE);
	simln_set_up(sim, SIMLN_ALICE, true);
}

/* ---- Core Lightning ---- */

static struct ln_question about(enum ln_ask ask, uint8_t n)
{
	return (struct ln_question){.ask = ask, .hash = secret_of(n).hash};
}

static void test_cln_paid(void)
{
	const uint64_t alice = simln_balance(sim, SIMLN_ALICE).local;
	struct secret x = hold_and_pay(80, 1000000);
	run(2000);
	CHECK(invoice.invoice == LN_INVOICE_HELD && invoice.expiry_height == 463 + 83);
	CHECK(paid.payment == LN_PAYMENT_IN_FLIGHT && paid.last == 0);
	ask(&one, SIMLN_ALICE, about(LN_ASK_PAYMENT, 80), false);
	CHECK(one.payment == LN_PAYMENT_IN_FLIGHT);
	ask(&one, SIMLN_ALICE, (struct ln_question){.ask = LN_ASK_BALANCE}, false);
	CHECK(one.balance.unsettled_local.raw == 1000000);
	CHECK(one.balance.local.raw == alice - 1000000 + UINT64_C(1000) * SIMLN_COMMIT_FEE_SAT);
	settle(&x);
	settle(&x);
	run(2000);
	CHECK(invoice.last == 1 && invoice.invoice == LN_INVOICE_SETTLED);
	CHECK(paid.last == 1 && paid.payment == LN_PAYMENT_SUCCEEDED);
	CHECK(hash256_eq(&paid.preimage, &x.preimage));
	CHECK(simln_balance(sim, SIMLN_ALICE).local == alice - 1000000);
	/* no way: of a payment that left nothing behind it knows nothing */
	(void)hold_and_pay(81, CAPACITY);
	run(2000);
	CHECK(paid.last == 1 && paid.err == ERR_NOT_FOUND && paid.payment == 0);
	CHECK(invoice.invoice == LN_INVOICE_OPEN && invoice.last == 0);
	ask(&one, SIMLN_BOB, about(LN_ASK_CANCEL, 81), false);
	run(2000);
	CHECK(invoice.last == 1 && invoice.invoice == LN_INVOICE_CANCELLED);
	/* given back */
	x = hold_and_pay(82, 1000000);
	ask(&one, SIMLN_BOB, about(LN_ASK_CANCEL, 82), false);
	CHECK(one.err == OK);
	ask(&one, SIMLN_BOB, (struct ln_question){.ask = LN_ASK_SETTLE, .preimage = x.preimage},
		false);
	CHECK(one.err == ERR_STATE);
	run(2000);
	CHECK(invoice.last == 1 && invoice.invoice == LN_INVOICE_CANCELLED);
	CHECK(paid.last == 1 && paid.payment == LN_PAYMENT_FAILED);
	CHECK(simln_balance(sim, SIMLN_ALICE).local == alice - 1000000);
}

/* HAZARDS 30: not all of it is there; it is not there at all. */
static void test_cln_parts(void)
{
	simln_set_parts(sim, 3, 1);
	const struct secret x = hold_and_pay(83, 1000000);
	run(2000);
	CHECK(invoice.invoice == LN_INVOICE_OPEN);
	simln_release(sim);
	run(2000);
	CHECK(invoice.invoice == LN_INVOICE_HELD);
	settle(&x);
	run(2000);
	CHECK(invoice.last == 1 && paid.payment == LN_PAYMENT_SUCCEEDED);
	simln_set_parts(sim, 3, 3);
	(void)hold_and_pay(84, 1000000);
	simln_set_lie(sim, SIMLN_BOB, SIMLN_LIE_HELD, true);
	run(2000);
	CHECK(invoice.invoice == LN_INVOICE_OPEN);
	simln_set_lie(sim, SIMLN_BOB, SIMLN_LIE_HELD, false);
	simln_set_parts(sim, 1, 0);
	ask(&one, SIMLN_BOB, about(LN_ASK_CANCEL, 84), false);
	simln_release(sim);
	run(3000);
	CHECK(invoice.last == 1 && paid.payment == LN_PAYMENT_FAILED);
}

static void test_cln_plugin(void)
{
	struct ln_question q = about(LN_ASK_HOLD, 85);
	q.amount.raw = 1000;
	q.expiry_s = 60;
	q.final_cltv = 80;
	ask(&one, SIMLN_BOB, q, false);
	CHECK(one.err == OK);
	ask(&one, SIMLN_BOB, q, false);
	CHECK(one.err == ERR_EXISTS);
	q.hash = secret_of(86).hash;
	simln_set_lie(sim, SIMLN_BOB, SIMLN_LIE_REQUEST, true);
	ask(&one, SIMLN_BOB, q, false);
	CHECK(one.err == OK); /* it is the one that was signed.. */
	simln_set_lie(sim, SIMLN_BOB, SIMLN_LIE_REQUEST, false);
	ask(&one, SIMLN_BOB, about(LN_ASK_INVOICE, 86), false);
	CHECK(one.err == ERR_NOT_FOUND); /* ..and is not held */
	run(120000);                     /* it is not ended by its own time */
	ask(&one, SIMLN_BOB, about(LN_ASK_INVOICE, 85), false);
	CHECK(one.invoice == LN_INVOICE_OPEN);
	simln_set_plugin(sim, SIMLN_BOB, false);
	static const enum ln_ask asks[] = {
		LN_ASK_HOLDS, LN_ASK_INVOICE, LN_ASK_CANCEL, LN_ASK_SETTLE};
	for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
		ask(&one, SIMLN_BOB, about(asks[i], 85), false);
		CHECK(one.last == 1 && one.err == ERR_UNAVAILABLE);
	}
	q.hash = secret_of(87).hash;
	ask(&one, SIMLN_BOB, q, false);
	CHECK(one.err == ERR_UNAVAILABLE);
	simln_set_plugin(sim, SIMLN_BOB, true);
	ask(&one, SIMLN_BOB, about(LN_ASK_HOLDS, 0), false);
	CHECK(one.err == OK);
	make(&e, SIMLN_BOB, "POST", "/v1/getinfo", "Rune: other", "{}");
	CHECK(e.status == 401);
	make(&e, SIMLN_BOB, "POST", "/v1/getinfo", NULL, "{}");
	CHECK(e.status == 401);
}

int main(void)
{
	const int fd = mkstemp(credential);
	CHECK(fd >= 0 && close(fd) == 0);
	begin(LN_LND);
	test_settled_as_recorded();
	test_refused_as_recorded();
	test_node();
	test_paid();
	test_payer_dies();
	test_margin();
	test_parts();
	test_fee();
	test_lies();
	test_expiry();
	test_faults();
	test_closed();
	end();
	begin(LN_CLN);
	test_cln_paid();
	test_cln_parts();
	test_cln_plugin();
	end();
	CHECK(unlink(credential) == 0);
	return EXIT_SUCCESS;
}
