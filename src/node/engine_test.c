/* The engine against observations made by hand: every path of the swap table, books that balance,
 * and a replay that ends in the same state. */
#include "node/engine_world_test.h"

#include "layer/layer.h"

#include <stdlib.h>

static void test_happy(enum layer_id from, enum layer_id to)
{
	struct world w;
	world_begin(&w);
	struct swap *s = world_both_locked(&w, from, to);
	const struct lock_fact *k = &s->dest.lock[s->dest.bound];
	struct chain_event claim = {.kind = CHAIN_LOCK_SPENT,
		.tx = world_tx(&w),
		.at = k->at,
		.swap = s->id,
		.spend = LOCK_SPEND_CLAIM,
		.preimage = w.preimage};
	CHECK(engine_mempool(w.engine, w.now, to, &claim) == OK);
	CHECK(s->state == SWAP_CLAIMING && s->preimage_known);
	world_chain_sub(&w, to, s->dest.amount);
	world_block(&w, to, &claim, 1);
	CHECK(s->claim_effect != INDEX_NONE);
	const struct id128 id = s->id;
	world_replay(&w); /* in the middle of it all */
	s = ledger_swap(w.ledger, &id);
	world_confirm_spend(
		&w, s, &w.ledger->effect[s->claim_effect], &s->source, LOCK_SPEND_CLAIM);
	CHECK(s->state == SWAP_CLAIMING);
	world_blocks(&w, from, 2);
	CHECK(s->state == SWAP_COMPLETED);
	world_blocks(&w, to, 3);
	CHECK(w.ledger->active_swap_count == 0 && w.ledger->open_effect_count == 0);
	CHECK(!w.ledger->latched);
	/* the clearing accounts close at the same value on both sides */
	struct amount left = ledger_balance_credit(w.ledger, from, ACCOUNT_EXCHANGE), back;
	CHECK(amount_convert(&back, left, layer_asset(to), false) == OK);
	CHECK(amount_cmp(back, ledger_balance(w.ledger, to, ACCOUNT_EXCHANGE)) == 0);
	CHECK(amount_cmp(ledger_balance_credit(w.ledger, from, ACCOUNT_FEES_EARNED), s->fee) == 0);
	CHECK(amount_is_zero(ledger_balance(w.ledger, from, ACCOUNT_RESERVED)));
	CHECK(amount_is_zero(ledger_balance(w.ledger, to, ACCOUNT_LOCKED_OUT)));
	world_end(&w);
}

static void test_refund(enum layer_id from, enum layer_id to)
{
	struct world w;
	world_begin(&w);
	struct swap *s = world_both_locked(&w, from, to);
	while (w.tip[to] < s->dest.timelock - 1)
		world_block(&w, to, NULL, 0);
	CHECK(s->state == SWAP_DEST_LOCKED && s->refund_effect == INDEX_NONE);
	world_block(&w, to, NULL, 0);
	CHECK(s->state == SWAP_REFUNDING);
	world_confirm_spend(
		&w, s, &w.ledger->effect[s->refund_effect], &s->dest, LOCK_SPEND_REFUND);
	world_blocks(&w, to, 2);
	CHECK(s->state == SWAP_REFUNDED && !w.ledger->latched);
	CHECK(amount_is_zero(ledger_balance(w.ledger, to, ACCOUNT_LOCKED_OUT)));
	CHECK(w.ledger->active_swap_count == 0);
	world_end(&w);
}

