#include "layer/evm_fake_test.h"
#include "base/hex.h"
#include "crypto/hash.h"
#include "wire/erc20.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define GAS_LIMIT 100000u
#define GAS_USED 50000u
#define GAS_PRICE 60000000u

/* solc's metadata apart, any code will do where only its hash counts: the real one is asked for. */
static struct slice runtime_code(enum layer_id layer)
{
	const struct slice all = evm_htlc_creation(layer);
	/* The creation code returns its tail: found by its hash. */
	for (size_t at = 0; at < all.len; at++) {
		const struct slice tail = slice_of(all.ptr + at, all.len - at);
		struct hash256 hash;
		keccak256(&hash, tail);
		if (hash256_eq(&hash, evm_htlc_code_hash(layer)))
			return tail;
	}
	UNREACHABLE();
}

void evm_chain_init(struct evm_chain *c)
{
	memset(c, 0, sizeof *c);
	c->chain_id = 33;
	memset(c->contract.b, 0xc0, sizeof c->contract.b);
	c->block[0].ref.hash.b[0] = 0xee;
	c->block[0].ref.time_ms = 1700000000000;
	c->balance = amount_of(ASSET_RBTC, 5);
	c->decimals = 8;
}

void evm_chain_mine(struct evm_chain *c, const struct evm_fake_block *next)
{
	CHECK(c->height + 1 < EVM_BLOCKS_MAX);
	const struct block_ref *parent = &c->block[c->height].ref;
	struct evm_fake_block *block = &c->block[c->height + 1];

	if (next != NULL)
		*block = *next;
	else
		*block = (struct evm_fake_block){0};
	block->ref.height = parent->height + 1;
	block->ref.parent = parent->hash;
	block->ref.time_ms = parent->time_ms + 30000;
	uint8_t id[40];
	memcpy(id, parent->hash.b, 32);
	store_le32(id + 32, c->salt);
	store_le32(id + 36, c->height);
	sha256(&block->ref.hash, slice_of(id, sizeof id));
	c->height++;
}

void evm_chain_undo(struct evm_chain *c, uint32_t count)
{
	CHECK(count <= c->height);
	c->height -= count;
	c->salt++;
}

/* ---- events ---- */

static struct evm_fake_log *add(struct evm_fake_block *b, uint32_t tx, const struct hash256 *topic,
	const struct hash256 *hash)
{
	CHECK(b->log_count < EVM_BLOCK_LOG_MAX && tx < b->tx_count);
	struct evm_fake_log *log = &b->log[b->log_count++];
	*log = (struct evm_fake_log){.tx = tx, .topic_count = 2};
	log->topic[0] = *topic;
	log->topic[1] = *hash;
	return log;
}

void evm_put_lockup(struct evm_fake_block *b, uint32_t tx, const struct evm_htlc *h)
{
	struct evm_fake_log *log = add(b, tx, &evm_htlc_topic_lockup, &h->hash);
	if (evm_htlc_has_token(h)) {
		log->topic[0] = erc20_htlc_topic_lockup;
		memcpy(log->topic[2].b + 12, h->refund.b, 20);
		log->topic_count = 3;
		amount_store_word(log->data, h->amount);
		memcpy(log->data + 44, h->token.b, 20);
		memcpy(log->data + 76, h->claim.b, 20);
		store_be64(log->data + 120, h->timelock);
		log->data_len = 128;
		return;
	}
	memcpy(log->topic[2].b + 12, h->claim.b, 20);
	memcpy(log->topic[3].b + 12, h->refund.b, 20);
	log->topic_count = 4;
	amount_store_word(log->data, h->amount);
	store_be64(log->data + 56, h->timelock);
	log->data_len = 64;
}

void evm_put_transfer(struct evm_fake_block *b, uint32_t tx, const struct evm_address *from,
	const struct evm_address *to, uint64_t units)
{
	struct hash256 word = {{0}};
	memcpy(word.b + 12, from->b, 20);
	struct evm_fake_log *log = add(b, tx, &erc20_topic_transfer, &word);
	memcpy(log->topic[2].b + 12, to->b, 20);
	log->topic_count = 3;
	log->of_token = true;
	store_be64(log->data + 24, units);
	log->data_len = 32;
}

