/* node/api_world_test: the API over a real server, engine and journal (on a disk in memory), with
 * layers that answer what a test tells them. Only tests link it. */
#ifndef NODE_API_WORLD_TEST_H
#define NODE_API_WORLD_TEST_H
#include "btc/descriptor.h"
#include "node/api.h"
#include "sys/file_sim.h"

#define OPERATOR_TOKEN "operator-0123456789abcdef0123456789"
#define READER_TOKEN "reader-0123456789abcdef0123456789ab"
#define FUNDS_SAT UINT64_C(100000000)
#define WEI_PER_SAT UINT64_C(10000000000)

/* Bitcoin and Rootstock, by their layers' numbers. */
#define WORLD_LAYERS 2u

struct world {
	struct loop *loop;
	struct file_sim *disk;
	struct journal *journal;
	struct log_index *log;
	struct ledger *ledger;
	struct engine *engine;
	struct config config;
	struct ledger_params params;
	struct descriptor deposits;
	struct token_set tokens;
	struct seal_key seal;
	struct api *api;
	struct http_server *server;
	uint64_t tip[LAYER_COUNT];
	struct hash256 tip_hash[LAYER_COUNT];
	uint64_t random; /* counts up: ids differ */

	/* what a test turns */
	bool signer_up, journal_ok, hold_durable;
	uint64_t damaged; /* segments */
	enum err layer_err[LAYER_COUNT];
	enum submit_outcome submit_outcome; /* 0: never answers */
	enum tx_presence presence;          /* 0: never answers */
	enum err call_err;                  /* submit and status return this at once */
};

/* yaml is added to a configuration for regtest on any free port. */
NONNULL_ALL void world_open(struct world *w, const char *yaml);
/* The same with deposit addresses. */
#define WORLD_DESCRIPTOR                                                                           \
	"wpkh(tpubD6NzVbkrYhZ4YoC6CCDAcAepZNS4voBjbtkxiT9whviyexRZLJRTT4kCb7R8mjYFpiPWgjak"        \
	"ugKv38ZvQCdjmaAqm86igrjHFqTjKwr7MoL/0/*)#zrvgeaf4"
NONNULL_ALL void world_open_deposits(struct world *w);
NONNULL_ALL void world_close(struct world *w);
/* One block of a layer, with these events. */
void world_block(
	struct world *w, enum layer_id layer, const struct chain_event *event, size_t count);
/* Let go of what hold_durable held back. */
NONNULL_ALL void world_release(struct world *w);
/* Both layers compare without a difference. */
NONNULL_ALL void world_reconcile(struct world *w);

#endif
