/* store/journal_stage: where records wait for their group: any number of threads append, without a
 * lock; one at a time closes.
 *
 *     appending                                   committing
 *     claim: one exchange of the word gives a     close: one exchange of the word gives the whole
 *       sequence and a place in the open group      group and opens the next one
 *     copy, sum: outside of it                   settle: wait until all of it has been copied
 *     count the bytes as copied                   ... seal, write, sync ...
 *                                                 publish: durable, and the place is free again
 *
 * The word holds the open group's slot, its bytes, and the low bits of the next sequence: it never
 * comes back to an earlier value, so that an exchange is never fooled.
 *
 * Invariants. Sequences have no gaps, and a group's are in the order of its bytes. Of the slots one
 * is open and the rest are closed, the oldest first to become free: the committing side closes only
 * where one is.
 * Threads: put, room, last and bytes from any; the rest from one at a time, the committer.
 * Ownership: the buffers are the stage's own.
 */
#ifndef STORE_JOURNAL_STAGE_H
#define STORE_JOURNAL_STAGE_H
#include "base/atomic.h"
#include "rt/eventcount.h"
#include "store/journal_format.h"

#define JOURNAL_STAGE_SLOTS 3u /* one is open, two are under way */

struct journal_stage_slot {
	/* bytes copied, less those of the group once it was closed: then 0 is all of them */
	_Alignas(CACHE_LINE) _Atomic int64_t copied;
	uint8_t *group;
};

struct journal_stage {
	size_t group_max;
	struct eventcount settled;
	struct journal_stage_slot slot[JOURNAL_STAGE_SLOTS];
	_Alignas(2 * CACHE_LINE) _Atomic uint64_t word;
	/* [DURABLE] release: what was written before is durable; pairs with the acquires of those
	 * who read it. */
	_Alignas(2 * CACHE_LINE) _Atomic uint64_t durable;
	/* Bytes on disk that an open group may take: of plain records, of essential ones. */
	_Atomic uint64_t limit[2];
	/* Likewise, of a group of several records: no more than group_max. */
	_Atomic uint64_t several_max;
	_Atomic uint64_t closed; /* last sequence of the last group that was closed */
};

/* A closed group: records behind JOURNAL_GROUP_HEADER_SIZE bytes of room for the header, and room
 * for the padding behind them. */
struct journal_body {
	uint8_t *group; /* aligned for direct writes */
	size_t size;    /* of the records */
	uint64_t first_seq;
	uint32_t count;
	uint32_t slot;
};

/* ERR_FULL: no memory. The next record is last + 1. */
MUST_USE NONNULL_ALL enum err journal_stage_init(
	struct journal_stage *s, size_t group_max, uint64_t last);
NONNULL_ALL void journal_stage_fini(struct journal_stage *s);

struct journal_put {
	uint64_t seq;
	bool first; /* of its group */
};
/* `promised` bytes are taken beyond the disk's limit. ERR_FULL: not now. */
MUST_USE NONNULL_ALL enum err journal_stage_put(struct journal_stage *s, struct journal_put *out,
	uint16_t type, struct slice payload, bool essential, size_t promised);
/* What put would answer for a record of this size, header included. */
MUST_USE NONNULL_ALL enum err journal_stage_room(
	const struct journal_stage *s, size_t size, bool essential);
NONNULL_ALL uint64_t journal_stage_last(const struct journal_stage *s);
NONNULL_ALL size_t journal_stage_bytes(const struct journal_stage *s); /* of the open group */

/* What an exchange would close: 0 bytes, nothing. */
struct journal_closing {
	uint64_t word;
	size_t bytes;
};
NONNULL_ALL struct journal_closing journal_stage_look(const struct journal_stage *s);
/* False: more was appended since; look again. With true every record of *out has been copied. */
MUST_USE NONNULL_ALL bool journal_stage_close(
	struct journal_stage *s, struct journal_body *out, struct journal_closing closing);
/* Everything up to seq is durable. */
NONNULL_ALL void journal_stage_publish(struct journal_stage *s, uint64_t seq);

#endif
