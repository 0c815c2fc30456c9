#include "ledger/fold.h"

#include "crypto/hash.h"

#include <stdio.h>
#include <stdlib.h>

#define BLOB_CHUNKS_PER_EFFECT 6u

static enum err create_map(struct map *m, uint32_t entries, uint32_t key_len, uint64_t seed)
{
	const uint32_t slots = map_slots_for(entries);
	struct map_slot *slot = calloc(slots, sizeof *slot);
	if (slot == NULL)
		return ERR_FULL;
	map_init_zeroed(m, slot, slots, key_len, seed);
	return OK;
}

static enum err create_tables(struct ledger *l)
{
	const struct ledger_capacity *c = &l->capacity;
	l->swap = calloc(c->swaps, sizeof *l->swap);
	l->transfer = calloc(c->transfers, sizeof *l->transfer);
	l->effect = calloc(c->effects, sizeof *l->effect);
	l->coin = calloc(ledger_coins_max(c), sizeof *l->coin);
	l->active_swap = calloc(c->swaps, sizeof *l->active_swap);
	l->open_effect = calloc(c->effects, sizeof *l->open_effect);
	l->idem = calloc((size_t)c->swaps + c->transfers, sizeof *l->idem);
	l->posting = calloc(c->postings, sizeof *l->posting);
	l->address = calloc((size_t)c->addresses + 1, sizeof *l->address);
	l->dirty = calloc((size_t)c->swaps + c->transfers, sizeof *l->dirty);
	l->dirty_round = calloc((size_t)c->swaps + c->transfers, sizeof *l->dirty_round);
	l->round = 1;
	if (l->swap == NULL || l->transfer == NULL || l->effect == NULL || l->coin == NULL ||
		l->active_swap == NULL || l->open_effect == NULL || l->idem == NULL ||
		l->posting == NULL || l->address == NULL || l->dirty == NULL ||
		l->dirty_round == NULL)
		return ERR_FULL;
	for (unsigned i = 0; i < LAYER_COUNT; i++) {
		struct layer_state *s = &l->layer[i];
		const bool utxo = layer_family((enum layer_id)i) == FAMILY_UTXO;
		s->recent = calloc(LEDGER_RECENT_BLOCKS, sizeof *s->recent);
		s->credit = calloc(LEDGER_CREDITS, sizeof *s->credit);
		s->retired = calloc(c->effects, sizeof *s->retired);
		s->young_coin = utxo ? calloc((size_t)c->coins * 2, sizeof *s->young_coin) : NULL;
		s->free_coin = utxo ? calloc((size_t)c->coins * 2, sizeof *s->free_coin) : NULL;
		if (s->recent == NULL || s->credit == NULL || s->retired == NULL ||
			(utxo && (s->young_coin == NULL || s->free_coin == NULL)))
			return ERR_FULL;
		s->difference = amount_zero(layer_asset((enum layer_id)i));
		s->promised = amount_zero(layer_asset((enum layer_id)i));
		s->queued = s->promised;
	}
	return OK;
}

static enum err create_maps(struct ledger *l, uint64_t seed)
{
	const struct ledger_capacity *c = &l->capacity;
	TRY(create_map(&l->swap_by_id, c->swaps, 16, seed));
	TRY(create_map(&l->swap_by_hash, c->swaps, 32, seed));
	TRY(create_map(&l->paid_hash, c->transfers, 32, seed));
	TRY(create_map(&l->transfer_by_id, c->transfers, 16, seed));
	TRY(create_map(&l->effect_by_id, c->effects, 16, seed));
	TRY(create_map(&l->effect_by_tx, c->effects * 2, 32, seed));
	TRY(create_map(&l->coin_by_outpoint, ledger_coins_max(c), COIN_KEY_SIZE, seed));
	TRY(create_map(&l->by_idempotency, c->swaps + c->transfers, 32, seed));
	TRY(book_init(&l->book, c->book_accounts, c->book_rows, seed));
	TRY(create_map(&l->address_by_id, c->addresses, 16, seed));
	return blobs_create(&l->blobs, c->effects * BLOB_CHUNKS_PER_EFFECT);
}

