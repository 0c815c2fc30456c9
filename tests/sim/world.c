#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
#include "node/log.h"

#define FUND_MS 30000u /* the first deposits */
#define FUND_BITCOIN_SAT 60000000u
#define FUND_BITCOIN_COINS 6u
#define FUND_ROOTSTOCK_SAT 500000000u
#define TAKER_COINS "5"
#define GAS_COINS "1" /* where they are others */
#define STEP_MAX_MS 1000u
#define CHECK_EVERY_MS 5000u
#define FOLD_EVERY_MS 1800000u
/* After the last fault everything must end: the longest time lock, and some. */
#define LIVENESS_MS (UINT64_C(20) * 3600 * 1000)
#define AFTER_BLOCKS 3u
#define AFTER_MS 30000u
#define SETTLE_MINUTE_MS UINT64_C(60000)

static uint64_t now_of(const struct world *w)
{
	return loop_now_ms(w->loop);
}

void world_say(struct world *w, enum trace_lane lane, enum trace_kind kind, const char *fmt, ...)
{
	char text[TRACE_TEXT_MAX];
	va_list args;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	trace_say(&w->trace, now_of(w), lane, kind, "%s", text);
}

void world_wrong(struct world *w, const char *fmt, ...)
{
	char text[TRACE_TEXT_MAX];
	va_list args;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	if (w->wrong++ == 0)
		memcpy(w->wrong_text, text, sizeof text);
	if (w->wrong <= 20)
		trace_say(&w->trace, now_of(w), LANE_WORLD, TRACE_WRONG, "%s", text);
}

static void on_log(void *ctx, enum log_level level, const char *text)
{
	struct world *w = ctx;
	if (level != LOG_INFO)
		world_say(w, LANE_PROVIDER, TRACE_NOTE, "%.160s", text);
}

void world_block(struct world *w, enum layer_id layer)
{
	w->blocks_moved[layer] = true;
	if (layer == LAYER_BITCOIN)
		lnds_follow(&w->nets);
	if (layer == LAYER_BITCOIN)
		world_say(w, LANE_BITCOIN, TRACE_BLOCK, "block %llu",
			(unsigned long long)nets_height(&w->nets, layer));
}

/* ---- running ---- */

static void do_item(struct world *w, const struct plan_item *item, uint32_t number)
{
	if (item->left_out)
		return;
	switch (item->kind) {
	case PLAN_SWAP: takers_begin(w, item, number); return;
	case PLAN_PAYOUT: operator_pay(w, item, number); return;
	case PLAN_DEPOSIT: operator_deposit(w, item->layer, item->a); return;
	case PLAN_POWER:
	case PLAN_KILL:
	case PLAN_SIGNER_POWER:
	case PLAN_SIGNER_DOWN:
	case PLAN_SIGNER_REFUSES:
	case PLAN_SIGNER_TWICE:
	case PLAN_TAKER_KILL:
	case PLAN_NODE_DOWN:
	case PLAN_NODE_STALLS:
	case PLAN_NODE_TWICE:
	case PLAN_NODE_SPOILS:
	case PLAN_NODE_LIES:
	case PLAN_NODE_SLOW:
	case PLAN_REORG:
	case PLAN_FEES:
	case PLAN_FREEZE:
	case PLAN_EVICT:
	case PLAN_CLOCK:
	case PLAN_DISK_FAILS:
	case PLAN_DISK_STRAYS:
	case PLAN_DISK_FULL:
	case PLAN_DISK_SLOW:
	case PLAN_CHANNEL_PARTS:
	case PLAN_CHANNEL_CUT:
	case PLAN_CHANNEL_FEE:
	case PLAN_KINDS: faults_strike(w, item); return;
	}
}

static void do_plan(struct world *w)
{
	while (w->plan_next < w->plan.count && w->plan.item[w->plan_next].at_ms <= now_of(w)) {
		do_item(w, &w->plan.item[w->plan_next], w->plan_next);
		w->plan_next++;
	}
}

static void fund_gas(struct world *w, const struct evm_address *account, const char *coins)
{
	if (layer_gas_apart(nets_other(&w->nets)))
		nets_fund_gas(&w->nets, account, coins);
}

