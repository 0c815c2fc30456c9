#include "wire/utxo_build.h"

#include "wire/elements_address.h"
#include "wire/elements_blind.h"
#include "wire/elements_build.h"
#include "wire/elements_sighash.h"
#include "wire/signing.h"

static const uint8_t p2tr_prefix[] = {0x51, 0x20};

struct sat utxo_dust_limit(const struct network *network, struct slice script)
{
	return network->layer == LAYER_LIQUID ? elements_dust_limit(script)
					      : btc_dust_limit(script);
}

bool utxo_destination_blinded(enum layer_id layer, size_t destination_len)
{
	return layer == LAYER_LIQUID && destination_len > BTC_SCRIPT_STD_MAX;
}

size_t utxo_destination_max(enum layer_id layer)
{
	return layer == LAYER_LIQUID ? ELEMENTS_DESTINATION_MAX : BTC_SCRIPT_STD_MAX;
}

_Static_assert(UTXO_ADDRESS_TEXT_SIZE >= ELEMENTS_ADDRESS_TEXT_SIZE &&
		UTXO_ADDRESS_TEXT_SIZE >= BTC_ADDRESS_TEXT_SIZE,
	"either kind of address fits");

enum err utxo_address_format(
	char text[UTXO_ADDRESS_TEXT_SIZE], const struct network *network, struct slice destination)
{
	const struct elements_network *chain = elements_network_of(network);
	struct slice script;
	struct pubkey key;
	if (chain == NULL)
		return btc_address_format(text, network, destination);
	const bool hidden = elements_destination_split(&script, &key, destination);
	return elements_address_format(text, chain, script, hidden ? &key : NULL);
}

uint64_t utxo_output_weight(enum layer_id layer, size_t destination_len)
{
	return utxo_destination_blinded(layer, destination_len)
		? elements_blinded_weight(destination_len - sizeof(struct pubkey)) +
			elements_blinded_weight(elements_beside_script.len)
		: btc_output_weight(layer_sizes(layer), destination_len);
}

/* Change is counted as if it were explicit: what is more to it is less than something beside. */
uint64_t utxo_hidden_weight(enum layer_id layer, bool blinded)
{
	return layer != LAYER_LIQUID || blinded
		? 0
		: elements_blinded_weight(elements_beside_script.len);
}

static struct elements_coin coin_of(const struct elements_network *chain,
	const struct btc_outpoint *at, struct sat value, struct slice script)
{
	return (struct elements_coin){.at = *at,
		.spent = {.asset = elements_asset_of(&chain->policy_asset),
			.value = elements_value_of(value),
			.script = script},
		.asset = chain->policy_asset,
		.value = value};
}

/* Whose script it is does not matter to what is built, nor what a confidential coin's commitments
 * are: who signs makes them. */
static struct elements_coin coin_to_spend(
	const struct elements_network *chain, const struct btc_coin *coin)
{
	struct elements_coin out = coin_of(
		chain, &coin->at, coin->value, slice_of(p2tr_prefix, sizeof p2tr_prefix));
	if (blinders_any(&coin->hidden)) {
		out.spent.asset = (struct elements_asset){{COMMITMENT_ASSET}};
		out.spent.value = (struct elements_value){{COMMITMENT_VALUE}};
	}
	return out;
}

/* The payees' outputs, taken from what is there. key: room for one each. */
static enum err take_payees(struct elements_pay *pay, struct pubkey *key, uint32_t *blinded,
	struct sat *left, const struct elements_network *chain, const struct btc_payment *p)
{
	*blinded = 0;
	for (uint32_t i = 0; i < p->payee_count; i++) {
		const struct btc_txout *payee = &p->payee[i];
		struct slice script;
		const bool hidden = elements_destination_split(&script, &key[i], payee->script);
		if (script.len == 0 || script.len > BTC_SCRIPT_STD_MAX ||
			payee->value.raw > SAT_MAX_RAW || !sat_sub(left, *left, payee->value))
			return ERR_RANGE;
		pay[i] = (struct elements_pay){.script = script,
			.asset = chain->policy_asset,
			.value = payee->value,
			.blinding = hidden ? &key[i] : NULL};
		*blinded += hidden;
	}
	return OK;
}

/* Explicit coins can't balance one output that is blinded, nor confidential ones none. */
static bool needs_beside(bool hidden, uint32_t blinded)
{
	return blinded == (hidden ? 0 : 1);
}

