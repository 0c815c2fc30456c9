/* net/http_client: asynchronous HTTP/1.1 requests on a loop.
 *
 * Every request ends in exactly one callback, never from inside http_client_send: with a status, or
 * with an error. Every request has a deadline and a bound on its answer. Behind the one interface:
 * connections of our own for http://, libcurl for https:// (ADR 11), and for simulations a form
 * that hands requests to in-process handlers on a virtual loop. Connections are kept and used
 * again, one request at a time on each. Redirects are not followed, proxies of the environment not
 * used. When a kept connection turns out to be dead before any byte of an answer, the request is
 * sent once more on a new one: whoever sends must bear the same bytes arriving twice. Threads: the
 * loop's, and for names of hosts those of sys/resolve. Destroying a client from one of its
 * callbacks is a bug. Bounds: requests, connections in all and to one host; what came of answers
 * that are not whole yet (HTTP_PARTIAL_MAX): beyond that only one is read on at a time, and the
 * nodes of the others feel it. Calls, connections and what is sent live in pools that are sized by
 * these bounds (net/net_pool.h); answers that come in pieces are the heap's, as long as nodes make
 * them.
 */
#ifndef NET_HTTP_CLIENT_H
#define NET_HTTP_CLIENT_H
#include "base/base.h"
#include "sys/loop.h"

struct http_client;
struct net_pool;
struct net_thread;
struct resolve_answer;

/* What a reader is given, by value: it may run when who asked has gone. */
struct http_reader_args {
	uint64_t id;
	uint64_t cpu_ns; /* for one answer (rt/cpu_budget) */
	uint32_t task;   /* rt/cpu_task */
};

/* What the body of an answer is made into, where it arrives: on the network's thread, if there is
 * one. Pure. */
struct http_reader {
	/* Returns owned; NULL: no memory. cost: the bytes that it takes, roughly; 0 on entry. */
	void *(*read)(
		struct http_reader_args args, unsigned status, struct slice body, size_t *cost);
	void (*drop)(void *made); /* on either thread */
};

/* A part of an answer's body, as it came; borrows until it returns. It may send and cancel. */
typedef void (*http_part_cb)(void *ctx, struct slice part);

struct http_request {
	const char *method;        /* "GET", "POST"; borrows: all fields are copied before return */
	const char *url;           /* http:// or https://, without user and password */
	const char *content_type;  /* NULL: none */
	const char *authorization; /* the header's value, NULL: none */
	const char
		*extra_header; /* one more "Name: value", NULL: none; not one that says where the
				* request ends, for whom it is, or what becomes of the connection */
	struct slice body;
	uint64_t timeout_ms; /* of the whole; 0: HTTP_TIMEOUT_DEFAULT_MS */
	size_t answer_max;   /* bytes of body; 0: HTTP_ANSWER_MAX_DEFAULT; larger: ERR_FULL */
	/* NULL: the body is the answer's. Otherwise it is given in parts, with the same ctx, as it
	 * comes: answer_max bounds what was not given yet, and the answer, which follows the last
	 * part, has no body and no reader. What has come is given before an error, too, except
	 * ERR_CANCELLED. */
	http_part_cb part;
	const struct http_reader *reader; /* NULL: the callback gets the body itself */
	struct http_reader_args reader_args;
};

#define HTTP_TIMEOUT_DEFAULT_MS 10000u
#define HTTP_ANSWER_MAX_DEFAULT (16u << 20)
#define HTTP_IN_FLIGHT_MAX 16384u
#define HTTP_CONNECTIONS_MAX_DEFAULT 2048u /* requests beyond wait for one */
#define HTTP_IDLE_MAX_DEFAULT 512u         /* the one that is idle longest goes first */
#define HTTP_PARTIAL_MAX (256u << 20)      /* bytes of answers that are not whole yet */

struct http_answer {
	enum err err; /* OK: status and body are there. ERR_UNAVAILABLE: no connection, nothing was
		       * sent. ERR_TIMEOUT, ERR_IO: the effect is unknown. ERR_FULL: the answer is
		       * too long, or too many wait to be used. ERR_CANCELLED */
	unsigned status;
	struct slice body;  /* borrows until the callback returns */
	void *made;         /* by the reader, and dropped after the callback returns.. */
	bool *keep;         /* ..unless it sets this: then what was made is the callback's */
	const char *detail; /* why it failed, for people; borrows until the callback returns */
};

typedef void (*http_answer_cb)(void *ctx, const struct http_answer *answer);

struct http_call {
	uint64_t id; /* 0: none */
};

