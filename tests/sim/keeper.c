#include "keeper.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
#include "sign/signer_ops.h"
#include "world.h"

#define WAY_MIN_MS 1u /* of a request, or of an answer */
#define WAY_MAX_MS 40u
#define AGAIN_MS 500u /* until a lost connection is tried again */
#define RESTART_MS 5000u
#define UNSYNCED_MAX 4096u

/* A request on its way, there or back. */
struct job {
	struct line *line;
	struct job *next, **previous;
	struct loop_timer timer;
	uint64_t deadline_ms;
	signer_cb sign_cb;
	signer_info_cb info_cb;
	void *ctx;
	struct signing_answer answer;
	struct signer_info info;
	size_t len;
	uint8_t request[];
};

struct line {
	struct signer signer; /* first */
	struct keeper *keeper;
	struct job *jobs;
};

/* ---- the process ---- */

bool keeper_open(struct keeper *k, struct state_file **file, struct sign_state **state,
	struct file_sim *disk)
{
	struct state_file_error error = {.text = ""};
	const struct state_file_config config = {.dir = "signer",
		.ops = file_sim_ops(disk),
		.wallet = k->wallet,
		.now_ms = loop_wall_ms(k->w->loop),
		.retention_ms = k->policy.retention_days * POLICY_DAY_MS,
		.seed = k->w->seed};
	const enum err err = state_file_open(file, state, &error, &config);
	if (err != OK)
		world_wrong(k->w, "the signer refuses its own state file: %s: %s", err_name(err),
			error.text);
	return err == OK;
}

static void start(struct keeper *k)
{
	const bool open = keeper_open(k, &k->file, &k->state, k->disk);
	if (open && sign_state_session_count(k->state) < k->sessions)
		world_wrong(k->w, "the signer remembers %u of %u sessions that it answered",
			sign_state_session_count(k->state), k->sessions);
	if (open)
		CHECK(service_init(&k->service, &k->policy, &k->key, k->state, k->file) == OK);
	else
		k->file = NULL;
}

static void end(struct keeper *k)
{
	if (k->file == NULL)
		return;
	state_file_close(k->file);
	sign_state_destroy(k->service.state);
	k->file = NULL;
}

/* Each unsynced thing survives or not. */
static struct file_sim *cut(struct keeper *k)
{
	uint8_t survives[UNSYNCED_MAX];
	const size_t count = file_sim_unsynced(k->disk);
	CHECK(count <= sizeof survives);
	const unsigned chance = (unsigned)draw_between(&k->draw, 0, 1000);
	for (size_t i = 0; i < count; i++)
		survives[i] = draw_chance(&k->draw, chance);
	return file_sim_crash(k->disk, survives, count);
}

static void on_change(void *ctx)
{
	struct keeper *k = ctx;
	if (k->w->exhaust != NULL)
		exhaust_point(k->w->exhaust);
	if (k->cut_in == 0 || --k->cut_in > 0)
		return;
	k->after = cut(k);
}

void keeper_cut(struct keeper *k)
{
	if (k->after == NULL)
		k->after = cut(k);
	world_say(k->w, LANE_SIGNER, TRACE_FAULT, "loses its power");
	file_sim_on_change(k->disk, NULL, NULL);
	end(k);
	file_sim_destroy(k->disk);
	k->disk = k->after;
	k->after = NULL;
	k->cut_in = 0;
	k->crashes++;
	file_sim_on_change(k->disk, on_change, k);
	k->down_until_ms = loop_now_ms(k->w->loop) + RESTART_MS;
}

/* Running again, if it is time. */
static bool is_up(struct keeper *k)
{
	if (loop_now_ms(k->w->loop) < k->down_until_ms)
		return false;
	if (k->file == NULL)
		start(k);
	return k->file != NULL;
}

/* ---- requests ---- */

static void on_arrived(void *ctx);
static void on_answered(void *ctx);

static void unlink_job(struct job *j)
{
	*j->previous = j->next;
	if (j->next != NULL)
		j->next->previous = j->previous;
}

static void travel(struct job *j, uint64_t ms, loop_cb cb)
{
	CHECK(loop_timer_set(j->line->keeper->w->loop, &j->timer, ms, cb, j) == OK);
}

static uint64_t way(struct keeper *k)
{
	return draw_between(&k->draw, WAY_MIN_MS, WAY_MAX_MS);
}

static void try_again(struct job *j, enum err err)
{
	struct keeper *k = j->line->keeper;
	if (loop_now_ms(k->w->loop) + AGAIN_MS < j->deadline_ms) {
		travel(j, AGAIN_MS, on_arrived);
		return;
	}
	j->answer.err = j->info.err = err;
	(void)snprintf(j->answer.detail, sizeof j->answer.detail, "the signer does not answer");
	(void)snprintf(j->info.detail, sizeof j->info.detail, "the signer does not answer");
	travel(j, 1, on_answered);
}

/* An operator who refuses payouts and lock-ups for a while; claims and refunds he never does. */
static bool refuses(const struct keeper *k, const struct job *j)
{
	struct signing_request r;
	if (loop_now_ms(k->w->loop) >= k->refuse_until_ms ||
		signing_request_parse(&r, slice_of(j->request, j->len)) != OK)
		return false;
	return r.purpose == SIGN_PAYOUT || r.purpose == SIGN_LOCK;
}

