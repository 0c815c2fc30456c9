#include "node/events.h"

#include <stdlib.h>

#include "net/json.h"
#include "node/api_internal.h"

struct event {
	uint64_t seq;
	uint32_t n;
	uint32_t len;
	char text[EVENT_TEXT_SIZE];
};

struct stream {
	struct events *events;
	struct http_exchange *x; /* NULL: free */
};

struct events {
	struct loop *loop;
	struct event *kept; /* ring */
	uint64_t count;     /* ever; the newest is count - 1 */
	struct stream *stream;
	uint32_t stream_max, stream_count;
	struct loop_timer keep_alive;
};

static void on_keep_alive(void *ctx);

static void arm(struct events *e)
{
	if (loop_timer_set(e->loop, &e->keep_alive, EVENTS_KEEP_ALIVE_MS, on_keep_alive, e) != OK)
		e->keep_alive = (struct loop_timer){.id = 0};
}

static void send_all(struct events *e, struct slice text)
{
	for (uint32_t i = 0; i < e->stream_max; i++) {
		if (e->stream[i].x != NULL && http_stream_write(e->stream[i].x, text) != OK)
			continue; /* it fell behind: the server closes it and says so */
	}
}

static void on_keep_alive(void *ctx)
{
	struct events *e = ctx;
	send_all(e, slice_str(": keep-alive\n\n"));
	arm(e);
}

enum err events_create(struct events **out, struct loop *loop, uint32_t stream_max)
{
	struct events *e = calloc(1, sizeof *e);
	if (e == NULL)
		return ERR_FULL;
	e->loop = loop;
	e->stream_max = stream_max;
	e->kept = calloc(ENGINE_EVENTS_KEPT, sizeof *e->kept);
	e->stream = calloc(stream_max, sizeof *e->stream);
	if (e->kept == NULL || e->stream == NULL) {
		events_destroy(e);
		return ERR_FULL;
	}
	arm(e);
	*out = e;
	return OK;
}

void events_destroy(struct events *e)
{
	if (e == NULL)
		return;
	loop_timer_cancel(e->loop, &e->keep_alive);
	free(e->kept);
	free(e->stream);
	free(e);
}

uint32_t events_stream_count(const struct events *e)
{
	return e->stream_count;
}

/* ---- text ---- */

const char *event_state(const char *type)
{
	const char *dot = strchr(type, '.');
	return dot != NULL ? dot + 1 : type;
}

static struct json *event_json(const struct engine_event *ev)
{
	struct json *v = json_object();
	json_set_string(v, "type", ev->type);
	json_set_u64(v, "sequence", ev->seq);
	json_set_time(v, "time", ev->time_ms);
	if (ev->swap != NULL) {
		json_set_id(v, "swap", &ev->swap->id);
		json_set_string(v, "state", event_state(ev->type));
		json_set_string(v, "from", layer_name(ev->swap->source.layer));
		json_set_string(v, "to", layer_name(ev->swap->dest.layer));
	} else if (ev->transfer != NULL) {
		json_set_id(v, "transfer", &ev->transfer->id);
		json_set_string(v, "state", event_state(ev->type));
		json_set_string(v, "layer", layer_name(ev->transfer->layer));
	} else if (strncmp(ev->type, "layer.", 6) == 0 && ev->layer < LAYER_COUNT) {
		json_set_string(v, "layer", layer_name(ev->layer));
	}
	return v;
}

void events_add(struct events *e, const struct engine_event *ev)
{
	const struct event *last = e->count > 0 ? &e->kept[(e->count - 1) % ENGINE_EVENTS_KEPT]
						: NULL;
	const uint32_t n = last != NULL && last->seq == ev->seq ? last->n + 1 : 0;
	struct event *slot = &e->kept[e->count % ENGINE_EVENTS_KEPT];
	struct json *v = event_json(ev);
	size_t len = 0;
	char *data = json_dump(v, 0, &len);
	struct buf b = buf_init(slot->text, sizeof slot->text);
	buf_printf(&b, "id: %llu.%u\nevent: %s\ndata: %s\n\n", (unsigned long long)ev->seq, n,
		ev->type, data);
	CHECK(!b.overflow);
	slot->seq = ev->seq;
	slot->n = n;
	slot->len = (uint32_t)b.len;
	e->count++;
	json_text_free(data);
	json_free(v);
	send_all(e, buf_slice(&b));
}

