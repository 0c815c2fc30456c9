/* Layers of coins: own payments (payout, lock) and spends of a lock-up (claim, refund). */
#include "sign/check_internal.h"
#include "wire/elements_address.h"
#include "wire/utxo_build.h"
#include "wire/utxo_tx.h"

#define P2TR_SIZE 34u
#define TX_VERSION 2u
#define LOCKTIME_HEIGHT_MAX 499999999u /* above, a lock time is a time stamp */

struct utxo {
	struct utxo_tx t;
	struct btc_tx tx; /* the view of it */
	struct btc_txout spent[BTC_INPUT_MAX];
	struct blinders hidden[BTC_INPUT_MAX];
	bool any_hidden;
	struct sat total; /* of the inputs */
	struct btc_htlc leg;
	struct btc_htlc_tree tree;
};

static enum err decode(struct check *c, struct utxo *u)
{
	const enum err err = utxo_tx_open(&u->t, c->r->network, c->r->unsigned_tx);
	u->tx = u->t.tx;
	if (err == ERR_FULL || (err == OK && u->tx.out_count > CHECK_OUTPUT_MAX))
		return check_refuse(c, RULE_OUTPUT_COUNT, "too many inputs or outputs");
	if (err != OK)
		return check_refuse(c, RULE_TX_ENCODING, "not one whole transaction");
	if (u->tx.version != TX_VERSION)
		return check_refuse(c, RULE_TX_VERSION, "%u", (unsigned)u->tx.version);
	if (u->tx.locktime > LOCKTIME_HEIGHT_MAX)
		return check_refuse(c, RULE_TX_LOCKTIME, "a time, not a height");
	if (u->tx.in_count != c->r->input_count || u->tx.in_count == 0)
		return check_refuse(c, RULE_INPUT_COUNT, "the transaction has %u, the request %u",
			(unsigned)u->tx.in_count, (unsigned)c->r->input_count);
	if (u->tx.out_count == 0)
		return check_refuse(c, RULE_OUTPUT_COUNT, "none");
	return OK;
}

/* What holds for every input, whatever it is spent for. */
static enum err check_inputs(struct check *c, struct utxo *u)
{
	for (uint32_t i = 0; i < u->tx.in_count; i++) {
		const struct btc_txin *in = &u->tx.in[i];
		const struct sign_input *said = &c->r->input[i];
		if (in->script_sig.len != 0 || in->witness.len != 0)
			return check_refuse(c, RULE_TX_ENCODING, "input %u is signed", (unsigned)i);
		if (in->sequence != BTC_SEQUENCE_RBF)
			return check_refuse(c, RULE_INPUT_SEQUENCE, "of input %u", (unsigned)i);
		for (uint32_t k = 0; k < i; k++)
			if (hash256_eq(&in->prev.txid, &u->tx.in[k].prev.txid) &&
				in->prev.index == u->tx.in[k].prev.index)
				return check_refuse(c, RULE_INPUT_TWICE, "inputs %u and %u",
					(unsigned)k, (unsigned)i);
		if (said->value.raw > SAT_MAX_RAW || !sat_add(&u->total, u->total, said->value) ||
			u->total.raw > SAT_MAX_RAW)
			return check_refuse(
				c, RULE_INPUT_VALUE, "out of range at input %u", (unsigned)i);
		u->spent[i] = (struct btc_txout){.value = said->value,
			.script = slice_of(said->script, sizeof said->script)};
		u->hidden[i] = said->hidden;
		u->any_hidden = u->any_hidden || blinders_any(&said->hidden);
	}
	return OK;
}

static enum err set_fee(struct check *c, const struct utxo *u)
{
	struct sat out = {0}, fee;

	for (uint32_t i = 0; i < u->tx.out_count; i++)
		if (!sat_add(&out, out, u->tx.out[i].value))
			return check_refuse(c, RULE_OUTPUT_AMOUNT, "the sum is out of range");
	if (!sat_sub(&fee, u->total, out))
		return check_refuse(c, RULE_FEE, "the outputs are worth more than the inputs");
	if (u->t.states_fee && u->t.fee.raw != fee.raw)
		return check_refuse(c, RULE_FEE, "the fee's output says otherwise");
	c->fee = amount_of(c->fee.asset, fee.raw);
	return OK;
}

