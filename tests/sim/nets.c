#include "nets.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
#include "sim/evm_chain.h"
#include "world.h"

static uint64_t now_of(const struct nets *n)
{
	return loop_now_ms(n->w->loop);
}

/* ---- blocks ---- */

static void arm(struct nets *n, enum layer_id layer);

void nets_mine(struct nets *n, enum layer_id layer, uint32_t count)
{
	struct sim_network *network = sim_node_network(n->node[layer]);
	network->ops->mine(network, WORLD_START_MS + now_of(n), count);
	world_block(n->w, layer);
}

static void on_block(struct nets *n, enum layer_id layer)
{
	n->block_timer[layer].id = 0;
	nets_mine(n, layer, 1);
	arm(n, layer);
}

static void on_bitcoin_block(void *ctx)
{
	on_block(ctx, LAYER_BITCOIN);
}

static void on_other_block(void *ctx)
{
	struct nets *n = ctx;
	on_block(n, nets_other(n));
}

static void arm(struct nets *n, enum layer_id layer)
{
	const loop_cb run = layer == LAYER_BITCOIN ? on_bitcoin_block : on_other_block;
	const uint64_t wait = draw_wait(&n->blocks[layer], n->block_ms[layer]);
	CHECK(loop_timer_set(n->w->loop, &n->block_timer[layer], wait, run, n) == OK);
}

void nets_start(struct nets *n)
{
	for (unsigned i = 0; i < NETS_CHAINS; i++) {
		/* a reorganisation doesn't take off what the faucet pays with */
		nets_mine(n, n->place[i], PLAN_REORG_DEPTH_MAX);
		arm(n, n->place[i]);
	}
}

/* ---- transport ---- */

/* A question that a node has. */
struct visit {
	struct nets *nets;
	nets_answer_cb cb;
	void *ctx;
	enum layer_id layer;
	enum lie lie;
	bool stalled; /* the answer is lost on its way */
	void *asked;  /* owned; of the provider, where a scenario may answer; or NULL */
	size_t asked_len;
};

static void on_answer(void *ctx, const struct sim_node_answer *a)
{
	static uint8_t storage[1u << 16];
	struct buf other = buf_init(storage, sizeof storage);
	struct visit *v = ctx;
	struct world *w = v->nets->w;
	const bool lies = v->asked != NULL && a->err == OK &&
		w->plan.hazard->answered(
			w, v->layer, slice_of(v->asked, v->asked_len), a->body, &other);
	struct slice body = lies ? buf_slice(&other) : a->body;
	char *changed = NULL;
	if (v->lie != LIE_NONE && a->err == OK && a->status == 200 && body.len > 0) {
		changed = sim_alloc(body.len + 1);
		memcpy(changed, body.ptr, body.len);
		lies_tell(v->nets, v->lie, v->layer, changed);
		body = slice_of(changed, body.len);
	}
	v->cb(v->ctx, v->stalled ? ERR_TIMEOUT : a->err, a->status, body);
	free(changed);
	free(v->asked);
	free(v);
}

static void on_second(void *ctx, const struct sim_node_answer *a)
{
	(void)ctx, (void)a;
}

bool nets_is_up(const struct nets *n, enum actor who, enum layer_id layer)
{
	return now_of(n) >= n->wire[who][layer].down_until_ms;
}

void nets_ask(struct nets *n, enum actor who, enum layer_id layer, struct slice body,
	nets_answer_cb cb, void *ctx)
{
	struct wire *wire = &n->wire[who][layer];
	n->requests++;
	if (!nets_is_up(n, who, layer)) {
		cb(ctx, ERR_UNAVAILABLE, 0, slice_of(NULL, 0));
		return;
	}
	if (wire->twice > 0) {
		wire->twice--;
		sim_node_request(n->node[layer], NULL, body, on_second, NULL);
	}
	struct visit *v = sim_alloc(sizeof *v);
	const bool lies = who == ACTOR_PROVIDER;
	*v = (struct visit){.nets = n,
		.cb = cb,
		.ctx = ctx,
		.layer = layer,
		.lie = lies ? lies_take(n, layer, body) : LIE_NONE,
		.stalled = now_of(n) < wire->stalled_until_ms};
	const struct hazard *h = n->w->plan.hazard;
	if (who == ACTOR_PROVIDER && h != NULL && h->answered != NULL) {
		v->asked = sim_copy(body.ptr, body.len);
		v->asked_len = body.len;
	}
	struct sim_node *node = lies && now_of(n) < n->lies[layer].imposter_until_ms
		? n->lies[layer].imposter
		: n->node[layer];
	sim_node_request(node, NULL, body, on_answer, v);
}

