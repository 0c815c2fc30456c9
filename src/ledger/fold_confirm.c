/* What chains say about effects: in a block, at depth, reorganised away, made impossible by another
 * transaction. */
#include "ledger/fold.h"

#include <stdio.h>

struct effect *effect_of_tx(const struct ledger *l, const struct hash256 *tx)
{
	const uint32_t i = map_get(&l->effect_by_tx, tx->b);
	return i == MAP_NONE ? NULL : &l->effect[i];
}

static const struct effect_variant *variant_of(const struct effect *f, const struct hash256 *tx)
{
	const uint32_t first = MUTANT(LAST_VARIANT_ONLY) ? f->variant_count - 1 : 0;
	for (uint32_t i = first; i < f->variant_count; i++)
		if (hash256_eq(&f->variant[i].txid, tx))
			return &f->variant[i];
	return NULL;
}

/* ---- over, and not ---- */

static void forget_bytes(struct ledger *l, struct effect *f)
{
	for (uint32_t i = 0; i < f->variant_count; i++)
		blob_free(l->blobs, &f->variant[i].raw);
}

static uint64_t ended_at(const struct effect *f)
{
	return f->confirmed_height > f->conflict_height ? f->confirmed_height : f->conflict_height;
}

/* Take the oldest from the ring; an effect that was opened again comes back to it at its end. */
static void forget_first(struct ledger *l, struct layer_state *s)
{
	struct effect *f = &l->effect[s->retired[s->retired_first]];
	s->retired_first = (s->retired_first + 1) % l->capacity.effects;
	s->retired_count--;
	if (f->state == EFFECT_FINAL || f->state == EFFECT_VOID)
		forget_bytes(l, f);
}

static void retire(struct ledger *l, struct effect *f)
{
	struct layer_state *s = &l->layer[f->layer];
	if (s->retired_count == l->capacity.effects)
		forget_first(l, s);
	s->retired[(s->retired_first + s->retired_count) % l->capacity.effects] = effect_index(
		l, f);
	s->retired_count++;
}

bool effects_forget_oldest(struct ledger *l)
{
	for (unsigned i = 0; i < LAYER_COUNT; i++) {
		if (l->layer[i].retired_count > 0) {
			forget_first(l, &l->layer[i]);
			return true;
		}
	}
	return false;
}

static void forget_deep(struct ledger *l, enum layer_id layer)
{
	struct layer_state *s = &l->layer[layer];
	while (s->retired_count > 0) {
		const struct effect *f = &l->effect[s->retired[s->retired_first]];
		if (!f->open && ended_at(f) + EFFECT_KEPT_BLOCKS > s->tip.height)
			return;
		forget_first(l, s);
	}
}

/* Give back what the effect reserved. Coins that were spent meanwhile were posted when they were.
 */
void effect_release(struct ledger *l, struct effect *f)
{
	if (layer_family(f->layer) != FAMILY_UTXO) {
		ledger_post(l, f->layer, 0, ACCOUNT_RESERVED, ACCOUNT_AVAILABLE, f->reserved);
		ledger_post(l, f->layer, 0, ACCOUNT_GAS_RESERVED, ACCOUNT_GAS_AVAILABLE, f->gas);
	}
	for (uint32_t i = 0; i < f->coin_count; i++) {
		struct coin *c = &l->coin[f->coin[i]];
		if (c->effect != effect_index(l, f))
			continue;
		const enum account was = coin_account(c);
		c->effect = INDEX_NONE;
		l->layer[f->layer].coins[c->own].full = false; /* it may be forgotten now */
		if (c->created_height != 0 && c->spent_height == 0 && was != coin_account(c))
			ledger_post(l, f->layer, 0, was, coin_account(c), coin_amount(c));
		coin_refresh(l, c);
	}
}

void effect_void(struct ledger *l, struct effect *f, const char *reason)
{
	effect_release(l, f);
	f->state = EFFECT_VOID;
	(void)snprintf(f->reason, sizeof f->reason, "%s", reason);
	transfers_fail(l, f, reason);
	note_final(l, f->layer, ended_at(f));
	retire(l, f);
}

