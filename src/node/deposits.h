/* node/deposits: the addresses that customers pay to and the signer has no keys of: all from one
 * output descriptor in the configuration. Pure; which index was given to whom is the ledger's.
 *
 * Invariants: a descriptor that is read here pays one witness program at each index, of a kind that
 * a sweep can spend: wpkh, wsh(multi), wsh(sortedmulti), tr by its key.
 * What it must not do: take private keys.
 */
#ifndef NODE_DEPOSITS_H
#define NODE_DEPOSITS_H
#include "btc/descriptor.h"

/* NULL: read. Otherwise what is wrong with it, for a person; static. *out is then undefined. */
NONNULL_ALL const char *deposits_read(
	struct descriptor *out, const struct network *network, const char *text);
/* A list of addresses: NULL, or what is wrong with it. */
NONNULL_ALL const char *deposits_sweep_addresses(const struct network *network, const char *list);
/* Whether an output script is of one of them. */
NONNULL_ALL bool deposits_may_sweep_to(
	const struct network *network, const char *list, struct slice script);
/* What it pays to, so that another one under the same books is noticed, however it is written. */
NONNULL_ALL void deposits_id(struct hash256 *out, const struct descriptor *d);
/* The output script of an index below LEDGER_ADDRESSES_MAX; its length. */
#define DEPOSITS_SCRIPT_MAX 34u
MUST_USE NONNULL_ALL size_t deposits_script(
	uint8_t script[DEPOSITS_SCRIPT_MAX], const struct descriptor *d, uint32_t index);

#endif
