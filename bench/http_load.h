/* What the family http asks its load generators to do: `http_load WAY PORT IN_FLIGHT` keeps so many
 * requests open, answers each http_load_request on its standard input with an http_load_answer on
 * its standard output. Its first answer, unasked, is that all connections are there.
 *
 * A request is a POST of HTTP_LOAD_BODY, of whose answer the status is looked at. */
#ifndef BENCH_HTTP_LOAD_H
#define BENCH_HTTP_LOAD_H
#include "base/base.h"

struct http_load_request {
	uint64_t count; /* of requests to be sent and answered */
};

struct http_load_answer {
	uint64_t failed; /* any but an answer of 200 */
	uint64_t p99_ns; /* of a request, as its sender saw it */
};

/* 140 bytes, as a node is asked. */
#define HTTP_LOAD_BODY                                                                             \
	"{\"jsonrpc\":\"2.0\",\"id\":123456789,\"method\":\"getrawtransaction\",\"params\":["      \
	"\"4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b\"]}\n"
_Static_assert(sizeof HTTP_LOAD_BODY - 1 == 140, "the family's request");
#define HTTP_LOAD_TIMEOUT_MS 30000u

/* One way to send: once open, run keeps in_flight requests open until count are answered, and calls
 * http_load_began and http_load_ended for each. */
struct http_load_way {
	const char *name;
	void (*open)(uint16_t port, uint32_t in_flight);
	void (*run)(uint64_t count);
};

extern const struct http_load_way http_load_ours, http_load_ours_epoll, http_load_ours_registered,
	http_load_ours_sq_poll, http_load_epoll, http_load_curl, http_load_curl_64;

/* The clock of one request: when it began, and that it is over. */
uint64_t http_load_began(void);
void http_load_ended(uint64_t began, bool good);
#endif
