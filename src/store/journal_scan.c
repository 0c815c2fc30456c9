#include "store/journal_scan.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mutant.h"
#include "store/journal_pipe.h"

#define READ_MIN (4u << 20) /* bytes in one go */
#define SEGMENT_NAME_LEN 14u
#define SEGMENT_DIGITS 10u

_Static_assert(JOURNAL_GROUP_MAX == JOURNAL_GROUP_SIZE_MAX, "one bound, in the seam and on disk");
_Static_assert(JOURNAL_SEGMENT_SIZE <= JOURNAL_SEGMENT_SIZE_MAX, "the default can be read back");

void journal_error_set(struct journal_error *error, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	(void)vsnprintf(error->text, sizeof error->text, format, args);
	va_end(args);
}

void journal_segment_name(char name[JOURNAL_NAME_SIZE], uint32_t segment)
{
	(void)snprintf(name, JOURNAL_NAME_SIZE, "%010" PRIu32 ".seg", segment);
}

uint32_t journal_segment_number(const char *name)
{
	char same[JOURNAL_NAME_SIZE];
	uint64_t number = 0;
	if (strlen(name) != SEGMENT_NAME_LEN)
		return 0;
	for (size_t i = 0; i < SEGMENT_DIGITS; i++) {
		if (name[i] < '0' || name[i] > '9')
			return 0;
		number = number * 10 + (uint64_t)(name[i] - '0');
	}
	if (number == 0 || number > JOURNAL_SEGMENTS_MAX)
		return 0;
	journal_segment_name(same, (uint32_t)number);
	return strcmp(name, same) == 0 ? (uint32_t)number : 0;
}

struct listing {
	uint32_t first, last;
};

static enum err list_name(void *ctx, const char *name)
{
	struct listing *l = ctx;
	const uint32_t number = journal_segment_number(name);
	if (number > l->last)
		l->last = number;
	if (number > 0 && (l->first == 0 || number < l->first))
		l->first = number;
	return OK;
}

enum err journal_segments_list(
	uint32_t *first, uint32_t *last, const struct file_ops *ops, const char *dir)
{
	struct listing listing = {0};
	const enum err err = ops->list(ops->ctx, dir, list_name, &listing);
	*first = listing.first;
	*last = listing.last;
	return err;
}

void journal_recycled_name(char name[JOURNAL_NAME_SIZE], uint32_t index)
{
	(void)snprintf(name, JOURNAL_NAME_SIZE, "recycled-%" PRIu32, index);
}

static enum err damaged(struct journal_scan *scan, uint32_t segment, uint64_t offset,
	enum journal_fault fault, const char *what)
{
	scan->damage = (struct journal_damage){fault, segment, offset};
	journal_error_set(&scan->error, "%s: segment %" PRIu32 ", offset %" PRIu64 ": %s: %s",
		scan->dir, segment, offset, what, journal_fault_text(fault));
	return fault == JOURNAL_FAULT_VERSION ? ERR_FORMAT : ERR_CHECKSUM;
}

static enum err failed_io(struct journal_scan *scan, uint32_t segment, enum err err)
{
	journal_error_set(&scan->error, "%s: segment %" PRIu32 " can't be read (%s)", scan->dir,
		segment, err_name(err));
	return err;
}

/* For a file of this size; an opening writes from there past the cache, too. On large pages, which
 * take less time to come by than the file does to be read. */
static enum err make_room(struct journal_scan *scan, size_t size)
{
	const struct pages_options where = {.want = PAGES_TRANSPARENT, .node = PAGES_NODE_ANY};
	struct pages *p = &scan->memory[0];
	if (size > p->size) {
		if (p->ptr != NULL)
			pages_unmap(p);
		*p = (struct pages){.ptr = NULL};
		scan->bytes = NULL;
		scan->bytes_len = 0;
		TRY(pages_map(p, size, &where));
	}
	scan->bytes = p->ptr;
	return OK;
}

/* So much of the file, or all of it, is in scan->bytes then. */
static enum err read_until(struct journal_scan *scan, uint64_t until)
{
	const size_t had = scan->bytes_read, left = scan->bytes_len - had;
	if (until <= had || left == 0)
		return OK;
	const size_t more = until - had < READ_MIN ? READ_MIN : (size_t)(until - had);
	const size_t len = more < left ? more : left;
	const enum err err = file_read_exact(scan->ops, scan->file, scan->bytes + had, len, had);
	if (err != OK)
		return failed_io(scan, scan->bytes_segment, err);
	scan->bytes_read += len;
	return OK;
}

