/* What claims and refunds may cost in a day. */
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

/* Claims and refunds bring money home, and a daemon that invents them can only burn so much in
 * fees; those of locks that were signed here are never refused for that. */
static void test_rescue_budget(void)
{
	const struct policy saved = world.policy;
	struct sign_state *state;
	struct amount fee, twice;
	CHECK(sign_state_create(&state, 42) == OK);

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
	test_rescue_budget();
	return EXIT_SUCCESS;
}
