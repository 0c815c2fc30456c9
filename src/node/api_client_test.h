/* node/api_client_test: HTTP by hand, on the test's own loop, so that broken requests can be sent
 * and every byte of an answer seen. Only tests link it. */
#ifndef NODE_API_CLIENT_TEST_H
#define NODE_API_CLIENT_TEST_H
#include "net/json.h"
#include "node/api_world_test.h"

#define REPLY_MAX (1u << 20)

struct reply {
	unsigned status;   /* 0: the connection ended without one */
	char *text;        /* all of it; owned */
	const char *body;  /* in text */
	size_t len;        /* of the body */
	struct json *json; /* of the body, where it is JSON; owned */
};

struct ask {
	const char *method, *path;
	const char *token;        /* NULL: none */
	const char *key;          /* Idempotency-Key; NULL: none */
	const char *content_type; /* NULL: application/json where there is a body */
	const char *header;       /* one more "Name: value"; NULL: none */
	const char *body;         /* NULL: none */
	size_t body_len;          /* 0: of the text */
};

/* Sends and steps the loop until the answer is complete. Free with reply_free. */
struct reply ask(struct world *w, const struct ask *a);
struct reply ask_get(struct world *w, const char *path, const char *token);
struct reply ask_post(
	struct world *w, const char *path, const char *token, const char *key, const char *body);
void reply_free(struct reply *r);
/* A header's value into out; "" where there is none. */
const char *reply_header(const struct reply *r, char out[256], const char *name);
/* A member by path, "source.layer" or "errors.0.pointer"; "" where it is no string. */
const char *reply_text(const struct reply *r, const char *path);
const struct json *reply_at(const struct reply *r, const char *path);
/* Ends the test with a message where the status is another, or the problem's code where code is
 * not NULL. */
void expect(const struct reply *r, unsigned status, const char *code, const char *what);
/* expect, then free. */
void expect_only(struct reply r, unsigned status, const char *code, const char *what);

/* A connection that stays: for event streams. */
struct feed {
	int fd;
	size_t len;
	char text[65536];
};
void feed_open(struct world *w, struct feed *f, const char *last_event_id);
/* Steps the loop until the text has come, or ends the test. */
void feed_until(struct world *w, struct feed *f, const char *text);
void feed_close(struct world *w, struct feed *f);

#endif
