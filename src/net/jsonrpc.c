#include "net/jsonrpc.h"

#include <stdio.h>
#include <stdlib.h>

#include "net/http_calls.h"
#include "net/rpc_answer.h"
#include "net/upstream_auth.h"
#include "rt/cpu_budget.h"
#include "rt/slab.h"
#include "sys/clock.h"

#define TIMEOUT_DEFAULT_MS 10000u
#define QUEUE_MAX_DEFAULT 4096u
/* Hundreds of times what reading takes, and enough for what is made to be hard to read: an answer
 * that is so short that it can't spend its budget does not wake the watchdog. */
#define READ_NS_PER_BYTE_MAX 10000u
#define LATENCY_WEIGHT 8u /* a new measurement counts for an eighth */

/* Where an upstream's calls live: as many as it may have, from the start. */
struct call_pool {
	struct slab *slab;
	struct slab_cache *cache;
	uint32_t live;
	bool orphaned; /* the upstream is gone: the last call takes the pool with it */
};

struct call {
	struct call_pool *pool;
	struct upstream *upstream; /* NULL: the upstream is gone, nobody waits any more */
	struct call *prev, *next;  /* in the list of those in flight, or the queue */
	uint64_t id, since_ms, sent_ms, sent_ns, deadline_ms;
	struct http_call http; /* while in flight */
	size_t answer_max;
	uint32_t auth_generation; /* of the password that was sent */
	bool probe;
	rpc_cb cb;
	void *ctx;
	char *body; /* owned */
	size_t body_len;
};

struct list {
	struct call *first, *last;
	uint32_t count;
};

struct upstream {
	struct http_client *client;
	struct loop *loop;
	struct call_pool *pool;
	char *name, *url; /* owned */
	struct upstream_auth auth;
	uint64_t timeout_ms;
	uint32_t in_flight_max, queue_max;
	bool version_2, in_callback, closing;
	uint64_t cpu_ns;
	uint32_t task;
	struct latency *latency;

	struct list in_flight, queue;
	struct loop_timer queue_timer;  /* set while the queue has something: its first deadline */
	uint32_t window, window_credit; /* successes since the window last grew */
	uint64_t window_cut_ms;         /* when it last shrank */
	uint64_t pause_ms;              /* the last one; 0 after a success */
	struct loop_timer pause;        /* set: nothing is sent until then */
	uint64_t next_id;

	uint32_t failures_in_row;
	uint64_t backoff_ms, closed_until_ms; /* while the breaker is open */
	bool probing;
	struct upstream_health health;
};

/* ---- lists ---- */

static void list_append(struct list *list, struct call *call)
{
	call->prev = list->last;
	call->next = NULL;
	if (list->last != NULL)
		list->last->next = call;
	else
		list->first = call;
	list->last = call;
	list->count++;
}

/* Among those that wait, by age: a call that was sent before is among the first. */
static void list_insert_by_age(struct list *list, struct call *call)
{
	struct call *next = list->first;
	while (next != NULL && next->id < call->id)
		next = next->next;
	if (next == NULL) {
		list_append(list, call);
		return;
	}
	call->next = next;
	call->prev = next->prev;
	if (next->prev != NULL)
		next->prev->next = call;
	else
		list->first = call;
	next->prev = call;
	list->count++;
}

static void list_remove(struct list *list, struct call *call)
{
	CHECK(list->count > 0);
	if (call->prev != NULL)
		call->prev->next = call->next;
	else
		list->first = call->next;
	if (call->next != NULL)
		call->next->prev = call->prev;
	else
		list->last = call->prev;
	list->count--;
}

/* ---- the pool ---- */

static enum err pool_create(struct call_pool **out, size_t calls_max)
{
	const struct slab_need need = {.size = sizeof(struct call), .count = calls_max};
	const struct pages_options pages = {.want = PAGES_ORDINARY, .node = PAGES_NODE_ANY};
	struct call_pool *pool = calloc(1, sizeof *pool);
	if (pool == NULL)
		return ERR_FULL;
	const enum err err = slab_create_sized(&pool->slab, 1, &need, 1, &pages);
	if (err != OK) {
		free(pool);
		return err;
	}
	CHECK(slab_cache_open(&pool->cache, pool->slab) == OK);
	*out = pool;
	return OK;
}

