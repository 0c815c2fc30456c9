/* JSON-RPC: every malformed answer that we know of as a table; then queue, breaker and deadlines on
 * a virtual loop; then passwords and broken transports against a real server. */
#include "net/jsonrpc.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/peer_test.h"
#include "net/rpc_answer.h"
#include "sys/clock.h"
#include "sys/file.h"

/* ---- reading one answer ---- */

static const struct {
	unsigned status;
	const char *body;
	enum err err;
	int64_t code;
	const char *message; /* contained in */
} answers[] = {
	{200, "{\"result\":5,\"error\":null,\"id\":7}", OK, 0, ""},
	{200, "{\"jsonrpc\":\"2.0\",\"result\":null,\"id\":7}", OK, 0, ""},
	{200, " {\"id\":7,\"result\":{}} \n", OK, 0, ""},
	{500, "{\"result\":null,\"error\":{\"code\":-8,\"message\":\"bad\"},\"id\":7}",
		ERR_REJECTED, -8, "bad"},
	{404,
		"{\"result\":null,\"error\":{\"code\":-32601,\"message\":\"Method not found\"},"
		"\"id\":7}",
		ERR_REJECTED, -32601, "Method not found"},
	{200, "{\"error\":{\"code\":3,\"message\":\"revert\",\"data\":\"0x00\"},\"id\":7}",
		ERR_REJECTED, 3, "revert"},
	{500, "{\"error\":{\"code\":-32700,\"message\":\"Parse error\"},\"id\":null}", ERR_REJECTED,
		-32700, "Parse"},
	{500, "{\"error\":{\"code\":-28},\"id\":7}", ERR_REJECTED, -28, ""},
	{500, "{\"error\":{\"code\":-28,\"message\":5},\"id\":7}", ERR_REJECTED, -28, ""},
	{200, "{\"result\":5,\"id\":8}", ERR_FORMAT, 0, "another id"},
	{200, "{\"result\":5,\"id\":\"7\"}", ERR_FORMAT, 0, "another id"},
	{200, "{\"result\":5,\"id\":7.0}", ERR_FORMAT, 0, "another id"},
	{200, "{\"result\":5,\"id\":null}", ERR_FORMAT, 0, "another id"},
	{200, "{\"result\":5}", ERR_FORMAT, 0, "another id"},
	{500, "{\"error\":{\"code\":1,\"message\":\"\"},\"id\":8}", ERR_FORMAT, 0, "another id"},
	{500, "{\"error\":{\"code\":1,\"message\":\"\"}}", ERR_FORMAT, 0, "another id"},
	{200, "{\"id\":7}", ERR_FORMAT, 0, "neither"},
	{200, "{\"error\":null,\"id\":7}", ERR_FORMAT, 0, "neither"},
	{200, "{\"result\":1,\"error\":{\"code\":1,\"message\":\"x\"},\"id\":7}", ERR_FORMAT, 0,
		"both"},
	{500, "{\"error\":\"no\",\"id\":7}", ERR_FORMAT, 0, "without a code"},
	{500, "{\"error\":{\"message\":\"no\"},\"id\":7}", ERR_FORMAT, 0, "without a code"},
	{500, "{\"error\":{\"code\":\"1\",\"message\":\"no\"},\"id\":7}", ERR_FORMAT, 0, "code"},
	{500, "{\"error\":{\"code\":1e99,\"message\":\"no\"},\"id\":7}", ERR_FORMAT, 0, "code"},
	{500, "{\"error\":{\"code\":99999999999999999999,\"message\":\"\"},\"id\":7}", ERR_FORMAT,
		0, "not JSON"},
	{500, "{\"result\":5,\"error\":null,\"id\":7}", ERR_FORMAT, 0, "status of failure"},
	{200, "{\"result\":5,\"result\":6,\"id\":7}", ERR_FORMAT, 0, "not JSON"},
	{200, "[{\"result\":5,\"id\":7}]", ERR_FORMAT, 0, "not a JSON-RPC"},
	{200, "7", ERR_FORMAT, 0, "not a JSON-RPC"},
	{200, "\"\"", ERR_FORMAT, 0, "not a JSON-RPC"},
	{200, "", ERR_FORMAT, 0, "not JSON"},
	{204, "", ERR_FORMAT, 0, "HTTP 204"},
	{200, "{\"result\":5,\"id\":7}x", ERR_FORMAT, 0, "not JSON"},
	{200, "{\"result\":5,\"id\":7", ERR_FORMAT, 0, "not JSON"},
	{200, "<html>\x01</html>", ERR_FORMAT, 0, "<html>.</html>"},
	{404, "<html>nothing here</html>", ERR_FORMAT, 0, "HTTP 404"},
	{502, "Bad Gateway", ERR_FORMAT, 0, "HTTP 502"},
	{503, "Work queue depth exceeded", ERR_UNAVAILABLE, 0, "work queue"},
	{503,
		"Request rejected because http work queue depth exceeded, it can be increased with "
		"the -rpcworkqueue= setting",
		ERR_UNAVAILABLE, 0, "work queue"},
	{503, "503 Too busy.  Try again later.\n", ERR_UNAVAILABLE, 0, "work queue"}, /* btcd */
	{503, "<!DOCTYPE HTML><title>503</title>", ERR_FORMAT, 0, "HTTP 503"},
	{429, "slow down", ERR_UNAVAILABLE, 0, "429"},
	{401, "", ERR_DENIED, 0, "401"},
	{403, "{\"result\":5,\"id\":7}", ERR_DENIED, 0, "403"},
	{0, "", ERR_FORMAT, 0, "HTTP 0"},
};

