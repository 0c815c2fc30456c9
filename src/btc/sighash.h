/* btc/sighash: BIP-341 and BIP-143 signature hashes. Pure; precomputes what all inputs share. */
#ifndef BTC_SIGHASH_H
#define BTC_SIGHASH_H
#include "btc/tx.h"

struct btc_sighash_cache {
	struct hash256 prevouts, amounts, scripts, sequences, outputs;
};

/* spent[i] is the output that input i spends; in_count of them. */
NONNULL_ALL void btc_sighash_prepare(
	struct btc_sighash_cache *cache, const struct btc_tx *tx, const struct btc_txout *spent);
/* What BIP-342 adds to the message of a script path: the leaf, no code separator. */
#define BTC_SIGHASH_EXTENSION_SIZE 37u
NONNULL_ALL void btc_sighash_put_extension(struct buf *message, const struct hash256 *leaf);
/* SIGHASH_DEFAULT, no annex. leaf NULL: key path; otherwise the tapleaf hash (code separator none).
 */
NONNULL_ALL void btc_sighash_key_path(struct hash256 *out, const struct btc_sighash_cache *cache,
	const struct btc_tx *tx, uint32_t input);
NONNULL_ALL void btc_sighash_script_path(struct hash256 *out, const struct btc_sighash_cache *cache,
	const struct btc_tx *tx, uint32_t input, const struct hash256 *leaf);

/* BIP-143, of an input that spends a witness program of version 0, for SIGHASH_ALL. code: its
 * script code. */
NONNULL_ALL void btc_sighash_v0(struct hash256 *out, const struct btc_sighash_cache *cache,
	const struct btc_tx *tx, uint32_t input, struct slice code, struct sat value);

#endif
