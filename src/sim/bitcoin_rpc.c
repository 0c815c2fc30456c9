/* Bitcoin Core's RPC: parameters, blocks, chain, and the table of methods. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/hex.h"
#include "btc/script.h"
#include "sim/bitcoin_chain.h"

#define DIFFICULTY "4.656542373906925e-10" /* of SIMBTC_BITS */
#define WORK_PER_BLOCK 2u
#define PROTOCOL_VERSION 70016u

/* ---- parameters ---- */

static const char *type_name(const struct json *v)
{
	static const char *const names[] = {[JSON_NULL] = "null",
		[JSON_BOOL] = "bool",
		[JSON_NUMBER] = "number",
		[JSON_STRING] = "string",
		[JSON_ARRAY] = "array",
		[JSON_OBJECT] = "object"};
	return names[json_type(v)];
}

static bool wrong_type(struct simbtc_call *c, size_t at, const char *name, const char *expected)
{
	sim_reply_error(c->reply, RPC_TYPE_ERROR,
		"Wrong type passed:\n{\n    \"Position %zu (%s)\": "
		"\"JSON value of type %s is not of expected type %s\"\n}",
		at + 1, name, type_name(sim_param(c->params, at)), expected);
	return false;
}

bool simbtc_param_string(struct simbtc_call *c, size_t at, const char *name, struct slice *out)
{
	*out = json_string(sim_param(c->params, at));
	return out->ptr != NULL || wrong_type(c, at, name, "string");
}

bool simbtc_param_hash(struct simbtc_call *c, size_t at, const char *name, struct hash256 *out)
{
	struct slice text;
	if (!simbtc_param_string(c, at, name, &text))
		return false;
	if (text.len != 64) {
		sim_reply_error(c->reply, RPC_INVALID_PARAMETER,
			"%s must be of length 64 (not %zu, for '%.80s')", name, text.len, text.ptr);
		return false;
	}
	if (hex_decode_reversed(out->b, sizeof out->b, text) != OK) {
		sim_reply_error(c->reply, RPC_INVALID_PARAMETER,
			"%s must be hexadecimal string (not '%s')", name, text.ptr);
		return false;
	}
	return true;
}

bool simbtc_param_u64(
	struct simbtc_call *c, size_t at, const char *name, uint64_t absent, uint64_t *out)
{
	const struct json *v = sim_param(c->params, at);
	*out = absent;
	if (v == NULL)
		return true;
	if (json_type(v) != JSON_NUMBER)
		return wrong_type(c, at, name, "number");
	/* a negative height is out of range like one too high */
	if (json_get_u64(c->params->by_position, sim_param_key(at), out) != OK)
		*out = UINT64_MAX;
	return true;
}

bool simbtc_param_bool(struct simbtc_call *c, size_t at, const char *name, bool absent, bool *out)
{
	*out = absent;
	if (sim_param(c->params, at) == NULL)
		return true;
	return json_get_bool(c->params->by_position, sim_param_key(at), out) == OK ||
		wrong_type(c, at, name, "bool");
}

bool simbtc_param_verbosity(struct simbtc_call *c, size_t at, uint64_t absent, uint64_t *out)
{
	bool on;
	if (json_get_bool(c->params->by_position, sim_param_key(at), &on) != OK)
		return simbtc_param_u64(c, at, "verbosity", absent, out);
	*out = on;
	return true;
}

bool simbtc_param_script(struct simbtc_call *c, size_t at, uint8_t *script, size_t *script_len)
{
	struct slice text;
	if (!simbtc_param_string(c, at, "address", &text))
		return false;
	if (c->b->rules->address_parse(script, script_len, text) == OK)
		return true;
	sim_reply_error(c->reply, RPC_INVALID_ADDRESS_OR_KEY, "Error: Invalid address");
	return false;
}

bool simbtc_param_destination(struct simbtc_call *c, size_t at, uint8_t *to, size_t *to_len)
{
	struct slice text;
	if (c->b->rules->destination_parse == NULL)
		return simbtc_param_script(c, at, to, to_len);
	if (!simbtc_param_string(c, at, "address", &text))
		return false;
	if (c->b->rules->destination_parse(to, to_len, text) == OK)
		return true;
	sim_reply_error(c->reply, RPC_INVALID_ADDRESS_OR_KEY, "Error: Invalid address");
	return false;
}

