#include "node/metrics.h"

#include <stdlib.h>

#include "node/api_internal.h"

#define NS_PER_S UINT64_C(1000000000)

/* Upper bounds, for every histogram: from a handler that reads memory to a node that hangs. */
static const struct {
	const char *seconds;
	uint64_t ns;
} bound[] = {
	{"0.0001", 100000},
	{"0.00025", 250000},
	{"0.0005", 500000},
	{"0.001", 1000000},
	{"0.0025", 2500000},
	{"0.005", 5000000},
	{"0.01", 10000000},
	{"0.025", 25000000},
	{"0.05", 50000000},
	{"0.1", 100000000},
	{"0.25", 250000000},
	{"0.5", 500000000},
	{"1", 1000000000},
	{"2.5", 2500000000},
	{"10", 10000000000},
};

static const unsigned known_status[METRICS_STATUS_COUNT - 1] = {
	200, 201, 400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 431, 500, 503};

enum err metrics_layer_call(struct latency **out, enum layer_id layer)
{
	static const char *const names[LAYER_COUNT] = {
		[LAYER_BITCOIN] = "call_bitcoin",
		[LAYER_ROOTSTOCK] = "call_rootstock",
		[LAYER_LIGHTNING] = "call_lightning",
		[LAYER_LIQUID] = "call_liquid",
		[LAYER_BOB] = "call_bob",
		[LAYER_ROOTSTOCK_ERC20] = "call_rootstock_erc20",
	};
	return latency_series(out, names[layer], HISTOGRAM_US_HOUR);
}

enum err metrics_init(struct metrics *m)
{
	*m = (struct metrics){.duration = NULL};
	TRY(latency_series(&m->duration, "http_request", HISTOGRAM_US_HOUR));
	for (unsigned i = 0; i < LAYER_COUNT; i++)
		if (layer_built((enum layer_id)i))
			TRY(metrics_layer_call(&m->layer_call[i], (enum layer_id)i));
	TRY(latency_series(&m->loop_turn, METRICS_LOOP_TURN, HISTOGRAM_US_HOUR));
	return latency_series(&m->journal_sync, METRICS_JOURNAL_SYNC, HISTOGRAM_US_HOUR);
}

void metrics_request(struct metrics *m, size_t route_index, unsigned status, uint64_t elapsed_ns)
{
	size_t s = 0;
	CHECK(route_index <= METRICS_ROUTES_MAX);
	while (s < ARRAY_LEN(known_status) && known_status[s] != status)
		s++;
	m->requests[route_index][s]++;
	latency_record(m->duration, elapsed_ns);
}

void metric_head(struct buf *out, const char *name, enum metric_kind kind, const char *help)
{
	static const char *const kinds[] = {
		[METRIC_COUNTER] = "counter",
		[METRIC_GAUGE] = "gauge",
		[METRIC_HISTOGRAM] = "histogram",
	};
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kinds[kind]);
}

static void put_name(struct buf *out, const char *name, const char *labels)
{
	buf_printf(out, labels[0] != '\0' ? "%s{%s} " : "%s%s ", name, labels);
}

void metric_u64(struct buf *out, const char *name, const char *labels, uint64_t value)
{
	put_name(out, name, labels);
	buf_printf(out, "%llu\n", (unsigned long long)value);
}

void metric_amount(struct buf *out, const char *name, const char *labels, struct amount value)
{
	char text[AMOUNT_TEXT_SIZE];
	amount_format(text, value);
	put_name(out, name, labels);
	buf_printf(out, "%s\n", text);
}

void metric_ms(struct buf *out, const char *name, const char *labels, uint64_t ms)
{
	put_name(out, name, labels);
	buf_printf(out, "%llu.%03u\n", (unsigned long long)(ms / 1000), (unsigned)(ms % 1000));
}

void metric_ns(struct buf *out, const char *name, const char *labels, uint64_t ns)
{
	put_name(out, name, labels);
	buf_printf(
		out, "%llu.%09u\n", (unsigned long long)(ns / NS_PER_S), (unsigned)(ns % NS_PER_S));
}

static void put_suffixed(struct buf *out, const char *name, const char *suffix, const char *labels)
{
	buf_printf(out, labels[0] != '\0' ? "%s%s{%s} " : "%s%s ", name, suffix, labels);
}

static void put_histogram(
	struct buf *out, const char *name, const char *labels, const struct histogram *h)
{
	const uint64_t count = histogram_count(h), sum = histogram_sum(h);
	const char *comma = labels[0] != '\0' ? "," : "";
	for (size_t b = 0; b < ARRAY_LEN(bound); b++)
		buf_printf(out, "%s_bucket{%s%sle=\"%s\"} %llu\n", name, labels, comma,
			bound[b].seconds, (unsigned long long)histogram_count_to(h, bound[b].ns));
	buf_printf(out, "%s_bucket{%s%sle=\"+Inf\"} %llu\n", name, labels, comma,
		(unsigned long long)count);
	put_suffixed(out, name, "_sum", labels);
	buf_printf(out, "%llu.%09u\n", (unsigned long long)(sum / NS_PER_S),
		(unsigned)(sum % NS_PER_S));
	put_suffixed(out, name, "_count", labels);
	buf_printf(out, "%llu\n", (unsigned long long)count);
}

void metric_latency(
	struct buf *out, const char *name, const char *labels, const struct latency *series)
{
	const struct histogram_range range = latency_range(series);
	struct histogram h;
	/* a copy, so that buckets, sum and count agree with each other */
	_Atomic uint64_t *bucket = calloc(histogram_buckets(range), sizeof *bucket);
	CHECK(bucket != NULL);
	histogram_init(&h, bucket, range, true);
	latency_merge(&h, series);
	put_histogram(out, name, labels, &h);
	free(bucket);
}

static void put_requests(
	struct buf *out, const struct metrics *m, const struct route *route, size_t route_count)
{
	static const char name[] = "sluice_http_requests_total";
	metric_head(out, name, METRIC_COUNTER, "Requests answered, by route and status.");
	for (size_t r = 0; r <= METRICS_ROUTES_MAX; r++) {
		for (size_t s = 0; s < METRICS_STATUS_COUNT; s++) {
			if (m->requests[r][s] == 0)
				continue;
			const bool known = r < route_count;
			buf_printf(out, "%s{method=\"%s\",route=\"%s\",status=\"", name,
				known ? route[r].method : "other", known ? route[r].path : "other");
			if (s < ARRAY_LEN(known_status))
				buf_printf(out, "%u\"} ", known_status[s]);
			else
				buf_printf(out, "other\"} ");
			buf_printf(out, "%llu\n", (unsigned long long)m->requests[r][s]);
		}
	}
}

void metrics_put_http(
	struct buf *out, const struct metrics *m, const struct route *route, size_t route_count)
{
	put_requests(out, m, route, route_count);
	metric_head(out, "sluice_http_request_duration_seconds", METRIC_HISTOGRAM,
		"Time from a complete request to its answer.");
	metric_latency(out, "sluice_http_request_duration_seconds", "", m->duration);
	metric_head(out, "sluice_http_rate_limited_total", METRIC_COUNTER,
		"Requests of anonymous peers that were told to slow down.");
	metric_u64(out, "sluice_http_rate_limited_total", "", m->rate_limited);
}
