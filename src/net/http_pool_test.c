/* The client's connections: which address, which connection, how many, and what becomes of a
 * request when one of them is no good. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/http_pool.h"
#include "net/peer_test.h"
#include "net/result_test.h"
#include "sys/clock.h"
#include "sys/resolve.h"
#include "sys/sock.h"

#define MANY 64u

/* ---- a node by script ---- */

enum mode {
	ANSWER,
	HOLD,          /* no answer until answer_held */
	HANG_UP_ONCE,  /* the first request finds the connection ended; then ANSWER */
	HANG_UP,       /* every one does */
	SPEAK_UNASKED, /* after an answer something more */
	REFUSE_EARLY,  /* 503 and the end, whatever of the body is still to come */
	CLOSE_SAID,    /* "Connection: close", and the end */
	HALF,          /* a large answer, all but its last byte; the rest comes with answer_held */
};

static struct rig {
	struct loop *loop;
	struct http_client *client;
	struct peer *peer;
	enum mode mode;
	struct peer_conn *held[MANY];
	uint32_t held_count;
	char url[64];
} rig;

#define HALF_SIZE (8u << 20)

static void send_half(struct peer_conn *conn)
{
	static char text[HALF_SIZE];
	char head[64];
	memset(text, 'h', sizeof text);
	(void)snprintf(
		head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %u\r\n\r\n", HALF_SIZE + 1);
	peer_send(conn, slice_str(head));
	peer_send(conn, slice_of(text, sizeof text));
}

static void on_request(void *ctx, struct peer_conn *conn, const char *request, struct slice body)
{
	(void)ctx, (void)request, (void)body;
	const enum mode mode = rig.mode;
	switch (mode) {
	case ANSWER: peer_answer(conn, 200, "yes"); break;
	case HALF:
	case HOLD:
		if (mode == HALF)
			send_half(conn);
		CHECK(rig.held_count < MANY);
		rig.held[rig.held_count++] = conn;
		break;
	case HANG_UP:
	case HANG_UP_ONCE:
		rig.mode = mode == HANG_UP ? HANG_UP : ANSWER;
		peer_close(conn);
		break;
	case SPEAK_UNASKED:
		peer_answer(conn, 200, "yes");
		peer_answer(conn, 200, "and no");
		break;
	case REFUSE_EARLY:
		peer_answer(conn, 503, "no");
		peer_close(conn);
		break;
	case CLOSE_SAID:
		peer_send(conn,
			slice_str(
				"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\n"
				"yes"));
		peer_close(conn);
		break;
	}
}

static void answer_held(void)
{
	for (uint32_t i = 0; i < rig.held_count; i++) {
		if (rig.mode == HALF)
			peer_send(rig.held[i], slice_str("h"));
		else
			peer_answer(rig.held[i], 200, "yes");
	}
	rig.held_count = 0;
}

static void wait_for(const uint32_t *count, uint32_t target)
{
	http_result_wait(rig.loop, count, target);
}

static void step_for(uint64_t ms)
{
	for (const uint64_t end = clock_mono_ms() + ms; clock_mono_ms() < end;)
		(void)loop_step(rig.loop, 1);
}

static void send_to(struct http_result *r, const char *url, uint64_t timeout_ms)
{
	*r = (struct http_result){0};
	const struct http_request request = {
		.method = "POST", .url = url, .body = slice_str("{}"), .timeout_ms = timeout_ms};
	CHECK(http_client_send(rig.client, NULL, &request, http_result_take, r) == OK);
}

static struct http_result ask(const char *url)
{
	struct http_result r;
	send_to(&r, url, 20000);
	wait_for(&r.calls, 1);
	CHECK(r.calls == 1);
	return r;
}

static enum loop_backend_kind backend;

static void rig_up(struct http_client_config config)
{
	rig = (struct rig){0};
	CHECK(loop_create(&rig.loop, &(struct loop_config){.backend = backend}) == OK);
	CHECK(http_client_create_with(&rig.client, rig.loop, &config) == OK);
	rig.peer = peer_create(rig.loop, 0, on_request, NULL);
	(void)snprintf(rig.url, sizeof rig.url, "http://127.0.0.1:%u/", peer_port(rig.peer));
}

static void rig_down(void)
{
	http_client_destroy(rig.client);
	peer_destroy(rig.peer);
	loop_destroy(rig.loop);
}

/* ---- connections that are no good ---- */

/* A kept connection turns out to be dead: once more, on a new one; not twice; and never where the
 * first was new. */
static void test_again(void)
{
	rig_up((struct http_client_config){0});
	CHECK(ask(rig.url).err == OK && peer_accepted(rig.peer) == 1);
	rig.mode = HANG_UP_ONCE;
	CHECK(ask(rig.url).err == OK);
	CHECK(peer_accepted(rig.peer) == 2 && peer_requests(rig.peer) == 3);
	rig.mode = HANG_UP;
	struct http_result r = ask(rig.url);
	CHECK(r.err == ERR_IO && peer_accepted(rig.peer) == 3 && peer_requests(rig.peer) == 5);
	r = ask(rig.url);
	CHECK(r.err == ERR_IO && peer_accepted(rig.peer) == 4 && peer_requests(rig.peer) == 6);
	rig_down();
}

/* Bytes that nobody asked for are no answer to the next request. */
static void test_unasked(void)
{
	rig_up((struct http_client_config){0});
	rig.mode = SPEAK_UNASKED;
	CHECK(strcmp(ask(rig.url).body, "yes") == 0);
	CHECK(strcmp(ask(rig.url).body, "yes") == 0 && peer_accepted(rig.peer) == 2);

	/* also where they come between the answer and the next request */
	rig.mode = HOLD;
	struct http_result r, next;
	send_to(&r, rig.url, 20000);
	wait_for(&rig.held_count, 1);
	struct peer_conn *conn = rig.held[0];
	answer_held();
	wait_for(&r.calls, 1);
	peer_answer(conn, 200, "and no");
	rig.mode = ANSWER;
	send_to(&next, rig.url, 20000); /* before the loop sees them */
	wait_for(&next.calls, 1);
	CHECK(next.err == OK && strcmp(next.body, "yes") == 0);
	rig_down();
}

static void test_not_kept(void)
{
	rig_up((struct http_client_config){0});
	static uint8_t big[4u << 20];
	struct http_result r = {0};
	rig.mode = CLOSE_SAID;
	CHECK(ask(rig.url).err == OK && ask(rig.url).err == OK && peer_accepted(rig.peer) == 2);
	/* a work queue that is full, as Bitcoin Core says it */
	rig.mode = REFUSE_EARLY;
	r = ask(rig.url);
	CHECK(r.err == OK && r.status == 503);
	/* an answer to a HEAD has a length and no body */
	rig.mode = ANSWER;
	const struct http_request head = {.method = "HEAD", .url = rig.url};
	r.calls = 0;
	CHECK(http_client_send(rig.client, NULL, &head, http_result_take, &r) == OK);
	wait_for(&r.calls, 1);
	CHECK(r.err == OK && r.status == 200 && r.len == 0);
	/* more than any socket holds goes out whole */
	const struct http_request large = {
		.method = "POST", .url = rig.url, .body = slice_of(big, sizeof big / 8)};
	r.calls = 0;
	CHECK(http_client_send(rig.client, NULL, &large, http_result_take, &r) == OK);
	wait_for(&r.calls, 1);
	CHECK(r.err == OK && strcmp(r.body, "yes") == 0);
	rig_down();
}

/* ---- how many ---- */

/* No more connections than allowed; who waits is served by the next that is free, in order; the
 * deadline counts while it waits, and then nothing was sent. */
static void test_bounds(void)
{
	static struct http_result r[MANY];
	struct http_result late;
	rig_up((struct http_client_config){.connection_max = 8, .connection_host_max = 4});
	rig.mode = HOLD;
	for (uint32_t i = 0; i < 20; i++)
		send_to(&r[i], rig.url, 20000);
	send_to(&late, rig.url, 50);
	wait_for(&rig.held_count, 4);
	wait_for(&late.calls, 1);
	CHECK(late.err == ERR_UNAVAILABLE && rig.held_count == 4 && peer_requests(rig.peer) == 4);
	for (uint32_t served = 4; served <= 20; served += 4) {
		answer_held();
		wait_for(&r[served - 1].calls, 1);
		CHECK(served == 20 || r[served].calls == 0);
		if (served < 20)
			wait_for(&rig.held_count, 4);
	}
	CHECK(peer_accepted(rig.peer) == 4);
	rig_down();
}

/* A host waits for room that idle connections to another have: they go. */
static void test_room_between_hosts(void)
{
	static struct http_result r[4];
	char other_url[64];
	rig_up((struct http_client_config){.connection_max = 2});
	struct peer *other = peer_create(rig.loop, 0, on_request, NULL);
	(void)snprintf(other_url, sizeof other_url, "http://127.0.0.1:%u/", peer_port(other));
	rig.mode = HOLD;
	for (uint32_t i = 0; i < 2; i++)
		send_to(&r[i], rig.url, 20000);
	wait_for(&rig.held_count, 2);
	for (uint32_t i = 2; i < 4; i++)
		send_to(&r[i], other_url, 20000);
	step_for(20);
	CHECK(peer_accepted(other) == 0);
	answer_held();
	wait_for(&rig.held_count, 2);
	CHECK(r[0].calls == 1 && r[1].calls == 1 && peer_accepted(other) == 2);
	answer_held();
	wait_for(&r[2].calls, 1);
	wait_for(&r[3].calls, 1);
	peer_destroy(other);
	rig_down();
}

/* Out of descriptors while others are open: it waits for one of them, and is sent. */
static void test_descriptors(void)
{
	struct rlimit limit, low;
	struct http_result r, next;
	rig_up((struct http_client_config){0});
	rig.mode = HOLD;
	send_to(&r, rig.url, 20000);
	wait_for(&rig.held_count, 1);
	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	const int free_fd = dup(STDIN_FILENO);
	CHECK(free_fd >= 0 && close(free_fd) == 0);
	low = limit;
	low.rlim_cur = (rlim_t)free_fd;
	CHECK(setrlimit(RLIMIT_NOFILE, &low) == 0);
	send_to(&next, rig.url, 20000);
	step_for(20);
	CHECK(next.calls == 0);
	answer_held();
	wait_for(&rig.held_count, 1); /* on the connection that came free */
	answer_held();
	wait_for(&next.calls, 1);
	CHECK(next.err == OK && r.err == OK);
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	rig_down();
}

static size_t unsent_by_all(void)
{
	size_t unsent = 0;
	for (uint32_t i = 0; i < rig.held_count; i++)
		unsent += peer_unsent(rig.held[i]);
	return unsent;
}

/* Many large answers at once, of which none is whole: what is kept of them stays in its bound, all
 * but one are held up, and each comes in the end. */
static void test_partial(void)
{
	enum { N = 8 };
	static struct http_result r[N];
	rig_up((struct http_client_config){.partial_max = 1u << 20});
	rig.mode = HALF;
	for (uint32_t i = 0; i < N; i++)
		send_to(&r[i], rig.url, 20000);
	wait_for(&rig.held_count, N);
	size_t unsent = unsent_by_all(), before;
	do {
		before = unsent;
		step_for(100);
		unsent = unsent_by_all();
	} while (unsent < before);
	/* sockets hold some of it by themselves, the client one answer and little more */
	CHECK(unsent > (size_t)(N - 1) * HALF_SIZE / 4);
	answer_held();
	for (uint32_t i = 0; i < N; i++) {
		wait_for(&r[i].calls, 1);
		CHECK(r[i].err == OK && r[i].len == HALF_SIZE + 1);
	}
	rig_down();
}

/* ---- names ---- */

static _Atomic bool gate; /* slow names wait until it is open */
static _Atomic uint32_t lookups;

static void look_up(const char *name, struct resolve_answer *answer)
{
	static const struct {
		const char *name, *address[2];
	} known[] = {
		{"node", {"127.0.0.1", NULL}},
		{"slow", {"127.0.0.1", NULL}},
		/* nobody listens there, and then there is one */
		{"two", {"127.0.0.77", "127.0.0.1"}},
		{"away", {"127.0.0.77", "127.0.0.78"}},
	};
	atomic_fetch_add(&lookups, 1);
	while (strcmp(name, "slow") == 0 && !atomic_load(&gate))
		(void)usleep(1000);
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (strcmp(known[i].name, name) != 0)
			continue;
		for (; answer->count < 2 && known[i].address[answer->count] != NULL;
			answer->count++)
			(void)snprintf(answer->address[answer->count], SOCK_ADDRESS_SIZE, "%s",
				known[i].address[answer->count]);
		return;
	}
	answer->err = ERR_NOT_FOUND;
	answer->detail = "no such name";
}

