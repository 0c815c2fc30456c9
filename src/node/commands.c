/* What people and programs ask of the engine: quotes, swaps, transfers. */
#include "node/engine_internal.h"

#include "wire/sweep.h"

#include "layer/layer.h"
#include "ledger/clock.h"
#include "wire/bolt11.h"
#include "wire/elements_address.h"

#include <stdio.h>

static enum err refuse(struct engine_refusal *r, const char *code, const char *detail)
{
	r->code = code;
	(void)snprintf(r->detail, sizeof r->detail, "%s", detail);
	return ERR_REJECTED;
}

static enum err refuse_amount(
	struct engine_refusal *r, const char *code, const char *what, struct amount limit)
{
	char text[AMOUNT_TEXT_SIZE];
	amount_format(text, limit);
	r->code = code;
	(void)snprintf(
		r->detail, sizeof r->detail, "%s %s %s", what, text, asset_name(limit.asset));
	return ERR_REJECTED;
}

/* What is taken must have room to end. */
static enum err check_room(
	const struct ledger *l, struct engine_refusal *r, uint32_t swaps, uint32_t transfers)
{
	const char *key = ledger_full(l, swaps, transfers);
	if (key == NULL)
		return OK;
	r->code = "capacity_full";
	(void)snprintf(r->detail, sizeof r->detail, "%s allows no more than there is now", key);
	return ERR_REJECTED;
}

uint64_t engine_rate(const struct ledger *l, enum layer_id layer)
{
	const struct layer_params *p = &l->params.layer[layer];
	const uint64_t rate = l->layer[layer].fee_rate;
	if (layer_family(layer) == FAMILY_CHANNEL)
		return 1; /* what routing costs is no rate: it has a limit */
	if (rate == 0)
		return 0;
	return rate < p->fee_rate_min    ? p->fee_rate_min
		: rate > p->fee_rate_max ? p->fee_rate_max
					 : rate;
}

enum err engine_gas_bound(const struct ledger *l, struct amount *out, enum layer_id layer,
	enum sign_purpose purpose, uint64_t rate)
{
	struct amount gas, data = amount_of(layer_gas_asset(layer), l->layer[layer].data_fee);
	TRY(layer_fee_bound(&gas, layer, purpose, rate));
	TRY(amount_mul(&data, data, DATA_FEE_FACTOR));
	return amount_add(out, gas, data);
}

static bool layer_ready(const struct ledger *l, enum layer_id layer)
{
	return l->has_params && l->layer[layer].born && engine_rate(l, layer) != 0;
}

enum err engine_fee_bound(const struct ledger *l, struct amount *out, enum layer_id layer,
	enum sign_purpose purpose, struct amount value)
{
	struct sat fee = {0};
	if (layer_family(layer) != FAMILY_CHANNEL)
		return engine_gas_bound(l, out, layer, purpose, engine_rate(l, layer));
	if (purpose == SIGN_LOCK || purpose == SIGN_PAYOUT)
		TRY(params_fee_limit(&fee, &l->params.layer[layer], value));
	*out = amount_of(value.asset, fee.raw);
	return OK;
}

/* A fee at today's rate, in what is moved on the layer: gas that is another asset counts for what
 * the settings say. */
static enum err fee_in_value(const struct ledger *l, struct amount *out, enum layer_id layer,
	enum sign_purpose purpose, struct amount moved)
{
	const struct amount value = l->params.layer[layer].gas_value;
	struct amount gas, coin = amount_zero(layer_gas_asset(layer));
	TRY(engine_fee_bound(l, &gas, layer, purpose, moved));
	if (!layer_gas_apart(layer)) {
		*out = gas;
		return OK;
	}
	TRY(amount_parse(&coin, coin.asset, slice_str("1")));
	return amount_scale(out, value, gas, coin);
}

/* What the provider has to spend on both networks for one swap, at today's rates, in the source
 * asset. */
