/* How long a journal takes to open: its groups are checked by the executor's workers, its records
 * handed over one by one. The peer is the same without workers. One JSON object a row; a row is the
 * median of rounds in turn.
 *
 * Usage: bench_replay [MEBIBYTES [DIR]] */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "rt/parallel.h"
#include "store/journal.h"
#include "sys/clock.h"

#define MEBIBYTES_DEFAULT 192
#define RECORD_SIZE 256u
#define GROUP_RECORDS 256u /* a burst of requests */
#define ROUNDS 5
#define WORKERS_MAX 2u
#define TYPE 1u

static uint64_t replayed, sum;

static enum err replay(void *ctx, const struct journal_record *r)
{
	(void)ctx;
	replayed++;
	sum += r->payload.ptr[0];
	return OK;
}

static void open_journal(
	struct journal **out, const char *dir, const struct parallel *parallel, bool synchronous)
{
	struct journal_error error = {.text = ""};
	const struct journal_config config = {.dir = dir,
		.fresh_cluster = {{1}},
		.synchronous = synchronous,
		.parallel = parallel};
	const enum err err = journal_open(out, &config, replay, NULL, &error);
	if (err != OK) {
		(void)fprintf(stderr, "bench_replay: %s: %s\n", err_name(err), error.text);
		exit(EXIT_FAILURE);
	}
}

static uint64_t fill(const char *dir, uint64_t bytes)
{
	struct journal *j;
	uint8_t payload[RECORD_SIZE];
	const uint64_t count = bytes / sizeof payload;
	open_journal(&j, dir, NULL, true);
	for (uint64_t i = 0; i < count; i++) {
		uint64_t seq;
		for (size_t b = 0; b < sizeof payload; b++)
			payload[b] = (uint8_t)(i * 31 + b * 7);
		CHECK(journal_append(j, &seq, TYPE, slice_of(payload, sizeof payload), 0) == OK);
		if (i % GROUP_RECORDS == GROUP_RECORDS - 1)
			journal_flush(j);
	}
	journal_close(j);
	return count;
}

/* Milliseconds. workers 0: none. */
static double open_once(const char *dir, uint32_t workers, uint64_t count)
{
	struct executor *x = NULL;
	struct executor_config config = executor_config_default();
	struct parallel parallel;
	struct journal *j;
	config.worker_count = workers;
	config.pin_threads = false;
	if (workers > 0) {
		CHECK(executor_create(&x, &config) == OK);
		parallel = executor_parallel(x);
	}
	replayed = 0;
	const uint64_t begun = clock_mono_ns();
	open_journal(&j, dir, workers > 0 ? &parallel : NULL, true);
	const double ms = (double)(clock_mono_ns() - begun) / 1e6;
	CHECK(replayed >= count);
	journal_close(j);
	executor_destroy(x);
	return ms;
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
	const uint64_t mebibytes = argc > 1 ? strtoull(argv[1], NULL, 10) : MEBIBYTES_DEFAULT;
	char template[] = "/tmp/bench_replay_XXXXXX", dir[4096], command[4200];
	const char *root = argc > 2 ? argv[2] : mkdtemp(template);
	double ms[WORKERS_MAX + 1][ROUNDS];
	if (mebibytes == 0 || root == NULL) {
		(void)fprintf(stderr, "usage: bench_replay [MEBIBYTES [DIR]]\n");
		return 2;
	}
	(void)snprintf(dir, sizeof dir, "%s/journal", root);
	const uint64_t count = fill(dir, mebibytes << 20);
	for (int r = 0; r < ROUNDS; r++)
		for (uint32_t w = 0; w <= WORKERS_MAX; w++)
			ms[w][r] = open_once(dir, w, count);
	for (uint32_t w = 0; w <= WORKERS_MAX; w++)
		qsort(ms[w], ROUNDS, sizeof ms[w][0], compare);
	for (uint32_t w = 1; w <= WORKERS_MAX; w++)
		(void)printf("{\"name\":\"a journal of %llu MiB, %u workers\",\"peer\":\"no "
			     "workers\",\"peer_version\":null,\"ours\":%.0f,\"theirs\":%.0f,"
			     "\"unit\":\"ms\",\"ratio\":%.2f,\"goal\":null,\"met\":true}\n",
			(unsigned long long)mebibytes, w, ms[w][ROUNDS / 2], ms[0][ROUNDS / 2],
			ms[0][ROUNDS / 2] / ms[w][ROUNDS / 2]);
	(void)snprintf(command, sizeof command, "rm -r '%s'", root);
	return system(command) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
