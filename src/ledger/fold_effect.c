/* Effects as we decide and make them: intent, signed variants, replacements, what is called off.
 * What the chain says about them is in fold_confirm.c. */
#include "ledger/fold.h"

#include <stdio.h>

void transfers_update(struct ledger *l, const struct effect *f, enum transfer_state state)
{
	for (uint32_t i = f->transfer; i != INDEX_NONE; i = l->transfer[i].next) {
		struct transfer *t = &l->transfer[i];
		if (t->state == state)
			continue;
		t->state = state;
		t->updated_ms = l->time_ms;
		t->seq = l->seq;
		ledger_mark_dirty(l, i | DIRTY_TRANSFER);
	}
}

void transfers_fail(struct ledger *l, const struct effect *f, const char *reason)
{
	for (uint32_t i = f->transfer; i != INDEX_NONE; i = l->transfer[i].next)
		(void)snprintf(l->transfer[i].reason, sizeof l->transfer[i].reason, "%s", reason);
	transfers_update(l, f, TRANSFER_FAILED);
}

void effect_open(struct ledger *l, struct effect *f)
{
	if (f->open)
		return;
	CHECK(l->open_effect_count < l->capacity.effects);
	f->open = true;
	l->open_effect[l->open_effect_count++] = effect_index(l, f);
}

void effects_close(struct ledger *l)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < l->open_effect_count; i++) {
		struct effect *f = &l->effect[l->open_effect[i]];
		if (f->state == EFFECT_FINAL || f->state == EFFECT_VOID)
			f->open = false;
		else
			l->open_effect[kept++] = l->open_effect[i];
	}
	l->open_effect_count = kept;
}

/* ---- intent ---- */

/* The coins are free, and worth what is reserved. */
static enum err check_coins(
	const struct ledger *l, const struct rec_intent *r, uint32_t coin[BTC_INPUT_MAX])
{
	struct amount sum = amount_zero(layer_asset(r->layer));
	for (uint32_t i = 0; i < r->coin_count; i++) {
		uint8_t key[COIN_KEY_SIZE];
		coin_key(key, r->layer, &r->coin[i].txid, r->coin[i].index);
		coin[i] = map_get(&l->coin_by_outpoint, key);
		if (coin[i] == MAP_NONE || l->coin[coin[i]].free_at == INDEX_NONE)
			return ERR_STATE;
		for (uint32_t k = 0; k < i; k++)
			if (coin[k] == coin[i])
				return ERR_STATE;
		TRY(amount_add(&sum, sum, coin_amount(&l->coin[coin[i]])));
	}
	return amount_cmp(sum, r->reserved) == 0 ? OK : ERR_STATE;
}

static bool nonce_taken(const struct ledger *l, enum layer_id layer, uint64_t nonce)
{
	for (uint32_t i = 0; i < l->open_effect_count; i++) {
		const struct effect *f = &l->effect[l->open_effect[i]];
		if (f->layer == layer && f->nonce == nonce)
			return true;
	}
	return false;
}

/* The next nonce; or the chain's next, where nothing of ours has it: a gap that keeps back all the
 * others, left by a transaction that we don't know and that was reorganised away. */
static bool nonce_right(const struct ledger *l, const struct rec_intent *r)
{
	const struct layer_state *s = &l->layer[r->layer];
	if (r->nonce == s->nonce_next)
		return true;
	return r->purpose == SIGN_NONCE_FILL && r->nonce == s->nonce_chain &&
		r->nonce < s->nonce_next && !nonce_taken(l, r->layer, r->nonce);
}

/* Whose an intent is. */
struct owners {
	struct swap *swap; /* NULL: of none */
	uint32_t transfer[BTC_PAYEE_MAX];
	uint32_t transfer_count;
};

/* ERR_STATE: there is no such transfer, or it is named twice. */
static enum err find_owners(const struct ledger *l, struct owners *out, const struct rec_intent *r)
{
	out->swap = r->owner_is_swap ? ledger_swap(l, &r->owner) : NULL;
	out->transfer_count = 0;
	if (r->purpose != SIGN_PAYOUT)
		return OK;
	for (uint32_t i = 0; i <= r->more_count; i++) {
		const struct transfer *t = ledger_transfer(l, i == 0 ? &r->owner : &r->more[i - 1]);
		if (t == NULL)
			return ERR_STATE;
		const uint32_t index = (uint32_t)(t - l->transfer);
		for (uint32_t k = 0; k < i; k++)
			if (out->transfer[k] == index)
				return ERR_STATE;
		out->transfer[out->transfer_count++] = index;
	}
	return OK;
}

