#include "base/buf.h"

#include <stdio.h>

void buf_put(struct buf *b, const void *bytes, size_t len)
{
	CHECK(b->len <= b->cap);
	if (b->overflow || len > b->cap - b->len) {
		b->overflow = true;
		return;
	}
	if (len > 0)
		memcpy(b->ptr + b->len, bytes, len);
	b->len += len;
}

void buf_u8(struct buf *b, uint8_t v)
{
	buf_put(b, &v, 1);
}

void buf_le16(struct buf *b, uint16_t v)
{
	uint8_t raw[2];
	store_le16(raw, v);
	buf_put(b, raw, sizeof raw);
}

void buf_le32(struct buf *b, uint32_t v)
{
	uint8_t raw[4];
	store_le32(raw, v);
	buf_put(b, raw, sizeof raw);
}

void buf_le64(struct buf *b, uint64_t v)
{
	uint8_t raw[8];
	store_le64(raw, v);
	buf_put(b, raw, sizeof raw);
}

void buf_be32(struct buf *b, uint32_t v)
{
	uint8_t raw[4];
	store_be32(raw, v);
	buf_put(b, raw, sizeof raw);
}

void buf_be64(struct buf *b, uint64_t v)
{
	uint8_t raw[8];
	store_be64(raw, v);
	buf_put(b, raw, sizeof raw);
}

void buf_bytes32(struct buf *b, struct slice bytes)
{
	CHECK(bytes.len <= UINT32_MAX);
	buf_le32(b, (uint32_t)bytes.len);
	buf_put(b, bytes.ptr, bytes.len);
}

void buf_vprintf(struct buf *b, const char *fmt, va_list args)
{
	CHECK(b->len <= b->cap);
	if (b->overflow)
		return;
	const size_t room = b->cap - b->len;
	const int n = vsnprintf((char *)b->ptr + b->len, room, fmt, args);
	if (n < 0 || (size_t)n >= room) {
		b->overflow = true;
		return;
	}
	b->len += (size_t)n;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	buf_vprintf(b, fmt, args);
	va_end(args);
}

const char *buf_cstr(struct buf *b)
{
	CHECK(b->cap > 0);
	if (b->len == b->cap)
		b->len--;
	b->ptr[b->len] = 0;
	return (const char *)b->ptr;
}

const uint8_t *reader_take(struct reader *r, size_t len)
{
	if (r->failed || len > r->left) {
		r->failed = true;
		return NULL;
	}
	const uint8_t *at = r->ptr;
	r->ptr += len;
	r->left -= len;
	return at;
}

void reader_copy(struct reader *r, void *out, size_t len)
{
	const uint8_t *at = reader_take(r, len);
	if (len == 0)
		return;
	if (at == NULL)
		memset(out, 0, len);
	else
		memcpy(out, at, len);
}

uint8_t reader_u8(struct reader *r)
{
	const uint8_t *at = reader_take(r, 1);
	return at == NULL ? 0 : at[0];
}

uint16_t reader_le16(struct reader *r)
{
	const uint8_t *at = reader_take(r, 2);
	return at == NULL ? 0 : load_le16(at);
}

uint32_t reader_le32(struct reader *r)
{
	const uint8_t *at = reader_take(r, 4);
	return at == NULL ? 0 : load_le32(at);
}

uint64_t reader_le64(struct reader *r)
{
	const uint8_t *at = reader_take(r, 8);
	return at == NULL ? 0 : load_le64(at);
}

struct slice reader_bytes32(struct reader *r, size_t len_max)
{
	const uint32_t len = reader_le32(r);
	if (len > len_max)
		r->failed = true;
	const uint8_t *at = reader_take(r, len);
	return at == NULL ? (struct slice){NULL, 0} : (struct slice){at, len};
}

enum err reader_finish(const struct reader *r)
{
	if (r->failed)
		return ERR_SHORT;
	return r->left == 0 ? OK : ERR_FORMAT;
}
