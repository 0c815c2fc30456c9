#include "btc/block.h"
#include "base/hex.h"
#include "btc/vectors_blocks.h"
#include "crypto/hash.h"

#include <stdio.h>
#include <stdlib.h>

#define BLOCK_ROOM 8192u

struct seen {
	uint32_t count;
	uint32_t with_witness;
	uint32_t stop_at;
	uint64_t size;
};

static enum err see(void *ctx, uint32_t index, const struct btc_tx *tx, const struct hash256 *txid)
{
	struct seen *seen = ctx;
	struct hash256 id;
	CHECK(index == seen->count);
	CHECK(btc_tx_is_coinbase(tx) == (index == 0));
	btc_tx_id(&id, tx);
	CHECK(hash256_eq(&id, txid));
	for (uint32_t i = 0; i < tx->in_count; i++)
		seen->with_witness += tx->in[i].witness.len > 0;
	seen->count++;
	static uint8_t bytes[BLOCK_ROOM];
	struct buf b = buf_init(bytes, sizeof bytes);
	btc_tx_put(&b, tx);
	seen->size += b.len;
	return index == seen->stop_at ? ERR_CANCELLED : OK;
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

static struct seen nothing_seen(void)
{
	return (struct seen){.stop_at = UINT32_MAX};
}

static void test_real_blocks(void)
{
	uint32_t with_witness = 0;
	for (size_t i = 0; i < ARRAY_LEN(block_vectors); i++) {
		const struct slice bytes = block_vectors[i].bytes;
		struct seen seen = nothing_seen();
		struct btc_header h;
		struct hash256 hash;
		struct hash256 want;
		uint8_t again[BTC_HEADER_SIZE];
		CHECK(walk(&h, bytes, see, &seen) == OK);
		CHECK(seen.count == block_vectors[i].tx_count);
		CHECK(seen.size + BTC_HEADER_SIZE + 1 == bytes.len);
		with_witness += seen.with_witness;
		btc_header_hash(&hash, &h);
		CHECK(hex_decode_reversed(want.b, 32, slice_str(block_vectors[i].hash)) == OK);
		CHECK(hash256_eq(&hash, &want));
		struct buf b = buf_init(again, sizeof again);
		btc_header_put(&b, &h);
		CHECK(b.len == BTC_HEADER_SIZE && memcmp(again, bytes.ptr, BTC_HEADER_SIZE) == 0);
		CHECK(btc_header_check_work(&h) == OK);
		h.nonce ^= 1;
		CHECK(btc_header_check_work(&h) == ERR_CHECKSUM);
		for (size_t n = 0; n < bytes.len; n++)
			CHECK(walk(&h, slice_of(bytes.ptr, n), see, &seen) == ERR_SHORT);
		CHECK(seen.count == block_vectors[i].tx_count); /* none was visited */
		CHECK(walk(&h, bytes, NULL, NULL) == OK);
	}
	CHECK(with_witness > 5);
}

/* Change any byte outside of witnesses: the Merkle root, or the format, is wrong. */
static void test_damage(void)
{
	const struct slice bytes = block_vectors[1].bytes;
	static uint8_t copy[BLOCK_ROOM];
	struct btc_header h;
	CHECK(bytes.len < sizeof copy);
	for (size_t at = 36; at < bytes.len; at++) {
		struct seen seen = nothing_seen();
		if (at >= 68 && at < BTC_HEADER_SIZE)
			continue; /* time, bits, nonce: the header's work */
		memcpy(copy, bytes.ptr, bytes.len);
		copy[at] ^= 0x40;
		CHECK(walk(&h, slice_of(copy, bytes.len), see, &seen) != OK);
		CHECK(seen.count == 0);
	}
	memcpy(copy, bytes.ptr, bytes.len);
	copy[bytes.len] = 0;
	CHECK(walk(&h, slice_of(copy, bytes.len + 1), NULL, NULL) == ERR_FORMAT);
}

static void test_visit_stops(void)
{
	struct seen seen = nothing_seen();
	struct btc_header h;
	seen.stop_at = 2;
	CHECK(walk(&h, block_vectors[1].bytes, see, &seen) == ERR_CANCELLED);
	CHECK(seen.count == 3);
}

/* Where each transaction of a block lies. */
struct cut {
	struct slice tx[16];
	uint32_t count;
};

static void cut_block(struct cut *cut, struct slice block)
{
	static struct btc_txin in[256];
	static struct btc_txout out[256];
	struct slice rest = slice_of(
		block.ptr + BTC_HEADER_SIZE + 1, block.len - BTC_HEADER_SIZE - 1);
	cut->count = block.ptr[BTC_HEADER_SIZE];
	CHECK(cut->count <= ARRAY_LEN(cut->tx));
	for (uint32_t i = 0; i < cut->count; i++) {
		struct btc_tx tx = {.in = in, .out = out};
		size_t used;
		CHECK(btc_tx_parse(&tx, &used, 256, 256, rest) == OK);
		cut->tx[i] = slice_of(rest.ptr, used);
		rest = slice_of(rest.ptr + used, rest.len - used);
	}
	CHECK(rest.len == 0);
}

/* A block of these transactions, by index; the root is the first block's own or the right one. */
static enum err walk_of(const struct cut *cut, const uint8_t header[BTC_HEADER_SIZE],
	const uint32_t *index, uint32_t count, bool own_root)
{
	static uint8_t bytes[4 * BLOCK_ROOM];
	struct buf b = buf_init(bytes, sizeof bytes);
	struct hash256 leaf[32];
	struct btc_header h;
	buf_put(&b, header, BTC_HEADER_SIZE);
	btc_put_compact(&b, count);
	for (uint32_t i = 0; i < count; i++) {
		const struct slice tx = cut->tx[index[i]];
		buf_put(&b, tx.ptr, tx.len);
		CHECK(i < ARRAY_LEN(leaf));
		sha256d(&leaf[i], tx);
	}
	CHECK(!b.overflow);
	if (!own_root) {
		struct hash256 root;
		btc_merkle_root(&root, leaf, count);
		memcpy(bytes + 36, root.b, 32);
	}
	return walk(&h, buf_slice(&b), NULL, NULL);
}

/* CVE-2012-2459: an odd list and the list with its last part repeated have one root. */
static void test_mutated(void)
{
	const struct slice bytes = block_vectors[1].bytes; /* nine, no witnesses */
	struct cut cut;
	cut_block(&cut, bytes);
	CHECK(cut.count == 9);
	static const uint32_t same[] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
	static const uint32_t last_twice[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 8};
	static const uint32_t swapped[] = {0, 2, 1, 3, 4, 5, 6, 7, 8};
	static const uint32_t six_mutated[] = {0, 1, 2, 3, 4, 5, 4, 5};
	static const uint32_t no_coinbase[] = {1, 2, 3};
	static const uint32_t two_coinbases[] = {0, 1, 0};
	CHECK(walk_of(&cut, bytes.ptr, same, 9, true) == OK);
	CHECK(walk_of(&cut, bytes.ptr, same, 6, false) == OK);
	CHECK(walk_of(&cut, bytes.ptr, same, 6, true) == ERR_CHECKSUM);
	CHECK(walk_of(&cut, bytes.ptr, swapped, 9, true) == ERR_CHECKSUM);
	CHECK(walk_of(&cut, bytes.ptr, last_twice, 10, true) == ERR_CHECKSUM);
	CHECK(walk_of(&cut, bytes.ptr, last_twice, 10, false) == ERR_CHECKSUM);
	CHECK(walk_of(&cut, bytes.ptr, six_mutated, 8, false) == ERR_CHECKSUM);
	CHECK(walk_of(&cut, bytes.ptr, no_coinbase, 3, false) == ERR_FORMAT);
	CHECK(walk_of(&cut, bytes.ptr, two_coinbases, 3, false) == ERR_FORMAT);
	CHECK(walk_of(&cut, bytes.ptr, same, 0, true) == ERR_FORMAT);
	struct hash256 root = {{1}};
	struct hash256 leaf[1] = {{{7}}};
	btc_merkle_root(&root, leaf, 0);
	CHECK(hash256_is_zero(&root));
	btc_merkle_root(&root, leaf, 1);
	CHECK(hash256_eq(&root, &leaf[0]));
}

static void test_tx_count(void)
{
	static uint8_t block[BTC_BLOCK_SIZE_MAX + 1];
	static const struct {
		uint8_t count[9];
		enum err err;
	} rows[] = {
		{{0}, ERR_FORMAT}, {{0xfd, 1, 0}, ERR_FORMAT},
		{{0xfe, 0xff, 0xff, 0xff, 0xff}, ERR_FORMAT}, {{0xff, 1, 0, 0, 0, 1}, ERR_FORMAT},
		{{0xfd, 0x00, 0x41}, ERR_SHORT},  /* 16,640 */
		{{0xfd, 0x1b, 0x41}, ERR_FORMAT}, /* 16,667 times 60 bytes weigh too much */
	};
	struct btc_header h;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		memcpy(block + BTC_HEADER_SIZE, rows[i].count, 9);
		CHECK(walk(&h, slice_of(block, BTC_HEADER_SIZE + 9), NULL, NULL) == rows[i].err);
	}
	CHECK(walk(&h, slice_of(block, sizeof block), NULL, NULL) == ERR_FORMAT);
}

