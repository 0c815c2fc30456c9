#include "node/watch.h"

#include <stdio.h>
#include <stdlib.h>

enum { WATCHED_SOURCE = 1u << 0, WATCHED_DEST = 1u << 1 };

struct watch {
	struct watch_config config;
	bool started[LAYER_COUNT];
	uint32_t addresses; /* given when the scripts were last watched */
	uint8_t *swap;      /* WATCHED_*, by index */
};

/* ---- what was seen ---- */

static enum err on_block(void *ctx, enum layer_id layer, const struct block_ref *block,
	const struct chain_event *event, size_t event_count)
{
	struct watch *w = ctx;
	return engine_block(
		w->config.engine, loop_wall_ms(w->config.loop), layer, block, event, event_count);
}

static enum err on_fact(void *ctx, enum layer_id layer, const struct chain_event *event)
{
	struct watch *w = ctx;
	return engine_fact(w->config.engine, loop_wall_ms(w->config.loop), layer, event);
}

static void on_mempool(void *ctx, enum layer_id layer, const struct chain_event *event)
{
	struct watch *w = ctx;
	/* a full journal loses nothing here: what is in the mempool comes again in a block */
	(void)!engine_mempool(w->config.engine, loop_wall_ms(w->config.loop), layer, event);
}

static void on_fee_rate(void *ctx, enum layer_id layer, uint64_t rate)
{
	struct watch *w = ctx;
	(void)!engine_fee_rate(w->config.engine, loop_wall_ms(w->config.loop), layer, rate);
}

static void on_first_layer(void *ctx, enum layer_id layer, const struct layer_first_layer *seen)
{
	struct watch *w = ctx;
	(void)!engine_first_layer(w->config.engine, loop_wall_ms(w->config.loop), layer,
		seen->safe_height, seen->final_height, seen->data_fee);
}

/* ---- what is watched ---- */

static const struct leg *leg_of(const struct swap *s, uint8_t flag)
{
	return flag == WATCHED_SOURCE ? &s->source : &s->dest;
}

/* A leg with the lock-ups of it that we know. Where there is no room it is tried again with every
 * change of the swap; nothing is locked meanwhile (watch_has_dest). */
static void watch_leg(struct watch *w, const struct swap *s, uint8_t flag)
{
	const uint32_t index = (uint32_t)(s - engine_ledger(w->config.engine)->swap);
	const struct leg *leg = leg_of(s, flag);
	struct layer *layer = w->config.layer[leg->layer];
	/* our own lock-ups have a time lock when they are decided */
	if ((w->swap[index] & flag) != 0 || leg->timelock == 0 || leg->terms_len == 0 ||
		!w->started[leg->layer])
		return;
	enum err err = layer_watch_lock(layer, &s->id, slice_of(leg->terms, leg->terms_len));
	for (uint32_t i = 0; i < leg->lock_count && err == OK; i++)
		if (leg->lock[i].height != 0)
			err = layer_watch_lock_at(layer, &s->id, &leg->lock[i].at);
	if (err == OK)
		w->swap[index] |= flag;
}

static void unwatch(struct watch *w, const struct swap *s)
{
	uint8_t *flags = &w->swap[s - engine_ledger(w->config.engine)->swap];
	if ((*flags & WATCHED_SOURCE) != 0)
		layer_unwatch_lock(w->config.layer[s->source.layer], &s->id);
	if ((*flags & WATCHED_DEST) != 0)
		layer_unwatch_lock(w->config.layer[s->dest.layer], &s->id);
	*flags = 0;
}

bool watch_has_dest(const struct watch *w, uint32_t swap)
{
	return (w->swap[swap] & WATCHED_DEST) != 0;
}

static void watch_active(struct watch *w, enum layer_id id)
{
	const struct ledger *l = engine_ledger(w->config.engine);
	for (uint32_t i = 0; i < l->active_swap_count; i++) {
		const struct swap *s = &l->swap[l->active_swap[i]];
		if (s->source.layer == id)
			watch_leg(w, s, WATCHED_SOURCE);
		if (s->dest.layer == id)
			watch_leg(w, s, WATCHED_DEST);
	}
}

void watch_sweep(struct watch *w)
{
	for (unsigned i = 0; i < LAYER_COUNT; i++)
		if (w->started[i])
			watch_active(w, (enum layer_id)i);
}

static void look_at(struct watch *w, const struct swap *s)
{
	if (!s->active) {
		unwatch(w, s);
		return;
	}
	watch_leg(w, s, WATCHED_SOURCE);
	watch_leg(w, s, WATCHED_DEST);
}