static void put_settled(
	struct evm_fake_block *b, uint32_t tx, const struct evm_htlc *h, bool claimed)
{
	struct hash256 key;
	evm_htlc_key(&key, h);
	struct evm_fake_log *log = add(b, tx, &evm_htlc_topic_settled, &key);
	log->topic[2] = h->hash;
	log->topic_count = 3;
	log->data[31] = claimed;
	log->data_len = 32;
}

void evm_put_claim(struct evm_fake_block *b, uint32_t tx, const struct evm_htlc *h,
	const struct hash256 *preimage)
{
	struct evm_fake_log *log = add(b, tx, &evm_htlc_topic_claim, &h->hash);
	memcpy(log->data, preimage->b, 32);
	log->data_len = 32;
	put_settled(b, tx, h, true);
}

void evm_put_refund(struct evm_fake_block *b, uint32_t tx, const struct evm_htlc *h)
{
	(void)add(b, tx, &evm_htlc_topic_refund, &h->hash);
	put_settled(b, tx, h, false);
}

/* ---- the node ---- */

static struct json *bytes(const void *p, size_t len)
{
	char *text = malloc(2 * len + 3);
	CHECK(text != NULL);
	text[0] = '0';
	text[1] = 'x';
	hex_encode(text + 2, p, len);
	struct json *v = json_new_string(text);
	free(text);
	return v;
}

static struct json *quantity(uint64_t n)
{
	char text[24];
	(void)snprintf(text, sizeof text, "0x%" PRIx64, n);
	return json_new_string(text);
}

static struct json *wei(struct amount a)
{
	uint8_t word[32];
	char text[67] = "0x";
	amount_store_word(word, a);
	hex_encode(text + 2, word, 32);
	const char *digits = text + 2;
	while (*digits == '0' && digits[1] != '\0')
		digits++;
	char out[67];
	(void)snprintf(out, sizeof out, "0x%s", digits);
	return json_new_string(out);
}

static struct json *tx_json(const struct evm_fake_tx *tx)
{
	struct json *o = json_object();
	json_set(o, "hash", bytes(tx->hash.b, 32));
	json_set(o, "from", bytes(tx->from.b, 20));
	json_set(o, "to", bytes(tx->to.b, 20));
	json_set(o, "nonce", quantity(tx->nonce));
	json_set(o, "gas", quantity(GAS_LIMIT));
	json_set(o, "gasPrice", quantity(GAS_PRICE));
	json_set(o, "value", wei(tx->value));
	json_set(o, "input", bytes(tx->input, tx->input_len));
	return o;
}

static struct json *block_json(const struct evm_chain *c, const struct evm_fake_block *b)
{
	struct json *o = json_object(), *list = json_array();
	json_set(o, "hash", bytes(b->ref.hash.b, 32));
	json_set(o, "parentHash", bytes(b->ref.parent.b, 32));
	json_set(o, "number", quantity(b->ref.height));
	json_set(o, "timestamp", quantity(b->ref.time_ms / 1000));
	if (c->base_fee != 0)
		json_set(o, "baseFeePerGas", quantity(c->base_fee));
	if (c->least_price != 0)
		json_set(o, "minimumGasPrice", quantity(c->least_price));
	for (uint32_t i = 0; i < b->tx_count; i++)
		json_push(list, tx_json(&b->tx[i]));
	json_set(o, "transactions", list);
	return o;
}

static bool param_hash(struct hash256 *out, const struct json *v)
{
	const struct slice text = json_string(v);
	return text.len == 66 && hex_decode(out->b, 32, slice_of(text.ptr + 2, 64)) == OK;
}

static const struct evm_fake_block *by_hash(const struct evm_chain *c, const struct json *v)
{
	struct hash256 hash;
	CHECK(param_hash(&hash, v));
	for (uint32_t i = 0; i <= c->height; i++) {
		if (hash256_eq(&c->block[i].ref.hash, &hash))
			return &c->block[i];
	}
	return NULL;
}

static void get_by_number(struct evm_chain *c, struct fake_reply *reply, const struct json *params)
{
	const char *text = (const char *)json_string(json_at(params, 0)).ptr;
	if (strcmp(text, "safe") == 0 && c->safe <= c->height) {
		reply->result = block_json(c, &c->block[c->safe]);
	} else if (strcmp(text, "finalized") == 0 && c->final <= c->height) {
		reply->result = block_json(c, &c->block[c->final]);
	} else if (strcmp(text, "latest") == 0) {
		reply->result = block_json(c, &c->block[c->height]);
	} else if (strcmp(text, "pending") == 0) {
		struct evm_fake_block b = {.ref = c->block[c->height].ref};
		for (uint32_t i = 0; i < c->pending_count; i++)
			b.tx[b.tx_count++] = c->pending[i];
		reply->result = block_json(c, &b);
		json_set(reply->result, "hash", json_new_null());
	} else {
		const uint64_t n = strtoull(text, NULL, 16);
		if (n <= c->height)
			reply->result = block_json(c, &c->block[n]);
	}
}

