/* What follows from the state: a pure function of ledger and time that ends in records. Each
 * decision is journaled as a record of its own; a replay reads the records and decides nothing. */
#include "node/engine_internal.h"

#include "crypto/hash.h"
#include "layer/layer.h"
#include "ledger/clock.h"

#include <stdio.h>

#define DECISIONS_MAX 4096u /* in one go; what is left waits for the next record */
#define BUMP_PERCENT 125u   /* a replacement pays at least so much of the last rate */
#define BUMP_URGENT_PERCENT 200u
#define BUMP_STEP_SAT_KVB 1000u /* and at least the relay increment more (BIP-125 rule 4) */
#define BUMP_URGENT_BLOCKS 2u   /* urgent when so many claim windows are left before a deadline */

/* The name of a swap's effect: the same whenever the decision is made. A later attempt after a
 * refused one has another name. */
static struct id128 effect_name(
	const struct ledger *l, const struct swap *s, enum sign_purpose purpose)
{
	struct hash256 digest;
	struct id128 id;
	uint8_t tail[5] = {(uint8_t)purpose};
	for (uint32_t attempt = 0;; attempt++) {
		store_le32(tail + 1, attempt);
		const struct slice part[] = {slice_of(s->id.b, 16), slice_of(tail, sizeof tail)};
		sha256_parts(&digest, part, ARRAY_LEN(part));
		memcpy(id.b, digest.b, sizeof id.b);
		if (ledger_effect(l, &id) == NULL)
			return id;
	}
}

static enum err end_swap(
	struct engine *e, uint64_t now_ms, const struct swap *s, uint16_t type, const char *reason)
{
	struct rec_swap_end r = {.swap = s->id};
	(void)snprintf(r.reason, sizeof r.reason, "%s", reason);
	struct buf record = engine_record(e, now_ms);
	rec_swap_end_put(&record, &r);
	return engine_append(e, type, &record, JOURNAL_ESSENTIAL);
}

static enum err intend(
	struct engine *e, uint64_t now_ms, const struct rec_intent *r, unsigned flags)
{
	struct buf record = engine_record(e, now_ms);
	rec_intent_put(&record, r);
	return engine_append(e, REC_INTENT, &record, flags);
}

/* ---- resources ---- */

/* Own coins for a payment of `value`. ERR_RANGE: not enough free and final ones now. */
static enum err take_coins(struct engine *e, struct rec_intent *r, struct amount value,
	size_t script_len, uint64_t rate)
{
	const struct ledger *l = e->ledger;
	struct btc_selection chosen;
	struct sat target;
	size_t count = 0;

	for (uint32_t i = 0; i < l->coin_count && count < ENGINE_COINS_MAX; i++) {
		const struct coin *c = &l->coin[i];
		if (c->created_height == 0 || c->final_height == 0 || c->spent_height != 0 ||
			c->effect != INDEX_NONE)
			continue;
		e->coin[count++] = (struct btc_coin){
			.at = c->at, .value = c->value, .key_index = c->key_index};
	}
	TRY(amount_to_sat(&target, value));
	TRY(btc_select(&chosen, e->coin, count, target, script_len, rate));
	r->coin_count = chosen.count;
	for (uint32_t i = 0; i < chosen.count; i++)
		r->coin[i] = e->coin[chosen.index[i]].at;
	r->fee = chosen.fee;
	r->reserved = amount_from_sat(chosen.total);
	return OK;
}

/* A nonce and gas for a call that moves `value`. ERR_RANGE: not enough. */
static enum err take_nonce(
	struct engine *e, struct rec_intent *r, struct amount value, uint64_t rate)
{
	const struct ledger *l = e->ledger;
	r->nonce = l->layer[r->layer].nonce_next;
	r->gas_limit = layer_gas_limit(r->purpose);
	TRY(amount_mul(&r->reserved, amount_of(value.asset, rate), r->gas_limit));
	TRY(amount_add(&r->reserved, r->reserved, value));
	return amount_cmp(r->reserved, ledger_balance(l, r->layer, ACCOUNT_AVAILABLE)) <= 0
		? OK
		: ERR_RANGE;
}

static enum err take_resources(struct engine *e, struct rec_intent *r, size_t script_len)
{
	if (layer_family(r->layer) == FAMILY_UTXO)
		return take_coins(e, r, r->value, script_len, r->rate);
	return take_nonce(e, r, r->value, r->rate);
}

