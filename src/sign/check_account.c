/* Rootstock and its kind: EVM transactions of the one account. */
#include "sign/check_internal.h"

#include "crypto/hash.h"
#include "wire/erc20.h"

#define TRANSFER_GAS_MAX 100000u /* a payee may be a contract with a receive function */

/* What the transaction must be, by purpose: rebuilt, then compared. */
struct expected {
	struct evm_address to;
	struct amount value;
	struct buf data;
	uint64_t gas_max;
	bool create;
	bool any_to; /* the policy is open: whatever token it is */
};

/* Where value is a token: it is the policy's, or, where any contract will do, the terms'. */
static enum err check_token(struct check *c, const struct evm_address *token)
{
	static const struct evm_address none;
	if (!layer_gas_apart(c->r->network->layer) || c->limit->contract_any ||
		(!evm_address_eq(token, &none) && evm_address_eq(token, &c->limit->token)))
		return OK;
	return check_refuse(c, RULE_TOKEN, "not what the policy names");
}

/* Those that the policy names, or that this signer's account made. */
static bool knows_contract(const struct check *c, const struct evm_address *contract)
{
	const struct policy_layer *limit = c->limit;
	const enum layer_id layer = c->r->network->layer;
	for (uint32_t i = 0; i < limit->contract_count; i++)
		if (evm_address_eq(&limit->contract[i], contract))
			return true;
	return limit->contract_own &&
		sign_state_deployed(c->state, layer, &c->wallet->account[layer], contract);
}

static enum err parse_leg(struct check *c, struct evm_htlc *leg)
{
	const struct policy_layer *limit = c->limit;

	if (evm_htlc_parse(leg, c->r->network->layer, c->r->leg) != OK)
		return check_refuse(c, RULE_LEG, "the terms do not parse");
	if (leg->chain_id != c->r->network->chain_id)
		return check_refuse(c, RULE_LEG, "the terms are for another chain");
	if (amount_is_zero(leg->amount) ||
		amount_cmp(leg->amount, amount_max(layer_asset(c->r->network->layer))) > 0)
		return check_refuse(c, RULE_AMOUNT, "the leg's amount is out of range");
	if (evm_address_eq(&leg->claim, &leg->refund))
		return check_refuse(c, RULE_LEG_PARTIES, "claimant and refundee are one");
	if (limit->contract_any)
		return OK;
	if (!knows_contract(c, &leg->contract))
		return check_refuse(c, RULE_LEG_CONTRACT, "the policy does not name it");
	return check_token(c, &leg->token);
}

static bool is_ours(const struct check *c, const struct evm_address *address)
{
	return evm_address_eq(address, &c->wallet->account[c->r->network->layer]);
}

static enum err expect_lock(struct check *c, struct expected *e)
{
	struct evm_htlc leg;
	TRY(parse_leg(c, &leg));
	if (!is_ours(c, &leg.refund))
		return check_refuse(c, RULE_LEG_OURS, "the refund address is not ours");
	e->to = leg.contract;
	e->value = evm_htlc_lock_value(&leg, e->value.asset);
	evm_htlc_lock_call(&e->data, &leg);
	c->value = leg.amount;
	c->lock_hash = leg.hash;
	return OK;
}

static enum err expect_claim(struct check *c, struct expected *e)
{
	struct evm_htlc leg;
	TRY(parse_leg(c, &leg));
	if (!is_ours(c, &leg.claim) && !c->limit->claim_for_others)
		return check_refuse(c, RULE_LEG_OURS, "the claim address is not ours");
	TRY(check_preimage(c, &leg.hash));
	e->to = leg.contract;
	evm_htlc_claim_call(&e->data, &leg, &c->r->preimage);
	c->value = leg.amount;
	c->lock_hash = leg.hash;
	return OK;
}

static enum err expect_refund(struct check *c, struct expected *e)
{
	struct evm_htlc leg;
	TRY(parse_leg(c, &leg));
	if (!is_ours(c, &leg.refund))
		return check_refuse(c, RULE_LEG_OURS, "the refund address is not ours");
	e->to = leg.contract;
	evm_htlc_refund_call(&e->data, &leg);
	c->value = leg.amount;
	c->lock_hash = leg.hash;
	return OK;
}

static enum err expect_payout(struct check *c, struct expected *e)
{
	static const struct evm_address nobody;
	const enum asset asset = layer_asset(c->r->network->layer);

	if (c->r->to.len != sizeof e->to.b)
		return check_refuse(c, RULE_PAYEE, "not an address of 20 bytes");
	memcpy(e->to.b, c->r->to.ptr, sizeof e->to.b);
	if (evm_address_eq(&e->to, &nobody))
		return check_refuse(c, RULE_PAYEE, "the zero address");
	if (c->r->amount.asset != asset || amount_is_zero(c->r->amount) ||
		amount_cmp(c->r->amount, amount_max(asset)) > 0)
		return check_refuse(c, RULE_AMOUNT, "out of range");
	c->value = c->largest = c->r->amount;
	if (layer_gas_apart(c->r->network->layer)) {
		const struct evm_address payee = e->to;
		TRY(check_token(c, &c->limit->token));
		e->to = c->limit->token;
		e->any_to = c->limit->contract_any;
		erc20_transfer_call(&e->data, &payee, c->r->amount);
		return OK;
	}
	e->value = c->r->amount;
	e->gas_max = TRANSFER_GAS_MAX;
	return OK;
}

static enum err expect_nonce_fill(struct check *c, struct expected *e)
{
	e->to = c->wallet->account[c->r->network->layer];
	e->gas_max = TRANSFER_GAS_MAX;
	return OK;
}

