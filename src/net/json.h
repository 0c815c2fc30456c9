/* net/json: JSON (RFC 8259) values. The one door to the JSON library.
 *
 * Parsing is strict: one value, UTF-8, no duplicate keys, depth at most JSON_DEPTH_MAX, nothing
 * after it. Amounts are never numbers in our own API; a number from a node is read as an integer
 * (json_get_u64) and anything with a fraction or an exponent is refused there.
 * Ownership: json_parse and the makers return owned; json_set_* and json_push take their argument
 * (also on failure); getters borrow from the parent. All functions accept NULL as "no value".
 * Threads: a value belongs to one thread at a time.
 */
#ifndef NET_JSON_H
#define NET_JSON_H
#include "base/amount.h"

#define JSON_DEPTH_MAX 64u
#define JSON_VALUES_MAX (1u << 20) /* in one text: bounds the memory that a text can take */

/* The library exports three of these names, too: at link time ours are others. */
#define json_object sluice_json_object
#define json_array sluice_json_array
#define json_string sluice_json_string

struct json;

struct json_error {
	size_t offset; /* bytes into the text where it went wrong */
	char text[120];
};

/* ERR_FORMAT with *error filled in (error may be NULL); ERR_FULL too deep, or too many values;
 * ERR_CANCELLED the CPU budget that the calling thread works under (rt/cpu_budget) is spent. */
MUST_USE enum err json_parse(struct json **out, struct slice text, struct json_error *error);
/* And how many values the text has, at most: each takes JSON_VALUE_COST bytes, roughly. */
MUST_USE enum err json_parse_counted(
	struct json **out, size_t *values, struct slice text, struct json_error *error);
#define JSON_VALUE_COST 128u
void json_free(struct json *v);
/* Before values that this thread has read are freed on another. */
void json_hand_over(void);

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };
/* JSON_NULL for NULL. */
enum json_type json_type(const struct json *v);

/* Members; NULL where v is no object or array, or has none of that name or index. */
struct json *json_get(const struct json *v, const char *key);
struct json *json_at(const struct json *v, size_t index);
size_t json_count(const struct json *v); /* members or elements; 0 for others */
/* Iterate over an object's members: for (size_t i = 0; json_member(v, i, &key, &value); i++).
 * O(1) each; *key borrows. */
bool json_member(const struct json *v, size_t index, const char **key, struct json **value);

/* A string's bytes (borrowed, also zero-terminated; no embedded zero passes the parser), or .ptr
 * NULL. */
struct slice json_string(const struct json *v);
/* The member `key` as a C string, or NULL. */
const char *json_get_string(const struct json *v, const char *key);
/* ERR_NOT_FOUND no such member; ERR_FORMAT not an integer in range. */
MUST_USE enum err json_get_u64(const struct json *v, const char *key, uint64_t *out);
MUST_USE enum err json_get_bool(const struct json *v, const char *key, bool *out);
MUST_USE enum err json_get_i64(const struct json *v, const char *key, int64_t *out);
/* A number of whole coins as nodes write it (0.00012345), in units of 10^-decimals: the one place
 * where a fraction is read. Every number of units up to 2^53 that is written out is read as itself;
 * what can't be told from it in a double (beyond the 15th digit) is, too. ERR_FORMAT no number, or
 * negative; ERR_RANGE more decimals than asked for, or over 2^53 units. decimals at most 18. */
MUST_USE enum err json_get_decimal(
	const struct json *v, const char *key, unsigned decimals, uint64_t *out);
/* The same of an estimate, which is a fraction of any length: rounded up to a whole unit. */
MUST_USE enum err json_get_decimal_up(
	const struct json *v, const char *key, unsigned decimals, uint64_t *out);
/* "0x1f" quantities of EVM nodes, up to 64 bits (ERR_RANGE above). Leading zeros are allowed. */
MUST_USE enum err json_get_quantity(const struct json *v, const char *key, uint64_t *out);
/* Hex bytes with or without 0x: exactly len. */
MUST_USE enum err json_get_hex(const struct json *v, const char *key, void *out, size_t len);

struct json *json_object(void);
struct json *json_array(void);
/* JSON null for NULL. Text that is not UTF-8 keeps its ASCII; each other byte becomes '?'. */
struct json *json_new_string(const char *text);
/* Over INT64_MAX, which many readers can't hold: a string of digits. */
struct json *json_new_u64(uint64_t v);
/* A deep copy. */
struct json *json_clone(const struct json *v);
struct json *json_new_bool(bool v);
struct json *json_new_null(void);
void json_set(struct json *object, const char *key, struct json *value);
void json_set_string(struct json *object, const char *key, const char *text);
void json_set_u64(struct json *object, const char *key, uint64_t v);
void json_set_bool(struct json *object, const char *key, bool v);
/* Amount as a string in whole coins. */
void json_set_amount(struct json *object, const char *key, struct amount a);
/* Lower-case hex; prefix may be "" or "0x". */
void json_set_hex(
	struct json *object, const char *key, const char *prefix, const void *bytes, size_t len);
void json_push(struct json *array, struct json *value);

/* Compact text, zero-terminated; returns owned (free with json_text_free). indent 0 or 2. */
char *json_dump(const struct json *v, unsigned indent, size_t *len);
void json_text_free(char *text);

#endif
