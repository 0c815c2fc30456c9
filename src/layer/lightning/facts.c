/* What is followed, hash by hash, and what is told of it. */
#include <stdlib.h>

#include "layer/lightning/channels.h"

/* ---- tracks ---- */

static bool is_payout(const struct track *t)
{
	static const struct id128 none;
	return id128_eq(&t->swap, &none);
}

struct track *track_find(struct lightning *l, const struct hash256 *hash)
{
	const struct track_ref *ref = table_get(&l->track, hash);
	return ref == NULL ? NULL : ref->track;
}

static const enum ln_command_kind held_kinds[] = {LN_SETTLE, LN_CANCEL}, paid_kinds[] = {LN_PAY};

static const enum ln_command_kind *kinds_of(const struct track *t, size_t *count)
{
	*count = t->held ? ARRAY_LEN(held_kinds) : ARRAY_LEN(paid_kinds);
	return t->held ? held_kinds : paid_kinds;
}

static void forget_names(struct track *t)
{
	struct hash256 id;
	size_t count;
	const enum ln_command_kind *kind = kinds_of(t, &count);
	for (size_t i = 0; i < count; i++) {
		ln_command_id(&id, kind[i], &t->hash);
		table_remove(&t->l->id, &id);
	}
	if (!is_payout(t))
		table_remove(&t->l->swap, &t->swap);
	table_remove(&t->l->track, &t->hash);
}

static enum err keep_names(struct track *t)
{
	struct track_ref *ref = table_put(&t->l->track, &t->hash);
	struct hash256 id;
	size_t count;
	const enum ln_command_kind *kind = kinds_of(t, &count);
	if (ref == NULL)
		return ERR_FULL;
	ref->track = t;
	for (size_t i = 0; i < count; i++) {
		ln_command_id(&id, kind[i], &t->hash);
		struct id_ref *name = table_put(&t->l->id, &id);
		if (name == NULL)
			return ERR_FULL;
		name->hash = t->hash;
	}
	if (is_payout(t))
		return OK;
	struct swap_ref *swap = table_put(&t->l->swap, &t->swap);
	if (swap == NULL)
		return ERR_FULL;
	swap->hash = t->hash;
	return OK;
}

static enum err track_make(struct track **out, struct lightning *l, const struct hash256 *hash,
	const struct id128 *swap, bool held)
{
	struct track *t = calloc(1, sizeof *t);
	if (t == NULL)
		return ERR_FULL;
	*t = (struct track){.l = l, .hash = *hash, .held = held};
	if (swap != NULL)
		t->swap = *swap;
	const enum err err = keep_names(t);
	if (err != OK) {
		track_free(t);
		return err;
	}
	*out = t;
	return OK;
}

static void leave_due(struct track *t)
{
	for (struct track **at = &t->l->due; *at != NULL; at = &(*at)->next_due)
		if (*at == t) {
			*at = t->next_due;
			break;
		}
	t->due = false;
}

static void call_over(struct track *t)
{
	t->call = NULL;
	if (t->followed)
		t->l->followed_count--;
	t->followed = false;
}

void track_stop(struct track *t)
{
	if (t->call != NULL)
		ln_call_stop(t->call);
	call_over(t);
}

void track_free(struct track *t)
{
	track_stop(t);
	if (t->due)
		leave_due(t);
	pay_free(t->pay);
	forget_names(t);
	bytes_wipe(t, sizeof *t); /* a preimage, perhaps */
	free(t);
}

void track_hold(struct track *t)
{
	t->busy++;
}

void track_release(struct track *t)
{
	CHECK(t->busy > 0);
	if (--t->busy == 0 && t->gone)
		track_free(t);
}

enum err track_payout(struct track **out, struct lightning *l, const struct hash256 *hash)
{
	return track_make(out, l, hash, NULL, false);
}

/* ---- telling ---- */

static void tell_all(struct lightning *l);

static void on_due_timer(void *ctx)
{
	struct lightning *l = ctx;
	l->due_timer.id = 0;
	tell_all(l);
}

static enum err tell(struct track *t, struct fact *f)
{
	struct layer *layer = &t->l->layer;
	if (f->state != FACT_DUE)
		return OK;
	const enum err err = layer->sink.on_fact(layer->sink.ctx, layer->config.id, &f->event);
	if (err == OK) {
		f->state = FACT_TOLD;
		layer->info.events_seen++;
	}
	return err;
}

