/* btc/block: block headers, and blocks taken apart and checked. Pure; hashing, which is most of the
 * work, is done by whoever is given (base/parallel.h; NULL: the caller). */
#ifndef BTC_BLOCK_H
#define BTC_BLOCK_H
#include "base/parallel.h"
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

/* A block that was checked, and where its transactions lie. */
struct btc_block_tx {
	uint32_t at, len;  /* in the block's bytes */
	uint32_t stripped; /* its length without witnesses; len where it has none */
	struct hash256 txid;
};
struct btc_block {
	struct btc_header header;
	struct slice raw;        /* borrows */
	struct btc_block_tx *tx; /* owned */
	uint32_t tx_count;
	uint32_t in_max, out_max; /* the most of any one transaction */
};

/* Take the whole block apart; check that it is within the weight limit, that it has one coinbase,
 * its first transaction, and that its transactions hash to the header's Merkle root (and the tree
 * is not the mutated kind of CVE-2012-2459). Witnesses are under no hash that is checked here, and
 * neither is the header's work. Release with btc_block_close; raw is borrowed until then.
 * ERR_SHORT, ERR_FORMAT, ERR_CHECKSUM (Merkle root), ERR_RANGE (an output over 21 million),
 * ERR_FULL (no memory). Costs are linear in the block's length. */
MUST_USE enum err btc_block_open(
	struct btc_block *out, struct slice raw, const struct parallel *parallel);
NONNULL_ALL void btc_block_close(struct btc_block *b);
/* The Merkle root in the header covers no witness: they are checked against the coinbase's
 * commitment (BIP-141). OK also where there is none: such a block can hold no valid witness, and
 * making one costs the same work as making a good one. ERR_CHECKSUM, ERR_FULL. */
MUST_USE enum err btc_block_check_witnesses(
	const struct btc_block *b, const struct parallel *parallel);
/* Call visit for each transaction in order. tx borrows until visit returns, its slices from the
 * block's bytes; visit returns OK to go on; what else it returns is returned. ERR_FULL: no memory.
 * Hashes nothing. */
typedef enum err (*btc_tx_visit)(
	void *ctx, uint32_t index, const struct btc_tx *tx, const struct hash256 *txid);
MUST_USE enum err btc_block_visit(const struct btc_block *b, btc_tx_visit visit, void *ctx);
/* Zero where count is 0. */
NONNULL_ALL void btc_merkle_root(
	struct hash256 *out, struct hash256 *leaf, size_t count); /* scratches leaf */

#endif
