/* wire/utxo_tx: a transaction of ours on a layer of coins, before and after it is signed.
 *
 * Purpose: who checks what is to be signed and who puts signatures in read it alike on every such
 * layer: as one of Bitcoin's, with outpoints, scripts and values of the layer's asset.
 * Invariants: on Liquid every output is explicit and of L-BTC as it is read, the last one and no
 * other is the fee, nothing is issued and nothing comes in from Bitcoin; the view is without the
 * fee's output. Outputs with a receiver's key are blinded before anything is hashed, by a seed:
 * what was checked explicitly is what is signed, whoever does it. If there is one of them, or none
 * and a confidential coin is spent, one of nothing lies beside, which the view is without, too; not
 * beside the one that balances confidential coins. What is written back has the bytes that were
 * read, blinded, and witnesses. Threads: pure. Ownership: slices borrow from the bytes read; a
 * struct utxo_tx points into itself. What it must not do: decide whether the transaction may be
 * signed.
 */
#ifndef WIRE_UTXO_TX_H
#define WIRE_UTXO_TX_H
#include "btc/build.h"
#include "btc/sighash.h"
#include "wire/elements_blind.h"
#include "wire/elements_sighash.h"

#define UTXO_OUTPUT_MAX (BTC_PAYEE_MAX + 3u) /* payees, change; Liquid's beside and fee */
#define UTXO_BLINDED_MAX 4u

struct utxo_tx {
	const struct network *network;
	struct btc_tx tx; /* the view; witnesses that are set in it are written */
	struct btc_txin in[BTC_INPUT_MAX];
	struct btc_txout out[UTXO_OUTPUT_MAX];
	bool states_fee;
	struct sat fee; /* where it does */
	struct {
		struct elements_tx tx;
		struct elements_txin in[BTC_INPUT_MAX];
		struct elements_txout out[UTXO_OUTPUT_MAX];
		uint32_t blinded; /* outputs that are to be, the one beside included */
		bool beside;      /* there is one */
		uint8_t proofs[UTXO_BLINDED_MAX * ELEMENTS_PROOFS_MAX];
	} elements; /* Liquid */
	union {
		struct btc_sighash_cache btc;
		struct elements_sighash_cache elements;
	} cache;
};

/* ERR_FORMAT: not one whole unsigned transaction that fulfils the above; ERR_FULL: more inputs or
 * outputs than ours have. */
MUST_USE NONNULL_ALL enum err utxo_tx_open(
	struct utxo_tx *u, const struct network *network, struct slice raw);
/* Does output i of the view pay to this destination? */
NONNULL_ALL bool utxo_tx_pays(const struct utxo_tx *u, uint32_t i, struct slice destination);
/* What each input spends, before the hashes are asked for; what is to be blinded is, by the seed.
 * hidden: the blinders of each; NULL: all are explicit. ERR_FORMAT: something is to be blinded, and
 * there is no seed, or it can't be; of confidential coins nothing is; something lies beside that
 * need not, or does not and has to. */
MUST_USE enum err utxo_tx_spends(struct utxo_tx *u, const struct btc_txout *spent,
	const struct blinders *hidden, const struct hash256 *seed);
NONNULL_ALL void utxo_tx_key_path(struct hash256 *out, const struct utxo_tx *u, uint32_t input);
NONNULL_ALL void utxo_tx_script_path(
	struct hash256 *out, const struct utxo_tx *u, uint32_t input, const struct hash256 *leaf);
/* With witnesses, and its id. Overflow is remembered in raw. */
NONNULL_ALL void utxo_tx_put(struct buf *raw, struct hash256 *txid, struct utxo_tx *u);

#endif
