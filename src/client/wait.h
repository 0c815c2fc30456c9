/* client/wait: calls that end in a callback, waited for: the shell's one way to be synchronous.
 *
 * The loop runs meanwhile, so that nodes are followed. On a virtual loop it ends when nothing can
 * happen any more.
 */
#ifndef CLIENT_WAIT_H
#define CLIENT_WAIT_H
#include "sys/loop.h"

struct wait {
	uint32_t pending; /* callbacks still to come */
};

/* Until no callback is pending, or *stop (it may be NULL) is set: then ERR_CANCELLED, and the
 * callbacks may still come: what they write to must live on. */
MUST_USE enum err wait_for(struct loop *loop, const struct wait *w, const bool *stop);
/* Let the loop run for so long, at least. ERR_CANCELLED as above. */
MUST_USE enum err wait_ms(struct loop *loop, uint64_t ms, const bool *stop);

#endif
