#include "crypto/derive.h"
#include "crypto/hash.h"

#define DERIVE_TAG "sluice/derive"

/* Which parts of a path a use has; the others are zero, so that one key has one path. */
static const struct {
	bool known;
	enum layer_family family;
	bool any_family;
	bool index;
	bool swap;
} uses[] = {
	[KEY_WALLET] = {.known = true, .family = FAMILY_UTXO, .index = true},
	[KEY_ACCOUNT] = {.known = true, .family = FAMILY_ACCOUNT},
	[KEY_SWAP] = {.known = true, .any_family = true, .swap = true},
};

void key_path_put(struct buf *out, const struct key_path *path)
{
	buf_u8(out, (uint8_t)path->use);
	buf_u8(out, (uint8_t)path->layer);
	buf_le32(out, path->index);
	buf_put(out, path->swap.b, sizeof path->swap.b);
}

enum err key_path_get(struct reader *in, struct key_path *path)
{
	static const struct id128 no_swap;
	const uint8_t use = reader_u8(in);
	const uint8_t layer = reader_u8(in);
	const uint32_t index = reader_le32(in);
	struct id128 swap;
	reader_copy(in, swap.b, sizeof swap.b);
	if (in->failed)
		return ERR_SHORT;
	if (use >= ARRAY_LEN(uses) || !uses[use].known || layer >= LAYER_COUNT)
		return ERR_FORMAT;
	if (!uses[use].any_family && layer_family((enum layer_id)layer) != uses[use].family)
		return ERR_FORMAT;
	if ((!uses[use].index && index != 0) || (!uses[use].swap && !id128_eq(&swap, &no_swap)))
		return ERR_FORMAT;
	*path = (struct key_path){
		.use = (enum key_use)use,
		.layer = (enum layer_id)layer,
		.index = index,
		.swap = swap,
	};
	return OK;
}

static void derive_tweak(
	struct hash256 *out, const struct pubkey *wallet, const struct key_path *path)
{
	uint8_t encoded[KEY_PATH_SIZE];
	struct buf b = buf_init(encoded, sizeof encoded);
	key_path_put(&b, path);
	CHECK(!b.overflow && b.len == sizeof encoded);
	const struct slice part[2] = {slice_of(wallet->b, sizeof wallet->b), buf_slice(&b)};
	tagged_hash_parts(out, DERIVE_TAG, part, ARRAY_LEN(part));
}

enum err derive_seckey(struct seckey *out, const struct seckey *wallet, const struct key_path *path)
{
	struct pubkey public;
	struct hash256 tweak;
	TRY(pubkey_from_seckey(&public, wallet));
	derive_tweak(&tweak, &public, path);
	return seckey_tweak_add(out, wallet, &tweak);
}

enum err derive_pubkey(struct pubkey *out, const struct pubkey *wallet, const struct key_path *path)
{
	struct hash256 tweak;
	derive_tweak(&tweak, wallet, path);
	return pubkey_tweak_add(out, wallet, &tweak);
}
