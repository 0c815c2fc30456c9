/* Which parts of a transaction concern us: outputs by script, inputs by outpoint. */
#include "base/hex.h"
#include "crypto/hash.h"
#include "layer/utxo/utxo.h"

/* How many items of a witness are looked at for a preimage: no HTLC has more. */
#define WITNESS_LOOK_MAX 16u

void point_key_of(struct point_key *out, const struct btc_outpoint *at)
{
	memcpy(out->b, at->txid.b, sizeof at->txid.b);
	store_le32(out->b + sizeof at->txid.b, at->index);
}

static struct locator locator_of(const struct btc_outpoint *at)
{
	return (struct locator){.tx = at->txid, .index = at->index};
}

static struct point_key point_key_at(const struct locator *at)
{
	struct point_key key;
	point_key_of(&key, &(struct btc_outpoint){.txid = at->tx, .index = at->index});
	return key;
}

enum err utxo_watch_wallet(struct layer *layer, const struct pubkey *wallet)
{
	struct utxo *b = utxo_of(layer);
	struct pubkey point;
	for (uint32_t i = 0; i < KEY_INDEX_COUNT; i++) {
		struct script_key *own = &b->wallet[i];
		TRY(wallet_script(own->b, wallet, layer->config.id, i));
		if (b->rules->block_find != NULL)
			TRY(wallet_blinding(
				&b->opens[i], &point, wallet, slice_of(own->b, sizeof own->b)));
	}
	b->has_wallet = true;
	return OK;
}

/* Only scripts that fit are watched: those of witness programs. */
static bool script_key_of(struct script_key *out, struct slice script)
{
	if (script.len == 0 || script.len > sizeof out->b)
		return false;
	*out = (struct script_key){{0}};
	memcpy(out->b, script.ptr, script.len);
	return true;
}

const struct deposit_watch *utxo_deposit(const struct utxo *b, struct slice script)
{
	struct script_key key;
	if (b->deposit_count == 0 || !script_key_of(&key, script))
		return NULL;
	const struct deposit_watch *d = table_get(&b->deposit, &key);
	/* a longer script that ends in zeros is another one */
	return d != NULL && d->len == script.len ? d : NULL;
}

enum err utxo_watch_deposits(
	struct layer *layer, const struct descriptor *descriptor, uint32_t count)
{
	struct utxo *b = utxo_of(layer);
	if (b->descriptor != NULL && b->descriptor != descriptor)
		return ERR_STATE;
	b->descriptor = descriptor;
	while (b->deposit_count < count) {
		struct descriptor_scripts scripts;
		struct script_key key;
		TRY(descriptor_derive(&scripts, descriptor, 0, b->deposit_count));
		if (!script_key_of(&key, slice_of(scripts.output, scripts.output_len)))
			return ERR_RANGE;
		struct deposit_watch *d = table_put(&b->deposit, &key);
		if (d == NULL)
			return ERR_FULL;
		d->len = (uint8_t)scripts.output_len;
		d->index = b->deposit_count++;
	}
	return OK;
}

static enum err watch_coin(struct utxo *b, const struct btc_outpoint *at, struct sat hidden)
{
	struct point_key key;
	point_key_of(&key, at);
	struct coin_watch *coin = table_put(&b->coin, &key);
	if (coin == NULL)
		return ERR_FULL;
	coin->hidden = hidden;
	return OK;
}

enum err utxo_watch_coin(struct layer *layer, const struct btc_coin *coin)
{
	return watch_coin(utxo_of(layer), &coin->at,
		blinders_any(&coin->hidden) ? coin->value : (struct sat){0});
}

enum err utxo_watch_lock(struct layer *layer, const struct id128 *swap, struct slice leg)
{
	struct utxo *b = utxo_of(layer);
	struct btc_htlc terms;
	struct btc_htlc_tree tree;
	struct script_key key;

