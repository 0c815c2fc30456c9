/* Streams on a loop's io_uring: multishot receives into a ring of buffers that all share, multishot
 * accepts, sends in the batch of the step. */
#include "sys/loop_uring.h"

#include <errno.h>
#include <stdlib.h>

#include "sys/sock.h"
#include "sys/streams_internal.h"

/* What a completion is about, in the data that the loop hands back: operation, slot, generation. */
enum { OP_RECEIVE, OP_SEND, OP_ACCEPT, OP_CONNECT, OP_CANCEL };
#define OP_BITS 3u
#define INDEX_BITS 20u
_Static_assert(OP_BITS + INDEX_BITS + 32 <= LOOP_URING_DATA_BITS, "operation, slot, generation");
#define PAGE_SIZE 4096u /* what the kernel wants the ring of buffers to begin on */

/* Received, and kept for a reader that is paused. */
struct stashed {
	uint32_t len;
	uint32_t next;
};

struct ring_state {
	struct loop_uring_user user;
	struct uring *uring;
	struct io_uring_buf_ring *ring; /* owned: a page or more */
	size_t ring_size;
	struct stashed *stashed; /* owned; by buffer */
	uint32_t stashed_count;
	uint32_t in_flight; /* of all slots */
	uint32_t starved;   /* slots that wait for a buffer */
	uint16_t group;
};

static struct ring_state *state_of(const struct streams *s)
{
	return s->state;
}

static uint64_t data_of(const struct streams *s, uint32_t index, unsigned op)
{
	const uint64_t generation = s->slot[index].generation;
	return (generation << INDEX_BITS | index) << OP_BITS | op;
}

/* ---- buffers ---- */

static void buffer_give(struct streams *s, uint32_t id)
{
	struct ring_state *state = state_of(s);
	io_uring_buf_ring_add(state->ring, s->buffer + (size_t)id * s->buffer_size, s->buffer_size,
		(unsigned short)id, io_uring_buf_ring_mask(s->buffer_count), 0);
	/* [BUFFER] release: pairs with the kernel's acquire of the tail */
	io_uring_buf_ring_advance(state->ring, 1);
	for (uint32_t index = state->starved; index != STREAM_NONE;) {
		struct stream_slot *slot = &s->slot[index];
		const uint32_t next = slot->next_starved;
		slot->starved = false;
		streams_make_pending(s, index);
		index = next;
	}
	state->starved = STREAM_NONE;
}

static void starve(struct streams *s, uint32_t index)
{
	struct ring_state *state = state_of(s);
	struct stream_slot *slot = &s->slot[index];
	if (state->stashed_count < s->buffer_count) {
		/* those that were missing have come back since, or are about to */
		streams_make_pending(s, index);
		return;
	}
	slot->starved = true;
	slot->next_starved = state->starved;
	state->starved = index;
}

static void starve_no_more(struct streams *s, uint32_t index)
{
	uint32_t *at = &state_of(s)->starved;
	if (!s->slot[index].starved)
		return;
	while (*at != index)
		at = &s->slot[*at].next_starved;
	*at = s->slot[index].next_starved;
	s->slot[index].starved = false;
}

static void stash(struct streams *s, struct stream_slot *slot, uint32_t id, uint32_t len)
{
	struct ring_state *state = state_of(s);
	state->stashed[id] = (struct stashed){.len = len, .next = STREAM_NONE};
	state->stashed_count++;
	if (slot->stash == STREAM_NONE)
		slot->stash = id;
	else
		state->stashed[slot->stash_end].next = id;
	slot->stash_end = id;
}

/* What was kept goes to the reader, who may pause again, or close. */
static uint32_t unstash(struct streams *s, uint32_t index)
{
	struct ring_state *state = state_of(s);
	struct stream_slot *slot = &s->slot[index];
	uint32_t ran = 0;
	while (slot->stash != STREAM_NONE && (!slot->paused || slot->closing)) {
		const uint32_t id = slot->stash;
		slot->stash = state->stashed[id].next;
		state->stashed_count--;
		ran += stream_tell_received(
			s, index, s->buffer + (size_t)id * s->buffer_size, state->stashed[id].len);
		buffer_give(s, id);
	}
	return ran;
}

/* ---- submitting ---- */

/* NULL: no room now; the slot is looked at again in the next step. */
static struct io_uring_sqe *sqe_for(struct streams *s, uint32_t index)
{
	struct io_uring_sqe *sqe = uring_sqe(state_of(s)->uring);
	if (sqe == NULL)
		streams_make_pending(s, index);
	return sqe;
}

static void submit(struct streams *s, uint32_t index, struct io_uring_sqe *sqe, unsigned op)
{
	sqe->user_data = loop_uring_data(&state_of(s)->user, data_of(s, index, op));
	s->slot[index].in_flight++;
	state_of(s)->in_flight++;
}

/* On the stream's descriptor, which the ring's own table may have. */
static void submit_on(struct streams *s, uint32_t index, struct io_uring_sqe *sqe, unsigned op)
{
	const struct stream_slot *slot = &s->slot[index];
	if (slot->file >= 0) {
		sqe->fd = slot->file;
		sqe->flags |= IOSQE_FIXED_FILE;
	}
	submit(s, index, sqe, op);
}

