#include "node/api_world_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "crypto/hash.h"
#include "node/deposits.h"

static const char base_yaml[] =
	"http: {port: 0, body_max: 65536}\n"
	"bitcoin: {enabled: true, network: regtest, block_interval_ms: 1000, drift_permille: 50, "
	"outage_ms: 0, depth: '0:2', final_depth: 3, claim_blocks: 2, lock_blocks: 80, "
	"funding_blocks: 20, swap_min: 0.0001, swap_max: 10, bump_blocks: 3}\n"
	"rootstock: {enabled: true, network: regtest, block_interval_ms: 1000, drift_permille: 50, "
	"outage_ms: 0, depth: '0:2', final_depth: 3, claim_blocks: 2, lock_blocks: 80, "
	"funding_blocks: 20, swap_min: 0.0001, swap_max: 10, bump_blocks: 3, "
	"contract: '0xcccccccccccccccccccccccccccccccccccccccc'}\n"
	"swap: {fee_ppm: 2000, quote_ttl_ms: 60000, offer_ttl_ms: 3600000, observation_ms: 2000}\n"
	"capacity: {swaps: 1024, transfers: 1024, effects: 4096, coins: 1024, postings: 4096, "
	"book_accounts: 64, book_transfers: 256, addresses: 64}\n";

/* ---- ports ---- */

static void port_random(void *ctx, void *out, size_t len)
{
	struct world *w = ctx;
	struct hash256 h;
	uint8_t seed[8];
	store_le64(seed, ++w->random);
	sha256(&h, slice_of(seed, sizeof seed));
	CHECK(len <= sizeof h);
	memcpy(out, &h, len);
}

static uint64_t port_durable(void *ctx)
{
	const struct world *w = ctx;
	return w->hold_durable ? 0 : journal_durable(w->journal);
}

static uint64_t port_answerable(void *ctx)
{
	const struct world *w = ctx;
	return w->hold_durable ? 0 : journal_answerable(w->journal);
}

static void port_status(void *ctx, struct node_status *out)
{
	const struct world *w = ctx;
	*out = (struct node_status){.signer_connected = w->signer_up,
		.journal_ok = w->journal_ok,
		.scrub = {.damaged = w->damaged}};
	journal_stat(w->journal, &out->journal);
}

static void port_layer_info(void *ctx, enum layer_id id, struct layer_info *out)
{
	const struct world *w = ctx;
	*out = (struct layer_info){.err = w->layer_err[id], .version = "sample 1.0"};
	out->tip = w->ledger->layer[id].tip;
	out->health = (struct upstream_health){.up = true, .calls = 5, .latency_ms = 12};
}

struct later {
	struct world *w;
	layer_submit_cb submit;
	layer_status_cb status;
	void *ctx;
};

static void answer_later(void *ctx)
{
	struct later *l = ctx;
	if (l->submit != NULL) {
		const struct submit_answer answer = {
			.outcome = l->w->submit_outcome, .detail = "the node's words"};
		l->submit(l->ctx, &answer);
	} else {
		const struct tx_status status = {.presence = l->w->presence,
			.block = {.height = 7},
			.depth = 3,
			.detail = "the node's words"};
		l->status(l->ctx, &status);
	}
	free(l);
}

static enum err answer_soon(
	struct world *w, bool never, layer_submit_cb submit, layer_status_cb status, void *ctx)
{
	struct loop_timer timer;
	if (w->call_err != OK)
		return w->call_err;
	if (never)
		return OK;
	struct later *l = malloc(sizeof *l);
	CHECK(l != NULL);
	*l = (struct later){.w = w, .submit = submit, .status = status, .ctx = ctx};
	CHECK(loop_timer_set(w->loop, &timer, 1, answer_later, l) == OK);
	return OK;
}

static enum err port_submit(
	void *ctx, enum layer_id id, struct slice raw, layer_submit_cb cb, void *cb_ctx)
{
	struct world *w = ctx;
	CHECK(id < LAYER_COUNT && raw.len > 0);
	return answer_soon(w, w->submit_outcome == 0, cb, NULL, cb_ctx);
}

