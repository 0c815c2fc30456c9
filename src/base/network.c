#include "base/network.h"

static const struct {
	const char *name;
	enum asset asset, gas;
	enum layer_family family;
	bool built;
} layers[LAYER_COUNT] = {
	[LAYER_BITCOIN] = {"bitcoin", ASSET_BTC, ASSET_BTC, FAMILY_UTXO, true},
	[LAYER_ROOTSTOCK] = {"rootstock", ASSET_RBTC, ASSET_RBTC, FAMILY_ACCOUNT, true},
	[LAYER_LIGHTNING] = {"lightning", ASSET_BTC, ASSET_BTC, FAMILY_CHANNEL, true},
	[LAYER_LIQUID] = {"liquid", ASSET_LBTC, ASSET_LBTC, FAMILY_UTXO, true},
	[LAYER_BOB] = {"bob", ASSET_WBTC, ASSET_ETH, FAMILY_ACCOUNT, true},
	[LAYER_ROOTSTOCK_ERC20] = {"rootstock_erc20", ASSET_WBTC, ASSET_RBTC, FAMILY_ACCOUNT, true},
};

/* Genesis hashes in hashing order, the reverse of how explorers print them. */
#define GENESIS_MAINNET                                                                            \
	{                                                                                          \
		{                                                                                  \
			0x6f, 0xe2, 0x8c, 0x0a, 0xb6, 0xf1, 0xb3, 0x72, 0xc1, 0xa6, 0xa2, 0x46,    \
				0xae, 0x63, 0xf7, 0x4f, 0x93, 0x1e, 0x83, 0x65, 0xe1, 0x5a, 0x08,  \
				0x9c, 0x68, 0xd6, 0x19                                             \
		}                                                                                  \
	}
#define GENESIS_TESTNET                                                                            \
	{                                                                                          \
		{                                                                                  \
			0x43, 0x49, 0x7f, 0xd7, 0xf8, 0x26, 0x95, 0x71, 0x08, 0xf4, 0xa3, 0x0f,    \
				0xd9, 0xce, 0xc3, 0xae, 0xba, 0x79, 0x97, 0x20, 0x84, 0xe9, 0x0e,  \
				0xad, 0x01, 0xea, 0x33, 0x09                                       \
		}                                                                                  \
	}
#define GENESIS_SIGNET                                                                             \
	{                                                                                          \
		{                                                                                  \
			0xf6, 0x1e, 0xee, 0x3b, 0x63, 0xa3, 0x80, 0xa4, 0x77, 0xa0, 0x63, 0xaf,    \
				0x32, 0xb2, 0xbb, 0xc9, 0x7c, 0x9f, 0xf9, 0xf0, 0x1f, 0x2c, 0x42,  \
				0x25, 0xe9, 0x73, 0x98, 0x81, 0x08                                 \
		}                                                                                  \
	}
#define GENESIS_REGTEST                                                                            \
	{                                                                                          \
		{                                                                                  \
			0x06, 0x22, 0x6e, 0x46, 0x11, 0x1a, 0x0b, 0x59, 0xca, 0xaf, 0x12, 0x60,    \
				0x43, 0xeb, 0x5b, 0xbf, 0x28, 0xc3, 0x4f, 0x3a, 0x5e, 0x33, 0x2a,  \
				0x1f, 0xc7, 0xb2, 0xb7, 0x3c, 0xf1, 0x88, 0x91, 0x0f               \
		}                                                                                  \
	}

