/* The pure half: addresses, the terms of a lock in the contract, and plans turned into unsigned
 * transactions. */
#include "layer/evm/evm.h"

#include "wire/erc20.h"

/* A plain transfer costs 21,000; a recipient that is a contract may run a little code on receipt,
 * as wallets of several owners do. Gas that is not used is not paid. */
#define GAS_PAYOUT 50000u
#define GAS_TRANSFER 21000u
/* Creation of the HTLC contract: some 2.7 kB of code at 200 gas a byte, and the call itself. */
#define GAS_DEPLOY 1500000u
/* The same with the token's contract, which is larger. */
#define GAS_DEPLOY_TOKEN 2000000u
/* Wei a unit of gas; beyond it a price is a mistake: a plain transfer for 0.2 coins. */
#define GAS_PRICE_MAX UINT64_C(10000000000000)
/* Block numbers stay far below it; keeps sums of them from wrapping. */
#define BLOCK_NUMBER_MAX (UINT64_C(1) << 48)

_Static_assert(LAYER_ADDRESS_TEXT_SIZE >= EVM_ADDRESS_TEXT_SIZE, "an address fits");
_Static_assert(ERC20_CALL_MAX <= EVM_HTLC_CALL_MAX, "room for either call");
_Static_assert(EVM_HTLC_SIZE <= SIGNING_LEG_MAX, "terms fit into a signing request");

const struct evm_kind *evm_kind_of(enum layer_id id)
{
	static const struct evm_kind *const kinds[LAYER_COUNT] = {
		[LAYER_ROOTSTOCK] = &rootstock_kind,
		[LAYER_BOB] = &bob_kind,
		[LAYER_ROOTSTOCK_ERC20] = &rootstock_kind,
	};
	CHECK(id < LAYER_COUNT && kinds[id] != NULL);
	return kinds[id];
}

static enum err address_check(const struct network *network, uint8_t *destination,
	size_t *destination_len, struct slice text)
{
	struct evm_address a;
	const struct evm_kind *kind = evm_kind_of(network->layer);
	TRY(evm_address_parse(&a, network->chain_id, text));
	if (kind->payee != NULL)
		TRY(kind->payee(&a));
	memcpy(destination, a.b, sizeof a.b);
	*destination_len = sizeof a.b;
	return OK;
}

static enum err address_format(const struct network *network, char *text, struct slice destination)
{
	struct evm_address a;
	if (destination.len != sizeof a.b)
		return ERR_FORMAT;
	memcpy(a.b, destination.ptr, sizeof a.b);
	evm_address_format(text, &a, network->chain_id);
	return OK;
}

static enum err funding_address(
	const struct network *network, char *text, const struct pubkey *wallet)
{
	struct evm_address a;
	TRY(wallet_account(&a, wallet, network->layer));
	evm_address_format(text, &a, network->chain_id);
	return OK;
}

static struct amount dust(enum layer_id id)
{
	return amount_of(layer_asset(id), 1);
}

static uint64_t rate_step(enum layer_id id)
{
	(void)id;
	return 1;
}

static bool address_is_zero(const struct evm_address *a)
{
	static const struct evm_address zero;
	return evm_address_eq(a, &zero);
}

static enum err leg_make(struct buf *leg, const struct leg_offer *offer)
{
	const struct evm_htlc h = {.contract = offer->contract,
		.chain_id = offer->network->chain_id,
		.hash = offer->hash,
		.amount = offer->amount,
		.token = offer->token,
		.claim = offer->claim.address,
		.refund = offer->refund.address,
		.timelock = offer->timelock};
	uint8_t storage[EVM_HTLC_SIZE];
	struct buf encoded = buf_init(storage, sizeof storage);
	struct evm_htlc again;

