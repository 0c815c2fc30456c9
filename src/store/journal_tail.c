#include "store/journal_tail.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/mutant.h"
#include "sys/kill.h"

#define ZEROS_SIZE 65536u

static enum err failed(struct journal_tail *t, const char *what, enum err err)
{
	if (err != OK)
		journal_error_set(&t->error, "%s: segment %" PRIu32 ", offset %" PRIu64 ": %s (%s)",
			t->dir, t->segment.segment, t->end, what, err_name(err));
	return err;
}

uint64_t journal_tail_room(const struct journal_tail *t)
{
	return t->segment.size - t->end;
}

static enum err sync_file(struct journal_tail *t, int file)
{
	t->syncs++;
	return t->ops->fdatasync(t->ops->ctx, file);
}

/* the spare segment */

static void spare_drop(struct journal_tail *t, const char *path)
{
	if (t->spare_file != FILE_NONE)
		t->ops->close(t->ops->ctx, t->spare_file);
	t->spare_file = FILE_NONE;
	(void)t->ops->unlink(t->ops->ctx, path); /* gives back what it took, as far as it goes */
}

/* Of the segment that is made next. */
static size_t next_size(const struct journal_tail *t)
{
	return t->segment.segment == 0 ? t->first_size : t->segment_size;
}

/* The space is taken now; zeros are written by somebody else, if there is one. */
static enum err fill(struct journal_tail *t, size_t size)
{
	const struct file_ops *ops = t->ops;
	if (t->filler != NULL && ops->reserve != NULL) {
		const enum err err = ops->reserve(ops->ctx, t->spare_file, size);
		t->filling = err == OK;
		if (t->filling)
			journal_filler_ask(t->filler, t->spare_file, size);
		if (err != ERR_UNAVAILABLE)
			return err;
	}
	TRY(ops->preallocate(ops->ctx, t->spare_file, size));
	return sync_file(t, t->spare_file);
}

static enum err await_filled(struct journal_tail *t)
{
	if (!t->filling)
		return OK;
	t->filling = false;
	t->syncs++;
	return journal_filler_wait(t->filler);
}

/* One that was left over, or that a freed segment became (store/journal_collect.h), or a new one.
 */
static enum err open_spare(struct journal_tail *t, const char *path)
{
	const struct file_ops *ops = t->ops;
	char name[JOURNAL_NAME_SIZE], from[FILE_PATH_SIZE];
	enum err err = ops->open(ops->ctx, &t->spare_file, path, FILE_WRITE | FILE_DIRECT);
	if (err != ERR_NOT_FOUND)
		return err;
	for (uint32_t i = 0; err == ERR_NOT_FOUND && i < JOURNAL_RECYCLED_MAX; i++) {
		journal_recycled_name(name, i);
		TRY(file_path_join(from, t->dir, name));
		err = ops->rename(ops->ctx, from, path);
	}
	return ops->open(ops->ctx, &t->spare_file, path, FILE_WRITE | FILE_CREATE | FILE_DIRECT);
}

enum err journal_tail_spare(struct journal_tail *t)
{
	const struct file_ops *ops = t->ops;
	char path[FILE_PATH_SIZE];
	uint64_t size = 0;
	if (t->spare == JOURNAL_SPARE_READY)
		return OK;
	TRY(file_path_join(path, t->dir, JOURNAL_SPARE_NAME));
	enum err err = open_spare(t, path);
	if (err == OK)
		err = ops->size(ops->ctx, &size, t->spare_file);
	if (err == OK && size > next_size(t)) /* of another configuration */
		err = ops->truncate(ops->ctx, t->spare_file, next_size(t));
	if (err == OK)
		err = fill(t, next_size(t));
	if (err == OK) {
		t->spare = JOURNAL_SPARE_READY;
		return OK;
	}
	spare_drop(t, path);
	if (err != ERR_FULL)
		return failed(t, "the spare segment can't be made", err);
	t->spare = JOURNAL_SPARE_NO_SPACE;
	return OK;
}

/* The spare becomes the active segment. Everything before is durable by now, and its header says
 * so. */
