/* Sweeps of deposit addresses, and external payouts that are cancelled: which coins, what the books
 * say at each step, what happens when what was given up is mined all the same. Every world ends in
 * a replay that must give the same state, and is replayed in between as by a daemon that is killed
 * there. */
#include "node/engine_world_test.h"

#include "layer/layer.h"
#include "wire/sweep.h"

#include <stdlib.h>

#define COIN_SAT UINT64_C(50000000)

static struct descriptor descriptor;

static void begin(struct world *w)
{
	world_begin(w);
	w->params.deposits.b[0] = 0xde;
	CHECK(engine_params(w->engine, w->now, &w->params) == OK);
	CHECK(descriptor_parse_unchecked(&descriptor,
		      network_by_name(LAYER_BITCOIN, slice_str("regtest")),
		      slice_str("wpkh(0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f"
				"81798)")) == OK);
}

static bool holds(const struct world *w, enum account a, uint64_t sat)
{
	return amount_cmp(ledger_balance(w->ledger, LAYER_BITCOIN, a), amount_of(ASSET_BTC, sat)) ==
		0;
}

/* So many coins of rising value, all deep. */
static uint64_t deposit(struct world *w, uint32_t count)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < count; i++) {
		const struct hash256 tx = world_tx(w);
		const struct chain_event e = {.kind = CHAIN_COIN_CREATED,
			.tx = tx,
			.at = {.tx = tx},
			.key_index = KEY_INDEX_DEPOSIT | i,
			.amount = amount_of(ASSET_BTC, COIN_SAT + i)};
		world_chain_add(w, LAYER_BITCOIN, e.amount);
		world_block(w, LAYER_BITCOIN, &e, 1);
		sum += COIN_SAT + i;
	}
	world_blocks(w, LAYER_BITCOIN, 2);
	CHECK(holds(w, ACCOUNT_WATCHED, sum));
	return sum;
}

static struct sweep_command command_of(const struct world *w, uint8_t n)
{
	struct sweep_command c = {.now_ms = w->now,
		.id = {{n, 1}},
		.effect_id = {{n, 2}},
		.idempotency_key = {{n, 3}},
		.descriptor = &descriptor,
		.destination_len = 34,
		.to_wallet = true,
		.amount = amount_zero(ASSET_BTC)};
	CHECK(wallet_script(c.destination, &w->params.wallet, LAYER_BITCOIN, KEY_INDEX_RECEIVE) ==
		OK);
	return c;
}

static struct effect *effect_of(const struct world *w, uint8_t n)
{
	const struct id128 id = {{n, 2}};
	struct effect *f = ledger_effect(w->ledger, &id);
	CHECK(f != NULL);
	return f;
}

static struct transfer *transfer_of(const struct world *w, uint8_t n)
{
	const struct id128 id = {{n, 1}};
	struct transfer *t = ledger_transfer(w->ledger, &id);
	CHECK(t != NULL);
	return t;
}

static struct effect *sweep(struct world *w, uint8_t n)
{
	struct command_result result;
	const struct sweep_command c = command_of(w, n);
	CHECK(engine_sweep(w->engine, &result, &c) == OK && id128_eq(&result.id, &c.id));
	return effect_of(w, n);
}

/* What the effect runner does: known by its id, not signed. */
static struct hash256 make_known(struct world *w, uint8_t n)
{
	const struct hash256 tx = world_tx(w);
	const struct effect *f = effect_of(w, n);
	CHECK(engine_prepared(w->engine, w->now, &f->id, 0, &tx, amount_from_sat(f->fee),
		      slice_of(NULL, 0)) == OK);
	return tx;
}

static void signed_and_sent(struct world *w, uint8_t n, const struct hash256 *tx)
{
	const struct effect *f = effect_of(w, n);
	CHECK(engine_prepared(w->engine, w->now, &f->id, 0, tx, f->variant[0].fee,
		      slice_str("signed bytes")) == OK);
	CHECK(engine_submitted(w->engine, w->now, &f->id, 0, 1, "") == OK);
}

