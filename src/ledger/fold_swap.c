#include "ledger/fold.h"

#include "crypto/hash.h"

#include <stdio.h>

struct lock_fact *leg_bound(struct leg *leg)
{
	return leg->bound == INDEX_NONE ? NULL : &leg->lock[leg->bound];
}

void swap_activate(struct ledger *l, uint32_t index)
{
	struct swap *s = &l->swap[index];
	ledger_mark_dirty(l, index);
	if (s->active)
		return;
	CHECK(l->active_swap_count < l->capacity.swaps);
	s->active = true;
	l->active_swap[l->active_swap_count++] = index;
}

enum err fold_swap(struct ledger *l, const struct rec_swap *r)
{
	if (r->from == r->to || r->source_terms.len > LEG_SIZE_MAX ||
		r->dest_terms.len > LEG_SIZE_MAX)
		return ERR_FORMAT;
	if (amount_cmp(r->source_amount, amount_max(layer_asset(r->from))) > 0 ||
		amount_cmp(r->dest_amount, amount_max(layer_asset(r->to))) > 0 ||
		amount_cmp(r->fee, r->source_amount) > 0)
		return ERR_RANGE;
	/* the hash of a swap is unique for ever (HAZARDS 27) */
	if (map_get(&l->swap_by_id, r->id.b) != MAP_NONE ||
		(ledger_hash_used(l, &r->hash) && !MUTANT(HASH_TWICE)) ||
		map_get(&l->by_idempotency, r->idempotency_key.b) != MAP_NONE)
		return ERR_EXISTS;
	if (l->swap_count == l->capacity.swaps)
		return ERR_FULL;

	const uint32_t index = l->swap_count++;
	struct swap *s = &l->swap[index];
	*s = (struct swap){.id = r->id,
		.state = SWAP_OFFERED,
		.created_ms = l->time_ms,
		.updated_ms = l->time_ms,
		.expires_ms = r->expires_ms,
		.hash = r->hash,
		.source = {.layer = r->from,
			.amount = r->source_amount,
			.timelock = r->source_timelock,
			.terms_len = (uint32_t)r->source_terms.len,
			.depth = r->source_depth,
			.bound = INDEX_NONE},
		.dest = {.layer = r->to,
			.amount = r->dest_amount,
			.terms_len = (uint32_t)r->dest_terms.len,
			.depth = r->dest_depth,
			.bound = INDEX_NONE},
		.fee = r->fee,
		.lock_effect = INDEX_NONE,
		.claim_effect = INDEX_NONE,
		.refund_effect = INDEX_NONE,
		.cancel_effect = INDEX_NONE,
		.born_seq = l->seq,
		.seq = l->seq};
	if (r->source_terms.len > 0)
		memcpy(s->source.terms, r->source_terms.ptr, r->source_terms.len);
	if (r->dest_terms.len > 0)
		memcpy(s->dest.terms, r->dest_terms.ptr, r->dest_terms.len);
	memcpy(s->client_dest, r->client_dest, sizeof s->client_dest);
	CHECK(map_put(&l->swap_by_id, r->id.b, index) == OK);
	CHECK(map_put(&l->swap_by_hash, r->hash.b, index) == OK);
	l->idem[l->idem_count] = (struct idempotency){.key = r->idempotency_key,
		.body = r->idempotency_body,
		.is_swap = true,
		.index = index};
	CHECK(map_put(&l->by_idempotency, r->idempotency_key.b, l->idem_count) == OK);
	l->idem_count++;
	swap_activate(l, index);
	return OK;
}

/* ---- facts ---- */

static struct leg *leg_on(struct swap *s, enum layer_id layer)
{
	if (s->source.layer == layer)
		return &s->source;
	return s->dest.layer == layer ? &s->dest : NULL;
}

static struct lock_fact *lock_at(struct leg *leg, const struct locator *at)
{
	for (uint32_t i = 0; i < leg->lock_count; i++)
		if (hash256_eq(&leg->lock[i].at.tx, &at->tx) && leg->lock[i].at.index == at->index)
			return &leg->lock[i];
	return NULL;
}

bool leg_spendable(const struct leg *leg)
{
	if (leg->bound == INDEX_NONE)
		return false;
	const struct lock_fact *k = &leg->lock[leg->bound];
	return k->height != 0 && k->spent_height == 0;
}

/* An invoice is paid some time after it was made: what is held for it may be held for longer than
 * was agreed on, and never for less. */
