/* layer/table: a growing set of items, each found by the key that is its first member.
 *
 * Items move when others are added or removed: pointers are good until then. Bounded by item_max.
 */
#ifndef LAYER_TABLE_H
#define LAYER_TABLE_H
#include "base/map.h"

struct table {
	struct map map;
	uint8_t *item; /* owned; item_count of them, item_size each, without gaps */
	uint32_t item_size, item_count, item_cap, item_max;
	uint32_t key_len;
};

/* Allocates nothing yet. The key is the first key_len bytes of an item, without padding. */
NONNULL_ALL void table_init(
	struct table *t, uint32_t item_size, uint32_t key_len, uint32_t item_max);
NONNULL_ALL void table_fini(struct table *t);
/* NULL: not there. */
MUST_USE NONNULL_ALL void *table_get(const struct table *t, const void *key);
/* The item of that key, made and zeroed where it was not there. NULL: item_max, or no memory. */
MUST_USE NONNULL_ALL void *table_put(struct table *t, const void *key);
NONNULL_ALL void table_remove(struct table *t, const void *key);
NONNULL_ALL void table_clear(struct table *t);
/* For iteration, index < item_count. Removing an item puts the last one into its place: iterate
 * downwards where items are removed. */
MUST_USE NONNULL_ALL void *table_at(const struct table *t, uint32_t index);

#endif
