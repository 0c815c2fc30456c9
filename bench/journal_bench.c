/* The journal beside what else makes records durable, in short rounds in turn, on the same disk.
 *
 *   journal_bench [--rounds N] DIR [TEXT]      only rows whose name contains TEXT
 *
 * Every contestant's syncs are counted, and a round fails where there were fewer than it owes. The
 * raw loop writes what the journal wrote in the last round: as many syncs, as many bytes in each,
 * into a file of zeros that is there already. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "compare.h"
#include "journal_peers.h"
#include "store/journal.h"
#include "store/journal_format.h"
#include "sys/clock.h"
#include "sys/thread.h"

#define ROUNDS 15u
#define ROUND_NS 50000000u
#define SETTLE_SYNCS 3u
#define SEGMENT ((size_t)512 << 20) /* no segment ends while it is measured */
#define RAW_SIZE ((uint64_t)128 << 20)
#define FLUSH_EVERY 16u
#define CONTESTANTS_MAX 12u

enum how { HOW_ALONE, HOW_ASYNC, HOW_THREADS, HOW_BATCH };

/* What a row measures; all contestants look at it. */
static struct {
	enum how how;
	unsigned writers;
	struct slice payload;
} work;

static struct journal *journal;
static int settle_file;
static uint64_t sequence;                                  /* the last that was appended */
static double raw_records = 1, raw_bytes = JOURNAL_SECTOR; /* of a sync of ours */

/* ---- writers with a thread each ---- */

struct crew {
	void (*append)(void *ctx, unsigned writer);
	void *ctx;
	uint64_t each;
	pthread_barrier_t ready;
};

struct member {
	struct crew *crew;
	struct thread thread;
	unsigned writer;
};

static void member_main(void *ctx)
{
	const struct member *m = ctx;
	(void)pthread_barrier_wait(&m->crew->ready);
	for (uint64_t i = 0; i < m->crew->each; i++)
		m->crew->append(m->crew->ctx, m->writer);
	(void)pthread_barrier_wait(&m->crew->ready);
}

/* From when all are there until all are done. */
static uint64_t crew_time(uint64_t count, void (*append)(void *ctx, unsigned writer), void *ctx)
{
	static struct member member[JOURNAL_PEER_WRITERS_MAX];
	struct crew crew = {.append = append, .ctx = ctx, .each = count / work.writers};
	CHECK(pthread_barrier_init(&crew.ready, NULL, work.writers + 1) == 0);
	for (unsigned i = 0; i < work.writers; i++) {
		member[i].crew = &crew;
		member[i].writer = i;
		CHECK(thread_start(&member[i].thread, "writer", member_main, &member[i]) == OK);
	}
	(void)pthread_barrier_wait(&crew.ready);
	const uint64_t begun = clock_mono_ns();
	(void)pthread_barrier_wait(&crew.ready);
	const uint64_t took = clock_mono_ns() - begun;
	for (unsigned i = 0; i < work.writers; i++)
		thread_join(&member[i].thread);
	CHECK(pthread_barrier_destroy(&crew.ready) == 0);
	return took;
}

/* What the one before left to the disk (log files that are removed, pages that are written back) is
 * not to be the next one's: a few syncs of nobody's, before the clock runs. */
static void settle(void)
{
	static const uint8_t sector[JOURNAL_SECTOR];
	const struct file_ops *ops = file_system();
	for (unsigned i = 0; i < SETTLE_SYNCS; i++) {
		CHECK(file_write_all(ops, settle_file, sector, sizeof sector, 0) == OK);
		CHECK(ops->fdatasync(ops->ctx, settle_file) == OK);
	}
}

/* ---- ours ---- */

static void append_one(void)
{
	CHECK(journal_append(journal, &sequence, 1, work.payload, 0) == OK);
}

/* Writers that don't block: each appends again when its record is durable, as the engine's callers
 * do. One thread stands for all of them; the journal's thread commits. */
static void run_async(uint64_t count)
{
	const uint64_t first = sequence + 1, last = sequence + count;
	uint64_t durable = sequence;
	while (durable < last) {
		unsigned unflushed = 0;
		const uint64_t until = durable + work.writers;
		while (sequence < last && sequence < until) {
			append_one();
			if (++unflushed == FLUSH_EVERY) {
				journal_flush(journal);
				unflushed = 0;
			}
		}
		journal_flush(journal);
		/* the oldest that is waited for */
		CHECK(journal_wait(journal, durable + 1) == OK);
		durable = journal_durable(journal);
	}
	CHECK(durable >= first);
}

static void append_and_wait(void *ctx, unsigned writer)
{
	uint64_t seq;
	(void)ctx;
	(void)writer;
	CHECK(journal_append(journal, &seq, 1, work.payload, 0) == OK);
	CHECK(journal_wait(journal, seq) == OK);
}

