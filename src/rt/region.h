/* rt/region: a bounded piece of memory on the largest pages there are, given out front to back.
 *
 * Where arenas and pools get their blocks from. The bound is taken from the system as address space
 * at once, and as memory when it is first touched (or at once, options.populate). What was taken is
 * given back with the whole region only.
 *
 * Invariants: used <= pages.size; no byte is given out twice; bytes given out are zero.
 * Threads: region_take from any, without a lock; init and fini by one, before and after all others.
 * Ownership: the region owns its pages; what is taken borrows them. Must not: grow.
 */
#ifndef RT_REGION_H
#define RT_REGION_H
#include "base/atomic.h"
#include "sys/pages.h"

struct region {
	struct pages pages; /* kind, why: for the caller's log (pages_describe) */
	_Atomic size_t used;
};

/* ERR_FULL, ERR_RANGE: as pages_map. */
MUST_USE NONNULL_ALL enum err region_init(
	struct region *r, size_t bytes_max, const struct pages_options *options);
NONNULL_ALL void region_fini(struct region *r);

/* align: a power of two, at most that of the region's pages. NULL: the bound is reached, and
 * nothing was taken. */
MUST_USE NONNULL_ALL void *region_take(struct region *r, size_t size, size_t align);

/* What region_take has given out, with what was lost to alignment. */
static inline size_t region_used(struct region *r)
{
	return atomic_load_explicit(&r->used, memory_order_relaxed);
}

#endif
