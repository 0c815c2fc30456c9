/* sys/cpu_time: CPU time by the kernel's own account. Each read is a system call (some 220 ns):
 * rt/cpu_clock is the cheap way for a thread to ask about itself. */
#ifndef SYS_CPU_TIME_H
#define SYS_CPU_TIME_H
#include <time.h>

#include "base/base.h"

/* Of the calling thread, since it began. */
uint64_t cpu_time_thread_ns(void);
/* Of all threads of the process. */
uint64_t cpu_time_process_ns(void);

/* A thread's account, for others to read. */
struct cpu_time_of {
	clockid_t id;
};

/* Of the calling thread. */
struct cpu_time_of cpu_time_self(void);
/* ERR_NOT_FOUND: the thread has ended. */
MUST_USE NONNULL_ALL enum err cpu_time_read(struct cpu_time_of of, uint64_t *out_ns);

#endif
