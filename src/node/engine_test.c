/* The engine against observations made by hand: every path of the swap table, books that balance,
 * and a replay that ends in the same state. */
#include "node/engine_internal.h"

#include "crypto/hash.h"
#include "layer/layer.h"
#include "sys/file_sim.h"

#include <stdio.h>
#include <stdlib.h>

#define FUNDS_SAT UINT64_C(100000000)
#define FUNDS_WEI_PER_SAT UINT64_C(10000000000)
#define SWAP_SAT UINT64_C(1000000)

static const struct ledger_capacity capacity = {
	.swaps = 64, .transfers = 64, .effects = 256, .coins = 256, .postings = 4096};

struct world {
	struct file_sim *disk;
	struct journal *journal;
	struct ledger *ledger;
	struct engine *engine;
	struct seal_key seal;
	struct seckey wallet_secret;
	struct ledger_params params;
	uint64_t now;
	uint64_t tip[LAYER_COUNT];
	struct hash256 tip_hash[LAYER_COUNT];
	unsigned fork; /* makes the hashes of replaced blocks differ */
	uint64_t tx_count;
	struct amount chain[LAYER_COUNT]; /* what the chain would say is ours */
	struct hash256 preimage;
};

static enum err replay(void *ctx, const struct journal_record *r)
{
	return ledger_apply(ctx, r->seq, r->type, r->payload);
}

static void open_world(struct world *w)
{
	struct journal_error error;
	const struct journal_config config = {.dir = "journal",
		.fresh_cluster = {{1}},
		.ops = file_sim_ops(w->disk),
		.segment_size = 16u << 20,
		.group_max = 2u << 20,
		.synchronous = true};
	CHECK(ledger_create(&w->ledger, &capacity, &w->seal, 7) == OK);
	CHECK(journal_open(&w->journal, &config, replay, w->ledger, &error) == OK);
	const struct engine_config engine = {.journal = w->journal, .ledger = w->ledger};
	CHECK(engine_create(&w->engine, &engine) == OK);
}

static void close_world(struct world *w)
{
	journal_close(w->journal);
	engine_destroy(w->engine);
	ledger_destroy(w->ledger);
}

/* Whatever was decided must be decided again from the journal alone. */
static void check_replay(struct world *w)
{
	struct hash256 before, after;
	engine_flush(w->engine);
	ledger_hash(w->ledger, &before);
	close_world(w);
	open_world(w);
	ledger_hash(w->ledger, &after);
	CHECK(hash256_eq(&before, &after));
}

static struct hash256 new_tx(struct world *w)
{
	struct hash256 tx;
	uint8_t seed[8];
	store_le64(seed, ++w->tx_count);
	sha256(&tx, slice_of(seed, sizeof seed));
	return tx;
}

static void block(
	struct world *w, enum layer_id layer, const struct chain_event *event, size_t count)
{
	struct block_ref b = {.height = ++w->tip[layer], .parent = w->tip_hash[layer]};
	uint8_t seed[12];
	store_le64(seed, b.height);
	store_le32(seed + 8, w->fork * 10 + (unsigned)layer);
	sha256(&b.hash, slice_of(seed, sizeof seed));
	w->tip_hash[layer] = b.hash;
	w->now += 1000;
	CHECK(engine_block(w->engine, w->now, layer, &b, event, count) == OK);
	CHECK(amount_cmp(ledger_custody(w->ledger, layer), w->chain[layer]) == 0);
}

static void blocks(struct world *w, enum layer_id layer, unsigned count)
{
	while (count-- > 0)
		block(w, layer, NULL, 0);
}

static void reorg(struct world *w, enum layer_id layer, unsigned depth)
{
	const struct layer_state *s = &w->ledger->layer[layer];
	const struct block_ref keep = s->recent[(w->tip[layer] - depth) % LEDGER_RECENT_BLOCKS].ref;
	CHECK(engine_reorg(w->engine, w->now, layer, &keep) == OK);
	w->tip[layer] = keep.height;
	w->tip_hash[layer] = keep.hash;
	w->fork++;
}

