/* What operators ask of the customers' book. */
#include "node/engine_internal.h"

_Static_assert(REC_BOOK_HEAD_SIZE + BOOK_BATCH_MAX * REC_BOOK_TRANSFER_SIZE <= JOURNAL_PAYLOAD_MAX,
	"the longest batch is one record");

/* OK: it is new, and there is room. ERR_EXISTS: *batch is what the key was used for. */
static enum err admit(struct engine *e, struct book_answer *out, uint32_t *batch,
	const struct rec_book *r, bool transfers)
{
	const struct book *b = &e->ledger->book;
	const enum err err = book_room(
		b, &r->key, transfers ? 0 : r->count, transfers ? r->count : 0);
	out->book_full = err == ERR_FULL;
	if (err == ERR_EXISTS) {
		*batch = book_batch_find(b, &r->key);
		out->seq = b->row[*batch].u.batch.seq;
		out->same_body = book_batch_same(b, *batch, &r->body);
	}
	return err;
}

static enum err append(struct engine *e, struct book_answer *out, uint16_t type, struct buf *record)
{
	TRY(engine_append(e, type, record, 0));
	out->seq = e->ledger->seq;
	out->result = e->ledger->book.result;
	return OK;
}

enum err engine_book_open(
	struct engine *e, struct book_answer *out, const struct book_openings_command *c)
{
	const struct rec_book r = {.key = c->idempotency_key,
		.body = c->idempotency_body,
		.layer = LAYER_BITCOIN,
		.count = c->count};
	struct book *b = &e->ledger->book;
	uint32_t batch;
	*out = (struct book_answer){.result = b->result};
	const enum err err = admit(e, out, &batch, &r, false);
	if (err == ERR_EXISTS && out->same_body)
		book_recall_openings(b, batch, c->opening, c->count);
	if (err != OK)
		return err;
	struct buf record = engine_record(e, c->now_ms);
	rec_book_openings_put(&record, &r, c->opening);
	return append(e, out, REC_BOOK_OPENINGS, &record);
}

static bool of_layer(const struct book_transfers_command *c)
{
	for (uint32_t i = 0; i < c->count; i++)
		if (c->transfer[i].amount.asset != layer_asset(c->layer))
			return false;
	return true;
}

enum err engine_book_transfer(
	struct engine *e, struct book_answer *out, const struct book_transfers_command *c)
{
	const struct rec_book r = {.key = c->idempotency_key,
		.body = c->idempotency_body,
		.layer = c->layer,
		.count = c->count};
	struct book *b = &e->ledger->book;
	uint32_t batch;
	*out = (struct book_answer){.result = b->result};
	if (!of_layer(c))
		return ERR_RANGE;
	const enum err err = admit(e, out, &batch, &r, true);
	if (err == ERR_EXISTS && out->same_body)
		book_recall_transfers(b, batch, c->layer, c->transfer, c->count);
	if (err != OK)
		return err;
	struct buf record = engine_record(e, c->now_ms);
	rec_book_transfers_put(&record, &r, c->transfer);
	return append(e, out, REC_BOOK_TRANSFERS, &record);
}
