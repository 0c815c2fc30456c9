/* The executor's life: submission from everywhere, sleep and wake-ups, its switches, its ends, and
 * systems that give it less than it wants. */
#include "rt/executor.h"

#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rt/executor_internal.h"
#include "sys/clock.h"

#define SUBMITTERS 3u
#define TASKS 3000u
#define WAKES 400u
#define NS_PER_MS UINT64_C(1000000)
/* A user that nobody is, for a limit that is counted by user. */
#define NOBODY_UID 64321u

static struct executor *create(const struct executor_config *config)
{
	struct executor *x = NULL;
	CHECK(executor_create(&x, config) == OK);
	return x;
}

static struct executor_config config_of(uint32_t workers)
{
	struct executor_config config = executor_config_default();
	config.worker_count = workers;
	config.pin_threads = false;
	return config;
}

struct item {
	struct task task; /* first */
	_Atomic uint32_t run, dropped;
	uint32_t worker;
};

static void run_item(struct strand s, struct task *t)
{
	struct item *i = (struct item *)(void *)t;
	i->worker = strand_worker(s);
	(void)atomic_fetch_add(&i->run, 1);
}

static void drop_item(struct strand s, struct task *t)
{
	(void)s;
	(void)atomic_fetch_add(&((struct item *)(void *)t)->dropped, 1);
}

static struct item item[SUBMITTERS][TASKS];

static void reset_items(struct task_group *group)
{
	memset(item, 0, sizeof item);
	for (uint32_t i = 0; i < SUBMITTERS * TASKS; i++)
		item[i / TASKS][i % TASKS].task = (struct task){
			.run = run_item, .dropped = drop_item, .group = group};
}

/* ---- nothing lost, nothing twice ---- */

struct submitter {
	struct executor *x;
	struct thread thread;
	struct item *item;
	uint32_t refused;
	uint64_t rng;
};

static void submit_main(void *ctx)
{
	struct submitter *s = ctx;
	for (uint32_t i = 0; i < TASKS;) {
		struct task *few[7];
		uint32_t taken = 0, n = 0;
		s->rng = s->rng * 6364136223846793005u + 1442695040888963407u;
		for (; n < 1 + (s->rng >> 60) % 7 && i + n < TASKS; n++)
			few[n] = &s->item[i + n].task;
		const enum err err = n == 1 ? executor_submit(s->x, few[0])
					    : executor_submit_many(s->x, &taken, few, n);
		CHECK(err == OK || err == ERR_FULL);
		i += n == 1 ? err == OK : taken;
		s->refused += err != OK;
		/* now and then long enough for workers to fall asleep */
		if (s->rng >> 40 & 63)
			for (uint32_t k = s->rng >> 32 & 255; k > 0; k--)
				cpu_relax();
		else
			(void)sched_yield();
	}
}

static void test_submit(const struct executor_config *config)
{
	struct executor *x = create(config);
	struct submitter submitter[SUBMITTERS];
	struct executor_counts counts;
	uint32_t imbalance;
	struct task_group group;
	task_group_init(&group, NULL);
	reset_items(&group);
	for (uint32_t i = 0; i < SUBMITTERS; i++) {
		submitter[i] = (struct submitter){.x = x, .item = item[i], .rng = i};
		CHECK(thread_start(&submitter[i].thread, "submit", submit_main, &submitter[i]) ==
			OK);
	}
	for (uint32_t i = 0; i < SUBMITTERS; i++)
		thread_join(&submitter[i].thread);
	CHECK(task_group_await(&group, FUTEX_FOREVER) == OK);
	for (uint32_t i = 0; i < SUBMITTERS * TASKS; i++)
		CHECK(atomic_load(&item[i / TASKS][i % TASKS].run) == 1);
	executor_totals(x, &counts, &imbalance);
	CHECK(counts.run == SUBMITTERS * TASKS && counts.dropped == 0);
	CHECK(config->work_stealing || (counts.stolen == 0 && counts.failed_steals == 0));
	executor_destroy(x);
}

