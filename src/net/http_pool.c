#include "net/http_pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/buf.h"
#include "net/http_conn.h"
#include "net/http_url.h"

#define LENGTH_DIGITS 24u
#define STREAMS_EACH 2u /* of a connection: one that is being closed, or another address */
#define STREAMS_SPARE 16u
#define BUFFER_SIZE 8192u

static struct http_pool_call *call_of(struct http_open *open)
{
	return (struct http_pool_call *)(void *)open;
}

/* ---- queues ---- */

static void queue_push(struct http_queue *q, struct http_pool_call *call)
{
	call->queued = true;
	call->next = NULL;
	call->prev = q->last;
	if (q->last != NULL)
		q->last->next = call;
	else
		q->first = call;
	q->last = call;
	q->count++;
}

static struct http_pool_call *queue_take(struct http_queue *q, struct http_pool_call *call)
{
	if (call->prev != NULL)
		call->prev->next = call->next;
	else
		q->first = call->next;
	if (call->next != NULL)
		call->next->prev = call->prev;
	else
		q->last = call->prev;
	call->queued = false;
	q->count--;
	return call;
}

static struct http_queue *queue_of(const struct http_pool_call *call)
{
	return call->again ? &call->host->again : &call->host->waiting;
}

/* ---- what is sent ---- */

void http_bytes_drop(struct http_pool *pool, struct http_bytes *bytes)
{
	struct net_text room = bytes->room;
	if (--bytes->refs > 0)
		return;
	bytes_wipe(bytes->bytes, bytes->len); /* a password may be among them */
	net_text_drop(&room, &pool->memory, LINK_NET);
}

/* Texts, each NULL or more of the head. */
static struct http_bytes *bytes_make(struct http_pool *pool, const char *const *text, size_t count,
	const struct http_url *url, struct slice body)
{
	struct net_text room;
	size_t size = url->path.len + url->query.len + url->authority.len + body.len;
	for (size_t i = 0; i < count; i++)
		size += text[i] == NULL ? 0 : strlen(text[i]);
	if (!net_text_make(&room, &pool->memory, LINK_NET, sizeof(struct http_bytes) + size))
		return NULL;
	struct http_bytes *bytes = (struct http_bytes *)(void *)room.ptr;
	*bytes = (struct http_bytes){.room = room, .refs = 1, .len = size};
	return bytes;
}

static struct http_bytes *request_make(struct http_pool *pool, const struct http_request *request,
	const struct http_url *url, bool has_length)
{
	char length[LENGTH_DIGITS] = "";
	const char *const text[] = {/* 0: the request line */
		request->method, " ", url->path.len == 0 ? "/" : "", " HTTP/1.1\r\nHost: ",
		/* 4: after the host */
		"\r\nUser-Agent: sluice\r\nAccept: */*\r\n",
		request->content_type == NULL ? NULL : "Content-Type: ", request->content_type,
		request->content_type == NULL ? NULL : "\r\n",
		request->authorization == NULL ? NULL : "Authorization: ", request->authorization,
		request->authorization == NULL ? NULL : "\r\n", request->extra_header,
		request->extra_header == NULL ? NULL : "\r\n",
		has_length ? "Content-Length: " : NULL, has_length ? length : NULL,
		has_length ? "\r\n" : NULL, "\r\n"};
	(void)snprintf(length, sizeof length, "%zu", request->body.len);
	struct http_bytes *bytes = bytes_make(pool, text, ARRAY_LEN(text), url, request->body);
	if (bytes == NULL)
		return NULL;
	struct buf out = buf_init(bytes->bytes, bytes->len);
	for (size_t i = 0; i < ARRAY_LEN(text); i++) {
		if (text[i] != NULL)
			buf_put(&out, text[i], strlen(text[i]));
		if (i == 2) {
			buf_put(&out, url->path.ptr, url->path.len);
			buf_put(&out, url->query.ptr, url->query.len);
		} else if (i == 3) {
			buf_put(&out, url->authority.ptr, url->authority.len);
		}
	}
	buf_put(&out, request->body.ptr, request->body.len);
	CHECK(!out.overflow && out.len == bytes->len);
	return bytes;
}

/* ---- hosts ---- */

static void host_free(struct http_pool *pool, struct http_host *host)
{
	struct http_host **at = &pool->host;
	while (*at != host)
		at = &(*at)->next;
	*at = host->next;
	pool->host_count--;
	free(host);
}

