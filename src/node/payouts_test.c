/* Payouts that leave together: who waits for whom and how long, one transaction for many transfers
 * through replacements and reorganisations, and a batch that comes apart. Every world ends in a
 * replay that must give the same state. */
#include "node/engine_world_test.h"

#include "layer/layer.h"

#include <stdlib.h>

#define AMOUNT_RAW 50000u

/* Transfer n of a request; the keys of one request follow from its number. */
static struct transfer_command command_of(const struct world *w, uint8_t request, uint8_t n)
{
	return (struct transfer_command){.now_ms = w->now,
		.id = {{request, n, 1}},
		.effect_id = {{request, n, 2}},
		.idempotency_key = {{request, n, 3}},
		.idempotency_body = {{request, 4}},
		.layer = LAYER_BITCOIN,
		.amount = amount_of(ASSET_BTC, AMOUNT_RAW + n),
		.destination = {0x51, 0x20, request, n},
		.destination_len = 34};
}

static enum err request(struct world *w, uint8_t number, uint8_t count)
{
	struct transfer_command c[ENGINE_TRANSFERS_MAX];
	struct command_result result;
	for (uint8_t i = 0; i < count; i++)
		c[i] = command_of(w, number, i);
	const enum err err = engine_transfers(w->engine, &result, c, count);
	CHECK(err != OK || id128_eq(&result.id, &c[0].id));
	return err;
}

static struct transfer *transfer_of(const struct world *w, uint8_t number, uint8_t n)
{
	const struct id128 id = {{number, n, 1}};
	struct transfer *t = ledger_transfer(w->ledger, &id);
	CHECK(t != NULL);
	return t;
}

static struct effect *effect_of(const struct world *w, uint8_t number, uint8_t n)
{
	const struct transfer *t = transfer_of(w, number, n);
	CHECK(t->effect != INDEX_NONE);
	return &w->ledger->effect[t->effect];
}

static void all_are(const struct world *w, uint8_t number, uint8_t count, enum transfer_state state)
{
	for (uint8_t i = 0; i < count; i++)
		CHECK(transfer_of(w, number, i)->state == state);
}

/* What the effect pays, in the order of its outputs. */
static uint32_t payees_of(const struct world *w, const struct effect *f)
{
	struct amount sum = amount_zero(f->value.asset);
	uint32_t count = 0;
	for (uint32_t i = f->transfer; i != INDEX_NONE; i = w->ledger->transfer[i].next) {
		CHECK(&w->ledger->effect[w->ledger->transfer[i].effect] == f);
		CHECK(amount_add(&sum, sum, w->ledger->transfer[i].amount) == OK);
		count++;
	}
	CHECK(amount_cmp(sum, f->value) == 0);
	return count;
}

/* The block with its newest variant: the coins are spent, the change is ours. */
static void confirm(struct world *w, const struct effect *f, const struct hash256 *tx)
{
	struct chain_event e[BTC_INPUT_MAX + 1];
	struct amount change = f->reserved, paid;
	uint32_t count = 0;
	CHECK(amount_sub(&change, change, f->value) == OK);
	CHECK(amount_sub(&change, change, f->variant[f->variant_count - 1].fee) == OK);
	for (; count < f->coin_count; count++) {
		const struct coin *c = &w->ledger->coin[f->coin[count]];
		e[count] = (struct chain_event){.kind = CHAIN_COIN_SPENT,
			.tx = *tx,
			.at = {.tx = c->at.txid, .index = c->at.index}};
	}
	e[count++] = (struct chain_event){.kind = CHAIN_COIN_CREATED,
		.tx = *tx,
		.at = {.tx = *tx, .index = payees_of(w, f)},
		.key_index = KEY_INDEX_CHANGE,
		.amount = change};
	CHECK(amount_sub(&paid, f->reserved, change) == OK);
	world_chain_sub(w, LAYER_BITCOIN, paid);
	world_block(w, LAYER_BITCOIN, e, count);
}

static void set_wait(struct world *w, uint64_t wait_ms)
{
	w->params.payout_wait_ms = wait_ms;
	CHECK(engine_params(w->engine, w->now, &w->params) == OK);
}

