/* Bitcoin Core's RPC: transactions, mempool, fees, the UTXO set. */
#include <stdlib.h>

#include "base/hex.h"
#include "btc/script.h"
#include "crypto/hash.h"
#include "sim/bitcoin_chain.h"

#define MAX_FEE_RATE_DEFAULT UINT64_C(10000000) /* sat/kvB: 0.1 coins */
#define CONF_TARGET_MAX 1008u
#define TEST_ACCEPT_MAX 25u
#define MEMPOOL_SIZE_MAX 300000000u
#define SIGNALS_MAX 0xfffffffdu /* a sequence up to this allows replacement (BIP-125) */

/* ---- one transaction ---- */

static void placed_members(struct simbtc_call *c, uint32_t block)
{
	const struct simbtc_block *in = &c->b->block[block];
	const bool best = simbtc_in_best(c->b, block);
	js_set_hash(c->out, "blockhash", &in->hash);
	js_set_u64(c->out, "confirmations", best ? c->b->chain_len - in->height : 0);
	if (best) {
		js_set_u64(c->out, "time", in->header.time);
		js_set_u64(c->out, "blocktime", in->header.time);
	}
}

/* The record that a block holds under this id, or SIMBTC_NONE. */
static uint32_t find_in_block(
	const struct sim_bitcoin *b, const struct simbtc_block *block, const struct hash256 *txid)
{
	for (uint32_t i = 0; i < block->tx_count; i++)
		if (hash256_eq(&b->tx[block->tx[i]]->txid, txid))
			return block->tx[i];
	return SIMBTC_NONE;
}

static bool find_tx(struct simbtc_call *c, uint32_t *tx, uint32_t *block)
{
	struct hash256 txid, hash;
	*block = SIMBTC_NONE;
	if (!simbtc_param_hash(c, 0, "parameter 1", &txid))
		return false;
	if (hash256_eq(&txid, &c->b->block[0].header.merkle_root)) {
		sim_reply_error(c->reply, RPC_INVALID_ADDRESS_OR_KEY,
			"The genesis block coinbase is not considered an ordinary transaction and "
			"cannot be retrieved");
		return false;
	}
	if (sim_param(c->params, 2) != NULL) {
		if (!simbtc_param_hash(c, 2, "parameter 3", &hash))
			return false;
		*block = simbtc_block_find(c->b, &hash);
		if (*block == MAP_NONE) {
			sim_reply_error(
				c->reply, RPC_INVALID_ADDRESS_OR_KEY, "Block hash not found");
			return false;
		}
		*tx = find_in_block(c->b, &c->b->block[*block], &txid);
		if (*tx == SIMBTC_NONE)
			sim_reply_error(c->reply, RPC_INVALID_ADDRESS_OR_KEY,
				"No such transaction found in the provided block. Use "
				"gettransaction for wallet transactions.");
		return *tx != SIMBTC_NONE;
	}
	*tx = simbtc_tx_find(c->b, &txid);
	if (*tx == MAP_NONE || c->b->tx[*tx]->state == SIMBTC_GONE) {
		sim_reply_error(c->reply, RPC_INVALID_ADDRESS_OR_KEY,
			"No such mempool or blockchain transaction. Use gettransaction for wallet "
			"transactions.");
		return false;
	}
	if (c->b->tx[*tx]->state == SIMBTC_MINED)
		*block = c->b->tx[*tx]->block;
	return true;
}

static void rpc_getrawtransaction(struct simbtc_call *c)
{
	uint32_t tx, block;
	uint64_t verbosity;
	if (!simbtc_param_verbosity(c, 1, 0, &verbosity) || !find_tx(c, &tx, &block))
		return;
	const struct simbtc_tx *t = c->b->tx[tx];
	if (verbosity == 0) {
		js_hex(c->out, "", t->raw, t->raw_len);
		return;
	}
	js_open(c->out, '{');
	if (sim_param(c->params, 2) != NULL)
		js_set_bool(c->out, "in_active_chain", simbtc_in_best(c->b, block));
	simbtc_tx_json(c->out, c->b, tx);
	js_set_hex(c->out, "hex", "", t->raw, t->raw_len);
	if (block != SIMBTC_NONE)
		placed_members(c, block);
	js_close(c->out, '}');
}

