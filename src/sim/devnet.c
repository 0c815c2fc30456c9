#include "sim/devnet.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/hex.h"
#include "crypto/secp.h"
#include "sim/bitcoin.h"
#include "sim/elements.h"
#include "sim/evm.h"
#include "sim/lightning.h"
#include "sim/server.h"
#include "sys/rand.h"
#include "sys/signals.h"

#define BITCOIN_PORT 39443u
#define ROOTSTOCK_PORT 39444u
#define LIGHTNING_ALICE_PORT 39445u
#define LIGHTNING_BOB_PORT 39446u
#define LIQUID_PORT 39447u
#define BOB_PORT 39448u
#define CHANNEL_MSAT UINT64_C(1000000000000) /* ten coins on each side */
#define LATENCY_LOW_MS 50u
#define LATENCY_HIGH_MS 500u
#define BITCOIN_BLOCK_MS 5000u
#define ROOTSTOCK_BLOCK_MS 1000u
#define LIQUID_BLOCK_MS 2000u
#define BOB_BLOCK_MS 1000u
#define FD_MAX 16384u
#define NUMBER_MAX UINT64_C(1000000000000)
#define AUTH_MAX 256u
#define BASIC "Basic "
#define MACAROON_HEX "0201"

struct options {
	uint64_t seed, bitcoin_port, rootstock_port, liquid_port, bob_port;
	uint64_t lightning_port[SIMLN_SIDES];
	uint64_t bitcoin_block_ms, rootstock_block_ms, liquid_block_ms, bob_block_ms;
	uint64_t latency_low_ms, latency_high_ms, block_gas, chain_id;
	char authorization[sizeof BASIC + BASE64_SIZE(AUTH_MAX)];
	enum loop_backend_kind backend;
	bool lightning_cln[SIMLN_SIDES];
	bool guarded, geth, json, state_hash, help;
};

static const char usage[] =
	"usage: sluice-devnet [options]\n"
	"Simulated Bitcoin, Rootstock, Liquid and BOB nodes (regtest), JSON-RPC on 127.0.0.1,\n"
	"and two Lightning nodes with a channel between them, lnd's REST or Core Lightning's.\n"
	"\n"
	"  --seed N                 of everything that is drawn (1)\n"
	"  --bitcoin-port P         0: any that is free (39443)\n"
	"  --rootstock-port P       0: any that is free (39444)\n"
	"  --lightning-alice-port P of a Lightning node; 0: any that is free (39445)\n"
	"  --lightning-bob-port P   of the other; 0: any that is free (39446)\n"
	"  --lightning-cln WHO      alice, bob or both: a Core Lightning with `hold` (none)\n"
	"  --liquid-port P          0: any that is free (39447)\n"
	"  --bob-port P             0: any that is free (39448)\n"
	"  --latency LO-HI          milliseconds for a call; 0-0: none (50-500)\n"
	"  --bitcoin-block-ms N     between blocks; 0: only on request (5000)\n"
	"  --rootstock-block-ms N   between blocks; 0: only on request (1000)\n"
	"  --liquid-block-ms N      between blocks; 0: only on request (2000)\n"
	"  --bob-block-ms N         between blocks; 0: only on request (1000)\n"
	"  --bitcoin-auth U:P       the Bitcoin node asks for this user and password (none)\n"
	"  --rootstock-chain-id N   (33)\n"
	"  --rootstock-block-gas N  gas of a block (30000000)\n"
	"  --rootstock-geth         errors in geth's words; refuses transactions for other chains\n"
	"  --loop-backend NAME      how it waits: auto, epoll, uring (auto)\n"
	"  --json                   say where, as one JSON object\n"
	"  --state-hash             print a hash of each network's state at the end\n"
	"  --help\n";

/* ---- options ---- */

static bool parse_number(uint64_t *out, const char *text, const char **end)
{
	uint64_t n = 0;
	const char *p = text;
	for (; *p >= '0' && *p <= '9'; p++) {
		n = n * 10 + (uint64_t)(*p - '0');
		if (n > NUMBER_MAX)
			return false;
	}
	*end = p;
	*out = n;
	return p != text;
}

static bool option_number(uint64_t *out, const char *text, uint64_t max)
{
	const char *end;
	uint64_t n;
	if (!parse_number(&n, text, &end) || *end != 0 || n > max)
		return false;
	*out = n;
	return true;
}

