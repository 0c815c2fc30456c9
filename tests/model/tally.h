/* What came out of a piece, by which thread: nothing twice, and in order for each. For one file of
 * programs. */
#ifndef MODEL_TALLY_H
#define MODEL_TALLY_H
#include "explore.h"

#include "base/base.h"

#define ITEMS_MAX 4u

static uint32_t seen[ITEMS_MAX + 1];
static uint64_t got, sent;

static inline void expect_nothing_yet(void)
{
	for (size_t i = 0; i <= ITEMS_MAX; i++)
		seen[i] = 0;
	got = sent = 0;
}

static inline void note(uint64_t item, uint64_t *after)
{
	CHECK(item > 0 && item <= ITEMS_MAX && seen[item] == 0);
	CHECK(item > *after);
	seen[item] = 1;
	*after = item;
	got++;
}

#endif
