/* What BOB has beside what every EVM network has: tokens, gas apart, a fee market, a layer below.
 */
#include "crypto/hash.h"
#include "layer/evm_fake_test.h"
#include "wire/op_fee.h"
#include <stdlib.h>

static struct evm_chain chain;
static struct fake fake;
static struct pubkey wallet;
static struct evm_address account;
static struct evm_htlc terms;
static uint8_t leg_bytes[EVM_HTLC_SIZE];
static struct hash256 preimage;
static const struct id128 swap = {{7}};
static const struct evm_address stranger = {{0x11}};

static void terms_init(void)
{
	const struct seckey key = {{[31] = 5}};
	const uint8_t seed[32] = {1};

	secp_init(seed);
	CHECK(pubkey_from_seckey(&wallet, &key) == OK);
	CHECK(wallet_account(&account, &wallet, LAYER_BOB) == OK);
	memset(preimage.b, 0x5a, sizeof preimage.b);
	terms = (struct evm_htlc){.chain_id = 31337,
		.amount = amount_of(ASSET_WBTC, 1000000),
		.claim = stranger,
		.refund = account,
		.timelock = 400};
	memset(terms.contract.b, 0xc0, sizeof terms.contract.b);
	memset(terms.token.b, 0xe0, sizeof terms.token.b);
	sha256(&terms.hash, slice_of(preimage.b, 32));
}

static struct slice leg(void)
{
	struct buf out = buf_init(leg_bytes, sizeof leg_bytes);
	evm_htlc_put(&out, &terms);
	CHECK(!out.overflow);
	return buf_slice(&out);
}

static void begin(void)
{
	evm_chain_init(&chain);
	chain.chain_id = 31337;
	chain.token = terms.token;
	chain.balance = amount_of(ASSET_ETH, 9000);
	chain.tokens = amount_of(ASSET_WBTC, 555);
	chain.base_fee = 1000000000;
	chain.priority_fee = 2000000;
	const struct layer_config config = {.id = LAYER_BOB,
		.network = network_by_name(LAYER_BOB, slice_str("regtest")),
		.contract = chain.contract,
		.token = chain.token};
	fake_init(&fake, config, evm_chain_node, &chain);
	CHECK(layer_watch_wallet(fake.layer, &wallet) == OK);
	CHECK(layer_watch_lock(fake.layer, &swap, leg()) == OK);
}

static void start(void)
{
	fake_start(&fake, &chain.block[0].ref, 1);
}

static struct evm_fake_tx tx_from(const struct evm_address *from, uint64_t nonce, uint8_t name)
{
	return (struct evm_fake_tx){.hash = {{name, 0xaa}},
		.from = *from,
		.to = chain.contract,
		.nonce = nonce,
		.value = amount_zero(ASSET_ETH)};
}

/* Tokens that arrive are a deposit, ether is gas, what the contract pays is neither. Calls cost
 * what the first layer took, too. */
static void test_events(void)
{
	begin();
	struct evm_fake_block b = {.tx_count = 2};
	chain.l1_fee = 4321;
	b.tx[0] = tx_from(&account, 0, 1);
	evm_put_lockup(&b, 0, &terms);
	evm_put_transfer(&b, 0, &account, &chain.contract, 1000000);
	b.tx[1] = tx_from(&stranger, 1, 2);
	b.tx[1].to = account;
	b.tx[1].value = amount_of(ASSET_ETH, 66);
	evm_chain_mine(&chain, &b);
	b = (struct evm_fake_block){.tx_count = 2};
	b.tx[0] = tx_from(&stranger, 2, 3);
	evm_put_transfer(&b, 0, &stranger, &account, 77);
	evm_put_transfer(&b, 0, &stranger, &account, 0);
	b.tx[1] = tx_from(&stranger, 3, 4);
	evm_put_claim(&b, 1, &terms, &preimage);
	evm_put_transfer(&b, 1, &chain.contract, &account, 1000000);
	evm_chain_mine(&chain, &b);
	/* the token answers with what was asked for: transfers to us */
	chain.block[1].log[chain.block[1].log_count - 1].topic[2] = (struct hash256){{0}};
	memcpy(chain.block[1].log[chain.block[1].log_count - 1].topic[2].b + 12, account.b, 20);
	start();
	fake_run(&fake, 3000);
	const struct chain_event *e = fake.event;
	CHECK(fake.block_count == 2 && fake.event_count == 5);
	CHECK(e[0].kind == CHAIN_NONCE_USED && e[0].amount.asset == ASSET_ETH);
	CHECK(amount_cmp(e[0].amount, amount_of(ASSET_ETH, 50000ull * 60000000ull + 4321)) == 0);
	CHECK(e[1].kind == CHAIN_LOCK && e[1].flags == 0 && id128_eq(&e[1].swap, &swap));
	CHECK(amount_cmp(e[1].amount, terms.amount) == 0 && e[1].timelock == 400);
	CHECK(e[2].kind == CHAIN_DEPOSIT && e[2].flags == CHAIN_GAS);
	CHECK(amount_cmp(e[2].amount, amount_of(ASSET_ETH, 66)) == 0);
	CHECK(e[3].kind == CHAIN_DEPOSIT && e[3].flags == 0);
	CHECK(amount_cmp(e[3].amount, amount_of(ASSET_WBTC, 77)) == 0);
	CHECK(e[4].kind == CHAIN_LOCK_SPENT && e[4].spend == LOCK_SPEND_CLAIM && e[4].flags == 0);
	fake_fini(&fake);
}

