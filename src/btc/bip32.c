#include "btc/bip32.h"

#include "crypto/hash.h"

#define PAYLOAD_SIZE 78u /* version, depth, parent, child, chain code, key */
#define DEPTH_MAX 255u

enum { VERSION_PUBLIC, VERSION_PRIVATE, VERSION_KINDS };

static const uint32_t versions[2][VERSION_KINDS] = {
	{0x0488b21e, 0x0488ade4}, /* xpub, xprv */
	{0x043587cf, 0x04358394}, /* tpub, tprv */
};

_Static_assert(PAYLOAD_SIZE <= BASE58_PAYLOAD_MAX, "fits");

enum err xpub_parse(struct xpub *out, const struct network *network, struct slice text)
{
	static const uint8_t no_parent[4];
	uint8_t b[PAYLOAD_SIZE];
	struct xpub key;
	TRY(base58_decode(b, sizeof b, text));
	const uint32_t version = load_be32(b);
	for (size_t i = 0; i < ARRAY_LEN(versions); i++)
		if (version == versions[i][VERSION_PRIVATE]) {
			bytes_wipe(b, sizeof b);
			return ERR_DENIED;
		}
	if (version != versions[network->test][VERSION_PUBLIC])
		return version == versions[!network->test][VERSION_PUBLIC] ? ERR_NETWORK
									   : ERR_FORMAT;
	key.depth = b[4];
	memcpy(key.parent, b + 5, sizeof key.parent);
	key.child = load_be32(b + 9);
	memcpy(key.chain, b + 13, sizeof key.chain);
	memcpy(key.key.b, b + 45, sizeof key.key.b);
	if (key.depth == 0 &&
		(key.child != 0 || memcmp(key.parent, no_parent, sizeof no_parent) != 0))
		return ERR_FORMAT;
	if (!pubkey_valid(&key.key))
		return ERR_FORMAT;
	*out = key;
	return OK;
}

void xpub_format(char text[XPUB_TEXT_SIZE], const struct network *network, const struct xpub *key)
{
	uint8_t b[PAYLOAD_SIZE];
	struct buf out = buf_init(text, XPUB_TEXT_SIZE);
	store_be32(b, versions[network->test][VERSION_PUBLIC]);
	b[4] = key->depth;
	memcpy(b + 5, key->parent, sizeof key->parent);
	store_be32(b + 9, key->child);
	memcpy(b + 13, key->chain, sizeof key->chain);
	memcpy(b + 45, key->key.b, sizeof key->key.b);
	base58_put(&out, slice_of(b, sizeof b));
	CHECK(!out.overflow);
	(void)buf_cstr(&out);
}

enum err xpub_child(struct xpub *out, const struct xpub *parent, uint32_t index)
{
	uint8_t data[37];
	uint8_t made[64];
	struct hash256 tweak;
	struct xpub child = {.child = index};
	if (index >= BIP32_HARDENED || parent->depth == DEPTH_MAX)
		return ERR_RANGE;
	memcpy(data, parent->key.b, sizeof parent->key.b);
	store_be32(data + 33, index);
	hmac_sha512(
		made, slice_of(parent->chain, sizeof parent->chain), slice_of(data, sizeof data));
	memcpy(tweak.b, made, sizeof tweak.b);
	TRY(pubkey_tweak_add(&child.key, &parent->key, &tweak));
	memcpy(child.chain, made + 32, sizeof child.chain);
	child.depth = (uint8_t)(parent->depth + 1);
	xpub_fingerprint(child.parent, parent);
	*out = child;
	return OK;
}

void xpub_fingerprint(uint8_t out[4], const struct xpub *key)
{
	uint8_t hash[20];
	hash160(hash, slice_of(key->key.b, sizeof key->key.b));
	memcpy(out, hash, 4);
}
