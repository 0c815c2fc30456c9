#include "node/config.h"

#include <stdio.h>
#include <stdlib.h>

static struct config_error error;

static enum err load(struct config *c, const char *yaml, const char *const *environment,
	const char *const *set, size_t set_count)
{
	const struct config_source source = {
		.path = "t.yaml", .environment = environment, .set = set, .set_count = set_count};
	return config_load_text(c, slice_str(yaml), &source, &error);
}

static bool same_text(const char *have, const char *want)
{
	if (strcmp(have, want) != 0)
		(void)fprintf(stderr, "have: %s\nwant: %s\n", have, want);
	return strcmp(have, want) == 0;
}

/* Defaults are mainnet's, and with both layers on they are a safe whole. */
static void test_defaults(struct config *c)
{
	char text[4096];
	struct buf problems = buf_init(text, sizeof text);
	CHECK(load(c, "", NULL, NULL, 0) == OK);
	CHECK(strcmp(c->layer[LAYER_BITCOIN].params.network->name, "mainnet") == 0);
	CHECK(c->layer[LAYER_BITCOIN].params.block_interval_ms == 600000);
	CHECK(c->layer[LAYER_BITCOIN].params.depth_steps == 3);
	CHECK(c->layer[LAYER_BITCOIN].params.depth[2].depth == 6);
	CHECK(c->layer[LAYER_ROOTSTOCK].params.depth[0].depth == 12);
	CHECK(config_check(c, &problems) == ERR_STATE);
	CHECK(same_text(
		buf_cstr(&problems), "no layer is enabled: set bitcoin.enabled or others\n"));
	problems = buf_init(text, sizeof text);
	CHECK(load(c,
		      "bitcoin: {enabled: true}\n"
		      "rootstock:\n"
		      "  enabled: true\n"
		      "  contract: '0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed'\n",
		      NULL, NULL, 0) == OK);
	const enum err e = config_check(c, &problems);
	CHECK(same_text(buf_cstr(&problems), "") && e == OK);
}

static void test_precedence(struct config *c)
{
	const char *const environment[] = {"HOME=/x", "SLUICE_HTTP_PORT=2", "SLUICE_DATA_DIR=/env",
		"SLUICE_KILL_AT=1:synced", NULL};
	const char *const set[] = {"http.port=3"};
	CHECK(load(c, "http:\n  port: 1\n  bind: '::1'\ndata_dir: /file\n", environment, set, 1) ==
		OK);
	CHECK(c->http_port == 3 && strcmp(c->data_dir, "/env") == 0);
	CHECK(strcmp(c->http_bind, "::1") == 0 && c->http_body_max == 262144);
	char text[64];
	struct buf b = buf_init(text, sizeof text);
	amount_format(text, c->layer[LAYER_ROOTSTOCK].params.swap_min);
	CHECK(strcmp(text, "0.0005") == 0 &&
		c->layer[LAYER_ROOTSTOCK].params.swap_min.asset == ASSET_RBTC);
	(void)b;
}

