#include "net/http_client.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/http_calls.h"
#include "sys/signals.h"

#define CONNECTIONS_MAX 2048L        /* open at once; requests beyond wait for one */
#define CONNECTIONS_IDLE_MAX 512L    /* kept for later */
#define EASY_IDLE_MAX 256u           /* handles of the library kept for later */
#define HEADER_BYTES_MAX (64u << 10) /* of one answer */
#define ANSWER_CAP_MIN 4096u

struct client {
	struct http_client base;
	CURLM *multi;            /* owned */
	struct loop_timer timer; /* the library's own: one for all of its deadlines */
	struct loop_timer defer; /* set while `cancelled` has something */
	struct call *cancelled;
	CURL *easy_idle[EASY_IDLE_MAX];
	uint32_t easy_idle_count;
	bool in_callback, closing;
};

struct call {
	struct client *client;
	uint64_t id;
	http_answer_cb cb;
	void *ctx;
	const struct http_reader *reader; /* borrowed, or NULL */
	struct http_reader_args reader_args;
	CURL *easy;                 /* owned */
	CURLU *url;                 /* owned */
	struct curl_slist *headers; /* owned */
	uint8_t *body;              /* owned: what is sent */
	size_t body_len;
	uint8_t *answer; /* owned */
	size_t answer_len, answer_cap, answer_max;
	size_t header_bytes;
	bool too_long;
	bool head_whole; /* the empty line after the headers has come */
	struct call *next_cancelled;
	char error[CURL_ERROR_SIZE];
};

static struct client *client_of(struct http_client *base)
{
	return (struct client *)(void *)base;
}

/* ---- the life of a call ---- */

static CURL *easy_take(struct client *client)
{
	if (client->easy_idle_count > 0)
		return client->easy_idle[--client->easy_idle_count];
	return curl_easy_init();
}

static void easy_give(struct client *client, CURL *easy)
{
	if (easy == NULL)
		return;
	if (client->easy_idle_count == EASY_IDLE_MAX) {
		curl_easy_cleanup(easy);
		return;
	}
	curl_easy_reset(easy);
	client->easy_idle[client->easy_idle_count++] = easy;
}

static void call_free(struct call *call)
{
	easy_give(call->client, call->easy);
	curl_url_cleanup(call->url);
	for (struct curl_slist *h = call->headers; h != NULL; h = h->next)
		bytes_wipe(h->data, strlen(h->data)); /* a password may be among them */
	curl_slist_free_all(call->headers);
	free(call->body);
	free(call->answer);
	free(call);
}

/* The one place where a call ends. It is out of the library already. */
static void call_end(struct call *call, const struct http_answer *answer)
{
	struct client *client = call->client;
	const bool nested = client->in_callback;
	http_calls_remove(&client->base.calls, call->id);
	client->in_callback = true;
	http_answer_give(answer, call->reader, call->reader_args, call->cb, call->ctx);
	client->in_callback = nested;
	call_free(call);
}

static void call_done(struct call *call, CURLcode result)
{
	long status = 0, sent = 0;
	(void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &sent);
	(void)curl_multi_remove_handle(call->client->multi, call->easy);
	struct http_answer answer = {.detail = ""};
	if (result == CURLE_OK && !call->head_whole) {
		/* the library takes a connection that ends in the headers for an empty answer */
		answer.err = ERR_IO;
		answer.detail = "the answer ends within its headers";
	} else if (result == CURLE_OK) {
		answer.status = (unsigned)status;
		answer.body = slice_of(call->answer, call->answer_len);
	} else {
		answer.detail = call->error[0] != 0 ? call->error : curl_easy_strerror(result);
		if (call->too_long || result == CURLE_FILESIZE_EXCEEDED) {
			answer.err = ERR_FULL;
			answer.detail = "the answer is too long";
		} else if (sent == 0) /* over all attempts */
			answer.err = ERR_UNAVAILABLE;
		else
			answer.err = result == CURLE_OPERATION_TIMEDOUT ? ERR_TIMEOUT : ERR_IO;
	}
	call_end(call, &answer);
}

