/* wire/elements_sighash: Taproot on Elements: its tags, its leaf version, what a signature covers.
 *
 * Purpose: the counterpart of btc/sighash. The message has the chain's genesis block twice, so that
 * a signature is good on one chain only; for each input its flags, the asset and value that it
 * spends as they stand in that output, and its issuance; for each output all its fields and its
 * proofs. A transaction is blinded before it is signed.
 * Invariants: SIGHASH_DEFAULT, no annex. Threads: pure. Ownership: borrows during the call.
 * What it must not do: know the swap tree (btc_htlc_tree_by with elements_taproot makes it).
 *
 * Source: Elements 23.3, doc/taproot-sighash.mediawiki and script/interpreter.cpp; BIP-341.
 */
#ifndef WIRE_ELEMENTS_SIGHASH_H
#define WIRE_ELEMENTS_SIGHASH_H
#include "btc/script.h"
#include "wire/elements_tx.h"

#define ELEMENTS_LEAF_VERSION 0xc4u /* any other, Bitcoin's too, is for anyone to spend */
extern const struct btc_taproot elements_taproot;

/* What all inputs share. */
struct elements_sighash_cache {
	struct hash256 flags, prevouts, spent_fields, scripts, sequences;
	struct hash256 issuances, issuance_proofs;
	struct hash256 outputs, output_proofs;
};

/* spent[i] is the output that input i spends; in_count of them; of each asset, value and script are
 * read. */
NONNULL_ALL void elements_sighash_prepare(struct elements_sighash_cache *cache,
	const struct elements_tx *tx, const struct elements_txout *spent);
/* genesis: the hash of the chain's first block. */
NONNULL_ALL void elements_sighash_key_path(struct hash256 *out,
	const struct elements_sighash_cache *cache, const struct hash256 *genesis,
	const struct elements_tx *tx, uint32_t input);
/* leaf: its hash (code separator none). */
NONNULL_ALL void elements_sighash_script_path(struct hash256 *out,
	const struct elements_sighash_cache *cache, const struct hash256 *genesis,
	const struct elements_tx *tx, uint32_t input, const struct hash256 *leaf);

#endif
