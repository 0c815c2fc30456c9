/* ConcurrencyKit's ck_ring, single and multiple sides. It has no batches. */
#include <ck_ring.h>
#include <stdlib.h>

#include "../peers.h"
#include "wait.h"

struct ring {
	ck_ring_t ring;
	_Alignas(64) ck_ring_buffer_t slots[];
};

static void *create(uint32_t capacity)
{
	/* One slot stays free. */
	const size_t size = sizeof(struct ring) + capacity * sizeof(ck_ring_buffer_t);
	struct ring *r = aligned_alloc(64, (size + 63) / 64 * 64);
	if (!r)
		abort();
	ck_ring_init(&r->ring, capacity);
	return r;
}

/* A pointer is the item: its integer value is what was sent. */
#define ITEM(value) ((void *)(uintptr_t)(value))

#define LOOPS(kind)                                                                                \
	static void produce_##kind(void *ring, uint32_t member, const uint64_t *table,             \
		uint64_t count, uint32_t batch)                                                    \
	{                                                                                          \
		struct ring *r = ring;                                                             \
		uint32_t spins = 0;                                                                \
		(void)member;                                                                      \
		(void)batch;                                                                       \
		for (uint64_t i = 0; i < count; i++)                                               \
			while (!ck_ring_enqueue_##kind(                                            \
				&r->ring, r->slots, ITEM(table[i % PEER_TABLE_SIZE])))             \
				peer_wait(&spins);                                                 \
	}                                                                                          \
	static uint64_t consume_##kind(                                                            \
		void *ring, uint32_t member, uint64_t count, uint32_t batch)                       \
	{                                                                                          \
		struct ring *r = ring;                                                             \
		uint64_t sum = 0;                                                                  \
		uint32_t spins = 0;                                                                \
		void *item;                                                                        \
		(void)member;                                                                      \
		(void)batch;                                                                       \
		for (uint64_t i = 0; i < count; i++) {                                             \
			while (!ck_ring_dequeue_##kind(&r->ring, r->slots, &item))                 \
				peer_wait(&spins);                                                 \
			sum += (uintptr_t)item;                                                    \
		}                                                                                  \
		return sum;                                                                        \
	}                                                                                          \
	static uint64_t pair_##kind(void *ring, const uint64_t *table, uint64_t count)             \
	{                                                                                          \
		struct ring *r = ring;                                                             \
		uint64_t sum = 0;                                                                  \
		void *item;                                                                        \
		for (uint64_t i = 0; i < count; i++) {                                             \
			if (!ck_ring_enqueue_##kind(                                               \
				    &r->ring, r->slots, ITEM(table[i % PEER_TABLE_SIZE])) ||       \
				!ck_ring_dequeue_##kind(&r->ring, r->slots, &item))                \
				abort();                                                           \
			sum += (uintptr_t)item;                                                    \
		}                                                                                  \
		return sum;                                                                        \
	}                                                                                          \
	const struct peer_ring peer_ck_##kind = {"ck_ring", 0, VERSION_CK, create, free,           \
		produce_##kind, consume_##kind, pair_##kind};

LOOPS(spsc)
LOOPS(mpmc)
