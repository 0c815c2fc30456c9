/* sim/bitcoin_chain: what the files of the simulated Bitcoin node share, and those of the simulated
 * elementsd, which is the same node by other rules (struct simbtc_rules); nobody else includes it.
 *
 * Transactions are seen as Bitcoin's everywhere but in the rules: outpoints, witnesses, scripts,
 * and values of the asset in which fees are paid.
 *
 * Invariants: every transaction of the mempool spends coins of the UTXO set or outputs of earlier
 * transactions of the mempool's list, is final in the next block, and conflicts with none of the
 * others. Records of transactions are kept while the node lives: blocks, coins and the mempool name
 * them by index, so a coin's value and script are read from the transaction that made it.
 */
#ifndef SIM_BITCOIN_CHAIN_H
#define SIM_BITCOIN_CHAIN_H
#include "btc/block.h"
#include "btc/script.h"
#include "btc/sighash.h"
#include "btc/tx.h"
#include "crypto/secp.h"
#include "sim/bitcoin.h"
#include "sim/index.h"

#define SIMBTC_NONE UINT32_MAX
#define SIMBTC_ADDRESS_SIZE 135u /* fits every kind */
#define SIMBTC_MATURITY 100u     /* confirmations that a coinbase needs to be spent */
#define SIMBTC_HALVING 150u      /* regtest's */
#define SIMBTC_SUBSIDY UINT64_C(5000000000)
#define SIMBTC_BITS 0x207fffffu
#define SIMBTC_BLOCK_WEIGHT 3996000u /* leaves the coinbase its place */
#define SIMBTC_CHAIN_LIMIT                                                                         \
	25u                      /* ancestors, and descendants, of one in the mempool, with itself \
				  */
#define SIMBTC_REPLACED_MAX 100u /* transactions that one may replace */
#define SIMBTC_IO_MAX 2000u      /* inputs, and outputs, of one transaction */
#define SIMBTC_LOCKTIME_THRESHOLD 500000000u
#define SIMBTC_MEDIAN_SPAN 11u

enum simbtc_tx_state { SIMBTC_GONE, SIMBTC_POOL, SIMBTC_MINED };

struct simbtc_tx {
	struct hash256 txid, wtxid;
	uint8_t *raw; /* owns; the slices of tx point into it */
	uint32_t raw_len;
	struct btc_tx tx; /* its arrays are owned */
	void *own;        /* owns: what the rules keep of it; NULL */
	uint64_t weight, vsize;
	uint64_t fee;
	enum simbtc_tx_state state;
	uint32_t block;  /* MINED: which one of the best chain */
	bool held;       /* never mined while held */
	uint64_t picked; /* POOL: which block being made took it */
	uint64_t arrived_s;
	uint32_t arrived_height;
	uint32_t prev, next; /* POOL: the mempool's list, in order of arrival */
};

struct simbtc_coin {
	uint32_t tx, vout;
	uint32_t height;
	bool coinbase;
	uint32_t prev, next; /* coins of one script; next also links free ones */
};

struct simbtc_block {
	struct hash256 hash;
	struct btc_header header;
	uint32_t height;
	uint32_t parent; /* SIMBTC_NONE: genesis */
	bool failed;     /* itself or an ancestor was invalidated */
	uint32_t *tx;    /* owns */
	uint32_t tx_count;
	struct simbtc_coin *undo; /* owns; the coins spent, in the order in which they were */
	uint32_t undo_count, undo_cap;
	uint32_t size, stripped_size;
};

/* What the next block makes out of nothing, where the rules allow it. */
struct simbtc_mint {
	uint8_t script[BTC_SCRIPT_STD_MAX];
	size_t script_len; /* 0: nothing */
	struct hash256 asset;
	struct sat value;
};

struct sim_bitcoin {
	struct sim_network network; /* first: the network is the node */
	const struct simbtc_rules *rules;
	struct sim_ops ops; /* the network's */
	struct sim_random random;
	uint64_t seed, start_ms, extra_nonce;

