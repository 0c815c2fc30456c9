/* btc/base58: Base58Check: bytes and the first four of their double SHA-256, as a text. Pure.
 * Source: Bitcoin Core's base58.cpp; what a version stands for is the caller's business. */
#ifndef BTC_BASE58_H
#define BTC_BASE58_H
#include "base/buf.h"

#define BASE58_PAYLOAD_MAX 78u /* BIP-32: an extended key */
#define BASE58_TEXT_MAX 112u   /* that many bytes and their sum have no more digits */

/* Exactly len bytes, at most BASE58_PAYLOAD_MAX (CHECK). ERR_FORMAT: no such text, or of another
 * length; ERR_CHECKSUM. */
MUST_USE NONNULL_ALL enum err base58_decode(uint8_t *payload, size_t len, struct slice text);
/* At most BASE58_PAYLOAD_MAX bytes (CHECK). */
NONNULL_ALL void base58_put(struct buf *out, struct slice payload);

#endif
