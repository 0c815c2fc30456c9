/* rt/pace: when a consumer waits a moment before it looks at a producer's index.
 *
 * A consumer that keeps up with a producer finds a few items at each look, and each look takes the
 * line of the index out of the producer's cache: a hundred nanoseconds and more for both. Where the
 * last look found a few, there is a stream, and the next one is worth some hundred nanoseconds of
 * waiting: then there will be many. Where that does not pay, it is left off for a while. A look
 * that found nothing, or one item, is followed by no wait: neither a quiet ring nor question and
 * answer is ever delayed.
 *
 * A value of the consumer's; no threads, no ownership.
 */
#ifndef RT_PACE_H
#define RT_PACE_H
#include "base/atomic.h"
#include "base/base.h"

#define PACE_TURNS 20u        /* of a wait: some 600 ns on x86-64 */
#define PACE_ENOUGH 512u      /* found by a look: no wait is needed */
#define PACE_GAIN 64u         /* found after a wait: it has paid */
#define PACE_PENALTY_MAX 255u /* looks without a wait after one that did not */

struct pace {
	uint64_t found;   /* by the last look */
	uint32_t turns;   /* of a wait; 0 where the process has one processor */
	uint32_t skip;    /* looks without a wait that are still to come */
	uint32_t penalty; /* how many there will be after the next wait that does not pay */
};

/* Before a look, when the last one found more than one; returns whether it waited. */
NONNULL_ALL static inline bool pace_wait(struct pace *p)
{
	if (p->found >= PACE_ENOUGH || p->turns == 0)
		return false;
	if (p->skip > 0) {
		p->skip--;
		return false;
	}
	for (uint32_t i = 0; i < p->turns; i++)
		cpu_relax();
	return true;
}

/* After the look, when it was waited for. */
NONNULL_ALL static inline void pace_learn(struct pace *p)
{
	if (p->found >= PACE_GAIN)
		p->penalty = 0;
	else if (p->penalty < PACE_PENALTY_MAX)
		p->penalty = p->penalty * 2 + 1;
	p->skip = p->penalty;
}

#endif
