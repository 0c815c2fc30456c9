#include "node/effect_runner.h"

#include "node/effect_plan.h"
#include "node/engine_internal.h"
#include "sys/kill.h"

#include <stdio.h>
#include <stdlib.h>

/* One kind of call for an effect: to the signer, or to a node. */
struct attempt {
	bool busy;
	uint32_t failures; /* in a row */
	uint64_t next_ms;  /* not before this monotonic time */
};

/* What this process is doing about an effect; by index in the ledger. While a replacement is being
 * signed, the bytes that there are go on being sent: the two don't wait for each other. */
struct effort {
	struct attempt sign, send;
	bool asked;            /* a signer was asked in this process */
	bool maybe_sent;       /* a node may have taken it in this process */
	uint32_t submitted;    /* variants that were answered by a node since the start */
	uint32_t told_variant; /* of the outcomes that were journaled: */
	uint8_t told, last_outcome;
};

#define OUTCOMES_TOLD_MAX 8u /* a node that changes its mind all the time fills no journal */
/* Business leaves so many calls to claims, refunds and what calls lock-ups off. */
#define EFFECT_RESCUE_CALLS (EFFECT_IN_FLIGHT_MAX / 4)

/* One call under way. */
struct flight {
	struct effect_runner *r;
	struct flight *next, **previous; /* of all that are */
	struct assembly *assembly;       /* borrows, while a worker has it */
	uint32_t effect;
	struct id128 id;
	bool send;         /* to a node; otherwise to the signer */
	uint32_t variant;  /* in the ledger */
	uint32_t numbered; /* what the signer calls it */
	struct amount fee;
	size_t request_len;
	uint8_t request[];
};

struct effect_runner {
	struct effect_runner_config config;
	struct effort *task;
	struct flight *flights; /* owned */
	uint32_t in_flight;
	uint64_t first_seq; /* of the ledger when this process began */
	uint8_t scratch[SIGNING_REQUEST_MAX];
};

enum err effect_runner_create(struct effect_runner **out, const struct effect_runner_config *config)
{
	struct effect_runner *r = calloc(1, sizeof *r);
	if (r == NULL)
		return ERR_FULL;
	r->config = *config;
	r->first_seq = engine_ledger(config->engine)->seq;
	r->task = calloc(engine_ledger(config->engine)->capacity.effects, sizeof *r->task);
	if (r->task == NULL) {
		free(r);
		return ERR_FULL;
	}
	*out = r;
	return OK;
}

static void free_flight(struct flight *g)
{
	*g->previous = g->next;
	if (g->next != NULL)
		g->next->previous = g->previous;
	bytes_wipe(g->request, g->request_len); /* a claim's request holds the preimage */
	free(g);
}

static void assembly_abandon(struct assembly *a);

static void forget_flight(struct flight *g)
{
	if (g->assembly != NULL)
		assembly_abandon(g->assembly);
	free_flight(g);
}

/* Signer and nodes call nobody back any more, and a worker's result is nobody's. */
void effect_runner_destroy(struct effect_runner *r)
{
	if (r == NULL)
		return;
	while (r->flights != NULL)
		forget_flight(r->flights);
	free(r->task);
	free(r);
}

uint32_t effect_runner_in_flight(const struct effect_runner *r)
{
	return r->in_flight;
}

static void back_off(struct effect_runner *r, struct attempt *a)
{
	const uint32_t shift = a->failures < 7 ? a->failures : 7;
	uint64_t wait = (uint64_t)EFFECT_RETRY_MIN_MS << shift;
	if (wait > EFFECT_RETRY_MAX_MS)
		wait = EFFECT_RETRY_MAX_MS;
	a->failures++;
	a->next_ms = loop_now_ms(r->config.loop) + wait;
}

/* Nothing failed, it may only not be done now: layers are behind for moments. */
static void look_again(struct effect_runner *r, struct attempt *a)
{
	a->next_ms = loop_now_ms(r->config.loop) + EFFECT_LOOK_MS;
}

