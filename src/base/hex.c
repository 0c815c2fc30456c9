#include "base/hex.h"

static const char digits[] = "0123456789abcdef";

static int nibble(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

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

static enum err decode(uint8_t *out, size_t len, struct slice text, bool reversed)
{
	for (size_t i = 0; i < text.len; i++)
		if (nibble(text.ptr[i]) < 0)
			return ERR_FORMAT;
	if (text.len < 2 * len)
		return ERR_SHORT;
	if (text.len > 2 * len)
		return ERR_FORMAT;
	for (size_t i = 0; i < len; i++) {
		const int hi = nibble(text.ptr[2 * i]);
		const int lo = nibble(text.ptr[2 * i + 1]);
		out[reversed ? len - 1 - i : i] = (uint8_t)(hi << 4 | lo);
	}
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
