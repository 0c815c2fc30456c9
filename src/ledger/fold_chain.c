#include "ledger/fold.h"

static void remember_block(struct ledger *l, enum layer_id layer)
{
	struct layer_state *s = &l->layer[layer];
	s->recent[s->tip.height % LEDGER_RECENT_BLOCKS] = (struct recent_block){.ref = s->tip,
		.custody = ledger_custody(l, layer),
		.locked = ledger_balance(l, layer, ACCOUNT_LOCKED_OUT),
		.gas = ledger_gas(l, layer),
		.seq = l->seq,
		.nonce_chain = s->nonce_chain};
}

enum err fold_birth(struct ledger *l, const struct rec_birth *r)
{
	struct layer_state *s = &l->layer[r->layer];
	if (s->born)
		return ERR_STATE;
	s->born = true;
	s->birth = r->block;
	s->tip = r->block;
	s->nonce_next = r->nonce;
	s->nonce_given = r->nonce;
	s->nonce_chain = r->nonce;
	s->reconciled_nonce = r->nonce;
	ledger_post(l, r->layer, 0, ACCOUNT_EXTERNAL, ACCOUNT_AVAILABLE, r->balance);
	ledger_post(l, r->layer, 0, ACCOUNT_GAS_EXTERNAL, ACCOUNT_GAS_AVAILABLE, r->gas);
	remember_block(l, r->layer);
	return OK;
}

/* ---- credits of account layers ---- */

void credit_add(struct ledger *l, enum layer_id layer, uint64_t height, struct amount amount)
{
	struct layer_state *s = &l->layer[layer];
	struct credit *slot = &s->credit[s->credit_count % LEDGER_CREDITS];
	if (s->credit_count >= LEDGER_CREDITS && slot->height != 0 && slot->final_height == 0) {
		/* the oldest is not deep yet and would be forgotten: count it as deep, shallow as
		 * it is */
		ledger_post(l, layer, 0, ACCOUNT_INFLIGHT, ACCOUNT_AVAILABLE, slot->amount);
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
		ledger_post(l, layer, tip, ACCOUNT_INFLIGHT, ACCOUNT_AVAILABLE, c->amount);
	}
}

/* ---- blocks ---- */

static void fold_event(
	struct ledger *l, enum layer_id layer, const struct chain_event *e, uint64_t height)
{
	switch (e->kind) {
	case CHAIN_COIN_CREATED: coin_created(l, layer, e, height); return;
	case CHAIN_COIN_SPENT: coin_spent(l, layer, e, height); return;
	case CHAIN_DEPOSIT:
		if ((e->flags & CHAIN_GAS) != 0) {
			ledger_post(l, layer, height, ACCOUNT_GAS_EXTERNAL, ACCOUNT_GAS_AVAILABLE,
				e->amount);
			return;
		}
		ledger_post(l, layer, height, ACCOUNT_EXTERNAL, ACCOUNT_INFLIGHT, e->amount);
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
	enum err err = OK;
	for (uint32_t i = 0; i < count && err == OK; i++) {
		err = rec_event_get(&in, &e, layer, &l->seal);
		/* what happens in channels is told as facts */
		if (err == OK && layer_family(layer) == FAMILY_CHANNEL)
			err = ERR_FORMAT;
		/* a lock-up is only compared; what is posted has to be a sum that exists */
		if (err == OK && e.kind != CHAIN_LOCK &&
			amount_cmp(e.amount, amount_max(e.amount.asset)) > 0)
			err = ERR_RANGE;
		bytes_wipe(&e, sizeof e);
	}
	return err == OK ? reader_finish(&in) : err;
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
		coins_mature(l, layer, ref.height);
	else
		credits_mature(l, layer, ref.height);
	if (layer_family(layer) == FAMILY_CHANNEL)
		payments_expire(l, layer);
	effects_settle(l, layer);
	swaps_evaluate_all(l);
	remember_block(l, layer);
	return OK;
}

/* Heads go back only with the chain itself: a node that names older ones is behind. */
enum err fold_first_layer(struct ledger *l, const struct rec_first_layer *r)
{
	struct layer_state *s = &l->layer[r->layer];
	if (!s->born || !l->params.layer[r->layer].network->rollup ||
		r->final_height > r->safe_height || r->safe_height > s->tip.height)
		return ERR_STATE;
	if (r->safe_height > s->safe_height)
		s->safe_height = r->safe_height;
	if (r->final_height > s->final_height)
		s->final_height = r->final_height;
	s->data_fee = r->data_fee;
	credits_mature(l, r->layer, s->tip.height);
	effects_settle(l, r->layer);
	swaps_evaluate_all(l);
	return OK;
}

/* ---- reorganisations ---- */

/* What an account should hold, by the facts. */
static struct amount expected_gas(const struct ledger *l, enum layer_id layer)
{
	struct amount sum = amount_zero(layer_gas_asset(layer));
	for (uint32_t i = 0; i < l->open_effect_count; i++) {
		const struct effect *f = &l->effect[l->open_effect[i]];
		if (f->layer == layer && f->confirmed_height == 0)
			CHECK(amount_add(&sum, sum, f->gas) == OK);
	}
	return sum;
}

static struct amount expected(struct ledger *l, enum layer_id layer, enum account a)
{
	const struct layer_state *s = &l->layer[layer];
	struct amount sum = amount_zero(layer_asset(layer));
	const bool utxo = layer_family(layer) == FAMILY_UTXO;

