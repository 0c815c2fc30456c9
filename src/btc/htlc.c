#include "btc/htlc.h"

#include "crypto/hash.h"

/* Source: BIP-341, BIP-342, BIP-65; opcodes of Bitcoin Core's script.h. */
enum {
	OP_PUSH_1 = 0x01, /* a push of that many bytes, up to 75 */
	OP_PUSH_32 = 0x20,
	OP_1 = 0x51,
	OP_SIZE = 0x82,
	OP_EQUALVERIFY = 0x88,
	OP_SHA256 = 0xa8,
	OP_CHECKSIG = 0xac,
	OP_CHECKSIGVERIFY = 0xad,
	OP_CHECKLOCKTIMEVERIFY = 0xb1,
};

#define PREIMAGE_SIZE 32u
#define ANNEX_TAG 0x50u
#define TERMS_SIZE (BTC_HTLC_SIZE - 8u) /* the encoding without the amount, which comes last */

/* x of lift_x(SHA256(G)), which BIP-341 proposes as a point whose logarithm nobody knows. */
static const struct pubkey unknown_point = {{0x02, 0x50, 0x92, 0x9b, 0x74, 0xc1, 0xa0, 0x49, 0x54,
	0xb7, 0x8b, 0x4b, 0x60, 0x35, 0xe9, 0x7a, 0x5e, 0x07, 0x8a, 0x5a, 0x0f, 0x28, 0xec, 0x96,
	0xd5, 0x47, 0xbf, 0xee, 0x9a, 0xce, 0x80, 0x3a, 0xc0}};

static bool xonly_eq(const struct xonly *a, const struct xonly *b)
{
	return memcmp(a->b, b->b, sizeof a->b) == 0;
}

/* ---- terms ---- */

void btc_htlc_put(struct buf *out, const struct btc_htlc *h)
{
	buf_put(out, h->hash.b, sizeof h->hash.b);
	buf_put(out, h->claim.b, sizeof h->claim.b);
	buf_put(out, h->refund.b, sizeof h->refund.b);
	buf_put(out, h->client.b, sizeof h->client.b);
	buf_put(out, h->provider.b, sizeof h->provider.b);
	buf_le32(out, h->timelock);
	buf_le64(out, h->amount.raw);
}

static enum err check_terms(const struct btc_htlc *h)
{
	const bool source = xonly_eq(&h->client, &h->refund) && xonly_eq(&h->provider, &h->claim);
	const bool dest = xonly_eq(&h->client, &h->claim) && xonly_eq(&h->provider, &h->refund);
	if (!source && !dest)
		return ERR_FORMAT;
	if (!xonly_valid(&h->claim) || !xonly_valid(&h->refund))
		return ERR_FORMAT;
	if (h->timelock == 0 || h->timelock > BTC_TIMELOCK_MAX || h->amount.raw == 0)
		return ERR_FORMAT;
	return h->amount.raw <= SAT_MAX_RAW ? OK : ERR_RANGE;
}

enum err btc_htlc_parse(struct btc_htlc *out, struct slice in)
{
	struct reader r = reader_init(in);
	struct btc_htlc h;
	reader_copy(&r, h.hash.b, sizeof h.hash.b);
	reader_copy(&r, h.claim.b, sizeof h.claim.b);
	reader_copy(&r, h.refund.b, sizeof h.refund.b);
	reader_copy(&r, h.client.b, sizeof h.client.b);
	reader_copy(&r, h.provider.b, sizeof h.provider.b);
	h.timelock = reader_le32(&r);
	h.amount.raw = reader_le64(&r);
	TRY(reader_finish(&r));
	TRY(check_terms(&h));
	*out = h;
	return OK;
}

/* ---- leaves ---- */

static void put_push32(struct buf *out, const uint8_t bytes[32])
{
	buf_u8(out, OP_PUSH_32);
	buf_put(out, bytes, 32);
}

/* The shortest push of a positive script number: little-endian, its top bit a sign. */
static void put_number(struct buf *out, uint32_t v)
{
	uint8_t b[5];
	size_t len = 0;
	CHECK(v > 0);
	if (v <= 16) {
		buf_u8(out, (uint8_t)(OP_1 + v - 1));
		return;
	}
	for (; v != 0; v >>= 8)
		b[len++] = (uint8_t)v;
	if (b[len - 1] & 0x80)
		b[len++] = 0;
	buf_u8(out, (uint8_t)len);
	buf_put(out, b, len);
}

