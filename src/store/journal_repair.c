#include "store/journal_repair.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/mutant.h"
#include "store/journal_read.h"
#include "store/journal_repair_internal.h"

/* One of the two folders, and its file of the segment that is looked at. */
struct side {
	const char *dir;
	uint32_t last; /* its last segment; 0: none */
	uint8_t *bytes;
	size_t len, cap; /* len 0: the file is not there, or no segment's */
	/* what it has at the place that is looked at; NONE: it continues the chain, CHAIN: sound by
	 * itself, and does not */
	enum journal_fault fault;
	struct journal_segment_header header;
	struct journal_group_header group;
	struct hash256 *leaf;
	size_t leaf_cap;
};

struct walk {
	struct journal_repair *r;
	struct side own, copy;
	struct journal_segment_header segment; /* the one that is walked */
	uint64_t offset;
	struct journal_chain chain;
	struct merkle_frontier tree;
	struct hash256 own_link; /* of the last thing on the chain that is the journal's own */
	bool matched;            /* there is one */
	uint32_t vouched;        /* pieces before it */
	bool joined;             /* the last piece may go on */
	bool ended;              /* neither side goes on */
};

static enum err failed(struct walk *w, const char *dir, uint32_t segment, enum err err)
{
	journal_error_set(&w->r->error, "%s: segment %" PRIu32 " can't be read (%s)", dir, segment,
		err_name(err));
	return err;
}

static enum err diverges(struct walk *w, uint64_t offset)
{
	journal_error_set(&w->r->error,
		"%s: segment %" PRIu32 ", offset %" PRIu64
		": the copy goes another way than %s: it "
		"is not a copy of this journal, or one that was used by itself",
		w->r->from, w->segment.segment, offset, w->r->dir);
	return ERR_STATE;
}

/* ---- reading ---- */

enum err journal_repair_read(
	const struct file_ops *ops, int file, uint8_t *bytes, size_t len, uint64_t offset)
{
	size_t done = 0;
	const enum err err = ops->pread(ops->ctx, &done, file, bytes, len, offset);
	if (err != ERR_IO) {
		memset(bytes + done, 0, err == OK ? len - done : 0);
		return err;
	}
	memset(bytes, 0, len);
	for (size_t at = 0; at < len; at += JOURNAL_REPAIR_BLOCK) {
		const size_t part = len - at < JOURNAL_REPAIR_BLOCK ? len - at
								    : JOURNAL_REPAIR_BLOCK;
		if (ops->pread(ops->ctx, &done, file, bytes + at, part, offset + at) != OK)
			memset(bytes + at, 0, part);
	}
	return OK;
}

static enum err read_file(struct walk *w, struct side *s, int file)
{
	const struct file_ops *ops = w->r->ops;
	uint64_t size = 0;
	TRY(ops->size(ops->ctx, &size, file));
	if (size < JOURNAL_SEGMENT_HEADER_SIZE || size > JOURNAL_SEGMENT_SIZE_MAX)
		return OK; /* as if it was not there */
	if (size > s->cap) {
		free(s->bytes);
		s->bytes = malloc((size_t)size);
		s->cap = s->bytes == NULL ? 0 : (size_t)size;
	}
	if (s->bytes == NULL)
		return ERR_FULL;
	TRY(journal_repair_read(ops, file, s->bytes, (size_t)size, 0));
	s->len = (size_t)size;
	return OK;
}

static enum err load(struct walk *w, struct side *s, uint32_t segment)
{
	const struct file_ops *ops = w->r->ops;
	char name[JOURNAL_NAME_SIZE], path[FILE_PATH_SIZE];
	int file;
	s->len = 0;
	journal_segment_name(name, segment);
	TRY(file_path_join(path, s->dir, name));
	enum err err = ops->open(ops->ctx, &file, path, 0);
	if (err == ERR_NOT_FOUND)
		return OK;
	if (err == OK) {
		err = read_file(w, s, file);
		ops->close(ops->ctx, file);
	}
	return err == OK ? OK : failed(w, s->dir, segment, err);
}

/* ---- what goes into the plan ---- */

/* The place for one more; NULL: none. */
static struct journal_repair_piece *add_piece(struct walk *w, uint64_t offset)
{
	struct journal_repair *r = w->r;
	if (r->count == r->cap) {
		const uint32_t cap = r->cap == 0 ? 64 : r->cap * 2;
		void *grown = cap > JOURNAL_REPAIR_PIECES_MAX
			? NULL
			: realloc(r->piece, cap * sizeof r->piece[0]);
		if (grown == NULL) {
			journal_error_set(&r->error, "%s: too many damaged places", r->dir);
			return NULL;
		}
		r->piece = grown;
		r->cap = cap;
	}
	r->piece[r->count] = (struct journal_repair_piece){
		.segment = w->segment.segment, .offset = offset, .file_size = w->segment.size};
	return &r->piece[r->count++];
}

