/* sim/text: a growing text, and JSON written into it in the order in which it is said.
 *
 * The simulated nodes print their answers themselves: amounts are numbers with exactly eight
 * decimals, as Bitcoin Core prints them, and no other JSON printer here promises that. A comma is
 * put where one is due, so callers only say what comes next. Threads: one at a time.
 */
#ifndef SIM_TEXT_H
#define SIM_TEXT_H
#include "base/amount.h"

struct text {
	char *ptr; /* owns; zero-terminated once anything was put */
	size_t len, cap;
};

void text_fini(struct text *t);
void text_put(struct text *t, const void *bytes, size_t len);
PRINTF_LIKE(2, 3) void text_printf(struct text *t, const char *fmt, ...);
NONNULL_ALL struct slice text_slice(const struct text *t);

/* Values; inside an object each follows a js_key. */
NONNULL_ALL void js_open(struct text *t, char bracket);
NONNULL_ALL void js_close(struct text *t, char bracket);
NONNULL_ALL void js_key(struct text *t, const char *key);
NONNULL_ALL void js_raw(struct text *t, struct slice json);
NONNULL_ALL void js_string(struct text *t, const char *s); /* escapes */
NONNULL_ALL void js_u64(struct text *t, uint64_t v);
NONNULL_ALL void js_i64(struct text *t, int64_t v);
NONNULL_ALL void js_bool(struct text *t, bool v);
NONNULL_ALL void js_null(struct text *t);
void js_hex(struct text *t, const char *prefix, const void *bytes, size_t len);
/* The bytes in reverse: how Bitcoin's tools print a hash. */
NONNULL_ALL void js_hash(struct text *t, const struct hash256 *h);
/* Satoshi as a number of whole coins with eight decimals. */
NONNULL_ALL void js_coins(struct text *t, uint64_t sat);
/* "0x1f": as EVM nodes print numbers. */
NONNULL_ALL void js_quantity(struct text *t, u128 v);

/* A member in one call. */
static inline void js_set_string(struct text *t, const char *key, const char *s)
{
	js_key(t, key);
	js_string(t, s);
}
static inline void js_set_u64(struct text *t, const char *key, uint64_t v)
{
	js_key(t, key);
	js_u64(t, v);
}
static inline void js_set_bool(struct text *t, const char *key, bool v)
{
	js_key(t, key);
	js_bool(t, v);
}
static inline void js_set_null(struct text *t, const char *key)
{
	js_key(t, key);
	js_null(t);
}
static inline void js_set_hash(struct text *t, const char *key, const struct hash256 *h)
{
	js_key(t, key);
	js_hash(t, h);
}
static inline void js_set_coins(struct text *t, const char *key, uint64_t sat)
{
	js_key(t, key);
	js_coins(t, sat);
}
static inline void js_set_quantity(struct text *t, const char *key, u128 v)
{
	js_key(t, key);
	js_quantity(t, v);
}
static inline void js_set_hex(
	struct text *t, const char *key, const char *prefix, const void *bytes, size_t len)
{
	js_key(t, key);
	js_hex(t, prefix, bytes, len);
}

#endif
