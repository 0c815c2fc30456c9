#include "sim/node.h"

#include <stdlib.h>

#include "base/hex.h"
#include "sim/index.h"

#define RPC_INVALID_REQUEST (-32600)
#define RPC_BAD_PARAMS (-32602)
#define RPC_INTERNAL_ERROR (-32603)

struct pending {
	struct sim_node *node;
	struct pending *prev, *next;
	struct loop_timer timer;
	sim_node_cb cb;
	void *ctx;
	struct json *request; /* owns */
	enum fault_kind fault;
	int64_t fault_code;
	uint64_t back_ms; /* what the answer's way takes */
	unsigned status;
	struct text body;
};

struct sim_node {
	struct loop *loop;
	struct sim_network *network; /* owns */
	struct sim_random random;
	uint64_t latency_low_ms, latency_high_ms, block_ms, wall_ms;
	char *authorization; /* owns; NULL: anything */
	void (*changed)(void *ctx);
	void *changed_ctx;
	struct loop_timer block_timer;
	struct faults faults;
	struct pending *first;
	struct sim_node_stats stats;
};

static uint64_t wall_ms(const struct sim_node *node)
{
	return node->wall_ms == 0 ? loop_wall_ms(node->loop)
				  : node->wall_ms + loop_now_ms(node->loop);
}

static void tell_change(struct sim_node *node)
{
	if (node->changed != NULL)
		node->changed(node->changed_ctx);
}

/* ---- blocks by the clock ---- */

static void auto_mine(struct sim_node *node);

static void on_block(void *ctx)
{
	struct sim_node *node = ctx;
	node->block_timer.id = 0;
	node->network->ops->mine(node->network, wall_ms(node), 1);
	tell_change(node);
	auto_mine(node);
}

static void auto_mine(struct sim_node *node)
{
	loop_timer_cancel(node->loop, &node->block_timer);
	node->block_timer.id = 0;
	/* a node without timers left mines no more; its calls fail in the same way */
	if (node->block_ms != 0)
		(void)!loop_timer_set(
			node->loop, &node->block_timer, node->block_ms, on_block, node);
}

/* ---- the node's own methods ---- */

static void own_latency(
	struct sim_node *node, struct sim_reply *reply, const struct sim_params *params)
{
	uint64_t low, high;
	if (json_get_u64(params->by_position, "0", &low) != OK ||
		json_get_u64(params->by_position, "1", &high) != OK || low > high ||
		high > SIM_LATENCY_MAX_MS) {
		sim_reply_error(
			reply, RPC_BAD_PARAMS, "low and high, at most %u ms", SIM_LATENCY_MAX_MS);
		return;
	}
	node->latency_low_ms = low;
	node->latency_high_ms = high;
	js_null(&reply->result);
}

static void own_fault(
	struct sim_node *node, struct sim_reply *reply, const struct sim_params *params)
{
	const char *method = json_get_string(params->by_position, "0");
	enum fault_kind kind;
	uint64_t count = 1;
	int64_t code = RPC_INTERNAL_ERROR;
	(void)!json_get_u64(params->by_position, "2", &count);
	(void)!json_get_i64(params->by_position, "3", &code);
	if (method == NULL || fault_parse(&kind, json_string(sim_param(params, 1))) != OK ||
		code == 0 || faults_add(&node->faults, slice_str(method), kind, count, code) != OK)
		sim_reply_error(reply, RPC_BAD_PARAMS, "method or *, kind, count, code");
	else
		js_null(&reply->result);
}

static void own_fault_clear(
	struct sim_node *node, struct sim_reply *reply, const struct sim_params *params)
{
	(void)params;
	node->faults.rule_count = 0;
	js_u64(&reply->result, node->faults.hits);
}

static void own_auto_mine(
	struct sim_node *node, struct sim_reply *reply, const struct sim_params *params)
{
	uint64_t ms;
	if (json_get_u64(params->by_position, "0", &ms) != OK) {
		sim_reply_error(reply, RPC_BAD_PARAMS, "milliseconds between blocks, 0 for none");
		return;
	}
	node->block_ms = ms;
	auto_mine(node);
	js_null(&reply->result);
}

