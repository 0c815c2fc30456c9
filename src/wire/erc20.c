#include "wire/erc20.h"

/* transfer(address,uint256), approve(address,uint256), balanceOf(address),
 * decimals(), allowance(address,address) */
static const uint8_t selector_transfer[ABI_SELECTOR] = {0xa9, 0x05, 0x9c, 0xbb};
static const uint8_t selector_approve[ABI_SELECTOR] = {0x09, 0x5e, 0xa7, 0xb3};
static const uint8_t selector_balance[ABI_SELECTOR] = {0x70, 0xa0, 0x82, 0x31};
static const uint8_t selector_decimals[ABI_SELECTOR] = {0x31, 0x3c, 0xe5, 0x67};
static const uint8_t selector_allowance[ABI_SELECTOR] = {0xdd, 0x62, 0xed, 0x3e};

/* Transfer(address,address,uint256) */
const struct hash256 erc20_topic_transfer = {{0xdd, 0xf2, 0x52, 0xad, 0x1b, 0xe2, 0xc8, 0x9b, 0x69,
	0xc2, 0xb0, 0x68, 0xfc, 0x37, 0x8d, 0xaa, 0x95, 0x2b, 0xa7, 0xf1, 0x63, 0xc4, 0xa1, 0x16,
	0x28, 0xf5, 0x5a, 0x4d, 0xf5, 0x23, 0xb3, 0xef}};
/* Approval(address,address,uint256) */
const struct hash256 erc20_topic_approval = {{0x8c, 0x5b, 0xe1, 0xe5, 0xeb, 0xec, 0x7d, 0x5b, 0xd1,
	0x4f, 0x71, 0x42, 0x7d, 0x1e, 0x84, 0xf3, 0xdd, 0x03, 0x14, 0xc0, 0xf7, 0xb2, 0x29, 0x1e,
	0x5b, 0x20, 0x0a, 0xc8, 0xc7, 0xc3, 0xb9, 0x25}};

void erc20_transfer_call(struct buf *out, const struct evm_address *to, struct amount amount)
{
	buf_put(out, selector_transfer, sizeof selector_transfer);
	abi_put_address(out, to);
	abi_put_amount(out, amount);
}

void erc20_approve_call(struct buf *out, const struct evm_address *spender, struct amount amount)
{
	buf_put(out, selector_approve, sizeof selector_approve);
	abi_put_address(out, spender);
	abi_put_amount(out, amount);
}

void erc20_balance_call(struct buf *out, const struct evm_address *owner)
{
	buf_put(out, selector_balance, sizeof selector_balance);
	abi_put_address(out, owner);
}

void erc20_decimals_call(struct buf *out)
{
	buf_put(out, selector_decimals, sizeof selector_decimals);
}

void erc20_allowance_call(
	struct buf *out, const struct evm_address *owner, const struct evm_address *spender)
{
	buf_put(out, selector_allowance, sizeof selector_allowance);
	abi_put_address(out, owner);
	abi_put_address(out, spender);
}

enum err erc20_call_parse(struct erc20_call *out, enum asset asset, struct slice data)
{
	struct erc20_call call;
	if (data.len < ABI_SELECTOR)
		return ERR_NOT_FOUND;
	if (memcmp(data.ptr, selector_transfer, ABI_SELECTOR) == 0)
		call.kind = ERC20_TRANSFER;
	else if (memcmp(data.ptr, selector_approve, ABI_SELECTOR) == 0)
		call.kind = ERC20_APPROVE;
	else
		return ERR_NOT_FOUND;
	if (data.len != ABI_SELECTOR + 2 * ABI_WORD)
		return ERR_FORMAT;
	TRY(abi_get_address(&call.to, data.ptr + ABI_SELECTOR));
	TRY(amount_load_word(&call.amount, asset, data.ptr + ABI_SELECTOR + ABI_WORD));
	*out = call;
	return OK;
}

enum err erc20_amount_parse(struct amount *out, enum asset asset, struct slice answer)
{
	return answer.len == ABI_WORD ? amount_load_word(out, asset, answer.ptr) : ERR_FORMAT;
}

enum err erc20_decimals_parse(unsigned *out, struct slice answer)
{
	uint64_t n;
	if (answer.len == 0)
		return ERR_NOT_FOUND;
	if (answer.len != ABI_WORD || abi_get_u64(&n, answer.ptr) != OK || n > UINT8_MAX)
		return ERR_FORMAT;
	*out = (unsigned)n;
	return OK;
}

bool erc20_done(struct slice answer)
{
	bool done;
	return answer.len == 0 ||
		(answer.len == ABI_WORD && abi_get_bool(&done, answer.ptr) == OK && done);
}

enum err erc20_event_parse(struct erc20_event *out, enum asset asset, const struct hash256 *topic,
	size_t topic_count, struct slice data)
{
	struct erc20_event e;
	if (topic_count != 3)
		return ERR_NOT_FOUND;
	if (hash256_eq(&topic[0], &erc20_topic_transfer))
		e.kind = ERC20_TRANSFER;
	else if (hash256_eq(&topic[0], &erc20_topic_approval))
		e.kind = ERC20_APPROVE;
	else
		return ERR_NOT_FOUND;
	if (data.len != ABI_WORD)
		return ERR_FORMAT;
	TRY(abi_get_address(&e.from, topic[1].b));
	TRY(abi_get_address(&e.to, topic[2].b));
	TRY(amount_load_word(&e.amount, asset, data.ptr));
	*out = e;
	return OK;
}
