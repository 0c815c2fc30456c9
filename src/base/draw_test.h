/* base/draw_test: the random numbers of a test, the same in each run: xorshift64 (Marsaglia 2003).
 * A test that wants a row of its own sets the state, to anything but zero. */
#ifndef BASE_DRAW_TEST_H
#define BASE_DRAW_TEST_H
#include "base/base.h"

static uint64_t random_state = 88172645463325252u;

/* Below bound. */
static inline uint64_t draw(uint64_t bound)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % bound;
}

#endif
