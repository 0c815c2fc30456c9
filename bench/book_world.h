/* An engine with a book of customers, on a journal in a real folder: what benchmarks of it share.
 */
#ifndef BENCH_BOOK_WORLD_H
#define BENCH_BOOK_WORLD_H
#include "node/engine.h"
#include "store/log_index.h"

#define BOOK_LAYER LAYER_BITCOIN
#define BOOK_ACCOUNTS 10000u

struct book_world {
	const char *dir;
	struct journal *journal;
	struct log_index *log;
	struct ledger *ledger;
	struct engine *engine;
	struct ledger_capacity capacity;
	struct seal_key seal;
	struct book_transfer *transfer; /* BOOK_BATCH_MAX */
	uint32_t count;                 /* of the batch that was drawn */
	uint64_t sent;
};

/* A new journal in DIR/book, all accounts open and credited, and room for so many rows of the book.
 * CHECKs what fails. */
void book_world_open(
	struct book_world *w, const char *dir, uint64_t rows, void (*on_durable)(void *ctx));
/* The journal stays where it is, and book_world_ledger works on. */
void book_world_end(struct book_world *w);
/* A ledger of the same capacity, to which nothing was applied. Returns owned. */
struct ledger *book_world_ledger(const struct book_world *w);
/* Batch i of so many, always the same transfers, into w->transfer. */
void book_world_draw(struct book_world *w, uint64_t i, uint32_t count);
/* To the engine under a new key. Returns its sequence. */
uint64_t book_world_send(struct book_world *w, enum err want);

#endif