static enum err network_fee(const struct ledger *l, enum layer_id from, enum layer_id to,
	struct amount source, struct amount *out)
{
	struct amount lock, claim, dest;
	TRY(amount_convert(&dest, source, layer_asset(to), true));
	TRY(fee_in_value(l, &lock, to, SIGN_LOCK, dest));
	TRY(fee_in_value(l, &claim, from, SIGN_CLAIM, source));
	TRY(amount_convert(&lock, lock, layer_asset(from), true));
	return amount_add(out, lock, claim);
}

/* A swap that can't pay for its calls would wait, and could miss its claim. */
static enum err check_gas(
	const struct ledger *l, struct engine_refusal *refusal, enum layer_id layer)
{
	struct amount need;
	if (engine_gas_suffices(l, &need, layer))
		return OK;
	return refuse_amount(refusal, "insufficient_liquidity",
		"too little is there to pay network fees with; one swap more takes", need);
}

enum err engine_quote(const struct engine *e, struct quote *out, struct engine_refusal *refusal,
	enum layer_id from, enum layer_id to, struct amount source_amount)
{
	const struct ledger *l = e->ledger;
	struct quote q = {.from = from, .to = to, .source_amount = source_amount};
	struct amount rest, back;

	if (from == to)
		return refuse(refusal, "same_layer", "a swap needs two different layers");
	if (!layer_ready(l, from) || !layer_ready(l, to))
		return refuse(
			refusal, "layer_unavailable", "a layer of this swap is not ready yet");
	const struct layer_params *src = &l->params.layer[from], *dst = &l->params.layer[to];
	if (amount_cmp(source_amount, src->swap_min) < 0)
		return refuse_amount(refusal, "amount_too_small", "the least is", src->swap_min);
	if (amount_cmp(source_amount, src->swap_max) > 0)
		return refuse_amount(refusal, "amount_too_large", "the most is", src->swap_max);
	if (l->latched)
		return refuse(
			refusal, "latched", "new swaps are paused until the books are checked");

	TRY(network_fee(l, from, to, source_amount, &q.network_fee));
	TRY(amount_mul_div(&q.fee, source_amount, l->params.fee_ppm, 1000000, true));
	TRY(amount_add(&q.fee, q.fee, q.network_fee));
	if (amount_sub(&rest, source_amount, q.fee) != OK)
		return refuse(refusal, "amount_too_small", "the fees are more than the amount");
	TRY(amount_convert(&q.dest_amount, rest, layer_asset(to), false));
	if (amount_cmp(q.dest_amount, dst->swap_min) < 0)
		return refuse_amount(refusal, "amount_too_small",
			"what is left after fees is less than the least,", dst->swap_min);
	if (amount_cmp(q.dest_amount, dst->swap_max) > 0)
		return refuse_amount(refusal, "amount_too_large", "on the other layer the most is",
			dst->swap_max);
	if (amount_cmp(q.dest_amount, engine_free_funds(l, to)) >= 0)
		return refuse(refusal, "insufficient_liquidity", "more than is available now");
	TRY(check_gas(l, refusal, from));
	TRY(check_gas(l, refusal, to));
	/* what rounding left over is ours: the margin is exactly source less destination */
	TRY(amount_convert(&back, q.dest_amount, source_amount.asset, false));
	TRY(amount_sub(&q.fee, source_amount, back));

	q.source_depth = params_depth(src, source_amount);
	q.dest_depth = params_depth(dst, q.dest_amount);
	q.dest_blocks = dst->lock_blocks;
	q.source_blocks = clock_source_blocks(src, dst, q.source_depth, l->params.observation_ms);
	if (q.source_blocks == 0)
		return refuse(refusal, "unsafe_time_locks", "no safe pair of time locks");
	*out = q;
	return OK;
}

/* The same idempotency key again: what it made, and whether it was the same request. */
static bool replayed(const struct ledger *l, struct command_result *out, const struct hash256 *key,
	const struct hash256 *body)
{
	const struct idempotency *i = ledger_idempotency(l, key);
	if (i == NULL)
		return false;
	out->same_body = hash256_eq(&i->body, body);
	out->id = i->is_swap ? l->swap[i->index].id : l->transfer[i->index].id;
	out->seq = i->is_swap ? l->swap[i->index].seq : l->transfer[i->index].seq;
	return true;
}

