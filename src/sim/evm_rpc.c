/* The RPC of an EVM node (execution-apis), with anvil's texts and codes, or geth's. */
#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
#include "sim/evm_chain.h"

#define CLIENT_VERSION "sluice-devnet/evm"

/* ---- chain ---- */

static void rpc_chain_id(struct simevm_rpc_call *c)
{
	js_quantity(c->out, c->e->chain_id);
}

static void rpc_net_version(struct simevm_rpc_call *c)
{
	char text[24];
	(void)snprintf(text, sizeof text, "%llu", (unsigned long long)c->e->chain_id);
	js_string(c->out, text);
}

static void rpc_client_version(struct simevm_rpc_call *c)
{
	js_string(c->out, CLIENT_VERSION);
}

static void rpc_block_number(struct simevm_rpc_call *c)
{
	js_quantity(c->out, simevm_height(c->e));
}

static void rpc_gas_price(struct simevm_rpc_call *c)
{
	js_quantity(c->out, c->e->market_price);
}

static void rpc_syncing(struct simevm_rpc_call *c)
{
	js_bool(c->out, false);
}

static void rpc_accounts(struct simevm_rpc_call *c)
{
	js_open(c->out, '[');
	js_close(c->out, ']');
}

static void rpc_txpool_status(struct simevm_rpc_call *c)
{
	js_open(c->out, '{');
	js_set_quantity(c->out, "pending", c->e->pool_count);
	js_set_quantity(c->out, "queued", 0);
	js_close(c->out, '}');
}

static void block_or_null(struct simevm_rpc_call *c, uint32_t block)
{
	bool full;
	if (!simevm_param_bool(c, 1, false, &full))
		return;
	if (block == SIMEVM_NONE)
		js_null(c->out);
	else
		simevm_block_json(c->out, c->e, block, full);
}

static void rpc_block_by_number(struct simevm_rpc_call *c)
{
	struct simevm_where where;
	if (simevm_where(c, sim_param(c->params, 0), &where))
		block_or_null(c, where.block);
}

static void rpc_block_by_hash(struct simevm_rpc_call *c)
{
	struct hash256 hash;
	if (simevm_param_hash(c, 0, &hash))
		block_or_null(c, simevm_block_find(c->e, &hash));
}

/* ---- state ---- */

/* State is known of the best chain's blocks only. */
static bool state_block(struct simevm_rpc_call *c, size_t at, struct simevm_where *where)
{
	if (!simevm_where(c, sim_param(c->params, at), where))
		return false;
	if (where->by_hash &&
		(where->block == SIMEVM_NONE || !simevm_in_best(c->e, where->block))) {
		sim_reply_error(c->reply, RPC_NOT_FOUND, "Resource not found");
		return false;
	}
	if (where->block == SIMEVM_NONE) {
		sim_reply_error(c->reply, RPC_INVALID_PARAMS,
			"BlockOutOfRangeError: block height is %llu but requested was %llu",
			(unsigned long long)simevm_height(c->e), (unsigned long long)where->number);
		return false;
	}
	return true;
}

static bool account_param(
	struct simevm_rpc_call *c, struct evm_address *address, struct simevm_where *where)
{
	return simevm_param_address(c, 0, address) && state_block(c, 1, where);
}

static void rpc_balance(struct simevm_rpc_call *c)
{
	struct evm_address address;
	struct simevm_where where;
	if (account_param(c, &address, &where))
		js_quantity(c->out, simevm_account_at(c->e, &address, where.number).balance);
}

static void rpc_transaction_count(struct simevm_rpc_call *c)
{
	struct evm_address address;
	struct simevm_where where;
	if (!account_param(c, &address, &where))
		return;
	js_quantity(c->out,
		where.pending ? simevm_next_nonce(c->e, &address)
			      : simevm_account_at(c->e, &address, where.number).nonce);
}

static void rpc_code(struct simevm_rpc_call *c)
{
	struct evm_address address;
	struct simevm_where where;
	if (!account_param(c, &address, &where))
		return;
	if (simevm_account_at(c->e, &address, where.number).contract)
		js_hex(c->out, "0x", c->e->runtime.ptr, c->e->runtime.len);
	else
		js_string(c->out, "0x");
}

/* ---- calls ---- */

struct call_params {
	struct simevm_message message;
	uint8_t *data; /* owns */
	bool create;
	u128 price;
};

static bool member_address(const struct json *v, const char *key, struct evm_address *out)
{
	return json_type(json_get(v, key)) == JSON_NULL ||
		json_get_hex(v, key, out->b, sizeof out->b) == OK;
}