static bool decode(struct simbtc_call *c, uint32_t *tx, struct slice hex)
{
	const size_t len_max = hex.len / 2;
	size_t len = 0;
	uint8_t *raw = sim_alloc(len_max);
	const bool ok = len_max > 0 && hex_decode_var(raw, &len, len_max, hex) == OK &&
		simbtc_tx_add(c->b, tx, slice_of(raw, len)) == OK;
	free(raw);
	if (!ok)
		sim_reply_error(c->reply, RPC_DESERIALIZATION_ERROR,
			"TX decode failed. Make sure the tx has at least one input.");
	return ok;
}

static void rpc_sendrawtransaction(struct simbtc_call *c)
{
	struct slice hex;
	struct sat max_rate;
	uint32_t tx;
	struct simbtc_verdict verdict;
	if (!simbtc_param_string(c, 0, "hexstring", &hex) ||
		!simbtc_param_coins(c, 1, MAX_FEE_RATE_DEFAULT, &max_rate) || !decode(c, &tx, hex))
		return;
	const struct simbtc_tx *t = c->b->tx[tx];
	for (uint32_t i = 0; i < t->tx.out_count; i++) {
		if (simbtc_coin_find(c->b, &t->txid, i) == NULL)
			continue;
		sim_reply_error(c->reply, RPC_VERIFY_ALREADY_IN_CHAIN,
			c->b->rules->old_core ? "Transaction already in block chain"
					      : "Transaction outputs already in utxo set");
		return;
	}
	const char *why = c->b->rules->unsendable == NULL ? NULL : c->b->rules->unsendable(t);
	if (why != NULL) {
		sim_reply_error(c->reply, RPC_VERIFY_ERROR, "%s", why);
		return;
	}
	const uint32_t named = simbtc_tx_find(c->b, &t->txid);
	if (c->b->tx[named]->state == SIMBTC_POOL) {
		js_hash(c->out, &t->txid);
		return;
	}
	simbtc_check(c->b, &verdict, tx, false);
	if (verdict.code != 0) {
		sim_reply_error(c->reply, verdict.code, "%s", verdict.reason);
		return;
	}
	if (max_rate.raw != 0 && verdict.fee > simbtc_fee(t->vsize, max_rate.raw)) {
		sim_reply_error(c->reply, RPC_VERIFY_ERROR,
			"Fee exceeds maximum configured by user (e.g. -maxtxfee, maxfeerate)");
		return;
	}
	simbtc_pool_add(c->b, tx, &verdict, c->now_ms);
	js_hash(c->out, &t->txid);
}

/* ---- would it be accepted ---- */

/* Bitcoin Core gives the reason here without its details. */
static const char *short_reason(struct simbtc_verdict *verdict)
{
	char *comma = strstr(verdict->reason, ", ");
	if (comma != NULL)
		*comma = 0;
	return verdict->code == RPC_VERIFY_ERROR ? "missing-inputs" : verdict->reason;
}

static void accept_json(struct simbtc_call *c, uint32_t tx)
{
	const struct simbtc_tx *t = c->b->tx[tx];
	struct simbtc_verdict verdict;
	simbtc_check(c->b, &verdict, tx, false);
	js_open(c->out, '{');
	js_set_hash(c->out, "txid", &t->txid);
	js_set_hash(c->out, "wtxid", &t->wtxid);
	js_set_bool(c->out, "allowed", verdict.code == 0);
	if (verdict.code != 0) {
		js_set_string(c->out, "reject-reason", short_reason(&verdict));
	} else {
		js_set_u64(c->out, "vsize", t->vsize);
		js_key(c->out, "fees");
		js_open(c->out, '{');
		js_set_coins(c->out, "base", verdict.fee);
		if (c->b->rules->old_core) {
			js_close(c->out, '}');
			js_close(c->out, '}');
			return;
		}
		js_set_coins(c->out, "effective-feerate", simbtc_rate(verdict.fee, t->vsize));
		js_key(c->out, "effective-includes");
		js_open(c->out, '[');
		js_hash(c->out, &t->wtxid);
		js_close(c->out, ']');
		js_close(c->out, '}');
	}
	js_close(c->out, '}');
}

