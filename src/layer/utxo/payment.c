/* Payments as people hand them over: addresses, and `bitcoin:` URIs (btc/uri.h). Pure. */
#include "btc/uri.h"
#include "layer/utxo/payment.h"

static bool is_uri(struct slice text)
{
	static const char scheme[] = "bitcoin:";
	if (text.len < sizeof scheme - 1)
		return false;
	for (size_t i = 0; i < sizeof scheme - 1; i++) {
		const uint8_t c = text.ptr[i];
		if ((c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c) != scheme[i])
			return false;
	}
	return true;
}

/* The first of its ways to pay that is one on this layer. */
static enum err from_uri(
	const struct network *network, struct layer_payment *out, struct slice text)
{
	struct btc_uri uri;
	TRY(btc_uri_parse(&uri, network, text));
	for (uint32_t i = 0; i < uri.instruction_count; i++) {
		const struct btc_uri_instruction *way = &uri.instruction[i];
		if (way->kind != BTC_URI_ADDRESS)
			continue;
		*out = (struct layer_payment){.destination_len = way->script_len,
			.has_amount = uri.has_amount,
			.amount = amount_from_sat(uri.amount)};
		memcpy(out->destination, way->script, way->script_len);
		return OK;
	}
	return ERR_NOT_FOUND;
}

enum err bitcoin_payment_parse(
	const struct network *network, struct layer_payment *out, struct slice text)
{
	struct layer_payment p = {.amount = amount_zero(ASSET_BTC)};
	if (is_uri(text))
		return from_uri(network, out, text);
	TRY(btc_address_parse(p.destination, &p.destination_len, network, text));
	*out = p;
	return OK;
}

enum err bitcoin_payment_uri(const struct network *network, struct buf *out,
	struct slice destination, struct amount amount)
{
	char address[BTC_ADDRESS_TEXT_SIZE];
	struct btc_uri uri = {.has_amount = !amount_is_zero(amount), .instruction_count = 1};
	TRY(btc_address_format(address, network, destination));
	TRY(amount_to_sat(&uri.amount, amount));
	uri.instruction[0].kind = BTC_URI_ADDRESS;
	uri.instruction[0].text = slice_str(address);
	uri.instruction[0].script_len = destination.len;
	memcpy(uri.instruction[0].script, destination.ptr, destination.len);
	return btc_uri_put(out, network, &uri);
}
