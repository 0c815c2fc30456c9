#include "node/rate_limit.h"

#include <arpa/inet.h>
#include <stdlib.h>

#define PEER_KEY_SIZE 9u /* family, then 4 or 8 bytes of address */
#define EVICT_LOOK 16u   /* buckets looked at for one that has refilled */

struct bucket {
	uint8_t key[PEER_KEY_SIZE];
	bool used;
	uint64_t level_ms; /* tokens, as the time that they take to come back */
	uint64_t at_ms;
};

struct rate_limit {
	uint64_t token_ms; /* one token's time; in units of 1/rate of a period below */
	uint64_t full_ms;
	uint64_t rate;
	struct bucket *bucket; /* peers of them, then the shared one */
	uint32_t peers, count, hand;
	struct map map;
	struct map_slot *slot;
};

enum err rate_limit_create(
	struct rate_limit **out, const struct rate_limit_config *config, uint64_t map_seed)
{
	CHECK(config->rate > 0 && config->burst > 0 && config->peers > 0);
	struct rate_limit *r = calloc(1, sizeof *r);
	if (r == NULL)
		return ERR_FULL;
	const uint32_t slots = map_slots_for(config->peers);
	r->bucket = calloc((size_t)config->peers + 1, sizeof *r->bucket);
	r->slot = calloc(slots, sizeof *r->slot);
	if (r->bucket == NULL || r->slot == NULL) {
		rate_limit_destroy(r);
		return ERR_FULL;
	}
	/* A level is kept in milliseconds times rate, so that no token is lost to rounding. */
	r->rate = config->rate;
	r->token_ms = config->period_ms;
	r->full_ms = config->period_ms * config->burst;
	r->peers = config->peers;
	r->bucket[r->peers].level_ms = r->full_ms;
	map_init(&r->map, r->slot, slots, PEER_KEY_SIZE, map_seed);
	*out = r;
	return OK;
}

void rate_limit_destroy(struct rate_limit *r)
{
	if (r == NULL)
		return;
	free(r->bucket);
	free(r->slot);
	free(r);
}

static void peer_key(uint8_t key[PEER_KEY_SIZE], const char *peer)
{
	struct in6_addr six;
	struct in_addr four;
	memset(key, 0, PEER_KEY_SIZE);
	if (inet_pton(AF_INET, peer, &four) == 1) {
		key[0] = 4;
		memcpy(key + 1, &four, 4);
	} else if (inet_pton(AF_INET6, peer, &six) == 1) {
		const bool mapped = IN6_IS_ADDR_V4MAPPED(&six);
		key[0] = mapped ? 4 : 6;
		memcpy(key + 1, six.s6_addr + (mapped ? 12 : 0), mapped ? 4 : 8);
	}
}

static void refill(const struct rate_limit *r, struct bucket *b, uint64_t now_ms)
{
	const uint64_t elapsed = now_ms > b->at_ms ? now_ms - b->at_ms : 0;
	const uint64_t missing = r->full_ms - b->level_ms;
	b->level_ms = elapsed >= missing / r->rate + 1 ? r->full_ms
						       : b->level_ms + elapsed * r->rate;
	if (b->level_ms > r->full_ms)
		b->level_ms = r->full_ms;
	b->at_ms = now_ms > b->at_ms ? now_ms : b->at_ms;
}

static struct bucket *bucket_new(struct rate_limit *r, const uint8_t *key, uint64_t now_ms)
{
	uint32_t index = r->count;
	if (index < r->peers) {
		r->count++;
	} else {
		index = r->peers; /* the shared one */
		for (uint32_t i = 0; i < EVICT_LOOK && index == r->peers; i++) {
			struct bucket *b = &r->bucket[r->hand];
			refill(r, b, now_ms);
			if (b->level_ms == r->full_ms || !b->used)
				index = r->hand;
			r->hand = (r->hand + 1) % r->peers;
		}
		if (index == r->peers)
			return &r->bucket[index];
		if (r->bucket[index].used)
			(void)map_remove(&r->map, r->bucket[index].key);
	}
	struct bucket *b = &r->bucket[index];
	*b = (struct bucket){.used = true, .level_ms = r->full_ms, .at_ms = now_ms};
	memcpy(b->key, key, PEER_KEY_SIZE);
	CHECK(map_put(&r->map, key, index) == OK);
	return b;
}

bool rate_limit_take(struct rate_limit *r, uint64_t *wait_ms, const char *peer, uint64_t now_ms)
{
	uint8_t key[PEER_KEY_SIZE];
	peer_key(key, peer);
	const uint32_t index = map_get(&r->map, key);
	struct bucket *b = index != MAP_NONE ? &r->bucket[index] : bucket_new(r, key, now_ms);
	refill(r, b, now_ms);
	if (b->level_ms >= r->token_ms) {
		b->level_ms -= r->token_ms;
		*wait_ms = 0;
		return true;
	}
	*wait_ms = (r->token_ms - b->level_ms + r->rate - 1) / r->rate;
	return false;
}
