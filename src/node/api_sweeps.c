/* Sweeps of deposit addresses: begun here, signed elsewhere (api_psbt.c), followed as transfers. */
#include "node/api_internal.h"

static bool is_wallets(const struct ledger *l, struct slice script)
{
	uint8_t own[34];
	for (uint32_t i = 0; i < KEY_INDEX_COUNT; i++)
		if (wallet_script(own, &l->params.wallet, LAYER_BITCOIN, i) == OK &&
			slice_eq(slice_of(own, sizeof own), script))
			return true;
	return false;
}

/* The wallet's address where none is named; another one must be among those of the configuration.
 * False: a fault. */
static bool read_destination(struct call *c, const struct fields *f, struct sweep_command *out)
{
	const struct ledger *l = call_ledger(c);
	const struct network *network = l->params.layer[LAYER_BITCOIN].network;
	const struct json *to = json_get(f->object, "to");
	size_t len = 34;
	if (to == NULL) {
		CHECK(wallet_script(out->destination, &l->params.wallet, LAYER_BITCOIN,
			      KEY_INDEX_RECEIVE) == OK);
	} else {
		const enum err err = btc_address_parse(
			out->destination, &len, network, json_string(to));
		if (err != OK) {
			fields_address_fault(f, "to", network, err);
			return false;
		}
	}
	out->destination_len = (uint32_t)len;
	const struct slice script = slice_of(out->destination, len);
	out->to_wallet = is_wallets(l, script);
	if (out->to_wallet ||
		deposits_may_sweep_to(
			network, c->api->config->layer[LAYER_BITCOIN].sweep_addresses, script))
		return true;
	fields_fault(f, "to", "range", "is not in bitcoin.sweep_addresses");
	return false;
}

static bool read_sweep(struct call *c, struct sweep_command *out)
{
	static const struct field known[] = {
		{"amount", JSON_STRING, false}, {"to", JSON_STRING, false}};
	struct field_errors errors = {.count = 0};
	struct json *body;
	if (!call_body(c, &body))
		return false;
	const struct fields f = {.object = body, .pointer = "", .errors = &errors};
	bool good = fields_check(&f, known, ARRAY_LEN(known));
	if (good && json_get(body, "amount") != NULL)
		good = fields_amount(&f, "amount", ASSET_BTC, &out->amount);
	good = good && read_destination(c, &f, out);
	json_free(body);
	if (!good)
		call_invalid(c, &errors);
	return good;
}

static void answer(struct call *c, unsigned status, const struct id128 *id)
{
	const struct ledger *l = call_ledger(c);
	char text[ID_TEXT_SIZE], location[64];
	struct buf b = buf_init(location, sizeof location);
	id_format(text, id);
	buf_printf(&b, "/v1/transfers/%s", text);
	call_answer_durable(c, status, transfer_json(l, ledger_transfer(l, id)), buf_cstr(&b));
}

void handle_sweep_create(struct call *c)
{
	struct command_result result;
	struct sweep_command command = {.now_ms = c->wall_ms,
		.descriptor = c->api->deposits,
		.amount = amount_zero(ASSET_BTC)};
	if (!call_ready(c) || !call_idempotency(c) || call_deposits(c) == NULL ||
		!read_sweep(c, &command) || !call_has_room(c) || !call_affordable(c))
		return;
	command.idempotency_key = c->idempotency_key;
	command.idempotency_body = c->idempotency_body;
	command.id = call_fresh_id(c);
	command.effect_id = call_fresh_id(c);
	const enum err err = engine_sweep(c->api->engine, &result, &command);
	if (err == OK)
		answer(c, 201, &result.id);
	else if (err == ERR_EXISTS && result.same_body)
		answer(c, 200, &result.id);
	else if (err == ERR_EXISTS)
		call_problem(c, "idempotency_mismatch", "a new request needs a new key");
	else if (err == ERR_REJECTED)
		call_refused(c, &result.refusal);
	else
		call_problem(
			c, "overloaded", "the engine takes no new sweeps now (%s)", err_name(err));
}
