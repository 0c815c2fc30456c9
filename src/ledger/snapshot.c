/* One description of the state serves both ways: each io_ function writes its argument, or reads
 * it.
 */
#include "ledger/snapshot.h"

#include "crypto/hash.h"
#include "ledger/fold.h"

#define VERSION 6u
/* Added to it, where there is more than older programs know: else nothing differs. */
#define VERSION_HIDDEN 1u /* confidential coins */
#define VERSION_LAYERS 2u /* more layers than LAYERS_FIRST: it is said how many */
#define VERSION_ADDED_MAX 3u
#define NONCE_SIZE 24u
#define STRUCT_PART_MAX 1024u /* of one object, without locks, variants, terms and bytes */

static const uint8_t magic[8] = {'s', 'l', 'u', 'i', 'c', 'e', 'S', '\n'};

struct codec {
	struct buf *out;   /* NULL: reading */
	struct reader *in; /* NULL: writing */
	bool bad;          /* something that was read can't be */
	bool hidden;       /* VERSION_HIDDEN */
	bool layers;       /* VERSION_LAYERS */
};

/* ---- numbers ---- */

static void io_bytes(struct codec *c, void *bytes, size_t len)
{
	if (c->in != NULL)
		reader_copy(c->in, bytes, len);
	else
		buf_put(c->out, bytes, len);
}

static void io_u64(struct codec *c, uint64_t *v)
{
	uint8_t raw[8];
	store_le64(raw, *v);
	io_bytes(c, raw, sizeof raw);
	*v = load_le64(raw);
}

static void io_u32(struct codec *c, uint32_t *v)
{
	uint8_t raw[4];
	store_le32(raw, *v);
	io_bytes(c, raw, sizeof raw);
	*v = load_le32(raw);
}

/* A number below a bound; 0 where what was read is not. */
static uint32_t io_below(struct codec *c, uint32_t v, uint32_t bound)
{
	io_u32(c, &v);
	if (v < bound)
		return v;
	c->bad = true;
	return 0;
}

static void io_bool(struct codec *c, bool *v)
{
	*v = io_below(c, *v, 2) != 0;
}

/* An index of a table with so many objects, or none. */
static void io_index(struct codec *c, uint32_t *v, uint32_t count)
{
	io_u32(c, v);
	if (*v != INDEX_NONE && *v >= count) {
		c->bad = true;
		*v = INDEX_NONE;
	}
}

static void io_hash(struct codec *c, struct hash256 *h)
{
	io_bytes(c, h->b, sizeof h->b);
}

static void io_id(struct codec *c, struct id128 *id)
{
	io_bytes(c, id->b, sizeof id->b);
}

static void io_amount(struct codec *c, struct amount *a)
{
	uint8_t raw[16];
	const enum asset asset = (enum asset)io_below(c, (uint32_t)a->asset, ASSET_COUNT);
	amount_store(raw, *a);
	io_bytes(c, raw, sizeof raw);
	*a = amount_load(asset, raw);
}

static void io_u128(struct codec *c, u128 *v)
{
	uint64_t low = (uint64_t)*v, high = (uint64_t)(*v >> 64);
	io_u64(c, &low);
	io_u64(c, &high);
	*v = (u128)low | (u128)high << 64;
}

static void io_block_ref(struct codec *c, struct block_ref *b)
{
	io_u64(c, &b->height);
	io_hash(c, &b->hash);
	io_hash(c, &b->parent);
	io_u64(c, &b->time_ms);
}

static void io_locator(struct codec *c, struct locator *at)
{
	io_hash(c, &at->tx);
	io_u32(c, &at->index);
}

static enum layer_id io_layer(struct codec *c, enum layer_id layer)
{
	return (enum layer_id)io_below(c, (uint32_t)layer, LAYER_COUNT);
}

/* ---- objects ---- */