	struct simbtc_tx **tx;
	uint32_t tx_count, tx_cap;
	struct sim_index tx_by_id;

	struct simbtc_block *block;
	uint32_t block_count, block_cap;
	struct sim_index block_by_hash;
	uint32_t *chain; /* best chain, by height */
	uint32_t chain_len, chain_cap;

	struct simbtc_coin *coin;
	uint32_t coin_count, coin_cap, coin_free, coin_live;
	struct sim_index coin_by_outpoint, coin_by_script;

	struct sim_index spender;      /* outpoint: the transaction of the mempool that spends it */
	struct sim_index faucet_spent; /* outpoint: what the faucet paid with it last */
	uint32_t pool_head, pool_tail, pool_count;
	uint64_t pool_bytes, pool_fees, pool_sequence;
	uint64_t market_rate; /* sat/kvB; below it nothing is mined */
	uint64_t relay_rate;  /* sat/kvB; below it nothing is accepted */

	struct simbtc_mint mint;
	struct seckey faucet_key;
	uint8_t faucet_script[34];

	struct btc_txin *in_scratch; /* SIMBTC_IO_MAX each */
	struct btc_txout *out_scratch;
};

/* Where the output that an input spends stands. */
struct simbtc_source {
	uint32_t tx, vout;
};

#define SIMBTC_DESTINATION_MAX (33u + BTC_SCRIPT_STD_MAX)

/* What differs between the chains that this node can have. */
struct simbtc_rules {
	const char *name;  /* of the network, and in URLs */
	const char *chain; /* as the node calls it */
	const char *subversion;
	uint32_t version;
	uint64_t relay_rate; /* sat/kvB; also what a replacement adds for its own size */
	const struct btc_taproot *taproot;
	bool fee_outputs; /* an output without a script is a fee, and no coin */
	bool full_rbf;    /* what does not signal it can be replaced all the same */
	bool old_core;    /* answers as Bitcoin Core 23 does, not as 28 */
	uint64_t subsidy; /* of the first blocks */
	uint32_t first_blocks;
	/* of the faucet's payments, rounded up */
	uint32_t base_vsize, input_vsize, output_vsize;
	uint32_t blinded_vsize;    /* of an output to a destination with a key */
	const char *script_failed; /* what a script that fails is refused with */

	/* The transaction's view, its arrays in the node's scratch; ids and weight. ERR_FORMAT. */
	enum err (*tx_parse)(struct sim_bitcoin *b, struct simbtc_tx *t);
	void (*own_free)(void *own); /* takes; NULL is nothing */
	/* Do inputs and outputs balance? *fee: what is paid. NULL: yes; else why not. */
	const char *(*balance)(const struct sim_bitcoin *b, const struct simbtc_tx *t,
		const struct simbtc_source *source, uint64_t *fee, char text[128]);
	struct sat (*dust)(struct slice script);
	/* Returns owned, for the two that hash; free(). */
	void *(*sighash_prepare)(const struct sim_bitcoin *b, const struct simbtc_tx *t,
		const struct simbtc_source *source);
	void (*sighash_key_path)(struct hash256 *out, const struct sim_bitcoin *b,
		const void *cache, const struct simbtc_tx *t, uint32_t input);
	void (*sighash_script_path)(struct hash256 *out, const struct sim_bitcoin *b,
		const void *cache, const struct simbtc_tx *t, uint32_t input,
		const struct hash256 *leaf);

	/* The first block's header, and its transactions in block.tx. */
	void (*genesis)(struct sim_bitcoin *b, struct simbtc_block *block);
	/* The transaction that a block begins with. */
	void (*coinbase)(struct sim_bitcoin *b, struct buf *raw, const struct simbtc_block *block,
		struct slice script, uint64_t value);
	/* The rest of the header, and its hash. */
	void (*seal)(const struct sim_bitcoin *b, struct simbtc_block *block);
	void (*header_put)(struct text *out, const struct simbtc_block *block);
	/* The first coins of the faucet, where no block's subsidy pays it; NULL: it does. */
	void (*first_coins)(struct sim_bitcoin *b, uint64_t now_ms);
	/* A payment of the faucet's: as the rules write it, without witnesses; its scripts are
	 * destinations. */
	void (*payment_put)(struct buf *raw, const struct btc_tx *tx, uint64_t fee);