static bool option_latency(struct options *o, const char *text)
{
	const char *end;
	if (!parse_number(&o->latency_low_ms, text, &end) || *end != '-')
		return false;
	return parse_number(&o->latency_high_ms, end + 1, &end) && *end == 0 &&
		o->latency_low_ms <= o->latency_high_ms && o->latency_high_ms <= SIM_LATENCY_MAX_MS;
}

/* RFC 7617: "Basic " and the base64 of user:password. */
static bool option_auth(struct options *o, const char *text)
{
	const size_t len = strlen(text);
	if (strchr(text, ':') == NULL || len > AUTH_MAX)
		return false;
	memcpy(o->authorization, BASIC, strlen(BASIC));
	base64_encode(o->authorization + strlen(BASIC), BASE64, text, len);
	o->guarded = true;
	return true;
}

static bool option_cln(struct options *o, const char *text)
{
	const bool both = strcmp(text, "both") == 0;
	o->lightning_cln[SIMLN_ALICE] = both || strcmp(text, "alice") == 0;
	o->lightning_cln[SIMLN_BOB] = both || strcmp(text, "bob") == 0;
	return o->lightning_cln[SIMLN_ALICE] || o->lightning_cln[SIMLN_BOB];
}

enum option_key {
	OPT_SEED = 1,
	OPT_BITCOIN_PORT,
	OPT_ROOTSTOCK_PORT,
	OPT_LIGHTNING_ALICE_PORT,
	OPT_LIGHTNING_BOB_PORT,
	OPT_LIGHTNING_CLN,
	OPT_LIQUID_PORT,
	OPT_BOB_PORT,
	OPT_LATENCY,
	OPT_BITCOIN_BLOCK,
	OPT_ROOTSTOCK_BLOCK,
	OPT_LIQUID_BLOCK,
	OPT_BOB_BLOCK,
	OPT_AUTH,
	OPT_CHAIN_ID,
	OPT_BLOCK_GAS,
	OPT_BACKEND,
	OPT_GETH,
	OPT_JSON,
	OPT_STATE_HASH,
	OPT_HELP
};

static const struct option long_options[] = {
	{"seed", required_argument, NULL, OPT_SEED},
	{"bitcoin-port", required_argument, NULL, OPT_BITCOIN_PORT},
	{"rootstock-port", required_argument, NULL, OPT_ROOTSTOCK_PORT},
	{"lightning-alice-port", required_argument, NULL, OPT_LIGHTNING_ALICE_PORT},
	{"lightning-bob-port", required_argument, NULL, OPT_LIGHTNING_BOB_PORT},
	{"lightning-cln", required_argument, NULL, OPT_LIGHTNING_CLN},
	{"liquid-port", required_argument, NULL, OPT_LIQUID_PORT},
	{"bob-port", required_argument, NULL, OPT_BOB_PORT},
	{"latency", required_argument, NULL, OPT_LATENCY},
	{"bitcoin-block-ms", required_argument, NULL, OPT_BITCOIN_BLOCK},
	{"rootstock-block-ms", required_argument, NULL, OPT_ROOTSTOCK_BLOCK},
	{"liquid-block-ms", required_argument, NULL, OPT_LIQUID_BLOCK},
	{"bob-block-ms", required_argument, NULL, OPT_BOB_BLOCK},
	{"bitcoin-auth", required_argument, NULL, OPT_AUTH},
	{"rootstock-chain-id", required_argument, NULL, OPT_CHAIN_ID},
	{"rootstock-block-gas", required_argument, NULL, OPT_BLOCK_GAS},
	{"loop-backend", required_argument, NULL, OPT_BACKEND},
	{"rootstock-geth", no_argument, NULL, OPT_GETH},
	{"json", no_argument, NULL, OPT_JSON},
	{"state-hash", no_argument, NULL, OPT_STATE_HASH},
	{"help", no_argument, NULL, OPT_HELP},
	{0},
};

