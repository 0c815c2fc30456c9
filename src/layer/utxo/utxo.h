/* layer/utxo: the adapter for nodes that speak Bitcoin Core's JSON-RPC: Bitcoin Core itself, btcd
 * where it has the same calls, elementsd. Shared by its files and by the folders of its networks;
 * docs of the contract are in layer.h.
 *
 * Everything here sees transactions as Bitcoin's: outpoints, witnesses, scripts, and values of the
 * one asset that the layer counts. What differs is in one table, struct utxo_rules, which a network
 * fills in: how bytes are read, and what else is asked of the node.
 * Threads: the loop's, but for utxo_rules' functions on blocks, which run on workers.
 * What it must not do: count an output whose asset or value it doesn't know.
 */
#ifndef LAYER_UTXO_UTXO_H
#define LAYER_UTXO_UTXO_H
#include "btc/block.h"
#include "btc/descriptor.h"
#include "btc/htlc.h"
#include "btc/tx.h"
#include "layer/adapter.h"
#include "layer/table.h"

#define UTXO_COINS_MAX (1u << 20)  /* watched at a time, spent ones for a while included */
#define UTXO_LOCKS_MAX (1u << 16)  /* swaps watched at a time */
#define UTXO_POINTS_MAX (1u << 20) /* outputs that pay to their scripts */
#define UTXO_SEEN_MAX (1u << 16)   /* our transactions in blocks, for layer_status */
#define UTXO_POOL_MAX (1u << 21)   /* transactions of the mempool that were looked at */
#define UTXO_POOL_IN_FLIGHT 64u
/* How deep a spend lies before its outpoint is forgotten: deeper than we follow reorganisations. */
#define UTXO_FORGET_DEPTH (2u * LAYER_CURSOR_MAX)
/* Satoshi per 1,000 vbytes; a node that asks for more is not believed. */
#define UTXO_RATE_MAX 10000000u
/* Hex of a block, with quotes. */
#define UTXO_TX_HEX_MAX (2u * BTC_TX_SIZE_MAX)

/* An outpoint as a key of 36 bytes. */
struct point_key {
	uint8_t b[36];
};
void point_key_of(struct point_key *out, const struct btc_outpoint *at);

/* Items of the tables; the first member is the key. */
struct coin_watch {
	struct point_key at;
	uint64_t spent_height; /* 0: not spent */
	struct sat hidden;     /* what a confidential one holds; zero: it is explicit */
};
struct script_key {
	uint8_t b[34];
};
struct deposit_watch { /* by script, zeros behind a shorter one */
	struct script_key script;
	uint8_t len;
	uint32_t index;
};
struct lock_watch { /* by swap */
	struct id128 swap;
	struct btc_htlc terms;
	struct script_key script;
};
struct script_watch { /* by script */
	struct script_key script;
	struct id128 swap;
};
struct hash_watch { /* by hash: one swap each (HAZARDS 27) */
	struct hash256 hash;
	struct id128 swap;
};
struct point_watch { /* an output that pays to a lock's script */
	struct point_key at;
	struct id128 swap;
	bool stray; /* it holds another amount than the terms say */
};
struct seen_tx {
	struct hash256 txid;
	uint64_t height;
	struct hash256 block;
};
struct pool_tx {
	struct hash256 txid;
	uint32_t generation; /* the listing that had it last */
};

struct utxo_check;
struct utxo;

/* A confidential output in a block that pays a script of ours, and what was found in it. */
struct utxo_opening {
	uint32_t tx, output; /* in order of these */
	/* OK: of our asset, and not nothing. ERR_FORMAT: it lacks what it takes to be read;
	 * ERR_CHECKSUM: its proof is none, or says otherwise than its commitments; ERR_NOT_FOUND:
	 * it is blinded for another key; ERR_NETWORK: another asset; ERR_RANGE: nothing, or hidden
	 * by nothing */
	enum err err;
	struct sat value;
	struct blinders hidden;
};

