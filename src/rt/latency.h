/* rt/latency: how long things take, recorded by every thread that does them, without locks.
 *
 * A series is a name and a scale (base/histogram). Each thread that records has a histogram of its
 * own in each series, made at its first value (or by latency_attach, where allocating must not
 * come later); when it ends, the next new thread goes on with it. Who asks merges them, at any
 * time, without anybody's waiting.
 *
 * Times are from when the thing was meant to begin (latency_record_since; base/histogram,
 * "open_load"), not from when somebody got round to it.
 *
 * Threads: any. Ownership: a series lives as long as the process.
 */
#ifndef RT_LATENCY_H
#define RT_LATENCY_H
#include "base/histogram.h"

#define LATENCY_SERIES_MAX 32u

struct latency;

/* The series of that name, made where it is new: then `name` is borrowed for ever. ERR_EXISTS: it
 * is there with another range; ERR_FULL: LATENCY_SERIES_MAX there are. */
MUST_USE NONNULL_ALL enum err latency_series(
	struct latency **out, const char *name, struct histogram_range range);
NONNULL_ALL const char *latency_name(const struct latency *l);
NONNULL_ALL struct histogram_range latency_range(const struct latency *l);

extern _Thread_local struct histogram *latency_own_[LATENCY_SERIES_MAX];
NONNULL_ALL void latency_record_first_(struct latency *l, uint64_t value);
/* The index of a series: its first member. */
static inline uint32_t latency_index_(const struct latency *l)
{
	return *(const uint32_t *)(const void *)l;
}

NONNULL_ALL static inline void latency_record(struct latency *l, uint64_t value)
{
	struct histogram *own = latency_own_[latency_index_(l)];
	if (__builtin_expect(own != NULL, true))
		histogram_record(own, value);
	else
		latency_record_first_(l, value);
}

/* The time since the intended start; zero where the clock of `now` is behind. */
NONNULL_ALL static inline void latency_record_since(
	struct latency *l, uint64_t intended, uint64_t now)
{
	latency_record(l, now > intended ? now - intended : 0);
}

/* The calling thread's histogram, made now. ERR_FULL: no memory; values are then counted as
 * dropped. */
MUST_USE NONNULL_ALL enum err latency_attach(struct latency *l);
/* Adds what all threads recorded so far to `into`, of the same range. */
NONNULL_ALL void latency_merge(struct histogram *into, const struct latency *l);
/* Values that found no memory. */
NONNULL_ALL uint64_t latency_dropped(const struct latency *l);

#endif
