/* What is ours on the chain, from the node's set of unspent outputs (scantxoutset), as of one
 * block. */
#include "base/hex.h"
#include "layer/utxo/utxo.h"
#include <stdio.h>
#include <stdlib.h>

#define RPC_SCAN_BUSY (-8) /* also other bad parameters: the text tells */
#define SCAN_RETRY_MS 1000u
#define SCAN_TRIES_MAX 600u
#define SCAN_TIMEOUT_MS (20u * 60u * 1000u) /* the whole set is read: minutes on mainnet */
#define OUTPUTS_MAX (1u << 20)
#define REPORT_WAIT_MS 100u /* until the scan's block was reported */
#define REPORT_WAITS_MAX 600u

enum { OURS_WALLET = 1, OURS_LOCK };

struct scan_script {
	struct script_key script; /* zeros behind a shorter one */
	uint8_t len;
	uint8_t kind;
};

/* A lock-up that is asked about, and what comes of its terms. */
struct scan_lock {
	struct point_key at;
	uint8_t leg[BTC_HTLC_SIZE];
	size_t leg_len;
	enum err err;
	struct script_key script;
};

struct scan_op {
	struct offload_job job; /* first */
	struct layer *layer;
	struct scan_lock *asked; /* owned */
	size_t asked_count;
	bool calling; /* utxo_scan has not returned: nobody is called back */
	enum err failed;
	layer_scan_cb cb;
	void *ctx;
	struct table script; /* what is asked for */
	struct table lock;   /* the outpoints of lock-ups that count */
	struct table hidden; /* found: confidential outputs to our scripts, by outpoint */
	struct layer_scan out;
	struct hash256 best;
	uint32_t tries, waits;
};

static void scan_free(struct scan_op *s)
{
	table_fini(&s->script);
	table_fini(&s->lock);
	table_fini(&s->hidden);
	free(s->asked);
	free(s);
}

static void scan_end(struct scan_op *s, enum err err, const char *detail)
{
	s->out.err = err;
	if (err != OK)
		(void)DETAIL(s->out.detail, OK, "%s", detail);
	if (!s->layer->dead)
		s->cb(s->ctx, &s->out);
	scan_free(s);
}

/* What they hold: outpoints commit to it. One that was not opened is no coin of ours. */
static enum err add_hidden(struct scan_op *s)
{
	for (uint32_t i = 0; i < s->hidden.item_count; i++) {
		const struct coin_watch *coin = table_get(
			&utxo_of(s->layer)->coin, table_at(&s->hidden, i));
		if (coin != NULL)
			TRY(amount_add(&s->out.wallet, s->out.wallet,
				amount_of(s->out.wallet.asset, coin->hidden.raw)));
	}
	return OK;
}

/* Confidential coins are known once their block was reported, which may take longer than a scan. */
static void scan_finish(void *op)
{
	struct scan_op *s = op;
	const struct block_ref *at = &s->out.block;
	enum err err = OK;
	if (s->hidden.item_count > 0 && !follow_has(&s->layer->follow, at->height, &at->hash)) {
		if (++s->waits == REPORT_WAITS_MAX ||
			layer_wait(s->layer, REPORT_WAIT_MS, scan_finish, s) != OK)
			scan_end(s, ERR_STATE, "the block of the scan was not reported in time");
		return;
	}
	err = add_hidden(s);
	scan_end(s, err, "a scan that can't be right");
}

static void on_header(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct scan_op *s = op;
	struct block_ref block;
	uint64_t depth;

	(void)tag;
	if (answer->err != OK) {
		scan_end(s, answer->err, answer->message);
		return;
	}
	const enum err err = core_answer_header(&block, &depth, answer->result, &s->best);
	if (err == OK && block.height == s->out.block.height) {
		s->out.block = block;
		scan_finish(s);
	} else {
		/* ERR_STATE: reorganised since; the caller scans again */
		scan_end(s, err == OK ? ERR_FORMAT : err,
			"the block of the scan is not on the chain");
	}
}

/* The script that was asked for and that an entry names; NULL: none. */
static const struct scan_script *script_of(const struct scan_op *s, const struct json *output)
{
	const struct slice hex = json_string(json_get(output, "scriptPubKey"));
	struct script_key key = {{0}};
	const size_t len = hex.len / 2;
	if (len == 0 || len > sizeof key.b || hex_decode(key.b, len, hex) != OK)
		return NULL;
	const struct scan_script *ours = table_get(&s->script, &key);
	return ours != NULL && ours->len == len ? ours : NULL;
}

