/* What a start takes: a journal is verified and folded into the ledger; beside it the same without
 * the fold, the fold without the journal, and what the machine's memory and SHA-256 would allow.
 *
 *   recovery_bench DIR [MEBIBYTES]
 *
 * Two journals: batches of 8,190 customers' transfers, and single ones (a record of 150 bytes for
 * each). The files are in the page cache. Each figure is the median of rounds in turn; bytes are
 * those of the records with their headers. The goal is 1 GB/s, or the fold's own speed where that
 * is lower. Prints one JSON object a row. */
#include <stdio.h>
#include <stdlib.h>

#include "book_world.h"
#include "compare.h"
#include "crypto/hash.h"
#include "ledger/record.h"
#include "rt/parallel.h"
#include "store/journal_scan.h"
#include "sys/clock.h"

#define MEBIBYTES_DEFAULT 192u
#define MEBIBYTES_MAX 4096u
#define ROUNDS 5u
#define WORKERS 2u
#define RECORD_HEADER 20u
#define GOAL 1.0 /* GB/s */
#define SINGLES_FLUSH 64u

enum figure { COPY, SHA256, FOLD, VERIFY_ALONE, VERIFY, BOTH, FIGURE_COUNT };

struct record {
	uint16_t type;
	size_t at, len; /* in what is kept */
};

/* All records of a journal, in memory. */
static struct {
	uint8_t *bytes;
	size_t len, cap;
	struct record *record;
	size_t count, record_cap;
	uint64_t counted; /* headers included */
} kept;

static struct executor *executor;
static struct parallel parallel;
static bool missed;

static enum err keep(void *ctx, const struct journal_record *r)
{
	(void)ctx;
	if (kept.count == kept.record_cap) {
		kept.record_cap = kept.record_cap * 2 + 1024;
		kept.record = realloc(kept.record, kept.record_cap * sizeof *kept.record);
		CHECK(kept.record != NULL);
	}
	if (kept.cap - kept.len < r->payload.len) {
		kept.cap = kept.cap * 2 + r->payload.len;
		kept.bytes = realloc(kept.bytes, kept.cap);
		CHECK(kept.bytes != NULL);
	}
	memcpy(kept.bytes + kept.len, r->payload.ptr, r->payload.len);
	kept.record[kept.count++] = (struct record){
		.type = r->type, .at = kept.len, .len = r->payload.len};
	kept.len += r->payload.len;
	kept.counted += r->payload.len + RECORD_HEADER;
	return OK;
}

static enum err fold(void *ctx, const struct journal_record *r)
{
	return ledger_apply(ctx, r->seq, r->type, r->payload);
}

static void scan(const char *dir, enum err (*record)(void *, const struct journal_record *),
	void *ctx, const struct parallel *workers)
{
	static const struct id128 any;
	static struct journal_scan s;
	const struct journal_visitor visitor = {.record = record, .ctx = ctx};
	const enum err err = journal_scan_run(
		&s, file_system(), dir, &any, &visitor, workers, NULL);
	if (err != OK)
		(void)fprintf(stderr, "%s\n", s.error.text);
	CHECK(err == OK);
	journal_scan_fini(&s);
}

static void fold_kept(struct ledger *l)
{
	for (size_t i = 0; i < kept.count; i++)
		CHECK(ledger_apply(l, i + 1, kept.record[i].type,
			      slice_of(kept.bytes + kept.record[i].at, kept.record[i].len)) == OK);
}

static void hash_kept(void)
{
	struct hash256 sum;
	for (size_t i = 0; i < kept.count; i++)
		sha256(&sum, slice_of(kept.bytes + kept.record[i].at, kept.record[i].len));
}

static void copy_kept(void)
{
	uint8_t *copy = malloc(kept.len);
	CHECK(copy != NULL);
	memcpy(copy, kept.bytes, kept.len); /* its pages are new, as a reader's are */
	CHECK(copy[kept.len - 1] == kept.bytes[kept.len - 1]);
	free(copy);
}

/* GB/s. */
static double once(const struct book_world *w, const char *dir, enum figure figure)
{
	struct ledger *l = figure == FOLD || figure == BOTH ? book_world_ledger(w) : NULL;
	const uint64_t begun = clock_mono_ns();
	switch (figure) {
	case COPY: copy_kept(); break;
	case SHA256: hash_kept(); break;
	case FOLD: fold_kept(l); break;
	case VERIFY_ALONE: scan(dir, NULL, NULL, NULL); break;
	case VERIFY: scan(dir, NULL, NULL, &parallel); break;
	case BOTH: scan(dir, fold, l, &parallel); break;
	case FIGURE_COUNT: UNREACHABLE();
	}
	const double ns = (double)(clock_mono_ns() - begun);
	CHECK(l == NULL || l->seq == kept.count);
	ledger_destroy(l);
	return (double)kept.counted / ns;
}

