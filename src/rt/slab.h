/* rt/slab: pools of fixed-size objects for the paths where malloc costs too much.
 *
 * One slab serves 64 bytes to 64 KiB in size classes, from one region of a named bound. Each thread
 * allocates and frees through a cache of its own: two magazines, arrays of pointers, for each
 * class. A magazine that is full, or empty, is exchanged for another at the class's depot, two
 * lock-free stacks; so memory freed on another thread than it was allocated on goes back a magazine
 * at a time, and an object's own bytes are touched by nobody but its owner.
 *
 * Invariants
 * - An object is live (its holder's), or in one cache, or in the depot: in exactly one place.
 * - Freeing takes no lock, no memory, and can't fail: for each magazine's worth of objects there is
 *   a magazine (slab_depot.h has the count).
 * - A class of which `count` objects were reserved never refuses before that many are live,
 * whatever the caches hold back. When no magazine is to be had and the slab is sealed or its region
 * spent, slab_alloc returns NULL: ERR_FULL, back-pressure.
 * - Objects begin at a cache line. Their bytes are whatever they were.
 *
 * Threads: a cache belongs to one thread at a time; different caches need no coordination.
 * slab_reserve, slab_seal, slab_stats and opening and closing caches: any thread, under a lock.
 * Ownership: the slab owns its region and the caches; the holder owns an object until slab_free,
 * with the size that it was allocated with, through any cache of the same slab.
 * Must not: be asked for a size that comes from outside and was not validated.
 *
 * Under AddressSanitizer free objects and what is behind live ones are poisoned. With SLAB_CHECKS
 * defined for slab.c, slab_guard.c and their callers, each object has a state and canaries, and a
 * double free, a write behind an object or after its free ends the process (slab_guard.h).
 */
#ifndef RT_SLAB_H
#define RT_SLAB_H
#include "base/atomic.h"
#include "rt/slab_guard.h"
#include "sys/pages.h"

#define SLAB_SIZE_MAX ((size_t)64 << 10)
#define SLAB_CLASS_COUNT 20u
#define SLAB_CACHES_MAX 1024u
#define SLAB_BYTES_MAX ((size_t)128 << 30)
/* Objects of one magazine: of small ones this many, of larger ones what is in so many bytes. */
#define SLAB_MAGAZINE_MAX 62u
#define SLAB_MAGAZINE_BYTES ((size_t)128 << 10)
#define SLAB_MAGAZINE_MIN 2u

struct slab;

struct slab_magazine {
	_Atomic uint32_t next; /* in a stack of the depot */
	uint32_t filler;       /* in the depot: the cache that filled it */
	uint64_t count;        /* in the depot */
	void *object[];
};

/* What a thread holds of one class. Atomic for slab_stats alone: one thread writes. */
struct slab_bin {
	_Atomic uint32_t count; /* in the loaded magazine */
	uint32_t cap;           /* of a magazine of this class */
	struct slab_magazine *loaded;
	struct slab_magazine *spare;  /* full or empty */
	_Atomic uint32_t spare_count; /* 0 or cap */
};

struct slab_cache {
	struct slab *slab;
	uint32_t id;
	struct slab_bin bins[SLAB_CLASS_COUNT];
};

struct slab_config {
	size_t bytes_max;           /* of the region, with caches and magazines */
	uint32_t caches_max;        /* threads at once, at most SLAB_CACHES_MAX */
	struct pages_options pages; /* what the region lies on */
};

/* Returns owned. ERR_FULL: no memory, or bytes_max does not even hold the caches. ERR_RANGE: a
 * bound of zero or over the limits above. */
MUST_USE NONNULL_ALL enum err slab_create(struct slab **out, const struct slab_config *config);
/* The same, from what is needed: a slab in which `count` objects of each `size` can be live at
 * once, reserved and sealed. ERR_FULL: no memory. ERR_RANGE: a need or a number of caches over the
 * limits above. */
struct slab_need {
	size_t size;
	size_t count;
};
MUST_USE NONNULL_ALL enum err slab_create_sized(struct slab **out, uint32_t caches_max,
	const struct slab_need *needs, size_t need_count, const struct pages_options *pages);
/* The same, but an object is made, and its memory touched, when it is first needed: for pools that
 * are mostly empty. No class grows beyond its need, so that none takes another's room. */
