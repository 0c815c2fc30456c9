/* store/journal_collect: segments of a journal that nobody needs any more are freed, and used
 * again.
 *
 * The rule. A segment is freed only if
 *   - two sound snapshots, at least, lie behind it (its caller's `below`): a start never reads it;
 *   - each of its records, read once more, is the leaf that the log's tree has for it, and that
 *     survives a crash: roots and proofs go on as if it were there;
 *   - the records that a receipt can be asked for are kept (store/kept_records.h), durably;
 *   - none of its records is at or behind `floor_seq`: a replica's, or whoever still reads.
 * Whatever is not so, or can't be read, ends the run, and the segment stays.
 *
 * A freed segment gets zeros, which are synced, and the name of a recycled one: the journal takes
 * those for its next segments (store/journal_tail.h), so that their space is there without being
 * asked for. What is over JOURNAL_RECYCLED_MAX, or of another size, is removed. Segments go from
 * the front; a crash in between leaves some of them, which nobody reads and the next run frees.
 *
 * Threads: one at a time, beside the journal's and the log's own. Ownership: borrows.
 * Must not: touch a segment at or behind `below`, or change anything before it can be spared.
 */
#ifndef STORE_JOURNAL_COLLECT_H
#define STORE_JOURNAL_COLLECT_H
#include <stdatomic.h>

#include "store/log_index.h"

struct journal_collect {
	const struct file_ops *ops;
	const char *dir;
	struct log_index *log;
	size_t segment_size; /* of the segments that the journal makes */
	uint32_t below;
	uint64_t floor_seq;             /* UINT64_MAX: none */
	bool (*is_kept)(uint16_t type); /* a receipt can be asked for such a record */
	const _Atomic bool *stop;       /* relaxed: true: enough for now; NULL: never */
};

struct journal_collected {
	uint32_t freed, recycled; /* the latter are among the former */
	uint64_t last_seq;        /* everything up to here is freed; 0: nothing was */
	uint64_t kept_bytes;      /* of files of kept records */
};

/* OK: all that may be freed is. ERR_RANGE: the log has not saved so much yet, or the floor is
 * reached; ERR_CANCELLED: stop; ERR_CHECKSUM: something is not as it was; others as of
 * log_index_covers and sys/file. *out is right in any case. */
MUST_USE NONNULL_ALL enum err journal_collect_run(
	struct journal_collected *out, const struct journal_collect *c);

#endif