static bool timelock_right(const struct leg *leg, const struct lock_fact *k)
{
	return layer_family(leg->layer) == FAMILY_CHANNEL ? k->timelock >= leg->timelock
							  : k->timelock == leg->timelock;
}

/* Is it what the terms say? Everything else stays refundable by whoever locked it (HAZARDS 18). */
static bool lock_right(const struct leg *leg, const struct lock_fact *k)
{
	return k->flags == 0 && (amount_cmp(k->amount, leg->amount) == 0 || MUTANT(ANY_AMOUNT)) &&
		timelock_right(leg, k);
}

/* A place for one more lock-up: a wrong or vanished one makes room, so that a stranger's dust can't
 * keep out the right one. */
static struct lock_fact *lock_slot(struct leg *leg)
{
	if (leg->lock_count < SWAP_LOCKS_MAX)
		return &leg->lock[leg->lock_count++];
	for (uint32_t i = 0; i < SWAP_LOCKS_MAX; i++)
		if (i != leg->bound &&
			(leg->lock[i].height == 0 || !lock_right(leg, &leg->lock[i])))
			return &leg->lock[i];
	return NULL;
}

/* A lock-up of ours counts when we made it, whatever a stranger pays to the same script. */
static bool lock_ours(const struct ledger *l, const struct swap *s, const struct chain_event *e)
{
	const struct effect *f = effect_of_tx(l, &e->tx);
	return f != NULL && s->lock_effect != INDEX_NONE && effect_index(l, f) == s->lock_effect;
}

static struct lock_fact *lock_known(struct leg *leg, const struct chain_event *e)
{
	struct lock_fact *k = lock_at(leg, &e->at);
	if (k == NULL) {
		k = lock_slot(leg);
		if (k != NULL)
			*k = (struct lock_fact){.at = e->at};
	}
	return k;
}

void swap_lock_event(
	struct ledger *l, enum layer_id layer, const struct chain_event *e, uint64_t height)
{
	struct swap *s = ledger_swap(l, &e->swap);
	struct leg *leg = s == NULL ? NULL : leg_on(s, layer);
	if (leg == NULL || (leg == &s->dest && (height == 0 || !lock_ours(l, s, e))))
		return;
	struct lock_fact *k = lock_known(leg, e);
	/* what a mempool says changes nothing about what is in a block */
	if (k == NULL || (height == 0 && k->height != 0))
		return;
	k->amount = e->amount;
	k->timelock = e->timelock;
	k->flags = e->flags;
	/* facts are told again after a restart: the first time counts */
	if (layer_family(layer) != FAMILY_CHANNEL || k->height == 0)
		k->height = height;
	const struct lock_fact *bound = leg_bound(leg);
	const bool free = bound == NULL || bound->height == 0;
	/* a payment is ours by its command, whatever its HTLCs say */
	const bool payment = leg == &s->dest && layer_family(layer) == FAMILY_CHANNEL;
	if (height != 0 && (payment || lock_right(leg, k)) && (leg == &s->dest || free))
		leg->bound = (uint32_t)(k - leg->lock);
	s->seq = l->seq;
	ledger_mark_dirty(l, swap_index(l, s));
	if (height == 0)
		swap_evaluate(l, swap_index(l, s));
}

/* What a spend of a lock-up means for the books; claims and refunds of our own on UTXO layers are
 * posted with their effect, which knows the fee. */
static void post_lock_spent(struct ledger *l, struct swap *s, struct leg *leg,
	const struct lock_fact *k, const struct chain_event *e, uint64_t height)
{
	const enum layer_id layer = leg->layer;
	const bool account = layer_family(layer) == FAMILY_ACCOUNT;
	const bool channel = layer_family(layer) == FAMILY_CHANNEL;
	if (leg->bound == INDEX_NONE || k != &leg->lock[leg->bound])
		return;
	if (channel) {
		/* what we pay is posted with the command, which has the reservation */
		if (leg == &s->source && e->spend == LOCK_SPEND_CLAIM)
			ledger_post(l, layer, 0, ACCOUNT_EXCHANGE, ACCOUNT_AVAILABLE, k->amount);
		return;
	}
	if (leg == &s->source) {
		if (e->spend == LOCK_SPEND_CLAIM && account) {
			ledger_post(
				l, layer, height, ACCOUNT_EXCHANGE, ACCOUNT_INFLIGHT, k->amount);
			credit_add(l, layer, height, k->amount);
		}
		return;
	}
	switch (e->spend) {
	case LOCK_SPEND_CLAIM:
		ledger_post(l, layer, height, ACCOUNT_LOCKED_OUT, ACCOUNT_EXCHANGE, k->amount);
		return;
	case LOCK_SPEND_REFUND:
		if (account) {
			ledger_post(
				l, layer, height, ACCOUNT_LOCKED_OUT, ACCOUNT_INFLIGHT, k->amount);
			credit_add(l, layer, height, k->amount);
		}
		return;
	case LOCK_SPEND_OTHER:
		ledger_post(
			l, layer, height, ACCOUNT_LOCKED_OUT, ACCOUNT_SUSPENSE_MISSING, k->amount);
		ledger_latch(l, "a lock-up of ours was spent in a way that we don't know");
		return;
	}
}

