/* The live half of layer.h: each call goes to its network's table. */
#include "layer/adapter.h"

#include <stdlib.h>

void layer_info(const struct layer *layer, struct layer_info *out)
{
	*out = layer->info;
	if (layer->ops->health != NULL)
		layer->ops->health(layer, &out->health);
	else
		upstream_health(layer->config.upstream, &out->health);
}

enum err layer_check(struct layer *layer, layer_info_cb cb, void *ctx)
{
	return layer->ops->check(layer, cb, ctx);
}

enum err layer_block_at(struct layer *layer, uint64_t height, layer_block_cb cb, void *ctx)
{
	return layer->ops->block_at(layer, height, cb, ctx);
}

enum err layer_start(struct layer *layer, const struct block_ref *cursor, size_t cursor_count,
	const struct layer_sink *sink)
{
	CHECK(sink->on_block != NULL && sink->on_reorg != NULL);
	if (layer->sink.on_block != NULL)
		return ERR_STATE;
	TRY(follow_start(&layer->follow, cursor, cursor_count));
	layer->sink = *sink;
	layer->fee_rate = 0;
	layer->fee_due_ms = 0;
	if (layer->ops->started != NULL)
		layer->ops->started(layer);
	return OK;
}

void layer_stop(struct layer *layer)
{
	follow_stop(&layer->follow);
	layer->sink = (struct layer_sink){0};
}

enum err layer_watch_wallet(struct layer *layer, const struct pubkey *wallet)
{
	return layer->ops->watch_wallet(layer, wallet);
}

enum err layer_watch_deposits(
	struct layer *layer, const struct descriptor *descriptor, uint32_t count)
{
	if (layer->ops->watch_deposits == NULL)
		return ERR_STATE;
	return layer->ops->watch_deposits(layer, descriptor, count);
}

enum err layer_watch_coin(struct layer *layer, const struct btc_coin *coin)
{
	return layer->ops->watch_coin(layer, coin);
}

enum err layer_watch_lock(struct layer *layer, const struct id128 *swap, struct slice leg)
{
	return layer->ops->watch_lock(layer, swap, leg);
}

enum err layer_watch_lock_at(
	struct layer *layer, const struct id128 *swap, const struct locator *at)
{
	return layer->ops->watch_lock_at(layer, swap, at);
}

void layer_unwatch_lock(struct layer *layer, const struct id128 *swap)
{
	layer->ops->unwatch_lock(layer, swap);
}

enum err layer_submit(struct layer *layer, struct slice raw, layer_submit_cb cb, void *ctx)
{
	return layer->ops->submit(layer, raw, cb, ctx);
}

enum err layer_status(
	struct layer *layer, const struct hash256 *txid, layer_status_cb cb, void *ctx)
{
	return layer->ops->status(layer, txid, cb, ctx);
}

enum err layer_fee_estimate(struct layer *layer, uint32_t blocks, layer_fee_cb cb, void *ctx)
{
	return layer->ops->fee_estimate(layer, blocks, cb, ctx);
}

enum err layer_scan(struct layer *layer, const struct layer_lock_ref *lock, size_t lock_count,
	layer_scan_cb cb, void *ctx)
{
	if (lock_count > LAYER_SCAN_LOCKS_MAX)
		return ERR_FULL;
	return layer->ops->scan(layer, lock, lock_count, cb, ctx);
}

/* ---- offers ---- */

struct offering {
	struct layer *layer;
	layer_offer_cb cb;
	void *ctx;
	struct buf leg;
	uint8_t storage[LAYER_LEG_MAX];
};

static void on_offered(void *op)
{
	struct offering *o = op;
	if (!o->layer->dead)
		o->cb(o->ctx, OK, buf_slice(&o->leg), "");
	free(o);
}

/* Nobody need be asked, but the callback comes from the loop all the same. */
static enum err offer_pure(
	struct layer *layer, const struct leg_offer *offer, layer_offer_cb cb, void *ctx)
{
	struct offering *o = malloc(sizeof *o);
	if (o == NULL)
		return ERR_FULL;
	o->layer = layer;
	o->cb = cb;
	o->ctx = ctx;
	o->leg = buf_init(o->storage, sizeof o->storage);
	enum err err = layer_leg_make(&o->leg, layer->config.id, offer);
	if (err == OK)
		err = layer_wait(layer, 0, on_offered, o);
	if (err != OK)
		free(o);
	return err;
}

enum err layer_offer(
	struct layer *layer, const struct leg_offer *offer, layer_offer_cb cb, void *ctx)
{
	return layer->ops->offer != NULL ? layer->ops->offer(layer, offer, cb, ctx)
					 : offer_pure(layer, offer, cb, ctx);
}

enum err layer_scan_at(struct layer *layer, uint64_t height, layer_scan_cb cb, void *ctx)
{
	return layer->ops->scan_at == NULL ? ERR_STATE
					   : layer->ops->scan_at(layer, height, cb, ctx);
}
