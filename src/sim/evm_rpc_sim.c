/* What only test nodes offer: anvil's levers, by anvil's names, and our own. */
#include "sim/evm_chain.h"

#define MINE_MAX 10000u
#define BALANCE_BITS_MAX 120u /* sums of balances stay far from the end of 128 bits */

static void mine(struct simevm_rpc_call *c, uint64_t count)
{
	if (count > MINE_MAX) {
		sim_reply_error(c->reply, RPC_INVALID_PARAMS, "at most %u blocks", MINE_MAX);
		return;
	}
	c->e->network.ops->mine(&c->e->network, c->now_ms, (uint32_t)count);
}

static void rpc_sim_mine(struct simevm_rpc_call *c)
{
	uint64_t count;
	if (!simevm_param_u64(c, 0, 1, &count))
		return;
	mine(c, count);
	if (c->reply->code == 0)
		js_u64(c->out, simevm_height(c->e));
}

static void rpc_anvil_mine(struct simevm_rpc_call *c)
{
	uint64_t count;
	if (!simevm_param_u64(c, 0, 1, &count))
		return;
	mine(c, count);
	if (c->reply->code == 0)
		js_null(c->out);
}

static void rpc_evm_mine(struct simevm_rpc_call *c)
{
	mine(c, 1);
	js_string(c->out, "0x0");
}

static void reorganise(struct simevm_rpc_call *c, const struct sim_reorg *reorg)
{
	if (simevm_reorg(c->e, c->now_ms, reorg) != OK)
		sim_reply_error(c->reply, RPC_INVALID_PARAMS, "not that deep a chain");
	else
		js_hex(c->out, "0x", simevm_tip(c->e)->hash.b, 32);
}

static void rpc_sim_reorg(struct simevm_rpc_call *c)
{
	uint64_t depth, blocks;
	bool drop;
	if (!simevm_param_u64(c, 0, 1, &depth) || !simevm_param_u64(c, 1, 0, &blocks) ||
		!simevm_param_bool(c, 2, false, &drop))
		return;
	const struct sim_reorg reorg = {.depth = depth > UINT32_MAX ? 0 : (uint32_t)depth,
		.blocks = blocks > MINE_MAX ? MINE_MAX : (uint32_t)blocks,
		.drop = drop};
	reorganise(c, &reorg);
}

/* As many blocks as were there, without their transactions, which are forgotten. */
static void rpc_anvil_reorg(struct simevm_rpc_call *c)
{
	uint64_t depth;
	if (!simevm_param_u64(c, 0, 1, &depth))
		return;
	const uint32_t blocks = depth > MINE_MAX ? 0 : (uint32_t)depth;
	reorganise(c, &(struct sim_reorg){.depth = blocks, .blocks = blocks, .drop = true});
}

static void rpc_set_automine(struct simevm_rpc_call *c)
{
	if (simevm_param_bool(c, 0, true, &c->e->automine))
		js_null(c->out);
}

static void rpc_set_balance(struct simevm_rpc_call *c)
{
	struct evm_address address;
	struct amount value;
	if (!simevm_param_address(c, 0, &address) || !simevm_param_amount(c, 1, c->e->coin, &value))
		return;
	if (simevm_wei(value) >> BALANCE_BITS_MAX != 0) {
		sim_reply_error(c->reply, RPC_INVALID_PARAMS, "over 2^%u wei", BALANCE_BITS_MAX);
		return;
	}
	simevm_account_write(c->e, &address)->balance = simevm_wei(value);
	js_null(c->out);
}

static void rpc_set_storage(struct simevm_rpc_call *c)
{
	struct evm_address address;
	struct word key, value;
	if (!simevm_param_address(c, 0, &address) || !simevm_param_word(c, 1, &key) ||
		!simevm_param_word(c, 2, &value))
		return;
	simevm_slot_write(c->e, &address, key, value);
	js_bool(c->out, true);
}

static void fund(struct simevm_rpc_call *c, enum asset asset)
{
	struct evm_address address;
	struct amount value;
	struct hash256 hash;
	if (!simevm_param_address(c, 0, &address) || !simevm_param_amount(c, 1, asset, &value))
		return;
	if (simevm_fund(c->e, &hash, &address, value) != OK)
		sim_reply_error(c->reply, RPC_SERVER_ERROR, "the faucet can't pay that");
	else
		js_hex(c->out, "0x", hash.b, sizeof hash.b);
}

/* Of what swaps move: tokens on a rollup. */
static void rpc_fund(struct simevm_rpc_call *c)
{
	fund(c, c->e->rollup ? ASSET_WBTC : c->e->coin);
}

static bool has_tokens(struct simevm_rpc_call *c)
{
	if (!c->e->tokens)
		sim_reply_error(c->reply, RPC_SERVER_ERROR, "there is no token");
	return c->e->tokens;
}

static void rpc_fund_token(struct simevm_rpc_call *c)
{
	if (has_tokens(c))
		fund(c, ASSET_WBTC);
}

