/* net/pieces: bytes from one thread to another, in pieces and in order. Private to net.
 *
 * One writer, one reader. The list has always one piece that was read already, so the two touch no
 * word in common but its `next` and the count of what was taken. That something was written is told
 * by other means (net/link.h). Bound: the writer's, in bytes that were not read yet; their number
 * has no other. Memory: the heap's; made by the writer, freed by the reader.
 */
#ifndef NET_PIECES_H
#define NET_PIECES_H
#include <stdatomic.h>

#include "base/base.h"

struct piece {
	_Atomic(struct piece *) next; /* [PIECE] */
	size_t len;
	uint8_t bytes[];
};

struct pieces {
	/* The writer's. */
	struct piece *last;
	uint64_t written;

	/* The reader's. */
	struct piece *first; /* owned, with those that follow */
	size_t used;         /* of it */

	_Atomic uint64_t taken; /* [TAKEN] of `written`: the reader's count, the writer's bound */
};

/* Before the two meet. False: no memory. */
MUST_USE NONNULL_ALL bool pieces_init(struct pieces *p);
/* When they meet no more. One that is zeroed is nothing. */
NONNULL_ALL void pieces_fini(struct pieces *p);

/* The writer's: a copy. ERR_FULL: more than backlog_max would not have been read, or no memory. */
MUST_USE NONNULL_ALL enum err pieces_write(
	struct pieces *p, struct slice bytes, size_t backlog_max);

/* The reader's: up to max bytes are copied; 0: none now. */
MUST_USE NONNULL_ALL size_t pieces_read(struct pieces *p, void *out, size_t max);
/* The reader's: what comes next, not copied; borrows until the next call. len 0: none now. */
MUST_USE NONNULL_ALL struct slice pieces_next(struct pieces *p);

#endif