/* One transaction: replaced, in a block, reorganised away, in another one, final. Its replays are
 * those of the daemon that is killed in between. */
static void test_together(void)
{
	struct world w;
	world_begin(&w);
	CHECK(request(&w, 1, 5) == OK);
	struct effect *f = effect_of(&w, 1, 0);
	CHECK(w.ledger->effect_count == 1 && payees_of(&w, f) == 5);
	CHECK(amount_is_zero(w.ledger->layer[LAYER_BITCOIN].queued));
	CHECK(w.ledger->transfers_waiting == 0 && w.ledger->transfer_first == 5);
	all_are(&w, 1, 5, TRANSFER_PENDING);
	world_replay(&w);
	(void)world_prepare(&w, effect_of(&w, 1, 3));
	all_are(&w, 1, 5, TRANSFER_SENT);
	world_blocks(&w, LAYER_BITCOIN, 3);
	f = effect_of(&w, 1, 4);
	CHECK(f->variant_wanted == 1 && f->rate > f->variant[0].rate);
	const struct hash256 tx = world_prepare(&w, f);
	world_replay(&w);
	f = effect_of(&w, 1, 0);
	const struct amount before = w.chain[LAYER_BITCOIN];
	confirm(&w, f, &tx);
	const struct amount after = w.chain[LAYER_BITCOIN];
	all_are(&w, 1, 5, TRANSFER_CONFIRMED);
	world_replay(&w);
	world_reorg(&w, LAYER_BITCOIN, 1);
	w.chain[LAYER_BITCOIN] = before;
	all_are(&w, 1, 5, TRANSFER_SENT);
	world_block(&w, LAYER_BITCOIN, NULL, 0);
	confirm(&w, effect_of(&w, 1, 0), &tx);
	CHECK(amount_cmp(after, w.chain[LAYER_BITCOIN]) == 0);
	world_blocks(&w, LAYER_BITCOIN, 2);
	all_are(&w, 1, 5, TRANSFER_FINAL);
	CHECK(w.ledger->open_effect_count == 0 && !w.ledger->latched);
	world_end(&w);
}

/* Company is waited for, as long as was said and no longer; nobody waits once there is no room for
 * more. */
static void test_waits_for_company(void)
{
	struct world w;
	uint64_t next;
	world_begin(&w);
	set_wait(&w, 1000);
	const uint64_t begun = w.now;
	CHECK(request(&w, 1, 1) == OK);
	CHECK(transfer_of(&w, 1, 0)->effect == INDEX_NONE);
	CHECK(amount_cmp(w.ledger->layer[LAYER_BITCOIN].queued, amount_of(ASSET_BTC, AMOUNT_RAW)) ==
		0);
	w.now = begun + 400;
	CHECK(request(&w, 2, 2) == OK);
	world_replay(&w);
	CHECK(engine_tick(w.engine, begun + 999, &next) == OK && next == begun + 1000);
	CHECK(w.ledger->effect_count == 0);
	CHECK(engine_tick(w.engine, begun + 1000, &next) == OK && next == UINT64_MAX);
	CHECK(w.ledger->effect_count == 1 && payees_of(&w, effect_of(&w, 1, 0)) == 3);
	CHECK(effect_of(&w, 2, 1) == effect_of(&w, 1, 0));
	world_end(&w);

	world_begin(&w);
	set_wait(&w, 1000);
	world_deposit_coin(&w, FUNDS_SAT);
	world_blocks(&w, LAYER_BITCOIN, 3);
	CHECK(request(&w, 1, 60) == OK && w.ledger->effect_count == 0);
	CHECK(request(&w, 2, 4) == OK && w.ledger->effect_count == 1);
	CHECK(payees_of(&w, effect_of(&w, 1, 0)) == BTC_PAYEE_MAX);
	world_end(&w);

	/* a clock that was set back lets nobody wait */
	world_begin(&w);
	set_wait(&w, 1000);
	CHECK(request(&w, 1, 1) == OK && w.ledger->effect_count == 0);
	CHECK(engine_tick(w.engine, w.now - 60000, &next) == OK);
	CHECK(w.ledger->effect_count == 1 && payees_of(&w, effect_of(&w, 1, 0)) == 1);
	CHECK(id128_eq(&effect_of(&w, 1, 0)->id, &transfer_of(&w, 1, 0)->effect_id));
	world_end(&w);
}

