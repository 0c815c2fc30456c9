/* sim/bitcoin: a Bitcoin node on its own regtest network.
 *
 * Real blocks (regtest's genesis, proof of work, BIP-34 heights, witness commitments, subsidies),
 * real transactions, and Bitcoin Core's answers: the chain that it makes is valid to Bitcoin Core,
 * and tests/live holds it to that. Coins that pay to Taproot outputs are spent by key path or by
 * leaf version 0xc0 with the opcodes of btc/htlc.h's leaves; SIGHASH_DEFAULT only, no annex. Coins
 * of every other kind can be made and never spent. Not simulated: peers, wallets, package relay
 * (a child does not pay for its parent), blocks from elsewhere (submitblock).
 *
 * Bounds: transactions in the mempool SIM_BITCOIN_POOL_MAX; what was mined is kept for ever.
 */
#ifndef SIM_BITCOIN_H
#define SIM_BITCOIN_H
#include "base/network.h"
#include "sim/network.h"

#define SIM_BITCOIN_POOL_MAX 100000u
#define SIM_BITCOIN_FIRST_BLOCKS 110u
#define SIM_BITCOIN_FEE_RATE 2000u /* sat/kvB */

struct sim_bitcoin_config {
	uint64_t seed;
	uint64_t now_ms;       /* the wall clock when the chain begins */
	uint32_t first_blocks; /* mined to the faucet; 0: SIM_BITCOIN_FIRST_BLOCKS */
	uint64_t rate_sat_kvb; /* what the market asks at first; 0: SIM_BITCOIN_FEE_RATE */
};

/* Returns owned, never NULL; destroyed by its ops. Needs secp_init before. */
MUST_USE NONNULL_ALL struct sim_network *sim_bitcoin_create(
	const struct sim_bitcoin_config *config);

#endif
