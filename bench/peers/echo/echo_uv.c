/* libuv: one buffer for all reads, the write tried at once; datagrams by recvmmsg where there are
 * several. */
#include "echo.h"
#include <uv.h>

/* Room for 20 datagrams of 64 KiB, which is what libuv wants before it asks for several at once. */
#define UDP_BUFFER_SIZE (20u * ECHO_BUFFER_SIZE)

static char buffer[UDP_BUFFER_SIZE];

struct later {
	uv_write_t request;
	char bytes[];
};

static void lend(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
	(void)suggested;
	*out = uv_buf_init(buffer, handle->type == UV_UDP ? UDP_BUFFER_SIZE : ECHO_BUFFER_SIZE);
}

static void on_closed(uv_handle_t *handle)
{
	free(handle);
}

static void on_written(uv_write_t *request, int status)
{
	(void)status;
	free(request);
}

static void write_later(uv_stream_t *stream, const char *bytes, size_t size)
{
	struct later *later = malloc(sizeof *later + size);
	uv_buf_t piece;
	echo_check(later != 0, "malloc");
	memcpy(later->bytes, bytes, size);
	piece = uv_buf_init(later->bytes, (unsigned)size);
	uv_write(&later->request, stream, &piece, 1, on_written);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *in)
{
	uv_buf_t piece;
	int sent;
	if (n < 0)
		uv_close((uv_handle_t *)stream, on_closed);
	if (n <= 0)
		return;
	piece = uv_buf_init(in->base, (unsigned)n);
	sent = uv_try_write(stream, &piece, 1);
	if (sent < 0)
		sent = 0;
	if (sent < n)
		write_later(stream, in->base + sent, (size_t)(n - sent));
}

static void on_connection(uv_stream_t *listener, int status)
{
	uv_tcp_t *connection = malloc(sizeof *connection);
	echo_check(connection != 0 && status == 0, "connection");
	uv_tcp_init(listener->loop, connection);
	if (uv_accept(listener, (uv_stream_t *)connection) != 0) {
		uv_close((uv_handle_t *)connection, on_closed);
		return;
	}
	uv_tcp_nodelay(connection, 1);
	uv_read_start((uv_stream_t *)connection, lend, on_read);
}

static void on_datagram(uv_udp_t *socket, ssize_t n, const uv_buf_t *in,
	const struct sockaddr *from, unsigned flags)
{
	uv_buf_t piece;
	(void)flags;
	if (n <= 0 || !from)
		return;
	piece = uv_buf_init(in->base, (unsigned)n);
	(void)uv_udp_try_send(socket, &piece, 1, from);
}

int main(int argc, char **argv)
{
	const char *what = argc == 2 ? argv[1] : "";
	uv_loop_t *loop = uv_default_loop();
	uv_tcp_t listener;
	uv_udp_t socket;
	echo_start();
	if (strcmp(what, "tcp") == 0) {
		uv_tcp_init(loop, &listener);
		uv_tcp_open(&listener, echo_bind(SOCK_STREAM));
		uv_listen((uv_stream_t *)&listener, ECHO_BACKLOG, on_connection);
	} else if (strcmp(what, "udp") == 0) {
		uv_udp_init_ex(loop, &socket, AF_UNSPEC | UV_UDP_RECVMMSG);
		uv_udp_open(&socket, echo_bind(SOCK_DGRAM));
		uv_udp_recv_start(&socket, lend, on_datagram);
	} else {
		return 2;
	}
	return uv_run(loop, UV_RUN_DEFAULT);
}