enum err ledger_create(struct ledger **out, const struct ledger_capacity *capacity,
	const struct seal_key *seal, uint64_t map_seed)
{
	CHECK(capacity->swaps > 0 && capacity->transfers > 0 && capacity->effects > 0);
	CHECK(capacity->coins > 0 && capacity->postings > 0);
	CHECK(capacity->addresses <= LEDGER_ADDRESSES_MAX);
	struct ledger *l = calloc(1, sizeof *l);
	if (l == NULL)
		return ERR_FULL;
	l->capacity = *capacity;
	l->seal = *seal;
	enum err err = create_tables(l);
	if (err == OK)
		err = create_maps(l, map_seed);
	if (err != OK) {
		ledger_destroy(l);
		return err;
	}
	*out = l;
	return OK;
}

void ledger_large_tables(
	const struct ledger *l, void (*each)(void *ctx, void *table, size_t size), void *ctx)
{
	book_tables(&l->book, each, ctx);
}

void ledger_destroy(struct ledger *l)
{
	if (l == NULL)
		return;
	for (unsigned i = 0; i < LAYER_COUNT; i++) {
		free(l->layer[i].recent);
		free(l->layer[i].credit);
		free(l->layer[i].retired);
		free(l->layer[i].young_coin);
		free(l->layer[i].free_coin);
	}
	if (l->swap != NULL)
		bytes_wipe(l->swap, (size_t)l->swap_count * sizeof *l->swap);
	free(l->swap);
	free(l->transfer);
	free(l->effect);
	free(l->coin);
	free(l->active_swap);
	free(l->open_effect);
	free(l->idem);
	free(l->posting);
	free(l->address);
	free(l->dirty);
	free(l->dirty_round);
	free(l->swap_by_id.slot);
	free(l->swap_by_hash.slot);
	free(l->paid_hash.slot);
	free(l->transfer_by_id.slot);
	free(l->effect_by_id.slot);
	free(l->effect_by_tx.slot);
	free(l->coin_by_outpoint.slot);
	free(l->by_idempotency.slot);
	free(l->address_by_id.slot);
	book_fini(&l->book);
	blobs_destroy(l->blobs);
	bytes_wipe(&l->seal, sizeof l->seal);
	free(l);
}

void ledger_mark_dirty(struct ledger *l, uint32_t what)
{
	const uint32_t at = (what & DIRTY_TRANSFER) != 0
		? l->capacity.swaps + (what & ~DIRTY_TRANSFER)
		: what;
	if (l->dirty_round[at] == l->round)
		return;
	l->dirty_round[at] = l->round;
	l->dirty[l->dirty_count++] = what;
}

void ledger_clean(struct ledger *l)
{
	l->dirty_count = 0;
	l->round++;
	/* after 2^32 rounds: what was noted in an old one must not look like noted now */
	if (l->round == 0) {
		memset(l->dirty_round, 0,
			((size_t)l->capacity.swaps + l->capacity.transfers) *
				sizeof *l->dirty_round);
		l->round = 1;
	}
}

void ledger_latch(struct ledger *l, const char *reason)
{
	l->latch_seq = l->seq;
	if (l->latched)
		return;
	l->latched = true;
	(void)snprintf(l->latch_reason, sizeof l->latch_reason, "%s", reason);
}

/* ---- books ---- */

void ledger_post(struct ledger *l, enum layer_id layer, uint64_t height, enum account from,
	enum account to, struct amount amount)
{
	if (amount_is_zero(amount))
		return;
	struct account_total *account = l->layer[layer].account;
	uint8_t raw[16];
	amount_store(raw, amount);
	const u128 units = (u128)load_le64(raw) | (u128)load_le64(raw + 8) << 64;
	account[from].out += units;
	account[to].in += units;
	CHECK(account[from].out >= units && account[to].in >= units);
	l->posting[l->posting_count % l->capacity.postings] = (struct posting){.seq = l->seq,
		.height = height,
		.layer = layer,
		.from = from,
		.to = to,
		.amount = amount};
	l->posting_count++;
}

