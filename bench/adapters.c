/* What the adapters make of latency: each operation, always `at_once` of them open, against nodes
 * whose answers take a known time. By Little's law no more than at_once / time can end in a second,
 * where the time is that of the rounds of questions that the protocol needs, each as long as the
 * longest of its answers. Prints one JSON object a row.
 *
 * Usage: bench_adapters --bitcoin URL --rootstock URL --contract ADDRESS --low MS --high MS
 * The nodes mine on request only: what is submitted has to stay in their pools. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
#include "crypto/hash.h"
#include "layer/layer.h"
#include "sys/rand.h"
#include "world.h"

#define GOAL 0.9
#define WARM_MS 1500u
#define MEASURE_MS 6000u
#define WAIT_MS 50u
#define AT_ONCE_MAX 256u
#define RAW_MAX 1024u

struct bench {
	struct world world;
	struct layer *layer[WORLD_LAYERS];
	double low_ms, high_ms;
	struct hash256 confirmed[WORLD_LAYERS]; /* a transaction in a block */
	uint8_t raw[WORLD_LAYERS][RAW_MAX];     /* one in the pool */
	size_t raw_len[WORLD_LAYERS];
	char answer[2 * RAW_MAX + 1];
	bool answered;

	const struct row *row; /* being measured */
	uint64_t done, wrong;
	bool stopping;
	uint32_t open;
};

struct row {
	const char *name;
	enum layer_id layer;
	enum err (*begin)(struct bench *b);
	uint32_t at_once;
	uint32_t round[2]; /* questions that leave together, in each round */
};

/* ---- the operations ---- */

static void again(struct bench *b, bool right)
{
	b->open--;
	b->done++;
	b->wrong += !right;
	if (b->stopping)
		return;
	b->open++;
	if (b->row->begin(b) != OK) {
		(void)fprintf(stderr, "bench_adapters: %s can't be asked\n", b->row->name);
		exit(EXIT_FAILURE);
	}
}

static void on_submitted(void *ctx, const struct submit_answer *answer)
{
	again(ctx, answer->outcome == SUBMIT_KNOWN || answer->outcome == SUBMIT_ACCEPTED);
}

static void on_status(void *ctx, const struct tx_status *status)
{
	again(ctx, status->presence == TX_CONFIRMED);
}

static void on_fee(void *ctx, enum err err, uint64_t rate, uint64_t data_fee)
{
	(void)data_fee;
	again(ctx, err == OK && rate > 0);
}

static enum err begin_submit(struct bench *b)
{
	const enum layer_id id = b->row->layer;
	return layer_submit(b->layer[id], slice_of(b->raw[id], b->raw_len[id]), on_submitted, b);
}

static enum err begin_status(struct bench *b)
{
	const enum layer_id id = b->row->layer;
	return layer_status(b->layer[id], &b->confirmed[id], on_status, b);
}

static enum err begin_fee(struct bench *b)
{
	return layer_fee_estimate(b->layer[b->row->layer], 2, on_fee, b);
}

static const struct row rows[] = {
	{"submit", LAYER_BITCOIN, begin_submit, 10, {1}},
	{"submit", LAYER_BITCOIN, begin_submit, 100, {1}},
	{"status", LAYER_BITCOIN, begin_status, 50, {4, 1}},
	{"fee estimate", LAYER_BITCOIN, begin_fee, 100, {2}},
	{"submit", LAYER_ROOTSTOCK, begin_submit, 10, {1}},
	{"submit", LAYER_ROOTSTOCK, begin_submit, 100, {1}},
	{"submit", LAYER_ROOTSTOCK, begin_submit, 250, {1}},
	{"status", LAYER_ROOTSTOCK, begin_status, 50, {3, 1}},
};

/* ---- measuring ---- */

static void run_for(struct bench *b, uint64_t ms)
{
	const uint64_t until = loop_now_ms(b->world.loop) + ms;
	while (loop_now_ms(b->world.loop) < until)
		(void)loop_step(b->world.loop, 1);
}

/* The mean of the longest of n answers, each between low and high with the same chance. */
static double mean_longest(const struct bench *b, uint32_t n)
{
	return b->low_ms + (b->high_ms - b->low_ms) * n / (n + 1.0);
}

