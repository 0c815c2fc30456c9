/* node/encode: the API's texts for times, ids and opaque bytes. Pure. */
#ifndef NODE_ENCODE_H
#define NODE_ENCODE_H
#include "base/network.h"

#define TIME_TEXT_SIZE 48u
/* RFC 3339 in UTC, "2026-11-21T07:19:00.123Z". Years past 9999 are shown as the end of 9999. */
NONNULL_ALL void time_format(char text[TIME_TEXT_SIZE], uint64_t wall_ms);

#define ID_TEXT_SIZE 33u
NONNULL_ALL void id_format(char text[ID_TEXT_SIZE], const struct id128 *id);
/* 32 lower-case digits. ERR_FORMAT. */
MUST_USE NONNULL_ALL enum err id_parse(struct id128 *id, const char *text);

#define TXID_TEXT_SIZE 67u
/* As the layer's own tools write it: reversed for UTXO layers, with 0x for account layers. Block
 * hashes are written alike. */
NONNULL_ALL void txid_format(
	char text[TXID_TEXT_SIZE], enum layer_id layer, const struct hash256 *txid);
/* 0x may be left out or there on either family. ERR_FORMAT. */
MUST_USE NONNULL_ALL enum err txid_parse(
	struct hash256 *txid, enum layer_id layer, const char *text);

#endif
