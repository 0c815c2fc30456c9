/* The HTTP server: with our own client on the same loop, and with raw connections that misbehave.
 */
#include "net/http_server.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "net/http_client.h"
#include "net/net_thread.h"
#include "sys/clock.h"
#include "sys/sock.h"

#define WAIT_MS 30000u

/* ---- the application under test ---- */

static bool threaded; /* the same with a network thread */

struct app {
	struct loop *loop;
	struct net_thread *net;
	struct http_server *server;
	unsigned handled, closed;
	struct http_exchange *held; /* by /hold */
	struct http_exchange *stream;
	size_t backlog_max;
	unsigned pending;
};

struct later {
	struct app *app;
	struct http_exchange *x;
};

static void answer_echo(struct http_exchange *x)
{
	http_set_header(x, "X-Method", http_method(x));
	http_answer(x, 200, "application/octet-stream", http_body(x));
}

static void on_later(void *ctx)
{
	struct later *l = ctx;
	l->app->pending--;
	answer_echo(l->x);
	free(l);
}

static void on_stream_closed(void *ctx)
{
	struct app *a = ctx;
	a->closed++;
	a->stream = NULL;
}

static void describe(struct http_exchange *x)
{
	char text[512];
	const char *query = http_query(x, "q"), *bare = http_query(x, "bare");
	const char *header = http_header(x, "x-test");
	struct buf b = buf_init(text, sizeof text);
	buf_printf(&b, "%s %s q=%s bare=%s h=%s peer=%s len=%zu", http_method(x), http_path(x),
		query == NULL ? "-" : query, bare == NULL ? "-" : bare,
		header == NULL ? "-" : header, http_peer(x), http_body(x).len);
	http_set_header(x, "X-Good", "yes");
	http_set_header(x, "X-Bad", "a\r\nX-Injected: 1");
	http_answer(x, 201, "text/plain", buf_slice(&b));
}

static void handle(void *ctx, struct http_exchange *x)
{
	struct app *a = ctx;
	const char *path = http_path(x);
	a->handled++;
	if (strcmp(path, "/echo") == 0) {
		answer_echo(x);
	} else if (strcmp(path, "/later") == 0) {
		struct later *l = malloc(sizeof *l);
		CHECK(l != NULL);
		*l = (struct later){.app = a, .x = x};
		a->pending++;
		CHECK(loop_timer_set(a->loop, NULL, a->handled % 20, on_later, l) == OK);
	} else if (strcmp(path, "/hold") == 0) {
		a->held = x;
	} else if (strcmp(path, "/stream") == 0) {
		http_set_header(x, "Cache-Control", "no-store");
		CHECK(http_stream_begin(
			      x, "text/event-stream", a->backlog_max, on_stream_closed, a) == OK);
		a->stream = x;
		CHECK(http_stream_write(x, slice_str("data: first\n\n")) == OK);
	} else {
		describe(x);
	}
}

static void app_up(struct app *a, const struct http_server_config *config)
{
	struct http_server_config c = *config;
	*a = (struct app){.backlog_max = 4096};
	c.bind = "127.0.0.1";
	CHECK(loop_create(&a->loop, &(struct loop_config){0}) == OK);
	if (threaded)
		CHECK(net_thread_create(&a->net, a->loop, LOOP_AUTO) == OK);
	c.net = a->net;
	CHECK(http_server_create(&a->server, a->loop, &c, handle, a) == OK);
	CHECK(http_server_port(a->server) != 0);
}

static void app_down(struct app *a)
{
	http_server_destroy(a->server);
	net_thread_destroy(a->net);
	loop_destroy(a->loop);
}

/* ---- our own client ---- */

struct result {
	unsigned calls, mismatches, ok;
	unsigned status[600];
	enum err err;
	uint8_t expect;
	size_t expect_len;
	struct result *sum;
};

