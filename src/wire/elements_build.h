/* wire/elements_build: the transactions that sluice makes on Elements: payments of any asset;
 * claims, refunds and cooperative spends of lock-ups.
 *
 * Purpose: the counterpart of btc/build. What is made here is unsigned and unblinded: an output
 * that shall be blinded has its receiver's key as nonce, as elementsd writes it. Who blinds is
 * asked to change nothing else (elements_blinded_check), and signing comes after that.
 * Invariants: what goes in of each asset comes out, the fee included; a fee output comes last; no
 * transaction is made that can't be blinded so that it balances. Deterministic.
 * Threads: pure. Ownership: borrows during the call.
 * What it must not do: blind, sign, or believe what a coin is said to hold: its owner unblinded it.
 *
 * Source: Elements 23.3 (blind.cpp, confidential_validation.cpp, policy/policy.cpp).
 */
#ifndef WIRE_ELEMENTS_BUILD_H
#define WIRE_ELEMENTS_BUILD_H
#include "btc/build.h"
#include "wire/elements_tx.h"

#define ELEMENTS_INPUT_MAX 64u
/* Of transactions that are explicit throughout, their fee's output among what is fixed. */
extern const struct btc_sizes elements_sizes;

/* Outputs beside the fee's: payees, change, and what is blinded to balance one of them. */
#define ELEMENTS_PAY_MAX (BTC_PAYEE_MAX + 2u)

/* An output that is ours to spend, and what it holds. */
struct elements_coin {
	struct btc_outpoint at;
	struct elements_txout spent; /* as it stands in its transaction, without proofs */
	struct hash256 asset;
	struct sat value;
};

struct elements_pay {
	struct slice script; /* not empty: that would be a fee */
	struct hash256 asset;
	struct sat value;              /* zero: of a blinded output that nobody can spend */
	const struct pubkey *blinding; /* the receiver's; NULL: explicit */
};

struct elements_plan {
	const struct elements_coin *coin; /* exactly the inputs, in order */
	uint32_t coin_count;
	const struct elements_pay *pay; /* the outputs, in order */
	uint32_t pay_count;
	struct hash256 fee_asset; /* the chain's policy asset */
	struct sat fee;
	uint32_t locktime; /* a height */
};

/* Unsigned and unblinded, into *raw. ERR_RANGE: no inputs or outputs or too many, a value of zero
 * or over 21 million coins, an explicit output of the fee's asset below dust, an index or lock time
 * that can't be, no fee, or an asset that does not balance; ERR_FORMAT: an explicit coin that says
 * otherwise than its owner, an empty script, a blinding key that is none; ERR_EXISTS: a coin twice;
 * ERR_STATE: can't be blinded: blinded inputs need a blinded output, and the only blinded output
 * needs a blinded input, because what blinds them must cancel out; ERR_FULL: raw has no room. */
MUST_USE NONNULL_ALL enum err elements_build(struct buf *raw, const struct elements_plan *plan);

/* What a blinder may have done to a transaction: outputs with a nonce have commitments and proofs
 * now, all else is as it was. ERR_STATE: some output that should be is not blinded (elementsd
 * answers so where it could not); ERR_FORMAT: anything else differs. That the commitments hold what
 * was asked is not proved by their form: the blinder is our own node, or we unblind them. */
MUST_USE NONNULL_ALL enum err elements_blinded_check(
	const struct elements_tx *asked, const struct elements_tx *blinded);

/* An output of nothing that nobody can spend: blinded, it takes what the only other blinded output
 * needs to balance. */
extern const struct slice elements_beside_script;
/* What an output weighs once it is blinded. */
NONNULL_ALL uint64_t elements_blinded_weight(size_t script_len);

/* Outputs below are not relayed; of explicit outputs of the policy asset. */
struct sat elements_dust_limit(struct slice script);

struct elements_size {
	uint64_t vsize;
	uint64_t discount_vsize; /* where nodes give confidential outputs for the price of others */
};

/* Spend a lock-up. */
struct elements_spend {
	const struct btc_htlc *terms;
	enum btc_htlc_leaf leaf;
	const struct elements_coin *lock;
	struct slice to_script;
	const struct pubkey *to_blinding; /* NULL: explicit */
	/* A second output, taken from what was locked: an explicit spend of a confidential lock-up
	 * needs a blinded one beside, and so does the only blinded output of an explicit lock-up.
	 * Value zero: none. Its asset is the lock-up's. */
	struct elements_pay beside;
	/* Of the policy asset, by the key path, where another asset was locked; what is left over
	 * the fee goes to change. NULL: the fee is taken from what was locked. */
	const struct elements_coin *fee_coin;
	struct slice change_script;
	const struct pubkey *change_blinding;
	struct hash256 fee_asset;
	uint64_t rate_sat_kvb;
	bool discount; /* nodes count discount_vsize */
	uint32_t tip_height;
};

/* For a refund the lock time is the terms' height, otherwise the tip's. *size: once blinded and
 * signed; *value: what to_script gets. Errors of elements_build and of btc_htlc_tree; ERR_FORMAT
 * also where the coin's script is not that of the terms, ERR_RANGE also where less than dust would
 * be left, of the lock-up or of the coin for the fee. */
MUST_USE NONNULL_ALL enum err elements_build_spend(struct buf *raw, struct elements_size *size,
	struct sat *value, const struct elements_spend *s);

#endif