/* A transaction, and its id. What is returned other than OK is handed on. */
typedef enum err (*tx_use)(void *ctx, const struct btc_tx *tx, const struct hash256 *txid);

struct utxo_rules {
	/* One whole transaction. ERR_FORMAT and others of btc_tx_parse; ERR_FULL: no memory. */
	enum err (*tx_open)(const struct network *network, struct slice raw, tx_use use, void *ctx);
	/* The block of this hash, checked as far as its bytes allow. *ref has hash and height, and
	 * gets the rest. Returns owned; raw is borrowed until it is closed. Loops only through
	 * `parallel`, which may be made to do nothing. */
	enum err (*block_open)(void **block, struct block_ref *ref, struct slice raw,
		const struct parallel *parallel);
	enum err (*block_visit)(
		const void *block, const struct network *network, btc_tx_visit visit, void *ctx);
	/* Which of its outputs pay b's scripts confidentially, and, once block_reveal was called
	 * for each index below *count, what they hold; reveal runs on any thread, tens of
	 * milliseconds long. Of b, only what layer_start does not change any more is read. NULL:
	 * there are none on this network. ERR_FULL: no memory. */
	enum err (*block_find)(void *block, const struct utxo *b, uint32_t *count);
	void (*block_reveal)(void *block, const struct utxo *b, uint32_t index);
	const struct utxo_opening *(*block_openings)(const void *block, uint32_t *count);
	void (*block_close)(void *block); /* takes; NULL is nothing */
	/* What an entry of scantxoutset holds; ERR_NOT_FOUND: nothing that is counted; ERR_STATE:
	 * it is confidential. */
	enum err (*scan_value)(
		struct sat *value, const struct json *output, const struct network *network);
	/* An output of value zero holds something else, or nobody can see what: it is not counted.
	 */
	bool other_assets;
	/* Ask what else tells the right network from others. NULL: nothing. */
	void (*check_more)(struct utxo_check *c);
};

struct utxo {
	struct layer layer;
	const struct utxo_rules *rules;
	bool has_wallet;
	struct script_key wallet[KEY_INDEX_COUNT];
	struct seckey opens[KEY_INDEX_COUNT]; /* what is blinded for them; Liquid */
	const struct descriptor *descriptor;  /* borrows; of deposits; NULL: none */
	uint32_t deposit_count;               /* its indexes below are watched */
	struct table deposit;
	struct table coin, lock, script, hash, point, seen;
	struct chain_event *event; /* owned; CHAIN_EVENTS_MAX of them */

	struct table pool;
	uint32_t pool_generation;
	bool pool_listing;
	struct hash256 *pool_todo; /* owned; config.mempool_max of them */
	uint32_t pool_todo_count, pool_todo_next, pool_in_flight;
};

static inline struct utxo *utxo_of(struct layer *layer)
{
	return (struct utxo *)(void *)layer;
}

/* An adapter by these rules. NULL: no memory. */
struct layer *utxo_allocate(const struct utxo_rules *rules);
void utxo_release(struct layer *layer);

static inline enum err utxo_tx_open(struct layer *layer, struct slice raw, tx_use use, void *ctx)
{
	return utxo_of(layer)->rules->tx_open(layer->config.network, raw, use, ctx);
}

/* ---- plan.c ---- */

/* Satoshi per 1,000 vbytes, where a node names none. */
uint64_t utxo_relay_rate(enum layer_id id);

/* ---- match.c: which parts of a transaction concern us ---- */

/* Where events go; returns OK, or ERR_FULL to stop. */
typedef enum err (*match_emit)(void *ctx, const struct chain_event *event);
/* Where a transaction was seen, and what its confidential outputs to us hold. */
struct utxo_place {
	uint64_t height; /* 0: the mempool */
	const struct utxo_opening *opening;
	uint32_t opening_count;
};
/* Coins are looked at in blocks only. What pays our scripts is watched from here on. */
MUST_USE enum err utxo_match(struct utxo *b, const struct btc_tx *tx, const struct hash256 *txid,
	const struct utxo_place *place, match_emit emit, void *ctx);