static bool member_quantity(const struct json *v, const char *key, u128 *out)
{
	const struct json *member = json_get(v, key);
	return json_type(member) == JSON_NULL || simevm_quantity(out, json_string(member)) == OK;
}

static bool member_data(const struct json *v, struct call_params *p)
{
	const struct json *member = json_get(v, "data");
	if (json_type(member) == JSON_NULL)
		member = json_get(v, "input");
	if (json_type(member) == JSON_NULL)
		return true;
	const struct slice text = json_string(member);
	if (text.len < 2 || text.ptr[0] != '0' || text.ptr[1] != 'x' ||
		text.len > 2 + 2 * (size_t)EVM_DATA_MAX)
		return false;
	p->data = sim_alloc(text.len / 2);
	size_t len = 0;
	if (hex_decode_var(p->data, &len, text.len / 2, slice_of(text.ptr + 2, text.len - 2)) != OK)
		return false;
	p->message.data = slice_of(p->data, len);
	return true;
}

/* The caller frees p->data in any case. */
static bool call_params(struct simevm_rpc_call *c, struct call_params *p)
{
	const struct json *v = sim_param(c->params, 0);
	struct simevm_where where;
	*p = (struct call_params){0};
	if (json_type(v) != JSON_OBJECT || !member_address(v, "from", &p->message.from) ||
		!member_address(v, "to", &p->message.to) ||
		!member_quantity(v, "value", &p->message.value) ||
		!member_quantity(v, "gasPrice", &p->price) || !member_data(v, p)) {
		sim_reply_error(c->reply, RPC_INVALID_PARAMS, "invalid transaction request");
		return false;
	}
	p->create = json_type(json_get(v, "to")) == JSON_NULL;
	if (!state_block(c, 1, &where))
		return false;
	p->message.height = where.number;
	p->message.number = where.number + where.pending;
	return true;
}

static void run(const struct sim_evm *e, struct simevm_outcome *out, const struct call_params *p)
{
	*out = (struct simevm_outcome){.ok = true};
	if (!p->create && simevm_account_at(e, &p->message.to, p->message.height).contract)
		simevm_contract_run(e, out, &p->message);
}

static void say_reverted(struct simevm_rpc_call *c, const struct simevm_outcome *outcome)
{
	char selector[9];
	hex_encode(selector, outcome->data, outcome->data_len == 4 ? 4 : 0);
	if (c->e->geth || outcome->data_len != 4)
		sim_reply_error(c->reply, RPC_REVERTED, "execution reverted");
	else
		sim_reply_error(
			c->reply, RPC_REVERTED, "execution reverted: custom error 0x%s", selector);
	js_hex(&c->reply->data, "0x", outcome->data, outcome->data_len);
}

static void rpc_call(struct simevm_rpc_call *c)
{
	struct call_params p;
	struct simevm_outcome outcome;
	if (call_params(c, &p)) {
		run(c->e, &outcome, &p);
		if (outcome.ok)
			js_hex(c->out, "0x", outcome.data, outcome.data_len);
		else
			say_reverted(c, &outcome);
	}
	free(p.data);
}

static void rpc_estimate_gas(struct simevm_rpc_call *c)
{
	struct call_params p;
	struct simevm_outcome outcome;
	if (!call_params(c, &p)) {
		free(p.data);
		return;
	}
	p.message.number = p.message.height + 1; /* it would be in the next block */
	run(c->e, &outcome, &p);
	const struct simevm_version from = simevm_account_at(
		c->e, &p.message.from, p.message.height);
	const bool deploy = slice_eq(
		p.message.data, slice_of(evm_htlc_creation_code, evm_htlc_creation_code_len));
	const uint64_t gas = simevm_intrinsic_gas(p.message.data, p.create) + outcome.gas +
		outcome.gas_spare + (p.create && deploy ? SIMEVM_GAS_DEPLOY : 0);
	/* a value alone may exceed what there is: nodes then estimate a plain transfer */
	if (!outcome.ok)
		say_reverted(c, &outcome);
	else if (outcome.changes && p.message.value > from.balance)
		sim_reply_error(
			c->reply, RPC_TX_REJECTED, "Insufficient funds for gas * price + value");
	else
		js_quantity(c->out, gas);
	free(p.data);
}

/* ---- transactions ---- */

