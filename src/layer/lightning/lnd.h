/* layer/lightning/lnd: lnd's REST answers. Pure; see lightning.h.
 *
 * Bytes are base64 in its JSON and hex in payments; 64-bit integers are strings of digits. An error
 * is `{"code", "message", "details"}`, on streams inside `{"error": ..}`; what its HTTP status and
 * code mean is told by its words: a bad macaroon is status 500 with code 2, as is a starting node.
 * Source: lnd v0.21, lnrpc, routerrpc, invoicesrpc (.proto); tests/vectors/lnd.json.
 */
#ifndef LAYER_LIGHTNING_LND_H
#define LAYER_LIGHTNING_LND_H
#include "layer/lightning/lightning.h"

/* Each: the body of an answer with status 200. ERR_FORMAT: it can't be right; ERR_NETWORK: a
 * network that is not known, or no Bitcoin; ERR_FULL: over a bound, no memory. On failure *out is
 * undefined. */
MUST_USE NONNULL_ALL enum err lnd_info_parse(struct ln_info *out, struct slice body);
/* POST /v2/invoices/hodl: the request that was made. */
MUST_USE NONNULL_ALL enum err lnd_request_parse(char out[BOLT11_TEXT_MAX + 1], struct slice body);
/* GET /v1/invoice/.., /v2/invoices/lookup. */
MUST_USE NONNULL_ALL enum err lnd_invoice_parse(struct ln_invoice *out, struct slice body);
/* GET /v1/balance/channels. */
MUST_USE NONNULL_ALL enum err lnd_balance_parse(struct ln_balance *out, struct slice body);
/* GET /v1/channels; adds to what is there. */
MUST_USE NONNULL_ALL enum err lnd_channels_parse(struct ln_channels *out, struct slice body);
/* GET /v1/channels/pending: what is ours in channels that are being closed. */
MUST_USE NONNULL_ALL enum err lnd_limbo_parse(struct ln_limbo *out, struct slice body);
/* POST /v2/invoices/settle, /v2/invoices/cancel: done. */
MUST_USE NONNULL_ALL enum err lnd_done_parse(struct slice body);

/* One line of a stream; as above, and where it holds an error what lnd_refusal_parse returns for
 * it. */
MUST_USE NONNULL_ALL enum err lnd_payment_line(
	struct ln_payment *out, char detail[LN_DETAIL_SIZE], struct slice line);
MUST_USE NONNULL_ALL enum err lnd_invoice_line(
	struct ln_invoice *out, char detail[LN_DETAIL_SIZE], struct slice line);

/* The body of an answer with any other status; never OK. ERR_NOT_FOUND no such payment or invoice;
 * ERR_EXISTS the hash is used, or paid, already; ERR_STATE the payment is under way, the invoice is
 * in another state; ERR_DENIED the macaroon; ERR_UNAVAILABLE it is starting, nothing was done;
 * ERR_IO anything else: whether something was done is not known. detail: the node's words. */
MUST_USE NONNULL_ALL enum err lnd_refusal_parse(char detail[LN_DETAIL_SIZE], struct slice body);

#endif
