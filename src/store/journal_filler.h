/* store/journal_filler: a thread that writes zeros into the next segment's file while the present
 * one is used, so that no commit waits for that: JOURNAL_FILL_RATE bytes a second, because the disk
 * is the commits', until it is hurried. Asleep when it has nothing to do.
 *
 * Invariants: one file at a time; wait or give_up after ask, once. The space was taken before
 * (reserve), so that the disk can't be full meanwhile. Threads: ask, wait and give_up of one thread
 * at a time. Ownership: the file is borrowed from ask to wait or give_up.
 */
#ifndef STORE_JOURNAL_FILLER_H
#define STORE_JOURNAL_FILLER_H
#include "rt/eventcount.h"
#include "sys/file.h"
#include "sys/thread.h"

#define JOURNAL_FILL_RATE ((uint64_t)64 << 20)
#define JOURNAL_FILL_STEP ((uint64_t)1 << 20) /* bytes without a pause */

struct journal_filler {
	const struct file_ops *ops;
	struct thread thread;
	struct eventcount changed;
	/* [FILL] release on each change: pairs with the acquire in the other side's look: the file
	 * and the size, then that they are there; the result, then that it is */
	_Atomic uint32_t state;
	_Atomic bool hurried;  /* go on without pauses */
	_Atomic bool given_up; /* go on no more */
	int file;
	uint64_t size;
	enum err result;
};

/* ERR_FULL: no thread. */
MUST_USE NONNULL_ALL enum err journal_filler_start(
	struct journal_filler *f, const struct file_ops *ops);
/* Nothing is asked for any more. */
NONNULL_ALL void journal_filler_stop(struct journal_filler *f);
NONNULL_ALL void journal_filler_ask(struct journal_filler *f, int file, uint64_t size);
/* It is soon needed. Cheap when repeated; nothing where nothing is being filled. */
NONNULL_ALL void journal_filler_hurry(struct journal_filler *f);
/* Hurries, until it is filled and synced. Errors of sys/file. */
MUST_USE NONNULL_ALL enum err journal_filler_wait(struct journal_filler *f);
/* Ends it after the step under way: nobody needs the file now. As much of it as is filled can be
 * gone on with, by another process, too. */
NONNULL_ALL void journal_filler_give_up(struct journal_filler *f);

#endif
