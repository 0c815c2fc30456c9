#include "ledger/fold.h"

#include "crypto/hash.h"

#include <stdio.h>

struct effect *effect_of_tx(const struct ledger *l, const struct hash256 *tx)
{
	const uint32_t i = map_get(&l->effect_by_tx, tx->b);
	return i == MAP_NONE ? NULL : &l->effect[i];
}

static void transfer_update(struct ledger *l, const struct effect *f, enum transfer_state state)
{
	if (f->transfer == INDEX_NONE)
		return;
	struct transfer *t = &l->transfer[f->transfer];
	if (t->state == state)
		return;
	t->state = state;
	t->updated_ms = l->time_ms;
	t->seq = l->seq;
	mark_dirty(l, f->transfer | DIRTY_TRANSFER);
}

static void effect_open(struct ledger *l, uint32_t index)
{
	for (uint32_t i = 0; i < l->open_effect_count; i++)
		if (l->open_effect[i] == index)
			return;
	CHECK(l->open_effect_count < l->capacity.effects);
	l->open_effect[l->open_effect_count++] = index;
}

/* ---- intent ---- */

/* Everything that can be wrong with an intent, before anything changes. */
static enum err check_intent(const struct ledger *l, const struct rec_intent *r, struct swap *s,
	uint32_t coin[BTC_INPUT_MAX])
{
	const struct layer_state *state = &l->layer[r->layer];
	struct amount sum = amount_zero(layer_asset(r->layer));
	enum swap_state to;

	if (l->effect_count == l->capacity.effects)
		return ERR_FULL;
	if (map_get(&l->effect_by_id, r->effect.b) != MAP_NONE)
		return ERR_EXISTS;
	for (uint32_t i = 0; i < r->coin_count; i++) {
		uint8_t key[36];
		outpoint_key(key, &r->coin[i].txid, r->coin[i].index);
		coin[i] = map_get(&l->coin_by_outpoint, key);
		if (coin[i] == MAP_NONE || l->coin[coin[i]].effect != INDEX_NONE ||
			l->coin[coin[i]].final_height == 0 || l->coin[coin[i]].spent_height != 0)
			return ERR_STATE;
		for (uint32_t k = 0; k < i; k++)
			if (coin[k] == coin[i])
				return ERR_STATE;
		TRY(amount_add(&sum, sum, amount_from_sat(l->coin[coin[i]].value)));
	}
	if (layer_family(r->layer) == FAMILY_UTXO && amount_cmp(sum, r->reserved) != 0)
		return ERR_STATE;
	if (layer_family(r->layer) == FAMILY_ACCOUNT && r->nonce != state->nonce_next)
		return ERR_STATE;
	if (amount_cmp(r->reserved, ledger_balance(l, r->layer, ACCOUNT_AVAILABLE)) > 0)
		return ERR_STATE;
	if (!r->owner_is_swap)
		return OK;
	if (s == NULL)
		return ERR_STATE;
	if (r->purpose == SIGN_LOCK)
		return s->lock_effect == INDEX_NONE && r->terms.len <= LEG_SIZE_MAX &&
				swap_next(&to, s->state, SWAP_EV_LOCK_INTENT)
			? OK
			: ERR_STATE;
	if (r->purpose == SIGN_REFUND)
		/* again in the same state where the signer refused the first one */
		return s->refund_effect == INDEX_NONE &&
				(s->state == SWAP_REFUNDING ||
					swap_next(&to, s->state, SWAP_EV_REFUND_INTENT))
			? OK
			: ERR_STATE;
	return s->claim_effect == INDEX_NONE && s->state == SWAP_CLAIMING ? OK : ERR_STATE;
}

static void intent_of_swap(
	struct ledger *l, struct swap *s, uint32_t index, const struct rec_intent *r)
{
	switch (r->purpose) {
	case SIGN_LOCK:
		s->lock_effect = index;
		s->dest.timelock = r->timelock;
		s->dest.terms_len = (uint32_t)r->terms.len;
		if (r->terms.len > 0)
			memcpy(s->dest.terms, r->terms.ptr, r->terms.len);
		swap_fire(l, swap_index(l, s), SWAP_EV_LOCK_INTENT);
		return;
	case SIGN_REFUND:
		s->refund_effect = index;
		swap_fire(l, swap_index(l, s), SWAP_EV_REFUND_INTENT);
		return;
	case SIGN_CLAIM:
		s->claim_effect = index;
		s->seq = l->seq;
		mark_dirty(l, swap_index(l, s));
		return;
	case SIGN_PAYOUT:
	case SIGN_NONCE_FILL:
	case SIGN_DEPLOY: return;
	}
}

