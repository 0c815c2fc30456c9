#include "base/map.h"

uint32_t map_slots_for(uint32_t entry_max)
{
	CHECK(entry_max <= UINT32_C(1) << 29);
	uint32_t n = 2;
	while (n < 2 * entry_max)
		n *= 2;
	return n;
}

void map_init_zeroed(
	struct map *m, struct map_slot *slot, uint32_t slot_count, uint32_t key_len, uint64_t seed)
{
	CHECK(slot_count >= 2 && (slot_count & (slot_count - 1)) == 0);
	CHECK(key_len > 0 && key_len <= MAP_KEY_MAX);
	*m = (struct map){.slot = slot, .slot_count = slot_count, .key_len = key_len, .seed = seed};
}

void map_init(
	struct map *m, struct map_slot *slot, uint32_t slot_count, uint32_t key_len, uint64_t seed)
{
	memset(slot, 0, (size_t)slot_count * sizeof slot[0]);
	map_init_zeroed(m, slot, slot_count, key_len, seed);
}

/* Multiply and fold, eight bytes at a time: fast, and unpredictable without the seed. */
static uint64_t mix(uint64_t a, uint64_t b)
{
	__extension__ typedef unsigned __int128 wide;
	const wide product = (wide)a * b;
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t map_hash(uint64_t seed, const void *key, uint32_t key_len)
{
	const uint64_t factor = UINT64_C(0xa0761d6478bd642f) ^ seed;
	const uint8_t *at = key;
	uint64_t h = seed ^ UINT64_C(0x9e3779b97f4a7c15);
	for (; key_len >= 8; key_len -= 8, at += 8)
		h = mix(h ^ load_le64(at), factor);
	if (key_len > 0) {
		uint8_t part[8] = {0};
		memcpy(part, at, key_len);
		h = mix(h ^ load_le64(part), factor);
	}
	return h;
}

static uint32_t slot_of(const struct map *m, const void *key)
{
	const uint64_t h = map_hash(m->seed, key, m->key_len);
	return (uint32_t)(h ^ h >> 32) & (m->slot_count - 1);
}

void map_prefetch(const struct map *m, const void *key)
{
	const struct map_slot *slot = &m->slot[slot_of(m, key)];
	__builtin_prefetch(slot);
	__builtin_prefetch((const uint8_t *)(slot + 1) - 1); /* it may lie across two lines */
}

static uint32_t find(const struct map *m, const void *key)
{
	uint32_t i = slot_of(m, key);
	while (!map_slot_free(&m->slot[i]) && memcmp(m->slot[i].key, key, m->key_len) != 0)
		i = (i + 1) & (m->slot_count - 1);
	return i;
}

uint32_t map_get(const struct map *m, const void *key)
{
	return map_slot_value(&m->slot[find(m, key)]);
}

enum err map_put(struct map *m, const void *key, uint32_t value)
{
	CHECK(value != MAP_NONE);
	const uint32_t i = find(m, key);
	if (map_slot_free(&m->slot[i])) {
		if (m->count + 1 > m->slot_count / 2)
			return ERR_FULL;
		m->count++;
		memcpy(m->slot[i].key, key, m->key_len);
	}
	m->slot[i].inverse = ~value;
	return OK;
}

bool map_remove(struct map *m, const void *key)
{
	const uint32_t mask = m->slot_count - 1;
	uint32_t hole = find(m, key);
	if (map_slot_free(&m->slot[hole]))
		return false;
	m->count--;
	/* pull back every follower whose own place is not between the hole and itself */
	for (uint32_t i = (hole + 1) & mask; !map_slot_free(&m->slot[i]); i = (i + 1) & mask) {
		const uint32_t home = slot_of(m, m->slot[i].key);
		if (((i - home) & mask) >= ((i - hole) & mask)) {
			m->slot[hole] = m->slot[i];
			hole = i;
		}
	}
	m->slot[hole].inverse = 0;
	return true;
}
