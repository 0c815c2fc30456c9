#include "crypto/secp.h"
#include "crypto/hash.h"

#include <secp256k1.h>
#include <secp256k1_extrakeys.h>
#include <secp256k1_recovery.h>
#include <secp256k1_schnorrsig.h>
#include <stdatomic.h>

/* Made once, never changed, never freed: signing only reads it. */
static _Atomic(secp256k1_context *) signing;

void secp_init(const uint8_t seed[32])
{
	secp256k1_selftest();
	secp256k1_context *made = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
	CHECK(made != NULL && secp256k1_context_randomize(made, seed) == 1);
	secp256k1_context *none = NULL;
	/* [SECP] release: pairs with the acquire in signing_context */
	if (!atomic_compare_exchange_strong_explicit(
		    &signing, &none, made, memory_order_release, memory_order_relaxed))
		secp256k1_context_destroy(made);
}

/* What computes with a secret key needs the blinded context; all else the library's constant one.
 */
static const secp256k1_context *signing_context(void)
{
	/* [SECP] acquire: pairs with the release in secp_init */
	const secp256k1_context *secp_init_was_called = atomic_load_explicit(
		&signing, memory_order_acquire);
	CHECK(secp_init_was_called);
	return secp_init_was_called;
}

static const secp256k1_context *public_context(void)
{
	return secp256k1_context_static;
}

static bool key_load(secp256k1_pubkey *out, const struct pubkey *key)
{
	return secp256k1_ec_pubkey_parse(public_context(), out, key->b, sizeof key->b) == 1;
}

static void key_store(struct pubkey *out, const secp256k1_pubkey *key)
{
	size_t len = sizeof out->b;
	CHECK(secp256k1_ec_pubkey_serialize(
		      public_context(), out->b, &len, key, SECP256K1_EC_COMPRESSED) == 1);
	CHECK(len == sizeof out->b);
}

bool seckey_valid(const struct seckey *key)
{
	return secp256k1_ec_seckey_verify(public_context(), key->b) == 1;
}

enum err pubkey_from_seckey(struct pubkey *out, const struct seckey *key)
{
	secp256k1_pubkey full;
	if (secp256k1_ec_pubkey_create(signing_context(), &full, key->b) != 1)
		return ERR_RANGE;
	key_store(out, &full);
	return OK;
}

bool pubkey_valid(const struct pubkey *key)
{
	secp256k1_pubkey full;
	return key_load(&full, key);
}

bool xonly_valid(const struct xonly *key)
{
	secp256k1_xonly_pubkey full;
	return secp256k1_xonly_pubkey_parse(public_context(), &full, key->b) == 1;
}

void xonly_from_pubkey(struct xonly *out, bool *odd, const struct pubkey *key)
{
	memcpy(out->b, key->b + 1, sizeof out->b);
	*odd = key->b[0] == 0x03;
}

enum err pubkey_uncompressed(uint8_t out[65], const struct pubkey *key)
{
	secp256k1_pubkey full;
	size_t len = 65;
	if (!key_load(&full, key))
		return ERR_FORMAT;
	CHECK(secp256k1_ec_pubkey_serialize(
		      public_context(), out, &len, &full, SECP256K1_EC_UNCOMPRESSED) == 1);
	CHECK(len == 65);
	return OK;
}

enum err seckey_tweak_add(struct seckey *out, const struct seckey *key, const struct hash256 *tweak)
{
	struct seckey sum = *key;
	enum err err = ERR_RANGE;
	if (secp256k1_ec_seckey_tweak_add(public_context(), sum.b, tweak->b) == 1) {
		*out = sum;
		err = OK;
	}
	bytes_wipe(&sum, sizeof sum);
	return err;
}

enum err pubkey_tweak_add(struct pubkey *out, const struct pubkey *key, const struct hash256 *tweak)
{
	secp256k1_pubkey full;
	if (!key_load(&full, key))
		return ERR_FORMAT;
	if (secp256k1_ec_pubkey_tweak_add(public_context(), &full, tweak->b) != 1)
		return ERR_RANGE;
	key_store(out, &full);
	return OK;
}

