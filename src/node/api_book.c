/* Customers' accounts and the transfers between them: batches in, balances and histories out. */
#include "node/api_internal.h"

#include <stdio.h>

#define CUSTODY "custody"
#define TAG_MAX ((UINT64_C(1) << 53) - 1) /* what every reader of JSON can hold */
#define POINTER_SIZE 32u

_Static_assert(API_PAGE_MAX <= BOOK_BATCH_MAX, "pages are shorter than batches");

/* Handlers run one at a time, and one batch is read before the next. */
static struct book_opening opening[BOOK_BATCH_MAX];
static struct book_transfer transfer[BOOK_BATCH_MAX];

/* ---- reading batches ---- */

/* The array of that name, of 1 to BOOK_BATCH_MAX items; NULL: a fault. */
static const struct json *read_items(const struct fields *f, const char *name, uint32_t *count)
{
	const struct json *items = json_get(f->object, name);
	const size_t n = json_count(items);
	if (json_type(items) != JSON_ARRAY)
		return NULL; /* said already */
	if (n == 0 || n > BOOK_BATCH_MAX) {
		fields_fault(f, name, "range", "must have 1 to %u items", BOOK_BATCH_MAX);
		return NULL;
	}
	*count = (uint32_t)n;
	return items;
}

static bool read_id(const struct fields *f, const char *name, struct id128 *out)
{
	static const struct id128 zero;
	if (!fields_hex(f, name, out->b, sizeof out->b))
		return false;
	if (!id128_eq(out, &zero))
		return true;
	fields_fault(f, name, "zero", "must not be zero");
	return false;
}

/* An account, or custody: zero. */
static bool read_side(const struct fields *f, const char *name, struct id128 *out)
{
	if (slice_eq(json_string(json_get(f->object, name)), slice_str(CUSTODY))) {
		*out = (struct id128){{0}};
		return true;
	}
	return read_id(f, name, out);
}

static bool read_opening(struct call *c, const struct fields *f, struct book_opening *out)
{
	static const struct field known[] = {{"id", JSON_STRING, true},
		{"layer", JSON_STRING, true}, {"overdraft", JSON_BOOL, false}};
	bool overdraft = false;
	bool good = fields_check(f, known, ARRAY_LEN(known));
	*out = (struct book_opening){.layer = LAYER_BITCOIN};
	good = read_id(f, "id", &out->id) && good;
	good = fields_layer(f, "layer", &out->layer) && good;
	if (good && !c->api->config->layer[out->layer].enabled) {
		fields_fault(f, "layer", "unknown_layer", "is not enabled here");
		good = false;
	}
	(void)!json_get_bool(f->object, "overdraft", &overdraft);
	out->flags = overdraft ? BOOK_OVERDRAFT : 0;
	return good;
}

static bool read_transfer(const struct fields *f, enum layer_id layer, struct book_transfer *out)
{
	static const struct field known[] = {{"id", JSON_STRING, true}, {"from", JSON_STRING, true},
		{"to", JSON_STRING, true}, {"amount", JSON_STRING, true},
		{"tag", JSON_NUMBER, false}};
	bool good = fields_check(f, known, ARRAY_LEN(known));
	*out = (struct book_transfer){.amount = amount_zero(layer_asset(layer))};
	good = read_id(f, "id", &out->id) && good;
	good = read_side(f, "from", &out->from) && good;
	good = read_side(f, "to", &out->to) && good;
	good = fields_amount(f, "amount", layer_asset(layer), &out->amount) && good;
	if (json_get(f->object, "tag") != NULL &&
		(json_get_u64(f->object, "tag", &out->tag) != OK || out->tag > TAG_MAX)) {
		fields_fault(f, "tag", "range", "must be an integer from 0 to 2^53 - 1");
		good = false;
	}
	return good;
}

static bool read_openings(struct call *c, const struct json *body, uint32_t *count)
{
	static const struct field known[] = {{"accounts", JSON_ARRAY, true}};
	struct field_errors errors = {.count = 0};
	const struct fields f = {.object = body, .pointer = "", .errors = &errors};
	const struct json *items = NULL;
	bool good = fields_check(&f, known, ARRAY_LEN(known));
	if (good)
		items = read_items(&f, "accounts", count);
	good = items != NULL;
	for (uint32_t i = 0; items != NULL && i < *count && errors.count < FIELD_ERRORS_MAX; i++) {
		char pointer[POINTER_SIZE];
		(void)snprintf(pointer, sizeof pointer, "/accounts/%u", i);
		const struct fields item = {
			.object = json_at(items, i), .pointer = pointer, .errors = &errors};
		good = read_opening(c, &item, &opening[i]) && good;
	}
	if (!good)
		call_invalid(c, &errors);
	return good;
}

