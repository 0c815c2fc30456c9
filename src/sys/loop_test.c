/* One contract for all kinds of loop; then what only the real ones have, on each backend. */
#include "sys/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/clock.h"
#include "sys/rand.h"

#define START_WALL_MS UINT64_C(1700000000000)

/* A loop of this kind; NULL where the system has no such backend. */
struct kind {
	bool virtual_time;
	enum loop_backend_kind backend;
	const char *name;
	uint32_t sq_idle_ms;
};

static const struct kind kinds[] = {
	{.virtual_time = true, .name = "virtual"},
	{.backend = LOOP_EPOLL, .name = "epoll"},
	{.backend = LOOP_URING, .name = "io_uring"},
	{.backend = LOOP_URING, .name = "io_uring", .sq_idle_ms = 5},
};

static const struct kind *kind = &kinds[0];

static struct loop *make(uint32_t timer_max, uint32_t fd_max)
{
	struct loop *loop;
	const struct loop_config config = {.virtual_time = kind->virtual_time,
		.backend = kind->backend,
		.timer_max = timer_max,
		.fd_max = fd_max,
		.sq_idle_ms = kind->sq_idle_ms,
		.start_wall_ms = START_WALL_MS};
	CHECK(loop_create(&loop, &config) == OK);
	CHECK(loop_is_virtual(loop) == kind->virtual_time);
	CHECK(strcmp(loop_backend_name(loop), kind->name) == 0);
	CHECK(loop_fallback_reason(loop)[0] == 0);
	return loop;
}

static struct loop *make_loop(uint32_t timer_max)
{
	return make(timer_max, 0);
}

/* ---- timers ---- */

#define MARK_MAX 4096
static int marks[MARK_MAX];
static int mark_count;

struct mark {
	struct loop *loop;
	int number;
	struct loop_timer timer;
	struct mark *cancel; /* cancelled by this one's callback */
	uint64_t due_ms;
	bool again; /* sets itself again without a delay */
};

static void on_mark(void *ctx)
{
	struct mark *m = ctx;
	CHECK(loop_now_ms(m->loop) >= m->due_ms);
	CHECK(mark_count < MARK_MAX);
	marks[mark_count++] = m->number;
	if (m->cancel != NULL)
		loop_timer_cancel(m->loop, &m->cancel->timer);
	if (m->again)
		CHECK(loop_timer_set(m->loop, &m->timer, 0, on_mark, m) == OK);
}

static void set_mark(struct loop *loop, struct mark *m, int number, uint64_t delay_ms)
{
	m->loop = loop;
	m->number = number;
	m->due_ms = loop_now_ms(loop) + delay_ms;
	CHECK(loop_timer_set(loop, &m->timer, delay_ms, on_mark, m) == OK);
	CHECK(m->timer.id != 0);
}

static void on_stop(void *ctx)
{
	loop_stop(ctx);
}

static void run_for(struct loop *loop, uint64_t ms)
{
	CHECK(loop_timer_set(loop, NULL, ms, on_stop, loop) == OK);
	loop_run(loop);
}

static void test_order(void)
{
	struct loop *loop = make_loop(0);
	static const uint64_t delay[] = {30, 10, 20, 10, 0, 30, 10};
	static const int expected[] = {4, 1, 3, 6, 2, 0, 5};
	struct mark m[ARRAY_LEN(delay)] = {0};
	mark_count = 0;
	for (size_t i = 0; i < ARRAY_LEN(delay); i++)
		set_mark(loop, &m[i], (int)i, delay[i]);
	CHECK(mark_count == 0);
	run_for(loop, 40);
	CHECK(mark_count == (int)ARRAY_LEN(delay));
	CHECK(memcmp(marks, expected, sizeof expected) == 0);
	loop_destroy(loop);
}

