/* What goes wrong, when its time has come. */
#include <stdio.h>

#include "layer/layer.h"
#include "sim/fault.h"
#include "world.h"

#define CLOCK_BACK_MS INT64_C(7200000)

static uint64_t now_of(const struct world *w)
{
	return loop_now_ms(w->loop);
}

static enum actor actor_of(uint64_t b)
{
	return b % 3 == 0 ? ACTOR_TAKERS : ACTOR_PROVIDER;
}

static void power(struct world *w, const struct plan_item *i)
{
	if (i->a == 0)
		host_kill(&w->host, true);
	else
		w->host.cut_in = (uint32_t)i->a;
}

static void process(struct world *w, const struct plan_item *i)
{
	(void)i;
	host_kill(&w->host, false);
}

static void signer_power(struct world *w, const struct plan_item *i)
{
	if (i->a == 0)
		keeper_cut(&w->keeper);
	else
		w->keeper.cut_in = (uint32_t)i->a;
}

static void signer_down(struct world *w, const struct plan_item *i)
{
	w->keeper.down_until_ms = now_of(w) + i->a;
}

static void signer_refuses(struct world *w, const struct plan_item *i)
{
	w->keeper.refuse_until_ms = now_of(w) + i->a;
}

static void signer_twice(struct world *w, const struct plan_item *i)
{
	w->keeper.twice = (uint32_t)i->a;
}

static void kill_taker(struct world *w, const struct plan_item *i)
{
	taker_kill(w, (uint32_t)(i->a % UINT32_MAX));
}

static void node_down(struct world *w, const struct plan_item *i)
{
	w->nets.wire[actor_of(i->b)][i->layer].down_until_ms = now_of(w) + i->a;
}

static void node_stalls(struct world *w, const struct plan_item *i)
{
	w->nets.wire[actor_of(i->b)][i->layer].stalled_until_ms = now_of(w) + i->a;
}

static void node_twice(struct world *w, const struct plan_item *i)
{
	w->nets.wire[actor_of(i->b)][i->layer].twice = (uint32_t)i->a;
}

static void node_spoils(struct world *w, const struct plan_item *i)
{
	static const char *const kinds[] = {"error", "unavailable", "http500", "brackets", "hang",
		"timeout", "lost_reply", "cut", "half", "garbage"};
	/* sending a transaction is where it hurts most */
	const char *const send = i->layer == LAYER_BITCOIN ? "sendrawtransaction"
							   : "eth_sendRawTransaction";
	const char *kind = kinds[i->b % ARRAY_LEN(kinds)];
	nets_node_lever(&w->nets, i->layer, "sim_fault", "[\"%s\", \"%s\", %u]",
		i->b / 16 % 2 == 0 ? send : "*", kind, (unsigned)i->a);
}

#define LIES_MAX 4u

static void node_lies(struct world *w, const struct plan_item *i)
{
	struct lies *l = &w->nets.lies[i->layer];
	switch (i->b % 3) {
	case 0: lies_imposter(&w->nets, i->layer, now_of(w) + i->a); return;
	case 1: l->scans = 1 + (uint32_t)(i->a % LIES_MAX); return;
	default: l->blocks = 1 + (uint32_t)(i->a % LIES_MAX); return;
	}
}

static void node_slow(struct world *w, const struct plan_item *i)
{
	const uint64_t low = i->a == 0 ? 20 : i->a / 2, high = i->a == 0 ? 400 : i->a;
	nets_node_lever(&w->nets, i->layer, "sim_latency", "[%llu, %llu]", (unsigned long long)low,
		(unsigned long long)high);
}

/* Deeper than the final depth never below the first block of the books: what was before it is not
 * theirs to follow. */
static void reorg(struct world *w, const struct plan_item *i)
{
	const uint64_t height = nets_height(&w->nets, i->layer), birth = w->birth[i->layer];
	const uint64_t followed = host_final_depth(&w->host, i->layer);
	const uint64_t above = birth == 0 || height <= birth ? 0 : height - birth;
	const uint64_t most = above > followed ? above : followed;
	const uint64_t depth = i->a < most ? i->a : most;
	(void)nets_lever(&w->nets, i->layer, "sim_reorg", "[%u]", (unsigned)depth);
	w->reorgs[i->layer]++;
	world_block(w, i->layer);
}

