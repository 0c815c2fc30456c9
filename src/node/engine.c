#include "node/engine_internal.h"

#include "crypto/hash.h"

#include <stdio.h>
#include <stdlib.h>

enum err engine_create(struct engine **out, const struct engine_config *config)
{
	struct engine *e = calloc(1, sizeof *e);
	if (e == NULL)
		return ERR_FULL;
	e->journal = config->journal;
	e->ledger = config->ledger;
	e->look_ms = UINT64_MAX;
	ledger_clean(e->ledger);
	*out = e;
	return OK;
}

void engine_destroy(struct engine *e)
{
	if (e != NULL)
		bytes_wipe(e->payload, sizeof e->payload);
	free(e);
}

const struct ledger *engine_ledger(const struct engine *e)
{
	return e->ledger;
}

/* ---- appending ---- */

struct buf engine_record(struct engine *e, uint64_t now_ms)
{
	struct buf out = buf_init(e->payload, sizeof e->payload);
	record_begin(&out, now_ms);
	return out;
}

static const char *swap_event_type(enum swap_state s)
{
	static const char *const types[SWAP_STATE_COUNT] = {
		[SWAP_OFFERED] = "swap.offered",
		[SWAP_SOURCE_SEEN] = "swap.source_seen",
		[SWAP_SOURCE_LOCKED] = "swap.source_locked",
		[SWAP_DEST_LOCKING] = "swap.dest_locking",
		[SWAP_DEST_LOCKED] = "swap.dest_locked",
		[SWAP_CLAIMING] = "swap.claiming",
		[SWAP_REFUNDING] = "swap.refunding",
		[SWAP_COMPLETED] = "swap.completed",
		[SWAP_REFUNDED] = "swap.refunded",
		[SWAP_EXPIRED] = "swap.expired",
		[SWAP_DECLINED] = "swap.declined",
		[SWAP_BREACHED] = "swap.breached",
	};
	CHECK(s < SWAP_STATE_COUNT);
	return types[s];
}

static const char *transfer_event_type(enum transfer_state s)
{
	switch (s) {
	case TRANSFER_PENDING: return "transfer.pending";
	case TRANSFER_SENT: return "transfer.sent";
	case TRANSFER_CONFIRMED: return "transfer.confirmed";
	case TRANSFER_FINAL: return "transfer.final";
	case TRANSFER_FAILED: return "transfer.failed";
	}
	UNREACHABLE();
}

static void keep_event(struct engine *e, const struct kept_event *event)
{
	e->event[e->event_count % ENGINE_EVENTS_KEPT] = *event;
	e->event_count++;
}

static void note_changes(struct engine *e, uint16_t type, bool was_latched)
{
	const struct ledger *l = e->ledger;
	struct kept_event v = {.seq = l->seq, .time_ms = l->time_ms, .index = INDEX_NONE};

	for (uint32_t i = 0; i < l->dirty_count; i++) {
		v.is_transfer = (l->dirty[i] & DIRTY_TRANSFER) != 0;
		v.index = l->dirty[i] & ~DIRTY_TRANSFER;
		v.type = v.is_transfer ? transfer_event_type(l->transfer[v.index].state)
				       : swap_event_type(l->swap[v.index].state);
		keep_event(e, &v);
	}
	v.index = INDEX_NONE;
	v.is_transfer = false;
	if (type == REC_BLOCK || type == REC_REORG) {
		v.type = type == REC_BLOCK ? "layer.block" : "layer.reorganised";
		/* the layer is the first byte after the record's header */
		v.layer = (enum layer_id)e->payload[9];
		keep_event(e, &v);
	}
	if (l->latched != was_latched) {
		v.type = l->latched ? "latch.set" : "latch.cleared";
		keep_event(e, &v);
	}
}

enum err engine_append(struct engine *e, uint16_t type, const struct buf *record, unsigned flags)
{
	const bool was_latched = e->ledger->latched;
	uint64_t seq;

	if (e->failed)
		return ERR_IO;
	if (record->overflow)
		return ERR_RANGE;
	TRY(journal_room(e->journal, record->len, flags));
	ledger_clean(e->ledger);
	TRY(ledger_apply(e->ledger, journal_last(e->journal) + 1, type, buf_slice(record)));
	const enum err err = journal_append(e->journal, &seq, type, buf_slice(record), flags);
	if (err != OK) {
		/* the state is ahead of the journal: nothing may leave any more */
		e->failed = true;
		return ERR_IO;
	}
	CHECK(seq == e->ledger->seq);
	note_changes(e, type, was_latched);
	return OK;
}