static struct http_host *host_unused(struct http_pool *pool)
{
	struct http_host *found = NULL;
	for (struct http_host *h = pool->host; h != NULL; h = h->next)
		if (h->conn_count == 0 && h->again.count + h->waiting.count == 0 && !h->resolving)
			found = h; /* the last one that was asked for */
	return found;
}

/* Numeric, or a name that means this machine everywhere (RFC 6761, section 6.3). */
static void host_know(struct http_host *host)
{
	struct sock_address address;
	host->known_until_ms = UINT64_MAX;
	if (host->name_len < SOCK_ADDRESS_SIZE &&
		sock_address_parse(&address, host->name, host->port) == OK) {
		memcpy(host->address[0], host->name, host->name_len + 1);
		host->address_count = 1;
	} else if (strcasecmp(host->name, "localhost") == 0) {
		(void)snprintf(host->address[0], SOCK_ADDRESS_SIZE, "127.0.0.1");
		(void)snprintf(host->address[1], SOCK_ADDRESS_SIZE, "::1");
		host->address_count = 2;
	} else {
		host->known_until_ms = 0;
	}
}

static struct http_host *host_make(struct http_pool *pool, const struct http_url *url)
{
	if (pool->host_count == HTTP_HOSTS_MAX) {
		struct http_host *unused = host_unused(pool);
		if (unused == NULL)
			return NULL;
		host_free(pool, unused);
	}
	struct http_host *host = calloc(1, sizeof *host + url->host.len + 1);
	if (host == NULL)
		return NULL;
	host->pool = pool;
	host->port = url->port;
	host->name_len = url->host.len;
	memcpy(host->name, url->host.ptr, url->host.len);
	host_know(host);
	host->next = pool->host;
	pool->host = host;
	pool->host_count++;
	return host;
}

static struct http_host *host_get(struct http_pool *pool, const struct http_url *url)
{
	for (struct http_host **at = &pool->host; *at != NULL; at = &(*at)->next) {
		struct http_host *h = *at;
		if (h->port != url->port || h->name_len != url->host.len ||
			memcmp(h->name, url->host.ptr, h->name_len) != 0)
			continue;
		*at = h->next;
		h->next = pool->host;
		pool->host = h;
		return h;
	}
	return host_make(pool, url);
}

/* ---- names ---- */

static void end_all_waiting(struct http_host *host, const char *detail)
{
	struct http_pool_call *call;
	while ((call = host->again.first != NULL ? host->again.first : host->waiting.first) !=
		NULL) {
		(void)queue_take(queue_of(call), call);
		loop_timer_cancel(host->pool->loop, &call->deadline);
		http_open_end_later(&call->open, call->sent ? ERR_IO : ERR_UNAVAILABLE, detail);
	}
}

static void on_resolved(void *ctx, const struct resolve_answer *answer)
{
	struct http_host *host = ctx;
	const uint64_t now = loop_now_ms(host->pool->loop);
	host->resolving = false;
	if (answer->err == OK) {
		memcpy(host->address, answer->address, sizeof host->address);
		host->address_count = answer->count;
		host->preferred = 0;
		host->known_until_ms = now + HTTP_NAME_MS;
	} else if (host->address_count > 0) {
		host->known_until_ms = now + HTTP_NAME_RETRY_MS; /* old ones are better than none */
	} else {
		end_all_waiting(host,
			answer->err == ERR_NOT_FOUND ? "there is no host of this name"
						     : "the host's name can't be looked up");
	}
	http_host_pump(host);
}

/* Whether there are addresses to try now. */
static bool host_is_known(struct http_host *host)
{
	if (host->known_until_ms == UINT64_MAX ||
		loop_now_ms(host->pool->loop) < host->known_until_ms)
		return true;
	if (host->resolving)
		return false;
	if (loop_is_virtual(host->pool->loop)) { /* no other thread may answer there */
		end_all_waiting(host, "names are not looked up on a virtual loop");
		return false;
	}
	host->resolving = true;
	if (resolver_ask(host->pool->resolver, host->name, on_resolved, host) != OK) {
		host->resolving = false;
		end_all_waiting(host, "the host's name can't be looked up");
	}
	return false;
}

/* ---- which call on which connection ---- */

void http_pool_unready(struct http_conn *conn)
{
	struct http_pool *pool = conn->pool;
	CHECK(conn->state == HTTP_IDLE);
	if (conn->older != NULL)
		conn->older->newer = conn->newer;
	else
		pool->oldest = conn->newer;
	if (conn->newer != NULL)
		conn->newer->older = conn->older;
	else
		pool->newest = conn->older;
	if (conn->above != NULL)
		conn->above->below = conn->below;
	else
		conn->host->top = conn->below;
	if (conn->below != NULL)
		conn->below->above = conn->above;
	pool->idle_count--;
	CHECK(stream_deadline(pool->streams, conn->stream, 0) == OK);
}

