/* node/watch: between the adapters and the engine: what is watched, and what was seen.
 *
 * The watch set follows from the ledger: our scripts and account, our coins, the lock-ups of swaps
 * that are not over. It is given to the adapters at the start and kept up with every durable
 * change, before the answer that tells a client where to pay. Threads: the loop's.
 */
#ifndef NODE_WATCH_H
#define NODE_WATCH_H
#include "layer/layer.h"
#include "node/engine.h"

struct watch;

struct watch_config {
	struct loop *loop;
	struct engine *engine;
	struct layer *const *layer;        /* LAYER_COUNT */
	const struct descriptor *deposits; /* of Bitcoin's deposit addresses; NULL: none */
};

/* Returns owned; subscribes to the engine. */
MUST_USE NONNULL_ALL enum err watch_create(struct watch **out, const struct watch_config *config);
void watch_destroy(struct watch *w);
/* What a flood of events, or a full adapter, left out. */
NONNULL_ALL void watch_sweep(struct watch *w);
/* Spends of a swap's destination leg are seen. */
NONNULL_ALL bool watch_has_dest(const struct watch *w, uint32_t swap);
/* Our own scripts on this layer: what a scan of it needs. Again after addresses were given. Errors
 * as layer_watch_wallet and layer_watch_deposits. */
MUST_USE NONNULL_ALL enum err watch_scripts(struct watch *w, enum layer_id layer);
/* Those that were given since, before anybody is told of them. */
MUST_USE NONNULL_ALL enum err watch_addresses(struct watch *w);
/* Watch what the ledger holds on this layer and follow its chain from the ledger's last block. */
MUST_USE NONNULL_ALL enum err watch_start(struct watch *w, enum layer_id layer);

#endif
