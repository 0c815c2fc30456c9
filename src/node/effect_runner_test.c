/* What leaves, and when: nothing before its record is durable, and after a restart the same bytes.
 * The journal syncs when the test says so; the signer is the real one, in this process; the node
 * remembers what it was sent. */
#include "layer/adapter.h"
#include "node/effect_runner.h"
#include "node/engine_world_test.h"
#include "sign/signer_ops.h"

#define STEPS_MAX 1000u
#define RAW_MAX 4096u

/* Counts the requests and hands them on. */
struct counting_signer {
	struct signer signer;
	struct signer *inner;
	unsigned asked;
};

static enum err count_sign(
	struct signer *s, struct slice request, uint64_t timeout_ms, signer_cb cb, void *ctx)
{
	struct counting_signer *c = (struct counting_signer *)s;
	c->asked++;
	return signer_sign(c->inner, request, timeout_ms, cb, ctx);
}
static const struct signer_ops counting = {.sign = count_sign};

/* A node that keeps what it is sent, and answers when it is told to. */
struct silent_node {
	struct layer layer;
	uint8_t raw[RAW_MAX];
	size_t raw_len;
	unsigned sent;
	layer_submit_cb cb;
	void *ctx;
};

static enum err keep_raw(struct layer *layer, struct slice raw, layer_submit_cb cb, void *ctx)
{
	struct silent_node *n = (struct silent_node *)layer;
	CHECK(raw.len <= RAW_MAX && n->cb == NULL);
	CHECK(n->sent == 0 || slice_eq(raw, slice_of(n->raw, n->raw_len)));
	memcpy(n->raw, raw.ptr, raw.len);
	n->raw_len = raw.len;
	n->sent++;
	n->cb = cb;
	n->ctx = ctx;
	return OK;
}
static const struct layer_ops silent = {.submit = keep_raw};

static void answer(struct silent_node *n, enum submit_outcome outcome)
{
	const struct submit_answer a = {.outcome = outcome};
	const layer_submit_cb cb = n->cb;
	CHECK(cb != NULL);
	n->cb = NULL;
	cb(n->ctx, &a);
}

struct rig {
	struct world w;
	struct loop *loop;
	struct counting_signer signer;
	struct silent_node node;
	struct layer *layer[LAYER_COUNT];
	struct effect_runner *runner;
};

static void begin_runner(struct rig *r)
{
	const struct effect_runner_config config = {.loop = r->loop,
		.engine = r->w.engine,
		.journal = r->w.journal,
		.signer = &r->signer.signer,
		.layer = r->layer,
		.signer_timeout_ms = 10000,
		.resubmit_ms = 10000};
	CHECK(effect_runner_create(&r->runner, &config) == OK);
}

static void begin(struct rig *r)
{
	const struct loop_config loop = {0};
	*r = (struct rig){.signer = {.signer = {&counting}}, .node = {.layer = {.ops = &silent}}};
	world_begin(&r->w);
	engine_flush(r->w.engine);
	CHECK(loop_create(&r->loop, &loop) == OK);
	CHECK(signer_local(&r->signer.inner, r->loop, &r->w.wallet_secret) == OK);
	r->layer[LAYER_BITCOIN] = &r->node.layer;
	begin_runner(r);
}

static void end(struct rig *r)
{
	effect_runner_destroy(r->runner);
	signer_destroy(r->signer.inner);
	loop_destroy(r->loop);
	world_end(&r->w);
}

static void run(struct rig *r)
{
	uint64_t next_ms;
	effect_runner_run(r->runner, &next_ms);
}

static const struct id128 effect_id = {{2}};

