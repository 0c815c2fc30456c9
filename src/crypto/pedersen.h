/* crypto/pedersen: commitments to an asset and to an amount of it, as Elements has them.
 *
 * Purpose: an asset's id stands for a point that nobody knows the logarithm of, its generator H; a
 * blinded asset is A = H + a * G, and a blinded amount v * A + b * G. Who is told v, a and b can
 * check both. What goes into a transaction and what comes out of it sum up to the same point.
 * Invariants: as crypto/point. Threads: pure; blinding needs secp_init. Ownership: values.
 * What it must not do: hide the amount from who measures time: v * A takes as long as v says.
 *
 * Source: Maxwell, Confidential Transactions (2015); Poelstra, Back, Friedenbach, Maxwell, Wuille,
 * Confidential Assets (2017); Fouque and Tibouchi, Indifferentiable Hashing to Barreto-Naehrig
 * Curves (2012); libsecp256k1-zkp for prefixes and what is hashed.
 */
#ifndef CRYPTO_PEDERSEN_H
#define CRYPTO_PEDERSEN_H
#include "crypto/point.h"

#define COMMITMENT_SIZE 33u /* a prefix and x */
#define COMMITMENT_ASSET 0x0au
#define COMMITMENT_VALUE 0x08u

/* H of an asset's id, in hashing order. ERR_RANGE: an id that has none (nobody knows of one). */
MUST_USE NONNULL_ALL enum err asset_generator(struct point *out, const struct hash256 *asset);
/* H + blinder * G. ERR_RANGE: as above, or the sum is at infinity. */
MUST_USE NONNULL_ALL enum err asset_blind(
	struct point *out, const struct hash256 *asset, const struct scalar *blinder);
/* value * generator + blinder * G. ERR_RANGE: at infinity. */
MUST_USE NONNULL_ALL enum err value_commit(struct point *out, uint64_t value,
	const struct point *generator, const struct scalar *blinder);

/* With the prefix of its kind, or that and one: y is a square, or not. ERR_FORMAT: another prefix,
 * or no such point. */
MUST_USE NONNULL_ALL enum err commitment_read(
	struct point *out, uint8_t kind, const uint8_t in[COMMITMENT_SIZE]);
NONNULL_ALL void commitment_write(
	uint8_t out[COMMITMENT_SIZE], uint8_t kind, const struct point *p);

#endif
