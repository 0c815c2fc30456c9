/* net/jsonrpc: JSON-RPC calls to one upstream node, over HTTP, with health and a breaker.
 *
 * A call ends in exactly one callback. The answer says which of three things happened: a result; an
 * error that the node itself stated (code, message: the request was understood and refused); or no
 * usable answer (unreachable, late, garbage, wrong password), in which case the effect is unknown.
 * Each failure of the transport counts against the upstream; after UPSTREAM_FAILURES_MAX in a row
 * calls fail at once with ERR_UNAVAILABLE until a probe (one call let through after a backoff)
 * succeeds. Calls that wait in the queue then end with ERR_UNAVAILABLE, too. A refused password and
 * an answer over the bound don't count: the node is there.
 *
 * A node that has no room for a call says so before it does anything (Bitcoin Core: HTTP 503, "work
 * queue depth exceeded", from 20 at once in its standard settings; others: 429). The call goes back
 * to the queue, ahead of younger ones, and is sent again within its deadline; fewer are then sent
 * at once, and step by step more again. Threads: the loop's.
 */
#ifndef NET_JSONRPC_H
#define NET_JSONRPC_H
#include "net/http_client.h"
#include "net/json.h"
#include "rt/latency.h"
#include "rt/slab.h"

#define UPSTREAM_FAILURES_MAX 5u
#define UPSTREAM_BACKOFF_MIN_MS 250u
#define UPSTREAM_BACKOFF_MAX_MS 30000u
#define UPSTREAM_PAUSE_MIN_MS 5u /* after a node had no room; doubles while that goes on */
#define UPSTREAM_PAUSE_MAX_MS 640u

struct upstream;

#define UPSTREAM_IN_FLIGHT_DEFAULT 256u

struct upstream_config {
	const char *name; /* for messages and metrics: "bitcoin" */
	const char *url;  /* http://user:password@host:port/path is accepted and taken apart */
	const char *user; /* NULL: from the URL, or none */
	const char *password;
	const char *cookie_file; /* Bitcoin Core's .cookie, read again after a 401; NULL: none */
	uint64_t timeout_ms;     /* of a call; 0: 10 s */
	uint32_t in_flight_max;  /* 0: UPSTREAM_IN_FLIGHT_DEFAULT; beyond it calls queue up to
				    queue_max (0: 4,096), then ERR_FULL */
	uint32_t queue_max;
	bool version_2;          /* send "jsonrpc":"2.0", not "1.0" */
	uint64_t cpu_ns;         /* for reading one answer (rt/cpu_budget); 0: no limit */
	struct latency *latency; /* of calls that were answered; NULL: not recorded; borrowed */
};

struct http_answer;

struct rpc_answer {
	enum err err; /* OK: result. ERR_REJECTED: the node's own error. Others: unknown effect,
		       * except ERR_UNAVAILABLE: nothing was sent, or the node had no room for it
		       * (HTTP 429, or 503 "work queue depth exceeded"). ERR_DENIED: 401/403.
		       * ERR_FORMAT: not JSON-RPC, or too deep. ERR_FULL: answer too long, or over
		       * the budget of CPU time.
		       * ERR_CANCELLED: the upstream was destroyed */
	const struct json *result;      /* borrows until the callback returns; may be a JSON null */
	int64_t code;                   /* ERR_REJECTED: the node's code */
	const char *message;            /* the node's, or ours: never NULL */
	const struct json *data;        /* ERR_REJECTED: error.data, or NULL */
	const struct http_answer *from; /* for rpc_answer_keep */
};

/* An answer that outlives its callback, for another thread to read: a block, say. Returns owned;
 * one thread's at a time. Only of answers with a result. */
struct rpc_reading;
MUST_USE NONNULL_ALL struct rpc_reading *rpc_answer_keep(const struct rpc_answer *answer);
NONNULL_ALL const struct json *rpc_reading_result(const struct rpc_reading *reading);
void rpc_reading_free(struct rpc_reading *reading);

typedef void (*rpc_cb)(void *ctx, const struct rpc_answer *answer);

/* Returns owned. Borrows client and loop, copies the rest. ERR_FORMAT: a URL that can't be. */
MUST_USE enum err upstream_create(struct upstream **out, struct http_client *client,
	struct loop *loop, const struct upstream_config *config);
/* Every open call is answered with ERR_CANCELLED first, from here. Not from one of its callbacks.
 */
void upstream_destroy(struct upstream *u);
/* Takes params (an array; NULL: none), also on failure. When it returns an error (ERR_FULL,
 * ERR_UNAVAILABLE by the breaker) no callback follows. */
MUST_USE enum err upstream_call(
	struct upstream *u, const char *method, struct json *params, rpc_cb cb, void *ctx);
/* The same with a deadline of its own, for a call that is known to be slow, and a bound of its own
 * for the answer's size; 0: the usual. */
struct upstream_limits {
	uint64_t timeout_ms;
	size_t answer_max;
};
MUST_USE enum err upstream_call_limited(struct upstream *u, const char *method, struct json *params,
	const struct upstream_limits *limits, rpc_cb cb, void *ctx);

struct upstream_health {
	bool up; /* the last call was answered */
	uint64_t calls, failures;
	uint32_t in_flight, queued;
	uint32_t window; /* how many may be in flight now: in_flight_max, or what the node bears */
	uint64_t overloads;   /* calls that the node had no room for */
	uint64_t latency_ms;  /* exponentially weighted */
	char last_error[160]; /* "" when there was none since the last success */
};
NONNULL_ALL void upstream_health(const struct upstream *u, struct upstream_health *out);
/* The pool that its calls are in. */
NONNULL_ALL void upstream_pool(const struct upstream *u, struct slab_stats *out);

#endif