/* ---- durability ---- */

static enum err wait_for(struct engine *e, const struct waiter *w)
{
	if (e->waiter_count == ENGINE_WAITERS_MAX)
		return ERR_FULL;
	e->waiter[e->waiter_count++] = *w;
	return OK;
}

enum err engine_when_durable(struct engine *e, uint64_t seq, engine_durable_cb cb, void *ctx)
{
	return wait_for(e, &(struct waiter){.seq = seq, .cb = cb, .ctx = ctx});
}

enum err engine_when_answerable(struct engine *e, uint64_t seq, engine_durable_cb cb, void *ctx)
{
	return wait_for(e, &(struct waiter){.seq = seq, .cb = cb, .ctx = ctx, .answer = true});
}

void engine_flush(struct engine *e)
{
	journal_flush(e->journal);
}

static void tell(struct engine *e, const struct engine_event *event)
{
	for (uint32_t i = 0; i < e->subscriber_count; i++)
		e->subscriber[i].cb(e->subscriber[i].ctx, event);
}

/* Those that were overwritten: whoever follows has to look for itself. It may: what is watched on a
 * chain too early does no harm. */
static void tell_lost(struct engine *e, uint64_t durable)
{
	if (e->event_count - e->event_told <= ENGINE_EVENTS_KEPT)
		return;
	e->event_told = e->event_count - ENGINE_EVENTS_KEPT;
	const struct kept_event *k = &e->event[e->event_told % ENGINE_EVENTS_KEPT];
	const struct engine_event v = {.seq = k->seq < durable ? k->seq : durable,
		.time_ms = k->time_ms,
		.type = ENGINE_EVENT_RESET};
	tell(e, &v);
}

static void tell_events(struct engine *e, uint64_t durable)
{
	tell_lost(e, durable);
	while (e->event_told < e->event_count) {
		const struct kept_event *k = &e->event[e->event_told % ENGINE_EVENTS_KEPT];
		if (k->seq > durable)
			return;
		e->event_told++;
		struct engine_event v = {
			.seq = k->seq, .time_ms = k->time_ms, .type = k->type, .layer = k->layer};
		if (k->index != INDEX_NONE && k->is_transfer)
			v.transfer = &e->ledger->transfer[k->index];
		else if (k->index != INDEX_NONE)
			v.swap = &e->ledger->swap[k->index];
		tell(e, &v);
	}
}

_Static_assert((int)DURABILITY_GROUP == (int)JOURNAL_GROUP &&
		(int)DURABILITY_STRICT == (int)JOURNAL_STRICT &&
		(int)DURABILITY_INTERVAL == (int)JOURNAL_INTERVAL,
	"one numbering");

static enum err switch_mode(struct engine *e)
{
	const struct ledger *l = e->ledger;
	e->switch_seq = 0;
	return journal_set_mode(e->journal, (enum journal_mode)l->durability, l->durability_ms);
}

void engine_on_durable(struct engine *e)
{
	const uint64_t durable = journal_durable(e->journal);
	const uint64_t answerable = journal_answerable(e->journal);
	uint32_t kept = 0;
	if (e->switch_seq != 0 && e->switch_seq <= durable && switch_mode(e) != OK)
		e->failed = true;
	tell_events(e, durable);
	/* callbacks may wait for more: those come behind the ones that are looked at */
	for (uint32_t i = 0; i < e->waiter_count; i++) {
		const struct waiter w = e->waiter[i];
		const bool waits = w.seq > (w.answer ? answerable : durable);
		if (waits && !e->failed)
			e->waiter[kept++] = w;
		else
			w.cb(w.ctx, waits ? ERR_IO : OK);
	}
	e->waiter_count = kept;
}

void engine_subscribe(struct engine *e, engine_event_cb cb, void *ctx)
{
	CHECK(e->subscriber_count < ENGINE_SUBSCRIBERS_MAX);
	e->subscriber[e->subscriber_count].cb = cb;
	e->subscriber[e->subscriber_count].ctx = ctx;
	e->subscriber_count++;
}

