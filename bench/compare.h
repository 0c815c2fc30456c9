/* compare: ours beside its peers, in many short rounds in turn, and the rows that come of it.
 *
 * Purpose: a ratio that the machine's moods can't make. In each round every contestant does the
 * same work, one after the other, on the same pinned threads and by the same clock; a ratio is
 * taken within the round, and the row shows the median of the ratios and how far they spread.
 * Invariants: the first contestant is ours; a contestant that is not there has null
 * figures. Several forms of one peer (the same `peer`) make one row: that of its best
 * form. Threads: one, the caller's. Ownership: everything is borrowed until the call returns. It
 * must not measure by itself: what a round takes, or how it is known, is the contestant's affair.
 */
#ifndef BENCH_COMPARE_H
#define BENCH_COMPARE_H
#include <stdio.h>

#include "base/base.h"

#define COMPARE_ROUNDS_MAX 512u
#define COMPARE_CONTESTANTS_MAX 24u

#define COMPARE_FIGURES_MAX 4u

/* Does `count` units of work; returns the nanoseconds that count. */
typedef uint64_t (*compare_run)(void *ctx, uint64_t count);
/* A round of several figures: latencies, say, or what another process says. A figure that it leaves
 * NAN is not there. */
typedef void (*compare_measure)(void *ctx, double *figures);

struct contestant {
	const char *peer; /* NULL for ours */
	const char *form; /* of several of one peer, or NULL */
	const char *version;
	compare_run run;         /* either this */
	compare_measure measure; /* or this; neither: the contestant is not there */
	void *ctx;
	double goal[COMPARE_FIGURES_MAX]; /* of each figure, the least ratio; 0: none */
};

struct contest {
	const char *name;
	const char *unit;
	bool larger_is_better;
	unsigned figure;   /* which of the contestants' goals are meant */
	double goal_best;  /* the least ratio against the best peer of the row; 0: none */
	double goal_ours;  /* the worst figure allowed to ours; 0: none */
	uint64_t granule;  /* counts are multiples of it; 0 is 1 */
	uint64_t count;    /* of a round; 0: found by trying, so that it takes round_ns */
	uint64_t round_ns; /* 0 is COMPARE_ROUND_NS */
	unsigned rounds;   /* 0 is COMPARE_ROUNDS */
};

#define COMPARE_ROUND_NS 4000000u
#define COMPARE_ROUNDS 41u

/* What one contestant did, round by round. */
struct series {
	double value[COMPARE_ROUNDS_MAX];
	size_t count;
};

/* Only contests whose name contains this are run; NULL: all. A contest that is not wanted prints
 * nothing and misses no goal; who prepares one at a cost asks first. */
void compare_only(const char *text);
/* At most so many rounds, for a first look. */
void compare_rounds(unsigned rounds);
/* Takes "--rounds N" from the front of a program's arguments; the index of the next one. */
int compare_arguments(int argc, char **argv);
bool compare_wants(const char *name);
/* One line about the machine and its quiet, on standard error. */
void compare_machine(void);
/* Measures, prints the rows, returns how many goals were missed. Figures are nanoseconds a unit. */
unsigned compare_contest(const struct contest *c, const struct contestant *list, size_t count);
/* Contestants that measure `figures` at once; one contest for each of them. */
unsigned compare_figures(const struct contest *contests, size_t figures,
	const struct contestant *list, size_t count);
/* The same for figures that are there already: series[i] belongs to list[i], round by round. */
unsigned compare_series(const struct contest *c, const struct contestant *list,
	struct series *series, size_t count);
/* Of values in any order, which it sorts. */
double series_quantile(struct series *s, double q);
double latency_quantile(uint32_t *latencies_ns, size_t count, double q);
#endif
