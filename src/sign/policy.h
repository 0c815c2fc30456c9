/* sign/policy: what the signer's operator allows: a YAML file, read once.
 *
 * Closed by default: a layer without a section signs nothing, a limit that is not stated is zero
 * for payouts and locks. Claims and refunds bring money home: no amount ever limits them, only what
 * they may pay in fees. Unknown keys are errors, with their line.
 * Threads: the functions are pure; a policy is read-only once made.
 */
#ifndef SIGN_POLICY_H
#define SIGN_POLICY_H
#include "base/buf.h"
#include "wire/evm.h"

#define POLICY_CONTRACT_MAX 8u
#define POLICY_FILE_MAX (64u * 1024u)
#define POLICY_DAY_MS UINT64_C(86400000)

struct policy_layer {
	const struct network *network; /* the one network that is signed for; NULL: none */
	bool any_network;              /* all of them: in one's own process */
	/* Amounts of one transaction, and of the last 24 hours: payouts and locks, with the fees
	 * of everything but claims and refunds. */
	struct amount payout_max;
	struct amount lock_max;
	struct amount day_max;
	/* The fees of claims and refunds of the last 24 hours, but for one of each for a lock that
	 * that was signed here. Where gas is another asset it alone counts in these, and in day_max
	 * what is moved. */
	struct amount rescue_day_max;
	/* The fee of one transaction: at most fee_max; and at most fee_permille of the value that
	 * it moves (rescue_permille for claims and refunds), or fee_small where that is more. */
	struct amount fee_max; /* of fees: in what gas is paid with */
	struct amount fee_small;
	uint64_t fee_permille;
	uint64_t rescue_permille;
	/* UTXO */
	uint64_t feerate_max;     /* satoshi per 1,000 virtual bytes */
	uint64_t lock_blocks_max; /* from the transaction's lock time to the refund; 0: any */
	/* ACCOUNT */
	struct amount gas_price_max;
	uint64_t gas_max;        /* gas of one call */
	uint64_t deploy_gas_max; /* gas of a deployment; 0: no deployments */
	struct evm_address contract[POLICY_CONTRACT_MAX];
	uint32_t contract_count;
	struct evm_address token; /* what is moved on a layer whose gas is another asset */
	bool contract_own;        /* also contracts that this signer's account deployed */
	bool contract_any;     /* also any other: for the taker's own signer, which checks code */
	bool claim_for_others; /* claims that pay a recorded claimant who is not us */
};

struct policy {
	struct policy_layer layer[LAYER_COUNT];
	uint64_t retention_days; /* sessions older than this may be forgotten */
};

struct policy_error {
	char text[200]; /* "line 7: bitcoin.fee_maxx: unknown key" */
};

/* Defaults: nothing is allowed. */
NONNULL_ALL void policy_init(struct policy *p);
/* ERR_FORMAT with *error; the policy is untouched then. */
MUST_USE NONNULL_ALL enum err policy_parse(
	struct policy *out, struct policy_error *error, struct slice text);
/* Every key with its type, default and meaning, as a YAML file with comments. */
NONNULL_ALL void policy_explain(struct buf *out);
/* Everything that makes sense, without limits, on every network named: one's own keys in one's own
 * process. */
NONNULL_ALL void policy_open(struct policy *out);

#endif
