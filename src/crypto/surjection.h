/* crypto/surjection: proofs that an output's blinded asset is one of the inputs' assets.
 *
 * Purpose: a ring whose keys are the differences between the output's generator and inputs' ones:
 * who knows the logarithm of one knows that the assets are the same.
 * Invariants: as crypto/point. Threads: pure; proving needs secp_init. Ownership: borrows during
 * the call. What it must not do: hide from who measures time which input it is.
 *
 * Source: Poelstra, Back, Friedenbach, Maxwell, Wuille, Confidential Assets (2017);
 * libsecp256k1-zkp's format.
 */
#ifndef CRYPTO_SURJECTION_H
#define CRYPTO_SURJECTION_H
#include "crypto/point.h"

#define SURJECTION_INPUTS_MAX 256u
#define SURJECTION_USED 3u /* of the inputs, by what is made here, if there are so many */
#define SURJECTION_PROOF_SIZE (2u + SURJECTION_INPUTS_MAX / 8u + 32u * (1u + SURJECTION_USED))

/* input, output: generators. ERR_FORMAT: no proof; ERR_CHECKSUM: not of these. */
MUST_USE NONNULL_ALL enum err surjection_verify(struct slice proof, const struct point *input,
	uint32_t input_count, const struct point *output);
/* The output is input[index], with `difference` more of a blinder. ERR_RANGE: too many inputs, or
 * one of them is the output as it is. */
MUST_USE NONNULL_ALL enum err surjection_prove(uint8_t proof[SURJECTION_PROOF_SIZE],
	size_t *proof_len, const struct point *input, uint32_t input_count,
	const struct point *output, uint32_t index, const struct scalar *difference);

#endif
