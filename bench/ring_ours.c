/* Our rings behind the functions that their peers are behind. */
#include "ring_ours.h"

#include <stdlib.h>

#include "peers/native/wait.h"
#include "rt/mpmc.h"
#include "rt/spsc.h"

#define ITEM sizeof(uint64_t)

/* ---- one producer, one consumer ---- */

struct single {
	struct spsc ring;
	_Alignas(SPSC_APART) uint8_t slots[];
};

static void *spsc_create(uint32_t capacity)
{
	const size_t size = sizeof(struct single) + spsc_slots_size(capacity, ITEM);
	struct single *s = aligned_alloc(
		SPSC_APART, (size + SPSC_APART - 1) / SPSC_APART * SPSC_APART);
	CHECK(s != NULL);
	spsc_init(&s->ring, s->slots, capacity, ITEM);
	return s;
}

/* As values, whose address nobody has: they live in registers. */
static struct spsc_producer producer_of(void *ring)
{
	struct spsc_producer p;
	spsc_producer_init(&p, &((struct single *)ring)->ring);
	return p;
}

static struct spsc_consumer consumer_of(void *ring)
{
	struct spsc_consumer c;
	spsc_consumer_init(&c, &((struct single *)ring)->ring);
	return c;
}

static void produce_single(
	void *ring, uint32_t member, const uint64_t *table, uint64_t count, uint32_t batch)
{
	const struct spsc_producer made = producer_of(ring);
	struct spsc_producer p = made;
	uint32_t spins = 0;
	(void)member;
	(void)batch;
	for (uint64_t i = 0; i < count; i++)
		while (!spsc_push(&p, &table[i % PEER_TABLE_SIZE], ITEM))
			peer_wait(&spins);
}

static uint64_t consume_single(void *ring, uint32_t member, uint64_t count, uint32_t batch)
{
	const struct spsc_consumer fresh = consumer_of(ring);
	struct spsc_consumer c = fresh;
	uint64_t sum = 0, item;
	uint32_t spins = 0;
	(void)member;
	(void)batch;
	for (uint64_t i = 0; i < count; i++) {
		while (!spsc_pop(&c, &item, ITEM))
			peer_wait(&spins);
		sum += item;
	}
	return sum;
}

static uint64_t pair_single(void *ring, const uint64_t *table, uint64_t count)
{
	const struct spsc_producer made = producer_of(ring);
	struct spsc_producer p = made;
	const struct spsc_consumer fresh = consumer_of(ring);
	struct spsc_consumer c = fresh;
	uint64_t sum = 0, item;
	for (uint64_t i = 0; i < count; i++) {
		CHECK(spsc_push(&p, &table[i % PEER_TABLE_SIZE], ITEM));
		CHECK(spsc_pop(&c, &item, ITEM));
		sum += item;
	}
	return sum;
}

static void produce_batch(
	void *ring, uint32_t member, const uint64_t *table, uint64_t count, uint32_t batch)
{
	const struct spsc_producer made = producer_of(ring);
	struct spsc_producer p = made;
	uint32_t spins = 0, at = 0;
	(void)member;
	while (count > 0) {
		const uint32_t n = (uint32_t)spsc_push_batch(
			&p, table + at, peer_next(batch, at, PEER_TABLE_SIZE, count), ITEM);
		if (n == 0)
			peer_wait(&spins);
		at = (at + n) % PEER_TABLE_SIZE;
		count -= n;
	}
}

static uint64_t consume_batch(void *ring, uint32_t member, uint64_t count, uint32_t batch)
{
	const struct spsc_consumer fresh = consumer_of(ring);
	struct spsc_consumer c = fresh;
	uint64_t sum = 0;
	uint32_t spins = 0;
	(void)member;
	while (count > 0) {
		size_t n;
		const uint64_t *items = spsc_peek(&c, count < batch ? count : batch, &n, ITEM);
		if (!items) {
			peer_wait(&spins);
			continue;
		}
		sum += peer_sum(items, (uint32_t)n);
		spsc_release(&c, n);
		count -= n;
	}
	return sum;
}

const struct peer_ring ring_ours_single = {.create = spsc_create,
	.destroy = free,
	.produce = produce_single,
	.consume = consume_single,
	.pair = pair_single};
const struct peer_ring ring_ours_batch = {
	.create = spsc_create, .destroy = free, .produce = produce_batch, .consume = consume_batch};

/* ---- many of both ---- */

struct many {
	struct mpmc ring;
	void *storage;
};

/* A lane for each producer, so that they have as much room together as others' queues have. */
static void *mpmc_create(uint32_t capacity)
{
	const uint32_t lanes = 2;
	const size_t size = mpmc_storage_size(lanes, capacity / lanes, ITEM);
	struct many *m = aligned_alloc(
		MPMC_APART, (sizeof *m + MPMC_APART - 1) / MPMC_APART * MPMC_APART);
	CHECK(m != NULL);
	m->storage = aligned_alloc(MPMC_APART, (size + MPMC_APART - 1) / MPMC_APART * MPMC_APART);
	CHECK(m->storage != NULL);
	mpmc_init(&m->ring, m->storage, lanes, capacity / lanes, ITEM);
	return m;
}

static void mpmc_destroy(void *ring)
{
	free(((struct many *)ring)->storage);
	free(ring);
}

static void produce_many(
	void *ring, uint32_t member, const uint64_t *table, uint64_t count, uint32_t batch)
{
	struct mpmc_producer p;
	uint32_t spins = 0, at = 0;
	(void)member;
	CHECK(mpmc_producer_init(&p, &((struct many *)ring)->ring) == OK);
	while (count > 0) {
		const uint32_t want = peer_next(batch, at, PEER_TABLE_SIZE, count);
		const uint32_t n = batch == 1
			? mpmc_push(&p, table + at, ITEM)
			: (uint32_t)mpmc_push_batch(&p, table + at, want, ITEM);
		if (n == 0)
			peer_wait(&spins);
		at = (at + n) % PEER_TABLE_SIZE;
		count -= n;
	}
	mpmc_producer_fini(&p);
}

static uint64_t consume_many(void *ring, uint32_t member, uint64_t count, uint32_t batch)
{
	struct mpmc_consumer c;
	uint64_t items[PEER_BATCH_MAX], sum = 0;
	uint32_t spins = 0;
	(void)member;
	mpmc_consumer_init(&c, &((struct many *)ring)->ring);
	while (count > 0) {
		const uint32_t n = batch == 1
			? mpmc_pop(&c, items, ITEM)
			: (uint32_t)mpmc_pop_batch(&c, items, count < batch ? count : batch, ITEM);
		if (n == 0)
			peer_wait(&spins);
		sum += peer_sum(items, n);
		count -= n;
	}
	return sum;
}

static uint64_t pair_many(void *ring, const uint64_t *table, uint64_t count)
{
	struct mpmc_producer p;
	struct mpmc_consumer c;
	uint64_t sum = 0, item;
	CHECK(mpmc_producer_init(&p, &((struct many *)ring)->ring) == OK);
	mpmc_consumer_init(&c, &((struct many *)ring)->ring);
	for (uint64_t i = 0; i < count; i++) {
		CHECK(mpmc_push(&p, &table[i % PEER_TABLE_SIZE], ITEM));
		CHECK(mpmc_pop(&c, &item, ITEM));
		sum += item;
	}
	mpmc_producer_fini(&p);
	return sum;
}

const struct peer_ring ring_ours_many = {.create = mpmc_create,
	.destroy = mpmc_destroy,
	.produce = produce_many,
	.consume = consume_many,
	.pair = pair_many};