/* That a payment was under way need not have been told before its end is; NULL: it is none of ours.
 */
static struct lock_fact *payment_fact(struct swap *s, const struct chain_event *e, uint64_t height)
{
	struct leg *leg = &s->dest;
	struct lock_fact *k = s->lock_effect == INDEX_NONE ? NULL : lock_known(leg, e);
	if (k != NULL && k->height == 0) {
		k->amount = leg->amount;
		k->timelock = leg->timelock;
		k->height = height;
		leg->bound = (uint32_t)(k - leg->lock);
	}
	return k;
}

void swap_lock_spent(
	struct ledger *l, enum layer_id layer, const struct chain_event *e, uint64_t height)
{
	struct swap *s = ledger_swap(l, &e->swap);
	struct leg *leg = s == NULL ? NULL : leg_on(s, layer);
	if (leg == NULL)
		return;
	if (e->spend == LOCK_SPEND_CLAIM && !s->preimage_known &&
		!(MUTANT(PREIMAGE_IN_BLOCKS_ONLY) && height == 0)) {
		struct hash256 hash;
		sha256(&hash, slice_of(e->preimage.b, 32));
		if (hash256_eq(&hash, &s->hash)) {
			s->preimage = e->preimage;
			s->preimage_known = true;
		}
	}
	struct effect *f = effect_of_tx(l, &e->tx);
	if (f != NULL && height != 0 && layer_family(layer) == FAMILY_UTXO)
		effect_confirmed(l, f, &e->tx, height);
	struct lock_fact *k = layer_family(layer) == FAMILY_CHANNEL && leg == &s->dest
		? payment_fact(s, e, height)
		: lock_at(leg, &e->at);
	if (MUTANT(OWN_CLAIMS_ONLY) && leg == &s->source && f == NULL)
		return;
	if (k != NULL && height != 0 && k->spent_height == 0) {
		k->spent_height = height;
		k->spend = e->spend;
		k->spend_tx = e->tx;
		post_lock_spent(l, s, leg, k, e, height);
	}
	s->seq = l->seq;
	ledger_mark_dirty(l, swap_index(l, s));
	if (height == 0)
		swap_evaluate(l, swap_index(l, s));
}

/* ---- from facts to events ---- */

/* Before we lock, the source leg is bound to the right lock-up that is deepest and unspent. */
static const struct lock_fact *bind_source(struct swap *s)
{
	struct leg *leg = &s->source;
	leg->bound = INDEX_NONE;
	for (uint32_t i = 0; i < leg->lock_count; i++) {
		const struct lock_fact *k = &leg->lock[i];
		const struct lock_fact *best = leg_bound(leg);
		if (!lock_right(leg, k))
			continue;
		if (best == NULL || (best->spent_height != 0 && k->spent_height == 0) ||
			(k->height != 0 && k->spent_height == 0 &&
				(best->height == 0 || k->height < best->height)))
			leg->bound = i;
	}
	return leg_bound(leg);
}

/* The claim of this lock-up that was begun already; INDEX_NONE. */
static uint32_t claim_begun(const struct ledger *l, const struct swap *s, const struct lock_fact *k)
{
	for (uint32_t i = 0; i < l->open_effect_count; i++) {
		const struct effect *f = &l->effect[l->open_effect[i]];
		if (f->swap == swap_index(l, s) && f->purpose == SIGN_CLAIM &&
			hash256_eq(&f->lock.tx, &k->at.tx) && f->lock.index == k->at.index)
			return effect_index(l, f);
	}
	return INDEX_NONE;
}

/* After we locked, the binding stays while its lock-up can be claimed, or was. Where that one left
 * the chain or went back to the client, and another right one is there, that one is claimed. */
