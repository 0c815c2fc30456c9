/* layer/bitcoin: the adapter for Bitcoin Core's JSON-RPC (btcd's where it has the same calls).
 * Shared by its files; docs of the contract are in layer.h.
 */
#ifndef LAYER_BITCOIN_BITCOIN_H
#define LAYER_BITCOIN_BITCOIN_H
#include "btc/block.h"
#include "btc/htlc.h"
#include "btc/tx.h"
#include "layer/adapter.h"
#include "layer/table.h"

#define BITCOIN_COINS_MAX (1u << 20)  /* watched at a time, spent ones for a while included */
#define BITCOIN_LOCKS_MAX (1u << 16)  /* swaps watched at a time */
#define BITCOIN_POINTS_MAX (1u << 20) /* outputs that pay to their scripts */
#define BITCOIN_SEEN_MAX (1u << 16)   /* our transactions in blocks, for layer_status */
#define BITCOIN_POOL_MAX (1u << 21)   /* transactions of the mempool that were looked at */
#define BITCOIN_POOL_IN_FLIGHT 64u
/* How deep a spend lies before its outpoint is forgotten: deeper than we follow reorganisations. */
#define BITCOIN_FORGET_DEPTH (2u * LAYER_CURSOR_MAX)
/* Satoshi per 1,000 vbytes; a node that asks for more is not believed. */
#define BITCOIN_RATE_MAX 10000000u
/* Hex of a block, with quotes. */
#define BITCOIN_TX_HEX_MAX (2u * BTC_TX_SIZE_MAX)

/* An outpoint as a key of 36 bytes. */
struct point_key {
	uint8_t b[36];
};
void point_key_of(struct point_key *out, const struct btc_outpoint *at);

/* Items of the tables; the first member is the key. */
struct coin_watch {
	struct point_key at;
	uint64_t spent_height; /* 0: not spent */
};
struct script_key {
	uint8_t b[34];
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

struct bitcoin {
	struct layer layer;
	bool has_wallet;
	struct script_key wallet[KEY_INDEX_COUNT];
	struct table coin, lock, script, hash, point, seen;
	struct chain_event *event; /* owned; CHAIN_EVENTS_MAX of them */

	struct table pool;
	uint32_t pool_generation;
	bool pool_listing;
	struct hash256 *pool_todo; /* owned; config.mempool_max of them */
	uint32_t pool_todo_count, pool_todo_next, pool_in_flight;
};

static inline struct bitcoin *bitcoin_of(struct layer *layer)
{
	return (struct bitcoin *)(void *)layer;
}

/* ---- match.c: which parts of a transaction concern us ---- */

/* Where events go; returns OK, or ERR_FULL to stop. */
typedef enum err (*match_emit)(void *ctx, const struct chain_event *event);
/* Coins are looked at in blocks only (height over 0). What pays our scripts is watched from here
 * on. */
MUST_USE enum err bitcoin_match(struct bitcoin *b, const struct btc_tx *tx,
	const struct hash256 *txid, uint64_t height, match_emit emit, void *ctx);
enum err bitcoin_watch_wallet(struct layer *layer, const struct pubkey *wallet);
enum err bitcoin_watch_coin(struct layer *layer, const struct btc_outpoint *coin);
enum err bitcoin_watch_lock(struct layer *layer, const struct id128 *swap, struct slice leg);
enum err bitcoin_watch_lock_at(
	struct layer *layer, const struct id128 *swap, const struct locator *at);
void bitcoin_unwatch_lock(struct layer *layer, const struct id128 *swap);
/* What was learned from blocks above keep is forgotten. */
void bitcoin_match_reorganised(struct bitcoin *b, const struct block_ref *keep);
/* Remember the transactions of a reported block; forget what is deep. */
void bitcoin_match_reported(struct bitcoin *b, const struct block_ref *block, size_t event_count);

/* ---- block.c: follow.h's questions ---- */

extern const struct follow_source bitcoin_follow;

/* ---- mempool.c ---- */

void bitcoin_pool_poll(struct bitcoin *b);

/* ---- fee.c, submit.c, status.c, scan.c ---- */

enum err bitcoin_fee_estimate(struct layer *layer, uint32_t blocks, layer_fee_cb cb, void *ctx);
void bitcoin_fee_poll(struct bitcoin *b);
enum err bitcoin_submit(struct layer *layer, struct slice raw, layer_submit_cb cb, void *ctx);
enum err bitcoin_status(
	struct layer *layer, const struct hash256 *txid, layer_status_cb cb, void *ctx);
enum err bitcoin_scan(struct layer *layer, const struct layer_lock_ref *lock, size_t lock_count,
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
MUST_USE enum err core_answer_is_tx(const struct json *hex, const struct hash256 *txid);
/* The answer to getblockheader (verbose): a block of this hash on the best chain at `height`, with
 * *confirmations. ERR_STATE: not on the best chain. */
MUST_USE enum err core_answer_header(struct block_ref *out, uint64_t *confirmations,
	const struct json *result, const struct hash256 *hash);
/* The node has no such method: btcd, for some of what Bitcoin Core answers. */
bool core_answer_no_method(const struct rpc_answer *answer);
/* Parse the transaction and call visit. */
typedef enum err (*tx_use)(void *ctx, const struct btc_tx *tx, const struct hash256 *txid);
MUST_USE enum err tx_open(struct slice raw, tx_use use, void *ctx);

#endif
