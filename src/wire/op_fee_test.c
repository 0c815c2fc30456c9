#include "wire/op_fee.h"

#include "base/hex.h"
#include "wire/vectors_evm_fees.h"

static struct amount word(const char *hex)
{
	uint8_t b[32];
	struct amount a;
	CHECK(hex_decode(b, sizeof b, slice_str(hex)) == OK);
	CHECK(amount_load_word(&a, ASSET_RBTC, b) == OK);
	return a;
}

typedef enum err fee_fn(struct amount *fee, enum asset asset, const struct op_fee_params *params,
	struct slice tx, bool is_signed);

static void check_fee(fee_fn *fee, const struct op_fee_params *p, struct slice tx, bool is_signed,
	const char *want)
{
	struct amount got;
	CHECK(fee(&got, ASSET_RBTC, p, tx, is_signed) == OK);
	CHECK(amount_cmp(got, word(want)) == 0);
}

/* Sizes as Solady's FastLZ makes them, fees by the formulas with those. */
static void test_vectors(void)
{
	for (size_t i = 0; i < ARRAY_LEN(fee_vectors); i++) {
		const struct slice data = fee_vectors[i].data;
		const struct op_fee_params p = {
			.base_fee = fee_vectors[i].base,
			.blob_base_fee = fee_vectors[i].blob,
			.base_fee_scalar = (uint32_t)fee_vectors[i].base_scalar,
			.blob_base_fee_scalar = (uint32_t)fee_vectors[i].blob_scalar,
		};
		CHECK(fastlz_size(data) == fee_vectors[i].size);
		check_fee(op_fee_ecotone, &p, data, true, fee_vectors[i].ecotone);
		check_fee(op_fee_ecotone, &p, data, false, fee_vectors[i].ecotone_unsigned);
		check_fee(op_fee_fjord, &p, data, true, fee_vectors[i].fjord);
		check_fee(op_fee_fjord, &p, data, false, fee_vectors[i].fjord_unsigned);
	}
}

/* What op-geth's own tests expect (core/types/rollup_cost_test.go): its parameters; a transaction
 * of nothing but zeros and 30 other bytes costs 480 gas of calldata; the smallest size of Fjord. */
static void test_op_geth(void)
{
	static const struct op_fee_params p = {.base_fee = 1000000000,
		.blob_base_fee = 10000000,
		.base_fee_scalar = 2,
		.blob_base_fee_scalar = 3};
	static uint8_t bytes[1000];
	struct amount fee;
	CHECK(fastlz_size(slice_of(bytes, 0)) == 0 && fastlz_size(slice_of(bytes, 1000)) == 21);
	memset(bytes, 1, sizeof bytes);
	CHECK(fastlz_size(slice_of(bytes, 1000)) == 21);
	CHECK(op_fee_ecotone(&fee, ASSET_RBTC, &p, slice_of(bytes, 30), true) == OK);
	CHECK(amount_cmp(fee, amount_of(ASSET_RBTC, 960900)) == 0);
	CHECK(op_fee_fjord(&fee, ASSET_RBTC, &p, slice_of(bytes, 30), true) == OK);
	CHECK(amount_cmp(fee, amount_of(ASSET_RBTC, 3203000)) == 0);
}

static void test_bounds(void)
{
	static uint8_t bytes[OP_FEE_DATA_MAX + 1];
	const struct op_fee_params most = {UINT64_MAX, UINT64_MAX, UINT32_MAX, UINT32_MAX};
	struct amount fee = amount_of(ASSET_RBTC, 77);
	memset(bytes, 0xff, sizeof bytes);
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i * i * 2654435761u >> 13);
	CHECK(op_fee_ecotone(&fee, ASSET_RBTC, &most, slice_of(bytes, 10), true) == OK);
	fee = amount_of(ASSET_RBTC, 77);
	CHECK(op_fee_fjord(&fee, ASSET_RBTC, &most, slice_of(bytes, OP_FEE_DATA_MAX), true) ==
		ERR_RANGE);
	CHECK(op_fee_fjord(&fee, ASSET_RBTC, &most, slice_of(bytes, sizeof bytes), true) ==
		ERR_FULL);
	CHECK(op_fee_ecotone(&fee, ASSET_RBTC, &most, slice_of(bytes, sizeof bytes), true) ==
		ERR_FULL);
	CHECK(amount_cmp(fee, amount_of(ASSET_RBTC, 77)) == 0);
}

int main(void)
{
	test_vectors();
	test_op_geth();
	test_bounds();
	return 0;
}
