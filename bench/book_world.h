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
	uint64_t batch, sent;
};

/* A new folder's journal, all accounts open and credited. rows: of batches. CHECKs what fails. */
void book_world_open(
	struct book_world *w, const char *dir, uint32_t batches, void (*on_durable)(void *ctx));
/* What is measured of the journal stays in DIR. */
void book_world_close(struct book_world *w);
/* A ledger of the same capacity, to which nothing was applied. Returns owned. */
struct ledger *book_world_ledger(const struct book_world *w);
/* Batch i, always the same transfers, into w->transfer. */
void book_world_draw(struct book_world *w, uint64_t i);
/* To the engine under a new key. Returns its sequence. */
uint64_t book_world_send(struct book_world *w, enum err want);

#endif
