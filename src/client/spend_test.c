/* The taker's own transactions: the same plan gives the same bytes, and what doesn't belong
 * together is refused. That nodes take them is shown by session_test.c and tests/live. */
#include "client/spend.h"

#include "btc/script.h"
#include "crypto/hash.h"
#include "layer/layer.h"
#include "wire/erc20.h"

#define VALUE UINT64_C(1000000)

struct scene {
	struct seckey ours, theirs;
	struct spend_plan plan;
	uint8_t terms[256], to[BTC_SCRIPT_STD_MAX];
	size_t to_len;
};

static struct xonly xonly_of(const struct seckey *key)
{
	struct pubkey pub;
	struct xonly x;
	bool odd;
	CHECK(pubkey_from_seckey(&pub, key) == OK);
	xonly_from_pubkey(&x, &odd, &pub);
	return x;
}

/* We claim, or refund. */
static void scene(struct scene *s, enum layer_id layer, enum sign_purpose purpose)
{
	const bool claim = purpose == SIGN_CLAIM;
	memset(s, 0, sizeof *s);
	memset(s->ours.b, 1, sizeof s->ours.b);
	memset(s->theirs.b, 2, sizeof s->theirs.b);
	memset(s->plan.preimage.b, 9, sizeof s->plan.preimage.b);
	struct leg_offer offer = {.network = network_by_name(layer, slice_str("regtest")),
		.amount = amount_of(layer_asset(layer), VALUE),
		.timelock = 500,
		.provider_claims = !claim,
		.contract = {{0xcc}}};
	if (layer_gas_apart(layer))
		offer.token.b[0] = 0x77;
	struct leg_party ours = {.key = xonly_of(&s->ours)}, theirs = {.key = xonly_of(&s->theirs)};
	struct buf leg = buf_init(s->terms, sizeof s->terms);
	sha256(&offer.hash, slice_of(s->plan.preimage.b, 32));
	CHECK(spend_account(&ours.address, &s->ours) == OK);
	CHECK(spend_account(&theirs.address, &s->theirs) == OK);
	offer.claim = claim ? ours : theirs;
	offer.refund = claim ? theirs : ours;
	CHECK(layer_leg_make(&leg, layer, &offer) == OK);
	s->plan.purpose = purpose;
	s->plan.network = offer.network;
	s->plan.leg = buf_slice(&leg);
	s->plan.key = s->ours;
	s->plan.rate = layer == LAYER_BITCOIN ? 2000 : 60000000;
	s->plan.at = (struct locator){.tx = {{5}}, .index = 1};
	s->plan.amount = amount_of(ASSET_BTC, VALUE);
	s->plan.tip_height = 400;
	s->plan.nonce = 3;
	CHECK(btc_address_parse(s->to, &s->to_len,
		      network_by_name(LAYER_BITCOIN, slice_str("regtest")),
		      slice_str("bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080")) == OK);
	s->plan.to = slice_of(s->to, s->to_len);
}

static void test_bitcoin(void)
{
	static const enum sign_purpose purposes[] = {SIGN_CLAIM, SIGN_REFUND};
	for (size_t i = 0; i < ARRAY_LEN(purposes); i++) {
		struct scene s;
		struct spend a, b;
		struct btc_txin in;
		struct btc_txout out;
		struct btc_tx tx = {.in = &in, .out = &out};
		struct hash256 id, preimage;
		struct btc_htlc h;
		size_t used;

		scene(&s, LAYER_BITCOIN, purposes[i]);
		CHECK(spend_make(&a, &s.plan) == OK && spend_make(&b, &s.plan) == OK);
		CHECK(a.raw_len == b.raw_len && memcmp(a.raw, b.raw, a.raw_len) == 0);
		CHECK(btc_tx_parse(&tx, &used, 1, 1, slice_of(a.raw, a.raw_len)) == OK);
		CHECK(used == a.raw_len);
		btc_tx_id(&id, &tx);
		CHECK(hash256_eq(&id, &a.txid));
		CHECK(slice_eq(out.script, s.plan.to) && in.prev.index == 1);
		CHECK(tx.locktime == (purposes[i] == SIGN_REFUND ? 500 : 400));
		/* the fee is by the size that it has */
		CHECK(VALUE - out.value.raw == btc_fee(btc_tx_vsize(&tx), 2000).raw);
		CHECK(amount_cmp(a.fee, amount_of(ASSET_BTC, VALUE - out.value.raw)) == 0);
		CHECK(btc_htlc_parse(&h, s.plan.leg) == OK);
		const enum btc_htlc_spend spend = btc_htlc_read_spend(&preimage, &h, in.witness);
		CHECK(spend == (purposes[i] == SIGN_CLAIM ? BTC_SPEND_CLAIM : BTC_SPEND_REFUND));
		CHECK(spend != BTC_SPEND_CLAIM || hash256_eq(&preimage, &s.plan.preimage));
	}
}

