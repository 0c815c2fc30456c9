/* The operator: pays out through the API, as often as it takes to get an answer, and pays in. */
#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
#include "layer/layer.h"
#include "world.h"

#define AGAIN_MS 10000u
#define TRIES_TIGHT 30u
#define DEPOSIT_SAT 100000000u

static const struct network *regtest(enum layer_id layer)
{
	return network_by_name(layer, slice_str("regtest"));
}

static void on_request(void *ctx, struct http_local_request *request)
{
	struct world *w = ctx;
	host_serve(&w->host, request, "127.0.0.9");
}

void operator_init(struct world *w)
{
	draw_init(&w->deposits, w->seed, "deposits", 0);
	for (unsigned i = 0; i < w->nets.count; i++)
		w->deposited[w->nets.place[i]] = amount_zero(layer_asset(w->nets.place[i]));
	CHECK(http_client_create_local(&w->operator, w->loop, on_request, w) == OK);
}

void operator_fini(struct world *w)
{
	for (uint32_t i = 0; i < w->payout_count; i++)
		loop_timer_cancel(w->loop, &w->payout[i].timer);
	for (uint32_t i = 0; i < w->deposit_count; i++)
		free(w->deposit[i]);
	http_client_destroy(w->operator);
}

void operator_resend(struct world *w)
{
	for (uint32_t i = 0; i < w->deposit_count; i++)
		nets_try(&w->nets, LAYER_BITCOIN, "sendrawtransaction", "[\"%s\"]", w->deposit[i]);
}

void operator_deposit(struct world *w, enum layer_id layer, uint64_t sat)
{
	char address[LAYER_ADDRESS_TEXT_SIZE], text[AMOUNT_TEXT_SIZE];
	struct amount a;
	CHECK(layer_funding_address(layer, regtest(layer), address, &w->keeper.wallet) == OK);
	CHECK(amount_convert(&a, amount_of(ASSET_BTC, sat), layer_asset(layer), false) == OK);
	amount_format(text, a);
	const struct json *v = nets_lever(
		&w->nets, layer, nets_fund_method(layer), "[\"%s\", \"%s\"]", address, text);
	if (layer == LAYER_BITCOIN) {
		CHECK(w->deposit_count < WORLD_DEPOSITS_MAX);
		w->deposit[w->deposit_count++] = nets_raw(&w->nets, v);
	}
	CHECK(amount_add(&w->deposited[layer], w->deposited[layer], a) == OK);
	world_say(w, LANE_WORLD, TRACE_NOTE, "deposit of %s on %s", text, layer_name(layer));
}

/* ---- payouts ---- */

static void ask(void *ctx);

static void refuse(struct payout *p)
{
	for (uint32_t i = 0; i < p->count; i++)
		p[i].refused = true;
}

static void acknowledge(struct payout *p, const struct json *body)
{
	const struct json *list = json_get(body, "transfers");
	CHECK(!p->batch || json_count(list) == p->count);
	for (uint32_t i = 0; i < p->count; i++) {
		const struct json *one = p->batch ? json_at(list, i) : body;
		CHECK(json_get_hex(one, "id", p[i].id.b, sizeof p[i].id.b) == OK);
		p[i].acknowledged = true;
	}
}

/* Where tables are full they stay so: the operator gives up at last, and nothing is lost by it. */
static void again(struct payout *p)
{
	if (p->w->plan.tight && p->w->calm_ms != 0 && ++p->tries_in_calm == TRIES_TIGHT) {
		refuse(p);
		return;
	}
	CHECK(loop_timer_set(p->w->loop, &p->timer, AGAIN_MS, ask, p) == OK);
}

static void on_answer(void *ctx, const struct http_answer *answer)
{
	struct payout *p = ctx;
	struct world *w = p->w;
	struct json *body = NULL;
	bool retryable = true;
	const bool is_json = answer->err == OK && json_parse(&body, answer->body, NULL) == OK;
	if (answer->err == OK)
		trace_mix(&w->trace, answer->body);
	if (is_json && (answer->status == 200 || answer->status == 201)) {
		acknowledge(p, body);
		world_say(w, LANE_WORLD, TRACE_STATE, "payout on %s is acknowledged",
			layer_name(p->layer));
	} else if (is_json && json_get_bool(body, "retryable", &retryable) == OK && !retryable &&
		answer->status != 409) {
		refuse(p);
		world_say(w, LANE_WORLD, TRACE_STATE, "payout on %s is refused: %u %s",
			layer_name(p->layer), answer->status, json_get_string(body, "code"));
	} else {
		again(p);
	}
	json_free(body);
}

