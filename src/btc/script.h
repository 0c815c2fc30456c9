/* btc/script: output scripts, addresses, Taproot leaves. Pure.
 * Source: BIP-141, BIP-173, BIP-350 (bech32m), BIP-341, BIP-342; Base58Check. */
#ifndef BTC_SCRIPT_H
#define BTC_SCRIPT_H
#include "base/buf.h"
#include "base/network.h"
#include "crypto/secp.h"

#define BTC_SCRIPT_STD_MAX 42u /* the longest output script that an address can stand for */
#define BTC_ADDRESS_TEXT_SIZE 91u

/* OP_1 <key>: 34 bytes. */
NONNULL_ALL void btc_script_p2tr(uint8_t script[34], const struct xonly *output_key);

/* ERR_FORMAT no address; ERR_CHECKSUM wrong check sum (also bech32 where bech32m is due);
 * ERR_NETWORK valid, but of another network; ERR_RANGE a witness version or length that has no rule
 * yet. */
MUST_USE NONNULL_ALL enum err btc_address_parse(uint8_t script[BTC_SCRIPT_STD_MAX],
	size_t *script_len, const struct network *network, struct slice text);
/* ERR_FORMAT where the script has no address. */
MUST_USE NONNULL_ALL enum err btc_address_format(
	char text[BTC_ADDRESS_TEXT_SIZE], const struct network *network, struct slice script);

#define BTC_LEAF_VERSION 0xc0u
NONNULL_ALL void btc_tapleaf_hash(struct hash256 *out, struct slice script); /* leaf version 0xc0 */
/* Sorts the two as BIP-341 says. */
NONNULL_ALL void btc_tapbranch_hash(
	struct hash256 *out, const struct hash256 *a, const struct hash256 *b);

/* The smallest output of this script that nodes relay, at 3,000 sat/kvB (Bitcoin Core's dust
 * limit). */
NONNULL_ALL struct sat btc_dust_limit(struct slice script);

#endif
