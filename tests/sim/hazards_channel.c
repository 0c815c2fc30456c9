/* Lightning: rows 4, 27 to 31, 49 and 53. */
#include <stdio.h>

#include "client/rescue.h"
#include "sim/lightning_internal.h"
#include "world.h"

#define MINUTE_MS UINT64_C(60000)
#define LIE_MS (5 * MINUTE_MS)
#define PARTS 3u
#define EARNED_MSAT UINT64_C(1000)
#define DRAINED_MSAT UINT64_C(1000000000)
#define BUSY_MS (5 * MINUTE_MS)
#define GIVEN_BACK_BLOCKS 30u /* after our refund */

static uint64_t now_of(const struct world *w)
{
	return loop_now_ms(w->loop);
}

static void expect_completed(struct world *w)
{
	hazard_expect(w, 0, SWAP_COMPLETED);
}

static enum lnds_state payment(const struct world *w)
{
	const struct rescue *r = taker_rescue(w, 0);
	return r == NULL ? LNDS_UNPAID : lnds_state(&w->nets, &r->hash);
}

static uint64_t held_sat(const struct world *w)
{
	const struct rescue *r = taker_rescue(w, 0);
	uint64_t gives_up;
	return r == NULL ? 0 : lnds_held(&w->nets, &gives_up, &r->hash);
}

/* The provider's node lies from now on, for so long. */
static void lie(struct world *w, enum simln_lie what)
{
	w->nets.lnds.lie = what;
	w->nets.lnds.lie_until_ms = now_of(w) + LIE_MS;
	simln_set_lie(w->nets.lnds.ln, SIMLN_ALICE, what, true);
}

/* ---- 4: the node says that the chain is a thousand blocks longer ---- */

static void height_lies(struct world *w)
{
	if (w->hazard.met || payment(w) != LNDS_UNDER_WAY)
		return;
	lie(w, SIMLN_LIE_HEIGHT);
	hazard_met(w);
}

/* ---- 27: the invoice of a swap, to be paid again ---- */

static void on_refused(void *ctx, const struct http_answer *answer)
{
	struct world *w = ctx;
	if (answer->err != OK)
		return;
	hazard_met(w);
	if (answer->status < 400)
		world_wrong(w, "the invoice of a swap is taken for a payout as well");
}

static void paid_again(struct world *w)
{
	const struct rescue *r = taker_rescue(w, 0);
	struct hazard_run *run = &w->hazard;
	char body[1024], amount[AMOUNT_TEXT_SIZE];
	if (payment(w) != LNDS_PAID || run->phase > 0)
		return;
	run->phase = 1;
	amount_format(amount, r->leg[SIDE_DEST].amount);
	(void)snprintf(body, sizeof body,
		"{\"layer\":\"lightning\",\"to\":\"%s\",\"amount\":\"%s\"}",
		simln_find(w->nets.lnds.ln, &r->hash)->request, amount);
	const struct http_request request = {.method = "POST",
		.url = "http://provider/v1/transfers",
		.content_type = "application/json",
		.authorization = "Bearer " HOST_TOKEN,
		.extra_header = "Idempotency-Key: again-0123456789abcdef",
		.body = slice_str(body),
		.timeout_ms = 15000};
	CHECK(http_client_send(w->operator, NULL, &request, on_refused, w) == OK);
}

/* ---- 28: the node calls a payment failed whose parts are under way ---- */

static void part_fails(struct world *w)
{
	if (w->hazard.phase == 0 && hazard_swap(w, 0) != NULL) {
		simln_set_parts(w->nets.lnds.ln, PARTS, 1); /* so that it is not over at once */
		w->nets.lnds.parts_until_ms = now_of(w) + LIE_MS;
		w->hazard.phase = 1;
	}
	if (w->hazard.met || payment(w) != LNDS_UNDER_WAY)
		return;
	w->nets.lnds.parts_until_ms = now_of(w) + MINUTE_MS;
	lie(w, SIMLN_LIE_FAILED);
	simln_cut(w->nets.lnds.ln, SIMLN_ALICE); /* so that it is asked again */
	hazard_met(w);
}

