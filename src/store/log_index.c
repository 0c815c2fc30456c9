#include "store/log_index.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/journal_cursor.h"
#include "store/journal_scan.h"
#include "store/kept_records.h"
#include "sys/thread.h"

#define PUSH_MAX 256u /* leaves while the lock is held */
/* Segments that records of one tile can lie in, and are looked through. */
#define SEGMENTS_MAX (MERKLE_TILE_LEAVES + 64u)

struct log_index {
	const struct journal *journal;
	const struct file_ops *ops;
	char journal_dir[FILE_PATH_SIZE], tree_dir[FILE_PATH_SIZE];
	bool synchronous;

	/* The index's thread's. */
	struct journal_cursor follow;
	bool positioned;     /* follow stands where the tree ends */
	bool compared;       /* the tree is that of the records: a group said so */
	bool tried;          /* it went wrong ... */
	uint64_t tried_size; /* ... with so many records, and the tree was begun again */
	struct thread thread;
	bool thread_runs;

	/* The asker's. */
	struct journal_cursor lookup;
	uint8_t *kept; /* a record of a segment that was freed */
	size_t kept_cap;

	/* Under the mutex; a checkpoint goes on without it (see merkle_store). */
	pthread_mutex_t mutex;
	pthread_cond_t work;
	struct merkle_store *store;
	uint64_t saved; /* as merkle_store_saved has it, for others than its thread */
	bool stop, troubled, said;
	struct journal_error trouble;
};

static void lock(struct log_index *x)
{
	CHECK(pthread_mutex_lock(&x->mutex) == 0);
}

static void unlock(struct log_index *x)
{
	CHECK(pthread_mutex_unlock(&x->mutex) == 0);
}

/* ---- following; all of it on the index's thread ---- */

static uint64_t size_of(struct log_index *x)
{
	lock(x);
	const uint64_t size = merkle_store_size(x->store);
	unlock(x);
	return size;
}

/* It can't go on. */
static void give_up(struct log_index *x, const char *what, enum err err)
{
	lock(x);
	x->troubled = true;
	journal_error_set(&x->trouble, "%s: segment %" PRIu32 ", offset %" PRIu64 ": %s (%s)",
		x->journal_dir, x->follow.segment.segment, x->follow.offset, what, err_name(err));
	unlock(x);
}

/* Is what the tree is made from still there? */
static bool has_first_segment(const struct log_index *x)
{
	char name[JOURNAL_NAME_SIZE], path[FILE_PATH_SIZE];
	int file;
	journal_segment_name(name, 1);
	if (file_path_join(path, x->journal_dir, name) != OK ||
		x->ops->open(x->ops->ctx, &file, path, 0) != OK)
		return false;
	x->ops->close(x->ops->ctx, file);
	return true;
}

/* What is on the disk is not the tree of this journal, or can't be read. */
static enum err begin_again(struct log_index *x)
{
	if (!has_first_segment(x))
		return ERR_STATE;
	x->positioned = x->compared = false;
	lock(x);
	const enum err err = merkle_store_reset(x->store);
	unlock(x);
	return err;
}

/* To the group that has the first record which the tree does not have, or to one before it. */
static enum err position(struct log_index *x)
{
	struct merkle_place place = {.segment = 1};
	uint64_t first;
	enum err err = OK;
	lock(x);
	const uint64_t size = merkle_store_size(x->store);
	if (size > 0)
		err = merkle_store_find(x->store, &place, &first, size - 1);
	unlock(x);
	if (err == OK)
		err = journal_cursor_seek(&x->follow, place.segment, place.offset);
	/* the tile's first records may be in a segment that was freed since */
	for (uint32_t n = 0; err == ERR_NOT_FOUND && size > 0 && n < SEGMENTS_MAX; n++)
		err = journal_cursor_seek(&x->follow, ++place.segment, 0);
	x->positioned = err == OK;
	return err;
}

/* Does the tree agree with what a group says of all that was before it? */
static enum err compare(struct log_index *x)
{
	struct hash256 root;
	const uint64_t before = x->follow.group.first_seq - 1;
	lock(x);
	const struct merkle_reader nodes = merkle_store_reader(x->store);
	const uint64_t size = merkle_store_size(x->store);
	const enum err err = before <= size ? merkle_root(&root, before, &nodes) : ERR_CHECKSUM;
	unlock(x);
	if (err != OK)
		return err;
	x->compared = true;
	return hash256_eq(&root, &x->follow.group.root) ? OK : ERR_CHECKSUM;
}

