#include "rig.h"
#include <stdio.h>
#include <stdlib.h>
#include "base/hex.h"

#define DEADLINE_MS 60000u
#define POLL_MS 40u

/* ---- waiting ---- */

void rig_run(struct rig *rig, uint64_t ms)
{
	const uint64_t end = loop_now_ms(rig->loop) + ms;
	while (loop_now_ms(rig->loop) < end)
		(void)loop_step(rig->loop, end - loop_now_ms(rig->loop));
}

void rig_until(struct rig *rig, const char *what, rig_cond cond, const void *arg)
{
	const uint64_t end = loop_now_ms(rig->loop) + DEADLINE_MS;
	while (!cond(rig, arg)) {
		if (loop_now_ms(rig->loop) > end) {
			struct layer_info info = {0};
			if (rig->layer != NULL)
				layer_info(rig->layer, &info);
			(void)fprintf(stderr, "waited in vain: %s (%s %s)\n", what,
				err_name(info.err), info.detail);
		}
		CHECK(loop_now_ms(rig->loop) <= end);
		(void)loop_step(rig->loop, POLL_MS);
	}
}

static bool is_true(struct rig *rig, const void *arg)
{
	(void)rig;
	return *(const bool *)arg;
}

static void until_done(struct rig *rig, const char *what, const bool *done)
{
	rig_until(rig, what, is_true, done);
}

/* ---- the simulated node ---- */

static void serve(struct rig *rig, struct http_local_request *request, const struct json *asked)
{
	struct sim_params params;
	struct sim_reply reply = {0};
	struct text out = {0};
	uint64_t id = 0;

	CHECK(json_get_u64(asked, "id", &id) == OK);
	CHECK(sim_params_init(&params, json_get(asked, "params")) == OK);
	rig->sim->ops->rpc(rig->sim, &reply, loop_wall_ms(rig->loop),
		json_get_string(asked, "method"), &params);
	js_open(&out, '{');
	js_set_u64(&out, "id", id);
	js_key(&out, "result");
	if (reply.code == 0)
		js_raw(&out, text_slice(&reply.result));
	else
		js_null(&out);
	js_key(&out, "error");
	if (reply.code == 0) {
		js_null(&out);
	} else {
		js_open(&out, '{');
		js_key(&out, "code");
		js_i64(&out, reply.code);
		js_set_string(&out, "message", reply.message);
		js_close(&out, '}');
	}
	js_close(&out, '}');
	http_local_answer(request, OK,
		reply.code == 0 ? 200 : rig->sim->ops->http_status(reply.code), text_slice(&out));
	text_fini(&out);
	sim_reply_fini(&reply);
	sim_params_fini(&params);
}

static void on_request(void *ctx, struct http_local_request *request)
{
	struct json *asked;
	CHECK(json_parse(&asked, http_local_body(request), NULL) == OK);
	serve(ctx, request, asked);
	json_free(asked);
}

/* ---- the log ---- */

static enum err on_block(void *ctx, enum layer_id layer, const struct block_ref *block,
	const struct chain_event *event, size_t event_count)
{
	struct rig *rig = ctx;
	CHECK(layer == rig->levers->layer);
	if (rig->block_answer != OK)
		return rig->block_answer;
	CHECK(rig->block_count < RIG_BLOCKS_MAX);
	if (rig->block_count > 0) {
		CHECK(hash256_eq(&block->parent, &rig->block[rig->block_count - 1].hash));
		CHECK(block->height == rig->block[rig->block_count - 1].height + 1);
	}
	rig->block[rig->block_count++] = *block;
	for (size_t i = 0; i < event_count; i++) {
		CHECK(rig->event_count < RIG_EVENTS_MAX);
		rig->event[rig->event_count++] = (struct rig_event){
			.event = event[i], .height = block->height};
	}
	return OK;
}

static enum err on_reorg(void *ctx, enum layer_id layer, const struct block_ref *keep)
{
	struct rig *rig = ctx;
	(void)layer;
	rig->reorg_count++;
	rig->keep = *keep;
	while (rig->block_count > 0 && rig->block[rig->block_count - 1].height > keep->height)
		rig->block_count--;
	CHECK(rig->block_count == 0 ||
		hash256_eq(&rig->block[rig->block_count - 1].hash, &keep->hash));
	for (uint32_t i = 0; i < rig->event_count; i++)
		rig->event[i].gone |= rig->event[i].height > keep->height;
	return OK;
}

