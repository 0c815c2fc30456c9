/* Races: rows 7 to 13 and 23. */
#include "base/hex.h"
#include "client/rescue.h"
#include "client/spend.h"
#include "layer/layer.h"
#include "sim/bitcoin.h"
#include "sim/evm.h"
#include "world.h"

#define DEAR 6u /* times as much, for good */
#define SLOW_BLOCK_MS 400000u
#define PENDING_BLOCKS 8u /* past our time lock, that a claim stays out of blocks */

static void expect_completed(struct world *w)
{
	hazard_expect(w, 0, SWAP_COMPLETED);
}

/* ---- 7, 8, 23: the client's claim waits in the mempool while our refund opens ---- */

static void claim_pending(struct world *w)
{
	const struct swap *s = hazard_swap(w, 0);
	const struct effect *ours = hazard_effect(w, SIGN_CLAIM);
	if (s == NULL || s->dest.timelock == 0)
		return;
	const uint64_t tip = nets_height(&w->nets, s->dest.layer);
	const bool open = tip >= s->dest.timelock;
	if (hazard_hold_taker(w, 0, SIGN_CLAIM, tip < s->dest.timelock))
		hazard_hurry(w, true);
	if (open && tip < s->dest.timelock + PENDING_BLOCKS) /* replaced, again and again */
		hazard_evict_taker(w, 0, SIGN_CLAIM);
	if (ours != NULL) /* so that we still claim when it opens */
		hazard_hold(w, ours, 0, ours->variant_count,
			tip < s->dest.timelock + PENDING_BLOCKS / 2);
	if (open)
		hazard_met(w);
}

static void preimage_pending(struct world *w)
{
	const struct swap *s = hazard_swap(w, 0);
	claim_pending(w);
	if (s != NULL && w->hazard.met && s->refund_effect != INDEX_NONE)
		world_wrong(w, "we refund although the preimage is in the mempool");
}

/* ---- 7: fees rise for good when our claim is on its way ---- */

static void claim_dear(struct world *w)
{
	const struct effect *f = hazard_effect(w, SIGN_CLAIM);
	if (w->hazard.met || f == NULL || f->variant_count == 0 || !f->submitted)
		return;
	(void)nets_lever(&w->nets, LAYER_BITCOIN, "sim_fee_rate", "[%u]",
		(unsigned)(SIM_BITCOIN_FEE_RATE * DEAR));
	hazard_met(w);
}

/* ---- 9: a payout is in a block, and failed there ---- */

static void reverts(struct world *w)
{
	if (w->hazard.met || host_ledger(&w->host) == NULL || w->plan_next < w->plan.count)
		return;
	/* the contract takes no payments */
	operator_pay_to(w, LAYER_ROOTSTOCK, 100000,
		slice_of(w->nets.contract.b, sizeof w->nets.contract.b));
	hazard_met(w);
}

/* ---- 10: somebody else makes our claim ---- */

static void stranger_claims(struct world *w)
{
	const struct swap *s = hazard_swap(w, 0);
	const struct rescue *r = taker_rescue(w, 0);
	const struct effect *ours = hazard_effect(w, SIGN_CLAIM);
	struct spend spend;
	if (s == NULL || r == NULL || ours == NULL || w->hazard.met)
		return;
	if (ours->variant_count == 0 || ours->confirmed_height != 0)
		return;
	hazard_hold(w, ours, 0, ours->variant_count, true);
	struct spend_plan plan = {.purpose = SIGN_CLAIM,
		.network = network_by_name(LAYER_ROOTSTOCK, slice_str("regtest")),
		.leg = slice_of(s->source.terms, s->source.terms_len),
		.preimage = r->preimage,
		.rate = 2 * SIM_EVM_GAS_PRICE};
	memset(plan.key.b, 0x77, sizeof plan.key.b);
	if (w->hazard.phase == 0) {
		struct evm_address account;
		char hex[2 * sizeof account.b + 1];
		CHECK(spend_account(&account, &plan.key) == OK);
		hex_encode(hex, account.b, sizeof account.b);
		(void)nets_lever(&w->nets, LAYER_ROOTSTOCK, "sim_fund", "[\"0x%s\", \"1\"]", hex);
		w->hazard.phase = 1;
	}
	struct evm_address from;
	CHECK(spend_account(&from, &plan.key) == OK);
	if (amount_is_zero(nets_holds(&w->nets, LAYER_ROOTSTOCK, slice_of(from.b, sizeof from.b))))
		return; /* its gas is not there yet */
	char raw[2 * SPEND_RAW_MAX + 1];
	CHECK(spend_make(&spend, &plan) == OK);
	hex_encode(raw, spend.raw, spend.raw_len);
	const struct json *v = nets_lever(
		&w->nets, LAYER_ROOTSTOCK, "eth_sendRawTransaction", "[\"0x%s\"]", raw);
	(void)v;
	hazard_met(w);
}

/* ---- 11: the operator asks again, having had his answer ---- */

static void asks_again(struct world *w)
{
	const struct payout *p = &w->payout[0];
	if (w->payout_count == 0 || !p->acknowledged || w->hazard.met)
		return;
	operator_ask_again(w, 0);
	hazard_met(w);
}

