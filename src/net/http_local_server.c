#include "net/http_local_server.h"

#include <stdio.h>
#include <stdlib.h>

#include "net/http_exchange.h"

#define VISITS_MAX 4096u
#define TEXTS_EACH 4u /* of a visit: body, answer, two headers of it */
#define PAIRS_MAX 16u
#define PEER_SIZE 64u
#define URL_SIZE 1024u
#define HEADER_SIZE 512u

/* The door's half of an exchange. */
struct visit {
	struct http_exchange x; /* first */
	struct http_local_server *server;
	struct http_local_request *request; /* NULL: given back */
	struct visit *prev, *next;
	struct http_pair query[PAIRS_MAX], header[PAIRS_MAX];
	char url[URL_SIZE], peer[PEER_SIZE], method[16];
	char extra[HEADER_SIZE], type[HEADER_SIZE], authorization[HEADER_SIZE];
	struct net_text body; /* owned */
};

struct http_local_server {
	struct link *link; /* owned */
	struct net_pool memory;
	struct http_owner owner;
	struct visit *first;
};

static struct visit *visit_of(struct link_item *item)
{
	return (struct visit *)(void *)item;
}

static void visit_free(struct visit *v)
{
	if (v->prev != NULL)
		v->prev->next = v->next;
	else
		v->server->first = v->next;
	if (v->next != NULL)
		v->next->prev = v->prev;
	struct net_pool *memory = &v->server->memory;
	link_leave(v->server->link);
	http_exchange_fini(&v->x);
	net_text_drop(&v->body, memory, LINK_NET);
	net_pool_delete(memory, LINK_NET, v, sizeof *v);
}

static void give_back(struct visit *v, enum err err, unsigned status, struct slice body)
{
	struct http_local_request *request = v->request;
	v->request = NULL;
	if (request != NULL)
		http_local_answer(request, err, status, body);
}

/* What comes from the handler's half. */
static void on_post(void *ctx, struct link_item *item, uint32_t bits)
{
	struct http_local_server *server = ctx;
	struct visit *v = visit_of(item);
	if (bits & HTTP_POST_FREE) {
		visit_free(v);
		return;
	}
	if (bits & HTTP_POST_ANSWER)
		give_back(v, v->x.no_memory ? ERR_IO : OK, v->x.status,
			slice_of(v->x.answer.ptr, v->x.answer_len));
	else if (bits & (HTTP_POST_BEGIN | HTTP_POST_BREAK))
		give_back(v, ERR_IO, 0, slice_of(NULL, 0));
	if (bits & (HTTP_POST_ANSWER | HTTP_POST_BEGIN))
		link_post(server->link, LINK_OWNER, item, HTTP_POST_GONE);
}

/* ---- the request ---- */

static bool copy(char *out, size_t size, const char *text)
{
	const int len = snprintf(out, size, "%s", text);
	return len >= 0 && (size_t)len < size;
}

static bool add_header(struct visit *v, char *storage, const char *name, const char *value)
{
	if (value[0] == '\0')
		return true;
	if (v->x.header_count == PAIRS_MAX || !copy(storage, HEADER_SIZE, value))
		return false;
	v->header[v->x.header_count++] = (struct http_pair){.name = name, .value = storage};
	return true;
}

/* "Name: value" is cut in two in its storage. */
static bool add_extra(struct visit *v, const char *line)
{
	if (line[0] == '\0')
		return true;
	char *colon;
	if (v->x.header_count == PAIRS_MAX || !copy(v->extra, sizeof v->extra, line) ||
		(colon = strchr(v->extra, ':')) == NULL)
		return false;
	*colon = '\0';
	char *value = colon + 1;
	value += strspn(value, " ");
	v->header[v->x.header_count++] = (struct http_pair){.name = v->extra, .value = value};
	return true;
}

/* "a=1&b=2", cut up in place. */
static bool split_query(struct visit *v, char *text)
{
	while (text != NULL && *text != '\0') {
		if (v->x.query_count == PAIRS_MAX)
			return false;
		char *end = strchr(text, '&');
		if (end != NULL)
			*end = '\0';
		char *equals = strchr(text, '=');
		if (equals != NULL)
			*equals = '\0';
		v->query[v->x.query_count++] = (struct http_pair){
			.name = text, .value = equals == NULL ? "" : equals + 1};
		text = end == NULL ? NULL : end + 1;
	}
	return true;
}

