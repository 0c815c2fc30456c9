#include "rt/mpmc.h"

#include <sched.h>
#include <stdlib.h>

#include "sys/pages.h"
#include "sys/thread.h"

struct queue {
	struct mpmc ring;
	struct pages memory;
};

static void open_queue(struct queue *q, uint32_t lanes, size_t capacity, size_t item_size)
{
	const struct pages_options where = {.want = PAGES_2M, .node = PAGES_NODE_ANY};
	CHECK(pages_map(&q->memory, mpmc_storage_size(lanes, capacity, item_size), &where) == OK);
	mpmc_init(&q->ring, q->memory.ptr, lanes, capacity, item_size);
}

/* Full is exactly the capacity, empty exactly nothing, wherever the lane wraps. */
static void test_bounds(size_t capacity)
{
	struct queue q;
	struct mpmc_producer p;
	struct mpmc_consumer c;
	struct mpmc_stats s;
	uint64_t in = 0, out = 0, item;
	open_queue(&q, 2, capacity, sizeof item);
	CHECK(mpmc_producer_init(&p, &q.ring) == OK);
	mpmc_consumer_init(&c, &q.ring);
	for (size_t turn = 0; turn < 2 * capacity + 1; turn++) {
		CHECK(!mpmc_pop(&c, &item, sizeof item));
		for (size_t i = 0; i < capacity; i++, in++)
			CHECK(mpmc_push(&p, &in, sizeof in));
		CHECK(!mpmc_push(&p, &in, sizeof in));
		for (size_t i = 0; i < capacity; i++, out++)
			CHECK(mpmc_pop(&c, &item, sizeof item) && item == out);
		/* one in, one out: the next turn starts a slot further */
		CHECK(mpmc_push(&p, &in, sizeof in) && mpmc_pop(&c, &item, sizeof item));
		CHECK(item == in++);
		out++;
	}
	mpmc_stats(&q.ring, &s);
	CHECK(s.capacity == 2 * capacity && s.occupancy == 0 && s.high_water == capacity);
	CHECK(s.pushed == in && s.popped == out && s.refused == 2 * capacity + 1);
	CHECK(s.producers == 1 && !s.closed);
	pages_unmap(&q.memory);
}

struct item {
	uint64_t producer, number, check;
};

static void test_batches(void)
{
	enum { CAPACITY = 8, STEPS = 1000 };
	struct queue q;
	struct mpmc_producer p;
	struct mpmc_consumer c;
	uint64_t in = 0, out = 0;
	open_queue(&q, 1, CAPACITY, sizeof(struct item));
	CHECK(mpmc_producer_init(&p, &q.ring) == OK);
	mpmc_consumer_init(&c, &q.ring);
	for (size_t step = 0; step < STEPS; step++) {
		struct item items[CAPACITY + 3];
		const size_t put = step * 7 % (CAPACITY + 3), take = step * 5 % (CAPACITY + 3);
		for (size_t i = 0; i < put; i++)
			items[i] = (struct item){1, in + i, ~(in + i)};
		const size_t room = CAPACITY - (size_t)(in - out);
		CHECK(mpmc_push_batch(&p, items, put, sizeof *items) == (put < room ? put : room));
		in += put < room ? put : room;
		/* a consumer takes what it has seen before it looks again: at least one */
		const size_t there = (size_t)(in - out);
		const size_t got = mpmc_pop_batch(&c, items, take, sizeof *items);
		CHECK(got <= take && got <= there && (got > 0 || take == 0 || there == 0));
		for (size_t i = 0; i < got; i++, out++)
			CHECK(items[i].number == out && items[i].check == ~out);
	}
	pages_unmap(&q.memory);
}

/* Every lane has one producer at a time; a lane that is given back goes on where it stopped. */
static void test_lanes(void)
{
	struct queue q;
	struct mpmc_producer p[3], extra;
	struct mpmc_consumer c;
	uint64_t item = 0, got = 0;
	open_queue(&q, 3, 4, sizeof item);
	for (size_t i = 0; i < ARRAY_LEN(p); i++)
		CHECK(mpmc_producer_init(&p[i], &q.ring) == OK);
	CHECK(mpmc_producer_init(&extra, &q.ring) == ERR_FULL);
	item = 1;
	CHECK(mpmc_push(&p[1], &item, sizeof item));
	mpmc_producer_fini(&p[1]);
	CHECK(mpmc_producer_init(&extra, &q.ring) == OK && extra.index == 1);
	item = 2;
	CHECK(mpmc_push(&extra, &item, sizeof item));
	mpmc_consumer_init(&c, &q.ring);
	CHECK(mpmc_pop(&c, &got, sizeof got) && got == 1);
	CHECK(mpmc_pop(&c, &got, sizeof got) && got == 2);

	/* a lane that is always busy hides no other */
	const uint64_t busy = 7, quiet = 8;
	CHECK(mpmc_push(&p[2], &quiet, sizeof quiet));
	for (size_t i = 0; got != quiet; i++) {
		CHECK(i <= 2 * MPMC_TURN);
		CHECK(mpmc_push(&extra, &busy, sizeof busy));
		CHECK(mpmc_pop(&c, &got, sizeof got));
	}
	pages_unmap(&q.memory);
}

