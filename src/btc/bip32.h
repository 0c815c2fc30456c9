/* btc/bip32: extended public keys: read, written, derived. Pure, public keys only: a text with a
 * private key is recognised and refused. Source: BIP-32. */
#ifndef BTC_BIP32_H
#define BTC_BIP32_H
#include "base/network.h"
#include "btc/base58.h"
#include "crypto/secp.h"

#define XPUB_TEXT_SIZE (BASE58_TEXT_MAX + 1u)
#define BIP32_HARDENED 0x80000000u /* an index from here on needs the private key */

struct xpub {
	uint8_t depth;
	uint8_t parent[4]; /* fingerprint of the parent's key */
	uint32_t child;
	uint8_t chain[32];
	struct pubkey key;
};

/* "xpub..." on mainnet, "tpub..." on others. ERR_FORMAT no such text, or a key that can't be;
 * ERR_CHECKSUM; ERR_NETWORK of another kind of network; ERR_DENIED it holds a private key. */
MUST_USE NONNULL_ALL enum err xpub_parse(
	struct xpub *out, const struct network *network, struct slice text);
NONNULL_ALL void xpub_format(
	char text[XPUB_TEXT_SIZE], const struct network *network, const struct xpub *key);
/* ERR_RANGE: an index that is hardened, a key 255 levels deep, or (2^-127) no such child. */
MUST_USE NONNULL_ALL enum err xpub_child(
	struct xpub *out, const struct xpub *parent, uint32_t index);
/* The first four bytes of HASH160 of the key. */
NONNULL_ALL void xpub_fingerprint(uint8_t out[4], const struct xpub *key);

#endif