static void test_cancel(void)
{
	struct loop *loop = make_loop(0);
	struct mark m[4] = {0};
	mark_count = 0;
	set_mark(loop, &m[0], 0, 5);
	set_mark(loop, &m[1], 1, 5);
	set_mark(loop, &m[2], 2, 6);
	set_mark(loop, &m[3], 3, 7);
	m[0].cancel = &m[1]; /* due at the same time, not run yet */
	m[2].cancel = &m[2]; /* itself, while it runs: stale */
	const struct loop_timer stale = m[0].timer;
	run_for(loop, 20);
	CHECK(mark_count == 3 && marks[0] == 0 && marks[1] == 2 && marks[2] == 3);

	/* a stale handle leaves the slot's next user alone */
	struct mark next = {0};
	set_mark(loop, &next, 9, 1);
	struct loop_timer copy = stale;
	loop_timer_cancel(loop, &copy);
	copy = (struct loop_timer){.id = UINT64_MAX};
	loop_timer_cancel(loop, &copy);
	loop_timer_cancel(loop, &copy);
	run_for(loop, 5);
	CHECK(mark_count == 4 && marks[3] == 9);
	loop_destroy(loop);
}

static void test_bound(void)
{
	struct loop *loop = make_loop(3);
	struct mark m[4] = {0};
	struct loop_timer timer = {.id = 77};
	for (int i = 0; i < 3; i++)
		set_mark(loop, &m[i], i, UINT64_MAX - 1000);
	CHECK(loop_timer_set(loop, &timer, 1, on_mark, &m[3]) == ERR_FULL && timer.id == 77);
	loop_timer_cancel(loop, &m[1].timer);
	set_mark(loop, &m[3], 3, 0);
	mark_count = 0;
	while (mark_count == 0)
		(void)loop_step(loop, 1);
	CHECK(mark_count == 1 && marks[0] == 3);
	loop_destroy(loop);
}

/* A timer that always sets itself again lets others run. */
static void test_fairness(void)
{
	struct loop *loop = make_loop(0);
	struct mark m = {.again = true};
	mark_count = 0;
	set_mark(loop, &m, 1, 0);
	for (int i = 1; i <= 50; i++) {
		CHECK(loop_step(loop, 1000) == 1);
		CHECK(mark_count == i);
	}
	if (kind->virtual_time)
		CHECK(loop_now_ms(loop) == 0);
	loop_destroy(loop);
}

/* Thousands of timers, random delays and cancels: order and count against a plain model. */
static void test_many(void)
{
	enum { N = 4000 };
	static struct mark m[N];
	memset(m, 0, sizeof m);
	struct loop *loop = make_loop(N + 1);
	uint32_t seed = 12345;
	mark_count = 0;
	int expected = 0;
	for (int i = 0; i < N; i++) {
		seed = seed * 1664525u + 1013904223u;
		set_mark(loop, &m[i], i, (seed >> 16) % 50);
	}
	for (int i = 0; i < N; i++) {
		seed = seed * 1664525u + 1013904223u;
		if ((seed >> 16) % 3 == 0)
			loop_timer_cancel(loop, &m[i].timer);
		else
			expected++;
	}
	run_for(loop, 120);
	CHECK(mark_count == expected);
	if (kind->virtual_time) /* the real clock moves while they are set */
		for (int i = 1; i < mark_count; i++) {
			const struct mark *a = &m[marks[i - 1]], *b = &m[marks[i]];
			CHECK(a->due_ms < b->due_ms ||
				(a->due_ms == b->due_ms && a->number < b->number));
		}
	loop_destroy(loop);
}

static void test_stop_before_run(void)
{
	struct loop *loop = make_loop(0);
	loop_stop(loop);
	loop_run(loop);
	struct mark m = {0};
	mark_count = 0;
	set_mark(loop, &m, 1, 1);
	run_for(loop, 3);
	CHECK(mark_count == 1);
	loop_destroy(loop);
}

/* ---- wakers ---- */

struct woken {
	struct loop *loop;
	_Atomic uint32_t sent;
	uint32_t seen, calls, target;
	uint32_t waker;
	uint32_t payload; /* plain: ordered by the wake alone */
};

static void on_wake(void *ctx)
{
	struct woken *w = ctx;
	w->seen = atomic_load_explicit(&w->sent, memory_order_relaxed);
	w->calls++;
	if (w->target != 0 && w->seen >= w->target)
		loop_stop(w->loop);
}

