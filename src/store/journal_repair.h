/* store/journal_repair: bring back what is damaged in a journal from another copy of it.
 *
 * Both are read in parallel, group by group, along one hash chain: where the journal's own group is
 * sound and continues the chain it stays, else the copy's is taken if that one does. The copy is
 * never trusted: a group of the journal's own behind what was taken names it by its hash (it is
 * *vouched for*), and only what is vouched for is taken, unless the caller says `extend`. A copy
 * that goes another way at any place is refused, as is one with which the journal shares nothing.
 * What would come out is verified, by the rule of an opening, before any file is changed. Where the
 * first segments were freed, it begins with the oldest sound snapshot of the journal's own folder.
 *
 * Applying is atomic for each segment: the damaged file is copied aside (NAME.damaged-N), the new
 * one is written under another name, synced, renamed over it, and the folder is synced. Ended at
 * any moment, the journal is as damaged as before or less, and repairing starts over.
 *
 * Threads: one. Holds the journal's lock from plan to fini, so that no daemon has it; the copy is
 * only read. Needs memory for three segments. Ownership: folder names and operations are borrowed.
 */
#ifndef STORE_JOURNAL_REPAIR_H
#define STORE_JOURNAL_REPAIR_H
#include "store/journal_scan.h"

#define JOURNAL_REPAIR_PIECES_MAX 65536u
#define JOURNAL_REPAIR_ASIDE_MAX 1000u /* damaged files that are kept of one segment */

/* Neighbouring bytes of one segment that are taken from the copy. */
struct journal_repair_piece {
	uint32_t segment;
	uint64_t offset, size;        /* at 0: with the segment's header. Both 0: only the length of
					 the file is wrong, and nothing is taken */
	uint64_t groups;              /* marks included */
	uint64_t first_seq, last_seq; /* of their records; 0: none */
	uint64_t file_size;           /* that the segment's file must have */
};

struct journal_repair {
	const struct file_ops *ops;
	const char *dir, *from;
	int lock_file;
	struct journal_repair_piece *piece; /* ordered by place */
	uint32_t count, cap;
	/* what the copy has beyond the end, and nothing here vouches for; taken with `extend` */
	uint64_t beyond_first_seq, beyond_last_seq; /* 0: no record */
	bool later; /* the first segments were freed: it begins with a snapshot */
	struct journal_start start;
	/* the result, once it is applied */
	uint64_t last_seq;
	uint32_t segments;
	struct journal_error error; /* set with every failure */
};

/* Find out what is to be taken; changes nothing. ERR_EXISTS: a process has the journal open;
 * ERR_NETWORK: the copy is another cluster's; ERR_STATE: the copy goes another way, or there is
 * nothing that it could be matched with; ERR_CHECKSUM: damaged in both, or the copy ends too early;
 * ERR_FULL: no memory, too many pieces; errors of sys/file. Call fini in any case. */
MUST_USE NONNULL_ALL enum err journal_repair_plan(struct journal_repair *r,
	const struct file_ops *ops, const char *dir, const char *from, bool extend);
/* Do it, after a plan that answered OK. ERR_CHECKSUM: what was read from the disk again is not
 * sound; errors of sys/file. */
MUST_USE NONNULL_ALL enum err journal_repair_apply(struct journal_repair *r);
NONNULL_ALL void journal_repair_fini(struct journal_repair *r);

#endif
