/* layer/utxo/payment: Bitcoin's side of layer_payment_parse and layer_payment_uri. Pure. */
#ifndef LAYER_UTXO_PAYMENT_H
#define LAYER_UTXO_PAYMENT_H
#include "layer/layer.h"

MUST_USE NONNULL_ALL enum err bitcoin_payment_parse(
	const struct network *network, struct layer_payment *out, struct slice text);
MUST_USE NONNULL_ALL enum err bitcoin_payment_uri(const struct network *network, struct buf *out,
	struct slice destination, struct amount amount);

#endif
