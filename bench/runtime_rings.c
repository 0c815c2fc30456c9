/* Rings: items of 64 bits through a ring of 4,096, on pinned threads. */
#include "base/atomic.h"
#include "crew.h"
#include "peers/peers.h"
#include "ring_ours.h"
#include "runtime.h"
#include "sys/clock.h"

#define CAPACITY 4096u
#define PEERS_MAX 12u
#define ROUNDS_SHARED                                                                              \
	15u /* where threads share cores, and a round takes turns of the scheduler                 \
	     */

static uint64_t table[PEER_TABLE_SIZE];
static uint64_t table_sum;

/* One contestant at one row. */
struct entry {
	const struct peer_ring *ring;
	uint32_t batch;
	unsigned producers, consumers;
	void *storage;
	uint64_t count; /* of each producer */
	uint64_t sums[CREW_MAX];
};

static void transfer_part(void *ctx, unsigned member)
{
	struct entry *e = ctx;
	if (member < e->producers)
		e->ring->produce(e->storage, member, table, e->count, e->batch);
	else
		e->sums[member] = e->ring->consume(e->storage, member - e->producers,
			e->count * e->producers / e->consumers, e->batch);
}

/* count: of all producers together. */
static uint64_t transfer_run(void *ctx, uint64_t count)
{
	struct entry *e = ctx;
	uint64_t sum = 0;
	e->count = count / e->producers;
	e->storage = e->ring->create(CAPACITY);
	const uint64_t took = crew_run(e->producers + e->consumers, transfer_part, e);
	e->ring->destroy(e->storage);
	for (unsigned i = e->producers; i < e->producers + e->consumers; i++)
		sum += e->sums[i];
	CHECK(sum == count / PEER_TABLE_SIZE * table_sum);
	return took;
}

/* ---- how far apart the two cores are: everything between threads stands on it ---- */

static struct {
	_Alignas(128) _Atomic uint64_t there;
	_Alignas(128) _Atomic uint64_t back;
	uint64_t count;
} ball;

static void ball_part(void *ctx, unsigned member)
{
	(void)ctx;
	for (uint64_t i = 1; i <= ball.count; i++)
		if (member == 0) {
			atomic_store_explicit(&ball.there, i, memory_order_release);
			while (atomic_load_explicit(&ball.back, memory_order_acquire) != i)
				continue;
		} else {
			while (atomic_load_explicit(&ball.there, memory_order_acquire) != i)
				continue;
			atomic_store_explicit(&ball.back, i, memory_order_release);
		}
}

static uint64_t ball_run(void *ctx, uint64_t count)
{
	(void)ctx;
	ball.count = count;
	atomic_store(&ball.there, 0);
	atomic_store(&ball.back, 0);
	return crew_run(2, ball_part, NULL);
}

/* ---- the rings ---- */

static void pair_part(void *ctx, unsigned member)
{
	struct entry *e = ctx;
	(void)member;
	e->sums[0] = e->ring->pair(e->storage, table, e->count);
}

static uint64_t pair_run(void *ctx, uint64_t count)
{
	struct entry *e = ctx;
	e->count = count;
	e->storage = e->ring->create(CAPACITY);
	const uint64_t took = crew_run(1, pair_part, e);
	e->ring->destroy(e->storage);
	CHECK(e->sums[0] == count / PEER_TABLE_SIZE * table_sum);
	return took;
}

/* A peer of a row and the ratio that is asked for. */
struct rival {
	const struct peer_ring *ring;
	double goal;
};

struct ring_row {
	const char *name;
	uint32_t batch; /* 0: a pair on one thread */
	unsigned producers, consumers;
	double goal_best, goal_ours;
	struct rival rivals[PEERS_MAX]; /* until one without a ring; the first is ours */
};

uint32_t peer_cores_are_shared;

