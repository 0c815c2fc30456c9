/* node/effect_plan: what a signer (a channel's node) is asked for an effect, from the ledger alone:
 * the same request whenever it is made again, so that the signer knows it. Pure.
 *
 * Threads: the engine's. What it must not do: choose. Coins, fee, nonce and payees are the
 * journal's.
 */
#ifndef NODE_EFFECT_PLAN_H
#define NODE_EFFECT_PLAN_H
#include "layer/layer.h"
#include "ledger/ledger.h"
#include "wire/sweep.h"

/* CHANNEL: from the decision to pay until no attempt begins any more. Routes are found within
 * seconds, or not; the client's own payment is held meanwhile. */
#define EFFECT_PAY_MS 600000u

/* The encoded request, or on layers of channels the command, for the variant that is wanted now;
 * fee: what it pays at most. Errors as layer_build. */
MUST_USE NONNULL_ALL enum err effect_request(
	struct buf *out, struct amount *fee, const struct ledger *l, const struct effect *f);

/* The same for an external effect (effect_external), decoded; it borrows from storage. txid: of the
 * transaction, signed or not. */
MUST_USE NONNULL_ALL enum err effect_external_request(struct signing_request *out,
	struct hash256 *txid, struct amount *fee, uint8_t storage[SIGNING_REQUEST_MAX],
	const struct ledger *l, const struct effect *f);

/* What an effect that sweeps is made of, once its intent is there; the destination is borrowed from
 * the ledger. */
NONNULL_ALL void effect_sweep(struct sweep *out, const struct ledger *l, const struct effect *f);

#endif