static struct attempt *attempt_of(const struct flight *g)
{
	struct effort *t = &g->r->task[g->effect];
	return g->send ? &t->send : &t->sign;
}

static struct flight *take_off(struct effect_runner *r, const struct effect *f, bool send,
	uint32_t variant, struct slice request)
{
	struct flight *g = malloc(sizeof *g + request.len);
	if (g == NULL)
		return NULL;
	g->r = r;
	g->assembly = NULL;
	g->effect = (uint32_t)(f - engine_ledger(r->config.engine)->effect);
	g->id = f->id;
	g->send = send;
	g->variant = variant;
	g->numbered = variant + f->variant_base;
	g->request_len = request.len;
	if (request.len > 0)
		memcpy(g->request, request.ptr, request.len);
	g->next = r->flights;
	g->previous = &r->flights;
	if (g->next != NULL)
		g->next->previous = &g->next;
	r->flights = g;
	attempt_of(g)->busy = true;
	r->in_flight++;
	return g;
}

/* The effect of a flight that came back; NULL where the ledger gave it another name meanwhile. */
static struct effect *land(struct flight *g)
{
	attempt_of(g)->busy = false;
	g->r->in_flight--;
	return ledger_effect(engine_ledger(g->r->config.engine), &g->id);
}

/* ---- build and sign ---- */

static void give_up(
	struct effect_runner *r, const struct flight *g, enum err err, const char *detail)
{
	if (engine_build_failed(r->config.engine, loop_wall_ms(r->config.loop), &g->id, g->variant,
		    err, detail) != OK)
		back_off(r, &r->task[g->effect].sign);
}

/* Signatures into a transaction, by a worker: what is blinded takes tens of milliseconds. */
struct assembly {
	struct offload_job job;
	struct flight *flight; /* borrows; NULL: the runner is gone */
	struct pubkey wallet;
	struct signing_answer answer;
	enum err err;
	struct hash256 txid;
	size_t raw_len;
	uint8_t raw[SIGNING_TX_MAX];
	size_t request_len;
	uint8_t request[];
};

static void assembly_abandon(struct assembly *a)
{
	a->flight = NULL;
}

static void assembly_free(struct assembly *a)
{
	bytes_wipe(a->raw, a->raw_len);
	bytes_wipe(a->request, a->request_len);
	free(a);
}

static void assemble(struct offload_job *job, const struct parallel *parallel)
{
	struct assembly *a = (struct assembly *)(void *)job;
	struct buf raw = buf_init(a->raw, sizeof a->raw);
	struct signing_request request;
	(void)parallel;
	CHECK(signing_request_parse(&request, slice_of(a->request, a->request_len)) == OK);
	a->err = signing_assemble(&raw, &a->txid, &request, &a->answer, &a->wallet);
	a->raw_len = raw.len;
}

/* Called off meanwhile: what was signed never leaves. */
static bool is_stale(const struct flight *g, const struct effect *f)
{
	return f == NULL || f->variant_wanted != g->variant ||
		f->variant_wanted + f->variant_base != g->numbered;
}

static void assembled(struct flight *g, const struct assembly *a)
{
	struct effect_runner *r = g->r;
	struct attempt *t = &r->task[g->effect].sign;
	const struct effect *f = land(g);

	if (!is_stale(g, f) && a->err != OK) {
		/* a signer that answers nonsense is not believed twice in a hurry */
		back_off(r, t);
	} else if (!is_stale(g, f)) {
		t->failures = 0;
		t->next_ms = 0;
		if (engine_prepared(r->config.engine, loop_wall_ms(r->config.loop), &g->id,
			    g->variant, &a->txid, g->fee, slice_of(a->raw, a->raw_len)) != OK)
			back_off(r, t);
	}
	free_flight(g);
}

