/* net/lines: bytes that come in pieces, as lines. Pure; the storage is the caller's.
 *
 *     while ((err = lines_take(&l, &in, &line)) == OK)
 *             use(line);
 */
#ifndef NET_LINES_H
#define NET_LINES_H
#include "base/base.h"

struct lines {
	uint8_t *ptr; /* borrows: the line so far */
	size_t len, cap;
	bool whole; /* the line was handed out; the next byte begins another */
};

static inline struct lines lines_init(void *storage, size_t cap)
{
	return (struct lines){.ptr = storage, .cap = cap};
}

/* Takes from the front of *in. OK: *line is one, without its LF (and a CR before it), not empty;
 * borrows from the storage until the next call. ERR_SHORT: *in is used up. ERR_FULL: a line over
 * cap; nothing more can be taken. */
MUST_USE NONNULL_ALL enum err lines_take(struct lines *l, struct slice *in, struct slice *line);
/* Whether a line was begun that has not ended. */
NONNULL_ALL bool lines_is_cut(const struct lines *l);

#endif
