#include "client/spend.h"

#include "crypto/hash.h"
#include "layer/evm/evm.h"
#include "layer/layer.h"
#include "wire/erc20.h"
#include "wire/ln_command.h"
#include "wire/utxo_build.h"
#include "wire/utxo_tx.h"

#define RAW_MAX 600u
/* Beyond these a rate is a mistake (as in layer/). */
#define RATE_SAT_KVB_MAX 10000000u
#define RATE_WEI_MAX UINT64_C(10000000000000)

enum err spend_account(struct evm_address *out, const struct seckey *key)
{
	struct pubkey pub;
	TRY(pubkey_from_seckey(&pub, key));
	return evm_address_from_pubkey(out, &pub);
}

enum err spend_fee(
	struct amount *out, enum layer_id layer, enum sign_purpose purpose, uint64_t rate)
{
	return layer_fee_bound(out, layer, purpose, rate);
}

/* ---- UTXO ---- */

static enum err check_preimage(const struct hash256 *preimage, const struct hash256 *hash)
{
	struct hash256 made;
	sha256(&made, slice_of(preimage->b, sizeof preimage->b));
	return hash256_eq(&made, hash) ? OK : ERR_FORMAT;
}

static enum err own_key(struct xonly *out, const struct seckey *key, const struct xonly *expected)
{
	struct pubkey pub;
	bool odd;
	TRY(pubkey_from_seckey(&pub, key));
	xonly_from_pubkey(out, &odd, &pub);
	return memcmp(out->b, expected->b, sizeof out->b) == 0 ? OK : ERR_FORMAT;
}

/* The witness of input 0; checked, not only made. */
static enum err sign_spend(struct buf *witness, const struct spend_plan *p,
	const struct btc_htlc *h, struct utxo_tx *tx, const struct sat value)
{
	const bool claim = p->purpose == SIGN_CLAIM;
	const enum btc_htlc_leaf leaf = claim ? BTC_LEAF_CLAIM : BTC_LEAF_REFUND;
	struct btc_htlc_tree tree;
	struct hash256 message;
	struct xonly ours;
	uint8_t sig[64];

	TRY(btc_htlc_tree_by(&tree, h, layer_taproot(p->network->layer)));
	TRY(own_key(&ours, &p->key, claim ? &h->claim : &h->refund));
	const struct btc_txout spent = {
		.value = value, .script = slice_of(tree.script_pubkey, sizeof tree.script_pubkey)};
	/* nothing is blinded: it pays one explicit output */
	TRY(utxo_tx_spends(tx, &spent, NULL, NULL));
	utxo_tx_script_path(&message, tx, 0, &tree.leaf_hash[leaf]);
	TRY(schnorr_sign(sig, &message, &p->key, p->aux_random));
	if (!schnorr_verify(sig, &message, &ours))
		return ERR_CHECKSUM;
	if (claim)
		btc_htlc_witness_claim(witness, &tree, sig, &p->preimage);
	else
		btc_htlc_witness_refund(witness, &tree, sig);
	return OK;
}

static enum err make_utxo(struct spend *out, const struct spend_plan *p)
{
	const bool claim = p->purpose == SIGN_CLAIM;
	const struct btc_outpoint at = {.txid = p->at.tx, .index = p->at.index};
	uint8_t unsigned_tx[RAW_MAX], witness_bytes[BTC_HTLC_WITNESS_MAX];
	struct buf raw = buf_init(unsigned_tx, sizeof unsigned_tx);
	struct buf witness = buf_init(witness_bytes, sizeof witness_bytes);
	struct buf signed_tx = buf_init(out->raw, sizeof out->raw);
	struct btc_htlc h;
	struct utxo_tx tx;
	struct sat held, value, fee;

	if (!claim && p->purpose != SIGN_REFUND)
		return ERR_RANGE;
	if (p->rate > RATE_SAT_KVB_MAX || p->tip_height > BTC_TIMELOCK_MAX ||
		p->amount.asset != out->fee.asset)
		return ERR_RANGE;
	TRY(btc_htlc_parse(&h, p->leg));
	TRY(amount_to_sat(&held, p->amount));
	if (claim)
		TRY(check_preimage(&p->preimage, &h.hash));
	h.amount = held; /* the script does not depend on it */
	TRY(utxo_build_spend(&raw, &value, p->network, &h, &at,
		claim ? BTC_LEAF_CLAIM : BTC_LEAF_REFUND, p->to, p->rate, (uint32_t)p->tip_height));
	TRY(utxo_tx_open(&tx, p->network, buf_slice(&raw)));
	TRY(sign_spend(&witness, p, &h, &tx, held));
	tx.in[0].witness = buf_slice(&witness);
	utxo_tx_put(&signed_tx, &out->txid, &tx);
	if (witness.overflow || signed_tx.overflow || !sat_sub(&fee, held, value))
		return ERR_RANGE;
	out->raw_len = signed_tx.len;
	out->fee = amount_of(out->fee.asset, fee.raw);
	return OK;
}

/* ---- ACCOUNT ---- */

