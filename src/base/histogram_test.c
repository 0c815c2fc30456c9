/* Against the plain definition: sort the values and count. */
#include "base/histogram.h"

#include <stdlib.h>

#define BUCKETS_MAX HISTOGRAM_BUCKETS(0, 36)
#define VALUES 20000u
#define SIGNIFICANT 1000u /* no bucket is wider than a thousandth of its values */

static _Atomic uint64_t storage[3][BUCKETS_MAX];
static uint64_t values[VALUES];

static struct histogram make(size_t which, struct histogram_range range)
{
	struct histogram h;
	CHECK(histogram_buckets(range) <= BUCKETS_MAX);
	histogram_init(&h, storage[which], range, false);
	return h;
}

/* xorshift64*: the same values in every run */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}

static int compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static void test_layout(struct histogram_range range)
{
	struct histogram h = make(0, range);
	const uint64_t unit = (uint64_t)1 << range.unit_bits;
	CHECK(histogram_bucket_low(&h, 0) == 0);
	CHECK(histogram_bucket_low(&h, h.bucket_count) == h.value_max + 1);
	for (size_t i = 0; i < h.bucket_count; i++) {
		const uint64_t low = histogram_bucket_low(&h, i);
		const uint64_t high = histogram_bucket_low(&h, i + 1) - 1;
		CHECK(low <= high);
		CHECK(histogram_index(&h, low) == i);
		CHECK(histogram_index(&h, high) == i);
		CHECK(high - low + 1 == unit || (high - low) <= low / SIGNIFICANT);
	}
}

static void test_bounds(void)
{
	static const struct histogram_range range = {.unit_bits = 3, .value_bits = 20};
	struct histogram h = make(0, range);
	CHECK(histogram_quantile(&h, HISTOGRAM_PPM) == 0);
	CHECK(histogram_max(&h) == 0 && histogram_count(&h) == 0);
	histogram_record(&h, 0);
	CHECK(histogram_quantile(&h, HISTOGRAM_PPM) == 0);
	histogram_record(&h, h.value_max);
	CHECK(histogram_over(&h) == 0);
	CHECK(histogram_at(&h, h.bucket_count - 1) == 1);
	histogram_record_n(&h, h.value_max + 1, 2);
	histogram_record(&h, UINT64_MAX / 4);
	CHECK(histogram_over(&h) == 3);
	CHECK(histogram_at(&h, h.bucket_count - 1) == 4);
	CHECK(histogram_count(&h) == 5);
	CHECK(histogram_max(&h) == UINT64_MAX / 4);
	CHECK(histogram_quantile(&h, HISTOGRAM_PPM) == UINT64_MAX / 4);
	CHECK(histogram_sum(&h) == h.value_max + 2 * (h.value_max + 1) + UINT64_MAX / 4);
	histogram_clear(&h);
	CHECK(histogram_count(&h) == 0 && histogram_over(&h) == 0 && histogram_sum(&h) == 0);
}

/* Values over many octaves; each quantile against the sorted list. */
static void test_quantiles(void)
{
	static const uint32_t ppm[] = {
		0, 1, 100, 250000, 500000, 900000, 990000, 999000, 999900, 999999, HISTOGRAM_PPM};
	struct histogram h = make(0, HISTOGRAM_NS_MINUTE);
	uint64_t state = 4711, sum = 0;
	for (size_t i = 0; i < VALUES; i++) {
		values[i] = next_random(&state) >> (28 + next_random(&state) % 36);
		histogram_record(&h, values[i]);
		sum += values[i];
	}
	qsort(values, VALUES, sizeof values[0], compare);
	CHECK(histogram_count(&h) == VALUES);
	CHECK(histogram_sum(&h) == sum);
	CHECK(histogram_max(&h) == values[VALUES - 1]);
	for (size_t i = 0; i < ARRAY_LEN(ppm); i++) {
		const uint64_t scaled = (uint64_t)VALUES * ppm[i];
		const uint64_t rank = (scaled + HISTOGRAM_PPM - 1) / HISTOGRAM_PPM;
		const uint64_t want = values[rank > 0 ? rank - 1 : 0];
		const uint64_t got = histogram_quantile(&h, ppm[i]);
		CHECK(got >= want);
		CHECK(got - want <= want / SIGNIFICANT);
	}
	for (unsigned bits = 0; bits <= 36; bits++) {
		const uint64_t bound = ((uint64_t)1 << bits) - 1;
		uint64_t want = 0;
		while (want < VALUES && values[want] <= bound)
			want++;
		CHECK(histogram_count_to(&h, bound) == want);
	}
}

