#include "sys/streams.h"

#include <errno.h>
#include <stdlib.h>

#include "sys/sock.h"
#include "sys/streams_internal.h"

#define STREAM_MAX_DEFAULT 1024u
#define STREAM_MAX_MAX (1u << 20)
#define BUFFER_COUNT_DEFAULT 1024u
#define BUFFER_COUNT_MAX 32768u
#define BUFFER_SIZE_DEFAULT 4096u
#define ACCEPT_RETRY_MS 100u /* after the process ran out of descriptors */

/* ---- slots ---- */

struct stream stream_of(const struct streams *s, uint32_t index)
{
	return (struct stream){.id = (uint64_t)s->slot[index].generation << 32 | (index + 1)};
}

struct stream_slot *stream_slot_of(struct streams *s, struct stream stream)
{
	const uint32_t number = (uint32_t)stream.id;
	if (number == 0 || number > s->touched)
		return NULL;
	struct stream_slot *slot = &s->slot[number - 1];
	const bool current = slot->fd >= 0 && slot->generation == (uint32_t)(stream.id >> 32);
	return current && !slot->closing ? slot : NULL;
}

static uint32_t index_of(const struct streams *s, const struct stream_slot *slot)
{
	return (uint32_t)(slot - s->slot);
}

void streams_make_pending(struct streams *s, uint32_t index)
{
	struct stream_slot *slot = &s->slot[index];
	if (slot->pending)
		return;
	slot->pending = true;
	slot->next = STREAM_NONE;
	if (s->pending == STREAM_NONE)
		s->pending = index;
	else
		s->slot[s->pending_end].next = index;
	s->pending_end = index;
}

static enum err slot_take(struct streams *s, struct stream_slot **out, int fd)
{
	uint32_t index = s->free;
	if (index != STREAM_NONE)
		s->free = s->slot[index].next;
	else if (s->touched < s->stream_max)
		index = s->touched++;
	else
		return ERR_FULL;
	s->open_count++;
	struct stream_slot *slot = &s->slot[index];
	*slot = (struct stream_slot){.generation = slot->generation,
		.owner = s,
		.fd = fd,
		.file = -1,
		.stash = STREAM_NONE,
		.stash_end = STREAM_NONE};
	*out = slot;
	return OK;
}

uint32_t stream_finish(struct streams *s, uint32_t index)
{
	struct stream_slot *slot = &s->slot[index];
	CHECK(slot->closing && slot->in_flight == 0 && !slot->pending);
	const struct stream_events *events = slot->events;
	void *ctx = slot->ctx;
	loop_timer_cancel(s->loop, &slot->timer);
	stream_discard(s, slot->fd);
	slot->fd = -1;
	s->open_count--;
	slot->generation++;
	slot->next = s->free;
	s->free = index;
	if (s->destroying || events == NULL || events->closed == NULL)
		return 0;
	events->closed(ctx);
	return 1;
}

/* ---- telling ---- */

uint32_t stream_tell_received(struct streams *s, uint32_t index, const void *bytes, size_t len)
{
	const struct stream_slot *slot = &s->slot[index];
	if (slot->closing || slot->ended_told)
		return 0;
	slot->events->received(slot->ctx, stream_of(s, index), slice_of(bytes, len));
	return 1;
}

uint32_t stream_tell_ended(struct streams *s, uint32_t index, enum err err)
{
	struct stream_slot *slot = &s->slot[index];
	if (!slot->ended) {
		slot->ended = true;
		slot->ended_with = err;
	}
	/* a paused reader hears of it after what it has not read yet */
	if (slot->closing || slot->ended_told || slot->paused || slot->stash != STREAM_NONE)
		return 0;
	slot->ended_told = true;
	slot->events->ended(slot->ctx, stream_of(s, index), slot->ended_with);
	return 1;
}

