#include "sim/rest.h"

#include <stdlib.h>

#include "sim/index.h"

#define STREAM_BACKLOG (4u << 20)
#define CONTENT_TYPE "application/json"

struct sim_visit {
	struct sim_rest *rest;
	struct sim_visit *prev, *next;
	struct http_local_request *local; /* or.. */
	struct http_exchange *exchange;   /* ..this */
	struct loop_timer timer;
	struct sim_node_way way;
	bool streaming, spoilt; /* spoilt: the fault has met it */
	void (*gone)(void *ctx, struct sim_visit *v);
	void *ctx;
	unsigned status; /* of the answer that is on its way back */
	struct text body;
};

/* ---- what was asked ---- */

const char *sim_visit_method(const struct sim_visit *v)
{
	return v->local != NULL ? http_local_method(v->local) : http_method(v->exchange);
}

const char *sim_visit_path(const struct sim_visit *v)
{
	if (v->local == NULL)
		return http_path(v->exchange);
	const char *host = strstr(http_local_url(v->local), "//");
	const char *path = host == NULL ? NULL : strchr(host + 2, '/');
	return path == NULL ? "/" : path;
}

struct slice sim_visit_body(const struct sim_visit *v)
{
	return v->local != NULL ? http_local_body(v->local) : http_body(v->exchange);
}

const char *sim_visit_header(struct sim_visit *v, const char *name)
{
	if (v->local == NULL) {
		const char *value = http_header(v->exchange, name);
		return value == NULL ? "" : value;
	}
	const char *line = http_local_extra_header(v->local);
	const size_t len = strlen(name);
	if (strncmp(line, name, len) != 0 || strncmp(line + len, ": ", 2) != 0)
		return "";
	return line + len + 2;
}

/* ---- the end of a visit ---- */

static void visit_free(struct sim_visit *v)
{
	struct sim_rest *rest = v->rest;
	loop_timer_cancel(rest->loop, &v->timer);
	if (v->prev != NULL)
		v->prev->next = v->next;
	else
		rest->first = v->next;
	if (v->next != NULL)
		v->next->prev = v->prev;
	text_fini(&v->body);
	free(v);
}

/* The client of an HTTP stream has gone, or the stream was ended by us. */
static void on_closed(void *ctx)
{
	struct sim_visit *v = ctx;
	if (v->gone != NULL)
		v->gone(v->ctx, v);
	visit_free(v);
}

static void deliver(struct sim_visit *v, enum err err, unsigned status, struct slice body)
{
	if (v->local != NULL)
		http_local_answer(v->local, err, status, body);
	else if (err == OK)
		http_answer(v->exchange, status, CONTENT_TYPE, body);
	else
		http_answer(v->exchange, 503, "text/plain", slice_of(NULL, 0));
	visit_free(v);
}

/* A stream whose backlog is passed is cut off by the server. */
static void overflow(struct sim_visit *v)
{
	static const uint8_t more[4096];
	enum err err;
	do
		err = http_stream_write(v->exchange, slice_of(more, sizeof more));
	while (err == OK);
}

void sim_visit_end(struct sim_visit *v)
{
	v->gone = NULL;
	if (v->way.fault == FAULT_TIMEOUT)
		return; /* held until the end */
	if (v->local != NULL || !v->streaming)
		deliver(v, OK, 200, slice_of(NULL, 0));
	else
		http_stream_end(v->exchange);
}

void sim_visit_cut(struct sim_visit *v)
{
	v->gone = NULL;
	if (v->local == NULL && !v->streaming &&
		http_stream_begin(v->exchange, CONTENT_TYPE, 1, on_closed, v) == OK)
		v->streaming = true;
	if (v->local == NULL && v->streaming)
		overflow(v);
	else
		deliver(v, ERR_IO, 0, slice_of(NULL, 0));
}

void sim_visit_refuse(struct sim_visit *v)
{
	deliver(v, ERR_UNAVAILABLE, 0, slice_of(NULL, 0));
}

/* ---- answers ---- */

static bool write_part(struct sim_visit *v, struct slice part)
{
	if (v->local != NULL) {
		if (http_local_part(v->local, part))
			return true;
		http_local_drop(v->local);
		visit_free(v);
		return false;
	}
	if (!v->streaming) {
		if (http_stream_begin(v->exchange, CONTENT_TYPE, STREAM_BACKLOG, on_closed, v) !=
			OK) {
			deliver(v, ERR_UNAVAILABLE, 0, slice_of(NULL, 0));
			return false;
		}
		v->streaming = true;
	}
	/* over the backlog: it is being closed, and on_closed comes */
	return http_stream_write(v->exchange, part) == OK || v->gone != NULL;
}

bool sim_visit_part(struct sim_visit *v, struct slice part)
{
	const enum fault_kind fault = v->spoilt ? FAULT_NONE : v->way.fault;
	if (v->way.fault == FAULT_TIMEOUT)
		return true;
	v->spoilt = true;
	if (fault == FAULT_NONE)
		return write_part(v, part);
	if (fault != FAULT_LOST_REPLY) {
		struct text body = {0};
		text_put(&body, part.ptr, part.len);
		sim_node_spoil(v->rest->node, fault, &body);
		const bool heard = write_part(v, text_slice(&body));
		text_fini(&body);
		if (!heard)
			return false;
	}
	if (fault != FAULT_CUT && fault != FAULT_LOST_REPLY)
		return true;
	sim_visit_cut(v);
	return false;
}

