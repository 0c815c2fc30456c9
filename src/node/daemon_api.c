/* The API's view of the rest of the daemon. */
#include "node/daemon_internal.h"

#include "node/log.h"
#include "sys/rand.h"

#include <errno.h>

static void port_random(void *ctx, void *out, size_t len)
{
	(void)ctx;
	rand_bytes(out, len);
}

static uint64_t port_durable(void *ctx)
{
	struct daemon *d = ctx;
	return journal_durable(d->journal);
}

static void port_status(void *ctx, struct node_status *out)
{
	struct daemon *d = ctx;
	*out = (struct node_status){.signer_connected = d->signer_connected,
		.journal_ok = engine_ok(d->engine),
		.effects_in_flight = effect_runner_in_flight(d->effects)};
	journal_stat(d->journal, &out->journal);
	out->ring_count = net_thread_stat(d->net, out->ring);
}

static void port_layer_info(void *ctx, enum layer_id id, struct layer_info *out)
{
	struct daemon *d = ctx;
	layer_info(d->layer[id], out);
}

static enum err port_layer_submit(
	void *ctx, enum layer_id id, struct slice raw, layer_submit_cb cb, void *cb_ctx)
{
	struct daemon *d = ctx;
	return layer_submit(d->layer[id], raw, cb, cb_ctx);
}

static enum err port_layer_status(
	void *ctx, enum layer_id id, const struct hash256 *txid, layer_status_cb cb, void *cb_ctx)
{
	struct daemon *d = ctx;
	return layer_status(d->layer[id], txid, cb, cb_ctx);
}

enum err daemon_start_api(struct daemon *d)
{
	const struct api_config api = {.loop = d->loop,
		.engine = d->engine,
		.config = &d->config,
		.tokens = &d->tokens,
		.seal = &d->seal,
		.ports = {.ctx = d,
			.random = port_random,
			.durable = port_durable,
			.status = port_status,
			.layer_info = port_layer_info,
			.layer_submit = port_layer_submit,
			.layer_status = port_layer_status}};
	const struct http_server_config http = {.bind = d->config.http_bind,
		.port = d->config.http_port,
		.connection_max = d->config.http_connections,
		.body_max = (size_t)d->config.http_body_max,
		.net = d->net,
		.waiting_max = d->config.limits.waiting,
		.waiting_ms = d->config.limits.deadline_ms};
	enum err err = api_create(&d->api, &api);
	if (err == OK)
		err = http_server_create(&d->server, d->loop, &http, api_handle, d->api);
	if (err != OK) {
		log_line(LOG_ERROR, "http: %s:%u can't be listened on: %s", http.bind,
			(unsigned)http.port, strerror(errno));
		daemon_stop(d, 2);
		return err;
	}
	log_line(LOG_INFO, "http: listening on %s:%u", http.bind,
		(unsigned)http_server_port(d->server));
	return OK;
}
