/* node/api: the HTTP API (docs/api.md, docs/openapi.yaml).
 *
 * Handlers run on the engine's thread: they read the ledger directly, in bounded steps, and put
 * commands to the engine. No answer leaves before the sequence that it depends on is durable; one
 * that is not durable by its deadline becomes a 503 that says so. Takers are anonymous and
 * rate-limited; operators hold tokens, and only they see accounts, transfers and events.
 *
 * Quotes are stateless: an anonymous peer writes nothing until it takes one.
 * Threads: the loop's. Ownership: everything in the configuration is borrowed until api_destroy.
 */
#ifndef NODE_API_H
#define NODE_API_H
#include "layer/layer.h"
#include "net/http_server.h"
#include "net/http_client.h"
#include "net/net_pool.h"
#include "net/net_thread.h"
#include "node/config.h"
#include "node/engine.h"
#include "node/secrets.h"
#include "node/snapshots.h"
#include "store/log_index.h"
#include "rt/executor.h"
#include "store/journal_scrub.h"

struct api;

#define NODE_RINGS_MAX (NET_RINGS_MAX + 3u) /* those to the workers and back, and the log's */
#define NODE_POOLS_MAX (LAYER_COUNT + (HTTP_CLIENT_POOLS + 1u) * NET_POOL_CLASSES_MAX)

struct node_status {
	bool signer_connected;
	bool journal_ok;
	struct journal_stat journal;
	struct journal_scrub_stat scrub;
	struct snapshots_stat snapshots;
	uint64_t effects_in_flight; /* being built, signed or submitted now */
	struct link_stat ring[NODE_RINGS_MAX];
	uint32_t ring_count;
	/* a class of a pool each: of calls to nodes, of HTTP calls and exchanges */
	struct {
		const char *name;
		struct slab_stats stats;
	} pool[NODE_POOLS_MAX];
	uint32_t pool_count;
	struct executor_counts work;
	uint32_t workers, imbalance_milli; /* as executor_totals has it */
};

/* What the API needs from the rest of the node. */
struct api_ports {
	void *ctx;
	void (*random)(void *ctx, void *out, size_t len);
	uint64_t (*durable)(void *ctx);    /* journal_durable */
	uint64_t (*answerable)(void *ctx); /* journal_answerable */
	void (*status)(void *ctx, struct node_status *out);
	/* Only for layers that are enabled; as the functions of layer/layer.h of these names. */
	void (*layer_info)(void *ctx, enum layer_id id, struct layer_info *out);
	enum err (*layer_submit)(
		void *ctx, enum layer_id id, struct slice raw, layer_submit_cb cb, void *cb_ctx);
	/* CHANNEL */
	enum err (*layer_offer)(void *ctx, enum layer_id id, const struct leg_offer *offer,
		layer_offer_cb cb, void *cb_ctx);
	enum err (*layer_status)(void *ctx, enum layer_id id, const struct hash256 *txid,
		layer_status_cb cb, void *cb_ctx);
};

struct api_config {
	struct loop *loop;
	struct log_index *log;             /* NULL: proofs can't be given */
	const struct descriptor *deposits; /* NULL: no addresses are given */
	struct id128 cluster;
	struct engine *engine;
	const struct config *config;
	const struct token_set *tokens;
	const struct seal_key *seal; /* quotes are authenticated by a key derived from it */
	struct api_ports ports;
};

/* Returns owned; subscribes to the engine's events. ERR_FULL: no memory. */
MUST_USE NONNULL_ALL enum err api_create(struct api **out, const struct api_config *config);
/* After the engine and the layers can't call back any more, and after the HTTP server is gone. */
void api_destroy(struct api *api);

/* For http_server_create; ctx is the struct api. */
NONNULL_ALL void api_handle(void *api, struct http_exchange *exchange);

#endif
