/* A layer whose gas is another asset, and whose blocks count when the layer below has them. */
#include "node/engine_world_test.h"

#include "layer/layer.h"

static struct world w;

static struct amount balance(enum account a)
{
	return ledger_balance(w.ledger, LAYER_BOB, a);
}

static void heads(uint64_t safe, uint64_t final)
{
	CHECK(engine_first_layer(w.engine, w.now, LAYER_BOB, safe, final, WORLD_DATA_FEE) == OK);
}

static struct effect *find(enum sign_purpose purpose)
{
	for (uint32_t i = w.ledger->effect_count; i-- > 0;)
		if (w.ledger->effect[i].purpose == purpose)
			return &w.ledger->effect[i];
	return NULL;
}

/* What a call may cost: gas at its rate, and data at four times today's price. */
static struct amount most(const struct effect *f)
{
	struct amount gas, data = amount_of(ASSET_ETH, 4 * WORLD_DATA_FEE);
	CHECK(layer_fee_bound(&gas, LAYER_BOB, f->purpose, f->rate) == OK);
	CHECK(amount_add(&gas, gas, data) == OK);
	return gas;
}

/* It is mined and costs `cost`. */
static void mined(struct effect *f, uint64_t cost, bool reverted)
{
	const struct hash256 tx = world_prepare(&w, f);
	const struct chain_event e = {.kind = CHAIN_NONCE_USED,
		.tx = tx,
		.nonce = f->nonce,
		.flags = reverted ? CHAIN_TX_REVERTED : 0u,
		.amount = amount_of(ASSET_ETH, cost)};
	CHECK(amount_sub(&w.gas, w.gas, e.amount) == OK);
	world_block(&w, LAYER_BOB, &e, 1);
}

/* The first thing is the approval; a reverted one is made again under another name. */
static void test_approval(void)
{
	world_begin_bob(&w);
	struct effect *f = find(SIGN_APPROVE);
	CHECK(f != NULL && f->nonce == 4 && amount_is_zero(f->value));
	CHECK(amount_cmp(f->gas, most(f)) == 0 && amount_is_zero(f->reserved));
	CHECK(amount_cmp(balance(ACCOUNT_GAS_RESERVED), f->gas) == 0);
	CHECK(amount_cmp(balance(ACCOUNT_AVAILABLE), amount_of(ASSET_WBTC, FUNDS_SAT)) == 0);
	mined(f, 5000, true);
	CHECK(f->reverted && amount_is_zero(balance(ACCOUNT_GAS_SPENT)) == false);
	struct effect *again = find(SIGN_APPROVE);
	CHECK(again != f && again->nonce == 5 && !id128_eq(&again->id, &f->id));
	mined(again, 6000, false);
	world_blocks(&w, LAYER_BOB, 5);
	CHECK(find(SIGN_APPROVE) == again && again->state == EFFECT_CONFIRMED);
	heads(w.tip[LAYER_BOB], w.tip[LAYER_BOB] - 5);
	CHECK(again->state == EFFECT_FINAL);
	CHECK(amount_cmp(balance(ACCOUNT_GAS_SPENT), amount_of(ASSET_ETH, 11000)) == 0);
	CHECK(amount_is_zero(balance(ACCOUNT_GAS_RESERVED)));
	world_end(&w);
}

/* From bitcoin to tokens and the other way: value and gas are kept apart, and only safe blocks are
 * deep, only final ones final. */