static void rpc_fund_gas(struct simevm_rpc_call *c)
{
	fund(c, c->e->coin);
}

/* What a unit of gas costs: from now on, or on a rollup in the next block, whence the rule leads it
 * on. */
static void rpc_fee_rate(struct simevm_rpc_call *c)
{
	uint64_t price;
	if (!simevm_param_u64(c, 0, SIM_EVM_GAS_PRICE, &price))
		return;
	*(c->e->rollup ? &c->e->next_base_fee : &c->e->market_price) = price;
	js_null(c->out);
}

static bool pooled(struct simevm_rpc_call *c, uint32_t *tx)
{
	struct hash256 hash;
	if (!simevm_param_hash(c, 0, &hash))
		return false;
	*tx = simevm_tx_find(c->e, &hash);
	if (*tx != SIMEVM_NONE && c->e->tx[*tx]->state == SIMEVM_POOL)
		return true;
	sim_reply_error(c->reply, RPC_INVALID_PARAMS, "transaction not in the pool");
	return false;
}

static void rpc_evict(struct simevm_rpc_call *c)
{
	uint32_t tx;
	if (!pooled(c, &tx))
		return;
	simevm_pool_remove(c->e, tx);
	js_null(c->out);
}

static void rpc_hold(struct simevm_rpc_call *c)
{
	uint32_t tx;
	bool hold;
	if (!pooled(c, &tx) || !simevm_param_bool(c, 1, true, &hold))
		return;
	c->e->tx[tx]->held = hold;
	js_null(c->out);
}

/* Whose words errors are said in, and what becomes of a transaction for another chain. */
static void rpc_style(struct simevm_rpc_call *c)
{
	const struct slice style = json_string(sim_param(c->params, 0));
	const bool geth = slice_eq(style, slice_str("geth"));
	if (!geth && !slice_eq(style, slice_str("anvil"))) {
		sim_reply_error(c->reply, RPC_INVALID_PARAMS, "anvil or geth");
		return;
	}
	c->e->geth = geth;
	js_null(c->out);
}

static void rpc_contract(struct simevm_rpc_call *c)
{
	simevm_address_json(c->out, &c->e->contract);
}

/* Nothing leaves the account and nothing reaches it, from the next block on. */
static void rpc_freeze(struct simevm_rpc_call *c)
{
	struct evm_address address;
	struct hash256 hash;
	bool on;
	if (!simevm_param_address(c, 0, &address) || !simevm_param_bool(c, 1, true, &on) ||
		!has_tokens(c))
		return;
	if (simevm_token_call(c->e, &hash, "freeze(address,bool)", &address, on) != OK)
		sim_reply_error(c->reply, RPC_SERVER_ERROR, "no gas for it");
	else
		js_hex(c->out, "0x", hash.b, sizeof hash.b);
}

static void rpc_token(struct simevm_rpc_call *c)
{
	if (c->e->tokens)
		simevm_address_json(c->out, &c->e->token);
	else
		js_null(c->out);
}

static void rpc_token_contract(struct simevm_rpc_call *c)
{
	if (c->e->tokens)
		simevm_address_json(c->out, &c->e->token_contract);
	else
		js_null(c->out);
}

static void rpc_faucet(struct simevm_rpc_call *c)
{
	simevm_address_json(c->out, &c->e->faucet);
}

const struct simevm_row simevm_sim_rows[] = {
	{"evm_mine", rpc_evm_mine, 0, 1},
	{"anvil_mine", rpc_anvil_mine, 0, 2},
	{"anvil_reorg", rpc_anvil_reorg, 1, 2},
	{"anvil_setBalance", rpc_set_balance, 2, 2},
	{"anvil_setNextBlockBaseFeePerGas", rpc_fee_rate, 1, 1},
	{"anvil_setStorageAt", rpc_set_storage, 3, 3},
	{"evm_setAutomine", rpc_set_automine, 1, 1},
	{"sim_mine", rpc_sim_mine, 0, 1},
	{"sim_reorg", rpc_sim_reorg, 1, 3},
	{"sim_fund", rpc_fund, 2, 2},
	{"sim_fund_gas", rpc_fund_gas, 2, 2},
	{"sim_fund_token", rpc_fund_token, 2, 2},
	{"sim_freeze", rpc_freeze, 1, 2},
	{"sim_fee_rate", rpc_fee_rate, 1, 1},
	{"sim_evict", rpc_evict, 1, 1},
	{"sim_hold", rpc_hold, 1, 2},
	{"sim_style", rpc_style, 1, 1},
	{"sim_contract", rpc_contract, 0, 0},
	{"sim_token", rpc_token, 0, 0},
	{"sim_token_contract", rpc_token_contract, 0, 0},
	{"sim_faucet", rpc_faucet, 0, 0},
};
const size_t simevm_sim_row_count = ARRAY_LEN(simevm_sim_rows);
