/* What follows from the state: a pure function of ledger and time that ends in records. Each
 * decision is journaled as a record of its own; a replay reads the records and decides nothing. */
#include "node/engine_internal.h"

#include "crypto/hash.h"
#include "layer/layer.h"
#include "ledger/clock.h"
#include "wire/utxo_build.h"

#include <stdio.h>

#define DECISIONS_MAX 4096u  /* in one go; what is left waits for the next record */
#define CHANGED_MAX 64u      /* more swaps than these changed at once: all are looked at */
#define LOCK_VARIANTS_MAX 8u /* the rest is kept for calling it off */
_Static_assert(LOCK_VARIANTS_MAX < EFFECT_VARIANTS_MAX, "a lock-up can always be called off");
#define LOCK_SCRIPT_SIZE 34u /* P2TR */
#define BUMP_PERCENT 125u    /* a replacement pays at least so much of the last rate */
#define BUMP_URGENT_PERCENT 200u
#define BUMP_URGENT_BLOCKS 2u /* urgent when so many claim windows are left before a deadline */
#define APPROVALS_MAX 8u      /* that may fail before no more are made */

/* A name that follows from what the effect is for: the same whenever the decision is made. A later
 * attempt after a failed one has another name. */
static struct id128 name_at(struct slice what, uint8_t purpose, uint32_t attempt)
{
	struct hash256 digest;
	struct id128 id;
	uint8_t tail[5] = {purpose};
	store_le32(tail + 1, attempt);
	const struct slice part[] = {what, slice_of(tail, sizeof tail)};
	sha256_parts(&digest, part, ARRAY_LEN(part));
	memcpy(id.b, digest.b, sizeof id.b);
	return id;
}

static struct id128 name_of(const struct ledger *l, struct slice what, uint8_t purpose)
{
	for (uint32_t attempt = 0;; attempt++) {
		const struct id128 id = name_at(what, purpose, attempt);
		if (ledger_effect(l, &id) == NULL)
			return id;
	}
}

