/* Unconfirmed claims: a preimage counts from the moment it is seen (HAZARDS 7). It is looked for by
 * its hash in the words of the calldata of every pending transaction, whomever that calls. */
#include "crypto/hash.h"
#include "layer/evm/evm.h"
#include <stdlib.h>

#define CALL_MAX (4u + 32u * 16u) /* how far calldata is looked at */
#define WORD_SIZE 32u

static void tell(struct evm_layer *r, const struct hash256 *tx, const struct hash256 *preimage,
	const struct hash_watch *hash)
{
	struct layer *layer = &r->layer;
	const struct swap_watch *watch = table_get(&r->swap, &hash->swap);
	struct chain_event e = {.kind = CHAIN_LOCK_SPENT,
		.tx = *tx,
		.swap = hash->swap,
		.spend = LOCK_SPEND_CLAIM,
		.preimage = *preimage};

	if (watch == NULL)
		return;
	const struct lock_seen *seen = table_get(&r->seen, &watch->key);
	if (seen != NULL)
		e.at = seen->at;
	layer->sink.on_mempool(layer->sink.ctx, layer->config.id, &e);
}

static void look(struct evm_layer *r, const struct hash256 *tx, const uint8_t *call, size_t len)
{
	for (size_t at = 4; at + WORD_SIZE <= len; at += WORD_SIZE) {
		struct hash256 word, hash;
		memcpy(word.b, call + at, sizeof word.b);
		sha256(&hash, slice_of(word.b, sizeof word.b));
		const struct hash_watch *watch = table_get(&r->hash, &hash);
		if (watch != NULL)
			tell(r, tx, &word, watch);
	}
}

static void look_at(struct evm_layer *r, const struct json *value)
{
	uint8_t call[CALL_MAX];
	struct hash256 tx;
	const struct json *data = json_get(value, "input");
	const struct slice text = json_string(data);

	if (evm_answer_hash(&tx, json_get(value, "hash")) != OK)
		return;
	struct pending_seen *seen = table_get(&r->pending, &tx);
	if (seen != NULL) {
		seen->generation = r->pending_generation;
		return;
	}
	seen = table_put(&r->pending, &tx);
	if (seen == NULL)
		return;
	seen->generation = r->pending_generation;
	/* the first part of longer calldata is enough */
	if (text.ptr == NULL || text.len < 2 + 2 * (4 + WORD_SIZE))
		return;
	const size_t len = (text.len - 2) / 2 < sizeof call ? (text.len - 2) / 2 : sizeof call;
	if (evm_answer_prefix(call, len, data) == OK)
		look(r, &tx, call, len);
}

static void on_pending(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct evm_layer *r = op;
	(void)tag;
	r->pending_asking = false;
	if (r->layer.dead || r->layer.sink.on_mempool == NULL || answer->err != OK)
		return;
	const struct json *list = json_get(answer->result, "transactions");
	r->pending_generation++;
	for (size_t i = 0; i < json_count(list); i++)
		look_at(r, json_at(list, i));
	for (uint32_t i = r->pending.item_count; i-- > 0;) {
		const struct pending_seen *seen = table_at(&r->pending, i);
		const struct hash256 tx = seen->tx;
		if (seen->generation != r->pending_generation)
			table_remove(&r->pending, &tx);
	}
}

void evm_pending_poll(struct evm_layer *r)
{
	if (r->pending_asking || r->layer.sink.on_mempool == NULL || r->hash.item_count == 0)
		return;
	r->pending_asking = adapter_ask(&r->layer, "eth_getBlockByNumber",
				    params_block_tag("pending", true), on_pending, r, 0) == OK;
}