static bool measure(struct bench *b, const struct row *row)
{
	double time_ms = 0;
	for (size_t i = 0; i < ARRAY_LEN(row->round) && row->round[i] > 0; i++)
		time_ms += mean_longest(b, row->round[i]);
	b->row = row;
	b->stopping = false;
	b->wrong = 0;
	for (uint32_t i = 0; i < row->at_once; i++) {
		b->open++;
		if (row->begin(b) != OK)
			return false;
	}
	run_for(b, WARM_MS);
	b->done = 0;
	const uint64_t begun = loop_now_ms(b->world.loop);
	run_for(b, MEASURE_MS * (row->at_once < 50 ? 2 : 1));
	const double seconds = (double)(loop_now_ms(b->world.loop) - begun) / 1000;
	const double ours = (double)b->done / seconds;
	b->stopping = true;
	while (b->open > 0)
		(void)loop_step(b->world.loop, WAIT_MS);
	const double theirs = row->at_once / time_ms * 1000;
	if (b->wrong > 0)
		(void)fprintf(stderr, "bench_adapters: %llu answers of %s were not as expected\n",
			(unsigned long long)b->wrong, row->name);
	const bool met = b->wrong == 0 && ours / theirs >= GOAL;
	(void)printf("{\"name\":\"%s %s, %u at once\",\"peer\":\"Little's law\","
		     "\"peer_version\":null,\"ours\":%.1f,\"theirs\":%.1f,\"unit\":\"1/s\","
		     "\"ratio\":%.3f,\"goal\":%.1f,\"met\":%s}\n",
		layer_name(row->layer), row->name, row->at_once, ours, theirs, ours / theirs, GOAL,
		met ? "true" : "false");
	(void)fflush(stdout);
	return met;
}

/* ---- what is asked about ---- */

static void on_answer(void *ctx, const struct rpc_answer *answer)
{
	struct bench *b = ctx;
	const struct slice text = json_string(answer->result);
	if (answer->err != OK) {
		(void)fprintf(stderr, "bench_adapters: %s\n", answer->message);
		exit(EXIT_FAILURE);
	}
	b->answer[0] = '\0';
	if (text.ptr != NULL && text.len < sizeof b->answer)
		memcpy(b->answer, text.ptr, text.len + 1);
	b->answered = true;
}

/* Asks and waits; the text that was answered is in b->answer. Takes params. */
static enum err ask_now(
	struct bench *b, enum layer_id layer, const char *method, struct json *params)
{
	b->answered = false;
	TRY(world_ask(&b->world, layer, method, params, on_answer, b));
	while (!b->answered)
		(void)loop_step(b->world.loop, WAIT_MS);
	return OK;
}

static enum err prepare_bitcoin(struct bench *b)
{
	char address[BTC_ADDRESS_TEXT_SIZE], txid[65];
	TRY(btc_address_format(address, b->world.network[LAYER_BITCOIN],
		slice_of(b->world.wallet_script, sizeof b->world.wallet_script)));
	struct json *params = world_params(address);
	json_push(params, json_new_string("0.01"));
	TRY(ask_now(b, LAYER_BITCOIN, "sim_fund", params));
	TRY(hex_decode_reversed(
		b->confirmed[LAYER_BITCOIN].b, sizeof(struct hash256), slice_str(b->answer)));
	TRY(ask_now(b, LAYER_BITCOIN, "sim_mine", NULL));
	params = world_params(address);
	json_push(params, json_new_string("0.02"));
	TRY(ask_now(b, LAYER_BITCOIN, "sim_fund", params));
	memcpy(txid, b->answer, sizeof txid);
	TRY(ask_now(b, LAYER_BITCOIN, "getrawtransaction", world_params(txid)));
	return hex_decode_var(
		b->raw[LAYER_BITCOIN], &b->raw_len[LAYER_BITCOIN], RAW_MAX, slice_str(b->answer));
}

