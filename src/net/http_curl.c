#include "net/http_curl.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "sys/signals.h"

#define CONNECTIONS_MAX 2048L        /* open at once; requests beyond wait for one */
#define CONNECTIONS_IDLE_MAX 512L    /* kept for later */
#define EASY_IDLE_MAX 256u           /* handles of the library kept for later */
#define HEADER_BYTES_MAX (64u << 10) /* of one answer */

struct http_curl {
	struct http_real *client;
	CURLM *multi;            /* owned */
	struct loop_timer timer; /* the library's own: one for all of its deadlines */
	CURL *easy_idle[EASY_IDLE_MAX];
	uint32_t easy_idle_count;
};

struct call {
	struct http_open open; /* first */
	struct http_curl *curl;
	CURL *easy;                 /* owned */
	CURLU *url;                 /* owned */
	struct curl_slist *headers; /* owned */
	uint8_t *body;              /* owned: what is sent */
	size_t body_len;
	size_t header_bytes;
	bool in_multi;
	bool too_long;
	bool head_whole; /* the empty line after the headers has come */
	char error[CURL_ERROR_SIZE];
};

static struct call *call_of(struct http_open *open)
{
	return (struct call *)(void *)open;
}

static struct loop *loop_of(const struct http_curl *c)
{
	return c->client->base.loop;
}

/* ---- the life of a call ---- */

static CURL *easy_take(struct http_curl *c)
{
	if (c->easy_idle_count > 0)
		return c->easy_idle[--c->easy_idle_count];
	return curl_easy_init();
}

static void easy_give(struct http_curl *c, CURL *easy)
{
	if (easy == NULL)
		return;
	if (c->easy_idle_count == EASY_IDLE_MAX) {
		curl_easy_cleanup(easy);
		return;
	}
	curl_easy_reset(easy);
	c->easy_idle[c->easy_idle_count++] = easy;
}

static void call_withdraw(struct http_open *open)
{
	struct call *call = call_of(open);
	/* the connection is closed: a late answer must not meet the next request */
	if (call->in_multi)
		(void)curl_multi_remove_handle(call->curl->multi, call->easy);
	call->in_multi = false;
}

static void call_release(struct http_open *open)
{
	struct call *call = call_of(open);
	CHECK(!call->in_multi);
	easy_give(call->curl, call->easy);
	curl_url_cleanup(call->url);
	for (struct curl_slist *h = call->headers; h != NULL; h = h->next)
		bytes_wipe(h->data, strlen(h->data)); /* a password may be among them */
	curl_slist_free_all(call->headers);
	free(call->body);
	free(call->open.answer);
	free(call);
}

static const struct http_way way = {.withdraw = call_withdraw, .release = call_release};

