#include "node/api_internal.h"

void handle_events(struct call *c)
{
	if (strcmp(http_method(c->x), "HEAD") == 0) {
		call_answer_text(c, 200, "text/event-stream", slice_of(NULL, 0));
		return;
	}
	http_set_header(c->x, "Cache-Control", "no-store");
	http_set_header(c->x, "X-Accel-Buffering", "no");
	const enum err e = events_stream(c->api->events, c->x, http_header(c->x, "Last-Event-ID"));
	if (e == OK)
		metrics_request(&c->api->metrics, (size_t)(c->route - api_routes), 200, 0);
	else if (e == ERR_FORMAT)
		call_problem(c, "invalid_request", "Last-Event-ID is none of ours");
	else
		call_problem(c, "overloaded", "too many event streams are open");
}
