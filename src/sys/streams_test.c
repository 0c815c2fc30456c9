/* One contract for streams, whichever loop is under them and whichever way bytes move. */
#include "sys/streams.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/sock.h"
#include "sys/streams_virtual.h"

#define STEP_MS 2000u
#define CONTENT_SIZE (3u << 20)
#define FAR_SIZE 8192u
#define BUFFER_SIZE 4096u
#define VIRTUAL_MANY 2000u

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

/* ---- the other end: a plain descriptor; where there are none, a stream ---- */

struct far {
	int fd;
	struct stream stream;
	uint8_t *in; /* owned; received and not read */
	size_t in_len;
	uint8_t out[256];
	bool ended;
};

static void on_far_received(void *ctx, struct stream s, struct slice bytes)
{
	struct far *f = ctx;
	if (f->in == NULL)
		f->in = malloc(FAR_SIZE);
	CHECK(f->in != NULL && bytes.len <= FAR_SIZE - f->in_len);
	memcpy(f->in + f->in_len, bytes.ptr, bytes.len);
	f->in_len += bytes.len;
	if (FAR_SIZE - f->in_len < BUFFER_SIZE)
		stream_pause(streams, s);
}

static void on_far_ended(void *ctx, struct stream s, enum err err)
{
	struct far *f = ctx;
	(void)s;
	f->ended = true;
	CHECK(err == OK || err == ERR_IO);
}

static const struct stream_events far_events = {.received = on_far_received, .ended = on_far_ended};

static void far_adopt(struct far *f, int fd)
{
	*f = (struct far){.fd = fd};
	if (!loop_is_virtual(loop))
		return;
	f->fd = -1;
	CHECK(stream_open(streams, &f->stream, fd, &far_events, f) == OK);
}

static void open_pair_with(struct end *e, struct far *f, const struct stream_events *near_events)
{
	*f = (struct far){.fd = -1};
	if (loop_is_virtual(loop)) {
		struct stream pair[2];
		CHECK(stream_pair(streams, pair,
			      (const struct stream_events *[]){near_events, &far_events},
			      (void *[]){e, f}) == OK);
		e->stream = pair[0];
		f->stream = pair[1];
		return;
	}
	int fd[2];
	CHECK(sock_pair(fd) == OK);
	CHECK(stream_open(streams, &e->stream, fd[0], near_events, e) == OK);
	f->fd = fd[1];
}

static void open_pair(struct end *e, struct far *f)
{
	open_pair_with(e, f, &events);
}

static void far_write(struct far *f, const void *bytes, size_t len)
{
	if (f->fd >= 0) {
		CHECK(write(f->fd, bytes, len) == (ssize_t)len);
		return;
	}
	STEP_UNTIL(!stream_is_sending(streams, f->stream));
	memcpy(f->out, bytes, len);
	CHECK(stream_send(streams, f->stream, slice_of(f->out, len)) == OK);
}

/* As read(2). */
static ssize_t far_read(struct far *f, void *bytes, size_t max)
{
	if (f->fd >= 0)
		return read(f->fd, bytes, max);
	if (f->in_len == 0) {
		errno = EAGAIN;
		return f->ended ? 0 : -1;
	}
	const size_t n = f->in_len < max ? f->in_len : max;
	memcpy(bytes, f->in, n);
	memmove(f->in, f->in + n, f->in_len - n);
	f->in_len -= n;
	stream_resume(streams, f->stream);
	return (ssize_t)n;
}

/* The next byte is this one. */
static void far_expect(struct far *f, uint8_t want)
{
	uint8_t byte = 0;
	ssize_t n = 0;
	for (int left = 30000; (n = far_read(f, &byte, 1)) < 0; left--) {
		CHECK(left > 0 && errno == EAGAIN);
		(void)loop_step(loop, 1); /* nothing may be left for it to wait for */
	}
	CHECK(n == 1 && byte == want);
}

static void far_end(struct far *f)
{
	if (f->fd >= 0)
		CHECK(shutdown(f->fd, SHUT_WR) == 0);
	else
		stream_end(streams, f->stream);
}

static void far_close(struct far *f)
{
	if (f->fd >= 0)
		CHECK(close(f->fd) == 0);
	else
		stream_close(streams, f->stream);
	free(f->in);
	f->in = NULL;
}

