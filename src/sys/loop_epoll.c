/* The loop on epoll: descriptors level-triggered, wakes through an eventfd. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "sys/clock.h"
#include "sys/loop_internal.h"

#define EVENT_BATCH 256
#define NS_PER_S UINT64_C(1000000000)
#define WAKE_EVENT UINT64_MAX /* data of the eventfd: no descriptor has it */

struct epoll_state {
	int epoll_fd, wake_fd;
	bool wait_in_ms; /* the system has no epoll_pwait2 */
};

static struct epoll_state *state_of(const struct loop *loop)
{
	return loop->state;
}

/* ---- descriptors ---- */

/* The kernel forgets a descriptor when it is closed, without telling us: add and modify stand in
 * for each other. */
static bool put(int epoll_fd, int fd, bool known, struct epoll_event *event)
{
	if (epoll_ctl(epoll_fd, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, event) == 0)
		return true;
	if (known && errno == ENOENT)
		return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, event) == 0;
	if (!known && errno == EEXIST)
		return epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fd, event) == 0;
	return false;
}

static enum err epoll_fd_arm(struct loop *loop, int fd, const struct fd_slot *slot, bool known)
{
	struct epoll_event event = {
		.events = (slot->interest & LOOP_READ ? (uint32_t)EPOLLIN : 0) |
			(slot->interest & LOOP_WRITE ? (uint32_t)EPOLLOUT : 0),
		.data.u64 = (uint64_t)slot->generation << 32 | (uint32_t)fd,
	};
	return put(state_of(loop)->epoll_fd, fd, known, &event) ? OK : ERR_IO;
}

static void epoll_fd_disarm(struct loop *loop, int fd, const struct fd_slot *slot)
{
	(void)slot;
	/* fails where the descriptor was closed before, which removed it */
	(void)epoll_ctl(state_of(loop)->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

static uint32_t dispatch(struct loop *loop, const struct epoll_event *event)
{
	if (event->data.u64 == WAKE_EVENT)
		return 0;
	unsigned ready = 0;
	if (event->events & EPOLLIN)
		ready |= LOOP_READ;
	if (event->events & EPOLLOUT)
		ready |= LOOP_WRITE;
	if (event->events & (EPOLLERR | EPOLLHUP))
		ready |= LOOP_ERROR;
	return loop_fd_dispatch(
		loop, (uint32_t)event->data.u64, (uint32_t)(event->data.u64 >> 32), ready);
}

/* ---- waiting ---- */

static int wait_ms_of(uint64_t wait_ns)
{
	if (wait_ns == UINT64_MAX)
		return -1;
	/* rounded up: a timer is never early, and never spins for its last part */
	const uint64_t ms = wait_ns / NS_PER_MS + (wait_ns % NS_PER_MS != 0);
	return ms > INT32_MAX ? INT32_MAX : (int)ms;
}

static int wait_for(struct epoll_state *state, struct epoll_event *event, uint64_t wait_ns)
{
	if (!state->wait_in_ms && wait_ns != 0 && wait_ns != UINT64_MAX) {
		const struct timespec wait = {.tv_sec = (time_t)(wait_ns / NS_PER_S),
			.tv_nsec = (long)(wait_ns % NS_PER_S)};
		const int n = epoll_pwait2(state->epoll_fd, event, EVENT_BATCH, &wait, NULL);
		/* EPERM: what some filters of system calls answer for one that they don't know */
		if (n >= 0 || (errno != ENOSYS && errno != EPERM))
			return n;
		state->wait_in_ms = true;
	}
	return epoll_wait(state->epoll_fd, event, EVENT_BATCH, wait_ms_of(wait_ns));
}

static uint32_t epoll_step(struct loop *loop, uint64_t wait_ms)
{
	struct epoll_event event[EVENT_BATCH];
	uint32_t ran;
	const bool busy = loop_run_hooks(loop, &ran);
	const int n = wait_for(state_of(loop), event, loop_wait_begin(loop, busy ? 0 : wait_ms));
	CHECK(n >= 0 || errno == EINTR);
	ran += loop_run_wakers(loop);
	for (int i = 0; i < n; i++)
		ran += dispatch(loop, &event[i]);
	ran += loop_run_timers(loop, clock_mono_ns());
	return ran;
}

static void epoll_wake(struct loop *loop)
{
	const int saved = errno; /* may run in a signal handler */
	const uint64_t one = 1;
	while (write(state_of(loop)->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
		continue;
	errno = saved;
}

/* ---- life ---- */

static enum err epoll_open(struct loop *loop)
{
	struct epoll_state *state = calloc(1, sizeof *state);
	if (state == NULL)
		return ERR_FULL;
	loop->state = state;
	state->wake_fd = -1;
	state->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (state->epoll_fd < 0)
		return ERR_IO;
	state->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (state->wake_fd < 0)
		return ERR_IO;
	/* edge-triggered: each write is an event of its own, and the count is never read. It would
	 * be full after 2^64 wakes. */
	struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = WAKE_EVENT};
	const int rc = epoll_ctl(state->epoll_fd, EPOLL_CTL_ADD, state->wake_fd, &event);
	return rc == 0 ? OK : ERR_IO;
}

static void epoll_close(struct loop *loop)
{
	struct epoll_state *state = state_of(loop);
	if (state == NULL)
		return;
	if (state->epoll_fd >= 0)
		(void)close(state->epoll_fd);
	if (state->wake_fd >= 0)
		(void)close(state->wake_fd);
	free(state);
	loop->state = NULL;
}

const struct loop_backend loop_epoll = {
	.name = "epoll",
	.open = epoll_open,
	.close = epoll_close,
	.step = epoll_step,
	.wake = epoll_wake,
	.fd_arm = epoll_fd_arm,
	.fd_disarm = epoll_fd_disarm,
};