static void get_by_hash(struct evm_chain *c, struct fake_reply *reply, const struct json *params)
{
	const struct evm_fake_block *b = by_hash(c, json_at(params, 0));
	if (b != NULL)
		reply->result = block_json(c, b);
}

/* tx UINT32_MAX: of the whole block, and then those of the token or those of the contract. */
static struct json *logs_json(
	const struct evm_chain *c, const struct evm_fake_block *b, uint32_t tx, bool of_token)
{
	struct json *list = json_array();
	for (uint32_t i = 0; i < b->log_count; i++) {
		const struct evm_fake_log *log = &b->log[i];
		if (tx != UINT32_MAX ? log->tx != tx : log->of_token != of_token)
			continue;
		struct json *o = json_object(), *topics = json_array();
		for (uint32_t k = 0; k < log->topic_count; k++)
			json_push(topics, bytes(log->topic[k].b, 32));
		json_set(o, "address", bytes(log->of_token ? c->token.b : c->contract.b, 20));
		json_set(o, "topics", topics);
		json_set(o, "data", bytes(log->data, log->data_len));
		json_set(o, "blockHash", bytes(b->ref.hash.b, 32));
		json_set(o, "blockNumber", quantity(b->ref.height));
		json_set(o, "transactionHash", bytes(b->tx[log->tx].hash.b, 32));
		json_set(o, "transactionIndex", quantity(log->tx));
		json_set(o, "logIndex", quantity(i));
		json_set_bool(o, "removed", false);
		json_push(list, o);
	}
	return list;
}

static void get_logs(struct evm_chain *c, struct fake_reply *reply, const struct json *params)
{
	const struct evm_fake_block *b = by_hash(c, json_get(json_at(params, 0), "blockHash"));
	if (b == NULL) {
		reply->code = -32000;
		reply->message = "unknown block";
		return;
	}
	uint8_t address[20];
	const struct slice text = json_string(json_get(json_at(params, 0), "address"));
	CHECK(text.len == 42 && hex_decode(address, 20, slice_of(text.ptr + 2, 40)) == OK);
	reply->result = logs_json(c, b, UINT32_MAX, memcmp(address, c->token.b, 20) == 0);
}

static const struct evm_fake_tx *find_tx(
	const struct evm_chain *c, const struct json *v, const struct evm_fake_block **block)
{
	struct hash256 hash;
	CHECK(param_hash(&hash, v));
	for (uint32_t i = 0; i <= c->height; i++) {
		for (uint32_t k = 0; k < c->block[i].tx_count; k++) {
			*block = &c->block[i];
			if (hash256_eq(&c->block[i].tx[k].hash, &hash))
				return &c->block[i].tx[k];
		}
	}
	*block = NULL;
	for (uint32_t k = 0; k < c->pending_count; k++) {
		if (hash256_eq(&c->pending[k].hash, &hash))
			return &c->pending[k];
	}
	return NULL;
}

static void get_receipt(struct evm_chain *c, struct fake_reply *reply, const struct json *params)
{
	const struct evm_fake_block *b;
	const struct evm_fake_tx *tx = find_tx(c, json_at(params, 0), &b);
	if (tx == NULL || b == NULL)
		return;
	reply->result = json_object();
	json_set(reply->result, "transactionHash", bytes(tx->hash.b, 32));
	json_set(reply->result, "blockHash", bytes(b->ref.hash.b, 32));
	json_set(reply->result, "blockNumber", quantity(b->ref.height));
	json_set(reply->result, "status", quantity(tx->reverted ? 0 : 1));
	json_set(reply->result, "gasUsed", quantity(GAS_USED));
	json_set(reply->result, "logs", logs_json(c, b, (uint32_t)(tx - b->tx), false));
	if (c->l1_fee != 0)
		json_set(reply->result, "l1Fee", quantity(c->l1_fee));
}