static void close_segment(struct journal_scan *scan)
{
	if (scan->file != FILE_NONE)
		scan->ops->close(scan->ops->ctx, scan->file);
	scan->file = FILE_NONE;
}

/* A file into scan->bytes: its beginning now, the rest as it is come to. */
static enum err read_segment(struct journal_scan *scan, uint32_t segment)
{
	const struct file_ops *ops = scan->ops;
	char name[JOURNAL_NAME_SIZE], path[FILE_PATH_SIZE];
	uint64_t size = 0;
	close_segment(scan);
	journal_segment_name(name, segment);
	enum err err = file_path_join(path, scan->dir, name);
	if (err == OK)
		err = ops->open(ops->ctx, &scan->file, path, 0);
	if (err == ERR_NOT_FOUND) {
		scan->damage = (struct journal_damage){JOURNAL_FAULT_MISSING, segment, 0};
		journal_error_set(
			&scan->error, "%s: segment %" PRIu32 " is missing", scan->dir, segment);
		return ERR_CHECKSUM;
	}
	if (err == OK)
		err = ops->size(ops->ctx, &size, scan->file);
	if (err == OK && (size < JOURNAL_SEGMENT_HEADER_SIZE || size > JOURNAL_SEGMENT_SIZE_MAX))
		return damaged(scan, segment, 0, JOURNAL_FAULT_LENGTH, "the file");
	if (err == OK)
		err = make_room(scan, (size_t)size);
	if (err != OK)
		return failed_io(scan, segment, err);
	scan->bytes_read = 0;
	scan->bytes_len = (size_t)size;
	scan->bytes_segment = segment;
	return read_until(scan, JOURNAL_SEGMENT_HEADER_SIZE);
}

/* What is at the end of the last segment that was walked, where nothing unsound may be. */
static void damaged_at_end(struct journal_scan *scan, uint32_t segment)
{
	scan->damage = (struct journal_damage){scan->at_end, segment, scan->end};
}

static bool root_matches(const struct journal_scan *scan, const struct hash256 *root)
{
	struct hash256 own;
	merkle_frontier_root(&own, &scan->tree);
	return hash256_eq(&own, root);
}

static enum err read_header(struct journal_scan *scan, struct journal_segment_header *h,
	uint32_t segment, const struct id128 *cluster)
{
	static const struct id128 any;
	const enum journal_fault fault = journal_segment_decode(h, scan->bytes);
	if (fault != JOURNAL_FAULT_NONE)
		return damaged(scan, segment, 0, fault, "the segment's header");
	if (h->segment != segment)
		return damaged(scan, segment, 0, JOURNAL_FAULT_PLACE, "the segment's header");
	if (!id128_eq(cluster, &any) && !id128_eq(cluster, &h->cluster) && !MUTANT(ANY_CLUSTER)) {
		journal_error_set(
			&scan->error, "%s: this journal belongs to another cluster", scan->dir);
		return ERR_NETWORK;
	}
	if (h->size != scan->bytes_len)
		return damaged(scan, segment, 0, JOURNAL_FAULT_LENGTH, "the file");
	return OK;
}

static enum err check_header(
	struct journal_scan *scan, uint32_t segment, const struct id128 *cluster)
{
	struct journal_segment_header h;
	TRY(read_header(scan, &h, segment, cluster));
	if (segment > 1 && !id128_eq(&h.cluster, &scan->last.cluster))
		return damaged(scan, segment, 0, JOURNAL_FAULT_PLACE, "the segment's header");
	/* Segment 1 begins the chain: with zeros, and the first record. */
	if (!hash256_eq(&h.prev, &scan->chain.prev) || h.first_seq != scan->chain.next_seq ||
		h.epoch < scan->chain.epoch || !root_matches(scan, &h.root)) {
		damaged_at_end(scan, segment == 1 ? 1 : segment - 1);
		journal_error_set(&scan->error,
			"%s: segment %" PRIu32 ", offset %" PRIu64 ": damaged: %s, and segment "
			"%" PRIu32 " was begun after record %" PRIu64 " was durable",
			scan->dir, segment == 1 ? 1 : segment - 1, scan->end,
			journal_fault_text(scan->at_end), segment, h.first_seq - 1);
		return ERR_CHECKSUM;
	}
	scan->last = h;
	scan->claimed = h.first_seq - 1;
	scan->chain.prev = h.hash;
	scan->chain.epoch = h.epoch;
	return OK;
}