static void test_submits(void)
{
	struct executor_config config = config_of(2);
	test_submit(&config);
	config.max_batch_size = 1;
	config.spin = 0;
	test_submit(&config);
	config = config_of(4);
	config.queue_size = 8;
	config.max_batch_size = 3;
	test_submit(&config);
	config = config_of(3);
	config.work_stealing = false;
	test_submit(&config);
	config = config_of(1);
	test_submit(&config);
	config.in_place = true;
	test_submit(&config);
}

/* ---- sleep ---- */

static void wait_parked(const struct executor *x)
{
	const uint64_t all = (UINT64_C(1) << executor_workers(x)) - 1;
	while (atomic_load(&x->parked[0]) != all)
		(void)sched_yield();
}

/* Every wake-up comes from deep sleep, and only one: a lost one would be the end of this test. */
static void test_wakes(void)
{
	struct executor_config config = config_of(3);
	config.spin = 2;
	struct executor *x = create(&config);
	reset_items(NULL);
	for (uint32_t i = 0; i < WAKES; i++) {
		struct task_group group;
		struct item *one = &item[0][i];
		if (i % 4 != 3) /* else right behind the one before: half-way to sleep */
			wait_parked(x);
		task_group_init(&group, NULL);
		one->task.group = &group;
		CHECK((i % 2 == 0 ? executor_submit(x, &one->task)
				  : executor_submit_to(x, i % 3, &one->task)) == OK);
		CHECK(task_group_await(&group, FUTEX_FOREVER) == OK);
		CHECK(atomic_load(&one->run) == 1);
		CHECK(i % 2 == 0 || one->worker == i % 3);
	}
	executor_destroy(x);
}

static uint64_t cpu_ns(void)
{
	struct rusage usage;
	CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
	return ((uint64_t)usage.ru_utime.tv_sec + (uint64_t)usage.ru_stime.tv_sec) * 1000000000u +
		((uint64_t)usage.ru_utime.tv_usec + (uint64_t)usage.ru_stime.tv_usec) * 1000u;
}

static bool rests(struct executor *x)
{
	struct executor_counts before, after;
	uint32_t imbalance;
	wait_parked(x);
	executor_totals(x, &before, &imbalance);
	const uint64_t cpu_before = cpu_ns();
	clock_sleep_ms(150);
	const uint64_t used = cpu_ns() - cpu_before; /* 150 ms and more where a worker spins */
	executor_totals(x, &after, &imbalance);
	CHECK(after.idle_ns > before.idle_ns && after.run == 0 && after.queue_depth == 0);
	return used < 20 * NS_PER_MS && after.parked == before.parked &&
		after.failed_steals == before.failed_steals;
}

/* At rest nothing wakes up, and no time is used. Listed as sleepers, workers look around once more:
 * on a busy machine that may come late, so that one quiet while of several counts. */
static void test_rest(void)
{
	const struct executor_config config = config_of(2);
	struct executor *x = create(&config);
	for (uint32_t tries = 0; !rests(x); tries++)
		CHECK(tries < 20);
	executor_destroy(x);
}

/* ---- switches ---- */

/* Holds a worker until it is let go. */
struct holder {
	struct task task; /* first */
	_Atomic bool held, let_go;
};

static void run_holder(struct strand s, struct task *t)
{
	struct holder *h = (struct holder *)(void *)t;
	(void)s;
	atomic_store(&h->held, true);
	while (!atomic_load(&h->let_go))
		(void)sched_yield();
}

static void hold(struct executor *x, struct holder *h, uint32_t worker)
{
	*h = (struct holder){.task = {.run = run_holder}};
	CHECK(executor_submit_to(x, worker, &h->task) == OK);
	while (!atomic_load(&h->held))
		(void)sched_yield();
}

struct looker {
	struct task task; /* first */
	struct executor *x;
	uint32_t depth;
	_Atomic bool done;
};

static void run_looker(struct strand s, struct task *t)
{
	struct looker *l = (struct looker *)(void *)t;
	struct executor_counts counts;
	executor_counts(l->x, &counts, strand_worker(s));
	l->depth = counts.queue_depth;
	atomic_store(&l->done, true);
}

