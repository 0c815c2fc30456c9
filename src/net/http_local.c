/* The in-process form of the HTTP client. A call and its request are two things: the call ends
 * once, by an answer, its deadline or a cancel; the request lives until its handler gives it back.
 */
#include <stdlib.h>

#include "net/http_calls.h"

struct local_client {
	struct http_client base;
	http_local_handler handler;
	void *ctx;
	bool closing, in_callback;
};

struct local_call {
	struct local_client *client;
	uint64_t id;
	http_answer_cb cb;
	void *ctx;
	const struct http_reader *reader; /* borrowed, or NULL */
	struct http_reader_args reader_args;
	http_part_cb part;
	size_t answer_max;
	struct loop_timer deadline;         /* or the cancel that was asked for */
	struct http_local_request *request; /* NULL: given back */
	bool cancelled;
};

struct http_local_request {
	struct local_call *call;     /* NULL: the call has ended */
	struct local_client *client; /* until it is handed over */
	struct loop_timer deliver;
	bool handed_over;
	char *method, *url, *authorization; /* owned, as those: */
	char *content_type, *extra_header;
	uint8_t *body; /* owned */
	size_t body_len;
};

static struct local_client *client_of(struct http_client *base)
{
	return (struct local_client *)(void *)base;
}

static void request_free(struct http_local_request *request)
{
	free(request->method);
	free(request->url);
	free(request->authorization);
	free(request->content_type);
	free(request->extra_header);
	free(request->body);
	free(request);
}

static void call_end(struct local_call *call, const struct http_answer *answer)
{
	struct local_client *client = call->client;
	struct http_local_request *request = call->request;
	loop_timer_cancel(client->base.loop, &call->deadline);
	http_calls_remove(&client->base.calls, call->id);
	if (request != NULL) {
		request->call = NULL;
		if (!request->handed_over) {
			loop_timer_cancel(client->base.loop, &request->deliver);
			request_free(request);
		}
	}
	const bool nested = client->in_callback;
	client->in_callback = true;
	http_answer_give(answer, call->reader, call->reader_args, call->cb, call->ctx);
	client->in_callback = nested;
	free(call);
}

static void on_deadline(void *ctx)
{
	struct local_call *call = ctx;
	call->deadline.id = 0;
	if (call->cancelled)
		call_end(call, &(struct http_answer){.err = ERR_CANCELLED, .detail = "cancelled"});
	else
		call_end(call,
			&(struct http_answer){.err = ERR_TIMEOUT, .detail = "no answer in time"});
}

static void on_deliver(void *ctx)
{
	struct http_local_request *request = ctx;
	request->deliver.id = 0;
	request->handed_over = true;
	request->client->handler(request->client->ctx, request);
}

static char *copy_text(const char *text)
{
	return strdup(text == NULL ? "" : text);
}

static enum err local_send(struct http_client *base, struct http_call *handle,
	const struct http_request *request, http_answer_cb cb, void *ctx)
{
	struct local_client *client = client_of(base);
	if (client->closing)
		return ERR_UNAVAILABLE;
	struct local_call *call = calloc(1, sizeof *call);
	struct http_local_request *copy = calloc(1, sizeof *copy);
	enum err err = call == NULL || copy == NULL ? ERR_FULL : OK;
	if (err != OK)
		goto out;
	*copy = (struct http_local_request){
		.call = call,
		.client = client,
		.method = strdup(request->method),
		.url = strdup(request->url),
		.authorization = copy_text(request->authorization),
		.content_type = copy_text(request->content_type),
		.extra_header = copy_text(request->extra_header),
		.body = malloc(request->body.len + 1),
		.body_len = request->body.len,
	};
	*call = (struct local_call){
		.client = client,
		.cb = cb,
		.ctx = ctx,
		.reader = request->reader,
		.reader_args = request->reader_args,
		.part = request->part,
		.request = copy,
		.answer_max = request->answer_max == 0 ? HTTP_ANSWER_MAX_DEFAULT
						       : request->answer_max,
	};
	err = ERR_FULL;
	if (copy->method == NULL || copy->url == NULL || copy->authorization == NULL ||
		copy->content_type == NULL || copy->extra_header == NULL || copy->body == NULL)
		goto out;
	if (request->body.len > 0)
		memcpy(copy->body, request->body.ptr, request->body.len);
	const uint64_t timeout_ms = request->timeout_ms == 0 ? HTTP_TIMEOUT_DEFAULT_MS
							     : request->timeout_ms;
	err = http_calls_add(&base->calls, &call->id, call);
	if (err != OK)
		goto out;
	err = loop_timer_set(base->loop, &call->deadline, timeout_ms, on_deadline, call);
	if (err == OK)
		err = loop_timer_set(base->loop, &copy->deliver, 0, on_deliver, copy);
	if (err != OK) {
		loop_timer_cancel(base->loop, &call->deadline);
		http_calls_remove(&base->calls, call->id);
		goto out;
	}
	if (handle != NULL)
		handle->id = call->id;
	return OK;
out:
	if (copy != NULL)
		request_free(copy);
	free(call);
	return err;
}