static void rebind_source(const struct ledger *l, struct swap *s)
{
	struct leg *leg = &s->source;
	const struct lock_fact *bound = leg_bound(leg);
	const bool good = bound != NULL && bound->height != 0 &&
		(bound->spent_height == 0 || bound->spend == LOCK_SPEND_CLAIM);
	for (uint32_t i = 0; !good && i < leg->lock_count; i++) {
		const struct lock_fact *k = &leg->lock[i];
		if (k->height != 0 && k->spent_height == 0 && lock_right(leg, k)) {
			leg->bound = i;
			break;
		}
	}
	/* on account chains a claim names the terms, not the place */
	if (s->claim_effect == INDEX_NONE || leg->bound == INDEX_NONE ||
		layer_family(leg->layer) == FAMILY_ACCOUNT)
		return;
	const struct effect *f = &l->effect[s->claim_effect];
	const struct lock_fact *k = &leg->lock[leg->bound];
	if (!hash256_eq(&f->lock.tx, &k->at.tx) || f->lock.index != k->at.index)
		s->claim_effect = claim_begun(l, s, k);
}

void swap_hold_off(struct ledger *l, struct swap *s, enum sign_purpose purpose)
{
	const bool claim = purpose == SIGN_CLAIM;
	const uint32_t shift = s->attempts < RETRY_SHIFT_MAX ? s->attempts : RETRY_SHIFT_MAX;
	const enum layer_id layer = claim ? s->source.layer : s->dest.layer;
	const uint64_t after = l->layer[layer].tip.height + (UINT64_C(1) << shift);
	s->attempts++;
	if (claim)
		s->claim_after = after;
	else
		s->refund_after = after;
	s->seq = l->seq;
	ledger_mark_dirty(l, swap_index(l, s));
}

/* A claim or refund that ended without doing it, of a lock-up that is still there, is made again.
 */
static void drop_failed(struct ledger *l, struct swap *s, uint32_t *effect, const struct leg *leg)
{
	if (*effect == INDEX_NONE || !leg_spendable(leg))
		return;
	const struct effect *f = &l->effect[*effect];
	if (f->state != EFFECT_VOID && !(f->confirmed_height != 0 && f->reverted))
		return;
	*effect = INDEX_NONE;
	swap_hold_off(l, s, f->purpose);
}

/* An invoice is paid once: when that was wrong, nothing right comes after it. */
static bool source_spoilt(const struct swap *s)
{
	return layer_family(s->source.layer) == FAMILY_CHANNEL && s->source.lock_count > 0;
}

static enum swap_event before_our_lock(struct ledger *l, struct swap *s)
{
	const struct lock_fact *k = bind_source(s);
	if (k == NULL && s->state == SWAP_OFFERED && source_spoilt(s)) {
		(void)snprintf(s->reason, sizeof s->reason,
			"what was paid differs from the terms: it goes back");
		return SWAP_EV_SOURCE_WRONG;
	}
	if (k == NULL)
		return s->state == SWAP_OFFERED ? SWAP_EVENT_COUNT : SWAP_EV_SOURCE_LOST;
	if (k->spent_height != 0)
		return SWAP_EV_SOURCE_TAKEN;
	const uint64_t depth = ledger_depth(l, s->source.layer, k->height);
	const bool deep = depth >= s->source.depth || MUTANT(MEMPOOL_IS_DEEP) ||
		(MUTANT(SHALLOW_IS_DEEP) && depth > 0);
	if (s->state == SWAP_SOURCE_LOCKED)
		return deep ? SWAP_EVENT_COUNT : SWAP_EV_SOURCE_LOST;
	if (deep)
		return SWAP_EV_SOURCE_DEEP;
	return s->state == SWAP_OFFERED ? SWAP_EV_SOURCE_SEEN : SWAP_EVENT_COUNT;
}

static enum swap_event after_our_lock(struct ledger *l, struct swap *s)
{
	const struct lock_fact *k = leg_bound(&s->dest);
	const uint64_t depth = k == NULL ? 0 : ledger_depth(l, s->dest.layer, k->height);