struct http_client_config {
	uint32_t calls_max;           /* open at once; 0, or more: HTTP_IN_FLIGHT_MAX */
	uint32_t connection_max;      /* in all; 0: HTTP_CONNECTIONS_MAX_DEFAULT, or calls_max */
	uint32_t connection_host_max; /* to one host and port; 0: as many as in all */
	uint32_t idle_max;            /* kept for later; 0: HTTP_IDLE_MAX_DEFAULT */
	size_t partial_max;           /* 0: HTTP_PARTIAL_MAX */
	const char *ca_file; /* PEM; borrows: https:// trusts what it signs and nothing else; NULL:
			      * what the system trusts */
	bool by_library;     /* http:// by libcurl, too */
	bool by_readiness;   /* sys/streams: leave the ring's own operations alone */
	/* Names to addresses instead of the system's way (sys/resolve.h); NULL: that. */
	void (*lookup)(const char *name, struct resolve_answer *answer);

	/* With a network thread: bytes of answers that wait for the loop. As they were made by
	 * their readers; beyond that the next ones stay as they came; beyond both one fails. */
	size_t held_max; /* 0: HTTP_HELD_MAX */
	size_t raw_max;  /* 0: HTTP_RAW_MAX */
};

#define HTTP_HELD_MAX (64u << 20)
#define HTTP_RAW_MAX (128u << 20)

/* Returns owned. On a virtual loop its connections are those of its simulated network
 * (sys/streams_virtual.h): to http:// at numeric addresses and at this machine; https:// and other
 * names are ERR_UNAVAILABLE. ERR_STATE: by_library there. */
MUST_USE enum err http_client_create(struct http_client **out, struct loop *loop);
MUST_USE NONNULL_ALL enum err http_client_create_with(
	struct http_client **out, struct loop *loop, const struct http_client_config *config);
/* The same with connections, and the reading of answers, on a network thread (net/net_thread.h),
 * which outlives the client. Callbacks come on loop. What keeps a request from being sent after
 * http_client_send has returned is an answer, ERR_UNAVAILABLE. ERR_FULL: no memory, too many. */
MUST_USE NONNULL_ALL enum err http_client_create_remote(
	struct http_client **out, struct loop *loop, struct net_thread *net);
MUST_USE NONNULL_ALL enum err http_client_create_remote_with(struct http_client **out,
	struct loop *loop, struct net_thread *net, const struct http_client_config *config);
/* The pools that its calls are in, for metrics: of each, its classes. Up to HTTP_CLIENT_POOLS; none
 * of the in-process form. */
#define HTTP_CLIENT_POOLS 2u
NONNULL_ALL uint32_t http_client_pools(
	const struct http_client *client, const struct net_pool *out[HTTP_CLIENT_POOLS]);
/* Every open request is answered with ERR_CANCELLED first. */
void http_client_destroy(struct http_client *client);
/* ERR_FULL: calls_max are open, or there is no room for its text; ERR_FORMAT a URL, method or
 * header that can't be; ERR_UNAVAILABLE while the client is being destroyed. Then no callback
 * follows. call may be NULL.
 */
MUST_USE enum err http_client_send(struct http_client *client, struct http_call *call,
	const struct http_request *request, http_answer_cb cb, void *ctx);
/* The callback follows with ERR_CANCELLED, from the loop. A stale call does nothing. */
void http_client_cancel(struct http_client *client, struct http_call call);

/* The in-process form: each request is given to handler, from the loop, which answers now or later
 * with http_local_answer, or says with http_local_drop that it never will. A call may end before
 * that (deadline, cancelled, client destroyed); the request stays the handler's. For simulations;
 * returns owned. */
struct http_local_request;
typedef void (*http_local_handler)(void *ctx, struct http_local_request *request);
MUST_USE enum err http_client_create_local(
	struct http_client **out, struct loop *loop, http_local_handler handler, void *ctx);
NONNULL_ALL const char *http_local_method(const struct http_local_request *request);
/* "" where there is none. */
NONNULL_ALL const char *http_local_authorization(const struct http_local_request *request);
NONNULL_ALL const char *http_local_content_type(const struct http_local_request *request);
NONNULL_ALL const char *http_local_extra_header(const struct http_local_request *request);
NONNULL_ALL const char *http_local_url(const struct http_local_request *request);
NONNULL_ALL struct slice http_local_body(const struct http_local_request *request);
/* Takes the request. err other than OK: the network failed that way. */
NONNULL_ALL void http_local_answer(
	struct http_local_request *request, enum err err, unsigned status, struct slice body);

/* It asked for its answer in parts. */
NONNULL_ALL bool http_local_listens(const struct http_local_request *request);
/* A part of the answer to a request that asked for parts (CHECK); the request stays the handler's.
 * False: nobody listens any more, or the part is over the bound, which ends the call. */
MUST_USE NONNULL_ALL bool http_local_part(struct http_local_request *request, struct slice part);

/* Takes the request; the call ends by its deadline. */
NONNULL_ALL void http_local_drop(struct http_local_request *request);

#endif
