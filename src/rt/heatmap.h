/* rt/heatmap: a series of latencies over time: columns of time, rows of latency, cells of counts.
 *
 * A column holds what was recorded between two samples; a row is a quarter of an octave, or 256
 * units where these are finer. The last `column_max` columns are kept. tools/heatmap.py draws what
 * is written here.
 *
 * Threads: one at a time for each heat map; the series is recorded meanwhile by anybody.
 * Ownership: heatmap_create returns owned; the series is borrowed.
 */
#ifndef RT_HEATMAP_H
#define RT_HEATMAP_H
#include "base/buf.h"
#include "rt/latency.h"

#define HEATMAP_BUCKETS_PER_ROW 256u

struct heatmap;

/* ERR_FULL: no memory. */
MUST_USE NONNULL_ALL enum err heatmap_create(
	struct heatmap **out, const struct latency *series, uint32_t column_max);
void heatmap_destroy(struct heatmap *m);
/* Ends a column: what was recorded since the sample before (or since heatmap_create). time_ms is
 * its end, by a clock of the caller's choice. */
NONNULL_ALL void heatmap_sample(struct heatmap *m, uint64_t time_ms);

enum heatmap_format {
	HEATMAP_CSV,  /* time_ms,low_ns,high_ns,count: a line for each cell that is not empty */
	HEATMAP_JSON, /* {"series", "low_ns": [row...], "columns": [{"time_ms", "count": [...]}]} */
};
/* The oldest column first; at most heatmap_text_max bytes. */
NONNULL_ALL void heatmap_write(
	struct buf *out, const struct heatmap *m, enum heatmap_format format);
NONNULL_ALL size_t heatmap_text_max(const struct heatmap *m, enum heatmap_format format);

#endif
