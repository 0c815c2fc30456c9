/* Answers that come in parts, by both ways, on a network thread and in the in-process form: given
 * as they come, bounded by what was not given yet, with one callback at the end whatever happens.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/http_client.h"
#include "net/net_thread.h"
#include "net/peer_test.h"
#include "sys/clock.h"

#define HEAD "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
#define BOUND 64u

struct listener {
	struct http_client *client;
	struct http_call call;
	unsigned parts, ends;
	size_t len;
	char text[2048];
	enum err err;
	unsigned status;
	bool cancel, send; /* from within the first part */
	struct listener *other;
};

struct server {
	struct peer_conn *conn; /* that asked last */
	const char *first;      /* what is sent at once */
};

static void on_part(void *ctx, struct slice part);

static void on_answer(void *ctx, const struct http_answer *answer)
{
	struct listener *l = ctx;
	CHECK(answer->body.len == 0 && answer->made == NULL);
	l->ends++;
	l->err = answer->err;
	l->status = answer->status;
}

static void ask(struct listener *l, const char *url, uint64_t timeout_ms)
{
	const struct http_request request = {.method = "GET",
		.url = url,
		.timeout_ms = timeout_ms,
		.answer_max = BOUND,
		.part = on_part};
	CHECK(http_client_send(l->client, &l->call, &request, on_answer, l) == OK);
}

static char url[64];

static void on_part(void *ctx, struct slice part)
{
	struct listener *l = ctx;
	CHECK(l->ends == 0 && part.len > 0 && part.len <= BOUND);
	CHECK(l->len + part.len < sizeof l->text);
	memcpy(l->text + l->len, part.ptr, part.len);
	l->len += part.len;
	if (++l->parts > 1)
		return;
	if (l->cancel)
		http_client_cancel(l->client, l->call);
	if (l->send)
		ask(l->other, url, 0);
}

static void on_request(void *ctx, struct peer_conn *conn, const char *request, struct slice body)
{
	struct server *s = ctx;
	(void)request;
	(void)body;
	s->conn = conn;
	peer_send(conn, slice_str(s->first));
}

enum form { OWN, LIBRARY, THREAD, FORMS };

struct setting {
	struct loop *loop;
	struct net_thread *net;
	struct peer *peer;
	struct server server;
	struct http_client *client;
};

static void begin(struct setting *t, enum form form, const char *first)
{
	*t = (struct setting){.server.first = first};
	CHECK(loop_create(&t->loop, &(struct loop_config){0}) == OK);
	t->peer = peer_create(t->loop, 0, on_request, &t->server);
	(void)snprintf(url, sizeof url, "http://127.0.0.1:%u/", peer_port(t->peer));
	const struct http_client_config config = {.by_library = form == LIBRARY};
	if (form == THREAD) {
		CHECK(net_thread_create(&t->net, t->loop, LOOP_AUTO) == OK);
		CHECK(http_client_create_remote(&t->client, t->loop, t->net) == OK);
	} else {
		CHECK(http_client_create_with(&t->client, t->loop, &config) == OK);
	}
}

static void end(struct setting *t)
{
	http_client_destroy(t->client);
	net_thread_destroy(t->net);
	peer_destroy(t->peer);
	loop_destroy(t->loop);
}

static void run(struct setting *t, const unsigned *count, unsigned target)
{
	const uint64_t until = clock_mono_ms() + 30000;
	while (*count < target) {
		CHECK(clock_mono_ms() < until);
		(void)loop_step(t->loop, 20);
	}
}

static bool is_text(const struct listener *l, const char *text)
{
	return l->len == strlen(text) && memcmp(l->text, text, l->len) == 0;
}

/* As they come, and more in all than the bound. */
static void test_as_they_come(enum form form)
{
	struct setting t;
	begin(&t, form, HEAD "5\r\none\n\n\r\n");
	struct listener l = {.client = t.client};
	ask(&l, url, 0);
	run(&t, &l.parts, 1);
	CHECK(is_text(&l, "one\n\n") && l.ends == 0);
	for (unsigned i = 0; i < 4; i++) {
		peer_send(t.server.conn, slice_str("1e\r\n123456789012345678901234567890\r\n"));
		run(&t, &l.parts, 2 + i);
		CHECK(l.len == 5 + 30 * (i + 1) && l.ends == 0);
	}
	peer_send(t.server.conn, slice_str("4\r\nlast\r\n0\r\n\r\n"));
	run(&t, &l.ends, 1);
	CHECK(l.err == OK && l.status == 200 && l.len > 2 * BOUND);
	CHECK(memcmp(l.text + l.len - 4, "last", 4) == 0);
	/* the connection is as good as any other */
	struct listener next = {.client = t.client};
	t.server.first = "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno";
	ask(&next, url, 0);
	run(&t, &next.ends, 1);
	CHECK(next.status == 404 && is_text(&next, "no") && peer_accepted(t.peer) == 1);
	end(&t);
}