static void test_merge(void)
{
	struct histogram all = make(0, HISTOGRAM_US_HOUR), a = make(1, HISTOGRAM_US_HOUR),
			 b = make(2, HISTOGRAM_US_HOUR);
	uint64_t state = 99;
	for (size_t i = 0; i < VALUES; i++) {
		const uint64_t v = next_random(&state) >> (20 + next_random(&state) % 40);
		histogram_record(&all, v);
		histogram_record(i % 3 == 0 ? &a : &b, v);
	}
	CHECK(histogram_over(&all) > 0);
	histogram_merge(&b, &a);
	CHECK(histogram_max(&b) == histogram_max(&all));
	CHECK(histogram_over(&b) == histogram_over(&all));
	CHECK(histogram_sum(&b) == histogram_sum(&all));
	for (size_t i = 0; i < all.bucket_count; i++)
		CHECK(histogram_at(&b, i) == histogram_at(&all, i));
	/* b was all less a */
	histogram_subtract(&all, &a);
	histogram_subtract(&b, &a);
	CHECK(histogram_sum(&all) == histogram_sum(&b));
	CHECK(histogram_count(&b) == VALUES - (VALUES + 2) / 3);
	CHECK(histogram_max(&b) == histogram_max(&all));
	const struct histogram same = a;
	histogram_subtract(&a, &same);
	CHECK(histogram_count(&a) == 0 && histogram_max(&a) == 0 && histogram_sum(&a) == 0);
	/* the maximum of an interval, where the largest value came before it */
	histogram_clear(&b);
	histogram_record(&a, 1u << 30);
	histogram_merge(&b, &a);
	histogram_record(&a, 1u << 20);
	histogram_subtract(&a, &b);
	CHECK(histogram_max(&a) >= 1u << 20);
	CHECK(histogram_max(&a) <= (1u << 20) + (1u << 20) / SIGNIFICANT);
}

/* A second's stall in a load of one request every 10 ms: seen one by one, one value in 100 is bad;
 * in truth half of the time was. */
static void test_coordinated_omission(void)
{
	enum { INTERVAL = 10, STALL = 1000, SMOOTH = 100 };
	struct histogram naive = make(0, HISTOGRAM_NS_MINUTE), fixed = make(1, HISTOGRAM_NS_MINUTE),
			 paced = make(2, HISTOGRAM_NS_MINUTE);
	for (int i = 0; i < SMOOTH; i++) {
		histogram_record(&naive, 1);
		histogram_record_corrected(&fixed, 1, INTERVAL);
	}
	histogram_record_corrected(&naive, STALL, 0);
	histogram_record_corrected(&fixed, STALL, INTERVAL);
	CHECK(histogram_quantile(&naive, 990000) == 1);
	CHECK(histogram_count(&fixed) == SMOOTH + STALL / INTERVAL);
	CHECK(histogram_quantile(&fixed, 750000) == STALL / 2);
	CHECK(histogram_quantile(&fixed, HISTOGRAM_PPM) == STALL);
	CHECK(histogram_count_to(&fixed, INTERVAL) == SMOOTH + 1);
	/* the same load on an intended schedule: nothing to be corrected */
	struct open_load pace = {.start = 0, .interval = INTERVAL};
	uint64_t now = 0;
	for (int i = 0; i < 2 * SMOOTH; i++) {
		const uint64_t intended = open_load_next(&pace);
		CHECK(intended == (uint64_t)i * INTERVAL);
		now = now > intended ? now : intended;
		now += i == SMOOTH ? STALL : 0;
		histogram_record_since(&paced, intended, now);
	}
	CHECK(histogram_quantile(&paced, 750000) >= STALL / 2 - INTERVAL);
	CHECK(histogram_quantile(&paced, HISTOGRAM_PPM) == STALL);
	histogram_record_since(&paced, 5, 3); /* a clock that went back */
	CHECK(histogram_count(&paced) == 2 * SMOOTH + 1);
}

int main(void)
{
	test_layout(HISTOGRAM_NS_MINUTE);
	test_layout(HISTOGRAM_US_HOUR);
	test_layout((struct histogram_range){.unit_bits = 5, .value_bits = 16});
	test_bounds();
	test_quantiles();
	test_merge();
	test_coordinated_omission();
	return 0;
}