static void own_state_hash(
	struct sim_node *node, struct sim_reply *reply, const struct sim_params *params)
{
	struct hash256 hash;
	(void)params;
	node->network->ops->state_hash(node->network, &hash);
	js_hex(&reply->result, "", hash.b, sizeof hash.b);
}

static void own_syncing(
	struct sim_node *node, struct sim_reply *reply, const struct sim_params *params)
{
	bool on = true;
	(void)!json_get_bool(params->by_position, "0", &on);
	node->network->syncing = on;
	js_null(&reply->result);
}

static const struct {
	const char *name;
	void (*run)(
		struct sim_node *node, struct sim_reply *reply, const struct sim_params *params);
} own[] = {
	{"sim_latency", own_latency},
	{"sim_fault", own_fault},
	{"sim_fault_clear", own_fault_clear},
	{"sim_auto_mine", own_auto_mine},
	{"sim_syncing", own_syncing},
	{"sim_state_hash", own_state_hash},
};

static void dispatch(struct sim_node *node, struct sim_reply *reply, const char *method,
	const struct json *params)
{
	struct sim_params by_position;
	node->stats.calls++;
	if (sim_params_init(&by_position, params) != OK) {
		sim_reply_error(reply, RPC_BAD_PARAMS, "params must be an array of at most %u",
			SIM_PARAMS_MAX);
		return;
	}
	size_t i = 0;
	while (i < ARRAY_LEN(own) && strcmp(own[i].name, method) != 0)
		i++;
	if (i < ARRAY_LEN(own))
		own[i].run(node, reply, &by_position);
	else
		node->network->ops->rpc(node->network, reply, wall_ms(node), method, &by_position);
	sim_params_fini(&by_position);
}

/* ---- envelopes ---- */

static bool is_version_2(const struct sim_node *node, const struct json *request)
{
	const char *version = json_get_string(request, "jsonrpc");
	return node->network->ops->version_2 || (version != NULL && strcmp(version, "2.0") == 0);
}

static void put_id(struct text *body, const struct json *request)
{
	const struct json *id = json_get(request, "id");
	js_key(body, "id");
	if (id == NULL) {
		js_null(body);
		return;
	}
	size_t len;
	char *text = json_dump(id, 0, &len);
	js_raw(body, slice_of(text, len));
	json_text_free(text);
}

static void put_error(struct text *body, const struct sim_reply *reply)
{
	js_key(body, "error");
	js_open(body, '{');
	js_key(body, "code");
	js_i64(body, reply->code);
	js_set_string(body, "message", reply->message);
	if (reply->data.len > 0) {
		js_key(body, "data");
		js_raw(body, text_slice(&reply->data));
	}
	js_close(body, '}');
}

/* As Bitcoin Core does: version 1 has both result and error, version 2 one of them. */
static void put_envelope(const struct sim_node *node, struct text *body, const struct json *request,
	const struct sim_reply *reply)
{
	const bool version_2 = is_version_2(node, request);
	js_open(body, '{');
	if (version_2)
		js_set_string(body, "jsonrpc", "2.0");
	if (reply->code == 0) {
		js_key(body, "result");
		js_raw(body, text_slice(&reply->result));
		if (!version_2)
			js_set_null(body, "error");
	} else {
		if (!version_2)
			js_set_null(body, "result");
		put_error(body, reply);
	}
	put_id(body, request);
	js_close(body, '}');
}

/* One call: the HTTP status that it has alone. */
static unsigned answer_one(struct sim_node *node, struct text *body, const struct json *request,
	const struct pending *p)
{
	struct sim_reply reply = {0};
	const char *method = json_get_string(request, "method");
	if (json_type(request) != JSON_OBJECT || method == NULL)
		sim_reply_error(&reply, RPC_INVALID_REQUEST, "Missing method");
	else if (p->fault == FAULT_ERROR)
		sim_reply_error(&reply, p->fault_code, "injected error");
	else
		dispatch(node, &reply, method, json_get(request, "params"));
	put_envelope(node, body, request, &reply);
	const unsigned status = is_version_2(node, request)
		? 200
		: node->network->ops->http_status(reply.code);
	sim_reply_fini(&reply);
	return status;
}