static struct layer_params layer_params_of(enum layer_id layer, uint64_t unit)
{
	const enum asset asset = layer_asset(layer);
	struct layer_params p = {.network = network_by_name(layer, slice_str("regtest")),
		.block_interval_ms = 1000,
		.drift_permille = 50,
		.depth = {{.from = amount_zero(asset), .depth = 2}},
		.depth_steps = 1,
		.final_depth = 3,
		.claim_blocks = 2,
		.lock_blocks = 80,
		.funding_blocks = 20,
		.bump_blocks = 3};
	CHECK(amount_mul(&p.swap_min, amount_of(asset, unit), 10000) == OK);
	CHECK(amount_mul(&p.swap_max, amount_of(asset, unit), 1000000000) == OK);
	p.fee_rate_min = layer == LAYER_BITCOIN ? 1000 : 60000000;
	p.fee_rate_max = layer == LAYER_BITCOIN ? 1000000 : 6000000000;
	if (layer == LAYER_ROOTSTOCK)
		p.contract.b[0] = 0xcc;
	return p;
}

static void deposit_coin(struct world *w, uint64_t sat)
{
	const struct hash256 tx = new_tx(w);
	const struct chain_event e = {.kind = CHAIN_COIN_CREATED,
		.tx = tx,
		.at = {.tx = tx},
		.amount = amount_of(ASSET_BTC, sat)};
	CHECK(amount_add(&w->chain[LAYER_BITCOIN], w->chain[LAYER_BITCOIN], e.amount) == OK);
	block(w, LAYER_BITCOIN, &e, 1);
}

static void begin(struct world *w)
{
	struct amount balance;
	struct params_problem problem;
	*w = (struct world){.now = 1000000, .disk = file_sim_create()};
	secp_init(w->seal.b);
	w->wallet_secret.b[31] = 5;
	w->preimage.b[3] = 9;
	w->params.layer[LAYER_BITCOIN] = layer_params_of(LAYER_BITCOIN, 1);
	w->params.layer[LAYER_ROOTSTOCK] = layer_params_of(LAYER_ROOTSTOCK, FUNDS_WEI_PER_SAT);
	CHECK(pubkey_from_seckey(&w->params.wallet, &w->wallet_secret) == OK);
	w->params.fee_ppm = 2000;
	w->params.quote_ttl_ms = 60000;
	w->params.offer_ttl_ms = 3600000;
	w->params.observation_ms = 2000;
	CHECK(params_check(&w->params, &problem));
	open_world(w);
	CHECK(engine_params(w->engine, w->now, &w->params) == OK);
	CHECK(amount_mul(&balance, amount_of(ASSET_RBTC, FUNDS_WEI_PER_SAT), FUNDS_SAT) == OK);
	w->chain[LAYER_BITCOIN] = amount_zero(ASSET_BTC);
	w->chain[LAYER_ROOTSTOCK] = balance;
	for (unsigned i = 0; i < LAYER_COUNT; i++) {
		struct block_ref birth = {.height = 100};
		birth.hash.b[0] = (uint8_t)(i + 1);
		w->tip[i] = 100;
		w->tip_hash[i] = birth.hash;
		CHECK(engine_birth(w->engine, w->now, (enum layer_id)i, &birth, 4,
			      i == LAYER_BITCOIN ? amount_zero(ASSET_BTC) : balance) == OK);
	}
	CHECK(engine_fee_rate(w->engine, w->now, LAYER_BITCOIN, 2000) == OK);
	CHECK(engine_fee_rate(w->engine, w->now, LAYER_ROOTSTOCK, 60000000) == OK);
	deposit_coin(w, FUNDS_SAT);
	blocks(w, LAYER_BITCOIN, 3);
	CHECK(amount_cmp(ledger_balance(w->ledger, LAYER_BITCOIN, ACCOUNT_AVAILABLE),
		      amount_of(ASSET_BTC, FUNDS_SAT)) == 0);
}

