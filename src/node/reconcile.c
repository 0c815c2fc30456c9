#include "node/reconcile.h"

#include "node/log.h"
#include <stdlib.h>

struct layer_run {
	struct reconciler *r;
	enum layer_id layer;
	struct loop_timer timer;
	struct block_ref asked_at; /* the ledger's tip when the scan was asked for */
	struct amount asked_books; /* CHANNEL: the custody accounts then */
	struct layer_scan found;   /* waits until the ledger has folded its block */
	uint32_t waits;
	enum err said;          /* why it could not be done, when that was logged last */
	struct amount overflow; /* of coins without a place in the list, when it was logged last */
};

struct reconciler {
	struct reconcile_config config;
	struct layer_run run[LAYER_COUNT];
	struct layer_lock_ref lock[LAYER_SCAN_LOCKS_MAX];
};

static void scan(void *ctx);

static void set_timer(struct layer_run *run, uint64_t ms, loop_cb cb)
{
	/* with no timer left the next restart reconciles: metrics show the age of the last one */
	(void)!loop_timer_set(run->r->config.loop, &run->timer, ms, cb, run);
}

static void again(struct layer_run *run, uint64_t ms)
{
	set_timer(run, ms, scan);
}

/* Lock-ups of ours that were confirmed after the scan's list was made: it did not look for them.
 * All swaps are asked, also those that are over meanwhile. */
static bool locked_since(
	const struct ledger *l, enum layer_id layer, uint64_t after, uint64_t until)
{
	for (uint32_t i = 0; after < until && i < l->swap_count; i++) {
		const struct leg *leg = &l->swap[i].dest;
		if (leg->layer != layer || leg->bound == INDEX_NONE)
			continue;
		const uint64_t height = leg->lock[leg->bound].height;
		if (height > after && height <= until)
			return true;
	}
	return false;
}

/* The scan speaks of a block on our chain, not before its list was made, and its list was whole.
 * Blocks may have come since: the books are compared as of that block. */
static bool usable(const struct layer_run *run)
{
	const struct ledger *l = engine_ledger(run->r->config.engine);
	const struct block_ref *at = &run->found.block, *asked = &run->asked_at;
	return at->height >= asked->height && ledger_recent(l, run->layer, &asked->hash) != NULL &&
		ledger_recent(l, run->layer, &at->hash) != NULL &&
		!locked_since(l, run->layer, asked->height, at->height);
}

/* Value that came by way of a contract leaves no transaction to us: the scan is all that tells of
 * it. */
static void tell_surplus(const struct layer_run *run, struct amount before)
{
	const struct ledger *l = engine_ledger(run->r->config.engine);
	struct amount more = ledger_balance_credit(l, run->layer, ACCOUNT_SUSPENSE_IN);
	char text[AMOUNT_TEXT_SIZE];
	if (amount_sub(&more, more, before) != OK || amount_is_zero(more))
		return;
	amount_format(text, more);
	log_line(LOG_WARNING,
		"%s: %s %s arrived by block %llu without a transaction to us: in suspense:in",
		layer_name(run->layer), text, asset_name(more.asset),
		(unsigned long long)run->found.block.height);
}

/* Coins that the list had no place for are safe, and of no use. */
static void tell_overflow(struct layer_run *run)
{
	const struct amount now = ledger_balance(
		engine_ledger(run->r->config.engine), run->layer, ACCOUNT_OVERFLOW);
	char text[AMOUNT_TEXT_SIZE];
	if (amount_cmp(now, run->overflow) > 0) {
		amount_format(text, now);
		log_line(LOG_WARNING,
			"%s: capacity.coins is too small: %s %s of ours can't be spent from here",
			layer_name(run->layer), text, asset_name(now.asset));
	}
	run->overflow = now;
}

/* What commands under way may have moved already without our having been told. */
struct channel_slack {
	struct amount out, in;
};

static bool is_payment(const struct effect *f)
{
	return f->purpose == SIGN_LOCK || f->purpose == SIGN_PAYOUT;
}

