/* rt/slab_depot: where the threads' caches exchange magazines; internal to rt/slab.
 *
 * A class has two stacks (Treiber's): magazines with objects, and empty ones. A stack's head is one
 * word: a magazine's place in the region, and a tag that every change advances, so that a head
 * which was taken off and put back meanwhile is not mistaken for the one that was read (ABA).
 * Magazines are never given back to the system: reading `next` of one that was just taken by
 * another thread is harmless, the exchange fails.
 *
 * That an empty magazine is always there when a full one is to be replaced. Of a class with F
 * magazines' worth of objects there are F + 2C + 1 magazines: F in circulation, two for each of C
 * caches, one `partial`. A thread that needs an empty one holds two full ones, so at most F - 2 are
 * full in the depot; the other caches have their two, and a thread half-way through an exchange
 * has a third but then holds one magazine's worth of objects more as well. What is left is at least
 * one, and lies on the stack of empty ones.
 */
#ifndef RT_SLAB_DEPOT_H
#define RT_SLAB_DEPOT_H
#include "rt/slab.h"

/* Where threads can get between each other's steps. The stress test puts delays there. */
#ifdef SLAB_PAUSE
void SLAB_PAUSE(void);
#else
#define SLAB_PAUSE() ((void)0)
#endif

struct slab_stack {
	_Atomic uint64_t head; /* tag << 32 | (offset in the region / CACHE_LINE + 1), 0: none */
};

/* base: the region's first byte, aligned to a cache line as all magazines are. */
NONNULL_ALL void slab_stack_push(
	struct slab_stack *stack, struct slab_magazine *magazine, uint8_t *base);
/* NULL: it was empty. */
MUST_USE NONNULL_ALL struct slab_magazine *slab_stack_pop(struct slab_stack *stack, uint8_t *base);

#endif
