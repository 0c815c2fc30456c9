/* Encoded terms: what parses writes back, has a tree, and can be spent or refused. */
#include "btc/build.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct slice in = slice_of(data, size);
	const struct btc_outpoint at = {.index = 1};
	const uint8_t to[34] = {0x51, 0x20};
	uint8_t storage[512];
	struct buf b = buf_init(storage, sizeof storage);
	struct btc_htlc h;
	struct btc_htlc_tree tree;
	if (btc_htlc_parse(&h, in) != OK)
		return 0;
	btc_htlc_put(&b, &h);
	CHECK(!b.overflow && slice_eq(buf_slice(&b), in));
	CHECK(btc_htlc_tree(&tree, &h) == OK);
	for (unsigned leaf = 0; leaf < BTC_LEAF_COUNT; leaf++) {
		struct buf raw = buf_init(storage, sizeof storage);
		uint64_t vsize;
		struct sat value;
		const enum err err = btc_build_spend(
			&raw, &vsize, &value, &h, &at, (enum btc_htlc_leaf)leaf, to, 1000, 1);
		CHECK(err == OK || err == ERR_RANGE);
		CHECK(err != OK || vsize <= btc_spend_vsize(&btc_sizes, (enum btc_htlc_leaf)leaf));
	}
	return 0;
}
