/* sim/world: a whole deployment in one process, on one thread, from one seed: two networks, the
 * provider's machine, its signer's machine, takers, and what goes wrong between them.
 *
 * Everything runs on one virtual loop. The same seed and the same plan give the same run, byte for
 * byte: no clock, no thread, no randomness but from the seed (trace.h's hash is the proof).
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H
#include "door.h"
#include "exhaust.h"
#include "hazards.h"
#include "host.h"
#include "keeper.h"
#include "nets.h"
#include "plan.h"
#include "trace.h"

#define WORLD_START_MS UINT64_C(1800000000000)
#define WORLD_BITCOIN_BLOCK_MS 60000u
#define WORLD_ROOTSTOCK_BLOCK_MS 12000u /* of whatever network of accounts there is */
static inline uint64_t world_block_ms(enum layer_id layer)
{
	return layer_family(layer) == FAMILY_ACCOUNT ? WORLD_ROOTSTOCK_BLOCK_MS
						     : WORLD_BITCOIN_BLOCK_MS;
}
#define WORLD_TAKERS_MAX 64u
#define WORLD_PAYOUTS_MAX 64u
#define WORLD_DEPOSITS_MAX 64u

struct rescue;
struct taker;

/* What the rules (rules.c) remember between their looks. */
struct rules {
	/* by swap */
	bool answered[WORLD_TAKERS_MAX], looked[WORLD_TAKERS_MAX], refunded[WORLD_TAKERS_MAX];
	uint32_t swaps;
	uint64_t process;              /* of this start of the provider: */
	uint64_t height[LAYER_COUNT];  /* its books' */
	uint64_t highest[LAYER_COUNT]; /* the most that the books ever had */
};

/* A payout that the operator asked for. Those of one request lie behind each other; the first one
 * has its key, its body and its count. */
#define WORLD_BATCH_MAX 4u
struct payout {
	struct world *w;
	enum layer_id layer;
	struct amount amount;
	uint8_t to[42]; /* on Lightning the payment's hash */
	size_t to_len;
	uint32_t count; /* of the request; 0: it is another one's */
	bool batch;     /* asked for as one */
	char key[40], body[2048 + WORLD_BATCH_MAX * 600];
	struct id128 id; /* acknowledged */
	bool acknowledged, refused;
	uint32_t tries_in_calm;
	struct loop_timer timer; /* to ask again */
};

struct world {
	uint64_t seed;
	struct loop *loop;
	struct trace trace;
	struct plan plan;
	uint32_t plan_next;
	struct nets nets;
	struct door door;
	struct keeper keeper;
	struct host host;
	struct taker *taker[WORLD_TAKERS_MAX]; /* owned */
	uint32_t taker_count;
	struct payout payout[WORLD_PAYOUTS_MAX];
	uint32_t payout_count;
	struct exhaust *exhaust;      /* owned; NULL: no cut is tried but those of the plan */
	struct http_client *operator; /* owned */
	uint64_t latch_ms;            /* when the operator looks at it again */
	struct draw deposits;
	struct amount deposited[LAYER_COUNT];
	char *deposit[WORLD_DEPOSITS_MAX]; /* owned: on Bitcoin, raw, in hex */
	uint32_t deposit_count;
	uint64_t calm_ms; /* no fault of the plan any more from here on; 0: not yet */
	uint64_t steps, checks, folds;
	uint64_t damaged, damage_refused, damage_harmless, damage_cut;
	uint32_t wrong;                  /* what a checker found */
	char wrong_text[TRACE_TEXT_MAX]; /* the first */
	bool blocks_moved[LAYER_COUNT];
	bool coins_full;                              /* the books said so */
	enum swap_state swap_state[WORLD_TAKERS_MAX]; /* as the timeline has it */
	uint64_t birth[LAYER_COUNT];                  /* of the books; 0: not born yet */
	uint64_t reorgs[LAYER_COUNT];                 /* of the network, so far */
	struct rules rules;
	struct hazard_run hazard;
};

struct world_result {
	struct hash256 hash;
	uint32_t wrong;
	char wrong_text[TRACE_TEXT_MAX];
	uint64_t virtual_ms;
	uint64_t records, crashes, signer_crashes, steps, folds, damaged, damage_refused;
	uint32_t swaps, completed, refunded, other, payouts;
	struct exhaust_counts exhaust;
	bool unmet; /* all that is wrong is that the scenario's hazard did not come about */
};

NONNULL_ALL void world_init(struct world *w, const struct plan *plan);
/* To the end of the plan, and on until everything is settled. */
NONNULL_ALL void world_run(struct world *w);
NONNULL_ALL void world_result(struct world_result *out, const struct world *w);
NONNULL_ALL void world_fini(struct world *w);

