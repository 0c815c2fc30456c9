#include "ledger/record.h"

#include "crypto/hash.h"

#include <stdio.h>

const char *record_name(uint16_t type)
{
	static const char *const names[REC_TYPE_COUNT] = {
		[REC_PARAMS] = "params",
		[REC_BIRTH] = "birth",
		[REC_BLOCK] = "block",
		[REC_REORG] = "reorg",
		[REC_MEMPOOL] = "mempool",
		[REC_FEE_RATE] = "fee_rate",
		[REC_SWAP] = "swap",
		[REC_TRANSFER] = "transfer",
		[REC_INTENT] = "intent",
		[REC_BUMP] = "bump",
		[REC_PREPARED] = "prepared",
		[REC_SUBMITTED] = "submitted",
		[REC_BUILD_FAILED] = "build_failed",
		[REC_DECLINED] = "declined",
		[REC_EXPIRED] = "expired",
		[REC_RECONCILED] = "reconciled",
		[REC_LATCH] = "latch",
		[REC_CALL_OFF] = "call_off",
		[REC_DURABILITY] = "durability",
		[REC_BOOK_OPENINGS] = "book_openings",
		[REC_BOOK_TRANSFERS] = "book_transfers",
		[REC_FACT] = "fact",
		[REC_FIRST_LAYER] = "first_layer",
		[REC_ADDRESS] = "address",
		[REC_SWEEP] = "sweep",
		[REC_SWEEP_CANCELLED] = "sweep_cancelled",
	};
	return type < REC_TYPE_COUNT && names[type] != NULL ? names[type] : "unknown";
}

void record_begin(struct buf *out, uint64_t time_ms)
{
	buf_u8(out, RECORD_VERSION);
	buf_le64(out, time_ms);
}

enum err record_open(struct reader *in, uint64_t *time_ms)
{
	const uint8_t version = reader_u8(in);
	*time_ms = reader_le64(in);
	if (in->failed)
		return ERR_SHORT;
	return version == RECORD_VERSION ? OK : ERR_FORMAT;
}

/* ---- parts ---- */

static void put_amount(struct buf *out, struct amount a)
{
	uint8_t raw[16];
	amount_store(raw, a);
	buf_put(out, raw, sizeof raw);
}

static struct amount get_amount(struct reader *in, enum asset asset)
{
	uint8_t raw[16];
	reader_copy(in, raw, sizeof raw);
	return amount_load(asset, raw);
}

/* Where gas is another asset, its amounts follow those of what is moved. */
static void put_gas(struct buf *out, enum layer_id layer, struct amount gas)
{
	if (layer_gas_apart(layer))
		put_amount(out, gas);
}

static struct amount get_gas(struct reader *in, enum layer_id layer)
{
	return layer_gas_apart(layer) ? get_amount(in, layer_gas_asset(layer))
				      : amount_zero(layer_gas_asset(layer));
}

static void put_text(struct buf *out, const char text[TEXT_REASON_SIZE])
{
	buf_bytes32(out, slice_of(text, strnlen(text, TEXT_REASON_SIZE - 1)));
}

static void get_text(struct reader *in, char text[TEXT_REASON_SIZE])
{
	const struct slice s = reader_bytes32(in, TEXT_REASON_SIZE - 1);
	memset(text, 0, TEXT_REASON_SIZE);
	if (s.len > 0)
		memcpy(text, s.ptr, s.len);
}

static void put_locator(struct buf *out, const struct locator *at)
{
	buf_put(out, at->tx.b, 32);
	buf_le32(out, at->index);
}

static void get_locator(struct reader *in, struct locator *at)
{
	reader_copy(in, at->tx.b, 32);
	at->index = reader_le32(in);
}

static bool get_bool(struct reader *in)
{
	const uint8_t v = reader_u8(in);
	if (v > 1)
		in->failed = true;
	return v == 1;
}

void rec_layer_put(struct buf *out, enum layer_id layer)
{
	buf_u8(out, (uint8_t)layer);
}

enum err rec_layer_get(struct reader *in, enum layer_id *layer)
{
	const uint8_t v = reader_u8(in);
	*layer = LAYER_BITCOIN;
	if (in->failed)
		return ERR_SHORT;
	if (v >= LAYER_COUNT)
		return ERR_FORMAT;
	*layer = (enum layer_id)v;
	return OK;
}

