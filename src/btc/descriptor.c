/* From a descriptor and an index to scripts. */
#include "btc/descriptor.h"

#include "crypto/hash.h"

/* Source: opcodes of Bitcoin Core's script.h. */
enum {
	OP_0 = 0x00,
	OP_PUSH_1 = 0x01,
	OP_1 = 0x51,
	OP_NUMEQUAL = 0x9c,
	OP_CHECKSIG = 0xac,
	OP_CHECKMULTISIG = 0xae,
	OP_CHECKSIGADD = 0xba,
};

/* A key at an index. */
struct point {
	uint8_t b[65];
	size_t len;
};

static enum err derive_key(
	struct point *out, const struct descriptor_key *key, uint32_t alternative, uint32_t index)
{
	struct xpub at = key->xpub;
	if (!key->extended) {
		memcpy(out->b, key->bytes, key->len);
		out->len = key->len;
		return OK;
	}
	for (uint32_t i = 0; i < key->step_count; i++) {
		const bool choose = i == key->alternative_at;
		TRY(xpub_child(&at, &at, choose ? key->alternative[alternative] : key->step[i]));
	}
	if (key->ranged)
		TRY(xpub_child(&at, &at, index));
	memcpy(out->b, at.key.b, sizeof at.key.b);
	out->len = sizeof at.key.b;
	return OK;
}

enum err descriptor_key_at(uint8_t out[DESCRIPTOR_KEY_MAX], size_t *len,
	const struct descriptor_key *key, uint32_t alternative, uint32_t index)
{
	struct point point;
	TRY(derive_key(&point, key, alternative, index));
	memcpy(out, point.b, point.len);
	*len = point.len;
	return OK;
}

static void put_push(struct buf *out, const uint8_t *bytes, size_t len)
{
	buf_u8(out, (uint8_t)len);
	buf_put(out, bytes, len);
}

/* 1 to 20. */
static void put_small(struct buf *out, uint32_t v)
{
	if (v <= 16) {
		buf_u8(out, (uint8_t)(OP_1 + v - 1));
	} else {
		buf_u8(out, OP_PUSH_1);
		buf_u8(out, (uint8_t)v);
	}
}

/* Keys in the order of their bytes: BIP-67; of Tapscript, of their x alone. */
static void sort_points(struct point *p, uint32_t count, size_t from)
{
	for (uint32_t i = 1; i < count; i++) {
		const struct point moved = p[i];
		uint32_t at = i;
		for (; at > 0 && memcmp(p[at - 1].b + from, moved.b + from, 33 - from) > 0; at--)
			p[at] = p[at - 1];
		p[at] = moved;
	}
}

static void put_multi(struct buf *out, const struct descriptor_script *s, const struct point *key)
{
	put_small(out, s->threshold);
	for (uint32_t i = 0; i < s->key_count; i++)
		put_push(out, key[i].b, key[i].len);
	put_small(out, s->key_count);
	buf_u8(out, OP_CHECKMULTISIG);
}

static void put_multi_a(struct buf *out, const struct descriptor_script *s, const struct point *key)
{
	for (uint32_t i = 0; i < s->key_count; i++) {
		put_push(out, key[i].b + 1, 32);
		buf_u8(out, i == 0 ? OP_CHECKSIG : OP_CHECKSIGADD);
	}
	put_small(out, s->threshold);
	buf_u8(out, OP_NUMEQUAL);
}

static void put_key_hash(struct buf *out, const struct point *key, enum descriptor_kind kind)
{
	uint8_t hash[20];
	uint8_t script[25];
	hash160(hash, slice_of(key->b, key->len));
	if (kind == DESCRIPTOR_PKH) {
		btc_script_p2pkh(script, hash);
		buf_put(out, script, 25);
	} else {
		buf_u8(out, OP_0);
		put_push(out, hash, sizeof hash);
	}
}