static void test_to_bob(void)
{
	world_begin_bob(&w);
	mined(find(SIGN_APPROVE), 7000, false);
	struct swap *s = world_swap(&w, LAYER_BITCOIN, LAYER_BOB);
	const struct chain_event lock = world_lock_event(&w, s, &s->source);
	world_block(&w, LAYER_BITCOIN, &lock, 1);
	world_block(&w, LAYER_BITCOIN, NULL, 0);
	CHECK(s->state == SWAP_DEST_LOCKING);
	struct effect *f = &w.ledger->effect[s->lock_effect];
	CHECK(amount_cmp(f->reserved, s->dest.amount) == 0 && amount_cmp(f->gas, most(f)) == 0);
	CHECK(amount_cmp(balance(ACCOUNT_RESERVED), s->dest.amount) == 0);

	const struct hash256 tx = world_prepare(&w, f);
	struct chain_event e[2] = {world_lock_event(&w, s, &s->dest),
		{.kind = CHAIN_NONCE_USED,
			.tx = tx,
			.nonce = f->nonce,
			.amount = amount_of(ASSET_ETH, 9000)}};
	e[0].tx = e[0].at.tx = tx;
	CHECK(amount_sub(&w.gas, w.gas, e[1].amount) == OK);
	world_block(&w, LAYER_BOB, e, 2);
	CHECK(amount_cmp(balance(ACCOUNT_LOCKED_OUT), s->dest.amount) == 0);
	const uint64_t height = w.tip[LAYER_BOB];
	world_blocks(&w, LAYER_BOB, 6);
	CHECK(s->state == SWAP_DEST_LOCKING); /* however many blocks: not safe */
	CHECK(ledger_depth(w.ledger, LAYER_BOB, height) == 0);
	heads(height - 1, 100);
	CHECK(s->state == SWAP_DEST_LOCKING);
	heads(height, 100);
	CHECK(s->state == SWAP_DEST_LOCKED);

	/* reorganised away before it is final: not locked any more, and the books are as before */
	world_reorg(&w, LAYER_BOB, 7);
	CHECK(s->state == SWAP_DEST_LOCKING &&
		w.ledger->layer[LAYER_BOB].safe_height == height - 1);
	CHECK(amount_add(&w.gas, w.gas, e[1].amount) == OK);
	CHECK(amount_cmp(ledger_gas(w.ledger, LAYER_BOB), w.gas) == 0);
	CHECK(amount_cmp(balance(ACCOUNT_GAS_RESERVED), f->gas) == 0);
	CHECK(amount_sub(&w.gas, w.gas, e[1].amount) == OK);
	world_block(&w, LAYER_BOB, e, 2);
	world_blocks(&w, LAYER_BOB, 1);
	heads(w.tip[LAYER_BOB], 100);
	CHECK(s->state == SWAP_DEST_LOCKED);
	world_end(&w);
}

static void test_from_bob(void)
{
	world_begin_bob(&w);
	mined(find(SIGN_APPROVE), 7000, false);
	struct swap *s = world_swap(&w, LAYER_BOB, LAYER_BITCOIN);
	const struct chain_event lock = world_lock_event(&w, s, &s->source);
	world_block(&w, LAYER_BOB, &lock, 1);
	world_blocks(&w, LAYER_BOB, 3);
	CHECK(s->state == SWAP_SOURCE_SEEN);
	heads(w.tip[LAYER_BOB], 100);
	CHECK(s->state == SWAP_DEST_LOCKING);
	world_end(&w);
}

/* Gas is compared, too: more of it is booked, a little less is data that nobody told of, more than
 * that is missing. */
static void test_reconciled(void)
{
	world_begin_bob(&w);
	mined(find(SIGN_APPROVE), 7000, false);
	struct block_ref tip = w.ledger->layer[LAYER_BOB].tip;
	const struct amount wallet = w.chain[LAYER_BOB], none = amount_zero(ASSET_WBTC);
	struct amount gas = w.gas;
	CHECK(amount_add(&gas, gas, amount_of(ASSET_ETH, 77)) == OK);
	CHECK(engine_reconciled(w.engine, w.now, LAYER_BOB, &tip, wallet, none, gas) == OK);
	CHECK(amount_cmp(ledger_gas(w.ledger, LAYER_BOB), gas) == 0 && !w.ledger->latched);
	/* no call since: nothing can be missing */
	w.gas = gas;
	const struct chain_event more = {
		.kind = CHAIN_DEPOSIT, .flags = CHAIN_GAS, .amount = amount_of(ASSET_ETH, 1000)};
	CHECK(amount_add(&w.gas, w.gas, more.amount) == OK);
	world_block(&w, LAYER_BOB, &more, 1);
	tip = w.ledger->layer[LAYER_BOB].tip;
	CHECK(engine_reconciled(w.engine, w.now, LAYER_BOB, &tip, wallet, none, gas) == OK);
	CHECK(w.ledger->latched && amount_cmp(ledger_gas(w.ledger, LAYER_BOB), gas) == 0);
	world_end(&w);
}

/* What nodes don't say of data is taken for that, as far as it can be for the calls that there
 * were, and one wei more is missing. Calls count once. */
static void test_untold_data(uint64_t untold, bool latched)
{
	const struct amount none = amount_zero(ASSET_WBTC);
	world_begin_bob(&w);
	mined(find(SIGN_APPROVE), 7000, false);
	const struct block_ref tip = w.ledger->layer[LAYER_BOB].tip;
	CHECK(amount_sub(&w.gas, w.gas, amount_of(ASSET_ETH, untold)) == OK);
	CHECK(engine_reconciled(
		      w.engine, w.now, LAYER_BOB, &tip, w.chain[LAYER_BOB], none, w.gas) == OK);
	CHECK(w.ledger->latched == latched);
	CHECK(amount_cmp(ledger_gas(w.ledger, LAYER_BOB), w.gas) == 0);
	CHECK(amount_sub(&w.gas, w.gas, amount_of(ASSET_ETH, 1)) == OK);
	CHECK(engine_reconciled(
		      w.engine, w.now, LAYER_BOB, &tip, w.chain[LAYER_BOB], none, w.gas) == OK);
	CHECK(w.ledger->latched);
	world_end(&w);
}

