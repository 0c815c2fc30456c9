#include "wire/abi.h"

void abi_put_u128(struct buf *out, u128 v)
{
	uint8_t word[ABI_WORD] = {0};
	store_be64(word + 16, (uint64_t)(v >> 64));
	store_be64(word + 24, (uint64_t)v);
	buf_put(out, word, sizeof word);
}

void abi_put_u64(struct buf *out, uint64_t v)
{
	abi_put_u128(out, v);
}

void abi_put_amount(struct buf *out, struct amount a)
{
	uint8_t word[ABI_WORD];
	amount_store_word(word, a);
	buf_put(out, word, sizeof word);
}

void abi_put_address(struct buf *out, const struct evm_address *a)
{
	uint8_t word[ABI_WORD] = {0};
	memcpy(word + ABI_WORD - sizeof a->b, a->b, sizeof a->b);
	buf_put(out, word, sizeof word);
}

void abi_put_hash(struct buf *out, const struct hash256 *h)
{
	buf_put(out, h->b, sizeof h->b);
}

static bool zeros(const uint8_t *b, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (b[i] != 0)
			return false;
	return true;
}

enum err abi_get_u128(u128 *out, const uint8_t word[ABI_WORD])
{
	if (!zeros(word, 16))
		return ERR_RANGE;
	*out = (u128)load_be64(word + 16) << 64 | (u128)load_be64(word + 24);
	return OK;
}

enum err abi_get_u64(uint64_t *out, const uint8_t word[ABI_WORD])
{
	if (!zeros(word, ABI_WORD - 8))
		return ERR_RANGE;
	*out = load_be64(word + ABI_WORD - 8);
	return OK;
}

enum err abi_get_address(struct evm_address *out, const uint8_t word[ABI_WORD])
{
	if (!zeros(word, ABI_WORD - sizeof out->b))
		return ERR_FORMAT;
	memcpy(out->b, word + ABI_WORD - sizeof out->b, sizeof out->b);
	return OK;
}

enum err abi_get_bool(bool *out, const uint8_t word[ABI_WORD])
{
	if (!zeros(word, ABI_WORD - 1) || word[ABI_WORD - 1] > 1)
		return ERR_FORMAT;
	*out = word[ABI_WORD - 1] == 1;
	return OK;
}