static void on_assembled(struct offload_job *job, enum err err)
{
	struct assembly *a = (struct assembly *)(void *)job;
	if (err != OK)
		a->err = err;
	if (a->flight != NULL)
		assembled(a->flight, a);
	assembly_free(a);
}

/* Whatever the signer answered is checked against the request. ERR_FULL: nobody can do it now. */
static enum err assembly_begin(struct flight *g, const struct signing_answer *answer)
{
	struct assembly *a = malloc(sizeof *a + g->request_len);
	if (a == NULL)
		return ERR_FULL;
	a->job = (struct offload_job){.run = assemble, .done = on_assembled};
	a->flight = g;
	a->wallet = engine_ledger(g->r->config.engine)->params.wallet;
	a->answer = *answer;
	a->err = ERR_CANCELLED;
	a->raw_len = 0;
	a->request_len = g->request_len;
	memcpy(a->request, g->request, g->request_len);
	g->assembly = a;
	const enum err err = offload_submit(g->r->config.offload, &a->job);
	if (err != OK) {
		g->assembly = NULL;
		assembly_free(a);
	}
	return err;
}

/* The signer will not sign. Where it has signed something else under this name, that may be in
 * somebody's hands: the coins are not given to another effect, they are spent to ourselves under
 * the same name. */
static void on_refused(
	struct flight *g, const struct effect *f, const struct signing_answer *answer)
{
	struct effect_runner *r = g->r;
	const bool coins = layer_family(f->layer) == FAMILY_UTXO && f->coin_count > 0;
	if (answer->err != ERR_EXISTS || !coins || f->variant_count > 0 || f->called_off)
		give_up(r, g, answer->err, answer->detail);
	else if (engine_call_off(r->config.engine, loop_wall_ms(r->config.loop), &g->id) != OK)
		back_off(r, &r->task[g->effect].sign);
}

static void on_signed(void *ctx, const struct signing_answer *answer)
{
	struct flight *g = ctx;
	struct effect_runner *r = g->r;
	struct attempt *t = &r->task[g->effect].sign;

	if (answer->err == OK && assembly_begin(g, answer) == OK)
		return;
	const struct effect *f = land(g);
	if (is_stale(g, f)) {
		/* nobody waits for it */
	} else if (answer->err == ERR_DENIED || answer->err == ERR_FORMAT ||
		answer->err == ERR_EXISTS || answer->err == ERR_RANGE) {
		on_refused(g, f, answer);
	} else {
		back_off(r, t);
	}
	free_flight(g);
}

/* A lock-up that became unsafe before anything was signed. Coins that a signer may have signed for
 * must not be given to another effect: they are spent to ourselves under the same name. */
static void give_up_lock(struct effect_runner *r, const struct effect *f)
{
	const uint64_t now = loop_wall_ms(r->config.loop);
	const struct effort *t = &r->task[f - engine_ledger(r->config.engine)->effect];
	const bool maybe_signed = t->asked || f->intent_seq <= r->first_seq;
	enum err err;
	if (maybe_signed && layer_family(f->layer) == FAMILY_UTXO)
		err = engine_call_off(r->config.engine, now, &f->id);
	else
		err = engine_build_failed(r->config.engine, now, &f->id, f->variant_wanted,
			ERR_STATE, "the lock-up would no longer be safe");
	if (err != OK)
		back_off(r, &r->task[f - engine_ledger(r->config.engine)->effect].sign);
}

/* A command needs no signature: it is ready when its bytes are. */
static void prepare_command(
	struct effect_runner *r, const struct effect *f, struct amount fee, struct slice command)
{
	struct ln_command c;
	struct hash256 id;
	enum err err = ln_command_decode(&c, command);
	if (err == OK) {
		ln_command_id(&id, c.kind, &c.hash);
		err = engine_prepared(r->config.engine, loop_wall_ms(r->config.loop), &f->id,
			f->variant_wanted, &id, fee, command);
		bytes_wipe(&c, sizeof c);
	}
	if (err != OK)
		back_off(r, &r->task[f - engine_ledger(r->config.engine)->effect].sign);
}

