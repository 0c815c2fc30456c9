/* node/reconcile: the books against the chain, at one block hash, by scanning the chain itself.
 *
 * A scan counts only when the block it speaks of is one that the ledger has folded and no lock-up
 * of ours was added since the scan was asked for; otherwise it is made again soon. Blocks may come
 * while it runs: chains are faster than a scan of many lock-ups. Channels have no blocks: they are
 * compared as of now, where nothing was told meanwhile and nothing under way explains a difference.
 * The engine latches on a difference. Threads: the loop's.
 */
#ifndef NODE_RECONCILE_H
#define NODE_RECONCILE_H
#include "layer/layer.h"
#include "node/engine.h"

struct reconciler;

struct reconcile_config {
	struct loop *loop;
	struct engine *engine;
	struct layer *const *layer; /* LAYER_COUNT */
	uint64_t interval_ms;
};

#define RECONCILE_RETRY_MS 500u
#define RECONCILE_WAITS_MAX 20u /* for the ledger to reach the scan's block */

MUST_USE NONNULL_ALL enum err reconcile_create(
	struct reconciler **out, const struct reconcile_config *config);
void reconcile_destroy(struct reconciler *r);
NONNULL_ALL void reconcile_start(struct reconciler *r, enum layer_id layer);

#endif