/* Its block. key_index: of what it pays, where that is ours; UINT32_MAX: elsewhere. */
static void confirm(struct world *w, uint8_t n, const struct hash256 *tx, uint32_t key_index)
{
	const struct effect *f = effect_of(w, n);
	struct chain_event e[BTC_INPUT_MAX + 1];
	struct amount arrives = f->reserved;
	uint32_t count = 0;
	CHECK(amount_sub(&arrives, arrives, amount_from_sat(f->fee)) == OK);
	CHECK(amount_cmp(arrives, transfer_of(w, n)->amount) == 0);
	for (; count < f->coin_count; count++) {
		const struct coin *c = &w->ledger->coin[f->coin[count]];
		e[count] = (struct chain_event){.kind = CHAIN_COIN_SPENT,
			.tx = *tx,
			.at = {.tx = c->at.txid, .index = c->at.index}};
	}
	if (key_index != UINT32_MAX)
		e[count++] = (struct chain_event){.kind = CHAIN_COIN_CREATED,
			.tx = *tx,
			.at = {.tx = *tx},
			.key_index = key_index,
			.amount = arrives};
	world_chain_sub(
		w, LAYER_BITCOIN, key_index == UINT32_MAX ? f->reserved : amount_from_sat(f->fee));
	world_block(w, LAYER_BITCOIN, e, count);
}

/* ---- sweeps ---- */

/* From deposits to what the signer can spend, killed at each record. */
static void test_to_wallet(void)
{
	struct world w;
	begin(&w);
	const uint64_t sum = deposit(&w, 3);
	struct effect *f = sweep(&w, 1);
	const uint64_t fee = f->fee.raw;
	CHECK(f->coin_count == 3 && fee > 0 && effect_external(w.ledger, f));
	CHECK(holds(&w, ACCOUNT_WATCHED, 0) && holds(&w, ACCOUNT_RESERVED, sum));
	CHECK(transfer_of(&w, 1)->state == TRANSFER_PENDING);
	world_replay(&w);
	const struct hash256 tx = make_known(&w, 1);
	world_replay(&w);
	world_blocks(&w, LAYER_BITCOIN, 10); /* nobody replaces it */
	CHECK(effect_of(&w, 1)->variant_count == 1 && effect_of(&w, 1)->variant_wanted == 0);
	signed_and_sent(&w, 1, &tx);
	CHECK(transfer_of(&w, 1)->state == TRANSFER_SENT);
	world_replay(&w);
	confirm(&w, 1, &tx, KEY_INDEX_RECEIVE);
	/* what comes from it is not free before its depth, as its signers could replace it */
	CHECK(holds(&w, ACCOUNT_INFLIGHT, sum - fee) && holds(&w, ACCOUNT_AVAILABLE, FUNDS_SAT));
	CHECK(holds(&w, ACCOUNT_FEES_NETWORK, fee) && holds(&w, ACCOUNT_RESERVED, 0));
	world_replay(&w);
	world_reorg(&w, LAYER_BITCOIN, 1);
	CHECK(holds(&w, ACCOUNT_RESERVED, sum) && holds(&w, ACCOUNT_INFLIGHT, 0));
	CHECK(transfer_of(&w, 1)->state == TRANSFER_SENT);
	world_chain_add(&w, LAYER_BITCOIN, amount_of(ASSET_BTC, fee));
	confirm(&w, 1, &tx, KEY_INDEX_RECEIVE);
	world_blocks(&w, LAYER_BITCOIN, 2);
	CHECK(holds(&w, ACCOUNT_AVAILABLE, FUNDS_SAT + sum - fee) && holds(&w, ACCOUNT_WATCHED, 0));
	CHECK(transfer_of(&w, 1)->state == TRANSFER_FINAL && !w.ledger->latched);
	CHECK(w.ledger->open_effect_count == 0);
	world_end(&w);
}

