/* One block with what it has for us: its transactions from and to our account with their receipts,
 * and the contract's events. Everything names the block's hash, or the block is refused. */
#include "base/mutant.h"
#include "layer/evm/evm.h"
#include "wire/erc20.h"
#include <stdlib.h>

#define BLOCK_TX_MAX 100000u
#define GAS_MAX (UINT64_C(1) << 40)

struct fetch {
	struct op op;
	uint64_t tag;
	struct hash256 hash;
	uint64_t height;
	struct payload *payload; /* owned */
	struct json *logs;       /* owned: kept until the block is there, too */
	struct json *credits;    /* likewise: transfers of tokens to us */
	bool has_block;
};

void evm_payload_drop(void *payload)
{
	struct payload *p = payload;
	free(p->tx);
	free(p->log);
	free(p->credit);
	free(p->all);
	free(p);
}

static void fetch_fail(struct fetch *f, enum err err, const char *what)
{
	if (f->op.err == OK)
		f->op.err = DETAIL(f->op.layer->said, err, "%s", what);
}

/* ---- the block ---- */

/* Another account's transaction only has to have a hash. */
static enum err read_tx(
	struct payload *p, const struct evm_layer *r, uint32_t index, const struct json *value)
{
	const enum asset asset = layer_gas_asset(r->layer.config.id);
	struct own_tx tx = {.index = index, .gas_price = amount_zero(asset)};
	struct evm_address from, to;

	if (json_type(value) == JSON_STRING)
		return evm_answer_hash(&p->all[index], value);
	TRY(evm_answer_hash(&tx.hash, json_get(value, "hash")));
	p->all[index] = tx.hash;
	if (!r->has_account)
		return OK;
	/* a creation has no recipient, and some nodes' own transactions no sender */
	const bool has_from = evm_answer_address(&from, json_get(value, "from")) == OK;
	const bool has_to = evm_answer_address(&to, json_get(value, "to")) == OK;
	tx.from_us = has_from && evm_address_eq(&from, &r->account);
	if (!tx.from_us && !(has_to && evm_address_eq(&to, &r->account)))
		return OK;
	TRY(evm_answer_u64(&tx.nonce, json_get(value, "nonce")));
	TRY(evm_answer_u64(&tx.gas_limit, json_get(value, "gas")));
	TRY(evm_answer_amount(&tx.value, asset, json_get(value, "value")));
	if (json_get(value, "gasPrice") != NULL)
		TRY(evm_answer_amount(&tx.gas_price, asset, json_get(value, "gasPrice")));
	p->tx[p->tx_count++] = tx;
	return OK;
}

static enum err read_block(struct fetch *f, const struct json *result)
{
	struct payload *p = f->payload;
	const struct evm_layer *r = evm_of(f->op.layer);
	const struct json *list = json_get(result, "transactions");
	const size_t count = json_count(list);

	TRY(evm_answer_block(&p->block, result));
	if (!hash256_eq(&p->block.hash, &f->hash) || p->block.height != f->height)
		return ERR_CHECKSUM;
	if (json_type(list) != JSON_ARRAY || count > BLOCK_TX_MAX)
		return ERR_FORMAT;
	p->all = calloc(count + 1, sizeof *p->all);
	p->tx = calloc(count + 1, sizeof *p->tx);
	if (p->all == NULL || p->tx == NULL)
		return ERR_FULL;
	p->all_count = (uint32_t)count;
	for (uint32_t i = 0; i < p->all_count; i++)
		TRY(read_tx(p, r, i, json_at(list, i)));
	return OK;
}

/* ---- receipts ---- */

static enum err read_receipt(struct own_tx *tx, const struct fetch *f, const struct json *result)
{
	struct hash256 hash, block;
	uint64_t status, gas;
	struct amount price = tx->gas_price, data;

