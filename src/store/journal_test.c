/* The journal as its users see it, on the simulated disk and, with its thread, on the real one. */
#include "store/journal.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rt/parallel.h"
#include "store/journal_format.h"
#include "store/remove_dir_test.h"
#include "sys/clock.h"
#include "sys/file_sim.h"
#include "sys/kill.h"

#define SEGMENT_SIZE 32768u
#define GROUP_MAX 6144u
#define RECORDS_MAX 100000u

static const struct id128 cluster_a = {{0xa, 1}}, cluster_b = {{0xb, 2}};

/* Records whose content follows from their number. */
static struct slice payload_of(uint64_t seq, size_t len)
{
	static uint8_t bytes[JOURNAL_PAYLOAD_MAX];
	CHECK(len <= sizeof bytes);
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(seq * 131 + i * 7 + (i >> 8));
	return slice_of(bytes, len);
}

static size_t len_of(uint64_t seq)
{
	return (size_t)(seq * 37 % 300);
}

static enum err check_record(void *ctx, const struct journal_record *record)
{
	uint64_t *count = ctx;
	CHECK(record->seq == *count + 1 && record->type == (uint16_t)(record->seq * 3));
	CHECK(slice_eq(record->payload, payload_of(record->seq, len_of(record->seq))));
	(*count)++;
	return OK;
}

static struct journal_config config_of(const struct file_ops *ops, const char *dir)
{
	return (struct journal_config){.dir = dir,
		.fresh_cluster = cluster_a,
		.ops = ops,
		.segment_size = SEGMENT_SIZE,
		.group_max = GROUP_MAX,
		.synchronous = ops != NULL};
}

static struct journal *open_at(const struct journal_config *config, uint64_t expect)
{
	struct journal *j = NULL;
	struct journal_error error = {{0}};
	uint64_t count = 0;
	const enum err err = journal_open(&j, config, check_record, &count, &error);
	if (err != OK)
		(void)fprintf(stderr, "%s: %s\n", err_name(err), error.text);
	CHECK(err == OK && count == expect);
	CHECK(journal_last(j) == expect && journal_durable(j) == expect);
	return j;
}

static enum err open_fails(const struct journal_config *config, const char *says)
{
	struct journal *j = NULL;
	struct journal_error error = {{0}};
	uint64_t count = 0;
	const enum err err = journal_open(&j, config, check_record, &count, &error);
	if (err == OK || strstr(error.text, says) == NULL)
		(void)fprintf(stderr, "%s: %s\n", err_name(err), error.text);
	CHECK(err != OK && j == NULL && strstr(error.text, says) != NULL);
	return err;
}

static enum err try_append(struct journal *j, unsigned flags)
{
	const uint64_t next = journal_last(j) + 1;
	uint64_t seq = 0;
	const enum err err = journal_append(
		j, &seq, (uint16_t)(next * 3), payload_of(next, len_of(next)), flags);
	CHECK(err != OK || seq == next);
	return err;
}

static void append(struct journal *j, unsigned count)
{
	while (count-- > 0)
		CHECK(try_append(j, 0) == OK);
}

static void append_flushed(struct journal *j, unsigned count)
{
	while (count-- > 0) {
		append(j, 1);
		journal_flush(j);
	}
}

static void test_round_trip(void)
{
	struct file_sim *sim = file_sim_create();
	const struct journal_config config = config_of(file_sim_ops(sim), "d");
	struct journal *j = open_at(&config, 0);
	CHECK(id128_eq(&(struct id128){{0xa, 1}}, &cluster_a));
	append(j, 3);
	CHECK(journal_last(j) == 3 && journal_durable(j) == 0);
	journal_flush(j);
	CHECK(journal_durable(j) == 3 && journal_wait(j, 3) == OK);
	CHECK(journal_wait(j, 4) == ERR_STATE);
	append(j, 2); /* not flushed: journal_close does */
	journal_close(j);
	/* many openings, one record each; then nothing but openings, until the segment is full */
	for (uint64_t n = 5; n < 15; n++) {
		j = open_at(&config, n);
		append(j, 1);
		journal_close(j);
	}
	for (unsigned i = 0; i < 2 * SEGMENT_SIZE / JOURNAL_SECTOR; i++)
		journal_close(open_at(&config, 15));
	file_sim_destroy(sim);
}

