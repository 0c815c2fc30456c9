/* Simulated nodes behind HTTP: in-process on virtual time, and on a port of this machine. */
#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
#include "crypto/hash.h"
#include "crypto/secp.h"
#include "net/jsonrpc.h"
#include "sim/bitcoin.h"
#include "sim/evm.h"
#include "sim/server.h"

#define START_MS UINT64_C(1700000000000)
#define WAIT_MS 20000u

struct world {
	struct loop *loop;
	struct http_client *client;
	struct sim_node *bitcoin, *evm;
	struct sim_local local;
	struct sim_server *server[2];
	char url[2][64];
};

static void world_make(
	struct world *w, bool virtual_time, uint64_t seed, uint64_t low, uint64_t high)
{
	const struct loop_config config = {.virtual_time = virtual_time, .start_wall_ms = START_MS};
	*w = (struct world){0};
	CHECK(loop_create(&w->loop, &config) == OK);
	const uint64_t now_ms = loop_wall_ms(w->loop);
	const struct sim_bitcoin_config bitcoin = {.seed = seed, .now_ms = now_ms};
	const struct sim_evm_config evm = {.seed = seed, .now_ms = now_ms};
	const struct sim_node_config node = {
		.seed = seed, .latency_low_ms = low, .latency_high_ms = high};
	CHECK(sim_node_create(&w->bitcoin, w->loop, sim_bitcoin_create(&bitcoin), &node) == OK);
	CHECK(sim_node_create(&w->evm, w->loop, sim_evm_create(&evm), &node) == OK);
	if (virtual_time) {
		w->local.row[0].prefix = "http://bitcoin.sim";
		w->local.row[0].node = w->bitcoin;
		w->local.row[1].prefix = "http://rootstock.sim";
		w->local.row[1].node = w->evm;
		w->local.row_count = 2;
		for (unsigned i = 0; i < 2; i++)
			(void)snprintf(w->url[i], sizeof w->url[i], "%s/", w->local.row[i].prefix);
		CHECK(http_client_create_local(&w->client, w->loop, sim_local_handler, &w->local) ==
			OK);
		return;
	}
	struct sim_node *const nodes[2] = {w->bitcoin, w->evm};
	for (unsigned i = 0; i < 2; i++) {
		CHECK(sim_server_create(&w->server[i], w->loop, 0, nodes[i]) == OK);
		(void)snprintf(w->url[i], sizeof w->url[i], "http://127.0.0.1:%u/",
			sim_server_port(w->server[i]));
	}
	CHECK(http_client_create(&w->client, w->loop) == OK);
}

static void world_drop(struct world *w)
{
	http_client_destroy(w->client);
	sim_server_destroy(w->server[0]);
	sim_server_destroy(w->server[1]);
	sim_node_destroy(w->bitcoin);
	sim_node_destroy(w->evm);
	loop_destroy(w->loop);
}

struct said {
	bool done;
	enum err err;
	unsigned status;
	char *body; /* owns */
	size_t body_len;
	uint64_t took_ms, began_ms;
	struct loop *loop;
};

static void on_said(void *ctx, const struct http_answer *answer)
{
	struct said *s = ctx;
	s->done = true;
	s->err = answer->err;
	s->status = answer->status;
	s->took_ms = loop_now_ms(s->loop) - s->began_ms;
	s->body_len = answer->err == OK ? answer->body.len : 0;
	s->body = malloc(s->body_len + 1);
	CHECK(s->body != NULL);
	if (s->body_len > 0)
		memcpy(s->body, answer->body.ptr, s->body_len);
	s->body[s->body_len] = 0;
}

static void say(struct world *w, struct said *s, unsigned node, const char *body,
	const char *authorization, uint64_t timeout_ms)
{
	const struct http_request request = {.method = "POST",
		.url = w->url[node],
		.content_type = "application/json",
		.authorization = authorization,
		.body = slice_str(body),
		.timeout_ms = timeout_ms};
	*s = (struct said){.loop = w->loop, .began_ms = loop_now_ms(w->loop)};
	CHECK(http_client_send(w->client, NULL, &request, on_said, s) == OK);
}

static void wait_for(struct world *w, const struct said *s)
{
	const uint64_t end = loop_now_ms(w->loop) + WAIT_MS;
	while (!s->done && loop_now_ms(w->loop) < end)
		(void)loop_step(w->loop, 1000);
	CHECK(s->done);
}