static void io_lock(struct codec *c, struct lock_fact *k)
{
	io_locator(c, &k->at);
	io_amount(c, &k->amount);
	io_u64(c, &k->timelock);
	io_u64(c, &k->height);
	io_u32(c, &k->flags);
	io_u64(c, &k->spent_height);
	k->spend = (enum lock_spend)io_below(c, (uint32_t)k->spend, LOCK_SPEND_OTHER + 1u);
	io_hash(c, &k->spend_tx);
}

static void io_leg(struct codec *c, struct leg *leg)
{
	leg->layer = io_layer(c, leg->layer);
	io_amount(c, &leg->amount);
	io_u64(c, &leg->timelock);
	leg->terms_len = io_below(c, leg->terms_len, LEG_SIZE_MAX + 1);
	io_bytes(c, leg->terms, leg->terms_len);
	io_u32(c, &leg->depth);
	leg->lock_count = io_below(c, leg->lock_count, SWAP_LOCKS_MAX + 1);
	for (uint32_t i = 0; i < leg->lock_count; i++)
		io_lock(c, &leg->lock[i]);
	io_index(c, &leg->bound, leg->lock_count);
}

static void io_swap(struct codec *c, struct swap *s, const struct ledger *l)
{
	io_id(c, &s->id);
	s->state = (enum swap_state)io_below(c, (uint32_t)s->state, SWAP_STATE_COUNT);
	io_u64(c, &s->created_ms);
	io_u64(c, &s->updated_ms);
	io_u64(c, &s->expires_ms);
	io_hash(c, &s->hash);
	io_hash(c, &s->preimage);
	io_bool(c, &s->preimage_known);
	io_leg(c, &s->source);
	io_leg(c, &s->dest);
	io_bytes(c, s->client_dest, sizeof s->client_dest);
	io_amount(c, &s->fee);
	io_bytes(c, s->reason, sizeof s->reason);
	io_index(c, &s->lock_effect, l->effect_count);
	io_index(c, &s->claim_effect, l->effect_count);
	io_index(c, &s->refund_effect, l->effect_count);
	io_index(c, &s->cancel_effect, l->effect_count);
	io_u32(c, &s->attempts);
	io_u64(c, &s->claim_after);
	io_u64(c, &s->refund_after);
	io_bool(c, &s->settled);
	io_bool(c, &s->active);
	io_u64(c, &s->born_seq);
	io_u64(c, &s->seq);
}

static void io_transfer(struct codec *c, struct transfer *t, const struct ledger *l)
{
	io_id(c, &t->id);
	io_id(c, &t->effect_id);
	t->state = (enum transfer_state)io_below(c, (uint32_t)t->state, TRANSFER_FAILED + 1u);
	t->layer = io_layer(c, t->layer);
	io_amount(c, &t->amount);
	t->destination_len = io_below(c, t->destination_len, sizeof t->destination + 1);
	io_bytes(c, t->destination, t->destination_len);
	if (layer_family(t->layer) == FAMILY_CHANNEL)
		io_hash(c, &t->hash);
	io_u64(c, &t->created_ms);
	io_u64(c, &t->updated_ms);
	io_index(c, &t->effect, l->effect_count);
	io_index(c, &t->next, l->transfer_count);
	io_bool(c, &t->alone);
	io_bool(c, &t->external);
	io_bool(c, &t->sweep);
	io_bool(c, &t->to_wallet);
	io_bytes(c, t->reason, sizeof t->reason);
	io_u64(c, &t->born_seq);
	io_u64(c, &t->seq);
}

/* A variant's bytes, where they are kept: their place is the reader's own. */
static void io_raw(struct codec *c, uint32_t *blob, const struct ledger *l)
{
	static _Thread_local uint8_t bytes[RECORD_RAW_MAX];
	struct buf raw = buf_init(bytes, sizeof bytes);
	bool kept = *blob != BLOB_NONE;
	if (c->in == NULL && kept)
		CHECK(blob_get(l->blobs, *blob, &raw));
	io_bool(c, &kept);
	uint32_t len = io_below(c, (uint32_t)raw.len, sizeof bytes + 1);
	io_bytes(c, bytes, len);
	if (c->in != NULL) {
		*blob = BLOB_NONE;
		if (kept && !c->bad && !c->in->failed)
			c->bad = blob_put(l->blobs, blob, slice_of(bytes, len)) != OK;
	}
	bytes_wipe(bytes, len);
}

