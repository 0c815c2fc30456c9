#include "rt/spsc.h"

#include <sched.h>
#include <stdlib.h>

#include "sys/pages.h"
#include "sys/thread.h"

#define CAP_MAX 4096u

static uint64_t slots[CAP_MAX * 4];

static void open_both(struct spsc *ring, struct spsc_producer *p, struct spsc_consumer *c,
	size_t capacity, size_t item_size)
{
	CHECK(spsc_slots_size(capacity, item_size) <= sizeof slots);
	spsc_init(ring, slots, capacity, item_size);
	spsc_producer_init(p, ring);
	spsc_consumer_init(c, ring);
}

/* Full is exactly the capacity, empty exactly nothing, at every place where the ring can wrap. */
static void test_bounds(size_t capacity)
{
	struct spsc ring;
	struct spsc_producer p;
	struct spsc_consumer c;
	uint64_t in = 0, out = 0, item;
	open_both(&ring, &p, &c, capacity, sizeof item);
	for (size_t turn = 0; turn < 2 * capacity + 1; turn++) {
		CHECK(!spsc_pop(&c, &item, sizeof item));
		for (size_t i = 0; i < capacity; i++, in++)
			CHECK(spsc_push(&p, &in, sizeof in));
		CHECK(!spsc_push(&p, &in, sizeof in));
		for (size_t i = 0; i < capacity; i++, out++)
			CHECK(spsc_pop(&c, &item, sizeof item) && item == out);
		CHECK(!spsc_pop(&c, &item, sizeof item));
		/* one in, one out: the next turn starts a slot further */
		CHECK(spsc_push(&p, &in, sizeof in) && spsc_pop(&c, &item, sizeof item));
		CHECK(item == in++);
		out++;
	}
	struct spsc_stats s;
	spsc_stats(&ring, &s);
	CHECK(s.capacity == capacity && s.occupancy == 0 && s.high_water == capacity);
	CHECK(s.pushed == in && s.popped == out && s.refused == 2 * capacity + 1 && !s.closed);
}

/* Batches are cut to what there is, and wrap. */
static void test_batches(void)
{
	enum { CAPACITY = 8, STEPS = 1000 };
	struct spsc ring;
	struct spsc_producer p;
	struct spsc_consumer c;
	uint64_t in = 0, out = 0;
	open_both(&ring, &p, &c, CAPACITY, sizeof in);
	for (size_t step = 0; step < STEPS; step++) {
		uint64_t items[CAPACITY + 3];
		const size_t put = step * 7 % (CAPACITY + 3), take = step * 5 % (CAPACITY + 3);
		for (size_t i = 0; i < put; i++)
			items[i] = in + i;
		const size_t room = CAPACITY - (size_t)(in - out);
		CHECK(spsc_push_batch(&p, items, put, sizeof in) == (put < room ? put : room));
		in += put < room ? put : room;
		memset(items, 0xff, sizeof items);
		const size_t there = (size_t)(in - out);
		const size_t got = spsc_pop_batch(&c, items, take, sizeof in);
		CHECK(got == (take < there ? take : there));
		for (size_t i = 0; i < got; i++)
			CHECK(items[i] == out++);
		for (size_t i = got; i < ARRAY_LEN(items); i++)
			CHECK(items[i] == UINT64_MAX);
	}
}

/* Batches of every length about what is copied in one way or another, of items of odd sizes, around
 * the ring's end. */
static void test_copies(size_t item_size)
{
	enum { CAPACITY = 1024, MOST = 700 };
	static uint8_t items[MOST * 24], out[MOST * 24];
	struct spsc ring;
	struct spsc_producer p;
	struct spsc_consumer c;
	uint8_t next = 0, expected = 0;
	open_both(&ring, &p, &c, CAPACITY, item_size);
	for (size_t n = 1; n <= MOST; n += n < 100 ? 1 : 37) {
		for (size_t i = 0; i < n * item_size; i++)
			items[i] = next++;
		CHECK(spsc_push_batch(&p, items, n, item_size) == n);
		memset(out, 0, sizeof out);
		CHECK(spsc_pop_batch(&c, out, MOST, item_size) == n);
		for (size_t i = 0; i < n * item_size; i++)
			CHECK(out[i] == expected++);
	}
}

