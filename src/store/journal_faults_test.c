/* What a disk and a system can do to the journal's thread, for real where that can be had without
 * harm: a file system of its own that is full or read-only (in a mount namespace; skipped where
 * the system gives none), a limit on the size of files, which io_uring's writes meet too; the rest
 * through a table of file operations that does what the fault does. Each time: those who wait are
 * told, once it is said what failed, nothing is acknowledged afterwards that is not there, and the
 * next opening has everything that was. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/journal.h"
#include "store/journal_format.h"
#include "store/remove_dir_test.h"
#include "sys/clock.h"
#include "sys/thread.h"

#define SEGMENT_SIZE (1u << 18)
#define WAITERS 4u
#define PAYLOAD 2000u

static const struct id128 cluster = {{5}};

struct watch {
	_Atomic unsigned failed;
	char what[256];
};

static void on_failed(void *ctx, const char *what)
{
	struct watch *w = ctx;
	(void)snprintf(w->what, sizeof w->what, "%s", what);
	atomic_fetch_add(&w->failed, 1);
}

static struct journal_config config_of(
	const struct file_ops *ops, const char *dir, struct watch *watch)
{
	*watch = (struct watch){.failed = 0};
	return (struct journal_config){.dir = dir,
		.fresh_cluster = cluster,
		.ops = ops,
		.segment_size = SEGMENT_SIZE,
		.group_max = 1u << 15,
		.on_failed = on_failed,
		.ctx = watch};
}

static enum err count_record(void *ctx, const struct journal_record *record)
{
	uint64_t *count = ctx;
	CHECK(record->seq == ++*count && record->payload.len == PAYLOAD);
	return OK;
}

static struct journal *must_open(const struct journal_config *config, uint64_t at_least)
{
	struct journal_error error;
	struct journal *j = NULL;
	uint64_t count = 0;
	const enum err err = journal_open(&j, config, count_record, &count, &error);
	if (err != OK)
		(void)fprintf(stderr, "%s: %s\n", err_name(err), error.text);
	CHECK(err == OK && count >= at_least);
	return j;
}

static enum err append(struct journal *j, uint64_t *seq, unsigned flags)
{
	static const uint8_t payload[PAYLOAD] = {1, 2, 3};
	return journal_append(j, seq, 1, slice_of(payload, sizeof payload), flags);
}

static void append_waited(struct journal *j, unsigned count)
{
	uint64_t seq;
	while (count-- > 0)
		CHECK(append(j, &seq, 0) == OK && journal_wait(j, seq) == OK);
}

/* ---- through the table ---- */

enum fault {
	FAULT_NONE,
	FAULT_IO,        /* EIO */
	FAULT_SPACE,     /* ENOSPC, where space was taken */
	FAULT_READ_ONLY, /* EROFS: remounted */
	FAULT_SHORT,     /* a part is written */
	FAULT_SIGNAL,    /* EINTR, before anything is */
	FAULT_STUCK,     /* the same for ever */
};

static _Atomic enum fault fault;
static _Atomic unsigned faults_met;

static enum err faulty_write(
	void *ctx, size_t *done, int file, const void *bytes, size_t len, uint64_t offset)
{
	const struct file_ops *sys = file_system();
	const enum fault now = atomic_load(&fault);
	atomic_fetch_add(&faults_met, now != FAULT_NONE);
	switch (now) {
	case FAULT_NONE: break;
	case FAULT_IO: return ERR_IO;
	case FAULT_SPACE: return ERR_FULL;
	case FAULT_READ_ONLY: return ERR_DENIED;
	case FAULT_SHORT:
		len = len > JOURNAL_SECTOR ? JOURNAL_SECTOR : len;
		return sys->pwrite_durable(ctx, done, file, bytes, len, offset);
	case FAULT_SIGNAL:
	case FAULT_STUCK:
		if (now == FAULT_SIGNAL)
			atomic_store(&fault, FAULT_NONE);
		*done = 0;
		return OK;
	}
	return sys->pwrite_durable(ctx, done, file, bytes, len, offset);
}

