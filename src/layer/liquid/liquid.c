/* Liquid's live half: how elementsd's transactions and blocks are read.
 *
 * Only explicit L-BTC is counted. An output of another asset, or a blinded one, is no coin of ours
 * and no lock-up, whatever script it pays to: it is left out of events and scans alike, and said to
 * be there. */
#include "base/hex.h"
#include "layer/utxo/utxo.h"
#include "wire/elements_address.h"
#include "wire/elements_block.h"
#include "wire/elements_view.h"
#include <stdlib.h>

#define COIN_DECIMALS 8u
#define INPUT_SIZE_MIN 41u
#define OUTPUT_SIZE_MIN 44u

/* ---- transactions ---- */

struct view {
	struct btc_txin *in; /* owned */
	struct btc_txout *out;
};

static enum err view_init(struct view *v, uint32_t in_max, uint32_t out_max)
{
	v->in = calloc(in_max, sizeof *v->in);
	v->out = calloc(out_max, sizeof *v->out);
	return v->in != NULL && v->out != NULL ? OK : ERR_FULL;
}

static void view_fini(struct view *v)
{
	free(v->in);
	free(v->out);
}

static void view_make(struct btc_tx *tx, const struct view *v, const struct elements_tx *from,
	const struct network *network)
{
	elements_view(tx, v->in, v->out, from, &elements_network_of(network)->policy_asset);
}

static enum err tx_open(const struct network *network, struct slice raw, tx_use use, void *ctx)
{
	if (raw.len > BTC_TX_SIZE_MAX)
		return ERR_FORMAT;
	const uint32_t in_max = (uint32_t)(raw.len / INPUT_SIZE_MIN) + 1;
	const uint32_t out_max = (uint32_t)(raw.len / OUTPUT_SIZE_MIN) + 1;
	struct elements_tx tx = {
		.in = calloc(in_max, sizeof *tx.in), .out = calloc(out_max, sizeof *tx.out)};
	struct elements_txin *const in = tx.in;
	struct elements_txout *const out = tx.out;
	struct view v;
	struct btc_tx seen;
	struct hash256 txid;
	size_t used;

	enum err err = view_init(&v, in_max, out_max);
	if (in == NULL || out == NULL)
		err = ERR_FULL;
	if (err == OK)
		err = elements_tx_parse(&tx, &used, in_max, out_max, raw);
	if (err == OK && used != raw.len)
		err = ERR_FORMAT;
	if (err == OK) {
		elements_tx_id(&txid, &tx);
		view_make(&seen, &v, &tx, network);
		err = use(ctx, &seen, &txid);
	}
	view_fini(&v);
	free(out);
	free(in);
	return err;
}

/* ---- blocks: the header's hash and height, the Merkle root ---- */

static enum err check_block(struct elements_block *b, const struct block_ref *ref, struct slice raw,
	const struct parallel *parallel)
{
	struct hash256 own;
	size_t used;
	/* the cheapest first: a header with another hash is not worth more */
	TRY(elements_header_parse(&b->header, &used, raw));
	elements_header_hash(&own, &b->header);
	if (!hash256_eq(&own, &ref->hash) || b->header.height != ref->height)
		return ERR_CHECKSUM;
	return elements_block_open(b, raw, parallel);
}

static void block_close(void *block)
{
	if (block != NULL)
		elements_block_close(block);
	free(block);
}

static enum err block_open(
	void **block, struct block_ref *ref, struct slice raw, const struct parallel *parallel)
{
	struct elements_block *b = calloc(1, sizeof *b);
	if (b == NULL)
		return ERR_FULL;
	const enum err err = check_block(b, ref, raw, parallel);
	if (err != OK) {
		block_close(b);
		return err;
	}
	ref->parent = b->header.parent;
	ref->time_ms = (uint64_t)b->header.time * 1000;
	*block = b;
	return OK;
}

struct visiting {
	const struct network *network;
	struct view view;
	btc_tx_visit visit;
	void *ctx;
};

static enum err visit_one(
	void *ctx, uint32_t index, const struct elements_tx *tx, const struct hash256 *txid)
{
	const struct visiting *v = ctx;
	struct btc_tx seen;
	view_make(&seen, &v->view, tx, v->network);
	return v->visit(v->ctx, index, &seen, txid);
}

static enum err block_visit(
	const void *block, const struct network *network, btc_tx_visit visit, void *ctx)
{
	const struct elements_block *b = block;
	struct visiting v = {.network = network, .visit = visit, .ctx = ctx};
	enum err err = view_init(&v.view, b->in_max, b->out_max);
	if (err == OK)
		err = elements_block_visit(b, visit_one, &v);
	view_fini(&v.view);
	return err;
}

/* ---- what else is asked ---- */

static enum err scan_value(
	struct sat *value, const struct json *output, const struct network *network)
{
	struct hash256 asset;
	if (json_get(output, "assetcommitment") != NULL ||
		json_get(output, "amountcommitment") != NULL)
		return ERR_NOT_FOUND;
	TRY(core_answer_hash(&asset, json_get(output, "asset")));
	if (!hash256_eq(&asset, &elements_network_of(network)->policy_asset))
		return ERR_NOT_FOUND;
	const enum err err = json_get_decimal(output, "amount", COIN_DECIMALS, &value->raw);
	return err == ERR_NOT_FOUND ? ERR_FORMAT : err;
}

/* The asset that is pegged to Bitcoin: two chains with one genesis block can't differ in it, but a
 * node that is no elementsd does not know the question. */
static void on_sidechain(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct utxo_check *c = op;
	const struct network *network = c->node.op.layer->config.network;
	struct hash256 asset;
	char text[65], why[160];

	(void)tag;
	if (core_answer_no_method(answer)) {
		utxo_check_fail(c, ERR_NETWORK, "wrong network",
			"the node is no elementsd (it has no getsidechaininfo)");
	} else if (answer->err != OK) {
		utxo_check_fail_answer(c, answer, "getsidechaininfo");
	} else if (core_answer_hash(&asset, json_get(answer->result, "pegged_asset")) != OK) {
		utxo_check_fail(c, ERR_FORMAT, "an answer that can't be right", "getsidechaininfo");
	} else if (!hash256_eq(&asset, &elements_network_of(network)->policy_asset)) {
		hex_encode_reversed(text, asset.b, sizeof asset.b);
		(void)DETAIL(why, OK, "the node's pegged asset is %s, not that of %s", text,
			network->name);
		utxo_check_fail(c, ERR_NETWORK, "wrong network", why);
	}
	op_done(&c->node.op);
}

static void check_more(struct utxo_check *c)
{
	op_ask(&c->node.op, "getsidechaininfo", NULL, on_sidechain, 0);
}

static const struct utxo_rules rules = {
	.tx_open = tx_open,
	.block_open = block_open,
	.block_visit = block_visit,
	.block_close = block_close,
	.scan_value = scan_value,
	.check_more = check_more,
	.other_assets = true,
};

static struct layer *allocate(void)
{
	return utxo_allocate(&rules);
}

const struct layer_ops liquid_ops = {
	.follow = &utxo_follow,
	.allocate = allocate,
	.release = utxo_release,
	.check = utxo_check_node,
	.block_at = utxo_block_at,
	.watch_wallet = utxo_watch_wallet,
	.watch_coin = utxo_watch_coin,
	.watch_lock = utxo_watch_lock,
	.watch_lock_at = utxo_watch_lock_at,
	.unwatch_lock = utxo_unwatch_lock,
	.submit = utxo_submit,
	.status = utxo_status,
	.fee_estimate = utxo_fee_estimate,
	.scan = utxo_scan,
};