static void drain(struct client *client)
{
	CURLMsg *message;
	int left;
	while ((message = curl_multi_info_read(client->multi, &left)) != NULL) {
		struct call *call = NULL;
		if (message->msg != CURLMSG_DONE)
			continue;
		const CURLcode result = message->data.result;
		CHECK(curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call) == CURLE_OK);
		call_done(call, result);
	}
}

/* ---- what the library calls ---- */

static size_t on_body(char *bytes, size_t size, size_t count, void *ctx)
{
	struct call *call = ctx;
	const size_t len = size * count;
	if (len > call->answer_max - call->answer_len) {
		call->too_long = true;
		return 0;
	}
	if (len > call->answer_cap - call->answer_len) {
		size_t cap = call->answer_cap == 0 ? ANSWER_CAP_MIN : call->answer_cap;
		while (cap < call->answer_len + len)
			cap *= 2;
		uint8_t *grown = realloc(call->answer, cap);
		if (grown == NULL) {
			call->too_long = true;
			return 0;
		}
		call->answer = grown;
		call->answer_cap = cap;
	}
	memcpy(call->answer + call->answer_len, bytes, len);
	call->answer_len += len;
	return len;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *ctx)
{
	struct call *call = ctx;
	if (size * count >= 5 && memcmp(bytes, "HTTP/", 5) == 0)
		call->head_whole = false;
	else if (size * count <= 2)
		call->head_whole = true;
	call->header_bytes += size * count;
	call->too_long = call->too_long || call->header_bytes > HEADER_BYTES_MAX;
	return call->too_long ? 0 : size * count;
}

static void on_ready(void *ctx, int fd, unsigned ready)
{
	struct client *client = ctx;
	int running;
	/* an error shows when the library reads or writes, which it then does */
	const int what = (ready & LOOP_READ ? CURL_CSELECT_IN : 0) |
		(ready & LOOP_WRITE ? CURL_CSELECT_OUT : 0) |
		(ready & LOOP_ERROR ? CURL_CSELECT_ERR : 0);
	(void)curl_multi_socket_action(client->multi, fd, what, &running);
	drain(client);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
	struct client *client = ctx;
	(void)easy;
	(void)socket_ctx;
	if (what == CURL_POLL_REMOVE) {
		loop_fd_remove(client->base.loop, fd);
		return 0;
	}
	const unsigned interest = (what & CURL_POLL_IN ? (unsigned)LOOP_READ : 0u) |
		(what & CURL_POLL_OUT ? (unsigned)LOOP_WRITE : 0u);
	/* where the loop is full the request ends by its deadline, as if nobody answered */
	(void)!loop_fd_set(client->base.loop, fd, interest, on_ready, client);
	return 0;
}

static void on_timer(void *ctx)
{
	struct client *client = ctx;
	int running;
	client->timer.id = 0;
	(void)curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	drain(client);
}

static int on_timer_change(CURLM *multi, long timeout_ms, void *ctx)
{
	struct client *client = ctx;
	(void)multi;
	loop_timer_cancel(client->base.loop, &client->timer);
	/* one timer for a whole client: a loop without room for it was made too small */
	if (timeout_ms >= 0)
		CHECK(loop_timer_set(client->base.loop, &client->timer, (uint64_t)timeout_ms,
			      on_timer, client) == OK);
	return 0;
}

/* ---- sending ---- */

static bool add_header(struct call *call, const char *name, const char *value)
{
	if (value == NULL)
		return true;
	const size_t size = strlen(name) + strlen(value) + 1;
	char *line = malloc(size);
	if (line == NULL)
		return false;
	(void)snprintf(line, size, "%s%s", name, value);
	struct curl_slist *grown = curl_slist_append(call->headers, line);
	bytes_wipe(line, size);
	free(line);
	if (grown != NULL)
		call->headers = grown;
	return grown != NULL;
}

static enum err parse_url(CURLU **out, const char *text)
{
	CURLU *url = curl_url();
	if (url == NULL)
		return ERR_FULL;
	*out = url;
	return curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK ? OK : ERR_FORMAT;
}

