#include "rt/cpu_budget.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "sys/clock.h"
#include "sys/cpu_time.h"
#include "sys/thread.h"

#define MS UINT64_C(1000000)
#define TRIALS 15u
#define LATE_NS_MAX (100 * MS)
#define THREADS 3u
#define RACE_TASKS 400u
#define LOST_TRIALS 60u

static uint32_t kind_a, kind_b;
static _Atomic uint64_t reports, reports_by_dog, over_limit;

static void on_report(void *ctx, const struct cpu_budget_report *r)
{
	(void)ctx;
	CHECK(r->limit_ns >= CPU_BUDGET_MIN_NS);
	(void)atomic_fetch_add_explicit(&reports, 1, memory_order_relaxed);
	if (r->by_watchdog)
		(void)atomic_fetch_add_explicit(&reports_by_dog, 1, memory_order_relaxed);
	if (r->used_ns < r->limit_ns)
		(void)atomic_fetch_add_explicit(&over_limit, 1, memory_order_relaxed);
}

static uint64_t reported(void)
{
	return atomic_load_explicit(&reports, memory_order_relaxed);
}

static uint64_t exceeded(uint32_t kind)
{
	struct cpu_task_sum s;
	cpu_task_read(kind, &s);
	return s.exceeded;
}

/* By the kernel's clock, without asking about the budget. */
static void burn(uint64_t ns)
{
	const uint64_t until = cpu_time_thread_ns() + ns;
	while (cpu_time_thread_ns() < until)
		continue;
}

static uint64_t burn_until(bool (*over)(void), uint64_t ns_max)
{
	const uint64_t begun = cpu_time_thread_ns();
	uint64_t used = 0;
	while (!over() && used < ns_max)
		used = cpu_time_thread_ns() - begun;
	return used;
}

/* ---- without a watchdog: whoever asks finds out ---- */

static void test_asking(void)
{
	struct cpu_budget b;
	const uint64_t before = exceeded(kind_a);
	CHECK(!cpu_budget_spent() && !cpu_budget_flagged());
	cpu_budget_begin(&b, kind_a, 2 * MS);
	CHECK(!cpu_budget_spent());
	const uint64_t used = burn_until(cpu_budget_spent, 100 * MS);
	CHECK(used > MS && used < 3 * MS);
	CHECK(cpu_budget_flagged() && cpu_budget_spent());
	CHECK(cpu_budget_end(&b));
	CHECK(!cpu_budget_spent() && !cpu_budget_flagged());
	CHECK(exceeded(kind_a) == before + 1);
	/* found out only at the end */
	cpu_budget_begin(&b, kind_a, MS);
	burn(2 * MS);
	CHECK(cpu_budget_end(&b));
	CHECK(exceeded(kind_a) == before + 2);
	/* within the budget; without a limit; less than the least */
	cpu_budget_begin(&b, kind_a, 1000 * MS);
	CHECK(!cpu_budget_end(&b));
	cpu_budget_begin(&b, kind_a, CPU_BUDGET_NONE);
	burn(MS);
	CHECK(!cpu_budget_spent() && !cpu_budget_end(&b));
	cpu_budget_begin(&b, kind_a, 0);
	CHECK(!cpu_budget_spent());
	CHECK(!cpu_budget_end(&b));
	CHECK(exceeded(kind_a) == before + 2);
}

static unsigned cancelled[2];

static void on_cancel(void *ctx)
{
	cancelled[*(const unsigned *)ctx]++;
}

/* The earlier deadline holds, and its owner is blamed; both are told. */
static void test_nested(void)
{
	static const unsigned zero = 0, one = 1;
	struct cpu_budget outer, inner;
	const uint64_t a = exceeded(kind_a), b = exceeded(kind_b);
	/* the inner one is the shorter */
	cpu_budget_begin_cancellable(
		&outer, kind_a, 1000 * MS, on_cancel, (void *)(uintptr_t)&zero);
	cpu_budget_begin_cancellable(&inner, kind_b, MS, on_cancel, (void *)(uintptr_t)&one);
	(void)burn_until(cpu_budget_spent, 100 * MS);
	CHECK(cpu_budget_spent());
	CHECK(cpu_budget_end(&inner));
	CHECK(!cpu_budget_spent());
	CHECK(!cpu_budget_end(&outer));
	CHECK(exceeded(kind_a) == a && exceeded(kind_b) == b + 1);
	CHECK(cancelled[0] == 0 && cancelled[1] == 1);
	/* the outer one is */
	cpu_budget_begin_cancellable(&outer, kind_a, MS, on_cancel, (void *)(uintptr_t)&zero);
	cpu_budget_begin_cancellable(&inner, kind_b, 1000 * MS, on_cancel, (void *)(uintptr_t)&one);
	(void)burn_until(cpu_budget_spent, 100 * MS);
	CHECK(cpu_budget_end(&inner));
	CHECK(cpu_budget_spent());
	/* what begins under a spent budget is spent */
	cpu_budget_begin(&inner, kind_b, 1000 * MS);
	CHECK(cpu_budget_spent());
	CHECK(cpu_budget_end(&inner));
	CHECK(cpu_budget_end(&outer));
	CHECK(exceeded(kind_a) == a + 1 && exceeded(kind_b) == b + 1);
	CHECK(cancelled[0] == 1 && cancelled[1] == 2);
	/* the outer one's time is over while the inner one ran; it is found out afterwards */
	cpu_budget_begin(&outer, kind_a, MS);
	cpu_budget_begin(&inner, kind_b, CPU_BUDGET_NONE);
	burn(2 * MS);
	(void)cpu_budget_end(&inner);
	CHECK(cpu_budget_spent());
	CHECK(cpu_budget_end(&outer));
	CHECK(exceeded(kind_a) == a + 2 && exceeded(kind_b) == b + 1);
}

