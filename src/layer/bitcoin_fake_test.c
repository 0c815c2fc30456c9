#include "layer/bitcoin_fake_test.h"
#include "base/hex.h"
#include "crypto/hash.h"
#include <stdio.h>
#include <stdlib.h>

#define BITS 0x207fffffu
#define COMMITMENT_LEN 38u
#define BLOCK_CAP (512u * 1024u)

void chain_tx_put(struct buf *raw, struct hash256 *txid, const struct chain *c,
	const struct btc_outpoint *prev, struct slice witness, const struct btc_txout *out,
	uint32_t out_count)
{
	struct btc_txin in = {.prev = *prev, .sequence = 0xfffffffdu, .witness = witness};
	struct btc_txout copy[CHAIN_OUTPUTS_MAX];
	const struct btc_tx t = {
		.version = 2, .in = &in, .in_count = 1, .out = copy, .out_count = out_count};

	CHECK(out_count <= CHAIN_OUTPUTS_MAX);
	memcpy(copy, out, out_count * sizeof *out);
	if (c->liquid != NULL) {
		liquid_tx_put(raw, txid, c, &t);
	} else {
		btc_tx_put(raw, &t);
		btc_tx_id(txid, &t);
	}
	CHECK(!raw->overflow);
}

void chain_tx(struct chain_tx *tx, const struct chain *c, const struct btc_outpoint *prev,
	struct slice witness, struct slice script, uint64_t value)
{
	const struct btc_txout out = {.value = {value}, .script = script};
	struct buf b = buf_init(tx->raw, sizeof tx->raw);

	tx->big = NULL;
	chain_tx_put(&b, &tx->txid, c, prev, witness, &out, 1);
	tx->len = b.len;
}

static void wtxid_of(struct hash256 *out, const struct chain_tx *tx)
{
	sha256d(out, slice_of(tx->big == NULL ? tx->raw : tx->big, tx->len));
}

/* Pays nobody; carries the height, the salt and the commitment to the witnesses. */
static void coinbase(struct chain_tx *out, const struct chain *c, uint32_t height,
	const struct chain_tx *tx, uint32_t tx_count)
{
	static const uint8_t reserved[34] = {1, 32};
	uint8_t sig[8], script[COMMITMENT_LEN] = {0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed};
	struct hash256 leaf[8] = {{{0}}}, root;

	CHECK(tx_count < ARRAY_LEN(leaf));
	for (uint32_t i = 0; i < tx_count; i++)
		wtxid_of(&leaf[i + 1], &tx[i]);
	btc_merkle_root(&root, leaf, tx_count + 1);
	const struct slice part[] = {slice_of(root.b, 32), slice_of(reserved + 2, 32)};
	sha256d_parts(&root, part, 2);
	memcpy(script + 6, root.b, 32);
	store_le32(sig, height);
	store_le32(sig + 4, c->salt);
	struct btc_txin in = {.prev.index = UINT32_MAX,
		.script_sig = slice_of(sig, sizeof sig),
		.sequence = UINT32_MAX,
		.witness = slice_of(reserved, sizeof reserved)};
	struct btc_txout txout = {.script = slice_of(script, sizeof script)};
	const struct btc_tx t = {
		.version = 2, .in = &in, .in_count = 1, .out = &txout, .out_count = 1};
	struct buf b = buf_init(out->raw, sizeof out->raw);
	btc_tx_put(&b, &t);
	out->len = b.len;
	btc_tx_id(&out->txid, &t);
}

/* The header into *b; hash and the rest into *ref, whose height, parent and time are there. */
static void head(struct buf *b, struct block_ref *ref, const struct hash256 *merkle_root)
{
	struct btc_header h = {.version = 4,
		.bits = BITS,
		.parent = ref->parent,
		.merkle_root = *merkle_root,
		.time = (uint32_t)(ref->time_ms / 1000)};
	while (btc_header_check_work(&h) != OK)
		h.nonce++;
	btc_header_put(b, &h);
	btc_header_hash(&ref->hash, &h);
}

