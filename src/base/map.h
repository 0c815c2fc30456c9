/* base/map: fixed-capacity hash map from short byte keys to 32-bit values (indexes into the
 * caller's arrays). Open addressing, linear probing, deletion by backward shift; the storage is the
 * caller's.
 *
 * Keys that a stranger chooses are fine: the hash is keyed by a seed that the caller draws once.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H
#include "base/base.h"

#define MAP_KEY_MAX 40u
#define MAP_NONE UINT32_MAX

struct map_slot {
	uint8_t key[MAP_KEY_MAX];
	uint32_t inverse; /* ~value, so that zeroed memory is free slots: pages stay untouched */
};

struct map {
	struct map_slot *slot; /* borrows; slot_count of them */
	uint32_t slot_count;   /* a power of two, at least 2 */
	uint32_t count;
	uint32_t key_len;
	uint64_t seed;
};

static inline uint32_t map_slot_value(const struct map_slot *s)
{
	return ~s->inverse; /* MAP_NONE: free */
}
static inline bool map_slot_free(const struct map_slot *s)
{
	return s->inverse == 0;
}

/* The number of slots to provide for entry_max entries: a power of two, at most half full. */
uint32_t map_slots_for(uint32_t entry_max);
NONNULL_ALL void map_init(
	struct map *m, struct map_slot *slot, uint32_t slot_count, uint32_t key_len, uint64_t seed);
/* The same on storage that is known to be zero already: costs nothing until it fills. */
NONNULL_ALL void map_init_zeroed(
	struct map *m, struct map_slot *slot, uint32_t slot_count, uint32_t key_len, uint64_t seed);
/* The value, or MAP_NONE. */
MUST_USE NONNULL_ALL uint32_t map_get(const struct map *m, const void *key);
/* Insert or overwrite. ERR_FULL when a new key would fill over half of the slots. */
MUST_USE NONNULL_ALL enum err map_put(struct map *m, const void *key, uint32_t value);
/* False where it was not there. */
NONNULL_ALL bool map_remove(struct map *m, const void *key);
/* Asks memory for what map_get(key) will look at first: for who knows its keys some time before. */
NONNULL_ALL void map_prefetch(const struct map *m, const void *key);
/* What the map finds places by: unpredictable without the seed. For tables of another shape. */
NONNULL_ALL uint64_t map_hash(uint64_t seed, const void *key, uint32_t key_len);

#endif
