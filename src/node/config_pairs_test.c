/* The time locks of every ordered pair of layers, at the edge of each setting that counts. What is
 * safe is worked out here from docs/swap.md and the table of quantiles, not by ledger/clock. */
#include "ledger/block_quantiles.h"
#include "ledger/clock.h"
#include "node/config.h"

#include <stdio.h>
#include <stdlib.h>

#define NEVER UINT64_MAX

static bool by_the_clock(const struct layer_params *p)
{
	return p->network->regular;
}

static uint64_t most_blocks(const struct layer_params *p)
{
	return by_the_clock(p) ? UINT64_C(1) << 22 : 16384;
}

static uint64_t soonest(const struct layer_params *p, uint64_t n)
{
	uint64_t milli = 0;
	if (n == 0)
		return 0;
	for (size_t i = 0; i < block_quantile_count && block_quantiles[i].blocks <= n; i++)
		milli = block_quantiles[i].low_milli;
	if (by_the_clock(p))
		milli = (n - 1) * 1000;
	return milli * p->block_interval_ms / 1000 * (1000 - p->drift_permille) / 1000;
}

static uint64_t latest(const struct layer_params *p, uint64_t n)
{
	uint64_t milli = 0;
	if (n > most_blocks(p))
		return NEVER;
	for (size_t i = block_quantile_count; i-- > 0 && block_quantiles[i].blocks >= n;)
		milli = block_quantiles[i].high_milli;
	if (by_the_clock(p))
		milli = n * 1000;
	const uint64_t mean = (milli * p->block_interval_ms + 999) / 1000;
	return (mean * (1000 + p->drift_permille) + 999) / 1000 + p->outage_ms;
}

/* What must lie between the provider's lock and the first source refund; NEVER: nothing is enough.
 */
static uint64_t needed(const struct layer_params *src, const struct layer_params *dst,
	uint32_t depth, uint64_t observation_ms)
{
	const uint64_t refunded = latest(dst,
		(uint64_t)dst->lock_blocks + dst->claim_blocks + dst->final_depth +
			dst->force_close_blocks);
	const uint64_t claimed = latest(src, (uint64_t)src->claim_blocks + depth);
	if (refunded == NEVER || claimed == NEVER)
		return NEVER;
	return refunded + claimed + observation_ms;
}

static bool one_way_safe(
	const struct layer_params *src, const struct layer_params *dst, uint64_t observation_ms)
{
	const uint32_t deep = params_depth(dst, dst->swap_max);
	const uint32_t depth = params_depth(src, src->swap_max);
	const uint64_t before = (uint64_t)src->funding_blocks + depth;
	if (dst->lock_blocks <= deep || dst->lock_blocks <= dst->claim_blocks ||
		soonest(dst, dst->lock_blocks - deep) < latest(dst, dst->claim_blocks))
		return false;
	return before < most_blocks(src) &&
		soonest(src, most_blocks(src) - before) >= needed(src, dst, depth, observation_ms);
}

enum side { SOURCE, DEST, BOTH };

static const struct setting {
	const char *name;
	size_t offset; /* in struct layer_params; of BOTH: in struct config */
	bool wide;     /* 64 bits */
	enum side side;
	uint64_t min, max;
} settings[] = {
	{"funding_blocks", offsetof(struct layer_params, funding_blocks), false, SOURCE, 1, 16384},
	{"claim_blocks", offsetof(struct layer_params, claim_blocks), false, SOURCE, 1, 512},
	{"block_interval_ms", offsetof(struct layer_params, block_interval_ms), true, SOURCE, 10,
		86400000},
	{"outage_ms", offsetof(struct layer_params, outage_ms), true, SOURCE, 3600000,
		UINT64_C(30) * 86400000},
	{"lock_blocks", offsetof(struct layer_params, lock_blocks), false, DEST, 1, 16384},
	{"claim_blocks", offsetof(struct layer_params, claim_blocks), false, DEST, 1, 512},
	{"block_interval_ms", offsetof(struct layer_params, block_interval_ms), true, DEST, 10,
		86400000},
	{"drift_permille", offsetof(struct layer_params, drift_permille), false, DEST, 0, 900},
	{"force_close_blocks", offsetof(struct layer_params, force_close_blocks), false, DEST, 1,
		4032},
	{"observation_ms", offsetof(struct config, observation_ms), true, BOTH, 100,
		UINT64_C(1) << 40},
};

static uint32_t edges[ARRAY_LEN(settings)];

static void put(struct config *c, const struct setting *s, const enum layer_id pair[2], uint64_t v)
{
	uint8_t *at = s->side == BOTH ? (uint8_t *)c : (uint8_t *)&c->layer[pair[s->side]].params;
	const uint32_t narrow = (uint32_t)v;
	if (s->wide)
		memcpy(at + s->offset, &v, sizeof v);
	else
		memcpy(at + s->offset, &narrow, sizeof narrow);
}