	enum err (*address_parse)(
		uint8_t script[BTC_SCRIPT_STD_MAX], size_t *script_len, struct slice text);
	/* With the key that it is blinded for in front, where there is one; NULL: as address_parse.
	 */
	enum err (*destination_parse)(
		uint8_t to[SIMBTC_DESTINATION_MAX], size_t *to_len, struct slice text);
	enum err (*address_format)(char text[SIMBTC_ADDRESS_SIZE], struct slice script);
	/* Members of answers, into an object that is open; NULL: none. */
	void (*chain_json)(struct text *out, const struct sim_bitcoin *b);
	void (*header_json)(struct text *out, const struct simbtc_block *block);
	void (*tx_json)(struct text *out, const struct simbtc_tx *t);
	/* What an output holds; key: how an explicit value is called. */
	void (*value_json)(
		struct text *out, const struct simbtc_tx *t, uint32_t vout, const char *key);
	/* Why sendrawtransaction does not even try; NULL: it does, or there is no such reason. */
	const char *(*unsendable)(const struct simbtc_tx *t);
	const char *scan_total;       /* how scantxoutset calls the sum */
	const struct simbtc_row *row; /* methods of its own */
	size_t row_count;
};
extern const struct simbtc_rules simbtc_rules_bitcoin;

/* A node by these rules. Returns owned. */
MUST_USE NONNULL_ALL struct sim_network *simbtc_create(
	const struct simbtc_rules *rules, const struct sim_bitcoin_config *config);

static inline struct sim_bitcoin *simbtc_of(struct sim_network *n)
{
	return (struct sim_bitcoin *)(void *)n;
}

static inline const struct simbtc_block *simbtc_tip(const struct sim_bitcoin *b)
{
	return &b->block[b->chain[b->chain_len - 1]];
}

static inline const struct btc_txout *simbtc_coin_out(
	const struct sim_bitcoin *b, const struct simbtc_coin *coin)
{
	return &b->tx[coin->tx]->tx.out[coin->vout];
}

/* ---- bitcoin_coins.c: transactions and the UTXO set ---- */

/* The record of these bytes, which are copied: a new one, unless the same is known. ERR_FORMAT. */
MUST_USE NONNULL_ALL enum err simbtc_tx_add(
	struct sim_bitcoin *b, uint32_t *index, struct slice raw);
/* The latest record of a transaction id, or SIMBTC_NONE. */
NONNULL_ALL uint32_t simbtc_tx_find(const struct sim_bitcoin *b, const struct hash256 *txid);
/* NULL: not in the UTXO set. Borrowed until coins change. */
NONNULL_ALL const struct simbtc_coin *simbtc_coin_find(
	const struct sim_bitcoin *b, const struct hash256 *txid, uint32_t vout);
/* The first coin of a script, or SIMBTC_NONE; the others follow by next. */
NONNULL_ALL uint32_t simbtc_coins_of(const struct sim_bitcoin *b, struct slice script);
NONNULL_ALL void simbtc_coin_add(struct sim_bitcoin *b, const struct simbtc_coin *coin);
/* *spent: what it was. It must be there. */
NONNULL_ALL void simbtc_coin_spend(
	struct sim_bitcoin *b, struct simbtc_coin *spent, const struct btc_outpoint *at);
NONNULL_ALL bool simbtc_unspendable(const struct sim_bitcoin *b, struct slice script);

/* ---- bitcoin_script.c ---- */

struct simbtc_script_error {
	const char *text; /* Bitcoin Core's words */
	bool policy;      /* a rule of relay, not of consensus */
};
/* NULL: input spends spent[input] rightly. */
NONNULL_ALL const struct simbtc_script_error *simbtc_verify_input(const struct sim_bitcoin *b,
	const void *cache, const struct simbtc_tx *t, const struct btc_txout *spent,
	uint32_t input);

