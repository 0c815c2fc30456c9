#include "sys/loop.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "sys/clock.h"

#define TIMER_MAX_DEFAULT 65536u
#define TIMER_MAX_MAX (1u << 24)
#define FD_MAX_DEFAULT 4096u
#define FD_NUMBER_MAX (1u << 20) /* descriptors with a larger number are refused */
#define FD_TABLE_MIN 64u
#define EVENT_BATCH 256
#define NS_PER_MS UINT64_C(1000000)
#define DELAY_MAX_MS UINT64_C(3153600000000) /* 100 years: sums in nanoseconds stay in 64 bits */
#define NO_SLOT UINT32_MAX

_Static_assert(LOOP_WAKERS_MAX <= 32, "wakers are bits of one word");

/* A timer's place: generation counts its uses, so that a handle of an earlier use is stale. */
struct timer_slot {
	loop_cb cb;
	void *ctx;
	uint32_t heap_index; /* while set */
	uint32_t generation;
	uint32_t next_free; /* while free */
};

/* Heap order: due time, then the order of setting. */
struct heap_entry {
	uint64_t due_ns;
	uint64_t seq;
	uint32_t slot;
};

struct fd_slot {
	loop_fd_cb cb;
	void *ctx;
	unsigned interest;   /* 0: free */
	uint32_t generation; /* an event that was reported for an earlier use is dropped */
};

struct waker {
	loop_cb cb; /* NULL: free */
	void *ctx;
};

struct loop {
	bool virtual_time;
	bool stopping;
	uint64_t now_ns;        /* virtual: the clock */
	uint64_t start_wall_ms; /* virtual */

	struct heap_entry *heap; /* owned; timer_max entries, timer_count used */
	struct timer_slot *timer;
	uint32_t timer_max, timer_count;
	uint32_t timer_touched; /* slots ever used; those above were never free-listed */
	uint32_t timer_free;    /* head of the list of free slots below timer_touched */
	uint64_t timer_seq;

	int epoll_fd, wake_fd; /* -1 on a virtual loop */
	struct fd_slot *fd;    /* owned; indexed by descriptor */
	uint32_t fd_table_size, fd_count, fd_max;

	struct waker waker[LOOP_WAKERS_MAX];
	uint32_t waker_count;
	_Atomic uint32_t wakes; /* one bit for each waker that was woken and not run yet */
};

/* ---- time ---- */

static uint64_t now_ns(const struct loop *loop)
{
	return loop->virtual_time ? loop->now_ns : clock_mono_ns();
}

uint64_t loop_now_ms(const struct loop *loop)
{
	return now_ns(loop) / NS_PER_MS;
}

uint64_t loop_wall_ms(const struct loop *loop)
{
	return loop->virtual_time ? loop->start_wall_ms + loop->now_ns / NS_PER_MS
				  : clock_wall_ms();
}

bool loop_is_virtual(const struct loop *loop)
{
	return loop->virtual_time;
}

/* ---- timers: a binary heap of (due, seq), and slots that know their place in it ---- */

static bool heap_before(const struct heap_entry *a, const struct heap_entry *b)
{
	return a->due_ns < b->due_ns || (a->due_ns == b->due_ns && a->seq < b->seq);
}

static void heap_place(struct loop *loop, uint32_t index, struct heap_entry entry)
{
	loop->heap[index] = entry;
	loop->timer[entry.slot].heap_index = index;
}

static void heap_up(struct loop *loop, uint32_t index, struct heap_entry entry)
{
	while (index > 0) {
		const uint32_t parent = (index - 1) / 2;
		if (!heap_before(&entry, &loop->heap[parent]))
			break;
		heap_place(loop, index, loop->heap[parent]);
		index = parent;
	}
	heap_place(loop, index, entry);
}

static void heap_down(struct loop *loop, uint32_t index, struct heap_entry entry)
{
	for (;;) {
		uint32_t child = 2 * index + 1;
		if (child >= loop->timer_count)
			break;
		if (child + 1 < loop->timer_count &&
			heap_before(&loop->heap[child + 1], &loop->heap[child]))
			child++;
		if (!heap_before(&loop->heap[child], &entry))
			break;
		heap_place(loop, index, loop->heap[child]);
		index = child;
	}
	heap_place(loop, index, entry);
}

