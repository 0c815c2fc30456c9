/* The encoding of sign_record: fields in order, little-endian, amounts in 16 bytes. */
#include "sign/state.h"

#define RECORD_VERSION 1u

static void put_amount(struct buf *out, struct amount a)
{
	uint8_t b[16];
	amount_store(b, a);
	buf_put(out, b, sizeof b);
}

void sign_record_put(struct buf *out, const struct sign_record *r)
{
	buf_u8(out, RECORD_VERSION);
	buf_u8(out, (uint8_t)r->layer);
	buf_u8(out, (uint8_t)r->purpose);
	buf_put(out, r->session.b, sizeof r->session.b);
	buf_le32(out, r->variant);
	buf_le64(out, r->time_ms);
	buf_put(out, r->digest.b, sizeof r->digest.b);
	buf_put(out, r->terms.b, sizeof r->terms.b);
	put_amount(out, r->cost);
	buf_put(out, r->swap.b, sizeof r->swap.b);
	buf_put(out, r->hash.b, sizeof r->hash.b);
	buf_le64(out, r->nonce);
	buf_le32(out, r->input_count);
	for (uint32_t i = 0; i < r->input_count; i++) {
		buf_put(out, r->input[i].txid.b, sizeof r->input[i].txid.b);
		buf_le32(out, r->input[i].index);
	}
}

enum err sign_record_parse(struct sign_record *out, struct slice in)
{
	struct reader reader = reader_init(in);
	struct sign_record r = {0};
	uint8_t cost[16];

	const uint8_t version = reader_u8(&reader);
	const uint8_t layer = reader_u8(&reader);
	const uint8_t purpose = reader_u8(&reader);
	reader_copy(&reader, r.session.b, sizeof r.session.b);
	r.variant = reader_le32(&reader);
	r.time_ms = reader_le64(&reader);
	reader_copy(&reader, r.digest.b, sizeof r.digest.b);
	reader_copy(&reader, r.terms.b, sizeof r.terms.b);
	reader_copy(&reader, cost, sizeof cost);
	reader_copy(&reader, r.swap.b, sizeof r.swap.b);
	reader_copy(&reader, r.hash.b, sizeof r.hash.b);
	r.nonce = reader_le64(&reader);
	r.input_count = reader_le32(&reader);
	if (reader.failed)
		return ERR_SHORT;
	if (version != RECORD_VERSION || layer >= LAYER_COUNT || purpose < SIGN_PAYOUT ||
		purpose > SIGN_APPROVE || r.input_count > BTC_INPUT_MAX)
		return ERR_FORMAT;
	r.layer = (enum layer_id)layer;
	r.purpose = (enum sign_purpose)purpose;
	r.cost = amount_load(sign_cost_asset(r.layer, sign_budget_of(r.purpose)), cost);
	for (uint32_t i = 0; i < r.input_count; i++) {
		reader_copy(&reader, r.input[i].txid.b, sizeof r.input[i].txid.b);
		r.input[i].index = reader_le32(&reader);
	}
	TRY(reader_finish(&reader));
	*out = r;
	return OK;
}
