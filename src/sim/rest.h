/* sim/rest: the door of a simulated node that speaks REST: over HTTP or in-process, with the
 * latency and the faults of its sim_node, by path.
 *
 * A request travels for half of its latency, is carried out by the handler, and its answer travels
 * for the other half; parts of a stream are told when they come. A fault meets the whole answer, or
 * a stream's first part. A POST to "/" is no request but a lever (docs/devnet.md): JSON-RPC, to the
 * sim_node. Threads: the loop's. Ownership: as each function says.
 */
#ifndef SIM_REST_H
#define SIM_REST_H
#include "net/http_client.h"
#include "net/http_server.h"
#include "sim/node.h"

struct sim_visit;

typedef void (*sim_rest_handler)(void *ctx, struct sim_visit *visit);

struct sim_rest {
	struct loop *loop;     /* borrows */
	struct sim_node *node; /* borrows; NULL: no latency, no faults, no levers */
	sim_rest_handler handler;
	void *ctx;
	/* The longest route that the path begins with, without what is asked for: what faults are
	 * named by. Static. */
	const char *(*name)(const char *path);
	struct sim_visit *first;
};

/* Every visit ends: who waits sees the connection end. After the HTTP server, if there is one. */
void sim_rest_fini(struct sim_rest *rest);
/* An http_local_handler and an http_handler, for ctx a struct sim_rest. */
void sim_rest_local(void *rest, struct http_local_request *request);
void sim_rest_http(void *rest, struct http_exchange *exchange);

/* ---- a request, until it is answered ---- */

NONNULL_ALL const char *sim_visit_method(const struct sim_visit *v);
NONNULL_ALL const char *sim_visit_path(const struct sim_visit *v);
NONNULL_ALL struct slice sim_visit_body(const struct sim_visit *v);
/* "": there is no such header. */
NONNULL_ALL const char *sim_visit_header(struct sim_visit *v, const char *name);

/* Each takes the visit. answer: the whole; end: of a stream, in good order; cut: the connection
 * ends; refuse: nobody listens. */
NONNULL_ALL void sim_visit_answer(struct sim_visit *v, unsigned status, struct slice body);
NONNULL_ALL void sim_visit_end(struct sim_visit *v);
NONNULL_ALL void sim_visit_cut(struct sim_visit *v);
NONNULL_ALL void sim_visit_refuse(struct sim_visit *v);

/* A part of a stream. False: nobody listens any more, and the visit is gone. */
MUST_USE NONNULL_ALL bool sim_visit_part(struct sim_visit *v, struct slice part);
/* Called when the client of a stream goes, after which the visit is gone; not for what the
 * handler ends itself. */
NONNULL_ALL void sim_visit_on_gone(
	struct sim_visit *v, void (*gone)(void *ctx, struct sim_visit *v), void *ctx);

#endif
