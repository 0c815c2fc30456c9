/* store/journal_scan: read a journal's folder, verify all of it, and say where it ends.
 *
 * The rule (DESIGN.md section 9). Groups are walked in order. In a segment that has a successor
 * every group up to the successor's link must be valid: the successor was made when they were
 * durable. In the last segment the walk ends at the first group that is not valid, and that is the
 * end of the journal, unless somewhere behind it a group that is valid by itself claims that
 * something past the end was durable: a power cut can't do that, so it is damage.
 *
 * Two groups may have been under way at once, so that the second may be whole where the first is
 * torn: it then claims nothing past the cut. Only what nothing claims to be durable can be other
 * than durable, and an opening writes that again.
 *
 * Whether a group is valid by itself (hashes, sums) takes most of the work and depends on nothing
 * else, so that many are checked at once where there is somebody to share them with; where the next
 * ones begin is guessed from what they say. Chain and records follow on one thread, in order: the
 * result is the same, whoever checked what.
 *
 * Where records are visited, too, reading and verifying go on ahead of that on a thread of their
 * own (store/journal_pipe.h), by at most two segments, which are in memory then. Checks are shared
 * only while the visitor has to wait for them: else workers would take its processor.
 *
 * Reads only. Threads: one; with `parallel`, its own, and another on which `ops` is called, within
 * the call. A visitor is called on the caller's. It sees records before the whole was verified:
 * what it built must be thrown away where the scan fails.
 */
#ifndef STORE_JOURNAL_SCAN_H
#define STORE_JOURNAL_SCAN_H
#include "base/parallel.h"
#include "crypto/merkle_log.h"
#include "store/journal.h"
#include "store/journal_format.h"
#include "sys/file.h"
#include "sys/pages.h"

#define JOURNAL_NAME_SIZE 32u
#define JOURNAL_SEGMENTS_MAX 1000000u
#define JOURNAL_LOCK_NAME "LOCK"
#define JOURNAL_SPARE_NAME "spare"
#define JOURNAL_RECYCLED_MAX 4u
#define JOURNAL_RECYCLING_NAME "recycling"  /* a freed segment on its way there */
#define JOURNAL_AHEAD_MAX 512u              /* groups that are checked at once ... */
#define JOURNAL_AHEAD_LEAVES_MAX (1u << 18) /* ... and their records, but for the last group's, */
#define JOURNAL_AHEAD_BYTES_MAX (8u << 20)  /* likewise */

/* Any may be NULL; return other than OK to stop, and the scan fails with it. */
struct journal_visitor {
	enum err (*segment)(void *ctx, const struct journal_segment_header *header);
	enum err (*group)(void *ctx, const struct journal_group_header *group, struct slice body);
	enum err (*record)(void *ctx, const struct journal_record *record);
	/* For who keeps bodies: those of all segments but the last one are about to be
	 * overwritten. */
	enum err (*leave)(void *ctx);
	/* For who visits elsewhere: has it nothing to visit now? NULL: never anything. */
	bool (*waits)(void *ctx);
	void *ctx;
};

/* A group that was checked by itself before its turn. */
struct journal_ahead {
	uint64_t offset;
	size_t leaf; /* its first, in the scan's */
	enum journal_fault fault;
	struct journal_group_header group;
};

/* The first thing that can't be accepted. */
struct journal_damage {
	enum journal_fault fault; /* NONE: nothing was found */
	uint32_t segment;
	uint64_t offset; /* in its file: of the group, or 0, the segment's header */
};

struct journal_scan {
	const struct file_ops *ops;
	const char *dir;
	const struct parallel *parallel; /* NULL: one by one */
	/* the result */
	bool empty;                         /* no segment: nothing else is set */
	struct journal_segment_header last; /* the last segment */
	uint64_t first;                     /* in the last segment: where the walk began */
	struct journal_chain chain;
	uint64_t end;              /* in the last segment: where the next group goes */
	uint64_t dirty_end;        /* behind its last byte that is not zero, at least `end` */
	enum journal_fault at_end; /* END, or what is wrong with the bytes there */
	uint64_t doubt;            /* from here to `end`, groups that may not be durable yet: those
				    * of the last segment that none claims, the last one always */
	uint64_t claimed;          /* the last claim of what was durable */
	struct merkle_frontier tree;  /* over all records */
	struct journal_damage damage; /* with ERR_CHECKSUM, ERR_FORMAT */
	struct journal_error error;   /* set with every failure */
	/* its storage */
	uint8_t *
		bytes; /* the file of bytes_segment, the last one, and all of it, after a success */
	size_t bytes_len, bytes_read; /* what is not read yet is not there */
	uint32_t bytes_segment;
	int file;
	struct pages memory[2]; /* the bytes', and for who keeps bodies the segment's before */
	struct journal_ahead *ahead;
	uint32_t ahead_max, ahead_count, ahead_next;
	struct hash256 *leaf; /* of the groups that were looked at ahead */
	size_t leaf_cap;
};

/* "0000000001.seg" */
NONNULL_ALL void journal_segment_name(char name[JOURNAL_NAME_SIZE], uint32_t segment);
/* The other way; 0: it is not the name of one. */
NONNULL_ALL uint32_t journal_segment_number(const char *name);
/* The lowest and the highest number of a folder's segments; 0: there is none. Errors of sys/file.
 */
MUST_USE NONNULL_ALL enum err journal_segments_list(
	uint32_t *first, uint32_t *last, const struct file_ops *ops, const char *dir);
/* "recycled-0": a file of zeros, on the platter too, that the next segment can be made of. */
NONNULL_ALL void journal_recycled_name(char name[JOURNAL_NAME_SIZE], uint32_t index);

/* ERR_NETWORK: not of *cluster (all zero: any). ERR_CHECKSUM: damaged. ERR_FORMAT: another format
 * version. ERR_IO and others of sys/file. parallel and start may be NULL; borrowed for the call.
 * With a start, nothing before it is read, and a journal that ends before start->claimed is
 * damaged. */
MUST_USE enum err journal_scan_run(struct journal_scan *scan, const struct file_ops *ops,
	const char *dir, const struct id128 *cluster, const struct journal_visitor *visitor,
	const struct parallel *parallel, const struct journal_start *start);
/* A group that was verified: tells of it, and of its records. */
MUST_USE NONNULL_ALL enum err journal_visit_group(const struct journal_visitor *visitor,
	const struct journal_group_header *group, struct slice body);
/* After journal_scan_run: another segment's file into scan->bytes. ERR_CHECKSUM: it is not there,
 * or too short for one; errors of sys/file. */
MUST_USE NONNULL_ALL enum err journal_scan_load(struct journal_scan *scan, uint32_t segment);
/* Frees the storage; call it after success and after failure. */
NONNULL_ALL void journal_scan_fini(struct journal_scan *scan);

PRINTF_LIKE(2, 3)
NONNULL_ALL void journal_error_set(struct journal_error *error, const char *format, ...);

#endif
