/* store/journal_tail: the end of a journal where groups are written: the active segment, the spare
 * one behind it, the chain and the tree. No threads, no staging: those are store/journal_commit's.
 *
 * Invariants. A group is sealed once, at the place and with the link that follow from the one
 * sealed before; it may be written while that one is under way, in the same segment. A segment gets
 * its name only when its header is durable, its header only when everything before is durable, and
 * groups only when its name is. Bytes behind the end are zeros on the platter before anything is
 * written there: what an earlier epoch left is gone. After a failure nothing is written any more;
 * the caller sees to that.
 * Ownership: buffers of groups are the caller's.
 */
#ifndef STORE_JOURNAL_TAIL_H
#define STORE_JOURNAL_TAIL_H
#include "store/journal_filler.h"
#include "store/journal_scan.h"
#include "store/journal_stage.h"

#define JOURNAL_FLIGHTS_MAX 2u /* groups that are under way at once */

enum journal_spare {
	JOURNAL_SPARE_WANTED,
	JOURNAL_SPARE_READY,
	JOURNAL_SPARE_NO_SPACE, /* the disk is full: what is left of the active segment is all */
};

struct journal_tail {
	const struct file_ops *ops;
	const char *dir;     /* borrows */
	size_t segment_size; /* of segments to be made, ... */
	size_t first_size;   /* ... but for the first of a journal */
	int file, spare_file;
	enum journal_spare spare;
	struct journal_filler *filler; /* NULL: spares are filled in place */
	bool filling;                  /* it has the spare */
	struct journal_segment_header segment;
	struct journal_chain chain;
	struct merkle_frontier tree; /* over all records of groups that were folded */
	struct hash256 root;         /* its root */
	const uint8_t *unfolded;     /* the last group that was sealed; NULL: it was folded */
	uint64_t end;                /* of the last group in the active segment */
	uint64_t claimed; /* the highest sequence that something durable says is durable */
	uint64_t groups, syncs, bytes, records;
	struct journal_error error; /* set with every failure */
};

/* A group that is to be written. */
struct journal_sealed {
	const uint8_t *group;
	size_t size;
	int file;
	uint64_t offset;
	uint64_t first_seq;
	uint32_t count;
	uint64_t claims; /* what its header says is durable */
};

/* Make the folder's journal ready to be written: from nothing, or where a successful scan ended.
 * A new epoch is durable when this returns OK. Same errors as sys/file. */
MUST_USE NONNULL_ALL enum err journal_tail_open(
	struct journal_tail *t, const struct journal_scan *scan, struct id128 cluster);
NONNULL_ALL void journal_tail_close(struct journal_tail *t);

/* Give a group its place, its root and its sum; room for it there is. The one before was folded;
 * `durable` is what is known to be by now. */
NONNULL_ALL void journal_tail_seal(struct journal_tail *t, struct journal_sealed *out,
	const struct journal_body *body, uint64_t durable);
/* Its records become leaves of the tree, its link that of the chain. After it was sealed, before
 * its bytes are another's and the next one is sealed; best while it is being written. */
NONNULL_ALL void journal_tail_fold(struct journal_tail *t);
/* The sealed group is durable, and so is everything before it; or its write failed. Returns err. */
NONNULL_ALL enum err journal_tail_wrote(
	struct journal_tail *t, const struct journal_sealed *sealed, enum err err);
/* Write it now and wait. */
MUST_USE NONNULL_ALL enum err journal_tail_write(
	struct journal_tail *t, const struct journal_sealed *sealed);

/* Go on in the next segment. Everything before is durable. */
MUST_USE NONNULL_ALL enum err journal_tail_roll(struct journal_tail *t);
/* The last group's records are durable, and nothing on disk says so yet; there is room to. */
NONNULL_ALL bool journal_tail_wants_mark(const struct journal_tail *t);
/* Write a group without records, if wanted. Everything before is durable. */
MUST_USE NONNULL_ALL enum err journal_tail_mark(struct journal_tail *t);
/* Try to have a spare segment. A full disk is no error here: see t->spare. */
MUST_USE NONNULL_ALL enum err journal_tail_spare(struct journal_tail *t);

/* Bytes left for groups in the active segment. */
NONNULL_ALL uint64_t journal_tail_room(const struct journal_tail *t);

#endif
