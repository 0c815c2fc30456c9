/* The pure half: addresses, the terms of a lock-up, and plans turned into unsigned transactions
 * with everything that a signer needs to check them. */
#include "layer/utxo/utxo.h"
#include "btc/build.h"
#include "btc/script.h"
#include "layer/utxo/payment.h"
#include "wire/elements_address.h"
#include "wire/utxo_build.h"

/* Satoshi per 1,000 vbytes; beyond it a rate is a mistake: a tenth of a coin for a kilobyte. */
#define RATE_MAX 10000000u

_Static_assert(LAYER_DESTINATION_MAX >= ELEMENTS_DESTINATION_MAX, "a destination fits");
_Static_assert(LAYER_ADDRESS_TEXT_SIZE >= BTC_ADDRESS_TEXT_SIZE &&
		LAYER_ADDRESS_TEXT_SIZE >= ELEMENTS_ADDRESS_TEXT_SIZE,
	"an address fits");
_Static_assert(BTC_HTLC_SIZE <= SIGNING_LEG_MAX, "terms fit into a signing request");
_Static_assert(LAYER_FEE_BOUND_INPUTS <= BTC_INPUT_MAX, "a bound for what can be built");

static enum err address_check(const struct network *network, uint8_t *destination,
	size_t *destination_len, struct slice text)
{
	const struct elements_network *chain = elements_network_of(network);
	struct elements_address a;
	struct buf out = buf_init(destination, LAYER_DESTINATION_MAX);
	if (chain == NULL)
		return btc_address_parse(destination, destination_len, network, text);
	TRY(elements_address_parse(&a, chain, text));
	elements_destination_put(&out, &a);
	*destination_len = out.len;
	return OK;
}

static enum err address_format(const struct network *network, char *text, struct slice destination)
{
	return utxo_address_format(text, network, destination);
}

static enum err funding_address(
	const struct network *network, char *text, const struct pubkey *wallet)
{
	uint8_t bytes[WALLET_DESTINATION_MAX];
	struct buf destination = buf_init(bytes, sizeof bytes);
	TRY(wallet_destination(&destination, wallet, network->layer, KEY_INDEX_RECEIVE));
	return address_format(network, text, buf_slice(&destination));
}

/* The largest dust limit of any script that an address can stand for: P2PKH's. */
static struct amount dust(enum layer_id id)
{
	static const uint8_t hash[20];
	uint8_t script[25];
	btc_script_p2pkh(script, hash);
	const struct network any = {.layer = id};
	return amount_of(
		layer_asset(id), utxo_dust_limit(&any, slice_of(script, sizeof script)).raw);
}

/* What nodes ask for relay by default is also what they ask more of a replacement (BIP-125, rule
 * 4).
 */
uint64_t utxo_relay_rate(enum layer_id id)
{
	static const uint64_t rate[LAYER_COUNT] = {[LAYER_BITCOIN] = 1000, [LAYER_LIQUID] = 100};
	CHECK(rate[id] != 0);
	return rate[id];
}

