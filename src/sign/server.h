/* sign/server: the signer's socket: connections, frames, one sync for all requests of a moment.
 *
 * Requests are decided and signed as they are read; their answers stay in the connection's buffer
 * until the records are durable. A connection whose buffer is full is not read from. A peer of
 * another user is not answered at all. Threads: the loop's.
 */
#ifndef SIGN_SERVER_H
#define SIGN_SERVER_H
#include "sign/message.h"
#include "sign/service.h"
#include "sys/loop.h"

#define SERVER_CONNECTIONS_MAX 16u
#define SERVER_IN_SIZE (256u * 1024u)
#define SERVER_OUT_SIZE (1024u * 1024u)
/* Refusals that are written to standard error, at most, in a second. */
#define SERVER_LOG_MAX 10u

struct server;

/* Returns owned; borrows loop and service. Errors of sock_listen_unix. */
MUST_USE NONNULL_ALL enum err server_start(
	struct server **out, struct loop *loop, struct service *service, const char *socket_path);
/* What was decided still leaves. False: the state could not be written, now or earlier, when the
 * loop was stopped and nothing more was answered. */
MUST_USE bool server_stop(struct server *s);

#endif
