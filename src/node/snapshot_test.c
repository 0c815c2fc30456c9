/* ledger/snapshot over histories that an engine made: for every record k, the state after k records
 * is put into bytes and restored, the rest is applied to it, and nothing tells it from the ledger
 * that saw all of them: hash, bytes of its own snapshot, and what the records answered.
 *
 * Histories are drawn from a seed: swaps both ways that are claimed, refunded or left, payouts,
 * blocks, reorganisations. Then: every damage to a snapshot is refused, and so is too little room.
 */
#include "ledger/snapshot.h"
#include "base/draw_test.h"
#include "node/engine_world_test.h"

#include <stdlib.h>

#define RECORDS_MAX 600u
#define HISTORIES 3u

static const struct ledger_capacity capacity = {.swaps = 64,
	.transfers = 64,
	.effects = 256,
	.coins = 256,
	.postings = 4096,
	.book_accounts = 16,
	.book_rows = 256};

struct record {
	uint16_t type;
	uint8_t *payload; /* owned */
	size_t len;
};

struct history {
	struct record record[RECORDS_MAX];
	size_t count;
};

static enum err keep(void *ctx, const struct journal_record *r)
{
	struct history *h = ctx;
	CHECK(h->count < RECORDS_MAX && r->seq == h->count + 1);
	struct record *k = &h->record[h->count++];
	*k = (struct record){.type = r->type, .len = r->payload.len};
	k->payload = malloc(k->len + 1);
	CHECK(k->payload != NULL);
	memcpy(k->payload, r->payload.ptr, k->len);
	return OK;
}

static void history_free(struct history *h)
{
	for (size_t i = 0; i < h->count; i++)
		free(h->record[i].payload);
	h->count = 0;
}

/* ---- histories ---- */

static void pay(struct world *w, uint8_t n)
{
	struct transfer_command c = {.now_ms = w->now,
		.id = {{n, 1}},
		.effect_id = {{n, 2}},
		.idempotency_key = {{n, 3}},
		.layer = LAYER_ROOTSTOCK,
		.amount = amount_of(ASSET_RBTC, FUNDS_WEI_PER_SAT),
		.destination = {0xaa},
		.destination_len = 20};
	struct command_result result;
	(void)!engine_transfer(w->engine, &result, &c);
}

/* Some at once, in one transaction; now and then it comes apart. */
static void pay_many(struct world *w, uint8_t n)
{
	struct transfer_command c[4];
	struct command_result result;
	const uint32_t count = 1 + (uint32_t)draw(ARRAY_LEN(c));
	for (uint8_t i = 0; i < count; i++)
		c[i] = (struct transfer_command){.now_ms = w->now,
			.id = {{n, 4, i}},
			.effect_id = {{n, 5, i}},
			.idempotency_key = {{n, 6, i}},
			.layer = LAYER_BITCOIN,
			.amount = amount_of(ASSET_BTC, 1000 + i),
			.destination = {0x51, 0x20, n},
			.destination_len = 34};
	if (engine_transfers(w->engine, &result, c, count) != OK || draw(2) == 0)
		return;
	const struct transfer *t = ledger_transfer(w->ledger, &c[0].id);
	if (t->effect != INDEX_NONE)
		CHECK(engine_build_failed(w->engine, w->now, &w->ledger->effect[t->effect].id, 0,
			      ERR_DENIED, "drawn") == OK);
}

