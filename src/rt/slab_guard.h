/* rt/slab_guard: what keeps watch over the objects of a slab; internal to rt/slab.
 *
 * Three builds. Ordinary: nothing, at no cost. AddressSanitizer: a free object and SLAB_GUARD_BYTES
 * behind each are poisoned, as is what a live one's class has beyond its size. SLAB_CHECKS: behind
 * each object lies a tail with its state, its size and a canary; the bytes of a free one hold a
 * pattern. All translation units that allocate from one slab must be built the same way.
 */
#ifndef RT_SLAB_GUARD_H
#define RT_SLAB_GUARD_H
#include "base/poison.h"

#if POISON_ON || defined(SLAB_CHECKS)
#define SLAB_GUARD_BYTES ((size_t)64)
/* A new object of a class, free. */
NONNULL_ALL void slab_guard_make(void *ptr, size_t class_size);
NONNULL_ALL void slab_guard_alloc(void *ptr, size_t size, size_t class_size);
/* CHECKs that it is live, of this size, and that nothing was written behind it. */
NONNULL_ALL void slab_guard_free(void *ptr, size_t size, size_t class_size);
#else
#define SLAB_GUARD_BYTES ((size_t)0)
static inline void slab_guard_make(void *ptr, size_t class_size)
{
	(void)ptr, (void)class_size;
}
static inline void slab_guard_alloc(void *ptr, size_t size, size_t class_size)
{
	(void)ptr, (void)size, (void)class_size;
}
static inline void slab_guard_free(void *ptr, size_t size, size_t class_size)
{
	(void)ptr, (void)size, (void)class_size;
}
#endif

#endif