static enum err slack_of(const struct ledger *l, enum layer_id layer, struct channel_slack *out)
{
	out->out = out->in = amount_zero(layer_asset(layer));
	for (uint32_t i = 0; i < l->open_effect_count; i++) {
		const struct effect *f = &l->effect[l->open_effect[i]];
		if (f->layer != layer || f->state != EFFECT_PREPARED)
			continue;
		if (is_payment(f))
			TRY(amount_add(&out->out, out->out, f->reserved));
		else if (f->purpose == SIGN_CLAIM)
			TRY(amount_add(&out->in, out->in, l->swap[f->swap].source.amount));
	}
	return OK;
}

/* Channels have no blocks: the books as of now, and only where nothing was told between question
 * and answer. A node may have paid or settled already what it has not told yet: a difference that
 * this explains is none, and none is taken for a gain. */
static bool channels_comparable(const struct layer_run *run)
{
	const struct ledger *l = engine_ledger(run->r->config.engine);
	const struct amount books = ledger_custody(l, run->layer);
	struct channel_slack slack;
	struct amount chain, least;
	if (amount_cmp(books, run->asked_books) != 0 ||
		amount_add(&chain, run->found.wallet, run->found.locked) != OK ||
		slack_of(l, run->layer, &slack) != OK || amount_add(&least, chain, slack.out) != OK)
		return false;
	if (amount_cmp(chain, books) > 0)
		return amount_is_zero(slack.in);
	return amount_cmp(chain, books) == 0 || amount_is_zero(slack.out) ||
		amount_cmp(least, books) < 0;
}

/* A node that never rests has not one number. The books are right where they lie between what was
 * seen; of a gain the least counts; a loss is one when it is larger than what moved. False: asked
 * again. */
static bool narrow(struct layer_run *run)
{
	struct layer_scan *found = &run->found;
	const struct amount books = ledger_custody(
		engine_ledger(run->r->config.engine), run->layer);
	struct amount most, least, bound;
	if (amount_is_zero(found->spread))
		return true;
	if (amount_add(&most, found->wallet, found->locked) != OK ||
		amount_sub(&least, most, found->spread) != OK ||
		amount_add(&bound, most, found->spread) != OK)
		return false;
	if (amount_cmp(books, least) < 0)
		most = least;
	else if (amount_cmp(books, most) <= 0)
		most = books;
	else if (amount_cmp(books, bound) <= 0)
		return false;
	return amount_sub(&found->wallet, most, found->locked) == OK &&
		amount_cmp(found->limbo, found->wallet) <= 0;
}

static void weigh_channels(struct layer_run *run)
{
	struct engine *e = run->r->config.engine;
	const struct layer_scan *found = &run->found;
	const struct amount before = ledger_balance_credit(
		engine_ledger(e), run->layer, ACCOUNT_SUSPENSE_IN);
	enum err err = ERR_STATE;
	if (narrow(run) && channels_comparable(run))
		err = engine_reconciled_channels(e, loop_wall_ms(run->r->config.loop), run->layer,
			found->wallet, found->locked, found->limbo);
	if (err == OK)
		tell_surplus(run, before);
	again(run, err == OK ? run->r->config.interval_ms : RECONCILE_RETRY_MS);
}

static void weigh(void *ctx)
{
	struct layer_run *run = ctx;
	struct engine *e = run->r->config.engine;
	const struct layer_scan *found = &run->found;

	if (layer_family(run->layer) == FAMILY_CHANNEL) {
		weigh_channels(run);
		return;
	}
	/* the node may have told us of a block that is still on its way to the ledger */
	if (engine_ledger(e)->layer[run->layer].tip.height < found->block.height &&
		run->waits++ < RECONCILE_WAITS_MAX) {
		set_timer(run, RECONCILE_RETRY_MS, weigh);
		return;
	}
	const struct amount before = ledger_balance_credit(
		engine_ledger(e), run->layer, ACCOUNT_SUSPENSE_IN);
	enum err err = ERR_STATE;
	if (usable(run))
		err = engine_reconciled(e, loop_wall_ms(run->r->config.loop), run->layer,
			&found->block, found->wallet, found->locked, found->gas);
	if (err == OK)
		tell_surplus(run, before);
	tell_overflow(run);
	again(run, err == OK ? run->r->config.interval_ms : RECONCILE_RETRY_MS);
}

