#include "sign/sample.h"

#include "crypto/hash.h"
#include "wire/erc20.h"

#define PAYOUT_RAW 300000u
#define COIN_RAW 200000u
#define FEE_RAW 2000u
#define TIP 1000u
#define REFUND_AT 1144u

static void id_of(struct id128 *out, uint8_t what, uint32_t number)
{
	*out = (struct id128){0};
	out->b[0] = what;
	store_le32(out->b + 4, number);
}

void sample_preimage(struct hash256 *out, uint32_t number)
{
	uint8_t seed[8] = {'p'};
	store_le32(seed + 4, number);
	sha256(out, slice_of(seed, sizeof seed));
}

static void hash_of(struct hash256 *out, uint32_t number)
{
	struct hash256 preimage;
	sample_preimage(&preimage, number);
	sha256(out, slice_of(preimage.b, sizeof preimage.b));
}

void sample_world_init(struct sample_world *w)
{
	struct seckey other = {{7}};
	struct pubkey public, other_public;
	bool odd;

	*w = (struct sample_world){.key = {{1, 2, 3}}};
	CHECK(pubkey_from_seckey(&public, &w->key) == OK);
	CHECK(pubkey_from_seckey(&other_public, &other) == OK);
	CHECK(sign_wallet_init(&w->wallet, &public) == OK);
	xonly_from_pubkey(&w->other, &odd, &other_public);
	CHECK(evm_address_from_pubkey(&w->stranger, &other_public) == OK);
	memset(w->contract.b, 0xc0, sizeof w->contract.b);
	memset(w->token.b, 0xe0, sizeof w->token.b);

	policy_init(&w->policy);
	for (uint32_t i = 0; i < LAYER_COUNT; i++) {
		struct policy_layer *l = &w->policy.layer[i];
		if (network_by_name((enum layer_id)i, slice_str("regtest")) == NULL ||
			layer_family((enum layer_id)i) == FAMILY_CHANNEL)
			continue;
		const enum asset asset = layer_asset((enum layer_id)i);
		l->network = network_by_name((enum layer_id)i, slice_str("regtest"));
		CHECK(l->network != NULL);
		CHECK(amount_parse(&l->payout_max, asset, slice_str("0.01")) == OK);
		CHECK(amount_parse(&l->lock_max, asset, slice_str("0.01")) == OK);
		CHECK(amount_parse(&l->day_max, asset, slice_str("0.05")) == OK);
	}
	struct policy_layer *rootstock = &w->policy.layer[LAYER_ROOTSTOCK];
	rootstock->contract[0] = w->contract;
	rootstock->contract_count = 1;
	rootstock->deploy_gas_max = 3000000;
	struct policy_layer *bob = &w->policy.layer[LAYER_BOB];
	bob->contract[0] = w->contract;
	bob->contract_count = 1;
	bob->token = w->token;
}

/* ---- Bitcoin ---- */

static void btc_coins(struct sample *s, const struct sample_world *w, uint32_t number)
{
	for (uint32_t i = 0; i < 2; i++) {
		s->in[i] = (struct btc_txin){.sequence = BTC_SEQUENCE_RBF};
		s->in[i].prev.index = i;
		id_of((struct id128 *)(void *)s->in[i].prev.txid.b, 'c', number);
		s->r.input[i] = (struct sign_input){.value = {COIN_RAW},
			.key = {.use = KEY_WALLET, .layer = LAYER_BITCOIN, .index = i}};
		memcpy(s->r.input[i].script, w->wallet.script[LAYER_BITCOIN][i], 34);
	}
	s->tx.in_count = s->r.input_count = 2;
	s->out[1] = (struct btc_txout){.value = {2 * COIN_RAW - PAYOUT_RAW - FEE_RAW},
		.script = slice_of(w->wallet.script[LAYER_BITCOIN][KEY_INDEX_CHANGE], 34)};
	s->tx.out_count = 2;
	s->tx.locktime = TIP;
}

