/* Forks: right results whoever runs them, on stacks that are too small, when everybody asks all the
 * time, when nobody does. */
#include "rt/fork.h"

#include <sched.h>
#include <stdlib.h>

#include "rt/executor_internal.h"

#define FIB 18u
#define FIB_RESULT 2584u
#define CALLS 60u
#define DEEP 5000u

struct fib {
	uint64_t n, result;
};

static void fib_branch(struct strand s, void *frame);

static uint64_t fib(struct strand s, uint64_t n)
{
	if (n < 2)
		return n;
	struct fib *other = fork_frame(s);
	other->n = n - 2;
	const uint64_t one = fib(fork_begin(s, fib_branch), n - 1);
	if (fork_is_here(s))
		return one + fib(s, n - 2);
	fork_join(s);
	return one + other->result;
}

static void fib_branch(struct strand s, void *frame)
{
	struct fib *f = frame;
	f->result = fib(s, f->n);
}

/* One fork on each level, and the recursion beside it: nothing is joined before the bottom. */
struct chain {
	uint64_t depth, sum;
	_Atomic uint32_t *leaves;
};

static void chain_leaf(struct strand s, void *frame)
{
	struct chain *c = frame;
	(void)s;
	(void)atomic_fetch_add_explicit(c->leaves, 1, memory_order_relaxed);
	c->sum = c->depth;
}

static uint64_t chain(struct strand s, uint64_t depth, _Atomic uint32_t *leaves)
{
	if (depth == 0)
		return 0;
	struct chain *leaf = fork_frame(s);
	*leaf = (struct chain){.depth = depth, .leaves = leaves};
	const uint64_t below = chain(fork_begin(s, chain_leaf), depth - 1, leaves);
	if (fork_is_here(s)) {
		struct chain here = {.depth = depth, .leaves = leaves};
		chain_leaf(s, &here);
		return below + here.sum;
	}
	fork_join(s);
	return below + leaf->sum;
}

/* Three at once, each of which forks again: several open forks in one function. */
struct three {
	uint64_t n, result;
};

static void three_branch(struct strand s, void *frame);

static uint64_t three(struct strand s, uint64_t n)
{
	if (n == 0)
		return 1;
	struct three *first = fork_frame(s);
	first->n = n - 1;
	const struct strand s1 = fork_begin(s, three_branch);
	struct three *second = fork_frame(s1);
	second->n = n - 1;
	uint64_t sum = three(fork_begin(s1, three_branch), n - 1);
	if (fork_is_here(s1)) {
		sum += three(s1, n - 1);
	} else {
		fork_join(s1);
		sum += second->result;
	}
	if (fork_is_here(s))
		return sum + three(s, n - 1);
	fork_join(s);
	return sum + first->result;
}

static void three_branch(struct strand s, void *frame)
{
	struct three *t = frame;
	t->result = three(s, t->n);
}

struct work {
	uint64_t fib, chain, three;
	_Atomic uint32_t leaves;
};

static void work_branch(struct strand s, void *arg)
{
	struct work *w = arg;
	w->fib = fib(s, FIB);
	w->chain = chain(s, DEEP, &w->leaves);
	w->three = three(s, 7);
}

static void check_work(struct executor *x)
{
	struct work w = {0};
	CHECK(executor_call(x, work_branch, &w) == OK);
	CHECK(w.fib == FIB_RESULT && w.three == 2187);
	CHECK(w.chain == (uint64_t)DEEP * (DEEP + 1) / 2 && w.leaves == DEEP);
}

static struct executor *create(uint32_t workers, uint32_t depth)
{
	struct executor *x = NULL;
	struct executor_config config = executor_config_default();
	config.worker_count = workers;
	config.fork_depth = depth;
	config.pin_threads = false;
	CHECK(executor_create(&x, &config) == OK);
	return x;
}

/* Somebody asks every worker, again and again, work or not. */
struct asker {
	struct executor *x;
	struct thread thread;
	_Atomic bool over;
};

static void ask_main(void *ctx)
{
	struct asker *a = ctx;
	while (!atomic_load_explicit(&a->over, memory_order_relaxed)) {
		for (uint32_t i = 0; i < executor_workers(a->x); i++)
			atomic_store_explicit(
				&a->x->worker[i]->forks->limit, NULL, memory_order_relaxed);
		(void)sched_yield();
	}
}

static void test_workers(uint32_t workers, uint32_t depth, bool asked)
{
	struct asker asker = {.x = create(workers, depth)};
	struct executor_counts counts;
	uint32_t imbalance;
	if (asked)
		CHECK(thread_start(&asker.thread, "asker", ask_main, &asker) == OK);
	for (uint32_t i = 0; i < CALLS; i++)
		check_work(asker.x);
	atomic_store_explicit(&asker.over, true, memory_order_relaxed);
	if (asked)
		thread_join(&asker.thread);
	for (uint32_t i = 0; i < workers; i++) { /* every stack is as it was */
		const struct worker *w = asker.x->worker[i];
		CHECK(w->forks->base == w->slots);
		CHECK(split_border(atomic_load(&w->split.word)) == 0);
		CHECK(split_taken(atomic_load(&w->split.word)) == 0);
	}
	executor_totals(asker.x, &counts, &imbalance);
	CHECK(counts.run == CALLS);
	CHECK(workers > 1 || counts.stolen == 0);
	CHECK(workers > 1 || asked || counts.offered == 0);
	executor_destroy(asker.x);
}

/* The other worker, which is idle, gets one of two branches, although neither forks again. */
struct pair {
	_Atomic uint32_t here;
	uint32_t worker[2];
};

static void meet(struct strand s, struct pair *p, uint32_t which)
{
	p->worker[which] = strand_worker(s);
	(void)atomic_fetch_add_explicit(&p->here, 1, memory_order_acq_rel);
	while (atomic_load_explicit(&p->here, memory_order_acquire) != 2)
		(void)sched_yield();
}

static void meet_branch(struct strand s, void *frame)
{
	meet(s, *(struct pair **)frame, 1);
}

static void pair_branch(struct strand s, void *arg)
{
	struct pair *p = arg;
	struct pair **frame = fork_frame(s);
	*frame = p;
	meet(fork_begin(s, meet_branch), p, 0);
	CHECK(!fork_is_here(s));
	fork_join(s);
}

static void test_idle_gets_it(void)
{
	struct executor *x = create(2, 8);
	struct executor_counts counts = {0};
	while (counts.parked == 0) { /* both have asked by the time they sleep */
		struct executor_counts other;
		executor_counts(x, &counts, 0);
		executor_counts(x, &other, 1);
		counts.parked = counts.parked < other.parked ? counts.parked : other.parked;
		(void)sched_yield();
	}
	for (uint32_t i = 0; i < CALLS; i++) {
		struct pair p = {0};
		CHECK(executor_call(x, pair_branch, &p) == OK);
		CHECK(p.worker[0] != p.worker[1]);
		while (x->parked[0] != 3)
			(void)sched_yield();
	}
	executor_destroy(x);
}

int main(void)
{
	test_workers(1, EXECUTOR_FORKS_DEFAULT, false);
	test_workers(1, 3, true);
	test_workers(2, EXECUTOR_FORKS_DEFAULT, false);
	test_workers(2, 3, false);
	test_workers(4, EXECUTOR_FORKS_DEFAULT, true);
	test_workers(4, 1, true);
	test_idle_gets_it();
	return EXIT_SUCCESS;
}
