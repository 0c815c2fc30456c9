/* crypto/ring: Borromean ring signatures: in each of several rings of keys the signer knows one.
 *
 * Purpose: what range proofs and surjection proofs are. A ring goes R_0 -> e_1 -> R_1 ...: each
 * key's e is the hash of the R before it, R = s * G + e * key; all rings meet in e_0. Invariants:
 * as crypto/point. Threads: pure; ring_sign needs secp_init. Ownership: borrows during the call.
 * What it must not do: hide from who measures time which key of a ring is known.
 *
 * Source: Maxwell and Poelstra, Borromean Ring Signatures (2015); libsecp256k1-zkp for what is
 * hashed.
 */
#ifndef CRYPTO_RING_H
#define CRYPTO_RING_H
#include "crypto/point.h"

struct rings {
	uint32_t count;
	const uint32_t *size;    /* of each, not zero */
	const struct point *key; /* of all, ring after ring; as are the s of a signature */
	struct hash256 message;
};

/* challenge: of each key, as it was met; NULL: nobody asks. */
MUST_USE bool rings_verify(const struct rings *r, struct scalar *challenge, const uint8_t e0[32],
	const struct scalar *s);
/* known[i] is whose secret[i] it is in ring i; nonce[i] is random, and s is, but for those. false:
 * never seen; other random numbers help. */
MUST_USE NONNULL_ALL bool rings_sign(const struct rings *r, uint8_t e0[32], struct scalar *s,
	const uint32_t *known, const struct scalar *secret, const struct scalar *nonce);

/* Numbers from a seed, as RFC 6979 makes nonces (HMAC-SHA256). */
struct ring_random {
	struct hash256 key, value;
	bool again;
};
NONNULL_ALL void ring_random_init(struct ring_random *r, struct slice seed);
NONNULL_ALL void ring_random_next(struct ring_random *r, uint8_t out[32]);
NONNULL_ALL void ring_random_wipe(struct ring_random *r);

#endif
