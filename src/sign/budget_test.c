/* What the policy limits: each amount, and what a day may cost. */
#include "sign/sample.h"

#include <stdlib.h>

static struct sample_world world;
static struct sample sample;
static struct sign_task task;
static struct check_answer answer;

static enum err check(struct sample *s, const struct sign_state *state, uint64_t now_ms)
{
	static uint8_t storage[SIGNING_REQUEST_MAX];
	struct buf out = buf_init(storage, sizeof storage);
	return check_request(&task, &answer, sample_encode(s, &out), &world.policy, state,
		&world.wallet, now_ms);
}

static void accept(struct sample *s, struct sign_state *state)
{
	CHECK(check(s, state, SAMPLE_NOW_MS) == OK && !task.repeat);
	CHECK(sign_state_apply(state, &task.record) == OK);
}

static void refuse(struct sample *s, const struct sign_state *state, enum check_rule rule)
{
	CHECK(check(s, state, SAMPLE_NOW_MS) == ERR_DENIED && answer.rule == rule);
}

static struct sign_state *fresh_state(void)
{
	struct sign_state *state;
	CHECK(sign_state_create(&state, 42) == OK);
	return state;
}

static void test_limits(void)
{
	struct policy_layer *bitcoin = &world.policy.layer[LAYER_BITCOIN];
	struct policy_layer *rootstock = &world.policy.layer[LAYER_ROOTSTOCK];
	const struct policy saved = world.policy;
	struct sign_state *state = fresh_state();

	sample_make(&sample, &world, SAMPLE_BTC_PAYOUT, 1);
	bitcoin->payout_max = amount_of(ASSET_BTC, 299999);
	refuse(&sample, state, RULE_LIMIT_TX);
	bitcoin->payout_max = amount_of(ASSET_BTC, 300000);
	bitcoin->day_max = amount_of(ASSET_BTC, 301999);
	refuse(&sample, state, RULE_LIMIT_DAY);
	bitcoin->day_max = amount_of(ASSET_BTC, 302000); /* the fee counts */
	CHECK(check(&sample, state, SAMPLE_NOW_MS) == OK);
	bitcoin->fee_small = bitcoin->fee_max = amount_of(ASSET_BTC, 1999);
	refuse(&sample, state, RULE_FEE);
	world.policy = saved;

	/* each payee of a batch by itself, all of them to the day */
	sample_make(&sample, &world, SAMPLE_BTC_BATCH, 1);
	bitcoin->payout_max = amount_of(ASSET_BTC, 149999);
	refuse(&sample, state, RULE_LIMIT_TX);
	bitcoin->payout_max = amount_of(ASSET_BTC, 150000);
	bitcoin->day_max = amount_of(ASSET_BTC, 301999);
	refuse(&sample, state, RULE_LIMIT_DAY);
	bitcoin->day_max = amount_of(ASSET_BTC, 302000);
	CHECK(check(&sample, state, SAMPLE_NOW_MS) == OK);
	world.policy = saved;

	sample_make(&sample, &world, SAMPLE_BTC_LOCK, 1);
	bitcoin->lock_max = amount_of(ASSET_BTC, 299999);
	refuse(&sample, state, RULE_LIMIT_TX);
	world.policy = saved;
	bitcoin->lock_blocks_max = 143;
	refuse(&sample, state, RULE_LEG_TIMELOCK);
	bitcoin->lock_blocks_max = 144;
	CHECK(check(&sample, state, SAMPLE_NOW_MS) == OK);
	world.policy = saved;

	/* nothing but fees limits what brings money home */
	bitcoin->payout_max = bitcoin->lock_max = bitcoin->day_max = amount_zero(ASSET_BTC);
	rootstock->payout_max = rootstock->lock_max = rootstock->day_max = amount_zero(ASSET_RBTC);
	static const enum sample_kind rescues[] = {
		SAMPLE_BTC_CLAIM, SAMPLE_BTC_REFUND, SAMPLE_EVM_CLAIM, SAMPLE_EVM_REFUND};
	for (size_t i = 0; i < ARRAY_LEN(rescues); i++) {
		sample_make(&sample, &world, rescues[i], 1);
		CHECK(check(&sample, state, SAMPLE_NOW_MS) == OK);
	}
	sample_make(&sample, &world, SAMPLE_EVM_FILL, 1);
	refuse(&sample, state, RULE_LIMIT_DAY);
	world.policy = saved;

	sample_make(&sample, &world, SAMPLE_EVM_CLAIM, 1);
	rootstock->network = NULL;
	refuse(&sample, state, RULE_NETWORK);
	world.policy = saved;
	rootstock->deploy_gas_max = 0;
	sample_make(&sample, &world, SAMPLE_EVM_DEPLOY, 1);
	refuse(&sample, state, RULE_PURPOSE);
	world.policy = saved;
	sign_state_destroy(state);
}