static void ask(void *ctx)
{
	struct payout *p = ctx;
	char key[64];
	p->timer.id = 0;
	(void)snprintf(key, sizeof key, "Idempotency-Key: %s", p->key);
	const struct http_request request = {.method = "POST",
		.url = "http://provider/v1/transfers",
		.content_type = "application/json",
		.authorization = "Bearer " HOST_TOKEN,
		.extra_header = key,
		.body = slice_str(p->body),
		.timeout_ms = 15000};
	if (http_client_send(p->w->operator, NULL, &request, on_answer, p) != OK)
		again(p);
}

/* One more payee of a request. Its part of the body, where text says how it is written. */
static void add_payee(struct world *w, struct buf *body, enum layer_id layer, uint64_t sat,
	struct slice destination, const char *text)
{
	CHECK(w->payout_count < WORLD_PAYOUTS_MAX);
	struct payout *p = &w->payout[w->payout_count++];
	char amount[AMOUNT_TEXT_SIZE];
	*p = (struct payout){.w = w, .layer = layer, .to_len = destination.len};
	CHECK(destination.len <= sizeof p->to);
	memcpy(p->to, destination.ptr, destination.len);
	CHECK(amount_convert(&p->amount, amount_of(ASSET_BTC, sat), layer_asset(layer), false) ==
		OK);
	amount_format(amount, p->amount);
	buf_printf(body, "\"to\":\"%s\",\"amount\":\"%s\"}", text, amount);
	world_say(w, LANE_WORLD, TRACE_NOTE, "payout of %s on %s", amount, layer_name(p->layer));
}

/* The request for `count` payouts from p on, whose body is complete. */
static void begin(struct payout *p, struct draw *draw, uint32_t count, bool batch)
{
	uint8_t key[16];
	draw_bytes(draw, key, sizeof key);
	hex_encode(p->key, key, sizeof key);
	p->count = count;
	p->batch = batch;
	ask(p);
}

void operator_pay_to(struct world *w, enum layer_id layer, uint64_t sat, struct slice destination)
{
	struct payout *p = &w->payout[w->payout_count];
	struct draw draw;
	char text[sizeof p->body], to[LAYER_ADDRESS_TEXT_SIZE];
	struct buf body = buf_init(text, sizeof text);
	draw_init(&draw, w->seed, "payout to", w->payout_count);
	CHECK(layer_address_format(layer, regtest(layer), to, destination) == OK);
	buf_printf(&body, "{\"layer\":\"%s\",", layer_name(layer));
	add_payee(w, &body, layer, sat, destination, to);
	(void)snprintf(p->body, sizeof p->body, "%s", buf_cstr(&body));
	begin(p, &draw, 1, false);
}

/* Somebody whom nobody else pays: what he has at the end is what we paid. */
static void add_stranger(
	struct world *w, struct buf *body, struct draw *draw, enum layer_id layer, uint64_t sat)
{
	const size_t len = layer == LAYER_BITCOIN ? 22 : 20;
	char text[LAYER_ADDRESS_TEXT_SIZE];
	struct hash256 hash;
	uint8_t to[22];
	if (layer == LAYER_LIGHTNING) {
		const char *request = lnds_invoice(&w->nets, &hash, draw, sat);
		add_payee(w, body, layer, sat, slice_of(hash.b, sizeof hash.b), request);
		return;
	}
	draw_bytes(draw, to, len);
	if (layer == LAYER_BITCOIN) {
		to[0] = 0;
		to[1] = 20;
	}
	CHECK(layer_address_format(layer, regtest(layer), text, slice_of(to, len)) == OK);
	add_payee(w, body, layer, sat, slice_of(to, len), text);
}

