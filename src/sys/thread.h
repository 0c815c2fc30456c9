/* sys/thread: start and join. Threads of ours take no signals: those are for the main thread. */
#ifndef SYS_THREAD_H
#define SYS_THREAD_H
#include <pthread.h>

#include "base/base.h"

struct thread {
	pthread_t handle;
};

typedef void (*thread_main)(void *ctx);

/* ERR_FULL: the system has none left. The context must live until thread_join returns. */
MUST_USE enum err thread_start(struct thread *out, const char *name, thread_main run, void *ctx);
NONNULL_ALL void thread_join(struct thread *t);
/* It ends by itself; nobody waits for it. For what can't be stopped and holds nothing of anybody's.
 */
NONNULL_ALL void thread_detach(struct thread *t);

/* Processors that this process may run on now: 1 under `taskset -c 0`. */
uint32_t thread_cpu_count(void);
/* Lets others run that wait for this processor, if there are any. */
void thread_yield(void);

/* For a thread that does next to nothing, but has to do it on time: its timed waits end when they
 * should, and where the system allows it (root, CAP_SYS_NICE, RLIMIT_RTPRIO), it runs before all
 * ordinary threads. False: only the former. */
bool thread_be_urgent(void);

/* Something to be done when the calling thread ends: what keeps state in thread-local storage gives
 * it back here. The last one added runs first; one that is added meanwhile runs, too. Not run for
 * the main thread when the process ends. */
struct thread_exit {
	void (*run)(void *ctx);
	void *ctx;
	struct thread_exit *next; /* thread_at_exit's own */
};

/* The node must live until it runs: thread-local storage does. Not added already. */
NONNULL_ALL void thread_at_exit(struct thread_exit *node);

/* Run in the child after every fork from now on: memory of this process that names what the child
 * does not have is put right there. For ever; add each once. */
NONNULL_ALL void thread_in_child(void (*run)(void));

/* A condition variable whose timed waits count on the monotonic clock, and such a wait. Returns
 * false when the time is over. */
NONNULL_ALL void thread_cond_init(pthread_cond_t *cond);
NONNULL_ALL bool thread_cond_wait_ms(
	pthread_cond_t *cond, pthread_mutex_t *mutex, uint64_t timeout_ms);

#endif
