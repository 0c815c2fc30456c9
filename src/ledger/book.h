/* ledger/book: customers' accounts and the transfers between them.
 *
 * A customer's balance is a claim on what we hold. Value enters and leaves as a transfer from or to
 * *custody* (the zero id); everything else moves claims from one customer to another. On each
 * layer the balances sum to account `customer` of the chart (docs/ledger.md).
 *
 * Every transfer has an id that the caller chooses, and ids are known for ever: the same transfer
 * again does nothing and says so, another one under a known id is refused, and one that failed for
 * want of funds or of an account stays failed, so that a repeated request can't be paid later. What
 * a batch answered can be told again from the rows alone (book_recall).
 *
 * Storage: a row of BOOK_ROW_SIZE bytes for each transfer and for each batch, and at most 16 bytes
 * of the index that finds it by id. Rows are never taken back: a full book takes no batch
 * (ERR_FULL) until its capacity is raised.
 *
 * Threads: the ledger's. Ownership: a book owns its storage, allocated once, zeroed, and touched as
 * it fills. It must not read a clock, and must not post: that is the fold's (fold_book.c).
 */
#ifndef LEDGER_BOOK_H
#define LEDGER_BOOK_H
#include "base/amount.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/network.h"

#define BOOK_BATCH_MAX 8190u
#define BOOK_ACCOUNTS_MAX (1u << 24)
#define BOOK_ROWS_MAX (1u << 28)
#define BOOK_ROW_SIZE 64u
#define BOOK_NONE UINT32_MAX

/* Flags of an account: it may go below zero, which is a claim of ours on the customer. */
#define BOOK_OVERDRAFT (1u << 0)
#define BOOK_FLAGS_ALL BOOK_OVERDRAFT

/* What became of one item of a batch. */
enum book_result {
	BOOK_DONE,
	BOOK_EXISTS,           /* done by an earlier batch, or earlier in this one */
	BOOK_EXISTS_DIFFERENT, /* the id is another account's or transfer's: nothing was done */
	BOOK_ID_INVALID,       /* zero */
	BOOK_AMOUNT_INVALID,   /* zero, or more than there is of the asset */
	BOOK_SAME_ACCOUNT,     /* from and to are one */
	BOOK_FROM_UNKNOWN,     /* ...and from here on the id is used up */
	BOOK_TO_UNKNOWN,
	BOOK_LAYER_DIFFERENT, /* an account of another layer */
	BOOK_FUNDS_SHORT,     /* `from` has less, and may not go below zero */
	BOOK_CUSTODY_SHORT,   /* customers would be owed more than is available */
	BOOK_OVERFLOW,        /* a running total would pass 2^128 - 1 */
	BOOK_RESULT_COUNT
};
/* "done", "exists", "funds_short", ...; static. */
const char *book_result_name(enum book_result r);

struct book_account {
	struct id128 id;
	enum layer_id layer;
	uint32_t flags;
	uint32_t last;      /* row of its newest transfer; BOOK_NONE */
	uint32_t transfers; /* done, either way */
	uint32_t batch;     /* row of the batch that opened it */
	u128 in, out;       /* running totals */
};

enum book_row_kind { BOOK_ROW_TRANSFER = 1, BOOK_ROW_BATCH };

struct book_row {
	struct id128 id; /* of the transfer; of a batch the first half of its key */
	union {
		struct {
			uint64_t amount[2]; /* book_row_units */
			uint32_t from, to;  /* accounts; BOOK_NONE: custody, or unknown */
			/* the accounts' transfers before this one; BOOK_NONE: none */
			uint32_t from_prev, to_prev;
			uint64_t tag;
		} transfer;
		struct {
			uint8_t body[24]; /* the first bytes of the request's hash */
			uint64_t seq, time_ms;
		} batch;
	} u;
	uint32_t batch; /* row of its batch: its own, of a batch */
	uint8_t kind;   /* enum book_row_kind */
	uint8_t layer;  /* of a transfer */
	uint8_t result; /* enum book_result */
};

struct book {
	struct book_account *account;
	uint32_t account_count, account_capacity;
	struct map by_account;
	struct book_row *row;
	uint32_t row_count, row_capacity;
	uint64_t *index; /* half a hash, and one more than a row; 0: free */
	uint32_t index_size;
	uint64_t seed;
	uint8_t result[BOOK_BATCH_MAX]; /* of the last batch; enum book_result */
	uint32_t result_count;
};

