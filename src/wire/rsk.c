#include "wire/rsk.h"

#include "wire/abi.h"

/* Precompiled contracts have addresses of four bytes: Ethereum's from 1 on, Rootstock's from
 * 0x01000000 on. */
#define PREFIX_SIZE 16u
#define ETHEREUM_LAST 0x000000ffu
#define ROOTSTOCK_FIRST 0x01000000u
#define ROOTSTOCK_LAST 0x0100ffffu

const struct evm_address rsk_bridge = {
	{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01, 0x00, 0x00, 0x06}};

static const uint8_t selector_federation[ABI_SELECTOR] = {0x69, 0x23, 0xfa, 0x85};

enum rsk_address_kind rsk_address_kind(const struct evm_address *a)
{
	static const uint8_t prefix[PREFIX_SIZE];
	if (memcmp(a->b, prefix, sizeof prefix) != 0)
		return RSK_ORDINARY;
	if (evm_address_eq(a, &rsk_bridge))
		return RSK_BRIDGE;
	const uint32_t number = load_be32(a->b + PREFIX_SIZE);
	const bool rootstock = number >= ROOTSTOCK_FIRST && number <= ROOTSTOCK_LAST;
	return number <= ETHEREUM_LAST || rootstock ? RSK_RESERVED : RSK_ORDINARY;
}

void rsk_federation_call(struct buf *out)
{
	buf_put(out, selector_federation, sizeof selector_federation);
}

enum err rsk_federation_parse(uint8_t script[BTC_SCRIPT_STD_MAX], size_t *script_len,
	const struct network *bitcoin, struct slice answer)
{
	uint64_t offset;
	uint64_t len;
	/* where the string is, its length, its bytes filled up to a whole word */
	if (answer.len < 2 * (size_t)ABI_WORD || abi_get_u64(&offset, answer.ptr) != OK ||
		offset != ABI_WORD || abi_get_u64(&len, answer.ptr + ABI_WORD) != OK)
		return ERR_FORMAT;
	const size_t room = answer.len - 2 * (size_t)ABI_WORD;
	if (len > room || room - len >= ABI_WORD || room % ABI_WORD != 0)
		return ERR_FORMAT;
	return btc_address_parse(script, script_len, bitcoin,
		slice_of(answer.ptr + 2 * (size_t)ABI_WORD, (size_t)len));
}
