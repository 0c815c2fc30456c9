/* Six families of work on two workers: ours beside rayon, beside the pool that it replaces, beside
 * one thread, and beside itself with each of its switches alone. Every contestant gets the same
 * items through the same function. */
#include <stdlib.h>

#include "crew.h"
#include "pool_before.h"
#include "pool_ours.h"
#include "runtime.h"
#include "sys/clock.h"

#define WORKERS 2u
#define ITEMS_MAX 10000u
#define LIMBS_MAX 1024u
#define VECTOR_ITEMS (2u << 20)
#define VECTOR_PARTS 64u
#define SORT_PARTS 16u
#define SORT_ITEMS (VECTOR_ITEMS / VECTOR_PARTS)
#define ROUNDS 11u
#define CPU_GOAL 1.95
#define WAIT_GOAL 2

static volatile uint64_t results[ITEMS_MAX]; /* volatile: they count as read */
static uint64_t *vector, *sorted;

/* n! in limbs of 32 bits; its highest one. */
static uint64_t factorial(uint32_t n)
{
	uint32_t limb[LIMBS_MAX] = {1};
	uint32_t used = 1;
	for (uint32_t k = 2; k <= n; k++) {
		uint64_t carry = 0;
		for (uint32_t i = 0; i < used; i++) {
			carry += (uint64_t)limb[i] * k;
			limb[i] = (uint32_t)carry;
			carry >>= 32;
		}
		if (carry != 0) {
			CHECK(used < LIMBS_MAX);
			limb[used++] = (uint32_t)carry;
		}
	}
	return limb[used - 1];
}

static void large_factorial(void *ctx, uint64_t index)
{
	(void)ctx;
	results[index] = factorial(2500);
}

static void small_factorial(void *ctx, uint64_t index)
{
	(void)ctx;
	results[index] = factorial(60 + index % 8);
}

static void vector_part(void *ctx, uint64_t index)
{
	const uint64_t *at = vector + index % VECTOR_PARTS * (VECTOR_ITEMS / VECTOR_PARTS);
	uint64_t sum = 0;
	(void)ctx;
	for (uint32_t i = 0; i < VECTOR_ITEMS / VECTOR_PARTS; i++)
		sum += at[i];
	results[index] = sum;
}

/* By bytes, from the vector to and fro between two places: every pass reads and writes all of it.
 */
static void sort_part(void *ctx, uint64_t index)
{
	const uint64_t *from = vector + index * SORT_ITEMS;
	uint64_t *place[2] = {sorted + index * 2 * SORT_ITEMS, NULL};
	(void)ctx;
	place[1] = place[0] + SORT_ITEMS;
	for (uint32_t pass = 0; pass < sizeof *from; pass++) {
		uint64_t *to = place[pass % 2];
		uint32_t at[256] = {0}, sum = 0;
		for (uint32_t i = 0; i < SORT_ITEMS; i++)
			at[from[i] >> pass * 8 & 0xff]++;
		for (uint32_t b = 0; b < 256; b++) {
			const uint32_t count = at[b];
			at[b] = sum;
			sum += count;
		}
		for (uint32_t i = 0; i < SORT_ITEMS; i++)
			to[at[from[i] >> pass * 8 & 0xff]++] = from[i];
		from = to;
	}
	results[index] = from[SORT_ITEMS / 2];
}

static void mixed_item(void *ctx, uint64_t index)
{
	if (index % 2 == 0)
		vector_part(ctx, index);
	else
		results[index] = factorial(300);
}

/* One in fifty takes a hundred times as long. */
static void uneven_item(void *ctx, uint64_t index)
{
	(void)ctx;
	results[index] = factorial(index * 2654435761u % 50 == 0 ? 700 : 60);
}

static void empty_item(void *ctx, uint64_t index)
{
	(void)ctx;
	results[index] = index;
}

static const struct family {
	const char *name;
	uint64_t count;
	peer_item item;
	double over_one, over_before; /* goals */
	bool has_bound;               /* items keep to themselves: all cores may do all of them */
} families[] = {
	{"CPU-bound, 10 factorials", 10, large_factorial, CPU_GOAL, 0, true},
	{"CPU-bound, 10,000 factorials", 10000, small_factorial, CPU_GOAL, 0, true},
	{"memory-bound, sums of 16 MiB", VECTOR_PARTS, vector_part, 0, 0, true},
	{"memory-bound, 16 sorts of 256 KiB", SORT_PARTS, sort_part, 0, 0, false},
	{"mixed", 200, mixed_item, 0, 0, true},
	{"uneven", 2000, uneven_item, 0, 0, true},
	{"one task, submitted and waited for", 1, empty_item, 0, WAIT_GOAL, false},
	{"throughput, 10,000 tiny ones", 10000, empty_item, 0, WAIT_GOAL, false},
};

