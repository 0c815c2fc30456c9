/* The wallet's coins on UTXO layers. Each unspent one is booked in one account: `inflight` until it
 * is deep, then `available` (or `watched`, where the signer has no key for it), or `reserved` while
 * an effect has it. */
#include "ledger/fold.h"

void coin_key(
	uint8_t key[COIN_KEY_SIZE], enum layer_id layer, const struct hash256 *tx, uint32_t index)
{
	key[0] = (uint8_t)layer;
	memcpy(key + 1, tx->b, sizeof tx->b);
	store_le32(key + 1 + sizeof tx->b, index);
}

struct amount coin_amount(const struct coin *c)
{
	return amount_of(layer_asset(c->layer), c->value.raw);
}

static struct coin *coin_at(const struct ledger *l, enum layer_id layer, const struct locator *at)
{
	uint8_t key[COIN_KEY_SIZE];
	coin_key(key, layer, &at->tx, at->index);
	const uint32_t i = map_get(&l->coin_by_outpoint, key);
	return i == MAP_NONE ? NULL : &l->coin[i];
}

enum account coin_account(const struct coin *c)
{
	if (c->final_height == 0)
		return ACCOUNT_INFLIGHT;
	if (c->effect != INDEX_NONE)
		return ACCOUNT_RESERVED;
	return coin_watched(c) ? ACCOUNT_WATCHED : ACCOUNT_AVAILABLE;
}

void coin_refresh(struct ledger *l, struct coin *c)
{
	const bool is_free = c->created_height != 0 && c->spent_height == 0 &&
		coin_account(c) == ACCOUNT_AVAILABLE;
	struct layer_state *s = &l->layer[c->layer];
	if (is_free == (c->free_at != INDEX_NONE))
		return;
	if (is_free) {
		c->free_at = s->free_coin_count;
		s->free_coin[s->free_coin_count++] = (uint32_t)(c - l->coin);
		return;
	}
	const uint32_t last = s->free_coin[--s->free_coin_count];
	s->free_coin[c->free_at] = last;
	l->coin[last].free_at = c->free_at;
	c->free_at = INDEX_NONE;
}

static void coin_young(struct ledger *l, struct coin *c)
{
	if (c->young)
		return;
	struct layer_state *s = &l->layer[c->layer];
	CHECK(s->young_coin_count < s->coins[0].count + s->coins[1].count);
	c->young = true;
	s->young_coin[s->young_coin_count++] = (uint32_t)(c - l->coin);
}

/* Spent longer ago than any reorganisation reaches, or reorganised away and nobody's. */
static bool coin_forgettable(const struct ledger *l, const struct coin *c)
{
	const uint64_t tip = l->layer[c->layer].tip.height;
	if (c->young)
		return false;
	if (c->spent_height != 0)
		return c->spent_height + LEDGER_RECENT_BLOCKS < tip;
	return c->created_height == 0 && c->effect == INDEX_NONE;
}

uint32_t ledger_coins_max(const struct ledger_capacity *capacity)
{
	uint32_t count = 0;
	for (unsigned i = 0; i < LAYER_COUNT; i++)
		if (layer_family((enum layer_id)i) == FAMILY_UTXO)
			count += 2 * capacity->coins;
	return count;
}

uint32_t ledger_coins(const struct ledger *l, enum layer_id layer, bool own)
{
	const struct coin_slots *k = &l->layer[layer].coins[own];
	return k->count - k->gone;
}

/* A new slot, or that of a coin that can be forgotten. NULL: there is none. */
static struct coin *coin_slot(struct ledger *l, enum layer_id layer, bool own)
{
	struct coin_slots *k = &l->layer[layer].coins[own];
	if (k->count < l->capacity.coins) {
		k->count++;
		return &l->coin[l->coin_count++];
	}
	for (uint32_t i = 0; !k->full && i < l->coin_count; i++) {
		struct coin *c = &l->coin[k->next];
		k->next = (k->next + 1) % l->coin_count;
		if (c->layer == layer && c->own == own && coin_forgettable(l, c)) {
			uint8_t key[COIN_KEY_SIZE];
			coin_key(key, c->layer, &c->at.txid, c->at.index);
			CHECK(map_remove(&l->coin_by_outpoint, key));
			return c;
		}
	}
	k->full = true;
	return NULL;
}

/* How many slots can be used again matters, and is counted, where they begin to be short. */
static void coins_count_gone(struct ledger *l, enum layer_id layer)
{
	struct coin_slots *k = l->layer[layer].coins;
	for (unsigned own = 0; own < 2; own++) {
		k[own].gone = 0;
		k[own].full = false;
	}
	if (k[0].count < l->capacity.coins / 2 && k[1].count < l->capacity.coins / 2)
		return;
	for (uint32_t i = 0; i < l->coin_count; i++) {
		const struct coin *c = &l->coin[i];
		if (c->layer == layer && coin_forgettable(l, c))
			k[c->own].gone++;
	}
}