/* The client's halves of both legs are usable: found out now and not when it has paid. */
static enum err dest_leg(const struct engine *e, struct buf *leg, const struct swap_command *c,
	const uint8_t client[32], uint64_t timelock)
{
	const struct dest_terms t = {.swap = &c->id,
		.hash = &c->hash,
		.layer = c->to,
		.amount = c->dest_amount,
		.client = client,
		.request = c->client_invoice,
		.timelock = timelock};
	return engine_dest_leg(e->ledger, leg, &t);
}

static enum err source_offer(const struct ledger *l, struct leg_offer *offer,
	const struct swap_command *c, uint64_t timelock)
{
	const struct layer_params *p = &l->params.layer[c->from];
	*offer = (struct leg_offer){.network = p->network,
		.hash = c->hash,
		.amount = c->source_amount,
		.timelock = timelock,
		.refund = {.key = c->client_key, .address = c->client_address},
		.provider_claims = true,
		.contract = p->contract,
		.token = p->token,
		.expires_ms = c->now_ms + l->params.offer_ttl_ms};
	switch (layer_family(c->from)) {
	case FAMILY_UTXO:
		return wallet_swap_key(&offer->claim.key, &l->params.wallet, c->from, &c->id);
	case FAMILY_ACCOUNT:
		return wallet_account(&offer->claim.address, &l->params.wallet, c->from);
	case FAMILY_CHANNEL: return OK;
	}
	return ERR_FORMAT;
}

/* *timelock: what is needed; where the node's invoice holds for longer, what that says. */
static enum err source_leg(
	const struct engine *e, struct buf *leg, const struct swap_command *c, uint64_t *timelock)
{
	const struct ledger *l = e->ledger;
	struct leg_offer offer, given;
	TRY(source_offer(l, &offer, c, *timelock));
	if (layer_family(c->from) != FAMILY_CHANNEL)
		return layer_leg_make(leg, c->from, &offer);
	TRY(layer_leg_parse(&given, c->from, offer.network, c->source_terms));
	if (!given.provider_claims || !hash256_eq(&given.hash, &offer.hash) ||
		amount_cmp(given.amount, offer.amount) != 0 || given.timelock < *timelock)
		return ERR_STATE;
	*timelock = given.timelock;
	buf_put(leg, c->source_terms.ptr, c->source_terms.len);
	return leg->overflow ? ERR_FULL : OK;
}

/* Everything about a swap that can be wrong before its source leg is there. */
static enum err check_swap(struct engine *e, struct command_result *out, struct quote *now,
	const struct swap_command *c)
{
	const struct ledger *l = e->ledger;
	if (replayed(l, out, &c->idempotency_key, &c->idempotency_body))
		return ERR_EXISTS;
	if (ledger_hash_used(l, &c->hash) && !MUTANT(HASH_TWICE))
		return refuse(&out->refusal, "hash_used", "this preimage hash was used before");
	/* the quote stands; limits, time locks and liquidity are those of now */
	TRY(engine_quote(e, now, &out->refusal, c->from, c->to, c->source_amount));
	if (amount_cmp(c->dest_amount, engine_free_funds(l, c->to)) >= 0)
		return refuse(
			&out->refusal, "insufficient_liquidity", "more than is available now");
	return check_room(l, &out->refusal, 1, 0);
}

enum err engine_swap_offer(struct engine *e, struct command_result *out, struct leg_offer *offer,
	const struct swap_command *c)
{
	struct quote now;
	CHECK(layer_family(c->from) == FAMILY_CHANNEL);
	TRY(check_swap(e, out, &now, c));
	return source_offer(
		e->ledger, offer, c, e->ledger->layer[c->from].tip.height + now.source_blocks);
}

/* The client's half of the destination. */
static void set_client(struct rec_swap *r, const struct swap_command *c)
{
	const bool alike = layer_family(c->from) == layer_family(c->to);
	switch (layer_family(c->to)) {
	case FAMILY_UTXO:
		memcpy(r->client_dest, alike ? c->claim_key.b : c->client_key.b, 32);
		return;
	case FAMILY_ACCOUNT:
		memcpy(r->client_dest, alike ? c->claim_address.b : c->client_address.b, 20);
		return;
	case FAMILY_CHANNEL: return; /* in the terms */
	}
}