enum err journal_visit_group(const struct journal_visitor *visitor,
	const struct journal_group_header *group, struct slice body)
{
	struct journal_record_view view;
	if (visitor->group != NULL)
		TRY(visitor->group(visitor->ctx, group, body));
	while (visitor->record != NULL && body.len > 0) {
		journal_record_next_unchecked(&view, &body);
		const struct journal_record record = {
			.seq = view.seq, .type = view.type, .payload = view.payload};
		TRY(visitor->record(visitor->ctx, &record));
	}
	return OK;
}

static void check_ahead(void *ctx, size_t begin, size_t end)
{
	const struct journal_scan *scan = ctx;
	for (size_t i = begin; i < end; i++) {
		struct journal_ahead *a = &scan->ahead[i];
		a->fault = journal_group_check(&a->group, scan->leaf + a->leaf,
			slice_of(scan->bytes, scan->bytes_len), a->offset, &scan->last);
	}
}

/* The groups that seem to begin at the end: where, and where their leaves go, and how many those
 * are. */
static enum err guess_ahead(struct journal_scan *scan, size_t *leaf_count)
{
	uint64_t at = scan->end;
	size_t leaves = 0;
	scan->ahead_next = scan->ahead_count = 0;
	do {
		TRY(read_until(scan, at + JOURNAL_GROUP_SIZE_MAX));
		struct journal_ahead *a = &scan->ahead[scan->ahead_count++];
		*a = (struct journal_ahead){.offset = at, .leaf = leaves};
		if (at + JOURNAL_GROUP_HEADER_SIZE > scan->bytes_len)
			break;
		const uint8_t *group = scan->bytes + at;
		const uint32_t size = load_le32(group + JOURNAL_GROUP_BODY_OFFSET);
		if (load_le64(group) == 0 || size > JOURNAL_GROUP_SIZE_MAX)
			break;
		leaves += journal_group_leaves(group);
		at += journal_group_size(size);
	} while (scan->ahead_count < scan->ahead_max && at < scan->bytes_len &&
		leaves < JOURNAL_AHEAD_LEAVES_MAX && at - scan->end < JOURNAL_AHEAD_BYTES_MAX);
	*leaf_count = leaves;
	return OK;
}

/* Checks the group at the end and those that seem to follow it. A wrong guess costs time only: what
 * it finds is not where a group is looked for later. */
static enum err look_ahead(struct journal_scan *scan, const struct journal_visitor *visitor)
{
	const bool shared = visitor->waits == NULL || visitor->waits(visitor->ctx);
	size_t leaves;
	TRY(guess_ahead(scan, &leaves));
	leaves++; /* never nothing */
	if (leaves > scan->leaf_cap) {
		free(scan->leaf);
		scan->leaf = malloc(leaves * sizeof scan->leaf[0]);
		scan->leaf_cap = scan->leaf == NULL ? 0 : leaves;
		if (scan->leaf == NULL)
			return failed_io(scan, scan->last.segment, ERR_FULL);
	}
	parallel_run(shared ? scan->parallel : NULL, scan->ahead_count, sizeof scan->ahead[0],
		check_ahead, scan);
	return OK;
}

/* By itself, the group at the end. */
static enum err check_next(struct journal_scan *scan, const struct journal_visitor *visitor,
	const struct journal_ahead **out)
{
	if (scan->ahead_next == scan->ahead_count ||
		scan->ahead[scan->ahead_next].offset != scan->end)
		TRY(look_ahead(scan, visitor));
	*out = &scan->ahead[scan->ahead_next++];
	return OK;
}

static enum err refused(struct journal_scan *scan, uint32_t segment, uint64_t offset, enum err err)
{
	journal_error_set(&scan->error,
		"%s: segment %" PRIu32 ", offset %" PRIu64 ": a record was refused (%s)", scan->dir,
		segment, offset, err_name(err));
	return err;
}

static enum err visit_group(struct journal_scan *scan, const struct journal_group_header *group,
	const struct journal_visitor *visitor)
{
	const struct slice bytes = slice_of(scan->bytes, scan->bytes_len);
	const enum err err = journal_visit_group(visitor, group, journal_group_body(bytes, group));
	return err == OK ? OK : refused(scan, group->segment, group->offset, err);
}

