/* node/rate_limit: token buckets, one for each anonymous peer, in a table of fixed size.
 *
 * A peer is an IPv4 address, or the /64 of an IPv6 address. When the table is full, a bucket that
 * has refilled is given to the newcomer (nothing is forgotten by that); where there is none among
 * the few that are looked at, newcomers share one bucket. Time is an argument. Threads: one.
 */
#ifndef NODE_RATE_LIMIT_H
#define NODE_RATE_LIMIT_H
#include "base/map.h"

struct rate_limit;

struct rate_limit_config {
	uint32_t rate; /* tokens that come back in period_ms */
	uint64_t period_ms;
	uint32_t burst; /* tokens of a full bucket */
	uint32_t peers;
};

/* Returns owned. ERR_FULL: no memory. */
MUST_USE NONNULL_ALL enum err rate_limit_create(
	struct rate_limit **out, const struct rate_limit_config *config, uint64_t map_seed);
void rate_limit_destroy(struct rate_limit *r);
/* Takes one token. False: there is none, and there will be one in *wait_ms. */
MUST_USE NONNULL_ALL bool rate_limit_take(
	struct rate_limit *r, uint64_t *wait_ms, const char *peer, uint64_t now_ms);

#endif
