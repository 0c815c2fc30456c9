#include "sign/state.h"
#include "base/map.h"

#include <stdlib.h>

#define STATE_POOL_MIN 256u
#define BUDGET_STEPS ((uint32_t)(UINT64_C(86400000) / SIGN_BUDGET_STEP_MS) + 1u)

/* A hash map that grows by doubling, up to what its pool may hold. */
struct index {
	struct map map;
	struct map_slot *slot; /* owned */
};

struct owned_input {
	uint32_t session;
	uint32_t seen; /* variants of its session that spend it */
};

struct budget_step {
	uint64_t step; /* time_ms / SIGN_BUDGET_STEP_MS */
	struct amount sum;
};

struct deployment {
	enum layer_id layer;
	uint64_t nonce;
};

struct sign_state {
	uint64_t seed;
	struct sign_bounds bounds;
	struct sign_session *session;
	uint32_t session_count, session_cap;
	struct hash256 *variant; /* digests */
	uint32_t variant_count, variant_cap;
	struct owned_input *input;
	uint32_t input_count, input_cap;
	struct index by_session; /* id */
	struct index by_variant; /* id, le32 variant */
	struct index by_input;   /* txid, le32 index */
	struct index by_nonce;   /* layer, le64 nonce */
	struct index by_lock;    /* layer, swap */
	struct index by_hash;    /* payment hash of a lock */
	struct index by_rescue;  /* purpose, payment hash: its first claim or refund */
	uint64_t nonce_floor[LAYER_COUNT];
	uint64_t newest_ms;
	struct budget_step budget[LAYER_COUNT][SIGN_BUDGET_COUNT][BUDGET_STEPS];
	struct deployment deployment[SIGN_DEPLOY_MAX];
	uint32_t deployment_count;
};

enum {
	KEY_SESSION = 16,
	KEY_VARIANT = 20,
	KEY_INPUT = 36,
	KEY_NONCE = 9,
	KEY_LOCK = 17,
	KEY_HASH = 32,
	KEY_RESCUE = 33,
};
_Static_assert(KEY_INPUT <= MAP_KEY_MAX, "an outpoint fits a map's key");

/* ---- indexes and pools ---- */

static enum err index_init(struct index *x, uint32_t key_len, uint64_t seed)
{
	const uint32_t slots = map_slots_for(STATE_POOL_MIN);
	x->slot = malloc(slots * sizeof *x->slot);
	if (x->slot == NULL)
		return ERR_FULL;
	map_init(&x->map, x->slot, slots, key_len, seed);
	return OK;
}

/* Room for `more` new keys. */
static enum err index_reserve(struct index *x, uint32_t more)
{
	if (x->map.count + more <= x->map.slot_count / 2)
		return OK;
	const uint32_t slots = map_slots_for(2 * (x->map.count + more));
	struct map_slot *bigger = malloc(slots * sizeof *bigger);
	if (bigger == NULL)
		return ERR_FULL;
	struct map grown;
	map_init(&grown, bigger, slots, x->map.key_len, x->map.seed);
	for (uint32_t i = 0; i < x->map.slot_count; i++)
		if (!map_slot_free(&x->slot[i]))
			CHECK(map_put(&grown, x->slot[i].key, map_slot_value(&x->slot[i])) == OK);
	free(x->slot);
	x->slot = bigger;
	x->map = grown;
	return OK;
}

static void index_put(struct index *x, const uint8_t *key, uint32_t value)
{
	CHECK(map_put(&x->map, key, value) == OK); /* reserved before */
}

/* Storage for `more` items beyond count; moved where it had to grow. NULL: over max, or no memory.
 */
static void *pool_room(
	void *items, uint32_t *cap, uint32_t count, uint32_t more, uint32_t max, size_t item_size)
{
	if (count + more > max)
		return NULL;
	if (items != NULL && count + more <= *cap)
		return items;
	uint32_t wanted = *cap == 0 ? STATE_POOL_MIN : *cap;
	while (wanted < count + more)
		wanted *= 2;
	void *bigger = realloc(items, wanted * item_size);
	if (bigger != NULL)
		*cap = wanted;
	return bigger;
}

static void key_variant(uint8_t key[KEY_VARIANT], const struct id128 *session, uint32_t variant)
{
	memcpy(key, session->b, sizeof session->b);
	store_le32(key + 16, variant);
}

static void key_input(uint8_t key[KEY_INPUT], const struct btc_outpoint *at)
{
	memcpy(key, at->txid.b, sizeof at->txid.b);
	store_le32(key + 32, at->index);
}

static void key_nonce(uint8_t key[KEY_NONCE], enum layer_id layer, uint64_t nonce)
{
	key[0] = (uint8_t)layer;
	store_le64(key + 1, nonce);
}

