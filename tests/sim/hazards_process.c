/* The process, its signer and its books: rows 27, 29, 32, 33, 35, 43 to 46, 50 and 53. */
#include <stdio.h>

#include "base/hex.h"
#include "client/rescue.h"
#include "layer/layer.h"
#include "sim/bitcoin.h"
#include "world.h"

#define MINUTE_MS UINT64_C(60000)
#define CUTS_MAX 12u

static uint64_t now_of(const struct world *w)
{
	return loop_now_ms(w->loop);
}

static void expect_completed(struct world *w)
{
	hazard_expect(w, 0, SWAP_COMPLETED);
}

static void id_of_first(char out[HAZARD_ID_SIZE], const struct effect *f)
{
	hazard_id(out, f->layer, &f->variant[0].txid);
}

/* ---- 27: the payment hash of a swap, offered again ---- */

static void on_offered(void *ctx, const struct http_answer *answer)
{
	struct world *w = ctx;
	if (answer->err == OK)
		hazard_met(w);
}

static void hash_again(struct world *w)
{
	const struct rescue *r = taker_rescue(w, 0);
	struct hazard_run *run = &w->hazard;
	if (r == NULL || !r->has_swap_id || run->phase > 0 || hazard_swap(w, 0) == NULL)
		return;
	run->phase = 1;
	const struct http_request request = {.method = "POST",
		.url = "http://provider/v1/swaps",
		.content_type = "application/json",
		.extra_header = "Idempotency-Key: another-0123456789abcdef",
		.body = slice_str(r->request),
		.timeout_ms = 15000};
	CHECK(http_client_send(w->operator, NULL, &request, on_offered, w) == OK);
}

/* ---- 29: it was done, and the answer is lost; 43: it was done, and then refused ---- */

static void answers_lost(struct world *w)
{
	if (w->hazard.met || hazard_effect(w, SIGN_PAYOUT) == NULL || w->calm_ms == 0)
		return;
	nets_node_lever(&w->nets, LAYER_BITCOIN, "sim_fault",
		"[\"sendrawtransaction\", \"lost_reply\", 3]");
	hazard_met(w);
}

static void refused_later(struct world *w)
{
	if (w->hazard.met || hazard_effect(w, SIGN_PAYOUT) == NULL || w->calm_ms == 0)
		return;
	nets_node_lever(&w->nets, LAYER_BITCOIN, "sim_fault",
		"[\"sendrawtransaction\", \"lost_reply\", 1]");
	nets_node_lever(&w->nets, LAYER_BITCOIN, "sim_fault",
		"[\"sendrawtransaction\", \"error\", 2, -26]");
	hazard_met(w);
}

/* ---- 43: the first variant is mined after it was replaced ---- */

static void first_mined(struct world *w)
{
	const struct effect *f = hazard_effect(w, SIGN_PAYOUT);
	struct hazard_run *run = &w->hazard;
	char id[HAZARD_ID_SIZE];
	if (f == NULL || f->variant_count == 0 || run->met)
		return;
	id_of_first(id, f);
	if (f->variant_count == 1) {
		hazard_hold(w, f, 0, 1, true);
		if (run->text != NULL || !f->submitted)
			return;
		const struct slice raw = json_string(
			nets_lever(&w->nets, LAYER_BITCOIN, "getrawtransaction", "[\"%s\"]", id));
		run->text = sim_copy(raw.ptr, raw.len + 1);
		return;
	}
	hazard_hold(w, f, 1, f->variant_count, true);
	if (run->text == NULL || run->phase++ < 40) /* until a node has the second one */
		return;
	for (uint32_t i = 1; i < f->variant_count; i++) {
		hazard_id(id, f->layer, &f->variant[i].txid);
		nets_try(&w->nets, LAYER_BITCOIN, "sim_evict", "[\"%s\"]", id);
	}
	(void)nets_lever(&w->nets, LAYER_BITCOIN, "sendrawtransaction", "[\"%s\"]", run->text);
	hazard_hold(w, f, 0, 1, false);
	nets_mine(&w->nets, LAYER_BITCOIN, 1);
	hazard_met(w);
}

/* ---- 32: the power fails whenever anything has changed ---- */

static uint64_t standing(const struct ledger *l)
{
	uint64_t sum = l->swap_count + l->transfer_count;
	for (uint32_t i = 0; i < l->swap_count; i++)
		sum = sum * 31 + (uint64_t)l->swap[i].state;
	for (uint32_t i = 0; i < l->effect_count; i++)
		sum = sum * 31 + (uint64_t)l->effect[i].state * 7 + l->effect[i].variant_count +
			l->effect[i].submitted;
	return sum;
}