/* They wait, on this layer, and what is paid is what they are to get. One transaction for many is a
 * thing of coins. */
static enum err check_transfers(
	const struct ledger *l, const struct rec_intent *r, const struct owners *o)
{
	struct amount sum = amount_zero(layer_asset(r->layer));
	if (o->transfer_count > 1 && layer_family(r->layer) != FAMILY_UTXO)
		return ERR_STATE;
	for (uint32_t i = 0; i < o->transfer_count; i++) {
		const struct transfer *t = &l->transfer[o->transfer[i]];
		if (t->layer != r->layer || t->effect != INDEX_NONE ||
			t->state != TRANSFER_PENDING || amount_add(&sum, sum, t->amount) != OK)
			return ERR_STATE;
	}
	return amount_cmp(sum, r->value) == 0 ? OK : ERR_STATE;
}

static enum err check_owner(
	const struct ledger *l, const struct rec_intent *r, const struct owners *o)
{
	const struct swap *s = o->swap;
	enum swap_state to;
	switch (r->purpose) {
	case SIGN_PAYOUT: return check_transfers(l, r, o);
	case SIGN_LOCK:
		return s != NULL && s->lock_effect == INDEX_NONE && r->terms.len <= LEG_SIZE_MAX &&
				swap_next(&to, s->state, SWAP_EV_LOCK_INTENT)
			? OK
			: ERR_STATE;
	case SIGN_REFUND:
		/* again in the same state where the first one failed; and where a lock-up of ours
		 * is found that the swap ended without */
		return s != NULL && s->refund_effect == INDEX_NONE &&
				(s->state == SWAP_REFUNDING || s->state == SWAP_DECLINED ||
					s->state == SWAP_BREACHED ||
					MUTANT(REFUND_WHILE_CLAIMING) ||
					swap_next(&to, s->state, SWAP_EV_REFUND_INTENT))
			? OK
			: ERR_STATE;
	case SIGN_CLAIM:
		return s != NULL && s->claim_effect == INDEX_NONE && s->state == SWAP_CLAIMING
			? OK
			: ERR_STATE;
	case SIGN_APPROVE: return s == NULL && layer_gas_apart(r->layer) ? OK : ERR_STATE;
	case SIGN_NONCE_FILL:
		return s == NULL && layer_family(r->layer) == FAMILY_ACCOUNT ? OK : ERR_STATE;
	case SIGN_CANCEL:
		return s != NULL && s->cancel_effect == INDEX_NONE && swap_wants_cancel(s)
			? OK
			: ERR_STATE;
	case SIGN_DEPLOY: return ERR_STATE;
	}
	return ERR_STATE;
}

/* What is reserved covers what is paid. Claims and refunds of coins pay their fee from the lock-up.
 */
static bool reserve_covers(const struct rec_intent *r)
{
	struct amount need = r->value;
	const bool utxo = layer_family(r->layer) == FAMILY_UTXO;
	if (utxo && r->coin_count == 0)
		return r->purpose == SIGN_CLAIM || r->purpose == SIGN_REFUND;
	/* gas is in `reserved` by its limit; a miner's or a routing fee is stated */
	if (layer_family(r->layer) != FAMILY_ACCOUNT &&
		amount_add(&need, need, amount_of(need.asset, r->fee.raw)) != OK)
		return false;
	return amount_cmp(need, r->reserved) <= 0;
}

/* What makes sure that it happens once: coins, a nonce, or a payment hash, of which each command is
 * given once. */
static enum err check_anchor(
	const struct ledger *l, const struct rec_intent *r, uint32_t coin[BTC_INPUT_MAX])
{
	switch (layer_family(r->layer)) {
	case FAMILY_UTXO: return r->purpose != SIGN_CANCEL ? check_coins(l, r, coin) : ERR_STATE;
	case FAMILY_ACCOUNT:
		return r->coin_count == 0 && r->purpose != SIGN_CANCEL && nonce_right(l, r)
			? OK
			: ERR_STATE;
	case FAMILY_CHANNEL:
		return r->coin_count == 0 && r->purpose != SIGN_REFUND ? OK : ERR_STATE;
	}
	return ERR_STATE;
}