	TRY(evm_answer_hash(&hash, json_get(result, "transactionHash")));
	TRY(evm_answer_hash(&block, json_get(result, "blockHash")));
	TRY(evm_answer_u64(&status, json_get(result, "status")));
	TRY(evm_answer_u64(&gas, json_get(result, "gasUsed")));
	/* what was paid, where the node says it; for legacy transactions it is the gas price */
	if (json_get(result, "effectiveGasPrice") != NULL)
		TRY(evm_answer_amount(&price, price.asset, json_get(result, "effectiveGasPrice")));
	if (!hash256_eq(&hash, &tx->hash) || !hash256_eq(&block, &f->hash) || status > 1 ||
		gas > tx->gas_limit || gas > GAS_MAX)
		return ERR_FORMAT;
	TRY(amount_mul(&tx->fee, price, gas));
	/* what the data cost on the first layer comes on top of what the gas did */
	if (json_get(result, "l1Fee") != NULL) {
		TRY(evm_answer_amount(&data, price.asset, json_get(result, "l1Fee")));
		TRY(amount_add(&tx->fee, tx->fee, data));
	}
	if (amount_cmp(tx->fee, amount_max(tx->fee.asset)) > 0)
		return ERR_RANGE;
	tx->reverted = status == 0;
	tx->receipt = true;
	return OK;
}

static void on_receipt(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct fetch *f = op;
	if (answer->err != OK)
		fetch_fail(f, answer->err, answer->message);
	else if (json_type(answer->result) == JSON_NULL)
		fetch_fail(f, ERR_UNAVAILABLE, "the node has no receipt yet");
	else if (read_receipt(&f->payload->tx[tag], f, answer->result) != OK)
		fetch_fail(f, ERR_FORMAT, "a receipt that can't be right");
	op_done(&f->op);
}

static void on_block(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct fetch *f = op;
	(void)tag;
	enum err err = answer->err;
	if (err != OK)
		fetch_fail(f, err, answer->message);
	else if (json_type(answer->result) == JSON_NULL)
		fetch_fail(f, ERR_UNAVAILABLE, "the node no longer has the block");
	else if ((err = read_block(f, answer->result)) != OK)
		fetch_fail(f, ERR_FORMAT, "a block that can't be right");
	else
		f->has_block = true;
	for (uint32_t i = 0; f->has_block && i < f->payload->tx_count; i++) {
		struct json *params = json_array();
		json_push(params, evm_param_hash(&f->payload->tx[i].hash));
		op_ask(&f->op, "eth_getTransactionReceipt", params, on_receipt, i);
	}
	op_done(&f->op);
}

/* ---- events ---- */

/* What every log has, whoever wrote it. */
struct raw_log {
	struct evm_address address;
	struct hash256 tx, topic[4];
	uint32_t tx_index, index;
	size_t topic_count;
	uint8_t data[4 * 32];
	size_t data_len;
};

/* A log of this block, by a contract that was asked for, of a transaction that the block has. */
static enum err read_raw_log(struct raw_log *log, const struct fetch *f, const struct json *value,
	const struct evm_address *wanted)
{
	const struct payload *p = f->payload;
	struct hash256 block;
	uint64_t height, tx_index, index;
	bool removed = false;
	const struct json *topics = json_get(value, "topics");

	log->topic_count = json_count(topics);
	TRY(evm_answer_address(&log->address, json_get(value, "address")));
	TRY(evm_answer_hash(&block, json_get(value, "blockHash")));
	TRY(evm_answer_hash(&log->tx, json_get(value, "transactionHash")));
	TRY(evm_answer_u64(&height, json_get(value, "blockNumber")));
	TRY(evm_answer_u64(&tx_index, json_get(value, "transactionIndex")));
	TRY(evm_answer_u64(&index, json_get(value, "logIndex")));
	TRY(evm_answer_bytes(log->data, &log->data_len, sizeof log->data, json_get(value, "data")));
	if (json_get(value, "removed") != NULL)
		TRY(json_get_bool(value, "removed", &removed));
	const bool ours = evm_address_eq(&log->address, wanted);
	if (removed || (!ours && !MUTANT(ANY_CONTRACT)) || !hash256_eq(&block, &f->hash) ||
		height != f->height || log->topic_count > ARRAY_LEN(log->topic) ||
		index > UINT32_MAX)
		return ERR_FORMAT;
	if (tx_index >= p->all_count || !hash256_eq(&p->all[tx_index], &log->tx))
		return ERR_FORMAT;
	log->tx_index = (uint32_t)tx_index;
	log->index = (uint32_t)index;
	for (size_t i = 0; i < log->topic_count; i++)
		TRY(evm_answer_hash(&log->topic[i], json_at(topics, i)));
	return OK;
}

