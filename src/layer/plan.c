/* The pure half of layer.h: each call goes to its network's table. */
#include "layer/adapter.h"

static const struct layer_pure *const pure[LAYER_COUNT] = {
	[LAYER_BITCOIN] = &utxo_pure,
	[LAYER_LIQUID] = &utxo_pure,
	[LAYER_ROOTSTOCK] = &evm_pure,
	[LAYER_LIGHTNING] = &lightning_pure,
	[LAYER_BOB] = &evm_pure,
	[LAYER_ROOTSTOCK_ERC20] = &evm_pure,
};

static const struct layer_pure *pure_of(enum layer_id id)
{
	CHECK(id < LAYER_COUNT);
	return pure[id];
}

enum err layer_address_check(enum layer_id id, const struct network *network,
	uint8_t destination[LAYER_DESTINATION_MAX], size_t *destination_len, struct slice text)
{
	if (network->layer != id)
		return ERR_NETWORK;
	return pure_of(id)->address_check(network, destination, destination_len, text);
}

enum err layer_address_format(enum layer_id id, const struct network *network,
	char text[LAYER_ADDRESS_TEXT_SIZE], struct slice destination)
{
	if (network->layer != id)
		return ERR_NETWORK;
	return pure_of(id)->address_format(network, text, destination);
}

enum err layer_payment_parse(enum layer_id id, const struct network *network,
	struct layer_payment *out, struct slice text)
{
	struct layer_payment p = {.amount = amount_zero(layer_asset(id))};
	if (network->layer != id)
		return ERR_NETWORK;
	if (pure_of(id)->payment_parse != NULL)
		return pure_of(id)->payment_parse(network, out, text);
	TRY(pure_of(id)->address_check(network, p.destination, &p.destination_len, text));
	*out = p;
	return OK;
}

enum err layer_payment_uri(enum layer_id id, const struct network *network, struct buf *out,
	struct slice destination, struct amount amount)
{
	if (network->layer != id)
		return ERR_NETWORK;
	if (pure_of(id)->payment_uri == NULL)
		return ERR_NOT_FOUND;
	return pure_of(id)->payment_uri(network, out, destination, amount);
}

enum err layer_funding_address(enum layer_id id, const struct network *network,
	char text[LAYER_ADDRESS_TEXT_SIZE], const struct pubkey *wallet)
{
	if (network->layer != id)
		return ERR_NETWORK;
	return pure_of(id)->funding_address(network, text, wallet);
}

uint32_t layer_payees_max(enum layer_id id)
{
	const uint32_t max = pure_of(id)->payees_max;
	CHECK(max <= BTC_PAYEE_MAX);
	return max == 0 ? 1 : max;
}

struct amount layer_dust(enum layer_id id)
{
	return pure_of(id)->dust(id);
}

uint64_t layer_rate_step(enum layer_id id)
{
	return pure_of(id)->rate_step(id);
}

enum err layer_leg_make(struct buf *leg, enum layer_id id, const struct leg_offer *offer)
{
	if (offer->network->layer != id)
		return ERR_NETWORK;
	if (offer->amount.asset != layer_asset(id))
		return ERR_RANGE;
	return pure_of(id)->leg_make(leg, offer);
}

enum err layer_leg_parse(
	struct leg_offer *offer, enum layer_id id, const struct network *network, struct slice leg)
{
	if (network->layer != id)
		return ERR_NETWORK;
	return pure_of(id)->leg_parse(offer, network, leg);
}

enum err layer_leg_address(enum layer_id id, const struct network *network,
	char text[LAYER_ADDRESS_TEXT_SIZE], struct slice leg)
{
	if (network->layer != id)
		return ERR_NETWORK;
	return pure_of(id)->leg_address(network, text, leg);
}

enum err layer_build(struct buf *out, struct amount *fee, enum layer_id id,
	const struct network *network, const struct pubkey *wallet, const struct layer_plan *plan)
{
	if (network->layer != id)
		return ERR_NETWORK;
	return pure_of(id)->build(out, fee, network, wallet, plan);
}

enum err layer_fee_bound(
	struct amount *out, enum layer_id id, enum sign_purpose purpose, uint64_t rate)
{
	return pure_of(id)->fee_bound(out, id, purpose, rate);
}

uint64_t layer_gas_limit(enum layer_id id, enum sign_purpose purpose)
{
	return pure_of(id)->gas_limit(id, purpose);
}
