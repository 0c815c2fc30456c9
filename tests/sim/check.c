/* The checkers: what must hold whatever goes wrong. */
#include <stdio.h>

#include "layer/layer.h"
#include "node/core.h"
#include "world.h"

#define HOUR_MS 3600000u

/* ---- cheap: after each step ---- */

/* An account below zero: more left it than was in it. */
static void check_accounts(struct world *w, const struct ledger *l, enum layer_id layer)
{
	static const enum account custody[] = {ACCOUNT_INFLIGHT, ACCOUNT_RESERVED,
		ACCOUNT_LOCKED_OUT, ACCOUNT_GAS_AVAILABLE, ACCOUNT_GAS_RESERVED};
	for (size_t i = 0; i < ARRAY_LEN(custody); i++)
		if (!amount_is_zero(ledger_balance_credit(l, layer, custody[i])))
			world_wrong(w, "%s: custody account %d is below zero", layer_name(layer),
				(int)custody[i]);
	if (!world_lax(w, HAZARD_LATCHES) &&
		(!amount_is_zero(ledger_balance_credit(l, layer, ACCOUNT_SUSPENSE_MISSING)) ||
			!amount_is_zero(ledger_balance(l, layer, ACCOUNT_SUSPENSE_MISSING))))
		world_wrong(w, "%s: something is missing", layer_name(layer));
}

/* An hour behind a time lock everybody who follows the protocol has what is his, final: that is
 * longer than all outages and fee spikes that a plan holds beside each other. */
bool check_is_overdue(const struct world *w, enum layer_id layer, uint64_t timelock)
{
	return nets_height(&w->nets, layer) > timelock + HOUR_MS / world_block_ms(layer);
}

/* The provider's own: each swap is over once both time locks are long past. */
static void check_deadlines(struct world *w, const struct ledger *l)
{
	for (uint32_t i = 0; i < l->swap_count; i++) {
		const struct swap *s = &l->swap[i];
		if (swap_state_terminal(s->state) ||
			!check_is_overdue(w, s->source.layer, s->source.timelock) ||
			!check_is_overdue(w, s->dest.layer, s->dest.timelock))
			continue;
		world_wrong(
			w, "swap %u is %s long after its time locks", i, swap_state_name(s->state));
	}
}

static void say_states(struct world *w, const struct ledger *l)
{
	for (uint32_t i = 0; i < l->swap_count && i < WORLD_TAKERS_MAX; i++) {
		if (w->swap_state[i] == l->swap[i].state)
			continue;
		w->swap_state[i] = l->swap[i].state;
		world_say(w, LANE_PROVIDER, TRACE_STATE, "swap %u is %s", i,
			swap_state_name(l->swap[i].state));
	}
}

void check_step(struct world *w)
{
	const struct ledger *l = host_ledger(&w->host);
	if (l == NULL)
		return;
	w->checks++;
	say_states(w, l);
	for (unsigned i = 0; i < w->nets.count; i++)
		check_accounts(w, l, w->nets.place[i]);
	check_deadlines(w, l);
	takers_check_deadlines(w);
	takers_check_books(w, l);
	operator_check_books(w, l);
	lnds_check(w, l, false);
}

/* ---- books and chain ---- */

/* What the chain says is ours, asked of the network itself and not of an adapter. */
static struct amount wallet_holds(struct world *w, enum layer_id layer)
{
	struct amount sum = amount_zero(layer_asset(layer));
	struct evm_address account;
	uint8_t script[34];
	if (layer_family(layer) == FAMILY_ACCOUNT) {
		CHECK(wallet_account(&account, &w->keeper.wallet, layer) == OK);
		return nets_holds(&w->nets, layer, slice_of(account.b, sizeof account.b));
	}
	for (uint32_t i = 0; i < KEY_INDEX_COUNT; i++) {
		CHECK(wallet_script(script, &w->keeper.wallet, layer, i) == OK);
		const struct amount more = nets_holds(
			&w->nets, layer, slice_of(script, sizeof script));
		CHECK(amount_add(&sum, sum, more) == OK);
	}
	return sum;
}

