/* rt/spsc: a bounded ring from one producer to one consumer, of items of one size.
 *
 *     struct spsc ring;                       the shared part
 *     struct spsc_producer p;                 what one side knows: on its stack, or beside its
 * state spsc_push(&p, &item, sizeof item)       one, or spsc_push_batch: many, published once
 *     spsc_reserve / spsc_commit              the same in place, without a copy
 *     struct spsc_consumer c;                 and likewise: spsc_pop, _pop_batch, _peek / _release
 *
 * Each side keeps its own index and what it last saw of the other's in its handle, looks at the
 * other's only when that seems to leave no room or no items, and everything is inline: a handle
 * that is a local variable lives in registers. The size of an item is an argument everywhere so
 * that it is a constant to the compiler; it is the ring's.
 *
 * A consumer that finds a stream waits a moment for more of it (rt/pace).
 *
 * Invariants: head <= tail <= head + capacity; indices count items and are never reused. Items
 * come out once each, in the order in which they went in. What was pushed before the close can
 * be popped after it.
 * Threads: one producer and one consumer at a time; a handle is one side's, and is handed to
 * another thread only with what makes its memory visible there. Figures (struct spsc_stats): any.
 * Ownership: the ring borrows its slots; handles borrow the ring. Nothing is freed here.
 * Must not: block, allocate (rt/channel waits).
 */
#ifndef RT_SPSC_H
#define RT_SPSC_H
#include "base/atomic.h"
#include "base/base.h"
#include "rt/pace.h"

#define SPSC_CAPACITY_MAX ((size_t)1 << 31)
#define SPSC_ITEM_SIZE_MAX ((size_t)1 << 16)

/* Of an index as it is published: its side is closed. */
#define SPSC_CLOSED (UINT64_C(1) << 63)

/* Processors fetch lines in pairs: what one side writes is two lines from what the other writes. */
#define SPSC_APART (2 * CACHE_LINE)

struct spsc {
	_Alignas(SPSC_APART) uint8_t *slots;
	size_t capacity; /* a power of two */
	size_t item_size;
	uint32_t pace; /* turns of a consumer's wait for a stream; 0 on one processor */
	/* the producer's: items pushed since the beginning */
	_Alignas(SPSC_APART) _Atomic uint64_t tail;
	_Atomic uint64_t refused; /* pushes that found no room */
	/* the consumer's: items popped since the beginning */
	_Alignas(SPSC_APART) _Atomic uint64_t head;
	_Atomic uint64_t high; /* the most items found at a look */
};

struct spsc_producer {
	struct spsc *ring;
	uint8_t *slots;
	size_t mask;
	uint64_t tail;
	uint64_t room_end; /* the head that was last seen, plus the capacity */
};

struct spsc_consumer {
	struct spsc *ring;
	uint8_t *slots;
	size_t mask;
	uint64_t head;
	uint64_t tail_seen;
	uint64_t high;
	struct pace pace;
	bool closed; /* the tail that was last seen is the last one */
};

struct spsc_stats {
	size_t capacity;
	size_t occupancy;
	size_t high_water; /* the most that either side saw; a ring that was full is always seen */
	uint64_t pushed, popped, refused;
	bool closed;
};

MUST_USE static inline size_t spsc_slots_size(size_t capacity, size_t item_size)
{
	return capacity * item_size;
}

/* slots: spsc_slots_size bytes, aligned to what the items need and better to a cache line; their
 * content does not matter. */
NONNULL_ALL void spsc_init(struct spsc *ring, void *slots, size_t capacity, size_t item_size);

/* The producer will push no more. */
NONNULL_ALL void spsc_close(struct spsc_producer *p);
/* The consumer will pop no more: pushes are refused as soon as the producer looks. */
NONNULL_ALL void spsc_leave(struct spsc_consumer *c);
/* Whether the consumer has left. */
MUST_USE NONNULL_ALL bool spsc_is_left(const struct spsc_producer *p);

/* Figures of one moment each, not all of the same. */
NONNULL_ALL void spsc_stats(const struct spsc *ring, struct spsc_stats *out);

/* ---- handles ---- */

/* A side's handle, at the beginning or where an earlier handle of that side has stopped. Inline,
 * for a handle whose address goes nowhere stays in registers. */
