/* node/api_pending: answers that wait; used by api.c and api_answer.c. */
#ifndef NODE_API_PENDING_H
#define NODE_API_PENDING_H
#include "node/api_internal.h"

MUST_USE NONNULL_ALL enum err pending_create(struct api *api, uint64_t map_seed);
NONNULL_ALL void pending_destroy(struct api *api);

#endif