/* HAZARDS 14: the lock-up leaves the chain before, and after, we lock. */
static void test_source_reorganised(void)
{
	struct world w;
	world_begin(&w);
	struct swap *s = world_swap(&w, LAYER_BITCOIN, LAYER_ROOTSTOCK);
	const struct chain_event lock = world_lock_event(&w, s, &s->source);
	world_block(&w, LAYER_BITCOIN, &lock, 1);
	CHECK(s->state == SWAP_SOURCE_SEEN);
	world_reorg(&w, LAYER_BITCOIN, 1);
	CHECK(s->state == SWAP_SOURCE_SEEN || s->state == SWAP_OFFERED);
	/* another transaction replaces it, and counts (HAZARDS 17) */
	const struct chain_event other = world_lock_event(&w, s, &s->source);
	world_block(&w, LAYER_BITCOIN, &other, 1);
	world_block(&w, LAYER_BITCOIN, NULL, 0);
	CHECK(s->state == SWAP_DEST_LOCKING);
	CHECK(hash256_eq(&s->source.lock[s->source.bound].at.tx, &other.tx));
	world_end(&w);
}

/* HAZARDS 18: too little, too much, a coinbase, foreign terms: nothing is locked, and a right one
 * after them still counts. */
static void test_wrong_locks(void)
{
	struct world w;
	world_begin(&w);
	struct swap *s = world_swap(&w, LAYER_BITCOIN, LAYER_ROOTSTOCK);
	struct chain_event bad[6];
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
		bad[i] = world_lock_event(&w, s, &s->source);
	bad[0].amount = amount_of(ASSET_BTC, SWAP_SAT - 1);
	bad[1].amount = amount_of(ASSET_BTC, SWAP_SAT + 1);
	bad[2].flags = CHAIN_LOCK_COINBASE;
	bad[3].timelock++;
	bad[4].amount = amount_of(ASSET_BTC, 1);
	bad[5].amount = amount_of(ASSET_BTC, 2);
	world_block(&w, LAYER_BITCOIN, bad, ARRAY_LEN(bad));
	world_blocks(&w, LAYER_BITCOIN, 3);
	CHECK(s->state == SWAP_OFFERED && s->lock_effect == INDEX_NONE);
	const struct chain_event right = world_lock_event(&w, s, &s->source);
	world_block(&w, LAYER_BITCOIN, &right, 1);
	world_block(&w, LAYER_BITCOIN, NULL, 0);
	CHECK(s->state == SWAP_DEST_LOCKING);
	world_end(&w);
}

/* HAZARDS 1, 2: a lock-up so late that ours could outlive it is not answered. */
static void test_late_lock(void)
{
	struct world w;
	world_begin(&w);
	struct swap *s = world_swap(&w, LAYER_BITCOIN, LAYER_ROOTSTOCK);
	while (w.tip[LAYER_BITCOIN] + 40 < s->source.timelock)
		world_block(&w, LAYER_BITCOIN, NULL, 0);
	const struct chain_event lock = world_lock_event(&w, s, &s->source);
	world_block(&w, LAYER_BITCOIN, &lock, 1);
	world_block(&w, LAYER_BITCOIN, NULL, 0);
	CHECK(s->state == SWAP_DECLINED && s->lock_effect == INDEX_NONE && s->reason[0] != 0);
	world_end(&w);
}

