/* CPU accounting on the executor: what workers use is counted, and a task over its budget is called
 * off by its token, though it never asks what it has used. */
#include "rt/cpu_budget.h"
#include "rt/executor.h"

#include "sys/clock.h"
#include "sys/cpu_time.h"

#define MS UINT64_C(1000000)
#define BUDGET_NS (2 * MS)
#define BURN_NS_MAX (2000 * MS) /* a task that nobody calls off gives up */
#define PLAIN_NS (20 * MS)

static uint32_t kind;

static uint64_t sum_ns(uint32_t of)
{
	struct cpu_task_sum s;
	cpu_task_read(of, &s);
	return s.ns;
}

struct burning {
	struct task task; /* first */
	struct cancel_token token;
	uint64_t used_ns;
	bool spent;
};

static void on_spent(void *token)
{
	cancel_request(token);
}

static void burn_until_called_off(struct strand s, struct task *t)
{
	struct burning *b = (struct burning *)(void *)t;
	struct cpu_budget budget;
	const uint64_t begun = cpu_time_thread_ns();
	cpu_budget_begin_cancellable(&budget, kind, BUDGET_NS, on_spent, &b->token);
	do
		b->used_ns = cpu_time_thread_ns() - begun;
	while (!task_is_cancelled(s, t) && b->used_ns < BURN_NS_MAX);
	b->used_ns = cpu_time_thread_ns() - begun;
	b->spent = cpu_budget_end(&budget);
}

static void burn_plainly(struct strand s, struct task *t)
{
	const uint64_t until = cpu_time_thread_ns() + PLAIN_NS;
	(void)s, (void)t;
	while (cpu_time_thread_ns() < until)
		continue;
}

static void run_one(struct executor *x, struct task *t)
{
	struct task_group group;
	task_group_init(&group, NULL);
	t->group = &group;
	CHECK(executor_submit(x, t) == OK);
	CHECK(task_group_await(&group, UINT64_MAX) == OK);
}

static void test_called_off(struct executor *x)
{
	struct burning b = {.task = {.run = burn_until_called_off}};
	struct cpu_task_sum before, after;
	cpu_task_read(kind, &before);
	cancel_init(&b.token, NULL);
	b.task.cancel = &b.token;
	run_one(x, &b.task);
	cpu_task_read(kind, &after);
	CHECK(b.spent && b.used_ns >= BUDGET_NS && b.used_ns < BURN_NS_MAX);
	CHECK(after.exceeded == before.exceeded + 1 && after.entered == before.entered + 1);
	CHECK(after.ns - before.ns >= BUDGET_NS);
}

/* A worker's time is charged when it has nothing left to do. */
static void test_counted(struct executor *x)
{
	const uint32_t own = cpu_task_kind("executor");
	const uint64_t before = sum_ns(own);
	struct task t = {.run = burn_plainly};
	run_one(x, &t);
	for (unsigned i = 0; sum_ns(own) - before < PLAIN_NS; i++) {
		CHECK(i < 5000);
		clock_sleep_ms(1);
	}
}

int main(void)
{
	struct executor *x;
	struct executor_config config = executor_config_default();
	config.worker_count = 2;
	kind = cpu_task_kind("burning");
	CHECK(executor_create(&x, &config) == OK);
	CHECK(cpu_watchdog_start(NULL, NULL) == OK);
	test_called_off(x);
	test_counted(x);
	executor_destroy(x);
	cpu_watchdog_stop();
	return 0;
}
