/* node/journal_fold: do the records of a journal give the states that its snapshots have? All of
 * them are folded once more, from the first record that is there (or, where segments were freed,
 * from the oldest snapshot that can be restored), and compared at each snapshot. A difference means
 * that one of the two was forged or damaged, or that another version of this program folds
 * otherwise.
 *
 * Reads only, and takes no lock. Threads: one. Needs a second ledger's memory.
 */
#ifndef NODE_JOURNAL_FOLD_H
#define NODE_JOURNAL_FOLD_H
#include "node/snapshots.h"

struct journal_fold {
	uint64_t from_seq, last_seq; /* records that were folded; none where from is the greater */
	uint32_t snapshots;          /* that have the state which the records give */
	struct hash256 state;        /* behind the last record */
	char text[256];              /* what is wrong, and where */
};

/* Up to last_seq, which is known to be there (store/journal_read.h). Of the source, `oldest` and
 * `up_to` are not looked at. *out is filled as far as it got. ERR_CHECKSUM: a snapshot differs, a
 * record is refused, or the journal is damaged; ERR_NOT_FOUND: nothing that the rest could be
 * folded onto; ERR_FULL: no memory; errors of sys/file. */
MUST_USE NONNULL_ALL enum err journal_fold_run(
	struct journal_fold *out, const struct snapshots_source *source, uint64_t last_seq);

#endif
