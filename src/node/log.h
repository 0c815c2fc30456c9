/* node/log: one line on standard error for people and their tools: time, level, text. Never a
 * secret, a preimage, or more than LOG_LINE_MAX bytes.
 *
 * A write can take as long as whoever reads it likes. From log_start on, lines go over a bounded
 * channel to a thread that writes them; one that finds no room is dropped and counted, and the next
 * that is written says how many were. So nobody ever waits for a reader. Before it, and where the
 * system grants no thread, lines are written by whoever has them.
 *
 * Invariants: lines that were not dropped are written in the order in which they were said. A CHECK
 * that fails, and log_stop, wait until everything is written, but not longer than LOG_FLUSH_MS.
 * Threads: any; start and stop the main thread's. Must not: be used in a signal handler.
 */
#ifndef NODE_LOG_H
#define NODE_LOG_H
#include "base/base.h"

#define LOG_LINE_MAX 512u
#define LOG_ROOM 1024u /* lines that wait to be written */
#define LOG_FLUSH_MS 1000u

enum log_level { LOG_INFO, LOG_WARNING, LOG_ERROR };

/* Lines go there instead, without a time: the simulation's. NULL, as at the start: standard error.
 * Before any other thread logs. */
typedef void (*log_sink)(void *ctx, enum log_level level, const char *text);
void log_sink_set(log_sink sink, void *ctx);

PRINTF_LIKE(2, 3) void log_line(enum log_level level, const char *fmt, ...);

/* ERR_FULL: no thread or no memory: lines are written in place, as before. */
MUST_USE enum err log_start(void);
/* Before an end without log_stop (_exit): what was said is written, if somebody reads it. */
void log_flush(void);
/* Flushes, and ends the thread where it can be. Harmless where it was not started. */
void log_stop(void);

struct log_stat {
	uint64_t said, written, dropped; /* since log_start */
	uint32_t room, waiting, waiting_peak;
};
NONNULL_ALL void log_stat(struct log_stat *out);

#endif
