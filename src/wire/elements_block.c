#include "wire/elements_block.h"

#include "btc/block.h"
#include "crypto/hash.h"

#include <stdatomic.h>
#include <stdlib.h>

#define VERSION_DYNAMIC (UINT32_C(1) << 31)
#define SCRIPT_SIZE_MAX 10000u
#define STACK_MAX 1000u
#define FIXED_SIZE (4u + 32u + 32u + 4u + 4u)
/* The smallest transaction: version, flag, an input with no script, an output of null fields. */
#define TX_SIZE_MIN 60u
#define INPUT_SIZE_MIN 41u
#define OUTPUT_SIZE_MIN 44u

/* ---- headers ---- */

static void skip_bytes(struct reader *r)
{
	const uint64_t len = btc_get_compact(r);
	if (len > SCRIPT_SIZE_MAX)
		r->failed = true;
	else
		(void)reader_take(r, (size_t)len);
}

static void skip_stack(struct reader *r)
{
	const uint64_t count = btc_get_compact(r);
	if (count > STACK_MAX)
		r->failed = true;
	for (uint64_t i = 0; !r->failed && i < count; i++)
		skip_bytes(r);
}

enum { PARAMS_NULL, PARAMS_COMPACT, PARAMS_FULL };

/* One set of dynamic parameters. */
static void skip_params(struct reader *r)
{
	const uint8_t kind = reader_u8(r);
	if (kind > PARAMS_FULL)
		r->failed = true;
	if (r->failed || kind == PARAMS_NULL)
		return;
	skip_bytes(r); /* the script that signs blocks */
	(void)reader_le32(r);
	if (kind == PARAMS_COMPACT) {
		(void)reader_take(r, sizeof(struct hash256));
		return;
	}
	skip_bytes(r); /* the peg's program and script */
	skip_bytes(r);
	skip_stack(r); /* extension space */
}

static struct slice since(const struct reader *start, const struct reader *now)
{
	return slice_of(start->ptr, start->left - now->left);
}

enum err elements_header_parse(struct elements_header *out, size_t *used, struct slice in)
{
	struct reader r = reader_init(in);
	struct elements_header h;
	const uint32_t version = reader_le32(&r);
	h.version = version & ~VERSION_DYNAMIC;
	h.dynamic = (version & VERSION_DYNAMIC) != 0;
	reader_copy(&r, h.parent.b, sizeof h.parent.b);
	reader_copy(&r, h.merkle_root.b, sizeof h.merkle_root.b);
	h.time = reader_le32(&r);
	h.height = reader_le32(&r);
	if (r.failed)
		return ERR_SHORT;
	struct reader start = r;
	if (h.dynamic) {
		skip_params(&r);
		skip_params(&r);
	} else {
		skip_bytes(&r);
	}
	h.rules = since(&start, &r);
	start = r;
	if (h.dynamic)
		skip_stack(&r);
	else
		skip_bytes(&r);
	h.proof = since(&start, &r);
	if (r.failed)
		return ERR_FORMAT;
	*used = in.len - r.left;
	*out = h;
	return OK;
}

static void put_hashed(struct buf *out, const struct elements_header *h)
{
	buf_le32(out, h->version | (h->dynamic ? VERSION_DYNAMIC : 0));
	buf_put(out, h->parent.b, sizeof h->parent.b);
	buf_put(out, h->merkle_root.b, sizeof h->merkle_root.b);
	buf_le32(out, h->time);
	buf_le32(out, h->height);
}

void elements_header_put(struct buf *out, const struct elements_header *h)
{
	put_hashed(out, h);
	buf_put(out, h->rules.ptr, h->rules.len);
	buf_put(out, h->proof.ptr, h->proof.len);
}

void elements_header_hash(struct hash256 *out, const struct elements_header *h)
{
	uint8_t fixed[FIXED_SIZE];
	struct buf b = buf_init(fixed, sizeof fixed);
	put_hashed(&b, h);
	CHECK(!b.overflow);
	const struct slice part[] = {buf_slice(&b), h->rules};
	sha256d_parts(out, part, ARRAY_LEN(part));
}

/* ---- blocks ---- */

/* Room for any one transaction of a block. */
struct room {
	struct elements_tx tx; /* .in and .out owned */
	uint32_t in_max, out_max;
};

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

static enum err parse_at(struct room *room, const struct elements_block *b, uint32_t index)
{
	size_t used;
	return elements_tx_parse(&room->tx, &used, room->in_max, room->out_max,
		slice_of(b->raw.ptr + b->tx[index].at, b->tx[index].len));
}