/* Takes the timer out of the heap and frees its slot. */
static void timer_remove(struct loop *loop, uint32_t index)
{
	CHECK(index < loop->timer_count);
	struct timer_slot *slot = &loop->timer[loop->heap[index].slot];
	const uint32_t freed = loop->heap[index].slot;
	const struct heap_entry last = loop->heap[--loop->timer_count];
	if (index < loop->timer_count) {
		if (index > 0 && heap_before(&last, &loop->heap[(index - 1) / 2]))
			heap_up(loop, index, last);
		else
			heap_down(loop, index, last);
	}
	slot->generation++;
	slot->cb = NULL;
	slot->next_free = loop->timer_free;
	loop->timer_free = freed;
}

enum err loop_timer_set(
	struct loop *loop, struct loop_timer *out, uint64_t delay_ms, loop_cb cb, void *ctx)
{
	if (loop->timer_count == loop->timer_max)
		return ERR_FULL;
	uint32_t index = loop->timer_free;
	if (index != NO_SLOT)
		loop->timer_free = loop->timer[index].next_free;
	else
		index = loop->timer_touched++;
	CHECK(index < loop->timer_max);
	struct timer_slot *slot = &loop->timer[index];
	slot->cb = cb;
	slot->ctx = ctx;
	if (delay_ms > DELAY_MAX_MS)
		delay_ms = DELAY_MAX_MS;
	const struct heap_entry entry = {
		.due_ns = now_ns(loop) + delay_ms * NS_PER_MS,
		.seq = loop->timer_seq++,
		.slot = index,
	};
	heap_up(loop, loop->timer_count++, entry);
	if (out != NULL)
		out->id = (uint64_t)slot->generation << 32 | (index + 1);
	return OK;
}

void loop_timer_cancel(struct loop *loop, struct loop_timer *timer)
{
	const uint32_t number = (uint32_t)timer->id;
	const uint32_t generation = (uint32_t)(timer->id >> 32);
	timer->id = 0;
	if (number == 0 || number > loop->timer_touched)
		return;
	const struct timer_slot *slot = &loop->timer[number - 1];
	if (slot->cb != NULL && slot->generation == generation)
		timer_remove(loop, slot->heap_index);
}

/* Those due at `until` that were set before this began: a timer that sets itself again with no
 * delay can't keep the descriptors waiting. */
static uint32_t timers_run(struct loop *loop, uint64_t until_ns)
{
	const uint64_t seq_end = loop->timer_seq;
	uint32_t ran = 0;
	while (loop->timer_count > 0) {
		const struct heap_entry top = loop->heap[0];
		if (top.due_ns > until_ns || top.seq >= seq_end)
			break;
		const struct timer_slot slot = loop->timer[top.slot];
		timer_remove(loop, 0);
		slot.cb(slot.ctx);
		ran++;
	}
	return ran;
}

/* ---- wakers ---- */

enum err loop_waker_add(struct loop *loop, uint32_t *waker, loop_cb cb, void *ctx)
{
	uint32_t i = 0;
	while (i < loop->waker_count && loop->waker[i].cb != NULL)
		i++;
	if (i == LOOP_WAKERS_MAX)
		return ERR_FULL;
	if (i == loop->waker_count)
		loop->waker_count++;
	loop->waker[i] = (struct waker){.cb = cb, .ctx = ctx};
	*waker = i;
	return OK;
}

void loop_waker_remove(struct loop *loop, uint32_t waker)
{
	CHECK(waker < loop->waker_count && loop->waker[waker].cb != NULL);
	loop->waker[waker] = (struct waker){.cb = NULL};
	/* who has the number next is not woken for what was before */
	atomic_fetch_and_explicit(&loop->wakes, ~(UINT32_C(1) << waker), memory_order_relaxed);
}

