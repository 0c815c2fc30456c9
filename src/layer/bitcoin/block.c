/* Bitcoin's answers to the questions of layer/follow.h, and blocks turned into events. */
#include "crypto/hash.h"
#include "layer/bitcoin/bitcoin.h"
#include "rt/cpu_budget.h"
#include <stdlib.h>

#define HEIGHT_MAX 500000000u
#define RPC_NOT_FOUND (-5)
#define RPC_INTERNAL (-32603)
/* For checking one block: some fifty times what the largest takes. One that needs more is no answer
 * and is asked for again; nothing of it is left out. */
#define BLOCK_CPU_NS (UINT64_C(5000) * CPU_BUDGET_MS)
#define BLOCK_LOOK_EVERY 64u /* transactions */

/* A block, checked: its hash, its work, its Merkle roots. */
struct payload {
	uint8_t *raw; /* owned */
	size_t len;
};

static void drop(void *payload)
{
	struct payload *p = payload;
	free(p->raw);
	free(p);
}

/* ---- the tree of witnesses (BIP-141) ---- */

/* The Merkle root in the header covers no witness, and preimages and the kind of a spend are read
 * from witnesses: they are checked against the coinbase's commitment. A block without one can hold
 * no valid witness; making such a block costs the same work as making a good one. */
struct witnesses {
	struct hash256 *leaf; /* owned */
	uint32_t count, cap;
	struct buf scratch; /* owned storage */
	bool committed;
	struct hash256 commitment;
	struct slice reserved;
};

#define COMMITMENT_SCRIPT_MIN 38u
static const uint8_t commitment_prefix[6] = {0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed};

static void find_commitment(struct witnesses *w, const struct btc_tx *coinbase)
{
	for (uint32_t i = 0; i < coinbase->out_count; i++) {
		const struct slice script = coinbase->out[i].script;
		if (script.len < COMMITMENT_SCRIPT_MIN ||
			memcmp(script.ptr, commitment_prefix, sizeof commitment_prefix) != 0)
			continue;
		memcpy(w->commitment.b, script.ptr + sizeof commitment_prefix,
			sizeof w->commitment.b);
		w->committed = true; /* the last one counts */
	}
	if (coinbase->in_count == 1)
		w->reserved = btc_witness_item(coinbase->in[0].witness, 0);
}

static enum err witness_visit(
	void *ctx, uint32_t index, const struct btc_tx *tx, const struct hash256 *txid)
{
	struct witnesses *w = ctx;
	struct hash256 id = {{0}};

	if (index % BLOCK_LOOK_EVERY == 0 && cpu_budget_spent())
		return ERR_CANCELLED;
	if (w->count == w->cap) {
		const uint32_t cap = w->cap == 0 ? 1024 : w->cap * 2;
		struct hash256 *leaf = realloc(w->leaf, cap * sizeof *leaf);
		if (leaf == NULL)
			return ERR_FULL;
		w->leaf = leaf;
		w->cap = cap;
	}
	bool any = false;
	for (uint32_t i = 0; i < tx->in_count && !any; i++)
		any = tx->in[i].witness.len > 0;
	if (index == 0) {
		find_commitment(w, tx);
	} else if (any) {
		w->scratch.len = 0;
		w->scratch.overflow = false;
		btc_tx_put(&w->scratch, tx);
		if (w->scratch.overflow)
			return ERR_FORMAT;
		sha256d(&id, buf_slice(&w->scratch));
	} else {
		id = *txid;
	}
	w->leaf[w->count++] = id;
	return OK;
}

static enum err check_block(struct slice raw, const struct hash256 *hash, struct block_ref *block)
{
	struct witnesses w = {.scratch = buf_init(malloc(raw.len), raw.len)};
	struct btc_header header;
	struct hash256 root, own;
	enum err err = w.scratch.ptr == NULL ? ERR_FULL : OK;

	if (err == OK)
		err = btc_block_walk(&header, raw, witness_visit, &w);
	if (err != OK)
		goto out;
	btc_header_hash(&own, &header);
	err = hash256_eq(&own, hash) ? btc_header_check_work(&header) : ERR_CHECKSUM;
	if (err != OK)
		goto out;
	/* no witness of the coinbase: a block from before there were any */
	if (w.committed && w.reserved.len == sizeof root.b) {
		btc_merkle_root(&root, w.leaf, w.count);
		const struct slice part[] = {slice_of(root.b, sizeof root.b), w.reserved};
		sha256d_parts(&own, part, ARRAY_LEN(part));
		if (!hash256_eq(&own, &w.commitment)) {
			err = ERR_CHECKSUM;
			goto out;
		}
	}
	*block = (struct block_ref){
		.hash = *hash, .parent = header.parent, .time_ms = (uint64_t)header.time * 1000};
out:
	free(w.scratch.ptr);
	free(w.leaf);
	return err;
}

