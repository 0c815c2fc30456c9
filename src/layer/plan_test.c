#include "btc/script.h"
#include "crypto/hash.h"
#include "layer/layer.h"
#include <stdlib.h>

/* Bitcoin and Rootstock, by their layers' numbers. */
#define WORLD_LAYERS 2u

static struct pubkey wallet, other;
static const struct network *bitcoin, *rootstock;
static struct hash256 preimage;
static const struct id128 swap = {{7}};

static void init(void)
{
	const uint8_t seed[32] = {1};
	struct seckey key = {{[31] = 5}};
	secp_init(seed);
	CHECK(pubkey_from_seckey(&wallet, &key) == OK);
	key.b[31] = 6;
	CHECK(pubkey_from_seckey(&other, &key) == OK);
	bitcoin = network_by_name(LAYER_BITCOIN, slice_str("regtest"));
	rootstock = network_by_name(LAYER_ROOTSTOCK, slice_str("regtest"));
	memset(preimage.b, 3, sizeof preimage.b);
}

static struct leg_offer offer_of(enum layer_id id)
{
	const bool utxo = id == LAYER_BITCOIN;
	struct leg_offer o = {.network = utxo ? bitcoin : rootstock,
		.amount = amount_of(layer_asset(id), 1000000),
		.timelock = 1000,
		.provider_claims = true,
		.contract = {{1}}};
	bool odd;
	sha256(&o.hash, slice_of(preimage.b, 32));
	if (utxo) {
		CHECK(wallet_swap_key(&o.claim.key, &wallet, id, &swap) == OK);
		xonly_from_pubkey(&o.refund.key, &odd, &other);
	} else {
		CHECK(wallet_account(&o.claim.address, &wallet, id) == OK);
		CHECK(wallet_account(&o.refund.address, &other, id) == OK);
	}
	return o;
}

static struct slice make(
	uint8_t bytes[SIGNING_LEG_MAX], enum layer_id id, const struct leg_offer *o)
{
	struct buf b = buf_init(bytes, SIGNING_LEG_MAX);
	CHECK(layer_leg_make(&b, id, o) == OK);
	return buf_slice(&b);
}

static void test_addresses(void)
{
	for (unsigned i = 0; i < WORLD_LAYERS; i++) {
		const enum layer_id id = (enum layer_id)i;
		const struct network *network = id == LAYER_BITCOIN ? bitcoin : rootstock;
		const struct network *wrong = id == LAYER_BITCOIN ? rootstock : bitcoin;
		char text[LAYER_ADDRESS_TEXT_SIZE], again[LAYER_ADDRESS_TEXT_SIZE];
		uint8_t to[LAYER_DESTINATION_MAX];
		size_t len;
		CHECK(layer_funding_address(id, network, text, &wallet) == OK);
		CHECK(layer_address_check(id, network, to, &len, slice_str(text)) == OK);
		CHECK(layer_address_format(id, network, again, slice_of(to, len)) == OK);
		CHECK(strcmp(text, again) == 0);
		CHECK(layer_address_check(id, wrong, to, &len, slice_str(text)) == ERR_NETWORK);
		CHECK(layer_address_check(id, network, to, &len, slice_str("")) == ERR_FORMAT);
		CHECK(layer_address_format(id, network, again, slice_of(to, len - 1)) ==
			ERR_FORMAT);
		text[strlen(text) - 1] ^= 1;
		CHECK(layer_address_check(id, network, to, &len, slice_str(text)) != OK);
	}
	/* a payment to the Bridge would be a peg-out, one to a precompiled contract is lost */
	const struct network *tokens = network_by_name(LAYER_ROOTSTOCK_ERC20, slice_str("regtest"));
	static const char *const no_payee[] = {"0x0000000000000000000000000000000001000006",
		"0x0000000000000000000000000000000001000008"};
	for (size_t i = 0; i < ARRAY_LEN(no_payee); i++) {
		uint8_t payee[LAYER_DESTINATION_MAX];
		size_t payee_len;
		CHECK(layer_address_check(LAYER_ROOTSTOCK, rootstock, payee, &payee_len,
			      slice_str(no_payee[i])) == ERR_RANGE);
		CHECK(layer_address_check(LAYER_ROOTSTOCK_ERC20, tokens, payee, &payee_len,
			      slice_str(no_payee[i])) == ERR_RANGE);
	}
	const struct network *mainnet = network_by_name(LAYER_BITCOIN, slice_str("mainnet"));
	char text[LAYER_ADDRESS_TEXT_SIZE];
	uint8_t to[LAYER_DESTINATION_MAX];
	size_t len;
	CHECK(layer_funding_address(LAYER_BITCOIN, mainnet, text, &wallet) == OK);
	CHECK(layer_address_check(LAYER_BITCOIN, bitcoin, to, &len, slice_str(text)) ==
		ERR_NETWORK);
}