static bool take_option(struct options *o, int key, const char *text)
{
	const struct {
		enum option_key key;
		uint64_t *to, max;
	} numbers[] = {
		{OPT_SEED, &o->seed, NUMBER_MAX},
		{OPT_BITCOIN_PORT, &o->bitcoin_port, UINT16_MAX},
		{OPT_ROOTSTOCK_PORT, &o->rootstock_port, UINT16_MAX},
		{OPT_LIGHTNING_ALICE_PORT, &o->lightning_port[SIMLN_ALICE], UINT16_MAX},
		{OPT_LIGHTNING_BOB_PORT, &o->lightning_port[SIMLN_BOB], UINT16_MAX},
		{OPT_BITCOIN_BLOCK, &o->bitcoin_block_ms, NUMBER_MAX},
		{OPT_ROOTSTOCK_BLOCK, &o->rootstock_block_ms, NUMBER_MAX},
		{OPT_LIQUID_PORT, &o->liquid_port, UINT16_MAX},
		{OPT_LIQUID_BLOCK, &o->liquid_block_ms, NUMBER_MAX},
		{OPT_BOB_PORT, &o->bob_port, UINT16_MAX},
		{OPT_BOB_BLOCK, &o->bob_block_ms, NUMBER_MAX},
		{OPT_CHAIN_ID, &o->chain_id, NUMBER_MAX},
		{OPT_BLOCK_GAS, &o->block_gas, NUMBER_MAX},
	};
	const struct {
		enum option_key key;
		bool *to;
	} flags[] = {
		{OPT_GETH, &o->geth},
		{OPT_JSON, &o->json},
		{OPT_STATE_HASH, &o->state_hash},
		{OPT_HELP, &o->help},
	};
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		if ((int)numbers[i].key == key)
			return option_number(numbers[i].to, text, numbers[i].max);
	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		if ((int)flags[i].key != key)
			continue;
		*flags[i].to = true;
		return true;
	}
	switch (key) {
	case OPT_LATENCY: return option_latency(o, text);
	case OPT_AUTH: return option_auth(o, text);
	case OPT_LIGHTNING_CLN: return option_cln(o, text);
	case OPT_BACKEND: return loop_backend_parse(&o->backend, text) == OK;
	default: return false;
	}
}

static bool parse_options(struct options *o, int argc, char **argv)
{
	int key, index = 0;
	*o = (struct options){.seed = 1,
		.bitcoin_port = BITCOIN_PORT,
		.rootstock_port = ROOTSTOCK_PORT,
		.lightning_port = {LIGHTNING_ALICE_PORT, LIGHTNING_BOB_PORT},
		.liquid_port = LIQUID_PORT,
		.bob_port = BOB_PORT,
		.bob_block_ms = BOB_BLOCK_MS,
		.liquid_block_ms = LIQUID_BLOCK_MS,
		.latency_low_ms = LATENCY_LOW_MS,
		.latency_high_ms = LATENCY_HIGH_MS,
		.bitcoin_block_ms = BITCOIN_BLOCK_MS,
		.rootstock_block_ms = ROOTSTOCK_BLOCK_MS,
		.chain_id = SIM_EVM_CHAIN_ID};
	while ((key = getopt_long(argc, argv, "", long_options, &index)) != -1) {
		if (key == '?')
			return false;
		if (take_option(o, key, optarg))
			continue;
		(void)fprintf(stderr, "sluice-devnet: --%s: %s is not possible\n",
			long_options[index].name, optarg == NULL ? "this" : optarg);
		return false;
	}
	if (optind < argc)
		(void)fprintf(stderr, "sluice-devnet: %s: no arguments are taken\n", argv[optind]);
	return optind == argc && o->chain_id != 0;
}

/* ---- the nodes ---- */

enum devnet_node {
	NODE_BITCOIN,
	NODE_ROOTSTOCK,
	NODE_ALICE, /* Lightning's */
	NODE_BOB,
	NODE_LIQUID,
	NODE_ROLLUP, /* the network BOB */
	NODE_COUNT
};

struct devnet {
	struct loop *loop;
	struct sim_node *node[NODE_COUNT];
	struct sim_server *server[NODE_COUNT];
	struct simln *lightning;
};

static void on_signal(void *ctx)
{
	loop_stop(ctx);
}

static uint32_t bitcoin_height(const struct devnet *d)
{
	const struct sim_network *n = sim_node_network(d->node[NODE_BITCOIN]);
	return (uint32_t)n->ops->height(n);
}