enum err engine_swap(struct engine *e, struct command_result *out, const struct swap_command *c)
{
	const struct ledger *l = e->ledger;
	uint8_t storage[LEG_SIZE_MAX], dest_storage[LEG_SIZE_MAX];
	struct buf leg = buf_init(storage, sizeof storage);
	struct buf dest = buf_init(dest_storage, sizeof dest_storage);
	struct quote now;

	TRY(check_swap(e, out, &now, c));
	uint64_t timelock = l->layer[c->from].tip.height + now.source_blocks;
	if (source_leg(e, &leg, c, &timelock) != OK)
		return refuse(&out->refusal, "bad_key",
			layer_family(c->from) == FAMILY_CHANNEL
				? "the node's invoice is not usable"
				: "the refund key or address is not usable");

	struct rec_swap r = {.id = c->id,
		.idempotency_key = c->idempotency_key,
		.idempotency_body = c->idempotency_body,
		.hash = c->hash,
		.expires_ms = c->now_ms + l->params.offer_ttl_ms,
		.fee = c->fee,
		.from = c->from,
		.to = c->to,
		.source_amount = c->source_amount,
		.dest_amount = c->dest_amount,
		.source_depth = now.source_depth,
		.dest_depth = params_depth(&l->params.layer[c->to], c->dest_amount),
		.source_timelock = timelock,
		.source_terms = buf_slice(&leg)};
	set_client(&r, c);
	if (dest_leg(e, &dest, c, r.client_dest, l->layer[c->to].tip.height + now.dest_blocks) !=
		OK)
		return refuse(&out->refusal, "bad_key",
			layer_family(c->to) == FAMILY_CHANNEL
				? "the invoice is not for this hash and amount"
				: "the claim key or address is not usable");
	if (layer_family(c->to) == FAMILY_CHANNEL)
		r.dest_terms = buf_slice(&dest);
	struct buf record = engine_record(e, c->now_ms);
	rec_swap_put(&record, &r);
	TRY(engine_append(e, REC_SWAP, &record, 0));
	out->id = c->id;
	out->seq = l->seq;
	return OK;
}

/* One of our own scripts or addresses: such a payment is none, and the books would take it for one.
 */
static bool pays_ourselves(const struct ledger *l, const struct transfer_command *c)
{
	uint8_t script[34];
	struct evm_address account;
	struct pubkey key;
	struct slice to = slice_of(c->destination, c->destination_len);
	if (layer_family(c->layer) == FAMILY_CHANNEL)
		return false; /* the node does not pay itself */
	if (layer_family(c->layer) == FAMILY_ACCOUNT)
		return wallet_account(&account, &l->params.wallet, c->layer) == OK &&
			c->destination_len == sizeof account.b &&
			memcmp(account.b, c->destination, sizeof account.b) == 0;
	if (c->layer == LAYER_LIQUID)
		(void)elements_destination_split(&to, &key, to);
	for (uint32_t i = 0; i < KEY_INDEX_COUNT; i++)
		if (wallet_script(script, &l->params.wallet, c->layer, i) == OK &&
			slice_eq(to, slice_of(script, sizeof script)))
			return true;
	return false;
}

/* An invoice asks for one amount, once: a payment of its hash is made once (HAZARDS 27). */
static enum err check_invoice(const struct ledger *l, struct engine_refusal *refusal,
	const struct transfer_command *all, uint32_t index)
{
	static _Thread_local struct bolt11 invoice;
	const struct transfer_command *c = &all[index];
	const struct slice text = slice_of(c->destination, c->destination_len);
	struct sat amount;
	if (layer_family(c->layer) != FAMILY_CHANNEL)
		return OK;
	if (bolt11_decode(&invoice, text) != OK || bolt11_is_expired(&invoice, c->now_ms / 1000))
		return refuse(refusal, "invalid_address", "the invoice can't be paid any more");
	if (amount_to_sat(&amount, c->amount) != OK ||
		invoice.amount_msat != amount.raw * BOLT11_MSAT_PER_SAT)
		return refuse(refusal, "invalid_amount", "the invoice asks for another amount");
	bool used = ledger_hash_used(l, &invoice.payment_hash) && !MUTANT(HASH_TWICE);
	for (uint32_t k = 0; k < index; k++)
		used = used || slice_eq(text, slice_of(all[k].destination, all[k].destination_len));
	if (used)
		return refuse(refusal, "hash_used", "this payment hash was used before");
	return OK;
}

