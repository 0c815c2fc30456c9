#include "rt/channel.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sys/clock.h"
#include "sys/sleeps_test.h"
#include "sys/thread.h"

#define NS_PER_MS UINT64_C(1000000)

static uint32_t woken;

static void on_wake(void *ctx)
{
	++*(uint32_t *)ctx;
}

static const struct channel_config SMALL = {
	.capacity = 8, .item_size = 8, .senders_max = 2, .wake = on_wake, .wake_ctx = &woken};

static void test_bounds(void)
{
	struct channel *ch;
	struct channel_config bad = SMALL;
	bad.capacity = 6;
	CHECK(channel_create(&ch, &bad) == ERR_RANGE);
	bad = SMALL;
	bad.item_size = 12;
	CHECK(channel_create(&ch, &bad) == ERR_RANGE);
	bad = SMALL;
	bad.senders_max = 0;
	CHECK(channel_create(&ch, &bad) == ERR_RANGE);
	bad = SMALL;
	bad.batch_max = CHANNEL_BATCH_MAX + 1;
	CHECK(channel_create(&ch, &bad) == ERR_RANGE);
}

/* Full and empty are told at once, or at the deadline; the sender sees the back-pressure. */
static void test_no_wait(void)
{
	struct channel *ch;
	struct channel_sender s, s2, s3;
	struct channel_receiver r;
	uint64_t items[10], out[10];
	size_t n;
	for (uint64_t i = 0; i < ARRAY_LEN(items); i++)
		items[i] = i;
	CHECK(channel_create(&ch, &SMALL) == OK);
	CHECK(channel_sender_init(&s, ch) == OK && channel_sender_init(&s2, ch) == OK);
	CHECK(channel_sender_init(&s3, ch) == ERR_FULL);
	channel_sender_fini(&s2);
	channel_receiver_init(&r, ch);
	CHECK(channel_receive_batch(&r, out, &n, 10, CHANNEL_NOW) == ERR_UNAVAILABLE && n == 0);
	uint64_t until = clock_mono_ns() + 5 * NS_PER_MS;
	CHECK(channel_receive_batch(&r, out, &n, 10, until) == ERR_TIMEOUT && n == 0);
	CHECK(clock_mono_ns() >= until);
	CHECK(channel_send_batch(&s, &n, items, 0, CHANNEL_NOW) == OK && n == 0);
	CHECK(channel_send_batch(&s, &n, items, 10, CHANNEL_NOW) == ERR_FULL && n == 8);
	until = clock_mono_ns() + 5 * NS_PER_MS;
	CHECK(channel_send_batch(&s, &n, items + 8, 2, until) == ERR_TIMEOUT && n == 0);
	CHECK(clock_mono_ns() >= until);
	struct mpmc_stats stats;
	channel_stats(ch, &stats);
	CHECK(stats.occupancy == 8 && stats.refused > 0 && stats.high_water == 8);
	CHECK(channel_receive_batch(&r, out, &n, 3, CHANNEL_NOW) == OK && n == 3);
	CHECK(out[0] == 0 && out[2] == 2);
	CHECK(channel_send_batch(&s, &n, items + 8, 2, CHANNEL_NOW) == OK && n == 2);
	/* closed: nothing more goes in, all comes out, then it is told */
	channel_close(ch);
	CHECK(channel_send_batch(&s, &n, items, 1, CHANNEL_FOREVER) == ERR_STATE && n == 0);
	uint64_t next = 3;
	while (next < 10) {
		CHECK(channel_receive_batch(&r, out, &n, 10, CHANNEL_FOREVER) == OK && n > 0);
		for (size_t i = 0; i < n; i++)
			CHECK(out[i] == next++);
	}
	/* a sender that is still there may be in the middle of a push */
	CHECK(channel_receive_batch(&r, out, &n, 10, CHANNEL_NOW) == ERR_UNAVAILABLE);
	channel_sender_fini(&s);
	CHECK(channel_receive_batch(&r, out, &n, 10, CHANNEL_FOREVER) == ERR_STATE && n == 0);
	CHECK(channel_sender_init(&s, ch) == ERR_STATE);
	channel_destroy(ch);
}

/* A receiver that sleeps in a loop is called once for each time that it was armed. */
static void test_arm(void)
{
	struct channel *ch;
	struct channel_sender s;
	struct channel_receiver r;
	uint64_t item = 7;
	size_t n;
	CHECK(channel_create(&ch, &SMALL) == OK);
	CHECK(channel_sender_init(&s, ch) == OK);
	channel_receiver_init(&r, ch);
	woken = 0;
	CHECK(channel_send_batch(&s, &n, &item, 1, CHANNEL_NOW) == OK && woken == 0);
	CHECK(!channel_arm(&r)); /* there is something */
	CHECK(channel_receive_batch(&r, &item, &n, 1, CHANNEL_NOW) == OK);
	CHECK(channel_arm(&r) && woken == 0);
	CHECK(channel_send_batch(&s, &n, &item, 1, CHANNEL_NOW) == OK && woken == 1);
	CHECK(channel_send_batch(&s, &n, &item, 1, CHANNEL_NOW) == OK && woken == 1);
	CHECK(channel_receive_batch(&r, &item, &n, 1, CHANNEL_NOW) == OK);
	CHECK(channel_receive_batch(&r, &item, &n, 1, CHANNEL_NOW) == OK);
	CHECK(channel_arm(&r));
	channel_close(ch);
	CHECK(woken == 2);
	CHECK(channel_arm(&r)); /* closed, but a sender is there */
	channel_sender_fini(&s);
	CHECK(woken == 3 && !channel_arm(&r));
	channel_destroy(ch);
}

