/* counted: the hot operations, for counting the instructions that each takes (tools/counted.py runs
 * this under callgrind). Instructions, not time: the same on a busy machine.
 *
 *     counted --list     what it was built by and for; then the operations, in order
 *     counted            runs each operation three times inside counted_collect: warm, n, 2n
 *
 * What an operation needs is made before; the difference between n and 2n runs has neither that nor
 * the call in it. One thread; no operation here takes a system call.
 */
#include <gnu/libc-version.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/crc32c.h"
#include "base/histogram.h"
#include "base/map.h"
#include "rt/deque.h"
#include "rt/eventcount.h"
#include "rt/executor.h"
#include "rt/latency.h"
#include "rt/mpmc.h"
#include "rt/slab.h"
#include "rt/spsc.h"
#include "store/journal.h"
#include "sys/file_sim.h"
#include "sys/timer_wheel.h"

#define ROUNDS 1000u
#define RING 1024u
#define BATCH 64u
#define PAYLOAD 256u
#define FORKS_AT_ONCE 50u /* nested; a divisor of ROUNDS */

static volatile uint64_t sink; /* results go here: nothing is left out */

/* ---- base ---- */

static struct histogram histogram;
static uint8_t block[4096];
static struct map_slot map_slot[256];
static struct map map;

static void run_histogram(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		histogram_record(&histogram, i * 977);
}

static void run_crc32c(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		sink = crc32c((uint32_t)i, block, sizeof block);
}

static void run_crc32c_portable(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		sink = crc32c_portable((uint32_t)i, block, 64);
}

static void run_map_get(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		uint8_t key[16] = {(uint8_t)(i % 128)};
		sink = map_get(&map, key);
	}
}

/* ---- rings ---- */

static uint64_t items[BATCH];
static struct spsc spsc;
static struct spsc_producer spsc_in;
static struct spsc_consumer spsc_out;
static struct mpmc mpmc;
static struct mpmc_producer mpmc_in;
static struct mpmc_consumer mpmc_out;

static void run_spsc(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		CHECK(spsc_push(&spsc_in, &i, sizeof i));
		CHECK(spsc_pop(&spsc_out, items, sizeof i));
	}
}

static void run_spsc_batch(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		CHECK(spsc_push_batch(&spsc_in, items, BATCH, sizeof items[0]) == BATCH);
		CHECK(spsc_pop_batch(&spsc_out, items, BATCH, sizeof items[0]) == BATCH);
	}
}

static void run_mpmc(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		CHECK(mpmc_push(&mpmc_in, &i, sizeof i));
		CHECK(mpmc_pop(&mpmc_out, items, sizeof i));
	}
}

static void run_mpmc_batch(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		CHECK(mpmc_push_batch(&mpmc_in, items, BATCH, sizeof items[0]) == BATCH);
		CHECK(mpmc_pop_batch(&mpmc_out, items, BATCH, sizeof items[0]) == BATCH);
	}
}

/* ---- the rest of the runtime ---- */

static struct slab *slab;
static struct slab_cache *cache;
static struct eventcount event;
static struct deque deque;
static _Atomic(void *) deque_ring[RING];
static struct latency *latency;
static struct timer_wheel wheel;

static void run_slab_64(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		void *p = slab_alloc(cache, 64);
		CHECK(p != NULL);
		slab_free(cache, p, 64);
	}
}

static void run_slab_4096(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		void *p = slab_alloc(cache, 4096);
		CHECK(p != NULL);
		slab_free(cache, p, 4096);
	}
}

static void run_notify(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		eventcount_notify_one(&event);
}

static void run_deque(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		CHECK(deque_push(&deque, &deque) == OK);
		CHECK(deque_take(&deque) != NULL);
	}
}

static void run_steal(uint64_t n)
{
	void *item;
	for (uint64_t i = 0; i < n; i++) {
		CHECK(deque_push(&deque, &deque) == OK);
		CHECK(deque_steal(&deque, &item) == DEQUE_STOLEN);
	}
}

static void run_latency(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		latency_record(latency, i * 977);
}

static void on_timer(void *ctx)
{
	(void)ctx;
}

static void run_timer(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		uint64_t id;
		CHECK(timer_wheel_set(&wheel, &id, 0, (i % 64 + 2) * 1000000, on_timer, NULL) ==
			OK);
		timer_wheel_cancel(&wheel, id);
	}
}

/* In place: on this thread, in an order that is the same each time. */
static struct executor *executor;

static void do_nothing(struct strand s, struct task *t)
{
	(void)s, (void)t;
}

static void run_submit(uint64_t n)
{
	static struct task task = {.run = do_nothing};
	for (uint64_t i = 0; i < n; i++)
		CHECK(executor_submit(executor, &task) == OK);
}

static void spawn_many(struct strand s, void *arg)
{
	const uint64_t n = *(const uint64_t *)arg;
	for (uint64_t i = 0; i < n; i++) {
		struct task_group group;
		struct task task = {.run = do_nothing, .group = &group};
		task_group_init(&group, NULL);

		task_spawn(s, &task);
		task_group_wait(s, &group);
	}
}

static void run_spawn(uint64_t n)
{
	CHECK(executor_call(executor, spawn_many, &n) == OK);
}

__attribute__((noinline)) static uint64_t add_up(struct strand s, uint64_t n);

static void add_up_branch(struct strand s, void *frame)
{
	uint64_t *n = frame;
	*n = add_up(s, *n);
}

