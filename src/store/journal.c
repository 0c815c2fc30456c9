#include "store/journal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/journal_tail.h"
#include "sys/thread.h"

#define SPARE_RETRY_MS 1000u
/* On a full disk, so much of the active segment is kept for the marks between groups. */
#define MARK_ROOM (2u * JOURNAL_SECTOR)
#define SEGMENT_GROUPS_MIN 4u

struct journal {
	struct journal_config config;
	char dir[FILE_PATH_SIZE];
	const struct file_ops *ops;
	int lock_file;
	uint64_t last; /* staged; the appending thread's */
	struct id128 cluster;

	/* The writer's; before it starts and after it is joined, the opener's. */
	struct journal_tail tail;
	struct thread writer;
	bool writer_runs;

	/* [DURABLE] release: what was written before is durable; pairs with the acquire in
	 * journal_durable. */
	_Atomic uint64_t durable;

	/* Under the mutex. A group is filled in `open`; the writer takes it by exchanging the two
	 * bodies, and `writing` is its own until it says done. */
	pthread_mutex_t *mutex; /* &mutex_storage: a const journal can be asked, too */
	pthread_mutex_t mutex_storage;
	pthread_cond_t work; /* something to write, or stop */
	pthread_cond_t done; /* durable went on, or failed */
	struct journal_body open, writing;
	bool flush, stop, failed;
	bool endless; /* the writer waits without a time limit: it has to be told of a first record,
		       * which otherwise goes out when the time is over */
	struct journal_stat stat;
	size_t promised;          /* journal_room said yes to a record of this size */
	enum journal_spare spare; /* as the writer last said */
	uint64_t room;            /* likewise */
};

static void lock(const struct journal *j)
{
	CHECK(pthread_mutex_lock(j->mutex) == 0);
}

static void unlock(const struct journal *j)
{
	CHECK(pthread_mutex_unlock(j->mutex) == 0);
}

/* the writing side; in synchronous mode the caller's thread comes here too */

/* Tell the appending side how the tail stands. Mutex held. */
static void publish(struct journal *j)
{
	const struct journal_tail *t = &j->tail;
	j->spare = t->spare;
	j->room = journal_tail_room(t);
	j->stat = (struct journal_stat){
		.groups = t->groups,
		.syncs = t->syncs,
		.bytes = t->bytes,
		.records = t->records,
		.sync_ns_max = t->sync_ns_max,
		.segment = t->segment.segment,
		.bytes_free = j->room,
	};
	if (t->spare == JOURNAL_SPARE_READY)
		j->stat.bytes_free += t->segment_size - JOURNAL_SEGMENT_HEADER_SIZE;
}

/* Mutex not held. */
static void fail(struct journal *j)
{
	lock(j);
	j->failed = true;
	(void)pthread_cond_broadcast(&j->done);
	unlock(j);
	if (j->config.on_failed != NULL)
		j->config.on_failed(j->config.ctx, j->tail.error.text);
}

/* A spare segment, or a mark: nothing that anybody waits for. Mutex not held. */
static void chore(struct journal *j, enum err (*run)(struct journal_tail *t))
{
	const enum err err = run(&j->tail);
	lock(j);
	publish(j);
	unlock(j);
	if (err != OK)
		fail(j);
}

/* Write the open group. Mutex held; released meanwhile. */
static void commit_open(struct journal *j)
{
	const struct journal_body taken = j->open;
	j->open = (struct journal_body){.group = j->writing.group};
	j->writing = taken;
	j->flush = false;
	unlock(j);

	const enum err err = journal_tail_commit(&j->tail, &taken);

	lock(j);
	j->writing.size = j->writing.count = 0;
	publish(j);
	if (err == OK)
		/* [DURABLE] */
		atomic_store_explicit(
			&j->durable, j->tail.chain.next_seq - 1, memory_order_release);
	(void)pthread_cond_broadcast(&j->done);
	unlock(j);

	if (err != OK)
		fail(j);
	else if (j->config.on_durable != NULL)
		j->config.on_durable(j->config.ctx);
	if (err == OK && j->tail.spare == JOURNAL_SPARE_WANTED)
		chore(j, journal_tail_spare);
	lock(j);
}

