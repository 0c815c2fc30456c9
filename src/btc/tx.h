/* btc/tx: Bitcoin transactions: parse, serialise, ids, weight. Pure.
 * Source: BIP-144; consensus limits of Bitcoin Core. Slices borrow from the parsed bytes. */
#ifndef BTC_TX_H
#define BTC_TX_H
#include "base/amount.h"
#include "btc/codec.h"

struct btc_outpoint {
	struct hash256 txid; /* hashing order */
	uint32_t index;
};

struct btc_txin {
	struct btc_outpoint prev;
	struct slice script_sig;
	uint32_t sequence;
	struct slice witness; /* raw stack: compact count, then (compact length, bytes) each; empty:
				 none */
};

struct btc_txout {
	struct sat value;
	struct slice script;
};

struct btc_tx {
	uint32_t version;
	uint32_t locktime;
	struct btc_txin *in; /* borrows: the caller's array */
	uint32_t in_count;
	struct btc_txout *out;
	uint32_t out_count;
};

#define BTC_WITNESS_ITEM_MAX 500u /* items in a stack that we look at; more is not ours */

/* Parse one transaction at the start of in, with or without witnesses. tx->in and tx->out are the
 * caller's arrays with room for in_max and out_max. OK *used bytes were consumed; ERR_SHORT;
 * ERR_FORMAT (also where only more than BTC_TX_SIZE_MAX bytes could help); ERR_FULL more inputs or
 * outputs than room; ERR_RANGE outputs of over 21 million, one or together. On failure the two
 * arrays may have been written to. */
MUST_USE NONNULL_ALL enum err btc_tx_parse(
	struct btc_tx *tx, size_t *used, uint32_t in_max, uint32_t out_max, struct slice in);
/* With witnesses when any input has one. Overflow is remembered in out. */
NONNULL_ALL void btc_tx_put(struct buf *out, const struct btc_tx *tx);
NONNULL_ALL void btc_sink_txout(struct btc_sink *s, const struct btc_txout *out);
NONNULL_ALL void btc_tx_put_stripped(struct buf *out, const struct btc_tx *tx);
/* The hash that outpoints name: of the serialisation without witnesses. */
NONNULL_ALL void btc_tx_id(struct hash256 *out, const struct btc_tx *tx);
NONNULL_ALL uint64_t btc_tx_weight(const struct btc_tx *tx);
NONNULL_ALL uint64_t btc_tx_vsize(const struct btc_tx *tx); /* weight / 4, rounded up */
NONNULL_ALL bool btc_tx_is_coinbase(const struct btc_tx *tx);

/* Item `index` of a raw witness stack; .ptr NULL where there is none, the stack is malformed or has
 * more than BTC_WITNESS_ITEM_MAX items. */
struct slice btc_witness_item(struct slice witness, uint32_t index);
/* The number of items; 0 also where malformed. */
uint32_t btc_witness_count(struct slice witness);

#endif
