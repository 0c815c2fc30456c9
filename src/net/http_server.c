#include "net/http_server.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
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
#define BODY_CAP_MIN 1024u
#define HEADER_SIZE 4096u /* of one header that we answer with */

struct http_server {
	struct loop *loop;
	struct MHD_Daemon *daemon; /* owned */
	http_handler handler;
	void *ctx;
	int epoll_fd; /* the library's */
	uint16_t port;
	size_t body_max;
	uint32_t connection_count, connection_max;
	uint64_t patience_ms;
	struct loop_timer timer; /* the library's next deadline */
	struct http_exchange *first;
	bool running; /* inside the library */
	bool resumed; /* something was, since the library last ran: it has no descriptor for that */
};

/* One client's connection. The library owns its descriptor. */
struct conn {
	struct http_server *server;
	int fd;
	struct loop_timer patience;     /* ends it while a request or an answer is on its way */
	struct http_exchange *watching; /* a quiet stream: tells when the client goes away */
	bool surplus;                   /* came when there were enough: its request is refused */
	char peer[SOCK_ADDRESS_SIZE];
};

enum state {
	RECEIVING, /* the request's body */
	HANDED,    /* to the handler; not answered */
	ANSWERED,
	STREAM,
};

struct header {
	char name[HTTP_ANSWER_HEADER_NAME_MAX + 1];
	char *value; /* owned */
};

struct http_exchange {
	struct http_server *server;        /* NULL: the server is gone */
	struct MHD_Connection *connection; /* NULL: the client is gone, or was answered */
	struct conn *conn;
	struct http_exchange *prev, *next; /* in the server's list, while there is a connection */
	enum state state;
	bool suspended;
	unsigned refusal; /* RECEIVING: the status that it will be refused with, or 0 */
	const char *method, *path;
	uint8_t *body; /* owned */
	size_t body_len, body_cap, discarded;

	struct header header[HTTP_ANSWER_HEADERS_MAX];
	uint32_t header_count;
	struct MHD_Response *response; /* owned: waits to be queued */
	unsigned status;

	uint8_t *backlog; /* owned; a ring of backlog_cap bytes that may grow to backlog_max */
	size_t backlog_len, backlog_start, backlog_cap, backlog_max;
	bool ending, broken; /* after the backlog; at once */
	loop_cb closed;
	void *closed_ctx;
};

static void server_arm(struct http_server *server);

/* ---- exchanges ---- */

static void exchange_free(struct http_exchange *x)
{
	CHECK(x->connection == NULL);
	if (x->response != NULL)
		MHD_destroy_response(x->response);
	for (uint32_t i = 0; i < x->header_count; i++)
		free(x->header[i].value);
	free(x->body);
	free(x->backlog);
	free(x);
}

static struct http_exchange *exchange_make(struct conn *conn, struct MHD_Connection *connection)
{
	struct http_exchange *x = calloc(1, sizeof *x);
	if (x == NULL)
		return NULL;
	x->server = conn->server;
	x->conn = conn;
	x->connection = connection;
	x->next = x->server->first;
	if (x->next != NULL)
		x->next->prev = x;
	x->server->first = x;
	return x;
}

static void unwatch(struct conn *conn)
{
	if (conn->watching == NULL)
		return;
	loop_fd_remove(conn->server->loop, conn->fd);
	conn->watching = NULL;
}

static void resume(struct http_exchange *x)
{
	if (!x->suspended)
		return;
	unwatch(x->conn);
	x->suspended = false;
	MHD_resume_connection(x->connection);
	x->server->resumed = true;
	if (!x->server->running)
		server_arm(x->server);
}

static void on_watched(void *ctx, int fd, unsigned ready)
{
	struct conn *conn = ctx;
	struct http_exchange *x = conn->watching;
	(void)ready;
	CHECK(x != NULL && x->suspended);
	unwatch(conn); /* bytes that nobody asked for would be reported for ever */
	if (!sock_is_ended(fd))
		return;
	x->broken = true;
	resume(x);
}

