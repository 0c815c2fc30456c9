/* crypto/secp: keys and signatures on secp256k1: the one door to libsecp256k1.
 *
 * One context for the process, made by secp_init with fresh randomness before any thread signs.
 * Secret keys are wiped by their owner. Signing is constant time in the key.
 * Sources: SEC 1 and 2, RFC 6979, BIP-340, BIP-341.
 * Threads: after secp_init, safe from any.
 */
#ifndef CRYPTO_SECP_H
#define CRYPTO_SECP_H
#include "base/base.h"

struct seckey {
	uint8_t b[32];
};
struct pubkey {
	uint8_t b[33]; /* compressed */
};
struct xonly {
	uint8_t b[32];
};

/* Blinds the context. Call once, before anything that computes with a secret key (CHECK); later
 * calls change nothing. Public operations need no call. */
NONNULL_ALL void secp_init(const uint8_t seed[32]);

NONNULL_ALL bool seckey_valid(const struct seckey *key);
/* ERR_RANGE: zero or not below the order. */
MUST_USE NONNULL_ALL enum err pubkey_from_seckey(struct pubkey *out, const struct seckey *key);
MUST_USE NONNULL_ALL bool pubkey_valid(const struct pubkey *key);
MUST_USE NONNULL_ALL bool xonly_valid(const struct xonly *key);
/* *odd: the full key's y is odd. */
NONNULL_ALL void xonly_from_pubkey(struct xonly *out, bool *odd, const struct pubkey *key);
/* 65 bytes, 0x04 first: EVM addresses hash the last 64. ERR_FORMAT not on the curve. */
MUST_USE NONNULL_ALL enum err pubkey_uncompressed(uint8_t out[65], const struct pubkey *key);

/* key + tweak; ERR_RANGE when the result is zero or the tweak is not below the order (or the secret
 * key is invalid); ERR_FORMAT the public key is not on the curve. */
MUST_USE NONNULL_ALL enum err seckey_tweak_add(
	struct seckey *out, const struct seckey *key, const struct hash256 *tweak);
MUST_USE NONNULL_ALL enum err pubkey_tweak_add(
	struct pubkey *out, const struct pubkey *key, const struct hash256 *tweak);

/* BIP-341: Q = P + H_TapTweak(P || merkle_root) G. merkle_root NULL: key path only, H_TapTweak(P).
 * ERR_FORMAT the internal key is not on the curve; ERR_RANGE the secret key is invalid (or, never
 * seen, the tweak is). */
MUST_USE enum err taproot_output_key(struct xonly *out, bool *odd, const struct xonly *internal,
	const struct hash256 *merkle_root);
MUST_USE enum err taproot_seckey(
	struct seckey *out, const struct seckey *internal, const struct hash256 *merkle_root);
/* The same with another tag than "TapTweak": chains made from Bitcoin have tags of their own. */
MUST_USE enum err taproot_output_key_tagged(struct xonly *out, bool *odd,
	const struct xonly *internal, const struct hash256 *merkle_root, const char *tag);
MUST_USE enum err taproot_seckey_tagged(struct seckey *out, const struct seckey *internal,
	const struct hash256 *merkle_root, const char *tag);

/* BIP-340; aux is 32 fresh random bytes, or zeros in vectors. ERR_RANGE the key is invalid. */
MUST_USE NONNULL_ALL enum err schnorr_sign(uint8_t sig[64], const struct hash256 *message,
	const struct seckey *key, const uint8_t aux[32]);
MUST_USE NONNULL_ALL bool schnorr_verify(
	const uint8_t sig[64], const struct hash256 *message, const struct xonly *key);

/* RFC 6979, low S. recovery_id 0..3. ERR_RANGE the key is invalid. */
MUST_USE NONNULL_ALL enum err ecdsa_sign(
	uint8_t sig[64], int *recovery_id, const struct hash256 *message, const struct seckey *key);
/* ERR_CHECKSUM: no such key. A high S is refused with ERR_FORMAT (HAZARDS 26), as are an r or s
 * that is not below the order and an id outside 0..3. */
MUST_USE NONNULL_ALL enum err ecdsa_recover(
	struct pubkey *out, const uint8_t sig[64], int recovery_id, const struct hash256 *message);
/* r || s of a signature as scripts hold it, without its hash type. ERR_FORMAT: not strictly DER. */
MUST_USE NONNULL_ALL enum err ecdsa_from_der(uint8_t sig[64], struct slice der);
MUST_USE NONNULL_ALL bool ecdsa_verify(
	const uint8_t sig[64], const struct hash256 *message, const struct pubkey *key);

#endif
