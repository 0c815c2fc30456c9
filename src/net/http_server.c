#include "net/http_exchange.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
#include "net/net_thread.h"
#include "sys/sock.h"

#define CONNECTION_MAX_DEFAULT 1024u
#define CONNECTION_SPARE 64u /* accepted beyond the bound, to be told so */
#define BODY_MAX_DEFAULT (64u << 10)
#define IDLE_TIMEOUT_DEFAULT_S 30u
#define PATIENCE_FACTOR 2u /* idle timeouts that a whole request or answer may take */
#define DISCARD_MAX                                                                                \
	(1u << 20) /* of a body over the bound, read so that the client sees the 413               \
		    */
#define STREAM_BLOCK 16384u
#define WAITING_MAX_DEFAULT 1024u
#define WAITING_DEFAULT_MS 5000u
#define RETRY_AFTER_S "1"
/* Exchanges for each connection: one that is served, and one that is over but was not freed yet. */
#define EXCHANGES_EACH 2u
#define TEXTS_EACH 5u /* of an exchange: request, body, answer, two headers of it */

struct http_server {
	struct net_thread *net;    /* NULL: the door is on the owner's loop */
	struct loop *loop;         /* the door's */
	struct MHD_Daemon *daemon; /* owned */
	struct link *link;         /* owned */
	struct net_pool memory;    /* of connections and exchanges */
	struct http_owner owner;
	int epoll_fd; /* the library's */
	uint16_t port;
	bool closed; /* the owner's: destroyed, and an exchange is still to be answered */
	size_t body_max;
	uint32_t connection_count, connection_max;
	uint64_t patience_ms, waiting_ms; /* waiting_ms 0: everything is on one thread */
	struct loop_timer timer;          /* the library's next deadline */
	struct visit *first;
	bool running; /* inside the library */
	bool resumed; /* something was, since the library last ran: it has no descriptor for that */
};

/* One client's connection. The library owns its descriptor. */
struct conn {
	struct http_server *server;
	int fd;
	struct loop_timer patience; /* ends it while a request or an answer is on its way */
	struct visit *watching;     /* a quiet stream: tells when the client goes away */
	bool surplus;               /* came when there were enough: its request is refused */
	char peer[SOCK_ADDRESS_SIZE];
};

enum state {
	RECEIVING, /* the request's body */
	HANDED,    /* to the owner; not answered */
	ANSWERED,
	STREAM,
};

/* The door's half of an exchange. */
struct visit {
	struct http_exchange x; /* first */
	struct http_server *server;
	struct MHD_Connection *connection; /* NULL: the client is gone, or was answered */
	struct conn *conn;
	struct visit *prev, *next; /* in the server's list, while there is a connection */
	enum state state;
	bool entered; /* counted by the link: the owner has heard of it */
	bool suspended;
	bool ending, broken;     /* a stream: after what is left; at once */
	unsigned refusal;        /* RECEIVING: the status that it will be refused with, or 0 */
	struct net_text request; /* owned: what the owner sees of it, but for the body */
	struct net_text body;    /* owned */
	size_t body_len, discarded;
	struct MHD_Response *response; /* owned: waits to be queued */
};

static void server_arm(struct http_server *server);
static void end_if_empty(struct http_server *server);

static struct visit *visit_of(struct link_item *item)
{
	return (struct visit *)(void *)item;
}

/* ---- visits ---- */

static void visit_free(struct visit *v)
{
	CHECK(v->connection == NULL);
	if (v->response != NULL)
		MHD_destroy_response(v->response);
	struct net_pool *memory = v->x.pool;
	http_exchange_fini(&v->x);
	net_text_drop(&v->request, memory, LINK_NET);
	net_text_drop(&v->body, memory, LINK_NET);
	net_pool_delete(memory, LINK_NET, v, sizeof *v);
}

