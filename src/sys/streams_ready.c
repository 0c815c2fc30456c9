/* Streams by readiness: on any loop, one non-blocking call for each piece. */
#include <errno.h>
#include <stdlib.h>

#include "sys/sock.h"
#include "sys/streams_internal.h"

/* Accepted in one turn, so that connections that exist have theirs. */
#define ACCEPT_BATCH 64

static uint32_t index_of(const struct stream_slot *slot)
{
	return (uint32_t)(slot - slot->owner->slot);
}

static enum err ready_open(struct streams *s)
{
	s->buffer = malloc(s->buffer_size);
	return s->buffer == NULL ? ERR_FULL : OK;
}

static void ready_close(struct streams *s)
{
	free(s->buffer);
}

static void accept_batch(struct stream_slot *slot)
{
	struct streams *s = slot->owner;
	for (int i = 0; i < ACCEPT_BATCH && !slot->closing; i++) {
		int fd = -1;
		const enum err err = sock_accept(&fd, slot->fd);
		if (err == ERR_NOT_FOUND)
			return;
		(void)stream_tell_accepted(s, index_of(slot), err == OK ? fd : -errno);
		if (err != OK)
			break;
	}
	streams_make_pending(s, index_of(slot));
}

static void receive(struct stream_slot *slot)
{
	struct streams *s = slot->owner;
	size_t len = 0;
	const enum err err = sock_read(slot->fd, s->buffer, s->buffer_size, &len);
	if (err == OK && len > 0) {
		(void)stream_tell_received(s, index_of(slot), s->buffer, len);
	} else if (err != ERR_SHORT) {
		(void)stream_tell_ended(s, index_of(slot), err);
		streams_make_pending(s, index_of(slot));
	}
}

static void on_ready(void *ctx, int fd, unsigned ready)
{
	struct stream_slot *slot = ctx;
	(void)fd;
	if ((ready & LOOP_WRITE) != 0)
		streams_make_pending(slot->owner, index_of(slot));
	if (slot->connecting) {
		(void)stream_tell_connected(slot->owner, index_of(slot), sock_error(slot->fd));
		return;
	}
	if ((ready & LOOP_READ) == 0 || slot->closing || slot->paused || slot->ended)
		return;
	if (slot->accepted != NULL)
		accept_batch(slot);
	else
		receive(slot);
}

/* Returns whether the rest has to wait for room. */
static bool send_some(struct streams *s, uint32_t index, uint32_t *ran)
{
	struct stream_slot *slot = &s->slot[index];
	while (slot->out_done < slot->out.len) {
		const struct slice rest = slice_of(
			slot->out.ptr + slot->out_done, slot->out.len - slot->out_done);
		size_t n = 0;
		slot->begun = true;
		const enum err err = sock_write(slot->fd, rest, &n);
		if (err == ERR_SHORT)
			return true;
		if (err != OK) {
			*ran += stream_tell_sent(s, index, ERR_IO);
			return false;
		}
		slot->out_done += n;
	}
	if (slot->out.len > 0)
		*ran += stream_tell_sent(s, index, OK);
	return false;
}

static uint32_t push_connect(struct streams *s, uint32_t index)
{
	struct stream_slot *slot = &s->slot[index];
	if (slot->interest != 0)
		return 0;
	enum err err = sock_connect(slot->fd, &slot->to);
	if (err == OK)
		err = loop_fd_set(s->loop, slot->fd, LOOP_WRITE, on_ready, slot);
	if (err != OK)
		return stream_tell_connected(s, index, err);
	slot->interest = LOOP_WRITE;
	return 0;
}

static uint32_t ready_push(struct streams *s, uint32_t index)
{
	struct stream_slot *slot = &s->slot[index];
	uint32_t ran = 0;
	if (slot->closing) {
		loop_fd_remove(s->loop, slot->fd);
		return stream_finish(s, index);
	}
	if (slot->connecting)
		return push_connect(s, index);
	if (slot->ended && !slot->ended_told)
		ran += stream_tell_ended(s, index, slot->ended_with);
	const bool waits = send_some(s, index, &ran);
	if (slot->closing)
		return ran; /* by a callback: pending again */
	if (slot->end_wanted && !slot->end_done && slot->out.len == 0) {
		slot->end_done = true;
		sock_end(slot->fd);
	}
	const unsigned interest = (slot->paused || slot->ended ? 0u : (unsigned)LOOP_READ) |
		(waits ? (unsigned)LOOP_WRITE : 0u);
	if (interest == slot->interest)
		return ran;
	if (loop_fd_set(s->loop, slot->fd, interest, on_ready, slot) == OK) {
		slot->interest = interest;
		return ran;
	}
	/* the loop has no place for it, or it is no socket: as good as gone */
	if (slot->accepted != NULL)
		return ran + stream_tell_accepted(s, index, -EMFILE);
	return ran + stream_tell_ended(s, index, ERR_IO);
}

const struct streams_way streams_by_readiness = {
	.native = false,
	.open = ready_open,
	.close = ready_close,
	.push = ready_push,
};