static void end(struct world *w)
{
	check_replay(w);
	close_world(w);
	file_sim_destroy(w->disk);
}

/* ---- a swap by hand ---- */

static struct swap *begin_swap(struct world *w, enum layer_id from, enum layer_id to)
{
	struct swap_command c = {
		.now_ms = w->now, .id = {{(uint8_t)(from + 1), 7}}, .from = from, .to = to};
	struct seckey secret = {{[31] = 77}};
	struct pubkey key;
	bool odd;
	struct command_result result;
	struct engine_refusal refusal;
	struct quote q;
	struct amount amount = amount_of(ASSET_BTC, SWAP_SAT);

	CHECK(amount_convert(&amount, amount, layer_asset(from), false) == OK);
	CHECK(engine_quote(w->engine, &q, &refusal, from, to, amount) == OK);
	c.source_amount = q.source_amount;
	c.dest_amount = q.dest_amount;
	c.fee = q.fee;
	c.idempotency_key.b[0] = (uint8_t)(from + 1);
	sha256(&c.hash, slice_of(w->preimage.b, 32));
	CHECK(pubkey_from_seckey(&key, &secret) == OK);
	xonly_from_pubkey(&c.client_key, &odd, &key);
	c.client_address.b[3] = 0xaa;
	CHECK(engine_swap(w->engine, &result, &c) == OK);
	/* the same key again makes nothing new */
	CHECK(engine_swap(w->engine, &result, &c) == ERR_EXISTS && result.same_body);
	c.idempotency_key.b[1] = 1;
	CHECK(engine_swap(w->engine, &result, &c) == ERR_REJECTED);
	CHECK(strcmp(result.refusal.code, "hash_used") == 0);
	return ledger_swap(w->ledger, &c.id);
}

static struct chain_event lock_event(struct world *w, const struct swap *s, const struct leg *leg)
{
	const struct hash256 tx = new_tx(w);
	return (struct chain_event){.kind = CHAIN_LOCK,
		.tx = tx,
		.at = {.tx = tx},
		.swap = s->id,
		.amount = leg->amount,
		.timelock = leg->timelock};
}

/* Sign and submit the newest variant of an effect, as the executor would. */
static struct hash256 prepare(struct world *w, struct effect *f)
{
	const struct hash256 tx = new_tx(w);
	struct amount fee;
	CHECK(f->state == EFFECT_INTENT || f->variant_wanted == f->variant_count);
	if (layer_family(f->layer) == FAMILY_UTXO && f->coin_count > 0)
		fee = amount_from_sat(f->fee);
	else
		CHECK(layer_fee_bound(&fee, f->layer, f->purpose, f->rate) == OK);
	CHECK(engine_prepared(w->engine, w->now, &f->id, f->variant_wanted, &tx, fee,
		      slice_str("signed bytes")) == OK);
	CHECK(engine_submitted(w->engine, w->now, &f->id, f->variant_count - 1, 1, "") == OK);
	return tx;
}

static struct amount part(struct amount a, uint64_t n, uint64_t d)
{
	struct amount out;
	CHECK(amount_mul_div(&out, a, n, d, false) == OK);
	return out;
}

static void chain_sub(struct world *w, enum layer_id layer, struct amount a)
{
	CHECK(amount_sub(&w->chain[layer], w->chain[layer], a) == OK);
}

static void chain_add(struct world *w, enum layer_id layer, struct amount a)
{
	CHECK(amount_add(&w->chain[layer], w->chain[layer], a) == OK);
}

