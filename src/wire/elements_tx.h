/* wire/elements_tx: transactions of Elements, the software of Liquid: parse, serialise, ids,
 * weight.
 *
 * Purpose: what Bitcoin's btc/tx is, for a chain on which an output has an asset, and asset, value
 * and nonce may be commitments; inputs may issue assets or bring coins in from Bitcoin (peg-in);
 * the fee is an output.
 * Invariants: what parses is written back as the same bytes; an index has no flags in it; outputs
 * have an asset and a value; an explicit value is at most 21 million coins, whatever its asset.
 * Commitments and proofs are carried, not verified.
 * Threads: pure. Ownership: slices borrow from the parsed bytes, arrays are the caller's.
 * What it must not do: decide what an asset is worth, or believe a commitment.
 *
 * Source: Elements 23.3 (primitives/transaction.h, confidential.h, policy/discount.h); ELIP 200 for
 * the discount.
 */
#ifndef WIRE_ELEMENTS_TX_H
#define WIRE_ELEMENTS_TX_H
#include "btc/tx.h"

/* An asset, a value or a nonce as it stands in a transaction: a prefix, which says how many bytes
 * follow. Bytes that a prefix does not ask for are zero, so that equal fields are equal bytes. */
#define ELEMENTS_FIELD_SIZE 33u
struct elements_asset {
	uint8_t b[ELEMENTS_FIELD_SIZE];
};
struct elements_value {
	uint8_t b[ELEMENTS_FIELD_SIZE];
};
#define ELEMENTS_VALUE_COMMITMENT 0x08u /* the prefix of a value that is one; or the next */
struct elements_nonce {
	uint8_t b[ELEMENTS_FIELD_SIZE];
};

enum elements_form {
	ELEMENTS_NULL,       /* prefix 0, nothing follows */
	ELEMENTS_EXPLICIT,   /* prefix 1: an asset's id, eight bytes of a number, 32 bytes */
	ELEMENTS_COMMITMENT, /* one of the kind's two other prefixes and 32 bytes: a point */
};
NONNULL_ALL enum elements_form elements_asset_form(const struct elements_asset *a);
NONNULL_ALL enum elements_form elements_value_form(const struct elements_value *v);
NONNULL_ALL enum elements_form elements_nonce_form(const struct elements_nonce *n);
/* The bytes that stand in a transaction; borrows. */
NONNULL_ALL struct slice elements_asset_bytes(const struct elements_asset *a);
NONNULL_ALL struct slice elements_value_bytes(const struct elements_value *v);
NONNULL_ALL struct slice elements_nonce_bytes(const struct elements_nonce *n);

/* Explicit fields. Ids of assets are in hashing order, the reverse of how tools print them. */
NONNULL_ALL struct elements_asset elements_asset_of(const struct hash256 *id);
struct elements_value elements_value_of(struct sat value);
/* false where the field is not explicit. */
MUST_USE NONNULL_ALL bool elements_asset_read(struct hash256 *id, const struct elements_asset *a);
MUST_USE NONNULL_ALL bool elements_value_read(struct sat *value, const struct elements_value *v);

/* A new asset, or more of one. Proofs of explicit amounts are empty. */
struct elements_issuance {
	struct hash256 nonce;   /* zero for a new asset; else the blinder of the token spent */
	struct hash256 entropy; /* what a new asset's contract hashes to, or the asset's entropy */
	struct elements_value amount; /* null: none */
	struct elements_value tokens; /* that allow to issue more; null: none */
	struct slice amount_proof;
	struct slice tokens_proof;
};

#define ELEMENTS_INDEX_MAX 0x3fffffffu /* of an outpoint: the two bits above are flags */

struct elements_txin {
	struct btc_outpoint prev;
	struct slice script_sig;
	uint32_t sequence;
	bool pegin;  /* prev is an output on Bitcoin, which pegin_witness proves */
	bool issues; /* issuance is there; not both of its amounts are null */
	struct elements_issuance issuance;
	struct slice witness; /* raw stacks, as struct btc_txin has it */
	struct slice pegin_witness;
};

struct elements_txout {
	struct elements_asset asset;
	struct elements_value value;
	struct elements_nonce
		nonce;       /* of a blinded output: the sender's point for the shared key */
	struct slice script; /* empty, all explicit: a fee */
	struct slice surjection_proof;
	struct slice range_proof;
};

struct elements_tx {
	uint32_t version;
	uint32_t locktime;
	struct elements_txin *in; /* borrows: the caller's array */
	uint32_t in_count;
	struct elements_txout *out;
	uint32_t out_count;
};

/* Parse one transaction at the start of in. tx->in and tx->out are the caller's arrays with room
 * for in_max and out_max. OK: *used bytes were consumed. ERR_SHORT; ERR_FORMAT (also where only
 * more than BTC_TX_SIZE_MAX bytes could help); ERR_FULL: more inputs or outputs than room;
 * ERR_RANGE: an explicit value over 21 million coins. On failure the arrays may have been written.
 */
MUST_USE NONNULL_ALL enum err elements_tx_parse(
	struct elements_tx *tx, size_t *used, uint32_t in_max, uint32_t out_max, struct slice in);
/* With witnesses and proofs when there are any. Overflow is remembered in out. */
NONNULL_ALL void elements_tx_put(struct buf *out, const struct elements_tx *tx);
NONNULL_ALL void elements_tx_put_stripped(struct buf *out, const struct elements_tx *tx);
/* The hash that outpoints name: without witnesses and proofs, but with commitments. */
NONNULL_ALL void elements_tx_id(struct hash256 *out, const struct elements_tx *tx);
/* The hash of all of it. */
NONNULL_ALL void elements_tx_wtxid(struct hash256 *out, const struct elements_tx *tx);
NONNULL_ALL uint64_t elements_tx_weight(const struct elements_tx *tx);
NONNULL_ALL uint64_t elements_tx_vsize(const struct elements_tx *tx); /* weight / 4, rounded up */
/* As nodes count it that give confidential outputs for the price of explicit ones. */
NONNULL_ALL uint64_t elements_tx_discount_weight(const struct elements_tx *tx);
NONNULL_ALL uint64_t elements_tx_discount_vsize(const struct elements_tx *tx);
NONNULL_ALL bool elements_tx_is_coinbase(const struct elements_tx *tx);
NONNULL_ALL bool elements_txout_is_fee(const struct elements_txout *out);

/* What other hashes and sizes are made of. */
NONNULL_ALL void elements_sink_issuance(
	struct btc_sink *s, const struct elements_issuance *issuance);
NONNULL_ALL void elements_sink_issuance_proofs(
	struct btc_sink *s, const struct elements_issuance *issuance);
NONNULL_ALL void elements_sink_txout(struct btc_sink *s, const struct elements_txout *out);
NONNULL_ALL void elements_sink_txout_proofs(struct btc_sink *s, const struct elements_txout *out);

#endif