static void test_bitcoin_refused(void)
{
	struct scene s;
	struct spend out = {.raw_len = 77};
	scene(&s, LAYER_BITCOIN, SIGN_CLAIM);
	s.plan.key = s.theirs;
	CHECK(spend_make(&out, &s.plan) == ERR_FORMAT);
	s.plan.key = s.ours;
	s.plan.preimage.b[0] ^= 1;
	CHECK(spend_make(&out, &s.plan) == ERR_FORMAT);
	s.plan.preimage.b[0] ^= 1;
	s.plan.rate = 10000001;
	CHECK(spend_make(&out, &s.plan) == ERR_RANGE);
	s.plan.rate = 9000000; /* more than it holds */
	CHECK(spend_make(&out, &s.plan) == ERR_RANGE);
	s.plan.rate = 2000;
	s.plan.amount = amount_of(ASSET_BTC, 500);
	CHECK(spend_make(&out, &s.plan) == ERR_RANGE);
	s.plan.amount = amount_of(ASSET_RBTC, VALUE);
	CHECK(spend_make(&out, &s.plan) == ERR_RANGE);
	s.plan.amount = amount_of(ASSET_BTC, VALUE);
	s.plan.to.len = 0;
	CHECK(spend_make(&out, &s.plan) == ERR_RANGE);
	s.plan.to.len = s.to_len;
	s.plan.purpose = SIGN_LOCK;
	CHECK(spend_make(&out, &s.plan) == ERR_RANGE);
	s.plan.purpose = SIGN_CLAIM;
	s.plan.leg.len--;
	CHECK(spend_make(&out, &s.plan) != OK);
	CHECK(out.raw_len == 77);
}

static void test_rootstock(void)
{
	static const struct {
		enum sign_purpose purpose;
		bool pays, other_account;
		uint8_t selector[4];
	} rows[] = {
		{SIGN_LOCK, true, false, {0x08, 0x99, 0x14, 0x6b}},
		{SIGN_CLAIM, false, false, {0xcd, 0x41, 0x3e, 0xfa}},
		{SIGN_CLAIM, false, true, {0xcd, 0x41, 0x3e, 0xfa}},
		{SIGN_REFUND, false, false, {0x35, 0xcd, 0x4c, 0xcb}},
		{SIGN_REFUND, false, true, {0}},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct scene s;
		struct spend a;
		struct evm_tx tx;
		struct evm_address from, expected;
		struct hash256 id;

		scene(&s, LAYER_ROOTSTOCK, rows[i].purpose);
		if (rows[i].other_account)
			memset(s.plan.key.b, 4, sizeof s.plan.key.b);
		CHECK(spend_make(&a, &s.plan) == OK);
		CHECK(evm_tx_parse_signed(
			      &tx, &from, &id, ASSET_RBTC, slice_of(a.raw, a.raw_len)) == OK);
		CHECK(spend_account(&expected, &s.plan.key) == OK);
		CHECK(evm_address_eq(&from, &expected) && hash256_eq(&id, &a.txid));
		CHECK(tx.nonce == 3 && tx.chain_id == 33 && tx.to.b[0] == 0xcc);
		CHECK(amount_cmp(tx.value, amount_of(ASSET_RBTC, rows[i].pays ? VALUE : 0)) == 0);
		CHECK(rows[i].selector[0] == 0 || memcmp(tx.data.ptr, rows[i].selector, 4) == 0);
	}
}