void sim_visit_on_gone(struct sim_visit *v, void (*gone)(void *ctx, struct sim_visit *v), void *ctx)
{
	v->gone = gone;
	v->ctx = ctx;
}

static void on_back(void *ctx)
{
	struct sim_visit *v = ctx;
	v->timer.id = 0;
	const bool whole = v->way.fault != FAULT_CUT && v->way.fault != FAULT_LOST_REPLY;
	if (v->way.fault != FAULT_NONE)
		sim_node_spoil(v->rest->node, v->way.fault, &v->body);
	if (whole) {
		deliver(v, OK, v->status, text_slice(&v->body));
		return;
	}
	/* who does not listen to parts sees nothing of half an answer */
	const bool shown = v->local == NULL || http_local_listens(v->local);
	if (v->way.fault == FAULT_CUT && shown && !write_part(v, text_slice(&v->body)))
		return;
	sim_visit_cut(v);
}

static void after(struct sim_visit *v, uint64_t ms, loop_cb cb)
{
	if (ms == 0)
		cb(v);
	else if (loop_timer_set(v->rest->loop, &v->timer, ms, cb, v) != OK)
		sim_visit_refuse(v);
}

void sim_visit_answer(struct sim_visit *v, unsigned status, struct slice body)
{
	v->gone = NULL;
	if (v->way.fault == FAULT_TIMEOUT)
		return; /* held until the end */
	v->status = status;
	text_put(&v->body, body.ptr, body.len);
	after(v, v->way.back_ms, on_back);
}

/* ---- a request's way ---- */

/* What is not carried out is answered here. */
static void on_arrived(void *ctx)
{
	struct sim_visit *v = ctx;
	v->timer.id = 0;
	if (fault_lets_act(v->way.fault)) {
		v->rest->handler(v->rest->ctx, v);
		return;
	}
	switch (v->way.fault) {
	case FAULT_HANG: break; /* held until the end */
	case FAULT_UNAVAILABLE: sim_visit_refuse(v); break;
	case FAULT_ERROR:
		sim_visit_answer(v, 500,
			slice_str("{\"code\":2, \"message\":\"injected error\", \"details\":[]}"));
		break;
	case FAULT_DENIED:
		sim_visit_answer(v, 500,
			slice_str(
				"{\"code\":2, \"message\":\"cannot get macaroon: root key with id "
				"1 doesn't exist\", \"details\":[]}"));
		break;
	case FAULT_HTTP500: sim_visit_answer(v, 500, slice_of(NULL, 0)); break;
	case FAULT_BRACKETS: sim_visit_answer(v, 200, slice_of(NULL, 0)); break;
	case FAULT_NONE:
	case FAULT_TIMEOUT:
	case FAULT_LOST_REPLY:
	case FAULT_CUT:
	case FAULT_HALF:
	case FAULT_GARBAGE:
	case FAULT_KIND_COUNT: break;
	}
}

static void arrive(struct sim_visit *v)
{
	struct sim_rest *rest = v->rest;
	if (rest->node != NULL)
		sim_node_way(rest->node, rest->name(sim_visit_path(v)), &v->way);
	after(v, v->way.there_ms, on_arrived);
}

static struct sim_visit *visit_make(struct sim_rest *rest)
{
	struct sim_visit *v = sim_alloc(sizeof *v);
	*v = (struct sim_visit){.rest = rest, .next = rest->first};
	if (v->next != NULL)
		v->next->prev = v;
	rest->first = v;
	return v;
}

static void on_lever_local(void *ctx, const struct sim_node_answer *answer)
{
	if (answer->err == ERR_TIMEOUT)
		http_local_drop(ctx);
	else
		http_local_answer(ctx, answer->err, answer->status, answer->body);
}

void sim_rest_local(void *ctx, struct http_local_request *request)
{
	struct sim_rest *rest = ctx;
	struct sim_visit *v = visit_make(rest);
	v->local = request;
	if (rest->node == NULL || strcmp(sim_visit_path(v), "/") != 0) {
		arrive(v);
		return;
	}
	visit_free(v);
	sim_node_request(rest->node, NULL, http_local_body(request), on_lever_local, request);
}

void sim_rest_http(void *ctx, struct http_exchange *exchange)
{
	struct sim_visit *v = visit_make(ctx);
	v->exchange = exchange;
	arrive(v);
}

void sim_rest_fini(struct sim_rest *rest)
{
	while (rest->first != NULL) {
		struct sim_visit *v = rest->first;
		if (v->gone != NULL)
			v->gone(v->ctx, v);
		CHECK(v->local != NULL || !v->streaming); /* the server is gone, and they with it */
		deliver(v, ERR_IO, 0, slice_of(NULL, 0));
	}
}
