/* store/journal_pipe: a journal is read and verified on a thread of its own, while the caller's
 * visits what has been.
 *
 * What the reader would have told the visitor goes through a channel, in order, and is told on the
 * caller's thread: the visitor sees the same calls, with the same arguments, up to the same end, as
 * if there were one thread. Bounded: by JOURNAL_PIPE_GROUPS, and by the reader's memory, which it
 * may use again only when `leave` says that the visitor is through with it.
 *
 * A visitor that refuses something ends the reader, too.
 *
 * Threads: one call, on any; `read` and what it calls are another thread's meanwhile. Ownership:
 * borrows everything until it returns. Bodies are the reader's.
 */
#ifndef STORE_JOURNAL_PIPE_H
#define STORE_JOURNAL_PIPE_H
#include "store/journal_scan.h"

#define JOURNAL_PIPE_GROUPS 1024u     /* verified and not yet visited; a power of two */
#define JOURNAL_PIPE_WORTH (2u << 20) /* bytes of segments; fewer are read in turn */

/* The reader: tells the visitor it is given of segments and groups, and calls its `leave` where it
 * must. What that answers other than OK ends it, and is what it returns. */
typedef enum err (*journal_pipe_read)(void *ctx, const struct journal_visitor *visitor);

/* What the visitor did not take. */
struct journal_refusal {
	enum err err; /* OK: it took everything */
	uint32_t segment;
	uint64_t offset; /* of the group */
};

/* What `read` returned, or, where the visitor refused something, why. Where the system has no
 * memory or no thread for it, all is done in turn on this one, and *refused stays empty. */
MUST_USE NONNULL_ALL enum err journal_pipe_run(struct journal_refusal *refused,
	const struct journal_visitor *visitor, journal_pipe_read read, void *ctx);

#endif
