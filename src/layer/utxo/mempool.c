/* The mempool, by listing it and looking once at each transaction that is new: lock-ups on their
 * way, and spends of lock-ups, whose preimages count from the moment they are seen (HAZARDS 7). */
#include "layer/utxo/utxo.h"
#include <stdlib.h>

static void fetch_more(struct utxo *b);

static enum err tell(void *ctx, const struct chain_event *event)
{
	struct layer *layer = ctx;
	if (layer->sink.on_mempool != NULL)
		layer->sink.on_mempool(layer->sink.ctx, layer->config.id, event);
	return OK;
}

struct pool_fetch {
	struct utxo *b;
	struct hash256 txid;
};

static enum err use_tx(void *ctx, const struct btc_tx *tx, const struct hash256 *txid)
{
	const struct pool_fetch *f = ctx;
	if (!hash256_eq(txid, &f->txid))
		return ERR_CHECKSUM;
	static const struct utxo_place mempool;
	return utxo_match(f->b, tx, txid, &mempool, tell, &f->b->layer);
}

static void on_tx(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct pool_fetch f = *(struct pool_fetch *)op;
	struct layer *layer = &f.b->layer;
	enum err err = answer->err;
	uint8_t *raw;
	size_t len;

	(void)tag;
	free(op);
	f.b->pool_in_flight--;
	if (layer->dead || layer->sink.on_block == NULL)
		return;
	if (err == OK)
		err = core_answer_hex(&raw, &len, BTC_TX_SIZE_MAX, answer->result, NULL);
	if (err == OK) {
		err = utxo_tx_open(layer, slice_of(raw, len), use_tx, &f);
		free(raw);
		if (err != OK)
			(void)DETAIL(layer->info.detail, OK,
				"a transaction of the mempool that can't be right (%s)",
				err_name(err));
	}
	/* Gone from the mempool in between is an answer; without one it is asked for again. */
	if (err != OK && err != ERR_REJECTED)
		table_remove(&f.b->pool, &f.txid);
	fetch_more(f.b);
}

static void fetch_more(struct utxo *b)
{
	while (b->pool_in_flight < UTXO_POOL_IN_FLIGHT && b->pool_todo_next < b->pool_todo_count) {
		const struct hash256 txid = b->pool_todo[b->pool_todo_next++];
		struct pool_fetch *f = malloc(sizeof *f);
		if (f == NULL)
			return;
		*f = (struct pool_fetch){.b = b, .txid = txid};
		struct json *params = json_array();
		json_push(params, core_param_hash(&txid));
		json_push(params, json_new_u64(0)); /* btcd takes no booleans here */
		if (adapter_ask(&b->layer, "getrawtransaction", params, on_tx, f, 0) != OK) {
			free(f);
			table_remove(&b->pool, &txid);
			return;
		}
		b->pool_in_flight++;
	}
}

/* What left the mempool is forgotten, and looked at again should it come back. */
static void forget_gone(struct utxo *b)
{
	for (uint32_t i = b->pool.item_count; i-- > 0;) {
		const struct pool_tx *tx = table_at(&b->pool, i);
		const struct hash256 txid = tx->txid;
		if (tx->generation != b->pool_generation)
			table_remove(&b->pool, &txid);
	}
}

static enum err take_list(struct utxo *b, const struct json *list)
{
	const size_t count = json_count(list);
	if (json_type(list) != JSON_ARRAY)
		return ERR_FORMAT;
	b->pool_generation++;
	for (size_t i = 0; i < count; i++) {
		struct hash256 txid;
		TRY(core_answer_hash(&txid, json_at(list, i)));
		struct pool_tx *tx = table_get(&b->pool, &txid);
		if (tx != NULL) {
			tx->generation = b->pool_generation;
			continue;
		}
		/* the rest is new in the next listing, too */
		if (b->pool_todo_count == b->layer.config.mempool_max)
			continue;
		tx = table_put(&b->pool, &txid);
		if (tx == NULL)
			continue;
		tx->generation = b->pool_generation;
		b->pool_todo[b->pool_todo_count++] = txid;
	}
	forget_gone(b);
	return OK;
}

static void on_list(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct utxo *b = op;
	(void)tag;
	b->pool_listing = false;
	if (b->layer.dead || b->layer.sink.on_block == NULL || answer->err != OK)
		return;
	if (take_list(b, answer->result) != OK)
		(void)DETAIL(b->layer.info.detail, OK, "a list of the mempool that can't be right");
	fetch_more(b);
}

void utxo_pool_poll(struct utxo *b)
{
	/* one listing is worked off before the next is asked for */
	if (b->pool_listing || b->pool_in_flight > 0 || b->layer.sink.on_mempool == NULL)
		return;
	if (b->pool_todo == NULL)
		b->pool_todo = calloc(b->layer.config.mempool_max, sizeof *b->pool_todo);
	if (b->pool_todo == NULL)
		return;
	for (uint32_t i = b->pool_todo_next; i < b->pool_todo_count; i++)
		table_remove(&b->pool, &b->pool_todo[i]);
	b->pool_todo_next = 0;
	b->pool_todo_count = 0;
	struct json *params = json_array();
	json_push(params, json_new_bool(false));
	b->pool_listing = adapter_ask(&b->layer, "getrawmempool", params, on_list, b, 0) == OK;
}