static void on_answer(void *ctx, const struct http_answer *answer)
{
	struct result *r = ctx, *sum = r->sum;
	sum->calls++;
	sum->err = answer->err;
	if (answer->err == OK) {
		sum->ok++;
		sum->status[answer->status]++;
	}
	bool same = answer->body.len == r->expect_len;
	for (size_t i = 0; same && i < answer->body.len; i++)
		same = answer->body.ptr[i] == r->expect;
	sum->mismatches += answer->status == 200 && !same;
}

static void wait_for(struct loop *loop, const unsigned *count, unsigned target)
{
	const uint64_t end = clock_mono_ms() + WAIT_MS;
	while (*count < target) {
		CHECK(clock_mono_ms() < end);
		(void)loop_step(loop, 50);
	}
}

#define MANY 1000

static void test_many(void)
{
	struct app a;
	struct http_client *client;
	static struct result r[MANY];
	static struct result sum;
	static uint8_t body[MANY + 1][300];
	char url[64];
	app_up(&a, &(struct http_server_config){.connection_max = 2000, .waiting_ms = WAIT_MS});
	CHECK(http_client_create(&client, a.loop) == OK);
	(void)snprintf(url, sizeof url, "http://127.0.0.1:%u/later", http_server_port(a.server));
	const uint64_t began = clock_mono_ms();
	for (unsigned round = 0; round < 3; round++) {
		sum = (struct result){0};
		for (unsigned i = 0; i < MANY; i++) {
			memset(body[i], (int)(i % 251), sizeof body[i]);
			r[i] = (struct result){
				.expect = (uint8_t)(i % 251), .expect_len = i % 300, .sum = &sum};
			CHECK(http_client_send(client, NULL,
				      &(struct http_request){.method = "POST",
					      .url = url,
					      .body = slice_of(body[i], i % 300),
					      .timeout_ms = WAIT_MS},
				      on_answer, &r[i]) == OK);
		}
		wait_for(a.loop, &sum.calls, MANY);
		CHECK(sum.ok == MANY && sum.mismatches == 0 && sum.status[200] == MANY);
	}
	CHECK(a.handled == 3 * MANY && a.pending == 0);
	(void)printf("%u requests, %u at once: %llu ms\n", 3 * MANY, MANY,
		(unsigned long long)(clock_mono_ms() - began));
	http_client_destroy(client);
	app_down(&a);
}

static unsigned post(struct app *a, struct http_client *client, size_t len)
{
	static uint8_t body[4u << 20];
	static struct result r, sum;
	char url[64];
	CHECK(len <= sizeof body);
	r = (struct result){.sum = &sum, .expect_len = len};
	sum = (struct result){0};
	(void)snprintf(url, sizeof url, "http://127.0.0.1:%u/echo", http_server_port(a->server));
	CHECK(http_client_send(client, NULL,
		      &(struct http_request){
			      .method = "POST", .url = url, .body = slice_of(body, len)},
		      on_answer, &r) == OK);
	wait_for(a->loop, &sum.calls, 1);
	CHECK(sum.mismatches == 0);
	for (unsigned s = 0; s < ARRAY_LEN(sum.status); s++)
		if (sum.status[s] > 0)
			return s;
	return 0;
}

static void test_body_bounds(void)
{
	struct app a;
	struct http_client *client;
	app_up(&a, &(struct http_server_config){.body_max = 10000});
	CHECK(http_client_create(&client, a.loop) == OK);
	CHECK(post(&a, client, 0) == 200 && post(&a, client, 1) == 200);
	CHECK(post(&a, client, 10000) == 200 && a.handled == 3);
	CHECK(post(&a, client, 10001) == 413 && post(&a, client, 500000) == 413);
	/* so large that it is not even read: the client sees 413, or that it was cut off */
	const unsigned status = post(&a, client, 4u << 20);
	CHECK(status == 413 || status == 0);
	CHECK(a.handled == 3 && post(&a, client, 10) == 200);
	http_client_destroy(client);
	app_down(&a);
}

/* ---- raw connections ---- */

struct raw {
	struct loop *loop;
	int fd;
	char text[1u << 16];
	size_t len;
	bool ended;
	bool deaf; /* reads nothing */
};