/* A quiet stream: nobody but us would see the client go away. */
static void suspend(struct http_exchange *x)
{
	x->suspended = true;
	MHD_suspend_connection(x->connection);
	if (x->state == STREAM &&
		loop_fd_set(x->server->loop, x->conn->fd, LOOP_READ, on_watched, x->conn) == OK)
		x->conn->watching = x;
}

/* ---- patience ---- */

static void on_patience(void *ctx)
{
	struct conn *conn = ctx;
	conn->patience.id = 0;
	sock_shut(conn->fd); /* the library sees the end of the stream and cleans up */
}

static void patience_start(struct conn *conn)
{
	struct loop *loop = conn->server->loop;
	loop_timer_cancel(loop, &conn->patience);
	if (loop_timer_set(loop, &conn->patience, conn->server->patience_ms, on_patience, conn) !=
		OK)
		sock_shut(conn->fd);
}

static void patience_stop(struct conn *conn)
{
	loop_timer_cancel(conn->server->loop, &conn->patience);
}

/* ---- answers ---- */

static void add_headers(struct http_exchange *x, const char *content_type)
{
	(void)MHD_add_response_header(x->response, "Content-Type", content_type);
	for (uint32_t i = 0; i < x->header_count; i++)
		(void)MHD_add_response_header(x->response, x->header[i].name, x->header[i].value);
}

/* Inside the library's call for this connection only. */
static enum MHD_Result queue_response(struct http_exchange *x)
{
	if (x->state == STREAM)
		patience_stop(x->conn);
	else
		patience_start(x->conn);
	const enum MHD_Result ok = MHD_queue_response(x->connection, x->status, x->response);
	MHD_destroy_response(x->response); /* the queue has its own reference */
	x->response = NULL;
	return ok;
}

/* What never reaches the handler is answered in the form of its own problems. */
static enum MHD_Result refuse(struct http_exchange *x, unsigned status)
{
	static const char text[] =
		"{\"type\":\"urn:sluice:problem:%s\",\"title\":\"%s\",\"status\":%u,"
		"\"detail\":\"%s\",\"code\":\"%s\",\"retryable\":%s,\"funds_state\":\"none\"}";
	char body[320], at_most[48];
	const bool large = status == MHD_HTTP_CONTENT_TOO_LARGE;
	const char *code = large ? "body_too_large" : "overloaded";
	const char *title = large ? "The body is too large" : "Too much at once";
	const char *detail = large ? at_most : "too many connections";
	(void)snprintf(at_most, sizeof at_most, "at most %zu bytes", x->server->body_max);
	const int len = snprintf(body, sizeof body, text, code, title, status, detail, code,
		large ? "false" : "true");
	x->state = ANSWERED;
	x->status = status;
	x->response = MHD_create_response_from_buffer((size_t)len, body, MHD_RESPMEM_MUST_COPY);
	if (x->response == NULL)
		return MHD_NO;
	(void)MHD_add_response_header(x->response, "Content-Type", "application/problem+json");
	(void)MHD_add_response_header(x->response, "Connection", "close");
	return queue_response(x);
}

void http_set_header(struct http_exchange *x, const char *name, const char *value)
{
	CHECK(x->header_count < HTTP_ANSWER_HEADERS_MAX);
	CHECK(strlen(name) <= HTTP_ANSWER_HEADER_NAME_MAX);
	if (strnlen(value, HEADER_SIZE) == HEADER_SIZE)
		return;
	struct header *h = &x->header[x->header_count];
	h->value = strdup(value);
	if (h->value == NULL)
		return;
	memcpy(h->name, name, strlen(name) + 1);
	x->header_count++;
}