/* ---- with the watchdog ---- */

static int compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

/* A task that never asks is flagged after its budget, and within another one. */
static void check_flagged(uint64_t limit_ns)
{
	uint64_t used[TRIALS];
	struct cpu_watchdog_stat stat;
	for (unsigned i = 0; i < TRIALS; i++) {
		struct cpu_budget b;
		cpu_budget_begin(&b, kind_a, limit_ns);
		used[i] = burn_until(cpu_budget_flagged, 20 * limit_ns + 100 * MS);
		CHECK(cpu_budget_end(&b));
		CHECK(used[i] > limit_ns - limit_ns / 2);
	}
	qsort(used, TRIALS, sizeof used[0], compare);
	cpu_watchdog_stat(&stat);
	const uint64_t median = used[TRIALS / 2];
	(void)printf("  budget %5.1f ms: flagged after %.3f ms, at most %.3f\n",
		(double)limit_ns / 1e6, (double)median / 1e6, (double)used[TRIALS - 1] / 1e6);
	/* a hypervisor, or where the watchdog is not urgent everybody, may keep it from its CPU */
	CHECK(used[stat.urgent ? TRIALS * 4 / 5 : TRIALS / 2] <= 2 * limit_ns);
	CHECK(used[TRIALS - 1] < 2 * limit_ns + LATE_NS_MAX);
}

static void spin(void *stop)
{
	const _Atomic bool *s = stop;
	while (!atomic_load_explicit(s, memory_order_relaxed))
		continue;
}

static void test_flagged(void)
{
	_Atomic bool stop = false;
	struct thread rival[2 * THREADS];
	check_flagged(MS / 10);
	check_flagged(MS);
	check_flagged(5 * MS);
	(void)printf("  with %u others that want the CPU:\n", 2 * THREADS);
	for (unsigned i = 0; i < 2 * THREADS; i++)
		CHECK(thread_start(&rival[i], "rival", spin, &stop) == OK);
	check_flagged(MS);
	atomic_store_explicit(&stop, true, memory_order_relaxed);
	for (unsigned i = 0; i < 2 * THREADS; i++)
		thread_join(&rival[i]);
}

/* CPU time counts: neither sleep nor waiting for the CPU does. */
static void test_not_wall_time(void)
{
	_Atomic bool stop = false;
	struct cpu_budget b;
	struct thread rival[THREADS];
	cpu_set_t before, one;
	cpu_budget_begin(&b, kind_a, 20 * MS);
	clock_sleep_ms(60);
	CHECK(!cpu_budget_flagged() && !cpu_budget_spent());
	CHECK(!cpu_budget_end(&b));
	CHECK(sched_getaffinity(0, sizeof before, &before) == 0);
	CPU_ZERO(&one);
	for (int i = 0; CPU_COUNT(&one) == 0; i++)
		if (CPU_ISSET((unsigned)i, &before))
			CPU_SET((unsigned)i, &one);
	CHECK(sched_setaffinity(0, sizeof one, &one) == 0);
	for (unsigned i = 0; i < THREADS; i++) /* they inherit the one CPU */
		CHECK(thread_start(&rival[i], "rival", spin, &stop) == OK);
	const uint64_t wall = clock_mono_ns();
	cpu_budget_begin(&b, kind_a, 40 * MS);
	burn(20 * MS);
	CHECK(!cpu_budget_flagged() && !cpu_budget_spent());
	const uint64_t passed = clock_mono_ns() - wall;
	CHECK(passed > 40 * MS);
	CHECK(!cpu_budget_end(&b));
	atomic_store_explicit(&stop, true, memory_order_relaxed);
	for (unsigned i = 0; i < THREADS; i++)
		thread_join(&rival[i]);
	CHECK(sched_setaffinity(0, sizeof before, &before) == 0);
}

