#include "net/result_test.h"

#include <stdio.h>

#include "sys/clock.h"

#define PATIENCE_MS 30000u

void http_result_take(void *ctx, const struct http_answer *answer)
{
	struct http_result *r = ctx;
	CHECK(!r->sending && answer->detail != NULL);
	r->calls++;
	r->err = answer->err;
	r->status = answer->status;
	r->len = answer->body.len;
	const size_t n = r->len < sizeof r->body - 1 ? r->len : sizeof r->body - 1;
	if (n > 0)
		memcpy(r->body, answer->body.ptr, n);
	r->body[n] = 0;
	(void)snprintf(r->detail, sizeof r->detail, "%s", answer->detail);
	if (r->loop != NULL)
		loop_stop(r->loop);
}

void http_result_wait(struct loop *loop, const uint32_t *count, uint32_t target)
{
	const uint64_t end = clock_mono_ms() + PATIENCE_MS;
	while (*count < target) {
		CHECK(clock_mono_ms() < end);
		(void)loop_step(loop, 100);
	}
}