void http_answer(
	struct http_exchange *x, unsigned status, const char *content_type, struct slice body)
{
	CHECK(x->state == HANDED);
	x->state = ANSWERED;
	if (x->connection == NULL) {
		exchange_free(x);
		return;
	}
	union { /* the library's argument is not const; with MUST_COPY it only reads */
		const uint8_t *ours;
		void *theirs;
	} bytes = {.ours = body.ptr};
	x->status = status;
	x->response = MHD_create_response_from_buffer(
		body.len, bytes.theirs, MHD_RESPMEM_MUST_COPY);
	if (x->response != NULL)
		add_headers(x, content_type);
	/* without memory for an answer the connection ends */
	resume(x);
}

/* ---- streams ---- */

static void backlog_take(struct http_exchange *x, uint8_t *out, size_t len)
{
	const size_t first = x->backlog_cap - x->backlog_start;
	const size_t n = len < first ? len : first;
	memcpy(out, x->backlog + x->backlog_start, n);
	memcpy(out + n, x->backlog, len - n);
	x->backlog_start = (x->backlog_start + len) % x->backlog_cap;
	x->backlog_len -= len;
}

static ssize_t on_stream_read(void *ctx, uint64_t position, char *out, size_t max)
{
	struct http_exchange *x = ctx;
	(void)position;
	if (x->broken)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (x->backlog_len > 0) {
		const size_t len = x->backlog_len < max ? x->backlog_len : max;
		backlog_take(x, (uint8_t *)out, len);
		return (ssize_t)len;
	}
	if (x->ending)
		return MHD_CONTENT_READER_END_OF_STREAM;
	suspend(x);
	return 0;
}

enum err http_stream_begin(struct http_exchange *x, const char *content_type, size_t backlog_max,
	loop_cb closed, void *ctx)
{
	CHECK(x->state == HANDED && backlog_max > 0);
	if (x->connection == NULL)
		return ERR_UNAVAILABLE;
	x->response = MHD_create_response_from_callback(
		MHD_SIZE_UNKNOWN, STREAM_BLOCK, on_stream_read, x, NULL);
	if (x->response == NULL)
		return ERR_FULL;
	x->state = STREAM;
	x->status = MHD_HTTP_OK;
	x->backlog_max = backlog_max;
	x->closed = closed;
	x->closed_ctx = ctx;
	add_headers(x, content_type);
	resume(x);
	return OK;
}

/* Room for len bytes more; a ring that grows is laid out anew. */
static bool backlog_reserve(struct http_exchange *x, size_t len)
{
	if (len > x->backlog_max - x->backlog_len)
		return false;
	if (len <= x->backlog_cap - x->backlog_len)
		return true;
	size_t cap = x->backlog_cap == 0 ? BODY_CAP_MIN : x->backlog_cap;
	while (cap < x->backlog_len + len)
		cap *= 2;
	uint8_t *grown = malloc(cap);
	if (grown == NULL)
		return false;
	const size_t kept = x->backlog_len;
	if (kept > 0)
		backlog_take(x, grown, kept);
	free(x->backlog);
	x->backlog = grown;
	x->backlog_cap = cap;
	x->backlog_start = 0;
	x->backlog_len = kept;
	return true;
}

enum err http_stream_write(struct http_exchange *x, struct slice piece)
{
	CHECK(x->state == STREAM && !x->ending);
	if (x->broken || x->connection == NULL)
		return ERR_FULL;
	if (piece.len == 0)
		return OK;
	if (!backlog_reserve(x, piece.len)) {
		x->broken = true;
		sock_shut(x->conn->fd); /* it may hang in a write that never ends */
		resume(x);
		return ERR_FULL;
	}
	const size_t end = (x->backlog_start + x->backlog_len) % x->backlog_cap;
	const size_t n = piece.len < x->backlog_cap - end ? piece.len : x->backlog_cap - end;
	memcpy(x->backlog + end, piece.ptr, n);
	memcpy(x->backlog, piece.ptr + n, piece.len - n);
	x->backlog_len += piece.len;
	resume(x);
	return OK;
}

