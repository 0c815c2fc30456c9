/* sim/node: a simulated network behind JSON-RPC: envelopes, latency, faults, blocks by the clock.
 *
 * A call travels for half of its latency, is carried out, and its answer travels for the other
 * half; latencies are drawn from the seed in the order of arrival. Methods that begin with "sim_"
 * are the tests' own levers: no latency, no faults. sim_latency, sim_fault, sim_auto_mine and
 * sim_state_hash are the node's, the others the network's (docs/devnet.md). Threads: the loop's; on
 * a virtual loop everything is a function of seeds and calls.
 */
#ifndef SIM_NODE_H
#define SIM_NODE_H
#include "sim/fault.h"
#include "sim/network.h"
#include "sys/loop.h"

struct sim_node;

#define SIM_LATENCY_MAX_MS 60000u
#define SIM_BATCH_MAX 1000u
#define SIM_PENDING_MAX 20000u /* calls on their way; beyond it 503 at once */

struct sim_node_config {
	uint64_t seed;
	uint64_t latency_low_ms, latency_high_ms; /* both 0: none */
	uint64_t block_ms;                        /* between blocks; 0: only on request */
	/* The network's wall clock at the loop's time 0, which nobody sets; 0: the loop's clock */
	uint64_t wall_ms;
	const char *authorization; /* what the header must be, "Basic ..."; NULL: anything */
	/* Called after each call that was carried out and each block by the clock: for networks
	 * that live on this one's chain. NULL: nobody asks. */
	void (*changed)(void *ctx);
	void *changed_ctx;
};

/* Returns owned. Takes the network. Borrows the loop. */
MUST_USE NONNULL_ALL enum err sim_node_create(struct sim_node **out, struct loop *loop,
	struct sim_network *network, const struct sim_node_config *config);
/* Every call on its way is answered with ERR_IO first. */
void sim_node_destroy(struct sim_node *node);
/* Borrowed. */
NONNULL_ALL struct sim_network *sim_node_network(struct sim_node *node);

struct sim_node_answer {
	enum err err; /* OK: status and body. ERR_IO: the connection ends. ERR_TIMEOUT: no answer
		       * ever comes. ERR_UNAVAILABLE: nobody listens */
	unsigned status;
	const char *content_type;
	struct slice body; /* ERR_IO: what still came through; borrows until the callback returns */
};
typedef void (*sim_node_cb)(void *ctx, const struct sim_node_answer *answer);

/* One HTTP request's body. Ends in exactly one callback, at once where there is no latency.
 * authorization: the header's value, NULL or "" where there is none. */
void sim_node_request(struct sim_node *node, const char *authorization, struct slice body,
	sim_node_cb cb, void *ctx);

/* What a call by this name meets, for doors that speak no JSON-RPC (sim/rest.h): drawn as for a
 * call of that method. */
struct sim_node_way {
	uint64_t there_ms, back_ms;
	enum fault_kind fault;
};
NONNULL_ALL void sim_node_way(struct sim_node *node, const char *name, struct sim_node_way *out);
/* Change an answer's body as the fault says. */
NONNULL_ALL void sim_node_spoil(struct sim_node *node, enum fault_kind fault, struct text *body);

/* Ends all calls that would come back to cb, with ERR_IO. */
void sim_node_cancel(struct sim_node *node, sim_node_cb cb);

struct sim_node_stats {
	uint64_t calls, faults;
	uint32_t pending, pending_most;
};
NONNULL_ALL void sim_node_stats(const struct sim_node *node, struct sim_node_stats *out);

#endif
