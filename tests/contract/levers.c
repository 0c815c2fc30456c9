/* The levers of the four kinds of node that the contract test runs on. */
#include "base/hex.h"
#include "rig.h"
#include "sim/bitcoin.h"
#include "sim/evm.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void copy_result(struct rig *rig, char *out, size_t size)
{
	const struct slice text = json_string(rig->result);
	CHECK(text.ptr != NULL && text.len < size);
	memcpy(out, text.ptr, text.len + 1);
}

/* ---- Bitcoin ---- */

static void core_prepare(struct rig *rig)
{
	CHECK(rig_call(rig, "getnewaddress", "[]"));
	copy_result(rig, rig->address, sizeof rig->address);
}

static void core_fund(struct rig *rig, const char *address, struct amount amount)
{
	char coins[AMOUNT_TEXT_SIZE];
	amount_format(coins, amount);
	CHECK(rig_call(rig, "sendtoaddress", "[\"%s\", \"%s\"]", address, coins));
}

static void core_mine(struct rig *rig, uint32_t count)
{
	CHECK(rig_call(rig, "generatetoaddress", "[%u, \"%s\"]", count, rig->address));
}

static void core_reorg(struct rig *rig, uint32_t depth)
{
	uint64_t height;
	char hash[80];
	CHECK(rig_call(rig, "getblockchaininfo", "[]"));
	CHECK(json_get_u64(rig->result, "blocks", &height) == OK);
	CHECK(rig_call(rig, "getblockhash", "[%" PRIu64 "]", height - depth + 1));
	copy_result(rig, hash, sizeof hash);
	CHECK(rig_call(rig, "invalidateblock", "[\"%s\"]", hash));
	for (uint32_t i = 0; i < depth + 1; i++)
		CHECK(rig_call(rig, "generateblock", "[\"%s\", []]", rig->address));
}

static struct sim_network *sim_bitcoin(struct rig *rig)
{
	const struct sim_bitcoin_config config = {.seed = 7, .now_ms = loop_wall_ms(rig->loop)};
	return sim_bitcoin_create(&config);
}

static void no_preparation(struct rig *rig)
{
	(void)rig;
}

static void sim_bitcoin_fund(struct rig *rig, const char *address, struct amount amount)
{
	char coins[AMOUNT_TEXT_SIZE];
	uint8_t script[LAYER_DESTINATION_MAX];
	size_t len;
	char hex[2 * sizeof script + 1];
	amount_format(coins, amount);
	CHECK(layer_address_check(LAYER_BITCOIN, rig->network, script, &len, slice_str(address)) ==
		OK);
	hex_encode(hex, script, len);
	CHECK(rig_call(rig, "sim_fund", "[\"%s\", %s]", address, coins));
}

static void sim_mine(struct rig *rig, uint32_t count)
{
	CHECK(rig_call(rig, "sim_mine", "[%u]", count));
}

static void sim_reorg(struct rig *rig, uint32_t depth)
{
	CHECK(rig_call(rig, "sim_reorg", "[%u]", depth));
}

/* ---- EVM ---- */

static void take_contract(struct rig *rig, const char *text)
{
	CHECK(hex_decode(rig->contract.b, sizeof rig->contract.b, slice_str(text + 2)) == OK);
}

/* The contract is deployed by a plan of ours, like everything else. */
static void anvil_prepare(struct rig *rig)
{
	struct evm_address account;
	char text[LAYER_ADDRESS_TEXT_SIZE];
	struct rig_tx tx;

	CHECK(rig_call(rig, "evm_setAutomine", "[false]"));
	CHECK(rig_call(rig, "eth_accounts", "[]"));
	const struct slice first = json_string(json_at(rig->result, 0));
	memcpy(rig->address, first.ptr, first.len + 1);
	CHECK(wallet_account(&account, &rig->wallet[CLIENT], LAYER_ROOTSTOCK) == OK);
	CHECK(layer_funding_address(LAYER_ROOTSTOCK, rig->network, text, &rig->wallet[CLIENT]) ==
		OK);
	rig->levers->fund(rig, text, amount_of(ASSET_RBTC, 1000000000000000000));
	rig->levers->mine(rig, 1);
	const struct layer_plan plan = {.session = rig_id(rig),
		.purpose = SIGN_DEPLOY,
		.rate = 60000000,
		.gas_limit = layer_gas_limit(SIGN_DEPLOY)};
	rig_sign(rig, &tx, CLIENT, &plan);
	rig_layer(rig, NULL);
	CHECK(rig_submit(rig, slice_of(tx.raw, tx.len)).outcome == SUBMIT_ACCEPTED);
	rig->levers->mine(rig, 1);
	evm_create_address(&rig->contract, &account, 0);
}

