/* sign/keyfile: the wallet key at rest, sealed with a password.
 *
 * File: magic "SLUICEKY", version, KDF cost (0 fast, 1 strong), two zeros, salt 16, public key 33,
 * sealed key 72 (crypto/seal; everything before it is its context), CRC-32C. The password is the
 * first line of a file: secrets are never arguments, nor in the environment.
 * The secret key is wiped by its owner.
 */
#ifndef SIGN_KEYFILE_H
#define SIGN_KEYFILE_H
#include "base/buf.h"
#include "crypto/secp.h"
#include "sys/file.h"

#define KEYFILE_NAME "key"
#define KEYFILE_PASSWORD_NAME "password"
#define KEYFILE_PASSWORD_MAX 1024u

struct keyfile_random {
	uint8_t salt[16];
	uint8_t nonce[24];
};

/* ERR_EXISTS: a key is there, and is never overwritten. */
MUST_USE NONNULL_ALL enum err keyfile_create(const struct file_ops *ops, const char *path,
	const struct seckey *key, struct slice password, const struct keyfile_random *fresh,
	bool strong);
/* ERR_NOT_FOUND; ERR_FORMAT no key file; ERR_CHECKSUM damaged, or a wrong password. */
MUST_USE NONNULL_ALL enum err keyfile_open(struct seckey *key, struct pubkey *public,
	const struct file_ops *ops, const char *path, struct slice password);
/* The first line. ERR_FORMAT: empty. */
MUST_USE NONNULL_ALL enum err keyfile_password(uint8_t password[KEYFILE_PASSWORD_MAX], size_t *len,
	const struct file_ops *ops, const char *path);

#endif
