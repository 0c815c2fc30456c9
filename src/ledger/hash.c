/* A canonical text of the state, hashed as it is made: two ledgers that would decide alike hash
 * alike. */
#include "ledger/fold.h"

#include "crypto/hash.h"

struct digest {
	struct hash256 state; /* running: H(state || part) */
	uint8_t part[LEG_SIZE_MAX + 1024];
	struct buf buf;
};

static void flush(struct digest *d)
{
	const struct slice part[] = {slice_of(d->state.b, 32), buf_slice(&d->buf)};
	CHECK(!d->buf.overflow);
	sha256_parts(&d->state, part, ARRAY_LEN(part));
	d->buf = buf_init(d->part, sizeof d->part);
}

static void put_amount(struct buf *out, struct amount a)
{
	uint8_t raw[16];
	amount_store(raw, a);
	buf_put(out, raw, sizeof raw);
}

static void put_u128(struct buf *out, u128 v)
{
	buf_le64(out, (uint64_t)v);
	buf_le64(out, (uint64_t)(v >> 64));
}

static void put_leg(struct digest *d, const struct leg *leg)
{
	struct buf *b = &d->buf;
	buf_le64(b, leg->timelock);
	put_amount(b, leg->amount);
	buf_bytes32(b, slice_of(leg->terms, leg->terms_len));
	buf_le32(b, leg->bound);
	for (uint32_t i = 0; i < leg->lock_count; i++) {
		const struct lock_fact *k = &leg->lock[i];
		buf_put(b, k->at.tx.b, 32);
		buf_le32(b, k->at.index);
		put_amount(b, k->amount);
		buf_le64(b, k->height);
		buf_le32(b, k->flags);
		buf_le64(b, k->spent_height);
		buf_u8(b, (uint8_t)k->spend);
	}
	flush(d);
}

static void put_swap(struct digest *d, const struct swap *s)
{
	struct buf *b = &d->buf;
	buf_put(b, s->id.b, 16);
	buf_u8(b, (uint8_t)s->state);
	buf_le64(b, s->created_ms);
	buf_le64(b, s->updated_ms);
	buf_le64(b, s->expires_ms);
	buf_put(b, s->hash.b, 32);
	buf_put(b, s->preimage.b, 32);
	put_amount(b, s->fee);
	buf_le32(b, s->lock_effect);
	buf_le32(b, s->claim_effect);
	buf_le32(b, s->refund_effect);
	buf_le32(b, s->cancel_effect);
	buf_le32(b, s->attempts);
	buf_le64(b, s->claim_after);
	buf_le64(b, s->refund_after);
	buf_u8(b, s->active);
	buf_u8(b, s->settled);
	buf_le64(b, s->born_seq);
	buf_le64(b, s->seq);
	flush(d);
	put_leg(d, &s->source);
	put_leg(d, &s->dest);
}

static void put_effect(struct digest *d, const struct effect *f)
{
	struct buf *b = &d->buf;
	buf_put(b, f->id.b, 16);
	buf_u8(b, (uint8_t)f->purpose);
	buf_u8(b, (uint8_t)f->state);
	buf_le32(b, f->coin_count);
	buf_le64(b, f->nonce);
	buf_le64(b, f->rate);
	put_amount(b, f->value);
	put_amount(b, f->reserved);
	put_amount(b, f->gas);
	buf_le32(b, f->variant_wanted);
	buf_le32(b, f->variant_base);
	buf_u8(b, f->open);
	buf_u8(b, f->called_off);
	buf_u8(b, f->submitted);
	buf_u8(b, f->reverted);
	buf_le64(b, f->conflict_height);
	buf_le64(b, f->last_variant_height);
	buf_le64(b, f->confirmed_height);
	buf_put(b, f->confirmed_tx.b, 32);
	for (uint32_t i = 0; i < f->variant_count; i++)
		buf_put(b, f->variant[i].txid.b, 32);
	flush(d);
	for (uint32_t i = 0; i < f->coin_count; i++)
		buf_le32(b, f->coin[i]);
	flush(d);
}

