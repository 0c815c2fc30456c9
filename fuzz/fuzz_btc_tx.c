/* A transaction that parses is written back as the same bytes; without its witnesses it is a
 * transaction with the same id; a stack of witnesses is whole. */
#include "btc/tx.h"

#include <stdlib.h>

#define ROOM 4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_stack(struct slice witness)
{
	const uint32_t count = btc_witness_count(witness);
	size_t total = 0;
	CHECK((count > 0) == (witness.len > 0));
	for (uint32_t i = 0; i < count && count <= BTC_WITNESS_ITEM_MAX; i++) {
		const struct slice item = btc_witness_item(witness, i);
		CHECK(item.ptr > witness.ptr && item.ptr + item.len <= witness.ptr + witness.len);
		total += item.len;
	}
	CHECK(total < witness.len || count == 0);
	CHECK(btc_witness_item(witness, count).ptr == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct btc_txin in[ROOM];
	static struct btc_txout out[ROOM];
	struct btc_tx tx = {.in = in, .out = out};
	size_t used;
	const enum err err = btc_tx_parse(&tx, &used, ROOM, ROOM, slice_of(data, size));
	for (size_t step = 1; step <= size && size <= 512; step++) {
		/* a prefix gives the same answer or asks for more */
		struct btc_tx part = {.in = in, .out = out};
		size_t part_used;
		const enum err part_err = btc_tx_parse(
			&part, &part_used, ROOM, ROOM, slice_of(data, size - step));
		CHECK(part_err == ERR_SHORT || part_err == err);
	}
	(void)btc_witness_count(slice_of(data, size));
	(void)btc_witness_item(slice_of(data, size), 0);
	tx = (struct btc_tx){.in = in, .out = out};
	if (btc_tx_parse(&tx, &used, ROOM, ROOM, slice_of(data, size)) != OK)
		return 0;
	CHECK(used <= size);
	for (uint32_t i = 0; i < tx.in_count; i++)
		check_stack(tx.in[i].witness);
	uint8_t *again = malloc(used);
	CHECK(again != NULL);
	struct buf b = buf_init(again, used);
	btc_tx_put(&b, &tx);
	CHECK(!b.overflow && slice_eq(buf_slice(&b), slice_of(data, used)));

	struct hash256 id;
	struct hash256 stripped_id;
	const uint64_t weight = btc_tx_weight(&tx);
	btc_tx_id(&id, &tx);
	b = buf_init(again, used);
	btc_tx_put_stripped(&b, &tx);
	CHECK(!b.overflow && weight == 3 * b.len + used);
	struct btc_tx stripped = {.in = in, .out = out};
	CHECK(btc_tx_parse(&stripped, &used, ROOM, ROOM, buf_slice(&b)) == OK && used == b.len);
	btc_tx_id(&stripped_id, &stripped);
	CHECK(hash256_eq(&id, &stripped_id));
	free(again);
	return 0;
}
