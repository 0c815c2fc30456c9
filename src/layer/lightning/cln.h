/* layer/lightning/cln: Core Lightning's answers. Pure; see lightning.h.
 *
 * Bytes are hex, amounts numbers of millisatoshis. There is no stream: a payment is looked for by
 * its parts (listsendpays). While a `pay` command may still run it makes new parts when old ones
 * have failed, which its answers do not tell.
 * It has no hold invoices of its own; the plugin `hold` has, in a database of its own. What that
 * says of an HTLC is what it has told the node to do or not to do, so what is held is what the
 * node, too, still waits for a word about (HAZARDS 30), and what the plugin calls settled is when
 * the node waits no more. Its own command for an invoice knows no expiry and no final CLTV: the
 * invoice is written here, signed by the node (signinvoice) and given to the plugin. It gives up
 * what it holds hold-expiry-deadline blocks before it expires (HAZARDS 49).
 * Source: Core Lightning's doc/schemas: getinfo, listsendpays, listpeerchannels, pay, signinvoice,
 * listconfigs; clnrest for the form of its errors; the plugin's commands (BoltzExchange/hold 0.3).
 */
#ifndef LAYER_LIGHTNING_CLN_H
#define LAYER_LIGHTNING_CLN_H
#include "layer/lightning/lightning.h"

/* Each: the result of a command. Errors and *out as in lnd.h. */
MUST_USE NONNULL_ALL enum err cln_info_parse(struct ln_info *out, struct slice body);
/* listsendpays with this payment_hash. more_may_come: a pay command for it may be running still;
 * then it is in flight even if every part has failed. ERR_NOT_FOUND: there are no parts. */
MUST_USE NONNULL_ALL enum err cln_payment_parse(
	struct ln_payment *out, const struct hash256 *hash, bool more_may_come, struct slice body);
/* listholdinvoices with this payment_hash: what the plugin says, which holds nothing before it was
 * confirmed. ERR_NOT_FOUND: there is none. */
MUST_USE NONNULL_ALL enum err cln_invoice_parse(
	struct ln_invoice *out, const struct hash256 *hash, struct slice body);
/* Whether the node has to be asked about HTLCs of it. */
NONNULL_ALL bool cln_invoice_doubtful(const struct ln_invoice *in);
/* listpeerchannels, asked after that: what the node itself waits for. */
MUST_USE NONNULL_ALL enum err cln_invoice_confirm(struct ln_invoice *in, struct slice body);
/* signinvoice: the request. */
MUST_USE NONNULL_ALL enum err cln_signed_parse(char out[BOLT11_TEXT_MAX + 1], struct slice body);
/* injectholdinvoice, settleholdinvoice, cancelholdinvoice: done. */
MUST_USE NONNULL_ALL enum err cln_done_parse(struct slice body);
/* listconfigs with hold-expiry-deadline. ERR_UNAVAILABLE: it is not within 1 and most. */
MUST_USE NONNULL_ALL enum err cln_deadline_parse(
	char detail[LN_DETAIL_SIZE], uint32_t most, struct slice body);
/* listpeerchannels. */
MUST_USE NONNULL_ALL enum err cln_balance_parse(struct ln_balance *out, struct slice body);
MUST_USE NONNULL_ALL enum err cln_channels_parse(struct ln_channels *out, struct slice body);
MUST_USE NONNULL_ALL enum err cln_limbo_parse(struct ln_limbo *out, struct slice body);

/* An error; never OK. ERR_REJECTED: pay has ended without success and tries no more: its parts tell
 * whether anything is in flight; ERR_EXISTS: paid already, otherwise, or an invoice of that hash is
 * there; ERR_NOT_FOUND: none is; ERR_STATE: it has ended, or holds nothing; ERR_DENIED: the rune;
 * ERR_UNAVAILABLE: nobody knows that command, nothing was done; ERR_IO anything else: whether
 * something was done is not known. *failure: for ERR_REJECTED. */
MUST_USE NONNULL_ALL enum err cln_refusal_parse(
	enum ln_failure *failure, char detail[LN_DETAIL_SIZE], struct slice body);

#endif
