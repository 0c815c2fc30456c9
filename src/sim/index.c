#include "sim/index.h"

#include <stdlib.h>

#define INDEX_SLOTS_FIRST 64u
#define ARRAY_CAP_FIRST 16u

void *sim_alloc(size_t size)
{
	void *p = calloc(1, size == 0 ? 1 : size);
	CHECK(p != NULL);
	return p;
}

void *sim_copy(const void *bytes, size_t len)
{
	if (len == 0)
		return NULL;
	void *p = malloc(len);
	CHECK(p != NULL);
	memcpy(p, bytes, len);
	return p;
}

void *sim_grow(void *array, uint32_t *cap, uint32_t count, size_t item_size)
{
	if (count <= *cap)
		return array;
	uint32_t next = *cap == 0 ? ARRAY_CAP_FIRST : *cap;
	while (next < count) {
		CHECK(next < UINT32_MAX / 2);
		next *= 2;
	}
	uint8_t *moved = realloc(array, next * item_size);
	CHECK(moved != NULL);
	memset(moved + *cap * item_size, 0, (next - *cap) * item_size);
	*cap = next;
	return moved;
}

void sim_index_init(struct sim_index *x, uint32_t key_len, uint64_t seed)
{
	struct map_slot *slot = sim_alloc(INDEX_SLOTS_FIRST * sizeof *slot);
	map_init(&x->map, slot, INDEX_SLOTS_FIRST, key_len, seed);
}

void sim_index_fini(struct sim_index *x)
{
	free(x->map.slot);
	*x = (struct sim_index){0};
}

uint32_t sim_index_get(const struct sim_index *x, const void *key)
{
	return map_get(&x->map, key);
}

static void grow(struct sim_index *x)
{
	const struct map old = x->map;
	const uint32_t slot_count = old.slot_count * 2;
	struct map_slot *slot = sim_alloc(slot_count * sizeof *slot);
	map_init(&x->map, slot, slot_count, old.key_len, old.seed);
	for (uint32_t i = 0; i < old.slot_count; i++)
		if (!map_slot_free(&old.slot[i]))
			CHECK(map_put(&x->map, old.slot[i].key, map_slot_value(&old.slot[i])) ==
				OK);
	free(old.slot);
}

void sim_index_put(struct sim_index *x, const void *key, uint32_t value)
{
	if (map_put(&x->map, key, value) == OK)
		return;
	grow(x);
	CHECK(map_put(&x->map, key, value) == OK);
}

bool sim_index_remove(struct sim_index *x, const void *key)
{
	return map_remove(&x->map, key);
}

uint64_t sim_random_next(struct sim_random *r)
{
	r->state += UINT64_C(0x9e3779b97f4a7c15);
	uint64_t z = r->state;
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint64_t sim_random_between(struct sim_random *r, uint64_t low, uint64_t high)
{
	CHECK(low <= high);
	const uint64_t span = high - low + 1;
	return span == 0 ? sim_random_next(r) : low + sim_random_next(r) % span;
}
