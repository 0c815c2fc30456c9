/* One contract for streams, whichever loop is under them and whichever way bytes move. */
#include "sys/streams.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/sock.h"

#define STEP_MS 2000u
#define CONTENT_SIZE (3u << 20)

static struct loop *loop;
static struct streams *streams;

/* One end that the test watches. */
struct end {
	struct stream stream;
	uint64_t received;
	uint32_t ended, sent, closed, connected;
	enum err ended_with, sent_with, connected_with;
	uint8_t next; /* the byte that should come next */
	bool echo, pause_always, close_at_once;
	uint8_t out[256];
};

static void on_received(void *ctx, struct stream s, struct slice bytes)
{
	struct end *e = ctx;
	CHECK(s.id == e->stream.id && bytes.len > 0 && e->ended == 0 && e->closed == 0);
	for (size_t i = 0; i < bytes.len; i++)
		CHECK(bytes.ptr[i] == e->next++);
	e->received += bytes.len;
	if (e->pause_always)
		stream_pause(streams, s);
	if (e->close_at_once)
		stream_close(streams, s);
	if (e->echo) {
		CHECK(bytes.len <= sizeof e->out);
		memcpy(e->out, bytes.ptr, bytes.len);
		CHECK(stream_send(streams, s, slice_of(e->out, bytes.len)) == OK);
	}
}

static void on_ended(void *ctx, struct stream s, enum err err)
{
	struct end *e = ctx;
	CHECK(s.id == e->stream.id && e->ended == 0 && e->closed == 0);
	e->ended++;
	e->ended_with = err;
}

static void on_sent(void *ctx, struct stream s, enum err err)
{
	struct end *e = ctx;
	CHECK(s.id == e->stream.id && e->closed == 0);
	e->sent++;
	e->sent_with = err;
}

static void on_closed(void *ctx)
{
	struct end *e = ctx;
	CHECK(e->closed == 0);
	e->closed++;
}

static void on_connected(void *ctx, struct stream s, enum err err)
{
	struct end *e = ctx;
	CHECK(s.id == e->stream.id && e->connected == 0 && e->received == 0 && e->closed == 0);
	e->connected++;
	e->connected_with = err;
}

static const struct stream_events events = {
	.received = on_received,
	.ended = on_ended,
	.sent = on_sent,
	.closed = on_closed,
	.connected = on_connected,
};

/* A connected pair: one end is a stream, the other a plain descriptor. */
static int open_pair(struct end *e)
{
	int fd[2];
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) == 0);
	CHECK(stream_open(streams, &e->stream, fd[0], &events, e) == OK);
	return fd[1];
}

#define STEP_UNTIL(condition)                                                                      \
	do {                                                                                       \
		for (int left_ = 200000; !(condition); left_--) {                                  \
			CHECK(left_ > 0);                                                          \
			(void)loop_step(loop, STEP_MS);                                            \
		}                                                                                  \
	} while (0)

static void step_some(void)
{
	for (int i = 0; i < 10; i++)
		(void)loop_step(loop, 1);
}

static void finish(struct end *e, int peer)
{
	stream_close(streams, e->stream);
	STEP_UNTIL(e->closed == 1);
	if (peer >= 0)
		CHECK(close(peer) == 0);
}

/* ---- the contract ---- */

static void test_echo(void)
{
	struct end e = {.echo = true};
	const int peer = open_pair(&e);
	for (uint32_t i = 1; i <= 20; i++) {
		uint8_t byte = (uint8_t)(i - 1), back = 0;
		CHECK(write(peer, &byte, 1) == 1);
		STEP_UNTIL(e.sent == i);
		CHECK(read(peer, &back, 1) == 1 && back == byte && e.sent_with == OK);
	}
	finish(&e, peer);
	CHECK(stream_send(streams, e.stream, slice_of("x", 1)) == ERR_STATE);
	stream_close(streams, e.stream); /* stale */
	stream_pause(streams, e.stream);
}

static void on_question(void *ctx, struct stream s, struct slice bytes)
{
	struct end *e = ctx;
	CHECK(!stream_is_sending(streams, s) && bytes.len == 1);
	e->out[0] = bytes.ptr[0];
	e->received++;
	CHECK(stream_send(streams, s, slice_of(e->out, 1)) == OK && stream_is_sending(streams, s));
}

