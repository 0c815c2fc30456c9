/* base/buf: a bounded writer and a bounded reader for encodings.
 *
 * Writing past the end or reading past the end is remembered, not undefined: encode or decode
 * everything, then ask once. The storage is the caller's; nothing is allocated.
 *
 *     struct buf out = buf_init(storage, sizeof storage);
 *     buf_le32(&out, n);
 *     buf_put(&out, key, 32);
 *     if (out.overflow)
 *             return ERR_FULL;
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H
#include <stdarg.h>
#include "base/base.h"

struct buf {
	uint8_t *ptr; /* borrows */
	size_t cap;
	size_t len;    /* bytes written; stays at the last whole write after an overflow */
	bool overflow; /* some write did not fit; nothing after it was written */
};

static inline struct buf buf_init(void *storage, size_t cap)
{
	return (struct buf){.ptr = storage, .cap = cap};
}

static inline struct slice buf_slice(const struct buf *b)
{
	return (struct slice){.ptr = b->ptr, .len = b->len};
}

void buf_put(struct buf *b, const void *bytes, size_t len);
NONNULL_ALL void buf_u8(struct buf *b, uint8_t v);
NONNULL_ALL void buf_le16(struct buf *b, uint16_t v);
NONNULL_ALL void buf_le32(struct buf *b, uint32_t v);
NONNULL_ALL void buf_le64(struct buf *b, uint64_t v);
NONNULL_ALL void buf_be32(struct buf *b, uint32_t v);
NONNULL_ALL void buf_be64(struct buf *b, uint64_t v);
/* A 32-bit little-endian length, then the bytes: the one framing of variable parts in records. */
NONNULL_ALL void buf_bytes32(struct buf *b, struct slice bytes);
/* Text, formatted; the terminating zero is not kept. */
PRINTF_LIKE(2, 3) void buf_printf(struct buf *b, const char *fmt, ...);
PRINTF_LIKE(2, 0) void buf_vprintf(struct buf *b, const char *fmt, va_list args);
/* Terminates the text in place and returns it; the text is cut if it does not fit. Needs cap > 0.
 */
NONNULL_ALL const char *buf_cstr(struct buf *b);

struct reader {
	const uint8_t *ptr; /* borrows */
	size_t left;
	bool failed; /* some read went past the end; every later read gives zeros */
};

static inline struct reader reader_init(struct slice in)
{
	return (struct reader){.ptr = in.ptr, .left = in.len};
}

/* Borrows from the input; NULL where less than len is left. */
NONNULL_ALL const uint8_t *reader_take(struct reader *r, size_t len);
NONNULL_ALL void reader_copy(struct reader *r, void *out, size_t len);
NONNULL_ALL uint8_t reader_u8(struct reader *r);
NONNULL_ALL uint16_t reader_le16(struct reader *r);
NONNULL_ALL uint32_t reader_le32(struct reader *r);
NONNULL_ALL uint64_t reader_le64(struct reader *r);
/* The counterpart of buf_bytes32; fails where the length is over len_max. */
NONNULL_ALL struct slice reader_bytes32(struct reader *r, size_t len_max);
/* OK when everything was read and nothing is left; ERR_SHORT, ERR_FORMAT otherwise. */
MUST_USE NONNULL_ALL enum err reader_finish(const struct reader *r);

#endif