void rec_block_ref_put(struct buf *out, const struct block_ref *b)
{
	buf_le64(out, b->height);
	buf_put(out, b->hash.b, 32);
	buf_put(out, b->parent.b, 32);
	buf_le64(out, b->time_ms);
}

void rec_block_ref_get(struct reader *in, struct block_ref *b)
{
	b->height = reader_le64(in);
	reader_copy(in, b->hash.b, 32);
	reader_copy(in, b->parent.b, 32);
	b->time_ms = reader_le64(in);
}

/* Seal with a nonce that is a MAC of what is sealed: deterministic, and never the same nonce for
 * two different texts. */
static void put_sealed(struct buf *out, struct slice plain, const struct id128 *context,
	const struct seal_key *key)
{
	struct hash256 mac;
	hmac_sha256(&mac, slice_of(key->b, sizeof key->b), plain);
	buf_le32(out, (uint32_t)(plain.len + SEAL_OVERHEAD));
	if (out->overflow || plain.len + SEAL_OVERHEAD > out->cap - out->len) {
		out->overflow = true;
		return;
	}
	seal(out->ptr + out->len, key, mac.b, plain, slice_of(context->b, sizeof context->b));
	out->len += plain.len + SEAL_OVERHEAD;
}

static enum err get_sealed(struct reader *in, uint8_t *plain, size_t *len, size_t len_max,
	const struct id128 *context, const struct seal_key *key)
{
	const struct slice sealed = reader_bytes32(in, len_max + SEAL_OVERHEAD);
	if (in->failed || sealed.len < SEAL_OVERHEAD)
		return ERR_SHORT;
	*len = sealed.len - SEAL_OVERHEAD;
	return unseal(plain, key, sealed, slice_of(context->b, sizeof context->b));
}

/* ---- records ---- */

void rec_birth_put(struct buf *out, const struct rec_birth *r)
{
	rec_layer_put(out, r->layer);
	rec_block_ref_put(out, &r->block);
	buf_le64(out, r->nonce);
	put_amount(out, r->balance);
	put_gas(out, r->layer, r->gas);
}

enum err rec_birth_get(struct reader *in, struct rec_birth *r)
{
	TRY(rec_layer_get(in, &r->layer));
	rec_block_ref_get(in, &r->block);
	r->nonce = reader_le64(in);
	r->balance = get_amount(in, layer_asset(r->layer));
	r->gas = get_gas(in, r->layer);
	return reader_finish(in);
}

void rec_swap_put(struct buf *out, const struct rec_swap *r)
{
	buf_put(out, r->id.b, 16);
	buf_put(out, r->idempotency_key.b, 32);
	buf_put(out, r->idempotency_body.b, 32);
	buf_put(out, r->hash.b, 32);
	buf_le64(out, r->expires_ms);
	rec_layer_put(out, r->from);
	rec_layer_put(out, r->to);
	put_amount(out, r->fee);
	put_amount(out, r->source_amount);
	put_amount(out, r->dest_amount);
	buf_le32(out, r->source_depth);
	buf_le32(out, r->dest_depth);
	buf_le64(out, r->source_timelock);
	buf_bytes32(out, r->source_terms);
	buf_bytes32(out, r->dest_terms);
	buf_put(out, r->client_dest, 32);
}

enum err rec_swap_get(struct reader *in, struct rec_swap *r)
{
	reader_copy(in, r->id.b, 16);
	reader_copy(in, r->idempotency_key.b, 32);
	reader_copy(in, r->idempotency_body.b, 32);
	reader_copy(in, r->hash.b, 32);
	r->expires_ms = reader_le64(in);
	TRY(rec_layer_get(in, &r->from));
	TRY(rec_layer_get(in, &r->to));
	r->fee = get_amount(in, layer_asset(r->from));
	r->source_amount = get_amount(in, layer_asset(r->from));
	r->dest_amount = get_amount(in, layer_asset(r->to));
	r->source_depth = reader_le32(in);
	r->dest_depth = reader_le32(in);
	r->source_timelock = reader_le64(in);
	r->source_terms = reader_bytes32(in, LEG_SIZE_MAX);
	r->dest_terms = reader_bytes32(in, LEG_SIZE_MAX);
	reader_copy(in, r->client_dest, 32);
	return reader_finish(in);
}

