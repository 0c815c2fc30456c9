#include "node/engine_world_test.h"

#include "crypto/hash.h"
#include "layer/layer.h"

#include <stdio.h>
#include <stdlib.h>

static const struct ledger_capacity capacity = {.swaps = 64,
	.transfers = 64,
	.effects = 256,
	.coins = 256,
	.postings = 4096,
	.book_accounts = 64,
	.book_rows = 20000,
	.addresses = 40};

static enum err replay(void *ctx, const struct journal_record *r)
{
	return ledger_apply(ctx, r->seq, r->type, r->payload);
}

static void world_open(struct world *w)
{
	struct journal_error error;
	const struct journal_config config = {.dir = "journal",
		.fresh_cluster = {{1}},
		.ops = file_sim_ops(w->disk),
		.segment_size = 16u << 20,
		.group_max = 2u << 20,
		.synchronous = true};
	struct ledger_capacity room = capacity;
	if (w->coins != 0)
		room.coins = w->coins;
	CHECK(ledger_create(&w->ledger, &room, &w->seal, 7) == OK);
	CHECK(journal_open(&w->journal, &config, replay, w->ledger, &error) == OK);
	const struct engine_config engine = {.journal = w->journal, .ledger = w->ledger};
	CHECK(engine_create(&w->engine, &engine) == OK);
}

static void world_close(struct world *w)
{
	journal_close(w->journal);
	engine_destroy(w->engine);
	ledger_destroy(w->ledger);
}

/* Whatever was decided must be decided again from the journal alone. */
void world_replay(struct world *w)
{
	struct hash256 before, after;
	engine_flush(w->engine);
	ledger_hash(w->ledger, &before);
	world_close(w);
	world_open(w);
	ledger_hash(w->ledger, &after);
	CHECK(hash256_eq(&before, &after));
}

struct hash256 world_tx(struct world *w)
{
	struct hash256 tx;
	uint8_t seed[8];
	store_le64(seed, ++w->tx_count);
	sha256(&tx, slice_of(seed, sizeof seed));
	return tx;
}

void world_block(
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
	if (layer_gas_apart(layer))
		CHECK(amount_cmp(ledger_gas(w->ledger, layer), w->gas) == 0);
}

void world_blocks(struct world *w, enum layer_id layer, unsigned count)
{
	while (count-- > 0)
		world_block(w, layer, NULL, 0);
}

void world_reorg(struct world *w, enum layer_id layer, unsigned depth)
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
	if (layer_family(layer) == FAMILY_ACCOUNT)
		p.contract.b[0] = 0xcc;
	p.gas_value = amount_zero(asset);
	return p;
}

void world_deposit_coin(struct world *w, uint64_t sat)
{
	const struct hash256 tx = world_tx(w);
	const struct chain_event e = {.kind = CHAIN_COIN_CREATED,
		.tx = tx,
		.at = {.tx = tx},
		.amount = amount_of(ASSET_BTC, sat)};
	CHECK(amount_add(&w->chain[LAYER_BITCOIN], w->chain[LAYER_BITCOIN], e.amount) == OK);
	world_block(w, LAYER_BITCOIN, &e, 1);
}

