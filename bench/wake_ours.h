/* Our eventcount, as one of the contestants. */
#ifndef BENCH_WAKE_OURS_H
#define BENCH_WAKE_OURS_H
#include "peers/peers.h"

extern const struct peer_wake wake_ours;
#endif