enum err fold_intent(struct ledger *l, const struct rec_intent *r)
{
	uint32_t coin[BTC_INPUT_MAX];
	struct swap *s = r->owner_is_swap ? ledger_swap(l, &r->owner) : NULL;
	struct transfer *t = r->owner_is_swap ? NULL : ledger_transfer(l, &r->owner);
	TRY(check_intent(l, r, s, coin));
	if (!r->owner_is_swap && (t == NULL || t->effect != INDEX_NONE))
		return ERR_STATE;

	const uint32_t index = l->effect_count++;
	struct effect *f = &l->effect[index];
	*f = (struct effect){.id = r->effect,
		.purpose = r->purpose,
		.state = EFFECT_INTENT,
		.layer = r->layer,
		.swap = s == NULL ? INDEX_NONE : swap_index(l, s),
		.transfer = t == NULL ? INDEX_NONE : (uint32_t)(t - l->transfer),
		.created_ms = l->time_ms,
		.intent_seq = l->seq,
		.coin_count = r->coin_count,
		.fee = r->fee,
		.nonce = r->nonce,
		.gas_limit = r->gas_limit,
		.rate = r->rate,
		.value = r->value,
		.reserved = r->reserved,
		.lock = r->lock,
		.last_variant_height = l->layer[r->layer].tip.height};
	for (uint32_t i = 0; i < r->coin_count; i++) {
		f->coin[i] = coin[i];
		l->coin[coin[i]].effect = index;
	}
	CHECK(map_put(&l->effect_by_id, r->effect.b, index) == OK);
	effect_open(l, index);
	if (layer_family(r->layer) == FAMILY_ACCOUNT)
		l->layer[r->layer].nonce_next++;
	post(l, r->layer, 0, ACCOUNT_AVAILABLE, ACCOUNT_RESERVED, r->reserved);
	if (t != NULL) {
		t->effect = index;
		l->transfers_waiting--;
	}
	if (s != NULL)
		intent_of_swap(l, s, index, r);
	return OK;
}

enum err fold_bump(struct ledger *l, const struct rec_bump *r)
{
	struct effect *f = ledger_effect(l, &r->effect);
	if (f == NULL || f->state != EFFECT_PREPARED || r->variant != f->variant_count ||
		r->variant >= EFFECT_VARIANTS_MAX ||
		amount_cmp(r->added, ledger_balance(l, f->layer, ACCOUNT_AVAILABLE)) > 0)
		return ERR_STATE;
	f->variant_wanted = r->variant;
	f->fee = r->fee;
	f->rate = r->rate;
	f->intent_seq = l->seq;
	f->last_variant_height = l->layer[f->layer].tip.height;
	CHECK(amount_add(&f->reserved, f->reserved, r->added) == OK);
	post(l, f->layer, 0, ACCOUNT_AVAILABLE, ACCOUNT_RESERVED, r->added);
	return OK;
}

/* A lock-up that is signed, was never sent, and became unsafe to send: its next variants pay to
 * ourselves. Until one of them is final the swap goes on as if the lock-up might still happen,
 * because it might. */
enum err fold_call_off(struct ledger *l, const struct rec_bump *r)
{
	struct effect *f = ledger_effect(l, &r->effect);
	if (f == NULL || f->purpose != SIGN_LOCK || f->called_off)
		return ERR_STATE;
	TRY(fold_bump(l, r));
	f->called_off = true;
	f->call_off_from = r->variant;
	return OK;
}

/* ---- signed, submitted, refused ---- */

enum err fold_prepared(struct ledger *l, const struct rec_prepared *r)
{
	struct effect *f = ledger_effect(l, &r->effect);
	if (f == NULL || (f->state != EFFECT_INTENT && f->state != EFFECT_PREPARED) ||
		r->variant != f->variant_wanted || r->variant != f->variant_count ||
		r->variant >= EFFECT_VARIANTS_MAX || r->layer != f->layer)
		return ERR_STATE;
	if (map_get(&l->effect_by_tx, r->txid.b) != MAP_NONE)
		return ERR_EXISTS;
	struct effect_variant v = {
		.txid = r->txid, .fee = r->fee, .rate = f->rate, .raw = BLOB_NONE, .seq = l->seq};
	TRY(blob_put(l->blobs, &v.raw, r->raw));
	if (map_put(&l->effect_by_tx, r->txid.b, effect_index(l, f)) != OK) {
		blob_free(l->blobs, &v.raw);
		return ERR_FULL;
	}
	f->variant[f->variant_count++] = v;
	f->state = EFFECT_PREPARED;
	return OK;
}