enum err journal_tail_roll(struct journal_tail *t)
{
	const struct file_ops *ops = t->ops;
	_Alignas(FILE_DIRECT_ALIGN) uint8_t sector[JOURNAL_SEGMENT_HEADER_SIZE];
	char name[JOURNAL_NAME_SIZE], from[FILE_PATH_SIZE], to[FILE_PATH_SIZE];
	struct journal_segment_header next = {
		.cluster = t->segment.cluster,
		.segment = t->segment.segment + 1,
		.size = next_size(t),
		.epoch = t->chain.epoch,
		.first_seq = t->chain.next_seq,
		.prev = t->chain.prev,
	};
	next.root = t->root;
	TRY(journal_tail_spare(t));
	if (t->spare != JOURNAL_SPARE_READY || next.segment > JOURNAL_SEGMENTS_MAX)
		return failed(t, "no room for another segment", ERR_FULL);
	TRY(failed(t, "the spare segment can't be filled", await_filled(t)));
	journal_segment_name(name, next.segment);
	TRY(file_path_join(from, t->dir, JOURNAL_SPARE_NAME));
	TRY(file_path_join(to, t->dir, name));
	journal_segment_encode(sector, &next);
	enum err err = file_write_all(ops, t->spare_file, sector, sizeof sector, 0);
	if (err == OK)
		err = sync_file(t, t->spare_file);
	if (err == OK)
		err = ops->rename(ops->ctx, from, to);
	if (err == OK)
		err = ops->sync_dir(ops->ctx, t->dir);
	if (err != OK)
		return failed(t, "the next segment can't be begun", err);
	if (t->file != FILE_NONE)
		ops->close(ops->ctx, t->file);
	t->file = t->spare_file;
	t->spare_file = FILE_NONE;
	t->spare = JOURNAL_SPARE_WANTED;
	t->segment = next;
	t->end = JOURNAL_SEGMENT_HEADER_SIZE;
	t->chain.prev = next.hash;
	t->claimed = next.first_seq - 1;
	return OK;
}

/* groups */

static void reached(const struct journal_sealed *group, enum kill_point point)
{
	for (uint32_t i = 0; i < group->count; i++)
		kill_point_reached(group->first_seq + i, point);
}

void journal_tail_seal(struct journal_tail *t, struct journal_sealed *out,
	const struct journal_body *body, uint64_t durable)
{
	const size_t size = journal_group_size(body->size);
	struct journal_group_header group = {
		.segment = t->segment.segment,
		.offset = t->end,
		.epoch = t->chain.epoch,
		.first_seq = t->chain.next_seq,
		.durable_seq = durable,
		.record_count = body->count,
		.body_size = (uint32_t)body->size,
		.cluster = t->segment.cluster,
		.prev = t->chain.prev,
	};
	CHECK(size <= journal_tail_room(t) && t->unfolded == NULL);
	group.root = t->root;
	journal_group_seal(body->group, &group);
	*out = (struct journal_sealed){
		.group = body->group,
		.size = size,
		.file = t->file,
		.offset = group.offset,
		.first_seq = group.first_seq,
		.count = group.record_count,
		.claims = durable,
	};
	t->end += size;
	if (t->filling && t->end > t->segment.size / 2)
		journal_filler_hurry(t->filler);
	t->chain.next_seq += body->count;
	t->unfolded = body->group;
	reached(out, KILL_BEFORE_WRITE);
}

void journal_tail_fold(struct journal_tail *t)
{
	CHECK(t->unfolded != NULL);
	journal_group_fold(&t->chain.prev, &t->tree, t->unfolded);
	merkle_frontier_root(&t->root, &t->tree);
	CHECK(t->tree.size == t->chain.next_seq - 1);
	t->unfolded = NULL;
}

enum err journal_tail_wrote(
	struct journal_tail *t, const struct journal_sealed *sealed, enum err err)
{
	t->syncs++;
	if (err != OK && !MUTANT(SYNC_ERROR_IGNORED)) {
		journal_error_set(&t->error,
			"%s: segment %" PRIu32 ", offset %" PRIu64
			": the group can't be made durable (%s)",
			t->dir, t->segment.segment, sealed->offset, err_name(err));
		return err;
	}
	/* one call does both */
	reached(sealed, KILL_WRITTEN);
	reached(sealed, KILL_SYNCED);
	t->claimed = sealed->claims;
	t->groups++;
	t->bytes += sealed->size;
	t->records += sealed->count;
	return OK;
}

enum err journal_tail_write(struct journal_tail *t, const struct journal_sealed *sealed)
{
	return journal_tail_wrote(t, sealed,
		file_write_durable(
			t->ops, sealed->file, sealed->group, sealed->size, sealed->offset));
}