/* ---- 29: the node pays, and its answer is lost ---- */

static void payment_unknown(struct world *w)
{
	if (w->hazard.met || hazard_swap(w, 0) == NULL)
		return;
	nets_node_lever(
		&w->nets, LAYER_LIGHTNING, "sim_fault", "[\"/v2/router/send\", \"lost_reply\", 1]");
	hazard_met(w);
}

/* ---- 30: the node calls an invoice held of which a part never came ---- */

static void part_missing(struct world *w)
{
	struct hazard_run *run = &w->hazard;
	if (run->phase == 0 && hazard_swap(w, 0) != NULL) {
		simln_set_parts(w->nets.lnds.ln, PARTS, 1);
		w->nets.lnds.parts_until_ms = now_of(w) + LIE_MS;
		lie(w, SIMLN_LIE_HELD);
		run->phase = 1;
	}
	if (held_sat(w) > 0)
		hazard_met(w);
}

/* ---- 31: the client has paid, and never claims ---- */

static void client_silent(struct world *w)
{
	const struct swap *s = hazard_swap(w, 0);
	const struct effect *refund = hazard_effect(w, SIGN_REFUND);
	if (s == NULL || payment(w) != LNDS_UNDER_WAY)
		return;
	taker_suspend(w, 0, true);
	hazard_hurry(w, true);
	if (refund == NULL || refund->confirmed_height == 0)
		return;
	hazard_met(w);
	if (nets_height(&w->nets, LAYER_BITCOIN) > refund->confirmed_height + GIVEN_BACK_BLOCKS)
		world_wrong(w, "we have ours back, and still hold what the client has paid");
}

static void client_comes_back(struct world *w)
{
	if (w->hazard.met && payment(w) != LNDS_UNDER_WAY)
		taker_suspend(w, 0, false);
	client_silent(w);
}

/* ---- 31: the other node is gone, and the channel is closed by force while a payment is in it ----
 */

static void channel_closed(struct world *w)
{
	if (w->hazard.met || hazard_effect(w, SIGN_LOCK) == NULL || payment(w) != LNDS_UNDER_WAY)
		return;
	simln_close(w->nets.lnds.ln);
	hazard_met(w);
}

/* ---- 49: the node gives up what it holds some blocks before it expires ---- */

static void held(struct world *w)
{
	if (hazard_effect(w, SIGN_LOCK) != NULL && payment(w) == LNDS_UNDER_WAY)
		hazard_met(w);
}

/* ---- 53: money leaves a channel that never rests ---- */

static void busy_drained(struct world *w)
{
	const struct ledger *l = host_ledger(&w->host);
	struct hazard_run *run = &w->hazard;
	if (l == NULL || w->calm_ms == 0 || !l->layer[LAYER_LIGHTNING].born)
		return;
	/* what forwarding earns, at each step of the world */
	CHECK(simln_move(w->nets.lnds.ln, SIMLN_BOB, EARNED_MSAT) == OK);
	if (run->since_ms == 0)
		run->since_ms = now_of(w);
	const uint64_t wall = WORLD_START_MS + run->since_ms;
	if (run->phase == 0 && l->latched)
		world_wrong(w, "latched, and nothing is missing");
	if (run->phase == 0 && now_of(w) > run->since_ms + BUSY_MS) {
		if (l->layer[LAYER_LIGHTNING].reconciled_ms < wall)
			world_wrong(w, "a channel that never rests is never reconciled");
		CHECK(simln_move(w->nets.lnds.ln, SIMLN_ALICE, DRAINED_MSAT) == OK);
		run->phase = 1;
		run->since_ms = now_of(w);
		hazard_met(w);
	}
	if (run->phase == 1 && !l->latched && now_of(w) > run->since_ms + BUSY_MS)
		world_wrong(w, "money left the channel, and that is not seen");
}

