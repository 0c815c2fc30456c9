/* Records of the customers' book: batches of items of one size. */
#include "ledger/record.h"

#define OPENING_SIZE (16u + 1u + 1u)
#define TRANSFER_SIZE REC_BOOK_TRANSFER_SIZE

static void put_head(struct buf *out, const struct rec_book *r)
{
	CHECK(r->count > 0 && r->count <= BOOK_BATCH_MAX);
	buf_put(out, r->key.b, sizeof r->key.b);
	buf_put(out, r->body.b, sizeof r->body.b);
	rec_layer_put(out, r->layer);
	buf_le32(out, r->count);
}

static enum err get(struct reader *in, struct rec_book *r, size_t item_size)
{
	reader_copy(in, r->key.b, sizeof r->key.b);
	reader_copy(in, r->body.b, sizeof r->body.b);
	TRY(rec_layer_get(in, &r->layer));
	r->count = reader_le32(in);
	if (in->failed)
		return ERR_SHORT;
	if (r->count == 0 || r->count > BOOK_BATCH_MAX)
		return ERR_FORMAT;
	const size_t len = item_size * r->count;
	r->items = slice_of(reader_take(in, len), len);
	return reader_finish(in);
}

void rec_book_openings_put(
	struct buf *out, const struct rec_book *r, const struct book_opening *opening)
{
	put_head(out, r);
	for (uint32_t i = 0; i < r->count; i++) {
		buf_put(out, opening[i].id.b, sizeof opening[i].id.b);
		rec_layer_put(out, opening[i].layer);
		buf_u8(out, (uint8_t)opening[i].flags);
	}
}

void rec_book_opening_at(const struct rec_book *r, uint32_t i, struct book_opening *out)
{
	const uint8_t *at = r->items.ptr + (size_t)i * OPENING_SIZE;
	CHECK(i < r->count && r->items.len == (size_t)r->count * OPENING_SIZE);
	memcpy(out->id.b, at, sizeof out->id.b);
	out->layer = (enum layer_id)at[16];
	out->flags = at[17];
}

enum err rec_book_openings_get(struct reader *in, struct rec_book *r)
{
	struct book_opening o;
	TRY(get(in, r, OPENING_SIZE));
	for (uint32_t i = 0; i < r->count; i++) {
		rec_book_opening_at(r, i, &o);
		if ((unsigned)o.layer >= LAYER_COUNT || (o.flags & ~BOOK_FLAGS_ALL) != 0)
			return ERR_FORMAT;
	}
	return OK;
}

void rec_book_transfers_put(
	struct buf *out, const struct rec_book *r, const struct book_transfer *transfer)
{
	put_head(out, r);
	for (uint32_t i = 0; i < r->count; i++) {
		uint8_t item[TRANSFER_SIZE];
		memcpy(item, transfer[i].id.b, 16);
		memcpy(item + 16, transfer[i].from.b, 16);
		memcpy(item + 32, transfer[i].to.b, 16);
		amount_store(item + 48, transfer[i].amount);
		store_le64(item + 64, transfer[i].tag);
		buf_put(out, item, sizeof item);
	}
}

void rec_book_transfer_at(const struct rec_book *r, uint32_t i, struct book_transfer *out)
{
	const uint8_t *at = r->items.ptr + (size_t)i * TRANSFER_SIZE;
	CHECK(i < r->count && r->items.len == (size_t)r->count * TRANSFER_SIZE);
	memcpy(out->id.b, at, sizeof out->id.b);
	memcpy(out->from.b, at + 16, sizeof out->from.b);
	memcpy(out->to.b, at + 32, sizeof out->to.b);
	out->amount = amount_load(layer_asset(r->layer), at + 48);
	out->tag = load_le64(at + 64);
}

enum err rec_book_transfers_get(struct reader *in, struct rec_book *r)
{
	return get(in, r, TRANSFER_SIZE);
}
