#include "rt/cpu_task.h"

#include "sys/clock.h"
#include "sys/cpu_time.h"
#include "sys/thread.h"

#define MS UINT64_C(1000000)
#define THREADS 3u
#define TASKS 200u
#define TASK_NS UINT64_C(50000)

static uint32_t outer_kind, inner_kind, idle_kind;

static void burn(uint64_t ns)
{
	const uint64_t until = cpu_clock_ns() + ns;
	while (cpu_clock_ns() < until)
		continue;
}

static struct cpu_task_sum sum_of(uint32_t kind)
{
	struct cpu_task_sum s;
	cpu_task_read(kind, &s);
	return s;
}

/* At least that, and not much more: a reader of the clock can be switched out inside of a task. */
static bool about(uint64_t ns, uint64_t wanted)
{
	return ns >= wanted && ns < wanted + wanted / 4 + MS;
}

static void test_kinds(void)
{
	outer_kind = cpu_task_kind("outer");
	inner_kind = cpu_task_kind("inner");
	idle_kind = cpu_task_kind("idle");
	CHECK(outer_kind != CPU_TASK_NONE && inner_kind != outer_kind && idle_kind != inner_kind);
	CHECK(cpu_task_kind("outer") == outer_kind);
	CHECK(strcmp(cpu_task_name(inner_kind), "inner") == 0);
	CHECK(strcmp(cpu_task_name(CPU_TASK_NONE), "other") == 0);
	CHECK(cpu_task_kind("other") == CPU_TASK_NONE);
	CHECK(cpu_task_kind_count() == 4);
}

/* What is nested counts once, for the inner kind; sleeping counts for nobody. */
static void test_nested(void)
{
	const struct cpu_task_scope none = cpu_task_enter(outer_kind);
	burn(2 * MS);
	const struct cpu_task_scope outer = cpu_task_enter(inner_kind);
	burn(3 * MS);
	cpu_task_leave(outer);
	burn(2 * MS);
	cpu_task_leave(none);
	const struct cpu_task_scope idle = cpu_task_enter(idle_kind);
	clock_sleep_ms(20);
	cpu_task_leave(idle);
	CHECK(about(sum_of(outer_kind).ns, 4 * MS));
	CHECK(about(sum_of(inner_kind).ns, 3 * MS));
	CHECK(sum_of(idle_kind).ns < 4 * MS);
	CHECK(sum_of(outer_kind).entered == 1 && sum_of(inner_kind).entered == 1);
}

static void work(void *ctx)
{
	(void)ctx;
	for (unsigned i = 0; i < TASKS; i++) {
		const struct cpu_task_scope s = cpu_task_enter(outer_kind);
		burn(TASK_NS);
		cpu_task_leave(s);
	}
}

/* Read meanwhile, and kept when the threads are gone. */
static void test_threads(void)
{
	struct thread t[THREADS];
	const struct cpu_task_sum before = sum_of(outer_kind);
	struct cpu_task_sum last = before, now = before;
	for (unsigned i = 0; i < THREADS; i++)
		CHECK(thread_start(&t[i], "tasks", work, NULL) == OK);
	while (now.entered < before.entered + THREADS * TASKS / 2) {
		now = sum_of(outer_kind);
		CHECK(now.ns >= last.ns && now.entered >= last.entered);
		last = now;
	}
	for (unsigned i = 0; i < THREADS; i++)
		thread_join(&t[i]);
	now = sum_of(outer_kind);
	CHECK(now.entered == before.entered + THREADS * TASKS);
	CHECK(about(now.ns - before.ns, THREADS * TASKS * TASK_NS));
}

/* All kinds together are the process, to a hundredth; what no task did never goes back. */
static void test_whole(void)
{
	uint64_t all = 0, other = 0;
	burn(5 * MS);
	for (unsigned i = 0; i < 5; i++) {
		const struct cpu_task_scope s = cpu_task_enter(inner_kind);
		burn(MS);
		const uint64_t now = sum_of(CPU_TASK_NONE).ns;
		cpu_task_leave(s);
		CHECK(now >= other);
		other = sum_of(CPU_TASK_NONE).ns;
		CHECK(other >= now && other >= 5 * MS);
	}
	const uint64_t process = cpu_time_process_ns();
	for (uint32_t k = 0; k < cpu_task_kind_count(); k++)
		all += sum_of(k).ns;
	/* up to the longest task that ran while somebody asked */
	CHECK(all >= process - process / 100 - MS && all <= process + process / 100 + 2 * MS);
}

int main(void)
{
	clock_sleep_ms(2);
	test_kinds();
	test_nested();
	test_threads();
	test_whole();
	return 0;
}
