/* What handlers read from a request. */
#include "node/api_internal.h"

#include <strings.h>

#include "crypto/hash.h"

static bool is_json_type(const char *type)
{
	static const char json[] = CONTENT_JSON;
	if (type == NULL || strncasecmp(type, json, sizeof json - 1) != 0)
		return false;
	const char after = type[sizeof json - 1];
	return after == '\0' || after == ';' || after == ' ';
}

bool call_body(struct call *c, struct json **out)
{
	struct json_error error = {.text = ""};
	if (!is_json_type(http_header(c->x, "Content-Type"))) {
		call_problem(c, "unsupported_media_type", "send Content-Type: application/json");
		return false;
	}
	const enum err e = json_parse(out, http_body(c->x), &error);
	if (e == OK) {
		if (call_affordable(c))
			return true;
		json_free(*out);
		return false;
	}
	if (e == ERR_CANCELLED)
		(void)!call_affordable(c);
	else if (e == ERR_FULL)
		call_problem(c, "bad_json", "nested deeper than %u", JSON_DEPTH_MAX);
	else
		call_problem(c, "bad_json", "at byte %zu: %s", error.offset, error.text);
	return false;
}

bool call_affordable(struct call *c)
{
	if (!cpu_budget_spent())
		return true;
	call_problem(c, "cpu_budget_exceeded",
		"cut off after limits.request_cpu_us = %llu us of CPU time; nothing was changed",
		(unsigned long long)c->api->config->limits.request_cpu_us);
	return false;
}

bool call_idempotency(struct call *c)
{
	const char *key = http_header(c->x, "Idempotency-Key");
	if (key == NULL) {
		call_problem(c, "idempotency_key_missing",
			"send a random key, a UUID for instance, and the same one when you repeat "
			"this request");
		return false;
	}
	const size_t len = strlen(key);
	bool good = len >= IDEMPOTENCY_KEY_LEN_MIN && len <= IDEMPOTENCY_KEY_LEN_MAX;
	for (size_t i = 0; good && i < len; i++)
		good = key[i] > ' ' && key[i] <= '~';
	if (!good) {
		call_problem(c, "idempotency_key_invalid",
			"%u to %u visible ASCII characters, without spaces",
			IDEMPOTENCY_KEY_LEN_MIN, IDEMPOTENCY_KEY_LEN_MAX);
		return false;
	}
	/* Takers and operators, and each path, have keys of their own. Zeros part what is hashed.
	 */
	const struct slice part[] = {
		slice_str(c->token == TOKEN_NONE ? "taker" : "operator"),
		slice_of("", 1),
		slice_str(c->route->path),
		slice_of("", 1),
		slice_str(key),
	};
	struct hash256 hash;
	sha256_parts(&hash, part, ARRAY_LEN(part));
	if (map_get(&c->api->in_flight, &hash) != MAP_NONE) {
		http_set_header(c->x, "Retry-After", "1");
		call_problem(c, "idempotency_in_flight", "ask again in a moment");
		return false;
	}
	c->idempotency_key = hash;
	sha256(&c->idempotency_body, http_body(c->x));
	return true;
}

/* A decimal number without sign, space or leading zero. */
static bool parse_u32(uint32_t *out, const char *text)
{
	uint32_t v = 0;
	const size_t len = strlen(text);
	if (len == 0 || len > 9 || (text[0] == '0' && len > 1))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		v = v * 10 + (uint32_t)(text[i] - '0');
	}
	*out = v;
	return true;
}

void call_query_size(
	struct call *c, uint64_t *out, const char *name, bool needed, struct field_errors *errors)
{
	const char *text = http_query(c->x, name);
	char pointer[CALL_PARAM_SIZE];
	struct buf at = buf_init(pointer, sizeof pointer);
	uint64_t v = 0;
	bool good = text != NULL && text[0] >= '1' && text[0] <= '9';
	buf_printf(&at, "?%s", name);
	for (size_t i = 0; good && text[i] != '\0'; i++) {
		good = text[i] >= '0' && text[i] <= '9' && v < UINT64_MAX / 100;
		v = v * 10 + (uint64_t)(text[i] - '0');
	}
	if (good)
		*out = v;
	else if (text != NULL)
		field_error_add(
			errors, buf_cstr(&at), "range", "must be a number of records, from 1");
	else if (needed)
		field_error_add(errors, buf_cstr(&at), "missing", "is needed");
}

#define CURSOR_VERSION 1u

void page_cursor(char text[CURSOR_TEXT_SIZE], uint32_t next)
{
	uint8_t bytes[5] = {CURSOR_VERSION};
	store_le32(bytes + 1, next);
	base64_encode(text, BASE64_URL_BARE, bytes, sizeof bytes);
}

bool call_page(struct call *c, struct page *out, uint32_t total)
{
	struct field_errors errors = {.count = 0};
	uint8_t bytes[5];
	*out = (struct page){.limit = API_PAGE_DEFAULT, .next = total};
	const char *limit = http_query(c->x, "limit"), *cursor = http_query(c->x, "cursor");
	if (limit != NULL &&
		(!parse_u32(&out->limit, limit) || out->limit == 0 || out->limit > API_PAGE_MAX))
		field_error_add(&errors, "?limit", "range", "must be 1 to %u", API_PAGE_MAX);
	if (cursor != NULL) {
		if (base64_decode(bytes, sizeof bytes, BASE64_URL_BARE, slice_str(cursor)) != OK ||
			bytes[0] != CURSOR_VERSION || load_le32(bytes + 1) > total)
			field_error_add(&errors, "?cursor", "format", "is no cursor of ours");
		else
			out->next = load_le32(bytes + 1);
	}
	if (errors.count > 0)
		call_invalid(c, &errors);
	return errors.count == 0;
}

bool page_goes_on(const struct page *p, uint32_t count)
{
	return count < p->limit && (count == 0 || !cpu_budget_spent());
}

bool call_layer_enabled(struct call *c, enum layer_id layer)
{
	if (c->api->config->layer[layer].enabled)
		return true;
	call_problem(c, "unknown_layer", "%s is not enabled here", layer_name(layer));
	return false;
}

bool call_ready(struct call *c)
{
	if (call_ledger(c)->has_params)
		return true;
	call_problem(c, "not_ready", "the node is starting");
	return false;
}

struct id128 call_fresh_id(struct call *c)
{
	struct id128 id;
	c->api->ports.random(c->api->ports.ctx, id.b, sizeof id.b);
	return id;
}
