#include "wire/ln_command.h"

#include "crypto/hash.h"
#include "wire/bolt11.h"

_Static_assert(LN_REQUEST_MAX <= BOLT11_TEXT_MAX, "a request is an invoice's text");

void ln_command_put(struct buf *out, const struct ln_command *c)
{
	buf_u8(out, (uint8_t)c->kind);
	switch (c->kind) {
	case LN_PAY:
		CHECK(c->request.len > 0 && c->request.len <= LN_REQUEST_MAX);
		buf_le64(out, c->fee_limit.raw);
		buf_le64(out, c->max_height);
		buf_le64(out, c->deadline_ms);
		buf_bytes32(out, c->request);
		return;
	case LN_SETTLE: buf_put(out, c->preimage.b, sizeof c->preimage.b); return;
	case LN_CANCEL: buf_put(out, c->hash.b, sizeof c->hash.b); return;
	}
	UNREACHABLE();
}

static enum err decode_pay(struct ln_command *c, struct reader *in)
{
	static _Thread_local struct bolt11 invoice;
	c->fee_limit.raw = reader_le64(in);
	c->max_height = reader_le64(in);
	c->deadline_ms = reader_le64(in);
	c->request = reader_bytes32(in, LN_REQUEST_MAX);
	TRY(reader_finish(in));
	if (c->fee_limit.raw > SAT_MAX_RAW)
		return ERR_RANGE;
	if (bolt11_decode(&invoice, c->request) != OK || invoice.amount_msat == 0)
		return ERR_FORMAT;
	c->hash = invoice.payment_hash;
	return OK;
}

static enum err decode_settle(struct ln_command *c, struct reader *in)
{
	reader_copy(in, c->preimage.b, sizeof c->preimage.b);
	TRY(reader_finish(in));
	sha256(&c->hash, slice_of(c->preimage.b, sizeof c->preimage.b));
	return OK;
}

static enum err decode_cancel(struct ln_command *c, struct reader *in)
{
	reader_copy(in, c->hash.b, sizeof c->hash.b);
	return reader_finish(in);
}

enum err ln_command_decode(struct ln_command *c, struct slice in)
{
	struct reader r = reader_init(in);
	struct ln_command read = {.kind = (enum ln_command_kind)reader_u8(&r)};
	enum err err = r.failed ? ERR_SHORT : ERR_FORMAT;
	switch (read.kind) {
	case LN_PAY: err = decode_pay(&read, &r); break;
	case LN_SETTLE: err = decode_settle(&read, &r); break;
	case LN_CANCEL: err = decode_cancel(&read, &r); break;
	}
	if (err == OK)
		*c = read;
	bytes_wipe(&read, sizeof read);
	return err;
}

void ln_command_id(struct hash256 *id, enum ln_command_kind kind, const struct hash256 *hash)
{
	static const char tag[] = "sluice lightning";
	uint8_t text[sizeof tag - 1 + 1 + sizeof hash->b];
	struct buf b = buf_init(text, sizeof text);
	buf_put(&b, tag, sizeof tag - 1);
	buf_u8(&b, (uint8_t)kind);
	buf_put(&b, hash->b, sizeof hash->b);
	CHECK(!b.overflow);
	sha256(id, buf_slice(&b));
}