/* The block in which our own lock-up confirms. */
static struct chain_event confirm_lock(struct world *w, struct swap *s)
{
	struct effect *f = &w->ledger->effect[s->lock_effect];
	const struct hash256 tx = prepare(w, f);
	struct chain_event e[3];
	e[0] = lock_event(w, s, &s->dest);
	e[0].tx = tx;
	e[0].at.tx = tx;
	if (f->layer == LAYER_BITCOIN) {
		const struct coin *c = &w->ledger->coin[f->coin[0]];
		struct amount change = f->reserved;
		const struct amount fee = f->variant[f->variant_count - 1].fee;
		CHECK(amount_sub(&change, change, f->value) == OK);
		CHECK(amount_sub(&change, change, fee) == OK);
		e[1] = (struct chain_event){.kind = CHAIN_COIN_CREATED,
			.tx = tx,
			.at = {.tx = tx, .index = 1},
			.key_index = 1,
			.amount = change};
		e[2] = (struct chain_event){.kind = CHAIN_COIN_SPENT,
			.tx = tx,
			.at = {.tx = c->at.txid, .index = c->at.index}};
		chain_sub(w, f->layer, fee);
		block(w, f->layer, e, 3);
	} else {
		e[1] = (struct chain_event){.kind = CHAIN_NONCE_USED,
			.tx = tx,
			.nonce = f->nonce,
			.amount = part(f->variant[0].fee, 1, 2)};
		chain_sub(w, f->layer, e[1].amount);
		block(w, f->layer, e, 2);
	}
	return e[0];
}

/* Our claim or refund confirms. */
static void confirm_spend(struct world *w, struct swap *s, struct effect *f, const struct leg *leg,
	enum lock_spend spend)
{
	const struct hash256 tx = prepare(w, f);
	const struct lock_fact *k = &leg->lock[leg->bound];
	struct chain_event e[2] = {
		{.kind = CHAIN_LOCK_SPENT, .tx = tx, .at = k->at, .swap = s->id, .spend = spend}};
	struct amount fee = f->variant[f->variant_count - 1].fee;
	if (spend == LOCK_SPEND_CLAIM) {
		e[0].preimage = w->preimage;
		chain_add(w, leg->layer, k->amount);
	}
	if (leg->layer == LAYER_BITCOIN) {
		struct amount rest;
		CHECK(amount_sub(&rest, k->amount, fee) == OK);
		e[1] = (struct chain_event){
			.kind = CHAIN_COIN_CREATED, .tx = tx, .at = {.tx = tx}, .amount = rest};
	} else {
		fee = part(fee, 1, 2);
		e[1] = (struct chain_event){
			.kind = CHAIN_NONCE_USED, .tx = tx, .nonce = f->nonce, .amount = fee};
	}
	chain_sub(w, leg->layer, fee);
	block(w, leg->layer, e, 2);
}

static struct swap *both_locked(struct world *w, enum layer_id from, enum layer_id to)
{
	struct swap *s = begin_swap(w, from, to);
	const struct chain_event lock = lock_event(w, s, &s->source);
	CHECK(engine_mempool(w->engine, w->now, from, &lock) == OK);
	CHECK(s->state == SWAP_SOURCE_SEEN);
	block(w, from, &lock, 1);
	CHECK(s->state == SWAP_SOURCE_SEEN);
	block(w, from, NULL, 0);
	CHECK(s->state == SWAP_DEST_LOCKING);
	(void)confirm_lock(w, s);
	block(w, to, NULL, 0);
	CHECK(s->state == SWAP_DEST_LOCKED);
	return s;
}

