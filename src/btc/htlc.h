/* btc/htlc: the swap tree on Bitcoin, and on chains that have Taproot from it (docs/swap.md).
 *
 * Internal key: H, the point that BIP-341 suggests, plus H_"sluice/htlc"(terms) G, so that nobody
 * knows its logarithm and every swap's output looks different. The terms are the encoding below
 * without the amount: the script does not change where somebody pays too much or too little, so
 * that every lock-up can be refunded.
 *
 * Leaves, of the version that the chain has (0xc0; on Elements 0xc4):
 *   claim        SIZE 32 EQUALVERIFY SHA256 <h> EQUALVERIFY <claim> CHECKSIG      depth 1
 *   refund       <refund> CHECKSIGVERIFY <height> CHECKLOCKTIMEVERIFY             depth 2
 *   cooperative  <client> CHECKSIGVERIFY <provider> CHECKSIG                      depth 2
 * On the source leg the provider claims and the client refunds; on the destination leg the other
 * way round, so the cooperative leaf's two keys are the claim and the refund key in a fixed order.
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
	uint32_t timelock; /* a height: the refund can be in a block above it. 1 to 499,999,999 */
	struct sat amount; /* agreed; a spend of a lock-up with another amount puts that here */
};

#define BTC_TIMELOCK_MAX 499999999u /* above, consensus reads a time */

#define BTC_HTLC_SIZE 172u /* encoded: the fields in order; timelock le32, amount le64 */
NONNULL_ALL void btc_htlc_put(struct buf *out, const struct btc_htlc *h);
/* ERR_SHORT; ERR_FORMAT: trailing bytes, a key not on the curve, client and provider not the claim
 * and refund keys, a height that is no height, no amount; ERR_RANGE: an amount over 21 million. */
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

/* ERR_FORMAT as btc_htlc_parse; ERR_RANGE where the hash of the terms is no scalar (2^-128). */
MUST_USE NONNULL_ALL enum err btc_htlc_tree(struct btc_htlc_tree *out, const struct btc_htlc *h);
/* The same by the rules of another chain. */
MUST_USE NONNULL_ALL enum err btc_htlc_tree_by(
	struct btc_htlc_tree *out, const struct btc_htlc *h, const struct btc_taproot *rules);

/* Witness stacks, raw (as struct btc_txin.witness). */
#define BTC_HTLC_WITNESS_MAX 400u
NONNULL_ALL void btc_htlc_witness_claim(struct buf *out, const struct btc_htlc_tree *tree,
	const uint8_t sig[64], const struct hash256 *preimage);
NONNULL_ALL void btc_htlc_witness_refund(
	struct buf *out, const struct btc_htlc_tree *tree, const uint8_t sig[64]);

NONNULL_ALL void btc_htlc_witness_cooperative(struct buf *out, const struct btc_htlc_tree *tree,
	const uint8_t client_sig[64], const uint8_t provider_sig[64]);

/* What a spender of the lock-up did, from its witness: which leaf, and for the claim leaf the
 * preimage, found by its hash and never by its position (HAZARDS 20). */
enum btc_htlc_spend { BTC_SPEND_CLAIM, BTC_SPEND_REFUND, BTC_SPEND_OTHER };
NONNULL_ALL enum btc_htlc_spend btc_htlc_read_spend(
	struct hash256 *preimage, const struct btc_htlc *h, struct slice witness);

#endif
