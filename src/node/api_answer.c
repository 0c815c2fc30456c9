/* Answers: now, when durable, or when a node has answered. */
#include "node/api_internal.h"

#include <stdlib.h>

#include "node/api_pending.h"
#include "sys/clock.h"

#define INDEX_END UINT32_MAX
#define LOCATION_SIZE 80u

struct pending {
	struct call call;
	bool answered;  /* by its deadline; the callback only releases it */
	bool in_flight; /* its idempotency key is in the map */
	uint32_t next_free;
	struct loop_timer deadline;
	unsigned status;
	struct json *body; /* owned; NULL: another kind of wait */
	char location[LOCATION_SIZE];
	uint64_t note[PENDING_NOTE_SIZE / sizeof(uint64_t)];
};

/* ---- now ---- */

static void count_answer(const struct call *c, unsigned status)
{
	const size_t index = c->route != NULL ? (size_t)(c->route - api_routes)
					      : METRICS_ROUTES_MAX;
	metrics_request(&c->api->metrics, index, status, clock_mono_ns() - c->begun_ns);
}

void call_answer_text(struct call *c, unsigned status, const char *content_type, struct slice text)
{
	count_answer(c, status);
	http_set_header(c->x, "Cache-Control", "no-store");
	http_set_header(c->x, "X-Content-Type-Options", "nosniff");
	http_answer(c->x, status, content_type, text);
}

static void answer_json(
	struct call *c, unsigned status, const char *content_type, struct json *body)
{
	size_t len = 0;
	char *text = json_dump(body, 0, &len);
	call_answer_text(c, status, content_type, slice_of(text, len));
	json_text_free(text);
	json_free(body);
}

void call_answer_json(struct call *c, unsigned status, struct json *body)
{
	answer_json(c, status, CONTENT_JSON, body);
}

static void answer_problem(
	struct call *c, const char *code, const char *detail, const struct field_errors *errors)
{
	const struct problem_kind *kind = problem_by_code(code);
	if (kind->status == 503)
		http_set_header(c->x, "Retry-After", "1");
	answer_json(c, kind->status, CONTENT_PROBLEM, problem_json(kind, code, detail, errors));
}

void call_problem(struct call *c, const char *code, const char *fmt, ...)
{
	char detail[320];
	struct buf b = buf_init(detail, sizeof detail);
	va_list args;
	va_start(args, fmt);
	buf_vprintf(&b, fmt, args);
	va_end(args);
	answer_problem(c, code, buf_cstr(&b), NULL);
}

void call_problem_fields(struct call *c, const char *code, const struct field_errors *errors)
{
	CHECK(errors->count > 0);
	const struct field_error *first = &errors->item[0];
	char detail[320];
	struct buf b = buf_init(detail, sizeof detail);
	buf_printf(&b, "%s: %s", first->pointer[0] != '\0' ? first->pointer : "the body",
		first->detail);
	answer_problem(c, code, buf_cstr(&b), errors);
}

void call_invalid(struct call *c, const struct field_errors *errors)
{
	call_problem_fields(c, "invalid_request", errors);
}

void call_refused(struct call *c, const struct engine_refusal *refusal)
{
	answer_problem(c, refusal->code, refusal->detail, NULL);
}

void call_not_taken(struct call *c, enum err err)
{
	struct node_status node;
	c->api->ports.status(c->api->ports.ctx, &node);
	if (err == ERR_FULL && node.journal.full)
		call_problem(c, "storage_full",
			"the journal has no room: what is under way goes on, nothing new is taken");
	else
		call_problem(
			c, "overloaded", "the engine takes nothing new now (%s)", err_name(err));
}

/* ---- later ---- */

enum err pending_create(struct api *api, uint64_t map_seed)
{
	const uint32_t slots = map_slots_for(API_PENDING_MAX);
	api->pending = calloc(API_PENDING_MAX, sizeof *api->pending);
	api->in_flight_slot = calloc(slots, sizeof *api->in_flight_slot);
	if (api->pending == NULL || api->in_flight_slot == NULL)
		return ERR_FULL;
	for (uint32_t i = 0; i < API_PENDING_MAX; i++)
		api->pending[i].next_free = i + 1 < API_PENDING_MAX ? i + 1 : INDEX_END;
	map_init(&api->in_flight, api->in_flight_slot, slots, sizeof(struct hash256), map_seed);
	return OK;
}

void pending_destroy(struct api *api)
{
	for (uint32_t i = 0; api->pending != NULL && i < API_PENDING_MAX; i++) {
		loop_timer_cancel(api->loop, &api->pending[i].deadline);
		json_free(api->pending[i].body);
	}
	free(api->pending);
	free(api->in_flight_slot);
}