struct waiter {
	struct thread thread;
	struct journal *j;
	enum err err;
};

static void wait_main(void *ctx)
{
	struct waiter *w = ctx;
	uint64_t seq;
	w->err = append(w->j, &seq, 0);
	if (w->err == OK)
		w->err = journal_wait(w->j, seq);
}

/* Several wait at once when it strikes. */
static void wait_all(struct journal *j, enum err expect)
{
	struct waiter waiter[WAITERS];
	for (unsigned i = 0; i < WAITERS; i++) {
		waiter[i].j = j;
		CHECK(thread_start(&waiter[i].thread, "waiter", wait_main, &waiter[i]) == OK);
	}
	for (unsigned i = 0; i < WAITERS; i++) {
		thread_join(&waiter[i].thread);
		CHECK(waiter[i].err == expect);
	}
}

static void test_fault(const char *dir, enum fault kind, bool fatal)
{
	struct file_ops ops = *file_system();
	struct watch watch;
	uint64_t seq;
	ops.pwrite_durable = faulty_write;
	const struct journal_config config = config_of(&ops, dir, &watch);
	struct journal *j = must_open(&config, 0);
	append_waited(j, 3);
	const uint64_t durable = journal_durable(j);
	atomic_store(&faults_met, 0);
	atomic_store(&fault, kind);
	wait_all(j, fatal ? ERR_IO : OK);
	CHECK(atomic_load(&faults_met) > 0);
	atomic_store(&fault, FAULT_NONE); /* better now: nobody may believe it */
	if (fatal) {
		const unsigned met = atomic_load(&faults_met);
		CHECK(append(j, &seq, JOURNAL_ESSENTIAL) == ERR_IO);
		CHECK(journal_durable(j) == durable && journal_answerable(j) == durable);
		CHECK(watch.failed == 1 && strstr(watch.what, "segment") != NULL);
		CHECK(atomic_load(&faults_met) == met);
	} else {
		CHECK(journal_durable(j) == durable + WAITERS && watch.failed == 0);
		append_waited(j, 2);
	}
	const uint64_t last = journal_durable(j);
	journal_close(j);
	CHECK(watch.failed == fatal);
	journal_close(must_open(&config, last));
}

/* ---- for real ---- */

/* In a process of its own, which ends well. */
static int in_child(int (*run)(const char *dir), const char *dir)
{
	int status = 0;
	const pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0)
		_exit(run(dir));
	CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Writes of the journal's thread past a limit on the size of files fail with EFBIG, on the ring as
 * well as without. */
