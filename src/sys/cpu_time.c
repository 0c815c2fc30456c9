#include "sys/cpu_time.h"

#include <pthread.h>

#define NS_PER_S UINT64_C(1000000000)

static bool read_ns(clockid_t which, uint64_t *out_ns)
{
	struct timespec t;
	if (clock_gettime(which, &t) != 0)
		return false;
	*out_ns = (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
	return true;
}

uint64_t cpu_time_thread_ns(void)
{
	uint64_t ns;
	CHECK(read_ns(CLOCK_THREAD_CPUTIME_ID, &ns));
	return ns;
}

uint64_t cpu_time_process_ns(void)
{
	uint64_t ns;
	CHECK(read_ns(CLOCK_PROCESS_CPUTIME_ID, &ns));
	return ns;
}

struct cpu_time_of cpu_time_self(void)
{
	struct cpu_time_of of;
	CHECK(pthread_getcpuclockid(pthread_self(), &of.id) == 0);
	return of;
}

enum err cpu_time_read(struct cpu_time_of of, uint64_t *out_ns)
{
	return read_ns(of.id, out_ns) ? OK : ERR_NOT_FOUND;
}
