/* Some of the library's names are also ours, with other meanings: it is included under the names
 * lib_*, wrapped, and only then our header follows. */
#define json_type lib_json_type
#define JSON_OBJECT LIB_OBJECT
#define JSON_ARRAY LIB_ARRAY
#define JSON_STRING LIB_STRING
#define JSON_NULL LIB_NULL
#include <jansson.h>
#include <stdbool.h>

static json_t *lib_object(void)
{
	return json_object();
}

static json_t *lib_array(void)
{
	return json_array();
}

static json_t *lib_string(const char *text, size_t len)
{
	return json_stringn(text, len);
}

enum lib_kind {
	KIND_NULL,
	KIND_BOOL,
	KIND_INTEGER,
	KIND_REAL,
	KIND_STRING,
	KIND_ARRAY,
	KIND_OBJECT
};

static enum lib_kind lib_kind(const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_OBJECT: return KIND_OBJECT;
	case JSON_ARRAY: return KIND_ARRAY;
	case JSON_STRING: return KIND_STRING;
	case JSON_INTEGER: return KIND_INTEGER;
	case JSON_REAL: return KIND_REAL;
	case JSON_TRUE:
	case JSON_FALSE: return KIND_BOOL;
	case JSON_NULL: return KIND_NULL;
	}
	return KIND_NULL;
}

static bool lib_is_true(const json_t *v)
{
	return json_is_true(v);
}

#undef json_type
#undef JSON_OBJECT
#undef JSON_ARRAY
#undef JSON_STRING
#undef JSON_NULL

#include "net/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
#include "rt/cpu_budget.h"

#define QUANTITY_DIGITS_MAX 64u
#define DECIMALS_MAX 18u
#define DOUBLE_EXACT_MAX 9007199254740992.0 /* 2^53: integers up to it are exact in a double */

#define BUDGET_STEP 4096u /* bytes that are read between two looks at the CPU budget */

static const char budget_text[] = "the CPU budget is spent";

static json_t *lib(const struct json *v)
{
	union { /* the library's getters take const but give what is not */
		const struct json *ours;
		json_t *theirs;
	} u = {.ours = v};
	return u.theirs;
}

static struct json *ours(json_t *v)
{
	return (struct json *)v;
}

/* Where json_member is: makes the next index O(1). Whatever may free an object forgets it. */
static _Thread_local struct {
	const struct json *object;
	size_t index;
	void *iter;
} cursor;

static void cursor_forget(void)
{
	cursor.object = NULL;
}

/* ---- parsing ---- */

static void set_error(struct json_error *error, size_t offset, const char *text)
{
	if (error == NULL)
		return;
	error->offset = offset;
	const size_t len = strnlen(text, sizeof error->text - 1);
	memcpy(error->text, text, len);
	error->text[len] = 0;
}

/* Depth and number of values are bounded before the library sees the text, in one pass that knows
 * strings and nothing else. */
static enum err prescan(struct slice text, size_t *count, struct json_error *error)
{
	size_t depth = 0, values = 1;
	bool in_string = false;
	size_t look_at = BUDGET_STEP;
	for (size_t i = 0; i < text.len; i++) {
		const uint8_t c = text.ptr[i];
		if (i >= look_at) {
			look_at = i + BUDGET_STEP;
			if (cpu_budget_spent()) {
				set_error(error, i, budget_text);
				return ERR_CANCELLED;
			}
		}
		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
			continue;
		}
		if (c == '"')
			in_string = true;
		else if (c == ',')
			values++;
		else if (c == '[' || c == '{') {
			values++;
			depth++;
		} else if ((c == ']' || c == '}') && depth > 0)
			depth--;
		if (depth > JSON_DEPTH_MAX) {
			set_error(error, i, "nested too deeply");
			return ERR_FULL;
		}
		if (values > JSON_VALUES_MAX) {
			set_error(error, i, "too many values");
			return ERR_FULL;
		}
	}
	*count = values;
	return OK;
}

