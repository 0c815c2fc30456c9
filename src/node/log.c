#include "node/log.h"

#include "base/failure.h"
#include "rt/channel.h"
#include "sys/clock.h"
#include "sys/console.h"
#include "sys/thread.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#define NS_PER_MS UINT64_C(1000000)
#define BATCH 16u
#define WRITTEN_MAX (LOG_LINE_MAX + 64u)

struct line {
	uint64_t wall_ms;
	enum log_level level;
	char text[LOG_LINE_MAX];
};

_Static_assert(sizeof(struct line) % sizeof(uint64_t) == 0, "a channel's items are whole words");

static struct {
	/* [ON] release in log_start and log_stop: pairs with the acquire in log_line */
	_Atomic bool on;
	pthread_mutex_t lock; /* the sender's: never held while anybody waits */
	struct channel *lines;
	struct channel_sender sender;
	bool closed; /* nothing more is sent */
	struct thread thread;
	struct eventcount progress; /* of `written` */
	_Atomic uint64_t said, written, dropped;
	_Atomic bool ended;
} state = {.lock = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local bool is_writer;

static log_sink chosen;
static void *chosen_ctx;

void log_sink_set(log_sink sink, void *ctx)
{
	chosen = sink;
	chosen_ctx = ctx;
}

/* ---- writing ---- */

static void write_line(const struct line *l)
{
	static const char *const names[] = {
		[LOG_INFO] = "info", [LOG_WARNING] = "warning", [LOG_ERROR] = "error"};
	const time_t seconds = (time_t)(l->wall_ms / 1000);
	char when[32] = "", text[WRITTEN_MAX];
	struct tm utc;
	if (gmtime_r(&seconds, &utc) != NULL)
		(void)strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &utc);
	const int len = snprintf(text, sizeof text, "%s.%03uZ %s %s\n", when,
		(unsigned)(l->wall_ms % 1000), names[l->level], l->text);
	CHECK(len > 0 && (size_t)len < sizeof text);
	console_write(slice_of(text, (size_t)len));
}

static void write_dropped(uint64_t count)
{
	struct line l = {.wall_ms = clock_wall_ms(), .level = LOG_WARNING};
	(void)snprintf(l.text, sizeof l.text,
		"log: %llu lines dropped: they came faster than they were read",
		(unsigned long long)count);
	write_line(&l);
}

static void write_all(void *ctx)
{
	static struct line line[BATCH];
	struct channel_receiver receiver;
	uint64_t dropped_said = 0;
	size_t got;
	(void)ctx;
	is_writer = true;
	channel_receiver_init(&receiver, state.lines);
	while (channel_receive_batch(&receiver, line, &got, BATCH, CHANNEL_FOREVER) == OK) {
		const uint64_t dropped = atomic_load_explicit(&state.dropped, memory_order_relaxed);
		if (dropped != dropped_said)
			write_dropped(dropped - dropped_said);
		dropped_said = dropped;
		for (size_t i = 0; i < got; i++)
			write_line(&line[i]);
		/* [WRITTEN] release: pairs with the acquire in is_written */
		(void)atomic_fetch_add_explicit(&state.written, got, memory_order_release);
		eventcount_notify_all(&state.progress);
	}
	atomic_store_explicit(&state.ended, true, memory_order_release); /* [WRITTEN] */
	eventcount_notify_all(&state.progress);
}

/* ---- saying ---- */

static void send_line(const struct line *l)
{
	size_t sent;
	CHECK(pthread_mutex_lock(&state.lock) == 0);
	if (!state.closed && channel_send_batch(&state.sender, &sent, l, 1, CHANNEL_NOW) == OK)
		(void)atomic_fetch_add_explicit(&state.said, 1, memory_order_relaxed);
	else
		(void)atomic_fetch_add_explicit(&state.dropped, 1, memory_order_relaxed);
	CHECK(pthread_mutex_unlock(&state.lock) == 0);
}

void log_line(enum log_level level, const char *fmt, ...)
{
	struct line l = {.level = level};
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(l.text, sizeof l.text, fmt, args);
	va_end(args);
	for (char *p = l.text; *p != 0; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = ' '; /* what a node said must not write lines of its own */
	if (chosen != NULL) {
		chosen(chosen_ctx, level, l.text);
		return;
	}
	l.wall_ms = clock_wall_ms();
	if (atomic_load_explicit(&state.on, memory_order_acquire)) /* [ON] */
		send_line(&l);
	else
		write_line(&l);
}

/* ---- the end ---- */

static bool is_written(void *ctx)
{
	/* acquire: [WRITTEN] */
	return atomic_load_explicit(&state.written, memory_order_acquire) >= *(const uint64_t *)ctx;
}

static bool has_ended(void *ctx)
{
	(void)ctx;
	return atomic_load_explicit(&state.ended, memory_order_acquire); /* [WRITTEN] */
}

static uint64_t flush_deadline_ns(void)
{
	return clock_mono_ns() + LOG_FLUSH_MS * NS_PER_MS;
}

void log_flush(void)
{
	uint64_t target = atomic_load_explicit(&state.said, memory_order_relaxed);
	if (is_writer || !atomic_load_explicit(&state.on, memory_order_acquire))
		return;
	(void)!eventcount_await(&state.progress, flush_deadline_ns(), is_written, &target);
}

enum err log_start(void)
{
	const struct channel_config config = {
		.capacity = LOG_ROOM, .item_size = sizeof(struct line), .senders_max = 1};
	CHECK(!atomic_load_explicit(&state.on, memory_order_relaxed));
	TRY(channel_create(&state.lines, &config));
	CHECK(channel_sender_init(&state.sender, state.lines) == OK);
	eventcount_init(&state.progress, 0);
	state.closed = false;
	atomic_init(&state.said, 0);
	atomic_init(&state.written, 0);
	atomic_init(&state.dropped, 0);
	atomic_init(&state.ended, false);
	if (thread_start(&state.thread, "log", write_all, NULL) != OK) {
		channel_destroy(state.lines);
		return ERR_FULL;
	}
	atomic_store_explicit(&state.on, true, memory_order_release); /* [ON] */
	check_on_failure(log_flush);
	return OK;
}

void log_stop(void)
{
	if (!atomic_load_explicit(&state.on, memory_order_relaxed))
		return;
	CHECK(pthread_mutex_lock(&state.lock) == 0);
	if (!state.closed)
		channel_sender_fini(&state.sender);
	state.closed = true;
	CHECK(pthread_mutex_unlock(&state.lock) == 0);
	channel_close(state.lines);
	/* held up by its reader, it stays as it is until the process ends */
	if (eventcount_await(&state.progress, flush_deadline_ns(), has_ended, NULL) != OK)
		return;
	check_on_failure(NULL);
	atomic_store_explicit(&state.on, false, memory_order_release); /* [ON] */
	thread_join(&state.thread);
	channel_destroy(state.lines);
}

void log_stat(struct log_stat *out)
{
	*out = (struct log_stat){0};
	if (!atomic_load_explicit(&state.on, memory_order_acquire))
		return;
	struct mpmc_stats s;
	channel_stats(state.lines, &s);
	out->said = atomic_load_explicit(&state.said, memory_order_relaxed);
	out->written = atomic_load_explicit(&state.written, memory_order_relaxed);
	out->dropped = atomic_load_explicit(&state.dropped, memory_order_relaxed);
	out->room = LOG_ROOM;
	out->waiting = (uint32_t)s.occupancy;
	out->waiting_peak = (uint32_t)s.high_water;
}