/* Without a bound: only our own locks can take what is approved to the contract. */
static enum err expect_approve(struct check *c, struct expected *e)
{
	struct evm_address contract;
	if (!layer_gas_apart(c->r->network->layer))
		return check_refuse(c, RULE_PURPOSE, "no token is moved on this layer");
	TRY(check_token(c, &c->limit->token));
	if (c->r->to.len != sizeof contract.b)
		return check_refuse(c, RULE_LEG_CONTRACT, "not an address of 20 bytes");
	memcpy(contract.b, c->r->to.ptr, sizeof contract.b);
	if (!c->limit->contract_any && !knows_contract(c, &contract))
		return check_refuse(c, RULE_LEG_CONTRACT, "the policy does not name it");
	e->to = c->limit->token;
	e->any_to = c->limit->contract_any;
	erc20_approve_call(&e->data, &contract, erc20_unlimited(layer_asset(c->r->network->layer)));
	return OK;
}

static enum err expect_deploy(struct check *c, struct expected *e)
{
	if (c->limit->deploy_gas_max == 0)
		return check_refuse(c, RULE_PURPOSE, "the policy allows no deployment");
	e->create = true;
	e->gas_max = c->limit->deploy_gas_max;
	return OK;
}

static enum err compare(struct check *c, const struct expected *e, const struct evm_tx *tx)
{
	const struct slice data = e->create ? evm_htlc_creation(c->r->network->layer)
					    : buf_slice(&e->data);
	const enum evm_type type = c->r->network->fee_market ? EVM_TYPE_FEE_MARKET
							     : EVM_TYPE_LEGACY;

	CHECK(!e->data.overflow);
	if (tx->chain_id != c->r->network->chain_id)
		return check_refuse(c, RULE_CHAIN_ID, "%llu", (unsigned long long)tx->chain_id);
	if (tx->type != type || tx->access_list.len != 0)
		return check_refuse(c, RULE_TX_TYPE, "%u", (unsigned)tx->type);
	if (tx->create != e->create ||
		(!e->create && !e->any_to && !evm_address_eq(&tx->to, &e->to)))
		return check_refuse(c, RULE_TO, "not what the purpose asks for");
	if (amount_cmp(tx->value, e->value) != 0)
		return check_refuse(c, RULE_VALUE, "not what the terms state");
	if (!slice_eq(tx->data, data))
		return check_refuse(c, RULE_CALLDATA, "not the call that the terms make");
	return OK;
}

static bool moves_nothing(enum sign_purpose purpose)
{
	return purpose == SIGN_NONCE_FILL || purpose == SIGN_DEPLOY || purpose == SIGN_APPROVE;
}

static enum err check_gas(struct check *c, const struct expected *e, const struct evm_tx *tx)
{
	char text[AMOUNT_TEXT_SIZE];
	const uint64_t gas_max = e->gas_max < c->limit->gas_max || e->create ? e->gas_max
									     : c->limit->gas_max;
	if (tx->gas_limit > gas_max)
		return check_refuse(c, RULE_GAS, "limit %llu, at most %llu",
			(unsigned long long)tx->gas_limit, (unsigned long long)gas_max);
	if (amount_cmp(tx->gas_price, c->limit->gas_price_max) > 0) {
		amount_format_units(text, tx->gas_price);
		return check_refuse(c, RULE_GAS, "price of %s wei", text);
	}
	if (amount_mul(&c->fee, tx->gas_price, tx->gas_limit) != OK)
		return check_refuse(c, RULE_FEE, "out of range");
	/* filling a nonce, deploying and approving move no value: only the absolute limit holds */
	if (moves_nothing(c->r->purpose)) {
		if (amount_cmp(c->fee, c->limit->fee_max) > 0)
			return check_refuse(c, RULE_FEE, "over the policy's fee_max");
		return OK;
	}
	return check_fee(c);
}

static enum err expect(struct check *c, struct expected *e)
{
	switch (c->r->purpose) {
	case SIGN_PAYOUT: return expect_payout(c, e);
	case SIGN_LOCK: return expect_lock(c, e);
	case SIGN_CLAIM: return expect_claim(c, e);
	case SIGN_REFUND: return expect_refund(c, e);
	case SIGN_NONCE_FILL: return expect_nonce_fill(c, e);
	case SIGN_DEPLOY: return expect_deploy(c, e);
	case SIGN_APPROVE: return expect_approve(c, e);
	case SIGN_CANCEL: break;
	}
	return check_refuse(c, RULE_PURPOSE, "unknown");
}

enum err check_account(struct check *c)
{
	const struct key_path *account = &c->r->account;
	uint8_t call[EVM_HTLC_CALL_MAX];
	struct expected e = {.value = amount_zero(layer_gas_asset(c->r->network->layer)),
		.data = buf_init(call, sizeof call),
		.gas_max = c->limit->gas_max};
	struct evm_tx tx;

	if (account->use != KEY_ACCOUNT || account->layer != c->r->network->layer ||
		account->index != 0)
		return check_refuse(c, RULE_ACCOUNT_KEY, "not this layer's account");
	if (evm_tx_parse_unsigned(&tx, layer_gas_asset(c->r->network->layer), c->r->unsigned_tx) !=
		OK)
		return check_refuse(c, RULE_TX_ENCODING, "not one whole unsigned transaction");
	TRY(expect(c, &e));
	TRY(compare(c, &e, &tx));
	TRY(check_gas(c, &e, &tx));
	c->task->record.nonce = tx.nonce;
	c->task->ecdsa = true;
	c->task->count = 1;
	c->task->item[0] = (struct sign_item){
		.key = {.use = KEY_ACCOUNT, .layer = c->r->network->layer}};
	keccak256(&c->task->item[0].digest, c->r->unsigned_tx);
	return OK;
}