	if (s->preimage_known)
		return SWAP_EV_PREIMAGE;
	const struct effect *f = &l->effect[s->lock_effect];
	if (f->state == EFFECT_VOID || (f->state == EFFECT_FINAL && f->reverted)) {
		if (s->reason[0] == 0)
			(void)snprintf(s->reason, sizeof s->reason,
				"our lock-up could not be made while it was safe");
		return SWAP_EV_DEST_VOID;
	}
	if (s->refund_effect != INDEX_NONE)
		return SWAP_EV_REFUND_INTENT;
	/* a payment under way is nothing that the client could rely on: it arrives, or fails */
	if (layer_family(s->dest.layer) == FAMILY_CHANNEL)
		return SWAP_EVENT_COUNT;
	if (s->state == SWAP_DEST_LOCKED)
		return depth == 0 ? SWAP_EV_DEST_LOST : SWAP_EVENT_COUNT;
	return depth >= s->dest.depth ? SWAP_EV_DEST_DEEP : SWAP_EVENT_COUNT;
}

/* What the facts say happens next to a swap in its state; SWAP_EVENT_COUNT: nothing. */
static enum swap_event next_event(struct ledger *l, struct swap *s)
{
	const struct lock_fact *k;
	switch (s->state) {
	case SWAP_OFFERED:
	case SWAP_SOURCE_SEEN:
	case SWAP_SOURCE_LOCKED: return before_our_lock(l, s);
	case SWAP_DEST_LOCKING:
	case SWAP_DEST_LOCKED: return after_our_lock(l, s);
	case SWAP_CLAIMING:
		k = leg_bound(&s->source);
		if (k == NULL || k->spend == 0 || !is_final(l, s->source.layer, k->spent_height))
			return SWAP_EVENT_COUNT;
		note_final(l, s->source.layer, k->spent_height);
		return k->spend == LOCK_SPEND_CLAIM ? SWAP_EV_CLAIM_FINAL : SWAP_EV_SOURCE_TAKEN;
	case SWAP_REFUNDING:
		if (s->preimage_known)
			return SWAP_EV_PREIMAGE;
		k = leg_bound(&s->dest);
		if (k == NULL || k->spend != LOCK_SPEND_REFUND ||
			!is_final(l, s->dest.layer, k->spent_height))
			return SWAP_EVENT_COUNT;
		note_final(l, s->dest.layer, k->spent_height);
		return SWAP_EV_REFUND_FINAL;
	case SWAP_COMPLETED:
	case SWAP_REFUNDED:
	case SWAP_EXPIRED:
	case SWAP_DECLINED:
	case SWAP_BREACHED:
	case SWAP_STATE_COUNT: return SWAP_EVENT_COUNT;
	}
	return SWAP_EVENT_COUNT;
}

/* Close the exchange accounts of a completed swap: the margin is earned; a source that we took
 * although our own lock-up came back to us, or never was, is owed to the client. */
static void settle(struct ledger *l, struct swap *s)
{
	const struct lock_fact *k = leg_bound(&s->dest);
	if (s->settled || s->state != SWAP_COMPLETED)
		return;
	s->settled = true;
	if (k != NULL && k->spend == LOCK_SPEND_CLAIM)
		ledger_post(l, s->source.layer, 0, ACCOUNT_FEES_EARNED, ACCOUNT_EXCHANGE, s->fee);
	else
		ledger_post(l, s->source.layer, 0, ACCOUNT_SUSPENSE_IN, ACCOUNT_EXCHANGE,
			s->source.amount);
}

/* Liquidity is promised from when a lock-up is seen until we answer it or decline. */
static bool state_promised(enum swap_state state)
{
	return state == SWAP_SOURCE_SEEN || state == SWAP_SOURCE_LOCKED;
}

static void promise(struct ledger *l, const struct swap *s, enum swap_state was)
{
	struct amount *promised = &l->layer[s->dest.layer].promised;
	if (state_promised(s->state) && !state_promised(was))
		CHECK(amount_add(promised, *promised, s->dest.amount) == OK);
	if (!state_promised(s->state) && state_promised(was))
		CHECK(amount_sub(promised, *promised, s->dest.amount) == OK);
}

void swap_fire(struct ledger *l, uint32_t index, enum swap_event event)
{
	struct swap *s = &l->swap[index];
	enum swap_state to;
	const enum swap_state was = s->state;
	if (!swap_next(&to, was, event))
		return;
	s->state = to;
	promise(l, s, was);
	s->updated_ms = l->time_ms;
	s->seq = l->seq;
	ledger_mark_dirty(l, index);
	if (to == SWAP_BREACHED) {
		(void)snprintf(s->reason, sizeof s->reason,
			"the source was refunded after our lock-up "
			"was claimed");
		ledger_latch(l, "a swap was breached");
	}
}

