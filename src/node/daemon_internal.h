/* node/daemon_internal: what the daemon's files share. */
#ifndef NODE_DAEMON_INTERNAL_H
#define NODE_DAEMON_INTERNAL_H
#include <pthread.h>
#include <stdatomic.h>

#include "net/net_thread.h"
#include "node/api.h"
#include "node/config.h"
#include "node/engine.h"
#include "node/effect_runner.h"
#include "node/reconcile.h"
#include "node/secrets.h"
#include "node/watch.h"
#include "rt/cpu_budget.h"
#include "rt/parallel.h"

#define DAEMON_RETRY_MS 1000u
#define DAEMON_TURN_MS 1000u
#define DAEMON_RESUBMIT_MS 5000u

struct daemon;

/* One layer on its way from a URL to being followed. */
struct layer_start {
	struct daemon *d;
	enum layer_id id;
	struct loop_timer timer;
	struct block_ref birth;
	bool has_birth;
	bool following;
	enum err said; /* the last problem that was logged: said once, not every second */
};

struct daemon {
	struct config config;
	struct seal_key seal;
	struct token_set tokens;
	struct loop *loop;
	struct net_thread *net;
	struct http_client *http;
	struct upstream *upstream[LAYER_COUNT];
	struct layer *layer[LAYER_COUNT];
	struct layer_start start[LAYER_COUNT];
	struct signer *signer;
	bool signer_connected, signer_known;
	struct loop_timer signer_timer;
	struct executor *executor; /* CPU work that is too long for the loop */
	struct journal *journal;
	struct ledger *ledger;
	struct engine *engine;
	struct effect_runner *effects;
	struct watch *watch;
	struct reconciler *reconciler;
	struct api *api;
	struct http_server *server;
	uint32_t waker;
	uint64_t tick_due_ms; /* wall time of the next engine_tick */
	_Atomic bool journal_failed;
	char journal_failure[160];
	pthread_mutex_t over_budget_lock;
	struct cpu_budget_report over_budget; /* the last one */
	uint64_t over_budget_count;           /* not said yet */
	bool stopping;
	int status;
};

/* Ask the signer for the wallet; what depends on it follows. Again every while, as a health check.
 */
void daemon_ask_signer(void *daemon);
/* Check, give birth to and follow one layer; retries until it works. */
void daemon_start_layer(void *layer_start);
MUST_USE NONNULL_ALL enum err daemon_start_api(struct daemon *d);
NONNULL_ALL void daemon_stop(struct daemon *d, int status);

#endif
