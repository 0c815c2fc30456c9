/* What a CHANNEL layer tells between blocks: a hold invoice that is paid for or let go, a payment
 * that arrived or failed for good. Each is final as it is told, and told again after a restart: the
 * second time it changes nothing. Commands end by facts alone; a node that does not know a hash, or
 * does not answer, ends nothing (HAZARDS 28, 29). */
#include "ledger/fold.h"

#include "crypto/hash.h"

/* ---- payments ---- */

/* It arrived: what left us is the amount and the routing fee. */
static void pay_done(
	struct ledger *l, struct effect *f, const struct chain_event *e, uint64_t height)
{
	struct amount fee = amount_zero(e->amount.asset);
	if (f->confirmed_height != 0)
		return;
	if (amount_sub(&fee, e->amount, f->value) != OK)
		fee = amount_zero(fee.asset); /* less than the invoice asks: counted as all of it */
	effect_mark_confirmed(l, f, &e->tx, height, false);
	struct amount left = f->reserved;
	effect_pay(l, f, &left, f->purpose == SIGN_LOCK ? ACCOUNT_EXCHANGE : ACCOUNT_EXTERNAL,
		f->value, 0);
	effect_pay(l, f, &left, ACCOUNT_FEES_NETWORK, fee, 0);
	ledger_post(l, f->layer, 0, ACCOUNT_RESERVED, ACCOUNT_AVAILABLE, left);
}

static void pay_ended(
	struct ledger *l, struct effect *f, const struct chain_event *e, uint64_t height)
{
	if (e->spend == LOCK_SPEND_CLAIM) {
		pay_done(l, f, e, height);
		return;
	}
	if (f->confirmed_height != 0 || f->state == EFFECT_VOID)
		return;
	f->conflict_height = height;
	effect_void(l, f, "the payment failed: nothing of it is under way any more");
}

/* The height after which no HTLC of it is alive, whatever a node did with it. */
static uint64_t pay_end(const struct ledger *l, const struct effect *f)
{
	const struct layer_params *p = &l->params.layer[f->layer];
	const uint64_t expiry = f->swap != INDEX_NONE ? l->swap[f->swap].dest.timelock
						      : f->last_variant_height + p->lock_blocks;
	return expiry + p->force_close_blocks;
}

void payments_expire(struct ledger *l, enum layer_id layer)
{
	const uint64_t tip = l->layer[layer].tip.height;
	for (uint32_t i = 0; i < l->open_effect_count; i++) {
		struct effect *f = &l->effect[l->open_effect[i]];
		if (f->layer != layer || f->submitted || f->confirmed_height != 0 ||
			f->state == EFFECT_VOID ||
			(f->purpose != SIGN_LOCK && f->purpose != SIGN_PAYOUT) ||
			tip < pay_end(l, f))
			continue;
		f->conflict_height = tip;
		effect_void(l, f, "no node took the payment while it was possible");
	}
}

/* ---- our invoices ---- */

/* The command did what it is for, or something else did the opposite first. */
static void command_ended(
	struct ledger *l, uint32_t effect, const struct hash256 *tx, bool done, uint64_t height)
{
	struct effect *f = effect == INDEX_NONE ? NULL : &l->effect[effect];
	if (f == NULL || f->confirmed_height != 0 || f->state == EFFECT_VOID)
		return;
	if (done) {
		effect_mark_confirmed(l, f, tx, height, false);
		return;
	}
	f->conflict_height = height;
	effect_void(l, f,
		f->purpose == SIGN_CLAIM ? "what was held for the invoice went back"
					 : "the invoice was settled");
}

/* ---- facts ---- */

static bool hash_is(const struct hash256 *hash, const struct hash256 *preimage)
{
	struct hash256 got;
	sha256(&got, slice_of(preimage->b, sizeof preimage->b));
	return hash256_eq(&got, hash);
}

/* Everything that can be wrong with it, before anything changes. */
static enum err check_fact(const struct ledger *l, enum layer_id layer, const struct chain_event *e)
{
	const struct swap *s = ledger_swap(l, &e->swap);
	if (layer_family(layer) != FAMILY_CHANNEL ||
		(e->kind != CHAIN_LOCK && e->kind != CHAIN_LOCK_SPENT) ||
		(e->kind == CHAIN_LOCK_SPENT && e->spend == LOCK_SPEND_OTHER))
		return ERR_FORMAT;
	if (amount_cmp(e->amount, amount_max(layer_asset(layer))) > 0)
		return ERR_RANGE;
	if (!l->layer[layer].born || (s != NULL && !hash256_eq(&s->hash, &e->at.tx)))
		return ERR_STATE;
	if (e->kind == CHAIN_LOCK_SPENT && e->spend == LOCK_SPEND_CLAIM &&
		!hash_is(&e->at.tx, &e->preimage))
		return ERR_CHECKSUM;
	return OK;
}

/* The payment that this fact is about; NULL: none of ours. */
static struct effect *payment_of(
	const struct ledger *l, enum layer_id layer, const struct swap *s, const struct hash256 *tx)
{
	struct effect *f = effect_of_tx(l, tx);
	if (s != NULL && s->dest.layer == layer && s->lock_effect != INDEX_NONE)
		f = &l->effect[s->lock_effect];
	return f != NULL && f->layer == layer &&
			(f->purpose == SIGN_LOCK || f->purpose == SIGN_PAYOUT)
		? f
		: NULL;
}

static void end_commands(struct ledger *l, enum layer_id layer, const struct swap *s,
	const struct chain_event *e, uint64_t height)
{
	struct effect *pay = payment_of(l, layer, s, &e->tx);
	if (s != NULL && s->source.layer == layer) {
		const bool claimed = e->spend == LOCK_SPEND_CLAIM;
		command_ended(l, s->claim_effect, &e->tx, claimed, height);
		command_ended(l, s->cancel_effect, &e->tx, !claimed, height);
	} else if (pay != NULL) {
		pay_ended(l, pay, e, height);
	}
}

enum err fold_fact(struct ledger *l, struct reader *in)
{
	enum layer_id layer;
	struct chain_event e;
	enum err err = rec_fact_get(in, &layer, &e, &l->seal);
	if (err == OK)
		err = check_fact(l, layer, &e);
	if (err == OK) {
		const struct swap *s = ledger_swap(l, &e.swap);
		const uint64_t height = l->layer[layer].tip.height;
		if (e.kind == CHAIN_LOCK) {
			swap_lock_event(l, layer, &e, height);
		} else {
			end_commands(l, layer, s, &e, height);
			swap_lock_spent(l, layer, &e, height);
		}
		effects_settle(l, layer);
		if (s != NULL)
			swap_evaluate(l, swap_index(l, s));
	}
	bytes_wipe(&e, sizeof e);
	return err;
}