/* On a layer of accounts each has a transaction of its own, at once. */
static void test_accounts_alone(void)
{
	struct world w;
	struct transfer_command c[2];
	struct command_result result;
	world_begin(&w);
	set_wait(&w, 1000);
	for (uint8_t i = 0; i < 2; i++) {
		c[i] = command_of(&w, 1, i);
		c[i].layer = LAYER_ROOTSTOCK;
		c[i].amount = amount_of(ASSET_RBTC, FUNDS_WEI_PER_SAT);
		c[i].destination_len = 20;
	}
	CHECK(engine_transfers(w.engine, &result, c, 2) == OK);
	CHECK(w.ledger->effect_count == 2 && effect_of(&w, 1, 0) != effect_of(&w, 1, 1));
	world_end(&w);
}

/* Not enough for all: for as many as there is, in their order; the rest when there is more. What
 * waits is counted before anything else is promised. */
static void test_not_enough(void)
{
	struct world w;
	struct transfer_command c[4];
	struct command_result result;
	world_begin(&w);
	set_wait(&w, 1000);
	for (uint8_t i = 0; i < 4; i++) {
		c[i] = command_of(&w, 1, i);
		c[i].amount = amount_of(ASSET_BTC, FUNDS_SAT / 4);
	}
	/* four quarters leave nothing for the fee */
	CHECK(engine_transfers(w.engine, &result, c, 4) == ERR_REJECTED);
	CHECK(strcmp(result.refusal.code, "insufficient_funds") == 0);
	CHECK(w.ledger->transfer_count == 0);
	c[3].amount = amount_of(ASSET_BTC, FUNDS_SAT / 4 - 10000);
	CHECK(engine_transfers(w.engine, &result, c, 4) == OK && w.ledger->effect_count == 0);
	CHECK(request(&w, 2, 1) == ERR_REJECTED);
	/* the fee rises while they wait */
	CHECK(engine_fee_rate(w.engine, w.now, LAYER_BITCOIN, 100000) == OK);
	w.now += 1000;
	world_block(&w, LAYER_BITCOIN, NULL, 0);
	CHECK(w.ledger->effect_count == 1 && payees_of(&w, effect_of(&w, 1, 0)) == 2);
	CHECK(w.ledger->transfers_waiting == 2 && w.ledger->transfer_first == 2);
	world_replay(&w);
	const struct hash256 tx = world_prepare(&w, effect_of(&w, 1, 0));
	CHECK(engine_fee_rate(w.engine, w.now, LAYER_BITCOIN, 2000) == OK);
	confirm(&w, effect_of(&w, 1, 0), &tx); /* the change is usable at once */
	CHECK(w.ledger->effect_count == 2 && transfer_of(&w, 1, 2)->effect == 1);
	world_end(&w);
}