/* Takers have coins and gas before they begin. */
static void fund_takers(struct world *w)
{
	for (uint32_t i = 0; i < w->plan.count; i++) {
		struct evm_address account;
		char hex[41];
		if (w->plan.item[i].kind != PLAN_SWAP)
			continue;
		taker_account(&account, w->seed, i);
		hex_encode(hex, account.b, sizeof account.b);
		(void)nets_lever(&w->nets, nets_other(&w->nets),
			nets_fund_method(nets_other(&w->nets)), "[\"0x%s\", \"" TAKER_COINS "\"]",
			hex);
		fund_gas(w, &account, GAS_COINS);
	}
}

static void fund(struct world *w)
{
	fund_takers(w);
	for (unsigned i = 0; i < FUND_BITCOIN_COINS; i++)
		operator_deposit(w, LAYER_BITCOIN, FUND_BITCOIN_SAT);
	operator_deposit(w, nets_other(&w->nets), FUND_ROOTSTOCK_SAT);
	struct evm_address account;
	CHECK(wallet_account(&account, &w->keeper.wallet, nets_other(&w->nets)) == OK);
	const bool little = w->plan.hazard != NULL && w->plan.hazard->gas != NULL;
	fund_gas(w, &account, little ? w->plan.hazard->gas : GAS_COINS);
}

/* One step of everybody. The wait never passes the next item of the plan. */
static void step(struct world *w)
{
	uint64_t wait = w->host.wait_ms < STEP_MAX_MS ? w->host.wait_ms : STEP_MAX_MS;
	if (w->plan_next < w->plan.count) {
		const uint64_t at = w->plan.item[w->plan_next].at_ms;
		if (at < now_of(w) + wait)
			wait = at > now_of(w) ? at - now_of(w) : 0;
	}
	(void)loop_step(w->loop, wait);
	host_turn(&w->host);
	takers_turn(w);
	do_plan(w);
	faults_turn(w);
	const struct ledger *l = host_ledger(&w->host);
	for (unsigned i = 0; l != NULL && i < w->nets.count; i++) {
		const enum layer_id layer = w->nets.place[i];
		w->birth[layer] = l->layer[layer].born ? l->layer[layer].birth.height : 0;
	}
	operator_turn(w);
	rules_step(w);
	if (w->plan.hazard != NULL && w->plan.hazard->turn != NULL)
		w->plan.hazard->turn(w);
	w->steps++;
}

/* Books and chain are compared when the books have caught up with a block. */
static void check_moved(struct world *w)
{
	const struct ledger *l = host_ledger(&w->host);
	struct hash256 tip;
	for (unsigned i = 0; l != NULL && i < w->nets.count; i++) {
		const enum layer_id layer = w->nets.place[i];
		if (!w->blocks_moved[layer])
			continue;
		nets_tip(&tip, &w->nets, layer);
		if (!hash256_eq(&tip, &l->layer[layer].tip.hash))
			continue;
		w->blocks_moved[layer] = false;
		check_block(w, layer);
	}
}

static void run_until(struct world *w, uint64_t end_ms, bool settle)
{
	uint64_t check_ms = now_of(w), fold_ms = now_of(w) + FOLD_EVERY_MS;
	while (now_of(w) < end_ms && w->wrong == 0) {
		step(w);
		if (now_of(w) < check_ms)
			continue;
		check_ms = now_of(w) + CHECK_EVERY_MS;
		check_step(w);
		check_moved(w);
		if (now_of(w) >= fold_ms) {
			check_fold(w);
			check_media(w);
			fold_ms = now_of(w) + FOLD_EVERY_MS;
		}
		const bool waits = w->plan.hazard != NULL && !w->hazard.met;
		if (settle && !waits && takers_done(w) && check_settled(w))
			return;
	}
}

bool world_lax(const struct world *w, enum hazard_lax what)
{
	return w->plan.hazard != NULL && (w->plan.hazard->lax & what) != 0;
}

static uint64_t liveness_ms(const struct world *w)
{
	const struct hazard *h = w->plan.hazard;
	if (h == NULL)
		return LIVENESS_MS;
	return SETTLE_MINUTE_MS *
		(h->settle_minutes != 0 ? h->settle_minutes : HAZARD_SETTLE_MINUTES);
}

