/* wire/evm: transactions, addresses (EIP-55, EIP-1191). Pure.
 *
 * Transactions are legacy ones (EIP-155) or have a type (EIP-2718): an access list (EIP-2930), a
 * fee market (EIP-1559) for chains that have a base fee. Strict: canonical RLP alone, a low S
 * alone. 256-bit words are big-endian. Amounts are in the smallest unit of the asset that the
 * caller says the chain pays with, in 128 bits; a value above is refused. */
#ifndef WIRE_EVM_H
#define WIRE_EVM_H
#include "base/amount.h"
#include "base/buf.h"
#include "base/network.h"
#include "crypto/secp.h"

struct evm_address {
	uint8_t b[20];
};

#define EVM_ADDRESS_TEXT_SIZE 43u

static inline bool evm_address_eq(const struct evm_address *a, const struct evm_address *b)
{
	return memcmp(a->b, b->b, sizeof a->b) == 0;
}

/* The last 20 bytes of Keccak-256 of the uncompressed key. */
MUST_USE NONNULL_ALL enum err evm_address_from_pubkey(
	struct evm_address *out, const struct pubkey *key);
/* "0x" and 40 digits. All one case: accepted without a check sum. Mixed case must match EIP-1191
 * for this chain id: ERR_NETWORK when it matches plain EIP-55 or another Rootstock network's,
 * ERR_CHECKSUM otherwise. ERR_FORMAT no address; ERR_RANGE the zero address. */
MUST_USE NONNULL_ALL enum err evm_address_parse(
	struct evm_address *out, uint64_t chain_id, struct slice text);
/* With the check sum of EIP-1191 for chains 30, 31 and 33, of EIP-55 otherwise. */
NONNULL_ALL void evm_address_format(
	char text[EVM_ADDRESS_TEXT_SIZE], const struct evm_address *a, uint64_t chain_id);

enum evm_type {
	EVM_TYPE_LEGACY,
	EVM_TYPE_ACCESS_LIST, /* EIP-2930 */
	EVM_TYPE_FEE_MARKET,  /* EIP-1559 */
};

#define EVM_DATA_MAX (128u * 1024u)
#define EVM_ACCESS_LIST_MAX 8192u /* bytes; sluice itself sends none, others may */
#define EVM_TX_MAX (EVM_DATA_MAX + EVM_ACCESS_LIST_MAX + 320u) /* signed, encoded */
/* EIP-2294: so that v = 36 + 2 * chain_id fits 64 bits. Chain id 0 is no chain (EIP-155). */
#define EVM_CHAIN_ID_MAX (UINT64_MAX / 2 - 36)

struct evm_tx {
	enum evm_type type;
	uint64_t chain_id;
	uint64_t nonce;
	struct amount gas_price;    /* a unit of gas; FEE_MARKET: at most */
	struct amount priority_fee; /* FEE_MARKET: of it, at most, for whoever makes the block */
	uint64_t gas_limit;
	bool create; /* no `to`: a contract is created */
	struct evm_address to;
	struct amount value;
	struct slice data;        /* borrows */
	struct slice access_list; /* borrows; the list's payload, RLP; empty: none */
};

/* The bytes whose Keccak-256 is signed. chain_id is 1 to EVM_CHAIN_ID_MAX (CHECK); data and access
 * list are within their bounds (CHECK). */
NONNULL_ALL void evm_tx_put_unsigned(struct buf *out, const struct evm_tx *tx);
NONNULL_ALL void evm_tx_put_signed(
	struct buf *out, const struct evm_tx *tx, const uint8_t sig[64], int recovery_id);
/* The whole of in is one transaction; data and access list borrow from it. ERR_SHORT; ERR_FORMAT
 * (also non-canonical RLP, another type, a priority fee over the fee, an access list that is none);
 * ERR_RANGE. */
MUST_USE NONNULL_ALL enum err evm_tx_parse_unsigned(
	struct evm_tx *out, enum asset asset, struct slice in);
/* Also recovers the sender. ERR_FORMAT on a high S; ERR_CHECKSUM no key recovers. *hash: the
 * transaction id. */
MUST_USE NONNULL_ALL enum err evm_tx_parse_signed(struct evm_tx *out, struct evm_address *from,
	struct hash256 *hash, enum asset asset, struct slice in);
/* Address of a contract created by sender at nonce. */
NONNULL_ALL void evm_create_address(
	struct evm_address *out, const struct evm_address *sender, uint64_t nonce);

#endif
