#include "rt/heatmap.h"

#include <inttypes.h>
#include <stdlib.h>

/* The longest texts: numbers of 64 bits have 20 digits, counts 10. */
#define CSV_LINE_MAX (3u * 21u + 11u)
#define JSON_CELL_MAX 11u
#define JSON_COLUMN_MAX 48u /* without its cells */
#define JSON_ROW_MAX 21u
#define HEAD_MAX 256u

struct column {
	uint64_t time_ms;
	uint32_t *count; /* one for each row */
};

struct heatmap {
	const struct latency *series;
	struct histogram now, before; /* what was recorded until then, since the start */
	uint32_t row_count, column_max;
	uint64_t column_count; /* ever: the newest is at (column_count - 1) % column_max */
	struct column *column;
	uint32_t *cell;              /* all columns' counts */
	_Atomic uint64_t *bucket[2]; /* of the two histograms */
};

enum err heatmap_create(struct heatmap **out, const struct latency *series, uint32_t column_max)
{
	CHECK(column_max > 0);
	const struct histogram_range range = latency_range(series);
	const size_t buckets = histogram_buckets(range);
	struct heatmap *m = calloc(1, sizeof *m);
	if (m == NULL)
		return ERR_FULL;
	m->series = series;
	m->column_max = column_max;
	m->row_count = (uint32_t)((buckets + HEATMAP_BUCKETS_PER_ROW - 1) /
		HEATMAP_BUCKETS_PER_ROW);
	m->column = calloc(column_max, sizeof *m->column);
	m->cell = calloc((size_t)column_max * m->row_count, sizeof *m->cell);
	for (int i = 0; i < 2; i++)
		m->bucket[i] = calloc(buckets, sizeof *m->bucket[i]);
	if (m->column == NULL || m->cell == NULL || m->bucket[0] == NULL || m->bucket[1] == NULL) {
		heatmap_destroy(m);
		return ERR_FULL;
	}
	for (uint32_t i = 0; i < column_max; i++)
		m->column[i].count = m->cell + (size_t)i * m->row_count;
	histogram_init(&m->now, m->bucket[0], range, true);
	histogram_init(&m->before, m->bucket[1], range, true);
	latency_merge(&m->before, series);
	*out = m;
	return OK;
}

void heatmap_destroy(struct heatmap *m)
{
	if (m == NULL)
		return;
	free(m->column);
	free(m->cell);
	free(m->bucket[0]);
	free(m->bucket[1]);
	free(m);
}

static uint32_t row_count_since(const struct heatmap *m, uint32_t row)
{
	const size_t first = (size_t)row * HEATMAP_BUCKETS_PER_ROW;
	uint64_t count = 0;
	for (size_t i = first; i < first + HEATMAP_BUCKETS_PER_ROW && i < m->now.bucket_count; i++)
		count += histogram_at(&m->now, i) - histogram_at(&m->before, i);
	return count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
}

void heatmap_sample(struct heatmap *m, uint64_t time_ms)
{
	struct column *c = &m->column[m->column_count++ % m->column_max];
	histogram_clear(&m->now);
	latency_merge(&m->now, m->series);
	c->time_ms = time_ms;
	for (uint32_t row = 0; row < m->row_count; row++)
		c->count[row] = row_count_since(m, row);
	const struct histogram older = m->before;
	m->before = m->now;
	m->now = older;
}

/* ---- writing ---- */

static uint64_t row_low(const struct heatmap *m, uint32_t row)
{
	const size_t bucket = (size_t)row * HEATMAP_BUCKETS_PER_ROW;
	return histogram_bucket_low(
		&m->now, bucket < m->now.bucket_count ? bucket : m->now.bucket_count);
}

/* The i-th of those kept, the oldest first; NULL past the newest. */
static const struct column *column_at(const struct heatmap *m, uint32_t i)
{
	const uint64_t kept = m->column_count < m->column_max ? m->column_count : m->column_max;
	return i < kept ? &m->column[(m->column_count - kept + i) % m->column_max] : NULL;
}

static void write_csv(struct buf *out, const struct heatmap *m)
{
	const struct column *c;
	buf_printf(out, "time_ms,low_ns,high_ns,count\n");
	for (uint32_t i = 0; (c = column_at(m, i)) != NULL; i++) {
		for (uint32_t row = 0; row < m->row_count; row++) {
			if (c->count[row] != 0)
				buf_printf(out, "%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu32 "\n",
					c->time_ms, row_low(m, row), row_low(m, row + 1),
					c->count[row]);
		}
	}
}

static void write_json(struct buf *out, const struct heatmap *m)
{
	const struct column *c;
	buf_printf(out, "{\"series\":\"%s\",\"low_ns\":[", latency_name(m->series));
	for (uint32_t row = 0; row <= m->row_count; row++)
		buf_printf(out, row == 0 ? "%" PRIu64 : ",%" PRIu64, row_low(m, row));
	buf_printf(out, "],\"columns\":[");
	for (uint32_t i = 0; (c = column_at(m, i)) != NULL; i++) {
		buf_printf(out, "%s{\"time_ms\":%" PRIu64 ",\"count\":[", i == 0 ? "" : ",",
			c->time_ms);
		for (uint32_t row = 0; row < m->row_count; row++)
			buf_printf(out, row == 0 ? "%" PRIu32 : ",%" PRIu32, c->count[row]);
		buf_printf(out, "]}");
	}
	buf_printf(out, "]}\n");
}

void heatmap_write(struct buf *out, const struct heatmap *m, enum heatmap_format format)
{
	switch (format) {
	case HEATMAP_CSV: write_csv(out, m); return;
	case HEATMAP_JSON: write_json(out, m); return;
	}
	UNREACHABLE();
}

size_t heatmap_text_max(const struct heatmap *m, enum heatmap_format format)
{
	const uint64_t kept = m->column_count < m->column_max ? m->column_count : m->column_max;
	const size_t cells = (size_t)kept * m->row_count;
	switch (format) {
	case HEATMAP_CSV: return HEAD_MAX + cells * CSV_LINE_MAX;
	case HEATMAP_JSON:
		return HEAD_MAX + strlen(latency_name(m->series)) +
			(m->row_count + 1) * JSON_ROW_MAX + cells * JSON_CELL_MAX +
			(size_t)kept * JSON_COLUMN_MAX;
	}
	UNREACHABLE();
}
