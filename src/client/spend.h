/* client/spend: the taker's own transactions, and commands to its Lightning node: built, signed and
 * checked, in one pure step.
 *
 * A taker signs for nobody else and has no policy but what it verified itself, so there is no
 * signer process between: keys come in the plan, the signed bytes go out, and every signature is
 * verified against the script or account that it must satisfy before it is handed out. The same
 * plan gives the same bytes.
 * Threads: any, on its own arguments. Ownership: a plan borrows; secrets in it are its owner's.
 */
#ifndef CLIENT_SPEND_H
#define CLIENT_SPEND_H
#include "base/observe.h"
#include "wire/signing.h"

#define SPEND_RAW_MAX 1152u

struct spend {
	struct hash256 txid;
	struct amount fee; /* what it pays at most */
	uint8_t raw[SPEND_RAW_MAX];
	size_t raw_len;
};

struct spend_plan {
	/* UTXO: CLAIM, REFUND. ACCOUNT: LOCK, CLAIM, REFUND, NONCE_FILL, and APPROVE where value
	 * is a token. CHANNEL: LOCK (pay), CLAIM (settle), CANCEL */
	enum sign_purpose purpose;
	const struct network *network;
	struct slice leg;        /* encoded terms (layer_leg_make); NONCE_FILL: none */
	struct hash256 preimage; /* CLAIM */
	struct seckey key;       /* UTXO: this swap's key. ACCOUNT: the account that pays the gas */
	uint64_t rate;           /* sat/kvB, or wei per gas */
	/* UTXO */
	struct locator at;      /* the lock-up */
	struct amount amount;   /* what it holds */
	struct slice to;        /* output script */
	uint64_t tip_height;    /* CLAIM: against fee sniping */
	uint8_t aux_random[32]; /* BIP-340; zeros are good */
	/* ACCOUNT */
	uint64_t nonce;
	/* CHANNEL, LOCK: as in wire/ln_command.h */
	struct sat fee_limit;
	uint64_t max_height, deadline_ms;
};

/* ERR_RANGE the value doesn't cover fee and dust, or a rate, height or purpose that can't be;
 * ERR_FORMAT terms that don't parse, a key that is not the leg's, a preimage that is not the
 * hash's; ERR_NETWORK terms of another network. A claim on an ACCOUNT layer pays the recorded claim
 * address and a refund the recorded refund address, whoever's key signs. */
MUST_USE NONNULL_ALL enum err spend_make(struct spend *out, const struct spend_plan *plan);

/* The account of a key. ERR_RANGE: no key. */
MUST_USE NONNULL_ALL enum err spend_account(struct evm_address *out, const struct seckey *key);

/* What a purpose costs at most at a rate: wei of gas, or satoshi of a spend of a lock-up.
 * ERR_RANGE. */
MUST_USE NONNULL_ALL enum err spend_fee(
	struct amount *out, enum layer_id layer, enum sign_purpose purpose, uint64_t rate);

#endif
