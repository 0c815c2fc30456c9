/* base/histogram: counts of values on a log-linear scale, the layout of HdrHistogram with 3
 * significant digits: every octave is cut into 1,024 equal buckets, so that a bucket is never
 * wider than a thousandth of the values in it, from the unit to the top of the range.
 *
 * Memory is fixed and the caller's. Recording is a shift, a leading-zero count and an addition,
 * without a loop or a branch. Values over the range count in the last bucket, and in `over`.
 *
 * Threads: one writer for each histogram; anybody may read or merge from it meanwhile. What a
 * reader sees is each bucket at some moment, not all at the same one: for figures that agree with
 * each other, merge into a histogram of your own and ask that one.
 * Merging into, subtracting from and clearing a histogram is writing.
 *
 * It must not: know what the values mean. Times are recorded from when the work was *meant* to
 * start (struct open_load, histogram_record_since): a measurement that waits for a stalled system
 * before it begins the next one leaves out exactly the values that matter ("coordinated omission").
 */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H
#include <stdatomic.h>

#include "base/base.h"

#define HISTOGRAM_SUB_BITS 11u /* 2^11 >= 2 * 10^3: three significant digits */
#define HISTOGRAM_VALUE_BITS_MAX 63u
#define HISTOGRAM_PPM UINT32_C(1000000) /* quantiles are parts per million: 999,000 is p99.9 */

/* Values from 0 below 2^value_bits, told apart in steps of 2^unit_bits or a thousandth. */
struct histogram_range {
	uint8_t unit_bits;
	uint8_t value_bits; /* at least unit_bits + HISTOGRAM_SUB_BITS, at most 63 */
};

#define HISTOGRAM_BUCKETS(unit_bits, value_bits)                                                   \
	(((size_t)((value_bits) - (unit_bits)-HISTOGRAM_SUB_BITS) << (HISTOGRAM_SUB_BITS - 1)) +   \
		((size_t)1 << HISTOGRAM_SUB_BITS))

/* The ranges in use, for values in nanoseconds. */
#define HISTOGRAM_NS_MINUTE                                                                        \
	((struct histogram_range){.unit_bits = 0, .value_bits = 36}) /* 1 ns to 68 s: 216 KiB */
#define HISTOGRAM_US_HOUR                                                                          \
	((struct histogram_range){.unit_bits = 10, .value_bits = 42}) /* 1 us to 73 min: 184 KiB   \
								       */

struct histogram {
	struct histogram_range range;
	uint32_t bucket_count;
	uint64_t value_max;       /* the largest value inside of the range */
	_Atomic uint64_t *bucket; /* borrows; bucket_count of them */
	_Atomic uint64_t max;     /* as it was recorded, not rounded to a bucket */
	_Atomic uint64_t sum;     /* likewise; wraps after 584 years of nanoseconds */
	_Atomic uint64_t over;    /* values over the range */
};

/* Buckets to provide, of 8 bytes each. */
size_t histogram_buckets(struct histogram_range range);
/* bucket: histogram_buckets(range) of them. They are cleared, unless `zeroed` says that they are
 * zero already: fresh pages stay untouched until something is recorded there. */
NONNULL_ALL void histogram_init(
	struct histogram *h, _Atomic uint64_t *bucket, struct histogram_range range, bool zeroed);
NONNULL_ALL void histogram_clear(struct histogram *h);

/* ---- recording: the writer's ---- */

/* A relaxed load and a relaxed store: exact with one writer, and no locked instruction. */
static inline void histogram_add_(_Atomic uint64_t *cell, uint64_t n)
{
	atomic_store_explicit(
		cell, atomic_load_explicit(cell, memory_order_relaxed) + n, memory_order_relaxed);
}

/* The bucket of a value inside of the range. The first two octaves' worth of units are themselves;
 * above, `shift` drops what is finer than the bucket, and every shift has 1,024 buckets. */