/* Question and answer, where nobody asks to be told of the sends. */
static void test_untold(void)
{
	static const struct stream_events untold = {
		.received = on_question, .ended = on_ended, .closed = on_closed};
	struct end e = {0};
	int fd[2];
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) == 0);
	CHECK(stream_open(streams, &e.stream, fd[0], &untold, &e) == OK);
	for (uint32_t i = 0; i < 50; i++) {
		uint8_t byte = (uint8_t)i, back = 0;
		CHECK(write(fd[1], &byte, 1) == 1);
		STEP_UNTIL(e.received == i + 1);
		(void)loop_step(loop, 1);
		CHECK(read(fd[1], &back, 1) == 1 && back == byte);
	}
	finish(&e, fd[1]);
}

/* More than the socket holds, to a peer who reads slowly: all of it arrives, once and in order. */
static void test_partial_sends(void)
{
	struct end e = {0};
	const int peer = open_pair(&e);
	uint8_t *content = malloc(CONTENT_SIZE);
	CHECK(content != NULL);
	for (size_t i = 0; i < CONTENT_SIZE; i++)
		content[i] = (uint8_t)(i * 7 + (i >> 12));
	CHECK(stream_send(streams, e.stream, slice_of(content, CONTENT_SIZE)) == OK);
	CHECK(stream_send(streams, e.stream, slice_of("x", 1)) == ERR_FULL);
	size_t at = 0;
	step_some();
	CHECK(e.sent == 0);
	while (at < CONTENT_SIZE) {
		uint8_t chunk[8192];
		const ssize_t n = read(peer, chunk, sizeof chunk);
		if (n > 0) {
			CHECK(memcmp(chunk, content + at, (size_t)n) == 0);
			at += (size_t)n;
		} else {
			CHECK(n < 0 && errno == EAGAIN);
			(void)loop_step(loop, 1);
		}
	}
	STEP_UNTIL(e.sent == 1);
	CHECK(e.sent_with == OK);
	finish(&e, peer);
	free(content);
}

/* The peer ends its stream and still reads; then we end ours. */
static void test_half_close(void)
{
	struct end e = {0};
	const int peer = open_pair(&e);
	char byte;
	CHECK(write(peer, "\0\1\2", 3) == 3 && shutdown(peer, SHUT_WR) == 0);
	STEP_UNTIL(e.ended == 1);
	CHECK(e.received == 3 && e.ended_with == OK);
	CHECK(stream_send(streams, e.stream, slice_of("a", 1)) == OK);
	stream_end(streams, e.stream);
	CHECK(stream_send(streams, e.stream, slice_of("b", 1)) == ERR_STATE);
	STEP_UNTIL(e.sent == 1);
	step_some();
	CHECK(read(peer, &byte, 1) == 1 && byte == 'a' && read(peer, &byte, 1) == 0);
	finish(&e, peer);
}

static void connect_pair(struct end *e, int *peer)
{
	int listener, fd = -1;
	CHECK(sock_listen_tcp(&listener, "127.0.0.1", 0) == OK);
	CHECK(sock_connect_tcp(peer, "127.0.0.1", sock_port(listener)) == OK);
	for (int i = 0; i < 1000 && sock_accept(&fd, listener) == ERR_NOT_FOUND; i++)
		(void)loop_step(loop, 1);
	CHECK(fd >= 0);
	sock_close(listener);
	CHECK(stream_open(streams, &e->stream, fd, &events, e) == OK);
}