static void test_expiry_and_latch(void)
{
	struct world w;
	uint64_t next;
	world_begin(&w);
	struct swap *s = world_swap(&w, LAYER_ROOTSTOCK, LAYER_BITCOIN);
	CHECK(engine_tick(w.engine, w.now, &next) == OK && next == s->expires_ms);
	CHECK(engine_tick(w.engine, next, &next) == OK && s->state == SWAP_EXPIRED);

	/* HAZARDS 53: a difference latches; an operator can clear it only after one without */
	const struct block_ref tip = w.ledger->layer[LAYER_BITCOIN].tip;
	const struct amount zero = amount_zero(ASSET_BTC), funds = amount_of(ASSET_BTC, FUNDS_SAT);
	CHECK(engine_reconciled(w.engine, w.now, LAYER_BITCOIN, &tip, amount_part(funds, 1, 2),
		      zero, amount_zero(layer_gas_asset(LAYER_BITCOIN))) == OK);
	CHECK(w.ledger->latched && engine_latch(w.engine, w.now, false, "") == ERR_STATE);
	struct quote q;
	struct engine_refusal refusal;
	CHECK(engine_quote(w.engine, &q, &refusal, LAYER_BITCOIN, LAYER_ROOTSTOCK,
		      amount_of(ASSET_BTC, SWAP_SAT)) == ERR_REJECTED);
	CHECK(strcmp(refusal.code, "latched") == 0);
	CHECK(engine_reconciled(w.engine, w.now, LAYER_BITCOIN, &tip, funds, zero,
		      amount_zero(layer_gas_asset(LAYER_BITCOIN))) == OK);
	const struct block_ref other = w.ledger->layer[LAYER_ROOTSTOCK].tip;
	CHECK(engine_reconciled(w.engine, w.now, LAYER_ROOTSTOCK, &other, w.chain[LAYER_ROOTSTOCK],
		      amount_zero(ASSET_RBTC),
		      amount_zero(layer_gas_asset(LAYER_ROOTSTOCK))) == OK);
	CHECK(engine_latch(w.engine, w.now, false, "checked") == OK && !w.ledger->latched);
	world_end(&w);
}

/* A payout, replaced once; the replacement confirms; then a reorganisation takes it back. */
static void test_transfer_bumped_and_reorganised(void)
{
	struct world w;
	world_begin(&w);
	struct transfer_command c = {.now_ms = w.now,
		.id = {{1}},
		.effect_id = {{2}},
		.idempotency_key = {{3}},
		.layer = LAYER_BITCOIN,
		.amount = amount_of(ASSET_BTC, 50000),
		.destination = {0x51, 0x20},
		.destination_len = 34};
	struct command_result result;
	CHECK(engine_transfer(w.engine, &result, &c) == OK);
	struct transfer *t = ledger_transfer(w.ledger, &c.id);
	struct effect *f = ledger_effect(w.ledger, &c.effect_id);
	CHECK(t != NULL && f != NULL && f->state == EFFECT_INTENT);
	(void)world_prepare(&w, f);
	CHECK(t->state == TRANSFER_SENT);
	world_blocks(&w, LAYER_BITCOIN, 3);
	CHECK(f->variant_wanted == 1 && f->rate > f->variant[0].rate);
	const struct hash256 tx = world_prepare(&w, f);
	struct amount change = f->reserved;
	CHECK(amount_sub(&change, change, f->value) == OK);
	CHECK(amount_sub(&change, change, f->variant[1].fee) == OK);
	const struct coin *coin = &w.ledger->coin[f->coin[0]];
	const struct chain_event e[] = {
		{.kind = CHAIN_COIN_SPENT,
			.tx = tx,
			.at = {.tx = coin->at.txid, .index = coin->at.index}},
		{.kind = CHAIN_COIN_CREATED,
			.tx = tx,
			.at = {.tx = tx, .index = 1},
			.key_index = 1,
			.amount = change}};
	const struct amount before = w.chain[LAYER_BITCOIN];
	w.chain[LAYER_BITCOIN] = change;
	world_block(&w, LAYER_BITCOIN, e, 2);
	CHECK(t->state == TRANSFER_CONFIRMED);
	world_reorg(&w, LAYER_BITCOIN, 1);
	w.chain[LAYER_BITCOIN] = before;
	CHECK(t->state == TRANSFER_SENT && f->state == EFFECT_PREPARED);
	world_block(&w, LAYER_BITCOIN, NULL, 0);
	w.chain[LAYER_BITCOIN] = change;
	world_block(&w, LAYER_BITCOIN, e, 2);
	world_blocks(&w, LAYER_BITCOIN, 2);
	CHECK(t->state == TRANSFER_FINAL && w.ledger->open_effect_count == 0);
	world_end(&w);
}

/* A lock-up that was signed and could never be sent is called off once it is unsafe, and the swap
 * ends; the nonce and the coins are free again. */
