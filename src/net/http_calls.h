/* net/http_calls: what all forms of the HTTP client share: the table of open calls, whose handles
 * go stale safely, and the check of a request. Private to net. Threads: the loop's.
 */
#ifndef NET_HTTP_CALLS_H
#define NET_HTTP_CALLS_H
#include "net/http_client.h"

struct http_call_slot {
	void *call; /* NULL: free */
	uint32_t generation;
	uint32_t next_free;
};

struct http_calls {
	struct http_call_slot *slot; /* owned; max of them */
	uint32_t max, count, touched, free;
};

/* The forms. Each begins with a struct http_client. */
struct http_client_ops {
	enum err (*send)(struct http_client *client, struct http_call *call,
		const struct http_request *request, http_answer_cb cb, void *ctx);
	void (*cancel)(struct http_client *client, struct http_call call);
	void (*destroy)(struct http_client *client);
	/* http_client_pools; NULL: it has none */
	uint32_t (*pools)(
		const struct http_client *client, const struct net_pool *out[HTTP_CLIENT_POOLS]);
};

struct http_client {
	const struct http_client_ops *ops;
	struct loop *loop;
	struct http_calls calls;
};

/* max: open at once, up to HTTP_IN_FLIGHT_MAX. */
MUST_USE enum err http_calls_init(struct http_calls *calls, uint32_t max);
void http_calls_fini(struct http_calls *calls);
/* What calls_max of a configuration means. */
NONNULL_ALL static inline uint32_t http_calls_bound(const struct http_client_config *config)
{
	return config->calls_max == 0 || config->calls_max > HTTP_IN_FLIGHT_MAX ? HTTP_IN_FLIGHT_MAX
										: config->calls_max;
}
/* ERR_FULL: max are open. */
MUST_USE enum err http_calls_add(struct http_calls *calls, uint64_t *id, void *call);
/* NULL where the handle is stale. */
void *http_calls_get(const struct http_calls *calls, uint64_t id);
void http_calls_remove(struct http_calls *calls, uint64_t id);
/* Some open call, or NULL: to end them all. */
void *http_calls_any(const struct http_calls *calls);

/* Calls back, with what the reader makes of the body. */
void http_answer_give(const struct http_answer *answer, const struct http_reader *reader,
	struct http_reader_args reader_args, http_answer_cb cb, void *ctx);

/* ERR_FORMAT: a method that is no token, a header with a control character, no http or https URL,
 * parts and a reader.
 */
MUST_USE enum err http_request_check(const struct http_request *request);
/* ERR_FORMAT: a URL that the way of its scheme can't read. (In http_client.c.) */
MUST_USE NONNULL_ALL enum err http_url_check(const char *url);

#endif
