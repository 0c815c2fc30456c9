/* crypto/sha256_two: SHA-256 (FIPS 180-4) of two texts at once, each a byte and then some more, as
 * the leaves and nodes of a Merkle tree are. The CPU's instructions for it wait for each other: two
 * texts take hardly longer than one. Where there are none, one after the other.
 * Variable time in the lengths, not in the bytes. Threads: safe from any. */
#ifndef CRYPTO_SHA256_TWO_H
#define CRYPTO_SHA256_TWO_H
#include "base/base.h"

/* SHA-256(tag || a), SHA-256(tag || b). What is hashed may lie where the hashes go. */
NONNULL_ALL void sha256_two(
	struct hash256 *out_a, struct hash256 *out_b, uint8_t tag, struct slice a, struct slice b);
/* The same, one after the other: what sha256_two falls back to, and is tested against. */
NONNULL_ALL void sha256_two_portable(
	struct hash256 *out_a, struct hash256 *out_b, uint8_t tag, struct slice a, struct slice b);

#endif
