#include "sys/streams_virtual.h"

#include <stdio.h>
#include <stdlib.h>

#include "sys/streams_internal.h"

#define PORT_FIRST 49152u /* RFC 6335: of those that nobody has asked for */
#define PORT_LAST 65535u
#define PLACES_MIN 16u
#define NOBODY (-1)

/* On its way to an end, or waiting there to be received. */
struct piece {
	struct piece *next;
	uint64_t due_ms;
	bool is_end; /* no more follows */
	enum err err;
	size_t len, used;
	uint8_t bytes[];
};

enum dial {
	DIAL_NOT, /* no connection is wanted, or not yet */
	DIAL_GOING,
	DIAL_COMING, /* back, with an answer */
	DIAL_DONE,
};

/* One end of a connection, or a listener. A descriptor is its place. */
struct end {
	struct network *network;
	int place, peer;
	struct streams *owner; /* NULL: not opened yet */
	uint32_t index;
	char address[SOCK_ADDRESS_SIZE]; /* that it listens at, or goes to */
	uint16_t port;
	bool listening, lost;
	bool peer_waits; /* for room here */
	enum dial dial;
	enum err dial_err;
	struct piece *first, *last;
	size_t held;
	uint64_t last_due_ms;
	struct loop_timer timer;
};

struct network {
	struct loop *loop;
	struct end **end;       /* owned; NULL: a free place */
	int end_max, free_from; /* below that all places are taken */
	uint64_t latency_ms;
	uint32_t next_port;
};

static struct network *network_of(const struct streams *s)
{
	return s->loop->state;
}

static struct end *end_at(const struct network *n, int place)
{
	return place == NOBODY ? NULL : n->end[place];
}

static struct end *end_taken(const struct streams *s, int fd)
{
	struct end *e = end_at(network_of(s), fd);
	CHECK(e != NULL);
	return e;
}

static struct end *end_of(const struct streams *s, const struct stream_slot *slot)
{
	return end_taken(s, slot->fd);
}

static uint64_t now_ms(const struct network *n)
{
	return loop_now_ms(n->loop);
}

/* A loop without room for its timers was made too small. */
static void timer_set(struct end *e, uint64_t delay_ms, loop_cb cb)
{
	CHECK(loop_timer_set(e->network->loop, &e->timer, delay_ms, cb, e) == OK);
}

/* ---- places ---- */

static enum err end_make(struct network *n, struct end **out)
{
	int place = n->free_from;
	while (place < n->end_max && n->end[place] != NULL)
		place++;
	if (place == n->end_max) {
		const int max = n->end_max == 0 ? (int)PLACES_MIN : n->end_max * 2;
		struct end **grown = realloc(n->end, (size_t)max * sizeof(*n->end));
		if (grown == NULL)
			return ERR_FULL;
		for (int i = n->end_max; i < max; i++)
			grown[i] = NULL;
		n->end = grown;
		n->end_max = max;
	}
	struct end *e = calloc(1, sizeof *e);
	if (e == NULL)
		return ERR_FULL;
	*e = (struct end){.network = n, .place = place, .peer = NOBODY};
	n->end[place] = e;
	n->free_from = place + 1;
	*out = e;
	return OK;
}

static void pieces_free(struct end *e)
{
	for (struct piece *p = e->first, *next; p != NULL; p = next) {
		next = p->next;
		free(p);
	}
	e->first = e->last = NULL;
	e->held = 0;
}

static void end_free(struct end *e)
{
	loop_timer_cancel(e->network->loop, &e->timer);
	pieces_free(e);
	e->network->end[e->place] = NULL;
	if (e->place < e->network->free_from)
		e->network->free_from = e->place;
	free(e);
}

static void wake(struct end *e)
{
	if (e != NULL && e->owner != NULL)
		streams_make_pending(e->owner, e->index);
}

/* ---- pieces ---- */

static void on_due(void *ctx)
{
	struct end *e = ctx;
	const uint64_t now = now_ms(e->network);
	const struct piece *p = e->first;
	e->timer.id = 0;
	while (p != NULL && p->due_ms <= now)
		p = p->next;
	if (p != NULL)
		timer_set(e, p->due_ms - now, on_due);
	wake(e);
}

static void put(struct end *to, struct slice bytes, bool is_end, enum err err)
{
	const uint64_t now = now_ms(to->network), due = now + to->network->latency_ms;
	struct piece *p = malloc(sizeof *p + bytes.len);
	CHECK(p != NULL);
	*p = (struct piece){.due_ms = due > to->last_due_ms ? due : to->last_due_ms,
		.is_end = is_end,
		.err = err,
		.len = bytes.len};
	if (bytes.len > 0)
		memcpy(p->bytes, bytes.ptr, bytes.len);
	if (to->last != NULL)
		to->last->next = p;
	else
		to->first = p;
	to->last = p;
	to->held += bytes.len;
	to->last_due_ms = p->due_ms;
	if (p->due_ms <= now)
		wake(to);
	else if (to->timer.id == 0)
		timer_set(to, p->due_ms - now, on_due);
}