static void on_scan(void *ctx, const struct layer_scan *answer)
{
	struct layer_run *run = ctx;
	if (answer->err != OK && answer->err != run->said)
		log_line(LOG_WARNING, "%s: can't be reconciled: %s: %s", layer_name(run->layer),
			err_name(answer->err), answer->detail);
	run->said = answer->err;
	if (answer->err != OK) {
		again(run, RECONCILE_RETRY_MS);
		return;
	}
	run->found = *answer;
	run->waits = 0;
	weigh(run);
}

/* Payments that may be on their way. */
static size_t open_payments(struct reconciler *r, enum layer_id layer)
{
	const struct ledger *l = engine_ledger(r->config.engine);
	size_t n = 0;
	for (uint32_t i = 0; i < l->open_effect_count && n < LAYER_SCAN_LOCKS_MAX; i++) {
		const struct effect *f = &l->effect[l->open_effect[i]];
		if (f->layer != layer || !is_payment(f))
			continue;
		struct layer_lock_ref *ref = &r->lock[n++];
		*ref = (struct layer_lock_ref){.at = {.index = 0}};
		if (f->swap != INDEX_NONE) {
			const struct swap *s = &l->swap[f->swap];
			ref->leg = slice_of(s->dest.terms, s->dest.terms_len);
			ref->at.tx = s->hash;
		} else if (f->transfer != INDEX_NONE) {
			ref->at.tx = l->transfer[f->transfer].hash;
		}
	}
	return n;
}

/* Our own lock-ups that the books say are still locked. */
static size_t open_locks(struct reconciler *r, enum layer_id layer)
{
	const struct ledger *l = engine_ledger(r->config.engine);
	size_t n = 0;
	for (uint32_t i = 0; i < l->active_swap_count && n < LAYER_SCAN_LOCKS_MAX; i++) {
		const struct swap *s = &l->swap[l->active_swap[i]];
		const struct leg *leg = &s->dest;
		if (leg->layer != layer || leg->bound == INDEX_NONE)
			continue;
		const struct lock_fact *k = &leg->lock[leg->bound];
		if (k->height == 0 || k->spent_height != 0)
			continue;
		r->lock[n++] = (struct layer_lock_ref){
			.leg = slice_of(leg->terms, leg->terms_len), .at = k->at};
	}
	return n;
}

static void scan(void *ctx)
{
	struct layer_run *run = ctx;
	struct reconciler *r = run->r;
	const size_t n = layer_family(run->layer) == FAMILY_CHANNEL ? open_payments(r, run->layer)
								    : open_locks(r, run->layer);
	run->asked_at = engine_ledger(r->config.engine)->layer[run->layer].tip;
	run->asked_books = ledger_custody(engine_ledger(r->config.engine), run->layer);
	if (layer_scan(r->config.layer[run->layer], r->lock, n, on_scan, run) != OK)
		again(run, RECONCILE_RETRY_MS);
}

enum err reconcile_create(struct reconciler **out, const struct reconcile_config *config)
{
	struct reconciler *r = calloc(1, sizeof *r);
	if (r == NULL)
		return ERR_FULL;
	r->config = *config;
	for (unsigned i = 0; i < LAYER_COUNT; i++)
		r->run[i] = (struct layer_run){.r = r,
			.layer = (enum layer_id)i,
			.overflow = amount_zero(layer_asset((enum layer_id)i))};
	*out = r;
	return OK;
}

void reconcile_destroy(struct reconciler *r)
{
	if (r == NULL)
		return;
	for (unsigned i = 0; i < LAYER_COUNT; i++)
		loop_timer_cancel(r->config.loop, &r->run[i].timer);
	free(r);
}

void reconcile_start(struct reconciler *r, enum layer_id layer)
{
	again(&r->run[layer], RECONCILE_RETRY_MS);
}
