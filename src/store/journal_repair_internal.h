/* store/journal_repair_internal: what the plan (journal_repair.c) and its execution
 * (journal_repair_apply.c) share. Nobody else includes it. */
#ifndef STORE_JOURNAL_REPAIR_INTERNAL_H
#define STORE_JOURNAL_REPAIR_INTERNAL_H
#include "store/journal_repair.h"

#define JOURNAL_REPAIR_BLOCK 4096u /* that a disk may fail to read, others around it being fine */

/* Zeros stand for what is behind the file's end, and for blocks that the disk does not give. */
MUST_USE NONNULL_ALL enum err journal_repair_read(
	const struct file_ops *ops, int file, uint8_t *bytes, size_t len, uint64_t offset);
/* Does the journal pass with the pieces in their places? Sets last_seq and segments. */
MUST_USE NONNULL_ALL enum err journal_repair_verify(struct journal_repair *r);

#endif
