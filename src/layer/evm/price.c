/* What gas costs: the node's price and the tip, put together as the network has it. */
#include "layer/evm/evm.h"
#include "wire/op_fee.h"
#include <stdlib.h>

/* The predeploy that says what data costs on the first layer. */
static const struct evm_address oracle = {{0x42, [19] = 0x0f}};

enum oracle_value { BASE_FEE, BLOB_BASE_FEE, BASE_SCALAR, BLOB_SCALAR, ORACLE_VALUES };
/* l1BaseFee(), blobBaseFee(), baseFeeScalar(), blobBaseFeeScalar() */
static const uint8_t selector[ORACLE_VALUES][4] = {[BASE_FEE] = {0x51, 0x9b, 0x4b, 0xd3},
	[BLOB_BASE_FEE] = {0xf8, 0x20, 0x61, 0x40},
	[BASE_SCALAR] = {0xc5, 0x98, 0x59, 0x18},
	[BLOB_SCALAR] = {0x68, 0xd5, 0xdc, 0xa6}};

/* Bytes of the largest transaction of ours but a deployment, signed: a claim of tokens. */
#define SAMPLE_SIZE 384u

struct price_op {
	struct op op;
	price_cb cb;
	void *ctx;
	uint64_t price, rate, data_fee;
	uint64_t value[ORACLE_VALUES];
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

/* A chain that has no such predeploy charges nothing. */
static void on_oracle(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct price_op *p = op;
	const struct slice text = json_string(answer->result);
	enum err err = answer->err;
	if (err == OK && !slice_eq(text, slice_str("0x")))
		err = evm_answer_u64(&p->value[tag], answer->result);
	if (p->op.err == OK)
		p->op.err = err;
	op_done(&p->op);
}

/* The fee for data that nothing can compress, by both formulas: what a transaction of ours costs is
 * not more. */
static enum err data_fee_bound(uint64_t *out, const struct price_op *p)
{
	const enum asset asset = layer_gas_asset(p->op.layer->config.id);
	struct op_fee_params params = {
		.base_fee = p->value[BASE_FEE], .blob_base_fee = p->value[BLOB_BASE_FEE]};
	struct amount ecotone, fjord;
	uint8_t sample[SAMPLE_SIZE], word[32];

	if (p->value[BASE_SCALAR] > UINT32_MAX || p->value[BLOB_SCALAR] > UINT32_MAX)
		return ERR_RANGE;
	params.base_fee_scalar = (uint32_t)p->value[BASE_SCALAR];
	params.blob_base_fee_scalar = (uint32_t)p->value[BLOB_SCALAR];
	for (uint32_t i = 0; i < sizeof sample; i++)
		sample[i] = (uint8_t)(i * i * 167u + i * 59u + (i >> 3) * 101u + 1u);
	TRY(op_fee_ecotone(&ecotone, asset, &params, slice_of(sample, sizeof sample), true));
	TRY(op_fee_fjord(&fjord, asset, &params, slice_of(sample, sizeof sample), true));
	amount_store_word(word, amount_cmp(ecotone, fjord) > 0 ? ecotone : fjord);
	if (load_be64(word + 16) != 0)
		return ERR_RANGE;
	*out = load_be64(word + 24);
	return OK;
}

static void price_end(struct op *op)
{
	struct price_op *p = (struct price_op *)(void *)op;
	enum err err = op->err;

	if (err == OK)
		err = evm_kind_of(op->layer->config.id)->rate(&p->rate, p->block, p->price);
	if (err == OK && p->rate > EVM_RATE_MAX)
		err = ERR_RANGE;
	if (err == OK && evm_is_rollup(op->layer))
		err = data_fee_bound(&p->data_fee, p);
	if (op->layer->dead)
		err = ERR_CANCELLED;
	p->cb(p->ctx, err, err == OK ? p->rate : 0, err == OK ? p->data_fee : 0);
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
	for (unsigned i = 0; evm_is_rollup(layer) && i < ORACLE_VALUES; i++)
		op_ask(&p->op, "eth_call",
			params_call(&oracle, slice_of(selector[i], sizeof selector[i]),
				json_new_string("latest")),
			on_oracle, i);
	return op_begun(&p->op, price_drop);
}
