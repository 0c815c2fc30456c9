/* Our executor behind the functions that its peers are behind. */
#include "pool_ours.h"

#include <stdlib.h>

#include "rt/parallel.h"

struct pool {
	struct executor *executor;
};

struct executor *pool_ours_executor(void *pool)
{
	return ((struct pool *)pool)->executor;
}

void *pool_ours_create_with(const struct executor_config *config)
{
	struct pool *p = malloc(sizeof *p);
	CHECK(p != NULL && executor_create(&p->executor, config) == OK);
	return p;
}

static void *create(uint32_t workers)
{
	struct executor_config config = executor_config_default();
	config.worker_count = workers;
	return pool_ours_create_with(&config);
}

static void destroy(void *pool)
{
	executor_destroy(pool_ours_executor(pool));
	free(pool);
}

static void call(void *pool, fork_branch run, void *arg)
{
	CHECK(executor_call(pool_ours_executor(pool), run, arg) == OK);
}

/* ---- a tree of forks ---- */

struct fib {
	uint64_t result;
	uint32_t n;
};

static void fib_branch(struct strand s, void *frame);

/* As the plain call beside it: nothing inlined, no call turned into a loop. */
__attribute__((noinline,
	optimize("no-inline-functions-called-once", "no-optimize-sibling-calls"))) static uint64_t
fib_of(struct strand s, uint32_t n)
{
	__asm__ volatile("");
	if (n < 2)
		return n;
	struct fib *other = fork_frame(s);
	other->n = n - 2;
	const uint64_t one = fib_of(fork_begin(s, fib_branch), n - 1);
	if (fork_is_here(s))
		return one + fib_of(s, n - 2);
	fork_join(s);
	return one + other->result;
}

static void fib_branch(struct strand s, void *frame)
{
	struct fib *f = frame;
	f->result = fib_of(s, f->n);
}

static uint64_t fib(void *pool, uint32_t n)
{
	struct fib f = {.n = n};
	call(pool, fib_branch, &f);
	return f.result;
}

/* ---- tasks ---- */

static void do_nothing(struct strand s, struct task *t)
{
	(void)s;
	(void)t;
}

static void spawn_join_branch(struct strand s, void *arg)
{
	for (uint64_t i = *(const uint64_t *)arg; i > 0; i--) {
		struct task_group group;
		struct task task = {.run = do_nothing, .group = &group};
		task_group_init(&group, NULL);
		task_spawn(s, &task);
		task_group_wait(s, &group);
	}
}

static void spawn_join(void *pool, uint64_t count)
{
	call(pool, spawn_join_branch, &count);
}

static void spawn_many_branch(struct strand s, void *arg)
{
	const uint64_t count = *(const uint64_t *)arg;
	struct task_group group;
	struct task *tasks = malloc(count * sizeof *tasks);
	struct task **row = malloc(count * sizeof(struct task *));
	CHECK(tasks != NULL && row != NULL);
	task_group_init(&group, NULL);
	for (uint64_t i = 0; i < count; i++) {
		tasks[i] = (struct task){.run = do_nothing, .group = &group};
		row[i] = &tasks[i];
	}
	task_spawn_many(s, row, (uint32_t)count);
	task_group_wait(s, &group);
	free(row);
	free(tasks);
}

static void spawn_many(void *pool, uint64_t count)
{
	call(pool, spawn_many_branch, &count);
}

/* ---- loops ---- */

struct each {
	uint64_t count;
	peer_item item;
	void *ctx;
};

static void each_body(void *arg, size_t begin, size_t end)
{
	const struct each *e = arg;
	for (size_t i = begin; i < end; i++)
		e->item(e->ctx, i);
}

static void each_branch(struct strand s, void *arg)
{
	/* items write one result each, side by side */
	const struct parallel_options options = {.item_size = sizeof(uint64_t)};
	struct each *e = arg;
	parallel_for_each(s, e->count, &options, each_body, e);
}

static void each(void *pool, uint64_t count, peer_item item, void *ctx)
{
	struct each e = {count, item, ctx};
	call(pool, each_branch, &e);
}

struct sum {
	const uint64_t *items;
	uint64_t count, result;
};

static void sum_fold(void *ctx, void *into, size_t begin, size_t end)
{
	const uint64_t *items = ((const struct sum *)ctx)->items;
	uint64_t sum = 0;
	for (size_t i = begin; i < end; i++)
		sum += items[i];
	*(uint64_t *)into += sum;
}

static void sum_combine(void *ctx, void *into, const void *right)
{
	(void)ctx;
	*(uint64_t *)into += *(const uint64_t *)right;
}

static void sum_branch(struct strand s, void *arg)
{
	static const uint64_t zero;
	static const struct reduce reduce = {
		.size = sizeof zero, .identity = &zero, .fold = sum_fold, .combine = sum_combine};
	const struct parallel_options options = {.item_size = sizeof(uint64_t)};
	struct sum *m = arg;
	parallel_reduce(s, &m->result, m->count, &options, &reduce, m);
}

static uint64_t sum(void *pool, const uint64_t *items, uint64_t count)
{
	struct sum m = {items, count, 0};
	call(pool, sum_branch, &m);
	return m.result;
}

const struct peer_pool pool_ours = {.create = create,
	.destroy = destroy,
	.fib = fib,
	.spawn_join = spawn_join,
	.spawn_many = spawn_many,
	.each = each,
	.sum = sum};