/* What is there for new payouts: not customers', and not queued already. */
static struct amount payable(const struct ledger *l, enum layer_id layer)
{
	struct amount left = ledger_unclaimed(l, layer);
	if (amount_sub(&left, left, l->layer[layer].queued) != OK)
		return amount_zero(left.asset);
	return left;
}

/* All of them and their fees: on layers where one transaction pays many, one fee. */
static enum err transfers_need(const struct ledger *l, struct amount *need,
	const struct transfer_command *c, uint32_t count)
{
	const enum layer_id layer = c[0].layer;
	struct amount fee;
	struct amount gas = amount_zero(layer_gas_asset(layer));
	*need = amount_zero(layer_asset(layer));
	for (uint32_t i = 0; i < count; i++) {
		TRY(amount_add(need, *need, c[i].amount));
		if (i > 0 && layer_payees_max(layer) > 1)
			continue;
		TRY(engine_fee_bound(l, &fee, layer, SIGN_PAYOUT, c[i].amount));
		if (layer_gas_apart(layer))
			TRY(amount_add(&gas, gas, fee));
		else
			TRY(amount_add(need, *need, fee));
	}
	return amount_cmp(gas, ledger_balance(l, layer, ACCOUNT_GAS_AVAILABLE)) <= 0 ? OK
										     : ERR_RANGE;
}

/* OK: they can be taken. */
static enum err check_transfers(const struct engine *e, struct command_result *out,
	const struct transfer_command *c, uint32_t count)
{
	const struct ledger *l = e->ledger;
	const enum layer_id layer = c[0].layer;
	struct amount need;

	if (!layer_ready(l, layer))
		return refuse(&out->refusal, "layer_unavailable", "the layer is not ready yet");
	if (l->latched)
		return refuse(
			&out->refusal, "latched", "payouts are paused until the books are checked");
	for (uint32_t i = 0; i < count; i++) {
		CHECK(c[i].layer == layer);
		if (amount_cmp(c[i].amount, layer_dust(layer)) < 0)
			return refuse_amount(&out->refusal, "amount_too_small", "the least is",
				layer_dust(layer));
		if (pays_ourselves(l, &c[i]))
			return refuse(
				&out->refusal, "invalid_address", "the destination is our own");
		TRY(check_invoice(l, &out->refusal, c, i));
	}
	TRY(check_room(l, &out->refusal, 0, count));
	const struct amount ours = payable(l, layer);
	if (transfers_need(l, &need, c, count) != OK || amount_cmp(need, ours) > 0)
		return refuse_amount(&out->refusal, "insufficient_funds",
			"available now, less what customers are owed and what waits to be paid:",
			ours);
	return OK;
}

static enum err append_transfer(struct engine *e, const struct transfer_command *c)
{
	const struct rec_transfer r = {.id = c->id,
		.effect = c->effect_id,
		.idempotency_key = c->idempotency_key,
		.idempotency_body = c->idempotency_body,
		.layer = c->layer,
		.amount = c->amount,
		.destination = slice_of(c->destination, c->destination_len),
		.external = c->external};
	struct buf record = engine_record(e, c->now_ms);
	rec_transfer_put(&record, &r);
	return engine_append(e, REC_TRANSFER, &record, 0);
}