/* A coinbase whose script fills the block: legal by size, too heavy without witnesses. */
static void test_weight(void)
{
	static uint8_t block[1000100];
	struct btc_header h;
	/* version, one input, outpoint, script length and script, sequence, one output, lock time
	 */
	for (uint32_t extra = 0; extra < 2; extra++) {
		const uint32_t script_len = 1000000u - BTC_HEADER_SIZE - 1 -
			(4 + 1 + 36 + 5 + 4 + 1 + 9 + 4) + extra;
		struct buf b = buf_init(block, sizeof block);
		memset(block, 0, sizeof block);
		b.len = BTC_HEADER_SIZE;
		buf_u8(&b, 1);
		buf_le32(&b, 2);
		buf_u8(&b, 1);
		b.len += 32;
		buf_le32(&b, UINT32_MAX);
		btc_put_compact(&b, script_len);
		b.len += script_len;
		buf_le32(&b, 0);
		buf_u8(&b, 1);
		buf_le64(&b, 0);
		buf_u8(&b, 0);
		buf_le32(&b, 0);
		CHECK(!b.overflow && b.len == 1000000u + extra);
		struct hash256 root;
		sha256d(&root, slice_of(block + 81, b.len - 81));
		memcpy(block + 36, root.b, 32);
		CHECK(walk(&h, buf_slice(&b), NULL, NULL) == (extra == 0 ? OK : ERR_FORMAT));
	}
}