/* For whom nothing is blinded: nobody opens it. */
static const struct pubkey *beside_key(const struct elements_plan *plan, const struct pubkey *own)
{
	for (uint32_t i = 0; i < plan->pay_count; i++)
		if (plan->pay[i].blinding != NULL)
			return plan->pay[i].blinding;
	return own;
}

static enum err elements_payment(struct buf *raw, struct sat *change,
	const struct elements_network *chain, const struct btc_payment *p)
{
	struct elements_coin coin[BTC_INPUT_MAX];
	struct elements_pay pay[ELEMENTS_PAY_MAX];
	struct pubkey key[BTC_PAYEE_MAX];
	uint32_t blinded;
	bool hidden = false;
	struct elements_plan plan = {.coin = coin,
		.coin_count = p->coin_count,
		.pay = pay,
		.pay_count = p->payee_count,
		.fee_asset = chain->policy_asset,
		.fee = p->fee,
		.locktime = p->locktime};
	struct sat left = {0};

	if (p->coin_count == 0 || p->coin_count > BTC_INPUT_MAX || p->payee_count == 0 ||
		p->payee_count > BTC_PAYEE_MAX)
		return ERR_RANGE;
	for (uint32_t i = 0; i < p->coin_count; i++) {
		if (p->coin[i].value.raw > SAT_MAX_RAW || !sat_add(&left, left, p->coin[i].value))
			return ERR_RANGE;
		coin[i] = coin_to_spend(chain, &p->coin[i]);
		hidden = hidden || blinders_any(&p->coin[i].hidden);
	}
	if (hidden && p->change_blinding == NULL)
		return ERR_STATE;
	TRY(take_payees(pay, key, &blinded, &left, chain, p));
	if (!sat_sub(&left, left, p->fee))
		return ERR_RANGE;
	if (left.raw < elements_sizes.change_dust.raw) {
		plan.fee.raw += left.raw;
		left.raw = 0;
	} else {
		pay[plan.pay_count++] = (struct elements_pay){
			.script = slice_of(p->change_script, sizeof p->change_script),
			.asset = chain->policy_asset,
			.value = left,
			.blinding = hidden ? p->change_blinding : NULL};
		blinded += hidden;
	}
	if (needs_beside(hidden, blinded)) {
		const struct pubkey *nobody = beside_key(&plan, p->change_blinding);
		pay[plan.pay_count++] = (struct elements_pay){.script = elements_beside_script,
			.asset = chain->policy_asset,
			.blinding = nobody};
	}
	TRY(elements_build(raw, &plan));
	*change = left;
	return OK;
}

enum err utxo_build_payment(struct buf *raw, struct sat *change, const struct network *network,
	const struct btc_payment *p)
{
	uint64_t vsize;
	const struct elements_network *chain = elements_network_of(network);
	if (network->layer != LAYER_LIQUID)
		return btc_build_payment(raw, &vsize, change, p);
	return chain == NULL ? ERR_NETWORK : elements_payment(raw, change, chain, p);
}

static enum err elements_spend(struct buf *raw, struct sat *value,
	const struct elements_network *chain, const struct btc_htlc *h,
	const struct btc_outpoint *at, struct elements_spend *s)
{
	struct btc_htlc_tree tree;
	struct elements_size size;
	TRY(btc_htlc_tree_by(&tree, h, &elements_taproot));
	const struct elements_coin lock = coin_of(
		chain, at, h->amount, slice_of(tree.script_pubkey, sizeof tree.script_pubkey));
	s->terms = h;
	s->lock = &lock;
	s->fee_asset = chain->policy_asset;
	return elements_build_spend(raw, &size, value, s);
}

enum err utxo_build_spend(struct buf *raw, struct sat *value, const struct network *network,
	const struct btc_htlc *h, const struct btc_outpoint *at, enum btc_htlc_leaf leaf,
	struct slice to_script, uint64_t rate_sat_kvb, uint32_t tip_height)
{
	uint64_t vsize;
	struct elements_spend s = {.leaf = leaf,
		.to_script = to_script,
		.rate_sat_kvb = rate_sat_kvb,
		.tip_height = tip_height};
	const struct elements_network *chain = elements_network_of(network);
	if (network->layer != LAYER_LIQUID)
		return btc_build_spend_to(
			raw, &vsize, value, h, at, leaf, to_script, rate_sat_kvb, tip_height);
	if (to_script.len == 0)
		return ERR_RANGE;
	return chain == NULL ? ERR_NETWORK : elements_spend(raw, value, chain, h, at, &s);
}
