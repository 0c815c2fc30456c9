/* sys/kill: a hook of test builds that ends this process, as a power cut would, at a named point.
 *
 * SLUICE_KILL_AT=SEQ:POINT in the environment, read once. Compiled out without -Dkill_points=true.
 * A process that ends here exits with status 86 after writing one line to standard error, so that a
 * test can tell a point that was reached from one that was not.
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

#ifdef SLUICE_KILL_POINTS
void kill_point_reached(uint64_t seq, enum kill_point point);
#else
static inline void kill_point_reached(uint64_t seq, enum kill_point point)
{
	(void)seq;
	(void)point;
}
#endif
#endif