	for (uint32_t i = 0; utxo && i < l->coin_count; i++) {
		const struct coin *c = &l->coin[i];
		if (c->layer == layer && c->created_height != 0 && c->spent_height == 0 &&
			coin_account(c) == a)
			CHECK(amount_add(&sum, sum, coin_amount(c)) == OK);
	}
	for (uint32_t i = 0; !utxo && a == ACCOUNT_RESERVED && i < l->open_effect_count; i++) {
		const struct effect *f = &l->effect[l->open_effect[i]];
		if (f->layer == layer && f->confirmed_height == 0)
			CHECK(amount_add(&sum, sum, f->reserved) == OK);
	}
	for (uint32_t i = 0; !utxo && a == ACCOUNT_INFLIGHT && i < LEDGER_CREDITS; i++) {
		const struct credit *c = &s->credit[i];
		if (c->height != 0 && c->final_height == 0)
			CHECK(amount_add(&sum, sum, c->amount) == OK);
	}
	return sum;
}

/* What was journaled without a block (reservations, their release) stays when blocks go, but the
 * coin or credit that it spoke of may be in another account now. The sum of all is right:
 * move what is in the wrong one. */
static void rebook(struct ledger *l, enum layer_id layer, enum account a)
{
	const bool gas = account_is_gas(a);
	const enum account rest = gas ? ACCOUNT_GAS_AVAILABLE : ACCOUNT_AVAILABLE;
	const struct amount want = gas ? expected_gas(l, layer) : expected(l, layer, a);
	const struct amount have = ledger_balance(l, layer, a);
	const struct amount debt = ledger_balance_credit(l, layer, a);
	struct amount less, more;

	if (amount_is_zero(debt) && amount_sub(&less, have, want) == OK) {
		ledger_post(l, layer, 0, a, rest, less);
		return;
	}
	CHECK(amount_sub(&more, want, have) == OK && amount_add(&more, more, debt) == OK);
	ledger_post(l, layer, 0, rest, a, more);
}

enum err fold_reorg(struct ledger *l, enum layer_id layer, const struct block_ref *keep)
{
	struct layer_state *s = &l->layer[layer];
	/* heights of a CHANNEL layer are told as of now: there is nothing to take back */
	if (layer_family(layer) == FAMILY_CHANNEL || !s->born || keep->height >= s->tip.height ||
		keep->height < s->birth.height ||
		s->tip.height - keep->height >= LEDGER_RECENT_BLOCKS)
		return ERR_STATE;
	const struct recent_block *b = &s->recent[keep->height % LEDGER_RECENT_BLOCKS];
	if (b->ref.height != keep->height || !hash256_eq(&b->ref.hash, &keep->hash))
		return ERR_STATE;

	const bool deep = keep->height < s->final_mark;
	if (deep)
		s->final_mark = keep->height;
	s->tip = b->ref;
	s->nonce_chain = b->nonce_chain;
	if (s->safe_height > keep->height)
		s->safe_height = keep->height;
	if (s->final_height > keep->height)
		s->final_height = keep->height;
	if (s->reconciled_nonce > s->nonce_chain)
		s->reconciled_nonce = s->nonce_chain;
	s->nonce_next = s->nonce_chain > s->nonce_given ? s->nonce_chain : s->nonce_given;
	if (!MUTANT(POSTINGS_STAY))
		ledger_post_reversals(l, layer, keep->height, b->seq);
	if (layer_family(layer) == FAMILY_UTXO)
		coins_reorg(l, layer, keep->height);
	for (uint64_t i = 0; i < LEDGER_CREDITS; i++) {
		struct credit *c = &s->credit[i];
		if (c->final_height > keep->height)
			c->final_height = 0;
		if (c->height > keep->height)
			c->height = 0;
	}
	effects_reorg(l, layer, keep->height, deep);
	swaps_reorg(l, layer, keep->height, deep);
	rebook(l, layer, ACCOUNT_RESERVED);
	rebook(l, layer, ACCOUNT_INFLIGHT);
	if (layer_family(layer) == FAMILY_UTXO)
		rebook(l, layer, ACCOUNT_WATCHED);
	if (layer_gas_apart(layer))
		rebook(l, layer, ACCOUNT_GAS_RESERVED);
	swaps_evaluate_all(l);
	return OK;
}

enum err fold_mempool(struct ledger *l, struct reader *in)
{
	enum layer_id layer;
	struct chain_event e;
	TRY(rec_layer_get(in, &layer));
	enum err err = rec_event_get(in, &e, layer, &l->seal);
	if (err == OK)
		err = reader_finish(in);
	if (err == OK && e.kind == CHAIN_LOCK)
		swap_lock_event(l, layer, &e, 0);
	else if (err == OK && e.kind == CHAIN_LOCK_SPENT)
		swap_lock_spent(l, layer, &e, 0);
	else if (err == OK)
		err = ERR_FORMAT;
	bytes_wipe(&e, sizeof e);
	return err;
}