static void rpc_testmempoolaccept(struct simbtc_call *c)
{
	const struct json *list = sim_param(c->params, 0);
	const size_t count = json_count(list);
	if (json_type(list) != JSON_ARRAY || count == 0 || count > TEST_ACCEPT_MAX) {
		sim_reply_error(c->reply, RPC_INVALID_PARAMETER,
			"Array must contain between 1 and %u transactions.", TEST_ACCEPT_MAX);
		return;
	}
	js_open(c->out, '[');
	for (size_t i = 0; i < count; i++) {
		uint32_t tx;
		if (!decode(c, &tx, json_string(json_at(list, i))))
			return;
		accept_json(c, tx);
	}
	js_close(c->out, ']');
}

/* ---- mempool ---- */

static void related(struct simbtc_call *c, const char *key, const uint32_t *tx, uint32_t count)
{
	js_key(c->out, key);
	js_open(c->out, '[');
	for (uint32_t i = 0; i < count; i++)
		js_hash(c->out, &c->b->tx[tx[i]]->txid);
	js_close(c->out, ']');
}

/* Those of a family that are its direct members: parents that tx spends, or children that spend
 * it. */
static uint32_t direct(const struct sim_bitcoin *b, uint32_t *out, uint32_t tx,
	const uint32_t *family, uint32_t count, bool children)
{
	uint32_t found = 0;
	for (uint32_t i = 1; i < count; i++) {
		const uint32_t from = children ? family[i] : tx, to = children ? tx : family[i];
		for (uint32_t k = 0; k < b->tx[from]->tx.in_count; k++) {
			if (hash256_eq(&b->tx[from]->tx.in[k].prev.txid, &b->tx[to]->txid)) {
				out[found++] = family[i];
				break;
			}
		}
	}
	return found;
}

struct family {
	uint32_t tx[2 * SIMBTC_CHAIN_LIMIT];
	uint32_t count;
	uint64_t vsize, fee;
	bool replaceable;
};

static void sum_family(const struct sim_bitcoin *b, struct family *f)
{
	for (uint32_t i = 0; i < f->count; i++) {
		const struct simbtc_tx *t = b->tx[f->tx[i]];
		f->vsize += t->vsize;
		f->fee += t->fee;
		for (uint32_t k = 0; k < t->tx.in_count; k++)
			f->replaceable = f->replaceable || t->tx.in[k].sequence <= SIGNALS_MAX;
	}
}

static void entry_json(struct simbtc_call *c, uint32_t tx)
{
	const struct simbtc_tx *t = c->b->tx[tx];
	struct family up = {0}, down = {0};
	uint32_t list[2 * SIMBTC_CHAIN_LIMIT];
	up.count = simbtc_ancestors(c->b, up.tx, ARRAY_LEN(up.tx), tx);
	down.count = simbtc_descendants(c->b, down.tx, ARRAY_LEN(down.tx), tx);
	sum_family(c->b, &up);
	sum_family(c->b, &down);
	js_open(c->out, '{');
	js_set_u64(c->out, "vsize", t->vsize);
	js_set_u64(c->out, "weight", t->weight);
	js_set_u64(c->out, "time", t->arrived_s);
	js_set_u64(c->out, "height", t->arrived_height);
	js_set_u64(c->out, "descendantcount", down.count);
	js_set_u64(c->out, "descendantsize", down.vsize);
	js_set_u64(c->out, "ancestorcount", up.count);
	js_set_u64(c->out, "ancestorsize", up.vsize);
	js_set_hash(c->out, "wtxid", &t->wtxid);
	js_key(c->out, "fees");
	js_open(c->out, '{');
	js_set_coins(c->out, "base", t->fee);
	js_set_coins(c->out, "modified", t->fee);
	js_set_coins(c->out, "ancestor", up.fee);
	js_set_coins(c->out, "descendant", down.fee);
	js_close(c->out, '}');
	related(c, "depends", list, direct(c->b, list, tx, up.tx, up.count, false));
	related(c, "spentby", list, direct(c->b, list, tx, down.tx, down.count, true));
	js_set_bool(c->out, "bip125-replaceable", up.replaceable);
	js_set_bool(c->out, "unbroadcast", true);
	js_close(c->out, '}');
}

