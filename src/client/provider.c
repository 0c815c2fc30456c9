#include "client/provider.h"

#include <stdio.h>
#include <stdlib.h>

#define URL_MAX 600u
#define ANSWER_MAX (4u << 20)

/* Lives until its callback, which may come after we stopped waiting. */
struct call {
	struct wait wait;
	struct provider_answer *out; /* NULL: nobody waits any more */
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
	struct call *c = ctx;
	c->wait.pending = 0;
	if (c->out == NULL) {
		free(c);
		return;
	}
	read_answer(c->out, c->url, answer);
}

void provider_call(struct provider_answer *out, const struct provider *p, const char *path,
	const char *body, const char *idempotency_key)
{
	struct call *c = calloc(1, sizeof *c);
	char authorization[300], header[80];
	const size_t base = strlen(p->url);
	const bool slash = base > 0 && p->url[base - 1] == '/';

	*out = (struct provider_answer){.err = ERR_FULL};
	if (c == NULL)
		return;
	(void)snprintf(
		c->url, sizeof c->url, "%.*s%s", (int)(slash ? base - 1 : base), p->url, path);
	(void)snprintf(
		authorization, sizeof authorization, "Bearer %s", p->token == NULL ? "" : p->token);
	(void)snprintf(header, sizeof header, "Idempotency-Key: %s",
		idempotency_key == NULL ? "" : idempotency_key);
	const struct http_request request = {.method = body == NULL ? "GET" : "POST",
		.url = c->url,
		.content_type = body == NULL ? NULL : "application/json",
		.authorization = p->token == NULL ? NULL : authorization,
		.extra_header = idempotency_key == NULL ? NULL : header,
		.body = body == NULL ? (struct slice){0} : slice_str(body),
		.timeout_ms = PROVIDER_TIMEOUT_MS,
		.answer_max = ANSWER_MAX};
	c->out = out;
	c->wait.pending = 1;
	out->err = http_client_send(p->http, NULL, &request, on_answer, c);
	bytes_wipe(authorization, sizeof authorization);
	if (out->err != OK) {
		(void)snprintf(
			out->text, sizeof out->text, "%.250s: %s", c->url, err_name(out->err));
		free(c);
		return;
	}
	const enum err waited = wait_for(p->loop, &c->wait, p->stop);
	if (c->wait.pending > 0) {
		c->out = NULL; /* the callback frees it */
		out->err = waited;
		(void)snprintf(out->text, sizeof out->text, "stopped");
		return;
	}
	free(c);
}

void provider_answer_fini(struct provider_answer *a)
{
	json_free(a->body);
	a->body = NULL;
}
