/* The live half: making it, and checking the node. */
#include "layer/evm/evm.h"
#include "wire/erc20.h"
#include <stdlib.h>

static struct layer *allocate(void)
{
	struct evm_layer *r = calloc(1, sizeof *r);
	if (r == NULL)
		return NULL;
	table_init(&r->swap, sizeof(struct swap_watch), sizeof(struct id128), EVM_LOCKS_MAX);
	table_init(&r->hash, sizeof(struct hash_watch), sizeof(struct hash256), EVM_LOCKS_MAX);
	table_init(&r->seen, sizeof(struct lock_seen), sizeof(struct hash256), EVM_SEEN_MAX);
	table_init(&r->known, sizeof(struct lock_known), sizeof((struct lock_known *)NULL)->place,
		EVM_SEEN_MAX);
	table_init(
		&r->pending, sizeof(struct pending_seen), sizeof(struct hash256), EVM_PENDING_MAX);
	r->event = calloc(CHAIN_EVENTS_MAX, sizeof *r->event);
	if (r->event == NULL) {
		free(r);
		return NULL;
	}
	return &r->layer;
}

static void release(struct layer *layer)
{
	struct evm_layer *r = evm_of(layer);
	struct table *const all[] = {&r->swap, &r->hash, &r->seen, &r->known, &r->pending};
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		table_fini(all[i]);
	free(r->event);
	free(r);
}

/* ---- check ---- */

static void fail_answer(struct node_check *c, const struct rpc_answer *answer, const char *what)
{
	const bool no_answer = answer->err == ERR_REJECTED || answer->err == ERR_IO ||
		answer->err == ERR_TIMEOUT;
	if (answer->err == OK)
		node_check_fail(c, ERR_FORMAT, "an answer that can't be right", what);
	else
		node_check_fail(
			c, no_answer ? ERR_UNAVAILABLE : answer->err, what, answer->message);
}

static void on_chain(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct node_check *c = op;
	const struct network *network = c->op.layer->config.network;
	uint64_t chain_id;
	char why[120];

	(void)tag;
	if (answer->err != OK || evm_answer_u64(&chain_id, answer->result) != OK) {
		fail_answer(c, answer, "eth_chainId");
	} else if (chain_id != network->chain_id) {
		(void)DETAIL(why, OK, "the node is on chain %llu, %s is %llu",
			(unsigned long long)chain_id, network->name,
			(unsigned long long)network->chain_id);
		/* outranks whatever else was found wrong */
		c->out.err = OK;
		node_check_fail(c, ERR_NETWORK, "wrong network", why);
	}
	op_done(&c->op);
}

static void on_tip(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct node_check *c = op;
	(void)tag;
	if (answer->err != OK || evm_answer_block(&c->out.tip, answer->result) != OK)
		fail_answer(c, answer, "eth_getBlockByNumber");
	op_done(&c->op);
}

static void on_syncing(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct node_check *c = op;
	(void)tag;
	/* false, or an object with the progress */
	c->syncing = answer->err == OK && json_type(answer->result) == JSON_OBJECT;
	op_done(&c->op);
}

static void on_version(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct node_check *c = op;
	const struct slice words = answer->err == OK ? json_string(answer->result)
						     : (struct slice){0};
	(void)tag;
	(void)DETAIL(
		c->out.version, OK, "%s", words.ptr == NULL ? "unknown" : (const char *)words.ptr);
	op_done(&c->op);
}

static void on_code(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct node_check *c = op;
	enum err err = answer->err;
	(void)tag;
	if (err == OK)
		err = evm_answer_is_contract(c->op.layer->config.id, answer->result);
	if (err == ERR_NETWORK)
		node_check_fail(
			c, err, "the contract", "the code at its address is not that of our HTLC");
	else if (err != OK)
		fail_answer(c, answer, "eth_getCode");
	op_done(&c->op);
}

/* An amount means what the token's own unit is: of another size it would be another amount. */
static void on_decimals(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct node_check *c = op;
	const enum asset asset = layer_asset(c->op.layer->config.id);
	uint8_t word[ABI_WORD];
	unsigned decimals = 0;
	size_t len = 0;
	char why[120];
	enum err err = answer->err;

	(void)tag;
	if (err == OK)
		err = evm_answer_bytes(word, &len, sizeof word, answer->result);
	if (err == OK)
		err = erc20_decimals_parse(&decimals, slice_of(word, len));
	if (err == ERR_NOT_FOUND) {
		node_check_fail(c, ERR_NETWORK, "the token", "it does not say its decimals");
	} else if (err != OK) {
		fail_answer(c, answer, "decimals of the token");
	} else if (decimals != asset_decimals(asset)) {
		(void)DETAIL(why, OK, "it has %u decimals, %s has %u", decimals, asset_name(asset),
			asset_decimals(asset));
		node_check_fail(c, ERR_NETWORK, "the token", why);
	}
	op_done(&c->op);
}