void chain_mine(struct chain *c, const struct chain_tx *tx, uint32_t tx_count)
{
	const bool genesis = c->block_count == 0;
	const uint32_t height = genesis ? 0 : c->height + 1;
	struct chain_block *block = &c->block[c->block_count];
	struct block_ref ref = {
		.height = height, .time_ms = (1700000000u + height * 600) * UINT64_C(1000)};
	struct chain_tx cb;
	struct hash256 leaf[8], root;
	uint8_t *raw = malloc(BLOCK_CAP);
	struct buf b = buf_init(raw, BLOCK_CAP);

	CHECK(c->block_count < CHAIN_BLOCKS_MAX && raw != NULL);
	if (c->liquid != NULL)
		liquid_coinbase(&cb, c, height);
	else
		coinbase(&cb, c, height, tx, tx_count);
	leaf[0] = cb.txid;
	for (uint32_t i = 0; i < tx_count; i++)
		leaf[i + 1] = tx[i].txid;
	btc_merkle_root(&root, leaf, tx_count + 1);
	if (!genesis)
		ref.parent = chain_tip(c)->hash;
	if (c->liquid != NULL)
		liquid_head(&b, &ref, &root);
	else
		head(&b, &ref, &root);
	btc_put_compact(&b, tx_count + 1);
	buf_put(&b, cb.raw, cb.len);
	for (uint32_t i = 0; i < tx_count; i++) {
		buf_put(&b, tx[i].big == NULL ? tx[i].raw : tx[i].big, tx[i].len);
		CHECK(c->index_count < ARRAY_LEN(c->index));
		c->index_block[c->index_count] = c->block_count;
		c->index[c->index_count++] = tx[i];
	}
	CHECK(!b.overflow);
	raw = realloc(raw, b.len);
	CHECK(raw != NULL);
	*block = (struct chain_block){.raw = raw, .len = b.len, .ref = ref};
	c->height = height;
	c->best[height] = c->block_count++;
}

void chain_init(struct chain *c, const struct network *network)
{
	memset(c, 0, sizeof *c);
	c->liquid = elements_network_of(network);
	chain_mine(c, NULL, 0);
	c->genesis = chain_tip(c)->hash;
}

void chain_fini(struct chain *c)
{
	for (uint32_t i = 0; i < c->block_count; i++)
		free(c->block[i].raw);
}

void chain_undo(struct chain *c, uint32_t count)
{
	CHECK(count <= c->height);
	for (uint32_t i = 0; i < count; i++)
		c->block[c->best[c->height--]].off = true;
	c->salt++;
}

const struct block_ref *chain_tip(const struct chain *c)
{
	return &c->block[c->best[c->height]].ref;
}

/* ---- the node ---- */

static struct json *hash_text(const struct hash256 *hash)
{
	char text[65];
	hex_encode_reversed(text, hash->b, 32);
	return json_new_string(text);
}

static struct json *hex_text(const uint8_t *raw, size_t len)
{
	char *text = malloc(2 * len + 1);
	CHECK(text != NULL);
	hex_encode(text, raw, len);
	struct json *v = json_new_string(text);
	free(text);
	return v;
}

static bool param_hash(struct hash256 *out, const struct json *params)
{
	return hex_decode_reversed(out->b, 32, json_string(json_at(params, 0))) == OK;
}

static uint64_t param_u64(const struct json *params, size_t index)
{
	struct json *o = json_object();
	uint64_t n = UINT64_MAX;
	json_set(o, "n", json_clone(json_at(params, index)));
	if (json_get_u64(o, "n", &n) != OK)
		n = UINT64_MAX;
	json_free(o);
	return n;
}

static void error(struct fake_reply *reply, int64_t code, const char *message)
{
	reply->code = code;
	reply->message = message;
}

static const struct chain_block *find_block(const struct chain *c, const struct json *params)
{
	struct hash256 hash;
	if (!param_hash(&hash, params))
		return NULL;
	for (uint32_t i = 0; i < c->block_count; i++) {
		if (hash256_eq(&c->block[i].ref.hash, &hash))
			return &c->block[i];
	}
	return NULL;
}

static void get_info(struct chain *c, struct fake_reply *reply, const struct json *params)
{
	(void)params;
	reply->result = json_object();
	json_set_string(reply->result, "chain", c->liquid == NULL ? "regtest" : "liquidregtest");
	json_set_u64(reply->result, "blocks", c->height);
	json_set_u64(reply->result, "headers", c->height + c->headers_ahead);
	json_set(reply->result, "bestblockhash", hash_text(&chain_tip(c)->hash));
	if (!c->btcd)
		json_set_bool(reply->result, "initialblockdownload", false);
}