static void test_called_off(enum layer_id from, enum layer_id to)
{
	struct world w;
	world_begin(&w);
	struct swap *s = world_swap(&w, from, to);
	const struct chain_event lock = world_lock_event(&w, s, &s->source);
	world_block(&w, from, &lock, 1);
	world_block(&w, from, NULL, 0);
	struct effect *f = &w.ledger->effect[s->lock_effect];
	const struct hash256 tx = world_tx(&w);
	struct amount fee = amount_from_sat(f->fee);
	if (to == LAYER_ROOTSTOCK)
		CHECK(layer_fee_bound(&fee, to, SIGN_LOCK, f->rate) == OK);
	CHECK(engine_prepared(w.engine, w.now, &f->id, 0, &tx, fee, slice_str("bytes")) == OK);
	world_blocks(&w, from, 1);
	CHECK(!f->called_off);
	while (w.tip[from] + 20 < s->source.timelock)
		world_block(&w, from, NULL, 0);
	CHECK(f->called_off && f->variant_wanted == 1);
	CHECK(s->state == SWAP_DEST_LOCKING);
	const struct hash256 back = world_prepare(&w, f);
	struct chain_event e[2] = {
		{.kind = CHAIN_NONCE_USED, .tx = back, .nonce = f->nonce, .amount = fee}};
	size_t count = 1;
	if (to == LAYER_BITCOIN) {
		const struct coin *c = &w.ledger->coin[f->coin[0]];
		struct amount rest = f->reserved;
		fee = f->variant[1].fee;
		CHECK(amount_sub(&rest, rest, fee) == OK);
		e[0] = (struct chain_event){.kind = CHAIN_COIN_SPENT,
			.tx = back,
			.at = {.tx = c->at.txid, .index = c->at.index}};
		e[1] = (struct chain_event){.kind = CHAIN_COIN_CREATED,
			.tx = back,
			.at = {.tx = back},
			.key_index = 1,
			.amount = rest};
		count = 2;
	}
	world_chain_sub(&w, to, fee);
	world_block(&w, to, e, count);
	world_blocks(&w, to, 3);
	CHECK(s->state == SWAP_DECLINED && s->reason[0] != 0 && !w.ledger->latched);
	CHECK(w.ledger->open_effect_count == 0);
	CHECK(amount_is_zero(ledger_balance(w.ledger, to, ACCOUNT_RESERVED)));
	world_end(&w);
}

/* HAZARDS 36, 53: a stranger's dust in our account is booked and stops nothing; less than the books
 * say stops everything, and so does dust that would cover up a lock-up that is gone. */
