/* Making an adapter, and checking its node. */
#include "base/hex.h"
#include "layer/utxo/utxo.h"
#include <stdlib.h>

struct layer *utxo_allocate(const struct utxo_rules *rules)
{
	struct utxo *b = calloc(1, sizeof *b);
	if (b == NULL)
		return NULL;
	b->rules = rules;
	table_init(&b->deposit, sizeof(struct deposit_watch), sizeof(struct script_key),
		LAYER_DEPOSITS_MAX);
	table_init(&b->coin, sizeof(struct coin_watch), sizeof(struct point_key), UTXO_COINS_MAX);
	table_init(&b->lock, sizeof(struct lock_watch), sizeof(struct id128), UTXO_LOCKS_MAX);
	table_init(
		&b->script, sizeof(struct script_watch), sizeof(struct script_key), UTXO_LOCKS_MAX);
	table_init(&b->hash, sizeof(struct hash_watch), sizeof(struct hash256), UTXO_LOCKS_MAX);
	table_init(
		&b->point, sizeof(struct point_watch), sizeof(struct point_key), UTXO_POINTS_MAX);
	table_init(&b->seen, sizeof(struct seen_tx), sizeof(struct hash256), UTXO_SEEN_MAX);
	table_init(&b->pool, sizeof(struct pool_tx), sizeof(struct hash256), UTXO_POOL_MAX);
	b->event = calloc(CHAIN_EVENTS_MAX, sizeof *b->event);
	if (b->event == NULL) {
		free(b);
		return NULL;
	}
	return &b->layer;
}

void utxo_release(struct layer *layer)
{
	struct utxo *b = utxo_of(layer);
	struct table *const all[] = {&b->deposit, &b->coin, &b->lock, &b->script, &b->hash,
		&b->point, &b->seen, &b->pool};
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		table_fini(all[i]);
	free(b->pool_todo);
	free(b->event);
	free(b);
}

/* ---- check ---- */

void utxo_check_fail(struct utxo_check *c, enum err err, const char *what, const char *why)
{
	if (err == ERR_NETWORK)
		c->node.out.err = OK;
	node_check_fail(&c->node, err, what, why);
}

/* A node that answers with an error of its own is there but not ready (warming up). */
void utxo_check_fail_answer(struct utxo_check *c, const struct rpc_answer *answer, const char *what)
{
	const bool no_answer = answer->err == ERR_REJECTED || answer->err == ERR_IO ||
		answer->err == ERR_TIMEOUT;
	utxo_check_fail(c, no_answer ? ERR_UNAVAILABLE : answer->err, what, answer->message);
}

/* A regtest chain whose last block is old is not syncing: nobody has more of it. */
static bool is_regtest(const struct utxo_check *c)
{
	return strcmp(c->node.op.layer->config.network->name, "regtest") == 0;
}

/* What Bitcoin Core goes by: with an older tip it says that it is syncing. btcd says nothing, and
 * counts no header before it has the block. */
#define TIP_AGE_MAX_MS (24u * 60u * 60u * 1000u)

static void on_header(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct utxo_check *c = op;
	uint64_t depth;
	(void)tag;
	if (answer->err != OK)
		utxo_check_fail_answer(c, answer, "the best block");
	else if (core_answer_header(&c->node.out.tip, &depth, answer->result, &c->best) != OK)
		utxo_check_fail(c, ERR_FORMAT, "an answer that can't be right", "getblockheader");
	else if (!c->says_syncing && !is_regtest(c) &&
		c->node.out.tip.time_ms + TIP_AGE_MAX_MS <
			loop_wall_ms(c->node.op.layer->config.loop))
		c->node.syncing = true;
	op_done(&c->node.op);
}

static enum err read_chain(struct utxo_check *c, const struct json *result)
{
	const char *chain = json_get_string(result, "chain");
	uint64_t blocks, headers = 0;
	bool initial = false;

	TRY(core_answer_hash(&c->best, json_get(result, "bestblockhash")));
	TRY(json_get_u64(result, "blocks", &blocks));
	/* btcd has neither of these two on every version */
	enum err err = json_get_u64(result, "headers", &headers);
	if (err == OK || err == ERR_NOT_FOUND) {
		err = json_get_bool(result, "initialblockdownload", &initial);
		c->says_syncing = err == OK;
	}
	if (err != OK && err != ERR_NOT_FOUND)
		return err;
	c->node.syncing = headers > blocks || (initial && !is_regtest(c));
	(void)DETAIL(c->node.chain, OK, "%s", chain == NULL ? "an unknown chain" : chain);
	return OK;
}

static void on_chain(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct utxo_check *c = op;
	(void)tag;
	if (answer->err != OK) {
		utxo_check_fail_answer(c, answer, "getblockchaininfo");
	} else if (read_chain(c, answer->result) != OK) {
		utxo_check_fail(
			c, ERR_FORMAT, "an answer that can't be right", "getblockchaininfo");
	} else {
		struct json *params = json_array();
		json_push(params, core_param_hash(&c->best));
		json_push(params, json_new_bool(true));
		c->header_asked = true;
		op_ask(&c->node.op, "getblockheader", params, on_header, 0);
	}
	op_done(&c->node.op);
}