bool engine_ok(const struct engine *e)
{
	return !e->failed;
}

/* ---- observations ---- */

enum err engine_params(struct engine *e, uint64_t now_ms, const struct ledger_params *p)
{
	struct buf out = engine_record(e, now_ms);
	params_put(&out, p);
	return engine_append(e, REC_PARAMS, &out, 0);
}

enum err engine_birth(struct engine *e, uint64_t now_ms, enum layer_id layer,
	const struct block_ref *block, uint64_t nonce, struct amount balance, struct amount gas)
{
	const struct rec_birth r = {
		.layer = layer, .block = *block, .nonce = nonce, .balance = balance, .gas = gas};
	struct buf out = engine_record(e, now_ms);
	rec_birth_put(&out, &r);
	return engine_append(e, REC_BIRTH, &out, 0);
}

enum err engine_block(struct engine *e, uint64_t now_ms, enum layer_id layer,
	const struct block_ref *block, const struct chain_event *event, size_t event_count)
{
	if (event_count > CHAIN_EVENTS_MAX)
		return ERR_RANGE;
	struct buf out = engine_record(e, now_ms);
	rec_layer_put(&out, layer);
	rec_block_ref_put(&out, block);
	buf_le32(&out, (uint32_t)event_count);
	for (size_t i = 0; i < event_count; i++)
		rec_event_put(&out, &event[i], &e->ledger->seal);
	TRY(engine_append(e, REC_BLOCK, &out, JOURNAL_ESSENTIAL));
	engine_decide(e, now_ms);
	return OK;
}

enum err engine_reorg(
	struct engine *e, uint64_t now_ms, enum layer_id layer, const struct block_ref *keep)
{
	struct buf out = engine_record(e, now_ms);
	rec_layer_put(&out, layer);
	rec_block_ref_put(&out, keep);
	TRY(engine_append(e, REC_REORG, &out, JOURNAL_ESSENTIAL));
	engine_decide(e, now_ms);
	return OK;
}

/* Does it change anything? What does not is not journaled: anybody can fill a mempool. A lock-up is
 * news while its offer is open and when it is right; a spend when it shows the preimage. */
static bool mempool_news(
	const struct ledger *l, enum layer_id layer, const struct chain_event *event)
{
	const struct swap *s = ledger_swap(l, &event->swap);
	struct hash256 hash;
	if (s == NULL)
		return false;
	if (event->kind == CHAIN_LOCK)
		return s->state == SWAP_OFFERED && s->source.layer == layer && event->flags == 0 &&
			amount_cmp(event->amount, s->source.amount) == 0 &&
			event->timelock == s->source.timelock;
	if (event->kind != CHAIN_LOCK_SPENT || event->spend != LOCK_SPEND_CLAIM ||
		s->preimage_known)
		return false;
	sha256(&hash, slice_of(event->preimage.b, sizeof event->preimage.b));
	return hash256_eq(&hash, &s->hash);
}

enum err engine_mempool(
	struct engine *e, uint64_t now_ms, enum layer_id layer, const struct chain_event *event)
{
	if (!mempool_news(e->ledger, layer, event))
		return OK;
	struct buf out = engine_record(e, now_ms);
	rec_layer_put(&out, layer);
	rec_event_put(&out, event, &e->ledger->seal);
	TRY(engine_append(e, REC_MEMPOOL, &out, JOURNAL_ESSENTIAL));
	engine_decide_changed(e, now_ms);
	return OK;
}

static const struct lock_fact *fact_lock(const struct leg *leg, const struct locator *at)
{
	for (uint32_t i = 0; i < leg->lock_count; i++)
		if (hash256_eq(&leg->lock[i].at.tx, &at->tx) && leg->lock[i].at.index == at->index)
			return &leg->lock[i];
	return NULL;
}

static bool effect_over(const struct effect *f)
{
	return f->confirmed_height != 0 || f->state == EFFECT_VOID;
}

