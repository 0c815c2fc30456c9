/* wire/abi: words of the contract ABI: 32 bytes, big-endian. Pure.
 * Source: the Solidity documentation, contract ABI specification: static types only. */
#ifndef WIRE_ABI_H
#define WIRE_ABI_H
#include "wire/evm.h"

#define ABI_WORD 32u
#define ABI_SELECTOR 4u /* what a call begins with: of Keccak-256 of the signature */

NONNULL_ALL void abi_put_u128(struct buf *out, u128 v);
NONNULL_ALL void abi_put_u64(struct buf *out, uint64_t v);
NONNULL_ALL void abi_put_amount(struct buf *out, struct amount a);
NONNULL_ALL void abi_put_address(struct buf *out, const struct evm_address *a);
NONNULL_ALL void abi_put_hash(struct buf *out, const struct hash256 *h);

/* ERR_RANGE: over 128, or 64 bits. */
MUST_USE NONNULL_ALL enum err abi_get_u128(u128 *out, const uint8_t word[ABI_WORD]);
MUST_USE NONNULL_ALL enum err abi_get_u64(uint64_t *out, const uint8_t word[ABI_WORD]);
/* ERR_FORMAT: bytes before the address that are not zero. */
MUST_USE NONNULL_ALL enum err abi_get_address(
	struct evm_address *out, const uint8_t word[ABI_WORD]);
/* ERR_FORMAT: neither 0 nor 1. */
MUST_USE NONNULL_ALL enum err abi_get_bool(bool *out, const uint8_t word[ABI_WORD]);

#endif