static void on_mempool(void *ctx, enum layer_id layer, const struct chain_event *event)
{
	struct rig *rig = ctx;
	(void)layer;
	CHECK(rig->mempool_count < RIG_EVENTS_MAX);
	rig->mempool[rig->mempool_count++] = *event;
}

static void on_fee_rate(void *ctx, enum layer_id layer, uint64_t rate)
{
	struct rig *rig = ctx;
	(void)layer;
	rig->rate = rate;
}

static void on_first_layer(void *ctx, enum layer_id layer, const struct layer_first_layer *seen)
{
	struct rig *rig = ctx;
	(void)layer;
	rig->below = *seen;
}

struct layer_sink rig_sink(struct rig *rig)
{
	return (struct layer_sink){.on_block = on_block,
		.on_reorg = on_reorg,
		.on_mempool = on_mempool,
		.on_fee_rate = on_fee_rate,
		.on_first_layer = on_first_layer,
		.ctx = rig};
}

/* ---- making it ---- */

void rig_layer(struct rig *rig, const char *network)
{
	const enum layer_id id = rig->levers->layer;
	const struct layer_config config = {.id = id,
		.network = network == NULL ? rig->network : network_by_name(id, slice_str(network)),
		.loop = rig->loop,
		.upstream = rig->upstream,
		.poll_ms = POLL_MS,
		.contract = rig->contract,
		.token = rig->token};
	layer_destroy(rig->layer);
	CHECK(layer_create(&rig->layer, &config) == OK);
	rig->block_count = 0;
	rig->event_count = 0;
	rig->mempool_count = 0;
	rig->reorg_count = 0;
}

void rig_init(struct rig *rig, const struct rig_levers *levers, const char *url, const char *token)
{
	const struct loop_config loop = {
		.virtual_time = url == NULL, .start_wall_ms = 1800000000000};
	const struct upstream_config upstream = {.name = levers->name,
		.url = url == NULL ? "http://sim/" : url,
		.version_2 = layer_family(levers->layer) == FAMILY_ACCOUNT};

	*rig = (struct rig){.levers = levers,
		.network = network_by_name(levers->layer, slice_str(levers->network))};
	CHECK(loop_create(&rig->loop, &loop) == OK);
	if (url == NULL) {
		rig->sim = levers->sim(rig);
		CHECK(http_client_create_local(&rig->client, rig->loop, on_request, rig) == OK);
	} else {
		CHECK(http_client_create(&rig->client, rig->loop) == OK);
	}
	CHECK(upstream_create(&rig->upstream, rig->client, rig->loop, &upstream) == OK);
	for (uint8_t who = 0; who < WALLETS; who++) {
		struct seckey key;
		memset(key.b, who == MINER ? 3 : who == CLIENT ? 2 : 1, sizeof key.b);
		CHECK(pubkey_from_seckey(&rig->wallet[who], &key) == OK);
		CHECK(signer_local(&rig->signer[who], rig->loop, &key) == OK);
	}
	if (token != NULL)
		CHECK(hex_decode(rig->token.b, sizeof rig->token.b, slice_str(token + 2)) == OK);
	levers->prepare(rig);
}

void rig_fini(struct rig *rig)
{
	layer_destroy(rig->layer);
	for (uint8_t who = 0; who < WALLETS; who++)
		signer_destroy(rig->signer[who]);
	upstream_destroy(rig->upstream);
	http_client_destroy(rig->client);
	if (rig->sim != NULL)
		rig->sim->ops->destroy(rig->sim);
	loop_destroy(rig->loop);
	json_free(rig->result);
}

/* ---- calls and operations ---- */

struct waiting {
	struct rig *rig;
	bool done;
	void *out;
};

