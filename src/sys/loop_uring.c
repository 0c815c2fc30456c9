/* The loop on io_uring: interest in a descriptor is a one-shot poll, armed again in the batch of
 * the next step, which answers at once where it is ready still: that is level-triggered.
 *
 * Every step is one system call: it submits what the callbacks asked for since the last, waits,
 * and brings the completions. */
#include "sys/loop_uring.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/clock.h"
#include "sys/loop_internal.h"

#define SQ_ENTRIES 256u /* one batch */
#define CQ_ENTRIES 4096u
#define POLL_TABLE_MIN 64u
#define EXPECTED_MAX (CQ_ENTRIES / 2)

/* user_data: a kind, and what it is about. */
enum {
	KIND_NONE, /* nobody waits for it */
	KIND_WAKE,
	KIND_POLL, /* serial, descriptor */
	KIND_USER, /* its number, its data */
};
#define DRAIN_WAIT_NS UINT64_C(100000000)
#define KIND_BITS 4u
#define USER_BITS 4u
_Static_assert(KIND_BITS + USER_BITS + LOOP_URING_DATA_BITS == 64, "user_data");
_Static_assert(LOOP_URING_USERS_MAX <= 1u << USER_BITS, "numbers of users");
#define FD_BITS 20u
#define SERIAL_MAX ((UINT64_C(1) << (64 - KIND_BITS - FD_BITS)) - 1)

/* What the kernel knows of a descriptor. */
struct poll {
	uint64_t serial; /* of the poll in flight; 0: none */
	bool dirty;      /* on the list of those to look at before the next submission */
};

struct uring_state {
	struct uring uring;
	int wake_fd;
	int probe_fd; /* an epoll that is asked what can be waited for */
	uint64_t serial;
	struct poll *poll; /* owned; by descriptor */
	uint32_t *dirty;   /* owned; as many places */
	uint32_t poll_table_size, dirty_count;
	const struct loop_uring_user *user[LOOP_URING_USERS_MAX];
	uint32_t expected; /* completions that come with the next submission */
	/* Completions that came while somebody waited for his own. */
	struct io_uring_cqe *kept; /* owned */
	uint32_t kept_count, kept_max;
};

static struct uring_state *state_of(const struct loop *loop)
{
	return loop->state;
}

/* ---- descriptors ---- */

static enum err table_reach(struct uring_state *state, uint32_t fd)
{
	if (fd < state->poll_table_size)
		return OK;
	uint32_t size = state->poll_table_size == 0 ? POLL_TABLE_MIN : state->poll_table_size;
	while (size <= fd)
		size *= 2;
	struct poll *poll = realloc(state->poll, size * sizeof *poll);
	if (poll == NULL)
		return ERR_FULL;
	memset(poll + state->poll_table_size, 0, (size - state->poll_table_size) * sizeof *poll);
	state->poll = poll;
	uint32_t *dirty = realloc(state->dirty, size * sizeof *dirty);
	if (dirty == NULL)
		return ERR_FULL;
	state->dirty = dirty;
	state->poll_table_size = size;
	return OK;
}

/* io_uring calls ready what can't be waited for (files, /dev/null), and tells of a bad descriptor
 * later; the loop's contract is epoll's. */
static bool is_pollable(struct uring_state *state, int fd)
{
	struct stat st;
	if (fstat(fd, &st) != 0)
		return false;
	if (S_ISSOCK(st.st_mode) || S_ISFIFO(st.st_mode))
		return true;
	if (state->probe_fd < 0)
		state->probe_fd = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = {0};
	if (epoll_ctl(state->probe_fd, EPOLL_CTL_ADD, fd, &event) != 0)
		return false;
	(void)epoll_ctl(state->probe_fd, EPOLL_CTL_DEL, fd, NULL);
	return true;
}

static uint64_t poll_data(uint64_t serial, uint32_t fd)
{
	return (serial << FD_BITS | fd) << KIND_BITS | KIND_POLL;
}

static void mark_dirty(struct uring_state *state, uint32_t fd)
{
	if (state->poll[fd].dirty)
		return;
	state->poll[fd].dirty = true;
	state->dirty[state->dirty_count++] = fd;
}

/* Brings what the kernel knows of a descriptor up to date. False: no room now. */
static bool submit_poll(struct loop *loop, uint32_t fd)
{
	struct uring_state *state = state_of(loop);
	struct poll *poll = &state->poll[fd];
	struct io_uring_sqe *sqe;
	if (poll->serial != 0) {
		if ((sqe = uring_sqe(&state->uring)) == NULL)
			return false;
		io_uring_prep_poll_remove(sqe, poll_data(poll->serial, fd));
		sqe->flags = IOSQE_CQE_SKIP_SUCCESS;
		sqe->user_data = KIND_NONE;
		poll->serial = 0;
	}
	const unsigned interest = fd < loop->fd_table_size ? loop->fd[fd].interest : 0;
	if (interest == 0)
		return true;
	if ((sqe = uring_sqe(&state->uring)) == NULL)
		return false;
	io_uring_prep_poll_add(sqe, (int)fd,
		(interest & LOOP_READ ? (unsigned)POLLIN : 0) |
			(interest & LOOP_WRITE ? (unsigned)POLLOUT : 0));
	state->serial = state->serial == SERIAL_MAX ? 1 : state->serial + 1;
	poll->serial = state->serial;
	sqe->user_data = poll_data(poll->serial, fd);
	return true;
}

