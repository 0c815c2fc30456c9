/* btc/build: coin selection and the transactions that sluice makes: payouts, lock-ups, claims,
 * refunds.
 *
 * Pure and deterministic: the same arguments give the same bytes. Fees are by virtual size of the
 * final, signed transaction, rounded up. All own inputs are Taproot key path spends.
 */
#ifndef BTC_BUILD_H
#define BTC_BUILD_H
#include "base/blinders.h"
#include "btc/htlc.h"

#define BTC_INPUT_MAX 64u            /* own inputs of one transaction */
#define BTC_PAYEE_MAX 64u            /* outputs of one payment, besides its change */
#define BTC_SEQUENCE_RBF 0xfffffffdu /* replaceable (BIP-125), lock time active */

/* What transactions are made of, in bytes, on Bitcoin and on chains made from it: besides counts,
 * scripts with their lengths, and witness stacks. */
struct btc_sizes {
	uint32_t fixed_base, fixed_witness; /* of the whole transaction */
	uint32_t input_base, input_witness;
	uint32_t output_base, output_witness;
	struct sat change_dust; /* below, no change is made: P2TR's */
};
extern const struct btc_sizes btc_sizes;

struct btc_coin {
	struct btc_outpoint at;
	struct sat value;
	uint32_t key_index;     /* which of our scripts it pays */
	struct blinders hidden; /* Liquid */
};

/* Fee of vsize at rate (satoshi per 1,000 virtual bytes), rounded up; at most 21 million coins. */
struct sat btc_fee(uint64_t vsize, uint64_t rate_sat_kvb);

struct btc_selection {
	uint32_t index[BTC_INPUT_MAX]; /* into the coins given, ascending */
	uint32_t count;
	struct sat total;
	struct sat fee;    /* without change, everything over target; with change, by vsize */
	struct sat change; /* zero: none (would be dust) */
};

/* Of an output that pays a script of this length, BTC_SCRIPT_STD_MAX at most. */
NONNULL_ALL uint64_t btc_output_weight(const struct btc_sizes *sizes, size_t script_len);
/* A signed payment of key path inputs: outputs of this weight, and change or not. */
NONNULL_ALL uint64_t btc_payment_vsize(
	const struct btc_sizes *sizes, uint32_t input_count, uint64_t outputs_weight, bool change);

/* Choose inputs for outputs that pay `target` together and weigh outputs_weight, change to P2TR.
 * Tries for no change first (branch and bound, bounded), then largest first. Coins dearer to spend
 * than they are worth at this rate are left. ERR_RANGE: not enough, or no such outputs. ERR_FULL:
 * would need over BTC_INPUT_MAX inputs. btc_build_payment with the coins selected and this fee
 * gives this change. */
MUST_USE NONNULL_ALL enum err btc_select(struct btc_selection *out, const struct btc_sizes *sizes,
	const struct btc_coin *coin, size_t coin_count, struct sat target, uint64_t outputs_weight,
	uint64_t rate_sat_kvb);

/* A payment from own coins: one output for each payee, in order, then the change if any.
 * Unsigned (no witnesses) into *raw; also the final vsize once signed. */
struct btc_payment {
	const struct btc_coin *coin; /* exactly the inputs, in order */
	uint32_t coin_count;
	const struct btc_txout *payee; /* borrows */
	uint32_t payee_count;
	uint8_t change_script[34];
	/* Liquid: for whom change of confidential coins is blinded; NULL: none of them is */
	const struct pubkey *change_blinding;
	struct sat fee;
	uint32_t locktime; /* the tip's height: against fee sniping */
};
/* ERR_RANGE: no inputs or over BTC_INPUT_MAX, no payees or over BTC_PAYEE_MAX, inputs that don't
 * cover values and fee, a value below dust, a lock time that is no height; change below dust goes
 * to the fee. */
MUST_USE NONNULL_ALL enum err btc_build_payment(
	struct buf *raw, uint64_t *vsize, struct sat *change, const struct btc_payment *p);

/* Spend a lock-up to one script of ours. For a refund locktime = h->timelock, otherwise the tip's
 * height. Fee is taken from the output; ERR_RANGE where less than dust would be left; errors of
 * btc_htlc_tree. *vsize: of this spend once signed. */
MUST_USE NONNULL_ALL enum err btc_build_spend(struct buf *raw, uint64_t *vsize, struct sat *value,
	const struct btc_htlc *h, const struct btc_outpoint *at, enum btc_htlc_leaf leaf,
	const uint8_t to_script[34], uint64_t rate_sat_kvb, uint32_t tip_height);

/* The same to any script that an address can stand for: who swaps for somebody else's address. */
MUST_USE NONNULL_ALL enum err btc_build_spend_to(struct buf *raw, uint64_t *vsize,
	struct sat *value, const struct btc_htlc *h, const struct btc_outpoint *at,
	enum btc_htlc_leaf leaf, struct slice to_script, uint64_t rate_sat_kvb,
	uint32_t tip_height);

/* vsize of a signed claim or refund, for fee budgets: of a refund with the longest height. */
NONNULL_ALL uint64_t btc_spend_vsize(const struct btc_sizes *sizes, enum btc_htlc_leaf leaf);

#endif
