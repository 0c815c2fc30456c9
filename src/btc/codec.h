/* btc/codec: the pieces of which the encodings of Bitcoin, and of chains made from it, consist.
 *
 * Purpose: a cursor that reads and answers three ways, and a sink that writes, hashes or counts, so
 * that a transaction is serialised by one function whatever becomes of the bytes. Pure.
 * Invariants: a cursor never reads past the limit it was given; a compact size has one form.
 * Ownership: what is taken borrows from the bytes that are read.
 * What it must not do: know what the pieces mean.
 */
#ifndef BTC_CODEC_H
#define BTC_CODEC_H
#include "base/buf.h"
#include "crypto/hash.h"

#define BTC_COMPACT_SIZE_MAX 9u
#define BTC_TX_SIZE_MAX 4000000u     /* no transaction is larger: consensus limit of a block */
#define BTC_WITNESS_ITEM_SIZE_MIN 1u /* its length alone */

/* Bytes of one thing that has at most BTC_TX_SIZE_MAX of them. */
struct btc_cursor {
	struct reader r;
	size_t len;      /* of all that may be read */
	enum err at_end; /* ERR_SHORT, or ERR_FORMAT where only bytes past the limit could help */
};

NONNULL_ALL void btc_cursor_init(struct btc_cursor *c, struct slice in);
NONNULL_ALL size_t btc_cursor_used(const struct btc_cursor *c);

/* NULL: c->at_end. */
static inline const uint8_t *btc_take(struct btc_cursor *c, size_t len)
{
	return reader_take(&c->r, len);
}

/* All: ERR_SHORT or ERR_FORMAT, as the cursor has it, where the bytes end. */
MUST_USE NONNULL_ALL enum err btc_take_le32(struct btc_cursor *c, uint32_t *v);
/* A compact size. ERR_FORMAT: a longer form than needed. */
MUST_USE NONNULL_ALL enum err btc_take_compact(struct btc_cursor *c, uint64_t *v);
/* A count of things that take at least size_min bytes each; what claims more of them than fit is
 * ERR_FORMAT before it is counted. */
MUST_USE NONNULL_ALL enum err btc_take_count(
	struct btc_cursor *c, uint32_t *count, uint32_t size_min);
/* A length and that many bytes. */
MUST_USE NONNULL_ALL enum err btc_take_bytes(struct btc_cursor *c, struct slice *out);
/* A stack of witnesses, raw: a count, then a length and bytes for each; empty where there are none.
 */
MUST_USE NONNULL_ALL enum err btc_take_stack(struct btc_cursor *c, struct slice *stack);

/* Where a serialisation goes: into a buffer, into a hash, or nowhere: it is always counted. */
struct btc_sink {
	struct buf *buf;            /* NULL: not kept; overflow is remembered in it */
	struct sha256_stream *hash; /* NULL: not hashed */
	uint64_t size;
};

NONNULL_ALL void btc_sink_put(struct btc_sink *s, struct slice part);
NONNULL_ALL void btc_sink_u8(struct btc_sink *s, uint8_t v);
NONNULL_ALL void btc_sink_le32(struct btc_sink *s, uint32_t v);
NONNULL_ALL void btc_sink_le64(struct btc_sink *s, uint64_t v);
NONNULL_ALL void btc_sink_compact(struct btc_sink *s, uint64_t v);
/* A length and the bytes. */
NONNULL_ALL void btc_sink_bytes(struct btc_sink *s, struct slice bytes);
/* As btc_take_stack has it. */
NONNULL_ALL void btc_sink_stack(struct btc_sink *s, struct slice stack);
/* A stack has items: it is not empty, nor only a count of zero. */
bool btc_stack_any(struct slice stack);

/* SHA-256 of what `add` puts for each of 0 to count - 1. */
NONNULL_ALL void btc_hash_each(struct hash256 *out, const void *things, uint32_t count,
	void (*add)(struct btc_sink *s, const void *things, uint32_t i));

/* Compact sizes in a buffer and from a reader. */
NONNULL_ALL void btc_put_compact(struct buf *out, uint64_t v);
MUST_USE NONNULL_ALL uint64_t btc_get_compact(struct reader *in); /* non-canonical: in->failed */

#endif
