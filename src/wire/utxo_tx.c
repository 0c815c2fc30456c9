#include "wire/utxo_tx.h"

#include "wire/elements_address.h"
#include "wire/elements_build.h"
#include "wire/elements_view.h"

static bool is_liquid(const struct utxo_tx *u)
{
	return u->network->layer == LAYER_LIQUID;
}

static enum err open_btc(struct utxo_tx *u, struct slice raw)
{
	size_t used;
	TRY(btc_tx_parse(&u->tx, &used, BTC_INPUT_MAX, UTXO_OUTPUT_MAX, raw));
	return used == raw.len ? OK : ERR_FORMAT;
}

static bool is_to_blind(const struct elements_txout *out)
{
	return elements_nonce_form(&out->nonce) == ELEMENTS_COMMITMENT;
}

/* What makes an output one that the view can show. */
static bool is_plain(const struct elements_txout *out, const struct hash256 *asset)
{
	struct sat value;
	struct pubkey key;
	memcpy(key.b, out->nonce.b, sizeof key.b);
	return elements_txout_holds(&value, out, asset) &&
		(elements_nonce_form(&out->nonce) == ELEMENTS_NULL ||
			(is_to_blind(out) && pubkey_valid(&key))) &&
		out->surjection_proof.len == 0 && out->range_proof.len == 0;
}

/* Beside the only output that is blinded, and beside no others, lies one of nothing. */
static enum err take_beside(struct utxo_tx *u)
{
	const uint32_t payees = u->tx.out_count;
	uint32_t n = 0;
	for (uint32_t i = 0; i < payees; i++)
		n += is_to_blind(&u->elements.out[i]);
	u->elements.blinded = n;
	if (n == 0)
		return OK;
	const struct elements_txout *last = &u->elements.out[payees - 1];
	const bool beside = u->out[payees - 1].value.raw == 0 && is_to_blind(last) &&
		slice_eq(last->script, elements_beside_script);
	if (n > UTXO_BLINDED_MAX)
		return ERR_FULL;
	if (beside != (n - beside == 1))
		return ERR_FORMAT;
	u->tx.out_count -= beside;
	return OK;
}

static enum err open_elements(struct utxo_tx *u, struct slice raw)
{
	const struct elements_network *chain = elements_network_of(u->network);
	struct elements_tx *tx = &u->elements.tx;
	size_t used;
	if (chain == NULL)
		return ERR_FORMAT;
	tx->in = u->elements.in;
	tx->out = u->elements.out;
	TRY(elements_tx_parse(tx, &used, BTC_INPUT_MAX, UTXO_OUTPUT_MAX, raw));
	if (used != raw.len || tx->out_count == 0)
		return ERR_FORMAT;
	for (uint32_t i = 0; i < tx->in_count; i++)
		if (tx->in[i].issues || tx->in[i].pegin || tx->in[i].pegin_witness.len > 0)
			return ERR_FORMAT;
	for (uint32_t i = 0; i < tx->out_count; i++)
		if (!is_plain(&tx->out[i], &chain->policy_asset) ||
			elements_txout_is_fee(&tx->out[i]) != (i + 1 == tx->out_count))
			return ERR_FORMAT;
	elements_view(&u->tx, u->in, u->out, tx, &chain->policy_asset);
	u->fee = u->out[tx->out_count - 1].value;
	u->states_fee = true;
	u->tx.out_count--;
	return take_beside(u);
}

enum err utxo_tx_open(struct utxo_tx *u, const struct network *network, struct slice raw)
{
	u->network = network;
	u->states_fee = false;
	u->elements.blinded = 0;
	u->tx.in = u->in;
	u->tx.out = u->out;
	const enum err err = is_liquid(u) ? open_elements(u, raw) : open_btc(u, raw);
	return err == OK || err == ERR_FULL ? err : ERR_FORMAT;
}

bool utxo_tx_pays(const struct utxo_tx *u, uint32_t i, struct slice destination)
{
	struct slice script = destination;
	struct pubkey key;
	const bool hidden = is_liquid(u) && elements_destination_split(&script, &key, destination);
	CHECK(i < u->tx.out_count);
	if (!slice_eq(u->out[i].script, script))
		return false;
	if (!is_liquid(u))
		return true;
	const struct elements_nonce *nonce = &u->elements.out[i].nonce;
	return hidden ? memcmp(nonce->b, key.b, sizeof key.b) == 0
		      : elements_nonce_form(nonce) == ELEMENTS_NULL;
}

static enum err blind(struct utxo_tx *u, const struct elements_network *chain,
	const struct btc_txout *spent, const struct hash256 *seed)
{
	struct elements_opening in[BTC_INPUT_MAX];
	struct buf proofs = buf_init(u->elements.proofs, sizeof u->elements.proofs);
	if (u->elements.blinded == 0)
		return OK;
	for (uint32_t i = 0; i < u->tx.in_count; i++)
		in[i] = (struct elements_opening){
			.asset = chain->policy_asset, .value = spent[i].value};
	return seed != NULL && elements_blind(&u->elements.tx, &proofs, in, seed) == OK
		? OK
		: ERR_FORMAT;
}

enum err utxo_tx_spends(
	struct utxo_tx *u, const struct btc_txout *spent, const struct hash256 *seed)
{
	if (!is_liquid(u)) {
		btc_sighash_prepare(&u->cache.btc, &u->tx, spent);
		return OK;
	}
	const struct elements_network *chain = elements_network_of(u->network);
	struct elements_txout own[BTC_INPUT_MAX];
	for (uint32_t i = 0; i < u->tx.in_count; i++)
		own[i] = (struct elements_txout){.asset = elements_asset_of(&chain->policy_asset),
			.value = elements_value_of(spent[i].value),
			.script = spent[i].script};
	TRY(blind(u, chain, spent, seed));
	elements_sighash_prepare(&u->cache.elements, &u->elements.tx, own);
	return OK;
}

void utxo_tx_key_path(struct hash256 *out, const struct utxo_tx *u, uint32_t input)
{
	if (is_liquid(u))
		elements_sighash_key_path(
			out, &u->cache.elements, &u->network->genesis, &u->elements.tx, input);
	else
		btc_sighash_key_path(out, &u->cache.btc, &u->tx, input);
}

void utxo_tx_script_path(
	struct hash256 *out, const struct utxo_tx *u, uint32_t input, const struct hash256 *leaf)
{
	if (is_liquid(u))
		elements_sighash_script_path(out, &u->cache.elements, &u->network->genesis,
			&u->elements.tx, input, leaf);
	else
		btc_sighash_script_path(out, &u->cache.btc, &u->tx, input, leaf);
}

void utxo_tx_put(struct buf *raw, struct hash256 *txid, struct utxo_tx *u)
{
	if (!is_liquid(u)) {
		btc_tx_put(raw, &u->tx);
		btc_tx_id(txid, &u->tx);
		return;
	}
	for (uint32_t i = 0; i < u->tx.in_count; i++)
		u->elements.in[i].witness = u->in[i].witness;
	elements_tx_put(raw, &u->elements.tx);
	elements_tx_id(txid, &u->elements.tx);
}