enum err fold_submitted(struct ledger *l, const struct rec_submitted *r)
{
	struct effect *f = ledger_effect(l, &r->effect);
	if (f == NULL || r->variant >= f->variant_count)
		return ERR_STATE;
	const bool reached = r->outcome == 1 || r->outcome == 2; /* accepted, known */
	if (reached) {
		f->submitted = true;
		if (f->state == EFFECT_PREPARED)
			transfer_update(l, f, TRANSFER_SENT);
	}
	memcpy(f->reason, r->detail, sizeof f->reason);
	if (f->swap != INDEX_NONE) {
		l->swap[f->swap].seq = l->seq;
		mark_dirty(l, f->swap);
	}
	return OK;
}

/* Give back what the effect reserved. Coins that were spent meanwhile were posted when they were.
 */
void effect_release(struct ledger *l, struct effect *f)
{
	if (layer_family(f->layer) == FAMILY_ACCOUNT) {
		post(l, f->layer, 0, ACCOUNT_RESERVED, ACCOUNT_AVAILABLE, f->reserved);
	}
	for (uint32_t i = 0; i < f->coin_count; i++) {
		struct coin *c = &l->coin[f->coin[i]];
		c->effect = INDEX_NONE;
		if (c->spent_height == 0)
			post(l, f->layer, 0, ACCOUNT_RESERVED, ACCOUNT_AVAILABLE,
				amount_from_sat(c->value));
	}
	f->reserved = amount_zero(f->reserved.asset);
}

static void effect_void(struct ledger *l, struct effect *f, const char *reason)
{
	effect_release(l, f);
	f->state = EFFECT_VOID;
	(void)snprintf(f->reason, sizeof f->reason, "%s", reason);
	if (f->transfer != INDEX_NONE) {
		struct transfer *t = &l->transfer[f->transfer];
		(void)snprintf(t->reason, sizeof t->reason, "%s", reason);
		transfer_update(l, f, TRANSFER_FAILED);
	}
	for (uint32_t i = 0; i < f->variant_count; i++)
		blob_free(l->blobs, &f->variant[i].raw);
}

static void close_open_effects(struct ledger *l)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < l->open_effect_count; i++) {
		const enum effect_state state = l->effect[l->open_effect[i]].state;
		if (state != EFFECT_FINAL && state != EFFECT_VOID)
			l->open_effect[kept++] = l->open_effect[i];
	}
	l->open_effect_count = kept;
}

/* A nonce that was given out and not used blocks every later one: the effect becomes an empty
 * transfer to ourselves with that nonce. It keeps its name and takes the next number in it, because
 * the signer may have signed for the nonce under that name already. */
static void become_nonce_fill(struct ledger *l, struct effect *f)
{
	f->variant_base = 1;
	f->purpose = SIGN_NONCE_FILL;
	f->swap = INDEX_NONE;
	f->transfer = INDEX_NONE;
	f->intent_seq = l->seq;
	/* keep the gas, give back the value */
	post(l, f->layer, 0, ACCOUNT_RESERVED, ACCOUNT_AVAILABLE, f->value);
	CHECK(amount_sub(&f->reserved, f->reserved, f->value) == OK);
	f->value = amount_zero(f->value.asset);
}

