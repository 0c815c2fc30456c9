/* A typed transaction that is read is written as the same bytes, unsigned and signed; so is the
 * data of a token's call. The compressor's estimate is within what any data can come to. */
#include "wire/erc20.h"
#include "wire/evm_htlc.h"
#include "wire/op_fee.h"
#include "wire/rsk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t storage[EVM_TX_MAX];

static void check_tokens(struct slice in)
{
	struct erc20_call call;
	struct erc20_event event;
	struct evm_htlc_event swap;
	struct hash256 topic[4];
	uint8_t script[BTC_SCRIPT_STD_MAX];
	size_t len;
	struct buf out = buf_init(storage, sizeof storage);
	if (erc20_call_parse(&call, ASSET_RBTC, in) == OK) {
		(call.kind == ERC20_TRANSFER ? erc20_transfer_call : erc20_approve_call)(
			&out, &call.to, call.amount);
		CHECK(slice_eq(buf_slice(&out), in));
	}
	if (rsk_federation_parse(
		    script, &len, network_by_name(LAYER_BITCOIN, slice_str("testnet")), in) == OK)
		CHECK(len <= sizeof script);
	const size_t count = in.len / 32 < 4 ? in.len / 32 : 4;
	if (count == 0)
		return;
	memcpy(topic, in.ptr, 32 * count);
	for (size_t n = 1; n <= count; n++) {
		const struct slice rest = slice_of(in.ptr + 32 * n, in.len - 32 * n);
		if (erc20_event_parse(&event, ASSET_RBTC, topic, n, rest) == OK)
			CHECK(n == 3 && rest.len == 32);
		if (evm_htlc_event_parse(&swap, ASSET_RBTC, topic, n, rest) == OK)
			CHECK(hash256_eq(
				&swap.hash, &topic[swap.kind == EVM_HTLC_SETTLED ? 2 : 1]));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct slice in = slice_of(data, size);
	struct evm_tx tx;
	struct evm_address from;
	struct hash256 hash;
	struct buf out = buf_init(storage, sizeof storage);
	if (size > EVM_TX_MAX)
		return 0;
	if (evm_tx_parse_unsigned(&tx, ASSET_RBTC, in) == OK) {
		evm_tx_put_unsigned(&out, &tx);
		CHECK(!out.overflow && slice_eq(buf_slice(&out), in));
	}
	if (evm_tx_parse_signed(&tx, &from, &hash, ASSET_RBTC, in) == OK &&
		tx.type == EVM_TYPE_FEE_MARKET)
		CHECK(amount_cmp(tx.priority_fee, tx.gas_price) <= 0);
	CHECK(fastlz_size(in) <= size + size / 32 + 1);
	check_tokens(in);
	return 0;
}
