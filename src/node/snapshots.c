#include "node/snapshots.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mutant.h"
#include "ledger/record.h"
#include "ledger/snapshot.h"
#include "node/log.h"
#include "store/journal_collect.h"
#include "store/journal_follow.h"
#include "sys/clock.h"
#include "sys/pages.h"
#include "sys/thread.h"

/* Synced before the next one is written: what is written in a sixteenth of a second, if not more.
 */
#define PIECE_MAX ((size_t)4 << 20)
#define PIECE_MIN ((size_t)4 << 10)
#define PIECES_PER_S 16u
#define MS_PER_S 1000u
#define NS_PER_MS 1000000u

struct snapshots {
	struct snapshots_config c;
	bool said; /* the last attempt's failure was said: the maker's */

	_Atomic bool stop;          /* relaxed: looked at between groups */
	_Atomic uint64_t floor_seq; /* relaxed: what comes too late counts in the next run */
	struct thread thread;
	bool thread_runs;

	/* Under the mutex. */
	pthread_mutex_t mutex;
	pthread_cond_t work;
	bool wanted, wanted_collect;
	bool uncollected;      /* a snapshot was made since segments were last freed */
	uint64_t groups_begun; /* the journal's count when it was */
	uint64_t bytes_begun;  /* the journal's count when the last attempt began */
	uint64_t last_mono_ns; /* when the newest was made; 0: not in this process */
	struct snapshots_stat stat;
};

/* ---- from a file to a ledger ---- */

static void want_large_pages(void *ctx, void *table, size_t size)
{
	(void)ctx;
	pages_advise(table, size);
}

static enum err create_empty(struct ledger **out, const struct snapshots_source *source)
{
	TRY(ledger_create(out, source->capacity, source->seal, source->map_seed));
	ledger_large_tables(*out, want_large_pages, NULL);
	return OK;
}

static enum err restore(
	struct ledger **out, const struct snapshots_source *source, const struct snapshot_file *f)
{
	struct slice state;
	uint8_t *bytes;
	TRY(snapshot_file_load(&bytes, &state, source->ops, source->dir, f));
	uint8_t *scratch = malloc(state.len + 1);
	struct ledger *l = NULL;
	struct hash256 hash;
	enum err err = scratch == NULL ? ERR_FULL : OK;
	if (err == OK)
		err = create_empty(&l, source);
	if (err == OK)
		err = snapshot_restore(l, scratch, state);
	if (err == OK) {
		ledger_hash(l, &hash);
		if (l->seq != snapshot_file_seq(f) ||
			(!hash256_eq(&hash, &f->state_hash) && !MUTANT(SNAPSHOT_OF_ANY_STATE)))
			err = ERR_CHECKSUM;
	}
	free(scratch);
	free(bytes);
	if (err == OK)
		*out = l;
	else
		ledger_destroy(l);
	return err;
}

static void passed_over(struct snapshots_found *out, uint64_t seq, enum err err)
{
	out->passed_over++;
	(void)snprintf(out->why, sizeof out->why, "snapshot of record %llu: %s%s",
		(unsigned long long)seq, err_name(err),
		err == ERR_FULL ? ": it does not fit the configured capacity" : "");
}

static enum err restore_listed(struct snapshots_found *out, const struct snapshots_source *source,
	const struct snapshot_list *list)
{
	for (uint32_t n = 0; n < list->count; n++) {
		const uint32_t i = source->oldest ? list->count - 1 - n : n;
		enum err err = list->file[i].err;
		if (list->file[i].seq > source->up_to)
			continue;
		if (err == OK)
			err = restore(&out->ledger, source, &list->file[i].f);
		if (err == OK) {
			out->start = list->file[i].f.at;
			return OK;
		}
		passed_over(out, list->file[i].seq, err);
	}
	out->start = (struct journal_start){.segment = 1, .chain = {.next_seq = 1}};
	return create_empty(&out->ledger, source);
}

enum err snapshots_restore(struct snapshots_found *out, const struct snapshots_source *source)
{
	struct snapshot_list *list = malloc(sizeof *list);
	*out = (struct snapshots_found){.ledger = NULL};
	if (list == NULL)
		return ERR_FULL;
	enum err err = snapshot_file_list(list, source->ops, source->dir);
	if (err == ERR_NOT_FOUND)
		err = OK; /* a new journal */
	if (err == OK)
		err = restore_listed(out, source, list);
	if (err == OK)
		out->start.claimed = list->claimed;
	free(list);
	return err;
}

/* ---- making one ---- */

