/* node/engine_internal: what the engine's files share. */
#ifndef NODE_ENGINE_INTERNAL_H
#define NODE_ENGINE_INTERNAL_H
#include "base/mutant.h"
#include "ledger/record.h"
#include "node/engine.h"

struct waiter {
	uint64_t seq;
	engine_durable_cb cb;
	void *ctx;
	bool answer; /* may go when an answer may */
};

struct kept_event {
	uint64_t seq;
	uint64_t time_ms;
	const char *type;
	uint32_t index; /* of the swap or the transfer; INDEX_NONE */
	bool is_transfer;
	enum layer_id layer;
};

#define ENGINE_COINS_MAX 16384u /* free coins that one selection looks at */

struct engine {
	struct journal *journal;
	struct ledger *ledger;
	bool failed;         /* a record was applied and could not be appended: stop */
	uint64_t look_ms;    /* a payout's wait for company ends; UINT64_MAX: none waits */
	uint64_t switch_seq; /* the ledger's durability is to be the journal's mode when this is
				durable; 0: it is */
	bool behind[LAYER_COUNT]; /* the ledger's tip is known not to be the chain's */
	struct waiter waiter[ENGINE_WAITERS_MAX];
	uint32_t waiter_count;
	struct kept_event event[ENGINE_EVENTS_KEPT]; /* ring */
	uint64_t event_count;                        /* ever */
	uint64_t event_told;                         /* told to the subscriber */
	struct {
		engine_event_cb cb;
		void *ctx;
	} subscriber[ENGINE_SUBSCRIBERS_MAX];
	uint32_t subscriber_count;
	uint8_t payload[JOURNAL_PAYLOAD_MAX];
	struct btc_coin coin[ENGINE_COINS_MAX]; /* scratch: free coins, for selection */
};

/* Begin a record in the engine's own storage. */
NONNULL_ALL struct buf engine_record(struct engine *e, uint64_t now_ms);
/* Apply it, then append it; notes what it changed. ERR_FULL: back off, nothing happened. */
MUST_USE NONNULL_ALL enum err engine_append(
	struct engine *e, uint16_t type, const struct buf *record, unsigned flags);
/* Everything that follows from the state now: locks, claims, refunds, bumps, declines, expiries. */
NONNULL_ALL void engine_decide(struct engine *e, uint64_t now_ms);
/* The same for what the last record changed, where it changed no block, fee, latch or money. */
NONNULL_ALL void engine_decide_changed(struct engine *e, uint64_t now_ms);
/* Our half of a swap on its destination layer, as encoded terms. Errors as layer_leg_make. */
struct dest_terms {
	const struct id128 *swap;
	const struct hash256 *hash;
	enum layer_id layer;
	struct amount amount;
	const uint8_t *client; /* 32 bytes, as struct swap has them */
	struct slice request;  /* CHANNEL: the client's invoice */
	uint64_t timelock;
};
MUST_USE NONNULL_ALL enum err engine_dest_leg(
	const struct ledger *l, struct buf *leg, const struct dest_terms *t);
/* What an effect of this value may cost at most besides it, at today's rates. */
MUST_USE NONNULL_ALL enum err engine_fee_bound(const struct ledger *l, struct amount *out,
	enum layer_id layer, enum sign_purpose purpose, struct amount value);
/* What a transaction pays weighs, on UTXO layers. */
struct outputs_weight {
	uint64_t explicit;
	uint64_t hidden; /* where confidential coins are spent for it */
};
/* Coins, a nonce and gas, or a part of the channels, for what r says. Explicit coins first: to
 * spend confidential ones costs more. ERR_RANGE, ERR_STATE: not enough now. */
MUST_USE NONNULL_ALL enum err engine_reserve(
	struct engine *e, struct rec_intent *r, const struct outputs_weight *weight);
/* ACCOUNT: the same for a call that moves nothing, from all there is. */
MUST_USE NONNULL_ALL enum err engine_reserve_own(struct engine *e, struct rec_intent *r);
/* What new business may use: available, less what is promised to others, less the gas that the
 * swaps under way may need. */
struct amount engine_free_funds(const struct ledger *l, enum layer_id layer);
/* Whether the layer's gas pays for one swap more beside those under way, at today's rates; *need:
 * how much that takes, of what gas is paid in. Where gas is what is moved, lock-ups are not in it:
 * engine_reserve looks at them. Layers without gas: true. */
MUST_USE NONNULL_ALL bool engine_gas_suffices(
	const struct ledger *l, struct amount *need, enum layer_id layer);

/* What a call costs at most, of what the layer's gas is paid in: gas, and on rollups so many times
 * today's price of its data. Errors as layer_fee_bound. */
MUST_USE NONNULL_ALL enum err engine_gas_bound(const struct ledger *l, struct amount *out,
	enum layer_id layer, enum sign_purpose purpose, uint64_t rate);
/* Of a transaction that takes another one's place. */
uint64_t engine_rate_over(enum layer_id layer, uint64_t last);
/* The observed fee rate within the configured bounds; 0: none yet. */
uint64_t engine_rate(const struct ledger *l, enum layer_id layer);

#endif
