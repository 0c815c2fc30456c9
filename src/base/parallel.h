/* base/parallel: a loop whose iterations do not depend on each other, and somebody who may run them
 * at once. Pure code (signature batches, hashing) takes one as an argument and stays free of
 * threads; rt/parallel implements it; NULL is the caller itself. */
#ifndef BASE_PARALLEL_H
#define BASE_PARALLEL_H
#include "base/base.h"

/* Iterations begin to end - 1. */
typedef void (*parallel_body)(void *ctx, size_t begin, size_t end);

struct parallel {
	/* Calls the body for ranges that together are [0, count), each iteration once, in any order
	 * and on any threads; returns when all have returned. item_size: bytes that an iteration
	 * writes in a row, so that no two threads write one cache line; 0: does not matter. */
	void (*run)(void *self, size_t count, size_t item_size, parallel_body body, void *ctx);
	void *self;
};

static inline void parallel_run(
	const struct parallel *p, size_t count, size_t item_size, parallel_body body, void *ctx)
{
	if (p != NULL)
		p->run(p->self, count, item_size, body, ctx);
	else if (count > 0)
		body(ctx, 0, count);
}

#endif