/* A wait only where a look found a few of many, and less and less where that doubles nothing. */
static void test_pace(void)
{
	struct pace p = pace_of(4096, 8, 2), none = pace_of(4096, 8, 1);
	CHECK(p.aim == PACE_AIM_SIZE / 8 && pace_of(64, 8, 2).aim == 16 && none.aim == 0);
	CHECK(!pace_wait(&none, 2));
	CHECK(!pace_wait(&p, 0) && !pace_wait(&p, 1) && !pace_wait(&p, p.aim / 2));
	for (unsigned i = 0; i < 20; i++) {
		CHECK(pace_wait(&p, 20));
		pace_learn(&p, 20, 200);
	}
	CHECK(p.turns == PACE_TURNS_MAX);
	unsigned waits = 0;
	for (unsigned i = 0; i < 10000; i++)
		if (pace_wait(&p, 64)) {
			waits++;
			pace_learn(&p, 64, 64);
		}
	CHECK(waits > 10000 / (PACE_PENALTY_MAX + 1) && waits < 60);
	while (!pace_wait(&p, 20))
		continue;
	pace_learn(&p, 20, 4096);
	CHECK(p.skip == 0 && p.penalty == 0 && p.turns == PACE_TURNS_MAX - 1);
}

/* In place: nothing is seen before the commit, nothing is given back before the release. */
static void test_in_place(void)
{
	struct spsc ring;
	struct spsc_producer p;
	struct spsc_consumer c;
	struct item {
		uint32_t v[3];
	} * put, *got;
	size_t n;
	open_both(&ring, &p, &c, 4, sizeof *put);
	put = spsc_reserve(&p, 3, &n, sizeof *put);
	CHECK((uint8_t *)put == ring.slots && n == 3);
	for (uint32_t i = 0; i < 3; i++)
		put[i] = (struct item){{i, i, i}};
	CHECK(spsc_peek(&c, 1, &n, sizeof *got) == NULL && n == 0);
	spsc_commit(&p, 2); /* less than was reserved */
	got = spsc_peek(&c, 4, &n, sizeof *got);
	CHECK(got == put && n == 2 && got[1].v[2] == 1);
	spsc_release(&c, 1);
	/* two in a row up to the ring's end, then the one that was given back */
	put = spsc_reserve(&p, 4, &n, sizeof *put);
	CHECK(put == got + 2 && n == 2);
	spsc_commit(&p, 2);
	put = spsc_reserve(&p, 4, &n, sizeof *put);
	CHECK((uint8_t *)put == ring.slots && n == 1);
	spsc_commit(&p, 1);
	CHECK(spsc_reserve(&p, 1, &n, sizeof *put) == NULL && n == 0);
	got = spsc_peek(&c, 4, &n, sizeof *got);
	CHECK((uint8_t *)got == ring.slots + sizeof *got && n == 3);
	spsc_release(&c, 3);
	CHECK(spsc_peek(&c, 4, &n, sizeof *got) == put && n == 1);
}

static void test_close(void)
{
	struct spsc ring;
	struct spsc_producer p;
	struct spsc_consumer c;
	struct spsc_stats s;
	uint8_t item = 7;
	open_both(&ring, &p, &c, 2, sizeof item);
	CHECK(!spsc_is_drained(&c) && !spsc_is_left(&p));
	CHECK(spsc_push(&p, &item, sizeof item));
	spsc_close(&p);
	CHECK(!spsc_is_drained(&c));
	spsc_stats(&ring, &s);
	CHECK(s.closed && s.occupancy == 1);
	/* handles are made anew where the last ones stopped */
	spsc_consumer_init(&c, &ring);
	item = 0;
	CHECK(spsc_pop(&c, &item, sizeof item) && item == 7);
	CHECK(spsc_is_drained(&c) && !spsc_pop(&c, &item, sizeof item));

	open_both(&ring, &p, &c, 2, sizeof item);
	CHECK(spsc_push(&p, &item, sizeof item));
	spsc_leave(&c);
	CHECK(spsc_is_left(&p));
	spsc_producer_init(&p, &ring);
	size_t n;
	CHECK(!spsc_push(&p, &item, sizeof item));
	CHECK(spsc_push_batch(&p, &item, 1, sizeof item) == 0);
	CHECK(spsc_reserve(&p, 1, &n, sizeof item) == NULL);
}

/* ---- two threads ---- */

struct transfer {
	struct spsc ring;
	uint64_t count;
	size_t batch_max;
	uint32_t seed[2];
	uint32_t delay_max; /* turns of a spin between two operations */
	size_t words;       /* of an item: all hold its number */
};

#define WORDS_MAX 4u
#define ROUNDS 50u /* times the ring's capacity */

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static void pause_randomly(uint32_t *seed, uint32_t turns_max)
{
	if (turns_max == 0)
		return;
	for (uint32_t turns = next_random(seed) % turns_max; turns > 0; turns--)
		cpu_relax();
}

static void fill(uint64_t *words, size_t count, size_t words_each, uint64_t first)
{
	for (size_t i = 0; i < count * words_each; i++)
		words[i] = first + i / words_each;
}

