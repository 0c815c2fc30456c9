/* Time locks: rows 1, 2, 3, 5, 31. */
#include "client/rescue.h"
#include "world.h"

#define HOUR_MS UINT64_C(3600000)

static uint64_t now_of(const struct world *w)
{
	return loop_now_ms(w->loop);
}

static void expect_completed(struct world *w)
{
	hazard_expect(w, 0, SWAP_COMPLETED);
}

static void expect_refunded(struct world *w)
{
	hazard_expect(w, 0, SWAP_REFUNDED);
}

/* ---- 1: the client's lock-up is mined when it is too late for ours ---- */

#define LATE_BLOCKS 20u /* of Bitcoin, until its refund opens */

static void late_lock(struct world *w)
{
	const struct swap *s = hazard_swap(w, 0);
	if (s == NULL || w->hazard.met)
		return;
	hazard_hold_pool(w);
	const struct lock_fact *k = &s->source.lock[0];
	const bool late = nets_height(&w->nets, LAYER_BITCOIN) + LATE_BLOCKS >= s->source.timelock;
	if (s->source.lock_count == 0)
		return;
	hazard_hurry(w, true);
	if (late && k->height == 0) {
		hazard_hold_tx(w, LAYER_BITCOIN, &k->at.tx, false);
		hazard_met(w);
	}
}

static void expect_declined(struct world *w)
{
	hazard_expect(w, 0, SWAP_DECLINED);
}

/* ---- 2: ours waits for a block until it is too late ---- */

static void late_ours(struct world *w)
{
	const struct effect *f = hazard_effect(w, SIGN_LOCK);
	const struct swap *s = hazard_swap(w, 0);
	if (f == NULL || s == NULL)
		return;
	const bool open = nets_height(&w->nets, s->source.layer) >= s->source.timelock;
	for (uint32_t i = 0; i < f->variant_count; i++)
		if (!f->variant[i].calls_off)
			hazard_hold(w, f, i, i + 1, !open);
	hazard_hurry(w, true);
	if (open)
		hazard_met(w);
	const struct leg *ours = &s->dest;
	if (ours->bound != INDEX_NONE && ours->lock[ours->bound].height != 0)
		world_wrong(w, "our lock-up confirms when the client can take its own back");
}

/* ---- 3: the taker's machine sleeps until it is too late to tell ---- */

#define LATE_TELL_BLOCKS 8u /* of Rootstock, until our refund opens; a claim may take 10 */

static void late_tell(struct world *w)
{
	const struct swap *s = hazard_swap(w, 0);
	if (s == NULL || s->state < SWAP_DEST_LOCKING || s->dest.timelock == 0)
		return;
	const bool late = nets_height(&w->nets, s->dest.layer) + LATE_TELL_BLOCKS >=
		s->dest.timelock;
	const bool near = nets_height(&w->nets, s->dest.layer) + 3 * LATE_TELL_BLOCKS >=
			s->dest.timelock &&
		nets_height(&w->nets, s->dest.layer) < s->dest.timelock;
	taker_suspend(w, 0, !late);
	hazard_hurry(w, !near);
	if (late)
		hazard_met(w);
	const struct rescue *r = taker_rescue(w, 0);
	if (late && r != NULL && r->revealed)
		world_wrong(w, "the taker tells the preimage with less than a claim's time left");
}

/* ---- 5: the clock jumps past 2038 and back ---- */

static void clock_jumps(struct world *w)
{
	const struct swap *s = hazard_swap(w, 0);
	struct hazard_run *run = &w->hazard;
	if (s == NULL)
		return;
	if (run->phase == 0 && s->state == SWAP_DEST_LOCKING) {
		run->phase = 1;
		run->since_ms = now_of(w);
		run->count = loop_wall_ms(w->loop);
		taker_suspend(w, 0, true);
		loop_set_wall(w->loop, run->count + UINT64_C(20) * 365 * 24 * HOUR_MS);
		hazard_met(w);
	} else if (run->phase == 1 && now_of(w) > run->since_ms + 300000) {
		run->phase = 2;
		loop_set_wall(w->loop, run->count - 2 * HOUR_MS);
		taker_suspend(w, 0, false);
	}
}

/* ---- 31: the other side never comes back ---- */

static void gone(struct world *w)
{
	const struct swap *s = hazard_swap(w, 0);
	if (s == NULL || s->state < SWAP_DEST_LOCKING)
		return;
	taker_suspend(w, 0, s->state != SWAP_REFUNDED);
	hazard_hurry(w, true);
	hazard_met(w);
}

const struct hazard hazards_time[] = {
	{.name = "late-lock",
		.row = 1,
		.about = "the client's lock-up is mined when ours would outlive it",
		SWAP_FROM(LAYER_BITCOIN),
		.turn = late_lock,
		.end = expect_declined,
		.mutant = {MUTANT_LATE_LOCK_ANSWERED},
		.mutant_count = 1,
		.settle_minutes = 600},
	{.name = "late-ours",
		.row = 2,
		.about = "our lock-up waits for a block until the client could take both",
		SWAP_FROM(LAYER_ROOTSTOCK),
		.turn = late_ours,
		.mutant = {MUTANT_LATE_LOCK_NOT_CALLED_OFF},
		.mutant_count = 1,
		.settle_minutes = 600},
	{.name = "late-reveal",
		.row = 3,
		.about = "the taker's machine wakes up when our refund is about to open",
		SWAP_FROM(LAYER_BITCOIN),
		.turn = late_tell,
		.end = expect_refunded,
		.mutant = {MUTANT_LATE_REVEAL},
		.mutant_count = 1,
		.settle_minutes = 600},
	{.name = "clock-jumps",
		.row = 5,
		.about = "the wall clock jumps past 2038 and back to the past",
		SWAP_FROM(LAYER_BITCOIN),
		.turn = clock_jumps,
		.end = expect_completed,
		.mutant = {MUTANT_CLOCK_OPENS_REFUND},
		.mutant_count = 1},
	{.name = "taker-gone",
		.row = 31,
		.about = "the taker is gone when both sides are locked",
		SWAP_FROM(LAYER_BITCOIN),
		.turn = gone,
		.end = expect_refunded,
		.mutant = {MUTANT_NO_REFUND},
		.mutant_count = 1,
		.settle_minutes = 600},
};
const size_t hazards_time_count = ARRAY_LEN(hazards_time);
