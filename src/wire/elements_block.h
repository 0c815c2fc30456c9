/* wire/elements_block: block headers of Elements, and blocks taken apart and checked.
 *
 * Purpose: the counterpart of btc/block for a chain whose blocks are signed by its functionaries. A
 * header has its height in it, and either a challenge and what solves it, or dynamic parameters and
 * a witness. What signs a block is under no hash, and is not checked: the node is ours.
 * Invariants: a block that opens hashes to its header's Merkle root, and has one coinbase.
 * Threads: pure; hashing is done by whoever is given (base/parallel.h; NULL: the caller).
 * Ownership: slices borrow from the block's bytes.
 * What it must not do: decide whether a block is on the best chain.
 *
 * Source: Elements 23.3 (primitives/block.h, chainparams.cpp).
 */
#ifndef WIRE_ELEMENTS_BLOCK_H
#define WIRE_ELEMENTS_BLOCK_H
#include "base/parallel.h"
#include "wire/elements_tx.h"

#define ELEMENTS_BLOCK_SIZE_MAX 4000000u

struct elements_header {
	uint32_t version; /* without the bit that says that it is dynamic */
	bool dynamic;
	struct hash256 parent;
	struct hash256 merkle_root;
	uint32_t time;
	uint32_t height;
	struct slice rules; /* as it stands: the challenge, or both sets of parameters */
	struct slice proof; /* as it stands: what solves or signs; not hashed */
};

/* At the start of in; *used bytes were consumed. ERR_SHORT, ERR_FORMAT. */
MUST_USE NONNULL_ALL enum err elements_header_parse(
	struct elements_header *out, size_t *used, struct slice in);
NONNULL_ALL void elements_header_put(struct buf *out, const struct elements_header *h);
NONNULL_ALL void elements_header_hash(struct hash256 *out, const struct elements_header *h);

struct elements_block_tx {
	uint32_t at, len; /* in the block's bytes */
	struct hash256 txid;
};
struct elements_block {
	struct elements_header header;
	struct slice raw;             /* borrows */
	struct elements_block_tx *tx; /* owned */
	uint32_t tx_count;
	uint32_t in_max, out_max; /* the most of any one transaction */
};

/* Release with elements_block_close; raw is borrowed until then. ERR_SHORT, ERR_FORMAT,
 * ERR_CHECKSUM (Merkle root), ERR_RANGE (an explicit value over 21 million), ERR_FULL (no memory).
 */
MUST_USE enum err elements_block_open(
	struct elements_block *out, struct slice raw, const struct parallel *parallel);
NONNULL_ALL void elements_block_close(struct elements_block *b);
/* Each transaction in order; as btc_block_visit. */
typedef enum err (*elements_tx_visit)(
	void *ctx, uint32_t index, const struct elements_tx *tx, const struct hash256 *txid);
MUST_USE enum err elements_block_visit(
	const struct elements_block *b, elements_tx_visit visit, void *ctx);

#endif
