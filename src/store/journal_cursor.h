/* store/journal_cursor: groups of a journal, one after the other, out of its files, from any place
 * on. Needs memory for one group, and reads nothing twice.
 *
 * For those who follow a journal that is being written, and for looking up one record. It checks
 * each group by itself and that it continues the one before it; whether the whole is sound is
 * journal_scan's. Ask for no more than is durable: what is behind that may be unfinished.
 *
 * Threads: one. Ownership: operations and the folder's name are borrowed. Reads only.
 */
#ifndef STORE_JOURNAL_CURSOR_H
#define STORE_JOURNAL_CURSOR_H
#include "store/journal_format.h"
#include "sys/file.h"

struct journal_cursor {
	const struct file_ops *ops;
	const char *dir;
	unsigned open_flags; /* of its files: 0, or FILE_DIRECT to see what the disk has */
	/* where it is */
	int file;
	struct journal_segment_header segment;
	uint64_t offset;          /* of the next group */
	uint64_t next_seq;        /* of its first record; 0: not known yet */
	enum journal_fault fault; /* NONE, or why what is there is no group that goes on */
	/* the group that was read */
	struct journal_group_header group;
	struct slice body;    /* its records; borrowed until the next call */
	struct hash256 *leaf; /* of each of its records */
	/* its storage */
	uint8_t *bytes;
	size_t bytes_cap, leaf_cap;
};

/* Nowhere yet. */
NONNULL_ALL void journal_cursor_init(
	struct journal_cursor *c, const struct file_ops *ops, const char *dir);
NONNULL_ALL void journal_cursor_fini(struct journal_cursor *c);

/* Go to a group of a segment; offset 0: the first. ERR_NOT_FOUND: there is no such segment;
 * ERR_CHECKSUM: its header is not that of this segment, or of another cluster than before;
 * ERR_FULL: no memory; errors of sys/file. */
MUST_USE NONNULL_ALL enum err journal_cursor_seek(
	struct journal_cursor *c, uint32_t segment, uint64_t offset);
/* The next group, of this segment or the one behind it. ERR_NOT_FOUND: there is none yet, and it
 * may be asked again; ERR_CHECKSUM: what is there is no group; errors of sys/file. */
MUST_USE NONNULL_ALL enum err journal_cursor_next(struct journal_cursor *c);

#endif
