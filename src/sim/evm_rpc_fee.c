/* What only the node of a chain with a fee market answers. */
#include <stdio.h>
#include <stdlib.h>

#include "sim/evm_chain.h"

#define HISTORY_MAX 1024u
#define PERCENTILES_MAX 100u
#define PERCENT_DECIMALS 4u
#define PERCENT_UNIT UINT64_C(10000) /* a percent, with that many decimals */
#define RATIO_DIGITS_MAX 17

static void rpc_priority(struct simevm_rpc_call *c)
{
	js_quantity(c->out, c->e->market_price);
}

/* The shortest text that reads as that number. */
static void put_ratio(struct text *out, uint64_t part, uint64_t whole)
{
	const double ratio = (double)part / (double)whole;
	char text[40];
	for (int digits = 1; digits <= RATIO_DIGITS_MAX; digits++) {
		(void)snprintf(text, sizeof text, "%.*g", digits, ratio);
		if (strtod(text, NULL) == ratio)
			break;
	}
	js_raw(out, slice_str(text));
}

struct tip {
	u128 tip;
	uint64_t gas;
};

static int by_tip(const void *a, const void *b)
{
	const struct tip *x = a, *y = b;
	return (x->tip > y->tip) - (x->tip < y->tip);
}

/* What was paid for a unit of gas beside the base fee, at these parts of the block's gas. */
static void put_rewards(struct text *out, const struct sim_evm *e, const struct simevm_block *block,
	const uint64_t *percentile, size_t count)
{
	struct tip *tip = sim_alloc((block->tx_count + 1) * sizeof *tip);
	for (uint32_t i = 0; i < block->tx_count; i++) {
		const struct simevm_tx *t = e->tx[block->tx[i]];
		tip[i] = (struct tip){t->paid - block->base_fee, t->gas_used};
	}
	qsort(tip, block->tx_count, sizeof *tip, by_tip);
	js_open(out, '[');
	for (size_t k = 0; k < count; k++) {
		const u128 wanted = (u128)block->gas_used * percentile[k];
		uint64_t sum = block->tx_count == 0 ? 0 : tip[0].gas;
		uint32_t at = 0;
		while (at + 1 < block->tx_count && (u128)sum * PERCENT_UNIT * 100 < wanted)
			sum += tip[++at].gas;
		js_quantity(out, block->tx_count == 0 ? 0 : tip[at].tip);
	}
	js_close(out, ']');
	free(tip);
}

static bool percentiles(struct simevm_rpc_call *c, uint64_t *out, size_t *count)
{
	const struct json *list = sim_param(c->params, 2);
	bool ok = json_count(list) <= PERCENTILES_MAX;
	*count = ok ? json_count(list) : 0;
	for (size_t i = 0; i < *count && ok; i++) {
		struct json *box = json_object();
		json_set(box, "p", json_clone(json_at(list, i)));
		ok = json_get_decimal(box, "p", PERCENT_DECIMALS, &out[i]) == OK &&
			out[i] <= 100 * PERCENT_UNIT && (i == 0 || out[i] >= out[i - 1]);
		json_free(box);
	}
	if (!ok)
		sim_reply_error(c->reply, RPC_INVALID_PARAMS, "invalid reward percentile");
	return ok;
}

static const struct simevm_block *block_at(const struct sim_evm *e, uint64_t number)
{
	return &e->block[e->chain[number]];
}

static void put_history(struct simevm_rpc_call *c, uint64_t from, uint64_t to,
	const uint64_t *percentile, size_t count)
{
	const struct sim_evm *e = c->e;
	js_open(c->out, '{');
	js_set_quantity(c->out, "oldestBlock", from);
	js_key(c->out, "baseFeePerGas");
	js_open(c->out, '[');
	for (uint64_t n = from; n <= to; n++)
		js_quantity(c->out, block_at(e, n)->base_fee);
	js_quantity(c->out,
		to == simevm_height(e) ? simevm_next_base_fee(e) : block_at(e, to + 1)->base_fee);
	js_close(c->out, ']');
	js_key(c->out, "gasUsedRatio");
	js_open(c->out, '[');
	for (uint64_t n = from; n <= to; n++)
		put_ratio(c->out, block_at(e, n)->gas_used, e->block_gas);
	js_close(c->out, ']');
	js_key(c->out, "reward");
	js_open(c->out, '[');
	for (uint64_t n = from; n <= to && count > 0; n++)
		put_rewards(c->out, e, block_at(e, n), percentile, count);
	js_close(c->out, ']');
	js_close(c->out, '}');
}

static void rpc_fee_history(struct simevm_rpc_call *c)
{
	uint64_t blocks, percentile[PERCENTILES_MAX];
	size_t count;
	struct simevm_where where;
	if (!simevm_param_u64(c, 0, 1, &blocks) || !simevm_state_block(c, 1, &where) ||
		!percentiles(c, percentile, &count))
		return;
	blocks = blocks == 0 ? 1 : blocks < HISTORY_MAX ? blocks : HISTORY_MAX;
	put_history(c, where.number + 1 < blocks ? 0 : where.number + 1 - blocks, where.number,
		percentile, count);
}

const struct simevm_row simevm_fee_rows[] = {
	{"eth_maxPriorityFeePerGas", rpc_priority, 0, 0},
	{"eth_feeHistory", rpc_fee_history, 2, 3},
};
const size_t simevm_fee_row_count = ARRAY_LEN(simevm_fee_rows);
