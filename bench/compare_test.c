/* What the harness makes of rounds that are known: whose row a goal stands on, and whether it was
 * met. */
#include "compare.h"

#include <math.h>
#include <stdlib.h>

#define ROUNDS 5u

static struct series rounds_of(double median)
{
	struct series s = {.count = ROUNDS};
	for (size_t i = 0; i < ROUNDS; i++)
		s.value[i] = median * (1 + ((double)i - 2) / 10);
	return s;
}

/* Ours takes 1, the peers 2 and 4 (in its better form), a third is not there. */
static unsigned missed(const struct contest *c, double goal_first, double goal_second)
{
	const struct contestant list[] = {{0}, {.peer = "first", .goal = {goal_first}},
		{.peer = "second", .form = "worse", .goal = {goal_second}},
		{.peer = "second", .form = "better", .goal = {goal_second}},
		{.peer = "absent", .goal = {100}}};
	struct series series[ARRAY_LEN(list)] = {
		rounds_of(1), rounds_of(2), rounds_of(8), rounds_of(4), {.count = 0}};
	return compare_series(c, list, series, ARRAY_LEN(list));
}

static void test_smaller_is_better(void)
{
	const struct contest plain = {.name = "plain", .unit = "ns"};
	CHECK(missed(&plain, 2, 4) == 0);
	CHECK(missed(&plain, 2.01, 4) == 1);
	CHECK(missed(&plain, 2.01, 4.01) == 2);
}

static void test_best_peer(void)
{
	CHECK(missed(&(struct contest){.name = "best", .unit = "ns", .goal_best = 2}, 0, 0) == 0);
	CHECK(missed(&(struct contest){.name = "best", .unit = "ns", .goal_best = 3}, 0, 0) == 1);
}

static void test_ours_alone(void)
{
	CHECK(missed(&(struct contest){.name = "ours", .unit = "ns", .goal_ours = 1}, 0, 0) == 0);
	CHECK(missed(&(struct contest){.name = "ours", .unit = "ns", .goal_ours = 0.9}, 0, 0) == 1);
}

/* Ours is 1 where 8 would be better: half of the first, an eighth of the second's better form. */
static void test_larger_is_better(void)
{
	const struct contest larger = {.name = "larger", .unit = "1/s", .larger_is_better = true};
	CHECK(missed(&larger, 0.5, 0.125) == 0);
	CHECK(missed(&larger, 0.51, 0.126) == 2);
}

static void measure_some(void *ctx, double *figures)
{
	figures[0] = *(const double *)ctx;
}

/* A figure that a contestant leaves out makes no row and misses no goal. */
static void test_figures(void)
{
	double one = 1, two = 2;
	const struct contest contests[] = {{.name = "there", .unit = "ns", .rounds = ROUNDS},
		{.name = "left out", .unit = "ns", .figure = 1}};
	const struct contestant list[] = {{.measure = measure_some, .ctx = &one},
		{.peer = "peer", .measure = measure_some, .ctx = &two, .goal = {3, 3}}};
	CHECK(compare_figures(contests, ARRAY_LEN(contests), list, ARRAY_LEN(list)) == 1);
	compare_only("left");
	CHECK(compare_figures(contests, ARRAY_LEN(contests), list, ARRAY_LEN(list)) == 0);
	compare_only(NULL);
}

static uint64_t run_slow_start(void *ctx, uint64_t count)
{
	unsigned *runs = ctx;
	return (*runs)++ == 0 ? UINT64_C(50000000) : count * 100;
}

/* The first run takes long, whatever the count: the rounds are as long as asked all the same. */
static void test_count(void)
{
	unsigned runs = 0;
	const struct contestant ours = {.run = run_slow_start, .ctx = &runs};
	const struct contest c = {
		.name = "count", .unit = "ns", .goal_ours = 100.5, .rounds = ROUNDS};
	CHECK(compare_contest(&c, &ours, 1) == 0);
	CHECK(runs > ROUNDS + 2);
}

static void test_quantiles(void)
{
	uint32_t latencies[101];
	for (uint32_t i = 0; i < ARRAY_LEN(latencies); i++)
		latencies[i] = 100 - i;
	CHECK(fabs(latency_quantile(latencies, ARRAY_LEN(latencies), 0.5) - 50) < 1e-9);
	CHECK(fabs(latency_quantile(latencies, ARRAY_LEN(latencies), 0.99) - 99) < 1e-9);
}

int main(void)
{
	test_smaller_is_better();
	test_best_peer();
	test_ours_alone();
	test_larger_is_better();
	test_figures();
	test_count();
	test_quantiles();
	return EXIT_SUCCESS;
}