static void sign(struct keeper *k, struct job *j)
{
	const struct slice request = slice_of(j->request, j->len);
	if (k->w->exhaust != NULL)
		exhaust_asked(k->w->exhaust, request);
	if (refuses(k, j)) {
		j->answer = (struct signing_answer){.err = ERR_DENIED, .detail = "not now"};
		return;
	}
	if (k->twice > 0) {
		k->twice--;
		service_sign(&k->service, &j->answer, request, loop_wall_ms(k->w->loop));
	}
	service_sign(&k->service, &j->answer, request, loop_wall_ms(k->w->loop));
	const struct hazard *h = k->w->plan.hazard;
	struct signing_request r;
	if (h != NULL && h->asked != NULL && j->answer.err == OK &&
		signing_request_parse(&r, request) == OK)
		h->asked(k->w, &r);
}

static void on_arrived(void *ctx)
{
	struct job *j = ctx;
	struct keeper *k = j->line->keeper;
	j->timer.id = 0;
	if (!is_up(k)) {
		try_again(j, ERR_UNAVAILABLE);
		return;
	}
	if (j->sign_cb != NULL) {
		sign(k, j);
		const enum err err = k->after == NULL ? service_commit(&k->service) : OK;
		if (k->after != NULL || err != OK) { /* no answer left it */
			keeper_cut(k);
			try_again(j, ERR_TIMEOUT);
			return;
		}
		k->answered++;
		k->sessions = sign_state_session_count(k->service.state);
		if (k->w->exhaust != NULL && j->answer.err == OK)
			exhaust_answered(k->w->exhaust, slice_of(j->request, j->len));
	} else {
		j->info = (struct signer_info){.wallet = k->wallet};
	}
	travel(j, way(k), on_answered);
}

static void on_answered(void *ctx)
{
	struct job *j = ctx;
	unlink_job(j);
	if (j->sign_cb != NULL)
		j->sign_cb(j->ctx, &j->answer);
	else
		j->info_cb(j->ctx, &j->info);
	free(j);
}

static struct job *job_make(struct signer *s, struct slice request, uint64_t timeout_ms)
{
	struct line *line = (struct line *)(void *)s;
	struct keeper *k = line->keeper;
	struct job *j = sim_alloc(sizeof *j + request.len);
	j->line = line;
	j->len = request.len;
	if (request.len > 0)
		memcpy(j->request, request.ptr, request.len);
	j->deadline_ms = loop_now_ms(k->w->loop) + timeout_ms;
	j->next = line->jobs;
	j->previous = &line->jobs;
	if (line->jobs != NULL)
		line->jobs->previous = &j->next;
	line->jobs = j;
	travel(j, way(k), on_arrived);
	return j;
}

static enum err line_hello(struct signer *s, uint64_t timeout_ms, signer_info_cb cb, void *ctx)
{
	struct job *j = job_make(s, slice_of(NULL, 0), timeout_ms);
	j->info_cb = cb;
	j->ctx = ctx;
	return OK;
}

static enum err line_sign(
	struct signer *s, struct slice request, uint64_t timeout_ms, signer_cb cb, void *ctx)
{
	struct job *j = job_make(s, request, timeout_ms);
	j->sign_cb = cb;
	j->ctx = ctx;
	return OK;
}

static void line_destroy(struct signer *s)
{
	struct line *line = (struct line *)(void *)s;
	while (line->jobs != NULL) {
		struct job *j = line->jobs;
		loop_timer_cancel(line->keeper->w->loop, &j->timer);
		unlink_job(j);
		free(j);
	}
	free(line);
}

static const struct signer_ops line_ops = {
	.destroy = line_destroy, .hello = line_hello, .sign = line_sign};

struct signer *keeper_line(struct keeper *k)
{
	struct line *line = sim_alloc(sizeof *line);
	line->signer.ops = &line_ops;
	line->keeper = k;
	return &line->signer;
}

/* ---- life ---- */

static const char policy_text[] = "bitcoin:\n"
				  "  network: regtest\n"
				  "  payout_max: 5\n"
				  "  lock_max: 5\n"
				  "  day_max: 1000\n"
				  "  lock_blocks_max: 2000\n"
				  "%s:\n"
				  "  network: regtest\n"
				  "  payout_max: 5\n"
				  "  lock_max: 5\n"
				  "  day_max: 1000\n"
				  "  contracts:\n"
				  "    - \"0x%s\"\n%s";

void keeper_init(struct keeper *k, struct world *w)
{
	struct policy_error error = {.text = ""};
	const enum layer_id other = nets_other(&w->nets);
	char text[1024], contract[41], token[41], tokens[80] = "";
	*k = (struct keeper){.w = w, .disk = file_sim_create()};
	draw_init(&k->draw, w->seed, "keeper", 0);
	memset(k->key.b, 0x22, sizeof k->key.b);
	CHECK(pubkey_from_seckey(&k->wallet, &k->key) == OK);
	hex_encode(contract, w->nets.contract.b, sizeof w->nets.contract.b);
	hex_encode(token, w->nets.token.b, sizeof w->nets.token.b);
	if (layer_gas_apart(other))
		(void)snprintf(tokens, sizeof tokens, "  token: \"0x%s\"\n", token);
	(void)snprintf(text, sizeof text, policy_text, layer_name(other), contract, tokens);
	if (policy_parse(&k->policy, &error, slice_str(text)) != OK) {
		(void)fprintf(stderr, "policy: %s\n", error.text);
		CHECK(false);
	}
	const struct file_ops *ops = file_sim_ops(k->disk);
	CHECK(ops->mkdir(ops->ctx, "signer") == OK);
	file_sim_settle(k->disk);
	file_sim_on_change(k->disk, on_change, k);
}

void keeper_fini(struct keeper *k)
{
	file_sim_on_change(k->disk, NULL, NULL);
	end(k);
	file_sim_destroy(k->disk);
	if (k->after != NULL)
		file_sim_destroy(k->after);
}