static void build_command(struct effect_runner *r, const struct effect *f)
{
	const struct ledger *l = engine_ledger(r->config.engine);
	struct buf command = buf_init(r->scratch, sizeof r->scratch);
	struct amount fee;

	const enum err err = effect_request(&command, &fee, l, f);
	if (err == OK)
		prepare_command(r, f, fee, buf_slice(&command));
	else if (engine_build_failed(r->config.engine, loop_wall_ms(r->config.loop), &f->id,
			 f->variant_wanted, err, "the command can't be built") != OK)
		back_off(r, &r->task[f - l->effect].sign);
	bytes_wipe(r->scratch, command.len);
}

static void build(struct effect_runner *r, const struct effect *f)
{
	const struct ledger *l = engine_ledger(r->config.engine);
	struct buf request = buf_init(r->scratch, sizeof r->scratch);
	struct effort *t = &r->task[f - l->effect];
	struct amount fee;

	const enum err err = effect_request(&request, &fee, l, f);
	struct flight *g = take_off(r, f, false, f->variant_wanted, buf_slice(&request));
	bytes_wipe(r->scratch, request.len);
	if (g == NULL)
		return;
	if (err != OK) {
		(void)land(g);
		give_up(r, g, err, "the plan can't be built");
		free_flight(g);
		return;
	}
	g->fee = fee;
	t->asked = true;
	if (signer_sign(r->config.signer, slice_of(g->request, g->request_len),
		    r->config.signer_timeout_ms, on_signed, g) != OK) {
		(void)land(g);
		back_off(r, &t->sign);
		free_flight(g);
	}
}

/* The id of what somebody else is to sign, and its fee. */
static enum err external_id(
	struct effect_runner *r, struct hash256 *txid, struct amount *fee, const struct effect *f)
{
	const struct ledger *l = engine_ledger(r->config.engine);
	struct signing_request request;
	struct sweep sweep;
	struct buf raw = buf_init(r->scratch, sizeof r->scratch);
	if (!effect_sweeps(l, f))
		return effect_external_request(&request, txid, fee, r->scratch, l, f);
	effect_sweep(&sweep, l, f);
	*fee = amount_from_sat(sweep.fee);
	return sweep_tx(&raw, txid, &sweep);
}

/* Nobody is asked: what is to be signed becomes known by its id, and waits. */
static void prepare_external(struct effect_runner *r, const struct effect *f)
{
	const struct ledger *l = engine_ledger(r->config.engine);
	const uint64_t now = loop_wall_ms(r->config.loop);
	const struct id128 id = f->id;
	const uint32_t variant = f->variant_wanted;
	struct attempt *a = &r->task[f - l->effect].sign;
	struct hash256 txid;
	struct amount fee;
	enum err err = external_id(r, &txid, &fee, f);
	if (err == OK)
		err = engine_prepared(
			r->config.engine, now, &id, variant, &txid, fee, slice_of(NULL, 0));
	else
		err = engine_build_failed(
			r->config.engine, now, &id, variant, err, "the plan can't be built");
	if (err != OK)
		back_off(r, a);
}

/* Before the first variant of an effect is signed, and before it is first sent. A lock-up whose
 * spends would not be seen is no lock-up of ours to make. */
static enum send_verdict may_send(const struct effect_runner *r, const struct effect *f)
{
	const enum send_verdict v = engine_may_send(r->config.engine, f);
	if (v == SEND_GO && f->purpose == SIGN_LOCK && !f->called_off && f->swap != INDEX_NONE &&
		!watch_has_dest(r->config.watch, f->swap))
		return SEND_WAIT;
	return v;
}