static void test_rootstock_refused(void)
{
	struct scene s;
	struct spend out;
	scene(&s, LAYER_ROOTSTOCK, SIGN_REFUND);
	s.plan.purpose = SIGN_LOCK;
	s.plan.key = s.theirs; /* the sender is the one to refund */
	CHECK(spend_make(&out, &s.plan) == ERR_FORMAT);
	s.plan.key = s.ours;
	CHECK(spend_make(&out, &s.plan) == OK);
	s.plan.network = network_by_name(LAYER_ROOTSTOCK, slice_str("mainnet"));
	CHECK(spend_make(&out, &s.plan) == ERR_NETWORK);
	s.plan.network = network_by_name(LAYER_ROOTSTOCK, slice_str("regtest"));
	s.plan.rate = 0;
	CHECK(spend_make(&out, &s.plan) == ERR_RANGE);
	s.plan.rate = UINT64_C(10000000000001);
	CHECK(spend_make(&out, &s.plan) == ERR_RANGE);
	s.plan.rate = 60000000;
	s.plan.purpose = SIGN_DEPLOY;
	CHECK(spend_make(&out, &s.plan) == ERR_RANGE);
	s.plan.purpose = SIGN_CLAIM;
	s.plan.preimage.b[31] ^= 1;
	CHECK(spend_make(&out, &s.plan) == ERR_FORMAT);
	/* an empty transfer to ourselves needs no terms */
	s.plan.purpose = SIGN_NONCE_FILL;
	s.plan.leg.len = 0;
	CHECK(spend_make(&out, &s.plan) == OK);
}

/* Value is a token, fees are ether, and the price of gas is made by a market. */
static void test_bob(void)
{
	static const struct {
		enum sign_purpose purpose;
		uint8_t to, selector[4];
	} rows[] = {
		{SIGN_APPROVE, 0x77, {0x09, 0x5e, 0xa7, 0xb3}},
		{SIGN_LOCK, 0xcc, {0}},
		{SIGN_CLAIM, 0xcc, {0}},
		{SIGN_REFUND, 0xcc, {0}},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct scene s;
		struct spend a;
		struct evm_tx tx;
		struct evm_address from;
		struct hash256 id;
		struct erc20_call call;
		struct amount fee;

		scene(&s, LAYER_BOB, rows[i].purpose);
		CHECK(spend_make(&a, &s.plan) == OK);
		CHECK(evm_tx_parse_signed(&tx, &from, &id, ASSET_ETH, slice_of(a.raw, a.raw_len)) ==
			OK);
		CHECK(tx.type == EVM_TYPE_FEE_MARKET && tx.chain_id == 31337 && tx.nonce == 3);
		CHECK(amount_cmp(tx.gas_price, amount_of(ASSET_ETH, 60000000)) == 0);
		CHECK(amount_cmp(tx.priority_fee, amount_of(ASSET_ETH, 60000000 / 8)) == 0);
		CHECK(amount_is_zero(tx.value) && tx.to.b[0] == rows[i].to);
		CHECK(amount_mul(&fee, tx.gas_price, tx.gas_limit) == OK);
		CHECK(a.fee.asset == ASSET_ETH && amount_cmp(a.fee, fee) == 0);
		if (rows[i].purpose != SIGN_APPROVE)
			continue;
		CHECK(memcmp(tx.data.ptr, rows[i].selector, 4) == 0);
		CHECK(erc20_call_parse(&call, ASSET_WBTC, tx.data) == OK);
		/* exactly what is locked, for nobody but the contract */
		CHECK(call.kind == ERC20_APPROVE && call.to.b[0] == 0xcc);
		CHECK(amount_cmp(call.amount, amount_of(ASSET_WBTC, VALUE)) == 0);
		s.plan.key = s.theirs;
		CHECK(spend_make(&a, &s.plan) == ERR_FORMAT);
	}
	struct scene s;
	struct spend out;
	scene(&s, LAYER_ROOTSTOCK, SIGN_APPROVE); /* there is no token */
	CHECK(spend_make(&out, &s.plan) == ERR_FORMAT);
}

int main(void)
{
	const uint8_t seed[32] = {1};
	secp_init(seed);
	test_bitcoin();
	test_bitcoin_refused();
	test_rootstock();
	test_rootstock_refused();
	test_bob();
	return 0;
}