void rec_transfer_put(struct buf *out, const struct rec_transfer *r)
{
	buf_put(out, r->id.b, 16);
	buf_put(out, r->effect.b, 16);
	buf_put(out, r->idempotency_key.b, 32);
	buf_put(out, r->idempotency_body.b, 32);
	rec_layer_put(out, r->layer);
	put_amount(out, r->amount);
	buf_bytes32(out, r->destination);
	if (r->external)
		buf_u8(out, 1); /* of no other transfer, as in older journals */
}

enum err rec_transfer_get(struct reader *in, struct rec_transfer *r)
{
	reader_copy(in, r->id.b, 16);
	reader_copy(in, r->effect.b, 16);
	reader_copy(in, r->idempotency_key.b, 32);
	reader_copy(in, r->idempotency_body.b, 32);
	TRY(rec_layer_get(in, &r->layer));
	r->amount = get_amount(in, layer_asset(r->layer));
	r->destination = reader_bytes32(in, sizeof((struct transfer *)0)->destination);
	r->external = !in->failed && in->left > 0;
	if (r->external && reader_u8(in) != 1)
		return ERR_FORMAT;
	return reader_finish(in);
}

/* Whose an intent is; of many transfers, the others come last. */
enum owner_kind { OWNER_TRANSFER, OWNER_SWAP, OWNER_TRANSFERS, OWNER_KIND_COUNT };

static void put_more_owners(struct buf *out, const struct rec_intent *r)
{
	CHECK(r->more_count < BTC_PAYEE_MAX);
	if (r->more_count > 0)
		buf_le32(out, r->more_count);
	for (uint32_t i = 0; i < r->more_count; i++)
		buf_put(out, r->more[i].b, sizeof r->more[i].b);
}

static enum err get_more_owners(struct reader *in, struct rec_intent *r, bool many)
{
	r->more_count = many ? reader_le32(in) : 0;
	if (in->failed)
		return ERR_SHORT;
	if (many &&
		(r->more_count == 0 || r->more_count >= BTC_PAYEE_MAX || r->purpose != SIGN_PAYOUT))
		return ERR_FORMAT;
	for (uint32_t i = 0; i < r->more_count; i++)
		reader_copy(in, r->more[i].b, sizeof r->more[i].b);
	return OK;
}

void rec_intent_put(struct buf *out, const struct rec_intent *r)
{
	const enum owner_kind kind = r->owner_is_swap ? OWNER_SWAP
		: r->more_count > 0                   ? OWNER_TRANSFERS
						      : OWNER_TRANSFER;
	buf_put(out, r->effect.b, 16);
	buf_u8(out, (uint8_t)r->purpose);
	rec_layer_put(out, r->layer);
	buf_put(out, r->owner.b, 16);
	buf_u8(out, (uint8_t)kind);
	buf_le32(out, r->coin_count);
	for (uint32_t i = 0; i < r->coin_count; i++) {
		buf_put(out, r->coin[i].txid.b, 32);
		buf_le32(out, r->coin[i].index);
	}
	buf_le64(out, r->fee.raw);
	buf_le64(out, r->rate);
	buf_le64(out, r->nonce);
	buf_le64(out, r->gas_limit);
	put_amount(out, r->value);
	put_amount(out, r->reserved);
	put_gas(out, r->layer, r->gas);
	put_locator(out, &r->lock);
	buf_le64(out, r->timelock);
	buf_bytes32(out, r->terms);
	put_more_owners(out, r);
}

enum err rec_intent_get(struct reader *in, struct rec_intent *r)
{
	reader_copy(in, r->effect.b, 16);
	const uint8_t purpose = reader_u8(in);
	TRY(rec_layer_get(in, &r->layer));
	if (purpose < SIGN_PAYOUT || purpose > SIGN_APPROVE)
		return ERR_FORMAT;
	r->purpose = (enum sign_purpose)purpose;
	reader_copy(in, r->owner.b, 16);
	const uint8_t kind = reader_u8(in);
	r->owner_is_swap = kind == OWNER_SWAP;
	r->coin_count = reader_le32(in);
	if (kind >= OWNER_KIND_COUNT || r->coin_count > BTC_INPUT_MAX)
		return ERR_FORMAT;
	for (uint32_t i = 0; i < r->coin_count; i++) {
		reader_copy(in, r->coin[i].txid.b, 32);
		r->coin[i].index = reader_le32(in);
	}
	r->fee.raw = reader_le64(in);
	r->rate = reader_le64(in);
	r->nonce = reader_le64(in);
	r->gas_limit = reader_le64(in);
	r->value = get_amount(in, layer_asset(r->layer));
	r->reserved = get_amount(in, layer_asset(r->layer));
	r->gas = get_gas(in, r->layer);
	get_locator(in, &r->lock);
	r->timelock = reader_le64(in);
	r->terms = reader_bytes32(in, LEG_SIZE_MAX);
	TRY(get_more_owners(in, r, kind == OWNER_TRANSFERS));
	return reader_finish(in);
}

