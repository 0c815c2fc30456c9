/* Liquid's live half: how elementsd's transactions and blocks are read.
 *
 * Explicit L-BTC is counted, and confidential L-BTC that pays a script of our wallet and that our
 * key opens. An output of another asset, or one that can't be opened, is no coin of ours, and a
 * blinded one no lock-up, whatever script it pays to: it is left out of events and scans alike, and
 * said to be there. */
#include "base/hex.h"
#include "layer/utxo/utxo.h"
#include "wire/elements_address.h"
#include "wire/elements_blind.h"
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

struct block {
	struct elements_block b;
	struct hidden *hidden;        /* owned: what pays us confidentially */
	struct utxo_opening *opening; /* owned: of each */
	uint32_t count, room;
};

/* Its slices borrow from the block's bytes. */
struct hidden {
	struct elements_txout output;
	uint32_t key_index;
};

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
	struct block *b = block;
	if (b == NULL)
		return;
	elements_block_close(&b->b);
	free(b->hidden);
	free(b->opening);
	free(b);
}

static enum err block_open(
	void **block, struct block_ref *ref, struct slice raw, const struct parallel *parallel)
{
	struct block *b = calloc(1, sizeof *b);
	if (b == NULL)
		return ERR_FULL;
	const enum err err = check_block(&b->b, ref, raw, parallel);
	if (err != OK) {
		block_close(b);
		return err;
	}
	ref->parent = b->b.header.parent;
	ref->time_ms = (uint64_t)b->b.header.time * 1000;
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
	const struct elements_block *b = &((const struct block *)block)->b;
	struct visiting v = {.network = network, .visit = visit, .ctx = ctx};
	enum err err = view_init(&v.view, b->in_max, b->out_max);
	if (err == OK)
		err = elements_block_visit(b, visit_one, &v);
	view_fini(&v.view);
	return err;
}

/* ---- confidential outputs of a block ---- */

struct finding {
	struct block *block;
	const struct utxo *b;
};

static bool is_explicit(const struct elements_txout *o)
{
	return elements_asset_form(&o->asset) == ELEMENTS_EXPLICIT &&
		elements_value_form(&o->value) == ELEMENTS_EXPLICIT;
}

static enum err hidden_room(struct block *b)
{
	if (b->count < b->room)
		return OK;
	const uint32_t room = b->room == 0 ? 8 : 2 * b->room;
	struct hidden *hidden = realloc(b->hidden, room * sizeof *hidden);
	if (hidden == NULL)
		return ERR_FULL;
	b->hidden = hidden;
	struct utxo_opening *opening = realloc(b->opening, room * sizeof *opening);
	if (opening == NULL)
		return ERR_FULL;
	b->opening = opening;
	b->room = room;
	return OK;
}

static enum err find_in(
	void *ctx, uint32_t index, const struct elements_tx *tx, const struct hash256 *txid)
{
	const struct finding *f = ctx;
	(void)txid;
	for (uint32_t i = 0; i < tx->out_count; i++) {
		const struct elements_txout *o = &tx->out[i];
		for (uint32_t k = 0; k < KEY_INDEX_COUNT && !is_explicit(o); k++) {
			const struct script_key *own = &f->b->wallet[k];
			if (!slice_eq(o->script, slice_of(own->b, sizeof own->b)))
				continue;
			TRY(hidden_room(f->block));
			f->block->hidden[f->block->count] = (struct hidden){*o, k};
			f->block->opening[f->block->count++] = (struct utxo_opening){
				.tx = index, .output = i, .err = ERR_FORMAT};
		}
	}
	return OK;
}

static enum err block_find(void *block, const struct utxo *b, uint32_t *count)
{
	struct finding f = {block, b};
	if (b->has_wallet)
		TRY(elements_block_visit(&f.block->b, find_in, &f));
	*count = f.block->count;
	return OK;
}

static void block_reveal(void *block, const struct utxo *b, uint32_t index)
{
	static const enum err said[] = {ERR_CHECKSUM, ERR_NOT_FOUND};
	const struct hash256 *ours = &elements_network_of(b->layer.config.network)->policy_asset;
	const struct hidden *h = &((struct block *)block)->hidden[index];
	struct utxo_opening *out = &((struct block *)block)->opening[index];
	struct elements_opening o;
	const enum err err = elements_open(&o, &h->output, &b->opens[h->key_index]);
	for (size_t i = 0; i < ARRAY_LEN(said); i++)
		out->err = err == said[i] ? err : out->err;
	if (err != OK)
		return;
	out->value = o.value;
	out->hidden = elements_blinders_of(&o);
	if (!hash256_eq(&o.asset, ours))
		out->err = ERR_NETWORK;
	else
		out->err = o.value.raw > 0 && blinders_any(&out->hidden) ? OK : ERR_RANGE;
}

static const struct utxo_opening *block_openings(const void *block, uint32_t *count)
{
	const struct block *b = block;
	*count = b->count;
	return b->opening;
}

/* ---- what else is asked ---- */

static enum err scan_value(
	struct sat *value, const struct json *output, const struct network *network)
{
	struct hash256 asset;
	if (json_get(output, "assetcommitment") != NULL ||
		json_get(output, "amountcommitment") != NULL)
		return ERR_STATE;
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
	.block_find = block_find,
	.block_reveal = block_reveal,
	.block_openings = block_openings,
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