/* One that came through the in-process client. */
struct guest {
	struct http_local_request *request;
	bool *answered;
};

static void on_served(void *ctx, enum err err, unsigned status, struct slice body)
{
	struct guest *g = ctx;
	if (err == ERR_TIMEOUT)
		http_local_drop(g->request);
	else
		http_local_answer(g->request, err, status, body);
	if (g->answered != NULL)
		*g->answered = true;
	free(g);
}

void nets_serve(struct nets *n, enum actor who, struct http_local_request *request, bool *answered)
{
	static const char bitcoin[] = "http://bitcoin", lightning[] = "http://lightning";
	const bool btc = strncmp(http_local_url(request), bitcoin, sizeof bitcoin - 1) == 0;
	if (strncmp(http_local_url(request), lightning, sizeof lightning - 1) == 0) {
		n->requests++;
		lnds_serve(n, who, request);
		return;
	}
	struct guest *g = sim_alloc(sizeof *g);
	*g = (struct guest){.request = request, .answered = answered};
	nets_ask(n, who, btc ? LAYER_BITCOIN : nets_other(n), http_local_body(request), on_served,
		g);
}

/* ---- levers ---- */

PRINTF_LIKE(4, 0)
static const struct json *call(
	struct nets *n, enum layer_id layer, const char *method, const char *fmt, va_list args)
{
	char *text = NULL;
	CHECK(vasprintf(&text, fmt, args) >= 0);
	n->lever[layer].now_ms = WORLD_START_MS + now_of(n);
	const struct json *v = peer_call(&n->lever[layer], method, "%s", text);
	free(text);
	return v;
}

const struct json *nets_lever(
	struct nets *n, enum layer_id layer, const char *method, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	const struct json *v = call(n, layer, method, fmt, args);
	va_end(args);
	ACCEPTED(&n->lever[layer]);
	return v;
}

void nets_try(struct nets *n, enum layer_id layer, const char *method, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	(void)call(n, layer, method, fmt, args);
	va_end(args);
}

char *nets_raw(struct nets *n, const struct json *txid)
{
	char text[65];
	(void)snprintf(text, sizeof text, "%s", (const char *)json_string(txid).ptr);
	const struct slice raw = json_string(
		nets_lever(n, LAYER_BITCOIN, "getrawtransaction", "[\"%s\"]", text));
	return sim_copy(raw.ptr, raw.len + 1);
}

static void on_lever(void *ctx, const struct sim_node_answer *a)
{
	CHECK(a->err == OK && a->status == 200);
	*(bool *)ctx = true;
}

PRINTF_LIKE(3, 0)
static void node_lever(struct sim_node *node, const char *method, const char *fmt, va_list args)
{
	char params[512], text[1024];
	bool done = false;
	CHECK(vsnprintf(params, sizeof params, fmt, args) < (int)sizeof params);
	(void)snprintf(
		text, sizeof text, "{\"id\":1,\"method\":\"%s\",\"params\":%s}", method, params);
	sim_node_request(node, NULL, slice_str(text), on_lever, &done);
	CHECK(done);
}

void nets_node_lever(struct nets *n, enum layer_id layer, const char *method, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	node_lever(n->node[layer], method, fmt, args);
	va_end(args);
}

void nets_door_lever(struct sim_node *node, const char *method, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	node_lever(node, method, fmt, args);
	va_end(args);
}

uint64_t nets_height(const struct nets *n, enum layer_id layer)
{
	const struct sim_network *network = sim_node_network(n->node[layer]);
	return network->ops->height(network);
}

void nets_tip(struct hash256 *out, struct nets *n, enum layer_id layer)
{
	if (layer == LAYER_LIGHTNING) {
		lnds_tip(out, n);
		return;
	}
	const struct json *v = layer == LAYER_BITCOIN
		? nets_lever(n, layer, "getbestblockhash", "[]")
		: nets_lever(n, layer, "eth_getBlockByNumber", "[\"latest\", false]");
	if (layer == LAYER_BITCOIN) { /* written backwards */
		struct hash256 h;
		CHECK(hex_decode(h.b, sizeof h.b, json_string(v)) == OK);
		for (size_t i = 0; i < sizeof h.b; i++)
			out->b[i] = h.b[sizeof h.b - 1 - i];
	} else {
		const struct slice text = json_string(json_get(v, "hash"));
		CHECK(hex_decode(out->b, sizeof out->b, slice_of(text.ptr + 2, text.len - 2)) ==
			OK);
	}
}

static const char *hex_of(const struct evm_address *a)
{
	static char hex[2 * sizeof a->b + 1];
	hex_encode(hex, a->b, sizeof a->b);
	return hex;
}

