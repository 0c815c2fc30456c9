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
/* Pay to the HASH160 of a key: 25 bytes; of a script: 23 bytes. */
NONNULL_ALL void btc_script_p2pkh(uint8_t script[25], const uint8_t hash[20]);
NONNULL_ALL void btc_script_p2sh(uint8_t script[23], const uint8_t hash[20]);
/* A witness program. ERR_FORMAT a version or length that can't be; ERR_RANGE one that has no rule
 * yet. */
MUST_USE NONNULL_ALL enum err btc_script_witness(uint8_t script[BTC_SCRIPT_STD_MAX],
	size_t *script_len, unsigned version, struct slice program);

enum btc_script_kind {
	BTC_SCRIPT_OTHER,
	BTC_SCRIPT_P2PKH,
	BTC_SCRIPT_P2SH,
	BTC_SCRIPT_WITNESS, /* any version, 2 to 40 bytes; also ones without a rule */
};
/* What an output script is; *program, its hash or witness program, borrows from it. */
NONNULL_ALL enum btc_script_kind btc_script_kind(
	unsigned *version, struct slice *program, struct slice script);

/* What a network's addresses begin with: for Bitcoin's they come from the network; chains made from
 * it have their own. */
struct btc_prefixes {
	const char *hrp;     /* of bech32; static */
	uint8_t p2pkh, p2sh; /* versions of Base58 */
};

/* ERR_FORMAT no address; ERR_CHECKSUM wrong check sum (also bech32 where bech32m is due);
 * ERR_NETWORK valid, but of another network; ERR_RANGE a witness version or length that has no rule
 * yet. */
MUST_USE NONNULL_ALL enum err btc_address_parse(uint8_t script[BTC_SCRIPT_STD_MAX],
	size_t *script_len, const struct network *network, struct slice text);
MUST_USE NONNULL_ALL enum err btc_address_parse_as(uint8_t script[BTC_SCRIPT_STD_MAX],
	size_t *script_len, const struct btc_prefixes *prefixes, struct slice text);
/* ERR_FORMAT where the script has no address. */
MUST_USE NONNULL_ALL enum err btc_address_format(
	char text[BTC_ADDRESS_TEXT_SIZE], const struct network *network, struct slice script);
MUST_USE NONNULL_ALL enum err btc_address_format_as(
	char text[BTC_ADDRESS_TEXT_SIZE], const struct btc_prefixes *prefixes, struct slice script);

/* What of Taproot differs between Bitcoin and chains made from it. A leaf of any other version than
 * this one has no rules yet: whoever shows it can spend. */
struct btc_taproot {
	const char *leaf_tag, *branch_tag, *tweak_tag, *sighash_tag; /* static */
	uint8_t leaf_version;
};
extern const struct btc_taproot btc_taproot; /* BIP-341, BIP-342 */

#define BTC_LEAF_VERSION 0xc0u
/* Of a leaf of the chain's version. */
NONNULL_ALL void btc_tapleaf_hash(
	struct hash256 *out, const struct btc_taproot *rules, struct slice script);
/* Sorts the two as BIP-341 says. */
NONNULL_ALL void btc_tapbranch_hash(struct hash256 *out, const struct btc_taproot *rules,
	const struct hash256 *a, const struct hash256 *b);

#define BTC_CONTROL_BASE 33u /* leaf version and parity, internal key; then 32 for each level */
#define BTC_CONTROL_STEP 32u
#define BTC_CONTROL_DEPTH_MAX 128u
/* Whether a control block leads from a script to an output's key; *leaf is the script's hash.
 * ERR_FORMAT: not of a control block's size; ERR_CHECKSUM: leads elsewhere; ERR_RANGE: leads there
 * with another leaf version than the chain's, so that anybody can spend. */
MUST_USE NONNULL_ALL enum err btc_control_check(struct hash256 *leaf,
	const struct btc_taproot *rules, const struct xonly *output, struct slice script,
	struct slice control);

/* The smallest output of this script that nodes relay, at 3,000 sat/kvB (Bitcoin Core's dust
 * limit). */
NONNULL_ALL struct sat btc_dust_limit(struct slice script);

#endif
