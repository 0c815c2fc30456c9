/* The levers of the kinds of node that the contract test runs on. */
#include "base/hex.h"
#include "rig.h"
#include "sim/bitcoin.h"
#include "sim/elements.h"
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

#define RAW_TEXT_MAX 4096u /* of a transaction that a wallet made */

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

static void invalidate(struct rig *rig, uint32_t depth)
{
	uint64_t height;
	char hash[80];
	CHECK(rig_call(rig, "getblockchaininfo", "[]"));
	CHECK(json_get_u64(rig->result, "blocks", &height) == OK);
	CHECK(rig_call(rig, "getblockhash", "[%" PRIu64 "]", height - depth + 1));
	copy_result(rig, hash, sizeof hash);
	CHECK(rig_call(rig, "invalidateblock", "[\"%s\"]", hash));
}

static void core_reorg(struct rig *rig, uint32_t depth)
{
	invalidate(rig, depth);
	for (uint32_t i = 0; i < depth + 1; i++)
		CHECK(rig_call(rig, "generateblock", "[\"%s\", []]", rig->address));
}

/* ---- btcd: no wallet, and it mines to the address that it was started with ---- */

#define BTCD_ACTIVE 450u /* on regtest: Segwit and Taproot are in force, coinbases are mature */
#define BTCD_AT_ONCE 50u

static void btcd_mine(struct rig *rig, uint32_t count)
{
	while (count > 0) {
		const uint32_t now = count < BTCD_AT_ONCE ? count : BTCD_AT_ONCE;
		CHECK(rig_call(rig, "generate", "[%u]", now));
		count -= now;
	}
}

static void btcd_prepare(struct rig *rig)
{
	btcd_mine(rig, BTCD_ACTIVE);
}

/* The output of the next coinbase that was not spent yet. */
static void next_coinbase(struct rig *rig, struct btc_coin *coin)
{
	uint64_t value;
	char text[80];
	CHECK(rig_call(rig, "getblockhash", "[%u]", ++rig->spent_coinbases));
	copy_result(rig, text, sizeof text);
	CHECK(rig_call(rig, "getblock", "[\"%s\", 1]", text));
	const struct slice id = json_string(json_at(json_get(rig->result, "tx"), 0));
	CHECK(id.len == 64);
	memcpy(text, id.ptr, id.len + 1);
	*coin = (struct btc_coin){.key_index = KEY_INDEX_RECEIVE};
	CHECK(hex_decode_reversed(coin->at.txid.b, sizeof coin->at.txid.b, slice_str(text)) == OK);
	CHECK(rig_call(rig, "gettxout", "[\"%s\", 0, false]", text));
	CHECK(json_get_decimal(rig->result, "value", 8, &value) == OK);
	coin->value.raw = value;
}

static void btcd_fund(struct rig *rig, const char *address, struct amount amount)
{
	static struct rig_tx tx;
	uint8_t to[LAYER_DESTINATION_MAX];
	char hex[2 * sizeof tx.raw + 1];
	size_t len;
	struct layer_plan plan = {.session = rig_id(rig),
		.purpose = SIGN_PAYOUT,
		.rate = 2000,
		.fee = {1000},
		.amount = amount,
		.coin_count = 1};

	CHECK(layer_address_check(LAYER_BITCOIN, rig->network, to, &len, slice_str(address)) == OK);
	plan.to = slice_of(to, len);
	next_coinbase(rig, &plan.coin[0]);
	rig_sign(rig, &tx, MINER, &plan);
	hex_encode(hex, tx.raw, tx.len);
	CHECK(rig_call(rig, "sendrawtransaction", "[\"%s\"]", hex));
}

