/* rt/parallel: loops and reductions over an executor's workers.
 *
 * A loop is cut in chunks: PARALLEL_CHUNKS_LARGE for each worker where there are more than
 * PARALLEL_LARGE items for each, else PARALLEL_CHUNKS_SMALL; chunks begin at multiples of the cache
 * line. Workers get halves of what is left, of whole chunks, by forks (rt/fork). What a chunk takes
 * is measured, and while the times agree, chunks are what is run; where they diverge, and where a
 * chunk takes long, smaller pieces of it are (rt/chunks). Pieces that take long are offered before
 * they run, so that nobody waits beside a worker that is deep in one. Without stealing each worker
 * gets its share at once.
 *
 * A reduction is cut in fixed leaves, PARALLEL_LEAVES for each chunk, and combined in a tree whose
 * shape follows from the number of items and of items in a chunk alone: the same result, to the
 * last bit of a floating-point number, whoever computes what. How many leaves are folded in one go
 * is adapted in the same way. The number of items in a chunk follows from the number of workers,
 * unless it is given.
 *
 * Threads: on a worker, but for executor_parallel. Ownership: borrows everything until it returns.
 * Must not: be given bodies that wait for each other.
 */
#ifndef RT_PARALLEL_H
#define RT_PARALLEL_H
#include "base/parallel.h"
#include "rt/executor.h"

#define PARALLEL_LARGE 1000u
#define PARALLEL_CHUNKS_LARGE 4u
#define PARALLEL_CHUNKS_SMALL 2u
#define PARALLEL_LEAVES 8u
#define REDUCE_SIZE_MAX 256u

struct parallel_options {
	size_t item_size;   /* bytes of an item in the array that is written; 0: there is none */
	size_t chunk_items; /* 0: by the number of workers */
};

struct reduce {
	size_t size;          /* of a partial result, up to REDUCE_SIZE_MAX */
	const void *identity; /* what a partial result begins as */
	void (*fold)(void *ctx, void *into, size_t begin, size_t end);
	void (*combine)(void *ctx, void *into, const void *right);
};

/* Items in a chunk, at least 1: a multiple of those in a cache line (line: the executor's), unless
 * there are too few for a line in each. */
size_t parallel_chunk_items(size_t count, uint32_t workers, size_t item_size, uint32_t line);

void parallel_for_each(struct strand s, size_t count, const struct parallel_options *options,
	parallel_body body, void *ctx);
void parallel_reduce(struct strand s, void *out, size_t count,
	const struct parallel_options *options, const struct reduce *reduce, void *ctx);

/* For pure code that takes a struct parallel: on a worker, valid as long as *s is.. */
NONNULL_ALL struct parallel strand_parallel(struct strand *s);
/* .. and from any other thread, which waits meanwhile; where the executor's queue is full or it is
 * closed, that thread does it all. Not from a worker. */
NONNULL_ALL struct parallel executor_parallel(struct executor *x);

#endif
