/* net/http_exchange: one request and its answer, as two halves that may be on two threads. Private
 * to net.
 *
 * The door's half (http_server.c) holds the connection; the owner's half is what handlers use
 * (http_server.h). What belongs to which is said below; across go posts (net/link.h), each with
 * everything that was written before it:
 *
 *     to the owner   REQUEST the request is whole. EXPIRED, with REQUEST: the door has answered it
 *                    by itself, it must not be handled. GONE the door is through with it: its last
 *     to the door    ANSWER, or BEGIN and then DATA, END and BREAK as often as needed. FREE: the
 *                    owner is through with it, too: its last, always after GONE
 *
 * So neither half can meet an exchange that the other has freed: the door makes it and frees it,
 * after both have said their last. Memory: the owner's pieces and answer are freed by the door;
 * both come from the server's pool, but pieces: their number has no bound but that of their bytes.
 */
#ifndef NET_HTTP_EXCHANGE_H
#define NET_HTTP_EXCHANGE_H
#include "net/http_server.h"
#include "net/net_pool.h"
#include "net/pieces.h"

enum {
	HTTP_POST_REQUEST = 1u << 0,
	HTTP_POST_EXPIRED = 1u << 1,
	HTTP_POST_GONE = 1u << 2,
};

enum {
	HTTP_POST_ANSWER = 1u << 0,
	HTTP_POST_BEGIN = 1u << 1,
	HTTP_POST_DATA = 1u << 2,
	HTTP_POST_END = 1u << 3,
	HTTP_POST_BREAK = 1u << 4,
	HTTP_POST_FREE = 1u << 5,
};

struct http_pair {
	const char *name, *value;
};

struct http_answer_header {
	char name[HTTP_ANSWER_HEADER_NAME_MAX + 1];
	struct net_text value; /* owned */
};

enum http_owner_state {
	HTTP_OWNER_NOT_YET, /* on its way */
	HTTP_OWNER_HANDED,  /* to the handler; not answered */
	HTTP_OWNER_STREAM,
	HTTP_OWNER_OVER, /* nothing more will come from the handler */
};

struct http_exchange {
	struct link_item item; /* first */

	/* Written by the door before REQUEST; the owner's until it is OVER, and only read. */
	struct link *link;     /* borrowed */
	struct net_pool *pool; /* borrowed: what is owned below, but pieces, is in it */
	const char *method, *path, *peer;
	const struct http_pair *query, *header; /* as they came */
	uint32_t query_count, header_count;
	struct slice body;

	/* The owner's. */
	enum http_owner_state state;
	bool gone; /* GONE was taken */
	bool ending, broken;
	size_t backlog_max;
	loop_cb closed;
	void *closed_ctx;

	/* Written by the owner before ANSWER or BEGIN, the door's from there on. */
	unsigned status;
	bool no_memory; /* for the answer: the connection ends */
	char content_type[HTTP_CONTENT_TYPE_MAX + 1];
	struct http_answer_header answer_header[HTTP_ANSWER_HEADERS_MAX];
	uint32_t answer_header_count;
	struct net_text answer; /* owned */
	size_t answer_len;

	struct pieces pieces; /* of a stream: the owner writes, the door reads */
};

struct http_owner {
	http_handler handler;
	void *ctx;
};

/* The owner's end of the link; ctx is a struct http_owner. */
NONNULL_ALL void http_exchange_take(void *owner, struct link_item *item, uint32_t bits);

/* Everything that hangs on it; the door's. */
NONNULL_ALL void http_exchange_fini(struct http_exchange *x);

#endif