static void try_build(struct effect_runner *r, const struct effect *f)
{
	switch (f->variant_count > 0 ? SEND_GO : may_send(r, f)) {
	case SEND_GO:
		if (layer_family(f->layer) == FAMILY_CHANNEL)
			build_command(r, f);
		else if (effect_external(engine_ledger(r->config.engine), f))
			prepare_external(r, f);
		else
			build(r, f);
		return;
	case SEND_WAIT:
		look_again(r, &r->task[f - engine_ledger(r->config.engine)->effect].sign);
		return;
	case SEND_UNSAFE: give_up_lock(r, f); return;
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

/* CHANNEL: no node has taken this payment: it was made ready by this process, and every answer was
 * a no, which a node says where it has no such payment (SUBMIT_REJECTED). */
static bool never_sent(const struct effect_runner *r, const struct effect *f)
{
	const struct effort *t = &r->task[f - engine_ledger(r->config.engine)->effect];
	return layer_family(f->layer) == FAMILY_CHANNEL &&
		(f->purpose == SIGN_LOCK || f->purpose == SIGN_PAYOUT) && !f->submitted &&
		!t->maybe_sent && !t->send.busy && f->variant[0].seq > r->first_seq;
}

/* What was not sent has failed, and is not sent any more. */
static void give_up_payment(struct effect_runner *r, const struct effect *f)
{
	const struct ledger *l = engine_ledger(r->config.engine);
	struct chain_event e = {.kind = CHAIN_LOCK_SPENT,
		.tx = f->variant[0].txid,
		.amount = amount_zero(f->value.asset),
		.spend = LOCK_SPEND_REFUND};
	if (f->swap != INDEX_NONE) {
		e.swap = l->swap[f->swap].id;
		e.at.tx = l->swap[f->swap].hash;
	} else {
		e.at.tx = l->transfer[f->transfer].hash;
	}
	if (engine_fact(r->config.engine, loop_wall_ms(r->config.loop), f->layer, &e) != OK)
		back_off(r, &r->task[f - l->effect].send);
}

static void on_submitted(void *ctx, const struct submit_answer *answer)
{
	struct flight *g = ctx;
	struct effect_runner *r = g->r;
	struct engine *e = r->config.engine;
	struct effort *t = &r->task[g->effect];
	const struct effect *f = land(g);

	if (f == NULL || g->variant >= f->variant_count)
		goto out;
	const uint64_t seq = f->variant[g->variant].seq;
	kill_point_reached(seq, KILL_EFFECT_SENT);
	const bool there = answer->outcome == SUBMIT_ACCEPTED || answer->outcome == SUBMIT_KNOWN;
	t->maybe_sent = t->maybe_sent || answer->outcome != SUBMIT_REJECTED;
	if (g->variant != t->told_variant)
		t->told = 0;
	/* the same answer again is no news */
	const bool news = t->told == 0 || (there && !f->submitted) ||
		(answer->outcome != t->last_outcome && t->told < OUTCOMES_TOLD_MAX);
	if (there) {
		t->submitted = g->variant + 1;
		t->send.failures = 0;
		t->send.next_ms = loop_now_ms(r->config.loop) + r->config.resubmit_ms;
	} else {
		back_off(r, &t->send);
	}
	if (news && (answer->outcome != SUBMIT_UNKNOWN || MUTANT(UNKNOWN_IS_FAILED)) &&
		f->state == EFFECT_PREPARED &&
		engine_submitted(e, loop_wall_ms(r->config.loop), &g->id, g->variant,
			(uint8_t)answer->outcome, answer->detail) == OK) {
		t->told_variant = g->variant;
		t->last_outcome = (uint8_t)answer->outcome;
		t->told++;
		(void)!engine_when_durable(
			e, engine_ledger(e)->seq, on_recorded, (void *)(uintptr_t)seq);
	}
	if (answer->outcome == SUBMIT_REJECTED && f->state == EFFECT_PREPARED && never_sent(r, f))
		give_up_payment(r, f);
out:
	free_flight(g);
}

static void submit(struct effect_runner *r, const struct effect *f)
{
	static _Thread_local uint8_t storage[SIGNING_TX_MAX];
	const struct ledger *l = engine_ledger(r->config.engine);
	const uint32_t variant = f->variant_count - 1;
	struct buf raw = buf_init(storage, sizeof storage);
	struct effort *t = &r->task[f - l->effect];

	/* what no node ever saw is not sent while it should not be; the engine calls it off where
	 * that can't change any more */
	const enum send_verdict v = !f->submitted && t->submitted == 0 ? may_send(r, f) : SEND_GO;
	if (v == SEND_UNSAFE && never_sent(r, f)) {
		give_up_payment(r, f);
		return;
	}
	if (v != SEND_GO) {
		look_again(r, &t->send);
		return;
	}
	if (!ledger_raw(l, &f->variant[variant], &raw)) {
		back_off(r, &t->send);
		return;
	}
	struct flight *g = take_off(r, f, true, variant, (struct slice){NULL, 0});
	if (g != NULL &&
		layer_submit(r->config.layer[f->layer], buf_slice(&raw), on_submitted, g) != OK) {
		(void)land(g);
		back_off(r, &t->send);
		free_flight(g);
	}
	bytes_wipe(storage, raw.len);
}

/* ---- all ---- */

/* Due now? If not, *next_ms is when. */
static bool due(const struct attempt *a, uint64_t now, uint64_t *next_ms)
{
	if (a->busy)
		return false;
	if (now >= a->next_ms)
		return true;
	if (a->next_ms < *next_ms)
		*next_ms = a->next_ms;
	return false;
}

static bool is_rescue(const struct effect *f)
{
	return f->purpose == SIGN_CLAIM || f->purpose == SIGN_REFUND || f->called_off ||
		f->purpose == SIGN_CANCEL || f->purpose == SIGN_NONCE_FILL;
}

static void run_effect(struct effect_runner *r, uint32_t index, uint64_t now, uint64_t *next_ms)
{
	const uint64_t durable = journal_durable(r->config.journal);
	const struct ledger *l = engine_ledger(r->config.engine);
	const struct effect *f = &l->effect[index];
	struct effort *t = &r->task[index];

	if (MUTANT(EFFECTS_FORGOTTEN) && f->intent_seq <= r->first_seq)
		return;
	if (f->state == EFFECT_CONFIRMED || r->config.layer[f->layer] == NULL ||
		r->in_flight + (is_rescue(f) ? 0 : EFFECT_RESCUE_CALLS) >= EFFECT_IN_FLIGHT_MAX)
		return;
	if (f->variant_wanted == f->variant_count && f->variant_count < EFFECT_VARIANTS_MAX &&
		f->intent_seq <= durable && due(&t->sign, now, next_ms))
		try_build(r, f);
	/* giving up may have ended it; new bytes don't wait until the old ones are sent again */
	if (f->state != EFFECT_PREPARED || f->variant_count == 0 ||
		f->variant[f->variant_count - 1].seq > durable ||
		(MUTANT(SENT_ONCE) && f->submitted))
		return;
	if (effect_external(l, f) && !variant_signed(&f->variant[f->variant_count - 1]))
		return; /* not signed yet */
	if (t->submitted > 0 && t->submitted < f->variant_count && t->send.failures == 0)
		t->send.next_ms = 0;
	if (due(&t->send, now, next_ms))
		submit(r, f);
}

void effect_runner_run(struct effect_runner *r, uint64_t *next_ms)
{
	const struct ledger *l = engine_ledger(r->config.engine);
	const uint64_t now = loop_now_ms(r->config.loop);

	*next_ms = UINT64_MAX;
	for (uint32_t i = 0; i < l->open_effect_count && engine_ok(r->config.engine); i++)
		run_effect(r, l->open_effect[i], now, next_ms);
}