static void submit_polls(struct loop *loop)
{
	struct uring_state *state = state_of(loop);
	while (state->dirty_count > 0) {
		const uint32_t fd = state->dirty[state->dirty_count - 1];
		if (!submit_poll(loop, fd))
			break; /* again in the next step */
		state->poll[fd].dirty = false;
		state->dirty_count--;
	}
}

static enum err uring_fd_arm(struct loop *loop, int fd, const struct fd_slot *slot, bool known)
{
	(void)slot; /* read when it is submitted */
	struct uring_state *state = state_of(loop);
	TRY(table_reach(state, (uint32_t)fd));
	if (!known && !is_pollable(state, fd))
		return ERR_IO;
	/* Also where nothing seems to change: the number may name something else by now. */
	mark_dirty(state, (uint32_t)fd);
	return OK;
}

static void uring_fd_disarm(struct loop *loop, int fd, const struct fd_slot *slot)
{
	struct uring_state *state = state_of(loop);
	(void)slot;
	if (state->poll[fd].serial == 0)
		return;
	/* at once, for a poll holds what the number names: a socket that is closed next has to end
	 * now, and a port to be free */
	loop->fd[fd].interest = 0;
	mark_dirty(state, (uint32_t)fd);
	submit_polls(loop);
	uring_flush(&state->uring);
}

static uint32_t poll_done(struct loop *loop, const struct io_uring_cqe *cqe)
{
	struct uring_state *state = state_of(loop);
	const uint64_t data = cqe->user_data >> KIND_BITS;
	const uint32_t fd = (uint32_t)(data & ((1u << FD_BITS) - 1));
	struct poll *poll = &state->poll[fd];
	if (poll->serial != data >> FD_BITS)
		return 0; /* of an interest that was changed or withdrawn since */
	poll->serial = 0;
	mark_dirty(state, fd);
	unsigned ready = 0;
	if (cqe->res < 0 || (cqe->res & (POLLERR | POLLHUP | POLLNVAL)) != 0)
		ready |= LOOP_ERROR;
	if (cqe->res > 0 && (cqe->res & POLLIN) != 0)
		ready |= LOOP_READ;
	if (cqe->res > 0 && (cqe->res & POLLOUT) != 0)
		ready |= LOOP_WRITE;
	return loop_fd_dispatch(loop, fd, loop->fd[fd].generation, ready);
}

/* ---- steps ---- */

static void arm_wake(struct uring_state *state)
{
	struct io_uring_sqe *sqe = uring_sqe(&state->uring);
	CHECK(sqe != NULL); /* it is armed when the queue was just made, or has just completed */
	io_uring_prep_poll_multishot(sqe, state->wake_fd, POLLIN);
	sqe->user_data = KIND_WAKE;
}

static uint32_t complete(struct loop *loop, const struct io_uring_cqe *cqe)
{
	switch (cqe->user_data & ((1u << KIND_BITS) - 1)) {
	case KIND_WAKE:
		/* each write is an event of its own; the count is never read */
		if ((cqe->flags & IORING_CQE_F_MORE) == 0)
			arm_wake(state_of(loop));
		return 0;
	case KIND_POLL: return poll_done(loop, cqe);
	case KIND_USER: {
		const uint64_t data = cqe->user_data >> KIND_BITS;
		const struct loop_uring_user *user =
			state_of(loop)->user[data & ((1u << USER_BITS) - 1)];
		CHECK(user != NULL);
		return user->complete(user->ctx, data >> USER_BITS, cqe);
	}
	default: return 0;
	}
}

/* As many as there are now: those that callbacks cause have their turn in the next step. */
static uint32_t complete_all(struct loop *loop)
{
	struct uring_state *state = state_of(loop);
	uint32_t ran = 0;
	for (uint32_t i = 0; i < state->kept_count; i++) {
		const struct io_uring_cqe cqe = state->kept[i];
		ran += complete(loop, &cqe);
	}
	state->kept_count = 0;
	for (uint32_t left = uring_ready(&state->uring); left > 0; left--) {
		struct io_uring_cqe cqe;
		uring_reap(&state->uring, &cqe);
		ran += complete(loop, &cqe);
	}
	return ran;
}

static void bind_ring(struct uring_state *state)
{
	if (state->uring.bound)
		return;
	CHECK(uring_bind(&state->uring) == OK);
	arm_wake(state);
}