/* Does it change anything? Adapters tell everything again after a restart. */
static bool fact_news(const struct ledger *l, enum layer_id layer, const struct chain_event *event)
{
	const struct swap *s = ledger_swap(l, &event->swap);
	if (s == NULL) {
		const uint32_t i = map_get(&l->effect_by_tx, event->tx.b);
		return event->kind == CHAIN_LOCK_SPENT && i != MAP_NONE &&
			!effect_over(&l->effect[i]);
	}
	const bool source = s->source.layer == layer;
	const struct lock_fact *k = fact_lock(source ? &s->source : &s->dest, &event->at);
	if (event->kind == CHAIN_LOCK)
		return k == NULL || amount_cmp(k->amount, event->amount) != 0 ||
			k->timelock != event->timelock;
	const uint32_t command = !source           ? s->lock_effect
		: event->spend == LOCK_SPEND_CLAIM ? s->claim_effect
						   : s->cancel_effect;
	return (k != NULL && k->spent_height == 0) ||
		(event->spend == LOCK_SPEND_CLAIM && !s->preimage_known) ||
		(command != INDEX_NONE && !effect_over(&l->effect[command]));
}

enum err engine_fact(
	struct engine *e, uint64_t now_ms, enum layer_id layer, const struct chain_event *event)
{
	if (!fact_news(e->ledger, layer, event))
		return OK;
	struct buf out = engine_record(e, now_ms);
	rec_fact_put(&out, layer, event, &e->ledger->seal);
	TRY(engine_append(e, REC_FACT, &out, JOURNAL_ESSENTIAL));
	/* money may be free again */
	engine_decide(e, now_ms);
	return OK;
}

enum err engine_fee_rate(struct engine *e, uint64_t now_ms, enum layer_id layer, uint64_t rate)
{
	/* outside the configured bounds all rates are the same */
	const uint64_t was = engine_rate(e->ledger, layer);
	const struct layer_params *p = &e->ledger->params.layer[layer];
	if (rate == 0 || (was == p->fee_rate_min && rate <= was) ||
		(was == p->fee_rate_max && rate >= was))
		return OK;
	struct buf out = engine_record(e, now_ms);
	rec_layer_put(&out, layer);
	buf_le64(&out, rate);
	TRY(engine_append(e, REC_FEE_RATE, &out, JOURNAL_ESSENTIAL));
	engine_decide(e, now_ms);
	return OK;
}

enum err engine_first_layer(struct engine *e, uint64_t now_ms, enum layer_id layer,
	uint64_t safe_height, uint64_t final_height, uint64_t data_fee)
{
	const struct rec_first_layer r = {.layer = layer,
		.safe_height = safe_height,
		.final_height = final_height,
		.data_fee = data_fee};
	struct buf out = engine_record(e, now_ms);
	rec_first_layer_put(&out, &r);
	TRY(engine_append(e, REC_FIRST_LAYER, &out, JOURNAL_ESSENTIAL));
	engine_decide(e, now_ms);
	return OK;
}

static void set_text(char text[TEXT_REASON_SIZE], const char *from)
{
	memset(text, 0, TEXT_REASON_SIZE);
	(void)snprintf(text, TEXT_REASON_SIZE, "%s", from);
}

enum err engine_prepared(struct engine *e, uint64_t now_ms, const struct id128 *effect,
	uint32_t variant, const struct hash256 *txid, struct amount fee, struct slice raw)
{
	const struct effect *f = ledger_effect(e->ledger, effect);
	if (f == NULL)
		return ERR_NOT_FOUND;
	const struct rec_prepared r = {.effect = *effect,
		.variant = variant,
		.txid = *txid,
		.fee = fee,
		.layer = f->layer,
		.sealed = f->purpose == SIGN_CLAIM,
		.raw = raw};
	struct buf out = engine_record(e, now_ms);
	rec_prepared_put(&out, &r, &e->ledger->seal);
	return engine_append(e, REC_PREPARED, &out, JOURNAL_ESSENTIAL);
}

enum err engine_submitted(struct engine *e, uint64_t now_ms, const struct id128 *effect,
	uint32_t variant, uint8_t outcome, const char *detail)
{
	struct rec_submitted r = {.effect = *effect, .variant = variant, .outcome = outcome};
	set_text(r.detail, detail);
	struct buf out = engine_record(e, now_ms);
	rec_submitted_put(&out, &r);
	return engine_append(e, REC_SUBMITTED, &out, JOURNAL_ESSENTIAL);
}