/* The path and query of "http://host/path?query". */
static bool take_url(struct visit *v, const char *url)
{
	if (!copy(v->url, sizeof v->url, url))
		return false;
	char *path = strstr(v->url, "://");
	path = path == NULL ? NULL : strchr(path + 3, '/');
	if (path == NULL)
		return false;
	char *query = strchr(path, '?');
	if (query != NULL)
		*query++ = '\0';
	v->x.path = path;
	return split_query(v, query);
}

static bool take_request(struct visit *v, const char *peer)
{
	const struct http_local_request *r = v->request;
	const struct slice body = http_local_body(r);
	v->x.method = v->method;
	v->x.peer = v->peer;
	v->x.query = v->query;
	v->x.header = v->header;
	if (!net_text_make(&v->body, v->x.pool, LINK_NET, body.len + 1) ||
		!copy(v->method, sizeof v->method, http_local_method(r)) ||
		!copy(v->peer, sizeof v->peer, peer) || !take_url(v, http_local_url(r)) ||
		!add_header(v, v->authorization, "Authorization", http_local_authorization(r)) ||
		!add_header(v, v->type, "Content-Type", http_local_content_type(r)) ||
		!add_extra(v, http_local_extra_header(r)))
		return false;
	if (body.len > 0)
		memcpy(v->body.ptr, body.ptr, body.len);
	v->x.body = slice_of(v->body.ptr, body.len);
	return true;
}

void http_local_serve(
	struct http_local_server *server, struct http_local_request *request, const char *peer)
{
	struct visit *v = net_pool_new(&server->memory, LINK_NET, sizeof *v);
	if (v == NULL || link_enter(server->link, LINK_OWNER, &v->x.item) != OK) {
		if (v != NULL)
			net_pool_delete(&server->memory, LINK_NET, v, sizeof *v);
		http_local_answer(request, ERR_UNAVAILABLE, 0, slice_of(NULL, 0));
		return;
	}
	v->server = server;
	v->request = request;
	v->x.link = server->link;
	v->x.pool = &server->memory;
	v->next = server->first;
	if (v->next != NULL)
		v->next->prev = v;
	server->first = v;
	if (!take_request(v, peer)) {
		give_back(v, OK, 400, slice_of(NULL, 0));
		visit_free(v);
		return;
	}
	link_post(server->link, LINK_OWNER, &v->x.item, HTTP_POST_REQUEST);
}

/* ---- life ---- */

enum err http_local_server_create(struct http_local_server **out, http_handler handler, void *ctx)
{
	struct http_local_server *server = calloc(1, sizeof *server);
	if (server == NULL)
		return ERR_FULL;
	server->owner = (struct http_owner){.handler = handler, .ctx = ctx};
	const struct link_config link = {.depth = VISITS_MAX,
		.end = {[LINK_OWNER] = {.name = "local_requests",
				.take = http_exchange_take,
				.ctx = &server->owner},
			[LINK_NET] = {.name = "local_answers", .take = on_post, .ctx = server}}};
	const struct slab_need need = {.size = sizeof(struct visit), .count = VISITS_MAX};
	enum err err = net_pool_init(
		&server->memory, "local_exchanges", &need, 1, (size_t)TEXTS_EACH * VISITS_MAX);
	if (err == OK)
		err = link_create(&server->link, &link);
	if (err != OK) {
		net_pool_fini(&server->memory);
		free(server);
		return err;
	}
	*out = server;
	return OK;
}

void http_local_server_destroy(struct http_local_server *server)
{
	if (server == NULL)
		return;
	while (server->first != NULL) {
		give_back(server->first, ERR_IO, 0, slice_of(NULL, 0));
		visit_free(server->first);
	}
	link_close(server->link);
	link_destroy(server->link);
	net_pool_fini(&server->memory);
	free(server);
}
