/* Where a transaction is. A node without a transaction index can't tell what it confirmed long ago:
 * then our own blocks, the set of unspent outputs and the mempool say what they can, and "absent"
 * is said only by a node whose index is complete. */
#include "layer/utxo/utxo.h"
#include <stdlib.h>

#define RPC_NOT_FOUND (-5)
#define OUTPUTS_ASKED 2u /* of the transaction, in the set of unspent outputs */

enum status_stage { STATUS_ASKED, STATUS_BEST, STATUS_HEIGHT, STATUS_TX, STATUS_BLOCK, STATUS_END };

struct status_op {
	struct op op;
	layer_status_cb cb;
	void *ctx;
	struct hash256 txid;
	struct tx_status out;
	enum status_stage stage;
	bool in_pool, not_found, index_complete;
	struct hash256 block; /* that holds it; zero: not known */
	struct hash256 best;  /* as of which an output was found unspent */
	uint64_t depth;       /* of that output; 0: none found */
	uint64_t height;      /* of best, then of the block */
};

static struct json *params_tx(const struct status_op *s)
{
	struct json *params = json_array();
	json_push(params, core_param_hash(&s->txid));
	return params;
}

/* The node's own record of the transaction. */
static enum err read_tx(struct status_op *s, const struct json *result)
{
	const struct json *block = json_get(result, "blockhash");
	TRY(core_answer_is_tx(s->op.layer, json_get(result, "hex"), &s->txid));
	if (block == NULL)
		s->in_pool = true;
	else
		TRY(core_answer_hash(&s->block, block));
	return OK;
}

static void on_tx(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct status_op *s = op;
	(void)tag;
	if (answer->err == OK)
		s->op.err = read_tx(s, answer->result);
	else if (answer->err == ERR_REJECTED && answer->code == RPC_NOT_FOUND)
		s->not_found = true;
	else if (s->op.err == OK)
		s->op.err = answer->err;
	op_done(&s->op);
}

static enum err read_output(struct status_op *s, const struct json *result)
{
	uint64_t depth;
	if (json_type(result) == JSON_NULL)
		return OK;
	TRY(json_get_u64(result, "confirmations", &depth));
	TRY(core_answer_hash(&s->best, json_get(result, "bestblock")));
	if (depth == 0)
		s->in_pool = true;
	else
		s->depth = depth;
	return OK;
}

static void on_output(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct status_op *s = op;
	(void)tag;
	const enum err err = answer->err == OK ? read_output(s, answer->result) : answer->err;
	if (err != OK && s->op.err == OK)
		s->op.err = err;
	op_done(&s->op);
}

static void on_index(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct status_op *s = op;
	bool synced = false;
	(void)tag;
	/* a node that doesn't know the question (btcd) has no complete index as far as we know */
	if (answer->err == OK &&
		json_get_bool(json_get(answer->result, "txindex"), "synced", &synced) == OK)
		s->index_complete = synced;
	op_done(&s->op);
}

static void on_best(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct status_op *s = op;
	struct block_ref best;
	uint64_t depth;
	(void)tag;
	if (answer->err == OK &&
		core_answer_header(&best, &depth, answer->result, &s->best) == OK &&
		s->depth <= best.height + 1)
		s->height = best.height + 1 - s->depth;
	else
		s->stage = STATUS_END;
	op_done(&s->op);
}

static void on_hash(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct status_op *s = op;
	(void)tag;
	if (answer->err != OK || core_answer_hash(&s->block, answer->result) != OK)
		s->stage = STATUS_END;
	op_done(&s->op);
}

static void on_tx_in_block(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct status_op *s = op;
	(void)tag;
	if (answer->err != OK || core_answer_is_tx(s->op.layer, answer->result, &s->txid) != OK)
		s->stage = STATUS_END;
	op_done(&s->op);
}

static void on_block(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct status_op *s = op;
	(void)tag;
	if (answer->err == OK &&
		core_answer_header(&s->out.block, &s->out.depth, answer->result, &s->block) == OK)
		s->out.presence = TX_CONFIRMED;
	op_done(&s->op);
}