static void on_genesis(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct utxo_check *c = op;
	const struct network *network = c->node.op.layer->config.network;
	struct hash256 genesis;
	char text[65], why[160];

	(void)tag;
	if (answer->err != OK) {
		utxo_check_fail_answer(c, answer, "the first block");
	} else if (core_answer_hash(&genesis, answer->result) != OK) {
		utxo_check_fail(c, ERR_FORMAT, "an answer that can't be right", "getblockhash");
	} else if (!hash256_eq(&genesis, &network->genesis)) {
		hex_encode_reversed(text, genesis.b, sizeof genesis.b);
		(void)DETAIL(why, OK, "the node's first block is %s, not that of %s", text,
			network->name);
		utxo_check_fail(c, ERR_NETWORK, "wrong network", why);
	}
	op_done(&c->node.op);
}

/* btcd: 240200 is 0.24.2. */
static void on_old_version(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct utxo_check *c = op;
	uint64_t n;
	(void)tag;
	if (answer->err == OK && json_get_u64(answer->result, "version", &n) == OK)
		(void)DETAIL(c->node.out.version, OK, "btcd %u.%u.%u",
			(unsigned)(n / 1000000 % 1000), (unsigned)(n / 10000 % 100),
			(unsigned)(n / 100 % 100));
	op_done(&c->node.op);
}

static void on_version(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct utxo_check *c = op;
	const char *words = answer->err == OK ? json_get_string(answer->result, "subversion")
					      : NULL;
	(void)tag;
	(void)DETAIL(c->node.out.version, OK, "%s", words == NULL ? "unknown" : words);
	if (core_answer_no_method(answer))
		op_ask(&c->node.op, "getinfo", NULL, on_old_version, 0);
	op_done(&c->node.op);
}

enum err utxo_check_node(struct layer *layer, layer_info_cb cb, void *ctx)
{
	struct utxo_check *c = malloc(sizeof *c);
	if (c == NULL)
		return ERR_FULL;
	*c = (struct utxo_check){.header_asked = false};
	node_check_init(&c->node, layer, cb, ctx);
	struct json *params = json_array();
	json_push(params, json_new_u64(0));
	op_ask(&c->node.op, "getblockhash", params, on_genesis, 0);
	op_ask(&c->node.op, "getblockchaininfo", NULL, on_chain, 0);
	op_ask(&c->node.op, "getnetworkinfo", NULL, on_version, 0);
	if (utxo_of(layer)->rules->check_more != NULL)
		utxo_of(layer)->rules->check_more(c);
	return node_check_begun(&c->node);
}

/* ---- block_at ---- */

struct block_op {
	struct layer *layer;
	layer_block_cb cb;
	void *ctx;
	uint64_t height;
	struct hash256 hash;
};

static void block_end(struct block_op *o, enum err err, const struct block_ref *block)
{
	if (!o->layer->dead)
		o->cb(o->ctx, err, block);
	free(o);
}

static void on_block_header(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct block_op *o = op;
	struct block_ref block = {0};
	uint64_t depth;
	enum err err = answer->err;
	(void)tag;
	if (err == OK)
		err = core_answer_header(&block, &depth, answer->result, &o->hash);
	if (err == OK && block.height != o->height)
		err = ERR_FORMAT;
	block_end(o, err, &block);
}

/* Bitcoin Core says it by the code, which btcd uses for other things. */
#define RPC_OUT_OF_RANGE (-8)
#define RPC_OUT_OF_RANGE_BTCD (-1)

static bool is_out_of_range(const struct rpc_answer *answer)
{
	return answer->err == ERR_REJECTED &&
		(answer->code == RPC_OUT_OF_RANGE ||
			(answer->code == RPC_OUT_OF_RANGE_BTCD &&
				strstr(answer->message, "out of range") != NULL));
}

static void on_block_hash(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct block_op *o = op;
	const struct block_ref none = {0};
	enum err err = answer->err;
	(void)tag;
	if (is_out_of_range(answer))
		err = ERR_NOT_FOUND;
	if (err == OK)
		err = core_answer_hash(&o->hash, answer->result);
	if (err == OK) {
		struct json *params = json_array();
		json_push(params, core_param_hash(&o->hash));
		json_push(params, json_new_bool(true));
		err = adapter_ask(o->layer, "getblockheader", params, on_block_header, o, 0);
	}
	if (err != OK)
		block_end(o, err, &none);
}

enum err utxo_block_at(struct layer *layer, uint64_t height, layer_block_cb cb, void *ctx)
{
	struct block_op *o = malloc(sizeof *o);
	if (o == NULL)
		return ERR_FULL;
	*o = (struct block_op){.layer = layer, .cb = cb, .ctx = ctx, .height = height};
	struct json *params = json_array();
	json_push(params, json_new_u64(height));
	const enum err err = adapter_ask(layer, "getblockhash", params, on_block_hash, o, 0);
	if (err != OK)
		free(o);
	return err;
}
