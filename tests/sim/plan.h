/* sim/plan: what a run does and what goes wrong in it: a list, drawn from the seed before it
 * begins.
 *
 * Work (swaps, payouts, deposits) and faults are items with a time. Since each is drawn beforehand,
 * one can be left out without moving the others: that is how a failing run is made smaller.
 */
#ifndef SIM_PLAN_H
#define SIM_PLAN_H
#include "base/network.h"

#define PLAN_ITEMS_MAX 256u
#define PLAN_REORG_DEPTH_MAX 10u

enum plan_kind {
	PLAN_SWAP,    /* layer: the source; a: satoshi; b: a taker's manner */
	PLAN_PAYOUT,  /* layer; a: satoshi */
	PLAN_DEPOSIT, /* layer; a: satoshi */
	/* faults from here on */
	PLAN_POWER,        /* the provider's machine; a: at so many disk changes from now, 0: now */
	PLAN_KILL,         /* the provider's process */
	PLAN_SIGNER_POWER, /* a: as above */
	PLAN_SIGNER_DOWN,  /* a: ms */
	PLAN_SIGNER_REFUSES,
	PLAN_SIGNER_TWICE, /* a: requests */
	PLAN_TAKER_KILL,   /* a: which */
	PLAN_NODE_DOWN,    /* layer; a: ms; b: for whom */
	PLAN_NODE_STALLS,  /* layer; a: ms; b: for whom */
	PLAN_NODE_TWICE,   /* layer; a: requests; b: for whom */
	PLAN_NODE_SPOILS,  /* layer; a: answers; b: in which way (sim/fault.h) */
	PLAN_NODE_LIES,    /* layer; a: ms, or answers; b: how (lies.c) */
	PLAN_NODE_SLOW,    /* layer; a: ms for each call, from here on; 0: as usual */
	PLAN_REORG,        /* layer; a: depth */
	PLAN_FEES,         /* layer; a: times as much, in percent; b: ms */
	PLAN_FREEZE,       /* tokens; a: ms; b: whose */
	PLAN_EVICT,        /* Bitcoin: the mempool is emptied */
	PLAN_CLOCK,        /* a: ms, plus two hours */
	PLAN_DISK_FAILS,   /* a: operation; b: after so many */
	PLAN_DISK_STRAYS,  /* a: where to; b: after so many writes */
	PLAN_DISK_FULL,    /* a: ms */
	PLAN_DISK_SLOW,    /* a: ms */
	/* only where there is Lightning */
	PLAN_CHANNEL_PARTS, /* a: how many, and how many of them are stuck; b: ms */
	PLAN_CHANNEL_CUT,   /* b: for whom: streams break */
	PLAN_CHANNEL_FEE,   /* a: what routing costs from here on, in millionths */
	PLAN_KINDS
};

struct plan_item {
	uint64_t at_ms; /* of the loop */
	enum plan_kind kind;
	enum layer_id layer;
	enum layer_id to; /* of a swap */
	uint64_t a, b;
	bool left_out;
};

struct hazard;

struct plan {
	uint64_t seed;
	enum layer_id other;         /* the network beside Bitcoin: one of accounts */
	const struct hazard *hazard; /* directed (hazards.h); NULL: by the seed alone */
	uint64_t work_ms;            /* items come until then */
	bool sockets;                /* the provider's HTTP goes over simulated ones (door.h) */
	bool lightning;              /* there is Lightning too (lnds.h); then never over sockets */
	bool tight;       /* every table and queue of the provider is as small as it may be */
	uint32_t subsets; /* tried at each place where the power can fail (exhaust.h); 0: none */
	uint64_t states;  /* once so many were met, none is tried any more; 0: no bound */
	struct plan_item item[PLAN_ITEMS_MAX];
	uint32_t count;
};

/* How much of everything. */
struct plan_profile {
	enum layer_id other;
	uint64_t minutes; /* of work */
	uint32_t swaps, payouts, deposits;
	uint32_t faults; /* 0: none */
	bool tight;
	bool sockets;   /* always; otherwise as the seed has it */
	bool lightning; /* the same */
	uint32_t kinds; /* of faults, a bit each, and PLAN_EARLY; 0: all */
};
/* All of them while the books are born. */
#define PLAN_EARLY (UINT32_C(1) << 31)

/* One hazard (docs/testing.md) and the faults that bring it about. */
struct plan_scenario {
	const char *name;
	unsigned row;
	uint32_t kinds;
};
extern const struct plan_scenario plan_scenarios[];
extern const size_t plan_scenario_count;

NONNULL_ALL void plan_draw(struct plan *p, uint64_t seed, const struct plan_profile *profile);
bool plan_is_fault(enum plan_kind kind);
const char *plan_kind_name(enum plan_kind kind);
/* One line for people. */
#define PLAN_TEXT_SIZE 120u
NONNULL_ALL void plan_text(char out[PLAN_TEXT_SIZE], const struct plan_item *item);

#endif
