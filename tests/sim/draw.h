/* sim/draw: what a run draws from its seed. Each part of the world has a stream of its own, so that
 * leaving a fault out moves nothing else. */
#ifndef SIM_DRAW_H
#define SIM_DRAW_H
#include "base/base.h"
#include "sim/index.h"

struct draw {
	struct sim_random random;
};

/* The stream of this name and number under a seed. */
NONNULL_ALL void draw_init(struct draw *d, uint64_t seed, const char *name, uint64_t number);
/* Uniform in [low, high]. */
NONNULL_ALL uint64_t draw_between(struct draw *d, uint64_t low, uint64_t high);
NONNULL_ALL bool draw_chance(struct draw *d, unsigned permille);
/* The time until the next event of a Poisson process; at least 1. */
NONNULL_ALL uint64_t draw_wait(struct draw *d, uint64_t mean);
NONNULL_ALL void draw_bytes(struct draw *d, void *out, size_t len);
/* As the random sources of the programs have it; ctx: a struct draw. */
void draw_source(void *ctx, void *out, size_t len);

#endif
