#include "sign/server.h"

#include "base/hex.h"
#include "sys/kill.h"
#include "sys/sock.h"

#include <stdio.h>
#include <stdlib.h>

#define REPLY_MAX (MESSAGE_HEADER_SIZE + SIGNING_ANSWER_MAX)
#define LOG_WINDOW_MS 1000u

_Static_assert(SERVER_IN_SIZE >= 2 * MESSAGE_MAX, "whole requests fit");
_Static_assert(SERVER_OUT_SIZE >= 2 * REPLY_MAX, "whole answers fit");

struct connection {
	struct server *server;
	int fd; /* -1: free */
	size_t in_len;
	size_t out_sent, out_ready, out_len; /* sent <= ready (durable) <= len (decided) */
	uint8_t *in;                         /* owned; SERVER_IN_SIZE */
	uint8_t *out;                        /* owned; SERVER_OUT_SIZE */
};

struct server {
	struct loop *loop;
	struct service *service;
	int listener;
	bool failed;
	bool commit_set;
	struct loop_timer commit;
	uint64_t log_since_ms;
	uint32_t log_count;
	struct connection connection[SERVER_CONNECTIONS_MAX];
};

static void on_commit(void *ctx);
static void on_ready(void *ctx, int fd, unsigned ready);

static void connection_close(struct connection *c)
{
	if (c->fd < 0)
		return;
	loop_fd_remove(c->server->loop, c->fd);
	sock_close(c->fd);
	free(c->in);
	free(c->out);
	*c = (struct connection){.server = c->server, .fd = -1};
}

static bool has_room(const struct connection *c)
{
	return SERVER_OUT_SIZE - c->out_len >= REPLY_MAX;
}

static void set_interest(struct connection *c)
{
	const unsigned interest = (has_room(c) ? (unsigned)LOOP_READ : 0u) |
		(c->out_sent < c->out_ready ? (unsigned)LOOP_WRITE : 0u);
	/* with neither, the next commit makes something ready */
	if (interest == 0)
		loop_fd_remove(c->server->loop, c->fd);
	else if (loop_fd_set(c->server->loop, c->fd, interest, on_ready, c) != OK)
		connection_close(c);
}

static void schedule_commit(struct server *s)
{
	if (s->commit_set)
		return;
	/* the one timer of this loop */
	CHECK(loop_timer_set(s->loop, &s->commit, 0, on_commit, s) == OK);
	s->commit_set = true;
}

/* ---- requests ---- */

/* Standard error must not be flooded by whoever can connect. */
static bool may_log(struct server *s)
{
	const uint64_t now = loop_now_ms(s->loop);
	if (now - s->log_since_ms >= LOG_WINDOW_MS) {
		s->log_since_ms = now;
		s->log_count = 0;
	}
	return s->log_count++ < SERVER_LOG_MAX;
}

static void log_refusal(struct server *s, const struct signing_answer *answer, struct slice request)
{
	struct signing_request r;
	char session[33] = "?";

	if (!may_log(s))
		return;
	if (signing_request_parse(&r, request) == OK)
		hex_encode(session, r.session.b, sizeof r.session.b);
	(void)fprintf(stderr, "sluice-signer: refused session %s: %s\n", session, answer->detail);
}

static void log_connection(struct server *s, const char *what)
{
	if (may_log(s))
		(void)fprintf(stderr, "sluice-signer: a connection was closed: %s\n", what);
}

static void reply(struct connection *c, enum message_type type, uint64_t id, struct slice payload)
{
	struct buf out = buf_init(c->out + c->out_len, SERVER_OUT_SIZE - c->out_len);
	message_put(&out, &(struct message){.type = type, .id = id, .payload = payload});
	CHECK(!out.overflow); /* has_room was asked */
	c->out_len += out.len;
}

static void answer_sign(struct connection *c, const struct message *m)
{
	struct server *s = c->server;
	struct signing_answer answer;
	uint8_t encoded[SIGNING_ANSWER_MAX];
	struct buf out = buf_init(encoded, sizeof encoded);

	const uint64_t forgotten = s->service->stat.forgotten;
	service_sign(s->service, &answer, m->payload, loop_wall_ms(s->loop));
	if (s->service->stat.forgotten != forgotten)
		(void)fprintf(stderr,
			"sluice-signer: full: %llu sessions older than retention_days are "
			"forgotten\n",
			(unsigned long long)(s->service->stat.forgotten - forgotten));
	if (answer.err != OK)
		log_refusal(s, &answer, m->payload);
	signing_answer_put(&out, &answer);
	CHECK(!out.overflow);
	reply(c, MESSAGE_SIGN_REPLY, m->id, buf_slice(&out));
}

/* Answer every whole frame while there is room. False: garbage. */
static bool answer_frames(struct connection *c)
{
	size_t used = 0;
	bool good = true;

	while (has_room(c)) {
		struct message m;
		size_t size;
		const enum err err = message_next(
			&m, &size, slice_of(c->in + used, c->in_len - used));
		if (err == ERR_SHORT)
			break;
		good = err == OK && (m.type == MESSAGE_HELLO || m.type == MESSAGE_SIGN);
		if (!good)
			break;
		const struct pubkey *wallet = &c->server->service->wallet.key;
		if (m.type == MESSAGE_HELLO)
			reply(c, MESSAGE_HELLO_REPLY, m.id, slice_of(wallet->b, sizeof wallet->b));
		else
			answer_sign(c, &m);
		used += size;
		schedule_commit(c->server);
	}
	memmove(c->in, c->in + used, c->in_len - used);
	c->in_len -= used;
	return good;
}

