/* Executors: spawning and joining, a tree of forks, and tasks of very different length, on one and
 * two pinned workers. */
#include "crew.h"
#include "peers/peers.h"
#include "pool_ours.h"
#include "runtime.h"
#include "sys/clock.h"

#define FIB 27u
#define FIB_FORKS 317810u /* calls of fib(27) with n > 1: fib(28) - 1 */
#define WORKERS_MAX 2u
#define BURST 1000u /* spawned before the first is waited for */

/* The plain call, with nothing that the compiler could take out of it. */
__attribute__((noinline, optimize("no-inline", "no-optimize-sibling-calls"))) static uint64_t
fib_plain(uint32_t n)
{
	__asm__ volatile("");
	return n < 2 ? n : fib_plain(n - 1) + fib_plain(n - 2);
}

struct entry {
	const struct peer_pool *pool;
	void *storage;
};

static uint64_t fib_expected(void)
{
	uint64_t a = 0, b = 1;
	for (unsigned i = 0; i < FIB; i++) {
		const uint64_t next = a + b;
		a = b;
		b = next;
	}
	return a;
}

static void fib_part(void *ctx, unsigned member)
{
	(void)ctx;
	(void)member;
	CHECK(fib_plain(FIB) == fib_expected());
}

static double fib_plain_ns(void)
{
	return (double)crew_run(1, fib_part, NULL) / FIB_FORKS;
}

/* A fork, and what it costs above a plain call, which is measured in the same moment. */
static void fib_measure(void *ctx, double *figures)
{
	const struct entry *e = ctx;
	const double plain = fib_plain_ns();
	const uint64_t began = clock_mono_ns();
	CHECK(e->pool->fib(e->storage, FIB) == fib_expected());
	figures[0] = (double)(clock_mono_ns() - began) / FIB_FORKS;
	figures[1] = figures[0] - plain;
}

static void fib_plain_measure(void *ctx, double *figures)
{
	(void)ctx;
	figures[0] = fib_plain_ns();
}

static uint64_t spawn_join_run(void *ctx, uint64_t count)
{
	const struct entry *e = ctx;
	const uint64_t began = clock_mono_ns();
	e->pool->spawn_join(e->storage, count);
	return clock_mono_ns() - began;
}

static uint64_t spawn_many_run(void *ctx, uint64_t count)
{
	const struct entry *e = ctx;
	const uint64_t began = clock_mono_ns();
	for (uint64_t i = 0; i < count; i += BURST)
		e->pool->spawn_many(e->storage, BURST);
	return clock_mono_ns() - began;
}

/* Task i is 1 to 100 times as long as the shortest, the long ones few and anywhere. */
#define UNEVEN_TASKS 1000u
#define UNEVEN_STEPS 2000u

static uint64_t uneven_steps(uint64_t index)
{
	const uint64_t mixed = (index * UINT64_C(0x9E3779B97F4A7C15)) >> 32;
	return mixed % 50 == 0 ? UNEVEN_STEPS * 100 : UNEVEN_STEPS * (1 + mixed % 4);
}

static void uneven_item(void *ctx, uint64_t index)
{
	uint64_t x = index + 1;
	(void)ctx;
	for (uint64_t i = uneven_steps(index); i > 0; i--) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		__asm__ volatile("" : "+r"(x));
	}
}

static void uneven_part(void *ctx, unsigned member)
{
	(void)ctx;
	(void)member;
	for (uint64_t i = 0; i < UNEVEN_TASKS; i++)
		uneven_item(NULL, i);
}

/* Perfect balance: every core does all of it at the same time, and what they did is divided. One
 * core alone could be faster than one beside another that is busy. */
static uint64_t uneven_perfect_run(void *ctx, uint64_t count)
{
	(void)ctx;
	CHECK(count == 1);
	return crew_run(WORKERS_MAX, uneven_part, NULL) / WORKERS_MAX;
}

static uint64_t uneven_run(void *ctx, uint64_t count)
{
	const struct entry *e = ctx;
	const uint64_t began = clock_mono_ns();
	CHECK(count == 1);
	e->pool->each(e->storage, UNEVEN_TASKS, uneven_item, NULL);
	return clock_mono_ns() - began;
}

#define PEERS_MAX 8u

