/* A signer in this process: the same check and the same memory of sessions, without a file. */
#include "sign/service.h"
#include "sign/signer_ops.h"
#include "sys/guard.h"
#include "sys/rand.h"

#include <stdlib.h>

struct job {
	struct local *owner;
	struct job *next, **previous; /* in the owner's list */
	struct loop_timer timer;
	signer_cb sign_cb;
	signer_info_cb info_cb;
	void *ctx;
	struct signing_answer answer;
	struct signer_info info;
};

struct local {
	struct signer signer;
	struct loop *loop;
	struct seckey *key; /* owned, of guard_alloc */
	struct policy policy;
	struct sign_state *state;
	struct service service;
	struct job *jobs;
	uint32_t job_count;
};

static struct local *local_of(struct signer *s)
{
	return (struct local *)(void *)s;
}

static void job_unlink(struct job *job)
{
	*job->previous = job->next;
	if (job->next != NULL)
		job->next->previous = job->previous;
	job->owner->job_count--;
}

static void on_job(void *ctx)
{
	struct job *job = ctx;
	job_unlink(job); /* before the callback, which may destroy the signer */
	if (job->sign_cb != NULL)
		job->sign_cb(job->ctx, &job->answer);
	else
		job->info_cb(job->ctx, &job->info);
	free(job);
}

static enum err job_create(struct job **out, struct local *l)
{
	if (l->job_count == SIGNER_IN_FLIGHT_MAX)
		return ERR_FULL;
	struct job *job = calloc(1, sizeof *job);
	if (job == NULL)
		return ERR_FULL;
	job->owner = l;
	const enum err err = loop_timer_set(l->loop, &job->timer, 0, on_job, job);
	if (err != OK) {
		free(job);
		return err;
	}
	job->next = l->jobs;
	job->previous = &l->jobs;
	if (l->jobs != NULL)
		l->jobs->previous = &job->next;
	l->jobs = job;
	l->job_count++;
	*out = job;
	return OK;
}

static enum err local_hello(struct signer *s, uint64_t timeout_ms, signer_info_cb cb, void *ctx)
{
	struct local *l = local_of(s);
	struct job *job;
	(void)timeout_ms;
	TRY(job_create(&job, l));
	job->info_cb = cb;
	job->ctx = ctx;
	job->info.wallet = l->service.wallet.key;
	return OK;
}

static enum err local_sign(
	struct signer *s, struct slice request, uint64_t timeout_ms, signer_cb cb, void *ctx)
{
	struct local *l = local_of(s);
	struct job *job;
	(void)timeout_ms;
	TRY(job_create(&job, l));
	job->sign_cb = cb;
	job->ctx = ctx;
	service_sign(&l->service, &job->answer, request, loop_wall_ms(l->loop));
	return OK;
}

static void local_destroy(struct signer *s)
{
	struct local *l = local_of(s);
	while (l->jobs != NULL) {
		struct job *job = l->jobs;
		loop_timer_cancel(l->loop, &job->timer);
		job_unlink(job);
		free(job);
	}
	sign_state_destroy(l->state);
	guard_free(l->key, sizeof *l->key);
	free(l);
}

static const struct signer_ops local_ops = {
	.destroy = local_destroy, .hello = local_hello, .sign = local_sign};

enum err signer_local(struct signer **out, struct loop *loop, const struct seckey *wallet)
{
	struct local *l = calloc(1, sizeof *l);
	uint64_t seed;
	bool locked;
	enum err err = OK;

	if (l == NULL)
		return ERR_FULL;
	l->signer.ops = &local_ops;
	l->loop = loop;
	policy_open(&l->policy);
	l->key = guard_alloc(sizeof *l->key, &locked);
	if (l->key == NULL)
		err = ERR_FULL;
	else
		*l->key = *wallet;
	rand_bytes(&seed, sizeof seed);
	if (err == OK)
		err = sign_state_create(&l->state, seed);
	if (err == OK)
		err = service_init(&l->service, &l->policy, l->key, l->state, NULL);
	if (err != OK) {
		local_destroy(&l->signer);
		return err;
	}
	*out = &l->signer;
	return OK;
}
