/* Links: on one thread, between two, with a side that does not keep up, and closed half-way. */
#include "net/link.h"

#include <stdio.h>
#include <stdlib.h>

#include "net/net_thread.h"
#include "sys/clock.h"
#include "sys/sleeps_test.h"

#define DEPTH 256u
#define WAIT_MS 60000u
/* ThreadSanitizer has a thread of its own, which wakes ten times a second. */
#if defined(__SANITIZE_THREAD__)
#define SANITIZER_WAKES 20u
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SANITIZER_WAKES 20u
#endif
#endif
#ifndef SANITIZER_WAKES
#define SANITIZER_WAKES 0u
#endif

enum { SEND = 1, CANCEL = 2, FREE = 4 };
enum { DONE = 1 };

/* A call, as http_remote.c has them: SEND and perhaps CANCEL, then DONE, then FREE. What it holds
 * is plain memory: the posts alone order it, which ThreadSanitizer checks. */
struct thing {
	struct link_item item;
	struct rig *rig;
	uint64_t question, answer;
	unsigned sent, cancelled, done;
};

struct rig {
	struct loop *loop;
	struct net_thread *net;
	struct link *link;
	unsigned made, ended, freed; /* the owner's, the owner's, the network's */
	uint64_t next_question, last_question;
	bool hold; /* the network's: DONE follows CANCEL */
};

static struct thing *thing_of(struct link_item *item)
{
	return (struct thing *)(void *)item;
}

static void finish(struct thing *t)
{
	CHECK(t->done == 0);
	t->answer = t->question * 3;
	t->done++;
	link_post(t->rig->link, LINK_OWNER, &t->item, DONE);
}

static void on_net(void *ctx, struct link_item *item, uint32_t bits)
{
	struct thing *t = thing_of(item);
	struct rig *r = ctx;
	if (bits & SEND) {
		CHECK(t->sent++ == 0 && t->question > r->last_question);
		r->last_question = t->question; /* in order */
	}
	if (bits & CANCEL)
		CHECK(t->sent == 1 && t->cancelled++ == 0);
	if (bits & FREE) {
		CHECK(t->sent == 1 && t->done == 1);
		r->freed++;
		free(t);
		link_leave(r->link);
		return;
	}
	if (t->done == 0 && (!r->hold || t->cancelled > 0))
		finish(t);
}

static void on_owner(void *ctx, struct link_item *item, uint32_t bits)
{
	struct rig *r = ctx;
	struct thing *t = thing_of(item);
	CHECK(bits == DONE && t->answer == t->question * 3);
	r->ended++;
	if (t->question % 2 == 0)
		link_post(r->link, LINK_NET, item, FREE);
	else
		link_post_lazily(r->link, LINK_NET, item, FREE);
}

static void rig_up(struct rig *r, bool threaded)
{
	*r = (struct rig){.next_question = 1};
	CHECK(loop_create(&r->loop, &(struct loop_config){0}) == OK);
	if (threaded)
		CHECK(net_thread_create(&r->net, r->loop, LOOP_AUTO) == OK);
	const struct link_config config = {.net = r->net,
		.depth = DEPTH,
		.end = {[LINK_OWNER] = {.name = "up", .take = on_owner, .ctx = r},
			[LINK_NET] = {.name = "down", .take = on_net, .ctx = r}}};
	CHECK(link_create(&r->link, &config) == OK);
}

static void rig_down(struct rig *r)
{
	link_close(r->link);
	CHECK(r->ended == r->made && r->freed == r->made && link_count(r->link) == 0);
	link_destroy(r->link);
	net_thread_destroy(r->net);
	loop_destroy(r->loop);
}

static struct thing *ask(struct rig *r)
{
	struct thing *t = calloc(1, sizeof *t);
	CHECK(t != NULL);
	if (link_enter(r->link, LINK_NET, &t->item) != OK) {
		free(t);
		return NULL;
	}
	t->rig = r;
	t->question = r->next_question++;
	r->made++;
	link_post(r->link, LINK_NET, &t->item, SEND);
	return t;
}

static void test_one_thread(void)
{
	struct rig r;
	rig_up(&r, false);
	for (unsigned i = 0; i < 3 * DEPTH; i++) /* each is over before the next: no bound is met */
		CHECK(ask(&r) != NULL);
	CHECK(r.ended == 3 * DEPTH && r.freed == 3 * DEPTH && link_count(r.link) == 0);
	rig_down(&r);
}

