/* rt/offload: CPU work of an event loop, done by an executor's workers.
 *
 *     struct check {
 *             struct offload_job job;          first
 *             ...                              what it works on, and what comes of it
 *     };
 *     c->job = (struct offload_job){.run = check_run, .done = check_done, .cancel = &owner->gone};
 *     offload_submit(o, &c->job)               ERR_FULL: so many are open already, come back later
 *
 * `run` is called on a worker: a function of what is in its job and of nothing else; it may have
 * parts of its work done by the other workers (base/parallel.h). Then `done` is called on the
 * loop's thread, which owns the job again and may free it. Results come back over a bounded channel
 * with a lane for each worker; the loop is woken once for as many as have come by the time it turns
 * to them.
 *
 * Invariants: a job that was taken ends in exactly one `done`. What is open is bounded by jobs_max,
 * so that the channel is never full and a worker never waits for the loop. Nothing is allocated
 * after offload_create.
 *
 * In place: where there is no offload (NULL), its executor has no threads or its loop is virtual,
 * `run` and `done` are called before offload_submit returns: in one order, on one thread, as
 * simulations need it. So whoever submits must bear to be called back from within.
 *
 * Threads: everything is the loop's thread's, but `run`, and offload_is_cancelled from within it.
 * Ownership: borrows loop and executor, which live longer; a job from offload_submit until `done`.
 * Must not: be given work that blocks, or that reads what others write.
 */
#ifndef RT_OFFLOAD_H
#define RT_OFFLOAD_H
#include "base/parallel.h"
#include "rt/channel.h"
#include "rt/task.h"
#include "sys/loop.h"

#define OFFLOAD_JOBS_MAX 65536u
#define OFFLOAD_WORKERS_MAX MPMC_LANES_MAX
/* Results that are looked at in one turn of the loop. */
#define OFFLOAD_BATCH 16u

struct executor;
struct offload;
struct offload_job;

typedef void (*offload_run)(struct offload_job *job, const struct parallel *parallel);
/* OK: it was run, to its end or until it saw that it was cancelled. ERR_CANCELLED: called off
 * before it began. */
typedef void (*offload_done)(struct offload_job *job, enum err err);

struct offload_job {
	offload_run run;
	offload_done done;
	const struct cancel_token *cancel; /* borrows: calls it off; NULL: nobody does */
	/* the offload's */
	struct task task;
	struct cancel_token token;
	struct offload *offload;
	struct offload_job *prev, *next; /* among those that are open */
	uint64_t since_ns;
	bool dropped;
};

struct offload_config {
	struct loop *loop;
	struct executor *executor;
	uint32_t jobs_max; /* open at once, up to OFFLOAD_JOBS_MAX */
};

/* Returns owned. ERR_FULL: no memory, no waker left in the loop; ERR_RANGE: jobs_max is out of its
 * bounds, or the executor has more than OFFLOAD_WORKERS_MAX workers. */
MUST_USE NONNULL_ALL enum err offload_create(
	struct offload **out, const struct offload_config *config);
/* Calls off what is open, waits for what runs, and ends every job: `done` is called from here. Not
 * from within a `done`. NULL is nothing. */
void offload_destroy(struct offload *o);

/* o may be NULL: in place. ERR_FULL: jobs_max are open, or the executor's queue is full: come back
 * later. ERR_STATE: the executor is closed, or o is being destroyed. After an error `done` is not
 * called. */
MUST_USE enum err offload_submit(struct offload *o, struct offload_job *job);
/* Within `run`: nobody waits for the result any more. */
NONNULL_ALL bool offload_is_cancelled(const struct offload_job *job);

struct offload_stat {
	uint32_t jobs_max, open, open_peak;
	uint64_t submitted, refused, dropped;
	uint64_t took_ns_sum, took_ns_max; /* from submission to `done`; 0 in place */
	struct mpmc_stats results;         /* the channel; zeroed in place */
};
NONNULL_ALL void offload_stat(const struct offload *o, struct offload_stat *out);

#endif