uint32_t stream_tell_sent(struct streams *s, uint32_t index, enum err err)
{
	struct stream_slot *slot = &s->slot[index];
	slot->out = slice_of(NULL, 0);
	slot->out_done = 0;
	if (slot->end_wanted && !slot->end_done)
		streams_make_pending(s, index);
	if (slot->closing || slot->events->sent == NULL)
		return 0;
	slot->events->sent(slot->ctx, stream_of(s, index), err);
	return 1;
}

/* Whoever was connecting hears of that; everybody else of the end. */
static void on_deadline(void *ctx)
{
	struct stream_slot *slot = ctx;
	struct streams *s = slot->owner;
	slot->timer.id = 0;
	if (slot->connecting)
		(void)stream_tell_connected(s, index_of(s, slot), ERR_TIMEOUT);
	else if (!slot->ended_told && !slot->closing) {
		slot->ended = slot->ended_told = true;
		slot->events->ended(slot->ctx, stream_of(s, index_of(s, slot)), ERR_TIMEOUT);
	}
}

uint32_t stream_tell_connected(struct streams *s, uint32_t index, enum err err)
{
	struct stream_slot *slot = &s->slot[index];
	if (!slot->connecting)
		return 0; /* told already: the deadline came first */
	slot->connecting = false;
	if (err != OK)
		slot->ended = slot->ended_told = true;
	streams_make_pending(s, index);
	if (slot->closing)
		return 0;
	slot->events->connected(slot->ctx, stream_of(s, index), err);
	return 1;
}

static void on_retry(void *ctx)
{
	struct streams *s = ctx;
	for (uint32_t i = 0; i < s->touched; i++) {
		struct stream_slot *slot = &s->slot[i];
		if (slot->fd < 0 || slot->accepted == NULL || slot->timer.id == 0)
			continue;
		slot->timer.id = 0;
		slot->paused = false;
		streams_make_pending(s, i);
	}
}

uint32_t stream_tell_accepted(struct streams *s, uint32_t index, int result)
{
	struct stream_slot *slot = &s->slot[index];
	if (slot->closing) {
		if (result >= 0)
			stream_discard(s, result);
		return 0;
	}
	if (result >= 0) {
		slot->accepted(slot->ctx, OK, result);
		return 1;
	}
	const bool full = result == -EMFILE || result == -ENFILE || result == -ENOBUFS ||
		result == -ENOMEM;
	if (!full)
		return 0; /* one that went away while it waited */
	/* the one that waits would wake us for ever: look again later */
	slot->paused = true;
	if (slot->timer.id == 0)
		(void)!loop_timer_set(s->loop, &slot->timer, ACCEPT_RETRY_MS, on_retry, s);
	slot->accepted(slot->ctx, ERR_FULL, -1);
	return 1;
}

/* ---- what callers ask for ---- */

enum err stream_open(struct streams *s, struct stream *out, int fd,
	const struct stream_events *events, void *ctx)
{
	struct stream_slot *slot;
	CHECK(fd >= 0);
	TRY(slot_take(s, &slot, fd));
	slot->events = events;
	slot->ctx = ctx;
	*out = stream_of(s, index_of(s, slot));
	streams_make_pending(s, index_of(s, slot));
	return OK;
}

static enum err socket_connect(
	struct streams *s, int *fd, struct sock_address *to, const char *address, uint16_t port)
{
	TRY(sock_address_parse(to, address, port));
	return s->way->connect != NULL ? s->way->connect(s, fd, address, port)
				       : sock_open_tcp(fd, to);
}

enum err stream_connect(struct streams *s, struct stream *out, const char *address, uint16_t port,
	const struct stream_events *events, void *ctx)
{
	struct sock_address to;
	int fd;
	CHECK(events->connected != NULL);
	TRY(socket_connect(s, &fd, &to, address, port));
	const enum err err = stream_open(s, out, fd, events, ctx);
	if (err != OK) {
		stream_discard(s, fd);
		return err;
	}
	struct stream_slot *slot = stream_slot_of(s, *out);
	CHECK(slot != NULL);
	slot->to = to;
	slot->connecting = true;
	return OK;
}

