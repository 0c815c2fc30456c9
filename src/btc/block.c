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

/* ---- Merkle trees ---- */

/* *mutated: two neighbours are equal, so that the same root has a shorter list of leaves, too
 * (CVE-2012-2459). */
static size_t merkle_level(struct hash256 *leaf, size_t count, bool *mutated)
{
	size_t parents = 0;
	for (size_t i = 0; i < count; i += 2) {
		const size_t right = i + 1 < count ? i + 1 : i;
		if (right != i && hash256_eq(&leaf[i], &leaf[right]))
			*mutated = true;
		const struct slice pair[2] = {slice_of(leaf[i].b, 32), slice_of(leaf[right].b, 32)};
		struct hash256 parent;
		sha256d_parts(&parent, pair, 2);
		leaf[parents++] = parent;
	}
	return parents;
}

void btc_merkle_root(struct hash256 *out, struct hash256 *leaf, size_t count)
{
	bool mutated = false;
	while (count > 1)
		count = merkle_level(leaf, count, &mutated);
	*out = count == 0 ? (struct hash256){{0}} : leaf[0];
}

/* A block's tree is cut into subtrees of this many leaves, which are hashed apart from each other.
 */
#define SUBTREE_LEVELS 9u
#define SUBTREE_LEAVES (1u << SUBTREE_LEVELS)
#define SUBTREES_MAX (BLOCK_TX_MAX / SUBTREE_LEAVES + 1)

struct forest {
	struct hash256 *leaf;
	uint32_t leaf_count;
	struct hash256 root[SUBTREES_MAX];
	bool mutated[SUBTREES_MAX];
};

/* As many levels for the last one, which may have fewer leaves, as for the others: what is alone on
 * a level is its own neighbour. */
static void hash_subtrees(void *ctx, size_t begin, size_t end)
{
	struct forest *f = ctx;
	for (size_t t = begin; t < end; t++) {
		struct hash256 *leaf = f->leaf + t * SUBTREE_LEAVES;
		const size_t left = f->leaf_count - t * SUBTREE_LEAVES;
		size_t count = left < SUBTREE_LEAVES ? left : SUBTREE_LEAVES;
		f->mutated[t] = false;
		for (unsigned level = 0; level < SUBTREE_LEVELS; level++)
			count = merkle_level(leaf, count, &f->mutated[t]);
		f->root[t] = leaf[0];
	}
}

/* Scratches leaf; 1 to BLOCK_TX_MAX of them. */
static void block_root(struct hash256 *out, bool *mutated, struct hash256 *leaf, uint32_t count,
	const struct parallel *parallel)
{
	struct forest f = {.leaf = leaf, .leaf_count = count};
	size_t trees = (count + SUBTREE_LEAVES - 1) / SUBTREE_LEAVES;
	*mutated = false;
	if (trees == 1) {
		size_t left = count;
		while (left > 1)
			left = merkle_level(leaf, left, mutated);
		*out = leaf[0];
		return;
	}
	CHECK(trees <= SUBTREES_MAX);
	parallel_run(parallel, trees, sizeof *f.root, hash_subtrees, &f);
	for (size_t t = 0; t < trees; t++)
		*mutated = *mutated || f.mutated[t];
	while (trees > 1)
		trees = merkle_level(f.root, trees, mutated);
	*out = f.root[0];
}

/* ---- taking a block apart ---- */

/* Room for any one transaction of a block. */
struct room {
	struct btc_tx tx; /* .in and .out owned */
	uint32_t in_max;
	uint32_t out_max;
};

static uint32_t at_most(size_t len, size_t size_min, uint32_t max)
{
	const size_t n = len / size_min + 1;
	return n < max ? (uint32_t)n : max;
}

static enum err room_init(struct room *room, uint32_t in_max, uint32_t out_max)
{
	*room = (struct room){.in_max = in_max, .out_max = out_max};
	room->tx.in = calloc(in_max, sizeof *room->tx.in);
	room->tx.out = calloc(out_max, sizeof *room->tx.out);
	return room->tx.in != NULL && room->tx.out != NULL ? OK : ERR_FULL;
}

