/* sys/tsc: the CPU's time stamp counter, where it runs at one rate for ever and is known to do so
 * (x86-64 with the invariant bit of CPUID 0x80000007). Counters of different CPUs are not compared
 * here: who reads it must know that he stayed on one.
 *
 * The rate is measured against CLOCK_MONOTONIC_RAW, without waiting: from the first call to a later
 * one. Threads: any.
 */
#ifndef SYS_TSC_H
#define SYS_TSC_H
#include "base/base.h"

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

/* ns = cycles * rate >> TSC_RATE_BITS. With the least rate that is accepted (a counter of 64 GHz)
 * there are 18 bits of precision. */
#define TSC_RATE_BITS 24u
#define TSC_MEASURE_NS UINT64_C(1000000) /* over so long; two reads are good to some 100 ns */

static inline uint64_t tsc_read(void)
{
#if defined(__x86_64__)
	return __rdtsc();
#else
	return 0;
#endif
}

/* OK and the rate; ERR_UNAVAILABLE: there is no counter that could be used; ERR_STATE: it is not
 * known yet, ask again after TSC_MEASURE_NS. */
MUST_USE NONNULL_ALL enum err tsc_rate(uint32_t *out);

#endif
