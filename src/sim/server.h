/* sim/server: simulated nodes where clients find them: on a port of this machine, or in-process on
 * a virtual loop. Threads: the loop's. */
#ifndef SIM_SERVER_H
#define SIM_SERVER_H
#include "net/http_client.h"
#include "net/http_server.h"
#include "sim/rest.h"

struct sim_server;

/* Returns owned. Listens on 127.0.0.1 only; port 0: any. Borrows the node, which must outlive it.
 * Errors as http_server_create. */
MUST_USE NONNULL_ALL enum err sim_server_create(
	struct sim_server **out, struct loop *loop, uint16_t port, struct sim_node *node);
/* The same of a node that speaks REST: everything but levers is the door's, which must outlive the
 * server, as must its node. */
MUST_USE NONNULL_ALL enum err sim_server_create_rest(
	struct sim_server **out, struct loop *loop, uint16_t port, struct sim_rest *rest);
/* Calls that were never to be answered are, now. */
void sim_server_destroy(struct sim_server *server);
NONNULL_ALL uint16_t sim_server_port(const struct sim_server *server);

/* In-process: the handler for http_client_create_local, with a table of who answers at which URL.
 */
#define SIM_LOCAL_MAX 8u
struct sim_local {
	struct {
		const char *prefix; /* "http://bitcoin.sim" */
		struct sim_node *node;
		struct sim_rest *rest; /* or this */
	} row[SIM_LOCAL_MAX];
	uint32_t row_count;
};
/* ctx: a struct sim_local. An unknown URL is ERR_UNAVAILABLE. */
void sim_local_handler(void *ctx, struct http_local_request *request);

#endif