static enum err fill_call(struct evm_tx *tx, struct buf *data, const struct evm_address *from,
	const struct spend_plan *p)
{
	struct evm_htlc h;

	if (p->purpose == SIGN_NONCE_FILL) {
		tx->to = *from;
		return OK;
	}
	TRY(evm_htlc_parse(&h, p->network->layer, p->leg));
	if (h.chain_id != p->network->chain_id)
		return ERR_NETWORK;
	tx->to = h.contract;
	switch (p->purpose) {
	case SIGN_LOCK:
		/* the contract records the sender as the one to refund */
		if (!evm_address_eq(&h.refund, from))
			return ERR_FORMAT;
		tx->value = evm_htlc_lock_value(&h, tx->value.asset);
		evm_htlc_lock_call(data, &h);
		break;
	case SIGN_APPROVE: /* what this swap locks, and no more */
		if (!evm_htlc_has_token(&h) || !evm_address_eq(&h.refund, from))
			return ERR_FORMAT;
		tx->to = h.token;
		erc20_approve_call(data, &h.contract, h.amount);
		break;
	case SIGN_CLAIM:
		TRY(check_preimage(&p->preimage, &h.hash));
		evm_htlc_claim_call(data, &h, &p->preimage);
		break;
	case SIGN_REFUND:
		if (evm_address_eq(&h.refund, from))
			evm_htlc_refund_call(data, &h);
		else
			evm_htlc_refund_for_call(data, &h);
		break;
	case SIGN_PAYOUT:
	case SIGN_NONCE_FILL:
	case SIGN_CANCEL:
	case SIGN_DEPLOY: return ERR_RANGE;
	}
	tx->data = buf_slice(data);
	return data->overflow ? ERR_RANGE : OK;
}

static enum err make_account(struct spend *out, const struct spend_plan *p)
{
	uint8_t call[EVM_HTLC_CALL_MAX], unsigned_tx[RAW_MAX], sig[64];
	struct buf data = buf_init(call, sizeof call), raw = buf_init(unsigned_tx, RAW_MAX);
	struct buf signed_tx = buf_init(out->raw, sizeof out->raw);
	struct evm_address from, signer;
	struct hash256 digest;
	int recovery_id;
	const enum asset gas = layer_gas_asset(p->network->layer);
	const bool market = p->network->fee_market;
	struct evm_tx tx = {.type = market ? EVM_TYPE_FEE_MARKET : EVM_TYPE_LEGACY,
		.chain_id = p->network->chain_id,
		.nonce = p->nonce,
		.gas_price = amount_of(gas, p->rate),
		.priority_fee = amount_of(gas, market ? p->rate / EVM_PRIORITY_SHARE : 0),
		.gas_limit = layer_gas_limit(p->network->layer, p->purpose),
		.value = amount_zero(gas)};
	struct evm_tx again;

	if (p->rate == 0 || p->rate > RATE_WEI_MAX)
		return ERR_RANGE;
	TRY(spend_account(&from, &p->key));
	TRY(fill_call(&tx, &data, &from, p));
	TRY(amount_mul(&out->fee, tx.gas_price, tx.gas_limit));
	evm_tx_put_unsigned(&raw, &tx);
	keccak256(&digest, buf_slice(&raw));
	TRY(ecdsa_sign(sig, &recovery_id, &digest, &p->key));
	evm_tx_put_signed(&signed_tx, &tx, sig, recovery_id);
	if (raw.overflow || signed_tx.overflow)
		return ERR_RANGE;
	TRY(evm_tx_parse_signed(&again, &signer, &out->txid, gas, buf_slice(&signed_tx)));
	if (!evm_address_eq(&signer, &from))
		return ERR_CHECKSUM;
	out->raw_len = signed_tx.len;
	return OK;
}

/* ---- CHANNEL ---- */

/* The name of a command stands for a transaction's. */
static enum err make_command(struct spend *out, const struct spend_plan *p)
{
	const bool ours = p->purpose != SIGN_LOCK; /* the payee's side of it */
	struct buf raw = buf_init(out->raw, sizeof out->raw);
	struct leg_offer o;
	struct ln_command c = {.fee_limit = p->fee_limit,
		.max_height = p->max_height,
		.deadline_ms = p->deadline_ms};

	TRY(layer_leg_parse(&o, p->network->layer, p->network, p->leg));
	if (o.provider_claims == ours)
		return ERR_RANGE;
	c.hash = o.hash;
	c.request = o.request;
	if (p->purpose == SIGN_LOCK)
		c.kind = LN_PAY;
	else if (p->purpose == SIGN_CANCEL)
		c.kind = LN_CANCEL;
	else if (p->purpose == SIGN_CLAIM)
		c.kind = LN_SETTLE;
	else
		return ERR_RANGE;
	if (c.kind == LN_SETTLE) {
		TRY(check_preimage(&p->preimage, &o.hash));
		c.preimage = p->preimage;
	}
	if (c.kind == LN_PAY && (c.max_height == 0 || c.deadline_ms == 0))
		return ERR_RANGE;
	ln_command_put(&raw, &c);
	bytes_wipe(&c, sizeof c);
	if (raw.overflow)
		return ERR_RANGE;
	ln_command_id(&out->txid,
		p->purpose == SIGN_LOCK            ? LN_PAY
			: p->purpose == SIGN_CLAIM ? LN_SETTLE
						   : LN_CANCEL,
		&o.hash);
	out->raw_len = raw.len;
	out->fee = amount_from_sat(p->purpose == SIGN_LOCK ? p->fee_limit : (struct sat){0});
	return OK;
}

enum err spend_make(struct spend *out, const struct spend_plan *plan)
{
	struct spend made = {.fee = amount_zero(layer_asset(plan->network->layer))};
	switch (layer_family(plan->network->layer)) {
	case FAMILY_UTXO: TRY(make_utxo(&made, plan)); break;
	case FAMILY_ACCOUNT: TRY(make_account(&made, plan)); break;
	case FAMILY_CHANNEL: TRY(make_command(&made, plan)); break;
	}
	*out = made;
	return OK;
}