static void put_claim_leaf(struct buf *out, const struct btc_htlc *h)
{
	buf_u8(out, OP_SIZE);
	buf_u8(out, OP_PUSH_1);
	buf_u8(out, PREIMAGE_SIZE);
	buf_u8(out, OP_EQUALVERIFY);
	buf_u8(out, OP_SHA256);
	put_push32(out, h->hash.b);
	buf_u8(out, OP_EQUALVERIFY);
	put_push32(out, h->claim.b);
	buf_u8(out, OP_CHECKSIG);
}

/* The height stays on the stack as the script's true result, which is why it can't be 0. */
static void put_refund_leaf(struct buf *out, const struct btc_htlc *h)
{
	put_push32(out, h->refund.b);
	buf_u8(out, OP_CHECKSIGVERIFY);
	put_number(out, h->timelock);
	buf_u8(out, OP_CHECKLOCKTIMEVERIFY);
}

static void put_cooperative_leaf(struct buf *out, const struct btc_htlc *h)
{
	put_push32(out, h->client.b);
	buf_u8(out, OP_CHECKSIGVERIFY);
	put_push32(out, h->provider.b);
	buf_u8(out, OP_CHECKSIG);
}

static void (*const put_leaf[BTC_LEAF_COUNT])(struct buf *out, const struct btc_htlc *h) = {
	[BTC_LEAF_CLAIM] = put_claim_leaf,
	[BTC_LEAF_REFUND] = put_refund_leaf,
	[BTC_LEAF_COOPERATIVE] = put_cooperative_leaf,
};

/* ---- tree ---- */

static enum err internal_key(struct xonly *out, const struct btc_htlc *h)
{
	uint8_t terms[BTC_HTLC_SIZE];
	struct buf b = buf_init(terms, sizeof terms);
	struct hash256 tweak;
	struct pubkey key;
	bool odd;
	btc_htlc_put(&b, h);
	CHECK(!b.overflow && b.len == BTC_HTLC_SIZE);
	tagged_hash(&tweak, "sluice/htlc", slice_of(terms, TERMS_SIZE));
	TRY(pubkey_tweak_add(&key, &unknown_point, &tweak));
	xonly_from_pubkey(out, &odd, &key);
	return OK;
}

static void put_control(struct btc_htlc_tree *t, enum btc_htlc_leaf leaf, uint8_t version,
	const struct hash256 *const *path, size_t depth)
{
	struct buf b = buf_init(t->control[leaf], sizeof t->control[leaf]);
	buf_u8(&b, (uint8_t)(version | (t->odd ? 1u : 0u)));
	buf_put(&b, t->internal.b, sizeof t->internal.b);
	for (size_t i = 0; i < depth; i++)
		buf_put(&b, path[i]->b, sizeof path[i]->b);
	CHECK(!b.overflow);
	t->control_len[leaf] = b.len;
}

enum err btc_htlc_tree(struct btc_htlc_tree *out, const struct btc_htlc *h)
{
	return btc_htlc_tree_by(out, h, &btc_taproot);
}

enum err btc_htlc_tree_by(
	struct btc_htlc_tree *out, const struct btc_htlc *h, const struct btc_taproot *rules)
{
	struct btc_htlc_tree t = {0};
	struct hash256 branch;
	TRY(check_terms(h));
	TRY(internal_key(&t.internal, h));
	for (unsigned i = 0; i < BTC_LEAF_COUNT; i++) {
		struct buf b = buf_init(t.leaf[i], sizeof t.leaf[i]);
		put_leaf[i](&b, h);
		CHECK(!b.overflow);
		t.leaf_len[i] = b.len;
		btc_tapleaf_hash(&t.leaf_hash[i], rules, buf_slice(&b));
	}
	const struct hash256 *claim = &t.leaf_hash[BTC_LEAF_CLAIM];
	const struct hash256 *refund = &t.leaf_hash[BTC_LEAF_REFUND];
	const struct hash256 *cooperative = &t.leaf_hash[BTC_LEAF_COOPERATIVE];
	btc_tapbranch_hash(&branch, rules, refund, cooperative);
	btc_tapbranch_hash(&t.root, rules, claim, &branch);
	TRY(taproot_output_key_tagged(&t.output, &t.odd, &t.internal, &t.root, rules->tweak_tag));
	btc_script_p2tr(t.script_pubkey, &t.output);
	put_control(
		&t, BTC_LEAF_CLAIM, rules->leaf_version, (const struct hash256 *[]){&branch}, 1);
	put_control(&t, BTC_LEAF_REFUND, rules->leaf_version,
		(const struct hash256 *[]){cooperative, claim}, 2);
	put_control(&t, BTC_LEAF_COOPERATIVE, rules->leaf_version,
		(const struct hash256 *[]){refund, claim}, 2);
	*out = t;
	return OK;
}

