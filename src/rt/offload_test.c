#include "rt/offload.h"

#include <stdlib.h>

#include "rt/executor.h"
#include "sys/clock.h"

#define JOBS 200u
#define ROOM 64u
#define ITEMS 3000u
#define LOST_MS 600000u /* a wake-up that is lost is a test that does not end */

static struct loop *loop;
static struct executor *executor;

struct sum {
	struct offload_job job; /* first */
	uint32_t item[ITEMS];   /* squares, made by parts */
	uint64_t total;
	uint32_t seed, ran, ended;
	enum err err;
	_Atomic bool *go_on; /* NULL: not waited for */
};

static struct offload *open_offload(uint32_t jobs_max)
{
	struct offload *o;
	const struct offload_config config = {
		.loop = loop, .executor = executor, .jobs_max = jobs_max};
	CHECK(offload_create(&o, &config) == OK);
	return o;
}

static void open_executor(uint32_t workers)
{
	struct executor_config config = executor_config_default();
	config.worker_count = workers;
	config.pin_threads = false;
	config.in_place = workers == 0;
	CHECK(executor_create(&executor, &config) == OK);
}

static void open_loop(bool virtual_time)
{
	const struct loop_config config = {.virtual_time = virtual_time};
	CHECK(loop_create(&loop, &config) == OK);
}

static void close_all(void)
{
	executor_destroy(executor);
	loop_destroy(loop);
}

static void square(void *ctx, size_t begin, size_t end)
{
	struct sum *s = ctx;
	for (size_t i = begin; i < end; i++)
		s->item[i] = (s->seed + (uint32_t)i) * (s->seed + (uint32_t)i);
}

static void run_sum(struct offload_job *job, const struct parallel *parallel)
{
	struct sum *s = (struct sum *)(void *)job;
	s->ran++;
	parallel_run(parallel, ITEMS, sizeof s->item[0], square, s);
	for (uint32_t i = 0; i < ITEMS; i++)
		s->total += s->item[i];
}

static uint64_t expected(uint32_t seed)
{
	uint64_t total = 0;
	for (uint32_t i = 0; i < ITEMS; i++)
		total += (seed + i) * (seed + i);
	return total;
}

static uint32_t ended;

static void end_sum(struct offload_job *job, enum err err)
{
	struct sum *s = (struct sum *)(void *)job;
	s->ended++;
	s->err = err;
	ended++;
}

static void sum_init(struct sum *s, uint32_t seed)
{
	*s = (struct sum){.job = {.run = run_sum, .done = end_sum}, .seed = seed};
}

/* ---- to workers and back ---- */

/* What is refused is submitted again when there is room; all ends once, with the right result, and
 * so many never are open. */
static void test_all_once(uint32_t workers)
{
	struct sum *sum = calloc(JOBS, sizeof *sum);
	struct offload_stat stat;
	CHECK(sum != NULL);
	open_loop(false);
	open_executor(workers);
	struct offload *o = open_offload(ROOM);
	ended = 0;
	uint32_t next = 0, refused = 0;
	while (ended < JOBS) {
		while (next < JOBS) {
			sum_init(&sum[next], next);
			const enum err err = offload_submit(o, &sum[next].job);
			refused += err == ERR_FULL;
			if (err != OK)
				break;
			next++;
		}
		(void)loop_step(loop, LOST_MS);
	}
	for (uint32_t i = 0; i < JOBS; i++)
		CHECK(sum[i].ran == 1 && sum[i].ended == 1 && sum[i].err == OK &&
			sum[i].total == expected(i));
	offload_stat(o, &stat);
	CHECK(stat.submitted == JOBS && stat.refused == refused && refused > 0);
	CHECK(stat.open == 0 && stat.open_peak == ROOM && stat.dropped == 0);
	CHECK(stat.results.pushed == JOBS && stat.results.popped == JOBS);
	CHECK(stat.took_ns_max > 0 && stat.took_ns_sum >= stat.took_ns_max);
	offload_destroy(o);
	close_all();
	free(sum);
}

static void await_run(uint64_t count)
{
	struct executor_counts counts;
	uint32_t imbalance;
	do {
		clock_sleep_ms(1);
		executor_totals(executor, &counts, &imbalance);
	} while (counts.run < count);
}

