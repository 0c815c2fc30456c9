/* layer/lightning/cln: Core Lightning's answers. Pure; see lightning.h.
 *
 * Bytes are hex, amounts numbers of millisatoshis. It has no hold invoices of its own, so it pays
 * and does not hold; and no stream: a payment is looked for by its parts (listsendpays). While a
 * `pay` command may still run it makes new parts when old ones have failed, which its answers do
 * not tell.
 * Source: Core Lightning's doc/schemas: getinfo, listsendpays, listpeerchannels, pay; clnrest for
 * the form of its errors.
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
/* listpeerchannels. */
MUST_USE NONNULL_ALL enum err cln_balance_parse(struct ln_balance *out, struct slice body);
MUST_USE NONNULL_ALL enum err cln_channels_parse(struct ln_channels *out, struct slice body);
MUST_USE NONNULL_ALL enum err cln_limbo_parse(struct msat *out, struct slice body);

/* An error; never OK. ERR_REJECTED: pay has ended without success and tries no more: its parts tell
 * whether anything is in flight; ERR_EXISTS: paid already, otherwise; ERR_DENIED: the rune; ERR_IO
 * anything else: whether something was done is not known. *failure: for ERR_REJECTED. */
MUST_USE NONNULL_ALL enum err cln_refusal_parse(
	enum ln_failure *failure, char detail[LN_DETAIL_SIZE], struct slice body);

#endif
