/* What takers sign, and the terms that they agree to. */
#include "crypto/hash.h"
#include "taker.h"

#define CLAIM_BLOCKS 20u /* that must be left before the other side may take its lock-up back */

static const uint8_t no_aux[32];

enum err taker_script(uint8_t script[34], const struct taker *t)
{
	struct xonly output;
	bool odd;
	TRY(taproot_output_key(&output, &odd, &t->xonly, NULL));
	btc_script_p2tr(script, &output);
	return OK;
}

/* ---- terms ---- */

static const char *check_utxo(struct taker *t, struct slice terms, struct amount amount,
	const struct xonly *ours, bool claim)
{
	struct btc_htlc h;
	struct amount agreed;
	if (btc_htlc_parse(&h, terms) != OK)
		return "terms that don't parse";
	agreed = amount_from_sat(h.amount);
	if (!hash256_eq(&h.hash, &t->hash))
		return "another hash";
	if (memcmp(claim ? h.claim.b : h.refund.b, ours->b, sizeof ours->b) != 0 ||
		memcmp(h.client.b, ours->b, sizeof ours->b) != 0)
		return "another key";
	if (amount_cmp(agreed, amount) != 0)
		return "another amount";
	if (h.timelock <= t->world->tip[LAYER_BITCOIN] + CLAIM_BLOCKS)
		return "a time lock that opens too soon";
	t->utxo = h;
	return NULL;
}

static const char *check_call(struct taker *t, struct slice terms, struct amount amount,
	const struct evm_address *ours, bool claim)
{
	struct evm_htlc h;
	const struct world *w = t->world;
	if (evm_htlc_parse(&h, LAYER_ROOTSTOCK, terms) != OK)
		return "terms that don't parse";
	if (!evm_address_eq(&h.contract, &w->config.contract) ||
		h.chain_id != w->network[LAYER_ROOTSTOCK]->chain_id)
		return "another contract";
	if (!hash256_eq(&h.hash, &t->hash))
		return "another hash";
	if (!evm_address_eq(claim ? &h.claim : &h.refund, ours))
		return "another address";
	if (amount_cmp(h.amount, amount) != 0)
		return "another amount";
	if (h.timelock <= w->tip[LAYER_ROOTSTOCK] + CLAIM_BLOCKS)
		return "a time lock that opens too soon";
	t->call = h;
	return NULL;
}

const char *taker_check_source(struct taker *t, struct slice terms)
{
	return t->from == LAYER_BITCOIN
		? check_utxo(t, terms, t->source_amount, &t->xonly, false)
		: check_call(t, terms, t->source_amount, &t->account, false);
}

const char *taker_check_dest(struct taker *t, struct slice terms)
{
	return t->to == LAYER_BITCOIN ? check_utxo(t, terms, t->dest_amount, &t->xonly, true)
				      : check_call(t, terms, t->dest_amount, &t->claim, true);
}

/* ---- Bitcoin ---- */

/* One input, one witness: parse what was built, sign it, write it with the witness. */
struct signing {
	struct btc_tx tx;
	struct btc_txin in[1];
	struct btc_txout out[2], spent;
	struct btc_sighash_cache cache;
};

static enum err open_tx(struct signing *s, struct slice raw, struct sat value, struct slice script)
{
	size_t used;
	s->tx.in = s->in;
	s->tx.out = s->out;
	TRY(btc_tx_parse(&s->tx, &used, 1, 2, raw));
	s->spent = (struct btc_txout){.value = value, .script = script};
	btc_sighash_prepare(&s->cache, &s->tx, &s->spent);
	return OK;
}

static enum err close_tx(struct taker *t, struct signing *s, const struct buf *witness)
{
	struct buf raw = buf_init(t->raw, sizeof t->raw);
	s->in[0].witness = buf_slice(witness);
	btc_tx_put(&raw, &s->tx);
	t->raw_len = raw.len;
	return raw.overflow || witness->overflow ? ERR_FULL : OK;
}

static enum err pay_utxo(struct taker *t)
{
	const struct world *w = t->world;
	const struct btc_coin coin = world_coin(w, t->index);
	uint8_t plain[TAKER_RAW_MAX], stack[80], sig[64];
	struct buf raw = buf_init(plain, sizeof plain), witness = buf_init(stack, sizeof stack);
	struct btc_htlc_tree tree;
	struct signing s;
	struct seckey key;
	struct hash256 message;
	struct sat change;
	uint64_t vsize;