static void put_idle(struct http_conn *conn)
{
	struct http_pool *pool = conn->pool;
	conn->state = HTTP_IDLE;
	conn->newer = conn->above = NULL;
	conn->older = pool->newest;
	if (pool->newest != NULL)
		pool->newest->newer = conn;
	else
		pool->oldest = conn;
	pool->newest = conn;
	conn->below = conn->host->top;
	if (conn->below != NULL)
		conn->below->above = conn;
	conn->host->top = conn;
	pool->idle_count++;
	if (stream_deadline(pool->streams, conn->stream, HTTP_IDLE_MS) != OK)
		http_conn_kill(conn);
	else if (pool->idle_count > pool->idle_max)
		http_conn_kill(pool->oldest);
}

void http_pool_ready(struct http_conn *conn)
{
	struct http_host *host = conn->host;
	struct http_queue *q = conn->served == 0 && host->again.first != NULL ? &host->again
									      : &host->waiting;
	if (q->first != NULL)
		http_conn_serve(conn, queue_take(q, q->first));
	else if (conn->pool->starved) /* its room is worth more to another host */
		http_conn_kill(conn);
	else
		put_idle(conn);
}

/* Idle ones make room. */
static bool has_room(struct http_host *host)
{
	struct http_pool *pool = host->pool;
	if (host->conn_count >= pool->connection_host_max) {
		if (host->top == NULL)
			return false;
		http_conn_kill(host->top);
	}
	if (pool->conn_count < pool->connection_max)
		return true;
	if (pool->oldest != NULL) {
		http_conn_kill(pool->oldest);
		return true;
	}
	pool->starved = true;
	return false;
}

void http_host_pump(struct http_host *host)
{
	struct http_pool *pool = host->pool;
	while (host->waiting.first != NULL && host->top != NULL) {
		struct http_conn *conn = host->top;
		/* one that says something unasked, or ends, is better not asked */
		if (conn != pool->current && !stream_is_quiet(pool->streams, conn->stream)) {
			http_conn_kill(conn);
			continue;
		}
		http_pool_unready(conn);
		http_conn_serve(conn, queue_take(&host->waiting, host->waiting.first));
	}
	while (host->again.count + host->waiting.count > host->connecting && host_is_known(host) &&
		has_room(host)) {
		const enum err err = http_conn_open(host);
		if (err == OK)
			continue;
		if (err == ERR_FULL && pool->conn_count > 0) {
			/* for want of descriptors, perhaps: when one is closed */
			pool->starved = true;
			if (pool->oldest != NULL)
				http_conn_kill(pool->oldest);
			return;
		}
		http_pool_unreachable(host, err);
	}
}

void http_pool_relieved(struct http_pool *pool)
{
	if (!pool->starved)
		return;
	pool->starved = false;
	for (struct http_host *h = pool->host; h != NULL; h = h->next)
		http_host_pump(h);
}

void http_pool_unreachable(struct http_host *host, enum err err)
{
	struct http_pool_call *call = host->again.first != NULL ? host->again.first
								: host->waiting.first;
	if (call == NULL)
		return; /* somebody else's connection came free for it */
	(void)queue_take(queue_of(call), call);
	loop_timer_cancel(host->pool->loop, &call->deadline);
	const char *detail = err == ERR_FULL ? "no room for another connection"
		: err == ERR_TIMEOUT         ? "the host does not answer"
		: err == ERR_UNAVAILABLE     ? "nobody listens there, or there is no way"
					     : "no connection";
	http_open_end_later(&call->open, call->sent ? ERR_IO : ERR_UNAVAILABLE, detail);
}

void http_pool_wait(struct http_pool_call *call)
{
	queue_push(queue_of(call), call);
	http_host_pump(call->host);
}

/* ---- calls ---- */

void http_pool_end(struct http_pool_call *call, const struct http_answer *answer)
{
	loop_timer_cancel(call->pool->loop, &call->deadline);
	http_open_end(&call->open, answer);
}

static void withdraw(struct http_open *open)
{
	struct http_pool_call *call = call_of(open);
	loop_timer_cancel(call->pool->loop, &call->deadline);
	if (call->queued)
		(void)queue_take(queue_of(call), call);
	if (call->conn == NULL)
		return;
	http_conn_kill(call->conn);
	http_host_pump(call->host);
}