static void local_cancel(struct http_client *base, struct http_call handle)
{
	struct local_call *call = http_calls_get(&base->calls, handle.id);
	if (call == NULL || call->cancelled)
		return;
	call->cancelled = true;
	/* its own timer was just freed: there is room for this one */
	loop_timer_cancel(base->loop, &call->deadline);
	CHECK(loop_timer_set(base->loop, &call->deadline, 0, on_deadline, call) == OK);
}

static void local_destroy(struct http_client *base)
{
	struct local_client *client = client_of(base);
	CHECK(!client->in_callback);
	client->closing = true;
	for (struct local_call *call; (call = http_calls_any(&base->calls)) != NULL;)
		call_end(call, &(struct http_answer){.err = ERR_CANCELLED, .detail = "closing"});
	http_calls_fini(&base->calls);
	free(client);
}

static const struct http_client_ops local_ops = {
	.send = local_send, .cancel = local_cancel, .destroy = local_destroy};

enum err http_client_create_local(
	struct http_client **out, struct loop *loop, http_local_handler handler, void *ctx)
{
	struct local_client *client = calloc(1, sizeof *client);
	if (client == NULL)
		return ERR_FULL;
	*client = (struct local_client){
		.base = {.ops = &local_ops, .loop = loop}, .handler = handler, .ctx = ctx};
	if (http_calls_init(&client->base.calls, HTTP_IN_FLIGHT_MAX) != OK) {
		free(client);
		return ERR_FULL;
	}
	*out = &client->base;
	return OK;
}

const char *http_local_method(const struct http_local_request *request)
{
	return request->method;
}

const char *http_local_authorization(const struct http_local_request *request)
{
	return request->authorization;
}

const char *http_local_content_type(const struct http_local_request *request)
{
	return request->content_type;
}

const char *http_local_extra_header(const struct http_local_request *request)
{
	return request->extra_header;
}

const char *http_local_url(const struct http_local_request *request)
{
	return request->url;
}

struct slice http_local_body(const struct http_local_request *request)
{
	return slice_of(request->body, request->body_len);
}

/* Not the end of the call, whoever is called: cancelling is done later. */
static void give_part(struct local_call *call, struct slice part)
{
	struct local_client *client = call->client;
	const bool nested = client->in_callback;
	client->in_callback = true;
	call->part(call->ctx, part);
	client->in_callback = nested;
}

bool http_local_listens(const struct http_local_request *request)
{
	return request->call != NULL && request->call->part != NULL;
}

bool http_local_part(struct http_local_request *request, struct slice part)
{
	struct local_call *call = request->call;
	CHECK(request->handed_over);
	if (call == NULL || call->cancelled)
		return false;
	CHECK(call->part != NULL);
	if (part.len > call->answer_max) {
		call_end(call,
			&(struct http_answer){
				.err = ERR_FULL, .detail = "a part of the answer is too long"});
		return false;
	}
	give_part(call, part);
	return true;
}

void http_local_answer(
	struct http_local_request *request, enum err err, unsigned status, struct slice body)
{
	struct local_call *call = request->call;
	CHECK(request->handed_over);
	if (call != NULL && !call->cancelled) {
		struct http_answer answer = {.err = err, .detail = ""};
		if (err == OK && body.len > call->answer_max)
			answer.err = ERR_FULL;
		else if (err == OK) {
			answer.status = status;
			answer.body = body;
		}
		if (call->part != NULL && answer.body.len > 0)
			give_part(call, answer.body);
		if (call->part != NULL)
			answer.body = slice_of(NULL, 0);
		if (answer.err != OK)
			answer.detail = err_name(answer.err);
		call->request = NULL;
		if (!call->cancelled) /* by whoever was given the part */
			call_end(call, &answer);
	} else if (call != NULL) {
		call->request = NULL;
	}
	request_free(request);
}

void http_local_drop(struct http_local_request *request)
{
	CHECK(request->handed_over);
	if (request->call != NULL)
		request->call->request = NULL;
	request_free(request);
}