static void btc_payout(struct sample *s, const struct sample_world *w, uint32_t number)
{
	btc_coins(s, w, number);
	btc_script_p2tr(s->payee, &w->other);
	s->r.to = slice_of(s->payee, sizeof s->payee);
	s->r.amount = amount_of(ASSET_BTC, PAYOUT_RAW);
	s->out[0] = (struct btc_txout){.value = {PAYOUT_RAW}, .script = s->r.to};
}

/* The payout is divided among three: the first and the last have the same script. */
static void btc_batch(struct sample *s, const struct sample_world *w, uint32_t number)
{
	static const uint64_t raw[SAMPLE_PAYEES] = {PAYOUT_RAW / 2, PAYOUT_RAW / 3, PAYOUT_RAW / 6};
	btc_payout(s, w, number);
	s->out[SAMPLE_PAYEES] = s->out[1];
	s->tx.out_count = SAMPLE_PAYEES + 1;
	s->more_payee[0][1] = 20; /* OP_0, and the hash of a key */
	memcpy(s->more_payee[1], s->payee, sizeof s->payee);
	s->r.more_count = SAMPLE_PAYEES - 1;
	s->r.more[0].to = slice_of(s->more_payee[0], 22);
	s->r.more[1].to = slice_of(s->more_payee[1], sizeof s->more_payee[1]);
	s->r.amount = amount_of(ASSET_BTC, raw[0]);
	s->out[0].value.raw = raw[0];
	for (uint32_t i = 1; i < SAMPLE_PAYEES; i++) {
		s->r.more[i - 1].amount = amount_of(ASSET_BTC, raw[i]);
		s->out[i] = (struct btc_txout){.value = {raw[i]}, .script = s->r.more[i - 1].to};
	}
}

static void btc_leg(
	struct sample *s, const struct sample_world *w, uint32_t number, bool ours_claim)
{
	struct btc_htlc_tree tree;
	struct xonly ours;

	CHECK(wallet_swap_key(&ours, &w->wallet.key, LAYER_BITCOIN, &s->r.swap) == OK);
	s->has_leg = true;
	s->btc_leg = (struct btc_htlc){.claim = ours_claim ? ours : w->other,
		.refund = ours_claim ? w->other : ours,
		.timelock = REFUND_AT,
		.amount = {PAYOUT_RAW}};
	/* a lock of ours: we are the provider on the destination leg; a claim: on the source leg */
	s->btc_leg.provider = ours;
	s->btc_leg.client = w->other;
	hash_of(&s->btc_leg.hash, number);
	CHECK(btc_htlc_tree(&tree, &s->btc_leg) == OK);
	memcpy(s->lock_script, tree.script_pubkey, sizeof s->lock_script);
}

static void btc_lock(struct sample *s, const struct sample_world *w, uint32_t number)
{
	btc_coins(s, w, number);
	btc_leg(s, w, number, false);
	s->out[0] = (struct btc_txout){
		.value = {PAYOUT_RAW}, .script = slice_of(s->lock_script, sizeof s->lock_script)};
}

static void btc_spend(struct sample *s, const struct sample_world *w, uint32_t number, bool claim)
{
	btc_leg(s, w, number, claim);
	s->in[0] = (struct btc_txin){.sequence = BTC_SEQUENCE_RBF};
	id_of((struct id128 *)(void *)s->in[0].prev.txid.b, 'l', number);
	s->r.input[0] = (struct sign_input){.value = {PAYOUT_RAW},
		.key = {.use = KEY_SWAP, .layer = LAYER_BITCOIN, .swap = s->r.swap}};
	memcpy(s->r.input[0].script, s->lock_script, sizeof s->lock_script);
	s->tx.in_count = s->r.input_count = 1;
	s->out[0] = (struct btc_txout){.value = {PAYOUT_RAW - FEE_RAW},
		.script = slice_of(w->wallet.script[LAYER_BITCOIN][KEY_INDEX_CHANGE], 34)};
	s->tx.out_count = 1;
	s->tx.locktime = claim ? TIP : REFUND_AT;
	if (claim)
		sample_preimage(&s->r.preimage, number);
}

