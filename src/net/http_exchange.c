#include "net/http_exchange.h"

#include <stdlib.h>
#include <strings.h>

#define HEADER_SIZE_MAX 4096u /* of one header's value that we answer with */

static struct http_exchange *exchange_of(struct link_item *item)
{
	return (struct http_exchange *)(void *)item;
}

static void post(struct http_exchange *x, uint32_t bits)
{
	link_post(x->link, LINK_NET, &x->item, bits);
}

/* The last post: x is not ours any more. Nobody waits for it. */
static void post_free(struct http_exchange *x)
{
	link_post_lazily(x->link, LINK_NET, &x->item, HTTP_POST_FREE);
}

/* ---- what comes from the door ---- */

void http_exchange_take(void *owner, struct link_item *item, uint32_t bits)
{
	const struct http_owner *o = owner;
	struct http_exchange *x = exchange_of(item);
	x->gone = (bits & HTTP_POST_GONE) != 0;
	if (bits & HTTP_POST_REQUEST) {
		/* nobody is left to be answered: then nothing is done either */
		const bool dead = x->gone || (bits & HTTP_POST_EXPIRED) != 0;
		x->state = dead ? HTTP_OWNER_OVER : HTTP_OWNER_HANDED;
		if (!dead) {
			o->handler(o->ctx, x); /* it may answer, and x be gone */
			return;
		}
	}
	if (!x->gone || x->state == HTTP_OWNER_HANDED)
		return;
	if (x->state == HTTP_OWNER_STREAM)
		x->closed(x->closed_ctx);
	post_free(x);
}

/* ---- the request ---- */

const char *http_method(const struct http_exchange *x)
{
	return x->method;
}

const char *http_path(const struct http_exchange *x)
{
	return x->path;
}

static const char *find(const struct http_pair *pair, uint32_t count, const char *name)
{
	for (uint32_t i = 0; i < count; i++)
		if (strcasecmp(pair[i].name, name) == 0)
			return pair[i].value;
	return NULL;
}

const char *http_query(struct http_exchange *x, const char *name)
{
	return find(x->query, x->query_count, name);
}

const char *http_header(struct http_exchange *x, const char *name)
{
	return find(x->header, x->header_count, name);
}

struct slice http_body(const struct http_exchange *x)
{
	return x->body;
}

const char *http_peer(const struct http_exchange *x)
{
	return x->peer;
}

/* ---- the answer ---- */

void http_set_header(struct http_exchange *x, const char *name, const char *value)
{
	CHECK(x->state == HTTP_OWNER_HANDED && x->answer_header_count < HTTP_ANSWER_HEADERS_MAX);
	CHECK(strlen(name) <= HTTP_ANSWER_HEADER_NAME_MAX);
	const size_t len = strnlen(value, HEADER_SIZE_MAX);
	struct http_answer_header *h = &x->answer_header[x->answer_header_count];
	if (len == HEADER_SIZE_MAX || !net_text_make(&h->value, x->pool, LINK_OWNER, len + 1))
		return;
	memcpy(h->value.ptr, value, len + 1);
	memcpy(h->name, name, strlen(name) + 1);
	x->answer_header_count++;
}

static void set_content_type(struct http_exchange *x, const char *content_type)
{
	const size_t len = strlen(content_type);
	CHECK(len <= HTTP_CONTENT_TYPE_MAX);
	memcpy(x->content_type, content_type, len + 1);
}

void http_answer(
	struct http_exchange *x, unsigned status, const char *content_type, struct slice body)
{
	CHECK(x->state == HTTP_OWNER_HANDED);
	x->state = HTTP_OWNER_OVER;
	if (x->gone) {
		post_free(x);
		return;
	}
	x->status = status;
	set_content_type(x, content_type);
	if (body.len > 0 && !net_text_make(&x->answer, x->pool, LINK_OWNER, body.len)) {
		x->no_memory = true;
	} else if (body.len > 0) {
		memcpy(x->answer.ptr, body.ptr, body.len);
		x->answer_len = body.len;
	}
	post(x, HTTP_POST_ANSWER);
}

/* ---- streams ---- */

enum err http_stream_begin(struct http_exchange *x, const char *content_type, size_t backlog_max,
	loop_cb closed, void *ctx)
{
	CHECK(x->state == HTTP_OWNER_HANDED && backlog_max > 0);
	if (x->gone)
		return ERR_UNAVAILABLE;
	if (!pieces_init(&x->pieces))
		return ERR_FULL;
	x->state = HTTP_OWNER_STREAM;
	x->status = 200;
	set_content_type(x, content_type);
	x->backlog_max = backlog_max;
	x->closed = closed;
	x->closed_ctx = ctx;
	post(x, HTTP_POST_BEGIN);
	return OK;
}

enum err http_stream_write(struct http_exchange *x, struct slice bytes)
{
	CHECK(x->state == HTTP_OWNER_STREAM && !x->ending);
	if (x->broken || x->gone)
		return ERR_FULL;
	if (bytes.len == 0)
		return OK;
	if (pieces_write(&x->pieces, bytes, x->backlog_max) != OK) {
		x->broken = true;
		post(x, HTTP_POST_BREAK);
		return ERR_FULL;
	}
	post(x, HTTP_POST_DATA);
	return OK;
}

void http_stream_end(struct http_exchange *x)
{
	CHECK(x->state == HTTP_OWNER_STREAM);
	if (x->ending || x->gone)
		return;
	x->ending = true;
	post(x, HTTP_POST_END);
}

/* ---- the door's end ---- */

void http_exchange_fini(struct http_exchange *x)
{
	for (uint32_t i = 0; i < x->answer_header_count; i++)
		net_text_drop(&x->answer_header[i].value, x->pool, LINK_NET);
	net_text_drop(&x->answer, x->pool, LINK_NET);
	pieces_fini(&x->pieces);
}
