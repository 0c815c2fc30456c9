/* What no step of the books may be, asked of the networks themselves and computed in another way
 * than the engine does: each costs somebody money when it happens, however it ends afterwards. */
#include <stdio.h>

#include "base/hex.h"
#include "btc/htlc.h"
#include "layer/layer.h"
#include "node/core.h"
#include "world.h"

/* Between the end of our lock-up and that of the client's, at the average pace of blocks: more than
 * both networks' outages together. The engine's own bounds are far above. */
#define LOCK_SPARE_MS 300000u
#define DEEP_REASON "a reorganisation deeper than the final depth"
#define LESS_REASON "reconciliation: the chain has less"
/* Blocks after which a refund that is open must have begun. */
#define REFUND_BLOCKS 30u

static uint64_t left_ms(const struct world *w, const struct leg *leg, uint64_t timelock)
{
	const uint64_t tip = nets_height(&w->nets, leg->layer);
	return timelock > tip ? (timelock - tip) * world_block_ms(leg->layer) : 0;
}

/* When what the client locked leaves us: on Lightning when the node gives it up, and not when the
 * node said that it would. */
static uint64_t source_ends(const struct world *w, const struct swap *s)
{
	uint64_t gives_up;
	if (s->source.layer != LAYER_LIGHTNING)
		return s->source.timelock;
	(void)lnds_held(&w->nets, &gives_up, &s->hash);
	return gives_up;
}

/* The books are where the network is: what they say can be asked of it. */
static bool is_current(struct world *w, const struct ledger *l, enum layer_id layer)
{
	struct hash256 tip;
	nets_tip(&tip, &w->nets, layer);
	return hash256_eq(&tip, &l->layer[layer].tip.hash);
}

/* The source's lock-up lies in the chain, with the exact amount, as deep as was agreed. */
static bool is_locked(struct world *w, const struct swap *s)
{
	const struct leg *leg = &s->source;
	struct btc_htlc terms;
	struct btc_htlc_tree tree;
	char hex[2 * sizeof tree.script_pubkey + 1];
	if (leg->layer == LAYER_LIGHTNING) {
		uint64_t gives_up;
		return amount_cmp(amount_of(ASSET_BTC, lnds_held(&w->nets, &gives_up, &s->hash)),
			       leg->amount) == 0;
	}
	if (leg->layer != LAYER_BITCOIN) { /* one contract holds all of them */
		const struct evm_address *at = &w->nets.contract;
		return amount_cmp(nets_holds(&w->nets, leg->layer, slice_of(at->b, sizeof at->b)),
			       leg->amount) >= 0;
	}
	CHECK(btc_htlc_parse(&terms, slice_of(leg->terms, leg->terms_len)) == OK);
	CHECK(btc_htlc_tree(&tree, &terms) == OK);
	const uint64_t tip = nets_height(&w->nets, leg->layer);
	hex_encode(hex, tree.script_pubkey, sizeof tree.script_pubkey);
	const struct json *v = nets_lever(
		&w->nets, leg->layer, "scantxoutset", "[\"start\", [\"raw(%s)\"]]", hex);
	const struct json *list = json_get(v, "unspents");
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *coin = json_at(list, i);
		uint64_t sat = 0, height = 0;
		CHECK(json_get_decimal(coin, "amount", 8, &sat) == OK);
		CHECK(json_get_u64(coin, "height", &height) == OK);
		if (amount_cmp(amount_of(ASSET_BTC, sat), leg->amount) == 0 &&
			height + leg->depth <= tip + 1)
			return true;
	}
	return false;
}

/* We are about to lock. */
static void look_at_answer(struct world *w, const struct ledger *l, const struct swap *s)
{
	const uint32_t index = (uint32_t)(s - l->swap);
	const uint64_t ours = left_ms(w, &s->dest, s->dest.timelock);
	const uint64_t theirs = left_ms(w, &s->source, source_ends(w, s));
	if (source_ends(w, s) < s->source.timelock)
		world_wrong(w, "swap %u: the node gives up what it holds %llu blocks too early",
			index, (unsigned long long)(s->source.timelock - source_ends(w, s)));
	if (theirs < ours + LOCK_SPARE_MS)
		world_wrong(w,
			"swap %u: our lock-up ends in %llu s, the client's in %llu s: it can take "
			"both",
			index, (unsigned long long)(ours / 1000),
			(unsigned long long)(theirs / 1000));
}

