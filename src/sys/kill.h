/* sys/kill: a hook of test builds that ends this process, as a power cut would, at a named point.
 *
 * SLUICE_KILL_AT=SEQ:POINT in the environment, read once. The process ends the first time that
 * POINT is reached for a record with a sequence of SEQ or later (a group of records passes a point
 * with its last one). A value that can't be read ends the process with status 2: a test that kills
 * nothing by mistake would prove nothing. Compiled out without -Dkill_points=true. Safe from any
 * thread. A process that ends here exits with status 86 after writing one line to standard error,
 * so that a test can tell a point that was reached from one that was not.
 */
#ifndef SYS_KILL_H
#define SYS_KILL_H
#include "base/base.h"

enum kill_point {
	KILL_BEFORE_WRITE, /* the record exists in memory only */
	KILL_WRITTEN,      /* written, not synced */
	KILL_SYNCED,       /* durable; no effect of it was sent */
	KILL_EFFECT_SENT,  /* an effect that depends on it was answered; nothing was recorded */
	KILL_OBSERVED,     /* the observation was appended and is durable */
	KILL_POINT_COUNT
};

/* "before_write", ...; static. */
const char *kill_point_name(enum kill_point point);

#define KILL_EXIT_STATUS 86

#ifdef SLUICE_KILL_POINTS
/* "12:synced" taken apart; ERR_FORMAT. Outputs untouched on failure. */
MUST_USE NONNULL_ALL enum err kill_at_parse(
	uint64_t *seq, enum kill_point *point, const char *text);
void kill_point_reached(uint64_t seq, enum kill_point point);
#else
static inline void kill_point_reached(uint64_t seq, enum kill_point point)
{
	(void)seq;
	(void)point;
}
#endif
#endif
