#include "node/problem.h"

#include <stdarg.h>

#include "base/buf.h"

static const struct problem_kind kinds[] = {
	{"bad_json", 400, false, "none", "The body is not valid JSON"},
	{"invalid_request", 400, false, "none", "The request is not valid"},
	{"idempotency_key_missing", 400, false, "none", "Idempotency-Key is required"},
	{"idempotency_key_invalid", 400, false, "none", "Idempotency-Key is not valid"},
	{"unauthorized", 401, false, "none", "An operator token is needed"},
	{"forbidden", 403, false, "none", "This token may only read"},
	{"not_found", 404, false, "none", "There is no such thing"},
	{"method_not_allowed", 405, false, "none", "This method is not allowed here"},
	{"idempotency_in_flight", 409, true, "unknown", "The same request is being handled"},
	{"insufficient_funds", 409, true, "none", "Not enough is available for this"},
	{"hash_used", 409, false, "none", "This hash was used before"},
	{"latched", 409, true, "none", "New payments are stopped until the books balance"},
	{"insufficient_liquidity", 409, true, "none", "More than we can pay out now"},
	{"unsafe_time_locks", 409, true, "none", "No safe pair of time locks exists now"},
	{"quote_expired", 409, false, "none", "The quote has expired"},
	{"not_reconciled", 409, false, "none", "Books and chain are not reconciled"},
	{"book_full", 409, true, "none", "The customers' book is full"},
	{"transaction_conflict", 409, false, "none", "Another transaction spends the same"},
	{"body_too_large", 413, false, "none", "The body is too large"},
	{"unsupported_media_type", 415, false, "none", "The body must be application/json"},
	{"amount_too_small", 422, false, "none", "The amount is too small"},
	{"amount_too_large", 422, false, "none", "The amount is too large"},
	{"bad_key", 422, false, "none", "A key or address can't be used"},
	{"idempotency_mismatch", 422, false, "none", "This key was used with another body"},
	{"invalid_address", 422, false, "none", "The address can't be paid"},
	{"invalid_amount", 422, false, "none", "The amount can't be paid"},
	{"psbt_refused", 422, false, "none", "This is not the payment, signed"},
	{"quote_invalid", 422, false, "none", "The quote is not one of ours"},
	{"same_layer", 422, false, "none", "A swap needs two layers"},
	{"unknown_layer", 422, false, "none", "This layer is not served here"},
	{"refused", 422, false, "none", "Refused"},
	{"transaction_rejected", 422, false, "none", "The node rejected the transaction"},
	{"rate_limited", 429, true, "none", "Too many requests"},
	{"cpu_budget_exceeded", 503, true, "none", "The request takes too much CPU time"},
	{"capacity_full", 503, true, "none", "A table is full"},
	{"layer_unavailable", 503, true, "none", "The layer's node can't be reached"},
	{"not_durable", 503, true, "unknown", "The result is not durable yet"},
	{"not_ready", 503, true, "none", "Not ready yet"},
	{"overloaded", 503, true, "none", "Too much at once"},
	{"storage_full", 503, true, "none", "The disk is full"},
	{"submit_unknown", 503, true, "unknown", "The node gave no usable answer"},
};

const struct problem_kind *problem_at(size_t index)
{
	return index < ARRAY_LEN(kinds) ? &kinds[index] : NULL;
}

const struct problem_kind *problem_by_code(const char *code)
{
	const struct problem_kind *refused = NULL;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (strcmp(kinds[i].code, code) == 0)
			return &kinds[i];
		if (strcmp(kinds[i].code, "refused") == 0)
			refused = &kinds[i];
	}
	CHECK(refused != NULL);
	return refused;
}

void field_error_add(
	struct field_errors *errors, const char *pointer, const char *code, const char *fmt, ...)
{
	if (errors->count == FIELD_ERRORS_MAX)
		return;
	struct field_error *e = &errors->item[errors->count++];
	struct buf at = buf_init(e->pointer, sizeof e->pointer);
	buf_printf(&at, "%s", pointer);
	(void)buf_cstr(&at);
	e->code = code;
	struct buf detail = buf_init(e->detail, sizeof e->detail);
	va_list args;
	va_start(args, fmt);
	buf_vprintf(&detail, fmt, args);
	va_end(args);
	(void)buf_cstr(&detail);
}

struct json *problem_json(const struct problem_kind *kind, const char *code, const char *detail,
	const struct field_errors *errors)
{
	char type[96];
	struct buf b = buf_init(type, sizeof type);
	buf_printf(&b, PROBLEM_TYPE_PREFIX "%s", code);
	struct json *p = json_object();
	json_set_string(p, "type", buf_cstr(&b));
	json_set_string(p, "title", kind->title);
	json_set_u64(p, "status", kind->status);
	json_set_string(p, "detail", detail);
	json_set_string(p, "code", code);
	json_set_bool(p, "retryable", kind->retryable);
	json_set_string(p, "funds_state", kind->funds_state);
	if (errors == NULL || errors->count == 0)
		return p;
	struct json *list = json_array();
	for (uint32_t i = 0; i < errors->count; i++) {
		struct json *e = json_object();
		json_set_string(e, "pointer", errors->item[i].pointer);
		json_set_string(e, "code", errors->item[i].code);
		json_set_string(e, "detail", errors->item[i].detail);
		json_push(list, e);
	}
	json_set(p, "errors", list);
	return p;
}
