/* The HTTP client: against a server that misbehaves in every way that we know of, and its
 * in-process form. The contract is one: exactly one callback, never from inside send. */
#include "net/http_client.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/peer_test.h"
#include "net/net_pool.h"
#include "net/net_thread.h"
#include "net/result_test.h"

static struct loop *make_virtual(void)
{
	struct loop *loop;
	CHECK(loop_create(&loop, &(struct loop_config){.virtual_time = true}) == OK);
	return loop;
}

/* Sends and waits for the answer. */
static struct http_result ask(
	struct loop *loop, struct http_client *client, struct http_request request)
{
	struct http_result r = {.sending = true};
	CHECK(http_client_send(client, NULL, &request, http_result_take, &r) == OK);
	r.sending = false;
	http_result_wait(loop, &r.calls, 1);
	CHECK(r.calls == 1);
	return r;
}

/* ---- a scripted server ---- */

enum behaviour {
	ANSWER,
	ECHO,
	SILENT,
	CLOSE_AT_ONCE,
	HALF_BODY,
	HALF_HEAD,
	GARBAGE,
	ENDLESS_HEADERS,
	ENDLESS_BODY,
	LIES_LONG,
	CHUNKED,
	BAD_CHUNKS,
	NO_CONTENT,
	REDIRECT,
	ANSWER_AND_CLOSE,
	TRICKLE,
};

struct script {
	enum behaviour behaviour;
	char request[2048];
};

static void answer_scripted(
	void *ctx, struct peer_conn *conn, const char *request, struct slice body)
{
	struct script *s = ctx;
	static char big[70000];
	(void)snprintf(s->request, sizeof s->request, "%s", request);
	switch (s->behaviour) {
	case ANSWER: peer_answer(conn, 200, "hello"); break;
	case ECHO: {
		char text[64];
		(void)snprintf(text, sizeof text, "%zu", body.len);
		peer_answer(conn, 201, text);
		break;
	}
	case SILENT: break;
	case CLOSE_AT_ONCE: peer_close(conn); break;
	case HALF_BODY:
		peer_send(conn, slice_str("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"));
		peer_close(conn);
		break;
	case HALF_HEAD:
		peer_send(conn, slice_str("HTTP/1.1 200 OK\r\nContent-Le"));
		peer_close(conn);
		break;
	case GARBAGE:
		peer_send(conn, slice_str("\x16\x03\x01\x02 this is not HTTP at all\r\n\r\n"));
		peer_close(conn);
		break;
	case ENDLESS_HEADERS:
		peer_send(conn, slice_str("HTTP/1.1 200 OK\r\n"));
		for (int i = 0; i < 3000; i++)
			peer_send(conn, slice_str("X-Filler: 0123456789012345678901234567890\r\n"));
		break;
	case ENDLESS_BODY:
		memset(big, 'x', sizeof big);
		peer_send(conn, slice_str("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"));
		for (int i = 0; i < 20; i++)
			peer_send(conn, slice_of(big, sizeof big));
		break;
	case LIES_LONG:
		peer_send(conn,
			slice_str("HTTP/1.1 200 OK\r\nContent-Length: 1099511627776\r\n\r\n"));
		break;
	case CHUNKED:
		peer_send(conn,
			slice_str("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
				  "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"));
		break;
	case BAD_CHUNKS:
		peer_send(conn,
			slice_str("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
				  "zz\r\nabc\r\n"));
		break;
	case NO_CONTENT: peer_send(conn, slice_str("HTTP/1.1 204 No Content\r\n\r\n")); break;
	case REDIRECT:
		peer_send(conn,
			slice_str("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n"
				  "Content-Length: 0\r\n\r\n"));
		break;
	case ANSWER_AND_CLOSE:
		peer_answer(conn, 200, "bye");
		peer_close(conn);
		break;
	case TRICKLE: peer_send(conn, slice_str("HTTP/1.1 200 OK\r\n")); break;
	}
}

