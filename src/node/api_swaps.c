#include "node/api_internal.h"

/* ---- POST /v1/swaps ---- */

static const struct field swap_fields[] = {
	{"quote", JSON_STRING, true},
	{"preimage_hash", JSON_STRING, true},
	{"source", JSON_OBJECT, true},
	{"destination", JSON_OBJECT, true},
};

/* The client's half of a leg: a key on UTXO layers, an address on account layers. */
struct party_member {
	const char *object;        /* "source" */
	const char *pointer;       /* "/source" */
	const char *key, *address; /* names of the members */
};
static const struct party_member source_member = {
	"source", "/source", "refund_key", "refund_address"};
static const struct party_member dest_member = {
	"destination", "/destination", "claim_key", "claim_address"};

static bool read_party(struct swap_command *out, struct field_errors *errors,
	const struct json *body, const struct party_member *m, const struct layer_params *p)
{
	const struct fields f = {
		.object = json_get(body, m->object), .pointer = m->pointer, .errors = errors};
	const struct field key = {m->key, JSON_STRING, true};
	const struct field address = {m->address, JSON_STRING, true};
	switch (layer_family(p->network->layer)) {
	case FAMILY_UTXO:
		return fields_check(&f, &key, 1) && fields_xonly(&f, m->key, &out->client_key);
	case FAMILY_ACCOUNT:
		return fields_check(&f, &address, 1) &&
			fields_evm_address(&f, m->address, p->network, &out->client_address);
	case FAMILY_CHANNEL: return true; /* an invoice is all there is */
	}
	UNREACHABLE();
}

/* False: answered. */
static bool read_quote(struct call *c, struct quote_terms *out, const struct json *body)
{
	const struct slice text = json_string(json_get(body, "quote"));
	if (quote_token_parse(out, &c->api->quote_key, text) != OK) {
		call_problem(c, "quote_invalid", "ask for a new one with POST /v1/quotes");
		return false;
	}
	if (c->wall_ms >= out->expires_ms) {
		call_problem(c, "quote_expired", "ask for a new one with POST /v1/quotes");
		return false;
	}
	return call_layer_enabled(c, out->from) && call_layer_enabled(c, out->to);
}

/* The command that the body asks for; false: answered. */
static bool read_swap(struct call *c, struct swap_command *out, const struct json *body)
{
	const struct ledger *l = call_ledger(c);
	struct field_errors errors = {.count = 0};
	const struct fields f = {.object = body, .pointer = "", .errors = &errors};
	struct quote_terms quote;
	bool good = fields_check(&f, swap_fields, ARRAY_LEN(swap_fields));
	if (!good) {
		call_invalid(c, &errors);
		return false;
	}
	if (!fields_hex(&f, "preimage_hash", out->hash.b, sizeof out->hash.b)) {
		call_invalid(c, &errors);
		return false;
	}
	if (!read_quote(c, &quote, body))
		return false;
	good = read_party(out, &errors, body, &source_member, &l->params.layer[quote.from]);
	good = read_party(out, &errors, body, &dest_member, &l->params.layer[quote.to]) && good;
	if (!good) {
		call_invalid(c, &errors);
		return false;
	}
	out->from = quote.from;
	out->to = quote.to;
	out->source_amount = quote.source_amount;
	out->dest_amount = quote.dest_amount;
	out->fee = quote.fee;
	return true;
}

static void answer_swap(struct call *c, unsigned status, const struct id128 *id)
{
	const struct ledger *l = call_ledger(c);
	const struct swap *s = ledger_swap(l, id);
	CHECK(s != NULL);
	char text[ID_TEXT_SIZE], location[64];
	id_format(text, id);
	struct buf b = buf_init(location, sizeof location);
	buf_printf(&b, "/v1/swaps/%s", text);
	(swap_shows_preimage(s) ? call_answer_synced : call_answer_durable)(
		c, status, swap_json(c->api, s), buf_cstr(&b));
}

/* The key was used before: the same swap again, or a mismatch. False: it was not used. */
static bool answer_again(struct call *c)
{
	const struct ledger *l = call_ledger(c);
	const struct idempotency *idem = ledger_idempotency(l, &c->idempotency_key);
	if (idem == NULL)
		return false;
	if (idem->is_swap && hash256_eq(&idem->body, &c->idempotency_body))
		answer_swap(c, 200, &l->swap[idem->index].id);
	else
		call_problem(c, "idempotency_mismatch", "a new request needs a new key");
	return true;
}

void handle_swap_create(struct call *c)
{
	struct json *body;
	if (!call_ready(c) || !call_idempotency(c))
		return;
	if (answer_again(c))
		return;
	if (!call_body(c, &body))
		return;
	struct swap_command command = {.now_ms = c->wall_ms,
		.idempotency_key = c->idempotency_key,
		.idempotency_body = c->idempotency_body};
	const bool good = read_swap(c, &command, body);
	json_free(body);
	if (!good || (c->token == TOKEN_NONE && !call_take(c, c->api->swaps)))
		return;
	if (!call_has_room(c))
		return;
	command.id = call_fresh_id(c);
	struct command_result result;
	const enum err e = engine_swap(c->api->engine, &result, &command);
	if (e == OK)
		answer_swap(c, 201, &result.id);
	else if (e == ERR_REJECTED)
		call_refused(c, &result.refusal);
	else
		call_problem(
			c, "overloaded", "the engine takes no new swaps now (%s)", err_name(e));
}

/* ---- GET ---- */

void handle_swap_get(struct call *c)
{
	struct id128 id;
	const struct ledger *l = call_ledger(c);
	const struct swap *s = id_parse(&id, c->param[0]) == OK ? ledger_swap(l, &id) : NULL;
	if (s == NULL)
		call_problem(c, "not_found", "there is no such swap");
	else
		(swap_shows_preimage(s) ? call_answer_synced : call_answer_durable)(
			c, 200, swap_json(c->api, s), NULL);
}

void handle_swap_list(struct call *c)
{
	const struct ledger *l = call_ledger(c);
	struct page page;
	if (!call_page(c, &page, l->swap_count))
		return;
	struct json *list = json_array(), *body = json_object();
	uint32_t next = page.next;
	bool secret = false;
	for (uint32_t i = 0; next > 0 && page_goes_on(&page, i); i++) {
		const struct swap *s = &l->swap[--next];
		secret = secret || swap_shows_preimage(s);
		json_push(list, swap_json(c->api, s));
	}
	char cursor[CURSOR_TEXT_SIZE];
	page_cursor(cursor, next);
	json_set(body, "swaps", list);
	json_set(body, "next_cursor", next > 0 ? json_new_string(cursor) : json_new_null());
	(secret ? call_answer_synced : call_answer_durable)(c, 200, body, NULL);
}