static void test_answers(void)
{
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		struct rpc_reading r;
		rpc_answer_read(&r, answers[i].status, slice_str(answers[i].body), 7);
		const struct rpc_answer *a = &r.answer;
		if (a->err != answers[i].err || strstr(a->message, answers[i].message) == NULL)
			(void)fprintf(stderr, "%s: %s %s\n", answers[i].body, err_name(a->err),
				a->message);
		CHECK(a->err == answers[i].err && a->code == answers[i].code);
		CHECK(strstr(a->message, answers[i].message) != NULL);
		CHECK((a->result != NULL) == (a->err == OK));
		CHECK(a->data == NULL || a->err == ERR_REJECTED);
		rpc_reading_fini(&r);
	}
	static char brackets[1u << 20];
	memset(brackets, '[', sizeof brackets);
	struct rpc_reading r;
	rpc_answer_read(&r, 200, slice_of(brackets, sizeof brackets), 7);
	CHECK(r.answer.err == ERR_FORMAT && strstr(r.answer.message, "bounds") != NULL);
	rpc_reading_fini(&r);
}

/* ---- a node in this process ---- */

#define HELD_MAX 512

struct node {
	struct loop *loop;
	struct http_client *client;
	struct upstream *upstream;
	enum {
		NODE_GOOD,
		NODE_HOLD,
		NODE_DOWN,
		NODE_NEVER,
		NODE_REFUSE,
		NODE_GARBAGE,
		NODE_SMALL
	} mode;
	unsigned capacity, working, turned_away;
	struct http_local_request *held[HELD_MAX];
	unsigned held_count, seen;
};

struct results {
	unsigned calls, ok, by_err[32];
	struct upstream *again; /* called once more by the callback */
	bool calling;
};

static void on_rpc(void *ctx, const struct rpc_answer *answer)
{
	struct results *r = ctx;
	CHECK(!r->calling && answer->message != NULL);
	r->calls++;
	r->by_err[-answer->err]++;
	if (answer->err == OK) {
		CHECK(answer->result != NULL);
		r->ok++;
	}
	if (r->again != NULL) {
		struct upstream *u = r->again;
		r->again = NULL;
		r->calling = true;
		(void)!upstream_call(u, "again", NULL, on_rpc, r);
		r->calling = false;
	}
}

static void node_answer(struct http_local_request *request)
{
	struct json *q = NULL;
	CHECK(json_parse(&q, http_local_body(request), NULL) == OK);
	uint64_t id = 0;
	CHECK(json_get_u64(q, "id", &id) == OK && json_get_string(q, "method") != NULL);
	CHECK(json_type(json_get(q, "params")) == JSON_ARRAY);
	char text[96];
	const int n = snprintf(
		text, sizeof text, "{\"result\":true,\"id\":%llu}", (unsigned long long)id);
	http_local_answer(request, OK, 200, slice_of(text, (size_t)n));
	json_free(q);
}