/* ---- bitcoin_pool.c ---- */

struct simbtc_verdict {
	int code; /* 0, or Bitcoin Core's for sendrawtransaction */
	char reason[320];
	uint64_t fee;
	uint32_t replaced[SIMBTC_REPLACED_MAX];
	uint32_t replaced_count;
};

/* Would this transaction be accepted? From a block that was undone: fees and scripts were. */
NONNULL_ALL void simbtc_check(
	const struct sim_bitcoin *b, struct simbtc_verdict *verdict, uint32_t tx, bool from_block);
/* Put it in, replacing what the verdict says. */
NONNULL_ALL void simbtc_pool_add(
	struct sim_bitcoin *b, uint32_t tx, const struct simbtc_verdict *verdict, uint64_t now_ms);
/* Take out one; its place in the list is closed. */
NONNULL_ALL void simbtc_pool_remove(struct sim_bitcoin *b, uint32_t tx);
/* With all that depend on it. */
NONNULL_ALL void simbtc_pool_evict(struct sim_bitcoin *b, uint32_t tx);
/* Take out all and put back what is still acceptable, `first` before the rest. */
NONNULL_ALL void simbtc_pool_rebuild(
	struct sim_bitcoin *b, const uint32_t *first, uint32_t first_count, uint64_t now_ms);
/* Descendants or ancestors of tx in the mempool, itself first, at most max; returns how many. */
NONNULL_ALL uint32_t simbtc_descendants(
	const struct sim_bitcoin *b, uint32_t *out, uint32_t max, uint32_t tx);
NONNULL_ALL uint32_t simbtc_ancestors(
	const struct sim_bitcoin *b, uint32_t *out, uint32_t max, uint32_t tx);
/* Fee of vsize at a rate in sat/kvB, rounded up as Bitcoin Core rounds since 28. */
uint64_t simbtc_fee(uint64_t vsize, uint64_t rate);
uint64_t simbtc_rate(uint64_t fee, uint64_t vsize);
/* "0.00001": whole coins, at least two decimals. */
NONNULL_ALL const char *simbtc_money(char text[32], uint64_t sat);

/* ---- bitcoin_rules.c: what rules share ---- */

/* BIP-34. */
NONNULL_ALL void simbtc_put_height(struct buf *out, uint32_t height);

/* ---- bitcoin_chain.c ---- */

/* A block that was made, onto the chain. */
NONNULL_ALL uint32_t simbtc_block_add(struct sim_bitcoin *b, const struct simbtc_block *block);

NONNULL_ALL void simbtc_chain_begin(struct sim_bitcoin *b);
/* One block on the tip that pays script; with what the mempool offers, or empty. */
NONNULL_ALL uint32_t simbtc_mine(
	struct sim_bitcoin *b, uint64_t now_ms, struct slice script, bool empty);
/* Mark and find the best chain again. */
NONNULL_ALL void simbtc_invalidate(struct sim_bitcoin *b, uint32_t block, uint64_t now_ms);
NONNULL_ALL void simbtc_reconsider(struct sim_bitcoin *b, uint32_t block, uint64_t now_ms);
MUST_USE NONNULL_ALL enum err simbtc_reorg(
	struct sim_bitcoin *b, uint64_t now_ms, const struct sim_reorg *reorg);
/* Median time of the block and its ten ancestors (BIP-113). */
NONNULL_ALL uint32_t simbtc_median_time(const struct sim_bitcoin *b, uint32_t block);
NONNULL_ALL uint32_t simbtc_block_find(const struct sim_bitcoin *b, const struct hash256 *hash);
NONNULL_ALL bool simbtc_in_best(const struct sim_bitcoin *b, uint32_t block);

/* ---- bitcoin_faucet.c ---- */

