/* wire/rlp: Recursive Length Prefix (Ethereum yellow paper, appendix B). Strict: only canonical
 * forms. */
#ifndef WIRE_RLP_H
#define WIRE_RLP_H
#include "base/buf.h"

NONNULL_ALL void rlp_put_bytes(struct buf *out, struct slice bytes);
/* Big-endian without leading zeros; 0 is the empty string. */
NONNULL_ALL void rlp_put_u64(struct buf *out, uint64_t v);
NONNULL_ALL void rlp_put_list_header(struct buf *out, size_t payload_len);
/* Of a byte string once encoded: the payload length of a list is known before it is written. */
size_t rlp_bytes_len(struct slice bytes);

struct rlp_item {
	bool is_list;
	struct slice payload; /* borrows */
};
/* The next item of in; advances. ERR_SHORT; ERR_FORMAT non-canonical. */
MUST_USE NONNULL_ALL enum err rlp_next(struct rlp_item *out, struct slice *in);
/* ERR_FORMAT a list, or leading zeros; ERR_RANGE over 64 bits. */
MUST_USE NONNULL_ALL enum err rlp_get_u64(uint64_t *out, const struct rlp_item *item);

#endif
