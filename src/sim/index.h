/* sim/index: base/map on storage that grows, arrays that grow, and seeded randomness.
 *
 * Out of memory ends the process: a simulation that can't hold its chain has nothing to say.
 */
#ifndef SIM_INDEX_H
#define SIM_INDEX_H
#include "base/map.h"

struct sim_index {
	struct map map;
};

void sim_index_init(struct sim_index *x, uint32_t key_len, uint64_t seed);
void sim_index_fini(struct sim_index *x);
/* The value, or MAP_NONE. */
MUST_USE NONNULL_ALL uint32_t sim_index_get(const struct sim_index *x, const void *key);
NONNULL_ALL void sim_index_put(struct sim_index *x, const void *key, uint32_t value);
NONNULL_ALL bool sim_index_remove(struct sim_index *x, const void *key);

/* The array with room for count items of item_size bytes, perhaps moved; new room is zeroed. */
MUST_USE void *sim_grow(void *array, uint32_t *cap, uint32_t count, size_t item_size);
/* Zeroed, never NULL. */
MUST_USE void *sim_alloc(size_t size);
/* A copy; NULL for no bytes. */
MUST_USE void *sim_copy(const void *bytes, size_t len);

/* splitmix64 (Steele, Lea, Flood 2014): one word of state, every seed good. */
struct sim_random {
	uint64_t state;
};
NONNULL_ALL uint64_t sim_random_next(struct sim_random *r);
/* Uniform in [low, high]. */
NONNULL_ALL uint64_t sim_random_between(struct sim_random *r, uint64_t low, uint64_t high);

#endif
