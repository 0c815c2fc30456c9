/* wire/evm_htlc: our HTLC contract on EVM chains (contracts/): calldata, events, storage keys.
 * Pure. The ABI is EtherSwap's (docs/swap.md); the bytecode is generated from contracts/ by a
 * script. */
#ifndef WIRE_EVM_HTLC_H
#define WIRE_EVM_HTLC_H
#include "wire/evm.h"

struct evm_htlc {
	struct evm_address contract;
	uint64_t chain_id;
	struct hash256 hash;       /* SHA-256 of the preimage */
	struct amount amount;      /* wei */
	struct evm_address claim;  /* is paid by a claim, whoever calls */
	struct evm_address refund; /* locked the value and gets it back */
	uint64_t timelock;         /* block number from which refund is open */
};

#define EVM_HTLC_SIZE                                                                              \
	124u /* encoded: fields in order; chain id and timelock le64, amount 16 bytes */
NONNULL_ALL void evm_htlc_put(struct buf *out, const struct evm_htlc *h);
MUST_USE NONNULL_ALL enum err evm_htlc_parse(struct evm_htlc *out, struct slice in);

#define EVM_HTLC_CALL_MAX 200u
NONNULL_ALL void evm_htlc_lock_call(
	struct buf *out, const struct evm_htlc *h); /* value: h->amount */
/* The five-argument form that pays the recorded claim address. */
NONNULL_ALL void evm_htlc_claim_call(
	struct buf *out, const struct evm_htlc *h, const struct hash256 *preimage);
NONNULL_ALL void evm_htlc_refund_call(struct buf *out, const struct evm_htlc *h);
/* swaps(bytes32) view call for this lock: returns a bool word. */
NONNULL_ALL void evm_htlc_swaps_call(struct buf *out, const struct evm_htlc *h);
/* keccak256(abi.encode(hash, amount, claim, refund, timelock)) */
NONNULL_ALL void evm_htlc_key(struct hash256 *out, const struct evm_htlc *h);

extern const struct hash256 evm_htlc_topic_lockup, evm_htlc_topic_claim, evm_htlc_topic_refund;

enum evm_htlc_event_kind { EVM_HTLC_LOCKUP, EVM_HTLC_CLAIM, EVM_HTLC_REFUND };

struct evm_htlc_event {
	enum evm_htlc_event_kind kind;
	struct hash256 hash;
	struct amount amount;      /* LOCKUP */
	struct evm_address claim;  /* LOCKUP */
	struct evm_address refund; /* LOCKUP */
	uint64_t timelock;         /* LOCKUP */
	struct hash256 preimage;   /* CLAIM: checked here to be 32 bytes that hash to `hash` */
};

/* Decode a log. topic[topic_count]. ERR_NOT_FOUND: none of ours; ERR_FORMAT malformed; ERR_RANGE an
 * amount or height too large; ERR_CHECKSUM a claim whose preimage does not hash to its topic. */
MUST_USE NONNULL_ALL enum err evm_htlc_event_parse(struct evm_htlc_event *out,
	const struct hash256 *topic, size_t topic_count, struct slice data);

/* Generated: creation code, the hash of the runtime code, gas that the calls need at most. */
extern const uint8_t evm_htlc_creation_code[];
extern const size_t evm_htlc_creation_code_len;
extern const struct hash256 evm_htlc_runtime_code_hash; /* Keccak-256 of what eth_getCode answers */
#define EVM_HTLC_GAS_LOCK 90000u
#define EVM_HTLC_GAS_CLAIM 70000u
#define EVM_HTLC_GAS_REFUND 60000u

#endif
