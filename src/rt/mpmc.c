#include "rt/mpmc.h"

#include "sys/thread.h"

static size_t lanes_size(uint32_t lane_count)
{
	return lane_count * sizeof(struct mpmc_lane);
}

size_t mpmc_storage_size(uint32_t lane_count, size_t capacity, size_t item_size)
{
	return lanes_size(lane_count) + lane_count * capacity * item_size;
}

void mpmc_init(
	struct mpmc *ring, void *storage, uint32_t lane_count, size_t capacity, size_t item_size)
{
	CHECK(lane_count > 0 && lane_count <= MPMC_LANES_MAX);
	CHECK(capacity > 0 && capacity <= MPMC_CAPACITY_MAX && (capacity & (capacity - 1)) == 0);
	CHECK(item_size > 0 && item_size <= MPMC_ITEM_SIZE_MAX &&
		item_size % sizeof(uint64_t) == 0);
	CHECK((uintptr_t)storage % MPMC_APART == 0);
	ring->lanes = storage;
	ring->slots = (_Atomic uint64_t *)(void *)((uint8_t *)storage + lanes_size(lane_count));
	ring->capacity = capacity;
	ring->item_size = item_size;
	ring->lane_count = lane_count;
	ring->pace = pace_of(capacity, item_size, thread_cpu_count());
	atomic_init(&ring->consumers, 0);
	atomic_init(&ring->members, 0);
	for (uint32_t i = 0; i < lane_count; i++) {
		atomic_init(&ring->lanes[i].tail, 0);
		atomic_init(&ring->lanes[i].refused, 0);
		atomic_init(&ring->lanes[i].head, 0);
		atomic_init(&ring->lanes[i].high, 0);
	}
}

static _Atomic uint64_t *lane_slots(const struct mpmc *ring, uint32_t index)
{
	return ring->slots + index * ring->capacity * (ring->item_size / sizeof(uint64_t));
}

enum err mpmc_producer_init(struct mpmc_producer *p, struct mpmc *ring)
{
	uint64_t members = atomic_load_explicit(&ring->members, memory_order_relaxed);
	uint32_t index;
	do {
		if ((members & MPMC_CLOSED) != 0)
			return ERR_STATE;
		if (members == (UINT64_C(1) << ring->lane_count) - 1)
			return ERR_FULL;
		index = (uint32_t)__builtin_ctzll(~members);
		/* [LANE] acquire: pairs with the release in mpmc_producer_fini: the lane's tail */
	} while (!atomic_compare_exchange_weak_explicit(&ring->members, &members,
		members | UINT64_C(1) << index, memory_order_acquire, memory_order_relaxed));

	const uint64_t tail = atomic_load_explicit(&ring->lanes[index].tail, memory_order_relaxed);
	*p = (struct mpmc_producer){
		.ring = ring,
		.lane = &ring->lanes[index],
		.slots = lane_slots(ring, index),
		.mask = ring->capacity - 1,
		.tail = tail,
		.room_end = tail, /* looks first */
		.index = index,
	};
	return OK;
}

void mpmc_producer_fini(struct mpmc_producer *p)
{
	/* [LANE] release: pairs with the acquires in mpmc_producer_init and mpmc_is_drained */
	(void)atomic_fetch_and_explicit(
		&p->ring->members, ~(UINT64_C(1) << p->index), memory_order_release);
}

static void go_to(struct mpmc_consumer *c, uint32_t index)
{
	c->index = index;
	c->lane = &c->ring->lanes[index];
	c->slots = lane_slots(c->ring, index);
}

void mpmc_consumer_init(struct mpmc_consumer *c, struct mpmc *ring)
{
	const uint32_t number = atomic_fetch_add_explicit(
		&ring->consumers, 1, memory_order_relaxed);
	*c = (struct mpmc_consumer){.ring = ring, .mask = ring->capacity - 1, .pace = ring->pace};
	go_to(c, number % ring->lane_count);
}

