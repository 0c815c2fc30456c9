#include "sys/clock.h"

#include <errno.h>
#include <time.h>

#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)

static uint64_t read_ns(clockid_t which)
{
	struct timespec t;
	CHECK(clock_gettime(which, &t) == 0);
	/* a wall clock set before 1970 reads as 1970: nothing here may go below zero */
	if (t.tv_sec < 0)
		return 0;
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

uint64_t clock_wall_ms(void)
{
	return read_ns(CLOCK_REALTIME) / NS_PER_MS;
}

uint64_t clock_mono_ms(void)
{
	return read_ns(CLOCK_MONOTONIC) / NS_PER_MS;
}

uint64_t clock_mono_ns(void)
{
	return read_ns(CLOCK_MONOTONIC);
}

void clock_sleep_ms(uint64_t ms)
{
	struct timespec left = {
		.tv_sec = (time_t)(ms / 1000),
		.tv_nsec = (long)(ms % 1000 * NS_PER_MS),
	};
	while (nanosleep(&left, &left) != 0 && errno == EINTR)
		continue;
}