void rec_bump_put(struct buf *out, const struct rec_bump *r, enum layer_id layer)
{
	buf_put(out, r->effect.b, 16);
	rec_layer_put(out, layer);
	buf_le32(out, r->variant);
	buf_le64(out, r->fee.raw);
	buf_le64(out, r->rate);
	put_amount(out, r->added);
}

enum err rec_bump_get(struct reader *in, struct rec_bump *r)
{
	enum layer_id layer;
	reader_copy(in, r->effect.b, 16);
	TRY(rec_layer_get(in, &layer));
	r->variant = reader_le32(in);
	r->fee.raw = reader_le64(in);
	r->rate = reader_le64(in);
	r->added = get_amount(in, layer_gas_asset(layer));
	return reader_finish(in);
}

void rec_prepared_put(struct buf *out, const struct rec_prepared *r, const struct seal_key *key)
{
	buf_put(out, r->effect.b, 16);
	rec_layer_put(out, r->layer);
	buf_le32(out, r->variant);
	buf_put(out, r->txid.b, 32);
	put_amount(out, r->fee);
	buf_u8(out, r->sealed);
	if (r->sealed)
		put_sealed(out, r->raw, &r->effect, key);
	else
		buf_bytes32(out, r->raw);
}

enum err rec_prepared_get(
	struct reader *in, struct rec_prepared *r, const struct seal_key *key, uint8_t *plain)
{
	reader_copy(in, r->effect.b, 16);
	TRY(rec_layer_get(in, &r->layer));
	r->variant = reader_le32(in);
	reader_copy(in, r->txid.b, 32);
	r->fee = get_amount(in, layer_gas_asset(r->layer));
	r->sealed = get_bool(in);
	if (r->sealed) {
		size_t len = 0;
		TRY(get_sealed(in, plain, &len, RECORD_RAW_MAX, &r->effect, key));
		r->raw = slice_of(plain, len);
	} else {
		r->raw = reader_bytes32(in, RECORD_RAW_MAX);
	}
	return reader_finish(in);
}

void rec_submitted_put(struct buf *out, const struct rec_submitted *r)
{
	buf_put(out, r->effect.b, 16);
	buf_le32(out, r->variant);
	buf_u8(out, r->outcome);
	put_text(out, r->detail);
}

enum err rec_submitted_get(struct reader *in, struct rec_submitted *r)
{
	reader_copy(in, r->effect.b, 16);
	r->variant = reader_le32(in);
	r->outcome = reader_u8(in);
	get_text(in, r->detail);
	return reader_finish(in);
}

void rec_build_failed_put(struct buf *out, const struct rec_build_failed *r)
{
	buf_put(out, r->effect.b, 16);
	buf_le32(out, r->variant);
	put_text(out, r->detail);
}

enum err rec_build_failed_get(struct reader *in, struct rec_build_failed *r)
{
	reader_copy(in, r->effect.b, 16);
	r->variant = reader_le32(in);
	get_text(in, r->detail);
	return reader_finish(in);
}

void rec_swap_end_put(struct buf *out, const struct rec_swap_end *r)
{
	buf_put(out, r->swap.b, 16);
	put_text(out, r->reason);
}

enum err rec_swap_end_get(struct reader *in, struct rec_swap_end *r)
{
	reader_copy(in, r->swap.b, 16);
	get_text(in, r->reason);
	return reader_finish(in);
}

void rec_reconciled_put(struct buf *out, const struct rec_reconciled *r)
{
	rec_layer_put(out, r->layer);
	rec_block_ref_put(out, &r->block);
	put_amount(out, r->wallet);
	put_amount(out, r->locked);
	put_amount(out, r->limbo);
	put_gas(out, r->layer, r->gas);
}

enum err rec_reconciled_get(struct reader *in, struct rec_reconciled *r)
{
	TRY(rec_layer_get(in, &r->layer));
	rec_block_ref_get(in, &r->block);
	r->wallet = get_amount(in, layer_asset(r->layer));
	r->locked = get_amount(in, layer_asset(r->layer));
	r->limbo = get_amount(in, layer_asset(r->layer));
	r->gas = get_gas(in, r->layer);
	return reader_finish(in);
}

