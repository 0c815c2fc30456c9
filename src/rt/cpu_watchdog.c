#include "rt/cpu_budget_internal.h"

#include "rt/eventcount.h"
#include "sys/clock.h"
#include "sys/thread.h"

/* Until a deadline is near, the next look is when the thread could reach it by running without a
 * break; near it, a fraction of the budget later, so that a thread that waits with little left
 * does not keep us busy. */
#define NEAR_FRACTION 4u
#define LOOK_MIN_NS UINT64_C(20000)
/* Tasks come in bursts: so many looks, a budget apart, that found none before it parks. */
#define IDLE_LOOKS 4u

_Atomic uint64_t cpu_watchdog_period_ns = 0; /* nobody to be woken */

static struct {
	struct thread thread;
	struct eventcount wake;
	_Atomic bool stop;
	_Atomic bool urgent;
	_Atomic bool parked; /* sleeps, and nothing but a budget ends that */
	_Atomic uint64_t wakeups, flagged;
	bool running;
} dog;

void cpu_watchdog_kick_(void)
{
	eventcount_notify_one(&dog.wake);
}

struct round {
	uint64_t next_ns;  /* from now; UINT64_MAX: no task runs under a budget */
	uint64_t limit_ns; /* the least of those that do */
};

static void look(void *ctx, struct cpu_budget_slot *slot)
{
	struct round *r = ctx;
	uint64_t now;
	/* [PERIOD] sequentially consistent; acquire: pairs with [PUBLISH] */
	const uint64_t state = atomic_load_explicit(&slot->state, memory_order_seq_cst);
	if ((state & SLOT_ACTIVE) == 0 || (state & SLOT_SPENT) != 0)
		return;
	/* of a budget that began since: then this one is not marked, and we have been kicked */
	const uint64_t deadline = atomic_load_explicit(&slot->deadline_ns, memory_order_relaxed);
	const uint64_t limit = atomic_load_explicit(&slot->limit_ns, memory_order_relaxed);
	if (cpu_time_read(slot->account, &now) != OK)
		return;
	if (now >= deadline) {
		if (cpu_budget_mark_(slot, state, now, true))
			(void)atomic_fetch_add_explicit(&dog.flagged, 1, memory_order_relaxed);
		return;
	}
	uint64_t wait = deadline - now;
	if (wait < limit / NEAR_FRACTION)
		wait = limit / NEAR_FRACTION;
	if (wait < LOOK_MIN_NS)
		wait = LOOK_MIN_NS;
	if (wait < r->next_ns)
		r->next_ns = wait;
	if (limit < r->limit_ns)
		r->limit_ns = limit;
}

static void watch(void *ctx)
{
	uint64_t idle_period_ns = 0;
	unsigned idle_looks = IDLE_LOOKS;
	(void)ctx;
	atomic_store_explicit(&dog.urgent, thread_be_urgent(), memory_order_relaxed);
	for (;;) {
		struct round r = {.next_ns = UINT64_MAX, .limit_ns = UINT64_MAX};
		const uint32_t key = eventcount_prepare(&dog.wake);
		/* [PERIOD] who begins a budget during this look wakes us for another one */
		atomic_store_explicit(&cpu_watchdog_period_ns, UINT64_MAX, memory_order_seq_cst);
		atomic_store_explicit(&dog.parked, false, memory_order_relaxed);
		if (atomic_load_explicit(&dog.stop, memory_order_relaxed)) {
			eventcount_cancel(&dog.wake, key);
			break;
		}
		(void)atomic_fetch_add_explicit(&dog.wakeups, 1, memory_order_relaxed);
		const uint64_t now = clock_mono_ns();
		cpu_budget_visit_(look, &r);
		if (r.next_ns != UINT64_MAX) {
			idle_looks = 0;
			idle_period_ns = r.limit_ns;
		} else if (idle_looks < IDLE_LOOKS) {
			idle_looks++;
			r.next_ns = idle_period_ns;
		}
		atomic_store_explicit(&cpu_watchdog_period_ns, r.next_ns, memory_order_seq_cst);
		atomic_store_explicit(&dog.parked, r.next_ns == UINT64_MAX, memory_order_relaxed);
		(void)!eventcount_wait(
			&dog.wake, key, r.next_ns == UINT64_MAX ? FUTEX_FOREVER : now + r.next_ns);
	}
	atomic_store_explicit(&cpu_watchdog_period_ns, 0, memory_order_relaxed);
}

enum err cpu_watchdog_start(cpu_budget_report_cb report, void *ctx)
{
	if (dog.running)
		return ERR_STATE;
	cpu_budget_report_to_(report, ctx);
	eventcount_init(&dog.wake, 0);
	atomic_store_explicit(&dog.stop, false, memory_order_relaxed);
	TRY(thread_start(&dog.thread, "cpu watchdog", watch, NULL));
	dog.running = true;
	return OK;
}

void cpu_watchdog_stop(void)
{
	if (dog.running) {
		atomic_store_explicit(&dog.stop, true, memory_order_relaxed);
		eventcount_notify_all(&dog.wake);
		thread_join(&dog.thread);
		dog.running = false;
	}
	cpu_budget_report_to_(NULL, NULL);
}

void cpu_watchdog_stat(struct cpu_watchdog_stat *out)
{
	*out = (struct cpu_watchdog_stat){
		.wakeups = atomic_load_explicit(&dog.wakeups, memory_order_relaxed),
		.flagged = atomic_load_explicit(&dog.flagged, memory_order_relaxed),
		.parked = atomic_load_explicit(&dog.parked, memory_order_relaxed),
		.urgent = atomic_load_explicit(&dog.urgent, memory_order_relaxed),
	};
}
