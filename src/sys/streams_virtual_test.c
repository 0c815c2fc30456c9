/* What only the simulated network has: time on the way, connections that are lost, one order. The
 * contract of streams is tested in streams_test.c, on this one, too. */
#include "sys/streams_virtual.h"

#include <stdio.h>

#define TRACE_SIZE 4096u

static struct loop *loop;
static struct streams *streams;

struct end {
	char name;
	struct stream stream;
	uint32_t received, ended, connected;
	enum err ended_with, connected_with;
};

/* Everything that happened, with its time. */
static char trace[TRACE_SIZE];
static size_t trace_len;

static void note(const struct end *e, const char *what, size_t count)
{
	const int n = snprintf(trace + trace_len, sizeof trace - trace_len, "%u %c %s %zu\n",
		(unsigned)loop_now_ms(loop), e->name, what, count);
	CHECK(n > 0 && (size_t)n < sizeof trace - trace_len);
	trace_len += (size_t)n;
}

static void on_received(void *ctx, struct stream s, struct slice bytes)
{
	struct end *e = ctx;
	(void)s;
	e->received += (uint32_t)bytes.len;
	note(e, "received", bytes.len);
}

static void on_ended(void *ctx, struct stream s, enum err err)
{
	struct end *e = ctx;
	(void)s;
	e->ended++;
	e->ended_with = err;
	note(e, "ended", 0);
}

static void on_sent(void *ctx, struct stream s, enum err err)
{
	(void)s;
	note(ctx, "sent", err == OK ? 0 : 1);
}

static void on_connected(void *ctx, struct stream s, enum err err)
{
	struct end *e = ctx;
	(void)s;
	e->connected++;
	e->connected_with = err;
	note(e, "connected", 0);
}

static const struct stream_events events = {
	.received = on_received, .ended = on_ended, .sent = on_sent, .connected = on_connected};

static int accepted = -1;

static void on_accept(void *ctx, enum err err, int fd)
{
	(void)ctx;
	CHECK(err == OK);
	accepted = fd;
}

static void up(void)
{
	const struct loop_config config = {.virtual_time = true};
	trace_len = 0;
	CHECK(loop_create(&loop, &config) == OK);
	CHECK(streams_create(&streams, loop, &(struct streams_config){0}) == OK);
}

static void down(void)
{
	streams_destroy(streams);
	loop_destroy(loop);
}

static void pair(struct end *a, struct end *b)
{
	struct stream out[2];
	*a = (struct end){.name = 'a'};
	*b = (struct end){.name = 'b'};
	CHECK(stream_pair(streams, out, (const struct stream_events *[]){&events, &events},
		      (void *[]){a, b}) == OK);
	a->stream = out[0];
	b->stream = out[1];
}

static void send_text(struct end *e, const char *text)
{
	CHECK(stream_send(streams, e->stream, slice_str(text)) == OK);
	(void)loop_step(loop, 0);
}

/* Runs until nothing is left that could happen. */
static uint64_t run(void)
{
	loop_run(loop);
	return loop_now_ms(loop);
}

/* Bytes and ends take their time and keep their order, also where that time changes. */
static void test_latency(void)
{
	struct end a, b;
	up();
	pair(&a, &b);
	streams_virtual_latency(streams, 100);
	send_text(&a, "first");
	CHECK(b.received == 0 && stream_is_quiet(streams, b.stream));
	streams_virtual_latency(streams, 10); /* does not overtake */
	send_text(&a, "second");
	stream_end(streams, a.stream);
	CHECK(run() == 100 && b.received == 11 && b.ended == 1 && b.ended_with == OK);
	down();
}

/* There and back; the other side has it half-way; refused where nobody listens. */
static void test_connecting(void)
{
	struct stream listener;
	struct end a = {.name = 'a'}, none = {.name = 'n'};
	up();
	streams_virtual_latency(streams, 20);
	CHECK(stream_listen_tcp(streams, &listener, "10.1.2.3", 8332, on_accept, NULL) == OK);
	CHECK(stream_connect(streams, &a.stream, "10.1.2.3", 8332, &events, &a) == OK);
	CHECK(stream_connect(streams, &none.stream, "10.1.2.4", 8332, &events, &none) == OK);
	while (accepted < 0)
		(void)loop_step(loop, 1000);
	CHECK(loop_now_ms(loop) == 20 && a.connected == 0);
	CHECK(run() == 40 && a.connected_with == OK && none.connected_with == ERR_UNAVAILABLE);
	stream_discard(streams, accepted);
	CHECK(run() == 60 && a.ended == 1 && a.ended_with == OK);
	/* closed while it is under way: nothing comes of it */
	struct end gone = {.name = 'g'};
	CHECK(stream_connect(streams, &gone.stream, "10.1.2.3", 8332, &events, &gone) == OK);
	(void)loop_step(loop, 1);
	stream_close(streams, gone.stream);
	(void)run();
	CHECK(gone.connected == 0);
	down();
}

/* Lost with bytes on their way: they never come, and both ends know at once. */
static void test_lost(void)
{
	struct end a, b;
	up();
	pair(&a, &b);
	streams_virtual_latency(streams, 50);
	send_text(&a, "never");
	stream_virtual_lose(streams, b.stream);
	(void)loop_step(loop, 0);
	CHECK(a.ended_with == ERR_IO && b.ended_with == ERR_IO && loop_now_ms(loop) == 0);
	(void)run();
	CHECK(b.received == 0 && a.ended == 1 && b.ended == 1);
	stream_virtual_lose(streams, a.stream);
	stream_close(streams, a.stream);
	stream_virtual_lose(streams, a.stream); /* stale */
	down();
}

/* Who does not read holds up who sends, at the window's size. */
static void test_window(void)
{
	static uint8_t content[STREAMS_VIRTUAL_WINDOW + 1];
	struct end a, b;
	up();
	pair(&a, &b);
	stream_pause(streams, b.stream);
	CHECK(stream_send(streams, a.stream, slice_of(content, sizeof content)) == OK);
	(void)run();
	CHECK(stream_is_sending(streams, a.stream) && b.received == 0);
	stream_resume(streams, b.stream);
	(void)run();
	CHECK(!stream_is_sending(streams, a.stream) && b.received == sizeof content);
	down();
}

/* The same script, the same trace. */
static void test_same_again(void)
{
	static char first[TRACE_SIZE];
	for (int round = 0; round < 2; round++) {
		struct end a, b, c, d;
		up();
		pair(&a, &b);
		pair(&c, &d);
		c.name = 'c';
		d.name = 'd';
		for (uint64_t i = 1; i <= 20; i++) {
			streams_virtual_latency(streams, i * 7 % 5);
			CHECK(stream_send(streams, a.stream, slice_str("to b")) == OK);
			CHECK(stream_send(streams, d.stream, slice_str("to c!")) == OK);
			(void)loop_step(loop, i % 3);
		}
		stream_virtual_lose(streams, c.stream);
		stream_end(streams, a.stream);
		(void)run();
		CHECK(trace_len > 200 && b.received == 80);
		if (round == 0)
			memcpy(first, trace, sizeof first);
		else
			CHECK(strcmp(first, trace) == 0);
		down();
	}
}

int main(void)
{
	test_latency();
	test_connecting();
	test_lost();
	test_window();
	test_same_again();
	return 0;
}
