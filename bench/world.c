#include "world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
#include "crypto/hash.h"

#define API_TIMEOUT_MS 60000u
#define FUND_MAX 500u /* outputs of one transaction of the faucet */
#define FUND_WAIT_MS 250u
#define HEX_PARAM_MAX 2048u

static void poll_tips(void *ctx);

enum err world_create(struct world *w, const struct world_config *config)
{
	const struct loop_config loop = {.fd_max = 16384};
	struct pubkey key;
	struct xonly internal, output;
	struct hash256 secret;
	bool odd;

	*w = (struct world){.config = *config};
	w->network[LAYER_BITCOIN] = network_by_name(LAYER_BITCOIN, slice_str("regtest"));
	w->network[LAYER_ROOTSTOCK] = network_by_name(LAYER_ROOTSTOCK, slice_str("regtest"));
	world_secret(&secret, w, "wallet", 0);
	memcpy(w->wallet.b, secret.b, sizeof w->wallet.b);
	TRY(pubkey_from_seckey(&key, &w->wallet));
	xonly_from_pubkey(&internal, &odd, &key);
	TRY(taproot_output_key(&output, &odd, &internal, NULL));
	btc_script_p2tr(w->wallet_script, &output);

	TRY(loop_create(&w->loop, &loop));
	TRY(http_client_create(&w->http, w->loop));
	for (unsigned i = 0; i < WORLD_LAYERS; i++) {
		const struct upstream_config u = {.name = layer_name((enum layer_id)i),
			.url = config->node[i],
			.timeout_ms = API_TIMEOUT_MS,
			.in_flight_max = config->node_in_flight != 0 ? config->node_in_flight
								     : WORLD_NODE_IN_FLIGHT,
			.queue_max = WORLD_TAKERS_MAX * 2,
			.version_2 = i == LAYER_ROOTSTOCK};
		TRY(upstream_create(&w->node[i], w->http, w->loop, &u));
	}
	poll_tips(w);
	return OK;
}

void world_destroy(struct world *w)
{
	for (unsigned i = 0; i < WORLD_LAYERS; i++)
		upstream_destroy(w->node[i]);
	if (w->http != NULL)
		http_client_destroy(w->http);
	if (w->loop != NULL)
		loop_destroy(w->loop);
}

void world_secret(struct hash256 *out, const struct world *w, const char *what, uint32_t index)
{
	uint8_t number[12];
	store_le64(number, w->config.seed);
	store_le32(number + 8, index);
	const struct slice part[] = {slice_str(what), slice_of(number, sizeof number)};
	tagged_hash_parts(out, "sluice/bench", part, ARRAY_LEN(part));
}

void world_key(struct seckey *out, const struct world *w, uint32_t index)
{
	struct hash256 secret;
	world_secret(&secret, w, "key", index);
	memcpy(out->b, secret.b, sizeof out->b);
}

struct btc_coin world_coin(const struct world *w, uint32_t index)
{
	return (struct btc_coin){
		.at = {.txid = w->fund_tx[index / FUND_MAX], .index = index % FUND_MAX},
		.value = {WORLD_COIN_VALUE}};
}

/* ---- asking ---- */

struct api_visit {
	world_api_cb cb;
	void *ctx;
};

static void on_api(void *ctx, const struct http_answer *answer)
{
	const struct api_visit v = *(struct api_visit *)ctx;
	struct json *body = NULL;
	free(ctx);
	if (answer->err == OK && answer->body.len > 0 &&
		json_parse(&body, answer->body, NULL) != OK)
		body = NULL;
	v.cb(v.ctx, answer->err, answer->status, body);
	json_free(body);
}

enum err world_api(struct world *w, const char *method, const char *path, const char *header,
	struct json *body, world_api_cb cb, void *ctx)
{
	char url[WORLD_URL_SIZE];
	struct api_visit *v = malloc(sizeof *v);
	size_t len = 0;
	char *text = body == NULL ? NULL : json_dump(body, 0, &len);
	enum err err = ERR_FULL;
	json_free(body);
	if (v == NULL)
		goto out;
	*v = (struct api_visit){.cb = cb, .ctx = ctx};
	(void)snprintf(url, sizeof url, "%s%s", w->config.url, path);
	const struct http_request request = {.method = method,
		.url = url,
		.content_type = text == NULL ? NULL : "application/json",
		.extra_header = header,
		.body = slice_of(text, len),
		.timeout_ms = API_TIMEOUT_MS};
	w->api_requests++;
	err = http_client_send(w->http, NULL, &request, on_api, v);
	if (err != OK)
		free(v);
out:
	json_text_free(text);
	return err;
}

enum err world_ask(struct world *w, enum layer_id layer, const char *method, struct json *params,
	rpc_cb cb, void *ctx)
{
	w->node_requests++;
	return upstream_call(w->node[layer], method, params, cb, ctx);
}

struct json *world_params(const char *first)
{
	struct json *params = json_array();
	json_push(params, json_new_string(first));
	return params;
}

struct json *world_hex(const void *bytes, size_t len)
{
	char text[HEX_PARAM_MAX + 3] = "0x";
	CHECK(2 * len <= HEX_PARAM_MAX);
	hex_encode(text + 2, bytes, len);
	return json_new_string(text);
}