/* The signer refuses the batch: everybody is paid by himself, and only who can't be paid is not. */
static void test_comes_apart(void)
{
	struct world w;
	world_begin(&w);
	world_deposit_coin(&w, FUNDS_SAT);
	world_deposit_coin(&w, FUNDS_SAT);
	world_blocks(&w, LAYER_BITCOIN, 3);
	CHECK(request(&w, 1, 3) == OK && w.ledger->effect_count == 1);
	const struct id128 batch = effect_of(&w, 1, 0)->id;
	CHECK(engine_build_failed(w.engine, w.now, &batch, 0, ERR_DENIED, "payee") == OK);
	CHECK(ledger_effect(w.ledger, &batch)->state == EFFECT_VOID);
	CHECK(w.ledger->effect_count == 4 && w.ledger->transfers_waiting == 0);
	for (uint8_t i = 0; i < 3; i++) {
		const struct effect *f = effect_of(&w, 1, i);
		CHECK(payees_of(&w, f) == 1);
		CHECK(id128_eq(&f->id, &transfer_of(&w, 1, i)->effect_id));
	}
	world_replay(&w);
	/* one more comes, and waits for nobody of them */
	CHECK(engine_build_failed(w.engine, w.now, &transfer_of(&w, 1, 1)->effect_id, 0, ERR_DENIED,
		      "payee") == OK);
	CHECK(transfer_of(&w, 1, 1)->state == TRANSFER_FAILED);
	CHECK(transfer_of(&w, 1, 1)->reason[0] != '\0');
	for (uint8_t i = 0; i < 3; i += 2) {
		const struct hash256 tx = world_prepare(&w, effect_of(&w, 1, i));
		confirm(&w, effect_of(&w, 1, i), &tx);
	}
	world_blocks(&w, LAYER_BITCOIN, 2);
	CHECK(transfer_of(&w, 1, 0)->state == TRANSFER_FINAL);
	CHECK(transfer_of(&w, 1, 2)->state == TRANSFER_FINAL);
	CHECK(w.ledger->open_effect_count == 0 && !w.ledger->latched);
	CHECK(amount_is_zero(ledger_balance(w.ledger, LAYER_BITCOIN, ACCOUNT_RESERVED)));
	world_end(&w);
}

/* A replacement that can't be made takes nothing apart: the first one is signed (HAZARDS 43). */
static void test_stays_together(void)
{
	struct world w;
	world_begin(&w);
	CHECK(request(&w, 1, 3) == OK);
	const struct id128 batch = effect_of(&w, 1, 0)->id;
	const struct hash256 tx = world_prepare(&w, effect_of(&w, 1, 0));
	world_blocks(&w, LAYER_BITCOIN, 3);
	CHECK(effect_of(&w, 1, 0)->variant_wanted == 1);
	CHECK(engine_build_failed(w.engine, w.now, &batch, 1, ERR_DENIED, "fee") == OK);
	CHECK(payees_of(&w, effect_of(&w, 1, 2)) == 3 && w.ledger->effect_count == 1);
	confirm(&w, effect_of(&w, 1, 0), &tx);
	all_are(&w, 1, 3, TRANSFER_CONFIRMED);
	world_end(&w);
}

/* Our key signed something else with the coin: at depth all of them have failed, and when that
 * block leaves the chain, none has. */
static void test_spent_otherwise(void)
{
	struct world w;
	world_begin(&w);
	CHECK(request(&w, 1, 2) == OK);
	(void)world_prepare(&w, effect_of(&w, 1, 0));
	const struct coin *coin = &w.ledger->coin[effect_of(&w, 1, 0)->coin[0]];
	const struct chain_event spent = {.kind = CHAIN_COIN_SPENT,
		.tx = world_tx(&w),
		.at = {.tx = coin->at.txid, .index = coin->at.index}};
	const struct amount before = w.chain[LAYER_BITCOIN];
	w.chain[LAYER_BITCOIN] = amount_zero(ASSET_BTC);
	world_block(&w, LAYER_BITCOIN, &spent, 1);
	all_are(&w, 1, 2, TRANSFER_SENT);
	world_blocks(&w, LAYER_BITCOIN, 2);
	all_are(&w, 1, 2, TRANSFER_FAILED);
	CHECK(w.ledger->latched);
	world_reorg(&w, LAYER_BITCOIN, 3);
	w.chain[LAYER_BITCOIN] = before;
	all_are(&w, 1, 2, TRANSFER_SENT);
	world_end(&w);
}

