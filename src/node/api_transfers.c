#include "node/api_internal.h"

static const struct field transfer_fields[] = {
	{"layer", JSON_STRING, true},
	{"to", JSON_STRING, true},
	{"amount", JSON_STRING, true},
};

const char *transfer_state_name(enum transfer_state s)
{
	static const char *const names[] = {
		[TRANSFER_PENDING] = "pending",
		[TRANSFER_SENT] = "sent",
		[TRANSFER_CONFIRMED] = "confirmed",
		[TRANSFER_FINAL] = "final",
		[TRANSFER_FAILED] = "failed",
	};
	CHECK((size_t)s < ARRAY_LEN(names));
	return names[s];
}

struct json *transfer_json(const struct ledger *l, const struct transfer *t)
{
	const struct network *network = l->params.layer[t->layer].network;
	char address[LAYER_ADDRESS_TEXT_SIZE];
	const bool shown = layer_address_format(t->layer, network, address,
				   slice_of(t->destination, t->destination_len)) == OK;
	struct json *v = json_object();
	json_set_id(v, "id", &t->id);
	json_set_string(v, "state", transfer_state_name(t->state));
	json_set_string(v, "layer", layer_name(t->layer));
	json_set_string(v, "network", network->caip2);
	json_set_string(v, "asset", asset_name(t->amount.asset));
	json_set(v, "to", shown ? json_new_string(address) : json_new_null());
	json_set_amount(v, "amount", t->amount);
	json_set_time(v, "created_at", t->created_ms);
	json_set_time(v, "updated_at", t->updated_ms);
	json_set(v, "transactions", effect_json(l, t->effect));
	json_set(v, "reason", t->reason[0] != '\0' ? json_new_string(t->reason) : json_new_null());
	return v;
}

/* The address is good and the amount is worth sending; false: answered. */
static bool read_payment(struct call *c, struct transfer_command *out, struct field_errors *errors,
	const struct json *body)
{
	const struct fields f = {.object = body, .pointer = "", .errors = errors};
	const struct network *network = call_ledger(c)->params.layer[out->layer].network;
	size_t len = 0;
	const enum err e = layer_address_check(
		out->layer, network, out->destination, &len, json_string(json_get(body, "to")));
	if (e != OK) {
		fields_address_fault(&f, "to", network, e);
		call_problem_fields(c, "invalid_address", errors);
		return false;
	}
	out->destination_len = (uint32_t)len;
	const struct amount dust = layer_dust(out->layer);
	if (amount_cmp(out->amount, dust) < 0) {
		char text[AMOUNT_TEXT_SIZE];
		amount_format(text, dust);
		fields_fault(&f, "amount", "dust", "less than %s %s is not relayed", text,
			asset_name(dust.asset));
		call_problem_fields(c, "invalid_amount", errors);
		return false;
	}
	return true;
}

/* The command that the body asks for; false: answered. */
static bool read_transfer(struct call *c, struct transfer_command *out, const struct json *body)
{
	struct field_errors errors = {.count = 0};
	const struct fields f = {.object = body, .pointer = "", .errors = &errors};
	bool good = fields_check(&f, transfer_fields, ARRAY_LEN(transfer_fields));
	good = fields_layer(&f, "layer", &out->layer) && good;
	good = good && fields_amount(&f, "amount", layer_asset(out->layer), &out->amount);
	if (!good) {
		call_invalid(c, &errors);
		return false;
	}
	return call_layer_enabled(c, out->layer) && read_payment(c, out, &errors, body);
}

static void answer_transfer(struct call *c, unsigned status, const struct id128 *id)
{
	const struct ledger *l = call_ledger(c);
	const struct transfer *t = ledger_transfer(l, id);
	CHECK(t != NULL);
	char text[ID_TEXT_SIZE], location[64];
	id_format(text, id);
	struct buf b = buf_init(location, sizeof location);
	buf_printf(&b, "/v1/transfers/%s", text);
	call_answer_durable(c, status, transfer_json(l, t), buf_cstr(&b));
}

/* The key was used before: the same transfer again, or a mismatch. False: it was not used. */
static bool answer_again(struct call *c)
{
	const struct ledger *l = call_ledger(c);
	const struct idempotency *idem = ledger_idempotency(l, &c->idempotency_key);
	if (idem == NULL)
		return false;
	if (!idem->is_swap && hash256_eq(&idem->body, &c->idempotency_body))
		answer_transfer(c, 200, &l->transfer[idem->index].id);
	else
		call_problem(c, "idempotency_mismatch", "a new request needs a new key");
	return true;
}

void handle_transfer_create(struct call *c)
{
	struct json *body;
	if (!call_ready(c) || !call_idempotency(c))
		return;
	if (answer_again(c))
		return;
	if (!call_body(c, &body))
		return;
	struct transfer_command command = {.now_ms = c->wall_ms,
		.idempotency_key = c->idempotency_key,
		.idempotency_body = c->idempotency_body};
	const bool good = read_transfer(c, &command, body);
	json_free(body);
	if (!good || !call_has_room(c))
		return;
	command.id = call_fresh_id(c);
	command.effect_id = call_fresh_id(c);
	struct command_result result;
	const enum err e = engine_transfer(c->api->engine, &result, &command);
	if (e == OK)
		answer_transfer(c, 201, &result.id);
	else if (e == ERR_REJECTED)
		call_refused(c, &result.refusal);
	else
		call_problem(
			c, "overloaded", "the engine takes no new transfers now (%s)", err_name(e));
}

void handle_transfer_get(struct call *c)
{
	struct id128 id;
	const struct ledger *l = call_ledger(c);
	const struct transfer *t = id_parse(&id, c->param[0]) == OK ? ledger_transfer(l, &id)
								    : NULL;
	if (t == NULL)
		call_problem(c, "not_found", "there is no such transfer");
	else
		call_answer_durable(c, 200, transfer_json(l, t), NULL);
}

void handle_transfer_list(struct call *c)
{
	const struct ledger *l = call_ledger(c);
	struct page page;
	if (!call_page(c, &page, l->transfer_count))
		return;
	struct json *list = json_array(), *body = json_object();
	uint32_t next = page.next;
	for (uint32_t i = 0; next > 0 && page_goes_on(&page, i); i++)
		json_push(list, transfer_json(l, &l->transfer[--next]));
	char cursor[CURSOR_TEXT_SIZE];
	page_cursor(cursor, next);
	json_set(body, "transfers", list);
	json_set(body, "next_cursor", next > 0 ? json_new_string(cursor) : json_new_null());
	call_answer_durable(c, 200, body, NULL);
}
