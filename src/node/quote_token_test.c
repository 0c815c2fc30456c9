#include "node/quote_token.h"

int main(void)
{
	const struct seal_key seal = {{1}}, other = {{2}};
	struct quote_key key, wrong;
	char text[QUOTE_TOKEN_SIZE];
	quote_key_derive(&key, &seal);
	quote_key_derive(&wrong, &other);
	const struct quote_terms terms = {.from = LAYER_ROOTSTOCK,
		.to = LAYER_BITCOIN,
		.source_amount = amount_of(ASSET_RBTC, UINT64_MAX),
		.dest_amount = amount_of(ASSET_BTC, 7),
		.fee = amount_of(ASSET_RBTC, 9),
		.expires_ms = 12345};
	struct quote_terms back;
	quote_token_make(text, &key, &terms);
	CHECK(quote_token_parse(&back, &key, slice_str(text)) == OK);
	CHECK(back.from == LAYER_ROOTSTOCK && back.to == LAYER_BITCOIN && back.expires_ms == 12345);
	CHECK(amount_cmp(back.source_amount, terms.source_amount) == 0);
	CHECK(amount_cmp(back.dest_amount, terms.dest_amount) == 0);
	CHECK(amount_cmp(back.fee, terms.fee) == 0);
	CHECK(quote_token_parse(&back, &wrong, slice_str(text)) == ERR_CHECKSUM);
	/* every character counts */
	const size_t len = strlen(text);
	for (size_t i = 0; i < len; i++) {
		const char was = text[i];
		text[i] = was == 'A' ? 'B' : 'A';
		CHECK(quote_token_parse(&back, &key, slice_str(text)) != OK);
		text[i] = was;
	}
	for (size_t n = 0; n < len; n++)
		CHECK(quote_token_parse(&back, &key, slice_of(text, n)) == ERR_FORMAT);
	return 0;
}