static void room_fini(struct room *room)
{
	free(room->tx.in);
	free(room->tx.out);
}

static uint32_t larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

/* Every transaction once: that it parses, where it lies, its weight; a coinbase first and nowhere
 * else. */
static enum err find_txs(struct btc_block *b, struct slice txs)
{
	struct room room;
	uint64_t weight = (uint64_t)(b->raw.len - txs.len) * STRIPPED_SCALE;
	enum err err = room_init(&room, at_most(b->raw.len, INPUT_SIZE_MIN, BLOCK_INPUT_MAX),
		at_most(b->raw.len, OUTPUT_SIZE_MIN, BLOCK_OUTPUT_MAX));
	for (uint32_t i = 0; i < b->tx_count && err == OK; i++) {
		size_t used;
		err = btc_tx_parse(&room.tx, &used, room.in_max, room.out_max, txs);
		if (err == ERR_FULL)
			err = ERR_FORMAT;
		if (err != OK)
			break;
		const uint64_t own = btc_tx_weight(&room.tx);
		weight += own;
		if (weight > BLOCK_WEIGHT_MAX || btc_tx_is_coinbase(&room.tx) != (i == 0))
			err = ERR_FORMAT;
		b->tx[i].at = (uint32_t)(txs.ptr - b->raw.ptr);
		b->tx[i].len = (uint32_t)used;
		/* weight = 3 * stripped + whole */
		b->tx[i].stripped = (uint32_t)(own - used) / (STRIPPED_SCALE - 1);
		b->in_max = larger(b->in_max, room.tx.in_count);
		b->out_max = larger(b->out_max, room.tx.out_count);
		txs = slice_of(txs.ptr + used, txs.len - used);
	}
	room_fini(&room);
	return err == OK && txs.len != 0 ? ERR_FORMAT : err;
}

static bool has_witness(const struct btc_block_tx *tx)
{
	return tx->stripped != tx->len;
}

static struct slice tx_bytes(const struct btc_block *b, uint32_t index)
{
	return slice_of(b->raw.ptr + b->tx[index].at, b->tx[index].len);
}

/* Encodings are strict, so that what is hashed lies in the block as it is: version, inputs and
 * outputs, lock time; BIP-144's two bytes after the version, and the witnesses, are left out. */
static void hash_txs(void *ctx, size_t begin, size_t end)
{
	struct btc_block *b = ctx;
	for (size_t i = begin; i < end; i++) {
		const struct slice raw = tx_bytes(b, (uint32_t)i);
		const size_t skip = has_witness(&b->tx[i]) ? 2 : 0;
		const struct slice part[] = {slice_of(raw.ptr, 4),
			slice_of(raw.ptr + 4 + skip, b->tx[i].stripped - 8),
			slice_of(raw.ptr + raw.len - 4, 4)};
		sha256d_parts(&b->tx[i].txid, part, ARRAY_LEN(part));
	}
}

