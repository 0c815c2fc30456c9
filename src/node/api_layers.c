/* Layers as takers and operators see them; the books; the latch. */
#include "node/api_internal.h"

/* ---- GET /v1/layers ---- */

static struct json *depth_json(const struct layer_params *p)
{
	struct json *list = json_array();
	for (uint32_t i = 0; i < p->depth_steps; i++) {
		struct json *step = json_object();
		json_set_amount(step, "from", p->depth[i].from);
		json_set_u64(step, "blocks", p->depth[i].depth);
		json_push(list, step);
	}
	return list;
}

static struct json *contract_json(enum layer_id id, const struct layer_params *p)
{
	char text[EVM_ADDRESS_TEXT_SIZE];
	if (layer_family(id) != FAMILY_ACCOUNT)
		return json_new_null();
	evm_address_format(text, &p->contract, p->network->chain_id);
	return json_new_string(text);
}

static struct json *token_json(enum layer_id id, const struct layer_params *p)
{
	char text[EVM_ADDRESS_TEXT_SIZE];
	if (!layer_gas_apart(id))
		return json_new_null();
	evm_address_format(text, &p->token, p->network->chain_id);
	return json_new_string(text);
}

/* Rollups: which blocks the layer below has, and what data there costs. */
static struct json *first_layer_json(const struct layer_state *s, enum layer_id id)
{
	const struct amount fee = amount_of(layer_gas_asset(id), s->data_fee);
	struct json *v = json_object();
	json_set_u64(v, "safe_height", s->safe_height);
	json_set_u64(v, "final_height", s->final_height);
	json_set_amount(v, "data_fee", fee);
	return v;
}

static void add_public(struct json *v, struct call *c, enum layer_id id, bool checked)
{
	const struct ledger *l = call_ledger(c);
	const struct layer_params *p = &l->params.layer[id];
	struct json *limits = json_object();
	json_set_amount(limits, "min", p->swap_min);
	json_set_amount(limits, "max", p->swap_max);
	json_set_string(v, "layer", layer_name(id));
	json_set_string(v, "asset", asset_name(layer_asset(id)));
	json_set_string(v, "network", p->network->caip2);
	json_set_string(v, "network_name", p->network->name);
	json_set(v, "contract", contract_json(id, p));
	json_set(v, "token", token_json(id, p));
	json_set_string(v, "gas_asset", asset_name(layer_gas_asset(id)));
	json_set_u64(v, "height", l->layer[id].tip.height);
	json_set(v, "first_layer",
		p->network->rollup ? first_layer_json(&l->layer[id], id) : json_new_null());
	json_set(v, "limits", limits);
	json_set(v, "depth", depth_json(p));
	json_set_u64(v, "block_interval_ms", p->block_interval_ms);
	json_set_u64(v, "claim_blocks", p->claim_blocks);
	json_set_u64(v, "lock_blocks", p->lock_blocks);
	json_set_bool(v, "available", checked && l->layer[id].born && !l->latched);
}

static struct json *reconciliation_json(const struct layer_state *s, enum layer_id id)
{
	if (!s->reconciled)
		return json_new_null();
	struct json *v = json_object();
	json_set_u64(v, "height", s->reconciled_at.height);
	json_set_txid(v, "block", id, &s->reconciled_at.hash);
	json_set_amount(v, "difference", s->difference);
	json_set_bool(v, "missing", s->difference_missing);
	json_set_time(v, "at", s->reconciled_ms);
	return v;
}

static struct json *health_json(const struct layer_info *info, enum layer_id id)
{
	struct json *v = json_object(), *tip = json_object();
	json_set_bool(v, "checked", info->err == OK);
	json_set_bool(v, "up", info->health.up);
	json_set_bool(v, "syncing", info->syncing);
	json_set_string(v, "version", info->version);
	json_set_string(v, "detail", info->detail);
	json_set_string(v, "last_error", info->health.last_error);
	json_set_u64(v, "calls", info->health.calls);
	json_set_u64(v, "failures", info->health.failures);
	json_set_u64(v, "latency_ms", info->health.latency_ms);
	json_set_u64(tip, "height", info->tip.height);
	json_set_txid(tip, "hash", id, &info->tip.hash);
	json_set(v, "tip", tip);
	return v;
}

/* NULL where the layer has no URIs. */
static struct json *funding_uri(
	enum layer_id id, const struct network *network, const char *address)
{
	char text[LAYER_URI_TEXT_SIZE];
	struct buf uri = buf_init(text, sizeof text);
	struct layer_payment to;
	if (layer_payment_parse(id, network, &to, slice_str(address)) != OK ||
		layer_payment_uri(id, network, &uri, slice_of(to.destination, to.destination_len),
			amount_zero(layer_asset(id))) != OK)
		return json_new_null();
	return json_new_string(buf_cstr(&uri));
}

static void add_operator(
	struct json *v, struct call *c, enum layer_id id, const struct layer_info *info)
{
	const struct ledger *l = call_ledger(c);
	const struct layer_state *s = &l->layer[id];
	char address[LAYER_ADDRESS_TEXT_SIZE];
	const bool known = layer_funding_address(id, l->params.layer[id].network, address,
				   &l->params.wallet) == OK;
	json_set(v, "funding_address", known ? json_new_string(address) : json_new_null());
	json_set(v, "funding_uri",
		known ? funding_uri(id, l->params.layer[id].network, address) : json_new_null());
	json_set_u64(v, "fee_rate", s->fee_rate);
	if (layer_gas_apart(id))
		json_set_amount(v, "gas_available", ledger_balance(l, id, ACCOUNT_GAS_AVAILABLE));
	else
		json_set(v, "gas_available", json_new_null());
	json_set(v, "node", health_json(info, id));
	json_set(v, "reconciliation", reconciliation_json(s, id));
}

