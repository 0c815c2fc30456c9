/* For tests of the HTTP client: what became of a request. */
#ifndef NET_RESULT_TEST_H
#define NET_RESULT_TEST_H
#include "net/http_client.h"

struct http_result {
	uint32_t calls;
	enum err err;
	unsigned status;
	size_t len;
	char body[64]; /* as much of it as there is room for */
	char detail[160];
	struct loop *loop; /* stopped by an answer; NULL: none */
	bool sending;      /* no answer may come now */
};

/* A callback for http_client_send; ctx is a struct http_result. */
void http_result_take(void *ctx, const struct http_answer *answer);
/* Runs the loop until *count, of answers for instance, is there; ends the process after 30 s. */
void http_result_wait(struct loop *loop, const uint32_t *count, uint32_t target);

#endif
