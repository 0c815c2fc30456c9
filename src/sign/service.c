#include "sign/service.h"

#include <stdio.h>

#include "base/mutant.h"

#define SERVICE_FORGET_MS 3600000u

enum err service_init(struct service *s, const struct policy *policy, const struct seckey *key,
	struct sign_state *state, struct state_file *file)
{
	struct pubkey public;

	*s = (struct service){.policy = policy, .key = key, .state = state, .file = file};
	TRY(pubkey_from_seckey(&public, key));
	return sign_wallet_init(&s->wallet, &public);
}

static enum err answer_error(struct signing_answer *out, enum err err, const char *detail)
{
	*out = (struct signing_answer){.err = err};
	(void)snprintf(out->detail, sizeof out->detail, "%s", detail);
	return err;
}

/* Room in memory first, then on disk, and only then remembered: a record that cannot be kept must
 * not look known when it is asked for again. */
static enum err remember(struct service *s)
{
	const struct sign_record *record = &s->task.record;

	TRY(sign_state_reserve(s->state, record));
	if (s->file != NULL) {
		enum err err = state_file_append(s->file, record);
		if (err == ERR_FULL) { /* the stage is: write it, then there is room */
			TRY(service_commit(s));
			err = state_file_append(s->file, record);
		}
		TRY(err);
	}
	CHECK(sign_state_apply(s->state, record) == OK);
	return OK;
}

/* What is full may hold what has been silent for the retention time. It takes as long as a start,
 * so not with every request. */
static enum err make_room(struct service *s, uint64_t now_ms)
{
	if (s->file == NULL || now_ms < s->forget_again_ms)
		return ERR_FULL;
	s->forget_again_ms = now_ms + SERVICE_FORGET_MS;
	TRY(service_commit(s));
	const uint32_t before = sign_state_session_count(s->state);
	TRY(state_file_forget(s->file, &s->state, now_ms));
	s->stat.forgotten += before - sign_state_session_count(s->state);
	return OK;
}

static enum err decide(
	struct service *s, struct signing_answer *out, struct slice request, uint64_t now_ms)
{
	struct check_answer answer;
	enum err err = OK;

	/* once more after room was made: what was forgotten may change the answer */
	for (unsigned attempt = 0; attempt < 2; attempt++) {
		if (check_request(&s->task, &answer, request, s->policy, s->state, &s->wallet,
			    now_ms) != OK)
			return answer_error(out, answer.err, answer.detail);
		err = s->task.repeat ? OK : remember(s);
		if (err != ERR_FULL || attempt > 0 || make_room(s, now_ms) != OK)
			break;
	}
	if (err == ERR_FULL)
		return answer_error(out, ERR_UNAVAILABLE, "the signer's memory is full");
	if (err != OK)
		return answer_error(out, ERR_UNAVAILABLE, err_name(err));
	if (sign_task_run(out, &s->task, s->key) != OK)
		return answer_error(out, ERR_UNAVAILABLE, "the key makes no signature");
	return OK;
}

void service_sign(
	struct service *s, struct signing_answer *out, struct slice request, uint64_t now_ms)
{
	const enum err err = decide(s, out, request, now_ms);
	uint64_t *count = &s->stat.failed;

	if (err == OK)
		count = s->task.repeat ? &s->stat.repeated : &s->stat.signed_new;
	else if (err == ERR_DENIED || err == ERR_EXISTS)
		count = &s->stat.denied;
	*count += 1;
	s->stat.requests++;
}

enum err service_commit(struct service *s)
{
	if (s->file != NULL && s->committed < s->stat.requests && !MUTANT(SIGNER_ANSWERS_EARLY))
		TRY(state_file_commit(s->file, s->committed + 1, s->stat.requests));
	s->committed = s->stat.requests;
	return OK;
}
