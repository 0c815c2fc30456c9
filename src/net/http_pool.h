/* net/http_pool: http:// on connections of our own, over sys/streams. Private to net.
 *
 * Purpose: what a request costs at thousands in flight is what the kernel costs. No system call
 * belongs to one request alone: sends leave and answers come in the batches of the loop's ring, and
 * deadlines are timers of its wheel.
 * How: a host (name and port) has connections and two queues of calls that wait for one: those that
 * go again, which want a new one, and the others. Whatever connection is free next takes
 * the first call. A connection is opened where more calls wait than connections are under way,
 * within the bounds; a name is looked up on another thread (sys/resolve.h), a numeric address and
 * "localhost" at once. Addresses are tried in turn, the next one beside the last after
 * HTTP_ATTEMPT_MS (RFC 8305).
 * Threads: the loop's. Ownership: the pool owns hosts, connections and the bytes that are being
 * sent, which may outlive their call; calls own themselves until http_open_end. It must not: send a
 * second request on a connection before the answer to the first is whole; keep one whose answer did
 * not end where it said.
 */
#ifndef NET_HTTP_POOL_H
#define NET_HTTP_POOL_H
#include "net/http_real.h"

#define HTTP_HOSTS_MAX 256u      /* with connections or calls; beyond that ERR_FULL */
#define HTTP_IDLE_MS 25000u      /* before the node ends it by itself (Bitcoin Core: 30 s) */
#define HTTP_ATTEMPT_MS 250u     /* until the next address is tried, too */
#define HTTP_NAME_MS 60000u      /* how long an address of a name is good */
#define HTTP_NAME_RETRY_MS 5000u /* the same for one that could not be looked up again */

struct http_pool;
struct net_pool;

/* Returns owned. ERR_FULL; ERR_IO with errno. */
MUST_USE NONNULL_ALL enum err http_pool_create(
	struct http_pool **out, struct http_real *client, const struct http_client_config *config);
/* For metrics. */
NONNULL_ALL const struct net_pool *http_pool_memory(const struct http_pool *pool);
/* No call is open any more. NULL does nothing. */
void http_pool_destroy(struct http_pool *pool);
/* *out is open, but not in the client's table yet. ERR_FORMAT, ERR_FULL. */
MUST_USE enum err http_pool_send(struct http_pool *pool, struct http_open **out,
	const struct http_request *request, http_answer_cb cb, void *ctx);

#endif