static void pool_release(struct call_pool *pool)
{
	if (!pool->orphaned || pool->live > 0)
		return;
	slab_cache_close(pool->cache);
	slab_destroy(pool->slab);
	free(pool);
}

/* Zeroed. NULL: there are as many as there may be. */
static struct call *call_alloc(struct call_pool *pool)
{
	struct call *call = slab_alloc(pool->cache, sizeof *call);
	if (call == NULL)
		return NULL;
	pool->live++;
	*call = (struct call){.pool = pool};
	return call;
}

static void call_free(struct call *call)
{
	struct call_pool *pool = call->pool;
	free(call->body);
	slab_free(pool->cache, call, sizeof *call);
	pool->live--;
	pool_release(pool);
}

/* ---- the end of a call ---- */

/* Out of every list already. */
static void call_end(struct call *call, const struct rpc_answer *answer)
{
	struct upstream *u = call->upstream;
	const bool nested = u->in_callback;
	u->in_callback = true;
	call->cb(call->ctx, answer);
	u->in_callback = nested;
	call_free(call);
}

static void end_with(struct call *call, enum err err, const char *message)
{
	call_end(call, &(struct rpc_answer){.err = err, .message = message});
}

static void end_all(struct list *list, enum err err, const char *message)
{
	struct list taken = *list;
	*list = (struct list){0};
	while (taken.first != NULL) {
		struct call *call = taken.first;
		list_remove(&taken, call);
		end_with(call, err, message);
	}
}

/* ---- the breaker ---- */

static bool breaker_open(const struct upstream *u)
{
	return u->failures_in_row >= UPSTREAM_FAILURES_MAX;
}

static void note_success(struct upstream *u, uint64_t latency_ms)
{
	struct upstream_health *h = &u->health;
	h->latency_ms = h->latency_ms == 0
		? latency_ms
		: (h->latency_ms * (LATENCY_WEIGHT - 1) + latency_ms) / LATENCY_WEIGHT;
	h->up = true;
	h->last_error[0] = 0;
	u->failures_in_row = 0;
	u->backoff_ms = 0;
	u->pause_ms = 0;
	/* one more at once for each window of successes */
	if (u->window < u->in_flight_max && ++u->window_credit >= u->window) {
		u->window++;
		u->window_credit = 0;
	}
}

/* probe: only a probe that fails makes the next one wait longer; late failures of calls that were
 * sent before the breaker opened say nothing new. */
static void note_failure(struct upstream *u, const struct rpc_answer *answer, bool probe)
{
	u->health.failures++;
	u->health.up = false;
	(void)snprintf(u->health.last_error, sizeof u->health.last_error, "%s",
		answer->message[0] != 0 ? answer->message : err_name(answer->err));
	if (answer->err == ERR_DENIED || answer->err == ERR_FULL)
		return;
	const bool was_open = breaker_open(u);
	if (u->failures_in_row < UPSTREAM_FAILURES_MAX)
		u->failures_in_row++;
	if (!breaker_open(u) || (was_open && !probe))
		return;
	u->backoff_ms = u->backoff_ms == 0 ? UPSTREAM_BACKOFF_MIN_MS : u->backoff_ms * 2;
	if (u->backoff_ms > UPSTREAM_BACKOFF_MAX_MS)
		u->backoff_ms = UPSTREAM_BACKOFF_MAX_MS;
	u->closed_until_ms = loop_now_ms(u->loop) + u->backoff_ms;
	loop_timer_cancel(u->loop, &u->queue_timer);
	end_all(&u->queue, ERR_UNAVAILABLE, "the node does not answer");
}

/* ---- sending ---- */

static void on_http(void *ctx, const struct http_answer *http);

/* Where the bytes arrive. What a node sends may be made to be hard to read: it gets so much of the
 * CPU and no more. */