NONNULL_ALL static inline void spsc_producer_init(struct spsc_producer *p, struct spsc *ring)
{
	const uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	CHECK((tail & SPSC_CLOSED) == 0);
	*p = (struct spsc_producer){
		.ring = ring,
		.slots = ring->slots,
		.mask = ring->capacity - 1,
		.tail = tail,
		.room_end = tail, /* looks first */
	};
}

NONNULL_ALL static inline void spsc_consumer_init(struct spsc_consumer *c, struct spsc *ring)
{
	const uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	CHECK((head & SPSC_CLOSED) == 0);
	*c = (struct spsc_consumer){
		.ring = ring,
		.slots = ring->slots,
		.mask = ring->capacity - 1,
		.head = head,
		.tail_seen = head, /* looks first */
		.high = atomic_load_explicit(&ring->high, memory_order_relaxed),
		.pace = {.turns = ring->pace},
	};
}

/* ---- the producer ---- */

/* Looks where the consumer is, if there seem to be fewer than `want` free slots. Returns how many
 * there are, up to `want`. */
NONNULL_ALL static inline size_t spsc_room(struct spsc_producer *p, size_t want)
{
	if (__builtin_expect(p->room_end - p->tail >= want, true))
		return want;
	/* [REUSE] acquire: pairs with the release in spsc_release: what the consumer has given
	 * back it has read */
	const uint64_t head = atomic_load_explicit(&p->ring->head, memory_order_acquire);
	if ((head & SPSC_CLOSED) != 0) {
		p->room_end = p->tail;
		return 0;
	}
	p->room_end = head + p->mask + 1;
	const uint64_t room = p->room_end - p->tail;
	if (room == 0)
		/* one writer: no read-modify-write */
		atomic_store_explicit(&p->ring->refused,
			atomic_load_explicit(&p->ring->refused, memory_order_relaxed) + 1,
			memory_order_relaxed);
	return room < want ? (size_t)room : want;
}

/* A place for up to `want` items in a row; *got says for how many: fewer where the ring is nearly
 * full or its end is near. NULL: the ring is full, or the consumer has left. Nothing is visible
 * until the commit; reserving again without one gives the same place. */
MUST_USE NONNULL_ALL static inline void *spsc_reserve(
	struct spsc_producer *p, size_t want, size_t *got, size_t item_size)
{
	const size_t room = spsc_room(p, want);
	const size_t at = (size_t)p->tail & p->mask;
	const size_t straight = p->mask + 1 - at;
	*got = room < straight ? room : straight;
	return room == 0 ? NULL : p->slots + at * item_size;
}

/* Publishes the first `count` of what was reserved. */
NONNULL_ALL static inline void spsc_commit(struct spsc_producer *p, size_t count)
{
	CHECK(count <= p->room_end - p->tail);
	p->tail += count;
	/* [PUSH] release: pairs with the acquire in spsc_ready: the items, then the index */
	atomic_store_explicit(&p->ring->tail, p->tail, memory_order_release);
}

/* false: the ring is full, or the consumer has left. */
MUST_USE NONNULL_ALL static inline bool spsc_push(
	struct spsc_producer *p, const void *item, size_t item_size)
{
	if (spsc_room(p, 1) == 0)
		return false;
	memcpy(p->slots + ((size_t)p->tail & p->mask) * item_size, item, item_size);
	p->tail++;
	/* [PUSH] as in spsc_commit */
	atomic_store_explicit(&p->ring->tail, p->tail, memory_order_release);
	return true;
}

/* Copies `count` items between a slot and those that follow it, around the ring's end, and a row.
 */
NONNULL_ALL static inline void spsc_copy_in(
	uint8_t *slots, size_t mask, size_t at, const void *items, size_t count, size_t item_size)
{
	const size_t straight = mask + 1 - at;
	const size_t first = count < straight ? count : straight;
	memcpy(slots + at * item_size, items, first * item_size);
	if (count > first)
		memcpy(slots, (const uint8_t *)items + first * item_size,
			(count - first) * item_size);
}

NONNULL_ALL static inline void spsc_copy_out(
	void *items, const uint8_t *slots, size_t mask, size_t at, size_t count, size_t item_size)
{
	const size_t straight = mask + 1 - at;
	const size_t first = count < straight ? count : straight;
	memcpy(items, slots + at * item_size, first * item_size);
	if (count > first)
		memcpy((uint8_t *)items + first * item_size, slots, (count - first) * item_size);
}

