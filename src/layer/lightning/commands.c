/* Commands to the node: pay, settle, cancel. */
#include <stdlib.h>

#include "layer/lightning/channels.h"
#include "wire/bolt11.h"

struct answer_op {
	struct layer *layer;
	layer_submit_cb cb;
	void *ctx;
	struct submit_answer out;
};

static void on_later(void *op)
{
	const struct answer_op o = *(struct answer_op *)op;
	free(op);
	if (!o.layer->dead)
		o.cb(o.ctx, &o.out);
}

/* What is known without asking is answered from the loop all the same. */
static enum err answer_later(struct layer *layer, layer_submit_cb cb, void *ctx,
	enum submit_outcome outcome, const char *detail)
{
	struct answer_op *o = malloc(sizeof *o);
	if (o == NULL)
		return ERR_FULL;
	*o = (struct answer_op){.layer = layer, .cb = cb, .ctx = ctx, .out = {.outcome = outcome}};
	(void)DETAIL(o->out.detail, OK, "%s", detail);
	const enum err err = layer_wait(layer, 0, on_later, o);
	if (err != OK)
		free(o);
	return err;
}

/* ---- settle, cancel ---- */

struct end_op {
	struct lightning *l;
	enum ln_command_kind kind;
	layer_submit_cb cb;
	void *ctx;
};

static void on_ended(void *op, unsigned tag, const struct ln_answer *a)
{
	const struct end_op o = *(struct end_op *)op;
	struct submit_answer out = {.outcome = SUBMIT_UNKNOWN};
	(void)tag;
	free(op);
	if (o.l->layer.dead)
		return;
	if (a->err == OK)
		out.outcome = SUBMIT_ACCEPTED;
	else if (a->err == ERR_STATE) /* it has been settled, or cancelled, or holds nothing */
		out.outcome = SUBMIT_CONFLICT;
	(void)DETAIL(out.detail, OK, "%s", a->detail);
	o.cb(o.ctx, &out);
}

static enum err submit_end(
	struct lightning *l, const struct ln_command *c, layer_submit_cb cb, void *ctx)
{
	struct ln_question q = {.ask = c->kind == LN_SETTLE ? LN_ASK_SETTLE : LN_ASK_CANCEL,
		.hash = c->hash,
		.preimage = c->preimage};
	struct track *t = track_find(l, &c->hash);
	if (t != NULL && t->over) {
		/* told again, in case it was not kept */
		const bool done = (t->spent.event.spend == LOCK_SPEND_CLAIM) ==
			(c->kind == LN_SETTLE);
		const bool still_open = t->call != NULL && c->kind == LN_CANCEL;
		track_tell_again(t);
		if (!still_open)
			return answer_later(&l->layer, cb, ctx,
				done ? SUBMIT_KNOWN : SUBMIT_CONFLICT, "it has ended");
	}
	struct end_op *o = malloc(sizeof *o);
	if (o == NULL)
		return ERR_FULL;
	*o = (struct end_op){.l = l, .kind = c->kind, .cb = cb, .ctx = ctx};
	const enum err err = lightning_ask(l, &q, on_ended, o, 0);
	bytes_wipe(&q, sizeof q);
	if (err != OK)
		free(o);
	else if (t != NULL && c->kind == LN_CANCEL)
		t->cancelling = true;
	return err;
}

/* ---- pay ---- */

/* From the command until the node has said something about the payment. */
struct pay {
	struct track *track; /* held */
	layer_submit_cb cb;
	void *ctx;
	struct ln_command command; /* its request is the text */
	uint32_t final_cltv;
	uint64_t expires_ms; /* the invoice */
	bool sent;
	char text[LN_REQUEST_MAX + 1];
};

void pay_free(struct pay *pay)
{
	free(pay);
}

/* May free the track. */
static void pay_end(struct pay *pay, enum submit_outcome outcome, const char *detail)
{
	struct track *t = pay->track;
	struct layer *layer = &t->l->layer;
	struct submit_answer out = {.outcome = outcome};
	(void)DETAIL(out.detail, OK, "%s", detail);
	t->pay = NULL;
	if (!layer->dead)
		pay->cb(pay->ctx, &out);
	pay_free(pay);
	track_release(t);
}

void pay_on_answer(struct pay *pay, const struct ln_answer *a)
{
	/* that nothing was sent is known for sure, but may change by the next time */
	if (pay->sent)
		pay_end(pay, a->err == OK ? SUBMIT_ACCEPTED : SUBMIT_UNKNOWN, a->detail);
}

static void pay_send(struct pay *pay, uint32_t cltv_limit, uint32_t timeout_s)
{
	struct track *t = pay->track;
	const struct ln_question q = {.ask = LN_ASK_PAY,
		.hash = t->hash,
		.request = pay->text,
		.fee_limit = {pay->command.fee_limit.raw * BOLT11_MSAT_PER_SAT},
		.cltv_limit = cltv_limit,
		.timeout_s = timeout_s};
	pay->sent = true;
	track_stop(t);
	const enum err err = ln_node_follow(
		t->l->layer.config.lightning, &t->call, &q, track_on_answer, t);
	if (err == OK) {
		t->absent = false;
		t->sent = true;
		return;
	}
	t->call = NULL;
	pay_end(pay, SUBMIT_UNKNOWN, err_name(err));
}

