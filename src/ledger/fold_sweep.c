/* Sweeps: coins of deposit addresses move to the wallet, or to an address of the operator's, by a
 * transaction that others sign. A transfer and its effect, in one record: nothing else can take the
 * coins in between. */
#include "ledger/fold.h"

bool effect_sweeps(const struct ledger *l, const struct effect *f)
{
	return f->transfer != INDEX_NONE && l->transfer[f->transfer].sweep;
}

/* On deposit addresses, final, and free; and what they hold. */
static enum err check_coins(const struct ledger *l, const struct rec_sweep *r,
	uint32_t coin[BTC_INPUT_MAX], struct amount *sum)
{
	*sum = amount_zero(ASSET_BTC);
	for (uint32_t i = 0; i < r->coin_count; i++) {
		uint8_t key[COIN_KEY_SIZE];
		coin_key(key, LAYER_BITCOIN, &r->coin[i].txid, r->coin[i].index);
		coin[i] = map_get(&l->coin_by_outpoint, key);
		if (coin[i] == MAP_NONE || !coin_sweepable(&l->coin[coin[i]]))
			return ERR_STATE;
		for (uint32_t k = 0; k < i; k++)
			if (coin[k] == coin[i])
				return ERR_STATE;
		TRY(amount_add(sum, *sum, coin_amount(&l->coin[coin[i]])));
	}
	return r->coin_count > 0 ? OK : ERR_STATE;
}

bool coin_sweepable(const struct coin *c)
{
	return coin_watched(c) && c->created_height != 0 && c->spent_height == 0 &&
		coin_account(c) == ACCOUNT_WATCHED;
}

static struct effect *add_effect(struct ledger *l, const struct rec_sweep *r, uint32_t transfer,
	const uint32_t coin[BTC_INPUT_MAX], struct amount reserved)
{
	const uint32_t index = l->effect_count++;
	struct effect *f = &l->effect[index];
	*f = (struct effect){.id = r->effect,
		.purpose = SIGN_PAYOUT,
		.state = EFFECT_INTENT,
		.layer = LAYER_BITCOIN,
		.swap = INDEX_NONE,
		.transfer = transfer,
		.created_ms = l->time_ms,
		.intent_seq = l->seq,
		.coin_count = r->coin_count,
		.fee = r->fee,
		.rate = r->rate,
		/* all but the fee is moved, and by what is confirmed it is said how much */
		.value = amount_zero(reserved.asset),
		.reserved = reserved,
		.gas = amount_zero(reserved.asset),
		.last_variant_height = l->layer[LAYER_BITCOIN].tip.height};
	for (uint32_t i = 0; i < r->coin_count; i++) {
		f->coin[i] = coin[i];
		l->coin[coin[i]].effect = index;
		coin_refresh(l, &l->coin[coin[i]]);
	}
	CHECK(map_put(&l->effect_by_id, r->effect.b, index) == OK);
	effect_open(l, f);
	return f;
}

enum err fold_sweep(struct ledger *l, const struct rec_sweep *r)
{
	uint32_t coin[BTC_INPUT_MAX], index;
	struct amount sum, amount;
	TRY(check_coins(l, r, coin, &sum));
	if (l->effect_count == l->capacity.effects || !ledger_room(l))
		return ERR_FULL;
	if (map_get(&l->effect_by_id, r->effect.b) != MAP_NONE)
		return ERR_EXISTS;
	if (r->rate == 0 || amount_sub(&amount, sum, amount_from_sat(r->fee)) != OK ||
		amount_is_zero(amount) ||
		amount_cmp(sum, ledger_balance(l, LAYER_BITCOIN, ACCOUNT_WATCHED)) > 0)
		return ERR_STATE;
	const struct rec_transfer t = {.id = r->id,
		.effect = r->effect,
		.idempotency_key = r->idempotency_key,
		.idempotency_body = r->idempotency_body,
		.layer = LAYER_BITCOIN,
		.amount = amount,
		.destination = r->destination,
		.external = true};
	TRY(transfer_add(l, &index, &t));
	l->transfer[index].sweep = true;
	l->transfer[index].to_wallet = r->to_wallet;
	l->transfer[index].effect = effect_index(l, add_effect(l, r, index, coin, sum));
	ledger_post(l, LAYER_BITCOIN, 0, ACCOUNT_WATCHED, ACCOUNT_RESERVED, sum);
	return OK;
}

/* The operator gave it up: its coins are free for another sweep. It stays known, so that it counts
 * should its signers send it all the same: it pays nobody but the operator, and not twice, as both
 * spend the same coins. */
enum err fold_sweep_cancelled(struct ledger *l, const struct id128 *id)
{
	struct effect *f = ledger_effect(l, id);
	if (f == NULL || !effect_sweeps(l, f) ||
		(f->state != EFFECT_INTENT && f->state != EFFECT_PREPARED))
		return ERR_STATE;
	effect_void(l, f, "cancelled");
	effects_close(l);
	return OK;
}