static void finish(struct end *e, struct far *f)
{
	stream_close(streams, e->stream);
	STEP_UNTIL(e->closed == 1);
	if (f != NULL)
		far_close(f);
}

/* ---- the contract ---- */

static void test_echo(void)
{
	struct end e = {.echo = true};
	struct far far;
	open_pair(&e, &far);
	for (uint32_t i = 1; i <= 20; i++) {
		const uint8_t byte = (uint8_t)(i - 1);
		far_write(&far, &byte, 1);
		STEP_UNTIL(e.sent == i);
		CHECK(e.sent_with == OK);
		far_expect(&far, byte);
	}
	finish(&e, &far);
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
	struct far far;
	open_pair_with(&e, &far, &untold);
	for (uint32_t i = 0; i < 50; i++) {
		const uint8_t byte = (uint8_t)i;
		far_write(&far, &byte, 1);
		STEP_UNTIL(e.received == i + 1);
		far_expect(&far, byte);
	}
	finish(&e, &far);
}

/* More than the socket holds, to a peer who reads slowly: all of it arrives, once and in order. */
static void test_partial_sends(void)
{
	struct end e = {0};
	struct far far;
	open_pair(&e, &far);
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
		const ssize_t n = far_read(&far, chunk, sizeof chunk);
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
	finish(&e, &far);
	free(content);
}

/* The peer ends its stream and still reads; then we end ours. */
static void test_half_close(void)
{
	struct end e = {0};
	struct far far;
	open_pair(&e, &far);
	far_write(&far, "\0\1\2", 3);
	far_end(&far);
	STEP_UNTIL(e.ended == 1);
	CHECK(e.received == 3 && e.ended_with == OK);
	CHECK(stream_send(streams, e.stream, slice_of("a", 1)) == OK);
	stream_end(streams, e.stream);
	CHECK(stream_send(streams, e.stream, slice_of("b", 1)) == ERR_STATE);
	STEP_UNTIL(e.sent == 1);
	far_expect(&far, 'a');
	uint8_t byte;
	step_some();
	CHECK(far_read(&far, &byte, 1) == 0);
	finish(&e, &far);
}

static void open_over_tcp(struct end *e, struct far *f)
{
	int listener, peer, fd = -1;
	CHECK(sock_listen_tcp(&listener, "127.0.0.1", 0) == OK);
	CHECK(sock_connect_tcp(&peer, "127.0.0.1", sock_port(listener)) == OK);
	for (int i = 0; i < 1000 && sock_accept(&fd, listener) == ERR_NOT_FOUND; i++)
		(void)loop_step(loop, 1);
	CHECK(fd >= 0);
	sock_close(listener);
	CHECK(stream_open(streams, &e->stream, fd, &events, e) == OK);
	*f = (struct far){.fd = peer};
}

