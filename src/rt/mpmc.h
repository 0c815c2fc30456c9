/* rt/mpmc: a bounded queue from many producers to many consumers, of items of one size.
 *
 *     struct mpmc_producer p;                 a lane of its own: mpmc_producer_init, _fini
 *     mpmc_push(&p, &item, sizeof item)       or mpmc_push_batch: published once
 *     struct mpmc_consumer c;                 where it looks first: mpmc_consumer_init
 *     mpmc_pop(&c, &item, sizeof item)        or mpmc_pop_batch: taken by one exchange
 *
 * Each producer has a ring of its own, a lane, so that a push needs no atomic read-modify-write and
 * producers never meet. Consumers take from any lane by one compare-and-exchange of its head:
 * they copy first and the exchange then says whether the copy was theirs (an index is never
 * reused), so that nobody waits for anybody who was stopped half-way. A consumer stays with a lane
 * for a turn, then goes on to the next one that has something: consumers spread over the lanes, and
 * a busy lane does not hide the others.
 *
 * Order: items of one producer come out in the order in which they went in (first popped, first
 * pushed); between producers there is none.
 *
 * Invariants: in each lane head <= tail <= head + capacity; indices count items. An item comes out
 * once. A pop says that there is nothing only after it has seen every lane empty.
 * Threads: a producer handle is one thread's at a time, and so is a consumer handle; as many
 * consumers as you like, as many producers at once as there are lanes. close, stats: any.
 * Ownership: the ring borrows its storage, handles borrow the ring.
 * Must not: block, allocate (rt/channel waits).
 */
#ifndef RT_MPMC_H
#define RT_MPMC_H
#include "base/atomic.h"
#include "base/base.h"
#include "rt/pace.h"
#include "rt/prefetch.h"

#define MPMC_LANES_MAX 63u
#define MPMC_CAPACITY_MAX ((size_t)1 << 31)
#define MPMC_ITEM_SIZE_MAX ((size_t)1 << 12)
/* Items that a consumer takes from a lane before its next look begins with another one. */
#define MPMC_TURN 256u

/* Bytes of slots that a consumer fetches ahead: an exchange keeps the processor from doing so. */
#define MPMC_AHEAD ((size_t)512)
/* And bytes of slots that a producer takes ahead: more lines than are under way at once. */
#define MPMC_TAKE_AHEAD ((size_t)2048)

/* Processors fetch lines in pairs: what one side writes is two lines from what the other writes. */
#define MPMC_APART (2 * CACHE_LINE)

struct mpmc_lane {
	/* the producer's: items pushed since the beginning */
	_Alignas(MPMC_APART) _Atomic uint64_t tail;
	_Atomic uint64_t refused; /* pushes that found no room */
	/* the consumers': items popped since the beginning */
	_Alignas(MPMC_APART) _Atomic uint64_t head;
	_Atomic uint64_t high; /* the most items found at a look */
};

/* Of `members`, beside a bit for each lane that has a producer. */
#define MPMC_CLOSED (UINT64_C(1) << 63)

struct mpmc {
	_Alignas(MPMC_APART) struct mpmc_lane *lanes;
	_Atomic uint64_t *slots; /* of all lanes: an item is some words */
	size_t capacity;         /* of a lane; a power of two */
	size_t item_size;
	uint32_t lane_count;
	struct pace pace;           /* of a new consumer */
	_Atomic uint32_t consumers; /* handles made so far: each starts at another lane */
	_Alignas(MPMC_APART) _Atomic uint64_t members;
};

struct mpmc_producer {
	struct mpmc *ring;
	struct mpmc_lane *lane;
	_Atomic uint64_t *slots;
	size_t mask;
	uint64_t tail;
	uint64_t room_end; /* the head that was last seen, plus the capacity */
	uint32_t index;    /* of the lane */
};

struct mpmc_consumer {
	struct mpmc_lane *lane;
	_Atomic uint64_t *slots;
	size_t mask;
	uint64_t head;       /* what the lane's is thought to be */
	uint64_t tail_seen;  /* the lane's, as it was last seen */
	uint64_t turn_begin; /* the head at which it came to the lane */
	struct pace pace;
	struct mpmc *ring;
	uint32_t index; /* of the lane */
};

struct mpmc_stats {
	size_t capacity;   /* of all lanes together */
	size_t occupancy;  /* likewise */
	size_t high_water; /* of one lane: the most that anybody saw; a full one is always seen */
	uint64_t pushed, popped, refused;
	uint32_t producers;
	bool closed;
};