/* How many a worker takes at once: those that lie in its deque when it runs the first. */
static void test_batch(uint32_t batch, uint32_t queue_size, uint32_t want)
{
	struct executor_config config = config_of(1);
	config.max_batch_size = batch;
	config.queue_size = queue_size;
	struct executor *x = create(&config);
	struct holder holder;
	struct looker looker = {.task = {.run = run_looker}, .x = x};
	reset_items(NULL);
	hold(x, &holder, 0);
	CHECK(executor_submit(x, &looker.task) == OK);
	for (uint32_t i = 0; i < 7; i++)
		CHECK(executor_submit(x, &item[0][i].task) == OK);
	atomic_store(&holder.let_go, true);
	executor_destroy(x);
	CHECK(atomic_load(&looker.done) && looker.depth == want - 1);
	for (uint32_t i = 0; i < 7; i++)
		CHECK(atomic_load(&item[0][i].run) == 1);
}

struct parent {
	struct task task;         /* first */
	_Atomic uint32_t *others; /* children that ran on another worker */
	struct child {
		struct task task; /* first */
		struct parent *parent;
		uint32_t home;
		_Atomic bool done;
	} child[4];
};

static void run_child(struct strand s, struct task *t)
{
	struct child *c = (struct child *)(void *)t;
	if (strand_worker(s) != c->home)
		(void)atomic_fetch_add(c->parent->others, 1);
	atomic_store(&c->done, true);
}

/* Spawns, and does not wait: until the other worker has taken one, or for a while. */
static void run_parent(struct strand s, struct task *t)
{
	struct parent *p = (struct parent *)(void *)t;
	for (uint32_t i = 0; i < 4; i++) {
		p->child[i] = (struct child){
			.task = {.run = run_child}, .parent = p, .home = strand_worker(s)};
		task_spawn(s, &p->child[i].task);
	}
	const bool steals = executor_settings(strand_executor(s))->work_stealing;
	const uint64_t until = clock_mono_ns() + (steals ? UINT64_C(10000) : 20) * NS_PER_MS;
	while (atomic_load(p->others) == 0 && clock_mono_ns() < until)
		(void)sched_yield();
}

/* With stealing a second worker takes what the first has spawned; without, all stays there. */
static void test_stealing(bool stealing)
{
	struct executor_config config = config_of(2);
	config.work_stealing = stealing;
	struct executor *x = create(&config);
	_Atomic uint32_t others = 0;
	struct parent parent = {.task = {.run = run_parent}, .others = &others};
	CHECK(executor_submit_to(x, 1, &parent.task) == OK);
	executor_destroy(x);
	CHECK((atomic_load(&others) > 0) == stealing);
	for (uint32_t i = 0; i < 4; i++)
		CHECK(atomic_load(&parent.child[i].done));
}

/* Two nodes that do not exist: places and victims follow them, or not. */
static void test_nodes(void)
{
	static struct cpu_map cpus = {.count = 4, .node_count = 2, .cache_line = 128};
	for (uint32_t i = 0; i < 4; i++)
		cpus.place[i] = (struct cpu_place){
			.cpu = (uint16_t)i, .node = (uint16_t)(i / 2), .core = (uint16_t)i};
	cpus.node_id[1] = 7;
	struct executor_config config = config_of(0);
	config.cpus = &cpus;
	struct executor *x = create(&config);
	CHECK(executor_workers(x) == 4 && executor_settings(x)->cache_line_size == 128);
	for (uint32_t i = 0; i < 4; i++) {
		const struct worker *w = x->worker[i];
		CHECK(w->victim_count == 3 && w->near_count == 1);
		CHECK(w->victims[0] == x->worker[i ^ 1]);
	}
	executor_destroy(x);
	config.numa_aware = false;
	config.cache_line_size = 1;
	x = create(&config);
	CHECK(executor_settings(x)->cache_line_size == 1);
	CHECK(x->worker[0]->victim_count == 3 && x->worker[0]->near_count == 3);
	executor_destroy(x);
	config.work_stealing = false;
	x = create(&config);
	CHECK(x->worker[0]->victim_count == 0);
	executor_destroy(x);
}

static void pinned_branch(struct strand s, void *arg)
{
	*(uint32_t *)arg = strand_executor(s)->worker[strand_worker(s)]->place->cpu;
	CHECK(cpu_current() == *(uint32_t *)arg);
}