static enum err check_feerate(struct check *c, uint64_t vsize)
{
	if (amount_cmp(c->fee, amount_of(c->fee.asset, btc_fee(vsize, c->limit->feerate_max).raw)) >
		0)
		return check_refuse(c, RULE_FEERATE, "over %llu sat/kvB",
			(unsigned long long)c->limit->feerate_max);
	return OK;
}

static uint64_t payment_vsize(const struct check *c, const struct utxo *u)
{
	const struct btc_sizes *sizes = layer_sizes(c->r->network->layer);
	const uint32_t payees = 1 + c->r->more_count;
	const bool blinded = c->r->purpose == SIGN_PAYOUT &&
		utxo_destination_blinded(c->r->network->layer, c->r->to.len);
	uint64_t outputs = u->any_hidden ? utxo_hidden_weight(c->r->network->layer, blinded) : 0;
	for (uint32_t i = 0; i < u->tx.out_count; i++) {
		const bool paid = c->r->purpose == SIGN_PAYOUT && i < payees;
		outputs += utxo_output_weight(c->r->network->layer,
			paid ? signing_payee(c->r, i).to.len : u->tx.out[i].script.len);
	}
	return btc_payment_vsize(sizes, u->tx.in_count, outputs, false);
}

/* Output i comes to us: to our script, in plain sight or blinded for our key. */
static enum err check_home(struct check *c, const struct utxo *u, uint32_t i, const char *what)
{
	const struct key_path *path = &c->r->change;
	uint8_t bytes[WALLET_DESTINATION_MAX];
	struct buf hidden = buf_init(bytes, sizeof bytes);
	if (path->use != KEY_WALLET || path->layer != c->r->network->layer ||
		path->index >= KEY_INDEX_COUNT)
		return check_refuse(c, RULE_CHANGE_KEY, "not a wallet path of this layer");
	if (i >= u->tx.out_count ||
		utxo_tx_pays(
			&u->t, i, slice_of(c->wallet->script[path->layer][path->index], P2TR_SIZE)))
		return OK;
	if (u->t.elements.blinded > 0 &&
		wallet_destination(&hidden, &c->wallet->key, path->layer, path->index) == OK &&
		utxo_tx_pays(&u->t, i, buf_slice(&hidden)))
		return OK;
	if (MUTANT(CHANGE_NOT_CHECKED) && c->r->purpose <= SIGN_LOCK)
		return OK;
	return check_refuse(c, RULE_OUTPUT_CHANGE, "output %u: %s", (unsigned)i, what);
}

static enum err parse_leg(struct check *c, struct utxo *u)
{
	if (btc_htlc_parse(&u->leg, c->r->leg) != OK ||
		btc_htlc_tree_by(&u->tree, &u->leg, layer_taproot(c->r->network->layer)) != OK)
		return check_refuse(c, RULE_LEG, "the terms do not parse");
	if (memcmp(u->leg.claim.b, u->leg.refund.b, sizeof u->leg.claim.b) == 0)
		return check_refuse(c, RULE_LEG_PARTIES, "claimant and refundee are one");
	return OK;
}

static enum err check_our_key(struct check *c, const struct xonly *key, const char *role)
{
	struct xonly ours;
	if (wallet_swap_key(&ours, &c->wallet->key, c->r->network->layer, &c->r->swap) != OK ||
		memcmp(ours.b, key->b, sizeof ours.b) != 0)
		return check_refuse(c, RULE_LEG_OURS, "the %s key is not ours for this swap", role);
	return OK;
}

/* ---- payout, lock ---- */

static bool has_address(const struct network *network, struct slice destination)
{
	char text[BTC_ADDRESS_TEXT_SIZE];
	struct slice script = destination;
	struct pubkey key;
	if (network->layer == LAYER_LIQUID &&
		elements_destination_split(&script, &key, destination) && !pubkey_valid(&key))
		return false;
	return btc_address_format(text, network, script) == OK;
}