static void key_lock(uint8_t key[KEY_LOCK], enum layer_id layer, const struct id128 *swap)
{
	key[0] = (uint8_t)layer;
	memcpy(key + 1, swap->b, sizeof swap->b);
}

static void key_rescue(
	uint8_t key[KEY_RESCUE], enum sign_purpose purpose, const struct hash256 *hash)
{
	key[0] = (uint8_t)purpose;
	memcpy(key + 1, hash->b, sizeof hash->b);
}

/* ---- life ---- */

enum err sign_state_create(struct sign_state **out, uint64_t seed)
{
	struct sign_state *s = calloc(1, sizeof *s);
	if (s == NULL)
		return ERR_FULL;
	s->seed = seed;
	sign_state_bound(s, &(struct sign_bounds){0});
	for (uint32_t layer = 0; layer < LAYER_COUNT; layer++)
		for (uint32_t i = 0; i < SIGN_BUDGET_COUNT * BUDGET_STEPS; i++)
			s->budget[layer][i / BUDGET_STEPS][i % BUDGET_STEPS].sum = amount_zero(
				sign_cost_asset((enum layer_id)layer,
					(enum sign_budget)(i / BUDGET_STEPS)));
	if (index_init(&s->by_session, KEY_SESSION, seed) == OK &&
		index_init(&s->by_variant, KEY_VARIANT, seed) == OK &&
		index_init(&s->by_input, KEY_INPUT, seed) == OK &&
		index_init(&s->by_nonce, KEY_NONCE, seed) == OK &&
		index_init(&s->by_lock, KEY_LOCK, seed) == OK &&
		index_init(&s->by_hash, KEY_HASH, seed) == OK &&
		index_init(&s->by_rescue, KEY_RESCUE, seed) == OK) {
		*out = s;
		return OK;
	}
	sign_state_destroy(s);
	return ERR_FULL;
}

static uint32_t bound_or(uint32_t bound, uint32_t max)
{
	CHECK(bound <= max);
	return bound != 0 ? bound : max;
}

void sign_state_bound(struct sign_state *s, const struct sign_bounds *bounds)
{
	CHECK(s->session_count == 0);
	s->bounds = (struct sign_bounds){.sessions = bound_or(bounds->sessions, SIGN_SESSION_MAX),
		.variants = bound_or(bounds->variants, SIGN_VARIANT_MAX),
		.inputs = bound_or(bounds->inputs, SIGN_INPUT_MAX)};
}

void sign_state_destroy(struct sign_state *s)
{
	if (s == NULL)
		return;
	free(s->by_session.slot);
	free(s->by_variant.slot);
	free(s->by_input.slot);
	free(s->by_nonce.slot);
	free(s->by_lock.slot);
	free(s->by_hash.slot);
	free(s->by_rescue.slot);
	free(s->session);
	free(s->variant);
	free(s->input);
	free(s);
}

/* ---- the day's budget ---- */

enum sign_budget sign_budget_of(enum sign_purpose purpose)
{
	return purpose == SIGN_CLAIM || purpose == SIGN_REFUND ? SIGN_BUDGET_RESCUE
							       : SIGN_BUDGET_OWN;
}

enum asset sign_cost_asset(enum layer_id layer, enum sign_budget budget)
{
	return budget == SIGN_BUDGET_RESCUE ? layer_gas_asset(layer) : layer_asset(layer);
}

static void budget_add(struct sign_state *s, enum layer_id layer, enum sign_budget budget,
	uint64_t now_ms, struct amount a)
{
	const uint64_t step = now_ms / SIGN_BUDGET_STEP_MS;
	struct budget_step *slot = &s->budget[layer][budget][step % BUDGET_STEPS];
	/* a slot of the future can only come from a clock that was set back: keep it, and count
	 * this there too, which forgets later and not earlier */
	if (slot->step < step) {
		slot->step = step;
		slot->sum = amount_zero(sign_cost_asset(layer, budget));
	}
	struct amount sum;
	if (amount_add(&sum, slot->sum, a) != OK)
		sum = amount_of_u128(sign_cost_asset(layer, budget), ~(u128)0);
	slot->sum = sum;
}

struct amount sign_state_day(
	const struct sign_state *s, enum layer_id layer, enum sign_budget budget, uint64_t now_ms)
{
	const uint64_t now = now_ms / SIGN_BUDGET_STEP_MS;
	struct amount total = amount_zero(sign_cost_asset(layer, budget));
	for (uint32_t i = 0; i < BUDGET_STEPS; i++) {
		const struct budget_step *slot = &s->budget[layer][budget][i];
		if (slot->step + BUDGET_STEPS <= now)
			continue;
		if (amount_add(&total, total, slot->sum) != OK)
			return amount_of_u128(total.asset, ~(u128)0);
	}
	return total;
}

