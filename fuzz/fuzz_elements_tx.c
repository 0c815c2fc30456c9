/* A transaction of Elements that parses is written back as the same bytes; without witnesses and
 * proofs it is a transaction with the same id; a prefix gives the same answer or asks for more. */
#include "wire/elements_tx.h"

#include <stdlib.h>

#define ROOM 512u
#define PREFIXES_SIZE_MAX 512u /* of longer inputs not every prefix is tried */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct elements_txin in[ROOM];
static struct elements_txout out[ROOM];

static enum err parse(struct elements_tx *tx, size_t *used, const uint8_t *data, size_t size)
{
	*tx = (struct elements_tx){.in = in, .out = out};
	return elements_tx_parse(tx, used, ROOM, ROOM, slice_of(data, size));
}

static void check_again(const struct elements_tx *tx, const uint8_t *data, size_t used)
{
	struct hash256 id, wtxid, stripped_id;
	struct elements_tx stripped;
	size_t stripped_used;
	uint8_t *again = malloc(used);
	CHECK(again != NULL);
	struct buf b = buf_init(again, used);
	elements_tx_put(&b, tx);
	CHECK(!b.overflow && slice_eq(buf_slice(&b), slice_of(data, used)));
	elements_tx_id(&id, tx);
	elements_tx_wtxid(&wtxid, tx);
	const uint64_t weight = elements_tx_weight(tx);
	const uint64_t discounted = elements_tx_discount_weight(tx);
	b = buf_init(again, used);
	elements_tx_put_stripped(&b, tx);
	CHECK(!b.overflow && weight == 3 * b.len + used);
	CHECK(discounted <= weight && discounted > 0);
	CHECK(hash256_eq(&id, &wtxid) == (b.len == used));
	CHECK(parse(&stripped, &stripped_used, again, b.len) == OK && stripped_used == b.len);
	elements_tx_id(&stripped_id, &stripped);
	CHECK(hash256_eq(&id, &stripped_id));
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct elements_tx tx;
	size_t used;
	const enum err err = parse(&tx, &used, data, size);
	for (size_t n = 0; n < size && size <= PREFIXES_SIZE_MAX; n++) {
		const enum err part = parse(&tx, &used, data, n);
		CHECK(part == ERR_SHORT || part == err);
	}
	if (parse(&tx, &used, data, size) != OK)
		return 0;
	CHECK(used <= size);
	for (uint32_t i = 0; i < tx.out_count; i++) {
		struct hash256 asset;
		struct sat value;
		CHECK(!elements_value_read(&value, &tx.out[i].value) || value.raw <= SAT_MAX_RAW);
		CHECK(!elements_txout_is_fee(&tx.out[i]) ||
			elements_asset_read(&asset, &tx.out[i].asset));
	}
	check_again(&tx, data, used);
	return 0;
}