/* Asked of the chain when the books are where it is; never, where it went another way meanwhile, or
 * where our own claim may have spent what is looked for. */
static void look_at_source(struct world *w, const struct ledger *l, const struct swap *s)
{
	const uint32_t index = (uint32_t)(s - l->swap);
	const bool current = is_current(w, l, s->source.layer);
	const bool claimed = s->claim_effect != INDEX_NONE;
	w->rules.looked[index] = current || claimed || w->reorgs[s->source.layer] > 0;
	if (current && !claimed && !is_locked(w, s))
		world_wrong(w,
			"swap %u: we answer a lock-up that the chain does not have, or not "
			"deep enough, or of another amount",
			index);
}

/* The client went away: what we locked comes back. */
static void look_at_open(struct world *w, const struct ledger *l, const struct swap *s)
{
	if (s->dest.bound == INDEX_NONE || s->preimage_known || s->refund_effect != INDEX_NONE ||
		s->dest.layer == LAYER_LIGHTNING) /* what fails there comes back by itself */
		return;
	const struct lock_fact *k = &s->dest.lock[s->dest.bound];
	if (k->height != 0 && k->spend == 0 &&
		l->layer[s->dest.layer].tip.height > s->dest.timelock + REFUND_BLOCKS)
		world_wrong(w, "swap %u: our lock-up could have been refunded for %u blocks",
			(uint32_t)(s - l->swap), REFUND_BLOCKS);
}

static void look_at_swap(struct world *w, const struct ledger *l, uint32_t i)
{
	const struct swap *s = &l->swap[i];
	if (s->lock_effect != INDEX_NONE && !w->rules.answered[i]) {
		w->rules.answered[i] = true;
		look_at_answer(w, l, s);
	}
	if (w->rules.answered[i] && !w->rules.looked[i])
		look_at_source(w, l, s);
	if (s->refund_effect != INDEX_NONE && !w->rules.refunded[i]) {
		w->rules.refunded[i] = true;
		if (w->rules.highest[s->dest.layer] < s->dest.timelock)
			world_wrong(w, "swap %u: our refund begins before its time lock opens", i);
	}
	look_at_open(w, l, s);
}

/* A payment hash belongs to one swap, for ever. */
static void look_at_hashes(struct world *w, const struct ledger *l)
{
	for (uint32_t i = w->rules.swaps; i < l->swap_count; i++)
		for (uint32_t k = 0; k < i; k++)
			if (hash256_eq(&l->swap[i].hash, &l->swap[k].hash))
				world_wrong(w, "swaps %u and %u have one payment hash", k, i);
	w->rules.swaps = l->swap_count;
}

/* Blocks leave the books only when they leave the chain. */
static void look_at_height(struct world *w, const struct ledger *l, enum layer_id layer)
{
	struct rules *r = &w->rules;
	const uint64_t height = l->layer[layer].tip.height;
	if (r->process == w->host.starts && height < r->height[layer] && w->reorgs[layer] == 0)
		world_wrong(w, "%s: the books go back from %llu to %llu, the chain did not",
			layer_name(layer), (unsigned long long)r->height[layer],
			(unsigned long long)height);
	r->height[layer] = height;
	if (height > r->highest[layer])
		r->highest[layer] = height;
}

void rules_step(struct world *w)
{
	const struct ledger *l = host_ledger(&w->host);
	if (l == NULL)
		return;
	for (unsigned i = 0; i < w->nets.count; i++)
		look_at_height(w, l, w->nets.place[i]);
	w->rules.process = w->host.starts;
	/* the reasons that a network, or a node that lies, can give: an operator is to look at it
	 */
	if (l->latched && strcmp(l->latch_reason, DEEP_REASON) != 0 &&
		(strncmp(l->latch_reason, LESS_REASON, strlen(LESS_REASON)) != 0 ||
			!lies_told_less(&w->nets)) &&
		!world_lax(w, HAZARD_LATCHES))
		world_wrong(w, "latched: %s", l->latch_reason);
	for (uint32_t i = 0; i < l->swap_count && i < WORLD_TAKERS_MAX; i++)
		look_at_swap(w, l, i);
	look_at_hashes(w, l);
}