/* Liquid has two addresses for a script. */
static void test_confidential_addresses(void)
{
	static const char *const addresses[] = {
		"el1qqv4far4h9s5c6nx7hy3wtzu25awafpxlszt8wmzt82ztt7sj8ex7djavdxy4e3tkukj57spkr9j0nd"
		"l6ywkhkl70d2k7ucgfn",
		"ert1qewkxnz2uc4mwtf20gqmpje8eklaz8ttmqjmw5e"};
	const struct network *liquid = network_by_name(LAYER_LIQUID, slice_str("regtest"));
	char again[LAYER_ADDRESS_TEXT_SIZE];
	uint8_t to[LAYER_DESTINATION_MAX];
	size_t len;
	for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
		CHECK(layer_address_check(
			      LAYER_LIQUID, liquid, to, &len, slice_str(addresses[i])) == OK);
		CHECK(len == (i == 0 ? 33 + 22 : 22));
		CHECK(layer_address_format(LAYER_LIQUID, liquid, again, slice_of(to, len)) == OK);
		CHECK(strcmp(again, addresses[i]) == 0);
		CHECK(layer_address_format(LAYER_LIQUID, liquid, again, slice_of(to, len - 1)) ==
			ERR_FORMAT);
		CHECK(layer_address_check(
			      LAYER_BITCOIN, bitcoin, to, &len, slice_str(addresses[i])) != OK);
	}
	struct amount explicit_fee, fee;
	CHECK(layer_fee_bound(&explicit_fee, LAYER_LIQUID, SIGN_LOCK, 100) == OK);
	CHECK(layer_fee_bound(&fee, LAYER_LIQUID, SIGN_PAYOUT, 100) == OK);
	CHECK(amount_cmp(fee, explicit_fee) > 0);
}

/* What is made is read again: URI and address name the same payment. */
static void test_payments(void)
{
	char text[LAYER_URI_TEXT_SIZE];
	struct layer_payment p;
	uint8_t script[34];
	const struct network *network = network_by_name(LAYER_BITCOIN, slice_str("regtest"));
	CHECK(wallet_script(script, &wallet, LAYER_BITCOIN, KEY_INDEX_RECEIVE) == OK);
	for (uint64_t raw = 0; raw <= 2100000000000000; raw = raw * 7 + 1) {
		struct buf b = buf_init(text, sizeof text);
		CHECK(layer_payment_uri(LAYER_BITCOIN, network, &b, slice_of(script, 34),
			      amount_of(ASSET_BTC, raw)) == OK);
		CHECK(layer_payment_parse(LAYER_BITCOIN, network, &p, buf_slice(&b)) == OK);
		CHECK(p.destination_len == 34 && memcmp(p.destination, script, 34) == 0);
		CHECK(p.has_amount == (raw != 0) &&
			amount_cmp(p.amount, amount_of(ASSET_BTC, raw)) == 0);
	}
	const struct network *accounts = network_by_name(LAYER_ROOTSTOCK, slice_str("regtest"));
	struct buf b = buf_init(text, sizeof text);
	CHECK(layer_payment_uri(LAYER_ROOTSTOCK, accounts, &b, slice_of(script, 20),
		      amount_zero(ASSET_RBTC)) == ERR_NOT_FOUND);
	CHECK(layer_payment_parse(LAYER_ROOTSTOCK, network, &p, slice_str("x")) == ERR_NETWORK);
	CHECK(layer_payment_parse(LAYER_ROOTSTOCK, accounts, &p,
		      slice_str("0x7e5f4552091a69125d5dfcb7b8c2659029395bdf")) == OK);
	CHECK(!p.has_amount && p.destination_len == 20);
}

