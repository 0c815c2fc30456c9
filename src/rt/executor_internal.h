/* rt/executor_internal: what the executor's files share.
 *
 * executor.c   life: creation, submission, close, counters
 * worker.c     a worker's life: finding work, sleeping, waking others
 * fork.c       the slow paths of forks
 * task.c       tasks, groups, tokens
 */
#ifndef RT_EXECUTOR_INTERNAL_H
#define RT_EXECUTOR_INTERNAL_H
#include <pthread.h>

#include "rt/deque.h"
#include "rt/eventcount.h"
#include "rt/executor.h"
#include "rt/injector.h"
#include "rt/split.h"
#include "sys/pages.h"
#include "sys/thread.h"

#define MAILBOX_SIZE 256u
#define WORKER_NONE UINT32_MAX
#define PARKED_WORDS (EXECUTOR_WORKERS_MAX / 64)
/* A wait within a task runs other tasks on top of it; from this many on top of each other, joins
 * of forks only wait (which can't deadlock: a fork that is waited for has begun), and waits for
 * groups only take from their own deque. */
#define HELP_DEPTH_MAX 64u

/* Of struct fork. */
enum {
	FORK_OFFERED,
	FORK_AWAITED, /* its owner sleeps until it is done */
	FORK_DONE,
};

/* The waiter of a group. */
#define GROUP_WAITER_OUTSIDE UINT32_MAX /* sleeps on the group's count */
#define GROUP_COUNT(state) ((uint32_t)(state))
#define GROUP_WAITER(state) ((uint32_t)((state) >> 32)) /* 0: none; worker + 1 */

enum executor_state {
	EXECUTOR_OPEN,
	EXECUTOR_DRAINING,
	EXECUTOR_DROPPING,
};

struct worker_counters { /* written by one thread, read by any */
	_Atomic uint64_t run, dropped, stolen, failed_steals, offered, parked, idle_ns;
	_Atomic uint64_t idle_since_ns; /* 0: busy */
};

struct worker {
	_Alignas(CACHE_LINE) struct split split;
	struct deque deque;
	struct injector mailbox;
	_Alignas(CACHE_LINE) struct eventcount sleep;
	/* the worker's own */
	_Alignas(CACHE_LINE) struct executor *x;
	uint32_t index, turn, help_depth;
	uint32_t rng;
	struct task *overflow_first, *overflow_last; /* tasks that the deque had no room for */
	/* tasks that have ended and are not counted out of their group yet */
	struct task_group *left_group;
	uint32_t left_count;
	/* what the last theft of tasks cost, and since when its loot is run (0: that is over); how
	 * long it holds back, and until when */
	uint64_t theft_ns, loot_since_ns, lean_ns, lean_until_ns;
	struct worker_counters counters;
	/* constant */
	struct fork_stack *forks;
	struct fork *slots;
	struct worker **victims; /* all others, those of its node first */
	uint32_t victim_count, near_count;
	uint16_t node;
	const struct cpu_place *place; /* NULL: not pinned */
	struct pages memory;           /* that this lies in */
	struct thread thread;
	uint64_t started_ns;
};

struct executor {
	/* whoever makes work available reads this line */
	_Alignas(CACHE_LINE) _Atomic uint32_t searching; /* awake, or woken, and looking for work */
	_Atomic uint32_t state;                          /* enum executor_state */
	_Atomic uint64_t parked[PARKED_WORDS];           /* a bit for each sleeper */
	_Alignas(CACHE_LINE) _Atomic uint32_t idle;      /* workers with nothing on their stack */
	_Atomic bool over;                               /* closed, and no work is left */
	_Atomic uint32_t next_mailbox;
	struct injector injector;
	/* constant */
	struct executor_config config;
	struct cpu_map *cpus;
	bool has_thieves; /* several workers, and they steal */
	struct worker **worker;
	struct injector_cell *injector_cells;
	uint32_t worker_count, wanted, threads;
	_Atomic uint32_t pinned, arrived;
	/* until all threads are there */
	struct eventcount gate;
	_Atomic bool open;
	/* in place: one thread at a time is the worker */
	pthread_mutex_t in_place;
	_Atomic uintptr_t in_place_by;
};

struct job {
	struct task *task; /* NULL: a fork */
	struct worker *victim;
	uint32_t index;
};

/* What a worker waits for beside work; none: it is idle. */
struct wait {
	struct fork *fork;
	struct task_group *group;
};

static inline struct worker *strand_to_worker(struct strand s)
{
	return strand_stack(s)->worker;
}

/* Where a worker has nothing on its stack. */
static inline struct strand worker_strand(struct worker *w)
{
	return (struct strand){.top = w->slots};
}

/* One thread writes it. */
static inline void counter_add(_Atomic uint64_t *counter, uint64_t n)
{
	const uint64_t before = atomic_load_explicit(counter, memory_order_relaxed);
	atomic_store_explicit(counter, before + n, memory_order_relaxed);
}

static inline bool group_is_over(const struct task_group *g)
{
	/* [GROUP] acquire: pairs with the release in group_leave */
	return GROUP_COUNT(atomic_load_explicit(&g->state, memory_order_acquire)) == 0;
}

static inline bool wait_is_over(const struct wait *until)
{
	if (until->fork != NULL) /* [FORK] acquire: pairs with the release in run_stolen */
		return atomic_load_explicit(&until->fork->state, memory_order_acquire) == FORK_DONE;
	return until->group != NULL && group_is_over(until->group);
}

/* ---- worker.c ---- */

/* A thread's; ends when the executor is closed and nothing is left. */
void worker_main(void *worker);
/* After making work available: sleepers, those of a node first, until so many look for work. */
NONNULL_ALL void executor_wake(struct executor *x, uint16_t node, uint32_t count);
NONNULL_ALL void executor_wake_all(struct executor *x);
/* What it waits for has come about. */
NONNULL_ALL void worker_wake(struct worker *w);
/* Works on what there is until the wait is over. */
NONNULL_ALL void worker_wait(struct strand s, const struct wait *until);
/* Keeps what the deque has no room for until it has. */
NONNULL_ALL void worker_overflow(struct worker *w, struct task *t);
/* Everything that waits in its deque, its mailbox and the common queue. */
NONNULL_ALL void worker_run_all(struct strand s);

/* ---- task.c ---- */

/* From here on, whoever makes it come about wakes this worker. */
NONNULL_ALL void wait_announce(const struct worker *w, const struct wait *until);
/* Runs a task, or drops it where it was called off, and then what continues its group. */
NONNULL_ALL void worker_run_task(struct strand s, struct task *t);
NONNULL_ALL void worker_settle_now(struct worker *w);
/* Counts out of their group the tasks that have ended: before this worker does anything else than
 * a task of the same group. */
NONNULL_ALL static inline void worker_settle(struct worker *w)
{
	if (w->left_group != NULL)
		worker_settle_now(w);
}
/* A task that comes in, before anybody can run it. */
NONNULL_ALL void task_enter(struct task *t);
/* There was no room for it: the caller holds it, and its group, as before. */
NONNULL_ALL void task_refused(struct executor *x, struct task *t);

#endif
