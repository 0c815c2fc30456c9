#include "node/api_internal.h"

#include "crypto/hash.h"

#include <stdio.h>

#define POINTER_SIZE 32u

static const struct field transfer_fields[] = {
	{"layer", JSON_STRING, true},
	{"to", JSON_STRING, true},
	{"amount", JSON_STRING, false}, /* where `to` says it */
	{"signing", JSON_STRING, false},
};
static const struct field batch_fields[] = {
	{"layer", JSON_STRING, true},
	{"transfers", JSON_ARRAY, true},
};
static const struct field item_fields[] = {
	{"to", JSON_STRING, true},
	{"amount", JSON_STRING, false},
};

/* Handlers run one at a time, and one request is read before the next. */
static struct transfer_command command[ENGINE_TRANSFERS_MAX];

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
	json_set_string(v, "signing", t->external ? "external" : "signer");
	json_set_bool(v, "sweep", t->sweep);
	json_set_time(v, "created_at", t->created_ms);
	json_set_time(v, "updated_at", t->updated_ms);
	json_set(v, "transactions", effect_json(l, t->effect));
	json_set(v, "reason", t->reason[0] != '\0' ? json_new_string(t->reason) : json_new_null());
	return v;
}

/* ---- reading ---- */

/* A payee and what it gets: NULL where both are good, or the problem that they are. */
static const char *read_payment(
	const struct fields *f, struct transfer_command *out, const struct network *network)
{
	struct layer_payment p;
	const bool stated = json_get(f->object, "amount") != NULL;
	if (stated && !fields_amount(f, "amount", layer_asset(out->layer), &out->amount))
		return "invalid_request";
	const enum err e = layer_payment_parse(
		out->layer, network, &p, json_string(json_get(f->object, "to")));
	if (e != OK) {
		fields_address_fault(f, "to", network, e);
		return "invalid_address";
	}
	memcpy(out->destination, p.destination, p.destination_len);
	out->destination_len = (uint32_t)p.destination_len;
	if (!stated && !p.has_amount) {
		fields_fault(f, "amount", "missing", "is required, where \"to\" does not say it");
		return "invalid_request";
	}
	if (stated && p.has_amount && amount_cmp(out->amount, p.amount) != 0) {
		fields_fault(f, "amount", "differs", "is not what \"to\" asks for");
		return "invalid_amount";
	}
	if (!stated)
		out->amount = p.amount;
	const struct amount dust = layer_dust(out->layer);
	if (amount_cmp(out->amount, dust) >= 0)
		return NULL;
	char text[AMOUNT_TEXT_SIZE];
	amount_format(text, dust);
	fields_fault(f, "amount", "dust", "less than %s %s is not relayed", text,
		asset_name(dust.asset));
	return "invalid_amount";
}

/* The first item's key is the request's; the others follow from it, so that the same request finds
 * each of them again. */
static void item_key(struct hash256 *out, const struct hash256 *key, uint32_t i)
{
	uint8_t number[4];
	if (i == 0) {
		*out = *key;
		return;
	}
	store_le32(number, i);
	const struct slice part[] = {
		slice_of(key->b, sizeof key->b), slice_of(number, sizeof number)};
	sha256_parts(out, part, ARRAY_LEN(part));
}

static void begin_command(struct call *c, uint32_t i, enum layer_id layer)
{
	command[i] = (struct transfer_command){
		.now_ms = c->wall_ms, .idempotency_body = c->idempotency_body, .layer = layer};
	item_key(&command[i].idempotency_key, &c->idempotency_key, i);
}

/* Who signs: our signer, where nothing is said. */
static bool read_signing(const struct fields *f, struct transfer_command *out)
{
	const struct slice text = json_string(json_get(f->object, "signing"));
	out->external = text.ptr != NULL && slice_eq(text, slice_str("external"));
	if (text.ptr == NULL || slice_eq(text, slice_str("signer")))
		return true;
	if (!out->external)
		fields_fault(f, "signing", "unknown", "must be \"signer\" or \"external\"");
	else if (out->layer != LAYER_BITCOIN)
		fields_fault(f, "signing", "layer", "is signed outside on bitcoin only");
	else
		return true;
	return false;
}

static const struct network *network_of(const struct call *c, enum layer_id layer)
{
	return call_ledger(c)->params.layer[layer].network;
}

/* The one command that the body asks for; false: answered. */
static bool read_one(struct call *c, const struct json *body)
{
	struct field_errors errors = {.count = 0};
	const struct fields f = {.object = body, .pointer = "", .errors = &errors};
	enum layer_id layer = LAYER_BITCOIN;
	bool good = fields_check(&f, transfer_fields, ARRAY_LEN(transfer_fields));
	good = fields_layer(&f, "layer", &layer) && good;
	if (!good) {
		call_invalid(c, &errors);
		return false;
	}
	if (!call_layer_enabled(c, layer))
		return false;
	begin_command(c, 0, layer);
	if (!read_signing(&f, &command[0])) {
		call_invalid(c, &errors);
		return false;
	}
	const char *problem = read_payment(&f, &command[0], network_of(c, layer));
	if (problem != NULL)
		call_problem_fields(c, problem, &errors);
	return problem == NULL;
}