/* ---- witnesses ---- */

static void put_item(struct buf *out, const uint8_t *bytes, size_t len)
{
	btc_put_compact(out, len);
	buf_put(out, bytes, len);
}

static void put_script_and_control(
	struct buf *out, const struct btc_htlc_tree *tree, enum btc_htlc_leaf leaf)
{
	put_item(out, tree->leaf[leaf], tree->leaf_len[leaf]);
	put_item(out, tree->control[leaf], tree->control_len[leaf]);
}

void btc_htlc_witness_claim(struct buf *out, const struct btc_htlc_tree *tree,
	const uint8_t sig[64], const struct hash256 *preimage)
{
	btc_put_compact(out, 4);
	put_item(out, sig, 64);
	put_item(out, preimage->b, sizeof preimage->b);
	put_script_and_control(out, tree, BTC_LEAF_CLAIM);
}

void btc_htlc_witness_refund(
	struct buf *out, const struct btc_htlc_tree *tree, const uint8_t sig[64])
{
	btc_put_compact(out, 3);
	put_item(out, sig, 64);
	put_script_and_control(out, tree, BTC_LEAF_REFUND);
}

/* The first key to be checked is the client's, so its signature is on top of the stack. */
void btc_htlc_witness_cooperative(struct buf *out, const struct btc_htlc_tree *tree,
	const uint8_t client_sig[64], const uint8_t provider_sig[64])
{
	btc_put_compact(out, 4);
	put_item(out, provider_sig, 64);
	put_item(out, client_sig, 64);
	put_script_and_control(out, tree, BTC_LEAF_COOPERATIVE);
}

/* ---- reading a spend ---- */

static bool is_leaf(struct slice script, const struct btc_htlc *h, enum btc_htlc_leaf leaf)
{
	uint8_t storage[BTC_LEAF_SCRIPT_MAX];
	struct buf b = buf_init(storage, sizeof storage);
	put_leaf[leaf](&b, h);
	CHECK(!b.overflow);
	return slice_eq(script, buf_slice(&b));
}

static bool find_preimage(
	struct hash256 *preimage, const struct hash256 *hash, struct slice witness, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct slice item = btc_witness_item(witness, i);
		struct hash256 h;
		if (item.ptr == NULL || item.len != PREIMAGE_SIZE)
			continue;
		sha256(&h, item);
		if (hash256_eq(&h, hash)) {
			memcpy(preimage->b, item.ptr, PREIMAGE_SIZE);
			return true;
		}
	}
	return false;
}

enum btc_htlc_spend btc_htlc_read_spend(
	struct hash256 *preimage, const struct btc_htlc *h, struct slice witness)
{
	uint32_t count = btc_witness_count(witness);
	if (check_terms(h) != OK)
		return BTC_SPEND_OTHER;
	if (count >= 2) {
		const struct slice last = btc_witness_item(witness, count - 1);
		if (last.ptr != NULL && last.len > 0 && last.ptr[0] == ANNEX_TAG)
			count--;
	}
	if (count < 2) /* the key path, for which nobody has a key */
		return BTC_SPEND_OTHER;
	const struct slice script = btc_witness_item(witness, count - 2);
	if (script.ptr == NULL)
		return BTC_SPEND_OTHER;
	if (is_leaf(script, h, BTC_LEAF_REFUND))
		return BTC_SPEND_REFUND;
	if (is_leaf(script, h, BTC_LEAF_CLAIM) && find_preimage(preimage, &h->hash, witness, count))
		return BTC_SPEND_CLAIM;
	return BTC_SPEND_OTHER;
}
