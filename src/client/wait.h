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

/* Who runs the loop while somebody waits: may return early, at the latest after wait_ms, after
 * which what was waited for is looked at again. For a scheduler of several shells on one thread
 * (the simulation). Of the process; NULL, as at the start: loop_step. */
typedef void (*wait_step)(struct loop *loop, uint64_t wait_ms);
void wait_step_set(wait_step step);

/* Until no callback is pending, or *stop (it may be NULL) is set: then ERR_CANCELLED, and the
 * callbacks may still come: what they write to must live on. */
MUST_USE enum err wait_for(struct loop *loop, const struct wait *w, const bool *stop);
/* Let the loop run for so long, at least. ERR_CANCELLED as above. */
MUST_USE enum err wait_ms(struct loop *loop, uint64_t ms, const bool *stop);

#endif