/* At rest it sleeps; every budget that begins then is watched all the same. */
static void test_rest(void)
{
	struct cpu_watchdog_stat at_rest, later;
	do {
		clock_sleep_ms(10);
		cpu_watchdog_stat(&at_rest);
	} while (!at_rest.parked);
	const uint64_t cpu = cpu_time_process_ns();
	clock_sleep_ms(200);
	cpu_watchdog_stat(&later);
	CHECK(later.parked && later.wakeups == at_rest.wakeups);
	CHECK(cpu_time_process_ns() - cpu < 2 * MS);
	for (unsigned i = 0; i < LOST_TRIALS; i++) {
		struct cpu_budget b;
		cpu_budget_begin(&b, kind_a, MS / 5);
		CHECK(burn_until(cpu_budget_flagged, 500 * MS) < 500 * MS);
		CHECK(cpu_budget_end(&b));
		burn(i * MS / 20); /* while it parks, just before, just after */
	}
}

/* Tasks that end just when they are found out: each is told once, or not at all, and never after
 * its end (`told` is gone then). */
static _Atomic uint64_t race_spent;

static void add_one(void *ctx)
{
	(void)atomic_fetch_add_explicit((_Atomic uint32_t *)ctx, 1, memory_order_relaxed);
}

static void race(void *ctx)
{
	uint64_t state = (uintptr_t)ctx * 77 + 1;
	for (unsigned i = 0; i < RACE_TASKS; i++) {
		_Atomic uint32_t told = 0, told_inner = 0;
		struct cpu_budget b, inner;
		state = state * UINT64_C(6364136223846793005) + 1;
		const uint64_t ns = CPU_BUDGET_MIN_NS / 2 + (state >> 33) % (2 * CPU_BUDGET_MIN_NS);
		const bool nest = (state >> 40) % 4 == 0;
		cpu_budget_begin_cancellable(&b, kind_b, CPU_BUDGET_MIN_NS, add_one, &told);
		if (nest)
			cpu_budget_begin_cancellable(
				&inner, kind_a, 2 * CPU_BUDGET_MIN_NS, add_one, &told_inner);
		burn(ns);
		if (nest && cpu_budget_end(&inner))
			CHECK(atomic_load_explicit(&told_inner, memory_order_relaxed) == 1);
		const bool spent = cpu_budget_end(&b);
		const uint32_t times = atomic_load_explicit(&told, memory_order_relaxed);
		CHECK(times <= 1 && (spent || times == 0));
		(void)atomic_fetch_add_explicit(&race_spent, spent, memory_order_relaxed);
	}
}

static void test_races(void)
{
	struct thread t[THREADS];
	const uint64_t a = exceeded(kind_a), b = exceeded(kind_b), r = reported();
	for (uintptr_t i = 0; i < THREADS; i++)
		CHECK(thread_start(&t[i], "race", race, (void *)i) == OK);
	for (unsigned i = 0; i < THREADS; i++)
		thread_join(&t[i]);
	const uint64_t spent = atomic_load_explicit(&race_spent, memory_order_relaxed);
	CHECK(exceeded(kind_b) - b == spent);
	CHECK(exceeded(kind_a) == a); /* the inner one was never the shorter */
	CHECK(reported() - r == spent);
	CHECK(spent > 0 && spent < THREADS * RACE_TASKS);
}

int main(void)
{
	struct cpu_watchdog_stat stat;
	clock_sleep_ms(2);
	kind_a = cpu_task_kind("a");
	kind_b = cpu_task_kind("b");
	test_asking();
	test_nested();
	CHECK(reported() == 0);
	CHECK(cpu_watchdog_start(on_report, NULL) == OK);
	CHECK(cpu_watchdog_start(on_report, NULL) == ERR_STATE);
	test_flagged();
	test_not_wall_time();
	test_rest();
	test_races();
	cpu_watchdog_stat(&stat);
	CHECK(stat.flagged > 0);
	CHECK(stat.flagged == atomic_load_explicit(&reports_by_dog, memory_order_relaxed));
	CHECK(atomic_load_explicit(&over_limit, memory_order_relaxed) == 0);
	cpu_watchdog_stop();
	cpu_watchdog_stop();
	test_asking();
	CHECK(cpu_watchdog_start(NULL, NULL) == OK); /* again, and nobody is told */
	check_flagged(MS);
	cpu_watchdog_stop();
	return 0;
}