static void take_first(struct end *e)
{
	struct piece *p = e->first;
	e->first = p->next;
	if (e->first == NULL)
		e->last = NULL;
	free(p);
}

/* ---- connecting ---- */

static struct end *listener_at(const struct network *n, const char *address, uint16_t port)
{
	for (int i = 0; i < n->end_max; i++) {
		struct end *e = n->end[i];
		if (e != NULL && e->listening && e->port == port &&
			strcmp(e->address, address) == 0)
			return e;
	}
	return NULL;
}

/* There and back; the other side has the connection before this one knows. */
static void on_dial(void *ctx)
{
	struct end *e = ctx;
	struct network *n = e->network;
	e->timer.id = 0;
	if (e->dial == DIAL_COMING) {
		e->dial = DIAL_DONE;
		(void)stream_tell_connected(e->owner, e->index, e->dial_err);
		return;
	}
	e->dial = DIAL_COMING;
	timer_set(e, n->latency_ms, on_dial);
	struct end *listener = listener_at(n, e->address, e->port), *far = NULL;
	e->dial_err = listener == NULL || listener->owner == NULL ? ERR_UNAVAILABLE
								  : end_make(n, &far);
	if (far == NULL)
		return;
	far->peer = e->place;
	e->peer = far->place;
	(void)stream_tell_accepted(listener->owner, listener->index, far->place);
}

static void push_connect(struct end *e)
{
	if (e->dial != DIAL_NOT)
		return;
	e->dial = DIAL_GOING;
	timer_set(e, e->network->latency_ms, on_dial);
}

/* ---- moving bytes ---- */

static uint32_t deliver(struct streams *s, uint32_t index, struct end *e)
{
	struct stream_slot *slot = &s->slot[index];
	uint32_t ran = 0;
	while (!e->lost && e->first != NULL && e->first->due_ms <= now_ms(e->network) &&
		!slot->paused && !slot->closing && !slot->ended) {
		struct piece *p = e->first;
		if (p->is_end) {
			const enum err err = p->err;
			take_first(e);
			ran += stream_tell_ended(s, index, err);
			continue;
		}
		const size_t left = p->len - p->used;
		const size_t len = left < s->buffer_size ? left : s->buffer_size;
		p->used += len;
		e->held -= len;
		ran += stream_tell_received(s, index, p->bytes + p->used - len, len);
		if (p->used == p->len)
			take_first(e);
		if (e->peer_waits) {
			e->peer_waits = false;
			wake(end_at(e->network, e->peer));
		}
	}
	if (e->lost) {
		pieces_free(e);
		ran += stream_tell_ended(s, index, ERR_IO);
	}
	return ran;
}

static uint32_t send_some(struct streams *s, uint32_t index, struct end *e)
{
	struct stream_slot *slot = &s->slot[index];
	struct end *to = end_at(e->network, e->peer);
	if (slot->out.len == 0)
		return 0;
	slot->begun = true;
	if (to == NULL || e->lost)
		return stream_tell_sent(s, index, ERR_IO);
	const size_t left = slot->out.len - slot->out_done;
	const size_t room = STREAMS_VIRTUAL_WINDOW - to->held;
	const size_t len = left < room ? left : room;
	if (len > 0)
		put(to, slice_of(slot->out.ptr + slot->out_done, len), false, OK);
	slot->out_done += len;
	if (slot->out_done == slot->out.len)
		return stream_tell_sent(s, index, OK);
	to->peer_waits = true;
	return 0;
}

static uint32_t virtual_push(struct streams *s, uint32_t index)
{
	struct stream_slot *slot = &s->slot[index];
	struct end *e = end_of(s, slot);
	if (slot->closing)
		return stream_finish(s, index);
	e->owner = s;
	e->index = index;
	if (e->listening)
		return 0;
	if (slot->connecting) {
		push_connect(e);
		return 0;
	}
	uint32_t ran = deliver(s, index, e);
	if (!slot->closing && slot->ended && !slot->ended_told)
		ran += stream_tell_ended(s, index, slot->ended_with);
	if (!slot->closing)
		ran += send_some(s, index, e);
	struct end *to = end_at(e->network, e->peer);
	if (!slot->closing && slot->end_wanted && !slot->end_done && slot->out.len == 0) {
		slot->end_done = true;
		if (to != NULL && !e->lost)
			put(to, slice_of(NULL, 0), true, OK);
	}
	return ran;
}