static void test_waker_same_thread(void)
{
	struct loop *loop = make_loop(0);
	struct woken w[LOOP_WAKERS_MAX] = {0};
	uint32_t extra;
	for (uint32_t i = 0; i < LOOP_WAKERS_MAX; i++) {
		w[i].loop = loop;
		CHECK(loop_waker_add(loop, &w[i].waker, on_wake, &w[i]) == OK);
	}
	CHECK(loop_waker_add(loop, &extra, on_wake, &w[0]) == ERR_FULL);
	for (int i = 0; i < 3; i++)
		loop_wake(loop, w[5].waker);
	loop_wake(loop, w[LOOP_WAKERS_MAX - 1].waker);
	while (loop_step(loop, 0) > 0)
		continue;
	CHECK(w[5].calls == 1 && w[LOOP_WAKERS_MAX - 1].calls == 1 && w[0].calls == 0);
	loop_wake(loop, w[5].waker);
	CHECK(loop_step(loop, 0) == 1 && w[5].calls == 2);
	/* one that was removed while it was woken does not run, nor does who has its number next */
	loop_wake(loop, w[5].waker);
	loop_wake(loop, w[6].waker);
	loop_waker_remove(loop, w[5].waker);
	CHECK(loop_waker_add(loop, &extra, on_wake, &w[0]) == OK && extra == w[5].waker);
	while (loop_step(loop, 0) > 0)
		continue;
	CHECK(w[5].calls == 2 && w[6].calls == 1 && w[0].calls == 0);
	loop_wake(loop, extra);
	CHECK(loop_step(loop, 0) == 1 && w[0].calls == 1);
	loop_destroy(loop);
}

#define WAKES_PER_THREAD 20000u

static void *wake_often(void *arg)
{
	struct woken *w = arg;
	for (uint32_t i = 0; i < WAKES_PER_THREAD; i++) {
		w->sent++;
		loop_wake(w->loop, w->waker);
	}
	return NULL;
}

/* No wake is lost: after the last one of all threads the callback runs once more. */
static void test_wake_threads(void)
{
	struct loop *loop = make_loop(0);
	struct woken w[2] = {0};
	pthread_t thread[4];
	uint32_t stopper;
	CHECK(loop_waker_add(loop, &stopper, on_stop, loop) == OK);
	for (int i = 0; i < 2; i++) {
		w[i].loop = loop;
		CHECK(loop_waker_add(loop, &w[i].waker, on_wake, &w[i]) == OK);
	}
	for (size_t i = 0; i < ARRAY_LEN(thread); i++)
		CHECK(pthread_create(&thread[i], NULL, wake_often, &w[i % 2]) == 0);
	const uint64_t end = clock_mono_ms() + 60000;
	while ((w[0].seen < 2 * WAKES_PER_THREAD || w[1].seen < 2 * WAKES_PER_THREAD) &&
		clock_mono_ms() < end)
		(void)loop_step(loop, 10000);
	for (size_t i = 0; i < ARRAY_LEN(thread); i++)
		CHECK(pthread_join(thread[i], NULL) == 0);
	CHECK(w[0].seen == 2 * WAKES_PER_THREAD && w[1].seen == 2 * WAKES_PER_THREAD);
	loop_destroy(loop);
}

static void *publish(void *arg)
{
	struct woken *w = arg;
	clock_sleep_ms(20);
	w->payload = 4711;
	loop_wake(w->loop, w->waker);
	return NULL;
}

static void on_published(void *ctx)
{
	struct woken *w = ctx;
	CHECK(w->payload == 4711);
	loop_stop(w->loop);
}

/* What was written before a wake is seen by its callback; a sleeping loop is woken at once. */
static void test_wake_orders_memory(void)
{
	struct loop *loop = make_loop(0);
	struct woken w = {.loop = loop};
	pthread_t thread;
	CHECK(loop_waker_add(loop, &w.waker, on_published, &w) == OK);
	CHECK(pthread_create(&thread, NULL, publish, &w) == 0);
	loop_run(loop);
	CHECK(pthread_join(thread, NULL) == 0);
	loop_destroy(loop);
}

/* ---- descriptors ---- */

struct pair {
	struct loop *loop;
	int fd[2];
	unsigned ready;
	int calls;
	struct pair *other; /* removed and closed by this one's callback */
};

static void on_pair(void *ctx, int fd, unsigned ready)
{
	struct pair *p = ctx;
	CHECK(fd == p->fd[0]);
	p->ready = ready;
	p->calls++;
	if (p->other != NULL && p->other->fd[0] >= 0) {
		loop_fd_remove(p->loop, p->other->fd[0]);
		CHECK(close(p->other->fd[0]) == 0);
		p->other->fd[0] = -1;
	}
}