/* What one payout may be, of an account, too: the coin, or a token whose call says how much. */
static void test_account_payouts(void)
{
	static const enum sample_kind payouts[] = {SAMPLE_EVM_PAYOUT, SAMPLE_TOKEN_PAYOUT};
	const struct policy saved = world.policy;
	struct sign_state *state = fresh_state();

	for (size_t i = 0; i < ARRAY_LEN(payouts); i++) {
		sample_make(&sample, &world, payouts[i], 1);
		const struct amount pays = sample.r.amount;
		struct policy_layer *l = &world.policy.layer[sample.r.network->layer];
		CHECK(amount_sub(&l->payout_max, pays, amount_of(pays.asset, 1)) == OK);
		refuse(&sample, state, RULE_LIMIT_TX);
		l->payout_max = pays;
		CHECK(check(&sample, state, SAMPLE_NOW_MS) == OK);
		world.policy = saved;
	}
	sign_state_destroy(state);
}

static void test_day_window(void)
{
	const struct policy saved = world.policy;
	struct sign_state *state = fresh_state();

	/* a payout of 302,000 with its fee: three fit a day of a million */
	world.policy.layer[LAYER_BITCOIN].day_max = amount_of(ASSET_BTC, 1000000);
	for (uint32_t i = 1; i <= 3; i++) {
		sample_make(&sample, &world, SAMPLE_BTC_PAYOUT, i);
		accept(&sample, state);
	}
	sample_make(&sample, &world, SAMPLE_BTC_PAYOUT, 4);
	refuse(&sample, state, RULE_LIMIT_DAY);
	CHECK(check(&sample, state, SAMPLE_NOW_MS + POLICY_DAY_MS - 1) == ERR_DENIED);
	CHECK(check(&sample, state, SAMPLE_NOW_MS + POLICY_DAY_MS + 2 * SIGN_BUDGET_STEP_MS) == OK);
	/* a clock that was set back forgets nothing */
	CHECK(check(&sample, state, SAMPLE_NOW_MS - 30 * POLICY_DAY_MS) == ERR_DENIED);
	/* what was answered is answered again, and a claim is not counted */
	sample_make(&sample, &world, SAMPLE_BTC_PAYOUT, 3);
	CHECK(check(&sample, state, SAMPLE_NOW_MS) == OK && task.repeat);
	sample_make(&sample, &world, SAMPLE_BTC_CLAIM, 5);
	accept(&sample, state);
	world.policy = saved;
	sign_state_destroy(state);
}

/* Claims and refunds bring money home, and a daemon that invents them can only burn so much in
 * fees; those of locks that were signed here are never refused for that. */
static void test_rescue_budget(void)
{
	const struct policy saved = world.policy;
	struct sign_state *state = fresh_state();
	struct amount fee, twice;

	sample_make(&sample, &world, SAMPLE_EVM_CLAIM, 1);
	CHECK(amount_mul(&fee, sample.call.gas_price, sample.call.gas_limit) == OK);
	CHECK(amount_add(&twice, fee, fee) == OK);
	world.policy.layer[LAYER_ROOTSTOCK].rescue_day_max = twice;
	accept(&sample, state);
	CHECK(check(&sample, state, SAMPLE_NOW_MS) == OK && task.repeat);
	sample_make(&sample, &world, SAMPLE_EVM_REFUND, 2);
	accept(&sample, state);
	CHECK(amount_cmp(sign_state_day(state, LAYER_ROOTSTOCK, SIGN_BUDGET_RESCUE, SAMPLE_NOW_MS),
		      twice) == 0);
	sample_make(&sample, &world, SAMPLE_EVM_CLAIM, 3);
	refuse(&sample, state, RULE_LIMIT_RESCUE);
	CHECK(check(&sample, state, SAMPLE_NOW_MS + POLICY_DAY_MS + 2 * SIGN_BUDGET_STEP_MS) == OK);
	/* the day's own budget is another */
	sample_make(&sample, &world, SAMPLE_EVM_PAYOUT, 4);
	accept(&sample, state);

	/* a lock of ours stands behind it: one claim, and one refund */
	sample_make(&sample, &world, SAMPLE_BTC_LOCK, 5);
	accept(&sample, state);
	sample_make(&sample, &world, SAMPLE_EVM_CLAIM, 5);
	accept(&sample, state);
	sample.r.variant = 1; /* its replacement, dearer */
	CHECK(amount_add(&sample.call.gas_price, sample.call.gas_price, amount_of(ASSET_RBTC, 1)) ==
		OK);
	accept(&sample, state);
	sample_make(&sample, &world, SAMPLE_EVM_CLAIM, 5);
	sample.r.session.b[15] = 1;
	sample.call.nonce = 1000;
	refuse(&sample, state, RULE_LIMIT_RESCUE);
	sample_make(&sample, &world, SAMPLE_EVM_LOCK, 6);
	accept(&sample, state);
	sample_make(&sample, &world, SAMPLE_EVM_REFUND, 6);
	sample.call.nonce = 1001;
	accept(&sample, state);
	world.policy = saved;
	sign_state_destroy(state);
}

int main(void)
{
	const uint8_t seed[32] = {1};
	secp_init(seed);
	sample_world_init(&world);
	test_limits();
	test_account_payouts();
	test_day_window();
	test_rescue_budget();
	return EXIT_SUCCESS;
}
