/* sim/evm: a node of an EVM chain: Rootstock-like by default (chain id 33, Berlin's rules, legacy
 * transactions of EIP-155, no base fee).
 *
 * Accounts, nonces, a pool with gaps and replacement, blocks, receipts, logs, and the state at
 * every height. One contract exists: the HTLC of wire/evm_htlc.h; creating any other fails in its
 * receipt. Its rules, events, errors and gas are done here in C and are those of the real bytecode
 * on anvil, to the unit of gas (tests hold them to that). Block hashes chain as they should but are
 * not hashes of a real header; there are no state roots.
 *
 * Bounds: transactions in the pool SIM_EVM_POOL_MAX; what was mined is kept for ever.
 */
#ifndef SIM_EVM_H
#define SIM_EVM_H
#include "sim/network.h"
#include "wire/evm.h"

#define SIM_EVM_POOL_MAX 100000u
#define SIM_EVM_CHAIN_ID 33u
#define SIM_EVM_GAS_PRICE UINT64_C(60000000)
#define SIM_EVM_BLOCK_GAS 30000000u

struct sim_evm_config {
	uint64_t seed;
	uint64_t now_ms;    /* the wall clock when the chain begins */
	uint64_t chain_id;  /* 0: SIM_EVM_CHAIN_ID */
	uint64_t gas_price; /* wei; what the market asks at first; 0: SIM_EVM_GAS_PRICE */
	uint64_t block_gas; /* 0: SIM_EVM_BLOCK_GAS */
	bool geth; /* geth's error texts and codes, and no transaction for another chain; otherwise
		    * anvil's, and such a one is accepted and never mined */
};

/* Returns owned, never NULL; destroyed by its ops. Block 1 holds the HTLC contract's creation.
 * Needs secp_init before. */
MUST_USE NONNULL_ALL struct sim_network *sim_evm_create(const struct sim_evm_config *config);
/* Where the HTLC contract is. */
NONNULL_ALL void sim_evm_contract(struct evm_address *out, const struct sim_network *n);

#endif