enum err fold_build_failed(struct ledger *l, const struct rec_build_failed *r)
{
	struct effect *f = ledger_effect(l, &r->effect);
	if (f == NULL || r->variant != f->variant_wanted)
		return ERR_STATE;
	if (f->variant_count > 0) {
		/* the replacement can't be made; what is signed stays */
		if (f->variant_wanted == f->variant_count)
			f->variant_wanted = f->variant_count - 1;
		return OK;
	}
	if (f->state != EFFECT_INTENT)
		return ERR_STATE;
	const uint32_t swap = f->swap;
	if (f->transfer != INDEX_NONE) {
		struct transfer *t = &l->transfer[f->transfer];
		memcpy(t->reason, r->detail, sizeof t->reason);
		transfer_update(l, f, TRANSFER_FAILED);
	}
	if (swap != INDEX_NONE) {
		struct swap *w = &l->swap[swap];
		memcpy(w->reason, r->detail, sizeof w->reason);
		if (f->purpose == SIGN_CLAIM)
			w->claim_effect = INDEX_NONE; /* decided again at the next block */
		else if (f->purpose == SIGN_REFUND)
			w->refund_effect = INDEX_NONE;
	}
	if (layer_family(f->layer) == FAMILY_ACCOUNT && f->purpose == SIGN_NONCE_FILL)
		return ERR_STATE; /* there is nothing simpler to fall back to */
	if (layer_family(f->layer) == FAMILY_ACCOUNT) {
		if (f->purpose == SIGN_LOCK && swap != INDEX_NONE)
			swap_fire(l, swap, SWAP_EV_DEST_VOID);
		become_nonce_fill(l, f);
		return OK;
	}
	effect_void(l, f, r->detail);
	close_open_effects(l);
	if (swap != INDEX_NONE)
		swap_evaluate(l, swap);
	return OK;
}

/* ---- seen on the chain ---- */

bool effect_was_called_off(const struct effect *f)
{
	for (uint32_t i = f->call_off_from; f->called_off && i < f->variant_count; i++)
		if (f->confirmed_height != 0 && hash256_eq(&f->variant[i].txid, &f->confirmed_tx))
			return true;
	return false;
}

static const struct effect_variant *variant_of(const struct effect *f, const struct hash256 *tx)
{
	for (uint32_t i = 0; i < f->variant_count; i++)
		if (hash256_eq(&f->variant[i].txid, tx))
			return &f->variant[i];
	return NULL;
}

/* What leaves us with this variant, besides the fee. */
static struct amount value_of(const struct effect *f, const struct effect_variant *v)
{
	return f->called_off && (uint32_t)(v - f->variant) >= f->call_off_from
		? amount_zero(f->value.asset)
		: f->value;
}

static enum account value_goes_to(const struct effect *f)
{
	return f->purpose == SIGN_LOCK ? ACCOUNT_LOCKED_OUT : ACCOUNT_EXTERNAL;
}

/* UTXO: one of the variants is in a block. Called for each of its inputs; the first call counts. */
void effect_confirmed(struct ledger *l, struct effect *f, const struct hash256 *tx, uint64_t height)
{
	const struct effect_variant *v = variant_of(f, tx);
	struct amount change;
	if (v == NULL || f->confirmed_height != 0)
		return;
	f->confirmed_height = height;
	f->confirmed_tx = *tx;
	f->state = EFFECT_CONFIRMED;
	transfer_update(l, f, TRANSFER_CONFIRMED);

	const enum layer_id layer = f->layer;
	if (f->purpose == SIGN_CLAIM || f->purpose == SIGN_REFUND) {
		const enum account from = f->purpose == SIGN_CLAIM ? ACCOUNT_EXCHANGE
								   : ACCOUNT_LOCKED_OUT;
		CHECK(amount_sub(&change, f->value, v->fee) == OK);
		post(l, layer, height, from, ACCOUNT_FEES_NETWORK, v->fee);
		post(l, layer, height, from, ACCOUNT_INFLIGHT, change);
		return;
	}
	const struct amount value = value_of(f, v);
	CHECK(amount_sub(&change, f->reserved, value) == OK);
	CHECK(amount_sub(&change, change, v->fee) == OK);
	post(l, layer, height, ACCOUNT_RESERVED, value_goes_to(f), value);
	post(l, layer, height, ACCOUNT_RESERVED, ACCOUNT_FEES_NETWORK, v->fee);
	post(l, layer, height, ACCOUNT_RESERVED, ACCOUNT_INFLIGHT, change);
}

static struct effect *effect_of_nonce(const struct ledger *l, enum layer_id layer, uint64_t nonce)
{
	for (uint32_t i = 0; i < l->open_effect_count; i++) {
		struct effect *f = &l->effect[l->open_effect[i]];
		if (f->layer == layer && f->nonce == nonce)
			return f;
	}
	return NULL;
}

void effect_nonce_used(
	struct ledger *l, enum layer_id layer, const struct chain_event *e, uint64_t height)
{
	struct layer_state *s = &l->layer[layer];
	struct effect *f = effect_of_nonce(l, layer, e->nonce);
	struct amount rest;