struct rival {
	const struct peer_pool *pool;
	double goal[2]; /* of each figure */
};

struct executor_row {
	struct contest contest[2];
	size_t figures;
	compare_run run;
	compare_measure measure;
	unsigned workers;
	struct contestant bound;        /* what no executor can beat, or nobody */
	struct rival rivals[PEERS_MAX]; /* until one without a pool */
};

#define FIB_RIVALS(over_plain)                                                                     \
	{&peer_rayon, {0, over_plain}}, {&peer_tbb, {0, 0}}, {&peer_tbb_other, {0, 0}},            \
	{                                                                                          \
		&peer_deque,                                                                       \
		{                                                                                  \
			0, 0                                                                       \
		}                                                                                  \
	}
#define SPAWN_RIVALS                                                                               \
	{&peer_tokio, {5}}, {&peer_rayon, {0}}, {&peer_deque, {0}},                                \
	{                                                                                          \
		&peer_tbb,                                                                         \
		{                                                                                  \
			0                                                                          \
		}                                                                                  \
	}
#define ROUNDS 21u

static const struct executor_row rows[] = {
	{{{.name = "fork and join, fib(27), 1 worker", .unit = "ns/fork", .rounds = ROUNDS},
		 {.name = "fork and join over a plain call, 1 worker",
			 .unit = "ns/fork",
			 .figure = 1}},
		2, NULL, fib_measure, 1, {.peer = "plain call", .measure = fib_plain_measure},
		{FIB_RIVALS(5)}},
	{{{.name = "fork and join, fib(27), 2 workers", .unit = "ns/fork", .rounds = ROUNDS}}, 1,
		NULL, fib_measure, 2, {.peer = "plain call", .measure = fib_plain_measure},
		{FIB_RIVALS(0)}},
	{{{.name = "spawn and join, one by one, 1 worker", .unit = "ns/task"}}, 1, spawn_join_run,
		NULL, 1, {0}, {SPAWN_RIVALS}},
	{{{.name = "spawn and join, one by one, 2 workers", .unit = "ns/task"}}, 1, spawn_join_run,
		NULL, 2, {0}, {SPAWN_RIVALS}},
	{{{.name = "spawn 1,000, join all, 2 workers", .unit = "ns/task", .granule = BURST}}, 1,
		spawn_many_run, NULL, 2, {0}, {SPAWN_RIVALS}},
	{{{.name = "uneven tasks, 2 workers", .unit = "ns", .count = 1, .rounds = ROUNDS}}, 1,
		uneven_run, NULL, 2,
		{.peer = "perfect balance", .run = uneven_perfect_run, .goal = {0.95}},
		{{&peer_rayon, {0}}, {&peer_rayon_range, {0}}, {&peer_tokio, {0}}, {&peer_tbb, {0}},
			{&peer_tbb_other, {0}}, {&peer_deque, {0}}}},
};

static unsigned run_row(const struct executor_row *row)
{
	struct entry entries[PEERS_MAX];
	struct contestant list[PEERS_MAX + 2] = {0};
	size_t pools = 0, count = 1;
	unsigned missed;
	struct entry ours = {&pool_ours, pool_ours.create(row->workers)};
	list[0] = (struct contestant){.run = row->run, .measure = row->measure, .ctx = &ours};
	if (row->bound.peer)
		list[count++] = row->bound;
	for (; pools < PEERS_MAX && row->rivals[pools].pool; pools++) {
		const struct peer_pool *pool = row->rivals[pools].pool;
		entries[pools] = (struct entry){pool, pool->create(row->workers)};
		list[count++] = (struct contestant){.peer = pool->name,
			.form = pool->form,
			.version = pool->version,
			.run = row->run,
			.measure = row->measure,
			.ctx = &entries[pools],
			.goal = {row->rivals[pools].goal[0], row->rivals[pools].goal[1]}};
	}
	missed = row->run ? compare_contest(row->contest, list, count)
			  : compare_figures(row->contest, row->figures, list, count);
	pool_ours.destroy(ours.storage);
	for (size_t i = 0; i < pools; i++)
		entries[i].pool->destroy(entries[i].storage);
	return missed;
}

unsigned runtime_executor(void)
{
	unsigned missed = 0;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		missed += run_row(&rows[i]);
	return missed;
}