static enum err leg_make(struct buf *leg, const struct leg_offer *offer)
{
	struct btc_htlc h = {.hash = offer->hash,
		.claim = offer->claim.key,
		.refund = offer->refund.key,
		.timelock = (uint32_t)offer->timelock};
	TRY(amount_to_sat(&h.amount, offer->amount));
	if (amount_cmp(offer->amount, dust(offer->network->layer)) < 0 || offer->timelock == 0 ||
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

static enum err leg_parse(struct leg_offer *offer, const struct network *network, struct slice leg)
{
	struct btc_htlc h;
	TRY(btc_htlc_parse(&h, leg));
	if (h.amount.raw > SAT_MAX_RAW)
		return ERR_FORMAT;
	*offer = (struct leg_offer){.network = network,
		.hash = h.hash,
		.amount = amount_of(layer_asset(network->layer), h.amount.raw),
		.timelock = h.timelock,
		.claim.key = h.claim,
		.refund.key = h.refund,
		.provider_claims = memcmp(h.provider.b, h.claim.b, sizeof h.claim.b) == 0};
	return OK;
}

static enum err leg_address(const struct network *network, char *text, struct slice leg)
{
	struct btc_htlc h;
	struct btc_htlc_tree tree;
	TRY(btc_htlc_parse(&h, leg));
	TRY(btc_htlc_tree_by(&tree, &h, layer_taproot(network->layer)));
	return btc_address_format(
		text, network, slice_of(tree.script_pubkey, sizeof tree.script_pubkey));
}

/* Payout and lock-up: coins of ours pay the payees, change comes back. */
static enum err build_payment(struct buf *raw, struct amount *fee, struct signing_request *r,
	const struct pubkey *wallet, const struct layer_plan *plan, const struct btc_txout *payee,
	uint32_t payee_count)
{
	struct btc_payment p = {.coin = plan->coin,
		.coin_count = plan->coin_count,
		.payee = payee,
		.payee_count = payee_count,
		.fee = plan->fee,
		.locktime = (uint32_t)plan->tip_height};
	struct sat paid = {0}, change;
	struct seckey opens;
	struct pubkey blinding;

	if (plan->coin_count == 0 || plan->coin_count > BTC_INPUT_MAX)
		return ERR_RANGE;
	for (uint32_t i = 0; i < plan->coin_count; i++) {
		struct sign_input *input = &r->input[i];
		input->value = plan->coin[i].value;
		input->hidden = plan->coin[i].hidden;
		input->key = (struct key_path){.use = KEY_WALLET,
			.layer = r->network->layer,
			.index = plan->coin[i].key_index};
		TRY(wallet_script(
			input->script, wallet, r->network->layer, plan->coin[i].key_index));
		if (input->value.raw > SAT_MAX_RAW || !sat_add(&paid, paid, input->value))
			return ERR_RANGE;
	}
	r->input_count = plan->coin_count;
	TRY(wallet_script(p.change_script, wallet, r->network->layer, KEY_INDEX_CHANGE));
	TRY(wallet_blinding(
		&opens, &blinding, wallet, slice_of(p.change_script, sizeof p.change_script)));
	bytes_wipe(&opens, sizeof opens);
	p.change_blinding = &blinding;
	TRY(utxo_build_payment(raw, &change, r->network, &p));
	CHECK(sat_sub(&paid, paid, change));
	for (uint32_t i = 0; i < payee_count; i++)
		CHECK(sat_sub(&paid, paid, payee[i].value));
	*fee = amount_of(layer_asset(r->network->layer), paid.raw);
	return OK;
}

/* Claim and refund: the lock-up's output comes to us, less the fee. */
static enum err build_spend(struct buf *raw, struct amount *fee, struct signing_request *r,
	const struct pubkey *wallet, const struct layer_plan *plan, const struct btc_htlc *terms)
{
	const bool claim = plan->purpose == SIGN_CLAIM;
	const struct btc_outpoint at = {.txid = plan->lock.tx, .index = plan->lock.index};
	struct btc_htlc h = *terms;
	struct btc_htlc_tree tree;
	uint8_t to[34];
	struct sat value, paid;

	/* The script comes from the terms, the value from the chain. */
	TRY(btc_htlc_tree_by(&tree, terms, layer_taproot(r->network->layer)));
	if (!amount_is_zero(plan->amount))
		TRY(amount_to_sat(&h.amount, plan->amount));
	if (plan->rate > RATE_MAX)
		return ERR_RANGE;
	TRY(wallet_script(to, wallet, r->network->layer, KEY_INDEX_CHANGE));
	TRY(utxo_build_spend(raw, &value, r->network, &h, &at,
		claim ? BTC_LEAF_CLAIM : BTC_LEAF_REFUND, slice_of(to, sizeof to), plan->rate,
		(uint32_t)plan->tip_height));
	if (!sat_sub(&paid, h.amount, value))
		return ERR_RANGE;
	r->input_count = 1;
	r->input[0].value = h.amount;
	r->input[0].key = (struct key_path){
		.use = KEY_SWAP, .layer = r->network->layer, .swap = plan->swap};
	memcpy(r->input[0].script, tree.script_pubkey, sizeof tree.script_pubkey);
	*fee = amount_of(layer_asset(r->network->layer), paid.raw);
	return OK;
}

static bool spends_hidden(const struct layer_plan *plan)
{
	bool hidden = false;
	for (uint32_t i = 0; i < plan->coin_count && i < BTC_INPUT_MAX; i++)
		hidden = hidden || blinders_any(&plan->coin[i].hidden);
	return hidden;
}

/* The coins of a payment that is called off come back to us, in one output, which is confidential
 * if one of them was. */
static enum err build_call_off(struct buf *raw, struct amount *fee, struct signing_request *r,
	const struct pubkey *wallet, const struct layer_plan *plan)
{
	uint8_t bytes[WALLET_DESTINATION_MAX];
	struct buf home = buf_init(bytes, sizeof bytes);
	struct sat value = {0};

	TRY(wallet_destination(&home, wallet, r->network->layer, KEY_INDEX_CHANGE));
	for (uint32_t i = 0; i < plan->coin_count && i < BTC_INPUT_MAX; i++)
		if (plan->coin[i].value.raw > SAT_MAX_RAW ||
			!sat_add(&value, value, plan->coin[i].value))
			return ERR_RANGE;
	const size_t key_len = home.len - sizeof((struct sign_input *)0)->script;
	struct btc_txout out = {.script = spends_hidden(plan)
			? buf_slice(&home)
			: slice_of(bytes + key_len, home.len - key_len)};
	if (!sat_sub(&out.value, value, plan->fee))
		return ERR_RANGE;
	return build_payment(raw, fee, r, wallet, plan, &out, 1);
}

static enum err build_payout(struct buf *raw, struct amount *fee, struct signing_request *r,
	const struct pubkey *wallet, const struct layer_plan *plan)
{
	struct btc_txout payee[BTC_PAYEE_MAX] = {{.script = plan->to}};
	if (plan->more_count >= BTC_PAYEE_MAX)
		return ERR_RANGE;
	TRY(amount_to_sat(&payee[0].value, plan->amount));
	for (uint32_t i = 0; i < plan->more_count; i++) {
		payee[i + 1].script = plan->more[i].to;
		TRY(amount_to_sat(&payee[i + 1].value, plan->more[i].amount));
	}
	return build_payment(raw, fee, r, wallet, plan, payee, 1 + plan->more_count);
}

static enum err build_by_purpose(struct buf *raw, struct amount *fee, struct signing_request *r,
	const struct pubkey *wallet, const struct layer_plan *plan)
{
	struct btc_htlc h;
	struct btc_htlc_tree tree;
	struct btc_txout lock;

	switch (plan->purpose) {
	case SIGN_PAYOUT: return build_payout(raw, fee, r, wallet, plan);
	case SIGN_LOCK:
		TRY(btc_htlc_parse(&h, plan->leg));
		TRY(btc_htlc_tree_by(&tree, &h, layer_taproot(r->network->layer)));
		lock = (struct btc_txout){.value = h.amount,
			.script = slice_of(tree.script_pubkey, sizeof tree.script_pubkey)};
		return build_payment(raw, fee, r, wallet, plan, &lock, 1);
	case SIGN_CLAIM:
	case SIGN_REFUND:
		TRY(btc_htlc_parse(&h, plan->leg));
		return build_spend(raw, fee, r, wallet, plan, &h);
	case SIGN_NONCE_FILL: return build_call_off(raw, fee, r, wallet, plan);
	case SIGN_DEPLOY:
	case SIGN_CANCEL:
	case SIGN_APPROVE: break;
	}
	return ERR_RANGE;
}

static enum err build(struct buf *out, struct amount *fee, const struct network *network,
	const struct pubkey *wallet, const struct layer_plan *plan)
{
	uint8_t storage[SIGNING_TX_MAX];
	struct buf raw = buf_init(storage, sizeof storage);
	struct amount paid;
	struct signing_request r = {.session = plan->session,
		.variant = plan->variant,
		.purpose = plan->purpose,
		.network = network,
		.change = {.use = KEY_WALLET, .layer = network->layer, .index = KEY_INDEX_CHANGE},
		.swap = plan->swap,
		.leg = plan->leg,
		.preimage = plan->preimage,
		.to = plan->to,
		.amount = plan->amount};

	if (plan->tip_height > BTC_TIMELOCK_MAX || plan->leg.len > SIGNING_LEG_MAX ||
		plan->amount.asset != layer_asset(network->layer) ||
		plan->more_count >= BTC_PAYEE_MAX)
		return ERR_RANGE;
	r.more_count = plan->more_count;
	memcpy(r.more, plan->more, plan->more_count * sizeof plan->more[0]);
	TRY(build_by_purpose(&raw, &paid, &r, wallet, plan));
	if (raw.overflow)
		return ERR_RANGE;
	r.unsigned_tx = buf_slice(&raw);
	signing_request_put(out, &r);
	if (out->overflow)
		return ERR_FULL;
	*fee = paid;
	return OK;
}

static enum err fee_bound(
	struct amount *out, enum layer_id id, enum sign_purpose purpose, uint64_t rate)
{
	const struct btc_sizes *sizes = layer_sizes(id);
	uint64_t vsize = 0;

	if (rate > RATE_MAX)
		return ERR_RANGE;
	switch (purpose) {
	case SIGN_PAYOUT:
	case SIGN_LOCK:
		vsize = btc_payment_vsize(sizes, LAYER_FEE_BOUND_INPUTS,
			purpose == SIGN_LOCK ? utxo_output_weight(id, BTC_SCRIPT_STD_MAX) +
					utxo_hidden_weight(id, false)
					     : utxo_output_weight(id, utxo_destination_max(id)),
			true);
		break;
	case SIGN_CLAIM: vsize = btc_spend_vsize(sizes, BTC_LEAF_CLAIM); break;
	case SIGN_REFUND: vsize = btc_spend_vsize(sizes, BTC_LEAF_REFUND); break;
	case SIGN_NONCE_FILL:
	case SIGN_DEPLOY:
	case SIGN_CANCEL:
	case SIGN_APPROVE: return ERR_RANGE;
	}
	*out = amount_of(layer_asset(id), btc_fee(vsize, rate).raw);
	return OK;
}

static uint64_t gas_limit(enum layer_id id, enum sign_purpose purpose)
{
	(void)id;
	(void)purpose;
	return 0;
}

/* URIs are Bitcoin's. */
static enum err payment_parse(
	const struct network *network, struct layer_payment *out, struct slice text)
{
	struct layer_payment p = {.amount = amount_zero(layer_asset(network->layer))};
	if (network->layer == LAYER_BITCOIN)
		return bitcoin_payment_parse(network, out, text);
	TRY(address_check(network, p.destination, &p.destination_len, text));
	*out = p;
	return OK;
}

static enum err payment_uri(const struct network *network, struct buf *out,
	struct slice destination, struct amount amount)
{
	return network->layer == LAYER_BITCOIN
		? bitcoin_payment_uri(network, out, destination, amount)
		: ERR_NOT_FOUND;
}

const struct layer_pure utxo_pure = {
	.address_check = address_check,
	.address_format = address_format,
	.funding_address = funding_address,
	.dust = dust,
	.rate_step = utxo_relay_rate,
	.leg_make = leg_make,
	.leg_parse = leg_parse,
	.leg_address = leg_address,
	.build = build,
	.fee_bound = fee_bound,
	.gas_limit = gas_limit,
	.payees_max = BTC_PAYEE_MAX,
	.payment_parse = payment_parse,
	.payment_uri = payment_uri,
};
