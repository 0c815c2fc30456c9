/* net/http_conn: one connection to a host, and the call that it serves. Private to net/http_pool
 * and net/http_conn.
 *
 *     CONNECTING ──► IDLE ◄──► BUSY        any of them ──► DEAD, freed when its streams are closed
 */
#ifndef NET_HTTP_CONN_H
#define NET_HTTP_CONN_H
#include "net/http_pool.h"
#include "net/http_response.h"
#include "net/net_pool.h"
#include "sys/resolve.h"
#include "sys/streams.h"

/* What is sent: borrowed by streams, which may be closed later than the call ends. */
struct http_bytes {
	struct net_text room; /* that this lies in */
	uint32_t refs;
	size_t len;
	uint8_t bytes[];
};

struct http_conn;

struct http_pool_call {
	struct http_open open; /* first */
	struct http_pool *pool;
	struct http_host *host;
	struct http_conn *conn; /* NULL: it waits for one */
	struct http_bytes *request;
	struct loop_timer deadline;
	struct http_pool_call *prev, *next; /* in its queue */
	bool queued, head_only;
	bool sent;  /* perhaps; then its effect is unknown */
	bool again; /* for the second time */
};

struct http_queue {
	struct http_pool_call *first, *last;
	uint32_t count;
};

enum http_conn_state { HTTP_CONNECTING, HTTP_IDLE, HTTP_BUSY, HTTP_DEAD };

/* One stream to one address. */
struct http_attempt {
	struct http_conn *conn;
	struct stream stream;
	uint32_t address;
	bool open; /* until `closed` */
};

struct http_conn {
	struct http_pool *pool;
	struct http_host *host;
	enum http_conn_state state;
	struct http_pool_call *call; /* BUSY */
	struct stream stream;        /* once connected */
	uint32_t served;             /* answers */
	struct http_attempt attempt[RESOLVE_ADDRESSES_MAX];
	uint32_t attempt_count, failed_count, open_count;
	enum err failed_with;
	struct loop_timer next_attempt;
	struct http_bytes *sending;      /* what the stream may be using still */
	struct http_response response;   /* BUSY */
	size_t held;                     /* what the pool counts for its call's answer */
	struct http_conn *prev, *next;   /* all of the pool's */
	struct http_conn *older, *newer; /* IDLE: in the pool */
	struct http_conn *below, *above; /* IDLE: in the host, the last used on top */
	struct http_conn *next_paused;
	bool paused;
};

struct http_host {
	struct http_host *next;
	uint16_t port;
	bool resolving;
	char address[RESOLVE_ADDRESSES_MAX][SOCK_ADDRESS_SIZE];
	uint32_t address_count, preferred; /* which one was good last */
	uint64_t known_until_ms;           /* of the loop; UINT64_MAX: for ever */
	struct http_queue again, waiting;
	struct http_conn *top; /* the idle connection that was used last */
	uint32_t conn_count, connecting;
	struct http_pool *pool;
	size_t name_len;
	char name[];
};

struct http_pool {
	struct http_real *client;
	struct loop *loop;
	struct net_pool memory;    /* of calls, connections and what is sent */
	struct streams *streams;   /* owned */
	struct resolver *resolver; /* owned */
	struct http_host *host;    /* owned; the last asked for first */
	uint32_t host_count;
	uint32_t connection_max, connection_host_max, idle_max;
	struct http_conn *conn; /* owned; DEAD ones, too */
	struct http_conn *oldest, *newest;
	uint32_t conn_count, idle_count;
	struct http_conn *current; /* that has just answered, while it is told */
	bool starved;              /* some host waits for room that others take */

	/* Answers that are not whole: bytes, and the connections that are not read from. `favoured`
	 * is the one that is read on beyond the bound, so that something ends. */
	size_t held, partial_max;
	struct http_conn *favoured, *first_paused, *last_paused;
};

/* ---- http_conn.c ---- */

/* Begins to connect. ERR_FULL: no room, no descriptors, no memory; otherwise why no address can be
 * tried. Then there is no connection. */
MUST_USE NONNULL_ALL enum err http_conn_open(struct http_host *host);
/* An idle one, or one that was just connected, takes a call. */
NONNULL_ALL void http_conn_serve(struct http_conn *conn, struct http_pool_call *call);
/* Whatever it does. A call of its own is on its own then. */
NONNULL_ALL void http_conn_kill(struct http_conn *conn);
/* Not by a callback: nothing of streams is left. */
NONNULL_ALL void http_conn_free(struct http_conn *conn);

/* ---- http_pool.c ---- */

/* A connection has room for a call, or went away, or could not be had. */
NONNULL_ALL void http_host_pump(struct http_host *host);
/* Calls wait in front of it; none: it is idle. */
NONNULL_ALL void http_pool_ready(struct http_conn *conn);
NONNULL_ALL void http_pool_unready(struct http_conn *conn);
/* None of the addresses led anywhere: somebody's call ends. */
NONNULL_ALL void http_pool_unreachable(struct http_host *host, enum err err);
/* Descriptors came free. */
NONNULL_ALL void http_pool_relieved(struct http_pool *pool);
/* Its connection was no good: it waits for another, for a new one where it goes again. */
NONNULL_ALL void http_pool_wait(struct http_pool_call *call);
NONNULL_ALL void http_pool_end(struct http_pool_call *call, const struct http_answer *answer);
NONNULL_ALL void http_bytes_drop(struct http_pool *pool, struct http_bytes *bytes);

#endif