/* The copy's header, or the group at the offset, is taken. */
static enum err take(struct walk *w, uint64_t offset, uint64_t size)
{
	struct journal_repair_piece *p = w->joined ? &w->r->piece[w->r->count - 1]
						   : add_piece(w, offset);
	if (p == NULL)
		return ERR_FULL;
	w->joined = true;
	p->size += size;
	if (offset == 0)
		return OK;
	const struct journal_group_header *g = &w->copy.group;
	p->groups++;
	if (g->record_count == 0)
		return OK;
	if (p->first_seq == 0)
		p->first_seq = g->first_seq;
	p->last_seq = g->first_seq + g->record_count - 1;
	return OK;
}

/* The journal's own is on the chain: everything before it is vouched for. */
static void stays(struct walk *w)
{
	w->matched = true;
	w->joined = false;
	w->vouched = w->r->count;
	w->own_link = w->chain.prev;
}

/* ---- segments' headers ---- */

static void look_at_header(const struct walk *w, struct side *s, uint32_t segment)
{
	struct hash256 root;
	struct journal_segment_header *h = &s->header;
	s->fault = s->len == 0 ? JOURNAL_FAULT_MISSING : journal_segment_decode(h, s->bytes);
	if (s->fault != JOURNAL_FAULT_NONE)
		return;
	merkle_frontier_root(&root, &w->tree);
	if (h->segment != segment)
		s->fault = JOURNAL_FAULT_PLACE;
	else if (!hash256_eq(&h->prev, &w->chain.prev) || h->first_seq != w->chain.next_seq ||
		h->epoch < w->chain.epoch || !hash256_eq(&h->root, &root) ||
		(segment > 1 && !id128_eq(&h->cluster, &w->segment.cluster)))
		s->fault = JOURNAL_FAULT_CHAIN;
}

static bool is_whole(const struct side *s)
{
	return s->fault == JOURNAL_FAULT_NONE || s->fault == JOURNAL_FAULT_CHAIN;
}

/* Both sides' headers were looked at: may the copy be one of this journal? */
static enum err compare_headers(struct walk *w)
{
	const struct side *own = &w->own, *copy = &w->copy;
	if (is_whole(own) && is_whole(copy) &&
		!id128_eq(&own->header.cluster, &copy->header.cluster)) {
		journal_error_set(
			&w->r->error, "%s: this journal belongs to another cluster", w->r->from);
		return ERR_NETWORK;
	}
	const bool differ = is_whole(own) && is_whole(copy) &&
		!hash256_eq(&own->header.hash, &copy->header.hash);
	/* what was taken last is not what the journal itself went on with */
	const bool passed = own->fault == JOURNAL_FAULT_CHAIN && w->matched &&
		hash256_eq(&own->header.prev, &w->own_link);
	return differ || passed ? diverges(w, w->offset) : OK;
}

static enum err begin_segment(struct walk *w, uint32_t segment)
{
	const enum journal_fault own_end = w->own.fault, copy_end = w->copy.fault;
	TRY(load(w, &w->own, segment));
	TRY(load(w, &w->copy, segment));
	look_at_header(w, &w->own, segment);
	look_at_header(w, &w->copy, segment);
	TRY(compare_headers(w));
	const bool own = w->own.fault == JOURNAL_FAULT_NONE;
	if (!own && w->copy.fault != JOURNAL_FAULT_NONE) {
		if (!is_whole(&w->own) && is_whole(&w->copy) && own_end == JOURNAL_FAULT_END &&
			copy_end == JOURNAL_FAULT_END)
			return diverges(w, w->offset);
		w->ended = true;
		if (segment > 1 && (is_whole(&w->own) || is_whole(&w->copy))) {
			w->own.fault = own_end; /* it is not the header that is wrong */
			w->copy.fault = copy_end;
			return OK;
		}
		w->segment.segment = segment;
		w->offset = 0;
		return OK;
	}
	w->segment = own ? w->own.header : w->copy.header;
	w->offset = JOURNAL_SEGMENT_HEADER_SIZE;
	w->chain.prev = w->segment.hash;
	w->chain.epoch = w->segment.epoch;
	w->joined = false; /* a piece is of one segment */
	if (!own)
		return take(w, 0, JOURNAL_SEGMENT_HEADER_SIZE);
	if (w->own.len != w->segment.size && add_piece(w, 0) == NULL)
		return ERR_FULL;
	stays(w);
	return OK;
}