static void io_variant(struct codec *c, struct effect_variant *v, const struct ledger *l)
{
	io_hash(c, &v->txid);
	io_amount(c, &v->fee);
	io_u64(c, &v->rate);
	io_raw(c, &v->raw, l);
	io_u64(c, &v->seq);
	io_bool(c, &v->calls_off);
}

static void io_effect_money(struct codec *c, struct effect *f, const struct ledger *l)
{
	f->coin_count = io_below(c, f->coin_count, BTC_INPUT_MAX + 1);
	for (uint32_t i = 0; i < f->coin_count; i++)
		f->coin[i] = io_below(c, f->coin[i], l->coin_count);
	io_u64(c, &f->fee.raw);
	io_u64(c, &f->nonce);
	io_u64(c, &f->gas_limit);
	io_u64(c, &f->rate);
	io_amount(c, &f->value);
	io_amount(c, &f->reserved);
	io_amount(c, &f->gas);
	io_locator(c, &f->lock);
}

static void io_effect(struct codec *c, struct effect *f, const struct ledger *l)
{
	io_id(c, &f->id);
	f->purpose = (enum sign_purpose)io_below(c, (uint32_t)f->purpose, SIGN_APPROVE + 1u);
	f->state = (enum effect_state)io_below(c, (uint32_t)f->state, EFFECT_VOID + 1u);
	f->layer = io_layer(c, f->layer);
	io_index(c, &f->swap, l->swap_count);
	io_index(c, &f->transfer, l->transfer_count);
	io_u64(c, &f->created_ms);
	io_u64(c, &f->intent_seq);
	io_effect_money(c, f, l);
	io_u32(c, &f->variant_base);
	io_u32(c, &f->variant_wanted);
	f->variant_count = io_below(c, f->variant_count, EFFECT_VARIANTS_MAX + 1);
	for (uint32_t i = 0; i < f->variant_count; i++)
		io_variant(c, &f->variant[i], l);
	io_bool(c, &f->submitted);
	io_bool(c, &f->called_off);
	io_bool(c, &f->open);
	io_u64(c, &f->last_variant_height);
	io_u64(c, &f->confirmed_height);
	io_u64(c, &f->conflict_height);
	io_hash(c, &f->confirmed_tx);
	io_bool(c, &f->reverted);
	io_bytes(c, f->reason, sizeof f->reason);
}

enum { COIN_OWN = 1, COIN_HIDDEN = 2 };

/* Whose it is, and what hides it where something does. */
static void io_coin_kind(struct codec *c, struct coin *k)
{
	uint32_t flags = (k->own ? COIN_OWN : 0u) | (blinders_any(&k->hidden) ? COIN_HIDDEN : 0u);
	flags = io_below(c, flags, c->hidden ? COIN_HIDDEN << 1 : COIN_HIDDEN);
	k->own = (flags & COIN_OWN) != 0;
	if ((flags & COIN_HIDDEN) == 0)
		return;
	io_bytes(c, k->hidden.asset, sizeof k->hidden.asset);
	io_bytes(c, k->hidden.value, sizeof k->hidden.value);
	if (k->layer != LAYER_LIQUID || !blinders_any(&k->hidden))
		c->bad = true;
}

static void io_coin(struct codec *c, struct coin *k, const struct ledger *l)
{
	k->layer = io_layer(c, k->layer);
	if (layer_family(k->layer) != FAMILY_UTXO)
		c->bad = true;
	io_hash(c, &k->at.txid);
	io_u32(c, &k->at.index);
	io_u64(c, &k->value.raw);
	io_u32(c, &k->key_index);
	io_u64(c, &k->created_height);
	io_u64(c, &k->final_height);
	io_u64(c, &k->spent_height);
	io_hash(c, &k->spent_by);
	io_index(c, &k->effect, l->effect_count);
	io_index(c, &k->free_at, l->coin_count);
	io_coin_kind(c, k);
	io_bool(c, &k->young);
}

