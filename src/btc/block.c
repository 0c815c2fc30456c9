#include "btc/block.h"
#include "crypto/hash.h"

#include <stdlib.h>

#define BLOCK_WEIGHT_MAX 4000000u
#define STRIPPED_SCALE 4u /* a byte outside witnesses weighs four */
#define TX_SIZE_MIN 60u   /* one input, one output, empty scripts */
#define INPUT_SIZE_MIN 41u
#define OUTPUT_SIZE_MIN 9u

/* By weight, no block has more of them. */
#define BLOCK_TX_MAX (BLOCK_WEIGHT_MAX / STRIPPED_SCALE / TX_SIZE_MIN)
#define BLOCK_INPUT_MAX (BLOCK_WEIGHT_MAX / STRIPPED_SCALE / INPUT_SIZE_MIN)
#define BLOCK_OUTPUT_MAX (BLOCK_WEIGHT_MAX / STRIPPED_SCALE / OUTPUT_SIZE_MIN)

enum err btc_header_parse(struct btc_header *out, struct slice in)
{
	if (in.len < BTC_HEADER_SIZE)
		return ERR_SHORT;
	struct reader r = reader_init(slice_of(in.ptr, BTC_HEADER_SIZE));
	out->version = reader_le32(&r);
	reader_copy(&r, out->parent.b, sizeof out->parent.b);
	reader_copy(&r, out->merkle_root.b, sizeof out->merkle_root.b);
	out->time = reader_le32(&r);
	out->bits = reader_le32(&r);
	out->nonce = reader_le32(&r);
	return reader_finish(&r);
}

void btc_header_put(struct buf *out, const struct btc_header *h)
{
	buf_le32(out, h->version);
	buf_put(out, h->parent.b, sizeof h->parent.b);
	buf_put(out, h->merkle_root.b, sizeof h->merkle_root.b);
	buf_le32(out, h->time);
	buf_le32(out, h->bits);
	buf_le32(out, h->nonce);
}

void btc_header_hash(struct hash256 *out, const struct btc_header *h)
{
	uint8_t bytes[BTC_HEADER_SIZE];
	struct buf b = buf_init(bytes, sizeof bytes);
	btc_header_put(&b, h);
	CHECK(!b.overflow && b.len == sizeof bytes);
	sha256d(out, buf_slice(&b));
}

/* bits: the target's length in bytes, a sign, its three leading bytes. */
static enum err target_from_bits(uint8_t target_le[32], uint32_t bits)
{
	const unsigned size = bits >> 24;
	const uint32_t word = bits & 0x7fffffu;
	bool zero = true;
	memset(target_le, 0, 32);
	if ((bits & 0x800000u) != 0)
		return ERR_FORMAT;
	for (unsigned i = 0; i < 3; i++) {
		const uint8_t byte = (uint8_t)(word >> 8 * i);
		const unsigned place = size + i; /* three above its own */
		if (byte == 0 || place < 3)
			continue;
		if (place - 3 >= 32)
			return ERR_FORMAT;
		target_le[place - 3] = byte;
		zero = false;
	}
	return zero ? ERR_FORMAT : OK; /* no hash is zero */
}

enum err btc_header_check_work(const struct btc_header *h)
{
	uint8_t target_le[32];
	struct hash256 hash;
	TRY(target_from_bits(target_le, h->bits));
	btc_header_hash(&hash, h); /* as a number it is little-endian, too */
	for (unsigned i = 32; i-- > 0;)
		if (hash.b[i] != target_le[i])
			return hash.b[i] < target_le[i] ? OK : ERR_CHECKSUM;
	return OK;
}

/* *mutated: two neighbours are equal, so that the same root has a shorter list of leaves, too
 * (CVE-2012-2459). */
static void merkle_root(struct hash256 *out, bool *mutated, struct hash256 *leaf, size_t count)
{
	*mutated = false;
	if (count == 0) {
		*out = (struct hash256){{0}};
		return;
	}
	while (count > 1) {
		size_t parents = 0;
		for (size_t i = 0; i < count; i += 2) {
			const size_t right = i + 1 < count ? i + 1 : i;
			if (right != i && hash256_eq(&leaf[i], &leaf[right]))
				*mutated = true;
			const struct slice pair[2] = {
				slice_of(leaf[i].b, 32), slice_of(leaf[right].b, 32)};
			struct hash256 parent;
			sha256d_parts(&parent, pair, 2);
			leaf[parents++] = parent;
		}
		count = parents;
	}
	*out = leaf[0];
}

void btc_merkle_root(struct hash256 *out, struct hash256 *leaf, size_t count)
{
	bool mutated;
	merkle_root(out, &mutated, leaf, count);
}

/* Room for what a block of this length can have at most; untouched pages cost nothing. */
struct room {
	struct btc_tx tx; /* .in and .out owned */
	uint32_t in_max;
	uint32_t out_max;
	struct hash256
		*txid; /* owned; twice tx_max: the second half is the Merkle tree's scratch */
	uint32_t tx_max;
};

