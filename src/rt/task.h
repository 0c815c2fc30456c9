/* rt/task: what an executor runs; groups that are waited for; tokens that call off.
 *
 * A task is the caller's storage with a function in it. From submission until its function is
 * called (or `dropped` is), it belongs to the executor; the function may free it. Each task that
 * was accepted ends once: run, or dropped where it was called off before it began.
 *
 * A group counts the tasks that name it. When the count falls to zero its waiter goes on, and its
 * continuation, where it has one, is run: a task that should follow others needs no thread that
 * waits for them. A wait within a task works on other tasks meanwhile, on the same stack: wait
 * only for tasks that this task or its children have spawned (else the one waited for may lie
 * under the one that waits), and use a continuation where nesting has no bound.
 *
 * A token is a request, not a force: what has not begun is dropped, what runs looks at it. It also
 * counts as requested while its parent is.
 *
 * Threads: a group has one waiter; tokens and the counts may be used by any thread. Ownership: a
 * group lives until its waiter has returned or its continuation has begun; a token as long as
 * anything names it.
 */
#ifndef RT_TASK_H
#define RT_TASK_H
#include "rt/fork.h"
#include "sys/futex.h"

struct cancel_token {
	_Atomic bool requested;
	const struct cancel_token *parent; /* NULL: none */
};

struct task;
typedef void (*task_run)(struct strand s, struct task *t);
/* Called instead of the function, on a worker all the same. */
typedef void (*task_dropped)(struct strand s, struct task *t);

struct task_group {
	union {
		/* waiter << 32 | count: whoever takes the last one away learns in the same step
		 * whom to wake, and does not touch the group again */
		_Atomic uint64_t state;
		_Atomic uint32_t half[2]; /* for the kernel alone: it sleeps on the count */
	};
	_Atomic uint32_t dropped;          /* how many of its tasks were */
	const struct cancel_token *cancel; /* for all of its tasks; NULL: none */
	struct task *then;
};

struct task {
	task_run run;
	task_dropped dropped;              /* NULL: nobody needs to know */
	struct task_group *group;          /* NULL: none */
	const struct cancel_token *cancel; /* of this one; NULL: none */
	struct task *next;                 /* the executor's */
};

void cancel_init(struct cancel_token *token, const struct cancel_token *parent);
NONNULL_ALL void cancel_request(struct cancel_token *token);
/* NULL is a token that nobody requests. */
bool cancel_is_requested(const struct cancel_token *token);

/* Empty, without a continuation: for task_group_wait, or task_group_await outside of workers. */
void task_group_init(struct task_group *g, const struct cancel_token *cancel);
/* With a continuation: `then` is run when the last task has ended, dropped or not, but not before
 * task_group_seal: tasks may be added until it is called. */
void task_group_init_then(
	struct task_group *g, const struct cancel_token *cancel, struct task *then);
/* Waits from outside of the workers. OK: the group has come to an end; ERR_TIMEOUT: it had not by
 * deadline_ns, monotonic (FUTEX_FOREVER: there is none). */
MUST_USE NONNULL_ALL enum err task_group_await(struct task_group *g, uint64_t deadline_ns);
/* Tasks of the group that were dropped: to be read when it has come to an end. */
NONNULL_ALL uint32_t task_group_dropped(const struct task_group *g);

#endif
