/* sim/network: what every simulated network is to those who run it.
 *
 * A network is a state machine: its whole state follows from its seed and from the calls made, in
 * their order, with the times given to them. It reads no clock, draws no randomness that is not
 * seeded, does no I/O and never blocks; latency, faults and transport are sim/node's. Two
 * implementations: sim/bitcoin.h and sim/evm.h.
 *
 * Threads: one at a time. Ownership: as each function says.
 */
#ifndef SIM_NETWORK_H
#define SIM_NETWORK_H
#include "net/json.h"
#include "sim/text.h"

#define SIM_MESSAGE_MAX 512u

/* What a node says: a result in JSON, or its error. */
struct sim_reply {
	struct text result; /* the caller's; empty where there is an error */
	int64_t code;       /* 0: no error */
	char message[SIM_MESSAGE_MAX];
	struct text data; /* error.data, where there is any */
};

NONNULL_ALL void sim_reply_fini(struct sim_reply *reply);
/* Set the error; drops a result that was begun. */
PRINTF_LIKE(3, 4)
void sim_reply_error(struct sim_reply *reply, int64_t code, const char *fmt, ...);

/* Positional parameters, as members "0", "1", ... of an object: the getters of net/json.h serve. */
#define SIM_PARAMS_MAX 10u
struct sim_params {
	struct json *by_position; /* owns */
	size_t count;
};
/* From the params of a request: an array or NULL. ERR_FORMAT: something else, or too many. */
MUST_USE enum err sim_params_init(struct sim_params *p, const struct json *params);
void sim_params_fini(struct sim_params *p);
/* "0", "1", ...; static. */
const char *sim_param_key(size_t at);
/* NULL: absent or JSON null. */
const struct json *sim_param(const struct sim_params *p, size_t at);

struct sim_network;

struct sim_reorg {
	uint32_t depth;  /* blocks taken off the best chain */
	uint32_t blocks; /* empty ones put in their place; 0: depth + 1 */
	bool drop; /* their transactions are forgotten; otherwise they wait to be mined again */
};

struct sim_ops {
	const char *name;
	void (*destroy)(struct sim_network *n);
	void (*rpc)(struct sim_network *n, struct sim_reply *reply, uint64_t now_ms,
		const char *method, const struct sim_params *params);
	void (*mine)(struct sim_network *n, uint64_t now_ms, uint32_t count);
	/* ERR_RANGE: deeper than the chain, or than what can be undone. */
	enum err (*reorg)(struct sim_network *n, uint64_t now_ms, const struct sim_reorg *reorg);
	uint64_t (*height)(const struct sim_network *n);
	/* Of everything that later answers depend on. */
	void (*state_hash)(const struct sim_network *n, struct hash256 *out);
	/* The HTTP status that the node gives an error of this code. */
	unsigned (*http_status)(int64_t code);
	/* Whether a "jsonrpc":"2.0" envelope is answered even to those who did not ask for it. */
	bool version_2;
};

#define SIM_BEHIND_BLOCKS 1000u /* so many more there are, says a node that is syncing */

struct sim_network {
	const struct sim_ops *ops;
	bool syncing; /* the node says that it is not at its tip */
};

#endif