static void call_done(struct call *call, CURLcode result)
{
	long status = 0, sent = 0;
	(void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &sent);
	call_withdraw(&call->open);
	struct http_answer answer = {.detail = ""};
	if (result == CURLE_OK && !call->head_whole) {
		/* the library takes a connection that ends in the headers for an empty answer */
		answer.err = ERR_IO;
		answer.detail = "the answer ends within its headers";
	} else if (result == CURLE_OK) {
		answer.status = (unsigned)status;
		answer.body = slice_of(call->open.answer, call->open.answer_len);
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
	http_open_end(&call->open, &answer);
}

static void drain(struct http_curl *c)
{
	CURLMsg *message;
	int left;
	while ((message = curl_multi_info_read(c->multi, &left)) != NULL) {
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
	call->too_long = http_open_add(&call->open, slice_of(bytes, len), UINT64_MAX) != OK;
	return call->too_long ? 0 : len;
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
	struct http_curl *c = ctx;
	int running;
	/* an error shows when the library reads or writes, which it then does */
	const int what = (ready & LOOP_READ ? CURL_CSELECT_IN : 0) |
		(ready & LOOP_WRITE ? CURL_CSELECT_OUT : 0) |
		(ready & LOOP_ERROR ? CURL_CSELECT_ERR : 0);
	(void)curl_multi_socket_action(c->multi, fd, what, &running);
	drain(c);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
	struct http_curl *c = ctx;
	(void)easy;
	(void)socket_ctx;
	if (what == CURL_POLL_REMOVE) {
		loop_fd_remove(loop_of(c), fd);
		return 0;
	}
	const unsigned interest = (what & CURL_POLL_IN ? (unsigned)LOOP_READ : 0u) |
		(what & CURL_POLL_OUT ? (unsigned)LOOP_WRITE : 0u);
	/* where the loop is full the request ends by its deadline, as if nobody answered */
	(void)!loop_fd_set(loop_of(c), fd, interest, on_ready, c);
	return 0;
}

static void on_timer(void *ctx)
{
	struct http_curl *c = ctx;
	int running;
	c->timer.id = 0;
	(void)curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	drain(c);
}

static int on_timer_change(CURLM *multi, long timeout_ms, void *ctx)
{
	struct http_curl *c = ctx;
	(void)multi;
	loop_timer_cancel(loop_of(c), &c->timer);
	/* one timer for a whole client: a loop without room for it was made too small */
	if (timeout_ms >= 0)
		CHECK(loop_timer_set(loop_of(c), &c->timer, (uint64_t)timeout_ms, on_timer, c) ==
			OK);
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

enum err http_curl_url_check(const char *text)
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
	const char *ca_file = call->curl->client->ca_file;
	if (ca_file != NULL) /* without the system's folder, which would be trusted beside it */
		ok = ok && curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file) == CURLE_OK &&
			curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) == CURLE_OK;
	ok = ok && curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE,
			(curl_off_t)call->open.answer_max) == CURLE_OK;
	return ok ? OK : ERR_FULL;
}

enum err http_curl_send(struct http_curl *c, struct http_open **out,
	const struct http_request *request, http_answer_cb cb, void *ctx)
{
	struct call *call = calloc(1, sizeof *call);
	if (call == NULL)
		return ERR_FULL;
	http_open_init(&call->open, c->client, &way, request, cb, ctx);
	call->curl = c;
	call->easy = easy_take(c);
	enum err err = call->easy == NULL ? ERR_FULL : set_target(call, request);
	if (err == OK)
		err = set_limits(call, request);
	if (err == OK && curl_multi_add_handle(c->multi, call->easy) != CURLM_OK)
		err = ERR_FULL;
	if (err != OK) {
		call_release(&call->open);
		return err;
	}
	call->in_multi = true;
	*out = &call->open;
	return OK;
}

/* ---- life ---- */

void http_curl_destroy(struct http_curl *c)
{
	if (c == NULL)
		return;
	for (uint32_t i = 0; i < c->easy_idle_count; i++)
		curl_easy_cleanup(c->easy_idle[i]);
	if (c->multi != NULL)
		(void)curl_multi_cleanup(c->multi);
	loop_timer_cancel(loop_of(c), &c->timer);
	free(c);
}

static pthread_once_t global_once = PTHREAD_ONCE_INIT;

static void global_init(void)
{
	CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
	signals_ignore_pipe(); /* TLS writes without the flag that plain sockets have */
}

enum err http_curl_create(struct http_curl **out, struct http_real *client)
{
	CHECK(pthread_once(&global_once, global_init) == 0);
	struct http_curl *c = calloc(1, sizeof *c);
	if (c == NULL)
		return ERR_FULL;
	*c = (struct http_curl){.client = client, .multi = curl_multi_init()};
	CURLM *multi = c->multi;
	const bool ok = multi != NULL &&
		curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK &&
		curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, c) == CURLM_OK &&
		curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer_change) == CURLM_OK &&
		curl_multi_setopt(multi, CURLMOPT_TIMERDATA, c) == CURLM_OK &&
		curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_IDLE_MAX) == CURLM_OK &&
		curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, CONNECTIONS_MAX) ==
			CURLM_OK;
	if (!ok) {
		http_curl_destroy(c);
		return ERR_FULL;
	}
	*out = c;
	return OK;
}