/* The library asks for its text in pieces: that is where it can be stopped. */
struct feed {
	struct slice left;
	size_t look_in; /* bytes until the budget is looked at */
	bool spent;
};

static size_t feed_piece(void *buffer, size_t size, void *ctx)
{
	struct feed *f = ctx;
	const size_t len = f->left.len < size ? f->left.len : size;
	if (f->look_in <= len) {
		f->look_in = BUDGET_STEP;
		f->spent = f->spent || cpu_budget_spent();
	} else {
		f->look_in -= len;
	}
	if (f->spent)
		return (size_t)-1;
	memcpy(buffer, f->left.ptr, len);
	f->left = slice_of(f->left.ptr + len, f->left.len - len);
	return len;
}

enum err json_parse_counted(
	struct json **out, size_t *values, struct slice text, struct json_error *error)
{
	TRY(prescan(text, values, error));
	json_error_t what;
	struct feed feed = {.left = text, .look_in = BUDGET_STEP};
	json_t *v = text.len == 0 ? NULL
				  : json_load_callback(feed_piece, &feed,
					    JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &what);
	cursor_forget();
	if (v != NULL && feed.spent) {
		json_decref(v);
		v = NULL;
	}
	if (v == NULL && feed.spent) {
		set_error(error, text.len - feed.left.len, budget_text);
		return ERR_CANCELLED;
	}
	if (v == NULL) {
		if (text.len == 0)
			set_error(error, 0, "empty");
		else
			set_error(error, what.position < 0 ? 0 : (size_t)what.position, what.text);
		return ERR_FORMAT;
	}
	*out = ours(v);
	return OK;
}

enum err json_parse(struct json **out, struct slice text, struct json_error *error)
{
	size_t values;
	return json_parse_counted(out, &values, text, error);
}

void json_hand_over(void)
{
	cursor_forget();
}

void json_free(struct json *v)
{
	cursor_forget();
	json_decref(lib(v));
}

/* ---- reading ---- */

enum json_type json_type(const struct json *v)
{
	if (v == NULL)
		return JSON_NULL;
	switch (lib_kind(lib(v))) {
	case KIND_NULL: return JSON_NULL;
	case KIND_BOOL: return JSON_BOOL;
	case KIND_INTEGER:
	case KIND_REAL: return JSON_NUMBER;
	case KIND_STRING: return JSON_STRING;
	case KIND_ARRAY: return JSON_ARRAY;
	case KIND_OBJECT: return JSON_OBJECT;
	}
	UNREACHABLE();
}

struct json *json_get(const struct json *v, const char *key)
{
	return ours(json_object_get(lib(v), key));
}

struct json *json_at(const struct json *v, size_t index)
{
	return ours(json_array_get(lib(v), index));
}

size_t json_count(const struct json *v)
{
	const enum json_type type = json_type(v);
	if (type == JSON_OBJECT)
		return json_object_size(lib(v));
	return type == JSON_ARRAY ? json_array_size(lib(v)) : 0;
}

bool json_member(const struct json *v, size_t index, const char **key, struct json **value)
{
	if (json_type(v) != JSON_OBJECT || index >= json_object_size(lib(v)))
		return false;
	if (index == 0 || cursor.object != v || cursor.index > index) {
		cursor.object = v;
		cursor.index = 0;
		cursor.iter = json_object_iter(lib(v));
	}
	for (; cursor.index < index; cursor.index++)
		cursor.iter = json_object_iter_next(lib(v), cursor.iter);
	CHECK(cursor.iter != NULL);
	*key = json_object_iter_key(cursor.iter);
	*value = ours(json_object_iter_value(cursor.iter));
	return true;
}

struct slice json_string(const struct json *v)
{
	if (json_type(v) != JSON_STRING)
		return (struct slice){NULL, 0};
	return slice_of(json_string_value(lib(v)), json_string_length(lib(v)));
}