/* ---- the lock ---- */

static bool lock_still_safe(const struct ledger *l, const struct swap *s, uint64_t dst_timelock)
{
	const uint64_t src_tip = l->layer[s->source.layer].tip.height;
	const uint64_t dst_tip = l->layer[s->dest.layer].tip.height;
	uint64_t slack;
	if (s->source.timelock <= src_tip || dst_timelock <= dst_tip)
		return false;
	const struct lock_times t = {.src = &l->params.layer[s->source.layer],
		.dst = &l->params.layer[s->dest.layer],
		.src_blocks = s->source.timelock - src_tip,
		.dst_blocks = dst_timelock - dst_tip,
		.src_depth = s->source.depth,
		.observation_ms = l->params.observation_ms};
	return clock_lock_safe(&t, &slack);
}

bool engine_lock_safe(const struct engine *e, const struct effect *f)
{
	return f->purpose != SIGN_LOCK || f->swap == INDEX_NONE || f->called_off ||
		lock_still_safe(e->ledger, &e->ledger->swap[f->swap],
			e->ledger->swap[f->swap].dest.timelock);
}

static enum err dest_leg(
	const struct ledger *l, struct buf *leg, const struct swap *s, uint64_t timelock)
{
	const struct layer_params *p = &l->params.layer[s->dest.layer];
	struct leg_offer offer = {.network = p->network,
		.hash = s->hash,
		.amount = s->dest.amount,
		.timelock = timelock,
		.provider_claims = false,
		.contract = p->contract};
	if (layer_family(s->dest.layer) == FAMILY_UTXO) {
		memcpy(offer.claim.key.b, s->client_dest, 32);
		TRY(wallet_swap_key(&offer.refund.key, &l->params.wallet, s->dest.layer, &s->id));
	} else {
		memcpy(offer.claim.address.b, s->client_dest, 20);
		TRY(wallet_account(&offer.refund.address, &l->params.wallet, s->dest.layer));
	}
	return layer_leg_make(leg, s->dest.layer, &offer);
}

/* OK: something was decided. ERR_STATE: nothing now, look again at the next block. */
static enum err decide_lock(struct engine *e, uint64_t now_ms, const struct swap *s)
{
	const struct ledger *l = e->ledger;
	const enum layer_id to = s->dest.layer;
	const uint64_t timelock = l->layer[to].tip.height + l->params.layer[to].lock_blocks;
	uint8_t storage[LEG_SIZE_MAX];
	struct buf leg = buf_init(storage, sizeof storage);

	if (!lock_still_safe(l, s, timelock))
		return end_swap(e, now_ms, s, REC_DECLINED,
			l->latched ? "paused while the books were being checked"
				   : "the source lock-up came too late to lock safely");
	if (l->latched || engine_rate(l, to) == 0)
		return ERR_STATE;
	if (dest_leg(l, &leg, s, timelock) != OK)
		return end_swap(
			e, now_ms, s, REC_DECLINED, "the claim key or address is not usable");

	struct rec_intent r = {.effect = effect_name(l, s, SIGN_LOCK),
		.purpose = SIGN_LOCK,
		.layer = to,
		.owner = s->id,
		.owner_is_swap = true,
		.rate = engine_rate(l, to),
		.value = s->dest.amount,
		.timelock = timelock,
		.terms = buf_slice(&leg)};
	if (take_resources(e, &r, 34) != OK)
		return ERR_STATE; /* change may confirm, funds may arrive: until it is too late */
	return intend(e, now_ms, &r, 0);
}

/* ---- claim and refund ---- */

static enum err decide_spend(struct engine *e, uint64_t now_ms, const struct swap *s,
	enum sign_purpose purpose, const struct leg *leg)
{
	const struct ledger *l = e->ledger;
	const struct lock_fact *k = &leg->lock[leg->bound];
	struct rec_intent r = {.effect = effect_name(l, s, purpose),
		.purpose = purpose,
		.layer = leg->layer,
		.owner = s->id,
		.owner_is_swap = true,
		.rate = engine_rate(l, leg->layer),
		.value = k->amount,
		.reserved = amount_zero(k->amount.asset),
		.lock = k->at};
	if (r.rate == 0)
		r.rate = l->params.layer[leg->layer].fee_rate_min;
	if (layer_family(leg->layer) == FAMILY_ACCOUNT) {
		r.value = amount_zero(k->amount.asset);
		if (take_nonce(e, &r, r.value, r.rate) != OK)
			return ERR_STATE;
	}
	return intend(e, now_ms, &r, JOURNAL_ESSENTIAL);
}