static void on_raw(void *ctx, int fd, unsigned ready)
{
	struct raw *r = ctx;
	size_t n = 0;
	(void)ready;
	const enum err err = sock_read(fd, r->text + r->len, sizeof r->text - 1 - r->len, &n);
	if (err == ERR_SHORT)
		return;
	if (err != OK || n == 0 || r->len + n == sizeof r->text - 1) {
		r->ended = true;
		loop_fd_remove(r->loop, fd);
		return;
	}
	r->len += n;
	r->text[r->len] = 0;
}

static void raw_open(struct raw *r, struct app *a)
{
	*r = (struct raw){.loop = a->loop};
	CHECK(sock_connect_tcp(&r->fd, "127.0.0.1", http_server_port(a->server)) == OK);
	CHECK(loop_fd_set(a->loop, r->fd, LOOP_READ, on_raw, r) == OK);
	for (int i = 0; i < 5; i++)
		(void)loop_step(a->loop, 1);
}

static void raw_send(struct raw *r, struct slice bytes)
{
	const uint64_t end = clock_mono_ms() + WAIT_MS;
	while (bytes.len > 0 && clock_mono_ms() < end) {
		size_t n = 0;
		const enum err err = sock_write(r->fd, bytes, &n);
		if (err != OK && err != ERR_SHORT)
			return; /* cut off */
		bytes = slice_of(bytes.ptr + n, bytes.len - n);
		(void)loop_step(r->loop, err == ERR_SHORT ? 5 : 0);
	}
}

static void raw_say(struct raw *r, const char *text)
{
	raw_send(r, slice_str(text));
}

static bool raw_has(struct raw *r, const char *text)
{
	const uint64_t end = clock_mono_ms() + 5000;
	while (strstr(r->text, text) == NULL && !r->ended && clock_mono_ms() < end)
		(void)loop_step(r->loop, 20);
	return strstr(r->text, text) != NULL;
}

static bool raw_ends(struct raw *r, uint64_t within_ms)
{
	const uint64_t end = clock_mono_ms() + within_ms;
	while (!r->ended && clock_mono_ms() < end)
		(void)loop_step(r->loop, 20);
	return r->ended;
}

static void raw_close(struct raw *r)
{
	loop_fd_remove(r->loop, r->fd);
	sock_close(r->fd);
}

