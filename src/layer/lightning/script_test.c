#include "layer/lightning/script_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/hex.h"
#include "layer/vectors_lnd.h"

struct loop *loop;
struct ln_node *node;
struct http_client *client;
char credential[] = "/tmp/sluice-ln-XXXXXX";

void script_init(void)
{
	const uint8_t seed[32] = {1};
	const int fd = mkstemp(credential);
	CHECK(fd >= 0 && close(fd) == 0);
	secp_init(seed);
}

void script_fini(void)
{
	CHECK(unlink(credential) == 0);
}

/* ---- the node's side ---- */

struct http_local_request *asked[REQUESTS_MAX];
unsigned asked_count, taken;

static void on_request(void *ctx, struct http_local_request *request)
{
	(void)ctx;
	CHECK(asked_count < REQUESTS_MAX);
	asked[asked_count++] = request;
}

void run(uint64_t ms)
{
	const uint64_t end = loop_now_ms(loop) + ms;
	do
		(void)loop_step(loop, end - loop_now_ms(loop));
	while (loop_now_ms(loop) < end);
}

/* Until it asks; not for longer than it waits at most. */
void run_until_asked(void)
{
	const uint64_t end = loop_now_ms(loop) + LN_RETRY_MAX_MS;
	while (taken == asked_count && loop_now_ms(loop) < end)
		(void)loop_step(loop, end - loop_now_ms(loop));
}

/* The next request, which is this one. */
struct http_local_request *next(const char *method, const char *path)
{
	run(1);
	CHECK(taken < asked_count);
	struct http_local_request *r = asked[taken++];
	char url[200];
	(void)snprintf(url, sizeof url, "http://node%s", path);
	CHECK(strcmp(http_local_method(r), method) == 0 && strcmp(http_local_url(r), url) == 0);
	return r;
}

bool body_is(struct http_local_request *r, const char *text)
{
	return slice_eq(http_local_body(r), slice_str(text));
}

void nobody_asks(uint64_t ms)
{
	run(ms);
	CHECK(taken == asked_count);
}

struct slice body_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(exchanges); i++)
		if (strcmp(exchanges[i].name, name) == 0)
			return exchanges[i].body;
	CHECK(false);
	return slice_of(NULL, 0);
}

/* Lines first to last, from 0, with their ends. */
struct slice lines_of(const char *name, unsigned first, unsigned last)
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

struct told told;

void on_told(void *ctx, const struct ln_answer *a)
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

void ask(const struct ln_question *q)
{
	told = (struct told){0};
	CHECK(ln_node_ask(node, &told.call, q, on_told, &told) == OK);
}

void follow(const struct ln_question *q)
{
	told = (struct told){0};
	CHECK(ln_node_follow(node, &told.call, q, on_told, &told) == OK);
}

void begin(enum ln_kind kind, const char *secret)
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

void end(void)
{
	nobody_asks(60000);
	ln_node_destroy(node);
	http_client_destroy(client);
	loop_destroy(loop);
}

struct ln_question hold_question(enum ln_ask what)
{
	struct ln_question q = {.ask = what};
	CHECK(hex_decode(q.hash.b, 32, slice_str(HOLD_HASH)) == OK);
	return q;
}

char hold_request[BOLT11_TEXT_MAX + 1];

struct ln_question pay_question(void)
{
	struct ln_question q = hold_question(LN_ASK_PAY);
	q.request = hold_request;
	q.fee_limit.raw = 10000;
	q.timeout_s = 30;
	q.cltv_limit = 200;
	return q;
}
