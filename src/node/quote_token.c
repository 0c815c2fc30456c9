#include "node/quote_token.h"

#include "base/base64.h"
#include "base/buf.h"
#include "crypto/hash.h"
#include "node/encode.h"

#define TOKEN_VERSION 1u
#define PAYLOAD_SIZE 59u /* version, from, to, 3 amounts of 16, le64 expiry */
#define MAC_SIZE 32u
#define PAYLOAD_TEXT (BASE64_BARE_SIZE(PAYLOAD_SIZE) - 1)
#define MAC_TEXT (BASE64_BARE_SIZE(MAC_SIZE) - 1)
_Static_assert(PAYLOAD_TEXT + 1 + MAC_TEXT + 1 <= QUOTE_TOKEN_SIZE, "a token fits");

void quote_key_derive(struct quote_key *out, const struct seal_key *seal)
{
	struct hash256 h;
	hmac_sha256(&h, slice_of(seal->b, sizeof seal->b), slice_str("sluice/quote/1"));
	memcpy(out->b, h.b, sizeof out->b);
	bytes_wipe(&h, sizeof h);
}

void quote_token_make(
	char text[QUOTE_TOKEN_SIZE], const struct quote_key *key, const struct quote_terms *terms)
{
	uint8_t payload[PAYLOAD_SIZE], amount[16];
	const struct amount all[] = {terms->source_amount, terms->dest_amount, terms->fee};
	struct buf b = buf_init(payload, sizeof payload);
	buf_u8(&b, TOKEN_VERSION);
	buf_u8(&b, (uint8_t)terms->from);
	buf_u8(&b, (uint8_t)terms->to);
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		amount_store(amount, all[i]);
		buf_put(&b, amount, sizeof amount);
	}
	buf_le64(&b, terms->expires_ms);
	CHECK(!b.overflow && b.len == PAYLOAD_SIZE);
	struct hash256 mac;
	hmac_sha256(&mac, slice_of(key->b, sizeof key->b), buf_slice(&b));
	base64_encode(text, BASE64_URL_BARE, payload, sizeof payload);
	text[PAYLOAD_TEXT] = '.';
	base64_encode(text + PAYLOAD_TEXT + 1, BASE64_URL_BARE, mac.b, sizeof mac.b);
}

enum err quote_token_parse(struct quote_terms *out, const struct quote_key *key, struct slice text)
{
	uint8_t payload[PAYLOAD_SIZE], mac[MAC_SIZE];
	if (text.len != PAYLOAD_TEXT + 1 + MAC_TEXT || text.ptr[PAYLOAD_TEXT] != '.')
		return ERR_FORMAT;
	TRY(base64_decode(
		payload, sizeof payload, BASE64_URL_BARE, slice_of(text.ptr, PAYLOAD_TEXT)));
	TRY(base64_decode(
		mac, sizeof mac, BASE64_URL_BARE, slice_of(text.ptr + PAYLOAD_TEXT + 1, MAC_TEXT)));
	struct hash256 expected;
	hmac_sha256(&expected, slice_of(key->b, sizeof key->b), slice_of(payload, sizeof payload));
	if (!bytes_eq_ct(&expected, mac, sizeof mac))
		return ERR_CHECKSUM;
	struct reader r = reader_init(slice_of(payload, sizeof payload));
	struct quote_terms t;
	const uint8_t version = reader_u8(&r), from = reader_u8(&r), to = reader_u8(&r);
	if (version != TOKEN_VERSION || from >= LAYER_COUNT || to >= LAYER_COUNT)
		return ERR_FORMAT;
	t.from = (enum layer_id)from;
	t.to = (enum layer_id)to;
	t.source_amount = amount_load(layer_asset(t.from), reader_take(&r, 16));
	t.dest_amount = amount_load(layer_asset(t.to), reader_take(&r, 16));
	t.fee = amount_load(layer_asset(t.from), reader_take(&r, 16));
	t.expires_ms = reader_le64(&r);
	TRY(reader_finish(&r));
	*out = t;
	return OK;
}
