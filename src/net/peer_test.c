#include "net/peer_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "sys/sock.h"

#define REQUEST_MAX (1u << 20)
#define CONNS_MAX 2048

struct peer_conn {
	struct peer *peer;
	int fd; /* -1: closed */
	size_t index;
	char *in;
	size_t in_len;
	uint8_t *out;
	size_t out_len, out_done;
	bool close_when_sent;
};

struct peer {
	struct loop *loop;
	int fd;
	uint16_t port;
	peer_handler handler;
	void *ctx;
	struct peer_conn *conn[CONNS_MAX];
	size_t conn_count;
	unsigned requests;
};

static void conn_shut(struct peer_conn *c)
{
	if (c->fd < 0)
		return;
	loop_fd_remove(c->peer->loop, c->fd);
	sock_close(c->fd);
	c->fd = -1;
}

static void on_conn(void *ctx, int fd, unsigned ready);

static void conn_flush(struct peer_conn *c)
{
	size_t n = 0;
	while (c->fd >= 0 && c->out_done < c->out_len) {
		const enum err err = sock_write(
			c->fd, slice_of(c->out + c->out_done, c->out_len - c->out_done), &n);
		if (err == ERR_SHORT)
			break;
		if (err != OK) {
			conn_shut(c);
			return;
		}
		c->out_done += n;
	}
	if (c->out_done == c->out_len)
		c->out_done = c->out_len = 0;
	if (c->out_len == 0 && c->close_when_sent)
		conn_shut(c);
	if (c->fd >= 0)
		CHECK(loop_fd_set(c->peer->loop, c->fd,
			      LOOP_READ | (c->out_len > 0 ? (unsigned)LOOP_WRITE : 0u), on_conn,
			      c) == OK);
}

/* Hands over each whole request at the front of the input. */
static void conn_parse(struct peer_conn *c)
{
	for (;;) {
		c->in[c->in_len] = 0;
		char *end = strstr(c->in, "\r\n\r\n");
		if (end == NULL || c->fd < 0)
			return;
		const char *length = strcasestr(c->in, "\r\nContent-Length:");
		const size_t body_len = length != NULL && length < end
			? strtoul(length + 17, NULL, 10)
			: 0;
		const size_t head_len = (size_t)(end - c->in) + 4;
		if (c->in_len < head_len + body_len)
			return;
		end[0] = 0;
		c->peer->requests++;
		c->peer->handler(c->peer->ctx, c, c->in, slice_of(c->in + head_len, body_len));
		c->in_len -= head_len + body_len;
		memmove(c->in, c->in + head_len + body_len, c->in_len);
	}
}

static void on_conn(void *ctx, int fd, unsigned ready)
{
	struct peer_conn *c = ctx;
	size_t n = 0;
	if (ready & LOOP_WRITE)
		conn_flush(c);
	if (c->fd < 0 || !(ready & LOOP_READ))
		return;
	const enum err err = sock_read(fd, c->in + c->in_len, REQUEST_MAX - c->in_len, &n);
	if (err == ERR_SHORT)
		return;
	if (err != OK || n == 0) {
		conn_shut(c);
		return;
	}
	c->in_len += n;
	conn_parse(c);
}

static void on_listener(void *ctx, int fd, unsigned ready)
{
	struct peer *p = ctx;
	int made;
	(void)ready;
	while (sock_accept(&made, fd) == OK) {
		struct peer_conn *c = calloc(1, sizeof *c);
		CHECK(c != NULL && p->conn_count < CONNS_MAX);
		c->in = malloc(REQUEST_MAX + 1);
		CHECK(c->in != NULL);
		c->peer = p;
		c->fd = made;
		p->conn[p->conn_count++] = c;
		CHECK(loop_fd_set(p->loop, made, LOOP_READ, on_conn, c) == OK);
	}
}

struct peer *peer_create(struct loop *loop, uint16_t port, peer_handler handler, void *ctx)
{
	struct peer *p = calloc(1, sizeof *p);
	CHECK(p != NULL);
	p->loop = loop;
	p->handler = handler;
	p->ctx = ctx;
	CHECK(sock_listen_tcp(&p->fd, "127.0.0.1", port) == OK);
	p->port = sock_port(p->fd);
	CHECK(loop_fd_set(loop, p->fd, LOOP_READ, on_listener, p) == OK);
	return p;
}

void peer_deaf(struct peer *p)
{
	if (p->fd >= 0)
		loop_fd_remove(p->loop, p->fd);
	sock_close(p->fd);
	p->fd = -1;
}

void peer_destroy(struct peer *p)
{
	peer_deaf(p);
	for (size_t i = 0; i < p->conn_count; i++) {
		conn_shut(p->conn[i]);
		free(p->conn[i]->in);
		free(p->conn[i]->out);
		free(p->conn[i]);
	}
	free(p);
}

uint16_t peer_port(const struct peer *p)
{
	return p->port;
}

unsigned peer_accepted(const struct peer *p)
{
	return (unsigned)p->conn_count;
}

unsigned peer_requests(const struct peer *p)
{
	return p->requests;
}

void peer_send(struct peer_conn *c, struct slice bytes)
{
	if (c->fd < 0 || bytes.len == 0)
		return;
	c->out = realloc(c->out, c->out_len + bytes.len);
	CHECK(c->out != NULL);
	memcpy(c->out + c->out_len, bytes.ptr, bytes.len);
	c->out_len += bytes.len;
	conn_flush(c);
}

size_t peer_unsent(const struct peer_conn *c)
{
	return c->fd < 0 ? 0 : c->out_len - c->out_done;
}

void peer_answer(struct peer_conn *c, unsigned status, const char *body)
{
	char head[160];
	const int n = snprintf(head, sizeof head,
		"HTTP/1.1 %u X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
		status, strlen(body));
	peer_send(c, slice_of(head, (size_t)n));
	peer_send(c, slice_str(body));
}

void peer_close(struct peer_conn *c)
{
	c->close_when_sent = true;
	conn_flush(c);
}
