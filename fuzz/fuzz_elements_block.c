/* A block of Elements that opens has the transactions that its header says, each once and in order;
 * a header that parses is written back as the same bytes. */
#include "wire/elements_block.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum err count(
	void *ctx, uint32_t index, const struct elements_tx *tx, const struct hash256 *txid)
{
	struct hash256 id;
	CHECK(index == (*(uint32_t *)ctx)++);
	elements_tx_id(&id, tx);
	CHECK(hash256_eq(&id, txid) && elements_tx_is_coinbase(tx) == (index == 0));
	return OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t again[ELEMENTS_BLOCK_SIZE_MAX];
	struct elements_header h;
	struct elements_block b;
	uint32_t seen = 0;
	size_t used;
	if (size > sizeof again)
		return 0;
	if (elements_header_parse(&h, &used, slice_of(data, size)) == OK) {
		struct buf out = buf_init(again, sizeof again);
		elements_header_put(&out, &h);
		CHECK(slice_eq(buf_slice(&out), slice_of(data, used)));
	}
	if (elements_block_open(&b, slice_of(data, size), NULL) != OK)
		return 0;
	CHECK(elements_block_visit(&b, count, &seen) == OK && seen == b.tx_count);
	elements_block_close(&b);
	return 0;
}