static void begin(struct world *w, enum layer_id third, uint32_t coins)
{
	struct amount balance;
	struct params_problem problem;
	*w = (struct world){.now = 1000000, .disk = file_sim_create(), .coins = coins};
	secp_init(w->seal.b);
	w->wallet_secret.b[31] = 5;
	w->preimage.b[3] = 9;
	w->params.layer[LAYER_BITCOIN] = layer_params_of(LAYER_BITCOIN, 1);
	w->params.layer[LAYER_ROOTSTOCK] = layer_params_of(LAYER_ROOTSTOCK, FUNDS_WEI_PER_SAT);
	if (third == LAYER_LIQUID) {
		struct layer_params *p = &w->params.layer[LAYER_LIQUID];
		*p = layer_params_of(LAYER_LIQUID, 1);
		p->fee_rate_min = 100;
		p->fee_rate_max = 100000;
	}
	if (third == LAYER_BOB) {
		struct layer_params *p = &w->params.layer[LAYER_BOB];
		*p = layer_params_of(LAYER_BOB, 1);
		p->token.b[0] = 0xee;
		p->gas_value = amount_of(ASSET_WBTC, 3000000);
	}
	CHECK(pubkey_from_seckey(&w->params.wallet, &w->wallet_secret) == OK);
	w->params.fee_ppm = 2000;
	w->params.quote_ttl_ms = 60000;
	w->params.offer_ttl_ms = 3600000;
	w->params.observation_ms = 2000;
	CHECK(params_check(&w->params, &problem));
	world_open(w);
	CHECK(engine_params(w->engine, w->now, &w->params) == OK);
	CHECK(amount_mul(&balance, amount_of(ASSET_RBTC, FUNDS_WEI_PER_SAT), FUNDS_SAT) == OK);
	w->chain[LAYER_BITCOIN] = amount_zero(ASSET_BTC);
	w->chain[LAYER_ROOTSTOCK] = balance;
	for (unsigned i = 0; i < WORLD_LAYERS; i++) {
		struct block_ref birth = {.height = 100};
		birth.hash.b[0] = (uint8_t)(i + 1);
		w->tip[i] = 100;
		w->tip_hash[i] = birth.hash;
		CHECK(engine_birth(w->engine, w->now, (enum layer_id)i, &birth, 4,
			      i == LAYER_BITCOIN ? amount_zero(ASSET_BTC) : balance,
			      amount_zero(layer_gas_asset((enum layer_id)i))) == OK);
	}
	CHECK(engine_fee_rate(w->engine, w->now, LAYER_BITCOIN, 2000) == OK);
	CHECK(engine_fee_rate(w->engine, w->now, LAYER_ROOTSTOCK, 60000000) == OK);
	world_deposit_coin(w, FUNDS_SAT);
	world_blocks(w, LAYER_BITCOIN, 3);
	CHECK(amount_cmp(ledger_balance(w->ledger, LAYER_BITCOIN, ACCOUNT_AVAILABLE),
		      amount_of(ASSET_BTC, FUNDS_SAT)) == 0);
}

void world_begin(struct world *w)
{
	begin(w, LAYER_COUNT, 0);
}

void world_begin_coins(struct world *w, uint32_t coins)
{
	begin(w, LAYER_COUNT, coins);
}

void world_begin_bob(struct world *w)
{
	struct block_ref birth = {.height = 100};
	begin(w, LAYER_BOB, 0);
	birth.hash.b[0] = (uint8_t)(LAYER_BOB + 1);
	w->tip[LAYER_BOB] = 100;
	w->tip_hash[LAYER_BOB] = birth.hash;
	w->chain[LAYER_BOB] = amount_of(ASSET_WBTC, FUNDS_SAT);
	w->gas = amount_of(ASSET_ETH, WORLD_GAS);
	CHECK(engine_birth(w->engine, w->now, LAYER_BOB, &birth, 4, w->chain[LAYER_BOB], w->gas) ==
		OK);
	CHECK(engine_first_layer(w->engine, w->now, LAYER_BOB, 100, 100, WORLD_DATA_FEE) == OK);
	CHECK(engine_fee_rate(w->engine, w->now, LAYER_BOB, 80000000) == OK);
}

void world_begin_liquid(struct world *w)
{
	struct block_ref birth = {.height = 100};
	begin(w, LAYER_LIQUID, 0);
	birth.hash.b[0] = (uint8_t)(LAYER_LIQUID + 1);
	w->tip[LAYER_LIQUID] = 100;
	w->tip_hash[LAYER_LIQUID] = birth.hash;
	w->chain[LAYER_LIQUID] = amount_zero(ASSET_LBTC);
	CHECK(engine_birth(w->engine, w->now, LAYER_LIQUID, &birth, 0, w->chain[LAYER_LIQUID],
		      amount_zero(ASSET_LBTC)) == OK);
	CHECK(engine_fee_rate(w->engine, w->now, LAYER_LIQUID, 100) == OK);
}

void world_drop(struct world *w)
{
	world_close(w);
	file_sim_destroy(w->disk);
}

void world_end(struct world *w)
{
	world_replay(w);
	world_drop(w);
}