/* ---- readiness ---- */

/* False: the peer is gone. */
static bool flush(struct connection *c)
{
	while (c->out_sent < c->out_ready) {
		size_t n;
		const struct slice rest = slice_of(
			c->out + c->out_sent, c->out_ready - c->out_sent);
		const enum err err = sock_write(c->fd, rest, &n);
		if (err == ERR_SHORT)
			break;
		if (err != OK)
			return false;
		c->out_sent += n;
	}
	if (c->out_sent > 0) {
		memmove(c->out, c->out + c->out_sent, c->out_len - c->out_sent);
		c->out_len -= c->out_sent;
		c->out_ready -= c->out_sent;
		c->out_sent = 0;
	}
	return true;
}

static bool fill(struct connection *c)
{
	size_t n = 0;
	if (c->in_len == SERVER_IN_SIZE)
		return true;
	const enum err err = sock_read(c->fd, c->in + c->in_len, SERVER_IN_SIZE - c->in_len, &n);
	if (err == ERR_SHORT)
		return true;
	c->in_len += n;
	return err == OK && n > 0;
}

static void on_ready(void *ctx, int fd, unsigned ready)
{
	struct connection *c = ctx;
	(void)fd;
	if ((ready & LOOP_ERROR) != 0 || !flush(c)) {
		connection_close(c);
		return;
	}
	if ((ready & LOOP_READ) != 0 && !fill(c)) {
		connection_close(c);
		return;
	}
	if (!answer_frames(c)) {
		log_connection(c->server, "garbage");
		connection_close(c);
		return;
	}
	set_interest(c);
}

/* Everything decided so far becomes durable, then leaves. */
static void on_commit(void *ctx)
{
	struct server *s = ctx;
	const uint64_t first = s->service->committed + 1;

	s->commit_set = false;
	if (s->failed)
		return;
	if (service_commit(s->service) != OK) {
		(void)fputs("sluice-signer: the state cannot be written: stopping\n", stderr);
		s->failed = true;
		loop_stop(s->loop);
		return;
	}
	for (uint32_t i = 0; i < SERVER_CONNECTIONS_MAX; i++) {
		struct connection *c = &s->connection[i];
		if (c->fd < 0)
			continue;
		c->out_ready = c->out_len;
		if (!flush(c))
			connection_close(c);
	}
	for (uint64_t n = first; n <= s->service->committed; n++)
		kill_point_reached(n, KILL_EFFECT_SENT);
	/* requests may have waited for room */
	for (uint32_t i = 0; i < SERVER_CONNECTIONS_MAX; i++) {
		struct connection *c = &s->connection[i];
		if (c->fd < 0)
			continue;
		if (answer_frames(c))
			set_interest(c);
		else
			connection_close(c);
	}
}

static struct connection *free_connection(struct server *s)
{
	for (uint32_t i = 0; i < SERVER_CONNECTIONS_MAX; i++)
		if (s->connection[i].fd < 0)
			return &s->connection[i];
	return NULL;
}

static void take_connection(struct server *s, int fd)
{
	struct connection *c = free_connection(s);
	struct sock_peer peer;

	if (c == NULL || sock_peer(&peer, fd) != OK || peer.uid != sock_own_uid()) {
		log_connection(s, c == NULL ? "too many" : "of another user");
		sock_close(fd);
		return;
	}
	c->in = malloc(SERVER_IN_SIZE);
	c->out = malloc(SERVER_OUT_SIZE);
	c->fd = fd;
	if (c->in == NULL || c->out == NULL)
		connection_close(c);
	else
		set_interest(c);
}

static void on_accept(void *ctx, int listener, unsigned ready)
{
	struct server *s = ctx;
	int fd;
	(void)ready;
	while (sock_accept(&fd, listener) == OK)
		take_connection(s, fd);
}

/* ---- life ---- */

enum err server_start(
	struct server **out, struct loop *loop, struct service *service, const char *socket_path)
{
	struct server *s = calloc(1, sizeof *s);
	if (s == NULL)
		return ERR_FULL;
	s->loop = loop;
	s->service = service;
	for (uint32_t i = 0; i < SERVER_CONNECTIONS_MAX; i++)
		s->connection[i] = (struct connection){.server = s, .fd = -1};
	enum err err = sock_listen_unix(&s->listener, socket_path);
	if (err != OK) {
		free(s);
		return err;
	}
	err = loop_fd_set(loop, s->listener, LOOP_READ, on_accept, s);
	if (err != OK) {
		sock_close(s->listener);
		free(s);
		return err;
	}
	*out = s;
	return OK;
}

bool server_stop(struct server *s)
{
	loop_timer_cancel(s->loop, &s->commit);
	on_commit(s);
	loop_timer_cancel(s->loop, &s->commit);
	for (uint32_t i = 0; i < SERVER_CONNECTIONS_MAX; i++)
		connection_close(&s->connection[i]);
	loop_fd_remove(s->loop, s->listener);
	sock_close(s->listener);
	const bool good = !s->failed;
	free(s);
	return good;
}