static void test_close(void)
{
	struct queue q;
	struct mpmc_producer p, late;
	struct mpmc_consumer c;
	uint64_t item = 5;
	open_queue(&q, 2, 4, sizeof item);
	mpmc_consumer_init(&c, &q.ring);
	CHECK(mpmc_producer_init(&p, &q.ring) == OK);
	CHECK(mpmc_push(&p, &item, sizeof item));
	CHECK(!mpmc_is_closed(&q.ring) && !mpmc_is_drained(&q.ring));
	mpmc_close(&q.ring);
	CHECK(mpmc_is_closed(&q.ring) && !mpmc_push(&p, &item, sizeof item));
	CHECK(mpmc_producer_init(&late, &q.ring) == ERR_STATE);
	mpmc_producer_fini(&p);
	CHECK(!mpmc_is_drained(&q.ring));
	CHECK(mpmc_pop(&c, &item, sizeof item) && item == 5);
	CHECK(mpmc_is_drained(&q.ring));
	pages_unmap(&q.memory);
}

/* ---- several threads ---- */

#define PRODUCERS 3u
#define CONSUMERS 3u
#define BATCH_MAX 16u

static struct transfer {
	struct queue q;
	uint64_t count; /* of each producer */
	uint32_t delay_max;
	_Atomic uint32_t next_producer, next_consumer;
	_Atomic uint8_t *seen; /* how often each item came out */
} t;

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static void pause_randomly(uint32_t *seed)
{
	if (t.delay_max > 0)
		for (uint32_t i = next_random(seed) % t.delay_max; i > 0; i--)
			cpu_relax();
}

static void produce(void *ctx)
{
	struct mpmc_producer p;
	const uint32_t self = atomic_fetch_add_explicit(&t.next_producer, 1, memory_order_relaxed);
	uint32_t seed = self;
	(void)ctx;
	CHECK(mpmc_producer_init(&p, &t.q.ring) == OK);
	for (uint64_t sent = 0; sent < t.count;) {
		struct item items[BATCH_MAX];
		size_t want = 1 + next_random(&seed) % BATCH_MAX;
		want = want < t.count - sent ? want : (size_t)(t.count - sent);
		for (size_t i = 0; i < want; i++)
			items[i] = (struct item){self, sent + i, ~(sent + i)};
		const size_t n = want == 1 ? mpmc_push(&p, items, sizeof *items)
					   : mpmc_push_batch(&p, items, want, sizeof *items);
		sent += n;
		if (n == 0)
			(void)sched_yield(); /* somebody else may need this processor */
		pause_randomly(&seed);
	}
	mpmc_producer_fini(&p);
}

static void consume(void *ctx)
{
	struct mpmc_consumer c;
	uint64_t after[PRODUCERS] = {0};
	uint32_t seed = 100 + atomic_fetch_add_explicit(&t.next_consumer, 1, memory_order_relaxed);
	(void)ctx;
	mpmc_consumer_init(&c, &t.q.ring);
	while (!mpmc_is_drained(&t.q.ring)) {
		struct item items[BATCH_MAX];
		const size_t want = 1 + next_random(&seed) % BATCH_MAX;
		const size_t n = want == 1 ? mpmc_pop(&c, items, sizeof *items)
					   : mpmc_pop_batch(&c, items, want, sizeof *items);
		for (size_t i = 0; i < n; i++) {
			const struct item *it = &items[i];
			CHECK(it->check == ~it->number && it->producer < PRODUCERS);
			CHECK(it->number >= after[it->producer]); /* in order */
			after[it->producer] = it->number + 1;
			CHECK(atomic_fetch_add_explicit(
				      &t.seen[it->producer * t.count + it->number], 1,
				      memory_order_relaxed) == 0);
		}
		if (n == 0)
			(void)sched_yield();
		pause_randomly(&seed);
	}
}

static void test_transfer(size_t capacity, uint64_t count, uint32_t delay_max)
{
	struct thread producers[PRODUCERS], consumers[CONSUMERS];
	t = (struct transfer){.count = count, .delay_max = delay_max};
	t.seen = calloc(PRODUCERS * count, sizeof *t.seen);
	CHECK(t.seen != NULL);
	open_queue(&t.q, PRODUCERS, capacity, sizeof(struct item));
	for (size_t i = 0; i < CONSUMERS; i++)
		CHECK(thread_start(&consumers[i], "consumer", consume, NULL) == OK);
	for (size_t i = 0; i < PRODUCERS; i++)
		CHECK(thread_start(&producers[i], "producer", produce, NULL) == OK);
	for (size_t i = 0; i < PRODUCERS; i++)
		thread_join(&producers[i]);
	mpmc_close(&t.q.ring);
	for (size_t i = 0; i < CONSUMERS; i++)
		thread_join(&consumers[i]);
	for (size_t i = 0; i < PRODUCERS * count; i++)
		CHECK(t.seen[i] == 1);
	struct mpmc_stats s;
	mpmc_stats(&t.q.ring, &s);
	CHECK(s.pushed == PRODUCERS * count && s.popped == s.pushed && s.occupancy == 0);
	pages_unmap(&t.q.memory);
	free(t.seen);
}

int main(void)
{
	for (size_t capacity = 1; capacity <= 64; capacity *= 2)
		test_bounds(capacity);
	test_batches();
	test_lanes();
	test_close();
	/* a hand-over for each time that a lane is full: on a busy machine, a time slice each */
	test_transfer(1, 50, 0);
	test_transfer(4, 200, 20);
	test_transfer(256, 10000, 0);
	test_transfer(256, 5000, 100);
	return EXIT_SUCCESS;
}