void http_stream_end(struct http_exchange *x)
{
	CHECK(x->state == STREAM);
	if (x->ending || x->connection == NULL)
		return;
	x->ending = true;
	patience_start(x->conn);
	resume(x);
}

/* ---- what the library calls ---- */

/* False: over the bound. */
static bool body_append(struct http_exchange *x, const char *bytes, size_t len)
{
	if (len > x->server->body_max - x->body_len)
		return false;
	if (len > x->body_cap - x->body_len) {
		size_t cap = x->body_cap == 0 ? BODY_CAP_MIN : x->body_cap;
		while (cap < x->body_len + len)
			cap *= 2;
		uint8_t *grown = realloc(x->body, cap);
		if (grown == NULL)
			return false;
		x->body = grown;
		x->body_cap = cap;
	}
	memcpy(x->body + x->body_len, bytes, len);
	x->body_len += len;
	return true;
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

static enum MHD_Result on_headers(struct http_exchange *x)
{
	const struct http_server *server = x->server;
	const uint64_t length = announced_length(x->connection);
	if (x->conn->surplus)
		return refuse(x, MHD_HTTP_SERVICE_UNAVAILABLE);
	if (length > server->body_max + (uint64_t)DISCARD_MAX)
		return refuse(x, MHD_HTTP_CONTENT_TOO_LARGE);
	if (length > server->body_max)
		x->refusal = MHD_HTTP_CONTENT_TOO_LARGE;
	return MHD_YES;
}

static enum MHD_Result on_body(struct http_exchange *x, const char *bytes, size_t *len)
{
	enum MHD_Result result = MHD_YES;
	if (x->refusal == 0 && !body_append(x, bytes, *len))
		x->refusal = MHD_HTTP_CONTENT_TOO_LARGE;
	if (x->refusal != 0) {
		x->discarded += *len;
		/* an endless one can't be answered before its end: the connection is closed */
		if (x->discarded > DISCARD_MAX)
			result = MHD_NO;
	}
	*len = 0;
	return result;
}

static enum MHD_Result on_whole(struct http_exchange *x)
{
	if (x->refusal != 0)
		return refuse(x, x->refusal);
	/* from here on it is we who are waited for */
	patience_stop(x->conn);
	x->state = HANDED;
	x->server->handler(x->server->ctx, x);
	if (x->state == HANDED) {
		suspend(x);
		return MHD_YES;
	}
	return x->response == NULL ? MHD_NO : queue_response(x);
}

static enum MHD_Result on_access(void *ctx, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *upload, size_t *upload_len,
	void **request_ctx)
{
	struct http_exchange *x = *request_ctx;
	(void)ctx;
	(void)version;
	if (x == NULL) {
		const union MHD_ConnectionInfo *info = MHD_get_connection_info(
			connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
		if (info == NULL || info->socket_context == NULL)
			return MHD_NO;
		x = exchange_make(info->socket_context, connection);
		if (x == NULL)
			return MHD_NO;
		*request_ctx = x;
		x->method = method;
		x->path = url;
		return on_headers(x);
	}
	if (x->state != RECEIVING) /* resumed: the answer is there */
		return x->response == NULL ? MHD_NO : queue_response(x);
	if (*upload_len > 0)
		return on_body(x, upload, upload_len);
	return on_whole(x);
}

static void on_completed(void *ctx, struct MHD_Connection *connection, void **request_ctx,
	enum MHD_RequestTerminationCode code)
{
	struct http_exchange *x = *request_ctx;
	(void)ctx;
	(void)connection;
	(void)code;
	if (x == NULL)
		return;
	*request_ctx = NULL;
	if (x->conn->watching == x)
		unwatch(x->conn);
	if (x->prev != NULL)
		x->prev->next = x->next;
	else
		x->server->first = x->next;
	if (x->next != NULL)
		x->next->prev = x->prev;
	patience_start(x->conn); /* for the next request */
	x->connection = NULL;
	x->conn = NULL;
	x->suspended = false;
	if (x->state == STREAM)
		x->closed(x->closed_ctx);
	if (x->state != HANDED)
		exchange_free(x);
}

static void on_connection(void *ctx, struct MHD_Connection *connection, void **socket_ctx,
	enum MHD_ConnectionNotificationCode code)
{
	struct http_server *server = ctx;
	struct conn *conn = *socket_ctx;
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		const union MHD_ConnectionInfo *info = MHD_get_connection_info(
			connection, MHD_CONNECTION_INFO_CONNECTION_FD);
		conn = calloc(1, sizeof *conn);
		if (conn == NULL || info == NULL) {
			free(conn);
			return; /* its first request is refused */
		}
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
		free(conn);
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

/* ---- what handlers ask ---- */

const char *http_method(const struct http_exchange *x)
{
	return x->connection == NULL ? "" : x->method;
}

const char *http_path(const struct http_exchange *x)
{
	return x->connection == NULL ? "" : x->path;
}

static const char *lookup(struct http_exchange *x, enum MHD_ValueKind kind, const char *name)
{
	const char *value = NULL;
	size_t len;
	if (x->connection == NULL ||
		MHD_lookup_connection_value_n(
			x->connection, kind, name, strlen(name), &value, &len) != MHD_YES)
		return NULL;
	return value == NULL ? "" : value;
}

const char *http_query(struct http_exchange *x, const char *name)
{
	return lookup(x, MHD_GET_ARGUMENT_KIND, name);
}

const char *http_header(struct http_exchange *x, const char *name)
{
	return lookup(x, MHD_HEADER_KIND, name);
}

struct slice http_body(const struct http_exchange *x)
{
	return slice_of(x->body, x->body_len);
}

const char *http_peer(const struct http_exchange *x)
{
	return x->conn == NULL ? "" : x->conn->peer;
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

enum err http_server_create(struct http_server **out, struct loop *loop,
	const struct http_server_config *config, http_handler handler, void *ctx)
{
	if (loop_is_virtual(loop))
		return ERR_STATE;
	int fd;
	TRY(sock_listen_tcp(&fd, config->bind, config->port));
	struct http_server *server = calloc(1, sizeof *server);
	if (server == NULL) {
		sock_close(fd);
		return ERR_FULL;
	}
	*server = (struct http_server){
		.loop = loop,
		.handler = handler,
		.ctx = ctx,
		.port = sock_port(fd),
		.body_max = config->body_max == 0 ? BODY_MAX_DEFAULT : config->body_max,
		.connection_max = config->connection_max == 0 ? CONNECTION_MAX_DEFAULT
							      : config->connection_max,
	};
	enum err err = ERR_IO;
	server->daemon = daemon_start(server, config, fd);
	if (server->daemon == NULL) {
		sock_close(fd);
		goto out;
	}
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(
		server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (info == NULL)
		goto out;
	server->epoll_fd = info->epoll_fd;
	err = loop_fd_set(loop, server->epoll_fd, LOOP_READ, on_ready, server);
	if (err != OK)
		goto out;
	*out = server;
	return OK;
out:
	if (server->daemon != NULL)
		MHD_stop_daemon(server->daemon);
	free(server);
	return err;
}

void http_server_destroy(struct http_server *server)
{
	if (server == NULL)
		return;
	CHECK(!server->running);
	loop_fd_remove(server->loop, server->epoll_fd);
	server->running = true;
	for (struct http_exchange *x = server->first; x != NULL; x = x->next) {
		if (x->state == STREAM)
			x->broken = true;
		resume(x); /* the library refuses to stop with a suspended connection */
	}
	loop_timer_cancel(server->loop, &server->timer);
	MHD_stop_daemon(server->daemon); /* completes every exchange and closes the listener */
	CHECK(server->first == NULL && server->connection_count == 0);
	free(server);
}

uint16_t http_server_port(const struct http_server *server)
{
	return server->port;
}
