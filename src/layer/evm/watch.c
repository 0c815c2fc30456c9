/* Answers to the questions of layer/follow.h, and blocks turned into events. */
#include "layer/evm/evm.h"
#include <stdlib.h>

/* ---- what is watched ---- */

enum err evm_watch_wallet(struct layer *layer, const struct pubkey *wallet)
{
	struct evm_layer *r = evm_of(layer);
	TRY(wallet_account(&r->account, wallet, layer->config.id));
	r->has_account = true;
	return OK;
}

enum err evm_watch_lock(struct layer *layer, const struct id128 *swap, struct slice leg)
{
	struct evm_layer *r = evm_of(layer);
	struct evm_htlc terms;

	TRY(evm_htlc_parse(&terms, layer->config.id, leg));
	if (terms.chain_id != layer->config.network->chain_id ||
		!evm_address_eq(&terms.contract, &layer->config.contract) ||
		!evm_address_eq(&terms.token, &layer->config.token))
		return ERR_NETWORK;
	const struct hash_watch *known = table_get(&r->hash, &terms.hash);
	const struct swap_watch *same = table_get(&r->swap, swap);
	if (known != NULL && same != NULL && id128_eq(&known->swap, swap))
		return OK;
	if (known != NULL || same != NULL)
		return ERR_EXISTS;

	struct swap_watch *watch = table_put(&r->swap, swap);
	if (watch == NULL)
		return ERR_FULL;
	watch->terms = terms;
	evm_htlc_key(&watch->key, &terms);
	struct hash_watch *hash = table_put(&r->hash, &terms.hash);
	if (hash == NULL) {
		table_remove(&r->swap, swap);
		return ERR_FULL;
	}
	hash->swap = *swap;
	return OK;
}

enum err evm_watch_lock_at(struct layer *layer, const struct id128 *swap, const struct locator *at)
{
	struct evm_layer *r = evm_of(layer);
	uint8_t place[36];

	if (table_get(&r->swap, swap) == NULL)
		return ERR_NOT_FOUND;
	memcpy(place, at->tx.b, sizeof at->tx.b);
	store_le32(place + sizeof at->tx.b, at->index);
	struct lock_known *known = table_put(&r->known, place);
	if (known == NULL)
		return ERR_FULL;
	known->swap = *swap;
	known->at = *at;
	return OK;
}

static void forget_swap(struct table *t, const struct id128 *id, size_t id_offset)
{
	for (uint32_t i = t->item_count; i-- > 0;) {
		const uint8_t *item = table_at(t, i);
		uint8_t key[MAP_KEY_MAX];
		memcpy(key, item, t->key_len);
		if (memcmp(item + id_offset, id->b, sizeof id->b) == 0)
			table_remove(t, key);
	}
}

void evm_unwatch_lock(struct layer *layer, const struct id128 *swap)
{
	struct evm_layer *r = evm_of(layer);
	const struct id128 id = *swap;
	const struct swap_watch *watch = table_get(&r->swap, &id);

	if (watch == NULL)
		return;
	const struct hash256 hash = watch->terms.hash;
	table_remove(&r->hash, &hash);
	table_remove(&r->swap, &id);
	forget_swap(&r->seen, &id, offsetof(struct lock_seen, swap));
	forget_swap(&r->known, &id, offsetof(struct lock_known, swap));
}

/* ---- events ---- */

struct delivery {
	struct evm_layer *r;
	const struct payload *p;
	uint32_t credit; /* the next of the payload's */
	size_t event_count;
	const struct own_log
		*claim; /* the last Claim: names the preimage of the Settled after it */
};

static enum err emit(struct delivery *d, const struct chain_event *event)
{
	if (d->event_count == CHAIN_EVENTS_MAX)
		return ERR_FULL;
	d->r->event[d->event_count++] = *event;
	return OK;
}