static void test_dust_in_the_account(void)
{
	struct world w;
	world_begin(&w);
	world_blocks(&w, LAYER_ROOTSTOCK, 1);
	const struct amount zero = amount_zero(ASSET_RBTC), dust = amount_of(ASSET_RBTC, 3);
	const struct block_ref tip = w.ledger->layer[LAYER_ROOTSTOCK].tip;
	const struct amount books = w.chain[LAYER_ROOTSTOCK];
	world_chain_add(&w, LAYER_ROOTSTOCK, dust);
	struct block_ref next = {.height = tip.height + 1, .hash = {{1, 2}}, .parent = tip.hash};
	CHECK(engine_block(w.engine, w.now, LAYER_ROOTSTOCK, &next, NULL, 0) == OK);
	w.tip[LAYER_ROOTSTOCK] = next.height;
	w.tip_hash[LAYER_ROOTSTOCK] = next.hash;
	/* a scan of the block before, then one of the tip: nothing is booked twice */
	for (unsigned i = 0; i < 3; i++) {
		CHECK(engine_reconciled(w.engine, w.now, LAYER_ROOTSTOCK, i == 0 ? &tip : &next,
			      w.chain[LAYER_ROOTSTOCK], zero,
			      amount_zero(layer_gas_asset(LAYER_ROOTSTOCK))) == OK);
		CHECK(!w.ledger->latched &&
			amount_is_zero(w.ledger->layer[LAYER_ROOTSTOCK].difference));
		CHECK(amount_cmp(
			      ledger_balance_credit(w.ledger, LAYER_ROOTSTOCK, ACCOUNT_SUSPENSE_IN),
			      dust) == 0);
	}
	world_blocks(&w, LAYER_ROOTSTOCK, 3);
	CHECK(amount_is_zero(ledger_balance(w.ledger, LAYER_ROOTSTOCK, ACCOUNT_INFLIGHT)));
	/* the block that brought it leaves the chain: so does what was booked for it */
	world_reorg(&w, LAYER_ROOTSTOCK, 5);
	w.chain[LAYER_ROOTSTOCK] = books;
	world_block(&w, LAYER_ROOTSTOCK, NULL, 0);
	world_end(&w);

	world_begin(&w);
	(void)world_both_locked(&w, LAYER_BITCOIN, LAYER_ROOTSTOCK);
	struct amount wallet = w.chain[LAYER_ROOTSTOCK];
	const struct block_ref at = w.ledger->layer[LAYER_ROOTSTOCK].tip;
	CHECK(amount_add(&wallet, wallet, dust) == OK); /* all of it, and our lock-up gone */
	CHECK(engine_reconciled(w.engine, w.now, LAYER_ROOTSTOCK, &at, wallet, zero,
		      amount_zero(layer_gas_asset(LAYER_ROOTSTOCK))) == OK);
	CHECK(w.ledger->latched);
	world_end(&w);
}

/* The change of our lock-up is given to the next effect, then the block of the lock-up leaves the
 * chain: one account is short for a while, the books are not. */
static void test_change_reorganised(void)
{
	struct world w;
	world_begin(&w);
	struct swap *s = world_both_locked(&w, LAYER_ROOTSTOCK, LAYER_BITCOIN);
	const struct amount locked = w.chain[LAYER_BITCOIN];
	struct transfer_command c = {.now_ms = w.now,
		.id = {{1}},
		.effect_id = {{2}},
		.idempotency_key = {{3}},
		.layer = LAYER_BITCOIN,
		.amount = amount_of(ASSET_BTC, 50000),
		.destination = {0x51, 0x20},
		.destination_len = 34};
	struct command_result result;
	CHECK(engine_transfer(w.engine, &result, &c) == OK);
	CHECK(ledger_effect(w.ledger, &c.effect_id)->coin_count == 1);
	world_reorg(&w, LAYER_BITCOIN, 2);
	CHECK(amount_cmp(ledger_custody(w.ledger, LAYER_BITCOIN),
		      amount_of(ASSET_BTC, FUNDS_SAT)) == 0);
	CHECK(amount_cmp(locked, amount_of(ASSET_BTC, FUNDS_SAT)) < 0);
	CHECK(s->state == SWAP_DEST_LOCKING);
	world_end(&w);
}

/* A lock-up that waits for coins is made when one comes, and when fees fall so far that those that
 * are there are enough. */
