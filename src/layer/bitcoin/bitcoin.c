/* Bitcoin's live half: how its transactions and blocks are read. */
#include "layer/utxo/utxo.h"
#include <stdlib.h>

#define BTC_DECIMALS 8u

/* The smallest input and output, encoded: what bounds their number by the transaction's size. */
#define TXIN_SIZE_MIN 41u
#define TXOUT_SIZE_MIN 9u

static enum err tx_open(const struct network *network, struct slice raw, tx_use use, void *ctx)
{
	(void)network;
	if (raw.len > BTC_TX_SIZE_MAX)
		return ERR_FORMAT;
	const uint32_t in_max = (uint32_t)(raw.len / TXIN_SIZE_MIN) + 1;
	const uint32_t out_max = (uint32_t)(raw.len / TXOUT_SIZE_MIN) + 1;
	struct btc_tx tx = {
		.in = calloc(in_max, sizeof *tx.in), .out = calloc(out_max, sizeof *tx.out)};
	struct btc_txin *const in = tx.in;
	struct btc_txout *const out = tx.out;
	enum err err = ERR_FULL;
	struct hash256 txid;
	size_t used;

	if (in == NULL || out == NULL)
		goto out;
	err = btc_tx_parse(&tx, &used, in_max, out_max, raw);
	if (err == OK && used != raw.len)
		err = ERR_FORMAT;
	if (err != OK)
		goto out;
	btc_tx_id(&txid, &tx);
	err = use(ctx, &tx, &txid);
out:
	free(out);
	free(in);
	return err;
}

/* ---- blocks: the header's hash, its work, both Merkle roots ---- */

static enum err check_block(struct btc_block *b, struct slice raw, const struct hash256 *hash,
	const struct parallel *parallel)
{
	struct hash256 own;
	/* the cheapest first: a header with another hash is not worth more */
	TRY(btc_header_parse(&b->header, raw));
	btc_header_hash(&own, &b->header);
	if (!hash256_eq(&own, hash))
		return ERR_CHECKSUM;
	TRY(btc_header_check_work(&b->header));
	TRY(btc_block_open(b, raw, parallel));
	return btc_block_check_witnesses(b, parallel);
}

static void block_close(void *block)
{
	if (block != NULL)
		btc_block_close(block);
	free(block);
}

static enum err block_open(
	void **block, struct block_ref *ref, struct slice raw, const struct parallel *parallel)
{
	struct btc_block *b = calloc(1, sizeof *b);
	if (b == NULL)
		return ERR_FULL;
	const enum err err = check_block(b, raw, &ref->hash, parallel);
	if (err != OK) {
		block_close(b);
		return err;
	}
	ref->parent = b->header.parent;
	ref->time_ms = (uint64_t)b->header.time * 1000;
	*block = b;
	return OK;
}

static enum err block_visit(
	const void *block, const struct network *network, btc_tx_visit visit, void *ctx)
{
	(void)network;
	return btc_block_visit(block, visit, ctx);
}

static enum err scan_value(
	struct sat *value, const struct json *output, const struct network *network)
{
	(void)network;
	const enum err err = json_get_decimal(output, "amount", BTC_DECIMALS, &value->raw);
	return err == ERR_NOT_FOUND ? ERR_FORMAT : err;
}

static const struct utxo_rules rules = {
	.tx_open = tx_open,
	.block_open = block_open,
	.block_visit = block_visit,
	.block_close = block_close,
	.scan_value = scan_value,
};

static struct layer *allocate(void)
{
	return utxo_allocate(&rules);
}

const struct layer_ops bitcoin_ops = {
	.follow = &utxo_follow,
	.allocate = allocate,
	.release = utxo_release,
	.check = utxo_check_node,
	.block_at = utxo_block_at,
	.watch_wallet = utxo_watch_wallet,
	.watch_deposits = utxo_watch_deposits,
	.watch_coin = utxo_watch_coin,
	.watch_lock = utxo_watch_lock,
	.watch_lock_at = utxo_watch_lock_at,
	.unwatch_lock = utxo_unwatch_lock,
	.submit = utxo_submit,
	.status = utxo_status,
	.fee_estimate = utxo_fee_estimate,
	.scan = utxo_scan,
};
