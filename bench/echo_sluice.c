/* Our echo server, for the loop's part: `echo_sluice tcp|udp` prints its port and a newline,
 * sends back what it gets, and ends when its standard input does. One thread on core 0. With
 * `tcp-epoll` and `tcp-ready` it leaves out io_uring, or the ring's own operations. */
#include "base/base.h"
#include "peers/echo/echo.h"
#include "sys/datagrams.h"
#include "sys/loop.h"
#include "sys/streams.h"

#include <fcntl.h>

#define CONNECTIONS_MAX 16384u
#define BUFFERS 16384u
#define BUFFER_SIZE 512u

struct connection {
	struct stream stream;
	uint8_t out[BUFFER_SIZE];
};

static struct streams *streams;

static void on_received(void *ctx, struct stream s, struct slice bytes)
{
	struct connection *c = ctx;
	/* a client waits for its answer before it asks again */
	CHECK(bytes.len <= sizeof c->out && !stream_is_sending(streams, s));
	memcpy(c->out, bytes.ptr, bytes.len);
	CHECK(stream_send(streams, s, slice_of(c->out, bytes.len)) == OK);
}

static void on_ended(void *ctx, struct stream s, enum err err)
{
	(void)ctx, (void)err;
	stream_close(streams, s);
}

static void on_accept(void *ctx, enum err err, int fd)
{
	static const struct stream_events events = {
		.received = on_received, .ended = on_ended, .closed = free};
	const int on = 1;
	(void)ctx;
	if (err != OK)
		return;
	struct connection *c = calloc(1, sizeof *c);
	CHECK(c != NULL);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	CHECK(stream_open(streams, &c->stream, fd, &events, c) == OK);
}

static void serve_tcp(enum loop_backend_kind backend, bool by_readiness)
{
	const struct loop_config config = {.backend = backend, .fd_max = CONNECTIONS_MAX};
	const struct streams_config sizes = {.stream_max = CONNECTIONS_MAX,
		.buffer_count = BUFFERS,
		.buffer_size = BUFFER_SIZE,
		.by_readiness = by_readiness};
	struct loop *loop;
	struct stream listener;
	const int fd = echo_bind(SOCK_STREAM);
	CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	CHECK(loop_create(&loop, &config) == OK);
	CHECK(streams_create(&streams, loop, &sizes) == OK);
	CHECK(stream_listen(streams, &listener, fd, on_accept, NULL) == OK);
	loop_run(loop);
}

static void on_train(void *ctx, const struct datagram_train *train)
{
	datagrams_send(ctx, train);
}

static void on_datagrams(void *ctx, int fd, unsigned ready)
{
	uint32_t trains;
	(void)fd, (void)ready;
	(void)!datagrams_receive(ctx, &trains, on_train, ctx);
	datagrams_flush(ctx);
}

static void serve_udp(void)
{
	const struct loop_config config = {.backend = LOOP_AUTO};
	const struct datagrams_config trains = {.latency = NULL};
	struct loop *loop;
	struct datagrams *datagrams;
	const int fd = echo_bind(SOCK_DGRAM);
	CHECK(loop_create(&loop, &config) == OK);
	CHECK(datagrams_create(&datagrams, fd, &trains) == OK);
	CHECK(loop_fd_set(loop, fd, LOOP_READ, on_datagrams, datagrams) == OK);
	loop_run(loop);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		enum loop_backend_kind backend;
		bool by_readiness;
	} forms[] = {
		{"tcp", LOOP_AUTO, false},
		{"tcp-ready", LOOP_AUTO, true},
		{"tcp-epoll", LOOP_EPOLL, true},
	};
	echo_start();
	for (size_t i = 0; argc == 2 && i < ARRAY_LEN(forms); i++)
		if (strcmp(argv[1], forms[i].name) == 0)
			serve_tcp(forms[i].backend, forms[i].by_readiness);
	if (argc == 2 && strcmp(argv[1], "udp") == 0)
		serve_udp();
	return 2;
}