static enum err tell_tx(struct delivery *d, const struct own_tx *tx)
{
	struct chain_event e = {.tx = tx->hash};
	if (tx->from_us) {
		e.kind = CHAIN_NONCE_USED;
		e.nonce = tx->nonce;
		e.amount = tx->fee;
		e.flags = tx->reverted ? CHAIN_TX_REVERTED : 0u;
		return emit(d, &e);
	}
	if (tx->reverted || amount_is_zero(tx->value))
		return OK;
	e.kind = CHAIN_DEPOSIT;
	e.flags = layer_gas_apart(d->r->layer.config.id) ? CHAIN_GAS : 0u;
	e.at.tx = tx->hash;
	e.amount = tx->value;
	return emit(d, &e);
}

/* Tokens of transactions up to this place in the block. */
static enum err tell_credits(struct delivery *d, uint32_t tx_index)
{
	for (; d->credit < d->p->credit_count && d->p->credit[d->credit].tx_index <= tx_index;
		d->credit++) {
		const struct own_credit *c = &d->p->credit[d->credit];
		const struct chain_event e = {
			.kind = CHAIN_DEPOSIT, .tx = c->tx, .at.tx = c->tx, .amount = c->amount};
		TRY(emit(d, &e));
	}
	return OK;
}

enum err evm_see_lock(struct evm_layer *r, bool *foreign, const struct evm_htlc_event *event,
	const struct swap_watch *watch, const struct locator *at)
{
	struct evm_htlc lock;
	struct hash256 key;

	evm_htlc_from_lockup(&lock, event, &watch->terms.contract, watch->terms.chain_id);
	evm_htlc_key(&key, &lock);
	*foreign = !evm_address_eq(&lock.token, &watch->terms.token) ||
		!evm_address_eq(&lock.claim, &watch->terms.claim) ||
		!evm_address_eq(&lock.refund, &watch->terms.refund);
	struct lock_seen *seen = table_put(&r->seen, &key);
	if (seen == NULL) /* strangers can fill the table, at a price: theirs need no place */
		return *foreign ? OK : ERR_FULL;
	seen->swap = watch->swap;
	seen->at = *at;
	seen->foreign = *foreign;
	return OK;
}

static enum err tell_lock(
	struct delivery *d, const struct own_log *log, const struct swap_watch *watch)
{
	struct chain_event e = {.kind = CHAIN_LOCK,
		.tx = log->tx,
		.at = {.tx = log->tx, .index = log->index},
		.swap = watch->swap,
		.amount = log->event.amount,
		.timelock = log->event.timelock};
	bool foreign;

	TRY(evm_see_lock(d->r, &foreign, &log->event, watch, &e.at));
	e.flags = foreign ? CHAIN_LOCK_FOREIGN : 0u;
	return emit(d, &e);
}

/* Settled names the lock; the Claim before it in the same transaction its preimage. */
static enum err tell_settled(
	struct delivery *d, const struct own_log *log, const struct swap_watch *watch)
{
	const struct lock_seen *seen = table_get(&d->r->seen, &log->event.key);
	struct chain_event e = {.kind = CHAIN_LOCK_SPENT,
		.tx = log->tx,
		.swap = watch->swap,
		.spend = log->event.claimed ? LOCK_SPEND_CLAIM : LOCK_SPEND_REFUND};

	if (seen != NULL)
		e.at = seen->at;
	if (seen != NULL ? seen->foreign : !hash256_eq(&log->event.key, &watch->key))
		e.flags = CHAIN_LOCK_FOREIGN;
	if (log->event.claimed) {
		if (d->claim == NULL || !hash256_eq(&d->claim->tx, &log->tx) ||
			!hash256_eq(&d->claim->event.hash, &log->event.hash))
			return ERR_FORMAT;
		e.preimage = d->claim->event.preimage;
	}
	return emit(d, &e);
}

static enum err tell_log(struct delivery *d, const struct own_log *log)
{
	const struct hash_watch *hash = table_get(&d->r->hash, &log->event.hash);
	const struct swap_watch *watch = hash == NULL ? NULL : table_get(&d->r->swap, &hash->swap);
	if (watch == NULL)
		return OK;
	switch (log->event.kind) {
	case EVM_HTLC_LOCKUP: return tell_lock(d, log, watch);
	case EVM_HTLC_CLAIM: d->claim = log; return OK;
	case EVM_HTLC_REFUND: return OK;
	case EVM_HTLC_SETTLED: return tell_settled(d, log, watch);
	}
	UNREACHABLE();
}