static enum err read_log(struct fetch *f, const struct json *value)
{
	struct payload *p = f->payload;
	struct raw_log raw;
	struct own_log log = {0};

	TRY(read_raw_log(&raw, f, value, &f->op.layer->config.contract));
	if (p->log_count > 0 && p->log[p->log_count - 1].index >= raw.index)
		return ERR_FORMAT;
	log.tx = raw.tx;
	log.tx_index = raw.tx_index;
	log.index = raw.index;
	const enum err err = evm_htlc_event_parse(&log.event, layer_asset(f->op.layer->config.id),
		raw.topic, raw.topic_count, slice_of(raw.data, raw.data_len));
	/* anybody can lock with a time lock over 64 bits: no lock of ours */
	if (err == ERR_RANGE)
		return OK;
	if (err != OK)
		return ERR_FORMAT;
	p->log[p->log_count++] = log;
	return OK;
}

/* A transfer of the token to our account. What the contract pays is a claim or a refund, and booked
 * as such. */
static enum err read_credit(struct fetch *f, const struct json *value)
{
	struct payload *p = f->payload;
	const struct evm_layer *r = evm_of(f->op.layer);
	struct raw_log raw;
	struct erc20_event e;

	TRY(read_raw_log(&raw, f, value, &r->layer.config.token));
	if (erc20_event_parse(&e, layer_asset(r->layer.config.id), raw.topic, raw.topic_count,
		    slice_of(raw.data, raw.data_len)) != OK)
		return ERR_FORMAT;
	if (e.kind != ERC20_TRANSFER || !evm_address_eq(&e.to, &r->account) ||
		amount_cmp(e.amount, amount_max(e.amount.asset)) > 0)
		return ERR_FORMAT;
	if (amount_is_zero(e.amount) || evm_address_eq(&e.from, &r->account) ||
		evm_address_eq(&e.from, &r->layer.config.contract))
		return OK;
	p->credit[p->credit_count++] = (struct own_credit){
		.tx = raw.tx, .tx_index = raw.tx_index, .amount = e.amount};
	return OK;
}

static enum err read_credits(struct fetch *f)
{
	struct payload *p = f->payload;
	const size_t count = json_count(f->credits);

	if (json_type(f->credits) != JSON_ARRAY)
		return ERR_FORMAT;
	if (count > CHAIN_EVENTS_MAX)
		return ERR_FULL;
	p->credit = calloc(count + 1, sizeof *p->credit);
	if (p->credit == NULL)
		return ERR_FULL;
	for (size_t i = 0; i < count; i++)
		TRY(read_credit(f, json_at(f->credits, i)));
	return OK;
}

static enum err read_logs(struct fetch *f)
{
	struct payload *p = f->payload;
	const size_t count = json_count(f->logs);

	if (json_type(f->logs) != JSON_ARRAY)
		return ERR_FORMAT;
	if (count > CHAIN_EVENTS_MAX)
		return ERR_FULL;
	p->log = calloc(count + 1, sizeof *p->log);
	if (p->log == NULL)
		return ERR_FULL;
	for (size_t i = 0; i < count; i++)
		TRY(read_log(f, json_at(f->logs, i)));
	return OK;
}

static void on_logs(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct fetch *f = op;
	(void)tag;
	if (answer->err != OK)
		fetch_fail(f, answer->err, answer->message);
	else
		f->logs = json_clone(answer->result);
	op_done(&f->op);
}

static void on_credits(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct fetch *f = op;
	(void)tag;
	if (answer->err != OK)
		fetch_fail(f, answer->err, answer->message);
	else
		f->credits = json_clone(answer->result);
	op_done(&f->op);
}

