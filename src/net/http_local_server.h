/* net/http_local_server: the handlers of an HTTP server (net/http_server.h) behind the in-process
 * client (net/http_client.h): what http_local is to a client, this is to a server. For simulations.
 *
 * Requests are taken as they are: nothing is percent-decoded. A stream that a handler begins ends
 * the request's connection: there are none here.
 *
 * Threads: the loop's. Ownership: borrows the handler's context. Destroyed after the handlers:
 * what they did not answer ends with it.
 */
#ifndef NET_HTTP_LOCAL_SERVER_H
#define NET_HTTP_LOCAL_SERVER_H
#include "net/http_client.h"
#include "net/http_server.h"

struct http_local_server;

/* Returns owned. ERR_FULL: no memory. */
MUST_USE NONNULL_ALL enum err http_local_server_create(
	struct http_local_server **out, http_handler handler, void *ctx);
/* Requests that nobody answered end like a connection that is cut. */
void http_local_server_destroy(struct http_local_server *server);
/* Takes the request; peer (copied) is whom it comes from. The handler is called from inside. */
NONNULL_ALL void http_local_serve(
	struct http_local_server *server, struct http_local_request *request, const char *peer);

#endif
