#include "btc/htlc.h"

#include <stdlib.h>

#include "base/hex.h"
#include "crypto/hash.h"

static struct xonly key_of(uint8_t n)
{
	struct seckey secret = {{0}};
	struct pubkey key;
	struct xonly x;
	bool odd;
	secret.b[31] = n;
	CHECK(pubkey_from_seckey(&key, &secret) == OK);
	xonly_from_pubkey(&x, &odd, &key);
	return x;
}

static const struct hash256 preimage_1 = {{1, 2, 3}};

static struct btc_htlc sample(void)
{
	struct btc_htlc h = {.claim = key_of(2), .refund = key_of(3), .timelock = 840000};
	sha256(&h.hash, slice_of(preimage_1.b, sizeof preimage_1.b));
	h.client = h.refund;
	h.provider = h.claim;
	h.amount.raw = 1000000;
	return h;
}

static void test_terms(void)
{
	const struct btc_htlc h = sample();
	uint8_t bytes[BTC_HTLC_SIZE + 1] = {0}, again[BTC_HTLC_SIZE];
	struct buf b = buf_init(bytes, BTC_HTLC_SIZE), b2 = buf_init(again, sizeof again);
	struct btc_htlc back;
	btc_htlc_put(&b, &h);
	CHECK(!b.overflow && b.len == BTC_HTLC_SIZE);
	CHECK(btc_htlc_parse(&back, buf_slice(&b)) == OK);
	btc_htlc_put(&b2, &back);
	CHECK(memcmp(bytes, again, sizeof again) == 0);
	CHECK(btc_htlc_parse(&back, slice_of(bytes, BTC_HTLC_SIZE - 1)) == ERR_SHORT);
	CHECK(btc_htlc_parse(&back, slice_of(bytes, BTC_HTLC_SIZE + 1)) == ERR_FORMAT);
}

static enum err parse(const struct btc_htlc *h)
{
	uint8_t bytes[BTC_HTLC_SIZE];
	struct buf b = buf_init(bytes, sizeof bytes);
	struct btc_htlc back;
	struct btc_htlc_tree tree;
	btc_htlc_put(&b, h);
	const enum err err = btc_htlc_parse(&back, buf_slice(&b));
	CHECK(btc_htlc_tree(&tree, h) == err);
	return err;
}

static void test_refused_terms(void)
{
	struct btc_htlc h = sample();
	CHECK(parse(&h) == OK);
	h.client = h.claim;
	h.provider = h.refund;
	CHECK(parse(&h) == OK);
	h.provider = h.claim;
	CHECK(parse(&h) == ERR_FORMAT);
	h = sample();
	h.client = key_of(4);
	CHECK(parse(&h) == ERR_FORMAT);
	h = sample();
	memset(h.claim.b, 0xff, sizeof h.claim.b); /* above the field's prime */
	h.provider = h.claim;
	CHECK(parse(&h) == ERR_FORMAT);
	h = sample();
	h.timelock = 0;
	CHECK(parse(&h) == ERR_FORMAT);
	h.timelock = 500000000;
	CHECK(parse(&h) == ERR_FORMAT);
	h.timelock = 499999999;
	CHECK(parse(&h) == OK);
	h.amount.raw = 0;
	CHECK(parse(&h) == ERR_FORMAT);
	h.amount.raw = SAT_MAX_RAW;
	CHECK(parse(&h) == OK);
	h.amount.raw++;
	CHECK(parse(&h) == ERR_RANGE);
}

static void append_hex(struct buf *text, const void *bytes, size_t len)
{
	char hex[200];
	hex_encode(hex, bytes, len);
	buf_printf(text, "%s", hex);
}

static void check_leaf(
	const struct btc_htlc_tree *t, enum btc_htlc_leaf leaf, const struct buf *want)
{
	char hex[2 * BTC_LEAF_SCRIPT_MAX + 1];
	hex_encode(hex, t->leaf[leaf], t->leaf_len[leaf]);
	CHECK(slice_eq(slice_str(hex), buf_slice(want)));
}

static void test_leaves(void)
{
	const struct btc_htlc h = sample();
	struct btc_htlc_tree t;
	char storage[400];
	CHECK(btc_htlc_tree(&t, &h) == OK);

	struct buf want = buf_init(storage, sizeof storage);
	buf_printf(&want, "82012088a820");
	append_hex(&want, h.hash.b, 32);
	buf_printf(&want, "8820");
	append_hex(&want, h.claim.b, 32);
	buf_printf(&want, "ac");
	check_leaf(&t, BTC_LEAF_CLAIM, &want);

	want = buf_init(storage, sizeof storage);
	buf_printf(&want, "20");
	append_hex(&want, h.refund.b, 32);
	buf_printf(&want, "ad0340d10cb1"); /* 840000 */
	check_leaf(&t, BTC_LEAF_REFUND, &want);

	want = buf_init(storage, sizeof storage);
	buf_printf(&want, "20");
	append_hex(&want, h.client.b, 32);
	buf_printf(&want, "ad20");
	append_hex(&want, h.provider.b, 32);
	buf_printf(&want, "ac");
	check_leaf(&t, BTC_LEAF_COOPERATIVE, &want);
}