static enum err quoted(enum layer_id from, enum layer_id to, struct engine_refusal *refusal)
{
	struct quote q;
	struct amount amount;
	CHECK(amount_convert(&amount, amount_of(ASSET_BTC, 50000000), layer_asset(from), false) ==
		OK);
	return engine_quote(w.engine, &q, refusal, from, to, amount);
}

static void gas_comes(struct amount gas)
{
	const struct chain_event e = {.kind = CHAIN_DEPOSIT, .flags = CHAIN_GAS, .amount = gas};
	CHECK(amount_add(&w.gas, w.gas, gas) == OK);
	world_block(&w, LAYER_BOB, &e, 1);
}

/* Gas for one swap more, to the last wei: a lock-up, and a claim at four times today's price. */
static void test_gas_suffices(void)
{
	const struct amount wei = amount_of(ASSET_ETH, 1);
	struct engine_refusal refusal;
	struct amount need, lock, gap;
	world_begin_bob(&w);
	CHECK(quoted(LAYER_BITCOIN, LAYER_BOB, &refusal) == OK);
	CHECK(engine_first_layer(w.engine, w.now, LAYER_BOB, 100, 100, WORLD_GAS / 20) == OK);
	CHECK(engine_gas_bound(w.ledger, &need, LAYER_BOB, SIGN_CLAIM, 80000000) == OK);
	CHECK(engine_gas_bound(w.ledger, &lock, LAYER_BOB, SIGN_LOCK, 80000000) == OK);
	CHECK(amount_mul(&need, need, 4) == OK && amount_add(&need, need, lock) == OK);
	CHECK(amount_sub(&gap, need, balance(ACCOUNT_GAS_AVAILABLE)) == OK);
	CHECK(amount_sub(&gap, gap, wei) == OK);
	gas_comes(gap);
	CHECK(quoted(LAYER_BITCOIN, LAYER_BOB, &refusal) != OK);
	CHECK(strcmp(refusal.code, "insufficient_liquidity") == 0);
	CHECK(strstr(refusal.detail, "network fees") != NULL);
	CHECK(quoted(LAYER_BOB, LAYER_BITCOIN, &refusal) != OK);
	CHECK(strcmp(refusal.code, "insufficient_liquidity") == 0);
	CHECK(quoted(LAYER_BITCOIN, LAYER_ROOTSTOCK, &refusal) == OK);
	gas_comes(wei);
	CHECK(quoted(LAYER_BITCOIN, LAYER_BOB, &refusal) == OK);
	CHECK(quoted(LAYER_BOB, LAYER_BITCOIN, &refusal) == OK);
	world_end(&w);
}

/* Where gas is what is moved: all but that of one payout is paid away, and nothing is left for a
 * claim. */
static void test_gas_of_a_claim(void)
{
	struct engine_refusal refusal;
	struct command_result result;
	struct amount fee;
	world_begin(&w);
	CHECK(quoted(LAYER_ROOTSTOCK, LAYER_BITCOIN, &refusal) == OK);
	CHECK(engine_gas_bound(w.ledger, &fee, LAYER_ROOTSTOCK, SIGN_PAYOUT, 60000000) == OK);
	struct transfer_command pay = {.now_ms = w.now,
		.id = {{1}},
		.effect_id = {{2}},
		.idempotency_key = {{3}},
		.layer = LAYER_ROOTSTOCK,
		.destination = {7},
		.destination_len = 20};
	CHECK(amount_sub(&pay.amount, ledger_balance(w.ledger, LAYER_ROOTSTOCK, ACCOUNT_AVAILABLE),
		      fee) == OK);
	CHECK(engine_transfer(w.engine, &result, &pay) == OK);
	CHECK(quoted(LAYER_ROOTSTOCK, LAYER_BITCOIN, &refusal) != OK);
	CHECK(strcmp(refusal.code, "insufficient_liquidity") == 0);
	CHECK(strstr(refusal.detail, "network fees") != NULL);
	world_end(&w);
}

int main(void)
{
	test_gas_of_a_claim();
	test_gas_suffices();
	test_approval();
	test_to_bob();
	test_from_bob();
	test_reconciled();
	test_untold_data(4 * WORLD_DATA_FEE, false);
	test_untold_data(4 * WORLD_DATA_FEE + 1, true);
	return 0;
}