/* Bytes for mpmc_init, aligned to MPMC_APART. item_size: a multiple of 8. */
MUST_USE size_t mpmc_storage_size(uint32_t lane_count, size_t capacity, size_t item_size);
/* capacity: of each lane. */
NONNULL_ALL void mpmc_init(
	struct mpmc *ring, void *storage, uint32_t lane_count, size_t capacity, size_t item_size);

/* Takes a lane. ERR_FULL: every lane has a producer; ERR_STATE: the queue is closed. */
MUST_USE NONNULL_ALL enum err mpmc_producer_init(struct mpmc_producer *p, struct mpmc *ring);
/* Gives the lane back; what was pushed stays. */
NONNULL_ALL void mpmc_producer_fini(struct mpmc_producer *p);
NONNULL_ALL void mpmc_consumer_init(struct mpmc_consumer *c, struct mpmc *ring);

/* No push begins after it, and no producer comes. One that has begun may still succeed: drained is
 * when the last producer has gone, too, and every lane is empty. */
NONNULL_ALL void mpmc_close(struct mpmc *ring);
MUST_USE NONNULL_ALL static inline bool mpmc_is_closed(const struct mpmc *ring)
{
	/* nothing is read on the strength of it */
	return (atomic_load_explicit(&ring->members, memory_order_relaxed) & MPMC_CLOSED) != 0;
}
/* There is nothing left, nor will there be. */
MUST_USE NONNULL_ALL bool mpmc_is_drained(const struct mpmc *ring);

NONNULL_ALL void mpmc_stats(const struct mpmc *ring, struct mpmc_stats *out);

/* ---- the producer ---- */

/* Looks how far the consumers are, if there seem to be fewer than `want` free slots. Returns how
 * many there are, up to `want`. */
NONNULL_ALL static inline size_t mpmc_room(struct mpmc_producer *p, size_t want)
{
	if (p->room_end - p->tail >= want)
		return want;
	/* [REUSE] acquire: pairs with the release of the exchange in mpmc_take: whoever took an
	 * item had copied it */
	p->room_end = atomic_load_explicit(&p->lane->head, memory_order_acquire) + p->mask + 1;
	const uint64_t room = p->room_end - p->tail;
	if (room == 0)
		/* one writer: no read-modify-write */
		atomic_store_explicit(&p->lane->refused,
			atomic_load_explicit(&p->lane->refused, memory_order_relaxed) + 1,
			memory_order_relaxed);
	return room < want ? (size_t)room : want;
}

/* Copies words to slots in a row. relaxed: a consumer may read one too late, and then finds that
 * out. `ahead`: the slots whose lines are taken for writing meanwhile. */
NONNULL_ALL static inline void mpmc_copy_in(
	_Atomic uint64_t *slot, const uint8_t *from, const _Atomic uint64_t *ahead, size_t words)
{
	for (size_t w = 0; w < words; w++) {
		uint64_t word;
		if (w % (CACHE_LINE / sizeof word) == 0)
			prefetch_write((const void *)(uintptr_t)(ahead + w));
		memcpy(&word, from + w * sizeof word, sizeof word);
		atomic_store_explicit(&slot[w], word, memory_order_relaxed);
	}
}

/* Copies items to the slots from the tail on, around the lane's end; there is room. */
NONNULL_ALL static inline void mpmc_put(
	const struct mpmc_producer *p, const uint8_t *from, size_t count, size_t item_size)
{
	const size_t words = item_size / sizeof(uint64_t);
	/* lines that the consumers have given back: others they may be about to read */
	const size_t items_ahead = MPMC_TAKE_AHEAD / item_size + 1;
	const size_t ahead = p->room_end - p->tail >= count + items_ahead ? items_ahead : 0;
	for (size_t done = 0; done < count;) {
		const size_t at = (size_t)(p->tail + done) & p->mask, straight = p->mask + 1 - at;
		const size_t n = count - done < straight ? count - done : straight;
		mpmc_copy_in(p->slots + at * words, from + done * item_size,
			p->slots + ((at + ahead) & p->mask) * words, n * words);
		done += n;
	}
}

/* As many of the items as there is room for, all published at once; returns how many. 0 with a
 * count of 1 or more: the lane is full, or the queue is closed. */
MUST_USE NONNULL_ALL static inline size_t mpmc_push_batch(
	struct mpmc_producer *p, const void *items, size_t count, size_t item_size)
{
	if (mpmc_is_closed(p->ring))
		return 0;
	const size_t room = mpmc_room(p, count);
	if (room == 0)
		return 0;
	mpmc_put(p, items, room, item_size);
	p->tail += room;
	/* [PUSH] release: pairs with the acquires of tail in the consumer: items, then the index */
	atomic_store_explicit(&p->lane->tail, p->tail, memory_order_release);
	return room;
}