void loop_wake(struct loop *loop, uint32_t waker)
{
	/* [WAKE] release: pairs with the acquire in wakers_run; what the caller wrote before is
	 * seen by the callback. Who finds the word empty writes to the descriptor; the others know
	 * that somebody did or is about to, and that the word has not been taken since. */
	const uint32_t before = atomic_fetch_or_explicit(
		&loop->wakes, UINT32_C(1) << waker, memory_order_release);
	if (before != 0 || loop->virtual_time)
		return;
	const int saved = errno; /* may run in a signal handler */
	const uint64_t one = 1;
	while (write(loop->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
		continue;
	errno = saved;
}

static uint32_t wakers_run(struct loop *loop)
{
	/* [WAKE] acquire: pairs with the release in loop_wake */
	const uint32_t wakes = atomic_exchange_explicit(&loop->wakes, 0, memory_order_acquire);
	uint32_t ran = 0;
	for (uint32_t i = 0; i < loop->waker_count; i++) {
		if ((wakes & UINT32_C(1) << i) && loop->waker[i].cb != NULL) {
			loop->waker[i].cb(loop->waker[i].ctx);
			ran++;
		}
	}
	return ran;
}

/* ---- descriptors ---- */

static enum err fd_table_reach(struct loop *loop, uint32_t fd)
{
	if (fd >= FD_NUMBER_MAX)
		return ERR_FULL;
	if (fd < loop->fd_table_size)
		return OK;
	uint32_t size = loop->fd_table_size == 0 ? FD_TABLE_MIN : loop->fd_table_size;
	while (size <= fd)
		size *= 2;
	struct fd_slot *table = realloc(loop->fd, size * sizeof *table);
	if (table == NULL)
		return ERR_FULL;
	memset(table + loop->fd_table_size, 0, (size - loop->fd_table_size) * sizeof *table);
	loop->fd = table;
	loop->fd_table_size = size;
	return OK;
}

/* The kernel forgets a descriptor when it is closed, without telling us: add and modify stand in
 * for each other. */
static bool epoll_put(struct loop *loop, int fd, bool known, struct epoll_event *event)
{
	if (epoll_ctl(loop->epoll_fd, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, event) == 0)
		return true;
	if (known && errno == ENOENT)
		return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, event) == 0;
	if (!known && errno == EEXIST)
		return epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, fd, event) == 0;
	return false;
}

enum err loop_fd_set(struct loop *loop, int fd, unsigned interest, loop_fd_cb cb, void *ctx)
{
	if (loop->virtual_time)
		return ERR_STATE;
	if (interest == 0) {
		loop_fd_remove(loop, fd);
		return OK;
	}
	CHECK(fd >= 0 && (interest & ~(unsigned)(LOOP_READ | LOOP_WRITE)) == 0 && cb != NULL);
	TRY(fd_table_reach(loop, (uint32_t)fd));
	struct fd_slot *slot = &loop->fd[fd];
	const bool known = slot->interest != 0;
	if (!known && loop->fd_count == loop->fd_max)
		return ERR_FULL;
	const uint32_t generation = known ? slot->generation : slot->generation + 1;
	struct epoll_event event = {
		.events = (interest & LOOP_READ ? (uint32_t)EPOLLIN : 0) |
			(interest & LOOP_WRITE ? (uint32_t)EPOLLOUT : 0),
		.data.u64 = (uint64_t)generation << 32 | (uint32_t)fd,
	};
	if (!epoll_put(loop, fd, known, &event))
		return ERR_IO;
	if (!known)
		loop->fd_count++;
	*slot = (struct fd_slot){
		.cb = cb, .ctx = ctx, .interest = interest, .generation = generation};
	return OK;
}

