#include "ledger/fold.h"

enum err fold_birth(struct ledger *l, const struct rec_birth *r)
{
	struct layer_state *s = &l->layer[r->layer];
	if (s->born)
		return ERR_STATE;
	s->born = true;
	s->birth = r->block;
	s->tip = r->block;
	s->nonce_next = r->nonce;
	s->nonce_chain = r->nonce;
	post(l, r->layer, 0, ACCOUNT_EXTERNAL, ACCOUNT_AVAILABLE, r->balance);
	s->recent[r->block.height % LEDGER_RECENT_BLOCKS] = (struct recent_block){.ref = r->block,
		.custody = ledger_custody(l, r->layer),
		.locked = ledger_balance(l, r->layer, ACCOUNT_LOCKED_OUT)};
	return OK;
}

/* ---- coins ---- */

static struct coin *coin_at(const struct ledger *l, const struct locator *at)
{
	uint8_t key[36];
	outpoint_key(key, &at->tx, at->index);
	const uint32_t i = map_get(&l->coin_by_outpoint, key);
	return i == MAP_NONE ? NULL : &l->coin[i];
}

/* A slot whose coin was spent longer ago than any reorganisation reaches, or a new one. */
static struct coin *coin_slot(struct ledger *l)
{
	if (l->coin_count < l->capacity.coins)
		return &l->coin[l->coin_count++];
	const uint64_t tip = l->layer[LAYER_BITCOIN].tip.height;
	for (uint32_t i = 0; i < l->coin_count; i++) {
		struct coin *c = &l->coin[i];
		if (c->spent_height != 0 && c->spent_height + LEDGER_RECENT_BLOCKS < tip) {
			uint8_t key[36];
			outpoint_key(key, &c->at.txid, c->at.index);
			(void)map_remove(&l->coin_by_outpoint, key);
			return c;
		}
	}
	return NULL;
}

static void coin_created(struct ledger *l, const struct chain_event *e, uint64_t height)
{
	struct sat value;
	struct coin *c = coin_at(l, &e->at);
	const bool own = effect_of_tx(l, &e->tx) != NULL;

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
			.effect = INDEX_NONE};
		outpoint_key(key, &e->at.tx, e->at.index);
		CHECK(map_put(&l->coin_by_outpoint, key, (uint32_t)(c - l->coin)) == OK);
	}
	c->created_height = height;
	c->own = own;
	/* what our own transactions pay back to us is posted when the effect confirms */
	if (!own)
		post(l, LAYER_BITCOIN, height, ACCOUNT_EXTERNAL, ACCOUNT_INFLIGHT, e->amount);
}

static void coin_spent(struct ledger *l, const struct chain_event *e, uint64_t height)
{
	struct coin *c = coin_at(l, &e->at);
	if (c == NULL || c->spent_height != 0)
		return;
	c->spent_height = height;
	c->spent_by = e->tx;
	struct effect *f = effect_of_tx(l, &e->tx);
	if (f != NULL) {
		effect_confirmed(l, f, &e->tx, height);
		return;
	}
	/* our key signed something that we don't know */
	const enum account from = c->effect != INDEX_NONE ? ACCOUNT_RESERVED
		: c->final_height != 0                    ? ACCOUNT_AVAILABLE
							  : ACCOUNT_INFLIGHT;
	post(l, LAYER_BITCOIN, height, from, ACCOUNT_SUSPENSE_MISSING, amount_from_sat(c->value));
	ledger_latch(l, "a coin of ours was spent by a transaction that is not in the journal");
	if (c->effect != INDEX_NONE && l->effect[c->effect].conflict_height == 0)
		l->effect[c->effect].conflict_height = height;
}

static void coins_mature(struct ledger *l, uint64_t tip)
{
	for (uint32_t i = 0; i < l->coin_count; i++) {
		struct coin *c = &l->coin[i];
		if (c->created_height == 0 || c->final_height != 0 || c->spent_height != 0)
			continue;
		if (!c->own && !is_final(l, LAYER_BITCOIN, c->created_height))
			continue;
		c->final_height = tip;
		post(l, LAYER_BITCOIN, tip, ACCOUNT_INFLIGHT, ACCOUNT_AVAILABLE,
			amount_from_sat(c->value));
	}
}

/* ---- credits of account layers ---- */

void credit_add(struct ledger *l, enum layer_id layer, uint64_t height, struct amount amount)
{
	struct layer_state *s = &l->layer[layer];
	struct credit *slot = &s->credit[s->credit_count % LEDGER_CREDITS];
	if (s->credit_count >= LEDGER_CREDITS && slot->height != 0 && slot->final_height == 0) {
		/* the oldest is not deep yet and would be forgotten: count it as deep, shallow as
		 * it is */
		post(l, layer, 0, ACCOUNT_INFLIGHT, ACCOUNT_AVAILABLE, slot->amount);
	}
	*slot = (struct credit){.height = height, .amount = amount};
	s->credit_count++;
}

