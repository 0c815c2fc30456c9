/* net/http_server: HTTP/1.1 server on a loop. The one door to the HTTP server library.
 *
 * The handler is called once for each request, when its body is complete and within bounds. It
 * answers at once or later, exactly once. Requests over a bound never reach it: 413 body, 431
 * headers, 503 too many connections. A client that went away is reported to an open stream by its
 * closed callback; answering a dead exchange is harmless, also after the server is gone. A client
 * that takes too long to send a request or to take an answer is cut off.
 *
 * With a network thread, connections are served there, and only whole requests and whole answers
 * cross (net/net_thread.h). What the loop has not looked at yet is bounded, in number and in time:
 * beyond that the network's thread answers 503, retryable, by itself, and the handler never sees
 * the request; nor does it see one whose client went away before it was looked at.
 *
 * Threads: the loop's. Ownership: an exchange is valid until it is answered or its stream is
 * closed. Destroying a server from one of its callbacks is a bug. Memory: exchanges live in a pool
 * that is sized by connection_max (net/net_pool.h); where it has no room left, the answer is 503.
 */
#ifndef NET_HTTP_SERVER_H
#define NET_HTTP_SERVER_H
#include "base/base.h"
#include "sys/loop.h"

struct http_server;
struct http_exchange;
struct net_pool;
struct net_thread;

typedef void (*http_handler)(void *ctx, struct http_exchange *exchange);

struct http_server_config {
	const char *bind;        /* "127.0.0.1" */
	uint16_t port;           /* 0: any; see http_server_port */
	uint32_t connection_max; /* 0: 1,024 */
	size_t body_max;         /* 0: 64 KiB */
	uint32_t idle_timeout_s; /* 0: 30; a whole request or answer may take twice that */

	struct net_thread *net; /* NULL: everything on the loop. Outlives the server */
	/* With a network thread: requests that wait for the loop. */
	uint32_t waiting_max; /* 0: 1,024 */
	uint64_t waiting_ms;  /* 0: 5,000 */
};

#define HTTP_HEADERS_SIZE_MAX (32u << 10) /* of one request, with everything else it needs */
#define HTTP_ANSWER_HEADERS_MAX 16u
#define HTTP_ANSWER_HEADER_NAME_MAX 47u
#define HTTP_CONTENT_TYPE_MAX 63u

/* Returns owned. Listens at once. ERR_EXISTS: address in use; ERR_FORMAT: bind is no numeric
 * address; ERR_DENIED: a port we may not have; ERR_IO: not our address, or else (errno); ERR_STATE:
 * a virtual loop. */
MUST_USE enum err http_server_create(struct http_server **out, struct loop *loop,
	const struct http_server_config *config, http_handler handler, void *ctx);
/* Open streams get their closed callback, from here; exchanges not yet answered stay valid. */
void http_server_destroy(struct http_server *server);
NONNULL_ALL uint16_t http_server_port(const struct http_server *server);
/* The pool of its exchanges and connections, for metrics. */
NONNULL_ALL const struct net_pool *http_server_pool(const struct http_server *server);

/* Borrowed until the answer, or until the stream is closed. */
NONNULL_ALL const char *http_method(const struct http_exchange *x);
NONNULL_ALL const char *http_path(
	const struct http_exchange *x); /* without the query, percent-decoded */
NONNULL_ALL const char *http_query(struct http_exchange *x, const char *name);  /* NULL: absent */
NONNULL_ALL const char *http_header(struct http_exchange *x, const char *name); /* NULL: absent */
NONNULL_ALL struct slice http_body(const struct http_exchange *x);
/* The peer's address as text, for rate limits. */
NONNULL_ALL const char *http_peer(const struct http_exchange *x);

/* Add a header to the answer; before http_answer. The value is copied; one that can't be a header's
 * value (a line break) is left out. At most HTTP_ANSWER_HEADERS_MAX. */
NONNULL_ALL void http_set_header(struct http_exchange *x, const char *name, const char *value);
/* Copies the body. */
NONNULL_ALL void http_answer(
	struct http_exchange *x, unsigned status, const char *content_type, struct slice body);

/* Begin an endless answer (server-sent events). Then write pieces; closed is called once when the
 * client is gone or http_stream_end was called, after which the exchange is not to be used; never
 * from inside these functions. A slow client whose backlog passes backlog_max bytes is closed.
 * ERR_UNAVAILABLE: the client is gone already; ERR_FULL: no memory. Then the exchange is still to
 * be answered. */
MUST_USE NONNULL_ALL enum err http_stream_begin(struct http_exchange *x, const char *content_type,
	size_t backlog_max, loop_cb closed, void *ctx);
/* ERR_FULL: over the backlog; the stream is being closed. Copies. */
MUST_USE NONNULL_ALL enum err http_stream_write(struct http_exchange *x, struct slice piece);
NONNULL_ALL void http_stream_end(struct http_exchange *x);

#endif
