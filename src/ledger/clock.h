/* ledger/clock: how soon and how late a number of blocks can come.
 *
 * Where blocks are made by the clock (network.regular), n of them take n intervals, less or more
 * the drift; that they fail to come is what the allowance for outages is for. Elsewhere block
 * arrivals are taken as a Poisson process: the time for n blocks is Gamma(n). early(n) is its
 * quantile at 1e-6, shortened by the drift of the rate; late(n) the quantile at 1 - 1e-6,
 * lengthened by the drift, plus the allowance for outages. Fast source blocks are as dangerous as
 * slow destination ones: 144 Bitcoin blocks take 16 to 35 hours. The quantiles are a table of
 * integers made by tools/gen_block_quantiles.py; between its rows the safe neighbour is taken.
 */
#ifndef LEDGER_CLOCK_H
#define LEDGER_CLOCK_H
#include "ledger/params.h"

/* More blocks than this are treated as this many for early, refused for late. */
#define CLOCK_BLOCKS_MAX 16384u
#define CLOCK_REGULAR_MAX (1u << 22) /* regular blocks: 97 days at 2 s */

uint32_t clock_blocks_max(const struct layer_params *p);

/* Milliseconds. */
uint64_t clock_early_ms(const struct layer_params *p, uint64_t blocks);
/* UINT64_MAX for more than clock_blocks_max. */
uint64_t clock_late_ms(const struct layer_params *p, uint64_t blocks);

/* The inequality of docs/swap.md: may the provider lock the destination leg, whose refund opens
 * after dst_blocks, when the source leg's refund opens after src_blocks? *slack_ms: how much time
 * is left over (0 when it may not). */
struct lock_times {
	const struct layer_params *src, *dst;
	uint64_t src_blocks; /* until the source refund opens */
	uint64_t dst_blocks; /* until our refund opens */
	uint32_t src_depth;  /* reorganisation depth allowed for on the source */
	uint64_t observation_ms;
};
bool clock_lock_safe(const struct lock_times *t, uint64_t *slack_ms);
/* May the client still reveal: destination claim confirmed before our refund can open? */
bool clock_reveal_safe(const struct layer_params *dst, uint64_t dst_blocks, uint64_t *slack_ms);

/* The least number of source blocks for which clock_lock_safe holds with dst->lock_blocks, after
 * the client's funding and depth; 0 when there is none within clock_blocks_max of the
 * source. */
uint32_t clock_source_blocks(const struct layer_params *src, const struct layer_params *dst,
	uint32_t src_depth, uint64_t observation_ms);

#endif