/* How long the writer may wait for work, 0 without end, and what it does when the time is over.
 * Mutex held. */
static uint64_t idle_ms(const struct journal *j)
{
	if (j->open.count > 0 || journal_tail_wants_mark(&j->tail))
		return JOURNAL_MARK_IDLE_MS;
	return j->tail.spare == JOURNAL_SPARE_NO_SPACE ? SPARE_RETRY_MS : 0;
}

static void idle(struct journal *j)
{
	if (j->open.count > 0) { /* a caller that doesn't flush */
		j->flush = true;
		return;
	}
	unlock(j);
	if (journal_tail_wants_mark(&j->tail))
		chore(j, journal_tail_mark);
	else
		chore(j, journal_tail_spare);
	lock(j);
}

static void writer_main(void *ctx)
{
	struct journal *j = ctx;
	lock(j);
	while (!j->failed) {
		if (j->open.count > 0 && (j->flush || j->stop)) {
			commit_open(j);
			continue;
		}
		if (j->stop)
			break;
		const uint64_t wait_ms = idle_ms(j);
		j->endless = wait_ms == 0;
		if (j->endless)
			(void)pthread_cond_wait(&j->work, j->mutex);
		else if (!thread_cond_wait_ms(&j->work, j->mutex, wait_ms))
			idle(j);
	}
	const bool failed = j->failed;
	unlock(j);
	if (!failed)
		chore(j, journal_tail_mark);
}

/* the appending side */

/* May a record of this size be staged now? Called with the lock.
 *
 * What was promised fits also when the disk turned out full since: then the writer has just begun
 * a segment, which holds SEGMENT_GROUPS_MIN groups, and the promised record is in the second. */
static enum err check_room(struct journal *j, size_t size, unsigned flags)
{
	const size_t whole = journal_group_size(j->open.size + size);
	const uint64_t flying = j->writing.count > 0 ? journal_group_size(j->writing.size) : 0;
	if (j->failed)
		return ERR_IO;
	if (whole > j->config.group_max) {
		j->flush = true;
		(void)pthread_cond_signal(&j->work);
		return ERR_FULL;
	}
	if (j->spare != JOURNAL_SPARE_NO_SPACE || size <= j->promised)
		return OK;
	return (flags & JOURNAL_ESSENTIAL) && flying + whole + MARK_ROOM <= j->room ? OK : ERR_FULL;
}

enum err journal_room(struct journal *j, size_t payload_len, unsigned flags)
{
	const size_t size = JOURNAL_RECORD_HEADER_SIZE + payload_len;
	if (payload_len > JOURNAL_PAYLOAD_MAX || journal_group_size(size) > j->config.group_max)
		return ERR_RANGE;
	lock(j);
	const enum err err = check_room(j, size, flags);
	j->promised = err == OK ? size : 0;
	unlock(j);
	return err;
}

enum err journal_append(
	struct journal *j, uint64_t *seq, uint16_t type, struct slice payload, unsigned flags)
{
	const size_t size = JOURNAL_RECORD_HEADER_SIZE + payload.len;
	if (payload.len > JOURNAL_PAYLOAD_MAX || journal_group_size(size) > j->config.group_max)
		return ERR_RANGE;
	lock(j);
	const enum err err = check_room(j, size, flags);
	if (err == OK) {
		uint8_t *at = j->open.group + JOURNAL_GROUP_HEADER_SIZE + j->open.size;
		j->last++;
		journal_record_header(at, j->last, type, payload);
		if (payload.len > 0)
			memcpy(at + JOURNAL_RECORD_HEADER_SIZE, payload.ptr, payload.len);
		j->open.size += size;
		j->open.count++;
		j->promised = 0;
		*seq = j->last;
		if (j->endless && j->open.count == 1)
			(void)pthread_cond_signal(&j->work);
	}
	unlock(j);
	return err;
}