/* Groups from an offset on, as far as they are valid. */
static enum err walk_groups(
	struct journal_scan *scan, const struct journal_visitor *visitor, uint64_t from)
{
	scan->ahead_next = scan->ahead_count = 0; /* what was checked was another segment's */
	scan->first = scan->end = from;
	for (;;) {
		const struct journal_ahead *next;
		TRY(check_next(scan, visitor, &next));
		const struct journal_group_header *group = &next->group;
		scan->at_end = next->fault;
		if (next->fault == JOURNAL_FAULT_NONE &&
			(!journal_chain_continues(&scan->chain, group) ||
				!root_matches(scan, &group->root)))
			scan->at_end = JOURNAL_FAULT_CHAIN;
		if (scan->at_end != JOURNAL_FAULT_NONE)
			return OK;
		TRY(visit_group(scan, group, visitor));
		journal_chain_push(&scan->chain, group);
		merkle_frontier_push_many(
			&scan->tree, scan->leaf + next->leaf, group->record_count);
		scan->claimed = group->durable_seq;
		scan->end += journal_group_size(group->body_size);
	}
}

/* Valid groups, in the last segment: the first that holds what none claims, or the last one. */
static void find_doubt(struct journal_scan *scan)
{
	uint64_t next = scan->first;
	do {
		struct journal_group_header group;
		scan->doubt = next;
		if (scan->doubt == scan->end)
			break;
		journal_group_header_read(&group, scan->bytes + next);
		next += journal_group_size(group.body_size);
		if (group.first_seq + group.record_count - 1 > scan->claimed)
			break;
	} while (next < scan->end);
}

/* Behind the end of the last segment: is there a claim that the end is too early? */
static enum err search_claims(struct journal_scan *scan)
{
	const struct slice segment = slice_of(scan->bytes, scan->bytes_len);
	scan->dirty_end = scan->end;
	TRY(read_until(scan, segment.len));
	for (uint64_t at = scan->end; at < segment.len; at += JOURNAL_SECTOR) {
		struct journal_group_header group;
		const enum journal_fault fault = journal_group_check(
			&group, NULL, segment, at, &scan->last);
		if (fault != JOURNAL_FAULT_END)
			scan->dirty_end = at + JOURNAL_SECTOR;
		if (fault != JOURNAL_FAULT_NONE || group.durable_seq < scan->chain.next_seq)
			continue;
		damaged_at_end(scan, scan->last.segment);
		journal_error_set(&scan->error,
			"%s: segment %" PRIu32 ", offset %" PRIu64 ": damaged: %s, but the group "
			"at offset %" PRIu64 " says that record %" PRIu64 " was durable",
			scan->dir, scan->last.segment, scan->end, journal_fault_text(scan->at_end),
			at, group.durable_seq);
		return ERR_CHECKSUM;
	}
	return OK;
}

/* The first segment that is read: from its header on, or where the start says. */
static enum err begin(struct journal_scan *scan, const struct journal_start *start,
	const struct id128 *cluster, uint64_t *from)
{
	struct journal_segment_header h;
	*from = JOURNAL_SEGMENT_HEADER_SIZE;
	if (start == NULL || start->chain.next_seq == 1) {
		TRY(read_segment(scan, 1));
		return check_header(scan, 1, cluster);
	}
	TRY(read_segment(scan, start->segment));
	TRY(read_header(scan, &h, start->segment, cluster));
	if (!id128_eq(&h.cluster, &start->cluster))
		return damaged(scan, start->segment, 0, JOURNAL_FAULT_PLACE,
			"the segment's header, as a snapshot has it");
	if (start->offset > h.size || h.first_seq > start->chain.next_seq)
		return damaged(scan, start->segment, start->offset, JOURNAL_FAULT_PLACE,
			"what a snapshot continues with");
	scan->last = h;
	scan->chain = start->chain;
	scan->tree = start->tree;
	scan->claimed = start->chain.next_seq - 1;
	*from = start->offset;
	return OK;
}

/* A journal that lost what it was known to have. */
static enum err check_claimed(struct journal_scan *scan, const struct journal_start *start)
{
	if (start == NULL || scan->chain.next_seq > start->claimed)
		return OK;
	damaged_at_end(scan, scan->last.segment);
	journal_error_set(&scan->error,
		"%s: segment %" PRIu32 ", offset %" PRIu64 ": damaged: %s, but a snapshot says "
		"that record %" PRIu64 " was durable",
		scan->dir, scan->last.segment, scan->end, journal_fault_text(scan->at_end),
		start->claimed);
	return ERR_CHECKSUM;
}