/* Somebody who runs the loop's parts in another order, each by itself. */
static void run_backwards(void *self, size_t count, size_t item_size, parallel_body body, void *ctx)
{
	const size_t piece = *(const size_t *)self;
	(void)item_size;
	for (size_t left = count; left > 0;) {
		const size_t begin = left > piece ? left - piece : 0;
		body(ctx, begin, left);
		left = begin;
	}
}

/* The least transaction, told apart from others by its lock time; the first is a coinbase. */
static void put_small(struct buf *b, uint32_t number)
{
	static const uint8_t zero[32];
	buf_le32(b, 2);
	buf_u8(b, 1);
	buf_put(b, zero, sizeof zero);
	buf_le32(b, number == 0 ? UINT32_MAX : number);
	buf_u8(b, 0);
	buf_le32(b, 0);
	buf_u8(b, 1);
	buf_le64(b, number);
	buf_u8(b, 0);
	buf_le32(b, number);
}

/* Blocks of so many transactions that their trees are cut: the root is that of the whole list,
 * whoever hashes what, and a change in any part is found. */
static void test_cut_trees(void)
{
	static const uint32_t counts[] = {511, 512, 513, 1023, 1024, 1025, 1536, 1537, 2561, 16393};
	static uint8_t bytes[BTC_HEADER_SIZE + 3 + 61 * 16393];
	static struct hash256 leaf[16393];
	size_t piece = 7;
	const struct parallel backwards = {.run = run_backwards, .self = &piece};
	for (size_t c = 0; c < ARRAY_LEN(counts); c++) {
		const uint32_t count = counts[c];
		struct buf b = buf_init(bytes, sizeof bytes);
		struct btc_block block;
		struct hash256 root;
		memset(bytes, 0, BTC_HEADER_SIZE);
		b.len = BTC_HEADER_SIZE;
		btc_put_compact(&b, count);
		for (uint32_t i = 0; i < count; i++) {
			const size_t at = b.len;
			put_small(&b, i);
			sha256d(&leaf[i], slice_of(bytes + at, b.len - at));
		}
		CHECK(!b.overflow);
		const struct hash256 last = leaf[count - 1];
		btc_merkle_root(&root, leaf, count);
		memcpy(bytes + 36, root.b, 32);
		CHECK(btc_block_open(&block, buf_slice(&b), NULL) == OK);
		CHECK(block.tx_count == count && hash256_eq(&block.tx[count - 1].txid, &last));
		btc_block_close(&block);
		CHECK(btc_block_open(&block, buf_slice(&b), &backwards) == OK);
		CHECK(hash256_eq(&block.tx[count - 1].txid, &last));
		btc_block_close(&block);
		bytes[b.len - 1] ^= 1;
		CHECK(btc_block_open(&block, buf_slice(&b), &backwards) == ERR_CHECKSUM);
		bytes[b.len - 1] ^= 1;
		bytes[BTC_HEADER_SIZE + 3 + 60 * 300] ^= 1;
		CHECK(btc_block_open(&block, buf_slice(&b), &backwards) == ERR_CHECKSUM);
	}
}