struct book_transfer {
	struct id128 id, from, to; /* from, to: zero is custody */
	struct amount amount;
	uint64_t tag; /* the caller's own, given back as it is */
};
struct book_opening {
	struct id128 id;
	enum layer_id layer;
	uint32_t flags;
};

/* Zero capacities: a book that takes nothing. ERR_FULL: no memory; what was allocated is freed by
 * book_fini. */
MUST_USE NONNULL_ALL enum err book_init(
	struct book *b, uint32_t accounts, uint32_t rows, uint64_t seed);
NONNULL_ALL void book_fini(struct book *b);

/* The tables that grow large. */
void book_tables(
	const struct book *b, void (*each)(void *ctx, void *table, size_t size), void *ctx);

/* BOOK_NONE: there is none. */
MUST_USE NONNULL_ALL uint32_t book_account_find(const struct book *b, const struct id128 *id);
MUST_USE NONNULL_ALL uint32_t book_transfer_find(const struct book *b, const struct id128 *id);
MUST_USE NONNULL_ALL uint32_t book_batch_find(const struct book *b, const struct hash256 *key);
NONNULL_ALL bool book_batch_same(const struct book *b, uint32_t batch, const struct hash256 *body);
/* Of a transfer. */
static inline u128 book_row_units(const struct book_row *r)
{
	return (u128)r->u.transfer.amount[0] | (u128)r->u.transfer.amount[1] << 64;
}
/* The transfer of this account before that one; BOOK_NONE: none. */
NONNULL_ALL uint32_t book_history_next(const struct book *b, uint32_t account, uint32_t row);
/* Is this row a transfer of this account? For rows that a caller names. */
NONNULL_ALL bool book_history_has(const struct book *b, uint32_t account, uint32_t row);

/* ---- the fold's ---- */

/* Room for a batch of so many: ERR_FULL. ERR_EXISTS: the key is known. ERR_RANGE: the count. */
MUST_USE NONNULL_ALL enum err book_room(
	const struct book *b, const struct hash256 *key, uint32_t accounts, uint32_t transfers);
struct book_batch {
	struct hash256 key, body;
	uint64_t seq, time_ms;
};
/* After book_room. The items that follow are this batch's; their results are in b->result. */
NONNULL_ALL void book_begin(struct book *b, const struct book_batch *batch);
NONNULL_ALL void book_open(struct book *b, const struct book_opening *o);
/* What a batch of transfers may still take from custody, and what it moved there and back. */
struct book_custody {
	enum layer_id layer;
	u128 room, in, out;
};
/* Its accounts, found some time before its turn; BOOK_NONE: custody, or unknown. They stay so: no
 * account is opened by a batch of transfers. */
struct book_sides {
	uint32_t from, to;
};
/* Asks memory for what book_sides_find and book_move will look at. */
NONNULL_ALL void book_prefetch(const struct book *b, const struct book_transfer *t);
/* And for the accounts. */
NONNULL_ALL struct book_sides book_sides_find(const struct book *b, const struct book_transfer *t);
NONNULL_ALL void book_move(struct book *b, struct book_custody *custody,
	const struct book_transfer *t, struct book_sides sides);

/* The results of a batch that was taken before, from its own items, into b->result. */
NONNULL_ALL void book_recall_openings(
	struct book *b, uint32_t batch, const struct book_opening *o, uint32_t count);
NONNULL_ALL void book_recall_transfers(struct book *b, uint32_t batch, enum layer_id layer,
	const struct book_transfer *t, uint32_t count);

/* ---- snapshots and hashes ---- */

NONNULL_ALL void book_row_put(struct buf *out, const struct book_row *r);
/* False: this can't be row `at` of this book. */
MUST_USE NONNULL_ALL bool book_row_get(
	const struct book *b, struct book_row *r, uint32_t at, struct reader *in);
/* What is found by id follows from accounts and rows. ERR_EXISTS: two of one id. */
MUST_USE NONNULL_ALL enum err book_index_all(struct book *b);
/* All accounts of a layer. */
NONNULL_ALL void book_totals(const struct book *b, enum layer_id layer, u128 *in, u128 *out);

#endif