static enum err port_tx_status(
	void *ctx, enum layer_id id, const struct hash256 *txid, layer_status_cb cb, void *cb_ctx)
{
	struct world *w = ctx;
	CHECK(id < LAYER_COUNT && txid != NULL);
	return answer_soon(w, w->presence == 0, NULL, cb, cb_ctx);
}

/* ---- journal and engine ---- */

static enum err replay(void *ctx, const struct journal_record *r)
{
	return ledger_apply(ctx, r->seq, r->type, r->payload);
}

static void on_durable(void *ctx)
{
	struct world *w = ctx;
	if (w->hold_durable || w->engine == NULL)
		return;
	engine_on_durable(w->engine);
	log_index_turn(w->log);
}

void world_release(struct world *w)
{
	w->hold_durable = false;
	engine_on_durable(w->engine);
	log_index_turn(w->log);
}

void world_block(
	struct world *w, enum layer_id layer, const struct chain_event *event, size_t count)
{
	struct block_ref b = {.height = ++w->tip[layer], .parent = w->tip_hash[layer]};
	uint8_t seed[9];
	store_le64(seed, b.height);
	seed[8] = (uint8_t)layer;
	sha256(&b.hash, slice_of(seed, sizeof seed));
	w->tip_hash[layer] = b.hash;
	CHECK(engine_block(w->engine, loop_wall_ms(w->loop), layer, &b, event, count) == OK);
	engine_flush(w->engine);
}

void world_reconcile(struct world *w)
{
	for (unsigned i = 0; i < WORLD_LAYERS; i++) {
		const enum layer_id id = (enum layer_id)i;
		CHECK(engine_reconciled(w->engine, loop_wall_ms(w->loop), id,
			      &w->ledger->layer[i].tip, ledger_custody(w->ledger, id),
			      amount_zero(layer_asset(id)),
			      amount_zero(layer_gas_asset(id))) == OK);
	}
	engine_flush(w->engine);
}

static void open_engine(struct world *w)
{
	struct journal_error error;
	const struct journal_config journal = {.dir = "journal",
		.fresh_cluster = {{1}},
		.ops = file_sim_ops(w->disk),
		.segment_size = 64u << 20,
		.group_max = 4u << 20,
		.synchronous = true,
		.on_durable = on_durable,
		.ctx = w};
	CHECK(ledger_create(&w->ledger, &w->config.capacity, &w->seal, 7) == OK);
	CHECK(journal_open(&w->journal, &journal, replay, w->ledger, &error) == OK);
	const struct log_index_config log = {.journal = w->journal,
		.journal_dir = journal.dir,
		.dir = "log",
		.ops = file_sim_ops(w->disk),
		.synchronous = true};
	CHECK(log_index_open(&w->log, &log) == OK);
	const struct engine_config engine = {.journal = w->journal, .ledger = w->ledger};
	CHECK(engine_create(&w->engine, &engine) == OK);
}