/* The ways in which all of this must come out the same. */
static const struct way {
	const char *name;
	enum loop_backend_kind backend;
	bool threaded; /* with a network thread */
	bool by_library, by_readiness;
} ways[] = {
	{"own, on what there is", .backend = LOOP_AUTO},
	{"own, on epoll", .backend = LOOP_EPOLL},
	{"own, by readiness", .backend = LOOP_AUTO, .by_readiness = true},
	{"on a thread", .backend = LOOP_AUTO, .threaded = true},
	{"on a thread, on epoll", .backend = LOOP_EPOLL, .threaded = true},
	{"library", .backend = LOOP_AUTO, .by_library = true},
	{"library, on epoll", .backend = LOOP_EPOLL, .by_library = true},
};
static const struct way *way;

struct rig {
	struct loop *loop;
	struct net_thread *net;
	struct http_client *client;
	struct peer *peer;
	struct script script;
	char url[64];
};

static void rig_up_bounded(struct rig *rig, uint32_t calls_max)
{
	const struct http_client_config config = {.calls_max = calls_max,
		.by_library = way->by_library,
		.by_readiness = way->by_readiness};
	*rig = (struct rig){0};
	CHECK(loop_create(&rig->loop, &(struct loop_config){.backend = way->backend}) == OK);
	if (way->threaded) {
		CHECK(net_thread_create(&rig->net, rig->loop, way->backend) == OK);
		CHECK(http_client_create_remote_with(&rig->client, rig->loop, rig->net, &config) ==
			OK);
	} else {
		CHECK(http_client_create_with(&rig->client, rig->loop, &config) == OK);
	}
	rig->peer = peer_create(rig->loop, 0, answer_scripted, &rig->script);
	(void)snprintf(rig->url, sizeof rig->url, "http://127.0.0.1:%u/path", peer_port(rig->peer));
}

static void rig_up(struct rig *rig)
{
	rig_up_bounded(rig, 0);
}

static void rig_down(struct rig *rig)
{
	http_client_destroy(rig->client);
	peer_destroy(rig->peer);
	net_thread_destroy(rig->net);
	loop_destroy(rig->loop);
}

static struct http_result rig_ask(struct rig *rig, enum behaviour behaviour)
{
	rig->script.behaviour = behaviour;
	return ask(rig->loop, rig->client,
		(struct http_request){.method = "POST",
			.url = rig->url,
			.body = slice_str("{}"),
			.timeout_ms = behaviour == SILENT || behaviour == TRICKLE ? 300 : 20000,
			.answer_max = 1u << 20});
}

static void test_behaviours(void)
{
	static const struct {
		enum behaviour behaviour;
		enum err err;
		unsigned status;
		const char *body;
	} row[] = {
		{ANSWER, OK, 200, "hello"},
		{ECHO, OK, 201, "2"},
		{SILENT, ERR_TIMEOUT, 0, ""},
		{CLOSE_AT_ONCE, ERR_IO, 0, ""},
		{HALF_BODY, ERR_IO, 0, ""},
		{HALF_HEAD, ERR_IO, 0, ""},
		{GARBAGE, ERR_IO, 0, ""},
		{ENDLESS_HEADERS, ERR_FULL, 0, ""},
		{ENDLESS_BODY, ERR_FULL, 0, ""},
		{LIES_LONG, ERR_FULL, 0, ""},
		{CHUNKED, OK, 200, "abcde"},
		{BAD_CHUNKS, ERR_IO, 0, ""},
		{NO_CONTENT, OK, 204, ""},
		{REDIRECT, OK, 302, ""},
		{TRICKLE, ERR_TIMEOUT, 0, ""},
		{ANSWER, OK, 200, "hello"},
	};
	struct rig rig;
	rig_up(&rig);
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		const struct http_result r = rig_ask(&rig, row[i].behaviour);
		if (r.err != row[i].err || r.status != row[i].status)
			(void)fprintf(stderr, "row %zu: %s %u %s\n", i, err_name(r.err), r.status,
				r.detail);
		CHECK(r.err == row[i].err && r.status == row[i].status);
		CHECK(strcmp(r.body, row[i].body) == 0);
		CHECK(r.err == OK || r.detail[0] != 0);
	}
	rig_down(&rig);
}