/* ---- groups ---- */

static enum err look_at_group(struct walk *w, struct side *s)
{
	const size_t len = s->len < w->segment.size ? s->len : (size_t)w->segment.size;
	const struct slice bytes = slice_of(s->bytes, len);
	struct hash256 root;
	s->fault = JOURNAL_FAULT_END;
	if (w->offset + JOURNAL_GROUP_HEADER_SIZE > bytes.len)
		return OK;
	const size_t leaves = journal_group_leaves(bytes.ptr + w->offset) + (size_t)1;
	if (leaves > s->leaf_cap) {
		free(s->leaf);
		s->leaf = malloc(leaves * sizeof s->leaf[0]);
		s->leaf_cap = s->leaf == NULL ? 0 : leaves;
		if (s->leaf == NULL)
			return failed(w, s->dir, w->segment.segment, ERR_FULL);
	}
	s->fault = journal_group_check(&s->group, s->leaf, bytes, w->offset, &w->segment);
	merkle_frontier_root(&root, &w->tree);
	if (s->fault == JOURNAL_FAULT_NONE &&
		(!journal_chain_continues(&w->chain, &s->group) ||
			!hash256_eq(&root, &s->group.root)))
		s->fault = JOURNAL_FAULT_CHAIN;
	return OK;
}

/* The copy's group at the offset would take the place of something sound. */
static bool overwrites(const struct walk *w, uint64_t size)
{
	const struct side *own = &w->own;
	const size_t len = own->len < w->segment.size ? own->len : (size_t)w->segment.size;
	struct journal_group_header group;
	for (uint64_t at = w->offset; at < w->offset + size; at += JOURNAL_SECTOR)
		if (journal_group_check(&group, NULL, slice_of(own->bytes, len), at, &w->segment) ==
			JOURNAL_FAULT_NONE)
			return true;
	return false;
}

static void go_on(struct walk *w, const struct side *s)
{
	journal_chain_push(&w->chain, &s->group);
	for (uint32_t i = 0; i < s->group.record_count; i++)
		merkle_frontier_push(&w->tree, &s->leaf[i]);
	w->offset += journal_group_size(s->group.body_size);
}

/* Groups, as far as either side goes on. */
static enum err walk_groups(struct walk *w)
{
	for (;;) {
		TRY(look_at_group(w, &w->own));
		TRY(look_at_group(w, &w->copy));
		if (is_whole(&w->own) && is_whole(&w->copy) &&
			!hash256_eq(&w->own.group.hash, &w->copy.group.hash))
			return diverges(w, w->offset);
		if (w->own.fault == JOURNAL_FAULT_NONE) {
			go_on(w, &w->own);
			stays(w);
		} else if (w->copy.fault == JOURNAL_FAULT_NONE) {
			const size_t size = journal_group_size(w->copy.group.body_size);
			if (overwrites(w, size))
				return diverges(w, w->offset);
			TRY(take(w, w->offset, size));
			go_on(w, &w->copy);
		} else if (w->copy.fault == JOURNAL_FAULT_CHAIN && !is_whole(&w->own)) {
			return diverges(w, w->offset);
		} else {
			return OK;
		}
	}
}

/* ---- the whole ---- */

static enum err take_lock(struct journal_repair *r)
{
	const struct file_ops *ops = r->ops;
	char path[FILE_PATH_SIZE];
	TRY(file_path_join(path, r->dir, JOURNAL_LOCK_NAME));
	enum err err = ops->open(ops->ctx, &r->lock_file, path, FILE_WRITE | FILE_CREATE);
	if (err == OK)
		err = ops->lock(ops->ctx, r->lock_file);
	if (err == ERR_EXISTS)
		journal_error_set(
			&r->error, "%s: a process has this journal open: stop it first", r->dir);
	else if (err != OK)
		journal_error_set(&r->error, "%s: can't be locked (%s)", r->dir, err_name(err));
	return err;
}

static enum err list_sides(struct walk *w)
{
	struct side *const side[] = {&w->own, &w->copy};
	uint32_t first;
	for (size_t i = 0; i < ARRAY_LEN(side); i++) {
		const enum err err = journal_segments_list(
			&first, &side[i]->last, w->r->ops, side[i]->dir);
		if (err != OK) {
			journal_error_set(&w->r->error, "%s: the folder can't be read (%s)",
				side[i]->dir, err_name(err));
			return err;
		}
	}
	return OK;
}