void mpmc_close(struct mpmc *ring)
{
	/* [CLOSE] release: pairs with the acquire in mpmc_is_drained: whoever closes has a reason
	 * that those who learn of it may want to see */
	(void)atomic_fetch_or_explicit(&ring->members, MPMC_CLOSED, memory_order_release);
}

/* The items of a lane, as they are now. */
static uint64_t lane_look(const struct mpmc_lane *lane, uint64_t *head, uint64_t *tail)
{
	/* The head first, so that it can't be beyond the tail that is read after it: acquire keeps
	 * the order of the reads. [PUSH] acquire: pairs with the release in mpmc_push_batch */
	*head = atomic_load_explicit(&lane->head, memory_order_acquire);
	*tail = atomic_load_explicit(&lane->tail, memory_order_acquire);
	return *tail - *head;
}

static bool lane_find(struct mpmc_consumer *c, uint32_t index)
{
	struct mpmc_lane *lane = &c->ring->lanes[index];
	uint64_t head, tail, found = lane_look(lane, &head, &tail);
	if (pace_wait(&c->pace, found)) {
		const uint64_t before = found;
		found = lane_look(lane, &head, &tail);
		pace_learn(&c->pace, before, found);
	}
	if (found == 0)
		return false;
	if (index != c->index)
		go_to(c, index);
	c->head = head;
	c->tail_seen = tail;
	if (found > atomic_load_explicit(&lane->high, memory_order_relaxed))
		atomic_store_explicit(&lane->high, found, memory_order_relaxed);
	return true;
}

static uint32_t next_lane(const struct mpmc *ring, uint32_t index)
{
	return index + 1 < ring->lane_count ? index + 1 : 0;
}

bool mpmc_look(struct mpmc_consumer *c)
{
	const bool over = c->head - c->turn_begin >= MPMC_TURN;
	const uint32_t before = c->index;
	uint32_t index = over ? next_lane(c->ring, before) : before;
	for (uint32_t i = 0; i < c->ring->lane_count; i++, index = next_lane(c->ring, index)) {
		if (!lane_find(c, index))
			continue;
		if (over || index != before)
			c->turn_begin = c->head;
		return true;
	}
	return false;
}

bool mpmc_is_drained(const struct mpmc *ring)
{
	/* [CLOSE] [LANE] acquire: pairs with the releases in mpmc_close and mpmc_producer_fini: no
	 * producer is left, and the tails are the last ones */
	if (atomic_load_explicit(&ring->members, memory_order_acquire) != MPMC_CLOSED)
		return false;
	for (uint32_t i = 0; i < ring->lane_count; i++) {
		const struct mpmc_lane *lane = &ring->lanes[i];
		if (atomic_load_explicit(&lane->head, memory_order_relaxed) !=
			atomic_load_explicit(&lane->tail, memory_order_relaxed))
			return false;
	}
	return true;
}

void mpmc_stats(const struct mpmc *ring, struct mpmc_stats *out)
{
	const uint64_t members = atomic_load_explicit(&ring->members, memory_order_relaxed);
	*out = (struct mpmc_stats){
		.capacity = ring->capacity * ring->lane_count,
		.producers = (uint32_t)__builtin_popcountll(members & ~MPMC_CLOSED),
		.closed = (members & MPMC_CLOSED) != 0,
	};
	for (uint32_t i = 0; i < ring->lane_count; i++) {
		const struct mpmc_lane *lane = &ring->lanes[i];
		/* the head first, as in lane_find */
		const uint64_t head = atomic_load_explicit(&lane->head, memory_order_acquire);
		const uint64_t tail = atomic_load_explicit(&lane->tail, memory_order_relaxed);
		const uint64_t refused = atomic_load_explicit(&lane->refused, memory_order_relaxed);
		uint64_t high = atomic_load_explicit(&lane->high, memory_order_relaxed);
		if (refused > 0)
			high = ring->capacity;
		out->occupancy += tail - head < ring->capacity ? (size_t)(tail - head)
							       : ring->capacity;
		out->high_water = high > out->high_water ? (size_t)high : out->high_water;
		out->pushed += tail;
		out->popped += head;
		out->refused += refused;
	}
}