static void test_segments(void)
{
	struct file_sim *sim = file_sim_create();
	const struct journal_config config = config_of(file_sim_ops(sim), "d");
	struct journal_stat stat;
	struct journal *j = open_at(&config, 0);
	append_flushed(j, 500);
	journal_stat(j, &stat);
	CHECK(stat.segment > 5 && stat.groups == 500 && stat.records == 500);
	journal_close(j);
	j = open_at(&config, 500);
	while (try_append(j, 0) == OK) {}
	CHECK(try_append(j, 0) == ERR_FULL); /* the group is full */
	journal_flush(j);
	append(j, 1);
	const uint64_t last = journal_last(j);
	journal_close(j);
	j = open_at(&config, last);
	uint64_t seq;
	CHECK(journal_append(j, &seq, 1, payload_of(1, GROUP_MAX), 0) == ERR_RANGE);
	journal_close(j);
	file_sim_destroy(sim);
}

static void test_group_commit(void)
{
	struct file_sim *sim = file_sim_create();
	const struct journal_config config = config_of(file_sim_ops(sim), "d");
	struct journal *j = open_at(&config, 0);
	struct journal_stat before, after;
	const uint64_t writes = file_sim_count(sim, FILE_SIM_WRITE);
	journal_stat(j, &before);
	append(j, 20);
	journal_flush(j);
	journal_flush(j); /* nothing is open */
	journal_stat(j, &after);
	CHECK(after.syncs == before.syncs + 1 && after.records == before.records + 20);
	CHECK(file_sim_count(sim, FILE_SIM_WRITE) == writes + 1);
	journal_mark(j);
	journal_mark(j);
	journal_stat(j, &after);
	CHECK(after.groups == before.groups + 2);
	journal_close(j);
	file_sim_destroy(sim);
}

static void test_refusals(void)
{
	struct file_sim *sim = file_sim_create();
	const struct file_ops *ops = file_sim_ops(sim);
	struct journal_config config = config_of(ops, "d");
	size_t len;
	struct journal *j = open_at(&config, 0);
	append(j, 4);
	CHECK(open_fails(&config, "another process") == ERR_EXISTS);
	journal_close(j);
	config.cluster = cluster_b;
	CHECK(open_fails(&config, "another cluster") == ERR_NETWORK);
	config.cluster = cluster_a;
	j = open_at(&config, 4);
	CHECK(memcmp(journal_cluster(j).b, cluster_a.b, 16) == 0);
	journal_close(j);

	uint8_t *bytes = file_sim_content(sim, "d/0000000001.seg", &len);
	CHECK(bytes != NULL && len == SEGMENT_SIZE && bytes[8] == JOURNAL_FORMAT_VERSION);
	bytes[8]++;
	const uint64_t digest = file_sim_digest(sim);
	CHECK(open_fails(&config, "version") == ERR_FORMAT);
	CHECK(file_sim_digest(sim) == digest);
	bytes[8]--;
	journal_close(open_at(&config, 4));

	config.group_max = SEGMENT_SIZE / 4;
	CHECK(open_fails(&config, "out of range") == ERR_RANGE);
	config = config_of(ops, "e");
	config.fresh_cluster = (struct id128){{0}};
	CHECK(open_fails(&config, "id of a cluster") == ERR_STATE);
	config = config_of(ops, "x/y");
	CHECK(open_fails(&config, "x/y") == ERR_NOT_FOUND);
	file_sim_destroy(sim);
}

static enum err refuse_third(void *ctx, const struct journal_record *record)
{
	(void)ctx;
	return record->seq == 3 ? ERR_DENIED : OK;
}

static void test_replay_stops(void)
{
	struct file_sim *sim = file_sim_create();
	const struct journal_config config = config_of(file_sim_ops(sim), "d");
	struct journal_error error;
	struct journal *j = open_at(&config, 0);
	append(j, 4);
	journal_close(j);
	CHECK(journal_open(&j, &config, refuse_third, NULL, &error) == ERR_DENIED);
	journal_close(open_at(&config, 4));
	file_sim_destroy(sim);
}

struct failure {
	unsigned count;
	char what[256];
};

static void on_failed(void *ctx, const char *what)
{
	struct failure *f = ctx;
	f->count++;
	(void)snprintf(f->what, sizeof f->what, "%s", what);
}

