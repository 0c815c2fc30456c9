/* btc/block: block headers and the walk through a block's transactions. Pure. */
#ifndef BTC_BLOCK_H
#define BTC_BLOCK_H
#include "btc/tx.h"

#define BTC_HEADER_SIZE 80u
#define BTC_BLOCK_SIZE_MAX 4000000u

struct btc_header {
	uint32_t version;
	struct hash256 parent;
	struct hash256 merkle_root;
	uint32_t time;
	uint32_t bits;
	uint32_t nonce;
};

MUST_USE NONNULL_ALL enum err btc_header_parse(struct btc_header *out, struct slice in);
NONNULL_ALL void btc_header_put(struct buf *out, const struct btc_header *h);
NONNULL_ALL void btc_header_hash(struct hash256 *out, const struct btc_header *h);
/* The hash is at or below the target that bits encode; ERR_CHECKSUM not, ERR_FORMAT bits negative
 * or overflowing. */
MUST_USE NONNULL_ALL enum err btc_header_check_work(const struct btc_header *h);

/* Parse the whole block, check that its transactions hash to the header's Merkle root (and that the
 * tree is not the mutated kind of CVE-2012-2459), and call visit for each transaction in order.
 * tx borrows; visit returns OK to go on. ERR_SHORT, ERR_FORMAT, ERR_CHECKSUM (Merkle root). */
typedef enum err (*btc_tx_visit)(
	void *ctx, uint32_t index, const struct btc_tx *tx, const struct hash256 *txid);
MUST_USE enum err btc_block_walk(
	struct btc_header *header, struct slice block, btc_tx_visit visit, void *ctx);
NONNULL_ALL void btc_merkle_root(
	struct hash256 *out, struct hash256 *leaf, size_t count); /* scratches leaf */

#endif
