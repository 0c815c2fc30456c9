/* crypto/range: proofs that a committed amount is not negative, and their owner's way to read it.
 *
 * Purpose: a proof has the amount's digits to the base of four, each committed and in a ring of the
 * values that it can have. Who shares the nonce with its maker reads amount, blinder and a message
 * out of it, since all that looks random in it comes from the nonce.
 * Invariants: what is read fulfils the commitment. Threads: pure; all but range_verify need
 * secp_init. Ownership: borrows during the call.
 * What it must not do: hide the amount from who measures the time of range_prove.
 *
 * Source: Maxwell, Confidential Transactions (2015); libsecp256k1-zkp's format.
 */
#ifndef CRYPTO_RANGE_H
#define CRYPTO_RANGE_H
#include "crypto/pedersen.h"

#define RANGE_PROOF_MAX 5134u  /* of 64 bits */
#define RANGE_MESSAGE_SIZE 64u /* that is carried: an asset's id and blinder */
#define RANGE_BITS 52u         /* of what is made here: 21 million coins */
#define RANGE_PROOF_SIZE 4174u /* at most, of what is made here */

struct range_statement {
	struct point value;     /* the commitment */
	struct point generator; /* of the asset, blinded */
	struct slice extra;     /* what the proof is good for besides: the output's script */
};
struct range_opening {
	uint64_t value;
	struct scalar blinder;
	uint8_t message[RANGE_MESSAGE_SIZE];
};

/* ERR_FORMAT: no proof; ERR_CHECKSUM: not of this. *least: what it proves to be there at least. */
MUST_USE NONNULL_ALL enum err range_verify(
	uint64_t *least, const struct range_statement *st, struct slice proof);
/* ERR_NOT_FOUND: it is a proof, but of another's nonce. */
MUST_USE NONNULL_ALL enum err range_open(struct range_opening *out,
	const struct range_statement *st, struct slice proof, const struct hash256 *nonce);
/* ERR_RANGE: the value is less than the least, or has more than RANGE_BITS. */
MUST_USE NONNULL_ALL enum err range_prove(uint8_t proof[RANGE_PROOF_SIZE], size_t *proof_len,
	const struct range_statement *st, const struct range_opening *opening, uint64_t least,
	const struct hash256 *nonce);

#endif