static void io_idempotency(struct codec *c, struct idempotency *i, const struct ledger *l)
{
	io_hash(c, &i->key);
	io_hash(c, &i->body);
	io_bool(c, &i->is_swap);
	i->index = io_below(c, i->index, i->is_swap ? l->swap_count : l->transfer_count);
}

static void io_posting(struct codec *c, struct posting *p)
{
	io_u64(c, &p->seq);
	io_u64(c, &p->height);
	p->layer = io_layer(c, p->layer);
	p->from = (enum account)io_below(c, (uint32_t)p->from, ACCOUNT_COUNT);
	p->to = (enum account)io_below(c, (uint32_t)p->to, ACCOUNT_COUNT);
	io_amount(c, &p->amount);
	io_bool(c, &p->reversed);
}

static void io_list(struct codec *c, uint32_t *list, uint32_t count, uint32_t bound)
{
	for (uint32_t i = 0; i < count; i++)
		list[i] = io_below(c, list[i], bound);
}

/* ---- layers ---- */

static void io_recent(struct codec *c, struct recent_block *b)
{
	bool used = b->ref.height != 0 || b->seq != 0;
	io_bool(c, &used);
	if (!used)
		return;
	io_block_ref(c, &b->ref);
	io_amount(c, &b->custody);
	io_amount(c, &b->locked);
	io_amount(c, &b->gas);
	io_u64(c, &b->seq);
	io_u64(c, &b->nonce_chain);
}

static void io_credits(struct codec *c, struct layer_state *s)
{
	io_u64(c, &s->credit_count);
	const uint64_t kept = s->credit_count < LEDGER_CREDITS ? s->credit_count : LEDGER_CREDITS;
	for (uint64_t i = s->credit_count - kept; i < s->credit_count; i++) {
		struct credit *k = &s->credit[i % LEDGER_CREDITS];
		io_u64(c, &k->height);
		io_u64(c, &k->final_height);
		io_amount(c, &k->amount);
	}
}

static void io_retired(struct codec *c, struct layer_state *s, const struct ledger *l)
{
	s->retired_count = io_below(c, s->retired_count, l->capacity.effects + 1);
	for (uint32_t i = 0; i < s->retired_count; i++) {
		uint32_t *at = &s->retired[(s->retired_first + i) % l->capacity.effects];
		*at = io_below(c, *at, l->effect_count);
	}
}

static void io_coin_lists(struct codec *c, struct layer_state *s, const struct ledger *l)
{
	const uint32_t bound = s->free_coin == NULL ? 1 : l->coin_count + 1;
	s->young_coin_count = io_below(c, s->young_coin_count, bound);
	s->free_coin_count = io_below(c, s->free_coin_count, bound);
	io_list(c, s->young_coin, s->young_coin_count, l->coin_count);
	io_list(c, s->free_coin, s->free_coin_count, l->coin_count);
	for (unsigned own = 0; own < ARRAY_LEN(s->coins); own++)
		s->coins[own].next = io_below(
			c, s->coins[own].next, l->coin_count + (l->coin_count == 0));
}