static void btcd_reorg(struct rig *rig, uint32_t depth)
{
	invalidate(rig, depth);
	btcd_mine(rig, depth + 1);
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

static void sim_coins_fund(struct rig *rig, const char *address, struct amount amount)
{
	char coins[AMOUNT_TEXT_SIZE];
	amount_format(coins, amount);
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

/* ---- Liquid ---- */

/* The output that holds all coins of liquidregtest, and that anybody may spend. */
#define FREE_COINS "12a51d3e6441abbdb3a5b35983260dec3ff457a301a24a4e76d41b0c0adfb99b"

/* The node's wallet takes what is free, at an address that is not confidential; who took it before
 * left it there. */
static void elements_prepare(struct rig *rig)
{
	CHECK(rig_call(rig, "getnewaddress", "[\"\", \"bech32\"]"));
	copy_result(rig, rig->address, sizeof rig->address);
	CHECK(rig_call(rig, "gettxout", "[\"" FREE_COINS "\", 0]"));
	if (json_type(rig->result) == JSON_NULL)
		return;
	CHECK(rig_call(rig, "createrawtransaction",
		"[[{\"txid\":\"" FREE_COINS "\",\"vout\":0}],"
		"[{\"%s\":20999999.9999},{\"fee\":0.0001}]]",
		rig->address));
	char *raw = malloc(RAW_TEXT_MAX);
	CHECK(raw != NULL);
	copy_result(rig, raw, RAW_TEXT_MAX);
	CHECK(rig_call(rig, "sendrawtransaction", "[\"%s\"]", raw));
	free(raw);
	CHECK(rig_call(rig, "generatetoaddress", "[1, \"%s\"]", rig->address));
}

static struct sim_network *sim_elements(struct rig *rig)
{
	const struct sim_bitcoin_config config = {.seed = 7, .now_ms = loop_wall_ms(rig->loop)};
	return sim_elements_create(&config);
}

/* Another asset to the same script, confirmed. */
static void sim_elements_mint(struct rig *rig, const char *address, struct amount amount)
{
	char coins[AMOUNT_TEXT_SIZE];
	amount_format(coins, amount);
	CHECK(rig_call(rig, "sim_mint", "[\"%s\", \"%064x\", %s]", address, 0xabc, coins));
	CHECK(rig_call(rig, "sim_mine", "[1]"));
}

/* ---- EVM ---- */

#define BOB_RATE UINT64_C(10000000000) /* over anvil's first base fee */

/* The first account's coins, for gas and whatever else. */
static void anvil_coins(struct rig *rig, const char *address)
{
	CHECK(rig_call(rig, "anvil_setBalance", "[\"%s\", \"0xde0b6b3a7640000\"]", address));
}

static uint64_t anvil_rate(const struct rig *rig)
{
	return rig->network->fee_market ? BOB_RATE : 60000000;
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
	const enum layer_id id = rig->levers->layer;
	CHECK(wallet_account(&account, &rig->wallet[CLIENT], id) == OK);
	CHECK(layer_funding_address(id, rig->network, text, &rig->wallet[CLIENT]) == OK);
	anvil_coins(rig, text);
	const struct layer_plan plan = {.session = rig_id(rig),
		.purpose = SIGN_DEPLOY,
		.rate = anvil_rate(rig),
		.gas_limit = layer_gas_limit(id, SIGN_DEPLOY)};
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

/* mint(address,uint256) of a token that lets anybody. */
static void anvil_mint(struct rig *rig, const char *address, struct amount amount)
{
	char units[AMOUNT_TEXT_SIZE], token[2 * sizeof rig->token.b + 1];
	amount_format_units(units, amount);
	hex_encode(token, rig->token.b, sizeof rig->token.b);
	CHECK(rig_call(rig, "eth_sendTransaction",
		"[{\"from\":\"%s\",\"to\":\"0x%s\",\"gas\":\"0x30d40\","
		"\"gasPrice\":\"0x%llx\","
		"\"data\":\"0x40c10f19000000000000000000000000%s%064llx\"}]",
		rig->address, token, (unsigned long long)anvil_rate(rig), address + 2,
		strtoull(units, NULL, 10)));
}

/* Both wallets have coins for gas and let the contract take their tokens, the client has some. */
static void approve_both(struct rig *rig)
{
	static const enum who both[] = {CLIENT, PROVIDER};
	const enum layer_id id = rig->levers->layer;
	char text[LAYER_ADDRESS_TEXT_SIZE];
	struct rig_tx tx;

	for (size_t i = 0; i < ARRAY_LEN(both); i++) {
		const struct layer_plan plan = {.session = rig_id(rig),
			.purpose = SIGN_APPROVE,
			.rate = anvil_rate(rig),
			.nonce = both[i] == CLIENT && rig->sim == NULL ? 1 : 0, /* it deployed */
			.gas_limit = layer_gas_limit(id, SIGN_APPROVE),
			.token = rig->token,
			.to = slice_of(rig->contract.b, sizeof rig->contract.b)};
		CHECK(layer_funding_address(id, rig->network, text, &rig->wallet[both[i]]) == OK);
		anvil_coins(rig, text);
		rig_sign(rig, &tx, both[i], &plan);
		CHECK(rig_submit(rig, slice_of(tx.raw, tx.len)).outcome == SUBMIT_ACCEPTED);
	}
	CHECK(layer_funding_address(id, rig->network, text, &rig->wallet[CLIENT]) == OK);
	rig->levers->fund(rig, text, amount_of(layer_asset(id), 1000));
	rig->levers->mine(rig, 1);
}

static void token_prepare(struct rig *rig)
{
	anvil_prepare(rig);
	approve_both(rig);
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
	const struct sim_evm_config config = {.seed = 7,
		.now_ms = loop_wall_ms(rig->loop),
		.chain_id = rig->network->chain_id,
		.rollup = rig->network->rollup,
		.tokens = layer_gas_apart(rig->levers->layer)};
	return sim_evm_create(&config);
}

static void take_address(struct rig *rig, struct evm_address *out, const char *method)
{
	char text[64];
	CHECK(rig_call(rig, method, "[]"));
	copy_result(rig, text, sizeof text);
	CHECK(hex_decode(out->b, sizeof out->b, slice_str(text + 2)) == OK);
}

static void sim_token_prepare(struct rig *rig)
{
	take_address(rig, &rig->contract, "sim_token_contract");
	take_address(rig, &rig->token, "sim_token");
	rig_layer(rig, NULL);
	approve_both(rig);
}

static void sim_evm_prepare(struct rig *rig)
{
	char text[LAYER_ADDRESS_TEXT_SIZE];
	take_address(rig, &rig->contract, "sim_contract");
	CHECK(layer_funding_address(rig->levers->layer, rig->network, text, &rig->wallet[CLIENT]) ==
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

static void sim_token_fund(struct rig *rig, const char *address, struct amount amount)
{
	char units[AMOUNT_TEXT_SIZE];
	amount_format_units(units, amount);
	CHECK(rig_call(
		rig, "sim_fund_token", "[\"%s\", \"0x%llx\"]", address, strtoull(units, NULL, 10)));
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
	{.name = "btcd",
		.layer = LAYER_BITCOIN,
		.network = "regtest",
		.other_network = "signet",
		.mempool_shows_claims = true,
		.no_scan = true,
		.reorg_remines = true,
		.one_by_one = true,
		.forgets = true,
		.prepare = btcd_prepare,
		.fund = btcd_fund,
		.mine = btcd_mine,
		.reorg = btcd_reorg},
	{.name = "sim-bitcoin",
		.layer = LAYER_BITCOIN,
		.network = "regtest",
		.other_network = "mainnet",
		.mempool_shows_claims = true,
		.prepare = no_preparation,
		.fund = sim_coins_fund,
		.mine = sim_mine,
		.reorg = sim_reorg,
		.sim = sim_bitcoin},
	{.name = "liquid",
		.layer = LAYER_LIQUID,
		.network = "regtest",
		.other_network = "testnet",
		.mempool_shows_claims = true,
		.prepare = elements_prepare,
		.fund = core_fund,
		.mine = core_mine,
		.reorg = core_reorg},
	{.name = "sim-liquid",
		.layer = LAYER_LIQUID,
		.network = "regtest",
		.other_network = "testnet",
		.mempool_shows_claims = true,
		.prepare = no_preparation,
		.fund = sim_coins_fund,
		.mint = sim_elements_mint,
		.mine = sim_mine,
		.reorg = sim_reorg,
		.sim = sim_elements},
	{.name = "rootstock",
		.layer = LAYER_ROOTSTOCK,
		.network = "testnet",
		.other_network = "mainnet",
		.mempool_shows_claims = true,
		.prepare = anvil_prepare,
		.fund = anvil_fund,
		.mine = anvil_mine,
		.reorg = anvil_reorg},
	{.name = "bob",
		.layer = LAYER_BOB,
		.network = "regtest",
		.other_network = "mainnet",
		.mempool_shows_claims = true,
		.prepare = token_prepare,
		.fund = anvil_mint,
		.mine = anvil_mine,
		.reorg = anvil_reorg},
	{.name = "rootstock_erc20",
		.layer = LAYER_ROOTSTOCK_ERC20,
		.network = "testnet",
		.other_network = "mainnet",
		.mempool_shows_claims = true,
		.prepare = token_prepare,
		.fund = anvil_mint,
		.mine = anvil_mine,
		.reorg = anvil_reorg},
	{.name = "geth",
		.layer = LAYER_ROOTSTOCK,
		.network = "testnet",
		.other_network = "mainnet",
		.mempool_shows_claims = true,
		.prepare = anvil_prepare,
		.fund = anvil_fund,
		.mine = anvil_mine,
		.reorg = anvil_reorg},
	{.name = "op-geth",
		.layer = LAYER_BOB,
		.network = "regtest",
		.other_network = "mainnet",
		.prepare = token_prepare,
		.fund = anvil_mint,
		.mine = anvil_mine,
		.reorg = anvil_reorg},
	{.name = "sim-rootstock",
		.layer = LAYER_ROOTSTOCK,
		.network = "regtest",
		.other_network = "testnet",
		.mempool_shows_claims = true,
		.prepare = sim_evm_prepare,
		.fund = sim_evm_fund,
		.mine = sim_mine,
		.reorg = sim_reorg,
		.sim = sim_evm},
	{.name = "sim-bob",
		.layer = LAYER_BOB,
		.network = "regtest",
		.other_network = "mainnet",
		.mempool_shows_claims = true,
		.prepare = sim_token_prepare,
		.fund = sim_token_fund,
		.mine = sim_mine,
		.reorg = sim_reorg,
		.sim = sim_evm},
	{.name = "sim-rootstock_erc20",
		.layer = LAYER_ROOTSTOCK_ERC20,
		.network = "regtest",
		.other_network = "testnet",
		.mempool_shows_claims = true,
		.prepare = sim_token_prepare,
		.fund = sim_token_fund,
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