/* The segments before a snapshot were freed: it says what the chain has come to. The header of the
 * segment in which it lies is needed, since nothing else binds that to the snapshot. */
static enum err begin_later(struct walk *w, const struct journal_start *start)
{
	struct side *own = &w->own, *copy = &w->copy;
	TRY(load(w, own, start->segment));
	TRY(load(w, copy, start->segment));
	w->segment.cluster = start->cluster;
	w->segment.segment = start->segment;
	look_at_header(w, own, start->segment);
	look_at_header(w, copy, start->segment);
	TRY(compare_headers(w));
	if (!is_whole(own) || !id128_eq(&own->header.cluster, &start->cluster) ||
		own->header.first_seq > start->chain.next_seq || start->offset > own->header.size) {
		journal_error_set(&w->r->error,
			"%s: segment %" PRIu32 ", offset 0: the header of the segment in which the "
			"oldest snapshot lies is damaged",
			w->r->dir, start->segment);
		return ERR_CHECKSUM;
	}
	w->segment = own->header;
	w->offset = start->offset;
	w->chain = start->chain;
	w->tree = start->tree;
	if (own->len != w->segment.size && add_piece(w, 0) == NULL)
		return ERR_FULL;
	stays(w);
	return walk_groups(w);
}

static enum err walk_all(struct walk *w)
{
	const struct journal_start *start = &w->r->start;
	uint32_t segment = 1;
	TRY(list_sides(w));
	const uint32_t last = w->own.last > w->copy.last ? w->own.last : w->copy.last;
	w->r->later = journal_begins_later(&w->r->start, w->r->ops, w->r->dir);
	if (w->r->later) {
		TRY(begin_later(w, start));
		segment = start->segment + 1;
	}
	for (; segment <= last && !w->ended; segment++) {
		TRY(begin_segment(w, segment));
		if (!w->ended)
			TRY(walk_groups(w));
	}
	if (w->matched)
		return OK;
	journal_error_set(&w->r->error,
		"%s: nothing of this journal is left that %s could be matched with", w->r->dir,
		w->r->from);
	return ERR_STATE;
}

/* What nothing of the journal's own is behind of is said, and left out. */
static void leave_out(struct walk *w, bool extend)
{
	struct journal_repair *r = w->r;
	for (uint32_t i = w->vouched; i < r->count; i++) {
		if (r->beyond_first_seq == 0)
			r->beyond_first_seq = r->piece[i].first_seq;
		if (r->piece[i].last_seq != 0)
			r->beyond_last_seq = r->piece[i].last_seq;
	}
	if (!extend && !MUTANT(REPAIR_BELIEVES))
		r->count = w->vouched;
}

/* It can't be made sound: where, and what either side has there. */
static void say_why(struct walk *w, bool extend)
{
	struct journal_repair *r = w->r;
	const struct journal_error wrong = r->error;
	if (!extend && r->beyond_last_seq != 0)
		journal_error_set(&r->error,
			"%.160s; from there on the copy has records up to %" PRIu64
			", for which nothing here vouches",
			wrong.text, r->beyond_last_seq);
	else
		journal_error_set(&r->error,
			"segment %" PRIu32 ", offset %" PRIu64 ": here: %s; in the copy: %s",
			w->segment.segment, w->offset, journal_fault_text(w->own.fault),
			journal_fault_text(w->copy.fault));
}

enum err journal_repair_plan(struct journal_repair *r, const struct file_ops *ops, const char *dir,
	const char *from, bool extend)
{
	struct walk w = {.r = r,
		.own = {.dir = dir, .fault = JOURNAL_FAULT_END},
		.copy = {.dir = from, .fault = JOURNAL_FAULT_END}};
	*r = (struct journal_repair){.ops = ops, .dir = dir, .from = from, .lock_file = FILE_NONE};
	w.chain.next_seq = 1;
	enum err err = take_lock(r);
	if (err == OK)
		err = walk_all(&w);
	if (err == OK) {
		leave_out(&w, extend);
		err = journal_repair_verify(r);
		if (err == ERR_CHECKSUM)
			say_why(&w, extend);
	}
	free(w.own.bytes);
	free(w.own.leaf);
	free(w.copy.bytes);
	free(w.copy.leaf);
	return err;
}

void journal_repair_fini(struct journal_repair *r)
{
	if (r->lock_file != FILE_NONE)
		r->ops->close(r->ops->ctx, r->lock_file);
	r->lock_file = FILE_NONE;
	free(r->piece);
	r->piece = NULL;
	r->count = r->cap = 0;
}
