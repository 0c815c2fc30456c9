/* rt/deque: a work-stealing deque: its owner pushes and takes at one end, last in first out;
 * thieves steal at the other, first in first out.
 *
 * After Chase and Lev (SPAA 2005), in the C11 form of Lê, Pop, Cohen and Zappa Nardelli (PPoPP
 * 2013) with two differences: the ring does not grow, and its fences are sequentially consistent
 * accesses instead, which cost the same on x86-64 and which ThreadSanitizer understands.
 *
 * Invariants: top <= bottom, except within deque_take; the items are those of [top, bottom). top
 * only grows: the indices are never reused, only their slots are, after top has passed them.
 * Every item that was pushed is returned once, by take or by steal.
 * Threads: push and take are for the owner alone; steal and count for any thread.
 * Ownership: borrows the ring, a power of two of slots, and the items. Must not: block, allocate.
 */
#ifndef RT_DEQUE_H
#define RT_DEQUE_H
#include <stdatomic.h>

#include "base/atomic.h"
#include "base/base.h"

struct deque {
	/* advanced by whoever gets the oldest item */
	_Alignas(CACHE_LINE) _Atomic int64_t top;
	/* the owner's */
	_Alignas(CACHE_LINE) _Atomic int64_t bottom;
	int64_t top_seen; /* no more than top: push looks again only where the ring seems full */
	int64_t size;
	_Atomic(void *) *ring;
};

enum deque_steal {
	DEQUE_STOLEN,
	DEQUE_EMPTY,
	DEQUE_LOST, /* somebody else got the oldest one first: there may be more */
};

NONNULL_ALL static inline void deque_init(struct deque *d, _Atomic(void *) *ring, uint32_t size)
{
	CHECK(size > 0 && (size & (size - 1)) == 0);
	atomic_init(&d->top, 0);
	atomic_init(&d->bottom, 0);
	d->top_seen = 0;
	d->size = size;
	d->ring = ring;
}

static inline _Atomic(void *) *deque_slot(const struct deque *d, int64_t index)
{
	return &d->ring[(uint64_t)index & (uint64_t)(d->size - 1)];
}

/* ERR_FULL: nothing was done. */
MUST_USE NONNULL_ALL static inline enum err deque_push(struct deque *d, void *item)
{
	const int64_t bottom = atomic_load_explicit(&d->bottom, memory_order_relaxed);
	if (bottom - d->top_seen >= d->size) {
		/* [REUSE] acquire: pairs with the release of the exchange in deque_steal: the thief
		 * has read the slot before it is written anew */
		d->top_seen = atomic_load_explicit(&d->top, memory_order_acquire);
		if (bottom - d->top_seen >= d->size)
			return ERR_FULL;
	}
	atomic_store_explicit(deque_slot(d, bottom), item, memory_order_relaxed);
	/* [PUSH] release: pairs with the acquire of bottom in deque_steal: a thief that sees the
	 * new bottom sees the item and what it points to */
	atomic_store_explicit(&d->bottom, bottom + 1, memory_order_release);
	return OK;
}

/* The newest item; NULL: none. */
NONNULL_ALL static inline void *deque_take(struct deque *d)
{
	const int64_t bottom = atomic_load_explicit(&d->bottom, memory_order_relaxed) - 1;
	if (bottom < d->top_seen)
		return NULL; /* top is further still: empty, without a word to the thieves */
	/* [CLAIM] sequentially consistent: the lowered bottom, then top, here; top, then bottom, in
	 * deque_steal. Either the thief sees that the item is claimed, or this sees that top has
	 * come to it, and both settle it by the exchange. */
	atomic_store_explicit(&d->bottom, bottom, memory_order_seq_cst);
	int64_t top = atomic_load_explicit(&d->top, memory_order_seq_cst);
	if (top < bottom)
		return atomic_load_explicit(deque_slot(d, bottom), memory_order_relaxed);
	void *item = NULL;
	d->top_seen = top;
	if (top == bottom) { /* the last one: thieves may be after it */
		item = atomic_load_explicit(deque_slot(d, bottom), memory_order_relaxed);
		/* [LAST] against the exchange in deque_steal */
		if (atomic_compare_exchange_strong_explicit(
			    &d->top, &top, top + 1, memory_order_seq_cst, memory_order_relaxed))
			d->top_seen = bottom + 1;
		else
			item = NULL;
	}
	/* Nothing is published: thieves that see it find the deque empty, as before. */
	atomic_store_explicit(&d->bottom, bottom + 1, memory_order_relaxed);
	return item;
}

/* The same for an owner that has no thieves. */
NONNULL_ALL static inline void *deque_take_alone(struct deque *d)
{
	const int64_t bottom = atomic_load_explicit(&d->bottom, memory_order_relaxed) - 1;
	if (bottom < atomic_load_explicit(&d->top, memory_order_relaxed))
		return NULL;
	atomic_store_explicit(&d->bottom, bottom, memory_order_relaxed);
	return atomic_load_explicit(deque_slot(d, bottom), memory_order_relaxed);
}

/* The oldest item, where it is DEQUE_STOLEN; else *item is as it was. */
MUST_USE NONNULL_ALL static inline enum deque_steal deque_steal(struct deque *d, void **item)
{
	/* [CLAIM] in this order: pairs with deque_take. [PUSH] acquire of bottom. */
	int64_t top = atomic_load_explicit(&d->top, memory_order_seq_cst);
	const int64_t bottom = atomic_load_explicit(&d->bottom, memory_order_seq_cst);
	if (top >= bottom)
		return DEQUE_EMPTY;
	/* read before it is ours: if it is not, the exchange fails and nothing is done with it */
	void *oldest = atomic_load_explicit(deque_slot(d, top), memory_order_relaxed);
	/* [LAST] and [REUSE]: release so that the read above is over when top moves */
	if (!atomic_compare_exchange_strong_explicit(
		    &d->top, &top, top + 1, memory_order_seq_cst, memory_order_relaxed))
		return DEQUE_LOST;
	*item = oldest;
	return DEQUE_STOLEN;
}

/* How many there were at some moment of the call, or about it. */
NONNULL_ALL static inline uint32_t deque_count(const struct deque *d)
{
	const int64_t top = atomic_load_explicit(&d->top, memory_order_relaxed);
	const int64_t bottom = atomic_load_explicit(&d->bottom, memory_order_relaxed);
	return bottom > top ? (uint32_t)(bottom - top) : 0;
}

#endif
