#include "sys/futex.h"

#include <stdlib.h>

#include "sys/clock.h"
#include "sys/thread.h"

#define NS_PER_MS UINT64_C(1000000)
#define SLEEPERS 4

static void test_differs(void)
{
	_Atomic uint32_t word = 7;
	CHECK(futex_wait(&word, 6, FUTEX_FOREVER) == OK);
	futex_wake(&word, FUTEX_ALL); /* nobody: no harm */
}

static void test_deadline(void)
{
	_Atomic uint32_t word = 7;
	CHECK(futex_wait(&word, 7, 0) == ERR_TIMEOUT);
	const uint64_t until = clock_mono_ns() + 20 * NS_PER_MS;
	while (futex_wait(&word, 7, until) == OK)
		continue;
	CHECK(clock_mono_ns() >= until);
}

static _Atomic uint32_t gate, passed;

static void pass_gate(void *ctx)
{
	(void)ctx;
	while (atomic_load_explicit(&gate, memory_order_acquire) == 0)
		CHECK(futex_wait(&gate, 0, FUTEX_FOREVER) == OK);
	(void)atomic_fetch_add_explicit(&passed, 1, memory_order_relaxed);
}

static void test_wake(void)
{
	struct thread t[SLEEPERS];
	for (size_t i = 0; i < SLEEPERS; i++)
		CHECK(thread_start(&t[i], "sleeper", pass_gate, NULL) == OK);
	clock_sleep_ms(10); /* most of them sleep by now; the others see the gate open */
	CHECK(atomic_load_explicit(&passed, memory_order_relaxed) == 0);
	atomic_store_explicit(&gate, 1, memory_order_release);
	futex_wake(&gate, FUTEX_ALL);
	for (size_t i = 0; i < SLEEPERS; i++)
		thread_join(&t[i]);
	CHECK(passed == SLEEPERS);
}

int main(void)
{
	test_differs();
	test_deadline();
	test_wake();
	return EXIT_SUCCESS;
}