/* What has come by the time the loop turns costs one turn for each batch, and then it sleeps. */
static void test_batches(void)
{
	static struct sum sum[3 * OFFLOAD_BATCH];
	open_loop(false);
	open_executor(1);
	struct offload *o = open_offload(ARRAY_LEN(sum));
	ended = 0;
	for (uint32_t i = 0; i < ARRAY_LEN(sum); i++) {
		sum_init(&sum[i], i);
		CHECK(offload_submit(o, &sum[i].job) == OK);
	}
	await_run(ARRAY_LEN(sum));
	clock_sleep_ms(20); /* until the last one is in the channel, too */
	for (uint32_t turns = 1; turns <= 3; turns++) {
		CHECK(loop_step(loop, 0) == 1 && ended == turns * OFFLOAD_BATCH);
	}
	CHECK(loop_step(loop, 0) == 0);
	/* and it is woken again */
	sum_init(&sum[0], 7);
	CHECK(offload_submit(o, &sum[0].job) == OK);
	while (sum[0].ended == 0)
		(void)loop_step(loop, LOST_MS);
	CHECK(sum[0].total == expected(7));
	offload_destroy(o);
	close_all();
}

/* ---- called off ---- */

static void run_until_called_off(struct offload_job *job, const struct parallel *parallel)
{
	struct sum *s = (struct sum *)(void *)job;
	(void)parallel;
	s->ran++;
	atomic_store_explicit(s->go_on, true, memory_order_release);
	while (!offload_is_cancelled(job))
		cpu_relax();
}

/* One runs, another waits behind it: the owner of both goes, or the whole is destroyed. */
static void test_called_off(bool destroy)
{
	static struct sum running, waiting, free_one;
	_Atomic bool runs = false;
	struct cancel_token gone;
	open_loop(false);
	open_executor(1);
	struct offload *o = open_offload(4);
	ended = 0;
	cancel_init(&gone, NULL);
	sum_init(&running, 1);
	sum_init(&waiting, 2);
	sum_init(&free_one, 3);
	running.job.run = run_until_called_off;
	running.job.cancel = &gone;
	running.go_on = &runs;
	waiting.job.cancel = &gone;
	CHECK(offload_submit(o, &running.job) == OK);
	while (!atomic_load_explicit(&runs, memory_order_acquire))
		clock_sleep_ms(1);
	CHECK(offload_submit(o, &waiting.job) == OK);
	if (!destroy) {
		CHECK(offload_submit(o, &free_one.job) == OK);
		cancel_request(&gone);
		while (ended < 3)
			(void)loop_step(loop, LOST_MS);
		CHECK(free_one.err == OK && free_one.total == expected(3));
	}
	offload_destroy(o);
	CHECK(ended == (destroy ? 2 : 3) && running.ended == 1 && running.err == OK);
	CHECK(waiting.ran == 0 && waiting.ended == 1 && waiting.err == ERR_CANCELLED);
	close_all();
}

static void test_closed(void)
{
	struct sum *s = calloc(1, sizeof *s);
	CHECK(s != NULL);
	open_loop(false);
	open_executor(2);
	struct offload *o = open_offload(1);
	sum_init(s, 1);
	executor_close(executor, EXECUTOR_DRAIN);
	CHECK(offload_submit(o, &s->job) == ERR_STATE && s->ran == 0 && s->ended == 0);
	offload_destroy(o);
	close_all();
	free(s);
}

/* ---- in place ---- */

static void check_in_place(struct offload *o)
{
	static struct sum s;
	struct cancel_token gone;
	sum_init(&s, 5);
	CHECK(offload_submit(o, &s.job) == OK);
	CHECK(s.ran == 1 && s.ended == 1 && s.err == OK && s.total == expected(5));
	cancel_init(&gone, NULL);
	cancel_request(&gone);
	sum_init(&s, 6);
	s.job.cancel = &gone;
	CHECK(offload_submit(o, &s.job) == OK);
	CHECK(s.ran == 0 && s.ended == 1 && s.err == ERR_CANCELLED);
}

static void test_in_place(void)
{
	check_in_place(NULL);
	static const struct {
		bool virtual_time;
		uint32_t workers;
	} rows[] = {{true, 0}, {true, 2}, {false, 0}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct offload_stat stat;
		open_loop(rows[i].virtual_time);
		open_executor(rows[i].workers);
		struct offload *o = open_offload(1);
		check_in_place(o);
		offload_stat(o, &stat);
		CHECK(stat.submitted == 2 && stat.open == 0 && stat.results.capacity == 0);
		CHECK(loop_step(loop, 0) == 0);
		offload_destroy(o);
		close_all();
	}
	offload_destroy(NULL);
}

static void test_bounds(void)
{
	struct offload *o;
	open_loop(false);
	open_executor(1);
	struct offload_config config = {.loop = loop, .executor = executor};
	CHECK(offload_create(&o, &config) == ERR_RANGE);
	config.jobs_max = OFFLOAD_JOBS_MAX + 1;
	CHECK(offload_create(&o, &config) == ERR_RANGE);
	close_all();
}

int main(void)
{
	test_bounds();
	test_all_once(1);
	test_all_once(2);
	test_batches();
	test_called_off(false);
	test_called_off(true);
	test_closed();
	test_in_place();
	return 0;
}
