#include "sys/loop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "sys/clock.h"
#include "sys/loop_internal.h"

#define TIMER_MAX_DEFAULT 65536u
#define FD_MAX_DEFAULT 4096u
#define FD_NUMBER_MAX (1u << 20) /* descriptors with a larger number are refused */
#define FD_TABLE_MIN 64u

_Static_assert(NS_PER_MS >= TIMER_DELAY_MIN_NS, "a delay of 1 ms is one that the wheel takes");

/* ---- time ---- */

static uint64_t now_ns(const struct loop *loop)
{
	return loop_is_virtual(loop) ? loop->virtual_now_ns : clock_mono_ns();
}

uint64_t loop_now_ms(const struct loop *loop)
{
	return now_ns(loop) / NS_PER_MS;
}

uint64_t loop_wall_ms(const struct loop *loop)
{
	return loop_is_virtual(loop)
		? loop->virtual_start_wall_ms + loop->virtual_now_ns / NS_PER_MS
		: clock_wall_ms();
}

uint64_t loop_turn_ns(const struct loop *loop)
{
	return loop_is_virtual(loop) ? 0 : clock_mono_ns() - loop->awake_ns;
}

void loop_set_wall(struct loop *loop, uint64_t wall_ms)
{
	CHECK(loop_is_virtual(loop));
	/* may wrap below zero: the sum with the time that has passed is right all the same */
	loop->virtual_start_wall_ms = wall_ms - loop->virtual_now_ns / NS_PER_MS;
}

bool loop_is_virtual(const struct loop *loop)
{
	return loop->backend == &loop_virtual;
}

/* ---- timers ---- */

enum err loop_timer_set(
	struct loop *loop, struct loop_timer *out, uint64_t delay_ms, loop_cb cb, void *ctx)
{
	const uint64_t delay_ns = (delay_ms > DELAY_MAX_MS ? DELAY_MAX_MS : delay_ms) * NS_PER_MS;
	uint64_t id;
	TRY(timer_wheel_set(&loop->timers, &id, now_ns(loop), delay_ns, cb, ctx));
	if (out != NULL)
		out->id = id;
	return OK;
}

void loop_timer_cancel(struct loop *loop, struct loop_timer *timer)
{
	timer_wheel_cancel(&loop->timers, timer->id);
	timer->id = 0;
}