void rec_first_layer_put(struct buf *out, const struct rec_first_layer *r)
{
	rec_layer_put(out, r->layer);
	buf_le64(out, r->safe_height);
	buf_le64(out, r->final_height);
	buf_le64(out, r->data_fee);
}

enum err rec_first_layer_get(struct reader *in, struct rec_first_layer *r)
{
	TRY(rec_layer_get(in, &r->layer));
	r->safe_height = reader_le64(in);
	r->final_height = reader_le64(in);
	r->data_fee = reader_le64(in);
	return reader_finish(in);
}

void rec_address_put(struct buf *out, const struct rec_address *r)
{
	buf_put(out, r->id.b, sizeof r->id.b);
	buf_le32(out, r->index);
}

enum err rec_address_get(struct reader *in, struct rec_address *r)
{
	reader_copy(in, r->id.b, sizeof r->id.b);
	r->index = reader_le32(in);
	return reader_finish(in);
}

void rec_sweep_put(struct buf *out, const struct rec_sweep *r)
{
	buf_put(out, r->id.b, sizeof r->id.b);
	buf_put(out, r->effect.b, sizeof r->effect.b);
	buf_put(out, r->idempotency_key.b, sizeof r->idempotency_key.b);
	buf_put(out, r->idempotency_body.b, sizeof r->idempotency_body.b);
	buf_bytes32(out, r->destination);
	buf_u8(out, r->to_wallet);
	buf_le32(out, r->coin_count);
	for (uint32_t i = 0; i < r->coin_count; i++) {
		buf_put(out, r->coin[i].txid.b, sizeof r->coin[i].txid.b);
		buf_le32(out, r->coin[i].index);
	}
	buf_le64(out, r->fee.raw);
	buf_le64(out, r->rate);
}

enum err rec_sweep_get(struct reader *in, struct rec_sweep *r)
{
	reader_copy(in, r->id.b, sizeof r->id.b);
	reader_copy(in, r->effect.b, sizeof r->effect.b);
	reader_copy(in, r->idempotency_key.b, sizeof r->idempotency_key.b);
	reader_copy(in, r->idempotency_body.b, sizeof r->idempotency_body.b);
	r->destination = reader_bytes32(in, BTC_SCRIPT_STD_MAX);
	r->to_wallet = get_bool(in);
	r->coin_count = reader_le32(in);
	if (r->coin_count > BTC_INPUT_MAX)
		return ERR_FORMAT;
	for (uint32_t i = 0; i < r->coin_count; i++) {
		reader_copy(in, r->coin[i].txid.b, sizeof r->coin[i].txid.b);
		r->coin[i].index = reader_le32(in);
	}
	r->fee.raw = reader_le64(in);
	r->rate = reader_le64(in);
	TRY(reader_finish(in));
	return r->fee.raw <= SAT_MAX_RAW ? OK : ERR_RANGE;
}

void rec_latch_put(struct buf *out, const struct rec_latch *r)
{
	buf_u8(out, r->on);
	put_text(out, r->reason);
}

enum err rec_latch_get(struct reader *in, struct rec_latch *r)
{
	r->on = get_bool(in);
	get_text(in, r->reason);
	return reader_finish(in);
}

void rec_durability_put(struct buf *out, const struct rec_durability *r)
{
	buf_u8(out, (uint8_t)r->mode);
	buf_le32(out, r->interval_ms);
}

enum err rec_durability_get(struct reader *in, struct rec_durability *r)
{
	const uint8_t mode = reader_u8(in);
	r->interval_ms = reader_le32(in);
	r->mode = mode < DURABILITY_COUNT ? (enum durability)mode : DURABILITY_GROUP;
	TRY(reader_finish(in));
	return mode < DURABILITY_COUNT && (r->mode == DURABILITY_INTERVAL) == (r->interval_ms > 0)
		? OK
		: ERR_FORMAT;
}

/* ---- chain events: only the fields that the kind gives a meaning ---- */