#define TWEAK_TAG "TapTweak" /* BIP-341 */

static void taproot_tweak(struct hash256 *out, const uint8_t internal[32],
	const struct hash256 *merkle_root, const char *tag)
{
	const struct slice part[2] = {
		slice_of(internal, 32),
		merkle_root == NULL ? slice_of(NULL, 0) : slice_of(merkle_root->b, 32),
	};
	tagged_hash_parts(out, tag, part, ARRAY_LEN(part));
}

enum err taproot_output_key(struct xonly *out, bool *odd, const struct xonly *internal,
	const struct hash256 *merkle_root)
{
	return taproot_output_key_tagged(out, odd, internal, merkle_root, TWEAK_TAG);
}

enum err taproot_output_key_tagged(struct xonly *out, bool *odd, const struct xonly *internal,
	const struct hash256 *merkle_root, const char *tag)
{
	const secp256k1_context *ctx = public_context();
	secp256k1_xonly_pubkey inner;
	secp256k1_xonly_pubkey outer;
	secp256k1_pubkey full;
	struct hash256 tweak;
	int parity;
	if (secp256k1_xonly_pubkey_parse(ctx, &inner, internal->b) != 1)
		return ERR_FORMAT;
	taproot_tweak(&tweak, internal->b, merkle_root, tag);
	if (secp256k1_xonly_pubkey_tweak_add(ctx, &full, &inner, tweak.b) != 1)
		return ERR_RANGE;
	CHECK(secp256k1_xonly_pubkey_from_pubkey(ctx, &outer, &parity, &full) == 1);
	CHECK(secp256k1_xonly_pubkey_serialize(ctx, out->b, &outer) == 1);
	*odd = parity == 1;
	return OK;
}

enum err taproot_seckey(
	struct seckey *out, const struct seckey *internal, const struct hash256 *merkle_root)
{
	return taproot_seckey_tagged(out, internal, merkle_root, TWEAK_TAG);
}

enum err taproot_seckey_tagged(struct seckey *out, const struct seckey *internal,
	const struct hash256 *merkle_root, const char *tag)
{
	const secp256k1_context *ctx = signing_context();
	secp256k1_keypair pair;
	secp256k1_xonly_pubkey inner;
	uint8_t inner_bytes[32];
	struct hash256 tweak;
	enum err err = ERR_RANGE;
	if (secp256k1_keypair_create(ctx, &pair, internal->b) != 1)
		goto out;
	CHECK(secp256k1_keypair_xonly_pub(ctx, &inner, NULL, &pair) == 1);
	CHECK(secp256k1_xonly_pubkey_serialize(ctx, inner_bytes, &inner) == 1);
	taproot_tweak(&tweak, inner_bytes, merkle_root, tag);
	if (secp256k1_keypair_xonly_tweak_add(ctx, &pair, tweak.b) != 1)
		goto out;
	CHECK(secp256k1_keypair_sec(ctx, out->b, &pair) == 1);
	err = OK;
out:
	bytes_wipe(&pair, sizeof pair);
	return err;
}

/* A signature that was computed wrongly (a fault in memory or in the processor) can give the key
 * away, so every one is verified before it leaves. */
enum err schnorr_sign(uint8_t sig[64], const struct hash256 *message, const struct seckey *key,
	const uint8_t aux[32])
{
	const secp256k1_context *ctx = signing_context();
	secp256k1_keypair pair;
	secp256k1_xonly_pubkey pub;
	uint8_t made[64];
	enum err err = ERR_RANGE;
	if (secp256k1_keypair_create(ctx, &pair, key->b) != 1)
		goto out;
	CHECK(secp256k1_keypair_xonly_pub(ctx, &pub, NULL, &pair) == 1);
	CHECK(secp256k1_schnorrsig_sign32(ctx, made, message->b, &pair, aux) == 1);
	CHECK(secp256k1_schnorrsig_verify(ctx, made, message->b, sizeof message->b, &pub) == 1);
	memcpy(sig, made, sizeof made);
	err = OK;
out:
	bytes_wipe(&pair, sizeof pair);
	bytes_wipe(made, sizeof made);
	return err;
}

