/* base/amount: money is an unsigned 128-bit integer in the smallest unit of an asset.
 *
 * 64 bits are not enough: 2^64 wei is 18.4 RBTC. All arithmetic is checked; on failure the output
 * is untouched. Only amount.c reads .raw (encodings use amount_store / amount_load). struct sat is
 * the 64-bit amount of Bitcoin's own encodings and lives at that edge only.
 */
#ifndef BASE_AMOUNT_H
#define BASE_AMOUNT_H
#include "base/base.h"

__extension__ typedef unsigned __int128 u128;

enum asset {
	ASSET_BTC,  /* satoshi, 8 decimals */
	ASSET_RBTC, /* wei, 18 decimals; 1 RBTC = 1 BTC by the peg */
	ASSET_LBTC, /* satoshi of L-BTC, 8 decimals; pegged */
	ASSET_WBTC, /* a wrapped bitcoin: a token with 8 decimals; pegged */
	ASSET_ETH,  /* wei, 18 decimals; pays gas, and is pegged to nothing here */
	ASSET_COUNT
};

struct amount {
	u128 raw;
	enum asset asset;
};

struct sat {
	uint64_t raw;
};

#define SAT_MAX_RAW UINT64_C(2100000000000000)
#define AMOUNT_TEXT_SIZE 64u /* fits any amount with its point and a terminating zero */

/* "BTC", "RBTC", ...; static. */
const char *asset_name(enum asset asset);
MUST_USE NONNULL_ALL enum err asset_parse(enum asset *asset, struct slice text);
unsigned asset_decimals(enum asset asset);
/* No more than this of an asset exists: 21 million coins (ETH: a thousand million). Larger amounts
 * are ERR_RANGE everywhere. */
struct amount amount_max(enum asset asset);

struct amount amount_of(enum asset asset, uint64_t raw);
struct amount amount_of_u128(enum asset asset, u128 raw);
static inline struct amount amount_zero(enum asset asset)
{
	return amount_of(asset, 0);
}
bool amount_is_zero(struct amount a);
/* <0, 0, >0; both of one asset (CHECK). */
int amount_cmp(struct amount a, struct amount b);
/* ERR_RANGE when the sum passes 2^128 - 1; both of one asset (CHECK). */
MUST_USE NONNULL_ALL enum err amount_add(struct amount *sum, struct amount a, struct amount b);
/* ERR_RANGE when b > a. */
MUST_USE NONNULL_ALL enum err amount_sub(struct amount *diff, struct amount a, struct amount b);
MUST_USE NONNULL_ALL enum err amount_mul(struct amount *product, struct amount a, uint64_t factor);
/* a * numerator / denominator, rounded down or up; ERR_RANGE on overflow or denominator 0. */
MUST_USE NONNULL_ALL enum err amount_mul_div(struct amount *out, struct amount a,
	uint64_t numerator, uint64_t denominator, bool round_up);

/* What part of `whole` so much of it is, of another amount: value * part / whole, rounded up. part
 * and whole are of one asset (CHECK); ERR_RANGE: whole is zero, or overflow. */
MUST_USE NONNULL_ALL enum err amount_scale(
	struct amount *out, struct amount value, struct amount part, struct amount whole);

/* The one place where units are converted and rounded: the same value in another pegged asset.
 * ERR_RANGE: too much for the type, or one of the two has no peg. */
MUST_USE NONNULL_ALL enum err amount_convert(
	struct amount *out, struct amount a, enum asset to, bool round_up);

/* Decimal text in whole coins, "0.01": digits, at most one point, no sign, no exponent, no spaces.
 * ERR_FORMAT not such a text; ERR_RANGE more decimals than the asset has, or over amount_max. */
MUST_USE NONNULL_ALL enum err amount_parse(struct amount *out, enum asset asset, struct slice text);
/* Integer text in the smallest unit. Same errors. */
MUST_USE NONNULL_ALL enum err amount_parse_units(
	struct amount *out, enum asset asset, struct slice text);
/* Whole coins, without trailing zeros after the point: "0.01", "1". Writes a zero at the end. */
NONNULL_ALL void amount_format(char text[AMOUNT_TEXT_SIZE], struct amount a);
/* The smallest unit as an integer. */
NONNULL_ALL void amount_format_units(char text[AMOUNT_TEXT_SIZE], struct amount a);

/* 16 bytes, little-endian: records. */
NONNULL_ALL void amount_store(uint8_t b[16], struct amount a);
NONNULL_ALL struct amount amount_load(enum asset asset, const uint8_t b[16]);
/* 32 bytes, big-endian, as an EVM word. ERR_RANGE when the word is over 2^128 - 1. */
NONNULL_ALL void amount_store_word(uint8_t word[32], struct amount a);
MUST_USE NONNULL_ALL enum err amount_load_word(
	struct amount *out, enum asset asset, const uint8_t word[32]);

struct amount amount_from_sat(struct sat s);
/* ERR_RANGE when over SAT_MAX_RAW; the asset must be one that is counted in satoshi (CHECK). */
MUST_USE NONNULL_ALL enum err amount_to_sat(struct sat *out, struct amount a);
MUST_USE NONNULL_ALL bool sat_add(struct sat *sum, struct sat a, struct sat b);
MUST_USE NONNULL_ALL bool sat_sub(struct sat *diff, struct sat a, struct sat b);

#endif