/* Each write, sync and folder sync of a short life fails in turn: nothing is acknowledged from
 * then on, nothing is retried, and after the next opening everything acknowledged is there, even if
 * the power fails right then. */
static unsigned run_with_fault(const struct file_sim_fault *fault)
{
	struct file_sim *sim = file_sim_create();
	struct failure failure = {0};
	struct journal_config config = config_of(file_sim_ops(sim), "d");
	struct journal_error error;
	uint64_t acknowledged = 0, count = 0;
	struct journal *j = NULL;
	config.on_failed = on_failed;
	config.ctx = &failure;
	file_sim_inject(sim, fault);
	const enum err err = journal_open(&j, &config, NULL, NULL, &error);
	for (unsigned i = 0; err == OK && i < 60 && failure.count == 0; i++) {
		CHECK(try_append(j, 0) == OK);
		if (i % 3 == 0)
			journal_flush(j);
		acknowledged = journal_durable(j);
	}
	const bool struck = err != OK || failure.count > 0;
	if (err == OK && struck) {
		const uint64_t writes = file_sim_count(sim, FILE_SIM_WRITE);
		uint64_t seq;
		CHECK(failure.count == 1 && strstr(failure.what, "segment") != NULL);
		CHECK(journal_append(j, &seq, 1, slice_str("x"), JOURNAL_ESSENTIAL) == ERR_IO);
		journal_flush(j);
		CHECK(journal_wait(j, journal_last(j)) == ERR_IO);
		CHECK(journal_durable(j) == acknowledged);
		journal_close(j);
		CHECK(file_sim_count(sim, FILE_SIM_WRITE) == writes);
		CHECK(failure.count == 1);
	} else if (err == OK) {
		journal_close(j);
	}
	file_sim_kill(sim);
	file_sim_heal(sim);
	config = config_of(file_sim_ops(sim), "d");
	CHECK(journal_open(&j, &config, check_record, &count, &error) == OK);
	CHECK(count >= acknowledged);
	append_flushed(j, 1);
	static const uint8_t none[64];
	const size_t unsynced = file_sim_unsynced(sim);
	CHECK(unsynced <= sizeof none);
	struct file_sim *after = file_sim_crash(sim, none, unsynced);
	const struct journal_config config_after = config_of(file_sim_ops(after), "d");
	journal_close(open_at(&config_after, count + 1));
	file_sim_destroy(after);
	journal_close(j);
	file_sim_destroy(sim);
	return struck;
}

static void test_faults(void)
{
	static const struct {
		enum file_sim_op op;
		enum err err;
		size_t partial;
		unsigned struck_min; /* so many places of the life must be hit */
	} rows[] = {
		{FILE_SIM_SYNC, ERR_IO, 0, 20},
		{FILE_SIM_WRITE, ERR_IO, 0, 20},
		{FILE_SIM_WRITE, ERR_IO, 700, 20},
		{FILE_SIM_WRITE, ERR_IO, SIZE_MAX, 20},
		{FILE_SIM_WRITE, ERR_FULL, 512, 20},
		{FILE_SIM_SYNC_DIR, ERR_IO, 0, 2},
		{FILE_SIM_RENAME, ERR_IO, 0, 1},
		{FILE_SIM_PREALLOCATE, ERR_IO, 0, 2},
		{FILE_SIM_OPEN, ERR_IO, 0, 3},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		unsigned struck = 0;
		for (uint64_t after = 0; after < 60; after++)
			struck += run_with_fault(&(struct file_sim_fault){.op = rows[i].op,
				.err = rows[i].err,
				.partial = rows[i].partial,
				.after = after});
		CHECK(struck >= rows[i].struck_min);
	}
}

