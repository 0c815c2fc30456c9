/* Answers to the questions of layer/follow.h, and blocks turned into events. */
#include "layer/utxo/utxo.h"
#include "rt/cpu_budget.h"
#include <stdatomic.h>
#include <stdlib.h>

#define HEIGHT_MAX 500000000u
#define RPC_NOT_FOUND (-5)
#define RPC_INTERNAL (-32603)
/* For checking one block: some fifty times what the largest takes. One that needs more is no answer
 * and is asked for again; nothing of it is left out. */
#define BLOCK_CPU_NS (UINT64_C(5000) * CPU_BUDGET_MS)
#define BLOCK_LOOK_EVERY 64u /* transactions, or parts of the answer */

/* A block, checked. */
struct payload {
	const struct utxo_rules *rules;
	void *block;  /* owned: the rules' */
	uint8_t *raw; /* owned */
};

static void drop(void *payload)
{
	struct payload *p = payload;
	if (p == NULL)
		return;
	p->rules->block_close(p->block);
	free(p->raw);
	free(p);
}

/* ---- checking, on any thread ---- */

struct block_ask {
	struct offload_job job; /* first */
	struct layer *layer;
	struct hash256 hash;
	uint64_t height, tag;
	struct rpc_reading *reading; /* owned: the node's answer, until it is decoded */
	/* what comes of it */
	enum err err;
	struct block_ref block;
	struct payload *payload; /* owned */
};

/* For opening one confidential output of it: ten times what that takes. Who fills blocks with them
 * pays for a thousand bytes each. */
#define OPEN_CPU_NS (UINT64_C(400) * CPU_BUDGET_MS)

/* Loops over a block's bytes and transactions, whoever runs them: under a budget each, and over
 * when one was spent, or nobody waits for the result any more. */
struct guard {
	const struct parallel *over; /* NULL: the caller */
	const struct offload_job *job;
	uint64_t cpu_ns; /* of each thread */
	size_t look_every;
	_Atomic bool stopped;
};

struct guarded {
	struct guard *guard;
	parallel_body body;
	void *ctx;
};

static bool has_stopped(struct guard *g)
{
	/* relaxed: says nothing of what others did; the results are thrown away */
	if (atomic_load_explicit(&g->stopped, memory_order_relaxed))
		return true;
	if (!cpu_budget_spent() && !offload_is_cancelled(g->job))
		return false;
	atomic_store_explicit(&g->stopped, true, memory_order_relaxed);
	return true;
}

static void run_guarded(void *ctx, size_t begin, size_t end)
{
	const struct guarded *g = ctx;
	struct cpu_budget budget;
	cpu_budget_begin(&budget, cpu_task_kind("block_hash"), g->guard->cpu_ns);
	for (size_t at = begin; at < end && !has_stopped(g->guard);) {
		const size_t every = g->guard->look_every;
		const size_t next = end - at > every ? at + every : end;
		g->body(g->ctx, at, next);
		at = next;
	}
	(void)cpu_budget_end(&budget);
}

static void guard_run(void *self, size_t count, size_t item_size, parallel_body body, void *ctx)
{
	struct guarded g = {.guard = self, .body = body, .ctx = ctx};
	parallel_run(g.guard->over, count, item_size, run_guarded, &g);
}

struct revealing {
	const struct utxo *b;
	struct payload *payload;
};

static void reveal_some(void *ctx, size_t begin, size_t end)
{
	const struct revealing *r = ctx;
	for (size_t i = begin; i < end; i++)
		r->payload->rules->block_reveal(r->payload->block, r->b, (uint32_t)i);
}

/* What the block's confidential outputs to us hold. */
static enum err reveal(struct block_ask *asked, const struct parallel *parallel)
{
	struct revealing r = {utxo_of(asked->layer), asked->payload};
	struct guard guard = {.over = parallel, .job = &asked->job, .look_every = 1};
	const struct parallel guarded = {.run = guard_run, .self = &guard};
	uint32_t count = 0;
	if (r.payload->rules->block_find == NULL)
		return OK;
	TRY(r.payload->rules->block_find(r.payload->block, r.b, &count));
	guard.cpu_ns = count * OPEN_CPU_NS;
	parallel_run(&guarded, count, sizeof(struct utxo_opening), reveal_some, &r);
	return has_stopped(&guard) ? ERR_CANCELLED : OK;
}

static enum err read_block(struct block_ask *asked, const struct parallel *parallel)
{
	struct guard guard = {.over = parallel,
		.job = &asked->job,
		.cpu_ns = BLOCK_CPU_NS,
		.look_every = BLOCK_LOOK_EVERY};
	const struct parallel guarded = {.run = guard_run, .self = &guard};
	size_t len;
	struct payload *p = asked->payload = calloc(1, sizeof *p);
	if (p == NULL)
		return ERR_FULL;
	p->rules = utxo_of(asked->layer)->rules;
	TRY(core_answer_hex(
		&p->raw, &len, BTC_BLOCK_SIZE_MAX, rpc_reading_result(asked->reading), &guarded));
	if (has_stopped(&guard)) /* and some of it was not decoded */
		return ERR_CANCELLED;
	rpc_reading_free(asked->reading);
	asked->reading = NULL;
	asked->block = (struct block_ref){.hash = asked->hash, .height = asked->height};
	const enum err err = p->rules->block_open(
		&p->block, &asked->block, slice_of(p->raw, len), &guarded);
	return has_stopped(&guard) ? ERR_CANCELLED : err;
}