/* To another address of the operator's, and back to a deposit address. */
static void test_elsewhere(void)
{
	struct world w;
	struct command_result result;
	begin(&w);
	const uint64_t sum = deposit(&w, 2);
	struct sweep_command c = command_of(&w, 1);
	c.to_wallet = false;
	c.amount = amount_of(ASSET_BTC, COIN_SAT / 2);
	CHECK(engine_sweep(w.engine, &result, &c) == OK);
	CHECK(effect_of(&w, 1)->coin_count == 1); /* the largest is enough */
	const struct hash256 tx = make_known(&w, 1);
	confirm(&w, 1, &tx, UINT32_MAX); /* its signers sent it themselves */
	CHECK(holds(&w, ACCOUNT_WATCHED, COIN_SAT) && !w.ledger->latched);
	world_replay(&w);
	world_blocks(&w, LAYER_BITCOIN, 2);
	CHECK(transfer_of(&w, 1)->state == TRANSFER_FINAL);
	c = command_of(&w, 2);
	c.to_wallet = false;
	CHECK(engine_sweep(w.engine, &result, &c) == OK);
	const struct hash256 back = make_known(&w, 2);
	const uint64_t fee = effect_of(&w, 2)->fee.raw;
	confirm(&w, 2, &back, KEY_INDEX_DEPOSIT | 7);
	world_blocks(&w, LAYER_BITCOIN, 2);
	CHECK(holds(&w, ACCOUNT_WATCHED, COIN_SAT - fee) && sum == 2 * COIN_SAT + 1);
	world_end(&w);
}

static void refused(struct world *w, const struct sweep_command *c, const char *code)
{
	struct command_result result;
	const uint64_t seq = w->ledger->seq;
	CHECK(engine_sweep(w->engine, &result, c) == ERR_REJECTED);
	CHECK(strcmp(result.refusal.code, code) == 0 && w->ledger->seq == seq);
}

static void test_refused(void)
{
	struct world w;
	struct command_result result;
	begin(&w);
	struct sweep_command c = command_of(&w, 1);
	refused(&w, &c, "insufficient_funds"); /* nothing there, though a coin is online */
	const uint64_t sum = deposit(&w, 2);
	c.amount = amount_of(ASSET_BTC, sum); /* less fees */
	refused(&w, &c, "insufficient_funds");
	CHECK(engine_latch(w.engine, w.now, true, "test") == OK);
	c.amount = amount_zero(ASSET_BTC);
	refused(&w, &c, "latched");
	world_end(&w);
	begin(&w);
	(void)deposit(&w, 1);
	(void)sweep(&w, 1);
	c = command_of(&w, 2);
	refused(&w, &c, "insufficient_funds"); /* it has one already */
	c = command_of(&w, 1);
	CHECK(engine_sweep(w.engine, &result, &c) == ERR_EXISTS && result.same_body);
	c.idempotency_body.b[0] = 1;
	CHECK(engine_sweep(w.engine, &result, &c) == ERR_EXISTS && !result.same_body);
	world_end(&w);
}

/* As many inputs as one transaction has, and the rest by the next. */
static void test_many(void)
{
	struct world w;
	begin(&w);
	(void)deposit(&w, BTC_INPUT_MAX + 5);
	CHECK(sweep(&w, 1)->coin_count == BTC_INPUT_MAX);
	CHECK(sweep(&w, 2)->coin_count == 5);
	world_end(&w);
}

