/* base/network: the layers that sluice knows and the networks on which each can run (CAIP-2 ids).
 *
 * A layer is a network and the one asset that is moved on it. Rootstock is two, for its coin and
 * for a token: each has a key, a nonce, books and settings of its own, on the same chain. The ids
 * of their networks must differ, because an id names the layer too, in what is signed and kept:
 * erc20:N are tokens on the chain eip155:N.
 */
#ifndef BASE_NETWORK_H
#define BASE_NETWORK_H
#include "base/amount.h"

/* The numbers are on disk. */
enum layer_id {
	LAYER_BITCOIN,
	LAYER_ROOTSTOCK,
	LAYER_LIGHTNING,
	LAYER_LIQUID,
	LAYER_BOB,
	LAYER_ROOTSTOCK_ERC20,
	LAYER_COUNT
};
/* What is kept names so many layers whether they are in use or not, as it always did; of those
 * that came later as many as up to the last that is. */
#define LAYERS_FIRST (LAYER_BOB + 1u)

/* How a layer keeps value: what an effect reserves, and by what it can be found. */
enum layer_family {
	FAMILY_UTXO,    /* coins; an effect is identified by the outpoint that it spends */
	FAMILY_ACCOUNT, /* one account with nonces; an effect is identified by its nonce */
	FAMILY_CHANNEL, /* balances in channels, whose node holds the keys; an effect is a command
			 * to it, identified by a payment hash. What is seen is final at once */
};

/* A network of a layer. Static rows; borrowed for ever. */
struct network {
	enum layer_id layer;
	const char *name;  /* "mainnet", "testnet", "signet", "regtest" */
	const char *caip2; /* "bip122:000000000019d6689c085ae165831e93", "eip155:30" */
	bool test;         /* its coins have no value */
	bool regular; /* blocks are made by the clock (by signers, a sequencer), not found: they
		       * may fail to come, and don't come early */
	/* Bitcoin, Liquid. Lightning: of the Bitcoin network that it is on */
	const char *hrp;        /* bech32 prefix, Lightning's: of invoices; NULL elsewhere */
	uint8_t p2pkh, p2sh;    /* base58 versions */
	struct hash256 genesis; /* in hashing order */
	/* ACCOUNT */
	uint64_t chain_id;
	bool fee_market; /* a base fee: transactions of EIP-1559; legacy ones elsewhere */
	bool rollup;     /* its blocks count when the layer below has them */
};

/* "bitcoin", "rootstock", ...; static. */
const char *layer_name(enum layer_id layer);
/* There is an adapter for it. Rows without one are in no configuration and no answer. */
bool layer_built(enum layer_id layer);
MUST_USE NONNULL_ALL enum err layer_parse(enum layer_id *layer, struct slice text);
/* What is moved on it. */
enum asset layer_asset(enum layer_id layer);
/* What its fees are paid in: the same, but where value is a token. */
enum asset layer_gas_asset(enum layer_id layer);
/* Fees are paid in another asset than what is moved: value is a token, and has books of its own. */
bool layer_gas_apart(enum layer_id layer);
enum layer_family layer_family(enum layer_id layer);

/* Borrowed, static; NULL where there is none of that name. */
const struct network *network_by_name(enum layer_id layer, struct slice name);
const struct network *network_by_caip2(struct slice caip2);

#endif
