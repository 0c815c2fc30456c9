/* Shapes of an EVM node's answers. Every check here is against a node that may lie. */
#include "base/hex.h"
#include "base/mutant.h"
#include "crypto/hash.h"
#include "layer/evm/evm.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define HEIGHT_MAX (UINT64_C(1) << 48)
#define TIME_MAX (UINT64_C(1) << 40) /* seconds */

/* The digits after "0x"; .ptr NULL where there is no such text. */
static struct slice digits(const struct json *value)
{
	const struct slice text = json_string(value);
	if (text.ptr == NULL || text.len < 2 || text.ptr[0] != '0' || text.ptr[1] != 'x')
		return (struct slice){0};
	return slice_of(text.ptr + 2, text.len - 2);
}

static enum err answer_fixed(uint8_t *out, size_t len, const struct json *value)
{
	const struct slice hex = digits(value);
	if (hex.ptr == NULL)
		return ERR_FORMAT;
	return hex_decode(out, len, hex) == OK ? OK : ERR_FORMAT;
}

enum err evm_answer_hash(struct hash256 *out, const struct json *value)
{
	return answer_fixed(out->b, sizeof out->b, value);
}

enum err evm_answer_address(struct evm_address *out, const struct json *value)
{
	return answer_fixed(out->b, sizeof out->b, value);
}

/* A quantity of up to 256 bits as a word. */
static enum err answer_word(uint8_t word[32], const struct json *value)
{
	const struct slice hex = digits(value);
	uint8_t text[64];
	if (hex.ptr == NULL || hex.len == 0 || hex.len > sizeof text)
		return ERR_FORMAT;
	memset(text, '0', sizeof text);
	memcpy(text + sizeof text - hex.len, hex.ptr, hex.len);
	return hex_decode(word, 32, slice_of(text, sizeof text)) == OK ? OK : ERR_FORMAT;
}

enum err evm_answer_amount(struct amount *out, enum asset asset, const struct json *value)
{
	uint8_t word[32];
	struct amount a;
	TRY(answer_word(word, value));
	if (MUTANT(WEI_OF_64_BITS))
		memset(word, 0, sizeof word - sizeof(uint64_t));
	TRY(amount_load_word(&a, asset, word));
	if (amount_cmp(a, amount_max(asset)) > 0)
		return ERR_RANGE;
	*out = a;
	return OK;
}

enum err evm_answer_u64(uint64_t *out, const struct json *value)
{
	uint8_t word[32];
	uint8_t high = 0;
	TRY(answer_word(word, value));
	for (size_t i = 0; i < 24; i++)
		high |= word[i];
	if (high != 0)
		return ERR_RANGE;
	*out = load_be64(word + 24);
	return OK;
}

enum err evm_answer_bytes(uint8_t *bytes, size_t *len, size_t len_max, const struct json *value)
{
	const struct slice hex = digits(value);
	if (hex.ptr == NULL)
		return ERR_FORMAT;
	return hex_decode_var(bytes, len, len_max, hex);
}

enum err evm_answer_prefix(uint8_t *bytes, size_t len, const struct json *value)
{
	const struct slice hex = digits(value);
	if (hex.ptr == NULL || hex.len / 2 < len)
		return ERR_FORMAT;
	return hex_decode(bytes, len, slice_of(hex.ptr, 2 * len)) == OK ? OK : ERR_FORMAT;
}

enum err evm_answer_block(struct block_ref *out, const struct json *result)
{
	struct block_ref block;
	uint64_t time;
	TRY(evm_answer_hash(&block.hash, json_get(result, "hash")));
	TRY(evm_answer_hash(&block.parent, json_get(result, "parentHash")));
	TRY(evm_answer_u64(&block.height, json_get(result, "number")));
	TRY(evm_answer_u64(&time, json_get(result, "timestamp")));
	if (block.height > HEIGHT_MAX || time > TIME_MAX)
		return ERR_RANGE;
	block.time_ms = time * 1000;
	*out = block;
	return OK;
}

enum err evm_answer_is_contract(enum layer_id id, const struct json *value)
{
	uint8_t code[EVM_CODE_MAX];
	struct hash256 hash;
	size_t len;
	const enum err err = evm_answer_bytes(code, &len, sizeof code, value);
	if (err != OK)
		return err == ERR_FULL ? ERR_NETWORK : ERR_FORMAT;
	keccak256(&hash, slice_of(code, len));
	return hash256_eq(&hash, evm_htlc_code_hash(id)) ? OK : ERR_NETWORK;
}

struct json *evm_param_bytes(struct slice bytes)
{
	char *text = malloc(2 * bytes.len + 3);
	if (text == NULL)
		return NULL;
	text[0] = '0';
	text[1] = 'x';
	hex_encode(text + 2, bytes.ptr, bytes.len);
	struct json *value = json_new_string(text);
	free(text);
	return value;
}

struct json *evm_param_hash(const struct hash256 *hash)
{
	return evm_param_bytes(slice_of(hash->b, sizeof hash->b));
}

struct json *evm_param_address(const struct evm_address *a)
{
	return evm_param_bytes(slice_of(a->b, sizeof a->b));
}

struct json *evm_param_quantity(uint64_t n)
{
	char text[24];
	(void)snprintf(text, sizeof text, "0x%" PRIx64, n);
	return json_new_string(text);
}

enum err ask_block_at(struct layer *layer, uint64_t height, ask_cb cb, void *op, uint64_t tag)
{
	struct json *params = json_array();
	json_push(params, evm_param_quantity(height));
	json_push(params, json_new_bool(false));
	return adapter_ask(layer, "eth_getBlockByNumber", params, cb, op, tag);
}

struct json *params_block_tag(const char *block_tag, bool full)
{
	struct json *params = json_array();
	json_push(params, json_new_string(block_tag));
	json_push(params, json_new_bool(full));
	return params;
}

struct json *params_call(const struct evm_address *to, struct slice data, struct json *where)
{
	struct json *params = json_array(), *object = json_object();
	json_set(object, "to", evm_param_address(to));
	json_set(object, "data", evm_param_bytes(data));
	json_push(params, object);
	json_push(params, where);
	return params;
}