static void test_bound(enum form form)
{
	static char first[512];
	struct setting t;
	(void)snprintf(first, sizeof first, HEAD "64\r\n%0100d\r\n", 7);
	begin(&t, form, first);
	struct listener l = {.client = t.client};
	ask(&l, url, 0);
	run(&t, &l.ends, 1);
	CHECK(l.err == ERR_FULL);
	end(&t);
}

static void test_breaks(enum form form)
{
	struct setting t;
	begin(&t, form, HEAD "3\r\none\r\n");
	struct listener l = {.client = t.client};
	ask(&l, url, 0);
	run(&t, &l.parts, 1);
	peer_send(t.server.conn, slice_str("3\r\ntwo\r\n"));
	peer_close(t.server.conn);
	run(&t, &l.ends, 1);
	CHECK(l.err == ERR_IO && is_text(&l, "onetwo"));
	/* and none at all */
	struct listener late = {.client = t.client};
	ask(&late, url, 200);
	run(&t, &late.ends, 1);
	CHECK(late.err == ERR_TIMEOUT && is_text(&late, "one"));
	end(&t);
}

static void test_from_within(enum form form)
{
	struct setting t;
	begin(&t, form, HEAD "3\r\none\r\n");
	struct listener other = {.client = t.client};
	struct listener l = {.client = t.client, .cancel = true, .send = true, .other = &other};
	ask(&l, url, 0);
	run(&t, &l.ends, 1);
	CHECK(l.err == ERR_CANCELLED && l.parts == 1);
	run(&t, &other.parts, 1);
	CHECK(other.ends == 0 && l.parts == 1);
	/* an open one ends with its client */
	http_client_destroy(t.client);
	CHECK(other.ends == 1 && other.err == ERR_CANCELLED);
	t.client = NULL;
	end(&t);
}

/* ---- the in-process form ---- */

static struct http_local_request *held;

static void hold(void *ctx, struct http_local_request *request)
{
	(void)ctx;
	held = request;
}

static void test_local(void)
{
	struct loop *loop;
	struct http_client *client;
	CHECK(loop_create(&loop, &(struct loop_config){.virtual_time = true}) == OK);
	CHECK(http_client_create_local(&client, loop, hold, NULL) == OK);
	struct listener l = {.client = client};
	ask(&l, "http://node/", 0);
	(void)loop_step(loop, 0);
	CHECK(held != NULL && http_local_part(held, slice_str("one")) && l.parts == 1);
	http_local_answer(held, OK, 200, slice_str("two"));
	CHECK(l.ends == 1 && l.err == OK && is_text(&l, "onetwo"));

	struct listener over = {.client = client};
	char large[BOUND + 1];
	memset(large, 'x', sizeof large);
	ask(&over, "http://node/", 0);
	(void)loop_step(loop, 0);
	CHECK(!http_local_part(held, slice_of(large, sizeof large)));
	CHECK(over.ends == 1 && over.err == ERR_FULL);
	CHECK(!http_local_part(held, slice_str("late")) && over.parts == 0);
	http_local_drop(held);

	struct listener gone = {.client = client, .cancel = true};
	ask(&gone, "http://node/", 0);
	(void)loop_step(loop, 0);
	http_local_answer(held, OK, 200, slice_str("one"));
	(void)loop_step(loop, 0);
	CHECK(gone.ends == 1 && gone.err == ERR_CANCELLED && gone.parts == 1);
	http_client_destroy(client);
	loop_destroy(loop);
}

/* The owner does not look for a while: what waits for it is bounded. */
static void test_not_looked_at(void)
{
	struct setting t;
	begin(&t, THREAD, HEAD "3\r\none\r\n");
	struct listener l = {.client = t.client};
	ask(&l, url, 0);
	run(&t, &l.parts, 1);
	/* the network's thread may be late: then all of it was looked at, and more is sent */
	for (unsigned wait_us = 20000; l.ends == 0; wait_us *= 2) {
		CHECK(wait_us < 10000000);
		for (unsigned i = 0; i < 4; i++) {
			peer_send(t.server.conn,
				slice_str("1e\r\n123456789012345678901234567890\r\n"));
			CHECK(usleep(wait_us) == 0);
		}
		for (unsigned i = 0; i < 20 && l.ends == 0; i++)
			(void)loop_step(t.loop, 10);
	}
	CHECK(l.err == ERR_FULL);
	end(&t);
}

int main(void)
{
	for (enum form form = OWN; form < FORMS; form++) {
		test_as_they_come(form);
		test_bound(form);
		test_breaks(form);
		test_from_within(form);
	}
	test_not_looked_at();
	test_local();
	return EXIT_SUCCESS;
}
