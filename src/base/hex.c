#include "base/hex.h"

static const char digits[] = "0123456789abcdef";

/* What a character stands for; NO_DIGIT: it is none. A table, as large answers of nodes are made of
 * these: blocks of eight million characters. */
#define NO_DIGIT 0x80u
#define N NO_DIGIT
/* clang-format off */
static const uint8_t value_of[256] = {
	N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N,
	N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N,
	N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N,
	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, N, N, N, N, N, N,
	N, 10, 11, 12, 13, 14, 15, N, N, N, N, N, N, N, N, N,
	N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N,
	N, 10, 11, 12, 13, 14, 15, N, N, N, N, N, N, N, N, N,
	N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N,
	N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N,
	N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N,
	N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N,
	N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N,
	N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N,
	N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N,
	N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N,
	N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N,
};
/* clang-format on */
#undef N

void hex_encode(char *text, const void *bytes, size_t len)
{
	const uint8_t *b = bytes;
	for (size_t i = 0; i < len; i++) {
		text[2 * i] = digits[b[i] >> 4];
		text[2 * i + 1] = digits[b[i] & 15];
	}
	text[2 * len] = 0;
}

void hex_encode_reversed(char *text, const void *bytes, size_t len)
{
	const uint8_t *b = bytes;
	for (size_t i = 0; i < len; i++) {
		text[2 * i] = digits[b[len - 1 - i] >> 4];
		text[2 * i + 1] = digits[b[len - 1 - i] & 15];
	}
	text[2 * len] = 0;
}

static bool is_hex(struct slice text)
{
	uint8_t any = 0;
	for (size_t i = 0; i < text.len; i++)
		any |= value_of[text.ptr[i]];
	return (any & NO_DIGIT) == 0;
}

static enum err decode(uint8_t *out, size_t len, struct slice text, bool reversed)
{
	if (!is_hex(text))
		return ERR_FORMAT;
	if (text.len < 2 * len)
		return ERR_SHORT;
	if (text.len > 2 * len)
		return ERR_FORMAT;
	const uint8_t *at = text.ptr;
	for (size_t i = 0; i < len; i++, at += 2)
		out[reversed ? len - 1 - i : i] = (uint8_t)(value_of[at[0]] << 4 | value_of[at[1]]);
	return OK;
}

enum err hex_decode(void *bytes, size_t len, struct slice text)
{
	return decode(bytes, len, text, false);
}

enum err hex_decode_reversed(void *bytes, size_t len, struct slice text)
{
	return decode(bytes, len, text, true);
}

enum err hex_decode_var(void *bytes, size_t *len, size_t len_max, struct slice text)
{
	if (text.len % 2 != 0)
		return ERR_FORMAT;
	if (text.len / 2 > len_max)
		return ERR_FULL;
	TRY(decode(bytes, text.len / 2, text, false));
	*len = text.len / 2;
	return OK;
}
