/* rt/cpu_task: what each kind of task used of the CPU, over all threads.
 *
 * A thread does one kind of task at a time; to begin with, none (CPU_TASK_NONE). Entering a task
 * and leaving it costs one read of rt/cpu_clock each. Tasks nest: time in the inner one counts for
 * the inner one alone, so that the sums of all kinds are the whole and nothing is counted twice.
 *
 *     const struct cpu_task_scope outer = cpu_task_enter(kind);
 *     ...
 *     cpu_task_leave(outer);
 *
 * Kinds are made at start-up and stay. Each thread counts in memory of its own, without locks; who
 * asks adds up. What threads used that have ended is kept. Time counts when a task is entered or
 * left: of one that runs now, not yet.
 *
 * Threads: any; a scope is left on the thread that entered it, the last one first.
 */
#ifndef RT_CPU_TASK_H
#define RT_CPU_TASK_H
#include "rt/cpu_clock.h"

#define CPU_TASK_KINDS_MAX 32u
#define CPU_TASK_NONE 0u

/* A kind by its name, made where it is new: a word for a metric's label; borrowed for ever. More
 * than CPU_TASK_KINDS_MAX are a bug. */
MUST_USE NONNULL_ALL uint32_t cpu_task_kind(const char *name);
/* The kinds made so far, CPU_TASK_NONE with them. */
uint32_t cpu_task_kind_count(void);
/* "other" for CPU_TASK_NONE. */
const char *cpu_task_name(uint32_t kind);

struct cpu_task_sum {
	uint64_t ns;       /* CPU time */
	uint64_t entered;  /* times */
	uint64_t exceeded; /* tasks that went over their budget (rt/cpu_budget) */
};

/* Of one kind, over all threads. For CPU_TASK_NONE: what the process used that no task did. */
NONNULL_ALL void cpu_task_read(uint32_t kind, struct cpu_task_sum *out);

/* One thread's counters: written by it alone. */
struct cpu_task_thread {
	_Atomic uint64_t ns[CPU_TASK_KINDS_MAX];
	_Atomic uint64_t entered[CPU_TASK_KINDS_MAX];
	uint64_t since_ns; /* by the thread's clock: when it began what it does now */
	uint32_t kind;
	bool listed;
	struct cpu_task_thread *next, *prev;
};

extern _Thread_local struct cpu_task_thread cpu_task_self;
void cpu_task_list_self_(void);
void cpu_task_note_exceeded_(uint32_t kind);

struct cpu_task_scope {
	uint32_t outer;
};

static inline void cpu_task_count_(_Atomic uint64_t *cell, uint64_t n)
{
	/* one writer: no locked instruction */
	atomic_store_explicit(
		cell, atomic_load_explicit(cell, memory_order_relaxed) + n, memory_order_relaxed);
}

/* Charge what was done until now, and do something else. Returns the time. */
static inline uint64_t cpu_task_switch_(struct cpu_task_thread *t, uint32_t kind)
{
	const uint64_t now = cpu_clock_ns();
	/* the clock of a forked child begins again */
	cpu_task_count_(&t->ns[t->kind], now > t->since_ns ? now - t->since_ns : 0);
	t->since_ns = now;
	t->kind = kind;
	return now;
}

static inline struct cpu_task_scope cpu_task_enter(uint32_t kind)
{
	struct cpu_task_thread *t = &cpu_task_self;
	CHECK(kind < CPU_TASK_KINDS_MAX);
	if (!t->listed)
		cpu_task_list_self_();
	const struct cpu_task_scope scope = {.outer = t->kind};
	(void)cpu_task_switch_(t, kind);
	cpu_task_count_(&t->entered[kind], 1);
	return scope;
}

/* Charge what was done until now, and go on: for a thread that is about to sleep inside of a task.
 */
static inline void cpu_task_charge(void)
{
	(void)cpu_task_switch_(&cpu_task_self, cpu_task_self.kind);
}

static inline void cpu_task_leave(struct cpu_task_scope scope)
{
	(void)cpu_task_switch_(&cpu_task_self, scope.outer);
}

#endif
