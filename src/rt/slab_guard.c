#include "rt/slab_guard.h"

#if POISON_ON

void slab_guard_make(void *ptr, size_t class_size)
{
	memory_poison(ptr, class_size + SLAB_GUARD_BYTES);
}

void slab_guard_alloc(void *ptr, size_t size, size_t class_size)
{
	CHECK(size <= class_size && memory_is_poisoned(ptr));
	memory_unpoison(ptr, size);
}

void slab_guard_free(void *ptr, size_t size, size_t class_size)
{
	CHECK(size == 0 || !memory_is_poisoned(ptr)); /* else it is free already */
	memory_poison(ptr, class_size);
}

#elif defined(SLAB_CHECKS)

#define STATE_LIVE UINT64_C(0x6c6976656f626a21)
#define STATE_FREE UINT64_C(0x667265656f626a21)
#define BYTE_FREE 0xdb
#define BYTE_CANARY 0xca

/* Behind an object of a class. What is there is bound to its address: a copy of it is no tail. */
struct tail {
	uint8_t canary[SLAB_GUARD_BYTES - 16];
	uint64_t state;
	uint64_t size;
};
_Static_assert(sizeof(struct tail) == SLAB_GUARD_BYTES, "the tail fills the guard");

static struct tail *tail_of(void *ptr, size_t class_size)
{
	return (struct tail *)(void *)((uint8_t *)ptr + class_size);
}

static uint64_t state_at(const void *ptr, uint64_t state)
{
	return state ^ (uint64_t)(uintptr_t)ptr;
}

static bool all_are(const uint8_t *bytes, size_t len, uint8_t value)
{
	size_t same = 0;
	while (same < len && bytes[same] == value)
		same++;
	return same == len;
}

void slab_guard_make(void *ptr, size_t class_size)
{
	struct tail *tail = tail_of(ptr, class_size);
	memset(ptr, BYTE_FREE, class_size);
	memset(tail->canary, BYTE_CANARY, sizeof tail->canary);
	tail->state = state_at(ptr, STATE_FREE);
	tail->size = 0;
}

void slab_guard_alloc(void *ptr, size_t size, size_t class_size)
{
	struct tail *tail = tail_of(ptr, class_size);
	CHECK(size <= class_size);
	CHECK(tail->state == state_at(ptr, STATE_FREE));
	CHECK(all_are(ptr, class_size, BYTE_FREE)); /* else written after its free */
	memset((uint8_t *)ptr + size, BYTE_CANARY, class_size - size);
	tail->state = state_at(ptr, STATE_LIVE);
	tail->size = size;
}

void slab_guard_free(void *ptr, size_t size, size_t class_size)
{
	struct tail *tail = tail_of(ptr, class_size);
	CHECK(tail->state != state_at(ptr, STATE_FREE)); /* freed twice */
	CHECK(tail->state == state_at(ptr, STATE_LIVE)); /* not ours, or overrun */
	CHECK(tail->size == size);
	CHECK(all_are((uint8_t *)ptr + size, class_size - size, BYTE_CANARY)); /* overrun */
	CHECK(all_are(tail->canary, sizeof tail->canary, BYTE_CANARY));        /* overrun */
	slab_guard_make(ptr, class_size);
}

#else
typedef int slab_guard_is_off; /* ISO C wants a declaration in each translation unit */
#endif
