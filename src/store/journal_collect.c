#include "store/journal_collect.h"

#include <stdlib.h>

#include "base/mutant.h"
#include "store/journal_cursor.h"
#include "store/journal_scan.h"
#include "store/kept_records.h"

#define ZEROS_SIZE 65536u

static bool is_stopped(const struct journal_collect *c)
{
	return c->stop != NULL && atomic_load_explicit(c->stop, memory_order_relaxed);
}

/* ---- may it go? ---- */

static enum err keep_records(
	struct kept_records *kept, const struct journal_collect *c, struct slice body)
{
	struct journal_record_view view;
	while (body.len > 0) {
		const uint8_t *start = body.ptr;
		CHECK(journal_record_next(&view, &body));
		if (c->is_kept(view.type))
			TRY(kept_records_add(
				kept, view.seq, slice_of(start, (size_t)(body.ptr - start))));
	}
	return OK;
}

static enum err check_group(struct kept_records *kept, const struct journal_collect *c,
	const struct journal_cursor *cursor)
{
	const struct journal_group_header *group = &cursor->group;
	if (group->record_count == 0)
		return OK;
	const uint64_t last = group->first_seq + group->record_count - 1;
	if (last >= c->floor_seq && !MUTANT(FREED_UNDER_READERS))
		return ERR_RANGE;
	if (!MUTANT(FREED_UNPROVEN))
		TRY(log_index_covers(c->log, group->first_seq, cursor->leaf, group->record_count));
	kept->last_seq = last;
	return keep_records(kept, c, cursor->body);
}

/* All of its groups, up to the first of the segment behind it: the cursor sees to it that they
 * follow each other without a gap. */
static enum err check_segment(struct kept_records *kept, const struct journal_collect *c,
	struct journal_cursor *cursor, uint32_t segment)
{
	TRY(journal_cursor_seek(cursor, segment, 0));
	kept->segment = segment;
	kept->cluster = cursor->segment.cluster;
	kept->first_seq = cursor->segment.first_seq;
	kept->last_seq = kept->first_seq - 1;
	for (;;) {
		if (is_stopped(c))
			return ERR_CANCELLED;
		const enum err err = journal_cursor_next(cursor);
		if (cursor->segment.segment != segment)
			return OK;
		if (err != OK) /* what is behind it is there: something is missing here */
			return err == ERR_NOT_FOUND ? ERR_CHECKSUM : err;
		TRY(check_group(kept, c, cursor));
	}
}

/* ---- it goes ---- */

static enum err write_zeros(const struct file_ops *ops, int file, uint64_t size)
{
	static const _Alignas(FILE_DIRECT_ALIGN) uint8_t zeros[ZEROS_SIZE];
	for (uint64_t at = 0; at < size;) {
		const size_t len = size - at < ZEROS_SIZE ? (size_t)(size - at) : ZEROS_SIZE;
		TRY(file_write_all(ops, file, zeros, len, at));
		at += len;
	}
	return ops->fdatasync(ops->ctx, file);
}

/* A free place among the recycled: its path. False: there is none. */
static bool free_place(char path[FILE_PATH_SIZE], const struct journal_collect *c)
{
	char name[JOURNAL_NAME_SIZE];
	for (uint32_t i = 0; i < JOURNAL_RECYCLED_MAX; i++) {
		int file;
		journal_recycled_name(name, i);
		if (file_path_join(path, c->dir, name) != OK)
			return false;
		const enum err err = c->ops->open(c->ops->ctx, &file, path, 0);
		if (err == ERR_NOT_FOUND)
			return true;
		if (err == OK)
			c->ops->close(c->ops->ctx, file);
	}
	return false;
}

/* What lost its name becomes zeros, and then gets one of a recycled segment. */
static enum err recycle(bool *done, const struct journal_collect *c, const char *being)
{
	const struct file_ops *ops = c->ops;
	char to[FILE_PATH_SIZE];
	uint64_t size = 0;
	int file;
	*done = false;
	if (!free_place(to, c))
		return ops->unlink(ops->ctx, being);
	TRY(ops->open(ops->ctx, &file, being, FILE_WRITE | FILE_DIRECT));
	enum err err = ops->size(ops->ctx, &size, file);
	const bool fits = err == OK && size == c->segment_size;
	if (fits)
		err = write_zeros(ops, file, size);
	ops->close(ops->ctx, file);
	if (err == OK && !fits)
		return ops->unlink(ops->ctx, being);
	if (err == OK)
		err = ops->rename(ops->ctx, being, to);
	*done = err == OK;
	return err;
}

/* It is freed when it has a name that means nothing, durably: before its bytes are gone, and
 * whatever becomes of them. */
static enum err free_segment(struct journal_collected *out, const struct journal_collect *c,
	const struct kept_records *kept)
{
	const struct file_ops *ops = c->ops;
	char name[JOURNAL_NAME_SIZE], path[FILE_PATH_SIZE], being[FILE_PATH_SIZE];
	bool recycled = false;
	journal_segment_name(name, kept->segment);
	TRY(file_path_join(path, c->dir, name));
	TRY(file_path_join(being, c->dir, JOURNAL_RECYCLING_NAME));
	TRY(ops->rename(ops->ctx, path, being));
	TRY(ops->sync_dir(ops->ctx, c->dir));
	out->freed++;
	out->last_seq = kept->last_seq;
	TRY(recycle(&recycled, c, being));
	out->recycled += recycled;
	return ops->sync_dir(ops->ctx, c->dir);
}

static enum err collect_one(struct journal_collected *out, const struct journal_collect *c,
	struct journal_cursor *cursor, uint32_t segment)
{
	struct kept_records kept = {.segment = 0};
	uint64_t bytes = 0;
	enum err err = check_segment(&kept, c, cursor, segment);
	if (err == OK)
		err = kept_records_write(&bytes, &kept, c->ops, c->dir);
	if (err == OK) {
		out->kept_bytes += bytes;
		err = free_segment(out, c, &kept);
	}
	kept_records_fini(&kept);
	return err;
}

enum err journal_collect_run(struct journal_collected *out, const struct journal_collect *c)
{
	struct journal_cursor cursor;
	uint32_t first, last;
	enum err err = OK;
	*out = (struct journal_collected){.freed = 0};
	TRY(journal_segments_list(&first, &last, c->ops, c->dir));
	for (uint32_t segment = first; err == OK && segment < c->below; segment++) {
		journal_cursor_init(&cursor, c->ops, c->dir);
		err = collect_one(out, c, &cursor, segment);
		journal_cursor_fini(&cursor);
		if (err == ERR_NOT_FOUND) /* a crash left a gap */
			err = OK;
	}
	return err;
}