static uint64_t usual_rate(enum layer_id layer)
{
	if (layer == LAYER_BITCOIN)
		return SIM_BITCOIN_FEE_RATE;
	return layer == LAYER_BOB ? SIM_EVM_BASE_FEE : SIM_EVM_GAS_PRICE;
}

static void set_rate(struct world *w, enum layer_id layer, uint64_t rate)
{
	(void)nets_lever(&w->nets, layer, "sim_fee_rate", "[%llu]", (unsigned long long)rate);
}

static void fees(struct world *w, const struct plan_item *i)
{
	set_rate(w, i->layer, usual_rate(i->layer) * i->a / 100);
	w->nets.spike_end_ms[i->layer] = now_of(w) + i->b;
}

static void thaw(struct world *w)
{
	if (w->nets.frozen_until_ms == 0)
		return;
	w->nets.frozen_until_ms = 0;
	nets_freeze(&w->nets, &w->nets.frozen, false);
}

/* The token does not move for our account, or for the contract: calls fail in their blocks. */
static void freeze(struct world *w, const struct plan_item *i)
{
	thaw(w);
	w->nets.frozen = w->nets.contract;
	if (i->b % 2 == 0)
		CHECK(wallet_account(&w->nets.frozen, &w->keeper.wallet, nets_other(&w->nets)) ==
			OK);
	nets_freeze(&w->nets, &w->nets.frozen, true);
	w->nets.frozen_until_ms = now_of(w) + i->a;
}

static void evict(struct world *w, const struct plan_item *i)
{
	(void)i;
	struct json *pool = json_clone(nets_lever(&w->nets, LAYER_BITCOIN, "getrawmempool", "[]"));
	for (size_t n = 0; n < json_count(pool); n++) {
		const char *txid = (const char *)json_string(json_at(pool, n)).ptr;
		/* it may have gone with one that it depended on */
		nets_try(&w->nets, LAYER_BITCOIN, "sim_evict", "[\"%s\"]", txid);
	}
	json_free(pool);
	operator_resend(w);
	takers_resend(w); /* before anybody else spends what they spend */
}

static void clock_step(struct world *w, const struct plan_item *i)
{
	const uint64_t wall = loop_wall_ms(w->loop);
	const int64_t by = (int64_t)i->a - CLOCK_BACK_MS;
	loop_set_wall(w->loop, wall + (uint64_t)by);
}

static void disk_fails(struct world *w, const struct plan_item *i)
{
	static const struct file_sim_fault kinds[] = {
		{.op = FILE_SIM_SYNC, .err = ERR_IO},
		{.op = FILE_SIM_WRITE, .err = ERR_IO},
		{.op = FILE_SIM_WRITE, .err = ERR_IO, .partial = 700},
		{.op = FILE_SIM_WRITE, .err = OK, .partial = 513},
		{.op = FILE_SIM_PREALLOCATE, .err = ERR_FULL},
	};
	struct file_sim_fault fault = kinds[i->a % ARRAY_LEN(kinds)];
	fault.after = i->b;
	w->host.disk_failed = true;
	file_sim_heal(w->host.disk);
	file_sim_inject(w->host.disk, &fault);
}

static void disk_strays(struct world *w, const struct plan_item *i)
{
	const struct file_sim_fault fault = {
		.op = FILE_SIM_WRITE, .after = i->b, .stray = i->a == 0 ? 1 : i->a};
	file_sim_heal(w->host.disk);
	file_sim_inject(w->host.disk, &fault);
}

static void on_full_end(void *ctx)
{
	struct world *w = ctx;
	w->host.capacity = UINT64_MAX;
	file_sim_capacity(w->host.disk, UINT64_MAX);
	world_say(w, LANE_PROVIDER, TRACE_NOTE, "the disk has room again");
}

