#include "base/amount.h"

#define U128_MAX (~(u128)0)

#define BTC_COINS 21000000u
#define ETH_COINS 1000000000u /* it has no last one; some 120 million exist */

static const struct {
	const char *name;
	unsigned decimals;
	uint32_t coins;
	bool pegged; /* one is one bitcoin */
} assets[ASSET_COUNT] = {
	[ASSET_BTC] = {"BTC", 8, BTC_COINS, true},
	[ASSET_RBTC] = {"RBTC", 18, BTC_COINS, true},
	[ASSET_LBTC] = {"L-BTC", 8, BTC_COINS, true},
	[ASSET_WBTC] = {"WBTC", 8, BTC_COINS, true},
	[ASSET_ETH] = {"ETH", 18, ETH_COINS, false},
};

static u128 pow10_u128(unsigned n)
{
	CHECK(n <= 38);
	u128 p = 1;
	while (n-- > 0)
		p *= 10;
	return p;
}

const char *asset_name(enum asset asset)
{
	CHECK(asset < ASSET_COUNT);
	return assets[asset].name;
}

enum err asset_parse(enum asset *asset, struct slice text)
{
	for (unsigned i = 0; i < ASSET_COUNT; i++) {
		if (slice_eq(text, slice_str(assets[i].name))) {
			*asset = (enum asset)i;
			return OK;
		}
	}
	return ERR_NOT_FOUND;
}

unsigned asset_decimals(enum asset asset)
{
	CHECK(asset < ASSET_COUNT);
	return assets[asset].decimals;
}

struct amount amount_max(enum asset asset)
{
	CHECK(asset < ASSET_COUNT);
	return amount_of_u128(
		asset, (u128)assets[asset].coins * pow10_u128(assets[asset].decimals));
}

struct amount amount_of(enum asset asset, uint64_t raw)
{
	return amount_of_u128(asset, raw);
}

struct amount amount_of_u128(enum asset asset, u128 raw)
{
	CHECK(asset < ASSET_COUNT);
	return (struct amount){.raw = raw, .asset = asset};
}

bool amount_is_zero(struct amount a)
{
	return a.raw == 0;
}

int amount_cmp(struct amount a, struct amount b)
{
	CHECK(a.asset == b.asset);
	return a.raw < b.raw ? -1 : a.raw > b.raw;
}

enum err amount_add(struct amount *sum, struct amount a, struct amount b)
{
	CHECK(a.asset == b.asset);
	if (b.raw > U128_MAX - a.raw)
		return ERR_RANGE;
	*sum = amount_of_u128(a.asset, a.raw + b.raw);
	return OK;
}

enum err amount_sub(struct amount *diff, struct amount a, struct amount b)
{
	CHECK(a.asset == b.asset);
	if (b.raw > a.raw)
		return ERR_RANGE;
	*diff = amount_of_u128(a.asset, a.raw - b.raw);
	return OK;
}

enum err amount_mul(struct amount *product, struct amount a, uint64_t factor)
{
	if (factor != 0 && a.raw > U128_MAX / factor)
		return ERR_RANGE;
	*product = amount_of_u128(a.asset, a.raw * factor);
	return OK;
}

enum err amount_mul_div(struct amount *out, struct amount a, uint64_t numerator,
	uint64_t denominator, bool round_up)
{
	struct amount product;
	if (denominator == 0)
		return ERR_RANGE;
	TRY(amount_mul(&product, a, numerator));
	u128 q = product.raw / denominator;
	if (round_up && product.raw % denominator != 0)
		q++;
	*out = amount_of_u128(a.asset, q);
	return OK;
}

enum err amount_scale(
	struct amount *out, struct amount value, struct amount part, struct amount whole)
{
	CHECK(part.asset == whole.asset);
	if (whole.raw == 0 || (part.raw != 0 && value.raw > U128_MAX / part.raw))
		return ERR_RANGE;
	const u128 product = value.raw * part.raw;
	*out = amount_of_u128(value.asset, product / whole.raw + (product % whole.raw != 0));
	return OK;
}

enum err amount_convert(struct amount *out, struct amount a, enum asset to, bool round_up)
{
	const unsigned from_decimals = asset_decimals(a.asset);
	const unsigned to_decimals = asset_decimals(to);

	if (a.asset != to && !(assets[a.asset].pegged && assets[to].pegged))
		return ERR_RANGE;
	if (to_decimals >= from_decimals) {
		const u128 scale = pow10_u128(to_decimals - from_decimals);
		if (a.raw > U128_MAX / scale)
			return ERR_RANGE;
		*out = amount_of_u128(to, a.raw * scale);
		return OK;
	}
	const u128 scale = pow10_u128(from_decimals - to_decimals);
	u128 q = a.raw / scale;
	if (round_up && a.raw % scale != 0)
		q++;
	*out = amount_of_u128(to, q);
	return OK;
}

