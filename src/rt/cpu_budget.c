#include "rt/cpu_budget_internal.h"

#include "sys/thread.h"

static _Thread_local struct cpu_budget_slot self;
static _Thread_local struct thread_exit exit_node;

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static struct cpu_budget_slot *listed;

/* Held while somebody tells about a spent budget. Taken with or without list_lock, never before
 * it. */
static pthread_mutex_t mark_lock = PTHREAD_MUTEX_INITIALIZER;
static cpu_budget_report_cb report_cb;
static void *report_ctx;

static void lock(pthread_mutex_t *m)
{
	CHECK(pthread_mutex_lock(m) == 0);
}

static void unlock(pthread_mutex_t *m)
{
	CHECK(pthread_mutex_unlock(m) == 0);
}

/* ---- the list of slots ---- */

static void on_thread_exit(void *ctx)
{
	struct cpu_budget_slot *slot = ctx;
	CHECK(atomic_load_explicit(&slot->top, memory_order_relaxed) == NULL);
	lock(&list_lock);
	*(slot->prev != NULL ? &slot->prev->next : &listed) = slot->next;
	if (slot->next != NULL)
		slot->next->prev = slot->prev;
	unlock(&list_lock);
	slot->listed = false;
}

static void list_self(void)
{
	exit_node = (struct thread_exit){.run = on_thread_exit, .ctx = &self};
	thread_at_exit(&exit_node);
	self.account = cpu_time_self();
	self.prev = NULL;
	lock(&list_lock);
	self.next = listed;
	if (listed != NULL)
		listed->prev = &self;
	listed = &self;
	unlock(&list_lock);
	self.listed = true;
}

void cpu_budget_visit_(void (*visit)(void *ctx, struct cpu_budget_slot *slot), void *ctx)
{
	lock(&list_lock);
	for (struct cpu_budget_slot *slot = listed; slot != NULL; slot = slot->next)
		visit(ctx, slot);
	unlock(&list_lock);
}

/* ---- finding out ---- */

void cpu_budget_report_to_(cpu_budget_report_cb report, void *ctx)
{
	lock(&mark_lock);
	report_cb = report;
	report_ctx = ctx;
	unlock(&mark_lock);
}

/* Under mark_lock. */
static void tell(const struct cpu_budget *b, uint64_t used_ns, bool by_watchdog)
{
	const struct cpu_budget_report r = {.task = cpu_task_name(b->kind),
		.limit_ns = b->limit_ns,
		.used_ns = used_ns,
		.by_watchdog = by_watchdog};
	cpu_task_note_exceeded_(b->kind);
	if (report_cb != NULL)
		report_cb(report_ctx, &r);
}

/* Under mark_lock, with the slot MARKING: its owner waits. */
static void tell_all(struct cpu_budget_slot *slot, uint64_t now_ns, bool by_watchdog)
{
	struct cpu_budget *b = atomic_load_explicit(&slot->top, memory_order_relaxed);
	/* all that lie under the deadline that is over: from the innermost to its owner */
	for (bool last = false; !last; b = b->outer) {
		last = b->own_deadline;
		b->spent = true;
		if (b->cancel != NULL)
			b->cancel(b->ctx);
		if (last)
			tell(b, now_ns - b->begun_ns, by_watchdog);
	}
}

bool cpu_budget_mark_(
	struct cpu_budget_slot *slot, uint64_t state, uint64_t now_ns, bool by_watchdog)
{
	lock(&mark_lock);
	/* acquire: pairs with [PUBLISH], so that the budgets are seen as they were published */
	const bool marked = atomic_compare_exchange_strong_explicit(&slot->state, &state,
		state | SLOT_SPENT | SLOT_MARKING, memory_order_acquire, memory_order_relaxed);
	if (marked) {
		tell_all(slot, now_ns, by_watchdog);
		/* [MARKED] release: pairs with the acquire in withdraw */
		(void)atomic_fetch_and_explicit(
			&slot->state, ~(uint64_t)SLOT_MARKING, memory_order_release);
	}
	unlock(&mark_lock);
	return marked;
}

bool cpu_budget_flagged(void)
{
	return (atomic_load_explicit(&self.state, memory_order_relaxed) & SLOT_SPENT) != 0;
}

/* Our clock may be ahead: nobody is blamed before the kernel agrees. */
bool cpu_budget_spent(void)
{
	const uint64_t state = atomic_load_explicit(&self.state, memory_order_relaxed);
	if ((state & SLOT_SPENT) != 0)
		return true;
	if ((state & SLOT_ACTIVE) == 0)
		return false;
	const uint64_t deadline = atomic_load_explicit(&self.deadline_ns, memory_order_relaxed);
	uint64_t now = cpu_clock_ns();
	if (now < deadline)
		return false;
	now = cpu_time_thread_ns();
	if (now < deadline)
		return false;
	(void)cpu_budget_mark_(&self, state, now, false);
	return true;
}