/* Accounts of customers, and transfers among them, some of which fail. */
static void book(struct world *w)
{
	struct book_opening o[4];
	struct book_transfer t[5];
	struct book_answer answer;
	struct book_openings_command open = {
		.now_ms = w->now, .idempotency_key = world_tx(w), .opening = o};
	struct book_transfers_command move = {.now_ms = w->now,
		.idempotency_key = world_tx(w),
		.layer = (enum layer_id)draw(WORLD_LAYERS),
		.transfer = t};
	for (; open.count < ARRAY_LEN(o); open.count++)
		o[open.count] = (struct book_opening){.id = {{(uint8_t)(1 + draw(12))}},
			.layer = (enum layer_id)draw(WORLD_LAYERS),
			.flags = (uint32_t)draw(2)};
	CHECK(engine_book_open(w->engine, &answer, &open) == OK);
	for (; move.count < ARRAY_LEN(t); move.count++)
		t[move.count] = (struct book_transfer){.id = {{(uint8_t)(1 + draw(200))}},
			.from = {{(uint8_t)(draw(3) == 0 ? 0 : 1 + draw(12))}},
			.to = {{(uint8_t)(draw(4) == 0 ? 0 : 1 + draw(12))}},
			.amount = amount_of(layer_asset(move.layer), draw(1000)),
			.tag = draw(3)};
	CHECK(engine_book_transfer(w->engine, &answer, &move) == OK);
}

/* Whatever is wanted of the signer and the node now, or some of it. */
static void run_effects(struct world *w)
{
	for (uint32_t i = 0; i < w->ledger->effect_count; i++) {
		struct effect *f = &w->ledger->effect[i];
		const bool waits = f->state == EFFECT_INTENT ||
			(f->state == EFFECT_PREPARED && f->variant_wanted == f->variant_count);
		if (waits && f->variant_count < EFFECT_VARIANTS_MAX && draw(3) > 0)
			(void)world_prepare(w, f);
	}
}

static void claim(struct world *w, struct swap *s)
{
	const struct chain_event claimed = {.kind = CHAIN_LOCK_SPENT,
		.tx = world_tx(w),
		.at = s->dest.lock[s->dest.bound].at,
		.swap = s->id,
		.spend = LOCK_SPEND_CLAIM,
		.preimage = w->preimage};
	CHECK(engine_mempool(w->engine, w->now, s->dest.layer, &claimed) == OK);
}

static void make_history(struct history *h, uint64_t seed)
{
	static struct world w;
	struct journal_error error;
	random_state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	world_begin(&w);
	const enum layer_id from = seed % 2 == 0 ? LAYER_BITCOIN : LAYER_ROOTSTOCK;
	const enum layer_id to = from == LAYER_BITCOIN ? LAYER_ROOTSTOCK : LAYER_BITCOIN;
	pay(&w, 1);
	struct swap *s = world_both_locked(&w, from, to);
	if (seed % 3 != 0)
		claim(&w, s);
	for (unsigned step = 0; step < 40; step++) {
		run_effects(&w);
		const enum layer_id layer = (enum layer_id)draw(WORLD_LAYERS);
		if (draw(12) == 0)
			pay(&w, (uint8_t)(10 + step));
		if (draw(12) == 0)
			pay_many(&w, (uint8_t)(10 + step));
		if (draw(10) == 0)
			CHECK(engine_set_durability(w.engine, w.now,
				      draw(2) == 0 ? DURABILITY_STRICT : DURABILITY_INTERVAL,
				      1 + (uint32_t)draw(50)) == OK);
		if (step % 3 == 0)
			book(&w);
		if (draw(15) == 0)
			CHECK(engine_latch(w.engine, w.now, true, "drawn") == OK);
		world_blocks(&w, layer, 1 + (unsigned)draw(3));
		if (draw(6) == 0)
			world_deposit_coin(&w, 10000 + draw(90000));
		if (draw(8) == 0) { /* blocks in which nothing of ours was */
			world_blocks(&w, layer, 2);
			world_reorg(&w, layer, 1 + (unsigned)draw(2));
		}
	}
	engine_flush(w.engine);
	journal_close(w.journal);
	const struct journal_config config = {.dir = "journal",
		.ops = file_sim_ops(w.disk),
		.segment_size = 16u << 20,
		.group_max = 2u << 20,
		.synchronous = true};
	CHECK(journal_open(&w.journal, &config, keep, h, &error) == OK);
	journal_close(w.journal);
	engine_destroy(w.engine);
	ledger_destroy(w.ledger);
	file_sim_destroy(w.disk);
}

