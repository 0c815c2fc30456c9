/* node/core_internal: what the core's files share. */
#ifndef NODE_CORE_INTERNAL_H
#define NODE_CORE_INTERNAL_H
#include <stdatomic.h>

#include "node/core.h"
#include "node/deposits.h"
#include "node/effect_runner.h"
#include "node/reconcile.h"
#include "node/snapshots.h"
#include "node/watch.h"

#define CORE_RETRY_MS 1000u
#define CORE_TURN_MS 1000u         /* between two looks at what is due by the clock.. */
#define CORE_REST_MS 10000u        /* ..and where nothing is under way */
#define CORE_SIGNER_CHECK_MS 5000u /* between two looks at a signer that was there */
#define CORE_RESUBMIT_MS 5000u

/* One layer on its way from a URL to being followed. */
struct layer_start {
	struct core *core;
	enum layer_id id;
	struct loop_timer timer;
	bool following;
	enum err said; /* the last problem that was logged: said once, not every second */
};

struct core {
	struct core_config c;
	const struct config *config; /* c.config */
	struct loop *loop;           /* c.loop */
	struct upstream *upstream[LAYER_COUNT];
	struct ln_node *lightning;
	struct http_client *lightning_http; /* of a node with a certificate of its own; or NULL */
	struct layer *layer[LAYER_COUNT];
	struct layer_start start[LAYER_COUNT];
	struct signer *signer;
	bool signer_connected, signer_known;
	struct loop_timer signer_timer;
	uint64_t map_seed;
	char journal_dir[CONFIG_TEXT_SIZE + 16];
	struct journal *journal;
	bool journal_full;           /* as it was last logged */
	struct journal_scrub *scrub; /* NULL: none */
	struct log_index *log;       /* NULL: it could not be opened; nothing else needs it */
	struct ledger *ledger;
	uint64_t replayed_bytes, replayed; /* of records, at the start */
	struct snapshots *snapshots;       /* NULL: it could not be begun; nothing else needs it */
	struct engine *engine;
	struct effect_runner *effects;
	struct descriptor *deposits; /* owned; NULL: none */
	struct watch *watch;
	struct reconciler *reconciler;
	struct api *api;
	uint32_t waker;
	bool has_waker;
	uint64_t ticked_ms, tick_next_ms; /* wall times: the last engine_tick; when it is due */
	_Atomic bool journal_failed;
	char journal_failure[160];
	bool stopping;
};

/* Ask the signer for the wallet; what depends on it follows. Again every while, as a health check.
 */
void core_ask_signer(void *core);
/* Check, give birth to and follow one layer; retries until it works. */
void core_start_layer(void *layer_start);
MUST_USE NONNULL_ALL enum err core_start_api(struct core *core);
/* It can't go on: whoever owns it is told once. */
NONNULL_ALL void core_stop(struct core *core, enum core_end end);

#endif