static bool read_transfers(
	struct call *c, const struct json *body, enum layer_id *layer, uint32_t *count)
{
	static const struct field known[] = {
		{"layer", JSON_STRING, true}, {"transfers", JSON_ARRAY, true}};
	struct field_errors errors = {.count = 0};
	const struct fields f = {.object = body, .pointer = "", .errors = &errors};
	const struct json *items = NULL;
	bool good = fields_check(&f, known, ARRAY_LEN(known));
	good = fields_layer(&f, "layer", layer) && good;
	if (good)
		items = read_items(&f, "transfers", count);
	good = items != NULL;
	for (uint32_t i = 0; items != NULL && i < *count && errors.count < FIELD_ERRORS_MAX; i++) {
		char pointer[POINTER_SIZE];
		(void)snprintf(pointer, sizeof pointer, "/transfers/%u", i);
		const struct fields item = {
			.object = json_at(items, i), .pointer = pointer, .errors = &errors};
		good = read_transfer(&item, *layer, &transfer[i]) && good;
	}
	if (!good)
		call_invalid(c, &errors);
	return good && call_layer_enabled(c, *layer);
}

/* ---- answering batches ---- */

static void push_result(struct json *list, const struct id128 *id, uint8_t result)
{
	struct json *v = json_object();
	json_set_id(v, "id", id);
	json_set_string(v, "result", book_result_name((enum book_result)result));
	json_push(list, v);
}

/* results: owned; freed where it is not answered. */
static void answer_batch(
	struct call *c, enum err err, const struct book_answer *answer, struct json *results)
{
	if (err == OK || (err == ERR_EXISTS && answer->same_body)) {
		struct json *body = json_object();
		json_set_u64(body, "sequence", answer->seq);
		json_set(body, "results", results);
		call_answer_durable(c, 200, body, NULL);
		return;
	}
	json_free(results);
	if (err == ERR_EXISTS)
		call_problem(c, "idempotency_mismatch", "a new request needs a new key");
	else if (answer->book_full)
		call_problem(c, "book_full", "capacity.book_accounts or capacity.book_transfers");
	else
		call_not_taken(c, err);
}

/* The body of a batch, when all that comes before it is as it should be; false: answered. */
static bool begin_batch(struct call *c, struct json **body)
{
	if (!call_ready(c) || !call_idempotency(c) || !call_body(c, body))
		return false;
	if (call_has_room(c))
		return true;
	json_free(*body);
	return false;
}

void handle_book_open(struct call *c)
{
	struct json *body;
	struct book_answer answer;
	if (!begin_batch(c, &body))
		return;
	struct book_openings_command command = {.now_ms = c->wall_ms,
		.idempotency_key = c->idempotency_key,
		.idempotency_body = c->idempotency_body,
		.opening = opening};
	const bool good = read_openings(c, body, &command.count);
	json_free(body);
	if (!good || !call_affordable(c))
		return;
	const enum err e = engine_book_open(c->api->engine, &answer, &command);
	struct json *results = json_array();
	const bool told = e == OK || (e == ERR_EXISTS && answer.same_body);
	for (uint32_t i = 0; told && i < command.count; i++)
		push_result(results, &opening[i].id, answer.result[i]);
	answer_batch(c, e, &answer, results);
}

void handle_book_transfer(struct call *c)
{
	struct json *body;
	struct book_answer answer;
	if (!begin_batch(c, &body))
		return;
	struct book_transfers_command command = {.now_ms = c->wall_ms,
		.idempotency_key = c->idempotency_key,
		.idempotency_body = c->idempotency_body,
		.layer = LAYER_BITCOIN,
		.transfer = transfer};
	const bool good = read_transfers(c, body, &command.layer, &command.count);
	json_free(body);
	if (!good || !call_affordable(c))
		return;
	const enum err e = engine_book_transfer(c->api->engine, &answer, &command);
	struct json *results = json_array();
	const bool told = e == OK || (e == ERR_EXISTS && answer.same_body);
	for (uint32_t i = 0; told && i < command.count; i++)
		push_result(results, &transfer[i].id, answer.result[i]);
	answer_batch(c, e, &answer, results);
}

/* ---- looking ---- */

/* credited less debited, with a sign where that is below zero. */
static void set_balance(struct json *v, const struct book_account *a)
{
	char text[AMOUNT_TEXT_SIZE + 1] = "-";
	const bool below = a->out > a->in;
	const u128 units = below ? a->out - a->in : a->in - a->out;
	amount_format(text + 1, amount_of_u128(layer_asset(a->layer), units));
	json_set_string(v, "balance", below ? text : text + 1);
}