/* Lightning lives on Bitcoin's chain. */
static void on_bitcoin(void *ctx)
{
	struct devnet *d = ctx;
	if (d->lightning != NULL)
		simln_set_height(d->lightning, bitcoin_height(d));
}

static enum err start_lightning(
	struct devnet *d, const struct options *o, struct sim_node_config node)
{
	const struct simln_config config = {.loop = d->loop,
		.wall_s = (loop_wall_ms(d->loop) - loop_now_ms(d->loop)) / 1000,
		.height = bitcoin_height(d),
		.local_msat = {CHANNEL_MSAT, CHANNEL_MSAT},
		.cln = {o->lightning_cln[SIMLN_ALICE], o->lightning_cln[SIMLN_BOB]}};
	TRY(simln_create(&d->lightning, &config));
	for (enum simln_side side = 0; side < SIMLN_SIDES; side++) {
		const unsigned at = NODE_ALICE + side;
		struct sim_rest *rest = simln_rest(d->lightning, side);
		node.seed += at;
		TRY(sim_node_create(
			&d->node[at], d->loop, simln_network(d->lightning, side), &node));
		rest->node = d->node[at];
		TRY(sim_server_create_rest(
			&d->server[at], d->loop, (uint16_t)o->lightning_port[side], rest));
	}
	return OK;
}

static enum err start_liquid(struct devnet *d, const struct options *o, struct sim_node_config node)
{
	const struct sim_bitcoin_config config = {.seed = o->seed, .now_ms = loop_wall_ms(d->loop)};
	node.seed = o->seed + 1;
	node.block_ms = o->liquid_block_ms;
	TRY(sim_node_create(&d->node[NODE_LIQUID], d->loop, sim_elements_create(&config), &node));
	return sim_server_create(
		&d->server[NODE_LIQUID], d->loop, (uint16_t)o->liquid_port, d->node[NODE_LIQUID]);
}

static enum err start_rollup(struct devnet *d, const struct options *o, struct sim_node_config node)
{
	const struct sim_evm_config config = {
		.seed = o->seed, .now_ms = loop_wall_ms(d->loop), .rollup = true, .geth = o->geth};
	node.seed = o->seed + 2;
	node.block_ms = o->bob_block_ms;
	TRY(sim_node_create(&d->node[NODE_ROLLUP], d->loop, sim_evm_create(&config), &node));
	return sim_server_create(
		&d->server[NODE_ROLLUP], d->loop, (uint16_t)o->bob_port, d->node[NODE_ROLLUP]);
}

static enum err start(struct devnet *d, const struct options *o)
{
	const struct loop_config loop = {.backend = o->backend, .fd_max = FD_MAX};
	TRY(loop_create(&d->loop, &loop));
	TRY(signals_watch(d->loop, on_signal, d->loop));
	const uint64_t now_ms = loop_wall_ms(d->loop);
	const struct sim_bitcoin_config bitcoin = {.seed = o->seed, .now_ms = now_ms};
	const struct sim_evm_config evm = {.seed = o->seed,
		.now_ms = now_ms,
		.chain_id = o->chain_id,
		.block_gas = o->block_gas,
		.tokens = true,
		.geth = o->geth};
	struct sim_node_config node = {.seed = o->seed,
		.latency_low_ms = o->latency_low_ms,
		.latency_high_ms = o->latency_high_ms,
		.block_ms = o->bitcoin_block_ms,
		.authorization = o->guarded ? o->authorization : NULL,
		.changed = on_bitcoin,
		.changed_ctx = d};
	TRY(sim_node_create(&d->node[NODE_BITCOIN], d->loop, sim_bitcoin_create(&bitcoin), &node));
	node.seed = ~o->seed;
	node.block_ms = o->rootstock_block_ms;
	node.authorization = NULL;
	node.changed = NULL;
	TRY(sim_node_create(&d->node[NODE_ROOTSTOCK], d->loop, sim_evm_create(&evm), &node));
	TRY(start_liquid(d, o, node));
	TRY(start_rollup(d, o, node));
	node.block_ms = 0;
	TRY(start_lightning(d, o, node));
	TRY(sim_server_create(&d->server[NODE_BITCOIN], d->loop, (uint16_t)o->bitcoin_port,
		d->node[NODE_BITCOIN]));
	return sim_server_create(&d->server[NODE_ROOTSTOCK], d->loop, (uint16_t)o->rootstock_port,
		d->node[NODE_ROOTSTOCK]);
}