static void run_check(struct offload_job *job, const struct parallel *parallel)
{
	struct block_ask *asked = (struct block_ask *)(void *)job;
	struct cpu_budget budget;
	cpu_budget_begin(&budget, cpu_task_kind("block_check"), BLOCK_CPU_NS);
	asked->err = read_block(asked, parallel);
	(void)cpu_budget_end(&budget);
	if (asked->err == OK)
		asked->err = reveal(asked, parallel);
	rpc_reading_free(asked->reading);
	asked->reading = NULL;
}

/* ---- questions ---- */

static enum err read_tip(struct follow_tip *tip, const struct json *result, bool regtest)
{
	uint64_t headers = 0;
	bool initial = false;

	TRY(core_answer_hash(&tip->hash, json_get(result, "bestblockhash")));
	TRY(json_get_u64(result, "blocks", &tip->height));
	if (tip->height > HEIGHT_MAX)
		return ERR_RANGE;
	/* btcd has neither of these two on every version */
	enum err err = json_get_u64(result, "headers", &headers);
	if (err == OK || err == ERR_NOT_FOUND)
		err = json_get_bool(result, "initialblockdownload", &initial);
	if (err != OK && err != ERR_NOT_FOUND)
		return err;
	/* a regtest chain whose last block is old is not syncing: nobody has more of it */
	tip->syncing = headers > tip->height || (initial && !regtest);
	return OK;
}

static void on_tip(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct layer *layer = op;
	struct follow_tip tip = {0};
	enum err err = answer->err;
	if (err == OK)
		err = read_tip(
			&tip, answer->result, strcmp(layer->config.network->name, "regtest") == 0);
	follow_tip(&layer->follow, tag, err, &tip);
}

static enum err ask_tip(struct layer *layer, uint64_t tag)
{
	return adapter_ask(layer, "getblockchaininfo", NULL, on_tip, layer, tag);
}

static void on_hash(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct layer *layer = op;
	struct hash256 hash;
	enum err err = answer->err;
	if (err == OK)
		err = core_answer_hash(&hash, answer->result);
	follow_hash(&layer->follow, tag, err, &hash);
}

static enum err ask_hash(struct layer *layer, uint64_t height, uint64_t tag)
{
	struct json *params = json_array();
	json_push(params, json_new_u64(height));
	return adapter_ask(layer, "getblockhash", params, on_hash, layer, tag);
}

static void on_left(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct layer *layer = op;
	int64_t confirmations = 0;
	enum err err = answer->err;
	if (err == ERR_REJECTED && answer->code == RPC_NOT_FOUND) {
		err = OK; /* a node that never saw it says nothing about it */
	} else if (err == ERR_REJECTED && answer->code == RPC_INTERNAL &&
		strstr(answer->message, "is not in the main chain") != NULL) {
		err = OK; /* btcd has the header of a block that left */
		confirmations = -1;
	} else if (err == OK) {
		err = json_get_i64(answer->result, "confirmations", &confirmations);
	}
	follow_left(&layer->follow, tag, err, confirmations == -1);
}

static enum err ask_left(struct layer *layer, const struct hash256 *hash, uint64_t tag)
{
	struct json *params = json_array();
	json_push(params, core_param_hash(hash));
	json_push(params, json_new_bool(true));
	return adapter_ask(layer, "getblockheader", params, on_left, layer, tag);
}

static void block_end(struct block_ask *asked, enum err err)
{
	struct payload *payload = asked->payload;
	if (err != OK) {
		drop(payload);
		payload = NULL;
	}
	follow_block(&asked->layer->follow, asked->tag, err, &asked->block, payload);
	rpc_reading_free(asked->reading);
	free(asked);
}

static void check_done(struct offload_job *job, enum err err)
{
	struct block_ask *asked = (struct block_ask *)(void *)job;
	struct layer *layer = asked->layer;
	if (err == OK && asked->err != OK)
		err = DETAIL(layer->said, asked->err == ERR_SHORT ? ERR_FORMAT : asked->err,
			"a block that can't be right (%s)", err_name(asked->err));
	block_end(asked, err);
	layer_computed(layer);
}

static void on_block(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct block_ask *asked = op;
	struct layer *layer = asked->layer;
	asked->tag = tag;
	if (answer->err != OK || layer->dead) {
		block_end(asked, answer->err == OK ? ERR_CANCELLED : answer->err);
		return;
	}
	asked->reading = rpc_answer_keep(answer);
	asked->job.run = run_check;
	asked->job.done = check_done;
	const enum err err = layer_compute(layer, &asked->job);
	if (err != OK)
		block_end(asked, DETAIL(layer->said, err, "too many blocks are being checked"));
}