/* Everything that can be wrong with an intent, before anything changes. */
static enum err check_intent(const struct ledger *l, const struct rec_intent *r,
	const struct owners *o, uint32_t coin[BTC_INPUT_MAX])
{
	const bool business = r->purpose == SIGN_LOCK || r->purpose == SIGN_PAYOUT;
	if (l->effect_count == l->capacity.effects || (business && !ledger_room(l)))
		return ERR_FULL;
	if (map_get(&l->effect_by_id, r->effect.b) != MAP_NONE)
		return ERR_EXISTS;
	if (r->rate == 0 || amount_cmp(r->value, amount_max(layer_asset(r->layer))) > 0 ||
		!reserve_covers(r))
		return ERR_STATE;
	TRY(check_anchor(l, r, coin));
	if (amount_cmp(r->reserved, ledger_balance(l, r->layer, ACCOUNT_AVAILABLE)) > 0)
		return ERR_STATE;
	if (layer_gas_apart(r->layer) &&
		amount_cmp(r->gas, ledger_balance(l, r->layer, ACCOUNT_GAS_AVAILABLE)) > 0)
		return ERR_STATE;
	return check_owner(l, r, o);
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
		ledger_mark_dirty(l, swap_index(l, s));
		return;
	case SIGN_CANCEL:
		s->cancel_effect = index;
		s->seq = l->seq;
		ledger_mark_dirty(l, swap_index(l, s));
		return;
	case SIGN_PAYOUT:
	case SIGN_NONCE_FILL:
	case SIGN_APPROVE:
	case SIGN_DEPLOY: return;
	}
}

/* In the order of the outputs that pay them. */
static void intent_of_transfers(struct ledger *l, uint32_t index, const struct owners *o)
{
	for (uint32_t i = 0; i < o->transfer_count; i++) {
		struct transfer *t = &l->transfer[o->transfer[i]];
		struct amount *queued = &l->layer[t->layer].queued;
		t->effect = index;
		t->next = i + 1 < o->transfer_count ? o->transfer[i + 1] : INDEX_NONE;
		CHECK(amount_sub(queued, *queued, t->amount) == OK);
	}
	l->transfers_waiting -= o->transfer_count;
	while (l->transfer_first < l->transfer_count &&
		l->transfer[l->transfer_first].effect != INDEX_NONE)
		l->transfer_first++;
}

enum err fold_intent(struct ledger *l, const struct rec_intent *r)
{
	uint32_t coin[BTC_INPUT_MAX];
	struct owners o;
	TRY(find_owners(l, &o, r));
	TRY(check_intent(l, r, &o, coin));

	const uint32_t index = l->effect_count++;
	struct effect *f = &l->effect[index];
	*f = (struct effect){.id = r->effect,
		.purpose = r->purpose,
		.state = EFFECT_INTENT,
		.layer = r->layer,
		.swap = o.swap == NULL ? INDEX_NONE : swap_index(l, o.swap),
		.transfer = o.transfer_count == 0 ? INDEX_NONE : o.transfer[0],
		.created_ms = l->time_ms,
		.intent_seq = l->seq,
		.coin_count = r->coin_count,
		.fee = r->fee,
		.nonce = r->nonce,
		.gas_limit = r->gas_limit,
		.rate = r->rate,
		.value = r->value,
		.reserved = r->reserved,
		.gas = r->gas,
		.lock = r->lock,
		.last_variant_height = l->layer[r->layer].tip.height};
	for (uint32_t i = 0; i < r->coin_count; i++) {
		f->coin[i] = coin[i];
		l->coin[coin[i]].effect = index;
		coin_refresh(l, &l->coin[coin[i]]);
	}
	CHECK(map_put(&l->effect_by_id, r->effect.b, index) == OK);
	effect_open(l, f);
	struct layer_state *layer = &l->layer[r->layer];
	if (layer_family(r->layer) == FAMILY_ACCOUNT && r->nonce == layer->nonce_next)
		layer->nonce_given = ++layer->nonce_next;
	ledger_post(l, r->layer, 0, ACCOUNT_AVAILABLE, ACCOUNT_RESERVED, r->reserved);
	ledger_post(l, r->layer, 0, ACCOUNT_GAS_AVAILABLE, ACCOUNT_GAS_RESERVED, r->gas);
	intent_of_transfers(l, index, &o);
	if (o.swap != NULL)
		intent_of_swap(l, o.swap, index, r);
	return OK;
}

