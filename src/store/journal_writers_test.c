/* Many who append to one journal at once, some that wait for each record, some that never do, while
 * groups are closed and written, segments change and the open group is full: every record is there,
 * once, as its appender was told, in its appender's order, and what was waited for is durable. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/journal.h"
#include "store/remove_dir_test.h"
#include "sys/clock.h"
#include "sys/sleeps_test.h"
#include "sys/thread.h"

#define WRITERS 8u
#define RECORDS 150u /* of each */
#define PAYLOAD_MAX 1200u
#define RING_SOME 2048u /* bytes of a group */

static const struct id128 cluster = {{7}};

struct writer {
	struct thread thread;
	struct journal *j;
	uint32_t id;
	uint64_t seq[RECORDS];
};

/* Its writer and number, and bytes that follow from them. */
static struct slice payload_of(uint8_t *out, uint32_t writer, uint32_t number)
{
	const size_t len = 8 + (writer * 131 + number * 71) % (PAYLOAD_MAX - 8);
	store_le32(out, writer);
	store_le32(out + 4, number);
	for (size_t i = 8; i < len; i++)
		out[i] = (uint8_t)(writer * 7 + number * 13 + i);
	return slice_of(out, len);
}

static void write_all(void *ctx)
{
	struct writer *w = ctx;
	uint8_t bytes[PAYLOAD_MAX];
	for (uint32_t i = 0; i < RECORDS; i++) {
		const struct slice payload = payload_of(bytes, w->id, i);
		enum err err;
		while ((err = journal_append(w->j, &w->seq[i], 1, payload, 0)) == ERR_FULL)
			clock_sleep_ms(1);
		CHECK(err == OK && (i == 0 || w->seq[i] > w->seq[i - 1]));
		CHECK(journal_last(w->j) >= w->seq[i]);
		if (w->id % 4 == 0)
			continue; /* leaves it to the others, or to time */
		if (w->id % 4 == 1) {
			journal_flush(w->j);
			continue;
		}
		CHECK(journal_wait(w->j, w->seq[i]) == OK);
		CHECK(journal_durable(w->j) >= w->seq[i]);
	}
	CHECK(journal_wait(w->j, w->seq[RECORDS - 1]) == OK);
}

struct replayed {
	const struct writer *writer;
	uint32_t next[WRITERS];
	uint64_t count;
};

static enum err check(void *ctx, const struct journal_record *record)
{
	struct replayed *r = ctx;
	uint8_t bytes[PAYLOAD_MAX];
	CHECK(record->payload.len >= 8);
	const uint32_t writer = load_le32(record->payload.ptr);
	const uint32_t number = load_le32(record->payload.ptr + 4);
	CHECK(writer < WRITERS && number == r->next[writer]++);
	CHECK(r->writer[writer].seq[number] == record->seq && record->seq == ++r->count);
	CHECK(slice_eq(record->payload, payload_of(bytes, writer, number)));
	return OK;
}

static void run(const char *dir, size_t ring_min)
{
	static struct writer writer[WRITERS];
	const struct journal_config config = {.dir = dir,
		.fresh_cluster = cluster,
		.ring_min = ring_min,
		.segment_size = 1u << 17,
		.group_max = 1u << 14};
	struct replayed replayed = {.writer = writer};
	struct journal_error error;
	struct journal_stat stat;
	struct journal *j;
	CHECK(journal_open(&j, &config, NULL, NULL, &error) == OK);
	for (uint32_t i = 0; i < WRITERS; i++) {
		writer[i].j = j;
		writer[i].id = i;
		CHECK(thread_start(&writer[i].thread, "writer", write_all, &writer[i]) == OK);
	}
	for (uint32_t i = 0; i < WRITERS; i++)
		thread_join(&writer[i].thread);
	CHECK(journal_durable(j) == (uint64_t)WRITERS * RECORDS);
	journal_stat(j, &stat);
	CHECK(stat.records == (uint64_t)WRITERS * RECORDS && stat.groups <= stat.records);
	CHECK(stat.syncs >= stat.groups && stat.segment > 2);
	journal_close(j);
	CHECK(journal_open(&j, &config, check, &replayed, &error) == OK);
	CHECK(replayed.count == (uint64_t)WRITERS * RECORDS);
	journal_close(j);
}

static uint64_t sleeps_of_half_a_second(void)
{
	const uint64_t before = process_sleeps();
	for (unsigned i = 0; i < 5; i++)
		clock_sleep_ms(100);
	return process_sleeps() - before;
}

/* At rest: a mark after the last record, and then nobody wakes up. */
static void test_rest(const char *dir)
{
	const struct journal_config config = {.dir = dir,
		.fresh_cluster = cluster,
		.segment_size = 1u << 17,
		.group_max = 1u << 14};
	struct journal_error error;
	struct journal *j;
	uint64_t seq;
	const uint64_t alone = sleeps_of_half_a_second();
	CHECK(journal_open(&j, &config, NULL, NULL, &error) == OK);
	CHECK(journal_append(j, &seq, 1, slice_str("x"), 0) == OK && journal_wait(j, seq) == OK);
	clock_sleep_ms(4 * JOURNAL_MARK_IDLE_MS);
	const uint64_t sleeps = sleeps_of_half_a_second();
	if (sleeps > alone + 2)
		(void)fprintf(stderr, "%u sleeps, %u alone\n", (unsigned)sleeps, (unsigned)alone);
	CHECK(sleeps <= alone + 2);
	journal_close(j);
}

int main(void)
{
	char dir[] = "/tmp/sluice-journal-writers-XXXXXX";
	const size_t ring_min[] = {1, RING_SOME, SIZE_MAX}; /* each group on the ring, some, none */
	for (size_t i = 0; i < ARRAY_LEN(ring_min); i++) {
		CHECK(mkdtemp(dir) != NULL);
		run(dir, ring_min[i]);
		remove_dir(dir);
		(void)snprintf(dir, sizeof dir, "/tmp/sluice-journal-writers-XXXXXX");
	}
	CHECK(mkdtemp(dir) != NULL);
	test_rest(dir);
	remove_dir(dir);
	return EXIT_SUCCESS;
}