enum err coins_index(struct ledger *l)
{
	for (uint32_t i = 0; i < l->coin_count; i++) {
		const struct coin *c = &l->coin[i];
		if (l->layer[c->layer].coins[c->own].count++ == l->capacity.coins)
			return ERR_FULL;
	}
	for (unsigned i = 0; i < LAYER_COUNT; i++)
		if (layer_family((enum layer_id)i) == FAMILY_UTXO)
			coins_count_gone(l, (enum layer_id)i);
	return OK;
}

void coin_created(
	struct ledger *l, enum layer_id layer, const struct chain_event *e, uint64_t height)
{
	struct sat value;
	struct coin *c = coin_at(l, layer, &e->at);
	struct effect *f = effect_of_tx(l, &e->tx);
	/* what we pay to a deposit address is a deposit like any other */
	const bool posted = f != NULL && (e->key_index & KEY_INDEX_DEPOSIT) == 0;
	/* a sweep's signers could still replace it: it waits for its depth, too */
	const bool ours = posted && !effect_sweeps(l, f);

	/* what our own transactions pay back to us is posted with them */
	if (f != NULL)
		effect_confirmed(l, f, &e->tx, height);
	if (c != NULL && c->created_height != 0)
		return; /* reported twice: the first report stands */
	if (amount_to_sat(&value, e->amount) != OK)
		return;
	if (c == NULL) {
		uint8_t key[COIN_KEY_SIZE];
		c = coin_slot(l, layer, ours);
		if (c == NULL) {
			/* ours, and on the chain, but nothing will spend it */
			ledger_post(l, layer, height, posted ? ACCOUNT_INFLIGHT : ACCOUNT_EXTERNAL,
				ACCOUNT_OVERFLOW, e->amount);
			return;
		}
		*c = (struct coin){.layer = layer,
			.at = {.txid = e->at.tx, .index = e->at.index},
			.value = value,
			.key_index = e->key_index,
			.hidden = e->hidden,
			.own = ours,
			.effect = INDEX_NONE,
			.free_at = INDEX_NONE};
		coin_key(key, layer, &e->at.tx, e->at.index);
		CHECK(map_put(&l->coin_by_outpoint, key, (uint32_t)(c - l->coin)) == OK);
	}
	c->created_height = height;
	coin_young(l, c);
	if (!posted)
		ledger_post(l, layer, height, ACCOUNT_EXTERNAL, ACCOUNT_INFLIGHT, e->amount);
}

void coin_spent(struct ledger *l, enum layer_id layer, const struct chain_event *e, uint64_t height)
{
	struct coin *c = coin_at(l, layer, &e->at);
	if (c == NULL || c->spent_height != 0)
		return;
	struct effect *f = effect_of_tx(l, &e->tx);
	if (f != NULL) {
		effect_confirmed(l, f, &e->tx, height);
		return;
	}
	/* our key signed something that we don't know */
	ledger_post(l, layer, height, coin_account(c), ACCOUNT_SUSPENSE_MISSING, coin_amount(c));
	if (!MUTANT(UNKNOWN_SPEND_ALLOWED))
		ledger_latch(
			l, "a coin of ours was spent by a transaction that is not in the journal");
	if (c->effect != INDEX_NONE && l->effect[c->effect].conflict_height == 0)
		l->effect[c->effect].conflict_height = height;
	c->spent_height = height;
	c->spent_by = e->tx;
	coin_refresh(l, c);
}

void coins_mature(struct ledger *l, enum layer_id layer, uint64_t tip)
{
	struct layer_state *s = &l->layer[layer];
	uint32_t kept = 0;
	for (uint32_t i = 0; i < s->young_coin_count; i++) {
		struct coin *c = &l->coin[s->young_coin[i]];
		const bool waits = c->created_height != 0 && c->spent_height == 0;
		if (waits && !c->own && !is_final(l, layer, c->created_height)) {
			s->young_coin[kept++] = s->young_coin[i];
			continue;
		}
		c->young = false;
		if (!waits)
			continue;
		c->final_height = tip;
		ledger_post(l, layer, tip, ACCOUNT_INFLIGHT, coin_account(c), coin_amount(c));
		coin_refresh(l, c);
	}
	s->young_coin_count = kept;
	coins_count_gone(l, layer);
}

void coins_reorg(struct ledger *l, enum layer_id layer, uint64_t keep)
{
	l->layer[layer].young_coin_count = 0;
	for (uint32_t i = 0; i < l->coin_count; i++) {
		struct coin *c = &l->coin[i];
		if (c->layer != layer)
			continue;
		if (c->spent_height > keep)
			c->spent_height = 0;
		if (c->final_height > keep)
			c->final_height = 0;
		if (c->created_height > keep)
			c->created_height = 0;
		c->young = false;
		if (c->created_height != 0 && c->final_height == 0 && c->spent_height == 0)
			coin_young(l, c);
		coin_refresh(l, c);
	}
	coins_count_gone(l, layer);
}