static void test_legs(void)
{
	uint8_t bytes[SIGNING_LEG_MAX];
	char text[LAYER_ADDRESS_TEXT_SIZE];
	for (unsigned i = 0; i < WORLD_LAYERS; i++) {
		const enum layer_id id = (enum layer_id)i;
		const struct leg_offer o = offer_of(id);
		struct leg_offer p, bad;
		struct buf b = buf_init(bytes, sizeof bytes);
		const struct slice leg = make(bytes, id, &o);

		CHECK(layer_leg_parse(&p, id, o.network, leg) == OK);
		CHECK(hash256_eq(&p.hash, &o.hash) && p.timelock == o.timelock);
		CHECK(amount_cmp(p.amount, o.amount) == 0);
		CHECK(memcmp(&p.claim, &o.claim, sizeof p.claim) == 0);
		CHECK(memcmp(&p.refund, &o.refund, sizeof p.refund) == 0);
		CHECK(p.provider_claims == (id == LAYER_BITCOIN));
		CHECK(layer_leg_address(id, o.network, text, leg) == OK);
		CHECK(layer_leg_parse(&p, id, o.network, slice_of(bytes, leg.len - 1)) != OK);

		bad = o;
		bad.timelock = 0;
		CHECK(layer_leg_make(&b, id, &bad) == ERR_RANGE);
		bad.timelock = UINT64_C(1) << 62;
		CHECK(layer_leg_make(&b, id, &bad) == ERR_RANGE);
		bad = o;
		bad.amount = amount_zero(layer_asset(id));
		CHECK(layer_leg_make(&b, id, &bad) == ERR_RANGE);
		CHECK(amount_add(&bad.amount, amount_max(layer_asset(id)),
			      amount_of(layer_asset(id), 1)) == OK);
		CHECK(layer_leg_make(&b, id, &bad) == ERR_RANGE);
		bad = o;
		bad.refund = bad.claim;
		CHECK(layer_leg_make(&b, id, &bad) == ERR_FORMAT);
		bad = o;
		memset(&bad.refund, 0, sizeof bad.refund);
		CHECK(layer_leg_make(&b, id, &bad) == ERR_FORMAT);
		b = buf_init(bytes, 50);
		CHECK(layer_leg_make(&b, id, &o) == ERR_FULL);
	}
	/* another chain's terms */
	struct leg_offer o = offer_of(LAYER_ROOTSTOCK), p;
	const struct network *testnet = network_by_name(LAYER_ROOTSTOCK, slice_str("testnet"));
	const struct slice leg = make(bytes, LAYER_ROOTSTOCK, &o);
	CHECK(layer_leg_parse(&p, LAYER_ROOTSTOCK, testnet, leg) == ERR_FORMAT);
}

/* ---- plans ---- */

static uint8_t request_bytes[SIGNING_REQUEST_MAX];

static enum err build(struct signing_request *r, struct amount *fee, enum layer_id id,
	const struct layer_plan *plan)
{
	struct buf out = buf_init(request_bytes, sizeof request_bytes);
	TRY(layer_build(&out, fee, id, id == LAYER_BITCOIN ? bitcoin : rootstock, &wallet, plan));
	CHECK(signing_request_parse(r, buf_slice(&out)) == OK);
	CHECK(id128_eq(&r->session, &plan->session) && r->purpose == plan->purpose);
	return OK;
}

/* What the request's unsigned transaction pays out in all. */
static uint64_t total_out(struct slice raw, struct slice script, uint64_t *to_script)
{
	struct btc_txin in[BTC_INPUT_MAX];
	struct btc_txout out[BTC_PAYEE_MAX + 1];
	struct btc_tx tx = {.in = in, .out = out};
	size_t used;
	uint64_t total = 0;
	CHECK(btc_tx_parse(&tx, &used, ARRAY_LEN(in), ARRAY_LEN(out), raw) == OK);
	CHECK(used == raw.len);
	*to_script = 0;
	for (uint32_t i = 0; i < tx.out_count; i++) {
		total += tx.out[i].value.raw;
		if (slice_eq(tx.out[i].script, script))
			*to_script += tx.out[i].value.raw;
	}
	return total;
}