static void cut_at_each(struct world *w)
{
	const struct ledger *l = host_ledger(&w->host);
	struct hazard_run *run = &w->hazard;
	if (l == NULL || w->plan_next == 0 || run->phase >= CUTS_MAX)
		return;
	const uint64_t now = standing(l);
	if (now == run->count)
		return;
	run->count = now;
	if (++run->phase == CUTS_MAX)
		hazard_met(w);
	host_kill(&w->host, true);
}

/* ---- 33: a nonce was given out and its transaction is refused ---- */

static void refused_nonce(struct world *w)
{
	if (w->payout_count != 1 || w->hazard.met)
		return;
	w->keeper.refuse_until_ms = now_of(w) + MINUTE_MS;
	hazard_met(w);
}

/* ---- 35, 53: money leaves without the books' knowing ---- */

static void money_leaves(struct world *w)
{
	const struct ledger *l = host_ledger(&w->host);
	struct hazard_run *run = &w->hazard;
	if (l == NULL || w->plan_next < w->plan.count)
		return;
	if (run->phase == 0 && now_of(w) > w->calm_ms + MINUTE_MS) {
		struct evm_address account;
		char hex[2 * sizeof account.b + 1];
		CHECK(wallet_account(&account, &w->keeper.wallet, LAYER_ROOTSTOCK) == OK);
		hex_encode(hex, account.b, sizeof account.b);
		/* one of five */
		(void)nets_lever(&w->nets, LAYER_ROOTSTOCK, "anvil_setBalance",
			"[\"0x%s\", \"0x3782dace9d900000\"]", hex);
		run->phase = 1;
		run->since_ms = now_of(w);
		hazard_met(w);
	}
	if (run->phase == 1 && l->latched)
		run->phase = 2;
	if (run->phase == 2 && !l->latched)
		world_wrong(w, "the latch opens while money is missing");
	if (run->phase == 1 && now_of(w) > run->since_ms + 5 * MINUTE_MS)
		world_wrong(w, "money is missing, and nobody says so");
}

static void expect_latched(struct world *w)
{
	if (w->hazard.phase != 2)
		world_wrong(w, "nothing is latched");
}

/* ---- 44: the power fails at the first write after a request ---- */

static void cut_at_answer(struct world *w)
{
	struct hazard_run *run = &w->hazard;
	if (w->payout_count == 0 || run->met || host_ledger(&w->host) == NULL)
		return;
	w->host.cut_clean = true;
	w->host.cut_in = 1;
	hazard_met(w);
}

/* ---- 45: back from an old copy of the disk ---- */

static void old_backup(struct world *w)
{
	const struct ledger *l = host_ledger(&w->host);
	struct hazard_run *run = &w->hazard;
	if (l == NULL)
		return;
	if (run->phase == 0 && w->plan_next == 0 && now_of(w) > 11 * MINUTE_MS) {
		run->disk = file_sim_copy(w->host.disk);
		run->phase = 1;
	} else if (run->phase == 1 && l->transfer_count == 1 &&
		l->transfer[0].state == TRANSFER_FINAL) {
		host_kill(&w->host, false);
		w->host.after = run->disk;
		run->disk = NULL;
		w->host.check = false; /* nothing of what was is expected */
		file_sim_destroy(w->host.full);
		w->host.full = NULL;
		run->phase = 2;
		run->since_ms = now_of(w);
		hazard_met(w);
	} else if (run->phase == 2 && l->latched) {
		run->phase = 3;
	}
}

static void expect_noticed(struct world *w)
{
	if (w->hazard.phase != 3)
		world_wrong(w, "the provider does not notice what its keys signed");
}

/* ---- 46: the signer's power fails after each answer ---- */

static void signer_cut(struct world *w)
{
	struct hazard_run *run = &w->hazard;
	if (w->keeper.answered == run->count)
		return;
	run->count = w->keeper.answered;
	keeper_cut(&w->keeper);
	hazard_met(w);
}

/* ---- 50: more wei than 64 bits hold ---- */

static void wide(struct world *w)
{
	if (w->calm_ms == 0 || w->hazard.met)
		return;
	struct evm_address account;
	CHECK(wallet_account(&account, &w->keeper.wallet, LAYER_ROOTSTOCK) == OK);
	const struct slice at = slice_of(account.b, sizeof account.b);
	if (amount_cmp(nets_holds(&w->nets, LAYER_ROOTSTOCK, at),
		    amount_of(ASSET_RBTC, UINT64_MAX)) > 0)
		hazard_met(w);
}

