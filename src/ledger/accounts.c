#include "ledger/accounts.h"

static const struct {
	const char *name;
	bool custody;
} accounts[ACCOUNT_COUNT] = {
	[ACCOUNT_AVAILABLE] = {"available", true},
	[ACCOUNT_INFLIGHT] = {"inflight", true},
	[ACCOUNT_RESERVED] = {"reserved", true},
	[ACCOUNT_LOCKED_OUT] = {"locked_out", true},
	[ACCOUNT_EXTERNAL] = {"external", false},
	[ACCOUNT_CUSTOMER] = {"customer", false},
	[ACCOUNT_FEES_NETWORK] = {"fees:network", false},
	[ACCOUNT_FEES_EARNED] = {"fees:earned", false},
	[ACCOUNT_EXCHANGE] = {"exchange", false},
	[ACCOUNT_SUSPENSE_IN] = {"suspense:in", false},
	[ACCOUNT_SUSPENSE_MISSING] = {"suspense:missing", false},
	[ACCOUNT_CHANNEL_LIMBO] = {"channel_limbo", true},
	[ACCOUNT_OVERFLOW] = {"overflow", true},
	[ACCOUNT_GAS_AVAILABLE] = {"gas:available", false},
	[ACCOUNT_GAS_RESERVED] = {"gas:reserved", false},
	[ACCOUNT_GAS_SPENT] = {"gas:spent", false},
	[ACCOUNT_GAS_EXTERNAL] = {"gas:external", false},
	[ACCOUNT_WATCHED] = {"watched", true},
};

const char *account_name(enum account a)
{
	CHECK(a < ACCOUNT_COUNT);
	return accounts[a].name;
}

bool account_is_custody(enum account a)
{
	CHECK(a < ACCOUNT_COUNT);
	return accounts[a].custody;
}

bool account_is_gas(enum account a)
{
	return a >= ACCOUNT_GAS_AVAILABLE && a <= ACCOUNT_GAS_EXTERNAL;
}

enum asset account_asset(enum layer_id layer, enum account a)
{
	return account_is_gas(a) ? layer_gas_asset(layer) : layer_asset(layer);
}
