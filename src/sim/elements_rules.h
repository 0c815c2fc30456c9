/* What the files of the simulated elementsd share. */
#ifndef SIM_ELEMENTS_RULES_H
#define SIM_ELEMENTS_RULES_H
#include "sim/bitcoin_chain.h"
#include "wire/elements_address.h"
#include "wire/elements_tx.h"

const struct elements_network *simel_network(void);
/* As its bytes say; borrows. */
NONNULL_ALL const struct elements_tx *simel_tx(const struct simbtc_tx *t);

/* ---- elements_json.c: members of answers that Bitcoin Core's don't have ---- */

NONNULL_ALL void simel_chain_json(struct text *out, const struct sim_bitcoin *b);
NONNULL_ALL void simel_header_json(struct text *out, const struct simbtc_block *block);
NONNULL_ALL void simel_tx_json(struct text *out, const struct simbtc_tx *t);
NONNULL_ALL void simel_value_json(
	struct text *out, const struct simbtc_tx *t, uint32_t vout, const char *key);
#define SIMEL_ROW_COUNT 2u
extern const struct simbtc_row simel_rows[SIMEL_ROW_COUNT];

#endif
