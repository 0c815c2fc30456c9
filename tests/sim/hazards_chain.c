/* What chains and nodes do: rows 14 to 18 and 21. */
#include "client/rescue.h"
#include "world.h"

#define MISSED_BLOCKS 7u
#define UNMINED_STEPS 600u
#define ERROR_ROUNDS 8u

static void expect_completed(struct world *w)
{
	hazard_expect(w, 0, SWAP_COMPLETED);
}

static void reorganise(struct world *w, enum layer_id layer, unsigned depth, bool drop)
{
	(void)nets_lever(
		&w->nets, layer, "sim_reorg", "[%u, 0, %s]", depth, drop ? "true" : "false");
	w->reorgs[layer]++;
	world_block(w, layer);
}

static const struct lock_fact *source_lock(const struct swap *s)
{
	return s == NULL || s->source.lock_count == 0 ? NULL : &s->source.lock[0];
}

/* ---- 14: the lock-up leaves the chain before it is deep; its wallet sends it much later ---- */

static void lock_leaves(struct world *w)
{
	const struct swap *s = hazard_swap(w, 0);
	const struct lock_fact *k = source_lock(s);
	struct hazard_run *run = &w->hazard;
	if (run->phase == 0 && k != NULL && k->height != 0 && s->state == SWAP_SOURCE_SEEN) {
		run->phase = 1;
		run->tx = k->at.tx;
		reorganise(w, LAYER_BITCOIN, 1, true);
		hazard_met(w);
	}
	/* it comes back to mempools, and no block takes it for a while */
	if (run->phase > 0 && run->phase < 3000)
		hazard_hold_tx(w, LAYER_BITCOIN, &run->tx, ++run->phase < 3000);
}

/* ---- 14: what our books had from blocks that are gone ---- */

static void deposit_leaves(struct world *w)
{
	const struct ledger *l = host_ledger(&w->host);
	struct hazard_run *run = &w->hazard;
	if (l == NULL || run->met)
		return;
	if (amount_is_zero(ledger_balance(l, LAYER_BITCOIN, ACCOUNT_INFLIGHT)) ||
		w->plan_next < w->plan.count)
		return;
	reorganise(w, LAYER_BITCOIN, 1, true);
	hazard_met(w);
}

/* ---- 15: a node's errors are not a reorganisation ---- */

static void node_errs(struct world *w)
{
	const struct ledger *l = host_ledger(&w->host);
	struct hazard_run *run = &w->hazard;
	if (l == NULL || w->plan_next < w->plan.count || run->count >= ERROR_ROUNDS)
		return;
	const uint64_t tip = l->layer[LAYER_BITCOIN].tip.height;
	if (run->phase != 0 && nets_height(&w->nets, LAYER_BITCOIN) < tip + 2)
		return;
	if (run->since_ms > loop_now_ms(w->loop))
		return;
	run->since_ms = loop_now_ms(w->loop) + 60000;
	run->count++;
	/* behind by two: hashes are asked for, and the first answers are errors */
	nets_mine(&w->nets, LAYER_BITCOIN, 2);
	nets_node_lever(&w->nets, LAYER_BITCOIN, "sim_fault", "[\"getblockhash\", \"error\", %u]",
		(unsigned)(2 + run->count));
	if (run->count == ERROR_ROUNDS)
		hazard_met(w);
}

/* ---- 16: what we sent is forgotten by mempools, and its block leaves the chain ---- */

static void forgotten(struct world *w)
{
	const struct effect *f = hazard_effect(w, SIGN_PAYOUT);
	if (f == NULL || w->hazard.met || f->variant_count == 0 || !f->submitted)
		return;
	char id[HAZARD_ID_SIZE];
	hazard_id(id, f->layer, &f->variant[0].txid);
	nets_try(&w->nets, f->layer, "sim_evict", "[\"%s\"]", id);
	if (f->confirmed_height != 0)
		reorganise(w, f->layer, 1, true);
	hazard_met(w);
}

/* ---- 17: the lock-up is in the mempool alone, for long ---- */

static void unmined(struct world *w)
{
	const struct lock_fact *k = source_lock(hazard_swap(w, 0));
	struct hazard_run *run = &w->hazard;
	if (hazard_swap(w, 0) == NULL || run->met)
		return;
	hazard_hold_pool(w);
	if (k == NULL || run->phase++ < UNMINED_STEPS)
		return;
	hazard_hold_tx(w, LAYER_BITCOIN, &k->at.tx, false);
	hazard_met(w);
}

