#include "rt/cpu_task.h"

#include "sys/cpu_time.h"
#include "sys/thread.h"

_Thread_local struct cpu_task_thread cpu_task_self;
static _Thread_local struct thread_exit exit_node;

/* All of it under the lock; the counters of listed threads are read without their knowing. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *names[CPU_TASK_KINDS_MAX] = {"other"};
static uint32_t name_count = 1;
static struct cpu_task_thread *listed;
static struct cpu_task_sum ended[CPU_TASK_KINDS_MAX]; /* what threads left behind */
static uint64_t other_ns_max; /* the last answer: a counter does not go back */

static _Atomic uint64_t exceeded[CPU_TASK_KINDS_MAX];

static void lock_all(void)
{
	CHECK(pthread_mutex_lock(&lock) == 0);
}

static void unlock_all(void)
{
	CHECK(pthread_mutex_unlock(&lock) == 0);
}

/* ---- kinds ---- */

uint32_t cpu_task_kind(const char *name)
{
	uint32_t kind = 0;
	lock_all();
	while (kind < name_count && strcmp(names[kind], name) != 0)
		kind++;
	if (kind == name_count) {
		CHECK(name_count < CPU_TASK_KINDS_MAX);
		names[name_count++] = name;
	}
	unlock_all();
	return kind;
}

uint32_t cpu_task_kind_count(void)
{
	lock_all();
	const uint32_t count = name_count;
	unlock_all();
	return count;
}

const char *cpu_task_name(uint32_t kind)
{
	CHECK(kind < cpu_task_kind_count());
	return names[kind]; /* never changes once it is counted */
}

/* ---- threads ---- */

static uint64_t cell(const _Atomic uint64_t *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

static void on_thread_exit(void *ctx)
{
	struct cpu_task_thread *t = ctx;
	(void)cpu_task_switch_(t, CPU_TASK_NONE);
	lock_all();
	for (uint32_t k = 0; k < CPU_TASK_KINDS_MAX; k++) {
		ended[k].ns += cell(&t->ns[k]);
		ended[k].entered += cell(&t->entered[k]);
	}
	*(t->prev != NULL ? &t->prev->next : &listed) = t->next;
	if (t->next != NULL)
		t->next->prev = t->prev;
	unlock_all();
	memset(t, 0, sizeof *t); /* a later hook of this thread's end may list it again */
	t->since_ns = cpu_clock_ns();
}

void cpu_task_list_self_(void)
{
	struct cpu_task_thread *t = &cpu_task_self;
	exit_node = (struct thread_exit){.run = on_thread_exit, .ctx = t};
	thread_at_exit(&exit_node);
	lock_all();
	t->next = listed;
	if (listed != NULL)
		listed->prev = t;
	listed = t;
	unlock_all();
	t->listed = true;
}

/* ---- sums ---- */

static void add_up(uint32_t kind, struct cpu_task_sum *sum)
{
	sum->ns += ended[kind].ns;
	sum->entered += ended[kind].entered;
	for (const struct cpu_task_thread *t = listed; t != NULL; t = t->next) {
		sum->ns += cell(&t->ns[kind]);
		sum->entered += cell(&t->entered[kind]);
	}
}

void cpu_task_read(uint32_t kind, struct cpu_task_sum *out)
{
	struct cpu_task_sum sum = {0};
	CHECK(kind < CPU_TASK_KINDS_MAX);
	lock_all();
	if (kind == CPU_TASK_NONE) {
		struct cpu_task_sum tasks = {0};
		for (uint32_t k = 1; k < name_count; k++)
			add_up(k, &tasks);
		const uint64_t all = cpu_time_process_ns();
		/* a task that runs now counts here until it is left */
		if (all > tasks.ns && all - tasks.ns > other_ns_max)
			other_ns_max = all - tasks.ns;
		sum.ns = other_ns_max;
	} else {
		add_up(kind, &sum);
		sum.exceeded = cell(&exceeded[kind]);
	}
	unlock_all();
	*out = sum;
}

void cpu_task_note_exceeded_(uint32_t kind)
{
	CHECK(kind < CPU_TASK_KINDS_MAX);
	(void)atomic_fetch_add_explicit(&exceeded[kind], 1, memory_order_relaxed);
}