/* ---- 12: the offer runs out while the lock-up waits for a block ---- */

static void expires(struct world *w)
{
	const struct swap *s = hazard_swap(w, 0);
	if (s != NULL && s->state == SWAP_EXPIRED && s->source.lock_count > 0)
		world_wrong(w, "an offer expires whose lock-up was seen in time");
	if (s == NULL || w->hazard.met)
		return;
	hazard_hold_pool(w);
	if (s->source.lock_count == 0)
		return;
	const bool over = loop_wall_ms(w->loop) > s->expires_ms + 30000;
	w->nets.block_ms[LAYER_BITCOIN] = over ? WORLD_BITCOIN_BLOCK_MS : SLOW_BLOCK_MS;
	if (over) {
		hazard_hold_tx(w, LAYER_BITCOIN, &s->source.lock[0].at.tx, false);
		hazard_met(w);
	}
}

/* ---- 13: a payment is replaced, and what it replaces is mined after it ---- */

static void first_returns(struct world *w)
{
	const struct effect *f = hazard_effect(w, SIGN_PAYOUT);
	struct hazard_run *run = &w->hazard;
	if (f == NULL || f->variant_count == 0 || run->met)
		return;
	if (f->variant_count == 1) {
		char id[HAZARD_ID_SIZE];
		hazard_hold(w, f, 0, 1, true);
		hazard_id(id, LAYER_BITCOIN, &f->variant[0].txid);
		if (run->text != NULL || !f->submitted)
			return;
		const struct slice raw = json_string(
			nets_lever(&w->nets, LAYER_BITCOIN, "getrawtransaction", "[\"%s\"]", id));
		run->text = sim_copy(raw.ptr, raw.len + 1);
		return;
	}
	if (f->confirmed_height == 0 || run->text == NULL)
		return;
	/* a node that kept it offers it once more */
	nets_try(&w->nets, LAYER_BITCOIN, "sendrawtransaction", "[\"%s\"]", run->text);
	hazard_hold(w, f, 0, 1, false);
	hazard_met(w);
}

const struct hazard hazards_race[] = {
	{.name = "claim-dear",
		.row = 7,
		.about = "fees rise for good when our claim is on its way",
		SWAP_FROM(LAYER_BITCOIN),
		.turn = claim_dear,
		.end = expect_completed,
		.mutant = {MUTANT_CLAIM_NOT_BUMPED},
		.mutant_count = 1,
		.settle_minutes = 60},
	{.name = "claim-pending",
		.row = 8,
		.about = "the client's claim and ours wait for a block while our refund opens",
		SWAP_FROM(LAYER_ROOTSTOCK),
		.turn = claim_pending,
		.end = expect_completed,
		.mutant = {MUTANT_REFUND_WHILE_CLAIMING},
		.mutant_count = 1,
		.settle_minutes = 600},
	{.name = "claim-in-mempool",
		.row = 23,
		.about = "the preimage is in the mempool alone until our refund opens",
		SWAP_FROM(LAYER_ROOTSTOCK),
		.turn = preimage_pending,
		.end = expect_completed,
		.mutant = {MUTANT_PREIMAGE_IN_BLOCKS_ONLY},
		.mutant_count = 1,
		.settle_minutes = 600},
	{.name = "claim-in-pending-block",
		.row = 23,
		.about = "the preimage is in a pending block alone until our refund opens",
		SWAP_FROM(LAYER_BITCOIN),
		.turn = preimage_pending,
		.end = expect_completed,
		.mutant = {MUTANT_PREIMAGE_IN_BLOCKS_ONLY},
		.mutant_count = 1,
		.settle_minutes = 600},
	{.name = "reverted",
		.row = 9,
		.about = "a payout is in a block, and failed there",
		.turn = reverts,
		PAYOUT_ON(LAYER_ROOTSTOCK),
		.mutant = {MUTANT_REVERTED_IS_DONE},
		.mutant_count = 1},
	{.name = "stranger-claims",
		.row = 10,
		.about = "somebody else makes our claim for us",
		SWAP_FROM(LAYER_ROOTSTOCK),
		.turn = stranger_claims,
		.end = expect_completed,
		.mutant = {MUTANT_OWN_CLAIMS_ONLY},
		.mutant_count = 1,
		.settle_minutes = 60},
	{.name = "asked-twice",
		.row = 11,
		.about = "a payout is asked for again after its answer",
		PAYOUT_ON(LAYER_BITCOIN),
		.turn = asks_again,
		.mutant = {MUTANT_KEY_MAKES_ANOTHER},
		.mutant_count = 1},
	{.name = "expires-unmined",
		.row = 12,
		.about = "the offer runs out while the lock-up waits for a block",
		SWAP_FROM(LAYER_BITCOIN),
		.turn = expires,
		.end = expect_completed,
		.mutant = {MUTANT_EXPIRY_OVERWRITES},
		.mutant_count = 1},
	{.name = "first-returns",
		.row = 13,
		.about = "a payment is replaced, and the first one is offered again",
		PAYOUT_ON(LAYER_BITCOIN),
		.turn = first_returns,
		.mutant = {MUTANT_OTHER_COINS},
		.mutant_count = 1},
};
const size_t hazards_race_count = ARRAY_LEN(hazards_race);
