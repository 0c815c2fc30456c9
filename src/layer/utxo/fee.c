/* What a transaction has to pay: the node's estimate, and never less than what it relays. */
#include "layer/utxo/utxo.h"
#include <stdlib.h>

#define COIN_DECIMALS 8u
#define POLL_BLOCKS 2u
#define BLOCKS_MAX 1008u   /* the longest that Bitcoin Core estimates for */
#define BLOCKS_MAX_OLD 25u /* and btcd */

struct fee_op {
	struct op op;
	layer_fee_cb cb;
	void *ctx;
	uint64_t estimate; /* 0: the node has none */
	uint64_t relay;    /* the least that it takes into its mempool */
	bool relay_known;
	uint32_t blocks;
};

static enum err read_rate(uint64_t *rate, const struct json *result, const char *key)
{
	uint64_t value;
	TRY(json_get_decimal(result, key, COIN_DECIMALS, &value));
	if (value > UTXO_RATE_MAX)
		return ERR_RANGE;
	*rate = value;
	return OK;
}

/* btcd's estimatefee: a number of coins per 1,000 bytes, of any number of decimals; zero, or an
 * error: it has none. */
static void on_old_estimate(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct fee_op *f = op;
	(void)tag;
	if (answer->err == OK) {
		struct json *o = json_object();
		uint64_t rate = 0;
		json_set(o, "feerate", json_clone(answer->result));
		const enum err err = json_get_decimal_up(o, "feerate", COIN_DECIMALS, &rate);
		json_free(o);
		if (err == OK && rate <= UTXO_RATE_MAX)
			f->estimate = rate;
		else
			f->op.err = err == OK ? ERR_RANGE : err;
	}
	op_done(&f->op);
}

static void ask_old_estimate(struct fee_op *f)
{
	struct json *params = json_array();
	json_push(params, json_new_u64(f->blocks < BLOCKS_MAX_OLD ? f->blocks : BLOCKS_MAX_OLD));
	op_ask(&f->op, "estimatefee", params, on_old_estimate, 0);
}

static void on_estimate(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct fee_op *f = op;
	(void)tag;
	/* no estimate is normal: a young chain */
	if (answer->err == OK && json_get(answer->result, "feerate") != NULL)
		f->op.err = read_rate(&f->estimate, answer->result, "feerate");
	else if (core_answer_no_method(answer))
		ask_old_estimate(f);
	op_done(&f->op);
}

/* btcd names what it relays among other things. */
static void on_old_relay(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct fee_op *f = op;
	uint64_t relay;
	(void)tag;
	if (answer->err == OK && read_rate(&relay, answer->result, "relayfee") == OK &&
		relay > f->relay)
		f->relay = relay;
	op_done(&f->op);
}

static void on_pool(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct fee_op *f = op;
	uint64_t relay = utxo_relay_rate(f->op.layer->config.id), least = 0;
	(void)tag;
	if (answer->err == OK) {
		enum err err = read_rate(&relay, answer->result, "minrelaytxfee");
		if (err == OK || err == ERR_NOT_FOUND)
			err = read_rate(&least, answer->result, "mempoolminfee");
		if (err == OK || err == ERR_NOT_FOUND) {
			f->relay = relay > least ? relay : least;
			f->relay_known = true;
			if (json_get(answer->result, "minrelaytxfee") == NULL)
				op_ask(&f->op, "getinfo", NULL, on_old_relay, 0);
		} else {
			f->op.err = err;
		}
	} else if (f->op.err == OK) {
		f->op.err = answer->err;
	}
	op_done(&f->op);
}

static void fee_end(struct op *op)
{
	struct fee_op *f = (struct fee_op *)(void *)op;
	const uint64_t rate = f->estimate > f->relay ? f->estimate : f->relay;
	if (!op->layer->dead)
		f->cb(f->ctx, f->relay_known ? OK : op->err, f->relay_known ? rate : 0, 0);
	free(f);
}

static void fee_drop(struct op *op)
{
	free(op);
}

enum err utxo_fee_estimate(struct layer *layer, uint32_t blocks, layer_fee_cb cb, void *ctx)
{
	if (blocks == 0 || blocks > BLOCKS_MAX)
		return ERR_RANGE;
	struct fee_op *f = malloc(sizeof *f);
	if (f == NULL)
		return ERR_FULL;
	*f = (struct fee_op){.op = {.layer = layer, .pending = 1, .end = fee_end},
		.cb = cb,
		.ctx = ctx,
		.blocks = blocks};
	struct json *params = json_array();
	json_push(params, json_new_u64(blocks));
	op_ask(&f->op, "estimatesmartfee", params, on_estimate, 0);
	op_ask(&f->op, "getmempoolinfo", NULL, on_pool, 0);
	return op_begun(&f->op, fee_drop);
}

static void on_polled(void *ctx, enum err err, uint64_t rate, uint64_t data_fee)
{
	struct layer *layer = ctx;
	(void)data_fee;
	layer->fee_asking = false;
	if (err == OK)
		layer_tell_fee(layer, rate);
}

void utxo_fee_poll(struct utxo *b)
{
	struct layer *layer = &b->layer;
	const uint64_t now = loop_now_ms(layer->config.loop);
	if (layer->fee_asking || now < layer->fee_due_ms)
		return;
	layer->fee_due_ms = now + LAYER_FEE_EVERY_MS;
	layer->fee_asking = utxo_fee_estimate(layer, POLL_BLOCKS, on_polled, layer) == OK;
}