static struct json *latch_json(const struct ledger *l)
{
	struct json *v = json_object();
	json_set_bool(v, "on", l->latched);
	json_set(v, "reason", l->latched ? json_new_string(l->latch_reason) : json_new_null());
	return v;
}

void handle_layers(struct call *c)
{
	struct api *api = c->api;
	if (!call_ready(c))
		return;
	struct json *list = json_array(), *body = json_object();
	for (unsigned i = 0; i < LAYER_COUNT; i++) {
		const enum layer_id id = (enum layer_id)i;
		struct layer_info info = {.err = ERR_UNAVAILABLE};
		if (!api->config->layer[i].enabled)
			continue;
		api->ports.layer_info(api->ports.ctx, id, &info);
		struct json *v = json_object();
		add_public(v, c, id, info.err == OK);
		if (c->token != TOKEN_NONE)
			add_operator(v, c, id, &info);
		json_push(list, v);
	}
	json_set(body, "layers", list);
	if (c->token != TOKEN_NONE)
		json_set(body, "latch", latch_json(call_ledger(c)));
	call_answer_durable(c, 200, body, NULL);
}

/* ---- GET /v1/accounts ---- */

/* Accounts outside custody can be owed either way: a sign in front. */
static void set_balance(struct json *v, const struct ledger *l, enum layer_id layer, enum account a)
{
	const struct amount credit = ledger_balance_credit(l, layer, a);
	char text[AMOUNT_TEXT_SIZE + 1] = "-";
	if (account_is_custody(a) || amount_is_zero(credit)) {
		json_set_amount(v, "balance", ledger_balance(l, layer, a));
		return;
	}
	char plain[AMOUNT_TEXT_SIZE];
	amount_format(plain, credit);
	memcpy(text + 1, plain, sizeof plain);
	json_set_string(v, "balance", text);
}

static struct json *accounts_json(const struct ledger *l, enum layer_id id)
{
	struct json *v = json_object(), *list = json_array();
	json_set_string(v, "layer", layer_name(id));
	json_set_string(v, "asset", asset_name(layer_asset(id)));
	json_set_u64(v, "height", l->layer[id].tip.height);
	json_set_amount(v, "custody", ledger_custody(l, id));
	for (unsigned i = 0; i < ACCOUNT_COUNT; i++) {
		const enum account a = (enum account)i;
		if (account_is_gas(a) && !layer_gas_apart(id))
			continue;
		struct json *one = json_object();
		json_set_string(one, "account", account_name(a));
		json_set_string(one, "asset", asset_name(account_asset(id, a)));
		json_set_bool(one, "custody", account_is_custody(a));
		set_balance(one, l, id, a);
		json_push(list, one);
	}
	json_set(v, "accounts", list);
	return v;
}

void handle_accounts(struct call *c)
{
	const struct ledger *l = call_ledger(c);
	struct json *list = json_array(), *body = json_object();
	for (unsigned i = 0; i < LAYER_COUNT; i++) {
		if (c->api->config->layer[i].enabled)
			json_push(list, accounts_json(l, (enum layer_id)i));
	}
	json_set_u64(body, "sequence", l->seq);
	json_set(body, "layers", list);
	call_answer_durable(c, 200, body, NULL);
}

/* ---- POST /v1/latch ---- */

static const struct field latch_fields[] = {
	{"on", JSON_BOOL, true},
	{"reason", JSON_STRING, true},
};

static bool read_latch(struct call *c, bool *on, char reason[TEXT_REASON_SIZE])
{
	struct json *body;
	if (!call_body(c, &body))
		return false;
	struct field_errors errors = {.count = 0};
	const struct fields f = {.object = body, .pointer = "", .errors = &errors};
	bool good = fields_check(&f, latch_fields, ARRAY_LEN(latch_fields));
	if (good) {
		const struct slice text = json_string(json_get(body, "reason"));
		good = json_get_bool(body, "on", on) == OK;
		if (text.len == 0 || text.len >= TEXT_REASON_SIZE) {
			fields_fault(&f, "reason", "range", "must be 1 to %u bytes",
				TEXT_REASON_SIZE - 1);
			good = false;
		} else {
			memcpy(reason, text.ptr, text.len);
			reason[text.len] = '\0';
		}
	}
	json_free(body);
	if (!good)
		call_invalid(c, &errors);
	return good;
}

void handle_latch(struct call *c)
{
	bool on = false;
	char reason[TEXT_REASON_SIZE];
	if (!read_latch(c, &on, reason))
		return;
	const enum err e = engine_latch(c->api->engine, c->wall_ms, on, reason);
	if (e == OK)
		call_answer_durable(c, 200, latch_json(call_ledger(c)), NULL);
	else if (e == ERR_STATE)
		call_problem(c, "not_reconciled",
			"every layer must reconcile without a difference first");
	else
		call_not_taken(c, e);
}
