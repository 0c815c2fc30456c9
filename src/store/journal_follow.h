/* store/journal_follow: groups of a journal out of its files, each held against everything before
 * it (link, root of the tree, sequence), from a place that is known on; and what place that has
 * come to.
 *
 * For those who fold a journal beside the one who writes it: what they have folded is bound to the
 * journal by the same chain that a recovery checks, so that the place can be gone on from.
 *
 * Threads: one. Ownership: operations and the folder's name are borrowed. Reads only.
 */
#ifndef STORE_JOURNAL_FOLLOW_H
#define STORE_JOURNAL_FOLLOW_H
#include "store/journal_cursor.h"

struct journal_follow {
	struct journal_cursor
		cursor;          /* its group, body and leaves: of the last journal_follow_next */
	struct journal_start at; /* behind that group */
};

/* start NULL: before the first record. Errors of journal_cursor_seek; ERR_CHECKSUM: the place is
 * not in this journal. After an error: journal_follow_fini all the same. */
MUST_USE enum err journal_follow_init(struct journal_follow *f, const struct file_ops *ops,
	const char *dir, const struct journal_start *start);
NONNULL_ALL void journal_follow_fini(struct journal_follow *f);
/* The next group whose records are all up to a sequence that is durable. ERR_NOT_FOUND: there is
 * none; may be asked again. ERR_CHECKSUM: what is there does not continue what was before; errors
 * of sys/file. */
MUST_USE NONNULL_ALL enum err journal_follow_next(struct journal_follow *f, uint64_t durable);

#endif
