#include "net/http_conn.h"

/* ---- the bound on what is not whole ---- */

static void unpause(struct http_pool *pool)
{
	struct http_conn *conn;
	while ((conn = pool->first_paused) != NULL &&
		(pool->held <= pool->partial_max || pool->favoured == NULL)) {
		pool->first_paused = conn->next_paused;
		if (pool->first_paused == NULL)
			pool->last_paused = NULL;
		conn->paused = false;
		if (pool->held > pool->partial_max)
			pool->favoured = conn;
		stream_resume(pool->streams, conn->stream);
	}
}

static void keep_to_bound(struct http_conn *conn)
{
	struct http_pool *pool = conn->pool;
	if (pool->held <= pool->partial_max || pool->favoured == conn || conn->paused)
		return;
	if (pool->favoured == NULL) {
		pool->favoured = conn;
		return;
	}
	stream_pause(pool->streams, conn->stream);
	conn->paused = true;
	conn->next_paused = NULL;
	if (pool->last_paused != NULL)
		pool->last_paused->next_paused = conn;
	else
		pool->first_paused = conn;
	pool->last_paused = conn;
}

static void take_off_paused(struct http_conn *conn)
{
	struct http_pool *pool = conn->pool;
	struct http_conn *before = NULL;
	for (struct http_conn *at = pool->first_paused; at != conn; at = at->next_paused)
		before = at;
	if (before != NULL)
		before->next_paused = conn->next_paused;
	else
		pool->first_paused = conn->next_paused;
	if (pool->last_paused == conn)
		pool->last_paused = before;
	conn->paused = false;
}

/* Its answer is whole, or is no more. */
static void hold_no_more(struct http_conn *conn)
{
	struct http_pool *pool = conn->pool;
	if (conn->paused)
		take_off_paused(conn);
	pool->held -= conn->held;
	conn->held = 0;
	if (pool->favoured == conn)
		pool->favoured = NULL;
	unpause(pool);
}

/* False: over the call's bound, or no memory. */
static bool add(struct http_conn *conn, struct slice body)
{
	struct http_open *open = &conn->call->open;
	const size_t before = open->answer_cap;
	if (body.len > 0 && http_open_add(open, body, conn->response.length) != OK)
		return false;
	conn->held += open->answer_cap - before;
	conn->pool->held += open->answer_cap - before;
	return true;
}

/* ---- the end of a call, the end of a connection ---- */

static struct http_pool_call *let_go(struct http_conn *conn)
{
	struct http_pool_call *call = conn->call;
	conn->call = NULL;
	if (call != NULL)
		call->conn = NULL;
	hold_no_more(conn);
	return call;
}

void http_conn_kill(struct http_conn *conn)
{
	struct http_pool *pool = conn->pool;
	struct http_host *host = conn->host;
	if (conn->state == HTTP_DEAD)
		return;
	if (conn->state == HTTP_IDLE)
		http_pool_unready(conn);
	if (conn->state == HTTP_CONNECTING)
		host->connecting--;
	(void)let_go(conn);
	conn->state = HTTP_DEAD;
	conn->host = NULL; /* it may go before the connection is closed */
	host->conn_count--;
	pool->conn_count--;
	loop_timer_cancel(pool->loop, &conn->next_attempt);
	for (uint32_t i = 0; i < conn->attempt_count; i++)
		if (conn->attempt[i].open)
			stream_close(pool->streams, conn->attempt[i].stream);
}

void http_conn_free(struct http_conn *conn)
{
	struct http_pool *pool = conn->pool;
	loop_timer_cancel(pool->loop, &conn->next_attempt);
	if (conn->prev != NULL)
		conn->prev->next = conn->next;
	else
		pool->conn = conn->next;
	if (conn->next != NULL)
		conn->next->prev = conn->prev;
	if (conn->sending != NULL)
		http_bytes_drop(pool, conn->sending);
	net_pool_delete(&pool->memory, LINK_NET, conn, sizeof *conn);
}

static void fail(struct http_conn *conn, enum err err, const char *detail)
{
	struct http_host *host = conn->host;
	struct http_pool_call *call = let_go(conn);
	http_conn_kill(conn);
	http_host_pump(host);
	http_pool_end(call, &(struct http_answer){.err = err, .detail = detail});
}