static void test_happy(enum layer_id from, enum layer_id to)
{
	struct world w;
	begin(&w);
	struct swap *s = both_locked(&w, from, to);
	const struct lock_fact *k = &s->dest.lock[s->dest.bound];
	struct chain_event claim = {.kind = CHAIN_LOCK_SPENT,
		.tx = new_tx(&w),
		.at = k->at,
		.swap = s->id,
		.spend = LOCK_SPEND_CLAIM,
		.preimage = w.preimage};
	CHECK(engine_mempool(w.engine, w.now, to, &claim) == OK);
	CHECK(s->state == SWAP_CLAIMING && s->preimage_known);
	chain_sub(&w, to, s->dest.amount);
	block(&w, to, &claim, 1);
	CHECK(s->claim_effect != INDEX_NONE);
	const struct id128 id = s->id;
	check_replay(&w); /* in the middle of it all */
	s = ledger_swap(w.ledger, &id);
	confirm_spend(&w, s, &w.ledger->effect[s->claim_effect], &s->source, LOCK_SPEND_CLAIM);
	CHECK(s->state == SWAP_CLAIMING);
	blocks(&w, from, 2);
	CHECK(s->state == SWAP_COMPLETED);
	blocks(&w, to, 3);
	CHECK(w.ledger->active_swap_count == 0 && w.ledger->open_effect_count == 0);
	CHECK(!w.ledger->latched);
	/* the clearing accounts close at the same value on both sides */
	struct amount left = ledger_balance_credit(w.ledger, from, ACCOUNT_EXCHANGE), back;
	CHECK(amount_convert(&back, left, layer_asset(to), false) == OK);
	CHECK(amount_cmp(back, ledger_balance(w.ledger, to, ACCOUNT_EXCHANGE)) == 0);
	CHECK(amount_cmp(ledger_balance_credit(w.ledger, from, ACCOUNT_FEES_EARNED), s->fee) == 0);
	CHECK(amount_is_zero(ledger_balance(w.ledger, from, ACCOUNT_RESERVED)));
	CHECK(amount_is_zero(ledger_balance(w.ledger, to, ACCOUNT_LOCKED_OUT)));
	end(&w);
}

static void test_refund(enum layer_id from, enum layer_id to)
{
	struct world w;
	begin(&w);
	struct swap *s = both_locked(&w, from, to);
	while (w.tip[to] < s->dest.timelock - 1)
		block(&w, to, NULL, 0);
	CHECK(s->state == SWAP_DEST_LOCKED && s->refund_effect == INDEX_NONE);
	block(&w, to, NULL, 0);
	CHECK(s->state == SWAP_REFUNDING);
	confirm_spend(&w, s, &w.ledger->effect[s->refund_effect], &s->dest, LOCK_SPEND_REFUND);
	blocks(&w, to, 2);
	CHECK(s->state == SWAP_REFUNDED && !w.ledger->latched);
	CHECK(amount_is_zero(ledger_balance(w.ledger, to, ACCOUNT_LOCKED_OUT)));
	CHECK(w.ledger->active_swap_count == 0);
	end(&w);
}

/* HAZARDS 14: the lock-up leaves the chain before, and after, we lock. */
static void test_source_reorganised(void)
{
	struct world w;
	begin(&w);
	struct swap *s = begin_swap(&w, LAYER_BITCOIN, LAYER_ROOTSTOCK);
	const struct chain_event lock = lock_event(&w, s, &s->source);
	block(&w, LAYER_BITCOIN, &lock, 1);
	CHECK(s->state == SWAP_SOURCE_SEEN);
	reorg(&w, LAYER_BITCOIN, 1);
	CHECK(s->state == SWAP_SOURCE_SEEN || s->state == SWAP_OFFERED);
	/* another transaction replaces it, and counts (HAZARDS 17) */
	const struct chain_event other = lock_event(&w, s, &s->source);
	block(&w, LAYER_BITCOIN, &other, 1);
	block(&w, LAYER_BITCOIN, NULL, 0);
	CHECK(s->state == SWAP_DEST_LOCKING);
	CHECK(hash256_eq(&s->source.lock[s->source.bound].at.tx, &other.tx));
	end(&w);
}

/* HAZARDS 18: too little, too much, a coinbase, foreign terms: nothing is locked, and a right one
 * after them still counts. */