static void on_called(void *ctx, const struct rpc_answer *answer)
{
	struct waiting *w = ctx;
	struct rig *rig = w->rig;
	json_free(rig->result);
	rig->result = answer->err == OK ? json_clone(answer->result) : NULL;
	rig->code = answer->err == OK ? 0 : answer->err == ERR_REJECTED ? answer->code : -1;
	(void)snprintf(rig->message, sizeof rig->message, "%s", answer->message);
	w->done = true;
}

bool rig_call(struct rig *rig, const char *method, const char *fmt, ...)
{
	static char text[65536];
	struct buf b = buf_init(text, sizeof text);
	struct waiting w = {.rig = rig};
	struct json *params;
	va_list args;
	va_start(args, fmt);
	buf_vprintf(&b, fmt, args);
	va_end(args);
	CHECK(!b.overflow && json_parse(&params, buf_slice(&b), NULL) == OK);
	CHECK(upstream_call(rig->upstream, method, params, on_called, &w) == OK);
	until_done(rig, method, &w.done);
	if (rig->code != 0)
		(void)fprintf(stderr, "%s: %lld %s\n", method, (long long)rig->code, rig->message);
	return rig->code == 0;
}

#define ON_DONE(name, type)                                                                        \
	static void name(void *ctx, const type *value)                                             \
	{                                                                                          \
		struct waiting *w = ctx;                                                           \
		*(type *)w->out = *value;                                                          \
		w->done = true;                                                                    \
	}
ON_DONE(on_info, struct layer_info)
ON_DONE(on_submit, struct submit_answer)
ON_DONE(on_status, struct tx_status)
ON_DONE(on_scan, struct layer_scan)
ON_DONE(on_signed, struct signing_answer)

struct layer_info rig_check(struct rig *rig)
{
	struct layer_info info;
	struct waiting w = {.rig = rig, .out = &info};
	const enum err err = layer_check(rig->layer, on_info, &w);
	CHECK(!w.done && (err == OK || err == ERR_UNAVAILABLE));
	if (err != OK) /* not even asked: the node is known to be down */
		return (struct layer_info){.err = err};
	until_done(rig, "check", &w.done);
	return info;
}

static void on_block_at(void *ctx, enum err err, const struct block_ref *block)
{
	struct waiting *w = ctx;
	CHECK(err == OK);
	*(struct block_ref *)w->out = *block;
	w->done = true;
}

struct block_ref rig_block_at(struct rig *rig, uint64_t height)
{
	struct block_ref block;
	struct waiting w = {.rig = rig, .out = &block};
	CHECK(layer_block_at(rig->layer, height, on_block_at, &w) == OK);
	until_done(rig, "block_at", &w.done);
	return block;
}

struct submit_answer rig_submit(struct rig *rig, struct slice raw)
{
	struct submit_answer answer;
	struct waiting w = {.rig = rig, .out = &answer};
	CHECK(layer_submit(rig->layer, raw, on_submit, &w) == OK);
	CHECK(!w.done);
	until_done(rig, "submit", &w.done);
	return answer;
}

struct tx_status rig_status(struct rig *rig, const struct hash256 *txid)
{
	struct tx_status status;
	struct waiting w = {.rig = rig, .out = &status};
	const enum err err = layer_status(rig->layer, txid, on_status, &w);
	CHECK(!w.done && (err == OK || err == ERR_UNAVAILABLE));
	if (err != OK)
		return (struct tx_status){.presence = TX_UNKNOWN};
	until_done(rig, "status", &w.done);
	return status;
}

struct layer_scan rig_scan(struct rig *rig, const struct layer_lock_ref *lock, size_t count)
{
	struct layer_scan scan;
	struct waiting w = {.rig = rig, .out = &scan};
	CHECK(layer_scan(rig->layer, lock, count, on_scan, &w) == OK);
	until_done(rig, "scan", &w.done);
	return scan;
}

static void on_fee(void *ctx, enum err err, uint64_t rate, uint64_t data_fee)
{
	struct waiting *w = ctx;
	(void)data_fee;
	CHECK(err == OK);
	*(uint64_t *)w->out = rate;
	w->done = true;
}