static bool is_stopped(const struct snapshots *s)
{
	return atomic_load_explicit(&s->stop, memory_order_relaxed);
}

static enum err apply_group(struct ledger *l, struct slice body)
{
	struct journal_record_view r;
	while (body.len > 0) {
		CHECK(journal_record_next(&r, &body));
		TRY(ledger_apply(l, r.seq, r.type, r.payload));
		ledger_clean(l);
	}
	return OK;
}

/* The journal's files into a ledger, from a place on; *at is where that ends. */
static enum err fold(struct snapshots *s, struct ledger *l, struct journal_start *at)
{
	const struct snapshots_source *source = &s->c.source;
	const uint64_t durable = journal_durable(s->c.journal);
	struct journal_follow follow;
	enum err err = journal_follow_init(
		&follow, source->ops, source->dir, at->chain.next_seq == 1 ? NULL : at);
	while (err == OK && !is_stopped(s)) {
		err = journal_follow_next(&follow, durable);
		if (err == OK)
			err = apply_group(l, follow.cursor.body);
	}
	*at = follow.at;
	journal_follow_fini(&follow);
	if (err == ERR_NOT_FOUND) /* of a group, not of a segment */
		err = at->chain.next_seq > durable ? OK : ERR_CHECKSUM;
	return is_stopped(s) ? ERR_CANCELLED : err;
}

static enum err check_room(const struct snapshots *s, uint64_t len)
{
	const struct snapshots_source *source = &s->c.source;
	uint64_t free_bytes;
	TRY(source->ops->free_bytes(source->ops->ctx, &free_bytes, source->dir));
	return free_bytes >= len && free_bytes - len >= SNAPSHOT_SPARE_BYTES ? OK : ERR_FULL;
}

static void lock(struct snapshots *s)
{
	CHECK(pthread_mutex_lock(&s->mutex) == 0);
}

static void unlock(struct snapshots *s)
{
	CHECK(pthread_mutex_unlock(&s->mutex) == 0);
}

struct pacing {
	struct snapshots *s;
	uint64_t begun_ns;
};

/* Until so much may have been written. */
static enum err wait_paced(void *ctx, uint64_t written)
{
	const struct pacing *p = ctx;
	struct snapshots *s = p->s;
	const uint64_t due_ms = written * MS_PER_S / s->c.settings.write_rate;
	lock(s);
	for (;;) {
		const uint64_t passed_ms = (clock_mono_ns() - p->begun_ns) / NS_PER_MS;
		if (is_stopped(s) || passed_ms >= due_ms)
			break;
		(void)thread_cond_wait_ms(&s->work, &s->mutex, due_ms - passed_ms);
	}
	unlock(s);
	return is_stopped(s) ? ERR_CANCELLED : OK;
}

static enum err write_file(struct snapshots *s, struct snapshot_file *f, uint8_t *bytes, size_t len)
{
	struct pacing p = {.s = s, .begun_ns = clock_mono_ns()};
	const uint64_t piece = s->c.settings.write_rate / PIECES_PER_S;
	const struct file_pace pace = {.piece = piece > PIECE_MAX ? PIECE_MAX
			: piece < PIECE_MIN                       ? PIECE_MIN
								  : (size_t)piece,
		.wait = wait_paced,
		.ctx = &p};
	const bool paced = s->c.settings.write_rate > 0 && !s->c.synchronous;
	return snapshot_file_write(
		s->c.source.ops, s->c.source.dir, f, bytes, len, paced ? &pace : NULL);
}

static enum err write_state(
	struct snapshots *s, uint64_t *file_bytes, struct ledger *l, const struct journal_start *at)
{
	const size_t cap = snapshot_size(l);
	uint8_t *bytes = malloc(SNAPSHOT_FILE_HEAD_SIZE + cap), *scratch = malloc(cap);
	struct snapshot_file f = {.at = *at};
	enum err err = bytes == NULL || scratch == NULL ? ERR_FULL : OK;
	if (err == OK) {
		const size_t len = SNAPSHOT_FILE_HEAD_SIZE +
			snapshot_put(bytes + SNAPSHOT_FILE_HEAD_SIZE, scratch, cap, l);
		ledger_hash(l, &f.state_hash);
		err = check_room(s, len);
		if (err == OK)
			err = write_file(s, &f, bytes, len);
		*file_bytes = len;
	}
	free(scratch);
	free(bytes);
	return err;
}

