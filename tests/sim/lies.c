/* Nodes that lie to the provider: what they say is well formed, and not so.
 *
 *   another chain   a network of its own, from the same first block, longer than the true one
 *   a wrong scan    less of what is ours than there is
 *   a wrong block   one digit of a Bitcoin block is another
 * What can't be told from the truth is not here: an account's balance when the books are born, and
 * events of a chain whose headers nobody checks (docs/testing.md says so). */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "nets.h"
#include "world.h"

#define LONGER_BY 3u /* blocks */
#define HEX_RUN_MIN 128u

static bool asks_for(struct slice request, const char *method)
{
	return memmem(request.ptr, request.len, method, strlen(method)) != NULL;
}

/* ---- another chain ---- */

static struct sim_node *imposter_make(struct nets *n, enum layer_id layer)
{
	struct draw seeds;
	draw_init(&seeds, n->w->seed, "imposter", layer);
	const uint64_t seed = draw_between(&seeds, 1, UINT64_MAX);
	const struct sim_bitcoin_config bitcoin = {.seed = seed, .now_ms = WORLD_START_MS};
	const struct sim_evm_config evm = {.seed = seed,
		.now_ms = WORLD_START_MS,
		.rollup = layer == LAYER_BOB,
		.tokens = layer_gas_apart(layer)};
	const struct sim_node_config node = {.seed = seed,
		.latency_low_ms = 20,
		.latency_high_ms = 400,
		.wall_ms = WORLD_START_MS};
	struct sim_network *network = layer == LAYER_BITCOIN ? sim_bitcoin_create(&bitcoin)
							     : sim_evm_create(&evm);
	struct sim_node *made = NULL;
	CHECK(sim_node_create(&made, n->w->loop, network, &node) == OK);
	return made;
}

void lies_imposter(struct nets *n, enum layer_id layer, uint64_t until_ms)
{
	struct lies *l = &n->lies[layer];
	if (l->imposter == NULL)
		l->imposter = imposter_make(n, layer);
	struct sim_network *network = sim_node_network(l->imposter);
	const uint64_t has = network->ops->height(network),
		       wants = nets_height(n, layer) + LONGER_BY;
	if (has < wants)
		network->ops->mine(
			network, WORLD_START_MS + loop_now_ms(n->w->loop), (uint32_t)(wants - has));
	l->imposter_until_ms = until_ms;
}

/* ---- answers that are changed on their way ---- */

/* The digit that a scan's amount is made less by; NULL: there is nothing. */
static char *scan_digit(enum layer_id layer, char *text)
{
	const char *const key = layer == LAYER_BITCOIN ? "\"amount\":" : "\"result\":\"0x";
	char *at = strstr(text, key);
	if (at == NULL)
		return NULL;
	for (at += strlen(key); *at == '.' || isxdigit((unsigned char)*at); at++)
		if (*at >= '1' && *at <= '9')
			return at;
	return NULL;
}

/* In the middle of the longest run of hex digits. */
static char *block_digit(char *text)
{
	char *best = NULL;
	size_t most = HEX_RUN_MIN;
	for (char *at = text; *at != '\0';) {
		const size_t run = strspn(at, "0123456789abcdef");
		if (run > most) {
			best = at + run / 2;
			most = run;
		}
		at += run == 0 ? 1 : run;
	}
	return best;
}

enum lie lies_take(struct nets *n, enum layer_id layer, struct slice request)
{
	struct lies *l = &n->lies[layer];
	/* balances; balanceOf(address) of a token is a call */
	const char *const scan = layer == LAYER_BITCOIN       ? "scantxoutset"
		: layer_gas_apart(layer) && l->scans % 2 == 0 ? "0x70a08231"
							      : "eth_getBalance";
	if (l->scans > 0 && n->w->birth[layer] != 0 && asks_for(request, scan)) {
		l->scans--;
		return LIE_SCAN;
	}
	if (l->blocks > 0 && layer == LAYER_BITCOIN && asks_for(request, "\"getblock\"")) {
		l->blocks--;
		return LIE_BLOCK;
	}
	return LIE_NONE;
}

void lies_tell(struct nets *n, enum lie lie, enum layer_id layer, char *text)
{
	char *digit = lie == LIE_SCAN ? scan_digit(layer, text) : block_digit(text);
	if (digit == NULL)
		return;
	n->lies[layer].told_less = n->lies[layer].told_less || lie == LIE_SCAN;
	*digit = lie == LIE_SCAN ? (char)(*digit - 1) : *digit == '0' ? '1' : '0';
}

bool lies_told_less(const struct nets *n)
{
	bool told = false;
	for (unsigned i = 0; i < NETS_CHAINS; i++)
		told = told || n->lies[n->place[i]].told_less;
	return told;
}

void lies_end(struct nets *n)
{
	for (unsigned i = 0; i < NETS_CHAINS; i++) {
		struct lies *l = &n->lies[n->place[i]];
		l->scans = l->blocks = 0;
		l->imposter_until_ms = 0;
	}
}

void lies_fini(struct nets *n)
{
	for (unsigned i = 0; i < NETS_CHAINS; i++)
		sim_node_destroy(n->lies[n->place[i]].imposter);
}