void journal_flush(struct journal *j)
{
	bool retry = false;
	lock(j);
	if (j->open.count > 0 && !j->failed) {
		j->flush = true;
		if (j->config.synchronous)
			commit_open(j);
		else
			(void)pthread_cond_signal(&j->work);
	}
	retry = j->config.synchronous && !j->failed && j->spare == JOURNAL_SPARE_NO_SPACE;
	unlock(j);
	if (retry)
		chore(j, journal_tail_spare);
}

void journal_mark(struct journal *j)
{
	if (j->config.synchronous && !j->failed)
		chore(j, journal_tail_mark);
}

uint64_t journal_last(const struct journal *j)
{
	return j->last;
}

uint64_t journal_durable(const struct journal *j)
{
	/* [DURABLE] */
	return atomic_load_explicit(&j->durable, memory_order_acquire);
}

enum err journal_wait(struct journal *j, uint64_t seq)
{
	if (seq > j->last)
		return ERR_STATE;
	journal_flush(j);
	lock(j);
	while (!j->failed && journal_durable(j) < seq)
		(void)pthread_cond_wait(&j->done, j->mutex);
	unlock(j);
	return journal_durable(j) >= seq ? OK : ERR_IO;
}

struct id128 journal_cluster(const struct journal *j)
{
	return j->cluster;
}

void journal_stat(const struct journal *j, struct journal_stat *out)
{
	lock(j);
	*out = j->stat;
	unlock(j);
}

/* opening and closing */

static enum err apply_config(
	struct journal *j, const struct journal_config *config, struct journal_error *error)
{
	j->config = *config;
	j->ops = config->ops == NULL ? file_system() : config->ops;
	if (j->config.group_max == 0)
		j->config.group_max = JOURNAL_GROUP_MAX;
	if (j->config.segment_size == 0)
		j->config.segment_size = JOURNAL_SEGMENT_SIZE;
	const size_t group_max = j->config.group_max, segment_size = j->config.segment_size;
	const int n = snprintf(j->dir, sizeof j->dir, "%s", config->dir);
	if (n > 0 && (size_t)n < sizeof j->dir - JOURNAL_NAME_SIZE && group_max >= JOURNAL_SECTOR &&
		group_max <= JOURNAL_GROUP_MAX && segment_size % JOURNAL_SECTOR == 0 &&
		segment_size <= JOURNAL_SEGMENT_SIZE_MAX &&
		segment_size >= JOURNAL_SEGMENT_HEADER_SIZE + SEGMENT_GROUPS_MIN * group_max)
		return OK;
	journal_error_set(
		error, "%s: folder, segment size or group size is out of range", config->dir);
	return ERR_RANGE;
}

static enum err take_lock(struct journal *j, struct journal_error *error)
{
	char path[FILE_PATH_SIZE];
	const struct file_ops *ops = j->ops;
	enum err err = ops->mkdir(ops->ctx, j->dir);
	if (err == OK || err == ERR_EXISTS)
		err = file_path_join(path, j->dir, JOURNAL_LOCK_NAME);
	if (err == OK)
		err = ops->open(ops->ctx, &j->lock_file, path, FILE_WRITE | FILE_CREATE);
	if (err != OK) {
		journal_error_set(error, "%s: can't be opened (%s)", j->dir, err_name(err));
		return err;
	}
	err = ops->lock(ops->ctx, j->lock_file);
	if (err == ERR_EXISTS)
		journal_error_set(error, "%s: another process has this journal open", j->dir);
	else if (err != OK)
		journal_error_set(error, "%s: can't be locked (%s)", j->dir, err_name(err));
	return err;
}