static void anvil_fund(struct rig *rig, const char *address, struct amount amount)
{
	char wei[AMOUNT_TEXT_SIZE];
	amount_format_units(wei, amount);
	CHECK(rig_call(rig, "eth_sendTransaction",
		"[{\"from\":\"%s\",\"to\":\"%s\",\"value\":\"0x%llx\","
		"\"gas\":\"0x5208\",\"gasPrice\":\"0x3938700\"}]",
		rig->address, address, strtoull(wei, NULL, 10)));
}

static void anvil_mine(struct rig *rig, uint32_t count)
{
	CHECK(rig_call(rig, "anvil_mine", "[%u]", count));
}

static void anvil_reorg(struct rig *rig, uint32_t depth)
{
	CHECK(rig_call(rig, "anvil_reorg", "[%u, []]", depth));
}

static struct sim_network *sim_evm(struct rig *rig)
{
	const struct sim_evm_config config = {.seed = 7, .now_ms = loop_wall_ms(rig->loop)};
	return sim_evm_create(&config);
}

static void sim_evm_prepare(struct rig *rig)
{
	char text[LAYER_ADDRESS_TEXT_SIZE];
	CHECK(rig_call(rig, "sim_contract", "[]"));
	char address[64];
	copy_result(rig, address, sizeof address);
	take_contract(rig, address);
	CHECK(layer_funding_address(LAYER_ROOTSTOCK, rig->network, text, &rig->wallet[CLIENT]) ==
		OK);
	rig->levers->fund(rig, text, amount_of(ASSET_RBTC, 1000000000000000000));
	rig->levers->mine(rig, 1);
}

static void sim_evm_fund(struct rig *rig, const char *address, struct amount amount)
{
	char wei[AMOUNT_TEXT_SIZE];
	amount_format_units(wei, amount);
	CHECK(rig_call(rig, "sim_fund", "[\"%s\", \"0x%llx\"]", address, strtoull(wei, NULL, 10)));
}

static const struct rig_levers all[] = {
	{.name = "bitcoin",
		.layer = LAYER_BITCOIN,
		.network = "regtest",
		.other_network = "signet",
		.mempool_shows_claims = true,
		.prepare = core_prepare,
		.fund = core_fund,
		.mine = core_mine,
		.reorg = core_reorg},
	{.name = "sim-bitcoin",
		.layer = LAYER_BITCOIN,
		.network = "regtest",
		.other_network = "mainnet",
		.mempool_shows_claims = true,
		.prepare = no_preparation,
		.fund = sim_bitcoin_fund,
		.mine = sim_mine,
		.reorg = sim_reorg,
		.sim = sim_bitcoin},
	{.name = "rootstock",
		.layer = LAYER_ROOTSTOCK,
		.network = "testnet",
		.other_network = "mainnet",
		.mempool_shows_claims = true,
		.prepare = anvil_prepare,
		.fund = anvil_fund,
		.mine = anvil_mine,
		.reorg = anvil_reorg},
	{.name = "sim-rootstock",
		.layer = LAYER_ROOTSTOCK,
		.network = "regtest",
		.other_network = "testnet",
		.prepare = sim_evm_prepare,
		.fund = sim_evm_fund,
		.mine = sim_mine,
		.reorg = sim_reorg,
		.sim = sim_evm},
};

const struct rig_levers *rig_levers_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		if (strcmp(all[i].name, name) == 0)
			return &all[i];
	}
	return NULL;
}
