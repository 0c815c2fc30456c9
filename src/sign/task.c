#include "sign/check.h"

#include "crypto/hash.h"

/* BIP-340 wants its auxiliary bytes unpredictable to others, not fresh: derived from key and
 * digest, a request that is asked again gets the same bytes again. */
static void aux_of(uint8_t aux[32], const struct seckey *key, const struct hash256 *digest)
{
	struct hash256 mac;
	static const char label[] = "sluice/sign/aux";
	struct hash256 inner;

	hmac_sha256(&inner, slice_of(key->b, sizeof key->b), slice_of(label, sizeof label - 1));
	hmac_sha256(&mac, slice_of(inner.b, sizeof inner.b), slice_of(digest->b, sizeof digest->b));
	memcpy(aux, mac.b, sizeof mac.b);
	bytes_wipe(&inner, sizeof inner);
	bytes_wipe(&mac, sizeof mac);
}

/* A signature made by a faulty machine can give the key away: each is verified before it leaves. */
static enum err sign_schnorr(
	struct signature *out, const struct sign_item *item, const struct seckey *key)
{
	struct seckey tweaked = *key;
	struct pubkey public;
	struct xonly x;
	uint8_t aux[32];
	bool odd;
	enum err err = OK;

	if (item->taproot_tweak)
		err = taproot_seckey_tagged(
			&tweaked, key, NULL, layer_taproot(item->key.layer)->tweak_tag);
	if (err == OK) {
		aux_of(aux, &tweaked, &item->digest);
		err = schnorr_sign(out->b, &item->digest, &tweaked, aux);
	}
	if (err == OK)
		err = pubkey_from_seckey(&public, &tweaked);
	if (err == OK) {
		xonly_from_pubkey(&x, &odd, &public);
		CHECK(schnorr_verify(out->b, &item->digest, &x));
	}
	bytes_wipe(&tweaked, sizeof tweaked);
	bytes_wipe(aux, sizeof aux);
	return err;
}

static enum err sign_ecdsa(
	struct signature *out, const struct sign_item *item, const struct seckey *key)
{
	struct pubkey public;
	int recovery_id;

	TRY(ecdsa_sign(out->b, &recovery_id, &item->digest, key));
	TRY(pubkey_from_seckey(&public, key));
	CHECK(ecdsa_verify(out->b, &item->digest, &public));
	CHECK(recovery_id >= 0 && recovery_id <= 3);
	out->recovery_id = (uint8_t)recovery_id;
	return OK;
}

enum err sign_task_run(
	struct signing_answer *out, const struct sign_task *task, const struct seckey *key)
{
	enum err err = OK;

	CHECK(task->count <= BTC_INPUT_MAX);
	*out = (struct signing_answer){.signature_count = task->count};
	for (uint32_t i = 0; i < task->count && err == OK; i++) {
		const struct sign_item *item = &task->item[i];
		struct seckey child;
		err = derive_seckey(&child, key, &item->key);
		if (err == OK)
			err = task->ecdsa ? sign_ecdsa(&out->signature[i], item, &child)
					  : sign_schnorr(&out->signature[i], item, &child);
		bytes_wipe(&child, sizeof child);
	}
	if (err != OK)
		*out = (struct signing_answer){.err = err};
	return err;
}