/* A script of keys; `tapscript`: keys are x alone. */
static enum err put_script(struct buf *out, const struct descriptor *d,
	const struct descriptor_script *s, uint32_t alternative, uint32_t index, bool tapscript)
{
	struct point key[DESCRIPTOR_MULTI_KEYS_MAX];
	CHECK(s->key_count <= DESCRIPTOR_MULTI_KEYS_MAX);
	for (uint32_t i = 0; i < s->key_count; i++)
		TRY(derive_key(&key[i], &d->key[s->key + i], alternative, index));
	switch (s->kind) {
	case DESCRIPTOR_PK:
		put_push(out, key[0].b + tapscript, key[0].len - tapscript);
		buf_u8(out, OP_CHECKSIG);
		break;
	case DESCRIPTOR_PKH:
	case DESCRIPTOR_WPKH: put_key_hash(out, &key[0], s->kind); break;
	case DESCRIPTOR_SORTEDMULTI:
		sort_points(key, s->key_count, 0);
		__attribute__((fallthrough));
	case DESCRIPTOR_MULTI: put_multi(out, s, key); break;
	case DESCRIPTOR_SORTEDMULTI_A:
		sort_points(key, s->key_count, 1);
		__attribute__((fallthrough));
	case DESCRIPTOR_MULTI_A: put_multi_a(out, s, key); break;
	case DESCRIPTOR_TR:
	case DESCRIPTOR_FIXED: UNREACHABLE();
	}
	return out->overflow ? ERR_RANGE : OK;
}

/* The root of the leaves: a hash waits on each level for its right part. */
static enum err tree_root(
	struct hash256 *root, const struct descriptor *d, uint32_t alternative, uint32_t index)
{
	struct hash256 waiting[BTC_CONTROL_DEPTH_MAX + 1];
	bool waits[BTC_CONTROL_DEPTH_MAX + 1] = {false};
	for (uint32_t i = 0; i < d->leaf_count; i++) {
		uint8_t script[DESCRIPTOR_SCRIPT_MAX];
		struct buf b = buf_init(script, sizeof script);
		struct hash256 h;
		uint32_t depth = d->leaf[i].depth;
		TRY(put_script(&b, d, &d->leaf[i], alternative, index, true));
		btc_tapleaf_hash(&h, &btc_taproot, buf_slice(&b));
		for (; depth > 0 && waits[depth]; depth--) {
			waits[depth] = false;
			btc_tapbranch_hash(&h, &btc_taproot, &waiting[depth], &h);
		}
		waiting[depth] = h;
		waits[depth] = true;
	}
	CHECK(waits[0]);
	*root = waiting[0];
	return OK;
}

static enum err put_tr(
	struct buf *out, const struct descriptor *d, uint32_t alternative, uint32_t index)
{
	struct point key;
	struct xonly internal;
	struct xonly output;
	struct hash256 root;
	uint8_t script[34];
	bool odd;
	TRY(derive_key(&key, &d->key[d->script.key], alternative, index));
	memcpy(internal.b, key.b + 1, sizeof internal.b);
	if (d->leaf_count > 0)
		TRY(tree_root(&root, d, alternative, index));
	TRY(taproot_output_key(&output, &odd, &internal, d->leaf_count > 0 ? &root : NULL));
	btc_script_p2tr(script, &output);
	buf_put(out, script, sizeof script);
	return OK;
}

/* The script of d in buf becomes one that is hidden behind its hash; buf then holds what hides it.
 */
static enum err hide(
	struct buf *out, uint8_t *hidden, size_t *hidden_len, size_t hidden_max, bool witness)
{
	uint8_t script[23];
	if (out->len > hidden_max)
		return ERR_RANGE;
	memcpy(hidden, out->ptr, out->len);
	*hidden_len = out->len;
	out->len = 0;
	if (witness) {
		struct hash256 h;
		sha256(&h, slice_of(hidden, *hidden_len));
		buf_u8(out, OP_0);
		put_push(out, h.b, sizeof h.b);
	} else {
		uint8_t h[20];
		hash160(h, slice_of(hidden, *hidden_len));
		btc_script_p2sh(script, h);
		buf_put(out, script, sizeof script);
	}
	return OK;
}

enum err descriptor_derive(struct descriptor_scripts *out, const struct descriptor *d,
	uint32_t alternative, uint32_t index)
{
	struct buf b = buf_init(out->output, sizeof out->output);
	if (alternative >= d->alternative_count || index >= BIP32_HARDENED ||
		(!d->ranged && index > 0))
		return ERR_RANGE;
	out->redeem_len = 0;
	out->witness_len = 0;
	if (d->script.kind == DESCRIPTOR_FIXED)
		buf_put(&b, d->fixed, d->fixed_len);
	else if (d->script.kind == DESCRIPTOR_TR)
		TRY(put_tr(&b, d, alternative, index));
	else
		TRY(put_script(&b, d, &d->script, alternative, index, false));
	if (d->wsh)
		TRY(hide(&b, out->witness, &out->witness_len, sizeof out->witness, true));
	if (d->sh)
		TRY(hide(&b, out->redeem, &out->redeem_len, sizeof out->redeem, false));
	out->output_len = b.len;
	return OK;
}