static struct id128 effect_name(
	const struct ledger *l, const struct swap *s, enum sign_purpose purpose)
{
	return name_of(l, slice_of(s->id.b, sizeof s->id.b), (uint8_t)purpose);
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

/* An output more, to a script or another destination; nothing where there are no outputs. */
static void add_output(struct outputs_weight *weight, enum layer_id layer, size_t script_len)
{
	if (layer_family(layer) != FAMILY_UTXO)
		return;
	const bool blinded = utxo_destination_blinded(layer, script_len);
	weight->explicit += utxo_output_weight(layer, script_len);
	weight->hidden = weight->explicit + utxo_hidden_weight(layer, blinded);
}

/* ---- approvals ---- */

/* The approval of a layer's contract that was made or is under way, where the layer's value is a
 * token. *next: the name of one to make. ERR_NOT_FOUND: there is none; ERR_FULL: too many failed.
 */
static enum err find_approval(const struct ledger *l, struct id128 *next, enum layer_id layer)
{
	const struct layer_params *p = &l->params.layer[layer];
	uint8_t what[8 + sizeof p->token.b + sizeof p->contract.b] = "approve";
	what[7] = (uint8_t)layer;
	memcpy(what + 8, p->token.b, sizeof p->token.b);
	memcpy(what + 8 + sizeof p->token.b, p->contract.b, sizeof p->contract.b);
	for (uint32_t attempt = 0; attempt < APPROVALS_MAX; attempt++) {
		*next = name_at(slice_of(what, sizeof what), (uint8_t)SIGN_APPROVE, attempt);
		const struct effect *f = ledger_effect(l, next);
		if (f == NULL)
			return ERR_NOT_FOUND;
		if (f->state != EFFECT_VOID && !f->reverted)
			return OK;
	}
	return ERR_FULL;
}

/* A lock-up's nonce comes after that of the approval, so it is enough that there is one. */
static bool is_approved(const struct ledger *l, enum layer_id layer)
{
	struct id128 next;
	return !layer_gas_apart(layer) || find_approval(l, &next, layer) == OK;
}

static enum err decide_approval(struct engine *e, uint64_t now_ms, enum layer_id layer)
{
	const struct ledger *l = e->ledger;
	struct rec_intent r = {.purpose = SIGN_APPROVE, .layer = layer};
	if (!layer_gas_apart(layer) || !l->layer[layer].born || l->latched || e->behind[layer] ||
		find_approval(l, &r.effect, layer) != ERR_NOT_FOUND)
		return ERR_STATE;
	r.rate = engine_rate(l, layer);
	if (r.rate == 0 || engine_reserve_own(e, &r) != OK)
		return ERR_STATE;
	return intend(e, now_ms, &r, 0);
}

/* ---- the lock ---- */

static bool lock_still_safe(const struct ledger *l, const struct swap *s, uint64_t dst_timelock)
{
	const uint64_t src_tip = l->layer[s->source.layer].tip.height;
	const uint64_t dst_tip = l->layer[s->dest.layer].tip.height;
	uint64_t slack;
	if (MUTANT(LATE_LOCK_ANSWERED))
		return true;
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

/* Should the client show the preimage now, could we not be sure any more to claim the source in
 * time, or is it time already for our refund? */
static bool lock_dangerous(const struct ledger *l, const struct swap *s)
{
	const struct layer_params *src = &l->params.layer[s->source.layer];
	const uint64_t tip = l->layer[s->source.layer].tip.height;
	if (s->source.timelock <= tip || s->dest.timelock <= l->layer[s->dest.layer].tip.height)
		return true;
	const uint64_t late = clock_late_ms(src, (uint64_t)src->claim_blocks + s->source.depth);
	return late == UINT64_MAX ||
		clock_early_ms(src, s->source.timelock - tip) < late + l->params.observation_ms;
}

void engine_layer_current(struct engine *e, enum layer_id layer, bool current)
{
	CHECK(layer < LAYER_COUNT);
	e->behind[layer] = !current;
}

static bool legs_current(const struct engine *e, const struct swap *s)
{
	return !e->behind[s->source.layer] && !e->behind[s->dest.layer];
}

enum send_verdict engine_may_send(const struct engine *e, const struct effect *f)
{
	const struct ledger *l = e->ledger;
	const struct swap *s = f->swap == INDEX_NONE ? NULL : &l->swap[f->swap];
	if (f->called_off || (f->purpose != SIGN_LOCK && f->purpose != SIGN_PAYOUT))
		return SEND_GO;
	if (s != NULL && !lock_still_safe(l, s, s->dest.timelock))
		return SEND_UNSAFE;
	return l->latched || (s != NULL && !legs_current(e, s)) ? SEND_WAIT : SEND_GO;
}

enum err engine_dest_leg(const struct ledger *l, struct buf *leg, const struct dest_terms *t)
{
	const struct layer_params *p = &l->params.layer[t->layer];
	struct leg_offer offer = {.network = p->network,
		.hash = *t->hash,
		.amount = t->amount,
		.timelock = t->timelock,
		.provider_claims = false,
		.contract = p->contract,
		.token = p->token,
		.request = t->request};
	switch (layer_family(t->layer)) {
	case FAMILY_UTXO:
		memcpy(offer.claim.key.b, t->client, 32);
		TRY(wallet_swap_key(&offer.refund.key, &l->params.wallet, t->layer, t->swap));
		break;
	case FAMILY_ACCOUNT:
		memcpy(offer.claim.address.b, t->client, 20);
		TRY(wallet_account(&offer.refund.address, &l->params.wallet, t->layer));
		break;
	case FAMILY_CHANNEL: break;
	}
	return layer_leg_make(leg, t->layer, &offer);
}

/* With the time lock of now. On CHANNEL layers the terms of the offer have the client's invoice. */
static enum err lock_terms(
	const struct ledger *l, struct buf *leg, const struct swap *s, uint64_t timelock)
{
	struct dest_terms t = {.swap = &s->id,
		.hash = &s->hash,
		.layer = s->dest.layer,
		.amount = s->dest.amount,
		.client = s->client_dest,
		.timelock = timelock};
	struct leg_offer offered;
	if (layer_family(t.layer) == FAMILY_CHANNEL) {
		TRY(layer_leg_parse(&offered, t.layer, l->params.layer[t.layer].network,
			slice_of(s->dest.terms, s->dest.terms_len)));
		t.request = offered.request;
	}
	return engine_dest_leg(l, leg, &t);
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
	if (l->latched || engine_rate(l, to) == 0 || !legs_current(e, s) || !is_approved(l, to))
		return ERR_STATE;
	struct outputs_weight weight = {0};
	struct rec_intent r = {.effect = effect_name(l, s, SIGN_LOCK),
		.purpose = SIGN_LOCK,
		.layer = to,
		.owner = s->id,
		.owner_is_swap = true,
		.rate = engine_rate(l, to),
		.value = s->dest.amount,
		.timelock = timelock};
	add_output(&weight, to, LOCK_SCRIPT_SIZE);
	if (engine_reserve(e, &r, &weight) != OK)
		return ERR_STATE; /* change may confirm, funds may arrive: until it is too late */
	/* after the coins: keys take longer to derive, and many swaps may wait for coins */
	if (lock_terms(l, &leg, s, timelock) != OK)
		return end_swap(
			e, now_ms, s, REC_DECLINED, "the claim key or address is not usable");
	r.terms = buf_slice(&leg);
	return intend(e, now_ms, &r, 0);
}

/* ---- claim and refund ---- */

/* The rate that a claim or refund can pay: at most what the lock-up is worth. */
static uint64_t affordable_rate(
	const struct layer_params *p, enum sign_purpose purpose, struct amount value, uint64_t rate)
{
	const enum layer_id layer = p->network->layer;
	struct amount fee, most, unit;
	if (layer_family(layer) != FAMILY_UTXO ||
		layer_fee_bound(&fee, layer, purpose, rate) != OK ||
		amount_sub(&most, value, layer_dust(layer)) != OK || amount_cmp(fee, most) <= 0)
		return rate;
	if (layer_fee_bound(&unit, layer, purpose, p->fee_rate_min) != OK ||
		amount_cmp(unit, most) > 0)
		return p->fee_rate_min; /* worth less than that: tried all the same */
	uint64_t low = p->fee_rate_min, high = rate;
	while (low + 1 < high) {
		const uint64_t mid = low + (high - low) / 2;
		if (layer_fee_bound(&fee, layer, purpose, mid) == OK && amount_cmp(fee, most) <= 0)
			low = mid;
		else
			high = mid;
	}
	return low;
}

static enum err decide_spend(struct engine *e, uint64_t now_ms, const struct swap *s,
	enum sign_purpose purpose, const struct leg *leg)
{
	const struct ledger *l = e->ledger;
	const struct layer_params *p = &l->params.layer[leg->layer];
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
		r.rate = p->fee_rate_min;
	r.rate = affordable_rate(p, purpose, k->amount, r.rate);
	if (layer_family(leg->layer) == FAMILY_ACCOUNT) {
		r.value = amount_zero(k->amount.asset);
		if (engine_reserve_own(e, &r) != OK)
			return ERR_STATE;
	}
	return intend(e, now_ms, &r, JOURNAL_ESSENTIAL);
}

/* A command that moves nothing of what is available. */
static enum err decide_command(
	struct engine *e, uint64_t now_ms, const struct swap *s, enum sign_purpose purpose)
{
	const enum layer_id layer = s->source.layer;
	const struct amount none = amount_zero(layer_asset(layer));
	const struct rec_intent r = {.effect = effect_name(e->ledger, s, purpose),
		.purpose = purpose,
		.layer = layer,
		.owner = s->id,
		.owner_is_swap = true,
		.rate = engine_rate(e->ledger, layer),
		.value = none,
		.reserved = none,
		.lock = {.tx = s->hash}};
	return intend(e, now_ms, &r, JOURNAL_ESSENTIAL);
}

static enum err decide_cancel(struct engine *e, uint64_t now_ms, const struct swap *s)
{
	if (!swap_wants_cancel(s) || s->cancel_effect != INDEX_NONE || MUTANT(NEVER_CANCELLED))
		return ERR_STATE;
	return decide_command(e, now_ms, s, SIGN_CANCEL);
}

static enum err decide_claim(struct engine *e, uint64_t now_ms, const struct swap *s)
{
	if (!leg_spendable(&s->source) || s->claim_effect != INDEX_NONE ||
		e->ledger->layer[s->source.layer].tip.height < s->claim_after)
		return ERR_STATE;
	return layer_family(s->source.layer) == FAMILY_CHANNEL
		? decide_command(e, now_ms, s, SIGN_CLAIM)
		: decide_spend(e, now_ms, s, SIGN_CLAIM, &s->source);
}

/* Blocks alone open it: a clock can be wrong (HAZARDS 5). */
static bool refund_opened(const struct engine *e, uint64_t now_ms, const struct swap *s)
{
	const struct layer_params *p = &e->ledger->params.layer[s->dest.layer];
	if (MUTANT(CLOCK_OPENS_REFUND))
		return now_ms >= s->created_ms + (uint64_t)p->lock_blocks * p->block_interval_ms;
	return e->ledger->layer[s->dest.layer].tip.height >= s->dest.timelock;
}

static enum err decide_refund(struct engine *e, uint64_t now_ms, const struct swap *s)
{
	const uint64_t tip = e->ledger->layer[s->dest.layer].tip.height;
	if (layer_family(s->dest.layer) == FAMILY_CHANNEL)
		return ERR_STATE; /* a payment comes back by itself, or it arrived */
	if (!leg_spendable(&s->dest) || s->refund_effect != INDEX_NONE ||
		!refund_opened(e, now_ms, s) || tip < s->refund_after || MUTANT(NO_REFUND))
		return ERR_STATE;
	return decide_spend(e, now_ms, s, SIGN_REFUND, &s->dest);
}

/* OK: a record was made. ERR_STATE: nothing to do now. Others: back off. */
static enum err decide_swap(struct engine *e, uint64_t now_ms, const struct swap *s)
{
	const struct ledger *l = e->ledger;
	switch (s->state) {
	case SWAP_OFFERED:
		if (now_ms < s->expires_ms || e->behind[s->source.layer])
			return ERR_STATE;
		return end_swap(e, now_ms, s, REC_EXPIRED,
			s->source.lock_count > 0
				? "only a lock-up that differs from the terms came in time"
				: "no lock-up came in time");
	case SWAP_SOURCE_SEEN:
		if (MUTANT(EXPIRY_OVERWRITES) && now_ms >= s->expires_ms)
			return end_swap(e, now_ms, s, REC_EXPIRED, "it came too late");
		if (l->layer[s->source.layer].tip.height < s->source.timelock)
			return ERR_STATE;
		return end_swap(e, now_ms, s, REC_DECLINED,
			"the lock-up was not deep before its time lock opened");
	case SWAP_SOURCE_LOCKED: return decide_lock(e, now_ms, s);
	case SWAP_DEST_LOCKING:
	case SWAP_DEST_LOCKED:
	case SWAP_REFUNDING: /* a refund that failed is decided again */
		return s->preimage_known ? ERR_STATE : decide_refund(e, now_ms, s);
	case SWAP_CLAIMING:
		if (MUTANT(REFUND_WHILE_CLAIMING) && decide_refund(e, now_ms, s) == OK)
			return OK;
		return decide_claim(e, now_ms, s);
	case SWAP_DECLINED: /* a lock-up that was written off, and confirmed all the same */
		if (decide_cancel(e, now_ms, s) == OK)
			return OK;
		return decide_refund(e, now_ms, s);
	case SWAP_BREACHED: /* the client has the source, and did not get as far as to claim ours */
		return decide_refund(e, now_ms, s);
	case SWAP_REFUNDED:
	case SWAP_EXPIRED: return decide_cancel(e, now_ms, s);
	case SWAP_COMPLETED:
	case SWAP_STATE_COUNT: return ERR_STATE;
	}
	return ERR_STATE;
}

/* ---- payouts ---- */

/* Transfers that leave in one transaction, in this order. Swaps' outputs are never among them: who
 * can hold up one output would hold up all (HAZARDS 25). */
struct company {
	uint32_t at[BTC_PAYEE_MAX];
	uint32_t count;
};

static enum err intend_payout(struct engine *e, uint64_t now_ms, const uint32_t *at, uint32_t count)
{
	const struct ledger *l = e->ledger;
	const struct transfer *first = &l->transfer[at[0]];
	struct outputs_weight weight = {0};
	struct rec_intent r = {.effect = first->effect_id,
		.purpose = SIGN_PAYOUT,
		.layer = first->layer,
		.owner = first->id,
		.more_count = count - 1,
		.rate = engine_rate(l, first->layer),
		.value = amount_zero(first->amount.asset)};
	CHECK(count > 0 && count <= BTC_PAYEE_MAX);
	/* should it come apart, each of them is paid under its own name */
	if (count > 1)
		r.effect = name_of(l, slice_of(first->effect_id.b, 16), (uint8_t)SIGN_PAYOUT);
	for (uint32_t i = 0; i < count; i++) {
		const struct transfer *t = &l->transfer[at[i]];
		if (i > 0)
			r.more[i - 1] = t->id;
		add_output(&weight, t->layer, t->destination_len);
		TRY(amount_add(&r.value, r.value, t->amount));
	}
	if (r.rate == 0 || engine_reserve(e, &r, &weight) != OK)
		return ERR_STATE;
	return intend(e, now_ms, &r, 0);
}

/* Where there is not enough for all of them, for as many as there is, first come, first paid; *left
 * is what may still be decided. */
static void decide_payout(
	struct engine *e, uint64_t now_ms, const uint32_t *at, uint32_t count, uint32_t *left)
{
	if (*left == 0 || count == 0)
		return;
	if (intend_payout(e, now_ms, at, count) == OK) {
		(*left)--;
		return;
	}
	if (count == 1)
		return;
	decide_payout(e, now_ms, at, count / 2, left);
	decide_payout(e, now_ms, at + count / 2, count - count / 2, left);
}

static bool leaves_alone(const struct transfer *t)
{
	return t->alone || utxo_destination_blinded(t->layer, t->destination_len);
}

/* A clock that was set back lets nothing wait longer. */
static uint64_t waits_until(const struct ledger *l, const struct transfer *t, uint64_t now_ms)
{
	const bool company = layer_payees_max(t->layer) > 1 && !leaves_alone(t);
	return company && now_ms >= t->created_ms ? t->created_ms + l->params.payout_wait_ms : 0;
}

/* First come, first paid; what may leave together and is not due waits for others. */
static void decide_payouts(
	struct engine *e, uint64_t now_ms, enum layer_id layer, uint32_t waiting, uint32_t *left)
{
	const struct ledger *l = e->ledger;
	const uint32_t payees_max = layer_payees_max(layer);
	struct company c = {.count = 0};
	for (uint32_t i = l->transfer_first; i < l->transfer_count && waiting > 0 && *left > 0;
		i++) {
		const struct transfer *t = &l->transfer[i];
		if (t->effect != INDEX_NONE)
			continue;
		waiting--;
		if (t->layer != layer)
			continue;
		if (leaves_alone(t)) {
			decide_payout(e, now_ms, &i, 1, left);
			continue;
		}
		c.at[c.count++] = i;
		if (c.count == payees_max) {
			decide_payout(e, now_ms, c.at, c.count, left);
			c.count = 0;
		}
	}
	if (c.count == 0)
		return;
	const uint64_t until = waits_until(l, &l->transfer[c.at[0]], now_ms);
	if (until <= now_ms)
		decide_payout(e, now_ms, c.at, c.count, left);
	else if (until < e->look_ms)
		e->look_ms = until;
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

/* The rate of the next replacement; 0: none is due, or the bound is reached. */
static uint64_t bump_rate(const struct ledger *l, const struct effect *f)
{
	const struct layer_params *p = &l->params.layer[f->layer];
	const uint64_t tip = l->layer[f->layer].tip.height;
	const bool urgent = blocks_left(l, f) <= (uint64_t)p->claim_blocks * BUMP_URGENT_BLOCKS;
	const bool spends_lock = f->purpose == SIGN_CLAIM || f->purpose == SIGN_REFUND;
	const uint64_t last = f->variant[f->variant_count - 1].rate;
	const uint64_t percent = urgent ? BUMP_URGENT_PERCENT : BUMP_PERCENT;

	if (tip < f->last_variant_height + p->bump_blocks || last >= p->fee_rate_max)
		return 0;
	uint64_t rate = engine_rate(l, f->layer);
	const uint64_t least = last / 100 * percent + last % 100 * percent / 100;
	if (MUTANT(BUMP_FORGETS_RATE))
		return rate;
	if (rate < least)
		rate = least;
	if (rate < last + layer_rate_step(f->layer))
		rate = last + layer_rate_step(f->layer);
	if (rate > p->fee_rate_max)
		rate = p->fee_rate_max;
	if (spends_lock)
		rate = affordable_rate(p, f->purpose, f->value, rate);
	/* nodes want a tenth more at least: a smaller step would be refused */
	return rate >= last + last / 10 ? rate : 0;
}

/* A lock-up is not hurried any more once the client showed the preimage, or when it comes too late.
 */
static bool may_bump(const struct engine *e, const struct effect *f)
{
	const struct ledger *l = e->ledger;
	if (layer_family(f->layer) == FAMILY_CHANNEL)
		return false;
	if (effect_external(l, f))
		return false; /* nobody here could sign the replacement */
	if (f->state != EFFECT_PREPARED || f->variant_wanted != f->variant_count - 1 ||
		f->variant_count >= EFFECT_VARIANTS_MAX || MUTANT(NOTHING_BUMPED) ||
		(MUTANT(CLAIM_NOT_BUMPED) && f->purpose == SIGN_CLAIM))
		return false;
	if (f->purpose != SIGN_LOCK || f->swap == INDEX_NONE || f->called_off)
		return true;
	const struct swap *s = &l->swap[f->swap];
	if (f->variant_count >= LOCK_VARIANTS_MAX)
		return false;
	return !s->preimage_known && engine_rate(l, f->layer) != 0 &&
		lock_still_safe(l, s, s->dest.timelock);
}

/* What an own payment pays at a new rate, scaled from what it pays now. ERR_RANGE: its coins don't
 * cover that. */
static enum err scaled_fee(
	struct sat *out, const struct effect *f, uint64_t rate, struct amount pays)
{
	const struct effect_variant *v = f->variant_count > 0 ? &f->variant[f->variant_count - 1]
							      : NULL;
	struct amount fee = v != NULL ? v->fee : amount_of(layer_asset(f->layer), f->fee.raw),
		      spent;
	TRY(amount_mul_div(&fee, fee, rate, v != NULL ? v->rate : f->rate, true));
	TRY(amount_add(&spent, fee, pays));
	if (amount_cmp(spent, f->reserved) > 0)
		return ERR_RANGE;
	return amount_to_sat(out, fee);
}

/* Where the gas of a call is taken from. */
static enum account gas_account(enum layer_id layer)
{
	return layer_gas_apart(layer) ? ACCOUNT_GAS_AVAILABLE : ACCOUNT_AVAILABLE;
}

static enum err gas_added(struct amount *out, const struct effect *f, uint64_t rate)
{
	return amount_mul(out, amount_of(layer_gas_asset(f->layer), rate - f->rate), f->gas_limit);
}

static enum err decide_bump(struct engine *e, uint64_t now_ms, const struct effect *f)
{
	const struct ledger *l = e->ledger;
	struct rec_bump r = {.effect = f->id,
		.variant = f->variant_count,
		.added = amount_zero(layer_gas_asset(f->layer))};
	if (!may_bump(e, f))
		return ERR_STATE;
	r.rate = bump_rate(l, f);
	if (r.rate == 0)
		return ERR_STATE;
	if (layer_family(f->layer) == FAMILY_ACCOUNT) {
		TRY(gas_added(&r.added, f, r.rate));
		if (amount_cmp(r.added, ledger_balance(l, f->layer, gas_account(f->layer))) > 0)
			return ERR_STATE;
	} else if (f->coin_count > 0) {
		TRY(scaled_fee(&r.fee, f, r.rate, f->called_off ? layer_dust(f->layer) : f->value));
	}
	struct buf record = engine_record(e, now_ms);
	rec_bump_put(&record, &r, f->layer);
	return engine_append(e, REC_BUMP, &record, JOURNAL_ESSENTIAL);
}

/* ---- calling off ---- */

uint64_t engine_rate_over(enum layer_id layer, uint64_t last)
{
	const uint64_t rate = last / 100 * BUMP_PERCENT + last % 100 * BUMP_PERCENT / 100 + 1;
	const uint64_t least = last + layer_rate_step(layer);
	return rate < least ? least : rate;
}

enum err engine_call_off(struct engine *e, uint64_t now_ms, const struct id128 *effect)
{
	const struct ledger *l = e->ledger;
	const struct effect *f = ledger_effect(l, effect);
	if (f == NULL)
		return ERR_NOT_FOUND;
	struct rec_bump r = {.effect = f->id,
		.variant = f->variant_count,
		.rate = f->rate,
		.added = amount_zero(layer_gas_asset(f->layer))};
	const uint64_t now = engine_rate(l, f->layer);
	if (f->variant_count > 0)
		r.rate = engine_rate_over(f->layer, f->variant[f->variant_count - 1].rate);
	if (r.rate < now)
		r.rate = now;
	if (layer_gas_apart(f->layer) && r.rate > f->rate)
		TRY(gas_added(&r.added, f, r.rate));
	/* on account chains the value that is not paid covers the gas, where they are one */
	if (layer_family(f->layer) == FAMILY_UTXO)
		TRY(scaled_fee(&r.fee, f, r.rate, layer_dust(f->layer)));
	struct buf record = engine_record(e, now_ms);
	rec_bump_put(&record, &r, f->layer);
	return engine_append(e, REC_CALL_OFF, &record, JOURNAL_ESSENTIAL);
}

/* A signed lock-up that came too late stays payable until what it spends is spent otherwise, and
 * could confirm when the client may take its own back (HAZARDS 43). */
static enum err decide_call_off(struct engine *e, uint64_t now_ms, const struct effect *f)
{
	const struct ledger *l = e->ledger;
	if (f->purpose != SIGN_LOCK || layer_family(f->layer) == FAMILY_CHANNEL ||
		f->state != EFFECT_PREPARED || f->swap == INDEX_NONE || f->called_off ||
		f->variant_count >= EFFECT_VARIANTS_MAX)
		return ERR_STATE;
	const struct swap *s = &l->swap[f->swap];
	if (s->state != SWAP_DEST_LOCKING || MUTANT(LATE_LOCK_NOT_CALLED_OFF))
		return ERR_STATE;
	if (f->submitted ? !lock_dangerous(l, s) : lock_still_safe(l, s, s->dest.timelock))
		return ERR_STATE;
	return engine_call_off(e, now_ms, &f->id);
}

/* A nonce that nothing of ours has any more keeps back all that come after it. */
static enum err decide_fill(struct engine *e, uint64_t now_ms, enum layer_id layer)
{
	const struct ledger *l = e->ledger;
	const struct layer_state *s = &l->layer[layer];
	uint8_t what[16] = "nonce";
	if (layer_family(layer) != FAMILY_ACCOUNT || s->nonce_chain >= s->nonce_next ||
		MUTANT(NONCE_LEFT))
		return ERR_STATE;
	for (uint32_t i = 0; i < l->open_effect_count; i++) {
		const struct effect *f = &l->effect[l->open_effect[i]];
		if (f->layer == layer && f->nonce == s->nonce_chain)
			return ERR_STATE;
	}
	what[7] = (uint8_t)layer;
	store_le64(what + 8, s->nonce_chain);
	struct rec_intent r = {
		.effect = name_of(l, slice_of(what, sizeof what), (uint8_t)SIGN_NONCE_FILL),
		.purpose = SIGN_NONCE_FILL,
		.layer = layer,
		.rate = engine_rate(l, layer),
		.value = amount_zero(layer_asset(layer))};
	if (r.rate == 0 || engine_reserve_own(e, &r) != OK)
		return ERR_STATE;
	r.nonce = s->nonce_chain;
	return intend(e, now_ms, &r, JOURNAL_ESSENTIAL);
}

/* ---- all of it ---- */

/* A decision may lead to the next one of the same swap. */
static void decide_steps(struct engine *e, uint64_t now_ms, uint32_t swap, uint32_t *left)
{
	for (unsigned step = 0; step<SWAP_STATE_COUNT && * left> 0; step++, (*left)--)
		if (decide_swap(e, now_ms, &e->ledger->swap[swap]) != OK)
			return;
}

static void decide_transfers(struct engine *e, uint64_t now_ms, uint32_t *left)
{
	const struct ledger *l = e->ledger;
	e->look_ms = UINT64_MAX;
	for (uint32_t i = 0; i < LAYER_COUNT; i++)
		if (!l->latched && !amount_is_zero(l->layer[i].queued))
			decide_payouts(e, now_ms, (enum layer_id)i, l->transfers_waiting, left);
}

void engine_decide(struct engine *e, uint64_t now_ms)
{
	const struct ledger *l = e->ledger;
	uint32_t left = DECISIONS_MAX;

	if (e->failed || !l->has_params)
		return;
	/* what is under way before what is new: it may need the same money */
	for (uint32_t i = 0; i < l->active_swap_count; i++)
		if (l->swap[l->active_swap[i]].state != SWAP_SOURCE_LOCKED)
			decide_steps(e, now_ms, l->active_swap[i], &left);
	for (uint32_t i = 0; i < LAYER_COUNT; i++)
		if (left > 0 && decide_approval(e, now_ms, (enum layer_id)i) == OK)
			left--;
	for (uint32_t i = 0; i < LAYER_COUNT; i++)
		if (left > 0 && decide_fill(e, now_ms, (enum layer_id)i) == OK)
			left--;
	for (uint32_t i = 0; i < l->open_effect_count && left > 0; i++) {
		const struct effect *f = &l->effect[l->open_effect[i]];
		if (decide_call_off(e, now_ms, f) == OK || decide_bump(e, now_ms, f) == OK)
			left--;
	}
	for (uint32_t i = 0; i < l->active_swap_count; i++)
		if (l->swap[l->active_swap[i]].state == SWAP_SOURCE_LOCKED)
			decide_steps(e, now_ms, l->active_swap[i], &left);
	decide_transfers(e, now_ms, &left);
}

void engine_decide_changed(struct engine *e, uint64_t now_ms)
{
	const struct ledger *l = e->ledger;
	uint32_t changed[CHANGED_MAX], left = DECISIONS_MAX;
	const uint32_t count = l->dirty_count;

	if (e->failed || !l->has_params)
		return;
	if (count > CHANGED_MAX) {
		engine_decide(e, now_ms);
		return;
	}
	/* a copy: each decision is a record that changes things, too */
	memcpy(changed, l->dirty, count * sizeof changed[0]);
	for (uint32_t i = 0; i < count; i++)
		if ((changed[i] & DIRTY_TRANSFER) == 0)
			decide_steps(e, now_ms, changed[i], &left);
	decide_transfers(e, now_ms, &left);
}