NONNULL_ALL static inline size_t histogram_index(const struct histogram *h, uint64_t value)
{
	const uint64_t units = value >> h->range.unit_bits;
	const uint64_t floor = ((uint64_t)1 << HISTOGRAM_SUB_BITS) - 1;
	const unsigned shift = 64 - HISTOGRAM_SUB_BITS - (unsigned)__builtin_clzll(units | floor);
	return ((size_t)shift << (HISTOGRAM_SUB_BITS - 1)) + (size_t)(units >> shift);
}

/* `value`, n times. */
NONNULL_ALL static inline void histogram_record_n(struct histogram *h, uint64_t value, uint64_t n)
{
	const uint64_t inside = value < h->value_max ? value : h->value_max;
	const uint64_t max = atomic_load_explicit(&h->max, memory_order_relaxed);
	histogram_add_(&h->bucket[histogram_index(h, inside)], n);
	histogram_add_(&h->sum, value * n);
	histogram_add_(&h->over, inside == value ? 0 : n);
	atomic_store_explicit(&h->max, value > max ? value : max, memory_order_relaxed);
}

NONNULL_ALL static inline void histogram_record(struct histogram *h, uint64_t value)
{
	histogram_record_n(h, value, 1);
}

/* The time since the intended start; zero where the clock of `now` is behind. */
NONNULL_ALL static inline void histogram_record_since(
	struct histogram *h, uint64_t intended, uint64_t now)
{
	histogram_record(h, now > intended ? now - intended : 0);
}

/* For a load that was sent one by one without a pace of its own, `interval` apart: a value of
 * several intervals stands for the requests that would have been sent meanwhile, and these are
 * recorded as well, each shorter by an interval. interval 0: just the value. */
NONNULL_ALL void histogram_record_corrected(struct histogram *h, uint64_t value, uint64_t interval);

/* An open load: the i-th operation is meant to start at start + i * interval, whether or not the
 * one before it has ended. Wait until open_load_next's time, run, record since that time. */
struct open_load {
	uint64_t start;
	uint64_t interval;
	uint64_t index; /* of the operation that comes next */
};

NONNULL_ALL static inline uint64_t open_load_next(struct open_load *p)
{
	return p->start + p->interval * p->index++;
}

/* ---- reading ---- */

/* All values recorded. */
MUST_USE NONNULL_ALL uint64_t histogram_count(const struct histogram *h);
/* The value that ppm / 1,000,000 of the values do not exceed: the top of its bucket, at most the
 * maximum. 0 where there are none. */
MUST_USE NONNULL_ALL uint64_t histogram_quantile(const struct histogram *h, uint32_t ppm);
/* The number of values whose bucket lies wholly at or under `value`: what a cumulative bucket of
 * Prometheus says, and exact where value + 1 begins a bucket. */
MUST_USE NONNULL_ALL uint64_t histogram_count_to(const struct histogram *h, uint64_t value);
/* The lowest value of a bucket; of the next one past the last: the end of the range. */
MUST_USE NONNULL_ALL uint64_t histogram_bucket_low(const struct histogram *h, size_t index);

NONNULL_ALL static inline uint64_t histogram_at(const struct histogram *h, size_t index)
{
	CHECK(index < h->bucket_count);
	return atomic_load_explicit(&h->bucket[index], memory_order_relaxed);
}
NONNULL_ALL static inline uint64_t histogram_max(const struct histogram *h)
{
	return atomic_load_explicit(&h->max, memory_order_relaxed);
}
NONNULL_ALL static inline uint64_t histogram_sum(const struct histogram *h)
{
	return atomic_load_explicit(&h->sum, memory_order_relaxed);
}
NONNULL_ALL static inline uint64_t histogram_over(const struct histogram *h)
{
	return atomic_load_explicit(&h->over, memory_order_relaxed);
}

/* ---- of two with the same range ---- */

/* into += from. */
NONNULL_ALL void histogram_merge(struct histogram *into, const struct histogram *from);
/* later -= earlier, an older copy of the same: what was recorded between the two. The maximum is
 * then at most the top of the highest bucket left, unless values over the range are left. */
NONNULL_ALL void histogram_subtract(struct histogram *later, const struct histogram *earlier);

#endif
