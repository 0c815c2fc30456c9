/* sys/loop_internal: what the loop's files share. Only they, and those of sys that stand on the
 * loop's ring, include it.
 *
 * loop.c has what all loops have: timers, wakers, the table of descriptors. A backend waits: it
 * knows when a descriptor is ready or time has come, and how to end a wait from elsewhere.
 */
#ifndef SYS_LOOP_INTERNAL_H
#define SYS_LOOP_INTERNAL_H
#include <stdatomic.h>

#include "sys/loop.h"
#include "sys/timer_wheel.h"

#define NS_PER_MS UINT64_C(1000000)
#define DELAY_MAX_MS UINT64_C(3153600000000) /* 100 years: sums in nanoseconds stay in 64 bits */

/* A bit of the word of wakes beside those of the wakers: the loop waits, or is about to. */
#define LOOP_ASLEEP (UINT32_C(1) << 31)
_Static_assert(LOOP_WAKERS_MAX <= 31, "wakers are bits of one word, one bit is LOOP_ASLEEP");

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

struct loop_backend {
	const char *name;
	/* ERR_UNAVAILABLE the system has or allows none: *reason is filled. ERR_FULL, ERR_IO. */
	enum err (*open)(struct loop *loop);
	/* Also after an open that failed half-way. */
	void (*close)(struct loop *loop);
	/* One step; see loop_step. */
	uint32_t (*step)(struct loop *loop, uint64_t wait_ms);
	/* Ends the wait of a loop that is asleep. Any thread, and signal handlers; keeps errno. */
	void (*wake)(struct loop *loop);
	/* interest is not 0; slot is as it will be. known: it was waited for before. ERR_IO. */
	enum err (*fd_arm)(struct loop *loop, int fd, const struct fd_slot *slot, bool known);
	/* Once it returns the backend holds no reference to what fd names. */
	void (*fd_disarm)(struct loop *loop, int fd, const struct fd_slot *slot);
};

/* What has to be done before a loop waits: run adds to *ran the callbacks that it ran, and answers
 * whether more is waiting already. Owned by whoever adds it. */
struct loop_hook {
	bool (*run)(void *ctx, uint32_t *ran);
	void *ctx;
	struct loop_hook *next;
};

extern const struct loop_backend loop_epoll, loop_uring, loop_virtual;

struct loop {
	const struct loop_backend *backend;
	void *state; /* the backend's own */
	bool stopping;
	char reason[LOOP_REASON_SIZE]; /* why it is not the first choice; "" where it is */

	struct timer_wheel timers;
	struct fd_slot *fd; /* owned; indexed by descriptor */
	uint32_t fd_table_size, fd_count, fd_max;
	uint32_t registered_max, sq_idle_ms; /* io_uring: as configured */

	struct loop_hook *hook;
	struct waker waker[LOOP_WAKERS_MAX];
	uint32_t waker_count;
	_Atomic uint32_t wakes; /* one bit for each waker that was woken and not run yet */

	uint64_t awake_ns; /* when its last wait ended; of a real loop */
	uint64_t virtual_now_ns, virtual_start_wall_ms; /* of a virtual loop */
};

/* What became ready, if it is still waited for under this generation. 1 if a callback ran. */
uint32_t loop_fd_dispatch(struct loop *loop, uint32_t fd, uint32_t generation, unsigned ready);
/* First thing after a wait: it also says that the loop is awake. */
uint32_t loop_run_wakers(struct loop *loop);
/* Those due at now_ns that were set before this began: a timer that sets itself again with no delay
 * can't keep the descriptors waiting. */
uint32_t loop_run_timers(struct loop *loop, uint64_t now_ns);

void loop_hook_add(struct loop *loop, struct loop_hook *hook);
void loop_hook_remove(struct loop *loop, const struct loop_hook *hook);
/* All hooks. True: there may be no wait, for callbacks ran or more is to be done. */
bool loop_run_hooks(struct loop *loop, uint32_t *ran);

/* Last thing before a wait on the system: how many nanoseconds it may take, UINT64_MAX without end.
 * From then on a waker calls `wake`. */
uint64_t loop_wait_begin(struct loop *loop, uint64_t wait_ms);

#endif