/* Witnesses are covered by the coinbase's commitment, each byte of them. */
static void test_witnesses(void)
{
	static uint8_t copy[BLOCK_ROOM];
	uint32_t committed = 0;
	size_t piece = 1;
	const struct parallel backwards = {.run = run_backwards, .self = &piece};
	for (size_t i = 0; i < ARRAY_LEN(block_vectors); i++) {
		const struct slice bytes = block_vectors[i].bytes;
		struct btc_block b;
		if (bytes.len > sizeof copy)
			continue;
		memcpy(copy, bytes.ptr, bytes.len);
		CHECK(btc_block_open(&b, slice_of(copy, bytes.len), &backwards) == OK);
		CHECK(btc_block_check_witnesses(&b, NULL) == OK);
		CHECK(btc_block_check_witnesses(&b, &backwards) == OK);
		for (uint32_t t = 0; t < b.tx_count; t++) {
			if (b.tx[t].stripped == b.tx[t].len)
				continue;
			committed++;
			/* the last byte before the lock time is the last one of a witness */
			uint8_t *at = copy + b.tx[t].at + b.tx[t].len - 5;
			*at ^= 1;
			CHECK(btc_block_check_witnesses(&b, &backwards) == ERR_CHECKSUM);
			*at ^= 1;
		}
		CHECK(btc_block_check_witnesses(&b, &backwards) == OK);
		btc_block_close(&b);
	}
	CHECK(committed > 2);
}

/* The compact form's edges, as Bitcoin Core's arith_uint256 reads them. */
static void test_bits(void)
{
	static const struct {
		uint32_t bits;
		enum err err;
	} rows[] = {
		{0, ERR_FORMAT},
		{0x00123456, ERR_FORMAT}, /* zero */
		{0x01003456, ERR_FORMAT}, /* zero */
		{0x02000056, ERR_FORMAT}, /* zero */
		{0x03000000, ERR_FORMAT},
		{0x04000000, ERR_FORMAT},
		{0x01fedcba, ERR_FORMAT},   /* negative */
		{0x04923456, ERR_FORMAT},   /* negative */
		{0x01123456, ERR_CHECKSUM}, /* 0x12 */
		{0x02123456, ERR_CHECKSUM},
		{0x03123456, ERR_CHECKSUM},
		{0x20123456, ERR_CHECKSUM},
		{0x207fffff, OK},
		{0x21123456, ERR_FORMAT}, /* overflows */
		{0x2100ffff, OK},
		{0x220000ff, OK},
		{0x220001ff, ERR_FORMAT},
		{0x23000001, ERR_FORMAT},
		{0xff123456, ERR_FORMAT},
		{0xff000000, ERR_FORMAT},
	};
	struct btc_header h = {.version = 1};
	/* a nonce whose hash has its highest byte between 0x13 and 0x7f */
	struct hash256 hash;
	do {
		h.nonce++;
		h.bits = 0x207fffff;
		btc_header_hash(&hash, &h);
	} while (hash.b[31] < 0x20 || hash.b[31] > 0x70);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		/* the bits are hashed, too: look for a nonce again */
		h.bits = rows[i].bits;
		do {
			h.nonce++;
			btc_header_hash(&hash, &h);
		} while (hash.b[31] < 0x20 || hash.b[31] > 0x70);
		CHECK(btc_header_check_work(&h) == rows[i].err);
	}
	const struct hash256 zero = {{0}};
	CHECK(hash256_eq(&h.parent, &zero));
	uint8_t bytes[BTC_HEADER_SIZE] = {0};
	for (size_t n = 0; n < BTC_HEADER_SIZE; n++)
		CHECK(btc_header_parse(&h, slice_of(bytes, n)) == ERR_SHORT);
}

/* argv[1]: a file with a whole block, e.g. a full one from a node. */
static int walk_file(const char *path)
{
	static uint8_t block[BTC_BLOCK_SIZE_MAX + 1];
	FILE *f = fopen(path, "rb");
	if (f == NULL)
		return EXIT_FAILURE;
	const size_t len = fread(block, 1, sizeof block, f);
	(void)fclose(f);
	struct btc_header h;
	CHECK(walk(&h, slice_of(block, len), NULL, NULL) == OK);
	CHECK(btc_header_check_work(&h) == OK);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return walk_file(argv[1]);
	test_real_blocks();
	test_damage();
	test_visit_stops();
	test_mutated();
	test_tx_count();
	test_weight();
	test_cut_trees();
	test_witnesses();
	test_bits();
	return 0;
}
