/* crypto/merkle_log: the Merkle tree of a log (RFC 9162, section 2.1): its frontier, proofs that an
 * entry is in it, proofs that a longer log continues a shorter one, and their verification. Pure.
 *
 * The hash of a leaf is SHA-256 of 0x00 and the entry, that of a node SHA-256 of 0x01 and its two
 * children, the root of an empty log SHA-256 of nothing. A node has a *level* (0: leaves) and an
 * *index* in it, and is *complete* where all of its leaves [index << level, (index + 1) << level)
 * are there. A complete node never changes again: those are what a store keeps, and what proofs
 * are made from; the few incomplete ones on the right edge are computed.
 *
 * Verification trusts nothing: the length of a proof follows from index and sizes, another length
 * is refused before anything is hashed, and no more than MERKLE_PROOF_MAX nodes are looked at. What
 * it does not show: that a root is of a log of just that size, since logs of several sizes may have
 * proofs of the same shape. A size is to be trusted only together with its root.
 *
 * Threads: safe from any on its own arguments. Nothing is allocated. */
#ifndef CRYPTO_MERKLE_LOG_H
#define CRYPTO_MERKLE_LOG_H
#include "base/base.h"

#define MERKLE_LEVELS_MAX 63u
#define MERKLE_SIZE_MAX (UINT64_C(1) << 62) /* leaves of a log */
#define MERKLE_PROOF_MAX 64u                /* nodes of a proof, of either kind */
#define MERKLE_FRONTIER_SIZE_MAX (8u + MERKLE_LEVELS_MAX * 32u)

NONNULL_ALL void merkle_leaf_hash(struct hash256 *out, struct slice entry);
/* Of an entry that lies in several pieces. */
NONNULL_ALL void merkle_leaf_hash_parts(
	struct hash256 *out, const struct slice *part, size_t count);
/* Of many: two at once, where the CPU can. */
NONNULL_ALL void merkle_leaf_hash_many(
	struct hash256 *out, const struct slice *entry, size_t count);
NONNULL_ALL void merkle_node_hash(
	struct hash256 *out, const struct hash256 *left, const struct hash256 *right);

/* What a log has to remember to be continued: for each bit that is set in its size, the complete
 * node of that level that is furthest right. */
struct merkle_frontier {
	uint64_t size;
	struct hash256 node[MERKLE_LEVELS_MAX];
};

NONNULL_ALL void merkle_frontier_init(struct merkle_frontier *f);
/* CHECKs MERKLE_SIZE_MAX. Afterwards node[0] to node[L], where L is the number of zero bits that
 * the new size ends with, are the nodes that this leaf has completed; the one of level k has index
 * (size >> k) - 1. */
NONNULL_ALL void merkle_frontier_push(struct merkle_frontier *f, const struct hash256 *leaf);
/* Many in order, where they are overwritten. As that many pushes, but for what else is in node[].
 */
NONNULL_ALL void merkle_frontier_push_many(
	struct merkle_frontier *f, struct hash256 *leaf, size_t count);
NONNULL_ALL void merkle_frontier_root(struct hash256 *out, const struct merkle_frontier *f);
/* Size (8 bytes, little-endian), then the nodes of its set bits from the highest level down.
 * Returns the length. */
NONNULL_ALL size_t merkle_frontier_encode(
	uint8_t out[MERKLE_FRONTIER_SIZE_MAX], const struct merkle_frontier *f);
/* The whole of in. ERR_SHORT, ERR_FORMAT. */
MUST_USE NONNULL_ALL enum err merkle_frontier_decode(struct merkle_frontier *out, struct slice in);

/* Where the makers of proofs find complete nodes. What it answers other than OK is passed on. */
struct merkle_reader {
	enum err (*node)(void *ctx, struct hash256 *out, unsigned level, uint64_t index);
	void *ctx;
};

struct merkle_proof {
	size_t count;
	struct hash256 node[MERKLE_PROOF_MAX]; /* in RFC 9162's order: from the leaves up */
};

/* The root of the first size leaves. ERR_RANGE over MERKLE_SIZE_MAX. */
MUST_USE NONNULL_ALL enum err merkle_root(
	struct hash256 *out, uint64_t size, const struct merkle_reader *nodes);
/* That the leaf is in the log of the first size leaves. Reads at most two nodes for each level.
 * ERR_RANGE: index >= size. */
MUST_USE NONNULL_ALL enum err merkle_inclusion_prove(
	struct merkle_proof *out, uint64_t index, uint64_t size, const struct merkle_reader *nodes);
/* That the log of `to` leaves begins with the log of `from` leaves. Of an empty log, and of a log
 * with itself, the proof is empty. ERR_RANGE: from > to. */
MUST_USE NONNULL_ALL enum err merkle_consistency_prove(
	struct merkle_proof *out, uint64_t from, uint64_t to, const struct merkle_reader *nodes);

/* ERR_RANGE: index and size do not belong together. ERR_FORMAT: no such proof has so many nodes.
 * ERR_CHECKSUM: it proves something else. */
MUST_USE NONNULL_ALL enum err merkle_inclusion_verify(const struct merkle_proof *proof,
	const struct hash256 *leaf, uint64_t index, uint64_t size, const struct hash256 *root);
/* Same errors. */
MUST_USE NONNULL_ALL enum err merkle_consistency_verify(const struct merkle_proof *proof,
	uint64_t from, const struct hash256 *from_root, uint64_t to, const struct hash256 *to_root);

#endif