const char *json_get_string(const struct json *v, const char *key)
{
	return (const char *)json_string(json_get(v, key)).ptr;
}

enum err json_get_i64(const struct json *v, const char *key, int64_t *out)
{
	const struct json *n = json_get(v, key);
	if (n == NULL)
		return ERR_NOT_FOUND;
	if (lib_kind(lib(n)) != KIND_INTEGER)
		return ERR_FORMAT;
	*out = json_integer_value(lib(n));
	return OK;
}

enum err json_get_u64(const struct json *v, const char *key, uint64_t *out)
{
	int64_t n;
	TRY(json_get_i64(v, key, &n));
	if (n < 0)
		return ERR_FORMAT;
	*out = (uint64_t)n;
	return OK;
}

enum err json_get_bool(const struct json *v, const char *key, bool *out)
{
	const struct json *b = json_get(v, key);
	if (b == NULL)
		return ERR_NOT_FOUND;
	if (json_type(b) != JSON_BOOL)
		return ERR_FORMAT;
	*out = lib_is_true(lib(b));
	return OK;
}

/* A number of coins, and how many units a coin has. */
static enum err read_coins(
	double *coins, double *unit, const struct json *v, const char *key, unsigned decimals)
{
	CHECK(decimals <= DECIMALS_MAX);
	const struct json *n = json_get(v, key);
	if (n == NULL)
		return ERR_NOT_FOUND;
	if (json_type(n) != JSON_NUMBER)
		return ERR_FORMAT;
	*unit = 1.0; /* powers of ten up to 10^22 are exact */
	for (unsigned i = 0; i < decimals; i++)
		*unit *= 10.0;
	*coins = json_number_value(lib(n));
	if (!(*coins >= 0.0))
		return ERR_FORMAT;
	return *coins > DOUBLE_EXACT_MAX / *unit ? ERR_RANGE : OK;
}

enum err json_get_decimal_up(
	const struct json *v, const char *key, unsigned decimals, uint64_t *out)
{
	double coins, unit;
	TRY(read_coins(&coins, &unit, v, key, decimals));
	/* a whole number of units stays one, though the product may not be exact */
	const double nearest = nearbyint(coins * unit);
	const double units = nearest / unit == coins ? nearest : ceil(coins * unit);
	if (units > DOUBLE_EXACT_MAX)
		return ERR_RANGE;
	*out = (uint64_t)units;
	return OK;
}

enum err json_get_decimal(const struct json *v, const char *key, unsigned decimals, uint64_t *out)
{
	double coins, unit;
	TRY(read_coins(&coins, &unit, v, key, decimals));
	const double units = nearbyint(coins * unit);
	/* Both operands are exact and division rounds correctly, as reading decimal text does: they
	 * give the same double if and only if the text was this number of units. */
	if (units > DOUBLE_EXACT_MAX || units / unit != coins)
		return ERR_RANGE;
	*out = (uint64_t)units;
	return OK;
}

enum err json_get_quantity(const struct json *v, const char *key, uint64_t *out)
{
	const struct json *member = json_get(v, key);
	if (member == NULL)
		return ERR_NOT_FOUND;
	const struct slice text = json_string(member);
	if (text.len < 3 || text.len > 2 + QUANTITY_DIGITS_MAX || text.ptr[0] != '0' ||
		text.ptr[1] != 'x')
		return ERR_FORMAT;
	uint64_t n = 0;
	bool over = false;
	for (size_t i = 2; i < text.len; i++) {
		const uint8_t c = text.ptr[i];
		unsigned digit;
		if (c >= '0' && c <= '9')
			digit = c - (unsigned)'0';
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			digit = (c | 0x20u) - 'a' + 10u;
		else
			return ERR_FORMAT;
		over = over || n >> 60 != 0;
		n = n << 4 | digit;
	}
	if (over)
		return ERR_RANGE;
	*out = n;
	return OK;
}

