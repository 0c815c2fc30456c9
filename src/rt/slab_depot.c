#include "rt/slab_depot.h"

_Static_assert(SLAB_BYTES_MAX / CACHE_LINE < UINT32_MAX, "a place in the region fits half a head");

#define TAG_ONE (UINT64_C(1) << 32)
#define TAG_MASK (~(TAG_ONE - 1))

void slab_stack_push(struct slab_stack *stack, struct slab_magazine *magazine, uint8_t *base)
{
	const uint64_t place = (uint64_t)((uint8_t *)magazine - base) / CACHE_LINE + 1;
	uint64_t head = atomic_load_explicit(&stack->head, memory_order_relaxed);
	uint64_t next;
	do {
		atomic_store_explicit(&magazine->next, (uint32_t)head, memory_order_relaxed);
		SLAB_PAUSE();
		next = (head & TAG_MASK) + TAG_ONE + place;
		/* [DEPOT] release: pairs with the acquire in slab_stack_pop: the magazine's
		 * pointers, and what their last holders wrote to the objects. Exchanges of the head
		 * in between are read-modify-writes and carry the release on. */
	} while (!atomic_compare_exchange_weak_explicit(
		&stack->head, &head, next, memory_order_release, memory_order_relaxed));
}

struct slab_magazine *slab_stack_pop(struct slab_stack *stack, uint8_t *base)
{
	/* [DEPOT] acquire: pairs with the release in slab_stack_push; here for `next`, which
	 * another pop may have outdated: then the tag has changed */
	uint64_t head = atomic_load_explicit(&stack->head, memory_order_acquire);
	for (;;) {
		const uint32_t place = (uint32_t)head;
		if (place == 0)
			return NULL;
		struct slab_magazine *magazine = (void *)(base +
			(uint64_t)(place - 1) * CACHE_LINE);
		const uint32_t below = atomic_load_explicit(&magazine->next, memory_order_relaxed);
		SLAB_PAUSE();
		if (atomic_compare_exchange_weak_explicit(&stack->head, &head,
			    (head & TAG_MASK) + TAG_ONE + below, memory_order_acquire,
			    memory_order_acquire))
			return magazine;
	}
}