static struct visit *visit_make(struct conn *conn, struct MHD_Connection *connection)
{
	struct visit *v = net_pool_new(&conn->server->memory, LINK_NET, sizeof *v);
	if (v == NULL)
		return NULL;
	v->x.pool = &conn->server->memory;
	v->server = conn->server;
	v->conn = conn;
	v->connection = connection;
	v->next = v->server->first;
	if (v->next != NULL)
		v->next->prev = v;
	v->server->first = v;
	return v;
}

static void unwatch(struct conn *conn)
{
	if (conn->watching == NULL)
		return;
	loop_fd_remove(conn->server->loop, conn->fd);
	conn->watching = NULL;
}

static void resume(struct visit *v)
{
	if (!v->suspended)
		return;
	unwatch(v->conn);
	v->suspended = false;
	MHD_resume_connection(v->connection);
	v->server->resumed = true;
	if (!v->server->running)
		server_arm(v->server);
}

static void on_watched(void *ctx, int fd, unsigned ready)
{
	struct conn *conn = ctx;
	struct visit *v = conn->watching;
	(void)ready;
	CHECK(v != NULL && v->suspended);
	unwatch(conn); /* bytes that nobody asked for would be reported for ever */
	if (!sock_is_ended(fd))
		return;
	v->broken = true;
	resume(v);
}

/* A quiet stream: nobody but us would see the client go away. */
static void suspend(struct visit *v)
{
	v->suspended = true;
	MHD_suspend_connection(v->connection);
	if (v->state == STREAM &&
		loop_fd_set(v->server->loop, v->conn->fd, LOOP_READ, on_watched, v->conn) == OK)
		v->conn->watching = v;
}

/* ---- patience ---- */

static void on_patience(void *ctx)
{
	struct conn *conn = ctx;
	conn->patience.id = 0;
	sock_shut(conn->fd); /* the library sees the end of the stream and cleans up */
}

static void timer_start(struct conn *conn, uint64_t delay_ms, loop_cb cb, void *ctx)
{
	struct loop *loop = conn->server->loop;
	loop_timer_cancel(loop, &conn->patience);
	if (loop_timer_set(loop, &conn->patience, delay_ms, cb, ctx) != OK)
		sock_shut(conn->fd);
}

static void patience_start(struct conn *conn)
{
	timer_start(conn, conn->server->patience_ms, on_patience, conn);
}

static void patience_stop(struct conn *conn)
{
	loop_timer_cancel(conn->server->loop, &conn->patience);
}

/* ---- answers ---- */

static void add_headers(struct visit *v)
{
	const struct http_exchange *x = &v->x;
	(void)MHD_add_response_header(v->response, "Content-Type", x->content_type);
	for (uint32_t i = 0; i < x->answer_header_count; i++)
		(void)MHD_add_response_header(v->response, x->answer_header[i].name,
			(const char *)x->answer_header[i].value.ptr);
}

/* Inside the library's call for this connection only. */
static enum MHD_Result queue_response(struct visit *v)
{
	if (v->state == STREAM)
		patience_stop(v->conn);
	else
		patience_start(v->conn);
	const enum MHD_Result ok = MHD_queue_response(v->connection, v->x.status, v->response);
	MHD_destroy_response(v->response); /* the queue has its own reference */
	v->response = NULL;
	return ok;
}