static void rpc_getmempoolentry(struct simbtc_call *c)
{
	struct hash256 txid;
	if (!simbtc_param_hash(c, 0, "parameter 1", &txid))
		return;
	const uint32_t tx = simbtc_tx_find(c->b, &txid);
	if (tx == MAP_NONE || c->b->tx[tx]->state != SIMBTC_POOL)
		sim_reply_error(c->reply, RPC_INVALID_ADDRESS_OR_KEY, "Transaction not in mempool");
	else
		entry_json(c, tx);
}

static void pool_list(struct simbtc_call *c, bool verbose)
{
	js_open(c->out, verbose ? '{' : '[');
	for (uint32_t at = c->b->pool_head; at != SIMBTC_NONE; at = c->b->tx[at]->next) {
		char txid[65];
		if (!verbose) {
			js_hash(c->out, &c->b->tx[at]->txid);
			continue;
		}
		hex_encode_reversed(txid, c->b->tx[at]->txid.b, 32);
		js_key(c->out, txid);
		entry_json(c, at);
	}
	js_close(c->out, verbose ? '}' : ']');
}

static void rpc_getrawmempool(struct simbtc_call *c)
{
	bool verbose, sequence;
	if (!simbtc_param_bool(c, 0, "verbose", false, &verbose) ||
		!simbtc_param_bool(c, 1, "mempool_sequence", false, &sequence))
		return;
	if (!sequence) {
		pool_list(c, verbose);
		return;
	}
	if (verbose) {
		sim_reply_error(c->reply, RPC_INVALID_PARAMETER,
			"Verbose results cannot contain mempool sequence values.");
		return;
	}
	js_open(c->out, '{');
	js_key(c->out, "txids");
	pool_list(c, false);
	js_set_u64(c->out, "mempool_sequence", c->b->pool_sequence + 1);
	js_close(c->out, '}');
}

static void rpc_getmempoolinfo(struct simbtc_call *c)
{
	js_open(c->out, '{');
	js_set_bool(c->out, "loaded", true);
	js_set_u64(c->out, "size", c->b->pool_count);
	js_set_u64(c->out, "bytes", c->b->pool_bytes);
	js_set_u64(c->out, "usage", c->b->pool_bytes * 4);
	js_set_coins(c->out, "total_fee", c->b->pool_fees);
	js_set_u64(c->out, "maxmempool", MEMPOOL_SIZE_MAX);
	js_set_coins(c->out, "mempoolminfee", c->b->relay_rate);
	js_set_coins(c->out, "minrelaytxfee", c->b->relay_rate);
	if (!c->b->rules->old_core)
		js_set_coins(c->out, "incrementalrelayfee", c->b->rules->relay_rate);
	js_set_u64(c->out, "unbroadcastcount", c->b->pool_count);
	if (!c->b->rules->old_core)
		js_set_bool(c->out, "fullrbf", true);
	js_close(c->out, '}');
}

static void rpc_estimatesmartfee(struct simbtc_call *c)
{
	uint64_t target;
	if (!simbtc_param_u64(c, 0, "conf_target", 0, &target))
		return;
	if (target < 1 || target > CONF_TARGET_MAX) {
		sim_reply_error(c->reply, RPC_INVALID_PARAMETER,
			"Invalid conf_target, must be between 1 and %u", CONF_TARGET_MAX);
		return;
	}
	const uint64_t rate = c->b->market_rate > c->b->relay_rate ? c->b->market_rate
								   : c->b->relay_rate;
	js_open(c->out, '{');
	if (c->b->rules->old_core && c->b->market_rate <= c->b->relay_rate) {
		js_key(c->out, "errors");
		js_open(c->out, '[');
		js_string(c->out, "Insufficient data or no feerate found");
		js_close(c->out, ']');
		js_set_u64(c->out, "blocks", 1);
		js_close(c->out, '}');
		return;
	}
	js_set_coins(c->out, "feerate", rate);
	js_set_u64(c->out, "blocks", target < 2 ? 2 : target);
	js_close(c->out, '}');
}

/* ---- UTXO set ---- */

