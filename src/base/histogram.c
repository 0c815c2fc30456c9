#include "base/histogram.h"

#define SUB_HALF ((size_t)1 << (HISTOGRAM_SUB_BITS - 1))

size_t histogram_buckets(struct histogram_range range)
{
	CHECK(range.value_bits <= HISTOGRAM_VALUE_BITS_MAX);
	CHECK(range.value_bits >= range.unit_bits + HISTOGRAM_SUB_BITS);
	return HISTOGRAM_BUCKETS(range.unit_bits, range.value_bits);
}

void histogram_init(
	struct histogram *h, _Atomic uint64_t *bucket, struct histogram_range range, bool zeroed)
{
	*h = (struct histogram){
		.range = range,
		.bucket_count = (uint32_t)histogram_buckets(range),
		.value_max = ((uint64_t)1 << range.value_bits) - 1,
		.bucket = bucket,
	};
	CHECK(histogram_index(h, h->value_max) == h->bucket_count - 1);
	if (!zeroed)
		histogram_clear(h);
}

void histogram_clear(struct histogram *h)
{
	for (size_t i = 0; i < h->bucket_count; i++)
		atomic_store_explicit(&h->bucket[i], 0, memory_order_relaxed);
	atomic_store_explicit(&h->max, 0, memory_order_relaxed);
	atomic_store_explicit(&h->sum, 0, memory_order_relaxed);
	atomic_store_explicit(&h->over, 0, memory_order_relaxed);
}

void histogram_record_corrected(struct histogram *h, uint64_t value, uint64_t interval)
{
	histogram_record(h, value);
	if (interval == 0)
		return;
	while (value >= 2 * interval) {
		value -= interval;
		histogram_record(h, value);
	}
}

uint64_t histogram_count(const struct histogram *h)
{
	uint64_t count = 0;
	for (size_t i = 0; i < h->bucket_count; i++)
		count += histogram_at(h, i);
	return count;
}

uint64_t histogram_bucket_low(const struct histogram *h, size_t index)
{
	CHECK(index <= h->bucket_count);
	if (index < 2 * SUB_HALF)
		return (uint64_t)index << h->range.unit_bits;
	const size_t shift = index / SUB_HALF - 1;
	return (uint64_t)(index - shift * SUB_HALF) << (shift + h->range.unit_bits);
}

/* ceil(count * ppm / 10^6) without a wider type, at least 1: the rank that is looked for. */
static uint64_t rank_of(uint64_t count, uint32_t ppm)
{
	const uint64_t whole = count / HISTOGRAM_PPM * ppm;
	const uint64_t part = count % HISTOGRAM_PPM * ppm;
	const uint64_t rank = whole + (part + HISTOGRAM_PPM - 1) / HISTOGRAM_PPM;
	return rank > 0 ? rank : 1;
}

uint64_t histogram_quantile(const struct histogram *h, uint32_t ppm)
{
	CHECK(ppm <= HISTOGRAM_PPM);
	const uint64_t count = histogram_count(h), max = histogram_max(h);
	if (count == 0)
		return 0;
	const uint64_t rank = rank_of(count, ppm);
	uint64_t below = 0;
	for (size_t i = 0; i + 1 < h->bucket_count; i++) {
		below += histogram_at(h, i);
		if (below >= rank) {
			const uint64_t top = histogram_bucket_low(h, i + 1) - 1;
			return top < max ? top : max;
		}
	}
	return max;
}

uint64_t histogram_count_to(const struct histogram *h, uint64_t value)
{
	uint64_t count = 0;
	for (size_t i = 0; i < h->bucket_count && histogram_bucket_low(h, i + 1) - 1 <= value; i++)
		count += histogram_at(h, i);
	return count;
}

static void check_same(const struct histogram *a, const struct histogram *b)
{
	CHECK(a->range.unit_bits == b->range.unit_bits);
	CHECK(a->range.value_bits == b->range.value_bits);
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
	check_same(into, from);
	for (size_t i = 0; i < into->bucket_count; i++) {
		const uint64_t n = histogram_at(from, i);
		if (n != 0) /* so that untouched pages stay untouched */
			histogram_add_(&into->bucket[i], n);
	}
	const uint64_t max = histogram_max(from);
	if (max > histogram_max(into))
		atomic_store_explicit(&into->max, max, memory_order_relaxed);
	histogram_add_(&into->sum, histogram_sum(from));
	histogram_add_(&into->over, histogram_over(from));
}

void histogram_subtract(struct histogram *later, const struct histogram *earlier)
{
	size_t top = later->bucket_count;
	check_same(later, earlier);
	for (size_t i = 0; i < later->bucket_count; i++) {
		const uint64_t a = histogram_at(later, i), b = histogram_at(earlier, i);
		CHECK(a >= b);
		if (b != 0)
			atomic_store_explicit(&later->bucket[i], a - b, memory_order_relaxed);
		if (a > b)
			top = i;
	}
	const uint64_t over = histogram_over(later) - histogram_over(earlier);
	const uint64_t high = top < later->bucket_count ? histogram_bucket_low(later, top + 1) - 1
							: 0;
	if (over == 0 && high < histogram_max(later))
		atomic_store_explicit(&later->max, high, memory_order_relaxed);
	atomic_store_explicit(&later->over, over, memory_order_relaxed);
	atomic_store_explicit(
		&later->sum, histogram_sum(later) - histogram_sum(earlier), memory_order_relaxed);
}