/* ---- EVM ---- */

/* 0.003 of it. */
static struct amount evm_value(enum layer_id layer)
{
	return layer == LAYER_BOB ? amount_of(layer_asset(layer), 300000)
				  : amount_of(layer_asset(layer), UINT64_C(3000000000000000));
}

static void evm_base(struct sample *s, uint32_t number)
{
	const enum layer_id layer = s->r.network->layer;
	const enum asset gas = layer_gas_asset(layer);
	s->evm = true;
	s->r.account = (struct key_path){.use = KEY_ACCOUNT, .layer = layer};
	s->r.change = s->r.account;
	s->r.amount = amount_zero(layer_asset(layer));
	s->call = (struct evm_tx){
		.type = s->r.network->fee_market ? EVM_TYPE_FEE_MARKET : EVM_TYPE_LEGACY,
		.chain_id = s->r.network->chain_id,
		.nonce = number,
		.gas_price = amount_of(gas, 60000000),
		.priority_fee = amount_of(gas, s->r.network->fee_market ? 1000000 : 0),
		.gas_limit = 90000,
		.value = amount_zero(gas)};
}

static void evm_leg(
	struct sample *s, const struct sample_world *w, uint32_t number, bool ours_claim)
{
	const struct evm_address *ours = &w->wallet.account[s->r.network->layer];
	s->has_leg = true;
	s->evm_leg = (struct evm_htlc){.contract = w->contract,
		.chain_id = s->r.network->chain_id,
		.amount = evm_value(s->r.network->layer),
		.claim = ours_claim ? *ours : w->stranger,
		.refund = ours_claim ? w->stranger : *ours,
		.timelock = REFUND_AT};
	if (layer_gas_apart(s->r.network->layer))
		s->evm_leg.token = w->token;
	hash_of(&s->evm_leg.hash, number);
	s->call.to = w->contract;
}

static void evm_call(struct sample *s, uint32_t number)
{
	struct buf data = buf_init(s->data, sizeof s->data);

	if (s->r.purpose == SIGN_LOCK) {
		evm_htlc_lock_call(&data, &s->evm_leg);
		s->call.value = evm_htlc_lock_value(&s->evm_leg, s->call.value.asset);
	} else if (s->r.purpose == SIGN_CLAIM) {
		sample_preimage(&s->r.preimage, number);
		evm_htlc_claim_call(&data, &s->evm_leg, &s->r.preimage);
	} else {
		evm_htlc_refund_call(&data, &s->evm_leg);
	}
	s->call.data = buf_slice(&data);
}

/* Calls of the token itself. */
static void token_call(struct sample *s, const struct sample_world *w, bool payout)
{
	const struct evm_address *to = payout ? &w->stranger : &w->contract;
	struct buf data = buf_init(s->data, sizeof s->data);

	memcpy(s->payee, to->b, sizeof to->b);
	s->r.to = slice_of(s->payee, sizeof to->b);
	s->call.to = w->token;
	if (payout) {
		s->r.amount = evm_value(s->r.network->layer);
		erc20_transfer_call(&data, to, s->r.amount);
	} else {
		erc20_approve_call(&data, to, erc20_unlimited(layer_asset(s->r.network->layer)));
	}
	s->call.data = buf_slice(&data);
}