static uint64_t xorshift(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Nothing lost, nothing twice, in order, with cancels that cross answers. */
static void test_two_threads(unsigned rounds)
{
	struct rig r;
	uint64_t random = 88172645463325252u;
	const uint64_t end = clock_mono_ms() + WAIT_MS;
	rig_up(&r, true);
	while (r.made < rounds) {
		struct thing *t;
		unsigned some = (unsigned)(xorshift(&random) % (2 * DEPTH));
		while (some-- > 0 && (t = ask(&r)) != NULL)
			if (xorshift(&random) % 3 == 0) /* it can't end before the loop turns */
				link_post(r.link, LINK_NET, &t->item, CANCEL);
		(void)loop_step(r.loop, random % 2);
		CHECK(clock_mono_ms() < end);
	}
	struct link_stat down, up;
	link_stat(r.link, LINK_NET, &down);
	link_stat(r.link, LINK_OWNER, &up);
	CHECK(down.depth == DEPTH && down.waiting_peak <= DEPTH && up.waiting_peak <= DEPTH);
	CHECK(down.posted >= r.made && up.posted >= r.ended);
	rig_down(&r);
}

/* The other side does nothing: so many and no more, and all of it is done later. */
static void hold(void *ctx)
{
	struct rig *r = ctx;
	r->hold = true;
}

static void test_bound(void)
{
	struct rig r;
	struct thing *held[DEPTH];
	struct link_stat stat;
	rig_up(&r, true);
	net_thread_call(r.net, hold, &r);
	for (unsigned i = 0; i < DEPTH; i++)
		CHECK((held[i] = ask(&r)) != NULL);
	CHECK(ask(&r) == NULL && ask(&r) == NULL);
	link_stat(r.link, LINK_NET, &stat);
	CHECK(stat.refused == 2 && link_count(r.link) == DEPTH);
	for (unsigned i = 0; i < DEPTH; i++)
		link_post(r.link, LINK_NET, &held[i]->item, CANCEL);
	const uint64_t end = clock_mono_ms() + WAIT_MS;
	while (r.ended < DEPTH) {
		(void)loop_step(r.loop, 10);
		CHECK(clock_mono_ms() < end);
	}
	rig_down(&r);
}

/* Closed with posts on both rings: each is taken, by the thread that is left. */
static void test_close(void)
{
	for (unsigned i = 0; i < 40; i++) {
		struct rig r;
		rig_up(&r, true);
		for (unsigned k = 0; k < 6 * i; k++) {
			CHECK(ask(&r) != NULL);
			if (k % 8 == 0)
				(void)loop_step(r.loop, 0);
		}
		rig_down(&r);
	}
}

/* ---- a side that makes things, and one that does not look ---- */

enum { REQUEST = 1, EXPIRED = 2 };
#define FRESH 8u

struct maker {
	struct link *link;
	struct link_item item[DEPTH];
	unsigned entered, refused, amended;
	unsigned requests, expired; /* the owner's */
};

static void make_many(void *ctx)
{
	struct maker *m = ctx;
	for (unsigned i = 0; i < FRESH + 3; i++) {
		if (link_enter(m->link, LINK_OWNER, &m->item[m->entered]) != OK) {
			m->refused++;
			continue;
		}
		link_post(m->link, LINK_OWNER, &m->item[m->entered], REQUEST);
		m->entered++;
	}
}

static void expire(void *ctx)
{
	struct maker *m = ctx;
	m->amended = 0;
	for (unsigned i = 0; i < m->entered; i += 2)
		m->amended += link_amend(m->link, LINK_OWNER, &m->item[i], REQUEST, EXPIRED);
}

static void on_request(void *ctx, struct link_item *item, uint32_t bits)
{
	struct maker *m = ctx;
	CHECK((bits & REQUEST) != 0);
	if (bits & EXPIRED)
		m->expired++;
	else
		m->requests++;
	link_post(m->link, LINK_NET, item, FREE);
}

static void on_freed(void *ctx, struct link_item *item, uint32_t bits)
{
	struct maker *m = ctx;
	(void)item;
	CHECK(bits == FREE);
	link_leave(m->link);
}

static void test_fresh(void)
{
	struct loop *loop;
	struct net_thread *net;
	struct maker m = {.entered = 0};
	CHECK(loop_create(&loop, &(struct loop_config){0}) == OK);
	CHECK(net_thread_create(&net, loop, LOOP_AUTO) == OK);
	const struct link_config config = {.net = net,
		.depth = DEPTH,
		.end = {[LINK_OWNER] = {.name = "requests",
				.take = on_request,
				.ctx = &m,
				.fresh_max = FRESH},
			[LINK_NET] = {.name = "answers", .take = on_freed, .ctx = &m}}};
	CHECK(link_create(&m.link, &config) == OK);
	net_thread_call(net, make_many, &m);
	CHECK(m.entered == FRESH && m.refused == 3 && m.requests == 0);
	net_thread_call(net, expire, &m);
	CHECK(m.amended == FRESH / 2);
	const uint64_t end = clock_mono_ms() + WAIT_MS;
	while (m.requests + m.expired < FRESH) {
		(void)loop_step(loop, 10);
		CHECK(clock_mono_ms() < end);
	}
	CHECK(m.requests == FRESH / 2 && m.expired == FRESH / 2);
	/* they were looked at: nothing is taken back, and there is room again */
	net_thread_call(net, expire, &m);
	CHECK(m.amended == 0);
	net_thread_call(net, make_many, &m);
	CHECK(m.entered == 2 * FRESH && m.refused == 6);
	link_close(m.link);
	CHECK(m.requests + m.expired == 2 * FRESH && link_count(m.link) == 0);
	link_destroy(m.link);
	net_thread_destroy(net);
	loop_destroy(loop);
}

/* ---- at rest ---- */

static void test_idle(void)
{
	struct rig r;
	rig_up(&r, true);
	CHECK(ask(&r) != NULL);
	while (r.ended < 1)
		(void)loop_step(r.loop, 10);
	while (loop_step(r.loop, 50) > 0)
		continue;
	const uint64_t before = process_sleeps();
	const uint64_t end = clock_mono_ms() + 1000;
	for (uint64_t now; (now = clock_mono_ms()) < end;)
		(void)loop_step(r.loop, end - now);
	/* this thread's own wait is one of them; a sanitizer's thread may add some */
	const uint64_t woken = process_sleeps() - before;
	(void)printf("at rest: %u wake-ups in a second\n", (unsigned)woken);
	CHECK(woken < 5 + SANITIZER_WAKES);
	rig_down(&r);
}

int main(void)
{
	test_one_thread();
	test_bound();
	test_fresh();
	test_close();
	test_two_threads(2000);
	test_idle();
	return 0;
}
