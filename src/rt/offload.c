#include "rt/offload.h"

#include <stddef.h>
#include <stdlib.h>

#include "rt/parallel.h"
#include "sys/clock.h"

struct offload {
	struct loop *loop;
	struct executor *executor;
	bool in_place;
	uint32_t waker;
	struct task_group group; /* of all jobs: for the end */
	struct channel *results; /* owned; of pointers to jobs; NULL: in place */
	struct channel_receiver receiver;
	struct channel_sender sender[OFFLOAD_WORKERS_MAX]; /* one worker's each */
	uint32_t sender_count;
	struct offload_job *first; /* open */
	bool in_done, closing;
	struct offload_stat stat;
};

static struct offload_job *job_of(struct task *t)
{
	return (struct offload_job *)(void *)((unsigned char *)t -
		offsetof(struct offload_job, task));
}

/* ---- on a worker ---- */

/* From here on the job is the loop's. */
static void hand_back(struct strand s, struct offload_job *job)
{
	size_t sent;
	/* as much room as there are jobs */
	CHECK(channel_send_batch(
		      &job->offload->sender[strand_worker(s)], &sent, &job, 1, CHANNEL_NOW) == OK);
}

static void run_job(struct strand s, struct task *t)
{
	struct offload_job *job = job_of(t);
	const struct parallel parallel = strand_parallel(&s);
	job->run(job, &parallel);
	hand_back(s, job);
}

static void drop_job(struct strand s, struct task *t)
{
	struct offload_job *job = job_of(t);
	job->dropped = true;
	hand_back(s, job);
}

bool offload_is_cancelled(const struct offload_job *job)
{
	return cancel_is_requested(&job->token);
}

/* ---- on the loop's thread ---- */

static void list_add(struct offload *o, struct offload_job *job)
{
	job->prev = NULL;
	job->next = o->first;
	if (o->first != NULL)
		o->first->prev = job;
	o->first = job;
	o->stat.open++;
	if (o->stat.open > o->stat.open_peak)
		o->stat.open_peak = o->stat.open;
}

static void list_remove(struct offload *o, struct offload_job *job)
{
	CHECK(o->stat.open > 0);
	o->stat.open--;
	if (job->prev != NULL)
		job->prev->next = job->next;
	else
		o->first = job->next;
	if (job->next != NULL)
		job->next->prev = job->prev;
}

static void finish(struct offload *o, struct offload_job *job)
{
	const uint64_t took = clock_mono_ns() - job->since_ns;
	const bool nested = o->in_done;
	list_remove(o, job);
	o->stat.dropped += job->dropped;
	o->stat.took_ns_sum += took;
	if (took > o->stat.took_ns_max)
		o->stat.took_ns_max = took;
	o->in_done = true;
	job->done(job, job->dropped ? ERR_CANCELLED : OK);
	o->in_done = nested;
}

static size_t finish_some(struct offload *o)
{
	struct offload_job *job[OFFLOAD_BATCH];
	size_t got;
	if (channel_receive_batch(&o->receiver, job, &got, OFFLOAD_BATCH, CHANNEL_NOW) != OK)
		return 0;
	for (size_t i = 0; i < got; i++)
		finish(o, job[i]);
	return got;
}

/* A batch, and then whatever else the loop has to do. */
static void on_results(void *ctx)
{
	struct offload *o = ctx;
	(void)finish_some(o);
	if (!channel_arm(&o->receiver))
		loop_wake(o->loop, o->waker);
}

static void wake_loop(void *ctx)
{
	const struct offload *o = ctx;
	loop_wake(o->loop, o->waker);
}

static enum err run_here(struct offload_job *job)
{
	if (offload_is_cancelled(job)) {
		job->done(job, ERR_CANCELLED);
		return OK;
	}
	job->run(job, NULL);
	job->done(job, OK);
	return OK;
}

enum err offload_submit(struct offload *o, struct offload_job *job)
{
	cancel_init(&job->token, job->cancel);
	job->offload = o;
	job->dropped = false;
	if (o == NULL)
		return run_here(job);
	if (o->in_place) {
		o->stat.submitted++;
		return run_here(job);
	}
	enum err err = o->closing ? ERR_STATE : ERR_FULL;
	job->task = (struct task){
		.run = run_job, .dropped = drop_job, .group = &o->group, .cancel = &job->token};
	job->since_ns = clock_mono_ns();
	if (!o->closing && o->stat.open < o->stat.jobs_max) {
		list_add(o, job); /* before a worker can be done with it */
		err = executor_submit(o->executor, &job->task);
		if (err != OK)
			list_remove(o, job);
	}
	if (err == OK)
		o->stat.submitted++;
	else
		o->stat.refused++;
	return err;
}

void offload_stat(const struct offload *o, struct offload_stat *out)
{
	*out = o->stat;
	if (o->results != NULL)
		channel_stats(o->results, &out->results);
}

/* ---- life ---- */

static size_t power_of_two(size_t n)
{
	size_t p = 1;
	while (p < n)
		p *= 2;
	return p;
}

static enum err open_channel(struct offload *o)
{
	/* any one worker may have done all jobs */
	const struct channel_config config = {.capacity = power_of_two(o->stat.jobs_max),
		.item_size = sizeof(struct offload_job *),
		.senders_max = executor_workers(o->executor),
		.wake = wake_loop,
		.wake_ctx = o};
	TRY(channel_create(&o->results, &config));
	while (o->sender_count < config.senders_max) {
		CHECK(channel_sender_init(&o->sender[o->sender_count], o->results) == OK);
		o->sender_count++;
	}
	channel_receiver_init(&o->receiver, o->results);
	return OK;
}

enum err offload_create(struct offload **out, const struct offload_config *config)
{
	if (config->jobs_max == 0 || config->jobs_max > OFFLOAD_JOBS_MAX ||
		executor_workers(config->executor) > OFFLOAD_WORKERS_MAX)
		return ERR_RANGE;
	struct offload *o = calloc(1, sizeof *o);
	if (o == NULL)
		return ERR_FULL;
	o->loop = config->loop;
	o->executor = config->executor;
	o->stat.jobs_max = config->jobs_max;
	o->in_place = executor_is_in_place(config->executor) || loop_is_virtual(config->loop);
	task_group_init(&o->group, NULL);
	enum err err = o->in_place ? OK : open_channel(o);
	if (err == OK && !o->in_place)
		err = loop_waker_add(o->loop, &o->waker, on_results, o);
	if (err != OK) {
		channel_destroy(o->results);
		free(o);
		return err;
	}
	if (!o->in_place)
		CHECK(channel_arm(&o->receiver));
	*out = o;
	return OK;
}

void offload_destroy(struct offload *o)
{
	if (o == NULL)
		return;
	CHECK(!o->in_done);
	if (o->in_place) {
		free(o);
		return;
	}
	o->closing = true;
	for (struct offload_job *job = o->first; job != NULL; job = job->next)
		cancel_request(&job->token);
	/* no worker is in any of them, nor in the channel */
	(void)!task_group_await(&o->group, FUTEX_FOREVER);
	while (o->stat.open > 0)
		CHECK(finish_some(o) > 0);
	for (uint32_t i = 0; i < o->sender_count; i++)
		channel_sender_fini(&o->sender[i]);
	loop_waker_remove(o->loop, o->waker);
	channel_destroy(o->results);
	free(o);
}