struct amount nets_holds(struct nets *n, enum layer_id layer, struct slice destination)
{
	char hex[2 * 64 + 1];
	CHECK(destination.len <= 64);
	hex_encode(hex, destination.ptr, destination.len);
	if (layer == LAYER_BITCOIN) {
		uint64_t sat;
		const struct json *v = nets_lever(
			n, layer, "scantxoutset", "[\"start\", [\"raw(%s)\"]]", hex);
		CHECK(json_get_decimal(v, "total_amount", 8, &sat) == OK);
		return amount_of(ASSET_BTC, sat);
	}
	if (layer_gas_apart(layer)) {
		uint8_t word[32];
		const struct json *v = nets_lever(n, layer, "eth_call",
			"[{\"to\": \"0x%s\", \"data\": \"0x70a08231%024d%s\"}, \"latest\"]",
			hex_of(&n->token), 0, hex);
		const struct slice text = json_string(v);
		CHECK(text.len == 66 && hex_decode(word, 32, slice_of(text.ptr + 2, 64)) == OK);
		return amount_of_u128(layer_asset(layer), word_u128(word_load(word)));
	}
	return nets_gas(n, layer, destination);
}

struct amount nets_gas(struct nets *n, enum layer_id layer, struct slice account)
{
	char hex[2 * sizeof(struct evm_address) + 1];
	u128 wei = 0;
	CHECK(account.len == sizeof(struct evm_address));
	hex_encode(hex, account.ptr, account.len);
	const struct json *v = nets_lever(
		n, layer, "eth_getBalance", "[\"0x%s\", \"latest\"]", hex);
	CHECK(simevm_quantity(&wei, json_string(v)) == OK);
	return amount_of_u128(layer_gas_asset(layer), wei);
}

const char *nets_fund_method(enum layer_id layer)
{
	return layer_gas_apart(layer) ? "sim_fund_token" : "sim_fund";
}

void nets_fund_gas(struct nets *n, const struct evm_address *who, const char *coins)
{
	(void)nets_lever(
		n, nets_other(n), "sim_fund_gas", "[\"0x%s\", \"%s\"]", hex_of(who), coins);
}

void nets_freeze(struct nets *n, const struct evm_address *who, bool on)
{
	(void)nets_lever(n, nets_other(n), "sim_freeze", "[\"0x%s\", %s]", hex_of(who),
		on ? "true" : "false");
}

/* ---- life ---- */

void nets_init(struct nets *n, struct world *w)
{
	struct draw seeds;
	*n = (struct nets){.w = w, .place = {LAYER_BITCOIN, w->plan.other, LAYER_LIGHTNING}};
	draw_init(&seeds, w->seed, "nets", 0);
	const struct sim_bitcoin_config bitcoin = {
		.seed = draw_between(&seeds, 1, UINT64_MAX), .now_ms = WORLD_START_MS};
	const struct sim_evm_config evm = {.seed = draw_between(&seeds, 1, UINT64_MAX),
		.now_ms = WORLD_START_MS,
		.rollup = network_by_name(nets_other(n), slice_str("regtest"))->rollup,
		.tokens = layer_gas_apart(nets_other(n))};
	struct sim_network *network[NETS_CHAINS] = {
		sim_bitcoin_create(&bitcoin), sim_evm_create(&evm)};
	if (layer_gas_apart(nets_other(n)))
		sim_evm_token_contract(&n->contract, network[1]);
	else
		sim_evm_contract(&n->contract, network[1]);
	sim_evm_token(&n->token, network[1]);
	n->count = NETS_CHAINS;
	for (unsigned i = 0; i < NETS_CHAINS; i++) {
		const struct sim_node_config config = {.seed = draw_between(&seeds, 1, UINT64_MAX),
			.latency_low_ms = 20,
			.latency_high_ms = 400,
			.wall_ms = WORLD_START_MS};
		const enum layer_id layer = n->place[i];
		CHECK(sim_node_create(&n->node[layer], w->loop, network[i], &config) == OK);
		n->lever[layer].network = network[i];
		draw_init(&n->blocks[layer], w->seed, "blocks", i);
		n->block_ms[layer] = world_block_ms(layer);
	}
	if (w->plan.lightning)
		lnds_open(n, &seeds);
}

void nets_fini(struct nets *n)
{
	lies_fini(n);
	for (unsigned i = 0; i < n->count; i++) {
		loop_timer_cancel(n->w->loop, &n->block_timer[n->place[i]]);
		json_free(n->lever[n->place[i]].answer);
	}
	lnds_close(n);
	for (unsigned i = 0; i < NETS_CHAINS; i++)
		sim_node_destroy(n->node[n->place[i]]);
}
