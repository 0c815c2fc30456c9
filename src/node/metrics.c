#include "node/metrics.h"

#include "node/api_internal.h"

/* Upper bounds, milliseconds. */
static const uint64_t bucket_ms[METRICS_BUCKETS] = {1, 2, 5, 10, 25, 50, 100, 500, 2500, 10000};

static const unsigned known_status[METRICS_STATUS_COUNT - 1] = {
	200, 201, 400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 431, 500, 503};

void metrics_request(struct metrics *m, size_t route_index, unsigned status, uint64_t elapsed_ms)
{
	size_t s = 0, b = 0;
	CHECK(route_index <= METRICS_ROUTES_MAX);
	while (s < ARRAY_LEN(known_status) && known_status[s] != status)
		s++;
	while (b < METRICS_BUCKETS && elapsed_ms > bucket_ms[b])
		b++;
	m->requests[route_index][s]++;
	m->duration_bucket[b]++;
	m->duration_sum_ms += elapsed_ms;
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

static void put_seconds(struct buf *out, uint64_t ms)
{
	buf_printf(out, "%llu.%03u", (unsigned long long)(ms / 1000), (unsigned)(ms % 1000));
}

void metric_ms(struct buf *out, const char *name, const char *labels, uint64_t ms)
{
	put_name(out, name, labels);
	put_seconds(out, ms);
	buf_printf(out, "\n");
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

static void put_durations(struct buf *out, const struct metrics *m)
{
	static const char name[] = "sluice_http_request_duration_seconds";
	uint64_t count = 0;
	metric_head(out, name, METRIC_HISTOGRAM, "Time from a complete request to its answer.");
	for (size_t b = 0; b < METRICS_BUCKETS; b++) {
		count += m->duration_bucket[b];
		buf_printf(out, "%s_bucket{le=\"", name);
		put_seconds(out, bucket_ms[b]);
		buf_printf(out, "\"} %llu\n", (unsigned long long)count);
	}
	count += m->duration_bucket[METRICS_BUCKETS];
	buf_printf(out, "%s_bucket{le=\"+Inf\"} %llu\n", name, (unsigned long long)count);
	buf_printf(out, "%s_sum ", name);
	put_seconds(out, m->duration_sum_ms);
	buf_printf(out, "\n%s_count %llu\n", name, (unsigned long long)count);
}

void metrics_put_http(
	struct buf *out, const struct metrics *m, const struct route *route, size_t route_count)
{
	put_requests(out, m, route, route_count);
	put_durations(out, m);
	metric_head(out, "sluice_http_rate_limited_total", METRIC_COUNTER,
		"Requests of anonymous peers that were told to slow down.");
	metric_u64(out, "sluice_http_rate_limited_total", "", m->rate_limited);
}