static enum err check_root(const struct btc_block *b, const struct parallel *parallel)
{
	struct hash256 *leaf = calloc(b->tx_count, sizeof *leaf);
	struct hash256 root;
	bool mutated;
	if (leaf == NULL)
		return ERR_FULL;
	for (uint32_t i = 0; i < b->tx_count; i++)
		leaf[i] = b->tx[i].txid;
	block_root(&root, &mutated, leaf, b->tx_count, parallel);
	free(leaf);
	return mutated || !hash256_eq(&root, &b->header.merkle_root) ? ERR_CHECKSUM : OK;
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

enum err btc_block_open(struct btc_block *out, struct slice raw, const struct parallel *parallel)
{
	struct btc_block b = {.raw = raw};
	struct slice txs;
	if (raw.len > BTC_BLOCK_SIZE_MAX)
		return ERR_FORMAT;
	TRY(btc_header_parse(&b.header, raw));
	TRY(take_tx_count(&b.tx_count, &txs, raw));
	b.tx = calloc(b.tx_count, sizeof *b.tx);
	if (b.tx == NULL)
		return ERR_FULL;
	enum err err = find_txs(&b, txs);
	if (err == OK) {
		parallel_run(parallel, b.tx_count, sizeof *b.tx, hash_txs, &b);
		err = check_root(&b, parallel);
	}
	if (err != OK) {
		btc_block_close(&b);
		return err;
	}
	*out = b;
	return OK;
}

void btc_block_close(struct btc_block *b)
{
	free(b->tx);
	b->tx = NULL;
}

static enum err parse_at(struct room *room, const struct btc_block *b, uint32_t index)
{
	size_t used;
	return btc_tx_parse(&room->tx, &used, room->in_max, room->out_max, tx_bytes(b, index));
}

enum err btc_block_visit(const struct btc_block *b, btc_tx_visit visit, void *ctx)
{
	struct room room;
	enum err err = room_init(&room, b->in_max, b->out_max);
	for (uint32_t i = 0; i < b->tx_count && err == OK; i++) {
		err = parse_at(&room, b, i);
		if (err == OK)
			err = visit(ctx, i, &room.tx, &b->tx[i].txid);
	}
	room_fini(&room);
	return err;
}

/* ---- the tree of witnesses (BIP-141) ---- */

#define COMMITMENT_SCRIPT_MIN 38u
static const uint8_t commitment_prefix[6] = {0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed};

/* False: none, or a coinbase without a witness: a block from before there were any. */
static bool find_commitment(
	struct hash256 *commitment, struct hash256 *reserved, const struct btc_tx *coinbase)
{
	bool found = false;
	for (uint32_t i = 0; i < coinbase->out_count; i++) {
		const struct slice script = coinbase->out[i].script;
		if (script.len < COMMITMENT_SCRIPT_MIN ||
			memcmp(script.ptr, commitment_prefix, sizeof commitment_prefix) != 0)
			continue;
		memcpy(commitment->b, script.ptr + sizeof commitment_prefix, sizeof commitment->b);
		found = true; /* the last one counts */
	}
	const struct slice item = coinbase->in_count == 1
		? btc_witness_item(coinbase->in[0].witness, 0)
		: slice_of(NULL, 0);
	if (!found || item.len != sizeof reserved->b)
		return false;
	memcpy(reserved->b, item.ptr, item.len);
	return true;
}

struct witness_leaves {
	const struct btc_block *block;
	struct hash256 *leaf;
};

/* The coinbase's is zero. */
static void hash_witnesses(void *ctx, size_t begin, size_t end)
{
	const struct witness_leaves *w = ctx;
	for (size_t i = begin; i < end; i++) {
		if (i == 0)
			continue;
		if (has_witness(&w->block->tx[i]))
			sha256d(&w->leaf[i], tx_bytes(w->block, (uint32_t)i));
		else
			w->leaf[i] = w->block->tx[i].txid;
	}
}

enum err btc_block_check_witnesses(const struct btc_block *b, const struct parallel *parallel)
{
	struct hash256 commitment, root, own;
	struct hash256 reserved = {{0}};
	struct room room;
	bool mutated;
	enum err err = room_init(&room, b->in_max, b->out_max);
	if (err == OK)
		err = parse_at(&room, b, 0);
	const bool committed = err == OK && find_commitment(&commitment, &reserved, &room.tx);
	room_fini(&room);
	if (!committed)
		return err;
	struct witness_leaves w = {.block = b, .leaf = calloc(b->tx_count, sizeof *w.leaf)};
	if (w.leaf == NULL)
		return ERR_FULL;
	parallel_run(parallel, b->tx_count, sizeof *w.leaf, hash_witnesses, &w);
	block_root(&root, &mutated, w.leaf, b->tx_count, parallel);
	free(w.leaf);
	const struct slice part[] = {
		slice_of(root.b, sizeof root.b), slice_of(reserved.b, sizeof reserved.b)};
	sha256d_parts(&own, part, ARRAY_LEN(part));
	return hash256_eq(&own, &commitment) ? OK : ERR_CHECKSUM;
}
