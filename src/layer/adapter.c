/* What all adapters share: questions to the node, operations of several questions, messages. */
#include "layer/adapter.h"
#include <stdio.h>
#include <stdlib.h>

struct question {
	struct layer *layer;
	ask_cb cb;
	void *op;
	uint64_t tag;
};

void layer_enter(struct layer *layer)
{
	layer->open++;
}

/* The last one out of a destroyed layer frees it. */
void layer_leave(struct layer *layer)
{
	CHECK(layer->open > 0);
	if (--layer->open == 0 && layer->dead)
		layer->ops->release(layer);
}

static void on_answer(void *ctx, const struct rpc_answer *answer)
{
	struct question q = *(struct question *)ctx;
	free(ctx);
	if (q.layer->dead) {
		const struct rpc_answer cancelled = {.err = ERR_CANCELLED, .message = "closed"};
		q.cb(q.op, q.tag, &cancelled);
	} else {
		if (answer->err != OK)
			(void)DETAIL(q.layer->said, OK, "%s", answer->message);
		q.cb(q.op, q.tag, answer);
	}
	layer_leave(q.layer);
}

enum err adapter_ask(struct layer *layer, const char *method, struct json *params, ask_cb cb,
	void *op, uint64_t tag)
{
	return ask_within(layer, 0, method, params, cb, op, tag);
}

enum err ask_within(struct layer *layer, uint64_t timeout_ms, const char *method,
	struct json *params, ask_cb cb, void *op, uint64_t tag)
{
	struct question *q = layer->dead ? NULL : malloc(sizeof *q);
	if (q == NULL) {
		json_free(params);
		return layer->dead ? ERR_CANCELLED : ERR_FULL;
	}
	*q = (struct question){.layer = layer, .cb = cb, .op = op, .tag = tag};
	const struct upstream_limits limits = {.timeout_ms = timeout_ms};
	const enum err err = upstream_call_limited(
		layer->config.upstream, method, params, &limits, on_answer, q);
	if (err != OK) {
		free(q);
		return err;
	}
	layer_enter(layer);
	return OK;
}

struct layer_wait {
	struct layer *layer;
	struct layer_wait *next;
	struct loop_timer timer;
	wait_cb cb;
	void *op;
};

static void wait_over(void *ctx)
{
	struct layer_wait *w = ctx;
	struct layer *layer = w->layer;
	for (struct layer_wait **at = &layer->waits; *at != NULL; at = &(*at)->next) {
		if (*at == w) {
			*at = w->next;
			break;
		}
	}
	w->cb(w->op);
	free(w);
	layer_leave(layer);
}

enum err layer_wait(struct layer *layer, uint64_t delay_ms, wait_cb cb, void *op)
{
	struct layer_wait *w = layer->dead ? NULL : malloc(sizeof *w);
	if (w == NULL)
		return layer->dead ? ERR_CANCELLED : ERR_FULL;
	*w = (struct layer_wait){.layer = layer, .cb = cb, .op = op};
	const enum err err = loop_timer_set(layer->config.loop, &w->timer, delay_ms, wait_over, w);
	if (err != OK) {
		free(w);
		return err;
	}
	w->next = layer->waits;
	layer->waits = w;
	layer_enter(layer);
	return OK;
}

enum err layer_compute(struct layer *layer, struct offload_job *job)
{
	job->cancel = &layer->gone;
	layer_enter(layer);
	const enum err err = offload_submit(layer->config.offload, job);
	if (err != OK)
		layer_leave(layer);
	return err;
}

void layer_computed(struct layer *layer)
{
	layer_leave(layer);
}

