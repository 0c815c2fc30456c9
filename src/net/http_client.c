/* The client's front, and the one that really sends: which way a request goes, and its end. */
#include "net/http_client.h"

#include <stdlib.h>

#include "net/http_curl.h"
#include "net/http_parts.h"
#include "net/http_pool.h"
#include "net/http_real.h"
#include "net/http_url.h"

#define ANSWER_CAP_MIN 4096u
#define SECURE "https://"

static struct http_real *real_of(struct http_client *base)
{
	return (struct http_real *)(void *)base;
}

/* The one place where a scheme decides. */
static bool is_secure(const char *url)
{
	return strncmp(url, SECURE, strlen(SECURE)) == 0;
}

enum err http_url_check(const char *text)
{
	struct http_url url;
	return is_secure(text) ? http_curl_url_check(text) : http_url_parse(&url, text);
}

/* ---- open calls ---- */

void http_open_init(struct http_open *call, struct http_real *client, const struct http_way *way,
	const struct http_request *request, http_answer_cb cb, void *ctx)
{
	*call = (struct http_open){.client = client,
		.way = way,
		.cb = cb,
		.ctx = ctx,
		.reader = request->reader,
		.reader_args = request->reader_args,
		.part = request->part,
		.answer_max = request->answer_max == 0 ? HTTP_ANSWER_MAX_DEFAULT
						       : request->answer_max};
}

enum err http_open_add(struct http_open *call, struct slice bytes, uint64_t announced)
{
	if (bytes.len > call->answer_max - call->answer_len)
		return ERR_FULL;
	const size_t want = call->answer_len + bytes.len;
	if (want > call->answer_cap) {
		size_t cap = call->answer_cap == 0 ? ANSWER_CAP_MIN : call->answer_cap;
		while (cap < want)
			cap *= 2;
		/* memory for what has come, not for what is promised; but no more than that */
		if (announced >= want && announced < cap)
			cap = (size_t)announced;
		uint8_t *grown = realloc(call->answer, cap);
		if (grown == NULL)
			return ERR_FULL;
		call->answer = grown;
		call->answer_cap = cap;
	}
	if (bytes.len > 0)
		memcpy(call->answer + call->answer_len, bytes.ptr, bytes.len);
	call->answer_len = want;
	if (call->part != NULL)
		http_parts_due(call);
	return OK;
}

void http_open_end(struct http_open *call, const struct http_answer *answer)
{
	struct http_real *client = call->client;
	const bool nested = client->in_callback;
	struct http_answer given = *answer;
	http_calls_remove(&client->base.calls, call->id);
	if (call->part != NULL)
		http_parts_last(call, &given);
	client->in_callback = true;
	http_answer_give(&given, call->reader, call->reader_args, call->cb, call->ctx);
	client->in_callback = nested;
	call->way->release(call);
}

static void on_over(void *ctx)
{
	struct http_real *client = ctx;
	client->defer.id = 0;
	struct http_open *call = client->over;
	client->over = NULL;
	for (struct http_open *next; call != NULL; call = next) {
		next = call->over_next;
		http_open_end(call,
			&(struct http_answer){.err = call->over_err, .detail = call->over_detail});
	}
}

void http_open_end_later(struct http_open *call, enum err err, const char *detail)
{
	struct http_real *client = call->client;
	CHECK(!call->over);
	call->over = true;
	call->over_err = err;
	call->over_detail = detail;
	call->over_next = client->over;
	client->over = call;
	/* one timer for a whole client: a loop without room for it was made too small */
	if (client->defer.id == 0)
		CHECK(loop_timer_set(client->base.loop, &client->defer, 0, on_over, client) == OK);
}

/* ---- the client that sends ---- */

static enum err real_send(struct http_client *base, struct http_call *handle,
	const struct http_request *request, http_answer_cb cb, void *ctx)
{
	struct http_real *client = real_of(base);
	struct http_open *call = NULL;
	if (client->closing)
		return ERR_UNAVAILABLE;
	if (base->calls.count == base->calls.max)
		return ERR_FULL;
	if (is_secure(request->url) && client->curl == NULL)
		return ERR_UNAVAILABLE;
	if (client->by_library || is_secure(request->url))
		TRY(http_curl_send(client->curl, &call, request, cb, ctx));
	else
		TRY(http_pool_send(client->pool, &call, request, cb, ctx));
	CHECK(http_calls_add(&base->calls, &call->id, call) == OK); /* there was room */
	if (handle != NULL)
		handle->id = call->id;
	return OK;
}

static void real_cancel(struct http_client *base, struct http_call handle)
{
	struct http_open *call = http_calls_get(&base->calls, handle.id);
	if (call == NULL || call->over)
		return;
	call->way->withdraw(call);
	http_open_end_later(call, ERR_CANCELLED, "cancelled");
}

static void real_destroy(struct http_client *base)
{
	struct http_real *client = real_of(base);
	CHECK(!client->in_callback);
	client->closing = true;
	loop_timer_cancel(base->loop, &client->defer);
	on_over(client);
	for (struct http_open *call; (call = http_calls_any(&base->calls)) != NULL;) {
		call->way->withdraw(call);
		http_open_end(
			call, &(struct http_answer){.err = ERR_CANCELLED, .detail = "closing"});
	}
	loop_timer_cancel(base->loop, &client->parts_timer);
	http_pool_destroy(client->pool);
	http_curl_destroy(client->curl);
	http_calls_fini(&base->calls);
	free(client);
}

static uint32_t real_pools(
	const struct http_client *base, const struct net_pool *out[HTTP_CLIENT_POOLS])
{
	out[0] = http_pool_memory(((const struct http_real *)(const void *)base)->pool);
	return 1;
}

static const struct http_client_ops real_ops = {
	.send = real_send, .cancel = real_cancel, .destroy = real_destroy, .pools = real_pools};

enum err http_client_create_with(
	struct http_client **out, struct loop *loop, const struct http_client_config *config)
{
	const bool is_virtual = loop_is_virtual(loop);
	if (is_virtual && config->by_library)
		return ERR_STATE;
	struct http_real *client = calloc(1, sizeof *client);
	if (client == NULL)
		return ERR_FULL;
	client->base.ops = &real_ops;
	client->base.loop = loop;
	client->by_library = config->by_library;
	client->ca_file = config->ca_file;
	enum err err = http_calls_init(&client->base.calls, http_calls_bound(config));
	if (err == OK)
		err = http_pool_create(&client->pool, client, config);
	if (err == OK && !is_virtual)
		err = http_curl_create(&client->curl, client);
	if (err != OK) {
		real_destroy(&client->base);
		return err;
	}
	*out = &client->base;
	return OK;
}

enum err http_client_create(struct http_client **out, struct loop *loop)
{
	return http_client_create_with(out, loop, &(struct http_client_config){0});
}

/* ---- the front ---- */

void http_client_destroy(struct http_client *client)
{
	if (client != NULL)
		client->ops->destroy(client);
}

enum err http_client_send(struct http_client *client, struct http_call *call,
	const struct http_request *request, http_answer_cb cb, void *ctx)
{
	TRY(http_request_check(request));
	return client->ops->send(client, call, request, cb, ctx);
}

void http_client_cancel(struct http_client *client, struct http_call call)
{
	client->ops->cancel(client, call);
}

uint32_t http_client_pools(
	const struct http_client *client, const struct net_pool *out[HTTP_CLIENT_POOLS])
{
	return client->ops->pools == NULL ? 0 : client->ops->pools(client, out);
}
