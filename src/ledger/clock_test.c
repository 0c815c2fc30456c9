/* Bounds of block times: against what the Poisson process says, monotonic, and safe at the edges.
 */
#include "ledger/block_quantiles.h"
#include "ledger/clock.h"

#include <stdlib.h>

static struct layer_params layer(uint64_t interval_ms, uint32_t lock_blocks)
{
	return (struct layer_params){.block_interval_ms = interval_ms,
		.lock_blocks = lock_blocks,
		.final_depth = 3,
		.claim_blocks = 2,
		.funding_blocks = 6};
}

static void test_known_bounds(void)
{
	/* "144 Bitcoin blocks take 16 to 35 hours" */
	const struct layer_params btc = layer(600000, 144);
	const uint64_t hour = 3600000;
	CHECK(clock_early_ms(&btc, 144) / hour == 15);
	CHECK(clock_late_ms(&btc, 144) / hour == 34);
	/* one block can come at once, or after 13.8 intervals */
	CHECK(clock_early_ms(&btc, 1) == 0);
	CHECK(clock_late_ms(&btc, 1) == 13816 * 600);
	CHECK(clock_early_ms(&btc, 0) == 0 && clock_late_ms(&btc, 0) == 0);
	CHECK(clock_late_ms(&btc, CLOCK_BLOCKS_MAX + 1) == UINT64_MAX);
}

/* A sequencer's blocks: neither earlier than the clock says, nor later but for drift and outage. */
static void test_regular(void)
{
	static const struct network network = {.regular = true};
	struct layer_params p = layer(2000, 40000);
	p.network = &network;
	CHECK(clock_blocks_max(&p) == CLOCK_REGULAR_MAX);
	CHECK(clock_early_ms(&p, 1) == 0 && clock_early_ms(&p, 1001) == 2000000);
	CHECK(clock_late_ms(&p, 1000) == 2000000);
	CHECK(clock_early_ms(&p, CLOCK_REGULAR_MAX + 5) == clock_early_ms(&p, CLOCK_REGULAR_MAX));
	CHECK(clock_late_ms(&p, CLOCK_REGULAR_MAX) == UINT64_C(2000) * CLOCK_REGULAR_MAX);
	CHECK(clock_late_ms(&p, CLOCK_REGULAR_MAX + 1) == UINT64_MAX);
	p.drift_permille = 100;
	p.outage_ms = 43200000; /* the sequencing window */
	CHECK(clock_early_ms(&p, 1001) == 1800000);
	CHECK(clock_late_ms(&p, 1000) == 2200000 + 43200000);
}

static void test_monotonic_and_ordered(void)
{
	struct layer_params p = layer(1000, 10), drifting = p;
	drifting.drift_permille = 100;
	drifting.outage_ms = 5000;
	for (uint32_t n = 1; n < CLOCK_BLOCKS_MAX; n += 1 + n / 50) {
		CHECK(clock_early_ms(&p, n) <= clock_early_ms(&p, n + 1));
		CHECK(clock_late_ms(&p, n) <= clock_late_ms(&p, n + 1));
		CHECK(clock_early_ms(&p, n) < (uint64_t)n * 1000 + 1);
		CHECK(clock_late_ms(&p, n) > (uint64_t)n * 1000);
		CHECK(clock_early_ms(&drifting, n) <= clock_early_ms(&p, n));
		CHECK(clock_late_ms(&drifting, n) >= clock_late_ms(&p, n) + 5000);
	}
	for (size_t i = 1; i < block_quantile_count; i++)
		CHECK(block_quantiles[i].blocks > block_quantiles[i - 1].blocks);
	CHECK(block_quantiles[block_quantile_count - 1].blocks == CLOCK_BLOCKS_MAX);
}

/* The least source time lock is safe with exactly the client's allowance used up, and not one block
 * later (both edges of HAZARDS 1). */
