/* Each kind of the clock against the kernel's account, under loads that switch and move it. */
#include "rt/cpu_clock.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/clock.h"
#include "sys/cpu_time.h"
#include "sys/thread.h"

#define SLICE_NS UINT64_C(200000) /* CPU time of a step of a load */
#define SLICES 300u
#define LAST_SLICES 50u
#define TOLERANCE 100 /* a hundredth */
#define OFF_NS_MAX 200000
#define READS 100000u
#define TRIES 5u

static cpu_set_t at_start;
static _Atomic bool rival_stop;

/* The n-th CPU that we may use, round and round. */
static void pin(unsigned n)
{
	cpu_set_t one;
	unsigned cpu = 0;
	n %= (unsigned)CPU_COUNT(&at_start);
	while (!CPU_ISSET(cpu, &at_start) || n-- > 0)
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	CHECK(sched_setaffinity(0, sizeof one, &one) == 0);
}

static void unpin(void)
{
	CHECK(sched_setaffinity(0, sizeof at_start, &at_start) == 0);
}

/* Spin for so long by our clock; it must never go back. */
static void burn(uint64_t ns)
{
	uint64_t last = cpu_clock_ns();
	const uint64_t until = last + ns;
	while (last < until) {
		const uint64_t now = cpu_clock_ns();
		CHECK(now >= last);
		last = now;
	}
}

/* ---- loads ---- */

static void load_busy(unsigned step)
{
	(void)step;
	burn(SLICE_NS);
}

static void load_sleeping(unsigned step)
{
	burn(SLICE_NS);
	if (step % 8 == 0)
		clock_sleep_ms(1);
}

static void load_migrating(unsigned step)
{
	burn(SLICE_NS);
	pin(step);
}

static void rival(void *ctx)
{
	(void)ctx;
	pin(0);
	while (!atomic_load_explicit(&rival_stop, memory_order_relaxed))
		burn(SLICE_NS);
}

static int compare(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

/* After every slice: how far the clock is ahead. A hypervisor that takes the CPU away puts it ahead
 * until the next look, so single values say little: most of them, and whether it adds up, do. */
static bool load_agrees(const char *name, void (*load)(unsigned step))
{
	static int64_t off[SLICES];
	const uint64_t clock = cpu_clock_ns(), kernel = cpu_time_thread_ns();
	uint64_t used = 0;
	for (unsigned i = 0; i < SLICES; i++) {
		load(i);
		const uint64_t told = cpu_clock_ns() - clock;
		used = cpu_time_thread_ns() - kernel;
		off[i] = (int64_t)(told - used);
	}
	qsort(off + SLICES - LAST_SLICES, LAST_SLICES, sizeof off[0], compare);
	const int64_t in_total = off[SLICES - LAST_SLICES / 2];
	qsort(off, SLICES, sizeof off[0], compare);
	const int64_t low = off[SLICES / 10], high = off[SLICES - SLICES / 10];
	(void)printf("  %-10s of %.3f ms: ahead by %.1f to %.1f us, %.1f in the end\n", name,
		(double)used / 1e6, (double)low / 1e3, (double)high / 1e3, (double)in_total / 1e3);
	return low > -OFF_NS_MAX && high < OFF_NS_MAX &&
		llabs(in_total) * TOLERANCE <= (int64_t)used;
}

/* Where the hypervisor took the CPU away most of the time: measured again. A clock that is wrong is
 * wrong each time. */
static void check_load(const char *name, void (*load)(unsigned step))
{
	bool agrees = false;
	for (unsigned i = 0; i < TRIES && !agrees; i++)
		agrees = load_agrees(name, load);
	CHECK(agrees);
}

static void check_preempted(void)
{
	struct thread other;
	atomic_store_explicit(&rival_stop, false, memory_order_relaxed);
	pin(0);
	CHECK(thread_start(&other, "rival", rival, NULL) == OK);
	check_load("preempted", load_busy);
	atomic_store_explicit(&rival_stop, true, memory_order_relaxed);
	thread_join(&other);
	unpin();
}

static void test_kind(enum switch_mark_kind kind)
{
	if (cpu_clock_use(kind) != OK) {
		(void)printf("%s does not work here\n", switch_mark_name(kind));
		return;
	}
	CHECK(cpu_clock_kind() == kind);
	(void)printf("%s\n", switch_mark_name(kind));
	check_load("busy", load_busy);
	check_load("sleeping", load_sleeping);
	check_load("migrating", load_migrating);
	unpin();
	check_preempted();
}

/* Most reads take no look. */
static void test_fast_path(void)
{
	uint64_t looks = 0, base = 0;
	if (cpu_clock_kind() == SWITCH_MARK_NONE)
		return;
	for (unsigned i = 0; i < READS; i++) {
		(void)cpu_clock_ns();
		looks += cpu_clock_self.base_tsc != base;
		base = cpu_clock_self.base_tsc;
	}
	CHECK(cpu_clock_self.rate == 0 || looks < READS / 100);
}

/* ---- other threads, and a child ---- */

static void on_thread(void *ctx)
{
	(void)ctx;
	CHECK(cpu_clock_ns() < SLICES * SLICE_NS); /* it has just begun */
	const uint64_t kernel = cpu_time_thread_ns(), clock = cpu_clock_ns();
	burn(SLICE_NS);
	const uint64_t used = cpu_time_thread_ns() - kernel;
	CHECK(cpu_clock_ns() - clock <= used + used / 2);
}

static void test_others(void)
{
	struct thread t;
	int status;
	burn(2 * SLICES * SLICE_NS);
	CHECK(thread_start(&t, "young", on_thread, NULL) == OK);
	thread_join(&t);
	const pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		on_thread(NULL);
		CHECK(cpu_clock_use(cpu_clock_kind()) == OK);
		CHECK(thread_start(&t, "grandchild", on_thread, NULL) == OK);
		thread_join(&t);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
	CHECK(sched_getaffinity(0, sizeof at_start, &at_start) == 0);
	clock_sleep_ms(2); /* the counter's rate is known after a while */
	for (unsigned k = SWITCH_MARK_KINDS; k-- > 0;)
		test_kind((enum switch_mark_kind)k);
	if (cpu_clock_use(SWITCH_MARK_RSEQ) != OK)
		(void)!cpu_clock_use(SWITCH_MARK_PERF);
	test_fast_path();
	test_others();
	return 0;
}