static uint32_t larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

/* Every transaction once: that it parses, where it lies; a coinbase first and nowhere else. */
static enum err find_txs(struct elements_block *b, struct slice txs)
{
	struct room room;
	enum err err = room_init(&room, (uint32_t)(txs.len / INPUT_SIZE_MIN) + 1,
		(uint32_t)(txs.len / OUTPUT_SIZE_MIN) + 1);
	for (uint32_t i = 0; i < b->tx_count && err == OK; i++) {
		size_t used;
		err = elements_tx_parse(&room.tx, &used, room.in_max, room.out_max, txs);
		if (err == ERR_FULL)
			err = ERR_FORMAT;
		if (err != OK)
			break;
		if (elements_tx_is_coinbase(&room.tx) != (i == 0))
			err = ERR_FORMAT;
		b->tx[i].at = (uint32_t)(txs.ptr - b->raw.ptr);
		b->tx[i].len = (uint32_t)used;
		b->in_max = larger(b->in_max, room.tx.in_count);
		b->out_max = larger(b->out_max, room.tx.out_count);
		txs = slice_of(txs.ptr + used, txs.len - used);
	}
	room_fini(&room);
	return err == OK && txs.len != 0 ? ERR_FORMAT : err;
}

struct hashing {
	struct elements_block *b;
	_Atomic bool failed;
};

static void hash_txs(void *ctx, size_t begin, size_t end)
{
	struct hashing *h = ctx;
	struct room room;
	enum err err = room_init(&room, h->b->in_max, h->b->out_max);
	for (size_t i = begin; i < end && err == OK; i++) {
		err = parse_at(&room, h->b, (uint32_t)i);
		if (err == OK)
			elements_tx_id(&h->b->tx[i].txid, &room.tx);
	}
	room_fini(&room);
	/* relaxed: looked at after all have ended */
	if (err != OK)
		atomic_store_explicit(&h->failed, true, memory_order_relaxed);
}

/* A list with the end of another one repeated has its root (CVE-2012-2459). No two transactions of
 * a chain are the same. */
static bool last_repeats(const struct hash256 *leaf, size_t count)
{
	for (size_t i = 0; i + 1 < count; i++)
		if (hash256_eq(&leaf[i], &leaf[count - 1]))
			return true;
	return false;
}

static enum err check_root(struct elements_block *b, const struct parallel *parallel)
{
	struct hashing h = {.b = b};
	struct hash256 root;
	struct hash256 *leaf = calloc(b->tx_count, sizeof *leaf);
	if (leaf == NULL)
		return ERR_FULL;
	parallel_run(parallel, b->tx_count, sizeof *b->tx, hash_txs, &h);
	for (uint32_t i = 0; i < b->tx_count; i++)
		leaf[i] = b->tx[i].txid;
	const bool twice = last_repeats(leaf, b->tx_count);
	btc_merkle_root(&root, leaf, b->tx_count);
	free(leaf);
	if (atomic_load_explicit(&h.failed, memory_order_relaxed))
		return ERR_FULL;
	return twice || !hash256_eq(&root, &b->header.merkle_root) ? ERR_CHECKSUM : OK;
}

enum err elements_block_open(
	struct elements_block *out, struct slice raw, const struct parallel *parallel)
{
	struct elements_block b = {.raw = raw};
	size_t used;
	if (raw.len > ELEMENTS_BLOCK_SIZE_MAX)
		return ERR_FORMAT;
	TRY(elements_header_parse(&b.header, &used, raw));
	struct reader r = reader_init(slice_of(raw.ptr + used, raw.len - used));
	const uint64_t count = btc_get_compact(&r);
	if (r.failed || count == 0)
		return ERR_FORMAT;
	if (count > r.left / TX_SIZE_MIN)
		return ERR_SHORT;
	b.tx_count = (uint32_t)count;
	b.tx = calloc(b.tx_count, sizeof *b.tx);
	if (b.tx == NULL)
		return ERR_FULL;
	enum err err = find_txs(&b, slice_of(r.ptr, r.left));
	if (err == OK)
		err = check_root(&b, parallel);
	if (err != OK) {
		elements_block_close(&b);
		return err;
	}
	*out = b;
	return OK;
}

void elements_block_close(struct elements_block *b)
{
	free(b->tx);
	b->tx = NULL;
}

enum err elements_block_visit(const struct elements_block *b, elements_tx_visit visit, void *ctx)
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
