#include "rt/cpu_clock.h"

#include "sys/cpu_time.h"
#include "sys/thread.h"

#include <pthread.h>

_Thread_local struct cpu_clock cpu_clock_self;

static _Thread_local struct thread_exit exit_node;
static _Thread_local bool exit_node_added;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Another hook of the thread's end may still ask for the time: then it attaches again. */
static void on_thread_exit(void *ctx)
{
	struct cpu_clock *c = ctx;
	exit_node_added = false;
	switch_mark_detach(&c->mark);
	*c = (struct cpu_clock){.last_ns = c->last_ns};
}

/* A child has a copy of this memory, but not the mark, and its CPU time begins at zero. */
static void in_child(void)
{
	cpu_clock_self = (struct cpu_clock){0};
}

static void watch_forks(void)
{
	thread_in_child(in_child);
}

static void attach(struct cpu_clock *c)
{
	CHECK(pthread_once(&once, watch_forks) == 0);
	switch_mark_attach_best(&c->mark);
	c->attached = true;
	if (!exit_node_added) {
		exit_node_added = true;
		exit_node = (struct thread_exit){.run = on_thread_exit, .ctx = c};
		thread_at_exit(&exit_node);
	}
}

uint64_t cpu_clock_look_(void)
{
	struct cpu_clock *c = &cpu_clock_self;
	if (!c->attached)
		attach(c);
	if (c->rate == 0 && tsc_rate(&c->rate) == OK)
		c->cycles_max = (CPU_CLOCK_RESYNC_NS << TSC_RATE_BITS) / c->rate;
	/* Switched out after this line, the thread finds its mark gone at the next read. */
	switch_mark_set(&c->mark);
	const uint64_t before = tsc_read();
	c->base_ns = cpu_time_thread_ns();
	c->base_tsc = before + (tsc_read() - before) / 2;
	return cpu_clock_tell_(c, c->base_ns);
}

enum switch_mark_kind cpu_clock_kind(void)
{
	(void)cpu_clock_ns();
	return cpu_clock_self.mark.kind;
}

enum err cpu_clock_use(enum switch_mark_kind kind)
{
	struct cpu_clock *c = &cpu_clock_self;
	struct switch_mark mark;
	TRY(switch_mark_attach(&mark, kind));
	if (!c->attached)
		attach(c);
	switch_mark_detach(&c->mark);
	c->mark = mark;
	return OK;
}
