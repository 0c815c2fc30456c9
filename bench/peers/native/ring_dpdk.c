/* DPDK's rte_ring on memory of its own: rte_ring_init needs no environment abstraction layer. */
#define ALLOW_EXPERIMENTAL_API 1
#include <rte_ring.h>
#include <rte_ring_peek_zc.h>
#include <rte_version.h>
#include <stdlib.h>

#include "../peers.h"
#include "wait.h"

static void *create(uint32_t capacity, unsigned flags)
{
	const ssize_t size = rte_ring_get_memsize(capacity);
	void *r = size > 0 ? aligned_alloc(RTE_CACHE_LINE_SIZE,
				     ((size_t)size + RTE_CACHE_LINE_SIZE - 1) /
					     RTE_CACHE_LINE_SIZE * RTE_CACHE_LINE_SIZE)
			   : 0;
	if (!r || rte_ring_init(r, "peer", capacity, flags) != 0)
		abort();
	return r;
}

static void *create_spsc(uint32_t capacity)
{
	return create(capacity, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

static void *create_mpmc(uint32_t capacity)
{
	return create(capacity, 0);
}

#define LOOPS(kind, prod, cons)                                                                    \
	static void produce_##kind(void *ring, uint32_t member, const uint64_t *table,             \
		uint64_t count, uint32_t batch)                                                    \
	{                                                                                          \
		uint32_t spins = 0, at = 0;                                                        \
		(void)member;                                                                      \
		while (count > 0) {                                                                \
			const uint32_t want = peer_next(batch, at, PEER_TABLE_SIZE, count);        \
			const uint32_t n = rte_ring_##prod##_enqueue_burst_elem(                   \
				ring, table + at, sizeof *table, want, 0);                         \
			if (n == 0)                                                                \
				peer_wait(&spins);                                                 \
			at = (at + n) % PEER_TABLE_SIZE;                                           \
			count -= n;                                                                \
		}                                                                                  \
	}                                                                                          \
	static uint64_t consume_##kind(                                                            \
		void *ring, uint32_t member, uint64_t count, uint32_t batch)                       \
	{                                                                                          \
		uint64_t items[PEER_BATCH_MAX], sum = 0;                                           \
		uint32_t spins = 0;                                                                \
		(void)member;                                                                      \
		while (count > 0) {                                                                \
			const uint32_t want = count < batch ? (uint32_t)count : batch;             \
			const uint32_t n = rte_ring_##cons##_dequeue_burst_elem(                   \
				ring, items, sizeof *items, want, 0);                              \
			if (n == 0)                                                                \
				peer_wait(&spins);                                                 \
			sum += peer_sum(items, n);                                                 \
			count -= n;                                                                \
		}                                                                                  \
		return sum;                                                                        \
	}                                                                                          \
	static uint64_t pair_##kind(void *ring, const uint64_t *table, uint64_t count)             \
	{                                                                                          \
		uint64_t sum = 0, item;                                                            \
		for (uint64_t i = 0; i < count; i++) {                                             \
			if (rte_ring_##prod##_enqueue_burst_elem(                                  \
				    ring, table + i % PEER_TABLE_SIZE, sizeof item, 1, 0) != 1 ||  \
				rte_ring_##cons##_dequeue_burst_elem(                              \
					ring, &item, sizeof item, 1, 0) != 1)                      \
				abort();                                                           \
			sum += item;                                                               \
		}                                                                                  \
		return sum;                                                                        \
	}                                                                                          \
	const struct peer_ring peer_dpdk_##kind = {"rte_ring", "burst", VERSION_DPDK,              \
		create_##kind, free, produce_##kind, consume_##kind, pair_##kind};

LOOPS(spsc, sp, sc)
LOOPS(mpmc, mp, mc)

/* Zero copy: the slots themselves are filled and read. */
static void produce_zc(
	void *ring, uint32_t member, const uint64_t *table, uint64_t count, uint32_t batch)
{
	uint32_t spins = 0, at = 0;
	(void)member;
	while (count > 0) {
		struct rte_ring_zc_data zc;
		const uint32_t want = peer_next(batch, at, PEER_TABLE_SIZE, count);
		const uint32_t n = rte_ring_enqueue_zc_burst_elem_start(
			ring, sizeof *table, want, &zc, 0);
		if (n == 0) {
			peer_wait(&spins);
			continue;
		}
		memcpy(zc.ptr1, table + at, zc.n1 * sizeof *table);
		if (n > zc.n1)
			memcpy(zc.ptr2, table + at + zc.n1, (n - zc.n1) * sizeof *table);
		rte_ring_enqueue_zc_elem_finish(ring, n);
		at = (at + n) % PEER_TABLE_SIZE;
		count -= n;
	}
}

static uint64_t consume_zc(void *ring, uint32_t member, uint64_t count, uint32_t batch)
{
	uint64_t sum = 0;
	uint32_t spins = 0;
	(void)member;
	while (count > 0) {
		struct rte_ring_zc_data zc;
		const uint32_t want = count < batch ? (uint32_t)count : batch;
		const uint32_t n = rte_ring_dequeue_zc_burst_elem_start(
			ring, sizeof sum, want, &zc, 0);
		if (n == 0) {
			peer_wait(&spins);
			continue;
		}
		sum += peer_sum(zc.ptr1, zc.n1);
		if (n > zc.n1)
			sum += peer_sum(zc.ptr2, n - zc.n1);
		rte_ring_dequeue_zc_elem_finish(ring, n);
		count -= n;
	}
	return sum;
}

const struct peer_ring peer_dpdk_zc = {
	"rte_ring", "zero copy", VERSION_DPDK, create_spsc, free, produce_zc, consume_zc, 0};