static struct http_result ask_host(const char *host)
{
	char url[96];
	(void)snprintf(url, sizeof url, "http://%s:%u/", host, peer_port(rig.peer));
	return ask(url);
}

static void test_names(void)
{
	char slow[96];
	struct http_result r, waiting;
	atomic_store(&gate, false);
	atomic_store(&lookups, 0);
	rig_up((struct http_client_config){.lookup = look_up});
	CHECK(ask_host("127.0.0.1").err == OK && ask_host("localhost").err == OK);
	CHECK(atomic_load(&lookups) == 0);
	CHECK(ask_host("node").err == OK && ask_host("node").err == OK &&
		atomic_load(&lookups) == 1);
	r = ask_host("nowhere");
	CHECK(r.err == ERR_UNAVAILABLE && strstr(r.detail, "no host") != NULL);
	CHECK(ask_host("two").err == OK && ask_host("two").err == OK);
	r = ask_host("away");
	CHECK(r.err == ERR_UNAVAILABLE && strstr(r.detail, "nobody listens") != NULL);
	/* one that takes its time holds up nobody else, and its request ends by its deadline */
	(void)snprintf(slow, sizeof slow, "http://slow:%u/", peer_port(rig.peer));
	send_to(&waiting, slow, 60);
	CHECK(ask_host("node").err == OK && waiting.calls == 0);
	wait_for(&waiting.calls, 1);
	CHECK(waiting.err == ERR_UNAVAILABLE);
	send_to(&waiting, slow, 20000);
	atomic_store(&gate, true);
	wait_for(&waiting.calls, 1);
	CHECK(waiting.err == OK);
	rig_down();
}

