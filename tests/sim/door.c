#include "door.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "sys/streams_virtual.h"
#include "world.h"

#define STREAMS_MAX 512u
#define LATENCY_MAX_MS 20u
#define PAUSE_MAX_MS 60u /* between two pieces of an answer */
#define HEAD_MAX 512u
#define TORN_PERMILLE 300u    /* of answers */
#define CHUNKED_PERMILLE 250u /* of answers */
#define HANG_UP_PERMILLE 40u  /* of answers: the connection ends after it */
#define BREAK_PERMILLE 15u    /* of pieces, while faults last */
#define CHUNKS_MAX 8u

static const uint16_t ports[NETS_CHAINS] = {18443, 4444}; /* in the order of their places */

/* A request that the node has; it outlives its connection. */
struct visit {
	struct door_conn *conn; /* NULL: gone */
};

struct door_conn {
	struct door *door;
	struct door_conn *next, **previous;
	enum layer_id layer;
	struct stream stream;
	struct loop_timer timer; /* the next piece */
	uint8_t *in;             /* owned: what was received and not used */
	uint32_t in_len, in_cap;
	struct visit *visit; /* the node's; NULL: it is asked nothing */
	uint8_t *out;        /* owned: the answer */
	size_t out_len, out_at;
	bool torn, hang_up, closing;
};

/* ---- life of a connection ---- */

static void on_closed(void *ctx)
{
	struct door_conn *c = ctx;
	*c->previous = c->next;
	if (c->next != NULL)
		c->next->previous = c->previous;
	free(c->in);
	free(c->out);
	free(c);
}

static void hang_up(struct door_conn *c)
{
	if (c->closing)
		return;
	c->closing = true;
	loop_timer_cancel(c->door->w->loop, &c->timer);
	if (c->visit != NULL)
		c->visit->conn = NULL;
	c->visit = NULL;
	stream_close(c->door->streams, c->stream);
}

/* In the middle of something: closed, half closed, or lost. */
static void break_off(struct door_conn *c)
{
	c->door->broken++;
	switch (draw_between(&c->door->draw, 0, 2)) {
	case 0: hang_up(c); return;
	case 1:
		stream_end(c->door->streams, c->stream);
		c->out_at = c->out_len; /* nothing more comes */
		return;
	default: stream_virtual_lose(c->door->streams, c->stream); return;
	}
}

/* ---- an answer, piece by piece ---- */

static void use_input(struct door_conn *c);

static void send_piece(void *ctx)
{
	struct door_conn *c = ctx;
	struct draw *draw = &c->door->draw;
	c->timer.id = 0;
	if (c->closing || c->out_at == c->out_len)
		return;
	if (c->door->w->calm_ms == 0 && draw_chance(draw, BREAK_PERMILLE)) {
		break_off(c);
		return;
	}
	const size_t left = c->out_len - c->out_at;
	const size_t len = c->torn ? draw_between(draw, 1, left) : left;
	c->door->pieces++;
	if (stream_send(c->door->streams, c->stream, slice_of(c->out + c->out_at, len)) == OK)
		c->out_at += len;
	else
		hang_up(c);
}

static void on_sent(void *ctx, struct stream s, enum err err)
{
	struct door_conn *c = ctx;
	(void)s;
	if (err != OK || c->closing) {
		hang_up(c);
		return;
	}
	if (c->out_at < c->out_len) {
		const uint64_t pause = draw_between(&c->door->draw, 0, PAUSE_MAX_MS);
		CHECK(loop_timer_set(c->door->w->loop, &c->timer, pause, send_piece, c) == OK);
		return;
	}
	free(c->out);
	c->out = NULL;
	c->out_len = c->out_at = 0;
	if (c->hang_up)
		hang_up(c);
	else
		use_input(c);
}

static void put_chunks(struct buf *out, struct slice body, struct draw *draw)
{
	char head[32];
	for (unsigned i = 0; body.len > 0; i++) {
		const size_t len = i < CHUNKS_MAX ? draw_between(draw, 1, body.len) : body.len;
		const int n = snprintf(head, sizeof head, "%zx\r\n", len);
		buf_put(out, head, (size_t)n);
		buf_put(out, body.ptr, len);
		buf_put(out, "\r\n", 2);
		body = slice_of(body.ptr + len, body.len - len);
	}
	buf_put(out, "0\r\n\r\n", 5);
}

static void answer(struct door_conn *c, unsigned status, struct slice body)
{
	struct draw *draw = &c->door->draw;
	char head[HEAD_MAX];
	const bool chunked = draw_chance(draw, CHUNKED_PERMILLE);
	const int n = chunked ? snprintf(head, sizeof head,
					"HTTP/1.1 %u -\r\nContent-Type: application/json\r\n"
					"Transfer-Encoding: chunked\r\n\r\n",
					status)
			      : snprintf(head, sizeof head,
					"HTTP/1.1 %u -\r\nContent-Type: application/json\r\n"
					"Content-Length: %zu\r\n\r\n",
					status, body.len);
	const size_t cap = (size_t)n + body.len + (CHUNKS_MAX + 2) * 32u;
	c->out = sim_alloc(cap);
	struct buf out = buf_init(c->out, cap);
	buf_put(&out, head, (size_t)n);
	if (chunked)
		put_chunks(&out, body, draw);
	else
		buf_put(&out, body.ptr, body.len);
	CHECK(!out.overflow);
	c->out_len = out.len;
	c->out_at = 0;
	c->torn = draw_chance(draw, TORN_PERMILLE);
	c->hang_up = draw_chance(draw, HANG_UP_PERMILLE);
	send_piece(c);
}