static void put_layer(struct digest *d, const struct layer_state *s)
{
	struct buf *b = &d->buf;
	buf_u8(b, s->born);
	buf_le64(b, s->tip.height);
	buf_put(b, s->tip.hash.b, 32);
	buf_le64(b, s->fee_rate);
	buf_le64(b, s->nonce_next);
	buf_le64(b, s->nonce_given);
	buf_le64(b, s->nonce_chain);
	buf_le64(b, s->safe_height);
	buf_le64(b, s->final_height);
	buf_le64(b, s->data_fee);
	buf_le64(b, s->reconciled_nonce);
	buf_le64(b, s->final_mark);
	buf_le64(b, s->credit_count);
	buf_le32(b, s->free_coin_count);
	buf_le32(b, s->young_coin_count);
	put_amount(b, s->promised);
	put_amount(b, s->queued);
	for (unsigned a = 0; a < ACCOUNT_COUNT; a++) {
		put_u128(b, s->account[a].in);
		put_u128(b, s->account[a].out);
	}
	flush(d);
}

static void put_book(struct digest *d, const struct book *book)
{
	struct buf *b = &d->buf;
	buf_le32(b, book->account_count);
	buf_le32(b, book->row_count);
	flush(d);
	for (uint32_t i = 0; i < book->account_count; i++) {
		const struct book_account *a = &book->account[i];
		buf_put(b, a->id.b, 16);
		buf_u8(b, (uint8_t)a->layer);
		buf_le32(b, a->flags);
		buf_le32(b, a->last);
		buf_le32(b, a->transfers);
		buf_le32(b, a->batch);
		put_u128(b, a->in);
		put_u128(b, a->out);
		flush(d);
	}
	for (uint32_t i = 0; i < book->row_count; i++) {
		book_row_put(b, &book->row[i]);
		if (b->len + BOOK_ROW_SIZE > b->cap || i + 1 == book->row_count)
			flush(d);
	}
}

static void put_addresses(struct digest *d, const struct ledger *l)
{
	buf_le32(&d->buf, l->address_count);
	flush(d);
	for (uint32_t i = 0; i < l->address_count; i++) {
		buf_put(&d->buf, l->address[i].b, sizeof l->address[i].b);
		flush(d);
	}
}

void ledger_hash(const struct ledger *l, struct hash256 *out)
{
	static _Thread_local struct digest d;
	d.state = (struct hash256){{0}};
	d.buf = buf_init(d.part, sizeof d.part);
	buf_le64(&d.buf, l->seq);
	buf_u8(&d.buf, l->latched);
	buf_le64(&d.buf, l->latch_seq);
	buf_u8(&d.buf, (uint8_t)l->durability);
	buf_le32(&d.buf, l->durability_ms);
	buf_le32(&d.buf, l->active_swap_count);
	buf_le32(&d.buf, l->open_effect_count);
	buf_le64(&d.buf, l->posting_count);
	flush(&d);
	for (unsigned i = 0; i < ledger_layers(l); i++)
		put_layer(&d, &l->layer[i]);
	for (uint32_t i = 0; i < l->coin_count; i++) {
		const struct coin *c = &l->coin[i];
		buf_u8(&d.buf, (uint8_t)c->layer);
		buf_put(&d.buf, c->at.txid.b, 32);
		buf_le32(&d.buf, c->at.index);
		buf_le64(&d.buf, c->value.raw);
		buf_le32(&d.buf, c->key_index);
		buf_le64(&d.buf, c->created_height);
		buf_le64(&d.buf, c->final_height);
		buf_le64(&d.buf, c->spent_height);
		buf_le32(&d.buf, c->effect);
		if (blinders_any(&c->hidden)) {
			buf_put(&d.buf, c->hidden.asset, sizeof c->hidden.asset);
			buf_put(&d.buf, c->hidden.value, sizeof c->hidden.value);
		}
		flush(&d);
	}
	for (uint32_t i = 0; i < l->swap_count; i++)
		put_swap(&d, &l->swap[i]);
	for (uint32_t i = 0; i < l->effect_count; i++)
		put_effect(&d, &l->effect[i]);
	for (uint32_t i = 0; i < l->transfer_count; i++) {
		buf_put(&d.buf, l->transfer[i].id.b, 16);
		buf_u8(&d.buf, (uint8_t)l->transfer[i].state);
		put_amount(&d.buf, l->transfer[i].amount);
		buf_le64(&d.buf, l->transfer[i].born_seq);
		buf_le32(&d.buf, l->transfer[i].effect);
		buf_le32(&d.buf, l->transfer[i].next);
		buf_u8(&d.buf, l->transfer[i].alone);
		buf_u8(&d.buf, l->transfer[i].external);
		buf_u8(&d.buf, l->transfer[i].sweep);
		buf_u8(&d.buf, l->transfer[i].to_wallet);
		flush(&d);
	}
	put_book(&d, &l->book);
	put_addresses(&d, l);
	*out = d.state;
}