/* ---- threads ---- */

#define SENDERS 2u
#define RECEIVERS 2u
#define BUFFER 64u

static struct {
	struct channel *ch;
	uint64_t count; /* of each sender */
	size_t batch;   /* the most that is sent or received at once */
	_Atomic uint32_t next;
	_Atomic uint64_t received;
	_Atomic uint8_t *seen;
} t;

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static void send_all(void *ctx)
{
	struct channel_sender s;
	const uint32_t self = atomic_fetch_add_explicit(&t.next, 1, memory_order_relaxed);
	uint32_t seed = self;
	(void)ctx;
	CHECK(channel_sender_init(&s, t.ch) == OK);
	for (uint64_t at = 0; at < t.count;) {
		uint64_t items[BUFFER];
		size_t n, want = 1 + next_random(&seed) % t.batch;
		want = want < t.count - at ? want : (size_t)(t.count - at);
		for (size_t i = 0; i < want; i++)
			items[i] = (uint64_t)self << 32 | (at + i);
		CHECK(channel_send_batch(&s, &n, items, want, CHANNEL_FOREVER) == OK && n == want);
		at += n;
	}
	channel_sender_fini(&s);
}

static void receive_all(void *ctx)
{
	struct channel_receiver r;
	uint64_t after[SENDERS] = {0};
	uint32_t seed = 17;
	enum err e;
	(void)ctx;
	channel_receiver_init(&r, t.ch);
	for (;;) {
		uint64_t items[BUFFER];
		size_t n;
		e = channel_receive_batch(
			&r, items, &n, 1 + next_random(&seed) % t.batch, CHANNEL_FOREVER);
		if (e != OK)
			break;
		for (size_t i = 0; i < n; i++) {
			const uint32_t from = (uint32_t)(items[i] >> 32);
			const uint32_t number = (uint32_t)items[i];
			CHECK(from < SENDERS && number >= after[from]);
			after[from] = number + 1;
			CHECK(atomic_fetch_add_explicit(&t.seen[from * t.count + number], 1,
				      memory_order_relaxed) == 0);
		}
		(void)atomic_fetch_add_explicit(&t.received, n, memory_order_relaxed);
	}
	CHECK(e == ERR_STATE);
}

static void test_threads(size_t capacity, uint64_t count, size_t batch, uint32_t spin)
{
	struct thread senders[SENDERS], receivers[RECEIVERS];
	const struct channel_config config = {.capacity = capacity,
		.item_size = 8,
		.senders_max = SENDERS,
		.batch_max = 32,
		.spin = spin};
	CHECK(channel_create(&t.ch, &config) == OK);
	t.count = count;
	t.batch = batch;
	t.next = 0;
	t.received = 0;
	t.seen = calloc(SENDERS * count, sizeof *t.seen);
	CHECK(t.seen != NULL);
	for (size_t i = 0; i < RECEIVERS; i++)
		CHECK(thread_start(&receivers[i], "receiver", receive_all, NULL) == OK);
	for (size_t i = 0; i < SENDERS; i++)
		CHECK(thread_start(&senders[i], "sender", send_all, NULL) == OK);
	for (size_t i = 0; i < SENDERS; i++)
		thread_join(&senders[i]);
	channel_close(t.ch);
	for (size_t i = 0; i < RECEIVERS; i++)
		thread_join(&receivers[i]);
	CHECK(t.received == SENDERS * count);
	free(t.seen);
	channel_destroy(t.ch);
}

/* ---- at rest ---- */

#ifndef FENCE_BY_WORD

static uint64_t cpu_ns(void)
{
	struct timespec ts;
	CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts) == 0);
	return (uint64_t)ts.tv_sec * 1000 * NS_PER_MS + (uint64_t)ts.tv_nsec;
}

/* Receivers that wait cost nothing: no processor time, no wake-ups. */
static void test_rest(void)
{
	enum { SETTLE_MS = 50, REST_MS = 1000 };
	struct thread receivers[RECEIVERS];
	const struct channel_config config = {
		.capacity = 8, .item_size = 8, .senders_max = 1, .spin = EVENTCOUNT_SPIN_DEFAULT};
	CHECK(channel_create(&t.ch, &config) == OK);
	for (size_t i = 0; i < RECEIVERS; i++)
		CHECK(thread_start(&receivers[i], "receiver", receive_all, NULL) == OK);
	clock_sleep_ms(SETTLE_MS);
	const uint64_t sleeps_before = process_sleeps(), cpu_before = cpu_ns();
	clock_sleep_ms(REST_MS);
	const uint64_t cpu = cpu_ns() - cpu_before, slept = process_sleeps() - sleeps_before;
	/* this thread's own sleep is one, and it reads /proc */
	CHECK(slept < 5);
	CHECK(cpu < REST_MS * NS_PER_MS / 100);
	channel_close(t.ch);
	for (size_t i = 0; i < RECEIVERS; i++)
		thread_join(&receivers[i]);
	channel_destroy(t.ch);
}

#endif

int main(void)
{
	test_bounds();
	test_no_wait();
	test_arm();
	test_threads(1, 200, 1, 0);
	test_threads(8, 2000, 5, 0);
	test_threads(8, 2000, BUFFER, EVENTCOUNT_SPIN_DEFAULT);
	test_threads(1024, 20000, BUFFER, 0);
#ifndef FENCE_BY_WORD /* ThreadSanitizer has a thread of its own that wakes up all the time */
	test_rest();
#endif
	return EXIT_SUCCESS;
}
