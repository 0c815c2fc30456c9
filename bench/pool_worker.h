/* What the pools' part asks a worker process to do: one request and one answer at a time, through
 * its standard input and output. A worker is one allocator; which, its environment and argument
 * say. */
#ifndef BENCH_POOL_WORKER_H
#define BENCH_POOL_WORKER_H
#include <stdint.h>

enum pool_op {
	POOL_PAIR,   /* one out, one back */
	POOL_LIFO,   /* POOL_BURST out, then back, last out first */
	POOL_CROSS,  /* out on one thread, back on another */
	POOL_RANDOM, /* one of those kept goes back, another comes out in its place */
	POOL_KEEP,   /* `count` objects are out from now on; 0: all go back */
	POOL_OPS
};

#define POOL_BURST 64u

struct pool_request {
	uint32_t op, size;
	uint64_t count; /* of objects that go out and come back */
};

struct pool_answer {
	uint64_t ns;
};
#endif