static void push_cancel(struct streams *s, uint32_t index, unsigned op)
{
	struct stream_slot *slot = &s->slot[index];
	struct io_uring_sqe *sqe = slot->cancelling ? NULL : sqe_for(s, index);
	if (sqe == NULL)
		return;
	io_uring_prep_cancel64(sqe, loop_uring_data(&state_of(s)->user, data_of(s, index, op)), 0);
	slot->cancelling = true;
	submit(s, index, sqe, OP_CANCEL);
}

static void push_receive(struct streams *s, uint32_t index)
{
	struct stream_slot *slot = &s->slot[index];
	struct io_uring_sqe *sqe;
	if (slot->receiving) {
		if (slot->paused)
			push_cancel(s, index, slot->accepted != NULL ? OP_ACCEPT : OP_RECEIVE);
		return;
	}
	if (slot->paused || slot->ended || slot->starved || (sqe = sqe_for(s, index)) == NULL)
		return;
	slot->receiving = true;
	if (slot->accepted != NULL) {
		io_uring_prep_multishot_accept(
			sqe, slot->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		submit_on(s, index, sqe, OP_ACCEPT);
		return;
	}
	io_uring_prep_recv_multishot(sqe, slot->fd, NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = state_of(s)->group;
	submit_on(s, index, sqe, OP_RECEIVE);
}

/* First without waiting for room, so that it has completed when the submission has: where nobody
 * waits for that, the loop waits for one completion more. Only what finds no room waits. */
static void push_send(struct streams *s, uint32_t index)
{
	struct stream_slot *slot = &s->slot[index];
	struct io_uring_sqe *sqe;
	if (slot->sending || slot->out.len == 0 || (sqe = sqe_for(s, index)) == NULL)
		return;
	io_uring_prep_send(sqe, slot->fd, slot->out.ptr + slot->out_done,
		slot->out.len - slot->out_done,
		MSG_NOSIGNAL | MSG_WAITALL | (slot->send_waits ? 0 : MSG_DONTWAIT));
	slot->sending = slot->begun = true;
	submit_on(s, index, sqe, OP_SEND);
	if (!slot->send_waits && !slot->end_wanted && slot->events->sent == NULL)
		loop_uring_expect(s->loop);
}

static void push_connect(struct streams *s, uint32_t index)
{
	struct stream_slot *slot = &s->slot[index];
	struct io_uring_sqe *sqe = slot->submitted ? NULL : sqe_for(s, index);
	if (sqe == NULL)
		return;
	slot->submitted = true;
	io_uring_prep_connect(
		sqe, slot->fd, (const struct sockaddr *)(void *)slot->to.bytes, slot->to.len);
	submit_on(s, index, sqe, OP_CONNECT);
}

/* Ending both directions makes whatever is in flight complete, but for a connection that is under
 * way. */
static uint32_t push_close(struct streams *s, uint32_t index)
{
	struct stream_slot *slot = &s->slot[index];
	if (!slot->shut) {
		slot->shut = true;
		sock_shut(slot->fd);
	}
	if (slot->submitted)
		push_cancel(s, index, OP_CONNECT);
	(void)unstash(s, index);
	starve_no_more(s, index);
	if (slot->in_flight > 0 || slot->pending)
		return 0;
	if (slot->file >= 0)
		uring_file_remove(state_of(s)->uring, slot->file);
	return stream_finish(s, index);
}

static uint32_t ring_push(struct streams *s, uint32_t index)
{
	struct stream_slot *slot = &s->slot[index];
	if (slot->closing)
		return push_close(s, index);
	if (!slot->registered) {
		slot->registered = true;
		slot->file = uring_file_add(state_of(s)->uring, slot->fd);
	}
	if (slot->connecting) {
		push_connect(s, index);
		return 0;
	}
	uint32_t ran = unstash(s, index);
	if (!slot->closing && slot->ended && !slot->ended_told)
		ran += stream_tell_ended(s, index, slot->ended_with);
	if (slot->closing)
		return ran; /* by a callback: pending again */
	push_receive(s, index);
	push_send(s, index);
	if (slot->end_wanted && !slot->end_done && slot->out.len == 0) {
		slot->end_done = true;
		sock_end(slot->fd);
	}
	return ran;
}

/* ---- completions ---- */

static uint32_t received(struct streams *s, uint32_t index, const struct io_uring_cqe *cqe)
{
	struct stream_slot *slot = &s->slot[index];
	uint32_t ran = 0;
	if ((cqe->flags & IORING_CQE_F_BUFFER) != 0) {
		const uint32_t id = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
		if (cqe->res > 0 && !slot->closing &&
			(slot->paused || slot->stash != STREAM_NONE)) {
			stash(s, slot, id, (uint32_t)cqe->res);
		} else {
			if (cqe->res > 0)
				ran = stream_tell_received(s, index,
					s->buffer + (size_t)id * s->buffer_size, (size_t)cqe->res);
			buffer_give(s, id);
		}
	}
	if (cqe->res == -ENOBUFS)
		starve(s, index);
	else if (cqe->res == 0)
		ran += stream_tell_ended(s, index, OK);
	else if (cqe->res < 0 && cqe->res != -ECANCELED)
		ran += stream_tell_ended(s, index, ERR_IO);
	return ran;
}

static uint32_t sent(struct streams *s, uint32_t index, int result)
{
	struct stream_slot *slot = &s->slot[index];
	slot->sending = false;
	if (result > 0)
		slot->out_done += (size_t)result;
	if (slot->out_done == slot->out.len)
		return stream_tell_sent(s, index, OK);
	if (result < 0 && result != -EAGAIN && result != -EINTR)
		return stream_tell_sent(s, index, ERR_IO);
	slot->send_waits = true;
	streams_make_pending(s, index);
	return 0;
}

static uint32_t complete(void *ctx, uint64_t data, const struct io_uring_cqe *cqe)
{
	struct streams *s = ctx;
	const unsigned op = data & ((1u << OP_BITS) - 1);
	const uint32_t index = (uint32_t)(data >> OP_BITS) & ((1u << INDEX_BITS) - 1);
	struct stream_slot *slot = &s->slot[index];
	uint32_t ran = 0;
	/* one that has ended is in flight no more, whatever its callback does */
	if ((cqe->flags & IORING_CQE_F_MORE) == 0) {
		slot->in_flight--;
		state_of(s)->in_flight--;
		if (op == OP_RECEIVE || op == OP_ACCEPT)
			slot->receiving = false;
		if (op == OP_CANCEL)
			slot->cancelling = false;
		if (op == OP_CONNECT)
			slot->submitted = false;
		if (op != OP_SEND && cqe->res != -ENOBUFS)
			streams_make_pending(s, index);
	}
	switch (op) {
	case OP_RECEIVE: ran = received(s, index, cqe); break;
	case OP_SEND: ran = sent(s, index, cqe->res); break;
	case OP_CONNECT:
		ran = stream_tell_connected(
			s, index, cqe->res == 0 ? OK : sock_error_of(-cqe->res));
		break;
	case OP_ACCEPT:
		if (cqe->res != -ECANCELED)
			ran = stream_tell_accepted(s, index, cqe->res);
		break;
	default: break;
	}
	if (slot->closing)
		streams_make_pending(s, index);
	return ran;
}

/* ---- life ---- */

static enum err map_buffers(struct streams *s, struct ring_state *state)
{
	const size_t size = s->buffer_count * sizeof(struct io_uring_buf);
	state->ring_size = (size + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
	state->ring = aligned_alloc(PAGE_SIZE, state->ring_size);
	state->stashed = calloc(s->buffer_count, sizeof *state->stashed);
	s->buffer = malloc((size_t)s->buffer_count * s->buffer_size);
	if (state->ring == NULL || state->stashed == NULL || s->buffer == NULL)
		return ERR_FULL;
	memset(state->ring, 0, state->ring_size);
	return OK;
}

static void unmap_buffers(struct streams *s, struct ring_state *state)
{
	free(state->ring);
	free(state->stashed);
	free(s->buffer);
	free(state);
}

static enum err ring_open(struct streams *s)
{
	struct uring *uring = loop_uring_ring(s->loop);
	if (uring == NULL || uring->level < URING_STREAM)
		return ERR_UNAVAILABLE;
	struct ring_state *state = calloc(1, sizeof *state);
	if (state == NULL)
		return ERR_FULL;
	state->uring = uring;
	state->starved = STREAM_NONE;
	state->user = (struct loop_uring_user){.complete = complete, .ctx = s};
	enum err err = map_buffers(s, state);
	if (err == OK)
		err = loop_uring_user_add(s->loop, &state->user);
	if (err != OK) {
		unmap_buffers(s, state);
		return err;
	}
	s->state = state;
	state->group = (uint16_t)state->user.number;
	struct io_uring_buf_reg reg = {.ring_addr = (uint64_t)(uintptr_t)state->ring,
		.ring_entries = s->buffer_count,
		.bgid = state->group};
	if (io_uring_register_buf_ring(&uring->ring, &reg, 0) != 0) {
		loop_uring_user_remove(s->loop, &state->user);
		unmap_buffers(s, state);
		return ERR_UNAVAILABLE;
	}
	for (uint32_t i = 0; i < s->buffer_count; i++)
		buffer_give(s, i);
	return OK;
}

static void ring_close(struct streams *s)
{
	struct ring_state *state = state_of(s);
	while (state->in_flight > 0)
		loop_uring_drain(s->loop, &state->user);
	(void)io_uring_unregister_buf_ring(&state->uring->ring, state->group);
	loop_uring_user_remove(s->loop, &state->user);
	for (uint32_t i = 0; i < s->touched; i++) {
		if (s->slot[i].fd >= 0 && s->slot[i].file >= 0)
			uring_file_remove(state->uring, s->slot[i].file);
		sock_close(s->slot[i].fd);
	}
	unmap_buffers(s, state);
}

const struct streams_way streams_by_ring = {
	.native = true,
	.open = ring_open,
	.close = ring_close,
	.push = ring_push,
};
