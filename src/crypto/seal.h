/* crypto/seal: secrets at rest: the one door to libsodium.
 *
 * A sealed text is nonce (24) || XChaCha20-Poly1305 ciphertext || tag (16); `context` is
 * authenticated with it and not stored. Keys from passwords: Argon2id (RFC 9106).
 */
#ifndef CRYPTO_SEAL_H
#define CRYPTO_SEAL_H
#include "base/base.h"

#define SEAL_OVERHEAD 40u
#define SEAL_SALT_SIZE 16u

struct seal_key {
	uint8_t b[32];
};

/* out has len + SEAL_OVERHEAD bytes. nonce is 24 fresh random bytes. */
NONNULL_ALL void seal(uint8_t *out, const struct seal_key *key, const uint8_t nonce[24],
	struct slice plain, struct slice context);
/* out has sealed.len - SEAL_OVERHEAD bytes. ERR_SHORT; ERR_CHECKSUM wrong key, context or damaged:
 * out then holds zeros. */
MUST_USE NONNULL_ALL enum err unseal(
	uint8_t *out, const struct seal_key *key, struct slice sealed, struct slice context);
/* Argon2id at the library's "moderate" costs when strong, "interactive" otherwise. ERR_FULL: no
 * memory. ERR_RANGE: a password of over 4 GiB. */
MUST_USE NONNULL_ALL enum err seal_key_from_password(struct seal_key *out, struct slice password,
	const uint8_t salt[SEAL_SALT_SIZE], bool strong);

#endif