/* The first address does not answer at all: the second is tried beside it, soon. */
static void silent_first(const char *name, struct resolve_answer *answer)
{
	(void)name;
	(void)snprintf(answer->address[0], SOCK_ADDRESS_SIZE, "127.0.0.2");
	(void)snprintf(answer->address[1], SOCK_ADDRESS_SIZE, "127.0.0.1");
	answer->count = 2;
}

static void test_silent_address(void)
{
	enum { FILL = 8 };
	int silent, fill[FILL];
	rig_up((struct http_client_config){.lookup = silent_first});
	/* a listener of the same port whose queue is full: the system drops what comes */
	CHECK(sock_listen_tcp(&silent, "127.0.0.2", peer_port(rig.peer)) == OK);
	CHECK(listen(silent, 0) == 0);
	for (uint32_t i = 0; i < FILL; i++)
		CHECK(sock_connect_tcp(&fill[i], "127.0.0.2", peer_port(rig.peer)) == OK);
	const uint64_t began = clock_mono_ms();
	CHECK(ask_host("node").err == OK);
	const uint64_t took = clock_mono_ms() - began;
	CHECK(took >= HTTP_ATTEMPT_MS - 1 && took < 10000);
	/* and is the first one next time */
	CHECK(ask_host("node").err == OK);
	for (uint32_t i = 0; i < FILL; i++)
		sock_close(fill[i]);
	sock_close(silent);
	rig_down();
}

