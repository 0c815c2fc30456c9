/* bench/world: what every taker of the load shares: the loop, the provider's API, both nodes, their
 * tips, and money to begin with.
 *
 * Threads: the loop's. Every request ends in exactly one callback. */
#ifndef BENCH_WORLD_H
#define BENCH_WORLD_H
#include "btc/build.h"
#include "net/jsonrpc.h"
#include "wire/evm_htlc.h"

#define WORLD_LAYERS 2u /* Bitcoin and Rootstock, by their layers' numbers */
#define WORLD_URL_SIZE 256u
#define WORLD_TAKERS_MAX 10000u
#define WORLD_NODE_IN_FLIGHT 1024u
#define WORLD_TIP_POLL_MS 500u
#define WORLD_FEE_RATE 5000u               /* satoshi per 1,000 vbytes, over devnet's market */
#define WORLD_GAS_PRICE UINT64_C(60000000) /* wei */
#define WORLD_COIN_VALUE UINT64_C(200000)  /* satoshi of each coin that a taker begins with */
#define WORLD_AMOUNT_MIN UINT64_C(100000)  /* satoshi of a swap */
#define WORLD_AMOUNT_SPREAD UINT64_C(50000)

struct world_config {
	const char *url; /* of the provider's API */
	const char *node[WORLD_LAYERS];
	struct evm_address contract;
	uint64_t seed;
	uint32_t takers;
	uint64_t poll_ms;        /* how often a taker asks after its swap */
	uint32_t node_in_flight; /* at once to one node; 0: WORLD_NODE_IN_FLIGHT */
};

struct world {
	struct world_config config;
	struct loop *loop;
	struct http_client *http;
	struct upstream *node[WORLD_LAYERS];
	const struct network *network[WORLD_LAYERS];
	uint64_t tip[WORLD_LAYERS]; /* 0: not known yet */
	struct seckey wallet;       /* of the coins that takers begin with; internal key */
	uint8_t wallet_script[34];
	struct hash256 fund_tx[WORLD_TAKERS_MAX / 500 + 1];
	uint32_t fund_count, fund_confirmed, accounts_set;
	uint64_t api_requests, node_requests;
};

MUST_USE NONNULL_ALL enum err world_create(struct world *w, const struct world_config *config);
NONNULL_ALL void world_destroy(struct world *w);

/* A secret that only this taker has: of seed, what for, and which. */
NONNULL_ALL void world_secret(
	struct hash256 *out, const struct world *w, const char *what, uint32_t index);
/* The key of a taker's Bitcoin and of its gas account. */
NONNULL_ALL void world_key(struct seckey *out, const struct world *w, uint32_t index);
/* The coin that a taker begins with. */
NONNULL_ALL struct btc_coin world_coin(const struct world *w, uint32_t index);

/* Coins for all takers and gas for their accounts, out of the nodes' faucets; blocks until they are
 * in blocks. */
MUST_USE NONNULL_ALL enum err world_fund(struct world *w);

/* Takes body (NULL: none). Answered: err OK, with status and body (may be NULL). */
typedef void (*world_api_cb)(void *ctx, enum err err, unsigned status, const struct json *body);
MUST_USE enum err world_api(struct world *w, const char *method, const char *path,
	const char *header, struct json *body, world_api_cb cb, void *ctx);
/* Takes params. */
MUST_USE enum err world_ask(struct world *w, enum layer_id layer, const char *method,
	struct json *params, rpc_cb cb, void *ctx);

/* Parameters: an array of one text, to be filled up. */
struct json *world_params(const char *first);
/* "0x" and hex; returns owned. */
struct json *world_hex(const void *bytes, size_t len);

#endif