/* The next variant is to be built for this fee and rate. */
static enum err want_variant(
	struct ledger *l, struct effect *f, struct sat fee, uint64_t rate, struct amount added)
{
	const bool apart = layer_gas_apart(f->layer);
	const enum account from = apart ? ACCOUNT_GAS_AVAILABLE : ACCOUNT_AVAILABLE;
	struct amount *pot = apart ? &f->gas : &f->reserved, reserved;
	if (rate == 0 || added.asset != pot->asset ||
		amount_cmp(added, ledger_balance(l, f->layer, from)) > 0 ||
		amount_add(&reserved, *pot, added) != OK)
		return ERR_STATE;
	f->fee = fee;
	f->rate = rate;
	*pot = reserved;
	f->intent_seq = l->seq;
	f->last_variant_height = l->layer[f->layer].tip.height;
	ledger_post(l, f->layer, 0, from, apart ? ACCOUNT_GAS_RESERVED : ACCOUNT_RESERVED, added);
	return OK;
}

enum err fold_bump(struct ledger *l, const struct rec_bump *r)
{
	struct effect *f = ledger_effect(l, &r->effect);
	if (f == NULL || f->state != EFFECT_PREPARED || r->variant != f->variant_count ||
		r->variant >= EFFECT_VARIANTS_MAX)
		return ERR_STATE;
	TRY(want_variant(l, f, r->fee, r->rate, r->added));
	f->variant_wanted = r->variant;
	return OK;
}

/* From now on only variants that pay ourselves. What may be signed for the variant that was wanted
 * keeps its number with the signer. */
static void call_off(struct effect *f)
{
	if (f->variant_wanted == f->variant_count)
		f->variant_base++;
	f->variant_wanted = f->variant_count;
	f->called_off = true;
}

/* Lock-ups, and payouts of coins: what they spend can be spent on ourselves instead. A sweep's
 * coins are not the signer's. */
static bool may_call_off(const struct ledger *l, const struct effect *f)
{
	const enum layer_family family = layer_family(f->layer);
	return (f->purpose == SIGN_LOCK && family != FAMILY_CHANNEL) ||
		(f->purpose == SIGN_PAYOUT && family == FAMILY_UTXO && !effect_sweeps(l, f));
}

/* Until a variant that pays ourselves is final, the swap goes on as if the lock-up might still
 * happen: because it might. */
enum err fold_call_off(struct ledger *l, const struct rec_bump *r)
{
	struct effect *f = ledger_effect(l, &r->effect);
	if (f == NULL || (f->state != EFFECT_INTENT && f->state != EFFECT_PREPARED) ||
		!may_call_off(l, f) || f->called_off || r->variant != f->variant_count ||
		f->variant_count >= EFFECT_VARIANTS_MAX)
		return ERR_STATE;
	TRY(want_variant(l, f, r->fee, r->rate, r->added));
	call_off(f);
	return OK;
}

/* ---- signed, submitted, refused ---- */

/* What it pays and its fee are no more than what it has. */
static bool fee_fits(const struct effect *f, struct amount fee)
{
	const bool spends_lock = layer_family(f->layer) == FAMILY_UTXO && f->coin_count == 0;
	struct amount left = spends_lock ? f->value : f->reserved;
	if (layer_gas_apart(f->layer))
		return amount_cmp(fee, f->gas) <= 0;
	if (!spends_lock && !f->called_off && amount_sub(&left, left, f->value) != OK)
		return false;
	return amount_cmp(fee, left) <= 0;
}

/* Bytes of effects that are over make room. */
static enum err keep_bytes(struct ledger *l, uint32_t *blob, struct slice bytes)
{
	enum err err = blob_put(l->blobs, blob, bytes);
	while (err == ERR_FULL && effects_forget_oldest(l))
		err = blob_put(l->blobs, blob, bytes);
	return err;
}

/* What somebody else signed comes back: the bytes of a transaction that is known by its id. */
static enum err take_bytes(struct ledger *l, struct effect *f, const struct rec_prepared *r)
{
	struct effect_variant *v = &f->variant[r->variant];
	if (!effect_external(l, f) || f->state != EFFECT_PREPARED || v->raw != BLOB_NONE ||
		r->raw.len == 0 || !hash256_eq(&v->txid, &r->txid) ||
		amount_cmp(v->fee, r->fee) != 0)
		return ERR_STATE;
	TRY(keep_bytes(l, &v->raw, r->raw));
	v->seq = l->seq;
	return OK;
}