/* One call; the body is the test's until the next. */
#define PATIENCE_MS 5000u
static struct said ask_within(
	struct world *w, unsigned node, const char *method, const char *params, uint64_t timeout_ms)
{
	static char *last;
	struct said s;
	char body[512];
	(void)snprintf(
		body, sizeof body, "{\"id\":7,\"method\":\"%s\",\"params\":%s}", method, params);
	say(w, &s, node, body, NULL, timeout_ms);
	wait_for(w, &s);
	free(last);
	last = s.body;
	return s;
}

static struct said ask(struct world *w, unsigned node, const char *method, const char *params)
{
	return ask_within(w, node, method, params, PATIENCE_MS);
}

/* ---- both kinds of transport ---- */

static void test_envelopes(struct world *w)
{
	struct said s = ask(w, 0, "getblockcount", "[]");
	CHECK(s.err == OK && s.status == 200);
	CHECK(strcmp(s.body, "{\"result\":111,\"error\":null,\"id\":7}") == 0);
	s = ask(w, 0, "nope", "[]");
	CHECK(s.status == 404);
	CHECK(strcmp(s.body,
		      "{\"result\":null,\"error\":{\"code\":-32601,\"message\":"
		      "\"Method not found\"},\"id\":7}") == 0);
	s = ask(w, 0, "getblockhash", "[5000]");
	CHECK(s.status == 500);
	s = ask(w, 1, "eth_chainId", "[]");
	CHECK(strcmp(s.body, "{\"jsonrpc\":\"2.0\",\"result\":\"0x21\",\"id\":7}") == 0);
	s = ask(w, 1, "eth_nope", "[]");
	CHECK(s.status == 200 && strstr(s.body, "\"code\":-32601") != NULL);

	static const struct {
		unsigned node, status;
		const char *body, *answer;
	} rows[] = {
		{0, 200, "{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"getblockcount\"}",
			"{\"jsonrpc\":\"2.0\",\"result\":111,\"id\":\"a\"}"},
		{0, 200, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"nope\"}",
			"{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32601,\"message\":\"Method not "
			"found\"},\"id\":1}"},
		{0, 200, "[{\"id\":1,\"method\":\"getblockcount\"},{\"id\":2,\"method\":\"x\"}]",
			"[{\"result\":111,\"error\":null,\"id\":1},{\"result\":null,\"error\":{"
			"\"code\":-32601,\"message\":\"Method not found\"},\"id\":2}]"},
		{0, 500, "{\"id\":1,", NULL},
		{1, 200, "[[[[", NULL},
		{0, 400, "{\"id\":1}", NULL},
		{1, 200, "{\"id\":1,\"method\":\"eth_chainId\",\"params\":{\"a\":1}}", NULL},
		{0, 400, "3", NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		say(w, &s, rows[i].node, rows[i].body, NULL, 2000);
		wait_for(w, &s);
		CHECK(s.err == OK && s.status == rows[i].status);
		if (rows[i].answer != NULL)
			CHECK(strcmp(s.body, rows[i].answer) == 0);
		else
			CHECK(strstr(s.body, "\"error\"") != NULL);
		free(s.body);
	}
}

static uint64_t height_of(struct world *w, unsigned node)
{
	struct sim_node *n = node == 0 ? w->bitcoin : w->evm;
	return sim_node_network(n)->ops->height(sim_node_network(n));
}

/* Which faults let the call do its work, and what the client sees of it. */
static void test_faults(struct world *w, bool local)
{
	static const struct {
		const char *kind;
		bool acts;
		enum err err;
		unsigned status;
	} rows[] = {
		{"error", false, OK, 200},
		{"http500", false, OK, 500},
		{"brackets", false, OK, 200},
		{"unavailable", false, OK, 503},
		{"hang", false, ERR_TIMEOUT, 0},
		{"timeout", true, ERR_TIMEOUT, 0},
		{"lost_reply", true, ERR_IO, 0},
		{"cut", true, ERR_IO, 0},
		{"half", true, OK, 200},
		{"garbage", true, OK, 200},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char params[128];
		const uint64_t before = height_of(w, 1);
		(void)snprintf(
			params, sizeof params, "[\"anvil_mine\", \"%s\", 1, -32050]", rows[i].kind);
		struct said s = ask(w, 1, "sim_fault", params);
		CHECK(s.status == 200 && strstr(s.body, "error") == NULL);
		s = ask(w, 1, "eth_chainId", "[]"); /* another method is as it was */
		CHECK(s.err == OK && strstr(s.body, "0x21") != NULL);
		s = ask_within(
			w, 1, "anvil_mine", "[1]", rows[i].err == ERR_TIMEOUT ? 300 : PATIENCE_MS);
		const bool gone = local && strcmp(rows[i].kind, "unavailable") == 0;
		CHECK(s.err == (gone ? ERR_UNAVAILABLE : rows[i].err));
		CHECK(s.err != OK || s.status == rows[i].status);
		struct json *v = NULL;
		if (s.err == OK)
			CHECK((json_parse(&v, slice_of(s.body, s.body_len), NULL) == OK) ==
				(i == 0));
		CHECK(i != 0 || strstr(s.body, "-32050") != NULL);
		CHECK(strcmp(rows[i].kind, "brackets") != 0 || s.body_len == 1u << 20);
		json_free(v);
		CHECK(height_of(w, 1) == before + rows[i].acts);
		s = ask(w, 1, "anvil_mine", "[1]"); /* once was asked for */
		CHECK(s.err == OK && s.status == 200);
		CHECK(height_of(w, 1) == before + rows[i].acts + 1);
	}
	struct said s = ask(w, 0, "sim_fault", "[\"*\", \"nonsense\"]");
	CHECK(strstr(s.body, "-32602") != NULL);
	s = ask(w, 0, "sim_fault", "[\"*\", \"http500\", 100]");
	s = ask(w, 0, "getblockcount", "[]");
	CHECK(s.status == 500);
	s = ask(w, 0, "sim_fault_clear", "[]");
	CHECK(s.status == 200);
	s = ask(w, 0, "getblockcount", "[]");
	CHECK(s.status == 200);
}

/* A node that says it is not at its tip, each in its own way. */
static void test_syncing(struct world *w)
{
	static const struct {
		const char *method, *behind;
	} rows[] = {{"getblockchaininfo", "\"initialblockdownload\":true"},
		{"eth_syncing", "\"highestBlock\":"}};
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		(void)ask(w, i, "sim_syncing", "[]");
		CHECK(strstr(ask(w, i, rows[i].method, "[]").body, rows[i].behind) != NULL);
		(void)ask(w, i, "sim_syncing", "[false]");
		CHECK(strstr(ask(w, i, rows[i].method, "[]").body, rows[i].behind) == NULL);
	}
}