static const struct {
	int code;
	const char *anvil, *geth;
} refusals[SIMEVM_REFUSAL_COUNT] = {
	[SIMEVM_KNOWN] = {RPC_TX_REJECTED, "transaction already imported", "already known"},
	[SIMEVM_NONCE_LOW] = {RPC_TX_REJECTED, "nonce too low", "nonce too low"},
	[SIMEVM_NO_FUNDS] = {RPC_TX_REJECTED, "Insufficient funds for gas * price + value",
		"insufficient funds for gas * price + value"},
	[SIMEVM_UNDERPRICED] = {RPC_TX_REJECTED, "replacement transaction underpriced",
		"replacement transaction underpriced"},
	[SIMEVM_GAS_LOW] = {RPC_SERVER_ERROR, "intrinsic gas too low", "intrinsic gas too low"},
	[SIMEVM_GAS_HIGH] = {RPC_SERVER_ERROR, "intrinsic gas too high", "exceeds block gas limit"},
	[SIMEVM_FOREIGN] = {RPC_SERVER_ERROR, "invalid chain id", "invalid sender"},
	[SIMEVM_POOL_FULL] = {RPC_SERVER_ERROR, "txpool is full", "txpool is full"},
};

static void rpc_send_raw(struct simevm_rpc_call *c)
{
	const struct slice text = json_string(sim_param(c->params, 0));
	size_t len = 0;
	uint32_t tx;
	if (text.len < 2 || text.ptr[0] != '0' || text.ptr[1] != 'x') {
		sim_reply_error(c->reply, RPC_INVALID_PARAMS, "expected a valid hex string");
		return;
	}
	uint8_t *raw = sim_alloc(text.len / 2);
	const bool ok = hex_decode_var(raw, &len, text.len / 2,
				slice_of(text.ptr + 2, text.len - 2)) == OK &&
		simevm_tx_add(c->e, &tx, slice_of(raw, len)) == OK;
	free(raw);
	if (!ok) {
		sim_reply_error(c->reply, RPC_INVALID_PARAMS, "Failed to decode transaction");
		return;
	}
	const struct simevm_tx *t = c->e->tx[tx];
	/* a mined one is refused for its nonce, one that waits because it is known */
	const enum simevm_refusal refusal = t->state == SIMEVM_MINED ? SIMEVM_NONCE_LOW
								     : simevm_pool_add(c->e, tx);
	if (refusal != SIMEVM_ACCEPTED) {
		sim_reply_error(c->reply, c->e->geth ? RPC_SERVER_ERROR : refusals[refusal].code,
			"%s", c->e->geth ? refusals[refusal].geth : refusals[refusal].anvil);
		return;
	}
	js_hex(c->out, "0x", t->hash.b, sizeof t->hash.b);
	if (c->e->automine)
		simevm_mine(c->e, c->now_ms, false);
}

static bool known_tx(struct simevm_rpc_call *c, uint32_t *tx)
{
	struct hash256 hash;
	if (!simevm_param_hash(c, 0, &hash))
		return false;
	*tx = simevm_tx_find(c->e, &hash);
	if (*tx != SIMEVM_NONE && c->e->tx[*tx]->state != SIMEVM_GONE)
		return true;
	js_null(c->out);
	return false;
}

static void rpc_transaction(struct simevm_rpc_call *c)
{
	uint32_t tx;
	if (known_tx(c, &tx))
		simevm_tx_json(c->out, c->e, tx);
}

static void rpc_receipt(struct simevm_rpc_call *c)
{
	uint32_t tx;
	if (!known_tx(c, &tx))
		return;
	if (c->e->tx[tx]->state == SIMEVM_MINED)
		simevm_receipt_json(c->out, c->e, tx);
	else
		js_null(c->out);
}

/* ---- logs ---- */

struct log_filter {
	const struct json *address, *topics;
};

/* A filter's member: nothing, one value, or a list of which one must match. */
static bool matches(const struct json *wanted, const uint8_t *bytes, size_t len)
{
	uint8_t value[32];
	if (wanted == NULL || json_type(wanted) == JSON_NULL)
		return true;
	const size_t count = json_type(wanted) == JSON_ARRAY ? json_count(wanted) : 1;
	for (size_t i = 0; i < count; i++) {
		const struct slice text = json_string(
			json_type(wanted) == JSON_ARRAY ? json_at(wanted, i) : wanted);
		if (text.len == 2 + 2 * len &&
			hex_decode(value, len, slice_of(text.ptr + 2, 2 * len)) == OK &&
			memcmp(value, bytes, len) == 0)
			return true;
	}
	return json_type(wanted) == JSON_ARRAY && count == 0;
}

