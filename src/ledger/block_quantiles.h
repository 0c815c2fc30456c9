/* ledger/block_quantiles: generated table, see tools/gen_block_quantiles.py. */
#ifndef LEDGER_BLOCK_QUANTILES_H
#define LEDGER_BLOCK_QUANTILES_H
#include "base/base.h"

struct block_quantile {
	uint32_t blocks;
	uint32_t low_milli;  /* thousandths of a mean interval: at 1e-6, rounded down */
	uint32_t high_milli; /* at 1 - 1e-6, rounded up */
};

extern const struct block_quantile block_quantiles[]; /* ascending by blocks, from 1 */
extern const size_t block_quantile_count;

#endif