bool simbtc_param_coins(struct simbtc_call *c, size_t at, uint64_t absent, struct sat *out)
{
	const struct json *v = sim_param(c->params, at);
	struct amount a;
	out->raw = absent;
	if (v == NULL)
		return true;
	const bool ok = json_type(v) == JSON_STRING
		? amount_parse(&a, ASSET_BTC, json_string(v)) == OK && amount_to_sat(out, a) == OK
		: json_get_decimal(c->params->by_position, sim_param_key(at), 8, &out->raw) == OK;
	if (!ok)
		sim_reply_error(c->reply, RPC_TYPE_ERROR, "Invalid amount");
	return ok;
}

bool simbtc_param_block(struct simbtc_call *c, size_t at, const char *name, uint32_t *out)
{
	struct hash256 hash;
	if (!simbtc_param_hash(c, at, name, &hash))
		return false;
	*out = simbtc_block_find(c->b, &hash);
	if (*out == MAP_NONE)
		sim_reply_error(c->reply, RPC_INVALID_ADDRESS_OR_KEY, "Block not found");
	return *out != MAP_NONE;
}

/* ---- chain ---- */

static void set_work(struct text *out, uint32_t height)
{
	char work[65];
	uint8_t be[32] = {0};
	store_be64(be + 24, WORK_PER_BLOCK * ((uint64_t)height + 1));
	hex_encode(work, be, sizeof be);
	js_set_string(out, "chainwork", work);
}

static void set_number(struct text *out, const char *key, const char *number)
{
	js_key(out, key);
	js_raw(out, slice_str(number));
}

/* A list since Bitcoin Core 28. */
static void warnings(struct simbtc_call *c)
{
	js_key(c->out, "warnings");
	if (c->b->rules->old_core) {
		js_string(c->out, "");
		return;
	}
	js_open(c->out, '[');
	js_close(c->out, ']');
}

static void rpc_getblockchaininfo(struct simbtc_call *c)
{
	const struct simbtc_block *tip = simbtc_tip(c->b);
	js_open(c->out, '{');
	js_set_string(c->out, "chain", c->b->rules->chain);
	js_set_u64(c->out, "blocks", tip->height);
	js_set_u64(
		c->out, "headers", tip->height + (c->b->network.syncing ? SIM_BEHIND_BLOCKS : 0));
	js_set_hash(c->out, "bestblockhash", &tip->hash);
	if (c->b->rules->chain_json == NULL)
		set_number(c->out, "difficulty", DIFFICULTY);
	js_set_u64(c->out, "time", tip->header.time);
	js_set_u64(
		c->out, "mediantime", simbtc_median_time(c->b, c->b->chain[c->b->chain_len - 1]));
	js_set_u64(c->out, "verificationprogress", 1);
	js_set_bool(c->out, "initialblockdownload", c->b->network.syncing);
	if (c->b->rules->chain_json == NULL)
		set_work(c->out, tip->height);
	js_set_u64(c->out, "size_on_disk", 300u * (uint64_t)c->b->block_count);
	js_set_bool(c->out, "pruned", false);
	if (c->b->rules->chain_json != NULL)
		c->b->rules->chain_json(c->out, c->b);
	warnings(c);
	js_close(c->out, '}');
}

static void rpc_getnetworkinfo(struct simbtc_call *c)
{
	js_open(c->out, '{');
	js_set_u64(c->out, "version", c->b->rules->version);
	js_set_string(c->out, "subversion", c->b->rules->subversion);
	js_set_u64(c->out, "protocolversion", PROTOCOL_VERSION);
	js_set_string(c->out, "localservices", "0000000000000409");
	js_key(c->out, "localservicesnames");
	js_open(c->out, '[');
	js_string(c->out, "NETWORK");
	js_string(c->out, "WITNESS");
	js_string(c->out, "NETWORK_LIMITED");
	js_close(c->out, ']');
	js_set_bool(c->out, "localrelay", true);
	js_set_u64(c->out, "timeoffset", 0);
	js_set_bool(c->out, "networkactive", true);
	js_set_u64(c->out, "connections", 0);
	js_set_u64(c->out, "connections_in", 0);
	js_set_u64(c->out, "connections_out", 0);
	js_key(c->out, "networks");
	js_open(c->out, '[');
	js_close(c->out, ']');
	js_set_coins(c->out, "relayfee", c->b->relay_rate);
	js_set_coins(c->out, "incrementalfee", c->b->rules->relay_rate);
	js_key(c->out, "localaddresses");
	js_open(c->out, '[');
	js_close(c->out, ']');
	warnings(c);
	js_close(c->out, '}');
}

static void rpc_getblockcount(struct simbtc_call *c)
{
	js_u64(c->out, c->b->chain_len - 1);
}

static void rpc_getbestblockhash(struct simbtc_call *c)
{
	js_hash(c->out, &simbtc_tip(c->b)->hash);
}

