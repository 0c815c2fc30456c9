/* net/http_url: an http:// URL taken apart (RFC 3986, RFC 9110 section 4.2.1). Private to net.
 *
 * Strict, for its parts go into a request's first lines: only visible ASCII, no user information
 * (that is what `authorization` is for), a port from 1 to 65,535, a fragment left out. Pure;
 * everything borrows from the text.
 */
#ifndef NET_HTTP_URL_H
#define NET_HTTP_URL_H
#include "base/base.h"

#define HTTP_PORT_DEFAULT 80u
#define HTTP_HOST_LEN_MAX 253u /* of a name in the DNS */

struct http_url {
	struct slice host;      /* a name, or a numeric address, without brackets */
	struct slice authority; /* host and port, as a Host header has them */
	uint16_t port;
	struct slice path, query; /* path may be empty; the query begins with its '?' */
};

/* ERR_FORMAT. */
MUST_USE NONNULL_ALL enum err http_url_parse(struct http_url *out, const char *text);

#endif
