/* Every handler with any body: one answer each, and a problem where there is an error.
 * Input: route, flags, then up to a zero the path's parameter or query, then the body. */
#include "node/api_internal.h"
#include "node/api_world_test.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FLAG_TOKEN = 1, FLAG_KEY = 2, FLAG_TYPE = 4, FLAG_QUERY = 8, FLAG_HOLD = 16 };

/* The server's side, instead of net/http_server.c. */
struct http_exchange {
	const char *method;
	char path[512];
	const char *argument;
	uint8_t flags;
	struct slice body;
	unsigned answers, status;
	bool stream;
	loop_cb closed;
	void *closed_ctx;
};

enum err http_server_create(struct http_server **out, struct loop *loop,
	const struct http_server_config *config, http_handler handler, void *ctx)
{
	(void)loop;
	(void)config;
	(void)handler;
	(void)ctx;
	*out = NULL;
	return OK;
}
void http_server_destroy(struct http_server *server)
{
	(void)server;
}
const char *http_method(const struct http_exchange *x)
{
	return x->method;
}
const char *http_path(const struct http_exchange *x)
{
	return x->path;
}
const char *http_query(struct http_exchange *x, const char *name)
{
	(void)name;
	return (x->flags & FLAG_QUERY) != 0 ? x->argument : NULL;
}
const char *http_header(struct http_exchange *x, const char *name)
{
	if (strcmp(name, "Authorization") == 0)
		return (x->flags & FLAG_TOKEN) != 0 ? "Bearer " OPERATOR_TOKEN : NULL;
	if (strcmp(name, "Idempotency-Key") == 0)
		return (x->flags & FLAG_KEY) != 0 ? "0123456789abcdef" : x->argument;
	if (strcmp(name, "Content-Type") == 0)
		return (x->flags & FLAG_TYPE) != 0 ? "application/json" : x->argument;
	return (x->flags & FLAG_QUERY) != 0 ? x->argument : NULL;
}
struct slice http_body(const struct http_exchange *x)
{
	return x->body;
}
const char *http_peer(const struct http_exchange *x)
{
	(void)x;
	return "10.0.0.1";
}
void http_set_header(struct http_exchange *x, const char *name, const char *value)
{
	CHECK(x->answers == 0 && name[0] != '\0' && value[0] != '\0');
}
void http_answer(
	struct http_exchange *x, unsigned status, const char *content_type, struct slice body)
{
	CHECK(!x->stream && x->answers++ == 0);
	x->status = status;
	if (strcmp(content_type, CONTENT_PROBLEM) != 0)
		return;
	struct json *v;
	uint64_t told = 0;
	CHECK(json_parse(&v, body, NULL) == OK);
	CHECK(json_get_u64(v, "status", &told) == OK && told == status && status >= 400);
	json_free(v);
}
enum err http_stream_begin(struct http_exchange *x, const char *content_type, size_t backlog_max,
	loop_cb closed, void *ctx)
{
	CHECK(x->answers == 0 && content_type[0] != '\0' && backlog_max > 0);
	x->stream = true;
	x->closed = closed;
	x->closed_ctx = ctx;
	return OK;
}
enum err http_stream_write(struct http_exchange *x, struct slice piece)
{
	CHECK(x->stream && piece.len > 0);
	return OK;
}

static void make_path(struct http_exchange *x, const char *pattern)
{
	struct buf b = buf_init(x->path, sizeof x->path);
	for (const char *p = pattern; *p != '\0'; p++) {
		if (*p == '{') {
			const bool layer = strncmp(p, "{layer}", 7) == 0;
			buf_printf(&b, "%.100s", layer ? "bitcoin" : x->argument);
			p += strcspn(p, "}");
		} else {
			buf_u8(&b, (uint8_t)*p);
		}
	}
	(void)buf_cstr(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world w;
	char argument[256];
	if (size < 3)
		return 0;
	if (w.api == NULL)
		world_open(&w,
			"limits: {request_rate: 1000000, request_burst: 1000000, "
			"swap_rate: 1000000, swap_burst: 1000000, deadline_ms: 10}\n");
	const struct route *route = &api_routes[data[0] % api_route_count];
	struct http_exchange x = {.method = route->method, .argument = argument, .flags = data[1]};
	size_t at = 2, len = 0;
	while (at < size && data[at] != 0 && len < sizeof argument - 1)
		argument[len++] = (char)data[at++];
	argument[len] = '\0';
	at += at < size ? 1 : 0;
	x.body = slice_of(data + at, size - at);
	make_path(&x, route->path);
	w.hold_durable = (x.flags & FLAG_HOLD) != 0;
	api_handle(w.api, &x);
	for (unsigned i = 0; i < 100 && x.answers == 0 && !x.stream; i++)
		(void)loop_step(w.loop, 20);
	if (w.hold_durable)
		world_release(&w);
	CHECK(x.stream || x.answers == 1);
	if (x.stream)
		x.closed(x.closed_ctx);
	return 0;
}