/* ---- apply ---- */

static enum err make_room(struct sign_state *s, uint32_t inputs)
{
	struct sign_session *session = pool_room(s->session, &s->session_cap, s->session_count, 1,
		s->bounds.sessions, sizeof *session);
	if (session == NULL)
		return ERR_FULL;
	s->session = session;
	struct hash256 *variant = pool_room(s->variant, &s->variant_cap, s->variant_count, 1,
		s->bounds.variants, sizeof *variant);
	if (variant == NULL)
		return ERR_FULL;
	s->variant = variant;
	struct owned_input *input = pool_room(
		s->input, &s->input_cap, s->input_count, inputs, s->bounds.inputs, sizeof *input);
	if (input == NULL)
		return ERR_FULL;
	s->input = input;
	TRY(index_reserve(&s->by_session, 1));
	TRY(index_reserve(&s->by_variant, 1));
	TRY(index_reserve(&s->by_nonce, 1));
	TRY(index_reserve(&s->by_lock, 1));
	TRY(index_reserve(&s->by_hash, 1));
	TRY(index_reserve(&s->by_rescue, 1));
	return index_reserve(&s->by_input, inputs);
}

/* Does the record fit what is known? */
static enum err admissible(const struct sign_state *s, const struct sign_record *r)
{
	const struct sign_session *known = sign_state_session(s, &r->session);
	const bool account = layer_family(r->layer) == FAMILY_ACCOUNT;

	if (sign_state_variant(s, &r->session, r->variant) != NULL)
		return ERR_FORMAT;
	if (known != NULL && (known->layer != r->layer || (account && known->nonce != r->nonce)))
		return ERR_FORMAT;
	if (known != NULL && known->variant_count >= SIGN_SESSION_VARIANT_MAX)
		return ERR_FULL;
	for (uint32_t i = 0; i < r->input_count; i++) {
		bool common;
		const struct sign_session *owner = sign_state_input(s, &r->input[i], &common);
		if (owner != NULL && owner != known)
			return ERR_FORMAT;
	}
	if (account) {
		const struct sign_session *owner = sign_state_nonce(s, r->layer, r->nonce);
		if (owner != NULL && owner != known)
			return ERR_FORMAT;
	}
	if (r->purpose == SIGN_LOCK) {
		const struct sign_session *owner = sign_state_lock(s, &r->swap, r->layer);
		if (owner != NULL && owner != known)
			return ERR_FORMAT;
	}
	if (r->purpose == SIGN_DEPLOY && s->deployment_count >= SIGN_DEPLOY_MAX)
		return ERR_FULL;
	return OK;
}

static uint32_t session_open(struct sign_state *s, const struct sign_record *r)
{
	const uint32_t index = s->session_count++;
	s->session[index] = (struct sign_session){
		.id = r->session,
		.layer = r->layer,
		.purpose = r->purpose,
		.terms = r->terms,
		.cost = amount_zero(sign_cost_asset(r->layer, sign_budget_of(r->purpose))),
		.nonce = r->nonce,
		.first_ms = r->time_ms,
	};
	index_put(&s->by_session, r->session.b, index);
	if (layer_family(r->layer) == FAMILY_ACCOUNT) {
		uint8_t key[KEY_NONCE];
		key_nonce(key, r->layer, r->nonce);
		index_put(&s->by_nonce, key, index);
	}
	if (r->purpose == SIGN_LOCK) {
		uint8_t key[KEY_LOCK];
		key_lock(key, r->layer, &r->swap);
		index_put(&s->by_lock, key, index);
		index_put(&s->by_hash, r->hash.b, index);
	}
	if (sign_budget_of(r->purpose) == SIGN_BUDGET_RESCUE && !hash256_is_zero(&r->hash) &&
		sign_state_rescue(s, r->purpose, &r->hash) == NULL) {
		uint8_t key[KEY_RESCUE];
		key_rescue(key, r->purpose, &r->hash);
		index_put(&s->by_rescue, key, index);
	}
	if (r->purpose == SIGN_DEPLOY)
		s->deployment[s->deployment_count++] = (struct deployment){
			.layer = r->layer, .nonce = r->nonce};
	return index;
}

static void inputs_add(struct sign_state *s, uint32_t session, const struct sign_record *r)
{
	for (uint32_t i = 0; i < r->input_count; i++) {
		uint8_t key[KEY_INPUT];
		key_input(key, &r->input[i]);
		uint32_t index = map_get(&s->by_input.map, key);
		if (index == MAP_NONE) {
			index = s->input_count++;
			s->input[index] = (struct owned_input){.session = session};
			index_put(&s->by_input, key, index);
		}
		s->input[index].seen++;
	}
}

