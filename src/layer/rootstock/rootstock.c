/* What is Rootstock's own among EVM networks: a least gas price that blocks state, and addresses
 * that no payment may go to. */
#include "layer/evm/evm.h"
#include "wire/rsk.h"

/* The Bridge takes value for a peg-out, the other precompiled contracts keep it. */
static enum err payee(const struct evm_address *a)
{
	return rsk_address_kind(a) == RSK_ORDINARY ? OK : ERR_RANGE;
}

/* rskj answers eth_gasPrice with what recent blocks took; miners agree on the least price in the
 * blocks themselves, and other nodes have no such field. */
static enum err rate(uint64_t *out, const struct json *block, uint64_t price)
{
	const struct json *field = json_get(block, "minimumGasPrice");
	uint64_t least = 0;
	if (json_type(field) == JSON_STRING)
		TRY(evm_answer_u64(&least, field));
	*out = price > least ? price : least;
	return OK;
}

const struct evm_kind rootstock_kind = {
	.payee = payee, .price_method = "eth_gasPrice", .rate = rate};
