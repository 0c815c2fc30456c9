#include "sign/keyfile.h"

#include "base/crc32c.h"
#include "crypto/seal.h"

#define KEY_MAGIC "SLUICEKY"
#define KEY_VERSION 1u
#define CONTEXT_SIZE (8u + 4u + SEAL_SALT_SIZE + 33u)
#define SEALED_SIZE (32u + SEAL_OVERHEAD)
#define KEYFILE_SIZE (CONTEXT_SIZE + SEALED_SIZE + 4u)

enum { AT_VERSION = 8, AT_STRONG = 9, AT_SALT = 12, AT_PUBLIC = 28 };
_Static_assert(AT_SALT + SEAL_SALT_SIZE == AT_PUBLIC, "the salt, then the public key");

enum err keyfile_create(const struct file_ops *ops, const char *path, const struct seckey *key,
	struct slice password, const struct keyfile_random *fresh, bool strong)
{
	uint8_t bytes[KEYFILE_SIZE];
	struct buf b = buf_init(bytes, sizeof bytes);
	struct pubkey public;
	struct seal_key seal_with;
	uint8_t sealed[SEALED_SIZE];
	int file;

	TRY(pubkey_from_seckey(&public, key));
	enum err err = ops->open(ops->ctx, &file, path, 0);
	if (err == OK) {
		ops->close(ops->ctx, file);
		return ERR_EXISTS;
	}
	if (err != ERR_NOT_FOUND)
		return err;
	buf_put(&b, KEY_MAGIC, 8);
	buf_u8(&b, KEY_VERSION);
	buf_u8(&b, strong ? 1 : 0);
	buf_le16(&b, 0);
	buf_put(&b, fresh->salt, sizeof fresh->salt);
	buf_put(&b, public.b, sizeof public.b);
	TRY(seal_key_from_password(&seal_with, password, fresh->salt, strong));
	seal(sealed, &seal_with, fresh->nonce, slice_of(key->b, sizeof key->b), buf_slice(&b));
	bytes_wipe(&seal_with, sizeof seal_with);
	buf_put(&b, sealed, sizeof sealed);
	buf_le32(&b, crc32c(0, b.ptr, b.len));
	CHECK(!b.overflow && b.len == KEYFILE_SIZE);
	return file_write_atomic(ops, path, buf_slice(&b));
}

enum err keyfile_open(struct seckey *key, struct pubkey *public, const struct file_ops *ops,
	const char *path, struct slice password)
{
	uint8_t bytes[KEYFILE_SIZE];
	struct seal_key seal_with;
	struct seckey opened;
	struct pubkey made;
	size_t len;

	enum err err = file_read_all(ops, path, bytes, &len, sizeof bytes);
	if (err == ERR_FULL)
		return ERR_FORMAT;
	if (err != OK)
		return err;
	if (len != sizeof bytes || memcmp(bytes, KEY_MAGIC, 8) != 0 ||
		bytes[AT_VERSION] != KEY_VERSION || bytes[AT_STRONG] > 1)
		return ERR_FORMAT;
	if (crc32c(0, bytes, sizeof bytes - 4) != load_le32(bytes + sizeof bytes - 4))
		return ERR_CHECKSUM;
	TRY(seal_key_from_password(&seal_with, password, bytes + AT_SALT, bytes[AT_STRONG] == 1));
	err = unseal(opened.b, &seal_with, slice_of(bytes + CONTEXT_SIZE, SEALED_SIZE),
		slice_of(bytes, CONTEXT_SIZE));
	bytes_wipe(&seal_with, sizeof seal_with);
	if (err == OK)
		err = pubkey_from_seckey(&made, &opened);
	if (err == OK && memcmp(made.b, bytes + AT_PUBLIC, sizeof made.b) != 0)
		err = ERR_CHECKSUM;
	if (err == OK) {
		*key = opened;
		*public = made;
	}
	bytes_wipe(&opened, sizeof opened);
	return err;
}

enum err keyfile_password(uint8_t password[KEYFILE_PASSWORD_MAX], size_t *len,
	const struct file_ops *ops, const char *path)
{
	size_t read;
	TRY(file_read_all(ops, path, password, &read, KEYFILE_PASSWORD_MAX));
	const uint8_t *end = memchr(password, '\n', read);
	*len = end != NULL ? (size_t)(end - password) : read;
	return *len > 0 ? OK : ERR_FORMAT;
}
