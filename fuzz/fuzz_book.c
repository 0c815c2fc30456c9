/* Records of the customers' book. The first byte chooses: the rest is a record's body as it is,
 * applied twice; or small batches (each byte of an item picks an account, an id, an amount), after
 * each of which sums are zero, nobody without overdraft is below zero, and the state as bytes is
 * the same state again. What is refused changes nothing. */
#include "ledger/record.h"
#include "ledger/snapshot.h"

#include <stdlib.h>

#define ITEMS 5u
#define AVAILABLE 1000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct ledger_capacity capacity = {.swaps = 1,
	.transfers = 1,
	.effects = 1,
	.coins = 1,
	.postings = 8,
	.book_accounts = 8,
	.book_rows = 64};
static const struct seal_key key;

static struct ledger *fresh(void)
{
	struct ledger *l;
	CHECK(ledger_create(&l, &capacity, &key, 1) == OK);
	return l;
}

/* Something is available, as if a layer had been born. */
static void give(struct ledger *l)
{
	l->has_params = true;
	for (unsigned i = 0; i < LAYER_COUNT; i++) {
		l->layer[i].account[ACCOUNT_AVAILABLE].in = AVAILABLE;
		l->layer[i].account[ACCOUNT_EXTERNAL].out = AVAILABLE;
	}
}

static void check(const struct ledger *l)
{
	const struct book *b = &l->book;
	for (unsigned i = 0; i < LAYER_COUNT; i++) {
		const struct account_total *t = &l->layer[i].account[ACCOUNT_CUSTOMER];
		u128 in, out;
		book_totals(b, (enum layer_id)i, &in, &out);
		CHECK(in - out == t->out - t->in);
		CHECK((t->out > t->in ? t->out - t->in : 0) <= AVAILABLE);
	}
	for (uint32_t i = 0; i < b->account_count; i++)
		CHECK(b->account[i].in >= b->account[i].out ||
			(b->account[i].flags & BOOK_OVERDRAFT) != 0);
}

static enum err apply(struct ledger *l, uint16_t type, struct slice body)
{
	static uint8_t storage[4096];
	struct buf out = buf_init(storage, sizeof storage);
	struct hash256 before, after;
	record_begin(&out, 1);
	buf_put(&out, body.ptr, body.len);
	ledger_hash(l, &before);
	const enum err err = ledger_apply(l, l->seq + 1, type, buf_slice(&out));
	ledger_hash(l, &after);
	CHECK(out.overflow || hash256_eq(&before, &after) == (err != OK));
	check(l);
	return err;
}

static void raw(const uint8_t *data, size_t size)
{
	struct ledger *l = fresh();
	give(l);
	if (size > 1 && size < 4000) {
		const uint16_t type = data[0] % 2 == 0 ? REC_BOOK_OPENINGS : REC_BOOK_TRANSFERS;
		const struct slice body = slice_of(data + 1, size - 1);
		if (apply(l, type, body) == OK)
			CHECK(apply(l, type, body) == ERR_EXISTS);
	}
	ledger_destroy(l);
}

/* Takes what it uses from the data. */
static void batch(struct ledger *l, struct reader *in)
{
	uint8_t body[1024];
	struct buf out = buf_init(body, sizeof body);
	struct book_opening o[ITEMS];
	struct book_transfer t[ITEMS];
	const uint8_t first = reader_u8(in);
	struct rec_book r = {.key = {{reader_u8(in)}},
		.layer = (enum layer_id)((first >> 1) % LAYER_COUNT),
		.count = 1 + (first >> 4) % ITEMS};
	for (uint32_t i = 0; i < r.count; i++) {
		const uint8_t pick = reader_u8(in), more = reader_u8(in);
		o[i] = (struct book_opening){.id = {{pick % 16}},
			.layer = (enum layer_id)(more % LAYER_COUNT),
			.flags = more >> 7};
		t[i] = (struct book_transfer){.id = {{reader_u8(in) % 64}},
			.from = {{pick % 16}},
			.to = {{pick >> 4}},
			.amount = amount_of(layer_asset(r.layer), more),
			.tag = more & 1};
	}
	if ((first & 1) == 0)
		rec_book_openings_put(&out, &r, o);
	else
		rec_book_transfers_put(&out, &r, t);
	(void)!apply(l, (first & 1) == 0 ? REC_BOOK_OPENINGS : REC_BOOK_TRANSFERS, buf_slice(&out));
}

static void check_snapshot(struct ledger *l)
{
	const size_t cap = snapshot_size(l);
	uint8_t *bytes = malloc(cap), *scratch = malloc(cap);
	struct ledger *again = fresh();
	struct hash256 one, other;
	CHECK(bytes != NULL && scratch != NULL);
	const size_t len = snapshot_put(bytes, scratch, cap, l);
	CHECK(snapshot_restore(again, scratch, slice_of(bytes, len)) == OK);
	ledger_hash(l, &one);
	ledger_hash(again, &other);
	CHECK(hash256_eq(&one, &other));
	ledger_destroy(again);
	free(bytes);
	free(scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] % 4 == 0) {
		raw(data + 1, size - 1);
		return 0;
	}
	struct reader in = reader_init(slice_of(data + 1, size - 1));
	struct ledger *l = fresh();
	give(l);
	while (in.left > 0 && !in.failed)
		batch(l, &in);
	l->has_params = false; /* there are none to write */
	if (data[0] % 4 == 1)
		check_snapshot(l);
	ledger_destroy(l);
	return 0;
}
