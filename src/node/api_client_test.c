#include "node/api_client_test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define STEPS_MAX 2000u /* of 5 ms */

static int dial(struct world *w)
{
	const struct sockaddr_in at = {.sin_family = AF_INET,
		.sin_port = htons(http_server_port(w->server)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const int fd = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(fd >= 0 && connect(fd, (const struct sockaddr *)&at, sizeof at) == 0);
	CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	return fd;
}

static void transmit(struct world *w, int fd, const char *bytes, size_t len)
{
	for (unsigned step = 0; len > 0 && step < STEPS_MAX; step++) {
		const ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN)
			return; /* refused in the middle: the answer says why */
		bytes += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
		(void)loop_step(w->loop, len > 0 ? 5 : 0);
	}
}

static void take_apart(struct reply *r)
{
	const char *body = strstr(r->text, "\r\n\r\n");
	if (sscanf(r->text, "HTTP/1.1 %u", &r->status) != 1)
		r->status = 0;
	if (body == NULL)
		return;
	r->body = body + 4;
	r->len = strlen(r->body);
	if (json_parse(&r->json, slice_of(r->body, r->len), NULL) != OK)
		r->json = NULL;
}

struct reply ask(struct world *w, const struct ask *a)
{
	struct reply r = {.text = calloc(1, REPLY_MAX)};
	const size_t body_len = a->body == NULL
		? 0
		: (a->body_len != 0 ? a->body_len : strlen(a->body));
	char *request = malloc(4096 + body_len);
	CHECK(r.text != NULL && request != NULL);
	struct buf b = buf_init(request, 4096 + body_len);
	buf_printf(&b, "%s %s HTTP/1.1\r\nHost: test\r\nConnection: close\r\n", a->method, a->path);
	if (a->token != NULL)
		buf_printf(&b, "Authorization: Bearer %s\r\n", a->token);
	if (a->key != NULL)
		buf_printf(&b, "Idempotency-Key: %s\r\n", a->key);
	if (a->header != NULL)
		buf_printf(&b, "%s\r\n", a->header);
	if (a->body != NULL)
		buf_printf(&b, "Content-Type: %s\r\nContent-Length: %zu\r\n",
			a->content_type != NULL ? a->content_type : "application/json", body_len);
	buf_printf(&b, "\r\n");
	buf_put(&b, a->body, body_len);
	CHECK(!b.overflow);
	const int fd = dial(w);
	transmit(w, fd, request, b.len);
	size_t len = 0;
	for (unsigned step = 0; step < STEPS_MAX; step++) {
		const ssize_t n = recv(fd, r.text + len, REPLY_MAX - 1 - len, 0);
		if (n == 0 || (n < 0 && errno != EAGAIN))
			break;
		len += n > 0 ? (size_t)n : 0;
		(void)loop_step(w->loop, n > 0 ? 0 : 5);
	}
	(void)close(fd);
	(void)loop_step(w->loop, 0);
	free(request);
	take_apart(&r);
	return r;
}

struct reply ask_get(struct world *w, const char *path, const char *token)
{
	return ask(w, &(struct ask){.method = "GET", .path = path, .token = token});
}

struct reply ask_post(
	struct world *w, const char *path, const char *token, const char *key, const char *body)
{
	return ask(w,
		&(struct ask){
			.method = "POST", .path = path, .token = token, .key = key, .body = body});
}

void reply_free(struct reply *r)
{
	json_free(r->json);
	free(r->text);
	*r = (struct reply){.status = 0};
}

const char *reply_header(const struct reply *r, char out[256], const char *name)
{
	const size_t len = strlen(name);
	out[0] = '\0';
	for (const char *line = r->text; line != NULL; line = strstr(line + 2, "\r\n")) {
		const char *at = line == r->text ? line : line + 2;
		if (strncasecmp(at, name, len) == 0 && at[len] == ':') {
			const char *value = at + len + 1 + strspn(at + len + 1, " ");
			(void)snprintf(out, 256, "%.*s", (int)strcspn(value, "\r"), value);
			break;
		}
		if (strncmp(line, "\r\n\r\n", 4) == 0)
			break;
	}
	return out;
}

const struct json *reply_at(const struct reply *r, const char *path)
{
	const struct json *v = r->json;
	char name[64];
	while (v != NULL && *path != '\0') {
		const size_t len = strcspn(path, ".");
		CHECK(len < sizeof name);
		memcpy(name, path, len);
		name[len] = '\0';
		v = json_type(v) == JSON_ARRAY ? json_at(v, (size_t)strtoul(name, NULL, 10))
					       : json_get(v, name);
		path += len + (path[len] == '.' ? 1 : 0);
	}
	return v;
}

const char *reply_text(const struct reply *r, const char *path)
{
	const struct slice text = json_string(reply_at(r, path));
	return text.ptr != NULL ? (const char *)text.ptr : "";
}

void expect(const struct reply *r, unsigned status, const char *code, const char *what)
{
	char type[256];
	bool good = r->status == status;
	if (code != NULL)
		good = good && strcmp(reply_text(r, "code"), code) == 0 &&
			strcmp(reply_header(r, type, "Content-Type"), "application/problem+json") ==
				0;
	if (good)
		return;
	(void)fprintf(stderr, "%s: wanted %u %s, got:\n%.2000s\n", what, status,
		code != NULL ? code : "", r->text);
	CHECK(false);
}

void expect_only(struct reply r, unsigned status, const char *code, const char *what)
{
	expect(&r, status, code, what);
	reply_free(&r);
}

/* ---- streams ---- */

void feed_open(struct world *w, struct feed *f, const char *last_event_id)
{
	char request[512];
	struct buf b = buf_init(request, sizeof request);
	*f = (struct feed){.fd = dial(w)};
	buf_printf(&b, "GET /v1/events HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer %s\r\n",
		READER_TOKEN);
	if (last_event_id != NULL)
		buf_printf(&b, "Last-Event-ID: %s\r\n", last_event_id);
	buf_printf(&b, "\r\n");
	transmit(w, f->fd, request, b.len);
}

void feed_until(struct world *w, struct feed *f, const char *text)
{
	for (unsigned step = 0; step < STEPS_MAX; step++) {
		const ssize_t n = recv(f->fd, f->text + f->len, sizeof f->text - 1 - f->len, 0);
		f->len += n > 0 ? (size_t)n : 0;
		f->text[f->len] = '\0';
		if (strstr(f->text, text) != NULL)
			return;
		if (n == 0)
			break;
		(void)loop_step(w->loop, n > 0 ? 0 : 5);
	}
	(void)fprintf(stderr, "no \"%s\" in:\n%s\n", text, f->text);
	CHECK(false);
}

void feed_close(struct world *w, struct feed *f)
{
	(void)close(f->fd);
	for (unsigned step = 0; step < 20; step++)
		(void)loop_step(w->loop, 1);
}
