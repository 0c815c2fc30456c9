#include "btc/codec.h"

void btc_cursor_init(struct btc_cursor *c, struct slice in)
{
	const bool whole = in.len >= BTC_TX_SIZE_MAX;
	c->len = whole ? BTC_TX_SIZE_MAX : in.len;
	c->r = reader_init(slice_of(in.ptr, c->len));
	c->at_end = whole ? ERR_FORMAT : ERR_SHORT;
}

size_t btc_cursor_used(const struct btc_cursor *c)
{
	return c->len - c->r.left;
}

enum err btc_take_le32(struct btc_cursor *c, uint32_t *v)
{
	const uint8_t *bytes = btc_take(c, 4);
	if (bytes == NULL)
		return c->at_end;
	*v = load_le32(bytes);
	return OK;
}

enum err btc_take_compact(struct btc_cursor *c, uint64_t *v)
{
	static const uint64_t smallest[] = {0xfd, UINT64_C(0x10000), UINT64_C(0x100000000)};
	const uint8_t *first = btc_take(c, 1);
	if (first == NULL)
		return c->at_end;
	if (*first < 0xfd) {
		*v = *first;
		return OK;
	}
	const unsigned form = *first - 0xfdu;
	const size_t len = (size_t)2 << form;
	const uint8_t *bytes = btc_take(c, len);
	if (bytes == NULL)
		return c->at_end;
	uint64_t value = 0;
	for (size_t i = len; i-- > 0;)
		value = value << 8 | bytes[i];
	if (value < smallest[form])
		return ERR_FORMAT;
	*v = value;
	return OK;
}

enum err btc_take_count(struct btc_cursor *c, uint32_t *count, uint32_t size_min)
{
	uint64_t v = 0;
	TRY(btc_take_compact(c, &v));
	if (v > BTC_TX_SIZE_MAX / size_min)
		return ERR_FORMAT;
	*count = (uint32_t)v;
	return OK;
}

enum err btc_take_bytes(struct btc_cursor *c, struct slice *out)
{
	uint32_t len;
	TRY(btc_take_count(c, &len, 1));
	const uint8_t *bytes = btc_take(c, len);
	if (bytes == NULL)
		return c->at_end;
	*out = slice_of(bytes, len);
	return OK;
}

enum err btc_take_stack(struct btc_cursor *c, struct slice *stack)
{
	const uint8_t *start = c->r.ptr;
	uint32_t count;
	TRY(btc_take_count(c, &count, BTC_WITNESS_ITEM_SIZE_MIN));
	for (uint32_t i = 0; i < count; i++) {
		struct slice item = {NULL, 0};
		TRY(btc_take_bytes(c, &item));
	}
	*stack = count == 0 ? slice_of(NULL, 0) : slice_of(start, (size_t)(c->r.ptr - start));
	return OK;
}

void btc_sink_put(struct btc_sink *s, struct slice part)
{
	if (s->buf != NULL)
		buf_put(s->buf, part.ptr, part.len);
	if (s->hash != NULL)
		sha256_add(s->hash, part);
	s->size += part.len;
}

void btc_sink_u8(struct btc_sink *s, uint8_t v)
{
	btc_sink_put(s, slice_of(&v, 1));
}

void btc_sink_le32(struct btc_sink *s, uint32_t v)
{
	uint8_t bytes[4];
	store_le32(bytes, v);
	btc_sink_put(s, slice_of(bytes, sizeof bytes));
}

void btc_sink_le64(struct btc_sink *s, uint64_t v)
{
	uint8_t bytes[8];
	store_le64(bytes, v);
	btc_sink_put(s, slice_of(bytes, sizeof bytes));
}

void btc_sink_compact(struct btc_sink *s, uint64_t v)
{
	uint8_t bytes[BTC_COMPACT_SIZE_MAX];
	struct buf b = buf_init(bytes, sizeof bytes);
	btc_put_compact(&b, v);
	btc_sink_put(s, buf_slice(&b));
}

void btc_sink_bytes(struct btc_sink *s, struct slice bytes)
{
	btc_sink_compact(s, bytes.len);
	btc_sink_put(s, bytes);
}

bool btc_stack_any(struct slice stack)
{
	return stack.len > 0 && stack.ptr[0] != 0;
}

void btc_sink_stack(struct btc_sink *s, struct slice stack)
{
	if (btc_stack_any(stack))
		btc_sink_put(s, stack);
	else
		btc_sink_u8(s, 0);
}

void btc_hash_each(struct hash256 *out, const void *things, uint32_t count,
	void (*add)(struct btc_sink *s, const void *things, uint32_t i))
{
	struct sha256_stream hash;
	struct btc_sink s = {.hash = &hash};
	sha256_begin(&hash);
	for (uint32_t i = 0; i < count; i++)
		add(&s, things, i);
	sha256_end(out, &hash);
}

void btc_put_compact(struct buf *out, uint64_t v)
{
	uint8_t bytes[BTC_COMPACT_SIZE_MAX];
	struct buf b = buf_init(bytes, sizeof bytes);
	if (v < 0xfd) {
		buf_u8(&b, (uint8_t)v);
	} else if (v <= UINT16_MAX) {
		buf_u8(&b, 0xfd);
		buf_le16(&b, (uint16_t)v);
	} else if (v <= UINT32_MAX) {
		buf_u8(&b, 0xfe);
		buf_le32(&b, (uint32_t)v);
	} else {
		buf_u8(&b, 0xff);
		buf_le64(&b, v);
	}
	buf_put(out, bytes, b.len);
}

uint64_t btc_get_compact(struct reader *in)
{
	struct btc_cursor c = {.r = *in, .at_end = ERR_SHORT};
	uint64_t v = 0;
	const enum err err = btc_take_compact(&c, &v);
	*in = c.r;
	in->failed = in->failed || err != OK;
	return err == OK ? v : 0;
}
