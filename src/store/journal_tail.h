/* store/journal_tail: the end of a journal where groups are written: the active segment, the spare
 * one behind it, and the chain. No threads, no staging: store/journal.c has those.
 *
 * Invariants. One group is in flight at a time: the next is written only after the one before was
 * synced. A segment gets its name only when its header is durable, and groups only when its name
 * is. Bytes behind the end are zeros on the platter before anything is written there: what an
 * earlier epoch left is gone. After a failure nothing is written any more; the caller sees to that.
 */
#ifndef STORE_JOURNAL_TAIL_H
#define STORE_JOURNAL_TAIL_H
#include "rt/latency.h"
#include "store/journal_scan.h"

enum journal_spare {
	JOURNAL_SPARE_WANTED,
	JOURNAL_SPARE_READY,
	JOURNAL_SPARE_NO_SPACE, /* the disk is full: what is left of the active segment is all */
};

struct journal_tail {
	const struct file_ops *ops;
	const char *dir;     /* borrows */
	size_t segment_size; /* of segments to be made */
	bool timed;          /* count the time that syncs take */
	int file, spare_file;
	enum journal_spare spare;
	struct journal_segment_header segment;
	struct journal_chain chain;
	uint64_t end;     /* of the last group in the active segment */
	uint64_t claimed; /* the highest sequence that something durable says is durable */
	uint64_t groups, syncs, bytes, records;
	uint64_t sync_ns_max;
	struct latency *sync_latency; /* NULL: not recorded */
	struct journal_error error;   /* set with every failure */
};

/* Records that lie behind JOURNAL_GROUP_HEADER_SIZE bytes of room for the header; the buffer has
 * room for the padding. */
struct journal_body {
	uint8_t *group;
	size_t size; /* of the records */
	uint32_t count;
};

/* Make the folder's journal ready to be written: from nothing, or where a successful scan ended.
 * A new epoch is durable when this returns OK. Same errors as sys/file. */
MUST_USE NONNULL_ALL enum err journal_tail_open(
	struct journal_tail *t, const struct journal_scan *scan, struct id128 cluster);
NONNULL_ALL void journal_tail_close(struct journal_tail *t);

/* Write and sync a group; with OK, its records are durable. */
MUST_USE NONNULL_ALL enum err journal_tail_commit(
	struct journal_tail *t, const struct journal_body *body);
/* The last group's records are durable, and nothing on disk says so yet; there is room to. */
NONNULL_ALL bool journal_tail_wants_mark(const struct journal_tail *t);
/* Write a group without records, if wanted. */
MUST_USE NONNULL_ALL enum err journal_tail_mark(struct journal_tail *t);
/* Try to have a spare segment. A full disk is no error here: see t->spare. */
MUST_USE NONNULL_ALL enum err journal_tail_spare(struct journal_tail *t);

/* Bytes left for groups in the active segment. */
NONNULL_ALL uint64_t journal_tail_room(const struct journal_tail *t);

#endif