/* What never reaches the handler is answered in the form of its own problems. */
static enum MHD_Result refuse(struct visit *v, unsigned status, const char *detail)
{
	static const char text[] =
		"{\"type\":\"urn:sluice:problem:%s\",\"title\":\"%s\",\"status\":%u,"
		"\"detail\":\"%s\",\"code\":\"%s\",\"retryable\":%s,\"funds_state\":\"none\"}";
	char body[320], at_most[48];
	const bool large = status == MHD_HTTP_CONTENT_TOO_LARGE;
	const char *code = large ? "body_too_large" : "overloaded";
	const char *title = large ? "The body is too large" : "Too much at once";
	(void)snprintf(at_most, sizeof at_most, "at most %zu bytes", v->server->body_max);
	if (large)
		detail = at_most;
	const int len = snprintf(body, sizeof body, text, code, title, status, detail, code,
		large ? "false" : "true");
	v->x.status = status;
	v->response = MHD_create_response_from_buffer((size_t)len, body, MHD_RESPMEM_MUST_COPY);
	if (v->response == NULL)
		return MHD_NO;
	(void)MHD_add_response_header(v->response, "Content-Type", "application/problem+json");
	if (v->state == RECEIVING) /* some of it may not have been read */
		(void)MHD_add_response_header(v->response, "Connection", "close");
	if (!large)
		(void)MHD_add_response_header(v->response, "Retry-After", RETRY_AFTER_S);
	v->state = ANSWERED;
	return queue_response(v);
}

/* Nobody looked at the request in time: it is taken back, unless somebody just did. */
static void on_waiting(void *ctx)
{
	struct visit *v = ctx;
	v->conn->patience.id = 0;
	if (!link_amend(
		    v->server->link, LINK_OWNER, &v->x.item, HTTP_POST_REQUEST, HTTP_POST_EXPIRED))
		return;
	v->state = ANSWERED;
	v->refusal = MHD_HTTP_SERVICE_UNAVAILABLE;
	resume(v);
}

/* From here on it is we who are waited for. */
static void waiting_start(struct visit *v)
{
	if (v->server->waiting_ms == 0)
		patience_stop(v->conn);
	else
		timer_start(v->conn, v->server->waiting_ms, on_waiting, v);
}

static void make_answer(struct visit *v)
{
	struct http_exchange *x = &v->x;
	v->state = ANSWERED;
	if (!x->no_memory) /* ours until on_completed, after which nobody reads it */
		v->response = MHD_create_response_from_buffer(
			x->answer_len, x->answer.ptr, MHD_RESPMEM_PERSISTENT);
	/* without memory for an answer the connection ends */
	if (v->response != NULL)
		add_headers(v);
}

/* ---- streams ---- */

static ssize_t on_stream_read(void *ctx, uint64_t position, char *out, size_t max)
{
	struct visit *v = ctx;
	(void)position;
	if (v->broken)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	const size_t len = pieces_read(&v->x.pieces, out, max);
	if (len > 0)
		return (ssize_t)len;
	if (v->ending)
		return MHD_CONTENT_READER_END_OF_STREAM;
	suspend(v);
	return 0;
}

static void make_stream(struct visit *v)
{
	v->state = STREAM;
	v->response = MHD_create_response_from_callback(
		MHD_SIZE_UNKNOWN, STREAM_BLOCK, on_stream_read, v, NULL);
	if (v->response != NULL)
		add_headers(v);
}

/* ---- what comes from the owner ---- */

static void on_post(void *ctx, struct link_item *item, uint32_t bits)
{
	struct http_server *server = ctx;
	struct visit *v = visit_of(item);
	if (bits & HTTP_POST_FREE) {
		visit_free(v);
		link_leave(server->link);
		end_if_empty(server);
		return;
	}
	if (v->connection == NULL)
		return;
	if (bits & HTTP_POST_ANSWER)
		make_answer(v);
	if (bits & HTTP_POST_BEGIN)
		make_stream(v);
	if (bits & HTTP_POST_END) {
		v->ending = true;
		patience_start(v->conn);
	}
	if (bits & HTTP_POST_BREAK) {
		v->broken = true;
		sock_shut(v->conn->fd); /* it may hang in a write that never ends */
	}
	resume(v);
}

/* ---- what the library calls ---- */

/* 0, or the status that it is refused with. */
static unsigned body_append(struct visit *v, const char *bytes, size_t len)
{
	const size_t want = v->body_len + len, twice = 2 * v->body.cap;
	if (len > v->server->body_max - v->body_len)
		return MHD_HTTP_CONTENT_TOO_LARGE;
	if (want > v->body.cap &&
		!net_text_grow(
			&v->body, v->x.pool, LINK_NET, v->body_len, want > twice ? want : twice))
		return MHD_HTTP_SERVICE_UNAVAILABLE;
	memcpy(v->body.ptr + v->body_len, bytes, len);
	v->body_len = want;
	return 0;
}