	if (e->nonce >= s->nonce_chain)
		s->nonce_chain = e->nonce + 1;
	if (f == NULL || variant_of(f, &e->tx) == NULL) {
		/* our key signed something that we don't know; its fee at least is gone */
		ledger_latch(
			l, "a nonce of ours was used by a transaction that is not in the journal");
		post(l, layer, height, ACCOUNT_AVAILABLE, ACCOUNT_SUSPENSE_MISSING, e->amount);
		if (f != NULL && f->conflict_height == 0)
			f->conflict_height = height;
		if (s->nonce_next < s->nonce_chain)
			s->nonce_next = s->nonce_chain;
		return;
	}
	if (f->confirmed_height != 0)
		return;
	f->confirmed_height = height;
	f->confirmed_tx = e->tx;
	f->reverted = (e->flags & CHAIN_TX_REVERTED) != 0;
	f->state = EFFECT_CONFIRMED;
	if (!f->reverted)
		transfer_update(l, f, TRANSFER_CONFIRMED);
	rest = f->reserved;
	post(l, layer, height, ACCOUNT_RESERVED, ACCOUNT_FEES_NETWORK, e->amount);
	CHECK(amount_sub(&rest, rest, e->amount) == OK);
	if (!f->reverted) {
		const struct amount value = value_of(f, variant_of(f, &e->tx));
		post(l, layer, height, ACCOUNT_RESERVED, value_goes_to(f), value);
		CHECK(amount_sub(&rest, rest, value) == OK);
	}
	post(l, layer, height, ACCOUNT_RESERVED, ACCOUNT_AVAILABLE, rest);
}

/* A claim or refund whose lock-up somebody else spent, finally, can't happen any more. */
static bool lock_taken(struct ledger *l, const struct effect *f)
{
	if (f->swap == INDEX_NONE || (f->purpose != SIGN_CLAIM && f->purpose != SIGN_REFUND))
		return false;
	struct swap *s = &l->swap[f->swap];
	const struct lock_fact *lock = leg_bound(f->purpose == SIGN_CLAIM ? &s->source : &s->dest);
	return lock != NULL && lock->spend != 0 && is_final(l, f->layer, lock->spent_height) &&
		effect_of_tx(l, &lock->spend_tx) != f;
}

static void settle_one(struct ledger *l, struct effect *f)
{
	if (f->state == EFFECT_CONFIRMED && is_final(l, f->layer, f->confirmed_height)) {
		f->state = EFFECT_FINAL;
		transfer_update(l, f, f->reverted ? TRANSFER_FAILED : TRANSFER_FINAL);
		for (uint32_t k = 0; k < f->variant_count; k++)
			blob_free(l->blobs, &f->variant[k].raw);
		/* coins stay marked as spent; nothing is reserved any more */
		f->reserved = amount_zero(f->reserved.asset);
		return;
	}
	if (f->state == EFFECT_CONFIRMED)
		return;
	if (is_final(l, f->layer, f->conflict_height))
		effect_void(l, f, "its input or nonce was used by another transaction");
	else if (layer_family(f->layer) == FAMILY_UTXO && lock_taken(l, f))
		effect_void(l, f, "the lock-up was spent by another transaction");
}

void effects_settle(struct ledger *l, enum layer_id layer)
{
	for (uint32_t i = 0; i < l->open_effect_count; i++) {
		struct effect *f = &l->effect[l->open_effect[i]];
		if (f->layer == layer)
			settle_one(l, f);
	}
	close_open_effects(l);
}

void effects_reorg(struct ledger *l, enum layer_id layer, uint64_t keep)
{
	for (uint32_t i = 0; i < l->effect_count; i++) {
		struct effect *f = &l->effect[i];
		if (f->layer != layer)
			continue;
		if (f->conflict_height > keep)
			f->conflict_height = 0;
		if (f->confirmed_height <= keep)
			continue;
		if (f->state == EFFECT_FINAL) {
			/* deeper than what we call final: the raw bytes are gone, and a person must
			 * look */
			ledger_latch(l, "a reorganisation deeper than the final depth");
			effect_open(l, i);
		}
		f->confirmed_height = 0;
		f->confirmed_tx = (struct hash256){{0}};
		f->reverted = false;
		f->state = EFFECT_PREPARED;
		transfer_update(l, f, TRANSFER_SENT);
	}
}