/* Who keeps bodies keeps those of one segment, while the next is read. */
static enum err leave_segment(struct journal_scan *scan, const struct journal_visitor *visitor)
{
	const struct pages before = scan->memory[1];
	if (visitor->leave == NULL)
		return OK;
	scan->memory[1] = scan->memory[0];
	scan->memory[0] = before;
	return visitor->leave(visitor->ctx);
}

struct walk {
	struct journal_scan *scan;
	const struct id128 *cluster;
	const struct journal_start *start;
	uint32_t segment, last;
	uint64_t from; /* in the first one, which was read */
};

static enum err walk(void *ctx, const struct journal_visitor *visitor)
{
	const struct walk *w = ctx;
	struct journal_scan *scan = w->scan;
	uint32_t segment = w->segment;
	uint64_t from = w->from;
	for (;;) {
		if (visitor->segment != NULL)
			TRY(visitor->segment(visitor->ctx, &scan->last));
		TRY(walk_groups(scan, visitor, from));
		if (segment >= w->last)
			return check_claimed(scan, w->start);
		segment++;
		from = JOURNAL_SEGMENT_HEADER_SIZE;
		TRY(leave_segment(scan, visitor));
		TRY(read_segment(scan, segment));
		TRY(check_header(scan, segment, w->cluster));
	}
}

/* Ahead of the visitor, where there is one, somebody to do it, and enough to be done. */
static bool goes_ahead(const struct walk *w, const struct journal_visitor *visitor)
{
	const uint64_t segments = w->last - w->segment + UINT64_C(1);
	return w->scan->parallel != NULL && visitor->record != NULL &&
		segments * w->scan->bytes_len >= JOURNAL_PIPE_WORTH;
}

static enum err walk_all(struct walk *w, const struct journal_visitor *visitor)
{
	struct journal_refusal refusal;
	TRY(begin(w->scan, w->start, w->cluster, &w->from));
	if (!goes_ahead(w, visitor))
		return walk(w, visitor);
	const enum err err = journal_pipe_run(&refusal, visitor, walk, w);
	return refusal.err == OK ? err
				 : refused(w->scan, refusal.segment, refusal.offset, refusal.err);
}

enum err journal_scan_run(struct journal_scan *scan, const struct file_ops *ops, const char *dir,
	const struct id128 *cluster, const struct journal_visitor *visitor,
	const struct parallel *parallel, const struct journal_start *start)
{
	uint32_t first, last;
	*scan = (struct journal_scan){
		.ops = ops, .dir = dir, .parallel = parallel, .empty = true, .file = FILE_NONE};
	scan->chain.next_seq = 1;
	scan->ahead_max = parallel == NULL ? 1 : JOURNAL_AHEAD_MAX;
	scan->ahead = malloc(scan->ahead_max * sizeof scan->ahead[0]);
	if (scan->ahead == NULL)
		return failed_io(scan, 0, ERR_FULL);
	const enum err err = journal_segments_list(&first, &last, ops, dir);
	if (err != OK) {
		journal_error_set(
			&scan->error, "%s: the folder can't be read (%s)", dir, err_name(err));
		return err;
	}
	scan->empty = last == 0 && (start == NULL || start->claimed == 0);
	if (scan->empty)
		return OK;
	struct walk w = {.scan = scan,
		.cluster = cluster,
		.start = start,
		.segment = start == NULL ? 1 : start->segment,
		.last = last};
	TRY(walk_all(&w, visitor));
	find_doubt(scan);
	return search_claims(scan);
}

enum err journal_scan_load(struct journal_scan *scan, uint32_t segment)
{
	const struct journal_damage damage = scan->damage;
	const struct journal_error error = scan->error;
	enum err err = read_segment(scan, segment);
	if (err == OK)
		err = read_until(scan, scan->bytes_len);
	scan->damage = damage;
	scan->error = error;
	return err;
}

void journal_scan_fini(struct journal_scan *scan)
{
	close_segment(scan);
	for (size_t i = 0; i < ARRAY_LEN(scan->memory); i++)
		if (scan->memory[i].ptr != NULL)
			pages_unmap(&scan->memory[i]);
	free(scan->ahead);
	free(scan->leaf);
	scan->bytes = NULL;
	scan->ahead = NULL;
	scan->leaf = NULL;
	scan->bytes_len = 0;
}