static void serve_small(struct node *n, struct http_local_request *request);

static void on_node(void *ctx, struct http_local_request *request)
{
	struct node *n = ctx;
	n->seen++;
	switch (n->mode) {
	case NODE_GOOD: node_answer(request); break;
	case NODE_HOLD:
		CHECK(n->held_count < HELD_MAX);
		n->held[n->held_count++] = request;
		break;
	case NODE_DOWN: http_local_answer(request, ERR_UNAVAILABLE, 0, (struct slice){0}); break;
	case NODE_NEVER: http_local_drop(request); break;
	case NODE_REFUSE: http_local_answer(request, OK, 401, (struct slice){0}); break;
	case NODE_SMALL: serve_small(n, request); break;
	case NODE_GARBAGE: http_local_answer(request, OK, 200, slice_str("<html>")); break;
	}
}

struct job {
	struct node *node;
	struct http_local_request *request;
};

static void on_job_done(void *ctx)
{
	struct job *job = ctx;
	job->node->working--;
	node_answer(job->request);
	free(job);
}

/* As Bitcoin Core: takes so many at once, refuses more before it looks at them. */
static void serve_small(struct node *n, struct http_local_request *request)
{
	if (n->working >= n->capacity) {
		n->turned_away++;
		http_local_answer(request, OK, 503, slice_str("Work queue depth exceeded"));
		return;
	}
	struct job *job = malloc(sizeof *job);
	CHECK(job != NULL);
	*job = (struct job){.node = n, .request = request};
	n->working++;
	CHECK(loop_timer_set(n->loop, NULL, 10, on_job_done, job) == OK);
}

static void release(struct node *n)
{
	for (unsigned i = 0; i < n->held_count; i++)
		node_answer(n->held[i]);
	n->held_count = 0;
}

static void node_up(struct node *n, const struct upstream_config *config)
{
	*n = (struct node){.mode = NODE_GOOD};
	CHECK(loop_create(&n->loop, &(struct loop_config){.virtual_time = true}) == OK);
	CHECK(http_client_create_local(&n->client, n->loop, on_node, n) == OK);
	struct upstream_config c = *config;
	c.name = "node";
	c.url = "http://sim/";
	CHECK(upstream_create(&n->upstream, n->client, n->loop, &c) == OK);
}

static void node_down(struct node *n)
{
	upstream_destroy(n->upstream);
	http_client_destroy(n->client);
	for (unsigned i = 0; i < n->held_count; i++)
		http_local_drop(n->held[i]);
	loop_destroy(n->loop);
}

static enum err call(struct node *n, struct results *r)
{
	r->calling = true;
	const enum err err = upstream_call(n->upstream, "ping", NULL, on_rpc, r);
	r->calling = false;
	return err;
}

/* Everything that happens within ms. */
static void pass(struct node *n, uint64_t ms)
{
	const uint64_t end = loop_now_ms(n->loop) + ms;
	for (;;) {
		const uint64_t now = loop_now_ms(n->loop);
		if (loop_step(n->loop, end - now) == 0 && loop_now_ms(n->loop) >= end)
			return;
	}
}

static void test_bounds(void)
{
	struct node n;
	node_up(&n, &(struct upstream_config){.in_flight_max = 4, .queue_max = 3});
	struct results r = {0};
	struct upstream_health h;
	n.mode = NODE_HOLD;
	for (int i = 0; i < 7; i++)
		CHECK(call(&n, &r) == OK);
	CHECK(call(&n, &r) == ERR_FULL);
	pass(&n, 1);
	upstream_health(n.upstream, &h);
	CHECK(n.seen == 4 && h.in_flight == 4 && h.queued == 3 && h.calls == 7 && !h.up);
	n.mode = NODE_GOOD;
	release(&n);
	pass(&n, 1);
	CHECK(r.calls == 7 && r.ok == 7 && n.seen == 7);
	upstream_health(n.upstream, &h);
	CHECK(h.up && h.in_flight == 0 && h.queued == 0 && h.failures == 0);

	/* a call made by a callback */
	r = (struct results){.again = n.upstream};
	CHECK(call(&n, &r) == OK);
	pass(&n, 1);
	CHECK(r.calls == 2 && r.ok == 2);
	node_down(&n);
}