/* ---- 14: deep is deep ---- */

static void shallow(struct world *w)
{
	const struct lock_fact *k = source_lock(hazard_swap(w, 0));
	if (k == NULL)
		return;
	w->nets.block_ms[LAYER_BITCOIN] = WORLD_BITCOIN_BLOCK_MS * (k->height != 0 ? 2u : 1u);
	if (k->height != 0)
		hazard_met(w);
}

/* ---- 18: another amount than was agreed ---- */

static void wrong_amount(struct world *w)
{
	const struct swap *s = hazard_swap(w, 0);
	const struct lock_fact *k = source_lock(s);
	if (k == NULL || amount_cmp(k->amount, s->source.amount) == 0)
		return;
	hazard_met(w);
	hazard_hurry(w, true);
}

static void expect_declined(struct world *w)
{
	hazard_expect(w, 0, SWAP_DECLINED);
}

/* ---- 21: many blocks at once, and nobody said so ---- */

static void blocks_missed(struct world *w)
{
	const struct swap *s = hazard_swap(w, 0);
	struct hazard_run *run = &w->hazard;
	if (s == NULL || run->met || s->state < SWAP_SOURCE_SEEN)
		return;
	nets_mine(&w->nets, LAYER_BITCOIN, MISSED_BLOCKS);
	nets_mine(&w->nets, LAYER_ROOTSTOCK, MISSED_BLOCKS);
	hazard_met(w);
}

const struct hazard hazards_chain[] = {
	{.name = "lock-leaves",
		.row = 14,
		.about = "the client's lock-up leaves the chain before it is deep",
		SWAP_FROM(LAYER_BITCOIN),
		.turn = lock_leaves,
		.mutant = {MUTANT_LOST_LOCK_COUNTS},
		.mutant_count = 1,
		.settle_minutes = 600},
	{.name = "lock-shallow",
		.row = 14,
		.about = "the client's lock-up is in a block, and not deep for long",
		SWAP_FROM(LAYER_BITCOIN),
		.turn = shallow,
		.end = expect_completed,
		.mutant = {MUTANT_SHALLOW_IS_DEEP},
		.mutant_count = 1},
	{.name = "deposit-leaves",
		.row = 14,
		.about = "the block of a deposit leaves the chain",
		.work = {{.kind = PLAN_DEPOSIT, .layer = LAYER_BITCOIN}},
		.work_count = 1,
		.turn = deposit_leaves,
		.mutant = {MUTANT_POSTINGS_STAY},
		.mutant_count = 1},
	{.name = "node-errs",
		.row = 15,
		.about = "a node answers with errors while the books are behind",
		.work = {{.kind = PLAN_DEPOSIT, .layer = LAYER_BITCOIN}},
		.work_count = 1,
		.turn = node_errs,
		.mutant = {MUTANT_ERROR_IS_REORG},
		.mutant_count = 1},
	{.name = "forgotten",
		.row = 16,
		.about = "mempools forget what we sent",
		.work = {{.kind = PLAN_PAYOUT, .layer = LAYER_BITCOIN}},
		.work_count = 1,
		.turn = forgotten,
		.mutant = {MUTANT_SENT_ONCE},
		.mutant_count = 1,
		.settle_minutes = 60},
	{.name = "lock-unmined",
		.row = 17,
		.about = "the client's lock-up is in mempools alone for long",
		SWAP_FROM(LAYER_BITCOIN),
		.turn = unmined,
		.mutant = {MUTANT_MEMPOOL_IS_DEEP},
		.mutant_count = 1,
		.settle_minutes = 600},
	{.name = "wrong-amount",
		.row = 18,
		.about = "another amount than was agreed is locked",
		.work = {{.kind = PLAN_SWAP, .layer = LAYER_BITCOIN, .manner = HAZARD_PAYS_WRONG}},
		.work_count = 1,
		.turn = wrong_amount,
		.end = expect_declined,
		.mutant = {MUTANT_ANY_AMOUNT},
		.mutant_count = 1,
		.settle_minutes = 600},
	{.name = "blocks-missed",
		.row = 21,
		.about = "many blocks come at once, and nobody said so",
		SWAP_FROM(LAYER_BITCOIN),
		.turn = blocks_missed,
		.mutant = {MUTANT_GAP_NOT_FILLED},
		.mutant_count = 1,
		.settle_minutes = 120},
};
const size_t hazards_chain_count = ARRAY_LEN(hazards_chain);
