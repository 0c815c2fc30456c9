#include "store/journal_scrub.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "rt/eventcount.h"
#include "store/journal_cursor.h"
#include "store/journal_scan.h"
#include "sys/clock.h"
#include "sys/thread.h"

#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)

struct journal_scrub {
	struct journal_scrub_config config;
	char dir[FILE_PATH_SIZE];
	struct thread thread;
	struct eventcount wake;
	_Atomic bool stop;

	/* the scrubber's */
	struct journal_cursor cursor;
	struct hash256 link;  /* of the last group, or header, that was sound */
	uint64_t second_ns;   /* when this second's reading began ... */
	uint64_t second_read; /* ... and what was read since */
	uint64_t found;       /* damaged segments in this pass */

	_Atomic uint64_t bytes, passes, damaged;

	pthread_mutex_t mutex; /* of what follows */
	struct journal_error damage;
	uint64_t untold;
};

static void put(_Atomic uint64_t *counter, uint64_t value)
{
	atomic_store_explicit(counter, value, memory_order_relaxed);
}

static uint64_t get(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static bool is_stopped(void *ctx)
{
	const struct journal_scrub *s = ctx;
	return atomic_load_explicit(&s->stop, memory_order_relaxed);
}

static void sleep_until(struct journal_scrub *s, uint64_t ns)
{
	(void)!eventcount_await(&s->wake, ns, is_stopped, s);
}

/* ---- what is found ---- */

static void tell(struct journal_scrub *s, uint32_t segment, uint64_t offset, const char *what)
{
	CHECK(pthread_mutex_lock(&s->mutex) == 0);
	journal_error_set(&s->damage, "%s: segment %" PRIu32 ", offset %" PRIu64 ": damaged: %s",
		s->dir, segment, offset, what);
	s->untold++;
	CHECK(pthread_mutex_unlock(&s->mutex) == 0);
	s->found++;
	if (s->found > get(&s->damaged))
		put(&s->damaged, s->found);
	if (s->config.on_damage != NULL)
		s->config.on_damage(s->config.ctx);
}

/* ---- reading ---- */

/* A second's worth at once, then nothing until the second is over. */
static void pay(struct journal_scrub *s, uint64_t bytes)
{
	const uint64_t rate = s->config.bytes_per_second;
	put(&s->bytes, get(&s->bytes) + bytes);
	s->second_read += bytes;
	if (s->second_read < rate)
		return;
	/* a group can be longer than a second's worth */
	const uint64_t whole = s->second_read / rate, rest = s->second_read % rate;
	sleep_until(s, s->second_ns + whole * NS_PER_S + rest * NS_PER_MS / rate * 1000);
	s->second_ns = clock_mono_ns();
	s->second_read = 0;
}

/* Segments are freed from the front (store/journal_collect.h): one first loses its name, then its
 * bytes, so that what is read of it by then is no damage. */
static bool was_freed(struct journal_scrub *s, uint32_t segment)
{
	uint32_t first = 0, last;
	return journal_segments_list(&first, &last, s->config.ops, s->dir) == OK && first > segment;
}

/* The segment's header, at the cursor. False: it is damaged, or was collected meanwhile. */
static bool begin_segment(struct journal_scrub *s, uint32_t segment)
{
	const enum err err = journal_cursor_seek(&s->cursor, segment, 0);
	if (err == OK) {
		s->link = s->cursor.segment.hash;
		return true;
	}
	if (was_freed(s, segment))
		return false;
	tell(s, segment, 0,
		err == ERR_CHECKSUM ? "the segment's header is not sound" : file_why(err));
	return false;
}

/* Nothing sound is at the cursor, in a segment that is full. Returns the segment to go on with. */
static uint32_t note_damage(struct journal_scrub *s, enum err err)
{
	struct journal_cursor *c = &s->cursor;
	const uint32_t segment = c->segment.segment;
	const uint64_t offset = c->offset;
	const bool read = err == ERR_NOT_FOUND || err == ERR_CHECKSUM;
	if (was_freed(s, segment))
		return segment + 1;
	if (!read)
		tell(s, segment, offset, file_why(err));
	else if (c->fault != JOURNAL_FAULT_END)
		tell(s, segment, offset, journal_fault_text(c->fault));
	/* it ends here, and the next one, if that is sound, goes on from somewhere else */
	else if (journal_cursor_seek(c, segment + 1, 0) == OK)
		tell(s, segment, offset, "the next segment was begun behind more than there is");
	return segment + 1;
}

/* From the cursor on, up to the first damage or to a segment that is not full. Returns the segment
 * to go on with. */
static uint32_t scrub_from(struct journal_scrub *s, uint32_t full_end)
{
	struct journal_cursor *c = &s->cursor;
	while (!is_stopped(s)) {
		const uint32_t segment = c->segment.segment;
		const uint64_t offset = c->offset;
		const enum err err = journal_cursor_next(c);
		if (c->segment.segment != segment) { /* the border was crossed */
			if (!hash256_eq(&c->segment.prev, &s->link))
				tell(s, segment, offset,
					"the next segment continues something else");
			s->link = c->segment.hash;
			if (c->segment.segment >= full_end)
				break;
		}
		if (err != OK)
			return note_damage(s, err);
		if (!hash256_eq(&c->group.prev, &s->link)) {
			tell(s, c->segment.segment, c->group.offset,
				journal_fault_text(JOURNAL_FAULT_CHAIN));
			return c->segment.segment + 1;
		}
		s->link = c->group.hash;
		pay(s, journal_group_size(c->group.body_size));
	}
	return full_end;
}

static void scrub_pass(struct journal_scrub *s)
{
	struct journal_stat stat;
	uint32_t segment, last;
	journal_stat(s->config.journal, &stat);
	s->found = 0;
	s->second_ns = clock_mono_ns();
	s->second_read = 0;
	if (journal_segments_list(&segment, &last, s->config.ops, s->dir) != OK || segment == 0)
		return; /* next time */
	while (segment < stat.segment && !is_stopped(s))
		segment = begin_segment(s, segment) ? scrub_from(s, stat.segment) : segment + 1;
	journal_cursor_fini(&s->cursor);
	if (is_stopped(s))
		return;
	put(&s->damaged, s->found);
	put(&s->passes, get(&s->passes) + 1);
}

static void scrub_main(void *ctx)
{
	struct journal_scrub *s = ctx;
	while (!is_stopped(s)) {
		s->cursor.open_flags = FILE_DIRECT;
		scrub_pass(s);
		sleep_until(s, clock_mono_ns() + s->config.pause_ms * NS_PER_MS);
	}
}

/* ---- the other side ---- */

enum err journal_scrub_open(struct journal_scrub **out, const struct journal_scrub_config *config)
{
	if (config->bytes_per_second == 0 || config->bytes_per_second > JOURNAL_SCRUB_RATE_MAX)
		return ERR_RANGE;
	struct journal_scrub *s = calloc(1, sizeof *s);
	if (s == NULL)
		return ERR_FULL;
	s->config = *config;
	if (s->config.ops == NULL)
		s->config.ops = file_system();
	const int n = snprintf(s->dir, sizeof s->dir, "%s", config->dir);
	CHECK(pthread_mutex_init(&s->mutex, NULL) == 0);
	eventcount_init(&s->wake, 0);
	journal_cursor_init(&s->cursor, s->config.ops, s->dir);
	enum err err = n > 0 && (size_t)n < sizeof s->dir ? OK : ERR_RANGE;
	if (err == OK)
		err = thread_start(&s->thread, "journal-scrub", scrub_main, s);
	if (err != OK) {
		CHECK(pthread_mutex_destroy(&s->mutex) == 0);
		free(s);
		return err;
	}
	*out = s;
	return OK;
}

void journal_scrub_close(struct journal_scrub *s)
{
	if (s == NULL)
		return;
	atomic_store_explicit(&s->stop, true, memory_order_relaxed);
	eventcount_notify_all(&s->wake);
	thread_join(&s->thread);
	journal_cursor_fini(&s->cursor);
	CHECK(pthread_mutex_destroy(&s->mutex) == 0);
	free(s);
}

bool journal_scrub_damage(struct journal_scrub *s, struct journal_error *out, uint64_t *count)
{
	CHECK(pthread_mutex_lock(&s->mutex) == 0);
	*count = s->untold;
	if (s->untold > 0)
		*out = s->damage;
	s->untold = 0;
	CHECK(pthread_mutex_unlock(&s->mutex) == 0);
	return *count > 0;
}

void journal_scrub_stat(const struct journal_scrub *s, struct journal_scrub_stat *out)
{
	*out = (struct journal_scrub_stat){
		.bytes = get(&s->bytes), .passes = get(&s->passes), .damaged = get(&s->damaged)};
}
