/* Bitcoin's pure half: addresses, the terms of a lock-up, and plans turned into unsigned
 * transactions with everything that a signer needs to check them. */
#include "layer/utxo/utxo.h"
#include "btc/build.h"
#include "btc/script.h"

/* The largest dust limit of any script that an address can stand for: P2PKH's. */
#define DUST_RAW 546u
/* Virtual bytes, rounded up: a key path input; version, counts, lock time and segwit marker; the
 * longest output that an address can stand for (P2WSH and P2TR: 43; future versions: 51). */
#define VSIZE_INPUT 58u
#define VSIZE_FIXED 12u
#define VSIZE_OUTPUT 51u
/* Satoshi per 1,000 vbytes; beyond it a rate is a mistake: a tenth of a coin for a kilobyte. */
#define RATE_MAX 10000000u

_Static_assert(LAYER_DESTINATION_MAX >= BTC_SCRIPT_STD_MAX, "a destination is an output script");
_Static_assert(LAYER_ADDRESS_TEXT_SIZE >= BTC_ADDRESS_TEXT_SIZE, "an address fits");
_Static_assert(LAYER_FEE_BOUND_INPUTS <= BTC_INPUT_MAX, "a bound for what can be built");

static enum err address_check(const struct network *network, uint8_t *destination,
	size_t *destination_len, struct slice text)
{
	return btc_address_parse(destination, destination_len, network, text);
}

static enum err address_format(const struct network *network, char *text, struct slice destination)
{
	return btc_address_format(text, network, destination);
}

static enum err funding_address(
	const struct network *network, char *text, const struct pubkey *wallet)
{
	uint8_t script[34];
	TRY(wallet_script(script, wallet, LAYER_BITCOIN, KEY_INDEX_RECEIVE));
	return btc_address_format(text, network, slice_of(script, sizeof script));
}

static struct amount dust(enum layer_id id)
{
	(void)id;
	return amount_of(ASSET_BTC, DUST_RAW);
}

static const struct utxo_terms offers = {LAYER_BITCOIN, DUST_RAW};

static enum err leg_make(struct buf *leg, const struct leg_offer *offer)
{
	return utxo_leg_make(&offers, leg, offer);
}

static enum err leg_parse(struct leg_offer *offer, const struct network *network, struct slice leg)
{
	return utxo_leg_parse(&offers, offer, network, leg);
}

static enum err leg_address(const struct network *network, char *text, struct slice leg)
{
	struct btc_htlc h;
	struct btc_htlc_tree tree;
	TRY(btc_htlc_parse(&h, leg));
	TRY(btc_htlc_tree(&tree, &h));
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
	uint64_t vsize;

	if (plan->coin_count == 0 || plan->coin_count > BTC_INPUT_MAX)
		return ERR_RANGE;
	for (uint32_t i = 0; i < plan->coin_count; i++) {
		struct sign_input *input = &r->input[i];
		input->value = plan->coin[i].value;
		input->key = (struct key_path){.use = KEY_WALLET,
			.layer = LAYER_BITCOIN,
			.index = plan->coin[i].key_index};
		TRY(wallet_script(input->script, wallet, LAYER_BITCOIN, plan->coin[i].key_index));
		if (input->value.raw > SAT_MAX_RAW || !sat_add(&paid, paid, input->value))
			return ERR_RANGE;
	}
	r->input_count = plan->coin_count;
	TRY(wallet_script(p.change_script, wallet, LAYER_BITCOIN, KEY_INDEX_CHANGE));
	TRY(btc_build_payment(raw, &vsize, &change, &p));
	CHECK(sat_sub(&paid, paid, change));
	for (uint32_t i = 0; i < payee_count; i++)
		CHECK(sat_sub(&paid, paid, payee[i].value));
	*fee = amount_from_sat(paid);
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
	uint64_t vsize;
	struct sat value, paid;

