/* The network's thread when there is too much: callers that flood it, an engine that is stuck,
 * nodes whose answers nobody takes or nobody can read. The owner's loop is this thread's; callers
 * and nodes are on a thread and a loop of their own. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/http_client.h"
#include "net/http_server.h"
#include "net/jsonrpc.h"
#include "net/net_thread.h"
#include "net/peer_test.h"
#include "sys/clock.h"
#include "sys/thread.h"

#define WAIT_MS 60000u
#define WAITING_MS 300u
#define WAITING_MAX 32u
#define CONNECTIONS 64u

/* ---- the owner ---- */

static struct owner {
	struct loop *loop;
	struct net_thread *net;
	struct http_server *server;
	struct http_client *client;
	unsigned handled;
} owner;

static void handle(void *ctx, struct http_exchange *x)
{
	(void)ctx;
	owner.handled++;
	http_answer(x, 200, "text/plain", slice_str("done"));
}

static void owner_up(void)
{
	owner = (struct owner){0};
	CHECK(loop_create(&owner.loop, &(struct loop_config){0}) == OK);
	CHECK(net_thread_create(&owner.net, owner.loop, LOOP_AUTO) == OK);
	const struct http_server_config server = {.bind = "127.0.0.1",
		.net = owner.net,
		.connection_max = CONNECTIONS,
		.waiting_max = WAITING_MAX,
		.waiting_ms = WAITING_MS};
	CHECK(http_server_create(&owner.server, owner.loop, &server, handle, NULL) == OK);
	const struct http_client_config client = {.held_max = 1u << 20, .raw_max = 1u << 20};
	CHECK(http_client_create_remote_with(&owner.client, owner.loop, owner.net, &client) == OK);
}

static void owner_down(void)
{
	http_client_destroy(owner.client);
	http_server_destroy(owner.server);
	net_thread_destroy(owner.net);
	loop_destroy(owner.loop);
}

/* Stuck: it looks at nothing until the outside has done its part. */
static void stay_stuck_until(const _Atomic uint32_t *count, uint32_t target)
{
	const uint64_t end = clock_mono_ms() + WAIT_MS;
	while (atomic_load(count) < target)
		CHECK(clock_mono_ms() < end);
}

static void step_until(const _Atomic uint32_t *count, uint32_t target)
{
	const uint64_t end = clock_mono_ms() + WAIT_MS;
	while (atomic_load(count) < target) {
		CHECK(clock_mono_ms() < end);
		(void)loop_step(owner.loop, 5);
	}
}

/* ---- the outside ---- */

static struct outside {
	struct thread thread;
	struct loop *loop;
	struct http_client *flood, *caller;
	struct peer *node;
	char url[64];
	_Atomic uint32_t good, refused, other; /* answers to callers: 200, 503 */
	_Atomic uint32_t caller_good;
	_Atomic uint32_t flood_wanted, caller_wanted;
	_Atomic uint32_t node_size; /* of its next answers */
	_Atomic char node_fill;
	_Atomic uint16_t node_port;
	_Atomic bool stop;
	uint32_t waker;
} outside;

static void on_flood_answer(void *ctx, const struct http_answer *answer)
{
	(void)ctx;
	if (answer->err == OK && answer->status == 200)
		atomic_fetch_add(&outside.good, 1);
	else if (answer->err == OK && answer->status == 503 &&
		memchr(answer->body.ptr, '{', answer->body.len) != NULL)
		atomic_fetch_add(&outside.refused, 1);
	else
		atomic_fetch_add(&outside.other, 1);
}

static void caller_ask(void);

/* An ordinary caller: one at a time, and again where he is told to come back. */
static void on_caller_answer(void *ctx, const struct http_answer *answer)
{
	(void)ctx;
	if (answer->err == OK && answer->status == 200) {
		atomic_fetch_add(&outside.caller_good, 1);
		atomic_fetch_sub(&outside.caller_wanted, 1);
	}
	if (atomic_load(&outside.caller_wanted) > 0)
		caller_ask();
}

static const struct http_request *request_of(void)
{
	static struct http_request request;
	request = (struct http_request){.method = "POST",
		.url = outside.url,
		.body = slice_str("{}"),
		.timeout_ms = WAIT_MS};
	return &request;
}

static void caller_ask(void)
{
	CHECK(http_client_send(outside.caller, NULL, request_of(), on_caller_answer, NULL) == OK);
}