static enum err ask_block(
	struct layer *layer, const struct hash256 *hash, uint64_t height, uint64_t tag)
{
	struct block_ask *asked = calloc(1, sizeof *asked);
	if (asked == NULL)
		return ERR_FULL;
	asked->layer = layer;
	asked->hash = *hash;
	asked->height = height;
	struct json *params = json_array();
	json_push(params, core_param_hash(hash));
	json_push(params, json_new_u64(0));
	const enum err err = adapter_ask(layer, "getblock", params, on_block, asked, tag);
	if (err != OK)
		free(asked);
	return err;
}

/* ---- reports ---- */

struct delivery {
	struct utxo *b;
	const struct utxo_opening *opening; /* of the block, those that are left */
	uint32_t opening_count;
	uint64_t height;
	size_t event_count;
	bool crowded;
	uint32_t stray_claims;
};

/* For some thousand dust outputs to our addresses anybody could fill a block with more than can be
 * reported, and while we stood still, claim unseen. Such a block is reported without its small
 * change: what is left out is missing in the books, which reconciliation finds; what is left in is
 * everything that a swap depends on, and costs its sender whole coins to multiply. */
#define CROWDED_COIN_MIN_RAW 100000u
#define CROWDED_STRAY_CLAIMS_MAX 16u

static bool left_out(struct delivery *d, const struct chain_event *e)
{
	const struct btc_outpoint at = {.txid = e->at.tx, .index = e->at.index};
	struct point_key key;
	point_key_of(&key, &at);
	const struct point_watch *point = table_get(&d->b->point, &key);
	const bool stray = point == NULL || point->stray;

	switch (e->kind) {
	case CHAIN_COIN_CREATED:
		return amount_cmp(e->amount, amount_of(e->amount.asset, CROWDED_COIN_MIN_RAW)) < 0;
	case CHAIN_LOCK: return stray;
	case CHAIN_LOCK_SPENT:
		/* one preimage is enough */
		return stray &&
			(e->spend != LOCK_SPEND_CLAIM ||
				d->stray_claims++ >= CROWDED_STRAY_CLAIMS_MAX);
	case CHAIN_COIN_SPENT:
	case CHAIN_DEPOSIT:
	case CHAIN_NONCE_USED: return false;
	}
	UNREACHABLE();
}

static enum err emit(void *ctx, const struct chain_event *event)
{
	struct delivery *d = ctx;
	if (d->crowded && left_out(d, event))
		return OK;
	if (d->event_count == CHAIN_EVENTS_MAX)
		return ERR_FULL;
	d->b->event[d->event_count++] = *event;
	return OK;
}

static enum err visit(
	void *ctx, uint32_t index, const struct btc_tx *tx, const struct hash256 *txid)
{
	struct delivery *d = ctx;
	struct utxo_place place = {.height = d->height, .opening = d->opening};
	while (place.opening_count < d->opening_count &&
		d->opening[place.opening_count].tx == index)
		place.opening_count++;
	if (place.opening_count > 0)
		d->opening += place.opening_count;
	d->opening_count -= place.opening_count;
	return utxo_match(d->b, tx, txid, &place, emit, d);
}

static struct delivery delivery_of(
	struct utxo *b, const struct payload *p, uint64_t height, bool crowded)
{
	struct delivery d = {.b = b, .height = height, .crowded = crowded};
	if (p->rules->block_openings != NULL)
		d.opening = p->rules->block_openings(p->block, &d.opening_count);
	return d;
}

/* Matched anew at each attempt, so that what is watched since the last one counts. */
static enum err deliver(struct layer *layer, const struct block_ref *block, void *payload)
{
	struct utxo *b = utxo_of(layer);
	const struct payload *p = payload;
	struct delivery d = delivery_of(b, p, block->height, false);

	enum err err = p->rules->block_visit(p->block, layer->config.network, visit, &d);
	if (err == ERR_FULL) {
		d = delivery_of(b, p, block->height, true);
		err = p->rules->block_visit(p->block, layer->config.network, visit, &d);
	}
	if (err != OK)
		return DETAIL(layer->info.detail, err == ERR_FULL ? ERR_RANGE : err,
			"block %llu has more for us than can be reported",
			(unsigned long long)block->height);
	err = layer->sink.on_block(
		layer->sink.ctx, layer->config.id, block, b->event, d.event_count);
	if (err != OK)
		return err;
	layer->info.events_seen += d.event_count;
	utxo_match_reported(b, block, d.event_count);
	return OK;
}

static void reorganised(struct layer *layer, const struct block_ref *keep)
{
	utxo_match_reorganised(utxo_of(layer), keep);
}

static void at_tip(struct layer *layer)
{
	utxo_pool_poll(utxo_of(layer));
	utxo_fee_poll(utxo_of(layer));
}

const struct follow_source utxo_follow = {
	.ask_tip = ask_tip,
	.ask_hash = ask_hash,
	.ask_block = ask_block,
	.ask_left = ask_left,
	.deliver = deliver,
	.drop = drop,
	.reorganised = reorganised,
	.at_tip = at_tip,
};
