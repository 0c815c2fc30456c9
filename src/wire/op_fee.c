#include "wire/op_fee.h"

/* EIP-2028: gas of a byte of calldata */
#define GAS_ZERO 4u
#define GAS_NONZERO 16u
#define ECOTONE_DIVISOR 16000000u /* scalars have six decimals; sixteen gas are a byte */

/* Fjord: size = max(100, 0.8365 * fastlz - 42.5856), with six decimals */
#define FJORD_INTERCEPT 42585600u
#define FJORD_COEFFICIENT 836500u
#define FJORD_SIZE_MIN 100000000u
#define FJORD_DIVISOR UINT64_C(1000000000000)

/* FastLZ, first level */
#define TABLE_BITS 13u
#define TABLE_SIZE (1u << TABLE_BITS)
#define DISTANCE_MAX (TABLE_SIZE - 1)
#define TAIL 13u        /* bytes at the end at which no match begins */
#define MATCH_MARGIN 4u /* bytes at the end that no match reaches */
#define LITERALS_MAX 32u
#define MATCH_MAX 262u
#define SHORT_MATCH_MAX 6u
#define HASH_FACTOR 2654435769u

struct fastlz {
	const uint8_t *b;
	uint32_t len;
	uint32_t made;             /* bytes written, had we written them */
	uint32_t last[TABLE_SIZE]; /* where three bytes of this hash were seen last; at first 0 */
};

static uint32_t three_bytes(const struct fastlz *z, uint32_t at)
{
	return (uint32_t)z->b[at] | (uint32_t)z->b[at + 1] << 8 | (uint32_t)z->b[at + 2] << 16;
}

/* Remembers a place; returns the one that was there. */
static uint32_t remember(struct fastlz *z, uint32_t at)
{
	const uint32_t h = three_bytes(z, at) * HASH_FACTOR >> 19 & (TABLE_SIZE - 1);
	const uint32_t before = z->last[h];
	z->last[h] = at;
	return before;
}

/* Runs of up to 32 bytes as they are, each after a byte with its length. */
static void count_literals(struct fastlz *z, uint32_t n)
{
	z->made += n + (n + LITERALS_MAX - 1) / LITERALS_MAX;
}

/* A match: two bytes, three from a length on, again for each 262. */
static void count_match(struct fastlz *z, uint32_t len)
{
	const uint32_t rest = (len - 1) % MATCH_MAX;
	z->made += (len - 1) / MATCH_MAX * 3 + (rest >= SHORT_MATCH_MAX ? 3 : 2);
}

/* How long a match is, as the format counts: one more than what is alike after its first three
 * bytes, unless the end of the data stops it. */
static uint32_t match_len(const struct fastlz *z, uint32_t from, uint32_t at)
{
	const uint32_t most = z->len - MATCH_MARGIN - (at + 3);
	uint32_t n = 0;
	while (n < most && z->b[from + 3 + n] == z->b[at + 3 + n])
		n++;
	return n < most ? n + 1 : most;
}

uint32_t fastlz_size(struct slice data)
{
	struct fastlz z = {.b = data.ptr, .len = (uint32_t)data.len};
	CHECK(data.len <= OP_FEE_DATA_MAX);
	const uint32_t end = z.len < TAIL ? 0 : z.len - TAIL;
	uint32_t anchor = 0; /* first byte that is not written yet */
	uint32_t at = 2;
	while (at < end) {
		const uint32_t from = remember(&z, at);
		if (at - from > DISTANCE_MAX || three_bytes(&z, at) != three_bytes(&z, from)) {
			at++;
			continue;
		}
		count_literals(&z, at - anchor);
		const uint32_t len = match_len(&z, from, at);
		count_match(&z, len);
		at += len;
		(void)remember(&z, at++);
		(void)remember(&z, at++);
		anchor = at;
	}
	count_literals(&z, z.len - anchor);
	return z.made;
}

/* ---- fees ---- */

/* units * (16 * base fee + blob base fee, scaled) / divisor */
static enum err scaled_fee(struct amount *fee, enum asset asset, const struct op_fee_params *params,
	uint64_t units, uint64_t divisor)
{
	const u128 data = (u128)params->base_fee_scalar * GAS_NONZERO * params->base_fee;
	const u128 blob = (u128)params->blob_base_fee_scalar * params->blob_base_fee;
	u128 product;
	if (__builtin_mul_overflow(data + blob, (u128)units, &product))
		return ERR_RANGE;
	*fee = amount_of_u128(asset, product / divisor);
	return OK;
}

enum err op_fee_ecotone(struct amount *fee, enum asset asset, const struct op_fee_params *params,
	struct slice tx, bool is_signed)
{
	uint64_t gas = is_signed ? 0 : (uint64_t)OP_SIGNATURE_SIZE * GAS_NONZERO;
	if (tx.len > OP_FEE_DATA_MAX)
		return ERR_FULL;
	for (size_t i = 0; i < tx.len; i++)
		gas += tx.ptr[i] == 0 ? GAS_ZERO : GAS_NONZERO;
	return scaled_fee(fee, asset, params, gas, ECOTONE_DIVISOR);
}

enum err op_fee_fjord(struct amount *fee, enum asset asset, const struct op_fee_params *params,
	struct slice tx, bool is_signed)
{
	if (tx.len > OP_FEE_DATA_MAX)
		return ERR_FULL;
	const uint64_t fastlz = fastlz_size(tx) + (is_signed ? 0 : OP_SIGNATURE_SIZE);
	const uint64_t scaled = FJORD_COEFFICIENT * fastlz;
	const uint64_t size = scaled > (uint64_t)FJORD_INTERCEPT + FJORD_SIZE_MIN
		? scaled - FJORD_INTERCEPT
		: FJORD_SIZE_MIN;
	return scaled_fee(fee, asset, params, size, FJORD_DIVISOR);
}