static void end_hazard(struct world *w)
{
	w->hazard.unmet = !w->hazard.met;
	if (!w->hazard.met)
		world_wrong(w, "%s did not come about", w->plan.hazard->name);
	else if (w->plan.hazard->end != NULL)
		w->plan.hazard->end(w);
}

/* What is settled stays so: whatever mempools still hold is mined, and seen. */
static void run_on(struct world *w)
{
	nets_mine(&w->nets, LAYER_BITCOIN, AFTER_BLOCKS);
	nets_mine(&w->nets, nets_other(&w->nets), AFTER_BLOCKS);
	run_until(w, now_of(w) + AFTER_MS, false);
	run_until(w, now_of(w) + SETTLE_MINUTE_MS, !world_lax(w, HAZARD_STAYS));
}

void world_run(struct world *w)
{
	nets_start(&w->nets);
	run_until(w, FUND_MS, false);
	fund(w);
	const uint64_t last = w->plan.count == 0 ? 0 : w->plan.item[w->plan.count - 1].at_ms;
	run_until(w, last + 1, false);
	do_plan(w);
	faults_end(w);
	w->calm_ms = now_of(w);
	const uint64_t end_ms = w->calm_ms + liveness_ms(w);
	run_until(w, end_ms, !world_lax(w, HAZARD_STAYS));
	if (w->wrong == 0)
		run_on(w);
	if (w->plan.sockets)
		world_say(w, LANE_WORLD, TRACE_NOTE,
			"sockets: %llu connections, %llu requests, answers in %llu pieces, %llu "
			"broken off",
			(unsigned long long)w->door.connections,
			(unsigned long long)w->door.requests, (unsigned long long)w->door.pieces,
			(unsigned long long)w->door.broken);
	if (w->wrong == 0)
		check_end(w);
	if (w->wrong == 0 && now_of(w) >= end_ms && !world_lax(w, HAZARD_STAYS))
		world_wrong(w, "not everything is settled long after the last fault");
	if (w->wrong == 0 && w->plan.hazard != NULL)
		end_hazard(w);
}

void world_result(struct world_result *out, const struct world *w)
{
	*out = (struct world_result){.hash = w->trace.hash,
		.wrong = w->wrong,
		.virtual_ms = now_of(w),
		.crashes = w->host.cuts_made + w->host.kills + w->host.failures,
		.signer_crashes = w->keeper.crashes,
		.steps = w->steps,
		.folds = w->folds,
		.damaged = w->damaged,
		.damage_refused = w->damage_refused,
		.unmet = w->hazard.unmet,
		.payouts = w->payout_count};
	memcpy(out->wrong_text, w->wrong_text, sizeof out->wrong_text);
	const struct ledger *l = host_ledger(&w->host);
	out->records = l == NULL ? w->host.last_seq : l->seq;
	if (w->exhaust != NULL)
		out->exhaust = *exhaust_counts(w->exhaust);
	takers_count(out, w);
}

/* ---- life ---- */

void world_init(struct world *w, const struct plan *plan)
{
	const struct loop_config loop = {.virtual_time = true, .start_wall_ms = WORLD_START_MS};
	*w = (struct world){.seed = plan->seed, .plan = *plan};
	CHECK(loop_create(&w->loop, &loop) == OK);
	trace_init(&w->trace);
	log_sink_set(on_log, w);
	nets_init(&w->nets, w);
	keeper_init(&w->keeper, w);
	host_init(&w->host, w);
	if (plan->sockets)
		door_open(&w->door, w);
	if (plan->subsets > 0)
		w->exhaust = exhaust_create(w, plan->subsets, plan->states);
	operator_init(w);
}

void world_fini(struct world *w)
{
	takers_stop(w);
	exhaust_destroy(w->exhaust);
	w->exhaust = NULL;
	host_fini(&w->host);
	operator_fini(w);
	keeper_fini(&w->keeper);
	door_close(&w->door);
	nets_fini(&w->nets);
	takers_fini(w);
	free(w->hazard.text);
	file_sim_destroy(w->hazard.disk);
	trace_fini(&w->trace);
	loop_destroy(w->loop);
	log_sink_set(NULL, NULL);
}
