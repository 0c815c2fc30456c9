/* crypto/field: numbers modulo secp256k1's prime 2^256 - 2^32 - 977, for what libsecp256k1 does not
 * offer: roots, and the map from numbers to points.
 *
 * Invariants: below the prime. Threads: pure.
 * What it must not do: touch a secret: it takes as long as its numbers say.
 */
#ifndef CRYPTO_FIELD_H
#define CRYPTO_FIELD_H
#include "base/base.h"

struct field {
	uint64_t limb[4]; /* the lowest first */
};

/* Big-endian. false: not below the prime. */
MUST_USE NONNULL_ALL bool field_read(struct field *out, const uint8_t in[32]);
NONNULL_ALL void field_write(uint8_t out[32], const struct field *a);
struct field field_of(uint64_t n);
NONNULL_ALL bool field_eq(const struct field *a, const struct field *b);
NONNULL_ALL struct field field_add(const struct field *a, const struct field *b);
NONNULL_ALL struct field field_negate(const struct field *a);
NONNULL_ALL struct field field_mul(const struct field *a, const struct field *b);
NONNULL_ALL struct field field_inverse(const struct field *a); /* of zero: zero */
/* The root that is itself a square. false: there is none. */
MUST_USE NONNULL_ALL bool field_sqrt(struct field *out, const struct field *a);
NONNULL_ALL bool field_is_square(const struct field *a);

#endif