static bool present_unspent(const struct leg *leg)
{
	return leg->bound != INDEX_NONE && leg->lock[leg->bound].height != 0 &&
		leg->lock[leg->bound].spent_height == 0;
}

/* OK: a record was made. ERR_STATE: nothing to do now. Others: back off. */
static enum err decide_swap(struct engine *e, uint64_t now_ms, const struct swap *s)
{
	const struct ledger *l = e->ledger;
	switch (s->state) {
	case SWAP_OFFERED:
		if (now_ms < s->expires_ms)
			return ERR_STATE;
		return end_swap(e, now_ms, s, REC_EXPIRED,
			s->source.lock_count > 0
				? "only a lock-up that differs from the terms came in time"
				: "no lock-up came in time");
	case SWAP_SOURCE_SEEN:
		if (l->layer[s->source.layer].tip.height < s->source.timelock)
			return ERR_STATE;
		return end_swap(e, now_ms, s, REC_DECLINED,
			"the lock-up was not deep before its time lock opened");
	case SWAP_SOURCE_LOCKED: return decide_lock(e, now_ms, s);
	case SWAP_DEST_LOCKING:
	case SWAP_DEST_LOCKED:
	case SWAP_REFUNDING: /* a refund that the signer refused is decided again */
		if (!present_unspent(&s->dest) || s->preimage_known ||
			s->refund_effect != INDEX_NONE ||
			l->layer[s->dest.layer].tip.height < s->dest.timelock)
			return ERR_STATE;
		return decide_spend(e, now_ms, s, SIGN_REFUND, &s->dest);
	case SWAP_CLAIMING:
		if (!present_unspent(&s->source) || s->claim_effect != INDEX_NONE)
			return ERR_STATE;
		return decide_spend(e, now_ms, s, SIGN_CLAIM, &s->source);
	case SWAP_COMPLETED:
	case SWAP_REFUNDED:
	case SWAP_EXPIRED:
	case SWAP_DECLINED:
	case SWAP_BREACHED:
	case SWAP_STATE_COUNT: return ERR_STATE;
	}
	return ERR_STATE;
}

/* ---- payouts ---- */

static enum err decide_transfer(struct engine *e, uint64_t now_ms, const struct transfer *t)
{
	const struct ledger *l = e->ledger;
	struct rec_intent r = {.effect = t->effect_id,
		.purpose = SIGN_PAYOUT,
		.layer = t->layer,
		.owner = t->id,
		.rate = engine_rate(l, t->layer),
		.value = t->amount};
	if (r.rate == 0 || take_resources(e, &r, t->destination_len) != OK)
		return ERR_STATE;
	return intend(e, now_ms, &r, 0);
}

/* ---- replacements ---- */

/* Blocks until what this effect races against; a large number where nothing does. */
static uint64_t blocks_left(const struct ledger *l, const struct effect *f)
{
	if (f->swap == INDEX_NONE || f->purpose != SIGN_CLAIM)
		return UINT64_MAX;
	const uint64_t tip = l->layer[f->layer].tip.height;
	const uint64_t timelock = l->swap[f->swap].source.timelock;
	return timelock > tip ? timelock - tip : 0;
}

/* The rate of a replacement; 0: the bound is reached. */
static uint64_t next_rate(const struct ledger *l, const struct effect *f)
{
	const struct layer_params *p = &l->params.layer[f->layer];
	const bool urgent = blocks_left(l, f) <= (uint64_t)p->claim_blocks * BUMP_URGENT_BLOCKS;
	const uint64_t last = f->variant[f->variant_count - 1].rate;
	const uint64_t percent = urgent ? BUMP_URGENT_PERCENT : BUMP_PERCENT;

	if (last >= p->fee_rate_max)
		return 0;
	uint64_t rate = engine_rate(l, f->layer);
	const uint64_t least = last / 100 * percent + last % 100 * percent / 100;
	if (rate < least)
		rate = least;
	if (layer_family(f->layer) == FAMILY_UTXO && rate < last + BUMP_STEP_SAT_KVB)
		rate = last + BUMP_STEP_SAT_KVB;
	if (rate > p->fee_rate_max)
		rate = p->fee_rate_max;
	/* nodes want a tenth more at least: a smaller step would be refused */
	return rate >= last + last / 10 ? rate : 0;
}