/* The length that the client announces; 0 where there is none that can be read. */
static uint64_t announced_length(struct MHD_Connection *connection)
{
	const char *text = MHD_lookup_connection_value(
		connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
	uint64_t n = 0;
	for (; text != NULL && *text >= '0' && *text <= '9'; text++) {
		if (n > UINT64_MAX / 16)
			return UINT64_MAX;
		n = n * 10 + (uint64_t)(*text - '0');
	}
	return n;
}

/* What handlers ask about a request, in one block: the library's own is the door's alone. Measured
 * first, with block NULL, then written. */
struct copy {
	char *block;
	size_t used, size;
	struct http_pair *pair;
	uint32_t count;
};

static const char *copy_text(struct copy *c, const char *text)
{
	char *at = c->block == NULL ? NULL : c->block + c->used;
	const size_t size = strlen(text) + 1;
	c->used += size;
	CHECK(at == NULL || c->used <= c->size);
	return at == NULL ? NULL : memcpy(at, text, size);
}

static enum MHD_Result on_pair(
	void *ctx, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct copy *c = ctx;
	(void)kind;
	const struct http_pair pair = {
		.name = copy_text(c, name), .value = copy_text(c, value == NULL ? "" : value)};
	if (c->block != NULL)
		c->pair[c->count] = pair;
	c->count++;
	return MHD_YES;
}

static void copy_request(struct copy *c, struct visit *v, const char *method, const char *url)
{
	struct http_exchange *x = &v->x;
	struct http_pair *const pair = c->pair;
	c->used = c->count = 0;
	(void)MHD_get_connection_values(v->connection, MHD_GET_ARGUMENT_KIND, on_pair, c);
	x->query = pair;
	x->query_count = c->count;
	(void)MHD_get_connection_values(v->connection, MHD_HEADER_KIND, on_pair, c);
	x->header = pair == NULL ? NULL : pair + x->query_count;
	x->header_count = c->count - x->query_count;
	x->method = copy_text(c, method);
	x->path = copy_text(c, url);
	x->peer = copy_text(c, v->conn->peer);
}

static bool take_request(struct visit *v, const char *method, const char *url)
{
	struct copy c = {.block = NULL};
	copy_request(&c, v, method, url);
	const size_t pairs = c.count * sizeof *c.pair;
	if (!net_text_make(&v->request, v->x.pool, LINK_NET, pairs + c.used))
		return false;
	c.pair = (struct http_pair *)(void *)v->request.ptr;
	c.block = (char *)v->request.ptr + pairs;
	c.size = c.used;
	copy_request(&c, v, method, url);
	return true;
}

static enum MHD_Result on_headers(struct visit *v)
{
	const struct http_server *server = v->server;
	const uint64_t length = announced_length(v->connection);
	if (v->conn->surplus)
		return refuse(v, MHD_HTTP_SERVICE_UNAVAILABLE, "too many connections");
	if (length > server->body_max + (uint64_t)DISCARD_MAX)
		return refuse(v, MHD_HTTP_CONTENT_TOO_LARGE, "");
	if (length > server->body_max)
		v->refusal = MHD_HTTP_CONTENT_TOO_LARGE;
	return MHD_YES;
}

static enum MHD_Result on_body(struct visit *v, const char *bytes, size_t *len)
{
	enum MHD_Result result = MHD_YES;
	if (v->refusal == 0)
		v->refusal = body_append(v, bytes, *len);
	if (v->refusal != 0) {
		v->discarded += *len;
		/* an endless one can't be answered before its end: the connection is closed */
		if (v->discarded > DISCARD_MAX)
			result = MHD_NO;
	}
	*len = 0;
	return result;
}

static enum MHD_Result on_whole(struct visit *v, const char *method, const char *url)
{
	struct http_server *server = v->server;
	if (v->refusal != 0)
		return refuse(v, v->refusal, "no room for the body");
	if (!take_request(v, method, url))
		return refuse(v, MHD_HTTP_SERVICE_UNAVAILABLE, "no room for the request");
	if (link_enter(server->link, LINK_OWNER, &v->x.item) != OK)
		return refuse(v, MHD_HTTP_SERVICE_UNAVAILABLE, "too many requests wait already");
	v->entered = true;
	v->state = HANDED;
	waiting_start(v);
	v->x.link = server->link;
	v->x.body = slice_of(v->body.ptr, v->body_len);
	link_post(server->link, LINK_OWNER, &v->x.item, HTTP_POST_REQUEST);
	if (v->state == HANDED) {
		suspend(v);
		return MHD_YES;
	}
	return v->response == NULL ? MHD_NO : queue_response(v);
}

static enum MHD_Result on_access(void *ctx, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *upload, size_t *upload_len,
	void **request_ctx)
{
	struct visit *v = *request_ctx;
	(void)ctx;
	(void)version;
	if (v == NULL) {
		const union MHD_ConnectionInfo *info = MHD_get_connection_info(
			connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
		if (info == NULL || info->socket_context == NULL)
			return MHD_NO;
		v = visit_make(info->socket_context, connection);
		if (v == NULL)
			return MHD_NO;
		*request_ctx = v;
		return on_headers(v);
	}
	if (v->state == ANSWERED && v->refusal == MHD_HTTP_SERVICE_UNAVAILABLE)
		return refuse(v, v->refusal, "the request waited too long; nothing was done");
	if (v->state != RECEIVING) /* resumed: the answer is there */
		return v->response == NULL ? MHD_NO : queue_response(v);
	if (*upload_len > 0)
		return on_body(v, upload, upload_len);
	return on_whole(v, method, url);
}

static void on_completed(void *ctx, struct MHD_Connection *connection, void **request_ctx,
	enum MHD_RequestTerminationCode code)
{
	struct visit *v = *request_ctx;
	(void)ctx;
	(void)connection;
	(void)code;
	if (v == NULL)
		return;
	*request_ctx = NULL;
	if (v->conn->watching == v)
		unwatch(v->conn);
	if (v->prev != NULL)
		v->prev->next = v->next;
	else
		v->server->first = v->next;
	if (v->next != NULL)
		v->next->prev = v->prev;
	patience_start(v->conn); /* for the next request */
	v->connection = NULL;
	v->conn = NULL;
	v->suspended = false;
	if (!v->entered)
		visit_free(v);
	else if (v->state == ANSWERED)
		link_post_lazily(v->server->link, LINK_OWNER, &v->x.item, HTTP_POST_GONE);
	else
		link_post(v->server->link, LINK_OWNER, &v->x.item, HTTP_POST_GONE);
}

static void on_connection(void *ctx, struct MHD_Connection *connection, void **socket_ctx,
	enum MHD_ConnectionNotificationCode code)
{
	struct http_server *server = ctx;
	struct conn *conn = *socket_ctx;
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		const union MHD_ConnectionInfo *info = MHD_get_connection_info(
			connection, MHD_CONNECTION_INFO_CONNECTION_FD);
		conn = info == NULL ? NULL : net_pool_new(&server->memory, LINK_NET, sizeof *conn);
		if (conn == NULL)
			return; /* its first request is refused */
		conn->server = server;
		conn->fd = info->connect_fd;
		sock_peer_address(conn->fd, conn->peer);
		*socket_ctx = conn;
		conn->surplus = ++server->connection_count > server->connection_max;
		patience_start(conn);
	} else if (conn != NULL) {
		unwatch(conn);
		patience_stop(conn);
		server->connection_count--;
		*socket_ctx = NULL;
		net_pool_delete(&server->memory, LINK_NET, conn, sizeof *conn);
	}
}

/* "%41" to "A", in place; "%00" and what is no escape stay as they are, so that no text ends early.
 */
static size_t on_unescape(void *ctx, struct MHD_Connection *connection, char *text)
{
	size_t n = 0;
	(void)ctx;
	(void)connection;
	for (size_t i = 0; text[i] != 0; i++) {
		uint8_t c = 0;
		if (text[i] == '%' && text[i + 1] != 0 && text[i + 2] != 0 &&
			hex_decode(&c, 1, slice_of(text + i + 1, 2)) == OK && c != 0) {
			text[n++] = (char)c;
			i += 2;
		} else {
			text[n++] = text[i];
		}
	}
	text[n] = 0;
	return n;
}

/* ---- the loop ---- */

static void server_run(struct http_server *server);

static void on_ready(void *ctx, int fd, unsigned ready)
{
	(void)fd;
	(void)ready;
	server_run(ctx);
}

static void on_timer(void *ctx)
{
	struct http_server *server = ctx;
	server->timer.id = 0;
	server_run(server);
}

/* One timer for a whole server: a loop without room for it was made too small. */
static void server_arm(struct http_server *server)
{
	MHD_UNSIGNED_LONG_LONG wait_ms = 0;
	const bool wait = server->resumed || MHD_get_timeout(server->daemon, &wait_ms) == MHD_YES;
	loop_timer_cancel(server->loop, &server->timer);
	if (server->resumed)
		wait_ms = 0;
	if (wait)
		CHECK(loop_timer_set(server->loop, &server->timer, wait_ms, on_timer, server) ==
			OK);
}

static void server_run(struct http_server *server)
{
	server->running = true;
	server->resumed = false;
	CHECK(MHD_run(server->daemon) == MHD_YES);
	server->running = false;
	server_arm(server);
}

/* ---- the server ---- */

static struct MHD_Daemon *daemon_start(
	struct http_server *server, const struct http_server_config *config, int fd)
{
	const unsigned idle_s = config->idle_timeout_s == 0 ? IDLE_TIMEOUT_DEFAULT_S
							    : config->idle_timeout_s;
	server->patience_ms = (uint64_t)idle_s * 1000 * PATIENCE_FACTOR;
	struct MHD_OptionItem options[] = {
		{MHD_OPTION_LISTEN_SOCKET, fd, NULL},
		{MHD_OPTION_CONNECTION_LIMIT, (intptr_t)(server->connection_max + CONNECTION_SPARE),
			NULL},
		{MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t)idle_s, NULL},
		{MHD_OPTION_CONNECTION_MEMORY_LIMIT, HTTP_HEADERS_SIZE_MAX, NULL},
		{MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL},
		{MHD_OPTION_END, 0, NULL},
	};
	return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_access,
		server, MHD_OPTION_ARRAY, options, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
		server, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
		MHD_OPTION_UNESCAPE_CALLBACK, on_unescape, server, MHD_OPTION_END);
}

