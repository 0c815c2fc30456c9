/* Groups, continuations, tokens and graphs: everything ends once, in order, and waits end. */
#include "rt/task.h"

#include <sched.h>
#include <stdlib.h>

#include "rt/executor_internal.h"
#include "rt/graph.h"
#include "sys/clock.h"

#define CHILDREN 300u
#define NESTED 200u
#define NODES 400u
#define NS_PER_MS UINT64_C(1000000)

static struct executor *create(uint32_t workers, uint32_t queue_size)
{
	struct executor *x = NULL;
	struct executor_config config = executor_config_default();
	config.worker_count = workers;
	config.queue_size = queue_size;
	config.pin_threads = false;
	CHECK(executor_create(&x, &config) == OK);
	return x;
}

/* ---- spawn and wait ---- */

struct child {
	struct task task; /* first */
	_Atomic uint32_t *done;
	uint32_t times;
};

static void run_child(struct strand s, struct task *t)
{
	struct child *c = (struct child *)(void *)t;
	(void)s;
	CHECK(c->times++ == 0);
	(void)atomic_fetch_add_explicit(c->done, 1, memory_order_relaxed);
}

struct family {
	_Atomic uint32_t done;
	struct child child[CHILDREN];
};

/* The first half one by one, the others at once. */
static void spawn_all(struct strand s, struct family *f, struct task_group *group)
{
	struct task *many[CHILDREN];
	uint32_t count = 0;
	for (uint32_t i = 0; i < CHILDREN; i++) {
		f->child[i] = (struct child){
			.task = {.run = run_child, .group = group}, .done = &f->done};
		if (i < CHILDREN / 2)
			task_spawn(s, &f->child[i].task);
		else
			many[count++] = &f->child[i].task;
	}
	task_spawn_many(s, many, count);
}

static void family_branch(struct strand s, void *arg)
{
	struct family *f = arg;
	struct task_group group;
	task_group_init(&group, NULL);
	spawn_all(s, f, &group);
	task_group_wait(s, &group);
	CHECK(atomic_load(&f->done) == CHILDREN && task_group_dropped(&group) == 0);
}

/* Also where the deque takes but a few of them. */
static void test_spawn(uint32_t workers, uint32_t queue_size)
{
	static struct family family;
	struct executor *x = create(workers, queue_size);
	for (uint32_t i = 0; i < 20; i++) {
		memset(&family, 0, sizeof family);
		CHECK(executor_call(x, family_branch, &family) == OK);
	}
	executor_destroy(x);
}

/* Each task waits for one that waits, deeper than waits help. */
struct nested {
	struct task task; /* first */
	uint32_t level;
	uint32_t *deepest;
};

static void run_nested(struct strand s, struct task *t)
{
	const struct nested *n = (const struct nested *)(const void *)t;
	struct task_group group;
	struct nested below = {.task = {.run = run_nested, .group = &group},
		.level = n->level + 1,
		.deepest = n->deepest};
	*n->deepest = n->level;
	if (n->level == NESTED)
		return;
	task_group_init(&group, NULL);
	task_spawn(s, &below.task);
	task_group_wait(s, &group);
}

static void nested_branch(struct strand s, void *arg)
{
	struct nested top = {.deepest = arg};
	run_nested(s, &top.task);
}

static void test_nested(uint32_t workers)
{
	struct executor *x = create(workers, 16);
	uint32_t deepest = 0;
	_Static_assert(NESTED > 2 * HELP_DEPTH_MAX, "waits that no longer help");
	CHECK(executor_call(x, nested_branch, &deepest) == OK);
	CHECK(deepest == NESTED);
	executor_destroy(x);
}

/* ---- continuations ---- */

struct relay {
	struct family family;
	struct task_group first, second;
	struct task between, last;
	_Atomic uint32_t order; /* 1: between was run; 2: and last */
};

static struct relay *relay;

static void run_between(struct strand s, struct task *t)
{
	CHECK(t == &relay->between && atomic_load(&relay->family.done) == CHILDREN);
	CHECK(atomic_fetch_add(&relay->order, 1) == 0);
	atomic_store(&relay->family.done, 0);
	spawn_all(s, &relay->family, &relay->second);
	task_group_seal(s, &relay->second);
}

