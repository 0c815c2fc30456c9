/* wire/elements_view: a transaction of Elements as one of Bitcoin's, of one asset.
 *
 * Purpose: whatever looks at outpoints, witnesses, scripts and values reads both chains alike.
 * Invariants: an output has a value in the view only where asset and value are explicit, and the
 * asset is the one asked for; an input that brings coins in from Bitcoin spends nothing that is on
 * this chain, and names nothing in the view.
 * Threads: pure. Ownership: arrays are the caller's; slices borrow from the transaction's.
 * What it must not do: hash or serialise the view: its id is that of the transaction.
 */
#ifndef WIRE_ELEMENTS_VIEW_H
#define WIRE_ELEMENTS_VIEW_H
#include "wire/elements_tx.h"

/* The output holds the asset, and says how much. */
MUST_USE NONNULL_ALL bool elements_txout_holds(
	struct sat *value, const struct elements_txout *out, const struct hash256 *asset);

/* in and out have room for the transaction's. Outputs of another asset, or blinded, have value
 * zero.
 */
NONNULL_ALL void elements_view(struct btc_tx *view, struct btc_txin *in, struct btc_txout *out,
	const struct elements_tx *tx, const struct hash256 *asset);

#endif