void ledger_post_reversals(struct ledger *l, enum layer_id layer, uint64_t keep, uint64_t keep_seq)
{
	const uint64_t end = l->posting_count;
	const uint64_t kept = end < l->capacity.postings ? end : l->capacity.postings;
	uint64_t i = end;
	while (i > end - kept) {
		struct posting *p = &l->posting[--i % l->capacity.postings];
		/* older than the block that stays: nothing before was caused by one above it */
		if (p->seq <= keep_seq)
			return;
		/* our own reversals may have taken the place of the oldest postings */
		if (p->seq == l->seq)
			break;
		if (p->layer != layer || p->height <= keep || p->reversed)
			continue;
		const struct posting was = *p;
		p->reversed = true;
		ledger_post(l, layer, 0, was.to, was.from, was.amount);
	}
	if (i > 0)
		ledger_latch(l, "a reorganisation over more postings than are kept");
}

struct amount ledger_balance(const struct ledger *l, enum layer_id layer, enum account a)
{
	const struct account_total *t = &l->layer[layer].account[a];
	return amount_of_u128(account_asset(layer, a), t->in > t->out ? t->in - t->out : 0);
}

struct amount ledger_balance_credit(const struct ledger *l, enum layer_id layer, enum account a)
{
	const struct account_total *t = &l->layer[layer].account[a];
	return amount_of_u128(account_asset(layer, a), t->out > t->in ? t->out - t->in : 0);
}

struct amount ledger_uncredited(const struct ledger *l, enum layer_id layer)
{
	struct amount left = amount_zero(layer_asset(layer)), all;
	if (amount_add(&all, ledger_balance(l, layer, ACCOUNT_AVAILABLE),
		    ledger_balance(l, layer, ACCOUNT_WATCHED)) == OK)
		(void)!amount_sub(&left, all, ledger_balance_credit(l, layer, ACCOUNT_CUSTOMER));
	return left;
}

struct amount ledger_unclaimed(const struct ledger *l, enum layer_id layer)
{
	const struct amount left = ledger_uncredited(l, layer);
	const struct amount online = ledger_balance(l, layer, ACCOUNT_AVAILABLE);
	return amount_cmp(left, online) < 0 ? left : online;
}

struct amount ledger_gas(const struct ledger *l, enum layer_id layer)
{
	const struct account_total *free_gas = &l->layer[layer].account[ACCOUNT_GAS_AVAILABLE],
				   *kept = &l->layer[layer].account[ACCOUNT_GAS_RESERVED];
	const u128 in = free_gas->in + kept->in, out = free_gas->out + kept->out;
	return amount_of_u128(layer_gas_asset(layer), in > out ? in - out : 0);
}

/* One account alone may be short while a reorganisation is under way (change that was given to the
 * next effect, and whose transaction left the chain): only the sum is what the chain says. */
struct amount ledger_custody(const struct ledger *l, enum layer_id layer)
{
	/* both sides first: one account may be overdrawn for a while */
	u128 in = 0, out = 0;
	for (unsigned a = 0; a < ACCOUNT_COUNT; a++) {
		if (account_is_custody((enum account)a)) {
			in += l->layer[layer].account[a].in;
			out += l->layer[layer].account[a].out;
		}
	}
	return amount_of_u128(layer_asset(layer), in > out ? in - out : 0);
}

bool variant_signed(const struct effect_variant *v)
{
	return v->raw != BLOB_NONE;
}

bool effect_external(const struct ledger *l, const struct effect *f)
{
	return f->transfer != INDEX_NONE && l->transfer[f->transfer].external && !f->called_off;
}

/* Room for this many effects, beyond what so many swaps may need to end. */
static bool room_for(const struct ledger *l, uint64_t swaps, uint64_t effects)
{
	const uint64_t rescue = RESCUE_EFFECTS_BASE + RESCUE_EFFECTS_PER_SWAP * swaps;
	const uint32_t txs = l->effect_by_tx.slot_count / 2 - l->effect_by_tx.count;
	return l->capacity.effects - l->effect_count >= rescue + effects &&
		txs > rescue * RESCUE_VARIANTS;
}

bool ledger_room(const struct ledger *l)
{
	return room_for(l, l->active_swap_count, 1);
}