static void run_batches(uint64_t count, unsigned batch)
{
	for (uint64_t i = 0; i < count; i += batch) {
		for (unsigned k = 0; k < batch; k++)
			append_one();
		CHECK(journal_wait(journal, sequence) == OK);
	}
}

static uint64_t run_ours(void *ctx, uint64_t count)
{
	struct journal_stat before, after;
	(void)ctx;
	settle();
	uint64_t took = clock_mono_ns();
	journal_stat(journal, &before);
	sequence = journal_last(journal);
	switch (work.how) {
	case HOW_ALONE: run_batches(count, 1); break;
	case HOW_BATCH: run_batches(count, work.writers); break;
	case HOW_ASYNC: run_async(count); break;
	case HOW_THREADS: break;
	}
	took = work.how == HOW_THREADS ? crew_time(count, append_and_wait, NULL)
				       : clock_mono_ns() - took;
	journal_stat(journal, &after);
	CHECK(journal_durable(journal) == journal_last(journal));
	const uint64_t syncs = after.syncs - before.syncs;
	CHECK(after.records - before.records == count && after.segment == before.segment);
	CHECK(syncs >= after.groups - before.groups && syncs >= count / 65536 + 1);
	raw_records = (double)count / (double)syncs;
	raw_bytes = (double)(after.bytes - before.bytes) / (double)syncs;
	return took;
}

/* ---- the raw loop ---- */

struct raw {
	int file;
	bool one_call; /* durable when it returns; else a write and an fdatasync */
	uint64_t at;
};

static uint64_t run_raw(void *ctx, uint64_t count)
{
	static _Alignas(FILE_DIRECT_ALIGN) uint8_t bytes[JOURNAL_GROUP_MAX];
	struct raw *raw = ctx;
	const struct file_ops *ops = file_system();
	const uint64_t syncs = (uint64_t)((double)count / raw_records + 0.5);
	const size_t size = (size_t)(raw_bytes / JOURNAL_SECTOR + 0.5) * JOURNAL_SECTOR;
	settle();
	const uint64_t begun = clock_mono_ns();
	for (uint64_t i = 0; i < (syncs == 0 ? 1 : syncs); i++) {
		raw->at = raw->at + size > RAW_SIZE ? 0 : raw->at;
		store_le64(bytes, i);
		CHECK(file_write_all(ops, raw->file, bytes, raw->one_call ? 0 : size, raw->at) ==
			OK);
		if (raw->one_call)
			CHECK(file_write_durable(ops, raw->file, bytes, size, raw->at) == OK);
		else
			CHECK(ops->fdatasync(ops->ctx, raw->file) == OK);
		raw->at += size;
	}
	return clock_mono_ns() - begun;
}

static void raw_open(struct raw *raw, const char *dir, bool one_call)
{
	const struct file_ops *ops = file_system();
	char path[FILE_PATH_SIZE];
	CHECK(file_path_join(path, dir, one_call ? "raw-direct" : "raw") == OK);
	*raw = (struct raw){.one_call = one_call};
	CHECK(ops->open(ops->ctx, &raw->file, path,
		      FILE_WRITE | FILE_CREATE | (one_call ? FILE_DIRECT : 0)) == OK);
	CHECK(ops->preallocate(ops->ctx, raw->file, RAW_SIZE) == OK);
	CHECK(ops->fsync(ops->ctx, raw->file) == OK);
}

/* ---- peers ---- */

struct peer {
	const struct journal_peer *peer;
	unsigned batch; /* records of a transaction */
	bool threads;
};

static void peer_append(void *ctx, unsigned writer)
{
	const struct peer *p = ctx;
	p->peer->append(writer, work.payload, p->batch);
}

static uint64_t run_peer(void *ctx, uint64_t count)
{
	const struct peer *p = ctx;
	settle();
	const uint64_t before = sync_count();
	uint64_t took = clock_mono_ns();
	if (p->threads) {
		took = crew_time(count, peer_append, ctx);
	} else {
		for (uint64_t i = 0; i < count; i += p->batch)
			peer_append(ctx, 0);
		took = clock_mono_ns() - took;
	}
	/* one for each transaction; of threads, whose commits are grouped, one for all of them */
	const uint64_t owed = count / (p->threads ? work.writers : p->batch);
	CHECK(sync_count() - before >= owed);
	return took;
}

/* ---- rows ---- */

static const struct row {
	const char *name;
	enum how how;
	unsigned writers;
	double raw, sqlite, lmdb, rocksdb; /* goals */
} rows[] = {
	{"1 writer", HOW_ALONE, 1, 0.95, 0, 0, 0},
	{"16 writers", HOW_ASYNC, 16, 0.9, 0, 0, 0},
	{"256 writers", HOW_ASYNC, 256, 0.9, 20, 0, 5},
	{"16 writers, a thread each", HOW_THREADS, 16, 0, 0, 0, 0},
	{"256 writers, a thread each", HOW_THREADS, 256, 0, 0, 0, 0},
	{"in batches of 256", HOW_BATCH, 256, 0, 3, 2, 0},
};

