/* ledger/params: the settings that folds and decisions depend on. Journaled when they change, so
 * that a replay sees the settings of the time; there is one validated source for every time lock
 * (HAZARDS 6). */
#ifndef LEDGER_PARAMS_H
#define LEDGER_PARAMS_H
#include "base/buf.h"
#include "base/network.h"
#include "crypto/secp.h"
#include "wire/evm.h"

#define DEPTH_STEPS_MAX 4u
#define PARAMS_PAYOUT_WAIT_MS_MAX UINT64_C(3600000)

/* From this amount on, so many blocks. Ascending; the first step is from zero. */
struct depth_step {
	struct amount from;
	uint32_t depth;
};

struct layer_params {
	const struct network *network; /* NULL: this layer is not used, and has nothing else */
	struct evm_address contract;   /* ACCOUNT */
	struct evm_address token;      /* where gas is another asset: what is moved */
	struct amount gas_value;       /* likewise: what a whole coin of gas counts for in it, when
					* a swap's fee is quoted; zero: gas is not charged */
	uint64_t block_interval_ms;    /* expected mean */
	uint32_t drift_permille;       /* the rate may be off by this much, either way */
	uint64_t outage_ms;            /* we, or our node, may be away for so long */
	struct depth_step depth[DEPTH_STEPS_MAX];
	uint32_t depth_steps;
	uint32_t final_depth;    /* a claim, refund or payout is final at this depth */
	uint32_t claim_blocks;   /* a claim confirms within so many blocks, inside its fee budget */
	uint32_t lock_blocks;    /* how long our own lock-ups stay closed to refund */
	uint32_t funding_blocks; /* how long a client may take to lock, in blocks of this layer */
	struct amount swap_min, swap_max;    /* of this layer's asset */
	uint64_t fee_rate_min, fee_rate_max; /* sat/kvB, wei per gas */
	uint32_t bump_blocks; /* replace an unconfirmed transaction after so many blocks */
	/* CHANNEL, which has no fee rates and replaces nothing */
	uint32_t fee_limit_ppm;      /* a payment's routing fee is at most this part of it, */
	struct sat fee_limit_base;   /* and so much more */
	uint32_t force_close_blocks; /* from the expiry of an HTLC of ours until it came back, where
				      * the channel has to be closed by force */
};

struct ledger_params {
	struct layer_params layer[LAYER_COUNT];
	struct pubkey wallet;
	uint32_t fee_ppm; /* what we earn, of the source amount */
	uint64_t quote_ttl_ms;
	uint64_t offer_ttl_ms;   /* an offer that nobody funded expires after so long */
	uint64_t observation_ms; /* from a block to our reaction, at most */
	/* how long a payout of coins may wait for others to leave with, at most; 0: not at all */
	uint64_t payout_wait_ms;
	/* Bitcoin: what the deposit descriptor pays to, hashed; zero: there is none */
	struct hash256 deposits;
};

/* CHANNEL: what a payment may cost at most besides its amount. ERR_RANGE: over all there is. */
MUST_USE enum err params_fee_limit(
	struct sat *out, const struct layer_params *p, struct amount value);

/* Blocks that an amount has to be buried under before we act on it. */
uint32_t params_depth(const struct layer_params *p, struct amount a);

NONNULL_ALL void params_put(struct buf *out, const struct ledger_params *p);
MUST_USE NONNULL_ALL enum err params_get(struct reader *in, struct ledger_params *p);

/* What is wrong with a set of parameters, in words; NULL when nothing is: depths ascending, bounds
 * in order, the pair of time locks satisfiable. */
struct params_problem {
	enum layer_id layer;  /* LAYER_COUNT: of none */
	enum layer_id source; /* of swaps from here to layer; LAYER_COUNT: not of a pair */
	const char *field;
	const char *what;
};
NONNULL_ALL bool params_check(const struct ledger_params *p, struct params_problem *problem);

#endif
