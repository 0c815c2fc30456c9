/* Where a transaction is: its receipt, checked against the best chain; the node's pool. */
#include "layer/evm/evm.h"
#include <stdlib.h>

struct status_op {
	struct op op;
	layer_status_cb cb;
	void *ctx;
	struct hash256 txid;
	struct tx_status out;
	struct hash256 block; /* of the receipt */
	uint64_t height, tip_height;
	bool has_receipt, no_receipt; /* neither: not known */
	bool pending, not_there;
	bool block_asked;
};

static enum err read_receipt(struct status_op *s, const struct json *result)
{
	struct hash256 hash;
	uint64_t status;
	TRY(evm_answer_hash(&hash, json_get(result, "transactionHash")));
	TRY(evm_answer_hash(&s->block, json_get(result, "blockHash")));
	TRY(evm_answer_u64(&s->height, json_get(result, "blockNumber")));
	TRY(evm_answer_u64(&status, json_get(result, "status")));
	if (!hash256_eq(&hash, &s->txid) || status > 1)
		return ERR_FORMAT;
	s->out.reverted = status == 0;
	s->has_receipt = true;
	return OK;
}

static void answered(struct status_op *s, enum err err, const char *what)
{
	if (err != OK && s->op.err == OK)
		s->op.err = DETAIL(s->out.detail, err, "%s", what);
	op_done(&s->op);
}

static void on_receipt(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct status_op *s = op;
	enum err err = answer->err;
	(void)tag;
	if (err == OK && json_type(answer->result) == JSON_NULL)
		s->no_receipt = true;
	else if (err == OK)
		err = read_receipt(s, answer->result);
	answered(s, err, answer->err == OK ? "a receipt that can't be right" : answer->message);
}

static void on_tx(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct status_op *s = op;
	struct hash256 hash;
	enum err err = answer->err;
	(void)tag;
	if (err == OK && json_type(answer->result) == JSON_NULL) {
		s->not_there = true;
	} else if (err == OK) {
		err = evm_answer_hash(&hash, json_get(answer->result, "hash"));
		if (err == OK && !hash256_eq(&hash, &s->txid))
			err = ERR_FORMAT;
		const struct json *block = json_get(answer->result, "blockHash");
		s->pending = err == OK && json_type(block) == JSON_NULL;
	}
	answered(s, err, answer->err == OK ? "a transaction that can't be right" : answer->message);
}

static void on_tip(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct status_op *s = op;
	struct block_ref tip;
	enum err err = answer->err;
	(void)tag;
	if (err == OK)
		err = evm_answer_block(&tip, answer->result);
	if (err == OK)
		s->tip_height = tip.height;
	answered(s, err, answer->err == OK ? "a block that can't be right" : answer->message);
}

static void on_block(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct status_op *s = op;
	struct block_ref block;
	(void)tag;
	if (answer->err == OK && evm_answer_block(&block, answer->result) == OK &&
		hash256_eq(&block.hash, &s->block) && block.height == s->height &&
		s->tip_height >= s->height) {
		s->out.presence = TX_CONFIRMED;
		s->out.block = block;
		s->out.depth = s->tip_height - s->height + 1;
	}
	op_done(&s->op);
}

static void status_end(struct op *op)
{
	struct status_op *s = (struct status_op *)(void *)op;

	if (s->has_receipt && op->err == OK && !s->block_asked && !op->layer->dead) {
		/* is the block of the receipt on the best chain? */
		s->block_asked = true;
		op->pending++;
		if (ask_block_at(op->layer, s->height, on_block, s, 0) == OK)
			return;
		op->pending--;
	}
	if (s->out.presence == TX_UNKNOWN && op->err == OK) {
		if (s->pending)
			s->out.presence = TX_MEMPOOL;
		else if (s->no_receipt && s->not_there)
			s->out.presence = TX_ABSENT;
	}
	if (s->out.presence != TX_CONFIRMED)
		s->out.reverted = false;
	if (!op->layer->dead)
		s->cb(s->ctx, &s->out);
	free(s);
}

static void status_drop(struct op *op)
{
	free(op);
}

enum err evm_status(struct layer *layer, const struct hash256 *txid, layer_status_cb cb, void *ctx)
{
	struct status_op *s = malloc(sizeof *s);
	if (s == NULL)
		return ERR_FULL;
	*s = (struct status_op){.op = {.layer = layer, .pending = 1, .end = status_end},
		.cb = cb,
		.ctx = ctx,
		.txid = *txid,
		.out = {.presence = TX_UNKNOWN}};
	struct json *params = json_array();
	json_push(params, evm_param_hash(txid));
	op_ask(&s->op, "eth_getTransactionReceipt", params, on_receipt, 0);
	params = json_array();
	json_push(params, evm_param_hash(txid));
	op_ask(&s->op, "eth_getTransactionByHash", params, on_tx, 0);
	op_ask(&s->op, "eth_getBlockByNumber", params_block_tag("latest", false), on_tip, 0);
	return op_begun(&s->op, status_drop);
}