static void stop(struct devnet *d)
{
	for (unsigned i = 0; i < NODE_COUNT; i++)
		sim_server_destroy(d->server[i]);
	for (unsigned i = 0; i < NODE_COUNT; i++)
		sim_node_destroy(d->node[i]);
	simln_destroy(d->lightning);
	signals_unwatch();
	loop_destroy(d->loop);
}

/* extra: names and values, the last name NULL. */
static void print_network(
	struct text *out, const struct devnet *d, unsigned i, const char *const extra[][2])
{
	struct sim_network *n = sim_node_network(d->node[i]);
	char url[64];
	(void)snprintf(url, sizeof url, "http://127.0.0.1:%u", sim_server_port(d->server[i]));
	js_key(out, n->ops->name);
	js_open(out, '{');
	js_set_string(out, "url", url);
	js_set_u64(out, "height", n->ops->height(n));
	for (; extra[0][0] != NULL; extra++)
		js_set_string(out, extra[0][0], extra[0][1]);
	js_close(out, '}');
}

/* The faucet's address, asked as anybody would. */
static void faucet_of(char address[128], struct sim_network *n)
{
	struct sim_reply reply = {0};
	struct sim_params none;
	CHECK(sim_params_init(&none, NULL) == OK);
	n->ops->rpc(n, &reply, 0, "sim_faucet", &none);
	CHECK(reply.code == 0 && reply.result.len > 2 && reply.result.len < 128);
	memcpy(address, reply.result.ptr + 1, reply.result.len - 2);
	address[reply.result.len - 2] = 0;
	sim_params_fini(&none);
	sim_reply_fini(&reply);
}

/* What there is to know of the networks beside where they are. */
struct places {
	char faucet[NODE_COUNT][128]; /* Lightning has none */
	char contract[NODE_COUNT][EVM_ADDRESS_TEXT_SIZE];
	char token[NODE_COUNT][EVM_ADDRESS_TEXT_SIZE]; /* of account chains */
	char token_contract[EVM_ADDRESS_TEXT_SIZE];    /* Rootstock's: there it is another one */
	char chain_id[24];                             /* of BOB */
};

static void find_places(struct places *p, const struct devnet *d, const struct options *o)
{
	static const enum devnet_node chains[] = {
		NODE_BITCOIN, NODE_ROOTSTOCK, NODE_LIQUID, NODE_ROLLUP};
	const struct sim_network *rollup = sim_node_network(d->node[NODE_ROLLUP]),
				 *rootstock = sim_node_network(d->node[NODE_ROOTSTOCK]);
	struct evm_address at;
	for (size_t i = 0; i < ARRAY_LEN(chains); i++)
		faucet_of(p->faucet[chains[i]], sim_node_network(d->node[chains[i]]));
	sim_evm_contract(&at, rootstock);
	evm_address_format(p->contract[NODE_ROOTSTOCK], &at, o->chain_id);
	sim_evm_token(&at, rootstock);
	evm_address_format(p->token[NODE_ROOTSTOCK], &at, o->chain_id);
	sim_evm_token_contract(&at, rootstock);
	evm_address_format(p->token_contract, &at, o->chain_id);
	sim_evm_contract(&at, rollup);
	evm_address_format(p->contract[NODE_ROLLUP], &at, SIM_EVM_ROLLUP_CHAIN_ID);
	sim_evm_token(&at, rollup);
	evm_address_format(p->token[NODE_ROLLUP], &at, SIM_EVM_ROLLUP_CHAIN_ID);
	(void)snprintf(p->chain_id, sizeof p->chain_id, "%u", SIM_EVM_ROLLUP_CHAIN_ID);
}