enum err http_url_check(const char *text)
{
	CURLU *url = NULL;
	const enum err err = parse_url(&url, text);
	curl_url_cleanup(url);
	return err;
}

static enum err set_target(struct call *call, const struct http_request *request)
{
	const char *method = request->method;
	TRY(parse_url(&call->url, request->url));
	/* "Expect:": without it the library waits for "100 Continue" before a large body */
	if (!add_header(call, "Content-Type: ", request->content_type) ||
		!add_header(call, "Authorization: ", request->authorization) ||
		!add_header(call, "", request->extra_header) || !add_header(call, "Expect:", ""))
		return ERR_FULL;
	if (request->body.len > 0) {
		call->body = malloc(request->body.len);
		if (call->body == NULL)
			return ERR_FULL;
		memcpy(call->body, request->body.ptr, request->body.len);
		call->body_len = request->body.len;
	}
	CURL *easy = call->easy;
	bool ok = curl_easy_setopt(easy, CURLOPT_CURLU, call->url) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers) == CURLE_OK;
	if (strcmp(method, "HEAD") == 0) {
		ok = ok && curl_easy_setopt(easy, CURLOPT_NOBODY, 1L) == CURLE_OK;
	} else if (strcmp(method, "GET") != 0 || call->body_len > 0) {
		ok = ok && curl_easy_setopt(easy, CURLOPT_POST, 1L) == CURLE_OK &&
			curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
				(curl_off_t)call->body_len) == CURLE_OK &&
			curl_easy_setopt(easy, CURLOPT_POSTFIELDS,
				call->body == NULL ? "" : (const char *)call->body) == CURLE_OK &&
			curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method) == CURLE_OK;
	}
	return ok ? OK : ERR_FULL;
}

static enum err set_limits(struct call *call, const struct http_request *request)
{
	CURL *easy = call->easy;
	const uint64_t timeout_ms = request->timeout_ms == 0 ? HTTP_TIMEOUT_DEFAULT_MS
							     : request->timeout_ms;
	const long timeout = timeout_ms > INT32_MAX ? INT32_MAX : (long)timeout_ms;
	const struct {
		CURLoption option;
		long value;
	} number[] = {
		{CURLOPT_TIMEOUT_MS, timeout},
		{CURLOPT_CONNECTTIMEOUT_MS, timeout},
		{CURLOPT_NOSIGNAL, 1},
		{CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1},
		{CURLOPT_FOLLOWLOCATION, 0},
		{CURLOPT_UPLOAD_BUFFERSIZE, 16384},
	};
	const struct {
		CURLoption option;
		const void *value;
	} pointer[] = {
		{CURLOPT_PROTOCOLS_STR, "http,https"},
		{CURLOPT_PROXY, ""},
		{CURLOPT_USERAGENT, "sluice"},
		{CURLOPT_PRIVATE, call},
		{CURLOPT_WRITEDATA, call},
		{CURLOPT_HEADERDATA, call},
		{CURLOPT_ERRORBUFFER, call->error},
	};
	bool ok = true;
	for (size_t i = 0; i < ARRAY_LEN(number); i++)
		ok = ok && curl_easy_setopt(easy, number[i].option, number[i].value) == CURLE_OK;
	for (size_t i = 0; i < ARRAY_LEN(pointer); i++)
		ok = ok && curl_easy_setopt(easy, pointer[i].option, pointer[i].value) == CURLE_OK;
	ok = ok && curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)call->answer_max) ==
			CURLE_OK;
	return ok ? OK : ERR_FULL;
}