static void get_hash(struct chain *c, struct fake_reply *reply, const struct json *params)
{
	const uint64_t height = param_u64(params, 0);
	if (height > c->height && c->btcd)
		error(reply, -1, "Block number out of range");
	else if (height > c->height)
		error(reply, -8, "Block height out of range");
	else if (height == 0)
		reply->result = hash_text(&c->genesis);
	else
		reply->result = hash_text(&c->block[c->best[height]].ref.hash);
}

static void get_block(struct chain *c, struct fake_reply *reply, const struct json *params)
{
	const struct chain_block *block = find_block(c, params);
	if (block == NULL)
		error(reply, -5, "Block not found");
	else
		reply->result = hex_text(block->raw, block->len);
}

static void set_i64(struct json *object, const char *key, int64_t n)
{
	char text[64];
	struct json *v;
	const int len = snprintf(text, sizeof text, "{\"n\":%lld}", (long long)n);
	CHECK(json_parse(&v, slice_of(text, (size_t)len), NULL) == OK);
	json_set(object, key, json_clone(json_get(v, "n")));
	json_free(v);
}

static void get_header(struct chain *c, struct fake_reply *reply, const struct json *params)
{
	const struct chain_block *block = find_block(c, params);
	if (block == NULL) {
		error(reply, -5, "Block not found");
		return;
	}
	if (block->off && c->btcd) {
		error(reply, -32603, "block 00 is not in the main chain");
		return;
	}
	reply->result = json_object();
	json_set(reply->result, "hash", hash_text(&block->ref.hash));
	json_set_u64(reply->result, "height", block->ref.height);
	json_set_u64(reply->result, "time", block->ref.time_ms / 1000);
	if (block->ref.height > 0)
		json_set(reply->result, "previousblockhash", hash_text(&block->ref.parent));
	set_i64(reply->result, "confirmations",
		block->off ? -1 : (int64_t)(c->height - block->ref.height + 1));
}

static void get_pool(struct chain *c, struct fake_reply *reply, const struct json *params)
{
	(void)params;
	reply->result = json_array();
	for (uint32_t i = 0; i < c->pool_count; i++)
		json_push(reply->result, hash_text(&c->pool[i].txid));
}

static void get_tx(struct chain *c, struct fake_reply *reply, const struct json *params)
{
	struct hash256 txid;
	const struct chain_tx *found = NULL;
	const struct block_ref *block = NULL;

	CHECK(param_hash(&txid, params));
	for (uint32_t i = 0; i < c->pool_count; i++) {
		if (hash256_eq(&c->pool[i].txid, &txid))
			found = &c->pool[i];
	}
	const bool named = json_count(params) == 3;
	for (uint32_t i = 0; i < c->index_count && found == NULL && (c->txindex || named); i++) {
		if (hash256_eq(&c->index[i].txid, &txid)) {
			found = &c->index[i];
			block = &c->block[c->index_block[i]].ref;
		}
	}
	if (found == NULL) {
		error(reply, -5, "No such mempool or blockchain transaction");
		return;
	}
	struct json *o = json_object();
	json_set(o, "v", json_clone(json_at(params, 1)));
	uint64_t verbosity;
	CHECK(json_get_u64(o, "v", &verbosity) == OK && (!c->btcd || !named));
	json_free(o);
	reply->result = hex_text(found->raw, found->len);
	if (verbosity == 0)
		return;
	o = json_object();
	json_set(o, "hex", reply->result);
	if (block != NULL)
		json_set(o, "blockhash", hash_text(&block->hash));
	reply->result = o;
}

static void get_output(struct chain *c, struct fake_reply *reply, const struct json *params)
{
	struct hash256 txid;
	CHECK(param_hash(&txid, params));
	for (uint32_t i = 0; i < c->index_count && param_u64(params, 1) == 0; i++) {
		const struct chain_block *block = &c->block[c->index_block[i]];
		if (!hash256_eq(&c->index[i].txid, &txid) || block->off)
			continue;
		reply->result = json_object();
		json_set(reply->result, "bestblock", hash_text(&chain_tip(c)->hash));
		json_set_u64(reply->result, "confirmations", c->height - block->ref.height + 1);
	}
}

static void get_index(struct chain *c, struct fake_reply *reply, const struct json *params)
{
	(void)params;
	reply->result = json_object();
	if (!c->txindex)
		return;
	struct json *o = json_object();
	json_set_bool(o, "synced", true);
	json_set(reply->result, "txindex", o);
}

static struct json *number(const char *text)
{
	struct json *v;
	CHECK(json_parse(&v, slice_str(text), NULL) == OK);
	return v;
}