static void make_pair(struct pair *p, struct loop *loop)
{
	*p = (struct pair){.loop = loop};
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, p->fd) == 0);
}

static void close_pair(struct pair *p)
{
	for (int i = 0; i < 2; i++)
		if (p->fd[i] >= 0) {
			loop_fd_remove(p->loop, p->fd[i]);
			CHECK(close(p->fd[i]) == 0);
		}
}

static void test_fds(void)
{
	struct loop *loop = make_loop(0);
	struct pair p;
	make_pair(&p, loop);
	CHECK(loop_fd_set(loop, p.fd[0], LOOP_READ, on_pair, &p) == OK);
	CHECK(loop_step(loop, 0) == 0);
	CHECK(write(p.fd[1], "x", 1) == 1);
	CHECK(loop_step(loop, 1000) == 1 && p.ready == LOOP_READ);
	CHECK(loop_step(loop, 0) == 1 && p.calls == 2); /* level-triggered */
	CHECK(loop_fd_set(loop, p.fd[0], LOOP_WRITE, on_pair, &p) == OK);
	CHECK(loop_step(loop, 0) == 1 && p.ready == LOOP_WRITE);
	CHECK(loop_fd_set(loop, p.fd[0], LOOP_READ | LOOP_WRITE, on_pair, &p) == OK);
	CHECK(loop_step(loop, 0) == 1 && p.ready == (LOOP_READ | LOOP_WRITE));
	CHECK(loop_fd_set(loop, p.fd[0], 0, NULL, NULL) == OK);
	CHECK(loop_step(loop, 0) == 0);
	CHECK(loop_fd_set(loop, p.fd[0], LOOP_READ, on_pair, &p) == OK);
	CHECK(close(p.fd[1]) == 0);
	p.fd[1] = -1;
	CHECK(loop_step(loop, 1000) == 1 && p.ready == (LOOP_READ | LOOP_ERROR));
	close_pair(&p);

	/* closed without telling us, and the number given again */
	make_pair(&p, loop);
	CHECK(loop_fd_set(loop, p.fd[0], LOOP_READ, on_pair, &p) == OK);
	const int number = p.fd[0];
	CHECK(close(p.fd[0]) == 0 && close(p.fd[1]) == 0);
	make_pair(&p, loop);
	CHECK(p.fd[0] == number);
	CHECK(loop_fd_set(loop, p.fd[0], LOOP_READ, on_pair, &p) == OK);
	CHECK(write(p.fd[1], "x", 1) == 1);
	CHECK(loop_step(loop, 1000) == 1 && p.calls == 1);
	close_pair(&p);

	const int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
	CHECK(file >= 0 && loop_fd_set(loop, file, LOOP_READ, on_pair, &p) == ERR_IO);
	CHECK(close(file) == 0);
	CHECK(loop_fd_set(loop, file, LOOP_READ, on_pair, &p) == ERR_IO);
	loop_destroy(loop);
}

/* Two descriptors are ready in one batch; the first callback closes the second, and a new one takes
 * its number: the stale event must not reach anybody. */
static void test_fd_stale_event(void)
{
	struct loop *loop = make_loop(0);
	struct pair a, b;
	make_pair(&a, loop);
	make_pair(&b, loop);
	a.other = &b;
	b.other = &a;
	CHECK(loop_fd_set(loop, a.fd[0], LOOP_READ, on_pair, &a) == OK);
	CHECK(loop_fd_set(loop, b.fd[0], LOOP_READ, on_pair, &b) == OK);
	CHECK(write(a.fd[1], "x", 1) == 1 && write(b.fd[1], "x", 1) == 1);
	CHECK(loop_step(loop, 1000) == 1);
	CHECK(a.calls + b.calls == 1);
	close_pair(&a);
	close_pair(&b);
	loop_destroy(loop);
}

