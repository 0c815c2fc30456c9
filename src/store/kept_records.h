/* store/kept_records: what is kept of a segment that was freed: the records that may be asked for
 * again, as they lay in it. One file for each segment, written whole before the segment goes.
 *
 * docs/data-on-disk.md draws the bytes. What is read is hostile: a record that is found is one
 * whose own sum and sequence are right; whether it is the log's is for the caller to prove, by its
 * leaf. Threads: one at a time. Ownership: as each function says.
 */
#ifndef STORE_KEPT_RECORDS_H
#define STORE_KEPT_RECORDS_H
#include "store/journal_format.h"
#include "sys/file.h"

#define KEPT_RECORDS_HEAD_SIZE 96u
#define KEPT_RECORDS_ENTRY_SIZE 20u /* le64 sequence, le64 offset in the file, le32 length */

struct kept_records {
	struct id128 cluster;
	uint32_t segment;
	uint64_t first_seq, last_seq; /* all of the segment's records, kept or not */
	/* its storage */
	uint8_t *record, *entry;
	size_t record_len, record_cap, entry_len, entry_cap;
};

/* Zeroed at first. record: header and payload, as in the journal; in order. ERR_FULL: no memory. */
MUST_USE NONNULL_ALL enum err kept_records_add(
	struct kept_records *k, uint64_t seq, struct slice record);
/* Into the folder, by atomic commit. *bytes: of the file. Errors of sys/file; ERR_FULL: no memory.
 */
MUST_USE NONNULL_ALL enum err kept_records_write(
	uint64_t *bytes, const struct kept_records *k, const struct file_ops *ops, const char *dir);
NONNULL_ALL void kept_records_fini(struct kept_records *k);

/* The record of a sequence into *bytes (grown as needed: owned by the caller, free), where it was
 * kept of this segment. ERR_NOT_FOUND: nothing is kept of this segment, or not that record;
 * ERR_RANGE: it was in a later segment; ERR_CHECKSUM: the file is damaged; ERR_FULL: no memory. */
MUST_USE NONNULL_ALL enum err kept_records_find(struct slice *record, uint8_t **bytes, size_t *cap,
	const struct file_ops *ops, const char *dir, const struct id128 *cluster, uint32_t segment,
	uint64_t seq);

#endif