/* The same request finds what it made, and makes what a crash kept it from making. */
static void test_again(void)
{
	struct world w;
	struct transfer_command c[4];
	struct command_result result;
	world_begin(&w);
	CHECK(request(&w, 1, 2) == OK);
	CHECK(request(&w, 1, 2) == ERR_EXISTS);
	world_replay(&w);
	for (uint8_t i = 0; i < 4; i++) {
		c[i] = command_of(&w, 1, i);
		c[i].id.b[5] = 9; /* a new attempt draws new names */
		c[i].effect_id.b[5] = 9;
	}
	world_deposit_coin(&w, FUNDS_SAT);
	world_blocks(&w, LAYER_BITCOIN, 3);
	CHECK(engine_transfers(w.engine, &result, c, 4) == OK);
	CHECK(id128_eq(&result.id, &transfer_of(&w, 1, 0)->id) && w.ledger->transfer_count == 4);
	CHECK(engine_transfers(w.engine, &result, c, 4) == ERR_EXISTS && result.same_body);
	c[0].idempotency_body.b[0]++;
	CHECK(engine_transfers(w.engine, &result, c, 4) == ERR_EXISTS && !result.same_body);
	CHECK(w.ledger->transfer_count == 4);
	world_end(&w);
}

/* ---- signed by somebody else ---- */

static struct effect *begin_external(struct world *w)
{
	struct transfer_command c = command_of(w, 1, 0);
	struct command_result result;
	c.external = true;
	CHECK(engine_transfer(w->engine, &result, &c) == OK);
	struct effect *f = effect_of(w, 1, 0);
	CHECK(effect_external(w->ledger, f) && f->state == EFFECT_INTENT);
	return f;
}

static enum err prepare(struct world *w, const struct hash256 *tx, uint64_t fee, const char *raw)
{
	const struct effect *f = effect_of(w, 1, 0);
	return engine_prepared(
		w->engine, w->now, &f->id, 0, tx, amount_of(ASSET_BTC, fee), slice_str(raw));
}

/* It has an id before it has bytes; then takes them once; is not replaced, and shares with nobody,
 * however long it waits. */
static void test_external(void)
{
	struct world w;
	world_begin(&w);
	set_wait(&w, 1000);
	world_deposit_coin(&w, FUNDS_SAT);
	world_blocks(&w, LAYER_BITCOIN, 3);
	struct effect *f = begin_external(&w);
	CHECK(request(&w, 2, 1) == OK && transfer_of(&w, 2, 0)->effect == INDEX_NONE);
	const struct hash256 tx = world_tx(&w), other = world_tx(&w);
	const uint64_t fee = f->fee.raw;
	CHECK(prepare(&w, &tx, fee, "bytes") == ERR_STATE); /* not known yet */
	CHECK(prepare(&w, &tx, fee, "") == OK && f->state == EFFECT_PREPARED);
	CHECK(!variant_signed(&f->variant[0]));
	CHECK(prepare(&w, &tx, fee, "") == ERR_STATE);
	world_replay(&w);
	world_blocks(&w, LAYER_BITCOIN, 20); /* nothing is due */
	CHECK(effect_of(&w, 1, 0)->variant_wanted == 0);
	CHECK(prepare(&w, &other, fee, "bytes") == ERR_STATE);
	CHECK(prepare(&w, &tx, fee + 1, "bytes") == ERR_STATE);
	CHECK(prepare(&w, &tx, fee, "bytes") == OK);
	CHECK(variant_signed(&effect_of(&w, 1, 0)->variant[0]));
	CHECK(prepare(&w, &tx, fee, "bytes") == ERR_STATE);
	world_replay(&w);
	world_blocks(&w, LAYER_BITCOIN, 20);
	CHECK(effect_of(&w, 1, 0)->variant_wanted == 0);
	confirm(&w, effect_of(&w, 1, 0), &tx);
	world_blocks(&w, LAYER_BITCOIN, 2);
	CHECK(transfer_of(&w, 1, 0)->state == TRANSFER_FINAL && !w.ledger->latched);
	world_end(&w);
}

/* Signed, and sent past us: it is the payout all the same, and not an unknown spend. */
static void test_external_sent_past_us(void)
{
	struct world w;
	world_begin(&w);
	const uint64_t fee = begin_external(&w)->fee.raw;
	const struct hash256 tx = world_tx(&w);
	CHECK(prepare(&w, &tx, fee, "") == OK);
	confirm(&w, effect_of(&w, 1, 0), &tx);
	CHECK(transfer_of(&w, 1, 0)->state == TRANSFER_CONFIRMED && !w.ledger->latched);
	CHECK(prepare(&w, &tx, fee, "bytes") == ERR_STATE);
	world_replay(&w);
	world_blocks(&w, LAYER_BITCOIN, 2);
	CHECK(transfer_of(&w, 1, 0)->state == TRANSFER_FINAL);
	world_end(&w);
}