/* ---- the property ---- */

static const struct seal_key key = {{0}}; /* as the world's */

static struct ledger *fresh(const struct ledger_capacity *c, uint64_t map_seed)
{
	struct ledger *l;
	CHECK(ledger_create(&l, c, &key, map_seed) == OK);
	return l;
}

static void apply(struct ledger *l, const struct history *h, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		CHECK(ledger_apply(l, i + 1, h->record[i].type,
			      slice_of(h->record[i].payload, h->record[i].len)) == OK);
}

/* Owned; *len of it. */
static uint8_t *snapshot_of(size_t *len, struct ledger *l)
{
	const size_t cap = snapshot_size(l);
	uint8_t *out = malloc(cap), *scratch = malloc(cap);
	CHECK(out != NULL && scratch != NULL);
	*len = snapshot_put(out, scratch, cap, l);
	free(scratch);
	return out;
}

static enum err restore(struct ledger *l, const uint8_t *bytes, size_t len)
{
	uint8_t *scratch = malloc(len + 1), *copy = malloc(len + 1);
	CHECK(scratch != NULL && copy != NULL);
	memcpy(copy, bytes, len);
	const enum err err = snapshot_restore(l, scratch, slice_of(copy, len));
	free(scratch);
	free(copy);
	return err;
}

/* Field by field, what no hash and no later record may show: nothing was left out. */
#define EQ(field) CHECK(memcmp(&a->field, &b->field, sizeof a->field) == 0)
#define EQ_AMOUNT(field)                                                                           \
	CHECK(a->field.asset == b->field.asset && amount_cmp(a->field, b->field) == 0)

static void same_swap(const struct swap *a, const struct swap *b)
{
	EQ(id), EQ(state), EQ(created_ms), EQ(updated_ms), EQ(expires_ms), EQ(hash), EQ(preimage);
	EQ(preimage_known), EQ(client_dest), EQ(reason), EQ(lock_effect), EQ(claim_effect);
	EQ(refund_effect), EQ(attempts), EQ(claim_after), EQ(refund_after), EQ(settled), EQ(active);
	EQ(born_seq), EQ(seq);
	EQ_AMOUNT(fee);
	for (unsigned side = 0; side < 2; side++) {
		const struct leg *x = side ? &a->dest : &a->source,
				 *y = side ? &b->dest : &b->source;
		CHECK(x->layer == y->layer && x->timelock == y->timelock && x->depth == y->depth);
		CHECK(amount_cmp(x->amount, y->amount) == 0 && x->bound == y->bound);
		CHECK(x->lock_count == y->lock_count && x->terms_len == y->terms_len);
		CHECK(memcmp(x->terms, y->terms, x->terms_len) == 0);
		for (uint32_t i = 0; i < x->lock_count; i++) {
			const struct lock_fact *k = &x->lock[i], *m = &y->lock[i];
			CHECK(hash256_eq(&k->at.tx, &m->at.tx) && k->at.index == m->at.index);
			CHECK(amount_cmp(k->amount, m->amount) == 0 && k->height == m->height);
			CHECK(k->timelock == m->timelock && k->flags == m->flags);
			CHECK(k->spent_height == m->spent_height && k->spend == m->spend);
			CHECK(hash256_eq(&k->spend_tx, &m->spend_tx));
		}
	}
}

static void same_transfer(const struct transfer *a, const struct transfer *b)
{
	EQ(id), EQ(effect_id), EQ(state), EQ(layer), EQ(destination), EQ(destination_len);
	EQ(created_ms), EQ(updated_ms), EQ(effect), EQ(next), EQ(alone), EQ(external);
	EQ(reason);
	EQ(born_seq), EQ(seq);
	EQ_AMOUNT(amount);
}

