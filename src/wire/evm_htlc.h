/* wire/evm_htlc: our HTLC contracts on EVM chains (contracts/): calldata, events, storage keys.
 * Pure.
 *
 * There are two: one holds the chain's own coin, its ABI is EtherSwap's; the other holds tokens,
 * its ABI is ERC20Swap's (docs/swap.md). Which one a lock is in is said by its token. A token's
 * lock takes it with transferFrom: the contract needs an approval first. The bytecode is generated
 * from contracts/ by a script. */
#ifndef WIRE_EVM_HTLC_H
#define WIRE_EVM_HTLC_H
#include "wire/evm.h"

struct evm_htlc {
	struct evm_address contract;
	uint64_t chain_id;
	struct hash256 hash; /* SHA-256 of the preimage */
	struct amount amount;
	struct evm_address token;  /* zero: the chain's own coin */
	struct evm_address claim;  /* is paid by a claim, whoever calls */
	struct evm_address refund; /* locked the value and gets it back */
	uint64_t timelock;         /* block number from which refund is open */
};

static inline bool evm_htlc_has_token(const struct evm_htlc *h)
{
	static const struct evm_address coin;
	return !evm_address_eq(&h->token, &coin);
}

/* Encoded: fields in order, the token last and only where there is one; chain id and timelock le64,
 * amount 16 bytes. */
#define EVM_HTLC_COIN_SIZE 124u
#define EVM_HTLC_SIZE (EVM_HTLC_COIN_SIZE + 20u)
NONNULL_ALL void evm_htlc_put(struct buf *out, const struct evm_htlc *h);
/* Terms of a layer: with a token where its value is one. ERR_SHORT; ERR_FORMAT trailing bytes, or a
 * lock that the contract refuses or that no chain can hold (zero amount, addresses, chain id or
 * time lock); ERR_RANGE more than there is. */
MUST_USE NONNULL_ALL enum err evm_htlc_parse(
	struct evm_htlc *out, enum layer_id layer, struct slice in);

#define EVM_HTLC_CALL_MAX 200u
/* The transaction carries evm_htlc_lock_value. */
NONNULL_ALL void evm_htlc_lock_call(struct buf *out, const struct evm_htlc *h);
/* What a lock carries: the amount; nothing of the chain's coin where it is a token's. */
NONNULL_ALL struct amount evm_htlc_lock_value(const struct evm_htlc *h, enum asset coin);
/* The form with all terms that pays the recorded claim address. */
NONNULL_ALL void evm_htlc_claim_call(
	struct buf *out, const struct evm_htlc *h, const struct hash256 *preimage);
/* The form without a refund address: for the recorded one itself, which is paid. */
NONNULL_ALL void evm_htlc_refund_call(struct buf *out, const struct evm_htlc *h);
/* The form with all terms, for anybody: it pays the recorded refund address. Not in every
 * EtherSwap. */
NONNULL_ALL void evm_htlc_refund_for_call(struct buf *out, const struct evm_htlc *h);
/* swaps(bytes32) view call for this lock: returns a bool word: locked, and neither claimed nor
 * refunded. */
NONNULL_ALL void evm_htlc_swaps_call(struct buf *out, const struct evm_htlc *h);
/* states(bytes32), ours only: returns a word, enum evm_htlc_state. */
NONNULL_ALL void evm_htlc_states_call(struct buf *out, const struct evm_htlc *h);
enum evm_htlc_state {
	EVM_HTLC_STATE_NONE,
	EVM_HTLC_STATE_OPEN,
	EVM_HTLC_STATE_CLAIMED, /* for good: a key is used once */
	EVM_HTLC_STATE_REFUNDED,
};
/* keccak256(abi.encode(hash, amount, [token,] claim, refund, timelock)) */
NONNULL_ALL void evm_htlc_key(struct hash256 *out, const struct evm_htlc *h);

/* CLAIM and REFUND (EtherSwap's) name only the hash, and anybody can lock one wei under our hash
 * and take it back: they say nothing about our own lock (HAZARDS 34). SETTLED, which our contract
 * emits after each of them in the same transaction, names the key: compare it with evm_htlc_key. */
extern const struct hash256 evm_htlc_topic_lockup, evm_htlc_topic_claim, evm_htlc_topic_refund,
	evm_htlc_topic_settled, erc20_htlc_topic_lockup;

enum evm_htlc_event_kind { EVM_HTLC_LOCKUP, EVM_HTLC_CLAIM, EVM_HTLC_REFUND, EVM_HTLC_SETTLED };

struct evm_htlc_event {
	enum evm_htlc_event_kind kind;
	struct hash256 hash;
	struct amount amount;      /* LOCKUP */
	struct evm_address token;  /* LOCKUP; zero: the contract of the chain's own coin */
	struct evm_address claim;  /* LOCKUP */
	struct evm_address refund; /* LOCKUP */
	uint64_t timelock;         /* LOCKUP */
	struct hash256 preimage;   /* CLAIM: checked here to be 32 bytes that hash to `hash` */
	struct hash256 key;        /* SETTLED: which lock */
	bool claimed;              /* SETTLED: claimed, otherwise refunded */
};

/* Decode a log. topic[topic_count]; asset: of a lock's amount. ERR_NOT_FOUND: none of ours;
 * ERR_FORMAT malformed; ERR_RANGE an amount or height too large; ERR_CHECKSUM a claim whose
 * preimage does not hash to its topic. */
MUST_USE NONNULL_ALL enum err evm_htlc_event_parse(struct evm_htlc_event *out, enum asset asset,
	const struct hash256 *topic, size_t topic_count, struct slice data);

/* The lock that a LOCKUP event of the contract at `contract` speaks of, to compare with terms. */
NONNULL_ALL void evm_htlc_from_lockup(struct evm_htlc *out, const struct evm_htlc_event *event,
	const struct evm_address *contract, uint64_t chain_id);

/* Generated: creation code, and the hash of the runtime code (Keccak-256 of what eth_getCode
 * answers), of the contract for the coin and of the one for tokens. */
extern const uint8_t evm_htlc_creation_code[], erc20_htlc_creation_code[];
extern const size_t evm_htlc_creation_code_len, erc20_htlc_creation_code_len;
extern const struct hash256 evm_htlc_runtime_code_hash, erc20_htlc_runtime_code_hash;
/* Of the one that a layer's value needs: tokens where its asset is not what gas is paid in. */
NONNULL_ALL struct slice evm_htlc_creation(enum layer_id layer);
const struct hash256 *evm_htlc_code_hash(enum layer_id layer);

/* Gas that the calls need at most. */
#define EVM_HTLC_GAS_LOCK 90000u
#define EVM_HTLC_GAS_CLAIM 100000u /* 67,034 at Berlin where the claimant is a new account */
#define EVM_HTLC_GAS_REFUND 60000u
/* The same where a token moves, whose own code is another's: bridged ones are behind a proxy. */
#define ERC20_HTLC_GAS_LOCK 220000u
#define ERC20_HTLC_GAS_CLAIM 180000u
#define ERC20_HTLC_GAS_REFUND 160000u
#define ERC20_GAS_TRANSFER 120000u
#define ERC20_GAS_APPROVE 90000u

#endif
