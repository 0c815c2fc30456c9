/* client/fees: what the taker's transactions may cost, and what has to lie ready for them.
 *
 * A rate is satoshi for 1,000 vbytes, or wei for a unit of gas. Where fees are paid in what is
 * moved, a transaction may cost a share of the value that it saves; elsewhere the setting alone
 * bounds it. Pure. Threads: any.
 */
#ifndef CLIENT_FEES_H
#define CLIENT_FEES_H
#include "client/nodes.h"
#include "client/rescue.h"

/* The node's rate (0: not known) within the bounds that are set. */
NONNULL_ALL uint64_t fees_rate_now(const struct layer_params *p, uint64_t rate);
/* The dearest rate that a transaction of this purpose may pay. */
NONNULL_ALL uint64_t fees_rate_cap(
	const struct layer_params *p, enum sign_purpose purpose, struct amount value, bool urgent);
/* Enough more than the last one for nodes to take the replacement; the node's rate where that is
 * more still. */
NONNULL_ALL uint64_t fees_rate_bumped(const struct layer_params *p, uint64_t rate, uint64_t last);

/* Adds what `count` transactions of a purpose cost at most. ERR_RANGE. */
MUST_USE NONNULL_ALL enum err fees_add(struct amount *sum, enum layer_id layer,
	enum sign_purpose purpose, uint64_t rate, uint64_t data_fee, uint64_t count);

/* What has to lie on the account of an ACCOUNT side before we begin, at a rate and a fee for data:
 * for fees, and of the token that is locked; on a layer where both are one asset, the sum is *gas
 * and *value zero. ERR_RANGE. */
MUST_USE NONNULL_ALL enum err fees_funds_needed(struct amount *gas, struct amount *value,
	const struct rescue *r, enum rescue_side side, uint64_t rate, uint64_t data_fee);
/* What the account has less of than that: "gas", "tokens"; NULL: enough. */
NONNULL_ALL const char *fees_funds_missing(
	const struct node_account *account, struct amount gas, struct amount value);
/* Why the account of a side is too poor for the swap; NULL: it is not. Static. */
NONNULL_ALL const char *fees_too_poor(const struct node_account *account, const struct rescue *r,
	enum rescue_side side, uint64_t rate, uint64_t data_fee);

#endif
