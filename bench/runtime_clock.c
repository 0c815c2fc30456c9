/* CPU time of a thread: the price of a read beside the system call, whether the totals agree while
 * two threads share a core, and what the account of a task costs. */
#include <math.h>
#include <sys/resource.h>
#include <time.h>

#include "crew.h"
#include "rt/cpu_budget.h"
#include "runtime.h"
#include "sys/clock.h"

#define SHARE_NS UINT64_C(40000000) /* some turns of the scheduler */
#define TASK_NS 1e6                 /* the task whose account is weighed */
#define TASKS 40u
#define ROUNDS 11u

struct reads {
	uint64_t count, last;
};

static uint64_t kernel_ns(void)
{
	struct timespec now;
	CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static void read_ours(void *ctx, unsigned member)
{
	struct reads *r = ctx;
	(void)member;
	for (uint64_t i = 0; i < r->count; i++)
		r->last = cpu_clock_ns();
}

static void read_kernel(void *ctx, unsigned member)
{
	struct reads *r = ctx;
	(void)member;
	for (uint64_t i = 0; i < r->count; i++)
		r->last = kernel_ns();
}

static uint64_t run_ours(void *ctx, uint64_t count)
{
	struct reads r = {.count = count};
	(void)ctx;
	return crew_run(1, read_ours, &r);
}

static uint64_t run_kernel(void *ctx, uint64_t count)
{
	struct reads r = {.count = count};
	(void)ctx;
	return crew_run(1, read_kernel, &r);
}

/* Each counts its own time by our clock, read all along, and by the kernel's, read at both ends. */
struct share {
	double off[CREW_MAX];
};

static void share_part(void *ctx, unsigned member)
{
	struct share *s = ctx;
	const uint64_t until = clock_mono_ns() + SHARE_NS;
	const uint64_t kernel = kernel_ns(), ours = cpu_clock_ns();
	uint64_t now = ours;
	while (clock_mono_ns() < until)
		now = cpu_clock_ns();
	const double used = (double)(kernel_ns() - kernel);
	s->off[member] = fabs((double)(now - ours) - used) / used * 100;
}

/* One member more than cores: the first and the last share one. */
static void measure_totals(void *ctx, double *figures)
{
	struct share s = {{0}};
	const unsigned cores = crew_cores(), members = cores < CREW_MAX ? cores + 1 : CREW_MAX;
	(void)ctx;
	(void)crew_run(members, share_part, &s);
	figures[0] = fmax(s.off[0], s.off[members - 1]);
}

static void account_part(void *ctx, unsigned member)
{
	const struct reads *r = ctx;
	const uint32_t kind = cpu_task_kind("bench");
	(void)member;
	for (uint64_t i = 0; i < r->count; i++)
		cpu_task_leave(cpu_task_enter(kind));
}

static void measure_account(void *ctx, double *figures)
{
	struct reads r = {.count = 10000};
	(void)ctx;
	figures[0] = (double)crew_run(1, account_part, &r) / (double)r.count / TASK_NS * 100;
}

/* Times that this thread was made to give up its core. */
static long preempted(void)
{
	struct rusage usage;
	CHECK(getrusage(RUSAGE_THREAD, &usage) == 0);
	return usage.ru_nivcsw;
}

static uint64_t pay_begin(struct cpu_budget *budget, uint32_t kind)
{
	const uint64_t before = tsc_read();
	cpu_budget_begin(budget, kind, 50 * CPU_BUDGET_MS);
	return tsc_read() - before;
}

static uint64_t pay_end(struct cpu_budget *budget)
{
	const uint64_t before = tsc_read();
	(void)cpu_budget_end(budget);
	return tsc_read() - before;
}

/* Whole tasks of a millisecond under a budget, the watchdog running: what its begin and end take,
 * with caches gone cold meanwhile and the clock's own looks at the kernel. Tasks that were
 * preempted are left out: the other's turn would count as ours. */
static void budget_part(void *ctx, unsigned member)
{
	double *share = ctx;
	const uint32_t kind = cpu_task_kind("bench");
	uint64_t paid = 0, all = 0;
	(void)member;
	for (unsigned i = 0; i < TASKS; i++) {
		struct cpu_budget budget;
		const long turns = preempted();
		const uint64_t begun = tsc_read(), begin = pay_begin(&budget, kind);
		const uint64_t until = clock_mono_ns() + (uint64_t)TASK_NS;
		while (clock_mono_ns() < until)
			continue;
		const uint64_t end = pay_end(&budget), took = tsc_read() - begun;
		if (preempted() != turns)
			continue;
		paid += begin + end;
		all += took;
	}
	*share = all > 0 ? (double)paid / (double)all * 100 : NAN;
}

static void measure_budget(void *ctx, double *figures)
{
	(void)ctx;
	(void)crew_run(1, budget_part, &figures[0]);
}

unsigned runtime_clock(void)
{
	static const struct contest read = {.name = "CPU time of a thread, a read", .unit = "ns"};
	static const struct contest totals = {
		.name = "CPU time of a thread, totals on a shared core, off by",
		.unit = "%",
		.goal_ours = 1,
		.rounds = ROUNDS};
	static const struct contest account = {.name = "CPU account of a task of 1 ms",
		.unit = "%",
		.goal_ours = 0.05,
		.rounds = ROUNDS};
	const struct contestant readers[] = {{.run = run_ours},
		{.peer = "CLOCK_THREAD_CPUTIME_ID", .run = run_kernel, .goal = {10}}};
	const struct contestant total = {.measure = measure_totals};
	static const struct contest budget = {.name = "CPU budget of a task of 1 ms",
		.unit = "%",
		.goal_ours = 0.05,
		.rounds = ROUNDS};
	const struct contestant task = {.measure = measure_account};
	const struct contestant watched = {.measure = measure_budget};
	CHECK(cpu_watchdog_start(NULL, NULL) == OK);
	const unsigned missed = compare_contest(&read, readers, ARRAY_LEN(readers)) +
		compare_figures(&totals, 1, &total, 1) + compare_figures(&account, 1, &task, 1) +
		compare_figures(&budget, 1, &watched, 1);
	cpu_watchdog_stop();
	return missed;
}