/* ---- questions ---- */

static enum err read_tip(struct follow_tip *tip, const struct json *result, bool regtest)
{
	uint64_t headers = 0;
	bool initial = false;

	TRY(core_answer_hash(&tip->hash, json_get(result, "bestblockhash")));
	TRY(json_get_u64(result, "blocks", &tip->height));
	if (tip->height > HEIGHT_MAX)
		return ERR_RANGE;
	/* btcd has neither of these two on every version */
	enum err err = json_get_u64(result, "headers", &headers);
	if (err == OK || err == ERR_NOT_FOUND)
		err = json_get_bool(result, "initialblockdownload", &initial);
	if (err != OK && err != ERR_NOT_FOUND)
		return err;
	/* a regtest chain whose last block is old is not syncing: nobody has more of it */
	tip->syncing = headers > tip->height || (initial && !regtest);
	return OK;
}

static void on_tip(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct layer *layer = op;
	struct follow_tip tip = {0};
	enum err err = answer->err;
	if (err == OK)
		err = read_tip(
			&tip, answer->result, strcmp(layer->config.network->name, "regtest") == 0);
	follow_tip(&layer->follow, tag, err, &tip);
}

static enum err ask_tip(struct layer *layer, uint64_t tag)
{
	return adapter_ask(layer, "getblockchaininfo", NULL, on_tip, layer, tag);
}

static void on_hash(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct layer *layer = op;
	struct hash256 hash;
	enum err err = answer->err;
	if (err == OK)
		err = core_answer_hash(&hash, answer->result);
	follow_hash(&layer->follow, tag, err, &hash);
}

static enum err ask_hash(struct layer *layer, uint64_t height, uint64_t tag)
{
	struct json *params = json_array();
	json_push(params, json_new_u64(height));
	return adapter_ask(layer, "getblockhash", params, on_hash, layer, tag);
}

static void on_left(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct layer *layer = op;
	int64_t confirmations = 0;
	enum err err = answer->err;
	if (err == ERR_REJECTED && answer->code == RPC_NOT_FOUND) {
		err = OK; /* a node that never saw it says nothing about it */
	} else if (err == ERR_REJECTED && answer->code == RPC_INTERNAL &&
		strstr(answer->message, "is not in the main chain") != NULL) {
		err = OK; /* btcd has the header of a block that left */
		confirmations = -1;
	} else if (err == OK) {
		err = json_get_i64(answer->result, "confirmations", &confirmations);
	}
	follow_left(&layer->follow, tag, err, confirmations == -1);
}

static enum err ask_left(struct layer *layer, const struct hash256 *hash, uint64_t tag)
{
	struct json *params = json_array();
	json_push(params, core_param_hash(hash));
	json_push(params, json_new_bool(true));
	return adapter_ask(layer, "getblockheader", params, on_left, layer, tag);
}

struct block_ask {
	struct layer *layer;
	struct hash256 hash;
	uint64_t height;
};

static enum err read_block(struct payload **out, struct block_ref *block,
	const struct block_ask *asked, const struct json *result)
{
	struct payload *p = calloc(1, sizeof *p);
	if (p == NULL)
		return ERR_FULL;
	enum err err = core_answer_hex(&p->raw, &p->len, BTC_BLOCK_SIZE_MAX, result);
	if (err == OK) {
		struct cpu_budget budget;
		cpu_budget_begin(&budget, cpu_task_kind("block_check"), BLOCK_CPU_NS);
		err = check_block(slice_of(p->raw, p->len), &asked->hash, block);
		(void)cpu_budget_end(&budget);
	}
	if (err != OK) {
		drop(p);
		return DETAIL(asked->layer->said, err == ERR_SHORT ? ERR_FORMAT : err,
			"a block that can't be right (%s)", err_name(err));
	}
	block->height = asked->height;
	*out = p;
	return OK;
}

static void on_block(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	const struct block_ask asked = *(struct block_ask *)op;
	struct payload *payload = NULL;
	struct block_ref block;
	free(op);
	enum err err = answer->err;
	if (err == OK && !asked.layer->dead)
		err = read_block(&payload, &block, &asked, answer->result);
	follow_block(&asked.layer->follow, tag, err, &block, payload);
}