static void print_json(
	struct text *out, const struct devnet *d, const struct options *o, const struct places *p)
{
	const char *const bitcoin[][2] = {{"faucet", p->faucet[NODE_BITCOIN]}, {NULL, NULL}};
	const char *const liquid[][2] = {{"faucet", p->faucet[NODE_LIQUID]}, {NULL, NULL}};
	const char *const rootstock[][2] = {{"faucet", p->faucet[NODE_ROOTSTOCK]},
		{"contract", p->contract[NODE_ROOTSTOCK]}, {"token", p->token[NODE_ROOTSTOCK]},
		{"token_contract", p->token_contract}, {NULL, NULL}};
	const char *const rollup[][2] = {{"faucet", p->faucet[NODE_ROLLUP]},
		{"contract", p->contract[NODE_ROLLUP]}, {"token", p->token[NODE_ROLLUP]},
		{"chain_id", p->chain_id}, {NULL, NULL}};
	const char *const lightning[][2] = {{"macaroon", MACAROON_HEX}, {NULL, NULL}};
	const char *const cln[][2] = {{"rune", SIMLN_RUNE}, {NULL, NULL}};
	js_open(out, '{');
	print_network(out, d, NODE_BITCOIN, bitcoin);
	print_network(out, d, NODE_ROOTSTOCK, rootstock);
	print_network(out, d, NODE_LIQUID, liquid);
	print_network(out, d, NODE_ROLLUP, rollup);
	print_network(out, d, NODE_ALICE, o->lightning_cln[SIMLN_ALICE] ? cln : lightning);
	print_network(out, d, NODE_BOB, o->lightning_cln[SIMLN_BOB] ? cln : lightning);
	js_set_u64(out, "chain_id", o->chain_id);
	js_set_u64(out, "seed", o->seed);
	js_close(out, '}');
}

static void print_line(
	struct text *out, const struct devnet *d, const struct options *o, const struct places *p)
{
	unsigned port[NODE_COUNT];
	for (unsigned i = 0; i < NODE_COUNT; i++)
		port[i] = sim_server_port(d->server[i]);
	text_printf(out,
		"bitcoin http://127.0.0.1:%u rootstock http://127.0.0.1:%u chain %" PRIu64
		" contract %s token %s contract %s faucets %s %s"
		" lightning http://127.0.0.1:%u http://127.0.0.1:%u"
		" macaroon " MACAROON_HEX " liquid http://127.0.0.1:%u faucet %s"
		" bob http://127.0.0.1:%u chain %s contract %s token %s faucet %s",
		port[NODE_BITCOIN], port[NODE_ROOTSTOCK], o->chain_id, p->contract[NODE_ROOTSTOCK],
		p->token[NODE_ROOTSTOCK], p->token_contract, p->faucet[NODE_BITCOIN],
		p->faucet[NODE_ROOTSTOCK], port[NODE_ALICE], port[NODE_BOB], port[NODE_LIQUID],
		p->faucet[NODE_LIQUID], port[NODE_ROLLUP], p->chain_id, p->contract[NODE_ROLLUP],
		p->token[NODE_ROLLUP], p->faucet[NODE_ROLLUP]);
	if (o->lightning_cln[SIMLN_ALICE] || o->lightning_cln[SIMLN_BOB])
		text_printf(out, " rune %s", SIMLN_RUNE);
}

static void print_where(const struct devnet *d, const struct options *o)
{
	struct places places;
	struct text out = {0};
	find_places(&places, d, o);
	(o->json ? print_json : print_line)(&out, d, o, &places);
	(void)puts(out.ptr);
	(void)fflush(stdout);
	text_fini(&out);
}

static void print_states(const struct devnet *d)
{
	for (unsigned i = 0; i < NODE_COUNT; i++) {
		struct sim_network *n = sim_node_network(d->node[i]);
		struct hash256 hash;
		char hex[65];
		n->ops->state_hash(n, &hash);
		hex_encode(hex, hash.b, sizeof hash.b);
		(void)printf("%s %s\n", n->ops->name, hex);
	}
}

int devnet_main(int argc, char **argv)
{
	struct options o;
	struct devnet d = {0};
	uint8_t blinding[32];
	if (!parse_options(&o, argc, argv)) {
		(void)fputs(usage, stderr);
		return 2;
	}
	if (o.help) {
		(void)fputs(usage, stdout);
		return 0;
	}
	rand_bytes(blinding, sizeof blinding);
	secp_init(blinding);
	const enum err e = start(&d, &o);
	if (e == OK) {
		print_where(&d, &o);
		loop_run(d.loop);
		if (o.state_hash)
			print_states(&d);
	} else {
		(void)fprintf(stderr, "sluice-devnet: can't start: %s%s\n", err_name(e),
			e == ERR_EXISTS ? ": a port is in use" : "");
	}
	stop(&d);
	return e == OK ? 0 : 1;
}
