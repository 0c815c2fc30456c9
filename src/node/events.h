/* node/events: the engine's durable events as server-sent events.
 *
 * The last ENGINE_EVENTS_KEPT are kept as text. An event's id is "SEQ.N", N counting the events of
 * one sequence; a client that comes back with Last-Event-ID gets what came after it, or, where that
 * is not known any more, one "reset" event that tells it to read the state again. Threads: the
 * loop's.
 */
#ifndef NODE_EVENTS_H
#define NODE_EVENTS_H
#include "net/http_server.h"
#include "node/engine.h"

struct events;

#define EVENT_TEXT_SIZE 512u
#define EVENTS_KEEP_ALIVE_MS 15000u
#define EVENTS_BACKLOG_MAX (3u << 20) /* all kept events at once, and room to fall behind */

/* Returns owned. ERR_FULL: no memory. */
MUST_USE NONNULL_ALL enum err events_create(
	struct events **out, struct loop *loop, uint32_t stream_max);
void events_destroy(struct events *e);
/* One more; sent to every stream. */
NONNULL_ALL void events_add(struct events *e, const struct engine_event *event);
/* Begin a stream on x. last_event_id NULL: from now on. ERR_FULL: too many streams, ERR_FORMAT: no
 * such id; x is then still to be answered. */
MUST_USE enum err events_stream(
	struct events *e, struct http_exchange *x, const char *last_event_id);
/* "swap.offered" is the state "offered" as of the event's own sequence; what the event points to
 * may have gone on since, and not be durable. Borrows from type. */
NONNULL_ALL const char *event_state(const char *type);
NONNULL_ALL uint32_t events_stream_count(const struct events *e);

#endif