/* Short writes and writes that a signal interrupted are gone on with. */
static void test_short_writes(void)
{
	for (size_t partial = 0; partial < 600; partial += 7) {
		struct file_sim *sim = file_sim_create();
		const struct journal_config config = config_of(file_sim_ops(sim), "d");
		struct journal *j = open_at(&config, 0);
		for (uint64_t after = 0; after < 8; after++)
			file_sim_inject(sim,
				&(struct file_sim_fault){.op = FILE_SIM_WRITE,
					.err = OK,
					.partial = partial,
					.after = 3 * after});
		append_flushed(j, 12);
		journal_close(j);
		journal_close(open_at(&config, 12));
		file_sim_destroy(sim);
	}
	/* a disk that takes nothing any more is a failure, not an endless loop */
	struct file_sim *sim = file_sim_create();
	const struct journal_config config = config_of(file_sim_ops(sim), "d");
	struct journal *j = open_at(&config, 0);
	file_sim_inject(sim, &(struct file_sim_fault){.op = FILE_SIM_WRITE, .persistent = true});
	append_flushed(j, 1);
	CHECK(journal_durable(j) == 0 && try_append(j, 0) == ERR_IO);
	journal_close(j);
	file_sim_destroy(sim);
}

/* A full disk: new work is refused while one segment is left to finish what is in flight. */
static void test_full_disk(void)
{
	struct file_sim *sim = file_sim_create();
	const struct journal_config config = config_of(file_sim_ops(sim), "d");
	struct journal_stat stat;
	file_sim_capacity(sim, 2 * SEGMENT_SIZE + 100);
	struct journal *j = open_at(&config, 0);
	unsigned plain = 0, essential = 0;
	for (; try_append(j, 0) == OK; plain++)
		journal_flush(j);
	CHECK(plain > 0 && journal_durable(j) == plain);
	journal_stat(j, &stat);
	CHECK(stat.segment == 2 && stat.bytes_free >= SEGMENT_SIZE - 2048);
	/* also across a restart */
	journal_close(j);
	j = open_at(&config, plain);
	CHECK(try_append(j, 0) == ERR_FULL);
	for (; try_append(j, JOURNAL_ESSENTIAL) == OK; essential++)
		journal_flush(j);
	CHECK(essential >= 40 && journal_durable(j) == plain + essential);
	journal_mark(j);
	journal_close(j);
	j = open_at(&config, plain + essential);
	CHECK(try_append(j, JOURNAL_ESSENTIAL) == ERR_FULL);
	file_sim_capacity(sim, UINT64_MAX);
	journal_flush(j);
	append_flushed(j, 100);
	journal_close(j);
	journal_close(open_at(&config, plain + essential + 100));
	file_sim_destroy(sim);
}

/* Room that was promised is there, also when the disk turns out full in between. */
static void test_promise(void)
{
	struct file_sim *sim = file_sim_create();
	struct journal_config config = config_of(file_sim_ops(sim), "d");
	struct journal_stat stat;
	const size_t len = 1000;
	uint64_t seq, count = 0;
	struct journal *j = open_at(&config, 0);
	file_sim_capacity(sim, 2 * SEGMENT_SIZE + 100);
	do {
		const uint64_t next = journal_last(j) + 1;
		CHECK(journal_room(j, len_of(next), 0) == OK);
		journal_flush(
			j); /* the group before, which needs the spare segment at some point */
		append(j, 1);
		journal_stat(j, &stat);
	} while (stat.segment == 1);
	CHECK(journal_room(j, len, 0) == ERR_FULL && try_append(j, 0) == ERR_FULL);
	while (journal_room(j, len, JOURNAL_ESSENTIAL) == OK) {
		journal_flush(j);
		journal_mark(j);
		CHECK(journal_append(j, &seq, 1, payload_of(1, len), JOURNAL_ESSENTIAL) == OK);
		count++;
	}
	CHECK(count > 10);
	journal_flush(j);
	CHECK(journal_durable(j) == seq);
	CHECK(journal_room(j, GROUP_MAX, 0) == ERR_RANGE);
	journal_close(j);
	file_sim_destroy(sim);
}

/* with the thread, on the real disk */

struct watch {
	_Atomic unsigned durable, failed;
};

static void watch_durable(void *ctx)
{
	atomic_fetch_add(&((struct watch *)ctx)->durable, 1);
}

static void watch_failed(void *ctx, const char *what)
{
	CHECK(strstr(what, "segment") != NULL);
	atomic_fetch_add(&((struct watch *)ctx)->failed, 1);
}

