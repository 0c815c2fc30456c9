#include "base/mutant.h"

static const char *const names[MUTANT_COUNT] = {[MUTANT_NONE] = "none",
#define MUTANT_NAME(id, name) [MUTANT_##id] = name,
	MUTANT_NAMES(MUTANT_NAME)
#undef MUTANT_NAME
};

#ifdef SLUICE_MUTANTS
enum mutant mutant_chosen = MUTANT_NONE;

bool mutant_choose(enum mutant m)
{
	CHECK(m < MUTANT_COUNT);
	mutant_chosen = m;
	return true;
}
#else
bool mutant_choose(enum mutant m)
{
	return m == MUTANT_NONE;
}
#endif

const char *mutant_name(enum mutant m)
{
	CHECK(m < MUTANT_COUNT);
	return names[m];
}
