#include "crew.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#include "sys/clock.h"
#include "sys/thread.h"

#define SPINS_BEFORE_YIELD 256u

struct member {
	_Alignas(64) struct thread thread;
	unsigned index;
	uint64_t began, ended;
};

static struct member crew[CREW_MAX];
static unsigned crew_size;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t called = PTHREAD_COND_INITIALIZER, done = PTHREAD_COND_INITIALIZER;
static struct {
	uint64_t number; /* of the work: a member does each once */
	unsigned members, finished;
	crew_part part;
	void *ctx;
} work;
static atomic_uint arrived;

unsigned crew_cores(void)
{
	const long cores = sysconf(_SC_NPROCESSORS_ONLN);
	return cores > 0 ? (unsigned)cores : 1;
}

void crew_pin(unsigned core)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(core % crew_cores(), &set);
	(void)pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

void crew_unpin(void)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	for (unsigned i = 0; i < crew_cores(); i++)
		CPU_SET(i, &set);
	(void)pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

/* Begin together: the last to arrive lets all go. Acquire and release: what was set up before the
 * work is seen by each member. */
static void meet(unsigned members)
{
	unsigned spins = 0;
	(void)atomic_fetch_add_explicit(&arrived, 1, memory_order_acq_rel);
	while (atomic_load_explicit(&arrived, memory_order_acquire) < members)
		if (++spins % SPINS_BEFORE_YIELD == 0)
			(void)sched_yield();
}

static void member_main(void *ctx)
{
	struct member *me = ctx;
	uint64_t seen = 0;
	crew_pin(me->index);
	(void)pthread_mutex_lock(&lock);
	for (;;) {
		while (work.number == seen || me->index >= work.members) {
			seen = work.number;
			(void)pthread_cond_wait(&called, &lock);
		}
		seen = work.number;
		(void)pthread_mutex_unlock(&lock);
		meet(work.members);
		me->began = clock_mono_ns();
		work.part(work.ctx, me->index);
		me->ended = clock_mono_ns();
		(void)pthread_mutex_lock(&lock);
		if (++work.finished == work.members)
			(void)pthread_cond_signal(&done);
	}
}

void crew_start(unsigned members)
{
	CHECK(members <= CREW_MAX);
	for (; crew_size < members; crew_size++) {
		crew[crew_size].index = crew_size;
		CHECK(thread_start(&crew[crew_size].thread, "crew", member_main,
			      &crew[crew_size]) == OK);
	}
}

uint64_t crew_run(unsigned members, crew_part part, void *ctx)
{
	uint64_t began = UINT64_MAX, ended = 0;
	crew_start(members);
	(void)pthread_mutex_lock(&lock);
	atomic_store_explicit(&arrived, 0, memory_order_relaxed);
	work.members = members;
	work.finished = 0;
	work.part = part;
	work.ctx = ctx;
	work.number++;
	(void)pthread_cond_broadcast(&called);
	while (work.finished < members)
		(void)pthread_cond_wait(&done, &lock);
	(void)pthread_mutex_unlock(&lock);
	for (unsigned i = 0; i < members; i++) {
		began = crew[i].began < began ? crew[i].began : began;
		ended = crew[i].ended > ended ? crew[i].ended : ended;
	}
	return ended - began;
}