/* Destination and amount of output i, from the terms. */
static enum err payee_of(
	struct check *c, struct utxo *u, uint32_t i, struct slice *to, struct sat *value)
{
	if (c->r->purpose == SIGN_PAYOUT) {
		const struct sign_payee payee = signing_payee(c->r, i);
		if (!has_address(c->r->network, payee.to))
			return check_refuse(
				c, RULE_PAYEE, "%u: a script without an address", (unsigned)i);
		if (payee.amount.asset != c->value.asset ||
			amount_to_sat(value, payee.amount) != OK)
			return check_refuse(c, RULE_AMOUNT, "%u: out of range", (unsigned)i);
		*to = payee.to;
		return OK;
	}
	TRY(parse_leg(c, u));
	TRY(check_our_key(c, &u->leg.refund, "refund"));
	if (c->limit->lock_blocks_max != 0 && u->leg.timelock > u->tx.locktime &&
		u->leg.timelock - u->tx.locktime > c->limit->lock_blocks_max)
		return check_refuse(c, RULE_LEG_TIMELOCK, "the refund opens %u blocks from now",
			(unsigned)(u->leg.timelock - u->tx.locktime));
	*to = slice_of(u->tree.script_pubkey, sizeof u->tree.script_pubkey);
	*value = u->leg.amount;
	c->lock_hash = u->leg.hash;
	return OK;
}

static enum err check_coins(struct check *c, const struct utxo *u)
{
	for (uint32_t i = 0; i < u->tx.in_count; i++) {
		const struct key_path *key = &c->r->input[i].key;
		if (key->use != KEY_WALLET || key->layer != c->r->network->layer ||
			key->index >= KEY_INDEX_COUNT)
			return check_refuse(c, RULE_INPUT_KEY,
				"input %u: not a wallet key of this layer", (unsigned)i);
		if (memcmp(c->r->input[i].script, c->wallet->script[key->layer][key->index],
			    sizeof c->r->input[i].script) != 0)
			return check_refuse(
				c, RULE_INPUT_SCRIPT, "input %u is not our script", (unsigned)i);
	}
	return OK;
}

/* Output i pays what the terms say. */
static enum err check_payee(struct check *c, struct utxo *u, uint32_t i)
{
	struct slice to = {0};
	struct sat value = {0};

	TRY(payee_of(c, u, i, &to, &value));
	if (value.raw == 0 || value.raw > SAT_MAX_RAW)
		return check_refuse(c, RULE_AMOUNT, "%u: out of range", (unsigned)i);
	if (!utxo_tx_pays(&u->t, i, to) && !MUTANT(PAYEE_NOT_CHECKED))
		return check_refuse(
			c, RULE_OUTPUT_PAYEE, "output %u pays somebody else", (unsigned)i);
	if (u->tx.out[i].value.raw != value.raw)
		return check_refuse(
			c, RULE_OUTPUT_AMOUNT, "output %u pays another amount", (unsigned)i);
	const struct amount amount = amount_of(c->value.asset, value.raw);
	if (amount_cmp(amount, c->largest) > 0)
		c->largest = amount;
	/* the outputs' sum is in range: set_fee */
	CHECK(amount_add(&c->value, c->value, amount) == OK);
	return OK;
}

static enum err check_payment(struct check *c, struct utxo *u)
{
	struct sign_record *record = &c->task->record;
	const uint32_t payees = 1 + c->r->more_count;

	if (u->tx.out_count != payees && u->tx.out_count != payees + 1)
		return check_refuse(c, RULE_OUTPUT_COUNT, "%u, for %u payees",
			(unsigned)u->tx.out_count, (unsigned)payees);
	TRY(check_coins(c, u));
	for (uint32_t i = 0; i < payees; i++)
		TRY(check_payee(c, u, i));
	TRY(check_home(c, u, payees, "not our change"));
	record->input_count = u->tx.in_count;
	for (uint32_t i = 0; i < u->tx.in_count; i++)
		record->input[i] = u->tx.in[i].prev;
	return check_feerate(c, payment_vsize(c, u));
}

/* What was signed for these coins is called off: everything comes back to us, less the fee. */
static enum err check_call_off(struct check *c, struct utxo *u)
{
	struct sign_record *record = &c->task->record;

	TRY(check_coins(c, u));
	if (u->tx.out_count != 1)
		return check_refuse(c, RULE_OUTPUT_COUNT, "what is called off pays one output");
	TRY(check_home(c, u, 0, "the coins do not come back to us"));
	c->value = amount_zero(c->value.asset);
	record->input_count = u->tx.in_count;
	for (uint32_t i = 0; i < u->tx.in_count; i++)
		record->input[i] = u->tx.in[i].prev;
	return check_feerate(c, payment_vsize(c, u));
}

/* ---- claim, refund ---- */