enum err engine_build_failed(struct engine *e, uint64_t now_ms, const struct id128 *effect,
	uint32_t variant, enum err err, const char *detail)
{
	struct rec_build_failed r = {.effect = *effect, .variant = variant};
	(void)snprintf(r.detail, sizeof r.detail, "%s: %s", err_name(err), detail);
	struct buf out = engine_record(e, now_ms);
	rec_build_failed_put(&out, &r);
	const uint32_t waiting = e->ledger->transfers_waiting;
	TRY(engine_append(e, REC_BUILD_FAILED, &out, JOURNAL_ESSENTIAL));
	/* a batch came apart: what was in it is paid one by one */
	if (e->ledger->transfers_waiting > waiting)
		engine_decide_changed(e, now_ms);
	return OK;
}

enum err engine_reconciled(struct engine *e, uint64_t now_ms, enum layer_id layer,
	const struct block_ref *block, struct amount wallet, struct amount locked,
	struct amount gas)
{
	const struct rec_reconciled r = {.layer = layer,
		.block = *block,
		.wallet = wallet,
		.locked = locked,
		.limbo = amount_zero(wallet.asset),
		.gas = gas};
	struct buf out = engine_record(e, now_ms);
	rec_reconciled_put(&out, &r);
	return engine_append(e, REC_RECONCILED, &out, JOURNAL_ESSENTIAL);
}

enum err engine_reconciled_channels(struct engine *e, uint64_t now_ms, enum layer_id layer,
	struct amount wallet, struct amount locked, struct amount limbo)
{
	const struct rec_reconciled r = {.layer = layer,
		.block = e->ledger->layer[layer].tip,
		.wallet = wallet,
		.locked = locked,
		.limbo = limbo,
		.gas = amount_zero(layer_gas_asset(layer))};
	struct buf out = engine_record(e, now_ms);
	rec_reconciled_put(&out, &r);
	return engine_append(e, REC_RECONCILED, &out, JOURNAL_ESSENTIAL);
}

enum err engine_latch(struct engine *e, uint64_t now_ms, bool on, const char *reason)
{
	struct rec_latch r = {.on = on};
	set_text(r.reason, reason);
	struct buf out = engine_record(e, now_ms);
	rec_latch_put(&out, &r);
	TRY(engine_append(e, REC_LATCH, &out, JOURNAL_ESSENTIAL));
	engine_decide(e, now_ms);
	return OK;
}

enum err durability_parse(enum durability *out, const char *text)
{
	for (unsigned mode = 0; mode < DURABILITY_COUNT; mode++) {
		if (strcmp(text, journal_mode_name((enum journal_mode)mode)) != 0)
			continue;
		*out = (enum durability)mode;
		return OK;
	}
	return ERR_FORMAT;
}

enum err engine_set_durability(
	struct engine *e, uint64_t now_ms, enum durability mode, uint32_t interval_ms)
{
	const struct rec_durability r = {
		.mode = mode, .interval_ms = mode == DURABILITY_INTERVAL ? interval_ms : 0};
	if (mode == DURABILITY_INTERVAL &&
		(interval_ms == 0 || interval_ms > JOURNAL_INTERVAL_MS_MAX))
		return ERR_RANGE;
	if (r.mode != e->ledger->durability || r.interval_ms != e->ledger->durability_ms) {
		struct buf out = engine_record(e, now_ms);
		rec_durability_put(&out, &r);
		TRY(engine_append(e, REC_DURABILITY, &out, JOURNAL_ESSENTIAL));
		e->switch_seq = e->ledger->seq;
	}
	return mode == DURABILITY_INTERVAL && e->switch_seq != 0 ? OK : switch_mode(e);
}

uint64_t engine_look_ms(const struct engine *e)
{
	return e->look_ms;
}

enum err engine_tick(struct engine *e, uint64_t now_ms, uint64_t *next_ms)
{
	const struct ledger *l = e->ledger;
	if (e->failed)
		return ERR_IO;
	engine_decide(e, now_ms);
	*next_ms = e->look_ms;
	for (uint32_t i = 0; i < l->active_swap_count; i++) {
		const struct swap *s = &l->swap[l->active_swap[i]];
		if (s->state == SWAP_OFFERED && s->expires_ms < *next_ms)
			*next_ms = s->expires_ms;
	}
	return OK;
}