static void rpc_getblockhash(struct simbtc_call *c)
{
	uint64_t height;
	if (!simbtc_param_u64(c, 0, "height", UINT64_MAX, &height))
		return;
	if (height >= c->b->chain_len)
		sim_reply_error(c->reply, RPC_INVALID_PARAMETER, "Block height out of range");
	else
		js_hash(c->out, &c->b->block[c->b->chain[height]].hash);
}

static void rpc_uptime(struct simbtc_call *c)
{
	js_u64(c->out, c->now_ms < c->b->start_ms ? 0 : (c->now_ms - c->b->start_ms) / 1000);
}

static void rpc_getindexinfo(struct simbtc_call *c)
{
	js_open(c->out, '{');
	js_key(c->out, "txindex");
	js_open(c->out, '{');
	js_set_bool(c->out, "synced", true);
	js_set_u64(c->out, "best_block_height", c->b->chain_len - 1);
	js_close(c->out, '}');
	js_close(c->out, '}');
}

/* ---- blocks ---- */

void simbtc_block_bytes(
	struct text *out, const struct sim_bitcoin *b, const struct simbtc_block *block)
{
	uint8_t count[9];
	struct buf compact = buf_init(count, sizeof count);
	b->rules->header_put(out, block);
	btc_put_compact(&compact, block->tx_count);
	text_put(out, count, compact.len);
	for (uint32_t i = 0; i < block->tx_count; i++)
		text_put(out, b->tx[block->tx[i]]->raw, b->tx[block->tx[i]]->raw_len);
}

static void header_members(struct simbtc_call *c, uint32_t at)
{
	const struct simbtc_block *block = &c->b->block[at];
	const bool best = simbtc_in_best(c->b, at);
	char hex[9];
	js_set_hash(c->out, "hash", &block->hash);
	js_key(c->out, "confirmations");
	js_i64(c->out, best ? (int64_t)c->b->chain_len - block->height : -1);
	js_set_u64(c->out, "height", block->height);
	js_set_u64(c->out, "version", block->header.version);
	uint8_t be[4];
	store_be32(be, block->header.version);
	hex_encode(hex, be, sizeof be);
	js_set_string(c->out, "versionHex", hex);
	js_set_hash(c->out, "merkleroot", &block->header.merkle_root);
	js_set_u64(c->out, "time", block->header.time);
	js_set_u64(c->out, "mediantime", simbtc_median_time(c->b, at));
	if (c->b->rules->header_json != NULL) {
		c->b->rules->header_json(c->out, block);
	} else {
		js_set_u64(c->out, "nonce", block->header.nonce);
		store_be32(be, block->header.bits);
		hex_encode(hex, be, sizeof be);
		js_set_string(c->out, "bits", hex);
		set_number(c->out, "difficulty", DIFFICULTY);
		set_work(c->out, block->height);
	}
	js_set_u64(c->out, "nTx", block->tx_count);
	if (block->parent != SIMBTC_NONE)
		js_set_hash(c->out, "previousblockhash", &c->b->block[block->parent].hash);
	if (best && block->height + 1 < c->b->chain_len)
		js_set_hash(
			c->out, "nextblockhash", &c->b->block[c->b->chain[block->height + 1]].hash);
}

static void rpc_getblockheader(struct simbtc_call *c)
{
	uint32_t at;
	bool verbose;
	if (!simbtc_param_block(c, 0, "hash", &at) ||
		!simbtc_param_bool(c, 1, "verbose", true, &verbose))
		return;
	if (verbose) {
		js_open(c->out, '{');
		header_members(c, at);
		js_close(c->out, '}');
		return;
	}
	struct text bytes = {0};
	c->b->rules->header_put(&bytes, &c->b->block[at]);
	js_hex(c->out, "", bytes.ptr, bytes.len);
	text_fini(&bytes);
}

static void block_tx(struct simbtc_call *c, uint32_t tx, bool full)
{
	const struct simbtc_tx *t = c->b->tx[tx];
	if (!full) {
		js_hash(c->out, &t->txid);
		return;
	}
	js_open(c->out, '{');
	simbtc_tx_json(c->out, c->b, tx);
	if (!btc_tx_is_coinbase(&t->tx))
		js_set_coins(c->out, "fee", t->fee);
	js_set_hex(c->out, "hex", "", t->raw, t->raw_len);
	js_close(c->out, '}');
}