MUST_USE NONNULL_ALL enum err slab_create_on_demand(struct slab **out, uint32_t caches_max,
	const struct slab_need *needs, size_t need_count, const struct pages_options *pages);
/* Every cache is closed, and no object is used any more. */
void slab_destroy(struct slab *s);
/* What the region lies on; borrows. */
NONNULL_ALL const struct pages *slab_pages(const struct slab *s);

/* Sees to it that `count` more objects of `size` can be live at once than were asked for before,
 * and touches their memory. ERR_FULL: the region is spent; ERR_STATE: sealed; ERR_RANGE: the size.
 */
MUST_USE NONNULL_ALL enum err slab_reserve(struct slab *s, size_t size, size_t count);
/* After start-up: no class grows any more. */
NONNULL_ALL void slab_seal(struct slab *s);

/* Returns owned, until slab_cache_close. ERR_FULL: caches_max are open. */
MUST_USE NONNULL_ALL enum err slab_cache_open(struct slab_cache **out, struct slab *s);
/* Gives back what the cache holds; by the thread that used it last, or after joining it. */
NONNULL_ALL void slab_cache_close(struct slab_cache *c);

struct slab_stats {
	size_t size;       /* of the class: objects up to it */
	uint64_t objects;  /* made so far */
	uint64_t live;     /* with their holders */
	uint64_t cached;   /* in threads' caches */
	uint64_t out_max;  /* the most that were live or cached at once */
	uint64_t remote;   /* went back through one thread's cache and out through another's */
	uint64_t refilled; /* magazines that caches fetched: the others took no more than a pointer
			    */
	uint64_t refused;  /* allocations that got NULL */
};
/* Exact while no other thread allocates or frees; else of about now. */
NONNULL_ALL void slab_stats(struct slab *s, struct slab_stats out[SLAB_CLASS_COUNT]);

/* 64, 128, 192, 256, then two steps to each doubling. */
static inline uint32_t slab_class_of(size_t size)
{
	CHECK(size <= SLAB_SIZE_MAX);
	if (size <= 256)
		return (uint32_t)((size + (size == 0) - 1) / 64);
	const uint32_t bit = 63u - (uint32_t)__builtin_clzll(size - 1);
	return 4 + (bit - 8) * 2 + ((uint32_t)((size - 1) >> (bit - 1)) & 1);
}

/* The largest size of a class. */
static inline size_t slab_class_size(uint32_t class)
{
	return class < 4 ? 64 * (size_t)(class + 1)
			 : (class % 2 == 0 ? (size_t)384 : (size_t)512) << (class - 4) / 2;
}

/* The rest of slab_alloc and slab_free, when the loaded magazine is empty or full. */
MUST_USE NONNULL_ALL void *slab_alloc_slow(struct slab_cache *c, uint32_t class);
NONNULL_ALL void slab_free_slow(struct slab_cache *c, void *ptr, uint32_t class);

/* Returns owned. NULL: full, see above. A size that the compiler knows costs no arithmetic. */
MUST_USE NONNULL_ALL static inline void *slab_alloc(struct slab_cache *c, size_t size)
{
	const uint32_t class = slab_class_of(size);
	struct slab_bin *bin = &c->bins[class];
	const uint32_t count = atomic_load_explicit(&bin->count, memory_order_relaxed);
	void *ptr;

	if (__builtin_expect(count == 0, 0)) {
		ptr = slab_alloc_slow(c, class);
		if (ptr == NULL)
			return NULL;
	} else {
		ptr = bin->loaded->object[count - 1];
		atomic_store_explicit(&bin->count, count - 1, memory_order_relaxed);
	}
	slab_guard_alloc(ptr, size, slab_class_size(class));
	return ptr;
}

/* Takes ptr: not NULL, from slab_alloc of this size, of any cache of the slab. */
NONNULL_ALL static inline void slab_free(struct slab_cache *c, void *ptr, size_t size)
{
	const uint32_t class = slab_class_of(size);
	struct slab_bin *bin = &c->bins[class];
	const uint32_t count = atomic_load_explicit(&bin->count, memory_order_relaxed);

	slab_guard_free(ptr, size, slab_class_size(class));
	if (__builtin_expect(count == bin->cap, 0)) {
		slab_free_slow(c, ptr, class);
		return;
	}
	bin->loaded->object[count] = ptr;
	atomic_store_explicit(&bin->count, count + 1, memory_order_relaxed);
}

#endif
