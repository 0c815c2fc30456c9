/* btc/htlc: the swap tree on Bitcoin (docs/swap.md).
 *
 * Internal key: H, the point that BIP-341 suggests, tweaked with a hash of the terms, so that
 * nobody knows its logarithm and every swap's output looks different. Leaves (version 0xc0), in a
 * tree of depth 1 and 2: claim        SIZE 32 EQUALVERIFY SHA256 <h> EQUALVERIFY <claim> CHECKSIG
 * depth 1 refund       <refund> CHECKSIGVERIFY <height> CHECKLOCKTIMEVERIFY depth 2 cooperative
 * <client> CHECKSIGVERIFY <provider> CHECKSIG                             depth 2 On the source leg
 * the provider claims and the client refunds; on the destination leg the other way round, so the
 * cooperative leaf's two keys are the claim and the refund key in a fixed order.
 */
#ifndef BTC_HTLC_H
#define BTC_HTLC_H
#include "btc/script.h"
#include "btc/sighash.h"
#include "btc/tx.h"

struct btc_htlc {
	struct hash256 hash; /* SHA-256 of the preimage */
	struct xonly claim;
	struct xonly refund;
	struct xonly client;   /* one of the two above */
	struct xonly provider; /* the other */
	uint32_t timelock; /* a height: the refund can be in a block above it. Below 500,000,000 */
	struct sat amount;
};

#define BTC_HTLC_SIZE 172u /* encoded: the fields in order; timelock le32, amount le64 */
NONNULL_ALL void btc_htlc_put(struct buf *out, const struct btc_htlc *h);
/* ERR_FORMAT: a key not on the curve, client and provider not the claim and refund keys, or a
 * height that is no height. */
MUST_USE NONNULL_ALL enum err btc_htlc_parse(struct btc_htlc *out, struct slice in);

enum btc_htlc_leaf { BTC_LEAF_CLAIM, BTC_LEAF_REFUND, BTC_LEAF_COOPERATIVE, BTC_LEAF_COUNT };

#define BTC_LEAF_SCRIPT_MAX 80u
#define BTC_CONTROL_MAX 97u /* 33 + 32 * depth */

struct btc_htlc_tree {
	struct xonly internal;
	struct xonly output;
	bool odd;
	struct hash256 root;
	uint8_t script_pubkey[34];
	uint8_t leaf[BTC_LEAF_COUNT][BTC_LEAF_SCRIPT_MAX];
	size_t leaf_len[BTC_LEAF_COUNT];
	struct hash256 leaf_hash[BTC_LEAF_COUNT];
	uint8_t control[BTC_LEAF_COUNT][BTC_CONTROL_MAX];
	size_t control_len[BTC_LEAF_COUNT];
};

MUST_USE NONNULL_ALL enum err btc_htlc_tree(struct btc_htlc_tree *out, const struct btc_htlc *h);

/* Witness stacks, raw (as struct btc_txin.witness). */
#define BTC_HTLC_WITNESS_MAX 400u
NONNULL_ALL void btc_htlc_witness_claim(struct buf *out, const struct btc_htlc_tree *tree,
	const uint8_t sig[64], const struct hash256 *preimage);
NONNULL_ALL void btc_htlc_witness_refund(
	struct buf *out, const struct btc_htlc_tree *tree, const uint8_t sig[64]);

/* What a spender of the lock-up did, from its witness: which leaf, and for the claim leaf the
 * preimage, found by its hash and never by its position (HAZARDS 20). */
enum btc_htlc_spend { BTC_SPEND_CLAIM, BTC_SPEND_REFUND, BTC_SPEND_OTHER };
NONNULL_ALL enum btc_htlc_spend btc_htlc_read_spend(
	struct hash256 *preimage, const struct btc_htlc *h, struct slice witness);

#endif