enum err fold_prepared(struct ledger *l, const struct rec_prepared *r)
{
	struct effect *f = ledger_effect(l, &r->effect);
	if (f != NULL && r->variant < f->variant_count)
		return take_bytes(l, f, r);
	if (f == NULL || (f->state != EFFECT_INTENT && f->state != EFFECT_PREPARED) ||
		r->variant != f->variant_wanted || r->variant != f->variant_count ||
		r->variant >= EFFECT_VARIANTS_MAX || r->layer != f->layer ||
		(r->raw.len == 0) != effect_external(l, f))
		return ERR_STATE;
	if (map_get(&l->effect_by_tx, r->txid.b) != MAP_NONE)
		return ERR_EXISTS;
	if (!fee_fits(f, r->fee))
		return ERR_RANGE;
	struct effect_variant v = {.txid = r->txid,
		.fee = r->fee,
		.rate = f->rate,
		.raw = BLOB_NONE,
		.seq = l->seq,
		.calls_off = f->called_off};
	if (r->raw.len > 0)
		TRY(keep_bytes(l, &v.raw, r->raw));
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
			transfers_update(l, f, TRANSFER_SENT);
	}
	memcpy(f->reason, r->detail, sizeof f->reason);
	if (!reached && (MUTANT(REFUSED_IS_VOID) || MUTANT(UNKNOWN_IS_FAILED)))
		effect_void(l, f, r->detail);
	if (f->swap != INDEX_NONE) {
		l->swap[f->swap].seq = l->seq;
		ledger_mark_dirty(l, f->swap);
	}
	return OK;
}

/* Nobody has signed bytes of it: it can be forgotten, where it holds no nonce. A nonce that was
 * given out and not used keeps back every later one: the effect becomes an empty transfer to
 * ourselves with that nonce. It keeps its name, because the signer may have signed under it. */
static void become_nonce_fill(struct ledger *l, struct effect *f)
{
	call_off(f);
	f->purpose = SIGN_NONCE_FILL;
	f->swap = INDEX_NONE;
	f->transfer = INDEX_NONE;
	f->intent_seq = l->seq;
	/* keep the gas, give back the value */
	ledger_post(l, f->layer, 0, ACCOUNT_RESERVED, ACCOUNT_AVAILABLE, f->value);
	CHECK(amount_sub(&f->reserved, f->reserved, f->value) == OK);
	f->value = amount_zero(f->value.asset);
}

/* Tell its owner why. */
static void fail_owner(struct ledger *l, const struct effect *f, const char *detail)
{
	transfers_fail(l, f, detail);
	if (f->swap == INDEX_NONE)
		return;
	struct swap *w = &l->swap[f->swap];
	memcpy(w->reason, detail, sizeof w->reason);
	if (f->purpose == SIGN_CLAIM)
		w->claim_effect = INDEX_NONE;
	else if (f->purpose == SIGN_REFUND)
		w->refund_effect = INDEX_NONE;
	else if (f->purpose == SIGN_CANCEL)
		w->cancel_effect = INDEX_NONE;
	if (f->purpose == SIGN_CLAIM || f->purpose == SIGN_REFUND)
		swap_hold_off(l, w, f->purpose);
}

/* One payee that can't be paid must not keep the others from their money: each is paid by an effect
 * of its own. Nothing of the batch is signed durably, so that it can't happen any more. */
static void split_batch(struct ledger *l, struct effect *f)
{
	for (uint32_t i = f->transfer, next; i != INDEX_NONE; i = next) {
		struct transfer *t = &l->transfer[i];
		struct amount *queued = &l->layer[t->layer].queued;
		next = t->next;
		t->next = t->effect = INDEX_NONE;
		t->alone = true;
		CHECK(amount_add(queued, *queued, t->amount) == OK);
		l->transfers_waiting++;
		if (i < l->transfer_first)
			l->transfer_first = i;
	}
	f->transfer = INDEX_NONE;
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
	/* what calls an effect off has nothing simpler to fall back to */
	if (f->state != EFFECT_INTENT || f->called_off || f->purpose == SIGN_NONCE_FILL)
		return ERR_STATE;
	const uint32_t swap = f->swap;
	if (f->transfer != INDEX_NONE && l->transfer[f->transfer].next != INDEX_NONE)
		split_batch(l, f);
	fail_owner(l, f, r->detail);
	if (layer_family(f->layer) == FAMILY_ACCOUNT && !MUTANT(NONCE_LEFT)) {
		if (f->purpose == SIGN_LOCK && swap != INDEX_NONE)
			swap_fire(l, swap, SWAP_EV_DEST_VOID);
		become_nonce_fill(l, f);
		return OK;
	}
	effect_void(l, f, r->detail);
	effects_close(l);
	if (swap != INDEX_NONE)
		swap_evaluate(l, swap);
	return OK;
}
