#include "wire/rlp.h"

/* First byte: below 0x80 the byte itself; 0x80 + n a string of n <= 55 bytes; 0xb7 + n a string
 * whose length is in the n bytes that follow; 0xc0 and 0xf7 the same for lists. */
#define STRING_SHORT 0x80u
#define STRING_LONG 0xb7u
#define LIST_SHORT 0xc0u
#define LIST_LONG 0xf7u
#define SHORT_MAX 55u

/* The bytes of v without leading zeros. */
static size_t be_bytes(uint8_t b[8], uint64_t v)
{
	uint8_t full[8];
	size_t zeros = 0;
	store_be64(full, v);
	while (zeros < 8 && full[zeros] == 0)
		zeros++;
	memcpy(b, full + zeros, 8 - zeros);
	return 8 - zeros;
}

static void put_header(struct buf *out, size_t len, unsigned short_base, unsigned long_base)
{
	uint8_t b[8];
	if (len <= SHORT_MAX) {
		buf_u8(out, (uint8_t)(short_base + len));
		return;
	}
	const size_t n = be_bytes(b, len);
	buf_u8(out, (uint8_t)(long_base + n));
	buf_put(out, b, n);
}

static bool is_single_byte(struct slice bytes)
{
	return bytes.len == 1 && bytes.ptr[0] < STRING_SHORT;
}

size_t rlp_bytes_len(struct slice bytes)
{
	uint8_t b[8];
	if (is_single_byte(bytes))
		return 1;
	return 1 + (bytes.len > SHORT_MAX ? be_bytes(b, bytes.len) : 0) + bytes.len;
}

void rlp_put_bytes(struct buf *out, struct slice bytes)
{
	if (!is_single_byte(bytes))
		put_header(out, bytes.len, STRING_SHORT, STRING_LONG);
	buf_put(out, bytes.ptr, bytes.len);
}

void rlp_put_u64(struct buf *out, uint64_t v)
{
	uint8_t b[8];
	const size_t n = be_bytes(b, v);
	rlp_put_bytes(out, slice_of(b, n));
}

void rlp_put_list_header(struct buf *out, size_t payload_len)
{
	put_header(out, payload_len, LIST_SHORT, LIST_LONG);
}

/* The length that n bytes after the first one state; canonical only over SHORT_MAX. */
static enum err long_length(size_t *len, struct slice in, size_t n)
{
	uint64_t v = 0;
	if (in.len < 1 + n)
		return ERR_SHORT;
	if (in.ptr[1] == 0)
		return ERR_FORMAT;
	for (size_t i = 0; i < n; i++)
		v = v << 8 | in.ptr[1 + i];
	if (v <= SHORT_MAX)
		return ERR_FORMAT;
	if (v > in.len)
		return ERR_SHORT;
	*len = (size_t)v;
	return OK;
}

enum err rlp_next(struct rlp_item *out, struct slice *in)
{
	if (in->len == 0)
		return ERR_SHORT;
	const unsigned first = in->ptr[0];
	const bool is_list = first >= LIST_SHORT;
	const unsigned short_base = is_list ? LIST_SHORT : STRING_SHORT;
	const unsigned long_base = is_list ? LIST_LONG : STRING_LONG;
	size_t header = 1, len = 0;

	if (first < STRING_SHORT) {
		header = 0;
		len = 1;
	} else if (first <= long_base) {
		len = first - short_base;
	} else {
		header = 1 + (first - long_base);
		TRY(long_length(&len, *in, first - long_base));
	}
	if (len > in->len - header)
		return ERR_SHORT;
	const struct slice payload = slice_of(in->ptr + header, len);
	if (!is_list && header == 1 && is_single_byte(payload))
		return ERR_FORMAT;
	*out = (struct rlp_item){.is_list = is_list, .payload = payload};
	*in = slice_of(in->ptr + header + len, in->len - header - len);
	return OK;
}

enum err rlp_get_u64(uint64_t *out, const struct rlp_item *item)
{
	uint64_t v = 0;
	if (item->is_list || (item->payload.len > 0 && item->payload.ptr[0] == 0))
		return ERR_FORMAT;
	if (item->payload.len > 8)
		return ERR_RANGE;
	for (size_t i = 0; i < item->payload.len; i++)
		v = v << 8 | item->payload.ptr[i];
	*out = v;
	return OK;
}