/* last: of the body, and not copied: most answers come in one piece. */
static void whole(struct http_conn *conn, struct slice last, bool clean)
{
	struct http_host *host = conn->host;
	struct http_pool_call *call = conn->call;
	struct http_answer answer = {.status = conn->response.status, .detail = ""};
	const bool copy = call->open.answer_len > 0;
	if (copy ? !add(conn, last) : last.len > call->open.answer_max) {
		fail(conn, ERR_FULL, "the answer is too long");
		return;
	}
	answer.body = copy ? slice_of(call->open.answer, call->open.answer_len) : last;
	const bool keep = clean && conn->response.keep_alive &&
		!stream_is_sending(conn->pool->streams, conn->stream);
	(void)let_go(conn);
	if (keep) {
		http_bytes_drop(conn->pool, conn->sending);
		conn->sending = NULL;
		conn->served++;
		conn->pool->current = conn;
		http_pool_ready(conn);
	} else {
		http_conn_kill(conn);
		http_host_pump(host);
	}
	http_pool_end(call, &answer);
	conn->pool->current = NULL;
}

/* The connection says something, or ends, before it was asked: nothing has left yet. */
static void unasked(struct http_conn *conn)
{
	struct http_pool_call *call = conn->call;
	call->sent = call->again;
	if (conn->served == 0) {
		fail(conn, call->sent ? ERR_IO : ERR_UNAVAILABLE,
			"the other side does not wait for a request");
		return;
	}
	(void)let_go(conn);
	http_conn_kill(conn);
	http_pool_wait(call);
}

/* ---- what streams tell ---- */

static bool is_announced_too_long(const struct http_conn *conn)
{
	const struct http_response *r = &conn->response;
	return r->head_whole && r->length != HTTP_RESPONSE_LENGTH_UNKNOWN &&
		r->length > conn->call->open.answer_max;
}

static void take(struct http_conn *conn, struct slice in)
{
	struct http_response *r = &conn->response;
	struct slice last = slice_of(NULL, 0);
	enum err err = ERR_SHORT;
	bool fits = true;
	while (in.len > 0 && err == ERR_SHORT && fits) {
		struct slice body;
		err = http_response_take(r, &in, &body);
		if (err == ERR_SHORT)
			fits = !is_announced_too_long(conn);
		if (body.len == 0)
			continue;
		fits = fits && add(conn, last);
		last = body;
	}
	if (err == ERR_FORMAT && !r->too_long)
		fail(conn, ERR_IO, r->flaw);
	else if (err == ERR_FORMAT || !fits)
		fail(conn, ERR_FULL, "the answer is too long");
	else if (err == OK)
		whole(conn, last, in.len == 0);
	else if (!add(conn, last))
		fail(conn, ERR_FULL, "the answer is too long");
	else
		keep_to_bound(conn);
}

static void on_received(void *ctx, struct stream s, struct slice bytes)
{
	struct http_conn *conn = ((struct http_attempt *)ctx)->conn;
	if (conn->state == HTTP_BUSY && !stream_has_begun(conn->pool->streams, s))
		unasked(conn);
	else if (conn->state == HTTP_BUSY)
		take(conn, bytes);
	else if (conn->state == HTTP_IDLE) /* an answer to nothing: who knows to what the next is */
		http_conn_kill(conn);
}

/* What a node does with a connection that it has kept for long enough may cross our request on the
 * way: it goes again, once. */
static bool may_go_again(const struct http_conn *conn)
{
	return !conn->response.begun && conn->served > 0 && !conn->call->again;
}

static void on_ended(void *ctx, struct stream s, enum err err)
{
	struct http_conn *conn = ((struct http_attempt *)ctx)->conn;
	if (conn->state == HTTP_IDLE)
		http_conn_kill(conn);
	else if (conn->state == HTTP_BUSY && !stream_has_begun(conn->pool->streams, s))
		unasked(conn);
	if (conn->state != HTTP_BUSY)
		return;
	struct http_response *r = &conn->response;
	if (err == OK && r->head_whole && http_response_end(r) == OK) {
		whole(conn, slice_of(NULL, 0), false);
	} else if (may_go_again(conn)) {
		struct http_pool_call *call = let_go(conn);
		http_conn_kill(conn);
		call->again = true;
		http_pool_wait(call);
	} else {
		fail(conn, ERR_IO,
			r->begun ? "the connection ended within the answer"
				 : "the connection ended before an answer");
	}
}

