/* What leaves, and when: nothing before its record is durable, and after a restart the same bytes.
 * The journal syncs when the test says so; the signer is the real one, in this process; the node
 * remembers what it was sent. */
#include "layer/adapter.h"
#include "node/effect_plan.h"
#include "node/effect_runner.h"
#include "node/engine_world_test.h"
#include "rt/executor.h"
#include "rt/offload.h"
#include "sign/signer_ops.h"
#include "wire/bolt11.h"

#define STEPS_MAX 1000u
#define RAW_MAX 4096u

/* Counts the requests and hands them on. */
struct counting_signer {
	struct signer signer;
	struct signer *inner;
	unsigned asked;
	enum err refuse; /* OK: hand it on */
};

static enum err count_sign(
	struct signer *s, struct slice request, uint64_t timeout_ms, signer_cb cb, void *ctx)
{
	struct counting_signer *c = (struct counting_signer *)s;
	c->asked++;
	if (c->refuse != OK) {
		const struct signing_answer no = {.err = c->refuse, .detail = "no"};
		cb(ctx, &no);
		return OK;
	}
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
	struct offload *offload; /* NULL: in place */
	struct effect_runner *runner;
};

static void begin_runner(struct rig *r)
{
	const struct effect_runner_config config = {.loop = r->loop,
		.engine = r->w.engine,
		.journal = r->w.journal,
		.signer = &r->signer.signer,
		.layer = r->layer,
		.offload = r->offload,
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

/* A worker puts the signatures in; who leaves meanwhile does not hear of it. */
static void test_by_a_worker(bool leaves)
{
	static struct rig r;
	struct executor_config workers = executor_config_default();
	struct executor *executor;
	workers.worker_count = 1;
	workers.pin_threads = false;
	begin(&r);
	effect_runner_destroy(r.runner);
	CHECK(executor_create(&executor, &workers) == OK);
	const struct offload_config offload = {.loop = r.loop, .executor = executor, .jobs_max = 4};
	CHECK(offload_create(&r.offload, &offload) == OK);
	begin_runner(&r);
	const struct effect *f = pay_out(&r);
	engine_flush(r.w.engine);
	run(&r);
	struct offload_stat stat = {0};
	for (unsigned i = 0; i < STEPS_MAX && leaves && stat.open == 0; i++) {
		(void)loop_step(r.loop, 10);
		offload_stat(r.offload, &stat);
	}
	if (!leaves)
		until_prepared(&r, f);
	const uint32_t prepared = f->variant_count;
	effect_runner_destroy(r.runner);
	r.runner = NULL;
	offload_destroy(r.offload);
	CHECK(f->variant_count == prepared && (leaves || prepared == 1));
	executor_destroy(executor);
	end(&r);
}

/* HAZARDS 43: the signer refuses a payout. Where it signed nothing, its coins are free again; where
 * it has signed something else under this name, that can be mined: they come home under the same
 * name, and nobody else gets them before. */
static void test_refused_by_signer(enum err refuse)
{
	static struct rig r;
	begin(&r);
	const struct effect *f = pay_out(&r);
	const struct amount reserved = ledger_balance(r.w.ledger, LAYER_BITCOIN, ACCOUNT_RESERVED);
	engine_flush(r.w.engine);
	r.signer.refuse = refuse;
	run(&r);
	CHECK(r.signer.asked == 1);
	const struct transfer *t = ledger_transfer(r.w.ledger, &(struct id128){{1}});
	if (refuse != ERR_EXISTS) {
		CHECK(f->state == EFFECT_VOID && t->state == TRANSFER_FAILED);
		CHECK(amount_is_zero(ledger_balance(r.w.ledger, LAYER_BITCOIN, ACCOUNT_RESERVED)));
		end(&r);
		return;
	}
	CHECK(f->state == EFFECT_INTENT && f->called_off && t->state != TRANSFER_FAILED);
	CHECK(amount_cmp(ledger_balance(r.w.ledger, LAYER_BITCOIN, ACCOUNT_RESERVED), reserved) ==
		0);
	engine_flush(r.w.engine);
	r.signer.refuse = OK;
	run(&r);
	until_prepared(&r, f);
	CHECK(f->variant[0].calls_off);
	engine_flush(r.w.engine);
	run(&r);
	CHECK(r.node.sent == 1);
	end(&r);
}

/* ---- commands ---- */

static void open_channels(struct rig *r)
{
	const enum layer_id ln = LAYER_LIGHTNING;
	const struct amount funds = amount_of(ASSET_BTC, FUNDS_SAT);
	const struct block_ref birth = {.height = 100, .hash = {{7}}};
	struct layer_params *p = &r->w.params.layer[ln];
	*p = r->w.params.layer[LAYER_BITCOIN];
	p->network = network_by_name(ln, slice_str("regtest"));
	p->depth[0].depth = 1;
	p->final_depth = 1;
	p->fee_limit_base.raw = 10;
	p->force_close_blocks = 10;
	CHECK(engine_params(r->w.engine, r->w.now, &r->w.params) == OK);
	CHECK(engine_birth(r->w.engine, r->w.now, ln, &birth, 0, funds,
		      amount_zero(layer_gas_asset(ln))) == OK);
	r->w.tip[ln] = birth.height;
	r->w.tip_hash[ln] = birth.hash;
	r->w.chain[ln] = funds;
	r->layer[ln] = &r->node.layer;
}

static const struct effect *pay_invoice(struct rig *r)
{
	static const struct seckey payee = {{9}};
	char text[BOLT11_TEXT_MAX + 1];
	struct bolt11 b = {.network = network_by_name(LAYER_BITCOIN, slice_str("regtest")),
		.amount_msat = UINT64_C(50000000),
		.expiry_s = UINT64_C(4000000000),
		.payment_hash = {{4}},
		.features = 1u << BOLT11_VAR_ONION | 1u << BOLT11_PAYMENT_SECRET};
	CHECK(bolt11_encode(text, &b, &payee) == OK);
	struct transfer_command c = {.now_ms = r->w.now,
		.id = {{1}},
		.effect_id = effect_id,
		.idempotency_key = {{3}},
		.layer = LAYER_LIGHTNING,
		.amount = amount_of(ASSET_BTC, 50000),
		.destination_len = (uint32_t)strlen(text)};
	memcpy(c.destination, text, strlen(text));
	struct command_result result;
	CHECK(engine_transfer(r->w.engine, &result, &c) == OK);
	const struct effect *f = ledger_effect(r->w.ledger, &effect_id);
	CHECK(f != NULL && f->state == EFFECT_INTENT);
	return f;
}

static void until_sent(struct rig *r, unsigned sent)
{
	for (unsigned wait = 0; wait < STEPS_MAX && r->node.sent < sent; wait++) {
		(void)loop_step(r->loop, 10);
		run(r);
	}
	CHECK(r->node.sent == sent);
}

/* A command is bytes as a transaction is: durable before it leaves, the same after a restart; no
 * signer is asked. HAZARDS 28, 29: a no after an answer that was lost, or after a restart, does not
 * say that nothing was sent. */
static void test_command(void)
{
	static struct rig r;
	begin(&r);
	open_channels(&r);
	const struct effect *f = pay_invoice(&r);
	run(&r);
	CHECK(f->variant_count == 0);
	engine_flush(r.w.engine);
	run(&r);
	CHECK(f->state == EFFECT_PREPARED && f->variant_count == 1 && r.node.sent == 0);
	engine_flush(r.w.engine);
	run(&r);
	CHECK(r.node.sent == 1 && r.signer.asked == 0);
	struct ln_command c;
	CHECK(ln_command_decode(&c, slice_of(r.node.raw, r.node.raw_len)) == OK);
	CHECK(c.kind == LN_PAY && c.fee_limit.raw == 10 && c.max_height == 100 + 80);
	CHECK(c.deadline_ms == f->created_ms + EFFECT_PAY_MS);
	answer(&r.node, SUBMIT_UNKNOWN);
	until_sent(&r, 2);
	answer(&r.node, SUBMIT_REJECTED);
	CHECK(f->state == EFFECT_PREPARED);
	effect_runner_destroy(r.runner);
	world_replay(&r.w);
	begin_runner(&r);
	run(&r);
	CHECK(r.node.sent == 3);
	answer(&r.node, SUBMIT_REJECTED);
	f = ledger_effect(r.w.ledger, &effect_id);
	CHECK(f->state == EFFECT_PREPARED);
	end(&r);
}

/* Every answer was a no, and nobody else can have sent it: it has failed. */
static void test_command_refused(void)
{
	static struct rig r;
	begin(&r);
	open_channels(&r);
	const struct effect *f = pay_invoice(&r);
	engine_flush(r.w.engine);
	run(&r);
	engine_flush(r.w.engine);
	run(&r);
	CHECK(r.node.sent == 1);
	answer(&r.node, SUBMIT_REJECTED);
	CHECK(f->state == EFFECT_VOID && !f->open);
	const struct transfer *t = &r.w.ledger->transfer[f->transfer];
	CHECK(t->state == TRANSFER_FAILED && t->reason[0] != 0);
	CHECK(amount_is_zero(ledger_balance(r.w.ledger, LAYER_LIGHTNING, ACCOUNT_RESERVED)));
	end(&r);
}

int main(void)
{
	test_command();
	test_command_refused();

	test_durable_first();
	test_same_bytes_again();
	test_refused_is_not_void();
	test_refused_by_signer(ERR_DENIED);
	test_refused_by_signer(ERR_EXISTS);
	test_by_a_worker(false);
	test_by_a_worker(true);
	return 0;
}
