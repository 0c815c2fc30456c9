#include "sign/policy.h"

#include <stdlib.h>

static const char full[] = "retention_days: 30\n"
			   "rootstock:\n"
			   "  contracts:\n"
			   "    - own\n"
			   "    - \"0x00000000000000000000000000000000000000c0\"\n"
			   "  network: regtest\n"
			   "  payout_max: 1.000000000000000001\n"
			   "  gas_price_max: 123\n"
			   "  claim_for_others: true\n"
			   "bitcoin:\n"
			   "  network: mainnet\n"
			   "  lock_max: 0.5\n"
			   "  day_max: 2\n"
			   "  fee_permille: 7\n";

static void test_full(void)
{
	struct policy p;
	struct policy_error error;

	CHECK(policy_parse(&p, &error, slice_str(full)) == OK);
	const struct policy_layer *b = &p.layer[LAYER_BITCOIN], *r = &p.layer[LAYER_ROOTSTOCK];
	CHECK(p.retention_days == 30);
	CHECK(strcmp(b->network->name, "mainnet") == 0 && strcmp(r->network->name, "regtest") == 0);
	CHECK(amount_cmp(b->lock_max, amount_of(ASSET_BTC, 50000000)) == 0);
	CHECK(amount_is_zero(b->payout_max)); /* not stated: none */
	CHECK(b->fee_permille == 7 && b->rescue_permille == 1000);
	CHECK(amount_cmp(r->payout_max, amount_of(ASSET_RBTC, UINT64_C(1000000000000000001))) == 0);
	CHECK(amount_cmp(r->gas_price_max, amount_of(ASSET_RBTC, 123)) == 0);
	CHECK(r->contract_own && r->contract_count == 1 && r->contract[0].b[19] == 0xc0);
	CHECK(r->claim_for_others && !r->contract_any && !r->any_network);
	CHECK(r->deploy_gas_max == 0);
}

static void test_errors(void)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
		{"bitcoin:\n  network: regtest\n  fee_maxx: 1\n",
			"line 3: bitcoin.fee_maxx: unknown key"},
		{"bitcoin:\n  gas_max: 1\n", "line 2: bitcoin.gas_max: unknown key"},
		{"lightning:\n  network: regtest\n", "line 2: lightning.network: unknown key"},
		{"retention: 5\n", "line 1: retention: unknown key"},
		{"retention_days: 6\n", "line 1: retention_days: wants 7 to 3650"},
		{"bitcoin:\n  network: moon\n", "line 2: bitcoin.network: no network of that name"},
		{"bitcoin:\n  fee_max: -1\n", "line 2: bitcoin.fee_max: wants an amount"},
		{"bitcoin:\n  fee_max: 0.000000001\n", "line 2: bitcoin.fee_max: out of range"},
		{"bitcoin:\n  fee_max: 21000001\n", "line 2: bitcoin.fee_max: out of range"},
		{"bitcoin:\n  fee_permille: 1001\n", "line 2: bitcoin.fee_permille: out of range"},
		{"bitcoin:\n  fee_permille: many\n", "line 2: bitcoin.fee_permille: wants a whole"},
		{"bitcoin:\n  fee_max:\n    - 1\n", "line 3: bitcoin.fee_max[]: wants one value"},
		{"bitcoin:\n  fee_max: 1\n  fee_max: 2\n", "line 3: "},
		{"rootstock:\n  contracts: own\n", "line 2: rootstock.contracts: wants a list"},
		{"rootstock:\n  contracts:\n    - \"0xc0\"\n",
			"line 3: rootstock.contracts[]: needs"},
		{"rootstock:\n  network: regtest\n  contracts:\n    - moon\n",
			"line 4: rootstock.contracts[]: wants a list of addresses"},
		{"rootstock:\n  claim_for_others: perhaps\n",
			"line 2: rootstock.claim_for_others: wants true or false"},
		{"bitcoin: [", "line "},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct policy p = {.retention_days = 77};
		struct policy_error error;
		CHECK(policy_parse(&p, &error, slice_str(rows[i].text)) == ERR_FORMAT);
		CHECK(strncmp(error.text, rows[i].error, strlen(rows[i].error)) == 0);
		CHECK(p.retention_days == 77);
	}
}

/* What explain prints is a policy, and the default one. */
static void test_explain(void)
{
	static char text[16384];
	struct buf out = buf_init(text, sizeof text);
	struct policy printed, standard;
	struct policy_error error;

	policy_explain(&out);
	CHECK(!out.overflow);
	memset(&printed, 0, sizeof printed);
	memset(&standard, 0, sizeof standard);
	CHECK(policy_parse(&printed, &error, buf_slice(&out)) == OK);
	policy_init(&standard);
	for (uint32_t i = 0; i < LAYER_COUNT; i++) {
		const struct policy_layer *a = &printed.layer[i], *b = &standard.layer[i];
		CHECK(a->network == NULL && b->network == NULL);
		CHECK(amount_is_zero(a->payout_max) && amount_is_zero(a->lock_max));
		CHECK(amount_is_zero(a->day_max) && amount_cmp(a->fee_max, b->fee_max) == 0);
		CHECK(a->gas_max == b->gas_max && a->feerate_max == b->feerate_max);
		CHECK(a->contract_count == 0 && !a->contract_own && !a->claim_for_others);
	}
}

int main(void)
{
	test_full();
	test_errors();
	test_explain();
	return EXIT_SUCCESS;
}