/* A lock of another token under our hash and to our parties is not the swap's. */
static void test_other_token(void)
{
	struct evm_htlc other = terms;
	begin();
	other.token.b[0] ^= 1;
	struct evm_fake_block b = {.tx_count = 1};
	b.tx[0] = tx_from(&stranger, 0, 1);
	evm_put_lockup(&b, 0, &other);
	evm_chain_mine(&chain, &b);
	start();
	fake_run(&fake, 3000);
	CHECK(fake_event(&fake, CHAIN_LOCK)->flags == CHAIN_LOCK_FOREIGN);
	fake_fini(&fake);
	/* terms of another token, or of none, are not watched */
	struct evm_htlc h = terms;
	uint8_t bytes[EVM_HTLC_SIZE];
	struct buf out = buf_init(bytes, sizeof bytes);
	begin();
	layer_unwatch_lock(fake.layer, &swap);
	h.token.b[1] ^= 1;
	evm_htlc_put(&out, &h);
	CHECK(layer_watch_lock(fake.layer, &swap, buf_slice(&out)) == ERR_NETWORK);
	CHECK(layer_watch_lock(fake.layer, &swap, slice_of(bytes, EVM_HTLC_COIN_SIZE)) ==
		ERR_SHORT);
	fake_fini(&fake);
}

/* Transfers that the node can't have been asked for: the block is not reported. */
static void test_lies(void)
{
	for (int lie = 0; lie < 3; lie++) {
		begin();
		struct evm_fake_block b = {.tx_count = 1};
		b.tx[0] = tx_from(&stranger, 2, 3);
		evm_put_transfer(&b, 0, &stranger, lie == 0 ? &stranger : &account, 77);
		if (lie == 1)
			b.log[0].data_len = 31;
		if (lie == 2)
			memset(b.log[0].data, 0xff, 16); /* more than 128 bits */
		evm_chain_mine(&chain, &b);
		start();
		fake_run(&fake, 3000);
		CHECK(fake.block_count == 0);
		CHECK(strstr(fake_info(&fake).detail, "transfers that can't be right") != NULL);
		fake_fini(&fake);
	}
}

/* Heads are told once, never above the tip, never a final block that is not safe, and again after a
 * reorganisation. */
static void test_heads(void)
{
	const struct evm_fake_block empty = {.tx_count = 0};
	begin();
	for (int i = 0; i < 6; i++)
		evm_chain_mine(&chain, &empty);
	chain.safe = 4;
	chain.final = 2;
	start();
	fake_run(&fake, 5000);
	CHECK(fake.block_count == 6 && fake.below.safe_height == 4 && fake.below.final_height == 2);
	const uint32_t told = fake.below_count;
	fake_run(&fake, 5000);
	CHECK(fake.below_count == told);
	chain.final = 5;
	fake_run(&fake, 5000);
	CHECK(fake.below.safe_height == 4 && fake.below.final_height == 4);
	evm_chain_undo(&chain, 1);
	chain.safe = chain.final = 3;
	evm_chain_mine(&chain, &empty);
	evm_chain_mine(&chain, &empty);
	fake_run(&fake, 5000);
	CHECK(fake.reorg_count == 1 && fake.below.safe_height == 3);
	fake_fini(&fake);
}

