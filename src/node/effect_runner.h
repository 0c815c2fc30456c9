/* node/effect_runner: carries out what the engine decided: builds, has signed, submits, and reports
 * back.
 *
 * Keeps nothing that matters: what is to be done is computed from the ledger, again after every
 * restart. Only what is durable is acted on: an intent is built once its record is durable, bytes
 * are submitted once their PREPARED record is. Submitting is idempotent; bytes are sent again until
 * they are seen in a block. Retries back off and are bounded in rate, never in number: an effect is
 * given up by the ledger alone. Threads: the loop's.
 */
#ifndef NODE_EFFECT_RUNNER_H
#define NODE_EFFECT_RUNNER_H
#include "layer/layer.h"
#include "node/engine.h"
#include "node/watch.h"
#include "rt/offload.h"
#include "sign/signer.h"

#define EFFECT_IN_FLIGHT_MAX 256u
#define EFFECT_RETRY_MIN_MS 250u
#define EFFECT_LOOK_MS 100u /* until what may not be sent now is looked at again */
#define EFFECT_RETRY_MAX_MS 30000u

struct effect_runner;

struct effect_runner_config {
	struct loop *loop;
	struct engine *engine;
	struct journal *journal;
	struct signer *signer;
	const struct watch *watch;
	struct layer *const *layer; /* LAYER_COUNT of them */
	struct offload *offload;    /* NULL: in place */
	uint64_t signer_timeout_ms;
	uint64_t resubmit_ms; /* bytes not seen in a block are sent again after so long */
};

/* Returns owned; borrows everything in the configuration. */
MUST_USE NONNULL_ALL enum err effect_runner_create(
	struct effect_runner **out, const struct effect_runner_config *config);
/* Nothing may call back any more. */
void effect_runner_destroy(struct effect_runner *r);
/* Start whatever is due. *next_ms: monotonic time of the next retry. */
NONNULL_ALL void effect_runner_run(struct effect_runner *r, uint64_t *next_ms);
NONNULL_ALL uint32_t effect_runner_in_flight(const struct effect_runner *r);

#endif