/* The node knows of no such payment, and says where the chain is. */
static void on_height(void *op, unsigned tag, const struct ln_answer *a)
{
	struct pay *pay = op;
	struct layer *layer = &pay->track->l->layer;
	const struct ln_command *c = &pay->command;
	(void)tag;
	if (a->err != OK) {
		pay_end(pay, SUBMIT_UNKNOWN, a->detail);
		return;
	}
	const uint64_t height = a->info->height, now_ms = loop_wall_ms(layer->config.loop);
	const uint64_t least = height + pay->final_cltv + 2 * LN_HEIGHT_SLACK;
	const uint64_t until_ms = c->deadline_ms < pay->expires_ms ? c->deadline_ms
								   : pay->expires_ms;
	if (lightning_judge(pay->track->l, height) != OK) {
		pay_end(pay, SUBMIT_UNKNOWN, layer->said);
	} else if (height > c->max_height + LN_FORGOTTEN_BLOCKS) {
		track_forgotten(pay->track);
		pay_end(pay, SUBMIT_REJECTED, "too late: what there was of it has come back");
	} else if (!a->info->synced) {
		pay_end(pay, SUBMIT_UNKNOWN, "the node is behind the chain");
	} else if (c->max_height < least) {
		pay_end(pay, SUBMIT_REJECTED, "too late: it could be locked for too long");
	} else if (until_ms < now_ms + 1000) {
		pay_end(pay, SUBMIT_REJECTED, "too late: its time, or its invoice's, is over");
	} else {
		const uint64_t blocks = c->max_height - height - LN_HEIGHT_SLACK;
		const uint64_t left_s = (until_ms - now_ms) / 1000;
		pay_send(pay, (uint32_t)(blocks < LN_LOCK_BLOCKS_MAX ? blocks : LN_LOCK_BLOCKS_MAX),
			(uint32_t)(left_s < LN_PAY_TRY_S ? left_s : LN_PAY_TRY_S));
	}
}

static void pay_known(struct pay *pay, const struct ln_payment *p)
{
	struct track *t = pay->track;
	track_hold(t);
	pay_end(pay, SUBMIT_KNOWN, "");
	track_see_payment(t, p);
	track_follow(t);
	track_release(t);
}

static void on_looked(void *op, unsigned tag, const struct ln_answer *a)
{
	struct pay *pay = op;
	const struct ln_question q = {.ask = LN_ASK_INFO};
	(void)tag;
	if (a->payment != NULL) {
		pay_known(pay, a->payment);
		return;
	}
	if (a->err != ERR_NOT_FOUND) {
		pay_end(pay, SUBMIT_UNKNOWN, a->detail);
		return;
	}
	const enum err err = lightning_ask(pay->track->l, &q, on_height, pay, 0);
	if (err != OK)
		pay_end(pay, SUBMIT_UNKNOWN, err_name(err));
}

static enum err pay_make(struct pay **out, struct track *t, const struct ln_command *c,
	layer_submit_cb cb, void *ctx)
{
	struct bolt11 *b = malloc(sizeof *b);
	struct pay *pay = calloc(1, sizeof *pay);
	enum err err = b == NULL || pay == NULL ? ERR_FULL : bolt11_decode(b, c->request);
	if (err == OK) {
		*pay = (struct pay){.track = t,
			.cb = cb,
			.ctx = ctx,
			.command = *c,
			.final_cltv = b->final_cltv,
			.expires_ms = (b->timestamp_s + b->expiry_s) * 1000};
		memcpy(pay->text, c->request.ptr, c->request.len);
		pay->command.request = slice_of(pay->text, c->request.len);
		*out = pay;
		pay = NULL;
	}
	free(b);
	free(pay);
	return err;
}

/* It is looked for before it is sent, whatever this process remembers (HAZARDS 28, 29). */
static enum err pay_begin(
	struct track *t, const struct ln_command *c, layer_submit_cb cb, void *ctx)
{
	const struct ln_question q = {.ask = LN_ASK_PAYMENT, .hash = t->hash};
	struct pay *pay = NULL;
	TRY(pay_make(&pay, t, c, cb, ctx));
	const enum err err = lightning_ask(t->l, &q, on_looked, pay, 0);
	if (err != OK) {
		pay_free(pay);
		return err;
	}
	t->pay = pay;
	track_hold(t);
	return OK;
}

static enum err submit_pay(
	struct lightning *l, const struct ln_command *c, layer_submit_cb cb, void *ctx)
{
	struct track *t = track_find(l, &c->hash);
	if (t != NULL && t->held)
		return answer_later(
			&l->layer, cb, ctx, SUBMIT_REJECTED, "an invoice of our own for a swap");
	if (t == NULL)
		TRY(track_payout(&t, l, &c->hash));
	/* nodes were seen to call a payment under way for ever; what is reserved for it comes back,
	 * and should it have been paid after all, the books and the channels differ */
	if (t->in_flight && !t->over && l->height > c->max_height + LN_FORGOTTEN_BLOCKS)
		track_forgotten(t);
	else if (t->over)
		track_tell_again(t);
	else if (t->sent && !t->in_flight)
		return answer_later(&l->layer, cb, ctx, SUBMIT_UNKNOWN,
			"it was sent, and the node has not said what became of it");
	else if (t->pay == NULL && !t->in_flight)
		return pay_begin(t, c, cb, ctx);
	return answer_later(&l->layer, cb, ctx, SUBMIT_KNOWN, "");
}

enum err lightning_submit(struct layer *layer, struct slice raw, layer_submit_cb cb, void *ctx)
{
	struct lightning *l = lightning_of(layer);
	struct ln_command c;
	const enum err parsed = ln_command_decode(&c, raw);
	if (parsed != OK)
		return ERR_FORMAT;
	const enum err err = c.kind == LN_PAY ? submit_pay(l, &c, cb, ctx)
					      : submit_end(l, &c, cb, ctx);
	bytes_wipe(&c, sizeof c);
	return err;
}