/* A plan with coins of 700,000 and 800,000, and what comes of it. */
struct bitcoin_case {
	struct layer_plan plan;
	struct signing_request r;
	struct amount fee;
	struct btc_htlc_tree tree;
	uint8_t leg[SIGNING_LEG_MAX], script[34];
};

static void begin_case(struct bitcoin_case *c)
{
	const struct leg_offer o = offer_of(LAYER_BITCOIN);
	struct btc_htlc h;
	*c = (struct bitcoin_case){.plan = {.session = {{1}},
					   .purpose = SIGN_PAYOUT,
					   .tip_height = 500,
					   .coin = {{.at = {.txid = {{1}}}, .value = {700000}},
						   {.at = {.txid = {{2}}},
							   .value = {800000},
							   .key_index = KEY_INDEX_CHANGE}},
					   .coin_count = 2,
					   .fee = {1234},
					   .rate = 5000,
					   .swap = swap,
					   .lock = {.tx = {{9}}, .index = 1},
					   .preimage = preimage,
					   .amount = amount_of(ASSET_BTC, 600000)}};
	c->plan.leg = make(c->leg, LAYER_BITCOIN, &o);
	CHECK(btc_htlc_parse(&h, c->plan.leg) == OK && btc_htlc_tree(&c->tree, &h) == OK);
}

static enum err build_case(struct bitcoin_case *c)
{
	return build(&c->r, &c->fee, LAYER_BITCOIN, &c->plan);
}

static void test_bitcoin_payout(void)
{
	struct bitcoin_case c;
	uint64_t paid;
	begin_case(&c);
	CHECK(wallet_script(c.script, &other, LAYER_BITCOIN, KEY_INDEX_RECEIVE) == OK);
	c.plan.to = slice_of(c.script, sizeof c.script);
	CHECK(build_case(&c) == OK);
	CHECK(c.r.input_count == 2 && c.r.input[1].key.index == KEY_INDEX_CHANGE);
	CHECK(amount_cmp(c.fee, amount_of(ASSET_BTC, 1234)) == 0);
	CHECK(total_out(c.r.unsigned_tx, c.plan.to, &paid) == 1500000 - 1234 && paid == 600000);

	c.plan.amount = amount_of(ASSET_BTC, 100); /* dust */
	CHECK(build_case(&c) == ERR_RANGE);
	c.plan.amount = amount_of(ASSET_BTC, 1499000); /* more than is there with the fee */
	CHECK(build_case(&c) == ERR_RANGE);
	c.plan.coin_count = BTC_INPUT_MAX + 1;
	CHECK(build_case(&c) == ERR_RANGE);
	c.plan.coin_count = 2;
	c.plan.amount = amount_zero(ASSET_BTC);
}

/* One transaction, each payee its own amount. */
static void test_bitcoin_batch(void)
{
	static uint8_t script[BTC_PAYEE_MAX][34];
	struct bitcoin_case c;
	uint64_t paid;
	begin_case(&c);
	c.plan.amount = amount_of(ASSET_BTC, 10000);
	for (uint32_t i = 0; i < BTC_PAYEE_MAX; i++) {
		script[i][0] = 0x51;
		script[i][1] = 0x20;
		script[i][2] = (uint8_t)i;
		const struct slice to = slice_of(script[i], sizeof script[i]);
		if (i == 0)
			c.plan.to = to;
		else
			c.plan.more[i - 1] = (struct sign_payee){
				.to = to, .amount = amount_of(ASSET_BTC, 10000 + i)};
	}
	for (uint32_t more = 0; more < BTC_PAYEE_MAX; more++) {
		c.plan.more_count = more;
		CHECK(build_case(&c) == OK && c.r.more_count == more);
		CHECK(amount_cmp(c.fee, amount_of(ASSET_BTC, 1234)) == 0);
		for (uint32_t i = 0; i <= more; i++) {
			const struct sign_payee payee = signing_payee(&c.r, i);
			CHECK(slice_eq(payee.to, slice_of(script[i], 34)));
			CHECK(amount_cmp(payee.amount, amount_of(ASSET_BTC, 10000 + i)) == 0);
			CHECK(total_out(c.r.unsigned_tx, payee.to, &paid) == 1500000 - 1234);
			CHECK(paid == 10000 + i);
		}
	}
	c.plan.more[7].amount = amount_of(ASSET_BTC, 100); /* dust, for one of them */
	CHECK(build_case(&c) == ERR_RANGE);
	c.plan.more[7].amount = amount_of(ASSET_BTC, 1000000); /* all of them more than is there */
	CHECK(build_case(&c) == ERR_RANGE);
	c.plan.more_count = BTC_PAYEE_MAX;
	CHECK(build_case(&c) == ERR_RANGE);
}

