#include "net/http_parts.h"

static void give(struct http_open *call, struct slice part)
{
	struct http_real *client = call->client;
	const bool nested = client->in_callback;
	client->in_callback = true;
	call->part(call->ctx, part);
	client->in_callback = nested;
}

static void on_due(void *ctx)
{
	struct http_real *client = ctx;
	struct http_open *call = client->parts;
	client->parts_timer.id = 0;
	client->parts = NULL;
	/* whoever is called may cancel any call, which then ends later: none is freed here */
	for (struct http_open *next; call != NULL; call = next) {
		next = call->parts_next;
		call->parts_due = false;
		const struct slice part = slice_of(call->answer, call->answer_len);
		call->answer_len = 0;
		if (!call->over)
			give(call, part);
	}
}

void http_parts_due(struct http_open *call)
{
	struct http_real *client = call->client;
	if (call->parts_due)
		return;
	call->parts_due = true;
	call->parts_next = client->parts;
	client->parts = call;
	/* one timer for a whole client: a loop without room for it was made too small */
	if (client->parts_timer.id == 0)
		CHECK(loop_timer_set(client->base.loop, &client->parts_timer, 0, on_due, client) ==
			OK);
}

void http_parts_last(struct http_open *call, struct http_answer *answer)
{
	if (call->parts_due) {
		struct http_open **at = &call->client->parts;
		while (*at != call)
			at = &(*at)->parts_next;
		*at = call->parts_next;
		call->parts_due = false;
	}
	const struct slice rest = answer->err == OK ? answer->body
						    : slice_of(call->answer, call->answer_len);
	if (rest.len > 0 && answer->err != ERR_CANCELLED)
		give(call, rest);
	answer->body = slice_of(NULL, 0);
}
