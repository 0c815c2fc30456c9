/* Hazards that an engine must survive and that its other tests leave to chance: claims that nobody
 * mines, transactions that fail in a block, and keys that signed something which is not in the
 * journal. */
#include "node/engine_world_test.h"

#include "layer/layer.h"

#include <stdlib.h>

/* HAZARDS 7: the preimage is public, and our claim is not mined: it pays more and more. */
static void test_claim_bumped(enum layer_id from, enum layer_id to)
{
	struct world w;
	world_begin(&w);
	struct swap *s = world_both_locked(&w, from, to);
	const struct chain_event claim = {.kind = CHAIN_LOCK_SPENT,
		.tx = world_tx(&w),
		.at = s->dest.lock[s->dest.bound].at,
		.swap = s->id,
		.spend = LOCK_SPEND_CLAIM,
		.preimage = w.preimage};
	CHECK(engine_mempool(w.engine, w.now, to, &claim) == OK);
	CHECK(s->state == SWAP_CLAIMING && s->claim_effect != INDEX_NONE);
	struct effect *f = &w.ledger->effect[s->claim_effect];
	for (unsigned variant = 0; variant < 4; variant++) {
		CHECK(f->variant_wanted == variant);
		(void)world_prepare(&w, f);
		const uint64_t last = f->variant[variant].rate;
		world_blocks(&w, from, 2);
		CHECK(f->variant_wanted == variant);
		world_block(&w, from, NULL, 0);
		CHECK(f->variant_wanted == variant + 1 && f->rate >= last + last / 4);
	}
	/* however long it takes, nothing is refunded meanwhile */
	world_blocks(&w, to, 100);
	CHECK(s->state == SWAP_CLAIMING && s->refund_effect == INDEX_NONE);
	world_end(&w);
}

static struct effect *pay_on_rootstock(struct world *w)
{
	struct transfer_command c = {.now_ms = w->now,
		.id = {{1}},
		.effect_id = {{2}},
		.idempotency_key = {{3}},
		.layer = LAYER_ROOTSTOCK,
		.amount = amount_of(ASSET_RBTC, FUNDS_WEI_PER_SAT),
		.destination = {0xaa},
		.destination_len = 20};
	struct command_result result;
	CHECK(engine_transfer(w->engine, &result, &c) == OK);
	return ledger_effect(w->ledger, &c.effect_id);
}

/* HAZARDS 9: in a block, and failed: nothing was paid, and only the fee is gone. */
static void test_reverted(void)
{
	struct world w;
	world_begin(&w);
	struct effect *f = pay_on_rootstock(&w);
	const struct id128 id = {{1}};
	const struct amount before = ledger_balance(w.ledger, LAYER_ROOTSTOCK, ACCOUNT_EXTERNAL);
	const struct chain_event used = {.kind = CHAIN_NONCE_USED,
		.tx = world_prepare(&w, f),
		.nonce = f->nonce,
		.amount = f->variant[0].fee,
		.flags = CHAIN_TX_REVERTED};
	world_chain_sub(&w, LAYER_ROOTSTOCK, used.amount);
	world_block(&w, LAYER_ROOTSTOCK, &used, 1);
	CHECK(f->reverted && ledger_transfer(w.ledger, &id)->state != TRANSFER_CONFIRMED);
	world_blocks(&w, LAYER_ROOTSTOCK, 3);
	CHECK(ledger_transfer(w.ledger, &id)->state == TRANSFER_FAILED);
	CHECK(amount_cmp(ledger_balance(w.ledger, LAYER_ROOTSTOCK, ACCOUNT_EXTERNAL), before) == 0);
	CHECK(amount_is_zero(ledger_balance(w.ledger, LAYER_ROOTSTOCK, ACCOUNT_RESERVED)));
	world_end(&w);
}

/* HAZARDS 45: what our key signed is not in the journal, for this is an old copy of it: nothing new
 * is begun, and what is missing is said. */
static void test_unknown_spend(void)
{
	struct world w;
	world_begin(&w);
	const struct coin *coin = &w.ledger->coin[0];
	const struct chain_event spent = {.kind = CHAIN_COIN_SPENT,
		.tx = world_tx(&w),
		.at = {.tx = coin->at.txid, .index = coin->at.index}};
	world_chain_sub(&w, LAYER_BITCOIN, amount_of(ASSET_BTC, FUNDS_SAT));
	world_block(&w, LAYER_BITCOIN, &spent, 1);
	CHECK(w.ledger->latched);
	CHECK(amount_cmp(ledger_balance(w.ledger, LAYER_BITCOIN, ACCOUNT_SUSPENSE_MISSING),
		      amount_of(ASSET_BTC, FUNDS_SAT)) == 0);
	world_end(&w);
}