static void test_pinned(void)
{
	char text[EXECUTOR_TEXT_SIZE];
	uint32_t cpu = UINT32_MAX;
	struct executor_config config = config_of(0);
	config.pin_threads = true;
	struct executor *x = create(&config);
	executor_describe(x, text);
	CHECK(strstr(text, "pinned") != NULL && atomic_load(&x->pinned) == executor_workers(x));
	for (uint32_t i = 0; i < 20; i++)
		CHECK(executor_call(x, pinned_branch, &cpu) == OK);
	executor_destroy(x);
}

static void test_config(void)
{
	struct executor *x = NULL;
	struct executor_config bad[9];
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		bad[i] = config_of(1);
	bad[0].worker_count = EXECUTOR_WORKERS_MAX + 1;
	bad[1].max_batch_size = 0;
	bad[2].max_batch_size = EXECUTOR_BATCH_MAX + 1;
	bad[3].queue_size = 0;
	bad[4].queue_size = 100;
	bad[5].fork_depth = 0;
	bad[6].fork_depth = FORK_SLOTS_MAX + 1;
	bad[7].cache_line_size = 48;
	bad[8].queue_size = 1;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK(executor_create(&x, &bad[i]) == ERR_RANGE && x == NULL);
}

/* ---- ends ---- */

struct spawner {
	struct task task; /* first */
	struct item *item;
	uint32_t count;
};

static void run_spawner(struct strand s, struct task *t)
{
	struct spawner *p = (struct spawner *)(void *)t;
	for (uint32_t i = 0; i < p->count; i++)
		task_spawn(s, &p->item[i].task);
}

static void nothing_branch(struct strand s, void *arg)
{
	(void)s;
	(void)arg;
	CHECK(false);
}

/* Closed with one task that runs, many that wait, and one among them that spawns more. */
static void test_end(uint32_t workers, enum executor_close how)
{
	struct executor_config config = config_of(workers);
	struct executor *x = create(&config);
	struct holder holder[2];
	struct task_group group;
	struct spawner spawner = {.task = {.run = run_spawner}, .item = item[1], .count = TASKS};
	uint32_t run = 0, lost = 0;
	task_group_init(&group, NULL);
	reset_items(&group);
	for (uint32_t i = 0; i < workers; i++)
		hold(x, &holder[i], i);
	CHECK(executor_submit(x, &spawner.task) == OK);
	for (uint32_t i = 0; i < TASKS; i++)
		CHECK(executor_submit(x, &item[0][i].task) == OK);
	executor_close(x, how);
	CHECK(executor_submit(x, &item[2][0].task) == ERR_STATE);
	CHECK(executor_call(x, nothing_branch, NULL) == ERR_STATE);
	for (uint32_t i = 0; i < workers; i++)
		atomic_store(&holder[i].let_go, true);
	executor_destroy(x);
	for (uint32_t i = 0; i < 2 * TASKS; i++) {
		const struct item *one = &item[i / TASKS][i % TASKS];
		run += atomic_load(&one->run);
		lost += atomic_load(&one->dropped);
		CHECK(atomic_load(&one->run) + atomic_load(&one->dropped) == 1 ||
			how == EXECUTOR_DROP);
	}
	if (how == EXECUTOR_DRAIN)
		CHECK(run == 2 * TASKS && lost == 0);
	else /* the spawner itself was dropped */
		CHECK(run == 0 && lost == TASKS && task_group_dropped(&group) == TASKS);
	CHECK(task_group_await(&group, 0) == OK);
}

static void test_close_twice(void)
{
	struct executor_config config = config_of(1);
	struct executor *x = create(&config);
	struct holder holder;
	reset_items(NULL);
	hold(x, &holder, 0);
	CHECK(executor_submit(x, &item[0][0].task) == OK);
	executor_close(x, EXECUTOR_DRAIN);
	executor_close(x, EXECUTOR_DROP);
	executor_close(x, EXECUTOR_DRAIN); /* no way back */
	atomic_store(&holder.let_go, true);
	executor_destroy(x);
	CHECK(atomic_load(&item[0][0].dropped) == 1);
	executor_destroy(NULL);
}