bool journal_tail_wants_mark(const struct journal_tail *t)
{
	return t->claimed < t->chain.next_seq - 1 && journal_tail_room(t) >= JOURNAL_SECTOR;
}

static enum err write_mark(struct journal_tail *t)
{
	_Alignas(FILE_DIRECT_ALIGN) uint8_t group[JOURNAL_SECTOR];
	struct journal_sealed sealed;
	journal_tail_seal(
		t, &sealed, &(struct journal_body){.group = group}, t->chain.next_seq - 1);
	journal_tail_fold(t);
	return journal_tail_write(t, &sealed);
}

enum err journal_tail_mark(struct journal_tail *t)
{
	return journal_tail_wants_mark(t) ? write_mark(t) : OK;
}

/* opening */

static enum err write_zeros(struct journal_tail *t, uint64_t from, uint64_t to)
{
	static const _Alignas(FILE_DIRECT_ALIGN) uint8_t zeros[ZEROS_SIZE];
	while (from < to) {
		const size_t len = to - from < ZEROS_SIZE ? (size_t)(to - from) : ZEROS_SIZE;
		TRY(file_write_all(t->ops, t->file, zeros, len, from));
		from += len;
	}
	return OK;
}

/* What a scan read may be in memory only, where a sync failed before the last process ended: what
 * nothing claims is written once more, and so are zeros as far as groups under way could have
 * reached. */
static enum err repair(struct journal_tail *t, const struct journal_scan *scan)
{
	uint64_t zeros_end = t->end + JOURNAL_FLIGHTS_MAX * JOURNAL_GROUP_SIZE_MAX;
	if (zeros_end < scan->dirty_end)
		zeros_end = scan->dirty_end;
	if (zeros_end > t->segment.size)
		zeros_end = t->segment.size;
	enum err err = OK;
	if (scan->doubt < scan->end)
		err = file_write_all(t->ops, t->file, scan->bytes + scan->doubt,
			(size_t)(scan->end - scan->doubt), scan->doubt);
	if (err == OK)
		err = write_zeros(t, t->end, zeros_end);
	if (err == OK)
		err = sync_file(t, t->file);
	if (err == OK)
		err = t->ops->sync_dir(t->ops->ctx, t->dir);
	return failed(t, "the end of the journal can't be made durable", err);
}

static enum err open_existing(struct journal_tail *t, const struct journal_scan *scan)
{
	char name[JOURNAL_NAME_SIZE], path[FILE_PATH_SIZE];
	t->segment = scan->last;
	t->chain = scan->chain;
	t->tree = scan->tree;
	merkle_frontier_root(&t->root, &t->tree);
	t->end = scan->end;
	journal_segment_name(name, scan->last.segment);
	TRY(file_path_join(path, t->dir, name));
	TRY(failed(t, "the segment can't be opened",
		t->ops->open(t->ops->ctx, &t->file, path, FILE_WRITE | FILE_DIRECT)));
	TRY(repair(t, scan));
	t->chain.epoch++;
	return journal_tail_room(t) < JOURNAL_SECTOR ? journal_tail_roll(t) : write_mark(t);
}

static enum err create(struct journal_tail *t, struct id128 cluster)
{
	char parent[FILE_PATH_SIZE];
	t->segment.cluster = cluster;
	t->chain = (struct journal_chain){.next_seq = 1, .epoch = 1};
	merkle_frontier_root(&t->root, &t->tree);
	TRY(file_path_parent(parent, t->dir));
	TRY(failed(t, "the folder can't be made durable", t->ops->sync_dir(t->ops->ctx, parent)));
	return journal_tail_roll(t);
}

enum err journal_tail_open(
	struct journal_tail *t, const struct journal_scan *scan, struct id128 cluster)
{
	t->file = t->spare_file = FILE_NONE;
	TRY(scan->empty ? create(t, cluster) : open_existing(t, scan));
	return journal_tail_spare(t);
}

void journal_tail_close(struct journal_tail *t)
{
	if (t->filling) /* who opens it next goes on */
		journal_filler_give_up(t->filler);
	t->filling = false;
	if (t->file != FILE_NONE)
		t->ops->close(t->ops->ctx, t->file);
	if (t->spare_file != FILE_NONE)
		t->ops->close(t->ops->ctx, t->spare_file);
	t->file = t->spare_file = FILE_NONE;
}