MUST_USE NONNULL_ALL static inline bool mpmc_push(
	struct mpmc_producer *p, const void *item, size_t item_size)
{
	const size_t words = item_size / sizeof(uint64_t);
	if (mpmc_is_closed(p->ring) || mpmc_room(p, 1) == 0)
		return false;
	const size_t of_line = item_size < CACHE_LINE ? CACHE_LINE / item_size : 1;
	if (p->tail % of_line == 0) { /* at or near the beginning of a line */
		const size_t ahead = MPMC_TAKE_AHEAD / item_size + 1;
		if (p->room_end - p->tail > ahead)
			prefetch_write((const void *)(uintptr_t)(p->slots +
				((size_t)(p->tail + ahead) & p->mask) * words));
	}
	_Atomic uint64_t *slot = p->slots + ((size_t)p->tail & p->mask) * words;
	for (size_t w = 0; w < words; w++) {
		uint64_t word;
		memcpy(&word, (const uint8_t *)item + w * sizeof word, sizeof word);
		atomic_store_explicit(&slot[w], word, memory_order_relaxed); /* as in a batch */
	}
	p->tail++;
	/* [PUSH] as in mpmc_push_batch */
	atomic_store_explicit(&p->lane->tail, p->tail, memory_order_release);
	return true;
}

/* ---- the consumer ---- */

/* Goes to a lane that has something; false: none has. */
MUST_USE NONNULL_ALL bool mpmc_look(struct mpmc_consumer *c);

/* Whether there is something, in this lane or another. */
MUST_USE NONNULL_ALL static inline bool mpmc_ready(struct mpmc_consumer *c)
{
	if (c->head - c->turn_begin < MPMC_TURN) {
		/* [PUSH] acquire, as in mpmc_look */
		const uint64_t tail = atomic_load_explicit(&c->lane->tail, memory_order_acquire);
		if (__builtin_expect(tail - c->head == 1, true)) {
			c->tail_seen = tail; /* question and answer: the shortest way */
			return true;
		}
	}
	return mpmc_look(c);
}

/* relaxed: whether they were there still is known after the exchange. */
NONNULL_ALL static inline void mpmc_copy_out(
	uint8_t *to, const _Atomic uint64_t *slot, size_t words)
{
	for (size_t w = 0; w < words; w++) {
		const uint64_t word = atomic_load_explicit(&slot[w], memory_order_relaxed);
		memcpy(to + w * sizeof word, &word, sizeof word);
	}
}

/* Copies items from the head on, around the lane's end; they were there. */
NONNULL_ALL static inline void mpmc_get(
	const struct mpmc_consumer *c, uint8_t *to, size_t count, size_t item_size)
{
	const size_t words = item_size / sizeof(uint64_t);
	for (size_t done = 0; done < count;) {
		const size_t at = (size_t)(c->head + done) & c->mask;
		const size_t straight = c->mask + 1 - at, left = count - done;
		const size_t n = left < straight ? left : straight;
		mpmc_copy_out(to + done * item_size, c->slots + at * words, n * words);
		done += n;
	}
}

/* Up to `count` items of one lane, by one exchange; returns how many. 0: every lane was empty. */
MUST_USE NONNULL_ALL static inline size_t mpmc_pop_batch(
	struct mpmc_consumer *c, void *items, size_t count, size_t item_size)
{
	const size_t words = item_size / sizeof(uint64_t);
	for (;;) {
		if (c->head == c->tail_seen && !mpmc_ready(c))
			return 0;
		const uint64_t there = c->tail_seen - c->head;
		const size_t take = there < count ? (size_t)there : count;
		uint8_t *to = items;
		if (there > MPMC_AHEAD / item_size)
			__builtin_prefetch((const void *)(uintptr_t)(c->slots +
				((size_t)(c->head + MPMC_AHEAD / item_size) & c->mask) * words));
		/* one in place, as its caller's constant count says: no loop */
		if (count == 1)
			mpmc_copy_out(to, c->slots + ((size_t)c->head & c->mask) * words, words);
		else
			mpmc_get(c, to, take, item_size);
		/* [REUSE] release: pairs with the acquire in mpmc_room: the copy, then the index.
		 * It fails where somebody else has taken these items: the copy is worth nothing. */
		uint64_t head = c->head;
		if (atomic_compare_exchange_strong_explicit(&c->lane->head, &head, head + take,
			    memory_order_release, memory_order_relaxed)) {
			c->head += take;
			return take;
		}
		c->head = head;
		c->tail_seen = head; /* somebody else is here: look around */
	}
}

MUST_USE NONNULL_ALL static inline bool mpmc_pop(
	struct mpmc_consumer *c, void *item, size_t item_size)
{
	return mpmc_pop_batch(c, item, 1, item_size) == 1;
}

#endif