	TRY(btc_htlc_parse(&terms, leg));
	TRY(btc_htlc_tree_by(&tree, &terms, layer_taproot(layer->config.id)));
	memcpy(key.b, tree.script_pubkey, sizeof key.b);
	const struct script_watch *known = table_get(&b->script, &key);
	const struct lock_watch *same = table_get(&b->lock, swap);
	if (known != NULL && same != NULL && id128_eq(&known->swap, swap))
		return OK;
	if (known != NULL || same != NULL || table_get(&b->hash, &terms.hash) != NULL)
		return ERR_EXISTS;

	struct lock_watch *lock = table_put(&b->lock, swap);
	struct script_watch *script = table_put(&b->script, &key);
	struct hash_watch *hash = table_put(&b->hash, &terms.hash);
	if (lock == NULL || script == NULL || hash == NULL) {
		table_remove(&b->lock, swap);
		table_remove(&b->script, &key);
		table_remove(&b->hash, &terms.hash);
		return ERR_FULL;
	}
	lock->terms = terms;
	lock->script = key;
	script->swap = *swap;
	hash->swap = *swap;
	return OK;
}

enum err utxo_watch_lock_at(struct layer *layer, const struct id128 *swap, const struct locator *at)
{
	struct utxo *b = utxo_of(layer);
	const struct point_key key = point_key_at(at);

	if (table_get(&b->lock, swap) == NULL)
		return ERR_NOT_FOUND;
	struct point_watch *point = table_put(&b->point, &key);
	if (point == NULL)
		return ERR_FULL;
	point->swap = *swap;
	return OK;
}

void utxo_unwatch_lock(struct layer *layer, const struct id128 *swap)
{
	struct utxo *b = utxo_of(layer);
	const struct id128 id = *swap;
	const struct lock_watch *lock = table_get(&b->lock, &id);

	if (lock == NULL)
		return;
	const struct script_key key = lock->script;
	const struct hash256 hash = lock->terms.hash;
	table_remove(&b->script, &key);
	table_remove(&b->hash, &hash);
	table_remove(&b->lock, &id);
	for (uint32_t i = b->point.item_count; i-- > 0;) {
		const struct point_watch *point = table_at(&b->point, i);
		const struct point_key at = point->at;
		if (id128_eq(&point->swap, &id))
			table_remove(&b->point, &at);
	}
}

/* A preimage counts wherever it is shown: in a claim of a lock-up that we have not seen yet, or of
 * something else with the same hash. */
static enum err match_preimage(const struct utxo *b, const struct btc_txin *in,
	const struct hash256 *txid, match_emit emit, void *ctx)
{
	uint32_t count = b->hash.item_count == 0 ? 0 : btc_witness_count(in->witness);
	if (count > WITNESS_LOOK_MAX)
		count = WITNESS_LOOK_MAX;
	for (uint32_t i = 0; i < count; i++) {
		const struct slice item = btc_witness_item(in->witness, i);
		struct chain_event e = {.kind = CHAIN_LOCK_SPENT,
			.flags = CHAIN_LOCK_FOREIGN,
			.tx = *txid,
			.at = locator_of(&in->prev),
			.spend = LOCK_SPEND_CLAIM};
		struct hash256 hash;
		if (item.len != sizeof e.preimage.b)
			continue;
		sha256(&hash, item);
		const struct hash_watch *watch = table_get(&b->hash, &hash);
		if (watch == NULL)
			continue;
		e.swap = watch->swap;
		memcpy(e.preimage.b, item.ptr, item.len);
		return emit(ctx, &e);
	}
	return OK;
}