/* What was over is not: it is followed again, as is its swap. */
static void reopen(struct ledger *l, struct effect *f, const char *reason)
{
	/* what a sweep moves stays the operator's, whichever of them is mined */
	if (!effect_sweeps(l, f))
		ledger_latch(l, reason);
	effect_open(l, f);
	if (f->swap != INDEX_NONE)
		swap_activate(l, f->swap);
}

/* What was written off can happen after all: it has its reservation again. */
static void reopen_void(struct ledger *l, struct effect *f, bool book)
{
	reopen(l, f, "a transaction that was written off can happen again");
	f->state = EFFECT_PREPARED;
	if (book && layer_family(f->layer) != FAMILY_UTXO) {
		ledger_post(l, f->layer, 0, ACCOUNT_AVAILABLE, ACCOUNT_RESERVED, f->reserved);
		ledger_post(l, f->layer, 0, ACCOUNT_GAS_AVAILABLE, ACCOUNT_GAS_RESERVED, f->gas);
	}
	for (uint32_t i = 0; i < f->coin_count; i++) {
		struct coin *c = &l->coin[f->coin[i]];
		if (c->effect != INDEX_NONE || c->spent_height != 0)
			continue;
		const enum account was = coin_account(c);
		c->effect = effect_index(l, f);
		if (book && c->created_height != 0 && was != coin_account(c))
			ledger_post(l, f->layer, 0, was, coin_account(c), coin_amount(c));
		coin_refresh(l, c);
	}
}

/* ---- in a block ---- */

void effect_mark_confirmed(struct ledger *l, struct effect *f, const struct hash256 *tx,
	uint64_t height, bool reverted)
{
	if (f->state == EFFECT_VOID)
		reopen_void(l, f, true);
	f->confirmed_height = height;
	f->confirmed_tx = *tx;
	f->reverted = reverted;
	f->state = EFFECT_CONFIRMED;
	if (!reverted)
		transfers_update(l, f, TRANSFER_CONFIRMED);
}

static enum account value_goes_to(const struct effect *f)
{
	return f->purpose == SIGN_LOCK ? ACCOUNT_LOCKED_OUT : ACCOUNT_EXTERNAL;
}

/* Change is ours; a sweep is ours where it goes to the wallet. */
static enum account rest_goes_to(const struct ledger *l, const struct effect *f)
{
	const bool away = effect_sweeps(l, f) && !l->transfer[f->transfer].to_wallet;
	return away ? ACCOUNT_EXTERNAL : ACCOUNT_INFLIGHT;
}

/* Pay from what is left of the reservation. More than that is what no transaction of ours can cost:
 * a node that lies, or books that do. */
void effect_pay(struct ledger *l, const struct effect *f, struct amount *left, enum account to,
	struct amount amount, uint64_t height)
{
	struct amount over;
	if (amount_sub(left, *left, amount) == OK) {
		ledger_post(l, f->layer, height, ACCOUNT_RESERVED, to, amount);
		return;
	}
	CHECK(amount_sub(&over, amount, *left) == OK);
	ledger_post(l, f->layer, height, ACCOUNT_RESERVED, to, *left);
	ledger_post(l, f->layer, height, ACCOUNT_AVAILABLE, to, over);
	*left = amount_zero(left->asset);
	ledger_latch(l, "a transaction cost more than was reserved for it");
}

/* What a call cost where gas is another asset. A rollup may have charged more for data than was
 * kept for it: it is what it is. */
static void pay_gas(struct ledger *l, const struct effect *f, struct amount cost, uint64_t height)
{
	struct amount rest, over = cost;
	if (amount_sub(&rest, f->gas, cost) == OK) {
		ledger_post(l, f->layer, height, ACCOUNT_GAS_RESERVED, ACCOUNT_GAS_SPENT, cost);
		ledger_post(l, f->layer, height, ACCOUNT_GAS_RESERVED, ACCOUNT_GAS_AVAILABLE, rest);
		return;
	}
	CHECK(amount_sub(&over, cost, f->gas) == OK);
	ledger_post(l, f->layer, height, ACCOUNT_GAS_RESERVED, ACCOUNT_GAS_SPENT, f->gas);
	ledger_post(l, f->layer, height, ACCOUNT_GAS_AVAILABLE, ACCOUNT_GAS_SPENT, over);
}

