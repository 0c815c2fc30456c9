#include "node/executor.h"

#include "node/engine_internal.h"
#include "sys/kill.h"

#include <stdio.h>
#include <stdlib.h>

/* What this process is doing about an effect; by index in the ledger. */
struct task {
	bool busy;
	bool asked;           /* a signer was asked in this process */
	uint32_t failures;    /* in a row */
	uint64_t next_ms;     /* not before this monotonic time */
	uint32_t submitted;   /* variants that were answered by a node since the start */
	uint8_t last_outcome; /* journaled */
};

/* One call under way: to the signer or to a node. */
struct flight {
	struct executor *x;
	uint32_t effect;
	struct id128 id;
	uint32_t variant;
	struct amount fee;
	size_t request_len;
	uint8_t request[];
};

struct executor {
	struct executor_config config;
	struct task *task;
	uint32_t in_flight;
	uint64_t first_seq; /* of the ledger when this process began */
	uint8_t scratch[SIGNING_REQUEST_MAX];
};

enum err executor_create(struct executor **out, const struct executor_config *config)
{
	struct executor *x = calloc(1, sizeof *x);
	if (x == NULL)
		return ERR_FULL;
	x->config = *config;
	x->first_seq = engine_ledger(config->engine)->seq;
	x->task = calloc(engine_ledger(config->engine)->capacity.effects, sizeof *x->task);
	if (x->task == NULL) {
		free(x);
		return ERR_FULL;
	}
	*out = x;
	return OK;
}

void executor_destroy(struct executor *x)
{
	if (x == NULL)
		return;
	free(x->task);
	free(x);
}

uint32_t executor_in_flight(const struct executor *x)
{
	return x->in_flight;
}

static void back_off(struct executor *x, struct task *t)
{
	const uint32_t shift = t->failures < 7 ? t->failures : 7;
	uint64_t wait = (uint64_t)EXECUTOR_RETRY_MIN_MS << shift;
	if (wait > EXECUTOR_RETRY_MAX_MS)
		wait = EXECUTOR_RETRY_MAX_MS;
	t->failures++;
	t->next_ms = loop_now_ms(x->config.loop) + wait;
}

static struct flight *take_off(
	struct executor *x, const struct effect *f, uint32_t variant, struct slice request)
{
	struct flight *g = malloc(sizeof *g + request.len);
	if (g == NULL)
		return NULL;
	g->x = x;
	g->effect = (uint32_t)(f - engine_ledger(x->config.engine)->effect);
	g->id = f->id;
	g->variant = variant;
	g->request_len = request.len;
	if (request.len > 0)
		memcpy(g->request, request.ptr, request.len);
	x->task[g->effect].busy = true;
	x->in_flight++;
	return g;
}

/* The effect of a flight that came back; NULL where the ledger gave it another name meanwhile. */
static struct effect *land(struct flight *g)
{
	g->x->task[g->effect].busy = false;
	g->x->in_flight--;
	struct effect *f = ledger_effect(engine_ledger(g->x->config.engine), &g->id);
	return f;
}

static void free_flight(struct flight *g)
{
	bytes_wipe(g->request, g->request_len); /* a claim's request holds the preimage */
	free(g);
}

/* ---- build and sign ---- */

static void make_plan(const struct ledger *l, const struct effect *f, struct layer_plan *p)
{
	const bool call_off = f->called_off && f->variant_wanted >= f->call_off_from;
	*p = (struct layer_plan){.session = f->id,
		.variant = f->variant_wanted + f->variant_base,
		.purpose = call_off ? SIGN_NONCE_FILL : f->purpose,
		/* as journaled: the same request after a restart, so that the signer knows it again
		 */
		.tip_height = f->last_variant_height,
		.coin_count = f->coin_count,
		.fee = f->fee,
		.rate = f->rate,
		.nonce = f->nonce,
		.gas_limit = f->gas_limit,
		.lock = f->lock,
		.amount = call_off ? amount_zero(f->value.asset) : f->value};
	for (uint32_t i = 0; i < f->coin_count; i++) {
		const struct coin *c = &l->coin[f->coin[i]];
		p->coin[i] = (struct btc_coin){
			.at = c->at, .value = c->value, .key_index = c->key_index};
	}
	if (f->swap != INDEX_NONE && !call_off) {
		const struct swap *s = &l->swap[f->swap];
		const struct leg *leg = f->purpose == SIGN_CLAIM ? &s->source : &s->dest;
		p->swap = s->id;
		p->leg = slice_of(leg->terms, leg->terms_len);
		if (f->purpose == SIGN_CLAIM)
			p->preimage = s->preimage;
	}
	if (f->transfer != INDEX_NONE) {
		const struct transfer *t = &l->transfer[f->transfer];
		p->to = slice_of(t->destination, t->destination_len);
	}
}