/* ---- virtual time ---- */

static void test_latency(void)
{
	struct world w;
	struct said s[200];
	uint64_t least = UINT64_MAX, most = 0;
	world_make(&w, true, 5, 50, 500);
	for (unsigned i = 0; i < ARRAY_LEN(s); i++)
		say(&w, &s[i], i % 2, "{\"id\":1,\"method\":\"eth_blockNumber\"}", NULL, 2000);
	for (unsigned i = 0; i < ARRAY_LEN(s); i++) {
		wait_for(&w, &s[i]);
		least = s[i].took_ms < least ? s[i].took_ms : least;
		most = s[i].took_ms > most ? s[i].took_ms : most;
		free(s[i].body);
	}
	CHECK(least >= 50 && least < 80 && most <= 500 && most > 450);
	struct sim_node_stats stats;
	sim_node_stats(w.bitcoin, &stats);
	CHECK(stats.calls == 100 && stats.pending == 0 && stats.pending_most == 100);
	/* levers have none */
	CHECK(ask(&w, 0, "sim_latency", "[0, 0]").took_ms == 0);
	CHECK(ask(&w, 0, "getblockcount", "[]").took_ms == 0);
	world_drop(&w);
}

static void test_auto_mine(void)
{
	struct world w;
	world_make(&w, true, 5, 0, 0);
	const uint64_t before = height_of(&w, 0);
	(void)ask(&w, 0, "sim_auto_mine", "[600000]");
	for (uint64_t end = loop_now_ms(w.loop) + 6000000; loop_now_ms(w.loop) < end;)
		(void)loop_step(w.loop, 60000);
	CHECK(height_of(&w, 0) == before + 10);
	(void)ask(&w, 0, "sim_auto_mine", "[0]");
	(void)loop_step(w.loop, 6000000);
	CHECK(height_of(&w, 0) == before + 10);
	world_drop(&w);
}