/* ---- streams ---- */

static bool parse_number(uint64_t *out, const char **at)
{
	uint64_t v = 0;
	const char *p = *at;
	for (; *p >= '0' && *p <= '9' && p - *at < 19; p++)
		v = v * 10 + (uint64_t)(*p - '0');
	if (p == *at)
		return false;
	*at = p;
	*out = v;
	return true;
}

/* "SEQ.N" */
static bool parse_event_id(uint64_t *seq, uint64_t *n, const char *text)
{
	if (!parse_number(seq, &text) || *text != '.')
		return false;
	text++;
	return parse_number(n, &text) && *text == '\0';
}

/* The first kept event after (seq, n), as a position in the count of all; false: it is not known
 * what came after it. */
static bool find_after(const struct events *e, uint64_t seq, uint64_t n, uint64_t *position)
{
	const uint64_t kept = e->count < ENGINE_EVENTS_KEPT ? e->count : ENGINE_EVENTS_KEPT;
	uint64_t low = e->count - kept, high = e->count;
	const uint64_t oldest = low;
	while (low < high) { /* the first one that is not before (seq, n) */
		const uint64_t middle = low + (high - low) / 2;
		const struct event *ev = &e->kept[middle % ENGINE_EVENTS_KEPT];
		if (ev->seq < seq || (ev->seq == seq && ev->n < n))
			low = middle + 1;
		else
			high = middle;
	}
	if (low == e->count || low < oldest)
		return false;
	const struct event *ev = &e->kept[low % ENGINE_EVENTS_KEPT];
	if (ev->seq != seq || ev->n != n)
		return false;
	*position = low + 1;
	return true;
}

static void on_closed(void *ctx)
{
	struct stream *s = ctx;
	s->x = NULL;
	s->events->stream_count--;
}

static void write_reset(struct events *e, struct http_exchange *x)
{
	char text[256];
	struct buf b = buf_init(text, sizeof text);
	const struct event *last = e->count > 0 ? &e->kept[(e->count - 1) % ENGINE_EVENTS_KEPT]
						: NULL;
	if (last != NULL)
		buf_printf(&b, "id: %llu.%u\n", (unsigned long long)last->seq, last->n);
	buf_printf(&b,
		"event: reset\ndata: {\"type\":\"reset\",\"detail\":\"events were missed: "
		"read the state again\"}\n\n");
	if (http_stream_write(x, buf_slice(&b)) != OK)
		return; /* closing; on_closed follows */
}

static void write_from(struct events *e, struct http_exchange *x, uint64_t position)
{
	for (; position < e->count; position++) {
		const struct event *ev = &e->kept[position % ENGINE_EVENTS_KEPT];
		if (http_stream_write(x, slice_of(ev->text, ev->len)) != OK)
			return;
	}
}

enum err events_stream(struct events *e, struct http_exchange *x, const char *last_event_id)
{
	uint64_t seq = 0, n = 0, position = e->count;
	bool known = true;
	struct stream *s = NULL;
	if (last_event_id != NULL) {
		if (!parse_event_id(&seq, &n, last_event_id))
			return ERR_FORMAT;
		known = find_after(e, seq, n, &position);
	}
	for (uint32_t i = 0; i < e->stream_max && s == NULL; i++) {
		if (e->stream[i].x == NULL)
			s = &e->stream[i];
	}
	if (s == NULL)
		return ERR_FULL;
	*s = (struct stream){.events = e, .x = x};
	if (http_stream_begin(x, "text/event-stream", EVENTS_BACKLOG_MAX, on_closed, s) != OK) {
		s->x = NULL;
		return ERR_FULL;
	}
	e->stream_count++;
	if (http_stream_write(x, slice_str("retry: 2000\n\n")) != OK)
		return OK;
	if (known)
		write_from(e, x, position);
	else
		write_reset(e, x);
	return OK;
}