static const struct network networks[] = {
	{.layer = LAYER_BITCOIN,
		.name = "mainnet",
		.caip2 = "bip122:000000000019d6689c085ae165831e93",
		.hrp = "bc",
		.p2pkh = 0x00,
		.p2sh = 0x05,
		.genesis = GENESIS_MAINNET},
	{.layer = LAYER_BITCOIN,
		.name = "testnet",
		.caip2 = "bip122:000000000933ea01ad0ee984209779ba",
		.test = true,
		.hrp = "tb",
		.p2pkh = 0x6f,
		.p2sh = 0xc4,
		.genesis = GENESIS_TESTNET},
	{.layer = LAYER_BITCOIN,
		.name = "signet",
		.caip2 = "bip122:00000008819873e925422c1ff0f99f7c",
		.test = true,
		.hrp = "tb",
		.p2pkh = 0x6f,
		.p2sh = 0xc4,
		.genesis = GENESIS_SIGNET},
	{.layer = LAYER_BITCOIN,
		.name = "regtest",
		.caip2 = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328",
		.test = true,
		.hrp = "bcrt",
		.p2pkh = 0x6f,
		.p2sh = 0xc4,
		.genesis = GENESIS_REGTEST},
	{.layer = LAYER_LIGHTNING,
		.name = "mainnet",
		.caip2 = "bolt:000000000019d6689c085ae165831e93",
		.hrp = "bc",
		.genesis = GENESIS_MAINNET},
	{.layer = LAYER_LIGHTNING,
		.name = "testnet",
		.caip2 = "bolt:000000000933ea01ad0ee984209779ba",
		.test = true,
		.hrp = "tb",
		.genesis = GENESIS_TESTNET},
	{.layer = LAYER_LIGHTNING,
		.name = "signet",
		.caip2 = "bolt:00000008819873e925422c1ff0f99f7c",
		.test = true,
		.hrp = "tbs",
		.genesis = GENESIS_SIGNET},
	{.layer = LAYER_LIGHTNING,
		.name = "regtest",
		.caip2 = "bolt:0f9188f13cb7b2c71f2a335e3a4fc328",
		.test = true,
		.hrp = "bcrt",
		.genesis = GENESIS_REGTEST},
	{.layer = LAYER_LIQUID,
		.name = "mainnet",
		.caip2 = "bip122:1466275836220db2944ca059a3a10ef6",
		.regular = true,
		.hrp = "ex",
		.p2pkh = 57,
		.p2sh = 39,
		.genesis = {{0x03, 0x60, 0x20, 0x8a, 0x88, 0x96, 0x92, 0x37, 0x2c, 0x8d, 0x68, 0xb0,
			0x84, 0xa6, 0x2e, 0xfd, 0xf6, 0x0e, 0xa1, 0xa3, 0x59, 0xa0, 0x4c, 0x94,
			0xb2, 0x0d, 0x22, 0x36, 0x58, 0x27, 0x66, 0x14}}},
	{.layer = LAYER_LIQUID,
		.name = "testnet",
		.caip2 = "bip122:a771da8e52ee6ad581ed1e9a99825e5b",
		.regular = true,
		.test = true,
		.hrp = "tex",
		.p2pkh = 36,
		.p2sh = 19,
		.genesis = {{0xc1, 0xb1, 0x6a, 0xe2, 0x4f, 0x24, 0x23, 0xae, 0xa2, 0xea, 0x34, 0x55,
			0x22, 0x92, 0x79, 0x3b, 0x5b, 0x5e, 0x82, 0x99, 0x9a, 0x1e, 0xed, 0x81,
			0xd5, 0x6a, 0xee, 0x52, 0x8e, 0xda, 0x71, 0xa7}}},
	{.layer = LAYER_LIQUID, /* liquidregtest as elementsd makes it by default */
		.name = "regtest",
		.caip2 = "bip122:00902a6b70c2ca83b5d9c815d96a0e2f",
		.regular = true,
		.test = true,
		.hrp = "ert",
		.p2pkh = 235,
		.p2sh = 75,
		.genesis = {{0x21, 0xca, 0xb1, 0xe5, 0xda, 0x47, 0x18, 0xea, 0x14, 0x0d, 0x97, 0x16,
			0x93, 0x17, 0x02, 0x42, 0x2f, 0x0e, 0x6a, 0xd9, 0x15, 0xc8, 0xd9, 0xb5,
			0x83, 0xca, 0xc2, 0x70, 0x6b, 0x2a, 0x90}}},
	{.layer = LAYER_ROOTSTOCK, .name = "mainnet", .caip2 = "eip155:30", .chain_id = 30},
	{.layer = LAYER_ROOTSTOCK,
		.name = "testnet",
		.caip2 = "eip155:31",
		.test = true,
		.chain_id = 31},
	{.layer = LAYER_ROOTSTOCK,
		.name = "regtest",
		.caip2 = "eip155:33",
		.test = true,
		.chain_id = 33},
	{.layer = LAYER_ROOTSTOCK_ERC20, .name = "mainnet", .caip2 = "erc20:30", .chain_id = 30},
	{.layer = LAYER_ROOTSTOCK_ERC20,
		.name = "testnet",
		.caip2 = "erc20:31",
		.test = true,
		.chain_id = 31},
	{.layer = LAYER_ROOTSTOCK_ERC20,
		.name = "regtest",
		.caip2 = "erc20:33",
		.test = true,
		.chain_id = 33},
	{.layer = LAYER_BOB,
		.name = "mainnet",
		.caip2 = "eip155:60808",
		.chain_id = 60808,
		.fee_market = true,
		.rollup = true,
		.regular = true},
	{.layer = LAYER_BOB,
		.name = "testnet", /* on Sepolia */
		.caip2 = "eip155:808813",
		.test = true,
		.chain_id = 808813,
		.fee_market = true,
		.rollup = true,
		.regular = true},
	{.layer = LAYER_BOB,
		.name = "regtest", /* a chain of one's own: what development nodes call it */
		.caip2 = "eip155:31337",
		.test = true,
		.chain_id = 31337,
		.fee_market = true,
		.rollup = true,
		.regular = true},
};

const char *layer_name(enum layer_id layer)
{
	CHECK(layer < LAYER_COUNT);
	return layers[layer].name;
}

enum err layer_parse(enum layer_id *layer, struct slice text)
{
	for (unsigned i = 0; i < LAYER_COUNT; i++) {
		if (layers[i].built && slice_eq(text, slice_str(layers[i].name))) {
			*layer = (enum layer_id)i;
			return OK;
		}
	}
	return ERR_NOT_FOUND;
}

bool layer_built(enum layer_id layer)
{
	CHECK(layer < LAYER_COUNT);
	return layers[layer].built;
}

enum asset layer_asset(enum layer_id layer)
{
	CHECK(layer < LAYER_COUNT);
	return layers[layer].asset;
}

enum asset layer_gas_asset(enum layer_id layer)
{
	CHECK(layer < LAYER_COUNT);
	return layers[layer].gas;
}

bool layer_gas_apart(enum layer_id layer)
{
	return layer_asset(layer) != layer_gas_asset(layer);
}

enum layer_family layer_family(enum layer_id layer)
{
	CHECK(layer < LAYER_COUNT);
	return layers[layer].family;
}

const struct network *network_by_name(enum layer_id layer, struct slice name)
{
	for (size_t i = 0; i < ARRAY_LEN(networks); i++)
		if (networks[i].layer == layer && slice_eq(name, slice_str(networks[i].name)))
			return &networks[i];
	return NULL;
}

const struct network *network_by_caip2(struct slice caip2)
{
	for (size_t i = 0; i < ARRAY_LEN(networks); i++)
		if (slice_eq(caip2, slice_str(networks[i].caip2)))
			return &networks[i];
	return NULL;
}
