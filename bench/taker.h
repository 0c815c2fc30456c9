/* bench/taker: the other side of one swap, as a client that trusts nobody would be: it makes the
 * preimage, checks the terms before it pays and the counter-lock on its own node before it reveals,
 * and ends when the provider says completed and the money is seen on the chain. */
#ifndef BENCH_TAKER_H
#define BENCH_TAKER_H
#include "world.h"

enum taker_step {
	TAKER_QUOTE,
	TAKER_OFFER,
	TAKER_PAY,
	TAKER_WAIT, /* for the counter-lock */
	TAKER_VERIFY,
	TAKER_CLAIM,
	TAKER_FINISH, /* until the provider's side is over, too */
	TAKER_CHECK,
	TAKER_SETTLED,
	TAKER_FAILED,
};

#define TAKER_TERMS_MAX 192u
#define TAKER_TEXT_SIZE 512u
#define TAKER_RAW_MAX 1024u

struct taker {
	struct world *world;
	uint32_t index;
	enum layer_id from, to;
	enum taker_step step;
	uint32_t tries; /* of this step, in a row */
	char why[200];  /* the last problem */
	char idempotency[64];

	struct hash256 preimage, hash;
	struct seckey key;
	struct xonly xonly;         /* of key: refunds, or claims, on Bitcoin */
	struct evm_address account; /* of key: pays for gas; refunds on Rootstock */
	struct evm_address claim;   /* paid by a claim on Rootstock, and by nothing else */
	struct amount source_amount, dest_amount;

	char quote[TAKER_TEXT_SIZE], id[40];
	struct btc_htlc utxo; /* the leg on Bitcoin */
	struct evm_htlc call; /* the leg on Rootstock */
	struct btc_outpoint lock;
	struct hash256 claim_tx;
	struct sat claim_value;
	uint8_t raw[TAKER_RAW_MAX]; /* what is being sent: the same bytes again */
	size_t raw_len;

	uint64_t offered_ms, locked_ms, claimed_ms, completed_ms;
};

NONNULL_ALL void taker_begin(struct taker *t, struct world *w, uint32_t index);
static inline bool taker_over(const struct taker *t)
{
	return t->step >= TAKER_SETTLED;
}

/* ---- coins.c: what takers sign ---- */

/* Pay the source amount to the swap's address. */
MUST_USE NONNULL_ALL enum err taker_build_pay(struct taker *t);
MUST_USE NONNULL_ALL enum err taker_build_claim(struct taker *t);
/* Where a claim on Bitcoin pays to: this taker's own script. */
MUST_USE NONNULL_ALL enum err taker_script(uint8_t script[34], const struct taker *t);
/* The terms of a leg, from the provider: are they what was agreed? Kept in t. NULL: they are;
 * otherwise what is wrong. */
NONNULL_ALL const char *taker_check_source(struct taker *t, struct slice terms);
NONNULL_ALL const char *taker_check_dest(struct taker *t, struct slice terms);

#endif