static void give_up(struct executor *x, const struct flight *g, enum err err, const char *detail)
{
	if (engine_build_failed(x->config.engine, loop_wall_ms(x->config.loop), &g->id, g->variant,
		    err, detail) != OK)
		back_off(x, &x->task[g->effect]);
}

static void on_signed(void *ctx, const struct signing_answer *answer)
{
	static _Thread_local uint8_t storage[SIGNING_TX_MAX];
	struct flight *g = ctx;
	struct executor *x = g->x;
	struct task *t = &x->task[g->effect];
	const struct ledger *l = engine_ledger(x->config.engine);
	const struct effect *f = land(g);
	struct buf raw = buf_init(storage, sizeof storage);
	struct signing_request request;
	struct hash256 txid;

	if (f == NULL || f->variant_wanted != g->variant)
		goto out;
	if (answer->err == ERR_DENIED || answer->err == ERR_FORMAT || answer->err == ERR_EXISTS ||
		answer->err == ERR_RANGE) {
		give_up(x, g, answer->err, answer->detail);
		goto out;
	}
	if (answer->err != OK) {
		back_off(x, t);
		goto out;
	}
	CHECK(signing_request_parse(&request, slice_of(g->request, g->request_len)) == OK);
	if (signing_assemble(&raw, &txid, &request, answer, &l->params.wallet) != OK) {
		/* a signer that answers nonsense is not believed twice in a hurry */
		back_off(x, t);
		goto out;
	}
	t->failures = 0;
	t->next_ms = 0;
	if (engine_prepared(x->config.engine, loop_wall_ms(x->config.loop), &g->id, g->variant,
		    &txid, g->fee, buf_slice(&raw)) != OK)
		back_off(x, t);
	bytes_wipe(storage, raw.len);
out:
	free_flight(g);
}

static void build(struct executor *x, const struct effect *f)
{
	const struct ledger *l = engine_ledger(x->config.engine);
	struct buf request = buf_init(x->scratch, sizeof x->scratch);
	struct layer_plan plan;
	struct amount fee;

	make_plan(l, f, &plan);
	enum err err = OK;
	const char *detail = "the plan can't be built";
	struct task *t = &x->task[f - l->effect];
	/* Coins that a signer may have signed for must not be given to another effect: a lock-up
	 * that became unsafe is given up only where that can't be, or where its nonce is filled.
	 * What is signed all the same is not sent (see submit). */
	const bool maybe_signed = t->asked || f->intent_seq <= x->first_seq;
	if (f->variant_count == 0 && !engine_lock_safe(x->config.engine, f) &&
		(!maybe_signed || layer_family(f->layer) == FAMILY_ACCOUNT)) {
		err = ERR_STATE;
		detail = "the lock-up would no longer be safe";
	}
	if (err == OK)
		err = layer_build(&request, &fee, f->layer, l->params.layer[f->layer].network,
			&l->params.wallet, &plan);
	bytes_wipe(&plan.preimage, sizeof plan.preimage);
	struct flight *g = take_off(x, f, f->variant_wanted, buf_slice(&request));
	bytes_wipe(x->scratch, request.len);
	if (g == NULL)
		return;
	if (err != OK) {
		(void)land(g);
		give_up(x, g, err, detail);
		free_flight(g);
		return;
	}
	g->fee = fee;
	t->asked = true;
	if (signer_sign(x->config.signer, slice_of(g->request, g->request_len),
		    x->config.signer_timeout_ms, on_signed, g) != OK) {
		(void)land(g);
		back_off(x, t);
		free_flight(g);
	}
}

/* ---- submit ---- */

