/* rt/cpu_budget_internal: what the tasks' side and the watchdog share: a slot for each thread.
 *
 * A slot's state is a generation and three bits. Its owner publishes a budget by a new generation
 * with ACTIVE, and withdraws it by one without; nobody else makes generations. Whoever finds the
 * budget spent adds SPENT to the very generation that he looked at, so that a budget that ended
 * meanwhile, or another that began, is never hit; and MARKING until he has done with the owner's
 * structures, which the owner waits for. Everything else in the slot is written only while the
 * slot is not ACTIVE.
 */
#ifndef RT_CPU_BUDGET_INTERNAL_H
#define RT_CPU_BUDGET_INTERNAL_H
#include "rt/cpu_budget.h"
#include "sys/cpu_time.h"

enum {
	SLOT_ACTIVE = 1,  /* it has a deadline that is to be watched */
	SLOT_SPENT = 2,   /* and that is over */
	SLOT_MARKING = 4, /* somebody is telling so: hold mark_lock to wait */
	SLOT_GENERATION = 8,
};

struct cpu_budget_slot {
	_Atomic uint64_t state;
	_Atomic uint64_t deadline_ns, limit_ns;
	struct cpu_budget *_Atomic top; /* the innermost budget; the owner's memory */
	struct cpu_time_of account;
	bool listed;
	struct cpu_budget_slot *next, *prev; /* under list_lock */
};

/* Marks the budget that was seen in `state` as spent. False where it is no longer that one, or
 * somebody else did. */
NONNULL_ALL bool cpu_budget_mark_(
	struct cpu_budget_slot *slot, uint64_t state, uint64_t now_ns, bool by_watchdog);
void cpu_budget_report_to_(cpu_budget_report_cb report, void *ctx);
/* Calls visit for every thread's slot; none goes away meanwhile. */
void cpu_budget_visit_(void (*visit)(void *ctx, struct cpu_budget_slot *slot), void *ctx);

/* The watchdog looks again within so long, or, UINT64_MAX, nobody knows when. A budget that may be
 * spent before that wakes it. */
extern _Atomic uint64_t cpu_watchdog_period_ns;
void cpu_watchdog_kick_(void);

#endif
