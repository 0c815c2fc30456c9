/* 100 writes of 4 KiB, the classic comparison of an atomic commit and a direct write; then what
 * each of the journal's ways to be faster gains, switched on alone.
 *
 *   atomic_bench [--rounds N] DIR [TEXT]      only rows whose name contains TEXT
 *
 * A round is 100 writes, by each contestant in turn. Equally durable means: each write is synced
 * before the next one begins; syncs are counted, and a round fails where there were fewer. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "compare.h"
#include "journal_peers.h"
#include "store/journal.h"
#include "sys/clock.h"

#define WRITES 100u
#define WRITE_SIZE 4096u
#define ROUNDS 15u
#define ROUNDS_OF_FILES 5u /* of two syncs a write, and some */
#define BATCH 10u
#define STREAM 4000u /* enough for groups to follow each other */
#define FILE_SIZE ((uint64_t)WRITES * WRITE_SIZE * 16)
#define SETTLE_SYNCS 3u
#define INTERVAL_MS 100u
#define OVERHEAD 0.909 /* at most a tenth more */

static _Alignas(FILE_DIRECT_ALIGN) uint8_t bytes[WRITE_SIZE];
static const char *folder;
static int settle_file;

/* What the one before left to the disk is not to be the next one's. */
static void settle(void)
{
	const struct file_ops *ops = file_system();
	for (unsigned i = 0; i < SETTLE_SYNCS; i++) {
		CHECK(file_write_all(ops, settle_file, bytes, sizeof bytes, 0) == OK);
		CHECK(ops->fdatasync(ops->ctx, settle_file) == OK);
	}
}

/* ---- the journal ---- */

struct ours {
	struct journal **journal;
	enum journal_mode mode;
	unsigned wait_every; /* a writer waits after so many; WRITES: for the last one only */
	bool answerable;     /* what is waited for: an answer, not the disk */
};

/* Where all groups are taken, the oldest is waited for. */
static uint64_t append(struct journal *j)
{
	uint64_t seq;
	enum err err;
	while ((err = journal_append(j, &seq, 1, slice_of(bytes, sizeof bytes), 0)) == ERR_FULL)
		CHECK(journal_wait(j, journal_durable(j) + 1) == OK);
	CHECK(err == OK);
	return seq;
}

static uint64_t run_ours(void *ctx, uint64_t count)
{
	const struct ours *o = ctx;
	struct journal *j = *o->journal;
	struct journal_stat before, after;
	uint64_t seq = 0;
	settle();
	CHECK(journal_set_mode(j, o->mode, o->mode == JOURNAL_INTERVAL ? INTERVAL_MS : 0) == OK);
	journal_stat(j, &before);
	const uint64_t begun = clock_mono_ns();
	for (uint64_t i = 1; i <= count; i++) {
		seq = append(j);
		if (o->answerable)
			CHECK(journal_answerable(j) >= seq);
		else if (i % o->wait_every == 0)
			CHECK(journal_wait(j, seq) == OK);
		else if (o->wait_every == WRITES)
			journal_flush(j);
	}
	const uint64_t took = clock_mono_ns() - begun;
	CHECK(journal_set_mode(j, JOURNAL_GROUP, 0) == OK && journal_wait(j, seq) == OK);
	journal_stat(j, &after);
	const uint64_t owed = o->mode == JOURNAL_STRICT ? count
		: o->answerable                         ? 1
							: count / o->wait_every;
	CHECK(after.records - before.records == count && after.syncs - before.syncs >= owed);
	return took;
}

/* ---- by hand ---- */

enum by_hand { DIRECT, SYNCED, SYNCED_ONE_CALL, RENAMED, RENAMED_COLLECTED, RENAMED_LAZY };

struct hand {
	enum by_hand how;
	int file;
	uint64_t at, commits;
};

static void path_of(char path[FILE_PATH_SIZE], uint64_t commit)
{
	char name[32];
	(void)snprintf(name, sizeof name, "commit-%llu", (unsigned long long)commit);
	CHECK(file_path_join(path, folder, name) == OK);
}

static void collect(uint64_t first, uint64_t end)
{
	const struct file_ops *ops = file_system();
	char path[FILE_PATH_SIZE];
	for (; first < end; first++) {
		path_of(path, first);
		CHECK(ops->unlink(ops->ctx, path) == OK);
	}
	CHECK(ops->sync_dir(ops->ctx, folder) == OK);
}