static void get_tx(struct evm_chain *c, struct fake_reply *reply, const struct json *params)
{
	const struct evm_fake_block *b;
	const struct evm_fake_tx *tx = find_tx(c, json_at(params, 0), &b);
	if (tx == NULL)
		return;
	reply->result = tx_json(tx);
	json_set(
		reply->result, "blockHash", b == NULL ? json_new_null() : bytes(b->ref.hash.b, 32));
}

static void get_code(struct evm_chain *c, struct fake_reply *reply, const struct json *params)
{
	(void)params;
	const struct slice code = runtime_code(c->token.b[0] != 0 ? LAYER_BOB : LAYER_ROOTSTOCK);
	reply->result = bytes(code.ptr, c->other_code ? code.len - 1 : code.len);
}

static void get_balance(struct evm_chain *c, struct fake_reply *reply, const struct json *params)
{
	(void)params;
	reply->result = wei(c->balance);
}

static void call(struct evm_chain *c, struct fake_reply *reply, const struct json *params)
{
	static const char *const oracle[] = {
		"0x519b4bd3", "0xf8206140", "0xc5985918", "0x68d5dca6"};
	struct hash256 word = {.b[31] = c->open};
	const struct slice data = json_string(json_get(json_at(params, 0), "data"));
	for (size_t i = 0; i < ARRAY_LEN(oracle); i++)
		if (slice_eq(data, slice_str(oracle[i])))
			store_be64(word.b + 24, c->oracle[i]);
	const bool decimals = slice_eq(data, slice_str("0x313ce567"));
	if (decimals)
		word.b[31] = c->decimals;
	if (data.len == 2 + 2 * 36 && memcmp(data.ptr, "0x70a08231", 10) == 0)
		amount_store_word(word.b, c->tokens);
	reply->result = bytes(word.b, decimals && c->decimals == DECIMALS_NONE ? 0 : 32);
}

static void send(struct evm_chain *c, struct fake_reply *reply, const struct json *params)
{
	(void)params;
	reply->code = c->submit_code;
	reply->message = c->submit_message;
	if (reply->code == 0)
		reply->result = bytes(c->submit_hash.b, 32);
}

static void get_constant(struct evm_chain *c, struct fake_reply *reply, const struct json *params)
{
	(void)c;
	(void)params;
	reply->result = quantity(GAS_PRICE);
}

static void get_priority(struct evm_chain *c, struct fake_reply *reply, const struct json *params)
{
	(void)params;
	reply->result = quantity(c->priority_fee);
}

static void get_chain(struct evm_chain *c, struct fake_reply *reply, const struct json *params)
{
	(void)params;
	reply->result = quantity(c->chain_id);
}

static void get_syncing(struct evm_chain *c, struct fake_reply *reply, const struct json *params)
{
	(void)params;
	reply->result = c->syncing ? json_object() : json_new_bool(false);
}

static void get_version(struct evm_chain *c, struct fake_reply *reply, const struct json *params)
{
	(void)c;
	(void)params;
	reply->result = json_new_string("fake/1");
}

static void get_count(struct evm_chain *c, struct fake_reply *reply, const struct json *params)
{
	(void)c;
	(void)params;
	reply->result = quantity(3);
}

void evm_chain_node(
	void *ctx, struct fake_reply *reply, const char *method, const struct json *params)
{
	static const struct {
		const char *method;
		void (*answer)(struct evm_chain *, struct fake_reply *, const struct json *);
	} methods[] = {
		{"eth_getBlockByNumber", get_by_number},
		{"eth_getBlockByHash", get_by_hash},
		{"eth_getLogs", get_logs},
		{"eth_getTransactionReceipt", get_receipt},
		{"eth_getTransactionByHash", get_tx},
		{"eth_getCode", get_code},
		{"eth_getBalance", get_balance},
		{"eth_getTransactionCount", get_count},
		{"eth_call", call},
		{"eth_sendRawTransaction", send},
		{"eth_gasPrice", get_constant},
		{"eth_maxPriorityFeePerGas", get_priority},
		{"eth_chainId", get_chain},
		{"eth_syncing", get_syncing},
		{"web3_clientVersion", get_version},
	};
	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		if (strcmp(methods[i].method, method) == 0) {
			methods[i].answer(ctx, reply, params);
			return;
		}
	}
	reply->code = -32601;
	reply->message = "Method not found";
}