/* The same of what fees are paid with, where that is another asset. */
static void check_gas(struct world *w, const struct ledger *l, enum layer_id layer)
{
	struct evm_address account;
	struct amount books;
	char a[AMOUNT_TEXT_SIZE], b[AMOUNT_TEXT_SIZE];
	CHECK(wallet_account(&account, &w->keeper.wallet, layer) == OK);
	const struct amount chain = nets_gas(
		&w->nets, layer, slice_of(account.b, sizeof account.b));
	CHECK(amount_add(&books, ledger_balance(l, layer, ACCOUNT_GAS_AVAILABLE),
		      ledger_balance(l, layer, ACCOUNT_GAS_RESERVED)) == OK);
	/* a little that a node denies is taken for a fee that no receipt names (ADR 17) */
	if (lies_told_less(&w->nets) && amount_cmp(books, chain) < 0)
		return;
	amount_format(a, books);
	amount_format(b, chain);
	if (amount_cmp(books, chain) != 0)
		world_wrong(w, "%s at %llu: the books say %s of gas, the chain has %s",
			layer_name(layer), (unsigned long long)l->layer[layer].tip.height, a, b);
}

/* To the unit, whenever the books have seen the block that the network is at. */
static void check_chain(struct world *w, const struct ledger *l, enum layer_id layer)
{
	struct hash256 tip;
	struct amount books;
	char a[AMOUNT_TEXT_SIZE], b[AMOUNT_TEXT_SIZE];
	if (layer_family(layer) == FAMILY_CHANNEL || !l->layer[layer].born ||
		world_lax(w, HAZARD_UNEQUAL))
		return; /* channels have no blocks: lnds_check */
	nets_tip(&tip, &w->nets, layer);
	if (!hash256_eq(&tip, &l->layer[layer].tip.hash))
		return;
	const struct amount chain = wallet_holds(w, layer);
	if (amount_sub(&books, ledger_custody(l, layer),
		    ledger_balance(l, layer, ACCOUNT_LOCKED_OUT)) != OK)
		books = amount_zero(layer_asset(layer));
	amount_format(a, books);
	amount_format(b, chain);
	if (amount_cmp(books, chain) != 0)
		world_wrong(w, "%s at %llu: the books say %s, the chain has %s", layer_name(layer),
			(unsigned long long)l->layer[layer].tip.height, a, b);
	if (layer_gas_apart(layer))
		check_gas(w, l, layer);
	w->checks++;
}

void check_block(struct world *w, enum layer_id layer)
{
	const struct ledger *l = host_ledger(&w->host);
	if (l != NULL)
		check_chain(w, l, layer);
}

/* ---- whoever was promised something can have it proved ---- */

static void check_receipt(struct world *w, struct log_index *log, uint64_t seq)
{
	struct log_inclusion in;
	const enum err err = log_index_record(log, &in, seq);
	if (err != OK && !(err == ERR_UNAVAILABLE && w->host.disk_failed))
		world_wrong(w, "there is no receipt of record %llu: %s", (unsigned long long)seq,
			err_name(err));
}

/* Whichever segments were freed meanwhile. */
static void check_receipts(struct world *w, const struct ledger *l)
{
	struct log_index *log = core_log(w->host.core);
	if (log == NULL || log_index_size(log) != l->seq)
		return;
	for (uint32_t i = 0; i < l->swap_count; i++)
		check_receipt(w, log, l->swap[i].born_seq);
	for (uint32_t i = 0; i < l->transfer_count; i++)
		check_receipt(w, log, l->transfer[i].born_seq);
}

/* ---- the journal folds to the state ---- */

