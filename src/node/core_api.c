/* The API's view of the rest of the core. */
#include "node/core_internal.h"

static void port_random(void *ctx, void *out, size_t len)
{
	const struct core *k = ctx;
	k->c.random(k->c.random_ctx, out, len);
}

static uint64_t port_durable(void *ctx)
{
	struct core *k = ctx;
	return journal_durable(k->journal);
}

static uint64_t port_answerable(void *ctx)
{
	struct core *k = ctx;
	return journal_answerable(k->journal);
}

static void port_status(void *ctx, struct node_status *out)
{
	struct core *k = ctx;
	*out = (struct node_status){.signer_connected = k->signer_connected,
		.journal_ok = engine_ok(k->engine),
		.effects_in_flight = effect_runner_in_flight(k->effects)};
	journal_stat(k->journal, &out->journal);
	if (k->scrub != NULL)
		journal_scrub_stat(k->scrub, &out->scrub);
	if (k->snapshots != NULL)
		snapshots_stat(k->snapshots, &out->snapshots);
	for (unsigned i = 0; i < LAYER_COUNT; i++) {
		if (k->upstream[i] == NULL)
			continue;
		out->pool[out->pool_count].name = layer_name((enum layer_id)i);
		upstream_pool(k->upstream[i], &out->pool[out->pool_count++].stats);
	}
	if (k->c.status != NULL)
		k->c.status(k->c.ctx, out);
}

static void port_layer_info(void *ctx, enum layer_id id, struct layer_info *out)
{
	struct core *k = ctx;
	layer_info(k->layer[id], out);
}

static enum err port_layer_submit(
	void *ctx, enum layer_id id, struct slice raw, layer_submit_cb cb, void *cb_ctx)
{
	struct core *k = ctx;
	return layer_submit(k->layer[id], raw, cb, cb_ctx);
}

static enum err port_layer_status(
	void *ctx, enum layer_id id, const struct hash256 *txid, layer_status_cb cb, void *cb_ctx)
{
	struct core *k = ctx;
	return layer_status(k->layer[id], txid, cb, cb_ctx);
}

static enum err port_layer_offer(
	void *ctx, enum layer_id id, const struct leg_offer *offer, layer_offer_cb cb, void *cb_ctx)
{
	struct core *k = ctx;
	return layer_offer(k->layer[id], offer, cb, cb_ctx);
}

enum err core_start_api(struct core *k)
{
	const struct api_config api = {.loop = k->loop,
		.log = k->log,
		.deposits = k->deposits,
		.cluster = journal_cluster(k->journal),
		.engine = k->engine,
		.config = k->config,
		.tokens = k->c.tokens,
		.seal = k->c.seal,
		.ports = {.ctx = k,
			.random = port_random,
			.durable = port_durable,
			.answerable = port_answerable,
			.status = port_status,
			.layer_info = port_layer_info,
			.layer_submit = port_layer_submit,
			.layer_offer = port_layer_offer,
			.layer_status = port_layer_status}};
	enum err err = api_create(&k->api, &api);
	if (err == OK)
		err = k->c.serve(k->c.ctx);
	if (err != OK)
		core_stop(k, CORE_END_SETTINGS);
	return err;
}