	/* The script comes from the terms, the value from the chain. */
	TRY(btc_htlc_tree(&tree, terms));
	if (!amount_is_zero(plan->amount))
		TRY(amount_to_sat(&h.amount, plan->amount));
	if (plan->rate > RATE_MAX)
		return ERR_RANGE;
	TRY(wallet_script(to, wallet, LAYER_BITCOIN, KEY_INDEX_CHANGE));
	TRY(btc_build_spend(raw, &vsize, &value, &h, &at, claim ? BTC_LEAF_CLAIM : BTC_LEAF_REFUND,
		to, plan->rate, (uint32_t)plan->tip_height));
	if (!sat_sub(&paid, h.amount, value))
		return ERR_RANGE;
	r->input_count = 1;
	r->input[0].value = h.amount;
	r->input[0].key = (struct key_path){
		.use = KEY_SWAP, .layer = LAYER_BITCOIN, .swap = plan->swap};
	memcpy(r->input[0].script, tree.script_pubkey, sizeof tree.script_pubkey);
	*fee = amount_from_sat(paid);
	return OK;
}

/* The coins of a payment that is called off come back to us, in one output. */
static enum err build_call_off(struct buf *raw, struct amount *fee, struct signing_request *r,
	const struct pubkey *wallet, const struct layer_plan *plan)
{
	uint8_t home[34];
	struct sat value = {0};

	TRY(wallet_script(home, wallet, LAYER_BITCOIN, KEY_INDEX_CHANGE));
	for (uint32_t i = 0; i < plan->coin_count && i < BTC_INPUT_MAX; i++)
		if (plan->coin[i].value.raw > SAT_MAX_RAW ||
			!sat_add(&value, value, plan->coin[i].value))
			return ERR_RANGE;
	struct btc_txout out = {.script = slice_of(home, sizeof home)};
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
		TRY(btc_htlc_tree(&tree, &h));
		lock = (struct btc_txout){.value = h.amount,
			.script = slice_of(tree.script_pubkey, sizeof tree.script_pubkey)};
		return build_payment(raw, fee, r, wallet, plan, &lock, 1);
	case SIGN_CLAIM:
	case SIGN_REFUND:
		TRY(btc_htlc_parse(&h, plan->leg));
		return build_spend(raw, fee, r, wallet, plan, &h);
	case SIGN_NONCE_FILL: return build_call_off(raw, fee, r, wallet, plan);
	case SIGN_DEPLOY:
	case SIGN_CANCEL: break;
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
		.change = {.use = KEY_WALLET, .layer = LAYER_BITCOIN, .index = KEY_INDEX_CHANGE},
		.swap = plan->swap,
		.leg = plan->leg,
		.preimage = plan->preimage,
		.to = plan->to,
		.amount = plan->amount};

	if (plan->tip_height > BTC_TIMELOCK_MAX || plan->leg.len > SIGNING_LEG_MAX ||
		plan->amount.asset != ASSET_BTC || plan->more_count >= BTC_PAYEE_MAX)
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
	(void)id;
	uint64_t vsize = 0;

	if (rate > RATE_MAX)
		return ERR_RANGE;
	switch (purpose) {
	case SIGN_PAYOUT:
	case SIGN_LOCK:
		vsize = VSIZE_FIXED + VSIZE_INPUT * LAYER_FEE_BOUND_INPUTS + 2u * VSIZE_OUTPUT;
		break;
	case SIGN_CLAIM: vsize = btc_spend_vsize(BTC_LEAF_CLAIM); break;
	case SIGN_REFUND: vsize = btc_spend_vsize(BTC_LEAF_REFUND); break;
	case SIGN_NONCE_FILL:
	case SIGN_DEPLOY:
	case SIGN_CANCEL: return ERR_RANGE;
	}
	*out = amount_from_sat(btc_fee(vsize, rate));
	return OK;
}

static uint64_t gas_limit(enum layer_id id, enum sign_purpose purpose)
{
	(void)id;
	(void)purpose;
	return 0;
}

const struct layer_pure bitcoin_pure = {
	.address_check = address_check,
	.address_format = address_format,
	.funding_address = funding_address,
	.dust = dust,
	.leg_make = leg_make,
	.leg_parse = leg_parse,
	.leg_address = leg_address,
	.build = build,
	.fee_bound = fee_bound,
	.gas_limit = gas_limit,
	.payees_max = BTC_PAYEE_MAX,
};