static int limited(const char *dir)
{
	struct watch watch;
	const struct journal_config config = config_of(NULL, dir, &watch);
	struct journal *j = must_open(&config, 0);
	struct rlimit limit;
	uint64_t seq;
	append_waited(j, 3);
	const uint64_t durable = journal_durable(j);
	CHECK(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	CHECK(getrlimit(RLIMIT_FSIZE, &limit) == 0);
	limit.rlim_cur = JOURNAL_SECTOR;
	CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	CHECK(append(j, &seq, 0) == OK);
	journal_flush(j); /* not this thread, which would do without a ring */
	while (atomic_load(&watch.failed) == 0)
		clock_sleep_ms(1);
	CHECK(journal_wait(j, seq) == ERR_IO && journal_durable(j) == durable);
	limit.rlim_cur = limit.rlim_max;
	CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	CHECK(append(j, &seq, 0) == ERR_IO);
	journal_close(j);
	CHECK(watch.failed == 1);
	journal_close(must_open(&config, durable));
	return EXIT_SUCCESS;
}

static int second(const char *dir)
{
	struct watch watch;
	const struct journal_config config = config_of(NULL, dir, &watch);
	struct journal_error error = {{0}};
	struct journal *j = NULL;
	CHECK(journal_open(&j, &config, NULL, NULL, &error) == ERR_EXISTS && j == NULL);
	CHECK(strstr(error.text, "another process") != NULL);
	return EXIT_SUCCESS;
}

static void test_second_process(const char *dir)
{
	struct watch watch;
	const struct journal_config config = config_of(NULL, dir, &watch);
	struct journal *j = must_open(&config, 0);
	append_waited(j, 1);
	CHECK(in_child(second, dir) == EXIT_SUCCESS);
	append_waited(j, 1);
	journal_close(j);
}

#define NOT_ALLOWED 77

/* A file system that holds two segments and little more, for this process alone. */
static bool mount_small(const char *dir)
{
	if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
		return false;
	return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
		mount("none", dir, "tmpfs", 0, "size=600k") == 0;
}

static int on_full_disk(const char *dir)
{
	char journal[FILE_PATH_SIZE];
	struct watch watch;
	struct journal_stat stat;
	uint64_t seq = 0, plain = 0, essential = 0;
	if (!mount_small(dir))
		return NOT_ALLOWED;
	CHECK(file_path_join(journal, dir, "j") == OK);
	const struct journal_config config = config_of(NULL, journal, &watch);
	struct journal *j = must_open(&config, 0);
	/* new work ends where a segment is left to finish what is in flight */
	for (; append(j, &seq, 0) == OK; plain++)
		CHECK(journal_wait(j, seq) == OK);
	journal_stat(j, &stat);
	CHECK(plain > 0 && stat.segment == 2 && stat.bytes_free > SEGMENT_SIZE * 9 / 10);
	for (; append(j, &seq, JOURNAL_ESSENTIAL) == OK; essential++)
		CHECK(journal_wait(j, seq) == OK);
	CHECK(essential > 50 && journal_durable(j) == plain + essential);
	CHECK(watch.failed == 0);
	/* across a restart; and when there is room again, it goes on by itself */
	journal_close(j);
	j = must_open(&config, plain + essential);
	CHECK(append(j, &seq, 0) == ERR_FULL);
	CHECK(mount(NULL, dir, NULL, MS_REMOUNT, "size=4m") == 0);
	while (append(j, &seq, 0) == ERR_FULL)
		clock_sleep_ms(20);
	CHECK(journal_wait(j, seq) == OK && seq == plain + essential + 1);
	journal_close(j);
	/* read-only: refused with a reason, and nothing is changed */
	struct journal_error error = {{0}};
	CHECK(mount(NULL, dir, NULL, MS_REMOUNT | MS_RDONLY, "size=4m") == 0);
	CHECK(journal_open(&j, &config, NULL, NULL, &error) == ERR_DENIED);
	CHECK(strstr(error.text, journal) != NULL);
	CHECK(mount(NULL, dir, NULL, MS_REMOUNT, "size=4m") == 0);
	journal_close(must_open(&config, seq));
	return EXIT_SUCCESS;
}

static const struct {
	enum fault kind;
	bool fatal;
} faults[] = {
	{FAULT_IO, true},
	{FAULT_SPACE, true},
	{FAULT_READ_ONLY, true},
	{FAULT_SHORT, false},
	{FAULT_SIGNAL, false},
	{FAULT_STUCK, true},
};

int main(void)
{
	char base[] = "/tmp/sluice-journal-faults-XXXXXX", dir[FILE_PATH_SIZE];
	CHECK(mkdtemp(base) != NULL && file_path_join(dir, base, "journal") == OK);
	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		test_fault(dir, faults[i].kind, faults[i].fatal);
		remove_dir(dir);
	}
	test_second_process(dir);
	remove_dir(dir);
	CHECK(in_child(limited, dir) == EXIT_SUCCESS);
	remove_dir(dir);
	const int status = in_child(on_full_disk, base);
	CHECK(status == EXIT_SUCCESS || status == NOT_ALLOWED);
	if (status == NOT_ALLOWED)
		(void)fprintf(stderr, "no file system of our own here: not tried\n");
	CHECK(rmdir(base) == 0);
	return EXIT_SUCCESS;
}