/* What a record may not say, whoever wrote it. */
static void test_records_refused(void)
{
	struct world w;
	begin(&w);
	(void)deposit(&w, 2);
	const struct sweep_command c = command_of(&w, 1);
	const struct rec_sweep good = {.id = c.id,
		.effect = c.effect_id,
		.idempotency_key = c.idempotency_key,
		.destination = slice_of(c.destination, c.destination_len),
		.to_wallet = true,
		.coin_count = 1,
		.coin = {w.ledger->coin[1].at},
		.fee = {500},
		.rate = 1000};
	CHECK(coin_watched(&w.ledger->coin[1]) && !coin_watched(&w.ledger->coin[0]));
	struct rec_sweep bad[6];
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		bad[i] = good;
	bad[0].coin[0] = w.ledger->coin[0].at; /* the signer's */
	bad[1].coin_count = 0;
	bad[2].coin_count = 2; /* twice the same */
	bad[2].coin[1] = bad[2].coin[0];
	bad[3].fee.raw = w.ledger->coin[1].value.raw;
	bad[4].coin[0].index++; /* nobody's */
	bad[5].rate = 0;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct buf record = engine_record(w.engine, w.now);
		rec_sweep_put(&record, &bad[i]);
		CHECK(engine_append(w.engine, REC_SWEEP, &record, 0) != OK);
	}
	CHECK(w.ledger->effect_count == 0 && w.ledger->transfer_count == 0);
	struct buf record = engine_record(w.engine, w.now);
	rec_sweep_put(&record, &good);
	CHECK(engine_append(w.engine, REC_SWEEP, &record, 0) == OK);
	world_end(&w);
}

/* ---- cancelled ---- */

static enum err cancel(struct world *w, uint8_t n)
{
	struct engine_refusal refusal;
	const struct id128 id = {{n, 1}};
	return engine_cancel(w->engine, &refusal, w->now, &id);
}

/* Its coins are free at once, and the next sweep has them; whichever is mined, the books follow. */
static void test_sweep_cancelled(bool late)
{
	struct world w;
	begin(&w);
	const uint64_t sum = deposit(&w, 2);
	(void)sweep(&w, 1);
	const struct hash256 first = make_known(&w, 1);
	CHECK(cancel(&w, 1) == OK);
	CHECK(holds(&w, ACCOUNT_WATCHED, sum) && holds(&w, ACCOUNT_RESERVED, 0));
	CHECK(transfer_of(&w, 1)->state == TRANSFER_FAILED);
	CHECK(cancel(&w, 1) == ERR_REJECTED);
	world_replay(&w);
	(void)sweep(&w, 2);
	const struct hash256 second = make_known(&w, 2);
	/* nodes take it in the first one's place */
	CHECK(effect_of(&w, 2)->rate >= effect_of(&w, 1)->rate * 5 / 4);
	CHECK(effect_of(&w, 2)->fee.raw > effect_of(&w, 1)->fee.raw);
	confirm(&w, late ? 1 : 2, late ? &first : &second, KEY_INDEX_RECEIVE);
	const uint64_t fee = effect_of(&w, late ? 1 : 2)->fee.raw;
	CHECK(holds(&w, ACCOUNT_INFLIGHT, sum - fee) && holds(&w, ACCOUNT_RESERVED, 0));
	CHECK(holds(&w, ACCOUNT_WATCHED, 0) && !w.ledger->latched);
	world_replay(&w);
	world_blocks(&w, LAYER_BITCOIN, 2);
	CHECK(holds(&w, ACCOUNT_AVAILABLE, FUNDS_SAT + sum - fee));
	CHECK(transfer_of(&w, late ? 1 : 2)->state == TRANSFER_FINAL);
	CHECK(transfer_of(&w, late ? 2 : 1)->state == TRANSFER_FAILED);
	CHECK(w.ledger->open_effect_count == 0);
	world_end(&w);
}

static void external_payout(struct world *w, uint8_t n, uint64_t sat)
{
	struct command_result result;
	const struct transfer_command c = {.now_ms = w->now,
		.id = {{n, 1}},
		.effect_id = {{n, 2}},
		.idempotency_key = {{n, 3}},
		.layer = LAYER_BITCOIN,
		.amount = amount_of(ASSET_BTC, sat),
		.destination = {0x51, 0x20, n},
		.destination_len = 34,
		.external = true};
	CHECK(engine_transfer(w->engine, &result, &c) == OK);
}

