/* Signatures into transactions. Whatever the signer answered is checked here against the keys that
 * the request names, so that a broken signer costs no broadcast and no fee. */
#include "crypto/hash.h"
#include "wire/signing.h"
#include "wire/utxo_tx.h"

#define WITNESS_KEY_PATH_SIZE 66u

_Static_assert(WITNESS_KEY_PATH_SIZE <= BTC_HTLC_WITNESS_MAX, "room for either witness");

struct utxo {
	struct utxo_tx t;
	struct btc_txout spent[BTC_INPUT_MAX];
	struct blinders hidden[BTC_INPUT_MAX];
	uint8_t witness[BTC_INPUT_MAX][BTC_HTLC_WITNESS_MAX];
};

static enum err load(struct utxo *u, const struct signing_request *r, const struct pubkey *wallet)
{
	struct hash256 seed;
	if (utxo_tx_open(&u->t, r->network, r->unsigned_tx) != OK ||
		u->t.tx.in_count != r->input_count)
		return ERR_FORMAT;
	for (uint32_t i = 0; i < u->t.tx.in_count; i++) {
		if (u->t.in[i].script_sig.len != 0 || u->t.in[i].witness.len != 0)
			return ERR_FORMAT;
		u->spent[i] = (struct btc_txout){.value = r->input[i].value,
			.script = slice_of(r->input[i].script, sizeof r->input[i].script)};
		u->hidden[i] = r->input[i].hidden;
	}
	signing_blind_seed(&seed, r, wallet);
	return utxo_tx_spends(&u->t, u->spent, u->hidden, &seed);
}

/* A coin of ours: the script is the one that the key path names, the signature its output key's. */
static enum err sign_wallet_input(struct buf *witness, const struct utxo *u, uint32_t i,
	const struct signing_request *r, const uint8_t sig[64], const struct pubkey *wallet)
{
	uint8_t script[34];
	struct hash256 message;
	struct xonly key;
	TRY(wallet_script(script, wallet, r->network->layer, r->input[i].key.index));
	if (memcmp(script, r->input[i].script, sizeof script) != 0)
		return ERR_FORMAT;
	memcpy(key.b, script + 2, sizeof key.b);
	utxo_tx_key_path(&message, &u->t, i);
	if (!schnorr_verify(sig, &message, &key))
		return ERR_CHECKSUM;
	btc_put_compact(witness, 1);
	btc_put_compact(witness, 64);
	buf_put(witness, sig, 64);
	return OK;
}

/* A lock-up: the script is the terms' tree, the key of its leaf ours for this swap. */
static enum err sign_lock_input(struct buf *witness, const struct utxo *u, uint32_t i,
	const struct signing_request *r, const uint8_t sig[64], const struct pubkey *wallet)
{
	const bool claim = r->purpose == SIGN_CLAIM;
	const enum btc_htlc_leaf leaf = claim ? BTC_LEAF_CLAIM : BTC_LEAF_REFUND;
	struct btc_htlc h;
	struct btc_htlc_tree tree;
	struct xonly ours;
	struct hash256 message, hash;
	if (r->purpose != SIGN_CLAIM && r->purpose != SIGN_REFUND)
		return ERR_FORMAT;
	TRY(btc_htlc_parse(&h, r->leg));
	TRY(btc_htlc_tree_by(&tree, &h, layer_taproot(r->network->layer)));
	TRY(wallet_swap_key(&ours, wallet, r->network->layer, &r->input[i].key.swap));
	if (memcmp(tree.script_pubkey, r->input[i].script, sizeof tree.script_pubkey) != 0 ||
		memcmp(ours.b, claim ? h.claim.b : h.refund.b, sizeof ours.b) != 0)
		return ERR_FORMAT;
	utxo_tx_script_path(&message, &u->t, i, &tree.leaf_hash[leaf]);
	if (!schnorr_verify(sig, &message, &ours))
		return ERR_CHECKSUM;
	if (!claim) {
		btc_htlc_witness_refund(witness, &tree, sig);
		return OK;
	}
	sha256(&hash, slice_of(r->preimage.b, sizeof r->preimage.b));
	if (!hash256_eq(&hash, &h.hash))
		return ERR_FORMAT;
	btc_htlc_witness_claim(witness, &tree, sig, &r->preimage);
	return OK;
}

static enum err assemble_utxo(struct buf *raw, struct hash256 *txid,
	const struct signing_request *r, const struct signing_answer *a,
	const struct pubkey *wallet)
{
	struct utxo u;
	TRY(load(&u, r, wallet));
	if (a->signature_count != u.t.tx.in_count)
		return ERR_CHECKSUM;
	for (uint32_t i = 0; i < u.t.tx.in_count; i++) {
		struct buf witness = buf_init(u.witness[i], sizeof u.witness[i]);
		switch (r->input[i].key.use) {
		case KEY_WALLET:
			TRY(sign_wallet_input(&witness, &u, i, r, a->signature[i].b, wallet));
			break;
		case KEY_SWAP:
			TRY(sign_lock_input(&witness, &u, i, r, a->signature[i].b, wallet));
			break;
		case KEY_ACCOUNT: return ERR_FORMAT;
		}
		CHECK(!witness.overflow);
		u.t.in[i].witness = buf_slice(&witness);
	}
	utxo_tx_put(raw, txid, &u.t);
	return raw->overflow ? ERR_FULL : OK;
}

static enum err assemble_account(struct buf *raw, struct hash256 *txid,
	const struct signing_request *r, const struct signing_answer *a,
	const struct pubkey *wallet)
{
	const struct signature *sig = &a->signature[0];
	const size_t start = raw->len;
	struct evm_tx tx;
	struct evm_address ours, signer;
	struct pubkey key;
	struct hash256 digest;
	if (evm_tx_parse_unsigned(&tx, layer_gas_asset(r->network->layer), r->unsigned_tx) != OK ||
		tx.chain_id != r->network->chain_id)
		return ERR_FORMAT;
	if (a->signature_count != 1 || sig->recovery_id > 1)
		return ERR_CHECKSUM;
	keccak256(&digest, r->unsigned_tx);
	TRY(wallet_account(&ours, wallet, r->network->layer));
	if (ecdsa_recover(&key, sig->b, sig->recovery_id, &digest) != OK ||
		evm_address_from_pubkey(&signer, &key) != OK || !evm_address_eq(&signer, &ours))
		return ERR_CHECKSUM;
	evm_tx_put_signed(raw, &tx, sig->b, sig->recovery_id);
	if (raw->overflow)
		return ERR_FULL;
	keccak256(txid, slice_of(raw->ptr + start, raw->len - start));
	return OK;
}

enum err signing_assemble(struct buf *raw, struct hash256 *txid,
	const struct signing_request *request, const struct signing_answer *answer,
	const struct pubkey *wallet)
{
	if (answer->err != OK)
		return answer->err;
	switch (layer_family(request->network->layer)) {
	case FAMILY_UTXO: return assemble_utxo(raw, txid, request, answer, wallet);
	case FAMILY_ACCOUNT: return assemble_account(raw, txid, request, answer, wallet);
	case FAMILY_CHANNEL: return ERR_FORMAT; /* nothing is signed there */
	}
	UNREACHABLE();
}