/* From the newest to the next. *seq is that of the newest there is then. */
static enum err make(struct snapshots *s, uint64_t *seq, uint64_t *file_bytes)
{
	struct snapshots_found found;
	uint32_t removed;
	TRY(snapshots_restore(&found, &s->c.source));
	struct journal_start at = found.start;
	enum err err = fold(s, found.ledger, &at);
	if (err == OK && at.chain.next_seq > found.start.chain.next_seq)
		err = write_state(s, file_bytes, found.ledger, &at);
	ledger_destroy(found.ledger);
	TRY(err);
	*seq = at.chain.next_seq - 1;
	return snapshot_file_prune(&removed, s->c.source.ops, s->c.source.dir, s->c.settings.keep);
}

static void say(struct snapshots *s, enum err err, uint64_t seq, uint64_t bytes)
{
	if (err == OK)
		log_line(LOG_INFO, "snapshot: of record %llu, %llu bytes", (unsigned long long)seq,
			(unsigned long long)bytes);
	else if (err != ERR_CANCELLED && !s->said)
		log_line(LOG_WARNING,
			"snapshot: can't be made: %s%s; the journal is whole without it",
			err_name(err), err == ERR_FULL ? ": memory or disk" : "");
	s->said = err != OK;
}

/* Under the lock: from here on commits are counted. */
static void note_groups(struct snapshots *s)
{
	struct journal_stat stat;
	journal_stat(s->c.journal, &stat);
	s->groups_begun = stat.groups;
	s->uncollected = true;
}

static void make_and_note(struct snapshots *s)
{
	const uint64_t begun = clock_mono_ns();
	uint64_t seq = 0, bytes = 0;
	const enum err err = make(s, &seq, &bytes);
	const uint64_t ended = clock_mono_ns();
	say(s, err, seq, bytes);
	lock(s);
	s->stat.made += err == OK;
	s->stat.failed += err != OK && err != ERR_CANCELLED;
	if (err == OK) {
		note_groups(s);
		s->stat.last_seq = seq;
		s->stat.last_bytes = bytes;
		s->stat.last_ns = ended - begun;
		s->last_mono_ns = ended;
	}
	unlock(s);
}

/* ---- freeing segments ---- */

static bool begins_something(uint16_t type)
{
	return type == REC_SWAP || type == REC_TRANSFER || type == REC_SWEEP;
}

/* Nothing before this segment is read by any start; 0: everything may be. */
static enum err oldest_needed(uint32_t *segment, const struct snapshots_source *source)
{
	struct snapshot_list *list = malloc(sizeof *list);
	uint32_t sound = 0;
	*segment = 0;
	if (list == NULL)
		return ERR_FULL;
	const enum err err = snapshot_file_list(list, source->ops, source->dir);
	for (uint32_t i = 0; err == OK && i < list->count; i++) {
		if (list->file[i].err != OK)
			continue;
		sound++;
		*segment = list->file[i].f.at.segment;
	}
	free(list);
	if (sound < SNAPSHOTS_SOUND_MIN)
		*segment = 0;
	return err;
}

static enum err collect(struct snapshots *s, struct journal_collected *out)
{
	struct journal_collect c = {.ops = s->c.source.ops,
		.dir = s->c.source.dir,
		.log = s->c.log,
		.segment_size = s->c.segment_size == 0 ? JOURNAL_SEGMENT_SIZE : s->c.segment_size,
		.floor_seq = atomic_load_explicit(&s->floor_seq, memory_order_relaxed),
		.is_kept = begins_something,
		.stop = &s->stop};
	*out = (struct journal_collected){.freed = 0};
	TRY(oldest_needed(&c.below, &s->c.source));
	if (c.below <= s->c.settings.keep_segments + 1)
		return OK;
	c.below -= s->c.settings.keep_segments;
	TRY(log_index_save(s->c.log));
	return journal_collect_run(out, &c);
}

/* What the log has not saved yet, or others still read, is for the next time. */
static void collect_and_note(struct snapshots *s)
{
	struct journal_collected done;
	const enum err err = collect(s, &done);
	if (done.freed > 0)
		log_line(LOG_INFO,
			"journal: %u segments freed, %u of them to be used again: up to "
			"record %llu",
			(unsigned)done.freed, (unsigned)done.recycled,
			(unsigned long long)done.last_seq);
	if (err != OK && err != ERR_RANGE && err != ERR_CANCELLED)
		log_line(LOG_WARNING, "journal: a segment stays that could be freed: %s",
			err_name(err));
	lock(s);
	s->stat.freed += done.freed;
	s->stat.recycled += done.recycled;
	s->stat.kept_bytes += done.kept_bytes;
	if (err == ERR_RANGE)
		note_groups(s);
	unlock(s);
}