/* A fork for each of n. */
static uint64_t add_up(struct strand s, uint64_t n)
{
	if (n == 0)
		return 0;
	uint64_t *other = fork_frame(s);
	*other = 0;
	const uint64_t rest = add_up(fork_begin(s, add_up_branch), n - 1);
	if (fork_is_here(s))
		return rest + add_up(s, 0);
	fork_join(s);
	return rest + *other;
}

static void fork_many(struct strand s, void *arg)
{
	const uint64_t n = *(const uint64_t *)arg;
	for (uint64_t i = 0; i < n / FORKS_AT_ONCE; i++)
		sink = add_up(s, FORKS_AT_ONCE);
}

static void run_fork(uint64_t n)
{
	CHECK(executor_call(executor, fork_many, &n) == OK);
}

/* ---- the journal: what the engine pays to stage a record ---- */

static struct file_sim *disk;
static struct journal *journal;

static void run_append(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		uint64_t seq;
		CHECK(journal_append(journal, &seq, 1, slice_of(block, PAYLOAD), 0) == OK);
	}
}

static enum err replay(void *ctx, const struct journal_record *record)
{
	(void)ctx, (void)record;
	return OK;
}

/* ---- all ---- */

static const struct op {
	const char *name;
	void (*run)(uint64_t n);
} ops[] = {
	{"histogram record", run_histogram},
	{"latency record", run_latency},
	{"crc32c 4096 B", run_crc32c},
	{"crc32c portable 64 B", run_crc32c_portable},
	{"map get", run_map_get},
	{"spsc push + pop", run_spsc},
	{"spsc push + pop, 64 at once", run_spsc_batch},
	{"mpmc push + pop", run_mpmc},
	{"mpmc push + pop, 64 at once", run_mpmc_batch},
	{"slab alloc + free 64 B", run_slab_64},
	{"slab alloc + free 4096 B", run_slab_4096},
	{"eventcount notify, nobody waits", run_notify},
	{"deque push + take", run_deque},
	{"deque push + steal", run_steal},
	{"timer set + cancel", run_timer},
	{"executor submit + run, in place", run_submit},
	{"task spawn + wait", run_spawn},
	{"fork + join", run_fork},
	{"journal append 256 B", run_append},
};

static void prepare(void)
{
	const struct slab_config slabs = {.bytes_max = (size_t)16 << 20,
		.caches_max = 1,
		.pages = {.want = PAGES_ORDINARY, .node = PAGES_NODE_ANY}};
	const struct id128 fresh = {.b = {1}};
	struct journal_error error;
	const size_t buckets = histogram_buckets(HISTOGRAM_US_HOUR);
	histogram_init(&histogram, calloc(buckets, sizeof(uint64_t)), HISTOGRAM_US_HOUR, true);
	map_init(&map, map_slot, ARRAY_LEN(map_slot), 16, 1);
	for (uint8_t i = 0; i < 100; i++)
		CHECK(map_put(&map, (uint8_t[16]){i}, i) == OK);
	spsc_init(&spsc, aligned_alloc(CACHE_LINE, spsc_slots_size(RING, sizeof items[0])), RING,
		sizeof items[0]);
	spsc_producer_init(&spsc_in, &spsc);
	spsc_consumer_init(&spsc_out, &spsc);
	const size_t size = mpmc_storage_size(1, RING, sizeof items[0]);
	void *lanes = aligned_alloc(MPMC_APART, (size + MPMC_APART - 1) / MPMC_APART * MPMC_APART);
	CHECK(lanes != NULL);
	mpmc_init(&mpmc, lanes, 1, RING, sizeof items[0]);
	CHECK(mpmc_producer_init(&mpmc_in, &mpmc) == OK);
	mpmc_consumer_init(&mpmc_out, &mpmc);
	CHECK(slab_create(&slab, &slabs) == OK && slab_cache_open(&cache, slab) == OK);
	eventcount_init(&event, 0);
	deque_init(&deque, deque_ring, RING);
	CHECK(latency_series(&latency, "counted", HISTOGRAM_US_HOUR) == OK);
	CHECK(timer_wheel_init(&wheel, RING, 0) == OK);
	struct executor_config inside = executor_config_default();
	inside.in_place = true;
	CHECK(executor_create(&executor, &inside) == OK);
	disk = file_sim_create();
	const struct journal_config config = {.dir = "/j",
		.fresh_cluster = fresh,
		.ops = file_sim_ops(disk),
		.synchronous = true};
	CHECK(journal_open(&journal, &config, replay, NULL, &error) == OK);
}

/* callgrind counts while this runs, and writes what it counted when it returns. */
void counted_collect(const struct op *op, uint64_t n);
__attribute__((noinline)) void counted_collect(const struct op *op, uint64_t n)
{
	op->run(n);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED "sanitized "
#else
#define SANITIZED ""
#endif
#if defined(__clang__)
#define COMPILER SANITIZED "clang " __VERSION__
#else
#define COMPILER SANITIZED "gcc " __VERSION__
#endif

int main(int argc, char **argv)
{
	const bool list = argc > 1 && strcmp(argv[1], "--list") == 0;
	if (list)
		(void)printf("%s, glibc %s%s\n", COMPILER, gnu_get_libc_version(),
			__builtin_cpu_supports("sse4.2") ? ", sse4.2" : "");
	else
		prepare();
	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		if (list) {
			(void)printf("%s\t%u\n", ops[i].name, ROUNDS);
			continue;
		}
		counted_collect(&ops[i], ROUNDS);
		counted_collect(&ops[i], ROUNDS);
		counted_collect(&ops[i], 2 * ROUNDS);
		journal_flush(journal);
	}
	return 0;
}