static void test_unknown_nonce(void)
{
	struct world w;
	world_begin(&w);
	const uint64_t next = w.ledger->layer[LAYER_ROOTSTOCK].nonce_next;
	const struct chain_event used = {.kind = CHAIN_NONCE_USED,
		.tx = world_tx(&w),
		.nonce = next,
		.amount = amount_of(ASSET_RBTC, 5)};
	world_chain_sub(&w, LAYER_ROOTSTOCK, used.amount);
	world_block(&w, LAYER_ROOTSTOCK, &used, 1);
	CHECK(w.ledger->latched && w.ledger->layer[LAYER_ROOTSTOCK].nonce_next == next + 1);
	CHECK(amount_cmp(ledger_balance(w.ledger, LAYER_ROOTSTOCK, ACCOUNT_SUSPENSE_MISSING),
		      used.amount) == 0);
	world_end(&w);
}

/* HAZARDS 43: replaced is not void: the first variant is mined after all, and is the payment. */
static void test_replaced_and_mined(void)
{
	struct world w;
	world_begin(&w);
	const struct id128 id = {{1}};
	struct effect *f = pay_on_rootstock(&w);
	const struct hash256 first = world_prepare(&w, f);
	world_blocks(&w, LAYER_ROOTSTOCK, 3);
	CHECK(f->variant_wanted == 1);
	(void)world_prepare(&w, f);
	const struct chain_event used = {.kind = CHAIN_NONCE_USED,
		.tx = first,
		.nonce = f->nonce,
		.amount = f->variant[0].fee};
	world_chain_sub(&w, LAYER_ROOTSTOCK, used.amount);
	world_chain_sub(&w, LAYER_ROOTSTOCK, f->value);
	world_block(&w, LAYER_ROOTSTOCK, &used, 1);
	CHECK(!w.ledger->latched && hash256_eq(&f->confirmed_tx, &first));
	world_blocks(&w, LAYER_ROOTSTOCK, 3);
	CHECK(ledger_transfer(w.ledger, &id)->state == TRANSFER_FINAL);
	CHECK(w.ledger->open_effect_count == 0);
	world_end(&w);
}

static void clear_latch(struct world *w)
{
	const struct amount none[] = {amount_zero(ASSET_BTC), amount_zero(ASSET_RBTC)};
	for (unsigned i = 0; i < WORLD_LAYERS; i++) {
		const struct block_ref tip = w->ledger->layer[i].tip;
		CHECK(engine_reconciled(w->engine, w->now, (enum layer_id)i, &tip, w->chain[i],
			      none[i], amount_zero(layer_gas_asset((enum layer_id)i))) == OK);
	}
	CHECK(engine_latch(w->engine, w->now, false, "checked") == OK);
}

/* HAZARDS 33: a nonce went to a transaction that a reorganisation took away, and ours have the next
 * ones: nothing of ours could ever confirm, unless the gap is filled. */
static void test_gap_filled(void)
{
	struct world w;
	world_begin(&w);
	const uint64_t gap = w.ledger->layer[LAYER_ROOTSTOCK].nonce_next;
	const struct chain_event used = {.kind = CHAIN_NONCE_USED,
		.tx = world_tx(&w),
		.nonce = gap,
		.amount = amount_of(ASSET_RBTC, 5)};
	world_chain_sub(&w, LAYER_ROOTSTOCK, used.amount);
	world_block(&w, LAYER_ROOTSTOCK, &used, 1);
	clear_latch(&w);
	struct effect *paid = pay_on_rootstock(&w);
	CHECK(paid->nonce == gap + 1);
	(void)world_prepare(&w, paid);
	CHECK(w.ledger->open_effect_count == 1);
	world_reorg(&w, LAYER_ROOTSTOCK, 1);
	world_chain_add(&w, LAYER_ROOTSTOCK, used.amount);
	world_block(&w, LAYER_ROOTSTOCK, NULL, 0);
	CHECK(w.ledger->open_effect_count == 2);
	const struct effect *fill = &w.ledger->effect[w.ledger->open_effect[1]];
	CHECK(fill->purpose == SIGN_NONCE_FILL && fill->nonce == gap);
	CHECK(amount_is_zero(fill->value));
	world_block(&w, LAYER_ROOTSTOCK, NULL, 0);
	CHECK(w.ledger->open_effect_count == 2); /* once */
	world_end(&w);
}

int main(void)
{
	test_claim_bumped(LAYER_BITCOIN, LAYER_ROOTSTOCK);
	test_claim_bumped(LAYER_ROOTSTOCK, LAYER_BITCOIN);
	test_reverted();
	test_unknown_spend();
	test_unknown_nonce();
	test_gap_filled();
	test_replaced_and_mined();
	return EXIT_SUCCESS;
}