uint64_t rig_fee(struct rig *rig)
{
	uint64_t rate;
	struct waiting w = {.rig = rig, .out = &rate};
	CHECK(layer_fee_estimate(rig->layer, 2, on_fee, &w) == OK);
	until_done(rig, "fee", &w.done);
	return rate;
}

struct id128 rig_id(struct rig *rig)
{
	return (struct id128){{++rig->id_next, 0x1d}};
}

void rig_sign(struct rig *rig, struct rig_tx *tx, enum who who, const struct layer_plan *plan)
{
	static uint8_t bytes[SIGNING_REQUEST_MAX];
	static struct signing_answer answer;
	static struct signing_request request;
	struct buf out = buf_init(bytes, sizeof bytes), raw = buf_init(tx->raw, sizeof tx->raw);
	struct waiting w = {.rig = rig, .out = &answer};

	CHECK(layer_build(&out, &tx->fee, rig->levers->layer, rig->network, &rig->wallet[who],
		      plan) == OK);
	CHECK(signer_sign(rig->signer[who], buf_slice(&out), 10000, on_signed, &w) == OK);
	until_done(rig, "signature", &w.done);
	if (answer.err != OK)
		(void)fprintf(stderr, "signer: %s\n", answer.detail);
	CHECK(answer.err == OK);
	CHECK(signing_request_parse(&request, buf_slice(&out)) == OK);
	CHECK(signing_assemble(&raw, &tx->txid, &request, &answer, &rig->wallet[who]) == OK);
	tx->len = raw.len;
}

/* ---- events ---- */

struct wanted {
	enum chain_event_kind kind;
	const struct hash256 *tx;
	const struct chain_event *found;
};

static const struct chain_event *find(
	const struct rig *rig, enum chain_event_kind kind, const struct hash256 *tx)
{
	for (uint32_t i = 0; i < rig->event_count; i++) {
		const struct rig_event *e = &rig->event[i];
		if (!e->gone && e->event.kind == kind && hash256_eq(&e->event.tx, tx))
			return &e->event;
	}
	return NULL;
}

bool rig_has_event(const struct rig *rig, enum chain_event_kind kind, const struct hash256 *tx)
{
	return find(rig, kind, tx) != NULL;
}

static bool has_event(struct rig *rig, const void *arg)
{
	const struct wanted *wanted = arg;
	return find(rig, wanted->kind, wanted->tx) != NULL;
}

struct chain_event rig_event(struct rig *rig, enum chain_event_kind kind, const struct hash256 *tx)
{
	const struct wanted wanted = {.kind = kind, .tx = tx};
	char what[32];
	(void)snprintf(what, sizeof what, "event %d", (int)kind);
	rig_until(rig, what, has_event, &wanted);
	const struct chain_event *found = find(rig, kind, tx);
	CHECK(found != NULL);
	return *found;
}

static const struct chain_event *find_mempool(
	const struct rig *rig, enum chain_event_kind kind, const struct hash256 *tx)
{
	for (uint32_t i = 0; i < rig->mempool_count; i++) {
		if (rig->mempool[i].kind == kind && hash256_eq(&rig->mempool[i].tx, tx))
			return &rig->mempool[i];
	}
	return NULL;
}

static bool has_mempool(struct rig *rig, const void *arg)
{
	const struct wanted *wanted = arg;
	return find_mempool(rig, wanted->kind, wanted->tx) != NULL;
}

struct chain_event rig_mempool(
	struct rig *rig, enum chain_event_kind kind, const struct hash256 *tx)
{
	const struct wanted wanted = {.kind = kind, .tx = tx};
	rig_until(rig, "event in the mempool", has_mempool, &wanted);
	const struct chain_event *found = find_mempool(rig, kind, tx);
	CHECK(found != NULL);
	return *found;
}

static bool at_height(struct rig *rig, const void *arg)
{
	return rig->block_count > 0 &&
		rig->block[rig->block_count - 1].height >= *(const uint64_t *)arg;
}

void rig_mine(struct rig *rig, uint32_t count)
{
	CHECK(rig->block_count > 0);
	const uint64_t height = rig->block[rig->block_count - 1].height + count;
	rig->levers->mine(rig, count);
	rig_until(rig, "blocks", at_height, &height);
}
