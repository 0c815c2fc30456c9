/* sys/console: standard error, past the buffers and locks of stdio: for a log's thread, which may
 * be held up for ever by a pipe that nobody reads, and must not hold up the end of the process. */
#ifndef SYS_CONSOLE_H
#define SYS_CONSOLE_H
#include "base/base.h"

/* All of it, however long that takes; what can't be written is lost. Any thread. */
void console_write(struct slice text);

#endif
