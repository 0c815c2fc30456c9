/* What an effect is given before it exists: coins, or a nonce with gas, or a part of the channels.
 */
#include "node/engine_internal.h"

#include "layer/layer.h"

#define RESCUE_RATE_FACTOR 4u /* gas of a claim or refund is kept at so many times today's */

/* Free coins for the selection, explicit ones or all. Returns how many; *hidden: one is
 * confidential.
 */
static size_t free_coins(struct engine *e, bool *hidden, enum layer_id layer, bool all)
{
	const struct ledger *l = e->ledger;
	const struct layer_state *own = &l->layer[layer];
	size_t count = 0;

	*hidden = false;
	for (uint32_t i = 0; i < own->free_coin_count && count < ENGINE_COINS_MAX; i++) {
		const struct coin *c = &l->coin[own->free_coin[i]];
		const bool is_hidden = blinders_any(&c->hidden);
		*hidden = *hidden || is_hidden;
		if (all || !is_hidden)
			e->coin[count++] = (struct btc_coin){.at = c->at,
				.value = c->value,
				.key_index = c->key_index,
				.hidden = c->hidden};
	}
	return count;
}

/* Own coins for a payment of `value`. ERR_RANGE: not enough free and final ones now. */
static enum err choose_coins(struct engine *e, struct rec_intent *r, struct amount value,
	size_t count, uint64_t outputs_weight, uint64_t rate)
{
	struct btc_selection chosen;
	struct sat target;
	TRY(amount_to_sat(&target, value));
	TRY(btc_select(
		&chosen, layer_sizes(r->layer), e->coin, count, target, outputs_weight, rate));
	r->coin_count = chosen.count;
	for (uint32_t i = 0; i < chosen.count; i++)
		r->coin[i] = e->coin[chosen.index[i]].at;
	r->fee = chosen.fee;
	r->reserved = amount_of(value.asset, chosen.total.raw);
	return OK;
}

static enum err take_coins(
	struct engine *e, struct rec_intent *r, const struct outputs_weight *weight)
{
	bool hidden;
	size_t count = free_coins(e, &hidden, r->layer, false);
	const enum err err = choose_coins(e, r, r->value, count, weight->explicit, r->rate);
	if (err == OK || !hidden)
		return err;
	count = free_coins(e, &hidden, r->layer, true);
	return choose_coins(e, r, r->value, count, weight->hidden, r->rate);
}

/* A nonce and gas for a call that moves `value`. gas_funds: where gas is another asset. ERR_RANGE:
 * not enough. */
static enum err take_nonce(struct engine *e, struct rec_intent *r, struct amount value,
	struct amount funds, struct amount gas_funds)
{
	const struct ledger *l = e->ledger;
	struct amount gas;
	r->nonce = l->layer[r->layer].nonce_next;
	r->gas_limit = layer_gas_limit(r->layer, r->purpose);
	TRY(engine_gas_bound(l, &gas, r->layer, r->purpose, r->rate));
	r->reserved = value;
	if (layer_gas_apart(r->layer)) {
		r->gas = gas;
		if (amount_cmp(gas, gas_funds) > 0)
			return ERR_RANGE;
	} else {
		TRY(amount_add(&r->reserved, value, gas));
	}
	return amount_cmp(r->reserved, funds) <= 0 ? OK : ERR_RANGE;
}

/* The same for a call that moves nothing, from all there is. */
enum err engine_reserve_own(struct engine *e, struct rec_intent *r)
{
	const struct ledger *l = e->ledger;
	r->value = amount_zero(layer_asset(r->layer));
	return take_nonce(e, r, r->value, ledger_balance(l, r->layer, ACCOUNT_AVAILABLE),
		ledger_balance(l, r->layer, ACCOUNT_GAS_AVAILABLE));
}

/* What calls cost at today's rate: nothing where that is not known. */
static struct amount gas_of(
	const struct ledger *l, enum layer_id layer, enum sign_purpose purpose, uint64_t calls)
{
	struct amount gas = amount_zero(layer_gas_asset(layer)), sum = gas;
	if (engine_gas_bound(l, &gas, layer, purpose, engine_rate(l, layer)) == OK &&
		amount_mul(&sum, gas, calls) != OK)
		sum = amount_max(sum.asset);
	return sum;
}

/* Gas that so many swaps may need to end. */
static struct amount rescue_of(const struct ledger *l, enum layer_id layer, uint64_t swaps)
{
	return layer_family(layer) == FAMILY_ACCOUNT
		? gas_of(l, layer, SIGN_CLAIM, swaps * RESCUE_RATE_FACTOR)
		: amount_zero(layer_gas_asset(layer));
}

static struct amount rescue_funds(const struct ledger *l, enum layer_id layer)
{
	return rescue_of(l, layer, l->active_swap_count);
}

bool engine_gas_suffices(const struct ledger *l, struct amount *need, enum layer_id layer)
{
	const uint64_t swaps = (uint64_t)l->active_swap_count + 1;
	*need = rescue_of(l, layer, swaps);
	if (!layer_gas_apart(layer))
		return amount_cmp(*need, ledger_unclaimed(l, layer)) <= 0;
	/* in what value is moved, lock-ups that were promised are counted; here they are not */
	return amount_add(need, *need, gas_of(l, layer, SIGN_LOCK, swaps)) == OK &&
		amount_cmp(*need, ledger_balance(l, layer, ACCOUNT_GAS_AVAILABLE)) <= 0;
}

/* What is available, less the gas of rescues. */
static struct amount business_funds(const struct ledger *l, enum layer_id layer)
{
	struct amount funds = ledger_unclaimed(l, layer);
	if (!layer_gas_apart(layer) && amount_sub(&funds, funds, rescue_funds(l, layer)) != OK)
		return amount_zero(funds.asset);
	return funds;
}

/* Gas that is available, where it is another asset, less that of rescues. */
static struct amount business_gas(const struct ledger *l, enum layer_id layer)
{
	struct amount gas = ledger_balance(l, layer, ACCOUNT_GAS_AVAILABLE);
	if (layer_gas_apart(layer) && amount_sub(&gas, gas, rescue_funds(l, layer)) != OK)
		return amount_zero(gas.asset);
	return gas;
}

struct amount engine_free_funds(const struct ledger *l, enum layer_id layer)
{
	struct amount funds = business_funds(l, layer);
	if (amount_sub(&funds, funds, l->layer[layer].promised) != OK ||
		amount_sub(&funds, funds, l->layer[layer].queued) != OK)
		return amount_zero(funds.asset);
	return funds;
}

/* The amount, and the most that routing may cost. ERR_RANGE: not enough. */
static enum err take_channels(struct engine *e, struct rec_intent *r)
{
	const struct ledger *l = e->ledger;
	TRY(params_fee_limit(&r->fee, &l->params.layer[r->layer], r->value));
	TRY(amount_add(&r->reserved, r->value, amount_of(r->value.asset, r->fee.raw)));
	return amount_cmp(r->reserved, business_funds(l, r->layer)) <= 0 ? OK : ERR_RANGE;
}

enum err engine_reserve(struct engine *e, struct rec_intent *r, const struct outputs_weight *weight)
{
	switch (layer_family(r->layer)) {
	case FAMILY_UTXO: return take_coins(e, r, weight);
	case FAMILY_ACCOUNT:
		return take_nonce(e, r, r->value, business_funds(e->ledger, r->layer),
			business_gas(e->ledger, r->layer));
	case FAMILY_CHANNEL: return take_channels(e, r);
	}
	return ERR_STATE;
}
