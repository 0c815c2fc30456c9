/* store/journal_scrub: re-reads the segments that are full, from the disk, at a bounded rate, so
 * that damage is found while the copies that could mend it are still there, and not by the next
 * start.
 *
 * Each group's sum and hashes are checked, and that it continues the one before it, over the
 * borders of segments. What is damaged is told with segment and offset; nothing is ever changed,
 * and the journal goes on: what is in memory is sound. A segment is left at its first damage.
 *
 * One pass over all that is full when it begins, then a pause. A second's worth is read at once,
 * then it sleeps: one wake-up a second in a pass, none in the pause.
 * Threads: one of its own, past the system's cache (FILE_DIRECT). Everything here is called on one
 * other thread; on_damage is called by the scrubber's (use it to wake a loop). Memory for a group.
 * Ownership: the journal and the folder's name are borrowed, and outlive it.
 */
#ifndef STORE_JOURNAL_SCRUB_H
#define STORE_JOURNAL_SCRUB_H
#include "store/journal.h"

#define JOURNAL_SCRUB_RATE_MAX (UINT64_C(1) << 40) /* bytes a second */

struct journal_scrub;

struct journal_scrub_config {
	const struct journal *journal;
	const char *dir;            /* the journal's */
	const struct file_ops *ops; /* NULL: the system's */
	uint64_t bytes_per_second;  /* from 1 to JOURNAL_SCRUB_RATE_MAX */
	uint64_t pause_ms;          /* from the end of a pass to the beginning of the next one */
	void (*on_damage)(void *ctx);
	void *ctx;
};

/* Returns owned. ERR_RANGE: the rate; ERR_FULL: no memory, no thread. */
MUST_USE NONNULL_ALL enum err journal_scrub_open(
	struct journal_scrub **out, const struct journal_scrub_config *config);
void journal_scrub_close(struct journal_scrub *s);

/* The last damage that was found and not told yet: "DIR: segment 3, offset 4096: ...". False: none.
 * *count is how many there were since the last one told. */
MUST_USE NONNULL_ALL bool journal_scrub_damage(
	struct journal_scrub *s, struct journal_error *out, uint64_t *count);

struct journal_scrub_stat {
	uint64_t bytes, passes; /* read; finished */
	uint64_t damaged;       /* segments, at the last look at each; 0: all is sound */
};
NONNULL_ALL void journal_scrub_stat(const struct journal_scrub *s, struct journal_scrub_stat *out);

#endif