static void expect(const uint64_t *words, size_t count, size_t words_each, uint64_t first)
{
	for (size_t i = 0; i < count * words_each; i++)
		CHECK(words[i] == first + i / words_each);
}

static size_t put_some(
	struct spsc_producer *p, uint32_t how, size_t want, size_t words, uint64_t first)
{
	const size_t size = words * sizeof(uint64_t);
	static _Thread_local uint64_t items[64 * WORDS_MAX];
	CHECK(want * words <= ARRAY_LEN(items));
	if (how % 3 == 0) {
		size_t n;
		uint64_t *place = spsc_reserve(p, want, &n, size);
		if (place == NULL)
			return 0;
		fill(place, n, words, first);
		spsc_commit(p, n);
		return n;
	}
	fill(items, want, words, first);
	if (how % 3 == 1)
		return spsc_push(p, items, size) ? 1 : 0;
	return spsc_push_batch(p, items, want, size);
}

static void produce(void *ctx)
{
	struct transfer *t = ctx;
	struct spsc_producer p;
	uint64_t sent = 0;
	spsc_producer_init(&p, &t->ring);
	while (sent < t->count) {
		const uint32_t how = next_random(&t->seed[0]);
		size_t want = 1 + how / 3 % t->batch_max;
		want = want < t->count - sent ? want : (size_t)(t->count - sent);
		const size_t n = put_some(&p, how, want, t->words, sent);
		sent += n;
		if (n == 0)
			(void)sched_yield(); /* the other side may need this processor */
		pause_randomly(&t->seed[0], t->delay_max);
	}
	spsc_close(&p);
}

static size_t take_some(
	struct spsc_consumer *c, uint32_t how, size_t want, size_t words, uint64_t first)
{
	const size_t size = words * sizeof(uint64_t);
	uint64_t items[64 * WORDS_MAX];
	size_t n;
	if (how % 3 == 0) {
		const uint64_t *place = spsc_peek(c, want, &n, size);
		if (place == NULL)
			return 0;
		expect(place, n, words, first);
		spsc_release(c, n);
		return n;
	}
	n = how % 3 == 1 ? spsc_pop(c, items, size) : spsc_pop_batch(c, items, want, size);
	expect(items, n, words, first);
	return n;
}

static void consume(void *ctx)
{
	struct transfer *t = ctx;
	struct spsc_consumer c;
	uint64_t got = 0;
	spsc_consumer_init(&c, &t->ring);
	while (!spsc_is_drained(&c)) {
		const uint32_t how = next_random(&t->seed[1]);
		const size_t n = take_some(&c, how, 1 + how / 3 % t->batch_max, t->words, got);
		got += n;
		if (n == 0)
			(void)sched_yield();
		pause_randomly(&t->seed[1], t->delay_max);
	}
	CHECK(got == t->count);
}

static void test_transfer(size_t capacity, size_t words, size_t batch_max, uint32_t delay_max)
{
	struct pages memory;
	const struct pages_options where = {.want = PAGES_2M, .node = PAGES_NODE_ANY};
	struct thread producer, consumer;
	/* a hand-over for each time that the ring is full: on a busy machine, a time slice each */
	struct transfer t = {.count = capacity * ROUNDS,
		.batch_max = batch_max,
		.seed = {1, 2},
		.delay_max = delay_max,
		.words = words};
	const size_t size = words * sizeof(uint64_t);
	CHECK(pages_map(&memory, spsc_slots_size(capacity, size), &where) == OK);
	spsc_init(&t.ring, memory.ptr, capacity, size);
	CHECK(thread_start(&producer, "producer", produce, &t) == OK);
	CHECK(thread_start(&consumer, "consumer", consume, &t) == OK);
	thread_join(&producer);
	thread_join(&consumer);
	struct spsc_stats s;
	spsc_stats(&t.ring, &s);
	CHECK(s.closed && s.occupancy == 0 && s.pushed == t.count && s.popped == t.count);
	CHECK(s.high_water > 0 && s.high_water <= capacity);
	pages_unmap(&memory);
}

int main(void)
{
	for (size_t capacity = 1; capacity <= 64; capacity *= 2)
		test_bounds(capacity);
	test_batches();
	for (size_t size = 1; size <= 24; size++)
		test_copies(size);
	test_pace();
	test_in_place();
	test_close();
	test_transfer(1, 1, 1, 0);
	test_transfer(2, 2, 3, 10);
	test_transfer(64, 1, 64, 0);
	test_transfer(1024, WORDS_MAX, 64, 100);
	test_transfer(CAP_MAX, 1, 16, 0);
	return EXIT_SUCCESS;
}
