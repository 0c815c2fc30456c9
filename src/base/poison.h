/* base/poison: tells AddressSanitizer which bytes of a block nobody may touch, so that it finds use
 * after free and overruns in memory that does not come from malloc. Without it: nothing, at no
 * cost. It keeps one mark for 8 bytes: the bytes before `ptr` in its 8 are usable after an
 * unpoison. Two threads that unpoison neighbours must not share such 8: POISON_GRAIN. */
#ifndef BASE_POISON_H
#define BASE_POISON_H
#include "base/base.h"

#if defined(__SANITIZE_ADDRESS__)
#define POISON_ON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POISON_ON 1
#endif
#endif

#ifdef POISON_ON
void __asan_poison_memory_region(const volatile void *ptr, size_t len);
void __asan_unpoison_memory_region(const volatile void *ptr, size_t len);
int __asan_address_is_poisoned(const volatile void *ptr);
#define POISON_GRAIN 8u
#else
#define POISON_ON 0
#define POISON_GRAIN 1u
#endif

static inline void memory_poison(const void *ptr, size_t len)
{
#if POISON_ON
	__asan_poison_memory_region(ptr, len);
#else
	(void)ptr, (void)len;
#endif
}

static inline void memory_unpoison(const void *ptr, size_t len)
{
#if POISON_ON
	__asan_unpoison_memory_region(ptr, len);
#else
	(void)ptr, (void)len;
#endif
}

/* False where nothing keeps watch. */
static inline bool memory_is_poisoned(const void *ptr)
{
#if POISON_ON
	return __asan_address_is_poisoned(ptr) != 0;
#else
	(void)ptr;
	return false;
#endif
}

#endif