/* A new file under a temporary name, synced; renamed; the folder synced. */
static void commit_file(struct hand *h)
{
	const struct file_ops *ops = file_system();
	char path[FILE_PATH_SIZE], temporary[FILE_PATH_SIZE];
	int file;
	const bool one_name = h->how == RENAMED;
	path_of(path, one_name ? 0 : h->commits);
	CHECK(file_path_join(temporary, folder, "commit.tmp") == OK);
	CHECK(ops->open(ops->ctx, &file, temporary, FILE_WRITE | FILE_CREATE | FILE_TRUNCATE) ==
		OK);
	CHECK(file_write_all(ops, file, bytes, sizeof bytes, 0) == OK);
	CHECK(ops->fsync(ops->ctx, file) == OK);
	ops->close(ops->ctx, file);
	CHECK(ops->rename(ops->ctx, temporary, path) == OK);
	CHECK(ops->sync_dir(ops->ctx, folder) == OK);
	h->commits++;
	if (h->how == RENAMED_COLLECTED && h->commits > 1)
		collect(h->commits - 2, h->commits - 1);
	else if (h->how == RENAMED_LAZY && h->commits % WRITES == 0)
		collect(h->commits - WRITES, h->commits);
}

static void write_once(struct hand *h)
{
	const struct file_ops *ops = file_system();
	h->at = h->at + WRITE_SIZE > FILE_SIZE ? 0 : h->at;
	if (h->how == SYNCED_ONE_CALL)
		CHECK(file_write_durable(ops, h->file, bytes, sizeof bytes, h->at) == OK);
	else
		CHECK(file_write_all(ops, h->file, bytes, sizeof bytes, h->at) == OK);
	if (h->how == SYNCED)
		CHECK(ops->fdatasync(ops->ctx, h->file) == OK);
	h->at += WRITE_SIZE;
}

static uint64_t run_hand(void *ctx, uint64_t count)
{
	struct hand *h = ctx;
	settle();
	const uint64_t syncs = sync_count(), begun = clock_mono_ns();
	for (uint64_t i = 0; i < count; i++) {
		if (h->how >= RENAMED)
			commit_file(h);
		else
			write_once(h);
	}
	const uint64_t took = clock_mono_ns() - begun;
	CHECK(h->how == DIRECT || h->how == SYNCED_ONE_CALL || sync_count() - syncs >= count);
	return took;
}

static void hand_open(struct hand *h, enum by_hand how, const char *name)
{
	const struct file_ops *ops = file_system();
	char path[FILE_PATH_SIZE];
	*h = (struct hand){.how = how, .file = FILE_NONE};
	if (how >= RENAMED)
		return;
	CHECK(file_path_join(path, folder, name) == OK);
	CHECK(ops->open(ops->ctx, &h->file, path,
		      FILE_WRITE | FILE_CREATE | (how == SYNCED_ONE_CALL ? FILE_DIRECT : 0)) == OK);
	CHECK(ops->preallocate(ops->ctx, h->file, FILE_SIZE) == OK);
	CHECK(ops->fsync(ops->ctx, h->file) == OK);
}

/* ---- rows ---- */

static struct journal *journal, *plain; /* with io_uring, and without */
static struct hand hands[RENAMED_LAZY + 1];

static unsigned row(const char *name, uint64_t writes, unsigned rounds,
	const struct contestant *list, size_t count)
{
	const struct contest contest = {.name = name,
		.unit = "ns/write",
		.granule = WRITES,
		.count = writes,
		.rounds = rounds};
	return compare_contest(&contest, list, count);
}

static unsigned rows_against_writes(void)
{
	static struct ours strict = {&journal, JOURNAL_STRICT, 1, false};
	static struct ours interval = {&journal, JOURNAL_INTERVAL, 1, true};
	const struct contestant durable[] = {{.run = run_ours, .ctx = &strict},
		{.peer = "equally durable write",
			.form = "pwrite, fdatasync",
			.run = run_hand,
			.ctx = &hands[SYNCED],
			.goal = {OVERHEAD}},
		{.peer = "equally durable write",
			.form = "O_DIRECT, RWF_DSYNC",
			.run = run_hand,
			.ctx = &hands[SYNCED_ONE_CALL],
			.goal = {OVERHEAD}},
		{.peer = "write, fsync, rename, fsync of the folder",
			.run = run_hand,
			.ctx = &hands[RENAMED]},
		{.peer = "write without protection", .run = run_hand, .ctx = &hands[DIRECT]}};
	const struct contestant loose[] = {{.run = run_ours, .ctx = &interval},
		{.peer = "write without protection",
			.run = run_hand,
			.ctx = &hands[DIRECT],
			.goal = {OVERHEAD}}};
	return row("100 writes of 4 KiB, each durable before the next", WRITES, ROUNDS, durable,
		       ARRAY_LEN(durable)) +
		row("100 writes of 4 KiB, interval mode", WRITES, ROUNDS, loose, ARRAY_LEN(loose));
}