static void test_fd_bounds(void)
{
	struct loop *loop = make(0, 1);
	struct pair p;
	make_pair(&p, loop);
	CHECK(loop_fd_set(loop, p.fd[0], LOOP_READ, on_pair, &p) == OK);
	CHECK(loop_fd_set(loop, p.fd[1], LOOP_READ, on_pair, &p) == ERR_FULL);
	CHECK(loop_fd_set(loop, p.fd[0], LOOP_WRITE, on_pair, &p) == OK);
	loop_fd_remove(loop, p.fd[0]);
	loop_fd_remove(loop, p.fd[0]);
	loop_fd_remove(loop, 100000);
	loop_fd_remove(loop, -1);
	CHECK(loop_fd_set(loop, p.fd[1], LOOP_READ, on_pair, &p) == OK);
	close_pair(&p);
	loop_destroy(loop);
}

/* What is removed and closed is gone at once for the other side, whether the loop steps or not. */
static void test_fd_close_is_seen(void)
{
	struct loop *loop = make_loop(0);
	struct pair p;
	make_pair(&p, loop);
	CHECK(loop_fd_set(loop, p.fd[0], LOOP_READ, on_pair, &p) == OK);
	CHECK(loop_step(loop, 0) == 0);
	loop_fd_remove(loop, p.fd[0]);
	CHECK(close(p.fd[0]) == 0);
	p.fd[0] = -1;
	char byte;
	CHECK(read(p.fd[1], &byte, 1) == 0);
	CHECK(loop_step(loop, 0) == 0);
	close_pair(&p);
	loop_destroy(loop);
}

/* The interest that was set last counts, also where the kernel was told of others before. */
static void test_fd_change(void)
{
	struct loop *loop = make_loop(0);
	struct pair p;
	make_pair(&p, loop);
	for (int i = 0; i < 5; i++) {
		CHECK(loop_fd_set(loop, p.fd[0], LOOP_READ, on_pair, &p) == OK);
		CHECK(loop_step(loop, 0) == 0);
		CHECK(loop_fd_set(loop, p.fd[0], LOOP_WRITE, on_pair, &p) == OK);
		CHECK(loop_fd_set(loop, p.fd[0], LOOP_READ, on_pair, &p) == OK);
		CHECK(loop_step(loop, 0) == 0);
	}
	CHECK(p.calls == 0);
	CHECK(loop_fd_set(loop, p.fd[0], LOOP_READ | LOOP_WRITE, on_pair, &p) == OK);
	CHECK(loop_step(loop, 1000) == 1 && p.ready == LOOP_WRITE);
	loop_fd_remove(loop, p.fd[0]);
	CHECK(loop_step(loop, 0) == 0 && p.calls == 1);
	close_pair(&p);
	loop_destroy(loop);
}

/* More descriptors than one batch of submissions or of completions holds, all ready, again and
 * again. */
static void test_fd_many(void)
{
	enum { N = 400, ROUNDS = 4 }; /* within the usual limit of 1,024 descriptors */
	static struct pair pair[N];
	struct loop *loop = make_loop(0);
	for (int i = 0; i < N; i++) {
		make_pair(&pair[i], loop);
		CHECK(loop_fd_set(loop, pair[i].fd[0], LOOP_READ, on_pair, &pair[i]) == OK);
		CHECK(write(pair[i].fd[1], "x", 1) == 1);
	}
	for (bool done = false; !done;) {
		(void)loop_step(loop, 1000);
		done = true;
		for (int i = 0; i < N; i++)
			done = done && pair[i].calls >= ROUNDS;
	}
	for (int i = 0; i < N; i++)
		close_pair(&pair[i]);
	CHECK(loop_step(loop, 0) == 0);
	loop_destroy(loop);
}

/* ---- the virtual clock ---- */

static void test_virtual_fds(void)
{
	struct loop *loop = make_loop(0);
	struct pair p = {0};
	CHECK(loop_fd_set(loop, 0, LOOP_READ, on_pair, &p) == ERR_STATE);
	loop_fd_remove(loop, 0);
	loop_destroy(loop);
}

