/* Shapes of a node's answers. Every check here is against a node that may lie. */
#include "base/hex.h"
#include "layer/utxo/utxo.h"
#include <stdatomic.h>
#include <stdlib.h>

/* Heights that a node may name: far above any chain, far below what would wrap. */
#define HEIGHT_MAX 500000000u

enum err core_answer_hash(struct hash256 *out, const struct json *value)
{
	const struct slice text = json_string(value);
	if (text.ptr == NULL)
		return ERR_FORMAT;
	return hex_decode_reversed(out->b, sizeof out->b, text) == OK ? OK : ERR_FORMAT;
}

struct json *core_param_hash(const struct hash256 *hash)
{
	char text[65];
	hex_encode_reversed(text, hash->b, sizeof hash->b);
	return json_new_string(text);
}

/* Bytes that are decoded in one go: enough to be worth another worker's while, and so few that who
 * is not waited for any more ends soon. */
#define HEX_PART ((size_t)4096)

struct hex_parts {
	uint8_t *out;
	size_t len;
	struct slice text;
	_Atomic bool bad;
};

static void decode_parts(void *ctx, size_t begin, size_t end)
{
	struct hex_parts *h = ctx;
	const size_t from = begin * HEX_PART;
	const size_t to = h->len - from < (end - begin) * HEX_PART ? h->len : end * HEX_PART;
	/* relaxed: looked at after all have ended */
	if (hex_decode(h->out + from, to - from,
		    slice_of(h->text.ptr + 2 * from, 2 * (to - from))) != OK)
		atomic_store_explicit(&h->bad, true, memory_order_relaxed);
}

enum err core_answer_hex(uint8_t **bytes, size_t *len, size_t len_max, const struct json *value,
	const struct parallel *parallel)
{
	const struct slice text = json_string(value);
	if (text.ptr == NULL || text.len == 0 || text.len % 2 != 0)
		return ERR_FORMAT;
	if (text.len / 2 > len_max)
		return ERR_FULL;
	struct hex_parts parts = {.out = malloc(text.len / 2), .len = text.len / 2, .text = text};
	if (parts.out == NULL)
		return ERR_FULL;
	parallel_run(
		parallel, (parts.len + HEX_PART - 1) / HEX_PART, HEX_PART, decode_parts, &parts);
	if (atomic_load_explicit(&parts.bad, memory_order_relaxed)) {
		free(parts.out);
		return ERR_FORMAT;
	}
	*bytes = parts.out;
	*len = parts.len;
	return OK;
}

static enum err same_id(void *ctx, const struct btc_tx *tx, const struct hash256 *txid)
{
	(void)tx;
	return hash256_eq(ctx, txid) ? OK : ERR_CHECKSUM;
}

enum err core_answer_is_tx(struct layer *layer, const struct json *hex, const struct hash256 *txid)
{
	struct hash256 expected = *txid;
	uint8_t *raw;
	size_t len;

	TRY(core_answer_hex(&raw, &len, BTC_TX_SIZE_MAX, hex, NULL));
	const enum err err = utxo_tx_open(layer, slice_of(raw, len), same_id, &expected);
	free(raw);
	return err;
}

#define RPC_NO_METHOD (-32601)
#define RPC_MISC (-1) /* btcd: known by name, "Command unimplemented" */

bool core_answer_no_method(const struct rpc_answer *answer)
{
	return answer->err == ERR_REJECTED &&
		(answer->code == RPC_NO_METHOD ||
			(answer->code == RPC_MISC &&
				strstr(answer->message, "unimplemented") != NULL));
}

enum err core_answer_header(struct block_ref *out, uint64_t *confirmations,
	const struct json *result, const struct hash256 *hash)
{
	struct block_ref block = {.hash = *hash};
	struct hash256 said;
	uint64_t time;
	int64_t confirmed;

	TRY(core_answer_hash(&said, json_get(result, "hash")));
	TRY(json_get_u64(result, "height", &block.height));
	TRY(json_get_u64(result, "time", &time));
	TRY(json_get_i64(result, "confirmations", &confirmed));
	if (!hash256_eq(&said, hash) || block.height > HEIGHT_MAX || time > UINT32_MAX)
		return ERR_FORMAT;
	if (block.height > 0)
		TRY(core_answer_hash(&block.parent, json_get(result, "previousblockhash")));
	if (confirmed < 0)
		return ERR_STATE;
	if (confirmed == 0 || confirmed > HEIGHT_MAX)
		return ERR_FORMAT;
	block.time_ms = time * 1000;
	*out = block;
	*confirmations = (uint64_t)confirmed;
	return OK;
}
