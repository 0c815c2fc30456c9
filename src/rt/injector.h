/* rt/injector: the executor's bounded queue of tasks from any thread to any worker.
 *
 * Each cell carries a turn: which push or pop may use it next. A push takes the next turn at the
 * tail where its cell is free, a pop the next at the head where its cell is full (Vyukov's bounded
 * queue). First in, first out, by the order in which turns are taken.
 * Submitters are not known beforehand and may be any thread, for a single task: rt/mpmc is faster
 * where each producer has a lane of its own.
 * Invariants: of cell i of a queue of N, turn = i + kN: free for push number i + kN; turn =
 * i + kN + 1: full, for pop number i + kN. Threads: any. Ownership: borrows its cells, a power of
 * two, and the items. Must not: block, allocate.
 */
#ifndef RT_INJECTOR_H
#define RT_INJECTOR_H
#include <stdatomic.h>

#include "base/atomic.h"
#include "base/base.h"

/* Of one cell, "full" and "free for the next push" would be the same turn. */
#define INJECTOR_SIZE_MIN 2u

struct injector_cell {
	_Atomic uint64_t turn;
	void *item;
};

struct injector {
	_Alignas(CACHE_LINE) _Atomic uint64_t tail;
	_Alignas(CACHE_LINE) _Atomic uint64_t head;
	_Alignas(CACHE_LINE) struct injector_cell *cell;
	uint64_t size;
};

static inline void injector_init(struct injector *q, struct injector_cell *cell, uint32_t size)
{
	CHECK(size >= INJECTOR_SIZE_MIN && (size & (size - 1)) == 0);
	atomic_init(&q->tail, 0);
	atomic_init(&q->head, 0);
	q->cell = cell;
	q->size = size;
	for (uint32_t i = 0; i < size; i++)
		atomic_init(&cell[i].turn, i);
}

/* The cell of turn *at, once its turn is *at + ahead; NULL where it is not there yet: full, or
 * empty. *at is moved on where others were faster. */
static inline struct injector_cell *injector_claim(
	const struct injector *q, _Atomic uint64_t *end, uint64_t *at, uint64_t ahead)
{
	*at = atomic_load_explicit(end, memory_order_relaxed);
	for (;;) {
		struct injector_cell *cell = &q->cell[*at & (q->size - 1)];
		/* [CELL] acquire: pairs with the releases below */
		const uint64_t turn = atomic_load_explicit(&cell->turn, memory_order_acquire);
		const int64_t early = (int64_t)(*at + ahead - turn);
		if (early > 0)
			return NULL;
		if (early < 0) /* somebody has used it since */
			*at = atomic_load_explicit(end, memory_order_relaxed);
		else if (atomic_compare_exchange_weak_explicit(
				 end, at, *at + 1, memory_order_relaxed, memory_order_relaxed))
			return cell;
	}
}

MUST_USE NONNULL_ALL static inline enum err injector_push(struct injector *q, void *item)
{
	uint64_t at;
	struct injector_cell *cell = injector_claim(q, &q->tail, &at, 0);
	if (cell == NULL)
		return ERR_FULL;
	memcpy(&cell->item, &item, sizeof item);
	/* [CELL] release: the item, and what it points to */
	atomic_store_explicit(&cell->turn, at + 1, memory_order_release);
	return OK;
}

/* NULL: none. */
NONNULL_ALL static inline void *injector_pop(struct injector *q)
{
	uint64_t at;
	struct injector_cell *cell = injector_claim(q, &q->head, &at, 1);
	if (cell == NULL)
		return NULL;
	void *item;
	memcpy(&item, &cell->item, sizeof item);
	/* [CELL] release: it has been read; free for the push of the next round */
	atomic_store_explicit(&cell->turn, at + q->size, memory_order_release);
	return item;
}

/* How many there were, about. */
NONNULL_ALL static inline uint32_t injector_count(const struct injector *q)
{
	const uint64_t head = atomic_load_explicit(&q->head, memory_order_relaxed);
	const uint64_t tail = atomic_load_explicit(&q->tail, memory_order_relaxed);
	return tail > head ? (uint32_t)(tail - head) : 0;
}

#endif