static enum err ask_block(
	struct layer *layer, const struct hash256 *hash, uint64_t height, uint64_t tag)
{
	struct block_ask *asked = malloc(sizeof *asked);
	if (asked == NULL)
		return ERR_FULL;
	*asked = (struct block_ask){.layer = layer, .hash = *hash, .height = height};
	struct json *params = json_array();
	json_push(params, core_param_hash(hash));
	json_push(params, json_new_u64(0));
	const enum err err = adapter_ask(layer, "getblock", params, on_block, asked, tag);
	if (err != OK)
		free(asked);
	return err;
}

/* ---- reports ---- */

struct delivery {
	struct bitcoin *b;
	uint64_t height;
	size_t event_count;
	bool crowded;
	uint32_t stray_claims;
};

/* For some thousand dust outputs to our addresses anybody could fill a block with more than can be
 * reported, and while we stood still, claim unseen. Such a block is reported without its small
 * change: what is left out is missing in the books, which reconciliation finds; what is left in is
 * everything that a swap depends on, and costs its sender whole coins to multiply. */
#define CROWDED_COIN_MIN_RAW 100000u
#define CROWDED_STRAY_CLAIMS_MAX 16u

static bool left_out(struct delivery *d, const struct chain_event *e)
{
	const struct btc_outpoint at = {.txid = e->at.tx, .index = e->at.index};
	struct point_key key;
	point_key_of(&key, &at);
	const struct point_watch *point = table_get(&d->b->point, &key);
	const bool stray = point == NULL || point->stray;

	switch (e->kind) {
	case CHAIN_COIN_CREATED:
		return amount_cmp(e->amount, amount_of(ASSET_BTC, CROWDED_COIN_MIN_RAW)) < 0;
	case CHAIN_LOCK: return stray;
	case CHAIN_LOCK_SPENT:
		/* one preimage is enough */
		return stray &&
			(e->spend != LOCK_SPEND_CLAIM ||
				d->stray_claims++ >= CROWDED_STRAY_CLAIMS_MAX);
	case CHAIN_COIN_SPENT:
	case CHAIN_DEPOSIT:
	case CHAIN_NONCE_USED: return false;
	}
	UNREACHABLE();
}

static enum err emit(void *ctx, const struct chain_event *event)
{
	struct delivery *d = ctx;
	if (d->crowded && left_out(d, event))
		return OK;
	if (d->event_count == CHAIN_EVENTS_MAX)
		return ERR_FULL;
	d->b->event[d->event_count++] = *event;
	return OK;
}

static enum err visit(
	void *ctx, uint32_t index, const struct btc_tx *tx, const struct hash256 *txid)
{
	struct delivery *d = ctx;
	(void)index;
	return bitcoin_match(d->b, tx, txid, d->height, emit, d);
}

/* Matched anew at each attempt, so that what is watched since the last one counts. */
static enum err deliver(struct layer *layer, const struct block_ref *block, void *payload)
{
	struct bitcoin *b = bitcoin_of(layer);
	const struct payload *p = payload;
	struct delivery d = {.b = b, .height = block->height};
	struct btc_header header;

	enum err err = btc_block_walk(&header, slice_of(p->raw, p->len), visit, &d);
	if (err == ERR_FULL) {
		d = (struct delivery){.b = b, .height = block->height, .crowded = true};
		err = btc_block_walk(&header, slice_of(p->raw, p->len), visit, &d);
	}
	if (err != OK)
		return DETAIL(layer->info.detail, err == ERR_FULL ? ERR_RANGE : err,
			"block %llu has more for us than can be reported",
			(unsigned long long)block->height);
	err = layer->sink.on_block(
		layer->sink.ctx, layer->config.id, block, b->event, d.event_count);
	if (err != OK)
		return err;
	layer->info.events_seen += d.event_count;
	bitcoin_match_reported(b, block, d.event_count);
	return OK;
}

static void reorganised(struct layer *layer, const struct block_ref *keep)
{
	bitcoin_match_reorganised(bitcoin_of(layer), keep);
}

static void at_tip(struct layer *layer)
{
	bitcoin_pool_poll(bitcoin_of(layer));
	bitcoin_fee_poll(bitcoin_of(layer));
}

const struct follow_source bitcoin_follow = {
	.ask_tip = ask_tip,
	.ask_hash = ask_hash,
	.ask_block = ask_block,
	.ask_left = ask_left,
	.deliver = deliver,
	.drop = drop,
	.reorganised = reorganised,
	.at_tip = at_tip,
};
