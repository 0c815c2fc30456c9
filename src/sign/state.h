/* sign/state: what a signer remembers: a pure fold of its records.
 *
 * Invariants: a request (session, variant) has one digest for ever; a coin and a nonce belong to
 * one session; the variants of a session share an input or the nonce, so that only one of them can
 * confirm; a swap is locked on a layer by one session, and a payment hash by one lock.
 * What leaves is decided by sign/check; here it is only remembered and looked up.
 * Threads: one. Bounds: SIGN_SESSION_MAX and so on; ERR_FULL beyond, until old sessions are
 * forgotten (sign/state_file).
 */
#ifndef SIGN_STATE_H
#define SIGN_STATE_H
#include "base/amount.h"
#include "base/network.h"
#include "btc/build.h"
#include "wire/signing.h"

#define SIGN_SESSION_MAX (1u << 20)
#define SIGN_VARIANT_MAX (1u << 21) /* over all sessions */
#define SIGN_INPUT_MAX (1u << 21)   /* over all sessions */
#define SIGN_SESSION_VARIANT_MAX 1000u

/* How much a state holds; zero: the maxima above. */
struct sign_bounds {
	uint32_t sessions, variants, inputs;
};

/* One signed request: what must be durable before its answer leaves. */
struct sign_record {
	struct id128 session;
	uint32_t variant;
	uint64_t time_ms;      /* wall clock, when it was decided */
	struct hash256 digest; /* of the encoded request */
	enum layer_id layer;
	enum sign_purpose purpose;
	struct hash256 terms; /* what no variant may change */
	struct amount cost;   /* what this variant costs if it confirms; of the day's budget */
	struct id128 swap;    /* LOCK */
	struct hash256 hash;  /* LOCK, CLAIM, REFUND: the payment hash; zero in records that an
			       * earlier version wrote of claims and refunds */
	uint64_t nonce;       /* ACCOUNT */
	uint32_t input_count; /* UTXO PAYOUT, LOCK: the coins */
	struct btc_outpoint input[BTC_INPUT_MAX];
};

#define SIGN_RECORD_SIZE_MAX (256u + BTC_INPUT_MAX * 36u)
NONNULL_ALL void sign_record_put(struct buf *out, const struct sign_record *r);
MUST_USE NONNULL_ALL enum err sign_record_parse(struct sign_record *out, struct slice in);

struct sign_session {
	struct id128 id;
	enum layer_id layer;
	enum sign_purpose purpose;
	struct hash256 terms;
	struct amount cost;
	uint64_t nonce;
	uint64_t first_ms, last_ms;
	uint32_t variant_count;
};

struct sign_state;

/* Returns owned. seed keys the hash maps. ERR_FULL: no memory. */
MUST_USE NONNULL_ALL enum err sign_state_create(struct sign_state **out, uint64_t seed);
void sign_state_destroy(struct sign_state *s);
/* Before the first record. */
NONNULL_ALL void sign_state_bound(struct sign_state *s, const struct sign_bounds *bounds);

/* Remember. The record was allowed by sign/check, or read from a state file: ERR_FORMAT where it
 * contradicts what is known; ERR_FULL a bound. The state is unchanged on failure. */
MUST_USE NONNULL_ALL enum err sign_state_apply(struct sign_state *s, const struct sign_record *r);
/* Would it apply? Makes the room, changes nothing else. Same errors. */
MUST_USE NONNULL_ALL enum err sign_state_reserve(struct sign_state *s, const struct sign_record *r);
/* Nonces of layer below floor belong to forgotten sessions: nobody may use them. */
NONNULL_ALL void sign_state_floor(struct sign_state *s, enum layer_id layer, uint64_t floor);

/* Borrowed until the next apply; NULL: not known. */
const struct sign_session *sign_state_session(
	const struct sign_state *s, const struct id128 *session);
/* The request that was signed as (session, variant); NULL: none. */
const struct hash256 *sign_state_variant(
	const struct sign_state *s, const struct id128 *session, uint32_t variant);
/* Whose coin is it; NULL: nobody's yet. *common: all of its session's variants spend it. */
const struct sign_session *sign_state_input(
	const struct sign_state *s, const struct btc_outpoint *at, bool *common);
const struct sign_session *sign_state_nonce(
	const struct sign_state *s, enum layer_id layer, uint64_t nonce);
uint64_t sign_state_nonce_floor(const struct sign_state *s, enum layer_id layer);
const struct sign_session *sign_state_lock(
	const struct sign_state *s, const struct id128 *swap, enum layer_id layer);
const struct sign_session *sign_state_hash(const struct sign_state *s, const struct hash256 *hash);
/* The first CLAIM, or REFUND, of a lock-up with this payment hash. */
const struct sign_session *sign_state_rescue(
	const struct sign_state *s, enum sign_purpose purpose, const struct hash256 *hash);
/* A contract that this signer was asked to create on layer, by the nonce of its deployment. */
#define SIGN_DEPLOY_MAX 64u
bool sign_state_deployed(const struct sign_state *s, enum layer_id layer,
	const struct evm_address *account, const struct evm_address *contract);
/* Claims and refunds have a budget of their own: a day full of payouts stops none of them. */
enum sign_budget { SIGN_BUDGET_OWN, SIGN_BUDGET_RESCUE, SIGN_BUDGET_COUNT };
/* What costs of a budget are counted in: rescues pay fees alone, others what is moved, which is
 * also what fees are paid with, but where gas is another asset. */
enum asset sign_cost_asset(enum layer_id layer, enum sign_budget budget);
enum sign_budget sign_budget_of(enum sign_purpose purpose);
/* What the last 24 hours were charged, as of now_ms; up to SIGN_BUDGET_STEP_MS too much, never too
 * little. */
#define SIGN_BUDGET_STEP_MS UINT64_C(900000)
struct amount sign_state_day(
	const struct sign_state *s, enum layer_id layer, enum sign_budget budget, uint64_t now_ms);
/* The latest time of any record; 0: none. */
uint64_t sign_state_newest_ms(const struct sign_state *s);
uint32_t sign_state_session_count(const struct sign_state *s);

#endif