/* ---- as sockets have it ---- */

/* Who leaves bytes unread has broken off: so TCP sees it. */
static void virtual_drop(struct streams *s, int fd)
{
	struct end *e = end_taken(s, fd), *peer = end_at(e->network, e->peer);
	if (peer != NULL) {
		peer->peer = NOBODY;
		if (!e->lost)
			put(peer, slice_of(NULL, 0), true, e->held > 0 ? ERR_IO : OK);
		wake(peer); /* it may wait for room */
	}
	end_free(e);
}

static bool virtual_is_quiet(struct streams *s, const struct stream_slot *slot)
{
	const struct end *e = end_of(s, slot);
	return !e->lost && (e->first == NULL || e->first->due_ms > now_ms(e->network));
}

static uint16_t virtual_port(struct streams *s, const struct stream_slot *slot)
{
	const struct end *e = end_of(s, slot);
	return e->listening ? e->port : 0;
}

static enum err virtual_pair(struct streams *s, int fd[2])
{
	struct end *a, *b;
	TRY(end_make(network_of(s), &a));
	const enum err err = end_make(network_of(s), &b);
	if (err != OK) {
		end_free(a);
		return err;
	}
	a->peer = b->place;
	b->peer = a->place;
	fd[0] = a->place;
	fd[1] = b->place;
	return OK;
}

static enum err free_port(struct network *n, const char *address, uint16_t *out)
{
	for (uint32_t tried = PORT_FIRST; tried <= PORT_LAST; tried++) {
		const uint16_t port = (uint16_t)n->next_port;
		n->next_port = n->next_port == PORT_LAST ? PORT_FIRST : n->next_port + 1;
		if (listener_at(n, address, port) != NULL)
			continue;
		*out = port;
		return OK;
	}
	return ERR_FULL;
}

static enum err end_with_address(
	struct streams *s, struct end **out, const char *address, uint16_t port)
{
	struct sock_address parsed;
	TRY(sock_address_parse(&parsed, address, port));
	TRY(end_make(network_of(s), out));
	(void)snprintf((*out)->address, SOCK_ADDRESS_SIZE, "%s", address);
	(*out)->port = port;
	return OK;
}

static enum err virtual_listen(struct streams *s, int *fd, const char *address, uint16_t port)
{
	struct network *n = network_of(s);
	struct end *e;
	if (port == 0)
		TRY(free_port(n, address, &port));
	else if (listener_at(n, address, port) != NULL)
		return ERR_EXISTS;
	TRY(end_with_address(s, &e, address, port));
	e->listening = true;
	*fd = e->place;
	return OK;
}

static enum err virtual_connect(struct streams *s, int *fd, const char *address, uint16_t port)
{
	struct end *e;
	TRY(end_with_address(s, &e, address, port));
	*fd = e->place;
	return OK;
}

/* ---- life ---- */

static enum err virtual_open(struct streams *s)
{
	if (s->loop->state != NULL)
		return OK;
	struct network *n = calloc(1, sizeof *n);
	if (n == NULL)
		return ERR_FULL;
	*n = (struct network){.loop = s->loop, .next_port = PORT_FIRST};
	s->loop->state = n;
	return OK;
}

static void virtual_close(struct streams *s)
{
	(void)s; /* its ends went one by one */
}

void streams_virtual_free(struct loop *loop)
{
	struct network *n = loop->state;
	if (n == NULL)
		return;
	for (int i = 0; i < n->end_max; i++)
		if (n->end[i] != NULL)
			end_free(n->end[i]);
	free(n->end);
	free(n);
	loop->state = NULL;
}

const struct streams_way streams_by_simulation = {
	.native = false,
	.open = virtual_open,
	.close = virtual_close,
	.push = virtual_push,
	.drop = virtual_drop,
	.is_quiet = virtual_is_quiet,
	.port = virtual_port,
	.pair = virtual_pair,
	.listen = virtual_listen,
	.connect = virtual_connect,
};

/* ---- what can go wrong ---- */

void streams_virtual_latency(struct streams *s, uint64_t latency_ms)
{
	CHECK(loop_is_virtual(s->loop));
	network_of(s)->latency_ms = latency_ms;
}

void stream_virtual_lose(struct streams *s, struct stream stream)
{
	CHECK(loop_is_virtual(s->loop));
	const struct stream_slot *slot = stream_slot_of(s, stream);
	if (slot == NULL || slot->connecting || slot->accepted != NULL)
		return;
	struct end *e = end_of(s, slot), *peer = end_at(e->network, e->peer);
	e->lost = true;
	wake(e);
	if (peer == NULL)
		return;
	peer->lost = true;
	wake(peer);
}
