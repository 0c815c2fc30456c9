#include "base/base64.h"

#define BITS 6u
#define GROUP 4u /* digits that stand for three bytes */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

static const struct {
	char last[2]; /* digits 62 and 63 */
	bool padded;
} forms[] = {
	[BASE64] = {{'+', '/'}, true},
	[BASE64_URL] = {{'-', '_'}, true},
	[BASE64_URL_BARE] = {{'-', '_'}, false},
};

static char digit_of(enum base64_form form, uint32_t value)
{
	return value < sizeof alphabet - 1 ? alphabet[value]
					   : forms[form].last[value - (sizeof alphabet - 1)];
}

static int value_of(enum base64_form form, uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == (uint8_t)forms[form].last[0] ? 62 : c == (uint8_t)forms[form].last[1] ? 63 : -1;
}

void base64_encode(char *text, enum base64_form form, const void *bytes, size_t len)
{
	const uint8_t *b = bytes;
	uint32_t bits = 0;
	unsigned have = 0;
	size_t n = 0;
	for (size_t i = 0; i < len; i++) {
		bits = bits << 8 | b[i];
		for (have += 8; have >= BITS; have -= BITS)
			text[n++] = digit_of(form, bits >> (have - BITS) & 63);
	}
	if (have > 0)
		text[n++] = digit_of(form, bits << (BITS - have) & 63);
	while (forms[form].padded && n % GROUP != 0)
		text[n++] = '=';
	text[n] = 0;
}

enum err base64_decode(void *bytes, size_t len, enum base64_form form, struct slice text)
{
	const size_t digits = BASE64_BARE_SIZE(len) - 1;
	const size_t whole = forms[form].padded ? BASE64_SIZE(len) - 1 : digits;
	uint8_t *out = bytes;
	uint32_t bits = 0;
	unsigned have = 0;
	if (text.len != whole)
		return ERR_FORMAT;
	for (size_t i = 0; i < digits; i++) {
		const int value = value_of(form, text.ptr[i]);
		if (value < 0)
			return ERR_FORMAT;
		bits = bits << BITS | (uint32_t)value;
		have += BITS;
		if (have >= 8) {
			have -= 8;
			*out++ = (uint8_t)(bits >> have);
		}
	}
	for (size_t i = digits; i < whole; i++)
		if (text.ptr[i] != '=')
			return ERR_FORMAT;
	return (bits & ((1u << have) - 1)) == 0 ? OK : ERR_FORMAT;
}
