/* Offers are the same wherever the swap tree is: terms are struct btc_htlc, of the layer's asset.
 */
#include "layer/utxo/utxo.h"

_Static_assert(BTC_HTLC_SIZE <= SIGNING_LEG_MAX, "terms fit into a signing request");

enum err utxo_leg_make(const struct utxo_terms *t, struct buf *leg, const struct leg_offer *offer)
{
	struct btc_htlc h = {.hash = offer->hash,
		.claim = offer->claim.key,
		.refund = offer->refund.key,
		.timelock = (uint32_t)offer->timelock};
	TRY(amount_to_sat(&h.amount, offer->amount));
	if (h.amount.raw < t->dust_raw || offer->timelock == 0 ||
		offer->timelock > BTC_TIMELOCK_MAX)
		return ERR_RANGE;
	if (memcmp(h.claim.b, h.refund.b, sizeof h.claim.b) == 0)
		return ERR_FORMAT;
	h.provider = offer->provider_claims ? h.claim : h.refund;
	h.client = offer->provider_claims ? h.refund : h.claim;

	uint8_t storage[BTC_HTLC_SIZE];
	struct buf encoded = buf_init(storage, sizeof storage);
	struct btc_htlc again;
	btc_htlc_put(&encoded, &h);
	TRY(btc_htlc_parse(&again, buf_slice(&encoded)));
	buf_put(leg, encoded.ptr, encoded.len);
	return leg->overflow ? ERR_FULL : OK;
}

enum err utxo_leg_parse(const struct utxo_terms *t, struct leg_offer *offer,
	const struct network *network, struct slice leg)
{
	struct btc_htlc h;
	TRY(btc_htlc_parse(&h, leg));
	if (h.amount.raw > SAT_MAX_RAW)
		return ERR_FORMAT;
	*offer = (struct leg_offer){.network = network,
		.hash = h.hash,
		.amount = amount_of(layer_asset(t->layer), h.amount.raw),
		.timelock = h.timelock,
		.claim.key = h.claim,
		.refund.key = h.refund,
		.provider_claims = memcmp(h.provider.b, h.claim.b, sizeof h.claim.b) == 0};
	return OK;
}