static void add_peer(struct contestant *list, size_t *count, const struct journal_peer *peer,
	const struct row *row, double goal)
{
	static struct peer peers[CONTESTANTS_MAX];
	struct peer *p = &peers[*count];
	const bool many = row->how == HOW_ASYNC || row->how == HOW_THREADS;
	*p = (struct peer){.peer = peer,
		.batch = row->how == HOW_BATCH ? row->writers : 1,
		.threads = peer->threads && many};
	list[(*count)++] = (struct contestant){
		.peer = peer->name,
		.form = row->how == HOW_BATCH ? "one transaction for a batch"
			: p->threads          ? "a thread for each writer"
					      : "a transaction for each",
		.version = peer->version,
		.run = peer->open != NULL ? run_peer : NULL,
		.ctx = p,
		.goal = {goal},
	};
}

static unsigned run_row(const struct row *row, size_t payload, struct raw raw[2])
{
	static uint8_t bytes[1024];
	struct contestant list[CONTESTANTS_MAX] = {{.run = run_ours}};
	size_t count = 1;
	char name[80];
	(void)snprintf(name, sizeof name, "durable appends of %zu B, %s", payload, row->name);
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i * 31);
	work.how = row->how;
	work.writers = row->writers;
	work.payload = slice_of(bytes, payload);
	for (size_t i = 0; i < 2; i++)
		list[count++] = (struct contestant){.peer = "raw loop",
			.form = i == 0 ? "pwrite, fdatasync" : "O_DIRECT, RWF_DSYNC",
			.run = run_raw,
			.ctx = &raw[i],
			.goal = {row->raw}};
	add_peer(list, &count, &journal_peer_sqlite, row, row->sqlite);
	add_peer(list, &count, &journal_peer_lmdb, row, row->lmdb);
	add_peer(list, &count, &journal_peer_rocksdb, row, row->rocksdb);
	const struct contest contest = {.name = name,
		.unit = "ns/record",
		.granule = row->writers,
		.round_ns = ROUND_NS,
		.rounds = ROUNDS};
	return compare_contest(&contest, list, count);
}

/* A new journal's first segment is a short one. */
static void leave_first_segment(void)
{
	static const uint8_t bytes[JOURNAL_SEGMENT_FIRST / 4];
	struct journal_stat stat;
	do {
		CHECK(journal_append(journal, &sequence, 1, slice_of(bytes, sizeof bytes), 0) ==
			OK);
		CHECK(journal_wait(journal, sequence) == OK);
		journal_stat(journal, &stat);
	} while (stat.segment < 2);
}

static unsigned run_all(const char *dir)
{
	static const struct journal_peer *const peers[] = {
		&journal_peer_sqlite, &journal_peer_lmdb, &journal_peer_rocksdb};
	static const size_t payloads[] = {128, 1024};
	char path[FILE_PATH_SIZE];
	struct journal_error error = {{0}};
	struct raw raw[2];
	unsigned missed = 0;
	CHECK(file_path_join(path, dir, "journal") == OK);
	const struct journal_config config = {
		.dir = path, .fresh_cluster = {{1}}, .segment_size = SEGMENT};
	if (journal_open(&journal, &config, NULL, NULL, &error) != OK) {
		(void)fprintf(stderr, "%s: can't be used: %s\n", dir, error.text);
		return 1;
	}
	leave_first_segment();
	CHECK(file_path_join(path, dir, "settle") == OK);
	CHECK(file_system()->open(NULL, &settle_file, path, FILE_WRITE | FILE_CREATE) == OK);
	raw_open(&raw[0], dir, false);
	raw_open(&raw[1], dir, true);
	for (size_t i = 0; i < ARRAY_LEN(peers); i++)
		if (peers[i]->open != NULL)
			peers[i]->open(dir);
	for (size_t k = 0; k < ARRAY_LEN(payloads); k++)
		for (size_t i = 0; i < ARRAY_LEN(rows); i++)
			missed += run_row(&rows[i], payloads[k], raw);
	for (size_t i = 0; i < ARRAY_LEN(peers); i++)
		if (peers[i]->open != NULL)
			peers[i]->close();
	journal_close(journal);
	return missed;
}

int main(int argc, char **argv)
{
	const int at = compare_arguments(argc, argv);
	if (at >= argc) {
		(void)fprintf(stderr, "usage: journal_bench [--rounds N] DIR [TEXT]\n");
		return EXIT_FAILURE;
	}
	compare_machine();
	compare_only(at + 1 < argc ? argv[at + 1] : NULL);
	return run_all(argv[at]) > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
