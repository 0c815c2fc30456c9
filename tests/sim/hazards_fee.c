/* Fees and relay: rows 22 and 24. */
#include "sim/bitcoin.h"
#include "sim/evm.h"
#include "world.h"

#define DEAR 5u /* times as much, for good */

static const uint64_t usual[LAYER_COUNT] = {
	[LAYER_BITCOIN] = SIM_BITCOIN_FEE_RATE, [LAYER_ROOTSTOCK] = SIM_EVM_GAS_PRICE};

/* ---- 22: fees rise for good when a payout is on its way ---- */

static void dear(struct world *w)
{
	const struct effect *f = hazard_effect(w, SIGN_PAYOUT);
	if (w->hazard.met || f == NULL || f->variant_count == 0 || !f->submitted ||
		f->confirmed_height != 0)
		return;
	(void)nets_lever(&w->nets, f->layer, "sim_fee_rate", "[%llu]",
		(unsigned long long)(usual[f->layer] * DEAR));
	hazard_met(w);
}

/* ---- 24: no block takes the first one, whatever the market says ---- */

static void stalled(struct world *w)
{
	const struct effect *f = hazard_effect(w, SIGN_PAYOUT);
	if (f == NULL || f->variant_count == 0 || f->confirmed_height != 0)
		return;
	hazard_hold(w, f, 0, 1, true);
	hazard_met(w);
}

const struct hazard hazards_fee[] = {
	{.name = "payout-dear",
		.row = 22,
		.about = "fees rise for good when a payout on Bitcoin is on its way",
		PAYOUT_ON(LAYER_BITCOIN),
		.turn = dear,
		.mutant = {MUTANT_NOTHING_BUMPED},
		.mutant_count = 1,
		.settle_minutes = 60},
	{.name = "payout-dear-gas",
		.row = 22,
		.about = "gas becomes dear for good when a payout on Rootstock is on its way",
		PAYOUT_ON(LAYER_ROOTSTOCK),
		.turn = dear,
		.mutant = {MUTANT_NOTHING_BUMPED},
		.mutant_count = 1,
		.settle_minutes = 30},
	{.name = "payout-stalled",
		.row = 24,
		.about = "no block takes a payout at today's rate",
		PAYOUT_ON(LAYER_BITCOIN),
		.turn = stalled,
		.mutant = {MUTANT_BUMP_FORGETS_RATE},
		.mutant_count = 1,
		.settle_minutes = 60},
};
const size_t hazards_fee_count = ARRAY_LEN(hazards_fee);
