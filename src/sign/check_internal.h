/* sign/check_internal: what the files of the check share. */
#ifndef SIGN_CHECK_INTERNAL_H
#define SIGN_CHECK_INTERNAL_H
#include "base/mutant.h"
#include "sign/check.h"

struct check {
	const struct signing_request *r;
	const struct policy_layer *limit; /* of the request's layer */
	const struct sign_state *state;
	const struct sign_wallet *wallet;
	struct sign_task *task;
	struct check_answer *answer;
	/* what the family's check found */
	struct amount value;        /* that the transaction moves */
	struct amount largest;      /* that one payee of it gets */
	struct amount fee;          /* that it pays at most */
	struct btc_outpoint lockup; /* UTXO CLAIM, REFUND: the output that is spent */
	struct hash256 lock_hash;   /* LOCK, CLAIM, REFUND: the payment hash */
};

/* Always ERR_DENIED; the first refusal is kept. */
PRINTF_LIKE(3, 4)
MUST_USE enum err check_refuse(struct check *c, enum check_rule rule, const char *fmt, ...);

MUST_USE NONNULL_ALL enum err check_utxo(struct check *c);
MUST_USE NONNULL_ALL enum err check_account(struct check *c);

/* A transaction that is ours and well-formed: may it pay this fee? */
MUST_USE NONNULL_ALL enum err check_fee(struct check *c);
MUST_USE NONNULL_ALL enum err check_preimage(struct check *c, const struct hash256 *hash);
/* Claims and refunds: they bring money home, and no amount limits them. */
bool check_is_rescue(enum sign_purpose purpose);

#endif
