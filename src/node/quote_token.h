/* node/quote_token: a quote as a text that we can trust when it comes back, so that quoting writes
 * nothing: base64url(payload) "." base64url(HMAC-SHA256(payload)). Pure. */
#ifndef NODE_QUOTE_TOKEN_H
#define NODE_QUOTE_TOKEN_H
#include "base/network.h"
#include "crypto/seal.h"

struct quote_terms {
	enum layer_id from, to;
	struct amount source_amount, dest_amount, fee;
	uint64_t expires_ms; /* wall clock */
};

#define QUOTE_TOKEN_SIZE 160u

struct quote_key {
	uint8_t b[32];
};
NONNULL_ALL void quote_key_derive(struct quote_key *out, const struct seal_key *seal);

NONNULL_ALL void quote_token_make(
	char text[QUOTE_TOKEN_SIZE], const struct quote_key *key, const struct quote_terms *terms);
/* ERR_FORMAT no such text; ERR_CHECKSUM not made with this key. Whether it has expired is for the
 * caller. */
MUST_USE NONNULL_ALL enum err quote_token_parse(
	struct quote_terms *out, const struct quote_key *key, struct slice text);

#endif