static void get_estimate(struct chain *c, struct fake_reply *reply, const struct json *params)
{
	(void)params;
	reply->result = number(c->no_estimate ? "{\"errors\":[\"Insufficient data\"],\"blocks\":2}"
					      : "{\"feerate\":0.00012345,\"blocks\":2}");
}

static void get_pool_info(struct chain *c, struct fake_reply *reply, const struct json *params)
{
	(void)params;
	if (c->btcd) {
		reply->result = number("{\"size\":0,\"bytes\":0}");
		return;
	}
	reply->result = number("{\"mempoolminfee\":0.00001000,\"minrelaytxfee\":0.00002000}");
}

static void send(struct chain *c, struct fake_reply *reply, const struct json *params)
{
	struct chain_tx tx;
	struct hash256 txid;
	if (c->submit_code != 0) {
		error(reply, c->submit_code, c->submit_message);
		return;
	}
	CHECK(hex_decode_var(tx.raw, &tx.len, sizeof tx.raw, json_string(json_at(params, 0))) ==
		OK);
	/* no witness in these tests' submissions: the id is the hash of it all */
	sha256d(&txid, slice_of(tx.raw, tx.len));
	reply->result = hash_text(&txid);
}

static void scan(struct chain *c, struct fake_reply *reply, const struct json *params)
{
	(void)params;
	if (c->scan_busy > 0) {
		c->scan_busy--;
		error(reply, -8, "Scan already in progress, use action \"abort\" or \"status\"");
		return;
	}
	reply->result = json_object();
	json_set_bool(reply->result, "success", true);
	json_set_u64(reply->result, "height", c->height);
	json_set(reply->result, "bestblock", hash_text(&chain_tip(c)->hash));
	json_set(reply->result, "unspents", json_clone(c->unspent));
}

static void get_network(struct chain *c, struct fake_reply *reply, const struct json *params)
{
	(void)params;
	if (c->btcd) {
		error(reply, -1, "Command unimplemented");
		return;
	}
	reply->result = number("{\"version\":289900,\"subversion\":\"/Fake:1/\"}");
}

static void get_sidechain(struct chain *c, struct fake_reply *reply, const struct json *params)
{
	(void)params;
	reply->result = json_object();
	json_set(reply->result, "pegged_asset", hash_text(&c->liquid->policy_asset));
}

static void get_old_estimate(struct chain *c, struct fake_reply *reply, const struct json *params)
{
	CHECK(param_u64(params, 0) <= 25);
	struct json *list = number(c->no_estimate ? "[0]" : "[0.00012345678901234]");
	reply->result = json_clone(json_at(list, 0));
	json_free(list);
}

static void get_old_info(struct chain *c, struct fake_reply *reply, const struct json *params)
{
	(void)params;
	(void)c;
	reply->result = number("{\"version\":240200,\"relayfee\":0.00003}");
}

void chain_node(void *ctx, struct fake_reply *reply, const char *method, const struct json *params)
{
	static const struct {
		const char *method;
		void (*answer)(struct chain *, struct fake_reply *, const struct json *);
		enum { BOTH, CORE, BTCD, ELEMENTS } has;
	} methods[] = {
		{"getblockchaininfo", get_info, BOTH},
		{"getblockhash", get_hash, BOTH},
		{"getblock", get_block, BOTH},
		{"getblockheader", get_header, BOTH},
		{"getrawmempool", get_pool, BOTH},
		{"getrawtransaction", get_tx, BOTH},
		{"gettxout", get_output, BOTH},
		{"getindexinfo", get_index, CORE},
		{"estimatesmartfee", get_estimate, CORE},
		{"estimatefee", get_old_estimate, BTCD},
		{"getmempoolinfo", get_pool_info, BOTH},
		{"sendrawtransaction", send, BOTH},
		{"scantxoutset", scan, CORE},
		{"getnetworkinfo", get_network, BOTH},
		{"getinfo", get_old_info, BTCD},
		{"getsidechaininfo", get_sidechain, ELEMENTS},
	};
	const struct chain *c = ctx;
	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		if (strcmp(methods[i].method, method) == 0 &&
			methods[i].has != (c->btcd ? CORE : BTCD) &&
			(methods[i].has != ELEMENTS || c->liquid != NULL)) {
			methods[i].answer(ctx, reply, params);
			return;
		}
	}
	error(reply, -32601, "Method not found");
}
