/* sys/signals: SIGINT and SIGTERM become a call on a loop; SIGPIPE is ignored.
 *
 * The first of them asks; the second has its default action, so that a process that does not come
 * to its end can still be stopped by hand. For one loop of a process. Threads: call from the main
 * thread before others start.
 */
#ifndef SYS_SIGNALS_H
#define SYS_SIGNALS_H
#include "sys/loop.h"

/* cb runs on the loop. ERR_EXISTS: done before; ERR_FULL: no waker left. */
MUST_USE enum err signals_watch(struct loop *loop, loop_cb cb, void *ctx);
/* What signals_watch does, too: a write to a peer that is gone is an error, not the end of us. Some
 * libraries write without asking for that. */
void signals_ignore_pipe(void);
/* Default actions again: before the loop is destroyed. */
void signals_unwatch(void);

#endif