/* A call waits in the queue no longer than its deadline. */
static void test_deadlines(void)
{
	struct node n;
	node_up(&n, &(struct upstream_config){.in_flight_max = 1, .timeout_ms = 1000});
	struct results first = {0}, second = {0}, third = {0};
	n.mode = NODE_NEVER;
	CHECK(call(&n, &first) == OK);
	pass(&n, 400);
	CHECK(call(&n, &second) == OK);
	pass(&n, 300);
	CHECK(call(&n, &third) == OK);
	pass(&n, 299);
	CHECK(first.calls == 0);
	pass(&n, 1);
	CHECK(first.by_err[-ERR_TIMEOUT] == 1 && second.calls == 0);
	/* it was sent 600 ms late and has 400 left */
	pass(&n, 399);
	CHECK(second.calls == 0);
	pass(&n, 1);
	CHECK(second.by_err[-ERR_TIMEOUT] == 1 && third.calls == 0);
	pass(&n, 300);
	CHECK(third.calls == 1);

	/* a longer one of its own holds the only place: the next never gets its turn */
	struct results slow = {0}, starved = {0};
	CHECK(upstream_call_limited(n.upstream, "scan", NULL,
		      &(struct upstream_limits){.timeout_ms = 5000}, on_rpc, &slow) == OK);
	CHECK(call(&n, &starved) == OK);
	pass(&n, 1000);
	CHECK(starved.by_err[-ERR_UNAVAILABLE] == 1 && slow.calls == 0);
	pass(&n, 4000);
	CHECK(slow.by_err[-ERR_TIMEOUT] == 1);
	node_down(&n);
}

static void open_breaker(struct node *n, struct results *r)
{
	n->mode = NODE_DOWN;
	for (unsigned i = 0; i < UPSTREAM_FAILURES_MAX; i++) {
		CHECK(call(n, r) == OK);
		pass(n, 1);
	}
}

static void test_breaker(void)
{
	struct node n;
	node_up(&n, &(struct upstream_config){0});
	struct results r = {0};
	struct upstream_health h;
	open_breaker(&n, &r);
	CHECK(r.by_err[-ERR_UNAVAILABLE] == UPSTREAM_FAILURES_MAX);
	upstream_health(n.upstream, &h);
	CHECK(!h.up && h.failures == UPSTREAM_FAILURES_MAX && h.last_error[0] != 0);
	const unsigned seen = n.seen;
	CHECK(call(&n, &r) == ERR_UNAVAILABLE && r.calls == UPSTREAM_FAILURES_MAX);
	pass(&n, UPSTREAM_BACKOFF_MIN_MS);
	CHECK(n.seen == seen);

	/* one probe at a time; each that fails doubles the wait, up to the bound */
	n.mode = NODE_HOLD;
	CHECK(call(&n, &r) == OK && call(&n, &r) == ERR_UNAVAILABLE);
	pass(&n, 1);
	http_local_answer(n.held[0], ERR_IO, 0, (struct slice){0});
	n.held_count = 0;
	n.mode = NODE_DOWN;
	uint64_t wait = UPSTREAM_BACKOFF_MIN_MS * 2;
	for (int i = 0; i < 12; i++) {
		pass(&n, wait - 1);
		CHECK(call(&n, &r) == ERR_UNAVAILABLE);
		pass(&n, 1);
		CHECK(call(&n, &r) == OK);
		pass(&n, 0);
		wait = wait * 2 < UPSTREAM_BACKOFF_MAX_MS ? wait * 2 : UPSTREAM_BACKOFF_MAX_MS;
	}
	CHECK(wait == UPSTREAM_BACKOFF_MAX_MS);

	/* a probe that succeeds closes it, and the wait starts small again */
	pass(&n, wait);
	n.mode = NODE_GOOD;
	r = (struct results){0};
	CHECK(call(&n, &r) == OK);
	pass(&n, 0);
	for (int i = 0; i < 20; i++)
		CHECK(call(&n, &r) == OK);
	pass(&n, 0);
	CHECK(r.ok == 21);
	open_breaker(&n, &r);
	pass(&n, UPSTREAM_BACKOFF_MIN_MS);
	CHECK(call(&n, &r) == OK);
	node_down(&n);
}