static enum err check_terms(struct check *c, const struct utxo *u)
{
	if (c->r->purpose == SIGN_REFUND) {
		TRY(check_our_key(c, &u->leg.refund, "refund"));
		if (u->tx.locktime != u->leg.timelock)
			return check_refuse(c, RULE_TX_LOCKTIME, "not the leg's time lock");
		return OK;
	}
	TRY(check_our_key(c, &u->leg.claim, "claim"));
	TRY(check_preimage(c, &u->leg.hash));
	/* The client's claim makes the preimage public and so pays the other leg: not for less than
	 * was agreed. The provider's comes after that, and takes what there is. */
	const bool reveals = memcmp(u->leg.claim.b, u->leg.client.b, sizeof u->leg.claim.b) == 0;
	if (reveals && c->r->input[0].value.raw < u->leg.amount.raw)
		return check_refuse(c, RULE_INPUT_VALUE, "the lock-up holds less than agreed");
	return OK;
}

static enum err check_spend(struct check *c, struct utxo *u)
{
	const bool claim = c->r->purpose == SIGN_CLAIM;
	const struct key_path *key = &c->r->input[0].key;

	if (u->tx.in_count != 1)
		return check_refuse(c, RULE_INPUT_COUNT, "a claim or refund spends one lock-up");
	if (u->tx.out_count != 1)
		return check_refuse(c, RULE_OUTPUT_COUNT, "a claim or refund pays one output");
	TRY(parse_leg(c, u));
	TRY(check_terms(c, u));
	if (key->use != KEY_SWAP || key->layer != c->r->network->layer ||
		!id128_eq(&key->swap, &c->r->swap))
		return check_refuse(c, RULE_INPUT_KEY, "not this swap's key");
	if (memcmp(c->r->input[0].script, u->tree.script_pubkey, sizeof u->tree.script_pubkey) != 0)
		return check_refuse(c, RULE_INPUT_SCRIPT, "not the script of the leg");
	TRY(check_home(c, u, 0, "the proceeds do not come to us"));
	c->value = amount_of(c->value.asset, u->total.raw);
	c->lockup = u->tx.in[0].prev;
	c->lock_hash = u->leg.hash;
	return check_feerate(c,
		btc_spend_vsize(layer_sizes(c->r->network->layer),
			claim ? BTC_LEAF_CLAIM : BTC_LEAF_REFUND));
}

/* ---- what is to be signed ---- */

static enum err fill_task(struct check *c, struct utxo *u)
{
	struct hash256 seed;
	const enum btc_htlc_leaf leaf = c->r->purpose == SIGN_CLAIM ? BTC_LEAF_CLAIM
								    : BTC_LEAF_REFUND;

	signing_blind_seed(&seed, c->r, &c->wallet->key);
	if (utxo_tx_spends(&u->t, u->spent, u->hidden, &seed) != OK)
		return check_refuse(c, RULE_TX_ENCODING, "can't be blinded");
	c->task->ecdsa = false;
	c->task->count = u->tx.in_count;
	for (uint32_t i = 0; i < u->tx.in_count; i++) {
		struct sign_item *item = &c->task->item[i];
		const struct key_path *said = &c->r->input[i].key;
		/* only the members that were checked */
		item->key = (struct key_path){.use = said->use, .layer = said->layer};
		if (said->use == KEY_WALLET)
			item->key.index = said->index;
		else
			item->key.swap = said->swap;
		item->taproot_tweak = said->use == KEY_WALLET;
		if (item->taproot_tweak)
			utxo_tx_key_path(&item->digest, &u->t, i);
		else
			utxo_tx_script_path(&item->digest, &u->t, i, &u->tree.leaf_hash[leaf]);
	}
	return OK;
}

enum err check_utxo(struct check *c)
{
	struct utxo u = {0};

	TRY(decode(c, &u));
	TRY(check_inputs(c, &u));
	TRY(set_fee(c, &u));
	switch (c->r->purpose) {
	case SIGN_PAYOUT:
	case SIGN_LOCK: TRY(check_payment(c, &u)); break;
	case SIGN_CLAIM:
	case SIGN_REFUND: TRY(check_spend(c, &u)); break;
	case SIGN_NONCE_FILL: TRY(check_call_off(c, &u)); break;
	case SIGN_CANCEL:
	case SIGN_APPROVE:
	case SIGN_DEPLOY: return check_refuse(c, RULE_PURPOSE, "not on a layer of coins");
	}
	TRY(check_fee(c));
	return fill_task(c, &u);
}
