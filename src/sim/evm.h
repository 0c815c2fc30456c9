/* sim/evm: a node of an EVM chain: Rootstock-like (chain id 33, Berlin's rules, legacy transactions
 * of EIP-155, no base fee), or a rollup like BOB (chain id 31337, Prague's rules, a fee market,
 * fees for data on the first layer, safe and finalized blocks).
 *
 * Accounts, nonces, a pool with gaps and replacement, blocks, receipts, logs, storage, and the
 * state at every height; code is run by a machine of our own (evm_machine.h) to the unit of gas, as
 * anvil does (tests hold it to that). Block 1 holds the HTLC contract's creation; on a rollup that
 * is the contract for tokens, and a token is there beside it, which anybody may mint; both can be
 * had on the other chain, too. Block hashes
 * chain as they should but are not hashes of a real header; there are no state roots.
 *
 * Bounds: transactions in the pool SIM_EVM_POOL_MAX; what was mined is kept for ever.
 */
#ifndef SIM_EVM_H
#define SIM_EVM_H
#include "sim/network.h"
#include "wire/evm.h"

#define SIM_EVM_POOL_MAX 100000u
#define SIM_EVM_CHAIN_ID 33u
#define SIM_EVM_ROLLUP_CHAIN_ID 31337u
#define SIM_EVM_GAS_PRICE UINT64_C(60000000)
#define SIM_EVM_BASE_FEE UINT64_C(5000000) /* a rollup's first */
#define SIM_EVM_PRIORITY UINT64_C(1000000) /* what it suggests beside that */
#define SIM_EVM_SAFE_DEPTH 32u
#define SIM_EVM_FINAL_DEPTH 64u
#define SIM_EVM_ROLLUP_SAFE_DEPTH 3u
#define SIM_EVM_ROLLUP_FINAL_DEPTH 6u
#define SIM_EVM_BLOCK_GAS 30000000u

struct sim_evm_config {
	uint64_t seed;
	uint64_t now_ms;    /* the wall clock when the chain begins */
	uint64_t chain_id;  /* 0: SIM_EVM_CHAIN_ID, SIM_EVM_ROLLUP_CHAIN_ID */
	uint64_t gas_price; /* wei; what the market asks at first, of a rollup beside its base fee;
			     * 0: SIM_EVM_GAS_PRICE, SIM_EVM_PRIORITY */
	uint64_t block_gas; /* 0: SIM_EVM_BLOCK_GAS */
	/* How far the safe and the finalized block are below the tip; 0: SIM_EVM_SAFE_DEPTH,
	 * SIM_EVM_FINAL_DEPTH, less on rollups. */
	uint64_t safe_depth, final_depth;
	bool rollup;
	bool tokens; /* a token, and the contract for them; rollups have them anyway */
	bool geth; /* geth's error texts and codes, and no transaction for another chain; otherwise
		    * anvil's, and such a one is accepted and never mined */
};

/* Returns owned, never NULL; destroyed by its ops. Needs secp_init before. */
MUST_USE NONNULL_ALL struct sim_network *sim_evm_create(const struct sim_evm_config *config);
/* Where the HTLC contract is. */
NONNULL_ALL void sim_evm_contract(struct evm_address *out, const struct sim_network *n);
/* Where the token is, and the contract for it, of a chain that has them. */
NONNULL_ALL void sim_evm_token(struct evm_address *out, const struct sim_network *n);
NONNULL_ALL void sim_evm_token_contract(struct evm_address *out, const struct sim_network *n);

#endif
