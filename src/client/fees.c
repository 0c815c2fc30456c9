#include "client/fees.h"

#include "client/spend.h"

#define BUMP_PERCENT 125u
#define SHARE_PERCENT 10u /* of the value, for a fee with time to spare */
#define SHARE_URGENT_PERCENT 90u
#define GAS_MARGIN 3u  /* of today's price: a claim may have to be bumped */
#define DATA_MARGIN 4u /* of today's fee for data, as the provider keeps for its own */

uint64_t fees_rate_now(const struct layer_params *p, uint64_t rate)
{
	return rate < p->fee_rate_min    ? p->fee_rate_min
		: rate > p->fee_rate_max ? p->fee_rate_max
					 : rate;
}

uint64_t fees_rate_cap(
	const struct layer_params *p, enum sign_purpose purpose, struct amount value, bool urgent)
{
	const enum layer_id layer = p->network->layer;
	struct amount share, unit;
	uint64_t cap = p->fee_rate_min;

	if (layer_gas_apart(layer))
		return p->fee_rate_max;
	/* raised while the fee for it stays within the share; ends at the setting's bound */
	if (amount_mul_div(
		    &share, value, urgent ? SHARE_URGENT_PERCENT : SHARE_PERCENT, 100, false) != OK)
		return cap;
	for (uint64_t next = cap; next <= p->fee_rate_max; next += next / 8 + 1) {
		if (spend_fee(&unit, layer, purpose, next) != OK || amount_cmp(unit, share) > 0)
			break;
		cap = next;
	}
	return cap;
}

uint64_t fees_rate_bumped(const struct layer_params *p, uint64_t rate, uint64_t last)
{
	const uint64_t more = last + last / 100 * (BUMP_PERCENT - 100) +
		layer_rate_step(p->network->layer);
	const uint64_t now = fees_rate_now(p, rate);
	return now > more ? now : more;
}

enum err fees_add(struct amount *sum, enum layer_id layer, enum sign_purpose purpose, uint64_t rate,
	uint64_t data_fee, uint64_t count)
{
	struct amount fee, data;
	TRY(spend_fee(&fee, layer, purpose, rate));
	TRY(amount_mul(&data, amount_of(fee.asset, data_fee), DATA_MARGIN));
	TRY(amount_add(&fee, fee, data));
	TRY(amount_mul(&fee, fee, count));
	return amount_add(sum, *sum, fee);
}

enum err fees_funds_needed(struct amount *gas, struct amount *value, const struct rescue *r,
	enum rescue_side side, uint64_t rate, uint64_t data_fee)
{
	const enum layer_id layer = rescue_layer(r, side);
	const bool apart = layer_gas_apart(layer);
	struct amount sum = amount_zero(layer_gas_asset(layer)),
		      moved = amount_zero(layer_asset(layer));

	if (side == SIDE_DEST) {
		TRY(fees_add(&sum, layer, SIGN_CLAIM, rate, data_fee, GAS_MARGIN));
	} else {
		if (apart)
			TRY(fees_add(&sum, layer, SIGN_APPROVE, rate, data_fee, 1));
		TRY(fees_add(&sum, layer, SIGN_LOCK, rate, data_fee, 1));
		TRY(fees_add(&sum, layer, SIGN_REFUND, rate, data_fee, GAS_MARGIN));
		if (apart)
			moved = r->leg[side].amount;
		else
			TRY(amount_add(&sum, sum, r->leg[side].amount));
	}
	*gas = sum;
	*value = moved;
	return OK;
}

const char *fees_funds_missing(
	const struct node_account *account, struct amount gas, struct amount value)
{
	if (amount_cmp(account->gas, gas) < 0)
		return "gas";
	return !amount_is_zero(value) && amount_cmp(account->value, value) < 0 ? "tokens" : NULL;
}

const char *fees_too_poor(const struct node_account *account, const struct rescue *r,
	enum rescue_side side, uint64_t rate, uint64_t data_fee)
{
	struct amount gas, value;
	if (fees_funds_needed(&gas, &value, r, side, rate, data_fee) == OK &&
		fees_funds_missing(account, gas, value) == NULL)
		return NULL;
	if (side == SIDE_DEST)
		return "the gas account has too little for a claim";
	return layer_gas_apart(rescue_layer(r, side))
		? "the account has fewer tokens than the amount, or too little gas"
		: "the gas account has less than the amount and its gas";
}