static void test_wrong_locks(void)
{
	struct world w;
	begin(&w);
	struct swap *s = begin_swap(&w, LAYER_BITCOIN, LAYER_ROOTSTOCK);
	struct chain_event bad[6];
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
		bad[i] = lock_event(&w, s, &s->source);
	bad[0].amount = amount_of(ASSET_BTC, SWAP_SAT - 1);
	bad[1].amount = amount_of(ASSET_BTC, SWAP_SAT + 1);
	bad[2].flags = CHAIN_LOCK_COINBASE;
	bad[3].timelock++;
	bad[4].amount = amount_of(ASSET_BTC, 1);
	bad[5].amount = amount_of(ASSET_BTC, 2);
	block(&w, LAYER_BITCOIN, bad, ARRAY_LEN(bad));
	blocks(&w, LAYER_BITCOIN, 3);
	CHECK(s->state == SWAP_OFFERED && s->lock_effect == INDEX_NONE);
	const struct chain_event right = lock_event(&w, s, &s->source);
	block(&w, LAYER_BITCOIN, &right, 1);
	block(&w, LAYER_BITCOIN, NULL, 0);
	CHECK(s->state == SWAP_DEST_LOCKING);
	end(&w);
}

/* HAZARDS 1, 2: a lock-up so late that ours could outlive it is not answered. */
static void test_late_lock(void)
{
	struct world w;
	begin(&w);
	struct swap *s = begin_swap(&w, LAYER_BITCOIN, LAYER_ROOTSTOCK);
	while (w.tip[LAYER_BITCOIN] + 40 < s->source.timelock)
		block(&w, LAYER_BITCOIN, NULL, 0);
	const struct chain_event lock = lock_event(&w, s, &s->source);
	block(&w, LAYER_BITCOIN, &lock, 1);
	block(&w, LAYER_BITCOIN, NULL, 0);
	CHECK(s->state == SWAP_DECLINED && s->lock_effect == INDEX_NONE && s->reason[0] != 0);
	end(&w);
}

static void test_expiry_and_latch(void)
{
	struct world w;
	uint64_t next;
	begin(&w);
	struct swap *s = begin_swap(&w, LAYER_ROOTSTOCK, LAYER_BITCOIN);
	CHECK(engine_tick(w.engine, w.now, &next) == OK && next == s->expires_ms);
	CHECK(engine_tick(w.engine, next, &next) == OK && s->state == SWAP_EXPIRED);

	/* HAZARDS 53: a difference latches; an operator can clear it only after one without */
	const struct block_ref tip = w.ledger->layer[LAYER_BITCOIN].tip;
	const struct amount zero = amount_zero(ASSET_BTC), funds = amount_of(ASSET_BTC, FUNDS_SAT);
	CHECK(engine_reconciled(w.engine, w.now, LAYER_BITCOIN, &tip, part(funds, 1, 2), zero) ==
		OK);
	CHECK(w.ledger->latched && engine_latch(w.engine, w.now, false, "") == ERR_STATE);
	struct quote q;
	struct engine_refusal refusal;
	CHECK(engine_quote(w.engine, &q, &refusal, LAYER_BITCOIN, LAYER_ROOTSTOCK,
		      amount_of(ASSET_BTC, SWAP_SAT)) == ERR_REJECTED);
	CHECK(strcmp(refusal.code, "latched") == 0);
	CHECK(engine_reconciled(w.engine, w.now, LAYER_BITCOIN, &tip, funds, zero) == OK);
	const struct block_ref other = w.ledger->layer[LAYER_ROOTSTOCK].tip;
	CHECK(engine_reconciled(w.engine, w.now, LAYER_ROOTSTOCK, &other, w.chain[LAYER_ROOTSTOCK],
		      amount_zero(ASSET_RBTC)) == OK);
	CHECK(engine_latch(w.engine, w.now, false, "checked") == OK && !w.ledger->latched);
	end(&w);
}

