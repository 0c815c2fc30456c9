/* Payouts on a layer of channels, its books against what its node says, and its settings. */
#include "node/channel_world_test.h"

#include "layer/layer.h"

#include <stdlib.h>

static const enum layer_id ln = LAYER_LIGHTNING;

/* ---- payouts ---- */

static void test_payout(bool arrives)
{
	char text[BOLT11_TEXT_MAX + 1];
	struct world w;
	struct command_result result;
	channel_begin(&w);
	const struct hash256 hash = channel_hash(&w.preimage);
	channel_invoice(text, &hash, PAYMENT_SAT);
	struct transfer_command c = channel_payout(&w, text, 1);
	c.amount = amount_of(ASSET_BTC, PAYMENT_SAT + 1);
	CHECK(engine_transfer(w.engine, &result, &c) == ERR_REJECTED);
	CHECK(strcmp(result.refusal.code, "invalid_amount") == 0);
	c = channel_payout(&w, text, 1);
	CHECK(engine_transfer(w.engine, &result, &c) == OK);
	/* HAZARDS 27: the same invoice again is another payment of its hash */
	struct transfer_command again = channel_payout(&w, text, 2);
	CHECK(engine_transfer(w.engine, &result, &again) == ERR_REJECTED);
	CHECK(strcmp(result.refusal.code, "hash_used") == 0);
	channel_check_snapshot(&w);
	world_replay(&w);
	again = channel_payout(&w, text, 2);
	CHECK(engine_transfer(w.engine, &result, &again) == ERR_REJECTED);
	struct effect *f = ledger_effect(w.ledger, &c.effect_id);
	channel_submitted(&w, channel_prepare(&w, (uint32_t)(f - w.ledger->effect), LN_PAY));
	world_replay(&w);
	const struct transfer *t = ledger_transfer(w.ledger, &c.id);
	CHECK(t->state == TRANSFER_SENT && t->destination_len == strlen(text));
	struct chain_event e = {.kind = CHAIN_LOCK_SPENT,
		.at = {.tx = hash},
		.amount = amount_of(ASSET_BTC, arrives ? PAYMENT_SAT + 3 : 0),
		.spend = arrives ? LOCK_SPEND_CLAIM : LOCK_SPEND_REFUND};
	ln_command_id(&e.tx, LN_PAY, &hash);
	if (arrives)
		e.preimage = w.preimage;
	world_chain_sub(&w, ln, e.amount);
	channel_tell(&w, &e);
	CHECK(t->state == (arrives ? TRANSFER_FINAL : TRANSFER_FAILED));
	CHECK(w.ledger->open_effect_count == 0 && !w.ledger->latched);
	channel_check_free(&w);
	world_end(&w);
}

/* ---- reconciliation ---- */

static void reconcile(struct world *w, uint64_t wallet, uint64_t locked, uint64_t limbo)
{
	CHECK(engine_reconciled_channels(w->engine, w->now, ln, amount_of(ASSET_BTC, wallet),
		      amount_of(ASSET_BTC, locked), amount_of(ASSET_BTC, limbo)) == OK);
}

static bool holds(const struct world *w, enum account a, uint64_t sat)
{
	return amount_cmp(ledger_balance(w->ledger, ln, a), amount_of(ASSET_BTC, sat)) == 0;
}

static void test_reconciled(void)
{
	struct world w;
	channel_begin(&w);
	reconcile(&w, FUNDS_SAT - 5000, 5000, 0);
	CHECK(!w.ledger->latched && w.ledger->layer[ln].reconciled);
	/* routing income is not explained, and ours */
	reconcile(&w, FUNDS_SAT + 12, 0, 0);
	CHECK(!w.ledger->latched && holds(&w, ACCOUNT_AVAILABLE, FUNDS_SAT + 12));
	CHECK(amount_cmp(ledger_balance_credit(w.ledger, ln, ACCOUNT_SUSPENSE_IN),
		      amount_of(ASSET_BTC, 12)) == 0);
	/* what is being closed by force can't be paid with */
	reconcile(&w, FUNDS_SAT + 12, 0, 700);
	CHECK(holds(&w, ACCOUNT_AVAILABLE, FUNDS_SAT - 688) &&
		holds(&w, ACCOUNT_CHANNEL_LIMBO, 700) && !w.ledger->latched);
	world_replay(&w);
	reconcile(&w, FUNDS_SAT + 12, 0, 0);
	CHECK(holds(&w, ACCOUNT_CHANNEL_LIMBO, 0) && !w.ledger->latched);
	/* HAZARDS 53: a satoshi less than the books */
	reconcile(&w, FUNDS_SAT + 11, 0, 0);
	CHECK(w.ledger->latched && w.ledger->layer[ln].difference_missing);
	w.chain[ln] = amount_of(ASSET_BTC, FUNDS_SAT + 12);
	world_block(&w, ln, NULL, 0);
	world_end(&w);
}

/* ---- settings ---- */

static void test_settings(void)
{
	struct world w;
	struct params_problem problem;
	channel_begin(&w);
	struct layer_params *p = &w.params.layer[ln];
	p->final_depth = 2;
	CHECK(!params_check(&w.params, &problem) && problem.layer == ln);
	*p = channel_params();
	p->depth[0].depth = 2;
	CHECK(!params_check(&w.params, &problem) && problem.layer == ln);
	*p = channel_params();
	p->fee_limit_ppm = 1000000;
	CHECK(!params_check(&w.params, &problem) && problem.layer == ln);
	/* no source outlives what a forced closing may take */
	*p = channel_params();
	p->force_close_blocks = 16000;
	CHECK(!params_check(&w.params, &problem) && problem.layer == ln);
	world_end(&w);
}

int main(void)
{
	test_payout(true);
	test_payout(false);
	test_reconciled();
	test_settings();
	return EXIT_SUCCESS;
}