enum err engine_transfers(struct engine *e, struct command_result *out,
	const struct transfer_command *c, uint32_t count)
{
	struct command_result again;
	enum err err = OK;
	uint32_t made = 0;

	CHECK(count > 0 && count <= ENGINE_TRANSFERS_MAX);
	/* they are made in order: those that are there are the first ones */
	while (made < count &&
		replayed(e->ledger, made == 0 ? out : &again, &c[made].idempotency_key,
			&c[made].idempotency_body))
		made++;
	if (made == count || (made > 0 && !out->same_body))
		return ERR_EXISTS;
	TRY(check_transfers(e, out, &c[made], count - made));
	if (made == 0)
		out->id = c[0].id;
	for (; made < count && err == OK; made++)
		err = append_transfer(e, &c[made]);
	/* the reservation follows at once, or when the wait for company is over; should it be short
	 * by a fee, it is tried again at each block */
	engine_decide_changed(e, c->now_ms);
	out->seq = journal_last(e->journal);
	return err;
}

enum err engine_transfer(
	struct engine *e, struct command_result *out, const struct transfer_command *c)
{
	return engine_transfers(e, out, c, 1);
}

enum err engine_address(struct engine *e, uint32_t *index, uint64_t now_ms, const struct id128 *id)
{
	const struct ledger *l = e->ledger;
	*index = ledger_address(l, id);
	if (*index != INDEX_NONE)
		return ERR_EXISTS;
	const struct rec_address r = {.id = *id, .index = l->address_count};
	struct buf record = engine_record(e, now_ms);
	rec_address_put(&record, &r);
	TRY(engine_append(e, REC_ADDRESS, &record, 0));
	*index = r.index;
	return OK;
}

/* ---- sweeps ---- */

/* The largest coin that can be swept and is worth less than the one before it, in one order of all
 * of them; INDEX_NONE. */
static uint32_t next_coin(const struct ledger *l, uint32_t after)
{
	uint32_t best = INDEX_NONE;
	for (uint32_t i = 0; i < l->coin_count; i++) {
		const struct coin *c = &l->coin[i];
		if (!coin_sweepable(c))
			continue;
		if (after != INDEX_NONE &&
			(c->value.raw > l->coin[after].value.raw ||
				(c->value.raw == l->coin[after].value.raw && i <= after)))
			continue;
		if (best == INDEX_NONE || c->value.raw > l->coin[best].value.raw)
			best = i;
	}
	return best;
}

/* Until what arrives is enough, or no coin is left that pays for its own input. ERR_RANGE: less
 * arrives than was asked for, or than can be sent. */
static enum err take_watched(
	const struct engine *e, struct rec_sweep *r, const struct sweep_command *c)
{
	const struct ledger *l = e->ledger;
	const uint32_t most = sweep_inputs_max(c->descriptor);
	const struct amount least = layer_dust(LAYER_BITCOIN);
	struct amount sum = amount_zero(ASSET_BTC), arrives = sum;
	bool enough = false;
	for (uint32_t at = next_coin(l, INDEX_NONE);
		at != INDEX_NONE && r->coin_count < most && !enough; at = next_coin(l, at)) {
		const struct sat fee = sweep_fee(
			c->descriptor, r->coin_count + 1, c->destination_len, r->rate);
		struct amount more, left;
		if (amount_add(&more, sum, amount_of(ASSET_BTC, l->coin[at].value.raw)) != OK ||
			amount_sub(&left, more, amount_from_sat(fee)) != OK ||
			(r->coin_count > 0 && amount_cmp(left, arrives) <= 0))
			break;
		sum = more;
		arrives = left;
		r->fee = fee;
		r->coin[r->coin_count++] = l->coin[at].at;
		enough = !amount_is_zero(c->amount) && amount_cmp(arrives, c->amount) >= 0;
	}
	return amount_cmp(arrives, least) >= 0 && (enough || amount_is_zero(c->amount)) ? OK
											: ERR_RANGE;
}

static bool spends_same(const struct ledger *l, const struct effect *f, const struct rec_sweep *r)
{
	for (uint32_t i = 0; i < f->coin_count; i++)
		for (uint32_t k = 0; k < r->coin_count; k++)
			if (hash256_eq(&l->coin[f->coin[i]].at.txid, &r->coin[k].txid) &&
				l->coin[f->coin[i]].at.index == r->coin[k].index)
				return true;
	return false;
}

/* What nodes want of a replacement: sweeps of the same coins that were cancelled may be in their
 * mempools. And so it is another transaction than each of them. */