/* All that is wrong with the items, as the problem that the first of them has; NULL: nothing. */
static const char *read_items(
	struct call *c, const struct json *items, enum layer_id layer, struct field_errors *errors)
{
	const char *problem = NULL;
	for (uint32_t i = 0; i < json_count(items) && errors->count < FIELD_ERRORS_MAX; i++) {
		char pointer[POINTER_SIZE];
		(void)snprintf(pointer, sizeof pointer, "/transfers/%u", i);
		const struct fields item = {
			.object = json_at(items, i), .pointer = pointer, .errors = errors};
		begin_command(c, i, layer);
		const char *fault = "invalid_request";
		if (fields_check(&item, item_fields, ARRAY_LEN(item_fields)))
			fault = read_payment(&item, &command[i], network_of(c, layer));
		if (problem == NULL)
			problem = fault;
	}
	return problem;
}

/* The commands of a batch; false: answered. */
static bool read_batch(struct call *c, const struct json *body, uint32_t *count)
{
	struct field_errors errors = {.count = 0};
	const struct fields f = {.object = body, .pointer = "", .errors = &errors};
	const struct json *items = json_get(body, "transfers");
	enum layer_id layer = LAYER_BITCOIN;
	bool good = fields_check(&f, batch_fields, ARRAY_LEN(batch_fields));
	good = fields_layer(&f, "layer", &layer) && good;
	const size_t n = json_count(items);
	if (good && (n == 0 || n > ENGINE_TRANSFERS_MAX)) {
		fields_fault(
			&f, "transfers", "range", "must have 1 to %u items", ENGINE_TRANSFERS_MAX);
		good = false;
	}
	if (!good) {
		call_invalid(c, &errors);
		return false;
	}
	if (!call_layer_enabled(c, layer))
		return false;
	const char *problem = read_items(c, items, layer, &errors);
	if (problem != NULL)
		call_problem_fields(c, problem, &errors);
	*count = (uint32_t)n;
	return problem == NULL;
}

/* ---- answering ---- */

/* What the key of item i made; NULL: nothing. */
static const struct transfer *made_by(const struct call *c, uint32_t i)
{
	const struct ledger *l = call_ledger(c);
	struct hash256 key;
	item_key(&key, &c->idempotency_key, i);
	const struct idempotency *idem = ledger_idempotency(l, &key);
	return idem == NULL || idem->is_swap ? NULL : &l->transfer[idem->index];
}

/* Of a request that was done: now, or before. */
static const struct transfer *done_by(const struct call *c, uint32_t i)
{
	const struct transfer *t = made_by(c, i);
	return t != NULL ? t : ledger_transfer(call_ledger(c), &command[i].id);
}

static void answer_one(struct call *c, unsigned status)
{
	const struct ledger *l = call_ledger(c);
	const struct transfer *t = done_by(c, 0);
	CHECK(t != NULL);
	char text[ID_TEXT_SIZE], location[64];
	id_format(text, &t->id);
	struct buf b = buf_init(location, sizeof location);
	buf_printf(&b, "/v1/transfers/%s", text);
	call_answer_durable(c, status, transfer_json(l, t), buf_cstr(&b));
}

static void answer_many(struct call *c, unsigned status, uint32_t count)
{
	struct json *list = json_array(), *body = json_object();
	for (uint32_t i = 0; i < count; i++) {
		const struct transfer *t = done_by(c, i);
		CHECK(t != NULL);
		json_push(list, transfer_json(call_ledger(c), t));
	}
	json_set(body, "transfers", list);
	call_answer_durable(c, status, body, NULL);
}

/* The same request again, all of it done: answered. The body is read for how many there are alone:
 * what it says was checked then. */
static bool answered_again(struct call *c, const struct json *body)
{
	const struct idempotency *idem = ledger_idempotency(call_ledger(c), &c->idempotency_key);
	if (idem == NULL)
		return false;
	if (idem->is_swap || !hash256_eq(&idem->body, &c->idempotency_body)) {
		call_problem(c, "idempotency_mismatch", "a new request needs a new key");
		return true;
	}
	const struct json *items = json_get(body, "transfers");
	if (items == NULL) {
		answer_one(c, 200);
		return true;
	}
	const uint32_t count = (uint32_t)json_count(items);
	for (uint32_t i = 0; i < count; i++)
		if (made_by(c, i) == NULL)
			return false; /* a crash left the first ones */
	answer_many(c, 200, count);
	return true;
}

/* count: of a batch; 0: of one that is none. */
static void make_transfers(struct call *c, uint32_t count)
{
	struct command_result result;
	const uint32_t n = count == 0 ? 1 : count;
	for (uint32_t i = 0; i < n; i++) {
		command[i].id = call_fresh_id(c);
		command[i].effect_id = call_fresh_id(c);
	}
	const enum err e = engine_transfers(c->api->engine, &result, command, n);
	if (e == ERR_REJECTED)
		call_refused(c, &result.refusal);
	else if (e != OK)
		call_not_taken(c, e);
	else if (count == 0)
		answer_one(c, 201);
	else
		answer_many(c, 201, count);
}

void handle_transfer_create(struct call *c)
{
	struct json *body;
	uint32_t count = 0;
	if (!call_ready(c) || !call_idempotency(c) || !call_body(c, &body))
		return;
	bool good = !answered_again(c, body);
	if (good && json_get(body, "transfers") != NULL)
		good = read_batch(c, body, &count);
	else if (good)
		good = read_one(c, body);
	json_free(body);
	if (good && call_has_room(c) && call_affordable(c))
		make_transfers(c, count);
}

/* ---- looking ---- */

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
