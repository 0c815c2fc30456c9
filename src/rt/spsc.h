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
 * In a stream, a side waits a moment before it looks at the other's index (rt/pace), and the
 * producer takes the lines that it will write next out of the consumer's cache ahead of time:
 * stores become visible in their order, so that without it each would wait for its line in turn.
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
#include "rt/prefetch.h"

#define SPSC_CAPACITY_MAX ((size_t)1 << 31)
#define SPSC_ITEM_SIZE_MAX ((size_t)1 << 16)

/* Of an index as it is published: its side is closed. */
#define SPSC_CLOSED (UINT64_C(1) << 63)

/* Processors fetch lines in pairs: what one side writes is two lines from what the other writes. */
#define SPSC_APART (2 * CACHE_LINE)

/* How far ahead of what is written lines are taken: more than are under way at once. */
#define SPSC_AHEAD ((size_t)2048)
/* What is copied between two looks ahead. */
#define SPSC_STRIDE ((size_t)512)

struct spsc {
	_Alignas(SPSC_APART) uint8_t *slots;
	size_t capacity; /* a power of two */
	size_t item_size;
	/* the producer's: items pushed since the beginning */
	_Alignas(SPSC_APART) _Atomic uint64_t tail;
	_Atomic uint64_t refused; /* pushes that found no room */
	struct pace producer_pace;
	/* the consumer's: items popped since the beginning */
	_Alignas(SPSC_APART) _Atomic uint64_t head;
	_Atomic uint64_t high; /* the most items found at a look */
	struct pace consumer_pace;
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
	};
}

/* ---- the producer ---- */

/* The head, after what pace there is; for spsc_room. */
MUST_USE NONNULL_ALL uint64_t spsc_look_head(struct spsc *ring, uint64_t tail);

/* Looks where the consumer is, if there seem to be fewer than `want` free slots. Returns how many
 * there are, up to `want`. */
NONNULL_ALL static inline size_t spsc_room(struct spsc_producer *p, size_t want)
{
	if (__builtin_expect(p->room_end - p->tail >= want, true))
		return want;
	const uint64_t head = spsc_look_head(p->ring, p->tail);
	p->room_end = (head & SPSC_CLOSED) != 0 ? p->tail : head + p->mask + 1;
	const uint64_t room = p->room_end - p->tail;
	return room < want ? (size_t)room : want;
}

/* Takes the lines of the `size` bytes that begin SPSC_AHEAD after slot `tail` for writing, where
 * the consumer has given them back: others it may be about to read. */
NONNULL_ALL static inline void spsc_take_ahead(const uint8_t *slots, size_t mask, uint64_t tail,
	uint64_t room, size_t size, size_t item_size)
{
	const size_t ahead = item_size < SPSC_AHEAD ? SPSC_AHEAD / item_size : 1;
	if (room < 2 * ahead) /* and size is no more than SPSC_AHEAD */
		return;
	const uint8_t *at = slots + ((size_t)(tail + ahead) & mask) * item_size;
	for (size_t offset = 0; offset < size; offset += CACHE_LINE)
		prefetch_write(at + offset); /* beyond the ring's end: a hint too many, no more */
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
	if (room == 0)
		return NULL;
	spsc_take_ahead(p->slots, p->mask, p->tail, p->room_end - p->tail,
		*got * item_size < SPSC_AHEAD ? *got * item_size : SPSC_AHEAD, item_size);
	return p->slots + at * item_size;
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
	const size_t of_line = item_size < CACHE_LINE ? CACHE_LINE / item_size : 1;
	if (p->tail % of_line == 0) /* at or near the beginning of a line */
		spsc_take_ahead(p->slots, p->mask, p->tail, p->room_end - p->tail, 1, item_size);
	memcpy(p->slots + ((size_t)p->tail & p->mask) * item_size, item, item_size);
	p->tail++;
	/* [PUSH] as in spsc_commit */
	atomic_store_explicit(&p->ring->tail, p->tail, memory_order_release);
	return true;
}

/* Line by line, without a call: that is most of what a small batch costs. */
NONNULL_ALL static inline void spsc_copy_short(
	uint8_t *to, const uint8_t *from, size_t size, size_t item_size)
{
	const size_t step = item_size % sizeof(uint64_t) == 0 ? sizeof(uint64_t) : 1;
	for (; size >= CACHE_LINE; size -= CACHE_LINE, to += CACHE_LINE, from += CACHE_LINE)
		memcpy(to, from, CACHE_LINE);
	for (; size > 0; size -= step, to += step, from += step)
		memcpy(to, from, step);
}

/* Copies `count` items to the slots from `tail` on, around the ring's end. */
NONNULL_ALL void spsc_copy_long(uint8_t *slots, size_t mask, uint64_t tail, uint64_t room,
	const uint8_t *items, size_t count, size_t item_size);

NONNULL_ALL static inline void spsc_copy_in(
	const struct spsc_producer *p, const uint8_t *items, size_t count, size_t item_size)
{
	const size_t size = count * item_size, at = (size_t)p->tail & p->mask;
	const uint64_t room = p->room_end - p->tail;
	if (size <= SPSC_STRIDE && at + count <= p->mask + 1) {
		spsc_take_ahead(p->slots, p->mask, p->tail, room, size, item_size);
		spsc_copy_short(p->slots + at * item_size, items, size, item_size);
	} else {
		spsc_copy_long(p->slots, p->mask, p->tail, room, items, count, item_size);
	}
}

/* And from slots to a row. */
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
	spsc_copy_in(p, items, room, item_size);
	spsc_commit(p, room);
	return room;
}

/* ---- the consumer ---- */

/* The tail, after what pace there is; for spsc_ready. */
MUST_USE NONNULL_ALL uint64_t spsc_look_tail(struct spsc *ring, uint64_t head);

/* Looks where the producer is, if there seem to be fewer than `want` items. Returns how many there
 * are, up to `want`. */
NONNULL_ALL static inline size_t spsc_ready(struct spsc_consumer *c, size_t want)
{
	if (c->tail_seen - c->head >= want)
		return want;
	if (want == 1) { /* question and answer: the shortest way */
		/* [PUSH] acquire, as in spsc_look_tail */
		const uint64_t tail = atomic_load_explicit(&c->ring->tail, memory_order_acquire);
		if (__builtin_expect(tail - c->head == 1, true)) {
			c->tail_seen = tail;
			return 1;
		}
	}
	const uint64_t tail = spsc_look_tail(c->ring, c->head);
	const uint64_t found = (tail - c->head) & ~SPSC_CLOSED;
	c->tail_seen = c->head + found;
	c->closed = found == 0 && (tail & SPSC_CLOSED) != 0;
	return found < want ? (size_t)found : want;
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
