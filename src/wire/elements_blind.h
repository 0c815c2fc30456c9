/* wire/elements_blind: confidential outputs of Elements: made, opened, and held against each other.
 *
 * Purpose: blinding an output puts commitments in the place of its asset and amount, a point in the
 * place of its receiver's key, and proofs beside it. The receiver opens it with his blinding key;
 * everybody can check that a transaction makes no money.
 * Invariants: what is opened is what the commitments hold; a blinded transaction balances. Blinding
 * is deterministic: whoever has the seed makes the same bytes, and who has not learns nothing.
 * Threads: pure; need secp_init. Ownership: borrows during the call; proofs lie in the caller's
 * buffer.
 * What it must not do: decide what is blinded: outputs whose nonce is a receiver's key are.
 *
 * Source: Elements 23.3 (blind.cpp, confidential_validation.cpp).
 */
#ifndef WIRE_ELEMENTS_BLIND_H
#define WIRE_ELEMENTS_BLIND_H
#include "base/blinders.h"
#include "crypto/range.h"
#include "crypto/surjection.h"
#include "wire/elements_tx.h"

/* What an output holds, and with what that is hidden; both zero: explicit. */
struct elements_opening {
	struct hash256 asset;
	struct sat value;
	struct scalar asset_blinder, value_blinder;
};

/* Explicit where there are no blinders. */
NONNULL_ALL struct elements_opening elements_opening_of(
	const struct hash256 *asset, struct sat value, const struct blinders *hidden);
NONNULL_ALL struct blinders elements_blinders_of(const struct elements_opening *o);
/* Asset and value of an output that holds this, as it lies on the chain. Errors of
 * elements_commit; ERR_FORMAT: blinders that are none. */
MUST_USE NONNULL_ALL enum err elements_spent(
	struct elements_txout *out, const struct elements_opening *opening);

/* Of one blinded output. */
#define ELEMENTS_PROOFS_MAX (RANGE_PROOF_SIZE + SURJECTION_PROOF_SIZE)

/* Every output of *tx that is explicit and has a key as nonce; in: what the inputs hold. ERR_STATE:
 * nothing is to be blinded, or only one output is and no input was: what blinds would not cancel
 * out; ERR_NOT_FOUND: of an asset that goes not in; ERR_RANGE: too many inputs, or a value of zero
 * that could be spent; ERR_FORMAT: a nonce that is no key; ERR_FULL: of the proofs' buffer. On
 * failure *tx may have been changed. */
MUST_USE NONNULL_ALL enum err elements_blind(struct elements_tx *tx, struct buf *proofs,
	const struct elements_opening *in, const struct hash256 *seed);

/* What an output holds, by the key that it was blinded for; of an explicit one what it says.
 * ERR_NOT_FOUND: for another's key; others: it can't be right. */
MUST_USE NONNULL_ALL enum err elements_open(struct elements_opening *out,
	const struct elements_txout *output, const struct seckey *key);
/* The commitments of an output that holds this, without nonce and proofs. */
MUST_USE NONNULL_ALL enum err elements_commit(
	struct elements_txout *out, const struct elements_opening *opening);

/* As nodes do: what comes out of each asset went in, with the fee; nothing else is created, and
 * each commitment is proved. spent[i] is the output that input i spends. No issuances and no
 * peg-ins (ERR_STATE). ERR_CHECKSUM: it does not balance, or a proof is missing or of something
 * else. */
MUST_USE NONNULL_ALL enum err elements_check_balance(
	const struct elements_tx *tx, const struct elements_txout *spent);

#endif