static void row(const char *journal, const char *what, double ours, double goal)
{
	(void)printf("{\"name\":\"recovery, %s: %s\",\"peer\":null,\"peer_version\":null,"
		     "\"ours\":%.3f,\"theirs\":null,\"unit\":\"GB/s\",\"ratio\":null,",
		journal, what, ours);
	if (goal > 0)
		(void)printf("\"goal\":\">= %.3f\",\"met\":%s}\n", goal,
			ours >= goal ? "true" : "false");
	else
		(void)printf("\"goal\":null,\"met\":null}\n");
	missed = missed || ours < goal;
	(void)fflush(stdout);
}

static void measure(const struct book_world *w, const char *dir, const char *journal)
{
	static const char *const names[FIGURE_COUNT] = {
		[COPY] = "its bytes copied in memory",
		[SHA256] = "SHA-256 of its records, one core",
		[FOLD] = "the fold alone, from memory",
		[VERIFY_ALONE] = "verified alone, no workers",
		[VERIFY] = "verified alone, 2 workers",
		[BOTH] = "verified and folded, 2 workers",
	};
	static struct series series[FIGURE_COUNT];
	kept.len = kept.count = 0;
	kept.counted = 0;
	scan(dir, keep, NULL, NULL);
	memset(series, 0, sizeof series);
	for (unsigned round = 0; round < ROUNDS; round++)
		for (unsigned f = 0; f < FIGURE_COUNT; f++)
			series[f].value[series[f].count++] = once(w, dir, (enum figure)f);
	(void)fprintf(stderr, "%s: %zu records, %.0f MB\n", journal, kept.count,
		(double)kept.counted / 1e6);
	const double folded = series_quantile(&series[FOLD], 0.5);
	for (unsigned f = 0; f < FIGURE_COUNT; f++)
		row(journal, names[f], series_quantile(&series[f], 0.5),
			f == BOTH ? (folded < GOAL ? folded : GOAL) : 0);
}

static void run(const char *dir, const char *name, uint64_t bytes, uint32_t batch)
{
	static struct book_world w;
	char path[FILE_PATH_SIZE], book[FILE_PATH_SIZE];
	const uint64_t each = batch * REC_BOOK_TRANSFER_SIZE + REC_BOOK_HEAD_SIZE + RECORD_HEADER;
	const uint32_t count = (uint32_t)(bytes / each);
	CHECK(file_path_join(path, dir, batch == 1 ? "singles" : "batches") == OK);
	CHECK(file_make_dir(file_system(), path) == OK);
	book_world_open(&w, path, (uint64_t)count * (batch + 1), NULL);
	for (uint32_t i = 0; i < count; i++) {
		book_world_draw(&w, i, batch);
		(void)book_world_send(&w, OK);
		if (batch > 1 || i % SINGLES_FLUSH == 0) {
			engine_flush(w.engine);
			if (batch > 1 || i % (SINGLES_FLUSH * 16) == 0)
				CHECK(journal_wait(w.journal, journal_last(w.journal)) == OK);
		}
	}
	book_world_end(&w);
	CHECK(file_path_join(book, path, "book") == OK);
	measure(&w, book, name);
}

int main(int argc, char **argv)
{
	const uint64_t mebibytes = argc > 2 ? strtoull(argv[2], NULL, 10) : MEBIBYTES_DEFAULT;
	struct executor_config config = executor_config_default();
	if (argc < 2 || mebibytes == 0 || mebibytes > MEBIBYTES_MAX) {
		(void)fprintf(stderr, "usage: recovery_bench DIR [MEBIBYTES]\n");
		return 2;
	}
	compare_machine();
	config.worker_count = WORKERS;
	config.pin_threads = false;
	CHECK(executor_create(&executor, &config) == OK);
	parallel = executor_parallel(executor);
	run(argv[1], "batches of 8,190 transfers", mebibytes << 20, BOOK_BATCH_MAX);
	run(argv[1], "transfers one by one", mebibytes << 20, 1);
	executor_destroy(executor);
	free(kept.bytes);
	free(kept.record);
	return missed ? EXIT_FAILURE : EXIT_SUCCESS;
}
