#include "rt/spsc.h"

#include "sys/thread.h"

void spsc_init(struct spsc *ring, void *slots, size_t capacity, size_t item_size)
{
	CHECK(capacity > 0 && capacity <= SPSC_CAPACITY_MAX && (capacity & (capacity - 1)) == 0);
	CHECK(item_size > 0 && item_size <= SPSC_ITEM_SIZE_MAX);
	ring->slots = slots;
	ring->capacity = capacity;
	ring->item_size = item_size;
	ring->pace = thread_cpu_count() > 1 ? PACE_TURNS : 0;
	atomic_init(&ring->tail, 0);
	atomic_init(&ring->refused, 0);
	atomic_init(&ring->head, 0);
	atomic_init(&ring->high, 0);
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