/* One, or some with one request. */
void operator_pay(struct world *w, const struct plan_item *item, uint32_t number)
{
	struct payout *p = &w->payout[w->payout_count];
	struct draw draw;
	char text[sizeof p->body];
	struct buf body = buf_init(text, sizeof text);
	draw_init(&draw, w->seed, "payout", number);
	const uint32_t room = WORLD_PAYOUTS_MAX - w->payout_count;
	uint32_t count = (uint32_t)draw_between(&draw, 1, WORLD_BATCH_MAX);
	const bool batch = draw_chance(&draw, 500);
	if (!batch || count > room)
		count = 1;
	buf_printf(&body, batch ? "{\"layer\":\"%s\",\"transfers\":[{" : "{\"layer\":\"%s\",",
		layer_name(item->layer));
	for (uint32_t i = 0; i < count; i++) {
		if (i > 0)
			buf_printf(&body, ",{");
		add_stranger(w, &body, &draw, item->layer, item->a / 4 / count);
	}
	if (batch)
		buf_printf(&body, "]}");
	(void)snprintf(p->body, sizeof p->body, "%s", buf_cstr(&body));
	begin(p, &draw, count, batch);
}

void operator_ask_again(struct world *w, uint32_t payout)
{
	ask(&w->payout[payout]);
}

/* ---- the latch ---- */

static void on_latch(void *ctx, const struct http_answer *answer)
{
	struct world *w = ctx;
	if (answer->err != OK)
		return;
	trace_mix(&w->trace, answer->body);
	if (answer->status == 200)
		world_say(w, LANE_WORLD, TRACE_NOTE, "the operator lifts the latch");
}

void operator_turn(struct world *w)
{
	const struct ledger *l = host_ledger(&w->host);
	const uint64_t now = loop_now_ms(w->loop);
	static const char body[] = "{\"on\":false,\"reason\":\"looked at\"}";
	if (l == NULL || !l->latched || now < w->latch_ms)
		return;
	w->latch_ms = now + AGAIN_MS;
	const struct http_request request = {.method = "POST",
		.url = "http://provider/v1/latch",
		.content_type = "application/json",
		.authorization = "Bearer " HOST_TOKEN,
		.body = slice_str(body)};
	(void)!http_client_send(w->operator, NULL, &request, on_latch, w);
}

bool operator_done(const struct world *w)
{
	for (uint32_t i = 0; i < w->payout_count; i++)
		if (!w->payout[i].acknowledged && !w->payout[i].refused)
			return false;
	return true;
}

void operator_check_books(struct world *w, const struct ledger *l)
{
	for (uint32_t i = 0; i < w->payout_count && !world_lax(w, HAZARD_FORGETS); i++)
		if (w->payout[i].acknowledged && ledger_transfer(l, &w->payout[i].id) == NULL)
			world_wrong(w, "payout %u was acknowledged and is not in the books",
				(unsigned)i);
}

static struct amount arrived(struct world *w, const struct payout *p)
{
	struct hash256 hash;
	if (p->layer != LAYER_LIGHTNING)
		return nets_holds(&w->nets, p->layer, slice_of(p->to, p->to_len));
	memcpy(hash.b, p->to, sizeof hash.b);
	return lnds_state(&w->nets, &hash) == LNDS_PAID ? p->amount : amount_zero(p->amount.asset);
}

void operator_check_end(struct world *w)
{
	const struct ledger *l = host_ledger(&w->host);
	for (uint32_t i = 0; i < w->payout_count && !world_lax(w, HAZARD_FORGETS); i++) {
		const struct payout *p = &w->payout[i];
		const struct transfer *t = p->acknowledged ? ledger_transfer(l, &p->id) : NULL;
		const bool paid = t != NULL && t->state == TRANSFER_FINAL;
		const struct amount want = paid ? p->amount : amount_zero(p->amount.asset);
		const struct amount has = arrived(w, p);
		char a[AMOUNT_TEXT_SIZE], b[AMOUNT_TEXT_SIZE];
		amount_format(a, has);
		amount_format(b, want);
		if (amount_cmp(has, want) != 0)
			world_wrong(w, "payout %u: %s arrived, %s should have", (unsigned)i, a, b);
		if (t != NULL && t->state != TRANSFER_FINAL && t->state != TRANSFER_FAILED)
			world_wrong(w, "payout %u is not over", (unsigned)i);
	}
}
