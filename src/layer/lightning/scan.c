/* What is ours in the node's channels, to be held against the books.
 *
 * Ours is what comes back to us if nothing more happens: our side of every channel, the
 * commitment's fee where we pay it, what we have sent and nobody has claimed, and what was paid to
 * us and its channel has not been told yet. Not ours is what we hold in a channel that is being
 * closed, though lnd counts it as in limbo. A forward under way changes nothing of that until it
 * has earned its fee. The node tells of channels, payments and invoices in questions of their own,
 * and each may be ahead of the others: so two looks with a pause between must find the same. Where
 * no two of LN_SCAN_LOOKS_MAX do, the node never rests: the most that was seen is told, and how
 * much less the least was.
 */
#include <stdlib.h>

#include "layer/lightning/channels.h"

#define LN_SCAN_PAUSE_MS 250u
#define LN_SCAN_LOOKS_MAX 8u
#define LN_SCAN_INCOMING_MAX 256u /* hashes that are being paid to us */

struct incoming {
	struct hash256 hash;
	struct msat amount; /* of its HTLCs */
	uint32_t htlc_count;
	bool ours; /* settled: that is known or was told */
	struct msat settled;
	uint32_t settled_count;
};

struct look {
	struct msat total, sent;
	struct ln_limbo limbo;
};

struct scan_op {
	struct op op;
	layer_scan_cb cb;
	void *ctx;
	struct table asked; /* hashes */
	struct look last, now;
	struct msat most, least; /* totals, of the looks that count */
	uint32_t looks, counted;
	bool unsettled; /* this look does not count: a payment to us is half told */
	bool looked_up;
	struct incoming incoming[LN_SCAN_INCOMING_MAX];
	uint32_t incoming_count;
	struct layer_scan out;
};

static void scan_free(struct scan_op *s)
{
	table_fini(&s->asked);
	free(s);
}

static void failed(struct scan_op *s, enum err err, const char *what)
{
	if (s->op.err == OK)
		s->op.err = DETAIL(s->out.detail, err, "%s", what);
}

static void sum_up(struct scan_op *s, struct msat *sum, struct msat more)
{
	if (more.raw > LN_MSAT_MAX - sum->raw)
		failed(s, ERR_FORMAT, "more than all money");
	else
		sum->raw += more.raw;
}

/* ---- answers ---- */

static bool usable(struct scan_op *s, const struct ln_answer *a)
{
	if (a->err != OK)
		failed(s, a->err, a->detail);
	return a->err == OK;
}

static void on_balance(void *op, unsigned tag, const struct ln_answer *a)
{
	struct scan_op *s = op;
	(void)tag;
	if (usable(s, a)) {
		sum_up(s, &s->now.total, a->balance->local);
		sum_up(s, &s->now.total, a->balance->unsettled_local);
	}
	op_done(&s->op);
}

static void on_limbo(void *op, unsigned tag, const struct ln_answer *a)
{
	struct scan_op *s = op;
	(void)tag;
	if (usable(s, a)) {
		s->now.limbo = *a->limbo;
		sum_up(s, &s->now.total, a->limbo->all);
	}
	op_done(&s->op);
}

static struct incoming *incoming_find(struct scan_op *s, const struct hash256 *hash)
{
	for (uint32_t i = 0; i < s->incoming_count; i++)
		if (hash256_eq(&s->incoming[i].hash, hash))
			return &s->incoming[i];
	return NULL;
}

static void add_incoming(struct scan_op *s, const struct ln_htlc *h)
{
	struct incoming *in = incoming_find(s, &h->hash);
	if (in == NULL && s->incoming_count == LN_SCAN_INCOMING_MAX) {
		failed(s, ERR_FULL, "too much is being paid to us");
		return;
	}
	if (in == NULL) {
		in = &s->incoming[s->incoming_count++];
		*in = (struct incoming){.hash = h->hash};
	}
	in->htlc_count++;
	sum_up(s, &in->amount, h->amount);
}

