/* Our channel, as one of the contestants. */
#ifndef BENCH_CHANNEL_OURS_H
#define BENCH_CHANNEL_OURS_H
#include "peers/peers.h"

extern const struct peer_channel channel_ours;
#endif