/* The coins that it spends are in `reserved`, wherever they were, and spent. */
static void spend_coins(struct ledger *l, const struct effect *f, uint64_t height)
{
	const uint32_t index = effect_index(l, f);
	for (uint32_t i = 0; i < f->coin_count; i++) {
		struct coin *c = &l->coin[f->coin[i]];
		if (c->spent_height != 0)
			continue;
		if (c->effect != index && c->effect != INDEX_NONE &&
			l->effect[c->effect].conflict_height == 0)
			l->effect[c->effect].conflict_height = height;
		if (coin_account(c) != ACCOUNT_RESERVED)
			ledger_post(l, f->layer, height, coin_account(c), ACCOUNT_RESERVED,
				coin_amount(c));
		c->effect = index;
		c->spent_height = height;
		c->spent_by = f->confirmed_tx;
		coin_refresh(l, c);
	}
}

void effect_confirmed(struct ledger *l, struct effect *f, const struct hash256 *tx, uint64_t height)
{
	const struct effect_variant *v = variant_of(f, tx);
	struct amount left;
	if (v == NULL || f->confirmed_height != 0)
		return;
	const enum layer_id layer = f->layer;
	effect_mark_confirmed(l, f, tx, height, v->calls_off);
	if (f->purpose == SIGN_CLAIM || f->purpose == SIGN_REFUND) {
		const enum account from = f->purpose == SIGN_CLAIM ? ACCOUNT_EXCHANGE
								   : ACCOUNT_LOCKED_OUT;
		CHECK(amount_sub(&left, f->value, v->fee) == OK); /* checked when it was prepared */
		ledger_post(l, layer, height, from, ACCOUNT_FEES_NETWORK, v->fee);
		ledger_post(l, layer, height, from, ACCOUNT_INFLIGHT, left);
		return;
	}
	spend_coins(l, f, height);
	left = f->reserved;
	effect_pay(l, f, &left, ACCOUNT_FEES_NETWORK, v->fee, height);
	if (!v->calls_off)
		effect_pay(l, f, &left, value_goes_to(f), f->value, height);
	ledger_post(l, layer, height, ACCOUNT_RESERVED, rest_goes_to(l, f), left);
}

/* Our key signed something that we don't know; its fee at least is gone. */
static void unknown_nonce(
	struct ledger *l, enum layer_id layer, const struct chain_event *e, uint64_t height)
{
	struct layer_state *s = &l->layer[layer];
	if (!MUTANT(UNKNOWN_SPEND_ALLOWED))
		ledger_latch(
			l, "a nonce of ours was used by a transaction that is not in the journal");
	if (layer_gas_apart(layer))
		ledger_post(l, layer, height, ACCOUNT_GAS_AVAILABLE, ACCOUNT_GAS_SPENT, e->amount);
	else
		ledger_post(
			l, layer, height, ACCOUNT_AVAILABLE, ACCOUNT_SUSPENSE_MISSING, e->amount);
	for (uint32_t i = 0; i < l->open_effect_count; i++) {
		struct effect *f = &l->effect[l->open_effect[i]];
		if (f->layer == layer && f->nonce == e->nonce && f->conflict_height == 0)
			f->conflict_height = height;
	}
	if (s->nonce_next < s->nonce_chain)
		s->nonce_next = s->nonce_chain;
}

void effect_nonce_used(
	struct ledger *l, enum layer_id layer, const struct chain_event *e, uint64_t height)
{
	struct layer_state *s = &l->layer[layer];
	struct effect *f = effect_of_tx(l, &e->tx);
	const struct effect_variant *v = f == NULL ? NULL : variant_of(f, &e->tx);

	if (e->nonce >= s->nonce_chain && e->nonce < UINT64_MAX)
		s->nonce_chain = e->nonce + 1;
	if (v == NULL || f->layer != layer || f->nonce != e->nonce) {
		unknown_nonce(l, layer, e, height);
		return;
	}
	if (f->confirmed_height != 0)
		return;
	const bool failed = (e->flags & CHAIN_TX_REVERTED) != 0 && !MUTANT(REVERTED_IS_DONE);
	effect_mark_confirmed(l, f, &e->tx, height, failed || v->calls_off);
	struct amount left = f->reserved;
	if (layer_gas_apart(layer))
		pay_gas(l, f, e->amount, height);
	else
		effect_pay(l, f, &left, ACCOUNT_FEES_NETWORK, e->amount, height);
	if (!f->reverted)
		effect_pay(l, f, &left, value_goes_to(f), f->value, height);
	ledger_post(l, layer, height, ACCOUNT_RESERVED, ACCOUNT_AVAILABLE, left);
}