static uint32_t uring_step(struct loop *loop, uint64_t wait_ms)
{
	struct uring_state *state = state_of(loop);
	struct uring *uring = &state->uring;
	uint32_t ran;
	bind_ring(state);
	const bool busy = loop_run_hooks(loop, &ran);
	submit_polls(loop);
	const uint64_t wait_ns = loop_wait_begin(loop, busy ? 0 : wait_ms);
	const bool ready = uring_ready(uring) > 0 || state->kept_count > 0;
	const uint32_t count = 1 +
		(state->expected < EXPECTED_MAX ? state->expected : EXPECTED_MAX);
	state->expected = 0;
	if (ready || wait_ns == 0)
		uring_flush(uring); /* what is ready now is seen now */
	else
		uring_enter(uring, count, wait_ns);
	ran += loop_run_wakers(loop);
	ran += complete_all(loop);
	return ran + loop_run_timers(loop, clock_mono_ns());
}

static void uring_wake(struct loop *loop)
{
	const int saved = errno; /* may run in a signal handler */
	const uint64_t one = 1;
	while (write(state_of(loop)->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
		continue;
	errno = saved;
}

/* ---- users ---- */

struct uring *loop_uring_ring(const struct loop *loop)
{
	return loop->backend == &loop_uring ? &state_of(loop)->uring : NULL;
}

enum err loop_uring_user_add(struct loop *loop, struct loop_uring_user *user)
{
	struct uring_state *state = state_of(loop);
	for (uint32_t i = 0; i < LOOP_URING_USERS_MAX; i++) {
		if (state->user[i] != NULL)
			continue;
		user->number = i;
		state->user[i] = user;
		return OK;
	}
	return ERR_FULL;
}

void loop_uring_user_remove(struct loop *loop, const struct loop_uring_user *user)
{
	struct uring_state *state = state_of(loop);
	CHECK(state->user[user->number] == user);
	state->user[user->number] = NULL;
}

uint64_t loop_uring_data(const struct loop_uring_user *user, uint64_t data)
{
	return (data << USER_BITS | user->number) << KIND_BITS | KIND_USER;
}

void loop_uring_expect(struct loop *loop)
{
	state_of(loop)->expected++;
}

static void keep(struct uring_state *state, const struct io_uring_cqe *cqe)
{
	if (state->kept_count == state->kept_max) {
		state->kept_max = state->kept_max == 0 ? SQ_ENTRIES : state->kept_max * 2;
		state->kept = realloc(state->kept, state->kept_max * sizeof *state->kept);
		CHECK(state->kept != NULL); /* to lose one would be to lose a descriptor */
	}
	state->kept[state->kept_count++] = *cqe;
}

void loop_uring_drain(struct loop *loop, const struct loop_uring_user *user)
{
	struct uring_state *state = state_of(loop);
	bind_ring(state);
	uring_enter(&state->uring, 1, DRAIN_WAIT_NS);
	for (uint32_t left = uring_ready(&state->uring); left > 0; left--) {
		struct io_uring_cqe cqe;
		uring_reap(&state->uring, &cqe);
		const uint64_t data = cqe.user_data >> KIND_BITS;
		if ((cqe.user_data & ((1u << KIND_BITS) - 1)) == KIND_USER &&
			(data & ((1u << USER_BITS) - 1)) == user->number)
			(void)user->complete(user->ctx, data >> USER_BITS, &cqe);
		else
			keep(state, &cqe);
	}
}

/* ---- life ---- */

static enum err uring_backend_open(struct loop *loop)
{
	struct uring_state *state = calloc(1, sizeof *state);
	if (state == NULL)
		return ERR_FULL;
	loop->state = state;
	state->wake_fd = state->probe_fd = -1;
	const struct uring_config config = {.sq_entries = SQ_ENTRIES,
		.cq_entries = CQ_ENTRIES,
		.file_max = loop->registered_max,
		.sq_idle_ms = loop->sq_idle_ms};
	TRY(uring_open(&state->uring, &config, loop->reason, sizeof loop->reason));
	state->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return state->wake_fd < 0 ? ERR_IO : OK;
}

static void uring_backend_close(struct loop *loop)
{
	struct uring_state *state = state_of(loop);
	if (state == NULL)
		return;
	uring_close(&state->uring);
	if (state->wake_fd >= 0)
		(void)close(state->wake_fd);
	if (state->probe_fd >= 0)
		(void)close(state->probe_fd);
	free(state->poll);
	free(state->dirty);
	free(state->kept);
	free(state);
	loop->state = NULL;
}

enum err loop_uring_probe(char reason[LOOP_REASON_SIZE])
{
	struct uring uring;
	const struct uring_config config = {.sq_entries = SQ_ENTRIES, .cq_entries = CQ_ENTRIES};
	reason[0] = 0;
	TRY(uring_open(&uring, &config, reason, LOOP_REASON_SIZE));
	uring_close(&uring);
	return OK;
}

const struct loop_backend loop_uring = {
	.name = "io_uring",
	.open = uring_backend_open,
	.close = uring_backend_close,
	.step = uring_step,
	.wake = uring_wake,
	.fd_arm = uring_fd_arm,
	.fd_disarm = uring_fd_disarm,
};
