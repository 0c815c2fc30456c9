/* What gas costs: the node's price and the tip, put together as the network has it. */
#include "layer/evm/evm.h"
#include <stdlib.h>

struct price_op {
	struct op op;
	price_cb cb;
	void *ctx;
	uint64_t price, rate;
	struct json *block; /* owned */
};

static void on_price(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct price_op *p = op;
	(void)tag;
	if (p->op.err == OK)
		p->op.err = answer->err;
	if (p->op.err == OK)
		p->op.err = evm_answer_u64(&p->price, answer->result);
	op_done(&p->op);
}

static void on_block(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct price_op *p = op;
	(void)tag;
	if (p->op.err == OK)
		p->op.err = answer->err;
	if (p->op.err == OK && json_type(answer->result) != JSON_OBJECT)
		p->op.err = ERR_FORMAT;
	if (p->op.err == OK)
		p->block = json_clone(answer->result);
	op_done(&p->op);
}

static void price_end(struct op *op)
{
	struct price_op *p = (struct price_op *)(void *)op;
	enum err err = op->err;

	if (err == OK)
		err = evm_kind_of(op->layer->config.id)->rate(&p->rate, p->block, p->price);
	if (err == OK && p->rate > EVM_RATE_MAX)
		err = ERR_RANGE;
	if (!op->layer->dead)
		p->cb(p->ctx, err, err == OK ? p->rate : 0);
	json_free(p->block);
	free(p);
}

static void price_drop(struct op *op)
{
	free(op);
}

enum err evm_ask_price(struct layer *layer, price_cb cb, void *ctx)
{
	struct price_op *p = malloc(sizeof *p);
	if (p == NULL)
		return ERR_FULL;
	*p = (struct price_op){
		.op = {.layer = layer, .pending = 1, .end = price_end}, .cb = cb, .ctx = ctx};
	op_ask(&p->op, evm_kind_of(layer->config.id)->price_method, NULL, on_price, 0);
	op_ask(&p->op, "eth_getBlockByNumber", params_block_tag("latest", false), on_block, 0);
	return op_begun(&p->op, price_drop);
}
