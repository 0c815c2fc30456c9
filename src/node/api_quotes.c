#include "node/api_internal.h"

static const struct field quote_fields[] = {
	{"from", JSON_STRING, true},
	{"to", JSON_STRING, true},
	{"source_amount", JSON_STRING, true},
};

static struct json *leg_json(
	const struct ledger *l, enum layer_id layer, uint32_t depth, uint32_t blocks)
{
	const struct layer_params *p = &l->params.layer[layer];
	struct json *leg = json_object();
	json_set_string(leg, "layer", layer_name(layer));
	json_set_string(leg, "network", p->network->caip2);
	json_set_string(leg, "asset", asset_name(layer_asset(layer)));
	json_set_u64(leg, "depth", depth);
	json_set_u64(leg, "refund_blocks", blocks);
	return leg;
}

static struct json *quote_json(struct call *c, const struct quote *q)
{
	const struct ledger *l = call_ledger(c);
	const struct quote_terms terms = {.from = q->from,
		.to = q->to,
		.source_amount = q->source_amount,
		.dest_amount = q->dest_amount,
		.fee = q->fee,
		.expires_ms = c->wall_ms + l->params.quote_ttl_ms};
	char token[QUOTE_TOKEN_SIZE];
	quote_token_make(token, &c->api->quote_key, &terms);
	struct json *v = json_object();
	json_set_string(v, "from", layer_name(q->from));
	json_set_string(v, "to", layer_name(q->to));
	json_set_amount(v, "source_amount", q->source_amount);
	json_set_amount(v, "destination_amount", q->dest_amount);
	json_set_amount(v, "fee", q->fee);
	json_set_amount(v, "network_fee", q->network_fee);
	json_set_time(v, "expires_at", terms.expires_ms);
	json_set(v, "source", leg_json(l, q->from, q->source_depth, q->source_blocks));
	json_set(v, "destination", leg_json(l, q->to, q->dest_depth, q->dest_blocks));
	json_set_string(v, "quote", token);
	return v;
}

void handle_quotes(struct call *c)
{
	struct json *body;
	if (!call_body(c, &body))
		return;
	struct field_errors errors = {.count = 0};
	const struct fields f = {.object = body, .pointer = "", .errors = &errors};
	enum layer_id from = LAYER_COUNT, to = LAYER_COUNT;
	struct amount amount = amount_zero(ASSET_BTC);
	bool good = fields_check(&f, quote_fields, ARRAY_LEN(quote_fields));
	good = fields_layer(&f, "from", &from) && good;
	good = fields_layer(&f, "to", &to) && good;
	if (good && from == to) {
		fields_fault(&f, "to", "same_layer", "must be another layer than from");
		good = false;
	}
	good = good && fields_amount(&f, "source_amount", layer_asset(from), &amount);
	json_free(body);
	if (!good) {
		call_invalid(c, &errors);
		return;
	}
	if (!call_layer_enabled(c, from) || !call_layer_enabled(c, to) || !call_ready(c))
		return;
	struct quote quote;
	struct engine_refusal refusal;
	const enum err e = engine_quote(c->api->engine, &quote, &refusal, from, to, amount);
	if (e == OK)
		call_answer_json(c, 200, quote_json(c, &quote));
	else if (e == ERR_REJECTED)
		call_refused(c, &refusal);
	else
		call_problem(c, "layer_unavailable", "no price can be given now (%s)", err_name(e));
}