static void test_edges_of_lock(void)
{
	static const struct network by_the_clock = {.regular = true};
	const struct layer_params btc = layer(600000, 144), rsk = layer(25000, 2880);
	struct layer_params bob = layer(2000, 43200), liquid = layer(60000, 1440);
	bob.network = liquid.network = &by_the_clock;
	bob.outage_ms = 43200000;
	const struct layer_params *pair[][2] = {{&btc, &rsk}, {&rsk, &btc}, {&btc, &bob},
		{&bob, &btc}, {&rsk, &bob}, {&bob, &rsk}, {&liquid, &bob}, {&bob, &liquid},
		{&btc, &liquid}, {&liquid, &btc}};
	for (size_t i = 0; i < ARRAY_LEN(pair); i++) {
		const struct layer_params *src = pair[i][0], *dst = pair[i][1];
		const uint32_t n = clock_source_blocks(src, dst, 3, 1000);
		uint64_t slack;
		CHECK(n > 0);
		struct lock_times t = {.src = src,
			.dst = dst,
			.src_blocks = n - src->funding_blocks - 3,
			.dst_blocks = dst->lock_blocks,
			.src_depth = 3,
			.observation_ms = 1000};
		CHECK(clock_lock_safe(&t, &slack));
		t.src_blocks--;
		CHECK(!clock_lock_safe(&t, &slack) && slack == 0);
		t.src_blocks++;
		t.dst_blocks = dst->lock_blocks * 2;
		CHECK(!clock_lock_safe(&t, &slack));
	}
}

/* The inequality of docs/swap.md, term by term: what lies between the last moment at which the
 * client can reveal and the first at which it can take its own back is enough for us, and a
 * millisecond less is not. */
static void test_every_term_of_lock(void)
{
	const struct layer_params btc = layer(600000, 144), rsk = layer(25000, 2880);
	const struct layer_params *pair[][2] = {{&btc, &rsk}, {&rsk, &btc}};
	for (size_t i = 0; i < ARRAY_LEN(pair); i++) {
		const struct layer_params *src = pair[i][0], *dst = pair[i][1];
		struct lock_times t = {.src = src, .dst = dst, .src_blocks = 16000, .src_depth = 3};
		const uint64_t early = clock_early_ms(src, t.src_blocks);
		const uint64_t src_late = clock_late_ms(src, src->claim_blocks + t.src_depth);
		uint64_t slack;
		for (t.dst_blocks = 1; t.dst_blocks < 200; t.dst_blocks += 7) {
			const uint64_t need = src_late +
				clock_late_ms(
					dst, t.dst_blocks + dst->claim_blocks + dst->final_depth);
			CHECK(early > need);
			t.observation_ms = early - need;
			CHECK(clock_lock_safe(&t, &slack) && slack == 0);
			t.observation_ms++;
			CHECK(!clock_lock_safe(&t, &slack));
			t.observation_ms = 0;
			CHECK(clock_lock_safe(&t, &slack) && slack == early - need);
		}
	}
}

/* HAZARDS 49: what a forced closing may take longer counts as if our refund opened so much later,
 * and nowhere else. */
static void test_force_close(void)
{
	const struct layer_params btc = layer(600000, 144);
	struct layer_params ln = layer(600000, 144);
	struct lock_times t = {.src = &btc, .dst = &ln, .src_blocks = 3000, .src_depth = 3};
	uint64_t slack, later, none;
	t.dst_blocks = 144 + 288;
	CHECK(clock_lock_safe(&t, &later));
	t.dst_blocks = 144;
	CHECK(clock_lock_safe(&t, &none) && none > later);
	ln.force_close_blocks = 288;
	CHECK(clock_lock_safe(&t, &slack) && slack == later);
	/* of the source it is no matter: what is held there is let go before */
	t = (struct lock_times){.src = &ln, .dst = &btc, .src_blocks = 3000, .dst_blocks = 144};
	CHECK(clock_lock_safe(&t, &slack));
	ln.force_close_blocks = 0;
	CHECK(clock_lock_safe(&t, &none) && none == slack);
}

static void test_edge_of_reveal(void)
{
	const struct layer_params rsk = layer(25000, 2880);
	uint64_t slack;
	uint32_t n = 0;
	while (!clock_reveal_safe(&rsk, n, &slack))
		n++;
	CHECK(n > rsk.claim_blocks && n < 200);
	CHECK(!clock_reveal_safe(&rsk, n - 1, &slack) && slack == 0);
}

int main(void)
{
	test_known_bounds();
	test_regular();
	test_monotonic_and_ordered();
	test_edges_of_lock();
	test_every_term_of_lock();
	test_force_close();
	test_edge_of_reveal();
	return EXIT_SUCCESS;
}
