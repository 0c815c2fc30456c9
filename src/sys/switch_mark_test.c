/* A mark that says "not switched" is held against the kernel's own count of switches. */
#include "sys/switch_mark.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sys/cpu_time.h"
#include "sys/thread.h"

#define ROUNDS 20000u
#define NAPS 100u
#define MOVES 200u
#define SWITCHES_WANTED 20u
#define STEP_NS UINT64_C(20000)
#define TIME_MAX_NS UINT64_C(2000000000) /* of CPU, for a machine that switches rarely */

static uint64_t switches(void)
{
	struct rusage r;
	CHECK(getrusage(RUSAGE_THREAD, &r) == 0);
	return (uint64_t)r.ru_nvcsw + (uint64_t)r.ru_nivcsw;
}

static void burn(uint64_t ns)
{
	const uint64_t until = cpu_time_thread_ns() + ns;
	while (cpu_time_thread_ns() < until)
		continue;
}

static void nap(void)
{
	const struct timespec t = {.tv_nsec = 1000};
	(void)nanosleep(&t, NULL);
}

static void pin(unsigned cpu)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	CHECK(sched_setaffinity(0, sizeof set, &set) == 0);
}

struct allowed {
	cpu_set_t set;
	unsigned cpu[2];
	unsigned count; /* at most 2 */
};

static struct allowed at_start;

static struct allowed allowed_cpus(void)
{
	struct allowed a = {.count = 0};
	CHECK(sched_getaffinity(0, sizeof a.set, &a.set) == 0);
	for (unsigned i = 0; i < CPU_SETSIZE && a.count < 2; i++)
		if (CPU_ISSET(i, &a.set))
			a.cpu[a.count++] = i;
	CHECK(a.count > 0);
	return a;
}

/* ---- what a mark must never do: stay set over a switch ---- */

struct tally {
	uint64_t set, switched;
};

static void check_interval(struct switch_mark *m, struct tally *t, void (*work)(void))
{
	switch_mark_set(m);
	const uint64_t before = switches();
	work();
	const uint64_t after = switches();
	const bool set = switch_mark_is_set(m);
	CHECK(!set || before == after);
	t->set += set;
	t->switched += before != after;
}

static void burn_step(void)
{
	burn(STEP_NS);
}

static void nothing(void) {}

static _Atomic bool rival_stop;

static void rival(void *ctx)
{
	(void)ctx;
	pin(at_start.cpu[0]);
	while (!atomic_load_explicit(&rival_stop, memory_order_relaxed))
		continue;
}

/* Another thread wants the same CPU: this one is preempted. */
static void test_preempted(struct switch_mark *m)
{
	struct tally t = {0};
	struct thread other;
	const uint64_t begun = cpu_time_thread_ns();
	atomic_store_explicit(&rival_stop, false, memory_order_relaxed);
	pin(at_start.cpu[0]);
	CHECK(thread_start(&other, "rival", rival, NULL) == OK);
	while (t.switched < SWITCHES_WANTED && cpu_time_thread_ns() - begun < TIME_MAX_NS)
		check_interval(m, &t, burn_step);
	atomic_store_explicit(&rival_stop, true, memory_order_relaxed);
	thread_join(&other);
	CHECK(t.switched == SWITCHES_WANTED);
}

static void migrate(void)
{
	static unsigned turn;
	const struct allowed *a = &at_start;
	pin(a->cpu[turn++ % a->count]);
}

static void test_migrated(struct switch_mark *m)
{
	struct tally t = {0};
	for (unsigned i = 0; i < MOVES; i++)
		check_interval(m, &t, migrate);
	CHECK(at_start.count < 2 || t.switched > 0);
}

static void test_kind(enum switch_mark_kind kind)
{
	struct switch_mark m;
	struct tally t = {0};
	if (switch_mark_attach(&m, kind) != OK) {
		(void)printf("%s does not work here\n", switch_mark_name(kind));
		return;
	}
	CHECK(m.kind == kind);
	CHECK(!switch_mark_is_set(&m));
	for (unsigned i = 0; i < ROUNDS; i++)
		check_interval(&m, &t, nothing);
	/* seldom switched, so nearly always set; `none` never is */
	CHECK(kind == SWITCH_MARK_NONE ? t.set == 0 : t.set > ROUNDS / 2);
	t = (struct tally){0};
	for (unsigned i = 0; i < NAPS; i++)
		check_interval(&m, &t, nap);
	/* one whose time is over before it begins (a hypervisor's doing) is no switch */
	CHECK(t.switched >= NAPS - NAPS / 10 && t.set <= NAPS - t.switched);
	test_migrated(&m);
	test_preempted(&m);
	CHECK(sched_setaffinity(0, sizeof at_start.set, &at_start.set) == 0);
	switch_mark_detach(&m);
	CHECK(m.kind == SWITCH_MARK_NONE && !switch_mark_is_set(&m));
}

/* Each thread has a mark of its own, and so has the child of a fork. */
static void on_thread(void *ctx)
{
	(void)ctx;
	struct switch_mark m;
	switch_mark_attach_best(&m);
	switch_mark_set(&m);
	nap();
	CHECK(!switch_mark_is_set(&m));
	switch_mark_detach(&m);
}

static void test_others(void)
{
	struct thread t;
	int status = 0;
	CHECK(thread_start(&t, "marked", on_thread, NULL) == OK);
	thread_join(&t);
	const pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		on_thread(NULL);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
	struct switch_mark best;
	at_start = allowed_cpus();
	for (unsigned k = 0; k < SWITCH_MARK_KINDS; k++)
		test_kind((enum switch_mark_kind)k);
	test_others();
	switch_mark_attach_best(&best);
	(void)printf("best: %s\n", switch_mark_name(best.kind));
	switch_mark_detach(&best);
	return 0;
}