/* A lock is acted on by the time that is left: not before the sink knows the newest block. Its end
 * comes with a preimage, perhaps, and waits for nothing; then the lock is of the past. */
static enum err tell_track(struct track *t)
{
	if (t->spent.state != FACT_NONE) {
		t->lock.state = FACT_TOLD;
		return tell(t, &t->spent);
	}
	return t->l->at_tip ? tell(t, &t->lock) : OK;
}

/* What the sink does of it may watch, unwatch and submit. */
static void tell_all(struct lightning *l)
{
	if (l->telling || l->layer.dead || l->layer.sink.on_fact == NULL)
		return;
	l->telling = true;
	layer_enter(&l->layer);
	enum err err = OK;
	while (l->due != NULL && err == OK && !l->layer.dead && l->layer.sink.on_fact != NULL) {
		struct track *t = l->due;
		track_hold(t);
		err = tell_track(t);
		if (err == OK && t->due)
			leave_due(t);
		track_release(t);
	}
	l->telling = false;
	if (err != OK && l->due_timer.id == 0 && !l->layer.dead)
		/* without a timer the next poll tells them */
		(void)!loop_timer_set(
			l->layer.config.loop, &l->due_timer, FOLLOW_RETRY_MS, on_due_timer, l);
	layer_leave(&l->layer);
}

static void make_due(struct track *t)
{
	if (!t->due) {
		t->due = true;
		t->next_due = t->l->due;
		t->l->due = t;
	}
}

static void add_fact(struct track *t, struct fact *f, const struct chain_event *event)
{
	if (f->state != FACT_NONE)
		return;
	f->state = FACT_DUE;
	f->event = *event;
	f->event.at = (struct locator){.tx = t->hash};
	f->event.swap = t->swap;
	make_due(t);
}

static void add_lock(struct track *t, uint64_t msat, uint64_t timelock)
{
	struct chain_event e = {.kind = CHAIN_LOCK,
		.amount = amount_of(ASSET_BTC, msat / BOLT11_MSAT_PER_SAT),
		.timelock = timelock};
	if (!t->held)
		ln_command_id(&e.tx, LN_PAY, &t->hash);
	add_fact(t, &t->lock, &e);
}

static void add_end(struct track *t, const struct chain_event *end)
{
	struct chain_event e = *end;
	e.kind = CHAIN_LOCK_SPENT;
	t->over = true;
	add_fact(t, &t->spent, &e);
	bytes_wipe(&e, sizeof e);
}

void track_tell_again(struct track *t)
{
	if (t->spent.state == FACT_TOLD)
		t->spent.state = FACT_DUE;
	make_due(t);
	tell_all(t->l);
}

/* ---- what the node says ---- */

void track_see_payment(struct track *t, const struct ln_payment *p)
{
	struct chain_event end = {.amount = amount_zero(ASSET_BTC)};
	t->absent = false;
	t->in_flight = p->state == LN_PAYMENT_IN_FLIGHT;
	ln_command_id(&end.tx, LN_PAY, &t->hash);
	switch (p->state) {
	case LN_PAYMENT_IN_FLIGHT:
		if (p->in_flight_count > 0 && p->expiry_height > 0)
			add_lock(t, p->amount.raw, p->expiry_height);
		break;
	case LN_PAYMENT_SUCCEEDED:
		/* rounded up: it has left us */
		end.amount = amount_of(ASSET_BTC,
			(p->amount.raw + p->fee.raw + BOLT11_MSAT_PER_SAT - 1) /
				BOLT11_MSAT_PER_SAT);
		end.spend = LOCK_SPEND_CLAIM;
		end.preimage = p->preimage;
		add_end(t, &end);
		break;
	case LN_PAYMENT_FAILED:
		end.spend = LOCK_SPEND_REFUND;
		add_end(t, &end);
		break;
	}
	bytes_wipe(&end, sizeof end);
	tell_all(t->l);
}

void track_forgotten(struct track *t)
{
	struct chain_event end = {.spend = LOCK_SPEND_REFUND, .amount = amount_zero(ASSET_BTC)};
	ln_command_id(&end.tx, LN_PAY, &t->hash);
	add_end(t, &end);
	tell_all(t->l);
}

