#include "ledger/clock.h"

#include "ledger/block_quantiles.h"

/* The largest row at or below n, or the smallest at or above it. */
static const struct block_quantile *row_for(uint64_t n, bool at_or_above)
{
	size_t lo = 0, hi = block_quantile_count - 1;
	while (lo < hi) {
		const size_t mid = lo + (hi - lo) / 2;
		if (block_quantiles[mid].blocks < n)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!at_or_above && block_quantiles[lo].blocks > n)
		lo--;
	return &block_quantiles[lo];
}

static bool regular(const struct layer_params *p)
{
	return p->network != NULL && p->network->regular;
}

uint32_t clock_blocks_max(const struct layer_params *p)
{
	return regular(p) ? CLOCK_REGULAR_MAX : CLOCK_BLOCKS_MAX;
}

uint64_t clock_early_ms(const struct layer_params *p, uint64_t blocks)
{
	const uint32_t max = clock_blocks_max(p);
	uint64_t low_milli;
	CHECK(p->drift_permille < 1000);
	if (blocks == 0)
		return 0;
	if (blocks > max)
		blocks = max;
	/* the next block may be about to come: n of them take n - 1 whole intervals */
	low_milli = regular(p) ? (blocks - 1) * 1000 : row_for(blocks, false)->low_milli;
	/* 2^32 milli-intervals * an interval under 2^28 ms fits in 64 bits; divide before the drift
	 */
	return low_milli * p->block_interval_ms / 1000 * (1000 - p->drift_permille) / 1000;
}

uint64_t clock_late_ms(const struct layer_params *p, uint64_t blocks)
{
	if (blocks > clock_blocks_max(p))
		return UINT64_MAX;
	if (blocks == 0)
		return p->outage_ms;
	const uint64_t high_milli = regular(p) ? blocks * 1000 : row_for(blocks, true)->high_milli;
	const uint64_t mean = (high_milli * p->block_interval_ms + 999) / 1000;
	return (mean * (1000 + p->drift_permille) + 999) / 1000 + p->outage_ms;
}

bool clock_lock_safe(const struct lock_times *t, uint64_t *slack_ms)
{
	/* our refund opens, is mined and buried; we see the preimage at the last moment; our claim
	 * of the source confirms and is buried against a reorganisation */
	const uint64_t dst_blocks = t->dst_blocks + t->dst->claim_blocks + t->dst->final_depth +
		t->dst->force_close_blocks;
	const uint64_t src_blocks = (uint64_t)t->src->claim_blocks + t->src_depth;
	const uint64_t dst_late = clock_late_ms(t->dst, dst_blocks);
	const uint64_t src_late = clock_late_ms(t->src, src_blocks);
	const uint64_t early = clock_early_ms(t->src, t->src_blocks);

	*slack_ms = 0;
	if (dst_late == UINT64_MAX || src_late == UINT64_MAX)
		return false;
	const uint64_t need = dst_late + src_late + t->observation_ms;
	if (early < need)
		return false;
	*slack_ms = early - need;
	return true;
}

bool clock_reveal_safe(const struct layer_params *dst, uint64_t dst_blocks, uint64_t *slack_ms)
{
	const uint64_t need = clock_late_ms(dst, dst->claim_blocks);
	const uint64_t early = clock_early_ms(dst, dst_blocks);

	*slack_ms = 0;
	if (need == UINT64_MAX || early < need)
		return false;
	*slack_ms = early - need;
	return true;
}

uint32_t clock_source_blocks(const struct layer_params *src, const struct layer_params *dst,
	uint32_t src_depth, uint64_t observation_ms)
{
	const uint32_t before = src->funding_blocks + src_depth;
	uint32_t lo = 1, hi = clock_blocks_max(src);
	struct lock_times t = {.src = src,
		.dst = dst,
		.dst_blocks = dst->lock_blocks,
		.src_depth = src_depth,
		.observation_ms = observation_ms};
	uint64_t slack;

	t.src_blocks = hi;
	if (!clock_lock_safe(&t, &slack))
		return 0;
	while (lo < hi) {
		const uint32_t mid = lo + (hi - lo) / 2;
		t.src_blocks = mid;
		if (clock_lock_safe(&t, &slack))
			hi = mid;
		else
			lo = mid + 1;
	}
	/* settings may ask for more than there is: no difference, which would wrap */
	return (uint64_t)lo + before <= clock_blocks_max(src) ? lo + before : 0;
}