static void ask_decimals(struct node_check *c)
{
	const struct layer_config *config = &c->op.layer->config;
	uint8_t data[ABI_SELECTOR];
	struct buf call = buf_init(data, sizeof data);
	erc20_decimals_call(&call);
	op_ask(&c->op, "eth_call",
		params_call(&config->token, buf_slice(&call), json_new_string("latest")),
		on_decimals, 0);
}

static enum err check(struct layer *layer, layer_info_cb cb, void *ctx)
{
	struct node_check *c = malloc(sizeof *c);
	if (c == NULL)
		return ERR_FULL;
	node_check_init(c, layer, cb, ctx);
	op_ask(&c->op, "eth_chainId", NULL, on_chain, 0);
	op_ask(&c->op, "eth_getBlockByNumber", params_block_tag("latest", false), on_tip, 0);
	op_ask(&c->op, "eth_syncing", NULL, on_syncing, 0);
	op_ask(&c->op, "web3_clientVersion", NULL, on_version, 0);
	if (evm_has_contract(evm_of(layer))) {
		struct json *params = json_array();
		json_push(params, evm_param_address(&layer->config.contract));
		json_push(params, json_new_string("latest"));
		op_ask(&c->op, "eth_getCode", params, on_code, 0);
	}
	if (evm_has_token(evm_of(layer)))
		ask_decimals(c);
	return node_check_begun(c);
}

/* ---- block_at, fee_estimate, watch_coin ---- */

struct block_op {
	struct layer *layer;
	layer_block_cb cb;
	void *ctx;
	uint64_t height;
};

static void on_block(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct block_op *o = op;
	struct block_ref block = {0};
	enum err err = answer->err;
	(void)tag;
	if (err == OK && json_type(answer->result) == JSON_NULL)
		err = ERR_NOT_FOUND;
	if (err == OK)
		err = evm_answer_block(&block, answer->result);
	if (err == OK && block.height != o->height)
		err = ERR_FORMAT;
	if (!o->layer->dead)
		o->cb(o->ctx, err, &block);
	free(o);
}

static enum err block_at(struct layer *layer, uint64_t height, layer_block_cb cb, void *ctx)
{
	struct block_op *o = malloc(sizeof *o);
	if (o == NULL)
		return ERR_FULL;
	*o = (struct block_op){.layer = layer, .cb = cb, .ctx = ctx, .height = height};
	const enum err err = ask_block_at(layer, height, on_block, o, 0);
	if (err != OK)
		free(o);
	return err;
}

struct fee_op {
	layer_fee_cb cb;
	void *ctx;
};

static void on_price(void *ctx, enum err err, uint64_t rate, uint64_t data_fee)
{
	struct fee_op *f = ctx;
	if (err != ERR_CANCELLED)
		f->cb(f->ctx, err, rate, data_fee);
	free(f);
}

/* Blocks come fast and are rarely full: one price for every target. */
static enum err fee_estimate(struct layer *layer, uint32_t blocks, layer_fee_cb cb, void *ctx)
{
	if (blocks == 0)
		return ERR_RANGE;
	struct fee_op *f = malloc(sizeof *f);
	if (f == NULL)
		return ERR_FULL;
	*f = (struct fee_op){.cb = cb, .ctx = ctx};
	const enum err err = evm_ask_price(layer, on_price, f);
	if (err != OK)
		free(f);
	return err;
}

static enum err watch_coin(struct layer *layer, const struct btc_coin *coin)
{
	(void)layer;
	(void)coin;
	return ERR_STATE; /* accounts have no coins */
}

const struct layer_ops evm_ops = {
	.follow = &evm_follow,
	.allocate = allocate,
	.release = release,
	.check = check,
	.block_at = block_at,
	.watch_wallet = evm_watch_wallet,
	.watch_coin = watch_coin,
	.watch_lock = evm_watch_lock,
	.watch_lock_at = evm_watch_lock_at,
	.unwatch_lock = evm_unwatch_lock,
	.submit = evm_submit,
	.status = evm_status,
	.fee_estimate = fee_estimate,
	.scan = evm_scan,
	.scan_at = evm_scan_at,
};