static void same_effect(const struct effect *a, const struct effect *b)
{
	EQ(id), EQ(purpose), EQ(state), EQ(layer), EQ(swap), EQ(transfer), EQ(created_ms);
	EQ(intent_seq), EQ(coin_count), EQ(coin), EQ(fee), EQ(nonce), EQ(gas_limit), EQ(rate);
	EQ(lock.tx), EQ(lock.index), EQ(variant_base), EQ(variant_wanted), EQ(variant_count);
	EQ(submitted), EQ(called_off), EQ(open), EQ(last_variant_height), EQ(confirmed_height);
	EQ(conflict_height), EQ(confirmed_tx), EQ(reverted), EQ(reason);
	EQ_AMOUNT(value);
	EQ_AMOUNT(reserved);
	for (uint32_t i = 0; i < a->variant_count; i++) {
		EQ(variant[i].txid), EQ(variant[i].rate), EQ(variant[i].seq),
			EQ(variant[i].calls_off);
		EQ_AMOUNT(variant[i].fee);
	}
}

static void same_coin(const struct coin *a, const struct coin *b)
{
	EQ(layer), EQ(at.txid), EQ(at.index), EQ(value), EQ(key_index), EQ(created_height),
		EQ(final_height);
	EQ(spent_height), EQ(spent_by), EQ(effect), EQ(free_at), EQ(own), EQ(young);
}

static void same_posting(const struct posting *a, const struct posting *b)
{
	EQ(seq), EQ(height), EQ(layer), EQ(from), EQ(to), EQ(reversed);
	EQ_AMOUNT(amount);
}

static void same_ring(const struct layer_state *a, const struct layer_state *b)
{
	EQ(birth.height), EQ(birth.hash), EQ(tip.hash), EQ(tip.parent), EQ(tip.time_ms),
		EQ(account);
	EQ(reconciled), EQ(reconciled_at.height), EQ(difference_missing), EQ(reconciled_ms);
	EQ(reconciled_seq), EQ(retired_count);
	EQ(young_coin_count), EQ(free_coin_count);
	for (unsigned i = 0; i < 2; i++)
		EQ(coins[i].count), EQ(coins[i].next);
	for (uint32_t i = 0; i < a->young_coin_count; i++)
		EQ(young_coin[i]);
	for (uint32_t i = 0; i < a->free_coin_count; i++)
		EQ(free_coin[i]);
	EQ_AMOUNT(difference);
	for (uint32_t i = 0; i < LEDGER_RECENT_BLOCKS; i++) {
		EQ(recent[i].ref.height), EQ(recent[i].ref.hash), EQ(recent[i].seq);
		EQ(recent[i].nonce_chain), EQ(recent[i].ref.parent), EQ(recent[i].ref.time_ms);
	}
	for (uint64_t i = 0; i < a->credit_count && i < LEDGER_CREDITS; i++)
		EQ(credit[i].height), EQ(credit[i].final_height);
}

static void same(const struct ledger *a, const struct ledger *b)
{
	EQ(swap_count), EQ(transfer_count), EQ(effect_count), EQ(coin_count), EQ(idem_count);
	EQ(transfers_waiting), EQ(transfer_first), EQ(latched);
	EQ(latch_reason), EQ(latch_seq), EQ(durability), EQ(durability_ms), EQ(seq), EQ(time_ms),
		EQ(posting_count), EQ(has_params);
	for (uint32_t i = 0; i < a->swap_count; i++)
		same_swap(&a->swap[i], &b->swap[i]);
	for (uint32_t i = 0; i < a->transfer_count; i++)
		same_transfer(&a->transfer[i], &b->transfer[i]);
	for (uint32_t i = 0; i < a->effect_count; i++)
		same_effect(&a->effect[i], &b->effect[i]);
	for (uint32_t i = 0; i < a->coin_count; i++)
		same_coin(&a->coin[i], &b->coin[i]);
	for (uint64_t i = 0; i < a->posting_count && i < a->capacity.postings; i++)
		same_posting(&a->posting[i], &b->posting[i]);
	for (uint32_t i = 0; i < a->idem_count; i++)
		EQ(idem[i].key), EQ(idem[i].body), EQ(idem[i].is_swap), EQ(idem[i].index);
	for (unsigned i = 0; i < WORLD_LAYERS; i++)
		same_ring(&a->layer[i], &b->layer[i]);
}