/* ---- tips ---- */

static void on_bitcoin_tip(void *ctx, const struct rpc_answer *answer)
{
	struct world *w = ctx;
	uint64_t blocks;
	if (answer->err == OK && json_get_u64(answer->result, "blocks", &blocks) == OK)
		w->tip[LAYER_BITCOIN] = blocks;
}

static void on_rootstock_tip(void *ctx, const struct rpc_answer *answer)
{
	struct world *w = ctx;
	struct json *holder;
	uint64_t height;
	if (answer->err != OK)
		return;
	holder = json_object();
	json_set(holder, "height", json_clone(answer->result));
	if (json_get_quantity(holder, "height", &height) == OK)
		w->tip[LAYER_ROOTSTOCK] = height;
	json_free(holder);
}

static void poll_tips(void *ctx)
{
	struct world *w = ctx;
	(void)!world_ask(w, LAYER_BITCOIN, "getblockchaininfo", NULL, on_bitcoin_tip, w);
	(void)!world_ask(w, LAYER_ROOTSTOCK, "eth_blockNumber", NULL, on_rootstock_tip, w);
	CHECK(loop_timer_set(w->loop, NULL, WORLD_TIP_POLL_MS, poll_tips, w) == OK);
}

/* ---- money to begin with ---- */

static void on_funded(void *ctx, const struct rpc_answer *answer)
{
	struct world *w = ctx;
	const struct slice text = json_string(answer->result);
	if (answer->err != OK ||
		hex_decode_reversed(w->fund_tx[w->fund_count].b, sizeof w->fund_tx[0].b, text) !=
			OK) {
		(void)fprintf(stderr, "sim_fund: %s\n", answer->message);
		exit(EXIT_FAILURE);
	}
	w->fund_count++;
}

static void on_balance_set(void *ctx, const struct rpc_answer *answer)
{
	struct world *w = ctx;
	if (answer->err != OK) {
		(void)fprintf(stderr, "anvil_setBalance: %s\n", answer->message);
		exit(EXIT_FAILURE);
	}
	w->accounts_set++;
}

static void on_fund_seen(void *ctx, const struct rpc_answer *answer)
{
	struct world *w = ctx;
	uint64_t depth = 0;
	if (answer->err == OK && json_get_u64(answer->result, "confirmations", &depth) == OK &&
		depth > 0)
		w->fund_confirmed++;
}

static enum err fund_coins(struct world *w)
{
	char address[BTC_ADDRESS_TEXT_SIZE], value[AMOUNT_TEXT_SIZE];
	TRY(btc_address_format(address, w->network[LAYER_BITCOIN],
		slice_of(w->wallet_script, sizeof w->wallet_script)));
	amount_format(value, amount_from_sat((struct sat){WORLD_COIN_VALUE}));
	for (uint32_t done = 0; done < w->config.takers; done += FUND_MAX) {
		const uint32_t left = w->config.takers - done;
		const uint32_t before = w->fund_count;
		struct json *params = world_params(address);
		json_push(params, json_new_string(value));
		json_push(params, json_new_u64(left < FUND_MAX ? left : FUND_MAX));
		TRY(world_ask(w, LAYER_BITCOIN, "sim_fund", params, on_funded, w));
		while (w->fund_count == before)
			(void)loop_step(w->loop, FUND_WAIT_MS);
	}
	return OK;
}

static enum err fund_account(struct world *w, uint32_t index)
{
	struct seckey key;
	struct pubkey public;
	struct evm_address account;
	world_key(&key, w, index);
	TRY(pubkey_from_seckey(&public, &key));
	TRY(evm_address_from_pubkey(&account, &public));
	struct json *params = json_array();
	json_push(params, world_hex(account.b, sizeof account.b));
	json_push(params, json_new_string("0x16345785d8a0000")); /* 0.1 RBTC */
	return world_ask(w, LAYER_ROOTSTOCK, "anvil_setBalance", params, on_balance_set, w);
}

static enum err see_coins(struct world *w)
{
	w->fund_confirmed = 0;
	for (uint32_t i = 0; i < w->fund_count; i++) {
		char txid[65];
		hex_encode_reversed(txid, w->fund_tx[i].b, sizeof w->fund_tx[i].b);
		struct json *params = world_params(txid);
		json_push(params, json_new_u64(0));
		TRY(world_ask(w, LAYER_BITCOIN, "gettxout", params, on_fund_seen, w));
	}
	return OK;
}

enum err world_fund(struct world *w)
{
	TRY(fund_coins(w));
	for (uint32_t i = 0; i < w->config.takers; i++)
		TRY(fund_account(w, i));
	while (w->accounts_set < w->config.takers)
		(void)loop_step(w->loop, FUND_WAIT_MS);
	while (w->fund_confirmed < w->fund_count) {
		TRY(see_coins(w));
		const uint64_t until = loop_now_ms(w->loop) + 1000;
		while (loop_now_ms(w->loop) < until)
			(void)loop_step(w->loop, FUND_WAIT_MS);
	}
	return OK;
}