static enum err curl_send(struct http_client *base, struct http_call *handle,
	const struct http_request *request, http_answer_cb cb, void *ctx)
{
	struct client *client = client_of(base);
	if (client->closing)
		return ERR_UNAVAILABLE;
	struct call *call = calloc(1, sizeof *call);
	if (call == NULL)
		return ERR_FULL;
	call->client = client;
	call->cb = cb;
	call->ctx = ctx;
	call->reader = request->reader;
	call->reader_args = request->reader_args;
	call->answer_max = request->answer_max == 0 ? HTTP_ANSWER_MAX_DEFAULT : request->answer_max;
	call->easy = easy_take(client);
	enum err err = call->easy == NULL ? ERR_FULL : set_target(call, request);
	if (err == OK)
		err = set_limits(call, request);
	if (err == OK)
		err = http_calls_add(&base->calls, &call->id, call);
	if (err != OK) {
		call_free(call);
		return err;
	}
	if (curl_multi_add_handle(client->multi, call->easy) != CURLM_OK) {
		http_calls_remove(&base->calls, call->id);
		call_free(call);
		return ERR_FULL;
	}
	if (handle != NULL)
		handle->id = call->id;
	return OK;
}

static void on_cancelled(void *ctx)
{
	struct client *client = ctx;
	client->defer.id = 0;
	struct call *call = client->cancelled;
	client->cancelled = NULL;
	while (call != NULL) {
		struct call *next = call->next_cancelled;
		call_end(call, &(struct http_answer){.err = ERR_CANCELLED, .detail = "cancelled"});
		call = next;
	}
}

static void curl_cancel(struct http_client *base, struct http_call handle)
{
	struct client *client = client_of(base);
	struct call *call = http_calls_get(&base->calls, handle.id);
	if (call == NULL || call->easy == NULL)
		return;
	/* the connection is closed: a late answer must not meet the next request */
	(void)curl_multi_remove_handle(client->multi, call->easy);
	easy_give(client, call->easy);
	call->easy = NULL; /* marks it as cancelled */
	call->next_cancelled = client->cancelled;
	client->cancelled = call;
	if (client->defer.id == 0)
		CHECK(loop_timer_set(base->loop, &client->defer, 0, on_cancelled, client) == OK);
}

/* ---- the client ---- */

static void curl_destroy(struct http_client *base)
{
	struct client *client = client_of(base);
	CHECK(!client->in_callback);
	client->closing = true;
	for (struct call *call; (call = http_calls_any(&base->calls)) != NULL;) {
		if (call->easy == NULL) {
			loop_timer_cancel(base->loop, &client->defer);
			on_cancelled(client);
		} else {
			(void)curl_multi_remove_handle(client->multi, call->easy);
			call_end(call,
				&(struct http_answer){.err = ERR_CANCELLED, .detail = "closing"});
		}
	}
	for (uint32_t i = 0; i < client->easy_idle_count; i++)
		curl_easy_cleanup(client->easy_idle[i]);
	if (client->multi != NULL)
		(void)curl_multi_cleanup(client->multi);
	loop_timer_cancel(base->loop, &client->timer);
	loop_timer_cancel(base->loop, &client->defer);
	http_calls_fini(&base->calls);
	free(client);
}

static const struct http_client_ops curl_ops = {
	.send = curl_send, .cancel = curl_cancel, .destroy = curl_destroy};

static pthread_once_t global_once = PTHREAD_ONCE_INIT;

static void global_init(void)
{
	CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
	signals_ignore_pipe(); /* TLS writes without the flag that plain sockets have */
}

enum err http_client_create(struct http_client **out, struct loop *loop)
{
	if (loop_is_virtual(loop))
		return ERR_STATE;
	CHECK(pthread_once(&global_once, global_init) == 0);
	struct client *client = calloc(1, sizeof *client);
	if (client == NULL)
		return ERR_FULL;
	client->base.ops = &curl_ops;
	client->base.loop = loop;
	client->multi = curl_multi_init();
	CURLM *multi = client->multi;
	const bool ok = http_calls_init(&client->base.calls) == OK && multi != NULL &&
		curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK &&
		curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, client) == CURLM_OK &&
		curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer_change) == CURLM_OK &&
		curl_multi_setopt(multi, CURLMOPT_TIMERDATA, client) == CURLM_OK &&
		curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_IDLE_MAX) == CURLM_OK &&
		curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, CONNECTIONS_MAX) ==
			CURLM_OK;
	if (!ok) {
		curl_destroy(&client->base);
		return ERR_FULL;
	}
	*out = &client->base;
	return OK;
}

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
