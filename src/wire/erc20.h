/* wire/erc20: tokens on EVM chains: calls, their answers, events. Pure. Source: EIP-20.
 *
 * Token amounts are in the token's own smallest unit, of an asset that is not the chain's coin.
 * What a token's contract answers is hostile: some answer nothing where the standard says true,
 * some answer false instead of failing, some take a fee on the way. Only the Transfer event of the
 * known contract says what moved.
 */
#ifndef WIRE_ERC20_H
#define WIRE_ERC20_H
#include "wire/abi.h"

#define ERC20_CALL_MAX 100u

NONNULL_ALL void erc20_transfer_call(
	struct buf *out, const struct evm_address *to, struct amount amount);
NONNULL_ALL void erc20_approve_call(
	struct buf *out, const struct evm_address *spender, struct amount amount);
NONNULL_ALL void erc20_balance_call(struct buf *out, const struct evm_address *owner);
NONNULL_ALL void erc20_decimals_call(struct buf *out);
NONNULL_ALL void erc20_allowance_call(
	struct buf *out, const struct evm_address *owner, const struct evm_address *spender);

/* An approval of more than there can be, once for all. */
static inline struct amount erc20_unlimited(enum asset asset)
{
	return amount_of_u128(asset, ~(u128)0);
}

enum erc20_call_kind { ERC20_TRANSFER, ERC20_APPROVE };
struct erc20_call {
	enum erc20_call_kind kind;
	struct evm_address to; /* or the spender */
	struct amount amount;
};
/* What calldata that moves money does, for whoever signs it. ERR_NOT_FOUND: another call;
 * ERR_FORMAT: malformed, also longer than it should be; ERR_RANGE: over 128 bits, as an approval
 * without a limit is. */
MUST_USE NONNULL_ALL enum err erc20_call_parse(
	struct erc20_call *out, enum asset asset, struct slice data);

/* An answer of balanceOf or allowance. ERR_FORMAT, ERR_RANGE. */
MUST_USE NONNULL_ALL enum err erc20_amount_parse(
	struct amount *out, enum asset asset, struct slice answer);
/* An answer of decimals, which may be missing: ERR_NOT_FOUND where it is empty. ERR_FORMAT. */
MUST_USE NONNULL_ALL enum err erc20_decimals_parse(unsigned *out, struct slice answer);
/* Whether a call of transfer or approve that did not fail says that it was done: true, or nothing
 * at all. */
NONNULL_ALL bool erc20_done(struct slice answer);

extern const struct hash256 erc20_topic_transfer, erc20_topic_approval;

struct erc20_event {
	enum erc20_call_kind kind;
	struct evm_address from; /* or the owner */
	struct evm_address to;   /* or the spender */
	struct amount amount;
};
/* Decode a log of a token's contract. ERR_NOT_FOUND: neither of the two (ERC-721's Transfer, with
 * four topics, is not); ERR_FORMAT malformed; ERR_RANGE over 128 bits. */
MUST_USE NONNULL_ALL enum err erc20_event_parse(struct erc20_event *out, enum asset asset,
	const struct hash256 *topic, size_t topic_count, struct slice data);

#endif