static void carry_out(struct pending *p)
{
	const struct json *request = p->request;
	p->body.len = 0;
	if (json_type(request) != JSON_ARRAY) {
		p->status = answer_one(p->node, &p->body, request, p);
		return;
	}
	js_open(&p->body, '[');
	for (size_t i = 0; i < json_count(request); i++) {
		struct text one = {0};
		(void)answer_one(p->node, &one, json_at(request, i), p);
		js_raw(&p->body, text_slice(&one));
		text_fini(&one);
	}
	js_close(&p->body, ']');
	p->status = 200;
}

/* ---- a call's way ---- */

static void finish(struct pending *p, const struct sim_node_answer *answer)
{
	struct sim_node *node = p->node;
	loop_timer_cancel(node->loop, &p->timer);
	if (p->prev != NULL)
		p->prev->next = p->next;
	else
		node->first = p->next;
	if (p->next != NULL)
		p->next->prev = p->prev;
	node->stats.pending--;
	p->cb(p->ctx, answer);
	json_free(p->request);
	text_fini(&p->body);
	free(p);
}

static void on_answered(void *ctx)
{
	struct pending *p = ctx;
	struct sim_node_answer answer = {.status = p->status, .content_type = "application/json"};
	p->timer.id = 0;
	fault_spoil(p->fault, &p->body, &p->node->random);
	answer.body = text_slice(&p->body);
	switch (p->fault) {
	case FAULT_HANG:
	case FAULT_TIMEOUT: answer.err = ERR_TIMEOUT; break;
	case FAULT_LOST_REPLY:
		answer.err = ERR_IO;
		answer.body = slice_of(NULL, 0);
		break;
	case FAULT_CUT: answer.err = ERR_IO; break;
	case FAULT_UNAVAILABLE: answer.err = ERR_UNAVAILABLE; break;
	case FAULT_DENIED:
		answer.status = 401;
		answer.body = slice_of(NULL, 0);
		break;
	case FAULT_HTTP500:
		answer.status = 500;
		answer.content_type = "text/html";
		break;
	case FAULT_BRACKETS: answer.status = 200; break;
	case FAULT_NONE:
	case FAULT_ERROR:
	case FAULT_HALF:
	case FAULT_GARBAGE:
	case FAULT_KIND_COUNT: break;
	}
	finish(p, &answer);
}

static void after(struct pending *p, uint64_t ms, loop_cb cb)
{
	if (ms == 0)
		cb(p);
	else if (loop_timer_set(p->node->loop, &p->timer, ms, cb, p) != OK)
		finish(p, &(struct sim_node_answer){.err = ERR_UNAVAILABLE});
}

static void on_arrived(void *ctx)
{
	struct pending *p = ctx;
	p->timer.id = 0;
	if (fault_lets_act(p->fault) || p->fault == FAULT_ERROR)
		carry_out(p);
	tell_change(p->node);
	after(p, p->back_ms, on_answered);
}

static bool is_lever(const struct json *request)
{
	const char *method = json_get_string(request, "method");
	return method != NULL && strncmp(method, "sim_", 4) == 0;
}

static void draw_latency(struct sim_node *node, uint64_t *there_ms, uint64_t *back_ms)
{
	const uint64_t latency = sim_random_between(
		&node->random, node->latency_low_ms, node->latency_high_ms);
	*there_ms = latency / 2;
	*back_ms = latency - *there_ms;
}

void sim_node_way(struct sim_node *node, const char *name, struct sim_node_way *out)
{
	int64_t code;
	*out = (struct sim_node_way){.fault = faults_take(&node->faults, name, &code)};
	draw_latency(node, &out->there_ms, &out->back_ms);
	node->stats.calls++;
	node->stats.faults += out->fault != FAULT_NONE;
}

void sim_node_spoil(struct sim_node *node, enum fault_kind fault, struct text *body)
{
	fault_spoil(fault, body, &node->random);
}