static void test_bitcoin_lock(void)
{
	struct bitcoin_case c;
	uint64_t paid;
	begin_case(&c);
	c.plan.amount = amount_zero(ASSET_BTC);
	c.plan.purpose = SIGN_LOCK;
	CHECK(build_case(&c) == OK);
	CHECK(total_out(c.r.unsigned_tx, slice_of(c.tree.script_pubkey, 34), &paid) ==
		1500000 - 1234);
	CHECK(paid == 1000000);
}

static void test_bitcoin_spends(void)
{
	struct bitcoin_case c;
	uint64_t paid;
	struct amount bound;
	begin_case(&c);
	static const enum sign_purpose spends[] = {SIGN_CLAIM, SIGN_REFUND};
	for (size_t i = 0; i < ARRAY_LEN(spends); i++) {
		c.plan.purpose = spends[i];
		c.plan.amount = amount_zero(ASSET_BTC);
		CHECK(build_case(&c) == OK);
		CHECK(c.r.input_count == 1 && c.r.input[0].key.use == KEY_SWAP);
		CHECK(memcmp(c.r.input[0].script, c.tree.script_pubkey, 34) == 0);
		CHECK(c.r.input[0].value.raw == 1000000);
		CHECK(wallet_script(c.script, &wallet, LAYER_BITCOIN, KEY_INDEX_CHANGE) == OK);
		CHECK(total_out(c.r.unsigned_tx, slice_of(c.script, 34), &paid) == paid);
		CHECK(amount_cmp(c.fee, amount_of(ASSET_BTC, 1000000 - paid)) == 0);
		CHECK(layer_fee_bound(&bound, LAYER_BITCOIN, c.plan.purpose, c.plan.rate) == OK);
		CHECK(amount_cmp(c.fee, bound) == 0);
		/* what the lock-up really holds counts (HAZARDS 18) */
		c.plan.amount = amount_of(ASSET_BTC, 2000000);
		CHECK(build_case(&c) == OK);
		CHECK(c.r.input[0].value.raw == 2000000);
		c.plan.amount = amount_of(ASSET_BTC, 400); /* less than its fee */
		CHECK(build_case(&c) == ERR_RANGE);
	}
}

static void test_bitcoin_no_way(void)
{
	struct bitcoin_case c;
	struct amount bound;
	begin_case(&c);
	c.plan.purpose = SIGN_REFUND;
	c.plan.amount = amount_zero(ASSET_BTC);
	c.plan.rate = UINT64_MAX;
	CHECK(build_case(&c) == ERR_RANGE);
	/* called off: all coins come back in one output */
	c.plan.purpose = SIGN_NONCE_FILL;
	CHECK(build_case(&c) == OK);
	CHECK(c.r.input_count == c.plan.coin_count && c.r.input[0].key.use == KEY_WALLET);
	CHECK(amount_cmp(c.fee, amount_from_sat(c.plan.fee)) == 0);
	c.plan.coin_count = 0;
	CHECK(build_case(&c) == ERR_RANGE);
	CHECK(layer_fee_bound(&bound, LAYER_BITCOIN, SIGN_DEPLOY, 1000) == ERR_RANGE);
}

