/* sim/exhaust: every place where the power can fail, times every part of what is unsynced that it
 * can leave.
 *
 * Purpose: in a short run, provider and signer stand on one machine. Whenever one of their disks
 * has changed, every subset of the unsynced sectors, sizes and names of both (a bounded sample, and
 * the edges, where there are too many) becomes a pair of disks, from which the whole core and the
 * signer's memory start again and are looked at:
 *   - everything acknowledged is there: records that were durable, swaps and payouts that the API
 *     answered for, signatures that left;
 *   - what is replayed is the state as it was live at that record;
 *   - nothing is invented: no record that was not made, no signature without its intent in the
 *     journal, none in the journal that the signer doesn't remember.
 * Invariants: the run itself does not notice: its hash is that of the run without.
 * A state is counted once, by what is on both disks. Threads: one. Ownership: returned owned.
 */
#ifndef SIM_EXHAUST_H
#define SIM_EXHAUST_H
#include "base/base.h"

struct world;
struct exhaust;
struct signing_answer;

struct exhaust_counts {
	uint64_t points;  /* places where the power could fail */
	uint64_t sampled; /* of them: with too many subsets to try each */
	uint64_t states;  /* pairs of disks that no run of this process had before: each a start */
	uint64_t took_ms;
};

/* subsets: tried at most at each place. states: from the place on by which all runs of this process
 * have met so many, no disk is looked at any more; 0: no bound. */
NONNULL_ALL struct exhaust *exhaust_create(struct world *w, uint32_t subsets, uint64_t states);
void exhaust_destroy(struct exhaust *x);
NONNULL_ALL const struct exhaust_counts *exhaust_counts(const struct exhaust *x);
/* The provider's disk or the signer's has changed. */
NONNULL_ALL void exhaust_point(struct exhaust *x);
/* The signer was asked; its answer leaves. */
NONNULL_ALL void exhaust_asked(struct exhaust *x, struct slice request);
NONNULL_ALL void exhaust_answered(struct exhaust *x, struct slice request);

#endif
