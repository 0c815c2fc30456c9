/* What no real node offers: the levers of a test. docs/devnet.md lists them. */
#include "btc/script.h"
#include "sim/bitcoin_chain.h"

#define MINE_MAX 1000u

static void rpc_fund(struct simbtc_call *c)
{
	uint8_t to[SIMBTC_DESTINATION_MAX];
	size_t to_len;
	struct sat value;
	uint64_t count;
	struct hash256 txid;
	if (!simbtc_param_destination(c, 0, to, &to_len) || !simbtc_param_coins(c, 1, 0, &value) ||
		!simbtc_param_u64(c, 2, "count", 1, &count))
		return;
	if (count < 1 || count > SIMBTC_FUND_COUNT_MAX)
		sim_reply_error(c->reply, RPC_INVALID_PARAMETER, "count from 1 to %u",
			SIMBTC_FUND_COUNT_MAX);
	else if (simbtc_fund(c->b, &txid, c->now_ms, slice_of(to, to_len), value,
			 (uint32_t)count) != OK)
		sim_reply_error(c->reply, RPC_MISC_ERROR,
			"the faucet can't pay that now: dust, too much, or mine a block first");
	else
		js_hash(c->out, &txid);
}

static void rpc_mine(struct simbtc_call *c)
{
	uint64_t count;
	if (!simbtc_param_u64(c, 0, "count", 1, &count))
		return;
	if (count > MINE_MAX) {
		sim_reply_error(c->reply, RPC_INVALID_PARAMETER, "at most %u blocks", MINE_MAX);
		return;
	}
	c->b->network.ops->mine(&c->b->network, c->now_ms, (uint32_t)count);
	js_u64(c->out, c->b->chain_len - 1);
}

static void rpc_reorg(struct simbtc_call *c)
{
	uint64_t depth, blocks;
	bool drop;
	if (!simbtc_param_u64(c, 0, "depth", 1, &depth) ||
		!simbtc_param_u64(c, 1, "blocks", 0, &blocks) ||
		!simbtc_param_bool(c, 2, "drop", false, &drop))
		return;
	const struct sim_reorg reorg = {.depth = depth > UINT32_MAX ? 0 : (uint32_t)depth,
		.blocks = blocks > MINE_MAX ? MINE_MAX : (uint32_t)blocks,
		.drop = drop};
	if (simbtc_reorg(c->b, c->now_ms, &reorg) != OK)
		sim_reply_error(c->reply, RPC_INVALID_PARAMETER, "not that deep a chain");
	else
		js_hash(c->out, &simbtc_tip(c->b)->hash);
}

static void rpc_fee_rate(struct simbtc_call *c)
{
	uint64_t rate;
	if (!simbtc_param_u64(c, 0, "sat_per_kvb", 0, &rate))
		return;
	c->b->market_rate = rate;
	js_null(c->out);
}

static void rpc_relay_fee_rate(struct simbtc_call *c)
{
	uint64_t rate;
	if (!simbtc_param_u64(c, 0, "sat_per_kvb", c->b->rules->relay_rate, &rate))
		return;
	c->b->relay_rate = rate;
	js_null(c->out);
}

static bool param_pooled(struct simbtc_call *c, uint32_t *tx)
{
	struct hash256 txid;
	if (!simbtc_param_hash(c, 0, "txid", &txid))
		return false;
	*tx = simbtc_tx_find(c->b, &txid);
	if (*tx != MAP_NONE && c->b->tx[*tx]->state == SIMBTC_POOL)
		return true;
	sim_reply_error(c->reply, RPC_INVALID_ADDRESS_OR_KEY, "Transaction not in mempool");
	return false;
}

static void rpc_evict(struct simbtc_call *c)
{
	uint32_t tx;
	if (!param_pooled(c, &tx))
		return;
	simbtc_pool_evict(c->b, tx);
	js_null(c->out);
}

static void rpc_hold(struct simbtc_call *c)
{
	uint32_t tx;
	bool hold;
	if (!param_pooled(c, &tx) || !simbtc_param_bool(c, 1, "hold", true, &hold))
		return;
	c->b->tx[tx]->held = hold;
	js_null(c->out);
}

static void rpc_faucet(struct simbtc_call *c)
{
	char address[SIMBTC_ADDRESS_SIZE];
	CHECK(c->b->rules->address_format(
		      address, slice_of(c->b->faucet_script, sizeof c->b->faucet_script)) == OK);
	js_string(c->out, address);
}

const struct simbtc_row simbtc_sim_rows[] = {
	{"sim_fund", rpc_fund, 2, 3},
	{"sim_mine", rpc_mine, 0, 1},
	{"sim_reorg", rpc_reorg, 1, 3},
	{"sim_fee_rate", rpc_fee_rate, 1, 1},
	{"sim_relay_fee_rate", rpc_relay_fee_rate, 1, 1},
	{"sim_evict", rpc_evict, 1, 1},
	{"sim_hold", rpc_hold, 1, 2},
	{"sim_faucet", rpc_faucet, 0, 0},
};
const size_t simbtc_sim_row_count = ARRAY_LEN(simbtc_sim_rows);