static void choose_fault(struct sim_node *node, struct pending *p)
{
	const bool batch = json_type(p->request) == JSON_ARRAY;
	const size_t count = batch ? json_count(p->request) : 1;
	for (size_t i = 0; i < count && p->fault == FAULT_NONE; i++) {
		const struct json *one = batch ? json_at(p->request, i) : p->request;
		const char *method = json_get_string(one, "method");
		if (method != NULL && !is_lever(one))
			p->fault = faults_take(&node->faults, method, &p->fault_code);
	}
	node->stats.faults += p->fault != FAULT_NONE;
}

static void answer_now(sim_node_cb cb, void *ctx, unsigned status, const char *body)
{
	cb(ctx,
		&(struct sim_node_answer){.status = status,
			.content_type = "application/json",
			.body = slice_str(body)});
}

void sim_node_request(struct sim_node *node, const char *authorization, struct slice body,
	sim_node_cb cb, void *ctx)
{
	struct json *request = NULL;
	if (node->authorization != NULL &&
		(authorization == NULL || strcmp(authorization, node->authorization) != 0)) {
		answer_now(cb, ctx, 401, "");
		return;
	}
	if (json_parse(&request, body, NULL) != OK || json_count(request) > SIM_BATCH_MAX) {
		json_free(request);
		answer_now(cb, ctx, node->network->ops->version_2 ? 200 : 500,
			node->network->ops->version_2
				? "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,"
				  "\"message\":\"Parse error\"}}"
				: "{\"result\":null,\"error\":{\"code\":-32700,"
				  "\"message\":\"Parse error\"},\"id\":null}");
		return;
	}
	if (node->stats.pending >= SIM_PENDING_MAX) {
		json_free(request);
		cb(ctx, &(struct sim_node_answer){.err = ERR_UNAVAILABLE});
		return;
	}
	struct pending *p = sim_alloc(sizeof *p);
	*p = (struct pending){
		.node = node, .cb = cb, .ctx = ctx, .request = request, .next = node->first};
	if (p->next != NULL)
		p->next->prev = p;
	node->first = p;
	if (++node->stats.pending > node->stats.pending_most)
		node->stats.pending_most = node->stats.pending;
	uint64_t there_ms = 0;
	if (!is_lever(request)) {
		draw_latency(node, &there_ms, &p->back_ms);
		choose_fault(node, p);
	}
	after(p, there_ms, on_arrived);
}

/* ---- begin and end ---- */

enum err sim_node_create(struct sim_node **out, struct loop *loop, struct sim_network *network,
	const struct sim_node_config *config)
{
	if (config->latency_low_ms > config->latency_high_ms ||
		config->latency_high_ms > SIM_LATENCY_MAX_MS)
		return ERR_RANGE;
	struct sim_node *node = sim_alloc(sizeof *node);
	*node = (struct sim_node){.loop = loop,
		.network = network,
		.random = {config->seed},
		.latency_low_ms = config->latency_low_ms,
		.latency_high_ms = config->latency_high_ms,
		.block_ms = config->block_ms,
		.wall_ms = config->wall_ms,
		.changed = config->changed,
		.changed_ctx = config->changed_ctx};
	if (config->authorization != NULL)
		node->authorization = sim_copy(
			config->authorization, strlen(config->authorization) + 1);
	auto_mine(node);
	*out = node;
	return OK;
}

void sim_node_cancel(struct sim_node *node, sim_node_cb cb)
{
	struct pending *next;
	for (struct pending *p = node->first; p != NULL; p = next) {
		next = p->next;
		if (p->cb == cb)
			finish(p, &(struct sim_node_answer){.err = ERR_IO});
	}
}

void sim_node_destroy(struct sim_node *node)
{
	if (node == NULL)
		return;
	while (node->first != NULL)
		finish(node->first, &(struct sim_node_answer){.err = ERR_IO});
	loop_timer_cancel(node->loop, &node->block_timer);
	node->network->ops->destroy(node->network);
	free(node->authorization);
	free(node);
}

struct sim_network *sim_node_network(struct sim_node *node)
{
	return node->network;
}

void sim_node_stats(const struct sim_node *node, struct sim_node_stats *out)
{
	*out = node->stats;
}
