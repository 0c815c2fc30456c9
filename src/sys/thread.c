#include "sys/thread.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

#define MS_PER_S 1000u
#define NS_PER_MS 1000000L
#define NS_PER_S 1000000000L

struct start {
	thread_main run;
	void *ctx;
};

static void *thread_entry(void *arg)
{
	const struct start start = *(struct start *)arg;
	free(arg);
	start.run(start.ctx);
	return NULL;
}

enum err thread_start(struct thread *out, const char *name, thread_main run, void *ctx)
{
	sigset_t all, before;
	struct start *start = malloc(sizeof *start);
	if (start == NULL)
		return ERR_FULL;
	*start = (struct start){.run = run, .ctx = ctx};
	/* a new thread inherits the mask of the one that makes it */
	(void)sigfillset(&all);
	CHECK(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
	const int rc = pthread_create(&out->handle, NULL, thread_entry, start);
	CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
	if (rc != 0) {
		free(start);
		return ERR_FULL;
	}
	(void)pthread_setname_np(out->handle, name);
	return OK;
}

void thread_join(struct thread *t)
{
	CHECK(pthread_join(t->handle, NULL) == 0);
}

void thread_detach(struct thread *t)
{
	CHECK(pthread_detach(t->handle) == 0);
}

uint32_t thread_cpu_count(void)
{
	cpu_set_t set;
	/* refused where the machine has more processors than the set: then there are several */
	if (sched_getaffinity(0, sizeof set, &set) != 0)
		return CPU_SETSIZE;
	return (uint32_t)CPU_COUNT(&set);
}

void thread_yield(void)
{
	(void)sched_yield();
}

bool thread_be_urgent(void)
{
	const struct sched_param least = {.sched_priority = sched_get_priority_min(SCHED_FIFO)};
	(void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
	return pthread_setschedparam(pthread_self(), SCHED_FIFO, &least) == 0;
}

static pthread_key_t exit_key; /* its value: the first node of the thread's list */
static pthread_once_t exit_once = PTHREAD_ONCE_INIT;

static void run_exits(void *list)
{
	/* a node may be added again by what it runs: take it off first */
	for (struct thread_exit *node = list; node != NULL; node = pthread_getspecific(exit_key)) {
		CHECK(pthread_setspecific(exit_key, node->next) == 0);
		node->run(node->ctx);
	}
}

static void make_exit_key(void)
{
	CHECK(pthread_key_create(&exit_key, run_exits) == 0);
}

void thread_at_exit(struct thread_exit *node)
{
	CHECK(pthread_once(&exit_once, make_exit_key) == 0);
	node->next = pthread_getspecific(exit_key);
	CHECK(pthread_setspecific(exit_key, node) == 0);
}

void thread_in_child(void (*run)(void))
{
	CHECK(pthread_atfork(NULL, NULL, run) == 0);
}

void thread_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;
	CHECK(pthread_condattr_init(&attr) == 0);
	CHECK(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
	CHECK(pthread_cond_init(cond, &attr) == 0);
	CHECK(pthread_condattr_destroy(&attr) == 0);
}

bool thread_cond_wait_ms(pthread_cond_t *cond, pthread_mutex_t *mutex, uint64_t timeout_ms)
{
	struct timespec until;
	CHECK(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
	until.tv_sec += (time_t)(timeout_ms / MS_PER_S);
	until.tv_nsec += (long)(timeout_ms % MS_PER_S) * NS_PER_MS;
	if (until.tv_nsec >= NS_PER_S) {
		until.tv_nsec -= NS_PER_S;
		until.tv_sec++;
	}
	const int rc = pthread_cond_timedwait(cond, mutex, &until);
	CHECK(rc == 0 || rc == ETIMEDOUT);
	return rc == 0;
}