/* ---- the whole ---- */

static bool asks_credits(const struct layer *layer)
{
	return layer_gas_apart(layer->config.id) &&
		((const struct evm_layer *)(const void *)layer)->has_account;
}

static void fetch_free(struct op *op)
{
	struct fetch *f = (struct fetch *)(void *)op;
	if (f->payload != NULL)
		evm_payload_drop(f->payload);
	json_free(f->logs);
	json_free(f->credits);
	free(f);
}

static void fetch_end(struct op *op)
{
	struct fetch *f = (struct fetch *)(void *)op;
	struct layer *layer = op->layer;

	if (op->err == OK && evm_has_contract(evm_of(layer)) && read_logs(f) != OK)
		fetch_fail(f, ERR_FORMAT, "events that can't be right");
	if (op->err == OK && asks_credits(layer) && read_credits(f) != OK)
		fetch_fail(f, ERR_FORMAT, "transfers that can't be right");
	struct payload *p = f->payload;
	const uint64_t tag = f->tag;
	const enum err err = op->err;
	if (err == OK)
		f->payload = NULL;
	fetch_free(op);
	if (err == OK)
		follow_block(&layer->follow, tag, OK, &p->block, p);
	else
		follow_block(&layer->follow, tag, err, NULL, NULL);
}

static struct json *filter_of(
	const struct fetch *f, const struct evm_address *address, struct json *topics)
{
	struct json *params = json_array(), *filter = json_object();
	json_set(filter, "blockHash", evm_param_hash(&f->hash));
	json_set(filter, "address", evm_param_address(address));
	json_set(filter, "topics", topics);
	json_push(params, filter);
	return params;
}

static struct json *log_filter(const struct fetch *f)
{
	const bool token = layer_gas_apart(f->op.layer->config.id);
	const struct hash256 *const topic[] = {
		token ? &erc20_htlc_topic_lockup : &evm_htlc_topic_lockup, &evm_htlc_topic_claim,
		&evm_htlc_topic_refund, &evm_htlc_topic_settled};
	struct json *topics = json_array(), *any = json_array();

	for (size_t i = 0; i < ARRAY_LEN(topic); i++)
		json_push(any, evm_param_hash(topic[i]));
	json_push(topics, any);
	return filter_of(f, &f->op.layer->config.contract, topics);
}

/* Transfer(address from, address to, uint256): to us, from anybody. */
static struct json *credit_filter(const struct fetch *f)
{
	const struct evm_address *to = &evm_of(f->op.layer)->account;
	struct json *topics = json_array();
	struct hash256 word = {{0}};

	memcpy(word.b + sizeof word.b - sizeof to->b, to->b, sizeof to->b);
	json_push(topics, evm_param_hash(&erc20_topic_transfer));
	json_push(topics, json_new_null());
	json_push(topics, evm_param_hash(&word));
	return filter_of(f, &f->op.layer->config.token, topics);
}

enum err evm_fetch(struct layer *layer, const struct hash256 *hash, uint64_t height, uint64_t tag)
{
	struct fetch *f = calloc(1, sizeof *f);
	if (f == NULL)
		return ERR_FULL;
	*f = (struct fetch){.op = {.layer = layer, .pending = 1, .end = fetch_end},
		.tag = tag,
		.hash = *hash,
		.height = height,
		.payload = calloc(1, sizeof *f->payload)};
	if (f->payload == NULL) {
		fetch_free(&f->op);
		return ERR_FULL;
	}
	struct json *params = json_array();
	json_push(params, evm_param_hash(hash));
	json_push(params, json_new_bool(evm_of(layer)->has_account));
	op_ask(&f->op, "eth_getBlockByHash", params, on_block, 0);
	if (evm_has_contract(evm_of(layer)))
		op_ask(&f->op, "eth_getLogs", log_filter(f), on_logs, 0);
	if (asks_credits(layer))
		op_ask(&f->op, "eth_getLogs", credit_filter(f), on_credits, 0);
	return op_begun(&f->op, fetch_free);
}