static enum err recover(
	struct journal *j, journal_replay_cb replay, void *replay_ctx, struct journal_error *error)
{
	static const struct id128 none;
	const struct journal_visitor visitor = {.record = replay, .ctx = replay_ctx};
	struct id128 cluster = j->config.cluster;
	struct journal_scan scan;
	enum err err = journal_scan_run(
		&scan, j->ops, j->dir, &cluster, &visitor, j->config.parallel);
	j->config.parallel = NULL; /* lent for this alone */
	if (err != OK) {
		*error = scan.error;
		goto out;
	}
	if (id128_eq(&cluster, &none))
		cluster = j->config.fresh_cluster;
	if (scan.empty && id128_eq(&cluster, &none)) {
		journal_error_set(error, "%s: a new journal needs the id of a cluster", j->dir);
		err = ERR_STATE;
		goto out;
	}
	err = journal_tail_open(&j->tail, &scan, cluster);
	if (err != OK)
		*error = j->tail.error;
	j->cluster = j->tail.segment.cluster;
	j->last = j->tail.chain.next_seq - 1;
	atomic_init(&j->durable, j->last);
out:
	journal_scan_fini(&scan);
	return err;
}

static void journal_free(struct journal *j)
{
	journal_tail_close(&j->tail);
	if (j->lock_file != FILE_NONE)
		j->ops->close(j->ops->ctx, j->lock_file);
	CHECK(pthread_cond_destroy(&j->work) == 0);
	CHECK(pthread_cond_destroy(&j->done) == 0);
	CHECK(pthread_mutex_destroy(j->mutex) == 0);
	free(j->open.group);
	free(j->writing.group);
	free(j);
}

static struct journal *journal_new(void)
{
	struct journal *j = calloc(1, sizeof *j);
	if (j == NULL)
		return NULL;
	j->lock_file = j->tail.file = j->tail.spare_file = FILE_NONE;
	j->mutex = &j->mutex_storage;
	CHECK(pthread_mutex_init(j->mutex, NULL) == 0);
	thread_cond_init(&j->work);
	thread_cond_init(&j->done);
	return j;
}

static enum err start(struct journal *j, struct journal_error *error)
{
	publish(j);
	if (j->config.synchronous)
		return OK;
	const enum err err = thread_start(&j->writer, "journal", writer_main, j);
	j->writer_runs = err == OK;
	if (err != OK)
		journal_error_set(error, "%s: no thread for the writer", j->dir);
	return err;
}

enum err journal_open(struct journal **out, const struct journal_config *config,
	journal_replay_cb replay, void *replay_ctx, struct journal_error *error)
{
	struct journal *j = journal_new();
	if (j == NULL)
		return ERR_FULL;
	enum err err = apply_config(j, config, error);
	if (err != OK)
		goto out;
	j->tail.ops = j->ops;
	j->tail.dir = j->dir;
	j->tail.segment_size = j->config.segment_size;
	j->tail.timed = !config->synchronous;
	j->tail.sync_latency = config->sync_latency;
	j->open.group = malloc(j->config.group_max);
	j->writing.group = malloc(j->config.group_max);
	if (j->open.group == NULL || j->writing.group == NULL) {
		journal_error_set(error, "%s: no memory for the groups", j->dir);
		err = ERR_FULL;
		goto out;
	}
	err = take_lock(j, error);
	if (err == OK)
		err = recover(j, replay, replay_ctx, error);
	if (err == OK)
		err = start(j, error);
out:
	if (err == OK)
		*out = j;
	else
		journal_free(j);
	return err;
}

void journal_close(struct journal *j)
{
	if (j == NULL)
		return;
	if (j->writer_runs) {
		lock(j);
		j->stop = true;
		(void)pthread_cond_signal(&j->work);
		unlock(j);
		thread_join(&j->writer);
	} else {
		journal_flush(j);
		journal_mark(j);
	}
	journal_free(j);
}