static bool log_matches(const struct log_filter *f, const struct simevm_log *log)
{
	if (!matches(f->address, log->address.b, sizeof log->address.b))
		return false;
	for (size_t i = 0; i < json_count(f->topics); i++) {
		const struct json *wanted = json_at(f->topics, i);
		if (i >= log->topic_count) {
			if (json_type(wanted) != JSON_NULL)
				return false;
		} else if (!matches(wanted, log->topic[i].b, sizeof log->topic[i].b)) {
			return false;
		}
	}
	return true;
}

static void block_logs(struct simevm_rpc_call *c, const struct log_filter *f, uint32_t block)
{
	for (uint32_t i = 0; i < c->e->block[block].log_count; i++)
		if (log_matches(f, &c->e->block[block].log[i]))
			simevm_log_json(c->out, c->e, block, i);
}

static void rpc_logs(struct simevm_rpc_call *c)
{
	const struct json *v = sim_param(c->params, 0);
	const struct log_filter f = {json_get(v, "address"), json_get(v, "topics")};
	struct simevm_where from, to;
	if (json_type(v) != JSON_OBJECT) {
		sim_reply_error(c->reply, RPC_INVALID_PARAMS, "invalid filter");
		return;
	}
	if (json_type(json_get(v, "blockHash")) != JSON_NULL) {
		if (!simevm_where(c, json_get(v, "blockHash"), &from))
			return;
		if (from.block == SIMEVM_NONE) {
			sim_reply_error(c->reply, RPC_SERVER_ERROR, "unknown block");
			return;
		}
		js_open(c->out, '[');
		block_logs(c, &f, from.block);
		js_close(c->out, ']');
		return;
	}
	if (!simevm_where(c, json_get(v, "fromBlock"), &from) ||
		!simevm_where(c, json_get(v, "toBlock"), &to))
		return;
	if (from.number > simevm_height(c->e)) {
		sim_reply_error(c->reply, RPC_INVALID_PARAMS,
			"BlockOutOfRangeError: block height is %llu but requested was %llu",
			(unsigned long long)simevm_height(c->e), (unsigned long long)from.number);
		return;
	}
	js_open(c->out, '[');
	for (uint64_t n = from.number; n <= to.number && n < c->e->chain_len; n++)
		block_logs(c, &f, c->e->chain[n]);
	js_close(c->out, ']');
}

static const struct simevm_row rows[] = {
	{"eth_chainId", rpc_chain_id, 0, 0},
	{"eth_blockNumber", rpc_block_number, 0, 0},
	{"eth_gasPrice", rpc_gas_price, 0, 0},
	{"eth_syncing", rpc_syncing, 0, 0},
	{"eth_accounts", rpc_accounts, 0, 0},
	{"net_version", rpc_net_version, 0, 0},
	{"web3_clientVersion", rpc_client_version, 0, 0},
	{"eth_getBlockByNumber", rpc_block_by_number, 1, 2},
	{"eth_getBlockByHash", rpc_block_by_hash, 1, 2},
	{"eth_getBalance", rpc_balance, 1, 2},
	{"eth_getTransactionCount", rpc_transaction_count, 1, 2},
	{"eth_getCode", rpc_code, 1, 2},
	{"eth_call", rpc_call, 1, 2},
	{"eth_estimateGas", rpc_estimate_gas, 1, 2},
	{"eth_sendRawTransaction", rpc_send_raw, 1, 1},
	{"eth_getTransactionByHash", rpc_transaction, 1, 1},
	{"eth_getTransactionReceipt", rpc_receipt, 1, 1},
	{"eth_getLogs", rpc_logs, 1, 1},
	{"txpool_status", rpc_txpool_status, 0, 0},
};

static const struct simevm_row *find_row(
	const struct simevm_row *row, size_t count, const char *method)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(row[i].name, method) == 0)
			return &row[i];
	return NULL;
}

void simevm_rpc(struct sim_network *n, struct sim_reply *reply, uint64_t now_ms, const char *method,
	const struct sim_params *params)
{
	struct simevm_rpc_call c = {.e = simevm_of(n),
		.reply = reply,
		.out = &reply->result,
		.params = params,
		.now_ms = now_ms};
	const struct simevm_row *row = find_row(rows, ARRAY_LEN(rows), method);
	if (row == NULL)
		row = find_row(simevm_sim_rows, simevm_sim_row_count, method);
	if (row == NULL)
		sim_reply_error(reply, RPC_METHOD_UNKNOWN, "Method not found");
	else if (params->count < row->params_min || params->count > row->params_max)
		sim_reply_error(reply, RPC_INVALID_PARAMS,
			"expected params sequence with length %u but got %zu", row->params_min,
			params->count);
	else
		row->run(&c);
}