/* A transaction of `to` to itself, into the pool. */
static enum err send_own(struct bench *b, const struct seckey *key, const struct evm_address *to)
{
	uint8_t plain[RAW_MAX], sig[64];
	struct buf unsigned_raw = buf_init(plain, sizeof plain);
	struct buf raw = buf_init(b->raw[LAYER_ROOTSTOCK], RAW_MAX);
	struct hash256 digest;
	int recovery_id;
	const struct evm_tx tx = {.chain_id = b->world.network[LAYER_ROOTSTOCK]->chain_id,
		.gas_price = amount_of(ASSET_RBTC, WORLD_GAS_PRICE),
		.gas_limit = 21000,
		.to = *to,
		.value = amount_of(ASSET_RBTC, 1)};
	evm_tx_put_unsigned(&unsigned_raw, &tx);
	keccak256(&digest, buf_slice(&unsigned_raw));
	TRY(ecdsa_sign(sig, &recovery_id, &digest, key));
	evm_tx_put_signed(&raw, &tx, sig, recovery_id);
	b->raw_len[LAYER_ROOTSTOCK] = raw.len;
	struct json *params = json_array();
	json_push(params, world_hex(raw.ptr, raw.len));
	return ask_now(b, LAYER_ROOTSTOCK, "eth_sendRawTransaction", params);
}

static enum err prepare_rootstock(struct bench *b)
{
	struct seckey key;
	struct pubkey public;
	struct evm_address own;
	world_key(&key, &b->world, 0);
	TRY(pubkey_from_seckey(&public, &key));
	TRY(evm_address_from_pubkey(&own, &public));
	struct json *params = json_array();
	json_push(params, world_hex(own.b, sizeof own.b));
	json_push(params, json_new_string("0x16345785d8a0000"));
	TRY(ask_now(b, LAYER_ROOTSTOCK, "sim_fund", params));
	TRY(hex_decode(
		b->confirmed[LAYER_ROOTSTOCK].b, sizeof(struct hash256), slice_str(b->answer + 2)));
	TRY(ask_now(b, LAYER_ROOTSTOCK, "sim_mine", NULL));
	return send_own(b, &key, &own);
}

static enum err prepare(struct bench *b, const struct world_config *config)
{
	TRY(world_create(&b->world, config));
	for (unsigned i = 0; i < WORLD_LAYERS; i++) {
		const struct layer_config layer = {.id = (enum layer_id)i,
			.network = b->world.network[i],
			.loop = b->world.loop,
			.upstream = b->world.node[i],
			.contract = config->contract};
		TRY(layer_create(&b->layer[i], &layer));
	}
	TRY(prepare_bitcoin(b));
	return prepare_rootstock(b);
}

static bool parse_options(struct bench *b, struct world_config *c, int argc, char **argv)
{
	static const struct option names[] = {
		{"bitcoin", required_argument, NULL, 'b'},
		{"rootstock", required_argument, NULL, 'r'},
		{"contract", required_argument, NULL, 'c'},
		{"low", required_argument, NULL, 'l'},
		{"high", required_argument, NULL, 'h'},
		{0},
	};
	const char *contract = "";
	int key;
	/* as sluiced: its own bound on what is in flight to one node */
	*c = (struct world_config){.url = "", .seed = 1, .node_in_flight = AT_ONCE_MAX};
	while ((key = getopt_long(argc, argv, "", names, NULL)) != -1) {
		switch (key) {
		case 'b': c->node[LAYER_BITCOIN] = optarg; break;
		case 'r': c->node[LAYER_ROOTSTOCK] = optarg; break;
		case 'c': contract = optarg; break;
		case 'l': b->low_ms = strtod(optarg, NULL); break;
		case 'h': b->high_ms = strtod(optarg, NULL); break;
		default: return false;
		}
	}
	return c->node[LAYER_BITCOIN] != NULL && c->node[LAYER_ROOTSTOCK] != NULL &&
		b->high_ms > 0 && evm_address_parse(&c->contract, 33, slice_str(contract)) == OK;
}

int main(int argc, char **argv)
{
	static struct bench b;
	struct world_config config;
	uint8_t seed[32];
	if (!parse_options(&b, &config, argc, argv)) {
		(void)fprintf(stderr,
			"usage: bench_adapters --bitcoin URL --rootstock URL "
			"--contract ADDRESS --low MS --high MS\n");
		return 2;
	}
	rand_bytes(seed, sizeof seed);
	secp_init(seed);
	const enum err err = prepare(&b, &config);
	if (err != OK) {
		(void)fprintf(stderr, "bench_adapters: can't begin: %s\n", err_name(err));
		return EXIT_FAILURE;
	}
	bool met = true;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		met = measure(&b, &rows[i]) && met;
	for (unsigned i = 0; i < WORLD_LAYERS; i++)
		layer_destroy(b.layer[i]);
	world_destroy(&b.world);
	return met ? EXIT_SUCCESS : EXIT_FAILURE;
}