static void test_threaded(const char *dir)
{
	struct watch watch = {0};
	struct journal_stat stat;
	struct journal_config config = config_of(NULL, dir);
	config.segment_size = 1u << 20;
	config.group_max = 1u << 17;
	config.on_durable = watch_durable;
	config.on_failed = watch_failed;
	config.ctx = &watch;
	struct journal *j = open_at(&config, 0);
	uint64_t seen = 0;
	for (unsigned i = 0; i < 20000; i++) {
		enum err err;
		while ((err = try_append(j, 0)) == ERR_FULL)
			clock_sleep_ms(1);
		CHECK(err == OK);
		if (i % 8 == 0)
			journal_flush(j);
		const uint64_t durable = journal_durable(j);
		CHECK(durable >= seen && durable <= journal_last(j));
		seen = durable;
	}
	CHECK(journal_wait(j, 20000) == OK && journal_durable(j) == 20000);
	journal_stat(j, &stat);
	CHECK(stat.records == 20000 && stat.groups < 20000 && stat.segment > 1);
	CHECK(open_fails(&config, "another process") == ERR_EXISTS);
	journal_close(j);
	CHECK(watch.durable > 0 && watch.failed == 0);

	/* opened again with several to check it */
	struct executor *x;
	struct executor_config several = executor_config_default();
	several.worker_count = 3;
	CHECK(executor_create(&x, &several) == OK);
	const struct parallel parallel = executor_parallel(x);
	config.parallel = &parallel;

	/* idle: one mark, and only one; what nobody flushes goes out by itself */
	j = open_at(&config, 20000);
	append(j, 1);
	while (journal_durable(j) != 20001)
		clock_sleep_ms(1);
	clock_sleep_ms(6 * JOURNAL_MARK_IDLE_MS);
	journal_stat(j, &stat);
	CHECK(stat.groups == 3); /* the opening, the record, its mark */
	clock_sleep_ms(4 * JOURNAL_MARK_IDLE_MS);
	journal_stat(j, &stat);
	CHECK(stat.groups == 3);
	journal_close(j);
	journal_close(open_at(&config, 20001));
	executor_destroy(x);
}

static _Atomic bool sync_breaks;

static enum err breaking_fdatasync(void *ctx, int file)
{
	if (atomic_load(&sync_breaks))
		return ERR_IO;
	return file_system()->fdatasync(ctx, file);
}

static enum err breaking_pwrite_durable(
	void *ctx, size_t *done, int file, const void *bytes, size_t len, uint64_t offset)
{
	if (atomic_load(&sync_breaks))
		return ERR_IO;
	return file_system()->pwrite_durable(ctx, done, file, bytes, len, offset);
}

/* in_one: writes that are durable when they return; else a write and a sync. */
static enum err count_record(void *ctx, const struct journal_record *record)
{
	uint64_t *count = ctx;
	CHECK(record->seq == ++*count);
	return OK;
}

static uint64_t file_size(const char *dir, const char *name)
{
	char path[FILE_PATH_SIZE];
	uint64_t size;
	int file;
	CHECK(file_path_join(path, dir, name) == OK);
	CHECK(file_system()->open(NULL, &file, path, 0) == OK);
	CHECK(file_system()->size(NULL, &size, file) == OK);
	file_system()->close(NULL, file);
	return size;
}

/* A new journal begins with a short segment, shorter than its longest groups even; what does not
 * fit goes into the next one, which is a whole one. */
static void test_first_segment(const char *dir)
{
	static const uint8_t payload[JOURNAL_PAYLOAD_MAX];
	const size_t whole = (size_t)12 << 20;
	const struct journal_config config = {.dir = dir,
		.fresh_cluster = {{6}},
		.segment_size = whole,
		.group_max = (size_t)2 << 20};
	struct journal_error error;
	struct journal_stat stat;
	struct journal *j;
	uint64_t seq, count = 0;
	CHECK(journal_open(&j, &config, count_record, &count, &error) == OK && count == 0);
	journal_stat(j, &stat);
	CHECK(stat.segment == 1 && stat.bytes_free >= whole);
	CHECK(journal_append(j, &seq, 1, slice_str("small"), 0) == OK);
	CHECK(journal_wait(j, seq) == OK);
	CHECK(file_size(dir, "0000000001.seg") == JOURNAL_SEGMENT_FIRST);
	for (unsigned i = 0; i < 2; i++) {
		CHECK(journal_append(j, &seq, 1, slice_of(payload, sizeof payload), 0) == OK);
		CHECK(journal_wait(j, seq) == OK);
		journal_stat(j, &stat);
		CHECK(stat.segment == 2);
	}
	CHECK(file_size(dir, "0000000002.seg") == whole);
	journal_close(j);
	CHECK(journal_open(&j, &config, count_record, &count, &error) == OK && count == 3);
	journal_close(j);
}