/* ---- when ---- */

static uint64_t behind(const struct snapshots *s)
{
	struct journal_stat stat;
	journal_stat(s->c.journal, &stat);
	return s->c.behind_bytes + stat.bytes - s->bytes_begun;
}

/* So that all snapshots together are never more bytes than twice the journal. */
static bool is_due(const struct snapshots *s)
{
	const uint64_t every = s->c.settings.every_bytes;
	const uint64_t least = every > s->stat.last_bytes ? every : s->stat.last_bytes;
	return every > 0 && behind(s) >= least;
}

static void begin(struct snapshots *s)
{
	struct journal_stat stat;
	journal_stat(s->c.journal, &stat);
	s->bytes_begun = stat.bytes;
	s->c.behind_bytes = 0;
}

static bool is_collect_due(const struct snapshots *s)
{
	struct journal_stat stat;
	journal_stat(s->c.journal, &stat);
	return s->c.log != NULL && s->c.settings.collect_after > 0 && s->uncollected &&
		stat.groups - s->groups_begun >= s->c.settings.collect_after;
}

/* One of both, where something is wanted and nothing under way. */
static void work(struct snapshots *s, bool make)
{
	if (make)
		make_and_note(s);
	else
		collect_and_note(s);
}

void snapshots_set_floor(struct snapshots *s, uint64_t seq)
{
	atomic_store_explicit(&s->floor_seq, seq, memory_order_relaxed);
}

void snapshots_turn(struct snapshots *s)
{
	lock(s);
	const bool free_hands = !s->wanted && !s->wanted_collect;
	const bool collecting = free_hands && is_collect_due(s);
	const bool due = free_hands && !collecting && is_due(s);
	if (due)
		begin(s);
	if (collecting)
		s->uncollected = false;
	if (!s->c.synchronous && (due || collecting)) {
		s->wanted = due;
		s->wanted_collect = collecting;
		(void)pthread_cond_signal(&s->work);
	}
	unlock(s);
	if (s->c.synchronous && (due || collecting))
		work(s, due);
}

static void thread_main_of(void *ctx)
{
	struct snapshots *s = ctx;
	lock(s);
	while (!is_stopped(s)) {
		const bool due = s->wanted;
		if (!due && !s->wanted_collect) {
			(void)pthread_cond_wait(&s->work, &s->mutex);
			continue;
		}
		unlock(s);
		work(s, due);
		lock(s);
		s->wanted = s->wanted_collect = false;
	}
	unlock(s);
}

/* ---- opening and closing ---- */

enum err snapshots_create(struct snapshots **out, const struct snapshots_config *config)
{
	struct snapshots *s = calloc(1, sizeof *s);
	if (s == NULL)
		return ERR_FULL;
	s->c = *config;
	snapshots_set_floor(s, config->floor_seq);
	CHECK(pthread_mutex_init(&s->mutex, NULL) == 0);
	thread_cond_init(&s->work);
	struct snapshot_list *list = malloc(sizeof *list);
	enum err err = list == NULL
		? ERR_FULL
		: snapshot_file_list(list, config->source.ops, config->source.dir);
	if (err == OK && list->count > 0) {
		s->stat.last_seq = list->file[0].seq;
		s->stat.last_bytes = list->file[0].bytes;
	}
	free(list);
	if (err == OK && !config->synchronous) {
		err = thread_start(&s->thread, "snapshots", thread_main_of, s);
		s->thread_runs = err == OK;
	}
	if (err == OK)
		*out = s;
	else
		snapshots_destroy(s);
	return err;
}

void snapshots_destroy(struct snapshots *s)
{
	if (s == NULL)
		return;
	if (s->thread_runs) {
		lock(s);
		atomic_store_explicit(&s->stop, true, memory_order_relaxed);
		(void)pthread_cond_signal(&s->work);
		unlock(s);
		thread_join(&s->thread);
	}
	CHECK(pthread_cond_destroy(&s->work) == 0);
	CHECK(pthread_mutex_destroy(&s->mutex) == 0);
	bytes_wipe(s, sizeof *s);
	free(s);
}

void snapshots_stat(struct snapshots *s, struct snapshots_stat *out)
{
	lock(s);
	*out = s->stat;
	out->behind_bytes = behind(s);
	out->age_ns = s->last_mono_ns == 0 ? 0 : clock_mono_ns() - s->last_mono_ns;
	unlock(s);
}