/* Against the plainest: each record has a group and a sync of its own, and its writer waits. */
static unsigned rows_of_gains(void)
{
	static struct ours one = {&journal, JOURNAL_STRICT, 1, false};
	static struct ours batch = {&journal, JOURNAL_GROUP, BATCH, false};
	static struct ours async = {&journal, JOURNAL_STRICT, WRITES, false};
	static struct ours group = {&journal, JOURNAL_GROUP, WRITES, false};
	static struct ours behind = {&journal, JOURNAL_GROUP, WRITES, false};
	static struct ours in_turn = {&plain, JOURNAL_GROUP, WRITES, false};
	static const struct {
		const char *name, *peer;
		compare_run run;
		void *ours, *theirs;
		uint64_t count;
		unsigned rounds;
	} gains[] = {
		{"gain of batches of 10", "a sync for each, waited for", run_ours, &batch, &one,
			WRITES, ROUNDS},
		{"gain of asynchronous syncs: a sync for each, nobody waits before the last",
			"a sync for each, waited for", run_ours, &async, &one, WRITES, ROUNDS},
		{"gain of group commit: what is there is one group, nobody waits before the last",
			"a sync for each, nobody waits before the last", run_ours, &group, &async,
			WRITES, ROUNDS},
		{"gain of write-behind, 4,000 writes: the next group is under way while one syncs",
			"one after the other", run_ours, &behind, &in_turn, STREAM, ROUNDS},
		{"gain of lazy collection: old files are removed once for 100 commits",
			"at each commit", run_hand, &hands[RENAMED_LAZY], &hands[RENAMED_COLLECTED],
			WRITES, ROUNDS_OF_FILES},
	};
	unsigned missed = 0;
	for (size_t i = 0; i < ARRAY_LEN(gains); i++) {
		const struct contestant list[] = {{.run = gains[i].run, .ctx = gains[i].ours},
			{.peer = gains[i].peer, .run = gains[i].run, .ctx = gains[i].theirs}};
		char name[128];
		(void)snprintf(name, sizeof name, "100 writes of 4 KiB, %s", gains[i].name);
		missed += row(name, gains[i].count, gains[i].rounds, list, ARRAY_LEN(list));
	}
	return missed;
}

static bool open_journal(struct journal **out, const char *name, bool without_ring)
{
	char path[FILE_PATH_SIZE];
	struct journal_error error = {{0}};
	CHECK(file_path_join(path, folder, name) == OK);
	const struct journal_config config = {.dir = path,
		.fresh_cluster = {{1}},
		.segment_size = (size_t)512 << 20,
		.ring_min = without_ring ? SIZE_MAX : 0};
	if (journal_open(out, &config, NULL, NULL, &error) == OK)
		return true;
	(void)fprintf(stderr, "%s: can't be used: %s\n", path, error.text);
	return false;
}

static unsigned run_all(void)
{
	static const char *const names[] = {
		[DIRECT] = "direct", [SYNCED] = "synced", [SYNCED_ONE_CALL] = "one-call"};
	char path[FILE_PATH_SIZE];
	CHECK(file_path_join(path, folder, "settle") == OK);
	CHECK(file_system()->open(NULL, &settle_file, path, FILE_WRITE | FILE_CREATE) == OK);
	if (!open_journal(&journal, "atomic", false) || !open_journal(&plain, "atomic-plain", true))
		return 1;
	for (size_t i = 0; i < ARRAY_LEN(hands); i++)
		hand_open(&hands[i], (enum by_hand)i, i < ARRAY_LEN(names) ? names[i] : "");
	const unsigned missed = rows_against_writes() + rows_of_gains();
	journal_close(journal);
	journal_close(plain);
	return missed;
}

int main(int argc, char **argv)
{
	const int at = compare_arguments(argc, argv);
	if (at >= argc) {
		(void)fprintf(stderr, "usage: atomic_bench [--rounds N] DIR [TEXT]\n");
		return EXIT_FAILURE;
	}
	folder = argv[at];
	compare_machine();
	compare_only(at + 1 < argc ? argv[at + 1] : NULL);
	return run_all() > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