static void rpc_gettxout(struct simbtc_call *c)
{
	struct hash256 txid;
	uint64_t vout;
	bool mempool;
	if (!simbtc_param_hash(c, 0, "txid", &txid) ||
		!simbtc_param_u64(c, 1, "n", UINT64_MAX, &vout) ||
		!simbtc_param_bool(c, 2, "include_mempool", true, &mempool))
		return;
	const struct simbtc_coin *coin = vout > UINT32_MAX
		? NULL
		: simbtc_coin_find(c->b, &txid, (uint32_t)vout);
	const uint32_t tx = simbtc_tx_find(c->b, &txid);
	const struct btc_txout *out = NULL;
	if (coin != NULL)
		out = simbtc_coin_out(c->b, coin);
	else if (mempool && tx != MAP_NONE && c->b->tx[tx]->state == SIMBTC_POOL &&
		vout < c->b->tx[tx]->tx.out_count)
		out = &c->b->tx[tx]->tx.out[vout];
	uint8_t key[36];
	memcpy(key, txid.b, 32);
	store_le32(key + 32, (uint32_t)vout);
	if (out == NULL || (mempool && sim_index_get(&c->b->spender, key) != MAP_NONE)) {
		js_null(c->out);
		return;
	}
	js_open(c->out, '{');
	js_set_hash(c->out, "bestblock", &simbtc_tip(c->b)->hash);
	js_set_u64(c->out, "confirmations", coin == NULL ? 0 : c->b->chain_len - coin->height);
	c->b->rules->value_json(
		c->out, c->b->tx[coin == NULL ? tx : coin->tx], (uint32_t)vout, "value");
	js_key(c->out, "scriptPubKey");
	simbtc_script_json(c->out, c->b, out->script);
	js_set_bool(c->out, "coinbase", coin != NULL && coin->coinbase);
	js_close(c->out, '}');
}

#define DESCRIPTOR_SCRIPT_MAX 10000u

/* raw(), addr() and rawtr(), with or without a check sum. */
static bool descriptor_script(
	struct simbtc_call *c, uint8_t *script, size_t *script_len, struct slice text)
{
	const uint8_t *hash = text.ptr == NULL ? NULL : memchr(text.ptr, '#', text.len);
	const struct slice body = slice_of(
		text.ptr, hash == NULL ? text.len : (size_t)(hash - text.ptr));
	char sum[9];
	simbtc_descriptor_checksum(sum, body);
	if (hash != NULL && (text.len - body.len != 9 || memcmp(hash + 1, sum, 8) != 0)) {
		sim_reply_error(c->reply, RPC_INVALID_ADDRESS_OR_KEY,
			"Provided checksum '%.8s' does not match computed checksum '%s'",
			(const char *)hash + 1, sum);
		return false;
	}
	const uint8_t *open = body.ptr == NULL ? NULL : memchr(body.ptr, '(', body.len);
	if (open == NULL || body.ptr[body.len - 1] != ')') {
		sim_reply_error(c->reply, RPC_INVALID_ADDRESS_OR_KEY,
			"'%.64s' is not a valid descriptor function",
			text.ptr == NULL ? "" : (const char *)text.ptr);
		return false;
	}
	const struct slice name = slice_of(body.ptr, (size_t)(open - body.ptr));
	const struct slice inner = slice_of(open + 1, body.len - name.len - 2);
	if (slice_eq(name, slice_str("addr"))) {
		if (c->b->rules->address_parse(script, script_len, inner) == OK)
			return true;
		sim_reply_error(c->reply, RPC_INVALID_ADDRESS_OR_KEY, "Address is not valid");
		return false;
	}
	if (slice_eq(name, slice_str("raw")) &&
		hex_decode_var(script, script_len, DESCRIPTOR_SCRIPT_MAX, inner) == OK)
		return true;
	script[0] = 0x51;
	script[1] = 32;
	*script_len = 34;
	if (slice_eq(name, slice_str("rawtr")) && hex_decode(script + 2, 32, inner) == OK)
		return true;
	sim_reply_error(c->reply, RPC_INVALID_ADDRESS_OR_KEY,
		"'%.64s' is not a valid descriptor function", (const char *)text.ptr);
	return false;
}

