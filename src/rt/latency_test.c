/* Threads record while somebody reads; nothing is lost, also of threads that ended. */
#include "rt/heatmap.h"

#include <stdio.h>
#include <stdlib.h>

#include "sys/thread.h"

#define THREADS 4u
#define ROUNDS 3u
#define VALUES 20000u
#define COLUMNS 3u

static struct latency *series;
static _Atomic uint32_t running;

static struct histogram merged(struct latency *l)
{
	struct histogram h;
	_Atomic uint64_t *bucket = calloc(histogram_buckets(latency_range(l)), sizeof *bucket);
	CHECK(bucket != NULL);
	histogram_init(&h, bucket, latency_range(l), true);
	latency_merge(&h, l);
	return h;
}

static void release(struct histogram *h)
{
	free(h->bucket);
}

static uint64_t value_of(uint32_t i)
{
	return (uint64_t)(i * UINT32_C(2654435761));
}

static void record(void *ctx)
{
	(void)ctx;
	for (uint32_t i = 0; i < VALUES; i++)
		latency_record(series, value_of(i));
	(void)atomic_fetch_sub_explicit(&running, 1, memory_order_release);
}

static void test_threads(void)
{
	struct thread t[THREADS];
	uint64_t last = 0, sum = 0;
	for (uint32_t i = 0; i < VALUES; i++)
		sum += value_of(i);
	CHECK(latency_series(&series, "test", HISTOGRAM_NS_MINUTE) == OK);
	CHECK(strcmp(latency_name(series), "test") == 0);
	for (unsigned round = 1; round <= ROUNDS; round++) {
		atomic_store_explicit(&running, THREADS, memory_order_relaxed);
		for (unsigned i = 0; i < THREADS; i++)
			CHECK(thread_start(&t[i], "records", record, NULL) == OK);
		do { /* counts only grow */
			struct histogram h = merged(series);
			const uint64_t count = histogram_count(&h);
			CHECK(count >= last && count <= (uint64_t)round * THREADS * VALUES);
			last = count;
			release(&h);
		} while (atomic_load_explicit(&running, memory_order_acquire) > 0);
		for (unsigned i = 0; i < THREADS; i++)
			thread_join(&t[i]);
		struct histogram h = merged(series);
		CHECK(histogram_count(&h) == (uint64_t)round * THREADS * VALUES);
		CHECK(histogram_sum(&h) == (uint64_t)round * THREADS * sum);
		release(&h);
	}
	CHECK(latency_dropped(series) == 0);
}

/* A series of its own for each; the same threads record in all. */
static void test_series(void)
{
	static struct latency *all[LATENCY_SERIES_MAX];
	static char name[LATENCY_SERIES_MAX][8];
	struct latency *more;
	uint32_t made = 0;
	CHECK(latency_series(&more, "test", HISTOGRAM_NS_MINUTE) == OK && more == series);
	CHECK(latency_series(&more, "test", HISTOGRAM_US_HOUR) == ERR_EXISTS);
	for (enum err err = OK; err == OK; made += err == OK) {
		(void)snprintf(name[made], sizeof name[0], "%u", (unsigned)made);
		err = latency_series(&all[made], name[made], HISTOGRAM_US_HOUR);
		CHECK(err == OK || err == ERR_FULL);
	}
	CHECK(made == LATENCY_SERIES_MAX - 1);
	for (uint32_t i = 0; i < made; i++) {
		CHECK(latency_attach(all[i]) == OK);
		latency_record(all[i], (uint64_t)(i + 1) << 20);
		latency_record_since(all[i], 5, 5 + ((uint64_t)(i + 1) << 20));
		latency_record_since(all[i], 5, 4);
	}
	for (uint32_t i = 0; i < made; i++) {
		struct histogram h = merged(all[i]);
		CHECK(histogram_count(&h) == 3);
		CHECK(histogram_max(&h) == (uint64_t)(i + 1) << 20);
		CHECK(histogram_sum(&h) == (uint64_t)(i + 1) << 21);
		release(&h);
	}
}

static void write_all(char *text, size_t size, const struct heatmap *m, enum heatmap_format format)
{
	struct buf out = buf_init(text, size);
	heatmap_write(&out, m, format);
	CHECK(!out.overflow && out.len <= heatmap_text_max(m, format));
	CHECK(out.len < size);
	(void)buf_cstr(&out);
}

static void test_heatmap(void)
{
	static char text[64 * 1024];
	struct heatmap *m;
	latency_record(series, 77); /* before the map: in no column */
	CHECK(heatmap_create(&m, series, COLUMNS) == OK);
	write_all(text, sizeof text, m, HEATMAP_CSV);
	CHECK(strcmp(text, "time_ms,low_ns,high_ns,count\n") == 0);
	latency_record(series, 0);
	latency_record(series, 255);
	latency_record(series, 256);
	latency_record(series, 1u << 20);
	heatmap_sample(m, 10);
	heatmap_sample(m, 20); /* an empty one */
	write_all(text, sizeof text, m, HEATMAP_CSV);
	CHECK(strcmp(text,
		      "time_ms,low_ns,high_ns,count\n"
		      "10,0,256,2\n"
		      "10,256,512,1\n"
		      "10,1048576,1310720,1\n") == 0);
	for (unsigned i = 0; i < COLUMNS; i++) { /* the oldest columns go */
		latency_record(series, i);
		heatmap_sample(m, 30 + i);
	}
	write_all(text, sizeof text, m, HEATMAP_CSV);
	CHECK(strcmp(text,
		      "time_ms,low_ns,high_ns,count\n"
		      "30,0,256,1\n"
		      "31,0,256,1\n"
		      "32,0,256,1\n") == 0);
	write_all(text, sizeof text, m, HEATMAP_JSON);
	CHECK(strncmp(text, "{\"series\":\"test\",\"low_ns\":[0,256,512,", 36) == 0);
	CHECK(strstr(text, ",68719476736],\"columns\":[{\"time_ms\":30,\"count\":[1,0,0,") != NULL);
	CHECK(strcmp(text + strlen(text) - 7, ",0]}]}\n") == 0);
	heatmap_destroy(m);
}

int main(void)
{
	test_threads();
	test_series();
	test_heatmap();
	return 0;
}
