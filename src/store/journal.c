#include "store/journal.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mutant.h"
#include "store/journal_internal.h"

#define SEGMENT_GROUPS_MIN 4u

/* What was promised fits also when the disk turned out full since: then a segment was just begun,
 * which holds SEGMENT_GROUPS_MIN groups: those under way, and the promised record is in the next.
 */
_Static_assert(SEGMENT_GROUPS_MIN > JOURNAL_FLIGHTS_MAX + 1, "a promise holds");

/* ---- appending ---- */

static enum err check_size(const struct journal *j, size_t payload_len)
{
	const size_t size = JOURNAL_RECORD_HEADER_SIZE + payload_len;
	const bool fits = payload_len <= JOURNAL_PAYLOAD_MAX &&
		journal_group_size(size) <= j->config.group_max;
	return !fits ? ERR_RANGE : journal_has_failed(j) ? ERR_IO : OK;
}

enum err journal_room(struct journal *j, size_t payload_len, unsigned flags)
{
	const size_t size = JOURNAL_RECORD_HEADER_SIZE + payload_len;
	TRY(check_size(j, payload_len));
	const enum err err = journal_stage_room(&j->stage, size, (flags & JOURNAL_ESSENTIAL) != 0);
	atomic_store_explicit(&j->promised, err == OK ? size : 0, memory_order_relaxed);
	if (err != OK && !j->config.synchronous)
		journal_commit_ask(j, journal_last(j));
	return err;
}

enum err journal_append(
	struct journal *j, uint64_t *seq, uint16_t type, struct slice payload, unsigned flags)
{
	struct journal_put put;
	TRY(check_size(j, payload.len));
	const size_t promised = atomic_load_explicit(&j->promised, memory_order_relaxed);
	const enum err err = journal_stage_put(
		&j->stage, &put, type, payload, (flags & JOURNAL_ESSENTIAL) != 0, promised);
	if (err != OK) { /* what is staged makes room when it is written */
		if (!j->config.synchronous)
			journal_commit_ask(j, journal_last(j));
		return err;
	}
	if (promised != 0)
		atomic_store_explicit(&j->promised, 0, memory_order_relaxed);
	if (put.first && j->thread_runs)
		journal_commit_first(j);
	*seq = put.seq;
	return OK;
}

/* Of a synchronous journal. */
static void commit_all(struct journal *j)
{
	journal_commit_want(j, journal_last(j));
	CHECK(journal_commit_here(j));
}

void journal_flush(struct journal *j)
{
	if (journal_has_failed(j) || journal_is(j, JOURNAL_INTERVAL))
		return;
	if (!j->config.synchronous) {
		journal_commit_ask(j, journal_last(j));
		return;
	}
	commit_all(j);
	if (j->tail.spare == JOURNAL_SPARE_NO_SPACE)
		journal_commit_chore(j, journal_tail_spare);
}

void journal_mark(struct journal *j)
{
	if (j->config.synchronous)
		journal_commit_chore(j, journal_tail_mark);
}

uint64_t journal_last(const struct journal *j)
{
	return journal_stage_last(&j->stage);
}

uint64_t journal_durable(const struct journal *j)
{
	/* [DURABLE] acquire: pairs with the release in journal_stage_publish */
	return atomic_load_explicit(&j->stage.durable, memory_order_acquire);
}

const char *journal_mode_name(enum journal_mode mode)
{
	static const char *const name[JOURNAL_MODE_COUNT] = {
		[JOURNAL_GROUP] = "group",
		[JOURNAL_STRICT] = "strict",
		[JOURNAL_INTERVAL] = "interval",
		[JOURNAL_MEMORY] = "memory",
	};
	CHECK(mode < JOURNAL_MODE_COUNT);
	return name[mode];
}

uint64_t journal_answerable(const struct journal *j)
{
	/* staged first: a switch in between makes it wait */
	const uint64_t last = journal_last(j);
	const bool early = journal_is(j, JOURNAL_INTERVAL) || journal_is(j, JOURNAL_MEMORY);
	return early && !journal_has_failed(j) ? last : journal_durable(j);
}

enum journal_mode journal_mode_of(const struct journal *j)
{
	return (enum journal_mode)atomic_load_explicit(&j->mode, memory_order_relaxed);
}

static enum err check_mode(enum journal_mode mode, uint32_t interval_ms)
{
	if (mode >= JOURNAL_MODE_COUNT)
		return ERR_RANGE;
	return mode != JOURNAL_INTERVAL ||
			(interval_ms > 0 && interval_ms <= JOURNAL_INTERVAL_MS_MAX)
		? OK
		: ERR_RANGE;
}

static void apply_mode(struct journal *j, enum journal_mode mode, uint32_t interval_ms)
{
	const size_t max = j->config.group_max;
	atomic_store_explicit(&j->interval_ms, interval_ms, memory_order_relaxed);
	atomic_store_explicit(&j->stage.several_max,
		mode == JOURNAL_STRICT ? max / JOURNAL_STRICT_GROWTH : max, memory_order_relaxed);
	atomic_store_explicit(&j->mode, (uint32_t)mode, memory_order_relaxed);
}

enum err journal_set_mode(struct journal *j, enum journal_mode mode, uint32_t interval_ms)
{
	TRY(check_mode(mode, interval_ms));
	if ((mode == JOURNAL_MEMORY) != journal_is(j, JOURNAL_MEMORY))
		return ERR_STATE;
	apply_mode(j, mode, interval_ms);
	if (!j->config.synchronous) {
		journal_commit_ask(j, journal_last(j));
		return OK;
	}
	journal_commit_want(j, journal_last(j));
	(void)journal_commit_here(j); /* false: from on_durable; the next flush does it */
	return OK;
}

