/* What is BOB's own among EVM networks: a fee market (EIP-1559) on a rollup of the OP stack. Its
 * value is a token, its gas is ether (base/network.c). */
#include "layer/evm/evm.h"

/* A tenth of a percent of a gwei: what a sequencer asks that says nothing. */
#define PRIORITY_MIN UINT64_C(1000000)

/* The most that is paid for a unit of gas: the base fee may double before the transaction is mined,
 * and the share of it that is the block maker's has to be at least what the node suggests. */
static enum err rate(uint64_t *out, const struct json *block, uint64_t price)
{
	const uint64_t priority = price > PRIORITY_MIN ? price : PRIORITY_MIN;
	uint64_t base;
	TRY(evm_answer_u64(&base, json_get(block, "baseFeePerGas")));
	if (base > EVM_RATE_MAX || priority > EVM_RATE_MAX)
		return ERR_RANGE;
	const uint64_t by_base = 2 * base + priority, by_share = EVM_PRIORITY_SHARE * priority;
	*out = by_base > by_share ? by_base : by_share;
	return OK;
}

const struct evm_kind bob_kind = {.price_method = "eth_maxPriorityFeePerGas", .rate = rate};