static struct json *account_json(const struct book *b, uint32_t at)
{
	const struct book_account *a = &b->account[at];
	const enum asset asset = layer_asset(a->layer);
	struct json *v = json_object();
	json_set_id(v, "id", &a->id);
	json_set_string(v, "layer", layer_name(a->layer));
	json_set_string(v, "asset", asset_name(asset));
	json_set_bool(v, "overdraft", (a->flags & BOOK_OVERDRAFT) != 0);
	set_balance(v, a);
	json_set_amount(v, "credited", amount_of_u128(asset, a->in));
	json_set_amount(v, "debited", amount_of_u128(asset, a->out));
	json_set_u64(v, "transfers", a->transfers);
	json_set_time(v, "opened_at", b->row[a->batch].u.batch.time_ms);
	return v;
}

/* done: of a failed one, an account that was not there is null. */
static void set_side(struct json *v, const char *key, const struct book *b, uint32_t at, bool done)
{
	if (at != BOOK_NONE)
		json_set_id(v, key, &b->account[at].id);
	else
		json_set(v, key, done ? json_new_string(CUSTODY) : json_new_null());
}

static struct json *book_transfer_json(const struct book *b, uint32_t at)
{
	const struct book_row *r = &b->row[at], *batch = &b->row[r->batch];
	const enum asset asset = layer_asset((enum layer_id)r->layer);
	const bool done = r->result == BOOK_DONE;
	struct json *v = json_object();
	json_set_id(v, "id", &r->id);
	json_set_string(v, "result", book_result_name((enum book_result)r->result));
	set_side(v, "from", b, r->u.transfer.from, done);
	set_side(v, "to", b, r->u.transfer.to, done);
	json_set_string(v, "layer", layer_name((enum layer_id)r->layer));
	json_set_string(v, "asset", asset_name(asset));
	json_set_amount(v, "amount", amount_of_u128(asset, book_row_units(r)));
	json_set_u64(v, "tag", r->u.transfer.tag);
	json_set_u64(v, "sequence", batch->u.batch.seq);
	json_set_time(v, "at", batch->u.batch.time_ms);
	return v;
}

/* BOOK_NONE: answered. */
static uint32_t find_account(struct call *c)
{
	struct id128 id;
	const struct book *b = &call_ledger(c)->book;
	const uint32_t at = id_parse(&id, c->param[0]) == OK ? book_account_find(b, &id)
							     : BOOK_NONE;
	if (at == BOOK_NONE)
		call_problem(c, "not_found", "there is no such account");
	return at;
}

void handle_book_account_get(struct call *c)
{
	const uint32_t at = find_account(c);
	if (at != BOOK_NONE)
		call_answer_durable(c, 200, account_json(&call_ledger(c)->book, at), NULL);
}

void handle_book_transfer_get(struct call *c)
{
	struct id128 id;
	const struct book *b = &call_ledger(c)->book;
	const uint32_t at = id_parse(&id, c->param[0]) == OK ? book_transfer_find(b, &id)
							     : BOOK_NONE;
	if (at == BOOK_NONE)
		call_problem(c, "not_found", "there is no such transfer between customers");
	else
		call_answer_durable(c, 200, book_transfer_json(b, at), NULL);
}

static void answer_page(
	struct call *c, const char *name, struct json *list, uint32_t next, bool more)
{
	char cursor[CURSOR_TEXT_SIZE];
	struct json *body = json_object();
	page_cursor(cursor, next);
	json_set(body, name, list);
	json_set(body, "next_cursor", more ? json_new_string(cursor) : json_new_null());
	call_answer_durable(c, 200, body, NULL);
}

void handle_book_account_list(struct call *c)
{
	const struct book *b = &call_ledger(c)->book;
	struct page page;
	if (!call_page(c, &page, b->account_count))
		return;
	struct json *list = json_array();
	uint32_t next = page.next;
	for (uint32_t i = 0; next > 0 && page_goes_on(&page, i); i++)
		json_push(list, account_json(b, --next));
	answer_page(c, "accounts", list, next, next > 0);
}

/* Newest first: each row leads to the one before it. A cursor is a row of this account. */
void handle_book_history(struct call *c)
{
	const struct book *b = &call_ledger(c)->book;
	struct page page;
	const uint32_t at = find_account(c);
	if (at == BOOK_NONE || !call_page(c, &page, b->row_count))
		return;
	uint32_t next = page.next < b->row_count ? page.next : b->account[at].last;
	if (page.next < b->row_count && !book_history_has(b, at, next)) {
		struct field_errors errors = {.count = 0};
		field_error_add(&errors, "?cursor", "format", "is no cursor of ours");
		call_invalid(c, &errors);
		return;
	}
	struct json *list = json_array();
	for (uint32_t i = 0; next != BOOK_NONE && page_goes_on(&page, i); i++) {
		json_push(list, book_transfer_json(b, next));
		next = book_history_next(b, at, next);
	}
	answer_page(c, "transfers", list, next == BOOK_NONE ? 0 : next, next != BOOK_NONE);
}
