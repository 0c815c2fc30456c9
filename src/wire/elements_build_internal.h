/* What building and measuring share: a plan as a transaction, in storage of its own. */
#ifndef WIRE_ELEMENTS_BUILD_INTERNAL_H
#define WIRE_ELEMENTS_BUILD_INTERNAL_H
#include "wire/elements_build.h"

#define ELEMENTS_OUTPUT_MAX (ELEMENTS_PAY_MAX + 1u) /* the fee's, too */

struct elements_draft {
	struct elements_txin in[ELEMENTS_INPUT_MAX];
	struct elements_txout out[ELEMENTS_OUTPUT_MAX];
	struct elements_tx tx; /* of the arrays above: not to be copied */
};

/* Of counts within the bounds; nothing else is checked. Borrows the plan's scripts. */
NONNULL_ALL void elements_draft_make(struct elements_draft *d, const struct elements_plan *p);

#endif