static void test_what_is_sent(void)
{
	struct rig rig;
	rig_up(&rig);
	CHECK(raise(SIGPIPE) == 0); /* ignored from now on */
	rig.script.behaviour = ECHO;
	static uint8_t big[200000];
	struct http_result r = ask(rig.loop, rig.client,
		(struct http_request){.method = "POST",
			.url = rig.url,
			.content_type = "application/json",
			.authorization = "Basic YTpi",
			.extra_header = "X-More: yes",
			.body = slice_of(big, sizeof big)});
	CHECK(r.err == OK && strcmp(r.body, "200000") == 0);
	const char *q = rig.script.request;
	CHECK(strncmp(q, "POST /path HTTP/1.1\r\n", 21) == 0);
	CHECK(strstr(q, "\r\nContent-Type: application/json\r\n") != NULL);
	CHECK(strstr(q, "\r\nAuthorization: Basic YTpi\r\n") != NULL);
	CHECK(strstr(q, "\r\nX-More: yes") != NULL);
	CHECK(strcasestr(q, "expect") == NULL);
	r = ask(rig.loop, rig.client, (struct http_request){.method = "GET", .url = rig.url});
	CHECK(r.err == OK && strncmp(q, "GET /path HTTP/1.1\r\n", 20) == 0);
	/* nothing of the request before */
	CHECK(strcasestr(q, "authorization") == NULL && strcasestr(q, "content-type") == NULL);
	r = ask(rig.loop, rig.client, (struct http_request){.method = "DELETE", .url = rig.url});
	CHECK(r.err == OK && strncmp(q, "DELETE /path HTTP/1.1\r\n", 23) == 0);
	CHECK(peer_accepted(rig.peer) == 1); /* one connection for all */
	rig_down(&rig);
}

static void test_refused(void)
{
	struct rig rig;
	rig_up(&rig);
	static const struct http_request bad[] = {
		{.method = "POST", .url = "ftp://127.0.0.1/"},
		{.method = "POST", .url = "file:///etc/passwd"},
		{.method = "POST", .url = "127.0.0.1"},
		{.method = "POST", .url = ""},
		{.method = "POST", .url = NULL},
		{.method = "POST", .url = "http://127.0.0.1:99999/"},
		{.method = "POST", .url = "http://127.0.0.1/\r\nX: y"},
		{.method = "", .url = "http://127.0.0.1/"},
		{.method = "GET / HTTP/1.1", .url = "http://127.0.0.1/"},
		{.method = "GET", .url = "http://127.0.0.1/", .authorization = "x\r\nY: z"},
		{.method = "GET", .url = "http://127.0.0.1/", .content_type = "x\ny"},
		{.method = "GET", .url = "http://127.0.0.1/", .extra_header = "a: b\r\nc: d"},
		{.method = "GET", .url = "http://127.0.0.1/", .extra_header = "no header"},
		{.method = "GET", .url = "http://127.0.0.1/", .extra_header = ": x"},
		{.method = "GET", .url = "http://127.0.0.1/", .extra_header = "a : x"},
		{.method = "GET", .url = "http://127.0.0.1/", .extra_header = "Host: x"},
		{.method = "GET", .url = "http://127.0.0.1/", .extra_header = "content-length: 0"},
		{.method = "GET",
			.url = "http://127.0.0.1/",
			.extra_header = "Transfer-Encoding: chunked"},
	};
	struct http_result r = {0};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK(http_client_send(rig.client, NULL, &bad[i], http_result_take, &r) ==
			ERR_FORMAT);
	CHECK(loop_step(rig.loop, 10) == 0 && r.calls == 0);
	rig_down(&rig);
}

/* Nothing was sent: nobody listens. And the difference: sent on a kept connection whose server
 * died, after which nobody listens either. */
static void test_unavailable_is_certain(void)
{
	struct rig rig;
	rig_up(&rig);
	CHECK(rig_ask(&rig, ANSWER).err == OK);
	CHECK(rig_ask(&rig, ANSWER).err == OK && peer_accepted(rig.peer) == 1);
	peer_deaf(rig.peer);
	struct http_result r = rig_ask(&rig, CLOSE_AT_ONCE);
	CHECK(r.err == ERR_IO && peer_requests(rig.peer) == 3);
	r = rig_ask(&rig, ANSWER);
	CHECK(r.err == ERR_UNAVAILABLE && peer_requests(rig.peer) == 3 && r.detail[0] != 0);
	rig_down(&rig);
}

/* A server that closes idle connections: the next request simply has a new one. */
static void test_closed_when_idle(void)
{
	struct rig rig;
	rig_up(&rig);
	for (int i = 0; i < 5; i++)
		CHECK(rig_ask(&rig, ANSWER_AND_CLOSE).err == OK);
	CHECK(peer_accepted(rig.peer) == 5 && peer_requests(rig.peer) == 5);
	rig_down(&rig);
}