static enum err push_group(struct log_index *x)
{
	const struct journal_cursor *c = &x->follow;
	const struct merkle_place place = {.segment = c->group.segment, .offset = c->group.offset};
	enum err err = OK;
	uint64_t at = size_of(x);
	const uint64_t end = c->group.first_seq - 1 + c->group.record_count;
	if (at + 1 < c->group.first_seq)
		return ERR_CHECKSUM;
	while (err == OK && at < end) {
		lock(x);
		for (unsigned n = 0; err == OK && n < PUSH_MAX && at < end; n++, at++)
			err = merkle_store_push(
				x->store, &c->leaf[at + 1 - c->group.first_seq], &place);
		unlock(x);
	}
	return err;
}

static enum err follow_group(struct log_index *x)
{
	if (!x->positioned)
		TRY(position(x));
	TRY(journal_cursor_next(&x->follow));
	if (!x->compared)
		TRY(compare(x));
	return push_group(x);
}

static enum err save_if(struct log_index *x, uint64_t behind)
{
	const uint64_t size = merkle_store_size(x->store); /* nobody else changes it */
	if (size - merkle_store_saved(x->store) < behind)
		return OK;
	/* a checkpoint of a doubtful tree takes it away, so that it is made again */
	if (merkle_store_doubtful(x->store) && !has_first_segment(x))
		return ERR_CHECKSUM;
	TRY(merkle_store_checkpoint(x->store));
	lock(x);
	x->saved = merkle_store_saved(x->store);
	unlock(x);
	return OK;
}

enum err log_index_save(struct log_index *x)
{
	if (!x->synchronous || x->troubled)
		return OK;
	const enum err err = save_if(x, 1);
	if (err != OK)
		give_up(x, "the log's tree can't be saved", err);
	return err;
}

static bool has_work(const struct log_index *x)
{
	return !x->troubled &&
		(merkle_store_size(x->store) < journal_durable(x->journal) ||
			merkle_store_doubtful(x->store));
}

/* One group further. What goes wrong may be the tree's fault, and a new one is made; where that
 * does not come further than the old one, it is the journal's or the disk's. */
static void work(struct log_index *x)
{
	enum err err = merkle_store_doubtful(x->store) ? begin_again(x) : follow_group(x);
	if (err == OK)
		err = save_if(x, LOG_CHECKPOINT_RECORDS);
	if (err == OK)
		return;
	const uint64_t size = size_of(x);
	if (!x->tried || size > x->tried_size) {
		x->tried = true;
		x->tried_size = size;
		err = begin_again(x);
	}
	if (err != OK)
		give_up(x, "the log's tree can't follow the journal", err);
}

static void thread_main_of(void *ctx)
{
	struct log_index *x = ctx;
	lock(x);
	while (!x->stop) {
		bool idle = false;
		if (has_work(x)) {
			unlock(x);
			work(x);
			lock(x);
			continue;
		}
		if (x->troubled || merkle_store_saved(x->store) == merkle_store_size(x->store))
			(void)pthread_cond_wait(&x->work, &x->mutex);
		else
			idle = !thread_cond_wait_ms(&x->work, &x->mutex, LOG_CHECKPOINT_IDLE_MS);
		if (!idle)
			continue;
		unlock(x);
		const enum err err = save_if(x, 1);
		if (err != OK)
			give_up(x, "the log's tree can't be saved", err);
		lock(x);
	}
	unlock(x);
}

void log_index_turn(struct log_index *x)
{
	if (x->synchronous) {
		while (has_work(x))
			work(x);
		return;
	}
	lock(x);
	if (has_work(x))
		(void)pthread_cond_signal(&x->work);
	unlock(x);
}

const char *log_index_trouble(struct log_index *x)
{
	lock(x);
	const bool say = x->troubled && !x->said;
	x->said = x->troubled;
	unlock(x);
	return say ? x->trouble.text : NULL;
}

/* ---- opening and closing ---- */

