#include "sys/tsc.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#define NS_PER_S UINT64_C(1000000000)
#define TRIES 8u /* of a pair of reads; the pair that took the least time counts */
/* Anything outside of 10 MHz to 64 GHz is no clock. */
#define CYCLES_PER_NS_MAX 64u
#define NS_PER_CYCLE_MAX 100u

struct sample {
	uint64_t tsc, ns, width;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool invariant;
static struct sample first;
static _Atomic uint32_t known_rate; /* 0: not yet */

static bool cpu_says_invariant(void)
{
#if defined(__x86_64__)
	const unsigned leaf = 0x80000007, bit = 1u << 8;
	unsigned a, b, c, d;
	return __get_cpuid(leaf, &a, &b, &c, &d) != 0 && (d & bit) != 0;
#else
	return false;
#endif
}

static struct sample take_sample(void)
{
	struct sample best = {.width = UINT64_MAX};
	for (unsigned i = 0; i < TRIES; i++) {
		struct timespec t;
		const uint64_t before = tsc_read();
		CHECK(clock_gettime(CLOCK_MONOTONIC_RAW, &t) == 0);
		const uint64_t width = tsc_read() - before;
		if (width < best.width)
			best = (struct sample){.tsc = before + width / 2,
				.ns = (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec,
				.width = width};
	}
	return best;
}

static void begin(void)
{
	invariant = cpu_says_invariant();
	first = take_sample();
}

enum err tsc_rate(uint32_t *out)
{
	CHECK(pthread_once(&once, begin) == 0);
	if (!invariant)
		return ERR_UNAVAILABLE;
	uint32_t rate = atomic_load_explicit(&known_rate, memory_order_relaxed);
	if (rate == 0) {
		const struct sample now = take_sample();
		uint64_t ns = now.ns - first.ns, cycles = now.tsc - first.tsc;
		if (ns < TSC_MEASURE_NS)
			return ERR_STATE;
		if (cycles / CYCLES_PER_NS_MAX > ns || ns / NS_PER_CYCLE_MAX > cycles)
			return ERR_UNAVAILABLE;
		for (; ns >> (64 - TSC_RATE_BITS) != 0; cycles >>= 1)
			ns >>= 1;
		rate = (uint32_t)((ns << TSC_RATE_BITS) / cycles);
		/* several threads may get here: each measured well */
		atomic_store_explicit(&known_rate, rate, memory_order_relaxed);
	}
	*out = rate;
	return OK;
}
