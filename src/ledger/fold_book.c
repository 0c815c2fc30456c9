/* Batches of the customers' book, and what they post. */
#include "ledger/fold.h"

#define READ_AHEAD 16u /* transfers before their turn */
#define FIND_AHEAD 8u  /* likewise: their accounts */
#define RING 32u
_Static_assert(FIND_AHEAD < READ_AHEAD && READ_AHEAD < RING, "what is read is still there");

static void begin(struct ledger *l, const struct rec_book *r)
{
	const struct book_batch batch = {
		.key = r->key, .body = r->body, .seq = l->seq, .time_ms = l->time_ms};
	book_begin(&l->book, &batch);
}

enum err fold_book_openings(struct ledger *l, struct reader *in)
{
	struct rec_book r;
	TRY(rec_book_openings_get(in, &r));
	TRY(book_room(&l->book, &r.key, r.count, 0));
	begin(l, &r);
	for (uint32_t i = 0; i < r.count; i++) {
		struct book_opening o;
		rec_book_opening_at(&r, i, &o);
		book_open(&l->book, &o);
	}
	return OK;
}

/* Transfers are read some time before their turn, into a ring, so that what they look for is in the
 * cache by then. */
static void move_all(struct ledger *l, const struct rec_book *r, struct book_custody *custody)
{
	struct book_transfer ring[RING];
	struct book_sides sides[RING];
	for (uint32_t i = 0; i < r->count + READ_AHEAD; i++) {
		const uint32_t find = i - (READ_AHEAD - FIND_AHEAD), move = i - READ_AHEAD;
		if (i < r->count) {
			rec_book_transfer_at(r, i, &ring[i % RING]);
			book_prefetch(&l->book, &ring[i % RING]);
		}
		if (i >= READ_AHEAD - FIND_AHEAD && find < r->count)
			sides[find % RING] = book_sides_find(&l->book, &ring[find % RING]);
		if (i >= READ_AHEAD)
			book_move(&l->book, custody, &ring[move % RING], sides[move % RING]);
	}
}

/* What customers may be owed more. While books and chain are not known to agree: nothing. What
 * swaps under way were promised, and what waits to be paid out, is not promised twice. */
static u128 room_of(const struct ledger *l, enum layer_id layer)
{
	struct amount left;
	uint8_t raw[16];
	if (l->latched ||
		amount_sub(&left, ledger_uncredited(l, layer), l->layer[layer].promised) != OK ||
		amount_sub(&left, left, l->layer[layer].queued) != OK)
		return 0;
	amount_store(raw, left);
	return (u128)load_le64(raw) | (u128)load_le64(raw + 8) << 64;
}

/* The books see what a batch moved between custody and customers in one posting each way: a claim
 * that comes into being is taken from what came from outside. */
enum err fold_book_transfers(struct ledger *l, struct reader *in)
{
	struct rec_book r;
	TRY(rec_book_transfers_get(in, &r));
	TRY(book_room(&l->book, &r.key, 0, r.count));
	struct book_custody custody = {.layer = r.layer, .room = room_of(l, r.layer)};
	begin(l, &r);
	move_all(l, &r, &custody);
	const enum asset asset = layer_asset(r.layer);
	ledger_post(l, r.layer, 0, ACCOUNT_CUSTOMER, ACCOUNT_EXTERNAL,
		amount_of_u128(asset, custody.in));
	ledger_post(l, r.layer, 0, ACCOUNT_EXTERNAL, ACCOUNT_CUSTOMER,
		amount_of_u128(asset, custody.out));
	return OK;
}