static void test_virtual_clock(void)
{
	struct loop *loop = make_loop(0);
	CHECK(loop_now_ms(loop) == 0 && loop_wall_ms(loop) == START_WALL_MS);
	const uint64_t began = clock_mono_ms();
	run_for(loop, UINT64_C(86400000) * 365);
	CHECK(loop_now_ms(loop) == UINT64_C(86400000) * 365);
	CHECK(loop_wall_ms(loop) == START_WALL_MS + UINT64_C(86400000) * 365);
	CHECK(clock_mono_ms() - began < 5000);
	const uint64_t now = loop_now_ms(loop);
	CHECK(loop_step(loop, 10) == 0 && loop_now_ms(loop) == now + 10);
	CHECK(loop_step(loop, UINT64_MAX) == 0 && loop_now_ms(loop) == now + 10);
	loop_run(loop); /* nothing to wait for: returns */
	struct mark m = {0};
	mark_count = 0;
	set_mark(loop, &m, 1, 100);
	CHECK(loop_step(loop, 99) == 0 && loop_step(loop, 1) == 1 && mark_count == 1);
	loop_destroy(loop);
}

/* Steps of the loop and sleeps of this thread until a timer of 500 ms has fired. */
static void wait_idle(struct loop *loop, uint32_t *steps, long *sleeps)
{
	struct rusage before, after;
	struct mark m = {0};
	mark_count = 0;
	set_mark(loop, &m, 1, 500);
	CHECK(getrusage(RUSAGE_THREAD, &before) == 0);
	for (*steps = 0; mark_count == 0; (*steps)++)
		(void)loop_step(loop, UINT64_MAX);
	CHECK(getrusage(RUSAGE_THREAD, &after) == 0);
	*sleeps = after.ru_nvcsw - before.ru_nvcsw;
}

/* A loop that waits for one timer wakes for that, and uses no processor meanwhile. The kernel wakes
 * a thread to clear up after its earlier rings, some time after they were closed: so the quietest
 * of some waits counts, which a loop that polls would not have either. */
static void test_idle(void)
{
	struct loop *loop = make_loop(0);
	long sleeps = LONG_MAX;
	for (unsigned attempt = 0; attempt < 4 && sleeps > 4; attempt++) {
		uint32_t steps;
		wait_idle(loop, &steps, &sleeps);
		CHECK(steps <= 2);
	}
	CHECK(sleeps <= 4);
	loop_destroy(loop);
}

static void test_real_clock(void)
{
	struct loop *loop = make_loop(0);
	const uint64_t wall = clock_wall_ms();
	CHECK(loop_wall_ms(loop) >= wall && loop_wall_ms(loop) < wall + 10000);
	const uint64_t began = clock_mono_ns();
	run_for(loop, 15);
	CHECK(clock_mono_ns() - began >= UINT64_C(15000000));
	clock_sleep_ms(2);
	loop_destroy(loop);

	uint8_t a[64] = {0}, b[64] = {0};
	rand_bytes(a, sizeof a);
	rand_bytes(b, sizeof b);
	CHECK(memcmp(a, b, sizeof a) != 0);
}

static void test_names(void)
{
	enum loop_backend_kind backend = LOOP_URING;
	CHECK(loop_backend_parse(&backend, "kqueue") == ERR_NOT_FOUND && backend == LOOP_URING);
	CHECK(loop_backend_parse(&backend, "auto") == OK && backend == LOOP_AUTO);
	CHECK(loop_backend_parse(&backend, "epoll") == OK && backend == LOOP_EPOLL);
	CHECK(loop_backend_parse(&backend, "uring") == OK && backend == LOOP_URING);
	CHECK(strcmp(loop_backend_text(LOOP_EPOLL), "epoll") == 0);
}

static void test_all_kinds(void)
{
	test_order();
	test_cancel();
	test_bound();
	test_fairness();
	test_many();
	test_stop_before_run();
	test_waker_same_thread();
}

static void test_real(void)
{
	test_wake_threads();
	test_wake_orders_memory();
	test_fds();
	test_fd_stale_event();
	test_fd_bounds();
	test_fd_close_is_seen();
	test_fd_change();
	test_fd_many();
	test_idle();
	test_real_clock();
}

int main(void)
{
	test_names();
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		kind = &kinds[i];
		char reason[LOOP_REASON_SIZE];
		if (kind->backend == LOOP_URING && loop_uring_probe(reason) != OK) {
			(void)fprintf(stderr, "left out: %s\n", reason);
			continue;
		}
		test_all_kinds();
		if (kind->virtual_time) {
			test_virtual_fds();
			test_virtual_clock();
		} else {
			test_real();
		}
	}
	return 0;
}
