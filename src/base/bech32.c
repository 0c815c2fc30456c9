#include "base/bech32.h"

static const char digits[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

const struct bech32_code bech32_code = {
	.sum_len = 6,
	.generator = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3},
};
const struct bech32_code blech32_code = {
	.sum_len = 12,
	.generator = {0x7d52fba40bd886, 0x5e8dbf1a03950c, 0x1c3a3c74072a18, 0x385d72fa0e5139,
		0x7093e5a608865b},
};

static uint64_t sum_step(const struct bech32_code *code, uint64_t sum, uint8_t value)
{
	const unsigned top_at = 5 * (code->sum_len - 1);
	const uint64_t top = sum >> top_at;
	sum = (sum & ((UINT64_C(1) << top_at) - 1)) << 5 ^ value;
	for (unsigned i = 0; i < ARRAY_LEN(code->generator); i++)
		if (top >> i & 1u)
			sum ^= code->generator[i];
	return sum;
}

static uint64_t sum_prefix(const struct bech32_code *code, const char *prefix, size_t len)
{
	uint64_t sum = 1;
	for (size_t i = 0; i < len; i++)
		sum = sum_step(code, sum, (uint8_t)((uint8_t)prefix[i] >> 5));
	sum = sum_step(code, sum, 0);
	for (size_t i = 0; i < len; i++)
		sum = sum_step(code, sum, (uint8_t)((uint8_t)prefix[i] & 31u));
	return sum;
}

static bool is_upper(uint8_t c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_lower(uint8_t c)
{
	return c >= 'a' && c <= 'z';
}

static char to_lower(uint8_t c)
{
	return (char)(is_upper(c) ? c + ('a' - 'A') : c);
}

/* Printable, of one case; *separator is the last '1', with a prefix before and a check sum after.
 */
static enum err check_shape(size_t *separator, unsigned sum_len, struct slice text)
{
	bool upper = false;
	bool lower = false;
	*separator = 0;
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < 33 || text.ptr[i] > 126)
			return ERR_FORMAT;
		upper = upper || is_upper(text.ptr[i]);
		lower = lower || is_lower(text.ptr[i]);
		if (text.ptr[i] == '1')
			*separator = i;
	}
	if ((upper && lower) || *separator == 0 || *separator > BECH32_PREFIX_MAX ||
		text.len - *separator <= sum_len)
		return ERR_FORMAT;
	return OK;
}

enum err bech32_decode(struct bech32 *out, uint8_t *storage, size_t value_cap,
	const struct bech32_code *code, struct slice text)
{
	if (text.len > BECH32_PREFIX_MAX + 1 + value_cap)
		return ERR_FORMAT;
	TRY(check_shape(&out->prefix_len, code->sum_len, text));
	if (text.len - out->prefix_len - 1 > value_cap)
		return ERR_FORMAT;
	for (size_t i = 0; i < out->prefix_len; i++)
		out->prefix[i] = to_lower(text.ptr[i]);
	out->prefix[out->prefix_len] = '\0';
	out->value = storage;
	out->value_len = 0;
	out->final = sum_prefix(code, out->prefix, out->prefix_len);
	for (size_t i = out->prefix_len + 1; i < text.len; i++) {
		const char *digit = strchr(digits, to_lower(text.ptr[i]));
		if (digit == NULL)
			return ERR_FORMAT;
		storage[out->value_len] = (uint8_t)(digit - digits);
		out->final = sum_step(code, out->final, storage[out->value_len++]);
	}
	out->value_len -= code->sum_len;
	return OK;
}

void bech32_put(struct buf *out, const struct bech32_code *code, const char *prefix,
	const uint8_t *value, size_t value_len, uint64_t final)
{
	uint64_t sum = sum_prefix(code, prefix, strlen(prefix));
	buf_printf(out, "%s1", prefix);
	for (size_t i = 0; i < value_len; i++) {
		sum = sum_step(code, sum, value[i]);
		buf_u8(out, (uint8_t)digits[value[i]]);
	}
	for (unsigned i = 0; i < code->sum_len; i++)
		sum = sum_step(code, sum, 0);
	sum ^= final;
	for (unsigned i = code->sum_len; i-- > 0;)
		buf_u8(out, (uint8_t)digits[sum >> 5 * i & 31u]);
}

/* Whole bytes; *bits has what is left over in its lowest *held bits. */
static enum err pack(uint8_t *bytes, size_t *len, size_t cap, const uint8_t *value,
	size_t value_len, uint32_t *bits, unsigned *held)
{
	*bits = 0;
	*held = 0;
	*len = 0;
	for (size_t i = 0; i < value_len; i++) {
		*bits = (*bits << 5 | value[i]) & 0xfffu;
		*held += 5;
		if (*held < 8)
			continue;
		*held -= 8;
		if (*len == cap)
			return ERR_FORMAT;
		bytes[(*len)++] = (uint8_t)(*bits >> *held);
	}
	*bits &= (1u << *held) - 1u;
	return OK;
}

enum err bech32_to_bytes(
	uint8_t *bytes, size_t *len, size_t cap, const uint8_t *value, size_t value_len)
{
	uint32_t bits;
	unsigned held;
	size_t made;
	TRY(pack(bytes, &made, cap, value, value_len, &bits, &held));
	if (held >= 5 || bits != 0)
		return ERR_FORMAT;
	*len = made;
	return OK;
}

enum err bech32_to_bytes_filled(
	uint8_t *bytes, size_t *len, size_t cap, const uint8_t *value, size_t value_len)
{
	uint32_t bits;
	unsigned held;
	size_t made;
	TRY(pack(bytes, &made, cap, value, value_len, &bits, &held));
	if (held > 0 && made == cap)
		return ERR_FORMAT;
	if (held > 0)
		bytes[made++] = (uint8_t)(bits << (8 - held));
	*len = made;
	return OK;
}

size_t bech32_from_bytes(uint8_t *value, size_t cap, struct slice bytes)
{
	uint32_t bits = 0;
	unsigned held = 0;
	size_t len = 0;
	CHECK(bytes.len <= cap * 5 / 8);
	for (size_t i = 0; i < bytes.len; i++) {
		bits = (bits << 8 | bytes.ptr[i]) & 0xfffu;
		for (held += 8; held >= 5; held -= 5)
			value[len++] = (uint8_t)(bits >> (held - 5) & 31u);
	}
	if (held > 0)
		value[len++] = (uint8_t)(bits << (5 - held) & 31u);
	return len;
}