/* The connection is lost. */
static void far_lose(struct far *f)
{
	const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
	if (f->fd >= 0)
		CHECK(setsockopt(f->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
	else
		stream_virtual_lose(streams, f->stream);
	far_close(f);
}

static void test_reset(void)
{
	struct end e = {0};
	struct far far;
	if (loop_is_virtual(loop))
		open_pair(&e, &far);
	else
		open_over_tcp(&e, &far);
	step_some();
	far_lose(&far);
	STEP_UNTIL(e.ended == 1);
	CHECK(e.ended_with == ERR_IO);
	CHECK(stream_send(streams, e.stream, slice_of("x", 1)) == OK);
	STEP_UNTIL(e.sent == 1);
	CHECK(e.sent_with == ERR_IO);
	finish(&e, NULL);
}

/* While it is paused nothing comes, also not the end; then all of it does, in order. */
static void test_pause(void)
{
	struct end e = {.pause_always = true};
	struct far far;
	open_pair(&e, &far);
	uint8_t next = 0, chunk[100];
	for (int i = 0; i < 30; i++) {
		for (size_t k = 0; k < sizeof chunk; k++)
			chunk[k] = next++;
		far_write(&far, chunk, sizeof chunk);
		(void)loop_step(loop, 1);
	}
	far_end(&far);
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
	finish(&e, &far);
}

/* Readers that are slow hold every buffer; those who wait for one go on when they come back. */
static void test_buffers_exhausted(void)
{
	enum { N = 40 };
	static struct end e[N];
	static struct far far[N];
	memset(e, 0, sizeof e);
	for (int i = 0; i < N; i++) {
		e[i].pause_always = i % 2 == 0;
		open_pair(&e[i], &far[i]);
	}
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < N; i++) {
			const uint8_t byte = (uint8_t)round;
			far_write(&far[i], &byte, 1);
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
		finish(&e[i], &far[i]);
	}
}

/* Closed with a send and a receive in flight: `closed` and nothing else. */
static void test_close_in_flight(void)
{
	struct end e = {0};
	struct far far;
	open_pair(&e, &far);
	uint8_t *content = calloc(1, CONTENT_SIZE);
	CHECK(content != NULL);
	CHECK(stream_send(streams, e.stream, slice_of(content, CONTENT_SIZE)) == OK);
	step_some();
	finish(&e, NULL);
	CHECK(e.sent == 0 && e.ended == 0);
	memset(content, 1, CONTENT_SIZE);
	free(content);
	far_close(&far);

	/* in its own callback, with more to come */
	e = (struct end){.close_at_once = true};
	open_pair(&e, &far);
	far_write(&far, "\0", 1);
	STEP_UNTIL(e.closed == 1);
	CHECK(e.received == 1);
	far_close(&far);

	/* before it ever was in a step */
	e = (struct end){0};
	open_pair(&e, &far);
	finish(&e, &far);
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
	static struct end client[N];
	struct accepting a = {0};
	struct stream listener;
	memset(client, 0, sizeof client);
	CHECK(stream_listen_tcp(streams, &listener, "127.0.0.1", 0, on_accept, &a) == OK);
	const uint16_t port = stream_port(streams, listener);
	CHECK(port > 0);
	for (int i = 0; i < N; i++)
		CHECK(stream_connect(streams, &client[i].stream, "127.0.0.1", port, &events,
			      &client[i]) == OK);
	STEP_UNTIL(a.count == N);
	for (int i = 0; i < N; i++)
		stream_discard(streams, a.fd[i]);
	for (int i = 0; i < N; i++) {
		STEP_UNTIL(client[i].ended == 1);
		CHECK(client[i].connected_with == OK && client[i].ended_with == OK);
		finish(&client[i], NULL);
	}
	stream_close(streams, listener);
	step_some();
	struct end late = {0};
	CHECK(stream_connect(streams, &late.stream, "127.0.0.1", port, &events, &late) == OK);
	STEP_UNTIL(late.connected == 1);
	CHECK(late.connected_with == ERR_UNAVAILABLE);
	step_some();
	CHECK(late.ended == 0 && late.sent == 0); /* only that is told */
	finish(&late, NULL);
}

static void test_connect(void)
{
	struct accepting a = {0};
	struct stream listener;
	struct end e = {0};
	struct far far;
	CHECK(stream_listen_tcp(streams, &listener, "127.0.0.1", 0, on_accept, &a) == OK);
	const uint16_t port = stream_port(streams, listener);
	CHECK(stream_listen_tcp(streams, &e.stream, "127.0.0.1", port, on_accept, &a) ==
		ERR_EXISTS);
	CHECK(stream_connect(streams, &e.stream, "localhost", port, &events, &e) == ERR_FORMAT);
	CHECK(stream_connect(streams, &e.stream, "127.0.0.1", port, &events, &e) == OK);
	CHECK(stream_send(streams, e.stream, slice_of("x", 1)) == ERR_STATE && e.connected == 0);
	STEP_UNTIL(a.count == 1 && e.connected == 1);
	CHECK(e.connected_with == OK);
	far_adopt(&far, a.fd[0]);
	CHECK(stream_is_quiet(streams, e.stream) && stream_has_begun(streams, e.stream));
	CHECK(stream_send(streams, e.stream, slice_of("x", 1)) == OK);
	CHECK(!stream_has_begun(streams, e.stream));
	far_write(&far, "\0\1", 2);
	far_end(&far);
	STEP_UNTIL(e.sent == 1 && e.received == 2 && e.ended == 1);
	CHECK(e.ended_with == OK && !stream_is_quiet(streams, e.stream));
	far_expect(&far, 'x');
	finish(&e, &far);
	stream_close(streams, listener);
	step_some();
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
		finish(&e[i], NULL); /* those that are under way, too */
	sock_close(fd);
}

static void test_deadline(void)
{
	struct end e = {0};
	struct far far;
	open_pair(&e, &far);
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
	far_write(&far, "\0", 1);
	step_some();
	CHECK(e.received == 0); /* nothing comes after the end */
	CHECK(stream_deadline(streams, e.stream, 1) == OK);
	finish(&e, &far);
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
	uint32_t n = allowed > 10000 ? 10000 : allowed;
	if (loop_is_virtual(loop))
		n = VIRTUAL_MANY; /* both ends are streams */
	struct end *e = calloc(n, sizeof *e);
	struct far *far = calloc(n, sizeof *far);
	CHECK(e != NULL && far != NULL);
	for (uint32_t i = 0; i < n; i++) {
		e[i].echo = true;
		open_pair(&e[i], &far[i]);
		far_write(&far[i], "\0", 1);
	}
	for (uint32_t i = 0; i < n; i++)
		STEP_UNTIL(e[i].sent == 1);
	for (uint32_t i = 0; i < n; i++) {
		far_expect(&far[i], 0);
		stream_close(streams, e[i].stream);
	}
	for (uint32_t i = 0; i < n; i++) {
		STEP_UNTIL(e[i].closed == 1);
		if (far[i].fd >= 0)
			CHECK(close(far[i].fd) == 0);
		else
			stream_close(streams, far[i].stream);
		free(far[i].in);
	}
	free(e);
	free(far);
}

/* Everything in flight when it is destroyed: no callback comes, no memory stays in use. */
static void test_destroy(void)
{
	static struct end e[10];
	static struct far far[10];
	struct accepting a = {0};
	struct stream listener;
	memset(e, 0, sizeof e);
	uint8_t *content = calloc(1, CONTENT_SIZE);
	CHECK(content != NULL);
	CHECK(stream_listen_tcp(streams, &listener, "127.0.0.1", 0, on_accept, &a) == OK);
	for (int i = 0; i < 10; i++) {
		open_pair(&e[i], &far[i]);
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
		if (far[i].fd >= 0)
			CHECK(close(far[i].fd) == 0);
		free(far[i].in);
	}
}

#define FD_MAX (1u << 16)
#define REGISTERED_FEW 64u /* than some of the tests have streams */

static const struct kind {
	const char *name;
	struct loop_config loop;
	bool by_readiness, with_many;
} kinds[] = {
	{"virtual", {.virtual_time = true}, false, true},
	{"epoll", {.backend = LOOP_EPOLL, .fd_max = FD_MAX}, false, true},
	{"io_uring, by readiness", {.backend = LOOP_URING, .fd_max = FD_MAX}, true, true},
	{"io_uring", {.backend = LOOP_URING}, false, true},
	{"registered files", {.backend = LOOP_URING, .registered_max = REGISTERED_FEW}, false,
		false},
	{"SQPOLL", {.backend = LOOP_URING, .sq_idle_ms = 10}, false, false},
};

static void run_all(const struct kind *kind)
{
	const struct streams_config few = {
		.stream_max = 128, .buffer_count = 8, .by_readiness = kind->by_readiness};
	const struct streams_config many = {
		.stream_max = 10000, .by_readiness = kind->by_readiness};
	CHECK(loop_create(&loop, &kind->loop) == OK);
	CHECK(streams_create(&streams, loop, &few) == OK);
	(void)fprintf(stderr, "%s: %s\n", kind->name,
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
	test_connect();
	test_deadline();
	if (!loop_is_virtual(loop)) { /* of the system's own */
		test_accept_full();
		test_connect_late();
	}
	test_destroy();
	if (kind->with_many) {
		CHECK(streams_create(&streams, loop, &many) == OK);
		test_many();
		streams_destroy(streams);
	}
	loop_destroy(loop);
}

int main(void)
{
	char reason[LOOP_REASON_SIZE];
	const bool ring = loop_uring_probe(reason) == OK;
	streams_destroy(NULL);
	if (!ring)
		(void)fprintf(stderr, "left out: %s\n", reason);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (ring || kinds[i].loop.backend != LOOP_URING)
			run_all(&kinds[i]);
	return 0;
}