static void evm_sample(
	struct sample *s, const struct sample_world *w, enum sample_kind kind, uint32_t number)
{
	evm_base(s, number);
	if (kind == SAMPLE_EVM_PAYOUT) {
		memcpy(s->payee, w->stranger.b, sizeof w->stranger.b);
		s->r.to = slice_of(s->payee, sizeof w->stranger.b);
		s->r.amount = evm_value(s->r.network->layer);
		s->call.to = w->stranger;
		s->call.value = s->r.amount;
	} else if (kind == SAMPLE_TOKEN_PAYOUT || kind == SAMPLE_TOKEN_APPROVE) {
		token_call(s, w, kind == SAMPLE_TOKEN_PAYOUT);
	} else if (kind == SAMPLE_EVM_FILL) {
		s->call.to = w->wallet.account[s->r.network->layer];
		s->call.gas_limit = 21000;
	} else if (kind == SAMPLE_EVM_DEPLOY) {
		CHECK(evm_htlc_creation_code_len <= sizeof s->data);
		memcpy(s->data, evm_htlc_creation_code, evm_htlc_creation_code_len);
		s->call.data = slice_of(s->data, evm_htlc_creation_code_len);
		s->call.create = true;
		s->call.gas_limit = 1500000;
	} else {
		evm_leg(s, w, number, s->r.purpose == SIGN_CLAIM);
		evm_call(s, number);
	}
}

/* ---- any ---- */

void sample_make(
	struct sample *s, const struct sample_world *w, enum sample_kind kind, uint32_t number)
{
	static const enum sign_purpose purposes[SAMPLE_COUNT] = {SIGN_PAYOUT, SIGN_LOCK, SIGN_CLAIM,
		SIGN_REFUND, SIGN_PAYOUT, SIGN_PAYOUT, SIGN_LOCK, SIGN_CLAIM, SIGN_REFUND,
		SIGN_NONCE_FILL, SIGN_DEPLOY, SIGN_PAYOUT, SIGN_LOCK, SIGN_CLAIM, SIGN_REFUND,
		SIGN_APPROVE};
	const enum layer_id layer = kind < SAMPLE_EVM_PAYOUT ? LAYER_BITCOIN
		: kind < SAMPLE_TOKEN_PAYOUT                 ? LAYER_ROOTSTOCK
							     : LAYER_BOB;

	*s = (struct sample){.r = {.purpose = purposes[kind],
				     .network = w->policy.layer[layer].network,
				     .amount = amount_zero(layer_asset(layer)),
				     .change = {.use = KEY_WALLET,
					     .layer = LAYER_BITCOIN,
					     .index = KEY_INDEX_CHANGE}}};
	s->tx.version = 2;
	id_of(&s->r.session, (uint8_t)('A' + kind), number);
	if (s->r.purpose >= SIGN_LOCK && s->r.purpose <= SIGN_REFUND)
		id_of(&s->r.swap, 's', number);
	if (kind == SAMPLE_BTC_PAYOUT)
		btc_payout(s, w, number);
	else if (kind == SAMPLE_BTC_BATCH)
		btc_batch(s, w, number);
	else if (kind == SAMPLE_BTC_LOCK)
		btc_lock(s, w, number);
	else if (layer == LAYER_BITCOIN)
		btc_spend(s, w, number, kind == SAMPLE_BTC_CLAIM);
	else
		evm_sample(s, w, kind, number);
}

struct slice sample_encode(struct sample *s, struct buf *out)
{
	struct buf tx = buf_init(s->tx_bytes, sizeof s->tx_bytes);
	struct buf leg = buf_init(s->leg_bytes, sizeof s->leg_bytes);

	s->tx.in = s->in;
	s->tx.out = s->out;
	if (s->evm)
		evm_tx_put_unsigned(&tx, &s->call);
	else
		btc_tx_put_stripped(&tx, &s->tx);
	CHECK(!tx.overflow && s->cut <= tx.len);
	tx.len -= s->cut;
	for (size_t i = 0; i < s->extra; i++)
		buf_u8(&tx, 0);
	if (s->has_leg && s->evm)
		evm_htlc_put(&leg, &s->evm_leg);
	else if (s->has_leg)
		btc_htlc_put(&leg, &s->btc_leg);
	s->r.unsigned_tx = buf_slice(&tx);
	s->r.leg = s->has_leg ? buf_slice(&leg) : slice_of(NULL, 0);
	out->len = 0;
	signing_request_put(out, &s->r);
	CHECK(!out->overflow && !leg.overflow);
	return buf_slice(out);
}