static uint64_t get(const struct config *c, const struct setting *s, const enum layer_id pair[2])
{
	const uint8_t *at = s->side == BOTH ? (const uint8_t *)c
					    : (const uint8_t *)&c->layer[pair[s->side]].params;
	uint64_t wide;
	uint32_t narrow;
	if (s->wide) {
		memcpy(&wide, at + s->offset, sizeof wide);
		return wide;
	}
	memcpy(&narrow, at + s->offset, sizeof narrow);
	return narrow;
}

/* The configuration has both layers on, so both directions must be safe. */
static bool safe(const struct config *c, const enum layer_id pair[2])
{
	const struct layer_params *a = &c->layer[pair[0]].params, *b = &c->layer[pair[1]].params;
	return one_way_safe(a, b, c->observation_ms) && one_way_safe(b, a, c->observation_ms);
}

static void expect(const struct config *c, const enum layer_id pair[2], const struct setting *s)
{
	char text[4096];
	struct buf problems = buf_init(text, sizeof text);
	const bool want = safe(c, pair), have = config_check(c, &problems) == OK;
	const bool named = want ||
		(strstr(buf_cstr(&problems), layer_name(pair[0])) != NULL &&
			strstr(buf_cstr(&problems), layer_name(pair[1])) != NULL);
	/* a lock with no room for its own claim is a problem of one layer */
	const bool alone = strstr(buf_cstr(&problems), "no time to claim in") != NULL;
	if (have == want && (named || alone))
		return;
	(void)fprintf(stderr, "%s to %s, %s: %s, must be %s\n%s", layer_name(pair[0]),
		layer_name(pair[1]), s->name, have ? "taken" : "refused",
		want ? "taken" : "refused", buf_cstr(&problems));
	CHECK(false);
}

/* From the default, which is safe, towards an end of the range: the last value taken, and the
 * first refused. */
static void check_edge(
	const struct config *base, const enum layer_id pair[2], size_t which, uint64_t end)
{
	static struct config c;
	const struct setting *s = &settings[which];
	c = *base;
	uint64_t good = get(&c, s, pair), bad = end;
	put(&c, s, pair, end);
	expect(&c, pair, s);
	if (safe(&c, pair))
		return;
	while ((good < bad ? bad - good : good - bad) > 1) {
		const uint64_t mid = good < bad ? good + (bad - good) / 2 : bad + (good - bad) / 2;
		put(&c, s, pair, mid);
		if (safe(&c, pair))
			good = mid;
		else
			bad = mid;
	}
	put(&c, s, pair, good);
	expect(&c, pair, s);
	put(&c, s, pair, bad);
	expect(&c, pair, s);
	edges[which]++;
}

/* The time lock that an offer gets, at the least and the greatest depth: when the client has used
 * up its allowance it is safe, and one block less would not be. */
static void check_offer(const struct config *c, const enum layer_id pair[2])
{
	const struct layer_params *src = &c->layer[pair[0]].params,
				  *dst = &c->layer[pair[1]].params;
	const uint32_t depths[] = {
		params_depth(src, src->swap_min), params_depth(src, src->swap_max)};
	for (size_t i = 0; i < ARRAY_LEN(depths); i++) {
		const uint64_t need = needed(src, dst, depths[i], c->observation_ms);
		const uint64_t n = clock_source_blocks(src, dst, depths[i], c->observation_ms);
		const uint64_t left = n - src->funding_blocks - depths[i];
		CHECK(n > (uint64_t)src->funding_blocks + depths[i]);
		CHECK(soonest(src, left) >= need && soonest(src, left - 1) < need);
	}
}

static void load_pair(struct config *c, const enum layer_id pair[2])
{
	static struct config_error error;
	const struct config_source source = {.path = "t.yaml"};
	CHECK(config_load_text(c, slice_str(""), &source, &error) == OK);
	for (unsigned i = 0; i < 2; i++) {
		struct config_layer *l = &c->layer[pair[i]];
		l->enabled = true;
		(void)snprintf(l->contract, sizeof l->contract, "0x%040d", 1);
		(void)snprintf(l->token, sizeof l->token, "0x%040d", 2);
		(void)snprintf(l->credential_file, sizeof l->credential_file, "/x");
	}
}

int main(void)
{
	static struct config c;
	for (unsigned from = 0; from < LAYER_COUNT; from++) {
		for (unsigned to = 0; to < LAYER_COUNT; to++) {
			const enum layer_id pair[2] = {(enum layer_id)from, (enum layer_id)to};
			if (from == to)
				continue;
			load_pair(&c, pair);
			CHECK(safe(&c, pair));
			expect(&c, pair, &settings[0]);
			check_offer(&c, pair);
			for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
				if (get(&c, &settings[i], pair) == 0 && settings[i].min > 0)
					continue; /* the layer has no such setting */
				check_edge(&c, pair, i, settings[i].min);
				check_edge(&c, pair, i, settings[i].max);
			}
		}
	}
	/* a setting whose edge lies nowhere in its range would be tested by nothing */
	for (size_t i = 0; i < ARRAY_LEN(settings); i++)
		CHECK(edges[i] > 0);
	return EXIT_SUCCESS;
}
