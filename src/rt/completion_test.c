#include "rt/completion.h"

#include <stdlib.h>

#include "sys/clock.h"
#include "sys/thread.h"

#define NS_PER_MS UINT64_C(1000000)
#define COUNT 8u

static void test_one_thread(void)
{
	struct completion_hub hub;
	struct completion a, b, *list[] = {&a, &b};
	size_t index = 9;
	completion_hub_init(&hub, 0);
	completion_init(&a, &hub);
	completion_init(&b, &hub);
	CHECK(!completion_is_set(&a) && completion_wait(&a, 0) == ERR_TIMEOUT);
	const uint64_t until = clock_mono_ns() + 5 * NS_PER_MS;
	CHECK(completion_wait_any(&index, list, 2, until) == ERR_TIMEOUT && index == 9);
	CHECK(clock_mono_ns() >= until);
	CHECK(completion_wait_all(list, 0, 0) == OK);
	CHECK(completion_wait_any(&index, list, 0, 0) == ERR_RANGE);

	completion_set(&b, ERR_RANGE);
	CHECK(completion_is_set(&b) && completion_result(&b) == ERR_RANGE);
	CHECK(completion_wait_any(&index, list, 2, 0) == OK && index == 1);
	CHECK(completion_wait_all(list, 2, 0) == ERR_TIMEOUT);
	completion_set(&a, OK);
	CHECK(completion_wait_all(list, 2, 0) == OK && completion_result(&a) == OK);
	CHECK(completion_wait(&a, FUTEX_FOREVER) == OK);
}

/* Whoever is woken finds the work done; every waiter is woken, whatever it waits for. */
static struct {
	struct completion_hub hub;
	struct completion c[COUNT], *list[COUNT];
	uint32_t work[COUNT];
	_Atomic uint32_t next;
} shared;

static void set_some(void *ctx)
{
	(void)ctx;
	for (;;) {
		const uint32_t i = atomic_fetch_add_explicit(&shared.next, 1, memory_order_relaxed);
		if (i >= COUNT)
			return;
		for (uint32_t spin = i * 37 % 200; spin > 0; spin--)
			cpu_relax();
		shared.work[i] = i + 1;
		completion_set(&shared.c[i], OK);
	}
}

static void wait_all(void *ctx)
{
	(void)ctx;
	CHECK(completion_wait_all(shared.list, COUNT, FUTEX_FOREVER) == OK);
	for (uint32_t i = 0; i < COUNT; i++)
		CHECK(shared.work[i] == i + 1);
}

static void wait_each(void *ctx)
{
	struct completion *left[COUNT];
	size_t count = COUNT, index;
	(void)ctx;
	memcpy(left, shared.list, sizeof left);
	while (count > 0) {
		CHECK(completion_wait_any(&index, left, count, FUTEX_FOREVER) == OK);
		CHECK(shared.work[left[index] - shared.c] != 0);
		left[index] = left[--count];
	}
}

static void test_threads(uint32_t spin)
{
	struct thread setter[2], waiter[2];
	completion_hub_init(&shared.hub, spin);
	for (size_t i = 0; i < COUNT; i++) {
		completion_init(&shared.c[i], &shared.hub);
		shared.list[i] = &shared.c[i];
		shared.work[i] = 0;
	}
	atomic_store_explicit(&shared.next, 0, memory_order_relaxed);
	CHECK(thread_start(&waiter[0], "all", wait_all, NULL) == OK);
	CHECK(thread_start(&waiter[1], "each", wait_each, NULL) == OK);
	for (size_t i = 0; i < 2; i++)
		CHECK(thread_start(&setter[i], "setter", set_some, NULL) == OK);
	for (size_t i = 0; i < 2; i++) {
		thread_join(&setter[i]);
		thread_join(&waiter[i]);
	}
}

int main(void)
{
	test_one_thread();
	for (uint32_t round = 0; round < 200; round++)
		test_threads(round % 2 == 0 ? 0 : EVENTCOUNT_SPIN_DEFAULT);
	return EXIT_SUCCESS;
}
