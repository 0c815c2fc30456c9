/* sys/loop: one thread's event loop: descriptors, timers, posted calls.
 *
 * Two kinds behind one interface. The real loop waits on the system: on io_uring, or on epoll where
 * that is missing or refused. The virtual loop has no descriptors: its clock stands still while
 * callbacks run and jumps to the next timer when nothing is left to do, so a whole deployment runs
 * on it faster than real time, in one order. Code that must run on both uses timers, posts and the
 * clocks of the loop, never sys/clock.
 *
 * Threads: a loop belongs to the thread that runs it, which may be another than the one that made
 * it, but also destroys it; every function is for that thread, except loop_wake. Callbacks run on
 * it one at a time and may call anything here but step, run and destroy, also cancel themselves.
 * Ownership: the loop borrows contexts; handles are by value and go stale safely (a stale cancel
 * does nothing). Bounds: timers and descriptors up to the config; ERR_FULL beyond.
 */
#ifndef SYS_LOOP_H
#define SYS_LOOP_H
#include "base/base.h"

struct loop;

enum loop_backend_kind {
	LOOP_AUTO, /* io_uring, or epoll where it is missing or refused */
	LOOP_EPOLL,
	LOOP_URING,
};

struct loop_config {
	enum loop_backend_kind backend;
	uint32_t timer_max; /* default 65,536 when 0 */
	uint32_t fd_max;    /* default 4,096 when 0 */
	/* Of io_uring, ignored elsewhere and where the kernel has none. ADR 12: neither pays today.
	 */
	uint32_t registered_max; /* descriptors of streams in the ring's own table; 0: none */
	uint32_t sq_idle_ms;     /* not 0: a thread of the kernel submits, and sleeps after this */
	bool virtual_time;
	uint64_t start_wall_ms; /* virtual: the wall clock at start */
};

/* Returns owned. ERR_UNAVAILABLE: LOOP_URING was asked for and can't be had. ERR_FULL: no memory,
 * no descriptors. ERR_IO with errno from the system. */
MUST_USE NONNULL_ALL enum err loop_create(struct loop **out, const struct loop_config *config);
/* Of the thread that ran it. Cancels everything; no callback runs any more. */
void loop_destroy(struct loop *loop);
bool loop_is_virtual(const struct loop *loop);
/* "io_uring", "epoll", "virtual": static. */
const char *loop_backend_name(const struct loop *loop);
/* Where LOOP_AUTO came to epoll: why, for a log. "" otherwise. Borrows. */
const char *loop_fallback_reason(const struct loop *loop);
/* "auto", "epoll", "uring": as configurations name them. ERR_NOT_FOUND: none of them. */
MUST_USE NONNULL_ALL enum err loop_backend_parse(enum loop_backend_kind *out, const char *text);
const char *loop_backend_text(enum loop_backend_kind kind);
/* Whether LOOP_URING can be had, and if not, why: ERR_UNAVAILABLE, ERR_FULL as loop_create. */
#define LOOP_REASON_SIZE 160u
MUST_USE NONNULL_ALL enum err loop_uring_probe(char reason[LOOP_REASON_SIZE]);

/* Monotonic and wall time of this loop; constant while one callback runs on a virtual loop. */
uint64_t loop_now_ms(const struct loop *loop);
uint64_t loop_wall_ms(const struct loop *loop);

/* How long ago its last wait ended: what the turn that it is in has taken. 0 on a virtual loop. */
uint64_t loop_turn_ns(const struct loop *loop);

/* A virtual loop's wall clock jumps to wall_ms, as when somebody sets a machine's clock; its
 * monotonic time does not. CHECKs that the loop is virtual. */
void loop_set_wall(struct loop *loop, uint64_t wall_ms);

typedef void (*loop_cb)(void *ctx);

struct loop_timer {
	uint64_t id; /* 0: none */
};

/* One-shot, after delay_ms, never earlier. Timers due at the same time run in the order in which
 * they were set; one set with no delay runs in the next step, not in this one. out may be NULL. */
MUST_USE enum err loop_timer_set(
	struct loop *loop, struct loop_timer *out, uint64_t delay_ms, loop_cb cb, void *ctx);
void loop_timer_cancel(struct loop *loop, struct loop_timer *timer);

enum {
	LOOP_READ = 1u << 0,
	LOOP_WRITE = 1u << 1,
	LOOP_ERROR = 1u << 2, /* reported, never asked for */
};

typedef void (*loop_fd_cb)(void *ctx, int fd, unsigned ready);

/* Level-triggered interest in a descriptor; set again to change it, interest 0 removes it. Remove
 * it before it is closed. An error or a hang-up is reported as LOOP_ERROR and all of the interest.
 * ERR_STATE on a virtual loop; ERR_FULL over fd_max; ERR_IO a descriptor that can't be waited for.
 */
MUST_USE enum err loop_fd_set(
	struct loop *loop, int fd, unsigned interest, loop_fd_cb cb, void *ctx);
void loop_fd_remove(struct loop *loop, int fd);

/* From any thread or signal handler: makes the loop run its wake callback soon; wakes coalesce.
 * At most LOOP_WAKERS_MAX wakers. */
#define LOOP_WAKERS_MAX 16u
MUST_USE enum err loop_waker_add(struct loop *loop, uint32_t *waker, loop_cb cb, void *ctx);
void loop_wake(struct loop *loop, uint32_t waker);
/* Its callback does not run any more, and another waker may get the number: whoever might wake it
 * has ended before. */
void loop_waker_remove(struct loop *loop, uint32_t waker);

/* Run until loop_stop (also one that came before). A virtual loop also returns when nothing is left
 * that could happen: no timer and no wake. */
NONNULL_ALL void loop_run(struct loop *loop);
NONNULL_ALL void loop_stop(struct loop *loop);
/* Run what is ready, then return; wait at most wait_ms for something to be ready. A virtual loop
 * jumps to the next timer if it is due within wait_ms, else by wait_ms (UINT64_MAX: not at all).
 * Returns the number of callbacks run. */
NONNULL_ALL uint32_t loop_step(struct loop *loop, uint64_t wait_ms);

#endif
