/* store/journal_read: look at a journal without opening it: verify, list, count. Reads only, takes
 * no lock. On a journal that is in use the answer is that of some moment, and its end may look
 * unfinished; a group that its writer synced is never reported as damaged.
 *
 * Threads: one. Needs memory for one segment.
 */
#ifndef STORE_JOURNAL_READ_H
#define STORE_JOURNAL_READ_H
#include "store/journal_scan.h"

/* A record and where it is. */
struct journal_place {
	uint32_t segment;
	uint64_t epoch;
	uint64_t group_offset; /* in the segment's file */
	uint64_t durable_seq;  /* what its group says was durable before it */
};
/* Return other than OK to stop; journal_read then fails with it. */
typedef enum err (*journal_read_cb)(
	void *ctx, const struct journal_record *record, const struct journal_place *place);

/* Groups behind something unsound, or unfinished, that are sound by themselves. */
struct journal_behind {
	uint64_t groups;
	uint32_t segment; /* of the first of them ... */
	uint64_t offset;
	uint64_t first_seq, last_seq; /* of their records; 0: only marks */
	uint64_t claimed_seq;         /* the highest of what they say was durable */
};

struct journal_report {
	bool empty; /* there is no journal in the folder; the rest is zero */
	struct id128 cluster;
	uint32_t segments;
	uint64_t file_bytes, group_bytes, payload_bytes;
	uint64_t groups, marks, records; /* groups includes marks */
	uint64_t group_records_max;
	uint64_t first_seq, last_seq; /* 0: no record */
	uint64_t freed_seq; /* up to here the journal is a snapshot's: what was before was freed */
	uint64_t epoch;     /* how often it was opened */
	uint64_t claimed_seq; /* the journal itself says that so much was durable */
	uint32_t end_segment; /* where the next group goes */
	uint64_t end_offset;
	bool torn;           /* something unfinished lies there: a power cut, or a journal in use */
	struct hash256 root; /* of the log's tree over all sound records */
	struct journal_damage damage; /* torn or damaged: what is there, and where */
	uint64_t record_seq;    /* the record at which it begins, where that can be told ... */
	uint64_t record_offset; /* ... and where that is; 0: it can't */
	struct journal_behind behind; /* torn or damaged: what follows */
	char text[256];               /* the same for people: where, and how */
	char detail[256];             /* the record, for people */
};

/* Verify everything that is there, and give each record to cb (may be NULL). Where the first
 * segments were freed, it begins with the oldest sound snapshot, and believes what that says of the
 * journal before it. *report is filled as far as it got, whatever is returned: ERR_CHECKSUM
 * damaged, ERR_FORMAT another version, ERR_NOT_FOUND no such folder, ERR_IO. */
MUST_USE enum err journal_read(struct journal_report *report, const struct file_ops *ops,
	const char *dir, journal_read_cb cb, void *ctx);
/* Where the first segments are not there any more: the place of the oldest sound snapshot that can
 * be gone on from. False: they are, or nothing says how to go on. */
MUST_USE NONNULL_ALL bool journal_begins_later(
	struct journal_start *out, const struct file_ops *ops, const char *dir);

#endif