static unsigned run_row(const struct ring_row *row)
{
	struct entry entries[PEERS_MAX];
	struct contestant list[PEERS_MAX];
	const bool shared = row->producers + row->consumers > crew_cores();
	const struct contest contest = {.name = row->name,
		.unit = "ns/item",
		.rounds = shared ? ROUNDS_SHARED : 0,
		.goal_best = row->goal_best,
		.goal_ours = row->goal_ours,
		.granule = (uint64_t)PEER_TABLE_SIZE * PEER_THREADS_MAX};
	size_t count = 0;
	peer_cores_are_shared = shared;
	for (; count < PEERS_MAX && row->rivals[count].ring; count++) {
		const struct peer_ring *ring = row->rivals[count].ring;
		entries[count] = (struct entry){.ring = ring,
			.batch = row->batch,
			.producers = row->producers,
			.consumers = row->consumers};
		list[count] = (struct contestant){
			.ctx = &entries[count], .goal = {row->rivals[count].goal}};
		list[count].peer = ring->name;
		list[count].form = ring->form;
		list[count].version = ring->version;
		list[count].run = row->batch == 0 ? pair_run : transfer_run;
	}
	return compare_contest(&contest, list, count);
}

#define SPSC_RIVALS                                                                                \
	{&peer_rtrb_single, 3}, {&peer_rtrb_chunks, 3}, {&peer_rtrb_slices, 3},                    \
		{&peer_dpdk_spsc, 1}, {&peer_dpdk_zc, 1}, {&peer_boost_single, 0},                 \
		{&peer_boost_arrays, 0}, {&peer_rwq, 0}, {&peer_ck_spsc, 0},                       \
	{                                                                                          \
		&peer_array_queue, 0                                                               \
	}
/* moodycamel's bounded form is for one producer: blocks stay with the one that filled them first,
 * and a second one may never get any. */
#define MPMC_RIVALS(crossbeam)                                                                     \
	{&ring_ours_many, 0}, {&peer_array_queue, crossbeam}, {&peer_seg_queue, 0},                \
		{&peer_moody_growing, 0}, {&peer_dpdk_mpmc, 0},                                    \
	{                                                                                          \
		&peer_ck_mpmc, 0                                                                   \
	}

static const struct ring_row rows[] = {
	{"SPSC, batch 1", 1, 1, 1, 0, 0, {{&ring_ours_single, 0}, SPSC_RIVALS}},
	{"SPSC, batch 8", 8, 1, 1, 0, 0, {{&ring_ours_batch, 0}, SPSC_RIVALS}},
	{"SPSC, batch 64", 64, 1, 1, 0, 0, {{&ring_ours_batch, 0}, SPSC_RIVALS}},
	{"SPSC, batch 1024", 1024, 1, 1, 0, 0.3, {{&ring_ours_batch, 0}, SPSC_RIVALS}},
	{"SPSC, in and out on one thread", 0, 1, 1, 1, 0,
		{{&ring_ours_single, 0}, {&peer_rtrb_single, 1}, {&peer_boost_single, 1},
			{&peer_ck_spsc, 0}, {&peer_rwq, 0}, {&peer_dpdk_spsc, 0}}},
	{"MPMC, in and out on one thread", 0, 1, 1, 0, 0,
		{{&ring_ours_many, 0}, {&peer_array_queue, 1.11}, {&peer_seg_queue, 0},
			{&peer_moody, 0}, {&peer_dpdk_mpmc, 0}, {&peer_ck_mpmc, 0}}},
	{"MPMC, 1 producer 1 consumer", 1, 1, 1, 0, 0, {MPMC_RIVALS(0), {&peer_moody, 0}}},
	{"MPMC, 2 producers 2 consumers", 1, 2, 2, 0, 0, {MPMC_RIVALS(2.5)}},
	{"MPMC, 2 producers 2 consumers, bulk 64", 64, 2, 2, 0, 0,
		{{&ring_ours_many, 0}, {&peer_moody_growing, 1}, {&peer_dpdk_mpmc, 1}}},
};

unsigned runtime_rings(void)
{
	static const struct contest distance = {
		.name = "a line to the other core and back", .unit = "ns"};
	const struct contestant across = {.run = ball_run};
	unsigned missed = 0;
	table_sum = 0;
	for (uint32_t i = 0; i < PEER_TABLE_SIZE; i++)
		table_sum += table[i] = UINT64_C(0x9E3779B97F4A7C15) * (i + 1);
	if (crew_cores() > 1)
		missed += compare_contest(&distance, &across, 1);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		missed += run_row(&rows[i]);
	peer_cores_are_shared = false;
	return missed;
}