static void test_waits_for_coins(void)
{
	struct world w;
	struct command_result result;
	struct sat value;
	world_begin(&w);
	struct swap *s = world_swap(&w, LAYER_ROOTSTOCK, LAYER_BITCOIN);
	const struct transfer_command c = {.now_ms = w.now,
		.id = {{1}},
		.effect_id = {{2}},
		.idempotency_key = {{3}},
		.layer = LAYER_BITCOIN,
		.amount = amount_of(ASSET_BTC, 50000),
		.destination = {0x51, 0x20},
		.destination_len = 34};
	CHECK(engine_transfer(w.engine, &result, &c) == OK); /* takes the only coin */
	const struct chain_event lock = world_lock_event(&w, s, &s->source);
	world_block(&w, LAYER_ROOTSTOCK, &lock, 1);
	world_block(&w, LAYER_ROOTSTOCK, NULL, 0);
	CHECK(s->state == SWAP_SOURCE_LOCKED && s->lock_effect == INDEX_NONE);
	CHECK(engine_fee_rate(w.engine, w.now, LAYER_BITCOIN, 100000) == OK);
	CHECK(amount_to_sat(&value, s->dest.amount) == OK);
	world_deposit_coin(&w, value.raw + 400);
	world_blocks(&w, LAYER_BITCOIN, 3);
	CHECK(s->state == SWAP_SOURCE_LOCKED && s->lock_effect == INDEX_NONE);
	CHECK(engine_fee_rate(w.engine, w.now, LAYER_BITCOIN, 2000) == OK);
	CHECK(s->state == SWAP_DEST_LOCKING && w.ledger->effect[s->lock_effect].coin_count == 1);
	world_end(&w);

	world_begin(&w);
	s = world_swap(&w, LAYER_ROOTSTOCK, LAYER_BITCOIN);
	CHECK(engine_transfer(w.engine, &result, &c) == OK);
	const struct chain_event again = world_lock_event(&w, s, &s->source);
	world_block(&w, LAYER_ROOTSTOCK, &again, 1);
	world_block(&w, LAYER_ROOTSTOCK, NULL, 0);
	CHECK(s->state == SWAP_SOURCE_LOCKED && s->lock_effect == INDEX_NONE);
	world_deposit_coin(&w, value.raw * 2);
	world_blocks(&w, LAYER_BITCOIN, 2);
	CHECK(s->state == SWAP_DEST_LOCKING);
	world_end(&w);
}

/* More events than are kept before any is durable: first of all the subscriber is told so. */
struct told {
	uint64_t count, resets, seq;
	bool in_order;
};

static void on_told(void *ctx, const struct engine_event *event)
{
	struct told *t = ctx;
	const bool reset = strcmp(event->type, ENGINE_EVENT_RESET) == 0;
	t->in_order = t->in_order && event->seq >= t->seq && (!reset || t->count == 0);
	t->seq = event->seq;
	t->count++;
	t->resets += reset;
}

static void test_events_lost(void)
{
	struct world w;
	struct told told = {.in_order = true};
	world_begin(&w);
	engine_flush(w.engine);
	engine_on_durable(w.engine);
	engine_subscribe(w.engine, on_told, &told);
	world_blocks(&w, LAYER_ROOTSTOCK, ENGINE_EVENTS_KEPT + 10);
	engine_on_durable(w.engine);
	CHECK(told.count == 1 && told.resets == 1);
	engine_flush(w.engine);
	engine_on_durable(w.engine);
	CHECK(told.count == 1 + ENGINE_EVENTS_KEPT && told.resets == 1 && told.in_order);
	world_blocks(&w, LAYER_ROOTSTOCK, 1);
	engine_flush(w.engine);
	engine_on_durable(w.engine);
	CHECK(told.count == 2 + ENGINE_EVENTS_KEPT && told.resets == 1);
	world_end(&w);
}

/* HAZARDS 5: the wall clock jumps past 2038, and back: time locks are heights, so nothing opens
 * early, and the books' time never runs backwards. */
static void test_clock_steps(void)
{
	struct world w;
	world_begin(&w);
	struct swap *s = world_both_locked(&w, LAYER_BITCOIN, LAYER_ROOTSTOCK);
	w.now = UINT64_C(4102444800000); /* 2100 */
	world_block(&w, LAYER_ROOTSTOCK, NULL, 0);
	CHECK(s->state == SWAP_DEST_LOCKED && s->refund_effect == INDEX_NONE);
	const uint64_t far = w.ledger->time_ms;
	w.now = 1000;
	world_block(&w, LAYER_ROOTSTOCK, NULL, 0);
	CHECK(s->state == SWAP_DEST_LOCKED && w.ledger->time_ms == far);
	while (w.tip[LAYER_ROOTSTOCK] < s->dest.timelock)
		world_block(&w, LAYER_ROOTSTOCK, NULL, 0);
	CHECK(s->state == SWAP_REFUNDING);
	world_end(&w);
}