/* Digits with at most `decimals` of them after a point; the value in units of 10^-decimals. */
static enum err parse_decimal(
	struct amount *out, enum asset asset, struct slice text, unsigned decimals)
{
	const struct amount max = amount_max(asset);
	u128 value = 0;
	size_t digit_count = 0, after_point = 0;
	bool point = false;

	for (size_t i = 0; i < text.len; i++) {
		const uint8_t c = text.ptr[i];
		if (c == '.' && !point && decimals > 0) {
			point = true;
			continue;
		}
		if (c < '0' || c > '9')
			return ERR_FORMAT;
		digit_count++;
		if (point && ++after_point > decimals) {
			if (c != '0')
				return ERR_RANGE;
			continue;
		}
		if (value > max.raw)
			return ERR_RANGE;
		value = value * 10 + (unsigned)(c - '0');
	}
	if (digit_count == 0 || (point && (after_point == 0 || digit_count == after_point)))
		return ERR_FORMAT;
	for (size_t i = after_point; i < decimals; i++) {
		if (value > max.raw)
			return ERR_RANGE;
		value *= 10;
	}
	if (value > max.raw)
		return ERR_RANGE;
	*out = amount_of_u128(asset, value);
	return OK;
}

enum err amount_parse(struct amount *out, enum asset asset, struct slice text)
{
	return parse_decimal(out, asset, text, asset_decimals(asset));
}

enum err amount_parse_units(struct amount *out, enum asset asset, struct slice text)
{
	return parse_decimal(out, asset, text, 0);
}

/* The digits of v, at least `width` of them; returns how many. */
static size_t put_digits(char text[AMOUNT_TEXT_SIZE], u128 v, size_t width)
{
	char reversed[AMOUNT_TEXT_SIZE];
	size_t n = 0;
	while (v != 0 || n < width || n == 0) {
		reversed[n++] = (char)('0' + (int)(v % 10));
		v /= 10;
	}
	for (size_t i = 0; i < n; i++)
		text[i] = reversed[n - 1 - i];
	text[n] = 0;
	return n;
}

void amount_format(char text[AMOUNT_TEXT_SIZE], struct amount a)
{
	const unsigned decimals = asset_decimals(a.asset);
	const u128 scale = pow10_u128(decimals);
	size_t n = put_digits(text, a.raw / scale, 1);
	if (a.raw % scale == 0)
		return;
	text[n++] = '.';
	n += put_digits(text + n, a.raw % scale, decimals);
	while (text[n - 1] == '0')
		n--;
	text[n] = 0;
}

void amount_format_units(char text[AMOUNT_TEXT_SIZE], struct amount a)
{
	(void)put_digits(text, a.raw, 1);
}

void amount_store(uint8_t b[16], struct amount a)
{
	store_le64(b, (uint64_t)a.raw);
	store_le64(b + 8, (uint64_t)(a.raw >> 64));
}

struct amount amount_load(enum asset asset, const uint8_t b[16])
{
	return amount_of_u128(asset, (u128)load_le64(b) | (u128)load_le64(b + 8) << 64);
}

void amount_store_word(uint8_t word[32], struct amount a)
{
	memset(word, 0, 16);
	store_be64(word + 16, (uint64_t)(a.raw >> 64));
	store_be64(word + 24, (uint64_t)a.raw);
}

enum err amount_load_word(struct amount *out, enum asset asset, const uint8_t word[32])
{
	for (size_t i = 0; i < 16; i++)
		if (word[i] != 0)
			return ERR_RANGE;
	*out = amount_of_u128(asset, (u128)load_be64(word + 16) << 64 | (u128)load_be64(word + 24));
	return OK;
}

struct amount amount_from_sat(struct sat s)
{
	return amount_of(ASSET_BTC, s.raw);
}

enum err amount_to_sat(struct sat *out, struct amount a)
{
	CHECK(asset_decimals(a.asset) == asset_decimals(ASSET_BTC));
	if (a.raw > SAT_MAX_RAW)
		return ERR_RANGE;
	out->raw = (uint64_t)a.raw;
	return OK;
}

bool sat_add(struct sat *sum, struct sat a, struct sat b)
{
	CHECK(a.raw <= SAT_MAX_RAW);
	CHECK(b.raw <= SAT_MAX_RAW);
	if (a.raw + b.raw > SAT_MAX_RAW)
		return false;
	sum->raw = a.raw + b.raw;
	return true;
}

bool sat_sub(struct sat *diff, struct sat a, struct sat b)
{
	if (b.raw > a.raw)
		return false;
	diff->raw = a.raw - b.raw;
	return true;
}