enum err layer_create(struct layer **out, const struct layer_config *config)
{
	static const struct layer_ops *const ops[LAYER_COUNT] = {
		[LAYER_BITCOIN] = &bitcoin_ops,
		[LAYER_LIQUID] = &liquid_ops,
		[LAYER_ROOTSTOCK] = &evm_ops,
		[LAYER_LIGHTNING] = &lightning_ops,
		[LAYER_BOB] = &evm_ops,
		[LAYER_ROOTSTOCK_ERC20] = &evm_ops,
	};
	CHECK(config->id < LAYER_COUNT);
	CHECK((config->lightning != NULL) == (layer_family(config->id) == FAMILY_CHANNEL));
	if (config->network->layer != config->id)
		return ERR_NETWORK;
	struct layer *layer = ops[config->id]->allocate();
	if (layer == NULL)
		return ERR_FULL;
	layer->ops = ops[config->id];
	layer->config = *config;
	if (layer->config.poll_ms == 0)
		layer->config.poll_ms = 1000;
	if (layer->config.mempool_max == 0)
		layer->config.mempool_max = 10000;
	layer->info.err = ERR_UNAVAILABLE;
	(void)DETAIL(layer->info.detail, OK, "not asked yet");
	cancel_init(&layer->gone, NULL);
	follow_init(&layer->follow, layer);
	*out = layer;
	return OK;
}

void layer_destroy(struct layer *layer)
{
	if (layer == NULL)
		return;
	layer_enter(layer);
	layer->dead = true;
	cancel_request(&layer->gone);
	follow_stop(&layer->follow);
	while (layer->waits != NULL) {
		struct layer_wait *w = layer->waits;
		loop_timer_cancel(layer->config.loop, &w->timer);
		wait_over(w);
	}
	layer_leave(layer);
}

void op_ask(struct op *op, const char *method, struct json *params, ask_cb cb, uint64_t tag)
{
	op->pending++;
	const enum err err = adapter_ask(op->layer, method, params, cb, op, tag);
	if (err == OK)
		return;
	if (op->err == OK)
		op->err = err;
	op->pending--;
}

void op_done(struct op *op)
{
	CHECK(op->pending > 0);
	if (--op->pending == 0)
		op->end(op);
}

enum err op_begun(struct op *op, void (*drop)(struct op *op))
{
	CHECK(op->pending > 0);
	if (--op->pending > 0)
		return OK;
	const enum err err = op->err == OK ? ERR_STATE : op->err;
	drop(op);
	return err;
}

void node_check_fail(struct node_check *c, enum err err, const char *what, const char *why)
{
	if (c->out.err == OK)
		c->out.err = DETAIL(
			c->out.detail, err, "%s%s%s", what, *why == '\0' ? "" : ": ", why);
}

static void check_end(struct op *op)
{
	struct node_check *c = (struct node_check *)(void *)op;
	struct layer *layer = op->layer;

	if (!layer->dead) {
		if (op->err != OK)
			node_check_fail(c, op->err, "cannot ask the node", err_name(op->err));
		if (c->syncing)
			node_check_fail(c, ERR_STATE, "the node is still syncing", c->chain);
		layer->info.err = c->out.err;
		layer->info.syncing = c->syncing;
		memcpy(layer->info.detail, c->out.detail, sizeof c->out.detail);
		memcpy(layer->info.version, c->out.version, sizeof c->out.version);
		if (layer->sink.on_block == NULL && c->out.err == OK)
			layer->info.tip = c->out.tip;
		struct layer_info now;
		layer_info(layer, &now);
		now.tip = c->out.tip;
		c->cb(c->ctx, &now);
	}
	free(c);
}

static void check_drop(struct op *op)
{
	free(op);
}

void node_check_init(struct node_check *c, struct layer *layer, layer_info_cb cb, void *ctx)
{
	*c = (struct node_check){
		.op = {.layer = layer, .pending = 1, .end = check_end}, .cb = cb, .ctx = ctx};
}

enum err node_check_begun(struct node_check *c)
{
	return op_begun(&c->op, check_drop);
}

enum err detail_set(char *detail, size_t size, enum err err, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	(void)vsnprintf(detail, size, fmt, args);
	va_end(args);
	/* What a node says goes into logs and terminals: no control characters. */
	for (char *c = detail; *c != '\0'; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = ' ';
	}
	return err;
}

void layer_tell_fee(struct layer *layer, uint64_t rate)
{
	const uint64_t last = layer->fee_rate;
	const uint64_t change = rate > last ? rate - last : last - rate;
	if (layer->dead || rate == 0 || (last != 0 && change <= last / 10))
		return;
	layer->fee_rate = rate;
	if (layer->sink.on_fee_rate != NULL)
		layer->sink.on_fee_rate(layer->sink.ctx, layer->config.id, rate);
}