/* What waits in the queue when the breaker opens ends, too; late failures of calls that were sent
 * before don't lengthen the wait; a late success closes it. */
static void test_breaker_with_queue(void)
{
	struct node n;
	node_up(&n, &(struct upstream_config){.in_flight_max = 10, .queue_max = 100});
	struct results r = {0};
	n.mode = NODE_HOLD;
	for (int i = 0; i < 50; i++)
		CHECK(call(&n, &r) == OK);
	pass(&n, 1);
	CHECK(n.held_count == 10);
	n.mode = NODE_DOWN;
	for (int i = 0; i < 4; i++)
		http_local_answer(n.held[i], ERR_IO, 0, (struct slice){0});
	/* each made room for another, which fails when it is delivered */
	CHECK(r.calls == 4);
	r.again = n.upstream;
	pass(&n, 1);
	CHECK(r.by_err[-ERR_UNAVAILABLE] == 40 && r.calls == 44);
	for (int i = 4; i < 9; i++)
		http_local_answer(n.held[i], ERR_IO, 0, (struct slice){0});
	CHECK(call(&n, &r) == ERR_UNAVAILABLE);
	n.mode = NODE_GOOD;
	pass(&n, UPSTREAM_BACKOFF_MIN_MS - 2);
	CHECK(call(&n, &r) == ERR_UNAVAILABLE);
	node_answer(n.held[9]);
	n.held_count = 0;
	CHECK(call(&n, &r) == OK && call(&n, &r) == OK);
	pass(&n, 1);
	CHECK(r.ok == 3);
	node_down(&n);
}

/* A node with room for few calls at once serves all of them, at its own pace. */
static void test_overload(void)
{
	struct node n;
	struct upstream_health h;
	struct results r = {0};
	node_up(&n, &(struct upstream_config){.in_flight_max = 256, .timeout_ms = 60000});
	n.mode = NODE_SMALL;
	n.capacity = 20;
	for (int i = 0; i < 4000; i++)
		CHECK(call(&n, &r) == OK);
	pass(&n, 4000); /* 2,000 ms if the pace were perfect */
	CHECK(r.ok == 4000);
	upstream_health(n.upstream, &h);
	CHECK(h.overloads == n.turned_away && h.overloads > 0 && h.overloads < 1000);
	CHECK(h.failures == 0 && h.up && h.window < 64 && h.queued == 0);

	/* room again: the window opens again */
	n.capacity = 256;
	for (int i = 0; i < 4000; i++)
		CHECK(call(&n, &r) == OK);
	pass(&n, 4000);
	upstream_health(n.upstream, &h);
	CHECK(r.ok == 8000 && h.window > 64);

	/* no room at all: each ends at its deadline, nothing was done, and the breaker stays closed
	 */
	r = (struct results){0};
	n.capacity = 0;
	for (int i = 0; i < 100; i++)
		CHECK(call(&n, &r) == OK);
	pass(&n, 59000);
	CHECK(r.calls == 0);
	const unsigned seen = n.seen;
	pass(&n, 1000);
	CHECK(n.seen - seen <= 2); /* it is asked no more often than once in a pause */
	pass(&n, UPSTREAM_PAUSE_MAX_MS);
	CHECK(r.by_err[-ERR_UNAVAILABLE] == 100);
	n.capacity = 20;
	CHECK(call(&n, &r) == OK);
	pass(&n, 2 * UPSTREAM_PAUSE_MAX_MS);
	CHECK(r.ok == 1);
	node_down(&n);
}

/* Wrong passwords, refusals and garbage: what counts and what doesn't. */
static void test_what_counts(void)
{
	struct node n;
	struct upstream_health h;
	node_up(&n, &(struct upstream_config){0});
	struct results r = {0};
	n.mode = NODE_REFUSE;
	for (int i = 0; i < 20; i++) {
		CHECK(call(&n, &r) == OK);
		pass(&n, 1);
	}
	CHECK(r.by_err[-ERR_DENIED] == 20);
	upstream_health(n.upstream, &h);
	CHECK(!h.up && h.failures == 20 && strstr(h.last_error, "401") != NULL);
	n.mode = NODE_GARBAGE;
	for (unsigned i = 0; i < UPSTREAM_FAILURES_MAX; i++) {
		CHECK(call(&n, &r) == OK);
		pass(&n, 1);
	}
	CHECK(call(&n, &r) == ERR_UNAVAILABLE);
	upstream_health(n.upstream, &h);
	CHECK(strstr(h.last_error, "<html>") != NULL);
	node_down(&n);
}