static void rpc_getblock(struct simbtc_call *c)
{
	uint32_t at;
	uint64_t verbosity;
	if (!simbtc_param_block(c, 0, "blockhash", &at) ||
		!simbtc_param_verbosity(c, 1, 1, &verbosity))
		return;
	const struct simbtc_block *block = &c->b->block[at];
	if (verbosity == 0) {
		struct text bytes = {0};
		simbtc_block_bytes(&bytes, c->b, block);
		js_hex(c->out, "", bytes.ptr, bytes.len);
		text_fini(&bytes);
		return;
	}
	js_open(c->out, '{');
	header_members(c, at);
	js_set_u64(c->out, "strippedsize", block->stripped_size);
	js_set_u64(c->out, "size", block->size);
	js_set_u64(c->out, "weight", 3u * (uint64_t)block->stripped_size + block->size);
	js_key(c->out, "tx");
	js_open(c->out, '[');
	for (uint32_t i = 0; i < block->tx_count; i++)
		block_tx(c, block->tx[i], verbosity >= 2);
	js_close(c->out, ']');
	js_close(c->out, '}');
}

#define GENERATE_MAX 1000u

static void rpc_generatetoaddress(struct simbtc_call *c)
{
	uint8_t script[BTC_SCRIPT_STD_MAX];
	size_t script_len;
	uint64_t count;
	if (!simbtc_param_u64(c, 0, "nblocks", 0, &count) ||
		!simbtc_param_script(c, 1, script, &script_len))
		return;
	if (count > GENERATE_MAX) {
		sim_reply_error(c->reply, RPC_INVALID_PARAMETER, "at most %u blocks", GENERATE_MAX);
		return;
	}
	js_open(c->out, '[');
	for (uint64_t i = 0; i < count; i++) {
		const uint32_t at = simbtc_mine(
			c->b, c->now_ms, slice_of(script, script_len), false);
		js_hash(c->out, &c->b->block[at].hash);
	}
	js_close(c->out, ']');
}

static void rpc_invalidateblock(struct simbtc_call *c)
{
	uint32_t at;
	if (!simbtc_param_block(c, 0, "blockhash", &at))
		return;
	if (c->b->block[at].height == 0) {
		sim_reply_error(c->reply, RPC_INVALID_PARAMETER, "the genesis block is valid");
		return;
	}
	simbtc_invalidate(c->b, at, c->now_ms);
	js_null(c->out);
}

static void rpc_reconsiderblock(struct simbtc_call *c)
{
	uint32_t at;
	if (!simbtc_param_block(c, 0, "blockhash", &at))
		return;
	simbtc_reconsider(c->b, at, c->now_ms);
	js_null(c->out);
}

static const struct simbtc_row rows[] = {
	{"getblockchaininfo", rpc_getblockchaininfo, 0, 0},
	{"getnetworkinfo", rpc_getnetworkinfo, 0, 0},
	{"getblockcount", rpc_getblockcount, 0, 0},
	{"getbestblockhash", rpc_getbestblockhash, 0, 0},
	{"getblockhash", rpc_getblockhash, 1, 1},
	{"getblockheader", rpc_getblockheader, 1, 2},
	{"getblock", rpc_getblock, 1, 2},
	{"getindexinfo", rpc_getindexinfo, 0, 1},
	{"uptime", rpc_uptime, 0, 0},
	{"generatetoaddress", rpc_generatetoaddress, 2, 3},
	{"invalidateblock", rpc_invalidateblock, 1, 1},
	{"reconsiderblock", rpc_reconsiderblock, 1, 1},
};

static const struct simbtc_row *find_row(
	const struct simbtc_row *row, size_t count, const char *method)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(row[i].name, method) == 0)
			return &row[i];
	return NULL;
}

void simbtc_rpc(struct sim_network *n, struct sim_reply *reply, uint64_t now_ms, const char *method,
	const struct sim_params *params)
{
	struct simbtc_call c = {.b = simbtc_of(n),
		.reply = reply,
		.out = &reply->result,
		.params = params,
		.now_ms = now_ms};
	const struct simbtc_row *row = find_row(rows, ARRAY_LEN(rows), method);
	if (row == NULL)
		row = find_row(simbtc_tx_rows, simbtc_tx_row_count, method);
	if (row == NULL)
		row = find_row(simbtc_sim_rows, simbtc_sim_row_count, method);
	if (row == NULL)
		row = find_row(c.b->rules->row, c.b->rules->row_count, method);
	if (row == NULL)
		sim_reply_error(reply, RPC_METHOD_NOT_FOUND, "Method not found");
	else if (params->count < row->params_min || params->count > row->params_max)
		sim_reply_error(reply, RPC_MISC_ERROR, "%s: %u to %u parameters", row->name,
			row->params_min, row->params_max);
	else
		row->run(&c);
}