/* A payout, replaced once; the replacement confirms; then a reorganisation takes it back. */
static void test_transfer_bumped_and_reorganised(void)
{
	struct world w;
	begin(&w);
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
	(void)prepare(&w, f);
	CHECK(t->state == TRANSFER_SENT);
	blocks(&w, LAYER_BITCOIN, 3);
	CHECK(f->variant_wanted == 1 && f->rate > f->variant[0].rate);
	const struct hash256 tx = prepare(&w, f);
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
	block(&w, LAYER_BITCOIN, e, 2);
	CHECK(t->state == TRANSFER_CONFIRMED);
	reorg(&w, LAYER_BITCOIN, 1);
	w.chain[LAYER_BITCOIN] = before;
	CHECK(t->state == TRANSFER_SENT && f->state == EFFECT_PREPARED);
	block(&w, LAYER_BITCOIN, NULL, 0);
	w.chain[LAYER_BITCOIN] = change;
	block(&w, LAYER_BITCOIN, e, 2);
	blocks(&w, LAYER_BITCOIN, 2);
	CHECK(t->state == TRANSFER_FINAL && w.ledger->open_effect_count == 0);
	end(&w);
}

/* A lock-up that was signed and could never be sent is called off once it is unsafe, and the swap
 * ends; the nonce and the coins are free again. */
static void test_called_off(enum layer_id from, enum layer_id to)
{
	struct world w;
	begin(&w);
	struct swap *s = begin_swap(&w, from, to);
	const struct chain_event lock = lock_event(&w, s, &s->source);
	block(&w, from, &lock, 1);
	block(&w, from, NULL, 0);
	struct effect *f = &w.ledger->effect[s->lock_effect];
	const struct hash256 tx = new_tx(&w);
	struct amount fee = amount_from_sat(f->fee);
	if (to == LAYER_ROOTSTOCK)
		CHECK(layer_fee_bound(&fee, to, SIGN_LOCK, f->rate) == OK);
	CHECK(engine_prepared(w.engine, w.now, &f->id, 0, &tx, fee, slice_str("bytes")) == OK);
	blocks(&w, from, 1);
	CHECK(!f->called_off);
	while (w.tip[from] + 20 < s->source.timelock)
		block(&w, from, NULL, 0);
	CHECK(f->called_off && f->call_off_from == 1 && f->variant_wanted == 1);
	CHECK(s->state == SWAP_DEST_LOCKING);
	const struct hash256 back = prepare(&w, f);
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
	chain_sub(&w, to, fee);
	block(&w, to, e, count);
	blocks(&w, to, 3);
	CHECK(s->state == SWAP_DECLINED && s->reason[0] != 0 && !w.ledger->latched);
	CHECK(w.ledger->open_effect_count == 0);
	CHECK(amount_is_zero(ledger_balance(w.ledger, to, ACCOUNT_RESERVED)));
	end(&w);
}

/* HAZARDS 36, 53: a stranger's dust in our account is booked and stops nothing; less than the books
 * say stops everything, and so does dust that would cover up a lock-up that is gone. */