/* Each effect, transfer and swap may make coins of ours before others are spent long enough. */
static bool coins_full(
	const struct ledger *l, enum layer_id layer, uint32_t swaps, uint32_t transfers)
{
	uint64_t coins = (uint64_t)ledger_coins(l, layer, true) + l->transfers_waiting + transfers +
		RESCUE_COINS_PER_SWAP * ((uint64_t)l->active_swap_count + swaps);
	for (uint32_t i = 0; i < l->open_effect_count; i++) {
		const struct effect *f = &l->effect[l->open_effect[i]];
		coins += f->layer == layer && f->confirmed_height == 0;
	}
	return coins > l->capacity.coins;
}

const char *ledger_full(const struct ledger *l, uint32_t swaps, uint32_t transfers)
{
	const uint64_t active = (uint64_t)l->active_swap_count + swaps;
	if (l->capacity.swaps - l->swap_count < swaps)
		return "capacity.swaps";
	if (l->capacity.transfers - l->transfer_count < transfers)
		return "capacity.transfers";
	if (!room_for(l, active, swaps + (uint64_t)l->transfers_waiting + transfers))
		return "capacity.effects";
	for (unsigned i = 0; i < LAYER_COUNT; i++)
		if (layer_family((enum layer_id)i) == FAMILY_UTXO && l->layer[i].born &&
			coins_full(l, (enum layer_id)i, swaps, transfers))
			return "capacity.coins";
	return NULL;
}

/* ---- lookups ---- */

struct swap *ledger_swap(const struct ledger *l, const struct id128 *id)
{
	const uint32_t i = map_get(&l->swap_by_id, id->b);
	return i == MAP_NONE ? NULL : &l->swap[i];
}

bool ledger_hash_used(const struct ledger *l, const struct hash256 *hash)
{
	return map_get(&l->swap_by_hash, hash->b) != MAP_NONE ||
		map_get(&l->paid_hash, hash->b) != MAP_NONE;
}

struct transfer *ledger_transfer(const struct ledger *l, const struct id128 *id)
{
	const uint32_t i = map_get(&l->transfer_by_id, id->b);
	return i == MAP_NONE ? NULL : &l->transfer[i];
}

struct effect *ledger_effect(const struct ledger *l, const struct id128 *id)
{
	const uint32_t i = map_get(&l->effect_by_id, id->b);
	return i == MAP_NONE ? NULL : &l->effect[i];
}

const struct idempotency *ledger_idempotency(const struct ledger *l, const struct hash256 *key)
{
	const uint32_t i = map_get(&l->by_idempotency, key->b);
	return i == MAP_NONE || MUTANT(KEY_MAKES_ANOTHER) ? NULL : &l->idem[i];
}

bool ledger_raw(const struct ledger *l, const struct effect_variant *v, struct buf *out)
{
	return blob_get(l->blobs, v->raw, out);
}

/* Before its birth a layer has a fee rate at most. */
static bool layer_known(const struct layer_state *s)
{
	bool known = s->born || s->fee_rate != 0;
	for (unsigned a = 0; a < ACCOUNT_COUNT; a++)
		known |= s->account[a].in != 0 || s->account[a].out != 0;
	return known;
}

unsigned ledger_layers(const struct ledger *l)
{
	unsigned count = LAYER_COUNT;
	while (count > LAYERS_FIRST && !layer_known(&l->layer[count - 1]))
		count--;
	return count;
}

uint64_t ledger_depth(const struct ledger *l, enum layer_id layer, uint64_t height)
{
	const struct layer_state *s = &l->layer[layer];
	const struct network *network = l->params.layer[layer].network;
	if (network != NULL && network->rollup && height > s->safe_height)
		return 0;
	return height == 0 || height > s->tip.height ? 0 : s->tip.height - height + 1;
}

const struct recent_block *ledger_recent(
	const struct ledger *l, enum layer_id layer, const struct hash256 *hash)
{
	const struct layer_state *s = &l->layer[layer];
	if (!s->born)
		return NULL;
	for (uint64_t i = 0; i < LEDGER_RECENT_BLOCKS && i <= s->tip.height - s->birth.height;
		i++) {
		const struct recent_block *b =
			&s->recent[(s->tip.height - i) % LEDGER_RECENT_BLOCKS];
		if (hash256_eq(&b->ref.hash, hash))
			return b;
	}
	return NULL;
}
