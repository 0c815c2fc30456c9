/* wire/evm_internal: numbers of transactions, shared by the legacy and the typed encodings. */
#ifndef WIRE_EVM_INTERNAL_H
#define WIRE_EVM_INTERNAL_H
#include "wire/evm.h"
#include "wire/rlp.h"

/* Big-endian, without the zeros before it. */
struct slice evm_without_zeros(const uint8_t *b, size_t len);
/* ERR_FORMAT a list or leading zeros; ERR_RANGE over 128 bits. */
MUST_USE NONNULL_ALL enum err evm_get_amount(
	struct amount *out, enum asset asset, const struct rlp_item *item);
/* r or s: 1 to 32 bytes without leading zeros. ERR_FORMAT. */
MUST_USE NONNULL_ALL enum err evm_get_scalar(uint8_t out[32], const struct rlp_item *item);
/* ERR_FORMAT: 0; ERR_RANGE: over EVM_CHAIN_ID_MAX. */
MUST_USE enum err evm_check_chain_id(uint64_t chain_id);

/* Of transactions with a type (evm_typed.c), as the functions of evm.h. */
NONNULL_ALL void evm_typed_put_unsigned(struct buf *out, const struct evm_tx *tx);
NONNULL_ALL void evm_typed_put_signed(
	struct buf *out, const struct evm_tx *tx, const uint8_t sig[64], int recovery_id);
MUST_USE NONNULL_ALL enum err evm_typed_parse_unsigned(
	struct evm_tx *out, enum asset asset, struct slice in);
MUST_USE NONNULL_ALL enum err evm_typed_parse_signed(struct evm_tx *out, struct evm_address *from,
	struct hash256 *hash, enum asset asset, struct slice in);
/* A legacy transaction is a list, and begins with another byte. */
static inline bool evm_is_typed(struct slice in)
{
	return in.len > 0 && in.ptr[0] < 0xc0;
}

#endif