enum err sign_state_reserve(struct sign_state *s, const struct sign_record *r)
{
	TRY(admissible(s, r));
	return make_room(s, r->input_count);
}

enum err sign_state_apply(struct sign_state *s, const struct sign_record *r)
{
	uint8_t key[KEY_VARIANT];

	TRY(sign_state_reserve(s, r));
	uint32_t index = map_get(&s->by_session.map, r->session.b);
	if (index == MAP_NONE)
		index = session_open(s, r);
	key_variant(key, &r->session, r->variant);
	s->variant[s->variant_count] = r->digest;
	index_put(&s->by_variant, key, s->variant_count++);
	inputs_add(s, index, r);

	struct sign_session *session = &s->session[index];
	session->variant_count++;
	if (r->time_ms > session->last_ms)
		session->last_ms = r->time_ms;
	if (r->time_ms > s->newest_ms)
		s->newest_ms = r->time_ms;
	/* one variant at most confirms: the dearest is what the session can cost */
	struct amount more;
	if (!amount_is_zero(r->cost) && amount_sub(&more, r->cost, session->cost) == OK &&
		!amount_is_zero(more)) {
		budget_add(s, r->layer, sign_budget_of(r->purpose), r->time_ms, more);
		session->cost = r->cost;
	}
	return OK;
}

void sign_state_floor(struct sign_state *s, enum layer_id layer, uint64_t floor)
{
	if (floor > s->nonce_floor[layer])
		s->nonce_floor[layer] = floor;
}

/* ---- look up ---- */

static const struct sign_session *session_at(const struct sign_state *s, uint32_t index)
{
	return index == MAP_NONE ? NULL : &s->session[index];
}

const struct sign_session *sign_state_session(
	const struct sign_state *s, const struct id128 *session)
{
	return session_at(s, map_get(&s->by_session.map, session->b));
}

const struct hash256 *sign_state_variant(
	const struct sign_state *s, const struct id128 *session, uint32_t variant)
{
	uint8_t key[KEY_VARIANT];
	key_variant(key, session, variant);
	const uint32_t index = map_get(&s->by_variant.map, key);
	return index == MAP_NONE ? NULL : &s->variant[index];
}

const struct sign_session *sign_state_input(
	const struct sign_state *s, const struct btc_outpoint *at, bool *common)
{
	uint8_t key[KEY_INPUT];
	key_input(key, at);
	const uint32_t index = map_get(&s->by_input.map, key);
	*common = false;
	if (index == MAP_NONE)
		return NULL;
	const struct sign_session *owner = &s->session[s->input[index].session];
	*common = s->input[index].seen == owner->variant_count;
	return owner;
}

const struct sign_session *sign_state_nonce(
	const struct sign_state *s, enum layer_id layer, uint64_t nonce)
{
	uint8_t key[KEY_NONCE];
	key_nonce(key, layer, nonce);
	return session_at(s, map_get(&s->by_nonce.map, key));
}

uint64_t sign_state_nonce_floor(const struct sign_state *s, enum layer_id layer)
{
	return s->nonce_floor[layer];
}

const struct sign_session *sign_state_lock(
	const struct sign_state *s, const struct id128 *swap, enum layer_id layer)
{
	uint8_t key[KEY_LOCK];
	key_lock(key, layer, swap);
	return session_at(s, map_get(&s->by_lock.map, key));
}

const struct sign_session *sign_state_hash(const struct sign_state *s, const struct hash256 *hash)
{
	return session_at(s, map_get(&s->by_hash.map, hash->b));
}

const struct sign_session *sign_state_rescue(
	const struct sign_state *s, enum sign_purpose purpose, const struct hash256 *hash)
{
	uint8_t key[KEY_RESCUE];
	key_rescue(key, purpose, hash);
	return session_at(s, map_get(&s->by_rescue.map, key));
}

bool sign_state_deployed(const struct sign_state *s, enum layer_id layer,
	const struct evm_address *account, const struct evm_address *contract)
{
	for (uint32_t i = 0; i < s->deployment_count; i++) {
		struct evm_address made;
		evm_create_address(&made, account, s->deployment[i].nonce);
		if (s->deployment[i].layer == layer && evm_address_eq(&made, contract))
			return true;
	}
	return false;
}

uint64_t sign_state_newest_ms(const struct sign_state *s)
{
	return s->newest_ms;
}

uint32_t sign_state_session_count(const struct sign_state *s)
{
	return s->session_count;
}
