#include "store/journal_repair.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/journal_repair_internal.h"

#define VIEW_FILE 0

/* The journal as it will be: its own files with the pieces in their places. A table of operations
 * that reads, one file at a time, so that it is verified by what verifies a journal. */
struct view {
	const struct journal_repair *r;
	uint32_t segment;
	int own, copy; /* FILE_NONE: not there */
	uint64_t size;
	bool is_open;
};

/* The pieces of a segment; *count may be 0. */
static const struct journal_repair_piece *pieces_of(
	const struct journal_repair *r, uint32_t *count, uint32_t segment)
{
	uint32_t first = 0;
	while (first < r->count && r->piece[first].segment < segment)
		first++;
	uint32_t end = first;
	while (end < r->count && r->piece[end].segment == segment)
		end++;
	*count = end - first;
	return *count == 0 ? NULL : &r->piece[first];
}

static enum err open_of(
	const struct journal_repair *r, int *file, const char *dir, uint32_t segment)
{
	char name[JOURNAL_NAME_SIZE], path[FILE_PATH_SIZE];
	journal_segment_name(name, segment);
	TRY(file_path_join(path, dir, name));
	return r->ops->open(r->ops->ctx, file, path, 0);
}

static void view_close(void *ctx, int file)
{
	struct view *v = ctx;
	const struct file_ops *ops = v->r->ops;
	CHECK(file == VIEW_FILE && v->is_open);
	if (v->own != FILE_NONE)
		ops->close(ops->ctx, v->own);
	if (v->copy != FILE_NONE)
		ops->close(ops->ctx, v->copy);
	v->is_open = false;
}

static enum err view_open_segment(struct view *v, uint32_t segment)
{
	const struct file_ops *ops = v->r->ops;
	uint32_t count;
	const struct journal_repair_piece *piece = pieces_of(v->r, &count, segment);
	CHECK(!v->is_open);
	v->segment = segment;
	v->own = v->copy = FILE_NONE;
	v->is_open = true;
	enum err err = open_of(v->r, &v->own, v->r->dir, segment);
	if (err == OK)
		err = ops->size(ops->ctx, &v->size, v->own);
	if (err == ERR_NOT_FOUND && count > 0)
		err = OK;
	if (err == OK && count > 0) {
		v->size = piece->file_size;
		err = open_of(v->r, &v->copy, v->r->from, segment);
		if (err == ERR_NOT_FOUND && piece[count - 1].size == 0)
			err = OK; /* nothing is taken from it */
	}
	if (err != OK)
		view_close(v, VIEW_FILE);
	return err;
}

static enum err view_open(void *ctx, int *file, const char *path, unsigned flags)
{
	const char *name = strrchr(path, '/');
	const uint32_t segment = journal_segment_number(name == NULL ? path : name + 1);
	CHECK(flags == 0 && segment > 0);
	TRY(view_open_segment(ctx, segment));
	*file = VIEW_FILE;
	return OK;
}

static enum err view_size(void *ctx, uint64_t *size, int file)
{
	const struct view *v = ctx;
	CHECK(file == VIEW_FILE && v->is_open);
	*size = v->size;
	return OK;
}

static enum err view_pread(
	void *ctx, size_t *done, int file, void *bytes, size_t len, uint64_t offset)
{
	const struct view *v = ctx;
	const struct file_ops *ops = v->r->ops;
	uint32_t count;
	const struct journal_repair_piece *piece = pieces_of(v->r, &count, v->segment);
	CHECK(file == VIEW_FILE && v->is_open);
	if (offset >= v->size)
		len = 0;
	else if (len > v->size - offset)
		len = (size_t)(v->size - offset);
	memset(bytes, 0, len);
	if (v->own != FILE_NONE)
		TRY(journal_repair_read(ops, v->own, bytes, len, offset));
	for (uint32_t i = 0; i < count; i++) {
		const uint64_t end = piece[i].offset + piece[i].size;
		const uint64_t from = piece[i].offset > offset ? piece[i].offset : offset;
		const uint64_t to = end < offset + len ? end : offset + len;
		if (from < to)
			TRY(file_read_exact(ops, v->copy, (uint8_t *)bytes + (from - offset),
				(size_t)(to - from), from));
	}
	*done = len;
	return OK;
}

static enum err view_list(void *ctx, const char *path, file_list_cb cb, void *cb_ctx)
{
	const struct view *v = ctx;
	const struct journal_repair *r = v->r;
	TRY(r->ops->list(r->ops->ctx, path, cb, cb_ctx));
	for (uint32_t i = 0; i < r->count; i++) { /* one that is there twice does no harm */
		char name[JOURNAL_NAME_SIZE];
		journal_segment_name(name, r->piece[i].segment);
		TRY(cb(cb_ctx, name));
	}
	return OK;
}

