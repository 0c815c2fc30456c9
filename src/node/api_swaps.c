#include <stdlib.h>

#include "ledger/clock.h"
#include "node/api_internal.h"
#include "wire/bolt11.h"

#define OFFER_BLOCKS 6u /* that may come while the node is asked for its invoice */
/* Of the time lock of what we pay: blocks that come before it is sent, and that nodes add. */
#define INVOICE_BLOCKS 12u

/* ---- POST /v1/swaps ---- */

static const struct field swap_fields[] = {
	{"quote", JSON_STRING, true},
	{"preimage_hash", JSON_STRING, true},
	{"source", JSON_OBJECT, true},
	{"destination", JSON_OBJECT, true},
	{"client_invoice", JSON_STRING, false},
};

/* A request while it is read, and while a node is asked about it. */
struct swap_request {
	struct swap_command command;
	struct api *api;
	struct swap_request *prev, *next; /* while a node is asked */
	struct pending *pending;
	char invoice[LN_REQUEST_MAX + 1]; /* command.client_invoice */
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

static bool read_party(struct xonly *key_out, struct evm_address *address_out,
	struct field_errors *errors, const struct json *body, const struct party_member *m,
	const struct layer_params *p)
{
	const struct fields f = {
		.object = json_get(body, m->object), .pointer = m->pointer, .errors = errors};
	const struct field key = {m->key, JSON_STRING, true};
	const struct field address = {m->address, JSON_STRING, true};
	switch (layer_family(p->network->layer)) {
	case FAMILY_UTXO: return fields_check(&f, &key, 1) && fields_xonly(&f, m->key, key_out);
	case FAMILY_ACCOUNT:
		return fields_check(&f, &address, 1) &&
			fields_evm_address(&f, m->address, p->network, address_out);
	case FAMILY_CHANNEL: return fields_check(&f, &key, 0); /* no member */
	}
	UNREACHABLE();
}

/* Until when the client's invoice has to be payable: its lock-up may come as late as the offer
 * allows, and take its time to be deep. */
static uint64_t payable_until_ms(
	const struct ledger *l, const struct quote_terms *q, uint64_t now_ms)
{
	const struct layer_params *src = &l->params.layer[q->from];
	const uint64_t deep = clock_late_ms(src, params_depth(src, q->source_amount));
	return now_ms + l->params.offer_ttl_ms + (deep == UINT64_MAX ? 0 : deep);
}

static const char *invoice_fault(const struct bolt11 *b, const struct ledger *l,
	const struct quote_terms *q, const struct hash256 *hash, uint64_t now_ms)
{
	const struct layer_params *p = &l->params.layer[q->to];
	struct sat amount;
	if (b->network != network_by_name(LAYER_BITCOIN, slice_str(p->network->name)))
		return "is one of another network";
	if (!hash256_eq(&b->payment_hash, hash))
		return "is not for preimage_hash";
	if (amount_to_sat(&amount, q->dest_amount) != OK ||
		b->amount_msat != amount.raw * BOLT11_MSAT_PER_SAT)
		return "is not of the quote's destination_amount";
	if ((b->timestamp_s + b->expiry_s) * 1000 < payable_until_ms(l, q, now_ms))
		return "runs out before it may have to be paid";
	if (b->final_cltv + INVOICE_BLOCKS > p->lock_blocks)
		return "wants to be locked for too long";
	return NULL;
}

/* The client's own invoice, where it is paid on Lightning. */
static bool read_invoice(struct swap_request *out, const struct call *c, const struct fields *f,
	const struct quote_terms *q)
{
	static const char name[] = "client_invoice";
	const struct slice text = json_string(json_get(f->object, name));
	const bool wanted = layer_family(q->to) == FAMILY_CHANNEL;
	if (wanted != (text.ptr != NULL)) {
		fields_fault(f, name, wanted ? "missing" : "unknown",
			wanted ? "is required" : "is for swaps to lightning");
		return false;
	}
	if (!wanted)
		return true;
	struct bolt11 *b = malloc(sizeof *b);
	CHECK(b != NULL);
	const enum err err = text.len > LN_REQUEST_MAX ? ERR_RANGE : bolt11_decode(b, text);
	const char *fault = err == ERR_RANGE ? "is too long, or asks for too much"
		: err != OK                  ? "is no invoice"
			    : invoice_fault(b, call_ledger(c), q, &out->command.hash, c->wall_ms);
	free(b);
	if (fault != NULL) {
		fields_fault(f, name, "format", "%s", fault);
		return false;
	}
	memcpy(out->invoice, text.ptr, text.len);
	out->command.client_invoice = slice_of(out->invoice, text.len);
	return true;
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
static bool read_swap(struct call *c, struct swap_request *r, const struct json *body)
{
	struct swap_command *out = &r->command;
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
	const bool alike = layer_family(quote.from) == layer_family(quote.to);
	good = read_party(&out->client_key, &out->client_address, &errors, body, &source_member,
		&l->params.layer[quote.from]);
	good = read_party(alike ? &out->claim_key : &out->client_key,
		       alike ? &out->claim_address : &out->client_address, &errors, body,
		       &dest_member, &l->params.layer[quote.to]) &&
		good;
	good = read_invoice(r, c, &f, &quote) && good;
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

/* What the engine said of a command. */
static void answer_command(struct call *c, enum err err, const struct command_result *result)
{
	if (err == OK)
		answer_swap(c, 201, &result->id);
	else if (err == ERR_REJECTED)
		call_refused(c, &result->refusal);
	else
		call_not_taken(c, err);
}

/* The node has made its invoice: only now is there a swap. A process that dies in between leaves
 * an invoice that nobody knows of and that runs out; the same request finds it again. */
static void offering_leave(struct api *api, struct swap_request *r)
{
	if (r->prev != NULL)
		r->prev->next = r->next;
	else
		api->offering = r->next;
	if (r->next != NULL)
		r->next->prev = r->prev;
	free(r);
}

void swap_requests_free(struct api *api)
{
	while (api->offering != NULL)
		offering_leave(api, api->offering);
}

static void on_offer(void *ctx, enum err err, struct slice leg, const char *detail)
{
	struct swap_request *r = ctx;
	struct api *api = r->api;
	struct call *c = pending_resume(r->pending);
	struct command_result result;
	if (c != NULL && err == OK && call_has_room(c)) {
		r->command.source_terms = leg;
		answer_command(c, engine_swap(c->api->engine, &result, &r->command), &result);
	} else if (c != NULL && err != OK) {
		call_problem(c, "layer_unavailable", "the node makes no invoice: %s", detail);
	}
	offering_leave(api, r);
}

/* A lock-up on Lightning is an invoice of our node. Takes the request. */
static void ask_for_invoice(struct call *c, struct swap_request *r)
{
	struct api *api = c->api;
	struct command_result result;
	struct leg_offer offer;
	enum err err = engine_swap_offer(api->engine, &result, &offer, &r->command);
	if (err != OK) {
		answer_command(c, err, &result);
		free(r);
		return;
	}
	offer.timelock += OFFER_BLOCKS;
	r->pending = call_suspend(c);
	if (r->pending == NULL) {
		free(r);
		return;
	}
	r->api = api;
	r->next = api->offering;
	if (r->next != NULL)
		r->next->prev = r;
	api->offering = r;
	err = api->ports.layer_offer(api->ports.ctx, r->command.from, &offer, on_offer, r);
	if (err == OK)
		return;
	c = pending_resume(r->pending);
	if (c != NULL)
		call_problem(
			c, "layer_unavailable", "the node can't be asked now (%s)", err_name(err));
	offering_leave(api, r);
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
	struct swap_request *r = calloc(1, sizeof *r);
	CHECK(r != NULL);
	r->command = (struct swap_command){.now_ms = c->wall_ms,
		.idempotency_key = c->idempotency_key,
		.idempotency_body = c->idempotency_body};
	const bool good = read_swap(c, r, body);
	json_free(body);
	if (!good || (c->token == TOKEN_NONE && !call_take(c, c->api->swaps)) ||
		!call_has_room(c)) {
		free(r);
		return;
	}
	r->command.id = call_fresh_id(c);
	if (layer_family(r->command.from) == FAMILY_CHANNEL) {
		ask_for_invoice(c, r);
		return;
	}
	struct command_result result;
	answer_command(c, engine_swap(c->api->engine, &result, &r->command), &result);
	free(r);
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