/* ---- beginning and ending ---- */

/* Show the innermost budget, or none. The slot is not ACTIVE. */
static void publish(struct cpu_budget *b, uint64_t now_ns)
{
	const uint64_t before = atomic_load_explicit(&self.state, memory_order_relaxed);
	const uint64_t generation = (before & ~(uint64_t)(SLOT_GENERATION - 1)) + SLOT_GENERATION;
	uint64_t bits = 0;
	if (b != NULL && b->spent)
		bits = SLOT_SPENT;
	else if (b != NULL && b->deadline_ns != CPU_BUDGET_NONE)
		bits = SLOT_ACTIVE;
	atomic_store_explicit(&self.top, b, memory_order_relaxed);
	if (bits != SLOT_ACTIVE) {
		atomic_store_explicit(&self.state, generation | bits, memory_order_relaxed);
		return;
	}
	atomic_store_explicit(&self.deadline_ns, b->deadline_ns, memory_order_relaxed);
	atomic_store_explicit(&self.limit_ns, b->limit_ns, memory_order_relaxed);
	/* [PUBLISH] release: pairs with the acquires in look and cpu_budget_mark_.
	 * [PERIOD] sequentially consistent, with the load below: either the watchdog's next look
	 * sees the slot, or the period that it set before that look is seen here. */
	atomic_store_explicit(&self.state, generation | bits, memory_order_seq_cst);
	const uint64_t left = b->deadline_ns > now_ns ? b->deadline_ns - now_ns : 0;
	if (left < atomic_load_explicit(&cpu_watchdog_period_ns, memory_order_seq_cst))
		cpu_watchdog_kick_();
}

/* From here on nobody but this thread looks at the budgets. */
static void withdraw(void)
{
	uint64_t state = atomic_load_explicit(&self.state, memory_order_relaxed);
	for (;;) {
		if ((state & SLOT_MARKING) != 0) {
			lock(&mark_lock);
			unlock(&mark_lock);
			state = atomic_load_explicit(&self.state, memory_order_relaxed);
		}
		/* acquire: pairs with [MARKED] */
		if (atomic_compare_exchange_weak_explicit(&self.state, &state,
			    state & ~(uint64_t)SLOT_ACTIVE, memory_order_acquire,
			    memory_order_relaxed))
			return;
	}
}

void cpu_budget_begin_cancellable(struct cpu_budget *b, uint32_t kind, uint64_t limit_ns,
	void (*cancel)(void *ctx), void *ctx)
{
	struct cpu_budget *outer = atomic_load_explicit(&self.top, memory_order_relaxed);
	if (!self.listed)
		list_self();
	if (outer != NULL)
		withdraw();
	*b = (struct cpu_budget){.kind = kind,
		.limit_ns = limit_ns > CPU_BUDGET_MIN_NS ? limit_ns : CPU_BUDGET_MIN_NS,
		.scope = cpu_task_enter(kind),
		.outer = outer,
		.cancel = cancel,
		.ctx = ctx};
	b->begun_ns = cpu_task_self.since_ns;
	b->deadline_ns = limit_ns < CPU_BUDGET_NONE - b->begun_ns ? b->begun_ns + b->limit_ns
								  : CPU_BUDGET_NONE;
	b->own_deadline = outer == NULL || b->deadline_ns < outer->deadline_ns;
	if (!b->own_deadline) {
		b->deadline_ns = outer->deadline_ns;
		b->spent = outer->spent;
	}
	publish(b, b->begun_ns);
}

void cpu_budget_begin(struct cpu_budget *b, uint32_t kind, uint64_t limit_ns)
{
	cpu_budget_begin_cancellable(b, kind, limit_ns, NULL, NULL);
}

bool cpu_budget_end(struct cpu_budget *b)
{
	CHECK(atomic_load_explicit(&self.top, memory_order_relaxed) == b);
	withdraw();
	cpu_task_leave(b->scope);
	const uint64_t now = cpu_task_self.since_ns;
	/* spent at the very end, and nobody saw it */
	if (!b->spent && b->own_deadline && now >= b->deadline_ns &&
		cpu_time_thread_ns() >= b->deadline_ns) {
		b->spent = true;
		lock(&mark_lock);
		tell(b, now - b->begun_ns, false);
		unlock(&mark_lock);
	}
	publish(b->outer, now);
	return b->spent;
}