/* A swap that was over may not be any more: its lock-ups are watched before the next block is
 * looked at. */
static enum err on_reorg(void *ctx, enum layer_id layer, const struct block_ref *keep)
{
	struct watch *w = ctx;
	TRY(engine_reorg(w->config.engine, loop_wall_ms(w->config.loop), layer, keep));
	watch_active(w, layer);
	return OK;
}

static void on_event(void *ctx, const struct engine_event *event)
{
	struct watch *w = ctx;
	const struct ledger *l = engine_ledger(w->config.engine);
	if (event->swap != NULL) {
		look_at(w, event->swap);
	} else if (strcmp(event->type, ENGINE_EVENT_RESET) == 0) {
		for (uint32_t i = 0; i < l->active_swap_count; i++)
			look_at(w, &l->swap[l->active_swap[i]]);
		for (uint32_t i = 0; i < l->swap_count; i++)
			if (w->swap[i] != 0)
				look_at(w, &l->swap[i]);
	}
}

enum err watch_create(struct watch **out, const struct watch_config *config)
{
	struct watch *w = calloc(1, sizeof *w);
	if (w == NULL)
		return ERR_FULL;
	w->config = *config;
	w->swap = calloc(engine_ledger(config->engine)->capacity.swaps, 1);
	if (w->swap == NULL) {
		free(w);
		return ERR_FULL;
	}
	engine_subscribe(config->engine, on_event, w);
	*out = w;
	return OK;
}

void watch_destroy(struct watch *w)
{
	if (w == NULL)
		return;
	free(w->swap);
	free(w);
}

/* The ledger's last blocks on a layer, newest first. */
static size_t cursor_of(const struct layer_state *s, struct block_ref cursor[LAYER_CURSOR_MAX])
{
	size_t n = 0;
	for (uint64_t h = s->tip.height; n < LAYER_CURSOR_MAX && h >= s->birth.height; h--) {
		cursor[n++] = s->recent[h % LEDGER_RECENT_BLOCKS].ref;
		if (h == 0)
			break;
	}
	return n;
}

_Static_assert(LEDGER_ADDRESSES_MAX + LEDGER_ADDRESSES_AHEAD <= LAYER_DEPOSITS_MAX,
	"every address is watched");

enum err watch_scripts(struct watch *w, enum layer_id id)
{
	const struct ledger *l = engine_ledger(w->config.engine);
	struct layer *layer = w->config.layer[id];
	TRY(layer_watch_wallet(layer, &l->params.wallet));
	if (id != LAYER_BITCOIN || w->config.deposits == NULL)
		return OK;
	w->addresses = l->address_count;
	return layer_watch_deposits(
		layer, w->config.deposits, l->address_count + LEDGER_ADDRESSES_AHEAD);
}

enum err watch_addresses(struct watch *w)
{
	const struct ledger *l = engine_ledger(w->config.engine);
	if (!w->started[LAYER_BITCOIN] || l->address_count == w->addresses)
		return OK;
	return watch_scripts(w, LAYER_BITCOIN);
}

static enum err watch_coin(struct layer *layer, const struct coin *c)
{
	const struct btc_coin coin = {
		.at = c->at, .value = c->value, .key_index = c->key_index, .hidden = c->hidden};
	return layer_watch_coin(layer, &coin);
}

enum err watch_start(struct watch *w, enum layer_id id)
{
	const struct ledger *l = engine_ledger(w->config.engine);
	struct layer *layer = w->config.layer[id];
	struct block_ref cursor[LAYER_CURSOR_MAX];
	const struct layer_sink sink = {.on_block = on_block,
		.on_reorg = on_reorg,
		.on_mempool = on_mempool,
		.on_fact = on_fact,
		.on_fee_rate = on_fee_rate,
		.on_first_layer = on_first_layer,
		.ctx = w};

	w->started[id] = true;
	TRY(watch_scripts(w, id));
	/* spent ones, too: a reorganisation can undo the spend, and another may follow */
	for (uint32_t i = 0; layer_family(id) == FAMILY_UTXO && i < l->coin_count; i++)
		if (l->coin[i].layer == id && l->coin[i].created_height != 0)
			TRY(watch_coin(layer, &l->coin[i]));
	watch_active(w, id);
	const size_t n = cursor_of(&l->layer[id], cursor);
	return layer_start(layer, cursor, n, &sink);
}
