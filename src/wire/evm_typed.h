/* wire/evm_typed: EVM transactions with a type: access lists (EIP-2930) and a fee market
 * (EIP-1559), for chains that have a base fee. Legacy ones are evm.h's. Pure.
 *
 * Source: EIP-2718 (envelope), EIP-2930, EIP-1559. Strict as evm.h is: canonical RLP alone, a low S
 * alone. Amounts are in the smallest unit of the asset that the caller says the chain pays with.
 */
#ifndef WIRE_EVM_TYPED_H
#define WIRE_EVM_TYPED_H
#include "wire/evm.h"

enum evm_type {
	EVM_TYPE_ACCESS_LIST = 1, /* EIP-2930 */
	EVM_TYPE_FEE_MARKET = 2,  /* EIP-1559 */
};

#define EVM_ACCESS_LIST_MAX 8192u /* bytes; sluice itself sends none, others may */
#define EVM_TYPED_MAX (EVM_DATA_MAX + EVM_ACCESS_LIST_MAX + 320u) /* signed, encoded */

struct evm_typed_tx {
	enum evm_type type;
	uint64_t chain_id;
	uint64_t nonce;
	struct amount max_priority_fee; /* FEE_MARKET: of max_fee, for whoever makes the block */
	struct amount max_fee;          /* a unit of gas; ACCESS_LIST: the gas price */
	uint64_t gas_limit;
	bool create; /* no `to`: a contract is created */
	struct evm_address to;
	struct amount value;
	struct slice data;        /* borrows */
	struct slice access_list; /* borrows; the list's payload, RLP, empty: none */
};

/* The bytes whose Keccak-256 is signed. chain_id is 1 to EVM_CHAIN_ID_MAX (CHECK); data and access
 * list are within their bounds (CHECK). */
NONNULL_ALL void evm_typed_put_unsigned(struct buf *out, const struct evm_typed_tx *tx);
NONNULL_ALL void evm_typed_put_signed(
	struct buf *out, const struct evm_typed_tx *tx, const uint8_t sig[64], int recovery_id);
/* The whole of in is one transaction; data and access list borrow from it. ERR_SHORT; ERR_FORMAT
 * (also of another type, a priority fee over the fee, an access list that is none); ERR_RANGE. */
MUST_USE NONNULL_ALL enum err evm_typed_parse_unsigned(
	struct evm_typed_tx *out, enum asset asset, struct slice in);
/* Also recovers the sender. ERR_FORMAT on a high S; ERR_CHECKSUM no key recovers. *hash: the
 * transaction id. */
MUST_USE NONNULL_ALL enum err evm_typed_parse_signed(struct evm_typed_tx *out,
	struct evm_address *from, struct hash256 *hash, enum asset asset, struct slice in);

#endif
