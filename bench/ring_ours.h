/* Our rings, as contestants. */
#ifndef BENCH_RING_OURS_H
#define BENCH_RING_OURS_H
#include "peers/peers.h"

/* One by one; in batches, copied in and added up in place; the queue for many. */
extern const struct peer_ring ring_ours_single, ring_ours_batch, ring_ours_many;
#endif