static void on_recorded(void *ctx, enum err err)
{
	/* the sequence of the variant travels in the pointer: nothing to free, nothing to look up
	 */
	if (err == OK)
		kill_point_reached((uint64_t)(uintptr_t)ctx, KILL_OBSERVED);
}

static void on_submitted(void *ctx, const struct submit_answer *answer)
{
	struct flight *g = ctx;
	struct executor *x = g->x;
	struct engine *e = x->config.engine;
	struct task *t = &x->task[g->effect];
	const struct effect *f = land(g);

	if (f == NULL || g->variant >= f->variant_count)
		goto out;
	const uint64_t seq = f->variant[g->variant].seq;
	kill_point_reached(seq, KILL_EFFECT_SENT);
	const bool there = answer->outcome == SUBMIT_ACCEPTED || answer->outcome == SUBMIT_KNOWN;
	/* the same answer again is no news */
	const bool news = g->variant >= t->submitted || answer->outcome != t->last_outcome;
	if (there) {
		t->submitted = g->variant + 1;
		t->failures = 0;
		t->next_ms = loop_now_ms(x->config.loop) + x->config.resubmit_ms;
	} else {
		back_off(x, t);
	}
	if (news && answer->outcome != SUBMIT_UNKNOWN && f->state == EFFECT_PREPARED) {
		if (engine_submitted(e, loop_wall_ms(x->config.loop), &g->id, g->variant,
			    (uint8_t)answer->outcome, answer->detail) == OK) {
			t->last_outcome = (uint8_t)answer->outcome;
			(void)!engine_when_durable(
				e, engine_ledger(e)->seq, on_recorded, (void *)(uintptr_t)seq);
		}
	}
out:
	free_flight(g);
}

static void submit(struct executor *x, const struct effect *f)
{
	static _Thread_local uint8_t storage[SIGNING_TX_MAX];
	const struct ledger *l = engine_ledger(x->config.engine);
	const uint32_t variant = f->variant_count - 1;
	struct buf raw = buf_init(storage, sizeof storage);
	struct task *t = &x->task[f - l->effect];

	/* a lock-up that no node ever saw, and that became unsafe meanwhile, is not sent */
	if (!f->submitted && t->submitted == 0 && !engine_lock_safe(x->config.engine, f)) {
		back_off(x, t);
		return;
	}
	if (!ledger_raw(l, &f->variant[variant], &raw))
		return;
	struct flight *g = take_off(x, f, variant, (struct slice){NULL, 0});
	if (g == NULL)
		return;
	if (layer_submit(x->config.layer[f->layer], buf_slice(&raw), on_submitted, g) != OK) {
		(void)land(g);
		back_off(x, t);
		free_flight(g);
	}
	bytes_wipe(storage, raw.len);
}

/* ---- all ---- */

void executor_run(struct executor *x, uint64_t *next_ms)
{
	const struct ledger *l = engine_ledger(x->config.engine);
	const uint64_t now = loop_now_ms(x->config.loop);
	const uint64_t durable = journal_durable(x->config.journal);

	*next_ms = UINT64_MAX;
	if (!engine_ok(x->config.engine))
		return;
	for (uint32_t i = 0; i < l->open_effect_count; i++) {
		const struct effect *f = &l->effect[l->open_effect[i]];
		struct task *t = &x->task[l->open_effect[i]];
		const bool wants_build = f->state == EFFECT_INTENT ||
			(f->state == EFFECT_PREPARED && f->variant_wanted == f->variant_count);
		if (t->busy || f->state == EFFECT_CONFIRMED || x->config.layer[f->layer] == NULL)
			continue;
		const bool new_bytes = !wants_build && t->submitted < f->variant_count &&
			t->failures == 0;
		if (now < t->next_ms && !new_bytes) {
			if (t->next_ms < *next_ms)
				*next_ms = t->next_ms;
			if (!wants_build || t->failures > 0)
				continue;
		}
		if (x->in_flight >= EXECUTOR_IN_FLIGHT_MAX)
			return;
		if (wants_build && f->intent_seq <= durable)
			build(x, f);
		else if (!wants_build && f->variant[f->variant_count - 1].seq <= durable)
			submit(x, f);
	}
}