static void on_closed(void *ctx)
{
	struct http_attempt *a = ctx;
	struct http_conn *conn = a->conn;
	struct http_pool *pool = conn->pool;
	a->open = false;
	conn->open_count--;
	if (conn->state != HTTP_DEAD || conn->open_count > 0)
		return;
	http_conn_free(conn);
	http_pool_relieved(pool);
}

/* ---- connecting ---- */

static void on_connected(void *ctx, struct stream s, enum err err);

static const struct stream_events events = {
	.received = on_received,
	.ended = on_ended,
	.closed = on_closed, /* no `sent`: the answer tells as much */
	.connected = on_connected,
};

static void on_attempt_timer(void *ctx);

/* The next address that can be tried at all. */
static void try_next(struct http_conn *conn)
{
	const struct http_host *host = conn->host;
	struct http_pool *pool = conn->pool;
	while (conn->attempt_count < host->address_count) {
		struct http_attempt *a = &conn->attempt[conn->attempt_count];
		a->conn = conn;
		a->address = (host->preferred + conn->attempt_count) % host->address_count;
		conn->attempt_count++;
		const enum err err = stream_connect(pool->streams, &a->stream,
			host->address[a->address], host->port, &events, a);
		if (err == OK) {
			a->open = true;
			conn->open_count++;
			/* without a timer the next one waits until this one has failed */
			if (conn->attempt_count < host->address_count)
				(void)!loop_timer_set(pool->loop, &conn->next_attempt,
					HTTP_ATTEMPT_MS, on_attempt_timer, conn);
			return;
		}
		conn->failed_count++;
		conn->failed_with = err;
	}
}

static void on_attempt_timer(void *ctx)
{
	struct http_conn *conn = ctx;
	conn->next_attempt.id = 0;
	try_next(conn);
}

static void attempt_failed(struct http_conn *conn, struct http_attempt *a, enum err err)
{
	struct http_host *host = conn->host;
	stream_close(conn->pool->streams, a->stream);
	conn->failed_count++;
	conn->failed_with = err;
	loop_timer_cancel(conn->pool->loop, &conn->next_attempt);
	try_next(conn);
	if (conn->failed_count < conn->attempt_count)
		return;
	http_conn_kill(conn);
	http_pool_unreachable(host, err);
	http_host_pump(host);
}

static void on_connected(void *ctx, struct stream s, enum err err)
{
	struct http_attempt *a = ctx;
	struct http_conn *conn = a->conn;
	struct http_pool *pool = conn->pool;
	if (conn->state != HTTP_CONNECTING)
		return;
	if (err != OK) {
		attempt_failed(conn, a, err);
		return;
	}
	loop_timer_cancel(pool->loop, &conn->next_attempt);
	for (uint32_t i = 0; i < conn->attempt_count; i++)
		if (conn->attempt[i].open && &conn->attempt[i] != a)
			stream_close(pool->streams, conn->attempt[i].stream);
	conn->stream = s;
	conn->host->preferred = a->address;
	conn->host->connecting--;
	conn->state = HTTP_BUSY; /* for the moment: nobody else may have it */
	http_pool_ready(conn);
}

enum err http_conn_open(struct http_host *host)
{
	struct http_pool *pool = host->pool;
	struct http_conn *conn = net_pool_new(&pool->memory, LINK_NET, sizeof *conn);
	if (conn == NULL)
		return ERR_FULL;
	*conn = (struct http_conn){.pool = pool, .host = host, .failed_with = ERR_UNAVAILABLE};
	conn->next = pool->conn;
	if (conn->next != NULL)
		conn->next->prev = conn;
	pool->conn = conn;
	try_next(conn);
	if (conn->open_count == 0) {
		const enum err err = conn->failed_with;
		http_conn_free(conn);
		return err;
	}
	host->conn_count++;
	host->connecting++;
	pool->conn_count++;
	return OK;
}

void http_conn_serve(struct http_conn *conn, struct http_pool_call *call)
{
	conn->state = HTTP_BUSY;
	conn->call = call;
	call->conn = conn;
	call->sent = true;
	conn->sending = call->request;
	conn->sending->refs++;
	http_response_init(&conn->response, call->head_only);
	CHECK(stream_send(conn->pool->streams, conn->stream,
		      slice_of(call->request->bytes, call->request->len)) == OK);
}
