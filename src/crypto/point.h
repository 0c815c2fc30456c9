/* crypto/point: sums and multiples of points of secp256k1, and numbers modulo its order.
 *
 * Purpose: what commitments and ring signatures are made of (crypto/pedersen, crypto/ring).
 * Invariants: a struct point is on the curve and not at infinity; where a sum could be there, the
 * function says so. A struct scalar is below the order; it may be zero.
 * Threads: pure; point_of_scalar and point_shared need secp_init. Ownership: values.
 * What it must not do: multiply a point by a secret (point_mul_vartime takes as long as its factor
 * says); for that are point_of_scalar and point_shared.
 *
 * Source: SEC 1 and 2.
 */
#ifndef CRYPTO_POINT_H
#define CRYPTO_POINT_H
#include "crypto/secp.h"

struct point {
	uint8_t b[64]; /* the library's own form: compared by point_eq */
};
struct scalar {
	uint8_t b[32]; /* big-endian */
};

/* false: not below the order. */
MUST_USE NONNULL_ALL bool scalar_read(struct scalar *out, const uint8_t in[32]);
struct scalar scalar_of(uint64_t n);
NONNULL_ALL bool scalar_is_zero(const struct scalar *a);
NONNULL_ALL void scalar_add(struct scalar *out, const struct scalar *a, const struct scalar *b);
NONNULL_ALL void scalar_sub(struct scalar *out, const struct scalar *a, const struct scalar *b);
NONNULL_ALL void scalar_mul(struct scalar *out, const struct scalar *a, const struct scalar *b);
NONNULL_ALL void scalar_inverse(
	struct scalar *out, const struct scalar *a); /* not of zero (CHECK) */

/* Compressed. false: not on the curve. */
MUST_USE NONNULL_ALL bool point_read(struct point *out, const uint8_t in[33]);
NONNULL_ALL void point_write(uint8_t out[33], const struct point *p);
NONNULL_ALL void point_coordinates(uint8_t x[32], uint8_t y[32], const struct point *p);
NONNULL_ALL bool point_eq(const struct point *a, const struct point *b);
NONNULL_ALL void point_negate(struct point *p);
/* false: the sum is at infinity, and *out as it was. */
MUST_USE NONNULL_ALL bool point_add(
	struct point *out, const struct point *a, const struct point *b);
/* false: a factor of zero. */
MUST_USE NONNULL_ALL bool point_mul_vartime(
	struct point *out, const struct point *p, const struct scalar *factor);
/* e * p + s * G; false: e is zero, or the sum is at infinity. */
MUST_USE NONNULL_ALL bool point_combine_vartime(
	struct point *out, const struct point *p, const struct scalar *e, const struct scalar *s);
/* k * G, in constant time. false: k is zero. */
MUST_USE NONNULL_ALL bool point_of_scalar(struct point *out, const struct scalar *k);
/* SHA-256 of the compressed point key * p, in constant time: what two sides have in common. false:
 * the key is none, or p is not on the curve. */
MUST_USE NONNULL_ALL bool point_shared(
	struct hash256 *out, const struct seckey *key, const struct pubkey *p);

/* A sum that may be at infinity while it is made. */
struct point_sum {
	struct point point;
	bool some; /* not at infinity */
};
NONNULL_ALL void point_sum_add(struct point_sum *sum, const struct point *p);

#endif