static enum err verify(struct journal_repair *r, const struct file_ops *ops)
{
	static const struct id128 any;
	static const struct journal_visitor nobody;
	struct journal_scan scan;
	const enum err err = journal_scan_run(
		&scan, ops, r->dir, &any, &nobody, NULL, r->later ? &r->start : NULL);
	if (err != OK)
		r->error = scan.error;
	r->last_seq = scan.chain.next_seq - 1;
	r->segments = scan.last.segment;
	journal_scan_fini(&scan);
	return err;
}

enum err journal_repair_verify(struct journal_repair *r)
{
	struct view view = {.r = r};
	const struct file_ops ops = {.ctx = &view,
		.open = view_open,
		.close = view_close,
		.pread = view_pread,
		.size = view_size,
		.list = view_list};
	return verify(r, &ops);
}

/* ---- doing it ---- */

static enum err failed(struct journal_repair *r, uint32_t segment, const char *what, enum err err)
{
	if (err != OK)
		journal_error_set(&r->error, "%s: segment %" PRIu32 ": %s (%s)", r->dir, segment,
			what, err_name(err));
	return err;
}

/* A name that no damaged file has yet. */
static enum err free_name(const struct journal_repair *r, char *path, uint32_t segment)
{
	char name[JOURNAL_NAME_SIZE], aside[JOURNAL_NAME_SIZE * 2];
	journal_segment_name(name, segment);
	for (uint32_t i = 1; i <= JOURNAL_REPAIR_ASIDE_MAX; i++) {
		int file;
		(void)snprintf(aside, sizeof aside, "%s.damaged-%" PRIu32, name, i);
		TRY(file_path_join(path, r->dir, aside));
		const enum err err = r->ops->open(r->ops->ctx, &file, path, 0);
		if (err == ERR_NOT_FOUND)
			return OK;
		TRY(err);
		r->ops->close(r->ops->ctx, file);
	}
	return ERR_FULL;
}

/* A copy, since the segment's own name must not be missing at any moment. Nothing where there is no
 * file. */
static enum err keep_aside(const struct journal_repair *r, uint32_t segment)
{
	const struct file_ops *ops = r->ops;
	char path[FILE_PATH_SIZE];
	uint64_t size = 0;
	uint8_t *bytes = NULL;
	int file;
	enum err err = open_of(r, &file, r->dir, segment);
	if (err != OK)
		return err == ERR_NOT_FOUND ? OK : err;
	err = ops->size(ops->ctx, &size, file);
	if (err == OK && size > JOURNAL_SEGMENT_SIZE_MAX)
		err = ERR_RANGE;
	if (err == OK) {
		bytes = malloc((size_t)size + 1);
		err = bytes == NULL ? ERR_FULL
				    : journal_repair_read(ops, file, bytes, (size_t)size, 0);
	}
	ops->close(ops->ctx, file);
	if (err == OK)
		err = free_name(r, path, segment);
	if (err == OK)
		err = file_write_atomic(ops, path, slice_of(bytes, (size_t)size));
	free(bytes);
	return err;
}

static enum err put_segment(const struct journal_repair *r, uint32_t segment)
{
	struct view view = {.r = r};
	char name[JOURNAL_NAME_SIZE], path[FILE_PATH_SIZE];
	size_t done = 0;
	journal_segment_name(name, segment);
	TRY(file_path_join(path, r->dir, name));
	TRY(view_open_segment(&view, segment));
	uint8_t *bytes = malloc((size_t)view.size);
	enum err err = bytes == NULL
		? ERR_FULL
		: view_pread(&view, &done, VIEW_FILE, bytes, (size_t)view.size, 0);
	if (err == OK)
		err = file_write_atomic(r->ops, path, slice_of(bytes, done));
	free(bytes);
	view_close(&view, VIEW_FILE);
	return err;
}

enum err journal_repair_apply(struct journal_repair *r)
{
	CHECK(r->lock_file != FILE_NONE);
	for (uint32_t i = 0; i < r->count; i++) {
		const uint32_t segment = r->piece[i].segment;
		if (i > 0 && r->piece[i - 1].segment == segment)
			continue;
		TRY(failed(r, segment, "the damaged file can't be kept", keep_aside(r, segment)));
		TRY(failed(r, segment, "it can't be written", put_segment(r, segment)));
	}
	return verify(r, r->ops);
}