/* One thread, no pool. */
static void inline_each(void *pool, uint64_t count, peer_item item, void *ctx)
{
	(void)pool;
	for (uint64_t i = 0; i < count; i++)
		item(ctx, i);
}

/* Ours with all its switches off but some. */
static const struct variant {
	const char *name;
	bool stealing, pinned, aligned, batches;
} variants[] = {
	{"ours, events only", false, false, false, false},
	{"ours, events and stealing", true, false, false, false},
	{"ours, events and pinning", false, true, false, false},
	{"ours, events and aligned chunks", false, false, true, false},
	{"ours, events and batches", false, false, false, true},
};

static void *create_variant(const struct variant *v)
{
	struct executor_config config = executor_config_default();
	config.worker_count = WORKERS;
	config.work_stealing = v->stealing;
	config.pin_threads = v->pinned;
	config.numa_aware = false;
	config.cache_line_size = v->aligned ? 0 : 1;
	config.max_batch_size = v->batches ? EXECUTOR_BATCH_DEFAULT : 1;
	return pool_ours_create_with(&config);
}

struct entry {
	void (*each)(void *pool, uint64_t count, peer_item item, void *ctx);
	void *pool;
	const struct family *family;
};

static uint64_t run(void *ctx, uint64_t count)
{
	const struct entry *e = ctx;
	const uint64_t began = clock_mono_ns();
	for (uint64_t i = 0; i < count; i++)
		e->each(e->pool, e->family->count, e->family->item, NULL);
	return clock_mono_ns() - began;
}

static void bound_part(void *ctx, unsigned member)
{
	const struct family *f = ctx;
	(void)member;
	inline_each(NULL, f->count, f->item, NULL);
}

/* What two cores can do: each does all of it at the same time, and what they did is divided. One
 * thread alone is faster than one beside another that is busy, where cores share something. */
static uint64_t run_bound(void *ctx, uint64_t count)
{
	const struct entry *e = ctx;
	uint64_t took = 0;
	for (uint64_t i = 0; i < count; i++)
		took += crew_run(WORKERS, bound_part, (void *)(uintptr_t)e->family);
	return took / WORKERS;
}

enum { OURS, ONE, BOUND, RAYON, BEFORE, VARIANTS, ENTRIES = VARIANTS + 5 };
_Static_assert(ARRAY_LEN(variants) == ENTRIES - VARIANTS, "a contestant for each variant");

unsigned runtime_families(void)
{
	unsigned missed = 0;
	struct entry entry[ENTRIES] = {[OURS] = {pool_ours.each, pool_ours.create(WORKERS), NULL},
		[ONE] = {inline_each, NULL, NULL},
		[RAYON] = {peer_rayon_range.each, peer_rayon_range.create(WORKERS), NULL},
		[BEFORE] = {pool_before.each, pool_before.create(WORKERS), NULL}};
	for (size_t i = 0; i < ARRAY_LEN(variants); i++)
		entry[VARIANTS + i] = (struct entry){
			pool_ours.each, create_variant(&variants[i]), NULL};
	vector = malloc(VECTOR_ITEMS * sizeof *vector);
	sorted = malloc((size_t)2 * SORT_PARTS * SORT_ITEMS * sizeof *sorted);
	CHECK(vector != NULL && sorted != NULL);
	for (uint32_t i = 0; i < VECTOR_ITEMS; i++)
		vector[i] = (i + 1) * UINT64_C(0x9E3779B97F4A7C15);
	for (size_t f = 0; f < ARRAY_LEN(families); f++) {
		const struct contest contest = {
			.name = families[f].name, .unit = "ns", .rounds = ROUNDS};
		struct contestant list[ENTRIES] = {
			[ONE] = {.peer = "one thread", .goal = {families[f].over_one}},
			[BOUND] = {.peer = "both cores, no pool"},
			[RAYON] = {.peer = peer_rayon_range.name,
				.version = peer_rayon_range.version},
			[BEFORE] = {.peer = pool_before.name, .goal = {families[f].over_before}}};
		for (size_t i = 0; i < ENTRIES; i++) {
			entry[i].family = &families[f];
			list[i].run = i == BOUND ? run_bound : run;
			list[i].ctx = &entry[i];
			if (i == BOUND && !families[f].has_bound)
				list[i].run = NULL;
			if (i >= VARIANTS)
				list[i].peer = variants[i - VARIANTS].name;
		}
		missed += compare_contest(&contest, list, ENTRIES);
	}
	for (size_t i = 0; i < ARRAY_LEN(variants); i++)
		pool_ours.destroy(entry[VARIANTS + i].pool);
	pool_ours.destroy(entry[OURS].pool);
	peer_rayon_range.destroy(entry[RAYON].pool);
	pool_before.destroy(entry[BEFORE].pool);
	free(sorted);
	free(vector);
	return missed;
}