static void test_rootstock_plans(void)
{
	uint8_t leg_bytes[SIGNING_LEG_MAX];
	const struct leg_offer o = offer_of(LAYER_ROOTSTOCK);
	const struct evm_address to = {{5}};
	struct evm_address account;
	struct layer_plan plan = {.session = {{1}},
		.rate = 60000000,
		.nonce = 4,
		.swap = swap,
		.leg = make(leg_bytes, LAYER_ROOTSTOCK, &o),
		.preimage = preimage,
		.to = slice_of(to.b, sizeof to.b),
		.amount = amount_of(ASSET_RBTC, 77)};
	static const struct {
		enum sign_purpose purpose;
		bool to_contract, to_us, create;
		uint64_t value;
	} cases[] = {
		{SIGN_PAYOUT, false, false, false, 77},
		{SIGN_LOCK, true, false, false, 1000000},
		{SIGN_CLAIM, true, false, false, 0},
		{SIGN_REFUND, true, false, false, 0},
		{SIGN_NONCE_FILL, false, true, false, 0},
		{SIGN_DEPLOY, false, false, true, 0},
	};
	struct signing_request r;
	struct amount fee, bound;
	struct evm_tx tx;

	CHECK(wallet_account(&account, &wallet, LAYER_ROOTSTOCK) == OK);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		plan.purpose = cases[i].purpose;
		plan.gas_limit = layer_gas_limit(LAYER_ROOTSTOCK, plan.purpose);
		CHECK(build(&r, &fee, LAYER_ROOTSTOCK, &plan) == OK);
		CHECK(evm_tx_parse_unsigned(&tx, ASSET_RBTC, r.unsigned_tx) == OK);
		CHECK(tx.chain_id == 33 && tx.nonce == 4 && tx.gas_limit == plan.gas_limit);
		CHECK(amount_cmp(tx.value, amount_of(ASSET_RBTC, cases[i].value)) == 0);
		CHECK(tx.create == cases[i].create);
		if (!tx.create)
			CHECK(evm_address_eq(&tx.to,
				cases[i].to_contract     ? &o.contract
					: cases[i].to_us ? &account
							 : &to));
		CHECK(layer_fee_bound(&bound, LAYER_ROOTSTOCK, plan.purpose, plan.rate) == OK);
		CHECK(amount_cmp(fee, bound) == 0);
		CHECK(r.account.use == KEY_ACCOUNT);
	}
	plan.purpose = SIGN_PAYOUT;
	plan.gas_limit = 1;
	CHECK(build(&r, &fee, LAYER_ROOTSTOCK, &plan) == ERR_RANGE);
	plan.gas_limit = 50000;
	plan.rate = 0;
	CHECK(build(&r, &fee, LAYER_ROOTSTOCK, &plan) == ERR_RANGE);
	plan.rate = UINT64_MAX;
	CHECK(build(&r, &fee, LAYER_ROOTSTOCK, &plan) == ERR_RANGE);
	plan.rate = 1;
	CHECK(build(&r, &fee, LAYER_ROOTSTOCK, &plan) == OK);
	plan.more_count = 1; /* a transfer has one payee here */
	plan.more[0] = (struct sign_payee){.to = plan.to, .amount = plan.amount};
	CHECK(build(&r, &fee, LAYER_ROOTSTOCK, &plan) == ERR_RANGE);
	plan.more_count = 0;
	plan.to = slice_of(to.b, 19);
	CHECK(build(&r, &fee, LAYER_ROOTSTOCK, &plan) == ERR_RANGE);
}

int main(void)
{
	init();
	test_addresses();
	test_confidential_addresses();
	test_payments();
	test_legs();
	test_bitcoin_payout();
	test_bitcoin_batch();
	test_bitcoin_lock();
	test_bitcoin_spends();
	test_bitcoin_no_way();
	test_rootstock_plans();
	CHECK(amount_cmp(layer_dust(LAYER_BITCOIN), amount_of(ASSET_BTC, 546)) == 0);
	CHECK(layer_rate_step(LAYER_BITCOIN) == 1000 && layer_rate_step(LAYER_LIQUID) == 100);
	CHECK(layer_rate_step(LAYER_ROOTSTOCK) == 1);
	return EXIT_SUCCESS;
}
