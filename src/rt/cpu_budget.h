/* rt/cpu_budget: a task may use so much of the CPU; what goes over it is flagged, told to stop and
 * reported, whether it asks or not.
 *
 *     struct cpu_budget b;
 *     cpu_budget_begin(&b, kind, 10 * CPU_BUDGET_MS);
 *     while (more && !cpu_budget_spent())
 *             do a bit;
 *     cut_off = cpu_budget_end(&b);
 *
 * CPU time counts (rt/cpu_clock), not wall time: a task that waits, or that a loaded machine does
 * not let run, uses nothing of its budget. Budgets nest, and an inner one never reaches further
 * than the outer: the earlier deadline holds, and the kind whose budget it is counts as exceeded.
 * A budget is a task's scope as well (rt/cpu_task): its time counts for its kind.
 *
 * Two find out. The task itself, whenever it asks cpu_budget_spent(), for a read of the clock. And
 * the watchdog's thread, for tasks that don't ask: it sleeps until the first budget of a running
 * task could be spent, looks at that thread's account, and flags it within a budget's time after
 * the deadline. Without budgets running it sleeps for ever: at rest it costs nothing. Where it
 * could not be started, the tasks' own asking remains.
 *
 * Nobody is stopped by force: cpu_budget_spent() says so to a loop, and a task that can be
 * cancelled from outside gives `cancel`, which is called once, by whoever finds out.
 *
 * Threads: any; a budget belongs to the thread that began it, and ends there, the last one first.
 * It must not: be used where every run has to take the same way (the engine); there nobody begins
 * a budget, and cpu_budget_spent() is false.
 */
#ifndef RT_CPU_BUDGET_H
#define RT_CPU_BUDGET_H
#include "rt/cpu_task.h"

#define CPU_BUDGET_MS UINT64_C(1000000)
#define CPU_BUDGET_MIN_NS UINT64_C(100000) /* the resolution: less is taken as this */
#define CPU_BUDGET_NONE UINT64_MAX         /* of a task: its time counts, without a limit */

struct cpu_budget {
	uint64_t begun_ns; /* by the thread's clock */
	uint64_t limit_ns;
	uint64_t deadline_ns; /* its own, or the outer's where that is earlier */
	bool own_deadline;
	bool spent;
	uint32_t kind;
	struct cpu_task_scope scope;
	struct cpu_budget *outer; /* borrows: it ends later */
	void (*cancel)(void *ctx);
	void *ctx;
};

/* limit_ns: CPU_BUDGET_NONE for no limit of its own. */
NONNULL_ALL void cpu_budget_begin(struct cpu_budget *b, uint32_t kind, uint64_t limit_ns);
/* The same; `cancel` is called at most once, when the budget is spent, before cpu_budget_end
 * returns: by the watchdog's thread, or by this one. It must neither block nor use this API. */
void cpu_budget_begin_cancellable(struct cpu_budget *b, uint32_t kind, uint64_t limit_ns,
	void (*cancel)(void *ctx), void *ctx);
/* Whether it was spent. */
NONNULL_ALL bool cpu_budget_end(struct cpu_budget *b);

/* Whether the budget that the calling thread works under is spent; false where it has none. Some
 * 15 ns: for every bit of work of a microsecond. */
bool cpu_budget_spent(void);
/* What somebody found out already, the watchdog above all: a load. */
bool cpu_budget_flagged(void);

/* ---- the watchdog ---- */

struct cpu_budget_report {
	const char *task; /* the kind's name */
	uint64_t limit_ns;
	uint64_t used_ns; /* when it was found out */
	bool by_watchdog; /* otherwise the task found out itself */
};

typedef void (*cpu_budget_report_cb)(void *ctx, const struct cpu_budget_report *report);

/* One for the process. `report` (may be NULL) is called for each task that went over its budget,
 * from the thread that found out; it must not block, nor use this API. ERR_FULL: no thread could
 * be had; tasks find out by themselves then, and are reported. ERR_STATE: it runs already. */
MUST_USE enum err cpu_watchdog_start(cpu_budget_report_cb report, void *ctx);
/* No task may be under a budget. Does nothing where it does not run. */
void cpu_watchdog_stop(void);

struct cpu_watchdog_stat {
	uint64_t wakeups; /* times it looked */
	uint64_t flagged; /* tasks that it found */
	bool parked;      /* sleeps until a budget begins */
	bool urgent;      /* the system lets it run before ordinary threads */
};
NONNULL_ALL void cpu_watchdog_stat(struct cpu_watchdog_stat *out);

#endif
