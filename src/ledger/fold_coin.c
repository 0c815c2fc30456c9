/* The wallet's coins on UTXO layers. Each unspent one is booked in one account: `inflight` until it
 * is deep, then `available`, or `reserved` while an effect has it. */
#include "ledger/fold.h"

static struct coin *coin_at(const struct ledger *l, const struct locator *at)
{
	uint8_t key[36];
	outpoint_key(key, &at->tx, at->index);
	const uint32_t i = map_get(&l->coin_by_outpoint, key);
	return i == MAP_NONE ? NULL : &l->coin[i];
}

enum account coin_account(const struct coin *c)
{
	if (c->final_height == 0)
		return ACCOUNT_INFLIGHT;
	return c->effect == INDEX_NONE ? ACCOUNT_AVAILABLE : ACCOUNT_RESERVED;
}

void coin_refresh(struct ledger *l, struct coin *c)
{
	const bool is_free = c->created_height != 0 && c->spent_height == 0 &&
		coin_account(c) == ACCOUNT_AVAILABLE;
	if (is_free == (c->free_at != INDEX_NONE))
		return;
	if (is_free) {
		c->free_at = l->free_coin_count;
		l->free_coin[l->free_coin_count++] = (uint32_t)(c - l->coin);
		return;
	}
	const uint32_t last = l->free_coin[--l->free_coin_count];
	l->free_coin[c->free_at] = last;
	l->coin[last].free_at = c->free_at;
	c->free_at = INDEX_NONE;
}

static void coin_young(struct ledger *l, struct coin *c)
{
	if (c->young)
		return;
	CHECK(l->young_coin_count < l->capacity.coins);
	c->young = true;
	l->young_coin[l->young_coin_count++] = (uint32_t)(c - l->coin);
}

/* Spent longer ago than any reorganisation reaches, or reorganised away and nobody's. */
static bool coin_forgettable(const struct coin *c, uint64_t tip)
{
	if (c->young)
		return false;
	if (c->spent_height != 0)
		return c->spent_height + LEDGER_RECENT_BLOCKS < tip;
	return c->created_height == 0 && c->effect == INDEX_NONE;
}

/* A new slot, or a forgettable coin's. */
static struct coin *coin_slot(struct ledger *l)
{
	const uint64_t tip = l->layer[LAYER_BITCOIN].tip.height;
	if (l->coin_count < l->capacity.coins)
		return &l->coin[l->coin_count++];
	if (l->coin_full_height == tip)
		return NULL; /* looked already */
	for (uint32_t i = 0; i < l->coin_count; i++) {
		struct coin *c = &l->coin[l->coin_next];
		l->coin_next = (l->coin_next + 1) % l->coin_count;
		if (coin_forgettable(c, tip)) {
			uint8_t key[36];
			outpoint_key(key, &c->at.txid, c->at.index);
			CHECK(map_remove(&l->coin_by_outpoint, key));
			return c;
		}
	}
	l->coin_full_height = tip;
	return NULL;
}

void coin_created(struct ledger *l, const struct chain_event *e, uint64_t height)
{
	struct sat value;
	struct coin *c = coin_at(l, &e->at);
	struct effect *f = effect_of_tx(l, &e->tx);

	/* what our own transactions pay back to us is posted with them */
	if (f != NULL)
		effect_confirmed(l, f, &e->tx, height);
	if (c != NULL && c->created_height != 0)
		return; /* reported twice: the first report stands */
	if (amount_to_sat(&value, e->amount) != OK)
		return;
	if (c == NULL) {
		uint8_t key[36];
		c = coin_slot(l);
		if (c == NULL) {
			/* as if it were not ours: reconciliation will say so */
			ledger_latch(l, "more coins than the configured capacity");
			return;
		}
		*c = (struct coin){.at = {.txid = e->at.tx, .index = e->at.index},
			.value = value,
			.key_index = e->key_index,
			.effect = INDEX_NONE,
			.free_at = INDEX_NONE};
		outpoint_key(key, &e->at.tx, e->at.index);
		CHECK(map_put(&l->coin_by_outpoint, key, (uint32_t)(c - l->coin)) == OK);
	}
	c->created_height = height;
	c->own = f != NULL;
	coin_young(l, c);
	if (f == NULL)
		ledger_post(
			l, LAYER_BITCOIN, height, ACCOUNT_EXTERNAL, ACCOUNT_INFLIGHT, e->amount);
}

void coin_spent(struct ledger *l, const struct chain_event *e, uint64_t height)
{
	struct coin *c = coin_at(l, &e->at);
	if (c == NULL || c->spent_height != 0)
		return;
	struct effect *f = effect_of_tx(l, &e->tx);
	if (f != NULL) {
		effect_confirmed(l, f, &e->tx, height);
		return;
	}
	/* our key signed something that we don't know */
	ledger_post(l, LAYER_BITCOIN, height, coin_account(c), ACCOUNT_SUSPENSE_MISSING,
		amount_from_sat(c->value));
	if (!MUTANT(UNKNOWN_SPEND_ALLOWED))
		ledger_latch(
			l, "a coin of ours was spent by a transaction that is not in the journal");
	if (c->effect != INDEX_NONE && l->effect[c->effect].conflict_height == 0)
		l->effect[c->effect].conflict_height = height;
	c->spent_height = height;
	c->spent_by = e->tx;
	coin_refresh(l, c);
}

void coins_mature(struct ledger *l, uint64_t tip)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < l->young_coin_count; i++) {
		struct coin *c = &l->coin[l->young_coin[i]];
		const bool waits = c->created_height != 0 && c->spent_height == 0;
		if (waits && !c->own && !is_final(l, LAYER_BITCOIN, c->created_height)) {
			l->young_coin[kept++] = l->young_coin[i];
			continue;
		}
		c->young = false;
		if (!waits)
			continue;
		c->final_height = tip;
		ledger_post(l, LAYER_BITCOIN, tip, ACCOUNT_INFLIGHT, coin_account(c),
			amount_from_sat(c->value));
		coin_refresh(l, c);
	}
	l->young_coin_count = kept;
}

void coins_reorg(struct ledger *l, uint64_t keep)
{
	l->young_coin_count = 0;
	l->coin_full_height = 0;
	for (uint32_t i = 0; i < l->coin_count; i++) {
		struct coin *c = &l->coin[i];
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
}