static void test_cancel(void)
{
	struct rig rig;
	rig_up(&rig);
	rig.script.behaviour = SILENT;
	struct http_result r[3] = {0};
	struct http_call call[3];
	const struct http_request request = {.method = "GET", .url = rig.url};
	for (int i = 0; i < 3; i++)
		CHECK(http_client_send(rig.client, &call[i], &request, http_result_take, &r[i]) ==
			OK);
	while (peer_requests(rig.peer) < 3)
		(void)loop_step(rig.loop, 100);
	http_client_cancel(rig.client, call[1]);
	http_client_cancel(rig.client, call[1]);
	CHECK(r[1].calls == 0);
	http_result_wait(rig.loop, &r[1].calls, 1);
	CHECK(r[1].err == ERR_CANCELLED && r[0].calls == 0 && r[2].calls == 0);
	/* stale: the slot has another user now */
	rig.script.behaviour = ANSWER;
	struct http_result next = {0};
	CHECK(http_client_send(rig.client, NULL, &request, http_result_take, &next) == OK);
	http_client_cancel(rig.client, call[1]);
	http_client_cancel(rig.client, (struct http_call){0});
	http_client_cancel(rig.client, (struct http_call){UINT64_MAX});
	http_result_wait(rig.loop, &next.calls, 1);
	CHECK(next.err == OK && r[1].calls == 1);
	http_client_cancel(rig.client, call[2]); /* still waiting when all ends */
	http_client_destroy(rig.client);
	CHECK(r[0].calls == 1 && r[0].err == ERR_CANCELLED);
	CHECK(r[2].calls == 1 && r[2].err == ERR_CANCELLED);
	(void)loop_step(rig.loop, 5);
	rig.client = NULL;
	rig_down(&rig);
}

/* ---- in-process ---- */

struct local {
	struct loop *loop;
	struct http_local_request *held;
	int behaviour; /* 0 answer, 1 hold, 2 drop, 3 fail */
	unsigned seen;
};

static void on_local(void *ctx, struct http_local_request *request)
{
	struct local *l = ctx;
	l->seen++;
	CHECK(strcmp(http_local_method(request), "POST") == 0);
	CHECK(strcmp(http_local_url(request), "http://sim/x") == 0);
	CHECK(strcmp(http_local_authorization(request), "secret") == 0);
	if (l->behaviour == 0)
		http_local_answer(request, OK, 200, http_local_body(request));
	else if (l->behaviour == 1)
		l->held = request;
	else if (l->behaviour == 2)
		http_local_drop(request);
	else
		http_local_answer(request, ERR_IO, 0, (struct slice){0});
}

static void test_local(void)
{
	struct local l = {.loop = make_virtual()};
	struct http_client *client;
	const struct http_client_config library = {.by_library = true};
	CHECK(http_client_create_with(&client, l.loop, &library) == ERR_STATE);
	CHECK(http_client_create_local(&client, l.loop, on_local, &l) == OK);
	const struct http_request request = {.method = "POST",
		.url = "http://sim/x",
		.authorization = "secret",
		.body = slice_str("body"),
		.timeout_ms = 60000,
		.answer_max = 8};
	struct http_result r = ask(l.loop, client, request);
	CHECK(r.err == OK && r.status == 200 && strcmp(r.body, "body") == 0);
	CHECK(loop_now_ms(l.loop) == 0);
	struct http_request longer = request;
	longer.body = slice_str("longer than eight");
	CHECK(ask(l.loop, client, longer).err == ERR_FULL);

	l.behaviour = 2;
	CHECK(ask(l.loop, client, request).err == ERR_TIMEOUT && loop_now_ms(l.loop) == 60000);
	l.behaviour = 3;
	r = ask(l.loop, client, request);
	CHECK(r.err == ERR_IO && r.detail[0] != 0);

	/* answered when the call is over; cancelled while held; cancelled before it is delivered */
	l.behaviour = 1;
	CHECK(ask(l.loop, client, request).err == ERR_TIMEOUT);
	http_local_answer(l.held, OK, 200, slice_str("late"));
	struct http_call call;
	for (int held = 0; held < 2; held++) {
		struct http_result c = {0};
		CHECK(http_client_send(client, &call, &request, http_result_take, &c) == OK);
		const unsigned before = l.seen;
		if (held == 1)
			while (l.seen == before)
				(void)loop_step(l.loop, 0);
		http_client_cancel(client, call);
		CHECK(c.calls == 0);
		http_result_wait(l.loop, &c.calls, 1);
		CHECK(c.err == ERR_CANCELLED);
		if (l.seen > before)
			http_local_answer(l.held, OK, 200, slice_str("late"));
		(void)loop_step(l.loop, 100000);
		CHECK(c.calls == 1);
	}
	/* destroyed with one held, one not delivered */
	struct http_result a = {0}, b = {0};
	const unsigned before = l.seen;
	CHECK(http_client_send(client, NULL, &request, http_result_take, &a) == OK);
	while (l.seen == before)
		(void)loop_step(l.loop, 0);
	CHECK(http_client_send(client, NULL, &request, http_result_take, &b) == OK);
	http_client_destroy(client);
	CHECK(a.err == ERR_CANCELLED && b.err == ERR_CANCELLED && a.calls + b.calls == 2);
	(void)loop_step(l.loop, 100000);
	http_local_drop(l.held);
	loop_destroy(l.loop);
}