/* Destroyed with everything under way: a name, a connection, an answer; each call ends once. */
static void test_destroy(void)
{
	static struct http_result r[3];
	char slow[96];
	atomic_store(&gate, false);
	rig_up((struct http_client_config){.lookup = look_up});
	rig.mode = HOLD;
	(void)snprintf(slow, sizeof slow, "http://slow:%u/", peer_port(rig.peer));
	send_to(&r[0], slow, 20000);
	send_to(&r[1], rig.url, 20000);
	wait_for(&rig.held_count, 1);
	send_to(&r[2], rig.url, 20000); /* not connected yet */
	http_client_destroy(rig.client);
	rig.client = NULL;
	for (uint32_t i = 0; i < 3; i++)
		CHECK(r[i].calls == 1 && r[i].err == ERR_CANCELLED);
	atomic_store(&gate, true);
	rig_down();
}

int main(void)
{
	static const enum loop_backend_kind backends[] = {LOOP_AUTO, LOOP_EPOLL};
	for (size_t i = 0; i < ARRAY_LEN(backends); i++) {
		backend = backends[i];
		test_again();
		test_unasked();
		test_not_kept();
		test_bounds();
		test_room_between_hosts();
		test_descriptors();
		test_partial();
		test_names();
		test_silent_address();
		test_destroy();
	}
	return 0;
}