void swap_evaluate(struct ledger *l, uint32_t index)
{
	/* each pass changes the state or stops; no path through the table is longer than its states
	 */
	for (unsigned pass = 0; pass < SWAP_STATE_COUNT; pass++) {
		struct swap *s = &l->swap[index];
		const enum swap_state was = s->state;
		if (s->lock_effect != INDEX_NONE)
			rebind_source(l, s);
		const enum swap_event event = next_event(l, s);
		if (event == SWAP_EVENT_COUNT)
			return;
		swap_fire(l, index, event);
		if (s->state == was)
			return;
	}
}

static bool source_ended(const struct swap *s)
{
	for (uint32_t i = 0; i < s->source.lock_count; i++)
		if (s->source.lock[i].spent_height != 0)
			return true;
	return false;
}

bool swap_wants_cancel(const struct swap *s)
{
	return layer_family(s->source.layer) == FAMILY_CHANNEL && !source_ended(s) &&
		(s->state == SWAP_DECLINED || s->state == SWAP_EXPIRED ||
			s->state == SWAP_REFUNDED);
}

/* Nobody can pay it any more, and nothing is held for it. */
static bool invoice_over(const struct ledger *l, const struct swap *s)
{
	return !swap_wants_cancel(s) ||
		(s->cancel_effect != INDEX_NONE &&
			l->effect[s->cancel_effect].state == EFFECT_FINAL);
}

/* Nothing of it can move any more: terminal, nothing of ours is on its way to the source, and our
 * lock-up is spent for good, or never was and won't be. */
static bool swap_over(struct ledger *l, struct swap *s)
{
	if (!swap_state_terminal(s->state) || !invoice_over(l, s))
		return false;
	/* a claim that was final, and left the chain: it counts again where it is seen again */
	if (s->claim_effect != INDEX_NONE && l->effect[s->claim_effect].open)
		return false;
	const struct lock_fact *k = leg_bound(&s->dest);
	if (k != NULL && k->height != 0) {
		if (!is_final(l, s->dest.layer, k->spent_height))
			return false;
		note_final(l, s->dest.layer, k->spent_height);
		return true;
	}
	return s->lock_effect == INDEX_NONE || !l->effect[s->lock_effect].open ||
		l->effect[s->lock_effect].swap == INDEX_NONE;
}

void swaps_evaluate_all(struct ledger *l)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < l->active_swap_count; i++) {
		const uint32_t index = l->active_swap[i];
		struct swap *s = &l->swap[index];
		drop_failed(l, s, &s->claim_effect, &s->source);
		drop_failed(l, s, &s->refund_effect, &s->dest);
		swap_evaluate(l, index);
		if (!swap_over(l, s)) {
			l->active_swap[kept++] = index;
			continue;
		}
		s->active = false;
		settle(l, s);
		ledger_mark_dirty(l, index);
	}
	l->active_swap_count = kept;
}

static void leg_reorg(struct leg *leg, uint64_t keep, bool ours)
{
	for (uint32_t i = 0; i < leg->lock_count; i++) {
		struct lock_fact *k = &leg->lock[i];
		if (k->spent_height > keep) {
			k->spent_height = 0;
			k->spend = 0;
			k->spend_tx = (struct hash256){{0}};
		}
		if (k->height > keep && !MUTANT(LOST_LOCK_COUNTS))
			k->height = 0;
	}
	/* a client's lock-up that left the chain counts again when it is seen again */
	uint32_t kept = 0;
	for (uint32_t i = 0; !ours && i < leg->lock_count; i++) {
		if (leg->lock[i].height == 0 && leg->bound != i)
			continue;
		if (leg->bound == i)
			leg->bound = kept;
		leg->lock[kept++] = leg->lock[i];
	}
	if (!ours)
		leg->lock_count = kept;
}

static bool leg_touched(const struct leg *leg, uint64_t keep)
{
	for (uint32_t i = 0; i < leg->lock_count; i++)
		if (leg->lock[i].height > keep || leg->lock[i].spent_height > keep)
			return true;
	return false;
}

void swaps_reorg(struct ledger *l, enum layer_id layer, uint64_t keep, bool deep)
{
	const uint32_t count = deep ? l->swap_count : l->active_swap_count;
	for (uint32_t i = 0; i < count; i++) {
		const uint32_t index = deep ? i : l->active_swap[i];
		struct swap *s = &l->swap[index];
		struct leg *leg = leg_on(s, layer);
		if (leg == NULL || !leg_touched(leg, keep))
			continue;
		swap_activate(l, index);
		leg_reorg(leg, keep, leg == &s->dest);
	}
}