static void fund(struct world *w)
{
	const uint64_t now = loop_wall_ms(w->loop);
	const struct seckey secret = {{[31] = 5}};
	struct amount wei;
	config_params(&w->params, &w->config);
	CHECK(pubkey_from_seckey(&w->params.wallet, &secret) == OK);
	CHECK(engine_params(w->engine, now, &w->params) == OK);
	CHECK(amount_convert(&wei, amount_of(ASSET_BTC, FUNDS_SAT), ASSET_RBTC, false) == OK);
	for (unsigned i = 0; i < WORLD_LAYERS; i++) {
		struct block_ref birth = {.height = 100, .hash = {{(uint8_t)(i + 1)}}};
		w->tip[i] = birth.height;
		w->tip_hash[i] = birth.hash;
		CHECK(engine_birth(w->engine, now, (enum layer_id)i, &birth, 4,
			      i == LAYER_BITCOIN ? amount_zero(ASSET_BTC) : wei,
			      amount_zero(layer_gas_asset((enum layer_id)i))) == OK);
	}
	CHECK(engine_fee_rate(w->engine, now, LAYER_BITCOIN, 2000) == OK);
	CHECK(engine_fee_rate(w->engine, now, LAYER_ROOTSTOCK, 60000000) == OK);
	/* several coins, so that several payouts can be on their way */
	for (unsigned i = 0; i < 10; i++) {
		const struct hash256 tx = {{(uint8_t)(i + 1), 3}};
		const struct chain_event coin = {.kind = CHAIN_COIN_CREATED,
			.tx = tx,
			.at = {.tx = tx},
			.amount = amount_of(ASSET_BTC, FUNDS_SAT / 10)};
		world_block(w, LAYER_BITCOIN, &coin, 1);
	}
	for (unsigned i = 0; i < 3; i++)
		world_block(w, LAYER_BITCOIN, NULL, 0);
}

static void open_world(struct world *w, const char *yaml, const char *const *set, size_t set_count)
{
	char text[4096];
	struct buf b = buf_init(text, sizeof text);
	struct config_error error;
	const struct config_source source = {.path = NULL, .set = set, .set_count = set_count};
	uint32_t line;
	*w = (struct world){.disk = file_sim_create(),
		.seal = {{9}},
		.signer_up = true,
		.journal_ok = true,
		.submit_outcome = SUBMIT_ACCEPTED,
		.presence = TX_CONFIRMED};
	buf_printf(&b, "%s%s", base_yaml, yaml);
	CHECK(!b.overflow);
	if (config_load_text(&w->config, buf_slice(&b), &source, &error) != OK) {
		(void)fprintf(stderr, "%s\n", error.text);
		CHECK(false);
	}
	CHECK(tokens_parse(&w->tokens, &line,
		      slice_str(OPERATOR_TOKEN "\n" READER_TOKEN " read-only\n")) == OK);
	secp_init(w->seal.b);
	CHECK(loop_create(&w->loop, &(struct loop_config){.timer_max = 0}) == OK);
	open_engine(w);
	const struct config_layer *bitcoin = &w->config.layer[LAYER_BITCOIN];
	CHECK(set_count == 0 ||
		deposits_read(&w->deposits, bitcoin->params.network, bitcoin->deposit_descriptor) ==
			NULL);
	const struct api_config api = {.loop = w->loop,
		.log = w->log,
		.deposits = set_count > 0 ? &w->deposits : NULL,
		.cluster = journal_cluster(w->journal),
		.engine = w->engine,
		.config = &w->config,
		.tokens = &w->tokens,
		.seal = &w->seal,
		.ports = {.ctx = w,
			.random = port_random,
			.durable = port_durable,
			.answerable = port_answerable,
			.status = port_status,
			.layer_info = port_layer_info,
			.layer_submit = port_submit,
			.layer_status = port_tx_status}};
	CHECK(api_create(&w->api, &api) == OK);
	const struct http_server_config http = {.bind = w->config.http_bind,
		.port = w->config.http_port,
		.body_max = w->config.http_body_max};
	CHECK(http_server_create(&w->server, w->loop, &http, api_handle, w->api) == OK);
	fund(w);
}

void world_open(struct world *w, const char *yaml)
{
	open_world(w, yaml, NULL, 0);
}

void world_open_deposits(struct world *w)
{
	static const char *const set[] = {"bitcoin.deposit_descriptor=" WORLD_DESCRIPTOR};
	open_world(w, "", set, ARRAY_LEN(set));
}

void world_close(struct world *w)
{
	http_server_destroy(w->server);
	engine_destroy(w->engine);
	api_destroy(w->api);
	log_index_close(w->log);
	journal_close(w->journal);
	ledger_destroy(w->ledger);
	loop_destroy(w->loop);
	file_sim_destroy(w->disk);
}
