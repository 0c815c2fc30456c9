/* pool_ours: our executor behind the functions that its peers are behind. */
#ifndef BENCH_POOL_OURS_H
#define BENCH_POOL_OURS_H
#include "peers/peers.h"
#include "rt/executor.h"

extern const struct peer_pool pool_ours;
/* The same, otherwise configured; destroyed by pool_ours.destroy. */
NONNULL_ALL void *pool_ours_create_with(const struct executor_config *config);
NONNULL_ALL struct executor *pool_ours_executor(void *pool);
#endif