static void unspents(struct simbtc_call *c, struct slice script, uint64_t *total)
{
	for (uint32_t at = simbtc_coins_of(c->b, script); at != SIMBTC_NONE;
		at = c->b->coin[at].next) {
		const struct simbtc_coin *coin = &c->b->coin[at];
		const struct btc_txout *out = simbtc_coin_out(c->b, coin);
		struct text descriptor = {0};
		simbtc_descriptor(&descriptor, c->b, script);
		js_open(c->out, '{');
		js_set_hash(c->out, "txid", &c->b->tx[coin->tx]->txid);
		js_set_u64(c->out, "vout", coin->vout);
		js_set_hex(c->out, "scriptPubKey", "", out->script.ptr, out->script.len);
		js_set_string(c->out, "desc", descriptor.ptr);
		c->b->rules->value_json(c->out, c->b->tx[coin->tx], coin->vout, "amount");
		if (!c->b->rules->old_core)
			js_set_bool(c->out, "coinbase", coin->coinbase);
		js_set_u64(c->out, "height", coin->height);
		if (!c->b->rules->old_core) {
			js_set_hash(
				c->out, "blockhash", &c->b->block[c->b->chain[coin->height]].hash);
			js_set_u64(c->out, "confirmations", c->b->chain_len - coin->height);
		}
		js_close(c->out, '}');
		text_fini(&descriptor);
		*total += out->value.raw;
	}
}

static void scan(struct simbtc_call *c, const struct json *list)
{
	struct sim_index seen;
	uint64_t total = 0;
	uint8_t *script = sim_alloc(DESCRIPTOR_SCRIPT_MAX);
	sim_index_init(&seen, 32, c->b->seed);
	js_open(c->out, '{');
	js_set_bool(c->out, "success", true);
	js_set_u64(c->out, "txouts", c->b->coin_live);
	js_set_u64(c->out, "height", c->b->chain_len - 1);
	js_set_hash(c->out, "bestblock", &simbtc_tip(c->b)->hash);
	js_key(c->out, "unspents");
	js_open(c->out, '[');
	for (size_t i = 0; i < json_count(list) && c->reply->code == 0; i++) {
		const struct json *item = json_at(list, i);
		const struct json *text = json_type(item) == JSON_OBJECT ? json_get(item, "desc")
									 : item;
		size_t script_len;
		struct hash256 key;
		if (!descriptor_script(c, script, &script_len, json_string(text)))
			break;
		sha256(&key, slice_of(script, script_len));
		if (sim_index_get(&seen, key.b) == MAP_NONE)
			unspents(c, slice_of(script, script_len), &total);
		sim_index_put(&seen, key.b, 0);
	}
	if (c->reply->code == 0) {
		js_close(c->out, ']');
		js_set_coins(c->out, c->b->rules->scan_total, total);
		js_close(c->out, '}');
	}
	sim_index_fini(&seen);
	free(script);
}

static void rpc_scantxoutset(struct simbtc_call *c)
{
	struct slice action;
	const struct json *list = sim_param(c->params, 1);
	if (!simbtc_param_string(c, 0, "action", &action))
		return;
	if (slice_eq(action, slice_str("status")))
		js_null(c->out);
	else if (slice_eq(action, slice_str("abort")))
		js_bool(c->out, false);
	else if (!slice_eq(action, slice_str("start")))
		sim_reply_error(c->reply, RPC_INVALID_PARAMETER, "Invalid action '%.64s'",
			(const char *)action.ptr);
	else if (json_type(list) != JSON_ARRAY)
		sim_reply_error(c->reply, RPC_MISC_ERROR,
			"scanobjects argument is required for the start action");
	else
		scan(c, list);
}

const struct simbtc_row simbtc_tx_rows[] = {
	{"sendrawtransaction", rpc_sendrawtransaction, 1, 3},
	{"testmempoolaccept", rpc_testmempoolaccept, 1, 2},
	{"getrawtransaction", rpc_getrawtransaction, 1, 3},
	{"getrawmempool", rpc_getrawmempool, 0, 2},
	{"getmempoolentry", rpc_getmempoolentry, 1, 1},
	{"getmempoolinfo", rpc_getmempoolinfo, 0, 0},
	{"estimatesmartfee", rpc_estimatesmartfee, 1, 2},
	{"gettxout", rpc_gettxout, 2, 3},
	{"scantxoutset", rpc_scantxoutset, 1, 2},
};
const size_t simbtc_tx_row_count = ARRAY_LEN(simbtc_tx_rows);