/* ---- between the files of the simulation ---- */

PRINTF_LIKE(4, 5)
void world_say(struct world *w, enum trace_lane lane, enum trace_kind kind, const char *fmt, ...);
/* A checker found something: the run fails. */
PRINTF_LIKE(2, 3) void world_wrong(struct world *w, const char *fmt, ...);
/* The scenario is about what such a checker says. */
NONNULL_ALL bool world_lax(const struct world *w, enum hazard_lax what);
/* A network has a new block. */
NONNULL_ALL void world_block(struct world *w, enum layer_id layer);

/* ---- takers (taker.c) ---- */

NONNULL_ALL void takers_begin(struct world *w, const struct plan_item *item, uint32_t number);
/* Lets those go on that wait for nothing. */
NONNULL_ALL void takers_turn(struct world *w);
/* Their wallets send what is not in a block, now. */
NONNULL_ALL void takers_resend(struct world *w);
/* The account that the taker of this number pays gas from. */
NONNULL_ALL void taker_account(struct evm_address *out, uint64_t seed, uint32_t number);
NONNULL_ALL bool takers_done(const struct world *w);
/* Their sessions end, as by a signal. */
NONNULL_ALL void takers_stop(struct world *w);
/* After the networks. */
NONNULL_ALL void takers_fini(struct world *w);
NONNULL_ALL void taker_kill(struct world *w, uint32_t index);
/* Everything that a taker may rely on at the end. */
NONNULL_ALL void takers_check_end(struct world *w);
/* What its session keeps, as it is now; NULL: there is none of this number, or nothing begun. */
NONNULL_ALL const struct rescue *taker_rescue(const struct world *w, uint32_t index);
/* Its machine sleeps: nothing is decided on it until it wakes. */
NONNULL_ALL void taker_suspend(struct world *w, uint32_t index, bool on);
/* What the provider acknowledged to takers is in its books. */
NONNULL_ALL void takers_check_deadlines(struct world *w);
NONNULL_ALL void takers_check_books(struct world *w, const struct ledger *l);
NONNULL_ALL void takers_count(struct world_result *out, const struct world *w);

/* ---- the operator (operator.c) ---- */

NONNULL_ALL void operator_init(struct world *w);
NONNULL_ALL void operator_fini(struct world *w);
NONNULL_ALL void operator_pay(struct world *w, const struct plan_item *item, uint32_t number);
/* The wallet that deposits come from sends them again. */
NONNULL_ALL void operator_resend(struct world *w);
NONNULL_ALL void operator_pay_to(
	struct world *w, enum layer_id layer, uint64_t sat, struct slice destination);
/* The same request, with the same key. */
NONNULL_ALL void operator_ask_again(struct world *w, uint32_t payout);
NONNULL_ALL void operator_deposit(struct world *w, enum layer_id layer, uint64_t sat);
/* Lifts the latch where a deep reorganisation was the reason for it. */
NONNULL_ALL void operator_turn(struct world *w);
NONNULL_ALL bool operator_done(const struct world *w);
NONNULL_ALL void operator_check_books(struct world *w, const struct ledger *l);
NONNULL_ALL void operator_check_end(struct world *w);

/* ---- faults (faults.c) ---- */

NONNULL_ALL void faults_strike(struct world *w, const struct plan_item *item);
NONNULL_ALL void faults_turn(struct world *w);
/* Everything that is down comes back. */
NONNULL_ALL void faults_end(struct world *w);

/* ---- checkers (check.c) ---- */

/* Cheap: after each step. */
/* The network is so far behind a time lock that nobody has a reason any more not to be through. */
NONNULL_ALL bool check_is_overdue(const struct world *w, enum layer_id layer, uint64_t timelock);
NONNULL_ALL void check_step(struct world *w);
/* What no step of the books may be (rules.c). */
NONNULL_ALL void rules_step(struct world *w);
/* After each block. */
NONNULL_ALL void check_block(struct world *w, enum layer_id layer);
/* The journal on the disk folds to the state that there is. */
NONNULL_ALL void check_fold(struct world *w);
/* Copies of the disk are damaged: the journal must notice, or have lost nothing. */
NONNULL_ALL void check_strays(struct world *w);
NONNULL_ALL void check_media(struct world *w);
/* The same, in what was written last. */
NONNULL_ALL void check_media_end(struct world *w);
/* Nothing is under way any more. */
NONNULL_ALL bool check_settled(struct world *w);
NONNULL_ALL void check_end(struct world *w);

#endif
