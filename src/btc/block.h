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

/* Of the first 80 bytes. ERR_SHORT. */
MUST_USE NONNULL_ALL enum err btc_header_parse(struct btc_header *out, struct slice in);
NONNULL_ALL void btc_header_put(struct buf *out, const struct btc_header *h);
NONNULL_ALL void btc_header_hash(struct hash256 *out, const struct btc_header *h);
/* The hash is at or below the target that bits encode; ERR_CHECKSUM not, ERR_FORMAT bits negative,
 * zero or overflowing. Whether the bits are the ones due is the chain's question. */
MUST_USE NONNULL_ALL enum err btc_header_check_work(const struct btc_header *h);

/* Parse the whole block, check that it is within the weight limit, that it has one coinbase, its
 * first transaction, and that its transactions hash to the header's Merkle root (and the tree is
 * not the mutated kind of CVE-2012-2459); then call visit for each transaction in order. Nothing is
 * visited before all is checked. Witnesses are under no hash that is checked here, and neither is
 * the header's work.
 * tx borrows, until visit returns; visit returns OK to go on; what else it returns is returned.
 * visit NULL: check only. ERR_SHORT, ERR_FORMAT, ERR_CHECKSUM (Merkle root), ERR_RANGE (an output
 * over 21 million), ERR_FULL (no memory). Costs are linear in the block's length. */
typedef enum err (*btc_tx_visit)(
	void *ctx, uint32_t index, const struct btc_tx *tx, const struct hash256 *txid);
MUST_USE enum err btc_block_walk(
	struct btc_header *header, struct slice block, btc_tx_visit visit, void *ctx);
/* Zero where count is 0. */
NONNULL_ALL void btc_merkle_root(
	struct hash256 *out, struct hash256 *leaf, size_t count); /* scratches leaf */

#endif
