/* rt/pace: when one side of a ring waits a moment and looks at the other side's index once more.
 *
 * A side that keeps up with the other finds a few items (or a little room) at each look, and each
 * look takes the line of the index out of the other's cache: a hundred nanoseconds and more for
 * both, and what is passed on in small pieces is fetched in small pieces, too. A look that finds a
 * few has found a stream, and some hundred nanoseconds later there will be many. A look that finds
 * nothing, or one, is followed by no wait: neither a quiet ring nor question and answer is ever
 * delayed. Where a wait does not double what is found (both sides on one thread, question and
 * answer in batches) waiting is left off for a while.
 *
 * A value of the side's own; no threads, no ownership.
 */
#ifndef RT_PACE_H
#define RT_PACE_H
#include "base/atomic.h"
#include "base/base.h"

/* What is worth a look: some hundred lines, and a quarter of the ring at most, so that the two
 * sides of a ring never wait for each other. */
#define PACE_AIM_SIZE ((size_t)8192)
#define PACE_AIM_SHARE 4u

/* Of a wait: some 30 ns each on x86-64. */
#define PACE_TURNS_MIN 4u
#define PACE_TURNS 20u
#define PACE_TURNS_MAX 40u

#define PACE_PENALTY_MAX 255u /* looks without a wait after one that did not pay */

struct pace {
	uint64_t aim;     /* what a wait is for; 0: there is none */
	uint32_t turns;   /* of the next wait */
	uint32_t skip;    /* chances to wait that are still to be let go */
	uint32_t penalty; /* how many there will be after the next wait that does not pay */
};

/* processors: those that the process may use; on one, waiting only keeps the other side away. */
MUST_USE static inline struct pace pace_of(size_t capacity, size_t item_size, size_t processors)
{
	const size_t lines = item_size < PACE_AIM_SIZE ? PACE_AIM_SIZE / item_size : 1;
	const size_t share = capacity / PACE_AIM_SHARE;
	return (struct pace){.aim = processors < 2 ? 0
			: lines < share            ? lines
						   : share,
		.turns = PACE_TURNS};
}

/* After a look: whether it waited, and another look is due. */
MUST_USE NONNULL_ALL static inline bool pace_wait(struct pace *p, uint64_t found)
{
	if (found <= 1 || found >= p->aim / 2)
		return false;
	if (p->skip > 0) {
		p->skip--;
		return false;
	}
	for (uint32_t i = 0; i < p->turns; i++)
		cpu_relax();
	return true;
}

/* After that other look. */
NONNULL_ALL static inline void pace_learn(struct pace *p, uint64_t before, uint64_t found)
{
	if (found / 2 < before) {
		p->penalty = p->penalty < PACE_PENALTY_MAX ? p->penalty * 2 + 1 : PACE_PENALTY_MAX;
		p->skip = p->penalty;
		return;
	}
	p->penalty = 0;
	if (found < p->aim && p->turns < PACE_TURNS_MAX)
		p->turns++;
	else if (found / 2 >= p->aim && p->turns > PACE_TURNS_MIN)
		p->turns--;
}

#endif