static void disk_full(struct world *w, const struct plan_item *i)
{
	uint64_t free_bytes = 0;
	const struct file_ops *ops = file_sim_ops(w->host.disk);
	CHECK(ops->free_bytes(ops->ctx, &free_bytes, "provider") == OK);
	const uint64_t used = w->host.capacity - free_bytes;
	w->host.disk_failed = true;
	w->host.capacity = used; /* not a byte more */
	file_sim_capacity(w->host.disk, used);
	CHECK(loop_timer_set(w->loop, NULL, i->a, on_full_end, w) == OK);
}

static void disk_slow(struct world *w, const struct plan_item *i)
{
	w->host.stalled_until_ms = now_of(w) + i->a;
}

void faults_strike(struct world *w, const struct plan_item *item)
{
	static void (*const strike[PLAN_KINDS])(struct world * w, const struct plan_item *i) = {
		[PLAN_POWER] = power,
		[PLAN_KILL] = process,
		[PLAN_SIGNER_POWER] = signer_power,
		[PLAN_SIGNER_DOWN] = signer_down,
		[PLAN_SIGNER_REFUSES] = signer_refuses,
		[PLAN_SIGNER_TWICE] = signer_twice,
		[PLAN_TAKER_KILL] = kill_taker,
		[PLAN_NODE_DOWN] = node_down,
		[PLAN_NODE_STALLS] = node_stalls,
		[PLAN_NODE_TWICE] = node_twice,
		[PLAN_NODE_SPOILS] = node_spoils,
		[PLAN_NODE_LIES] = node_lies,
		[PLAN_NODE_SLOW] = node_slow,
		[PLAN_REORG] = reorg,
		[PLAN_FEES] = fees,
		[PLAN_FREEZE] = freeze,
		[PLAN_EVICT] = evict,
		[PLAN_CLOCK] = clock_step,
		[PLAN_DISK_FAILS] = disk_fails,
		[PLAN_DISK_STRAYS] = disk_strays,
		[PLAN_DISK_FULL] = disk_full,
		[PLAN_DISK_SLOW] = disk_slow,
	};
	char text[PLAN_TEXT_SIZE];
	CHECK(strike[item->kind] != NULL || item->layer == LAYER_LIGHTNING);
	plan_text(text, item);
	world_say(w, LANE_WORLD, TRACE_FAULT, "%s", text);
	if (item->layer == LAYER_LIGHTNING)
		lnds_strike(w, item);
	else
		strike[item->kind](w, item);
}

static void end_spike(struct world *w, enum layer_id layer)
{
	set_rate(w, layer, usual_rate(layer));
	w->nets.spike_end_ms[layer] = 0;
}

void faults_turn(struct world *w)
{
	lnds_turn(w, false);
	if (now_of(w) >= w->nets.frozen_until_ms)
		thaw(w);
	for (unsigned i = 0; i < NETS_CHAINS; i++)
		if (w->nets.spike_end_ms[w->nets.place[i]] != 0 &&
			now_of(w) >= w->nets.spike_end_ms[w->nets.place[i]])
			end_spike(w, w->nets.place[i]);
}

void faults_end(struct world *w)
{
	for (unsigned i = 0; i < w->nets.count; i++) {
		const enum layer_id layer = w->nets.place[i];
		for (unsigned who = 0; who < ACTOR_COUNT; who++)
			w->nets.wire[who][layer] = (struct wire){0};
		if (layer == LAYER_LIGHTNING)
			continue;
		end_spike(w, layer);
		nets_node_lever(&w->nets, layer, "sim_fault_clear", "[]");
		nets_node_lever(&w->nets, layer, "sim_latency", "[20, 400]");
	}
	lnds_turn(w, true);
	thaw(w);
	lies_end(&w->nets);
	w->keeper.down_until_ms = w->keeper.refuse_until_ms = 0;
	w->keeper.twice = w->keeper.cut_in = 0;
	w->host.cut_in = 0;
	w->host.stalled_until_ms = 0;
	w->host.capacity = UINT64_MAX;
	file_sim_capacity(w->host.disk, UINT64_MAX);
	file_sim_heal(w->host.disk);
	world_say(w, LANE_WORLD, TRACE_NOTE, "no more faults");
}