/* ---- in place ---- */

struct outer {
	struct task task; /* first */
	struct executor *x;
	bool inner_waited;
};

static void run_outer(struct strand s, struct task *t)
{
	struct outer *o = (struct outer *)(void *)t;
	(void)s;
	CHECK(executor_submit(o->x, &item[0][0].task) == OK);
	o->inner_waited = atomic_load(&item[0][0].run) == 0;
}

/* Done when submit returns; what a task submits follows it. */
static void check_in_place(struct executor *x)
{
	struct outer outer = {.task = {.run = run_outer}, .x = x};
	CHECK(executor_is_in_place(x) && executor_workers(x) == 1);
	reset_items(NULL);
	CHECK(executor_submit(x, &outer.task) == OK);
	CHECK(outer.inner_waited && atomic_load(&item[0][0].run) == 1);
	struct spawner spawner = {.task = {.run = run_spawner}, .item = item[1], .count = TASKS};
	CHECK(executor_submit_to(x, 0, &spawner.task) == OK);
	for (uint32_t i = 0; i < TASKS; i++)
		CHECK(atomic_load(&item[1][i].run) == 1);
	executor_close(x, EXECUTOR_DROP);
	CHECK(executor_submit(x, &item[2][0].task) == ERR_STATE);
}

static void test_in_place(void)
{
	char text[EXECUTOR_TEXT_SIZE];
	struct executor_config config = config_of(5);
	config.in_place = true;
	struct executor *x = create(&config);
	executor_describe(x, text);
	CHECK(strstr(text, "refuses") == NULL);
	check_in_place(x);
	executor_destroy(x);
}

/* Threads of this process: a sanitizer may have one of its own, which counts too. */
static uint32_t count_threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	uint32_t count = 0;
	CHECK(dir != NULL);
	for (const struct dirent *e; (e = readdir(dir)) != NULL;)
		count += e->d_name[0] != '.';
	(void)closedir(dir);
	return count;
}

/* In a child, as a user with so many threads at most: those that are granted do the work. */
static int run_limited(uint32_t granted)
{
	const struct rlimit limit = {.rlim_cur = 1 + granted, .rlim_max = 1 + granted};
	struct executor_config config = config_of(4);
	char text[EXECUTOR_TEXT_SIZE];
	if (setresuid(NOBODY_UID, NOBODY_UID, NOBODY_UID) != 0)
		return 77; /* counted among all that this user runs: nothing to rely on */
	CHECK(setrlimit(RLIMIT_NPROC, &limit) == 0);
	const bool alone = count_threads() == 1;
	struct executor *x = create(&config);
	executor_describe(x, text);
	CHECK(strstr(text, "refuses") != NULL);
	CHECK(x->threads <= granted && (!alone || x->threads == granted));
	if (x->threads == 0) {
		check_in_place(x);
	} else {
		CHECK(executor_workers(x) == x->threads && !executor_is_in_place(x));
		struct task_group group;
		task_group_init(&group, NULL);
		reset_items(&group);
		for (uint32_t i = 0; i < TASKS; i++)
			while (executor_submit(x, &item[0][i].task) == ERR_FULL)
				(void)sched_yield();
		CHECK(task_group_await(&group, FUTEX_FOREVER) == OK);
	}
	executor_destroy(x);
	return 0;
}

static void test_refused(uint32_t granted)
{
	int status = 0;
	(void)fflush(NULL);
	const pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		_exit(run_limited(granted));
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	CHECK(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 77);
}

int main(void)
{
	test_refused(0);
	test_refused(1);
	test_refused(3);
	test_config();
	test_in_place();
	test_submits();
	test_wakes();
	test_rest();
	test_batch(1, 64, 1);
	test_batch(4, 64, 4);
	test_batch(256, 64, 8);
	test_batch(256, 8, 8);
	test_stealing(true);
	test_stealing(false);
	test_nodes();
	test_pinned();
	for (uint32_t workers = 1; workers <= 2; workers++) {
		test_end(workers, EXECUTOR_DRAIN);
		test_end(workers, EXECUTOR_DROP);
	}
	test_close_twice();
	return EXIT_SUCCESS;
}