static void test_reset(void)
{
	struct end e = {0};
	int peer;
	connect_pair(&e, &peer);
	step_some();
	const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
	CHECK(setsockopt(peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
	CHECK(close(peer) == 0);
	STEP_UNTIL(e.ended == 1);
	CHECK(e.ended_with == ERR_IO);
	CHECK(stream_send(streams, e.stream, slice_of("x", 1)) == OK);
	STEP_UNTIL(e.sent == 1);
	CHECK(e.sent_with == ERR_IO);
	finish(&e, -1);
}

/* While it is paused nothing comes, also not the end; then all of it does, in order. */
static void test_pause(void)
{
	struct end e = {.pause_always = true};
	const int peer = open_pair(&e);
	uint8_t next = 0, chunk[100];
	for (int i = 0; i < 30; i++) {
		for (size_t k = 0; k < sizeof chunk; k++)
			chunk[k] = next++;
		CHECK(write(peer, chunk, sizeof chunk) == sizeof chunk);
		(void)loop_step(loop, 1);
	}
	CHECK(shutdown(peer, SHUT_WR) == 0);
	step_some();
	const uint64_t had = e.received;
	CHECK(had < 3000 && e.ended == 0);
	step_some();
	CHECK(e.received == had && e.ended == 0);
	while (e.ended == 0) {
		const uint64_t before = e.received;
		stream_resume(streams, e.stream);
		STEP_UNTIL(e.received > before || e.ended > 0);
	}
	CHECK(e.received == 3000 && e.ended_with == OK);
	finish(&e, peer);
}

/* Readers that are slow hold every buffer; those who wait for one go on when they come back. */
static void test_buffers_exhausted(void)
{
	enum { N = 40 };
	static struct end e[N];
	int peer[N];
	memset(e, 0, sizeof e);
	for (int i = 0; i < N; i++) {
		e[i].pause_always = i % 2 == 0;
		peer[i] = open_pair(&e[i]);
	}
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < N; i++) {
			const uint8_t byte = (uint8_t)round;
			CHECK(write(peer[i], &byte, 1) == 1);
		}
		(void)loop_step(loop, 1);
	}
	step_some();
	for (int i = 0; i < N; i++)
		e[i].pause_always = false;
	for (int i = 0; i < N; i++)
		stream_resume(streams, e[i].stream);
	for (int i = 0; i < N; i++) {
		STEP_UNTIL(e[i].received == 20);
		finish(&e[i], peer[i]);
	}
}

/* Closed with a send and a receive in flight: `closed` and nothing else. */
static void test_close_in_flight(void)
{
	struct end e = {0};
	int peer = open_pair(&e);
	uint8_t *content = calloc(1, CONTENT_SIZE);
	CHECK(content != NULL);
	CHECK(stream_send(streams, e.stream, slice_of(content, CONTENT_SIZE)) == OK);
	step_some();
	finish(&e, -1);
	CHECK(e.sent == 0 && e.ended == 0);
	memset(content, 1, CONTENT_SIZE);
	free(content);
	CHECK(close(peer) == 0);

	/* in its own callback, with more to come */
	e = (struct end){.close_at_once = true};
	peer = open_pair(&e);
	CHECK(write(peer, "\0", 1) == 1);
	STEP_UNTIL(e.closed == 1);
	CHECK(e.received == 1);
	CHECK(close(peer) == 0);

	/* before it ever was in a step */
	e = (struct end){0};
	peer = open_pair(&e);
	finish(&e, peer);
}

struct accepting {
	int fd[64];
	uint32_t count, full;
};

static void on_accept(void *ctx, enum err err, int fd)
{
	struct accepting *a = ctx;
	if (err != OK) {
		CHECK(err == ERR_FULL && fd < 0);
		a->full++;
		return;
	}
	CHECK(a->count < ARRAY_LEN(a->fd));
	a->fd[a->count++] = fd;
}

static void test_accept(void)
{
	enum { N = 40 };
	struct accepting a = {0};
	struct stream listener;
	int fd, client[N];
	CHECK(sock_listen_tcp(&fd, "127.0.0.1", 0) == OK);
	const uint16_t port = sock_port(fd);
	CHECK(stream_listen(streams, &listener, fd, on_accept, &a) == OK);
	for (int i = 0; i < N; i++)
		CHECK(sock_connect_tcp(&client[i], "127.0.0.1", port) == OK);
	STEP_UNTIL(a.count == N);
	for (int i = 0; i < N; i++) {
		sock_close(a.fd[i]);
		sock_close(client[i]);
	}
	stream_close(streams, listener);
	step_some();
	CHECK(sock_connect_tcp(&fd, "127.0.0.1", port) == OK);
	step_some();
	CHECK(sock_error(fd) == ERR_UNAVAILABLE);
	sock_close(fd);
}

