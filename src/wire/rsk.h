/* wire/rsk: what is special about addresses on Rootstock. Pure.
 *
 * The PoWpeg holds the bitcoins behind RBTC. On Rootstock it is a precompiled contract, the Bridge:
 * value that is sent there is not a payment but asks for bitcoins to be released, so no payout may
 * go there by mistake. On Bitcoin it is the federation's address, which changes with the federation
 * and is recognised by asking the Bridge, never by a list of our own.
 * Source: RSKIP-176, rskj's PrecompiledContracts.java (addresses), Bridge ABI
 * (getFederationAddress). Check sums of addresses (EIP-1191) are in evm.h.
 */
#ifndef WIRE_RSK_H
#define WIRE_RSK_H
#include "btc/script.h"
#include "wire/evm.h"

extern const struct evm_address rsk_bridge;

enum rsk_address_kind {
	RSK_ORDINARY,
	RSK_BRIDGE,   /* value sent there becomes a peg-out */
	RSK_RESERVED, /* another precompiled contract, of Ethereum's or Rootstock's: burns value */
};
NONNULL_ALL enum rsk_address_kind rsk_address_kind(const struct evm_address *a);

/* getFederationAddress(), to be asked of the Bridge. */
NONNULL_ALL void rsk_federation_call(struct buf *out);
/* Its answer: the script that pegs in, on the Bitcoin network that belongs to it. ERR_FORMAT: no
 * ABI string; errors of btc_address_parse. */
MUST_USE NONNULL_ALL enum err rsk_federation_parse(uint8_t script[BTC_SCRIPT_STD_MAX],
	size_t *script_len, const struct network *bitcoin, struct slice answer);

#endif