static const struct effect *pay_out(struct rig *r)
{
	struct transfer_command c = {.now_ms = r->w.now,
		.id = {{1}},
		.effect_id = effect_id,
		.idempotency_key = {{3}},
		.layer = LAYER_BITCOIN,
		.amount = amount_of(ASSET_BTC, 50000),
		.destination = {0x51, 0x20},
		.destination_len = 34};
	struct command_result result;
	CHECK(engine_transfer(r->w.engine, &result, &c) == OK);
	const struct effect *f = ledger_effect(r->w.ledger, &effect_id);
	CHECK(f != NULL && f->state == EFFECT_INTENT);
	return f;
}

static void until_prepared(struct rig *r, const struct effect *f)
{
	for (unsigned i = 0; i < STEPS_MAX && f->variant_count == 0; i++)
		(void)loop_step(r->loop, 10);
	CHECK(f->state == EFFECT_PREPARED && f->variant_count == 1);
}

/* HAZARDS 44: the signer is asked when the intent is durable, a node when the signed bytes are. */
static void test_durable_first(void)
{
	static struct rig r;
	begin(&r);
	const struct effect *f = pay_out(&r);
	run(&r);
	CHECK(r.signer.asked == 0);
	engine_flush(r.w.engine);
	run(&r);
	CHECK(r.signer.asked == 1 && effect_runner_in_flight(r.runner) == 1);
	until_prepared(&r, f);
	run(&r);
	CHECK(r.node.sent == 0);
	engine_flush(r.w.engine);
	run(&r);
	CHECK(r.node.sent == 1 && r.signer.asked == 1);
	/* one call at a time, and no second one soon after it was taken */
	run(&r);
	answer(&r.node, SUBMIT_ACCEPTED);
	run(&r);
	CHECK(r.node.sent == 1 && f->submitted);
	end(&r);
}

/* HAZARDS 46, 29: ended between signing and sending, or while the node's answer was on its way: the
 * same bytes again, and no signature is asked for (keep_raw compares). */
static void test_same_bytes_again(void)
{
	static struct rig r;
	begin(&r);
	(void)pay_out(&r);
	engine_flush(r.w.engine);
	run(&r);
	until_prepared(&r, ledger_effect(r.w.ledger, &effect_id));
	for (unsigned life = 0; life < 3; life++) {
		effect_runner_destroy(r.runner);
		world_replay(&r.w);
		begin_runner(&r);
		run(&r);
		CHECK(r.node.sent == life + 1 && r.signer.asked == 1);
		answer(&r.node, SUBMIT_UNKNOWN);
		const struct effect *f = ledger_effect(r.w.ledger, &effect_id);
		CHECK(f->state == EFFECT_PREPARED && !f->submitted); /* unknown is not failed */
	}
	end(&r);
}

/* HAZARDS 43: a node that refuses the bytes, for whatever reason, does not make them void: the
 * money stays reserved, and they are sent again. */
static void test_refused_is_not_void(void)
{
	static struct rig r;
	begin(&r);
	const struct effect *f = pay_out(&r);
	const struct amount reserved = ledger_balance(r.w.ledger, LAYER_BITCOIN, ACCOUNT_RESERVED);
	CHECK(!amount_is_zero(reserved));
	engine_flush(r.w.engine);
	run(&r);
	until_prepared(&r, f);
	engine_flush(r.w.engine);
	static const enum submit_outcome no[] = {SUBMIT_REJECTED, SUBMIT_CONFLICT, SUBMIT_UNKNOWN};
	for (unsigned i = 0; i < ARRAY_LEN(no); i++) {
		for (unsigned wait = 0; wait < STEPS_MAX && r.node.sent == i; wait++) {
			(void)loop_step(r.loop, 10);
			run(&r);
		}
		CHECK(r.node.sent == i + 1);
		answer(&r.node, no[i]);
		CHECK(f->state == EFFECT_PREPARED && f->variant_count == 1);
		CHECK(amount_cmp(ledger_balance(r.w.ledger, LAYER_BITCOIN, ACCOUNT_RESERVED),
			      reserved) == 0);
	}
	end(&r);
}

int main(void)
{
	test_durable_first();
	test_same_bytes_again();
	test_refused_is_not_void();
	return 0;
}
