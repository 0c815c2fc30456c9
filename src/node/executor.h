/* node/executor: carries out what the engine decided: builds, has signed, submits, and reports
 * back.
 *
 * Keeps nothing that matters: what is to be done is computed from the ledger, again after every
 * restart. Only what is durable is acted on: an intent is built once its record is durable, bytes
 * are submitted once their PREPARED record is. Submitting is idempotent; bytes are sent again until
 * they are seen in a block. Retries back off and are bounded in rate, never in number: an effect is
 * given up by the ledger alone. Threads: the loop's.
 */
#ifndef NODE_EXECUTOR_H
#define NODE_EXECUTOR_H
#include "layer/layer.h"
#include "node/engine.h"
#include "node/watch.h"
#include "sign/signer.h"

#define EXECUTOR_IN_FLIGHT_MAX 256u
#define EXECUTOR_RETRY_MIN_MS 250u
#define EXECUTOR_LOOK_MS 100u /* until what may not be sent now is looked at again */
#define EXECUTOR_RETRY_MAX_MS 30000u

struct executor;

struct executor_config {
	struct loop *loop;
	struct engine *engine;
	struct journal *journal;
	struct signer *signer;
	const struct watch *watch;
	struct layer *const *layer; /* LAYER_COUNT of them */
	uint64_t signer_timeout_ms;
	uint64_t resubmit_ms; /* bytes not seen in a block are sent again after so long */
};

/* Returns owned; borrows everything in the configuration. */
MUST_USE NONNULL_ALL enum err executor_create(
	struct executor **out, const struct executor_config *config);
/* Nothing may call back any more. */
void executor_destroy(struct executor *x);
/* Start whatever is due. *next_ms: monotonic time of the next retry. */
NONNULL_ALL void executor_run(struct executor *x, uint64_t *next_ms);
NONNULL_ALL uint32_t executor_in_flight(const struct executor *x);

#endif