enum err stream_pair(struct streams *s, struct stream out[2], const struct stream_events *events[2],
	void *ctx[2])
{
	int fd[2];
	/* both or none, so that nothing is left of one alone */
	if (s->stream_max - s->open_count < 2)
		return ERR_FULL;
	TRY(s->way->pair != NULL ? s->way->pair(s, fd) : sock_pair(fd));
	for (uint32_t i = 0; i < 2; i++)
		CHECK(stream_open(s, &out[i], fd[i], events[i], ctx[i]) == OK);
	return OK;
}

enum err stream_listen_tcp(struct streams *s, struct stream *out, const char *address,
	uint16_t port, stream_accept_cb cb, void *ctx)
{
	int fd;
	TRY(s->way->listen != NULL ? s->way->listen(s, &fd, address, port)
				   : sock_listen_tcp(&fd, address, port));
	const enum err err = stream_listen(s, out, fd, cb, ctx);
	if (err != OK)
		stream_discard(s, fd);
	return err;
}

uint16_t stream_port(struct streams *s, struct stream stream)
{
	const struct stream_slot *slot = stream_slot_of(s, stream);
	if (slot == NULL)
		return 0;
	return s->way->port != NULL ? s->way->port(s, slot) : sock_port(slot->fd);
}

void stream_discard(struct streams *s, int fd)
{
	if (s->way->drop != NULL)
		s->way->drop(s, fd);
	else
		sock_close(fd);
}

enum err stream_deadline(struct streams *s, struct stream stream, uint64_t delay_ms)
{
	struct stream_slot *slot = stream_slot_of(s, stream);
	if (slot == NULL)
		return OK;
	CHECK(slot->accepted == NULL);
	loop_timer_cancel(s->loop, &slot->timer);
	if (delay_ms == 0)
		return OK;
	return loop_timer_set(s->loop, &slot->timer, delay_ms, on_deadline, slot);
}

enum err stream_listen(
	struct streams *s, struct stream *out, int fd, stream_accept_cb cb, void *ctx)
{
	struct stream_slot *slot;
	CHECK(fd >= 0 && cb != NULL);
	TRY(slot_take(s, &slot, fd));
	slot->accepted = cb;
	slot->ctx = ctx;
	*out = stream_of(s, index_of(s, slot));
	streams_make_pending(s, index_of(s, slot));
	return OK;
}

enum err stream_send(struct streams *s, struct stream stream, struct slice bytes)
{
	struct stream_slot *slot = stream_slot_of(s, stream);
	CHECK(bytes.len > 0);
	if (slot == NULL || slot->end_wanted || slot->connecting || slot->events == NULL)
		return ERR_STATE;
	if (slot->out.len > 0)
		return ERR_FULL;
	slot->out = bytes;
	slot->send_waits = slot->begun = false;
	streams_make_pending(s, index_of(s, slot));
	return OK;
}

bool stream_is_sending(struct streams *s, struct stream stream)
{
	const struct stream_slot *slot = stream_slot_of(s, stream);
	return slot != NULL && slot->out.len > 0;
}

bool stream_has_begun(struct streams *s, struct stream stream)
{
	const struct stream_slot *slot = stream_slot_of(s, stream);
	return slot == NULL || slot->out.len == 0 || slot->begun;
}

bool stream_is_quiet(struct streams *s, struct stream stream)
{
	const struct stream_slot *slot = stream_slot_of(s, stream);
	if (slot == NULL || slot->ended || slot->stash != STREAM_NONE)
		return false;
	return s->way->is_quiet != NULL ? s->way->is_quiet(s, slot) : sock_is_quiet(slot->fd);
}

