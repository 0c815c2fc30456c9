/* Where value is a token and gas another asset (rows 9, 22, 33): tokens that do not move, gas that
 * becomes dear, gas that is not there. */
#include "layer/layer.h"
#include "sim/evm.h"
#include "world.h"

#define MINUTE_MS UINT64_C(60000)
#define FROZEN_MS (3 * MINUTE_MS)
#define DRY_MS (5 * MINUTE_MS)
#define OUT_OF_REACH 40u /* times as much, for a lock-up */
#define DEAR 8u          /* times as much, for good */

static uint64_t now_of(const struct world *w)
{
	return loop_now_ms(w->loop);
}

static void expect_completed(struct world *w)
{
	hazard_expect(w, 0, SWAP_COMPLETED);
}

/* ---- 9: a call is in a block, and failed there: the token did not move ---- */

/* Whose tokens do not move while the effect is on its way; some minutes later they do again. */
static void freeze_for(struct world *w, enum sign_purpose purpose, const struct evm_address *who)
{
	struct hazard_run *run = &w->hazard;
	const struct effect *f = hazard_effect(w, purpose);
	if (run->phase == 0 && f != NULL && f->layer == LAYER_BOB && f->confirmed_height == 0) {
		nets_freeze(&w->nets, who, true);
		run->since_ms = now_of(w);
		run->phase = 1;
	}
	if (run->phase == 1 && now_of(w) > run->since_ms + FROZEN_MS) {
		nets_freeze(&w->nets, who, false);
		run->phase = 2;
		hazard_met(w);
	}
}

static void payout_frozen(struct world *w)
{
	struct evm_address ours;
	CHECK(wallet_account(&ours, &w->keeper.wallet, LAYER_BOB) == OK);
	freeze_for(w, SIGN_PAYOUT, &ours);
}

static void claim_frozen(struct world *w)
{
	freeze_for(w, SIGN_CLAIM, &w->nets.contract);
}

static void lock_frozen(struct world *w)
{
	freeze_for(w, SIGN_LOCK, &w->nets.contract);
}

/* ---- 22: the base fee rises for good ---- */

static void base_fee(struct world *w)
{
	const struct effect *f = hazard_effect(w, SIGN_PAYOUT);
	if (!w->hazard.met && (f == NULL || f->variant_count == 0 || f->confirmed_height != 0))
		return;
	/* empty blocks would lower it again */
	(void)nets_lever(&w->nets, LAYER_BOB, "sim_fee_rate", "[%llu]",
		(unsigned long long)(SIM_EVM_BASE_FEE * DEAR));
	hazard_met(w);
}

/* ---- 33: gas is not there ---- */

/* Not enough for a lock-up: none is begun, nothing is promised to it, and it comes once there is.
 */
static void no_gas(struct world *w)
{
	struct hazard_run *run = &w->hazard;
	const struct swap *s = hazard_swap(w, 0);
	struct evm_address ours;
	if (s == NULL)
		return;
	if (run->phase == 0) {
		run->since_ms = now_of(w);
		run->phase = 1;
	}
	if (run->phase == 1)
		(void)nets_lever(&w->nets, LAYER_BOB, "sim_fee_rate", "[%llu]",
			(unsigned long long)(SIM_EVM_BASE_FEE * OUT_OF_REACH));
	if (run->phase == 1 && s->lock_effect != INDEX_NONE)
		world_wrong(w, "a lock-up is begun without gas for it");
	if (run->phase != 1 || now_of(w) < run->since_ms + DRY_MS)
		return;
	CHECK(wallet_account(&ours, &w->keeper.wallet, LAYER_BOB) == OK);
	nets_fund_gas(&w->nets, &ours, "1");
	run->phase = 2;
	hazard_met(w);
}

const struct hazard hazards_token[] = {
	{.name = "payout-frozen",
		.row = 9,
		.about = "our tokens do not move while a payout is on its way",
		.other = LAYER_BOB,
		PAYOUT_ON(LAYER_BOB),
		.turn = payout_frozen,
		.mutant = {MUTANT_REVERTED_IS_DONE},
		.mutant_count = 1},
	{.name = "claim-frozen",
		.row = 9,
		.about = "tokens do not leave the contract while our claim is on its way",
		.other = LAYER_BOB,
		SWAP_FROM(LAYER_BOB),
		.turn = claim_frozen,
		.end = expect_completed,
		.mutant = {MUTANT_REVERTED_IS_DONE},
		.mutant_count = 1},
	{.name = "lock-frozen",
		.row = 9,
		.about = "tokens do not reach the contract while our lock-up is on its way",
		.other = LAYER_BOB,
		SWAP_FROM(LAYER_BITCOIN),
		.turn = lock_frozen,
		.mutant = {MUTANT_REVERTED_IS_DONE},
		.mutant_count = 1},
	{.name = "payout-dear-base",
		.row = 22,
		.about = "the base fee rises for good when a payout on BOB is on its way",
		.other = LAYER_BOB,
		PAYOUT_ON(LAYER_BOB),
		.turn = base_fee,
		.mutant = {MUTANT_NOTHING_BUMPED},
		.mutant_count = 1,
		.settle_minutes = 30},
	{.name = "gas-runs-out",
		.row = 33,
		.about = "fees rise beyond our gas before the time of a lock-up has come",
		.other = LAYER_BOB,
		.gas = "0.00004",
		SWAP_FROM(LAYER_BITCOIN),
		.turn = no_gas,
		.end = expect_completed},
};
const size_t hazards_token_count = ARRAY_LEN(hazards_token);
