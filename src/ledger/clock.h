/* ledger/clock: how soon and how late a number of blocks can come.
 *
 * Block arrivals are taken as a Poisson process: the time for n blocks is Gamma(n). early(n) is its
 * quantile at 1e-6, shortened by the drift of the rate; late(n) the quantile at 1 - 1e-6,
 * lengthened by the drift, plus the allowance for outages. Fast source blocks are as dangerous as
 * slow destination ones: 144 Bitcoin blocks take 16 to 35 hours. The quantiles are a table of
 * integers made by tools/gen_block_quantiles.py; between its rows the safe neighbour is taken.
 */
#ifndef LEDGER_CLOCK_H
#define LEDGER_CLOCK_H
#include "ledger/params.h"

#define CLOCK_BLOCKS_MAX                                                                           \
	16384u /* more blocks than this are treated as this many for early, refused for late */

/* Milliseconds. */
uint64_t clock_early_ms(const struct layer_params *p, uint64_t blocks);
/* UINT64_MAX for more than CLOCK_BLOCKS_MAX. */
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
 * the client's funding and depth; 0 when there is none within CLOCK_BLOCKS_MAX. */
uint32_t clock_source_blocks(const struct layer_params *src, const struct layer_params *dst,
	uint32_t src_depth, uint64_t observation_ms);

#endif
