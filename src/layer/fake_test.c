#include "layer/fake_test.h"
#include "layer/follow.h"
#include "rt/executor.h"
#include <stdio.h>

static void answer(struct fake *f, struct http_local_request *request, const struct json *asked)
{
	struct fake_reply reply = {0};
	struct json *out = json_object();
	const char *method = json_get_string(asked, "method");
	uint64_t id = 0;

	CHECK(method != NULL && json_get_u64(asked, "id", &id) == OK);
	f->calls++;
	const bool lying = f->lie_method != NULL && strcmp(f->lie_method, method) == 0;
	if (lying && f->lie_error)
		reply = (struct fake_reply){.code = -32603, .message = "it hurts"};
	else
		f->node(f->node_ctx, &reply, method, json_get(asked, "params"));
	if (reply.silent) {
		json_free(out);
		http_local_drop(request);
		return;
	}
	if (lying && !f->lie_error && reply.code == 0)
		reply.result = f->lie(f->node_ctx, reply.result);
	json_set_u64(out, "id", id);
	if (reply.code != 0) {
		struct json *error;
		/* codes are negative, and the maker of numbers takes none */
		char text[64];
		const int n = snprintf(text, sizeof text, "{\"code\":%lld}", (long long)reply.code);
		CHECK(json_parse(&error, slice_of(text, (size_t)n), NULL) == OK);
		json_set_string(error, "message", reply.message);
		json_set(out, "error", error);
		json_set(out, "result", json_new_null());
	} else {
		json_set(out, "result", reply.result == NULL ? json_new_null() : reply.result);
		json_set(out, "error", json_new_null());
	}
	size_t len;
	char *text = json_dump(out, 0, &len);
	http_local_answer(request, OK, 200, slice_of(text, len));
	json_text_free(text);
	json_free(out);
}

static void on_request(void *ctx, struct http_local_request *request)
{
	struct json *asked;
	CHECK(json_parse(&asked, http_local_body(request), NULL) == OK);
	answer(ctx, request, asked);
	json_free(asked);
}

static enum err on_block(void *ctx, enum layer_id layer, const struct block_ref *block,
	const struct chain_event *event, size_t event_count)
{
	struct fake *f = ctx;
	(void)layer;
	if (f->block_answer != OK) {
		f->refused_count++;
		return f->block_answer;
	}
	CHECK(f->block_count < FAKE_BLOCKS_MAX && f->event_count + event_count <= FAKE_EVENTS_MAX);
	/* the contract's first promise: every block's parent was reported before it */
	if (f->block_count > 0) {
		CHECK(hash256_eq(&block->parent, &f->block[f->block_count - 1].hash));
		CHECK(block->height == f->block[f->block_count - 1].height + 1);
	}
	f->block[f->block_count++] = *block;
	for (size_t i = 0; i < event_count; i++)
		f->event[f->event_count++] = event[i];
	return OK;
}

static enum err on_reorg(void *ctx, enum layer_id layer, const struct block_ref *keep)
{
	struct fake *f = ctx;
	(void)layer;
	f->reorg_count++;
	f->keep = *keep;
	while (f->block_count > 0 && f->block[f->block_count - 1].height > keep->height)
		f->block_count--;
	return OK;
}

static void on_mempool(void *ctx, enum layer_id layer, const struct chain_event *event)
{
	struct fake *f = ctx;
	(void)layer;
	CHECK(f->mempool_count < FAKE_EVENTS_MAX);
	f->mempool[f->mempool_count++] = *event;
}

static void on_first_layer(void *ctx, enum layer_id layer, const struct layer_first_layer *seen)
{
	struct fake *f = ctx;
	(void)layer;
	f->below = *seen;
	f->below_count++;
}

static void on_fee_rate(void *ctx, enum layer_id layer, uint64_t rate)
{
	struct fake *f = ctx;
	(void)layer;
	f->rate = rate;
	f->rate_count++;
}

static void open_layer(struct fake *f, struct layer_config config)
{
	const struct upstream_config upstream = {.name = "fake", .url = "http://fake/"};
	CHECK(http_client_create_local(&f->client, f->loop, on_request, f) == OK);
	CHECK(upstream_create(&f->upstream, f->client, f->loop, &upstream) == OK);
	config.loop = f->loop;
	config.upstream = f->upstream;
	config.offload = f->offload;
	CHECK(layer_create(&f->layer, &config) == OK);
}

void fake_init(struct fake *f, struct layer_config config, fake_node node, void *node_ctx)
{
	const struct loop_config loop = {.virtual_time = true};
	*f = (struct fake){.node = node, .node_ctx = node_ctx};
	CHECK(loop_create(&f->loop, &loop) == OK);
	open_layer(f, config);
}

void fake_init_threads(struct fake *f, struct layer_config config, fake_node node, void *node_ctx)
{
	const struct loop_config loop = {0};
	struct executor_config workers = executor_config_default();
	workers.worker_count = 2;
	workers.pin_threads = false;
	*f = (struct fake){.node = node, .node_ctx = node_ctx};
	CHECK(loop_create(&f->loop, &loop) == OK);
	CHECK(executor_create(&f->executor, &workers) == OK);
	const struct offload_config offload = {
		.loop = f->loop, .executor = f->executor, .jobs_max = 2 * FOLLOW_WINDOW};
	CHECK(offload_create(&f->offload, &offload) == OK);
	open_layer(f, config);
}

void fake_fini(struct fake *f)
{
	layer_destroy(f->layer);
	upstream_destroy(f->upstream);
	http_client_destroy(f->client);
	offload_destroy(f->offload);
	executor_destroy(f->executor);
	loop_destroy(f->loop);
}

struct layer_sink fake_sink(struct fake *f)
{
	return (struct layer_sink){.on_block = on_block,
		.on_reorg = on_reorg,
		.on_mempool = on_mempool,
		.on_fee_rate = on_fee_rate,
		.on_first_layer = on_first_layer,
		.ctx = f};
}

void fake_start(struct fake *f, const struct block_ref *cursor, size_t cursor_count)
{
	const struct layer_sink sink = fake_sink(f);
	CHECK(layer_start(f->layer, cursor, cursor_count, &sink) == OK);
}

void fake_run(struct fake *f, uint64_t ms)
{
	const uint64_t end = loop_now_ms(f->loop) + ms;
	while (loop_now_ms(f->loop) < end) {
		if (loop_step(f->loop, end - loop_now_ms(f->loop)) == 0)
			break;
	}
}

uint32_t fake_event_count(const struct fake *f, enum chain_event_kind kind)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < f->event_count; i++)
		count += f->event[i].kind == kind ? 1u : 0u;
	return count;
}

const struct chain_event *fake_event(const struct fake *f, enum chain_event_kind kind)
{
	const struct chain_event *found = NULL;
	for (uint32_t i = 0; i < f->event_count; i++) {
		if (f->event[i].kind != kind)
			continue;
		CHECK(found == NULL);
		found = &f->event[i];
	}
	CHECK(found != NULL);
	return found;
}

struct layer_info fake_info(const struct fake *f)
{
	struct layer_info info;
	layer_info(f->layer, &info);
	return info;
}
