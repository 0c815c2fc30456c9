#include "rt/eventcount.h"

#include <stdlib.h>

#include "sys/clock.h"
#include "sys/thread.h"

#define NS_PER_MS UINT64_C(1000000)

static void test_one_thread(void)
{
	struct eventcount ec;
	eventcount_init(&ec, 0);
	CHECK(!eventcount_has_waiters(&ec));
	eventcount_notify_one(&ec);
	eventcount_notify_all(&ec);

	/* cancelled: nobody is left in the count */
	uint32_t key = eventcount_prepare(&ec);
	CHECK(eventcount_has_waiters(&ec));
	eventcount_cancel(&ec, key);
	CHECK(!eventcount_has_waiters(&ec));

	/* notified between prepare and wait: no sleep, and no second system call for it */
	key = eventcount_prepare(&ec);
	eventcount_notify_one(&ec);
	CHECK(!eventcount_has_waiters(&ec));
	CHECK(eventcount_wait(&ec, key, FUTEX_FOREVER) == OK);

	/* the deadline passes, and with it the registration */
	const uint64_t until = clock_mono_ns() + 10 * NS_PER_MS;
	do
		key = eventcount_prepare(&ec);
	while (eventcount_wait(&ec, key, until) == OK);
	CHECK(clock_mono_ns() >= until && !eventcount_has_waiters(&ec));

	/* a deadline long past: notified all the same */
	key = eventcount_prepare(&ec);
	eventcount_notify_all(&ec);
	CHECK(eventcount_wait(&ec, key, 0) == OK);
}

/* Two wait, one is notified, one withdraws: the count is never below those that still wait. */
static void test_count(void)
{
	struct eventcount ec;
	eventcount_init(&ec, 0);
	const uint32_t a = eventcount_prepare(&ec);
	const uint32_t b = eventcount_prepare(&ec);
	eventcount_notify_one(&ec);
	CHECK(eventcount_has_waiters(&ec));
	const uint32_t c = eventcount_prepare(&ec);
	eventcount_cancel(&ec, a);
	CHECK(eventcount_wait(&ec, b, FUTEX_FOREVER) == OK);
	CHECK(eventcount_has_waiters(&ec));
	eventcount_notify_all(&ec);
	CHECK(!eventcount_has_waiters(&ec));
	CHECK(eventcount_wait(&ec, c, FUTEX_FOREVER) == OK);
}

static bool is_never(void *ctx)
{
	++*(uint32_t *)ctx;
	return false;
}

static bool is_third(void *ctx)
{
	return ++*(uint32_t *)ctx == 3;
}

static void test_await(void)
{
	struct eventcount ec;
	uint32_t calls = 0;
	eventcount_init(&ec, 5);
	CHECK(eventcount_await(&ec, clock_mono_ns() + NS_PER_MS, is_never, &calls) == ERR_TIMEOUT);
	CHECK(calls == (thread_cpu_count() > 1 ? 7 : 2));
	calls = 0;
	CHECK(eventcount_await(&ec, 0, is_third, &calls) ==
		(thread_cpu_count() > 1 ? OK : ERR_TIMEOUT));
	CHECK(!eventcount_has_waiters(&ec));
}

/* Tokens: givers add and notify one, takers take or sleep. A lost wake-up is a token that lies
 * there while a taker sleeps for good: the test hangs. */
#define GIVERS 2
#define TAKERS 3
#define TOKENS 20000
#define GIFTS_MAX 4

static struct eventcount tokens_changed;
static _Atomic uint32_t tokens, taken;
static _Atomic bool no_more;

static bool token_take(void *ctx)
{
	uint32_t *got = ctx;
	uint32_t have = atomic_load_explicit(&tokens, memory_order_relaxed);
	while (have != 0) {
		if (atomic_compare_exchange_weak_explicit(
			    &tokens, &have, have - 1, memory_order_relaxed, memory_order_relaxed)) {
			++*got;
			return true;
		}
	}
	return atomic_load_explicit(&no_more, memory_order_acquire) &&
		atomic_load_explicit(&tokens, memory_order_relaxed) == 0;
}

static void take(void *ctx)
{
	const bool impatient = *(bool *)ctx;
	uint32_t got = 0;
	for (;;) {
		const uint32_t before = got;
		const uint64_t until = impatient ? clock_mono_ns() + 10000 : FUTEX_FOREVER;
		const enum err e = eventcount_await(&tokens_changed, until, token_take, &got);
		CHECK(e == OK || impatient);
		if (e == OK && got == before)
			break;
	}
	(void)atomic_fetch_add_explicit(&taken, got, memory_order_relaxed);
}

static void give(void *ctx)
{
	uint32_t seed = *(uint32_t *)ctx;
	for (uint32_t given = 0; given < TOKENS;) {
		seed = seed * 1664525u + 1013904223u;
		uint32_t n = 1 + (seed >> 24) % GIFTS_MAX;
		n = n < TOKENS - given ? n : TOKENS - given;
		(void)atomic_fetch_add_explicit(&tokens, n, memory_order_relaxed);
		given += n;
		for (uint32_t i = 0; i < n; i++)
			eventcount_notify_one(&tokens_changed);
		for (uint32_t spin = (seed >> 16) & 127; spin > 0; spin--)
			cpu_relax();
	}
}

static void test_no_lost_wake_up(uint32_t spin)
{
	struct thread giver[GIVERS], taker[TAKERS];
	uint32_t seed[GIVERS] = {1, 2};
	bool impatient[TAKERS] = {false, false, true};
	eventcount_init(&tokens_changed, spin);
	atomic_store_explicit(&no_more, false, memory_order_relaxed);
	atomic_store_explicit(&taken, 0, memory_order_relaxed);
	for (size_t i = 0; i < TAKERS; i++)
		CHECK(thread_start(&taker[i], "taker", take, &impatient[i]) == OK);
	for (size_t i = 0; i < GIVERS; i++)
		CHECK(thread_start(&giver[i], "giver", give, &seed[i]) == OK);
	for (size_t i = 0; i < GIVERS; i++)
		thread_join(&giver[i]);
	while (atomic_load_explicit(&tokens, memory_order_relaxed) != 0)
		clock_sleep_ms(1);
	atomic_store_explicit(&no_more, true, memory_order_release);
	eventcount_notify_all(&tokens_changed);
	for (size_t i = 0; i < TAKERS; i++)
		thread_join(&taker[i]);
	CHECK(taken == GIVERS * TOKENS);
}

int main(void)
{
	test_one_thread();
	test_count();
	test_await();
	test_no_lost_wake_up(0);
	test_no_lost_wake_up(EVENTCOUNT_SPIN_DEFAULT);
	return EXIT_SUCCESS;
}
