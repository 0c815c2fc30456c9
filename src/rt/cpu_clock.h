/* rt/cpu_clock: the CPU time that the calling thread has used, for the price of reading the CPU's
 * counter.
 *
 * The clock is the kernel's account as of the last look at it, plus the counter's advance since,
 * for as long as the thread has not been switched out (sys/switch_mark) and the look is no older
 * than CPU_CLOCK_RESYNC_NS; otherwise it looks again, which is a system call. So it never counts
 * time in which the thread did not run, agrees with the kernel at every look, and can be ahead of
 * it by at most what a hypervisor took away since; errors don't add up. It never goes back: found
 * ahead, it stands still until the kernel has caught up. Where there is no such counter or mark,
 * every read is a look.
 *
 * Threads: any; each has its own clock, made at its first read.
 * It must not: be read in a signal handler.
 */
#ifndef RT_CPU_CLOCK_H
#define RT_CPU_CLOCK_H
#include "sys/switch_mark.h"
#include "sys/tsc.h"

#define CPU_CLOCK_RESYNC_NS UINT64_C(16000000)

struct cpu_clock {
	struct switch_mark mark;
	uint64_t cycles_max; /* 0: look at every read */
	uint64_t base_tsc;   /* when it was last looked */
	uint64_t base_ns;    /* what was seen */
	uint64_t last_ns;    /* what was last told */
	uint32_t rate;       /* of the counter; 0: not known */
	bool attached;
};

extern _Thread_local struct cpu_clock cpu_clock_self;
uint64_t cpu_clock_look_(void);

/* Where the last look found the clock ahead, it stands still until the kernel has caught up. */
static inline uint64_t cpu_clock_tell_(struct cpu_clock *c, uint64_t ns)
{
	return c->last_ns = ns > c->last_ns ? ns : c->last_ns;
}

/* CPU time of the calling thread since it began. */
static inline uint64_t cpu_clock_ns(void)
{
	struct cpu_clock *c = &cpu_clock_self;
	const uint64_t cycles = tsc_read() - c->base_tsc;
	if (__builtin_expect(cycles < c->cycles_max && switch_mark_is_set(&c->mark), true))
		return cpu_clock_tell_(c, c->base_ns + (cycles * c->rate >> TSC_RATE_BITS));
	return cpu_clock_look_();
}

/* What tells the calling thread of switches, for logs and tests. */
enum switch_mark_kind cpu_clock_kind(void);
/* Use this kind from now on in the calling thread, for tests and benchmarks. ERR_UNAVAILABLE: it
 * does not work here, and nothing changed. */
MUST_USE enum err cpu_clock_use(enum switch_mark_kind kind);

#endif