static void test_dust_in_the_account(void)
{
	struct world w;
	begin(&w);
	blocks(&w, LAYER_ROOTSTOCK, 1);
	const struct amount zero = amount_zero(ASSET_RBTC), dust = amount_of(ASSET_RBTC, 3);
	const struct block_ref tip = w.ledger->layer[LAYER_ROOTSTOCK].tip;
	const struct amount books = w.chain[LAYER_ROOTSTOCK];
	chain_add(&w, LAYER_ROOTSTOCK, dust);
	struct block_ref next = {.height = tip.height + 1, .hash = {{1, 2}}, .parent = tip.hash};
	CHECK(engine_block(w.engine, w.now, LAYER_ROOTSTOCK, &next, NULL, 0) == OK);
	w.tip[LAYER_ROOTSTOCK] = next.height;
	w.tip_hash[LAYER_ROOTSTOCK] = next.hash;
	/* a scan of the block before, then one of the tip: nothing is booked twice */
	for (unsigned i = 0; i < 3; i++) {
		CHECK(engine_reconciled(w.engine, w.now, LAYER_ROOTSTOCK, i == 0 ? &tip : &next,
			      w.chain[LAYER_ROOTSTOCK], zero) == OK);
		CHECK(!w.ledger->latched &&
			amount_is_zero(w.ledger->layer[LAYER_ROOTSTOCK].difference));
		CHECK(amount_cmp(
			      ledger_balance_credit(w.ledger, LAYER_ROOTSTOCK, ACCOUNT_SUSPENSE_IN),
			      dust) == 0);
	}
	blocks(&w, LAYER_ROOTSTOCK, 3);
	CHECK(amount_is_zero(ledger_balance(w.ledger, LAYER_ROOTSTOCK, ACCOUNT_INFLIGHT)));
	/* the block that brought it leaves the chain: so does what was booked for it */
	reorg(&w, LAYER_ROOTSTOCK, 5);
	w.chain[LAYER_ROOTSTOCK] = books;
	block(&w, LAYER_ROOTSTOCK, NULL, 0);
	end(&w);

	begin(&w);
	(void)both_locked(&w, LAYER_BITCOIN, LAYER_ROOTSTOCK);
	struct amount wallet = w.chain[LAYER_ROOTSTOCK];
	const struct block_ref at = w.ledger->layer[LAYER_ROOTSTOCK].tip;
	CHECK(amount_add(&wallet, wallet, dust) == OK); /* all of it, and our lock-up gone */
	CHECK(engine_reconciled(w.engine, w.now, LAYER_ROOTSTOCK, &at, wallet, zero) == OK);
	CHECK(w.ledger->latched);
	end(&w);
}

/* The change of our lock-up is given to the next effect, then the block of the lock-up leaves the
 * chain: one account is short for a while, the books are not. */
static void test_change_reorganised(void)
{
	struct world w;
	begin(&w);
	struct swap *s = both_locked(&w, LAYER_ROOTSTOCK, LAYER_BITCOIN);
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
	reorg(&w, LAYER_BITCOIN, 2);
	CHECK(amount_cmp(ledger_custody(w.ledger, LAYER_BITCOIN),
		      amount_of(ASSET_BTC, FUNDS_SAT)) == 0);
	CHECK(amount_cmp(locked, amount_of(ASSET_BTC, FUNDS_SAT)) < 0);
	CHECK(s->state == SWAP_DEST_LOCKING);
	end(&w);
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
	begin(&w);
	engine_flush(w.engine);
	engine_on_durable(w.engine);
	engine_subscribe(w.engine, on_told, &told);
	blocks(&w, LAYER_ROOTSTOCK, ENGINE_EVENTS_KEPT + 10);
	engine_on_durable(w.engine);
	CHECK(told.count == 1 && told.resets == 1);
	engine_flush(w.engine);
	engine_on_durable(w.engine);
	CHECK(told.count == 1 + ENGINE_EVENTS_KEPT && told.resets == 1 && told.in_order);
	blocks(&w, LAYER_ROOTSTOCK, 1);
	engine_flush(w.engine);
	engine_on_durable(w.engine);
	CHECK(told.count == 2 + ENGINE_EVENTS_KEPT && told.resets == 1);
	end(&w);
}

int main(void)
{
	test_dust_in_the_account();
	test_change_reorganised();
	test_events_lost();
	test_happy(LAYER_BITCOIN, LAYER_ROOTSTOCK);
	test_happy(LAYER_ROOTSTOCK, LAYER_BITCOIN);
	test_refund(LAYER_BITCOIN, LAYER_ROOTSTOCK);
	test_refund(LAYER_ROOTSTOCK, LAYER_BITCOIN);
	test_source_reorganised();
	test_wrong_locks();
	test_late_lock();
	test_expiry_and_latch();
	test_transfer_bumped_and_reorganised();
	test_called_off(LAYER_BITCOIN, LAYER_ROOTSTOCK);
	test_called_off(LAYER_ROOTSTOCK, LAYER_BITCOIN);
	return EXIT_SUCCESS;
}
