/* crypto/hash: SHA-256 (FIPS 180-4), RIPEMD-160 of it, BIP-340 tagged hashes, Keccak-256.
 * SHA-256 is OpenSSL's; Keccak-256 (the padding before SHA-3, as EVM chains use it) is ours.
 * Threads: safe from any. */
#ifndef CRYPTO_HASH_H
#define CRYPTO_HASH_H
#include "base/base.h"

NONNULL_ALL void sha256(struct hash256 *out, struct slice in);
/* Of the concatenation of count parts. */
NONNULL_ALL void sha256_parts(struct hash256 *out, const struct slice *part, size_t count);
NONNULL_ALL void sha256d(struct hash256 *out, struct slice in);
NONNULL_ALL void sha256d_parts(struct hash256 *out, const struct slice *part, size_t count);
/* A text that comes in pieces, without a copy and without allocation: begin, add, end.
 * One stream at a time in a thread (CHECK); the other functions may be called meanwhile. */
struct sha256_stream {
	void *ctx; /* the thread's; not to be moved to another */
};
NONNULL_ALL void sha256_begin(struct sha256_stream *s);
NONNULL_ALL void sha256_add(struct sha256_stream *s, struct slice part);
NONNULL_ALL void sha256_end(struct hash256 *out, struct sha256_stream *s);

/* RIPEMD160(SHA256(in)) */
NONNULL_ALL void hash160(uint8_t out[20], struct slice in);
/* BIP-340: SHA256(SHA256(tag) || SHA256(tag) || in) */
NONNULL_ALL void tagged_hash(struct hash256 *out, const char *tag, struct slice in);
NONNULL_ALL void tagged_hash_parts(
	struct hash256 *out, const char *tag, const struct slice *part, size_t count);
NONNULL_ALL void keccak256(struct hash256 *out, struct slice in);
/* AES-256-GCM of no text, with these parts as what it authenticates (NIST SP 800-38D's GMAC): a sum
 * of 128 bits at several times the speed of a hash, which nobody can aim at who doesn't know the
 * key. Key and nonce together are used once. */
NONNULL_ALL void gmac256(uint8_t tag[16], const uint8_t key[32], const uint8_t nonce[12],
	const struct slice *part, size_t count);
NONNULL_ALL void hmac_sha256(struct hash256 *out, struct slice key, struct slice in);
NONNULL_ALL void hmac_sha512(uint8_t out[64], struct slice key, struct slice in);

#endif