static bool bump_due(const struct ledger *l, const struct effect *f)
{
	return l->layer[f->layer].tip.height >=
		f->last_variant_height + l->params.layer[f->layer].bump_blocks;
}

/* A lock-up that no node took and that became unsafe is called off: it would block its nonce, or
 * keep its coins, for ever. */
static bool wants_call_off(const struct engine *e, const struct effect *f)
{
	return f->purpose == SIGN_LOCK && !f->called_off && !f->submitted &&
		!engine_lock_safe(e, f);
}

/* A lock-up is not replaced once the client may have acted on it. */
static bool may_bump(const struct ledger *l, const struct effect *f)
{
	if (f->state != EFFECT_PREPARED || f->variant_wanted != f->variant_count - 1 ||
		f->variant_count >= EFFECT_VARIANTS_MAX)
		return false;
	return f->purpose != SIGN_LOCK || f->swap == INDEX_NONE ||
		(!l->swap[f->swap].preimage_known && engine_rate(l, f->layer) != 0);
}

static enum err decide_bump(struct engine *e, uint64_t now_ms, const struct effect *f)
{
	const struct ledger *l = e->ledger;
	struct rec_bump r = {.effect = f->id,
		.variant = f->variant_count,
		.added = amount_zero(f->reserved.asset)};
	struct amount spent;

	if (!may_bump(l, f))
		return ERR_STATE;
	const bool call_off = wants_call_off(e, f);
	if (!call_off && !bump_due(l, f))
		return ERR_STATE;
	r.rate = next_rate(l, f);
	if (r.rate == 0 && call_off)
		r.rate = f->rate;
	if (r.rate == 0)
		return ERR_STATE;
	if (layer_family(f->layer) == FAMILY_ACCOUNT) {
		TRY(amount_mul(
			&r.added, amount_of(f->reserved.asset, r.rate - f->rate), f->gas_limit));
		if (amount_cmp(r.added, ledger_balance(l, f->layer, ACCOUNT_AVAILABLE)) > 0)
			return ERR_STATE;
	} else if (f->coin_count > 0) {
		struct amount fee = f->variant[f->variant_count - 1].fee;
		TRY(amount_mul_div(&fee, fee, r.rate, f->variant[f->variant_count - 1].rate, true));
		TRY(amount_add(&spent, fee, f->value));
		if (amount_cmp(spent, f->reserved) > 0)
			return ERR_STATE; /* the coins don't cover more */
		TRY(amount_to_sat(&r.fee, fee));
	}
	struct buf record = engine_record(e, now_ms);
	rec_bump_put(&record, &r, f->layer);
	return engine_append(e, call_off ? REC_CALL_OFF : REC_BUMP, &record, JOURNAL_ESSENTIAL);
}

/* ---- all of it ---- */

void engine_decide(struct engine *e, uint64_t now_ms)
{
	struct ledger *l = e->ledger;
	uint32_t left = DECISIONS_MAX;

	if (e->failed || !l->has_params)
		return;
	for (uint32_t i = 0; i < l->active_swap_count && left > 0; i++) {
		/* a decision may lead to the next one of the same swap */
		for (unsigned step = 0; step < SWAP_STATE_COUNT && left > 0; step++, left--)
			if (decide_swap(e, now_ms, &l->swap[l->active_swap[i]]) != OK)
				break;
	}
	for (uint32_t i = l->transfer_count; i-- > 0 && l->transfers_waiting > 0 && left > 0;) {
		const struct transfer *t = &l->transfer[i];
		if (t->effect != INDEX_NONE || t->state != TRANSFER_PENDING)
			continue;
		if (decide_transfer(e, now_ms, t) == OK)
			left--;
	}
	for (uint32_t i = 0; i < l->open_effect_count && left > 0; i++)
		if (decide_bump(e, now_ms, &l->effect[l->open_effect[i]]) == OK)
			left--;
}