static void test_connect(void)
{
	struct accepting a = {0};
	struct stream listener;
	struct end e = {0};
	int fd;
	CHECK(sock_listen_tcp(&fd, "127.0.0.1", 0) == OK);
	const uint16_t port = sock_port(fd);
	CHECK(stream_connect(streams, &e.stream, "localhost", port, &events, &e) == ERR_FORMAT);
	CHECK(stream_listen(streams, &listener, fd, on_accept, &a) == OK);
	CHECK(stream_connect(streams, &e.stream, "127.0.0.1", port, &events, &e) == OK);
	CHECK(stream_send(streams, e.stream, slice_of("x", 1)) == ERR_STATE && e.connected == 0);
	STEP_UNTIL(a.count == 1 && e.connected == 1);
	CHECK(e.connected_with == OK);
	CHECK(stream_send(streams, e.stream, slice_of("x", 1)) == OK);
	CHECK(write(a.fd[0], "\0\1", 2) == 2 && shutdown(a.fd[0], SHUT_WR) == 0);
	STEP_UNTIL(e.sent == 1 && e.received == 2 && e.ended == 1);
	CHECK(e.ended_with == OK);
	char byte = 0;
	CHECK(read(a.fd[0], &byte, 1) == 1 && byte == 'x');
	finish(&e, a.fd[0]);
	stream_close(streams, listener);
	step_some();

	/* nobody there any more: only that is told */
	e = (struct end){0};
	CHECK(stream_connect(streams, &e.stream, "127.0.0.1", port, &events, &e) == OK);
	STEP_UNTIL(e.connected == 1);
	CHECK(e.connected_with == ERR_UNAVAILABLE);
	step_some();
	CHECK(e.ended == 0 && e.sent == 0);
	finish(&e, -1);
}

/* A listener who does not answer: its queue is full. */
static void test_connect_late(void)
{
	enum { N = 8 };
	struct end e[N] = {0};
	int fd, late = -1;
	CHECK(sock_listen_tcp(&fd, "127.0.0.1", 0) == OK && listen(fd, 0) == 0);
	const uint16_t port = sock_port(fd);
	for (int i = 0; i < N; i++)
		CHECK(stream_connect(streams, &e[i].stream, "127.0.0.1", port, &events, &e[i]) ==
			OK);
	step_some();
	for (int i = 0; i < N; i++)
		if (e[i].connected == 0)
			late = i;
	CHECK(late > 0);
	CHECK(stream_deadline(streams, e[late].stream, 60000) == OK);
	CHECK(stream_deadline(streams, e[late].stream, 20) == OK); /* instead */
	STEP_UNTIL(e[late].connected == 1);
	CHECK(e[late].connected_with == ERR_TIMEOUT && e[late].ended == 0);
	for (int i = 0; i < N; i++)
		finish(&e[i], -1); /* those that are under way, too */
	sock_close(fd);
}

static void test_deadline(void)
{
	struct end e = {0};
	const int peer = open_pair(&e);
	CHECK(stream_deadline(streams, e.stream, 10) == OK);
	CHECK(stream_deadline(streams, e.stream, 0) == OK); /* withdrawn */
	for (const uint64_t until = loop_now_ms(loop) + 30; loop_now_ms(loop) < until;)
		(void)loop_step(loop, 5);
	CHECK(e.ended == 0);
	CHECK(stream_deadline(streams, e.stream, 10) == OK);
	stream_pause(streams, e.stream); /* it comes to a paused reader, too */
	STEP_UNTIL(e.ended == 1);
	CHECK(e.ended_with == ERR_TIMEOUT);
	stream_resume(streams, e.stream);
	CHECK(write(peer, "\0", 1) == 1);
	step_some();
	CHECK(e.received == 0); /* nothing comes after the end */
	CHECK(stream_deadline(streams, e.stream, 1) == OK);
	finish(&e, peer);
	CHECK(stream_deadline(streams, e.stream, 1) == OK); /* stale */
}

/* Out of descriptors: it says so, does not spin, and goes on when there are some. */
static void test_accept_full(void)
{
	struct accepting a = {0};
	struct stream listener;
	struct rlimit limit, low;
	int fd, client, last = -1;
	CHECK(sock_listen_tcp(&fd, "127.0.0.1", 0) == OK);
	CHECK(sock_connect_tcp(&client, "127.0.0.1", sock_port(fd)) == OK);
	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	last = dup(client);
	low = limit;
	low.rlim_cur = (rlim_t)last; /* not one more below it */
	CHECK(close(last) == 0 && setrlimit(RLIMIT_NOFILE, &low) == 0);
	CHECK(stream_listen(streams, &listener, fd, on_accept, &a) == OK);
	STEP_UNTIL(a.full > 0);
	uint32_t steps = 0;
	for (const uint64_t end = loop_now_ms(loop) + 50; loop_now_ms(loop) < end; steps++)
		(void)loop_step(loop, 50);
	CHECK(steps < 10 && a.count == 0);
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	STEP_UNTIL(a.count == 1);
	sock_close(a.fd[0]);
	sock_close(client);
	stream_close(streams, listener);
	step_some();
}