static void *read_answer(
	struct http_reader_args args, unsigned status, struct slice body, size_t *cost)
{
	struct rpc_reading *reading = malloc(sizeof *reading);
	if (reading == NULL)
		return NULL;
	struct cpu_budget budget;
	const bool short_enough = body.len < args.cpu_ns / READ_NS_PER_BYTE_MAX;
	cpu_budget_begin(&budget, args.task,
		args.cpu_ns == 0 || short_enough ? CPU_BUDGET_NONE : args.cpu_ns);
	rpc_answer_read(reading, status, body, args.id);
	(void)cpu_budget_end(&budget);
	*cost = sizeof *reading + body.len + reading->values * JSON_VALUE_COST;
	return reading;
}

void rpc_reading_free(struct rpc_reading *reading)
{
	if (reading != NULL)
		rpc_reading_fini(reading);
	free(reading);
}

static void drop_answer(void *made)
{
	rpc_reading_free(made);
}

struct rpc_reading *rpc_answer_keep(const struct rpc_answer *answer)
{
	CHECK(answer->err == OK && answer->from != NULL && answer->from->made != NULL);
	*answer->from->keep = true;
	return answer->from->made;
}

const struct json *rpc_reading_result(const struct rpc_reading *reading)
{
	return reading->answer.result;
}

static const struct http_reader reader = {.read = read_answer, .drop = drop_answer};

/* The call is in no list, and where this fails still in none. */
static enum err call_send(struct upstream *u, struct call *call)
{
	const uint64_t now = loop_now_ms(u->loop);
	call->auth_generation = u->auth.generation;
	call->sent_ms = now;
	call->sent_ns = clock_mono_ns();
	const struct http_request request = {
		.method = "POST",
		.url = u->url,
		.content_type = "application/json",
		.authorization = upstream_auth_header(&u->auth),
		.body = slice_of(call->body, call->body_len),
		.timeout_ms = call->deadline_ms > now ? call->deadline_ms - now : 1,
		.answer_max = call->answer_max,
		.reader = &reader,
		.reader_args = {.id = call->id, .cpu_ns = u->cpu_ns, .task = u->task},
	};
	TRY(http_client_send(u->client, &call->http, &request, on_http, call));
	list_append(&u->in_flight, call);
	return OK;
}

static void on_queue_deadline(void *ctx);

static void queue_arm(struct upstream *u)
{
	loop_timer_cancel(u->loop, &u->queue_timer);
	if (u->queue.first == NULL)
		return;
	/* one for an upstream; calls wait in the order of their deadlines */
	const uint64_t now = loop_now_ms(u->loop), due = u->queue.first->since_ms + u->timeout_ms;
	CHECK(loop_timer_set(u->loop, &u->queue_timer, due > now ? due - now : 0, on_queue_deadline,
		      u) == OK);
}

static void on_queue_deadline(void *ctx)
{
	struct upstream *u = ctx;
	const uint64_t now = loop_now_ms(u->loop);
	u->queue_timer.id = 0;
	for (struct call *call;
		(call = u->queue.first) != NULL && call->since_ms + u->timeout_ms <= now;) {
		list_remove(&u->queue, call);
		end_with(call, ERR_UNAVAILABLE, "waited too long for its turn; nothing was sent");
	}
	queue_arm(u);
}

static bool may_send(const struct upstream *u)
{
	return u->in_flight.count < u->window && u->pause.id == 0;
}

static void queue_pump(struct upstream *u)
{
	if (u->queue.first == NULL)
		return;
	while (u->queue.first != NULL && may_send(u) && !breaker_open(u)) {
		struct call *call = u->queue.first;
		list_remove(&u->queue, call);
		if (call_send(u, call) != OK)
			end_with(call, ERR_UNAVAILABLE, "no room for another request");
	}
	queue_arm(u);
}

/* ---- answers ---- */

/* A node that was restarted has a new cookie: read it and send the call once more. */
static bool retry_denied(struct upstream *u, struct call *call)
{
	if (call->auth_generation == u->auth.generation && !upstream_auth_refresh(&u->auth))
		return false;
	return call_send(u, call) == OK;
}

