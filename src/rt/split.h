/* rt/split: one word that divides a stack in two: its older part is for thieves, its newer part is
 * its owner's, who works there without any synchronisation.
 *
 *     0 ........ taken ........ split ........ top (kept by the owner alone)
 *       stolen           for thieves      private
 *
 * Entries are used last in, first out. The owner offers its oldest private entry by moving the
 * split up; thieves steal the oldest offered one; on its way down the owner meets its offered
 * entries newest first, and takes each back or finds that it was stolen. As both borders lie in
 * one word, every step is one exchange: who gets an entry is never in doubt.
 *
 * Invariants: taken <= split, always. A thief reads an entry after it has won it, never before;
 * thus it does not matter that an index comes again with another entry.
 * Threads: offer, take_back and forget are for the owner; steal and has_offer for any thread.
 * The idea is that of van Dijk and van de Pol's Lace (2014). Must not: block, allocate.
 */
#ifndef RT_SPLIT_H
#define RT_SPLIT_H
#include <stdatomic.h>

#include "base/atomic.h"
#include "base/base.h"

#define SPLIT_ENTRIES_MAX (UINT32_MAX - 1)

struct split {
	_Atomic uint64_t word; /* split << 32 | taken */
};

static inline uint32_t split_taken(uint64_t word)
{
	return (uint32_t)word;
}

static inline uint32_t split_border(uint64_t word)
{
	return (uint32_t)(word >> 32);
}

NONNULL_ALL static inline void split_init(struct split *s)
{
	atomic_init(&s->word, 0);
}

/* Offers the entry at the border, which the owner has written before. */
NONNULL_ALL static inline void split_offer(struct split *s)
{
	/* [OFFER] release: pairs with the acquire in split_steal: the thief reads the entry. Later
	 * changes of the word are exchanges, or come after a new offer: they carry it on. */
	(void)atomic_fetch_add_explicit(&s->word, UINT64_C(1) << 32, memory_order_release);
}

/* Whether there is something to steal, at a glance. */
NONNULL_ALL static inline bool split_has_offer(const struct split *s)
{
	const uint64_t word = atomic_load_explicit(&s->word, memory_order_relaxed);
	return split_taken(word) < split_border(word);
}

/* Wins the oldest offered entry: its index. False: there is none. */
MUST_USE NONNULL_ALL static inline bool split_steal(struct split *s, uint32_t *index)
{
	uint64_t word = atomic_load_explicit(&s->word, memory_order_relaxed);
	while (split_taken(word) < split_border(word)) {
		/* [OFFER] acquire */
		if (atomic_compare_exchange_weak_explicit(&s->word, &word, word + 1,
			    memory_order_acquire, memory_order_relaxed)) {
			*index = split_taken(word);
			return true;
		}
	}
	return false;
}

/* The owner has come down to its newest offered entry, at `index`. True: nobody has it, and it is
 * private again. False: it is stolen, and with it every one below. */
MUST_USE NONNULL_ALL static inline bool split_take_back(struct split *s, uint32_t index)
{
	uint64_t word = atomic_load_explicit(&s->word, memory_order_relaxed);
	CHECK(split_border(word) == index + 1);
	while (split_taken(word) <= index) {
		/* relaxed: the entry is the owner's own writing, and nobody has read it */
		if (atomic_compare_exchange_weak_explicit(&s->word, &word,
			    word - (UINT64_C(1) << 32), memory_order_relaxed, memory_order_relaxed))
			return true;
	}
	return false;
}

/* The stolen entry at `index`, the newest offered one, is done with. */
NONNULL_ALL static inline void split_forget(struct split *s, uint32_t index)
{
	/* nothing is offered, so that nobody else changes the word now; the next offer publishes */
	const uint64_t word = (uint64_t)index << 32 | index;
	CHECK(atomic_load_explicit(&s->word, memory_order_relaxed) ==
		((uint64_t)(index + 1) << 32 | (index + 1)));
	atomic_store_explicit(&s->word, word, memory_order_relaxed);
}

#endif