static void test_threaded_failure(const char *dir, bool in_one)
{
	struct watch watch = {0};
	struct file_ops ops = *file_system();
	ops.fdatasync = breaking_fdatasync;
	ops.pwrite_durable = in_one ? breaking_pwrite_durable : NULL;
	struct journal_config config = config_of(&ops, dir);
	config.synchronous = false;
	config.on_failed = watch_failed;
	config.ctx = &watch;
	struct journal *j = open_at(&config, 0);
	append_flushed(j, 3);
	CHECK(journal_wait(j, 3) == OK);
	atomic_store(&sync_breaks, true);
	append_flushed(j, 1);
	CHECK(journal_wait(j, 4) == ERR_IO && journal_durable(j) == 3);
	CHECK(try_append(j, 0) == ERR_IO);
	atomic_store(&sync_breaks, false);
	journal_close(j);
	CHECK(watch.failed == 1);
	config.on_failed = NULL;
	uint64_t count = 0;
	struct journal_error error;
	CHECK(journal_open(&j, &config, check_record, &count, &error) == OK && count >= 3);
	journal_close(j);
}

#ifdef SLUICE_KILL_POINTS
/* The process, run again as a child, ends at a point; what a process leaves when it dies is there
 * for the next one. */
static int killed_life(const char *dir)
{
	struct journal_config config = config_of(NULL, dir);
	struct journal_error error;
	struct journal *j;
	CHECK(journal_open(&j, &config, NULL, NULL, &error) == OK);
	while (journal_last(j) < 20) {
		append_flushed(j, 1);
		CHECK(journal_wait(j, journal_last(j)) == OK);
	}
	return EXIT_SUCCESS;
}

static void test_kill_points(char *dir)
{
	static const enum kill_point points[] = {KILL_BEFORE_WRITE, KILL_WRITTEN, KILL_SYNCED};
	static const uint64_t seqs[] = {1, 7, 20};
	struct journal_config config = config_of(NULL, dir);
	for (size_t i = 0; i < ARRAY_LEN(points) * ARRAY_LEN(seqs); i++) {
		const enum kill_point point = points[i % ARRAY_LEN(points)];
		const uint64_t seq = seqs[i / ARRAY_LEN(points)];
		char at[64];
		int status = 0;
		(void)snprintf(at, sizeof at, "%u:%s", (unsigned)seq, kill_point_name(point));
		const pid_t child = fork();
		CHECK(child >= 0);
		if (child == 0) {
			CHECK(setenv("SLUICE_KILL_AT", at, 1) == 0);
			(void)execl("/proc/self/exe", "journal_test", dir, (char *)NULL);
			_exit(EXIT_FAILURE);
		}
		CHECK(waitpid(child, &status, 0) == child);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == KILL_EXIT_STATUS);
		journal_close(open_at(&config, point == KILL_BEFORE_WRITE ? seq - 1 : seq));
		remove_dir(dir);
	}
}
#endif

int main(int argc, char **argv)
{
#ifdef SLUICE_KILL_POINTS
	if (argc == 2)
		return killed_life(argv[1]);
#endif
	(void)argc, (void)argv;
	char base[] = "/tmp/sluice-journal-test-XXXXXX", dir[FILE_PATH_SIZE];
	test_round_trip();
	test_segments();
	test_group_commit();
	test_refusals();
	test_replay_stops();
	test_faults();
	test_short_writes();
	test_full_disk();
	test_promise();

	CHECK(mkdtemp(base) != NULL && file_path_join(dir, base, "journal") == OK);
	test_threaded(dir);
	remove_dir(dir);
	test_first_segment(dir);
	remove_dir(dir);
	for (int i = 0; i < 2; i++) {
		test_threaded_failure(dir, i == 0);
		remove_dir(dir);
	}
#ifdef SLUICE_KILL_POINTS
	test_kill_points(dir);
#endif
	CHECK(rmdir(base) == 0);
	return EXIT_SUCCESS;
}