static void run_last(struct strand s, struct task *t)
{
	(void)s;
	CHECK(t == &relay->last && atomic_load(&relay->family.done) == CHILDREN);
	CHECK(atomic_fetch_add(&relay->order, 1) == 1);
}

static void relay_branch(struct strand s, void *arg)
{
	(void)arg;
	spawn_all(s, &relay->family, &relay->first);
	task_group_seal(s, &relay->first);
}

/* Children, a task that follows them, children of that one, and a last one: nobody waits but this
 * thread, for the group of the last. */
static void test_then(uint32_t workers)
{
	static struct relay storage;
	struct executor *x = create(workers, 64);
	relay = &storage;
	for (uint32_t i = 0; i < 20; i++) {
		struct task_group end;
		memset(relay, 0, sizeof *relay);
		task_group_init(&end, NULL);
		relay->between = (struct task){.run = run_between};
		relay->last = (struct task){.run = run_last, .group = &end};
		task_group_init_then(&relay->first, NULL, &relay->between);
		task_group_init_then(&relay->second, NULL, &relay->last);
		CHECK(task_group_await(&end, clock_mono_ns() + NS_PER_MS) == ERR_TIMEOUT);
		CHECK(executor_call(x, relay_branch, NULL) == OK);
		CHECK(task_group_await(&end, FUTEX_FOREVER) == OK);
		CHECK(atomic_load(&relay->order) == 2);
	}
	executor_destroy(x);
}

/* ---- tokens ---- */

static void test_tokens(void)
{
	struct cancel_token grand, parent, child;
	cancel_init(&grand, NULL);
	cancel_init(&parent, &grand);
	cancel_init(&child, &parent);
	CHECK(!cancel_is_requested(NULL) && !cancel_is_requested(&child));
	cancel_request(&parent);
	CHECK(!cancel_is_requested(&grand));
	CHECK(cancel_is_requested(&parent) && cancel_is_requested(&child));
}

struct long_task {
	struct task task; /* first */
	_Atomic bool running;
	bool stopped;
};

static void run_long(struct strand s, struct task *t)
{
	struct long_task *l = (struct long_task *)(void *)t;
	atomic_store(&l->running, true);
	while (!task_is_cancelled(s, t))
		(void)sched_yield();
	l->stopped = true;
}

static _Atomic uint32_t dropped;

static void on_dropped(struct strand s, struct task *t)
{
	(void)s;
	(void)t;
	(void)atomic_fetch_add(&dropped, 1);
}

/* One runs and sees it; those behind it, which have not begun, are dropped, by whichever token. */
static void test_cancel(uint32_t workers)
{
	static struct family family;
	struct executor *x = create(workers, 64);
	struct cancel_token all, one;
	struct task_group group;
	struct long_task runs[2];
	memset(&family, 0, sizeof family);
	atomic_store(&dropped, 0);
	cancel_init(&all, NULL);
	cancel_init(&one, NULL);
	task_group_init(&group, &all);
	for (uint32_t i = 0; i < workers; i++) { /* every worker is busy */
		runs[i] = (struct long_task){.task = {.run = run_long, .group = &group}};
		CHECK(executor_submit(x, &runs[i].task) == OK);
		while (!atomic_load(&runs[i].running))
			(void)sched_yield();
	}
	for (uint32_t i = 0; i < 20; i++) {
		family.child[i] = (struct child){.task = {.run = run_child,
							 .dropped = on_dropped,
							 .group = i % 2 == 0 ? &group : NULL,
							 .cancel = i % 2 == 0 ? NULL : &one},
			.done = &family.done};
		CHECK(executor_submit(x, &family.child[i].task) == OK);
	}
	cancel_request(&one);
	cancel_request(&all);
	CHECK(task_group_await(&group, FUTEX_FOREVER) == OK);
	executor_destroy(x);
	for (uint32_t i = 0; i < workers; i++)
		CHECK(runs[i].stopped);
	CHECK(task_group_dropped(&group) == 10 && atomic_load(&dropped) == 20);
	CHECK(atomic_load(&family.done) == 0);
}

/* ---- graphs ---- */