static void test_destroy(void)
{
	struct node n;
	node_up(&n, &(struct upstream_config){.in_flight_max = 2});
	struct results r = {0};
	n.mode = NODE_HOLD;
	for (int i = 0; i < 5; i++)
		CHECK(call(&n, &r) == OK);
	pass(&n, 1);
	r.again = n.upstream; /* refused: it is closing */
	upstream_destroy(n.upstream);
	CHECK(r.calls == 5 && r.by_err[-ERR_CANCELLED] == 5);
	pass(&n, 100000);
	for (unsigned i = 0; i < n.held_count; i++)
		node_answer(n.held[i]);
	CHECK(r.calls == 5);
	http_client_destroy(n.client);
	loop_destroy(n.loop);

	/* the client goes first */
	node_up(&n, &(struct upstream_config){.in_flight_max = 2});
	r = (struct results){0};
	n.mode = NODE_NEVER;
	for (int i = 0; i < 5; i++)
		CHECK(call(&n, &r) == OK);
	pass(&n, 1);
	http_client_destroy(n.client);
	CHECK(r.calls == 5 && r.by_err[-ERR_CANCELLED] + r.by_err[-ERR_UNAVAILABLE] == 5);
	upstream_destroy(n.upstream);
	loop_destroy(n.loop);
}

static void test_urls(void)
{
	struct loop *loop;
	struct http_client *client;
	CHECK(loop_create(&loop, &(struct loop_config){.virtual_time = true}) == OK);
	CHECK(http_client_create_local(&client, loop, on_node, NULL) == OK);
	static const char *const bad[] = {"", "127.0.0.1:8332", "ftp://x/", "http://a%zz:b@c/",
		"http://a%00:b@c/", "http://a%4@c/", NULL};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct upstream *u = NULL;
		CHECK(upstream_create(&u, client, loop, &(struct upstream_config){.url = bad[i]}) ==
			ERR_FORMAT);
	}
	struct upstream *u = NULL;
	CHECK(upstream_create(&u, client, loop,
		      &(struct upstream_config){.url = "http://h/", .user = "a:b"}) == ERR_FORMAT);
	http_client_destroy(client);
	loop_destroy(loop);
}

/* ---- against a real server ---- */

struct server {
	struct peer *peer;
	char want[256]; /* the Authorization header's value */
	enum { SERVE, SERVE_HALF, SERVE_BRACKETS, SERVE_NOTHING, SERVE_CLOSE } mode;
};

static void on_request(void *ctx, struct peer_conn *conn, const char *request, struct slice body)
{
	struct server *s = ctx;
	char header[300], answer[128];
	struct json *q = NULL;
	uint64_t id = 0;
	(void)snprintf(header, sizeof header, "\r\nAuthorization: %s", s->want);
	if (s->want[0] != 0 && strstr(request, header) == NULL) {
		peer_answer(conn, 401, "");
		return;
	}
	CHECK(json_parse(&q, body, NULL) == OK && json_get_u64(q, "id", &id) == OK);
	json_free(q);
	(void)snprintf(
		answer, sizeof answer, "{\"result\":true,\"id\":%llu}", (unsigned long long)id);
	switch (s->mode) {
	case SERVE: peer_answer(conn, 200, answer); break;
	case SERVE_HALF:
		peer_send(conn,
			slice_str("HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n{\"result\""));
		peer_close(conn);
		break;
	case SERVE_BRACKETS: {
		char *brackets = malloc((1u << 20) + 1);
		CHECK(brackets != NULL);
		memset(brackets, '[', 1u << 20);
		brackets[1u << 20] = 0;
		peer_answer(conn, 200, brackets);
		free(brackets);
		break;
	}
	case SERVE_NOTHING: break;
	case SERVE_CLOSE: peer_close(conn); break;
	}
}