static void on_channels(void *op, unsigned tag, const struct ln_answer *a)
{
	struct scan_op *s = op;
	(void)tag;
	if (usable(s, a)) {
		const struct ln_channels *all = a->channels;
		for (size_t i = 0; i < all->count; i++)
			sum_up(s, &s->now.total, all->channel[i].commit_fee);
		for (size_t i = 0; i < all->htlc_count; i++) {
			const struct ln_htlc *h = &all->htlc[i];
			if (h->incoming)
				add_incoming(s, h);
			else if (table_get(&s->asked, &h->hash) != NULL)
				sum_up(s, &s->now.sent, h->amount);
		}
	}
	op_done(&s->op);
}

/* ---- what is being paid to us ---- */

static void on_invoice(void *op, unsigned tag, const struct ln_answer *a)
{
	struct scan_op *s = op;
	struct incoming *in = &s->incoming[tag];
	if (a->err == OK && a->invoice->state == LN_INVOICE_SETTLED) {
		in->ours = true;
		in->settled = a->invoice->settled;
		in->settled_count = a->invoice->settled_count;
	} else if (a->err != OK && a->err != ERR_NOT_FOUND) { /* a forward */
		failed(s, a->err, a->detail);
	}
	op_done(&s->op);
}

static void look_up(struct scan_op *s)
{
	struct lightning *l = lightning_of(s->op.layer);
	s->looked_up = true;
	for (uint32_t i = 0; i < s->incoming_count; i++) {
		struct incoming *in = &s->incoming[i];
		const struct ln_question q = {.ask = LN_ASK_INVOICE, .hash = in->hash};
		const struct track *t = track_find(l, &in->hash);
		if (t != NULL && t->held) {
			in->ours = t->spent.state == FACT_TOLD && t->settled_count > 0;
			in->settled = t->settled;
			in->settled_count = t->settled_count;
		} else if (ln_node_can(l->layer.config.lightning, q.ask)) {
			lightning_op_ask(&s->op, &q, on_invoice, i);
		}
	}
}

/* ---- the end ---- */

static void begin_look(struct scan_op *s)
{
	static const struct {
		enum ln_ask ask;
		ln_ask_cb cb;
	} questions[] = {
		{LN_ASK_BALANCE, on_balance},
		{LN_ASK_CHANNELS, on_channels},
		{LN_ASK_LIMBO, on_limbo},
	};
	s->now = (struct look){0};
	s->unsettled = false;
	s->incoming_count = 0;
	s->looked_up = false;
	s->looks++;
	for (size_t i = 0; i < ARRAY_LEN(questions); i++) {
		const struct ln_question q = {.ask = questions[i].ask};
		lightning_op_ask(&s->op, &q, questions[i].cb, 0);
	}
}

static void look_again(void *op)
{
	struct scan_op *s = op;
	if (!s->op.layer->dead)
		begin_look(s);
	op_done(&s->op);
}

static void add_settled(struct scan_op *s)
{
	for (uint32_t i = 0; i < s->incoming_count; i++) {
		const struct incoming *in = &s->incoming[i];
		if (in->ours && in->htlc_count == in->settled_count)
			sum_up(s, &s->now.total, in->settled);
		else if (in->ours)
			s->unsettled = true;
	}
}

/* What we hold for swaps, and no open channel has: it is in one that is being closed, and its
 * payer's as long as we have not settled it. */
static struct msat held_in_closing(struct scan_op *s)
{
	struct lightning *l = lightning_of(s->op.layer);
	struct msat sum = {0};
	for (uint32_t i = 0; i < l->track.item_count; i++) {
		const struct track *t = ((const struct track_ref *)table_at(&l->track, i))->track;
		if (!t->held || t->lock.state == FACT_NONE || t->spent.state == FACT_TOLD)
			continue;
		const struct incoming *in = incoming_find(s, &t->hash);
		const uint64_t open = in == NULL ? 0 : in->amount.raw;
		struct sat held;
		if (amount_to_sat(&held, t->lock.event.amount) == OK &&
			held.raw * BOLT11_MSAT_PER_SAT > open)
			sum_up(s, &sum, (struct msat){held.raw * BOLT11_MSAT_PER_SAT - open});
	}
	return sum;
}