/* ---- bound on open requests ---- */

/* Objects of the client's pools that are with somebody. */
static uint64_t pooled(const struct http_client *client)
{
	const struct net_pool *pool[HTTP_CLIENT_POOLS];
	struct slab_stats stats[NET_POOL_CLASSES_MAX];
	uint64_t live = 0;
	for (uint32_t i = http_client_pools(client, pool); i > 0; i--)
		for (uint32_t k = net_pool_stats(pool[i - 1], stats); k > 0; k--)
			live += stats[k - 1].live;
	return live;
}

/* So many are open and no more; whatever comes after that finds as much room as before, and at the
 * end nothing is left in the pools but connections and what is on its way back. */
static void test_bounded(void)
{
	enum { CALLS = 8, ROUNDS = 20, LEFT_MAX = 6 * CALLS };
	struct rig rig;
	rig_up_bounded(&rig, CALLS);
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct http_result r = {0};
		const struct http_request request = {.method = "POST",
			.url = rig.url,
			.body = slice_str("{}"),
			.timeout_ms = 20000};
		for (unsigned i = 0; i < CALLS; i++)
			CHECK(http_client_send(rig.client, NULL, &request, http_result_take, &r) ==
				OK);
		CHECK(http_client_send(rig.client, NULL, &request, http_result_take, &r) ==
			ERR_FULL);
		CHECK(way->by_library || pooled(rig.client) >= CALLS);
		http_result_wait(rig.loop, &r.calls, CALLS);
		CHECK(r.err == OK && r.status == 200);
		CHECK(pooled(rig.client) <= LEFT_MAX);
	}
	rig_down(&rig);
}

static void test_in_flight_bound(void)
{
	struct local l = {.loop = make_virtual(), .behaviour = 2};
	struct http_client *client;
	CHECK(http_client_create_local(&client, l.loop, on_local, &l) == OK);
	const struct http_request request = {
		.method = "POST", .url = "http://sim/x", .authorization = "secret"};
	struct http_result r = {0};
	for (unsigned i = 0; i < HTTP_IN_FLIGHT_MAX; i++)
		CHECK(http_client_send(client, NULL, &request, http_result_take, &r) == OK);
	CHECK(http_client_send(client, NULL, &request, http_result_take, &r) == ERR_FULL);
	http_result_wait(l.loop, &r.calls, HTTP_IN_FLIGHT_MAX);
	CHECK(http_client_send(client, NULL, &request, http_result_take, &r) == OK);
	http_client_destroy(client);
	CHECK(r.calls == HTTP_IN_FLIGHT_MAX + 1);
	loop_destroy(l.loop);
}

int main(void)
{
	for (way = ways; way < ways + ARRAY_LEN(ways); way++) {
		(void)fprintf(stderr, "%s\n", way->name);
		test_behaviours();
		test_what_is_sent();
		test_refused();
		test_unavailable_is_certain();
		test_closed_when_idle();
		test_cancel();
		test_bounded();
	}
	test_local();
	test_in_flight_bound();
	return 0;
}
