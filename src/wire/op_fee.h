/* wire/op_fee: what a rollup of the OP stack adds to a transaction's fee for its data on the first
 * layer, before it is sent. Pure.
 *
 * Source: OP stack specifications, "L1 cost fees" of Ecotone and of Fjord; FastLZ's first level for
 * the size that the compressor is estimated to reach. The parameters change with every block of the
 * first layer: they are read from the chain (the predeploy GasPriceOracle), the result is an
 * estimate until the receipt says what was paid.
 * What it must not do: know the operator fee of later upgrades, which is no function of the data.
 */
#ifndef WIRE_OP_FEE_H
#define WIRE_OP_FEE_H
#include "base/amount.h"
#include "base/base.h"

#define OP_FEE_DATA_MAX (256u * 1024u)
#define OP_SIGNATURE_SIZE 68u /* what a signature adds to an unsigned transaction, none of it 0 */

struct op_fee_params {
	uint64_t base_fee;      /* of the first layer, wei a unit of gas */
	uint64_t blob_base_fee; /* wei a unit of blob gas */
	uint32_t base_fee_scalar;
	uint32_t blob_base_fee_scalar;
};

/* Bytes that FastLZ makes of data. At most OP_FEE_DATA_MAX of them (CHECK). */
MUST_USE uint32_t fastlz_size(struct slice data);

/* The fee of an encoded transaction, in the smallest unit of `asset`, the rollup's coin. Unsigned
 * ones count OP_SIGNATURE_SIZE bytes more. ERR_RANGE: over 128 bits; ERR_FULL: larger than
 * OP_FEE_DATA_MAX. */
MUST_USE NONNULL_ALL enum err op_fee_ecotone(struct amount *fee, enum asset asset,
	const struct op_fee_params *params, struct slice tx, bool is_signed);
MUST_USE NONNULL_ALL enum err op_fee_fjord(struct amount *fee, enum asset asset,
	const struct op_fee_params *params, struct slice tx, bool is_signed);

#endif