struct id128 journal_cluster(const struct journal *j)
{
	return j->cluster;
}

static uint64_t counter(const _Atomic uint64_t *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

void journal_stat(const struct journal *j, struct journal_stat *out)
{
	const struct journal_counters *c = &j->counters;
	*out = (struct journal_stat){
		.groups = counter(&c->groups),
		.syncs = counter(&c->syncs),
		.bytes = counter(&c->bytes),
		.records = counter(&c->records),
		.sync_ns_max = counter(&c->sync_ns_max),
		.segment = (uint32_t)counter(&c->segment),
		.bytes_free = counter(&c->bytes_free),
		.full = atomic_load_explicit(&j->wants_spare, memory_order_relaxed),
	};
}

/* ---- opening and closing ---- */

static enum err apply_config(
	struct journal *j, const struct journal_config *config, struct journal_error *error)
{
	j->config = *config;
	j->ops = config->ops == NULL ? file_system() : config->ops;
	if (j->config.group_max == 0)
		j->config.group_max = JOURNAL_GROUP_MAX;
	if (j->config.ring_min == 0)
		j->config.ring_min = JOURNAL_RING_MIN;
	if (j->config.segment_size == 0)
		j->config.segment_size = JOURNAL_SEGMENT_SIZE;
	const size_t group_max = j->config.group_max, segment_size = j->config.segment_size;
	if (check_mode(config->mode, config->interval_ms) != OK ||
		(config->mode == JOURNAL_MEMORY && !config->synchronous)) {
		journal_error_set(
			error, "%s: the mode or its interval is out of range", config->dir);
		return ERR_RANGE;
	}
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
	err = MUTANT(JOURNAL_NOT_LOCKED) ? OK : ops->lock(ops->ctx, j->lock_file);
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
		&scan, j->ops, j->dir, &cluster, &visitor, j->config.parallel, j->config.start);
	j->config.parallel = NULL; /* lent for this alone */
	j->config.start = NULL;
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
out:
	journal_scan_fini(&scan);
	return err;
}

static void journal_free(struct journal *j)
{
	file_ring_destroy(j->ring);
	journal_tail_close(&j->tail);
	if (j->tail.filler != NULL)
		journal_filler_stop(j->tail.filler);
	if (j->lock_file != FILE_NONE)
		j->ops->close(j->ops->ctx, j->lock_file);
	journal_stage_fini(&j->stage);
	free(j->single);
	free(j);
}

static struct journal *journal_new(void)
{
	struct journal *j = aligned_alloc(_Alignof(struct journal), sizeof *j);
	if (j == NULL)
		return NULL;
	*j = (struct journal){
		.lock_file = FILE_NONE, .tail = {.file = FILE_NONE, .spare_file = FILE_NONE}};
	/* a wait lasts as long as a sync at least: nothing is gained by a spin */
	eventcount_init(&j->work, 0);
	j->lingers = thread_cpu_count() > 1;
	for (uint32_t i = 0; i < JOURNAL_WAITS; i++)
		eventcount_init(&j->wait[i], 0);
	return j;
}

/* A ring, if the system has one: without it every group is written by a plain call. */
static enum err open_ring(struct journal *j)
{
	const struct file_ring_config config = {.ops = j->ops,
		.depth = JOURNAL_FLIGHTS_MAX,
		.plain = j->config.ring_min == SIZE_MAX};
	TRY(file_ring_create(&j->ring, &config, journal_commit_wrote, j));
	if (!file_ring_is_native(j->ring)) {
		file_ring_destroy(j->ring);
		j->ring = NULL;
	}
	return OK;
}

static enum err start(struct journal *j, struct journal_error *error)
{
	const uint64_t last = j->tail.chain.next_seq - 1;
	enum err err = journal_stage_init(&j->stage, j->config.group_max, last);
	atomic_init(&j->wanted, last);
	j->single = aligned_alloc(FILE_DIRECT_ALIGN, journal_group_size(j->config.group_max));
	if (err == OK && j->single == NULL)
		err = ERR_FULL;
	apply_mode(j, j->config.mode, j->config.interval_ms);
	j->told = last;
	journal_commit_state(j);
	if (err == OK && !j->config.synchronous)
		err = open_ring(j);
	if (err == OK && !j->config.synchronous) {
		j->thread_runs = true; /* before it does */
		err = thread_start(&j->thread, "journal", journal_thread_main, j);
		j->thread_runs = err == OK;
	}
	if (err != OK)
		journal_error_set(error, "%s: no memory or no thread for groups", j->dir);
	return err;
}

/* Before anything is made that has to be filled. */
static enum err start_filler(struct journal *j, struct journal_error *error)
{
	if (j->config.synchronous)
		return OK;
	const enum err err = journal_filler_start(&j->filler, j->ops);
	if (err == OK)
		j->tail.filler = &j->filler;
	else
		journal_error_set(error, "%s: no thread that fills segments", j->dir);
	return err;
}

/* The first one may be shorter than a group: behind it there is a whole one, or it is known from
 * the opening on that there is not. */
static size_t first_size(const struct journal *j)
{
	return j->config.segment_size < JOURNAL_SEGMENT_FIRST ? j->config.segment_size
							      : JOURNAL_SEGMENT_FIRST;
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
	j->tail.first_size = first_size(j);
	err = take_lock(j, error);
	if (err == OK)
		err = start_filler(j, error);
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
	if (j->thread_runs) {
		atomic_store_explicit(&j->stop, true, memory_order_relaxed);
		eventcount_notify_all(&j->work);
		thread_join(&j->thread);
	} else {
		if (!journal_has_failed(j))
			commit_all(j);
		journal_mark(j);
	}
	journal_free(j);
}
