#include "sim/server.h"

#include <stdlib.h>

#include "sim/index.h"

#define CONNECTION_MAX 8192u
#define BODY_MAX (8u << 20) /* a block's worth of hex, and batches */
#define IDLE_TIMEOUT_S 300u
/* For what came through to be on its way before the connection ends: the headers at least, because
 * clients that see nothing at all on a connection that they kept ask again by themselves. */
#define CUT_AFTER_MS 20u

/* ---- over HTTP ---- */

/* An exchange that the HTTP server still waits for: in the node, held for ever, or being cut. */
struct visit {
	struct sim_server *server;
	struct http_exchange *exchange;
	struct visit *prev, *next;
	struct loop_timer timer;
	bool in_node, streaming;
};

struct sim_server {
	struct loop *loop;
	struct sim_node *node;
	struct sim_rest *rest; /* NULL: JSON-RPC only */
	struct http_server *http;
	struct visit *first;
	bool closing;
};

static void visit_end(struct visit *v)
{
	struct sim_server *server = v->server;
	loop_timer_cancel(server->loop, &v->timer);
	if (v->prev != NULL)
		v->prev->next = v->next;
	else
		server->first = v->next;
	if (v->next != NULL)
		v->next->prev = v->prev;
	free(v);
}

static void visit_answer(struct visit *v, unsigned status, const char *type, struct slice body)
{
	struct http_exchange *x = v->exchange;
	visit_end(v);
	http_answer(x, status, type, body);
}

static void on_stream_closed(void *ctx)
{
	visit_end(ctx);
}

/* A stream whose backlog is passed is cut off: the client sees the connection end. */
static void overflow(struct visit *v)
{
	static const uint8_t more[4096];
	enum err e;
	do
		e = http_stream_write(v->exchange, slice_of(more, sizeof more));
	while (e == OK);
}

static void on_cut(void *ctx)
{
	struct visit *v = ctx;
	v->timer.id = 0;
	overflow(v);
}

static void cut(struct visit *v, struct slice body)
{
	if (http_stream_begin(v->exchange, "application/json", body.len + 1, on_stream_closed, v) !=
		OK) {
		visit_answer(v, 502, "text/plain", slice_of(NULL, 0));
		return;
	}
	v->streaming = true;
	if (http_stream_write(v->exchange, body) != OK ||
		loop_timer_set(v->server->loop, &v->timer, CUT_AFTER_MS, on_cut, v) != OK)
		overflow(v);
}

static void on_node_answer(void *ctx, const struct sim_node_answer *answer)
{
	struct visit *v = ctx;
	v->in_node = false;
	if (v->server->closing) {
		visit_answer(v, 503, "text/plain", slice_of(NULL, 0));
		return;
	}
	switch (answer->err) {
	case OK: visit_answer(v, answer->status, answer->content_type, answer->body); break;
	case ERR_IO: cut(v, answer->body); break;
	case ERR_TIMEOUT: break; /* held until the end */
	case ERR_UNAVAILABLE:
	case ERR_FULL:
	case ERR_SHORT:
	case ERR_FORMAT:
	case ERR_NOT_FOUND:
	case ERR_EXISTS:
	case ERR_RANGE:
	case ERR_DENIED:
	case ERR_STATE:
	case ERR_CHECKSUM:
	case ERR_NETWORK:
	case ERR_REJECTED:
	case ERR_CANCELLED: visit_answer(v, 503, "text/plain", slice_of(NULL, 0)); break;
	}
}

static void on_request(void *ctx, struct http_exchange *x)
{
	struct sim_server *server = ctx;
	if (server->rest != NULL && strcmp(http_path(x), "/") != 0) {
		sim_rest_http(server->rest, x);
		return;
	}
	if (strcmp(http_method(x), "POST") != 0) {
		http_answer(x, 405, "text/plain",
			slice_str("JSONRPC server handles only POST requests"));
		return;
	}
	struct visit *v = sim_alloc(sizeof *v);
	*v = (struct visit){
		.server = server, .exchange = x, .next = server->first, .in_node = true};
	if (v->next != NULL)
		v->next->prev = v;
	server->first = v;
	sim_node_request(
		server->node, http_header(x, "Authorization"), http_body(x), on_node_answer, v);
}

static enum err create(struct sim_server **out, struct loop *loop, uint16_t port,
	struct sim_node *node, struct sim_rest *rest)
{
	const struct http_server_config config = {.bind = "127.0.0.1",
		.port = port,
		.connection_max = CONNECTION_MAX,
		.body_max = BODY_MAX,
		.idle_timeout_s = IDLE_TIMEOUT_S};
	struct sim_server *server = sim_alloc(sizeof *server);
	server->loop = loop;
	server->node = node;
	server->rest = rest;
	const enum err e = http_server_create(&server->http, loop, &config, on_request, server);
	if (e != OK) {
		free(server);
		return e;
	}
	*out = server;
	return OK;
}

enum err sim_server_create(
	struct sim_server **out, struct loop *loop, uint16_t port, struct sim_node *node)
{
	return create(out, loop, port, node, NULL);
}

enum err sim_server_create_rest(
	struct sim_server **out, struct loop *loop, uint16_t port, struct sim_rest *rest)
{
	return create(out, loop, port, rest->node, rest);
}

void sim_server_destroy(struct sim_server *server)
{
	if (server == NULL)
		return;
	server->closing = true;
	/* closes the streams; what the node still has comes back through on_node_answer */
	struct visit *next;
	for (struct visit *v = server->first; v != NULL; v = next) {
		next = v->next;
		if (!v->in_node && !v->streaming)
			visit_answer(v, 503, "text/plain", slice_of(NULL, 0));
	}
	http_server_destroy(server->http);
	sim_node_cancel(server->node, on_node_answer);
	CHECK(server->first == NULL);
	free(server);
}

uint16_t sim_server_port(const struct sim_server *server)
{
	return http_server_port(server->http);
}

/* ---- in-process ---- */

static void on_local_answer(void *ctx, const struct sim_node_answer *answer)
{
	struct http_local_request *request = ctx;
	if (answer->err == ERR_TIMEOUT)
		http_local_drop(request);
	else
		http_local_answer(request, answer->err, answer->status, answer->body);
}

void sim_local_handler(void *ctx, struct http_local_request *request)
{
	const struct sim_local *local = ctx;
	for (uint32_t i = 0; i < local->row_count; i++) {
		if (strncmp(http_local_url(request), local->row[i].prefix,
			    strlen(local->row[i].prefix)) != 0)
			continue;
		if (local->row[i].rest != NULL) {
			sim_rest_local(local->row[i].rest, request);
			return;
		}
		sim_node_request(local->row[i].node, http_local_authorization(request),
			http_local_body(request), on_local_answer, request);
		return;
	}
	http_local_answer(request, ERR_UNAVAILABLE, 0, slice_of(NULL, 0));
}