static uint32_t at_most(size_t len, size_t size_min, uint32_t max)
{
	const size_t n = len / size_min + 1;
	return n < max ? (uint32_t)n : max;
}

static enum err room_init(struct room *room, size_t block_len)
{
	*room = (struct room){
		.in_max = at_most(block_len, INPUT_SIZE_MIN, BLOCK_INPUT_MAX),
		.out_max = at_most(block_len, OUTPUT_SIZE_MIN, BLOCK_OUTPUT_MAX),
		.tx_max = at_most(block_len, TX_SIZE_MIN, BLOCK_TX_MAX),
	};
	room->tx.in = calloc(room->in_max, sizeof *room->tx.in);
	room->tx.out = calloc(room->out_max, sizeof *room->tx.out);
	room->txid = calloc(2 * (size_t)room->tx_max, sizeof *room->txid);
	return room->tx.in != NULL && room->tx.out != NULL && room->txid != NULL ? OK : ERR_FULL;
}

static void room_fini(struct room *room)
{
	free(room->tx.in);
	free(room->tx.out);
	free(room->txid);
}

/* Every transaction once: that it parses, its weight, its id; a coinbase first and nowhere else. */
static enum err read_ids(struct room *room, struct slice txs, uint32_t tx_count, uint64_t weight)
{
	for (uint32_t i = 0; i < tx_count; i++) {
		size_t used;
		const enum err err = btc_tx_parse(
			&room->tx, &used, room->in_max, room->out_max, txs);
		if (err != OK)
			return err == ERR_FULL ? ERR_FORMAT : err;
		weight += btc_tx_weight(&room->tx);
		if (weight > BLOCK_WEIGHT_MAX || btc_tx_is_coinbase(&room->tx) != (i == 0))
			return ERR_FORMAT;
		btc_tx_id(&room->txid[i], &room->tx);
		txs = slice_of(txs.ptr + used, txs.len - used);
	}
	return txs.len == 0 ? OK : ERR_FORMAT;
}

static enum err check_root(struct room *room, uint32_t tx_count, const struct hash256 *want)
{
	struct hash256 *scratch = room->txid + room->tx_max;
	struct hash256 root;
	bool mutated;
	memcpy(scratch, room->txid, tx_count * sizeof *scratch);
	merkle_root(&root, &mutated, scratch, tx_count);
	return mutated || !hash256_eq(&root, want) ? ERR_CHECKSUM : OK;
}

static enum err visit_all(
	struct room *room, struct slice txs, uint32_t tx_count, btc_tx_visit visit, void *ctx)
{
	for (uint32_t i = 0; i < tx_count; i++) {
		size_t used;
		TRY(btc_tx_parse(&room->tx, &used, room->in_max, room->out_max, txs));
		TRY(visit(ctx, i, &room->tx, &room->txid[i]));
		txs = slice_of(txs.ptr + used, txs.len - used);
	}
	return OK;
}

/* The number of transactions. */
static enum err take_tx_count(uint32_t *tx_count, struct slice *txs, struct slice block)
{
	struct reader r = reader_init(
		slice_of(block.ptr + BTC_HEADER_SIZE, block.len - BTC_HEADER_SIZE));
	const struct reader start = r;
	const uint64_t v = btc_get_compact(&r);
	if (r.failed) {
		/* one byte says how many belong to the number: were they there? */
		struct reader again = start;
		const uint8_t first = reader_u8(&again);
		const size_t len = first < 0xfd ? 1 : 1 + ((size_t)2 << (first - 0xfd));
		return start.left < len ? ERR_SHORT : ERR_FORMAT;
	}
	if (v == 0 || v > BLOCK_TX_MAX)
		return ERR_FORMAT;
	*tx_count = (uint32_t)v;
	*txs = slice_of(r.ptr, r.left);
	return v > r.left / TX_SIZE_MIN ? ERR_SHORT : OK;
}

enum err btc_block_walk(
	struct btc_header *header, struct slice block, btc_tx_visit visit, void *ctx)
{
	struct btc_header h;
	struct room room;
	struct slice txs;
	uint32_t tx_count;
	if (block.len > BTC_BLOCK_SIZE_MAX)
		return ERR_FORMAT;
	TRY(btc_header_parse(&h, block));
	TRY(take_tx_count(&tx_count, &txs, block));
	enum err err = room_init(&room, block.len);
	if (err != OK)
		goto out;
	const uint64_t overhead = block.len - txs.len;
	err = read_ids(&room, txs, tx_count, overhead * STRIPPED_SCALE);
	if (err != OK)
		goto out;
	err = check_root(&room, tx_count, &h.merkle_root);
	if (err != OK)
		goto out;
	*header = h;
	if (visit != NULL)
		err = visit_all(&room, txs, tx_count, visit, ctx);
out:
	room_fini(&room);
	return err;
}