static void test_refusals(struct config *c)
{
	static const struct {
		const char *yaml;
		enum err err;
		const char *text;
	} rows[] = {
		{"htp: {port: 1}\n", ERR_FORMAT,
			"t.yaml:1: htp.port: there is no such key; did you mean http.port?"},
		{"a: 1\n", ERR_FORMAT,
			"t.yaml:1: a: there is no such key (see `sluice config explain`)"},
		{"bitcoin:\n  rpc_password: x\n", ERR_DENIED,
			"t.yaml:2: bitcoin.rpc_password: secrets are kept in files: give "
			"bitcoin.rpc_password_file"},
		{"bitcoin:\n  rpc_url: http://u:p@h:1/\n", ERR_DENIED,
			"t.yaml:2: bitcoin.rpc_url: no user or password in the URL: give rpc_user "
			"and rpc_password_file"},
		{"http: {port: 65536}\n", ERR_RANGE,
			"t.yaml:1: http.port: \"65536\" is out of range (0 to 65535)"},
		{"http: {port: 0x10}\n", ERR_RANGE,
			"t.yaml:1: http.port: \"0x10\" must be a whole number (0 to 65535)"},
		{"bitcoin: {enabled: yes}\n", ERR_RANGE,
			"t.yaml:1: bitcoin.enabled: \"yes\" must be true or false"},
		{"bitcoin: {network: regnet}\n", ERR_RANGE,
			"t.yaml:1: bitcoin.network: \"regnet\" is no network of this layer"},
		{"bitcoin: {swap_min: -1}\n", ERR_RANGE,
			"t.yaml:1: bitcoin.swap_min: \"-1\" must be an amount in whole coins, as "
			"\"0.01\""},
		{"bitcoin: {depth: '0.1:1'}\n", ERR_RANGE,
			"t.yaml:1: bitcoin.depth: \"0.1:1\" must begin with 0:BLOCKS"},
		{"bitcoin: {depth: '0:3, 1:2'}\n", ERR_RANGE,
			"t.yaml:1: bitcoin.depth: \"0:3, 1:2\" must have ascending amounts and "
			"depths"},
		{"bitcoin: {depth: '0:1,1:2,2:3,3:4,4:5'}\n", ERR_RANGE,
			"t.yaml:1: bitcoin.depth: \"0:1,1:2,2:3,3:4,4:5\" has too many steps"},
		{"bitcoin: {depth: ''}\n", ERR_RANGE,
			"t.yaml:1: bitcoin.depth: \"\" must be AMOUNT:BLOCKS, AMOUNT:BLOCKS, ..."},
		{"bitcoin: {contract: ''}\n", ERR_FORMAT,
			"t.yaml:1: bitcoin.contract: there is no such key (see `sluice config "
			"explain`)"},
		{"rootstock: {contract: '0x12'}\n", ERR_FORMAT,
			"configuration: rootstock.contract: \"0x12\" is not an address"},
		{"data_dir: [a]\n", ERR_FORMAT, NULL},
		{"data_dir: a\ndata_dir: b\n", ERR_EXISTS, "t.yaml:2: this name was given before"},
		{"data_dir: \"a\n", ERR_FORMAT, NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const enum err e = load(c, rows[i].yaml, NULL, NULL, 0);
		if (e != rows[i].err) {
			(void)fprintf(stderr, "row %zu: %s: %s\n", i, err_name(e), error.text);
			CHECK(false);
		}
		CHECK(error.text[0] != '\0');
		CHECK(rows[i].text == NULL || same_text(error.text, rows[i].text));
	}
	const char *const bad[] = {"http.port"};
	CHECK(load(c, "", NULL, bad, 1) == ERR_FORMAT);
	const char *const misspelt[] = {"SLUICE_BITCOIN_RPC_ULR=http://x", NULL};
	CHECK(load(c, "", misspelt, NULL, 0) == ERR_FORMAT);
	CHECK(same_text(error.text, "environment: SLUICE_BITCOIN_RPC_ULR: there is no such key"));
	const char *const foreign[] = {"SLUICE_VERSION=1", "SLUICE_=", "SLUICE_BITCOIN=x", NULL};
	CHECK(load(c, "", foreign, NULL, 0) == OK);
}

static void test_check(struct config *c)
{
	static const struct {
		const char *yaml, *problem;
	} rows[] = {
		{"http: {bind: 0.0.0.0}\nbitcoin: {enabled: true}\n", "http.bind: "},
		{"bitcoin: {enabled: true, swap_min: 1, swap_max: 0.5}\n", "bitcoin.swap_min: "},
		{"bitcoin: {enabled: true, rpc_user: u}\n", "bitcoin.rpc_user: "},
		{"bitcoin: {enabled: true, rpc_url: 'ftp://x'}\n", "bitcoin.rpc_url: "},
		{"bitcoin: {enabled: true, outage_ms: 1}\n", "bitcoin.outage_ms: "},
		{"rootstock: {enabled: true}\n", "rootstock.contract: "},
		{"bitcoin: {enabled: true, deposit_descriptor: 'wpkh(xprv9s21ZrQH143K3QTDL4LXw2F7H"
		 "EK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMP"
		 "Hi/*)#n9g43y4k'}\n",
			"bitcoin.deposit_descriptor: "},
		{"bitcoin: {enabled: true, deposit_descriptor: 'tr(deadbeef)'}\n",
			"bitcoin.deposit_descriptor: "},
		{"bitcoin: {enabled: true}\nrootstock: {enabled: true, network: regtest, contract: "
		 "'0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed'}\n",
			"one layer's network is a test network"},
		{"bitcoin: {enabled: true, lock_blocks: 20}\nrootstock: {enabled: true, contract: "
		 "'0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed'}\n",
			"bitcoin.lock_blocks: "},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[4096];
		struct buf problems = buf_init(text, sizeof text);
		CHECK(load(c, rows[i].yaml, NULL, NULL, 0) == OK);
		const enum err e = config_check(c, &problems);
		if (e != ERR_STATE || strstr(buf_cstr(&problems), rows[i].problem) == NULL) {
			(void)fprintf(stderr, "row %zu: %s\n", i, text);
			CHECK(false);
		}
	}
}

/* What explain prints is a file that gives the defaults. */
static void test_explain(struct config *c)
{
	static struct config again;
	char *text = malloc(CONFIG_EXPLAIN_MAX), *one = malloc(CONFIG_EXPLAIN_MAX);
	char *two = malloc(CONFIG_EXPLAIN_MAX);
	CHECK(text != NULL && one != NULL && two != NULL);
	struct buf explained = buf_init(text, CONFIG_EXPLAIN_MAX);
	struct buf have = buf_init(one, CONFIG_EXPLAIN_MAX);
	struct buf want = buf_init(two, CONFIG_EXPLAIN_MAX);
	config_explain(&explained);
	CHECK(!explained.overflow && load(c, "", NULL, NULL, 0) == OK);
	CHECK(load(&again, buf_cstr(&explained), NULL, NULL, 0) == OK);
	config_show(&have, &again);
	config_show(&want, c);
	CHECK(!have.overflow && slice_eq(buf_slice(&have), buf_slice(&want)));
	free(text);
	free(one);
	free(two);
}

int main(void)
{
	static struct config c;
	test_defaults(&c);
	test_precedence(&c);
	test_refusals(&c);
	test_check(&c);
	test_explain(&c);
	return 0;
}