bool schnorr_verify(const uint8_t sig[64], const struct hash256 *message, const struct xonly *key)
{
	secp256k1_xonly_pubkey full;
	return secp256k1_xonly_pubkey_parse(public_context(), &full, key->b) == 1 &&
		secp256k1_schnorrsig_verify(
			public_context(), sig, message->b, sizeof message->b, &full) == 1;
}

enum err ecdsa_sign(
	uint8_t sig[64], int *recovery_id, const struct hash256 *message, const struct seckey *key)
{
	const secp256k1_context *ctx = signing_context();
	secp256k1_ecdsa_recoverable_signature made;
	secp256k1_pubkey recovered;
	secp256k1_pubkey own;
	if (secp256k1_ec_pubkey_create(ctx, &own, key->b) != 1)
		return ERR_RANGE;
	/* the library's default nonce is RFC 6979, and its S is always the low one */
	CHECK(secp256k1_ecdsa_sign_recoverable(ctx, &made, message->b, key->b, NULL, NULL) == 1);
	CHECK(secp256k1_ecdsa_recover(ctx, &recovered, &made, message->b) == 1);
	CHECK(secp256k1_ec_pubkey_cmp(ctx, &recovered, &own) == 0);
	CHECK(secp256k1_ecdsa_recoverable_signature_serialize_compact(
		      ctx, sig, recovery_id, &made) == 1);
	return OK;
}

/* r and s below the order, s in the lower half. */
static bool ecdsa_load(secp256k1_ecdsa_signature *out, const uint8_t sig[64])
{
	return secp256k1_ecdsa_signature_parse_compact(public_context(), out, sig) == 1 &&
		secp256k1_ecdsa_signature_normalize(public_context(), NULL, out) == 0;
}

enum err ecdsa_recover(
	struct pubkey *out, const uint8_t sig[64], int recovery_id, const struct hash256 *message)
{
	const secp256k1_context *ctx = public_context();
	secp256k1_ecdsa_signature plain;
	secp256k1_ecdsa_recoverable_signature full;
	secp256k1_pubkey key;
	if (recovery_id < 0 || recovery_id > 3 || !ecdsa_load(&plain, sig))
		return ERR_FORMAT;
	if (secp256k1_ecdsa_recoverable_signature_parse_compact(ctx, &full, sig, recovery_id) != 1)
		return ERR_FORMAT;
	if (secp256k1_ecdsa_recover(ctx, &key, &full, message->b) != 1)
		return ERR_CHECKSUM;
	key_store(out, &key);
	return OK;
}

enum err ecdsa_from_der(uint8_t sig[64], struct slice der)
{
	uint8_t again[72];
	size_t len = sizeof again;
	secp256k1_ecdsa_signature plain;
	const secp256k1_context *ctx = public_context();
	/* there is one encoding of each (BIP-66) */
	if (secp256k1_ecdsa_signature_parse_der(ctx, &plain, der.ptr, der.len) != 1 ||
		secp256k1_ecdsa_signature_serialize_der(ctx, again, &len, &plain) != 1 ||
		!slice_eq(der, slice_of(again, len)))
		return ERR_FORMAT;
	CHECK(secp256k1_ecdsa_signature_serialize_compact(ctx, sig, &plain) == 1);
	return OK;
}

bool ecdsa_verify(const uint8_t sig[64], const struct hash256 *message, const struct pubkey *key)
{
	secp256k1_ecdsa_signature plain;
	secp256k1_pubkey full;
	return key_load(&full, key) && ecdsa_load(&plain, sig) &&
		secp256k1_ecdsa_verify(public_context(), &plain, message->b, &full) == 1;
}