static enum err match_input(struct utxo *b, const struct btc_txin *in, const struct hash256 *txid,
	uint64_t height, match_emit emit, void *ctx)
{
	struct point_key key;
	struct chain_event e = {.tx = *txid, .at = locator_of(&in->prev)};

	point_key_of(&key, &in->prev);
	struct coin_watch *coin = height > 0 ? table_get(&b->coin, &key) : NULL;
	if (coin != NULL) {
		coin->spent_height = height;
		e.kind = CHAIN_COIN_SPENT;
		return emit(ctx, &e);
	}
	const struct point_watch *point = table_get(&b->point, &key);
	const struct lock_watch *lock = point == NULL ? NULL : table_get(&b->lock, &point->swap);
	if (lock == NULL)
		return match_preimage(b, in, txid, emit, ctx);
	static const enum lock_spend spends[] = {
		[BTC_SPEND_CLAIM] = LOCK_SPEND_CLAIM,
		[BTC_SPEND_REFUND] = LOCK_SPEND_REFUND,
		[BTC_SPEND_OTHER] = LOCK_SPEND_OTHER,
	};
	struct hash256 preimage = {{0}};
	e.kind = CHAIN_LOCK_SPENT;
	e.swap = lock->swap;
	e.spend = spends[btc_htlc_read_spend(&preimage, &lock->terms, in->witness)];
	if (e.spend == LOCK_SPEND_CLAIM)
		e.preimage = preimage;
	return emit(ctx, &e);
}

/* Which of our addresses an output pays; false: none. */
static bool is_ours(const struct utxo *b, struct slice script, uint32_t *key_index)
{
	for (uint32_t i = 0; b->has_wallet && i < KEY_INDEX_COUNT; i++) {
		if (!slice_eq(slice_of(b->wallet[i].b, sizeof b->wallet[i].b), script))
			continue;
		*key_index = i;
		return true;
	}
	const struct deposit_watch *d = utxo_deposit(b, script);
	if (d != NULL)
		*key_index = KEY_INDEX_DEPOSIT | d->index;
	return d != NULL;
}

static const char *why_not(const struct utxo_opening *opening)
{
	static const struct {
		enum err err;
		const char *why;
	} rows[] = {{ERR_FORMAT, "confidentially, without what it takes to read it"},
		{ERR_CHECKSUM, "confidentially, with a proof that is none"},
		{ERR_NOT_FOUND, "blinded for a key that is not ours"},
		{ERR_NETWORK, "confidentially, in another asset"},
		{ERR_RANGE, "confidentially, and nothing"}};
	for (size_t i = 0; opening != NULL && i < ARRAY_LEN(rows); i++)
		if (rows[i].err == opening->err)
			return rows[i].why;
	return "in another asset, or a lock-up confidentially";
}

/* Something for us that is not counted: its owner will ask. */
static void note_other_asset(struct utxo *b, struct slice script, const struct btc_outpoint *at,
	const struct utxo_opening *opening)
{
	struct script_key key;
	uint32_t index;
	char txid[65];
	bool ours = is_ours(b, script, &index);
	if (script.len == sizeof key.b) {
		memcpy(key.b, script.ptr, sizeof key.b);
		ours = ours || table_get(&b->script, &key) != NULL;
	}
	if (!ours)
		return;
	hex_encode_reversed(txid, at->txid.b, sizeof at->txid.b);
	(void)DETAIL(b->layer.notice, OK, "not counted: %s:%u pays to us %s", txid,
		(unsigned)at->index, why_not(opening));
}

static const struct utxo_opening *opening_of(const struct utxo_place *place, uint32_t output)
{
	for (uint32_t i = 0; i < place->opening_count; i++)
		if (place->opening[i].output == output)
			return &place->opening[i];
	return NULL;
}

/* A coin of ours; opening: of a confidential one, or NULL. */
static enum err match_coin(struct utxo *b, struct chain_event *e, const struct btc_outpoint *at,
	const struct utxo_opening *opening, match_emit emit, void *ctx)
{
	const struct sat none = {0};
	TRY(watch_coin(b, at, opening == NULL ? none : opening->value));
	e->kind = CHAIN_COIN_CREATED;
	if (opening != NULL) {
		e->flags |= CHAIN_HIDDEN;
		e->hidden = opening->hidden;
		e->amount = amount_of(e->amount.asset, opening->value.raw);
	}
	return emit(ctx, e);
}