/* What was handed out may be signed: its coins come back by a transaction of ours, and only that
 * frees them. */
static void test_payout_cancelled(bool paid)
{
	struct world w;
	begin(&w);
	external_payout(&w, 1, COIN_SAT);
	const struct hash256 out = make_known(&w, 1);
	CHECK(cancel(&w, 1) == OK);
	struct effect *f = effect_of(&w, 1);
	CHECK(f->called_off && f->variant_wanted == 1 && !effect_external(w.ledger, f));
	CHECK(transfer_of(&w, 1)->state != TRANSFER_FAILED && holds(&w, ACCOUNT_AVAILABLE, 0));
	CHECK(cancel(&w, 1) == OK); /* again is harmless */
	/* the first one is not taken any more, signed or not */
	CHECK(engine_prepared(w.engine, w.now, &f->id, 0, &out, f->variant[0].fee,
		      slice_str("signed bytes")) == ERR_STATE);
	world_replay(&w);
	const struct hash256 home = world_prepare(&w, effect_of(&w, 1));
	f = effect_of(&w, 1);
	const struct coin *c = &w.ledger->coin[f->coin[0]];
	struct sat paid_fee;
	CHECK(amount_to_sat(&paid_fee, f->variant[paid ? 0 : 1].fee) == OK);
	const uint64_t fee = paid_fee.raw;
	const struct amount rest = amount_of(ASSET_BTC, c->value.raw - fee - (paid ? COIN_SAT : 0));
	const struct chain_event e[] = {{.kind = CHAIN_COIN_SPENT,
						.tx = paid ? out : home,
						.at = {.tx = c->at.txid, .index = c->at.index}},
		{.kind = CHAIN_COIN_CREATED,
			.tx = paid ? out : home,
			.at = {.tx = paid ? out : home, .index = paid ? 1 : 0},
			.key_index = KEY_INDEX_CHANGE,
			.amount = rest}};
	world_chain_sub(&w, LAYER_BITCOIN, amount_of(ASSET_BTC, fee + (paid ? COIN_SAT : 0)));
	world_block(&w, LAYER_BITCOIN, e, ARRAY_LEN(e));
	world_replay(&w);
	world_blocks(&w, LAYER_BITCOIN, 2);
	CHECK(transfer_of(&w, 1)->state == (paid ? TRANSFER_FINAL : TRANSFER_FAILED));
	CHECK(amount_cmp(ledger_balance(w.ledger, LAYER_BITCOIN, ACCOUNT_AVAILABLE), rest) == 0);
	CHECK(!w.ledger->latched);
	world_end(&w);
}

/* Not what our own signer signs, and not what is over. */
static void test_cancel_refused(void)
{
	struct world w;
	struct command_result result;
	begin(&w);
	struct transfer_command c = {.now_ms = w.now,
		.id = {{9, 1}},
		.effect_id = {{9, 2}},
		.idempotency_key = {{9, 3}},
		.layer = LAYER_BITCOIN,
		.amount = amount_of(ASSET_BTC, COIN_SAT),
		.destination = {0x51, 0x20, 9},
		.destination_len = 34};
	CHECK(engine_transfer(w.engine, &result, &c) == OK);
	CHECK(cancel(&w, 9) == ERR_REJECTED);
	(void)deposit(&w, 1);
	(void)sweep(&w, 1);
	const struct hash256 tx = make_known(&w, 1);
	confirm(&w, 1, &tx, KEY_INDEX_RECEIVE);
	CHECK(cancel(&w, 1) == ERR_REJECTED);
	world_end(&w);
}

int main(void)
{
	test_to_wallet();
	test_elsewhere();
	test_refused();
	test_many();
	test_records_refused();
	test_sweep_cancelled(false);
	test_sweep_cancelled(true);
	test_payout_cancelled(false);
	test_payout_cancelled(true);
	test_cancel_refused();
	return EXIT_SUCCESS;
}