NONNULL_ALL void simbtc_faucet_begin(struct sim_bitcoin *b);
/* A signed payment of count outputs of this value each, from the faucet's coins, in the mempool.
 * ERR_RANGE: it has not that much. */
/* script: or a destination that is blinded for a key (SIMBTC_DESTINATION_MAX). */
MUST_USE NONNULL_ALL enum err simbtc_fund(struct sim_bitcoin *b, struct hash256 *txid,
	uint64_t now_ms, struct slice script, struct sat value, uint32_t count);
#define SIMBTC_FUND_COUNT_MAX 500u

/* ---- bitcoin_rpc.c, bitcoin_rpc_tx.c, bitcoin_rpc_sim.c ---- */

struct simbtc_call {
	struct sim_bitcoin *b;
	struct sim_reply *reply;
	struct text *out; /* of the reply */
	const struct sim_params *params;
	uint64_t now_ms;
};
typedef void (*simbtc_method)(struct simbtc_call *c);
/* The network's rpc. */
void simbtc_rpc(struct sim_network *n, struct sim_reply *reply, uint64_t now_ms, const char *method,
	const struct sim_params *params);

struct simbtc_row {
	const char *name;
	simbtc_method run;
	uint8_t params_min, params_max;
};
extern const struct simbtc_row simbtc_tx_rows[], simbtc_sim_rows[];
extern const size_t simbtc_tx_row_count, simbtc_sim_row_count;

#define RPC_MISC_ERROR (-1)
#define RPC_TYPE_ERROR (-3)
#define RPC_INVALID_ADDRESS_OR_KEY (-5)
#define RPC_INVALID_PARAMETER (-8)
#define RPC_DESERIALIZATION_ERROR (-22)
#define RPC_VERIFY_ERROR (-25)
#define RPC_VERIFY_REJECTED (-26)
#define RPC_VERIFY_ALREADY_IN_CHAIN (-27)
#define RPC_METHOD_NOT_FOUND (-32601)

/* Parameters by position. False: the reply has the error. */
bool simbtc_param_hash(struct simbtc_call *c, size_t at, const char *name, struct hash256 *out);
bool simbtc_param_u64(
	struct simbtc_call *c, size_t at, const char *name, uint64_t absent, uint64_t *out);
bool simbtc_param_bool(struct simbtc_call *c, size_t at, const char *name, bool absent, bool *out);
bool simbtc_param_string(struct simbtc_call *c, size_t at, const char *name, struct slice *out);
/* A number 0, 1, 2 or a boolean. */
bool simbtc_param_verbosity(struct simbtc_call *c, size_t at, uint64_t absent, uint64_t *out);
/* A script from an address of this network; room for BTC_SCRIPT_STD_MAX bytes. */
bool simbtc_param_script(struct simbtc_call *c, size_t at, uint8_t *script, size_t *script_len);
bool simbtc_param_destination(struct simbtc_call *c, size_t at, uint8_t *to, size_t *to_len);
/* An amount in whole coins, as a string or a number. */
bool simbtc_param_coins(struct simbtc_call *c, size_t at, uint64_t absent, struct sat *out);
/* The block of that hash; -5 where there is none. */
bool simbtc_param_block(struct simbtc_call *c, size_t at, const char *name, uint32_t *out);
/* A transaction as members of an object that is open. */
NONNULL_ALL void simbtc_tx_json(struct text *out, const struct sim_bitcoin *b, uint32_t tx);
/* A scriptPubKey as an object. */
NONNULL_ALL void simbtc_script_json(
	struct text *out, const struct sim_bitcoin *b, struct slice script);
/* The descriptor of a script, with its check sum (BIP-380). */
NONNULL_ALL void simbtc_descriptor(
	struct text *out, const struct sim_bitcoin *b, struct slice script);
NONNULL_ALL void simbtc_descriptor_checksum(char sum[9], struct slice text);
/* The bytes of a block. */
NONNULL_ALL void simbtc_block_bytes(
	struct text *out, const struct sim_bitcoin *b, const struct simbtc_block *block);

#endif
