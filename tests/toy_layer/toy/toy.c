/* A network of the toy kind: an EVM chain that differs in nothing but its number and its least gas
 * price, which it doubles. */
#include "layer/evm/evm.h"

static enum err rate(uint64_t *out, const struct json *block, uint64_t price)
{
	(void)block;
	if (price > EVM_RATE_MAX / 2)
		return ERR_RANGE;
	*out = price * 2;
	return OK;
}

const struct evm_kind toy_kind = {.price_method = "eth_gasPrice", .rate = rate};
