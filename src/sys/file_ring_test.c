/* One contract for writes on a ring and plain ones: all of it is there, once, or an error is. */
#include "sys/file_ring.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "sys/clock.h"
#include "sys/thread.h"

#define OPS 200u
#define BLOCK 5000u

static const struct file_ops *ops;
static bool plain;

struct seen {
	struct file_ring *ring;
	uint32_t answers[OPS];
	uint32_t count;
	enum err err;
	int file; /* >= 0: each answer queues the next */
	uint32_t next;
	const uint8_t *bytes;
};

static void queue_next(struct seen *s)
{
	CHECK(file_ring_write(s->ring, s->next, s->file, s->bytes + (size_t)s->next * BLOCK, BLOCK,
		      (uint64_t)s->next * BLOCK, s->next % 3 == 0) == OK);
	s->next++;
}

static void on_answer(void *ctx, uint64_t id, enum err err)
{
	struct seen *s = ctx;
	CHECK(id < OPS && s->answers[id]++ == 0);
	s->count++;
	s->err = err;
	if (s->file >= 0 && s->next < OPS)
		queue_next(s);
}

static struct file_ring *make_ring(struct seen *s, uint32_t depth)
{
	const struct file_ring_config config = {.plain = plain, .depth = depth};
	*s = (struct seen){.file = -1};
	CHECK(file_ring_create(&s->ring, &config, on_answer, s) == OK);
	return s->ring;
}

static int make_file(char path[64])
{
	int file;
	(void)snprintf(path, 64, "/tmp/sluice-file-ring-%d", (int)getpid());
	CHECK(ops->open(ops->ctx, &file, path, FILE_WRITE | FILE_CREATE | FILE_TRUNCATE) == OK);
	return file;
}

static void drop_file(int file, const char *path)
{
	ops->close(ops->ctx, file);
	CHECK(ops->unlink(ops->ctx, path) == OK);
}

/* Many at once, each answer queues another. */
static void test_pipeline(void)
{
	static uint8_t bytes[OPS * BLOCK], back[OPS * BLOCK];
	char path[64];
	struct seen s;
	struct file_ring *ring = make_ring(&s, 8);
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i * 31 + (i >> 9));
	s.file = make_file(path);
	s.bytes = bytes;
	for (int i = 0; i < 8; i++)
		queue_next(&s);
	CHECK(file_ring_write(ring, 199, s.file, bytes, 1, 0, false) == ERR_FULL);
	CHECK(file_ring_busy(ring) == 8);
	while (s.count < OPS) {
		CHECK(file_ring_step(ring, true) > 0);
		CHECK(s.err == OK);
	}
	CHECK(file_ring_busy(ring) == 0 && file_ring_step(ring, true) == 0);
	CHECK(file_read_exact(ops, s.file, back, sizeof back, 0) == OK);
	CHECK(memcmp(bytes, back, sizeof back) == 0);
	/* a sync alone */
	const int file = s.file;
	file_ring_destroy(ring);
	ring = make_ring(&s, 1);
	CHECK(file_ring_write(ring, 7, file, NULL, 0, 0, true) == OK);
	CHECK(file_ring_step(ring, true) == 1 && s.err == OK && s.answers[7] == 1);
	file_ring_destroy(ring);
	drop_file(file, path);
}

static enum err write_one(int file, uint64_t offset, size_t len)
{
	static const uint8_t bytes[2 * BLOCK];
	struct seen s;
	struct file_ring *ring = make_ring(&s, 4);
	CHECK(len <= sizeof bytes);
	CHECK(file_ring_write(ring, 1, file, bytes, len, offset, true) == OK);
	while (s.count == 0)
		(void)file_ring_step(ring, true);
	CHECK(s.count == 1 && file_ring_busy(ring) == 0);
	file_ring_destroy(ring);
	return s.err;
}