static void io_layer_state(struct codec *c, struct layer_state *s, const struct ledger *l)
{
	io_bool(c, &s->born);
	io_block_ref(c, &s->birth);
	io_block_ref(c, &s->tip);
	for (uint32_t i = 0; i < LEDGER_RECENT_BLOCKS; i++)
		io_recent(c, &s->recent[i]);
	io_u64(c, &s->fee_rate);
	io_u64(c, &s->nonce_next);
	io_u64(c, &s->nonce_given);
	io_u64(c, &s->nonce_chain);
	io_u64(c, &s->safe_height);
	io_u64(c, &s->final_height);
	io_u64(c, &s->data_fee);
	io_u64(c, &s->reconciled_nonce);
	io_u64(c, &s->final_mark);
	io_amount(c, &s->promised);
	io_amount(c, &s->queued);
	io_retired(c, s, l);
	for (unsigned a = 0; a < ACCOUNT_COUNT; a++) {
		io_u128(c, &s->account[a].in);
		io_u128(c, &s->account[a].out);
	}
	io_credits(c, s);
	io_coin_lists(c, s, l);
	io_bool(c, &s->reconciled);
	io_block_ref(c, &s->reconciled_at);
	io_amount(c, &s->difference);
	io_bool(c, &s->difference_missing);
	io_u64(c, &s->reconciled_ms);
	io_u64(c, &s->reconciled_seq);
}

/* ---- all of it ---- */

/* Settings are a record's encoding, behind its length. */
static void io_params(struct codec *c, struct ledger *l)
{
	uint8_t bytes[2048];
	struct buf out = buf_init(bytes, sizeof bytes);
	io_bool(c, &l->has_params);
	if (!l->has_params)
		return;
	if (c->in == NULL)
		params_put(&out, &l->params);
	CHECK(!out.overflow);
	const uint32_t len = io_below(c, (uint32_t)out.len, sizeof bytes + 1);
	io_bytes(c, bytes, len);
	if (c->in != NULL) {
		struct reader in = reader_init(slice_of(bytes, len));
		c->bad |= params_get(&in, &l->params) != OK || in.left != 0;
	}
}

static void io_counts(struct codec *c, struct ledger *l)
{
	const struct ledger_capacity *k = &l->capacity;
	l->swap_count = io_below(c, l->swap_count, k->swaps + 1);
	l->transfer_count = io_below(c, l->transfer_count, k->transfers + 1);
	l->effect_count = io_below(c, l->effect_count, k->effects + 1);
	l->coin_count = io_below(c, l->coin_count, ledger_coins_max(k) + 1);
	l->active_swap_count = io_below(c, l->active_swap_count, l->swap_count + 1);
	l->open_effect_count = io_below(c, l->open_effect_count, l->effect_count + 1);
	l->idem_count = io_below(c, l->idem_count, l->swap_count + l->transfer_count + 1);
	l->transfers_waiting = io_below(c, l->transfers_waiting, l->transfer_count + 1);
	l->transfer_first = io_below(c, l->transfer_first, l->transfer_count + 1);
	l->address_count = io_below(c, l->address_count, k->addresses + 1);
	io_u64(c, &l->seq);
	io_u64(c, &l->time_ms);
	io_bool(c, &l->latched);
	io_bytes(c, l->latch_reason, sizeof l->latch_reason);
	io_u64(c, &l->latch_seq);
	l->durability = (enum durability)io_below(c, (uint32_t)l->durability, DURABILITY_COUNT);
	io_u32(c, &l->durability_ms);
}

static void io_book_account(struct codec *c, struct book_account *a, const struct book *b)
{
	io_id(c, &a->id);
	a->layer = io_layer(c, a->layer);
	a->flags = io_below(c, a->flags, BOOK_FLAGS_ALL + 1u);
	io_index(c, &a->last, b->row_count);
	io_u32(c, &a->transfers);
	a->batch = io_below(c, a->batch, b->row_count);
	io_u128(c, &a->in);
	io_u128(c, &a->out);
}

static void io_book_row(struct codec *c, const struct book *b, uint32_t at)
{
	if (c->in == NULL)
		book_row_put(c->out, &b->row[at]);
	else if (!book_row_get(b, &b->row[at], at, c->in))
		c->bad = true;
}

static bool codec_failed(const struct codec *c)
{
	return c->bad || (c->in != NULL && c->in->failed);
}

