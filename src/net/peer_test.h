/* For tests: a TCP server that answers byte for byte what a test tells it to. */
#ifndef NET_PEER_TEST_H
#define NET_PEER_TEST_H
#include "sys/loop.h"

struct peer;
struct peer_conn;

/* A whole request has come (or the first PEER_REQUEST_MAX bytes of one). */
typedef void (*peer_handler)(
	void *ctx, struct peer_conn *conn, const char *request, struct slice body);

struct peer *peer_create(struct loop *loop, uint16_t port, peer_handler handler, void *ctx);
void peer_destroy(struct peer *peer);
uint16_t peer_port(const struct peer *peer);
unsigned peer_accepted(const struct peer *peer); /* connections so far */
unsigned peer_requests(const struct peer *peer);
/* Stop listening; connections stay. */
void peer_deaf(struct peer *peer);
void peer_send(struct peer_conn *conn, struct slice bytes);
/* What the other side has no room for so far. */
size_t peer_unsent(const struct peer_conn *conn);
/* The usual answer, with its length. */
void peer_answer(struct peer_conn *conn, unsigned status, const char *body);
void peer_close(struct peer_conn *conn);

#endif
