/* What the node says about itself: health, metrics, its own description. */
#include "node/api_internal.h"

#include <stdlib.h>

#include "node/openapi_text.h"

void handle_healthz(struct call *c)
{
	struct json *v = json_object();
	json_set_string(v, "status", "ok");
	call_answer_json(c, 200, v);
}

void api_readiness(const struct api *api, struct readiness *out)
{
	const struct ledger *l = engine_ledger(api->engine);
	struct node_status node;
	api->ports.status(api->ports.ctx, &node);
	*out = (struct readiness){.journal = node.journal_ok,
		.journal_sound = node.scrub.damaged == 0,
		.journal_room = !node.journal.full,
		.signer = node.signer_connected,
		.params = l->has_params,
		.latch_clear = !l->latched};
	out->ready = out->journal && out->journal_sound && out->journal_room && out->signer &&
		out->params;
	for (unsigned i = 0; i < LAYER_COUNT; i++) {
		struct layer_info info = {.err = ERR_UNAVAILABLE};
		if (!api->config->layer[i].enabled)
			continue;
		api->ports.layer_info(api->ports.ctx, (enum layer_id)i, &info);
		out->layer[i] = info.err == OK && l->layer[i].born;
		out->reconciled[i] = l->layer[i].reconciled &&
			amount_is_zero(l->layer[i].difference);
		out->ready = out->ready && out->layer[i] && out->reconciled[i];
	}
}

void handle_readyz(struct call *c)
{
	struct readiness r;
	api_readiness(c->api, &r);
	struct json *v = json_object(), *layers = json_array();
	json_set_bool(v, "ready", r.ready);
	json_set_bool(v, "journal", r.journal);
	json_set_bool(v, "journal_sound", r.journal_sound);
	json_set_bool(v, "journal_room", r.journal_room);
	json_set_bool(v, "signer", r.signer);
	json_set_bool(v, "parameters", r.params);
	json_set_bool(v, "latched", !r.latch_clear);
	for (unsigned i = 0; i < LAYER_COUNT; i++) {
		if (!c->api->config->layer[i].enabled)
			continue;
		struct json *one = json_object();
		json_set_string(one, "layer", layer_name((enum layer_id)i));
		json_set_bool(one, "connected", r.layer[i]);
		json_set_bool(one, "reconciled", r.reconciled[i]);
		json_push(layers, one);
	}
	json_set(v, "layers", layers);
	call_answer_json(c, r.ready ? 200 : 503, v);
}

void handle_openapi(struct call *c)
{
	call_answer_text(c, 200, "application/yaml", slice_of(openapi_text, openapi_text_len));
}

void handle_metrics(struct call *c)
{
	uint8_t *text = malloc(METRICS_TEXT_MAX);
	CHECK(text != NULL);
	struct buf out = buf_init(text, METRICS_TEXT_MAX);
	metrics_put_http(&out, &c->api->metrics, api_routes, api_route_count);
	api_put_metrics(&out, c->api);
	CHECK(!out.overflow);
	call_answer_text(c, 200, "text/plain; version=0.0.4; charset=utf-8", buf_slice(&out));
	free(text);
}
