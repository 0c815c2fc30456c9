#include "crypto/seal.h"

#include <sodium.h>

#define NONCE_SIZE 24u

_Static_assert(NONCE_SIZE == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "nonce");
_Static_assert(SEAL_OVERHEAD == NONCE_SIZE + crypto_aead_xchacha20poly1305_ietf_ABYTES, "overhead");
_Static_assert(sizeof(struct seal_key) == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "key");
_Static_assert(SEAL_SALT_SIZE == crypto_pwhash_SALTBYTES, "salt");

void seal(uint8_t *out, const struct seal_key *key, const uint8_t nonce[24], struct slice plain,
	struct slice context)
{
	unsigned long long len;
	CHECK(sodium_init() >= 0);
	memcpy(out, nonce, NONCE_SIZE);
	CHECK(crypto_aead_xchacha20poly1305_ietf_encrypt(out + NONCE_SIZE, &len, plain.ptr,
		      plain.len, context.ptr, context.len, NULL, nonce, key->b) == 0);
	CHECK(len == plain.len + SEAL_OVERHEAD - NONCE_SIZE);
}

enum err unseal(uint8_t *out, const struct seal_key *key, struct slice sealed, struct slice context)
{
	unsigned long long len;
	CHECK(sodium_init() >= 0);
	if (sealed.len < SEAL_OVERHEAD)
		return ERR_SHORT;
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(out, &len, NULL, sealed.ptr + NONCE_SIZE,
		    sealed.len - NONCE_SIZE, context.ptr, context.len, sealed.ptr, key->b) != 0)
		return ERR_CHECKSUM;
	CHECK(len == sealed.len - SEAL_OVERHEAD);
	return OK;
}

enum err seal_key_from_password(struct seal_key *out, struct slice password,
	const uint8_t salt[SEAL_SALT_SIZE], bool strong)
{
	CHECK(sodium_init() >= 0);
	const unsigned long long passes = strong ? crypto_pwhash_argon2id_OPSLIMIT_MODERATE
						 : crypto_pwhash_argon2id_OPSLIMIT_INTERACTIVE;
	const size_t memory = strong ? crypto_pwhash_argon2id_MEMLIMIT_MODERATE
				     : crypto_pwhash_argon2id_MEMLIMIT_INTERACTIVE;
	struct seal_key made;
	if (password.len > crypto_pwhash_argon2id_PASSWD_MAX)
		return ERR_RANGE;
	const char *text = password.len == 0 ? "" : (const char *)password.ptr;
	if (crypto_pwhash_argon2id(made.b, sizeof made.b, text, password.len, salt, passes, memory,
		    crypto_pwhash_argon2id_ALG_ARGON2ID13) != 0)
		return ERR_FULL;
	*out = made;
	bytes_wipe(&made, sizeof made);
	return OK;
}