static enum err make_dirs(struct log_index *x, const struct log_index_config *config)
{
	char parent[FILE_PATH_SIZE];
	const int n = snprintf(x->journal_dir, sizeof x->journal_dir, "%s", config->journal_dir);
	if (n < 0 || (size_t)n >= sizeof x->journal_dir)
		return ERR_RANGE;
	TRY(file_path_join(x->tree_dir, config->dir, LOG_TREE_NAME));
	const enum err err = x->ops->mkdir(x->ops->ctx, config->dir);
	if (err == ERR_EXISTS)
		return OK;
	TRY(err);
	TRY(file_path_parent(parent, config->dir));
	return x->ops->sync_dir(x->ops->ctx, parent);
}

static enum err open_store(struct log_index *x)
{
	const struct merkle_store_config config = {
		.dir = x->tree_dir, .cluster = journal_cluster(x->journal), .ops = x->ops};
	TRY(merkle_store_open(&x->store, &config));
	/* An older journal was put in its place. */
	if (merkle_store_size(x->store) > journal_durable(x->journal))
		return has_first_segment(x) ? merkle_store_reset(x->store) : ERR_STATE;
	x->saved = merkle_store_saved(x->store);
	return OK;
}

enum err log_index_open(struct log_index **out, const struct log_index_config *config)
{
	struct log_index *x = calloc(1, sizeof *x);
	if (x == NULL)
		return ERR_FULL;
	x->journal = config->journal;
	x->ops = config->ops == NULL ? file_system() : config->ops;
	x->synchronous = config->synchronous;
	CHECK(pthread_mutex_init(&x->mutex, NULL) == 0);
	thread_cond_init(&x->work);
	enum err err = make_dirs(x, config);
	journal_cursor_init(&x->follow, x->ops, x->journal_dir);
	journal_cursor_init(&x->lookup, x->ops, x->journal_dir);
	if (err == OK)
		err = open_store(x);
	if (err == OK && !x->synchronous) {
		err = thread_start(&x->thread, "log index", thread_main_of, x);
		x->thread_runs = err == OK;
	}
	if (err == OK)
		*out = x;
	else
		log_index_close(x);
	return err;
}

void log_index_close(struct log_index *x)
{
	if (x == NULL)
		return;
	if (x->thread_runs) {
		lock(x);
		x->stop = true;
		(void)pthread_cond_signal(&x->work);
		unlock(x);
		thread_join(&x->thread);
	}
	/* what can't be saved now is made again by the next opening */
	if (x->store != NULL && !x->troubled)
		(void)!save_if(x, 0);
	free(x->kept);
	merkle_store_close(x->store);
	journal_cursor_fini(&x->follow);
	journal_cursor_fini(&x->lookup);
	CHECK(pthread_cond_destroy(&x->work) == 0);
	CHECK(pthread_mutex_destroy(&x->mutex) == 0);
	free(x);
}

/* ---- answers ---- */

uint64_t log_index_size(struct log_index *x)
{
	return size_of(x);
}

/* What the asker can do something with. */
static enum err answer(const struct log_index *x, enum err err)
{
	if (err == OK || err == ERR_RANGE)
		return x->troubled ? ERR_UNAVAILABLE : err;
	return ERR_UNAVAILABLE;
}

static enum err root_of(struct log_index *x, struct log_root *out, uint64_t size)
{
	const struct merkle_reader nodes = merkle_store_reader(x->store);
	if (size > merkle_store_size(x->store))
		return ERR_RANGE;
	out->size = size;
	return merkle_root(&out->root, size, &nodes);
}

enum err log_index_root(struct log_index *x, struct log_root *out, uint64_t size)
{
	lock(x);
	const enum err err = root_of(x, out, size == 0 ? merkle_store_size(x->store) : size);
	const enum err said = answer(x, err);
	unlock(x);
	return said;
}

static enum err consistency_of(
	struct log_index *x, struct log_consistency *out, uint64_t from, uint64_t to)
{
	const struct merkle_reader nodes = merkle_store_reader(x->store);
	if (from > to || to > merkle_store_size(x->store))
		return ERR_RANGE;
	TRY(root_of(x, &out->from, from));
	TRY(root_of(x, &out->to, to));
	return merkle_consistency_prove(&out->proof, from, to, &nodes);
}

enum err log_index_consistency(
	struct log_index *x, struct log_consistency *out, uint64_t from, uint64_t to)
{
	lock(x);
	const enum err err = consistency_of(
		x, out, from, to == 0 ? merkle_store_size(x->store) : to);
	const enum err said = answer(x, err);
	unlock(x);
	return said;
}