/* An effect of our own signer has bytes at once, and an account has no external one. */
static void test_external_refused(void)
{
	struct world w;
	struct command_result result;
	world_begin(&w);
	CHECK(request(&w, 1, 1) == OK);
	const struct hash256 tx = world_tx(&w);
	const uint64_t fee = effect_of(&w, 1, 0)->fee.raw;
	CHECK(prepare(&w, &tx, fee, "") == ERR_STATE);
	CHECK(prepare(&w, &tx, fee, "bytes") == OK && prepare(&w, &tx, fee, "bytes") == ERR_STATE);
	struct transfer_command c = command_of(&w, 2, 0);
	c.layer = LAYER_ROOTSTOCK;
	c.amount = amount_of(ASSET_RBTC, FUNDS_WEI_PER_SAT);
	c.destination_len = 20;
	c.external = true;
	CHECK(engine_transfer(w.engine, &result, &c) != OK && w.ledger->transfer_count == 1);
	world_end(&w);
}

/* ---- what the fold refuses ---- */

static enum err apply(struct world *w, const struct rec_intent *r)
{
	static uint8_t storage[8192];
	struct buf out = buf_init(storage, sizeof storage);
	struct hash256 before, after;
	record_begin(&out, w->now);
	rec_intent_put(&out, r);
	CHECK(!out.overflow);
	ledger_hash(w->ledger, &before);
	const enum err err = ledger_apply(
		w->ledger, w->ledger->seq + 1, REC_INTENT, buf_slice(&out));
	ledger_hash(w->ledger, &after);
	CHECK(hash256_eq(&before, &after) == (err != OK));
	return err;
}

/* An intent names waiting transfers of one layer, each once, pays exactly their sum, and holds
 * nothing of a swap (HAZARDS 25). */
static void test_intents_refused(void)
{
	struct world w;
	world_begin(&w);
	set_wait(&w, 1000);
	struct swap *s = world_swap(&w, LAYER_ROOTSTOCK, LAYER_BITCOIN);
	CHECK(request(&w, 1, 3) == OK && w.ledger->effect_count == 0);
	const struct coin *coin = &w.ledger->coin[0];
	const struct rec_intent good = {.effect = {{7}},
		.purpose = SIGN_PAYOUT,
		.layer = LAYER_BITCOIN,
		.owner = transfer_of(&w, 1, 0)->id,
		.more_count = 2,
		.more = {transfer_of(&w, 1, 2)->id, transfer_of(&w, 1, 1)->id},
		.coin_count = 1,
		.coin = {coin->at},
		.fee = {1000},
		.rate = 2000,
		.value = amount_of(ASSET_BTC, 3 * AMOUNT_RAW + 3),
		.reserved = amount_of(ASSET_BTC, FUNDS_SAT)};
	for (unsigned i = 0; i < 8; i++) {
		struct rec_intent r = good;
		switch (i) {
		case 0: r.more[1] = r.owner; break;                                /* twice */
		case 1: r.more[1] = r.more[0]; break;                              /* twice */
		case 2: r.more[0].b[0] = 99; break;                                /* nobody */
		case 3: r.more_count = 1; break;                                   /* not the sum */
		case 4: r.value = amount_of(ASSET_BTC, 3 * AMOUNT_RAW + 2); break; /* less */
		case 5: r.value = amount_of(ASSET_BTC, 3 * AMOUNT_RAW + 4); break; /* more */
		case 6: r.more[0] = s->id; break;                                  /* a swap */
		case 7: r.reserved = amount_of(ASSET_BTC, FUNDS_SAT - 1); break; /* not the coin */
		}
		CHECK(apply(&w, &r) == ERR_STATE);
	}
	struct rec_intent lock = good;
	lock.purpose = SIGN_LOCK;
	CHECK(apply(&w, &lock) == ERR_FORMAT);
	/* in any order, and once */
	CHECK(apply(&w, &good) == OK);
	CHECK(payees_of(&w, effect_of(&w, 1, 0)) == 3);
	CHECK(transfer_of(&w, 1, 2)->next == 1 && transfer_of(&w, 1, 1)->next == INDEX_NONE);
	struct rec_intent again = good;
	again.effect.b[0]++;
	CHECK(apply(&w, &again) == ERR_STATE);
	world_drop(&w);
}