static void io_book(struct codec *c, struct book *b)
{
	b->account_count = io_below(c, b->account_count, b->account_capacity + 1);
	b->row_count = io_below(c, b->row_count, b->row_capacity + 1);
	for (uint32_t i = 0; !codec_failed(c) && i < b->account_count; i++)
		io_book_account(c, &b->account[i], b);
	for (uint32_t i = 0; !codec_failed(c) && i < b->row_count; i++)
		io_book_row(c, b, i);
}

/* The last ones, in their places: as many as both have room for. */
static void io_postings(struct codec *c, struct ledger *l)
{
	io_u64(c, &l->posting_count);
	const uint64_t capacity = l->capacity.postings;
	uint32_t kept = (uint32_t)(l->posting_count < capacity ? l->posting_count : capacity);
	kept = io_below(c, kept, l->capacity.postings + 1);
	if (kept > l->posting_count)
		c->bad = true;
	for (uint64_t i = 0; !c->bad && i < kept; i++)
		io_posting(c, &l->posting[(l->posting_count - kept + i) % capacity]);
}

/* Those that were not written are as they are without a record. */
static void io_layers(struct codec *c, struct ledger *l)
{
	uint32_t count = c->in == NULL ? ledger_layers(l) : LAYERS_FIRST;
	if (c->layers)
		count = io_below(c, count, LAYER_COUNT + 1u);
	for (uint32_t i = 0; !codec_failed(c) && i < count; i++)
		io_layer_state(c, &l->layer[i], l);
}

static void io_ledger(struct codec *c, struct ledger *l)
{
	io_counts(c, l);
	io_params(c, l);
	for (uint32_t i = 0; !codec_failed(c) && i < l->swap_count; i++)
		io_swap(c, &l->swap[i], l);
	for (uint32_t i = 0; !codec_failed(c) && i < l->transfer_count; i++)
		io_transfer(c, &l->transfer[i], l);
	for (uint32_t i = 0; !codec_failed(c) && i < l->effect_count; i++)
		io_effect(c, &l->effect[i], l);
	for (uint32_t i = 0; !codec_failed(c) && i < l->coin_count; i++)
		io_coin(c, &l->coin[i], l);
	for (uint32_t i = 0; !codec_failed(c) && i < l->idem_count; i++)
		io_idempotency(c, &l->idem[i], l);
	for (uint32_t i = 0; !codec_failed(c) && i < l->address_count; i++)
		io_id(c, &l->address[i]);
	io_list(c, l->active_swap, l->active_swap_count, l->swap_count);
	io_list(c, l->open_effect, l->open_effect_count, l->effect_count);
	if (!codec_failed(c))
		io_layers(c, l);
	if (!codec_failed(c))
		io_postings(c, l);
	if (!codec_failed(c))
		io_book(c, &l->book);
}

/* What is found by name follows from the tables. ERR_EXISTS: two of one name. */
static enum err put_new(struct map *m, const void *key, uint32_t value)
{
	return map_get(m, key) != MAP_NONE ? ERR_EXISTS : map_put(m, key, value);
}

static enum err index_transfer(struct ledger *l, uint32_t i)
{
	const struct transfer *t = &l->transfer[i];
	if (layer_family(t->layer) == FAMILY_CHANNEL)
		TRY(put_new(&l->paid_hash, t->hash.b, i));
	return put_new(&l->transfer_by_id, t->id.b, i);
}