/* One unspent output; `found` holds those before it, so that none counts twice. */
static enum err add_output(struct scan_op *s, struct table *found, const struct json *output)
{
	struct btc_outpoint at;
	struct point_key key;
	struct sat value;
	uint64_t index;

	TRY(core_answer_hash(&at.txid, json_get(output, "txid")));
	TRY(json_get_u64(output, "vout", &index));
	if (index > UINT32_MAX)
		return ERR_RANGE;
	at.index = (uint32_t)index;
	point_key_of(&key, &at);
	const struct scan_script *ours = script_of(s, output);
	if (ours == NULL || table_get(found, &key) != NULL)
		return ERR_FORMAT;
	if (table_put(found, &key) == NULL)
		return ERR_FULL;
	const enum err err = utxo_of(s->layer)->rules->scan_value(
		&value, output, s->layer->config.network);
	if (err == ERR_STATE && ours->kind == OURS_WALLET)
		return table_put(&s->hidden, &key) == NULL ? ERR_FULL : OK;
	if (err == ERR_NOT_FOUND || err == ERR_STATE)
		return OK;
	TRY(err);
	if (value.raw > SAT_MAX_RAW)
		return ERR_RANGE;
	const struct amount amount = amount_of(s->out.wallet.asset, value.raw);
	if (ours->kind == OURS_WALLET)
		return amount_add(&s->out.wallet, s->out.wallet, amount);
	if (table_get(&s->lock, &key) != NULL)
		return amount_add(&s->out.locked, s->out.locked, amount);
	return OK;
}

static enum err add_outputs(struct scan_op *s, const struct json *result)
{
	const struct json *list = json_get(result, "unspents");
	struct table found;
	bool success = false;
	enum err err = OK;

	TRY(json_get_bool(result, "success", &success));
	TRY(json_get_u64(result, "height", &s->out.block.height));
	TRY(core_answer_hash(&s->best, json_get(result, "bestblock")));
	if (!success || json_type(list) != JSON_ARRAY)
		return ERR_FORMAT;
	table_init(&found, sizeof(struct point_key), sizeof(struct point_key), OUTPUTS_MAX);
	for (size_t i = 0; i < json_count(list) && err == OK; i++)
		err = add_output(s, &found, json_at(list, i));
	table_fini(&found);
	return err;
}

static void scan_ask(void *op);

static void on_scanned(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct scan_op *s = op;
	(void)tag;
	if (answer->err == ERR_REJECTED && answer->code == RPC_SCAN_BUSY &&
		strstr(answer->message, "already in progress") != NULL &&
		++s->tries < SCAN_TRIES_MAX &&
		layer_wait(s->layer, SCAN_RETRY_MS, scan_ask, s) == OK)
		return;
	if (core_answer_no_method(answer)) {
		scan_end(s, ERR_REJECTED,
			"the node can't scan its unspent outputs (it has no scantxoutset): what is "
			"ours on the chain can't be reconciled");
		return;
	}
	if (answer->err != OK) {
		scan_end(s, answer->err, answer->message);
		return;
	}
	const enum err err = add_outputs(s, answer->result);
	if (err != OK) {
		scan_end(s, err, "a scan that can't be right");
		return;
	}
	struct json *params = json_array();
	json_push(params, core_param_hash(&s->best));
	json_push(params, json_new_bool(true));
	const enum err asked = adapter_ask(s->layer, "getblockheader", params, on_header, s, 0);
	if (asked != OK)
		scan_end(s, asked, "cannot ask the node");
}

static enum err scan_send(struct scan_op *s)
{
	struct json *params = json_array(), *list = json_array();

	for (uint32_t i = 0; i < s->script.item_count; i++) {
		const struct scan_script *ours = table_at(&s->script, i);
		char hex[2 * sizeof ours->script.b + 1], text[sizeof hex + 8];
		hex_encode(hex, ours->script.b, ours->len);
		(void)snprintf(text, sizeof text, "raw(%s)", hex);
		json_push(list, json_new_string(text));
	}
	json_push(params, json_new_string("start"));
	json_push(params, list);
	return ask_within(s->layer, SCAN_TIMEOUT_MS, "scantxoutset", params, on_scanned, s, 0);
}

static void scan_ask(void *op)
{
	struct scan_op *s = op;
	const enum err err = scan_send(s);
	if (err != OK)
		scan_end(s, err, "cannot ask the node");
}

static enum err add_script(
	struct scan_op *s, const struct script_key *script, size_t len, uint8_t kind)
{
	struct scan_script *ours = table_put(&s->script, script);
	if (ours == NULL)
		return ERR_FULL;
	ours->len = (uint8_t)len;
	ours->kind = kind;
	return OK;
}