static void invoice_settled(struct track *t, const struct ln_invoice *in)
{
	struct chain_event end = {.spend = LOCK_SPEND_CLAIM,
		.preimage = in->preimage,
		.amount = amount_of(ASSET_BTC, in->settled.raw / BOLT11_MSAT_PER_SAT)};
	t->settled = in->settled;
	t->settled_count = in->settled_count;
	ln_command_id(&end.tx, LN_SETTLE, &t->hash);
	add_end(t, &end);
	bytes_wipe(&end, sizeof end);
}

/* By us, by the node because it ran out or came too near to its expiry, or by whoever else. */
static void invoice_cancelled(struct track *t)
{
	struct chain_event end = {.spend = LOCK_SPEND_REFUND, .amount = amount_zero(ASSET_BTC)};
	if (t->cancelling)
		ln_command_id(&end.tx, LN_CANCEL, &t->hash);
	add_end(t, &end);
}

/* By its HTLCs (HAZARDS 30). */
static void see_invoice(struct track *t, const struct ln_invoice *in)
{
	const bool nothing_held = in->held_count == 0;
	const uint32_t margin = lightning_hold_margin();
	if (in->state == LN_INVOICE_HELD)
		add_lock(t, in->held.raw,
			in->expiry_height > margin ? in->expiry_height - margin : 0);
	else if (in->state == LN_INVOICE_SETTLED && nothing_held && in->settled_count > 0)
		invoice_settled(t, in);
	else if (in->state == LN_INVOICE_CANCELLED && nothing_held)
		invoice_cancelled(t);
	else if (in->state == LN_INVOICE_OPEN && nothing_held && t->lock.state != FACT_NONE)
		invoice_cancelled(t); /* what was held went back, though the invoice is open */
	tell_all(t->l);
}

void track_on_answer(void *track, const struct ln_answer *a)
{
	struct track *t = track;
	struct lightning *l = t->l;
	layer_enter(&l->layer);
	track_hold(t);
	if (a->last) {
		call_over(t);
		t->sent = false;
	}
	if (a->err != OK)
		(void)DETAIL(l->layer.said, OK, "%s", a->detail);
	if (a->err == ERR_NOT_FOUND) {
		t->absent = !t->held && !t->in_flight;
		t->again_ms = loop_now_ms(l->layer.config.loop) + LN_MISSING_MS;
	}
	if (t->pay != NULL)
		pay_on_answer(t->pay, a);
	if (a->payment != NULL)
		track_see_payment(t, a->payment);
	if (a->invoice != NULL)
		see_invoice(t, a->invoice);
	track_release(t);
	layer_leave(&l->layer);
}

void track_follow(struct track *t)
{
	const struct ln_question q = {
		.ask = t->held ? LN_ASK_INVOICE : LN_ASK_PAYMENT, .hash = t->hash};
	if (t->call != NULL || t->over || t->pay != NULL)
		return;
	/* no room, no memory: at the next poll again */
	struct lightning *l = t->l;
	t->followed = l->followed_count < LN_FOLLOWED_MAX;
	const enum err err = t->followed
		? ln_node_follow(l->layer.config.lightning, &t->call, &q, track_on_answer, t)
		: ln_node_ask(l->layer.config.lightning, &t->call, &q, track_on_answer, t);
	if (!t->followed)
		t->again_ms = loop_now_ms(l->layer.config.loop) + LN_LOOK_MS;
	else if (err == OK)
		l->followed_count++;
	else
		t->followed = false;
	if (err != OK)
		t->call = NULL;
}

static bool is_told(const struct track *t)
{
	return t->spent.state == FACT_TOLD;
}

void tracks_poll(struct lightning *l)
{
	const uint64_t now = loop_now_ms(l->layer.config.loop);
	/* downwards: what is removed is replaced by the last */
	for (uint32_t i = l->track.item_count; i-- > 0;) {
		struct track *t = ((struct track_ref *)table_at(&l->track, i))->track;
		if (is_payout(t) && is_told(t) && t->busy == 0) {
			track_free(t); /* a payout that has ended */
			continue;
		}
		if (!t->absent && now >= t->again_ms)
			track_follow(t);
		if (t->lock.state == FACT_DUE || t->spent.state == FACT_DUE)
			make_due(t);
	}
	tell_all(l);
}

/* A new sink is told everything again. */
void tracks_started(struct lightning *l)
{
	l->at_tip = false;
	for (uint32_t i = 0; i < l->track.item_count; i++) {
		struct track *t = ((struct track_ref *)table_at(&l->track, i))->track;
		if (t->lock.state == FACT_TOLD)
			t->lock.state = FACT_DUE;
		if (t->spent.state == FACT_TOLD)
			t->spent.state = FACT_DUE;
		if (t->spent.state == FACT_DUE)
			make_due(t);
	}
}

