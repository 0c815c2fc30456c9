/* net/http_curl: https:// by libcurl, its sockets and its timer on our loop. The one door to that
 * library. Private to net. Threads: the loop's.
 */
#ifndef NET_HTTP_CURL_H
#define NET_HTTP_CURL_H
#include "net/http_real.h"

struct http_curl;

/* Returns owned. ERR_FULL. */
MUST_USE NONNULL_ALL enum err http_curl_create(struct http_curl **out, struct http_real *client);
/* No call is open any more. NULL does nothing. */
void http_curl_destroy(struct http_curl *c);
/* *out is open, but not in the client's table yet. ERR_FORMAT, ERR_FULL. */
MUST_USE enum err http_curl_send(struct http_curl *c, struct http_open **out,
	const struct http_request *request, http_answer_cb cb, void *ctx);
/* ERR_FORMAT: a URL that the library can't read. */
MUST_USE NONNULL_ALL enum err http_curl_url_check(const char *text);

#endif
