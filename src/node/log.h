/* node/log: one line on standard error for people and their tools: time, level, text. Never a
 * secret, a preimage, or more than LOG_LINE_MAX bytes. Threads: any. */
#ifndef NODE_LOG_H
#define NODE_LOG_H
#include "base/base.h"

#define LOG_LINE_MAX 512u

enum log_level { LOG_INFO, LOG_WARNING, LOG_ERROR };

/* Lines go there instead, without a time: the simulation's. NULL, as at the start: standard error.
 * Before any other thread logs. */
typedef void (*log_sink)(void *ctx, enum log_level level, const char *text);
void log_sink_set(log_sink sink, void *ctx);

PRINTF_LIKE(2, 3) void log_line(enum log_level level, const char *fmt, ...);

#endif