static enum err index_all(struct ledger *l)
{
	for (uint32_t i = 0; i < l->swap_count; i++) {
		TRY(put_new(&l->swap_by_id, l->swap[i].id.b, i));
		TRY(put_new(&l->swap_by_hash, l->swap[i].hash.b, i));
	}
	for (uint32_t i = 0; i < l->transfer_count; i++)
		TRY(index_transfer(l, i));
	for (uint32_t i = 0; i < l->idem_count; i++)
		TRY(put_new(&l->by_idempotency, l->idem[i].key.b, i));
	for (uint32_t i = 0; i < l->address_count; i++)
		TRY(put_new(&l->address_by_id, l->address[i].b, i));
	for (uint32_t i = 0; i < l->coin_count; i++) {
		const struct coin *k = &l->coin[i];
		uint8_t key[COIN_KEY_SIZE];
		coin_key(key, k->layer, &k->at.txid, k->at.index);
		TRY(put_new(&l->coin_by_outpoint, key, i));
	}
	TRY(coins_index(l));
	for (uint32_t i = 0; i < l->effect_count; i++) {
		const struct effect *f = &l->effect[i];
		TRY(put_new(&l->effect_by_id, f->id.b, i));
		for (uint32_t k = 0; k < f->variant_count; k++)
			TRY(put_new(&l->effect_by_tx, f->variant[k].txid.b, i));
	}
	return OK;
}

/* ---- the file ---- */

size_t snapshot_size(const struct ledger *l)
{
	const size_t effect = STRUCT_PART_MAX + 4 * BTC_INPUT_MAX;
	const size_t kept = l->posting_count < l->capacity.postings ? (size_t)l->posting_count
								    : l->capacity.postings;
	size_t size = SNAPSHOT_HEAD_SIZE + SEAL_OVERHEAD + 8 * STRUCT_PART_MAX;
	size += (size_t)l->swap_count * (4 * STRUCT_PART_MAX);
	size += ((size_t)l->transfer_count + l->coin_count + l->idem_count) * STRUCT_PART_MAX;
	size += (size_t)l->effect_count * effect;
	size += kept * STRUCT_PART_MAX;
	size += (size_t)l->address_count * sizeof *l->address;
	size += (size_t)LAYER_COUNT * (LEDGER_RECENT_BLOCKS + 4) * 256;
	size += (size_t)l->book.account_count * 128 + (size_t)l->book.row_count * BOOK_ROW_SIZE;
	for (unsigned i = 0; i < LAYER_COUNT; i++)
		size += (size_t)(l->layer[i].credit_count < LEDGER_CREDITS
					? l->layer[i].credit_count
					: LEDGER_CREDITS) *
			64;
	for (uint32_t i = 0; i < l->swap_count; i++)
		size += (size_t)l->swap[i].source.terms_len + l->swap[i].dest.terms_len;
	for (uint32_t i = 0; i < l->transfer_count; i++)
		size += l->transfer[i].destination_len;
	for (uint32_t i = 0; i < l->effect_count; i++)
		for (uint32_t k = 0; k < l->effect[i].variant_count; k++)
			size += 256 +
				(l->effect[i].variant[k].raw != BLOB_NONE ? RECORD_RAW_MAX : 0);
	return size;
}

static bool has_hidden(const struct ledger *l)
{
	bool hidden = false;
	for (uint32_t i = 0; i < l->coin_count && !hidden; i++)
		hidden = blinders_any(&l->coin[i].hidden);
	return hidden;
}

static void put_head(
	uint8_t head[SNAPSHOT_HEAD_SIZE], uint32_t version, uint64_t seq, uint64_t rest)
{
	struct buf out = buf_init(head, SNAPSHOT_HEAD_SIZE);
	buf_put(&out, magic, sizeof magic);
	buf_le32(&out, version);
	buf_le64(&out, seq);
	buf_le64(&out, rest);
	CHECK(out.len == SNAPSHOT_HEAD_SIZE);
}

