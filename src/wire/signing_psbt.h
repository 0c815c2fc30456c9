/* wire/signing_psbt: a payout's signing request as a PSBT, for signers that are not sluice's, and
 * what comes back from them as the signer's answer. Pure.
 *
 * Source: BIP-174, BIP-371. Out: version 0 or 2; each input has the output that it spends, its
 * Taproot internal key, and the path of that key from the wallet's (docs/signer.md) in a
 * proprietary field; the change has its internal key. In: version 0 or 2. Invariants: what comes
 * back is believed for its signatures alone. It is for the very transaction that was asked for, and
 * contradicts no output that is spent; everything else in it is ignored. The signatures are
 * verified by whoever puts them in (signing_assemble). Threads: any. What it must not do: sign.
 */
#ifndef WIRE_SIGNING_PSBT_H
#define WIRE_SIGNING_PSBT_H
#include "btc/psbt.h"
#include "wire/signing.h"

#define SIGNING_PSBT_MAX (128u * 1024u)
/* Key of the proprietary field: this identifier, then subtype 0; its value is a key path
 * (crypto/derive.h). */
#define SIGNING_PSBT_IDENTIFIER "sluice"

/* Appends the PSBT of a request whose inputs are the wallet's coins. ERR_FORMAT: it is no such
 * request, or its transaction is none; ERR_FULL. */
MUST_USE NONNULL_ALL enum err signing_psbt_put(struct buf *out,
	const struct signing_request *request, const struct pubkey *wallet,
	enum psbt_version version);

/* The answer that a signed PSBT stands for. On failure the answer's detail says which field of it:
 * ERR_SHORT, ERR_FORMAT, ERR_RANGE, ERR_FULL: no PSBT, or more than fits; ERR_REJECTED: of another
 * transaction, another output that it would spend, or a signature of another kind than asked for;
 * ERR_STATE: an input is not signed. */
MUST_USE NONNULL_ALL enum err signing_psbt_answer(
	struct signing_answer *out, const struct signing_request *request, struct slice psbt);

#endif