static void test_errors(void)
{
	char path[64];
	struct rlimit before, low;
	uint64_t size = 0;
	int full;
	const int file = make_file(path);
	CHECK(write_one(file, 0, BLOCK) == OK);
	CHECK(write_one(1000000, 0, BLOCK) == ERR_IO); /* no such descriptor */
	CHECK(ops->open(ops->ctx, &full, "/dev/full", FILE_WRITE) == OK);
	CHECK(write_one(full, 0, BLOCK) == ERR_FULL);
	ops->close(ops->ctx, full);
	/* a write that falls short goes on, and finds that there is no more room */
	CHECK(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	CHECK(getrlimit(RLIMIT_FSIZE, &before) == 0);
	low = before;
	low.rlim_cur = BLOCK + 1000;
	CHECK(setrlimit(RLIMIT_FSIZE, &low) == 0);
	CHECK(write_one(file, BLOCK, 2 * BLOCK) == ERR_FULL);
	CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
	CHECK(ops->size(ops->ctx, &size, file) == OK && size == BLOCK + 1000);
	drop_file(file, path);
}

/* Destroyed with operations queued and under way: the bytes are the caller's again, unanswered. */
static void test_destroy(void)
{
	char path[64];
	struct seen s;
	struct file_ring *ring = make_ring(&s, 4);
	uint8_t *bytes = calloc(1, BLOCK);
	CHECK(bytes != NULL);
	const int file = make_file(path);
	for (uint64_t i = 0; i < 4; i++) {
		CHECK(file_ring_write(ring, i, file, bytes, BLOCK, i * BLOCK, true) == OK);
		if (i == 1)
			(void)file_ring_step(ring, false);
	}
	const uint32_t answered = s.count;
	file_ring_destroy(ring);
	CHECK(s.count == answered);
	free(bytes);
	file_ring_destroy(NULL);
	drop_file(file, path);
}

struct waker {
	struct file_ring *ring;
	_Atomic uint32_t ready;
};

static void wake_soon(void *ctx)
{
	struct waker *w = ctx;
	clock_sleep_ms(20);
	atomic_store_explicit(&w->ready, 1, memory_order_relaxed);
	file_ring_wake(w->ring);
	file_ring_wake(w->ring);
}

/* A step that waits for a write which can't end (a pipe that is full) is woken by another thread,
 * and what was done before the wake is seen. */
static void test_wake(void)
{
	static uint8_t bytes[1 << 18];
	struct seen s;
	struct file_ring *ring = make_ring(&s, 2);
	int pipes[2];
	struct waker waker = {.ring = ring};
	struct thread thread;
	if (!file_ring_is_native(ring)) { /* no step waits */
		file_ring_wake(ring);
		CHECK(file_ring_step(ring, true) == 0);
		file_ring_destroy(ring);
		return;
	}
	CHECK(pipe(pipes) == 0);
	CHECK(file_ring_write(ring, 1, pipes[1], bytes, sizeof bytes, 0, false) == OK);
	CHECK(thread_start(&thread, "waker", wake_soon, &waker) == OK);
	while (atomic_load_explicit(&waker.ready, memory_order_relaxed) == 0)
		CHECK(file_ring_step(ring, true) == 0);
	thread_join(&thread);
	file_ring_wake(ring); /* before the step: it doesn't wait */
	CHECK(file_ring_step(ring, true) == 0);
	for (size_t got = 0; got < sizeof bytes;) {
		static uint8_t back[1 << 16];
		const ssize_t n = read(pipes[0], back, sizeof back);
		CHECK(n > 0);
		got += (size_t)n;
		(void)file_ring_step(ring, false);
	}
	while (s.count == 0)
		(void)file_ring_step(ring, true);
	CHECK(s.err == OK && s.answers[1] == 1);
	file_ring_destroy(ring);
	CHECK(close(pipes[0]) == 0 && close(pipes[1]) == 0);
}

int main(void)
{
	ops = file_system();
	for (int i = 0; i < 2; i++) {
		plain = i == 0;
		struct seen s;
		struct file_ring *ring = make_ring(&s, 0);
		(void)fprintf(stderr, "%s\n", file_ring_is_native(ring) ? "io_uring" : "plain");
		CHECK(!plain || !file_ring_is_native(ring));
		file_ring_destroy(ring);
		test_pipeline();
		test_errors();
		test_destroy();
		test_wake();
	}
	return 0;
}