void stream_pause(struct streams *s, struct stream stream)
{
	struct stream_slot *slot = stream_slot_of(s, stream);
	if (slot == NULL || slot->paused)
		return;
	slot->paused = true;
	streams_make_pending(s, index_of(s, slot));
}

void stream_resume(struct streams *s, struct stream stream)
{
	struct stream_slot *slot = stream_slot_of(s, stream);
	if (slot == NULL || !slot->paused)
		return;
	slot->paused = false;
	streams_make_pending(s, index_of(s, slot));
}

void stream_end(struct streams *s, struct stream stream)
{
	struct stream_slot *slot = stream_slot_of(s, stream);
	if (slot == NULL || slot->end_wanted)
		return;
	slot->end_wanted = true;
	streams_make_pending(s, index_of(s, slot));
}

void stream_close(struct streams *s, struct stream stream)
{
	struct stream_slot *slot = stream_slot_of(s, stream);
	if (slot == NULL)
		return;
	slot->closing = true;
	loop_timer_cancel(s->loop, &slot->timer);
	streams_make_pending(s, index_of(s, slot));
}

/* ---- life ---- */

/* Before the loop waits. Those that are made pending meanwhile have their turn in the next step. */
static bool push_all(void *ctx, uint32_t *ran)
{
	struct streams *s = ctx;
	uint32_t index = s->pending;
	const uint32_t last = s->pending_end;
	s->pending = s->pending_end = STREAM_NONE;
	while (index != STREAM_NONE) {
		struct stream_slot *slot = &s->slot[index];
		const uint32_t next = index == last ? STREAM_NONE : slot->next;
		slot->pending = false;
		*ran += s->way->push(s, index);
		index = next;
	}
	return s->pending != STREAM_NONE;
}

enum err streams_create(
	struct streams **out, struct loop *loop, const struct streams_config *config)
{
	struct streams *s = calloc(1, sizeof *s);
	if (s == NULL)
		return ERR_FULL;
	s->loop = loop;
	s->stream_max = config->stream_max == 0 ? STREAM_MAX_DEFAULT : config->stream_max;
	s->buffer_count = config->buffer_count == 0 ? BUFFER_COUNT_DEFAULT : config->buffer_count;
	s->buffer_size = config->buffer_size == 0 ? BUFFER_SIZE_DEFAULT : config->buffer_size;
	CHECK(s->stream_max <= STREAM_MAX_MAX && s->buffer_count <= BUFFER_COUNT_MAX &&
		(s->buffer_count & (s->buffer_count - 1)) == 0);
	s->free = s->pending = s->pending_end = STREAM_NONE;
	s->hook = (struct loop_hook){.run = push_all, .ctx = s};
	s->slot = calloc(s->stream_max, sizeof *s->slot);
	s->way = loop_is_virtual(loop) ? &streams_by_simulation
		: config->by_readiness ? &streams_by_readiness
				       : &streams_by_ring;
	enum err err = s->slot == NULL ? ERR_FULL : s->way->open(s);
	if (err == ERR_UNAVAILABLE) {
		s->way = &streams_by_readiness;
		err = s->way->open(s);
	}
	if (err != OK) {
		const int saved = errno;
		free(s->slot);
		free(s);
		errno = saved;
		return err;
	}
	loop_hook_add(loop, &s->hook);
	*out = s;
	return OK;
}

void streams_destroy(struct streams *s)
{
	if (s == NULL)
		return;
	uint32_t ran = 0;
	s->destroying = true;
	for (uint32_t i = 0; i < s->touched; i++) {
		if (s->slot[i].fd < 0)
			continue;
		loop_timer_cancel(s->loop, &s->slot[i].timer);
		s->slot[i].closing = true;
		streams_make_pending(s, i);
	}
	(void)push_all(s, &ran);
	s->way->close(s);
	loop_hook_remove(s->loop, &s->hook);
	free(s->slot);
	free(s);
}

bool streams_are_native(const struct streams *s)
{
	return s->way->native;
}
