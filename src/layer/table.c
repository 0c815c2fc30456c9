#include "layer/table.h"
#include "sys/rand.h"
#include <stdlib.h>

#define ITEM_CAP_MIN 16u

void table_init(struct table *t, uint32_t item_size, uint32_t key_len, uint32_t item_max)
{
	CHECK(key_len > 0 && key_len <= MAP_KEY_MAX && key_len <= item_size);
	CHECK(item_max > 0 && item_max <= UINT32_MAX / 8);
	*t = (struct table){.item_size = item_size, .key_len = key_len, .item_max = item_max};
}

void table_fini(struct table *t)
{
	free(t->item);
	free(t->map.slot);
	table_init(t, t->item_size, t->key_len, t->item_max);
}

void *table_at(const struct table *t, uint32_t index)
{
	CHECK(index < t->item_count);
	return t->item + (size_t)index * t->item_size;
}

void *table_get(const struct table *t, const void *key)
{
	if (t->item_count == 0)
		return NULL;
	const uint32_t index = map_get(&t->map, key);
	return index == MAP_NONE ? NULL : table_at(t, index);
}

/* Room for twice as many; the slots are filled again with a fresh seed. */
static enum err grow(struct table *t)
{
	uint32_t cap = t->item_cap == 0 ? ITEM_CAP_MIN : t->item_cap * 2;
	if (cap > t->item_max)
		cap = t->item_max;
	if (cap <= t->item_cap)
		return ERR_FULL;

	uint8_t *item = realloc(t->item, (size_t)cap * t->item_size);
	if (item == NULL)
		return ERR_FULL;
	t->item = item;
	const uint32_t slot_count = map_slots_for(cap);
	struct map_slot *slot = malloc(slot_count * sizeof *slot);
	if (slot == NULL)
		return ERR_FULL;
	uint64_t seed;
	rand_bytes(&seed, sizeof seed);
	free(t->map.slot);
	map_init(&t->map, slot, slot_count, t->key_len, seed);
	t->item_cap = cap;
	for (uint32_t i = 0; i < t->item_count; i++)
		CHECK(map_put(&t->map, table_at(t, i), i) == OK);
	return OK;
}

void *table_put(struct table *t, const void *key)
{
	void *item = table_get(t, key);
	if (item != NULL)
		return item;
	if (t->item_count == t->item_cap && grow(t) != OK)
		return NULL;
	CHECK(map_put(&t->map, key, t->item_count) == OK);
	t->item_count++;
	item = table_at(t, t->item_count - 1);
	memset(item, 0, t->item_size);
	memcpy(item, key, t->key_len);
	return item;
}

void table_remove(struct table *t, const void *key)
{
	const uint32_t index = t->item_count == 0 ? MAP_NONE : map_get(&t->map, key);
	if (index == MAP_NONE)
		return;
	/* key may lie in the item itself */
	CHECK(map_remove(&t->map, key));
	const uint32_t last = t->item_count - 1;
	if (index != last) {
		memcpy(table_at(t, index), table_at(t, last), t->item_size);
		CHECK(map_put(&t->map, table_at(t, index), index) == OK);
	}
	t->item_count = last;
}

void table_clear(struct table *t)
{
	table_fini(t);
}
