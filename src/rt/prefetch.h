/* rt/prefetch: ask for cache lines before they are needed. Hints only: they never fault, any
 * address may be given, and a processor may ignore them. They pay where the address is known some
 * hundred nanoseconds before the access and nothing else would fetch it: pointers that are about to
 * be followed, the item after the next of a batch. A walk over consecutive memory needs none. */
#ifndef RT_PREFETCH_H
#define RT_PREFETCH_H
#include "base/atomic.h"
#include "base/base.h"

/* To be read soon, and again. */
static inline void prefetch_read(const void *ptr)
{
	__builtin_prefetch(ptr, 0, 3);
}

/* To be written soon: the line is taken from the other cores now. By its own name on x86-64, for
 * compilers that build for every such processor make a prefetch for reading of it, after which the
 * line is shared and has to be asked for again; a processor that lacks it does nothing. */
static inline void prefetch_write(const void *ptr)
{
#if defined(__x86_64__)
	__asm__ volatile("prefetchw %0" ::"m"(*(const char *)ptr));
#else
	__builtin_prefetch(ptr, 1, 3);
#endif
}

/* To be read once: should displace little of what the caches hold. */
static inline void prefetch_once(const void *ptr)
{
	__builtin_prefetch(ptr, 0, 0);
}

/* Every line of an object that is to be read. */
static inline void prefetch_object(const void *ptr, size_t size)
{
	const uint8_t *line = ptr;
	for (size_t at = 0; at < size; at += CACHE_LINE)
		prefetch_read(line + at);
}

#endif