uint32_t loop_run_timers(struct loop *loop, uint64_t until_ns)
{
	const uint64_t seq_end = loop->timers.seq;
	uint32_t ran = 0;
	loop_cb cb;
	void *ctx;
	timer_wheel_advance(&loop->timers, until_ns);
	while (timer_wheel_take(&loop->timers, &cb, &ctx, until_ns, seq_end)) {
		cb(ctx);
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
	/* [WAKE] release: pairs with the acquire in loop_run_wakers; what the caller wrote before
	 * is seen by the callback. All happens in one word: who finds the loop asleep and nobody
	 * before him ends its wait; a loop that is awake looks at the word before it sleeps. */
	const uint32_t before = atomic_fetch_or_explicit(
		&loop->wakes, UINT32_C(1) << waker, memory_order_release);
	if (before == LOOP_ASLEEP)
		loop->backend->wake(loop);
}

uint64_t loop_wait_begin(struct loop *loop, uint64_t wait_ms)
{
	/* relaxed: the word itself decides; what else was written is read after loop_run_wakers */
	if (atomic_fetch_or_explicit(&loop->wakes, LOOP_ASLEEP, memory_order_relaxed) != 0)
		return 0;
	const uint64_t wait_ns = wait_ms > DELAY_MAX_MS ? UINT64_MAX : wait_ms * NS_PER_MS;
	const uint64_t next_ns = timer_wheel_next_ns(&loop->timers);
	if (wait_ns == 0 || next_ns == UINT64_MAX)
		return wait_ns;
	const uint64_t now = clock_mono_ns();
	const uint64_t left_ns = next_ns <= now ? 0 : next_ns - now;
	return left_ns < wait_ns ? left_ns : wait_ns;
}

uint32_t loop_run_wakers(struct loop *loop)
{
	/* [WAKE] acquire: pairs with the release in loop_wake */
	const uint32_t wakes = atomic_exchange_explicit(&loop->wakes, 0, memory_order_acquire);
	uint32_t ran = 0;
	loop->awake_ns = loop_is_virtual(loop) ? 0 : clock_mono_ns();
	for (uint32_t i = 0; i < loop->waker_count; i++) {
		if ((wakes & UINT32_C(1) << i) && loop->waker[i].cb != NULL) {
			loop->waker[i].cb(loop->waker[i].ctx);
			ran++;
		}
	}
	return ran;
}

/* ---- hooks ---- */

void loop_hook_add(struct loop *loop, struct loop_hook *hook)
{
	hook->next = loop->hook;
	loop->hook = hook;
}

void loop_hook_remove(struct loop *loop, const struct loop_hook *hook)
{
	struct loop_hook **at = &loop->hook;
	while (*at != hook) {
		CHECK(*at != NULL);
		at = &(*at)->next;
	}
	*at = hook->next;
}

bool loop_run_hooks(struct loop *loop, uint32_t *ran)
{
	bool more = false;
	*ran = 0;
	for (struct loop_hook *hook = loop->hook; hook != NULL; hook = hook->next)
		more = hook->run(hook->ctx, ran) || more;
	return more || *ran > 0;
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

enum err loop_fd_set(struct loop *loop, int fd, unsigned interest, loop_fd_cb cb, void *ctx)
{
	if (loop_is_virtual(loop))
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
	const struct fd_slot wanted = {.cb = cb,
		.ctx = ctx,
		.interest = interest,
		.generation = known ? slot->generation : slot->generation + 1};
	TRY(loop->backend->fd_arm(loop, fd, &wanted, known));
	if (!known)
		loop->fd_count++;
	*slot = wanted;
	return OK;
}

void loop_fd_remove(struct loop *loop, int fd)
{
	if (fd < 0 || (uint32_t)fd >= loop->fd_table_size || loop->fd[fd].interest == 0)
		return;
	loop->backend->fd_disarm(loop, fd, &loop->fd[fd]);
	loop->fd[fd].interest = 0;
	loop->fd_count--;
}

uint32_t loop_fd_dispatch(struct loop *loop, uint32_t fd, uint32_t generation, unsigned ready)
{
	if (fd >= loop->fd_table_size)
		return 0;
	const struct fd_slot slot = loop->fd[fd];
	if (slot.interest == 0 || slot.generation != generation)
		return 0;
	/* an error is found by whoever reads or writes next: report what was asked for, too */
	if (ready & LOOP_ERROR)
		ready |= slot.interest;
	ready &= slot.interest | LOOP_ERROR;
	if (ready == 0)
		return 0;
	slot.cb(slot.ctx, (int)fd, ready);
	return 1;
}

/* ---- running ---- */

uint32_t loop_step(struct loop *loop, uint64_t wait_ms)
{
	return loop->backend->step(loop, wait_ms);
}

void loop_run(struct loop *loop)
{
	while (!loop->stopping) {
		const uint32_t ran = loop_step(loop, UINT64_MAX);
		if (ran == 0 && loop_is_virtual(loop))
			break;
	}
	loop->stopping = false;
}

void loop_stop(struct loop *loop)
{
	loop->stopping = true;
}

/* ---- life ---- */

static enum err open_backend(struct loop *loop, const struct loop_config *config)
{
	static const struct loop_backend *const wanted[] = {
		[LOOP_AUTO] = &loop_uring,
		[LOOP_EPOLL] = &loop_epoll,
		[LOOP_URING] = &loop_uring,
	};
	CHECK(config->backend < ARRAY_LEN(wanted));
	loop->backend = config->virtual_time ? &loop_virtual : wanted[config->backend];
	const enum err err = loop->backend->open(loop);
	if (err == OK || config->backend != LOOP_AUTO || loop->backend != &loop_uring)
		return err;
	/* whatever stood in its way, epoll may do without it */
	loop->backend->close(loop);
	loop->backend = &loop_epoll;
	return loop->backend->open(loop);
}

enum err loop_create(struct loop **out, const struct loop_config *config)
{
	struct loop *loop = calloc(1, sizeof *loop);
	if (loop == NULL)
		return ERR_FULL;
	loop->virtual_start_wall_ms = config->start_wall_ms;
	loop->fd_max = config->fd_max == 0 ? FD_MAX_DEFAULT : config->fd_max;
	CHECK(loop->fd_max <= FD_NUMBER_MAX);
	loop->registered_max = config->registered_max;
	loop->sq_idle_ms = config->sq_idle_ms;
	enum err err = timer_wheel_init(&loop->timers,
		config->timer_max == 0 ? TIMER_MAX_DEFAULT : config->timer_max,
		config->virtual_time ? 0 : clock_mono_ns());
	if (err == OK)
		err = open_backend(loop, config);
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
	if (loop->backend != NULL)
		loop->backend->close(loop);
	timer_wheel_fini(&loop->timers);
	free(loop->fd);
	free(loop);
}

const char *loop_backend_name(const struct loop *loop)
{
	return loop->backend->name;
}

const char *loop_fallback_reason(const struct loop *loop)
{
	return loop->reason;
}

static const char *const backend_text[] = {
	[LOOP_AUTO] = "auto", [LOOP_EPOLL] = "epoll", [LOOP_URING] = "uring"};

enum err loop_backend_parse(enum loop_backend_kind *out, const char *text)
{
	for (size_t i = 0; i < ARRAY_LEN(backend_text); i++) {
		if (strcmp(text, backend_text[i]) == 0) {
			*out = (enum loop_backend_kind)i;
			return OK;
		}
	}
	return ERR_NOT_FOUND;
}

const char *loop_backend_text(enum loop_backend_kind kind)
{
	CHECK(kind < ARRAY_LEN(backend_text));
	return backend_text[kind];
}