/* Minimal script numbers, as consensus code reads them: a wrong one can't be refunded. */
static void test_heights(void)
{
	static const struct {
		uint32_t height;
		const char *push;
	} rows[] = {
		{1, "51"},
		{2, "52"},
		{16, "60"},
		{17, "0111"},
		{127, "017f"},
		{128, "028000"},
		{200, "02c800"},
		{255, "02ff00"},
		{256, "020001"},
		{32767, "02ff7f"},
		{32768, "03008000"},
		{65535, "03ffff00"},
		{8388607, "03ffff7f"},
		{8388608, "0400008000"},
		{499999999, "04ff64cd1d"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct btc_htlc h = sample();
		struct btc_htlc_tree t;
		char hex[2 * BTC_LEAF_SCRIPT_MAX + 1];
		h.timelock = rows[i].height;
		CHECK(btc_htlc_tree(&t, &h) == OK);
		const size_t len = t.leaf_len[BTC_LEAF_REFUND];
		hex_encode(hex, t.leaf[BTC_LEAF_REFUND] + 34, len - 35);
		CHECK(strcmp(hex, rows[i].push) == 0);
	}
}

/* BIP-341's rule for a script path spend: the control block leads from the leaf to the output. */
static void test_control_blocks(void)
{
	static const size_t depth[BTC_LEAF_COUNT] = {1, 2, 2};
	const struct btc_htlc h = sample();
	struct btc_htlc_tree t;
	CHECK(btc_htlc_tree(&t, &h) == OK);
	for (unsigned leaf = 0; leaf < BTC_LEAF_COUNT; leaf++) {
		const uint8_t *control = t.control[leaf];
		struct hash256 node, sibling;
		struct xonly internal, output;
		bool odd;
		CHECK(t.control_len[leaf] == 33 + 32 * depth[leaf]);
		btc_tapleaf_hash(&node, &btc_taproot, slice_of(t.leaf[leaf], t.leaf_len[leaf]));
		CHECK(hash256_eq(&node, &t.leaf_hash[leaf]));
		for (size_t i = 0; i < depth[leaf]; i++) {
			const struct hash256 below = node;
			memcpy(sibling.b, control + 33 + 32 * i, 32);
			btc_tapbranch_hash(&node, &btc_taproot, &below, &sibling);
		}
		CHECK(hash256_eq(&node, &t.root));
		memcpy(internal.b, control + 1, 32);
		CHECK(taproot_output_key(&output, &odd, &internal, &node) == OK);
		CHECK(control[0] == (odd ? 0xc1 : 0xc0));
		CHECK(memcmp(output.b, t.script_pubkey + 2, 32) == 0);
		CHECK(t.script_pubkey[0] == 0x51 && t.script_pubkey[1] == 0x20);
	}
}

static void test_outputs_differ(void)
{
	struct btc_htlc h = sample();
	struct btc_htlc_tree a, b;
	CHECK(btc_htlc_tree(&a, &h) == OK);
	h.amount.raw++; /* who pays another amount pays the same script */
	CHECK(btc_htlc_tree(&b, &h) == OK);
	CHECK(memcmp(a.script_pubkey, b.script_pubkey, sizeof a.script_pubkey) == 0);
	h.timelock++;
	CHECK(btc_htlc_tree(&b, &h) == OK);
	CHECK(memcmp(a.internal.b, b.internal.b, sizeof a.internal.b) != 0);
	CHECK(memcmp(a.script_pubkey, b.script_pubkey, sizeof a.script_pubkey) != 0);
}

/* As tools/vectors/btc_htlc.py computes it, too. It must never change: open swaps outlive upgrades.
 */
static void test_fixed(void)
{
	const struct btc_htlc h = sample();
	struct btc_htlc_tree t;
	char hex[2 * 34 + 1];
	CHECK(btc_htlc_tree(&t, &h) == OK);
	hex_encode(hex, t.script_pubkey, sizeof t.script_pubkey);
	CHECK(strcmp(hex, "5120eff9864b125662fe4d849fdc594d74cc650407a02cd6d6bcaf8b1ba452f8f3bb") ==
		0);
}

static void put_item(struct buf *out, const void *bytes, size_t len)
{
	btc_put_compact(out, len);
	buf_put(out, bytes, len);
}

static enum btc_htlc_spend read_spend(const struct buf *witness)
{
	const struct btc_htlc h = sample();
	struct hash256 got = {{0xee}};
	const enum btc_htlc_spend spend = btc_htlc_read_spend(&got, &h, buf_slice(witness));
	CHECK(hash256_eq(&got, &preimage_1) == (spend == BTC_SPEND_CLAIM));
	return spend;
}

static void test_read_own(void)
{
	const struct btc_htlc h = sample();
	struct btc_htlc_tree t;
	uint8_t storage[BTC_HTLC_WITNESS_MAX], sig[64];
	memset(sig, 7, sizeof sig);
	CHECK(btc_htlc_tree(&t, &h) == OK);

	struct buf w = buf_init(storage, sizeof storage);
	btc_htlc_witness_claim(&w, &t, sig, &preimage_1);
	CHECK(!w.overflow && btc_witness_count(buf_slice(&w)) == 4);
	CHECK(read_spend(&w) == BTC_SPEND_CLAIM);
	for (size_t cut = 0; cut < w.len; cut++) {
		struct buf part = w;
		part.len = cut;
		CHECK(read_spend(&part) == BTC_SPEND_OTHER);
	}

	w = buf_init(storage, sizeof storage);
	btc_htlc_witness_refund(&w, &t, sig);
	CHECK(!w.overflow && read_spend(&w) == BTC_SPEND_REFUND);

	w = buf_init(storage, sizeof storage);
	btc_htlc_witness_cooperative(&w, &t, sig, sig);
	CHECK(!w.overflow && read_spend(&w) == BTC_SPEND_OTHER);

	w = buf_init(storage, sizeof storage);
	btc_put_compact(&w, 1);
	put_item(&w, sig, sizeof sig);
	CHECK(read_spend(&w) == BTC_SPEND_OTHER);
}

/* Stacks that strangers could make: an annex, more items, the preimage elsewhere or wrong. */
static void test_read_strange(void)
{
	const struct btc_htlc h = sample();
	struct btc_htlc_tree t;
	uint8_t storage[800], sig[64], long_preimage[33] = {1, 2, 3};
	static const uint8_t annex[3] = {0x50, 1, 2};
	const uint8_t *claim, *control;
	memset(sig, 7, sizeof sig);
	CHECK(btc_htlc_tree(&t, &h) == OK);
	claim = t.leaf[BTC_LEAF_CLAIM];
	control = t.control[BTC_LEAF_CLAIM];
	const size_t claim_len = t.leaf_len[BTC_LEAF_CLAIM];
	const size_t control_len = t.control_len[BTC_LEAF_CLAIM];

	struct buf w = buf_init(storage, sizeof storage);
	btc_put_compact(&w, 5);
	put_item(&w, sig, sizeof sig);
	put_item(&w, preimage_1.b, 32);
	put_item(&w, claim, claim_len);
	put_item(&w, control, control_len);
	put_item(&w, annex, sizeof annex);
	CHECK(read_spend(&w) == BTC_SPEND_CLAIM);

	w = buf_init(storage, sizeof storage);
	btc_put_compact(&w, 5);
	put_item(&w, preimage_1.b, 32);
	put_item(&w, sig, sizeof sig);
	put_item(&w, sig, 32);
	put_item(&w, claim, claim_len);
	put_item(&w, control, control_len);
	CHECK(read_spend(&w) == BTC_SPEND_CLAIM);

	const size_t wrong[] = {31, 33};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		w = buf_init(storage, sizeof storage);
		btc_put_compact(&w, 4);
		put_item(&w, sig, sizeof sig);
		put_item(&w, long_preimage, wrong[i]);
		put_item(&w, claim, claim_len);
		put_item(&w, control, control_len);
		CHECK(read_spend(&w) == BTC_SPEND_OTHER);
	}

	/* the preimage beside another leaf proves no claim */
	w = buf_init(storage, sizeof storage);
	btc_put_compact(&w, 3);
	put_item(&w, preimage_1.b, 32);
	put_item(&w, claim, claim_len - 1);
	put_item(&w, control, control_len);
	CHECK(read_spend(&w) == BTC_SPEND_OTHER);
}

int main(void)
{
	static const uint8_t seed[32] = {1};
	secp_init(seed);
	test_terms();
	test_refused_terms();
	test_leaves();
	test_heights();
	test_control_blocks();
	test_outputs_differ();
	test_fixed();
	test_read_own();
	test_read_strange();
	return EXIT_SUCCESS;
}