enum err json_get_hex(const struct json *v, const char *key, void *out, size_t len)
{
	const struct json *member = json_get(v, key);
	if (member == NULL)
		return ERR_NOT_FOUND;
	struct slice text = json_string(member);
	if (text.ptr == NULL)
		return ERR_FORMAT;
	if (text.len >= 2 && text.ptr[0] == '0' && text.ptr[1] == 'x')
		text = slice_of(text.ptr + 2, text.len - 2);
	return hex_decode(out, len, text) == OK ? OK : ERR_FORMAT;
}

/* ---- making: the library fails only where there is no memory, which nobody here survives ---- */

static struct json *made(json_t *v)
{
	CHECK(v != NULL);
	return ours(v);
}

struct json *json_object(void)
{
	cursor_forget();
	return made(lib_object());
}

struct json *json_array(void)
{
	return made(lib_array());
}

struct json *json_new_string(const char *text)
{
	if (text == NULL)
		return json_new_null();
	const size_t len = strlen(text);
	json_t *v = lib_string(text, len);
	if (v != NULL)
		return ours(v);
	char *ascii = malloc(len + 1);
	CHECK(ascii != NULL);
	for (size_t i = 0; i < len; i++)
		ascii[i] = (unsigned char)text[i] >= 0x80 ? '?' : text[i];
	v = lib_string(ascii, len);
	free(ascii);
	return made(v);
}

struct json *json_new_u64(uint64_t v)
{
	if (v <= INT64_MAX)
		return made(json_integer((json_int_t)v));
	char text[24];
	(void)snprintf(text, sizeof text, "%" PRIu64, v);
	return json_new_string(text);
}

struct json *json_new_bool(bool v)
{
	return made(json_boolean(v));
}

struct json *json_new_null(void)
{
	return made(json_null());
}

struct json *json_clone(const struct json *v)
{
	cursor_forget();
	return v == NULL ? NULL : made(json_deep_copy(lib(v)));
}

void json_set(struct json *object, const char *key, struct json *value)
{
	if (json_type(object) != JSON_OBJECT || value == NULL) {
		json_free(value);
		return;
	}
	cursor_forget();
	/* keys are ours, or were parsed: UTF-8 */
	CHECK(json_object_set_new(lib(object), key, lib(value)) == 0);
}

void json_set_string(struct json *object, const char *key, const char *text)
{
	json_set(object, key, json_new_string(text));
}

void json_set_u64(struct json *object, const char *key, uint64_t v)
{
	json_set(object, key, json_new_u64(v));
}

void json_set_bool(struct json *object, const char *key, bool v)
{
	json_set(object, key, json_new_bool(v));
}

void json_set_amount(struct json *object, const char *key, struct amount a)
{
	char text[AMOUNT_TEXT_SIZE];
	amount_format(text, a);
	json_set_string(object, key, text);
}

void json_set_hex(
	struct json *object, const char *key, const char *prefix, const void *bytes, size_t len)
{
	const size_t before = strlen(prefix);
	char *text = malloc(before + 2 * len + 1);
	CHECK(text != NULL);
	memcpy(text, prefix, before);
	hex_encode(text + before, bytes, len);
	json_set_string(object, key, text);
	free(text);
}

void json_push(struct json *array, struct json *value)
{
	if (json_type(array) != JSON_ARRAY || value == NULL) {
		json_free(value);
		return;
	}
	CHECK(json_array_append_new(lib(array), lib(value)) == 0);
}

/* ---- writing ---- */

char *json_dump(const struct json *v, unsigned indent, size_t *len)
{
	const size_t flags = JSON_ENCODE_ANY | (indent == 0 ? JSON_COMPACT : JSON_INDENT(indent));
	char *text = v == NULL ? NULL : json_dumps(lib(v), flags);
	if (text == NULL) {
		text = malloc(sizeof "null");
		CHECK(text != NULL);
		memcpy(text, "null", sizeof "null");
	}
	if (len != NULL)
		*len = strlen(text);
	return text;
}

void json_text_free(char *text)
{
	free(text);
}