void loop_fd_remove(struct loop *loop, int fd)
{
	if (loop->virtual_time || fd < 0 || (uint32_t)fd >= loop->fd_table_size)
		return;
	struct fd_slot *slot = &loop->fd[fd];
	if (slot->interest == 0)
		return;
	/* fails where the descriptor was closed before, which removed it */
	(void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
	slot->interest = 0;
	loop->fd_count--;
}

static uint32_t fd_dispatch(struct loop *loop, const struct epoll_event *event)
{
	const uint32_t fd = (uint32_t)event->data.u64;
	const uint32_t generation = (uint32_t)(event->data.u64 >> 32);
	if (fd >= loop->fd_table_size)
		return 0;
	const struct fd_slot slot = loop->fd[fd];
	if (slot.interest == 0 || slot.generation != generation)
		return 0;
	unsigned ready = 0;
	if (event->events & EPOLLIN)
		ready |= LOOP_READ;
	if (event->events & EPOLLOUT)
		ready |= LOOP_WRITE;
	/* an error is found by whoever reads or writes next: report what was asked for, too */
	if (event->events & (EPOLLERR | EPOLLHUP))
		ready |= LOOP_ERROR | slot.interest;
	ready &= slot.interest | LOOP_ERROR;
	if (ready == 0)
		return 0;
	slot.cb(slot.ctx, (int)fd, ready);
	return 1;
}

/* ---- running ---- */

static int wait_timeout_ms(const struct loop *loop, uint64_t wait_ms)
{
	/* relaxed: only a hint; the descriptor makes the wait end */
	if (atomic_load_explicit(&loop->wakes, memory_order_relaxed) != 0)
		return 0;
	uint64_t wait = wait_ms;
	if (loop->timer_count > 0) {
		const uint64_t now = clock_mono_ns(), due = loop->heap[0].due_ns;
		/* rounded up: a timer is never early, and never spins for its last part */
		const uint64_t left = due <= now ? 0 : (due - now + NS_PER_MS - 1) / NS_PER_MS;
		wait = left < wait ? left : wait;
	}
	if (wait == UINT64_MAX)
		return -1;
	return wait > INT32_MAX ? INT32_MAX : (int)wait;
}

static uint32_t step_real(struct loop *loop, uint64_t wait_ms)
{
	struct epoll_event event[EVENT_BATCH];
	const int n = epoll_wait(
		loop->epoll_fd, event, EVENT_BATCH, wait_timeout_ms(loop, wait_ms));
	CHECK(n >= 0 || errno == EINTR);
	uint32_t ran = 0;
	for (int i = 0; i < n; i++) {
		if (event[i].data.u64 == UINT64_MAX) {
			uint64_t count;
			(void)!read(loop->wake_fd, &count, sizeof count);
		} else {
			ran += fd_dispatch(loop, &event[i]);
		}
	}
	ran += wakers_run(loop);
	ran += timers_run(loop, clock_mono_ns());
	return ran;
}

static uint32_t step_virtual(struct loop *loop, uint64_t wait_ms)
{
	uint32_t ran = wakers_run(loop) + timers_run(loop, loop->now_ns);
	if (ran > 0)
		return ran;
	const uint64_t wait_ns = wait_ms > DELAY_MAX_MS ? DELAY_MAX_MS * NS_PER_MS
							: wait_ms * NS_PER_MS;
	const uint64_t end = loop->now_ns + wait_ns;
	if (loop->timer_count > 0 && loop->heap[0].due_ns <= end) {
		loop->now_ns = loop->heap[0].due_ns;
		return timers_run(loop, loop->now_ns);
	}
	/* waited in vain, for ever where nothing can come any more: the clock stays then */
	if (wait_ms != UINT64_MAX)
		loop->now_ns = end;
	return 0;
}

uint32_t loop_step(struct loop *loop, uint64_t wait_ms)
{
	return loop->virtual_time ? step_virtual(loop, wait_ms) : step_real(loop, wait_ms);
}

void loop_run(struct loop *loop)
{
	while (!loop->stopping) {
		const uint32_t ran = loop_step(loop, UINT64_MAX);
		if (ran == 0 && loop->virtual_time)
			break;
	}
	loop->stopping = false;
}

void loop_stop(struct loop *loop)
{
	loop->stopping = true;
}

/* ---- life ---- */

static enum err open_descriptors(struct loop *loop)
{
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0)
		return ERR_IO;
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->wake_fd < 0)
		return ERR_IO;
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = UINT64_MAX};
	return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->wake_fd, &event) == 0 ? OK : ERR_IO;
}

enum err loop_create(struct loop **out, const struct loop_config *config)
{
	struct loop *loop = calloc(1, sizeof *loop);
	if (loop == NULL)
		return ERR_FULL;
	loop->virtual_time = config->virtual_time;
	loop->start_wall_ms = config->start_wall_ms;
	loop->timer_max = config->timer_max == 0 ? TIMER_MAX_DEFAULT : config->timer_max;
	loop->fd_max = config->fd_max == 0 ? FD_MAX_DEFAULT : config->fd_max;
	CHECK(loop->timer_max <= TIMER_MAX_MAX && loop->fd_max <= FD_NUMBER_MAX);
	loop->timer_free = NO_SLOT;
	loop->epoll_fd = loop->wake_fd = -1;
	/* reserved whole, so that setting a timer never allocates; untouched pages cost nothing */
	loop->heap = calloc(loop->timer_max, sizeof *loop->heap);
	loop->timer = calloc(loop->timer_max, sizeof *loop->timer);
	enum err err = loop->heap == NULL || loop->timer == NULL ? ERR_FULL : OK;
	if (err == OK && !loop->virtual_time)
		err = open_descriptors(loop);
	if (err != OK) {
		const int saved = errno;
		loop_destroy(loop);
		errno = saved;
		return err;
	}
	*out = loop;
	return OK;
}

void loop_destroy(struct loop *loop)
{
	if (loop == NULL)
		return;
	if (loop->epoll_fd >= 0)
		(void)close(loop->epoll_fd);
	if (loop->wake_fd >= 0)
		(void)close(loop->wake_fd);
	free(loop->heap);
	free(loop->timer);
	free(loop->fd);
	free(loop);
}