static struct pending *pending_take(const struct call *c)
{
	struct api *api = c->api;
	if (api->pending_free == INDEX_END)
		return NULL;
	const uint32_t index = api->pending_free;
	struct pending *p = &api->pending[index];
	api->pending_free = p->next_free;
	api->pending_count++;
	*p = (struct pending){.call = *c};
	if (!hash256_is_zero(&c->idempotency_key)) {
		CHECK(map_put(&api->in_flight, &c->idempotency_key, index) == OK);
		p->in_flight = true;
	}
	return p;
}

static void pending_release(struct pending *p)
{
	struct api *api = p->call.api;
	loop_timer_cancel(api->loop, &p->deadline);
	p->deadline = (struct loop_timer){.id = 0};
	if (p->in_flight)
		(void)map_remove(&api->in_flight, &p->call.idempotency_key);
	p->in_flight = false;
	json_free(p->body);
	p->body = NULL;
	p->next_free = api->pending_free;
	api->pending_free = (uint32_t)(p - api->pending);
	api->pending_count--;
}

static void on_deadline(void *ctx)
{
	struct pending *p = ctx;
	struct call *c = &p->call;
	CHECK(!p->answered);
	p->answered = true;
	p->deadline = (struct loop_timer){.id = 0};
	if (p->body != NULL)
		call_problem(c, "not_durable",
			"nothing is lost: ask again, with the same key where there was one");
	else if (strcmp(c->route->method, "GET") == 0)
		call_problem(c, "layer_unavailable", "the node did not answer in time");
	else
		call_problem(c, "submit_unknown", "the node did not answer in time");
}

static void start_deadline(struct pending *p)
{
	struct api *api = p->call.api;
	if (loop_timer_set(
		    api->loop, &p->deadline, api->config->limits.deadline_ms, on_deadline, p) != OK)
		on_deadline(p); /* no timers left: better an early answer than none */
}

static void answer_made(struct call *c, unsigned status, struct json *body, const char *location)
{
	if (location != NULL && location[0] != '\0')
		http_set_header(c->x, "Location", location);
	call_answer_json(c, status, body);
}

static void on_durable(void *ctx, enum err err)
{
	struct pending *p = ctx;
	if (!p->answered && err == OK) {
		struct json *body = p->body;
		p->body = NULL;
		answer_made(&p->call, p->status, body, p->location);
	} else if (!p->answered) {
		call_problem(&p->call, "not_durable", "the journal failed");
	}
	pending_release(p);
}

static void answer_when(struct call *c, unsigned status, struct json *body, const char *location,
	uint64_t (*reached)(void *ctx),
	enum err (*when)(struct engine *e, uint64_t seq, engine_durable_cb cb, void *ctx))
{
	struct api *api = c->api;
	const uint64_t seq = engine_ledger(api->engine)->seq;
	if (reached(api->ports.ctx) >= seq || MUTANT(ANSWER_EARLY)) {
		answer_made(c, status, body, location);
		return;
	}
	struct pending *p = pending_take(c);
	if (p == NULL) {
		json_free(body);
		call_problem(c, "not_durable", "too many answers wait already");
		return;
	}
	p->status = status;
	p->body = body;
	struct buf b = buf_init(p->location, sizeof p->location);
	buf_printf(&b, "%s", location != NULL ? location : "");
	(void)buf_cstr(&b);
	if (when(api->engine, seq, on_durable, p) != OK) {
		pending_release(p);
		call_problem(c, "not_durable", "too many answers wait already");
		return;
	}
	start_deadline(p);
	engine_flush(api->engine);
}

void call_answer_durable(struct call *c, unsigned status, struct json *body, const char *location)
{
	answer_when(c, status, body, location, c->api->ports.answerable, engine_when_answerable);
}

void call_answer_synced(struct call *c, unsigned status, struct json *body, const char *location)
{
	answer_when(c, status, body, location, c->api->ports.durable, engine_when_durable);
}

bool call_has_room(struct call *c)
{
	if (c->api->pending_count < API_PENDING_MAX)
		return true;
	call_problem(c, "overloaded", "too many answers wait already");
	return false;
}

struct pending *call_suspend(struct call *c)
{
	struct pending *p = pending_take(c);
	if (p == NULL)
		call_problem(c, "overloaded", "too many answers wait already");
	else
		start_deadline(p);
	return p;
}

struct call *pending_resume(struct pending *p)
{
	struct call *c = p->answered ? NULL : &p->call;
	pending_release(p);
	return c;
}

void *pending_note(struct pending *p)
{
	return p->note;
}
