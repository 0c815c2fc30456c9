/* sim/elements: an elementsd on a chain of its own.
 *
 * The simulated Bitcoin node (sim/bitcoin.h) by the rules of Elements: its transactions, whose
 * assets balance, blinded or not, and whose fee is an output; its Taproot, with a leaf version,
 * tags and messages of its own; its headers; the words and numbers of elementsd 23. The chain
 * begins as elementsd's liquidregtest does, with all coins in one output, which pay the faucet. Not
 * simulated beyond that: issuances (sim_mint makes coins of any asset), peg-ins,
 * wallets, and what signs a block: no elementsd takes this chain.
 */
#ifndef SIM_ELEMENTS_H
#define SIM_ELEMENTS_H
#include "sim/bitcoin.h"

#define SIM_ELEMENTS_FIRST_BLOCKS 3u
#define SIM_ELEMENTS_FEE_RATE 100u /* sat/kvB */

/* Returns owned, never NULL; destroyed by its ops. Needs secp_init before. A rate of 0 is
 * SIM_ELEMENTS_FEE_RATE, at which the node has no estimate; a first_blocks of 0
 * SIM_ELEMENTS_FIRST_BLOCKS. */
MUST_USE NONNULL_ALL struct sim_network *sim_elements_create(
	const struct sim_bitcoin_config *config);

#endif
