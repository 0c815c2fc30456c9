/* rt/executor: runs tasks (rt/task) and forks (rt/fork) on a fixed set of threads.
 *
 * Each worker has a deque: it pushes and takes at one end, the others steal at the other. What
 * comes from outside goes through one bounded queue, from which workers take batches. A worker
 * without work looks at every other in random order (its own NUMA node first), asks for forks,
 * and then sleeps until there is something; at rest nothing runs at all. One worker at a time is
 * woken: it wakes the next where it finds work.
 *
 * Invariants: an accepted task ends once, run or dropped. No wake-up is lost: who makes work
 * available looks for sleepers after it, who goes to sleep looks for work after it is listed as a
 * sleeper. A task runs on one worker, and never waits for a thread unless it does so itself.
 * Nothing is allocated after executor_create; what is full says ERR_FULL.
 *
 * Where the system refuses threads, those that it granted do the work; where it refuses all, or on
 * request, tasks run on the thread that submits them, before executor_submit returns. With
 * in_place, execution is deterministic, as simulations on virtual time need it.
 *
 * Threads: submit, call, close and the counters from anywhere; what takes a strand, on that
 * strand's worker. Ownership: borrows tasks, groups and tokens until they have ended. Must not: run
 * what blocks on the outside world: a blocked worker is one less.
 */
#ifndef RT_EXECUTOR_H
#define RT_EXECUTOR_H
#include "rt/task.h"
#include "sys/cpu.h"

#define EXECUTOR_WORKERS_MAX 256u
#define EXECUTOR_BATCH_DEFAULT 256u
#define EXECUTOR_BATCH_MAX 1024u
#define EXECUTOR_QUEUE_DEFAULT 4096u
#define EXECUTOR_QUEUE_MAX (1u << 20)
#define EXECUTOR_FORKS_DEFAULT 1000u
#define EXECUTOR_TEXT_SIZE 160u

struct executor;

struct executor_config {
	uint32_t worker_count; /* 0: as many as can run at once (cpu_map_parallel) */
	/* A worker's memory lies on its node, and it steals from its node's workers first. Without,
	 * all memory is the creator's and all victims are alike. */
	bool numa_aware;
	/* Without, a task stays where it was put: those from outside are dealt out in turn, those
	 * that a task spawns stay on its worker, no fork is given away. */
	bool work_stealing;
	bool pin_threads;         /* each worker on one processor, in the order of the map */
	uint32_t cache_line_size; /* chunks of loops begin at multiples; 0: the machine's, 1: any */
	uint32_t max_batch_size;  /* tasks taken at once from the queue that all share; 1: singly */
	uint32_t queue_size;      /* of that queue, and of each deque: a power of two, from 2 on */
	uint32_t fork_depth; /* forks that a worker can have open, up to FORK_SLOTS_MAX; deeper ones
				are calls */
	uint32_t spin;       /* rounds of looking for work before a worker sleeps */
	bool in_place;       /* no threads */
	const struct cpu_map *cpus; /* NULL: this machine's */
};

/* Everything on, sizes as above. */
struct executor_config executor_config_default(void);

enum executor_close {
	EXECUTOR_DRAIN, /* what was accepted is run, and what that spawns */
	EXECUTOR_DROP, /* what has not begun is dropped; tasks that run find themselves cancelled */
};

/* Returns owned. ERR_RANGE: a size that is none; ERR_FULL: no memory. Threads that the system
 * refuses are no error: executor_describe says how many it has. */
MUST_USE NONNULL_ALL enum err executor_create(
	struct executor **out, const struct executor_config *config);
/* Refuses tasks from now on; does not wait. A second call may turn a drain into a drop. */
NONNULL_ALL void executor_close(struct executor *x, enum executor_close how);
/* Waits until everything has ended; closes first, where it was not, draining. Nobody may use the
 * executor meanwhile but its tasks. NULL is nothing. */
void executor_destroy(struct executor *x);

/* Any thread. ERR_FULL: the queue is full, come back later; ERR_STATE: closed. */
MUST_USE NONNULL_ALL enum err executor_submit(struct executor *x, struct task *t);
/* As many of them as there is room for, in order; *taken says how many. ERR_FULL: not all. */
MUST_USE NONNULL_ALL enum err executor_submit_many(
	struct executor *x, uint32_t *taken, struct task *const *tasks, uint32_t count);
/* To one worker, by its index below executor_workers: it is not stolen from there. */
MUST_USE NONNULL_ALL enum err executor_submit_to(
	struct executor *x, uint32_t worker, struct task *t);
/* Runs a branch on a worker and waits for its end; not from a worker. ERR_FULL and ERR_STATE as in
 * executor_submit; ERR_CANCELLED: dropped before it began. */
MUST_USE enum err executor_call(struct executor *x, fork_branch run, void *arg);

/* On a worker: to its own deque, where others may steal it, or, where that is full, to a list that
 * flows into it later. Closed executors take what their running tasks spawn. */
NONNULL_ALL void task_spawn(struct strand s, struct task *t);
/* The same for many, at a fraction of the price for each: others are told of rows of them. */
NONNULL_ALL void task_spawn_many(struct strand s, struct task *const *tasks, uint32_t count);
/* Works on what there is until the group has come to an end. */
NONNULL_ALL void task_group_wait(struct strand s, struct task_group *g);
/* No task is added from outside of the group any more: its continuation may run. */
NONNULL_ALL void task_group_seal(struct strand s, struct task_group *g);
/* Somebody wants this task, or the whole executor, to stop: for long tasks, between steps. */
NONNULL_ALL bool task_is_cancelled(struct strand s, const struct task *t);
NONNULL_ALL bool strand_is_cancelled(struct strand s);
NONNULL_ALL struct executor *strand_executor(struct strand s);
/* Which worker this is, below executor_workers. */
NONNULL_ALL uint32_t strand_worker(struct strand s);

struct executor_counts {
	uint64_t run, dropped;  /* tasks */
	uint64_t stolen;        /* tasks and forks that were another's */
	uint64_t failed_steals; /* looks at another worker that gave nothing */
	uint64_t offered;       /* forks */
	uint64_t parked;        /* times that it went to sleep */
	uint64_t busy_ns, idle_ns;
	uint32_t queue_depth; /* tasks that wait in its deque now */
};

/* Threads that the system granted; 1 where tasks run in place. */
NONNULL_ALL uint32_t executor_workers(const struct executor *x);
NONNULL_ALL bool executor_is_in_place(const struct executor *x);
NONNULL_ALL const struct executor_config *executor_settings(const struct executor *x);
/* Of one worker; they count on while it reads. */
NONNULL_ALL void executor_counts(
	const struct executor *x, struct executor_counts *out, uint32_t worker);
/* Of all: sums, and how unevenly they were busy: 1000 * (most - mean) / mean; 0: evenly. Tasks that
 * wait in the queue from outside are in queue_depth. */
NONNULL_ALL void executor_totals(
	const struct executor *x, struct executor_counts *out, uint32_t *imbalance_milli);
/* One line for the log: workers, processors, what was refused. */
NONNULL_ALL void executor_describe(const struct executor *x, char text[EXECUTOR_TEXT_SIZE]);

#endif