void rec_event_put(struct buf *out, const struct chain_event *e, const struct seal_key *key)
{
	buf_u8(out, (uint8_t)e->kind);
	buf_le32(out, e->flags);
	buf_put(out, e->tx.b, 32);
	switch (e->kind) {
	case CHAIN_COIN_CREATED:
		put_locator(out, &e->at);
		buf_le32(out, e->key_index);
		put_amount(out, e->amount);
		if ((e->flags & CHAIN_HIDDEN) != 0) {
			buf_put(out, e->hidden.asset, sizeof e->hidden.asset);
			buf_put(out, e->hidden.value, sizeof e->hidden.value);
		}
		return;
	case CHAIN_COIN_SPENT: put_locator(out, &e->at); return;
	case CHAIN_DEPOSIT: put_amount(out, e->amount); return;
	case CHAIN_LOCK:
		put_locator(out, &e->at);
		buf_put(out, e->swap.b, 16);
		put_amount(out, e->amount);
		buf_le64(out, e->timelock);
		return;
	case CHAIN_LOCK_SPENT:
		put_locator(out, &e->at);
		buf_put(out, e->swap.b, 16);
		buf_u8(out, (uint8_t)e->spend);
		if (e->spend == LOCK_SPEND_CLAIM)
			put_sealed(out, slice_of(e->preimage.b, 32), &e->swap, key);
		return;
	case CHAIN_NONCE_USED:
		buf_le64(out, e->nonce);
		put_amount(out, e->amount);
		return;
	}
	UNREACHABLE();
}

static enum err event_body_get(
	struct reader *in, struct chain_event *e, enum layer_id layer, const struct seal_key *key)
{
	const enum asset asset = layer_asset(layer);
	size_t len = 0;

	switch (e->kind) {
	case CHAIN_COIN_CREATED:
		get_locator(in, &e->at);
		e->key_index = reader_le32(in);
		e->amount = get_amount(in, asset);
		if ((e->flags & CHAIN_HIDDEN) == 0)
			return OK;
		reader_copy(in, e->hidden.asset, sizeof e->hidden.asset);
		reader_copy(in, e->hidden.value, sizeof e->hidden.value);
		return layer == LAYER_LIQUID && blinders_any(&e->hidden) ? OK : ERR_FORMAT;
	case CHAIN_COIN_SPENT: get_locator(in, &e->at); return OK;
	case CHAIN_DEPOSIT:
		if ((e->flags & CHAIN_GAS) != 0 && !layer_gas_apart(layer))
			return ERR_FORMAT;
		e->amount = get_amount(
			in, (e->flags & CHAIN_GAS) != 0 ? layer_gas_asset(layer) : asset);
		return OK;
	case CHAIN_LOCK:
		get_locator(in, &e->at);
		reader_copy(in, e->swap.b, 16);
		e->amount = get_amount(in, asset);
		e->timelock = reader_le64(in);
		return OK;
	case CHAIN_LOCK_SPENT:
		get_locator(in, &e->at);
		reader_copy(in, e->swap.b, 16);
		e->spend = (enum lock_spend)reader_u8(in);
		if (e->spend < LOCK_SPEND_CLAIM || e->spend > LOCK_SPEND_OTHER)
			return ERR_FORMAT;
		if (e->spend == LOCK_SPEND_CLAIM)
			return get_sealed(in, e->preimage.b, &len, 32, &e->swap, key);
		return OK;
	case CHAIN_NONCE_USED:
		e->nonce = reader_le64(in);
		e->amount = get_amount(in, layer_gas_asset(layer));
		return OK;
	}
	return ERR_FORMAT;
}

enum err rec_event_get(
	struct reader *in, struct chain_event *e, enum layer_id layer, const struct seal_key *key)
{
	*e = (struct chain_event){.amount = amount_zero(layer_asset(layer))};
	e->kind = (enum chain_event_kind)reader_u8(in);
	e->flags = reader_le32(in);
	reader_copy(in, e->tx.b, 32);
	TRY(event_body_get(in, e, layer, key));
	return in->failed ? ERR_SHORT : OK;
}

void rec_fact_put(struct buf *out, enum layer_id layer, const struct chain_event *e,
	const struct seal_key *key)
{
	rec_layer_put(out, layer);
	rec_event_put(out, e, key);
	put_amount(out, e->amount);
}

enum err rec_fact_get(
	struct reader *in, enum layer_id *layer, struct chain_event *e, const struct seal_key *key)
{
	TRY(rec_layer_get(in, layer));
	TRY(rec_event_get(in, e, *layer, key));
	e->amount = get_amount(in, layer_asset(*layer));
	return reader_finish(in);
}
