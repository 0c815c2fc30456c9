/* wire/erc20_htlc: hash time locks of tokens: calldata, events, storage keys of contracts with the
 * ABI of Boltz's ERC20Swap. Pure. evm_htlc.h is the same for a chain's own coin.
 *
 * A lock takes the tokens with transferFrom: the contract needs an approval first. As with the
 * coin, Claim and Refund name only the hash, and anybody can lock one unit under it and take it
 * back: which lock an event speaks of is asked of swaps() (HAZARDS 34).
 */
#ifndef WIRE_ERC20_HTLC_H
#define WIRE_ERC20_HTLC_H
#include "wire/erc20.h"

struct erc20_htlc {
	struct evm_address contract;
	struct evm_address token;
	uint64_t chain_id;
	struct hash256 hash; /* SHA-256 of the preimage */
	struct erc20_units units;
	struct evm_address claim;  /* is paid by a claim, whoever calls */
	struct evm_address refund; /* locked the tokens and gets them back */
	uint64_t timelock;         /* block number from which refund is open */
};

#define ERC20_HTLC_CALL_MAX 200u
/* lock(bytes32,uint256,address,address,uint256) */
NONNULL_ALL void erc20_htlc_lock_call(struct buf *out, const struct erc20_htlc *h);
/* The six-argument form that pays the recorded claim address. */
NONNULL_ALL void erc20_htlc_claim_call(
	struct buf *out, const struct erc20_htlc *h, const struct hash256 *preimage);
/* The five-argument form: for the recorded refund address itself, which is paid. */
NONNULL_ALL void erc20_htlc_refund_call(struct buf *out, const struct erc20_htlc *h);
/* swaps(bytes32): a bool word: locked, and neither claimed nor refunded. */
NONNULL_ALL void erc20_htlc_swaps_call(struct buf *out, const struct erc20_htlc *h);
/* keccak256(abi.encode(hash, amount, token, claim, refund, timelock)) */
NONNULL_ALL void erc20_htlc_key(struct hash256 *out, const struct erc20_htlc *h);

extern const struct hash256 erc20_htlc_topic_lockup;

enum erc20_htlc_event_kind { ERC20_HTLC_LOCKUP, ERC20_HTLC_CLAIM, ERC20_HTLC_REFUND };

struct erc20_htlc_event {
	enum erc20_htlc_event_kind kind;
	struct hash256 hash;
	struct erc20_units units;  /* LOCKUP */
	struct evm_address token;  /* LOCKUP */
	struct evm_address claim;  /* LOCKUP */
	struct evm_address refund; /* LOCKUP */
	uint64_t timelock;         /* LOCKUP */
	struct hash256 preimage;   /* CLAIM: checked here to be 32 bytes that hash to `hash` */
};

/* As evm_htlc_event_parse. */
MUST_USE NONNULL_ALL enum err erc20_htlc_event_parse(struct erc20_htlc_event *out,
	const struct hash256 *topic, size_t topic_count, struct slice data);

#endif