const struct hazard hazards_process[] = {
	{.name = "hash-again",
		.row = 27,
		.about = "the payment hash of a swap is offered again",
		SWAP_FROM(LAYER_BITCOIN),
		.turn = hash_again,
		.end = expect_completed,
		.mutant = {MUTANT_HASH_TWICE},
		.mutant_count = 1},
	{.name = "answers-lost",
		.row = 29,
		.about = "a payout is sent, and the node's answers are lost",
		PAYOUT_ON(LAYER_BITCOIN),
		.turn = answers_lost,
		.mutant = {MUTANT_UNKNOWN_IS_FAILED},
		.mutant_count = 1},
	{.name = "cut-at-each",
		.row = 32,
		.about = "the power fails whenever anything has changed",
		.work = {{.kind = PLAN_SWAP, .layer = LAYER_BITCOIN},
			{.kind = PLAN_PAYOUT, .layer = LAYER_ROOTSTOCK}},
		.work_count = 2,
		.turn = cut_at_each,
		.mutant = {MUTANT_EFFECTS_FORGOTTEN},
		.mutant_count = 1,
		.settle_minutes = 120},
	{.name = "nonce-refused",
		.row = 33,
		.about = "a nonce was given out, and the signer refuses its transaction",
		.work = {{.kind = PLAN_PAYOUT, .layer = LAYER_ROOTSTOCK},
			{.kind = PLAN_PAYOUT, .layer = LAYER_ROOTSTOCK, .after_ms = 2 * MINUTE_MS}},
		.work_count = 2,
		.turn = refused_nonce,
		.mutant = {MUTANT_NONCE_LEFT},
		.mutant_count = 1,
		.settle_minutes = 30},
	{.name = "latch-kept",
		.row = 35,
		.about = "the operator opens the latch while money is missing",
		.work = {{.kind = PLAN_DEPOSIT, .layer = LAYER_BITCOIN}},
		.work_count = 1,
		.turn = money_leaves,
		.end = expect_latched,
		.lax = HAZARD_LATCHES | HAZARD_UNEQUAL | HAZARD_STAYS,
		.mutant = {MUTANT_LATCH_OPENS},
		.mutant_count = 1,
		.settle_minutes = 12},
	{.name = "refused-later",
		.row = 43,
		.about = "a node has a payout, and refuses it when it is sent again",
		PAYOUT_ON(LAYER_BITCOIN),
		.turn = refused_later,
		.mutant = {MUTANT_REFUSED_IS_VOID},
		.mutant_count = 1},
	{.name = "first-mined",
		.row = 43,
		.about = "the first transaction of a payout is mined after it was replaced",
		PAYOUT_ON(LAYER_BITCOIN),
		.turn = first_mined,
		.mutant = {MUTANT_LAST_VARIANT_ONLY},
		.mutant_count = 1},
	{.name = "cut-at-answer",
		.row = 44,
		.about = "the power fails at the first write after a request",
		PAYOUT_ON(LAYER_BITCOIN),
		.turn = cut_at_answer,
		.mutant = {MUTANT_ANSWER_EARLY},
		.mutant_count = 1},
	{.name = "old-backup",
		.row = 45,
		.about = "the provider comes back from an old copy of its disk",
		PAYOUT_ON(LAYER_BITCOIN),
		.turn = old_backup,
		.end = expect_noticed,
		.lax = HAZARD_LATCHES | HAZARD_FORGETS | HAZARD_STAYS,
		.mutant = {MUTANT_UNKNOWN_SPEND_ALLOWED},
		.mutant_count = 1,
		.settle_minutes = 20},
	{.name = "signer-cut",
		.row = 46,
		.about = "the signer's power fails after each answer",
		SWAP_FROM(LAYER_ROOTSTOCK),
		.turn = signer_cut,
		.end = expect_completed,
		.mutant = {MUTANT_SIGNER_ANSWERS_EARLY},
		.mutant_count = 1},
	{.name = "wide-amounts",
		.row = 50,
		.about = "more wei than 64 bits hold",
		.work = {{.kind = PLAN_DEPOSIT, .layer = LAYER_ROOTSTOCK, .sat = 2500000000u}},
		.work_count = 1,
		.turn = wide,
		.mutant = {MUTANT_WEI_OF_64_BITS},
		.mutant_count = 1},
	{.name = "money-leaves",
		.row = 53,
		.about = "money leaves the account without the books' knowing",
		.work = {{.kind = PLAN_DEPOSIT, .layer = LAYER_BITCOIN}},
		.work_count = 1,
		.turn = money_leaves,
		.end = expect_latched,
		.lax = HAZARD_LATCHES | HAZARD_UNEQUAL | HAZARD_STAYS,
		.mutant = {MUTANT_DIFFERENCE_IGNORED},
		.mutant_count = 1,
		.settle_minutes = 12},
};
const size_t hazards_process_count = ARRAY_LEN(hazards_process);