	if (amount_is_zero(h.amount) || amount_cmp(h.amount, amount_max(h.amount.asset)) > 0 ||
		h.timelock == 0 || h.timelock > BLOCK_NUMBER_MAX)
		return ERR_RANGE;
	if (address_is_zero(&h.contract) || address_is_zero(&h.claim) ||
		address_is_zero(&h.refund) || evm_address_eq(&h.claim, &h.refund) ||
		evm_htlc_has_token(&h) != layer_gas_apart(offer->network->layer))
		return ERR_FORMAT;
	evm_htlc_put(&encoded, &h);
	TRY(evm_htlc_parse(&again, offer->network->layer, buf_slice(&encoded)));
	buf_put(leg, encoded.ptr, encoded.len);
	return leg->overflow ? ERR_FULL : OK;
}

/* The terms, and that they are this network's. */
static enum err terms_parse(struct evm_htlc *h, const struct network *network, struct slice leg)
{
	TRY(evm_htlc_parse(h, network->layer, leg));
	if (h->chain_id != network->chain_id || h->timelock > BLOCK_NUMBER_MAX ||
		amount_cmp(h->amount, amount_max(h->amount.asset)) > 0)
		return ERR_FORMAT;
	return OK;
}

static enum err leg_parse(struct leg_offer *offer, const struct network *network, struct slice leg)
{
	struct evm_htlc h;
	TRY(terms_parse(&h, network, leg));
	*offer = (struct leg_offer){.network = network,
		.hash = h.hash,
		.amount = h.amount,
		.timelock = h.timelock,
		.claim.address = h.claim,
		.refund.address = h.refund,
		.contract = h.contract,
		.token = h.token};
	return OK;
}

static enum err leg_address(const struct network *network, char *text, struct slice leg)
{
	struct evm_htlc h;
	TRY(terms_parse(&h, network, leg));
	evm_address_format(text, &h.contract, network->chain_id);
	return OK;
}

/* Where the transaction goes, what it carries and says. data is the caller's storage. */
static enum err fill_by_purpose(struct evm_tx *tx, struct buf *data, const struct pubkey *wallet,
	const struct network *network, const struct layer_plan *plan)
{
	struct evm_htlc h;
	struct evm_address payee;

	switch (plan->purpose) {
	case SIGN_PAYOUT:
		if (plan->to.len != sizeof payee.b ||
			plan->amount.asset != layer_asset(network->layer) ||
			amount_is_zero(plan->amount) ||
			amount_cmp(plan->amount, amount_max(plan->amount.asset)) > 0)
			return ERR_RANGE;
		memcpy(payee.b, plan->to.ptr, sizeof payee.b);
		if (!layer_gas_apart(network->layer)) {
			tx->to = payee;
			tx->value = plan->amount;
			return OK;
		}
		tx->to = plan->token;
		erc20_transfer_call(data, &payee, plan->amount);
		tx->data = buf_slice(data);
		return OK;
	case SIGN_APPROVE:
		if (!layer_gas_apart(network->layer) || plan->to.len != sizeof payee.b)
			return ERR_RANGE;
		memcpy(payee.b, plan->to.ptr, sizeof payee.b);
		tx->to = plan->token;
		erc20_approve_call(data, &payee, erc20_unlimited(layer_asset(network->layer)));
		tx->data = buf_slice(data);
		return OK;
	case SIGN_NONCE_FILL: return wallet_account(&tx->to, wallet, network->layer);
	case SIGN_DEPLOY:
		tx->create = true;
		tx->data = evm_htlc_creation(network->layer);
		return OK;
	case SIGN_CANCEL: return ERR_RANGE;
	case SIGN_LOCK:
	case SIGN_CLAIM:
	case SIGN_REFUND: break;
	}
	TRY(terms_parse(&h, network, plan->leg));
	tx->to = h.contract;
	if (plan->purpose == SIGN_LOCK) {
		tx->value = evm_htlc_lock_value(&h, tx->value.asset);
		evm_htlc_lock_call(data, &h);
	} else if (plan->purpose == SIGN_CLAIM) {
		evm_htlc_claim_call(data, &h, &plan->preimage);
	} else {
		evm_htlc_refund_call(data, &h);
	}
	tx->data = buf_slice(data);
	return data->overflow ? ERR_FULL : OK;
}

