/* The payee's side: a hold invoice, made once for a hash. A node that can't hold now, or would give
 * up too early, refuses here, before there is a swap. */
#include <stdlib.h>

#include "layer/lightning/channels.h"
#include "wire/bolt11.h"

struct offer_op {
	struct lightning *l;
	struct leg_offer offer; /* its request is nobody's */
	layer_offer_cb cb;
	void *ctx;
};

static void offer_end(struct offer_op *o, enum err err, struct slice leg, const char *detail)
{
	if (!o->l->layer.dead)
		o->cb(o->ctx, err, leg, detail);
	free(o);
}

static void offer_failed(struct offer_op *o, enum err err, const char *detail)
{
	offer_end(o, err, slice_of(NULL, 0), detail);
}

/* How long the payer's HTLCs run at least, in blocks from now: until the time lock, as the node
 * gives up what it holds before they expire. Whoever pays later locks for as long from then. */
static uint64_t blocks_needed(const struct offer_op *o)
{
	return o->offer.timelock + lightning_hold_margin() - o->l->height;
}

static void offer_made(struct offer_op *o, const char *request)
{
	uint8_t storage[LAYER_LEG_MAX];
	struct buf leg = buf_init(storage, sizeof storage);
	o->offer.request = slice_str(request);
	const enum err err = lightning_pure.leg_make(&leg, &o->offer);
	if (err == OK)
		offer_end(o, OK, buf_slice(&leg), "");
	else
		offer_failed(o, err, "an invoice that does not ask for these terms");
}

/* One of this hash is there: ours, if its terms are these. */
static void on_existing(void *op, unsigned tag, const struct ln_answer *a)
{
	struct offer_op *o = op;
	(void)tag;
	if (a->err != OK) {
		offer_failed(o, a->err, a->detail);
		return;
	}
	struct bolt11 *b = malloc(sizeof *b);
	enum err err = b == NULL ? ERR_FULL : bolt11_decode(b, slice_str(a->invoice->request));
	if (err == OK &&
		(a->invoice->state != LN_INVOICE_OPEN || a->invoice->held_count > 0 ||
			amount_cmp(o->offer.amount,
				amount_of(ASSET_BTC, b->amount_msat / BOLT11_MSAT_PER_SAT)) != 0 ||
			b->final_cltv < blocks_needed(o)))
		err = ERR_EXISTS;
	free(b);
	if (err != OK)
		offer_failed(o, ERR_EXISTS, "there is an invoice of this hash with other terms");
	else
		offer_made(o, a->invoice->request);
}

static void on_hold(void *op, unsigned tag, const struct ln_answer *a)
{
	struct offer_op *o = op;
	const struct ln_question q = {.ask = LN_ASK_INVOICE, .hash = o->offer.hash};
	(void)tag;
	if (a->err == OK) {
		offer_made(o, a->request);
		return;
	}
	enum err err = a->err;
	if (err == ERR_EXISTS)
		err = lightning_ask(o->l, &q, on_existing, o, 0);
	if (err != OK)
		offer_failed(o, err, a->detail);
}

static enum err hold_question(
	struct ln_question *q, const struct lightning *l, const struct leg_offer *offer)
{
	const uint64_t now_ms = loop_wall_ms(l->layer.config.loop);
	struct sat amount;
	TRY(amount_to_sat(&amount, offer->amount));
	if (l->height == 0)
		return ERR_UNAVAILABLE; /* where the chain is has not been told yet */
	if (amount.raw == 0 || offer->timelock <= l->height ||
		offer->timelock + lightning_hold_margin() + LN_HEIGHT_SLACK - l->height >
			LN_LOCK_BLOCKS_MAX ||
		offer->expires_ms < now_ms + 1000)
		return ERR_RANGE;
	*q = (struct ln_question){.ask = LN_ASK_HOLD,
		.hash = offer->hash,
		.amount = {amount.raw * BOLT11_MSAT_PER_SAT},
		.expiry_s = (uint32_t)((offer->expires_ms - now_ms) / 1000),
		.final_cltv = (uint32_t)(offer->timelock + lightning_hold_margin() +
			LN_HEIGHT_SLACK - l->height)};
	return OK;
}

enum err lightning_offer(
	struct layer *layer, const struct leg_offer *offer, layer_offer_cb cb, void *ctx)
{
	struct lightning *l = lightning_of(layer);
	struct ln_question q;
	if (offer->provider_claims == layer->config.taker ||
		offer->network != layer->config.network)
		return ERR_RANGE;
	TRY(hold_question(&q, l, offer));
	struct offer_op *o = malloc(sizeof *o);
	if (o == NULL)
		return ERR_FULL;
	*o = (struct offer_op){.l = l, .offer = *offer, .cb = cb, .ctx = ctx};
	o->offer.request = slice_of(NULL, 0);
	const enum err err = lightning_ask(l, &q, on_hold, o, 0);
	if (err != OK)
		free(o);
	return err;
}