/* As many as this process may have, 10,000 at most: each echoes once. */
static void test_many(void)
{
	struct rlimit limit;
	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	const uint32_t allowed = limit.rlim_cur > 20100 ? 10000 : (uint32_t)limit.rlim_cur / 2 - 50;
	const uint32_t n = allowed > 10000 ? 10000 : allowed;
	struct end *e = calloc(n, sizeof *e);
	int *peer = calloc(n, sizeof *peer);
	uint8_t byte = 0;
	CHECK(e != NULL && peer != NULL);
	for (uint32_t i = 0; i < n; i++) {
		e[i].echo = true;
		peer[i] = open_pair(&e[i]);
		CHECK(write(peer[i], &byte, 1) == 1);
	}
	for (uint32_t i = 0; i < n; i++)
		STEP_UNTIL(e[i].sent == 1);
	for (uint32_t i = 0; i < n; i++) {
		byte = 9;
		CHECK(read(peer[i], &byte, 1) == 1 && byte == 0);
		stream_close(streams, e[i].stream);
	}
	for (uint32_t i = 0; i < n; i++) {
		STEP_UNTIL(e[i].closed == 1);
		CHECK(close(peer[i]) == 0);
	}
	free(e);
	free(peer);
}

/* Everything in flight when it is destroyed: no callback comes, no memory stays in use. */
static void test_destroy(void)
{
	static struct end e[10];
	struct accepting a = {0};
	struct stream listener;
	int peer[10], fd;
	memset(e, 0, sizeof e);
	uint8_t *content = calloc(1, CONTENT_SIZE);
	CHECK(content != NULL);
	CHECK(sock_listen_tcp(&fd, "127.0.0.1", 0) == OK);
	CHECK(stream_listen(streams, &listener, fd, on_accept, &a) == OK);
	for (int i = 0; i < 10; i++) {
		peer[i] = open_pair(&e[i]);
		CHECK(stream_send(streams, e[i].stream, slice_of(content, CONTENT_SIZE)) == OK);
	}
	step_some();
	streams_destroy(streams);
	streams = NULL;
	memset(content, 1, CONTENT_SIZE);
	free(content);
	step_some();
	for (int i = 0; i < 10; i++) {
		CHECK(e[i].sent == 0 && e[i].ended == 0 && e[i].closed == 0);
		CHECK(close(peer[i]) == 0);
	}
}

static void run_all(enum loop_backend_kind backend, bool readiness)
{
	const struct loop_config config = {.backend = backend, .fd_max = 1u << 16};
	const struct streams_config few = {
		.stream_max = 128, .buffer_count = 8, .by_readiness = readiness};
	const struct streams_config many = {.stream_max = 10000, .by_readiness = readiness};
	CHECK(loop_create(&loop, &config) == OK);
	CHECK(streams_create(&streams, loop, &few) == OK);
	(void)fprintf(stderr, "%s, %s\n", loop_backend_name(loop),
		streams_are_native(streams) ? "native" : "by readiness");
	test_echo();
	test_untold();
	test_partial_sends();
	test_half_close();
	test_reset();
	test_pause();
	test_buffers_exhausted();
	test_close_in_flight();
	test_accept();
	test_accept_full();
	test_connect();
	test_connect_late();
	test_deadline();
	test_destroy();
	CHECK(streams_create(&streams, loop, &many) == OK);
	test_many();
	streams_destroy(streams);
	loop_destroy(loop);
}

static void test_virtual(void)
{
	const struct loop_config config = {.virtual_time = true};
	const struct streams_config defaults = {0};
	CHECK(loop_create(&loop, &config) == OK);
	CHECK(streams_create(&streams, loop, &defaults) == ERR_STATE);
	streams_destroy(NULL);
	loop_destroy(loop);
}

int main(void)
{
	char reason[LOOP_REASON_SIZE];
	test_virtual();
	run_all(LOOP_EPOLL, false);
	if (loop_uring_probe(reason) != OK) {
		(void)fprintf(stderr, "left out: %s\n", reason);
		return 0;
	}
	run_all(LOOP_URING, true);
	run_all(LOOP_URING, false);
	return 0;
}