static enum err build(struct buf *out, struct amount *fee, const struct network *network,
	const struct pubkey *wallet, const struct layer_plan *plan)
{
	uint8_t call[EVM_HTLC_CALL_MAX], storage[SIGNING_TX_MAX];
	struct buf data = buf_init(call, sizeof call), raw = buf_init(storage, sizeof storage);
	struct amount paid;
	const enum asset gas = layer_gas_asset(network->layer);
	struct evm_tx tx = {.type = network->fee_market ? EVM_TYPE_FEE_MARKET : EVM_TYPE_LEGACY,
		.chain_id = network->chain_id,
		.nonce = plan->nonce,
		.gas_price = amount_of(gas, plan->rate),
		.priority_fee = amount_of(
			gas, network->fee_market ? plan->rate / EVM_PRIORITY_SHARE : 0),
		.gas_limit = plan->gas_limit,
		.value = amount_zero(gas)};
	struct signing_request r = {.session = plan->session,
		.variant = plan->variant,
		.purpose = plan->purpose,
		.network = network,
		.account = {.use = KEY_ACCOUNT, .layer = network->layer},
		.change = {.use = KEY_ACCOUNT, .layer = network->layer},
		.swap = plan->swap,
		.leg = plan->leg,
		.preimage = plan->preimage,
		.to = plan->to,
		.amount = plan->purpose == SIGN_PAYOUT ? plan->amount
						       : amount_zero(layer_asset(network->layer))};

	if (plan->rate == 0 || plan->rate > GAS_PRICE_MAX || plan->gas_limit < GAS_TRANSFER ||
		plan->leg.len > SIGNING_LEG_MAX || plan->to.len > BTC_SCRIPT_STD_MAX ||
		plan->more_count > 0)
		return ERR_RANGE;
	TRY(fill_by_purpose(&tx, &data, wallet, network, plan));
	TRY(amount_mul(&paid, tx.gas_price, tx.gas_limit));
	evm_tx_put_unsigned(&raw, &tx);
	if (raw.overflow)
		return ERR_RANGE;
	r.unsigned_tx = buf_slice(&raw);
	signing_request_put(out, &r);
	if (out->overflow)
		return ERR_FULL;
	*fee = paid;
	return OK;
}

static uint64_t gas_limit(enum layer_id id, enum sign_purpose purpose)
{
	const bool token = layer_gas_apart(id);
	switch (purpose) {
	case SIGN_PAYOUT: return token ? ERC20_GAS_TRANSFER : GAS_PAYOUT;
	case SIGN_LOCK: return token ? ERC20_HTLC_GAS_LOCK : EVM_HTLC_GAS_LOCK;
	case SIGN_CLAIM: return token ? ERC20_HTLC_GAS_CLAIM : EVM_HTLC_GAS_CLAIM;
	case SIGN_REFUND: return token ? ERC20_HTLC_GAS_REFUND : EVM_HTLC_GAS_REFUND;
	case SIGN_NONCE_FILL: return GAS_TRANSFER;
	case SIGN_DEPLOY: return token ? GAS_DEPLOY_TOKEN : GAS_DEPLOY;
	case SIGN_APPROVE: return ERC20_GAS_APPROVE;
	case SIGN_CANCEL: return 0;
	}
	UNREACHABLE();
}

static enum err fee_bound(
	struct amount *out, enum layer_id id, enum sign_purpose purpose, uint64_t rate)
{
	if (rate > GAS_PRICE_MAX)
		return ERR_RANGE;
	return amount_mul(out, amount_of(layer_gas_asset(id), rate), gas_limit(id, purpose));
}

const struct layer_pure evm_pure = {
	.address_check = address_check,
	.address_format = address_format,
	.funding_address = funding_address,
	.dust = dust,
	.rate_step = rate_step,
	.leg_make = leg_make,
	.leg_parse = leg_parse,
	.leg_address = leg_address,
	.build = build,
	.fee_bound = fee_bound,
	.gas_limit = gas_limit,
};