static void note_called(void *ctx, enum err err)
{
	CHECK(err == OK);
	++*(unsigned *)ctx;
}

/* The journal's mode is a record; in interval mode an answer leaves before the sync, and nothing
 * else does. */
static void test_durability(void)
{
	struct world w;
	unsigned answered = 0, synced = 0;
	world_begin(&w);
	const uint64_t before = w.ledger->seq;
	CHECK(engine_set_durability(w.engine, w.now, DURABILITY_GROUP, 7) == OK);
	CHECK(w.ledger->seq == before); /* it is that already */
	CHECK(engine_set_durability(w.engine, w.now, DURABILITY_INTERVAL, 0) == ERR_RANGE);
	CHECK(engine_set_durability(w.engine, w.now, DURABILITY_INTERVAL, 5000) == ERR_RANGE);
	CHECK(engine_set_durability(w.engine, w.now, DURABILITY_INTERVAL, 20) == OK);
	CHECK(w.ledger->seq == before + 1 && journal_durable(w.journal) == before);
	CHECK(w.ledger->durability == DURABILITY_INTERVAL && w.ledger->durability_ms == 20);
	CHECK(journal_mode_of(w.journal) == JOURNAL_GROUP); /* not before its record is durable */
	engine_flush(w.engine);
	engine_on_durable(w.engine);
	CHECK(journal_mode_of(w.journal) == JOURNAL_INTERVAL);

	CHECK(engine_latch(w.engine, w.now, true, "for the test") == OK);
	const uint64_t seq = w.ledger->seq;
	CHECK(engine_when_answerable(w.engine, seq, note_called, &answered) == OK);
	CHECK(engine_when_durable(w.engine, seq, note_called, &synced) == OK);
	engine_flush(w.engine);
	engine_on_durable(w.engine);
	CHECK(answered == 1 && synced == 0 && journal_durable(w.journal) < seq);
	CHECK(journal_wait(w.journal, seq) == OK);
	engine_on_durable(w.engine);
	CHECK(answered == 1 && synced == 1);
	CHECK(engine_set_durability(w.engine, w.now, DURABILITY_STRICT, 0) == OK);
	CHECK(journal_mode_of(w.journal) == JOURNAL_STRICT && w.ledger->durability_ms == 0);
	/* back before it was there */
	CHECK(engine_set_durability(w.engine, w.now, DURABILITY_INTERVAL, 20) == OK);
	CHECK(engine_set_durability(w.engine, w.now, DURABILITY_STRICT, 0) == OK);
	engine_flush(w.engine);
	engine_on_durable(w.engine);
	CHECK(journal_mode_of(w.journal) == JOURNAL_STRICT && w.ledger->seq == seq + 3);
	world_replay(&w);
	CHECK(w.ledger->durability == DURABILITY_STRICT);
	world_end(&w);
}

int main(void)
{
	test_durability();
	test_dust_in_the_account();
	test_change_reorganised();
	test_events_lost();
	test_waits_for_coins();
	test_happy(LAYER_BITCOIN, LAYER_ROOTSTOCK);
	test_happy(LAYER_ROOTSTOCK, LAYER_BITCOIN);
	test_refund(LAYER_BITCOIN, LAYER_ROOTSTOCK);
	test_refund(LAYER_ROOTSTOCK, LAYER_BITCOIN);
	test_source_reorganised();
	test_wrong_locks();
	test_late_lock();
	test_expiry_and_latch();
	test_clock_steps();
	test_transfer_bumped_and_reorganised();
	test_called_off(LAYER_BITCOIN, LAYER_ROOTSTOCK);
	test_called_off(LAYER_ROOTSTOCK, LAYER_BITCOIN);
	return EXIT_SUCCESS;
}