static void on_pause(void *ctx)
{
	struct upstream *u = ctx;
	u->pause.id = 0;
	queue_pump(u);
}

/* The node had no room: it is there, and did nothing. The calls of one burst shrink the window
 * once. */
static void requeue(struct upstream *u, struct call *call)
{
	const uint64_t now = loop_now_ms(u->loop);
	u->health.overloads++;
	u->failures_in_row = 0;
	if (call->sent_ms >= u->window_cut_ms) {
		u->window = u->window > 1 ? u->window / 2 : 1;
		u->window_credit = 0;
		u->window_cut_ms = now + 1;
		u->pause_ms = u->pause_ms == 0 ? UPSTREAM_PAUSE_MIN_MS : u->pause_ms * 2;
		if (u->pause_ms > UPSTREAM_PAUSE_MAX_MS)
			u->pause_ms = UPSTREAM_PAUSE_MAX_MS;
		loop_timer_cancel(u->loop, &u->pause);
		CHECK(loop_timer_set(u->loop, &u->pause, u->pause_ms, on_pause, u) == OK);
	}
	call->probe = false;
	list_insert_by_age(&u->queue, call);
	queue_arm(u);
}

static void on_http(void *ctx, const struct http_answer *http)
{
	struct call *call = ctx;
	struct upstream *u = call->upstream;
	if (u == NULL) {
		call_free(call);
		return;
	}
	list_remove(&u->in_flight, call);
	const struct rpc_reading *reading = http->made;
	struct rpc_answer answer = reading != NULL
		? reading->answer
		: (struct rpc_answer){.err = http->err, .message = http->detail};
	answer.from = http;
	const enum err err = answer.err;
	const bool probe = call->probe;
	if (probe)
		u->probing = false;
	if (err == ERR_DENIED && retry_denied(u, call)) {
		u->probing = probe;
	} else if (err == ERR_UNAVAILABLE && http->err == OK) {
		requeue(u, call);
	} else {
		if (err == OK || err == ERR_REJECTED) {
			note_success(u, loop_now_ms(u->loop) - call->sent_ms);
			if (u->latency != NULL)
				latency_record_since(u->latency, call->sent_ns, clock_mono_ns());
		} else if (err != ERR_CANCELLED)
			note_failure(u, &answer, probe);
		call_end(call, &answer);
	}
	json_hand_over(); /* where the answer is freed is not said */
	queue_pump(u);
}

/* ---- calls ---- */

static struct call *call_make(struct upstream *u, const char *method, struct json *params)
{
	struct call *call = call_alloc(u->pool);
	if (call == NULL) {
		json_free(params);
		return NULL;
	}
	call->upstream = u;
	call->id = ++u->next_id;
	struct json *request = json_object();
	/* Bitcoin Core reads none as 1.0; btcd answers nothing then */
	json_set_string(request, "jsonrpc", u->version_2 ? "2.0" : "1.0");
	json_set_u64(request, "id", call->id);
	json_set_string(request, "method", method);
	json_set(request, "params", params == NULL ? json_array() : params);
	call->body = json_dump(request, 0, &call->body_len);
	json_free(request);
	return call;
}

enum err upstream_call_limited(struct upstream *u, const char *method, struct json *params,
	const struct upstream_limits *limits, rpc_cb cb, void *ctx)
{
	const uint64_t now = loop_now_ms(u->loop);
	const bool probe = breaker_open(u);
	const bool room = may_send(u) && u->queue.first == NULL;
	enum err err = OK;
	if (u->closing || (probe && (u->probing || now < u->closed_until_ms)))
		err = ERR_UNAVAILABLE;
	else if (!room && u->queue.count >= u->queue_max)
		err = ERR_FULL;
	if (err != OK) {
		json_free(params);
		return err;
	}
	struct call *call = call_make(u, method, params);
	if (call == NULL)
		return ERR_FULL;
	call->since_ms = now;
	call->deadline_ms = now + (limits->timeout_ms == 0 ? u->timeout_ms : limits->timeout_ms);
	call->answer_max = limits->answer_max;
	call->probe = probe;
	call->cb = cb;
	call->ctx = ctx;
	/* a probe goes ahead of those in flight: they were sent before the breaker opened */
	if (room || probe) {
		err = call_send(u, call);
		if (err != OK) {
			call_free(call);
			return err == ERR_FORMAT ? ERR_UNAVAILABLE : err;
		}
		u->probing = u->probing || probe;
	} else {
		list_append(&u->queue, call);
		if (u->queue.count == 1)
			queue_arm(u);
	}
	u->health.calls++;
	return OK;
}