static void release(struct http_open *open)
{
	struct http_pool_call *call = call_of(open);
	CHECK(call->conn == NULL && !call->queued && call->deadline.id == 0);
	if (call->request != NULL)
		http_bytes_drop(call->pool, call->request);
	free(call->open.answer);
	net_pool_delete(&call->pool->memory, LINK_NET, call, sizeof *call);
}

static const struct http_way way = {.withdraw = withdraw, .release = release};

static void on_deadline(void *ctx)
{
	struct http_pool_call *call = ctx;
	call->deadline.id = 0;
	withdraw(&call->open);
	http_pool_end(call,
		&(struct http_answer){.err = call->sent ? ERR_TIMEOUT : ERR_UNAVAILABLE,
			.detail = call->sent ? "no answer in time" : "no connection in time"});
}

enum err http_pool_send(struct http_pool *pool, struct http_open **out,
	const struct http_request *request, http_answer_cb cb, void *ctx)
{
	struct http_url url;
	TRY(http_url_parse(&url, request->url));
	struct http_host *host = host_get(pool, &url);
	struct http_pool_call *call = host == NULL
		? NULL
		: net_pool_new(&pool->memory, LINK_NET, sizeof *call);
	if (call == NULL)
		return ERR_FULL;
	http_open_init(&call->open, pool->client, &way, request, cb, ctx);
	call->pool = pool;
	call->host = host;
	call->head_only = strcmp(request->method, "HEAD") == 0;
	const bool bare = call->head_only || strcmp(request->method, "GET") == 0;
	call->request = request_make(pool, request, &url, !bare || request->body.len > 0);
	const uint64_t timeout_ms = request->timeout_ms == 0 ? HTTP_TIMEOUT_DEFAULT_MS
							     : request->timeout_ms;
	if (call->request == NULL ||
		loop_timer_set(pool->loop, &call->deadline, timeout_ms, on_deadline, call) != OK) {
		release(&call->open);
		return ERR_FULL;
	}
	queue_push(&host->waiting, call);
	http_host_pump(host);
	*out = &call->open;
	return OK;
}

/* ---- life ---- */

enum err http_pool_create(
	struct http_pool **out, struct http_real *client, const struct http_client_config *config)
{
	struct http_pool *pool = calloc(1, sizeof *pool);
	if (pool == NULL)
		return ERR_FULL;
	pool->client = client;
	pool->loop = client->base.loop;
	const uint32_t calls_max = http_calls_bound(config);
	pool->connection_max = config->connection_max != 0 ? config->connection_max
		: calls_max < HTTP_CONNECTIONS_MAX_DEFAULT ? calls_max
							   : HTTP_CONNECTIONS_MAX_DEFAULT;
	pool->connection_host_max = config->connection_host_max == 0 ? pool->connection_max
								     : config->connection_host_max;
	pool->idle_max = config->idle_max == 0 ? HTTP_IDLE_MAX_DEFAULT : config->idle_max;
	pool->partial_max = config->partial_max == 0 ? HTTP_PARTIAL_MAX : config->partial_max;
	const uint32_t stream_max = STREAMS_EACH * pool->connection_max + STREAMS_SPARE;
	const struct slab_need need[] = {
		{.size = sizeof(struct http_pool_call), .count = calls_max},
		{.size = sizeof(struct http_conn), .count = stream_max}};
	enum err err = net_pool_init(&pool->memory, "node_requests", need, ARRAY_LEN(need),
		(size_t)calls_max + stream_max);
	if (err == OK)
		err = streams_create(&pool->streams, pool->loop,
			&(struct streams_config){.stream_max = stream_max,
				.buffer_size = BUFFER_SIZE,
				.by_readiness = config->by_readiness});
	if (err == OK)
		err = resolver_create(&pool->resolver, pool->loop, config->lookup);
	if (err != OK) {
		http_pool_destroy(pool);
		return err;
	}
	*out = pool;
	return OK;
}

const struct net_pool *http_pool_memory(const struct http_pool *pool)
{
	return &pool->memory;
}

void http_pool_destroy(struct http_pool *pool)
{
	if (pool == NULL)
		return;
	streams_destroy(pool->streams); /* from here on nothing of ours is being sent */
	resolver_destroy(pool->resolver);
	while (pool->conn != NULL)
		http_conn_free(pool->conn);
	while (pool->host != NULL)
		host_free(pool, pool->host);
	net_pool_fini(&pool->memory);
	free(pool);
}
