#include "sys/thread.h"

#include "sys/clock.h"
#include "sys/cpu_time.h"
#include "sys/tsc.h"

#define NODES 3u
#define RATE_TEST_MS 50u
#define BURN_NS UINT64_C(3000000)

/* ---- what runs when a thread ends ---- */

struct ended {
	unsigned order[NODES + 1];
	unsigned count;
	bool again;
};

static struct ended ended;
static _Thread_local struct thread_exit node[NODES];

static void on_exit_of(void *ctx)
{
	struct thread_exit *self = ctx;
	ended.order[ended.count++] = (unsigned)(self - node);
	if (ended.again && self == &node[0]) {
		ended.again = false;
		thread_at_exit(self);
	}
}

static void run_with_exits(void *ctx)
{
	(void)ctx;
	for (unsigned i = 0; i < NODES; i++) {
		node[i] = (struct thread_exit){.run = on_exit_of, .ctx = &node[i]};
		thread_at_exit(&node[i]);
	}
	CHECK(ended.count == 0);
}

static void test_exits(void)
{
	struct thread t;
	ended = (struct ended){.again = true};
	CHECK(thread_start(&t, "ends", run_with_exits, NULL) == OK);
	thread_join(&t);
	CHECK(ended.count == NODES + 1);
	for (unsigned i = 0; i < NODES; i++)
		CHECK(ended.order[i] == NODES - 1 - i);
	CHECK(ended.order[NODES] == 0);
}

/* ---- CPU time, by the kernel ---- */

static struct cpu_time_of other;

static void burn(void *ctx)
{
	(void)ctx;
	const uint64_t begun = cpu_time_thread_ns();
	uint64_t seen;
	other = cpu_time_self();
	while (cpu_time_thread_ns() - begun < BURN_NS)
		continue;
	CHECK(cpu_time_read(other, &seen) == OK);
	CHECK(seen >= begun + BURN_NS);
}

static void test_cpu_time(void)
{
	struct thread t;
	uint64_t seen;
	const uint64_t process = cpu_time_process_ns(), self = cpu_time_thread_ns();
	CHECK(thread_start(&t, "burns", burn, NULL) == OK);
	thread_join(&t);
	CHECK(cpu_time_process_ns() - process >= BURN_NS);
	CHECK(cpu_time_thread_ns() >= self);
	CHECK(cpu_time_read(other, &seen) == ERR_NOT_FOUND);
}

/* ---- the counter: its rate against a clock, over a longer time than it was measured in ---- */

static void test_tsc(void)
{
	uint32_t rate, again;
	enum err err;
	while ((err = tsc_rate(&rate)) == ERR_STATE)
		continue;
	if (err == ERR_UNAVAILABLE)
		return;
	CHECK(err == OK && rate > 0);
	const uint64_t ns = clock_mono_ns(), cycles = tsc_read();
	clock_sleep_ms(RATE_TEST_MS);
	const uint64_t passed_ns = clock_mono_ns() - ns, passed = tsc_read() - cycles;
	const uint64_t told_ns = passed * rate >> TSC_RATE_BITS;
	/* reads that were interrupted cost some of the precision here */
	CHECK(told_ns + passed_ns / 100 > passed_ns && told_ns < passed_ns + passed_ns / 100);
	CHECK(tsc_rate(&again) == OK && again == rate);
}

int main(void)
{
	test_exits();
	test_cpu_time();
	test_tsc();
	return 0;
}