struct step {
	struct graph_node *after[4];
	struct step *before[8];
	uint32_t before_count;
	_Atomic uint32_t rounds;
};

static struct step steps[NODES];
static struct graph_node nodes[NODES];
static struct graph graph;

static void run_step(struct strand s, struct graph_node *node)
{
	struct step *step = &steps[node - nodes];
	const uint32_t round = atomic_load_explicit(&step->rounds, memory_order_relaxed) + 1;
	(void)s;
	for (uint32_t i = 0; i < step->before_count; i++)
		CHECK(atomic_load_explicit(&step->before[i]->rounds, memory_order_relaxed) ==
			round);
	atomic_store_explicit(&step->rounds, round, memory_order_relaxed);
}

/* Edges from each node to some later ones. */
static void make_steps(uint64_t seed)
{
	memset(steps, 0, sizeof steps);
	memset(nodes, 0, sizeof nodes);
	for (uint32_t i = 0; i < NODES; i++) {
		nodes[i].run = run_step;
		nodes[i].after = steps[i].after;
		for (uint32_t k = 0; k < 4; k++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			const uint32_t to = i + 1 + (uint32_t)(seed >> 40) % 20;
			if (to >= NODES || steps[to].before_count == 8)
				continue;
			steps[i].after[nodes[i].after_count++] = &nodes[to];
			steps[to].before[steps[to].before_count++] = &steps[i];
		}
	}
}

static void graph_branch(struct strand s, void *arg)
{
	(void)arg;
	graph_start(s, &graph);
	task_group_wait(s, &graph.group);
}

static void test_graph(uint32_t workers)
{
	struct executor *x = create(workers, 16);
	make_steps(workers);
	CHECK(graph_init(&graph, nodes, NODES, NULL) == OK);
	for (uint32_t round = 1; round <= 10; round++) {
		CHECK(executor_call(x, graph_branch, NULL) == OK);
		for (uint32_t i = 0; i < NODES; i++)
			CHECK(atomic_load(&steps[i].rounds) == round);
	}
	executor_destroy(x);
}

static struct cancel_token stop_graph;

static void run_stopping(struct strand s, struct graph_node *node)
{
	run_step(s, node);
	if (node - nodes == NODES / 2)
		cancel_request(&stop_graph);
}

/* Called off half-way: comes to an end, and what was run was run after what comes before it. */
static void test_graph_cancelled(uint32_t workers)
{
	struct executor *x = create(workers, 16);
	uint32_t run = 0;
	make_steps(7);
	nodes[NODES / 2].run = run_stopping;
	cancel_init(&stop_graph, NULL);
	CHECK(graph_init(&graph, nodes, NODES, &stop_graph) == OK);
	CHECK(executor_call(x, graph_branch, NULL) == OK);
	for (uint32_t i = 0; i < NODES; i++)
		run += atomic_load(&steps[i].rounds);
	CHECK(run >= 1 && run < NODES && run + task_group_dropped(&graph.group) == NODES);
	executor_destroy(x);
}

static void test_graph_circle(void)
{
	struct graph_node *const to_second[] = {&nodes[1]}, *const to_first[] = {&nodes[0]};
	memset(nodes, 0, sizeof nodes);
	nodes[0] = (struct graph_node){.run = run_step, .after = to_second, .after_count = 1};
	nodes[1] = (struct graph_node){.run = run_step, .after = to_first, .after_count = 1};
	CHECK(graph_init(&graph, nodes, 2, NULL) == ERR_FORMAT);
	nodes[1].after_count = 0;
	CHECK(graph_init(&graph, nodes, 2, NULL) == OK && nodes[1].before_count == 1);
	nodes[0].after = to_first; /* after itself */
	CHECK(graph_init(&graph, nodes, 1, NULL) == ERR_FORMAT);
}

int main(void)
{
	test_tokens();
	test_graph_circle();
	for (uint32_t workers = 1; workers <= 3; workers++) {
		test_spawn(workers, EXECUTOR_QUEUE_DEFAULT);
		test_spawn(workers, 4);
		test_nested(workers);
		test_then(workers);
		if (workers <= 2)
			test_cancel(workers);
		test_graph(workers);
		test_graph_cancelled(workers);
	}
	return EXIT_SUCCESS;
}
