/* crypto/derive: every key of a wallet from one wallet key, by an unhardened tweak.
 *
 * child = key + H_"sluice/derive"(compressed public key || encoded path) G. Whoever knows the
 * wallet's public key can derive every public key; threshold keys can do the same with their
 * shares. A leaked child secret together with the public wallet key gives the wallet secret:
 * children never leave the signer.
 */
#ifndef CRYPTO_DERIVE_H
#define CRYPTO_DERIVE_H
#include "base/buf.h"
#include "base/network.h"
#include "crypto/secp.h"

enum key_use {
	KEY_WALLET = 1, /* UTXO layers: our own scripts, by index */
	KEY_ACCOUNT,    /* ACCOUNT layers: the account, index 0 */
	KEY_SWAP,       /* one swap's key on one layer */
};

enum { KEY_INDEX_RECEIVE = 0, KEY_INDEX_CHANGE = 1, KEY_INDEX_COUNT };
/* With an index below it: the deposit address of that index, whose keys are not the wallet's. */
#define KEY_INDEX_DEPOSIT (UINT32_C(1) << 31)

struct key_path {
	enum key_use use;
	enum layer_id layer;
	uint32_t index;    /* WALLET */
	struct id128 swap; /* SWAP */
};

#define KEY_PATH_SIZE 22u /* use, layer, le32 index, swap id */
NONNULL_ALL void key_path_put(struct buf *out, const struct key_path *path);
/* ERR_SHORT; ERR_FORMAT an unknown use or layer, a use that the layer's family does not have, or an
 * index or swap id where the use has none: one key has one path. */
MUST_USE NONNULL_ALL enum err key_path_get(struct reader *in, struct key_path *path);

/* ERR_RANGE an invalid wallet key; ERR_FORMAT (public) one not on the curve. */
MUST_USE NONNULL_ALL enum err derive_seckey(
	struct seckey *out, const struct seckey *wallet, const struct key_path *path);
MUST_USE NONNULL_ALL enum err derive_pubkey(
	struct pubkey *out, const struct pubkey *wallet, const struct key_path *path);

#endif
