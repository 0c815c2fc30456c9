/* sign/sample: valid requests of every kind, taken apart so that a test can spoil one field of one.
 * For tests only. */
#ifndef SIGN_SAMPLE_H
#define SIGN_SAMPLE_H
#include "sign/check.h"

#define SAMPLE_NOW_MS UINT64_C(1795000000000)
#define SAMPLE_CALL_MAX 8192u

enum sample_kind {
	SAMPLE_BTC_PAYOUT,
	SAMPLE_BTC_LOCK,
	SAMPLE_BTC_CLAIM,
	SAMPLE_BTC_REFUND,
	SAMPLE_BTC_BATCH, /* a payout to SAMPLE_PAYEES */
	SAMPLE_EVM_PAYOUT,
	SAMPLE_EVM_LOCK,
	SAMPLE_EVM_CLAIM,
	SAMPLE_EVM_REFUND,
	SAMPLE_EVM_FILL,
	SAMPLE_EVM_DEPLOY,
	SAMPLE_TOKEN_PAYOUT, /* where value is a token: BOB */
	SAMPLE_TOKEN_LOCK,
	SAMPLE_TOKEN_CLAIM,
	SAMPLE_TOKEN_REFUND,
	SAMPLE_TOKEN_APPROVE,
	SAMPLE_COUNT
};

#define SAMPLE_PAYEES 3u

struct sample {
	struct signing_request r;
	/* what unsigned_tx and leg are made of when the sample is encoded */
	bool evm;
	bool has_leg;
	struct btc_tx tx;
	struct btc_txin in[4];
	struct btc_txout out[4];
	struct evm_tx call;
	struct btc_htlc btc_leg;
	struct evm_htlc evm_leg;
	/* storage */
	uint8_t lock_script[34];
	uint8_t payee[34];
	uint8_t more_payee[SAMPLE_PAYEES - 1][34];
	uint8_t data[SAMPLE_CALL_MAX];
	uint8_t tx_bytes[SAMPLE_CALL_MAX + 512];
	uint8_t leg_bytes[SIGNING_LEG_MAX];
	size_t cut;   /* bytes taken off the transaction's end */
	size_t extra; /* zero bytes put behind it */
};

struct sample_world {
	struct seckey key;
	struct sign_wallet wallet;
	struct policy policy;
	struct hash256 preimage;
	struct evm_address contract, token;
	struct xonly other; /* somebody else's key and account */
	struct evm_address stranger;
};

NONNULL_ALL void sample_world_init(struct sample_world *w);
/* number tells samples of a kind apart: session, swap, preimage hash, coins, nonce. */
NONNULL_ALL void sample_make(
	struct sample *s, const struct sample_world *w, enum sample_kind kind, uint32_t number);
/* The encoded request. */
NONNULL_ALL struct slice sample_encode(struct sample *s, struct buf *out);
/* The preimage of number's lock-ups. */
NONNULL_ALL void sample_preimage(struct hash256 *out, uint32_t number);

#endif