static uint64_t rate_over_cancelled(const struct ledger *l, const struct rec_sweep *r)
{
	uint64_t least = 0;
	for (uint32_t i = 0; i < l->effect_count; i++) {
		const struct effect *f = &l->effect[i];
		if (f->state != EFFECT_VOID || !effect_sweeps(l, f) || !spends_same(l, f, r))
			continue;
		const uint64_t over = engine_rate_over(f->layer, f->rate);
		if (over > least)
			least = over;
	}
	return least;
}

/* Coins at a rate that is over that of all cancelled sweeps of them. ERR_STATE: that is over what
 * may be paid. */
static enum err choose_watched(
	const struct engine *e, struct rec_sweep *r, const struct sweep_command *c)
{
	const uint64_t most = e->ledger->params.layer[LAYER_BITCOIN].fee_rate_max;
	for (;;) {
		r->coin_count = 0;
		TRY(take_watched(e, r, c));
		const uint64_t least = rate_over_cancelled(e->ledger, r);
		if (r->rate >= least)
			return OK;
		if (least > most)
			return ERR_STATE;
		r->rate = least;
	}
}

enum err engine_sweep(struct engine *e, struct command_result *out, const struct sweep_command *c)
{
	const struct ledger *l = e->ledger;
	struct rec_sweep r = {.id = c->id,
		.effect = c->effect_id,
		.idempotency_key = c->idempotency_key,
		.idempotency_body = c->idempotency_body,
		.destination = slice_of(c->destination, c->destination_len),
		.to_wallet = c->to_wallet,
		.rate = engine_rate(l, LAYER_BITCOIN)};
	if (replayed(l, out, &c->idempotency_key, &c->idempotency_body))
		return ERR_EXISTS;
	if (!layer_ready(l, LAYER_BITCOIN) || r.rate == 0)
		return refuse(&out->refusal, "layer_unavailable", "the layer is not ready yet");
	if (l->latched)
		return refuse(
			&out->refusal, "latched", "sweeps are paused until the books are checked");
	TRY(check_room(l, &out->refusal, 0, 1));
	const enum err chosen = choose_watched(e, &r, c);
	if (chosen == ERR_STATE)
		return refuse(&out->refusal, "refused",
			"cancelled sweeps of these coins pay the highest rate already");
	if (chosen != OK)
		return refuse_amount(&out->refusal, "insufficient_funds",
			"final on deposit addresses, less what sweeps under way have:",
			ledger_balance(l, LAYER_BITCOIN, ACCOUNT_WATCHED));
	struct buf record = engine_record(e, c->now_ms);
	rec_sweep_put(&record, &r);
	TRY(engine_append(e, REC_SWEEP, &record, 0));
	out->id = c->id;
	out->seq = l->seq;
	return OK;
}

static enum err cancel_sweep(struct engine *e, uint64_t now_ms, const struct id128 *effect)
{
	struct buf record = engine_record(e, now_ms);
	buf_put(&record, effect->b, sizeof effect->b);
	return engine_append(e, REC_SWEEP_CANCELLED, &record, JOURNAL_ESSENTIAL);
}

enum err engine_cancel(
	struct engine *e, struct engine_refusal *refusal, uint64_t now_ms, const struct id128 *id)
{
	const struct ledger *l = e->ledger;
	const struct transfer *t = ledger_transfer(l, id);
	CHECK(t != NULL);
	if (!t->external)
		return refuse(refusal, "refused", "our own signer signs this transfer");
	if (t->effect == INDEX_NONE)
		return refuse(refusal, "not_ready", "its coins are not chosen yet");
	const struct effect *f = &l->effect[t->effect];
	if (f->called_off)
		return OK; /* already */
	if (f->state != EFFECT_INTENT && f->state != EFFECT_PREPARED)
		return refuse(refusal, "refused", "it is paid, or over");
	const enum err err = t->sweep ? cancel_sweep(e, now_ms, &f->id)
				      : engine_call_off(e, now_ms, &f->id);
	return err == ERR_RANGE
		? refuse(refusal, "refused", "its coins are worth less than spending them costs")
		: err;
}