static uint64_t rate, data_fee;

static void on_fee(void *ctx, enum err err, uint64_t answer, uint64_t data)
{
	(void)ctx;
	data_fee = data;
	CHECK(err == OK);
	rate = answer;
}

/* The base fee may double; the block maker's share is at least what the node suggests. The fee for
 * data is no less than either formula has it for a transaction as large as ours. */
static void test_fees(void)
{
	const struct op_fee_params params = {.base_fee = 20000000000,
		.blob_base_fee = 3000000000,
		.base_fee_scalar = 2269,
		.blob_base_fee_scalar = 1055762};
	uint8_t tx[300], word[32];
	struct amount ecotone, fjord;

	begin();
	CHECK(layer_fee_estimate(fake.layer, 2, on_fee, NULL) == OK);
	fake_run(&fake, 1000);
	CHECK(rate == 2 * chain.base_fee + chain.priority_fee && data_fee == 0);
	chain.base_fee = 100;
	CHECK(layer_fee_estimate(fake.layer, 2, on_fee, NULL) == OK);
	fake_run(&fake, 1000);
	CHECK(rate == 8 * chain.priority_fee);

	chain.oracle[0] = params.base_fee;
	chain.oracle[1] = params.blob_base_fee;
	chain.oracle[2] = params.base_fee_scalar;
	chain.oracle[3] = params.blob_base_fee_scalar;
	start();
	fake_run(&fake, 3000);
	for (size_t i = 0; i < sizeof tx; i++)
		tx[i] = (uint8_t)(i * 7 + 1);
	CHECK(op_fee_ecotone(&ecotone, ASSET_ETH, &params, slice_of(tx, sizeof tx), true) == OK);
	CHECK(op_fee_fjord(&fjord, ASSET_ETH, &params, slice_of(tx, sizeof tx), true) == OK);
	amount_store_word(word, ecotone);
	CHECK(fake.below.data_fee >= load_be64(word + 24));
	amount_store_word(word, fjord);
	CHECK(fake.below.data_fee >= load_be64(word + 24) &&
		fake.below.data_fee < UINT64_C(1) << 50);
	CHECK(layer_fee_estimate(fake.layer, 2, on_fee, NULL) == OK);
	fake_run(&fake, 1000);
	CHECK(data_fee == fake.below.data_fee);
	chain.oracle[2] = UINT64_C(1) << 33; /* no scalar */
	CHECK(layer_fee_estimate(fake.layer, 0, on_fee, NULL) == ERR_RANGE);
	fake_fini(&fake);
}

static struct layer_scan found;

static void on_scan(void *ctx, const struct layer_scan *scan)
{
	(void)ctx;
	found = *scan;
}

static void test_scan(void)
{
	begin();
	chain.open = true;
	const struct layer_lock_ref lock = {.leg = leg()};
	CHECK(layer_scan(fake.layer, &lock, 1, on_scan, NULL) == OK);
	fake_run(&fake, 2000);
	CHECK(found.err == OK && amount_cmp(found.wallet, chain.tokens) == 0);
	CHECK(amount_cmp(found.gas, chain.balance) == 0);
	CHECK(amount_cmp(found.locked, terms.amount) == 0);
	fake_fini(&fake);
}

static struct layer_info checked;

static void on_info(void *ctx, const struct layer_info *info)
{
	(void)ctx;
	checked = *info;
}

/* A token of another unit would make other amounts of the same numbers. */
static void test_decimals(void)
{
	static const struct {
		uint8_t decimals;
		enum err err;
		const char *said;
	} rows[] = {{8, OK, ""}, {18, ERR_NETWORK, "it has 18 decimals, WBTC has 8"},
		{0, ERR_NETWORK, "it has 0 decimals"},
		{DECIMALS_NONE, ERR_NETWORK, "it does not say its decimals"}};
	begin();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		chain.decimals = rows[i].decimals;
		CHECK(layer_check(fake.layer, on_info, NULL) == OK);
		fake_run(&fake, 1000);
		CHECK(checked.err == rows[i].err);
		CHECK(strstr(checked.detail, rows[i].said) != NULL);
	}
	fake_fini(&fake);
}

int main(void)
{
	terms_init();
	test_decimals();
	test_events();
	test_other_token();
	test_lies();
	test_heads();
	test_fees();
	test_scan();
	return EXIT_SUCCESS;
}