/* What one thread gives another to open the door with. */
struct opening {
	struct http_server *server;
	const struct http_server_config *config;
	int fd; /* the listener; the library's on success */
	enum err err;
};

/* On the door's thread. */
static void door_open(void *ctx)
{
	struct opening *o = ctx;
	struct http_server *server = o->server;
	o->err = ERR_IO;
	server->daemon = daemon_start(server, o->config, o->fd);
	if (server->daemon == NULL) {
		sock_close(o->fd);
		return;
	}
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(
		server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (info != NULL) {
		server->epoll_fd = info->epoll_fd;
		o->err = loop_fd_set(server->loop, server->epoll_fd, LOOP_READ, on_ready, server);
	}
	if (o->err != OK)
		MHD_stop_daemon(server->daemon);
}

static void door_close(void *ctx)
{
	struct http_server *server = ctx;
	CHECK(!server->running);
	loop_fd_remove(server->loop, server->epoll_fd);
	server->running = true;
	for (struct visit *v = server->first; v != NULL; v = v->next) {
		if (v->state == STREAM)
			v->broken = true;
		resume(v); /* the library refuses to stop with a suspended connection */
	}
	loop_timer_cancel(server->loop, &server->timer);
	MHD_stop_daemon(server->daemon); /* completes every exchange and closes the listener */
	CHECK(server->first == NULL && server->connection_count == 0);
}

static void on_thread(struct net_thread *net, void (*fn)(void *ctx), void *ctx)
{
	if (net != NULL)
		net_thread_call(net, fn, ctx);
	else
		fn(ctx);
}

static struct http_server *server_make(
	struct loop *loop, const struct http_server_config *config, http_handler handler, void *ctx)
{
	struct http_server *server = calloc(1, sizeof *server);
	if (server == NULL)
		return NULL;
	*server = (struct http_server){
		.net = config->net,
		.loop = config->net == NULL ? loop : net_thread_loop(config->net),
		.owner = {.handler = handler, .ctx = ctx},
		.body_max = config->body_max == 0 ? BODY_MAX_DEFAULT : config->body_max,
		.connection_max = config->connection_max == 0 ? CONNECTION_MAX_DEFAULT
							      : config->connection_max,
	};
	if (config->net != NULL)
		server->waiting_ms = config->waiting_ms == 0 ? WAITING_DEFAULT_MS
							     : config->waiting_ms;
	const struct link_config link = {.net = config->net,
		.depth = EXCHANGES_EACH * (server->connection_max + CONNECTION_SPARE),
		.end = {[LINK_OWNER] = {.name = "http_requests",
				.take = http_exchange_take,
				.ctx = &server->owner,
				.fresh_max = config->waiting_max == 0 ? WAITING_MAX_DEFAULT
								      : config->waiting_max},
			[LINK_NET] = {.name = "http_answers", .take = on_post, .ctx = server}}};
	const struct slab_need need[] = {{.size = sizeof(struct visit), .count = link.depth},
		{.size = sizeof(struct conn), .count = link.depth / EXCHANGES_EACH}};
	if (net_pool_init(&server->memory, "http_exchanges", need, ARRAY_LEN(need),
		    (size_t)TEXTS_EACH * link.depth) == OK &&
		link_create(&server->link, &link) == OK)
		return server;
	net_pool_fini(&server->memory);
	free(server);
	return NULL;
}

enum err http_server_create(struct http_server **out, struct loop *loop,
	const struct http_server_config *config, http_handler handler, void *ctx)
{
	if (loop_is_virtual(loop))
		return ERR_STATE;
	struct opening o = {.config = config};
	TRY(sock_listen_tcp(&o.fd, config->bind, config->port));
	o.server = server_make(loop, config, handler, ctx);
	if (o.server == NULL) {
		sock_close(o.fd);
		return ERR_FULL;
	}
	o.server->port = sock_port(o.fd);
	on_thread(config->net, door_open, &o);
	if (o.err != OK) {
		link_close(o.server->link);
		link_destroy(o.server->link);
		net_pool_fini(&o.server->memory);
		free(o.server);
		return o.err;
	}
	*out = o.server;
	return OK;
}

/* The last exchange that was not answered when the server was destroyed ends it. */
static void end_if_empty(struct http_server *server)
{
	if (!server->closed || link_count(server->link) > 0)
		return;
	link_destroy(server->link);
	net_pool_fini(&server->memory);
	free(server);
}

void http_server_destroy(struct http_server *server)
{
	if (server == NULL)
		return;
	on_thread(server->net, door_close, server);
	link_close(server->link);
	server->closed = true;
	end_if_empty(server);
}

uint16_t http_server_port(const struct http_server *server)
{
	return server->port;
}

const struct net_pool *http_server_pool(const struct http_server *server)
{
	return &server->memory;
}
