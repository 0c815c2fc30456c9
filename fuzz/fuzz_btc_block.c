/* A block is visited whole or not at all, and what is visited is what is in it. The input's Merkle
 * root is put right first, where its transactions parse: chance would never find one. */
#include "btc/block.h"

#include <stdlib.h>

#define ROOM 4096u
#define TX_MAX 252u /* one byte counts them */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	uint32_t count;
	uint64_t size;
};

static enum err see(void *ctx, uint32_t index, const struct btc_tx *tx, const struct hash256 *txid)
{
	struct seen *seen = ctx;
	struct hash256 id;
	CHECK(index == seen->count++);
	CHECK(btc_tx_is_coinbase(tx) == (index == 0));
	btc_tx_id(&id, tx);
	CHECK(hash256_eq(&id, txid));
	seen->size += btc_tx_weight(tx);
	return OK;
}

/* Open, visit (visit may be NULL) and close. */
static enum err walk(struct btc_header *header, struct slice bytes, btc_tx_visit visit, void *ctx)
{
	struct btc_block b;
	TRY(btc_block_open(&b, bytes, NULL));
	*header = b.header;
	const enum err err = visit == NULL ? OK : btc_block_visit(&b, visit, ctx);
	btc_block_close(&b);
	return err;
}

static void put_root_right(uint8_t *block, size_t size)
{
	static struct btc_txin in[ROOM];
	static struct btc_txout out[ROOM];
	static struct hash256 txid[TX_MAX];
	struct hash256 root;
	if (size <= BTC_HEADER_SIZE || block[BTC_HEADER_SIZE] > TX_MAX)
		return;
	const uint32_t count = block[BTC_HEADER_SIZE];
	size_t at = BTC_HEADER_SIZE + 1;
	for (uint32_t i = 0; i < count; i++) {
		struct btc_tx tx = {.in = in, .out = out};
		size_t used;
		if (btc_tx_parse(&tx, &used, ROOM, ROOM, slice_of(block + at, size - at)) != OK)
			return;
		btc_tx_id(&txid[i], &tx);
		at += used;
	}
	btc_merkle_root(&root, txid, count);
	memcpy(block + 36, root.b, sizeof root.b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *block = malloc(size + 1);
	CHECK(block != NULL);
	if (size > 0)
		memcpy(block, data, size);
	put_root_right(block, size);
	struct seen seen = {0};
	struct btc_header h;
	const enum err err = walk(&h, slice_of(block, size), see, &seen);
	if (err == OK) {
		uint8_t bytes[BTC_HEADER_SIZE];
		struct buf b = buf_init(bytes, sizeof bytes);
		btc_header_put(&b, &h);
		CHECK(slice_eq(buf_slice(&b), slice_of(block, BTC_HEADER_SIZE)));
		CHECK(seen.count > 0 && seen.size + 4u * BTC_HEADER_SIZE < BTC_BLOCK_SIZE_MAX);
		const enum err work = btc_header_check_work(&h);
		CHECK(work == OK || work == ERR_CHECKSUM || work == ERR_FORMAT);
		CHECK(walk(&h, slice_of(block, size - 1), see, &seen) == ERR_SHORT);
	} else {
		CHECK(seen.count == 0);
	}
	free(block);
	return 0;
}
