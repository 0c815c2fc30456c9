#include "pool_before.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/base.h"
#include "sys/clock.h"
#include "sys/thread.h"

#define WORKERS_MAX 8u
#define QUEUE_MAX 16384u
#define POLL_MS 1u

struct job {
	peer_item item;
	void *ctx;
	uint64_t index;
};

struct before {
	pthread_mutex_t lock;
	struct job queue[QUEUE_MAX];
	uint64_t head, tail;
	_Atomic uint64_t done;
	_Atomic bool stop;
	struct thread thread[WORKERS_MAX];
	uint32_t workers;
};

static void worker_main(void *ctx)
{
	struct before *b = ctx;
	while (!atomic_load(&b->stop)) {
		struct job job = {0};
		(void)pthread_mutex_lock(&b->lock);
		if (b->head < b->tail)
			job = b->queue[b->head++ % QUEUE_MAX];
		(void)pthread_mutex_unlock(&b->lock);
		if (job.item == NULL) {
			clock_sleep_ms(POLL_MS);
			continue;
		}
		job.item(job.ctx, job.index);
		(void)atomic_fetch_add(&b->done, 1);
	}
}

static void *create(uint32_t workers)
{
	struct before *b = calloc(1, sizeof *b);
	CHECK(b != NULL && workers <= WORKERS_MAX && pthread_mutex_init(&b->lock, NULL) == 0);
	for (b->workers = 0; b->workers < workers; b->workers++)
		CHECK(thread_start(&b->thread[b->workers], "before", worker_main, b) == OK);
	return b;
}

static void destroy(void *pool)
{
	struct before *b = pool;
	atomic_store(&b->stop, true);
	for (uint32_t i = 0; i < b->workers; i++)
		thread_join(&b->thread[i]);
	(void)pthread_mutex_destroy(&b->lock);
	free(b);
}

static void each(void *pool, uint64_t count, peer_item item, void *ctx)
{
	struct before *b = pool;
	const uint64_t until = atomic_load(&b->done) + count;
	CHECK(count <= QUEUE_MAX);
	for (uint64_t i = 0; i < count; i++) {
		(void)pthread_mutex_lock(&b->lock);
		b->queue[b->tail++ % QUEUE_MAX] = (struct job){item, ctx, i};
		(void)pthread_mutex_unlock(&b->lock);
	}
	while (atomic_load(&b->done) < until)
		clock_sleep_ms(POLL_MS);
}

const struct peer_pool pool_before = {.name = "1 ms sleep-poll, one queue",
	.version = "as it was",
	.create = create,
	.destroy = destroy,
	.each = each};
