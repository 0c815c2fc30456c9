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
	js_quantity(c->out, simevm_next_base_fee(c->e) + c->e->market_price);
}

static void rpc_syncing(struct simevm_rpc_call *c)
{
	if (!c->e->network.syncing) {
		js_bool(c->out, false);
		return;
	}
	js_open(c->out, '{');
	js_set_quantity(c->out, "startingBlock", 0);
	js_set_quantity(c->out, "currentBlock", simevm_height(c->e));
	js_set_quantity(c->out, "highestBlock", simevm_height(c->e) + SIM_BEHIND_BLOCKS);
	js_close(c->out, '}');
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
	if (!simevm_where(c, sim_param(c->params, 0), &where))
		return;
	if (where.pending)
		simevm_pending(c->e, c->now_ms, block_or_null, c);
	else
		block_or_null(c, where.block);
}

static void rpc_block_by_hash(struct simevm_rpc_call *c)
{
	struct hash256 hash;
	if (simevm_param_hash(c, 0, &hash))
		block_or_null(c, simevm_block_find(c->e, &hash));
}

/* ---- state ---- */

static bool account_param(
	struct simevm_rpc_call *c, struct evm_address *address, struct simevm_where *where)
{
	return simevm_param_address(c, 0, address) && simevm_state_block(c, 1, where);
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
	const uint32_t code = simevm_account_at(c->e, &address, where.number).code;
	const struct slice bytes = code == 0 ? slice_of(NULL, 0) : c->e->code[code].bytes;
	js_hex(c->out, "0x", bytes.ptr, bytes.len);
}

static void rpc_storage(struct simevm_rpc_call *c)
{
	struct evm_address address;
	struct simevm_where where;
	struct word key;
	uint8_t be[WORD_SIZE];
	if (!simevm_param_address(c, 0, &address) || !simevm_param_word(c, 1, &key) ||
		!simevm_state_block(c, 2, &where))
		return;
	word_store(be, simevm_slot_at(c->e, &address, key, where.number));
	js_hex(c->out, "0x", be, sizeof be);
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
	[SIMEVM_FEE_LOW] = {RPC_TX_REJECTED, "max fee per gas less than block base fee",
		"max fee per gas less than block base fee"},
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
	{"eth_getStorageAt", rpc_storage, 2, 3},
	{"eth_sendRawTransaction", rpc_send_raw, 1, 1},
	{"eth_getTransactionByHash", rpc_transaction, 1, 1},
	{"eth_getTransactionReceipt", rpc_receipt, 1, 1},
	{"txpool_status", rpc_txpool_status, 0, 0},
};

static const struct simevm_row *find_in(
	const struct simevm_row *row, size_t count, const char *method)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(row[i].name, method) == 0)
			return &row[i];
	return NULL;
}

static const struct simevm_row *find_row(const struct sim_evm *e, const char *method)
{
	const struct {
		const struct simevm_row *row;
		size_t count;
	} tables[] = {{rows, ARRAY_LEN(rows)}, {simevm_call_rows, simevm_call_row_count},
		{simevm_fee_rows, e->rollup ? simevm_fee_row_count : 0},
		{simevm_sim_rows, simevm_sim_row_count}};
	const struct simevm_row *row = NULL;
	for (size_t i = 0; i < ARRAY_LEN(tables) && row == NULL; i++)
		row = find_in(tables[i].row, tables[i].count, method);
	return row;
}

void simevm_rpc(struct sim_network *n, struct sim_reply *reply, uint64_t now_ms, const char *method,
	const struct sim_params *params)
{
	struct simevm_rpc_call c = {.e = simevm_of(n),
		.reply = reply,
		.out = &reply->result,
		.params = params,
		.now_ms = now_ms};
	const struct simevm_row *row = find_row(c.e, method);
	if (row == NULL)
		sim_reply_error(reply, RPC_METHOD_UNKNOWN, "Method not found");
	else if (params->count < row->params_min || params->count > row->params_max)
		sim_reply_error(reply, RPC_INVALID_PARAMS,
			"expected params sequence with length %u but got %zu", row->params_min,
			params->count);
	else
		row->run(&c);
}