static void check_every_cut(const struct history *h)
{
	struct ledger *whole = fresh(&capacity, 1), *walking = fresh(&capacity, 2);
	struct hash256 want, got;
	struct snapshot_head head;
	size_t len, whole_len, again_len;
	apply(whole, h, 0, h->count);
	ledger_hash(whole, &want);
	uint8_t *whole_bytes = snapshot_of(&whole_len, whole);
	for (size_t k = 1; k <= h->count; k++) {
		apply(walking, h, k - 1, k);
		uint8_t *bytes = snapshot_of(&len, walking);
		CHECK(snapshot_peek(&head, slice_of(bytes, len)) == OK);
		CHECK(head.seq == k && head.size == len);
		struct ledger *l = fresh(&capacity, 3 + k);
		CHECK(restore(l, bytes, len) == OK && l->seq == k);
		same(walking, l);
		apply(l, h, k, h->count);
		ledger_hash(l, &got);
		CHECK(hash256_eq(&got, &want));
		uint8_t *again = snapshot_of(&again_len, l);
		CHECK(again_len == whole_len && memcmp(again, whole_bytes, again_len) == 0);
		free(again);
		free(bytes);
		ledger_destroy(l);
	}
	free(whole_bytes);
	ledger_destroy(whole);
	ledger_destroy(walking);
}

static void check_refused(const struct history *h)
{
	struct ledger *l = fresh(&capacity, 1);
	const struct ledger_capacity small = {
		.swaps = 1, .transfers = 1, .effects = 1, .coins = 1, .postings = 1};
	const struct ledger_capacity large = {.swaps = 99,
		.transfers = 77,
		.effects = 300,
		.coins = 301,
		.postings = 5000,
		.book_accounts = 17,
		.book_rows = 300};
	struct snapshot_head head;
	size_t len, large_len;
	apply(l, h, 0, h->count);
	uint8_t *bytes = snapshot_of(&len, l);
	ledger_destroy(l);
	for (size_t at = 0; at < len; at = at < 200 ? at + 1 : at + 997) {
		l = fresh(&capacity, 1);
		bytes[at] ^= (uint8_t)(1u << at % 8);
		CHECK(restore(l, bytes, len) != OK);
		bytes[at] ^= (uint8_t)(1u << at % 8);
		ledger_destroy(l);
		l = fresh(&capacity, 1);
		CHECK(restore(l, bytes, at) == ERR_SHORT);
		ledger_destroy(l);
	}
	for (size_t n = 0; n < SNAPSHOT_HEAD_SIZE; n++)
		CHECK(snapshot_peek(&head, slice_of(bytes, n)) == ERR_SHORT);
	l = fresh(&small, 1);
	CHECK(restore(l, bytes, len) == ERR_FULL);
	ledger_destroy(l);
	l = fresh(&large, 1);
	CHECK(restore(l, bytes, len) == OK);
	uint8_t *again = snapshot_of(&large_len, l);
	CHECK(large_len == len && memcmp(again, bytes, len) == 0);
	free(again);
	ledger_destroy(l);
	const struct seal_key other = {{1}};
	CHECK(ledger_create(&l, &capacity, &other, 1) == OK);
	CHECK(restore(l, bytes, len) == ERR_CHECKSUM);
	ledger_destroy(l);
	free(bytes);
}

/* ---- a layer that older programs do not know ---- */

#define LATER ((unsigned)LAYER_ROOTSTOCK_ERC20)