enum err utxo_watch_wallet(struct layer *layer, const struct pubkey *wallet);
enum err utxo_watch_deposits(
	struct layer *layer, const struct descriptor *descriptor, uint32_t count);
/* The deposit address of this script; NULL: none is watched. */
const struct deposit_watch *utxo_deposit(const struct utxo *b, struct slice script);
enum err utxo_watch_coin(struct layer *layer, const struct btc_coin *coin);
enum err utxo_watch_lock(struct layer *layer, const struct id128 *swap, struct slice leg);
enum err utxo_watch_lock_at(
	struct layer *layer, const struct id128 *swap, const struct locator *at);
void utxo_unwatch_lock(struct layer *layer, const struct id128 *swap);
/* What was learned from blocks above keep is forgotten. */
void utxo_match_reorganised(struct utxo *b, const struct block_ref *keep);
/* Remember the transactions of a reported block; forget what is deep. */
void utxo_match_reported(struct utxo *b, const struct block_ref *block, size_t event_count);

/* ---- block.c: follow.h's questions ---- */

extern const struct follow_source utxo_follow;

/* ---- mempool.c ---- */

void utxo_pool_poll(struct utxo *b);

/* ---- check.c, fee.c, submit.c, status.c, scan.c ---- */

struct utxo_check {
	struct node_check node;
	struct hash256 best;
	bool header_asked;
	bool says_syncing; /* the node itself knows whether it is */
};
/* What is said first counts; ERR_NETWORK outranks the rest. */
void utxo_check_fail(struct utxo_check *c, enum err err, const char *what, const char *why);
void utxo_check_fail_answer(
	struct utxo_check *c, const struct rpc_answer *answer, const char *what);
enum err utxo_check_node(struct layer *layer, layer_info_cb cb, void *ctx);
enum err utxo_block_at(struct layer *layer, uint64_t height, layer_block_cb cb, void *ctx);

enum err utxo_fee_estimate(struct layer *layer, uint32_t blocks, layer_fee_cb cb, void *ctx);
void utxo_fee_poll(struct utxo *b);
enum err utxo_submit(struct layer *layer, struct slice raw, layer_submit_cb cb, void *ctx);
enum err utxo_status(
	struct layer *layer, const struct hash256 *txid, layer_status_cb cb, void *ctx);
enum err utxo_scan(struct layer *layer, const struct layer_lock_ref *lock, size_t lock_count,
	layer_scan_cb cb, void *ctx);

/* ---- answer.c: shapes of answers ---- */

/* A hash as Bitcoin's tools print it; ERR_FORMAT. */
MUST_USE enum err core_answer_hash(struct hash256 *out, const struct json *value);
/* A hash as a parameter. */
struct json *core_param_hash(const struct hash256 *hash);
/* Hex into a new buffer of at most len_max bytes, with the help of `parallel` (NULL: nobody).
 * Returns owned (free). ERR_FORMAT, ERR_FULL. */
MUST_USE enum err core_answer_hex(uint8_t **bytes, size_t *len, size_t len_max,
	const struct json *value, const struct parallel *parallel);
/* A raw transaction, whose id must be txid. */
MUST_USE enum err core_answer_is_tx(
	struct layer *layer, const struct json *hex, const struct hash256 *txid);
/* The answer to getblockheader (verbose): a block of this hash on the best chain at `height`, with
 * *confirmations. ERR_STATE: not on the best chain. */
MUST_USE enum err core_answer_header(struct block_ref *out, uint64_t *confirmations,
	const struct json *result, const struct hash256 *hash);
/* The node has no such method: btcd, for some of what Bitcoin Core answers. */
bool core_answer_no_method(const struct rpc_answer *answer);
#endif