static void on_node_request(void *ctx, struct peer_conn *conn, const char *text, struct slice body)
{
	(void)ctx, (void)text, (void)body;
	char head[64];
	const size_t size = atomic_load(&outside.node_size);
	char *answer = malloc(size + 1);
	CHECK(answer != NULL);
	memset(answer, atomic_load(&outside.node_fill), size);
	(void)snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", size);
	peer_send(conn, slice_str(head));
	peer_send(conn, slice_of(answer, size));
	free(answer);
}

static void on_order(void *ctx)
{
	(void)ctx;
	for (uint32_t n = atomic_exchange(&outside.flood_wanted, 0); n > 0; n--)
		CHECK(http_client_send(outside.flood, NULL, request_of(), on_flood_answer, NULL) ==
			OK);
	if (atomic_load(&outside.caller_wanted) > 0)
		caller_ask();
}

static void run_outside(void *ctx)
{
	const struct http_client_config config = {.connection_max = 2 * CONNECTIONS};
	(void)ctx;
	CHECK(http_client_create_with(&outside.flood, outside.loop, &config) == OK);
	CHECK(http_client_create(&outside.caller, outside.loop) == OK);
	outside.node = peer_create(outside.loop, 0, on_node_request, NULL);
	atomic_store(&outside.node_port, peer_port(outside.node));
	while (!atomic_load(&outside.stop))
		(void)loop_step(outside.loop, UINT64_MAX);
	http_client_destroy(outside.caller);
	http_client_destroy(outside.flood);
	peer_destroy(outside.node);
}

static void order(uint32_t flood, uint32_t caller)
{
	atomic_store(&outside.good, 0);
	atomic_store(&outside.refused, 0);
	atomic_store(&outside.other, 0);
	atomic_store(&outside.caller_good, 0);
	atomic_store(&outside.flood_wanted, flood);
	atomic_store(&outside.caller_wanted, caller);
	loop_wake(outside.loop, outside.waker);
}

static void outside_up(void)
{
	outside = (struct outside){0};
	CHECK(loop_create(&outside.loop, &(struct loop_config){0}) == OK);
	CHECK(loop_waker_add(outside.loop, &outside.waker, on_order, NULL) == OK);
	(void)snprintf(outside.url, sizeof outside.url, "http://127.0.0.1:%u/",
		http_server_port(owner.server));
	CHECK(thread_start(&outside.thread, "outside", run_outside, NULL) == OK);
	while (atomic_load(&outside.node_port) == 0)
		(void)loop_step(owner.loop, 1);
}

static void outside_down(void)
{
	atomic_store(&outside.stop, true);
	loop_wake(outside.loop, outside.waker);
	thread_join(&outside.thread);
	loop_destroy(outside.loop);
}

static uint32_t answered(void)
{
	return atomic_load(&outside.good) + atomic_load(&outside.refused) +
		atomic_load(&outside.other);
}

/* ---- callers ---- */

/* More than there is room for, at once and on more connections than there may be: each is answered
 * once, refused ones were not handled, and somebody else is served meanwhile. */
static void test_flood(void)
{
	enum { FLOOD = 3000, CALLER = 20 };
	const unsigned handled = owner.handled;
	order(FLOOD, CALLER);
	const uint64_t end = clock_mono_ms() + WAIT_MS;
	while (answered() < FLOOD || atomic_load(&outside.caller_good) < CALLER) {
		CHECK(clock_mono_ms() < end);
		(void)loop_step(owner.loop, 5);
	}
	const uint32_t good = atomic_load(&outside.good);
	CHECK(atomic_load(&outside.other) == 0 && good > 0 && atomic_load(&outside.refused) > 0);
	CHECK(owner.handled - handled == good + CALLER);
}

/* The engine looks at nothing for a while: what waits is answered without it, in its time, and was
 * not done; afterwards everything is as before. */
static void test_stuck(void)
{
	enum { STUCK = 100 };
	const unsigned handled = owner.handled;
	order(STUCK, 0);
	stay_stuck_until(&outside.refused, STUCK);
	CHECK(atomic_load(&outside.good) == 0 && atomic_load(&outside.other) == 0);
	for (int i = 0; i < 20; i++)
		(void)loop_step(owner.loop, 5);
	CHECK(owner.handled == handled);
	order(1, 0);
	step_until(&outside.good, 1);
	CHECK(owner.handled == handled + 1);
}

