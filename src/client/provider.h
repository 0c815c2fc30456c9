/* client/provider: a provider's API: what it answers is JSON or a problem. Nothing of it is
 * believed here: client/verify.h judges. */
#ifndef CLIENT_PROVIDER_H
#define CLIENT_PROVIDER_H
#include "client/wait.h"
#include "net/http_client.h"
#include "net/json.h"

struct provider {
	struct loop *loop; /* borrows, all of them */
	struct http_client *http;
	const char *url;   /* without a slash at its end, or with */
	const char *token; /* NULL: anonymous */
	const bool *stop;
};

struct provider_answer {
	enum err err; /* OK: a 2xx with JSON. ERR_REJECTED: a problem, stated. ERR_UNAVAILABLE: not
			 reached, or a problem that says retry; nothing was done. ERR_TIMEOUT,
			 ERR_IO: unknown. ERR_FORMAT: no JSON. ERR_CANCELLED: we are stopped */
	unsigned status;
	struct json *body; /* owned; NULL: none */
	char code[48];     /* of a problem; "" otherwise */
	char text[300];    /* for people: what went wrong; "" when nothing did */
};

#define PROVIDER_TIMEOUT_MS 20000u

/* The answer is the callback's: it frees it with provider_answer_fini. */
typedef void (*provider_cb)(void *ctx, struct provider_answer *answer);
struct provider_request;
/* path: "/v1/quotes". body NULL: GET. idempotency_key NULL: none. The request is valid until its
 * callback; NULL when none could be sent, then *out says why and no callback follows. */
struct provider_request *provider_send(struct provider_answer *out, const struct provider *p,
	const char *path, const char *body, const char *idempotency_key, provider_cb cb, void *ctx);
/* Its callback does not come any more. */
void provider_forget(struct provider_request *request);

/* The same, waited for. The answer is freed with provider_answer_fini, also after an error. */
void provider_call(struct provider_answer *out, const struct provider *p, const char *path,
	const char *body, const char *idempotency_key);
NONNULL_ALL void provider_answer_fini(struct provider_answer *a);

#endif
