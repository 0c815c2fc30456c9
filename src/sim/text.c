#include "sim/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"

#define TEXT_CAP_FIRST 256u

void text_fini(struct text *t)
{
	free(t->ptr);
	*t = (struct text){0};
}

/* Room for len more bytes and a zero. */
static char *room(struct text *t, size_t len)
{
	CHECK(len < SIZE_MAX / 4 && t->len < SIZE_MAX / 4);
	if (t->cap < t->len + len + 1) {
		size_t cap = t->cap == 0 ? TEXT_CAP_FIRST : t->cap;
		while (cap < t->len + len + 1)
			cap *= 2;
		t->ptr = realloc(t->ptr, cap);
		CHECK(t->ptr != NULL);
		t->cap = cap;
	}
	return t->ptr + t->len;
}

void text_put(struct text *t, const void *bytes, size_t len)
{
	char *at = room(t, len);
	if (len > 0)
		memcpy(at, bytes, len);
	at[len] = 0;
	t->len += len;
}

void text_printf(struct text *t, const char *fmt, ...)
{
	va_list args, again;
	va_start(args, fmt);
	va_copy(again, args);
	const int need = vsnprintf(NULL, 0, fmt, args);
	CHECK(need >= 0);
	char *at = room(t, (size_t)need);
	const int done = vsnprintf(at, (size_t)need + 1, fmt, again);
	CHECK(done == need);
	t->len += (size_t)need;
	va_end(again);
	va_end(args);
}

struct slice text_slice(const struct text *t)
{
	return slice_of(t->ptr, t->len);
}

/* ---- JSON ---- */

/* A comma is due after a whole value, which is whatever does not open something. */
static void separate(struct text *t)
{
	if (t->len == 0)
		return;
	const char last = t->ptr[t->len - 1];
	if (last != '{' && last != '[' && last != ':' && last != ',')
		text_put(t, ",", 1);
}

void js_open(struct text *t, char bracket)
{
	CHECK(bracket == '{' || bracket == '[');
	separate(t);
	text_put(t, &bracket, 1);
}

void js_close(struct text *t, char bracket)
{
	CHECK(bracket == '}' || bracket == ']');
	text_put(t, &bracket, 1);
}

static bool is_plain(char c)
{
	return (unsigned char)c >= 0x20 && c != '"' && c != '\\';
}

static void quoted(struct text *t, const char *s)
{
	text_put(t, "\"", 1);
	while (*s != 0) {
		size_t len = 0;
		while (s[len] != 0 && is_plain(s[len]))
			len++;
		text_put(t, s, len);
		s += len;
		if (*s == '"' || *s == '\\')
			text_printf(t, "\\%c", *s++);
		else if (*s != 0)
			text_printf(t, "\\u%04x", (unsigned)(unsigned char)*s++);
	}
	text_put(t, "\"", 1);
}

void js_key(struct text *t, const char *key)
{
	separate(t);
	quoted(t, key);
	text_put(t, ":", 1);
}

void js_raw(struct text *t, struct slice json)
{
	separate(t);
	text_put(t, json.ptr, json.len);
}

void js_string(struct text *t, const char *s)
{
	separate(t);
	quoted(t, s);
}

void js_u64(struct text *t, uint64_t v)
{
	separate(t);
	text_printf(t, "%" PRIu64, v);
}

void js_i64(struct text *t, int64_t v)
{
	separate(t);
	text_printf(t, "%" PRId64, v);
}

void js_bool(struct text *t, bool v)
{
	separate(t);
	text_printf(t, "%s", v ? "true" : "false");
}

void js_null(struct text *t)
{
	separate(t);
	text_put(t, "null", 4);
}

void js_hex(struct text *t, const char *prefix, const void *bytes, size_t len)
{
	separate(t);
	text_printf(t, "\"%s", prefix);
	char *at = room(t, 2 * len + 1);
	hex_encode(at, bytes, len);
	t->len += 2 * len;
	text_put(t, "\"", 1);
}

void js_hash(struct text *t, const struct hash256 *h)
{
	separate(t);
	text_put(t, "\"", 1);
	hex_encode_reversed(room(t, 2 * sizeof h->b + 1), h->b, sizeof h->b);
	t->len += 2 * sizeof h->b;
	text_put(t, "\"", 1);
}

#define SAT_PER_COIN UINT64_C(100000000)

void js_coins(struct text *t, uint64_t sat)
{
	separate(t);
	text_printf(t, "%" PRIu64 ".%08" PRIu64, sat / SAT_PER_COIN, sat % SAT_PER_COIN);
}

void js_quantity(struct text *t, u128 v)
{
	const uint64_t high = (uint64_t)(v >> 64), low = (uint64_t)v;
	separate(t);
	if (high != 0)
		text_printf(t, "\"0x%" PRIx64 "%016" PRIx64 "\"", high, low);
	else
		text_printf(t, "\"0x%" PRIx64 "\"", low);
}