const struct hazard hazards_channel[] = {
	{.name = "height-lies",
		.row = 4,
		.about = "the node says that the chain is a thousand blocks longer",
		SWAP_BETWEEN(LAYER_LIGHTNING, LAYER_BITCOIN),
		.turn = height_lies,
		.mutant = {MUTANT_HEIGHT_BELIEVED},
		.mutant_count = 1},
	{.name = "invoice-again",
		.row = 27,
		.about = "the invoice of a swap is to be paid out to as well",
		SWAP_BETWEEN(LAYER_BITCOIN, LAYER_LIGHTNING),
		.turn = paid_again,
		.end = expect_completed,
		.mutant = {MUTANT_HASH_TWICE},
		.mutant_count = 1},
	{.name = "part-fails",
		.row = 28,
		.about = "the node calls a payment failed whose parts are under way",
		SWAP_BETWEEN(LAYER_BITCOIN, LAYER_LIGHTNING),
		.turn = part_fails,
		.end = expect_completed,
		.mutant = {MUTANT_PART_FAILED_IS_FAILED},
		.mutant_count = 1},
	{.name = "payment-unknown",
		.row = 29,
		.about = "the node pays, and its answer is lost",
		SWAP_BETWEEN(LAYER_BITCOIN, LAYER_LIGHTNING),
		.turn = payment_unknown,
		.end = expect_completed,
		.mutant = {MUTANT_UNKNOWN_IS_FAILED},
		.mutant_count = 1},
	{.name = "part-missing",
		.row = 30,
		.about = "the node calls an invoice held of which a part never came",
		SWAP_BETWEEN(LAYER_LIGHTNING, LAYER_BITCOIN),
		.turn = part_missing,
		.mutant = {MUTANT_INVOICE_BELIEVED},
		.mutant_count = 1},
	{.name = "client-silent",
		.row = 31,
		.about = "the client has paid, and never claims",
		SWAP_BETWEEN(LAYER_LIGHTNING, LAYER_BITCOIN),
		.turn = client_comes_back,
		.mutant = {MUTANT_NEVER_CANCELLED},
		.mutant_count = 1,
		.settle_minutes = 600},
	{.name = "closed-paying",
		.row = 31,
		.about = "the channel is closed by force while we pay the client",
		SWAP_BETWEEN(LAYER_BITCOIN, LAYER_LIGHTNING),
		.turn = channel_closed,
		.end = expect_completed,
		.lax = HAZARD_LATCHES | HAZARD_UNEQUAL},
	{.name = "closed-paid",
		.row = 31,
		.about = "the channel is closed by force while we hold what the client paid",
		SWAP_BETWEEN(LAYER_LIGHTNING, LAYER_BITCOIN),
		.turn = channel_closed,
		.end = expect_completed,
		.lax = HAZARD_LATCHES | HAZARD_UNEQUAL},
	{.name = "gives-up-early",
		.row = 49,
		.about = "the node gives up what it holds some blocks before it expires",
		SWAP_BETWEEN(LAYER_LIGHTNING, LAYER_BITCOIN),
		.turn = held,
		.end = expect_completed,
		.mutant = {MUTANT_MARGIN_IGNORED},
		.mutant_count = 1},
	{.name = "busy-drained",
		.row = 53,
		.about = "money leaves a channel that never rests",
		.work = {{.kind = PLAN_DEPOSIT, .layer = LAYER_BITCOIN}},
		.work_count = 1,
		.lightning = true,
		.turn = busy_drained,
		.lax = HAZARD_LATCHES | HAZARD_UNEQUAL | HAZARD_STAYS,
		.mutant = {MUTANT_DIFFERENCE_IGNORED},
		.mutant_count = 1,
		.settle_minutes = 15},
};
const size_t hazards_channel_count = ARRAY_LEN(hazards_channel);
