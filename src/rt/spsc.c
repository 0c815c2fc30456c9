#include "rt/spsc.h"

#include "sys/thread.h"

void spsc_init(struct spsc *ring, void *slots, size_t capacity, size_t item_size)
{
	CHECK(capacity > 0 && capacity <= SPSC_CAPACITY_MAX && (capacity & (capacity - 1)) == 0);
	CHECK(item_size > 0 && item_size <= SPSC_ITEM_SIZE_MAX);
	ring->slots = slots;
	ring->capacity = capacity;
	ring->item_size = item_size;
	ring->producer_pace = ring->consumer_pace = pace_of(
		capacity, item_size, thread_cpu_count());
	atomic_init(&ring->tail, 0);
	atomic_init(&ring->refused, 0);
	atomic_init(&ring->head, 0);
	atomic_init(&ring->high, 0);
}

uint64_t spsc_look_head(struct spsc *ring, uint64_t tail)
{
	/* [REUSE] acquire: pairs with the release in spsc_release: what the consumer has given
	 * back it has read */
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
	uint64_t room = head + ring->capacity - tail;
	if ((head & SPSC_CLOSED) == 0 && pace_wait(&ring->producer_pace, room)) {
		const uint64_t before = room;
		/* [REUSE] acquire, likewise */
		head = atomic_load_explicit(&ring->head, memory_order_acquire);
		room = (head & ~SPSC_CLOSED) + ring->capacity - tail;
		pace_learn(&ring->producer_pace, before, room);
	}
	if (room == 0)
		/* one writer: no read-modify-write */
		atomic_store_explicit(&ring->refused,
			atomic_load_explicit(&ring->refused, memory_order_relaxed) + 1,
			memory_order_relaxed);
	return head;
}

uint64_t spsc_look_tail(struct spsc *ring, uint64_t head)
{
	/* [PUSH] acquire: pairs with the release in spsc_commit */
	uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
	uint64_t found = (tail - head) & ~SPSC_CLOSED;
	if ((tail & SPSC_CLOSED) == 0 && pace_wait(&ring->consumer_pace, found)) {
		const uint64_t before = found;
		/* [PUSH] acquire, likewise */
		tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
		found = (tail - head) & ~SPSC_CLOSED;
		pace_learn(&ring->consumer_pace, before, found);
	}
	/* one writer, likewise */
	if (found > atomic_load_explicit(&ring->high, memory_order_relaxed))
		atomic_store_explicit(&ring->high, found, memory_order_relaxed);
	return tail;
}

void spsc_copy_long(uint8_t *slots, size_t mask, uint64_t tail, uint64_t room, const uint8_t *items,
	size_t count, size_t item_size)
{
	const size_t stride = item_size < SPSC_STRIDE ? SPSC_STRIDE / item_size : 1;
	while (count > 0) {
		const size_t at = (size_t)tail & mask, straight = mask + 1 - at;
		size_t n = count < stride ? count : stride;
		n = n < straight ? n : straight;
		spsc_take_ahead(slots, mask, tail, room, n * item_size, item_size);
		memcpy(slots + at * item_size, items, n * item_size);
		items += n * item_size;
		tail += n;
		room -= n;
		count -= n;
	}
}

void spsc_close(struct spsc_producer *p)
{
	/* [PUSH] release: the items, then the last index */
	atomic_store_explicit(&p->ring->tail, p->tail | SPSC_CLOSED, memory_order_release);
}

void spsc_leave(struct spsc_consumer *c)
{
	/* [REUSE] release: the reads, then the index */
	atomic_store_explicit(&c->ring->head, c->head | SPSC_CLOSED, memory_order_release);
}

bool spsc_is_left(const struct spsc_producer *p)
{
	/* nothing is read on the strength of it */
	return (atomic_load_explicit(&p->ring->head, memory_order_relaxed) & SPSC_CLOSED) != 0;
}

void spsc_stats(const struct spsc *ring, struct spsc_stats *out)
{
	/* the head first, so that it is never beyond the tail that is read after it: acquire keeps
	 * the order of the reads */
	const uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire) &
		~SPSC_CLOSED;
	const uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	const uint64_t there = (tail & ~SPSC_CLOSED) - head;
	*out = (struct spsc_stats){
		.capacity = ring->capacity,
		.occupancy = there < ring->capacity ? (size_t)there : ring->capacity,
		.high_water = (size_t)atomic_load_explicit(&ring->high, memory_order_relaxed),
		.pushed = tail & ~SPSC_CLOSED,
		.popped = head,
		.refused = atomic_load_explicit(&ring->refused, memory_order_relaxed),
		.closed = (tail & SPSC_CLOSED) != 0,
	};
	/* what the shortest ways of spsc_room and spsc_ready leave out */
	if (out->refused > 0)
		out->high_water = out->capacity;
	else if (out->high_water == 0 && head > 0)
		out->high_water = 1;
}