static void take_off_held(struct scan_op *s)
{
	struct msat theirs = s->now.limbo.undecided;
	if (theirs.raw == 0)
		return;
	const struct msat held = held_in_closing(s);
	if (held.raw < theirs.raw)
		theirs = held;
	/* limbo has it, and the total has limbo */
	s->now.limbo.all.raw -= theirs.raw;
	s->now.total.raw -= theirs.raw;
}

static bool same(const struct look *a, const struct look *b)
{
	return a->total.raw == b->total.raw && a->sent.raw == b->sent.raw &&
		a->limbo.all.raw == b->limbo.all.raw;
}

/* The same as the look before it. */
static bool count_look(struct scan_op *s)
{
	if (s->unsettled)
		return false;
	const bool seen = s->counted > 0 && same(&s->last, &s->now);
	if (s->counted == 0 || s->now.total.raw > s->most.raw)
		s->most = s->now.total;
	if (s->counted == 0 || s->now.total.raw < s->least.raw)
		s->least = s->now.total;
	if (seen)
		s->most = s->least = s->now.total;
	s->last = s->now;
	s->counted++;
	return seen;
}

static void answer(struct scan_op *s)
{
	struct layer *layer = s->op.layer;
	const uint64_t total = s->most.raw / BOLT11_MSAT_PER_SAT;
	const uint64_t least = s->least.raw / BOLT11_MSAT_PER_SAT;
	const uint64_t sent = s->last.sent.raw / BOLT11_MSAT_PER_SAT;
	s->out.err = s->op.err;
	s->out.block = layer->info.tip;
	if (s->op.err == OK && sent > total)
		s->out.err = DETAIL(s->out.detail, ERR_FORMAT, "more is sent than there is");
	s->out.wallet = amount_of(ASSET_BTC, s->out.err == OK ? total - sent : 0);
	s->out.locked = amount_of(ASSET_BTC, s->out.err == OK ? sent : 0);
	s->out.limbo = amount_of(ASSET_BTC, s->last.limbo.all.raw / BOLT11_MSAT_PER_SAT);
	s->out.spread = amount_of(ASSET_BTC, s->out.err == OK ? total - least : 0);
	s->cb(s->ctx, &s->out);
}

/* All answers of a look, or of its second half, are there. */
static void scan_end(struct op *op)
{
	struct scan_op *s = (struct scan_op *)(void *)op;
	op->pending = 1;
	if (!op->layer->dead && op->err == OK && !s->looked_up) {
		look_up(s);
		op_done(op);
		return;
	}
	if (!op->layer->dead && op->err == OK) {
		add_settled(s);
		take_off_held(s);
	}
	if (!op->layer->dead && op->err == OK && !count_look(s)) {
		if (s->looks < LN_SCAN_LOOKS_MAX) {
			const enum err err = layer_wait(op->layer, LN_SCAN_PAUSE_MS, look_again, s);
			if (err == OK)
				return;
			failed(s, err, "no timer");
		} else if (s->counted == 0) {
			failed(s, ERR_UNAVAILABLE, "payments to us are being settled");
		}
	}
	if (!op->layer->dead)
		answer(s);
	scan_free(s);
}

static void scan_drop(struct op *op)
{
	scan_free((struct scan_op *)(void *)op);
}

enum err lightning_scan(struct layer *layer, const struct layer_lock_ref *lock, size_t lock_count,
	layer_scan_cb cb, void *ctx)
{
	struct scan_op *s = calloc(1, sizeof *s);
	if (s == NULL)
		return ERR_FULL;
	*s = (struct scan_op){
		.op = {.layer = layer, .pending = 1, .end = scan_end}, .cb = cb, .ctx = ctx};
	table_init(&s->asked, sizeof(struct hash256), sizeof(struct hash256), LAYER_SCAN_LOCKS_MAX);
	for (size_t i = 0; i < lock_count; i++)
		if (table_put(&s->asked, &lock[i].at.tx) == NULL) {
			scan_free(s);
			return ERR_FULL;
		}
	begin_look(s);
	return op_begun(&s->op, scan_drop);
}