/* ---- what is asked for: two multiplications on the curve for each lock-up, by the workers ---- */

static void make_scripts(void *ctx, size_t begin, size_t end)
{
	struct scan_op *s = ctx;
	for (size_t i = begin; i < end; i++) {
		struct scan_lock *lock = &s->asked[i];
		struct btc_htlc terms;
		struct btc_htlc_tree tree;
		lock->err = btc_htlc_parse(&terms, slice_of(lock->leg, lock->leg_len));
		if (lock->err == OK)
			lock->err = btc_htlc_tree_by(
				&tree, &terms, layer_taproot(s->layer->config.id));
		if (lock->err == OK)
			memcpy(lock->script.b, tree.script_pubkey, sizeof lock->script.b);
	}
}

static void run_scripts(struct offload_job *job, const struct parallel *parallel)
{
	struct scan_op *s = (struct scan_op *)(void *)job;
	parallel_run(parallel, s->asked_count, sizeof *s->asked, make_scripts, s);
}

static enum err take_scripts(struct scan_op *s)
{
	const struct utxo *b = utxo_of(s->layer);
	for (size_t i = 0; i < s->asked_count; i++) {
		const struct scan_lock *lock = &s->asked[i];
		TRY(lock->err);
		if (table_put(&s->lock, &lock->at) == NULL)
			return ERR_FULL;
		TRY(add_script(s, &lock->script, sizeof lock->script, OURS_LOCK));
	}
	for (uint32_t i = 0; b->has_wallet && i < KEY_INDEX_COUNT; i++)
		TRY(add_script(s, &b->wallet[i], sizeof b->wallet[i], OURS_WALLET));
	for (uint32_t i = 0; i < b->deposit.item_count; i++) {
		const struct deposit_watch *d = table_at(&b->deposit, i);
		TRY(add_script(s, &d->script, d->len, OURS_WALLET));
	}
	return OK;
}

static void scripts_done(struct offload_job *job, enum err err)
{
	struct scan_op *s = (struct scan_op *)(void *)job;
	struct layer *layer = s->layer;
	if (err == OK)
		err = take_scripts(s);
	if (err == OK)
		err = scan_send(s);
	if (err != OK && s->calling)
		s->failed = err;
	else if (err != OK)
		scan_end(s, err, "cannot ask the node");
	layer_computed(layer);
}

static enum err take_locks(struct scan_op *s, const struct layer_lock_ref *lock, size_t lock_count)
{
	s->asked = calloc(lock_count + 1, sizeof *s->asked);
	if (s->asked == NULL)
		return ERR_FULL;
	s->asked_count = lock_count;
	for (size_t i = 0; i < lock_count; i++) {
		const struct btc_outpoint at = {.txid = lock[i].at.tx, .index = lock[i].at.index};
		struct scan_lock *own = &s->asked[i];
		if (lock[i].leg.len > sizeof own->leg)
			return ERR_FORMAT;
		point_key_of(&own->at, &at);
		if (lock[i].leg.len > 0)
			memcpy(own->leg, lock[i].leg.ptr, lock[i].leg.len);
		own->leg_len = lock[i].leg.len;
	}
	return OK;
}

enum err utxo_scan(struct layer *layer, const struct layer_lock_ref *lock, size_t lock_count,
	layer_scan_cb cb, void *ctx)
{
	if (!utxo_of(layer)->has_wallet && lock_count == 0)
		return ERR_STATE;
	const enum asset asset = layer_asset(layer->config.id);
	struct scan_op *s = malloc(sizeof *s);
	if (s == NULL)
		return ERR_FULL;
	*s = (struct scan_op){.job = {.run = run_scripts, .done = scripts_done},
		.layer = layer,
		.cb = cb,
		.ctx = ctx,
		.calling = true,
		.out = {.wallet = amount_zero(asset), .locked = amount_zero(asset)}};
	table_init(&s->script, sizeof(struct scan_script), sizeof(struct script_key),
		LAYER_SCAN_LOCKS_MAX + KEY_INDEX_COUNT + LAYER_DEPOSITS_MAX);
	table_init(
		&s->lock, sizeof(struct point_key), sizeof(struct point_key), LAYER_SCAN_LOCKS_MAX);
	table_init(&s->hidden, sizeof(struct point_key), sizeof(struct point_key), OUTPUTS_MAX);
	enum err err = take_locks(s, lock, lock_count);
	if (err == OK)
		err = layer_compute(layer, &s->job);
	if (err == OK)
		err = s->failed;
	s->calling = false;
	if (err != OK)
		scan_free(s);
	return err;
}