static bool overflow_is(const struct world *w, uint64_t sat)
{
	return amount_cmp(ledger_balance(w->ledger, LAYER_BITCOIN, ACCOUNT_OVERFLOW),
		       amount_of(ASSET_BTC, sat)) == 0;
}

static void pay_one(struct world *w, uint8_t number)
{
	CHECK(request(w, number, 1) == OK);
	struct effect *f = effect_of(w, number, 0);
	const struct hash256 tx = world_prepare(w, f);
	confirm(w, f, &tx);
	world_blocks(w, LAYER_BITCOIN, 3);
	all_are(w, number, 1, TRANSFER_FINAL);
}

/* More coins than the list has places for. Those that others send are booked apart and stop
 * nothing; new payouts are refused before there is no place for what they would make, and are taken
 * again when coins were spent for long enough. */
static void test_coins_full(void)
{
	const uint32_t coins = 4;
	struct world w;
	struct command_result result;
	world_begin_coins(&w, coins);
	for (unsigned i = 0; i < 5; i++)
		world_deposit_coin(&w, 1000);
	CHECK(overflow_is(&w, 2000) && ledger_coins(w.ledger, LAYER_BITCOIN, false) == coins);
	const struct amount all = w.chain[LAYER_BITCOIN];
	world_reorg(&w, LAYER_BITCOIN, 1);
	CHECK(overflow_is(&w, 1000));
	w.chain[LAYER_BITCOIN] = ledger_custody(w.ledger, LAYER_BITCOIN);
	world_deposit_coin(&w, 1000);
	CHECK(overflow_is(&w, 2000) && amount_cmp(all, w.chain[LAYER_BITCOIN]) == 0);
	CHECK(engine_reconciled(w.engine, w.now, LAYER_BITCOIN, &w.ledger->layer[LAYER_BITCOIN].tip,
		      all, amount_zero(ASSET_BTC), amount_zero(ASSET_BTC)) == OK);
	CHECK(!w.ledger->latched);
	world_blocks(&w, LAYER_BITCOIN, 3);

	for (uint8_t i = 1; i <= coins; i++) {
		pay_one(&w, i);
		CHECK(ledger_coins(w.ledger, LAYER_BITCOIN, true) == i && overflow_is(&w, 2000));
	}
	const struct transfer_command more = command_of(&w, coins + 1, 0);
	CHECK(engine_transfers(w.engine, &result, &more, 1) == ERR_REJECTED);
	CHECK(strcmp(result.refusal.code, "capacity_full") == 0);
	CHECK(strncmp(result.refusal.detail, "capacity.coins", strlen("capacity.coins")) == 0);
	world_blocks(&w, LAYER_BITCOIN, LEDGER_RECENT_BLOCKS);
	CHECK(ledger_coins(w.ledger, LAYER_BITCOIN, true) < coins);
	world_replay(&w);
	pay_one(&w, coins + 1);
	CHECK(overflow_is(&w, 2000) && !w.ledger->latched);
	CHECK(amount_is_zero(ledger_balance(w.ledger, LAYER_BITCOIN, ACCOUNT_INFLIGHT)));
	world_end(&w);
}

int main(void)
{
	test_together();
	test_waits_for_company();
	test_accounts_alone();
	test_not_enough();
	test_comes_apart();
	test_stays_together();
	test_spent_otherwise();
	test_again();
	test_external();
	test_external_sent_past_us();
	test_external_refused();
	test_intents_refused();
	test_coins_full();
	return EXIT_SUCCESS;
}
