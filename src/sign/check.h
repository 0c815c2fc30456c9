/* sign/check: may this be signed? Pure: a function of request, policy, state, wallet and time.
 *
 * The check decodes the transaction by itself and rebuilds what it must be from the terms: lock
 * script, calldata, payee, change. It believes nothing that it was told: a false input value or
 * script makes a signature that is worth nothing (BIP-341 commits to both), everything else is
 * compared. What passes comes back as digests with the keys that sign them, and as the record that
 * must be durable before an answer leaves.
 *
 * The rules are listed by check_rules, and in docs/signer.md.
 */
#ifndef SIGN_CHECK_H
#define SIGN_CHECK_H
#include "sign/policy.h"
#include "sign/state.h"

/* Our own scripts and account, computed once from the wallet's public key. */
struct sign_wallet {
	struct pubkey key;
	uint8_t script[LAYER_COUNT][KEY_INDEX_COUNT][34]; /* of UTXO layers */
	struct evm_address account[LAYER_COUNT];          /* of ACCOUNT layers */
};
MUST_USE NONNULL_ALL enum err sign_wallet_init(
	struct sign_wallet *out, const struct pubkey *wallet);

/* The transaction has at most these: an own payment has its payees and a change. */
#define CHECK_OUTPUT_MAX (BTC_PAYEE_MAX + 1u)

struct sign_item {
	struct hash256 digest;
	struct key_path key;
	bool taproot_tweak; /* Taproot key path: the key tweaked with no script tree */
};

struct sign_task {
	bool ecdsa; /* ACCOUNT; Schnorr otherwise */
	uint32_t count;
	struct sign_item item[BTC_INPUT_MAX];
	bool repeat;               /* answered before: the record is known */
	struct sign_record record; /* of the request */
};

enum check_rule {
	RULE_NONE,
	RULE_ENCODING,
	RULE_NETWORK,
	RULE_PURPOSE,
	RULE_TX_ENCODING,
	RULE_TX_VERSION,
	RULE_TX_LOCKTIME,
	RULE_INPUT_COUNT,
	RULE_INPUT_KEY,
	RULE_INPUT_SCRIPT,
	RULE_INPUT_VALUE,
	RULE_INPUT_SEQUENCE,
	RULE_INPUT_TWICE,
	RULE_OUTPUT_COUNT,
	RULE_OUTPUT_PAYEE,
	RULE_OUTPUT_AMOUNT,
	RULE_OUTPUT_CHANGE,
	RULE_CHANGE_KEY,
	RULE_PAYEE,
	RULE_AMOUNT,
	RULE_LEG,
	RULE_LEG_PARTIES,
	RULE_LEG_OURS,
	RULE_LEG_CONTRACT,
	RULE_TOKEN,
	RULE_LEG_TIMELOCK,
	RULE_PREIMAGE,
	RULE_CHAIN_ID,
	RULE_ACCOUNT_KEY,
	RULE_TO,
	RULE_VALUE,
	RULE_CALLDATA,
	RULE_FEE,
	RULE_FEERATE,
	RULE_GAS,
	RULE_TX_TYPE,
	RULE_LIMIT_TX,
	RULE_LIMIT_DAY,
	RULE_LIMIT_RESCUE,
	RULE_VARIANT,
	RULE_VARIANT_TERMS,
	RULE_VARIANT_ANCHOR,
	RULE_INPUT_OWNER,
	RULE_NONCE_OWNER,
	RULE_LOCK_TWICE,
	RULE_HASH_TWICE,
	RULE_COUNT
};

struct check_rule_row {
	const char *name; /* "output.payee" */
	const char *text; /* what it demands */
};
extern const struct check_rule_row check_rules[RULE_COUNT];

struct check_answer {
	enum err err; /* as struct signing_answer's */
	enum check_rule rule;
	char detail[160]; /* begins with the rule's name */
};

/* encoded: the request as it arrived. task is filled only when the answer is OK, which is also
 * returned. ERR_FORMAT, ERR_EXISTS, ERR_DENIED. */
MUST_USE NONNULL_ALL enum err check_request(struct sign_task *task, struct check_answer *answer,
	struct slice encoded, const struct policy *policy, const struct sign_state *state,
	const struct sign_wallet *wallet, uint64_t now_ms);

/* Sign a checked task. key is the wallet's. ERR_RANGE only where the key is none. */
MUST_USE NONNULL_ALL enum err sign_task_run(
	struct signing_answer *out, const struct sign_task *task, const struct seckey *key);

#endif
