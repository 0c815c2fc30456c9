/* rt/chunks: how much of a loop is run at once, decided by what was run before.
 *
 * A loop is cut in chunks. A piece is what one worker runs in one go: some items, and never more
 * than a chunk. Each is measured, and while the times of an item agree, pieces grow until they are
 * chunks, or take CHUNKS_EVEN_NS. Where a piece's item took CHUNKS_APART times what an item took
 * so far, or one so-manieth of it, the loop is uneven: from there on pieces take CHUNKS_UNEVEN_NS
 * by the slower of the two rates, until CHUNKS_AGREE of them in a row have agreed again.
 *
 * So a loop of even items costs as many calls and offers as it has chunks, and one of uneven items
 * is shared out finely where it is uneven. What was too short to be measured decides nothing.
 *
 * Threads: any; what they write is relaxed and a hint: where two write at once, one measurement is
 * lost. Must not: decide what is computed, only how much of it at once.
 */
#ifndef RT_CHUNKS_H
#define RT_CHUNKS_H
#include <stdatomic.h>

#include "base/base.h"

#define CHUNKS_EVEN_NS 100000u
#define CHUNKS_UNEVEN_NS 25000u
#define CHUNKS_LONG_NS 5000u   /* longer ones are offered before they run */
#define CHUNKS_JUDGED_NS 2000u /* shorter ones say nothing about how even the loop is */
#define CHUNKS_APART 2u
#define CHUNKS_AGREE 8u
#define CHUNKS_GROWTH_MAX 8u

struct chunks {
	size_t chunk, line;      /* items: the most of a piece; what it is a multiple of */
	_Atomic size_t items;    /* of the next piece */
	_Atomic double item_ns;  /* what one took so far; 0: nothing was measured yet */
	_Atomic uint32_t agreed; /* in a row, up to CHUNKS_AGREE */
	_Atomic bool is_long;    /* a piece takes CHUNKS_LONG_NS */
};

/* Begins small: with a line, in a loop that counts as even. chunk is a multiple of line. */
NONNULL_ALL void chunks_init(struct chunks *p, size_t chunk, size_t line);
/* A piece of so many items took so long. */
NONNULL_ALL void chunks_measured(struct chunks *p, size_t items, uint64_t ns);

NONNULL_ALL static inline size_t chunks_items(const struct chunks *p)
{
	return atomic_load_explicit(&p->items, memory_order_relaxed);
}

NONNULL_ALL static inline bool chunks_are_long(const struct chunks *p)
{
	return atomic_load_explicit(&p->is_long, memory_order_relaxed);
}

NONNULL_ALL static inline bool chunks_are_even(const struct chunks *p)
{
	return atomic_load_explicit(&p->agreed, memory_order_relaxed) == CHUNKS_AGREE;
}

#endif