static enum err match_output(struct utxo *b, const struct btc_txout *out,
	const struct btc_outpoint *at, bool coinbase, const struct utxo_place *place,
	match_emit emit, void *ctx)
{
	const struct utxo_opening *opening = opening_of(place, at->index);
	struct script_key key;
	struct point_key where;
	struct chain_event e = {.tx = at->txid,
		.at = locator_of(at),
		.flags = coinbase ? CHAIN_LOCK_COINBASE : 0u,
		.amount = amount_of(layer_asset(b->layer.config.id), out->value.raw)};

	if (opening != NULL && opening->err == OK && is_ours(b, out->script, &e.key_index))
		return match_coin(b, &e, at, opening, emit, ctx);
	if (b->rules->other_assets && out->value.raw == 0) {
		if (place->height > 0)
			note_other_asset(b, out->script, at, opening);
		return OK;
	}
	if (place->height > 0 && is_ours(b, out->script, &e.key_index))
		return match_coin(b, &e, at, NULL, emit, ctx);
	point_key_of(&where, at);
	if (out->script.len != sizeof key.b)
		return OK;
	memcpy(key.b, out->script.ptr, sizeof key.b);
	const struct script_watch *script = table_get(&b->script, &key);
	const struct lock_watch *lock = script == NULL ? NULL : table_get(&b->lock, &script->swap);
	if (lock == NULL)
		return OK;
	struct point_watch *point = table_put(&b->point, &where);
	if (point == NULL)
		return ERR_FULL;
	point->swap = lock->swap;
	point->stray = out->value.raw != lock->terms.amount.raw;
	e.kind = CHAIN_LOCK;
	e.swap = lock->swap;
	e.timelock = lock->terms.timelock;
	return emit(ctx, &e);
}

enum err utxo_match(struct utxo *b, const struct btc_tx *tx, const struct hash256 *txid,
	const struct utxo_place *place, match_emit emit, void *ctx)
{
	const bool coinbase = btc_tx_is_coinbase(tx);

	for (uint32_t i = 0; i < tx->in_count && !coinbase; i++)
		TRY(match_input(b, &tx->in[i], txid, place->height, emit, ctx));
	for (uint32_t i = 0; i < tx->out_count; i++) {
		const struct btc_outpoint at = {.txid = *txid, .index = i};
		TRY(match_output(b, &tx->out[i], &at, coinbase, place, emit, ctx));
	}
	return OK;
}

void utxo_match_reorganised(struct utxo *b, const struct block_ref *keep)
{
	for (uint32_t i = 0; i < b->coin.item_count; i++) {
		struct coin_watch *coin = table_at(&b->coin, i);
		if (coin->spent_height > keep->height)
			coin->spent_height = 0;
	}
	for (uint32_t i = b->seen.item_count; i-- > 0;) {
		const struct seen_tx *seen = table_at(&b->seen, i);
		const struct hash256 txid = seen->txid;
		if (seen->height > keep->height)
			table_remove(&b->seen, &txid);
	}
}

static void forget_spent(struct utxo *b, uint64_t height)
{
	for (uint32_t i = b->coin.item_count; i-- > 0;) {
		const struct coin_watch *coin = table_at(&b->coin, i);
		const struct point_key at = coin->at;
		if (coin->spent_height != 0 && coin->spent_height + UTXO_FORGET_DEPTH < height)
			table_remove(&b->coin, &at);
	}
}

void utxo_match_reported(struct utxo *b, const struct block_ref *block, size_t event_count)
{
	/* only a help for layer_status: when it is full it begins anew */
	if (b->seen.item_count + event_count > UTXO_SEEN_MAX)
		table_clear(&b->seen);
	for (size_t i = 0; i < event_count; i++) {
		struct seen_tx *seen = table_put(&b->seen, &b->event[i].tx);
		if (seen == NULL)
			break;
		seen->height = block->height;
		seen->block = block->hash;
	}
	if (block->height % LAYER_CURSOR_MAX == 0)
		forget_spent(b, block->height);
}