static void check_layers(const struct history *h)
{
	struct ledger *l = fresh(&capacity, 1), *again = fresh(&capacity, 2);
	struct snapshot_head head;
	struct hash256 before, want, got;
	size_t few, len;
	_Static_assert(LATER >= LAYERS_FIRST, "it is one");
	apply(l, h, 0, h->count);
	ledger_hash(l, &before);
	uint8_t *bytes = snapshot_of(&few, l);
	CHECK(bytes[8] == 6 && snapshot_peek(&head, slice_of(bytes, few)) == OK && !head.layers);
	free(bytes);
	struct layer_state *s = &l->layer[LATER];
	s->fee_rate = 60000000;
	ledger_hash(l, &want);
	CHECK(!hash256_eq(&before, &want));
	s->born = true;
	s->birth.height = s->tip.height = 77;
	s->tip.hash.b[3] = 7;
	s->reconciled_seq = h->count;
	s->recent[9].seq = 12;
	ledger_hash(l, &want);
	bytes = snapshot_of(&len, l);
	CHECK(bytes[8] == 8 && len > few);
	CHECK(snapshot_peek(&head, slice_of(bytes, len)) == OK && head.layers && !head.hidden);
	CHECK(restore(again, bytes, len) == OK);
	ledger_hash(again, &got);
	CHECK(hash256_eq(&want, &got));
	same_ring(s, &again->layer[LATER]);
	for (unsigned i = 0; i < LATER; i++)
		same_ring(&l->layer[i], &again->layer[i]);
	bytes[8] = 10; /* of a later program */
	CHECK(snapshot_peek(&head, slice_of(bytes, len)) == ERR_FORMAT);
	free(bytes);
	ledger_destroy(l);
	ledger_destroy(again);
}

static struct slice params_bytes(struct buf *out, const struct ledger_params *p)
{
	params_put(out, p);
	CHECK(!out->overflow);
	return buf_slice(out);
}

/* Settings say nothing of it where it has none, as they always did. */
static void check_params(const struct history *h)
{
	struct ledger *l = fresh(&capacity, 1);
	uint8_t storage[3][2048];
	struct buf out[3];
	struct ledger_params p, again;
	for (size_t i = 0; i < ARRAY_LEN(out); i++)
		out[i] = buf_init(storage[i], sizeof storage[i]);
	apply(l, h, 0, h->count);
	p = l->params;
	const struct slice few = params_bytes(&out[0], &p);
	/* five layers, and the wallet's key right behind them */
	const uint8_t *wallet = memmem(few.ptr, few.len, p.wallet.b, sizeof p.wallet.b);
	CHECK(wallet != NULL && few.len - (size_t)(wallet - few.ptr) == 33 + 4 + 4 * 8 + 32);
	struct reader in = reader_init(few);
	CHECK(params_get(&in, &again) == OK && again.layer[LATER].network == NULL);
	CHECK(memcmp(again.wallet.b, p.wallet.b, sizeof p.wallet.b) == 0);
	p.layer[LATER] = p.layer[LAYER_ROOTSTOCK];
	p.layer[LATER].network = network_by_name((enum layer_id)LATER, slice_str("regtest"));
	p.layer[LATER].token.b[0] = 0xe0;
	p.layer[LATER].gas_value = p.layer[LATER].swap_min = amount_of(ASSET_WBTC, 5);
	p.layer[LATER].swap_max = amount_of(ASSET_WBTC, 6);
	for (uint32_t i = 0; i < p.layer[LATER].depth_steps; i++)
		p.layer[LATER].depth[i].from = amount_of(ASSET_WBTC, i);
	const struct slice more = params_bytes(&out[1], &p);
	in = reader_init(more);
	CHECK(more.len > few.len && params_get(&in, &again) == OK);
	CHECK(again.layer[LATER].network == p.layer[LATER].network);
	CHECK(slice_eq(more, params_bytes(&out[2], &again)));
	ledger_destroy(l);
}

int main(void)
{
	static struct history h;
	for (uint64_t seed = 1; seed <= HISTORIES; seed++) {
		make_history(&h, seed);
		CHECK(h.count > 60);
		check_every_cut(&h);
		check_layers(&h);
		check_params(&h);
		if (seed == 1)
			check_refused(&h);
		history_free(&h);
	}
	return EXIT_SUCCESS;
}