/* ---- nodes ---- */

struct asked {
	_Atomic uint32_t calls;
	uint32_t good, full, other;
};

static void on_answer(void *ctx, const struct http_answer *answer)
{
	struct asked *a = ctx;
	if (answer->err == OK && answer->body.len == atomic_load(&outside.node_size))
		a->good++;
	else if (answer->err == ERR_FULL)
		a->full++;
	else
		a->other++;
	atomic_fetch_add(&a->calls, 1);
}

static void ask(struct asked *a, uint32_t count)
{
	char url[64];
	(void)snprintf(url, sizeof url, "http://127.0.0.1:%u/", atomic_load(&outside.node_port));
	const struct http_request request = {
		.method = "POST", .url = url, .body = slice_str("{}"), .timeout_ms = WAIT_MS};
	*a = (struct asked){.good = 0};
	for (uint32_t i = 0; i < count; i++)
		CHECK(http_client_send(owner.client, NULL, &request, on_answer, a) == OK);
}

static uint32_t answers_waiting(void)
{
	struct link_stat stat[NET_RINGS_MAX];
	const uint32_t count = net_thread_stat(owner.net, stat);
	for (uint32_t i = 0; i < count; i++)
		if (strcmp(stat[i].name, "node_answers") == 0)
			return stat[i].waiting;
	return 0;
}

/* Answers that nobody takes: as many bytes wait as the two bounds allow, the rest fails and says
 * so; once they are taken there is room again. */
static void test_answers_wait(void)
{
	enum { N = 24, SIZE = 200 << 10 };
	struct asked a;
	atomic_store(&outside.node_size, SIZE);
	atomic_store(&outside.node_fill, 'x');
	ask(&a, N);
	(void)loop_step(owner.loop, 0); /* they leave */
	/* made until 1 MiB was reached, then kept as they came within another; the rest fails */
	enum { MADE = 6, RAW = 5 };
	const uint64_t end = clock_mono_ms() + WAIT_MS;
	while (answers_waiting() < N - RAW)
		CHECK(clock_mono_ms() < end);
	CHECK(atomic_load(&a.calls) == 0);
	step_until(&a.calls, N);
	CHECK(a.other == 0 && a.good == MADE + RAW && a.full == N - a.good);
	ask(&a, 5);
	step_until(&a.calls, 5);
	CHECK(a.good == 5);
}

static void on_rpc(void *ctx, const struct rpc_answer *answer)
{
	struct asked *a = ctx;
	if (answer->err == ERR_FORMAT)
		a->full++;
	else
		a->other++;
	atomic_fetch_add(&a->calls, 1);
}

/* Megabytes of brackets, from every connection at once: refused where they are read, one by one,
 * and the owner's loop turns all the while. */
static void test_brackets(void)
{
	enum { N = 8 };
	struct http_client *client;
	struct upstream *u;
	struct asked a = {.good = 0};
	char url[64];
	(void)snprintf(url, sizeof url, "http://127.0.0.1:%u/", atomic_load(&outside.node_port));
	atomic_store(&outside.node_size, 4u << 20);
	atomic_store(&outside.node_fill, '[');
	CHECK(http_client_create_remote(&client, owner.loop, owner.net) == OK);
	CHECK(upstream_create(&u, client, owner.loop,
		      &(struct upstream_config){.url = url, .timeout_ms = WAIT_MS}) == OK);
	for (uint32_t i = 0; i < N; i++)
		CHECK(upstream_call(u, "ping", json_array(), on_rpc, &a) == OK);
	uint64_t worst_ms = 0;
	const uint64_t end = clock_mono_ms() + WAIT_MS;
	while (atomic_load(&a.calls) < N) {
		const uint64_t before = clock_mono_ms();
		CHECK(before < end);
		(void)loop_step(owner.loop, 1);
		const uint64_t took = clock_mono_ms() - before;
		worst_ms = took > worst_ms ? took : worst_ms;
	}
	CHECK(a.full == N && a.other == 0);
	(void)fprintf(stderr, "brackets: the owner's longest turn %u ms\n", (unsigned)worst_ms);
	upstream_destroy(u);
	http_client_destroy(client);
}

int main(void)
{
	owner_up();
	outside_up();
	test_flood();
	test_stuck();
	test_answers_wait();
	test_brackets();
	outside_down();
	owner_down();
	return 0;
}
