/* sim/hazards: the table of hazards (docs/testing.md) that these layers can meet, each with a
 * directed scenario and with the defences that it needs.
 *
 * A scenario brings its hazard about on purpose, where the seed only draws amounts and moments; it
 * fails where the hazard did not come about. With any of its mutants chosen (base/mutant.h) a
 * checker must find something: that is what shows that the defence is one, and that the checkers
 * see what it prevents. Threads: one. Ownership: none.
 */
#ifndef SIM_HAZARDS_H
#define SIM_HAZARDS_H
#include "base/mutant.h"
#include "crypto/hash.h"
#include "ledger/swap_table.h"
#include "plan.h"
#include "wire/signing.h"

struct world;
struct effect;
struct file_sim;
struct http_local_request;
struct swap;

#define HAZARD_WORK_MAX 4u
#define HAZARD_MUTANTS_MAX 4u

/* Checkers that speak of what the hazard itself is. */
enum hazard_lax {
	HAZARD_LATCHES = 1u << 0, /* a latch is what it should come to */
	HAZARD_UNEQUAL = 1u << 1, /* the chain has less than the books, and that is the point */
	HAZARD_FORGETS = 1u << 2, /* what was acknowledged was lost with the disk */
	HAZARD_STAYS = 1u << 3,   /* not everything settles: end after so long */
};

/* The ways in which takers of a scenario behave; of taker.c. */
#define HAZARD_HONEST 0u
#define HAZARD_PAYS_WRONG 70u
#define HAZARD_DIES 99u

struct hazard_work {
	enum plan_kind kind;     /* PLAN_SWAP, PLAN_PAYOUT, PLAN_DEPOSIT */
	enum layer_id layer, to; /* to: of a swap with Lightning; otherwise the other chain */
	uint64_t manner;         /* of a taker */
	uint64_t after_ms;       /* the work before it */
	uint64_t sat;            /* 0: drawn */
};

struct hazard {
	const char *name;
	unsigned row; /* of the table */
	const char *about;
	struct hazard_work work[HAZARD_WORK_MAX];
	uint32_t work_count;
	/* After each step of the world: brings it about, and says so (hazard_met). */
	void (*turn)(struct world *w);
	/* What the signer has signed. */
	void (*asked)(struct world *w, const struct signing_request *request);
	/* What a node answers the provider; true: it answers what is put out instead. */
	bool (*answered)(struct world *w, enum layer_id layer, struct slice asked,
		struct slice answer, struct buf *out);
	/* Takes what a taker asks the provider, and tells it something. */
	void (*told)(struct world *w, struct http_local_request *request);
	/* When all is over; what is not as it should be is said by world_wrong. */
	void (*end)(struct world *w);
	bool lightning;      /* there is Lightning in the world */
	enum layer_id other; /* the network beside Bitcoin; 0: Rootstock */
	const char *gas;     /* what our account has at first, where gas is apart; NULL: plenty */
	uint32_t lax;        /* HAZARD_* */
	enum mutant mutant[HAZARD_MUTANTS_MAX];
	uint32_t mutant_count;
	uint64_t settle_minutes; /* after the last work; 0: HAZARD_SETTLE_MINUTES */
};
#define HAZARD_SETTLE_MINUTES 150u
/* The one piece of work of most scenarios. */
#define SWAP_FROM(from) .work = {{.kind = PLAN_SWAP, .layer = (from)}}, .work_count = 1
#define SWAP_BETWEEN(from, dest)                                                                   \
	.lightning = true, .work = {{.kind = PLAN_SWAP, .layer = (from), .to = (dest)}},           \
	.work_count = 1
#define PAYOUT_ON(where) .work = {{.kind = PLAN_PAYOUT, .layer = (where)}}, .work_count = 1

/* What a scenario keeps between its turns. */
struct hazard_run {
	bool met, unmet;
	unsigned phase;
	uint64_t since_ms, count;
	struct hash256 tx;
	char *text;            /* owned */
	struct file_sim *disk; /* owned */
};

/* NULL: there are no more. */
const struct hazard *hazard_at(size_t index);
const struct hazard *hazard_by_name(const char *name);
NONNULL_ALL void hazard_plan(struct plan *p, const struct hazard *h, uint64_t seed);
/* The table, for people and for tools/check_hazards.py. */
void hazards_print(void);

/* ---- between the files of the scenarios ---- */

NONNULL_ALL void hazard_met(struct world *w);
/* The first effect of this purpose; NULL: none, or there is no process. */
NONNULL_ALL const struct effect *hazard_effect(const struct world *w, enum sign_purpose purpose);
/* As the layer's node writes it. */
#define HAZARD_ID_SIZE 67u
NONNULL_ALL void hazard_id(char out[HAZARD_ID_SIZE], enum layer_id layer, const struct hash256 *tx);
/* No block takes this transaction, or any may again. */
NONNULL_ALL void hazard_hold_tx(
	struct world *w, enum layer_id layer, const struct hash256 *tx, bool on);
/* The same for all that Bitcoin's mempool has. */
NONNULL_ALL void hazard_hold_pool(struct world *w);
/* No block takes the effect's variants [from, to), or any may again. */
NONNULL_ALL void hazard_hold(
	struct world *w, const struct effect *f, uint32_t from, uint32_t to, bool on);
/* The same for what a taker signed. False: it signed nothing for this purpose yet. */
NONNULL_ALL bool hazard_hold_taker(
	struct world *w, uint32_t taker, enum sign_purpose purpose, bool on);
/* From here on only blocks are waited for: they come faster. */
NONNULL_ALL void hazard_hurry(struct world *w, bool on);
/* NULL: there is none of this number yet, or there is no process. */
NONNULL_ALL const struct swap *hazard_swap(const struct world *w, uint32_t index);
/* Nodes forget it. */
NONNULL_ALL void hazard_evict_taker(struct world *w, uint32_t taker, enum sign_purpose purpose);
/* At the end: this swap ended so. */
NONNULL_ALL void hazard_expect(struct world *w, uint32_t swap, enum swap_state state);

extern const struct hazard hazards_time[], hazards_race[], hazards_chain[], hazards_fee[],
	hazards_process[], hazards_disk[], hazards_trust[], hazards_channel[], hazards_token[];
extern const size_t hazards_time_count, hazards_race_count, hazards_chain_count, hazards_fee_count,
	hazards_process_count, hazards_disk_count, hazards_trust_count, hazards_channel_count,
	hazards_token_count;

#endif
