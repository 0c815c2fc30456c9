/* wire/utxo_build: the transactions of btc/build on whatever layer of coins: a payment from own
 * coins, a spend of a lock-up, to outputs of the layer's asset.
 *
 * Payees' scripts are destinations: on Liquid they may be ones that are to be blinded. Change of
 * confidential coins is, change of explicit ones is explicit.
 * Threads: pure. Ownership: borrows during the call.
 * Errors and meaning as btc_build_payment and btc_build_spend_to; ERR_STATE: a confidential coin,
 * and nothing to blind change by. On Liquid what is below the dust
 * limit goes to the fee, too, and the fee is an output.
 */
#ifndef WIRE_UTXO_BUILD_H
#define WIRE_UTXO_BUILD_H
#include "base/network.h"
#include "btc/build.h"

MUST_USE NONNULL_ALL enum err utxo_build_payment(struct buf *raw, struct sat *change,
	const struct network *network, const struct btc_payment *p);

MUST_USE NONNULL_ALL enum err utxo_build_spend(struct buf *raw, struct sat *value,
	const struct network *network, const struct btc_htlc *h, const struct btc_outpoint *at,
	enum btc_htlc_leaf leaf, struct slice to_script, uint64_t rate_sat_kvb,
	uint32_t tip_height);

/* The destination's address. Errors as btc_address_format. */
#define UTXO_ADDRESS_TEXT_SIZE 135u
MUST_USE NONNULL_ALL enum err utxo_address_format(
	char text[UTXO_ADDRESS_TEXT_SIZE], const struct network *network, struct slice destination);
/* What an output to this destination weighs, with what has to lie beside it. */
uint64_t utxo_output_weight(enum layer_id layer, size_t destination_len);
/* What is at most to be added where confidential coins are spent: their change is blinded, or
 * something lies beside in its place. blinded: so is a payee, and that was counted. */
uint64_t utxo_hidden_weight(enum layer_id layer, bool blinded);
/* The longest destination: an output script, on Liquid behind the key that it is blinded for. */
size_t utxo_destination_max(enum layer_id layer);
/* It is blinded: then it leaves alone, since its proofs are as large as fifty other outputs. */
bool utxo_destination_blinded(enum layer_id layer, size_t destination_len);

/* The least that nodes relay, of an output of this script. */
NONNULL_ALL struct sat utxo_dust_limit(const struct network *network, struct slice script);

#endif