	TRY(btc_htlc_tree(&tree, &t->utxo));
	const struct btc_txout payee = {.value = t->utxo.amount,
		.script = slice_of(tree.script_pubkey, sizeof tree.script_pubkey)};
	struct btc_payment p = {.coin = &coin,
		.coin_count = 1,
		.payee = &payee,
		.payee_count = 1,
		.fee = btc_fee(200, WORLD_FEE_RATE)};
	memcpy(p.change_script, w->wallet_script, sizeof p.change_script);
	TRY(btc_build_payment(&raw, &vsize, &change, &p));
	TRY(open_tx(&s, buf_slice(&raw), coin.value,
		slice_of(w->wallet_script, sizeof w->wallet_script)));
	btc_sighash_key_path(&message, &s.cache, &s.tx, 0);
	TRY(taproot_seckey(&key, &w->wallet, NULL));
	TRY(schnorr_sign(sig, &message, &key, no_aux));
	btc_put_compact(&witness, 1);
	btc_put_compact(&witness, sizeof sig);
	buf_put(&witness, sig, sizeof sig);
	return close_tx(t, &s, &witness);
}

static enum err claim_utxo(struct taker *t)
{
	uint8_t plain[TAKER_RAW_MAX], stack[BTC_HTLC_WITNESS_MAX], script[34], sig[64];
	struct buf raw = buf_init(plain, sizeof plain), witness = buf_init(stack, sizeof stack);
	struct btc_htlc_tree tree;
	struct signing s;
	struct hash256 message;
	uint64_t vsize;

	TRY(btc_htlc_tree(&tree, &t->utxo));
	TRY(taker_script(script, t));
	TRY(btc_build_spend(&raw, &vsize, &t->claim_value, &t->utxo, &t->lock, BTC_LEAF_CLAIM,
		script, WORLD_FEE_RATE, (uint32_t)t->world->tip[LAYER_BITCOIN]));
	TRY(open_tx(&s, buf_slice(&raw), t->utxo.amount,
		slice_of(tree.script_pubkey, sizeof tree.script_pubkey)));
	btc_sighash_script_path(&message, &s.cache, &s.tx, 0, &tree.leaf_hash[BTC_LEAF_CLAIM]);
	TRY(schnorr_sign(sig, &message, &t->key, no_aux));
	btc_htlc_witness_claim(&witness, &tree, sig, &t->preimage);
	btc_tx_id(&t->claim_tx, &s.tx);
	return close_tx(t, &s, &witness);
}

/* ---- Rootstock ---- */

/* The account's one transaction. */
static enum err call_contract(
	struct taker *t, struct slice data, struct amount value, uint64_t gas_limit)
{
	uint8_t plain[TAKER_RAW_MAX], sig[64];
	struct buf raw = buf_init(plain, sizeof plain),
		   signed_raw = buf_init(t->raw, sizeof t->raw);
	struct hash256 digest;
	int recovery_id;
	const struct evm_tx tx = {.chain_id = t->call.chain_id,
		.nonce = 0,
		.gas_price = amount_of(ASSET_RBTC, WORLD_GAS_PRICE),
		.gas_limit = gas_limit,
		.to = t->call.contract,
		.value = value,
		.data = data};
	evm_tx_put_unsigned(&raw, &tx);
	keccak256(&digest, buf_slice(&raw));
	TRY(ecdsa_sign(sig, &recovery_id, &digest, &t->key));
	evm_tx_put_signed(&signed_raw, &tx, sig, recovery_id);
	t->raw_len = signed_raw.len;
	keccak256(&t->claim_tx, buf_slice(&signed_raw));
	return raw.overflow || signed_raw.overflow ? ERR_FULL : OK;
}

enum err taker_build_pay(struct taker *t)
{
	uint8_t data[EVM_HTLC_CALL_MAX];
	struct buf call = buf_init(data, sizeof data);
	if (t->from == LAYER_BITCOIN)
		return pay_utxo(t);
	evm_htlc_lock_call(&call, &t->call);
	return call_contract(t, buf_slice(&call), t->call.amount, EVM_HTLC_GAS_LOCK);
}

enum err taker_build_claim(struct taker *t)
{
	uint8_t data[EVM_HTLC_CALL_MAX];
	struct buf call = buf_init(data, sizeof data);
	if (t->to == LAYER_BITCOIN)
		return claim_utxo(t);
	evm_htlc_claim_call(&call, &t->call, &t->preimage);
	return call_contract(t, buf_slice(&call), amount_zero(ASSET_RBTC), EVM_HTLC_GAS_CLAIM);
}
