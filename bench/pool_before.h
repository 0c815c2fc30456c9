/* pool_before: what executors of this kind began as, for comparison: one queue under one lock, and
 * workers that sleep a millisecond when it is empty; whoever waits for the end does likewise. */
#ifndef BENCH_POOL_BEFORE_H
#define BENCH_POOL_BEFORE_H
#include "peers/peers.h"

extern const struct peer_pool pool_before;
#endif