/* ---- the contract ---- */

/* Its command was sent before its swap was watched: what was told of it was told of nobody's. */
static enum err track_adopt(struct track *t, const struct id128 *swap)
{
	struct swap_ref *ref = table_put(&t->l->swap, swap);
	struct fact *const facts[] = {&t->lock, &t->spent};
	if (ref == NULL)
		return ERR_FULL;
	ref->hash = t->hash;
	t->swap = *swap;
	for (size_t i = 0; i < ARRAY_LEN(facts); i++) {
		facts[i]->event.swap = *swap;
		if (facts[i]->state == FACT_TOLD)
			facts[i]->state = FACT_DUE;
	}
	return OK; /* the next poll tells */
}

enum err lightning_watch_lock(struct layer *layer, const struct id128 *swap, struct slice leg)
{
	struct lightning *l = lightning_of(layer);
	struct leg_offer o;
	struct track *t;
	TRY(lightning_pure.leg_parse(&o, layer->config.network, leg));
	const bool held = o.provider_claims != layer->config.taker;
	if (!ln_node_can(layer->config.lightning, held ? LN_ASK_INVOICE : LN_ASK_PAYMENT))
		return ERR_STATE;
	t = track_find(l, &o.hash);
	if (t != NULL && id128_eq(&t->swap, swap))
		return OK;
	if (table_get(&l->swap, swap) != NULL)
		return ERR_EXISTS;
	if (t != NULL)
		return is_payout(t) && !held ? track_adopt(t, swap) : ERR_EXISTS;
	TRY(track_make(&t, l, &o.hash, swap, held));
	track_follow(t);
	return OK;
}

/* What is locked for a hash is found by the hash. */
enum err lightning_watch_lock_at(
	struct layer *layer, const struct id128 *swap, const struct locator *at)
{
	const struct track *t = track_find(lightning_of(layer), &at->tx);
	return t != NULL && id128_eq(&t->swap, swap) ? OK : ERR_NOT_FOUND;
}

void lightning_unwatch_lock(struct layer *layer, const struct id128 *swap)
{
	struct lightning *l = lightning_of(layer);
	const struct swap_ref *ref = table_get(&l->swap, swap);
	struct track *t = ref == NULL ? NULL : track_find(l, &ref->hash);
	if (t == NULL)
		return;
	t->gone = true;
	track_hold(t);
	track_release(t);
}

struct status_op {
	struct layer *layer;
	layer_status_cb cb;
	void *ctx;
	struct tx_status out;
};

static void on_status(void *op)
{
	const struct status_op s = *(struct status_op *)op;
	free(op);
	if (!s.layer->dead)
		s.cb(s.ctx, &s.out);
}

/* A command has been done when what it was for has come about; one that failed is "reverted". */
static void status_of(struct tx_status *out, const struct track *t, const struct hash256 *id)
{
	struct hash256 cancel;
	ln_command_id(&cancel, LN_CANCEL, &t->hash);
	const bool is_cancel = t->held && hash256_eq(id, &cancel);
	const bool claimed = t->spent.event.spend == LOCK_SPEND_CLAIM;
	if (t->over) {
		out->presence = TX_CONFIRMED;
		out->reverted = claimed == is_cancel;
		out->block = t->l->layer.info.tip;
		out->depth = 1;
	} else if (t->in_flight) {
		out->presence = TX_MEMPOOL;
	} else {
		(void)DETAIL(out->detail, OK, "not done, as far as the node has told");
	}
}

enum err lightning_status(
	struct layer *layer, const struct hash256 *txid, layer_status_cb cb, void *ctx)
{
	struct lightning *l = lightning_of(layer);
	const struct id_ref *name = table_get(&l->id, txid);
	const struct track *t = name == NULL ? NULL : track_find(l, &name->hash);
	struct status_op *s = malloc(sizeof *s);
	if (s == NULL)
		return ERR_FULL;
	*s = (struct status_op){
		.layer = layer, .cb = cb, .ctx = ctx, .out = {.presence = TX_UNKNOWN}};
	if (t != NULL)
		status_of(&s->out, t, txid);
	else
		(void)DETAIL(s->out.detail, OK, "no command that is followed");
	const enum err err = layer_wait(layer, 0, on_status, s);
	if (err != OK)
		free(s);
	return err;
}