/* As many of the items as there is room for, all published at once; returns how many. */
MUST_USE NONNULL_ALL static inline size_t spsc_push_batch(
	struct spsc_producer *p, const void *items, size_t count, size_t item_size)
{
	const size_t room = spsc_room(p, count);
	if (room == 0)
		return 0;
	spsc_copy_in(p->slots, p->mask, (size_t)p->tail & p->mask, items, room, item_size);
	spsc_commit(p, room);
	return room;
}

/* ---- the consumer ---- */

/* What a look has found beside the simplest. */
NONNULL_ALL static inline size_t spsc_found(struct spsc_consumer *c, uint64_t tail, size_t want)
{
	const uint64_t found = (tail - c->head) & ~SPSC_CLOSED;
	c->tail_seen = c->head + found;
	c->pace.found = found;
	if (found > c->high) {
		c->high = found;
		atomic_store_explicit(&c->ring->high, found, memory_order_relaxed);
	}
	if (found == 0)
		c->closed = (tail & SPSC_CLOSED) != 0;
	return found < want ? (size_t)found : want;
}

/* Looks where the producer is, if there seem to be fewer than `want` items. Returns how many there
 * are, up to `want`. */
NONNULL_ALL static inline size_t spsc_ready(struct spsc_consumer *c, size_t want)
{
	bool waited = false;
	if (c->tail_seen - c->head >= want)
		return want;
	if (__builtin_expect(c->pace.found > 1, false))
		waited = pace_wait(&c->pace);
	/* [PUSH] acquire: pairs with the release in spsc_commit */
	const uint64_t tail = atomic_load_explicit(&c->ring->tail, memory_order_acquire);
	if (want == 1 && !waited && __builtin_expect(tail - c->head == 1, true)) {
		c->tail_seen = tail; /* question and answer: the shortest way */
		c->pace.found = 1;
		return 1;
	}
	const size_t ready = spsc_found(c, tail, want);
	if (waited)
		pace_learn(&c->pace);
	return ready;
}

/* The next items in their slots, up to `want`; *got says how many lie in a row. NULL: none is
 * there. They stay the consumer's until the release; peeking again without one gives the same. */
MUST_USE NONNULL_ALL static inline void *spsc_peek(
	struct spsc_consumer *c, size_t want, size_t *got, size_t item_size)
{
	const size_t ready = spsc_ready(c, want);
	const size_t at = (size_t)c->head & c->mask;
	const size_t straight = c->mask + 1 - at;
	*got = ready < straight ? ready : straight;
	return ready == 0 ? NULL : c->slots + at * item_size;
}

/* Gives the first `count` slots of what was peeked at back. */
NONNULL_ALL static inline void spsc_release(struct spsc_consumer *c, size_t count)
{
	CHECK(count <= c->tail_seen - c->head);
	c->head += count;
	/* [REUSE] release: pairs with the acquire in spsc_room: the reads, then the index */
	atomic_store_explicit(&c->ring->head, c->head, memory_order_release);
}

/* false: none is there. */
MUST_USE NONNULL_ALL static inline bool spsc_pop(
	struct spsc_consumer *c, void *item, size_t item_size)
{
	if (spsc_ready(c, 1) == 0)
		return false;
	memcpy(item, c->slots + ((size_t)c->head & c->mask) * item_size, item_size);
	c->head++;
	/* [REUSE] as in spsc_release */
	atomic_store_explicit(&c->ring->head, c->head, memory_order_release);
	return true;
}

/* Up to `count` items, given back at once; returns how many. */
MUST_USE NONNULL_ALL static inline size_t spsc_pop_batch(
	struct spsc_consumer *c, void *items, size_t count, size_t item_size)
{
	const size_t ready = spsc_ready(c, count);
	if (ready == 0)
		return 0;
	spsc_copy_out(items, c->slots, c->mask, (size_t)c->head & c->mask, ready, item_size);
	spsc_release(c, ready);
	return ready;
}

/* The producer has closed and there is nothing left, nor will be. */
MUST_USE NONNULL_ALL static inline bool spsc_is_drained(struct spsc_consumer *c)
{
	return spsc_ready(c, 1) == 0 && c->closed;
}

#endif