static void test_request_parts(void)
{
	struct app a;
	struct raw r;
	app_up(&a, &(struct http_server_config){0});
	raw_open(&r, &a);
	raw_say(&r,
		"GET /v1/a%20b%2fc?q=x%26y+z&bare&z=1 HTTP/1.1\r\nHost: h\r\nX-TEST: v\r\n\r\n");
	CHECK(raw_has(&r, "GET /v1/a b/c q=x&y z bare= h=v peer=127.0.0.1 len=0"));
	CHECK(strstr(r.text, "HTTP/1.1 201") == r.text && strstr(r.text, "X-Good: yes") != NULL);
	CHECK(strstr(r.text, "Injected") == NULL);
	/* no text ends early, and what is no escape stays */
	raw_say(&r, "PUT /a%00b%zz%4?q=1%00 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
	CHECK(raw_has(&r, "PUT /a%00b%zz%4 q=1%00 bare=- h=- peer=127.0.0.1 len=3"));
	/* two at once on the same connection, and a chunked body */
	raw_say(&r,
		"GET /one HTTP/1.1\r\nHost: h\r\n\r\nPOST /two HTTP/1.1\r\nHost: h\r\n"
		"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n");
	CHECK(raw_has(&r, "GET /one") &&
		raw_has(&r, "POST /two q=- bare=- h=- peer=127.0.0.1 len=5"));
	CHECK(a.handled == 4 && !r.ended);
	raw_close(&r);
	app_down(&a);
}

static void test_hostile(void)
{
	struct app a;
	static struct raw r;
	static char filler[100000];
	/* bytes and the end of the stream that come at once hide the end from the library: then it
	 * is the idle timeout that ends the connection */
	app_up(&a, &(struct http_server_config){.body_max = 1000, .idle_timeout_s = 2});
	memset(filler, 'x', sizeof filler);
	filler[40000] = 0;

	raw_open(&r, &a);
	raw_say(&r, "GET / HTTP/1.1\r\nHost: h\r\nX-Long: ");
	raw_say(&r, filler);
	raw_say(&r, "\r\n\r\n");
	CHECK(raw_has(&r, "HTTP/1.1 431") && raw_ends(&r, 5000));
	raw_close(&r);

	raw_open(&r, &a);
	raw_say(&r, "GET /");
	raw_say(&r, filler);
	raw_say(&r, " HTTP/1.1\r\nHost: h\r\n\r\n");
	CHECK((raw_has(&r, "HTTP/1.1 414") || raw_has(&r, "HTTP/1.1 431")) && raw_ends(&r, 5000));
	raw_close(&r);

	/* a chunked body without an end: discarded for a while, then cut off */
	raw_open(&r, &a);
	raw_say(&r, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < 60 && !r.ended; i++) {
		raw_say(&r, "9c40\r\n");
		raw_send(&r, slice_of(filler, 40000));
		raw_say(&r, "\r\n");
	}
	CHECK(raw_ends(&r, 5000));
	raw_close(&r);

	/* one that ends soon enough gets its answer */
	raw_open(&r, &a);
	raw_say(&r, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n9c40\r\n");
	raw_send(&r, slice_of(filler, 40000));
	raw_say(&r, "\r\n0\r\n\r\n");
	CHECK(raw_has(&r, "HTTP/1.1 413") && raw_has(&r, "body_too_large"));
	raw_close(&r);

	static const char *const garbage[] = {"\x16\x03\x01\x02\x00\x01\xfc\x03\x03 hello\r\n\r\n",
		"GET\r\n\r\n", "GET / HTTP/9.9\r\nHost: h\r\n\r\n", "\r\n\r\n\r\n\r\nXX\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -5\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999999\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"GET / HTTP/1.1\r\nno colon\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"};
	for (size_t i = 0; i < ARRAY_LEN(garbage); i++) {
		raw_open(&r, &a);
		raw_say(&r, garbage[i]);
		sock_end(r.fd);
		CHECK(raw_ends(&r, 5000));
		CHECK(strstr(r.text, "HTTP/1.1 2") == NULL);
		raw_close(&r);
	}
	CHECK(a.handled == 0);
	/* it is well */
	raw_open(&r, &a);
	raw_say(&r, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
	CHECK(raw_has(&r, "GET /x"));
	raw_close(&r);
	app_down(&a);
}

static void test_too_many_connections(void)
{
	struct app a;
	static struct raw r[6];
	app_up(&a, &(struct http_server_config){.connection_max = 4});
	for (int i = 0; i < 6; i++)
		raw_open(&r[i], &a);
	for (int i = 0; i < 6; i++)
		raw_say(&r[i], "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
	unsigned refused = 0;
	for (int i = 0; i < 6; i++) {
		CHECK(raw_has(&r[i], "HTTP/1.1 "));
		refused += strstr(r[i].text, "HTTP/1.1 503") != NULL;
	}
	CHECK(refused == 2 && strstr(r[0].text, "HTTP/1.1 201") != NULL);
	for (int i = 0; i < 6; i++)
		raw_close(&r[i]);
	for (int i = 0; i < 20; i++)
		(void)loop_step(a.loop, 5);
	raw_open(&r[0], &a);
	raw_say(&r[0], "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
	CHECK(raw_has(&r[0], "HTTP/1.1 201"));
	raw_close(&r[0]);
	app_down(&a);
}

/* Slow senders are cut off, however steadily they send; idle ones, too. */
static void test_slow(void)
{
	struct app a;
	static struct raw loris, body, idle;
	app_up(&a, &(struct http_server_config){.idle_timeout_s = 1});
	raw_open(&loris, &a);
	raw_open(&body, &a);
	raw_open(&idle, &a);
	raw_say(&loris, "GET / HTTP/1.1\r\n");
	raw_say(&body, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n");
	const uint64_t began = clock_mono_ms();
	while (!(loris.ended && body.ended && idle.ended)) {
		const uint64_t age = clock_mono_ms() - began;
		CHECK(age < 6000);
		raw_say(&loris, "X");
		raw_say(&body, "b");
		(void)loop_step(a.loop, 50);
		clock_sleep_ms(50);
	}
	CHECK(a.handled == 0);
	raw_close(&loris);
	raw_close(&body);
	raw_close(&idle);
	app_down(&a);
}

static void test_streams(void)
{
	struct app a;
	static struct raw r;
	app_up(&a, &(struct http_server_config){.idle_timeout_s = 1});

	raw_open(&r, &a);
	raw_say(&r, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
	CHECK(raw_has(&r, "text/event-stream") && raw_has(&r, "data: first\n\n"));
	CHECK(strstr(r.text, "no-store") != NULL);
	/* quiet for longer than the idle timeout, then on */
	CHECK(!raw_ends(&r, 1500) && a.stream != NULL);
	for (int i = 0; i < 300; i++) {
		char text[32];
		(void)snprintf(text, sizeof text, "data: %d\n\n", i);
		CHECK(http_stream_write(a.stream, slice_str(text)) == OK);
		if (i % 7 == 0)
			(void)loop_step(a.loop, 1);
	}
	CHECK(raw_has(&r, "data: 299\n\n"));
	const char *at = r.text;
	for (int i = 0; i < 300; i++) { /* all of them, in order */
		char text[32];
		(void)snprintf(text, sizeof text, "data: %d\n\n", i);
		at = strstr(at, text);
		CHECK(at != NULL);
	}
	CHECK(http_stream_write(a.stream, slice_str("data: last\n\n")) == OK);
	http_stream_end(a.stream);
	http_stream_end(a.stream);
	CHECK(a.closed == 0);
	CHECK(raw_has(&r, "data: last\n\n") && raw_has(&r, "\r\n0\r\n\r\n"));
	wait_for(a.loop, &a.closed, 1);
	/* the connection serves on */
	raw_say(&r, "GET /next HTTP/1.1\r\nHost: h\r\n\r\n");
	CHECK(raw_has(&r, "GET /next"));
	raw_close(&r);

	/* the client goes away while nothing is written */
	raw_open(&r, &a);
	raw_say(&r, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
	CHECK(raw_has(&r, "data: first\n\n"));
	raw_close(&r);
	wait_for(a.loop, &a.closed, 2);

	/* a client that says more than it should while it listens */
	raw_open(&r, &a);
	raw_say(&r, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
	CHECK(raw_has(&r, "data: first\n\n"));
	raw_say(&r, "GET /pipelined HTTP/1.1\r\nHost: h\r\n\r\n");
	for (int i = 0; i < 10; i++)
		(void)loop_step(a.loop, 5);
	CHECK(http_stream_write(a.stream, slice_str("data: more\n\n")) == OK);
	CHECK(raw_has(&r, "data: more\n\n"));
	http_stream_end(a.stream);
	CHECK(raw_has(&r, "GET /pipelined"));
	raw_close(&r);
	CHECK(a.closed == 3);
	app_down(&a);
}

/* A client that never reads: its backlog fills, the stream is closed, and says so once. */
static void test_stream_backlog(void)
{
	struct app a;
	static struct raw r;
	static uint8_t piece[1024];
	app_up(&a, &(struct http_server_config){0});
	a.backlog_max = 100000;
	raw_open(&r, &a);
	raw_say(&r, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
	CHECK(raw_has(&r, "data: first\n\n"));
	loop_fd_remove(a.loop, r.fd); /* deaf from here on */
	enum err err = OK;
	unsigned written = 0;
	for (; err == OK && written < 100000; written++) {
		err = http_stream_write(a.stream, slice_of(piece, sizeof piece));
		(void)loop_step(a.loop, 0);
	}
	CHECK(err == ERR_FULL && written > 90);
	if (a.stream != NULL)
		CHECK(http_stream_write(a.stream, slice_str("x")) == ERR_FULL);
	wait_for(a.loop, &a.closed, 1);
	(void)loop_step(a.loop, 20);
	CHECK(a.closed == 1);
	sock_close(r.fd);

	/* more than the bound in one piece, while nothing was sent */
	static uint8_t large[100001];
	raw_open(&r, &a);
	raw_say(&r, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
	CHECK(raw_has(&r, "data: first\n\n"));
	CHECK(http_stream_write(a.stream, slice_of(large, sizeof large)) == ERR_FULL);
	wait_for(a.loop, &a.closed, 2);
	CHECK(raw_ends(&r, 5000));
	raw_close(&r);
	app_down(&a);
}

/* Answers to clients that have gone, and after the server has. */
static void test_dead_exchanges(void)
{
	struct app a;
	static struct raw r;
	app_up(&a, &(struct http_server_config){0});
	raw_open(&r, &a);
	raw_say(&r, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
	wait_for(a.loop, &a.handled, 1);
	raw_close(&r);
	for (int i = 0; i < 10; i++)
		(void)loop_step(a.loop, 5);
	CHECK(http_stream_begin(a.held, "text/plain", 10, on_stream_closed, &a) == OK);
	wait_for(a.loop, &a.closed, 1);

	raw_open(&r, &a);
	raw_say(&r, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
	wait_for(a.loop, &a.handled, 2);
	raw_close(&r);
	http_answer(a.held, 200, "text/plain", slice_str("nobody"));
	for (int i = 0; i < 10; i++)
		(void)loop_step(a.loop, 5);

	static struct raw stream;
	raw_open(&r, &a);
	raw_open(&stream, &a);
	raw_say(&r, "POST /hold?q=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody");
	raw_say(&stream, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
	wait_for(a.loop, &a.handled, 4);
	CHECK(raw_has(&stream, "first"));
	http_server_destroy(a.server);
	CHECK(a.closed == 2);
	CHECK(strcmp(http_path(a.held), "/hold") == 0);
	CHECK(strcmp(http_query(a.held, "q"), "1") == 0);
	CHECK(http_body(a.held).len == 4);
	CHECK(http_stream_begin(a.held, "text/plain", 10, on_stream_closed, &a) == ERR_UNAVAILABLE);
	http_set_header(a.held, "X-A", "b");
	http_answer(a.held, 200, "text/plain", slice_str("nobody"));
	CHECK(raw_ends(&r, 5000) && raw_ends(&stream, 5000));
	raw_close(&r);
	raw_close(&stream);
	net_thread_destroy(a.net);
	loop_destroy(a.loop);
}

static void test_create_errors(void)
{
	struct app a;
	struct http_server *other;
	app_up(&a, &(struct http_server_config){0});
	struct http_server_config c = {.bind = "127.0.0.1", .port = http_server_port(a.server)};
	CHECK(http_server_create(&other, a.loop, &c, handle, &a) == ERR_EXISTS);
	c = (struct http_server_config){.bind = "localhost"};
	CHECK(http_server_create(&other, a.loop, &c, handle, &a) == ERR_FORMAT);
	c = (struct http_server_config){.bind = "203.0.113.7"};
	CHECK(http_server_create(&other, a.loop, &c, handle, &a) == ERR_IO);
	struct loop *virtual_loop;
	CHECK(loop_create(&virtual_loop, &(struct loop_config){.virtual_time = true}) == OK);
	c = (struct http_server_config){.bind = "127.0.0.1"};
	CHECK(http_server_create(&other, virtual_loop, &c, handle, &a) == ERR_STATE);
	loop_destroy(virtual_loop);
	app_down(&a);
}

int main(void)
{
	for (int i = 0; i < 2; i++) {
		threaded = i == 1;
		test_request_parts();
		test_body_bounds();
		test_hostile();
		test_too_many_connections();
		test_streams();
		test_stream_backlog();
		test_dead_exchanges();
		test_create_errors();
		test_many();
	}
	test_slow();
	return 0;
}