/* After the first answers: what they say, and what is left to ask. */
static enum status_stage weigh(struct status_op *s)
{
	const struct seen_tx *seen = table_get(&utxo_of(s->op.layer)->seen, &s->txid);

	if (hash256_is_zero(&s->block) && seen != NULL &&
		follow_has(&s->op.layer->follow, seen->height, &seen->block))
		s->block = seen->block;
	if (!hash256_is_zero(&s->block))
		return STATUS_BLOCK;
	if (s->in_pool) {
		s->out.presence = TX_MEMPOOL;
		return STATUS_END;
	}
	if (s->depth > 0)
		return STATUS_BEST;
	if (s->not_found && s->index_complete && s->op.err == OK) {
		s->out.presence = TX_ABSENT;
		return STATUS_END;
	}
	(void)DETAIL(s->out.detail, OK, "%s",
		s->op.err == OK ? "the node has no complete transaction index" : s->op.layer->said);
	return STATUS_END;
}

static void ask_stage(struct status_op *s)
{
	struct json *params = json_array();
	ask_cb cb = on_block;
	const char *method = "getblockheader";

	switch (s->stage) {
	case STATUS_BEST:
		json_push(params, core_param_hash(&s->best));
		json_push(params, json_new_bool(true));
		cb = on_best;
		break;
	case STATUS_HEIGHT:
		json_push(params, json_new_u64(s->height));
		method = "getblockhash";
		cb = on_hash;
		break;
	case STATUS_TX:
		json_push(params, core_param_hash(&s->txid));
		json_push(params, json_new_u64(0));
		json_push(params, core_param_hash(&s->block));
		method = "getrawtransaction";
		cb = on_tx_in_block;
		break;
	case STATUS_ASKED:
	case STATUS_BLOCK:
	case STATUS_END:
		json_push(params, core_param_hash(&s->block));
		json_push(params, json_new_bool(true));
		break;
	}
	s->op.err = OK;
	op_ask(&s->op, method, params, cb, 0);
	if (s->op.err != OK)
		s->stage = STATUS_END;
}

/* All answers of a stage are there: the next one, or the end. */
static void status_end(struct op *op)
{
	struct status_op *s = (struct status_op *)(void *)op;
	static const enum status_stage next[] = {
		[STATUS_BEST] = STATUS_HEIGHT,
		[STATUS_HEIGHT] = STATUS_TX,
		[STATUS_TX] = STATUS_BLOCK,
		[STATUS_BLOCK] = STATUS_END,
		[STATUS_END] = STATUS_END,
	};
	s->stage = s->stage == STATUS_ASKED ? weigh(s) : next[s->stage];
	if (s->stage != STATUS_END && !op->layer->dead) {
		ask_stage(s);
		if (s->stage != STATUS_END)
			return;
	}
	if (!op->layer->dead)
		s->cb(s->ctx, &s->out);
	free(s);
}

static void status_drop(struct op *op)
{
	free(op);
}

enum err utxo_status(struct layer *layer, const struct hash256 *txid, layer_status_cb cb, void *ctx)
{
	struct status_op *s = malloc(sizeof *s);
	if (s == NULL)
		return ERR_FULL;
	*s = (struct status_op){.op = {.layer = layer, .pending = 1, .end = status_end},
		.cb = cb,
		.ctx = ctx,
		.txid = *txid,
		.out = {.presence = TX_UNKNOWN}};

	struct json *params = params_tx(s);
	json_push(params, json_new_u64(1)); /* btcd takes no booleans here */
	op_ask(&s->op, "getrawtransaction", params, on_tx, 0);
	for (uint32_t i = 0; i < OUTPUTS_ASKED; i++) {
		params = params_tx(s);
		json_push(params, json_new_u64(i));
		json_push(params, json_new_bool(true));
		op_ask(&s->op, "gettxout", params, on_output, 0);
	}
	params = json_array();
	json_push(params, json_new_string("txindex"));
	op_ask(&s->op, "getindexinfo", params, on_index, 0);
	return op_begun(&s->op, status_drop);
}