/* ---- at depth ---- */

/* The height at which somebody else spent the lock-up that a claim or refund is for; 0: nobody did.
 */
static uint64_t lock_taken_at(const struct ledger *l, const struct effect *f)
{
	const struct swap *s = &l->swap[f->swap];
	const struct leg *leg = f->purpose == SIGN_CLAIM ? &s->source : &s->dest;
	for (uint32_t i = 0; i < leg->lock_count; i++) {
		const struct lock_fact *k = &leg->lock[i];
		if (hash256_eq(&k->at.tx, &f->lock.tx) && k->at.index == f->lock.index)
			return k->spend != 0 && effect_of_tx(l, &k->spend_tx) != f ? k->spent_height
										   : 0;
	}
	return 0;
}

/* A claim or refund of coins that can't happen any more, or does not matter any more. */
static void settle_spend(struct ledger *l, struct effect *f)
{
	const struct swap *s = &l->swap[f->swap];
	const uint32_t index = effect_index(l, f);
	const uint64_t taken = lock_taken_at(l, f);
	if (is_final(l, f->layer, taken)) {
		f->conflict_height = taken;
		effect_void(l, f, "the lock-up was spent by another transaction");
		return;
	}
	/* the lock-up that it spends was replaced by another one, which settled the swap */
	if (swap_state_terminal(s->state) && s->claim_effect != index && s->refund_effect != index)
		effect_void(l, f, "the swap was settled with another lock-up");
}

static void settle_one(struct ledger *l, struct effect *f)
{
	if (f->state == EFFECT_VOID)
		return; /* by the record that is being applied */
	if (f->state == EFFECT_CONFIRMED) {
		if (!is_final(l, f->layer, f->confirmed_height))
			return;
		f->state = EFFECT_FINAL;
		transfers_update(l, f, f->reverted ? TRANSFER_FAILED : TRANSFER_FINAL);
		note_final(l, f->layer, f->confirmed_height);
		retire(l, f);
		return;
	}
	if (is_final(l, f->layer, f->conflict_height))
		effect_void(l, f, "its input or nonce was used by another transaction");
	else if (layer_family(f->layer) == FAMILY_UTXO && f->swap != INDEX_NONE &&
		(f->purpose == SIGN_CLAIM || f->purpose == SIGN_REFUND))
		settle_spend(l, f);
}

void effects_settle(struct ledger *l, enum layer_id layer)
{
	for (uint32_t i = 0; i < l->open_effect_count; i++) {
		struct effect *f = &l->effect[l->open_effect[i]];
		if (f->layer == layer)
			settle_one(l, f);
	}
	effects_close(l);
	forget_deep(l, layer);
}

/* ---- reorganised away ---- */

static void reorg_one(struct ledger *l, struct effect *f, uint64_t keep)
{
	if (f->conflict_height > keep) {
		f->conflict_height = 0;
		if (f->state == EFFECT_VOID && f->variant_count > 0) {
			reopen_void(l, f, false);
			transfers_update(l, f, TRANSFER_SENT);
		}
	}
	if (f->confirmed_height <= keep)
		return;
	if (f->state == EFFECT_FINAL)
		reopen(l, f, "a reorganisation deeper than the final depth");
	f->confirmed_height = 0;
	f->confirmed_tx = (struct hash256){{0}};
	f->reverted = false;
	f->state = EFFECT_PREPARED;
	transfers_update(l, f, TRANSFER_SENT);
}

void effects_reorg(struct ledger *l, enum layer_id layer, uint64_t keep, bool deep)
{
	const uint32_t count = deep ? l->effect_count : l->open_effect_count;
	for (uint32_t i = 0; i < count; i++) {
		struct effect *f = &l->effect[deep ? i : l->open_effect[i]];
		if (f->layer == layer)
			reorg_one(l, f, keep);
	}
}