size_t snapshot_put(uint8_t *out, uint8_t *scratch, size_t cap, struct ledger *l)
{
	struct buf plain = buf_init(scratch, cap - SNAPSHOT_HEAD_SIZE - SEAL_OVERHEAD);
	struct codec c = {
		.out = &plain, .hidden = has_hidden(l), .layers = ledger_layers(l) > LAYERS_FIRST};
	const uint32_t version = VERSION + (c.hidden ? VERSION_HIDDEN : 0u) +
		(c.layers ? VERSION_LAYERS : 0u);
	struct hash256 hash, nonce;
	CHECK(cap >= snapshot_size(l));
	io_ledger(&c, l);
	ledger_hash(l, &hash);
	io_hash(&c, &hash);
	CHECK(!plain.overflow && !c.bad);
	put_head(out, version, l->seq, plain.len + SEAL_OVERHEAD);
	hmac_sha256(&nonce, slice_of(l->seal.b, sizeof l->seal.b), buf_slice(&plain));
	_Static_assert(NONCE_SIZE <= sizeof nonce.b, "a part of the MAC");
	seal(out + SNAPSHOT_HEAD_SIZE, &l->seal, nonce.b, buf_slice(&plain),
		slice_of(out, SNAPSHOT_HEAD_SIZE));
	const size_t len = SNAPSHOT_HEAD_SIZE + SEAL_OVERHEAD + plain.len;
	bytes_wipe(scratch, plain.len);
	return len;
}

enum err snapshot_peek(struct snapshot_head *out, struct slice in)
{
	struct reader r = reader_init(in);
	const uint8_t *first = reader_take(&r, sizeof magic);
	const uint32_t version = reader_le32(&r);
	const uint64_t seq = reader_le64(&r), rest = reader_le64(&r);
	if (r.failed)
		return ERR_SHORT;
	if (memcmp(first, magic, sizeof magic) != 0 || version < VERSION ||
		version > VERSION + VERSION_ADDED_MAX || rest > SIZE_MAX / 2)
		return ERR_FORMAT;
	*out = (struct snapshot_head){.seq = seq,
		.size = SNAPSHOT_HEAD_SIZE + rest,
		.hidden = ((version - VERSION) & VERSION_HIDDEN) != 0,
		.layers = ((version - VERSION) & VERSION_LAYERS) != 0};
	return OK;
}

/* What customers are owed is what the books say they are. */
static bool customers_agree(const struct ledger *l)
{
	for (unsigned i = 0; i < LAYER_COUNT; i++) {
		const struct account_total *t = &l->layer[i].account[ACCOUNT_CUSTOMER];
		u128 in, out;
		book_totals(&l->book, (enum layer_id)i, &in, &out);
		if (in - out != t->out - t->in)
			return false;
	}
	return true;
}

static enum err read_state(struct ledger *l, struct slice plain, const struct snapshot_head *head)
{
	struct reader in = reader_init(plain);
	struct codec c = {.in = &in, .hidden = head->hidden, .layers = head->layers};
	struct hash256 want, got;
	io_ledger(&c, l);
	io_hash(&c, &want);
	if (codec_failed(&c))
		return ERR_FULL; /* authentic: so it is not of its form, but does not fit */
	if (in.left != 0 || index_all(l) != OK || book_index_all(&l->book) != OK ||
		!customers_agree(l))
		return ERR_CHECKSUM;
	ledger_hash(l, &got);
	ledger_clean(l);
	return hash256_eq(&got, &want) ? OK : ERR_CHECKSUM;
}

enum err snapshot_restore(struct ledger *l, uint8_t *scratch, struct slice in)
{
	struct snapshot_head head;
	CHECK(l->seq == 0 && l->swap_count == 0 && l->effect_count == 0);
	TRY(snapshot_peek(&head, in));
	if (in.len != head.size || head.size < SNAPSHOT_HEAD_SIZE + SEAL_OVERHEAD)
		return in.len < head.size ? ERR_SHORT : ERR_FORMAT;
	const size_t len = in.len - SNAPSHOT_HEAD_SIZE - SEAL_OVERHEAD;
	enum err err = unseal(scratch, &l->seal,
		slice_of(in.ptr + SNAPSHOT_HEAD_SIZE, in.len - SNAPSHOT_HEAD_SIZE),
		slice_of(in.ptr, SNAPSHOT_HEAD_SIZE));
	if (err == OK)
		err = read_state(l, slice_of(scratch, len), &head);
	if (err == OK && l->seq != head.seq)
		err = ERR_CHECKSUM;
	bytes_wipe(scratch, len);
	return err;
}