void check_fold(struct world *w)
{
	const struct ledger *l = host_ledger(&w->host);
	struct journal_error error = {.text = ""};
	struct hash256 live, folded;
	uint64_t seq = 0;
	if (l == NULL || journal_durable(core_journal(w->host.core)) != l->seq)
		return;
	w->folds++;
	ledger_hash(l, &live);
	if (host_fold(&w->host, &folded, &seq, &error, w->host.disk, UINT64_MAX) != OK)
		world_wrong(w, "the journal is refused: %s", error.text);
	else if (seq != l->seq || !hash256_eq(&live, &folded))
		world_wrong(w, "the journal folds to another state than the one at record %llu",
			(unsigned long long)l->seq);
	check_receipts(w, l);
	trace_mix(&w->trace, slice_of(live.b, sizeof live.b));
}

/* ---- the end ---- */

static bool books_settled(const struct world *w, const struct ledger *l)
{
	if (l->open_effect_count > 0)
		return false;
	for (uint32_t i = 0; i < l->swap_count; i++)
		if (!swap_state_terminal(l->swap[i].state))
			return false;
	for (uint32_t i = 0; i < l->transfer_count; i++)
		if (l->transfer[i].state != TRANSFER_FINAL &&
			l->transfer[i].state != TRANSFER_FAILED)
			return false;
	for (unsigned i = 0; i < w->nets.count; i++)
		if (!amount_is_zero(ledger_balance(l, w->nets.place[i], ACCOUNT_INFLIGHT)))
			return false;
	return true;
}

bool check_settled(struct world *w)
{
	const struct ledger *l = host_ledger(&w->host);
	struct hash256 tip;
	if (l == NULL || !operator_done(w) || !books_settled(w, l))
		return false;
	for (unsigned i = 0; i < w->nets.count; i++) {
		const enum layer_id layer = w->nets.place[i];
		nets_tip(&tip, &w->nets, layer);
		if (!hash256_eq(&tip, &l->layer[layer].tip.hash))
			return false;
	}
	return true;
}

static void say_open(struct world *w, const struct ledger *l)
{
	for (unsigned i = 0; i < w->nets.count; i++) {
		const enum layer_id layer = w->nets.place[i];
		world_say(w, LANE_WORLD, TRACE_NOTE,
			"%s: the books are at %llu, the network at %llu", layer_name(layer),
			(unsigned long long)l->layer[layer].tip.height,
			(unsigned long long)nets_height(&w->nets, layer));
	}
	for (uint32_t i = 0; i < l->swap_count; i++)
		if (!swap_state_terminal(l->swap[i].state))
			world_wrong(w, "swap %u is still %s", i, swap_state_name(l->swap[i].state));
	for (uint32_t i = 0; i < l->open_effect_count; i++) {
		const struct effect *f = &l->effect[l->open_effect[i]];
		world_wrong(w, "effect %u (purpose %d on %s) is in state %d", l->open_effect[i],
			(int)f->purpose, layer_name(f->layer), (int)f->state);
	}
}

void check_end(struct world *w)
{
	const struct ledger *l = host_ledger(&w->host);
	struct hash256 h;
	if (l == NULL) {
		world_wrong(w, "the provider is not there at the end");
		return;
	}
	if (!world_lax(w, HAZARD_STAYS))
		say_open(w, l);
	for (uint32_t i = 0; i < l->swap_count; i++)
		if (l->swap[i].state == SWAP_BREACHED)
			world_wrong(w, "swap %u: the provider lost both sides", i);
	for (unsigned i = 0; i < w->nets.count; i++) {
		check_chain(w, l, w->nets.place[i]);
		const struct sim_network *n = sim_node_network(w->nets.node[w->nets.place[i]]);
		n->ops->state_hash(n, &h);
		trace_mix(&w->trace, slice_of(h.b, sizeof h.b));
	}
	lnds_check(w, l, !world_lax(w, HAZARD_STAYS));
	check_fold(w);
	check_media(w);
	takers_check_end(w);
	operator_check_end(w);
}