/* ---- a swap by hand ---- */

struct swap *world_swap(struct world *w, enum layer_id from, enum layer_id to)
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

struct chain_event world_lock_event(struct world *w, const struct swap *s, const struct leg *leg)
{
	const struct hash256 tx = world_tx(w);
	return (struct chain_event){.kind = CHAIN_LOCK,
		.tx = tx,
		.at = {.tx = tx},
		.swap = s->id,
		.amount = leg->amount,
		.timelock = leg->timelock};
}

/* Sign and submit the newest variant of an effect, as the effect runner would. */
struct hash256 world_prepare(struct world *w, struct effect *f)
{
	const struct hash256 tx = world_tx(w);
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

struct amount amount_part(struct amount a, uint64_t n, uint64_t d)
{
	struct amount out;
	CHECK(amount_mul_div(&out, a, n, d, false) == OK);
	return out;
}

void world_chain_sub(struct world *w, enum layer_id layer, struct amount a)
{
	CHECK(amount_sub(&w->chain[layer], w->chain[layer], a) == OK);
}

void world_chain_add(struct world *w, enum layer_id layer, struct amount a)
{
	CHECK(amount_add(&w->chain[layer], w->chain[layer], a) == OK);
}

/* The block in which our own lock-up confirms. */
struct chain_event world_confirm_lock(struct world *w, struct swap *s)
{
	struct effect *f = &w->ledger->effect[s->lock_effect];
	const struct hash256 tx = world_prepare(w, f);
	struct chain_event e[3];
	e[0] = world_lock_event(w, s, &s->dest);
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
		world_chain_sub(w, f->layer, fee);
		world_block(w, f->layer, e, 3);
	} else {
		e[1] = (struct chain_event){.kind = CHAIN_NONCE_USED,
			.tx = tx,
			.nonce = f->nonce,
			.amount = amount_part(f->variant[0].fee, 1, 2)};
		world_chain_sub(w, f->layer, e[1].amount);
		world_block(w, f->layer, e, 2);
	}
	return e[0];
}

/* Our claim or refund confirms. */
void world_confirm_spend(struct world *w, struct swap *s, struct effect *f, const struct leg *leg,
	enum lock_spend spend)
{
	const struct hash256 tx = world_prepare(w, f);
	const struct lock_fact *k = &leg->lock[leg->bound];
	struct chain_event e[2] = {
		{.kind = CHAIN_LOCK_SPENT, .tx = tx, .at = k->at, .swap = s->id, .spend = spend}};
	struct amount fee = f->variant[f->variant_count - 1].fee;
	if (spend == LOCK_SPEND_CLAIM) {
		e[0].preimage = w->preimage;
		world_chain_add(w, leg->layer, k->amount);
	}
	if (leg->layer == LAYER_BITCOIN) {
		struct amount rest;
		CHECK(amount_sub(&rest, k->amount, fee) == OK);
		e[1] = (struct chain_event){
			.kind = CHAIN_COIN_CREATED, .tx = tx, .at = {.tx = tx}, .amount = rest};
	} else {
		fee = amount_part(fee, 1, 2);
		e[1] = (struct chain_event){
			.kind = CHAIN_NONCE_USED, .tx = tx, .nonce = f->nonce, .amount = fee};
	}
	world_chain_sub(w, leg->layer, fee);
	world_block(w, leg->layer, e, 2);
}

struct swap *world_both_locked(struct world *w, enum layer_id from, enum layer_id to)
{
	struct swap *s = world_swap(w, from, to);
	const struct chain_event lock = world_lock_event(w, s, &s->source);
	CHECK(engine_mempool(w->engine, w->now, from, &lock) == OK);
	CHECK(s->state == SWAP_SOURCE_SEEN);
	world_block(w, from, &lock, 1);
	CHECK(s->state == SWAP_SOURCE_SEEN);
	world_block(w, from, NULL, 0);
	CHECK(s->state == SWAP_DEST_LOCKING);
	(void)world_confirm_lock(w, s);
	world_block(w, to, NULL, 0);
	CHECK(s->state == SWAP_DEST_LOCKED);
	return s;
}