static void credits_mature(struct ledger *l, enum layer_id layer, uint64_t tip)
{
	struct layer_state *s = &l->layer[layer];
	const uint64_t first = s->credit_count > LEDGER_CREDITS ? s->credit_count - LEDGER_CREDITS
								: 0;
	for (uint64_t i = s->credit_count; i-- > first;) {
		struct credit *c = &s->credit[i % LEDGER_CREDITS];
		if (c->height == 0 || c->final_height != 0 || !is_final(l, layer, c->height))
			continue;
		c->final_height = tip;
		post(l, layer, tip, ACCOUNT_INFLIGHT, ACCOUNT_AVAILABLE, c->amount);
	}
}

/* ---- blocks ---- */

static void fold_event(
	struct ledger *l, enum layer_id layer, const struct chain_event *e, uint64_t height)
{
	switch (e->kind) {
	case CHAIN_COIN_CREATED: coin_created(l, e, height); return;
	case CHAIN_COIN_SPENT: coin_spent(l, e, height); return;
	case CHAIN_DEPOSIT:
		post(l, layer, height, ACCOUNT_EXTERNAL, ACCOUNT_INFLIGHT, e->amount);
		credit_add(l, layer, height, e->amount);
		return;
	case CHAIN_LOCK: swap_lock_event(l, layer, e, height); return;
	case CHAIN_LOCK_SPENT: swap_lock_spent(l, layer, e, height); return;
	case CHAIN_NONCE_USED: effect_nonce_used(l, layer, e, height); return;
	}
	UNREACHABLE();
}

/* Parse every event once before the first one changes anything. */
static enum err check_events(
	const struct ledger *l, struct reader in, enum layer_id layer, uint32_t count)
{
	struct chain_event e;
	for (uint32_t i = 0; i < count; i++)
		TRY(rec_event_get(&in, &e, layer, &l->seal));
	return reader_finish(&in);
}

enum err fold_block(struct ledger *l, struct reader *in)
{
	enum layer_id layer;
	struct block_ref ref;

	TRY(rec_layer_get(in, &layer));
	rec_block_ref_get(in, &ref);
	const uint32_t count = reader_le32(in);
	struct layer_state *s = &l->layer[layer];
	if (in->failed)
		return ERR_SHORT;
	if (count > CHAIN_EVENTS_MAX)
		return ERR_FORMAT;
	if (!s->born || ref.height != s->tip.height + 1 || !hash256_eq(&ref.parent, &s->tip.hash))
		return ERR_STATE;
	TRY(check_events(l, *in, layer, count));

	s->tip = ref;
	for (uint32_t i = 0; i < count; i++) {
		struct chain_event e;
		CHECK(rec_event_get(in, &e, layer, &l->seal) == OK);
		fold_event(l, layer, &e, ref.height);
		bytes_wipe(&e, sizeof e);
	}
	if (layer_family(layer) == FAMILY_UTXO)
		coins_mature(l, ref.height);
	else
		credits_mature(l, layer, ref.height);
	effects_settle(l, layer);
	swaps_evaluate_all(l);
	s->recent[ref.height % LEDGER_RECENT_BLOCKS] = (struct recent_block){.ref = ref,
		.custody = ledger_custody(l, layer),
		.locked = ledger_balance(l, layer, ACCOUNT_LOCKED_OUT)};
	return OK;
}

static void coins_reorg(struct ledger *l, uint64_t keep)
{
	for (uint32_t i = 0; i < l->coin_count; i++) {
		struct coin *c = &l->coin[i];
		if (c->spent_height > keep)
			c->spent_height = 0;
		if (c->final_height > keep)
			c->final_height = 0;
		if (c->created_height > keep)
			c->created_height = 0;
	}
}

enum err fold_reorg(struct ledger *l, enum layer_id layer, const struct block_ref *keep)
{
	struct layer_state *s = &l->layer[layer];
	if (!s->born || keep->height >= s->tip.height || keep->height < s->birth.height ||
		s->tip.height - keep->height >= LEDGER_RECENT_BLOCKS)
		return ERR_STATE;
	const struct recent_block *b = &s->recent[keep->height % LEDGER_RECENT_BLOCKS];
	if (b->ref.height != keep->height || !hash256_eq(&b->ref.hash, &keep->hash))
		return ERR_STATE;

	s->tip = b->ref;
	post_reversals(l, layer, keep->height);
	if (layer_family(layer) == FAMILY_UTXO)
		coins_reorg(l, keep->height);
	for (uint64_t i = 0; i < LEDGER_CREDITS; i++) {
		struct credit *c = &s->credit[i];
		if (c->final_height > keep->height)
			c->final_height = 0;
		if (c->height > keep->height)
			c->height = 0;
	}
	effects_reorg(l, layer, keep->height);
	swaps_reorg(l, layer, keep->height);
	swaps_evaluate_all(l);
	return OK;
}

enum err fold_mempool(struct ledger *l, struct reader *in)
{
	enum layer_id layer;
	struct chain_event e;
	TRY(rec_layer_get(in, &layer));
	TRY(rec_event_get(in, &e, layer, &l->seal));
	TRY(reader_finish(in));
	if (e.kind == CHAIN_LOCK)
		swap_lock_event(l, layer, &e, 0);
	else if (e.kind == CHAIN_LOCK_SPENT)
		swap_lock_spent(l, layer, &e, 0);
	else
		return ERR_FORMAT;
	bytes_wipe(&e, sizeof e);
	return OK;
}