static void on_answer(void *ctx, enum err err, unsigned status, struct slice body)
{
	struct visit *v = ctx;
	struct door_conn *c = v->conn;
	free(v);
	if (c == NULL || c->closing)
		return;
	c->visit = NULL;
	if (err == OK)
		answer(c, status, body);
	else if (err != ERR_TIMEOUT) /* after that one nothing comes, ever */
		break_off(c);
}

/* ---- requests ---- */

/* The bytes of the first request; 0: it is not whole. */
static size_t request_len(const struct door_conn *c, size_t *head_len)
{
	static const char length[] = "\r\nContent-Length:";
	const char *text = (const char *)c->in;
	const char *end = c->in_len == 0 ? NULL : memmem(text, c->in_len, "\r\n\r\n", 4);
	if (end == NULL)
		return 0;
	*head_len = (size_t)(end - text) + 4;
	size_t body = 0;
	for (const char *at = text; at < end; at++)
		if (strncasecmp(at, length, sizeof length - 1) == 0)
			body = strtoull(at + sizeof length - 1, NULL, 10);
	return *head_len + body <= c->in_len ? *head_len + body : 0;
}

static void use_input(struct door_conn *c)
{
	size_t head = 0;
	const size_t len = c->visit == NULL && c->out == NULL ? request_len(c, &head) : 0;
	if (len == 0)
		return;
	struct visit *v = sim_alloc(sizeof *v);
	uint8_t *body = sim_copy(c->in + head, len - head);
	v->conn = c;
	c->visit = v;
	c->in_len -= (uint32_t)len;
	memmove(c->in, c->in + len, c->in_len);
	c->door->requests++;
	nets_ask(&c->door->w->nets, ACTOR_PROVIDER, c->layer, slice_of(body, len - head), on_answer,
		v);
	free(body);
}

static void on_received(void *ctx, struct stream s, struct slice bytes)
{
	struct door_conn *c = ctx;
	(void)s;
	c->in = sim_grow(c->in, &c->in_cap, c->in_len + (uint32_t)bytes.len + 1, 1);
	memcpy(c->in + c->in_len, bytes.ptr, bytes.len);
	c->in_len += (uint32_t)bytes.len;
	c->in[c->in_len] = 0;
	use_input(c);
}

static void on_ended(void *ctx, struct stream s, enum err err)
{
	(void)s, (void)err;
	hang_up(ctx);
}

static void on_accept(void *ctx, enum err err, int fd)
{
	static const struct stream_events events = {
		.received = on_received, .ended = on_ended, .sent = on_sent, .closed = on_closed};
	const struct door_place *p = ctx;
	struct door *d = p->door;
	if (err != OK)
		return;
	struct door_conn *c = sim_alloc(sizeof *c);
	*c = (struct door_conn){.door = d, .layer = (enum layer_id)p->layer};
	if (!nets_is_up(&d->w->nets, ACTOR_PROVIDER, c->layer) ||
		stream_open(d->streams, &c->stream, fd, &events, c) != OK) {
		stream_discard(d->streams, fd);
		free(c);
		return;
	}
	d->connections++;
	c->next = d->conns;
	c->previous = &d->conns;
	if (c->next != NULL)
		c->next->previous = &c->next;
	d->conns = c;
}

/* ---- life ---- */

void door_open(struct door *d, struct world *w)
{
	const struct streams_config config = {.stream_max = STREAMS_MAX};
	*d = (struct door){.w = w};
	draw_init(&d->draw, w->seed, "door", 0);
	CHECK(streams_create(&d->streams, w->loop, &config) == OK);
	streams_virtual_latency(d->streams, draw_between(&d->draw, 0, LATENCY_MAX_MS));
	for (unsigned i = 0; i < NETS_CHAINS; i++) {
		d->place[i] = (struct door_place){.door = d, .layer = w->nets.place[i]};
		CHECK(stream_listen_tcp(d->streams, &d->place[i].listener, "127.0.0.1", ports[i],
			      on_accept, &d->place[i]) == OK);
	}
}

void door_close(struct door *d)
{
	if (d->streams == NULL)
		return;
	for (struct door_conn *c = d->conns; c != NULL; c = c->next) {
		loop_timer_cancel(d->w->loop, &c->timer);
		if (c->visit != NULL)
			c->visit->conn = NULL;
	}
	streams_destroy(d->streams);
	while (d->conns != NULL)
		on_closed(d->conns);
	d->streams = NULL;
}