static void test_authorization(void)
{
	struct world w;
	struct said s;
	const struct sim_node_config config = {.authorization = "Basic dTpw"};
	world_make(&w, true, 5, 0, 0);
	const struct sim_bitcoin_config bitcoin = {.seed = 5, .now_ms = START_MS};
	struct sim_node *guarded;
	CHECK(sim_node_create(&guarded, w.loop, sim_bitcoin_create(&bitcoin), &config) == OK);
	w.local.row[0].node = guarded;
	static const struct {
		const char *sent;
		unsigned status;
	} rows[] = {{NULL, 401}, {"Basic dTpx", 401}, {"Basic dTpw", 200}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		say(&w, &s, 0, "{\"id\":1,\"method\":\"getblockcount\"}", rows[i].sent, 100);
		wait_for(&w, &s);
		CHECK(s.err == OK && s.status == rows[i].status);
		free(s.body);
	}
	sim_node_destroy(guarded);
	world_drop(&w);
}

/* The same seed, the same answers at the same times; another seed, others. */
static void transcript(struct hash256 *out, uint64_t seed)
{
	static const char *const methods[] = {
		"getblockcount", "getbestblockhash", "eth_blockNumber", "sim_state_hash"};
	struct world w;
	struct text all = {0};
	world_make(&w, true, seed, 50, 500);
	(void)ask(&w, 0, "sim_auto_mine", "[700]");
	(void)ask(&w, 1, "sim_auto_mine", "[300]");
	(void)ask(&w, 0, "sim_fault", "[\"*\", \"garbage\", 3]");
	for (unsigned i = 0; i < 60; i++) {
		const struct said s = ask(&w, i % 2, methods[i % ARRAY_LEN(methods)], "[]");
		text_put(&all, s.body, s.body_len);
		text_printf(&all, "%llu\n", (unsigned long long)loop_now_ms(w.loop));
	}
	sha256(out, text_slice(&all));
	text_fini(&all);
	world_drop(&w);
}

static void test_replay(void)
{
	struct hash256 a, b, c;
	transcript(&a, 1);
	transcript(&b, 1);
	transcript(&c, 2);
	CHECK(hash256_eq(&a, &b) && !hash256_eq(&a, &c));
}

/* Destroyed with calls under way, and with one that hangs. */
static void test_end(bool virtual_time)
{
	struct world w;
	struct said s[3];
	world_make(&w, virtual_time, 5, 100, 100);
	(void)ask(&w, 0, "sim_fault", "[\"uptime\", \"hang\", 1]");
	say(&w, &s[0], 0, "{\"id\":1,\"method\":\"uptime\"}", NULL, 0);
	say(&w, &s[1], 0, "{\"id\":1,\"method\":\"getblockcount\"}", NULL, 0);
	for (uint64_t end = loop_now_ms(w.loop) + 150; loop_now_ms(w.loop) < end;)
		(void)loop_step(w.loop, 10);
	say(&w, &s[2], 0, "{\"id\":1,\"method\":\"getblockcount\"}", NULL, 0);
	for (uint64_t end = loop_now_ms(w.loop) + 50; loop_now_ms(w.loop) < end;)
		(void)loop_step(w.loop, 10);
	CHECK(!s[0].done && s[1].done && !s[2].done);
	world_drop(&w);
	CHECK(s[0].done && s[0].err == ERR_CANCELLED && s[2].done);
	for (unsigned i = 0; i < 3; i++)
		free(s[i].body);
}

int main(void)
{
	static const uint8_t seed[32];
	struct world w;
	secp_init(seed);
	for (unsigned i = 0; i < 2; i++) {
		const bool local = i == 0;
		world_make(&w, local, 1, 0, 0);
		test_envelopes(&w);
		test_faults(&w, local);
		test_syncing(&w);
		world_drop(&w);
		test_end(local);
	}
	test_latency();
	test_auto_mine();
	test_authorization();
	test_replay();
	return EXIT_SUCCESS;
}