/* In chain order: a transaction, then its events. */
static enum err build_events(struct delivery *d)
{
	uint32_t tx = 0;
	for (uint32_t i = 0; i < d->p->log_count; i++) {
		for (; tx < d->p->tx_count && d->p->tx[tx].index <= d->p->log[i].tx_index; tx++)
			TRY(tell_tx(d, &d->p->tx[tx]));
		TRY(tell_credits(d, d->p->log[i].tx_index));
		TRY(tell_log(d, &d->p->log[i]));
	}
	for (; tx < d->p->tx_count; tx++)
		TRY(tell_tx(d, &d->p->tx[tx]));
	return tell_credits(d, UINT32_MAX);
}

static void on_code(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct layer *layer = op;
	struct evm_layer *r = evm_of(layer);
	enum err err = answer->err;

	(void)tag;
	if (layer->dead)
		return;
	if (err == OK)
		err = evm_answer_is_contract(layer->config.id, answer->result);
	r->code_checked = err == OK;
	if (err != OK)
		(void)DETAIL(layer->info.detail, OK, "the contract: %s",
			err == ERR_NETWORK          ? "its code is not ours"
				: answer->err == OK ? "an answer that can't be right"
						    : answer->message);
	follow_resume(&layer->follow, err);
}

/* The contract's code decides what its events mean: looked at before the first one is believed,
 * and again after each reorganisation, which may have brought another one (HAZARDS 34). */
static enum err ask_code(struct layer *layer)
{
	struct json *params = json_array();
	json_push(params, evm_param_address(&layer->config.contract));
	json_push(params, json_new_string("latest"));
	const enum err err = adapter_ask(layer, "eth_getCode", params, on_code, layer, 0);
	/* the answer is what is unavailable yet */
	return err == OK ? ERR_UNAVAILABLE
			 : DETAIL(layer->info.detail, ERR_IO, "cannot ask for the contract");
}

static enum err deliver(struct layer *layer, const struct block_ref *block, void *payload)
{
	struct evm_layer *r = evm_of(layer);
	struct delivery d = {.r = r, .p = payload};

	if (evm_has_contract(r) && !r->code_checked)
		return ask_code(layer);
	if (r->known.item_count > 0)
		return evm_ask_known(r);
	const enum err err = build_events(&d);
	if (err != OK)
		return DETAIL(layer->info.detail, err == ERR_FULL ? ERR_RANGE : err,
			"block %llu: %s", (unsigned long long)block->height,
			err == ERR_FULL ? "more for us than can be reported"
					: "events that contradict each other");
	TRY(layer->sink.on_block(
		layer->sink.ctx, layer->config.id, block, r->event, d.event_count));
	layer->info.events_seen += d.event_count;
	return OK;
}

/* ---- questions ---- */

enum { HEAD_SAFE, HEAD_FINAL };

/* The best block, and whether the node believes that it is its network's. */
struct tip_op {
	struct op op;
	uint64_t tag;
	struct follow_tip tip;
	struct layer_first_layer below; /* rollups: heads */
};

static void on_tip(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct tip_op *t = op;
	struct block_ref block = {0};
	(void)tag;
	if (t->op.err == OK)
		t->op.err = answer->err;
	if (t->op.err == OK)
		t->op.err = evm_answer_block(&block, answer->result);
	t->tip.height = block.height;
	t->tip.hash = block.hash;
	op_done(&t->op);
}

static void on_syncing(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct tip_op *t = op;
	(void)tag;
	/* false, or an object with the progress; a node that can't say it is taken at its block */
	t->tip.syncing = answer->err == OK && json_type(answer->result) == JSON_OBJECT;
	op_done(&t->op);
}

/* How far the layer below has the rollup's blocks. A head that the node can't name is none. */
static void on_head(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct tip_op *t = op;
	struct block_ref block = {0};
	if (answer->err == OK && evm_answer_block(&block, answer->result) == OK)
		*(tag == HEAD_SAFE ? &t->below.safe_height : &t->below.final_height) = block.height;
	op_done(&t->op);
}

