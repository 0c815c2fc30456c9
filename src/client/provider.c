#include "client/provider.h"

#include <stdio.h>
#include <stdlib.h>

#define URL_MAX 600u
#define ANSWER_MAX (4u << 20)

/* Lives until the HTTP client's callback, also when nobody wants it any more. */
struct provider_request {
	provider_cb cb; /* NULL: forgotten */
	void *ctx;
	char url[URL_MAX];
};

static void read_problem(struct provider_answer *a)
{
	const char *code = json_get_string(a->body, "code");
	const char *title = json_get_string(a->body, "title");
	const char *detail = json_get_string(a->body, "detail");
	const struct json *first = json_at(json_get(a->body, "errors"), 0);
	const char *pointer = json_get_string(first, "pointer");
	const char *what = json_get_string(first, "detail");
	bool retryable = false;

	const bool again = json_get_bool(a->body, "retryable", &retryable) == OK && retryable;
	a->err = again ? ERR_UNAVAILABLE : ERR_REJECTED;
	(void)snprintf(a->code, sizeof a->code, "%s", code == NULL ? "" : code);
	if (title == NULL && detail == NULL)
		(void)snprintf(
			a->text, sizeof a->text, "the provider answers with status %u", a->status);
	else
		(void)snprintf(a->text, sizeof a->text,
			"the provider says: %.80s%s%.120s%s%.30s%s%.60s",
			title == NULL ? "" : title, detail == NULL ? "" : ": ",
			detail == NULL ? "" : detail, pointer == NULL ? "" : "; ",
			pointer == NULL ? "" : pointer, what == NULL ? "" : " ",
			what == NULL ? "" : what);
}

static void read_answer(
	struct provider_answer *a, const char *url, const struct http_answer *answer)
{
	struct json_error where = {.text = ""};

	a->status = answer->status;
	if (answer->err != OK) {
		a->err = answer->err;
		(void)snprintf(a->text, sizeof a->text, "%.200s: %.90s", url,
			answer->detail != NULL ? answer->detail : err_name(answer->err));
		return;
	}
	const enum err parsed = json_parse(&a->body, answer->body, &where);
	if (parsed != OK) {
		a->body = NULL;
		a->err = answer->status >= 500 ? ERR_UNAVAILABLE : ERR_FORMAT;
		(void)snprintf(a->text, sizeof a->text,
			"%.140s: status %u, and the answer is no JSON (byte %zu: %.60s): is this "
			"sluiced?",
			url, answer->status, where.offset, where.text);
	} else if (answer->status >= 200 && answer->status < 300) {
		a->err = OK;
	} else {
		read_problem(a);
	}
}

static void on_answer(void *ctx, const struct http_answer *answer)
{
	struct provider_request *q = ctx;
	struct provider_answer a = {.err = OK};
	if (q->cb != NULL) {
		read_answer(&a, q->url, answer);
		q->cb(q->ctx, &a);
	}
	free(q);
}

struct provider_request *provider_send(struct provider_answer *out, const struct provider *p,
	const char *path, const char *body, const char *idempotency_key, provider_cb cb, void *ctx)
{
	struct provider_request *q = calloc(1, sizeof *q);
	char authorization[300], header[80];
	const size_t base = strlen(p->url);
	const bool slash = base > 0 && p->url[base - 1] == '/';

	*out = (struct provider_answer){.err = ERR_FULL};
	if (q == NULL)
		return NULL;
	q->cb = cb;
	q->ctx = ctx;
	(void)snprintf(
		q->url, sizeof q->url, "%.*s%s", (int)(slash ? base - 1 : base), p->url, path);
	(void)snprintf(
		authorization, sizeof authorization, "Bearer %s", p->token == NULL ? "" : p->token);
	(void)snprintf(header, sizeof header, "Idempotency-Key: %s",
		idempotency_key == NULL ? "" : idempotency_key);
	const struct http_request request = {.method = body == NULL ? "GET" : "POST",
		.url = q->url,
		.content_type = body == NULL ? NULL : "application/json",
		.authorization = p->token == NULL ? NULL : authorization,
		.extra_header = idempotency_key == NULL ? NULL : header,
		.body = body == NULL ? (struct slice){0} : slice_str(body),
		.timeout_ms = PROVIDER_TIMEOUT_MS,
		.answer_max = ANSWER_MAX};
	out->err = http_client_send(p->http, NULL, &request, on_answer, q);
	bytes_wipe(authorization, sizeof authorization);
	if (out->err == OK)
		return q;
	(void)snprintf(out->text, sizeof out->text, "%.250s: %s", q->url, err_name(out->err));
	free(q);
	return NULL;
}

void provider_forget(struct provider_request *request)
{
	if (request != NULL)
		request->cb = NULL;
}

struct waiting {
	struct wait wait;
	struct provider_answer *out;
};

static void on_waited(void *ctx, struct provider_answer *answer)
{
	struct waiting *w = ctx;
	*w->out = *answer;
	w->wait.pending = 0;
}

void provider_call(struct provider_answer *out, const struct provider *p, const char *path,
	const char *body, const char *idempotency_key)
{
	struct waiting w = {.wait = {1}, .out = out};
	struct provider_request *q = provider_send(
		out, p, path, body, idempotency_key, on_waited, &w);
	if (q == NULL)
		return;
	const enum err waited = wait_for(p->loop, &w.wait, p->stop);
	if (w.wait.pending == 0)
		return;
	provider_forget(q);
	*out = (struct provider_answer){.err = waited};
	(void)snprintf(out->text, sizeof out->text, "stopped");
}

void provider_answer_fini(struct provider_answer *a)
{
	json_free(a->body);
	a->body = NULL;
}
