/* The journal beside a bare loop that writes the same bytes with the same number of syncs, round by
 * round in turn, on the same disk. Usage: journal_bench DIR [ROUNDS]
 * Prints one JSON object a row, and the machine on standard error.
 *
 * The bare loop is the bound: what a journal costs above it is hashing, framing and the hand-over
 * between threads. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "store/journal.h"
#include "store/journal_format.h"
#include "sys/clock.h"

#define ROUNDS_DEFAULT 400u
#define ROUNDS_MAX 100000u
#define PAYLOAD_MAX 4096u

static const struct row {
	const char *name;
	unsigned records; /* of a group */
	size_t payload;
} rows[] = {
	{"1 x 200 B", 1, 200},
	{"16 x 200 B", 16, 200},
	{"256 x 200 B", 256, 200},
	{"64 x 4 KiB", 64, 4096},
};

struct series {
	uint64_t ns[ROUNDS_MAX];
	size_t count;
};

static int compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static double quantile_us(struct series *s, double q)
{
	qsort(s->ns, s->count, sizeof s->ns[0], compare);
	return (double)s->ns[(size_t)(q * (double)(s->count - 1))] / 1000.0;
}

static void add(struct series *s, uint64_t started)
{
	s->ns[s->count++] = clock_mono_ns() - started;
}

/* A file like a segment: written with zeros once, overwritten in a circle. */
struct raw {
	int file;
	uint64_t at;
};

static void raw_round(struct raw *raw, size_t size)
{
	static uint8_t bytes[JOURNAL_GROUP_MAX];
	const struct file_ops *ops = file_system();
	if (raw->at + size > JOURNAL_SEGMENT_SIZE)
		raw->at = 0;
	memset(bytes, (int)(raw->at / JOURNAL_SECTOR), size);
	CHECK(file_write_all(ops, raw->file, bytes, size, raw->at) == OK);
	CHECK(ops->fdatasync(ops->ctx, raw->file) == OK);
	raw->at += size;
}

static void journal_round(struct journal *j, const struct row *row)
{
	static const uint8_t payload[PAYLOAD_MAX] = {1, 2, 3};
	uint64_t seq = 0;
	for (unsigned i = 0; i < row->records; i++)
		CHECK(journal_append(j, &seq, 1, slice_of(payload, row->payload), 0) == OK);
	journal_flush(j);
	CHECK(journal_wait(j, seq) == OK);
}

/* theirs 0: nothing to compare with. Both are times: the smaller is better. */
static void put_row(const char *name, const char *unit, double ours, double theirs)
{
	(void)printf("{\"name\":\"%s\",\"peer\":%s,\"peer_version\":null,\"ours\":%.1f,", name,
		theirs > 0 ? "\"bare write loop\"" : "null", ours);
	if (theirs > 0)
		(void)printf("\"theirs\":%.1f,\"unit\":\"%s\",\"ratio\":%.3f,", theirs, unit,
			theirs / ours);
	else
		(void)printf("\"theirs\":null,\"unit\":\"%s\",\"ratio\":null,", unit);
	(void)printf("\"goal\":null,\"met\":null}\n");
}

static void run_row(struct journal *j, struct raw *raw, const struct row *row, unsigned rounds)
{
	static struct series ours, bare;
	const size_t body = row->records * (JOURNAL_RECORD_HEADER_SIZE + row->payload);
	const size_t size = journal_group_size(body);
	ours.count = bare.count = 0;
	for (unsigned i = 0; i < rounds; i++) {
		uint64_t started = clock_mono_ns();
		raw_round(raw, size);
		add(&bare, started);
		started = clock_mono_ns();
		journal_round(j, row);
		add(&ours, started);
	}
	static const struct {
		const char *name;
		double q;
	} quantiles[] = {{"p50", 0.5}, {"p99", 0.99}, {"p99.99", 0.9999}};
	for (size_t i = 0; i < ARRAY_LEN(quantiles); i++) {
		char name[80];
		(void)snprintf(
			name, sizeof name, "durable group of %s, %s", row->name, quantiles[i].name);
		put_row(name, "us", quantile_us(&ours, quantiles[i].q),
			quantile_us(&bare, quantiles[i].q));
	}
}

/* Without waiting: the next group fills while one syncs. */
static void run_stream(struct journal *j, unsigned records)
{
	static const uint8_t payload[PAYLOAD_MAX] = {1, 2, 3};
	struct journal_stat before, after;
	uint64_t seq = 0;
	journal_stat(j, &before);
	const uint64_t started = clock_mono_ns();
	for (unsigned i = 0; i < records; i++) {
		enum err err;
		while ((err = journal_append(j, &seq, 1, slice_of(payload, 200), 0)) == ERR_FULL)
			clock_sleep_ms(1);
		CHECK(err == OK);
		if (i % 64 == 0)
			journal_flush(j);
	}
	CHECK(journal_wait(j, seq) == OK);
	const double seconds = (double)(clock_mono_ns() - started) / 1e9;
	journal_stat(j, &after);
	put_row("stream of 200 B records, durable", "1/s", records / seconds, 0);
	put_row("stream of 200 B records, of one sync", "records",
		records / (double)(after.syncs - before.syncs), 0);
}

int main(int argc, char **argv)
{
	const struct file_ops *ops = file_system();
	char path[FILE_PATH_SIZE], dir[FILE_PATH_SIZE];
	struct journal_error error = {{0}};
	struct raw raw = {0};
	struct utsname machine;
	struct journal *j = NULL;
	if (argc < 2) {
		(void)fprintf(stderr, "usage: journal_bench DIR [ROUNDS]\n");
		return EXIT_FAILURE;
	}
	const unsigned long asked = argc > 2 ? strtoul(argv[2], NULL, 10) : ROUNDS_DEFAULT;
	const unsigned rounds = asked > 0 && asked <= ROUNDS_MAX ? (unsigned)asked : ROUNDS_DEFAULT;
	CHECK(file_path_join(path, argv[1], "raw") == OK);
	CHECK(file_path_join(dir, argv[1], "journal") == OK);
	const struct journal_config config = {.dir = dir, .fresh_cluster = {{1}}};
	if (ops->open(ops->ctx, &raw.file, path, FILE_WRITE | FILE_CREATE) != OK ||
		ops->preallocate(ops->ctx, raw.file, JOURNAL_SEGMENT_SIZE) != OK ||
		ops->fsync(ops->ctx, raw.file) != OK ||
		journal_open(&j, &config, NULL, NULL, &error) != OK) {
		(void)fprintf(stderr, "%s: can't be used: %s\n", argv[1], error.text);
		return EXIT_FAILURE;
	}
	CHECK(uname(&machine) == 0);
	(void)fprintf(stderr, "%s %s, %ld CPUs; %u rounds each, in turn\n", machine.sysname,
		machine.release, sysconf(_SC_NPROCESSORS_ONLN), rounds);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		run_row(j, &raw, &rows[i], rounds);
	run_stream(j, 200000);
	journal_close(j);
	ops->close(ops->ctx, raw.file);
	return EXIT_SUCCESS;
}
