/* wire/elements_address: addresses of Liquid and of other chains that run Elements.
 *
 * Purpose: an address stands for an output script; a confidential one also for the key with which
 * its owner finds out what a blinded output holds. Segwit and Base58, both kinds of each.
 * Invariants: a text stands for one script and key, and they for one text (but for upper case).
 * Threads: pure. Ownership: rows of networks are static.
 * What it must not do: decide whether an output should be blinded.
 *
 * Source: Elements 23.3 (blech32.cpp, key_io.cpp, chainparams.cpp); BIP-173,
 * BIP-350.
 */
#ifndef WIRE_ELEMENTS_ADDRESS_H
#define WIRE_ELEMENTS_ADDRESS_H
#include "btc/script.h"

struct elements_network {
	const char *name; /* "liquidv1", "liquidtestnet", "elementsregtest", "liquidregtest" */
	bool test;        /* its coins have no value */
	struct btc_prefixes plain;
	const char *blech32_prefix;
	uint8_t blinded; /* Base58: before the version of a confidential address */
	/* In hashing order. Zero for elementsregtest, where both follow from the settings of who
	 * starts the chain; liquidregtest is the one that follows from elementsd's defaults. */
	struct hash256 genesis;
	struct hash256 policy_asset; /* in which fees are paid: L-BTC */
};

/* Borrowed, static; NULL where there is none of that name. */
const struct elements_network *elements_network_by_name(struct slice name);
/* The same chain, by its first block; NULL where network is no Liquid. */
NONNULL_ALL const struct elements_network *elements_network_of(const struct network *network);

/* Longest: a confidential witness program of 40 bytes. */
#define ELEMENTS_ADDRESS_TEXT_SIZE 135u

struct elements_address {
	uint8_t script[BTC_SCRIPT_STD_MAX];
	size_t script_len;
	bool confidential;
	struct pubkey blinding; /* zero where not confidential */
};

/* ERR_FORMAT: no address, or its blinding key is not on the curve; ERR_CHECKSUM: wrong check sum
 * (also of the kind that another witness version has); ERR_NETWORK: valid, but of another network;
 * ERR_RANGE: a witness version or length that has no rule yet. */
MUST_USE NONNULL_ALL enum err elements_address_parse(
	struct elements_address *out, const struct elements_network *network, struct slice text);
/* What is paid to, in one piece: the output script, behind the key that it is blinded for where
 * there is one (no script of an address begins like a key). */
#define ELEMENTS_DESTINATION_MAX (33u + BTC_SCRIPT_STD_MAX)
NONNULL_ALL void elements_destination_put(struct buf *out, const struct elements_address *a);
/* true: it is to be blinded, for *blinding. *script borrows from the destination. */
NONNULL_ALL bool elements_destination_split(
	struct slice *script, struct pubkey *blinding, struct slice destination);
/* blinding NULL: not confidential. ERR_FORMAT where the script has no address. */
MUST_USE enum err elements_address_format(char text[ELEMENTS_ADDRESS_TEXT_SIZE],
	const struct elements_network *network, struct slice script, const struct pubkey *blinding);

#endif