/* Read on until the group that has it; its bytes, and their leaf. */
static enum err find_in_journal(struct log_index *x, struct slice *record, struct hash256 *leaf,
	const struct merkle_place *place, uint64_t seq)
{
	struct journal_cursor *c = &x->lookup;
	struct journal_record_view view;
	TRY(journal_cursor_seek(c, place->segment, place->offset));
	do
		TRY(journal_cursor_next(c));
	while (c->next_seq <= seq);
	if (seq < c->group.first_seq)
		return ERR_CHECKSUM;
	struct slice body = c->body;
	for (uint64_t at = c->group.first_seq;; at++) {
		const uint8_t *start = body.ptr;
		CHECK(journal_record_next(&view, &body));
		if (at < seq)
			continue;
		*record = slice_of(start, (size_t)(body.ptr - start));
		*leaf = c->leaf[seq - c->group.first_seq];
		return OK;
	}
}

/* In the journal, or among what was kept of it. A segment may be freed at any moment: only then is
 * it looked for elsewhere. */
static enum err find_record(struct log_index *x, struct slice *record, struct hash256 *leaf,
	const struct merkle_place *place, uint64_t seq)
{
	const struct id128 cluster = journal_cluster(x->journal);
	struct merkle_place at = *place;
	enum err err = ERR_NOT_FOUND;
	for (uint32_t n = 0; n < SEGMENTS_MAX; n++) {
		err = find_in_journal(x, record, leaf, &at, seq);
		if (err == OK)
			return OK;
		const enum err kept = kept_records_find(record, &x->kept, &x->kept_cap, x->ops,
			x->journal_dir, &cluster, at.segment, seq);
		if (kept == OK)
			journal_record_leaf(leaf, *record);
		if (kept != ERR_RANGE)
			return kept == OK ? OK : err;
		at = (struct merkle_place){.segment = at.segment + 1};
	}
	return err;
}

static enum err covers(
	struct log_index *x, uint64_t first_seq, const struct hash256 *leaf, uint32_t count)
{
	const struct merkle_reader nodes = merkle_store_reader(x->store);
	struct hash256 node;
	if (x->troubled)
		return ERR_UNAVAILABLE;
	if (first_seq - 1 + count > x->saved)
		return ERR_RANGE;
	for (uint32_t i = 0; i < count; i++) {
		TRY(nodes.node(nodes.ctx, &node, 0, first_seq - 1 + i));
		if (!hash256_eq(&node, &leaf[i]))
			return ERR_CHECKSUM;
	}
	return OK;
}

enum err log_index_covers(
	struct log_index *x, uint64_t first_seq, const struct hash256 *leaf, uint32_t count)
{
	enum err err = OK;
	for (uint32_t at = 0; err == OK && at < count; at += PUSH_MAX) {
		const uint32_t part = count - at < PUSH_MAX ? count - at : PUSH_MAX;
		lock(x);
		err = covers(x, first_seq + at, leaf + at, part);
		unlock(x);
	}
	return err;
}

enum err log_index_record(struct log_index *x, struct log_inclusion *out, uint64_t seq)
{
	struct log_inclusion found;
	struct merkle_place place = {0};
	struct hash256 leaf;
	uint64_t first;
	if (seq == 0)
		return ERR_RANGE;
	lock(x);
	const struct merkle_reader nodes = merkle_store_reader(x->store);
	const uint64_t size = merkle_store_size(x->store);
	enum err err = root_of(x, &found.in, size);
	if (err == OK)
		err = merkle_inclusion_prove(&found.proof, seq - 1, size, &nodes);
	if (err == OK)
		err = merkle_store_find(x->store, &place, &first, seq - 1);
	err = answer(x, err);
	unlock(x);
	if (err != OK)
		return err;
	err = find_record(x, &found.record, &leaf, &place, seq);
	if (err != OK)
		return err == ERR_NOT_FOUND ? ERR_NOT_FOUND : ERR_UNAVAILABLE;
	if (merkle_inclusion_verify(&found.proof, &leaf, seq - 1, size, &found.in.root) != OK)
		return ERR_UNAVAILABLE;
	*out = found;
	return OK;
}