/* No head is above the tip, and no final block unsafe. */
static void keep_heads(struct evm_layer *r, const struct tip_op *t)
{
	const uint64_t tip = t->tip.height, safe = t->below.safe_height;
	r->below.safe_height = safe < tip ? safe : tip;
	r->below.final_height = t->below.final_height < r->below.safe_height ? t->below.final_height
									     : r->below.safe_height;
}

static void tip_end(struct op *op)
{
	struct tip_op *t = (struct tip_op *)(void *)op;
	if (op->err == OK && evm_is_rollup(op->layer))
		keep_heads(evm_of(op->layer), t);
	follow_tip(&op->layer->follow, t->tag, op->err, &t->tip);
	free(t);
}

static void tip_drop(struct op *op)
{
	free(op);
}

static enum err ask_tip(struct layer *layer, uint64_t tag)
{
	struct tip_op *t = malloc(sizeof *t);
	if (t == NULL)
		return ERR_FULL;
	*t = (struct tip_op){.op = {.layer = layer, .pending = 1, .end = tip_end}, .tag = tag};
	op_ask(&t->op, "eth_getBlockByNumber", params_block_tag("latest", false), on_tip, 0);
	op_ask(&t->op, "eth_syncing", NULL, on_syncing, 0);
	if (evm_is_rollup(layer)) {
		op_ask(&t->op, "eth_getBlockByNumber", params_block_tag("safe", false), on_head,
			HEAD_SAFE);
		op_ask(&t->op, "eth_getBlockByNumber", params_block_tag("finalized", false),
			on_head, HEAD_FINAL);
	}
	return op_begun(&t->op, tip_drop);
}

/* A hint where to look: what is reported is decided by hashes. */
static void on_hash(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct layer *layer = op;
	struct block_ref block = {0};
	enum err err = answer->err;
	/* null: no such height any more */
	if (err == OK)
		err = json_type(answer->result) == JSON_NULL
			? ERR_NOT_FOUND
			: evm_answer_block(&block, answer->result);
	follow_hash(&layer->follow, tag, err, &block.hash);
}

static enum err ask_hash(struct layer *layer, uint64_t height, uint64_t tag)
{
	return ask_block_at(layer, height, on_hash, layer, tag);
}

static void reorganised(struct layer *layer, const struct block_ref *keep)
{
	(void)keep;
	evm_of(layer)->code_checked = false;
	evm_of(layer)->told = (struct layer_first_layer){0};
}

static void on_price(void *ctx, enum err err, uint64_t rate, uint64_t data_fee)
{
	struct layer *layer = ctx;
	layer->fee_asking = false;
	if (err != OK || layer->dead)
		return;
	evm_of(layer)->below.data_fee = data_fee;
	layer_tell_fee(layer, rate);
}

/* The sink has folded every block up to the tip: heads that it hears of are of blocks it has. */
static void tell_first_layer(struct evm_layer *r)
{
	const struct layer_first_layer *now = &r->below, *was = &r->told;
	const uint64_t change = now->data_fee > was->data_fee ? now->data_fee - was->data_fee
							      : was->data_fee - now->data_fee;
	if (r->layer.sink.on_first_layer == NULL ||
		(now->safe_height == was->safe_height && now->final_height == was->final_height &&
			change <= was->data_fee / 10))
		return;
	r->told = *now;
	r->layer.sink.on_first_layer(r->layer.sink.ctx, r->layer.config.id, now);
}

static void at_tip(struct layer *layer)
{
	const uint64_t now = loop_now_ms(layer->config.loop);
	evm_pending_poll(evm_of(layer));
	if (evm_is_rollup(layer))
		tell_first_layer(evm_of(layer));
	if (layer->fee_asking || now < layer->fee_due_ms)
		return;
	layer->fee_due_ms = now + LAYER_FEE_EVERY_MS;
	layer->fee_asking = evm_ask_price(layer, on_price, layer) == OK;
}

const struct follow_source evm_follow = {
	.ask_tip = ask_tip,
	.ask_hash = ask_hash,
	.ask_block = evm_fetch,
	.deliver = deliver,
	.drop = evm_payload_drop,
	.reorganised = reorganised,
	.at_tip = at_tip,
};