static enum err call_and_wait(struct loop *loop, struct upstream *u)
{
	struct results r = {0};
	CHECK(upstream_call(u, "ping", json_array(), on_rpc, &r) == OK);
	const uint64_t end = clock_mono_ms() + 30000;
	while (r.calls == 0) {
		CHECK(clock_mono_ms() < end);
		(void)loop_step(loop, 100);
	}
	for (int i = 0; i < (int)ARRAY_LEN(r.by_err); i++)
		if (r.by_err[i] > 0)
			return (enum err) - i;
	return ERR_STATE;
}

static void write_cookie(const char *path, const char *text)
{
	CHECK(file_write_atomic(file_system(), path, slice_str(text)) == OK);
}

static void test_real(void)
{
	struct loop *loop;
	struct http_client *client;
	struct server server = {0};
	struct upstream *u;
	char url[96], cookie[] = "jsonrpc_test.cookie";
	CHECK(loop_create(&loop, &(struct loop_config){0}) == OK);
	CHECK(http_client_create(&client, loop) == OK);
	server.peer = peer_create(loop, 0, on_request, &server);
	const unsigned port = peer_port(server.peer);

	/* user and password: from the URL (percent-encoded), from the configuration */
	(void)snprintf(url, sizeof url, "http://us%%65r:p%%40ss@127.0.0.1:%u/", port);
	(void)snprintf(server.want, sizeof server.want, "Basic dXNlcjpwQHNz");
	CHECK(upstream_create(&u, client, loop, &(struct upstream_config){.url = url}) == OK);
	CHECK(call_and_wait(loop, u) == OK);
	upstream_destroy(u);
	(void)snprintf(url, sizeof url, "http://127.0.0.1:%u/", port);
	CHECK(upstream_create(&u, client, loop,
		      &(struct upstream_config){.url = url, .user = "user", .password = "p@ss"}) ==
		OK);
	CHECK(call_and_wait(loop, u) == OK);
	(void)snprintf(server.want, sizeof server.want, "Basic bm9wZQ==");
	CHECK(call_and_wait(loop, u) == ERR_DENIED);
	upstream_destroy(u);

	/* the cookie: not there, there, another after a restart of the node */
	(void)unlink(cookie);
	CHECK(upstream_create(&u, client, loop,
		      &(struct upstream_config){
			      .url = url, .cookie_file = cookie, .timeout_ms = 300}) == OK);
	(void)snprintf(server.want, sizeof server.want, "Basic X19jb29raWVfXzpmZg==");
	CHECK(call_and_wait(loop, u) == ERR_DENIED);
	write_cookie(cookie, "__cookie__:ff\n");
	CHECK(call_and_wait(loop, u) == OK);
	(void)snprintf(server.want, sizeof server.want, "Basic X19jb29raWVfXzowMA==");
	CHECK(call_and_wait(loop, u) == ERR_DENIED);
	write_cookie(cookie, "__cookie__:00");
	CHECK(call_and_wait(loop, u) == OK && call_and_wait(loop, u) == OK);
	CHECK(unlink(cookie) == 0);
	CHECK(call_and_wait(loop, u) == OK);

	server.mode = SERVE_HALF;
	CHECK(call_and_wait(loop, u) == ERR_IO);
	server.mode = SERVE_BRACKETS;
	CHECK(call_and_wait(loop, u) == ERR_FORMAT);
	server.mode = SERVE_NOTHING;
	CHECK(call_and_wait(loop, u) == ERR_TIMEOUT);
	server.mode = SERVE_CLOSE;
	CHECK(call_and_wait(loop, u) == ERR_IO);
	server.mode = SERVE;
	CHECK(call_and_wait(loop, u) == OK);
	peer_destroy(server.peer);
	const enum err err = call_and_wait(loop, u);
	CHECK(err == ERR_UNAVAILABLE);
	upstream_destroy(u);
	http_client_destroy(client);
	loop_destroy(loop);
}

int main(void)
{
	test_answers();
	test_bounds();
	test_deadlines();
	test_breaker();
	test_breaker_with_queue();
	test_overload();
	test_what_counts();
	test_destroy();
	test_urls();
	test_real();
	return 0;
}
