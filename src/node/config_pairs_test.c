/* Each pair of the networks, as the settings have them: from which time lock to which it is taken,
 * and that one block less or more is refused (HAZARDS 1, 2). The bounds are worked out here from
 * those of each network's clock, by the inequality of docs/swap.md. */
#include <stdlib.h>
#include <string.h>

#include "layer/layer.h"
#include "ledger/clock.h"
#include "node/config.h"

static struct ledger_params params_of(enum layer_id a, enum layer_id b)
{
	const struct config_source source = {.path = "t.yaml"};
	struct config_error error;
	struct ledger_params p;
	struct config c;
	CHECK(config_load_text(&c, slice_str(""), &source, &error) == OK);
	c.layer[a].enabled = c.layer[b].enabled = true;
	config_params(&p, &c);
	return p;
}

/* Whether a counter-lock of so many blocks ends in time. */
static bool outlived(const struct ledger_params *p, const struct layer_params *src,
	const struct layer_params *dst, uint64_t blocks)
{
	const uint32_t depth = params_depth(src, src->swap_max);
	const uint64_t longest = clock_blocks_max(src) - src->funding_blocks - depth;
	const uint64_t end = clock_late_ms(
		dst, blocks + dst->claim_blocks + dst->final_depth + dst->force_close_blocks);
	const uint64_t claimed = clock_late_ms(src, (uint64_t)src->claim_blocks + depth);
	return end != UINT64_MAX &&
		end + p->observation_ms + claimed <= clock_early_ms(src, longest);
}

/* Whether one of so many blocks leaves time to claim it when it is as deep as it must be. */
static bool claimable(const struct layer_params *dst, uint64_t blocks)
{
	const uint64_t depth = params_depth(dst, dst->swap_max);
	return blocks > depth &&
		clock_early_ms(dst, blocks - depth) >= clock_late_ms(dst, dst->claim_blocks);
}

static void check_refused(struct ledger_params *p, enum layer_id dst, uint32_t blocks,
	const char *what, enum layer_id other)
{
	struct params_problem problem;
	p->layer[dst].lock_blocks = blocks;
	CHECK(!params_check(p, &problem));
	CHECK(problem.layer == dst && problem.other == other);
	CHECK(strcmp(problem.field, "lock_blocks") == 0);
	CHECK(strstr(problem.what, what) != NULL);
}

static void test_pair(enum layer_id src, enum layer_id dst)
{
	struct params_problem problem;
	struct ledger_params p = params_of(src, dst);
	const struct layer_params from = p.layer[src], to = p.layer[dst];
	const uint32_t most = clock_blocks_max(&to);
	uint32_t low = 1, high = to.lock_blocks;

	CHECK(params_check(&p, &problem));
	while (!claimable(&to, low))
		low++;
	CHECK(low < to.lock_blocks);
	p.layer[dst].lock_blocks = low;
	CHECK(params_check(&p, &problem));
	check_refused(&p, dst, low - 1, "no safe time to claim", LAYER_COUNT);

	CHECK(outlived(&p, &from, &to, high));
	for (uint32_t step = most; step > 0; step /= 2)
		while (high + step <= most && outlived(&p, &from, &to, high + step))
			high += step;
	p.layer[dst].lock_blocks = high;
	CHECK(params_check(&p, &problem));
	if (high < most)
		check_refused(&p, dst, high + 1, "can outlive it safely", src);
	else
		check_refused(&p, dst, high + 1, "out of range", LAYER_COUNT);
}

int main(void)
{
	unsigned pairs = 0;
	for (unsigned src = 0; src < LAYER_COUNT; src++)
		for (unsigned dst = 0; dst < LAYER_COUNT; dst++)
			if (src != dst && layer_built((enum layer_id)src) &&
				layer_built((enum layer_id)dst)) {
				test_pair((enum layer_id)src, (enum layer_id)dst);
				pairs++;
			}
	CHECK(pairs == 20);
	return EXIT_SUCCESS;
}