enum err upstream_call(
	struct upstream *u, const char *method, struct json *params, rpc_cb cb, void *ctx)
{
	return upstream_call_limited(u, method, params, &(struct upstream_limits){0}, cb, ctx);
}

void upstream_health(const struct upstream *u, struct upstream_health *out)
{
	*out = u->health;
	out->in_flight = u->in_flight.count;
	out->queued = u->queue.count;
	out->window = u->window;
}

void upstream_pool(const struct upstream *u, struct slab_stats *out)
{
	struct slab_stats all[SLAB_CLASS_COUNT];
	slab_stats(u->pool->slab, all);
	*out = all[slab_class_of(sizeof(struct call))];
}

/* ---- life ---- */

enum err upstream_create(struct upstream **out, struct http_client *client, struct loop *loop,
	const struct upstream_config *config)
{
	struct upstream *u = calloc(1, sizeof *u);
	if (u == NULL)
		return ERR_FULL;
	u->client = client;
	u->loop = loop;
	u->timeout_ms = config->timeout_ms == 0 ? TIMEOUT_DEFAULT_MS : config->timeout_ms;
	u->in_flight_max = config->in_flight_max == 0 ? UPSTREAM_IN_FLIGHT_DEFAULT
						      : config->in_flight_max;
	u->window = u->in_flight_max;
	u->queue_max = config->queue_max == 0 ? QUEUE_MAX_DEFAULT : config->queue_max;
	u->version_2 = config->version_2;
	u->cpu_ns = config->cpu_ns;
	u->latency = config->latency;
	u->task = cpu_task_kind("node_answer");
	u->name = strdup(config->name == NULL ? "" : config->name);
	enum err err = u->name == NULL ? ERR_FULL : upstream_auth_init(&u->auth, &u->url, config);
	if (err == OK) /* and one that probes */
		err = pool_create(&u->pool, (size_t)u->in_flight_max + u->queue_max + 1);
	if (err == OK) {
		/* refuse now what every call would be refused for */
		const struct http_request probe = {.method = "POST",
			.url = u->url,
			.authorization = upstream_auth_header(&u->auth)};
		err = http_request_check(&probe);
	}
	if (err != OK) {
		upstream_destroy(u);
		return err;
	}
	*out = u;
	return OK;
}

void upstream_destroy(struct upstream *u)
{
	if (u == NULL)
		return;
	CHECK(!u->in_callback);
	u->closing = true;
	loop_timer_cancel(u->loop, &u->queue_timer);
	loop_timer_cancel(u->loop, &u->pause);
	end_all(&u->queue, ERR_CANCELLED, "closing");
	/* the client still holds these: what comes back, if only that it was cancelled, finds
	 * nobody */
	while (u->in_flight.first != NULL) {
		struct call *call = u->in_flight.first;
		list_remove(&u->in_flight, call);
		u->in_callback = true;
		call->cb(call->ctx,
			&(struct rpc_answer){.err = ERR_CANCELLED, .message = "closing"});
		u->in_callback = false;
		call->upstream = NULL;
		http_client_cancel(u->client, call->http);
	}
	if (u->pool != NULL) {
		u->pool->orphaned = true;
		pool_release(u->pool);
	}
	upstream_auth_fini(&u->auth);
	free(u->name);
	free(u->url);
	free(u);
}
