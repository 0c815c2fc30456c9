/* node/metrics: counters of the API, and the text that Prometheus reads (exposition format 0.0.4).
 *
 * Names begin with sluice_, units are base units, counters end in _total, and no label holds an id
 * or anything else that a stranger can choose. Threads: the loop's.
 */
#ifndef NODE_METRICS_H
#define NODE_METRICS_H
#include "ledger/ledger.h"
#include "rt/latency.h"

#define METRICS_ROUTES_MAX 40u
#define METRICS_STATUS_COUNT 16u /* statuses that we give, and one for all others */
#define METRICS_TEXT_MAX (512u * 1024u)

struct metrics {
	uint64_t requests[METRICS_ROUTES_MAX + 1][METRICS_STATUS_COUNT]; /* last row: no route */
	struct latency *duration;     /* of requests; the process's */
	struct latency *journal_sync; /* likewise */
	struct latency *loop_turn;    /* likewise: of the engine's loop */
	struct latency *layer_call[LAYER_COUNT];
	uint64_t rate_limited;
	uint64_t swap_transition[SWAP_STATE_COUNT]; /* swaps that entered the state */
};

/* The names of series that others record. */
#define METRICS_JOURNAL_SYNC "journal_sync"
#define METRICS_LOOP_TURN "loop_turn"
MUST_USE NONNULL_ALL enum err metrics_layer_call(struct latency **out, enum layer_id layer);

/* Zeroed otherwise. ERR_FULL: too many series of latencies. */
MUST_USE NONNULL_ALL enum err metrics_init(struct metrics *m);
/* route_index METRICS_ROUTES_MAX: no route matched. */
NONNULL_ALL void metrics_request(
	struct metrics *m, size_t route_index, unsigned status, uint64_t elapsed_ns);

/* ---- writing ---- */

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };
NONNULL_ALL void metric_head(
	struct buf *out, const char *name, enum metric_kind kind, const char *help);
/* labels: "layer=\"bitcoin\"", or "". */
NONNULL_ALL void metric_u64(struct buf *out, const char *name, const char *labels, uint64_t value);
NONNULL_ALL void metric_amount(
	struct buf *out, const char *name, const char *labels, struct amount value);
NONNULL_ALL void metric_ms(struct buf *out, const char *name, const char *labels, uint64_t ms);
NONNULL_ALL void metric_ns(struct buf *out, const char *name, const char *labels, uint64_t ns);
/* Buckets, sum and count of a series in nanoseconds. Bounds are met to three digits. */
NONNULL_ALL void metric_latency(
	struct buf *out, const char *name, const char *labels, const struct latency *series);

struct route;
/* The API's own counters; route names the rows. */
NONNULL_ALL void metrics_put_http(
	struct buf *out, const struct metrics *m, const struct route *route, size_t route_count);

#endif
